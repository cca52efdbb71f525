"""How far out zero lies in the laws of coefficients whose sample does not reach it, by the posterior's height there.

The normal score of zero is nearly the signed root r = -+ sqrt(2 [l(mode) - l(0)]), l(0) the largest log posterior at
which the coefficient is zero (DiCiccio & Martin 1991, Biometrika 78(4), whose next term, of order log(r) / r, is left
out). Against integrated marginal densities log10 p is within 7 % down to p of 1e-52.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.law import FEWEST_BEYOND
from glmm_binomial.estimation.posterior_mode import highest_with_zero

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.log_posterior import LogPosterior
    from glmm_binomial.estimation.posterior_mode import PosteriorMode

SHORTCUTS: Final = 2
SMALL_GAIN: Final = 0.1
"""Steps with the curvature of the mode, and the promise of the last, relative to log p(mode) - log p, that is small."""

FARTHEST: Final = 38.0
"""SDs from zero beyond which a tail probability is zero in double precision, whatever the tail's shape."""


def scores_of_zero(
    posterior: LogPosterior, mode: PosteriorMode, combinations: NDArray[np.float64], draws: NDArray[np.float64]
) -> tuple[float | None, ...]:
    """Normal scores of zero, one for each of m linear combinations of theta.

    Parameters
    ----------
    posterior : LogPosterior
        Its centre is left where the search ended.
    mode : PosteriorMode
    combinations : (m, k + C) array
    draws : (N, k + C) array
        Of the posterior.

    Returns
    -------
    tuple of float or None
        None where the draws reach beyond zero, so that they know better, or zero is too far for any probability.
    """
    values = draws @ combinations.T
    beyond = reached_beyond_zero(values)
    covariance = np.linalg.inv(mode.at.information)
    responses = combinations @ covariance
    at_mode, variances = combinations @ mode.at.point, (responses * combinations).sum(axis=1)
    sought = np.flatnonzero((beyond < FEWEST_BEYOND) & (at_mode**2 <= FARTHEST**2 * variances))
    scores: list[float | None] = [None] * len(combinations)
    if not len(sought):
        return tuple(scores)
    # all at once, as though the posterior were curved there as at its mode
    directions = responses[sought] / variances[sought, None]
    nearest = mode.at.point - at_mode[sought, None] * directions
    points, heights, is_far = nearest.copy(), np.empty(len(sought)), np.ones(len(sought), dtype=bool)
    for _ in range(SHORTCUTS):
        found = posterior.slopes(np.vstack([mode.at.point, points[is_far]]))
        top, gradients = found.values[0], found.gradients[1:]
        steps = gradients @ covariance
        steps -= (steps * combinations[sought[is_far]]).sum(axis=1)[:, None] * directions[is_far]
        gains = (steps * gradients).sum(axis=1)
        # half of what a step promises is what it brings
        heights[is_far] = found.values[1:] + 0.5 * gains
        points[is_far] += steps / np.maximum(1.0, np.abs(steps).max(axis=1, keepdims=True))
        is_far[is_far] = gains > SMALL_GAIN * np.maximum(1.0, top - heights[is_far])
        if not is_far.any():
            break
    for j in np.flatnonzero(is_far):
        combination = combinations[sought[j]]
        highest = highest_with_zero(posterior, nearest[j], combination / np.linalg.norm(combination))
        heights[j] = posterior.values(highest[None])[0]
    for i, height in zip(sought, heights.tolist(), strict=True):
        scores[i] = float(-np.sign(at_mode[i]) * np.sqrt(2.0 * max(top - height, 0.0)))
    return tuple(scores)


def reached_beyond_zero(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """How many of the draws (N, m) of m quantities lie on the rarer side of zero, (m,)."""
    return np.asarray(np.minimum((values > 0.0).sum(axis=0), (values < 0.0).sum(axis=0)))
