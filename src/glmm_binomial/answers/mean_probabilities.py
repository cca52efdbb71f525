"""Mean probabilities over rows and over the population of groups, and differences and ratios between them.

    A = sum_i w_i E expit(x_i'b + offset_i + z_i'u),   u ~ N(0, Sigma)

of several settings of the same rows, such as all treated and none treated. Under "vb" A is computed for the draws of
the exact posterior; otherwise by the delta method at the estimates, from the joint covariance of b and log sd.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from scipy.special import expit, log_expit

from glmm_binomial.answers.inference import Inference, draw_sds, posterior_inference, wald_inference
from glmm_binomial.answers.population_average import average_logits, logits_of_averages
from glmm_binomial.interruption import stop_if_requested

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.posterior import Posterior

ROWS_AT_ONCE: Final = 65_536
VALUES_AT_ONCE: Final = 1_000_000
"""Rows times draws held in memory together."""

MOST_VALUES: Final = 500_000
"""Rows times draws, a tenth of a second's work, up to which every draw is computed."""

DRAWS_PER_FEATURE: Final = 2
FARTHEST_LOGIT: Final = 700.0
SMALLEST: Final = float(np.exp(-FARTHEST_LOGIT))
"""Beyond it one of a probability and its complement is zero in double precision."""


@dataclass(frozen=True, slots=True)
class Setting:
    """M rows on the standardised scale.

    Attributes
    ----------
    fixed, random : (M, k) and (M, K) arrays
    offset : (M,) array
    weights : (M,) array
        They sum to one.
    """

    fixed: NDArray[np.float64]
    random: NDArray[np.float64]
    offset: NDArray[np.float64]
    weights: NDArray[np.float64]


class MeanProbabilities(Protocol):
    """Mean probabilities A of S settings."""

    def std_errors(self) -> NDArray[np.float64]:
        """Of A, (S,)."""

    def logits(self, alpha: float) -> Inference:
        """Of the S log odds of A."""

    def combined(self, combinations: NDArray[np.float64], alpha: float) -> Inference:
        """Of combinations (m, S) of A, such as differences."""

    def log_combined(self, combinations: NDArray[np.float64], alpha: float) -> Inference:
        """Of combinations (m, S) of log A, such as logs of ratios."""


@dataclass(frozen=True, slots=True)
class EstimatedMeans:
    """Mean probabilities at the estimates.

    Attributes
    ----------
    means, complements : (S,) arrays
        A and 1 - A.
    root : (S, d) array
        R of R R', the covariance of A.
    """

    means: NDArray[np.float64]
    complements: NDArray[np.float64]
    root: NDArray[np.float64]

    def std_errors(self) -> NDArray[np.float64]:
        """See `MeanProbabilities`."""
        return np.asarray(np.linalg.norm(self.root, axis=1))

    def logits(self, alpha: float) -> Inference:
        """See `MeanProbabilities`."""
        odds = np.log(self.means) - np.log(self.complements)
        return wald_inference(odds, self.root / (self.means * self.complements)[:, None], alpha)

    def combined(self, combinations: NDArray[np.float64], alpha: float) -> Inference:
        """See `MeanProbabilities`."""
        return wald_inference(combinations @ self.means, combinations @ self.root, alpha)

    def log_combined(self, combinations: NDArray[np.float64], alpha: float) -> Inference:
        """See `MeanProbabilities`."""
        return wald_inference(
            combinations @ np.log(self.means), combinations @ (self.root / self.means[:, None]), alpha
        )


@dataclass(frozen=True, slots=True)
class DrawnMeans:
    """Mean probabilities over a posterior.

    Attributes
    ----------
    log_odds : (S, N) array
        Of the draws of A.
    weights : (N,) array
    """

    log_odds: NDArray[np.float64]
    weights: NDArray[np.float64]

    def std_errors(self) -> NDArray[np.float64]:
        """See `MeanProbabilities`."""
        return draw_sds(expit(self.log_odds), self.weights)

    def logits(self, alpha: float) -> Inference:
        """See `MeanProbabilities`."""
        return posterior_inference(self.log_odds, self.weights, alpha)

    def combined(self, combinations: NDArray[np.float64], alpha: float) -> Inference:
        """See `MeanProbabilities`."""
        return posterior_inference(combinations @ expit(self.log_odds), self.weights, alpha)

    def log_combined(self, combinations: NDArray[np.float64], alpha: float) -> Inference:
        """See `MeanProbabilities`."""
        return posterior_inference(combinations @ log_expit(self.log_odds), self.weights, alpha)


