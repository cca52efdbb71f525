"""Arguments no author of a worksheet thought of: small valid data sets, with up to three things done to them.

Everything is drawn from a `random.Random`, and the simplest choice stands first in each list. So one generator serves
twice: seeded, it makes cases by the million, each of which its number makes again; in the hands of hypothesis
(`strategies.randoms`), it makes few, and those that fail are made small.
"""

from __future__ import annotations

import datetime as dt
import inspect
import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS

if TYPE_CHECKING:
    from random import Random

Arguments = dict[str, Any]
Cells = list[list[Any]]


@dataclass(frozen=True)
class Case:
    """A worksheet function, and the arguments Excel, or a script, hands over in the order it takes them.

    A case in the place of an argument stands for its answer, as a cell that holds a model does.
    """

    function: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(written, self.arguments))})"

    @property
    def makers(self) -> tuple[Case, ...]:
        """The cases that make the models, if any do."""
        return tuple(argument for argument in self.arguments if isinstance(argument, Case))


# what a cell can hold -------------------------------------------------------------------------------------------------

NUMBERS = (
    *(0.0, 1.0, 2.0, 0.5, -1.0, -0.0, 3, 7.5, 1e-9, 1e9, 1e15, 1e16, 2.0**53, 1e30, -1e30, 1.1e30, 1e-30, 1e-31),
    *(1e300, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf),
    *(10**18, 10**400, -(10**400), 10**5000, Fraction(1, 3), Fraction(10**400, 3)),
    *(np.float64(1.0), np.float32(0.1), np.float16(65504.0), np.longdouble(1.0), np.longdouble("1e4000")),
    *(np.int64(1), np.uint8(255), np.float64("nan")),
)
TEXTS = (
    *("a", "b", "", " ", "A", " a ", "1", "1.0", "1,5", "5%", "0.05", "TRUE", "false", "yes", "nan", "inf", "1e999"),
    *(
        "#N/A",
        "=1+1",
        "ß",
        "SS",
        "İ",
        "e\u0301",
        "١٢",
        "1_000",
        "²",
        "x1",
        "intercept",
        "2020",
        "$x^2$",
        "$",
        "{}",
        "%s",
    ),
    *("\x00", "\ud800", "\u200b", "\n", "long " * 2_000, "9" * 5_000, "'", '"', "\\", "🐑"),
)
ERRORS = (
    *(RuntimeError(), ArithmeticError(), ValueError(), ZeroDivisionError(), ReferenceError(), NameError()),
    *(LookupError(), KeyError("a"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), Exception("%d {}")),
)
OTHERS = (
    *(None, True, False, np.True_, np.False_, [], [None], {}, {"a": 1}, (), set(), 1j, np.complex128(1), b"1"),
    *(dt.date(2026, 1, 2), dt.datetime(2026, 1, 2), dt.timedelta(1), Decimal("1.5"), Decimal("NaN")),
    *(np.datetime64("2026-01-02"), np.datetime64("NaT"), np.timedelta64(1, "D"), np.str_("a"), np.bytes_(b"a")),
    *(pd.NA, pd.NaT, pd.Timestamp(2026, 1, 2), np.array(1.0), np.array([1.0, 2.0]), float, len, Ellipsis),
)


def hostile_cell(choose: Random) -> Any:
    """One cell of any content; blanks, error cells and odd numbers more often than what no cell can hold."""
    # a copy, since a list among them may become a row of a range, and a range is changed in place
    return deepcopy(choose.choice(choose.choice((NUMBERS, (None,), TEXTS, ERRORS, OTHERS))))


# valid arguments ------------------------------------------------------------------------------------------------------

WEIGHTS = {
    "GLMM_BINOMIAL": 30,
    "GLMM_BINOMIAL_FORMULA": 18,
    "GLMM_BINOMIAL_DESIGN": 12,
    "GLMM_BINOMIAL_PREDICT": 18,
    "GLMM_BINOMIAL_RANEF": 12,
    "GLMM_BINOMIAL_SIMULATE": 12,
    "GLMM_BINOMIAL_CHECK": 7,
    "GLMM_BINOMIAL_CONTRAST": 12,
    "GLMM_BINOMIAL_MARGINS": 9,
    # these take ten times as long as the others
    "GLMM_BINOMIAL_COMPARE": 8,
    "GLMM_BINOMIAL_CONFINT": 5,
    "GLMM_BINOMIAL_PLOT": 4,
}
"""How often each function is called; one that is not named here counts 5, and one without arguments not at all."""

