"""Maximum likelihood: Newton on the exact score, random effects whose variance is zero, and separated data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from glmm_binomial.estimation.conditional_modes import find_modes, mode_response
from glmm_binomial.estimation.fit import Fit
from glmm_binomial.estimation.integrator import Integrator, integrator_of
from glmm_binomial.estimation.marginal import MOST_EFFECTS, NODE_TOLERANCE
from glmm_binomial.estimation.newton import Step, line_search, maximize
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.rows import orthonormalize

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from glmm_binomial.estimation.integrator import Evaluation
    from glmm_binomial.estimation.marginal import MarginalState
    from glmm_binomial.model.effects import Effects
    from glmm_binomial.model.rows import OrthonormalRows, Rows

MOST_STEPS = 100
CONVERGED_DECREMENT = 1e-16
"""Squared distance to the maximum, in standard errors, at which the search stops."""

NEAR_DECREMENT = 1e-8
"""The same distance at which few nodes have done their part."""

STALLED_DECREMENT = 1e-9
"""The same distance at which rounding may hide any further gain; stopping there still counts as converged."""

LARGEST_STEP = 2.0
SMALLEST_FRACTION = 1e-8
ROUNDING = 1e-13
SMALLEST_INFORMATION = 1e-100
SINGULAR = 1e-12
"""Share of the largest eigenvalue of an information below which an eigenvalue may be rounding."""

NEARLY_THERE = 0.01
"""Distance to a maximum, in standard errors, at which one of two ends of a search is taken for one."""

NEARLY_ZERO_LOG_SD = np.log(0.02)
"""Below this standardised SD a maximum at zero is looked for."""

SMALL_VARIANCE = 1e-3
"""Of an effect, at which the slope of log L is that at zero, for the sign of it."""

LARGEST_LOG_SD = np.log(20.0)
"""When log L still rises at an SD of 20 on the logit scale (icc .99), it has no maximum worth the name."""


class HasValue(Protocol):
    """A point with its log-likelihood."""

    @property
    def value(self) -> float:
        """Without the binomial constants."""


Valued = TypeVar("Valued", bound=HasValue)


@dataclass(frozen=True, slots=True)
class _Maximum:
    """Where a climb ended, and how far from the maximum, in standard errors."""

    evaluation: Evaluation
    distance: float


def maximize_likelihood(turned: OrthonormalRows, start: Parameters, modes: NDArray[np.float64]) -> Fit:
    """Maximum likelihood from penalised estimates.

    A random effect whose SD falls towards zero is taken out when the likelihood falls with its variance at zero (Self &
    Liang 1987, JASA 82(398)). Where so few of too many effects are left that quadrature can integrate them, it does.

    Parameters
    ----------
    turned : OrthonormalRows
        Of the design.
    start : Parameters
        On the standardised scale.
    modes : (G, K) array
        Where the search for the conditional modes starts.

    Returns
    -------
    Fit
        On the standardised scale; its distance is infinite when the likelihood has no maximum.
    """
    rows = turned.rows
    point = Parameters(coefficients=turned.triangle @ start.coefficients, effects=start.effects)
    best, active = _search(rows, point, modes)
    if 0 < active.sum() <= MOST_EFFECTS < len(active):
        state = best.evaluation.state
        exact, still = _search(rows.with_effects(active), state.parameters, state.found.modes)
        if np.isfinite(exact.distance):
            best, active[active] = exact, still
    return _on_standardised_scale(turned, best, active)


def maximize_laplace(rows: Rows, near: Fit) -> Fit:
    """The maximum of Laplace's approximation where every effect varies, which programs without quadrature show.

    Parameters
    ----------
    rows : Rows
    near : Fit
        Their maximum of the likelihood, at which no variance is zero.

    Returns
    -------
    Fit
        On the standardised scale; its distance is infinite when a variance falls towards zero, or has no maximum.
    """
    turned = orthonormalize(rows)
    point = Parameters(coefficients=turned.triangle @ near.coefficients, effects=near.active_effects)
    integrator = Integrator(turned.rows, point, find_modes(turned.rows, point, near.own_effects.means), laplace=True)

    def is_lost(state: MarginalState) -> bool:
        return bool(state.parameters.effects.vanishing(NEARLY_ZERO_LOG_SD).any()) or _runs_off(state)

    state = _ascent(integrator, converged=CONVERGED_DECREMENT, is_over=is_lost)
    best = _Maximum(integrator.evaluation(state), distance=np.inf if is_lost(state) else _distance(state))
    return _on_standardised_scale(turned, best, near.active)


def _search(rows: Rows, point: Parameters, modes: NDArray[np.float64]) -> tuple[_Maximum, NDArray[np.bool_]]:
    """The maximum, and which of the rows' effects (K,) have a variance above zero there."""
    active = np.ones(point.effects.count, dtype=bool)
    best = _across_zero(rows, active, _climb(rows, active, point, modes, look_for_zero=True))
    while (vanishing := _effects(best).vanishing(NEARLY_ZERO_LOG_SD)).any():
        reduced = active.copy()
        reduced[np.flatnonzero(active)[vanishing]] = False
        without = _climb_active(rows, best, active, reduced)
        rises = variance_scores(rows, without.evaluation.state, active=reduced, dropped=active & ~reduced)
        if np.linalg.eigvalsh(rises)[-1] > 0.0:
            state = best.evaluation.state
            near_zero = _climb(rows, active, state.parameters, state.found.modes, look_for_zero=False)
            gain = near_zero.evaluation.state.value - without.evaluation.state.value
            if gain > ROUNDING * abs(without.evaluation.state.value):
                best = near_zero
                break
        active, best = reduced, without
    return best, active


