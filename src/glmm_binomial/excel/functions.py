"""The worksheet functions, as PyXLL registers them with Excel: the only file that imports pyxll.

A worksheet function holds no logic: it names what Excel hands over, calls one function of the core by its name and
spills what comes back. PyXLL imports this module while Excel starts, so it imports nothing heavy.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from pyxll import get_config, plot, schedule_call, xl_app, xl_arg, xl_func, xlAbort, xlcAlert

from glmm_binomial.excel.arguments import ARGUMENT_HELP
from glmm_binomial.excel.edge import Cells, spill
from glmm_binomial.excel.example import write_example

__all__ = ["WORKSHEET_FUNCTIONS", "get_config", "glmm_binomial", "insert_example"]

# `Any` and not `object`: to PyXLL, which may read annotations, `object` is the handle of a cached object.
Range: TypeAlias = list[list[Any]]
Function = TypeVar("Function", bound=Callable[..., Cells])

CATEGORY = "GLMM"

OUTSIDE_EXCEL = "outside of Excel"
"""In the exception that pyxll raises where there is no Excel, as when a workbook is calculated without it."""

WORKSHEET_FUNCTIONS: dict[str, Callable[..., Cells]] = {}
"""The functions a formula can call, by the name it calls them by, exactly as Excel calls them."""

_logger = logging.getLogger(__name__)


def worksheet_function(signature: str, *, name: str, thread_safe: bool = True) -> Callable[[Function], Function]:
    """Register a function with Excel: its name, category and options, and the help in the function wizard.

    The help of the function is its docstring, put on one line; that of each argument stands in ``ARGUMENT_HELP``.
    An argument with a default is shown in brackets, as Excel shows the optional arguments of its own functions.

    Parameters
    ----------
    signature : str
        PyXLL's signature, ``"type name, ...: type"``. Ranges are ``var[][]`` and never ``float[][]``, which would read
        a blank cell as 0 and fail on text before the core can say which cell it is in.
    name : str
        The name formulas call the function by.
    thread_safe : bool
        False for a function that does something to the sheet, which Excel allows one thread only.
    """

    def register(function: Function) -> Function:
        function.__doc__ = " ".join((inspect.getdoc(function) or "").split())
        # A wrapper would hide the arguments from PyXLL, so the function itself is registered.
        registered: Function = xl_func(
            signature,
            name=name,
            category=CATEGORY,
            auto_resize=True,
            thread_safe=thread_safe,
            disable_function_wizard_calc=True,
        )(_with_argument_help(function))
        WORKSHEET_FUNCTIONS[name] = registered
        return registered

    return register


def _with_argument_help(function: Function) -> Function:
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters:
        required = parameter.default is parameter.empty
        # Excel cuts up to two characters off the help of the last argument.
        padding = "  " if parameter is parameters[-1] else ""
        function = xl_arg(
            parameter.name,
            _label=parameter.name if required else f"[{parameter.name}]",
            _description=ARGUMENT_HELP[parameter.name] + padding,
        )(function)
    return function


def _spill(core_name: str, *arguments: Any, **options: Any) -> Cells:
    """Spill what a function of the core answers, unless the user presses Esc while it computes."""
    return spill(core_name, *arguments, stop_requested=_escape_pressed, **options)


def _escape_pressed() -> bool:
    try:
        return bool(xlAbort())
    except Exception as error:
        if OUTSIDE_EXCEL in str(error):
            return False
        raise


@worksheet_function(
    "var[][] y, var[][] x, var[][] groups, var[][] x_random, var fit_intercept, var alpha, var method, "
    "var[][] trials: var[][]",
    name="GLMM_BINOMIAL",
)
def glmm_binomial(
    y: Range,
    x: Range,
    groups: Range,
    x_random: Range | None = None,
    fit_intercept: Any = True,
    alpha: Any = 0.05,
    method: Any = "vb",
    trials: Range | None = None,
) -> Cells:
    """Fit a mixed-effects logistic regression to 0/1 outcomes of repeated or clustered observations.

    Spills a table: coefficients, standard errors, p-values, intervals, odds ratios, variance components,
    log-likelihood, AIC and BIC.
    """
    return _spill("glmm_binomial", y, x, groups, x_random, fit_intercept, alpha, method, trials)


@worksheet_function("var[][] data, var formula: var[][]", name="GLMM_BINOMIAL_DESIGN")
def glmm_binomial_design(data: Range, formula: Any) -> Cells:
    """Code columns of numbers and text by a formula, ready to be the x of GLMM_BINOMIAL and its companions.

    Spills a header row and one row per row of data.
    """
    return _spill("glmm_binomial_design", data, formula)


@worksheet_function(
    "var[][] y, var[][] x, var[][] groups, var[][] new_x, var[][] new_groups, var[][] x_random, "
    "var[][] new_x_random, var fit_intercept, var alpha, var method, var[][] trials: var[][]",
    name="GLMM_BINOMIAL_PREDICT",
)
def glmm_binomial_predict(
    y: Range,
    x: Range,
    groups: Range,
    new_x: Range,
    new_groups: Range | None = None,
    x_random: Range | None = None,
    new_x_random: Range | None = None,
    fit_intercept: Any = True,
    alpha: Any = 0.05,
    method: Any = "vb",
    trials: Range | None = None,
) -> Cells:
    """Predict probabilities for new rows from a mixed-effects logistic regression.

    Spills a row for each new row, with the probability, its interval, and the average over the population of groups.
    """
    return _spill(
        "glmm_binomial_predict",
        y,
        x,
        groups,
        new_x,
        new_groups,
        x_random,
        new_x_random,
        fit_intercept,
        alpha,
        method,
        trials,
    )


@worksheet_function(
    "var[][] y, var[][] x, var[][] groups, var[][] x_random, var fit_intercept, var alpha, var method, "
    "var[][] trials: var[][]",
    name="GLMM_BINOMIAL_RANEF",
)
def glmm_binomial_ranef(
    y: Range,
    x: Range,
    groups: Range,
    x_random: Range | None = None,
    fit_intercept: Any = True,
    alpha: Any = 0.05,
    method: Any = "vb",
    trials: Range | None = None,
) -> Cells:
    """List the random effects of every group of a mixed-effects logistic regression.

    Spills one row per group and effect: estimate, standard deviation and interval.
    """
    return _spill("glmm_binomial_ranef", y, x, groups, x_random, fit_intercept, alpha, method, trials)


@worksheet_function(
    "var[][] y, var[][] x, var[][] groups, var[][] x_random, var fit_intercept, var alpha, var method, "
    "var[][] trials: var[][]",
    name="GLMM_BINOMIAL_CONFINT",
)
def glmm_binomial_confint(
    y: Range,
    x: Range,
    groups: Range,
    x_random: Range | None = None,
    fit_intercept: Any = True,
    alpha: Any = 0.05,
    method: Any = "vb",
    trials: Range | None = None,
) -> Cells:
    """Compute profile-likelihood intervals of coefficients, odds ratios and SDs of a mixed-effects logistic regression.

    They stand beside Wald's intervals.
    """
    return _spill("glmm_binomial_confint", y, x, groups, x_random, fit_intercept, alpha, method, trials)


@worksheet_function(
    "var[][] y, var[][] x, var[][] groups, var[][] x_random, var fit_intercept, var alpha, var method, "
    "var[][] trials, var n_sim, var seed: var[][]",
    name="GLMM_BINOMIAL_SIMULATE",
)
def glmm_binomial_simulate(
    y: Range,
    x: Range,
    groups: Range,
    x_random: Range | None = None,
    fit_intercept: Any = True,
    alpha: Any = 0.05,
    method: Any = "vb",
    trials: Range | None = None,
    n_sim: Any = None,
    seed: Any = None,
) -> Cells:
    """Simulate new outcomes from a mixed-effects logistic regression, with new random effects.

    Spills one column per simulation under a header row.
    """
    return _spill("glmm_binomial_simulate", y, x, groups, x_random, fit_intercept, alpha, method, trials, n_sim, seed)


@worksheet_function(
    "var[][] y, var[][] x, var[][] groups, var[][] x_random, var fit_intercept, var alpha, var method, "
    "var[][] trials, var n_sim, var seed: var[][]",
    name="GLMM_BINOMIAL_CHECK",
)
def glmm_binomial_check(
    y: Range,
    x: Range,
    groups: Range,
    x_random: Range | None = None,
    fit_intercept: Any = True,
    alpha: Any = 0.05,
    method: Any = "vb",
    trials: Range | None = None,
    n_sim: Any = None,
    seed: Any = None,
) -> Cells:
    """Check whether a mixed-effects logistic regression simulates proportions like those observed.

    Spills one row per distinct row of x, or per bin of fitted probability when these are many.
    """
    return _spill("glmm_binomial_check", y, x, groups, x_random, fit_intercept, alpha, method, trials, n_sim, seed)


@worksheet_function(
    "var[][] y, var[][] x, var[][] groups, var[][] x_random, var fit_intercept, var alpha, var method, "
    "var[][] trials, var n_sim, var seed: var[][]",
    name="GLMM_BINOMIAL_PLOT",
    thread_safe=False,
)
def glmm_binomial_plot(
    y: Range,
    x: Range,
    groups: Range,
    x_random: Range | None = None,
    fit_intercept: Any = True,
    alpha: Any = 0.05,
    method: Any = "vb",
    trials: Range | None = None,
    n_sim: Any = None,
    seed: Any = None,
) -> Cells:
    """Draw the check of GLMM_BINOMIAL_CHECK under the cell: observed proportions large, simulated ones small.

    The cell shows the picture in words.
    """
    return _spill(
        "glmm_binomial_plot", y, x, groups, x_random, fit_intercept, alpha, method, trials, n_sim, seed, show=_draw
    )


@worksheet_function(": var[][]", name="GLMM_BINOMIAL_SELFTEST")
def glmm_binomial_selftest() -> Cells:
    """Fit certified data sets on this computer and show how many digits agree.

    Spills one row for each certified number, then the versions of what computed them.
    """
    return _spill("glmm_binomial_selftest")


def _draw(figure: Any, alternative_text: str) -> None:
    try:
        plot(figure, alt_text=alternative_text)
    except Exception as error:
        # the words of the cell are then all there is
        if OUTSIDE_EXCEL not in str(error):
            raise


def insert_example(_control: object) -> None:
    """Write the worked example on a new sheet: the action of the button on the ribbon."""
    # Excel takes no orders while it handles the click.
    schedule_call(_insert_example)


def _insert_example() -> None:
    try:
        write_example(xl_app())
    except Exception as error:
        _logger.exception("The example could not be inserted")
        xlcAlert(f"The example could not be inserted: {error}. PyXLL's log file has the details.")
