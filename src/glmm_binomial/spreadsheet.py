"""The functions as a spreadsheet sees them: cells in, a table of cells or a message out. They never raise."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from glmm_binomial.api import fit
from glmm_binomial.fitting import FitError
from glmm_binomial.observations import InvalidInputError
from glmm_binomial.table import Row, table

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


def glmm_binomial(
    y: object,
    x: object,
    groups: object,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
) -> list[Row] | str:
    """Fit as `fit` does and return the table of the model.

    Parameters
    ----------
    y, x, groups, x_random, fit_intercept, alpha, method, trials
        As in `fit`.

    Returns
    -------
    list of rows of nine cells, or str
        Text, numbers, booleans and None for padding; or "Invalid input: ..." or "Error fitting GLMM: ...".
    """
    return _answer(lambda: table(fit(y, x, groups, x_random, fit_intercept, alpha, method, trials)))


def _answer(question: Callable[[], list[Row]]) -> list[Row] | str:
    """The rows, or what a person should read instead."""
    try:
        return question()
    except InvalidInputError as problem:
        return str(problem)
    except FitError as problem:
        return f"Error fitting GLMM: {problem}"
    except Exception as problem:
        logger.exception("unexpected error")
        return f"Error fitting GLMM: unexpected {type(problem).__name__}: {problem}"
