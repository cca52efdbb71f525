"""Design -> Fit by one method; the most recent fits are kept."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.errors import FitError
from glmm_binomial.estimation.crossed_likelihood import GROUPS_ALONE, maximize_crossed
from glmm_binomial.estimation.crossed_posterior import prior_of_crossed
from glmm_binomial.estimation.fit import Fit, LevelEffects, NewtonStep
from glmm_binomial.estimation.group_effects import PosteriorEffects, centred_features, posterior_effects
from glmm_binomial.estimation.integrator import evaluate
from glmm_binomial.estimation.likelihood import maximize_likelihood
from glmm_binomial.estimation.penalized import PenalizedStart, fit_penalized_start
from glmm_binomial.estimation.posterior import fit_posterior
from glmm_binomial.estimation.prior import prior_means, prior_of
from glmm_binomial.estimation.recent import RecentResults
from glmm_binomial.estimation.separation import LogisticStart, Separation, fit_logistic_start
from glmm_binomial.estimation.variational import fit_variational
from glmm_binomial.frozen import frozen
from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.rows import OrthonormalRows, orthonormalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.crossed_check import LaplaceCheck
    from glmm_binomial.estimation.posterior import Posterior
    from glmm_binomial.estimation.variational import VariationalFit
    from glmm_binomial.model.design import Design, Scale
    from glmm_binomial.model.effects import Effects
    from glmm_binomial.model.rows import Rows
    from glmm_binomial.observations import Method

CACHED_FITS: Final = 32
CACHED_EFFECTS: Final = 8

NEAR_ENOUGH: Final = 100.0
"""Squared distance to the variational optimum, in posterior SDs, that is near enough to go on from."""

NOT_CONVERGED: Final = (
    "the search for the estimates did not converge. Look for columns that nearly determine the outcome, or for values "
    "that are wrong by orders of magnitude."
)

LARGEST_DISTANCE: Final = 0.01
"""Distance up to which estimates are shown, with a warning."""

LOWER_ALONE: Final = np.array([False, True])
"""Of the effects of nested groups, those of the lower ones."""

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


fit_cache: Final = RecentResults[Fit](CACHED_FITS)
effects_cache: Final = RecentResults[PosteriorEffects](CACHED_EFFECTS)


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
    with beyond_precision_refused():
        return _fitted(_Start(design), method)


def fit_once(design: Design) -> Fit:
    """Maximum likelihood of one of many data sets, which is not kept among the recent fits, nor held against draws.

    Raises
    ------
    NoMaximumError
        When the likelihood has no maximum.
    FitError
        When the estimates were not found.
    """
    with beyond_precision_refused():
        return frozen(_likelihood_fit(_Start(design), checked=False))


def fit_without_effects(design: Design) -> Fit:
    """Maximum likelihood of the coefficients alone, a logistic regression that knows no groups.

    Raises
    ------
    NoMaximumError
        When the likelihood has no maximum.
    """
    with beyond_precision_refused():
        none = np.zeros(design.rows.random.shape[1], dtype=bool)
        turned = orthonormalize(design.rows.with_effects(none))
        start = fit_logistic_start(design, turned)
        if start.separation is not None:
            raise NoMaximumError(start.separation)
        point = Parameters(coefficients=start.coefficients, effects=IndependentEffects(log_sds=np.empty(0)))
        found = maximize_likelihood(turned, point, np.empty((design.rows.grouping.count, 0)))
        if found.distance > LARGEST_DISTANCE:
            raise NoMaximumError(separation=None)
        return frozen(found)


def effects_of(design: Design, posterior: Posterior) -> PosteriorEffects:
    """The groups' effects over the posterior of a design, or those that were found before."""
    key = _content(design)
    effects = effects_cache.get(key)
    if effects is None:
        rows = design.rows
        if rows.crossed is not None:
            rows, posterior = rows.with_levels(), posterior.of_groups(rows.fixed.shape[1])
        effects = frozen(posterior_effects(rows, posterior))
        effects_cache.put(key, effects)
    return effects


def features_of(design: Design, posterior: Posterior, draws: int) -> NDArray[np.float64]:
    """Of the parameters at the first draws, on which the effects of `effects_of` depend."""
    k = design.rows.fixed.shape[1]
    if design.rows.crossed is not None:
        return centred_features(posterior.of_groups(k), k + design.rows.crossed.count, draws)
    return centred_features(posterior, k, draws)


