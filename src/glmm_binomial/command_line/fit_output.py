"""The table of a fit as a console shows it: block by block, estimates to four decimals, warnings as paragraphs."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from glmm_binomial.command_line.console import shown

if TYPE_CHECKING:
    from glmm_binomial.workbook import CellValue

Row = Sequence["CellValue | None"]

_BLOCKS = ("fixed_effects", "random_effects", "log_likelihood", "diagnostics", "warning")
_SMALL, _LARGE = 1e-3, 1e5
_P_VALUE, _SMALL_P = "p_value", 1e-4
_WIDEST_PARAGRAPH = 110


def fit_as_text(rows: Sequence[Row]) -> str:
    """Write the rows of GLMM_BINOMIAL_TABLE for a console."""
    blocks = ["\n".join(_block(block)) for block in _blocks(rows)]
    return "\n\n".join(blocks)


def _blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Cut the table where a block begins."""
    begins = [i for i, row in enumerate(rows) if row[0] in _BLOCKS[:-1] or (row[0], rows[i - 1][0]) == ("warning", "")]
    for first, behind in zip(begins, [*begins[1:], len(rows)], strict=True):
        yield list(rows[first:behind])


def _block(rows: list[Row]) -> list[str]:
    if rows[0][0] == "warning":
        width = min(shutil.get_terminal_size((_WIDEST_PARAGRAPH, 24)).columns, _WIDEST_PARAGRAPH)
        return [textwrap.fill(f"warning: {row[1]}", width, subsequent_indent="  ") for row in rows]
    if rows[0][0] == "log_likelihood":
        return _lines([[shown(row[0]) for row in rows], [f"{row[1]:.4f}" for row in rows]])
    # the name of the block stands in the header above the names of its parameters
    table = [[rows[0][0], *rows[0][2:]], *(row[1:] for row in rows[1:])]
    used = [i for i in range(len(table[0])) if any(row[i] not in (None, "") for row in table)]
    return _lines([_column([row[i] for row in table]) for i in used])


def _column(cells: Row) -> list[str]:
    """Write a column of a block, so that its estimates have the same decimals."""
    numbers = [abs(cell) for cell in cells if isinstance(cell, float) and not isinstance(cell, bool)]
    if cells[0] == _P_VALUE:
        return [_p_value(cell) if isinstance(cell, float) else shown(cell) for cell in cells]
    if cells[0] == "value" or any(0 < number < _SMALL or number >= _LARGE for number in numbers):
        return [shown(cell) for cell in cells]
    return [f"{cell:.4f}" if isinstance(cell, float) else shown(cell) for cell in cells]


def _p_value(p: float) -> str:
    return f"{p:.4f}" if p >= _SMALL_P else f"{p:.1e}"


def _lines(columns: Sequence[Sequence[str]]) -> list[str]:
    """Put columns side by side: names and sentences begin at the left, numbers end at the right."""
    padded = []
    for column in columns:
        is_text = all(not cell or cell[-1].isalpha() or ":" in cell for cell in column) or column is columns[0]
        width = max(map(len, column))
        padded.append([cell.ljust(width) if is_text else cell.rjust(width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
