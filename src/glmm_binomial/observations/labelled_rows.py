"""A range of rows of x with a label in front -> LabelledRows: what a model of ranges has in the place of levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.frozen import read_only
from glmm_binomial.observations.cells import (
    describe,
    found,
    is_blank,
    is_label,
    is_label_type,
    reject,
    single_cell,
)
from glmm_binomial.observations.new_rows import moderate_numbers
from glmm_binomial.observations.ranges import Range, as_rows, trim
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.observations import Observations

MOST_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """L rows in the user's units.

    Attributes
    ----------
    labels : tuple of L str
    x : (L, p) array
    x_random : (L, q) array
        A column of x_random that equals a column of x in every row of the fit moves with it; any other stands at its
        mean.
    notes : tuple of str
        Which columns stand at their means.
    """

    labels: tuple[str, ...]
    x: NDArray[np.float64]
    x_random: NDArray[np.float64]
    notes: tuple[str, ...]


def read_labelled_rows(observations: Observations, by: object) -> LabelledRows:
    """Check rows of x with a label in front.

    Parameters
    ----------
    observations : Observations
        To which the model was fitted.
    by : list of rows, array
        One more column than x: the label first. A header row as x has, with whatever stands above the labels.

    Raises
    ------
    InvalidInputError
    """
    width = len(observations.x_names) + 1
    given = single_cell(by)
    if not isinstance(given, list | tuple | np.ndarray) and not hasattr(given, "to_numpy"):
        what = "It is blank" if is_blank(given) else f"It is {describe(given)}"
        reject(
            "by must be a range of rows of x with a label in front, since the model is of ranges, which have no "
            f"factors. {what}. A model of GLMM_BINOMIAL_FORMULA takes names of factors."
        )
    rows = trim({"by": as_rows("by", by, minimum_rows=1)}, minimum_rows=1)["by"]
    if len(rows[0]) != width:
        reject(
            f"by must have {width} columns: a label, then those of x ({', '.join(observations.x_names)}). It has "
            f"{len(rows[0])}."
        )
    if observations.header:
        _require_names(rows[0], observations.x_names)
    labels = [row[0] for row in rows[observations.header :]]
    if not 1 <= len(labels) <= MOST_ROWS:
        reject(f"by must have from 1 to {MOST_ROWS:,} rows. It has {len(labels):,}.")
    # the labels make room for numbers, so that the columns are counted as the person counts them
    numbers = [[0.0, *row[1:]] for row in rows[observations.header :]]
    header = ("", *observations.x_names) if observations.header else ()
    x = moderate_numbers(Range("by", numbers, header=header))[:, 1:]
    x_random, held = random_columns_with(observations, x)
    return LabelledRows(
        labels=tuple(_labels(labels)),
        x=read_only(x),
        x_random=read_only(x_random),
        notes=(f"At the mean: {listed(held)}.",) if held else (),
    )


def _require_names(cells: Sequence[object], names: tuple[str, ...]) -> None:
    for column, (cell, name) in enumerate(zip(cells[1:], names, strict=True), 2):
        if not isinstance(cell, str) or cell.strip() != name:
            reject(
                f"by must have a header row, as x has, with the names of x after the first cell: {', '.join(names)}. "
                f"Row 1, column {column} of by {found(cell)}."
            )


def _labels(cells: list[object]) -> Iterator[str]:
    seen = set()
    for row, cell in enumerate(cells, 1):
        if not is_label_type(type(cell)) or not (isinstance(cell, str) or is_label(cell)) or is_blank(cell):
            reject(f"by must have a label in front of each row. The label of row {row} is {describe(cell)}.")
        label = cell.strip() if isinstance(cell, str) else describe(cell)
        if label in seen:
            reject(f"by must have labels that differ. {label} stands in front of two rows.")
        seen.add(label)
        yield label


def moves_with(observations: Observations) -> tuple[int | None, ...]:
    """For each column of x_random the column of x that equals it in every row of the fit; None where there is none."""
    return tuple(
        next((i for i, column in enumerate(observations.x.T) if np.array_equal(column, slope)), None)
        for slope in observations.x_random.T
    )


def random_columns_with(observations: Observations, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """Columns (L, q) of x_random for rows of x (L, p), and those of them, in words, that stand at their means."""
    moving = moves_with(observations)
    means = observations.x_random.mean(axis=0)
    x_random = np.tile(means, (len(x), 1))
    for position, with_column in enumerate(moving):
        if with_column is not None:
            x_random[:, position] = x[:, with_column]
    held = [
        f"{name} {mean:.6g}"
        for name, mean, with_column in zip(observations.random_names, means.tolist(), moving, strict=True)
        if with_column is None
    ]
    return x_random, held
