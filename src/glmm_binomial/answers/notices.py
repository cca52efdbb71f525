"""What a reader of the table must be warned of, one sentence or two each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.fit import NewtonStep
from glmm_binomial.estimation.marginal import MOST_TRAPEZOID_EFFECTS
from glmm_binomial.estimation.no_maximum import describe_separation, unchanging_groups
from glmm_binomial.observations.wording import effect_in_words, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Method, Observations

FEW_GROUPS = 5

LARGEST_POSTERIOR_ERROR = 0.01
"""Posterior SDs by which posterior means may be off without a warning."""

SMALLEST_SHARE = 0.3
"""Effective share of the points below which quantiles may be further off than the error of the means says."""

LARGEST_LAPLACE_ERROR = 0.05
"""Standard errors by which Laplace's approximation may move an estimate without a warning."""

LARGEST_PRIOR_SHIFT = 0.5
"""Standard errors by which the data alone would move a coefficient before the prior is mentioned."""

LARGEST_PRIOR_GAIN = 1.5
"""Factor by which the prior may shrink a standard error before it is mentioned."""

LARGEST_SD_ERROR = 10.0
LARGEST_LOG_SD_ERROR = 2.0
"""Standard errors of an SD of a standardised column, and of its logarithm, that together leave any SD possible."""

LEAST_ABSENCE = 1e-6
"""Share of a column that the columns of x leave, from which it is none of them."""

LARGEST_ALPHA = 0.5
"""An alpha beyond it is likelier to be meant as the confidence level."""

LARGEST_EXPONENT = np.log(np.finfo(np.float64).max)


def notices(observations: Observations, design: Design, fit: Fit) -> tuple[str, ...]:
    """Every warning that applies, the gravest first."""
    return (
        *about_raw_sds(fit.method),
        *_about_convergence(fit),
        *_about_posterior(fit),
        *_about_likelihood(fit),
        *_about_crossing(observations, fit),
        *_about_prior(design, fit),
        *_about_separation(observations, design, fit),
        *_about_variances(design, fit),
        *_about_slopes(design),
        *_about_data(observations, design),
        *_about_alpha(observations.options.alpha),
        *_about_odds_ratios(design, fit),
    )


def about_raw_sds(method: Method) -> Iterator[str]:
    """Standard errors of method "mean-field" are not to be published."""
    if method == "mean-field":
        yield (
            "The standard errors are raw mean-field SDs, which ignore how the estimates depend on each other and are "
            'too small, often by a factor of two or more. Do not publish them: use method "vb" or "ml".'
        )


def _about_convergence(fit: Fit) -> Iterator[str]:
    if not fit.converged:
        yield (
            "The search for the estimates stopped short of the optimum, by less than a hundredth of a standard error. "
            f"The largest remaining derivative is {fit.largest_score:.2g}."
        )


def _about_posterior(fit: Fit) -> Iterator[str]:
    if fit.posterior is None:
        return
    if fit.posterior.error > LARGEST_POSTERIOR_ERROR:
        yield (
            f"Coefficients and log SDs of this table may be off by {fit.posterior.error:.2g} of their std_error "
            "(posterior_error), which is more than a hundredth."
        )
    if fit.posterior.sample.share < SMALLEST_SHARE:
        yield (
            "The posterior is so far from any form that could be foreseen that p_value, ci_lower and ci_upper may be "
            f"off by more than posterior_error says: only {fit.posterior.sample.share:.0%} of the points that it was "
            "computed from were effective."
        )
    if fit.nodes is None:
        yield (
            "With so many random effects per group the posterior is that of Laplace's approximation of the likelihood, "
            "whose error posterior_error does not hold."
        )


