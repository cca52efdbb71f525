"""Rows and a start -> Posterior: the exact posterior of coefficients and of the effects' covariance, with its error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.crossed_posterior import CrossedLogPosterior
from glmm_binomial.estimation.densities import density_of
from glmm_binomial.estimation.law import FEWEST_BEYOND, law_of
from glmm_binomial.estimation.posterior_mode import PosteriorMode, find_posterior_mode
from glmm_binomial.estimation.posterior_sample import POINTS, GrowingSample
from glmm_binomial.estimation.posterior_tails import reached_beyond_zero, scores_of_zero
from glmm_binomial.estimation.ridge_map import RidgeMap
from glmm_binomial.model.correlated_effects import LARGEST_Z, CorrelatedEffects, partials_of
from glmm_binomial.model.effects import IndependentEffects, Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.law import Law
    from glmm_binomial.estimation.log_posterior import LogPosterior
    from glmm_binomial.estimation.posterior_sample import WeightedSample
    from glmm_binomial.model.effects import Effects
    from glmm_binomial.model.effects_at_points import EffectsAtPoints
    from glmm_binomial.model.rows import Rows

PROBE: Final = 512
TRUSTED_SHARE: Final = 0.9
"""Points, and least effective share of them, by which a map is judged."""

SKEWED: Final = 0.5
"""Skewness from which a coefficient gets a law of its own, in maps that are not trusted."""

MOST_EXTRA_AXES: Final = 2
T_DEGREES: Final = 8


@dataclass(frozen=True, slots=True)
class DrawnEffects:
    """Log SDs (N, K) and correlations (N, K, K) of random effects at N draws."""

    log_sds: NDArray[np.float64]
    correlations: NDArray[np.float64]

    def fisher_z(self, first: int, second: int) -> NDArray[np.float64]:
        """Inverse hyperbolic tangent of a correlation, (N,)."""
        return np.asarray(
            np.arctanh(np.clip(self.correlations[:, first, second], -np.tanh(LARGEST_Z), np.tanh(LARGEST_Z)))
        )


@dataclass(frozen=True, slots=True)
class Posterior:
    """The posterior of theta on the standardised scale: k coefficients and C parameters of Sigma, d = k + C.

    Attributes
    ----------
    mode : Parameters
        Of crossed groupings with the effects of the levels after the coefficients, on the scale of the search; those in
        the sample are on that of the predictor. See `CrossedLogPosterior`.
    information : (d, d) array
        Negative Hessian of the log posterior at the mode.
    sample : WeightedSample
    nodes : int or None
        Quadrature nodes per random effect in the group that needed most; None under Laplace's approximation.
    quadrature_error : float
        Of differences of log posteriors within two SDs of the mode.
    distance : float
        To the mode where its search ended, in posterior SDs.
    largest_score : float
        Largest absolute derivative at the mode.
    scores_of_zero : tuple of k float or None
        Normal scores of zero in the laws of k combinations of the coefficients; None where the sample reaches it.
    """

    mode: Parameters
    information: NDArray[np.float64]
    sample: WeightedSample
    nodes: int | None
    quadrature_error: float
    distance: float
    largest_score: float
    scores_of_zero: tuple[float | None, ...]

    @property
    def error(self) -> float:
        """Of a posterior mean, in posterior SDs: two standard errors, and what the quadrature may add.

        An error e of log p two SDs from the mode is a slope of e / 2 for each SD, and moves a mean by as much.
        """
        return 2.0 * self.sample.standard_error + 0.5 * self.quadrature_error

    @property
    def mean(self) -> NDArray[np.float64]:
        """Posterior means, (d,)."""
        return np.asarray(self.sample.weights @ self.sample.theta)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Posterior covariance, (d, d)."""
        centred = self.sample.theta - self.mean
        return np.asarray(centred.T @ (centred * self.sample.weights[:, None]))

    def laws_of_combinations(self, combinations: NDArray[np.float64]) -> tuple[Law, ...]:
        """Laws of the combinations (k, k) of coefficients whose scores of zero were found."""
        k = combinations.shape[1]
        values = self.sample.theta[:, :k] @ combinations.T
        return tuple(
            law_of(column, self.sample.weights, score)
            for column, score in zip(values.T, self.scores_of_zero, strict=True)
        )

    def of_groups(self, coefficients: int) -> Posterior:
        """Of crossed groupings without the SD of the levels, whose effects are coefficients like so many others."""
        theta, mean = self.sample.theta[:, :-1], self.mean
        levels = slice(coefficients, len(self.mode.coefficients))
        vector = self.mode.vector[:-1].copy()
        vector[levels] = mean[levels]
        return replace(
            self,
            mode=Parameters(vector[:-1], IndependentEffects(log_sds=vector[-1:])),
            sample=replace(self.sample, theta=theta),
        )

    def effects_at(self, draws: int) -> EffectsAtPoints:
        """Sigma at the first draws."""
        k = len(self.mode.coefficients)
        return self.mode.effects.at_points(self.sample.theta[:draws, k:])

    def draws_of_effects(self, back: NDArray[np.float64]) -> DrawnEffects:
        """SDs and correlations of effects R u, R (K, K), of every draw."""
        effects, count = self.effects_at(len(self.sample.weights)), self.mode.effects.count
        covariances = np.zeros((len(self.sample.weights), count, count))
        covariances[:, effects.first, effects.second] = effects.covariances.T
        covariances[:, effects.second, effects.first] = effects.covariances.T
        covariances = back @ covariances @ back.T
        sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        return DrawnEffects(log_sds=np.log(sds), correlations=covariances / (sds[:, :, None] * sds[:, None, :]))

    def mean_effects(self, back: NDArray[np.float64]) -> Effects:
        """SDs exp of the mean of log sd, and z = artanh of partial correlations at their means, of effects R u."""
        drawn, weights = self.draws_of_effects(back), self.sample.weights
        parameters = weights @ drawn.log_sds
        if isinstance(self.mode.effects, CorrelatedEffects):
            parameters = np.concatenate([parameters, weights @ partials_of(drawn.correlations)])
        return self.mode.effects.at(parameters)

    def law_of_draws(self, draws: NDArray[np.float64]) -> Law:
        """Law of a quantity known at every draw, (N,)."""
        return law_of(draws, self.sample.weights)


