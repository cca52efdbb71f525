"""A stand-in for Excel's object model: it does what the members listed here do, and refuses every other.

The members, what they take and give, are those of Microsoft's reference (github.com/MicrosoftDocs/VBA-Docs, a page for
each: api/Excel.Range.Value2.md and so on), with arguments by position.
"""

# ruff: noqa: N802 - the names are those of Excel
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_cell_to_rowcol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

READ, WRITE, METHOD = "read", "read and write", "method"

DOCUMENTED = {
    "Application": {
        "ActiveWorkbook": READ,
        "Selection": READ,
        "Workbooks": READ,
        "InputBox": METHOD,
        "Intersect": METHOD,
    },
    "Workbooks": {"Add": METHOD},
    "Workbook": {"Sheets": READ, "Worksheets": READ},
    "Sheets": {"Add": METHOD},
    "Worksheet": {"Name": WRITE, "Range": METHOD, "UsedRange": READ},
    "Range": {
        "Areas": READ,
        "Column": READ,
        "Columns": READ,
        "ColumnWidth": WRITE,
        "Count": READ,
        "CurrentRegion": READ,
        "Font": READ,
        "Formula2": WRITE,
        "FormulaArray": WRITE,
        "Interior": READ,
        "ListObject": READ,
        "MergeCells": WRITE,
        "NumberFormat": WRITE,
        "Range": METHOD,
        "Row": READ,
        "RowHeight": WRITE,
        "Rows": READ,
        "Value2": WRITE,
        "Worksheet": READ,
        "WrapText": WRITE,
    },
    "Areas": {"Count": READ},
    "ListObject": {"Name": WRITE, "Range": READ},
    "Font": {"Bold": WRITE, "Size": WRITE},
    "Interior": {"Color": WRITE},
}

ADDRESS = re.compile(r"[A-Z]{1,3}\d+(:[A-Z]{1,3}\d+)?|[A-Z]{1,3}:[A-Z]{1,3}")
LAST_ROW = 1_048_576
LONGEST_PROMPT, LONGEST_NAME, LONGEST_ARRAY_FORMULA = 255, 31, 255


class ComObject:
    """Has the documented members of its kind, each as a method: `_get_Name`, `_set_Name` or `_do_Name`."""

    kind = ""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        how = self._documented(name)
        return getattr(self, f"_do_{name}") if how == METHOD else getattr(self, f"_get_{name}")()

    def __setattr__(self, name, value):
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        assert self._documented(name) == WRITE, f"{self.kind}.{name} cannot be set"
        getattr(self, f"_set_{name}")(value)

    def _documented(self, name):
        assert name in DOCUMENTED[self.kind], f"{self.kind}.{name} is not among the documented members used"
        return DOCUMENTED[self.kind][name]


class Application(ComObject):
    """Excel with a workbook; `typed` is what somebody answers one input box after another, False to cancel."""

    kind = "Application"

    def __init__(self, book=None, *, typed=(), spills=True):
        self._book = book
        self._typed = list(typed)
        self._selection = None
        self._boxes = []
        self._spills = spills

    def _get_ActiveWorkbook(self):
        return self._book

    def _get_Workbooks(self):
        return Workbooks(self)

    def _get_Selection(self):
        return self._selection

    def _do_InputBox(self, prompt, title, default, /):
        assert len(prompt) <= LONGEST_PROMPT, "there would be no box"
        assert len(default) <= LONGEST_PROMPT
        self._boxes.append((title, default))
        return self._typed.pop(0)

    def _do_Intersect(self, first, second, /):
        corners = [max(first._top, second._top), max(first._left, second._left)]
        corners += [min(first._bottom, second._bottom), min(first._right, second._right)]
        top, left, bottom, right = corners
        return Range(first._sheet, top, left, bottom, right) if top <= bottom and left <= right else None


