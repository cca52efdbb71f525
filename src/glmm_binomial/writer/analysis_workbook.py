"""The analysis of one table of data: model, odds ratios, average effects, probabilities, groups and check, by formulas.

Everything follows when the model or the data change: what is picked from a table is looked up, and has room to grow.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from glmm_binomial.writer import fit_view, what_if
from glmm_binomial.writer.analysis_data import TABLE, write_data_sheet
from glmm_binomial.writer.answer import is_note, write_answer
from glmm_binomial.writer.chart_numbers import ChartNumbers
from glmm_binomial.writer.charts import CHART_ROWS
from glmm_binomial.writer.check_chart import write_check_chart
from glmm_binomial.writer.fit_table import HOW_TO_READ, WIDTHS, FitTable, write_fit
from glmm_binomial.writer.fit_view import write_view
from glmm_binomial.writer.formula import Cell, Expression, ask, call, constant
from glmm_binomial.writer.group_chart import write_caterpillar
from glmm_binomial.writer.odds_ratio_chart import write_forest
from glmm_binomial.writer.page import Computed, Page, Report, fixed_cell, new_report
from glmm_binomial.writer.spill import ModelCell, Spill, write_model
from glmm_binomial.writer.what_if import LAST_ROW

# of a column of numbers
NARROWEST = 13
WIDEST_ANSWER = 40
# of a page, so that texts and charts have room above a narrow table
LEAST_WIDTH = 124
DEFAULTS = {"method": "vb", "alpha": 0.05, "missing": "omit"}
# what the sheets have room for, where data do not need more
TERMS, TABLE_ROWS, GROUPS = 12, 60, 300
# rows below a table in which a recalculated one may have warnings
ROOM = 60

FOLLOWS = (
    "Change the model above or the data on the sheet Data, and all sheets follow: in Excel 2021 or 365 with the "
    "GLMM_BINOMIAL add-in at once; in LibreOffice Calc with the add-in once Ctrl+Shift+F9 was pressed, tables keeping "
    "the size they have here; without either by the command glmm-binomial recalc --all. Without the add-in Excel shows "
    "the stored results until it recalculates, and then #NAME?; the option --values writes a copy that shows its "
    "results everywhere."
)


TOO_SMALL = (
    "The table on the sheet Data ends before the data do. Click into it and drag the corner at its lower right, so "
    "that it holds all of them."
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is analysed, and how.

    Attributes
    ----------
    source
        What the data are, or the name of the file that they come from.
    header, rows
        The names of its columns, and its rows; None for a blank cell.
    formula
        The model, in lme4's notation.
    options
        `method`, `alpha` and `missing`.
    introduction
        What to do with the workbook.
    """

    source: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | float | bool | None]]
    formula: str
    options: Mapping[str, str | float]
    introduction: str = FOLLOWS


def write_analysis(
    target: Path | BinaryIO, analysis: Analysis, observer: Callable[[str], None], **properties: object
) -> None:
    """Write the workbook.

    Parameters
    ----------
    target
        The file, or where its bytes go.
    analysis
        A model that can be fitted.
    observer
        Is told in a few words what begins.
    **properties
        What the file says about itself, see `new_report`.

    Raises
    ------
    ValueError
        When a function answers with a message in the place of a model or a table.
    """
    observer("fitting the model")
    described = {"author": "glmm-binomial", **properties}
    with new_report(target, f"{analysis.formula}, {analysis.source}", **described) as report:
        numbers = ChartNumbers()
        page, model = _write_model(report, analysis)
        fit = _write_table_sheet(report, model)
        _write_warnings(page, fit)
        view = write_view(page, fit, terms=max(TERMS, _terms(fit)))
        write_forest(report, page, numbers, view)
        observer("averaging effects")
        _write_probability_sheet(report, model, analysis)
        observer("estimating groups")
        _write_group_sheet(report, numbers, model)
        observer("checking the model")
        _write_check_sheet(report, numbers, model)
        write_data_sheet(report, analysis.header, analysis.rows)
        numbers.write(report)


def _write_model(report: Report, analysis: Analysis) -> tuple[Page, ModelCell]:
    data = Expression(f"{TABLE}[#All]", [tuple(analysis.header), *map(tuple, analysis.rows)])
    given = {name: constant(value) for name, value in analysis.options.items() if value != DEFAULTS[name]}
    page = report.page("Analysis", fit_view.WIDTHS)
    page.title("Analysis", f"A binomial mixed model of {analysis.source}, {len(analysis.rows):,} rows")
    page.typed("Model", analysis.formula)
    written = Expression(fixed_cell(page.row - 1, 1), ((analysis.formula,),))
    page.skip()
    page.paragraph(analysis.introduction)
    page.skip()
    page.labelled("Data", _reach(analysis))
    model = write_model(page, call("GLMM_BINOMIAL_FORMULA", data=data, formula=written, **given), handle="GLMM@1")
    page.heading("Odds ratios")
    page.paragraph(
        "How many times the odds of a success, for rows of one and the same group, when a column rises by 1 or against "
        "the reference level of a factor; 1 means no difference. The row intercept gives the odds themselves where all "
        "columns are zero and all factors at their reference. All digits stand on the sheet Table."
    )
    return page, model