def fit_posterior(
    rows: Rows,
    start: Parameters,
    modes: NDArray[np.float64],
    combinations: NDArray[np.float64],
    *,
    furthest: float = np.inf,
) -> Posterior | None:
    """The exact posterior, from a point near it; None where its mode is not found.

    For large data, whose posterior is all but normal, a short walk makes the map and sixteen points prove it. Where the
    effective share of a map's points is low, as under separation or with an outlier in x, others are tried, with laws
    for the most skewed coefficients and with heavier tails; the one of the largest share is used.

    Parameters
    ----------
    rows : Rows
    start : Parameters
    modes : (G, K) array
        The groups' effects near there.
    combinations : (k, k) array
        What of the coefficients will be held against zero.
    furthest : float, optional
        Distance from the mode, in posterior SDs, at which it counts as found.
    """
    posterior = density_of(rows)(rows, start, modes)
    mode = find_posterior_mode(posterior)
    if mode.distance > furthest:
        return None
    sample = _best_sample(posterior, mode)
    drawn = sample.theta
    if isinstance(posterior, CrossedLogPosterior):
        sample = replace(sample, theta=posterior.with_effects(sample.theta))
    return Posterior(
        mode=posterior.centre.parameters.at(mode.at.point),
        information=mode.at.information,
        sample=sample,
        nodes=posterior.nodes,
        quadrature_error=posterior.quadrature_error,
        distance=mode.distance,
        largest_score=float(np.abs(mode.at.gradient).max()),
        scores_of_zero=scores_of_zero(posterior, mode, _with_effects(combinations, posterior), drawn),
    )


def combination_laws(rows: Rows, posterior: Posterior, combinations: NDArray[np.float64]) -> tuple[Law | None, ...]:
    """Laws of any combinations (m, k) of the coefficients, their tails led to zero as those of the coefficients are.

    Parameters
    ----------
    rows : Rows
        Of the fit.
    posterior : Posterior
    combinations : (m, k) array

    Returns
    -------
    tuple of m Law or None
        None of a combination that is zero.
    """
    some = (combinations != 0.0).any(axis=1)
    theta, weights = posterior.sample.theta, posterior.sample.weights
    sought = combinations[some]
    values = theta[:, : sought.shape[1]] @ sought.T
    scores: tuple[float | None, ...] = (None,) * len(sought)
    if (reached_beyond_zero(values) < FEWEST_BEYOND).any():
        density = density_of(rows).about(rows, posterior.mode, np.sqrt(np.diag(posterior.covariance)))
        at = replace(density.curved(posterior.mode.vector), information=posterior.information)
        mode = PosteriorMode(at=at, distance=posterior.distance)
        scores = scores_of_zero(density, mode, _with_effects(sought, density), theta)
    laws = iter([law_of(column, weights, score) for column, score in zip(values.T, scores, strict=True)])
    return tuple(next(laws) if each else None for each in some.tolist())


def _with_effects(combinations: NDArray[np.float64], posterior: LogPosterior) -> NDArray[np.float64]:
    """Combinations (m, k) of coefficients as such of theta, (m, k + C)."""
    return np.pad(combinations, ((0, 0), (0, posterior.size - combinations.shape[1])))


def _best_sample(posterior: LogPosterior, mode: PosteriorMode) -> WeightedSample:
    ridge_map = RidgeMap(posterior, mode)
    samples = [GrowingSample(posterior, ridge_map)]
    probe = samples[0].grown(PROBE)
    # points with heavier tails are none of the posterior's unless all of them are weighted
    if probe.share >= TRUSTED_SHARE or posterior.most_points < POINTS:
        return samples[0].grown(POINTS)
    samples.append(GrowingSample(posterior, ridge_map, T_DEGREES))
    extra = _skewed_coefficients(probe, posterior.coefficients)
    if extra:
        with_laws = RidgeMap(posterior, mode, extra)
        samples += [GrowingSample(posterior, with_laws, degrees) for degrees in (None, T_DEGREES)]
    return max(samples, key=lambda sample: sample.grown(PROBE).share).grown(POINTS)


def _skewed_coefficients(sample: WeightedSample, coefficients: int) -> tuple[int, ...]:
    """The most skewed coefficients, at most `MOST_EXTRA_AXES` and never all of them."""
    weights = np.maximum(sample.weights, 0.0)
    weights /= weights.sum()
    centred = sample.theta[:, :coefficients] - weights @ sample.theta[:, :coefficients]
    skewness = np.abs(weights @ centred**3) / (weights @ centred**2) ** 1.5
    most = min(MOST_EXTRA_AXES, coefficients - 1)
    return tuple(int(i) for i in np.argsort(-skewness)[:most] if skewness[i] > SKEWED)
