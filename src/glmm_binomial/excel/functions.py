"""The worksheet functions, as PyXLL registers them with Excel: the only file that imports pyxll.

A worksheet function holds no logic: it names what Excel hands over, calls one function of the core by its name and
spills what comes back. PyXLL imports this module while Excel starts, so it imports nothing heavy.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from pyxll import get_config, schedule_call, xl_app, xl_arg, xl_func, xlcAlert

from glmm_binomial.excel.arguments import ARGUMENT_HELP
from glmm_binomial.excel.edge import Cells, spill
from glmm_binomial.excel.example import write_example

__all__ = ["WORKSHEET_FUNCTIONS", "get_config", "glmm_binomial", "insert_example"]

# `Any` and not `object`: to PyXLL, which may read annotations, `object` is the handle of a cached object.
Range: TypeAlias = list[list[Any]]
Function = TypeVar("Function", bound=Callable[..., Cells])

CATEGORY = "GLMM"

WORKSHEET_FUNCTIONS: dict[str, Callable[..., Cells]] = {}
"""The functions a formula can call, by the name it calls them by, exactly as Excel calls them."""

_logger = logging.getLogger(__name__)


def worksheet_function(signature: str, *, name: str) -> Callable[[Function], Function]:
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
    """

    def register(function: Function) -> Function:
        function.__doc__ = " ".join((inspect.getdoc(function) or "").split())
        # A wrapper would hide the arguments from PyXLL, so the function itself is registered.
        registered: Function = xl_func(
            signature,
            name=name,
            category=CATEGORY,
            auto_resize=True,
            thread_safe=True,
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
    return spill("glmm_binomial", y, x, groups, x_random, fit_intercept, alpha, method, trials)


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
