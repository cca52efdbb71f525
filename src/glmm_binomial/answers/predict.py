"""A fitted model and new rows -> Predictions: probabilities, their intervals and population averages; their table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from glmm_binomial.answers.population_average import logits_of_averages, wald_averages
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.estimation.fitting import effects_of, features_of
from glmm_binomial.estimation.group_effects import effect_draws
from glmm_binomial.estimation.many_laws import (
    ROWS_AT_ONCE,
    Summaries,
    draws_for,
    normal_scores,
    normal_summaries,
    summarize,
)
from glmm_binomial.formula.new_data import new_rows
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell
from glmm_binomial.observations.new_rows import read_new_rows, rows_of_the_fit
from glmm_binomial.observations.options import read_alpha

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.estimation.posterior import Posterior
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Observations
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


@dataclass(frozen=True, slots=True)
class Predictions(Tabular):
    """What the model says of M new rows.

    Attributes
    ----------
    logit : (M,) array
        x'b, with the row's offset and z'u of its group where these are known.
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

    An offset is part of every logit. Beside it, under "vb" the logit is the posterior mean of x'b, or of x'b + z'u_g
    for a group of the fit, std_error its posterior SD, and the limits are quantiles, all from draws of the exact
    posterior of b and log sd; given these, an effect u_g has its conditional mean, covariance and skewness (see
    `posterior_effects`). The population average E expit(x'b + z'u), u_k ~ N(0, sd_k^2), goes the same way, draw by draw
    on the logit scale.

    Under the other methods, with V the covariance of the coefficients b, C of a group's effects u with b, and U of u,
    all of them the fit's (see `random_effects` for what they hold):

        logit p = x'b,           variance x'V x                         random effects at zero
        logit p = x'b + z'u_g,   variance x'V x + 2 x'C z + z'U z       group g is one of the fitted ones

    and the limits take the logit for normal; so those of a known group of few rows hold the truth less often than they
    say. The population average is that at the estimated b and sd, and its interval is built on the logit scale by the
    delta method, from the joint covariance of b and log sd.

    The population average is nearer to one half than the probability at random effects zero, which is that of a typical
    group (Zeger, Liang & Albert 1988, Biometrics 44(4)).

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
    scale = model.design.scale
    random = scale.random_columns(new.x_random)
    of_group = random.copy()
    # of a new group in a known one above, the effect of the latter alone is known
    of_group[new.is_above_known, 1:] = 0.0
    rows = _StandardisedRows(
        fixed=scale.fixed_columns(new.x),
        random=random,
        of_group=of_group[:, :1] if scale.crossed else of_group,
        is_known=new.is_known | new.is_above_known,
        group=new.group_index,
        level=np.full(len(new.x), -1) if new.levels is None else np.where(new.levels.is_known, new.levels.index, -1),
        offset=np.zeros(len(new.x)) if new.offset is None else new.offset,
    )
    posterior = model.fit.posterior
    if posterior is None:
        typical = _wald(model.fit, rows, level)
        average = wald_averages(model.fit, rows.fixed, rows.random, rows.offset, level)
    else:
        typical, average = _over_posterior(model.design, posterior, rows, level)
    return Predictions(
        logit=typical.means,
        std_error=typical.sds,
        probability=expit(typical.means),
        ci_lower=expit(typical.lower),
        ci_upper=expit(typical.upper),
        population_average=expit(average.means),
        population_lower=expit(average.lower),
        population_upper=expit(average.upper),
        random_effects=_sources(new, model.observations),
        alpha=level,
        handed_over=new.handed_over,
    )


@dataclass(frozen=True, slots=True)
class _StandardisedRows:
    """M new rows on the standardised scale.

    Attributes
    ----------
    fixed, random : (M, k) and (M, K) arrays
    of_group : (M, K) array
        The columns of the effects of the row's group, as far as these are known.
    is_known : (M,) boolean array
        Whether the group is one of the fit.
    group : (M,) integer array
        Its position there; means nothing where it is not.
    level : (M,) integer array
        Position of the row's group among those that cross these; -1 where that is not known, or there are none.
    offset : (M,) array
    """

    fixed: NDArray[np.float64]
    random: NDArray[np.float64]
    of_group: NDArray[np.float64]
    is_known: NDArray[np.bool_]
    group: NDArray[np.intp]
    level: NDArray[np.intp]
    offset: NDArray[np.float64]

    @property
    def sizes(self) -> NDArray[np.float64]:
        """By which rows are brought to unit size, (M,), so that no square overflows."""
        return np.asarray(np.maximum(np.abs(self.fixed).max(axis=1), np.abs(self.random).max(axis=1)))


def _wald(fit: Fit, rows: _StandardisedRows, alpha: float) -> Summaries:
    """Logits with their standard errors, and limits that take them for normal."""
    k, known, own = len(fit.coefficients), rows.is_known, fit.own_effects
    group, size = rows.group[known], rows.sizes
    logit = rows.fixed @ fit.coefficients + rows.offset
    logit[known] += (rows.of_group[known] * own.means[group]).sum(axis=1)
    x, z = rows.fixed / size[:, None], rows.of_group[known] / size[known, None]
    variance = ((x @ fit.covariance_root[:k]) ** 2).sum(axis=1)
    variance[known] += 2.0 * np.einsum("mi,mij,mj->m", z, own.cross_covariances[group, :, :k], x[known])
    variance[known] += np.einsum("mi,mij,mj->m", z, own.covariances[group], z)
    if fit.levels is not None:
        levels, both = rows.level >= 0, known & (rows.level >= 0)
        at, unit = rows.level[levels], 1.0 / size[levels]
        logit[levels] += fit.levels.means[at]
        variance[levels] += unit**2 * np.diag(fit.levels.covariance)[at]
        variance[levels] += 2.0 * unit * (fit.levels.cross_covariance[at, :k] * x[levels]).sum(axis=1)
        if fit.levels.with_groups is not None:
            variance[both] += 2.0 / size[both] ** 2 * fit.levels.with_groups[rows.group[both], rows.level[both]]
    return normal_summaries(logit, size * np.sqrt(np.maximum(variance, 0.0)), alpha)


