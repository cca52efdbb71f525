"""Design -> Fit by one method; the most recent fits are kept."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.errors import FitError
from glmm_binomial.estimation.fit import Fit, NewtonStep
from glmm_binomial.estimation.likelihood import evaluate, maximize_likelihood
from glmm_binomial.estimation.penalized import fit_penalized_start
from glmm_binomial.estimation.prior import prior_precision, prior_score
from glmm_binomial.estimation.separation import LogisticStart, Separation, fit_logistic_start
from glmm_binomial.estimation.variational import fit_variational
from glmm_binomial.frozen import frozen
from glmm_binomial.model.effects import Parameters
from glmm_binomial.model.rows import OrthonormalRows, orthonormalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Method

CACHED_FITS: Final = 32

LARGEST_DISTANCE: Final = 0.01
"""Distance up to which estimates are shown, with a warning."""

SMALLEST_CURVATURE: Final = 1e-14
"""Ratio to the largest curvature below which double precision cannot tell one from none."""


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
        turned = orthonormalize(design.rows)
        start = fit_logistic_start(design, turned)
        found = _likelihood_fit(design, turned, start) if method == "ml" else _variational_fit(design, start, method)
    fit_cache.put(key, frozen(found))
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
    """Digest of the method and of every array of a design that a fit depends on."""
    digest = hashlib.blake2b(f"{method} {design.scale.intercept}".encode())
    rows = design.rows
    arrays = (rows.successes, rows.trials, rows.fixed, rows.random, rows.grouping.starts, design.scale.back_transform)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _variational_fit(design: Design, start: LogisticStart, method: Method) -> Fit:
    rows = design.rows
    found = fit_variational(rows, start.near_prior)
    if found.distance > LARGEST_DISTANCE:
        raise FitError(
            "the search for the estimates did not converge. Look for columns that nearly determine the outcome, or for "
            "values that are wrong by orders of magnitude."
        )
    parameters = Parameters(coefficients=found.coefficients, effects=found.effects)
    evaluation = evaluate(rows, parameters, found.random_effects)
    covariance, random_covariance, cross_covariance = (
        (found.covariance, found.random_covariance, found.cross_covariance)
        if method == "vb"
        else (found.mean_field_covariance, found.mean_field_random_covariance, np.zeros_like(found.cross_covariance))
    )
    state = evaluation.state
    return Fit(
        method=method,
        coefficients=found.coefficients,
        sds=found.effects.sds,
        covariance_root=_root(covariance),
        random_effects=found.random_effects,
        random_covariance=random_covariance,
        cross_covariance=cross_covariance,
        log_likelihood=state.value,
        nodes=evaluation.nodes,
        quadrature_settled=evaluation.settled,
        distance=found.distance,
        largest_score=found.largest_score,
        towards_posterior=_newton_step(
            state.score + prior_score(parameters),
            state.information + np.diag(prior_precision(parameters)),
            floor=None,
        ),
        towards_likelihood=_newton_step(state.score, state.information, floor=SMALLEST_CURVATURE),
        separation=start.separation,
    )


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """R of R R', (k + K, k + K)."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


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


def _likelihood_fit(design: Design, turned: OrthonormalRows, start: LogisticStart) -> Fit:
    if start.separation is not None:
        raise NoMaximumError(start.separation)
    near = fit_penalized_start(design.rows, start.near_prior)
    point = Parameters(coefficients=near.coefficients, effects=near.effects)
    found = maximize_likelihood(turned, point, near.random_effects)
    if found.distance > LARGEST_DISTANCE:
        raise NoMaximumError(separation=None)
    return found
