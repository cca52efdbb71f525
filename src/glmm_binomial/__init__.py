"""Binomial generalized linear mixed models for Excel and Python.

Importing the package is quick: numpy, scipy and statsmodels are imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glmm_binomial.api import estimates_of, fit, predict
    from glmm_binomial.checking import check
    from glmm_binomial.coding import design_columns
    from glmm_binomial.estimates import Estimates
    from glmm_binomial.figure import check_figure
    from glmm_binomial.fitting import FitError
    from glmm_binomial.group_effects import random_effects
    from glmm_binomial.interruption import StoppedError, stopping_when
    from glmm_binomial.intervals import profile_intervals
    from glmm_binomial.model import FittedModel, fit_model
    from glmm_binomial.observations import InvalidInputError
    from glmm_binomial.simulation import simulate
    from glmm_binomial.spreadsheet import (
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
    "api": ("estimates_of", "fit", "predict"),
    "checking": ("check",),
    "coding": ("design_columns",),
    "estimates": ("Estimates",),
    "figure": ("check_figure",),
    "fitting": ("FitError",),
    "interruption": ("StoppedError", "stopping_when"),
    "intervals": ("profile_intervals",),
    "model": ("FittedModel", "fit_model"),
    "observations": ("InvalidInputError",),
    "group_effects": ("random_effects",),
    "simulation": ("simulate",),
    "spreadsheet": (
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
