"""A table with a header row -> its columns: numbers, texts or labels, and which of their cells are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, cast

import numpy as np

from glmm_binomial.observations.cells import (
    advice_for,
    advice_on_stored_text,
    float_or_infinity,
    found,
    is_blank,
    is_label,
    is_label_type,
    is_number_stored_as_text,
    is_number_type,
    reject,
)
from glmm_binomial.observations.labels import distinct_labels
from glmm_binomial.observations.ranges import Range, as_rows, trim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.factors import Values

Kind = Literal["numbers", "text"]

NOT_AVAILABLE: Final = RuntimeError
"""How PyXLL hands over #N/A."""

MISSING_MARKS: Final = frozenset({"NA", "N/A", "."})
"""Texts that mark a missing number, in any case."""

MISSING_TYPES: Final = frozenset({"NAType", "NaTType"})
"""Types of what pandas puts where nothing is, known by name since pandas may not be there."""

MOST_NAMED: Final = 20


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
    _looked_at: dict[str, Column] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        """Number of rows below the header."""
        return len(self.data.rows)

    def cells(self, name: str) -> list[object]:
        """The cells of a column; None for what a data frame has missing."""
        position = self.names.index(name)
        cells = [row[position] for row in self.data.rows]
        if self.is_frame and any(_may_be_missing(kind) for kind in set(map(type, cells))):
            return [None if _is_missing_in_a_frame(cell) else cell for cell in cells]
        return cells

    def known(self, name: str) -> str:
        """The name of a column, which must be there, and once."""
        if name not in self.names:
            alike = [column for column in self.names if column.casefold() == name.strip().casefold()]
            hint = f"is {alike[0]} meant?" if alike else f"the columns are {self.listed()}."
            reject(f"formula must name columns of {self.data.name}. There is no column {name}; {hint}")
        if self.names.count(name) > 1:
            reject(
                f"formula must name columns of {self.data.name}. {self.names.count(name)} columns are called {name}; "
                "rename all but one."
            )
        return name

    def reject_cell(self, name: str, row: int, *, rule: str, advice: str = "") -> NoReturn:
        """Refuse a cell of a column, the row counted from zero below the header."""
        self.data.reject_cell(row, self.names.index(name), rule=rule, advice=advice)

    def listed(self) -> str:
        """The names of the columns, as many as can be read in one cell."""
        named = [name for name in self.names if name]
        return ", ".join(named[:MOST_NAMED]) + (", ..." if len(named) > MOST_NAMED else "")

    def is_text(self, name: str) -> bool:
        """Whether a column holds text, not numbers."""
        return self.column(name).kind == "text"

    def column(self, name: str) -> Column:
        """A column of numbers or of text, looked at once."""
        if name not in self._looked_at:
            self._looked_at[name] = read_column(self, name)
        return self._looked_at[name]


def read_table(name: str, data: object, *, minimum_rows: int = 1) -> Table:
    """Read a range with a header row, or a data frame; blank rows at the end are left out.

    Parameters
    ----------
    name : str
        Of the argument.
    data : list of rows, or data frame of pandas or polars
    minimum_rows : int
        Below the header.

    Raises
    ------
    InvalidInputError
    """
    frame_rows = _rows_of_frame(data)
    cells = as_rows(name, data if frame_rows is None else frame_rows)
    rows = trim({name: cells}, minimum_rows=minimum_rows + 1)[name]
    for position, cell in enumerate(rows[0]):
        if not isinstance(cell, str) and not is_blank(cell):
            reject(
                f"{name} must have a header row: the names of the columns. Row 1, column {position + 1} of {name} "
                f"{found(cell)}."
            )
    if all(map(is_blank, rows[0])):
        reject(f"{name} must have a header row: the names of the columns. Row 1 of {name} is blank.")
    # a column without a name cannot be named in the formula, and does no harm
    names = tuple("" if cell is None else str(cell).strip() for cell in rows[0])
    return Table(names=names, data=Range(name, rows[1:], header=True), is_frame=frame_rows is not None)


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


def _may_be_missing(kind: type) -> bool:
    return issubclass(kind, float | np.floating) or kind.__name__ in MISSING_TYPES