class Workbooks(ComObject):
    kind = "Workbooks"

    def __init__(self, app):
        self._app = app

    def _do_Add(self):
        self._app._book = Workbook(self._app)
        return self._app._book


class Workbook(ComObject):
    kind = "Workbook"

    def __init__(self, app, sheets: Sequence[str] = ("Sheet1",)):
        self._app = app
        self._sheets = [Worksheet(self, name) for name in sheets]

    def _get_Sheets(self):
        return Sheets(self)

    def _get_Worksheets(self):
        return Sheets(self)


class Sheets(ComObject):
    kind = "Sheets"

    def __init__(self, book):
        self._book = book

    def __iter__(self):
        return iter(self._book._sheets)

    def _do_Add(self):
        sheet = Worksheet(self._book, f"Sheet{len(self._book._sheets) + 1}")
        self._book._sheets.insert(0, sheet)
        return sheet


class Worksheet(ComObject):
    """Cells by row and column, counted from one; formulas with the area that they fill, None where they spill."""

    kind = "Worksheet"

    def __init__(self, book, name):
        self._book = book
        self._name = name
        self._cells: dict[tuple[int, int], object] = {}
        self._formulas: dict[tuple[int, int], tuple[str, Range | None]] = {}
        self._formats: list[tuple[str, str, object]] = []
        self._table: ListObject | None = None

    def _get_Name(self):
        return self._name

    def _set_Name(self, name):
        assert 0 < len(name) <= LONGEST_NAME
        assert not set(name) & set(r"\/?*[]:")
        assert name.lower() not in {sheet._name.lower() for sheet in self._book._sheets if sheet is not self}
        self._name = name

    def _do_Range(self, address, /):
        return Range.named(self, address)

    def _get_UsedRange(self):
        rows, columns = zip(*self._cells or [(1, 1)], strict=True)
        return Range(self, min(rows), min(columns), max(rows), max(columns))


class Range(ComObject):
    """An area of a sheet."""

    kind = "Range"

    def __init__(self, sheet, top, left, bottom, right):
        self._sheet = sheet
        self._top, self._left, self._bottom, self._right = top, left, bottom, right

    @classmethod
    def named(cls, sheet, address, *, row=1, column=1):
        assert ADDRESS.fullmatch(address), address
        first, _, last = address.partition(":")
        if first.isalpha():
            first, last = f"{first}1", f"{last}{LAST_ROW}"
        (top, left), (bottom, right) = xl_cell_to_rowcol(first), xl_cell_to_rowcol(last or first)
        assert top <= bottom
        assert left <= right
        return cls(sheet, top + row, left + column, bottom + row, right + column)

    def _places(self):
        return [(row, c) for row in range(self._top, self._bottom + 1) for c in range(self._left, self._right + 1)]

    def _do_Range(self, address, /):
        return Range.named(self._sheet, address, row=self._top, column=self._left)

    def _get_Areas(self):
        return Areas(1)

    def _get_Row(self):
        return self._top

    def _get_Column(self):
        return self._left

    def _get_Rows(self):
        return Range(self._sheet, 1, 1, self._bottom - self._top + 1, 1)

    def _get_Columns(self):
        return Range(self._sheet, 1, 1, 1, self._right - self._left + 1)

    def _get_Count(self):
        return (self._bottom - self._top + 1) * (self._right - self._left + 1)

    def _get_Worksheet(self):
        return self._sheet

    def _get_CurrentRegion(self):
        # all that stands on a sheet stands together here
        return self._sheet.UsedRange

    def _get_ListObject(self):
        table = self._sheet._table
        inside = table is not None and set(self._places()) <= set(table.Range._places())
        return table if inside else None

    def _get_Value2(self):
        rows = range(self._top, self._bottom + 1)
        columns = range(self._left, self._right + 1)
        found = tuple(tuple(_handed_over(self._sheet._cells.get((row, c))) for c in columns) for row in rows)
        return found[0][0] if self.Count == 1 else found

    def _set_Value2(self, value):
        rows = value if isinstance(value, list) else [[value]]
        assert len(rows) == self._bottom - self._top + 1, "the rest would show #N/A"
        for row, cells in enumerate(rows, self._top):
            assert isinstance(cells, list), "win32com does not take tuples of tuples"
            assert len(cells) == self._right - self._left + 1
            for column, cell in enumerate(cells, self._left):
                assert cell is None or isinstance(cell, str | float | int)
                assert not (isinstance(cell, str) and cell.startswith("=")), "Excel would take it for a formula"
                self._sheet._cells[row, column] = cell

    def _set_Formula2(self, formula):
        if not self._sheet._book._app._spills:
            text = "Property '<unknown>.Formula2' can not be set."
            raise AttributeError(text)
        assert formula.startswith("=")
        assert self.Count == 1
        self._sheet._formulas[self._top, self._left] = formula, None

    def _set_FormulaArray(self, formula):
        assert formula.startswith("=")
        assert len(formula) <= LONGEST_ARRAY_FORMULA
        self._sheet._formulas[self._top, self._left] = formula, self

    def _get_Font(self):
        return Font(self)

    def _get_Interior(self):
        return Interior(self)

    def _formatted(self, name, value):
        self._sheet._formats.append((f"{self._top},{self._left}:{self._bottom},{self._right}", name, value))

    def _set_ColumnWidth(self, width):
        assert 0 <= width <= 255
        self._formatted("ColumnWidth", width)

    def _set_RowHeight(self, points):
        assert 0 <= points <= 409
        self._formatted("RowHeight", points)

    def _set_MergeCells(self, value):
        assert not any(self._sheet._cells.get(place) is not None for place in self._places()[1:]), "they would be lost"
        self._formatted("MergeCells", value)

    def _set_WrapText(self, value):
        self._formatted("WrapText", value)

    def _set_NumberFormat(self, value):
        assert isinstance(value, str)
        self._formatted("NumberFormat", value)


