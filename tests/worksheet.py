"""Excel and PyXLL as a worksheet function meets them, without either: what is registered, handed over and accepted.

Written after what is known of PyXLL 5.13 (pyxll-facts.md, sections 1 and 2): numbers arrive as floats, empty cells as
None, error cells as instances of exceptions, an argument declared ``var[][]`` always as a list of rows, and a skipped
argument as the function's default.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyxll

from glmm_binomial import GLMM

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import pytest

EMPTY = object()
"""An empty cell."""

SKIPPED = object()
"""An argument left out: =F(a, , c)."""

ERROR_CELLS = {
    "#N/A": RuntimeError,
    "#NUM!": ArithmeticError,
    "#VALUE!": ValueError,
    "#DIV/0!": ZeroDivisionError,
    "#REF!": ReferenceError,
    "#NAME?": NameError,
    "#NULL!": LookupError,
}


@dataclass
class Registration:
    """What PyXLL's decorators were given for one worksheet function."""

    function: Callable[..., object]
    signature: str
    options: dict[str, object]
    arguments: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def argument_types(self) -> dict[str, str]:
        arguments, _, _ = self.signature.rpartition(":")
        pairs = (argument.split() for argument in arguments.split(",") if argument)
        return {name: type_name for type_name, name in pairs}

    @property
    def return_type(self) -> str:
        return self.signature.rpartition(":")[2].strip()


def record_registrations(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, dict[str, Registration]]:
    """Import the functions module afresh, as PyXLL does, and note what its decorators are given."""
    described: dict[Callable[..., object], dict[str, dict[str, object]]] = {}
    registered: dict[str, Registration] = {}
    real_xl_func, real_xl_arg = pyxll.xl_func, pyxll.xl_arg

    def xl_arg(_name, *args, **kwargs):
        given = inspect.signature(real_xl_arg).bind(_name, *args, **kwargs).arguments
        assert "kwargs" not in given, "these go to a type converter, and var has none"

        def decorator(function):
            assert _name not in described.setdefault(function, {}), f"{_name} is described twice"
            described[function][_name] = given
            return function

        return decorator

    def xl_func(signature, **options):
        # PyXLL refuses an option it does not know
        inspect.signature(real_xl_func).bind(signature, **options)

        def decorator(function):
            name = options["name"]
            assert name not in registered, f"{name} is registered twice"
            registered[name] = Registration(function, signature, options, described.get(function, {}))
            return function

        return decorator

    monkeypatch.setattr(pyxll, "xl_arg", xl_arg)
    monkeypatch.setattr(pyxll, "xl_func", xl_func)
    spec = importlib.util.find_spec("glmm_binomial.excel.functions")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, registered


def formula(registration: Registration, *values: object) -> object:
    """Compute =NAME(values): hand the arguments over as PyXLL would, and check that it could show the result.

    A list of rows is a range or an array constant; anything else is a constant or a reference to one cell.
    """
    parameters = list(inspect.signature(registration.function).parameters.values())
    assert len(values) <= len(parameters), "Excel refuses too many arguments"
    handed_over = []
    for parameter, value in zip(parameters, values, strict=False):
        if value is SKIPPED:
            assert parameter.default is not parameter.empty, f"{parameter.name} cannot be left out"
            handed_over.append(parameter.default)
        else:
            handed_over.append(_argument(value, registration.argument_types[parameter.name]))
    returned = registration.function(*handed_over)
    # a model becomes an object of PyXLL, of which the cell shows a handle
    return returned if registration.return_type == "var" else shown(returned)


def shown(returned: object) -> list[list[float | bool | str]]:
    """Return what spills; fails on anything of which it is not known how PyXLL shows it."""
    assert type(returned) is list
    assert returned
    assert all(type(row) is list for row in returned)
    assert len({len(row) for row in returned}) == 1, "ragged"
    assert returned[0]
    for row in returned:
        for value in row:
            assert type(value) in (float, bool, str), f"{value!r} is a {type(value).__name__}"
            assert type(value) is not float or math.isfinite(value), "Excel shows #NUM!"
    return returned


def _argument(value: object, type_name: str) -> object:
    rows = value if isinstance(value, list) else [[value]]
    cells = [[_cell(cell) for cell in row] for row in rows]
    single = len(cells) == 1 and len(cells[0]) == 1
    if type_name == "var[][]":
        return cells
    assert type_name == "var", f"how Excel hands over {type_name} is not written here"
    return cells[0][0] if single else cells


def _cell(value: object) -> object:
    if value is EMPTY:
        return None
    if isinstance(value, bool | GLMM):
        return value
    if isinstance(value, int | float):
        return float(value)
    assert isinstance(value, str), f"no cell holds {value!r}"
    return ERROR_CELLS[value]() if value in ERROR_CELLS else value
