"""The digits that another program is to print, as lines of a comment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import xlogy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.answers.report_styles.refit import Refit

DIGITS: Final = 4
"""Significant ones of a standard error; an estimate has the same decimals."""

LONGEST: Final = 1e9


@dataclass(frozen=True, slots=True)
class Promise:
    """What a program prints.

    Attributes
    ----------
    fixed : sequence of k str
        Its names of the coefficients.
    order : sequence of k int
        In which it prints them.
    effects : sequence of str
        Its names of the random effects that vary.
    variances : bool
        Whether it prints variances and covariances, not SDs and correlations.
    likelihood : str
        What it calls the log-likelihood, or minus twice of it.
    log_likelihood : float
    digits : int
        Significant ones of a standard error.
    """

    fixed: Sequence[str]
    order: Sequence[int]
    effects: Sequence[str]
    variances: bool
    likelihood: str
    log_likelihood: float
    digits: int = DIGITS


def promised(refit: Refit, promise: Promise) -> Iterator[str]:
    """The lines: coefficients with standard errors, the random effects, and the log-likelihood."""
    estimates = refit.maximum
    if estimates is None:
        return
    numbers = [
        with_its_error(float(estimates.coefficients[place]), float(estimates.std_errors[place]), promise.digits)
        for place in promise.order
    ]
    names = [promise.fixed[place] for place in promise.order]
    width = max(map(len, names))
    yield "To expect, give or take one in the last digit: estimate, standard error"
    for name, (estimate, error) in zip(names, numbers, strict=True):
        yield f"  {name:<{width}}  {estimate:>12}  {error:>10}"
    yield from _random(refit, estimates, promise)
    yield f"  {promise.likelihood}: {promise.log_likelihood:.3f}"
    yield f"  {estimates.observations} rows, {_groups(refit, estimates)}"


def _groups(refit: Refit, estimates: Estimates) -> str:
    if not estimates.kinds:
        return f"{len(estimates.group_labels)} groups"
    kinds = [estimates.kinds[place] for place in refit.effects]
    return ", ".join(f"{kind.count} groups of {kind.name}" for kind in kinds)


def with_its_error(estimate: float, error: float, digits: int) -> tuple[str, str]:
    """An estimate and its standard error with as many decimals as show so many digits of the error."""
    decimals = max(0, digits - 1 - math.floor(math.log10(error))) if error > 0.0 else DIGITS
    if decimals > 2 * DIGITS or max(abs(estimate), error) > LONGEST:
        return f"{estimate:.{digits}e}", f"{error:.{digits - 1}e}"
    return f"{estimate:.{decimals}f}", f"{error:.{decimals}f}"


def _random(refit: Refit, estimates: Estimates, promise: Promise) -> Iterator[str]:
    digits, places = promise.digits, refit.effects
    for name, place in zip(promise.effects, places, strict=True):
        what, values = ("variance", estimates.variances) if promise.variances else ("SD", estimates.std_devs)
        yield f"  {what} of {name}: {values[place]:.{digits}g}"
    if refit.is_correlated and estimates.correlations is not None:
        for first, second in combinations(range(len(places)), 2):
            correlation = float(estimates.correlations[places[second], places[first]])
            sds = float(estimates.std_devs[places[first]] * estimates.std_devs[places[second]])
            what, value = ("covariance", correlation * sds) if promise.variances else ("correlation", correlation)
            yield f"  {what} of {promise.effects[first]} and {promise.effects[second]}: {value:.{digits}g}"


def saturated_log_likelihood(refit: Refit) -> float:
    """Of the model that fits every row exactly, which lme4 leaves out of the log-likelihood of counts by quadrature."""
    observations = refit.model.observations
    y, n = observations.successes, observations.trials
    return float(np.sum(xlogy(y, y / n) + xlogy(n - y, (n - y) / n))) + refit.model.design.log_binomial
