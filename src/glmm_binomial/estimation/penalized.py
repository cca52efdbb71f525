"""Where the variational search starts: penalised logistic regression with SDs that follow the random effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.arrowhead import Arrowhead, factorize
from glmm_binomial.estimation.prior import FIXED_EFFECT_PRECISION, prior_means
from glmm_binomial.model.effects import IndependentEffects
from glmm_binomial.model.logistic import logistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.rows import Rows

MOST_STEPS = 6
SETTLED = 0.05
"""Change of a log SD below which a start is good enough."""

LARGEST_STEP = 3.0


@dataclass(frozen=True, slots=True)
class PenalizedStart:
    """Rough estimates (k fixed, K random effects, G groups).

    Attributes
    ----------
    coefficients : (k,) array
    coefficient_variances : (k,) array
    effects : IndependentEffects
    random_effects, random_variances : (G, K) arrays
    """

    coefficients: NDArray[np.float64]
    coefficient_variances: NDArray[np.float64]
    effects: IndependentEffects
    random_effects: NDArray[np.float64]
    random_variances: NDArray[np.float64]


def fit_penalized_start(rows: Rows, coefficients: NDArray[np.float64]) -> PenalizedStart:
    """A few Newton steps for coefficients and random effects together, each followed by an update of the SDs.

    The step maximises sum_i [y_i eta_i - n_i log(1 + e^eta_i)] - |b - m|^2 / 8 - sum_gk u_gk^2 / (2 sd_k^2) (Breslow &
    Clayton 1993, JASA 88(421), equation 6); the update is sd_k^2 = mean_g (u_gk^2 + Var u_gk), an EM step.
    """
    X, Z, grouping = np.ascontiguousarray(rows.fixed.T), np.ascontiguousarray(rows.random.T), rows.grouping
    effects, diagonal = len(Z), np.arange(len(Z))
    random_effects = np.zeros((grouping.count, effects))
    covariance = IndependentEffects(log_sds=np.zeros(effects))
    group_sums, means = grouping.sums_of_columns, prior_means(rows)
    offset = 0.0 if rows.offset is None else rows.offset
    for _ in range(MOST_STEPS):
        at = logistic(coefficients @ X + offset + (Z * random_effects.T[:, grouping.index]).sum(axis=0))
        weight = rows.trials * at.variance
        residual = at.residual(rows.successes, rows.trials)
        weighted = X * weight
        corner = weighted @ X.T + FIXED_EFFECT_PRECISION * np.eye(len(X))
        coupling = np.stack([group_sums(weighted * Z[effect]) for effect in diagonal], axis=1)
        blocks = np.stack([group_sums(Z * (weight * Z[effect])) for effect in diagonal], axis=1)
        covariance.add_precision(blocks)
        factor = factorize(Arrowhead(corner=corner, coupling=coupling, blocks=blocks))
        step, local = factor.solve(
            X @ residual - FIXED_EFFECT_PRECISION * (coefficients - means),
            group_sums(Z * residual) - covariance.pull(random_effects),
        )
        fraction = LARGEST_STEP / max(LARGEST_STEP, float(np.abs(step).max()), float(np.abs(local).max()))
        coefficients, random_effects = coefficients + fraction * step, random_effects + fraction * local
        variances = factor.block_inverses[:, diagonal, diagonal]
        before, log_sds = covariance.log_sds, 0.5 * np.log((random_effects**2 + variances).mean(axis=0))
        covariance = IndependentEffects(log_sds=log_sds)
        if np.abs(log_sds - before).max() < SETTLED:
            break
    return PenalizedStart(
        coefficients=coefficients,
        coefficient_variances=1.0 / np.diag(corner),
        effects=covariance,
        random_effects=random_effects,
        random_variances=variances,
    )
