"""The exact log posterior of theta, the random effects integrated out: values, gradients, curvature.

    log p(theta | y) = sum_g log I_g(theta) + log prior(theta) + constant,

theta being the k coefficients and the C parameters of the covariance of the effects, their log SDs first.

By quadrature up to three random effects per group, with as few nodes as the sum over all groups allows; by Laplace's
approximation beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.conditional_modes import NEAR_ENOUGH, find_modes, mode_response
from glmm_binomial.estimation.laplace import evaluate_laplace
from glmm_binomial.estimation.many_points import (
    Centre,
    EffectMoments,
    Slopes,
    effect_moments,
    log_integrals,
    make_part,
    slopes_at,
)
from glmm_binomial.estimation.marginal import MOST_TRAPEZOID_EFFECTS, choose_nodes, evaluate_marginal, rough_nodes
from glmm_binomial.estimation.prior import prior_means, prior_of
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.distinct import DistinctGroups, distinct_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.nodes import Nodes
    from glmm_binomial.estimation.prior import Prior
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows

NODE_LADDER: Final = {1: (5, 8, 12, 18, 27, 40, 60, 90), 2: (5, 8, 12, 18, 27), 3: (5, 7)}
"""Nodes per random effect, by the number of effects per group."""

MOST_POINTS: Final = 8_192
FIRST_NODES: Final = 8
NODE_TOLERANCE: Final = 5e-3
"""Error, summed over all groups, of a difference of log posteriors two SDs of a log SD apart."""

MANY_ROWS: Final = 50_000
"""Rows from which each evaluation takes milliseconds, and a posterior is so narrow that rough ones make a good map."""

REACH: Final = 2.0
FIRST_BOUND: Final = 3e-3
NEXT_RUNG: Final = 0.5
"""Share of a rung's error that the next rung is taken to leave."""


@dataclass(frozen=True, slots=True)
class CurvedPoint:
    """The log posterior at one point.

    Attributes
    ----------
    point : (k + C,) array
    gradient : (k + C,) array
    information : (k + C, k + C) array
        Negative Hessian.
    """

    point: NDArray[np.float64]
    gradient: NDArray[np.float64]
    information: NDArray[np.float64]


