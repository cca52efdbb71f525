"""The weak prior of the Bayesian methods, on the standardised scale: b_j ~ N(0, 2^2), log sd_k ~ N(0, 1), LKJ(2).

Under the law LKJ(eta) of correlations the partial correlations tanh z_jl of K effects are independent, and z_jl has a
density in proportion to sech(z)^(2 eta + K - 1 - l) (Lewandowski, Kurowicka & Joe 2009, Journal of Multivariate
Analysis 100(9), section 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.effects import Parameters

FIXED_EFFECT_PRIOR_SD = 2.0
"""statsmodels' default."""

LOG_SD_PRIOR_SD = 1.0
"""statsmodels' default."""

LKJ_SHAPE = 2.0
"""Eta; 1 would be uniform over all matrices of correlations, more keeps away from correlations of one."""

FIXED_EFFECT_PRECISION = FIXED_EFFECT_PRIOR_SD**-2.0
LOG_SD_PRECISION = LOG_SD_PRIOR_SD**-2.0


@dataclass(frozen=True, slots=True)
class Prior:
    """Log prior density of theta (k + C,), -theta_j^2 precision_j / 2 - power_j log cosh theta_j summed over j.

    Attributes
    ----------
    precisions : (k + C,) array
        Zero for partial correlations.
    powers : (k + C,) array
        Zero for everything else.
    """

    precisions: NDArray[np.float64]
    powers: NDArray[np.float64]

    def values(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """At points (D, k + C), up to a constant, (D,)."""
        size = np.abs(points)
        log_cosh = size + np.log1p(np.exp(-2.0 * size))
        return np.asarray(-0.5 * points**2 @ self.precisions - log_cosh @ self.powers)

    def gradients(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """At points (..., k + C), of the same shape."""
        return np.asarray(-points * self.precisions - np.tanh(points) * self.powers)

    def curvatures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Negative second derivatives at points (..., k + C), of the same shape."""
        # sech^2, which does not overflow far out
        return np.asarray(self.precisions + self.powers * (1.0 - np.tanh(points) ** 2))


def prior_of(parameters: Parameters) -> Prior:
    """The prior of as many coefficients and effects of the same structure."""
    k, count, size = len(parameters.coefficients), parameters.effects.count, len(parameters.vector)
    precisions, powers = np.zeros(size), np.zeros(size)
    precisions[:k], precisions[k : k + count] = FIXED_EFFECT_PRECISION, LOG_SD_PRECISION
    place_in_row = np.concatenate([np.arange(1, j + 1) for j in range(count)]) if size > k + count else np.empty(0)
    powers[k + count :] = 2.0 * LKJ_SHAPE + count - 1.0 - place_in_row
    return Prior(precisions=precisions, powers=powers)
