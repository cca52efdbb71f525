"""Laplace approximation of the marginal likelihood, for more random effects per group than a grid can hold.

    log L(b, sd) = sum_g [ l_g(u_g) - log det H_g / 2 - sum_k log sd_k ]

u_g is group g's conditional mode, l_g the log density there, and H_g = Z'WZ + diag(sd^-2) its negative Hessian
(Breslow & Clayton 1993, JASA 88(421), section 2.1; this is what lme4 maximises by default). Of nested groups the g are
those above, and u_g the effects of one and of all groups that lie in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.conditional_modes import ConditionalModes, find_modes
from glmm_binomial.estimation.marginal import MarginalState
from glmm_binomial.model.logistic import logistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.effects import Effects, Parameters
    from glmm_binomial.model.grouping import Grouping
    from glmm_binomial.model.rows import Rows

DIFFERENCE = 1e-5
"""Step of the central differences of the analytic score that make the information."""


def evaluate_laplace(rows: Rows, parameters: Parameters, *, start: NDArray[np.float64]) -> MarginalState:
    """Approximate log L with its analytic score; the information is the score's central difference.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
    start : (G, K) array
        Where the search for the conditional modes starts.
    """
    value, group_scores, found = _value_and_scores(rows, parameters, start)
    size = len(parameters.vector)
    information = np.empty((size, size))
    for column, direction in enumerate(np.eye(size) * DIFFERENCE):
        ahead = _value_and_scores(rows, parameters.moved(direction), found.modes)[1].sum(axis=0)
        behind = _value_and_scores(rows, parameters.moved(-direction), found.modes)[1].sum(axis=0)
        information[column] = (behind - ahead) / (2.0 * DIFFERENCE)
    return MarginalState(
        parameters=parameters,
        value=value,
        group_scores=group_scores,
        information=0.5 * (information + information.T),
        found=found,
    )


def laplace_value(rows: Rows, parameters: Parameters, *, start: NDArray[np.float64]) -> float:
    """The approximation of log L alone; the arguments are those of `evaluate_laplace`."""
    return _value_and_scores(rows, parameters, start)[0]


def _value_and_scores(
    rows: Rows, parameters: Parameters, start: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], ConditionalModes]:
    """Log L, each group's score (G, k + K) and the modes.

    With h_i = z_i' H^-1 z_i and c_i = n_i p_i q_i (1 - 2 p_i) h_i, the score gains -c_i / 2 times the total derivative
    of row i's linear predictor, to which the modes contribute du/db = -H^-1 Z'WX and, by the effects' parameters, H^-1
    times the derivative of -P u.
    """
    found = find_modes(rows, parameters, start)
    X, Z, grouping, covariance = rows.fixed, rows.random, rows.grouping, parameters.effects
    at = logistic(rows.predictor(parameters.coefficients, found.modes))
    weight = rows.trials * at.variance
    inverse = found.scales @ found.scales.transpose(0, 2, 1)
    solved = np.einsum("ij,ijk->ik", Z, grouping.by_row(inverse))
    third = weight * (1.0 - 2.0 * at.probability) * (solved * Z).sum(axis=1)
    pull = _pull(rows, grouping.sums(Z * third[:, None]), inverse)

    value = at.log_density(rows.successes, rows.trials).sum() + _log_density_of_effects(rows, covariance, found)
    by_row = at.residual(rows.successes, rows.trials) - 0.5 * (third - weight * (Z * grouping.by_row(pull)).sum(axis=1))
    by_coefficient = grouping.sums(X * by_row[:, None])
    by_covariance = covariance.expected_scores(found.modes, inverse) - 0.5 * np.einsum(
        "gj,gjk->gk", pull, covariance.mode_derivatives(found.modes)
    )
    if rows.upper is not None:
        by_covariance = _once(by_covariance, rows.upper)
    return float(value), np.hstack([by_coefficient, by_covariance]), found


def _log_density_of_effects(rows: Rows, covariance: Effects, found: ConditionalModes) -> float:
    """Minus half of u'Pu, of log det H and of log det Sigma, summed over all groups."""
    log_roots = np.log(np.diagonal(found.scales, axis1=1, axis2=2))
    if rows.upper is None:
        quadratic = 0.5 * covariance.quadratic_form(found.modes).sum()
        return float(log_roots.sum() - quadratic - rows.grouping.count * covariance.half_log_determinant)
    quadratic = 0.5 * np.diagonal(covariance.precision) * found.modes**2
    return float(_once(log_roots - quadratic - covariance.log_sds, rows.upper).sum())


def _pull(rows: Rows, sums: NDArray[np.float64], inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """H^-1 times sums over the rows of each group, (G, K); of nested groups by the arrow of H."""
    if rows.upper is None:
        return np.asarray(np.einsum("gj,gjk->gk", sums, inverse))
    upper, above = rows.upper, inverse[:, 0, 0]
    share = -inverse[:, 0, 1] / above
    of_above = above * upper.by_row(upper.sums(sums[:, 0] - share * sums[:, 1]))
    own = (inverse[:, 1, 1] - share**2 * above) * sums[:, 1] - share * of_above
    return np.column_stack([of_above, own])


def _once(of_groups: NDArray[np.float64], upper: Grouping) -> NDArray[np.float64]:
    """Parts (G, 2) of nested groups, of which that of the effect above counts once for all its groups."""
    counted = of_groups.copy()
    counted[:, 0] = 0.0
    counted[upper.starts, 0] = of_groups[upper.starts, 0]
    return counted
