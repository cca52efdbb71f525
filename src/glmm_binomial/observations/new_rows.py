"""Cells -> NewRows: the rows for which a fitted model is asked, checked against the data it was fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.frozen import read_only
from glmm_binomial.observations.cells import (
    found,
    is_blank,
    is_number_stored_as_text,
    likeness,
    reject,
    single_cell,
    whole_numbers_among,
)
from glmm_binomial.observations.coded_apart import problem_with_coding
from glmm_binomial.observations.estimability import LARGEST_MAGNITUDE
from glmm_binomial.observations.handed_over import HandedOver, all_used
from glmm_binomial.observations.places import Place, cell_at
from glmm_binomial.observations.ranges import Range, as_rows, header_of, names_of, reject_row_count, trim
from glmm_binomial.observations.wrong_cells import reject_cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from glmm_binomial.observations import Observations
    from glmm_binomial.observations.ranges import Rows

FITTED = {"new_data": "x", "new_x_random": "x_random"}
"""Which columns of the fit those of a new range continue."""


@dataclass(frozen=True, slots=True)
class KnownGroups:
    """Which groups of the fit the labels of M rows name.

    Attributes
    ----------
    labels : tuple of M labels
        None where a row has none.
    is_known : (M,) boolean array
    index : (M,) integer array
        Position of a known group in the fitted labels; zero elsewhere.
    look_alikes : tuple of M labels or None
        For an unknown group a fitted one that differs only by case, outer spaces, or by being a number once and text
        once; None where there is none.
    """

    labels: tuple[object, ...]
    is_known: NDArray[np.bool_]
    index: NDArray[np.intp]
    look_alikes: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class NewRows:
    """Checked rows in the user's order and units (M rows, p columns of x, q of x_random).

    Attributes
    ----------
    x : (M, p) array
    x_random : (M, q) array
    group_labels : tuple of M labels, or None
        None when no groups were given.
    is_known : (M,) boolean array
        Whether the row's group is one of the fitted ones.
    group_index : (M,) integer array
        Position of a known group in the fitted `group_labels`, or of any in the known group above; zero elsewhere.
    is_above_known : (M,) boolean array
        Whether the row's group is new, but lies in one of the fitted groups above.
    look_alikes : tuple of M labels or None
        For an unknown group a fitted one that differs only by case, outer spaces, or by being a number once and text
        once; None where there is none.
    handed_over : HandedOver
        Which of the rows handed over these M are, and why the others are left blank.
    levels : KnownGroups or None
        Of the grouping that crosses the groups, where one does.
    offset : (M,) array or None
        None where the model has none.
    """

    x: NDArray[np.float64]
    x_random: NDArray[np.float64]
    group_labels: tuple[object, ...] | None
    is_known: NDArray[np.bool_]
    group_index: NDArray[np.intp]
    is_above_known: NDArray[np.bool_]
    look_alikes: tuple[object, ...]
    handed_over: HandedOver
    levels: KnownGroups | None
    offset: NDArray[np.float64] | None = None


def read_new_rows(
    observations: Observations, new_data: object, *, new_groups: object = None, new_x_random: object = None
) -> NewRows:
    """Check new rows against the observations of a fit and convert them to arrays.

    Parameters
    ----------
    observations : Observations
        To which the model was fitted.
    new_data, new_groups, new_x_random : list of rows, array, or scalar
        Cells as rows of equal length; a scalar is a single cell, and a single row will do. new_groups may be None or
        one blank cell. new_x_random must be given when the model has random slopes, and only then; new_data likewise
        when it has predictors.

    Returns
    -------
    NewRows

    Raises
    ------
    InvalidInputError
        With the text of the message for the user.
    """
    given = {"new_data": new_data, "new_groups": new_groups, "new_x_random": new_x_random}
    if not observations.x_names and not is_blank(single_cell(new_data)):
        reject("new_data must be left empty, since x was: the model has no predictors. new_groups says which groups.")
    needed = ("new_data",) if observations.x_names else ()
    ranges = {name: cells for name, cells in given.items() if name in needed or not is_blank(single_cell(cells))}
    data = _checked_ranges(observations, ranges)
    rows = next(iter(data.values())).height
    x = moderate_numbers(data["new_data"]) if "new_data" in data else np.empty((rows, 0))
    x_random = moderate_numbers(data["new_x_random"]) if "new_x_random" in data else np.empty((rows, 0))
    for argument, new, fitted, names in (
        ("new_x", x, observations.x, observations.x_names),
        ("new_x_random", x_random, observations.x_random, observations.random_names),
    ):
        problem = problem_with_coding(new, fitted, names, argument=argument)
        if problem is not None:
            reject(problem)
    labels = _labels(data["new_groups"]) if "new_groups" in data else None
    return rows_with_groups(observations, x, x_random, labels=labels, handed_over=all_used(len(x)))


def rows_with_groups(
    observations: Observations,
    x: NDArray[np.float64],
    x_random: NDArray[np.float64],
    *,
    labels: tuple[object, ...] | None,
    handed_over: HandedOver,
    above: tuple[object, ...] | None = None,
    levels: tuple[object, ...] | None = None,
    offset: NDArray[np.float64] | None = None,
) -> NewRows:
    """Checked columns of M rows and the groups of the fit that their labels name.

    Parameters
    ----------
    observations : Observations
        To which the model was fitted.
    x : (M, p) array
    x_random : (M, q) array
    labels : tuple of M labels, or None
        None when the rows have no groups.
    handed_over : HandedOver
    above : tuple of M labels, or None
        Of the groups above nested ones.
    levels : tuple of M labels, or None
        Of the groups that cross these.
    offset : (M,) array or None
    """
    nothing = (None,) * len(x)
    known = _known_among(observations.group_labels, labels or nothing)
    index = known.index.copy()
    is_above_known = np.zeros(len(x), dtype=bool)
    if observations.above is not None and above is not None:
        places = _positions(observations.above.labels, above, by=_key)
        first = np.unique(observations.above.first)
        for row in np.flatnonzero(~known.is_known).tolist():
            place = places[row]
            if place is not None:
                is_above_known[row], index[row] = True, first[place]
    crossed = observations.crossed
    return NewRows(
        x=read_only(x),
        x_random=read_only(x_random),
        group_labels=labels,
        is_known=known.is_known,
        group_index=read_only(index),
        is_above_known=read_only(is_above_known),
        look_alikes=known.look_alikes,
        handed_over=handed_over,
        levels=None if crossed is None else _known_among(crossed.labels, levels or nothing),
        offset=None if offset is None else read_only(offset),
    )


def _known_among(fitted: tuple[object, ...], sought: tuple[object, ...]) -> KnownGroups:
    positions = _positions(fitted, sought, by=_key)
    whole_numbers = whole_numbers_among((*fitted, *sought))
    alike = _positions(fitted, sought, by=partial(likeness, whole_numbers=whole_numbers))
    return KnownGroups(
        labels=sought,
        is_known=read_only(np.array([position is not None for position in positions], dtype=bool)),
        index=read_only(np.array([position or 0 for position in positions], dtype=np.intp)),
        look_alikes=tuple(
            fitted[near] if position is None and near is not None else None
            for position, near in zip(positions, alike, strict=True)
        ),
    )


def rows_of_the_fit(observations: Observations) -> NewRows:
    """The rows the model was fitted to, each with the effects of its group."""
    rows, crossed = len(observations.successes), observations.crossed
    return NewRows(
        x=observations.x,
        x_random=observations.x_random,
        group_labels=tuple(map(observations.group_labels.__getitem__, observations.group_index.tolist())),
        is_known=read_only(np.ones(rows, dtype=bool)),
        group_index=observations.group_index,
        is_above_known=read_only(np.zeros(rows, dtype=bool)),
        look_alikes=(None,) * rows,
        handed_over=observations.handed_over,
        levels=None
        if crossed is None
        else _known_among(crossed.labels, tuple(map(crossed.labels.__getitem__, crossed.index.tolist()))),
        offset=observations.offset,
    )


def _checked_ranges(observations: Observations, ranges: dict[str, object]) -> dict[str, Range]:
    """The data rows of ranges that fit each other, and the columns and header of the fit."""
    _require_random_columns(observations, given="new_x_random" in ranges)
    rows = trim({name: as_rows(name, cells, minimum_rows=1) for name, cells in ranges.items()}, minimum_rows=1)
    fitted = {"new_data": observations.x_names, "new_x_random": observations.random_names}
    for name, names in fitted.items():
        if name in rows:
            _require_columns(name, rows[name], names)
    leading = next(iter(rows))
    # without predictors there is nothing in which a header could be told from data
    header = _header_of(rows[leading], observations) if leading == "new_data" else observations.header
    headers: dict[str, tuple[str, ...]] = dict.fromkeys(rows, ())
    if header:
        for name, cells in rows.items():
            headers[name] = _names_as_in_fit(name, cells, fitted.get(name), leading=leading)
    data = {name: Range(name, cells[1:] if header else cells, header=headers[name]) for name, cells in rows.items()}
    _require_equal_lengths(data)
    return data


def _require_random_columns(observations: Observations, *, given: bool) -> None:
    if observations.random_names and not given:
        reject(
            "new_x_random must be given, since x_random was: the random slopes need its columns "
            f"({', '.join(observations.random_names)}) in every new row."
        )
    if given and not observations.random_names:
        reject("new_x_random must be left empty, since x_random was: the model has no random slopes.")


def _require_columns(name: str, rows: Rows, fitted_names: tuple[str, ...]) -> None:
    if len(rows[0]) != len(fitted_names):
        reject(
            f"{name} must have as many columns as {FITTED[name]}. It has {len(rows[0])}, {FITTED[name]} has "
            f"{len(fitted_names)}: {_listed(fitted_names)}."
        )


def _header_of(rows: Rows, observations: Observations) -> bool:
    """Whether new_data has a header row, which it must have when x has one and only then."""
    header = header_of(rows)
    # a row of numbers stored as text is data, as the message about the first of these cells will say
    if header and not observations.header and not all(map(is_number_stored_as_text, rows[0])):
        reject(
            "new_data must not have a header row, since x has none: the first row of new_data is all text, and its "
            f"first cell {found(rows[0][0])}. Leave it out, or select the headers of all ranges."
        )
    column = next((j for j, cell in enumerate(rows[0]) if not isinstance(cell, str) or is_blank(cell)), None)
    # names that stand in rows below too are refused as headers, or as cells that are no numbers, further on
    if observations.header and column is not None:
        reject(
            "new_data must have a header row, as x has, with the same names in the same order: "
            f"{_listed(observations.x_names)}. {cell_at('new_data', Place(0, column))} {found(rows[0][column])}."
        )
    return observations.header


def _names_as_in_fit(name: str, rows: Rows, fitted_names: tuple[str, ...] | None, *, leading: str) -> tuple[str, ...]:
    """The names in the header row of a range; refused without one, or with other names than those of the fit."""
    for column, cell in enumerate(rows[0]):
        if not isinstance(cell, str) or is_blank(cell):
            reject(
                f"{name} must have a header row, as new_data has: the first row of new_data is all text. "
                f"{cell_at(name, Place(0, column))} {found(cell)}. Select the headers of all ranges or of none."
            )
    names = names_of(name, rows, header=True, like=leading)
    if fitted_names is None or names == fitted_names:
        return names
    fitted = FITTED[name]
    other = next(j for j, pair in enumerate(zip(names, fitted_names, strict=True)) if pair[0] != pair[1])
    if sorted(names) == sorted(fitted_names):
        where = f"{fitted} has {_listed(fitted_names)}; {name} has {_listed(names)}."
    else:
        where = f"Column {other + 1} of {fitted} is '{fitted_names[other]}', that of {name} is '{names[other]}'."
    reject(f"{name} must have the same column names as {fitted}, in the same order. {where}")


def _require_equal_lengths(data: dict[str, Range]) -> None:
    lengths = {name: len(cells.rows) for name, cells in data.items()}
    leading = next(iter(lengths))
    if not lengths[leading]:
        reject_row_count(leading, 0, minimum_rows=1, header=True)
    for name, length in lengths.items():
        if length != lengths[leading]:
            reject(
                f"{name} must have the same number of rows as {leading}. It has {length}, {leading} has "
                f"{lengths[leading]}."
            )


def moderate_numbers(cells: Range) -> NDArray[np.float64]:
    """Finite numbers, (M, columns), on a scale at which their products stay in the range of double precision."""
    values = cells.numbers()
    extreme = np.argwhere(np.abs(values) > LARGEST_MAGNITUDE)
    if len(extreme):
        places = [cells.place(row, column) for row, column in extreme.tolist()]
        rule = f"must be between {-LARGEST_MAGNITUDE:g} and {LARGEST_MAGNITUDE:g}."
        reject_cells(cells, places, rule=rule, several="lie beyond")
    return values


def _labels(cells: Range) -> tuple[object, ...]:
    """Checked label of each row."""
    blank = np.array([row for row, (cell,) in enumerate(cells.rows) if is_blank(cell)], dtype=np.intp)
    if len(blank):
        cells.reject_rows(
            blank,
            rule="must be a whole number or text.",
            several="are blank",
            advice="For a group that is not among the fitted ones give any other label.",
        )
    index, distinct = cells.labels()
    return tuple(distinct[position] for position in index)


def _positions(
    known: tuple[object, ...], labels: tuple[object, ...], *, by: Callable[[object], object]
) -> list[int | None]:
    """Position of each label among the known ones; None for a label that is not among them."""
    places = {by(label): place for place, label in enumerate(known)}
    return [places.get(by(label)) for label in labels]


def _key(label: object) -> object:
    """TRUE and 1 are equal in Python, but they are different labels."""
    return (bool, bool(label)) if isinstance(label, bool | np.bool_) else label


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
