"""The law of one quantity, from a weighted sample of it: quantiles and tail probabilities of one monotone function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr, ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_BEYOND: Final = 50
"""Points beyond which the sample says too little, so that its tail is continued."""

TAIL_POINTS: Final = 200
"""Outermost points of either side that say how the tail goes on."""

PARABOLA_POINTS: Final = 41
FARTHEST_SCORE: Final = 1e3
SMALLEST_PROBABILITY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Law:
    """A distribution function F as a table of normal scores, Phi^-1(F(x)), with straight lines between.

    Attributes
    ----------
    values, scores : (L,) arrays
        Both increase.
    """

    values: NDArray[np.float64]
    scores: NDArray[np.float64]

    def limits(self, alpha: float) -> tuple[float, float]:
        """The values beyond which lies a probability of alpha / 2 on either side."""
        reach = float(-ndtri(alpha / 2.0))
        lower, upper = np.interp([-reach, reach], self.scores, self.values)
        return float(lower), float(upper)

    def two_sided_p(self, value: float) -> float:
        """Twice the smaller probability of lying beyond a value; it is never zero."""
        score = float(self.scores_of(np.array(value)))
        return max(2.0 * float(ndtr(-abs(score))), SMALLEST_PROBABILITY)

    def scores_of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normal scores of values of any shape."""
        return np.asarray(np.interp(values, self.values, self.scores))


def monotone(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the least function above that does not decrease along the last axis, and the largest one below."""
    above = np.maximum.accumulate(values, axis=-1)
    below = np.minimum.accumulate(values[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(0.5 * (above + below))


def law_of(values: NDArray[np.float64], weights: NDArray[np.float64], score_of_zero: float | None = None) -> Law:
    """The law of a sample (N,) with weights (N,) that sum to one, a few of which may be negative.

    Between the outermost `FEWEST_BEYOND` points of either side it is that of the sample, its cumulated weights made
    monotone. Beyond, normal scores go on in a straight line, whose slope is that of the least-squares line through the
    scores of the outermost `TAIL_POINTS`; where the score of zero, which lies out there, is known, on a parabola of the
    same slope that leads there.
    """
    order = np.argsort(values)
    sorted_values, sorted_weights = values[order], weights[order]
    cumulated = monotone(np.cumsum(sorted_weights) - 0.5 * sorted_weights)
    inner = slice(FEWEST_BEYOND, len(order) - FEWEST_BEYOND)
    smallest = 0.5 / len(order)
    x, scores = sorted_values[inner], ndtri(np.clip(cumulated[inner], smallest, 1.0 - smallest))
    rises = np.append(True, (np.diff(scores) > 0.0) & (np.diff(x) > 0.0))
    x, scores = x[rises], scores[rises]
    upper = _tail(x[-TAIL_POINTS:], scores[-TAIL_POINTS:], score_of_zero)
    turned = None if score_of_zero is None else -score_of_zero
    # the lower tail is the upper one of what is turned around
    lower = _tail(-x[:TAIL_POINTS][::-1], -scores[:TAIL_POINTS][::-1], turned)
    return Law(
        values=np.concatenate([-lower.values[::-1], x, upper.values]),
        scores=np.concatenate([-lower.scores[::-1], scores, upper.scores]),
    )


def _tail(x: NDArray[np.float64], scores: NDArray[np.float64], score_of_zero: float | None) -> Law:
    """How a law goes on above the last of points (x, score)."""
    centred = x - x.mean()
    # squares of the units of a column of enormous numbers would underflow
    unit = float(np.abs(centred).max())
    shares = centred / (unit or 1.0)
    slope = float(shares @ scores / (shares @ shares) / unit) if unit else np.inf
    if score_of_zero is None or x[-1] >= 0.0 or score_of_zero <= scores[-1]:
        return Law(values=np.array([x[-1] + FARTHEST_SCORE / slope]), scores=np.array([scores[-1] + FARTHEST_SCORE]))
    way, rise = -x[-1], score_of_zero - scores[-1]
    # a parabola through both ends, of that slope at the first; it rises as long as the slope is below twice the chord's
    slope = min(slope, 1.9 * rise / way)
    share = np.linspace(0.0, 1.0, PARABOLA_POINTS)[1:]
    on_it = scores[-1] + slope * way * share + (rise - slope * way) * share**2
    last_slope = 2.0 * rise / way - slope
    return Law(
        values=np.append(x[-1] + way * share, FARTHEST_SCORE / last_slope),
        scores=np.append(on_it, score_of_zero + FARTHEST_SCORE),
    )
