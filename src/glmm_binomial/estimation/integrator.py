"""How random effects are integrated out near one point: by quadrature up to four, by Laplace's approximation beyond."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.conditional_modes import NEAR_ENOUGH, TOLERANCE, ConditionalModes, find_modes
from glmm_binomial.estimation.crossed_integral import CrossedIntegral
from glmm_binomial.estimation.laplace import evaluate_laplace, laplace_value
from glmm_binomial.estimation.marginal import (
    MOST_EFFECTS,
    NODE_TOLERANCE,
    MarginalState,
    choose_nodes,
    evaluate_marginal,
    marginal_value,
    rough_nodes,
)
from glmm_binomial.estimation.nested_integrals import (
    NestedNodes,
    choose_nested_nodes,
    evaluate_nested,
    nested_value,
)
from glmm_binomial.interruption import stop_if_requested

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.crossed_integral import CrossedState
    from glmm_binomial.estimation.nodes import Nodes
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.grouping import Grouping
    from glmm_binomial.model.rows import Rows

SAME_PLACE = 0.1
"""Squared distance between points, in standard errors, over which the number of nodes that is needed hardly changes."""

NOISY_DECREMENT = 0.1
"""Squared distance to the maximum, in standard errors, below which value and score of few nodes may not agree, so that
no step would be short enough."""


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


def evaluate(rows: Rows, parameters: Parameters, start: NDArray[np.float64]) -> Evaluation:
    """The marginal likelihood by quadrature fine enough for the point, or by Laplace's approximation.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
    start : array
        Near the modes: (G, K), of crossed groupings (G + q, 2) as in `CrossedIntegrator`.
    """
    integrator = integrator_of(rows, np.ones(parameters.effects.count, dtype=bool), parameters, start)
    return integrator.evaluation(integrator.evaluate_point())


class Integrator:
    """How the random effects are integrated out near one point: quadrature up to four effects, Laplace beyond.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
        The point.
    found : ConditionalModes
        There.
    laplace : bool
        True asks for Laplace's approximation whatever the number of effects.
    rough : bool
        True takes the fewest nodes for every group, good enough for steps far from a maximum.
    tolerance : float
        Of the nodes, see `choose_nodes`.
    """

    def __init__(
        self,
        rows: Rows,
        parameters: Parameters,
        found: ConditionalModes,
        *,
        laplace: bool = False,
        rough: bool = False,
        tolerance: float = NODE_TOLERANCE,
    ) -> None:
        self._above_alone: Grouping | None = None
        if rows.upper is not None and parameters.effects.count == 1:
            # nested groups without effects of their own: those above are groups like any others
            self._above_alone, found = rows.upper, found.of(rows.upper.starts)
            rows = rows.of_upper()
        self._rows = rows
        self._point, self._found = parameters, found
        self.noise = NOISY_DECREMENT if rough else 0.0
        self._nodes: Nodes | NestedNodes | None = None
        if laplace or parameters.effects.count > MOST_EFFECTS:
            return
        if rows.upper is not None and parameters.effects.count:
            self._nodes = choose_nested_nodes(rows, parameters, found, rough=rough, tolerance=tolerance)
        elif rough:
            self._nodes = rough_nodes(rows, parameters, found)
        else:
            self._nodes = choose_nodes(rows, parameters, found, tolerance=tolerance)

    def still_fits(self, state: MarginalState) -> bool:
        """Whether a point lies so near the one the nodes were chosen for that they need not be chosen anew."""
        shift = state.parameters.vector - self._point.vector
        return bool(shift @ state.information @ shift < SAME_PLACE)

    @property
    def settled(self) -> bool:
        """False when the largest number of nodes was not enough."""
        return self._nodes is None or self._nodes.settled

    def evaluation(self, state: MarginalState) -> Evaluation:
        """A state, with how it was integrated."""
        if self._nodes is None:
            return Evaluation(state=state, nodes=None, settled=True)
        return Evaluation(state=state, nodes=self._nodes.most, settled=self.settled)

    def evaluate(self, parameters: Parameters, start: NDArray[np.float64]) -> MarginalState:
        """Log L with its score and information at a point near the one the nodes were chosen for."""
        if parameters is self._point:
            return self.evaluate_point()
        if self._nodes is None:
            stop_if_requested()
            return evaluate_laplace(self._rows, parameters, start=start)
        if self._above_alone is not None:
            start = start[self._above_alone.starts]
        return self._evaluate(parameters, find_modes(self._rows, parameters, start, tolerance=NEAR_ENOUGH))

    def evaluate_point(self) -> MarginalState:
        """The same at the very point the nodes were chosen for."""
        return self._evaluate(self._point, self._found)

    def _evaluate(self, parameters: Parameters, found: ConditionalModes) -> MarginalState:
        stop_if_requested()
        if self._nodes is None:
            return evaluate_laplace(self._rows, parameters, start=found.modes)
        if isinstance(self._nodes, NestedNodes):
            return evaluate_nested(self._rows, parameters, nodes=self._nodes, found=found)
        state = evaluate_marginal(self._rows, parameters, nodes=self._nodes, found=found)
        if self._above_alone is not None:
            return replace(state, found=found.of(self._above_alone.index))
        return state

    def value_at_point(self) -> float:
        """Log L alone at that point."""
        if self._nodes is None:
            return laplace_value(self._rows, self._point, start=self._found.modes)
        if isinstance(self._nodes, NestedNodes):
            return nested_value(self._rows, self._point, nodes=self._nodes, found=self._found)
        return marginal_value(self._rows, self._point, nodes=self._nodes, found=self._found)


class CrossedIntegrator(Integrator):
    """The same where groupings cross: quadrature over the groups, Laplace over the levels of the other.

    Modes (G + q, 2) are those of the groups in the first column, and below them those of the levels in the second.

    Parameters
    ----------
    rows : Rows
        With both random effects.
    parameters : Parameters
        The point.
    modes : (G + q, 2) array
        Near there.
    """

    def __init__(self, rows: Rows, parameters: Parameters, modes: NDArray[np.float64]) -> None:
        self._integral, self._groups = CrossedIntegral(rows), rows.grouping.count
        self._point, self.noise = parameters, 0.0
        self._at_point = self._state(parameters, modes)

    def _state(self, parameters: Parameters, modes: NDArray[np.float64]) -> CrossedState:
        return self._integral.evaluate(parameters.vector, modes[self._groups :, 1], modes[: self._groups, :1])

    def _marginal(self, parameters: Parameters, state: CrossedState) -> MarginalState:
        own, levels = state.peak.state.found.modes, state.peak.levels[:, None]
        modes = np.zeros((len(own) + len(levels), 2))
        modes[: len(own), :1], modes[len(own) :, 1:] = own, levels
        return MarginalState(
            parameters=parameters,
            value=state.value,
            group_scores=state.score[None],
            information=state.information,
            found=ConditionalModes(modes=modes, scales=np.empty((0, 2, 2))),
        )

    @property
    def settled(self) -> bool:
        """False when the largest number of nodes was not enough."""
        return self._at_point.peak.nodes.settled

    def evaluation(self, state: MarginalState) -> Evaluation:
        """A state, with how it was integrated."""
        return Evaluation(state=state, nodes=self._at_point.peak.nodes.most, settled=self.settled)

    def evaluate(self, parameters: Parameters, start: NDArray[np.float64]) -> MarginalState:
        """Log L with its score, and an information that lacks some of its curvature; see `CrossedState`."""
        return self._marginal(parameters, self._state(parameters, start))

    def evaluate_point(self) -> MarginalState:
        """The same at the very point it was made for."""
        return self._marginal(self._point, self._at_point)

    def value_at_point(self) -> float:
        """Log L alone at that point."""
        return self._at_point.value


class _OneOfCrossed(Integrator):
    """One of the two effects of crossed groupings alone, with modes (G + q, 1) of which only some are in use."""

    def __init__(self, rows: Rows, parameters: Parameters, found: ConditionalModes, place: slice, units: int) -> None:
        super().__init__(rows, parameters, found)
        self._place, self._units = place, units

    def evaluate(self, parameters: Parameters, start: NDArray[np.float64]) -> MarginalState:
        """Log L with its score and information at a point near the one the nodes were chosen for."""
        return self._in_place(super().evaluate(parameters, start[self._place]))

    def evaluate_point(self) -> MarginalState:
        """The same at the very point the nodes were chosen for."""
        return self._in_place(super().evaluate_point())

    def _in_place(self, state: MarginalState) -> MarginalState:
        if len(state.found.modes) == self._units:
            return state
        modes = np.zeros((self._units, state.found.modes.shape[1]))
        modes[self._place] = state.found.modes
        return replace(state, found=replace(state.found, modes=modes))


def _integrator_of_crossed(
    rows: Rows, active: NDArray[np.bool_], parameters: Parameters, modes: NDArray[np.float64]
) -> Integrator:
    if active.all():
        return CrossedIntegrator(rows, parameters, modes)
    groups = rows.grouping.count
    of_levels = bool(active[1])
    kept, place = (rows.by_levels(), slice(groups, None)) if of_levels else (rows.with_effects(active), slice(groups))
    found = find_modes(kept, parameters, modes[place], tolerance=NEAR_ENOUGH)
    return _OneOfCrossed(kept, parameters, found, place, len(modes))


def integrator_of(
    rows: Rows,
    active: NDArray[np.bool_],
    parameters: Parameters,
    modes: NDArray[np.float64],
    *,
    rough: bool = False,
    tolerance: float = NODE_TOLERANCE,
) -> Integrator:
    """How the model with the active ones of the rows' K effects is integrated.

    When all K are too many for quadrature, models with fewer are approximated too, so that they compare.
    """
    if rows.crossed is not None:
        return _integrator_of_crossed(rows, active, parameters, modes)
    laplace = len(active) > MOST_EFFECTS and bool(active.any())
    kept = rows.with_effects(active)
    found = find_modes(kept, parameters, modes, tolerance=TOLERANCE if laplace else NEAR_ENOUGH)
    return Integrator(kept, parameters, found, laplace=laplace, rough=rough, tolerance=tolerance)
