"""How random effects are integrated out near one point: by quadrature up to four, by Laplace's approximation beyond."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from glmm_binomial.estimation.conditional_modes import NEAR_ENOUGH, TOLERANCE, find_modes
from glmm_binomial.estimation.laplace import evaluate_laplace, laplace_value
from glmm_binomial.estimation.marginal import (
    MOST_EFFECTS,
    NODE_TOLERANCE,
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
    import numpy as np
    from numpy.typing import NDArray

    from glmm_binomial.estimation.conditional_modes import ConditionalModes
    from glmm_binomial.estimation.marginal import MarginalState
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
    """The marginal likelihood by quadrature fine enough for the point, or by Laplace's approximation."""
    integrator = Integrator(rows, parameters, find_modes(rows, parameters, start, tolerance=NEAR_ENOUGH))
    return integrator.evaluation(integrator.evaluate(parameters, start))


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
    laplace = len(active) > MOST_EFFECTS and bool(active.any())
    kept = rows.with_effects(active)
    found = find_modes(kept, parameters, modes, tolerance=TOLERANCE if laplace else NEAR_ENOUGH)
    return Integrator(kept, parameters, found, laplace=laplace, rough=rough, tolerance=tolerance)