def _across_zero(rows: Rows, active: NDArray[np.bool_], best: _Maximum) -> _Maximum:
    """The larger of a maximum and, where an effect vanishes beside correlated ones, the maximum on its other side."""
    state = best.evaluation.state
    mirrored = state.parameters.effects.mirrored(NEARLY_ZERO_LOG_SD)
    if mirrored is None or state.parameters.effects.vanishing(NEARLY_ZERO_LOG_SD).any():
        return best
    point = Parameters(coefficients=state.parameters.coefficients, effects=mirrored)
    other = _climb(rows, active, point, state.found.modes, look_for_zero=True)
    ends = (best, other)
    return max(ends, key=lambda end: (end.distance <= NEARLY_THERE, end.evaluation.state.value))


def _effects(maximum: _Maximum) -> Effects:
    return maximum.evaluation.state.parameters.effects


def _climb_active(rows: Rows, best: _Maximum, active: NDArray[np.bool_], reduced: NDArray[np.bool_]) -> _Maximum:
    """Maximise without the effects that `reduced` leaves out, from where the larger model stood."""
    state = best.evaluation.state
    kept = reduced[active]
    point = Parameters(coefficients=state.parameters.coefficients, effects=state.parameters.effects.only(kept))
    return _climb(rows, reduced, point, state.found.modes[:, kept], look_for_zero=True)


def _climb(
    rows: Rows,
    active: NDArray[np.bool_],
    point: Parameters,
    modes: NDArray[np.float64],
    *,
    look_for_zero: bool,
) -> _Maximum:
    """Damped Newton on the score: with few nodes while far away, then with as many as the point reached needs."""

    def nears_zero(state: MarginalState) -> bool:
        return bool(look_for_zero and state.parameters.effects.vanishing(NEARLY_ZERO_LOG_SD).any())

    pressed = False

    def presses(state: MarginalState) -> bool:
        return not pressed and state.parameters.pressed(state.score) is not state.parameters

    integrator = integrator_of(rows, active, point, modes, rough=True)
    state = _ascent(
        integrator,
        converged=NEAR_DECREMENT,
        is_over=lambda here: nears_zero(here) or presses(here) or bool(_is_wide(here).any()),
    )
    for _ in range(MOST_STEPS):
        if nears_zero(state):
            break
        parameters, stands = state.parameters, True
        if presses(state):
            # once: from the bound, a correlation comes back by itself where log L is larger inside
            parameters, stands, pressed = state.parameters.pressed(state.score), False, True
        integrator = integrator_of(rows, active, parameters, state.found.modes)
        state = _ascent(
            integrator,
            converged=CONVERGED_DECREMENT,
            is_over=lambda here: nears_zero(here) or presses(here) or _runs_off(here),
        )
        if _runs_off(state):
            return _Maximum(evaluation=integrator.evaluation(state), distance=np.inf)
        if stands and integrator.still_fits(state) and not presses(state):
            break
    return _Maximum(evaluation=integrator.evaluation(state), distance=_distance(state))


def _ascent(integrator: Integrator, *, converged: float, is_over: Callable[[MarginalState], bool]) -> MarginalState:
    """Newton's method with fixed nodes, from the point they were chosen for."""

    def nearer(here: MarginalState, ahead: Step[NDArray[np.float64]]) -> MarginalState | None:
        there = ascend(integrator, here, ahead)
        # along a ridge whose slope is below rounding, steps would lead on and on and nowhere
        lost = there is not None and there.value <= here.value and _newton_step(there).decrement >= ahead.decrement
        return None if lost else there

    return maximize(
        integrator.evaluate_point(),
        step=_newton_step,
        ascend=nearer,
        converged=converged,
        most_steps=MOST_STEPS,
        is_over=lambda here, _ahead: is_over(here),
    ).state


