"""The rows of a table that are used: those with nothing missing in the columns that a formula names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from glmm_binomial.formula.columns import values_of
from glmm_binomial.frozen import read_only
from glmm_binomial.observations.cells import advice_for, found, is_blank
from glmm_binomial.observations.handed_over import HandedOver, all_used

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glmm_binomial.formula.columns import Column
    from glmm_binomial.formula.factors import Values
    from glmm_binomial.formula.table import Table


@dataclass(frozen=True, slots=True)
class Sample:
    """N rows of a table and what their cells hold.

    Attributes
    ----------
    table : Table
    columns : mapping of str to Column
        Those that the formula names, all their M cells.
    handed_over : HandedOver
        Which N of the M rows are used, and why the others are not.
    values : mapping of str to (N,) array or list of N str
        Of the columns of numbers and of text; labels of groups are not among them.
    """

    table: Table
    columns: Mapping[str, Column]
    handed_over: HandedOver
    values: Values

    @property
    def name(self) -> str:
        """Of the argument that holds the table."""
        return self.table.data.name

    def __len__(self) -> int:
        """Number of rows used."""
        return len(self.handed_over.position)

    def is_text(self, name: str) -> bool:
        """Whether a column holds text, not numbers."""
        return self.columns[name].kind == "text"

    def is_logical(self, name: str) -> bool:
        """Whether a column holds nothing but TRUE and FALSE."""
        return self.columns[name].is_logical

    def counted(self, row: int) -> int:
        """A row that is used, counted from zero, as a person counts the rows of the table."""
        return int(self.handed_over.position[row]) + 2

    def cell(self, name: str, row: int) -> object:
        """What stands in a column in a row that is used."""
        return self.columns[name].cells[int(self.handed_over.position[row])]

    def reject_cell(self, name: str, row: int, *, rule: str, advice: str = "") -> NoReturn:
        """Refuse a cell in a row that is used."""
        self.table.reject_cell(name, int(self.handed_over.position[row]), rule=rule, advice=advice)


def sample_of(table: Table, columns: Sequence[Column], labels: Sequence[Column] = ()) -> Sample:
    """The rows with nothing missing in any of the columns, of numbers or text and of labels.

    Parameters
    ----------
    table : Table
    columns, labels : sequences of Column
        Labels decide only which rows are used.
    """
    handed_over = _rows_used(len(table), [*columns, *labels])
    return Sample(
        table=table,
        columns={column.name: column for column in columns},
        handed_over=handed_over,
        values=values_of(table, columns, handed_over.position),
    )


def whole_sample(table: Table, columns: Sequence[Column]) -> Sample:
    """All rows, none of which may have something missing in any of the columns."""
    for column in columns:
        row = int(np.argmax(column.missing)) if column.missing.any() else None
        if row is not None:
            table.reject_cell(column.name, row, rule="must be a number or text.", advice=_advice(column.cells[row]))
    return sample_of(table, columns)


def _advice(cell: object) -> str:
    if isinstance(cell, str) and not is_blank(cell):
        return "It marks a missing value: fill it in, or leave its row out."
    return advice_for(cell)


def _rows_used(rows: int, columns: Sequence[Column]) -> HandedOver:
    missing = np.zeros(rows, dtype=bool)
    for column in columns:
        missing |= column.missing
    if not missing.any():
        return all_used(rows)
    reasons: list[str | None] = [None] * rows
    for row in np.flatnonzero(missing).tolist():
        each = dict.fromkeys(f"{column.name} {found(column.cells[row])}" for column in columns if column.missing[row])
        reasons[row] = ", ".join(each)
    return HandedOver(position=read_only(np.flatnonzero(~missing)), reasons=tuple(reasons))