def _about_likelihood(fit: Fit) -> Iterator[str]:
    if fit.likelihood_distance is None:
        yield (
            "The likelihood has no maximum that could be found, so log_likelihood, aic and bic are those at the "
            "estimates of this table. Do not compare them with those of other models."
        )
    elif fit.method != "ml" and not fit.likelihood_converged:
        yield (
            "The search for the maximum of the likelihood stopped short of it, by less than a hundredth of a standard "
            "error; read log_likelihood, aic and bic with care."
        )
    if not fit.quadrature_settled:
        what = (
            "the estimates to a two-hundredth of a standard error; read them, log_likelihood,"
            if fit.active.sum() > MOST_TRAPEZOID_EFFECTS
            else "the log-likelihood to nine digits; read it,"
        )
        yield f"Even the largest number of quadrature nodes did not settle {what} aic and bic with care."


def _about_crossing(observations: Observations, fit: Fit) -> Iterator[str]:
    """How far Laplace's approximation over the levels is off."""
    crossed, check = observations.crossed, None if fit.levels is None else fit.levels.check
    if crossed is None:
        return
    if check is not None and (check.log_likelihood_error is None or check.estimates_error is None):
        what = "The estimates and log_likelihood" if fit.method == "ml" else "The log_likelihood"
        yield (
            f"{what} of this table rest on Laplace's approximation over {crossed.name}, of whose error nothing can be "
            f"said: only {check.share:.0%} of the draws that it was held against were effective."
        )
    elif check is not None and fit.method == "ml" and (check.estimates_error or 0.0) > LARGEST_LAPLACE_ERROR:
        yield (
            f"The integral over {crossed.name} is Laplace's approximation: log_likelihood may be off by "
            f"{check.log_likelihood_error:.2g}, and an estimate by {check.estimates_error:.2g} of its std_error."
        )


def _about_prior(design: Design, fit: Fit) -> Iterator[str]:
    """Coefficients of which the prior says more than a reader would think."""
    if fit.mode_root is None or fit.towards_likelihood is None or fit.separation is not None:
        return
    with_prior = NewtonStep(step=np.zeros(len(fit.mode_root)), covariance_root=fit.mode_root)
    shifts, by_data = _on_user_scale(design, fit.towards_likelihood)
    _, by_both = _on_user_scale(design, with_prior)
    ruled = (np.abs(shifts) > LARGEST_PRIOR_SHIFT) | (by_data > LARGEST_PRIOR_GAIN * by_both)
    names = [name for name, is_ruled in zip(design.scale.fixed_names, ruled, strict=False) if is_ruled]
    if names:
        advice = ' Method "ml" uses no prior.' if fit.likelihood_converged else ""
        yield (
            f"The weak prior of method {fit.method} decides much about {listed(names)}: the data alone say little, as "
            f"with rare outcomes or columns that nearly determine each other.{advice}"
        )


def _on_user_scale(design: Design, towards: NewtonStep) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A Newton step in standard deviations, and these, of coefficients and log SDs on the user's scale."""
    k = len(design.scale.back_transform)
    way_back = np.eye(len(towards.step))
    way_back[:k, :k] = design.scale.back_transform
    deviations = np.linalg.norm(way_back @ towards.covariance_root, axis=1)
    return way_back @ towards.step / deviations, deviations


def _about_separation(observations: Observations, design: Design, fit: Fit) -> Iterator[str]:
    if fit.separation is not None:
        yield (
            f"The data are separated: {describe_separation(fit.separation, observations, design)}. The size of these "
            "coefficients comes from the prior, not from the data; report their direction only."
        )


