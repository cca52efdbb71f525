"""The columns of a table, of numbers, text or labels, each looked at once: which cells are missing, which are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NoReturn, cast

import numpy as np

from glmm_binomial.observations.cells import (
    HOW_TO_CONVERT,
    MISSING_MARKS,
    advice_for,
    describe,
    float_or_infinity,
    is_blank,
    is_label,
    is_label_type,
    is_number_stored_as_text,
    is_number_type,
)
from glmm_binomial.observations.labels import distinct_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.factors import Values
    from glmm_binomial.formula.table import Table

Kind = Literal["numbers", "text"]

NOT_AVAILABLE: Final = RuntimeError
"""How PyXLL hands over #N/A."""


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


class Columns:
    """The columns of a table that a formula names, each looked at when it is first named."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._looked_at: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        """A column of numbers or of text."""
        if name not in self._looked_at:
            self._looked_at[name] = read_column(self.table, name)
        return self._looked_at[name]

    def look_for_levels(self, name: str) -> None:
        """Look at a column that C() asks the levels of, which may be numbers and texts."""
        if name not in self._looked_at:
            self._looked_at[name] = read_column(self.table, name, as_levels=True)


def read_column(table: Table, name: str, *, expected: Kind | None = None, as_levels: bool = False) -> Column:
    """A column of numbers or of text; one of both is refused, as are cells that are neither.

    Parameters
    ----------
    table : Table
    name : str
    expected : {"numbers", "text"}, optional
        What the column was in the fit.
    as_levels : bool
        Whether numbers among texts are taken as the texts that their cells show.
    """
    cells = table.cells(name)
    kinds = set(map(type, cells))
    _require_cells(table, name, cells, kinds)
    if all(map(is_number_type, kinds)) and expected != "text":
        return Column(name, "numbers", cells, np.zeros(len(cells), dtype=bool), (), _all_logical(kinds))
    of_fit = expected is not None
    texts = {cell for cell in cells if isinstance(cell, str)} if any(issubclass(k, str) for k in kinds) else set()
    blanks = set(filter(is_blank, texts))
    marks = {text for text in texts - blanks if text.strip().upper() in MISSING_MARKS}
    numeric = {kind for kind in kinds if is_number_type(kind)}
    if as_levels and numeric and not all(map(is_number_stored_as_text, texts - blanks - marks)):
        expected = "text"
    if expected is None:
        expected = "text" if texts - blanks - marks and not numeric else "numbers"
    if expected == "numbers":
        missing = _is_one_of(cells, blanks | marks)
        if texts - blanks - marks:
            _reject_texts(table, name, missing, of_fit=of_fit)
        return Column(name, "numbers", cells, missing, (), bool(numeric) and _all_logical(numeric))
    missing = _is_one_of(cells, blanks)
    if numeric and as_levels:
        cells = [describe(cell) if is_number_type(type(cell)) else cell for cell in cells]
    elif numeric:
        row = next(i for i, cell in enumerate(cells) if is_number_type(type(cell)))
        table.reject_cell(name, row, rule=f"must be text, as the column {name} is in the data of the fit.")
    return Column(name, "text", cells, missing, tuple(sorted(marks)))


def read_labels(table: Table, name: str) -> Column:
    """A column of labels of groups: whole numbers or text."""
    cells = table.cells(name)
    kinds = set(map(type, cells))
    if not all(map(_is_cell_type, kinds)):
        _reject_no_cells(table, name, cells, rule="must be a whole number or text.")
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
            wrong = rows[np.isin(index, [i for i, each in enumerate(labels) if not is_label(each)])].tolist()
            advice = f'Was the wrong column picked? If it is a label, make it text, as in ="{label}".'
            several = f"hold fractions, such as {describe(label)}"
            table.reject_rows(
                column.name, wrong, rule="must be a whole number or text.", several=several, advice=advice
            )
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
        table.reject_rows(column.name, rows[wrong].tolist(), rule="must be finite.", several="are no finite numbers")
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
        _reject_no_cells(table, name, cells, rule="must be a number or text.")


def _reject_no_cells(table: Table, name: str, cells: list[object], *, rule: str) -> NoReturn:
    """Refuse errors, and what is neither number nor text."""
    wrong = [row for row, cell in enumerate(cells) if not _is_cell_type(type(cell))]
    shown = describe(cells[wrong[0]]).removeprefix("the error ")
    advice = advice_for(cells[wrong[0]]) if len(wrong) == 1 else ""
    table.reject_rows(name, wrong, rule=rule, several=f"hold errors, such as {shown}", advice=advice)


def _is_one_of(cells: list[object], texts: set[str]) -> NDArray[np.bool_]:
    """Where nothing stands, #N/A, or one of some texts."""
    if not texts and not {type(None), NOT_AVAILABLE} & set(map(type, cells)):
        return np.zeros(len(cells), dtype=bool)
    missing = (
        cell is None or (type(cell) is NOT_AVAILABLE) or (isinstance(cell, str) and cell in texts) for cell in cells
    )
    return np.fromiter(missing, dtype=np.bool_, count=len(cells))


def _reject_texts(table: Table, name: str, missing: NDArray[np.bool_], *, of_fit: bool) -> NoReturn:
    """Refuse a column of numbers that holds texts, or of both, at the first cell of the rarer kind."""
    cells = table.cells(name)
    rows = np.flatnonzero(~missing).tolist()
    texts = [row for row in rows if isinstance(cells[row], str)]
    # texts that read as numbers are the exception, even where they are many
    all_stored = all(is_number_stored_as_text(cells[row]) for row in texts)
    is_text_wrong = of_fit or all_stored or 2 * len(texts) <= len(rows)
    wrong = texts if is_text_wrong else [row for row in rows if not isinstance(cells[row], str)]
    stored = is_number_stored_as_text(cells[wrong[0]])
    if is_text_wrong:
        wrong = [row for row in wrong if is_number_stored_as_text(cells[row]) == stored]
    like = f"the column {name} is in the data of the fit" if of_fit else f"other cells of the column {name} are"
    cell = "cell" if len(wrong) == 1 else "cells"
    advice = "" if of_fit else f"Correct the {cell}, or write C({name}) if its values are categories."
    if stored:
        them = "It is a number stored as text: convert it" if len(wrong) == 1 else "Convert them"
        advice = f"{them} {HOW_TO_CONVERT}"
    kind = "are numbers stored as text" if stored else "hold text"
    several = (
        f"{kind if is_text_wrong else 'hold numbers'}, such as {describe(cells[wrong[0]]).removeprefix('the text ')}"
    )
    rule = f"must be {'a number' if is_text_wrong else 'text'}, as {like}."
    table.reject_rows(name, wrong, rule=rule, several=several, advice=advice)
