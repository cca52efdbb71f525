"""Profile-likelihood intervals of coefficients, odds ratios and SDs on the user's scale, and their table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import chi2

from glmm_binomial.answers.estimates import estimate
from glmm_binomial.answers.limits_beside import Beside, limits_beside
from glmm_binomial.answers.notices import notices
from glmm_binomial.answers.origin import about_origin
from glmm_binomial.answers.overdispersion import about_dispersion, dispersion_of
from glmm_binomial.answers.profile_limits import Profile, about_limits
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.estimation.fitted_model import fitted
from glmm_binomial.estimation.fitting import beyond_precision_refused
from glmm_binomial.estimation.marginal import MOST_EFFECTS
from glmm_binomial.estimation.profile_likelihood import (
    coefficient_limit,
    find_peak,
    first_correlation_limits,
    peak_beginning_with,
    sd_limit,
)
from glmm_binomial.observations.cells import reject
from glmm_binomial.observations.names import parameter_names
from glmm_binomial.observations.wording import effect_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.estimation.profile_likelihood import Peak
    from glmm_binomial.model.design import Design, Scale

ESTIMATES = {
    "fixed_effects": "coefficient",
    "odds_ratios": "odds_ratio",
    "random_effects": "std_dev",
    "correlations": "correlation",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between its limits.

    Attributes
    ----------
    parameter : str
    estimate : float
        Maximum likelihood.
    ci_lower, ci_upper : float or None
        Profile-likelihood limits; None where none was found, about which there is a notice.
    wald_lower, wald_upper : float or None
        From the observed information: symmetric about a coefficient, about the log of an odds ratio and the log of an
        SD. None for an SD of zero, and for a model fitted by "vb".
    posterior_lower, posterior_upper : float or None
        Quantiles of the posterior, for a model fitted by "vb".
    """

    parameter: str
    estimate: float
    ci_lower: float | None
    ci_upper: float | None
    wald_lower: float | None = None
    wald_upper: float | None = None
    posterior_lower: float | None = None
    posterior_upper: float | None = None


@dataclass(frozen=True, slots=True)
class Intervals(Tabular):
    """Intervals at confidence 1 - alpha, on the scale of the user's columns (k fixed and K random effects).

    Attributes
    ----------
    fixed_effects : tuple of k Interval
    odds_ratios : tuple of k Interval
        Exponentials of the coefficients and their limits; infinite where these exceed 709.
    random_effects : tuple of K Interval
        SDs of the random effects.
    correlations : tuple of Interval
        Of correlated effects; Wald's limits are those of Fisher's z.
    alpha : float
    beside : {"wald", "posterior"}
        What the limits beside those of the profile are.
    notices : tuple of str
        What a reader must be warned of.
    """

    fixed_effects: tuple[Interval, ...]
    odds_ratios: tuple[Interval, ...]
    random_effects: tuple[Interval, ...]
    correlations: tuple[Interval, ...]
    alpha: float
    beside: Literal["wald", "posterior"]
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """Seven columns: block, parameter, estimate, profile limits, and the limits beside them."""
        limits = ("ci_lower", "ci_upper", f"{self.beside}_lower", f"{self.beside}_upper")
        rows: list[Sequence[object]] = []
        for block, of_block in (
            ("fixed_effects", self.fixed_effects),
            ("odds_ratios", self.odds_ratios),
            ("random_effects", self.random_effects),
            ("correlations", self.correlations),
        ):
            if of_block:
                rows.append((block, "parameter", ESTIMATES[block], *limits))
            rows += [
                ("", each.parameter, each.estimate, *(getattr(each, name) for name in limits)) for each in of_block
            ]
        return rows + [("warning", notice) for notice in self.notices]