def mean_probabilities(fit: Fit, settings: Sequence[Setting]) -> MeanProbabilities:
    """Mean probabilities of S settings over the population of groups, by the method of the fit."""
    if fit.posterior is not None:
        return _drawn(fit.posterior, settings)
    found = np.stack([_estimated(fit, setting) for setting in settings])
    return EstimatedMeans(
        means=np.maximum(found[:, 0], SMALLEST),
        complements=np.maximum(found[:, 1], SMALLEST),
        root=found[:, 2:] @ fit.covariance_root,
    )


def typical_probabilities(fit: Fit, fixed: NDArray[np.float64], offset: NDArray[np.float64]) -> MeanProbabilities:
    """Of S rows (S, k), on the standardised scale, with offsets (S,), in a group with random effects of zero."""
    k = fixed.shape[1]
    if fit.posterior is not None:
        sample = fit.posterior.sample
        log_odds = fixed @ sample.theta[:, :k].T + offset[:, None]
        return DrawnMeans(log_odds=log_odds.clip(-FARTHEST_LOGIT, FARTHEST_LOGIT), weights=sample.weights)
    logit = (fixed @ fit.coefficients + offset).clip(-FARTHEST_LOGIT, FARTHEST_LOGIT)
    p, q = expit(logit), expit(-logit)
    return EstimatedMeans(means=p, complements=q, root=(p * q)[:, None] * (fixed @ fit.covariance_root[:k]))


def _estimated(fit: Fit, setting: Setting) -> NDArray[np.float64]:
    """A, 1 - A and the derivatives of A by coefficients and log SDs, (2 + k + K,)."""
    found = np.zeros(2 + len(fit.covariance_root))
    for rows in _chunks(len(setting.weights), ROWS_AT_ONCE):
        fixed, weights = setting.fixed[rows], setting.weights[rows]
        average = average_logits(fit, fixed, setting.random[rows], setting.offset[rows])
        p, q = expit(average.logit), expit(-average.logit)
        slopes = weights * p * q
        found += np.r_[weights @ p, weights @ q, (slopes * average.by_mean) @ fixed, slopes @ average.by_effects]
    return found


def _drawn(posterior: Posterior, settings: Sequence[Setting]) -> DrawnMeans:
    """For every draw; where rows are too many, for the first ones, and for all by what is regressed on these.

    The log odds of A are a smooth function of theta, and theta varies the less the more rows there are: to a hundredth
    of the width of an interval they are a polynomial in theta, with the squares of the coefficients, and products of
    everything with the parameters of Sigma and their squares, by which averages shrink towards one half.
    """
    sample, k = posterior.sample, settings[0].fixed.shape[1]
    rows = sum(len(setting.weights) for setting in settings)
    every = len(sample.weights)
    if every * rows <= MOST_VALUES:
        log_odds = np.stack([_log_odds(setting, posterior, every) for setting in settings])
    else:
        scaled = (sample.theta - posterior.mean) / np.sqrt(np.diag(posterior.covariance))
        products = [scaled * parameter**power for parameter in scaled[:, k:].T[:, :, None] for power in (1, 2)]
        features = np.column_stack([np.ones(every), scaled, scaled[:, :k] ** 2, *products])
        draws = min(every, max(DRAWS_PER_FEATURE * features.shape[1], MOST_VALUES // rows))
        first = np.stack([_log_odds(setting, posterior, draws) for setting in settings])
        log_odds = (features @ np.linalg.lstsq(features[:draws], first.T)[0]).T
    return DrawnMeans(log_odds=log_odds.clip(-FARTHEST_LOGIT, FARTHEST_LOGIT), weights=sample.weights)


def _log_odds(setting: Setting, posterior: Posterior, draws: int) -> NDArray[np.float64]:
    """Log odds of A at the first draws of theta, (draws,)."""
    coefficients = posterior.sample.theta[:draws, : setting.fixed.shape[1]]
    covariances = posterior.effects_at(draws)
    mean, complement = np.zeros(draws), np.zeros(draws)
    for rows in _chunks(len(setting.weights), max(VALUES_AT_ONCE // draws, 1)):
        weights = setting.weights[rows]
        sds = np.sqrt(covariances.variances(setting.random[rows]))
        means = setting.fixed[rows] @ coefficients.T + setting.offset[rows, None]
        logits = logits_of_averages(means, sds)
        mean, complement = mean + weights @ expit(logits), complement + weights @ expit(-logits)
    return np.asarray(np.log(np.maximum(mean, SMALLEST)) - np.log(np.maximum(complement, SMALLEST)))


def _chunks(rows: int, size: int) -> Iterator[slice]:
    for start in range(0, rows, size):
        stop_if_requested()
        yield slice(start, start + size)
