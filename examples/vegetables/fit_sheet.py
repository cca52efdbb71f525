"""The sheets Fit and Summary: the model by maximum likelihood beside the article's, and by the default method."""

from glmm_binomial.writer.chart_numbers import ChartNumbers
from glmm_binomial.writer.fit_table import HOW_TO_READ, ROOM_AROUND, FitTable, write_fit
from glmm_binomial.writer.fit_view import write_view
from glmm_binomial.writer.formula import call, constant
from glmm_binomial.writer.odds_ratio_chart import write_forest
from glmm_binomial.writer.page import Column, Computed, Content, Page, Report, cell
from glmm_binomial.writer.spill import ModelCell, write_model, write_spill
from vegetables.study import (
    ARTICLE_AIC,
    ARTICLE_LOG_LIKELIHOOD,
    ARTICLE_SD,
    ML,
    RIGHT,
    TERMS,
    Study,
)

WIDTHS = (24, 23, 13, 13, 13, 13, 13, 13, 13)
# for the view of the fit and its chart, above the table
VIEW_ROWS = 40
# of the summary, in its first column
LONGEST_LINE = 52


def write_fit_sheet(report: Report, numbers: ChartNumbers, study: Study) -> tuple[ModelCell, FitTable]:
    """Write the model and its table, which all sheets after it ask."""
    page = report.page("Fit", WIDTHS)
    page.title("Fit", "Logistic regression with a random intercept for each student")
    page.paragraph(
        f'The formula of the model, "{RIGHT}", is in the notation of R: y depends on treatment, sex and their '
        "interaction, and every id has a random intercept of its own. Columns of text become factors by themselves. "
        'The last argument, "ml", asks for the estimates under which the data are most probable (maximum likelihood). '
        "That is what R's lme4 computes, so the sheets of this workbook use it wherever they compare with the article."
    )
    page.skip()
    model = write_model(page, study.model(RIGHT, method=ML), handle="GLMM@1")
    _write_equation(page, model)
    above = page.row
    page.skip(VIEW_ROWS)
    page.break_page()
    page.heading("The table")
    page.paragraph(HOW_TO_READ)
    fit = write_fit(page, call("GLMM_BINOMIAL_TABLE", model=model.on(page)))
    page.skip(ROOM_AROUND)
    page.heading("Beside the article")
    _write_beside_article(page, fit)
    page.skip(2)
    _write_default(page, study)
    page.row = above
    page.heading("What it says")
    page.paragraph(
        "Odds ratios picked from the table below by ordinary formulas, and what describes the model. The row intercept "
        "gives the odds themselves, of women in the control group."
    )
    page.skip()
    write_forest(report, page, numbers, write_view(page, fit))
    return model, fit


def _write_equation(page: Page, model: ModelCell) -> None:
    page.heading("As an equation")
    page.labelled(
        "The article", "writes the model with its numbers as an equation, and the students' effect as N(0, 0.20^2)."
    )
    equation = call("GLMM_BINOMIAL_REPORT", model=model.on(page), style=constant("equation"))
    page.code("Formula", equation.shown)
    write_spill(page, equation, style=lambda *_: page.formats.text)
    page.skip()


def _write_default(page: Page, study: Study) -> None:
    page.heading("By the default method")
    page.paragraph(
        'Here the model stands within the formula that asks for its table, and without "ml": the method is then "vb",'
        " a Bayesian fit with weak prior knowledge, which is a little more honest where groups are few. With 250 "
        "students the coefficients agree to within about 0.01. The standard deviation between students is larger, "
        "0.21 instead of 0.20: the data hardly say how far it is from zero, and the prior keeps it away from zero.",
    )
    write_fit(page, call("GLMM_BINOMIAL_TABLE", model=study.model(RIGHT)))


def write_summary_sheet(report: Report, model: ModelCell) -> None:
    """Write the model as lme4 prints it."""
    page = report.page("Summary", (56, 13, 13, 13, 13, 13))
    page.title("Summary", "The model as lme4's summary() prints it")
    page.labelled(
        "The article",
        "reads here the coefficients -0.30840, 2.18835, -0.63440 and -1.21669, the significance codes, the "
        "log-likelihood -2061.2 and the AIC 4132.4.",
    )
    page.skip()
    summary = call("GLMM_BINOMIAL_REPORT", model=model.on(page), style=constant("summary"))
    page.code("Formula", summary.shown)
    page.skip()
    for line, row in enumerate(summary.cells):
        if len(str(row[0])) > LONGEST_LINE:
            page.raise_row(page.row + line, 2)
    formats = page.formats
    write_spill(page, summary, style=lambda _, column, __: formats.code if column == 0 else formats.code_right)


def _write_beside_article(page: Page, fit: FitTable) -> None:
    page.labelled(
        "The article",
        "reports the numbers in the columns on the right, computed with lme4. They differ by less than 0.001, the "
        "standard deviation by 0.005, for one reason: lme4 approximates the likelihood by Laplace's method, while "
        "GLMM_BINOMIAL integrates over the random effects until more accuracy changes nothing.",
    )
    page.skip()
    formats = page.formats
    columns = (
        Column("Quantity", formats.text, is_text=True),
        Column("In the model", formats.text, is_text=True),
        Column("Estimate\nhere", formats.estimate),
        Column("Estimate in\nthe article", formats.published),
        Column("Std. error\nhere", formats.estimate),
        Column("Std. error in\nthe article", formats.published),
    )
    first = page.row + 1
    page.table(columns, _rows_beside_article(fit, first))


def _rows_beside_article(fit: FitTable, first: int) -> list[tuple[Content, ...]]:
    rows: list[tuple[Content, ...]] = []
    for line, (term, kind) in enumerate(zip(TERMS, ("intercept", "treatment", "sex", "interaction"), strict=True)):
        coefficient, std_error = (
            fit.term(cell(first + line, 0), term.name, column) for column in ("coefficient", "std_error")
        )
        rows.append((term.name, kind, coefficient, term.coefficient, std_error, term.std_error))
    others: tuple[tuple[str, str, Computed[float], float], ...] = (
        ("SD", "random intercept", fit.random_intercept("std_dev"), ARTICLE_SD),
        ("log-likelihood", "whole model", fit.statistic("log_likelihood"), ARTICLE_LOG_LIKELIHOOD),
        ("AIC", "whole model", fit.statistic("aic"), ARTICLE_AIC),
    )
    return rows + [(*other, "", "") for other in others]
