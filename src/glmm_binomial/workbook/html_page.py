"""The sheets of a workbook as one page for a browser: what the cells show, without formulas, charts and hidden sheets.

The formulas of the Python functions appear where one points at their cell; in the place of a chart stands its title.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from glmm_binomial.workbook.addresses import Area, Position, parse_area
from glmm_binomial.workbook.book import Book, book_of
from glmm_binomial.workbook.cells import CellValue
from glmm_binomial.workbook.contents import Sheet, relationships
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.number_format import shown
from glmm_binomial.workbook.package import Package, package_of, parse_xml
from glmm_binomial.workbook.sheet_scan import CellElement, Scanner
from glmm_binomial.workbook.styles import Look, looks_of

MOST_ROWS = 500
"""Of a sheet; whoever wants more of the data opens the workbook."""

_USUAL_WIDTH = 9.0
# of a digit, in fonts that may be wider than the workbook's
_PIXELS, _PADDING = 8, 5
_STYLE = """\
body{font:14px/1.35 Calibri,"Segoe UI",Helvetica,Arial,sans-serif;color:#222;margin:1.5em}
nav a{margin-right:1.2em}
section{margin:2.5em 0;overflow-x:auto}
table{border-collapse:collapse;table-layout:fixed}
tr{height:20px}
td{padding:1px 3px;white-space:nowrap;overflow:hidden;vertical-align:bottom}
td.free{overflow:visible}
td.n{text-align:right}
p.chart{color:#595959;font-style:italic}
"""


def html_page(content: bytes, functions: Iterable[str], *, title: str) -> str:
    """Return the page.

    Parameters
    ----------
    content
        The bytes of a calculated workbook.
    functions
        Names of the Python functions, as in `=GLMM_BINOMIAL(...)`.
    title
        Of the page.
    """
    book = book_of(package_of(content), functions)
    looks = looks_of(book.package)
    sheets = [sheet for sheet in book.contents.sheets if not sheet.is_hidden]
    links = "".join(f'<a href="#s{i}">{escape(sheet.name)}</a>' for i, sheet in enumerate(sheets))
    sections = "\n".join(_section(book, looks, sheet, i) for i, sheet in enumerate(sheets))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<nav>{links}</nav>\n{sections}\n</body>\n</html>\n"
    )


class _CellReader(Scanner):
    """Collects what the cells of a sheet hold, and the numbers of their looks."""

    def __init__(self, xml: bytes, part: str, shared_text: Callable[[int], str]) -> None:
        super().__init__(xml, part)
        self.values: dict[Position, CellValue] = {}
        self.looks: dict[Position, int] = {}
        self._shared_text = shared_text

    def on_cell(self, cell: CellElement) -> None:
        here = cell.row, cell.column
        value = cell.stored(self._shared_text)
        if value is not None and value != "":
            self.values[here] = value
        self.looks[here] = int(cell.element.attributes.get("s", "0"))


def _section(book: Book, looks: Sequence[Look], sheet: Sheet, number: int) -> str:
    xml = book.sheets[sheet.part]
    cells = _CellReader(xml, sheet.part, book.text)
    cells.run()
    notes = {
        (f.cell.row, f.cell.column): formula_as_shown(f.cell.text)
        for f in book.formulas
        if f.sheet == sheet and f.is_call
    }
    rows, columns = (max((place[i] for place in cells.values), default=0) for i in (0, 1))
    merged = [area for area in map(parse_area, _attributes(xml, "mergeCell", "ref")) if area.top <= MOST_ROWS]
    columns = max([columns, *(area.right for area in merged)])
    corners = {(area.top, area.left): area for area in merged}
    drawn = _Drawn(cells, looks, notes, corners, dates_from_1904=book.contents.dates_from_1904)
    body = "\n".join(drawn.row(row, columns) for row in range(1, min(rows, MOST_ROWS) + 1))
    widths = _widths(xml, columns)
    described = "".join(f'<col style="width:{width}px">' for width in widths)
    more = f"<p>{rows - MOST_ROWS:,} more rows stand in the workbook.</p>\n" if rows > MOST_ROWS else ""
    charts = "".join(
        f'<p class="chart">In the workbook: the chart {escape(t)}</p>\n' for t in _charts(book.package, sheet)
    )
    return (
        f'<section id="s{number}">\n<h2>{escape(sheet.name)}</h2>\n<table style="width:{sum(widths)}px">'
        f"<colgroup>{described}</colgroup>\n{body}\n</table>\n{more}{charts}</section>"
    )


class _Drawn:
    """The cells of a sheet as rows of a table."""

    def __init__(
        self,
        cells: _CellReader,
        looks: Sequence[Look],
        notes: Mapping[Position, str],
        merged: Mapping[Position, Area],
        *,
        dates_from_1904: bool,
    ) -> None:
        self._cells = cells
        self._looks = looks
        self._notes = notes
        self._merged = merged
        self._covered = {place for area in merged.values() for place in area.cells()} - merged.keys()
        self._dates_from_1904 = dates_from_1904

    def row(self, row: int, columns: int) -> str:
        """Write a row."""
        return f"<tr>{''.join(self._cell(row, c) for c in range(1, columns + 1) if (row, c) not in self._covered)}</tr>"

    def _cell(self, row: int, column: int) -> str:
        value = self._cells.values.get((row, column))
        number = self._cells.looks.get((row, column), 0)
        look = self._looks[number] if number < len(self._looks) else self._looks[0]
        text = "" if value is None else shown(value, look.number_format, dates_from_1904=self._dates_from_1904)
        area = self._merged.get((row, column))
        attributes = ""
        if area is not None:
            attributes += f' colspan="{area.columns}"' * (area.columns > 1) + f' rowspan="{area.rows}"' * (
                area.rows > 1
            )
        if isinstance(value, float):
            attributes += ' class="n"'
        elif isinstance(value, str) and (row, column + 1) not in self._cells.values and not look.wraps:
            attributes += ' class="free"'
        if (row, column) in self._notes:
            attributes += f' title="{escape(self._notes[row, column])}"'
        if look.css:
            attributes += f' style="{look.css}"'
        return f"<td{attributes}>{escape(text)}</td>"


def _attributes(xml: bytes, element: str, *names: str) -> list[str]:
    """Return an attribute of each element of a name."""
    found = []
    for tag in re.findall(rb"<(?:[\w.-]+:)?" + element.encode() + rb"\s[^>]*>", xml):
        attributes = dict(re.findall(r'([\w:]+)="([^"]*)"', tag.decode()))
        found.append(" ".join(attributes.get(name, "") for name in names))
    return found


def _widths(xml: bytes, columns: int) -> list[int]:
    """Return the width of each column in pixels; 0 for a hidden one."""
    widths = [round(_USUAL_WIDTH * _PIXELS + _PADDING)] * columns
    for described in _attributes(xml, "col", "min", "max", "width", "hidden"):
        first, last, width, *hidden = described.split(" ")
        pixels = 0 if hidden in (["1"], ["true"]) else round(float(width or _USUAL_WIDTH) * _PIXELS + _PADDING)
        for column in range(int(first), min(int(last), columns) + 1):
            widths[column - 1] = pixels
    return widths


def _charts(package: Package, sheet: Sheet) -> list[str]:
    """Return the titles of the charts on a sheet."""
    titles = []
    for _, kind, drawing in relationships(package, sheet.part):
        if kind != "drawing" or drawing not in package:
            continue
        for _, kind_of_part, chart in relationships(package, drawing):
            if kind_of_part == "chart" and chart in package:
                title = parse_xml(package.read(chart), chart).find(".//{*}title")
                texts = [] if title is None else [e.text or "" for e in title.iterfind(".//{*}t")]
                titles.append("".join(texts) or "without a title")
    return titles
