"""Maximum likelihood: Newton on the exact score, random effects whose variance is zero, and separated data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.conditional_modes import Parameters, mode_response
from glmm_binomial.estimation.laplace import evaluate_laplace
from glmm_binomial.estimation.marginal import (
    FEWEST_NODES,
    MOST_NODES,
    MarginalState,
    choose_nodes,
    evaluate_marginal,
    make_part,
)
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.design import orthonormalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.marginal import Part
    from glmm_binomial.model.design import Design

MOST_STEPS = 100
CONVERGED_DECREMENT = 1e-18
"""Squared distance to the maximum, in standard errors, at which the search stops."""

NEAR_DECREMENT = 0.01
"""The same distance at which few nodes have done their part."""

SAME_PLACE = 0.1
"""Squared distance between points, in standard errors, over which the number of nodes that is needed hardly changes."""

STALLED_DECREMENT = 1e-9
"""The same distance at which rounding may hide any further gain; stopping there still counts as converged."""

LARGEST_STEP = 2.0
SMALLEST_FRACTION = 1e-8
ROUNDING = 1e-13
SMALLEST_INFORMATION = 1e-100
SINGULAR = 1e-12
"""Share of the largest eigenvalue of an information below which an eigenvalue may be rounding."""

NEARLY_ZERO_LOG_SD = np.log(0.02)
"""Below this standardised SD a maximum at zero is looked for."""

LARGEST_LOG_SD = np.log(20.0)
"""When log L still rises at an SD of 20 on the logit scale (icc .99), it has no maximum worth the name."""


@dataclass(frozen=True, slots=True)
class LikelihoodFit:
    """A maximum of the likelihood, on the standardised scale (k fixed, K random effects, G groups).

    Attributes
    ----------
    coefficients : (k,) array
    sds : (K,) array
        Zero is a legitimate answer.
    covariance_root : (k + K, k + K) array
        R of R R', the inverse observed information of coefficients and log SDs; zero in the rows of an SD of zero.
    random_effects : (G, K) array
        Conditional modes.
    random_covariance : (G, K, K) array
        Inverse conditional Hessian, and what the uncertainty of coefficients and log SDs adds through the modes.
    cross_covariance : (G, K, k + K) array
        Of the random effects with coefficients and log SDs.
    log_likelihood : float
        Without the binomial constants.
    nodes : int or None
        Quadrature nodes per random effect; None under Laplace's approximation.
    settled : bool
        False when the largest number of nodes was not enough.
    distance : float
        To the maximum, in standard errors; infinite when the likelihood has none.
    largest_score : float
        Largest absolute derivative of log L at the estimate.
    """

    coefficients: NDArray[np.float64]
    sds: NDArray[np.float64]
    covariance_root: NDArray[np.float64]
    random_effects: NDArray[np.float64]
    random_covariance: NDArray[np.float64]
    cross_covariance: NDArray[np.float64]
    log_likelihood: float
    nodes: int | None
    settled: bool
    distance: float
    largest_score: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The marginal likelihood at one point, and how it was integrated.

    Attributes
    ----------
    state : MarginalState
    nodes : int or None
        Quadrature nodes per random effect; None under Laplace's approximation, 0 without random effects.
    settled : bool
        False when the largest number of nodes was not enough.
    """

    state: MarginalState
    nodes: int | None
    settled: bool


def evaluate(design: Design, parameters: Parameters, start: NDArray[np.float64]) -> Evaluation:
    """The marginal likelihood by quadrature fine enough for the point, or by Laplace's approximation."""
    integrator = Integrator(design, parameters, start)
    return integrator.evaluation(integrator.evaluate(parameters, start))


class Integrator:
    """How the random effects are integrated out near one point: quadrature up to two effects, Laplace beyond.

    Parameters
    ----------
    design : Design
    parameters : Parameters
        The point.
    start : (G, K) array
        Where the search for the conditional modes starts.
    laplace : bool
        True asks for Laplace's approximation whatever the number of effects.
    rough : bool
        True takes the fewest nodes for every group, good enough for steps far from a maximum.
    """

    def __init__(
        self,
        design: Design,
        parameters: Parameters,
        start: NDArray[np.float64],
        *,
        laplace: bool = False,
        rough: bool = False,
    ) -> None:
        self._design = design
        self._point = parameters
        self._parts: tuple[Part, ...] | None = None
        if laplace or design.random.shape[1] > max(MOST_NODES):
            return
        every = np.arange(design.groups)
        self._parts = (make_part(design, every, FEWEST_NODES),) if rough else choose_nodes(design, parameters, start)

    def still_fits(self, state: MarginalState) -> bool:
        """Whether a point lies so near the one the nodes were chosen for that they need not be chosen anew."""
        shift = state.parameters.vector - self._point.vector
        return bool(shift @ state.information @ shift < SAME_PLACE)

    def evaluation(self, state: MarginalState) -> Evaluation:
        """A state, with how it was integrated."""
        if self._parts is None:
            return Evaluation(state=state, nodes=None, settled=True)
        nodes = max(part.nodes for part in self._parts) if self._design.random.shape[1] else 0
        return Evaluation(state=state, nodes=nodes, settled=all(part.settled for part in self._parts))

    def evaluate(self, parameters: Parameters, start: NDArray[np.float64]) -> MarginalState:
        """Log L with its score and information at a point near the one the nodes were chosen for."""
        stop_if_requested()
        if self._parts is None:
            return evaluate_laplace(self._design, parameters, start=start)
        return evaluate_marginal(self._design, parameters, parts=self._parts, start=start)


