"""Binomial generalized linear mixed models for Excel and Python.

Importing the package is quick: numpy, scipy and statsmodels are imported when a name is first used.

The house, from cells to the table and back to cells; a folder imports only from those above it:

    observations/   cells -> Observations: every check and every message, once
    formula/        a table and a formula -> coded columns
    model/          what is fitted, knowing no method: design, grouping, effects, logistic density, quadrature
    estimation/     how: starts, variational fit, marginal likelihood, Newton's method, profiles -> FittedModel
    answers/        one file for each question, named as its worksheet function; estimates and notices beside them
    certified/      data sets with certified values, and the self-test
    worksheet/      cells in, cells out, never raising
    excel/          PyXLL: registration, entry points, ribbon
    workbook/       recalculates .xlsx files without Excel; imports none of the others

interruption (stopping a long fit) and extras (what to install when a package is missing) serve all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glmm_binomial.answers.check import check
    from glmm_binomial.answers.confint import profile_intervals
    from glmm_binomial.answers.design import design_columns
    from glmm_binomial.answers.estimates import Estimates, estimates_of, fit
    from glmm_binomial.answers.plot import check_figure
    from glmm_binomial.answers.predict import predict
    from glmm_binomial.answers.ranef import random_effects
    from glmm_binomial.answers.simulate import simulate
    from glmm_binomial.estimation.fitted_model import FittedModel, fit_model
    from glmm_binomial.estimation.fitting import FitError
    from glmm_binomial.interruption import StoppedError, stopping_when
    from glmm_binomial.observations import InvalidInputError
    from glmm_binomial.worksheet.functions import (
        glmm_binomial,
        glmm_binomial_check,
        glmm_binomial_confint,
        glmm_binomial_design,
        glmm_binomial_plot,
        glmm_binomial_predict,
        glmm_binomial_ranef,
        glmm_binomial_selftest,
        glmm_binomial_simulate,
    )

__version__ = "0.1.0"

_HOMES = {
    "answers.predict": ("predict",),
    "answers.check": ("check",),
    "answers.design": ("design_columns",),
    "answers.estimates": ("Estimates", "estimates_of", "fit"),
    "answers.plot": ("check_figure",),
    "estimation.fitting": ("FitError",),
    "interruption": ("StoppedError", "stopping_when"),
    "answers.confint": ("profile_intervals",),
    "estimation.fitted_model": ("FittedModel", "fit_model"),
    "observations": ("InvalidInputError",),
    "answers.ranef": ("random_effects",),
    "answers.simulate": ("simulate",),
    "worksheet.functions": (
        "glmm_binomial",
        "glmm_binomial_check",
        "glmm_binomial_confint",
        "glmm_binomial_design",
        "glmm_binomial_plot",
        "glmm_binomial_predict",
        "glmm_binomial_ranef",
        "glmm_binomial_selftest",
        "glmm_binomial_simulate",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Estimates",
    "FitError",
    "FittedModel",
    "InvalidInputError",
    "StoppedError",
    "check",
    "check_figure",
    "design_columns",
    "estimates_of",
    "fit",
    "fit_model",
    "glmm_binomial",
    "glmm_binomial_check",
    "glmm_binomial_confint",
    "glmm_binomial_design",
    "glmm_binomial_plot",
    "glmm_binomial_predict",
    "glmm_binomial_ranef",
    "glmm_binomial_selftest",
    "glmm_binomial_simulate",
    "predict",
    "profile_intervals",
    "random_effects",
    "simulate",
    "stopping_when",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
