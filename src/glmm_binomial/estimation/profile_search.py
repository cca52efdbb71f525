"""The search for one profile limit: Newton on the signed root of the drop of log L, within a bracket.

A limit c of a quantity solves 2 [max log L - p(c)] = q, where p(c) is the largest log L that has the quantity at c.
Nuisance parameters and c move together (Venzon & Moolgavkar 1988, Applied Statistics 37(1)): the former by Newton's
step, c by a step on the signed root of the drop (Bates & Watts 1988, section 6.1) along the tangent of the profile. A
step costs one evaluation of log L with its score and information, with no more quadrature nodes than steps need. Where
the limit is all but reached, log L alone is computed with as many nodes as it takes, and the last step corrected by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from glmm_binomial.estimation.likelihood import ROUNDING, trusted_share
from glmm_binomial.estimation.profile_walk import COARSE_ERROR, CONVERGED_DECREMENT, MOST_STEPS, local_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.profile_walk import LocalModel, Point, Walk

DROP_TOLERANCE = 1e-8
"""Of twice the drop of log L at a limit, beside what rounding leaves of it."""

LAST_EXCESS = 3e-5
"""Share of the quantile by which twice the drop may differ from it before the last step, which squares the error."""

LAST_DECREMENT = 1e-6
"""Squared distance of the nuisance parameters, in standard errors, before the last step."""

LARGEST_DECREMENT = 0.5
"""Squared distance of the nuisance parameters, in standard errors, beyond which they are brought back first."""

NEAR = 0.1
"""Share of the quantile within which a limit is close enough for the nodes to be chosen there."""

EXPANSION = 3.0
"""Factor by which one step may increase the distance from the estimate."""

SMALLEST_BRACKET = 1e-13
"""Relative difference of two values that rounding alone can make."""

HIGHER = 1e-6
"""Twice the rise of log L above what was taken for its maximum that cannot be rounding or quadrature."""

Side = Literal[-1, 1]
Ending = Literal["found", "flat", "unbounded", "higher", "lost"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a search for a limit ended.

    Attributes
    ----------
    ending : {"found", "flat", "unbounded", "higher", "lost"}
        "flat": log L does not fall far enough, as far as it was followed. "unbounded": the SD of another random effect
        grows without bound. "higher": log L exceeds what was taken for its maximum. "lost": no convergence.
    reached : float
        The limit when found, else the last value looked at; on the standardised scale.
    settled : bool
        False when the largest number of quadrature nodes was not enough there.
    """

    ending: Ending
    reached: float
    settled: bool


@dataclass(frozen=True, slots=True)
class Combination:
    """A linear combination of coefficients, by its unit vector (k,)."""

    weights: NDArray[np.float64]

    def direction(self, point: Point) -> NDArray[np.float64]:
        """Unit vector over coefficients and active log SDs."""
        return np.concatenate([self.weights, np.zeros(len(point.state.parameters.effects.vector))])

    def value(self, point: Point) -> float:
        """The combination at a point."""
        return float(self.weights @ point.state.parameters.coefficients)

    def step(self, value: float, target: float) -> float:
        """Way along the direction from one value to another."""
        return target - value

    def slope(self, value: float, along: float) -> float:
        """Derivative by the value from the derivative along the direction."""
        del value
        return along


@dataclass(frozen=True, slots=True)
class Deviation:
    """The SD of the random effect at a position among all K; the direction is that of its logarithm."""

    effect: int

    def direction(self, point: Point) -> NDArray[np.float64]:
        """Unit vector over coefficients and active log SDs."""
        direction = np.zeros(len(point.state.parameters.vector))
        direction[point.position(self.effect)] = 1.0
        return direction

    def value(self, point: Point) -> float:
        """The SD at a point."""
        return float(np.exp(point.state.parameters.vector[point.position(self.effect)]))

    def step(self, value: float, target: float) -> float:
        """Way along the direction from one value to another."""
        return float(np.log(target / value))

    def slope(self, value: float, along: float) -> float:
        """Derivative by the value from the derivative along the direction."""
        return along / value


@dataclass(frozen=True, slots=True)
class FirstCorrelation:
    """Fisher's z of the correlation of the first two of correlated random effects."""

    def direction(self, point: Point) -> NDArray[np.float64]:
        """Unit vector over coefficients and the parameters of the effects."""
        parameters = point.state.parameters
        direction = np.zeros(len(parameters.vector))
        direction[len(parameters.coefficients) + parameters.effects.count] = 1.0
        return direction

    def value(self, point: Point) -> float:
        """Z at a point."""
        return float(self.direction(point) @ point.state.parameters.vector)

    def step(self, value: float, target: float) -> float:
        """Way along the direction from one value to another."""
        return target - value

    def slope(self, value: float, along: float) -> float:
        """Derivative by the value from the derivative along the direction."""
        del value
        return along


Quantity = Combination | Deviation | FirstCorrelation


