"""The exact log posterior of nested groups; see `log_posterior` for what is asked of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.conditional_modes import NEAR_ENOUGH, find_modes, mode_response
from glmm_binomial.estimation.log_posterior import (
    MOST_POINTS,
    NEXT_RUNG,
    NODE_TOLERANCE,
    CurvedPoint,
    LogPosterior,
)
from glmm_binomial.estimation.many_points import Centre, EffectMoments, Slopes
from glmm_binomial.estimation.nested_integrals import choose_nested_nodes, evaluate_nested
from glmm_binomial.estimation.nested_points import NestedPoints, NestedRule
from glmm_binomial.interruption import stop_if_requested

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.nested_integrals import NestedNodes
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows

BLOCK_ELEMENTS: Final = 400_000
"""Groups times nodes of both kinds times points worked on at once."""

MOST_ELEMENTS: Final = 200_000_000
"""Rows times nodes of both kinds times points that take some seconds."""

FEWEST_POINTS: Final = 1_024

RULES: Final = tuple(
    NestedRule(above, own) for above, own in ((5, 7), (5, 9), (7, 12), (7, 15), (9, 20), (11, 27), (13, 40), (17, 60))
)
"""Each finer than the one before in both integrals."""


class NestedLogPosterior(LogPosterior):
    """The log posterior of rows in nested groups, of which each point takes long."""

    def __init__(self, rows: Rows, start: Parameters, modes: NDArray[np.float64]) -> None:
        super().__init__(rows, start, modes)
        self._rule = RULES[0]
        self._nested_grid: NestedNodes | None = None

    @property
    def most_points(self) -> int:
        """How many points may be evaluated for a sample, a power of two: as many as take some seconds."""
        affordable = MOST_ELEMENTS // (len(self.rows.trials) * self._rule.above * self._rule.own)
        return min(MOST_POINTS, max(FEWEST_POINTS, 1 << max(affordable.bit_length() - 1, 0)))

    @property
    def nodes(self) -> int:
        """Quadrature nodes of the effect that needs most."""
        return max(self._rule.above, self._rule.own)

    def values(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log p, (D,), at points (D, k + C)."""
        return np.asarray(self.prior.values(points) + self._values(points, self._rule))

    def _values(self, points: NDArray[np.float64], rule: NestedRule) -> NDArray[np.float64]:
        return np.concatenate([each.values for each in self._integrated(points, rule)])

    def _integrated(
        self, points: NDArray[np.float64], rule: NestedRule, *, scored: bool = False
    ) -> Iterator[NestedPoints]:
        """As many of the points at a time as make a block."""
        together = max(1, BLOCK_ELEMENTS // (self.rows.grouping.count * rule.above * rule.own))
        for first in range(0, len(points), together):
            stop_if_requested()
            some = points[first : first + together]
            moved = self.centre.response @ (some - self.centre.parameters.vector).T
            yield NestedPoints(self.rows, some, self.centre.modes[:, :, None] + moved, rule, scored=scored)

    def slopes(self, points: NDArray[np.float64]) -> Slopes:
        """Values (D,) and gradients (D, k + C) at points (D, k + C)."""
        found = [(each.values, each.gradients) for each in self._integrated(points, self._rule, scored=True)]
        values, gradients = (np.concatenate(each) for each in zip(*found, strict=True))
        return Slopes(values=self.prior.values(points) + values, gradients=self.prior.gradients(points) + gradients)

    def effect_moments(self, points: NDArray[np.float64]) -> EffectMoments:
        """Conditional moments of the groups' effects at points (D, k + C)."""
        found = [each.moments() for each in self._integrated(points, self._rule)]
        means, covariances, third = (np.concatenate(each) for each in zip(*found, strict=True))
        return EffectMoments(means=means, covariances=covariances, third=third)

    def curved(self, point: NDArray[np.float64], *, is_centre: bool = False) -> CurvedPoint:
        """Gradient and curvature at one point, which may become the centre."""
        stop_if_requested()
        parameters = self.centre.parameters.at(point)
        found = find_modes(self.rows, parameters, self.centre.modes, tolerance=NEAR_ENOUGH)
        if self._nested_grid is None:
            self._nested_grid = choose_nested_nodes(self.rows, parameters, found, rough=True)
        state = evaluate_nested(self.rows, parameters, nodes=self._nested_grid, found=found)
        if is_centre:
            response = mode_response(self.rows, parameters, found).derivatives
            self.centre = Centre(parameters=parameters, modes=found.modes, response=response)
        return CurvedPoint(
            point=point,
            gradient=state.score + self.prior.gradients(point),
            information=state.information + np.diag(self.prior.curvatures(point)),
        )

    def choose_nodes(self, points: NDArray[np.float64]) -> None:
        """Take the first rule after which the next one changes differences between the points by little."""
        self._nested_grid = None
        before = self._values(points, RULES[0])
        for rule, following in pairwise(RULES):
            now = self._values(points, following)
            change = now - before
            self._rule, self.quadrature_error = rule, float(np.abs(change - change[0]).max())
            if self.quadrature_error <= NODE_TOLERANCE:
                return
            before = now
        self._rule, self.quadrature_error = RULES[-1], NEXT_RUNG * self.quadrature_error
