"""The Python interface: arguments as in a worksheet, frozen results instead of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glmm_binomial import prediction
from glmm_binomial.estimates import Estimates, estimate
from glmm_binomial.model import FittedModel, fit_model
from glmm_binomial.notices import notices
from glmm_binomial.observations.new_rows import read_new_rows

if TYPE_CHECKING:
    from glmm_binomial.prediction import Predictions


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
    return estimates_of(
        fit_model(
            y,
            x,
            groups,
            x_random=x_random,
            fit_intercept=fit_intercept,
            alpha=alpha,
            method=method,
            trials=trials,
        )
    )


def estimates_of(model: FittedModel) -> Estimates:
    """The estimates of a fitted model on the user's scale, with the warnings that belong to them."""
    found = notices(model.observations, model.design, model.fit)
    return estimate(model.observations, model.design, model.fit, found)


def predict(
    model: FittedModel, new_x: object, *, new_groups: object = None, new_x_random: object = None
) -> Predictions:
    """Predict the probability of success for new rows; see `glmm_binomial.prediction.predict`.

    Parameters
    ----------
    model : FittedModel
        From `fit_model`.
    new_x : (M, p) array or list of M rows
        The columns of x, with a header row when x had one.
    new_groups : (M,) array or list of M one-cell rows, optional
        Labels; the effects of a label that is not among the groups of the fit are taken as zero.
    new_x_random : (M, q) array or list of M rows
        The columns of x_random, when the model has random slopes.

    Raises
    ------
    InvalidInputError
        When the new rows cannot be used.
    """
    new = read_new_rows(model.observations, new_x, new_groups=new_groups, new_x_random=new_x_random)
    return prediction.predict(model, new)
