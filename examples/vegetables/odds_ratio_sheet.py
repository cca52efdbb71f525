"""The sheet Odds ratios: each term with its profile-likelihood interval, beside Wald's and the article's."""

from glmm_binomial.writer.fit_table import FitTable
from glmm_binomial.writer.formula import call
from glmm_binomial.writer.page import Column, Content, Page, Report, cell
from glmm_binomial.writer.spill import ModelCell
from interval_table import ESTIMATE, LOWER, UPPER, WALD_LOWER, WALD_UPPER, IntervalTable, write_intervals
from vegetables.study import ARTICLE_ODDS_RATIO, ARTICLE_ODDS_RATIO_LIMITS, ML, TERMS, Study

AMONG_MEN = 'y ~ trt * C(sex, Treatment("male")) + (1 | id)'
# the tables of the formulas begin here, counted from zero: below what is read off them
TABLES_AT = 28
LIMITS = (LOWER, UPPER, WALD_LOWER, WALD_UPPER)


def write_odds_ratio_sheet(report: Report, study: Study, model: ModelCell, fit: FitTable) -> IntervalTable:
    """Write the sheet and return the table of all intervals."""
    page = report.page("Odds ratios", (22, 42, 13, 14, 14, 13, 13, 11))
    page.row = TABLES_AT
    table, men = _write_tables(page, study, model)
    page.row = 0
    page.title("Odds ratios", "How many times the odds of a vegetable day, for one and the same student")
    page.paragraph(
        "An odds ratio of 2 means that the odds (days with vegetables for each day without) are twice as high; 1 means "
        "no difference. An interval covers the true odds ratio with 95 % confidence; when it excludes 1, the "
        "difference is larger than chance would explain. Profile limits follow the likelihood itself; Wald limits "
        "assume that it is symmetric about the estimate, which is simpler and here nearly the same. All by maximum "
        "likelihood."
    )
    page.skip()
    _write_terms(page, table, fit)
    page.skip()
    _write_beside_article(page, table)
    page.skip()
    _write_men(page, men)
    if page.row > TABLES_AT:
        raise ValueError(f"the tables must begin at row {page.row} or later")
    return table


def _write_tables(page: Page, study: Study, model: ModelCell) -> tuple[IntervalTable, IntervalTable]:
    page.heading("The table behind: all terms")
    page.paragraph("Under fixed_effects the terms are on the log-odds scale; under odds_ratios they are odds ratios.")
    table = write_intervals(page, call("GLMM_BINOMIAL_CONFINT", model=model.on(page)))
    page.skip(4)
    page.heading("The table behind: men as reference")
    page.paragraph(
        "Here the model stands within the formula, with men as the reference; trt[treat] is now the treatment's "
        "effect among men.",
    )
    return table, write_intervals(page, call("GLMM_BINOMIAL_CONFINT", model=study.model(AMONG_MEN, method=ML)))


def _write_terms(page: Page, table: IntervalTable, fit: FitTable) -> None:
    formats = page.formats
    columns = (*_interval_columns(page), Column("p-value", formats.p_value))
    rows: list[tuple[Content, ...]] = []
    for row, term in enumerate(TERMS, start=page.row + 1):
        name = cell(row, 0)
        numbers = (table.odds_ratio(name, term.name, column) for column in (ESTIMATE, *LIMITS))
        rows.append((term.name, term.meaning, *numbers, fit.term(name, term.name, "p_value")))
    page.table(columns, rows)


def _interval_columns(page: Page) -> tuple[Column, ...]:
    formats = page.formats
    return (
        Column("Term", formats.text, is_text=True),
        Column("What the odds ratio compares", formats.text, is_text=True),
        Column("Odds ratio", formats.estimate),
        Column("Profile interval,\nlower", formats.estimate),
        Column("Profile interval,\nupper", formats.estimate),
        Column("Wald interval,\nlower", formats.estimate),
        Column("Wald interval,\nupper", formats.estimate),
    )


def _write_beside_article(page: Page, table: IntervalTable) -> None:
    page.labelled(
        "The article",
        f"reports {ARTICLE_ODDS_RATIO} for the treatment among women, exp(trttreat) in R, with the profile interval "
        "from 7.02 to 11.45.",
    )
    formats = page.formats
    columns = (
        Column("Odds ratio", formats.text, is_text=True),
        Column("What it compares", formats.text, is_text=True),
        *(
            Column(f"{number}\n{where}", formats.estimate if where == "here" else formats.published)
            for number in ("Odds ratio", "Lower limit", "Upper limit")
            for where in ("here", "in the article")
        ),
    )
    treat, name = TERMS[1], cell(page.row + 1, 0)
    estimate, lower, upper = (table.odds_ratio(name, treat.name, column) for column in (ESTIMATE, LOWER, UPPER))
    article_lower, article_upper = ARTICLE_ODDS_RATIO_LIMITS
    numbers = (estimate, ARTICLE_ODDS_RATIO, lower, article_lower, upper, article_upper)
    page.table(columns, [(treat.name, treat.meaning, *numbers)])


def _write_men(page: Page, men: IntervalTable) -> None:
    page.heading("The treatment among men")
    page.paragraph(
        "Among men the treatment multiplies the odds by the product of two odds ratios above, trt[treat] and "
        'trt[treat]:sex[male]. For its interval the formula has C(sex, Treatment("male")) in the place of sex: men '
        "are then the reference, and trt[treat] speaks of men. The model is the same, only written differently."
    )
    numbers = (men.odds_ratio('"trt[treat]"', "trt[treat]", column) for column in (ESTIMATE, *LIMITS))
    page.table(_interval_columns(page), [("trt[treat] for men", "Treatment against control, among men", *numbers)])
