"""How much of the variance fixed effects and groups make up: R2, intraclass correlation, median odds ratio.

On the latent scale a row has the variance of its linear predictor and that of what decides between 0 and 1,

    v_f = Var (x'b + offset),   v_r = mean z'Sigma z,   v_d = pi^2 / 3,

the first two over the rows of data. Marginal R2 is v_f / (v_f + v_r + v_d), conditional R2 (v_f + v_r) / (v_f + v_r +
v_d), the intraclass correlation v_r / (v_r + v_d) (Nakagawa, Johnson & Schielzeth 2017, Journal of the Royal Society
Interface 14(134); Johnson 2014, Methods in Ecology and Evolution 5(9), for random slopes). On the observation scale v_d
is 1 / (p (1 - p)) at the mean p of the outcomes. The median odds ratio, exp(sqrt(2 v_r) Phi^-1(3/4)), is between two
groups drawn at random, the larger over the smaller (Larsen & Merlo 2005, American Journal of Epidemiology 161(1)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit, ndtri
from scipy.stats import chi2

from glmm_binomial.answers.estimates import LOGISTIC_VARIANCE
from glmm_binomial.estimation.fitting import beyond_precision_refused
from glmm_binomial.estimation.many_laws import normal_summaries, summarize
from glmm_binomial.estimation.profile_likelihood import find_peak, sd_limit
from glmm_binomial.model.design import INTERCEPT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.estimation.posterior import Posterior

MEDIAN_OF_HALF_NORMAL: Final = float(ndtri(0.75))
LARGEST_LOG: Final = float(np.log(np.finfo(np.float64).max))


@dataclass(frozen=True, slots=True)
class Share:
    """A share of variance, or an odds ratio, with its interval.

    Attributes
    ----------
    value : float
    ci_lower, ci_upper : float or None
        None where there is none.
    interval : str
        What the interval is, or why there is none.
    """

    value: float
    ci_lower: float | None
    ci_upper: float | None
    interval: str


@dataclass(frozen=True, slots=True)
class VarianceShares:
    """Shares on both scales, the median odds ratio, and the mean outcome that the observation scale is taken at."""

    marginal_latent: Share
    conditional_latent: Share
    marginal_observation: Share
    conditional_observation: Share
    icc: Share
    median_odds_ratio: Share
    mean_outcome: float


@dataclass(frozen=True, slots=True)
class SharesOfKind:
    """Of one of two kinds of groups.

    Attributes
    ----------
    name : str
        The column of the labels.
    icc : Share
        The intraclass correlation, on the latent scale, of two rows that share a group of this kind alone.
    median_odds_ratio : Share
        Between two groups of this kind, all else the same.
    """

    name: str
    icc: Share
    median_odds_ratio: Share


def variance_shares(model: GLMM) -> VarianceShares:
    """The shares of a model, from the draws of its posterior, or by the delta method from its estimates.

    Intervals are built for the logits of shares, and the log of the log of the median odds ratio. Under "ml", with a
    single random effect, those of the intraclass correlation and of the median odds ratio follow the profile
    likelihood of the standard deviation, on which alone they depend.
    """
    observations = model.observations
    p = float(observations.successes.sum() / observations.trials.sum())
    moments = _moments(model)
    with np.errstate(divide="ignore"):
        latent, observed = (_shares(model, moments, v_d) for v_d in (LOGISTIC_VARIANCE, 1.0 / (p * (1.0 - p))))
    icc, ratio = latent[2], _odds_ratio(latent[2])
    if model.fit.method == "ml" and len(model.fit.sds) == 1:
        icc = _by_profile(model, moments, icc)
        ratio = _odds_ratio(icc)
    return VarianceShares(
        marginal_latent=latent[0],
        conditional_latent=latent[1],
        marginal_observation=observed[0],
        conditional_observation=observed[1],
        icc=icc,
        median_odds_ratio=ratio,
        mean_outcome=p,
    )


def shares_of_kinds(model: GLMM) -> tuple[SharesOfKind, ...]:
    """Of nested and of crossed groups, in the order of their random intercepts; none where there is one kind."""
    scale = model.design.scale
    if not (scale.nested or scale.crossed):
        return ()
    names = [name.removesuffix(f": {INTERCEPT}") for name in scale.random_names]
    return tuple(_of_kind(model, name, own, other) for name, own, other in zip(names, (0, 1), (1, 0), strict=True))


def _of_kind(model: GLMM, name: str, own: int, other: int) -> SharesOfKind:
    fit, alpha, k = model.fit, model.observations.options.alpha, len(model.fit.coefficients)
    with np.errstate(divide="ignore"):
        if fit.posterior is not None:
            effects = fit.posterior.effects_at(len(fit.posterior.sample.weights))
            variances = [effects.traces(np.diag(np.eye(2)[place])) for place in (own, other)]
            of_rows, of_groups = _logits_of_kind(*variances)
            icc, share = _by_draws(fit.posterior, np.array([of_rows, of_groups]), alpha)
        else:
            variances = [np.array(fit.sds[place] ** 2) for place in (own, other)]
            of_rows, of_groups = _logits_of_kind(*variances)
            by_own, by_both = np.zeros(k + 2), np.zeros(k + 2)
            by_own[k + own] = by_both[k + own] = 2.0
            by_both[k + other] = -2.0 * float(variances[1] / (variances[1] + LOGISTIC_VARIANCE))
            icc = _by_delta(of_rows, by_both @ fit.covariance_root, alpha)
            share = _by_delta(of_groups, by_own @ fit.covariance_root, alpha)
    return SharesOfKind(name=name, icc=icc, median_odds_ratio=_odds_ratio(share))


def _logits_of_kind(
    own: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits of the share of a variance in all, and in what is left of all without the other one."""
    return np.log(own) - np.log(other + LOGISTIC_VARIANCE), np.log(own) - np.log(LOGISTIC_VARIANCE)


