"""Odds ratios with their intervals on a log axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.estimates import estimates_of
from glmm_binomial.answers.plots.picture import (
    BLACK,
    GREY,
    Plot,
    draw_intervals,
    label_rows,
    new_figure,
    on_one_line,
    percent,
    short_names,
    tidy,
)
from glmm_binomial.extras import require
from glmm_binomial.observations.cells import reject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM

MOST_ROWS: Final = 40
"""Columns that one picture shows: those farthest from 1 in standard errors."""

NAMED: Final = 3
"""Of the columns, in the sentence."""

INCHES_PER_ROW: Final = 0.3
INCHES_AROUND: Final = 1.3

WIDEST: Final = 4.0
"""Of the distances from 1 to the outermost estimate, or to the median limit where that is larger, how far the axis
reaches; limits beyond it end in an arrow."""

FARTHEST_LOG: Final = 600.0
"""Logarithm of an odds ratio up to which it is a number."""

NARROWEST: Final = 1e-6
"""How far the axis reaches at least."""

FEW_DECADES: Final = 0.7
MANY_DECADES: Final = 2.5
MOST_TICKS: Final = 6

NEAREST: Final = 0.08
"""Of the width of the axis, distance from 1 of the next number."""

FEWEST_DIGITS: Final = 3
MOST_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class OddsRatios:
    """Logarithms of m odds ratios.

    Attributes
    ----------
    names : tuple of m str
    logs, lower, upper : (m,) arrays
    left_out : int
        Columns that the picture has no room for.
    alpha : float
    """

    names: tuple[str, ...]
    logs: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    left_out: int
    alpha: float

    @property
    def apart(self) -> NDArray[np.bool_]:
        """Which intervals leave out 1, (m,)."""
        return np.asarray((self.lower > 0.0) | (self.upper < 0.0))


def forest(model: GLMM) -> Plot:
    """Draw the odds ratio of each column of x with the interval of the table.

    Raises
    ------
    InvalidInputError
        When the model has no columns.
    """
    found = _odds_ratios(model)
    return Plot(figure=forest_figure(found), sentence=forest_sentence(found))


def _odds_ratios(model: GLMM) -> OddsRatios:
    estimates, first = estimates_of(model), int(model.design.scale.intercept)
    names = estimates.fixed_names[first:]
    if not names:
        reject('kind must be another than "forest": the model has no columns of x, and so no odds ratios.')
    farthest = np.argsort(-np.abs(estimates.z_statistics[first:]), kind="stable")
    shown = np.sort(farthest[:MOST_ROWS])
    return OddsRatios(
        names=tuple(names[i] for i in shown),
        logs=estimates.coefficients[first:][shown],
        lower=estimates.ci_lower[first:][shown],
        upper=estimates.ci_upper[first:][shown],
        left_out=len(names) - len(shown),
        alpha=estimates.alpha,
    )


def forest_figure(found: OddsRatios) -> Figure:
    """One row for each column, the first on top; a line at 1; the numbers on the right."""
    rows = len(found.names)
    figure = new_figure(INCHES_AROUND + INCHES_PER_ROW * rows)
    axes = figure.add_subplot()
    reach = _reach(found)
    axes.axvline(0.0, color=GREY, linewidth=1.0)
    lower, upper = np.clip(found.lower, -reach, reach), np.clip(found.upper, -reach, reach)
    level = percent(found.alpha)
    draw_intervals(
        axes,
        np.arange(rows, dtype=np.float64),
        values=np.clip(found.logs, -reach, reach),
        lower=lower,
        upper=upper,
        apart=found.apart,
        words=(f"{level} interval holds 1", f"{level} interval leaves out 1"),
    )
    for beyond, marker, at in ((found.lower < -reach, "<", -reach), (found.upper > reach, ">", reach)):
        if beyond.any():
            axes.plot(np.full(beyond.sum(), at), np.flatnonzero(beyond), marker, color=BLACK, markersize=4)
    label_rows(axes, short_names(list(found.names)))
    for row in range(rows):
        axes.text(1.02, row, _shown(found, row), transform=axes.get_yaxis_transform(), va="center", fontsize="small")
    tidy(axes, grid="x")
    _set_ticks(axes, lower, upper)
    axes.set_xlabel("odds ratio, log scale")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _reach(found: OddsRatios) -> float:
    """How far from 1 the axis goes, on the log scale."""
    limits = np.abs(np.concatenate([found.lower, found.upper]))
    typical = max(float(np.abs(found.logs).max()), float(np.median(limits)))
    return min(max(WIDEST * typical, NARROWEST), FARTHEST_LOG)


def _set_ticks(axes: Axes, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> None:
    """Odds ratios that are round numbers; the axis itself counts their logarithms."""
    low, high = min(float(lower.min()), -NARROWEST), max(float(upper.max()), NARROWEST)
    margin = 0.04 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    values = round_ratios(low - margin, high + margin)
    axes.set_xticks(np.log(values), [f"{value:.7g}" for value in values])


def round_ratios(low: float, high: float) -> NDArray[np.float64]:
    """Round numbers between exp(low) and exp(high): evenly spaced, then 1, 2 and 5, then powers of ten."""
    decades = (high - low) / np.log(10.0)
    if decades < FEW_DECADES:
        ticker = require("matplotlib.ticker", extra="plot", purpose="The picture")
        values = np.asarray(ticker.MaxNLocator(MOST_TICKS - 1).tick_values(np.exp(low), np.exp(high)))
        values = values[values > 0.0]
        # 1 has its own place, and no other so near that they overlap
        values = np.sort(np.r_[1.0, values[np.abs(np.log(values)) > NEAREST * (high - low)]])
    else:
        powers = np.arange(np.floor(low / np.log(10.0)), np.ceil(high / np.log(10.0)) + 1.0)
        if decades > MANY_DECADES:
            # 1 is always among them
            values = 10.0 ** powers[powers % np.ceil(decades / MOST_TICKS) == 0.0]
        else:
            values = np.outer(10.0**powers, [1.0, 2.0, 5.0]).ravel()
    return np.asarray(values[(values >= np.exp(low)) & (values <= np.exp(high)) & (values > 0.0)])


def _shown(found: OddsRatios, row: int) -> str:
    """With as many digits as tell estimate and limits apart."""
    numbers = [float(np.exp(min(each[row], FARTHEST_LOG))) for each in (found.lower, found.logs, found.upper)]
    for digits in range(FEWEST_DIGITS, MOST_DIGITS):
        low, middle, high = (f"{number:.{digits}g}" for number in numbers)
        if len({low, middle, high}) == len(numbers):
            break
    return f"{middle} ({low} to {high})"


def forest_sentence(found: OddsRatios) -> str:
    """How many intervals leave out 1, and the odds ratios farthest from it."""
    half_widths = np.where(found.upper > found.lower, found.upper - found.lower, np.inf)
    order = np.argsort(-np.abs(found.logs) / half_widths, kind="stable")[:NAMED]
    named = "; ".join(f"{on_one_line(found.names[i])} {_shown(found, i)}" for i in order)
    rest = f" {found.left_out} more columns, nearer to 1 in standard errors, are not drawn." if found.left_out else ""
    among = f"{int(found.apart.sum())} of {len(found.names)}"
    return (
        f"Odds ratios with {percent(found.alpha)} intervals, on a log axis: {among} intervals leave out 1. "
        f"Farthest from 1 for the width of its interval: {named}.{rest}"
    )