def _reach(analysis: Analysis) -> Computed[str]:
    """Say how many rows and columns the table of the data has, or that it ends before the data do."""
    table, rows, columns = f"{TABLE}[[#All]]", len(analysis.rows), len(analysis.header)
    filled = f"OR(COUNTA({TABLE}!$A$1:$A${LAST_ROW})>ROWS({table}),COUNTA({TABLE}!$1:$1)>COLUMNS({table}))"
    counted = f'ROWS({table})-1&" rows and "&COLUMNS({table})&" columns."'
    return Computed(f'=IF({filled},"{TOO_SMALL}",{counted})', f"{rows} rows and {columns} columns.")


def _write_table_sheet(report: Report, model: ModelCell) -> FitTable:
    table = call("GLMM_BINOMIAL_TABLE", model=model.seen_from("Table"))
    page = report.page("Table", WIDTHS)
    page.title("Table", "All that the fitted model says, with all digits in the cells")
    page.paragraph(HOW_TO_READ)
    page.skip()
    page.widen(1, max(len(str(row[1])) for row in table.cells if row[0] != "warning"))
    return write_fit(page, table, room=max(TABLE_ROWS, len(table.cells)))


def _write_warnings(page: Page, fit: FitTable) -> None:
    page.labelled("Warnings", fit.warnings, least_lines=2)
    page.skip()


def _terms(fit: FitTable) -> int:
    """How many fixed effects the table has."""
    return next(line for line, row in enumerate(fit.rows) if row[0] == "random_effects") - 1


def _write_probability_sheet(report: Report, model: ModelCell, analysis: Analysis) -> None:
    name = "Probabilities"
    effects = ask("GLMM_BINOMIAL_MARGINS", model=model.seen_from(name))
    page = report.page(name, [*[what_if.WIDTH] * (what_if.PRINTED - 1), WIDEST_ANSWER])
    page.title(name, "What odds ratios mean in probabilities")
    what_if.write_what_if(page, model, analysis.header, analysis.rows)
    page.skip()
    # a model without predictors has none
    if not effects.is_message:
        page.heading("Average effects")
        page.paragraph(
            "How much the probability of a success changes, averaged over the rows and groups. For each variable all "
            "rows are given one value and then the other, all else left as it is, and the probabilities are averaged "
            "over the rows and over the population of groups; for a column of numbers it is their mean slope per unit. "
            "number_needed is how many rows must be changed for one success more (NNTB) or one less (NNTH), a success "
            "taken for a benefit."
        )
        page.skip()
        write_answer(page, effects, room=ROOM)
    page.sheet.print_area(0, 0, page.row + len(effects.cells), what_if.PRINTED - 1)


def _write_group_sheet(report: Report, numbers: ChartNumbers, model: ModelCell) -> None:
    effects = call("GLMM_BINOMIAL_RANEF", model=model.seen_from("Groups"))
    room = max(GROUPS, len(effects.cells))

    def draw(page: Page, spill: Spill) -> None:
        title = "Random effect of each group, with its interval"
        write_caterpillar(report, page, numbers, spill, room=room, title=title, y_title="Random effect (log-odds)")

    _write_sheet(
        report,
        ("Groups", "The random effect of each group, on the log-odds scale"),
        "How far the log-odds of a group lie above or below those of a typical one, with the interval. The estimates "
        "are drawn towards zero, the more so the less a group's rows say. The chart shows the first effect of each "
        f"group, here as far as row {room:,} of the table, and names the three lowest and highest.",
        effects,
        draw=draw,
    )


def _write_check_sheet(report: Report, numbers: ChartNumbers, model: ModelCell) -> None:
    _write_sheet(
        report,
        ("Check", "Does the model make data like these?"),
        "200 data sets are simulated from the model. For each distinct row of its columns, or for bins of the fitted "
        "probability, stand the observed proportion of successes, the mean of the simulated ones and the interval in "
        "which nearly all of them lie. inside should mostly read TRUE. Below stand the quartiles of Pearson's "
        "residuals, and tests of residuals, whose p_value is the rank of a statistic among those of simulated data.",
        call("GLMM_BINOMIAL_CHECK", model=model.seen_from("Check")),
        draw=lambda page, spill: write_check_chart(report, page, numbers, spill),
    )


def _write_sheet(
    report: Report,
    title: tuple[str, str],
    paragraph: str,
    answer: Expression,
    *,
    draw: Callable[[Page, Spill], None] | None = None,
) -> None:
    """Write a sheet with the formula of a question and its table.

    Parameters
    ----------
    report
        The workbook.
    title, paragraph
        What the sheet is about: its name, a line below it, and a text.
    answer
        The formula, and what it gives.
    draw
        Draws a chart of the table from the page's row on, for which there is room above the table.
    """
    widths = [max(NARROWEST, *(_length(row[i]) + 1 for row in answer.cells)) for i in range(len(answer.cells[0]))]
    page = report.page(title[0], [*(min(width, WIDEST_ANSWER) for width in widths), max(3, LEAST_WIDTH - sum(widths))])
    page.title(*title)
    page.paragraph(paragraph)
    page.skip()
    above = page.row
    if draw is not None:
        page.skip(CHART_ROWS)
    spill = write_answer(page, answer, room=ROOM)
    if draw is not None:
        page.row = above
        draw(page, spill)


def _length(value: Cell) -> int:
    """How many characters a text has; numbers and notes need no more than a column has."""
    return len(value) if isinstance(value, str) and not is_note(value) else 0
