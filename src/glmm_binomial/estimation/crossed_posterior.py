"""The exact log posterior of crossed groupings; see `log_posterior` for what is asked of it.

    theta = (b, v, log sd_u, log sd_a),   a_h = v_h c_h(sd_a),   c_h^2 = (d_h + 1) / (d_h + sd_a^-2)

The effects a of the few levels are parameters like the coefficients: given them the groups are independent, and the
integrals over these exact. d_h is about what the data say of a_h. So v has much the same spread whatever sd_a is, and
the density of all together peaks near the middle of the posterior, where that of a and sd_a would rise for ever as both
go to zero (partial non-centring; Papaspiliopoulos, Roberts & Skoeld 2007, Statistical Science 22(1)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.log_posterior import MOST_POINTS, CurvedPoint, LogPosterior
from glmm_binomial.estimation.many_points import Centre, Slopes
from glmm_binomial.estimation.prior import FIXED_EFFECT_PRECISION, LOG_SD_PRECISION, Prior, prior_means
from glmm_binomial.model.effects import IndependentEffects, Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.rows import Rows

MOST_ELEMENTS: Final = 400_000_000
"""Rows times nodes times points that take some seconds."""

FEWEST_POINTS: Final = 1_024

SHARE_TOLD: Final = 0.4
"""Of n p (1 - p), about what n outcomes tell of a level's effect where those of the groups are unknown too."""


@dataclass(frozen=True, slots=True)
class _Levels:
    """The levels' effects at D points: a (D, q), c (D, q), rho = d log c / d log sd_a (D, q), sd_a^-2 (D, 1)."""

    effects: NDArray[np.float64]
    scales: NDArray[np.float64]
    slopes: NDArray[np.float64]
    precision: NDArray[np.float64]


