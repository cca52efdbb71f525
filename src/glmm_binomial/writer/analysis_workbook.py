"""The analysis of one file of data: its model, odds ratios, average effects, groups and check, all by formulas."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from glmm_binomial.answers.table import FIXED_HEADER
from glmm_binomial.writer.analysis_charts import write_check_chart, write_group_chart, write_odds_ratio_chart
from glmm_binomial.writer.analysis_data import TABLE, write_data_sheet
from glmm_binomial.writer.charts import ROWS_TAKEN
from glmm_binomial.writer.fit_table import HOW_TO_READ, WIDTHS, FitTable, write_fit
from glmm_binomial.writer.formula import Cell, Expression, ask, call, constant, number
from glmm_binomial.writer.page import Column, Computed, Page, Report, cell, fixed_cell, new_report, sheet_prefix
from glmm_binomial.writer.ranking import write_ranks
from glmm_binomial.writer.spill import ModelCell, Spill, style_in_blocks, write_model, write_spill

# of a column of numbers
NARROWEST = 13
WIDEST_ANSWER = 40
DEFAULTS = {"method": "vb", "alpha": 0.05, "missing": "omit"}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is analysed, and how.

    Attributes
    ----------
    source
        The name of the file that the data come from.
    header, rows
        The names of its columns, and its rows; None for a blank cell.
    formula
        The model, in lme4's notation.
    options
        `method`, `alpha` and `missing`.
    """

    source: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | float | bool | None]]
    formula: str
    options: Mapping[str, str | float]


def write_analysis(target: BinaryIO, analysis: Analysis, observer: Callable[[str], None]) -> None:
    """Write the workbook.

    Parameters
    ----------
    target
        Where the bytes of the file go.
    analysis
        A model that can be fitted.
    observer
        Is told in a few words what begins.

    Raises
    ------
    ValueError
        When a function answers with a message in the place of a model or a table.
    """
    observer("fitting the model")
    with new_report(target, f"{analysis.formula}, {analysis.source}", author="glmm-binomial") as report:
        model, fit = _write_fit_sheet(report, analysis)
        _write_odds_ratio_sheet(report, fit)
        observer("averaging effects")
        _write_effects_sheet(report, model)
        observer("estimating groups")
        _write_group_sheet(report, model)
        observer("checking the model")
        _write_check_sheet(report, model)
        write_data_sheet(report, analysis.header, analysis.rows)


def _write_fit_sheet(report: Report, analysis: Analysis) -> tuple[ModelCell, FitTable]:
    widths = list(WIDTHS)
    data = Expression(f"{TABLE}[#All]", [tuple(analysis.header), *map(tuple, analysis.rows)])
    given = {name: constant(value) for name, value in analysis.options.items() if value != DEFAULTS[name]}
    page = report.page("Fit", widths)
    page.title("Fit", f"A binomial mixed model of {analysis.source}, {len(analysis.rows):,} rows, on the sheet Data")
    page.labelled("Model", analysis.formula)
    written = Expression(fixed_cell(page.row - 1, 1), ((analysis.formula,),))
    page.skip()
    page.paragraph(
        "Change the model above or the data on the sheet Data, and all sheets follow: in Excel 2021 or 365 with the "
        "GLMM_BINOMIAL add-in at once, without Excel by the command glmm-binomial recalc. Without the add-in Excel "
        "shows the stored results until it recalculates, and then #NAME?; the option --values writes a copy that shows "
        "its results everywhere."
    )
    page.paragraph(HOW_TO_READ)
    page.skip()
    model = write_model(page, call("GLMM_BINOMIAL_FORMULA", data=data, formula=written, **given), handle="GLMM@1")
    fit = write_fit(page, call("GLMM_BINOMIAL_TABLE", model=model.on(page)))
    page.widen(1, max(len(str(row[1])) for row in fit.rows if row[0] != "warning"))
    return model, fit


def _write_odds_ratio_sheet(report: Report, fit: FitTable) -> None:
    page = report.page("Odds ratios", (30, 13, 13, 13, 13, 13, 13))
    page.title("Odds ratios", "How many times the odds of a success, for rows of one and the same group")
    page.paragraph(
        "An odds ratio of 2 means that the odds double when the column rises by 1, or against the reference level of a "
        "factor; 1 means no difference. The limits are those of the interval on the sheet Fit. The row intercept gives "
        "the odds themselves where all columns are zero and all factors at their reference."
    )
    page.skip()
    lines = range(1, next(line for line, row in enumerate(fit.rows) if row[0] == "random_effects"))
    formats, first = page.formats, page.row + 1
    columns = (
        Column("Term", formats.text, is_text=True),
        Column("Odds ratio", formats.estimate),
        Column("Lower limit", formats.estimate),
        Column("Upper limit", formats.estimate),
        Column("p-value", formats.p_value),
        Column("Chart: reach below", formats.muted_estimate),
        Column("Chart: reach above", formats.muted_estimate),
    )
    rows = [_odds_ratio_row(fit, line, first + line - 1) for line in lines]
    page.widen(0, max(len(str(row[0].value)) for row in rows))
    page.table(columns, rows)
    page.skip()
    terms = [row for row in rows if row[0].value != "intercept"]
    write_odds_ratio_chart(report, page, terms, top=first + len(rows) - len(terms))


