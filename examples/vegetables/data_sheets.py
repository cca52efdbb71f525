"""The sheets Data and Making data: the records, and how such records are made from coefficients."""

from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.data_table import table_columns, write_data
from glmm_binomial.writer.formula import Expression, call, constant, number
from glmm_binomial.writer.page import Column, Computed, Content, Page, Report, cell, fixed_cell
from glmm_binomial.writer.spill import Spill, table_style, write_spill
from vegetables.study import CODED, COLUMNS, DAYS, PATTERNS, ROWS_PRINTED, TABLE, Study, matching

SEED = 1
# what the model finds in the article's data, rounded as its equation has it
TRUTH = (("intercept", -0.31), ("trt[treat]", 2.19), ("sex[male]", -0.63), ("trt[treat]:sex[male]", -1.22))
STD_DEV = 0.2
RECORD = ("id", "day")
GENERATED = 5


def write_data_sheet(report: Report, study: Study) -> None:
    page = report.page("Data", (12, 12, 16, 16, 12, 12, 12))
    page.title("Data", "One row per student and day: 250 students x 14 days = 3,500 rows")
    page.paragraph(
        "y is 1 when the student ate vegetables that day. Treatment and sex are text, as they were recorded. The "
        "columns treat and male make 0 and 1 of them by ordinary Excel formulas; the sheet Making data makes all "
        f"columns of the model by a single one. On paper only the first {ROWS_PRINTED // DAYS} of the 250 students "
        "appear."
    )
    page.skip()
    write_data(page, TABLE, columns=COLUMNS, rows=study.rows, printed_rows=ROWS_PRINTED)


def write_making_sheet(report: Report, study: Study) -> None:
    """Write the model's columns, and outcomes drawn from coefficients that one may change."""
    page = report.page("Making data", (23, 14, 18, 18, 24, 14))
    page.title("Making data", "Columns of 0 and 1 from text, and outcomes drawn from chosen coefficients")
    page.paragraph(
        f'The first formula codes "{CODED}", which stands for trt, sex and trt:sex. Of each text column the first '
        "level in alphabetical order, control and female, is the reference and gets 0; trt[treat]:sex[male], the "
        "product, is 1 for men in the treatment group. The formula of the model on the sheet Fit does so by itself. "
        "The second formula takes the coefficients and the standard deviation between students below, makes "
        "probabilities of them, draws a random effect for each student and then a 0 or 1 for each day. Change the "
        "green numbers, and other data are made; the last argument is the seed."
    )
    page.labelled(
        "The article",
        "makes its data in this way and then looks at the proportion of days with vegetables in each pattern: .4242, "
        ".8659, .2821 and .5071.",
    )
    page.skip()
    chosen = _write_truth(page)
    page.skip()
    proportions_at = page.row
    page.skip(len(PATTERNS) + 2)
    generated = _write_spills(page, study, chosen)
    below, page.row = page.row, proportions_at
    _write_proportions(page, study, generated)
    page.row = below


def _write_truth(page: Page) -> tuple[Expression, Expression]:
    """Write the numbers that data are made of, and return the ranges of the coefficients and of the SD."""
    page.table([Column("Coefficient", page.formats.text, is_text=True), Column("Value", page.formats.text)], [])
    first = page.row
    for name, value in (*TRUTH, ("SD between students", STD_DEV)):
        page.write(0, name)
        page.write(1, value, page.formats.input_number)
        page.row += 1
    coefficients = xl_range_abs(first, 1, first + len(TRUTH) - 1, 1)
    std_dev = fixed_cell(first + len(TRUTH), 1)
    return Expression(coefficients, [[value] for _, value in TRUTH]), Expression(std_dev, [[STD_DEV]])


def _write_spills(page: Page, study: Study, chosen: tuple[Expression, Expression]) -> Spill:
    coded = study.coded(CODED)
    students = table_columns(TABLE, study.rows, "id")
    coefficients, std_dev = chosen
    drawn = call(
        "GLMM_BINOMIAL_GENERATE",
        x=coded,
        groups=students,
        coefficients=coefficients,
        std_devs=std_dev,
        n_sim=constant(1.0),
        seed=constant(float(SEED)),
    )
    page.code("Formula", coded.shown)
    page.code("Formula", drawn.shown)
    page.skip()
    top = page.row
    write_spill(page, table_columns(TABLE, study.rows, *RECORD), style=table_style(page, codes=range(2)), top=top)
    write_spill(page, coded, style=table_style(page, codes=range(3)), top=top, left=len(RECORD))
    spill = write_spill(page, drawn, style=table_style(page, codes=(0,)), top=top, left=GENERATED)
    page.print_first_rows(top, ROWS_PRINTED)
    return spill


def _write_proportions(page: Page, study: Study, generated: Spill) -> None:
    """Compare the four patterns in the generated data with those in the article's."""
    formats = page.formats
    columns = (
        Column("Sex", formats.text, is_text=True),
        Column("Treatment", formats.text, is_text=True),
        Column("Generated here", formats.estimate),
        Column("In the sheet Data", formats.estimate),
    )
    place = xl_range_abs(generated.top + 1, GENERATED, generated.top + len(study.rows), GENERATED)
    rows: list[tuple[Content, ...]] = []
    for row, pattern in enumerate(PATTERNS, start=page.row + 1):
        conditions = matching(cell(row, 0), cell(row, 1))
        lines = [i for i, r in enumerate(study.rows, start=1) if (r["sex"], r["trt"]) == (pattern.sex, pattern.trt)]
        made = sum(number(generated.rows[line][0]) for line in lines) / len(lines)
        outcomes = study.outcomes_of(pattern)
        rows.append(
            (
                pattern.sex,
                pattern.trt,
                Computed(f"=AVERAGEIFS({place},{conditions})", made),
                Computed(f"=AVERAGEIFS({TABLE}[y],{conditions})", sum(outcomes) / len(outcomes)),
            )
        )
    page.table(columns, rows)