class CrossedLogPosterior(LogPosterior):
    """The log posterior of rows of crossed groupings.

    Parameters
    ----------
    rows : Rows
        With both random effects.
    start : Parameters
        Of k coefficients, or of these and v.
    modes : array
        Not used: the search for the groups' effects starts from zero.
    """

    def __init__(self, rows: Rows, start: Parameters, modes: NDArray[np.float64]) -> None:  # noqa: ARG002
        count, k = rows.crossing.count, rows.fixed.shape[1]
        self._k, self._own = k, slice(k, k + count)
        share = float(rows.successes.sum() / rows.trials.sum())
        self._information = SHARE_TOLD * share * (1.0 - share) * rows.crossing.sums(rows.trials)
        vector = np.concatenate([start.coefficients[:k], np.zeros(count), start.effects.vector])
        if len(start.coefficients) > k:
            vector = start.vector
        at = Parameters(vector[:-2], IndependentEffects(log_sds=vector[-2:]))
        wide = rows.with_levels()
        means, precisions = np.zeros(k + count + 1), np.zeros(k + count + 1)
        means[:k] = prior_means(rows)
        precisions[:k], precisions[-1] = FIXED_EFFECT_PRECISION, LOG_SD_PRECISION
        of_groups = Prior(means=means, precisions=precisions, powers=np.zeros(k + count + 1))
        groups = LogPosterior(wide, self._of_groups(at), np.zeros((rows.grouping.count, 1)), of_groups)
        self._groups, self.distinct, self.rows = groups, groups.distinct, groups.rows
        self.coefficients, self.effects, self.size, self.is_laplace = k + count, 2, len(vector), False
        self.prior = prior_of_crossed(at, means[:k])
        self.quadrature_error = 0.0
        self.centre = Centre(at, np.zeros((0, 2)), np.zeros((0, 2, len(vector))))

    def _levels(self, points: NDArray[np.float64]) -> _Levels:
        d, precision = self._information, np.exp(-2.0 * points[:, -1:])
        scales = np.sqrt((d + 1.0) / (d + precision))
        return _Levels(points[:, self._own] * scales, scales, precision / (d + precision), precision)

    def with_effects(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points with a in the place of v, (D, k + q + 2)."""
        return np.column_stack([self._wide(points), points[:, -1]])

    def _of_groups(self, at: Parameters) -> Parameters:
        """A point as the groups' integrals see it."""
        wide = self._wide(at.vector[None])[0]
        return Parameters(coefficients=wide[:-1], effects=IndependentEffects(log_sds=wide[-1:]))

    def _wide(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (b, a, log sd_u), (D, k + q + 1)."""
        wide = points[:, :-1].copy()
        wide[:, self._own] = self._levels(points).effects
        return wide

    @property
    def most_points(self) -> int:
        """How many points may be evaluated for a sample, a power of two: as many as take some seconds."""
        affordable = MOST_ELEMENTS // (len(self.rows.trials) * (self.nodes or 1))
        return min(MOST_POINTS, max(FEWEST_POINTS, 1 << max(affordable.bit_length() - 1, 0)))

    @property
    def nodes(self) -> int | None:
        """Quadrature nodes in the group that needs most."""
        return self._groups.nodes

    def values(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log p, (D,), at points (D, k + q + 2)."""
        return np.asarray(self._groups.values(self._wide(points)) + self._of_levels(points))

    def _of_levels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log density of v and log sd_a, (D,)."""
        at, log_sd = self._levels(points), points[:, -1]
        density = -0.5 * (at.effects**2 * at.precision).sum(axis=1) + np.log(at.scales).sum(axis=1)
        return np.asarray(density - len(self._information) * log_sd - 0.5 * LOG_SD_PRECISION * log_sd**2)

    def slopes(self, points: NDArray[np.float64]) -> Slopes:
        """Values (D,) and gradients (D, k + q + 2) at points (D, k + q + 2)."""
        found, at = self._groups.slopes(self._wide(points)), self._levels(points)
        return Slopes(
            values=found.values + self._of_levels(points), gradients=self._gradients(points, found.gradients, at)
        )

    def _gradients(
        self, points: NDArray[np.float64], by_groups: NDArray[np.float64], at: _Levels
    ) -> NDArray[np.float64]:
        pull = by_groups[:, self._own] - at.effects * at.precision
        gradients = np.column_stack([by_groups, np.empty(len(points))])
        gradients[:, self._own] = at.scales * pull
        gradients[:, -1] = (at.effects * at.slopes * pull + at.effects**2 * at.precision + at.slopes - 1.0).sum(axis=1)
        gradients[:, -1] -= LOG_SD_PRECISION * points[:, -1]
        return gradients

    def curved(self, point: NDArray[np.float64], *, is_centre: bool = False) -> CurvedPoint:
        """Gradient and curvature at one point, which may become the centre."""
        found, at = self._groups.curved(self._wide(point[None])[0], is_centre=is_centre), self._levels(point[None])
        if is_centre:
            self.centre = replace(self.centre, parameters=self.centre.parameters.at(point))
        a, c, rho, precision = at.effects[0], at.scales[0], at.slopes[0], float(at.precision[0, 0])
        gradient = self._gradients(point[None], found.gradient[None], at)[0]
        # of (b, a, log sd_u) by theta
        jacobian = np.eye(len(point) - 1, len(point))
        levels = np.arange(self._own.start, self._own.stop)
        jacobian[levels, levels], jacobian[levels, -1] = c, rho * a
        inner = found.information.copy()
        inner[levels, levels] += precision
        information = jacobian.T @ inner @ jacobian
        # what bends on the way to a, and the density of a given log sd_a
        pull = found.gradient[self._own] - precision * a
        across = -rho * c * pull - 2.0 * precision * a * c
        information[levels, -1] += across
        information[-1, levels] += across
        bent = -pull * a * (3.0 * rho**2 - 2.0 * rho) - 4.0 * precision * rho * a**2 + 2.0 * precision * a**2
        information[-1, -1] += (bent + 2.0 * rho * (1.0 - rho)).sum() + LOG_SD_PRECISION
        return CurvedPoint(point=point, gradient=gradient, information=information)

    def choose_nodes(self, points: NDArray[np.float64]) -> None:
        """Give each group the fewest nodes such that the error summed over all groups is small."""
        self._groups.choose_nodes(self._wide(points))
        self.quadrature_error = self._groups.quadrature_error


def prior_of_crossed(at: Parameters, coefficient_means: NDArray[np.float64]) -> Prior:
    """Of coefficients about their means (k,) and of log SDs; that of the levels' effects is part of the model."""
    k, size = len(coefficient_means), len(at.vector)
    means, precisions = np.zeros(size), np.zeros(size)
    means[:k], precisions[:k], precisions[-2:] = coefficient_means, FIXED_EFFECT_PRECISION, LOG_SD_PRECISION
    return Prior(means=means, precisions=precisions, powers=np.zeros(size))