COLUMNS: tuple[Callable[[Random], Any], ...] = (
    lambda choose: choose.choice((0.0, 1.0)),
    lambda choose: choose.choice((-1.0, 0.0, 1.0, 2.0)),
    lambda choose: round(choose.uniform(-3.0, 3.0), 3),
    lambda choose: round(choose.uniform(-3.0, 3.0), 3),
    lambda choose: choose.choice((True, False)),
    lambda choose: 2020.0 + choose.randint(0, 9),
    lambda choose: 1e9 + choose.randint(0, 3),
    lambda choose: choose.randint(1, 9) * 1e-12,
    lambda choose: choose.uniform(-3.0, 3.0) * 1e28,
    lambda choose: choose.uniform(-3.0, 3.0) * 1e-28,
    lambda choose: 10.0 ** choose.randint(-25, 25),
)
"""What a cell of a column of x may be; all cells of a column are drawn by one of these."""

LABELS = (
    (1.0, 2.0, 3.0, 4.0),
    ("a", "b", "c", "d"),
    (True, False, 1.0, 0.0),
    ("a", "A", " a", "1"),
    (-5, 10**15, 2**60, 1e300),
    (1.0, "1", "1.0", "\u0661"),
)
NAMES = ("dose", "age", "sex", "x1", "a b", "f0", "intercept", "2020", "$x^2$", "a:b", "`", "ü", "C", "long " * 30)
OPTIONS = {
    "fit_intercept": (True, True, True, False, 1, 0.0, "TRUE", "false ", None, "", [[True]]),
    "alpha": (0.05, 0.05, 0.1, 0.5, 0.01, 0.999999, 2e-300, 5e-324, 1.0 - 2.0**-53, Fraction(1, 20), None, [[0.05]]),
    "method": ("vb", "ml", "mean-field", "ML ", "Mean-Field", None, "", [["ml"]]),
    "n_sim": (None, 1, 40.0, 3, 200, 1000, [[2]], True, 10_000, 10_001, 0, 2.5),
    "kind": (
        None,
        "check",
        " Check",
        "forest",
        "caterpillar",
        "effect",
        "calibration",
        "ROC ",
        "residuals",
        "pie",
        1.0,
    ),
    "compare": (None, "pairwise", "first", "Sequential ", "none", [[1.0, -1.0]], [["a", 0.5, -0.5]], "all"),
    "scale": (None, "odds ratio", "difference", "ratio", "odds_ratio", "logit"),
    "adjust": (None, "holm", "none", "bonferroni", "tukey", "sidak"),
    "style": (
        *(
            None,
            "table",
            "summary",
            "Sentence",
            "equation",
            "latex",
            "R",
            "r ",
            "Stata",
            "SAS",
            "Python",
            [["covariance"]],
        ),
        *("word", 2.0),
    ),
    "decimal": (None, None, ".", ",", "comma", [[","]], ";", 1.0),
    "missing": (None, "omit", "Refuse", "drop", 0.0),
    "seed": (None, 1, 0, 7.0, 2.0**53, 2**53 + 1, -1, "1", 1e300),
}
FORMULAS = (
    *("dose", "dose + sex", "dose * sex", "age + sex + dose", "C(dose)", "dose:sex", "(dose + sex + age)**2"),
    *('C(sex, Treatment("b"))', "log(dose)", "I(dose / 10) + center(age)", "0 + sex", "sex - 1", "scale(age)"),
    *("exp(age)", "I(age**2)", "sqrt(abs(age))", "`a b`", "dose / sex", "-1", "1", "0", "dose - dose", "~ dose"),
    *("y ~ dose", "dose | sex", "C(age)*C(dose)*C(sex)", "", "  ", "__import__('os')", "dose.x", "dose[0]", "dose +"),
)
PIECES = (
    *(
        "offset(",
        "+ offset(age)",
        "dose",
        "sex",
        "age",
        " ",
        "+",
        "*",
        ":",
        "-",
        "/",
        "**",
        "^",
        "(",
        ")",
        "1",
        "0",
        "2",
        "9",
        "99",
        "I(",
        "C(",
        ",",
    ),
    *(
        "log(",
        "scale(",
        "center(",
        "exp(",
        "Treatment(",
        '"',
        "'",
        "`",
        "~",
        "|",
        "%in%",
        "[",
        "]",
        "{",
        "}",
        ".",
        "f0",
    ),
    *("\\", "\n", "\x00", "é", "lambda: 0", "a b", "1e999", "0x1", "1j", "...", "#", "@", "\ud800", "10**400", "inf"),
)