def _odds_ratio_row(fit: FitTable, line: int, row: int) -> tuple[Computed[float | str], ...]:
    """A row of formulas on a line of the table of the fit."""
    values = dict(zip(FIXED_HEADER, fit.rows[line], strict=True))

    def at(column: str) -> str:
        return f"{sheet_prefix(fit.sheet)}{fixed_cell(fit.top + line, FIXED_HEADER.index(column))}"

    odds_ratio, lower, upper = (
        Computed(f'=IFERROR(EXP({at(name)}),"")', _exponential(number(values[name])))
        for name in ("coefficient", "ci_lower", "ci_upper")
    )
    return (
        Computed(f"={at('parameter')}", str(values["parameter"])),
        odds_ratio,
        lower,
        upper,
        Computed(f"={at('p_value')}", number(values["p_value"])),
        Computed(f'=IFERROR({cell(row, 1)}-{cell(row, 2)},"")', _difference(odds_ratio.value, lower.value)),
        Computed(f'=IFERROR({cell(row, 3)}-{cell(row, 1)},"")', _difference(upper.value, odds_ratio.value)),
    )


def _exponential(logarithm: float) -> float | str:
    try:
        return math.exp(logarithm)
    except OverflowError:
        return ""


def _difference(first: float | str, second: float | str) -> float | str:
    return first - second if isinstance(first, float) and isinstance(second, float) else ""


def _write_effects_sheet(report: Report, model: ModelCell) -> None:
    effects = ask("GLMM_BINOMIAL_MARGINS", model=model.seen_from("Average effects"))
    if effects.is_message:
        # as of a model without predictors
        return
    _write_answer(
        report,
        ("Average effects", "How much the probability of a success changes, averaged over the rows and groups"),
        "For each variable all rows are given one value and then the other, all else left as it is, and the "
        "probabilities are averaged over the rows and over the population of groups; for a column of numbers it is "
        "their mean slope per unit. number_needed is how many rows must be changed for one success more (NNTB) or one "
        "less (NNTH), a success taken for a benefit.",
        effects,
        columns_beside=0,
    )


def _write_group_sheet(report: Report, model: ModelCell) -> None:
    effects = call("GLMM_BINOMIAL_RANEF", model=model.seen_from("Groups"))
    has_chart = len({row[1] for row in effects.cells[1:] if row[0] != "warning"}) == 1
    page, spill = _write_answer(
        report,
        ("Groups", "The random effect of each group, on the log-odds scale"),
        "How far the log-odds of a group lie above or below those of a typical one, with the interval. The estimates "
        "are drawn towards zero, the more so the less a group's rows say.",
        effects,
        columns_beside=4,
        rows_above=ROWS_TAKEN if has_chart else 0,
    )
    if has_chart:
        ranked = write_ranks(page, spill)
        page.row = ranked.first - 2 - ROWS_TAKEN
        write_group_chart(report, page, spill.rows, ranked)
    page.print_on_pages()


def _write_check_sheet(report: Report, model: ModelCell) -> None:
    page, spill = _write_answer(
        report,
        ("Check", "Does the model make data like these?"),
        "200 data sets are simulated from the model. For each distinct row of its columns, or for bins of the fitted "
        "probability, stand the observed proportion of successes, the mean of the simulated ones and the interval in "
        "which nearly all of them lie. inside should mostly read TRUE. Below stand the quartiles of Pearson's "
        "residuals, and tests of residuals, whose p_value is the rank of a statistic among those of simulated data.",
        call("GLMM_BINOMIAL_CHECK", model=model.seen_from("Check")),
        columns_beside=2,
    )
    write_check_chart(report, page, spill)


def _write_answer(
    report: Report,
    title: tuple[str, str],
    paragraph: str,
    answer: Expression,
    *,
    columns_beside: int,
    rows_above: int = 0,
) -> tuple[Page, Spill]:
    """Write a sheet with the formula of a question and its table.

    Parameters
    ----------
    report
        The workbook.
    title, paragraph
        What the sheet is about: its name, a line below it, and a text.
    answer
        The formula, and what it gives.
    columns_beside, rows_above
        How much is left for a chart: columns beside the table for its numbers, rows above the table for itself.
    """
    widths = [max(NARROWEST, *(_length(row[i]) + 1 for row in answer.cells)) for i in range(len(answer.cells[0]))]
    page = report.page(title[0], [*(min(width, WIDEST_ANSWER) for width in widths), *[NARROWEST] * columns_beside])
    page.title(*title)
    page.paragraph(paragraph)
    page.skip(rows_above + 1)
    page.code("Formula", answer.shown)
    spill = write_spill(page, answer, style=style_in_blocks(page, answer.cells))
    page.skip()
    return page, spill


def _length(value: Cell) -> int:
    """How many characters a text has; numbers need no more than a column has."""
    return len(value) if isinstance(value, str) else 0
