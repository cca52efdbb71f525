"""The charts of an analysis."""

import math
from collections.abc import Sequence
from itertools import takewhile

from glmm_binomial.writer.charts import (
    Boxes,
    Dots,
    Frame,
    Reach,
    Rows,
    Series,
    write_boxes,
    write_dots,
    write_ranking,
)
from glmm_binomial.writer.formula import Cell, number
from glmm_binomial.writer.page import Column, Computed, Page, Report, cell
from glmm_binomial.writer.ranking import REACH, SORTED, sorted_effects
from glmm_binomial.writer.spill import CHECK_BLOCKS, Spill
from glmm_binomial.writer.style import AVERAGED, FITTED, STRESSED

OddsRatios = Sequence[Sequence[Computed[float | str]]]

# beyond, intervals say no more than that nothing is known
LARGEST_ODDS_RATIO = 1e6
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def write_odds_ratio_chart(report: Report, page: Page, terms: OddsRatios, *, top: int) -> None:
    """Draw the odds ratios of the terms, which stand from a row on, with their intervals on a logarithmic axis."""
    limits = [row[i].value for row in terms for i in (2, 3)]
    numbers = [limit for limit in limits if isinstance(limit, float) and limit > 1 / LARGEST_ODDS_RATIO]
    if not numbers or len(numbers) < len(limits) or max(numbers) > LARGEST_ODDS_RATIO:
        page.paragraph("There is no chart: no terms, or limits that lie too far apart to be drawn.")
        return
    low, high = math.floor(math.log10(min(numbers))), math.ceil(math.log10(max(numbers)))
    frame = Frame(
        title="Odds ratios with their intervals",
        x_title="Term",
        y_title="Odds ratio, on a logarithmic scale",
        y_limits=(10.0 ** min(low, -1), 10.0 ** max(high, 1)),
        y_step=None,
        y_format="General",
        description="Dot chart: the odds ratio of each term with its interval",
        logarithmic=True,
    )
    below, above = (Reach(i, [float(row[i].value) for row in terms]) for i in (5, 6))
    series = Series(1, "Odds ratio", FITTED, (below, above), FITTED, 1.5)
    write_dots(report, page, frame, Rows(page.name, top, top + len(terms) - 1, (0, 0)), [Dots(series)])


def write_group_chart(report: Report, page: Page, effects: Sequence[Sequence[Cell]], ranked: Rows) -> None:
    """Draw the random effect of each group in ascending order."""
    pairs = sorted_effects(effects)
    reaches = [upper - estimate for estimate, upper in pairs]
    low = min(estimate - reach for (estimate, _), reach in zip(pairs, reaches, strict=True))
    limits, step = _nice_limits(low, max(upper for _, upper in pairs))
    frame = Frame(
        title="Random effect of each group, with its interval",
        x_title="Groups in ascending order of their estimate",
        y_title="Random effect (log-odds)",
        y_limits=limits,
        y_step=step,
        y_format="General",
        description="Scatter chart: the random effects of the groups in ascending order with their intervals",
    )
    interval = Reach(REACH, reaches), Reach(REACH, reaches)
    write_ranking(
        report, page, frame, ranked, Dots(Series(SORTED, "Random effect", FITTED, interval, AVERAGED), size=4)
    )


def write_check_chart(report: Report, page: Page, spill: Spill) -> None:
    """Draw observed proportions over the interval of simulated ones, for each row of a table of CHECK."""
    header = list(spill.rows[0])
    # below them may stand the check of the dispersion, which is no proportion, and the residuals
    rows = list(takewhile(lambda row: row[0] not in ("chi-square / df", *CHECK_BLOCKS), spill.rows[1:]))
    lower, upper, mean, observed = (header.index(n) for n in ("ci_lower", "ci_upper", "simulated_mean", "observed"))
    beside = len(header)
    _write_beside(page, spill, [(number(row[lower]), number(row[upper])) for row in rows], (lower, upper))
    limits, step = _nice_limits(0.0, max(max(number(row[upper]), number(row[observed])) for row in rows))
    binned = header[0] == "bin"
    frame = Frame(
        title="Observed proportions, and simulations of the model",
        x_title="Fitted probability, in bins" if binned else "Row of the table",
        y_title="Proportion of successes",
        y_limits=limits,
        y_step=step,
        description="Chart: observed proportions, and the interval of those simulated from the model, for each row",
    )
    dots = (
        Dots(Series(mean, "Mean of the simulations", FITTED), symbol="long_dash", size=12),
        Dots(Series(observed, "Observed", STRESSED), size=8),
    )
    boxes = Boxes(lower, Series(beside + 1, "Interval of the simulations", AVERAGED))
    name = 0 if binned else beside
    where = Rows(page.name, spill.top + 1, spill.top + len(rows), (name, name))
    write_boxes(report, page, frame, where, boxes=boxes, dots=dots)


def _write_beside(page: Page, spill: Spill, limits: Sequence[tuple[float, float]], columns: tuple[int, int]) -> None:
    """Number the rows of a table of CHECK, and take the height of their intervals, which the chart draws as boxes."""
    below, page.row = page.row, spill.top
    described = (
        Column("Chart: row", page.formats.count),
        Column("Chart: height of box", page.formats.muted_estimate),
    )
    rows = []
    for i, (lower, upper) in enumerate(limits, start=1):
        lower_cell, upper_cell = (cell(spill.top + i, column) for column in columns)
        rows.append((float(i), Computed(f"={upper_cell}-{lower_cell}", upper - lower)))
    page.table(described, rows, left=len(spill.rows[0]))
    page.row = below


def _nice_limits(low: float, high: float) -> tuple[tuple[float, float], float]:
    """Round limits of an axis outwards, with the step that does it."""
    rough = (high - low) / 5 or 1.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in STEPS if factor * size >= rough)
    return (math.floor(low / step) * step, math.ceil(high / step) * step), step
