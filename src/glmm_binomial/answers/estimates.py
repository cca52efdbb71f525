"""A fit -> Estimates on the user's scale: Wald statistics, odds ratios, variances, information criteria, icc."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import numpy as np
from scipy.stats import norm

from glmm_binomial.answers.notices import notices
from glmm_binomial.estimation.fitted_model import GLMM, fit_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Method, Observations

Arguments = ParamSpec("Arguments")

LOGISTIC_VARIANCE = np.pi**2 / 3.0
"""Variance of the standard logistic distribution: what varies within groups on the latent scale."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What was estimated, on the scale of the user's columns (k fixed and K random effects, G groups).

    Attributes
    ----------
    method : {"vb", "ml", "mean-field"}
    fixed_names : tuple of k str
    coefficients : (k,) array
        Log odds ratios per unit of the column.
    covariance : (k, k) array
    std_errors, z_statistics, p_values : (k,) arrays
        p is two-sided, from the normal distribution.
    ci_lower, ci_upper : (k,) arrays
        Wald limits at confidence 1 - alpha.
    odds_ratios : (k,) array
        Infinite where the coefficient exceeds 709.
    random_names : tuple of K str
    std_devs, variances : (K,) arrays
        Of the random effects, per unit of the column of x_random.
    log_sd_std_errors : (K,) array
        Standard errors of the log SDs; zero for an SD of zero.
    group_labels : tuple of G labels
    random_effects : (G, K) array
    log_likelihood : float
        Marginal, with all constants.
    aic, bic : float
        Fixed effects and variance components count as parameters, rows of data as observations.
    alpha : float
    observations : int
        Rows of data.
    rows_omitted : int
        Rows of a table that are left out since something is missing in them.
    trials : int or None
        Their sum, when y holds successes.
    icc : float
        Intraclass correlation of the random intercept on the latent scale, sd^2 / (sd^2 + pi^2 / 3).
    nodes : int or None
        Quadrature nodes per random effect; None under Laplace's approximation.
    converged : bool
    largest_score : float
        Largest absolute derivative, on the standardised scale, left of what was maximised.
    notices : tuple of str
        What a reader must be warned of.
    """

    method: Method
    fixed_names: tuple[str, ...]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    z_statistics: NDArray[np.float64]
    p_values: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    odds_ratios: NDArray[np.float64]
    random_names: tuple[str, ...]
    std_devs: NDArray[np.float64]
    variances: NDArray[np.float64]
    log_sd_std_errors: NDArray[np.float64]
    group_labels: tuple[object, ...]
    random_effects: NDArray[np.float64]
    log_likelihood: float
    aic: float
    bic: float
    alpha: float
    observations: int
    rows_omitted: int
    trials: int | None
    icc: float
    nodes: int | None
    converged: bool
    largest_score: float
    notices: tuple[str, ...]


def estimate(observations: Observations, design: Design, fit: Fit, found: tuple[str, ...]) -> Estimates:
    """Bring a fit back to the user's scale and compute what a table shows."""
    k = len(fit.coefficients)
    coefficients = design.scale.back_transform @ fit.coefficients
    root = design.scale.back_transform @ fit.covariance_root[:k]
    covariance = root @ root.T
    std_errors = np.sqrt(np.diag(covariance))
    z_statistics = coefficients / std_errors
    reach = norm.isf(observations.options.alpha / 2.0) * std_errors
    with np.errstate(over="ignore"):
        odds_ratios = np.exp(coefficients)
    std_devs = fit.sds / design.scale.random_scales
    log_likelihood = fit.log_likelihood + design.log_binomial
    parameters = k + len(std_devs)
    rows = len(observations.successes)
    return Estimates(
        method=fit.method,
        fixed_names=design.scale.fixed_names,
        coefficients=coefficients,
        covariance=covariance,
        std_errors=std_errors,
        z_statistics=z_statistics,
        p_values=2.0 * norm.sf(np.abs(z_statistics)),
        ci_lower=coefficients - reach,
        ci_upper=coefficients + reach,
        odds_ratios=odds_ratios,
        random_names=design.scale.random_names,
        std_devs=std_devs,
        variances=std_devs**2,
        log_sd_std_errors=np.sqrt(np.diag(fit.covariance)[k:]),
        group_labels=observations.group_labels,
        random_effects=fit.random_effects / design.scale.random_scales,
        log_likelihood=log_likelihood,
        aic=-2.0 * log_likelihood + 2.0 * parameters,
        bic=-2.0 * log_likelihood + float(np.log(rows)) * parameters,
        alpha=observations.options.alpha,
        observations=rows,
        rows_omitted=observations.rows_omitted,
        trials=int(observations.trials.sum()) if observations.trials_given else None,
        icc=float(std_devs[0] ** 2 / (std_devs[0] ** 2 + LOGISTIC_VARIANCE)),
        nodes=fit.nodes,
        converged=fit.converged,
        largest_score=fit.largest_score,
        notices=found,
    )


def estimates_of(model: GLMM) -> Estimates:
    """The estimates of a fitted model on the user's scale, with the warnings that belong to them."""
    found = notices(model.observations, model.design, model.fit)
    return estimate(model.observations, model.design, model.fit, found)


def _then_estimates(make: Callable[Arguments, GLMM]) -> Callable[Arguments, Estimates]:
    @wraps(make)
    def estimates(*arguments: Arguments.args, **options: Arguments.kwargs) -> Estimates:
        return estimates_of(make(*arguments, **options))

    estimates.__name__ = estimates.__qualname__ = "fit"
    return estimates


fit = _then_estimates(fit_model)
"""Estimates of the model that `fit_model` fits, with its arguments."""
