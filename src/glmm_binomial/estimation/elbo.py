"""The evidence lower bound of the mean-field approximation, its gradient and its arrow-shaped curvature.

Parameters are the means m and the log standard deviations of independent normal factors for k coefficients, K log SDs
of the random effects, and G K random effects. "Corner" order: coefficient means, log-SD means, then their log SDs
(2k + 2K); "local" order: a group's K means, then their K log SDs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.arrowhead import Arrowhead
from glmm_binomial.estimation.prior import FIXED_EFFECT_PRIOR_SD, LOG_SD_PRIOR_SD, prior_means
from glmm_binomial.model.effects import expected_precision
from glmm_binomial.model.quadrature import SoftplusMoments, softplus_moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.rows import Rows


@dataclass(frozen=True, slots=True)
class Factors:
    """The normal factors of the approximation.

    Attributes
    ----------
    fixed_mean, fixed_variance : (k,) arrays
    log_sd_mean, log_sd_variance : (K,) arrays
    random_mean, random_variance : (G, K) arrays
    """

    fixed_mean: NDArray[np.float64]
    fixed_variance: NDArray[np.float64]
    log_sd_mean: NDArray[np.float64]
    log_sd_variance: NDArray[np.float64]
    random_mean: NDArray[np.float64]
    random_variance: NDArray[np.float64]

    @property
    def precision(self) -> NDArray[np.float64]:
        """E sd^-2 of each random effect, (K,)."""
        return expected_precision(self.log_sd_mean, self.log_sd_variance)

    @property
    def squares(self) -> NDArray[np.float64]:
        """Sum over the groups of E u^2 for each random effect, (K,)."""
        return np.asarray((self.random_mean**2 + self.random_variance).sum(axis=0))

    def moved(self, corner: NDArray[np.float64], local: NDArray[np.float64]) -> Factors:
        """The factors after a step (2k + 2K,) and (G, 2K) in means and log SDs."""
        k, effects = len(self.fixed_mean), len(self.log_sd_mean)
        mean_step, log_sd_step = np.split(corner, 2)
        return Factors(
            fixed_mean=self.fixed_mean + mean_step[:k],
            fixed_variance=self.fixed_variance * np.exp(2.0 * log_sd_step[:k]),
            log_sd_mean=self.log_sd_mean + mean_step[k:],
            log_sd_variance=self.log_sd_variance * np.exp(2.0 * log_sd_step[k:]),
            random_mean=self.random_mean + local[:, :effects],
            random_variance=self.random_variance * np.exp(2.0 * local[:, effects:]),
        )


@dataclass(frozen=True, slots=True)
class ElboState:
    """The ELBO at one point.

    Attributes
    ----------
    factors : Factors
    moments : SoftplusMoments
        Of the linear predictor of each of the n rows.
    value : float
        Up to the constants that statsmodels leaves out as well.
    """

    factors: Factors
    moments: SoftplusMoments
    value: float


class Elbo:
    """ELBO = sum_i [ y_i m_i - n_i B(m_i, v_i) ] + expected log priors + entropy.

    m_i and v_i are mean and variance of the linear predictor of row i under the approximation, B the expected softplus.

    Parameters
    ----------
    rows : Rows
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._fixed, self._random = np.ascontiguousarray(rows.fixed.T), np.ascontiguousarray(rows.random.T)
        self._fixed_squared, self._random_squared = self._fixed**2, self._random**2
        self._offset = 0.0 if rows.offset is None else rows.offset
        self._prior_means = prior_means(rows)

    def at(self, factors: Factors) -> ElboState:
        """Evaluate the ELBO."""
        rows = self._rows
        mean = factors.fixed_mean @ self._fixed + self._offset + self._by_row(self._random, factors.random_mean)
        variance = factors.fixed_variance @ self._fixed_squared
        variance += self._by_row(self._random_squared, factors.random_variance)
        moments = softplus_moments(mean, variance)
        entropy = 0.5 * (
            np.log(factors.fixed_variance).sum()
            + np.log(factors.log_sd_variance).sum()
            + np.log(factors.random_variance).sum()
        )
        pulled = factors.fixed_mean - self._prior_means
        value = (
            rows.successes @ mean
            - rows.trials @ moments.value
            - 0.5 * factors.squares @ factors.precision
            - rows.grouping.count * factors.log_sd_mean.sum()
            - 0.5 * (factors.log_sd_mean**2 + factors.log_sd_variance).sum() / LOG_SD_PRIOR_SD**2
            - 0.5 * (pulled**2 + factors.fixed_variance).sum() / FIXED_EFFECT_PRIOR_SD**2
            + entropy
        )
        return ElboState(factors=factors, moments=moments, value=float(value))

    def gradient(self, state: ElboState) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gradient by means and log SDs: corner (2k + 2K,) and local (G, 2K)."""
        rows, factors = self._rows, state.factors
        residual = rows.successes - rows.trials * state.moments.mean
        decay = factors.squares * factors.precision
        corner = np.concatenate(
            [
                self._fixed @ residual - (factors.fixed_mean - self._prior_means) / FIXED_EFFECT_PRIOR_SD**2,
                decay - rows.grouping.count - factors.log_sd_mean / LOG_SD_PRIOR_SD**2,
                1.0 - 2.0 * factors.fixed_variance * self._fixed_widening(state),
                1.0 - 2.0 * factors.log_sd_variance * (decay + 0.5 / LOG_SD_PRIOR_SD**2),
            ]
        )
        by_mean = self._group_sums(self._random * residual) - factors.random_mean * factors.precision
        by_log_sd = 1.0 - 2.0 * factors.random_variance * self._random_widening(state)
        return corner, np.hstack([by_mean, by_log_sd])

    def curvature(self, state: ElboState) -> Arrowhead:
        """Hessian of -ELBO by means and log SDs.

        Let j be the derivative of a row's predictor mean by a mean, x or z, and l that of its predictor variance by a
        log SD, 2 v x^2 or 2 v z^2. Each row adds n (B_mm j j' + B_mv (j l' + l j') + B_vv l l'); the rest is diagonal.
        """
        rows, factors, moments = self._rows, state.factors, state.moments
        k, effects = len(factors.fixed_mean), len(factors.log_sd_mean)
        means, log_sds = slice(0, k), slice(k + effects, 2 * k + effects)
        scale, local_scale = 2.0 * factors.fixed_variance, 2.0 * factors.random_variance
        mm, mv, vv = (
            rows.trials * second for second in (moments.mean_mean, moments.mean_variance, moments.variance_variance)
        )
        # one row per column of x: sums over rows of data then run along contiguous memory
        x, x2, z, z2 = self._fixed, self._fixed_squared, self._random, self._random_squared
        x_mm, x2_mv, x_mv, x2_vv = x * mm, x2 * mv, x * mv, x2 * vv

        corner = np.zeros((2 * (k + effects), 2 * (k + effects)))
        corner[means, means] = x_mm @ x.T + np.eye(k) / FIXED_EFFECT_PRIOR_SD**2
        corner[means, log_sds] = x @ x2_mv.T * scale
        corner[log_sds, means] = corner[means, log_sds].T
        corner[log_sds, log_sds] = x2 @ x2_vv.T * np.outer(scale, scale)
        corner[log_sds, log_sds] += np.diag(2.0 * scale * self._fixed_widening(state))

        coupling = np.zeros((rows.grouping.count, 2 * effects, 2 * (k + effects)))
        blocks = np.zeros((rows.grouping.count, 2 * effects, 2 * effects))
        widening = self._random_widening(state)
        for effect in range(effects):
            log_sd = effects + effect
            coupling[:, effect, means] = self._group_sums(z[effect] * x_mm)
            coupling[:, effect, log_sds] = self._group_sums(z[effect] * x2_mv) * scale
            coupling[:, log_sd, means] = self._group_sums(z2[effect] * x_mv) * local_scale[:, [effect]]
            coupling[:, log_sd, log_sds] = self._group_sums(z2[effect] * x2_vv) * scale * local_scale[:, [effect]]
            blocks[:, effect, :effects] = self._group_sums(z * (mm * z[effect]))
            blocks[:, effect, effects:] = self._group_sums(z2 * (mv * z[effect])) * local_scale
            blocks[:, log_sd, effects:] = self._group_sums(z2 * (vv * z2[effect])) * local_scale
            blocks[:, log_sd, effects:] *= local_scale[:, [effect]]
            blocks[:, effect, effect] += factors.precision[effect]
            blocks[:, log_sd, log_sd] += 2.0 * local_scale[:, effect] * widening[:, effect]
        blocks[:, effects:, :effects] = blocks[:, :effects, effects:].transpose(0, 2, 1)
        self._add_log_sds(factors, corner, coupling)
        return Arrowhead(corner=corner, coupling=coupling, blocks=blocks)

    @staticmethod
    def _add_log_sds(factors: Factors, corner: NDArray[np.float64], coupling: NDArray[np.float64]) -> None:
        """Second derivatives, by the log SDs, of their priors and of squares * precision / 2."""
        k, effects = len(factors.fixed_mean), len(factors.log_sd_mean)
        variance, decay = factors.log_sd_variance, factors.squares * factors.precision
        for effect in range(effects):
            mean, log_sd = k + effect, 2 * k + effects + effect
            corner[mean, mean] = 2.0 * decay[effect] + 1.0 / LOG_SD_PRIOR_SD**2
            corner[mean, log_sd] = corner[log_sd, mean] = -4.0 * variance[effect] * decay[effect]
            corner[log_sd, log_sd] = (
                decay[effect] * (8.0 * variance[effect] ** 2 + 4.0 * variance[effect])
                + 2.0 * variance[effect] / LOG_SD_PRIOR_SD**2
            )
            pull = factors.random_mean[:, effect] * factors.precision[effect]
            spread = factors.random_variance[:, effect] * factors.precision[effect]
            coupling[:, effect, mean] = -2.0 * pull
            coupling[:, effects + effect, mean] = -2.0 * spread
            coupling[:, effect, log_sd] = 4.0 * variance[effect] * pull
            coupling[:, effects + effect, log_sd] = 4.0 * variance[effect] * spread

    def _fixed_widening(self, state: ElboState) -> NDArray[np.float64]:
        """What the ELBO loses, apart from entropy, per unit of each coefficient's variance, (k,)."""
        loss = self._fixed_squared @ (self._rows.trials * state.moments.variance)
        return np.asarray(loss + 0.5 / FIXED_EFFECT_PRIOR_SD**2)

    def _random_widening(self, state: ElboState) -> NDArray[np.float64]:
        """What the ELBO loses, apart from entropy, per unit of each random effect's variance, (G, K)."""
        loss = self._group_sums(self._random_squared * (self._rows.trials * state.moments.variance))
        return np.asarray(loss + 0.5 * state.factors.precision)

    def _by_row(self, columns: NDArray[np.float64], by_group: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over effects of columns (K, n) times each row's group's entry of by_group (G, K), (n,)."""
        return np.asarray((columns * by_group.T[:, self._rows.grouping.index]).sum(axis=0))

    def _group_sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of values (m, n) over the rows of each group, (G, m)."""
        return self._rows.grouping.sums_of_columns(values)