def _column(choose: Random, rows: int) -> list[Any]:
    draw = choose.choice(COLUMNS)
    return [draw(choose) for _ in range(rows)]


def _matrix(choose: Random, rows: int, columns: int) -> Cells:
    return [list(row) for row in zip(*(_column(choose, rows) for _ in range(columns)), strict=True)]


def _as_column(cells: list[Any]) -> Cells:
    return [[cell] for cell in cells]


def _model(choose: Random) -> Arguments:
    """A data set that can be fitted, as a rule: with header or without, with slopes, trials and new rows or without."""
    rows = choose.choice((6, 8, 10, 12, 5, 4, 3, 2, 36))
    labels = choose.choice(LABELS)[: choose.choice((2, 3, 4))]
    columns = choose.choice((1, 2, 1, 2, 3))
    arguments: Arguments = {
        "y": _as_column([0.0, 1.0, *(choose.choice((0.0, 1.0)) for _ in range(rows - 2))]),
        "x": _matrix(choose, rows, columns),
        "groups": _as_column([*labels, *(choose.choice(labels) for _ in range(rows))][:rows]),
    }
    slopes = choose.choice((0, 0, 0, 0, 0, 1, 1, 2, 3))
    if slopes:
        arguments["x_random"] = _matrix(choose, rows, slopes)
    if choose.random() < 0.2:
        most = choose.choice((2, 5, 40, 3, 1, 12, 200, 1000, 10**6, 10**9))
        trials = [choose.randint(1, most) for _ in range(rows)]
        arguments["trials"] = _as_column([float(count) for count in trials])
        arguments["y"] = _as_column([float(choose.randint(0, count)) for count in trials])
    labels_of_rows = ("a", "b", 3.0)[: choose.choice((2, 3, 1))]
    arguments["by"] = [[label, *choose.choice(arguments["x"])] for label in labels_of_rows]
    new_rows = choose.choice((1, 2, 5))
    arguments["new_data"] = [list(choose.choice(arguments["x"])) for _ in range(new_rows)]
    if choose.random() < 0.5:
        arguments["new_groups"] = _as_column([choose.choice((*labels, "new", 99.0)) for _ in range(new_rows)])
    if slopes:
        arguments["new_x_random"] = [list(choose.choice(arguments["x_random"])) for _ in range(new_rows)]
    if choose.random() < 0.3:
        _add_headers(choose, arguments)
    # of a truth that is given, without headers
    arguments["coefficients"] = [[choose.choice((0.0, -0.5, 1.0, 2.5, 30.0))] for _ in range(columns + 1)]
    arguments["std_devs"] = [[choose.choice((0.0, 0.5, 1.0, 3.0)) for _ in range(choose.choice((1, columns + 1)))]]
    if choose.random() < 0.15:
        arguments["std_devs"] = [
            [choose.choice((1.0, 0.0, 0.5, -0.5, None)) for _ in range(columns + 1)] for _ in range(columns + 1)
        ]
    for name, values in OPTIONS.items():
        if choose.random() < 0.4:
            arguments[name] = deepcopy(choose.choice(values))
    if choose.random() < 0.06:
        # two kinds of groups, which only a truth that is given takes from ranges
        inner = choose.choice(([1.0, 2.0], ["a", "b", "c"], [1.5, "a"]))
        arguments["groups"] = [[*row, choose.choice(inner)] for row in arguments["groups"]]
        arguments["std_devs"] = [[choose.choice((0.5, 1.0, 0.0)) for _ in range(2)]]
    return arguments


