"""A point that moves over the marginal likelihood while one direction is held, and random effects come and go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.integrator import integrator_of
from glmm_binomial.estimation.likelihood import (
    LARGEST_LOG_SD,
    NEARLY_ZERO_LOG_SD,
    ascend,
    newton_direction,
    variance_scores,
)
from glmm_binomial.estimation.marginal import NODE_TOLERANCE
from glmm_binomial.estimation.newton import Step
from glmm_binomial.model.effects import Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.integrator import Integrator
    from glmm_binomial.estimation.marginal import MarginalState
    from glmm_binomial.model.rows import Rows

MOST_STEPS = 100

CONVERGED_DECREMENT = 1e-10
"""Squared distance of the nuisance parameters to their optimum, in standard errors, that log L does not show."""

NODES_REACH = 0.05
"""Change of any parameter for which the nodes need not be chosen anew."""

COARSE_ERROR = 1e-5
"""What the errors of the groups may add up to, for the steps of a search."""

STRAYED_LOG_SD = float(np.log(2.0))
"""Change of a log SD beyond which even the steps of a search need other nodes."""

RESTORED_LOG_SD = float(np.log(0.1))
"""Where a random effect whose variance has left zero is taken up."""


@dataclass(frozen=True, slots=True)
class Point:
    """Log L at a point, in a model with some of the K random effects.

    Attributes
    ----------
    active : (K,) boolean array
        False for SDs of zero.
    state : MarginalState
        Of the model with the active effects.
    integrator : Integrator
    chosen_at : array
        Coefficients and active log SDs for which the integrator's nodes were chosen.
    tolerance : float
        With which they were chosen.
    """

    active: NDArray[np.bool_]
    state: MarginalState
    integrator: Integrator
    chosen_at: NDArray[np.float64]
    tolerance: float

    @property
    def near(self) -> bool:
        """Whether the nodes were chosen near enough."""
        return bool(np.abs(self.state.parameters.vector - self.chosen_at).max() <= NODES_REACH)

    @property
    def refined(self) -> bool:
        """Whether they were chosen near enough, and are as fine as they can be."""
        return self.near and self.tolerance <= NODE_TOLERANCE

    @property
    def strayed(self) -> bool:
        """Whether an SD has changed so much that nodes chosen before it did may mislead."""
        change = self.state.parameters.vector - self.chosen_at
        return bool((np.abs(change[len(self.state.parameters.coefficients) :]) > STRAYED_LOG_SD).any())

    @property
    def settled(self) -> bool:
        """False when the largest number of nodes was not enough."""
        return self.integrator.settled

    def position(self, effect: int) -> int:
        """Of an active effect's log SD among coefficients and active log SDs."""
        return len(self.state.parameters.coefficients) + int(self.active[:effect].sum())


def enter(
    rows: Rows,
    active: NDArray[np.bool_],
    parameters: Parameters,
    modes: NDArray[np.float64],
    *,
    tolerance: float = NODE_TOLERANCE,
) -> Point:
    """Evaluate the model with the active effects, with nodes chosen for the point."""
    integrator = integrator_of(rows, active, parameters, modes, tolerance=tolerance)
    state = integrator.evaluate_point()
    return Point(active=active, state=state, integrator=integrator, chosen_at=parameters.vector, tolerance=tolerance)


def with_coarse_nodes(rows: Rows, point: Point) -> Point:
    """The same point, from which steps are taken with no more nodes than they need."""
    tolerance = max(COARSE_ERROR / rows.grouping.count, NODE_TOLERANCE)
    return _with_nodes_chosen(rows, point, tolerance=tolerance)


def _with_nodes_chosen(rows: Rows, point: Point, *, tolerance: float) -> Point:
    state = point.state
    integrator = integrator_of(rows, point.active, state.parameters, state.found.modes, tolerance=tolerance)
    return replace(point, integrator=integrator, chosen_at=state.parameters.vector, tolerance=tolerance)


