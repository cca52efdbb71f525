"""A fitted model and new rows -> Predictions: probabilities, their intervals and population averages; their table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, ndtr, ndtri

from glmm_binomial.model.quadrature import softplus_moments
from glmm_binomial.observations.cells import describe
from glmm_binomial.observations.new_rows import read_new_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.answers.table import Row
    from glmm_binomial.estimation.fitted_model import FittedModel
    from glmm_binomial.observations.new_rows import NewRows

PREDICTION_HEADER = ("probability", "ci_lower", "ci_upper", "population_average", "random_effects")

LARGEST_HERMITE_SD = 6.0
"""Up to this SD of the linear predictor the Gauss-Hermite rules give a mean probability to 1e-10 or better."""

LEGENDRE_NODES, LEGENDRE_REACH = 64, 40.0
"""expit(-t) is below 1e-17 beyond the reach; 64 nodes integrate it times a normal density of SD 6 or more to 1e-15."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the model says of M new rows.

    Attributes
    ----------
    logit : (M,) array
        x'b, with z'u of the row's group where that is known.
    logit_std_error : (M,) array
        Of the uncertainty of b, and of u where it is in the logit; the spread between groups is not in it.
    probability, ci_lower, ci_upper : (M,) arrays
        Of success; limits at confidence 1 - alpha, built on the logit scale.
    population_average : (M,) array
        Mean probability over all groups of the population, known or not.
    random_effects : tuple of M str
        Where each row's random effects come from: zero, or the group's own estimate.
    alpha : float
    """

    logit: NDArray[np.float64]
    logit_std_error: NDArray[np.float64]
    probability: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    population_average: NDArray[np.float64]
    random_effects: tuple[str, ...]
    alpha: float


def predict(
    model: FittedModel, new_x: object, *, new_groups: object = None, new_x_random: object = None
) -> Predictions:
    """Predict the probability of success for new rows.

    On the standardised scale, with V the covariance of the coefficients b, C of a group's effects u with b, and U of u,
    all of them the fit's (see `random_effects` for what they hold under each method):

        logit p = x'b,           variance x'V x                         random effects at zero
        logit p = x'b + z'u_g,   variance x'V x + 2 x'C z + z'U z       group g is one of the fitted ones

    With the effects at zero nominal 95 % intervals cover 95-96 % under "vb" and "ml" (40 groups of 6, simulated). A
    known group's interval takes its estimate as normal about the truth: there such small groups get 93 % under "vb" and
    90 % under "ml", which takes a badly known SD for better known than it is.

    The population average is E expit(x'b + z'u), u_k ~ N(0, sd_k^2), at the estimated b and sd. It is nearer to one
    half than the probability at random effects zero, which is that of a typical group (Zeger, Liang & Albert 1988,
    Biometrics 44(4)).

    Parameters
    ----------
    model : FittedModel
        From `fit_model`.
    new_x : (M, p) array or list of M rows
        The columns of x, with a header row when x had one.
    new_groups : (M,) array or list of M one-cell rows, optional
        Labels; the effects of a label that is not among the groups of the fit are taken as zero.
    new_x_random : (M, q) array or list of M rows
        The columns of x_random, when the model has random slopes.

    Raises
    ------
    InvalidInputError
        When the new rows cannot be used.
    """
    new = read_new_rows(model.observations, new_x, new_groups=new_groups, new_x_random=new_x_random)
    design, fit = model.design, model.fit
    k, alpha = len(fit.coefficients), model.observations.options.alpha
    ones = np.ones((len(new.x), 1))
    fixed = (np.hstack([ones, new.x]) if design.intercept else new.x) @ design.back_transform
    random = np.hstack([ones, new.x_random]) / design.random_scales
    at_zero = fixed @ fit.coefficients
    known, group = new.is_known, new.group_index[new.is_known]

    logit = at_zero.copy()
    logit[known] += (random[known] * fit.random_effects[group]).sum(axis=1)
    # rows are brought to unit size first, so that no square overflows
    size = np.maximum(np.abs(fixed).max(axis=1), np.abs(random).max(axis=1))
    x, z = fixed / size[:, None], random[known] / size[known, None]
    variance = ((x @ fit.covariance_root[:k]) ** 2).sum(axis=1)
    variance[known] += 2.0 * np.einsum("mi,mij,mj->m", z, fit.cross_covariance[group, :, :k], x[known])
    variance[known] += np.einsum("mi,mij,mj->m", z, fit.random_covariance[group], z)
    std_error = size * np.sqrt(np.maximum(variance, 0.0))
    reach = -ndtri(alpha / 2.0) * std_error
    return Predictions(
        logit=logit,
        logit_std_error=std_error,
        probability=expit(logit),
        ci_lower=expit(logit - reach),
        ci_upper=expit(logit + reach),
        population_average=mean_probability(at_zero, np.linalg.norm(random * fit.sds, axis=1)),
        random_effects=_sources(new),
        alpha=alpha,
    )


def _sources(new: NewRows) -> tuple[str, ...]:
    if new.group_labels is None:
        return ("zero",) * len(new.x)
    return tuple(
        "group estimate" if known else "zero (new group)" if alike is None else _warning(label, alike)
        for known, label, alike in zip(new.is_known, new.group_labels, new.look_alikes, strict=True)
    )


def _warning(label: object, alike: object) -> str:
    return f"zero (new group: {describe(label)} is not {describe(alike)})"


def mean_probability(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """E expit(eta), eta ~ N(mean, sd^2), to 1e-10 or better.

    Gauss-Hermite quadrature; where the SD is large, so that expit is nearly a step, the mean of the step and, by
    Gauss-Legendre quadrature, of what expit differs from it. With m = -|mean| and f the density of N(m, sd^2),

        E expit(eta) = P(eta > 0) + int_0^inf expit(-t) [f(-t) - f(t)] dt.

    Parameters
    ----------
    mean, sd : (M,) arrays
        Of the linear predictor; an SD of zero gives expit(mean).
    """
    average = expit(mean)
    narrow = (sd > 0.0) & (sd <= LARGEST_HERMITE_SD)
    if narrow.any():
        average[narrow] = softplus_moments(mean[narrow], sd[narrow] ** 2).mean
    wide = sd > LARGEST_HERMITE_SD
    if wide.any():
        below = _mean_below_half(-np.abs(mean[wide]), sd[wide])
        average[wide] = np.where(mean[wide] > 0.0, 1.0 - below, below)
    return np.clip(average, 0.0, 1.0)


def _mean_below_half(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """E expit(eta) of a wide distribution, for means of at most zero."""
    nodes, weights = np.polynomial.legendre.leggauss(LEGENDRE_NODES)
    t = 0.5 * LEGENDRE_REACH * (nodes + 1.0)
    centre, node = (mean / sd)[:, None], t / sd[:, None]
    difference = np.exp(-0.5 * (node + centre) ** 2) - np.exp(-0.5 * (node - centre) ** 2)
    scale = 0.5 * LEGENDRE_REACH / (np.sqrt(2.0 * np.pi) * sd)
    return np.asarray(ndtr(mean / sd) + scale * (difference @ (weights * expit(-t))))


def prediction_table(predictions: Predictions) -> list[Row]:
    """A header row, then one row for each new row."""
    columns = (
        predictions.probability,
        predictions.ci_lower,
        predictions.ci_upper,
        predictions.population_average,
    )
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    return [
        list(PREDICTION_HEADER),
        *([*row, source] for row, source in zip(numbers, predictions.random_effects, strict=True)),
    ]