def _about_variances(design: Design, fit: Fit) -> Iterator[str]:
    never_change = len(unchanging_groups(design)) == design.rows.grouping.count
    if fit.method != "ml" and never_change and design.rows.grouping.count < design.rows.trials.sum():
        yield (
            "All outcomes are the same within every group, so the data set no limit to the differences between groups: "
            "the size of the variance comes from the prior."
        )
    k = len(fit.coefficients)
    log_errors = np.sqrt(np.diag(fit.covariance)[k : k + len(fit.sds)])
    for name, sd, log_error in zip(design.scale.random_names, fit.sds, log_errors, strict=True):
        if log_error > LARGEST_LOG_SD_ERROR and sd * log_error > LARGEST_SD_ERROR:
            yield (
                f"The data say next to nothing about the variance of the random {effect_in_words(name)}: the "
                "likelihood is all but flat in it. Leave the effect out, or report the profile interval."
            )
        if sd == 0.0:
            found = (
                "beside the other random effects it explains nothing of how the groups differ"
                if fit.sds.any()
                else "the groups differ no more than chance would have it"
            )
            yield (
                f"The variance of the random {effect_in_words(name)} is estimated at zero: {found}. The coefficients "
                "and log_likelihood are those of the model without it; aic and bic count it, as other programs do."
            )


def _about_slopes(design: Design) -> Iterator[str]:
    """Random slopes that no group shows, and those whose mean is taken to be zero."""
    rows, names = design.rows, design.scale.random_names
    intercepts = design.scale.random_intercepts
    columns, grouping = rows.random[:, intercepts:], rows.grouping
    if not columns.shape[1] or len(columns) == grouping.count:
        return
    is_same = (columns == grouping.by_row(columns[grouping.starts])).all(axis=0)
    known = np.column_stack([np.ones(len(columns)), rows.fixed, *([] if rows.offset is None else [rows.offset])])
    left = columns - known @ np.linalg.lstsq(known, columns)[0]
    is_absent = np.linalg.norm(left, axis=0) > LEAST_ABSENCE * np.linalg.norm(columns, axis=0)
    for name, same, absent in zip(names[intercepts:], is_same.tolist(), is_absent.tolist(), strict=True):
        if same:
            yield (
                f"{name} is the same in all rows of each group, so that no group shows a slope of its own: its random "
                f"slope only lets groups of another {name} differ by more or less. Leave it out, unless that is meant."
            )
        elif absent:
            yield (
                f"{name} has a random slope but no coefficient, so that the mean of its slopes is taken to be zero. "
                "Add it to the columns of x, unless that is meant."
            )


def _about_data(observations: Observations, design: Design) -> Iterator[str]:
    yield from observations.notices
    trials_by_group = design.rows.grouping.sums(design.rows.trials)
    above, crossed = observations.above, observations.crossed
    groups, name = design.rows.grouping.count, ""
    if above is not None:
        groups, name = len(above.labels), f" of {above.name}"
    elif crossed is not None:
        groups, name = len(crossed.labels), f" of {crossed.name}"
    if groups < FEW_GROUPS:
        yield (
            f"There are only {groups} groups{name}, too few to estimate how much groups differ. Read the variance "
            "with caution, and consider the groups as columns of x instead."
        )
    if trials_by_group.max() == 1:
        yield (
            "Every group has a single observation, so differences between groups cannot be told from chance: the "
            "variance is not identified by the data."
        )
    if observations.look_alikes:
        sets = listed([" and ".join(labels) for labels in observations.look_alikes], between="; ", last="; and ")
        yield f"Some labels look alike but count as different groups: {sets}. Correct them if they are the same."


def _about_alpha(alpha: float) -> Iterator[str]:
    if alpha > LARGEST_ALPHA:
        yield (
            f"alpha is {alpha:g}, so the intervals hold the truth with {100.0 * (1.0 - alpha):.3g} % confidence only. "
            "For 95 % intervals give 0.05."
        )


def _about_odds_ratios(design: Design, fit: Fit) -> Iterator[str]:
    coefficients = design.scale.back_transform @ fit.coefficients
    names = [name for name, b in zip(design.scale.fixed_names, coefficients, strict=True) if b > LARGEST_EXPONENT]
    if names:
        yield (
            f"The odds ratio of {listed(names)} is too large to be shown: one unit of the column is a very large "
            "step. Measure it in smaller units."
        )
