"""The sheets Random effects and Students: how much students differ, and each student's estimate."""

from analysis import Coefficient, write_spread
from glmm_binomial.writer.chart_numbers import ChartNumbers
from glmm_binomial.writer.fit_table import FitTable
from glmm_binomial.writer.formula import Expression, call
from glmm_binomial.writer.group_chart import write_caterpillar
from glmm_binomial.writer.page import Column, Page, Report
from glmm_binomial.writer.spill import ModelCell, Spill, format_rows, table_style, write_spill, write_warnings
from interval_table import ESTIMATE, LOWER, UPPER, IntervalTable
from vegetables.study import ARTICLE_SD, ARTICLE_SD_LIMITS

ROWS_PRINTED = 45
ROOM = 260


def write_group_sheets(
    report: Report, numbers: ChartNumbers, *, model: ModelCell, fit: FitTable, intervals: IntervalTable
) -> None:
    """Write both sheets: first what is read off the table of students, then the table."""
    reading = report.page("Random effects", (11, 62, 11, 11, 11, 11, 11, 11))
    students = report.page("Students", (12, 16, 16, 16, 16, 16))
    effects = call("GLMM_BINOMIAL_RANEF", model=model.on(students))
    spill = _write_students(students, effects)
    _write_reading(reading, fit, intervals)
    title = "Random effect of each student, with its interval; the three lowest and highest by their number"
    write_caterpillar(
        report, reading, numbers, spill, room=len(spill.rows) - 1, title=title, y_title="Random effect (log-odds)"
    )


def _write_reading(page: Page, fit: FitTable, intervals: IntervalTable) -> None:
    page.title("Random effects", "How much students of the same sex and treatment differ")
    page.paragraph(
        "Each student has a random effect: how far the student's log-odds of a vegetable day lie above or below those "
        "of the pattern. Their standard deviation (SD) says how much students differ; all here is by maximum "
        "likelihood."
    )
    page.skip()
    write_spread(
        page,
        fit,
        intercept=_intercept(fit),
        group="students",
        baseline="Probability for women in the control group",
    )
    page.skip()
    _write_beside_article(page, intervals)
    page.skip()
    page.paragraph(
        "The chart shows the random effect of each of the 250 students with its 95 % interval, in ascending order; the "
        "numbers are on the sheet Students. Every interval holds zero: no student stands out from the pattern. The "
        "estimates are drawn towards zero, as 14 days say little about one student when students differ little."
    )
    page.skip()


def _intercept(fit: FitTable) -> Coefficient:
    found = fit.term('"intercept"', "intercept", "coefficient")
    return Coefficient(found.formula.removeprefix("="), found.value)


def _write_beside_article(page: Page, intervals: IntervalTable) -> None:
    page.labelled(
        "The article",
        "reports an SD of 0.1986 with the profile interval from 0 to 0.3454 (lme4, Laplace's approximation). The lower "
        "limit of zero means: the data do not exclude that students of one pattern are all alike.",
    )
    formats = page.formats
    columns = (
        Column("Quantity", formats.text, is_text=True),
        Column("What it says", formats.text, is_text=True),
        *(
            Column(f"{number}\n{where}", formats.estimate if where == "here" else formats.published)
            for number in ("Estimate", "Lower limit", "Upper limit")
            for where in ("here", "in the article")
        ),
    )
    estimate, lower, upper = (intervals.std_dev(column) for column in (ESTIMATE, LOWER, UPPER))
    numbers = (estimate, ARTICLE_SD, lower, ARTICLE_SD_LIMITS[0], upper, ARTICLE_SD_LIMITS[1])
    page.table(columns, [("SD", "Standard deviation between students, with its 95 % profile interval", *numbers)])


def _write_students(page: Page, effects: Expression) -> Spill:
    page.title("Students", "The random effect of each of the 250 students, on the log-odds scale")
    page.paragraph(
        "std_dev and the interval hold the uncertainty of the coefficients and of the SD between students as well. "
        f"They are drawn on the sheet Random effects. On paper only the first {ROWS_PRINTED} rows appear."
    )
    page.code("Formula", effects.shown)
    write_warnings(page, rows=effects.cells, room=ROOM)
    page.skip()
    top = page.row
    format_rows(page, last=5, room=ROOM)
    spill = write_spill(page, effects, style=table_style(page, codes=(0, 1)), top=top)
    page.print_first_rows(top, ROWS_PRINTED)
    return spill