def score_by_variance(rows: Rows, point: Point, effect: int) -> float:
    """Derivative of log L by the variance of an effect that is not in the model, at variance zero."""
    dropped = np.arange(len(point.active)) == effect
    return float(variance_scores(rows, point.state, active=point.active, dropped=dropped)[0, 0])


@dataclass(frozen=True, slots=True)
class LocalModel:
    """The profile near a point, by the quadratic model of log L there (m parameters).

    Attributes
    ----------
    value : float
        Log L at the nuisance parameters' optimum.
    slope : float
        Derivative of `value` along the direction.
    nuisance_step : (m,) array
        To that optimum.
    tangent : (m,) array
        Of the curve of these optima, one unit along the direction.
    decrement : float
        Squared length of `nuisance_step`, in standard errors.
    definite : bool
        False when log L is not curved downwards in all nuisance parameters.
    """

    value: float
    slope: float
    nuisance_step: NDArray[np.float64]
    tangent: NDArray[np.float64]
    decrement: float
    definite: bool


def local_model(state: MarginalState, direction: NDArray[np.float64]) -> LocalModel:
    """Maximise the quadratic model over all that is orthogonal to a unit direction; a zero one holds nothing.

    With u the direction, N a basis of its complement, g the score and I the information, the nuisance step is
    N (N'IN)^-1 N'g and the tangent u - N (N'IN)^-1 N'Iu.
    """
    free = state.free | (direction != 0.0)
    nuisance = np.eye(len(direction))[:, free]
    if direction.any():
        nuisance = nuisance @ np.linalg.qr(direction[free, None], mode="complete")[0][:, 1:]
    step, tangent, decrement, definite = np.zeros(len(direction)), direction, 0.0, True
    if nuisance.size:
        score = nuisance.T @ state.score
        information = nuisance.T @ state.information @ nuisance
        within, definite = newton_direction(score, information)
        lag, _ = newton_direction(nuisance.T @ state.information @ direction, information)
        step, tangent, decrement = nuisance @ within, direction - nuisance @ lag, float(score @ within)
    return LocalModel(
        value=state.value + 0.5 * decrement,
        slope=float(tangent @ state.score),
        nuisance_step=step,
        tangent=tangent,
        decrement=decrement,
        definite=definite,
    )


@dataclass(frozen=True, slots=True)
class FineValue:
    """Log L at a point, and whether quadrature settled there."""

    value: float
    settled: bool