@dataclass(frozen=True, slots=True)
class _Moments:
    """Of the user's rows, standardised.

    Attributes
    ----------
    fixed : (k + 1, k + 1) array
        Covariance of the fixed columns and the offset.
    random : (K, K) array
        Mean products of the random columns.
    """

    fixed: NDArray[np.float64]
    random: NDArray[np.float64]


def _moments(model: GLMM) -> _Moments:
    scale, observations = model.design.scale, model.observations
    fixed, random = scale.fixed_columns(observations.x), scale.random_columns(observations.x_random)
    fixed = np.column_stack([fixed, np.zeros(len(fixed)) if observations.offset is None else observations.offset])
    centred = fixed - fixed.mean(axis=0)
    return _Moments(fixed=centred.T @ centred / (len(fixed) - 1.0), random=random.T @ random / len(random))


def _shares(model: GLMM, moments: _Moments, v_d: float) -> list[Share]:
    """Marginal and conditional R2 and the intraclass correlation, v_d what varies within groups."""
    fit, alpha = model.fit, model.observations.options.alpha
    k = len(fit.coefficients)
    if fit.posterior is not None:
        theta = fit.posterior.sample.theta
        b = np.column_stack([theta[:, :k], np.ones(len(theta))])
        v_f = np.einsum("ni,ij,nj->n", b, moments.fixed, b)
        v_r = fit.posterior.effects_at(len(theta)).traces(moments.random)
        logits = np.array([np.log(over) - np.log(under) for over, under in _parts(v_f, v_r, v_d)])
        return _by_draws(fit.posterior, logits, alpha)
    b, root, slopes = np.append(fit.coefficients, 1.0), fit.effects_root, fit.effects_slopes
    # the mean of z'Sigma z over the rows
    v_f, v_r = np.array(b @ moments.fixed @ b), np.array(np.sum(root * (moments.random @ root)))
    # derivatives of v_f and v_r by b and the parameters of Sigma
    by_fixed = np.concatenate([2.0 * (moments.fixed @ b)[:k], np.zeros(len(slopes))])
    by_random = np.concatenate([np.zeros(k), 2.0 * np.einsum("mab,ab->m", slopes, moments.random @ root)])
    gradients = [
        (by_fixed / v_f if v_f > 0.0 else by_fixed) - by_random / (v_r + v_d),
        (by_fixed + by_random) / (v_f + v_r) if v_f + v_r > 0.0 else by_fixed,
        by_random / v_r if v_r > 0.0 else by_random,
    ]
    return [
        _by_delta(np.log(over) - np.log(under), gradient @ fit.covariance_root, alpha)
        for (over, under), gradient in zip(_parts(v_f, v_r, v_d), gradients, strict=True)
    ]


