"""Pearson's residuals at the conditional modes, their sum of squares, and how many degrees of freedom it has.

    r_i = (y_i - n_i p_i) / sqrt(n_i p_i q_i),   X^2 = sum_i r_i^2

over the user's own rows, with p_i at the coefficients and at the modes of the groups' effects given the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.conditional_modes import find_modes, mode_response
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.logistic import logistic
from glmm_binomial.model.rows import Crossing, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.conditional_modes import ConditionalModes
    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.model.design import Scale
    from glmm_binomial.model.effects import Effects
    from glmm_binomial.observations import Observations

SMALLEST_VARIANCE = 1e-300
"""Of a row's count, below which its probability is 0 or 1 in double precision."""

QUARTERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Counts:
    """A fit to N rows of successes and trials, none merged (k coefficients, K effects of positive SD, G groups).

    Attributes
    ----------
    rows : Rows
        Sorted by group, standardised, with the random effects whose SD is not zero.
    order : (N,) integer array
        Which of the user's rows each is.
    parameters : Parameters
        Of crossed groupings the effects of the levels are among the coefficients, as they were estimated.
    found : ConditionalModes
    precision : (k,) array
        Of the coefficients, which is zero but for the effects of levels.
    given_parameters : (k, k) array
        Covariance of these effects given coefficients and SDs.
    """

    rows: Rows
    order: NDArray[np.intp]
    parameters: Parameters
    found: ConditionalModes
    precision: NDArray[np.float64]
    given_parameters: NDArray[np.float64]

    @property
    def degrees_of_freedom(self) -> float:
        """Rows less coefficients and what the random effects use up, sum over groups of tr(I - H^-1 P)."""
        modes, scales = self.found.modes, self.found.scales
        conditional = scales @ scales.transpose(0, 2, 1)
        shrinkage = np.minimum(self.precision * np.diag(self.given_parameters), 1.0).sum()
        if shrinkage:
            # the groups' effects move with those of the levels
            along = mode_response(self.rows, self.parameters, self.found).derivatives[:, :, : len(self.precision)]
            conditional = conditional + along @ self.given_parameters @ along.transpose(0, 2, 1)
        kept = self.parameters.effects.expected_scores(np.zeros_like(modes), conditional)
        if self.rows.upper is not None:
            # an effect that groups share is one
            kept[:, 0] /= self.rows.upper.sizes[self.rows.upper.index]
        return float(len(self.order) - len(self.parameters.coefficients) + kept.sum() + shrinkage)

    @property
    def predictor(self) -> NDArray[np.float64]:
        """Logits of the rows at the estimates and the conditional modes, (N,)."""
        return self.rows.predictor(self.parameters.coefficients, self.found.modes)

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Pearson's, (N,)."""
        return _residuals(self.rows, self.predictor)

    @property
    def quartiles(self) -> NDArray[np.float64]:
        """Smallest, lower quartile, median, upper quartile and largest residual, (5,).

        They are the "Scaled residuals" of lme4's summary: R's `quantile`, type 7 of Hyndman & Fan (1996, The American
        Statistician 50(4)).
        """
        return np.quantile(self.residuals, QUARTERS)

    @property
    def chi_square(self) -> float:
        """Sum of the squares of the residuals."""
        return float(_pearson(self.rows, self.predictor).sum())

    def in_the_users_order(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (N,) of the rows, in the user's order."""
        placed = np.empty_like(values)
        placed[self.order] = values
        return placed


def user_rows(observations: Observations, scale: Scale) -> tuple[Rows, NDArray[np.intp]]:
    """The user's rows, none merged, standardised and sorted by group; and which of the user's each is, (N,)."""
    order = np.argsort(observations.group_index, kind="stable")
    crossed = observations.crossed
    rows = Rows(
        successes=observations.successes[order],
        trials=observations.trials[order],
        fixed=scale.fixed_columns(observations.x[order]),
        random=scale.random_columns(observations.x_random[order]),
        grouping=Grouping.of_sorted(observations.group_index[order]),
        upper=None if observations.above is None else Grouping.of_sorted(observations.above.index),
        crossed=None if crossed is None else Crossing(crossed.index[order], len(crossed.labels)),
        offset=None if observations.offset is None else observations.offset[order],
    )
    return rows, order


def counts_of(observations: Observations, scale: Scale, fit: Fit) -> Counts:
    """The user's rows at the estimates of a fit."""
    rows, order = user_rows(observations, scale)
    active, coefficients, k = fit.active, fit.coefficients, len(fit.coefficients)
    precision, given_parameters = np.zeros(k), np.zeros((k, k))
    if fit.levels is not None and active[1]:
        rows, active, q = rows.with_levels(), active[:1], len(fit.levels.means)
        coefficients = np.append(coefficients, fit.levels.means)
        precision = np.append(precision, np.full(q, fit.sds[1] ** -2.0))
        given_parameters = np.zeros((k + q, k + q))
        given_parameters[k:, k:] = fit.levels.given_parameters
        effects: Effects = IndependentEffects.of_sds(fit.sds[:1][active])
    else:
        effects = fit.active_effects
    rows, parameters = rows.with_effects(active), Parameters(coefficients, effects)
    found = find_modes(rows, parameters, np.zeros((rows.grouping.count, effects.count)))
    return Counts(rows, order, parameters, found, precision, given_parameters)


def refitted_chi_squares(
    counts: Counts, successes: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each group's part of Pearson's chi-square, (S, G), of S other outcomes (S, N) of the same rows.

    Of nested groups the parts are those of the groups above, which alone are independent.

    Each time the modes are looked for anew, from `start` (S, G, K), and the coefficients refitted by one Newton step of
    the joint density of outcomes and effects, the SDs staying as they are: what is fitted to data comes nearer to
    them than the truth they were drawn from. Of crossed groupings the effects of levels are among the coefficients.
    """
    times, rows, parameters = len(successes), counts.rows, counts.parameters
    repeated = rows.repeated(successes)
    found = find_modes(repeated, parameters, start.reshape(repeated.grouping.count, parameters.effects.count))
    k = len(parameters.coefficients)
    at = logistic(repeated.predictor(parameters.coefficients, found.modes))
    response = mode_response(repeated, parameters, found).derivatives[:, :, :k]
    # along the coefficients the modes follow, so that each row's predictor changes by x_i + z_i' du/db
    along = repeated.fixed + np.einsum("ij,ijk->ik", repeated.random, repeated.grouping.by_row(response))
    weighted = repeated.fixed * (repeated.trials * at.variance)[:, None]
    of_each = (times, len(rows.trials), k)
    information = np.einsum("sik,sil->skl", weighted.reshape(of_each), along.reshape(of_each), optimize=True)
    residual = at.residual(repeated.successes, repeated.trials)
    score = np.einsum("sik,si->sk", repeated.fixed.reshape(of_each), residual.reshape(of_each[:2]), optimize=True)
    information += np.diag(counts.precision)
    score -= counts.precision * parameters.coefficients
    step = np.linalg.solve(information, score[:, :, None])[:, :, 0]
    predictor = at.eta + (along.reshape(of_each) @ step[:, :, None]).ravel()
    return _pearson(repeated, predictor).reshape(times, -1)


def _pearson(rows: Rows, predictor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each independent group's part of Pearson's chi-square, (G,), at linear predictors (n,)."""
    parts = rows.grouping.sums(_residuals(rows, predictor) ** 2)
    return parts if rows.upper is None else rows.upper.sums(parts)


def _residuals(rows: Rows, predictor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's residuals (n,) at linear predictors (n,)."""
    at = logistic(predictor)
    variance = np.maximum(rows.trials * at.variance, SMALLEST_VARIANCE)
    return np.asarray(at.residual(rows.successes, rows.trials) / np.sqrt(variance))
