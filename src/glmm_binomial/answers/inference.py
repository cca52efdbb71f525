"""Estimates, standard errors, limits and p-values of any quantities: by the delta method, or from a posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import norm

from glmm_binomial.estimation.law import law_of
from glmm_binomial.estimation.many_laws import normal_summaries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.law import Law

ROUNDING: Final = 1e-13
"""Spread of draws, relative to the largest, that is none."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What is known of m quantities, (m,) each.

    Attributes
    ----------
    estimates, std_errors : (m,) arrays
        Posterior means and SDs under "vb".
    p_values : (m,) array
        Two-sided, of zero; NaN for a quantity without uncertainty.
    lower, upper : (m,) arrays
        They exclude zero exactly when p is below alpha.
    """

    estimates: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    p_values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @property
    def z_statistics(self) -> NDArray[np.float64]:
        """Estimates over their standard errors; NaN without uncertainty."""
        return _ratios(self.estimates, self.std_errors)


def wald_inference(estimates: NDArray[np.float64], root: NDArray[np.float64], alpha: float) -> Inference:
    """Of estimates (m,) with covariance R R', R (m, d), taken for normal."""
    largest = np.abs(root).max(axis=1, initial=0.0)
    unit = np.where(largest > 0.0, largest, 1.0)
    std_errors = unit * np.linalg.norm(root / unit[:, None], axis=1)
    p_values = 2.0 * norm.sf(np.abs(_ratios(estimates, std_errors)))
    limits = normal_summaries(estimates, std_errors, alpha)
    return Inference(estimates, std_errors, p_values, limits.lower, limits.upper)


def _ratios(estimates: NDArray[np.float64], std_errors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(estimates / np.where(std_errors > 0.0, std_errors, np.nan))


def posterior_inference(
    draws: NDArray[np.float64], weights: NDArray[np.float64], alpha: float, *, laws: Sequence[Law | None] | None = None
) -> Inference:
    """Of draws (m, N) with weights (N,) that sum to one: one law of each gives both the limits and p.

    Parameters
    ----------
    draws : (m, N) array
    weights : (N,) array
    alpha : float
    laws : sequence of m Law or None, optional
        Where they are known; those of the draws otherwise, each scaled to unit size.
    """
    means = draws @ weights
    std_errors, p_values = draw_sds(draws, weights), np.full(len(draws), np.nan)
    lower, upper = means.copy(), means.copy()
    for i, values in enumerate(draws):
        largest = float(np.abs(values).max())
        if float(np.ptp(values)) <= ROUNDING * largest:
            std_errors[i] = 0.0
            continue
        known = None if laws is None else laws[i]
        # of unit size, so that no square of theirs vanishes
        law, unit = (law_of(values / largest, weights), largest) if known is None else (known, 1.0)
        lower[i], upper[i] = (unit * limit for limit in law.limits(alpha))
        p_values[i] = law.two_sided_p(0.0)
    return Inference(means, std_errors, p_values, lower, upper)


def draw_sds(draws: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """SDs (m,) of quantities of which there are draws (m, N) with weights (N,)."""
    return np.sqrt(np.maximum((draws - (draws @ weights)[:, None]) ** 2 @ weights, 0.0))
