"""The table of GLMM_BINOMIAL_CHECK: observed proportions over the intervals of those simulated from the model."""

from collections.abc import Sequence
from itertools import takewhile

from xlsxwriter.utility import xl_range_abs

from glmm_binomial.answers.check import MOST_PATTERNS
from glmm_binomial.writer.chart_numbers import ChartNumbers, Number
from glmm_binomial.writer.charts import Dots, Frame, Interval, add_dots, add_limits, new_scatter, place
from glmm_binomial.writer.formula import Cell, constant, number, place_of
from glmm_binomial.writer.page import Computed, Page, Report, sheet_prefix
from glmm_binomial.writer.spill import CHECK_BLOCKS, Spill
from glmm_binomial.writer.style import AVERAGED, FITTED, STRESSED

# what may stand below the rows of proportions: the check of the dispersion and the residuals
ENDS = ("chi-square / df", *CHECK_BLOCKS[:1])
# columns among which a header is looked up, wherever it stands in a recalculated table
COLUMNS = 30
LINE, OBSERVED, MEAN, LOWER, UPPER, BELOW, ABOVE = range(7)
HEADERS = ("row", "observed", "simulated_mean", "ci_lower", "ci_upper", "reach below", "reach above")


def write_check_chart(report: Report, page: Page, numbers: ChartNumbers, spill: Spill) -> None:
    """Draw the rows of the table below what is already on the sheet."""
    proportions = list(takewhile(lambda row: row[0] not in ENDS, spill.rows[1:]))
    rows = _rows(numbers, spill, proportions)
    block = numbers.add(HEADERS, rows)
    drawn = new_scatter(report)
    add_limits(drawn, block, LINE, LOWER, UPPER)
    below, above = ([number(_value(row[column])) for row in rows] for column in (BELOW, ABOVE))
    # narrower than the dots, which LibreOffice draws below it
    interval = Interval(BELOW, ABOVE, (below, above), AVERAGED, 2.25)
    simulated = Dots(LINE, MEAN, "Simulated: mean and interval", FITTED, "long_dash", 12, interval)
    add_dots(drawn, block, simulated)
    add_dots(drawn, block, Dots(LINE, OBSERVED, "Observed", STRESSED, size=8))
    frame = Frame(
        title="Observed proportions, and simulations of the model",
        x_title="Row of the table below",
        y_title="Proportion of successes",
        description="Chart: observed proportions, and the interval of those simulated from the model, for each row",
        x_limits=(0, None),
        x_step=1,
        x_format="0",
        y_limits=(0, None),
        y_format="0.0",
    )
    place(page, drawn, frame, legend=(0, 1))


def _rows(numbers: ChartNumbers, spill: Spill, proportions: Sequence[Sequence[Cell]]) -> list[list[Number]]:
    """Formulas that find the columns by their headers; the last row again where there are no more."""
    sheet, header = sheet_prefix(spill.sheet), list(spill.rows[0])
    first, last = spill.top + 1, spill.top + MOST_PATTERNS
    names = f"{sheet}{xl_range_abs(first, 0, last + len(ENDS), 0)}"
    headers = f"{sheet}{xl_range_abs(spill.top, 0, spill.top, COLUMNS - 1)}"
    table = f"{sheet}{xl_range_abs(first, 0, last, COLUMNS - 1)}"
    ends = ",".join(f"IFERROR({place_of(constant(end).text, names)},{MOST_PATTERNS + 1})" for end in ENDS)
    block = numbers.next_block(MOST_PATTERNS)
    rows: list[list[Number]] = []
    for k in range(1, MOST_PATTERNS + 1):
        line = min(k, len(proportions))
        line_cell = block.at(k - 1, LINE)
        picked = [number(proportions[line - 1][header.index(name)]) for name in HEADERS[OBSERVED:BELOW]]
        mean, lower, upper = picked[1:]
        mean_cell, lower_cell, upper_cell = (block.at(k - 1, column) for column in (MEAN, LOWER, UPPER))
        rows.append(
            [
                Computed(f"=MAX(1,MIN({k},MIN({ends})-1))", float(line)),
                *(
                    Computed(
                        f"=IFERROR(0+INDEX({table},{line_cell},{place_of(constant(name).text, headers)}),0)", value
                    )
                    for name, value in zip(HEADERS[OBSERVED:BELOW], picked, strict=True)
                ),
                Computed(f"={mean_cell}-{lower_cell}", mean - lower),
                Computed(f"={upper_cell}-{mean_cell}", upper - mean),
            ]
        )
    return rows


def _value(content: Number) -> Cell:
    return content.value if isinstance(content, Computed) else content