def _is_missing_in_a_frame(cell: object) -> bool:
    return type(cell).__name__ in MISSING_TYPES or (isinstance(cell, float | np.floating) and bool(np.isnan(cell)))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, its cells looked at.

    Attributes
    ----------
    name : str
    kind : {"numbers", "text"}
        Labels of groups, which may be both, count as text.
    cells : list of M cells
    missing : (M,) boolean array
    marks : tuple of str
        Texts such as NA that are kept as a level or a label.
    is_logical : bool
        Whether all numbers are TRUE or FALSE.
    """

    name: str
    kind: Kind
    cells: Sequence[object]
    missing: NDArray[np.bool_]
    marks: tuple[str, ...]
    is_logical: bool = False


def read_column(table: Table, name: str, *, expected: Kind | None = None) -> Column:
    """A column of numbers or of text; one of both is refused, as are cells that are neither.

    Parameters
    ----------
    table : Table
    name : str
    expected : {"numbers", "text"}, optional
        What the column was in the fit.
    """
    cells = table.cells(name)
    kinds = set(map(type, cells))
    _require_cells(table, name, cells, kinds)
    if all(map(is_number_type, kinds)) and expected != "text":
        return Column(name, "numbers", cells, np.zeros(len(cells), dtype=bool), (), _all_logical(kinds))
    texts = {cell for cell in cells if isinstance(cell, str)} if any(issubclass(k, str) for k in kinds) else set()
    blanks = set(filter(is_blank, texts))
    marks = {text for text in texts - blanks if text.strip().upper() in MISSING_MARKS}
    numeric = {kind for kind in kinds if is_number_type(kind)}
    if expected is None:
        expected = "text" if texts - blanks - marks and not numeric else "numbers"
    if expected == "numbers":
        missing = _is_one_of(cells, blanks | marks)
        if texts - blanks - marks:
            _reject_mixture(table, name, missing)
        return Column(name, "numbers", cells, missing, (), bool(numeric) and _all_logical(numeric))
    missing = _is_one_of(cells, blanks)
    if numeric:
        row = next(i for i, cell in enumerate(cells) if is_number_type(type(cell)))
        table.reject_cell(name, row, rule=f"must be text, as the column {name} is in the data of the fit.")
    return Column(name, "text", cells, missing, tuple(sorted(marks)))


def read_labels(table: Table, name: str) -> Column:
    """A column of labels of groups: whole numbers or text."""
    cells = table.cells(name)
    kinds = set(map(type, cells))
    wrong = next((kind for kind in kinds if not _is_cell_type(kind)), None)
    if wrong is not None:
        row = next(i for i, cell in enumerate(cells) if type(cell) is wrong)
        table.reject_cell(name, row, rule="must be a whole number or text.", advice=advice_for(cells[row]))
    texts = {cell for cell in cells if isinstance(cell, str)}
    blanks = set(filter(is_blank, texts))
    marks = tuple(sorted(text for text in texts - blanks if text.strip().upper() in MISSING_MARKS))
    return Column(name, "text", cells, _is_one_of(cells, blanks), marks)


def labels_of(table: Table, column: Column, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], tuple[object, ...]]:
    """Index (N,) of the label of each of N rows, none of them missing, and the distinct labels as they appear."""
    index, labels = distinct_labels(_at(column.cells, rows))
    for position, label in enumerate(labels):
        if not is_label(label):
            row = int(rows[int(np.argmax(index == position))])
            if is_number_type(type(label)) and not np.isfinite(float_or_infinity(label)):
                table.reject_cell(column.name, row, rule="must be finite.")
            advice = f'Was the wrong column picked? If it is a label, make it text, as in ="{label}".'
            table.reject_cell(column.name, row, rule="must be a whole number or text.", advice=advice)
    return index, labels


def numbers_of(table: Table, column: Column, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """The numbers (N,) of N rows, none of them missing; booleans as 0 and 1."""
    cells = cast("list[float]", _at(column.cells, rows))
    try:
        with np.errstate(over="ignore"):
            values = np.fromiter(cells, dtype=np.float64, count=len(cells))
    except OverflowError:
        values = np.array([float_or_infinity(cell) for cell in cells])
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        table.reject_cell(column.name, int(rows[wrong[0]]), rule="must be finite.")
    return values


def values_of(table: Table, columns: Iterable[Column], rows: NDArray[np.intp]) -> Values:
    """Numbers or texts of N rows, none of them missing."""
    return {
        column.name: numbers_of(table, column, rows)
        if column.kind == "numbers"
        else cast("list[str]", _at(column.cells, rows))
        for column in columns
    }


def _at(cells: Sequence[object], rows: NDArray[np.intp]) -> list[object]:
    if len(rows) == len(cells):
        return list(cells)
    return [cells[row] for row in rows.tolist()]


def _is_cell_type(kind: type) -> bool:
    return is_label_type(kind) or kind is type(None) or kind is NOT_AVAILABLE


def _all_logical(kinds: set[type]) -> bool:
    return kinds <= {bool, np.bool_}


def _require_cells(table: Table, name: str, cells: list[object], kinds: set[type]) -> None:
    if not all(map(_is_cell_type, kinds)):
        row = next(i for i, cell in enumerate(cells) if not _is_cell_type(type(cell)))
        table.reject_cell(name, row, rule="must be a number or text.", advice=advice_for(cells[row]))


def _is_one_of(cells: list[object], texts: set[str]) -> NDArray[np.bool_]:
    """Where nothing stands, #N/A, or one of some texts."""
    missing = (
        cell is None or (type(cell) is NOT_AVAILABLE) or (isinstance(cell, str) and cell in texts) for cell in cells
    )
    return np.fromiter(missing, dtype=np.bool_, count=len(cells))


def _reject_mixture(table: Table, name: str, missing: NDArray[np.bool_]) -> None:
    """Refuse a column of numbers and texts at the first of the rarer kind."""
    cells = table.cells(name)
    rows = np.flatnonzero(~missing).tolist()
    texts = [row for row in rows if isinstance(cells[row], str)]
    # texts that read as numbers are the exception, even where they are many
    all_stored = all(is_number_stored_as_text(cells[row]) for row in texts)
    is_text_wrong = all_stored or 2 * len(texts) <= len(rows)
    row = texts[0] if is_text_wrong else next(row for row in rows if not isinstance(cells[row], str))
    stored = is_number_stored_as_text(cells[row])
    table.reject_cell(
        name,
        row,
        rule=f"must be {'a number' if is_text_wrong else 'text'}, as other cells of the column {name} are.",
        advice=advice_on_stored_text(cells, f"the column {name}") if stored else "",
    )
