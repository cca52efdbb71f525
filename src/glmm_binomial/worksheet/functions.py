"""The functions as a spreadsheet sees them: cells in, a table of cells or a message out. They never raise."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from glmm_binomial.answers.check import check, check_table
from glmm_binomial.answers.confint import interval_table, profile_intervals
from glmm_binomial.answers.design import design_columns
from glmm_binomial.answers.estimates import estimates_of
from glmm_binomial.answers.plot import check_figure, check_sentence
from glmm_binomial.answers.predict import predict, prediction_table
from glmm_binomial.answers.ranef import random_effects, random_effects_table
from glmm_binomial.answers.simulate import simulate, simulation_table
from glmm_binomial.answers.table import table
from glmm_binomial.certified.selftest import selftest, selftest_table
from glmm_binomial.estimation.fitted_model import FittedModel, fit_model
from glmm_binomial.estimation.fitting import FitError
from glmm_binomial.extras import MissingPackageError
from glmm_binomial.interruption import StoppedError
from glmm_binomial.observations import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

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
) -> Sequence[Sequence[object]] | str:
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
    return _answer(
        lambda model: table(estimates_of(model)), y, x, groups, x_random, fit_intercept, alpha, method, trials
    )


def glmm_binomial_design(data: object, formula: object) -> Sequence[Sequence[object]] | str:
    """Code the columns of a table by a formula, ready to be x; see `design_columns`."""
    return _caught(lambda: design_columns(data, formula))


def glmm_binomial_predict(
    y: object,
    x: object,
    groups: object,
    new_x: object,
    new_groups: object = None,
    x_random: object = None,
    new_x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
) -> Sequence[Sequence[object]] | str:
    """Predict probabilities for new rows: a header, then one row per row of new_x; see `predict`."""
    return _answer(
        lambda model: prediction_table(predict(model, new_x, new_groups=new_groups, new_x_random=new_x_random)),
        y,
        x,
        groups,
        x_random,
        fit_intercept,
        alpha,
        method,
        trials,
    )


def glmm_binomial_ranef(
    y: object,
    x: object,
    groups: object,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
) -> Sequence[Sequence[object]] | str:
    """List every group's random effects under a header; see `random_effects`."""
    return _answer(
        lambda model: random_effects_table(random_effects(model)),
        y,
        x,
        groups,
        x_random,
        fit_intercept,
        alpha,
        method,
        trials,
    )


def glmm_binomial_confint(
    y: object,
    x: object,
    groups: object,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
) -> Sequence[Sequence[object]] | str:
    """Profile-likelihood intervals beside Wald's; see `profile_intervals`."""
    return _answer(
        lambda model: interval_table(profile_intervals(model)),
        y,
        x,
        groups,
        x_random,
        fit_intercept,
        alpha,
        method,
        trials,
    )


def glmm_binomial_simulate(
    y: object,
    x: object,
    groups: object,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
    n_sim: object = None,
    seed: object = None,
) -> Sequence[Sequence[object]] | str:
    """Simulate responses, one column per simulation under a header; see `simulate`."""
    return _answer(
        lambda model: simulation_table(simulate(model, n_sim=n_sim, seed=seed)),
        y,
        x,
        groups,
        x_random,
        fit_intercept,
        alpha,
        method,
        trials,
    )


def glmm_binomial_check(
    y: object,
    x: object,
    groups: object,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
    n_sim: object = None,
    seed: object = None,
) -> Sequence[Sequence[object]] | str:
    """Compare observed with simulated proportions, one row per pattern under a header; see `check`."""
    return _answer(
        lambda model: check_table(check(model, n_sim=n_sim, seed=seed)),
        y,
        x,
        groups,
        x_random,
        fit_intercept,
        alpha,
        method,
        trials,
    )


def glmm_binomial_plot(
    y: object,
    x: object,
    groups: object,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
    n_sim: object = None,
    seed: object = None,
    *,
    show: Callable[[Figure, str], None],
) -> Sequence[Sequence[object]] | str:
    """Draw the check of `glmm_binomial_check`, hand it to `show` with an alternative text, and sum it up.

    Parameters
    ----------
    show : callable
        Takes the figure and the text.
    """

    def drawn(model: FittedModel) -> Sequence[Sequence[object]]:
        found = check(model, n_sim=n_sim, seed=seed)
        sentence = check_sentence(found)
        show(check_figure(found), sentence)
        return [[sentence]]

    return _answer(drawn, y, x, groups, x_random, fit_intercept, alpha, method, trials)


def glmm_binomial_selftest() -> Sequence[Sequence[object]] | str:
    """Fit the certified data sets and show how many digits agree; see `selftest`."""
    return _caught(lambda: selftest_table(selftest()))


def _answer(
    question: Callable[[FittedModel], Sequence[Sequence[object]]],
    y: object,
    x: object,
    groups: object,
    x_random: object,
    fit_intercept: object,
    alpha: object,
    method: object,
    trials: object,
) -> Sequence[Sequence[object]] | str:
    """What a fitted model says, or what a person should read instead."""
    return _caught(
        lambda: question(
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
    )


def _caught(question: Callable[[], Sequence[Sequence[object]]]) -> Sequence[Sequence[object]] | str:
    """The rows, or the text of the error that came instead."""
    try:
        return question()
    except InvalidInputError as problem:
        return str(problem)
    except (FitError, MissingPackageError) as problem:
        return f"Error fitting GLMM: {problem}"
    except StoppedError:
        return "Error fitting GLMM: stopped on request before it was finished. Recalculate the cell to start again."
    except Exception as problem:
        logger.exception("unexpected error")
        return f"Error fitting GLMM: unexpected {type(problem).__name__}: {problem}"
