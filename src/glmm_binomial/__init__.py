"""Binomial generalized linear mixed models for Excel and Python.

Importing the package is quick: numpy, scipy and statsmodels are imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glmm_binomial.api import fit
    from glmm_binomial.estimates import Estimates
    from glmm_binomial.fitting import FitError
    from glmm_binomial.observations import InvalidInputError
    from glmm_binomial.spreadsheet import glmm_binomial

__version__ = "0.1.0"
__all__ = ["Estimates", "FitError", "InvalidInputError", "fit", "glmm_binomial"]

_HOMES = {
    "Estimates": "estimates",
    "FitError": "fitting",
    "InvalidInputError": "observations",
    "fit": "api",
    "glmm_binomial": "spreadsheet",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
