"""The random effects of the groups in ascending order, with their intervals: a caterpillar with its extremes named."""

from collections.abc import Sequence
from dataclasses import dataclass

from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.chart_numbers import Block, ChartNumbers, Number
from glmm_binomial.writer.charts import Dots, Frame, Interval, add_dots, add_limits, add_named_dot, new_scatter, place
from glmm_binomial.writer.formula import Cell, content, number, text_of
from glmm_binomial.writer.page import Computed, Page, Report, fixed_cell, sheet_prefix
from glmm_binomial.writer.spill import Spill
from glmm_binomial.writer.style import AVERAGED, FITTED, STRESSED

NAMED = 3
"""At each end."""
POSITIONS = ("left", "below", "right", "left", "above", "right")
"""Of the names, which would otherwise lie on each other."""
KEY, RANK, PLACE, ESTIMATE, LOWER, UPPER, BELOW, ABOVE = range(8)
HEADERS = ("estimate", "rank", "row", "in order", "lower", "upper", "reach below", "reach above")
# the columns of the table of RANEF
GROUP, EFFECT, ESTIMATED, LOWER_LIMIT, UPPER_LIMIT = 0, 1, 2, 4, 5
# and of the block of the extremes
LINE, NAME, AT_RANK, AT_ESTIMATE = range(4)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A group: the row of the table it stands in, counted from one below the header, and its numbers."""

    place: int
    estimate: float
    lower: float
    upper: float


def write_caterpillar(
    report: Report, page: Page, numbers: ChartNumbers, spill: Spill, *, room: int, title: str, y_title: str
) -> None:
    """Draw the first random effect of each group, below what is already on the sheet.

    Parameters
    ----------
    report, page, numbers
        Where.
    spill
        The table of GLMM_BINOMIAL_RANEF.
    room
        How many rows of it are looked at, no fewer than it has; more, where it may grow.
    title, y_title
        What stands above and beside the chart.
    """
    ranked = in_order(spill.rows)
    block = numbers.add(HEADERS, _rows(numbers, spill, ranked, room))
    extremes = numbers.add(("line", "group", "rank", "estimate"), _extremes(numbers, spill, block, ranked))
    drawn = new_scatter(report)
    add_limits(drawn, block, RANK, LOWER, UPPER)
    padded = [*ranked, *[ranked[-1]] * (room - len(ranked))]
    reaches = [one.estimate - one.lower for one in padded], [one.upper - one.estimate for one in padded]
    interval = Interval(BELOW, ABOVE, reaches, AVERAGED)
    add_dots(drawn, block, Dots(RANK, ESTIMATE, "Random effect", FITTED, size=4, interval=interval))
    for line in range(2 * NAMED):
        dots = Dots(AT_RANK, AT_ESTIMATE, "", STRESSED, size=6)
        add_named_dot(drawn, extremes, line, dots, name=NAME, position=POSITIONS[line])
    frame = Frame(
        title=title,
        x_title="Groups in ascending order of their estimate",
        y_title=y_title,
        description="Chart: the random effects of the groups in ascending order with their intervals, extremes named",
        x_limits=(0, None),
        x_format="0",
    )
    place(page, drawn, frame, legend=None)


def in_order(rows: Sequence[Sequence[Cell]]) -> list[Ranked]:
    """The first effect of each group in ascending order; of equal estimates all have the first one's numbers."""
    found: dict[float, Ranked] = {}
    values: list[float] = []
    for line, row in enumerate(rows[1:], start=1):
        estimate = row[ESTIMATED]
        if row[EFFECT] == rows[1][EFFECT] and isinstance(estimate, float):
            values.append(estimate)
            limits = number(row[LOWER_LIMIT]), number(row[UPPER_LIMIT])
            found.setdefault(estimate, Ranked(line, estimate, *limits))
    return [found[value] for value in sorted(values)]


def _rows(numbers: ChartNumbers, spill: Spill, ranked: Sequence[Ranked], room: int) -> list[list[Number]]:
    block = numbers.next_block(room)
    keys, sheet = block.reference(KEY), sheet_prefix(spill.sheet)
    effect = spill.rows[1][EFFECT]
    rows: list[list[Number]] = []
    for k in range(1, room + 1):
        one = ranked[min(k, len(ranked)) - 1]
        rank, found, estimate, lower, upper = (block.at(k - 1, c) for c in (RANK, PLACE, ESTIMATE, LOWER, UPPER))
        effect_cell, value_cell = (f"{sheet}{fixed_cell(spill.top + k, c)}" for c in (EFFECT, ESTIMATED))
        row = spill.rows[k] if k < len(spill.rows) else ("",) * 6
        first_effect = f"{sheet}{fixed_cell(spill.top + 1, EFFECT)}"
        is_first = f"AND({text_of(effect_cell)}={text_of(first_effect)},ISNUMBER({value_cell}))"
        value = row[ESTIMATED] if row[EFFECT] == effect else ""
        rows.append(
            [
                Computed(f'=IF({is_first},{value_cell},"")', content(value) if isinstance(value, float) else ""),
                Computed(f"=MAX(1,MIN({k},COUNT({keys})))", float(min(k, len(ranked)))),
                Computed(f"=IFERROR(MATCH({estimate},{_column(spill, ESTIMATED, room)},0),1)", float(one.place)),
                Computed(f"=IFERROR(SMALL({keys},{rank}),0)", one.estimate),
                Computed(f"=IFERROR(0+INDEX({_column(spill, LOWER_LIMIT, room)},{found}),0)", one.lower),
                Computed(f"=IFERROR(0+INDEX({_column(spill, UPPER_LIMIT, room)},{found}),0)", one.upper),
                Computed(f"={estimate}-{lower}", one.estimate - one.lower),
                Computed(f"={upper}-{estimate}", one.upper - one.estimate),
            ]
        )
    return rows


def _extremes(numbers: ChartNumbers, spill: Spill, ranks: Block, ranked: Sequence[Ranked]) -> list[list[Number]]:
    block, count = numbers.next_block(2 * NAMED), len(ranked)
    counted, room = f"COUNT({ranks.reference(KEY)})", ranks.last - ranks.first + 1
    rows: list[list[Number]] = []
    for i in range(2 * NAMED):
        if i < NAMED:
            line, formula = min(i + 1, count), f"=MAX(1,MIN({i + 1},{counted}))"
        else:
            behind = 2 * NAMED - 1 - i
            line, formula = max(1, count - behind), f"=MAX(1,{counted}-{behind})"
        one, line_cell = ranked[line - 1], block.at(i, LINE)
        found = f"INDEX({ranks.reference(PLACE)},{line_cell})"
        rows.append(
            [
                Computed(formula, float(line)),
                Computed(f'=INDEX({_column(spill, GROUP, room)},{found})&""', _text(spill.rows[one.place][GROUP])),
                Computed(f"=INDEX({ranks.reference(RANK)},{line_cell})", float(line)),
                Computed(f"=INDEX({ranks.reference(ESTIMATE)},{line_cell})", one.estimate),
            ]
        )
    return rows


def _column(spill: Spill, column: int, room: int) -> str:
    """A column of the table below its header, as formulas on the hidden sheet have it."""
    return f"{sheet_prefix(spill.sheet)}{xl_range_abs(spill.top + 1, column, spill.top + room, column)}"


def _text(group: Cell) -> str:
    """A label as Excel joins it to a text."""
    return f"{group:g}" if isinstance(group, float) else str(group)