def _add_headers(choose: Random, arguments: Arguments) -> None:
    headers: dict[str, list[str]] = {}
    for name, rows in arguments.items():
        fitted = {"new_data": "x"}.get(name, name.removeprefix("new_"))
        headers[name] = headers.get(fitted) or [choose.choice(NAMES) for _ in rows[0]]
        if name == "by":
            headers[name] = ["", *headers["x"]]
        arguments[name] = [list(headers[name]), *rows]


RESPONSES = ("y", "y", "y", "good", "good / size", "cbind(good, size - good)", "age", "nothing", "")
RANDOM_PARTS = (
    *("(1 | herd)", "(1 | herd)", "(1 | herd)", "(dose || herd)", "(1 + dose || herd)", "(0 + dose || herd)"),
    *("(0 + dose | herd)", "(dose + age - 1 | herd)"),
    *("(1 + dose | herd)", "(1 | herd / sex)", "(1 | herd) + (1 | sex)", "(1 | nothing)", "", "(1 |", "1 | herd"),
)


FACTORS = ("sex", "sex", "sex | dose", "dose", "sex * dose", "C(sex)", "age", "`sex`", "|", "sex:sex", "no", [["sex"]])

SENSIBLE = (
    *("y ~ dose + (1 | herd)", "y ~ 1 + (1 | herd)", "good / size ~ dose + (1 | herd)", "y ~ 0 + dose + (1 | herd)"),
    *(
        "y ~ sex + (1 | herd)",
        "y ~ sex + age + (1 | herd)",
        "y ~ dose * sex + (1 | herd)",
        "y ~ age + (dose || herd)",
        "y ~ age + (1 + dose | herd)",
        "y ~ age + (0 + dose | herd)",
        "y ~ dose + age + (0 + dose + age | herd)",
        "y ~ dose + offset(age) + (1 | herd)",
        "good / size ~ sex + offset(log(size)) + offset(dose) + (1 | herd)",
        "cbind(good, size - good) ~ age + (1 | herd)",
    ),
    "y ~ scale(dose) + (1 | herd)",
)