def _is_wide(state: MarginalState) -> NDArray[np.bool_]:
    """Which SDs are so large that log L may rise for ever, (K,)."""
    return np.asarray(state.parameters.effects.log_sds > LARGEST_LOG_SD)


def _runs_off(state: MarginalState) -> bool:
    """Whether log L still rises with an SD that is already very large."""
    k, wide = len(state.parameters.coefficients), _is_wide(state)
    return bool((state.score[k : k + len(wide)][wide] > 0.0).any())


def _distance(state: MarginalState) -> float:
    """To the maximum, in standard errors; infinite where the likelihood is curved upwards.

    Where it is flat, as in two random effects that the data cannot tell apart, every point is as good as its
    neighbours: the standard errors then are as large as double precision lets them be.
    """
    free = state.free
    values = np.linalg.eigvalsh(state.information[np.ix_(free, free)])
    inflated = NODE_TOLERANCE * len(state.group_scores) * (state.parameters.effects.inflation - 1.0)
    if values[0] < -max(SINGULAR * np.abs(values).max(), 2.0 * ROUNDING * abs(state.value) / LARGEST_STEP**2, inflated):
        return np.inf
    return float(np.sqrt(_newton_step(state).decrement))


def _newton_step(state: MarginalState) -> Step[NDArray[np.float64]]:
    free, direction = state.free, np.zeros_like(state.score)
    direction[free], _ = newton_direction(state.score[free], state.information[np.ix_(free, free)])
    return Step(direction, decrement=float(direction @ state.score))


