"""A fitted model: the data, their design and the fit, from which every table and every further question starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glmm_binomial.estimation.fitting import FitError, NoMaximumError, fit_design
from glmm_binomial.estimation.no_maximum import why_no_maximum
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import observe

if TYPE_CHECKING:
    from glmm_binomial.estimation.fitting import Fit
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Observations


@dataclass(frozen=True, slots=True)
class FittedModel:
    """What was observed, the design made of it, and the fit.

    Attributes
    ----------
    observations : Observations
    design : Design
    fit : Fit
    """

    observations: Observations
    design: Design
    fit: Fit


def fit_model(
    y: object,
    x: object,
    groups: object,
    *,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
) -> FittedModel:
    """Check the data, build the design and fit; the arguments are those of `fit`.

    Raises
    ------
    InvalidInputError
        When the data cannot be used.
    FitError
        When no estimate can be given.
    """
    observations = observe(
        y,
        x,
        groups,
        x_random=x_random,
        fit_intercept=fit_intercept,
        alpha=alpha,
        method=method,
        trials=trials,
    )
    design = build_design(observations)
    try:
        found = fit_design(design, observations.options.method)
    except NoMaximumError as problem:
        raise FitError(why_no_maximum(observations, design, problem.separation)) from problem
    return FittedModel(observations=observations, design=design, fit=found)