class Walk:
    """Steps over the likelihood, from a point.

    Parameters
    ----------
    rows : Rows
        With all K effects.
    point : Point
    held : int or None
        An effect that neither leaves nor enters the model by itself.
    """

    def __init__(self, rows: Rows, point: Point, *, held: int | None = None) -> None:
        self.point = point
        self._rows = rows
        self._held = held
        self._pinned = np.zeros(len(point.active), dtype=bool)

    def move(self, step: NDArray[np.float64]) -> None:
        """Go there, whatever log L."""
        point = self.point
        state = point.integrator.evaluate(point.state.parameters.moved(step), point.state.found.modes)
        self._arrive(state)

    def climb(self, local: LocalModel) -> bool:
        """Improve the nuisance parameters; False when no step does."""
        point = self.point
        better = ascend(point.integrator, point.state, Step(local.nuisance_step, decrement=local.decrement))
        if better is not None:
            self._arrive(better)
        return better is not None

    def _arrive(self, state: MarginalState) -> None:
        self.point = replace(self.point, state=state)

    def refine(self) -> None:
        """Choose the nodes anew for where the walk stands, and evaluate log L with them."""
        state = self.point.state
        self.point = enter(self._rows, self.point.active, state.parameters, state.found.modes)

    def choose_ahead(self) -> None:
        """Choose the nodes anew for the steps to come, as fine or coarse as they are."""
        self.point = _with_nodes_chosen(self._rows, self.point, tolerance=self.point.tolerance)

    def look_closely(self) -> FineValue:
        """Log L where the walk stands, by nodes as fine as they can be, without its score and information."""
        point, state = self.point, self.point.state
        if point.refined:
            return FineValue(value=state.value, settled=point.settled)
        fine = integrator_of(self._rows, point.active, state.parameters, state.found.modes)
        return FineValue(value=fine.value_at_point(), settled=fine.settled)

    def add(self, effect: int, log_sd: float) -> None:
        """Take up an effect, whose modes are looked for from zero."""
        point, state = self.point, self.point.state
        place = int(point.active[:effect].sum())
        active = point.active.copy()
        active[effect] = True
        effects = state.parameters.effects.with_effect(place, log_sd)
        parameters = Parameters(coefficients=state.parameters.coefficients, effects=effects)
        modes = np.insert(state.found.modes, place, 0.0, axis=1)
        self.point = enter(self._rows, active, parameters, modes, tolerance=point.tolerance)

    def remove(self, effect: int) -> None:
        """Leave out an effect."""
        point, state = self.point, self.point.state
        place = int(point.active[:effect].sum())
        active = point.active.copy()
        active[effect] = False
        effects = state.parameters.effects.only(np.arange(state.parameters.effects.count) != place)
        parameters = Parameters(coefficients=state.parameters.coefficients, effects=effects)
        modes = np.delete(state.found.modes, place, axis=1)
        self.point = enter(self._rows, active, parameters, modes, tolerance=point.tolerance)

    def remove_vanishing(self) -> bool:
        """Leave out the nuisance effect of the smallest SD if that is nearly zero, once for each effect."""
        if not self.point.state.parameters.effects.separable:
            return False
        candidates = self.point.active & ~self._pinned
        if self._held is not None:
            candidates[self._held] = False
        log_sds = np.full(len(candidates), np.inf)
        log_sds[self.point.active] = self.point.state.parameters.effects.log_sds
        log_sds[~candidates] = np.inf
        smallest = int(log_sds.argmin())
        if log_sds[smallest] >= NEARLY_ZERO_LOG_SD:
            return False
        self.remove(smallest)
        return True

    def restore(self) -> bool:
        """Take up the effect with whose variance log L rises most from zero, and keep it; False when there is none."""
        if not self.point.state.parameters.effects.separable:
            return False
        scores = np.full(len(self.point.active), -np.inf)
        for effect in np.flatnonzero(~self.point.active):
            if effect != self._held:
                scores[effect] = score_by_variance(self._rows, self.point, int(effect))
        largest = int(scores.argmax())
        if scores[largest] <= 0.0:
            return False
        self._pinned[largest] = True
        self.add(largest, RESTORED_LOG_SD)
        return True

    def is_far(self) -> bool:
        """Whether a nuisance SD is beyond all bounds."""
        return bool((self._nuisance_log_sds() > LARGEST_LOG_SD).any())

    def runs_off(self) -> bool:
        """Whether log L even rises with a nuisance SD that is beyond all bounds."""
        log_sds, k = self._nuisance_log_sds(), len(self.point.state.parameters.coefficients)
        return bool((self.point.state.score[k : k + len(log_sds)][log_sds > LARGEST_LOG_SD] > 0.0).any())

    def _nuisance_log_sds(self) -> NDArray[np.float64]:
        """Active log SDs, that of the held effect taken for zero."""
        log_sds = self.point.state.parameters.effects.log_sds.copy()
        if self._held is not None and self.point.active[self._held]:
            log_sds[int(self.point.active[: self._held].sum())] = -np.inf
        return log_sds

    def settle(self, *, most_steps: int = MOST_STEPS, restoring: bool = True) -> bool:
        """Maximise log L with nothing held; False when the maximum was not found.

        Without `restoring`, effects that are not in the model stay outside.
        """
        for _ in range(most_steps):
            if self.remove_vanishing():
                continue
            local = local_model(self.point.state, np.zeros_like(self.point.state.score))
            if local.decrement > CONVERGED_DECREMENT:
                if not self.climb(local):
                    return False
            elif not self.point.refined:
                self.refine()
            elif not (restoring and self.restore()):
                return True
        return False
