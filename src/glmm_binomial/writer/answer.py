"""A question on a sheet: its formula, its table, and above the table what the table says in whole sentences.

In a spilled table a sentence has no room: the cells beside it are not free. A note in the place of the last header, and
the rows that begin with note or warning, therefore stand above the table in full and are hidden within it.
"""

from collections.abc import Sequence

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.formula import Cell, Expression, constant, place_of
from glmm_binomial.writer.page import Computed, Page, fixed_cell, lines_needed
from glmm_binomial.writer.spill import Spill, Style, style_in_blocks, write_spill

LONGEST_HEADER = 40
"""A longer text in the place of a header is a note."""
SENTENCES = ("note", "warning")
NO_NOTES = "None."


def write_answer(
    page: Page, expression: Expression, *, style: Style | None = None, wrapped: Sequence[int] = (), room: int = 0
) -> Spill:
    """Write the formula, its notes and warnings in full, and the table.

    Parameters
    ----------
    page
        The sheet.
    expression
        The formula.
    style
        The formats of the table, by what it holds unless given.
    wrapped
        Columns of long texts, which are broken into lines.
    room
        Rows below the table that are free, in which a recalculated one may have notes and warnings.
    """
    page.code("Formula", expression.shown)
    rows = expression.cells
    has_note, has_sentences = is_note(rows[0][-1]) and len(rows[0]) > 1, bool(_sentences(rows)) or room > 0
    # a line for each, and a blank one
    top = page.row + has_note + has_sentences + 1
    if has_note:
        page.labelled("Note", Computed(f"={fixed_cell(top, len(rows[0]) - 1)}", str(rows[0][-1])))
    if has_sentences:
        page.labelled("Warnings" if room else "Notes", _all_sentences(top, rows, room))
    page.skip()
    chosen = style_in_blocks(page, rows) if style is None else style
    return write_spill(page, expression, style=_without_sentences(page, rows, chosen, wrapped))


def is_note(header: Cell) -> bool:
    """Whether the text in the place of a header is a note."""
    return isinstance(header, str) and len(header) > LONGEST_HEADER


def _sentences(rows: Sequence[Sequence[Cell]]) -> list[str]:
    return [str(row[1]) for row in rows if row[0] in SENTENCES]


def _all_sentences(top: int, rows: Sequence[Sequence[Cell]], room: int) -> Computed[str]:
    """Join the texts of all rows from the first note or warning on."""
    bottom = top + len(rows) - 1 + room
    names, texts = (xl_range_abs(top, column, bottom, column) for column in (0, 1))
    behind = len(rows) + room + 1
    places = ",".join(f"IFERROR({place_of(constant(name).text, names)},{behind})" for name in SENTENCES)
    joined = f"_xlfn.TEXTJOIN(CHAR(10),TRUE,INDEX({texts},MIN({places})):{fixed_cell(bottom, 1)})"
    shown = f'=IF(MIN({places})={behind},"{NO_NOTES}",{joined})'
    return Computed(shown, "\n".join(_sentences(rows)) or NO_NOTES)


def _without_sentences(page: Page, rows: Sequence[Sequence[Cell]], style: Style, wrapped: Sequence[int]) -> Style:
    """The formats of a table whose sentences are hidden, and whose rows are as high as wrapped texts need."""
    formats, top = page.formats, page.row
    for line, row in enumerate(rows[1:], start=1):
        lines = max((lines_needed(str(row[column]), page.widths[column]) for column in wrapped), default=1)
        if lines > 1 and row[0] not in SENTENCES:
            page.raise_row(top + line, lines)

    def chosen(line: int, column: int, value: Cell) -> Format:
        if rows[line][0] in SENTENCES:
            return formats.spill_sentence_elsewhere if column == 1 else formats.muted
        if line == 0 and is_note(value):
            return formats.spill_hidden_header
        if line and column in wrapped and isinstance(value, str):
            return formats.spill_wrapped
        return style(line, column, value)

    return chosen