def integrator_of(
    design: Design,
    active: NDArray[np.bool_],
    parameters: Parameters,
    modes: NDArray[np.float64],
    *,
    rough: bool = False,
) -> Integrator:
    """How the model with the active ones of the design's K effects is integrated.

    When all K are too many for quadrature, models with fewer are approximated too, so that they compare.
    """
    laplace = len(active) > max(MOST_NODES) and bool(active.any())
    return Integrator(with_effects(design, active), parameters, modes, laplace=laplace, rough=rough)


@dataclass(frozen=True, slots=True)
class _Maximum:
    """Where a climb ended, and how far from the maximum, in standard errors."""

    evaluation: Evaluation
    distance: float


def maximize_likelihood(design: Design, start: Parameters, modes: NDArray[np.float64]) -> LikelihoodFit:
    """Maximum likelihood from the variational estimates.

    The columns of `fixed` are first made orthonormal (Golub & Van Loan 2013, section 5.2), which leaves the likelihood
    as it is and the digits of nearly collinear columns, such as raw powers, intact. A random effect whose SD falls
    towards zero is taken out when the likelihood falls with its variance at zero (Self & Liang 1987, JASA 82(398)).

    Parameters
    ----------
    design : Design
    start : Parameters
        k coefficients and K log SDs.
    modes : (G, K) array
        Where the search for the conditional modes starts.
    """
    turned, triangle = orthonormalize(design)
    point = Parameters(coefficients=triangle @ start.coefficients, log_sds=start.log_sds)
    active = np.ones(len(start.log_sds), dtype=bool)
    best = _climb(turned, active, point, modes, look_for_zero=True)
    while active.any() and best.evaluation.state.parameters.log_sds.min() < NEARLY_ZERO_LOG_SD:
        reduced = active.copy()
        reduced[np.flatnonzero(active)[best.evaluation.state.parameters.log_sds.argmin()]] = False
        without = _climb_active(turned, best, active, reduced)
        dropped = int(np.flatnonzero(active & ~reduced)[0])
        if variance_score(turned, without.evaluation.state, active=reduced, dropped=dropped) > 0.0:
            state = best.evaluation.state
            near_zero = _climb(turned, active, state.parameters, state.modes, look_for_zero=False)
            gain = near_zero.evaluation.state.value - without.evaluation.state.value
            if gain > ROUNDING * abs(without.evaluation.state.value):
                best = near_zero
                break
        active, best = reduced, without
    return _on_standardised_scale(design, best, triangle, active)


def with_effects(design: Design, active: NDArray[np.bool_]) -> Design:
    """The design with some of its random effects only."""
    return replace(design, random=design.random[:, active], random_scales=design.random_scales[active])


def _climb_active(design: Design, best: _Maximum, active: NDArray[np.bool_], reduced: NDArray[np.bool_]) -> _Maximum:
    """Maximise without the effects that `reduced` leaves out, from where the larger model stood."""
    state = best.evaluation.state
    kept = reduced[active]
    point = Parameters(coefficients=state.parameters.coefficients, log_sds=state.parameters.log_sds[kept])
    return _climb(design, reduced, point, state.modes[:, kept], look_for_zero=True)


def _climb(
    design: Design,
    active: NDArray[np.bool_],
    point: Parameters,
    modes: NDArray[np.float64],
    *,
    look_for_zero: bool,
) -> _Maximum:
    """Damped Newton on the score: with few nodes while far away, then with as many as the point reached needs."""
    integrator, is_rough = integrator_of(design, active, point, modes, rough=True), True
    state = integrator.evaluate(point, modes)
    for _ in range(MOST_STEPS):
        direction, _ = newton_direction(state.score, state.information)
        decrement = float(direction @ state.score)
        log_sds = state.parameters.log_sds
        if look_for_zero and len(log_sds) and log_sds.min() < NEARLY_ZERO_LOG_SD:
            break
        is_wide = log_sds > LARGEST_LOG_SD
        if not is_rough and (state.score[len(state.score) - len(log_sds) :][is_wide] > 0.0).any():
            return _Maximum(evaluation=integrator.evaluation(state), distance=np.inf)
        arrived = decrement <= (NEAR_DECREMENT if is_rough else CONVERGED_DECREMENT) or (is_rough and is_wide.any())
        better = None if arrived else ascend(integrator, state, direction, decrement)
        if better is not None:
            state = better
            continue
        if not is_rough and integrator.still_fits(state):
            break
        integrator, is_rough = integrator_of(design, active, state.parameters, state.modes), False
        state = integrator.evaluate(state.parameters, state.modes)
    return _Maximum(evaluation=integrator.evaluation(state), distance=_distance(state))


