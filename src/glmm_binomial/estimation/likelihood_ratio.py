"""How far log L falls when one coefficient is zero: at a glance, along the tangent of its profile, and in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.integrator import integrator_of
from glmm_binomial.estimation.profile_walk import Walk, enter
from glmm_binomial.model.effects import Parameters
from glmm_binomial.model.rows import orthonormalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.model.rows import Rows

LARGEST_LOG_SD_STEP = 2.0
"""Of a tangent, beyond which it leads nowhere."""

SMALL_CHANGE = 1.0
"""Of a linear predictor, over which the logistic density is nearly quadratic."""


def tangent_drop(rows: Rows, fit: Fit, combination: NDArray[np.float64]) -> float | None:
    """Twice the drop of log L to where a combination (k,) of the coefficients is zero, along Wald's tangent.

    Were log L quadratic, it would be the square of the z statistic. All other parameters move as the observed
    information says; the integrals take the fewest nodes, whose errors are far below what matters here.

    Parameters
    ----------
    rows : Rows
        Standardised.
    fit : Fit
        By maximum likelihood.
    combination : (k,) array
        Of the standardised coefficients.

    Returns
    -------
    float or None
        None when no predictor changes by so much on the way that log L could be anything but nearly quadratic.
    """
    there = _at_zero(fit, combination)
    if np.abs(rows.fixed @ (there.coefficients - fit.coefficients)).max() < SMALL_CHANGE:
        return None
    here = _estimates(fit)
    return 2.0 * (_rough_value(rows, fit, here) - _rough_value(rows, fit, there))


def likelihood_ratio(rows: Rows, fit: Fit, combination: NDArray[np.float64]) -> float | None:
    """Twice the drop of log L to its maximum with a combination (k,) of the coefficients at zero; None if not found."""
    turned = orthonormalize(rows)
    weights = np.linalg.solve(turned.triangle.T, combination)
    free = np.linalg.qr(weights[:, None], mode="complete")[0][:, 1:]
    held = turned.rows.with_fixed(turned.rows.fixed @ free)
    start = _at_zero(fit, combination)
    parameters = Parameters(coefficients=free.T @ (turned.triangle @ start.coefficients), effects=start.effects)
    walk = Walk(held, enter(held, fit.active, parameters, _modes(fit)))
    return 2.0 * (fit.log_likelihood - walk.point.state.value) if walk.settle() else None


def _estimates(fit: Fit) -> Parameters:
    return Parameters(coefficients=fit.coefficients, effects=fit.active_effects)


def _modes(fit: Fit) -> NDArray[np.float64]:
    return fit.modes[:, fit.active]


def _at_zero(fit: Fit, combination: NDArray[np.float64]) -> Parameters:
    """Where the quadratic model of log L is largest among the points at which the combination is zero."""
    k = len(fit.coefficients)
    covariance = fit.covariance_root @ (fit.covariance_root[:k].T @ combination)
    step = -float(combination @ fit.coefficients) / float(combination @ covariance[:k]) * covariance
    of_effects = step[k:] if fit.correlations is not None else step[k:][fit.active]
    here = _estimates(fit)
    of_effects = np.clip(of_effects[: len(here.effects.vector)], -LARGEST_LOG_SD_STEP, LARGEST_LOG_SD_STEP)
    return here.moved(np.concatenate([step[:k], of_effects]))


def _rough_value(rows: Rows, fit: Fit, parameters: Parameters) -> float:
    return integrator_of(rows, fit.active, parameters, _modes(fit), rough=True).value_at_point()