def profile_intervals(model: GLMM, parameter: object = None) -> Intervals:
    """Profile-likelihood intervals of every coefficient, odds ratio and SD, beside Wald's or the posterior's.

    The limits c of a parameter satisfy 2 [max log L - p(c)] = q, with p(c) the largest log L that has the parameter at
    c and q the quantile of chi-square(1) at 1 - alpha. An SD whose interval holds zero has a lower limit of zero.
    It is always the marginal likelihood that is profiled, without a prior: when the model was fitted by another method
    than "ml", the estimates are those of "ml". Beside the profile stand quantiles of the posterior for a model fitted
    by "vb", Wald's limits otherwise.

    Parameters
    ----------
    model : GLMM
    parameter : str, or cells with names, optional
        Of coefficients, and of random effects' SDs; all of them unless given.

    Raises
    ------
    InvalidInputError
        When there is no parameter of a name.
    FitError
        When the likelihood has no maximum, with the text of method "ml".
    """
    design, options = model.design, model.observations.options
    chosen = _chosen(design.scale, parameter)
    fit = fitted(model.observations, design, "ml")
    dispersion = dispersion_of(model.observations, design, fit)
    found = (
        *about_dispersion(dispersion, model.observations),
        *notices(model.observations, design, fit),
        *about_origin(model.observations),
    )
    estimates = estimate(model.observations, design, fit, found=found, dispersion=dispersion)
    with beyond_precision_refused():
        peak, quantile = find_peak(design.rows, fit), float(chi2.isf(options.alpha, 1))
        coefficients = [_coefficient_profile(design.scale, peak, i, quantile) for i in chosen.fixed]
        varying = fit.correlations is None or bool(fit.active.all())
        deviations = [_deviation_profile(design, fit, peak, i, quantile) for i in chosen.random if varying]
        pairs = combinations(chosen.random if fit.correlations is not None and varying else (), 2)
        correlations = [_correlation_profile(design, fit, pair, quantile) for pair in pairs]
    beside = limits_beside(model, estimates)
    fixed_effects = tuple(_coefficient_intervals(estimates, coefficients, beside))
    odds_ratios = tuple(_exponential(interval) for interval in fixed_effects)
    return Intervals(
        fixed_effects=fixed_effects,
        odds_ratios=odds_ratios,
        random_effects=tuple(_deviation_intervals(estimates, deviations, beside)),
        correlations=tuple(_correlation_intervals(estimates, correlations, beside)),
        alpha=options.alpha,
        beside=beside.kind,
        notices=(
            *_about_method(model.fit.method),
            *_about_laplace(len(design.scale.random_names)),
            *estimates.notices,
            *about_limits([*coefficients, *deviations, *(found.profile for found in correlations)]),
            *(() if varying else _about_no_variance()),
            *_about_odds_ratios(odds_ratios),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Positions of the coefficients and of the random effects whose intervals are asked for."""

    fixed: tuple[int, ...]
    random: tuple[int, ...]


def _chosen(scale: Scale, parameter: object) -> _Chosen:
    """The parameters of the names in a cell or a range; a name may stand for a coefficient and for an SD."""
    wanted = parameter_names(parameter)
    known = dict.fromkeys([*scale.fixed_names, *scale.random_names])
    for name in wanted:
        if name not in known:
            reject(f"parameter must be a name of the table. There is no {name}; there are {', '.join(known)}.")
    return _Chosen(
        fixed=tuple(i for i, name in enumerate(scale.fixed_names) if not wanted or name in wanted),
        random=tuple(i for i, name in enumerate(scale.random_names) if not wanted or name in wanted),
    )


def _coefficient_profile(scale: Scale, peak: Peak, position: int, quantile: float) -> Profile:
    combination = scale.back_transform[position]
    return Profile(
        name=scale.fixed_names[position],
        position=position,
        lower=coefficient_limit(peak, combination, side=-1, quantile=quantile),
        upper=coefficient_limit(peak, combination, side=1, quantile=quantile),
        scale=1.0,
    )


def _deviation_profile(design: Design, fit: Fit, peak: Peak, position: int, quantile: float) -> Profile:
    scale, place = design.scale, position
    unit = float(scale.random_back_transform[position, position])
    if fit.correlations is not None:
        peak, units = peak_beginning_with(design.rows, fit, scale.random_back_transform, (position,))
        place, unit = 0, 1.0 / float(units[0])
    return Profile(
        name=f"the SD of the random {effect_in_words(scale.random_names[position])}",
        position=position,
        lower=sd_limit(peak, place, side=-1, quantile=quantile),
        upper=sd_limit(peak, place, side=1, quantile=quantile),
        scale=unit,
    )


@dataclass(frozen=True, slots=True)
class _CorrelationProfile:
    """Limits of the correlation of two random effects, from the profile and from Fisher's z."""

    pair: tuple[int, int]
    profile: Profile
    fisher: tuple[float, float] | None


def _correlation_profile(design: Design, fit: Fit, pair: tuple[int, int], quantile: float) -> _CorrelationProfile:
    peak, _ = peak_beginning_with(design.rows, fit, design.scale.random_back_transform, pair)
    limits = first_correlation_limits(peak, quantile)
    first, second = (design.scale.random_names[effect] for effect in pair)
    lower, upper = limits.profile
    name = f"the correlation of {first} and {second}"
    profile = Profile(name=name, position=pair[1], lower=lower, upper=upper, scale=1.0)
    return _CorrelationProfile(pair=pair, profile=profile, fisher=limits.fisher)


def _about_no_variance() -> Iterator[str]:
    yield (
        "The variances of the correlated random effects are estimated at zero, where SDs and correlations have no "
        "profile of their own: no limits are given of them."
    )


def _coefficient_intervals(estimates: Estimates, profiles: list[Profile], beside: Beside) -> Iterator[Interval]:
    for profile in profiles:
        i = profile.position
        coefficient = float(estimates.coefficients[i])
        lower, upper = profile.limits_about(coefficient)
        yield Interval(
            parameter=estimates.fixed_names[i],
            estimate=coefficient,
            ci_lower=lower,
            ci_upper=upper,
            **beside.named(beside.fixed[i]),
        )


def _exponential(interval: Interval) -> Interval:
    def exponential(value: float | None) -> float | None:
        with np.errstate(over="ignore"):
            return None if value is None else float(np.exp(value))

    with np.errstate(over="ignore"):
        odds_ratio = float(np.exp(interval.estimate))
    return Interval(
        parameter=interval.parameter,
        estimate=odds_ratio,
        ci_lower=exponential(interval.ci_lower),
        ci_upper=exponential(interval.ci_upper),
        wald_lower=exponential(interval.wald_lower),
        wald_upper=exponential(interval.wald_upper),
        posterior_lower=exponential(interval.posterior_lower),
        posterior_upper=exponential(interval.posterior_upper),
    )


def _correlation_intervals(
    estimates: Estimates, found: list[_CorrelationProfile], beside: Beside
) -> Iterator[Interval]:
    for each in found:
        first, second = each.pair
        correlation = float(estimates.correlations[second, first]) if estimates.correlations is not None else math.nan
        lower, upper = each.profile.limits_about(correlation)
        limits = each.fisher if beside.kind == "wald" else beside.correlations[each.pair]
        yield Interval(
            parameter=f"{estimates.random_names[first]}, {estimates.random_names[second]}",
            estimate=correlation,
            ci_lower=lower,
            ci_upper=upper,
            **beside.named(limits),
        )


def _deviation_intervals(estimates: Estimates, profiles: list[Profile], beside: Beside) -> Iterator[Interval]:
    for profile in profiles:
        i = profile.position
        std_dev = float(estimates.std_devs[i])
        lower, upper = profile.limits_about(std_dev)
        yield Interval(
            parameter=estimates.random_names[i],
            estimate=std_dev,
            ci_lower=lower,
            ci_upper=upper,
            **beside.named(beside.random[i]),
        )


def _about_method(method: str) -> Iterator[str]:
    if method != "ml":
        yield (
            f"A profile follows the likelihood alone, without the prior of method {method}: estimates, ci_lower and "
            f'ci_upper of this table are those of method "ml"{_posterior_beside(method)}.'
        )


def _posterior_beside(method: str) -> str:
    return "; posterior_lower and posterior_upper are quantiles of the posterior" if method == "vb" else ""


def _about_laplace(effects: int) -> Iterator[str]:
    if effects > MOST_EFFECTS:
        yield (
            f"With {effects} random effects per group the profiles are those of Laplace's approximation of the "
            "likelihood."
        )


def _about_odds_ratios(odds_ratios: tuple[Interval, ...]) -> Iterator[str]:
    for interval in odds_ratios:
        if math.isfinite(interval.estimate) and interval.ci_upper is not None and math.isinf(interval.ci_upper):
            yield (
                f"The upper limit of the odds ratio of {interval.parameter} is too large to be shown: one unit of the "
                "column is a very large step. Measure it in smaller units."
            )
