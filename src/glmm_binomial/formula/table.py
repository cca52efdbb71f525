"""A table with a header row, as a range or a data frame -> its names and the cells of each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import numpy as np

from glmm_binomial.observations.cells import describe, found, is_blank, is_label_type, is_number_type, reject
from glmm_binomial.observations.ranges import Range, as_rows, trim
from glmm_binomial.observations.wording import shortened
from glmm_binomial.observations.wrong_cells import reject_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING_TYPES: Final = frozenset({"NAType", "NaTType"})
"""Types of what pandas puts where nothing is, known by name since pandas may not be there."""

MOST_NAMED: Final = 20

WITH_HEADER: Final = 2
"""Rows of the smallest table."""


@dataclass(frozen=True, slots=True)
class Table:
    """The names of the columns and the rows below them; a column is looked at when a formula names it.

    Attributes
    ----------
    names : tuple of str
        Without spaces around them; "" for a column without a name.
    data : Range
        The rows below the header.
    is_frame : bool
        Whether they come from a data frame, in which NaN is a missing value.
    """

    names: tuple[str, ...]
    data: Range
    is_frame: bool

    def __len__(self) -> int:
        """Number of rows below the header."""
        return len(self.data.rows)

    def cells(self, name: str) -> list[object]:
        """The cells of a column; None for what a data frame has missing."""
        position = self.names.index(name)
        cells = [row[position] for row in self.data.rows]
        return _without_missing(cells) if self.is_frame else cells

    def known(self, name: str) -> str:
        """The name of a column without spaces around it, which must be there, and once."""
        name = name.strip()
        if name not in self.names:
            alike = [column for column in self.names if column.casefold() == name.casefold()]
            hint = f"is {alike[0]} meant?" if alike else f"the columns are {self.listed()}."
            reject(f"formula must name columns of {self.data.name}. There is no column {shortened(name)}; {hint}")
        if self.names.count(name) > 1:
            reject(
                f"formula must name columns of {self.data.name}. {self.names.count(name)} columns are called {name}; "
                "rename all but one."
            )
        return name

    def reject_cell(self, name: str, row: int, *, rule: str, advice: str = "") -> NoReturn:
        """Refuse a cell of a column, the row counted from zero below the header."""
        self.data.reject_cell(row, self.names.index(name), rule=rule, advice=advice)

    def reject_rows(self, name: str, rows: Sequence[int], *, rule: str, several: str, advice: str = "") -> NoReturn:
        """Refuse cells of a column, all at fault in the same way, in rows counted from zero below the header."""
        column = self.names.index(name)
        places = [self.data.place(row, column) for row in rows]
        reject_cells(self.data, places, rule=rule, several=several, advice=advice)

    def listed(self) -> str:
        """The names of the columns, as many as can be read in one cell."""
        named = [shortened(name) for name in self.names if name]
        return ", ".join(named[:MOST_NAMED]) + (", ..." if len(named) > MOST_NAMED else "")


def read_table(name: str, data: object) -> Table:
    """Read a range with a header row, or a data frame; blank rows at the end are left out.

    Parameters
    ----------
    name : str
        Of the argument.
    data : list of rows, or data frame of pandas or polars

    Raises
    ------
    InvalidInputError
        When it has no header row, or no row below it.
    """
    frame_rows = _rows_of_frame(data)
    cells = as_rows(name, data if frame_rows is None else frame_rows, minimum_rows=1)
    rows = trim({name: cells}, minimum_rows=0)[name]
    if len(rows) < WITH_HEADER:
        # a single cell may hold the message of another formula, which is then the message
        if len(rows) and len(rows[0]) == 1:
            as_rows(name, [list(rows[0])])
        has = "It has 1, the header row: the rows of data follow below it." if len(rows) else "It has 0."
        reject(f"{name} must have at least {WITH_HEADER} row(s). {has}")
    for position, cell in enumerate(rows[0]):
        if not isinstance(cell, str) and not is_blank(cell):
            reject(
                f"{name} must have a header row: the names of the columns. Row 1, column {position + 1} of {name} "
                f"{found(cell)}. {_advice_on_header(cell)}"
            )
    if all(map(is_blank, rows[0])):
        reject(f"{name} must have a header row: the names of the columns. Row 1 of {name} is blank.")
    # a column without a name cannot be named in the formula, and does no harm
    names = tuple("" if cell is None else str(cell).strip() for cell in rows[0])
    return Table(names=names, data=Range(name, rows[1:], header=names), is_frame=frame_rows is not None)


def _advice_on_header(cell: object) -> str:
    if not is_number_type(type(cell)):
        return "Correct that cell."
    number = describe(cell)
    return f'If {number} is a name, write it as ="{number}"; if the row is data, select the row of the names as well.'


def _rows_of_frame(data: object) -> list[list[object]] | None:
    """The header and the rows of a data frame, neither pandas nor polars imported; None for anything else."""
    if not hasattr(data, "columns"):
        return None
    frame = cast("Any", data)
    if callable(getattr(frame, "rows", None)):
        return [list(frame.columns), *map(list, frame.rows())]
    if hasattr(frame, "to_numpy"):
        return [list(frame.columns), *frame.to_numpy(dtype=object).tolist()]
    return None


def _without_missing(cells: list[object]) -> list[object]:
    """Cells of a data frame, with None for what is missing there."""
    kinds = set(map(type, cells))
    if any(kind.__name__ in MISSING_TYPES for kind in kinds):
        cells = [None if type(cell).__name__ in MISSING_TYPES else cell for cell in cells]
    if any(issubclass(kind, float | np.floating) for kind in kinds):
        # NaN differs from itself, and so do arrays, which are no cells
        is_plain = all(map(is_label_type, kinds - {type(None)}))
        cells = [None if (is_plain or isinstance(cell, float)) and cell != cell else cell for cell in cells]  # noqa: PLR0124
    return cells
