"""The edge between a worksheet and the core: one call of the core, and cells out.

Excel and the core disagree on two things, and only here is that settled: an empty place in a table must go back as
empty text (Excel shows a missing value as 0), and nothing may be raised through a cell.
"""

import importlib
import logging
import threading
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, TypeAlias

Cell: TypeAlias = float | bool | str
Cells: TypeAlias = list[list[Cell]]

_CoreFunction: TypeAlias = Callable[..., Any]

LONGEST_TEXT = 32_767
"""Characters in one cell; of a longer text Excel shows #VALUE!."""

CUT = " ..."

_logger = logging.getLogger(__name__)

# Excel computes cells in several threads, and the first call imports the core. When two imports cross, Python lets a
# thread go on with a half-imported module, so one thread imports at a time.
_importing = threading.Lock()


def spill(core_name: str, *arguments: object, stop_requested: Callable[[], bool], **options: object) -> Cells:
    """Call a function of the core and return the cells that spill from the formula.

    Parameters
    ----------
    core_name : str
        Name of the function in ``glmm_binomial``, imported at the first call and not while Excel starts.
    *arguments, **options
        What that function takes.
    stop_requested : callable
        Asked between the steps of a long computation, whether the user wants to stop it.

    Returns
    -------
    list of rows of equal length
        The table; or one cell with a message, the core's own or that of an unexpected exception, which is logged.
    """
    try:
        with _core_function("stopping_when")(stop_requested):
            return to_cells(_core_function(core_name)(*arguments, **options))
    except Exception as error:
        _logger.exception("%s failed in a worksheet function", core_name)
        found = f"{type(error).__name__}: {error}".removesuffix(": ")
        return [[f"Error fitting GLMM: {found}. This was not expected; PyXLL's log file has the details."]]


def to_cells(answer: str | Sequence[Sequence[object]]) -> Cells:
    """Return a table of the core, or its message, as a rectangle of numbers, texts and truth values."""
    if isinstance(answer, str):
        return [[_to_cell(answer)]]
    width = max(map(len, answer))
    return [[_to_cell(value) for value in row] + [""] * (width - len(row)) for row in answer]


def _to_cell(value: object) -> Cell:
    if value is None:
        return ""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - len(CUT)] + CUT
    if isinstance(value, bool):
        return value
    if isinstance(value, Real):
        return float(value)
    message = f"a cell cannot hold a value of type {type(value).__name__}"
    raise TypeError(message)


def _core_function(name: str) -> _CoreFunction:
    with _importing:
        function: _CoreFunction = getattr(importlib.import_module("glmm_binomial"), name)
    return function
