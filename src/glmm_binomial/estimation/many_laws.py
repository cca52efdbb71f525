"""Means, SDs and limits of many quantities at once, from weighted draws of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtri

from glmm_binomial.estimation.law import FEWEST_BEYOND, TAIL_POINTS, monotone

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BINS: Final = 1_024
"""Into which the range of each quantity is divided: some hundredths of an SD each."""

MOST_EXACT: Final = 2_000
"""Quantities up to which all draws are used; beyond, it is the first few, for the time's sake."""

FEWER_DRAWS: Final = 1_024
ROWS_AT_ONCE: Final = 256
"""Quantities whose draws are held in memory together."""

ITERATIONS: Final = 60


@dataclass(frozen=True, slots=True)
class Summaries:
    """Means, SDs and limits of m quantities, (m,) each."""

    means: NDArray[np.float64]
    sds: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def normal_summaries(means: NDArray[np.float64], sds: NDArray[np.float64], alpha: float) -> Summaries:
    """Summaries of quantities that are taken for normal, with limits at a confidence level of one minus alpha."""
    reach = -float(ndtri(alpha / 2.0)) * sds
    return Summaries(means=means, sds=sds, lower=means - reach, upper=means + reach)


def draws_for(quantities: int, draws: int) -> int:
    """How many of so many draws to use for a number of quantities."""
    return draws if quantities <= MOST_EXACT else min(draws, FEWER_DRAWS)


def normal_scores(count: int, draws: int) -> NDArray[np.float64]:
    """Standard normal numbers (K, N), evenly spread and unrelated to the draws, for what varies beside them.

    Multiples of powers of the root of x^(K + 1) = x + 1, for K = 1 the golden ratio (Roberts 2018, "The unreasonable
    effectiveness of quasirandom sequences").
    """
    root = 1.5
    for _ in range(ITERATIONS):
        root = (1.0 + root) ** (1.0 / (count + 1.0))
    steps = root ** -np.arange(1.0, count + 1.0)
    return np.asarray(ndtri((np.outer(steps, np.arange(1, draws + 1)) + 0.5) % 1.0))


def summarize(values: NDArray[np.float64], weights: NDArray[np.float64], alpha: float) -> Summaries:
    """Summaries of quantities of which there are weighted draws.

    Parameters
    ----------
    values : (m, N) array
    weights : (N,) array
        They sum to one; a few may be negative.
    alpha : float
        One minus the confidence level of the limits, which are quantiles, or where few draws lie beyond continue the
        tail on the scale of normal scores (see `Law`).
    """
    means = values @ weights
    sds = np.sqrt(np.maximum((values - means[:, None]) ** 2 @ weights, 0.0))
    low, high = values.min(axis=1), values.max(axis=1)
    width = (high - low) / BINS
    bins = np.minimum(((values - low[:, None]) / np.where(width > 0.0, width, 1.0)[:, None]).astype(np.intp), BINS - 1)
    bins += BINS * np.arange(len(values))[:, None]
    counts = np.bincount(bins.ravel(), weights=np.tile(weights, len(values)), minlength=BINS * len(values))
    below = np.cumsum(np.asarray(counts, dtype=np.float64).reshape(len(values), BINS), axis=1)
    if counts.min() < 0.0:
        below = monotone(below)

    def quantile(probability: float) -> NDArray[np.float64]:
        upper = np.minimum((below < probability).sum(axis=1), BINS - 1)
        rows = np.arange(len(values))
        before = np.where(upper > 0, below[rows, upper - 1], 0.0)
        inside = np.maximum(below[rows, upper] - before, np.finfo(np.float64).tiny)
        share = np.clip((probability - before) / inside, 0.0, 1.0)
        return np.asarray(low + (upper + share) * width)

    return Summaries(
        means=means,
        sds=sds,
        lower=_limit(quantile, alpha / 2.0, values.shape[1], side=-1),
        upper=_limit(quantile, alpha / 2.0, values.shape[1], side=1),
    )


def _limit(
    quantile: Callable[[float], NDArray[np.float64]], tail: float, draws: int, *, side: int
) -> NDArray[np.float64]:
    """The value with a probability beyond it on one side."""

    def beyond(probability: float) -> NDArray[np.float64]:
        return quantile(probability if side < 0 else 1.0 - probability)

    outermost, outer = FEWEST_BEYOND / draws, TAIL_POINTS / draws
    if tail >= outermost:
        return beyond(tail)
    scale = (beyond(outermost) - beyond(outer)) / (ndtri(outer) - ndtri(outermost))
    return np.asarray(beyond(outermost) + scale * (ndtri(outermost) - ndtri(tail)))