def _over_posterior(
    design: Design, posterior: Posterior, rows: _StandardisedRows, alpha: float
) -> tuple[Summaries, Summaries]:
    """Logits of the rows and of their population averages, from draws of theta and of the groups' effects."""
    known = rows.is_known
    group = np.where(known, rows.group, -1)
    table = np.column_stack([rows.fixed, rows.random, rows.of_group, group, rows.level, rows.offset])
    _, first, back = np.unique(table, axis=0, return_index=True, return_inverse=True)
    effects = effects_of(design, posterior) if known.any() else None
    sample, k = posterior.sample, rows.fixed.shape[1]
    draws = draws_for(len(first), len(sample.weights))
    theta, weights = sample.theta[:draws], sample.first_weights(draws)
    features, scores = features_of(design, posterior, draws), normal_scores(rows.of_group.shape[1], draws)
    covariances = posterior.effects_at(draws)
    found = np.empty((2, 4, len(first)))
    for start in range(0, len(first), ROWS_AT_ONCE):
        stop_if_requested()
        chunk = slice(start, start + ROWS_AT_ONCE)
        here = first[chunk]
        size = rows.sizes[here, None]
        x, z, own = (columns[here] / size for columns in (rows.fixed, rows.random, rows.of_group))
        at_zero = x @ theta[:, :k].T + rows.offset[here, None] / size
        logits, of_fit = at_zero.copy(), known[here]
        if effects is not None and of_fit.any():
            groups = rows.group[here[of_fit]]
            logits[of_fit] += effect_draws(effects, groups, own[of_fit], features, scores)
        in_level = rows.level[here] >= 0
        if in_level.any():
            logits[in_level] += (theta[:, k + rows.level[here[in_level]]] / size[in_level, 0]).T
        sds = np.sqrt(covariances.variances(z))
        averages = logits_of_averages(at_zero * size, sds * size) / size
        for which, values in enumerate((logits, averages)):
            summary = summarize(values, weights, alpha)
            for i, column in enumerate((summary.means, summary.sds, summary.lower, summary.upper)):
                found[which, i, chunk] = column * size[:, 0]
    typical, average = (Summaries(*(column[back.ravel()] for column in each)) for each in found)
    return typical, average


def _rows(model: GLMM, new_data: object, new_groups: object, new_x_random: object) -> NewRows:
    """The rows to predict, with their groups."""
    is_given = not is_blank(single_cell(new_data))
    if not is_given and model.coding is None and not model.observations.x_names:
        # without predictors the groups alone say which rows are meant
        is_given = not all(is_blank(single_cell(cells)) for cells in (new_groups, new_x_random))
    if is_given:
        if model.coding is not None:
            if not is_blank(single_cell(new_x_random)):
                reject("new_x_random must be left empty for the model of a formula: new_data has its columns.")
            return new_rows(model.coding, model.observations, new_data, new_groups=new_groups)
        return read_new_rows(model.observations, new_data, new_groups=new_groups, new_x_random=new_x_random)
    for name, given in (("new_groups", new_groups), ("new_x_random", new_x_random)):
        if not is_blank(single_cell(given)):
            reject(f"{name} must be left empty when new_data is: the rows of the fit have their own.")
    return rows_of_the_fit(model.observations)


def _sources(new: NewRows, observations: Observations) -> tuple[str, ...]:
    labels = new.group_labels or (None,) * len(new.x)
    crossed, levels = observations.crossed, new.levels
    if crossed is not None and levels is not None:
        names = observations.group_name, crossed.name
        of_groups = zip(new.is_known.tolist(), labels, new.look_alikes, strict=True)
        of_levels = zip(levels.is_known.tolist(), levels.labels, levels.look_alikes, strict=True)
        return tuple(_source_of_both(names, *both) for both in zip(of_groups, of_levels, strict=True))
    return tuple(_source(*row) for row in zip(new.is_known, new.is_above_known, labels, new.look_alikes, strict=True))


def _source_of_both(
    names: tuple[str, str], group: tuple[bool, object, object], level: tuple[bool, object, object]
) -> str:
    """Of a row in two kinds of groups: of each whether it is known, its label, and a known one that looks alike."""
    unknown = [
        f"new or no {name}" if alike is None else f"new {name}: {describe(label)} is not {describe(alike)}"
        for name, (known, label, alike) in zip(names, (group, level), strict=True)
        if not known
    ]
    if len(unknown) == len(names):
        alike = [text for text in unknown if ":" in text]
        return f"zero ({', '.join(alike)})" if alike else "zero"
    if not unknown:
        return "estimates of both groups"
    return f"{names[0] if group[0] else names[1]} estimate ({unknown[0]})"


def _source(known: bool, above: bool, label: object, alike: object) -> str:
    if known:
        return "group estimate"
    if above:
        return "group above (new group)"
    if label is None:
        return "zero"
    return "zero (new group)" if alike is None else _warning(label, alike)


def _warning(label: object, alike: object) -> str:
    return f"zero (new group: {describe(label)} is not {describe(alike)})"
