"""A raw table of new rows -> NewRows: coded by the levels, means and SDs of the fit, columns in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.formula.coding import columns_of
from glmm_binomial.formula.columns import read_column, read_labels
from glmm_binomial.formula.factors import Levels
from glmm_binomial.formula.grammar import Grouping
from glmm_binomial.formula.groups import LabelColumns
from glmm_binomial.formula.offsets import offset_of
from glmm_binomial.formula.sample import sample_of
from glmm_binomial.formula.table import Table, read_table
from glmm_binomial.observations.cells import is_blank, is_number_stored_as_text, reject, single_cell
from glmm_binomial.observations.estimability import LARGEST_MAGNITUDE
from glmm_binomial.observations.new_rows import rows_with_groups
from glmm_binomial.observations.ranges import Range, as_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from glmm_binomial.formula.coding import Coding
    from glmm_binomial.formula.columns import Column
    from glmm_binomial.formula.expansion import CodedTerms
    from glmm_binomial.formula.sample import Sample
    from glmm_binomial.observations import Observations
    from glmm_binomial.observations.new_rows import NewRows

NEW_DATA: Final = "new_data"
NEW_GROUPS: Final = "new_groups"


def new_rows(coding: Coding, observations: Observations, new_data: object, *, new_groups: object = None) -> NewRows:
    """Read new rows as the rows of the fit were read.

    Parameters
    ----------
    coding : Coding
    observations : Observations
        Of the same fit.
    new_data : list of rows, or data frame
        A header row, and rows below it, of which one is enough. The columns may stand in any order, others are not
        looked at, and the response need not be there. A column of groups brings the effects of these groups. Rows in
        which something is missing are left blank.
    new_groups : list of rows or scalar, optional
        Labels of groups that stand in the place of those in new_data.

    Returns
    -------
    NewRows
        The rows with nothing missing; `handed_over` says which these are.

    Raises
    ------
    InvalidInputError
        When a column or a level of the fit is missing, or a cell cannot be used.
    """
    table = read_table(NEW_DATA, new_data)
    terms = (coding.fixed, coding.random.effects)
    columns = columns_of_fit(table, (*terms, coding.offset))
    labels = _labels(table, coding, observations, new_groups)
    above, levels = (_labels_beside(table, other) for other in (coding.random.above, coding.random.crossed))
    used = [column for each in (labels, above, levels) if each is not None for column in each.columns.values()]
    sample = sample_of(table, columns, used)
    x, x_random = (_moderate(each, columns_of(each, sample), sample) for each in terms)
    return rows_with_groups(
        observations,
        x,
        x_random,
        labels=None if labels is None else _labels_used(labels, sample),
        above=None if above is None else _labels_used(above, sample),
        levels=None if levels is None else _labels_used(levels, sample),
        handed_over=sample.handed_over,
        offset=offset_of(coding.offset, sample),
    )


def columns_of_fit(table: Table, terms: Iterable[CodedTerms]) -> list[Column]:
    """The columns of new rows that the terms need, of numbers or of text as in the fit."""
    factors = [factor for each in terms for factor in each.factors]
    texts = {factor.name: factor for factor in factors if isinstance(factor, Levels) and factor.numbers is None}
    needed = dict.fromkeys(name for factor in factors for name in factor.variables)
    absent = [name for name in needed if name not in table.names]
    if absent:
        reject(
            f"{table.data.name} must have the columns of the formula: {', '.join(needed)}. There is no column "
            f"{absent[0]}; the columns are {table.listed()}."
        )
    return [
        _text(table, texts[name]) if name in texts else read_column(table, table.known(name), expected="numbers")
        for name in needed
    ]


def _text(table: Table, levels: Levels) -> Column:
    """A column of text; a text such as NA that is no level of the fit marks a missing value."""
    # a level that reads as a number may be one in the cells
    as_levels = any(map(is_number_stored_as_text, levels.labels))
    column = read_column(table, table.known(levels.name), expected="text", as_levels=as_levels)
    unknown = {mark for mark in column.marks if mark.strip() not in levels.labels}
    if not unknown:
        return column
    marked = np.fromiter((cell in unknown for cell in column.cells), dtype=bool, count=len(column.cells))
    return replace(column, missing=column.missing | marked)


@dataclass(frozen=True, slots=True)
class _Labels:
    """Columns of labels, by name, of the table in which they stand, and which of them make a group together."""

    table: Table
    columns: dict[str, Column]
    grouping: Grouping


def _labels(table: Table, coding: Coding, observations: Observations, new_groups: object) -> _Labels | None:
    """The columns of the groups of new rows and where they stand; None when there are none."""
    if not is_blank(single_cell(new_groups)):
        given = _table_of_labels(new_groups, observations, rows=len(table))
        columns = {NEW_GROUPS: read_labels(given, NEW_GROUPS)}
        return _Labels(given, columns, Grouping((NEW_GROUPS,), nested=False))
    return _labels_in(table, coding.random.grouping)


def _labels_beside(table: Table, grouping: Grouping | None) -> _Labels | None:
    """The same of the groups above nested ones, or of those that cross them."""
    return None if grouping is None else _labels_in(table, grouping)


def _labels_in(table: Table, grouping: Grouping) -> _Labels | None:
    """A grouping of which all columns stand in a table; one in which nothing stands says as much as none."""
    if any(name not in table.names for name in grouping.names):
        return None
    columns = {name: read_labels(table, table.known(name)) for name in grouping.names}
    is_empty = any(all(map(is_blank, column.cells)) for column in columns.values())
    return None if is_empty else _Labels(table, columns, grouping)


def _table_of_labels(new_groups: object, observations: Observations, *, rows: int) -> Table:
    """new_groups as a table of one column, with a header row or without.

    Text is a header when it is the name of the column of groups, or one cell more than the rows and no label of a
    group.
    """
    cells = [row[0] for row in as_rows(NEW_GROUPS, new_groups, minimum_rows=1)]
    first = cells[0]
    is_name = isinstance(first, str) and first.strip() == observations.group_name
    is_one_more = isinstance(first, str) and len(_trimmed(cells, rows)) == rows + 1
    header = is_name or (is_one_more and first not in observations.group_labels)
    labels = _trimmed(cells[header:], rows)
    if len(labels) != rows:
        below = " below its header" if header else ""
        reject(
            f"{NEW_GROUPS} must have the same number of rows as {NEW_DATA}. It has {len(labels)}{below}, {NEW_DATA} "
            f"has {rows} below its header."
        )
    return Table(
        names=(NEW_GROUPS,),
        data=Range(NEW_GROUPS, [[cell] for cell in labels], header=(NEW_GROUPS,) if header else ()),
        is_frame=False,
    )


def _trimmed(cells: list[object], rows: int) -> list[object]:
    """Cells without the blank ones at the end, as far as these are more than some rows."""
    end = len(cells)
    while end > rows and is_blank(cells[end - 1]):
        end -= 1
    return cells[:end]


def _labels_used(labels: _Labels, sample: Sample) -> tuple[object, ...]:
    columns = LabelColumns(labels.table, labels.columns, sample.handed_over.position)
    index, distinct = columns.labels(labels.grouping)
    return tuple(map(distinct.__getitem__, index.tolist()))


def _moderate(terms: CodedTerms, values: NDArray[np.float64], sample: Sample) -> NDArray[np.float64]:
    """Columns on a scale at which their products stay in the range of double precision."""
    extreme = np.argwhere(np.abs(values) > LARGEST_MAGNITUDE)
    if len(extreme):
        row, column = (int(i) for i in extreme[0])
        reject(
            f"{sample.name} must give numbers between {-LARGEST_MAGNITUDE:g} and {LARGEST_MAGNITUDE:g}. "
            f"{terms.names[column]} is {values[row, column]:g} in row {sample.counted(row)} of {sample.name}."
        )
    return values