def _parts(
    v_f: NDArray[np.float64], v_r: NDArray[np.float64], v_d: float
) -> list[tuple[NDArray[np.float64], NDArray[np.float64] | float]]:
    """What each share is the share of, and the rest."""
    return [(v_f, v_r + v_d), (v_f + v_r, v_d), (v_r, v_d)]


def _by_draws(posterior: Posterior, logits: NDArray[np.float64], alpha: float) -> list[Share]:
    """Shares of logits (S, D) at the draws of a posterior."""
    told = np.asarray(np.isfinite(logits).all(axis=1))
    found = summarize(np.where(told[:, None], logits, 0.0), posterior.sample.weights, alpha)
    return [
        _share(mean, lower, upper, "quantiles of the posterior") if is_told else Share(0.0, None, None, "")
        for is_told, mean, lower, upper in zip(told, found.means, found.lower, found.upper, strict=True)
    ]


def _by_delta(logit: NDArray[np.float64], along: NDArray[np.float64], alpha: float) -> Share:
    if not np.isfinite(logit):
        return Share(0.0, None, None, "")
    limits = normal_summaries(logit, np.array(np.linalg.norm(along)), alpha)
    return _share(float(logit), float(limits.lower), float(limits.upper), "delta method")


def _share(logit: float, lower: float, upper: float, interval: str) -> Share:
    value, low, high = expit([logit, lower, upper]).tolist()
    return Share(value=value, ci_lower=low, ci_upper=high, interval=interval)


def _by_profile(model: GLMM, moments: _Moments, icc: Share) -> Share:
    """The intraclass correlation at the profile limits of the standard deviation of the one random effect."""
    quantile = float(chi2.isf(model.observations.options.alpha, 1))
    with beyond_precision_refused():
        peak = find_peak(model.design.rows, model.fit)
        limits = [sd_limit(peak, 0, side=side, quantile=quantile) for side in (-1, 1)]
    variances = [limit.reached**2 * float(moments.random[0, 0]) for limit in limits if limit.ending == "found"]
    found = [variance / (variance + LOGISTIC_VARIANCE) for variance in variances]
    if len(found) < len(limits):
        return Share(icc.value, None, None, "no interval: a profile limit was not found, see GLMM_BINOMIAL_CONFINT")
    return Share(icc.value, min(found[0], icc.value), max(found[1], icc.value), "profile likelihood")


def _odds_ratio(icc: Share) -> Share:
    """The median odds ratio that belongs to an intraclass correlation on the latent scale."""

    def ratio(share: float | None) -> float | None:
        if share is None or share >= 1.0:
            return None
        log_ratio = np.sqrt(2.0 * LOGISTIC_VARIANCE * share / (1.0 - share)) * MEDIAN_OF_HALF_NORMAL
        return float(np.exp(log_ratio)) if log_ratio < LARGEST_LOG else None

    value = ratio(icc.value)
    lower, upper = ratio(icc.ci_lower), ratio(icc.ci_upper)
    return Share(np.inf if value is None else value, lower, upper, icc.interval)
