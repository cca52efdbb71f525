"""The odds ratios of a view of the fit, with their intervals: a forest."""

from collections.abc import Sequence

from glmm_binomial.writer.chart_numbers import ChartNumbers, Number
from glmm_binomial.writer.charts import AXIS_FONT, Dots, Frame, add_dots, label, new_scatter, place
from glmm_binomial.writer.fit_view import FitView
from glmm_binomial.writer.formula import Cell
from glmm_binomial.writer.page import Computed, Page, Report
from glmm_binomial.writer.style import FITTED

# beyond, intervals say no more than that nothing is known
LARGEST = 1e6
# the columns of the block; the height stands three times, beside the limits and the odds ratio of the same row
LINE, NAME, HEIGHT, LOWER, ESTIMATE, UPPER = 0, 1, 2, 5, 6, 7
HEADERS = ("line", "term", "height", "height", "height", "lower", "odds ratio", "upper")
SPACE = 22


def write_forest(report: Report, page: Page, numbers: ChartNumbers, view: FitView) -> None:
    """Draw the odds ratio of each term but the intercept, on a logarithmic axis, the first term on top."""
    block = numbers.add(HEADERS, _rows(numbers, view))
    lines = block.last - block.first + 1
    drawn = new_scatter(report)
    for line in range(lines):
        hidden = {"delete": True}
        drawn.add_series(
            {
                "name": block.across(line, NAME, NAME)[:3],
                "categories": block.across(line, LOWER, UPPER),
                "values": block.across(line, HEIGHT, HEIGHT + 2),
                "marker": {"type": "none"},
                "line": {"color": FITTED, "width": 1.75},
                "data_labels": {**label("above"), "custom": [hidden, {"font": AXIS_FONT}, hidden]},
            }
        )
    add_dots(drawn, block, Dots(ESTIMATE, HEIGHT, "Odds ratio", FITTED, "square", 7))
    frame = Frame(
        title="Odds ratios with their intervals",
        x_title="Odds ratio, on a logarithmic scale",
        y_title="",
        description="Chart: the odds ratio of each term with its interval, on a logarithmic scale",
        y_limits=(0, None),
        height=120 + SPACE * lines,
        logarithmic=True,
        without_y_labels=True,
    )
    place(page, drawn, frame, legend=None)


def _rows(numbers: ChartNumbers, view: FitView) -> list[list[Number]]:
    """Formulas that pick the terms from the view; the last term again where there are no more."""
    names = view.reference(0)
    # the intercept is left out, so there is one line less
    block = numbers.next_block(len(view.rows) - 1)
    chosen = _chosen([row[0] for row in view.rows])
    last = block.at(len(chosen) - 1, LINE)
    rows: list[list[Number]] = []
    for i, line in enumerate(chosen):
        shift = f'IF(INDEX({names},1)="intercept",1,0)+{i + 1}'
        before = block.at(i - 1, LINE) if i else "1"
        line_cell = block.at(i, LINE)
        height = Computed(f"={last}-{line_cell}+1", float(chosen[-1] - line + 1))
        rows.append(
            [
                Computed(f'=IF(INDEX({names},{shift})="",{before},{shift})', float(line)),
                # a blank name would be replaced by one of Excel's
                Computed(
                    f'=IF({line_cell}={before if i else 0}," ",INDEX({names},{line_cell})&"")',
                    " " if i and line == chosen[i - 1] else str(view.rows[line - 1][0]),
                ),
                *[height] * 3,
                *(_limited(view, column, line, line_cell) for column in (2, 1, 3)),
            ]
        )
    return rows


def _chosen(names: Sequence[Cell]) -> list[int]:
    """Which rows of the view are drawn, counted from one."""
    shift = 1 if names[0] == "intercept" else 0
    chosen: list[int] = []
    for line in range(1, len(names)):
        before = chosen[-1] if chosen else 1
        chosen.append(before if names[line + shift - 1] == "" else line + shift)
    return chosen


def _limited(view: FitView, column: int, line: int, line_cell: str) -> Computed[float]:
    found = f"INDEX({view.reference(column)},{line_cell})"
    value = view.rows[line - 1][column]
    shown = min(LARGEST, max(1 / LARGEST, value)) if isinstance(value, float) else 1.0
    limited = f"MIN({LARGEST:.0f},MAX({1 / LARGEST:g},{found}))"
    return Computed(f"=IF(ISNUMBER({found}),{limited},1)", shown)
