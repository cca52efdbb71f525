"""Every error message of the contract, and arguments that provoke it.

Shared by the tests of the core and of the worksheet function: the arguments are in the order both take them, the text
is how the message begins. What follows the beginning is for the reader and not part of the contract.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

NOT_A_LIST = {"a": 1}
"""Neither a list nor a scalar: a scalar is one cell, and is rejected for its rows."""


@dataclass(frozen=True)
class MessageCase:
    """Arguments that are valid but for one thing, and the beginning of the message about it."""

    beginning: str
    note: str = ""
    y: Any = ((0.0,), (1.0,), (0.0,), (1.0,), (1.0,), (0.0,))
    x: Any = ((1.0,), (2.0,), (1.5,), (2.5,), (3.0,), (1.2,))
    groups: Any = ((1.0,), (1.0,), (2.0,), (2.0,), (3.0,), (3.0,))
    x_random: Any = None
    fit_intercept: Any = True
    alpha: Any = 0.05
    method: Any = "vb"
    trials: Any = None

    @property
    def arguments(self) -> tuple[Any, ...]:
        given = (self.y, self.x, self.groups, self.x_random, self.fit_intercept, self.alpha, self.method, self.trials)
        return tuple(_as_lists(argument) for argument in given)

    @property
    def id(self) -> str:
        return self.beginning.removeprefix("Invalid input: ") + (f" [{self.note}]" if self.note else "")


def column(*cells: object) -> tuple[tuple[object], ...]:
    return tuple((cell,) for cell in cells)


def _as_lists(argument: object) -> object:
    """Fresh lists for every test, so that one that changes its arguments cannot spoil another."""
    return [_as_lists(row) for row in argument] if isinstance(argument, tuple) else argument


VALID = MessageCase("")
_RANGES = ("y", "x", "groups", "x_random", "trials")
_SLOPES = column(1.0, 2.0, 3.0, 1.0, 2.0, 4.0)


def _case(message: str, note: str = "", /, **arguments: object) -> MessageCase:
    return replace(VALID, beginning=f"Invalid input: {message}", note=note, **arguments)


MESSAGE_CASES: tuple[MessageCase, ...] = (
    # the shape of each range
    *(_case(f"{name} must be a 2D list.", **{name: NOT_A_LIST}) for name in _RANGES),
    *(_case(f"{name} row 0 must be a list.", **{name: (0.0, 1.0, 0.0, 1.0, 1.0, 0.0)}) for name in _RANGES),
    _case("y row 2 must be a list.", "not the first", y=((0.0,), (1.0,), 0.0, (1.0,), (1.0,), (0.0,))),
    *(_case(f"{name} must have at least 2 row(s).", "no row", **{name: ()}) for name in ("y", "x", "groups")),
    *(_case(f"{name} must have at least 2 row(s).", "one row", **{name: ((1.0,),)}) for name in ("y", "x", "groups")),
    *(
        _case(f"{name} must have at least 2 row(s).", "a scalar", **{name: 1.0})
        for name in ("y", "x", "groups", "x_random")
    ),
    *(_case(f"{name} must have at least 1 column(s).", **{name: ((),) * 6}) for name in _RANGES),
    *(
        _case(f"{name} must have consistent column count.", **{name: (*_SLOPES[:3], (1.0, 2.0), *_SLOPES[4:])})
        for name in _RANGES
    ),
    _case("y must be a column vector (single column).", y=((0.0, 1.0),) * 6),
    _case("y must be a column vector (single column).", "a row of cells", y=((0.0, 1.0, 0.0, 1.0, 1.0, 0.0),) * 2),
    _case("groups must be a column vector (single column).", groups=((1.0, 2.0),) * 6),
    # the number of rows
    _case("y, x, and groups must have the same number of rows.", "y", y=column(0.0, 1.0, 0.0)),
    _case("y, x, and groups must have the same number of rows.", "x", x=column(1.0, 2.0, 1.5)),
    _case("y, x, and groups must have the same number of rows.", "groups", groups=column(1.0, 2.0, 3.0)),
    _case("x_random must have the same number of rows as y.", x_random=column(1.0, 2.0, 3.0)),
    # the cells
    _case("y[2][0] must be numeric.", "text", y=column(0.0, 1.0, "yes", 1.0, 1.0, 0.0)),
    _case("y[2][0] must be numeric.", "number stored as text", y=column(0.0, 1.0, "1", 1.0, 1.0, 0.0)),
    _case("y[2][0] must be numeric.", "blank", y=column(0.0, 1.0, None, 1.0, 1.0, 0.0)),
    _case("y[2][0] must be numeric.", "empty text", y=column(0.0, 1.0, "", 1.0, 1.0, 0.0)),
    _case("y[2][0] must be numeric.", "error cell", y=column(0.0, 1.0, RuntimeError(), 1.0, 1.0, 0.0)),
    _case("y[5][0] must be numeric.", "blank in the last row of y only", y=column(0.0, 1.0, 0.0, 1.0, 1.0, None)),
    _case(
        "y[3][0] must be numeric.",
        "text below a header row, which counts as row 0",
        y=column("ill", 0.0, 1.0, "yes", 1.0, 1.0, 0.0),
        x=column("dose", *(cell for (cell,) in _SLOPES)),
        groups=column("herd", 1.0, 1.0, 2.0, 2.0, 3.0, 3.0),
    ),
    _case("x[3][1] must be numeric.", "text", x=(*((float(i), i * i) for i in range(3)), (3.0, "b"), (4, 1), (5, 2))),
    _case("x[1][0] must be numeric.", "blank", x=column(1.0, None, 1.5, 2.5, 3.0, 1.2)),
    _case("x[1][0] must be numeric.", "error cell", x=column(1.0, ZeroDivisionError(), 1.5, 2.5, 3.0, 1.2)),
    _case("x_random[4][0] must be numeric.", "text", x_random=column(1.0, 2.0, 3.0, 1.0, "2", 4.0)),
    _case("x_random[4][0] must be numeric.", "blank", x_random=column(1.0, 2.0, 3.0, 1.0, None, 4.0)),
    _case("trials[0][0] must be numeric.", "blank", trials=column(None, 1.0, 1.0, 1.0, 1.0, 1.0)),
    _case("y[1][0] must be finite.", "not a number", y=column(0.0, math.nan, 0.0, 1.0, 1.0, 0.0)),
    _case("x[5][0] must be finite.", "infinite", x=column(1.0, 2.0, 1.5, 2.5, 3.0, math.inf)),
    _case("x_random[0][0] must be finite.", "infinite", x_random=column(-math.inf, 2.0, 3.0, 1.0, 2.0, 4.0)),
    _case("trials[5][0] must be finite.", "not a number", trials=column(1.0, 1.0, 1.0, 1.0, 1.0, math.nan)),
    _case("groups[2][0] must be a whole number or text.", "blank", groups=column(1.0, 1.0, None, 2.0, 3.0, 3.0)),
    _case("groups[2][0] must be a whole number or text.", "fraction", groups=column(1.0, 1.0, 2.5, 2.0, 3.0, 3.0)),
    _case("groups[2][0] must be a whole number or text.", "error cell", groups=column(1, 1, NameError(), 2, 3, 3)),
    _case("y must contain only 0 or 1 values.", "two", y=column(0.0, 1.0, 2.0, 1.0, 1.0, 0.0)),
    _case("y must contain only 0 or 1 values.", "a fraction", y=column(0.0, 1.0, 0.5, 1.0, 1.0, 0.0)),
    # the options
    _case("alpha must be numeric.", "text", alpha="5 %"),
    _case("alpha must be numeric.", "boolean", alpha=True),
    _case("alpha must be numeric.", "error cell", alpha=ValueError()),
    _case("alpha must be numeric.", "several cells", alpha=column(0.05, 0.1)),
    _case("alpha must be finite.", "not a number", alpha=math.nan),
    _case("alpha must be finite.", "infinite", alpha=math.inf),
    _case("alpha must be between 0 and 1.", "zero", alpha=0.0),
    _case("alpha must be between 0 and 1.", "one", alpha=1.0),
    _case("alpha must be between 0 and 1.", "a percentage", alpha=95.0),
    _case("alpha must be between 0 and 1.", "negative", alpha=-0.05),
    _case("fit_intercept must be a boolean.", "text", fit_intercept="yes"),
    _case("fit_intercept must be a boolean.", "a number", fit_intercept=2.0),
    _case("fit_intercept must be a boolean.", "error cell", fit_intercept=ReferenceError()),
    _case("fit_intercept must be a boolean.", "several cells", fit_intercept=column(True, False)),
)