class LogPosterior:
    """The log posterior of some rows, up to a constant, near a centre that is moved as a search proceeds.

    Parameters
    ----------
    rows : Rows
    start : Parameters
        Where the posterior is looked at first.
    modes : (G, K) array
        The groups' effects near there.
    prior : Prior, optional
        That of coefficients and effects unless given.

    Attributes
    ----------
    quadrature_error : float
        Of differences of log posteriors within two SDs of the mode; zero before nodes were chosen, and under Laplace's
        approximation, whose error it is not.
    """

    def __init__(self, rows: Rows, start: Parameters, modes: NDArray[np.float64], prior: Prior | None = None) -> None:
        self.coefficients, self.effects, self.size = rows.fixed.shape[1], rows.random.shape[1], len(start.vector)
        self.is_laplace = self.effects not in NODE_LADDER
        # neither Laplace's approximation nor the integral of nested groups has use for groups that stand for several
        every, is_whole = np.arange(rows.grouping.count), self.is_laplace or rows.upper is not None
        self.distinct = DistinctGroups(rows, np.ones(len(every)), every) if is_whole else distinct_groups(rows)
        self.rows, self._multiplicity = self.distinct.rows, self.distinct.multiplicity
        self.prior = prior_of(start, prior_means(rows)) if prior is None else prior
        first = np.unique(self.distinct.kind, return_index=True)[1]
        self.parts = [make_part(self.rows, np.arange(len(first)), 1 if self.is_laplace else FIRST_NODES)]
        self._grid: Nodes | None = None
        self.quadrature_error = 0.0
        self.centre = Centre(start, modes[first], np.zeros((len(first), self.effects, self.size)))

    @classmethod
    def about(cls, rows: Rows, mode: Parameters, sds: NDArray[np.float64]) -> LogPosterior:
        """The log posterior near its mode, with nodes that are right within two of its SDs (k + C,)."""
        density = cls(rows, mode, np.zeros((rows.grouping.count, rows.random.shape[1])))
        density.curved(mode.vector, is_centre=True)
        density.choose_nodes_within(mode.vector, sds)
        return density

    @property
    def most_points(self) -> int:
        """How many points may be evaluated for a sample."""
        return MOST_POINTS

    @property
    def nodes(self) -> int | None:
        """Quadrature nodes per random effect in the group that needs most; None under Laplace's approximation."""
        return None if self.is_laplace else max(part.nodes for part in self.parts)

    def values(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log p, (D,), at points (D, k + C)."""
        total = self.prior.values(points)
        for part in self.parts:
            total += self._multiplicity[part.groups] @ log_integrals(part, points, self.centre)
        return np.asarray(total)

    def slopes(self, points: NDArray[np.float64]) -> Slopes:
        """Values (D,) and gradients (D, k + C) at points (D, k + C)."""
        if self.is_laplace:
            gradients = np.stack([self.curved(point).gradient for point in points])
            return Slopes(values=self.values(points), gradients=gradients)
        values, gradients = self.prior.values(points), self.prior.gradients(points)
        for part in self.parts:
            found = slopes_at(part, points, self.centre, self._multiplicity[part.groups])
            values, gradients = values + found.values, gradients + found.gradients
        return Slopes(values=values, gradients=gradients)

    def effect_moments(self, points: NDArray[np.float64]) -> EffectMoments:
        """Conditional moments of the groups' effects at points (D, k + C); normal ones under Laplace's."""
        shape, count = (len(points), len(self._multiplicity)), self.effects
        means, covariances = np.empty((*shape, count)), np.empty((*shape, count, count))
        third = np.empty((*shape, count, count, count))
        for part in self.parts:
            found = effect_moments(part, points, self.centre)
            means[:, part.groups], covariances[:, part.groups] = found.means, found.covariances
            third[:, part.groups] = found.third
        return EffectMoments(means=means, covariances=covariances, third=third)

    def curved(self, point: NDArray[np.float64], *, is_centre: bool = False) -> CurvedPoint:
        """Gradient and curvature at one point, which may become the centre."""
        stop_if_requested()
        parameters = self.centre.parameters.at(point)
        if self.is_laplace:
            state = evaluate_laplace(self.rows, parameters, start=self.centre.modes)
        else:
            found = find_modes(self.rows, parameters, self.centre.modes, tolerance=NEAR_ENOUGH)
            if self._grid is None:
                self._grid = rough_nodes(self.rows, parameters, found)
            state = evaluate_marginal(
                self.rows, parameters, nodes=self._grid, found=found, multiplicity=self._multiplicity
            )
        if is_centre:
            response = mode_response(self.rows, parameters, state.found).derivatives
            self.centre = Centre(parameters=parameters, modes=state.found.modes, response=response)
        return CurvedPoint(
            point=point,
            gradient=state.score + self.prior.gradients(point),
            information=state.information + np.diag(self.prior.curvatures(point)),
        )

    def choose_nodes_within(self, point: NDArray[np.float64], sds: NDArray[np.float64]) -> None:
        """Choose nodes that are right within two SDs (k + C,) of the parameters of Sigma about a point (k + C,)."""
        reach = REACH * np.diag(sds)[self.coefficients :]
        self.choose_nodes(np.vstack([point, point + reach, point - reach]))

    def choose_nodes(self, points: NDArray[np.float64]) -> None:
        """Give each group the fewest nodes such that the error summed over all groups is small.

        Gradients and curvatures, which make the map that the values correct, stay rough with many rows or more than two
        effects.

        The error of a rung of the ladder is what the next one changes in the differences of log I_g between the first
        of the points (D, k + C) and the others. Errors of many groups may have one sign, so a bound on each group is no
        bound on their sum: the bound on each is lowered until the sum is small.
        """
        if self.is_laplace:
            return
        if self.effects <= MOST_TRAPEZOID_EFFECTS:
            found = find_modes(self.rows, self.centre.parameters, self.centre.modes)
            choose = rough_nodes if len(self.rows.trials) >= MANY_ROWS else choose_nodes
            self._grid = choose(self.rows, self.centre.parameters, found)
        ladder = NODE_LADDER[self.effects]
        errors = self._errors_by_rung(points)
        size, bound = np.abs(errors).max(axis=2), FIRST_BOUND
        every = np.arange(len(self._multiplicity))
        while True:
            rung = np.argmax(np.vstack([size[:-1] <= bound, np.ones(len(every), dtype=bool)]), axis=0)
            summed = float(np.abs(self._multiplicity @ errors[rung, every]).max())
            if summed <= NODE_TOLERANCE or (rung == len(errors) - 1).all() or bound < self._negligible:
                break
            bound /= 3.0
        self.quadrature_error = summed
        self.parts = [make_part(self.rows, np.flatnonzero(rung == i), ladder[i]) for i in np.unique(rung)]

    @property
    def _negligible(self) -> float:
        """Error of each group that cannot matter in their sum."""
        return 0.3 * NODE_TOLERANCE / float(self._multiplicity.sum())

    def _errors_by_rung(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Errors (rungs, G, D) of differences from the first point; of the last rung an extrapolation."""
        ladder, pending = NODE_LADDER[self.effects], np.arange(len(self._multiplicity))
        errors = np.zeros((len(ladder), len(pending), len(points)))
        before: NDArray[np.float64] | None = None
        for rung, nodes in enumerate(ladder):
            now = log_integrals(make_part(self.rows, pending, nodes), points, self.centre)
            if before is not None:
                change = (now - before) - (now - before)[:, :1]
                errors[rung - 1, pending], errors[rung:, pending] = change, NEXT_RUNG * change
                if np.abs(self._multiplicity @ errors[rung]).max() <= NODE_TOLERANCE:
                    break
                is_open = np.abs(change).max(axis=1) > self._negligible
                now, pending = now[is_open], pending[is_open]
            if not len(pending):
                break
            before = now
        return errors[: rung + 1]
