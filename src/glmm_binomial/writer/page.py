"""A sheet of a report, written from the top down; and the workbook it belongs to."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell

from glmm_binomial.writer.style import Formats, add_formats

A4 = 9
LINE_HEIGHT = 15.0
# a column's width counts digits: text is narrower, formulas in a font of fixed width are wider
CHARACTERS_PER_WIDTH = 1.2
CODE_PER_WIDTH = 0.9
WIDEST = 60.0
PIXELS_PER_WIDTH, PADDING = 7, 5
HEADER_LINE_HEIGHT = 16.0
# of a recent Excel: Excel would calculate the file of an older one at once, and without the add-in lose the results
CALCULATION_ENGINE = 191029


Value_co = TypeVar("Value_co", bound=float | str, covariant=True)


@dataclass(frozen=True, slots=True)
class Computed(Generic[Value_co]):
    """A formula, and its value as Excel would calculate it, stored beside it."""

    formula: str
    value: Value_co


Content = Computed[float | str] | str | float | bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: what stands above it, and how its cells look."""

    header: str
    style: Format
    is_text: bool = False


class Report:
    """A workbook with its formats.

    Parameters
    ----------
    workbook
        The workbook being written.
    title
        Printed at the foot of each page.
    """

    def __init__(self, workbook: Workbook, title: str) -> None:
        self.workbook = workbook
        self.title = title
        self.formats = add_formats(workbook)

    def page(self, name: str, widths: Sequence[float]) -> "Page":
        """Add a sheet."""
        return Page(self, name, tuple(widths))


@contextmanager
def new_report(target: Path | BinaryIO, title: str, **properties: object) -> Iterator[Report]:
    """Open a report that is written when the block is left; cached values are kept until someone calculates.

    Parameters
    ----------
    target
        The file, or where its bytes go.
    title
        Of the whole; printed at the foot of each page.
    **properties
        What else the file says about itself, such as `author` and `created`, in the words of XlsxWriter.
    """
    workbook = Workbook(target)
    workbook.set_properties({"title": title, **properties})
    workbook.set_calc_mode("auto", CALCULATION_ENGINE)
    workbook.calc_on_load = False
    yield Report(workbook, title)
    workbook.close()


