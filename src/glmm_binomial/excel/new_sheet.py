"""A new sheet in Excel: its name, and formulas that spill.

`app` and `sheet` are Excel's COM objects. Only properties without parameters are used, methods with arguments by
position, and ranges by their address: that much is the same in win32com, early and late bound, and in comtypes.
"""

from collections.abc import Collection
from typing import Any

LONGEST_NAME = 31
"""Characters of a sheet's name."""


def add_sheet(app: Any, name: str) -> Any:
    """Add a sheet to the active workbook, or to a new one, under a name that is free."""
    book = app.ActiveWorkbook
    if book is None:
        book = app.Workbooks.Add()
    taken = [sheet.Name for sheet in book.Sheets]
    sheet = book.Worksheets.Add()
    sheet.Name = unused_name(name, taken)
    return sheet


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number when the workbook has a sheet of that name; Excel ignores case."""
    lower = {each.lower() for each in taken}
    found, number = name[:LONGEST_NAME], 1
    while found.lower() in lower:
        number += 1
        ending = f" {number}"
        found = name[: LONGEST_NAME - len(ending)] + ending
    return found


def enter_formula(sheet: Any, cell: str, formula: str, *, filled: str) -> None:
    """Enter a formula that spills from a cell, or where Excel does not spill, into the cells that it fills."""
    try:
        # `Formula` would never spill: Excel puts an @ before the function
        sheet.Range(cell).Formula2 = formula
    except AttributeError:
        # an Excel from before dynamic arrays does not know Formula2
        sheet.Range(filled).FormulaArray = formula


def write_across(sheet: Any, cells: str, text: str, *, height: float) -> None:
    """Write a text across cells of one row, wrapped."""
    first, _, _ = cells.partition(":")
    sheet.Range(first).Value2 = text
    sheet.Range(cells).MergeCells = True
    sheet.Range(cells).WrapText = True
    sheet.Range(cells).RowHeight = height
