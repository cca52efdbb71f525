"""The sheets Data and Design: the records, and the columns of the model made of them."""

from glmm_binomial.writer.data_table import table_columns, write_data
from glmm_binomial.writer.page import Report
from glmm_binomial.writer.spill import table_style, write_spill
from vegetables.study import CODED, COLUMNS, DAYS, ROWS_PRINTED, TABLE, Study


def write_data_sheet(report: Report, study: Study) -> None:
    page = report.page("Data", (12, 12, 16, 16, 12, 12, 12))
    page.title("Data", "One row per student and day: 250 students x 14 days = 3,500 rows")
    page.paragraph(
        "y is 1 when the student ate vegetables that day. Treatment and sex are text, as they were recorded. The "
        "columns treat and male make 0 and 1 of them by ordinary Excel formulas; the sheet Design makes all columns of "
        f"the model by a single one. On paper only the first {ROWS_PRINTED // DAYS} of the 250 students appear."
    )
    page.skip()
    write_data(page, TABLE, columns=COLUMNS, rows=study.rows, printed_rows=ROWS_PRINTED)


def write_design_sheet(report: Report, study: Study) -> None:
    page = report.page("Design", (14, 14, 18, 18, 24))
    page.title("Design", "Treatment, sex and their interaction as columns of 0 and 1")
    page.paragraph(
        f'The formula below codes "{CODED}", which stands for trt, sex and trt:sex. Of each text column the first '
        "level in alphabetical order, control and female, is the reference and gets 0; trt[treat] is 1 in the "
        "treatment group, sex[male] is 1 for men, and trt[treat]:sex[male], their product, is 1 for men in the "
        "treatment group. The formula of the model on the sheet Fit codes its columns in the same way by itself; this "
        "sheet shows how. The columns id and day repeat the data, so that a row can be read."
    )
    page.skip()
    coded = study.coded(CODED)
    page.code("Formula", coded.shown)
    page.skip()
    top = page.row
    record = table_columns(TABLE, study.rows, "id", "day")
    write_spill(page, record, style=table_style(page, codes=range(2)), top=top)
    write_spill(page, coded, style=table_style(page, codes=range(3)), top=top, left=2)
    page.print_first_rows(top, ROWS_PRINTED)
