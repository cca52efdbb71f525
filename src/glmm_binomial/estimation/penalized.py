"""Where the variational search starts: penalised logistic regression with SDs that follow the random effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.arrowhead import Arrowhead, factorize
from glmm_binomial.estimation.elbo import FIXED_EFFECT_PRIOR_SD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.design import Design

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
    log_sds : (K,) array
    random_effects, random_variances : (G, K) arrays
    """

    coefficients: NDArray[np.float64]
    coefficient_variances: NDArray[np.float64]
    log_sds: NDArray[np.float64]
    random_effects: NDArray[np.float64]
    random_variances: NDArray[np.float64]


def fit_penalized_start(design: Design, coefficients: NDArray[np.float64]) -> PenalizedStart:
    """A few Newton steps for coefficients and random effects together, each followed by an update of the SDs.

    The step maximises sum_i [y_i eta_i - n_i log(1 + e^eta_i)] - |b|^2 / 8 - sum_gk u_gk^2 / (2 sd_k^2) (Breslow &
    Clayton 1993, JASA 88(421), equation 6); the update is sd_k^2 = mean_g (u_gk^2 + Var u_gk), an EM step.
    """
    X, Z = np.ascontiguousarray(design.fixed.T), np.ascontiguousarray(design.random.T)
    effects, diagonal = len(Z), np.arange(len(Z))
    random_effects = np.zeros((design.groups, effects))
    log_sds = np.zeros(effects)
    prior = FIXED_EFFECT_PRIOR_SD**-2.0

    def group_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.add.reduceat(values, design.group_starts, axis=1).T)

    for _ in range(MOST_STEPS):
        eta = coefficients @ X + (Z * random_effects.T[:, design.group_index]).sum(axis=0)
        decay = np.exp(-np.abs(eta))
        reciprocal = 1.0 / (1.0 + decay)
        weight = design.trials * decay * reciprocal**2
        residual = design.successes - design.trials * np.where(eta >= 0.0, reciprocal, decay * reciprocal)
        precision = np.exp(-2.0 * log_sds)
        weighted = X * weight
        corner = weighted @ X.T + prior * np.eye(len(X))
        coupling = np.stack([group_sums(weighted * Z[effect]) for effect in diagonal], axis=1)
        blocks = np.stack([group_sums(Z * (weight * Z[effect])) for effect in diagonal], axis=1)
        blocks[:, diagonal, diagonal] += precision
        factor = factorize(Arrowhead(corner=corner, coupling=coupling, blocks=blocks))
        step, local = factor.solve(
            X @ residual - prior * coefficients, group_sums(Z * residual) - random_effects * precision
        )
        fraction = LARGEST_STEP / max(LARGEST_STEP, float(np.abs(step).max()), float(np.abs(local).max()))
        coefficients, random_effects = coefficients + fraction * step, random_effects + fraction * local
        variances = factor.block_inverses[:, diagonal, diagonal]
        before, log_sds = log_sds, 0.5 * np.log((random_effects**2 + variances).mean(axis=0))
        if np.abs(log_sds - before).max() < SETTLED:
            break
    return PenalizedStart(
        coefficients=coefficients,
        coefficient_variances=1.0 / np.diag(corner),
        log_sds=log_sds,
        random_effects=random_effects,
        random_variances=variances,
    )
