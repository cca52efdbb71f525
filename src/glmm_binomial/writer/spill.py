"""The table that spills from one formula: its results stored, and how other formulas refer to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name

from glmm_binomial.writer.formula import Cell, Expression, content, place_of, text_of
from glmm_binomial.writer.page import Computed, Page, fixed_cell, sheet_prefix

# too small for four decimals
SMALL = 5e-4
NO_WARNINGS = "None."
WARNING = '"warning"'
CHECK_BLOCKS = ("pearson_residuals", "residual_tests")
"""Where the rows of a table of CHECK begin that have headers of their own."""

CUT_OFF = "; where they are cut off, enter the formula of the table over more cells."
NO_TABLE = "There is no table; its formula returns the message below."

Style = Callable[[int, int, Cell], Format]
"""The format of a cell, by its line and column within the table and its value."""


@dataclass(frozen=True, slots=True)
class Spill:
    """Where a table stands, its corner counted from zero, and what it holds."""

    sheet: str
    top: int
    left: int
    rows: Sequence[Sequence[Cell]]


def write_spill(page: Page, expression: Expression, *, style: Style, top: int | None = None, left: int = 0) -> Spill:
    """Write a formula with its stored results.

    Parameters
    ----------
    page
        The sheet; its row moves below the table.
    expression
        The formula.
    style
        The format of each cell.
    top, left
        Where its first cell is; the current row unless told otherwise.
    """
    page.row = top = page.row if top is None else top
    rows = expression.cells
    bottom, right = top + len(rows) - 1, left + len(rows[0]) - 1
    first_style = style(0, 0, rows[0][0])
    page.sheet.write_dynamic_array_formula(top, left, bottom, right, expression.stored, first_style, rows[0][0])
    # the first cell holds the formula; XlsxWriter has filled the others with zeros
    for line, row in enumerate(rows):
        for column, value in enumerate(row):
            if (line, column) != (0, 0):
                page.write(left + column, content(value), style(line, column, value))
        page.row += 1
    return Spill(page.name, top, left, rows)


@dataclass(frozen=True, slots=True)
class ModelCell:
    """The cell that holds a model, counted from zero, and the model."""

    sheet: str
    row: int
    column: int
    expression: Expression

    def on(self, page: Page) -> Expression:
        """The cell as formulas on a sheet refer to it: `Fit!$B$5`."""
        return self.seen_from(page.name)

    def seen_from(self, name: str) -> Expression:
        """The same, for a sheet by its name."""
        sheet = "" if name == self.sheet else sheet_prefix(self.sheet)
        return Expression(f"{sheet}{fixed_cell(self.row, self.column)}", self.expression.cells)


def write_model(page: Page, expression: Expression, *, handle: str) -> ModelCell:
    """Write the formula of a model and the cell that holds it, which shows a handle."""
    page.code("Formula", expression.shown)
    page.write(0, "Model", page.formats.label)
    row = page.row
    page.sheet.write_dynamic_array_formula(row, 1, row, 1, expression.stored, page.formats.text, handle)
    page.row += 1
    page.paragraph(
        "The cell holds the fitted model; formulas on all sheets ask it by that cell. A model is not saved with the "
        "workbook: where a formula says that it is no live one, press Ctrl+Alt+F9, in LibreOffice Ctrl+Shift+F9."
    )
    page.skip()
    return ModelCell(page.name, row, 1, expression)


def table_style(page: Page, *, counts: Sequence[int] = (), codes: Sequence[int] = ()) -> Style:
    """The formats of a table of estimates under one header row; some columns hold counts, or codes such as 0 and 1."""
    formats = page.formats

    def style(line: int, column: int, value: Cell) -> Format:
        if line == 0:
            return formats.spill_code_header if column in codes else formats.spill_number_header
        if column in codes:
            return formats.spill_code if isinstance(value, float) else formats.spill_text
        if isinstance(value, float):
            return formats.spill_row_count if column in counts else formats.spill_estimate
        return formats.spill_truth if isinstance(value, bool) else formats.spill_other

    return style


def style_by_content(page: Page, rows: Sequence[Sequence[Cell]]) -> Style:
    """The formats of any table under one header row, by what its columns hold: texts, counts, or numbers."""
    formats = page.formats
    columns = [[row[column] for row in rows[1:] if row[column] != ""] for column in range(len(rows[0]))]
    is_text = [any(isinstance(value, str) for value in values) or not values for values in columns]
    is_count = [all(isinstance(value, float) and value.is_integer() for value in values) for values in columns]

    def style(line: int, column: int, value: Cell) -> Format:
        if is_text[column]:
            beside_numbers = column > 0
            if line == 0:
                return formats.spill_sentence_header if beside_numbers else formats.spill_header
            return formats.spill_sentence if beside_numbers else formats.text
        if line == 0:
            return formats.spill_number_header
        if isinstance(value, bool):
            return formats.spill_truth
        if is_count[column]:
            return formats.spill_row_count
        is_small = isinstance(value, float) and 0 < abs(value) < SMALL
        return formats.spill_very_small if is_small else formats.spill_estimate

    return style


def style_in_blocks(page: Page, rows: Sequence[Sequence[Cell]], *, first: Style | None = None) -> Style:
    """The formats of a table of CHECK, whose residuals have header rows of their own; of any other one by its content.

    `first` is that of the rows above the residuals, by their content unless given.
    """
    starts = [0, *(line for line, row in enumerate(rows) if row[0] in CHECK_BLOCKS)]
    ends = [*starts[1:], len(rows)]
    blocks = [style_by_content(page, rows[start:end]) for start, end in zip(starts, ends, strict=True)]
    if first is not None:
        blocks[0] = first

    def style(line: int, column: int, value: Cell) -> Format:
        block = sum(start <= line for start in starts) - 1
        return blocks[block](line - starts[block], column, value)

    return style


def write_warnings(page: Page, *, rows: Sequence[Sequence[Cell]], room: int, counted: bool = False) -> None:
    """Show in full, above a table in the row after next, the warnings in its last rows.

    Within the table the cells beside them leave their text no room.

    Parameters
    ----------
    page
        The sheet.
    rows
        The table.
    room
        The number of rows to search.
    counted
        Whether the second row of the table begins with the number of its warnings, as that of GLMM_BINOMIAL does.
    """
    here = fixed_cell(page.row, 1)
    rule = {"type": "formula", "criteria": f'={here}<>"{NO_WARNINGS}"', "format": page.formats.spill_warning}
    page.sheet.conditional_format(page.row, 1, page.row, page.last_column, rule)
    page.labelled("Warnings", _warnings(page.row + 2, rows, room, counted=counted), least_lines=2)


def format_rows(page: Page, *, last: int, room: int, header_names: Sequence[str] = ()) -> None:
    """Format, from the current row on, rows that are a warning or a header by what their first cell says.

    A recalculated table may have other rows than the stored one. No two rules hold for the same cell: which one counts
    then is not the same in Excel and LibreOffice.
    """
    formats, first = page.formats, text_of(column_cell(0, page.row))
    is_warning = f"{first}={WARNING}"
    rules = [
        ((1, 1), is_warning, formats.spill_warning_text),
        ((0, 0), is_warning, formats.spill_warning),
        ((2, last), is_warning, formats.spill_warning),
    ]
    if header_names:
        rules.append(((0, last), any_of(first, header_names), formats.spill_header))
    for columns, criteria, style in rules:
        format_where(page, criteria, style, columns=columns, room=room)


def format_where(page: Page, criteria: str, style: Format, *, columns: tuple[int, int], room: int) -> None:
    """Give cells of some columns, from the current row on, a format where a condition on their row holds."""
    rule = {"type": "formula", "criteria": f"={criteria}", "format": style}
    page.sheet.conditional_format(page.row, columns[0], page.row + room - 1, columns[1], rule)


def column_cell(column: int, row: int) -> str:
    """The address of a cell in a fixed column, as rules name it: `$A1`."""
    return f"${xl_col_to_name(column)}{row + 1}"


def any_of(name_cell: str, names: Sequence[str]) -> str:
    """The condition that a cell holds one of some names."""
    return "OR({})".format(",".join(f'{name_cell}="{name}"' for name in names))


def _warnings(top: int, rows: Sequence[Sequence[Cell]], room: int, *, counted: bool) -> Computed[str]:
    bottom = top + room - 1
    names = f"{fixed_cell(top, 0)}:{fixed_cell(bottom, 0)}"
    texts = f"{fixed_cell(top, 1)}:{fixed_cell(bottom, 1)}"
    from_first = f"INDEX({texts},{place_of(WARNING, names)}):{fixed_cell(bottom, 1)}"
    found = "\n".join(str(row[1]) for row in rows if row[0] == "warning")
    otherwise, count = f'"{NO_WARNINGS}"', fixed_cell(top + 1, 0)
    if counted:
        # in an entered array the last rows of a table may be cut off, or be followed by cells that show #N/A
        otherwise = f'IF({text_of(count)}="",{otherwise},{count}&"{CUT_OFF}")'
    warnings = f"IFERROR(_xlfn.TEXTJOIN(CHAR(10),TRUE,{from_first}),{otherwise})"
    # a message fills one cell, a table two columns or more
    return Computed(f'=IF({fixed_cell(top, 1)}="","{NO_TABLE}",{warnings})', found or NO_WARNINGS)
