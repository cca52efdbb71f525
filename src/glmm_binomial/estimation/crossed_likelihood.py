"""Maximum likelihood of two crossed groupings, by quadrature over the large one and Laplace over the small one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.conditional_modes import find_modes, mode_response
from glmm_binomial.estimation.crossed_check import check_laplace
from glmm_binomial.estimation.crossed_integral import CrossedIntegral
from glmm_binomial.estimation.fit import Fit, LevelEffects
from glmm_binomial.estimation.likelihood import (
    LARGEST_LOG_SD,
    NEARLY_ZERO_LOG_SD,
    SMALL_VARIANCE,
    maximize_likelihood,
    newton_direction,
    uphill,
)
from glmm_binomial.estimation.newton import Step, maximize
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.rows import OrthonormalRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.crossed_integral import CrossedState

MOST_STEPS = 60
NEAR = 1e-8
"""Squared distance to the maximum, in standard errors, at which the whole Hessian is taken."""

CONVERGED = 1e-18
"""The same at which the search stops."""

DIFFERENCE = 1e-4
"""Step of the central differences of the score that make the Hessian."""

SMALLEST_SD = 1e-6
"""Of an effect that does not vary, where one is needed."""

SMALLEST_CURVATURE = 1e-12

GROUPS_ALONE, LEVELS_ALONE = np.array([True, False]), np.array([False, True])
"""Which of the two effects."""


def maximize_crossed(turned: OrthonormalRows, start: Parameters, *, checked: bool = True) -> Fit:
    """Maximum likelihood, from a point (b, log sd_u, log sd_a).

    An effect whose SD falls towards zero is taken out when the likelihood falls with its variance at zero.

    Parameters
    ----------
    turned : OrthonormalRows
        Of a design with crossed groupings.
    start : Parameters
        On the standardised scale.
    checked : bool
        Whether Laplace's approximation is held against draws, which takes as long as the search.

    Returns
    -------
    Fit
        On the standardised scale; its distance is infinite when the likelihood has no maximum.
    """
    integral = CrossedIntegral(turned.rows)
    point = np.concatenate([turned.triangle @ start.coefficients, start.effects.vector])
    none = np.zeros(integral.count), np.zeros((turned.rows.grouping.count, 1))
    state = _climb(integral, integral.evaluate(point, *none), look_for_zero=True)
    if state.point[-2:].min() < NEARLY_ZERO_LOG_SD:
        kept = LEVELS_ALONE if state.point[-2] < state.point[-1] else GROUPS_ALONE
        alone = _alone(turned, state, kept)
        if _falls(integral, turned, alone, kept):
            return _fit(turned, integral, _of_one(integral, turned, alone, kept), checked=checked)
        state = _climb(integral, state, look_for_zero=False)
    return _fit(turned, integral, _of_both(integral, state), checked=checked)


def _of_both(integral: CrossedIntegral, state: CrossedState) -> _Maximum:
    """The maximum from near it, with standard errors by the whole Hessian."""
    both = np.ones(2, dtype=bool)
    if _runs_off(state):
        return _Maximum(state, np.zeros((len(state.point), 0)), both, state.value, distance=np.inf)
    information = _hessian(integral, state)
    state = _finish(integral, state, information)
    values, vectors = np.linalg.eigh(information)
    direction, is_definite = newton_direction(state.score, information)
    distance = math.sqrt(max(float(direction @ state.score), 0.0)) if is_definite else math.inf
    root = vectors / np.sqrt(np.maximum(values, SMALLEST_CURVATURE))
    return _Maximum(state, root, both, state.value, distance)


def _climb(integral: CrossedIntegral, state: CrossedState, *, look_for_zero: bool) -> CrossedState:
    """Newton's method with an information that lacks part of the curvature, which makes the last steps slower."""

    def is_over(here: CrossedState, _ahead: Step[NDArray[np.float64]]) -> bool:
        nears_zero = look_for_zero and here.point[-2:].min() < NEARLY_ZERO_LOG_SD
        return bool(nears_zero or _runs_off(here))

    return maximize(
        state,
        step=lambda here: _step(here, here.information),
        ascend=lambda here, ahead: _ascend(integral, here, ahead),
        converged=NEAR,
        most_steps=MOST_STEPS,
        is_over=is_over,
    ).state


