"""A table of GLMM_BINOMIAL on a sheet: the formula, its stored results, and how other formulas look them up."""

from collections.abc import Sequence
from dataclasses import dataclass

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs

from glmm_binomial.answers.table import FIXED_HEADER
from glmm_binomial.writer.formula import Cell, Expression, number, place_of, text_of
from glmm_binomial.writer.page import Computed, Page, fixed_cell, sheet_prefix
from glmm_binomial.writer.spill import (
    NO_WARNINGS,
    any_of,
    column_cell,
    format_rows,
    format_where,
    write_spill,
    write_warnings,
)

WIDTHS = (16, 19, 13, 13, 13, 13, 13, 13, 13)
# rows that are formatted and looked up in, some more than the table takes: a recalculated one may have more warnings
ROOM = 28
# blank rows below a table that is followed by something else: room to grow, warnings above all
ROOM_AROUND = 12
ROW_NAMES = ("fixed_effects", "random_effects", "diagnostics")
COUNTS = ("observations", "trials", "groups", "quadrature_nodes")
# how the names of counts begin where there are two kinds of groups
OF_KIND = "groups: "
# texts longer than this begin at the left, where cells to the right are free, and are not cut off
SHORT_TEXT = 13

HOW_TO_READ = (
    "How to read the table. Under fixed_effects each row is a term of the model on the log-odds scale: its "
    "coefficient, standard error, z and two-sided p-value, and the limits of its confidence interval; odds_ratio is "
    "e to the power of the coefficient. Under random_effects stand the variance and standard deviation between the "
    "groups, on the same scale. log_likelihood, aic and bic compare models fitted to the same data (smaller aic or "
    "bic is better). Under diagnostics, converged must read TRUE, and icc is the share of the variation that lies "
    "between groups. Rows that begin with warning say what to be careful about."
)


@dataclass(frozen=True, slots=True)
class FitTable:
    """Where the table stands and what it holds.

    `top` is the row of its first line, counted from zero; `rows` has nine columns, "" where a cell is blank; `room` is
    the number of rows that it may take.
    """

    sheet: str
    top: int
    rows: Sequence[Sequence[Cell]]
    room: int = ROOM

    def term(self, name_cell: str, name: str, column: str) -> Computed[float]:
        """Look up a number of a fixed effect by the name in a cell; the first row of that name is its."""
        position = FIXED_HEADER.index(column)
        row = next(row for row in self.rows if row[1] == name)
        return Computed(f"={self.beside(name_cell, 1, position)}", number(row[position]))

    def coefficient(self, name: str) -> tuple[str, float]:
        """Where the coefficient of a fixed effect stands, for formulas on other sheets, and its value."""
        line = next(i for i, row in enumerate(self.rows) if row[1] == name)
        position = FIXED_HEADER.index("coefficient")
        reference = f"{sheet_prefix(self.sheet)}{fixed_cell(self.top + line, position)}"
        return reference, number(self.rows[line][position])

    def statistic(self, name: str) -> Computed[float]:
        """Look up the "log_likelihood", "aic" or "bic"."""
        row = next(row for row in self.rows if row[0] == name)
        return Computed("=" + self.beside(f'"{name}"', 0, 1), number(row[1]))

    def diagnostic(self, name: str) -> Computed[float]:
        """Look up a number under diagnostics."""
        row = next(row for row in self.rows if row[1] == name)
        return Computed("=" + self.beside(f'"{name}"', 1, 2), number(row[2]))

    def random_intercept(self, column: str) -> Computed[float]:
        """Look up the "variance" or the "std_dev" of the random intercept, the first row under random_effects."""
        position = {"variance": 2, "std_dev": 3}[column]
        below = next(i for i, row in enumerate(self.rows) if row[0] == "random_effects") + 1
        found = f"=INDEX({self.columns(position, position)},{self.line_of('random_effects')}+1)"
        return Computed(found, number(self.rows[below][position]))

    @property
    def warnings(self) -> Computed[str]:
        """What stands above the table, two rows up, about its warnings."""
        texts = "\n".join(str(row[1]) for row in self.rows if row[0] == "warning")
        return Computed(f"={sheet_prefix(self.sheet)}{fixed_cell(self.top - 2, 1)}", texts or NO_WARNINGS)

    def line_of(self, name: str) -> str:
        """The formula that finds the line of the table that begins so, counted from one."""
        return place_of(f'"{name}"', self.columns(0, 0))

    def beside(self, name: str, names: int, values: int) -> str:
        """The formula that finds what stands in the row of a name, each in its column of the table."""
        return f"INDEX({self.columns(values, values)},{place_of(name, self.columns(names, names))})"

    def columns(self, first: int, last: int) -> str:
        """Some columns of the table and of the rows into which it may grow, as formulas have them."""
        return f"{sheet_prefix(self.sheet)}{xl_range_abs(self.top, first, self.top + self.room - 1, last)}"


def write_fit(page: Page, expression: Expression, *, room: int = ROOM) -> FitTable:
    """Write the formula, the warnings in full, and the table.

    Parameters
    ----------
    page
        The sheet; needs nine columns of `WIDTHS`.
    expression
        The call of GLMM_BINOMIAL.
    room
        How many rows it may take.
    """
    page.code("Formula", expression.shown)
    write_warnings(page, rows=expression.cells, room=room, counted=True)
    page.skip()
    _format_spill(page, room)
    spill = write_spill(page, expression, style=lambda _, column, value: _style(page, column, value))
    return FitTable(spill.sheet, spill.top, spill.rows, room)


def _style(page: Page, column: int, value: Cell) -> Format:
    formats = page.formats
    if isinstance(value, bool):
        return formats.spill_truth
    if column == FIXED_HEADER.index("p_value"):
        return formats.spill_p_value
    if isinstance(value, str) and len(value) > SHORT_TEXT and column >= FIXED_HEADER.index("coefficient"):
        return formats.spill_sentence
    return formats.spill_name if column < FIXED_HEADER.index("coefficient") else formats.spill_estimate


def _format_spill(page: Page, room: int) -> None:
    """Format by what the rows say, since a recalculated table may have other rows than the stored one."""
    second, third = text_of(column_cell(1, page.row)), column_cell(2, page.row)
    format_rows(page, last=len(FIXED_HEADER) - 1, room=room, header_names=ROW_NAMES)
    of_kind = f'LEFT({second},{len(OF_KIND)})="{OF_KIND}"'
    is_count = f"AND(ISNUMBER({third}),OR({of_kind},{any_of(second, COUNTS)}))"
    format_where(page, is_count, page.formats.spill_count, columns=(2, 2), room=room)
    format_where(page, f'{second}="largest_score"', page.formats.spill_very_small, columns=(2, 2), room=room)
