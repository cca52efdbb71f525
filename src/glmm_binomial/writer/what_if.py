"""Rows to predict, to be typed over, and their probabilities."""

from collections.abc import Sequence

from xlsxwriter.utility import xl_col_to_name, xl_range_abs

from glmm_binomial.writer.analysis_data import TABLE, Value
from glmm_binomial.writer.answer import write_answer
from glmm_binomial.writer.formula import Cell, Expression, ask, content
from glmm_binomial.writer.page import Computed, Page
from glmm_binomial.writer.spill import ModelCell

ROWS = 8
# columns of the data that are taken over, where there are no more; those that are printed
COLUMNS, PRINTED = 26, 10
WIDTH = 18
# of the data, so far as rows are taken over; of whole columns `recalc` sees nothing where they are blank
LAST_ROW = 100_001


def write_what_if(page: Page, model: ModelCell, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    """Write some rows of the data, evenly spaced, and what the model predicts for them.

    Parameters
    ----------
    page
        A sheet with `PRINTED` columns of `WIDTH` or more.
    model
        The model.
    header, rows
        The data.
    """
    page.heading("Rows of your own")
    page.paragraph(
        "The green rows are some rows of the data. Type over them whatever you wish to know: only the columns of the "
        "model matter. In the column of the groups a label of the data brings that group's own effect, any other label "
        "stands for a typical group, with random effects of zero. In the table below stands a row for each: the "
        "probability with its interval, and population_average, the mean over all groups of the population."
    )
    page.skip()
    typed = _write_rows(page, header, rows)
    page.skip()
    write_answer(page, ask("GLMM_BINOMIAL_PREDICT", model=model.on(page), new_data=typed))


def _write_rows(page: Page, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> Expression:
    columns, top = max(COLUMNS, len(header)), page.row
    counted = sum(row[0] is not None for row in rows[: LAST_ROW - 1])
    shown: list[list[Cell]] = [[*header, *[""] * (columns - len(header))]]
    for column in range(columns):
        letter = xl_col_to_name(column)
        name = Computed(f'=IF({TABLE}!{letter}$1="","",{TABLE}!{letter}$1)', str(shown[0][column]))
        page.write(column, name, page.formats.header)
    for k in range(ROWS):
        page.row += 1
        place = k * max(counted - 1, 0) // (ROWS - 1)
        row = rows[place]
        shown.append(["" if i >= len(header) or row[i] is None else row[i] for i in range(columns)])
        line = f"2+INT({k}*MAX(0,COUNTA({TABLE}!$A$1:$A${LAST_ROW})-2)/{ROWS - 1})"
        for column in range(columns):
            letter = xl_col_to_name(column)
            found = f"INDEX({TABLE}!{letter}$1:{letter}${LAST_ROW},{line})"
            style = page.formats.input_cell if column < PRINTED else None
            page.write(column, Computed(f'=IF({found}="","",{found})', content(shown[-1][column])), style)
    page.row += 1
    return Expression(xl_range_abs(top, 0, page.row - 1, columns - 1), shown)