def _step(state: CrossedState, information: NDArray[np.float64]) -> Step[NDArray[np.float64]]:
    direction, _ = newton_direction(state.score, information)
    return Step(direction, decrement=float(direction @ state.score))


def _ascend(integral: CrossedIntegral, here: CrossedState, ahead: Step[NDArray[np.float64]]) -> CrossedState | None:
    """The first of ever shorter steps that does not lower log L; the levels' effects are foretold along it."""
    levels, modes = here.peak.levels, here.peak.state.found.modes
    return uphill(
        lambda change: integral.evaluate(here.point + change, levels + here.response @ change, modes),
        here,
        ahead,
        here.point[:-2],
    )


def _finish(integral: CrossedIntegral, state: CrossedState, information: NDArray[np.float64]) -> CrossedState:
    """The last steps, with the whole Hessian as it is near the maximum."""

    def nearer(here: CrossedState, ahead: Step[NDArray[np.float64]]) -> CrossedState | None:
        there = _ascend(integral, here, ahead)
        return None if there is None or _step(there, information).decrement >= ahead.decrement else there

    return maximize(
        state,
        step=lambda here: _step(here, information),
        ascend=nearer,
        converged=CONVERGED,
        most_steps=MOST_STEPS,
    ).state


def _hessian(integral: CrossedIntegral, state: CrossedState) -> NDArray[np.float64]:
    """Negative Hessian of log L, central differences of its score."""
    size = len(state.point)
    information = np.empty((size, size))
    for column, change in enumerate(np.eye(size) * DIFFERENCE):
        modes = state.peak.state.found.modes
        ahead, behind = (
            integral.evaluate(state.point + move, state.peak.levels + state.response @ move, modes)
            for move in (change, -change)
        )
        information[column] = (behind.score - ahead.score) / (2.0 * DIFFERENCE)
    return np.asarray(0.5 * (information + information.T))


def _runs_off(state: CrossedState) -> bool:
    """Whether log L still rises with an SD that is already very large."""
    return bool(((state.point[-2:] > LARGEST_LOG_SD) & (state.score[-2:] > 0.0)).any())


def _alone(turned: OrthonormalRows, state: CrossedState, kept: NDArray[np.bool_]) -> Fit:
    """The maximum with one of the effects alone."""
    rows = turned.rows.with_effects(kept) if kept[0] else turned.rows.by_levels()
    coefficients = turned.coefficients_of(state.point[:-2])
    point = Parameters(coefficients, IndependentEffects(state.point[-2:][kept]))
    return maximize_likelihood(OrthonormalRows(rows, turned.triangle), point, np.zeros((rows.grouping.count, 1)))


def _at_zero(
    integral: CrossedIntegral, turned: OrthonormalRows, alone: Fit, kept: NDArray[np.bool_], variance: float
) -> CrossedState:
    """Where the model of one effect stands, with so small a variance of the other."""
    log_sds = np.full(2, 0.5 * np.log(variance))
    log_sds[kept] = np.log(np.clip(alone.sds, SMALLEST_SD, None, dtype=np.float64))
    point = np.concatenate([turned.triangle @ alone.coefficients, log_sds])
    return integral.evaluate(point, np.zeros(integral.count), np.zeros((turned.rows.grouping.count, 1)))


def _falls(integral: CrossedIntegral, turned: OrthonormalRows, alone: Fit, kept: NDArray[np.bool_]) -> bool:
    """Whether log L falls where a variance leaves zero."""
    near, nearer = (_at_zero(integral, turned, alone, kept, times * SMALL_VARIANCE) for times in (2.0, 1.0))
    return near.value <= nearer.value


