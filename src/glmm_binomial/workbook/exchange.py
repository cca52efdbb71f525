"""Values between the engine and Python functions, as PyXLL passes them between Excel and the same functions.

Numbers as float, blanks as None, error cells as exception instances, a skipped argument as its default; and back:
blanks as empty text, NaN as #NUM!, ragged rows filled up, an object as the text that stands for it. So the function
that Excel calls is the very function called here.
"""

import inspect
import math
import numbers
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from glmm_binomial.workbook.addresses import LAST_ROW
from glmm_binomial.workbook.calls import MISSING, ArgumentKind
from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.handles import Handles

_CODES = {
    "Div": "#DIV/0!",
    "Na": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "Spill": "#SPILL!",
    "Calc": "#CALC!",
}
# pyxll-facts: what an error cell becomes in Python
_EXCEPTIONS: dict[str, type[Exception]] = {
    "Na": RuntimeError,
    "Num": ArithmeticError,
    "Value": ValueError,
    "Div": ZeroDivisionError,
    "Ref": ReferenceError,
    "Name": NameError,
    "Null": LookupError,
}


# more than anybody would read in a message
_MANY_PARAMETERS = 12


def defaults(function: Callable[..., object]) -> tuple[object, ...]:
    """Return the default of each positional argument, `inspect.Parameter.empty` where it has none."""
    return tuple(parameter.default for parameter in inspect.signature(function).parameters.values())


def problem_with_count(name: str, function: Callable[..., object], given: int) -> str | None:
    """Say, where Excel would not take the formula, which arguments a function has; None when their number is right."""
    parameters = list(inspect.signature(function).parameters.values())
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    needed = sum(parameter.default is parameter.empty for parameter in parameters)
    if needed <= given <= len(parameters):
        return None
    names = [each.name if each.default is each.empty else f"[{each.name}]" for each in parameters]
    shown = ", ".join(names if len(names) < _MANY_PARAMETERS else [*names[:3], "..."])
    usage = getattr(function, "usage", f"{name}({shown})")
    wrong = f"{given} are given" if given > len(parameters) else f"{parameters[given].name} is missing"
    return f"Invalid input: write {usage}; {wrong}."


def handed_over(
    arguments: Sequence[Any], kinds: Sequence[ArgumentKind], *, defaults: Sequence[object], handles: Handles
) -> list[object]:
    """Turn the engine's argument values into what PyXLL hands over, ranges in place."""
    length = _whole_column_length(arguments, kinds)
    converted: list[object] = []
    for position, argument in enumerate(arguments):
        default = defaults[position] if position < len(defaults) else inspect.Parameter.empty
        if isinstance(argument, str) and argument == MISSING:
            converted.append(None if default is inspect.Parameter.empty else default)
        elif isinstance(argument, list):
            _convert_range(argument, handles)
            if kinds[position] is ArgumentKind.WHOLE_COLUMNS and len(argument) < length:
                # one blank row stands for all of them: a million rows cost no more than a million pointers
                argument.extend([[None] * len(argument[0])] * (length - len(argument)))
            is_single = len(argument) == 1 == len(argument[0])
            converted.append(_one_cell(argument[0][0], default) if is_single else argument)
        elif kinds[position] is ArgumentKind.WHOLE_COLUMNS and length > 1:
            converted.append([[_input_value(argument, handles)], *[[None]] * (length - 1)])
        else:
            converted.append(_one_cell(_input_value(argument, handles), default))
    return converted


def _one_cell(value: object, default: object) -> object:
    """A cell's value; a blank one as a range where None means that the argument was left out."""
    return [[None]] if value is None and default is None else value


def _whole_column_length(arguments: Sequence[Any], kinds: Sequence[ArgumentKind]) -> int:
    """Return how many rows the arguments that are whole columns must have.

    Excel hands over 1,048,576 rows, the engine cuts each column at its last value. Columns that stand side by side need
    equal lengths, no more; but beside a range of fixed size Excel's length shows, since the function would refuse the
    mismatch.
    """
    pairs = [(a, kind) for a, kind in zip(arguments, kinds, strict=True) if isinstance(a, list)]
    if any(kind is ArgumentKind.FIXED and len(argument) > 1 for argument, kind in pairs):
        return LAST_ROW
    return max((len(argument) for argument, kind in pairs if kind is ArgumentKind.WHOLE_COLUMNS), default=0)


def _convert_range(rows: list[list[Any]], handles: Handles) -> None:
    """Convert error cells, whole numbers and handles in place; a range without any is only scanned, at C speed."""
    types = set(map(type, chain.from_iterable(rows)))
    if types <= {float, str, bool, type(None)} and not handles.within([rows]):
        return
    for row in rows:
        row[:] = [_input_value(value, handles) for value in row]


def _input_value(value: Any, handles: Handles) -> object:
    if isinstance(value, dict):
        kind = value["kind"]
        return _EXCEPTIONS.get(kind, ValueError)(_CODES.get(kind, "#VALUE!"))
    return float(value) if type(value) is int else handles.object_of(value)


def returned(result: object, handles: Handles) -> object:
    """Turn what a function returned into what the engine takes: a value, or a rectangle of values."""
    if not isinstance(result, list | tuple):
        return _output_value(result, handles)
    rows = [list(row) if isinstance(row, list | tuple) else [row] for row in result]
    width = max(map(len, rows), default=0)
    if width == 0:
        return ""
    return [[_output_value(value, handles) for value in row] + [""] * (width - len(row)) for row in rows]


def _output_value(value: object, handles: Handles) -> object:
    """Convert one value as PyXLL does; None becomes blank text, since Excel would show an empty value as 0."""
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else _engine_error("Num")
    if isinstance(value, Exception):
        kind = next((k for k, exception in _EXCEPTIONS.items() if type(value) is exception), "Value")
        return _engine_error(kind)
    return handles.text_of(value)


def _engine_error(kind: str) -> dict[str, str]:
    return {"type": "Error", "kind": kind}


def cell_value(value: Any) -> CellValue:
    """Turn a value of the engine into what a cell holds; an empty cell that a formula refers to counts as 0."""
    if value is None:
        return 0.0
    if isinstance(value, dict):
        return CellError(_CODES.get(value["kind"], "#VALUE!"))
    if isinstance(value, bool | str):
        return value
    return float(value) if math.isfinite(value) else CellError("#NUM!")


def single(value: Any) -> object:
    """Return the value at the top left, which is what a formula that does not spill shows of an array."""
    while isinstance(value, list):
        value = value[0]
    return 0.0 if value is None else value


def fit(value: Any, rows: float, columns: float) -> object:
    """Return an array cut or filled to a fixed size as Excel does: one row or column is repeated, the rest is #N/A."""
    source = value if isinstance(value, list) else [[value]]
    height, width = len(source), len(source[0])
    missing = _engine_error("Na")

    def at(row: int, column: int) -> object:
        row, column = 0 if height == 1 else row, 0 if width == 1 else column
        found = source[row][column] if row < height and column < width else missing
        return 0.0 if found is None else found

    return [[at(row, column) for column in range(int(columns))] for row in range(int(rows))]