def newton_direction(score: NDArray[np.float64], information: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """Newton's direction; with absolute eigenvalues, and False, where the information is not positive definite."""
    values, vectors, definite = _eigen(information)
    return vectors @ ((vectors.T @ score) / values), definite


def _eigen(information: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Absolute eigenvalues, none so small as to be rounding; eigenvectors; whether it is positive definite."""
    values, vectors = np.linalg.eigh(information)
    # the second bound serves where the whole information underflows
    smallest = max(SINGULAR * float(np.abs(values).max()), SMALLEST_INFORMATION)
    return np.maximum(np.abs(values), smallest), vectors, bool(values[0] > smallest)


def ascend(integrator: Integrator, state: MarginalState, ahead: Step[NDArray[np.float64]]) -> MarginalState | None:
    """The first of ever shorter steps that does not lower log L; None if there is none."""
    return uphill(
        lambda change: integrator.evaluate(state.parameters.moved(change), state.found.modes),
        state,
        ahead,
        state.parameters.coefficients,
        noise=integrator.noise,
    )


def uphill(
    move: Callable[[NDArray[np.float64]], Valued],
    here: Valued,
    ahead: Step[NDArray[np.float64]],
    coefficients: NDArray[np.float64],
    *,
    noise: float = 0.0,
) -> Valued | None:
    """The first of ever shorter steps that does not lower a log-likelihood.

    Parameters
    ----------
    move : callable
        The point after a change of the parameters (m,).
    here
        The point before.
    ahead : Step
    coefficients : (k,) array
        Here, the first of the parameters.
    noise : float
        Decrement below which only the whole step is tried.
    """
    direction, fraction = ahead.direction, trusted_share(ahead.direction, coefficients)
    rounding = ROUNDING * abs(here.value)
    allowance = rounding if ahead.decrement < max(STALLED_DECREMENT, rounding) else 0.0
    return line_search(
        lambda share: move(share * direction),
        value=lambda there: there.value,
        floor=lambda _share: here.value - allowance,
        fraction=fraction,
        smallest=0.5 * fraction if ahead.decrement < noise else SMALLEST_FRACTION,
    )


def trusted_share(step: NDArray[np.float64], coefficients: NDArray[np.float64]) -> float:
    """Share of a step over which the quadratic model of log L may be trusted, at most 1."""
    reach = np.full(len(step), LARGEST_STEP)
    # an outlier in x makes for coefficients of thousands per SD, to which steps of two would lead in thousands
    reach[: len(coefficients)] *= max(1.0, float(np.abs(coefficients).max()))
    return 1.0 / max(1.0, float(np.abs(step / reach).max()))


def variance_scores(
    rows: Rows, state: MarginalState, *, active: NDArray[np.bool_], dropped: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Derivatives of log L by the covariance (D, D) of D left-out random effects, where it is zero.

    They are half the sum over groups of E[Z'rr'Z - Z'WZ] given the data, read off the score and information of a model
    with Z as further fixed columns of coefficient zero.

    Parameters
    ----------
    rows : Rows
        With all K effects.
    state : MarginalState
        Of the model with the active ones.
    active : (K,) boolean array
    dropped : (K,) boolean array
        The effects in question, none of which is active.
    """
    if rows.upper is not None or rows.crossed is not None:
        return _variance_slope(rows, state, active=active, dropped=dropped)
    k, size = rows.fixed.shape[1], rows.fixed.shape[1] + int(dropped.sum())
    widened = rows.with_fixed(np.hstack([rows.fixed, rows.random[:, dropped]]))
    coefficients = np.r_[state.parameters.coefficients, np.zeros(size - k)]
    point = Parameters(coefficients=coefficients, effects=state.parameters.effects)
    wide = integrator_of(widened, active, point, state.found.modes).evaluate_point()
    scores = wide.group_scores[:, k:size]
    return np.asarray(0.5 * (scores.T @ scores - wide.information[k:size, k:size]))


def _variance_slope(
    rows: Rows, state: MarginalState, *, active: NDArray[np.bool_], dropped: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The derivative (1, 1) by the variance of one left-out effect of two kinds of groups, as a difference."""
    values = []
    for variance in (2.0 * SMALL_VARIANCE, SMALL_VARIANCE):
        log_sds = np.full(len(active), 0.5 * np.log(variance))
        log_sds[active] = state.parameters.effects.log_sds
        kept = active | dropped
        point = Parameters(state.parameters.coefficients, IndependentEffects(log_sds[kept]))
        modes = np.zeros((len(state.found.modes), len(active)))
        modes[:, active] = state.found.modes
        values.append(integrator_of(rows, kept, point, modes[:, kept]).value_at_point())
    return np.array([[values[0] - values[1]]]) / SMALL_VARIANCE


def _on_standardised_scale(turned: OrthonormalRows, best: _Maximum, active: NDArray[np.bool_]) -> Fit:
    state, effects = best.evaluation.state, best.evaluation.state.parameters.effects
    k, count, groups, free = len(state.parameters.coefficients), len(active), turned.rows.grouping.count, state.free
    # of the parameters of independent effects those of variances above zero are left, of correlated effects all or none
    of_effects = active if isinstance(effects, IndependentEffects) else np.full(count * (count + 1) // 2, active.all())
    kept = np.r_[np.ones(k, dtype=bool), of_effects]
    size = len(kept)
    way_back = np.eye(len(state.score))
    way_back[:k, :k] = np.linalg.inv(turned.triangle)
    covariance_root = np.zeros((size, size))
    # a correlation of one counts as known, as a variance of zero does
    values, vectors, _ = _eigen(state.information[np.ix_(free, free)])
    covariance_root[kept, : free.sum()] = way_back[:, free] @ (vectors / np.sqrt(values))
    sds = np.zeros(count)
    sds[active] = effects.sds
    random_effects = np.zeros((groups, count))
    conditional = np.zeros((groups, count, count))
    response = np.zeros((groups, count, size))
    if active.any():
        kept_rows = turned.rows.with_effects(active)
        found = find_modes(kept_rows, state.parameters, state.found.modes)
        random_effects[:, active] = found.modes
        moved = mode_response(kept_rows, state.parameters, found)
        conditional[:, np.outer(active, active)] = moved.inverse.reshape(groups, -1)
        by_standardised = moved.derivatives[:, :, :k] @ turned.triangle
        derivatives = np.concatenate([by_standardised, moved.derivatives[:, :, k:]], axis=2)
        response[:, np.outer(active, kept)] = derivatives.reshape(groups, -1)
    cross_covariance = response @ covariance_root @ covariance_root.T
    return Fit(
        method="ml",
        coefficients=way_back[:k, :k] @ state.parameters.coefficients,
        sds=sds,
        correlations=_correlations(effects, active),
        covariance_root=covariance_root,
        random_effects=random_effects,
        random_covariance=conditional + cross_covariance @ response.transpose(0, 2, 1),
        cross_covariance=cross_covariance,
        log_likelihood=state.value,
        likelihood_distance=best.distance,
        nodes=best.evaluation.nodes,
        quadrature_settled=best.evaluation.settled,
        distance=best.distance,
        largest_score=float(np.abs(state.score).max()),
    )


def _correlations(effects: Effects, active: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Of correlated effects, (K, K); not numbers where they do not vary."""
    if isinstance(effects, IndependentEffects):
        return None
    return effects.correlations if active.all() else np.where(np.eye(len(active)) == 1.0, 1.0, np.nan)