class _Start:
    """A design, and what every fit of it starts from, found when it is first asked for."""

    def __init__(self, design: Design) -> None:
        self.design = design

    def key(self, method: Method) -> bytes:
        """What tells a fit of the design from others."""
        return method.encode() + self._content

    @cached_property
    def _content(self) -> bytes:
        return _content(self.design)

    @cached_property
    def turned(self) -> OrthonormalRows:
        """The rows in orthonormal columns."""
        return orthonormalize(self.design.rows)

    @cached_property
    def logistic(self) -> LogisticStart:
        """Logistic regression, and whether the data are separated."""
        return fit_logistic_start(self.design, self.turned)

    @property
    def rows(self) -> Rows:
        """The rows that a start is looked for in, with the effects of one kind of groups: the lower of nested ones."""
        rows = self.design.rows
        if rows.crossed is not None:
            return rows.with_effects(GROUPS_ALONE)
        return rows if rows.upper is None else rows.with_effects(LOWER_ALONE)

    @cached_property
    def penalized(self) -> PenalizedStart:
        """Rough estimates of everything."""
        return fit_penalized_start(self.rows, self.logistic.near_prior)

    @property
    def near_likelihood(self) -> _Near:
        """Where the search for the maximum of the likelihood starts."""
        return self._near(self.penalized)

    @property
    def near_posterior(self) -> _Near:
        """Where that for the mode of the posterior starts, by fit_vb."""
        near_prior = self.logistic.near_prior
        return self._near(fit_variational(self.rows, near_prior, tolerance=NEAR_ENOUGH, near=self.penalized))

    def _near(self, found: PenalizedStart | VariationalFit) -> _Near:
        rows, effects = self.design.rows, _structured(found.effects, self.design.scale)
        modes = found.random_effects
        if rows.upper is not None or rows.crossed is not None:
            # half of the variance is taken for that of the other kind of groups
            effects = IndependentEffects(log_sds=np.repeat(found.effects.log_sds, 2) - 0.5 * np.log(2.0))
            modes = np.zeros((rows.grouping.count + (0 if rows.crossed is None else rows.crossed.count), 2))
        return _Near(Parameters(coefficients=found.coefficients, effects=effects), modes)


@dataclass(frozen=True, slots=True)
class _Near:
    """A point from which a search starts, and the groups' effects (G, K) near there."""

    parameters: Parameters
    modes: NDArray[np.float64]


def _fitted(start: _Start, method: Method) -> Fit:
    key = start.key(method)
    fit = fit_cache.get(key)
    if fit is None:
        match method:
            case "vb":
                fit = _posterior_fit(start)
            case "ml":
                fit = _likelihood_fit(start)
            case "mean-field":
                fit = _mean_field_fit(start)
        fit_cache.put(key, frozen(fit))
    return fit


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


def _content(design: Design) -> bytes:
    """Digest of every array of a design that a fit depends on."""
    digest = hashlib.blake2b(f"{design.scale.intercept} {design.scale.correlated}".encode())
    rows = design.rows
    upper = rows.grouping.starts[:0] if rows.upper is None else rows.upper.starts
    level = rows.grouping.starts[:0] if rows.crossed is None else rows.crossed.index
    of_groups = (rows.grouping.starts, upper, level)
    offset = rows.fixed[:0, 0] if rows.offset is None else rows.offset
    arrays = (rows.successes, rows.trials, rows.fixed, rows.random, offset, *of_groups, design.scale.back_transform)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _posterior_fit(start: _Start) -> Fit:
    rows, scale = start.design.rows, start.design.scale
    near = start.near_posterior
    posterior = fit_posterior(
        rows,
        near.parameters,
        near.modes,
        combinations=scale.back_transform,
        furthest=LARGEST_DISTANCE,
    )
    if posterior is None:
        raise FitError(NOT_CONVERGED)
    effects = _mean_effects(posterior, scale)
    parameters = Parameters(coefficients=posterior.mean[: rows.fixed.shape[1]], effects=effects)
    k, mode = rows.fixed.shape[1], posterior.mode.vector
    kept = np.r_[np.arange(k), np.arange(len(posterior.mode.coefficients), len(mode))]
    means = prior_means(rows)
    prior = prior_of(posterior.mode, means) if rows.crossed is None else prior_of_crossed(posterior.mode, means)
    likelihood = _likelihood_of(start, parameters, near.modes)
    return Fit(
        method="vb",
        coefficients=parameters.coefficients,
        sds=effects.sds,
        correlations=effects.correlations if isinstance(effects, CorrelatedEffects) else None,
        covariance_root=_root(posterior.covariance[np.ix_(kept, kept)]),
        log_likelihood=likelihood.value,
        likelihood_distance=likelihood.distance,
        nodes=posterior.nodes,
        quadrature_settled=likelihood.settled,
        distance=posterior.distance,
        largest_score=posterior.largest_score,
        posterior=posterior,
        mode_root=_root(np.asarray(np.linalg.inv(posterior.information), dtype=np.float64)),
        # where the posterior is level, the slope of the likelihood is minus that of the prior
        towards_likelihood=_newton_step(
            -prior.gradients(mode), posterior.information - np.diag(prior.curvatures(mode))
        ),
        separation=start.logistic.separation,
        levels=None if rows.crossed is None else _levels_over(rows, posterior, kept, likelihood.laplace),
    )


