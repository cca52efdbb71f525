"""The weak prior of the Bayesian methods, on the standardised scale: b_j ~ N(0, 2^2), log sd_k ~ N(0, 1), LKJ(2).

Under the law LKJ(eta) of correlations the partial correlations tanh z_jl of K effects are independent, and z_jl has a
density in proportion to sech(z)^(2 eta + K - 1 - l) (Lewandowski, Kurowicka & Joe 2009, Journal of Multivariate
Analysis 100(9), section 2.3).

Beside an offset an intercept has its prior about minus the mean of the offset: what adds a constant to the offset, such
as another unit of time, changes the intercept alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows

FIXED_EFFECT_PRIOR_SD = 2.0
"""statsmodels' default."""

LOG_SD_PRIOR_SD = 1.0
"""statsmodels' default."""

LKJ_SHAPE = 2.0
"""Eta; 1 would be uniform over all matrices of correlations, more keeps away from correlations of one."""

CONSTANT = 1e-8
"""Share of a constant that columns which make it may leave by rounding."""

FIXED_EFFECT_PRECISION = FIXED_EFFECT_PRIOR_SD**-2.0
LOG_SD_PRECISION = LOG_SD_PRIOR_SD**-2.0


@dataclass(frozen=True, slots=True)
class Prior:
    """Log prior density of theta (k + C,), up to a constant.

    The sum over j of -(theta_j - mean_j)^2 precision_j / 2 - power_j log cosh theta_j.

    Attributes
    ----------
    means : (k + C,) array
        Zero for everything but coefficients.
    precisions : (k + C,) array
        Zero for partial correlations.
    powers : (k + C,) array
        Zero for everything else.
    """

    means: NDArray[np.float64]
    precisions: NDArray[np.float64]
    powers: NDArray[np.float64]

    def values(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """At points (D, k + C), up to a constant, (D,)."""
        size = np.abs(points)
        log_cosh = size + np.log1p(np.exp(-2.0 * size))
        return np.asarray(-0.5 * (points - self.means) ** 2 @ self.precisions - log_cosh @ self.powers)

    def gradients(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """At points (..., k + C), of the same shape."""
        return np.asarray(-(points - self.means) * self.precisions - np.tanh(points) * self.powers)

    def curvatures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Negative second derivatives at points (..., k + C), of the same shape."""
        # sech^2, which does not overflow far out
        return np.asarray(self.precisions + self.powers * (1.0 - np.tanh(points) ** 2))


def prior_of(parameters: Parameters, coefficient_means: NDArray[np.float64]) -> Prior:
    """The prior of coefficients about their means (k,), see `prior_means`, and of effects of the same structure."""
    k, count, size = len(parameters.coefficients), parameters.effects.count, len(parameters.vector)
    means, precisions, powers = np.zeros(size), np.zeros(size), np.zeros(size)
    means[:k] = coefficient_means
    precisions[:k], precisions[k : k + count] = FIXED_EFFECT_PRECISION, LOG_SD_PRECISION
    place_in_row = np.concatenate([np.arange(1, j + 1) for j in range(count)]) if size > k + count else np.empty(0)
    powers[k + count :] = 2.0 * LKJ_SHAPE + count - 1.0 - place_in_row
    return Prior(means=means, precisions=precisions, powers=powers)


def prior_means(rows: Rows) -> NDArray[np.float64]:
    """Means (k,) of the coefficients' priors: zero, or where columns make a constant, minus the mean of an offset."""
    nothing = np.zeros(rows.fixed.shape[1])
    if rows.offset is None:
        return nothing
    level = np.full(len(rows.offset), -float(rows.trials @ rows.offset / rows.trials.sum()))
    found = np.asarray(np.linalg.lstsq(rows.fixed, level)[0], dtype=np.float64)
    return found if np.allclose(rows.fixed @ found, level, rtol=CONSTANT) else nothing