class Page:
    """A sheet, written from the top down.

    Parameters
    ----------
    report
        The workbook.
    name
        The sheet's name.
    widths
        The width of each column used, in characters; paragraphs run across all of them.

    Attributes
    ----------
    row
        Where the next thing goes, counted from zero.
    """

    def __init__(self, report: Report, name: str, widths: tuple[float, ...]) -> None:
        self.name = name
        self.formats: Formats = report.formats
        self.widths = widths
        self.sheet = report.workbook.add_worksheet(name)
        self.row = 0
        self.page_breaks: list[int] = []
        for column, width in enumerate(widths):
            self.sheet.set_column(column, column, width)
        self.sheet.hide_gridlines(2)
        self.sheet.set_portrait()
        self.sheet.set_paper(A4)
        self.sheet.set_margins(left=0.6, right=0.6, top=0.7, bottom=0.8)
        # each as wide as the sheet, and as many as it takes
        self.sheet.fit_to_pages(1, 0)
        self.sheet.set_footer(f"&L&9{report.title}&R&9&A, page &P of &N")

    @property
    def last_column(self) -> int:
        """The last column used, counted from zero."""
        return len(self.widths) - 1

    def raise_row(self, row: int, lines: int) -> None:
        """Make a row high enough for so many lines."""
        self.sheet.set_row(row, LINE_HEIGHT * lines)

    @property
    def pixels(self) -> int:
        """How wide the columns are, as Excel shows them."""
        return sum(round(PIXELS_PER_WIDTH * width) + PADDING for width in self.widths)

    def widen(self, column: int, characters: int) -> None:
        """Make room in a column for a text, up to a width that still reads well."""
        width = min(max(self.widths[column], characters / CHARACTERS_PER_WIDTH + 2), WIDEST)
        self.widths = (*self.widths[:column], width, *self.widths[column + 1 :])
        self.sheet.set_column(column, column, width)

    def break_page(self) -> None:
        """Begin a printed page at the current row."""
        self.page_breaks.append(self.row)
        self.sheet.set_h_pagebreaks(self.page_breaks)

    def print_first_rows(self, header: int, rows: int) -> None:
        """Freeze the header of a long table, and print no more of it than the first rows, on one page."""
        self.sheet.freeze_panes(header + 1, 0)
        self.sheet.repeat_rows(header)
        self.sheet.print_area(0, 0, header + rows, self.last_column)
        self.sheet.fit_to_pages(1, 1)

    def skip(self, rows: int = 1) -> None:
        """Leave rows blank."""
        self.row += rows

    def write(self, column: int, content: Content, style: Format | None = None) -> None:
        """Write into a cell of the current row."""
        if isinstance(content, Computed):
            self.formula(self.row, column, content, style)
        elif isinstance(content, bool):
            self.sheet.write_boolean(self.row, column, content, style)
        elif isinstance(content, str):
            self.sheet.write_string(self.row, column, content, style)
        else:
            self.sheet.write_number(self.row, column, content, style)

    def formula(self, row: int, column: int, content: Computed[float | str], style: Format | None) -> None:
        """Write a formula and its value; a whole number as Excel writes it, 1 and not 1.0."""
        value = content.value
        is_whole = isinstance(value, float) and value.is_integer()
        self.sheet.write_formula(row, column, content.formula, style, int(value) if is_whole else value)

    def title(self, text: str, subtitle: str) -> None:
        """Write what the sheet is about, and a line below it."""
        self.sheet.set_row(self.row, 24)
        self.write(0, text, self.formats.title)
        self.row += 1
        self.write(0, subtitle, self.formats.subtitle)
        self.row += 2

    def heading(self, text: str) -> None:
        """Write a heading."""
        self.sheet.set_row(self.row, 20)
        self.write(0, text, self.formats.heading)
        self.row += 1

    def paragraph(self, text: str) -> None:
        """Write a text across the sheet, with as many lines as it needs."""
        self._across(text, self.formats.paragraph, first=0)

    def labelled(self, label: str, content: Computed[str] | str, *, least_lines: int = 1) -> None:
        """Write a label, and a text beside it across the rest of the sheet; a calculated text may need room to grow."""
        self.write(0, label, self.formats.label)
        self._across(content, self.formats.paragraph, first=1, least_lines=least_lines)

    def typed(self, label: str, text: str) -> None:
        """Write a label, and a text beside it that is there to be replaced."""
        self.write(0, label, self.formats.label)
        self._across(text, self.formats.input, first=1, per_width=CODE_PER_WIDTH)

    def code(self, label: str, text: str) -> None:
        """Write a label, and a formula as text beside it."""
        self.write(0, label, self.formats.label)
        self._across(text, self.formats.code, first=1, per_width=CODE_PER_WIDTH)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Content]], *, left: int = 0) -> None:
        """Write a table from a column on; its header is as high as its longest name needs."""
        lines = max(_lines(c.header, CHARACTERS_PER_WIDTH * self.widths[i]) for i, c in enumerate(columns, left))
        self.sheet.set_row(self.row, HEADER_LINE_HEIGHT * lines + 2)
        for position, column in enumerate(columns, left):
            self.write(position, column.header, self.formats.header if column.is_text else self.formats.number_header)
        self.row += 1
        for row in rows:
            for position, (column, content) in enumerate(zip(columns, row, strict=True), left):
                self.write(position, content, column.style)
            self.row += 1

    def _across(
        self,
        content: Computed[str] | str,
        style: Format,
        *,
        first: int,
        least_lines: int = 1,
        per_width: float = CHARACTERS_PER_WIDTH,
    ) -> None:
        text = content.value if isinstance(content, Computed) else content
        lines = max(least_lines, _lines(text, per_width * sum(self.widths[first:])))
        self.sheet.set_row(self.row, LINE_HEIGHT * lines)
        if first < self.last_column:
            self.sheet.merge_range(self.row, first, self.row, self.last_column, "", style)
        self.write(first, content, style)
        self.row += 1


def sheet_prefix(name: str) -> str:
    """What stands before the address of a cell on another sheet."""
    return f"'{name}'!" if " " in name else f"{name}!"


def cell(row: int, column: int) -> str:
    """The address of a cell, counted from zero, as a formula names it."""
    return str(xl_rowcol_to_cell(row, column))


def fixed_cell(row: int, column: int) -> str:
    """The same with dollar signs."""
    return str(xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True))


def lines_needed(text: str, width: float) -> int:
    """How many lines a text takes in a column so wide."""
    return _lines(text, CHARACTERS_PER_WIDTH * width)


def _lines(text: str, characters: float) -> int:
    """How many lines a text takes that has room for so many characters in each."""
    return sum(max(1, math.ceil(len(line) / characters)) for line in text.split("\n"))
