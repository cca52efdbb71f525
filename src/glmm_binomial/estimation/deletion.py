"""What a fit becomes without each of its groups, by one step of Newton's method for all groups at once.

With s_g what the score loses with group g and I_g what the information does, I the information of all data (under "vb"
that of the log posterior) at the optimum theta, the objective without g has the gradient -s_g and the information
I - I_g there:

    theta_g = theta - (I - I_g)^-1 s_g                             (Pregibon 1981, Annals of Statistics 9(4), section 4)

Everything is measured along the columns of R, R R' = I^-1, in which I is one and lengths are standard errors. I_g is
the central difference of s_g along them; that of the information of all data gives its third derivatives, by which the
information is moved to the new point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.left_out import LeftOut
from glmm_binomial.estimation.likelihood import SMALL_VARIANCE
from glmm_binomial.model.effects import IndependentEffects, Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.marginal import MarginalState
    from glmm_binomial.model.design import Design
    from glmm_binomial.model.grouping import Grouping
    from glmm_binomial.model.rows import Rows

DIFFERENCE: Final = 1e-3
"""Step of the central differences, in standard errors."""

SMALLEST_LEFT: Final = 1e-6
"""Share of the information along some direction that must be left without a group for a step to be taken."""

LONGEST_LOG_SD_STEP: Final = 0.4
"""Change of a log SD from which the variance may be zero in truth; -1/2 is where a straight line leads it there."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """Coefficients without each of G groups, as a step gives them (k coefficients in the user's units).

    Of nested groups the G are those above, or the lower ones.

    Attributes
    ----------
    changes : (G, k) array
        In standard errors of the fit, from all data to all but the group.
    ratios : (G, k) array
        Standard errors without the group over those of the fit.
    lengths : (G,) array
        Of the whole step, log SDs and correlations included, in standard errors; infinite where a step leads nowhere:
        where a direction has no information left, or a variance may become zero or be so no longer.
    """

    changes: NDArray[np.float64]
    ratios: NDArray[np.float64]
    lengths: NDArray[np.float64]


def deletions(design: Design, fit: Fit, *, lower: bool = False) -> Deletions:
    """Leave out each group in turn, by one step from the mode of the posterior under "vb", from the maximum under "ml".

    Parameters
    ----------
    design : Design
    fit : Fit
        By method "vb" or "ml".
    lower : bool
        Of nested groups: leave out the lower ones, not those above.
    """
    optimum = _optimum(design, fit)
    at = _differences(optimum, lower=lower)
    d = optimum.root.shape[1]
    steps, is_step = _solved(np.eye(d) - at.information[:, :d, :d], -at.scores[:, :d])
    moved = np.eye(d) - at.information[:, :d, :d] + np.einsum("abc,gc->gab", at.change, steps)
    is_curved = np.linalg.eigvalsh(moved)[:, 0] > SMALLEST_LEFT
    covariances = np.linalg.inv(np.where(is_curved[:, None, None], moved, np.eye(d)))
    root = design.scale.back_transform @ optimum.root[: len(fit.coefficients)]
    units = root / np.linalg.norm(root, axis=1)[:, None]
    of_log_sds = optimum.root[len(optimum.parameters.coefficients) :][: optimum.parameters.effects.count]
    stays = is_step & is_curved & ~_leaves_bound(at, optimum)
    if optimum.upper is not None:
        stays &= ~_leaves_zero(design, fit, lower=lower)
    stays &= (np.abs(steps @ of_log_sds.T) < LONGEST_LOG_SD_STEP).all(axis=1)
    return Deletions(
        changes=steps @ units.T,
        ratios=np.sqrt(np.einsum("ka,gab,kb->gk", units, covariances, units)),
        lengths=np.where(stays, np.linalg.norm(steps, axis=1), np.inf),
    )


def coefficient_root(design: Design, fit: Fit) -> NDArray[np.float64]:
    """R of R R', the covariance of the coefficients in the user's units, (k, d): under "vb" of the mode's curvature."""
    root = fit.covariance_root if fit.mode_root is None else fit.mode_root
    return np.asarray(design.scale.back_transform @ root[: len(fit.coefficients)])


@dataclass(frozen=True, slots=True)
class _Optimum:
    """Where the steps start from.

    Attributes
    ----------
    rows : Rows
        Its fixed columns are k of coefficients, then D of random effects whose variance is zero, if groups are not
        nested; its random ones those of the other effects.
    parameters : Parameters
        Coefficients of the D columns are zero.
    at_zero : slice
        Where the D stand among the parameters.
    root : (k + D + C, d) array
        R, with zeros for the D columns and for correlations of one.
    start : (G, K) array
        Where the search for the conditional modes starts.
    upper : Grouping or None
        Which groups lie in the same one above.
    is_laplace : bool
    """

    rows: Rows
    parameters: Parameters
    at_zero: slice
    root: NDArray[np.float64]
    start: NDArray[np.float64]
    upper: Grouping | None
    is_laplace: bool


def _optimum(design: Design, fit: Fit) -> _Optimum:
    rows, k, active = design.rows, len(fit.coefficients), fit.active
    if fit.posterior is not None and fit.mode_root is not None:
        return _Optimum(
            rows=rows,
            parameters=fit.posterior.mode,
            at_zero=slice(k, k),
            root=fit.mode_root,
            start=np.zeros((rows.grouping.count, len(active))),
            upper=rows.upper,
            is_laplace=fit.nodes is None,
        )
    at_zero = ~active if rows.upper is None else np.zeros_like(active)
    dropped = int(at_zero.sum())
    effects, root = fit.active_effects, fit.covariance_root
    varies = active if fit.correlations is None else np.full(len(root) - k, active.all())
    root = np.vstack([root[:k], np.zeros((dropped, root.shape[1])), root[k:][varies]])
    return _Optimum(
        rows=rows.with_fixed(np.hstack([rows.fixed, rows.random[:, at_zero]])).with_effects(active),
        parameters=Parameters(coefficients=np.r_[fit.coefficients, np.zeros(dropped)], effects=effects),
        at_zero=slice(k, k + dropped),
        # a correlation of one and a variance of zero leave columns of zeros
        root=root[:, root.any(axis=0)],
        start=fit.own_effects.means[:, active],
        upper=rows.upper,
        is_laplace=fit.nodes is None,
    )


@dataclass(frozen=True, slots=True)
class _Differences:
    """What the score loses with groups, along the d columns of R and the D columns of effects of variance zero.

    Attributes
    ----------
    lost : (G, k + D + C) array
        The same by the parameters.
    scores : (G, d + D) array
    information : (G, d + D, d + D) array
    change : (d, d, d) array
        Derivatives of the information of all data, by the last index.
    """

    lost: NDArray[np.float64]
    scores: NDArray[np.float64]
    information: NDArray[np.float64]
    change: NDArray[np.float64]


def _differences(optimum: _Optimum, *, lower: bool) -> _Differences:
    parameters, d = optimum.parameters, optimum.root.shape[1]
    likelihood = LeftOut(
        optimum.rows, parameters, optimum.start, upper=optimum.upper, lower=lower, laplace=optimum.is_laplace
    )
    directions = np.hstack([optimum.root, _directions_at_zero(optimum, likelihood.state)])
    lost = likelihood.lost(likelihood.state)
    scores = lost @ directions
    information = np.empty((*scores.shape, directions.shape[1]))
    change = np.empty((d, d, d))
    for column, direction in enumerate(DIFFERENCE * directions.T):
        ahead, behind = (likelihood.at(parameters.moved(step)) for step in (direction, -direction))
        change_of_lost = likelihood.lost(behind) - likelihood.lost(ahead)
        information[:, :, column] = change_of_lost @ directions / (2.0 * DIFFERENCE)
        if column < d:
            slope = (ahead.information - behind.information) / (2.0 * DIFFERENCE)
            change[:, :, column] = optimum.root.T @ slope @ optimum.root
    return _Differences(
        lost=lost,
        scores=scores,
        information=0.5 * (information + information.transpose(0, 2, 1)),
        change=change,
    )


def _directions_at_zero(optimum: _Optimum, state: MarginalState) -> NDArray[np.float64]:
    """The columns of effects of variance zero, (k + D + C, D), each in standard errors of its own coefficient."""
    columns = np.eye(len(state.information))[:, optimum.at_zero]
    return np.asarray(columns / np.sqrt(np.diag(state.information)[optimum.at_zero]))


def _solved(
    matrices: NDArray[np.float64], vectors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Solutions (G, d) of systems (G, d, d), and of which these are positive definite, (G,); zero for the others."""
    is_definite = np.linalg.eigvalsh(matrices)[:, 0] > SMALLEST_LEFT
    safe = np.where(is_definite[:, None, None], matrices, np.eye(matrices.shape[1]))
    solutions = np.linalg.solve(safe, vectors[:, :, None])[:, :, 0]
    return np.where(is_definite[:, None], solutions, 0.0), is_definite


def _leaves_bound(at: _Differences, optimum: _Optimum) -> NDArray[np.bool_]:
    """Without which groups a variance would no longer be zero, or a correlation no longer one, (G,).

    At a variance of zero the score of the covariance of the effects is half of E[Z'rr'Z - Z'WZ] (see
    `variance_scores`). It is negative at a maximum and must remain so without a group.
    """
    d = optimum.root.shape[1]
    scores, weights = at.scores[:, d:], at.information[:, d:, d:]
    leaves = np.zeros(len(scores), dtype=bool)
    if scores.shape[1]:
        parts = 0.5 * (scores[:, :, None] * scores[:, None, :] - weights)
        if isinstance(optimum.parameters.effects, IndependentEffects):
            parts *= np.eye(parts.shape[1])
        leaves |= np.linalg.eigvalsh(parts.sum(axis=0) - parts)[:, -1] > 0.0
    held = np.asarray(~optimum.root.any(axis=1))
    held[optimum.at_zero] = False
    inward = -np.sign(optimum.parameters.vector[held]) * at.lost[:, held]
    return np.asarray(leaves | (inward.sum(axis=0) > inward).any(axis=1))


def _leaves_zero(design: Design, fit: Fit, *, lower: bool) -> NDArray[np.bool_]:
    """Without which groups a variance of nested ones would no longer be zero, by its slope near zero."""
    rows, k, active = design.rows, len(fit.coefficients), fit.active
    leaves = np.zeros(1, dtype=bool)
    for effect in np.flatnonzero(~active).tolist():
        kept = active | (np.arange(len(active)) == effect)
        sds = np.where(active, fit.sds, np.sqrt(SMALL_VARIANCE))[kept]
        point = Parameters(coefficients=fit.coefficients, effects=IndependentEffects.of_sds(sds))
        start = fit.own_effects.means[:, kept]
        near = LeftOut(rows.with_effects(kept), point, start, upper=rows.upper, lower=lower)
        place = k + int(kept[:effect].sum())
        leaves = leaves | (near.state.score[place] > near.lost(near.state)[:, place])
    return leaves