def _distance(state: MarginalState) -> float:
    """To the maximum, in standard errors; infinite where the likelihood is flat or not even curved downwards."""
    direction, definite = newton_direction(state.score, state.information)
    return float(np.sqrt(direction @ state.score)) if definite else np.inf


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


def ascend(
    integrator: Integrator, state: MarginalState, direction: NDArray[np.float64], decrement: float
) -> MarginalState | None:
    """The first of ever shorter steps that does not lower log L; None if there is none."""
    fraction = trusted_share(direction, state.parameters)
    rounding = ROUNDING * abs(state.value)
    allowance = rounding if decrement < max(STALLED_DECREMENT, rounding) else 0.0
    while fraction > SMALLEST_FRACTION:
        candidate = integrator.evaluate(state.parameters.moved(fraction * direction), state.modes)
        if candidate.value >= state.value - allowance:
            return candidate
        fraction *= 0.5
    return None


def trusted_share(step: NDArray[np.float64], parameters: Parameters) -> float:
    """Share of a step over which the quadratic model of log L may be trusted, at most 1."""
    reach = np.full(len(step), LARGEST_STEP)
    # an outlier in x makes for coefficients of thousands per SD, to which steps of two would lead in thousands
    reach[: len(parameters.coefficients)] *= max(1.0, float(np.abs(parameters.coefficients).max()))
    return 1.0 / max(1.0, float(np.abs(step / reach).max()))


def variance_score(design: Design, state: MarginalState, *, active: NDArray[np.bool_], dropped: int) -> float:
    """Derivative of log L by the variance of a left-out random effect, at variance zero.

    It is half the sum over groups of E[(z'r)^2 - z'Wz] given the data, read off the score and information of a model
    with z as one more fixed column of coefficient zero.

    Parameters
    ----------
    design : Design
        With all K effects.
    state : MarginalState
        Of the model with the active ones.
    active : (K,) boolean array
    dropped : int
        The effect in question, which is not active.
    """
    column = design.random[:, dropped]
    widened = replace(design, fixed=np.column_stack([design.fixed, column]))
    point = Parameters(coefficients=np.append(state.parameters.coefficients, 0.0), log_sds=state.parameters.log_sds)
    wide = integrator_of(widened, active, point, state.modes).evaluate(point, state.modes)
    last = design.fixed.shape[1]
    return 0.5 * float(np.sum(wide.group_scores[:, last] ** 2) - wide.information[last, last])


def _on_standardised_scale(
    design: Design, best: _Maximum, triangle: NDArray[np.float64], active: NDArray[np.bool_]
) -> LikelihoodFit:
    state = best.evaluation.state
    k = len(state.parameters.coefficients)
    size = k + len(active)
    kept = np.r_[np.ones(k, dtype=bool), active]
    way_back = np.eye(len(state.score))
    way_back[:k, :k] = np.linalg.inv(triangle)
    covariance_root = np.zeros((size, size))
    values, vectors, _ = _eigen(state.information)
    covariance_root[np.ix_(kept, kept)] = way_back @ (vectors / np.sqrt(values))
    sds = np.zeros(len(active))
    sds[active] = np.exp(state.parameters.log_sds)
    coefficients = way_back[:k, :k] @ state.parameters.coefficients
    random_effects = np.zeros((design.groups, len(active)))
    random_effects[:, active] = state.modes
    conditional = np.zeros((design.groups, len(active), len(active)))
    response = np.zeros((design.groups, len(active), size))
    if active.any():
        point = Parameters(coefficients=coefficients, log_sds=state.parameters.log_sds)
        within, moved = mode_response(with_effects(design, active), point, state.modes)
        conditional[:, np.outer(active, active)] = within.reshape(design.groups, -1)
        response[:, np.outer(active, kept)] = moved.reshape(design.groups, -1)
    cross_covariance = response @ covariance_root @ covariance_root.T
    return LikelihoodFit(
        coefficients=coefficients,
        sds=sds,
        covariance_root=covariance_root,
        random_effects=random_effects,
        random_covariance=conditional + cross_covariance @ response.transpose(0, 2, 1),
        cross_covariance=cross_covariance,
        log_likelihood=state.value,
        nodes=best.evaluation.nodes,
        settled=best.evaluation.settled,
        distance=best.distance,
        largest_score=float(np.abs(state.score).max()),
    )