@dataclass(frozen=True, slots=True)
class _Maximum:
    """Where the search ended, in orthonormal columns.

    Attributes
    ----------
    state : CrossedState
    root : (k + 2, k + 2) array
        Of R R', the covariance of the estimates; zero for the log SD of an effect that does not vary.
    active : (2,) boolean array
        Which of the two effects have a variance above zero.
    log_likelihood : float
    distance : float
        To the maximum, in standard errors.
    alone : Fit or None
        The model of one effect, where the other does not vary.
    """

    state: CrossedState
    root: NDArray[np.float64]
    active: NDArray[np.bool_]
    log_likelihood: float
    distance: float
    alone: Fit | None = None


def _of_one(integral: CrossedIntegral, turned: OrthonormalRows, alone: Fit, kept: NDArray[np.bool_]) -> _Maximum:
    """The maximum with one effect alone as one of both."""
    active = kept.copy()
    active[kept] = alone.active
    k = len(alone.coefficients)
    place = np.r_[np.arange(k), k + int(np.flatnonzero(kept)[0])]
    root = np.zeros((k + 2, k + 2))
    root[np.ix_(place, np.arange(k + 1))] = alone.covariance_root
    root[:k] = turned.triangle @ root[:k]
    return _Maximum(
        state=_at_zero(integral, turned, alone, kept, SMALLEST_SD**2),
        root=root,
        active=active,
        log_likelihood=alone.log_likelihood,
        distance=alone.distance,
        alone=alone,
    )


def _fit(turned: OrthonormalRows, integral: CrossedIntegral, best: _Maximum, *, checked: bool) -> Fit:
    """On the standardised scale; u and a respond to the estimates, and u to a."""
    state, k, q = best.state, integral.k, integral.count
    parameters = state.peak.state.parameters
    found = find_modes(integral.wide, parameters, state.peak.state.found.modes)
    moved = mode_response(integral.wide, parameters, found)
    of_groups, of_levels = (float(varies) for varies in best.active)
    covariance, inverse = best.root @ best.root.T, of_levels * np.linalg.inv(state.peak.precision)
    levels_response = of_levels * state.response
    derivatives = of_groups * moved.derivatives[:, 0]
    by_levels = derivatives[:, k : k + q]
    response = np.column_stack([derivatives[:, :k], derivatives[:, -1], np.zeros(len(derivatives))])
    response += by_levels @ levels_response
    cross, levels_cross = response @ covariance, levels_response @ covariance
    variances = of_groups * moved.inverse[:, 0, 0] + ((by_levels @ inverse) * by_levels).sum(axis=1)
    variances += (cross * response).sum(axis=1)
    back = np.eye(k + 2)
    back[:k, :k] = np.linalg.inv(turned.triangle)
    checked = checked and bool(best.active.all() and np.isfinite(best.distance))
    return Fit(
        method="ml",
        coefficients=back[:k, :k] @ state.point[:k],
        sds=np.where(best.active, np.exp(state.point[-2:]), 0.0),
        covariance_root=back @ best.root,
        log_likelihood=best.log_likelihood,
        likelihood_distance=best.distance,
        nodes=state.peak.nodes.most if best.alone is None else best.alone.nodes,
        quadrature_settled=state.peak.nodes.settled if best.alone is None else best.alone.quadrature_settled,
        distance=best.distance,
        largest_score=float(np.abs(state.score).max()) if best.alone is None else best.alone.largest_score,
        random_effects=of_groups * found.modes,
        random_covariance=variances[:, None, None],
        cross_covariance=(cross @ back.T)[:, None, :],
        levels=LevelEffects(
            means=of_levels * state.peak.levels,
            covariance=inverse + levels_cross @ levels_response.T,
            cross_covariance=levels_cross @ back.T,
            given_parameters=np.asarray(inverse),
            with_groups=by_levels @ inverse + cross @ levels_response.T,
            check=check_laplace(turned.rows, state, covariance) if checked else None,
        ),
    )