def _table(choose: Random, *, lme4: bool) -> Arguments:
    """A table with a header row, new rows, and a formula: known, or put together from pieces."""
    rows = choose.choice((16, 24, 40, 12, 16, 8, 6, 3, 2, 1) if lme4 else (4, 6, 8, 3, 2, 1))
    texts = choose.choice((("a", "b", "c"), ("a", "b"), ("a", "b"), ("1", "2"), ("1.5", "2"), ("a", "A", " a"), TEXTS))
    herds = choose.choice(LABELS)[: choose.choice((2, 3, 4))]
    outcomes = choose.choice(((0.0, 1.0), ("no", "yes"), (True, False)))
    cells = [
        [*numbers, choose.choice(texts), choose.choice(outcomes), choose.choice(herds), float(size // 3), float(size)]
        for numbers in _matrix(choose, rows, 2)
        for size in [choose.randint(1, 9)]
    ]
    named = choose.random() < 0.9
    header = ["dose", "age", "sex", *("y", "herd", "good", "size")]
    if not named:
        header[:3] = [choose.choice(NAMES) for _ in range(3)]
    if choose.random() < 0.1:
        choose.choice(cells)[choose.randrange(7)] = choose.choice((None, "NA", ".", ERRORS[0]))
    new_data = [header, *(list(choose.choice(cells)) for _ in range(choose.choice((1, 2, 5))))]
    formula = choose.choice(FORMULAS)
    if choose.random() < 0.4:
        formula = "".join(choose.choice(PIECES) for _ in range(choose.randint(1, 8)))
    elif choose.random() < 0.1:
        formula = choose.choice(PIECES) * choose.choice((2, 50, 500))
    if lme4 and choose.random() < 0.5:
        formula = choose.choice(SENSIBLE)
    elif lme4 and choose.random() < 0.9:
        fixed = choose.choice(FORMULAS[:12]) if choose.random() < 0.8 else formula
        formula = f"{choose.choice(RESPONSES)} ~ {fixed} + {choose.choice(RANDOM_PARTS)}"
    arguments: Arguments = {"data": [header, *cells], "formula": formula, "new_data": new_data}
    arguments["by"] = deepcopy(choose.choice(FACTORS))
    for name in (
        "method",
        "alpha",
        "missing",
        "n_sim",
        "seed",
        "kind",
        "compare",
        "scale",
        "adjust",
        "style",
        "decimal",
    ):
        if choose.random() < 0.3:
            arguments[name] = deepcopy(choose.choice(OPTIONS[name]))
    return arguments


# what is done to them -------------------------------------------------------------------------------------------------


def _range(choose: Random, arguments: Arguments) -> str | None:
    """Name of an argument that is still a list of lists with a cell in it."""
    names = [name for name, rows in arguments.items() if isinstance(rows, list) and rows and isinstance(rows[0], list)]
    names = [name for name in names if all(isinstance(row, list) and row for row in arguments[name])]
    return choose.choice(names) if names else None


def _one_cell(choose: Random, rows: Cells) -> None:
    row = choose.choice(rows)
    row[choose.randrange(len(row))] = hostile_cell(choose)


def _several_cells(choose: Random, rows: Cells) -> None:
    for _ in range(choose.randint(2, 6)):
        _one_cell(choose, rows)


def _one_number(choose: Random, rows: Cells) -> None:
    row = choose.choice(rows)
    row[choose.randrange(len(row))] = choose.choice(NUMBERS)


def _whole_column(choose: Random, rows: Cells) -> None:
    cell, position = hostile_cell(choose), choose.randrange(min(map(len, rows)))
    for row in rows:
        row[position] = cell


def _whole_row(choose: Random, rows: Cells) -> None:
    cell, position = hostile_cell(choose), choose.choice((0, len(rows) - 1, choose.randrange(len(rows))))
    rows[position] = [cell] * len(rows[position])


def _other_scale(choose: Random, rows: Cells) -> None:
    factor = choose.choice((2.0, -1.0, 1e-3, 1e6, 1e-12, 1e20, 1e28, 1e-28, 1e31, 1e-31, 1e200, 1e-200, 0.0))
    position = choose.randrange(min(map(len, rows)))
    for row in rows:
        if isinstance(row[position], float):
            row[position] *= factor


def _far_origin(choose: Random, rows: Cells) -> None:
    origin, position = choose.choice((10.0, -2020.0, 1e6, 1e12, 1e16, 1e29)), choose.randrange(min(map(len, rows)))
    for row in rows:
        if isinstance(row[position], float):
            row[position] += origin


def _column_again(choose: Random, rows: Cells) -> None:
    factor, position = choose.choice((1.0, 2.0, -1e-7, 0.0)), choose.randrange(min(map(len, rows)))
    for row in rows:
        row.append(row[position] * factor if isinstance(row[position], float) else row[position])


def _row_less(choose: Random, rows: Cells) -> None:
    del rows[choose.randrange(len(rows))]


def _row_again(choose: Random, rows: Cells) -> None:
    rows.insert(choose.randint(0, len(rows)), list(choose.choice(rows)))


def _ragged(choose: Random, rows: Cells) -> None:
    row = choose.choice(rows)
    if choose.random() < 0.5:
        row.pop()
    else:
        row.append(hostile_cell(choose))


def _blank_rows(choose: Random, rows: Cells) -> None:
    blank = [choose.choice((None, "", " "))] * len(rows[-1])
    rows.extend(list(blank) for _ in range(choose.choice((1, 2, 5_000))))


def _shuffled(choose: Random, rows: Cells) -> None:
    choose.shuffle(rows)


def _row_for_column(_choose: Random, rows: Cells) -> None:
    rows[:] = [list(cells) for cells in zip(*rows, strict=False)]


def _header_on_or_off(choose: Random, rows: Cells) -> None:
    if isinstance(rows[0][0], str):
        del rows[0]
    else:
        rows.insert(0, [choose.choice((*NAMES, "", None, 1.0)) for _ in rows[0]])


def _first_cells_only(choose: Random, rows: Cells) -> None:
    rows[:] = [row[: choose.choice((1, 2))] for row in rows[: choose.choice((1, 2, 3))]]


CHANGES_OF_ROWS = (
    *(_one_cell, _one_cell, _one_number, _several_cells, _whole_column, _whole_row, _other_scale, _far_origin),
    *(_column_again, _row_less, _row_again, _ragged, _blank_rows, _shuffled, _row_for_column, _header_on_or_off),
    _first_cells_only,
)

CONTAINERS: tuple[Callable[[Cells], Any], ...] = (
    lambda rows: tuple(map(tuple, rows)),
    np.array,
    lambda rows: np.array(rows, dtype=object),
    lambda rows: np.array(rows, dtype=np.float64),
    lambda rows: np.array(rows, dtype=np.float64).ravel(),
    lambda rows: np.asfortranarray(np.array(rows, dtype=np.float64))[::-1],
    lambda rows: np.array(rows, dtype=np.float32),
    lambda rows: np.array(rows, dtype=np.float16),
    lambda rows: np.array(rows, dtype=np.longdouble),
    lambda rows: np.array(rows, dtype=np.complex128),
    lambda rows: np.array(rows, dtype=np.int8),
    lambda rows: np.array(rows, dtype=np.bool_),
    lambda rows: np.array(rows, dtype=np.str_),
    lambda rows: np.array(rows, dtype="datetime64[s]"),
    lambda rows: np.ma.masked_invalid(np.array(rows, dtype=np.float64)),
    lambda rows: np.array(rows)[..., None],
    pd.DataFrame,
    lambda rows: pd.DataFrame(rows[1:], columns=rows[0]),
    lambda rows: pd.Series([row[0] for row in rows]),
    lambda rows: pd.Series([row[0] for row in rows], dtype="category"),
    lambda rows: pd.array([row[0] for row in rows]),
    lambda rows: [row[0] for row in rows],
    lambda rows: [[[cell] for cell in row] for row in rows],
    lambda rows: [rows],
    lambda rows: [np.array(row) for row in rows],
    lambda rows: {"a": rows},
    lambda rows: rows[0][0],
    lambda rows: rows[0],
    str,
    list,
)
"""In what a range may arrive. Those that cannot hold its cells leave it as it is."""


def _change(choose: Random, arguments: Arguments, taken: tuple[str, ...]) -> None:
    """Do one thing to the arguments."""
    name = _range(choose, arguments)
    kind = choose.random()
    if name is None or kind < 0.12:
        wrong = choose.choice(taken)
        arguments[wrong] = choose.choice(
            (hostile_cell(choose), [[hostile_cell(choose)]], deepcopy(choose.choice(OTHERS)))
        )
    elif kind < 0.3:
        try:
            arguments[name] = choose.choice(CONTAINERS)(arguments[name])
        except Exception:  # noqa: BLE001  numpy and pandas refuse in many ways
            return
    elif kind < 0.4:
        # the same done to all ranges, as when all are selected wrongly
        change = choose.choice((_row_for_column, _blank_rows, _header_on_or_off, _row_again, _row_less))
        for each in [each for each in arguments if _range(choose, {each: arguments[each]})]:
            change(choose, arguments[each])
    else:
        choose.choice(CHANGES_OF_ROWS)(choose, arguments[name])


@cache
def _parameters(function: str) -> dict[str, Any]:
    signature = inspect.signature(WORKSHEET_FUNCTIONS[function])
    return {
        name: None if parameter.default is parameter.empty else parameter.default
        for name, parameter in signature.parameters.items()
    }


@cache
def _functions() -> tuple[tuple[str, ...], tuple[int, ...]]:
    names = tuple(name for name in WORKSHEET_FUNCTIONS if _parameters(name))
    return names, tuple(WEIGHTS.get(name, 5) for name in names)


def hostile_case(choose: Random) -> Case:
    """One call of one worksheet function; about half of them can be answered with a table."""
    names, weights = _functions()
    (function,) = choose.choices(names, weights)
    parameters = _parameters(function)
    of_formula = "formula" in parameters or ("model" in parameters and choose.random() < 0.3)
    drawn = _table(choose, lme4=function != "GLMM_BINOMIAL_DESIGN") if of_formula else _model(choose)
    for _ in range(choose.choice((0, 0, 0, 1, 1, 1, 2, 3))):
        _change(choose, drawn, tuple({**drawn, **parameters}))
    if "test" in parameters:
        names = ("x1", "x1", "x1", "x1", " x1 ", "x2", [["x1"]], "dose", "no", None, 1.0)
        drawn["test"] = deepcopy(choose.choice(names))
        numbers = (None, None, 6, 8.0, [[5.0], [9.0]], [[4.0, 2.0]], choose.choice(([[2.0, None]], 1, 2.5, "a", 1e9)))
        drawn["n_groups"] = deepcopy(choose.choice(numbers))
        # each of them is a fit
        drawn["n_sim"] = choose.choice((3, 10.0, 20, 5, choose.choice((0, 2.5, "1"))))
    if "model" in parameters:
        maker = "GLMM_BINOMIAL_FORMULA" if of_formula else "GLMM_BINOMIAL_MODEL"
        model = _called(maker, drawn)
        drawn["model"] = model if choose.random() < 0.97 else choose.choice(NO_MODELS)
        drawn.setdefault(
            "parameter", choose.choice((None, None, None, "x1", "intercept", [["x1"], ["dose"]], "no", 1.0))
        )
        drawn.setdefault("columns", choose.choice((None, None, None, "x1", "sex", "dose", [["x1"], ["x2"]], "no", 1.0)))
        if choose.random() < 0.3:
            drawn["new_data"] = None
        if "model2" in parameters:
            drawn |= _further_models(choose, maker, drawn, model)
    return _called(function, drawn)


def _further_models(choose: Random, maker: str, drawn: Arguments, model: Case) -> Arguments:
    """One to three more models: the first again, or of the same data with something changed."""
    further: Arguments = {}
    for number in range(2, 2 + choose.choice((1, 1, 2, 3))):
        other = deepcopy({name: value for name, value in drawn.items() if name != "model"})
        change = choose.random()
        if change < 0.3 and "formula" in other:
            other["formula"] = choose.choice(SENSIBLE)
        elif change < 0.3:
            other["x_random"] = None
        elif change < 0.6 and isinstance(other.get("x"), list) and all(isinstance(row, list) for row in other["x"]):
            other["x"] = [row[:1] for row in other["x"]]
        elif change < 0.8:
            _change(choose, other, tuple(other))
        made = _called(maker, other) if change < 0.9 else model
        further[f"model{number}"] = made if choose.random() < 0.97 else deepcopy(choose.choice(NO_MODELS))
    return further


NO_MODELS = (
    None,
    "GLMM@1",
    " GLMM@12 ",
    "Invalid input: y must be numeric.",
    "a",
    1.0,
    [[1.0, 2.0]],
    [[None]],
    ERRORS[0],
)
"""What a cell may hold in the place of a model."""


def _called(function: str, drawn: Arguments) -> Case:
    """A call with those of the arguments that the function takes."""
    parameters = _parameters(function)
    given = {name: value for name, value in drawn.items() if name in parameters}
    return Case(function, tuple((parameters | given).values()))


def written(value: Any) -> str:
    """A value as one would type it, also where Python refuses to write a number of thousands of digits."""
    if isinstance(value, list | tuple):
        inside = ", ".join(map(written, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, int) and abs(value) > 10**18:
        return hex(value) if abs(value) < 10**30 else f"about {'-' if value < 0 else ''}2**{value.bit_length()}"
    return repr(value) if len(repr(value)) < 2_000 else f"{repr(value)[:40]} ... of length {len(repr(value))}"
