"""The numbers that charts draw, by ordinary formulas on a hidden sheet: beside no table stands a column for a chart.

A chart has a fixed number of rows, and a recalculated table may have fewer. Such rows then repeat the last one of the
table, which draws one thing twice in the same place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from glmm_binomial.writer.page import Column, Computed, Report, cell, fixed_cell

SHEET = "Chart data"
WIDTH = 13

Number = Computed[float | str] | Computed[float] | Computed[str] | str | float


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring columns of the hidden sheet, rows and columns counted from zero."""

    first: int
    last: int
    left: int

    def column(self, column: int) -> list[str | int]:
        """One column of the block, as XlsxWriter takes it."""
        return [SHEET, self.first, self.left + column, self.last, self.left + column]

    def across(self, line: int, first: int, last: int) -> list[str | int]:
        """Some cells of one line of the block."""
        row = self.first + line
        return [SHEET, row, self.left + first, row, self.left + last]

    def reference(self, column: int) -> str:
        """One column of the block, as a formula has it on any sheet."""
        first, last = (fixed_cell(row, self.left + column) for row in (self.first, self.last))
        return f"'{SHEET}'!{first}:{last}"

    def at(self, line: int, column: int) -> str:
        """A cell of the block, as formulas of the same sheet have it."""
        return cell(self.first + line, self.left + column)


class ChartNumbers:
    """The blocks of a workbook, side by side."""

    def __init__(self) -> None:
        self._blocks: list[tuple[Block, Sequence[str], Sequence[Sequence[Number]]]] = []

    def next_block(self, lines: int) -> Block:
        """Where the next block of so many lines will stand."""
        left = sum(len(headers) + 1 for _, headers, _ in self._blocks)
        return Block(1, lines, left)

    def add(self, headers: Sequence[str], rows: Sequence[Sequence[Number]]) -> Block:
        """Add a block and say where it stands."""
        block = self.next_block(len(rows))
        self._blocks.append((block, headers, rows))
        return block

    def write(self, report: Report) -> None:
        """Write the hidden sheet, after all others."""
        width = sum(len(headers) + 1 for _, headers, _ in self._blocks)
        page = report.page(SHEET, [WIDTH] * width)
        page.sheet.hide()
        for block, headers, rows in self._blocks:
            page.row = block.first - 1
            columns = [Column(header, page.formats.left) for header in headers]
            page.table(columns, rows, left=block.left)
