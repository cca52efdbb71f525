"""A table of GLMM_BINOMIAL_CONFINT on a sheet, and how other formulas look up its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.formula import Cell, Expression, place_of
from glmm_binomial.writer.page import Computed, Page, sheet_prefix
from glmm_binomial.writer.spill import format_rows, write_spill, write_warnings

BLOCKS = ("fixed_effects", "odds_ratios", "random_effects")
# the five columns of numbers, by their place in the table
ESTIMATE, LOWER, UPPER, WALD_LOWER, WALD_UPPER = range(2, 7)
COLUMNS = 7
# rows that are formatted and looked up in, some more than the table takes: a recalculated one may have warnings
ROOM = 20


@dataclass(frozen=True, slots=True)
class IntervalTable:
    """Where the table stands and what it holds; `top` is its first row, counted from zero."""

    sheet: str
    top: int
    rows: Sequence[Sequence[Cell]]

    def odds_ratio(self, name_cell: str, name: str, column: int) -> Computed[float]:
        """Look up an odds ratio or a limit of it by the name in a cell, or in quotation marks."""
        # the terms stand in the same order under fixed_effects, whose names begin in the second row
        names = self._range(1, 1, skipped=1)
        found = next(i for i, row in enumerate(self.rows[1:], start=1) if row[1] == name)
        return self._below("odds_ratios", place_of(name_cell, names), found, column)

    def std_dev(self, column: int) -> Computed[float]:
        """Look up the standard deviation of the random intercept or a limit of it."""
        return self._below("random_effects", "1", 1, column)

    def _below(self, block: str, distance: str, lines: int, column: int) -> Computed[float]:
        header = next(i for i, row in enumerate(self.rows) if row[0] == block)
        value = self.rows[header + lines][column]
        if not isinstance(value, float):
            raise TypeError(f"{value!r} is not a number")
        header_place = place_of(f'"{block}"', self._range(0, 0))
        return Computed(f"=INDEX({self._range(column, column)},{header_place}+{distance})", value)

    def _range(self, first: int, last: int, *, skipped: int = 0) -> str:
        return f"{sheet_prefix(self.sheet)}{xl_range_abs(self.top + skipped, first, self.top + ROOM - 1, last)}"


def write_intervals(page: Page, expression: Expression) -> IntervalTable:
    """Write the formula, the warnings in full, and the table."""
    page.code("Formula", expression.shown)
    write_warnings(page, rows=expression.cells, room=ROOM)
    page.skip()
    format_rows(page, last=COLUMNS - 1, room=ROOM, header_names=BLOCKS)

    def style(_: int, column: int, __: Cell) -> Format:
        return page.formats.text if column < ESTIMATE else page.formats.spill_estimate

    spill = write_spill(page, expression, style=style)
    return IntervalTable(spill.sheet, spill.top, spill.rows)
