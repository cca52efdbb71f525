"""Mean probabilities over all groups of the population, on the scale of logits: with their limits, or of many draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import RectBivariateSpline

from glmm_binomial.estimation.many_laws import Summaries, normal_summaries
from glmm_binomial.model.quadrature import mean_probability

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit

TABLE_STEP = 0.05
"""Between the entries of the table of population averages, in the inverse hyperbolic sine of means and SDs."""

PAGE, BEYOND = 20, 5
"""Entries by which the table grows, and those beyond the last."""

SMALLEST_MEAN, LARGEST_MEAN, LARGEST_SD = 1e-4, 1e6, 1e4
"""In that table."""

STEP = 1e-4
"""Of central differences, in logits and in shares of an SD; 1e-8 of what they differentiate is left as error."""


@dataclass(frozen=True, slots=True)
class AverageLogits:
    """Logits of mean probabilities over the population of M rows, at the estimates, with their derivatives.

    Attributes
    ----------
    logit : (M,) array
    by_mean : (M,) array
        By x'b + offset.
    by_effects : (M, C) array
        By the parameters of the random effects' covariance.
    """

    logit: NDArray[np.float64]
    by_mean: NDArray[np.float64]
    by_effects: NDArray[np.float64]


def average_logits(
    fit: Fit, fixed: NDArray[np.float64], random: NDArray[np.float64], offset: NDArray[np.float64]
) -> AverageLogits:
    """Of standardised rows, (M, k) and (M, K), with their offsets (M,)."""
    mean, deviations = fixed @ fit.coefficients + offset, random @ fit.effects_root
    sd = np.linalg.norm(deviations, axis=1)
    by_mean = (mean_logit(mean + STEP, sd) - mean_logit(mean - STEP, sd)) / (2.0 * STEP)
    # sd moves by a share of itself, since it cannot fall below zero
    by_log_sd = (mean_logit(mean, sd * (1.0 + STEP)) - mean_logit(mean, sd * (1.0 - STEP))) / (2.0 * STEP)
    unit = 1.0 / np.where(sd > 0.0, sd, 1.0)[:, None]
    shares = np.einsum("ra,mab,rb->rm", random * unit, fit.effects_slopes, deviations * unit, optimize=True)
    return AverageLogits(logit=mean_logit(mean, sd), by_mean=by_mean, by_effects=by_log_sd[:, None] * shares)


def wald_averages(
    fit: Fit, fixed: NDArray[np.float64], random: NDArray[np.float64], offset: NDArray[np.float64], alpha: float
) -> Summaries:
    """Logits of mean probabilities over the population of M rows, (M, k) and (M, K), by the delta method."""
    found = average_logits(fit, fixed, random, offset)
    size = np.maximum(np.abs(fixed).max(axis=1), 1.0)[:, None]
    gradient = np.hstack([found.by_mean[:, None] * (fixed / size), found.by_effects / size])
    errors = size[:, 0] * np.linalg.norm(gradient @ fit.covariance_root, axis=1)
    return normal_summaries(found.logit, errors, alpha)


def logits_of_averages(means: NDArray[np.float64], sds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits of E expit(eta), eta ~ N(m, s^2), of draws of m and s, (M, N) both, to 1e-5 or better.

    The logit over m is a smooth function of |m| and s, and has one table for all draws. Of the largest SDs, to which
    expit is a step, only m / s matters.
    """
    share = LARGEST_SD / np.maximum(sds, LARGEST_SD)
    shrunk = means * share
    m, s = np.arcsinh(np.minimum(np.abs(shrunk), LARGEST_MEAN)), np.arcsinh(sds * share)
    pages = [int(float(each.max()) / (TABLE_STEP * PAGE)) + 1 for each in (m, s)]
    return np.asarray(shrunk * _ratios(*pages).ev(m, s))


@lru_cache(maxsize=16)
def _ratios(mean_pages: int, sd_pages: int) -> RectBivariateSpline:
    """Logit of E expit(eta) over m, by the inverse hyperbolic sines of m and s."""
    # some entries beyond the last page, so that where the table ends is not felt
    on_m, on_s = (np.arange(pages * PAGE + BEYOND) * TABLE_STEP for pages in (mean_pages, sd_pages))
    means, sds = np.meshgrid(np.sinh(np.maximum(on_m, SMALLEST_MEAN)), np.sinh(on_s), indexing="ij")
    logits = mean_logit(means.ravel(), sds.ravel()).reshape(means.shape)
    return RectBivariateSpline(on_m, on_s, logits / means)


def mean_logit(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logit of E expit(eta), eta ~ N(mean, sd^2), which keeps its digits where the mean probability is near one."""
    size = np.abs(mean)
    below = mean_probability(-size, sd)
    # so far out that the mean probability is zero in double precision, its exponential or normal tail is all there is
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        tail = np.where(sd**2 < size, size - sd**2 / 2.0, (size / sd) ** 2 / 2.0)
        logit = np.where(below > 0.0, np.log1p(-below) - np.log(below), tail)
    return np.asarray(np.copysign(logit, mean))
