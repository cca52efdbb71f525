"""The cells that call Python functions: what they give, and what is stored of it."""

from collections.abc import Iterator

from glmm_binomial.workbook.book import Book, Formula
from glmm_binomial.workbook.calculation import Calculation
from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.outcome import CalledCell, Difference, is_same
from glmm_binomial.workbook.sheet_edit import Position
from glmm_binomial.workbook.sheet_scan import read_values

_MESSAGES = ("Invalid input:", "Error fitting GLMM:", "##")

StoredTable = dict[Position, CellValue]
"""The stored values of the cells of an array, by row and column; those that hold nothing are absent."""


def called_cell(calculation: Calculation, formula: Formula) -> CalledCell:
    """Return what a call gives."""
    table = calculation.whole_table(formula) or calculation.table(formula)
    return CalledCell(
        sheet=formula.sheet.name,
        address=formula.address,
        formula=formula_as_shown(formula.cell.text),
        table=table,
        error=_error_in(table),
    )


def _error_in(table: tuple[tuple[CellValue, ...], ...]) -> str | None:
    first = table[0][0]
    if isinstance(first, str) and first.startswith(_MESSAGES):
        return first
    return next((str(value) for row in table for value in row if isinstance(value, CellError)), None)


def stored_table(book: Book, formula: Formula) -> StoredTable:
    """Return what is stored in the cells of an array."""
    part = formula.sheet.part
    return read_values(book.sheets[part], part, formula.cell.covered, book.text)


def changed_cells(calculation: Calculation, formula: Formula, stored: StoredTable) -> Iterator[Position]:
    """Yield the cells in which an array is another one than what is stored."""
    area = calculation.area(formula)
    values = calculation.engine.values(formula.sheet.name, area)
    given = dict(zip(area.cells(), (value for row in values for value in row), strict=True))
    for position in sorted(given.keys() | stored.keys()):
        old, new = stored.get(position, ""), given.get(position, "")
        if not is_same(old, new):
            yield position


def differences_in(calculation: Calculation, formula: Formula, stored: StoredTable | None) -> list[Difference]:
    """Return where a formula does not give what is stored: its cell, or the first of a call's table that differs."""
    shown = formula_as_shown(formula.cell.text)
    sheet, row, column = formula.place
    if stored is None:
        old, new = formula.cell.stored, calculation.value(formula)
        is_equal = old is None or is_same(old, new)
        return [] if old is None or is_equal else [Difference(formula.place, shown, old, new, is_below=False)]
    for row, column in changed_cells(calculation, formula, stored):
        old, new = stored.get((row, column), ""), calculation.engine.value(sheet, row, column)
        return [Difference((sheet, row, column), shown, old, new, is_below=False)]
    return []
