"""What a reader of the table must be warned of, one sentence or two each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.no_maximum import describe_separation, unchanging_groups
from glmm_binomial.observations.wording import effect_in_words, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit, NewtonStep
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Observations

FEW_GROUPS = 5

LARGEST_SHIFT = 0.25
"""Posterior SDs by which the exact posterior may differ from the variational answer without a warning."""

LARGEST_PRIOR_SHIFT = 0.5
"""Standard errors by which the data alone would move a coefficient before the prior is mentioned."""

LARGEST_PRIOR_GAIN = 1.5
"""Factor by which the prior may shrink a standard error before it is mentioned."""

LARGEST_SD_ERROR = 10.0
LARGEST_LOG_SD_ERROR = 2.0
"""Standard errors of an SD of a standardised column, and of its logarithm, that together leave any SD possible."""

LARGEST_ALPHA = 0.5
"""An alpha beyond it is likelier to be meant as the confidence level."""

LARGEST_EXPONENT = np.log(np.finfo(np.float64).max)


def notices(observations: Observations, design: Design, fit: Fit) -> tuple[str, ...]:
    """Every warning that applies, the gravest first."""
    return (
        *_about_method(fit),
        *_about_convergence(fit),
        *_about_exactness(design, fit),
        *_about_prior(design, fit),
        *_about_separation(observations, design, fit),
        *_about_variances(design, fit),
        *_about_data(observations, design),
        *_about_alpha(observations.options.alpha),
        *_about_odds_ratios(design, fit),
    )


def _may_have_a_maximum(design: Design, fit: Fit) -> bool:
    """Whether nothing is known that would keep the likelihood from having a maximum."""
    return fit.separation is None and len(unchanging_groups(design)) < design.rows.grouping.count


def _about_method(fit: Fit) -> Iterator[str]:
    if fit.method == "mean-field":
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
    if not fit.quadrature_settled:
        yield (
            f"{fit.nodes} quadrature nodes were not enough to settle the log-likelihood to nine digits; read it, aic "
            "and bic with care."
        )


def _about_exactness(design: Design, fit: Fit) -> Iterator[str]:
    """The variational answer against one Newton step of the exact marginal log posterior, on the user's scale."""
    if fit.method == "ml":
        return
    posterior = "the exact posterior" if fit.nodes is not None else "Laplace's approximation of the posterior"
    if fit.towards_posterior is None:
        yield (
            f"The variational estimates could not be checked against {posterior}, which is not curved downwards "
            'there. Compare them with method "ml".'
        )
        return
    shifts, _ = _on_user_scale(design, fit.towards_posterior)
    names = [
        *design.scale.fixed_names,
        *(f"the log SD of the random {effect_in_words(name)}" for name in design.scale.random_names),
    ]
    moved = [f"{name} by {shift:+.2f}" for name, shift in zip(names, shifts, strict=True) if abs(shift) > LARGEST_SHIFT]
    if moved:
        advice = 'Use method "ml".' if _may_have_a_maximum(design, fit) else "Read the intervals with caution."
        yield (
            f"The variational approximation is not exact here: a step towards {posterior} would move "
            f"{listed(moved)} posterior SDs. {advice}"
        )


def _about_prior(design: Design, fit: Fit) -> Iterator[str]:
    """Coefficients of which the prior says more than a reader would think."""
    if fit.towards_posterior is None or fit.towards_likelihood is None or fit.separation is not None:
        return
    shifts, by_data = _on_user_scale(design, fit.towards_likelihood)
    _, with_prior = _on_user_scale(design, fit.towards_posterior)
    ruled = (np.abs(shifts) > LARGEST_PRIOR_SHIFT) | (by_data > LARGEST_PRIOR_GAIN * with_prior)
    names = [name for name, is_ruled in zip(design.scale.fixed_names, ruled, strict=False) if is_ruled]
    if names:
        advice = ' Method "ml" uses no prior.' if _may_have_a_maximum(design, fit) else ""
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
    log_errors = np.sqrt(np.diag(fit.covariance)[len(fit.coefficients) :])
    for name, sd, log_error in zip(design.scale.random_names, fit.sds, log_errors, strict=True):
        if log_error > LARGEST_LOG_SD_ERROR and sd * log_error > LARGEST_SD_ERROR:
            yield (
                f"The data say next to nothing about the variance of the random {effect_in_words(name)}: the "
                "likelihood is all but flat in it. Leave the effect out, or report the profile interval."
            )
        if sd == 0.0:
            yield (
                f"The variance of the random {effect_in_words(name)} is estimated at zero: the groups differ no more "
                "than chance would have it. The other rows are those of the model without it."
            )


def _about_data(observations: Observations, design: Design) -> Iterator[str]:
    yield from observations.notices
    trials_by_group = design.rows.grouping.sums(design.rows.trials)
    groups = design.rows.grouping.count
    if groups < FEW_GROUPS:
        yield (
            f"There are only {groups} groups, too few to estimate how much groups differ. Read the variance "
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
