"""Laplace's approximation over both of two crossed groupings at once, which other programs maximise.

    log L(b, sd_u, sd_a)  ~  l(v^) - v^'P v^ / 2 + log det(P) / 2 - log det(H) / 2,   H = Z'WZ + P,

v the effects u of the G groups and a of the q levels, v^ where their joint density peaks, l the log density of the rows
there, P the precision of v and W the weights of the rows (Breslow & Clayton 1993, JASA 88(421), section 2.1). H is an
arrow: diagonal by groups and by levels, with the weights of each pair beside them, so that it is solved by the Schur
complement of the groups, (q, q). This is not what the worksheet maximises, which integrates over u (see
`crossed_integral`); the code of a report promises it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.likelihood import (
    CONVERGED_DECREMENT,
    LARGEST_LOG_SD,
    NEARLY_ZERO_LOG_SD,
    STALLED_DECREMENT,
    newton_direction,
    uphill,
)
from glmm_binomial.estimation.newton import Step, line_search, maximize
from glmm_binomial.model.logistic import logistic
from glmm_binomial.model.rows import orthonormalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.model.rows import Rows

MOST_STEPS = 60
SMALLEST_FRACTION = 1e-6
ROUNDING = 1e-12
"""Of a value, relative to it, that a step may lose."""

PEAKED = 1e-20
"""Squared Newton step, in standard deviations, at which the joint density has its peak."""

DIFFERENCE = 1e-5
"""Step of the central differences of the score that make the information."""


@dataclass(frozen=True, slots=True)
class JointMaximum:
    """The maximum on the standardised scale (k coefficients).

    Attributes
    ----------
    coefficients : (k,) array
    sds : (2,) array
        Of the groups and of the levels.
    covariance_root : (k, any) array
        R of R R', the covariance of the coefficients.
    log_likelihood : float
        Without the binomial constants.
    """

    coefficients: NDArray[np.float64]
    sds: NDArray[np.float64]
    covariance_root: NDArray[np.float64]
    log_likelihood: float


def maximize_joint_laplace(rows: Rows, near: Fit) -> JointMaximum | None:
    """The maximum where both effects vary; None where a variance ends at zero, or grows for ever.

    Parameters
    ----------
    rows : Rows
        Of crossed groupings.
    near : Fit
        Their maximum of the likelihood, at which no variance is zero.
    """
    turned = orthonormalize(rows)
    joint = Joint(turned.rows)
    point = np.concatenate([turned.triangle @ near.coefficients, np.log(near.sds)])

    def step(here: _State) -> Step[NDArray[np.float64]]:
        direction, _ = newton_direction(here.score, joint.information(here))
        return Step(direction, decrement=float(direction @ here.score))

    def ascend(here: _State, ahead: Step[NDArray[np.float64]]) -> _State | None:
        return uphill(lambda change: joint.evaluate(here.point + change, here.effects), here, ahead, here.point[:-2])

    def is_lost(here: _State) -> bool:
        log_sds = here.point[-2:]
        return bool(log_sds.min() < NEARLY_ZERO_LOG_SD or log_sds.max() > LARGEST_LOG_SD)

    found = maximize(
        joint.evaluate(point, np.zeros(joint.groups + joint.levels)),
        step=step,
        ascend=ascend,
        converged=CONVERGED_DECREMENT,
        most_steps=MOST_STEPS,
        is_over=lambda here, _ahead: is_lost(here),
    )
    values, vectors = np.linalg.eigh(joint.information(found.state))
    if is_lost(found.state) or values[0] <= 0.0 or found.step.decrement > STALLED_DECREMENT:
        return None
    k = len(near.coefficients)
    return JointMaximum(
        coefficients=turned.coefficients_of(found.state.point[:-2]),
        sds=np.exp(found.state.point[-2:]),
        covariance_root=np.linalg.solve(turned.triangle, (vectors / np.sqrt(values))[:k]),
        log_likelihood=found.state.value,
    )


@dataclass(frozen=True, slots=True)
class _State:
    """Value and score (k + 2,) at a point (k + 2,), and the peak of the effects there (G + q,)."""

    point: NDArray[np.float64]
    value: float
    score: NDArray[np.float64]
    effects: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Arrow:
    """H: its diagonals by groups (G,) and levels, B (G, q) beside them, and the inverse of S (q, q), with log det H."""

    of_groups: NDArray[np.float64]
    beside: NDArray[np.float64]
    inverse: NDArray[np.float64]
    log_determinant: float

    def solve(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """H^-1 times a vector (G + q,)."""
        groups = len(self.of_groups)
        scaled = vector[:groups] / self.of_groups
        levels = self.inverse @ (vector[groups:] - self.beside.T @ scaled)
        return np.concatenate([scaled - (self.beside @ levels) / self.of_groups, levels])


class Joint:
    """Rows of crossed groupings."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self._crossing = rows, rows.crossing
        self.groups, self.levels = rows.grouping.count, rows.crossing.count
        self._pair = rows.grouping.index * self.levels + self._crossing.index

    def _by_row(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(effects[self._rows.grouping.index] + effects[self.groups + self._crossing.index])

    def _sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Z' times values (n,), (G + q,)."""
        return np.concatenate([self._rows.grouping.sums(values), self._crossing.sums(values)])

    def _arrow(self, weight: NDArray[np.float64], precision: NDArray[np.float64]) -> _Arrow:
        diagonal = self._sums(weight) + precision
        size = self.groups * self.levels
        beside = np.asarray(np.bincount(self._pair, weight, minlength=size), dtype=np.float64)
        beside = beside.reshape(self.groups, self.levels)
        of_groups = diagonal[: self.groups]
        schur = np.diag(diagonal[self.groups :]) - beside.T @ (beside / of_groups[:, None])
        log_determinant = float(np.log(of_groups).sum() + np.linalg.slogdet(schur)[1])
        return _Arrow(of_groups, beside, np.asarray(np.linalg.inv(schur), dtype=np.float64), log_determinant)

    def evaluate(self, point: NDArray[np.float64], start: NDArray[np.float64]) -> _State:
        """Value and score; see `laplace` for how the score follows from the third derivatives."""
        rows, (log_sd_u, log_sd_a) = self._rows, point[-2:]
        precision = np.repeat(np.exp(-2.0 * point[-2:]), [self.groups, self.levels])
        offset = rows.fixed_part(point[:-2])
        effects = self._peak(offset, precision, start)
        at = logistic(offset + self._by_row(effects))
        weight, residual = rows.trials * at.variance, at.residual(rows.successes, rows.trials)
        arrow = self._arrow(weight, precision)
        value = float(at.log_density(rows.successes, rows.trials).sum() - 0.5 * precision @ effects**2)
        value -= self.groups * log_sd_u + self.levels * log_sd_a + 0.5 * arrow.log_determinant

        spread = (arrow.beside @ arrow.inverse) / arrow.of_groups[:, None]
        of_groups = 1.0 / arrow.of_groups + (spread * arrow.beside).sum(axis=1) / arrow.of_groups
        variances = np.concatenate([of_groups, np.diag(arrow.inverse)])
        covariances = -spread.ravel()[self._pair]
        third = weight * (1.0 - 2.0 * at.probability) * (self._by_row(variances) + 2.0 * covariances)
        pull = arrow.solve(self._sums(third))
        by_row = residual - 0.5 * (third - weight * self._by_row(pull))
        by_effect = precision * (effects**2 + variances) - 1.0 - precision * effects * pull
        by_sds = [by_effect[: self.groups].sum(), by_effect[self.groups :].sum()]
        return _State(point, value, np.concatenate([by_row @ rows.fixed, by_sds]), effects)

    def _peak(
        self, offset: NDArray[np.float64], precision: NDArray[np.float64], start: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Where the joint density of the effects peaks, by Newton's method."""
        rows = self._rows

        def value(effects: NDArray[np.float64]) -> float:
            density = logistic(offset + self._by_row(effects)).log_density(rows.successes, rows.trials).sum()
            return float(density - 0.5 * precision @ effects**2)

        def step(effects: NDArray[np.float64]) -> Step[NDArray[np.float64]]:
            at = logistic(offset + self._by_row(effects))
            gradient = self._sums(at.residual(rows.successes, rows.trials)) - precision * effects
            direction = self._arrow(rows.trials * at.variance, precision).solve(gradient)
            return Step(direction, decrement=float(direction @ gradient))

        def ascend(effects: NDArray[np.float64], ahead: Step[NDArray[np.float64]]) -> NDArray[np.float64] | None:
            here = value(effects)
            return line_search(
                lambda share: effects + share * ahead.direction,
                value=value,
                floor=lambda _share: here - ROUNDING * abs(here),
                fraction=1.0,
                smallest=SMALLEST_FRACTION,
            )

        return maximize(start, step=step, ascend=ascend, converged=PEAKED, most_steps=MOST_STEPS).state

    def information(self, state: _State) -> NDArray[np.float64]:
        """Negative Hessian, (k + 2, k + 2)."""
        size = len(state.point)
        found = np.empty((size, size))
        for column, change in enumerate(np.eye(size) * DIFFERENCE):
            ahead, behind = (self.evaluate(state.point + move, state.effects) for move in (change, -change))
            found[column] = (behind.score - ahead.score) / (2.0 * DIFFERENCE)
        return np.asarray(0.5 * (found + found.T))
