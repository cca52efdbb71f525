"""The stages in one line: cells > observations > design > fit > estimates and notices > table."""

from __future__ import annotations

import logging

from glmm_binomial.design import build_design
from glmm_binomial.estimates import Estimates, estimate
from glmm_binomial.fitting import FitError, fit_design
from glmm_binomial.notices import notices
from glmm_binomial.observations import InvalidInputError, observe
from glmm_binomial.table import Row, table

logger = logging.getLogger(__name__)


def fit(
    y: object,
    x: object,
    groups: object,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
) -> Estimates:
    """Fit a binomial generalized linear mixed model.

    Row i of group g: logit p_i = x_i'b + z_i'u_g with z_i = (1, x_random_i) and independent u_gk ~ N(0, sd_k^2).

    Parameters
    ----------
    y : (N,) array or list of N one-cell rows
        0 or 1; whole-number successes when `trials` is given.
    x : (N, p) array or list of N rows
        Numbers. A first row of text is a header row, which every other range must then have too.
    groups : (N,) array or list of N one-cell rows
        Labels, whole numbers or text.
    x_random : (N, q) array or list of N rows, optional
        Columns with a random slope. A lone boolean here is taken for `fit_intercept`.
    fit_intercept : bool
    alpha : float
        One minus the confidence level of the intervals.
    method : {"vb", "ml", "mean-field"}
        Variational estimates with linear-response standard errors, maximum likelihood, or statsmodels' own SDs.
    trials : (N,) array or list of N one-cell rows, optional

    Returns
    -------
    Estimates

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
    found = fit_design(design, observations.options.method)
    return estimate(observations, design, found, notices(observations, design, found))


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
    """Fit as `fit` does and return the table, or the text of an error; never raises.

    Parameters
    ----------
    y, x, groups, x_random, fit_intercept, alpha, method, trials
        As in `fit`.

    Returns
    -------
    list of rows of nine cells, or str
        Text, numbers, booleans and None for padding; or "Invalid input: ..." or "Error fitting GLMM: ...".
    """
    try:
        return table(fit(y, x, groups, x_random, fit_intercept, alpha, method, trials))
    except InvalidInputError as problem:
        return str(problem)
    except FitError as problem:
        return f"Error fitting GLMM: {problem}"
    except Exception as problem:
        logger.exception("unexpected error")
        return f"Error fitting GLMM: unexpected {type(problem).__name__}: {problem}"