class Search:
    """The search for one limit: a walk, and a bracket about the limit.

    Parameters
    ----------
    walk : Walk
        Where it starts.
    quantity : Combination, Deviation or FirstCorrelation
    side : {-1, 1}
    top : float
        Maximum of log L.
    quantile : float
    estimate : float
        The quantity at the peak, inside the limit.
    farthest : float
        Where the search is given up.
    outside : float or None
        A value known to lie beyond the limit.
    """

    def __init__(
        self,
        walk: Walk,
        quantity: Quantity,
        *,
        side: Side,
        top: float,
        quantile: float,
        estimate: float,
        farthest: float,
        outside: float | None = None,
    ) -> None:
        self._walk, self._quantity = walk, quantity
        self._side, self._top, self._quantile = side, top, quantile
        self._estimate, self._farthest, self._beyond = estimate, farthest, outside
        self._tolerance = max(LAST_EXCESS * min(quantile, 1.0), DROP_TOLERANCE) + 2.0 * ROUNDING * abs(self._top)
        self._left_by_coarse_nodes = 0.0
        self._forget()

    def run(self, start: float | None = None) -> Limit:
        """Search from where the walk stands, or from a first step to `start`."""
        if start is not None:
            self._move(self._local_model(), start)
        outcome: Ending | Limit | None = None
        for _ in range(MOST_STEPS):
            outcome = self._step()
            if outcome is not None:
                break
        if isinstance(outcome, Limit):
            return outcome
        point = self._walk.point
        reached = self._quantity.value(point)
        if outcome in {None, "lost"}:
            if self._outside is None and self._is_farthest(reached):
                outcome = "flat"
            else:
                # so far off, quadrature no longer tells whether log L rises or falls
                outcome = "unbounded" if self._walk.is_far() else "lost"
        return Limit(ending=outcome, reached=reached, settled=point.settled)

    def _is_farthest(self, value: float) -> bool:
        return self._side * (self._farthest - value) <= SMALLEST_BRACKET * abs(self._farthest)

    def _forget(self) -> None:
        """The bracket, which was that of another model."""
        self._inside, self._outside = self._estimate, self._beyond

    def _local_model(self) -> LocalModel:
        return local_model(self._walk.point.state, self._quantity.direction(self._walk.point))

    def _step(self) -> Ending | Limit | None:
        """At most one evaluation in most cases; None when the search goes on."""
        if self._walk.remove_vanishing():
            self._forget()
            return None
        if self._walk.runs_off():
            return "unbounded"
        local = self._local_model()
        if local.decrement > (LARGEST_DECREMENT if local.definite else CONVERGED_DECREMENT):
            return None if self._walk.climb(local) else self._at_fine_nodes("lost")
        drop = 2.0 * (self._top - local.value - self._left_by_coarse_nodes)
        if drop < -HIGHER:
            return self._at_fine_nodes("higher" if self._walk.point.settled else "lost")
        if abs(drop - self._quantile) <= self._tolerance and local.decrement <= LAST_DECREMENT:
            return self._finish(local)
        return self._advance(local, drop)

    def _at_fine_nodes(self, ending: Ending) -> Ending | None:
        """An ending that coarse nodes must not bring about."""
        if self._walk.point.refined:
            return ending
        self._walk.refine()
        self._left_by_coarse_nodes = 0.0
        return None

    def _finish(self, local: LocalModel) -> Limit | None:
        """The limit, a last step away, if fine nodes agree and no variance that was left at zero rises from there."""
        fine = self._walk.look_closely()
        drop = 2.0 * (self._top - fine.value - 0.5 * local.decrement)
        if abs(drop - self._quantile) > self._tolerance:
            # what coarse nodes leave hardly changes over the way that is left
            self._left_by_coarse_nodes = fine.value - self._walk.point.state.value
            self._forget()
            return None
        if self._walk.restore():
            self._forget()
            return None
        value = self._quantity.value(self._walk.point)
        slope = self._quantity.slope(value, local.slope)
        # with alpha near one, the drop is all rounding and leads nowhere
        falls = drop > 0.0 and self._side * slope < 0.0
        reached = self._on_the_root(value, drop, slope) if falls else value
        return Limit(ending="found", reached=reached, settled=fine.settled)

    def _advance(self, local: LocalModel, drop: float) -> Ending | None:
        """Narrow the bracket and step towards the limit."""
        value, excess = self._quantity.value(self._walk.point), drop - self._quantile
        close = abs(excess) <= NEAR * self._quantile
        if (close and not self._walk.point.near) or self._walk.point.strayed:
            self._walk.choose_ahead()
            self._left_by_coarse_nodes = 0.0
        # on which side of the limit a value lies is certain when the quadratic model and coarse nodes err by less
        if abs(excess) > local.decrement + min(2.0 * COARSE_ERROR, NEAR * self._quantile):
            if excess > 0.0:
                self._outside = value
            elif self._is_farthest(value):
                return self._at_fine_nodes("flat")
            else:
                self._inside = value
        if self._outside is not None:
            width, size = abs(self._outside - self._inside), max(abs(self._outside), abs(self._inside))
            if width <= SMALLEST_BRACKET * size:
                return "lost"
        self._move(local, self._target(value, drop, self._quantity.slope(value, local.slope)))
        return None

    def _target(self, value: float, drop: float, slope: float) -> float:
        """Newton's step on the signed root of the drop, kept within the bracket."""
        side, inside, outside = self._side, self._inside, self._outside
        away = value - self._estimate
        target = self._estimate + 2.0 * away
        if drop > 0.0 and side * slope < 0.0:
            target = self._on_the_root(value, drop, slope)
            if abs(target - self._estimate) > EXPANSION * abs(away):
                target = self._estimate + EXPANSION * away
        if side * (target - inside) <= 0.0 or (outside is not None and side * (outside - target) <= 0.0):
            target = inside + away if outside is None else 0.5 * (inside + outside)
        return float(side * min(side * target, side * self._farthest))

    def _on_the_root(self, value: float, drop: float, slope: float) -> float:
        """Newton's step on the signed root of the drop."""
        root = np.sqrt(drop)
        return float(value - (np.sqrt(self._quantile) - root) * root / slope)

    def _move(self, local: LocalModel, target: float) -> None:
        """To a target along the tangent, and towards the nuisance parameters' optimum."""
        way = self._quantity.step(self._quantity.value(self._walk.point), target)
        b = self._walk.point.state.parameters.coefficients
        along = way * local.tangent
        back = local.nuisance_step
        self._walk.move(trusted_share(back, b) * back + trusted_share(along, b) * along)
