"""Design -> Fit: the estimates of one method on the standardised scale, with what is needed to judge them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.conditional_modes import Parameters
from glmm_binomial.estimation.elbo import FIXED_EFFECT_PRIOR_SD, LOG_SD_PRIOR_SD
from glmm_binomial.estimation.likelihood import evaluate, maximize_likelihood
from glmm_binomial.estimation.penalized import fit_penalized_start
from glmm_binomial.estimation.separation import LogisticStart, Separation, fit_logistic_start
from glmm_binomial.estimation.variational import fit_variational

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Method

CACHED_FITS: Final = 32

CONVERGED_DISTANCE: Final = 3e-5
"""Distance to the optimum, in standard errors, that no reader of a table can see."""

LARGEST_DISTANCE: Final = 0.01
"""Distance up to which estimates are shown, with a warning."""

SMALLEST_CURVATURE: Final = 1e-14
"""Ratio to the largest curvature below which double precision cannot tell one from none."""


class FitError(RuntimeError):
    """No estimate can be given; the message says why and what to do."""


class NoMaximumError(FitError):
    """The likelihood has no maximum at finite values that could be found.

    Attributes
    ----------
    separation : Separation or None
        Why not, when the reason is that columns of x separate successes from failures.
    """

    def __init__(self, separation: Separation | None) -> None:
        super().__init__("the likelihood has no maximum at finite values")
        self.separation = separation


@dataclass(frozen=True, slots=True)
class NewtonStep:
    """One Newton step of an exact objective of coefficients and log SDs.

    Attributes
    ----------
    step : (k + K,) array
    covariance_root : (k + K, k + K) array
        R of R R', the inverse of the objective's negative Hessian.
    """

    step: NDArray[np.float64]
    covariance_root: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """Estimates on the standardised scale (k fixed and K random effects, G groups).

    Attributes
    ----------
    method : {"vb", "ml", "mean-field"}
    coefficients : (k,) array
    sds : (K,) array
    covariance_root : (k + K, k + K) array
        R of R R', the covariance of coefficients and log SDs. Its entries span half as many orders of magnitude, so
        that no variance is lost to rounding when nearly collinear columns are brought back to their units.
    random_effects : (G, K) array
    random_covariance : (G, K, K) array
        Of each group's effects, the uncertainty of coefficients and SDs included.
    cross_covariance : (G, K, k + K) array
        Of each group's effects with coefficients and log SDs.
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
    towards_posterior : NewtonStep or None
        From the variational estimates towards the mode of the exact marginal posterior; None when the likelihood itself
        was maximised, or where that posterior is not curved downwards.
    towards_likelihood : NewtonStep or None
        The same for the marginal likelihood, that is without the prior; enormous along what the data do not determine.
    separation : Separation or None
    """

    method: Method
    coefficients: NDArray[np.float64]
    sds: NDArray[np.float64]
    covariance_root: NDArray[np.float64]
    random_effects: NDArray[np.float64]
    random_covariance: NDArray[np.float64]
    cross_covariance: NDArray[np.float64]
    log_likelihood: float
    nodes: int | None
    quadrature_settled: bool
    converged: bool
    largest_score: float
    towards_posterior: NewtonStep | None
    towards_likelihood: NewtonStep | None
    separation: Separation | None

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of coefficients and log SDs, (k + K, k + K)."""
        return self.covariance_root @ self.covariance_root.T


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
    NoMaximumError
        When the likelihood has no maximum.
    FitError
        When the estimates were not found.
    """
    key = _content_key(design, method)
    known = fit_cache.get(key)
    if known is not None:
        return known
    with beyond_precision_refused():
        start = fit_logistic_start(design)
        found = _likelihood_fit(design, start) if method == "ml" else _variational_fit(design, start, method)
    fit_cache.put(key, found)
    return found


@contextmanager
def beyond_precision_refused() -> Iterator[None]:
    """Refuse, by a FitError, what linear algebra in double precision cannot solve."""
    try:
        yield
    except np.linalg.LinAlgError as problem:
        raise FitError(
            "the information in the data spans more than double precision can hold. Look for rows with enormous "
            "numbers of trials beside single ones, or for values that are wrong by orders of magnitude."
        ) from problem


def _content_key(design: Design, method: Method) -> bytes:
    digest = hashlib.blake2b(f"{method} {design.intercept}".encode())
    arrays = (design.successes, design.trials, design.fixed, design.random, design.group_starts, design.back_transform)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _variational_fit(design: Design, start: LogisticStart, method: Method) -> Fit:
    found = fit_variational(design, start.near_prior)
    if found.distance > LARGEST_DISTANCE:
        raise FitError(
            "the search for the estimates did not converge. Look for columns that nearly determine the outcome, or for "
            "values that are wrong by orders of magnitude."
        )
    parameters = Parameters(coefficients=found.coefficients, log_sds=found.log_sds)
    evaluation = evaluate(design, parameters, found.random_effects)
    covariance, random_covariance, cross_covariance = (
        (found.covariance, found.random_covariance, found.cross_covariance)
        if method == "vb"
        else (found.mean_field_covariance, found.mean_field_random_covariance, np.zeros_like(found.cross_covariance))
    )
    state, precision = evaluation.state, _prior_precision(parameters)
    return Fit(
        method=method,
        coefficients=found.coefficients,
        sds=np.exp(found.log_sds),
        covariance_root=_root(covariance),
        random_effects=found.random_effects,
        random_covariance=random_covariance,
        cross_covariance=cross_covariance,
        log_likelihood=evaluation.state.value,
        nodes=evaluation.nodes,
        quadrature_settled=evaluation.settled,
        converged=found.distance <= CONVERGED_DISTANCE,
        largest_score=found.largest_score,
        towards_posterior=_newton_step(
            state.score - precision * parameters.vector, state.information + np.diag(precision), floor=None
        ),
        towards_likelihood=_newton_step(state.score, state.information, floor=SMALLEST_CURVATURE),
        separation=start.separation,
    )


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """R of R R', (k + K, k + K)."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _prior_precision(parameters: Parameters) -> NDArray[np.float64]:
    """Of coefficients and log SDs, (k + K,)."""
    return np.concatenate(
        [
            np.full(len(parameters.coefficients), FIXED_EFFECT_PRIOR_SD**-2.0),
            np.full(len(parameters.log_sds), LOG_SD_PRIOR_SD**-2.0),
        ]
    )


