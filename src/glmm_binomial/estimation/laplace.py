"""Laplace approximation of the marginal likelihood, for three or more random effects per group.

    log L(b, sd) = sum_g [ l_g(u_g) - log det H_g / 2 - sum_k log sd_k ]

u_g is group g's conditional mode, l_g the log density there, and H_g = Z'WZ + diag(sd^-2) its negative Hessian
(Breslow & Clayton 1993, JASA 88(421), section 2.1; this is what lme4 maximises by default).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from glmm_binomial.estimation.conditional_modes import ConditionalModes, Parameters, find_modes
from glmm_binomial.estimation.marginal import MarginalState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.design import Design

DIFFERENCE = 1e-5
"""Step of the central differences of the analytic score that make the information."""


def evaluate_laplace(design: Design, parameters: Parameters, *, start: NDArray[np.float64]) -> MarginalState:
    """Approximate log L with its analytic score; the information is the score's central difference.

    Parameters
    ----------
    design : Design
    parameters : Parameters
    start : (G, K) array
        Where the search for the conditional modes starts.
    """
    value, group_scores, modes = _value_and_scores(design, parameters, start)
    size = len(parameters.vector)
    information = np.empty((size, size))
    for column, direction in enumerate(np.eye(size) * DIFFERENCE):
        ahead = _value_and_scores(design, parameters.moved(direction), modes)[1].sum(axis=0)
        behind = _value_and_scores(design, parameters.moved(-direction), modes)[1].sum(axis=0)
        information[column] = (behind - ahead) / (2.0 * DIFFERENCE)
    return MarginalState(
        parameters=parameters,
        value=value,
        group_scores=group_scores,
        information=0.5 * (information + information.T),
        modes=modes,
    )


def _value_and_scores(
    design: Design, parameters: Parameters, start: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Log L, each group's score (G, k + K) and the modes (G, K).

    With h_i = z_i' H^-1 z_i and c_i = n_i p_i q_i (1 - 2 p_i) h_i, the score gains -c_i / 2 times the total derivative
    of row i's linear predictor, to which the modes contribute du/db = -H^-1 Z'WX and
    du/dlog sd_k = 2 H^-1 e_k u_k / sd_k^2.
    """
    found: ConditionalModes = find_modes(design, parameters, start)
    X, Z, starts, index = design.fixed, design.random, design.group_starts, design.group_index
    precision = np.exp(-2.0 * parameters.log_sds)
    eta = X @ parameters.coefficients + (Z * found.modes[index]).sum(axis=1)
    p = expit(eta)
    weight = design.trials * p * (1.0 - p)
    inverse = found.scales @ found.scales.transpose(0, 2, 1)
    solved = np.einsum("ij,ijk->ik", Z, inverse[index])
    leverage = (solved * Z).sum(axis=1)
    third = weight * (1.0 - 2.0 * p) * leverage
    pull = np.einsum("gj,gjk->gk", np.add.reduceat(Z * third[:, None], starts), inverse)

    log_density = design.successes * eta - design.trials * (np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta))))
    log_determinant = -2.0 * np.log(np.diagonal(found.scales, axis1=1, axis2=2)).sum()
    value = (
        log_density.sum()
        - 0.5 * (found.modes**2).sum(axis=0) @ precision
        - 0.5 * log_determinant
        - design.groups * parameters.log_sds.sum()
    )
    by_row = design.successes - design.trials * p - 0.5 * (third - weight * (Z * pull[index]).sum(axis=1))
    by_coefficient = np.add.reduceat(X * by_row[:, None], starts)
    variances = np.diagonal(inverse, axis1=1, axis2=2)
    by_log_sd = (found.modes**2 + variances - found.modes * pull) * precision - 1.0
    return float(value), np.hstack([by_coefficient, by_log_sd]), found.modes
