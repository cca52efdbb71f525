"""The sheet Contrasts: the treatment within each sex as odds ratios, in probabilities, and averaged over all."""

from glmm_binomial.writer.answer import write_answer
from glmm_binomial.writer.formula import Expression, call, constant
from glmm_binomial.writer.page import Page, Report
from glmm_binomial.writer.spill import ModelCell

WIDTHS = (31, 15, 15, 12, 12, 12, 12, 12, 12, 28)
WITHIN = constant("trt | sex")


def write_contrast_sheet(report: Report, model: ModelCell) -> None:
    page = report.page("Contrasts", WIDTHS)
    page.title("Contrasts", "What the treatment does among women and among men")
    page.labelled(
        "The article",
        "reads the interaction: the treatment multiplies the odds by 8.92 among women and by less among men; and warns "
        "that an odds ratio is no ratio of probabilities.",
    )
    page.skip()
    asked = {"model": model.on(page), "by": WITHIN}
    _write(
        page,
        "Odds ratios within each sex",
        "Control against treatment: 1 / 0.1120 is the 8.93 of the sheet Fit, and 1 / 0.3783, or 2.64, the odds ratio "
        "among men. The interval belongs to p_value; p_adjusted allows for two comparisons (Holm).",
        call("GLMM_BINOMIAL_CONTRAST", **asked),
    )
    _write(
        page,
        "The same in probabilities",
        "Days with vegetables without the treatment less those with it, averaged over the population of students: 44 "
        "of 100 days among women, 23 among men.",
        call("GLMM_BINOMIAL_CONTRAST", **asked, compare=constant("pairwise"), scale=constant("difference")),
    )
    _write(
        page,
        "Average effects",
        "The same question for all students together: each is given the treatment and then not, and the probabilities "
        "are averaged. number_needed says how many days with the treatment it takes for one day with vegetables more.",
        call("GLMM_BINOMIAL_MARGINS", model=model.on(page)),
    )
    _write(
        page,
        "As a table for a paper",
        "Odds ratios, intervals and p-values as journals print them.",
        call("GLMM_BINOMIAL_REPORT", model=model.on(page)),
    )


def _write(page: Page, heading: str, paragraph: str, answer: Expression) -> None:
    page.heading(heading)
    page.paragraph(paragraph)
    page.skip()
    write_answer(page, answer)
    page.skip()