def _newton_step(
    gradient: NDArray[np.float64], negative_hessian: NDArray[np.float64], *, floor: float | None
) -> NewtonStep | None:
    """A Newton step; None where there is no maximum to step to, unless directions without curvature get a floor."""
    values, vectors = np.linalg.eigh(negative_hessian)
    if floor is not None:
        values = np.maximum(values, floor * values[-1])
    if values[0] <= 0.0:
        return None
    root = vectors / np.sqrt(values)
    return NewtonStep(step=root @ (root.T @ gradient), covariance_root=root)


def _likelihood_fit(design: Design, start: LogisticStart) -> Fit:
    if start.separation is not None:
        raise NoMaximumError(start.separation)
    near = fit_penalized_start(design, start.near_prior)
    point = Parameters(coefficients=near.coefficients, log_sds=near.log_sds)
    found = maximize_likelihood(design, point, near.random_effects)
    if found.distance > LARGEST_DISTANCE:
        raise NoMaximumError(separation=None)
    return Fit(
        method="ml",
        coefficients=found.coefficients,
        sds=found.sds,
        covariance_root=found.covariance_root,
        random_effects=found.random_effects,
        random_covariance=found.random_covariance,
        cross_covariance=found.cross_covariance,
        log_likelihood=found.log_likelihood,
        nodes=found.nodes,
        quadrature_settled=found.settled,
        converged=found.distance <= CONVERGED_DISTANCE,
        largest_score=found.largest_score,
        towards_posterior=None,
        towards_likelihood=None,
        separation=None,
    )
