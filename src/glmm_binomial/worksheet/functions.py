"""The functions as a spreadsheet sees them: cells in; a table of cells, a model or a message out. They never raise."""

from __future__ import annotations

import logging
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from glmm_binomial.errors import FitError, InvalidInputError
from glmm_binomial.extras import MissingPackageError
from glmm_binomial.interruption import StoppedError
from glmm_binomial.worksheet.catalogue import BY_PYTHON_NAME, FUNCTIONS
from glmm_binomial.worksheet.entries import WorksheetFunction
from glmm_binomial.worksheet.handles import PassedOnError, holds_nothing, model_from
from glmm_binomial.worksheet.signatures import with_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PACKAGE: Final = __name__.partition(".")[0]

logger = logging.getLogger(__name__)

# Excel computes cells in several threads, and the first call imports the core. When two imports cross, Python lets a
# thread go on with a half-imported module, so one thread imports at a time.
_importing = threading.Lock()


def answer(
    function: WorksheetFunction, arguments: Mapping[str, Any], *, show: Callable[[Any, str], None] | None = None
) -> object:
    """What a worksheet function answers, or the message that a person should read instead.

    Parameters
    ----------
    function : WorksheetFunction
    arguments : mapping
        What was handed over, by the names of the arguments.
    show : callable, optional
        Takes the figure of an answer that has one, and the same in words.

    Returns
    -------
    list of rows, GLMM, or str
        Rows of text, numbers, booleans and None, all of one length; a model; or a message that begins with "Invalid
        input:" or "Error fitting GLMM:".
    """
    try:
        _require_given(function, arguments)
        found: Any = _answering(function)(**_handed_on(function, arguments))
        if function.answer == "model":
            return found
        if show is not None and hasattr(found, "figure"):
            show(found.figure, found.sentence)
        return _import("answers.rows").finished(found.rows())
    except (InvalidInputError, PassedOnError) as problem:
        return str(problem)
    except (FitError, MissingPackageError) as problem:
        return f"Error fitting GLMM: {problem}"
    except StoppedError:
        return "Error fitting GLMM: stopped on request before it was finished. Recalculate the cell to start again."
    except Exception as problem:
        logger.exception("%s failed", function.name)
        found_instead = f"{type(problem).__name__}: {problem}".removesuffix(": ")
        return f"Error fitting GLMM: {found_instead}. This was not expected; the log has the details."


def _handed_on(function: WorksheetFunction, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of what answers a function: models in the place of cells, and lists of those that are gathered."""
    handed_on: dict[str, Any] = {}
    for each in function.arguments:
        given = arguments[each.name]
        if each.kind == "model":
            if not each.is_required and holds_nothing(given):
                continue
            given = model_from(given, each, function)
        if each.gathered_in:
            handed_on.setdefault(each.gathered_in, []).append(given)
        else:
            handed_on[each.name] = given
    return handed_on


def _require_given(function: WorksheetFunction, arguments: Mapping[str, Any]) -> None:
    """Ask for a range that was left out, where blank cells arrive as rows."""
    for each in function.arguments:
        is_needed = each.kind == "range" and each.is_required and not each.may_be_skipped
        if is_needed and arguments[each.name] is None:
            raise InvalidInputError(
                f"Invalid input: {each.name} must be given. It was left out: write ={function.usage}. {each.help}"
            )


def _answering(function: WorksheetFunction) -> Callable[..., Any]:
    module, _, name = function.answered_by.partition(":")
    found: Callable[..., Any] = getattr(_import(module), name)
    return found


def _import(module: str) -> Any:
    with _importing:
        return import_module(f"{PACKAGE}.{module}")


def _core_function(function: WorksheetFunction) -> Callable[..., Any]:
    return with_signature(
        function.python_name,
        function.arguments,
        lambda arguments: answer(function, arguments),
        doc=f"{function.help}\n\nReturns rows of cells or a message; never raises.",
        usage=function.usage,
    )


CORE_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    function.python_name: _core_function(function) for function in FUNCTIONS
}
"""By their names in Python: glmm_binomial, glmm_binomial_model and so on."""


def __getattr__(name: str) -> Callable[..., Any]:
    if name in BY_PYTHON_NAME:
        return CORE_FUNCTIONS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
