"""Design -> Fit: the estimates of one method on the standardised scale, with what is needed to judge them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.elbo import FIXED_EFFECT_PRIOR_SD, LOG_SD_PRIOR_SD
from glmm_binomial.likelihood import evaluate, maximize_likelihood
from glmm_binomial.marginal import MarginalState, Parameters
from glmm_binomial.separation import Separation, describe_separation, fit_logistic_start
from glmm_binomial.variational import VariationalFit, fit_variational

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.design import Design
    from glmm_binomial.observations import Method

CACHED_FITS: Final = 32

CONVERGED_DISTANCE: Final = 3e-5
"""Distance to the optimum, in standard errors, that no reader of a table can see."""

LARGEST_DISTANCE: Final = 0.01
"""Distance up to which estimates are shown, with a warning."""


class FitError(RuntimeError):
    """No estimate can be given; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Estimates on the standardised scale (k fixed and K random effects, G groups).

    Attributes
    ----------
    method : {"vb", "ml", "mean-field"}
    coefficients : (k,) array
    sds : (K,) array
    covariance : (k + K, k + K) array
        Of coefficients and log SDs.
    random_effects : (G, K) array
    log_likelihood : float
        Marginal, at these estimates, without the binomial constants.
    nodes : int or None
        Quadrature nodes per random effect; None under Laplace's approximation.
    quadrature_settled : bool
        False when the largest number of nodes was not enough.
    converged : bool
        False when the search ended within 0.01 standard errors of the optimum, but not at it.
    largest_score : float
        Largest absolute derivative left of what was maximised.
    exact_step : (k + K,) array or None
        How far one Newton step of the exact marginal log posterior would move coefficients and log SDs; None when the
        likelihood itself was maximised, or when the step is not defined.
    exact_covariance : (k + K, k + K) array or None
        Inverse negative Hessian of that posterior.
    separation : Separation or None
    """

    method: Method
    coefficients: NDArray[np.float64]
    sds: NDArray[np.float64]
    covariance: NDArray[np.float64]
    random_effects: NDArray[np.float64]
    log_likelihood: float
    nodes: int | None
    quadrature_settled: bool
    converged: bool
    largest_score: float
    exact_step: NDArray[np.float64] | None
    exact_covariance: NDArray[np.float64] | None
    separation: Separation | None


class _FitCache:
    """The most recent fits, by the content of the design and the method; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._fits: OrderedDict[bytes, Fit] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Fit | None:
        with self._lock:
            if key in self._fits:
                self._fits.move_to_end(key)
            return self._fits.get(key)

    def put(self, key: bytes, fit: Fit) -> None:
        with self._lock:
            self._fits[key] = fit
            while len(self._fits) > self._size:
                self._fits.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._fits.clear()


fit_cache: Final = _FitCache(CACHED_FITS)


def fit_design(design: Design, method: Method) -> Fit:
    """Fit by one method, or return the fit of the same data by the same method.

    Parameters
    ----------
    design : Design
    method : {"vb", "ml", "mean-field"}

    Raises
    ------
    FitError
        When the estimates do not exist or were not found.
    """
    key = _content_key(design, method)
    known = fit_cache.get(key)
    if known is not None:
        return known
    start = fit_logistic_start(design)
    variational = fit_variational(design, start.coefficients)
    if method == "ml":
        found = _likelihood_fit(design, variational, start.separation)
    else:
        found = _variational_fit(design, variational, method, start.separation)
    fit_cache.put(key, found)
    return found


def _content_key(design: Design, method: Method) -> bytes:
    digest = hashlib.blake2b(f"{method} {design.intercept}".encode())
    arrays = (design.successes, design.trials, design.fixed, design.random, design.group_starts, design.back_transform)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _variational_fit(design: Design, found: VariationalFit, method: Method, separation: Separation | None) -> Fit:
    parameters = Parameters(coefficients=found.coefficients, log_sds=found.log_sds)
    evaluation = evaluate(design, parameters, found.random_effects)
    step, exact_covariance = _exact_newton_step(evaluation.state)
    return Fit(
        method=method,
        coefficients=found.coefficients,
        sds=np.exp(found.log_sds),
        covariance=found.covariance if method == "vb" else np.diag(found.mean_field_sds**2),
        random_effects=found.random_effects,
        log_likelihood=evaluation.state.value,
        nodes=evaluation.nodes,
        quadrature_settled=evaluation.settled,
        converged=_converged(found.distance),
        largest_score=found.largest_score,
        exact_step=step,
        exact_covariance=exact_covariance,
        separation=separation,
    )


def _exact_newton_step(state: MarginalState) -> tuple[NDArray[np.float64], NDArray[np.float64]] | tuple[None, None]:
    """Newton step (k + K,) of the marginal log posterior and its inverse negative Hessian; None if not positive."""
    parameters = state.parameters
    prior_precision = np.r_[
        np.full(len(parameters.coefficients), FIXED_EFFECT_PRIOR_SD**-2.0),
        np.full(len(parameters.log_sds), LOG_SD_PRIOR_SD**-2.0),
    ]
    hessian = state.information + np.diag(prior_precision)
    if np.linalg.eigvalsh(hessian)[0] <= 0.0:
        return None, None
    covariance = np.linalg.inv(hessian)
    return covariance @ (state.score - prior_precision * parameters.vector), covariance


def _likelihood_fit(design: Design, variational: VariationalFit, separation: Separation | None) -> Fit:
    if separation is not None:
        names = design.fixed_names[1:] if design.intercept else design.fixed_names
        raise FitError(
            f"{describe_separation(separation, names)}, so the likelihood has no maximum. "
            f'Use method "vb", whose weak prior keeps the estimates finite, or leave the column out.'
        )
    start = Parameters(coefficients=variational.coefficients, log_sds=variational.log_sds)
    found = maximize_likelihood(design, start, variational.random_effects)
    if not np.isfinite(found.distance):
        raise FitError(
            "the likelihood has no maximum at finite values: within groups the outcome hardly varies, or too few rows "
            'stand against the number of coefficients. Use method "vb", whose weak prior keeps the estimates finite.'
        )
    return Fit(
        method="ml",
        coefficients=found.coefficients,
        sds=found.sds,
        covariance=found.covariance,
        random_effects=found.random_effects,
        log_likelihood=found.log_likelihood,
        nodes=found.nodes,
        quadrature_settled=found.settled,
        converged=_converged(found.distance),
        largest_score=found.largest_score,
        exact_step=None,
        exact_covariance=None,
        separation=None,
    )


def _converged(distance: float) -> bool:
    """Whether a search ended at its optimum; too far from it, there is no estimate to show."""
    if distance > LARGEST_DISTANCE:
        raise FitError(
            "the search for the estimates did not converge. Look for columns that nearly determine the outcome, or for "
            "values that are wrong by orders of magnitude."
        )
    return distance <= CONVERGED_DISTANCE
