"""A fitted model and new rows -> Predictions: probabilities, their intervals and population averages; their table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, ndtri

from glmm_binomial.answers.rows import Tabular
from glmm_binomial.formula.new_data import new_rows
from glmm_binomial.model.quadrature import mean_probability
from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell
from glmm_binomial.observations.new_rows import read_new_rows, rows_of_the_fit
from glmm_binomial.observations.options import read_alpha

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.observations.handed_over import HandedOver
    from glmm_binomial.observations.new_rows import NewRows

PREDICTION_HEADER = (
    "probability",
    "ci_lower",
    "ci_upper",
    "logit",
    "std_error",
    "population_average",
    "population_lower",
    "population_upper",
    "random_effects",
)

STEP = 1e-4
"""Of central differences, in logits and in shares of an SD; 1e-8 of what they differentiate is left as error."""


@dataclass(frozen=True, slots=True)
class Predictions(Tabular):
    """What the model says of M new rows.

    Attributes
    ----------
    logit : (M,) array
        x'b, with z'u of the row's group where that is known.
    std_error : (M,) array
        Of the uncertainty of b, and of u where it is in the logit; the spread between groups is not in it.
    probability, ci_lower, ci_upper : (M,) arrays
        Of success; limits at confidence 1 - alpha, built on the logit scale.
    population_average, population_lower, population_upper : (M,) arrays
        Mean probability over all groups of the population, known or not, and its limits.
    random_effects : tuple of M str
        Where each row's random effects come from: zero, or the group's own estimate.
    alpha : float
    handed_over : HandedOver
        Which of the rows handed over these M are.
    """

    logit: NDArray[np.float64]
    std_error: NDArray[np.float64]
    probability: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    population_average: NDArray[np.float64]
    population_lower: NDArray[np.float64]
    population_upper: NDArray[np.float64]
    random_effects: tuple[str, ...]
    alpha: float
    handed_over: HandedOver

    def rows(self) -> list[Sequence[object]]:
        """A header row, then one row for each new row."""
        columns = (getattr(self, name).tolist() for name in PREDICTION_HEADER[:-1])
        rows = self.handed_over.spread(list(zip(*columns, self.random_effects, strict=True)))
        blank = (None,) * (len(PREDICTION_HEADER) - 1)
        return [
            PREDICTION_HEADER,
            *(
                (*blank, f"left out: {reason}") if row is None else row
                for row, reason in zip(rows, self.handed_over.reasons, strict=True)
            ),
        ]


def predict(
    model: GLMM,
    new_data: object = None,
    new_groups: object = None,
    new_x_random: object = None,
    alpha: object = None,
) -> Predictions:
    """Predict the probability of success for new rows, or for those of the fit.

    On the standardised scale, with V the covariance of the coefficients b, C of a group's effects u with b, and U of u,
    all of them the fit's (see `random_effects` for what they hold under each method):

        logit p = x'b,           variance x'V x                         random effects at zero
        logit p = x'b + z'u_g,   variance x'V x + 2 x'C z + z'U z       group g is one of the fitted ones

    With the effects at zero nominal 95 % intervals cover 95-96 % under "vb" and "ml" (40 groups of 6, simulated). A
    known group's interval takes its estimate as normal about the truth: there such small groups get 93 % under "vb" and
    90 % under "ml", which takes a badly known SD for better known than it is.

    The population average is E expit(x'b + z'u), u_k ~ N(0, sd_k^2), at the estimated b and sd. It is nearer to one
    half than the probability at random effects zero, which is that of a typical group (Zeger, Liang & Albert 1988,
    Biometrics 44(4)). Its interval is built on the logit scale by the delta method, from the joint covariance of b and
    log sd.

    Parameters
    ----------
    model : GLMM
        From `fit_model`.
    new_data : (M, p) array or list of M rows, or table, optional
        Model of ranges: the columns of x, with a header row when x had one. Model of a formula: a table with headers,
        columns in any order, which may hold the column of the groups. The rows of the fit unless given.
    new_groups : (M,) array or list of M one-cell rows, optional
        Labels; the effects of a label that is not among the groups of the fit are taken as zero.
    new_x_random : (M, q) array or list of M rows, optional
        The columns of x_random, when the model has random slopes.
    alpha : float, optional
        One minus the confidence level; that of the model unless given.

    Raises
    ------
    InvalidInputError
        When the new rows cannot be used.
    """
    new = _rows(model, new_data, new_groups, new_x_random)
    level = read_alpha(alpha, default=model.observations.options.alpha)
    design, fit = model.design, model.fit
    k, quantile = len(fit.coefficients), -float(ndtri(level / 2.0))
    fixed, random = design.scale.fixed_columns(new.x), design.scale.random_columns(new.x_random)
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
    average = _population_average(model, fixed, random)
    return Predictions(
        logit=logit,
        std_error=std_error,
        probability=expit(logit),
        ci_lower=expit(logit - quantile * std_error),
        ci_upper=expit(logit + quantile * std_error),
        population_average=expit(average.logit),
        population_lower=expit(average.logit - quantile * average.std_error),
        population_upper=expit(average.logit + quantile * average.std_error),
        random_effects=_sources(new),
        alpha=level,
        handed_over=new.handed_over,
    )


def _rows(model: GLMM, new_data: object, new_groups: object, new_x_random: object) -> NewRows:
    """The rows to predict, with their groups."""
    if not is_blank(single_cell(new_data)):
        if model.coding is not None:
            if not is_blank(single_cell(new_x_random)):
                reject("new_x_random must be left empty for the model of a formula: new_data has its columns.")
            return new_rows(model.coding, model.observations, new_data, new_groups=new_groups)
        return read_new_rows(model.observations, new_data, new_groups=new_groups, new_x_random=new_x_random)
    for name, given in (("new_groups", new_groups), ("new_x_random", new_x_random)):
        if not is_blank(single_cell(given)):
            reject(f"{name} must be left empty when new_data is: the rows of the fit have their own.")
    return rows_of_the_fit(model.observations)


@dataclass(frozen=True, slots=True)
class _Average:
    """Logits (M,) of population averages, and their standard errors (M,)."""

    logit: NDArray[np.float64]
    std_error: NDArray[np.float64]


def _population_average(model: GLMM, fixed: NDArray[np.float64], random: NDArray[np.float64]) -> _Average:
    """Mean probabilities over the groups of the population, of standardised rows (M, k) and (M, K)."""
    fit = model.fit
    mean, deviations = fixed @ fit.coefficients, random * fit.sds
    sd = np.linalg.norm(deviations, axis=1)
    logit = _mean_logit(mean, sd)
    by_mean = (_mean_logit(mean + STEP, sd) - _mean_logit(mean - STEP, sd)) / (2.0 * STEP)
    # d sd / d log sd_k = deviation_k^2 / sd; sd moves by a share of itself, since it cannot fall below zero
    by_log_sd = (_mean_logit(mean, sd * (1.0 + STEP)) - _mean_logit(mean, sd * (1.0 - STEP))) / (2.0 * STEP)
    shares = (deviations / np.where(sd > 0.0, sd, 1.0)[:, None]) ** 2
    size = np.maximum(np.abs(fixed).max(axis=1), 1.0)
    gradient = np.hstack([by_mean[:, None] * (fixed / size[:, None]), by_log_sd[:, None] * shares / size[:, None]])
    return _Average(logit=logit, std_error=size * np.linalg.norm(gradient @ fit.covariance_root, axis=1))


def _mean_logit(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logit of E expit(eta), eta ~ N(mean, sd^2), which keeps its digits where the mean probability is near one."""
    below = mean_probability(-np.abs(mean), sd)
    with np.errstate(divide="ignore"):
        logit = np.log1p(-below) - np.log(below)
    # so far out that the mean probability is zero in double precision, nobody sees what the SD adds
    return np.asarray(np.where(below > 0.0, np.copysign(logit, mean), mean))


def _sources(new: NewRows) -> tuple[str, ...]:
    if new.group_labels is None:
        return ("zero",) * len(new.x)
    return tuple(
        "group estimate" if known else "zero (new group)" if alike is None else _warning(label, alike)
        for known, label, alike in zip(new.is_known, new.group_labels, new.look_alikes, strict=True)
    )


def _warning(label: object, alike: object) -> str:
    return f"zero (new group: {describe(label)} is not {describe(alike)})"
