"""A table of GLMM_BINOMIAL on a sheet: the formula, its stored results, and how other formulas look them up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name, xl_range_abs

from glmm_binomial import glmm_binomial
from page import Computed, Page, fixed_cell
from style import Formats

COLUMNS = (
    "fixed_effects",
    "parameter",
    "coefficient",
    "std_error",
    "z_statistic",
    "p_value",
    "ci_lower",
    "ci_upper",
    "odds_ratio",
)
WIDTHS = (16, 19, 13, 13, 13, 13, 13, 13, 13)
# rows that are formatted and looked up in, some more than the table takes: a recalculated one may have more warnings
ROOM = 24
# blank rows below a table that is followed by something else: room to grow, warnings above all
ROOM_AROUND = 8
ROW_NAMES = ("fixed_effects", "random_effects", "diagnostics")
NO_WARNINGS = "None."
COUNTS = ("observations", "trials", "groups", "quadrature_nodes")

HOW_TO_READ = (
    "How to read the table. Under fixed_effects each row is a term of the model on the log-odds scale: its "
    "coefficient, standard error, z and two-sided p-value, and the limits of its confidence interval; odds_ratio is "
    "e to the power of the coefficient. Under random_effects stand the variance and standard deviation between the "
    "groups, on the same scale. log_likelihood, aic and bic compare models fitted to the same data (smaller aic or "
    "bic is better). Under diagnostics, converged must read TRUE, and icc is the share of the variation that lies "
    "between groups. Rows that begin with warning say what to be careful about."
)

Cell = str | float | bool


@dataclass(frozen=True, slots=True)
class FitTable:
    """Where the table stands and what it holds.

    `top` is the row of its first line, counted from zero; `rows` has nine columns, "" where a cell is blank.
    """

    sheet: str
    top: int
    rows: tuple[tuple[Cell, ...], ...]

    def term(self, name_cell: str, name: str, column: str) -> Computed[float]:
        """Look up a number of a fixed effect by the name in a cell; the first row of that name is its."""
        position = COLUMNS.index(column)
        row = next(row for row in self.rows if row[1] == name)
        return Computed(f"=VLOOKUP({name_cell},{self._columns(1, 8)},{position},FALSE)", _number(row[position]))

    def diagnostic(self, name: str) -> Computed[float]:
        """Look up a number under diagnostics."""
        row = next(row for row in self.rows if row[1] == name)
        return Computed(f'=VLOOKUP("{name}",{self._columns(1, 2)},2,FALSE)', _number(row[2]))

    def random_intercept(self, column: str) -> Computed[float]:
        """Look up the "variance" or the "std_dev" of the random intercept, the first row under random_effects."""
        position = {"variance": 2, "std_dev": 3}[column]
        below = next(i for i, row in enumerate(self.rows) if row[0] == "random_effects") + 1
        values, names = self._columns(position, position), self._columns(0, 0)
        return Computed(f'=INDEX({values},MATCH("random_effects",{names},0)+1)', _number(self.rows[below][position]))

    def _columns(self, first: int, last: int) -> str:
        return f"{self.sheet}!{xl_range_abs(self.top, first, self.top + ROOM - 1, last)}"


def write_fit(page: Page, formula: str, arguments: Mapping[str, object]) -> FitTable:
    """Write the formula, the warnings in full, and the table.

    Parameters
    ----------
    page
        The sheet; needs nine columns of `WIDTHS`.
    formula
        As Excel shows it, `=GLMM_BINOMIAL(...)`.
    arguments
        What its arguments stand for, by the names the Python function gives them.

    Returns
    -------
    FitTable
        The table, of which the stored results are a fresh calculation.
    """
    rows = _calculated(arguments)
    page.code("Formula", formula)
    _write_warnings(page, rows)
    page.skip()
    _write_spill(page, formula, rows)
    _format_spill(page)
    written = FitTable(page.name, page.row, rows)
    page.row += len(rows)
    return written


def _calculated(arguments: Mapping[str, object]) -> tuple[tuple[Cell, ...], ...]:
    table = glmm_binomial(**arguments)
    if isinstance(table, str):
        raise ValueError(table)  # noqa: TRY004 - it is not the type that is wrong, a text tells what is
    return tuple(tuple(_shown(value) for value in row) for row in table)


def _shown(value: object) -> Cell:
    """A value as Excel shows it: what is blank is an empty text, which is what the add-in returns for it."""
    if value is None:
        return ""
    if not isinstance(value, str | float | bool):
        raise TypeError(f"{value!r} is not what a cell of the table holds")
    return value


def _write_spill(page: Page, formula: str, rows: Sequence[Sequence[Cell]]) -> None:
    stored = formula.replace("=GLMM_", "=_xll.GLMM_", 1)
    bottom, right = page.row + len(rows) - 1, len(COLUMNS) - 1
    page.sheet.write_dynamic_array_formula(page.row, 0, bottom, right, stored, page.formats.spill_name, rows[0][0])
    # the first cell holds the formula; XlsxWriter has filled the others with zeros
    top = page.row
    for line, row in enumerate(rows):
        page.row = top + line
        for column, value in enumerate(row):
            if (line, column) != (0, 0):
                page.write(column, value, _style(page.formats, column, value))
    page.row = top


def _style(formats: Formats, column: int, value: Cell) -> Format:
    if isinstance(value, bool):
        return formats.spill_other
    if column == COLUMNS.index("p_value"):
        return formats.spill_p_value
    return formats.spill_name if column < COLUMNS.index("coefficient") else formats.spill_estimate


def _format_spill(page: Page) -> None:
    """Format by what the rows say, since a recalculated table may have other rows than the stored one.

    No two rules hold for the same cell: which one counts then is not the same in Excel and LibreOffice.
    """
    formats, top = page.formats, page.row
    first, second, third = (f"${xl_col_to_name(column)}{top + 1}" for column in range(3))
    last = len(COLUMNS) - 1
    is_header = _any_of(first, ROW_NAMES)
    is_warning = f'{first}="warning"'
    rules = (
        ((0, last), is_header, formats.spill_header),
        ((1, 1), is_warning, formats.spill_warning_text),
        ((0, 0), is_warning, formats.spill_warning),
        ((2, last), is_warning, formats.spill_warning),
        ((2, 2), f"AND(ISNUMBER({third}),{_any_of(second, COUNTS)})", formats.spill_count),
        ((2, 2), f'{second}="largest_score"', formats.spill_very_small),
    )
    for (left, right), criteria, style in rules:
        rule = {"type": "formula", "criteria": f"={criteria}", "format": style}
        page.sheet.conditional_format(top, left, top + ROOM - 1, right, rule)


def _any_of(name_cell: str, names: Sequence[str]) -> str:
    return "OR({})".format(",".join(f'{name_cell}="{name}"' for name in names))


def _write_warnings(page: Page, rows: Sequence[Sequence[Cell]]) -> None:
    """Show in full, above the table, the warnings in its last rows: the cells beside them leave their text no room."""
    here = fixed_cell(page.row, 1)
    rule = {"type": "formula", "criteria": f'={here}<>"{NO_WARNINGS}"', "format": page.formats.spill_warning}
    page.sheet.conditional_format(page.row, 1, page.row, page.last_column, rule)
    page.labelled("Warnings", _warnings(page.row + 2, rows), least_lines=2)


def _warnings(top: int, rows: Sequence[Sequence[Cell]]) -> Computed[str]:
    bottom = top + ROOM - 1
    names = f"{fixed_cell(top, 0)}:{fixed_cell(bottom, 0)}"
    texts = f"{fixed_cell(top, 1)}:{fixed_cell(bottom, 1)}"
    from_first = f'INDEX({texts},MATCH("warning",{names},0)):{fixed_cell(bottom, 1)}'
    found = "\n".join(str(row[1]) for row in rows if row[0] == "warning")
    return Computed(f'=IFERROR(_xlfn.TEXTJOIN(CHAR(10),TRUE,{from_first}),"{NO_WARNINGS}")', found or NO_WARNINGS)


def _number(value: Cell) -> float:
    if not isinstance(value, float):
        raise TypeError(f"{value!r} is not a number")
    return value
