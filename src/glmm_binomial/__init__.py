"""Binomial generalized linear mixed models for Excel and Python.

Importing the package is quick: numpy, scipy and statsmodels are imported when a name is first used.

The house, from cells to the table and back to cells; a folder imports only from those above it:

    observations/   cells -> Observations: every check and every message, once
    formula/        a table and lme4's notation -> Observations; the coding of its columns, remembered for new rows
    model/          what is fitted, knowing no method: rows and their scale, grouping, effects, logistic, quadrature
    estimation/     how: starts, variational fit, likelihood, exact posterior, Newton's method, profiles -> GLMM
    answers/        one file for each question, named as its worksheet function; estimates and notices beside them
    certified/      data sets with certified values, and the self-test
    worksheet/      the catalogue of worksheet functions; models in cells; cells in, cells out, never raising
    excel/          PyXLL: registration, entry points, ribbon
    writer/         writes .xlsx files with formulas, what they give, and charts
    command_line/   glmm-binomial: a file for each command
    workbook/       recalculates .xlsx files without Excel; imports none of the others

errors (what is told in place of an answer), frozen (arrays nobody can write into), interruption (stopping a long fit)
and extras (what to install when a package is missing) serve all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glmm_binomial.worksheet.catalogue import BY_PYTHON_NAME

if TYPE_CHECKING:
    from glmm_binomial.answers.check import check
    from glmm_binomial.answers.compare import compare
    from glmm_binomial.answers.confint import profile_intervals
    from glmm_binomial.answers.contrast import contrast
    from glmm_binomial.answers.design import design
    from glmm_binomial.answers.estimates import Estimates, estimates_of, fit
    from glmm_binomial.answers.generate import generate
    from glmm_binomial.answers.influence import influence
    from glmm_binomial.answers.margins import margins
    from glmm_binomial.answers.plot import plot
    from glmm_binomial.answers.plots.check import check_figure
    from glmm_binomial.answers.power import power
    from glmm_binomial.answers.predict import predict
    from glmm_binomial.answers.quality import quality
    from glmm_binomial.answers.ranef import random_effects
    from glmm_binomial.answers.report import report
    from glmm_binomial.answers.residuals import residuals
    from glmm_binomial.answers.simulate import simulate
    from glmm_binomial.answers.table import table
    from glmm_binomial.answers.terms import terms
    from glmm_binomial.errors import FitError, InvalidInputError
    from glmm_binomial.estimation.fitted_model import GLMM, fit_formula, fit_model
    from glmm_binomial.interruption import StoppedError, stopping_when

__version__ = "0.1.0"

_HOMES = {
    "answers.check": ("check",),
    "answers.compare": ("compare",),
    "answers.confint": ("profile_intervals",),
    "answers.contrast": ("contrast",),
    "answers.estimates": ("Estimates", "estimates_of", "fit"),
    "answers.influence": ("influence",),
    "answers.margins": ("margins",),
    "answers.plot": ("plot",),
    "answers.plots.check": ("check_figure",),
    "answers.power": ("power",),
    "answers.predict": ("predict",),
    "answers.quality": ("quality",),
    "answers.generate": ("generate",),
    "answers.ranef": ("random_effects",),
    "answers.report": ("report",),
    "answers.residuals": ("residuals",),
    "answers.simulate": ("simulate",),
    "answers.table": ("table",),
    "answers.terms": ("terms",),
    "errors": ("FitError", "InvalidInputError"),
    "estimation.fitted_model": ("GLMM", "fit_formula", "fit_model"),
    "answers.design": ("design",),
    "interruption": ("StoppedError", "stopping_when"),
    # the worksheet functions, by their names in lower case
    "worksheet.functions": tuple(BY_PYTHON_NAME),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604  the names of the catalogue are text
    "GLMM",
    "Estimates",
    "FitError",
    "InvalidInputError",
    "StoppedError",
    "check",
    "check_figure",
    "contrast",
    "compare",
    "design",
    "estimates_of",
    "fit",
    "fit_formula",
    "fit_model",
    "generate",
    "influence",
    "margins",
    "plot",
    "power",
    "predict",
    "profile_intervals",
    "quality",
    "random_effects",
    "report",
    "residuals",
    "simulate",
    "stopping_when",
    "table",
    "terms",
    *BY_PYTHON_NAME,
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
