"""The table of GLMM_BINOMIAL as one reads it: odds ratios and what describes the model, picked from it by formulas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from xlsxwriter.format import Format

from glmm_binomial.answers.table import FIXED_HEADER
from glmm_binomial.writer.fit_table import FitTable
from glmm_binomial.writer.formula import Cell, content, place_of, text_of
from glmm_binomial.writer.page import Column, Computed, Page, fixed_cell, sheet_prefix

TERMS = 10
"""Rows for terms unless told otherwise: as many as stand beside the measures."""
WIDTHS = (30, 13, 13, 13, 13, 3, 13, 13, 13)
"""Of the columns of a sheet that holds nothing wider."""
MEASURE, VALUE = 6, 8
# effects of a group whose standard deviations are shown
EFFECTS = 3
# what the last rows above quadrature_nodes hold where there are two kinds of groups
KIND_ROWS = ("groups", "groups", "icc", "icc")

Shown = Computed[float | str]


@dataclass(frozen=True, slots=True)
class FitView:
    """Where the terms stand, the first one's row counted from zero, and what each row shows.

    `rows` hold name, odds ratio, lower and upper limit and p-value, "" where a row is not needed.
    """

    sheet: str
    first: int
    rows: Sequence[Sequence[Cell]]

    def reference(self, column: int) -> str:
        """One column of the terms, as formulas on other sheets have it."""
        top, bottom = fixed_cell(self.first, column), fixed_cell(self.first + len(self.rows) - 1, column)
        return f"{sheet_prefix(self.sheet)}{top}:{bottom}"


def write_view(page: Page, fit: FitTable, *, terms: int = TERMS) -> FitView:
    """Write the terms, and beside them what describes the model.

    Parameters
    ----------
    page
        A sheet with nine columns, the first one wide enough for the names of terms.
    fit
        The table.
    terms
        How many terms there is room for; whether there are more is said below.
    """
    top, formats = page.row, page.formats
    columns = (
        Column("Term", formats.text, is_text=True),
        Column("Odds ratio", formats.odds_ratio),
        Column("Lower limit", formats.odds_ratio),
        Column("Upper limit", formats.odds_ratio),
        Column("p", formats.short_p_value),
    )
    rows = [_term(fit, line, fixed_cell(top + line, 0)) for line in range(1, terms + 1)]
    page.table(columns, rows)
    bottom = page.row
    page.row = top
    beside = (Column("The model", formats.text, is_text=True), Column("", formats.text), Column("Value", formats.text))
    page.table(beside, [], left=MEASURE)
    for name, value, style in _measures(fit, top + 1, page):
        page.write(MEASURE, name)
        page.write(VALUE, value, style)
        page.row += 1
    page.row = max(bottom, page.row)
    page.write(0, _further(fit, terms), formats.subtitle)
    page.row += 1
    return FitView(page.name, top + 1, [[shown.value for shown in row] for row in rows])


def _term(fit: FitTable, line: int, name_cell: str) -> tuple[Shown, ...]:
    """A line of the table of the fit, blank where its fixed effects have ended."""
    within = line < _line(fit, "random_effects")
    row = fit.rows[line] if within else [""] * len(FIXED_HEADER)
    picked = text_of(f"INDEX({fit.columns(1, 1)},{line + 1})")
    name = f'=IFERROR(IF({line}<{fit.line_of("random_effects")}-1,{picked},""),"")'

    def number(column: str, function: str = "") -> Shown:
        position = FIXED_HEADER.index(column)
        found = f"{function}(INDEX({fit.columns(position, position)},{line + 1}))"
        value = row[position]
        shown = _exponential(value) if function else content(value)
        return Computed(f'=IF({name_cell}="","",IFERROR({found},""))', shown)

    return (
        Computed(name, content(row[1])),
        number("coefficient", "EXP"),
        number("ci_lower", "EXP"),
        number("ci_upper", "EXP"),
        number("p_value"),
    )


def _exponential(logarithm: Cell) -> float | str:
    if not isinstance(logarithm, float):
        return ""
    try:
        return math.exp(logarithm)
    except OverflowError:
        return ""


def _measures(fit: FitTable, top: int, page: Page) -> list[tuple[Shown, Shown, Format]]:
    """What describes the model: name, value and its format; both blank where the table does not have it."""
    formats = page.formats
    listed: list[tuple[Shown, Shown, Format]] = [
        _looked_up("Observations", fit, "observations", 1, formats.count),
        _of_groups("Groups", fit, "groups", formats.spill_row_count, decimals=0),
        _of_groups("Intraclass correlation", fit, "icc", formats.two_decimals, decimals=2),
        _looked_up("Log-likelihood", fit, "log_likelihood", 0, formats.one_decimal),
        _looked_up("AIC", fit, "aic", 0, formats.one_decimal),
        _looked_up("BIC", fit, "bic", 0, formats.one_decimal),
        _looked_up("Converged", fit, "converged", 1, formats.spill_truth),
        *(_std_dev(fit, effect, formats.two_decimals) for effect in range(1, EFFECTS + 1)),
    ]
    measures: list[tuple[Shown, Shown, Format]] = []
    for row, (name, value, style) in enumerate(listed, start=top):
        value_cell, is_missing = fixed_cell(row, VALUE), value.value == ""
        label: Shown = Computed(f'=IF({value_cell}="","",{name.formula[1:]})', "" if is_missing else name.value)
        measures.append((label, value, style))
    return measures


def _looked_up(label: str, fit: FitTable, name: str, names: int, style: Format) -> tuple[Shown, Shown, Format]:
    """A value in the column after the one that holds the names."""
    value: Cell = next((row[names + 1] for row in fit.rows if row[names] == name), "")
    found = fit.beside(f'"{name}"', names, names + 1)
    formula = f'=IFERROR({found},"")'
    return Computed(f'="{label}"', label), Computed(formula, content(value)), style


def _of_groups(label: str, fit: FitTable, name: str, style: Format, *, decimals: int) -> tuple[Shown, Shown, Format]:
    """The value of the groups, or those of their two kinds with "and" between, in the order of their SDs."""
    label_shown, single, style = _looked_up(label, fit, name, 1, style)
    both = [row[2] for row in fit.rows if str(row[1]).startswith(f"{name}: ") and isinstance(row[2], float)]
    # the rows of both kinds end above this one
    end, first = place_of('"quadrature_nodes"', fit.columns(1, 1)), KIND_ROWS.index(name)
    names, values = (f"INDEX({fit.columns(column, column)},{end}-{{}})" for column in (1, 2))
    pair = [values.format(len(KIND_ROWS) - first - kind) for kind in range(2)]
    text = '&" and "&'.join(f"FIXED({value},{decimals},TRUE)" for value in pair)
    is_pair = f'AND(LEFT({names.format(len(KIND_ROWS) - first)},{len(name) + 2})="{name}: ",COUNT({",".join(pair)})=2)'
    alone = fit.beside(f'"{name}"', 1, 2)
    formula = f'=IFERROR({alone},IFERROR(IF({is_pair},{text},""),""))'
    shown = " and ".join(f"{value:.{decimals}f}" for value in both) if len(both) == len(pair) else single.value
    return label_shown, Computed(formula, shown), style


def _std_dev(fit: FitTable, effect: int, style: Format) -> tuple[Shown, Shown, Format]:
    """The standard deviation of an effect between groups, counted from one."""
    first, end = _line(fit, "random_effects"), _line(fit, "log_likelihood")
    row = fit.rows[first + effect] if first + effect < end else [""] * len(FIXED_HEADER)
    place = f"{fit.line_of('random_effects')}+{effect}"
    within = f"{place}<{fit.line_of('log_likelihood')}"
    name = f'="SD of "&INDEX({fit.columns(1, 1)},{place})'
    value = f'=IFERROR(IF({within},INDEX({fit.columns(3, 3)},{place}),""),"")'
    return Computed(name, f"SD of {row[1]}"), Computed(value, content(row[3])), style


def _further(fit: FitTable, terms: int) -> Computed[str]:
    """Say that there are more terms than room; blank otherwise."""
    says = f"Further terms stand in the table on the sheet {fit.sheet}."
    formula = f'=IFERROR(IF({fit.line_of("random_effects")}-2>{terms},"{says}",""),"")'
    return Computed(formula, says if _line(fit, "random_effects") - 1 > terms else "")


def _line(fit: FitTable, name: str) -> int:
    """The line of the table that begins so."""
    return next(line for line, row in enumerate(fit.rows) if row[0] == name)