class Areas(ComObject):
    kind = "Areas"

    def __init__(self, count):
        self._count = count

    def _get_Count(self):
        return self._count


class ListObject(ComObject):
    kind = "ListObject"

    def __init__(self, name, area):
        self._name = name
        self._area = area

    def _get_Name(self):
        return self._name

    def _get_Range(self):
        return self._area


class Font(ComObject):
    kind = "Font"

    def __init__(self, area):
        self._area = area

    def _set_Bold(self, value):
        self._area._formatted("Bold", value)

    def _set_Size(self, value):
        self._area._formatted("Size", value)


class Interior(ComObject):
    kind = "Interior"

    def __init__(self, area):
        self._area = area

    def _set_Color(self, value):
        assert 0 <= value <= 0xFFFFFF
        self._area._formatted("Color", value)


ERRORS: Mapping[str, int] = {
    "#NULL!": 2000,
    "#DIV/0!": 2007,
    "#VALUE!": 2015,
    "#REF!": 2023,
    "#NAME?": 2029,
    "#NUM!": 2036,
    "#N/A": 2042,
}
"""Excel's numbers of errors, Excel.XlCVError."""


def _handed_over(cell):
    """A cell as COM hands it over: numbers as floats, errors as whole numbers."""
    if isinstance(cell, str) and cell in ERRORS:
        return ERRORS[cell] + 0x800A0000 - 2**32
    return float(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell


def excel(cells: Sequence[Sequence[object]], *, sheet="Sheet1", table=None, typed=(), spills=True) -> Application:
    """Excel with a table of cells from A1 on, of which one cell is selected."""
    app = Application(typed=typed, spills=spills)
    app._book = Workbook(app, (sheet,))
    [data] = app._book._sheets
    for row, line in enumerate(cells, 1):
        for column, cell in enumerate(line, 1):
            data._cells[row, column] = cell
    if table is not None:
        data._table = ListObject(table, data.UsedRange)
    app._selection = data.Range("A1")
    return app