def _levels_over(rows: Rows, posterior: Posterior, kept: NDArray[np.intp], check: LaplaceCheck | None) -> LevelEffects:
    """The levels' effects over the posterior, whose parameters other than they are `kept`."""
    levels, covariance = slice(rows.fixed.shape[1], len(posterior.mode.coefficients)), posterior.covariance
    # given the other parameters
    across = covariance[kept][:, levels]
    told = across.T @ np.linalg.solve(covariance[np.ix_(kept, kept)], across)
    return LevelEffects(
        means=posterior.mean[levels],
        covariance=covariance[levels, levels],
        cross_covariance=covariance[levels][:, kept],
        with_groups=None,
        given_parameters=covariance[levels, levels] - told,
        check=check,
    )


def _mean_effects(posterior: Posterior, scale: Scale) -> Effects:
    """The effects whose SDs and correlations, in the user's units, are means over the posterior on their scales."""
    if not scale.correlated:
        return posterior.mode.effects.at(posterior.mean[len(posterior.mode.coefficients) :])
    back = scale.random_back_transform
    root = np.linalg.solve(back, posterior.mean_effects(back).root)
    return CorrelatedEffects.of_covariance(root @ root.T)


def _mean_field_fit(start: _Start) -> Fit:
    found = fit_variational(start.design.rows, start.logistic.near_prior, near=start.penalized)
    if found.distance > LARGEST_DISTANCE:
        raise FitError(NOT_CONVERGED)
    parameters = Parameters(coefficients=found.coefficients, effects=found.effects)
    likelihood = _likelihood_of(start, parameters, found.random_effects)
    return Fit(
        method="mean-field",
        coefficients=found.coefficients,
        sds=found.effects.sds,
        covariance_root=_root(found.mean_field_covariance),
        log_likelihood=likelihood.value,
        likelihood_distance=likelihood.distance,
        nodes=likelihood.nodes,
        quadrature_settled=likelihood.settled,
        distance=found.distance,
        largest_score=found.largest_score,
        random_effects=found.random_effects,
        random_covariance=found.mean_field_random_covariance,
        cross_covariance=np.zeros((*found.random_effects.shape, len(parameters.vector))),
        separation=start.logistic.separation,
    )


@dataclass(frozen=True, slots=True)
class _Likelihood:
    """The marginal log-likelihood that a table shows; `distance` to its maximum is None where there is none."""

    value: float
    distance: float | None
    nodes: int | None
    settled: bool
    laplace: LaplaceCheck | None = None


def _likelihood_of(start: _Start, estimates: Parameters, modes: NDArray[np.float64]) -> _Likelihood:
    """Of the maximum, which is found as by method "ml", digit by digit; where there is none, at the estimates."""
    try:
        best = _fitted(start, "ml")
    except (FitError, np.linalg.LinAlgError):
        at = evaluate(start.design.rows, estimates, modes)
        return _Likelihood(value=at.state.value, distance=None, nodes=at.nodes, settled=at.settled)
    return _Likelihood(
        value=best.log_likelihood,
        distance=best.distance,
        nodes=best.nodes,
        settled=best.quadrature_settled,
        laplace=None if best.levels is None else best.levels.check,
    )


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """R of R R', (k + C, k + C)."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _newton_step(gradient: NDArray[np.float64], negative_hessian: NDArray[np.float64]) -> NewtonStep | None:
    """A Newton step, enormous along directions without curvature; None where there is no other."""
    values, vectors = np.linalg.eigh(negative_hessian)
    if values[-1] <= 0.0:
        return None
    root = vectors / np.sqrt(np.maximum(values, SMALLEST_CURVATURE * values[-1]))
    return NewtonStep(step=root @ (root.T @ gradient), covariance_root=root)


def _structured(effects: IndependentEffects, scale: Scale) -> Effects:
    """Independent effects as those of a design's model, from which a search starts."""
    return CorrelatedEffects.of_correlations(effects.sds, np.eye(effects.count)) if scale.correlated else effects


def _likelihood_fit(start: _Start, *, checked: bool = True) -> Fit:
    if start.logistic.separation is not None:
        raise NoMaximumError(start.logistic.separation)
    near = start.near_likelihood
    if start.design.rows.crossed is not None:
        found = maximize_crossed(start.turned, near.parameters, checked=checked)
    else:
        found = maximize_likelihood(start.turned, near.parameters, near.modes)
    if found.distance > LARGEST_DISTANCE:
        raise NoMaximumError(separation=None)
    return found
