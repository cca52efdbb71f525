"""Arithmetic on columns of numbers: read as a syntax tree, kept as plain values, never run as code.

scale() and center() remember the mean and the SD of the rows of the fit, so that new rows are coded as those were.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np

from glmm_binomial.formula.words import QUOTED, quoted
from glmm_binomial.observations.cells import float_or_infinity, reject

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

DEEPEST: Final = 20
"""Levels of brackets and signs within one call."""

FUNCTIONS: Final[Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "I": lambda values: values,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
REMEMBERING: Final = ("center", "scale")
"""Functions that depend on the rows of the fit; scale divides by the sample SD, as in R."""

KNOWN: Final = (*FUNCTIONS, *REMEMBERING)

ARITHMETIC: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "^",
}
OPERATIONS: Final[Mapping[str, Callable[..., NDArray[np.float64]]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}

ALLOWED_CALLS: Final = (
    "Allowed are names of columns (in backticks when they are more than letters and digits), C(trt), C(trt, "
    f'Treatment("treat")), {", ".join(KNOWN)} of one column, arithmetic with numbers inside these, poly(age, 2) and '
    "bs(age, df = 4)."
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was typed."""

    value: float


@dataclass(frozen=True, slots=True)
class ColumnOfNumbers:
    """A column of the table, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two expressions and one of + - * / ^ between them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Applied:
    """A function of one expression, by name."""

    function: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Standardized:
    """(operand - centre) / unit, with the mean and the SD of the rows of the fit; the unit of center() is one."""

    operand: Expression
    centre: float
    unit: float


Expression = Number | ColumnOfNumbers | Arithmetic | Applied | Standardized


@dataclass(frozen=True, slots=True)
class Tree:
    """A checked syntax tree of Python's grammar, and the columns behind the names in it that were in backticks."""

    root: ast.expr
    backticked: Mapping[str, str]

    def text(self, node: ast.expr | None = None, *, to_paste: bool = False) -> str:
        """The tree, or a part of it, as a person would write it, with backticks where it is to be pasted."""
        shown = ast.unparse(node or self.root)
        for alias, column in self.backticked.items():
            shown = shown.replace(alias, quoted(column) if to_paste else column)
        return shown.replace(" ** ", "^") if to_paste else shown


def syntax_tree(text: str) -> Tree:
    """Read arithmetic and calls by Python's grammar, without running them; ^ is a power, backticks hold names."""
    columns: dict[str, str] = {}

    def alias(found: re.Match[str]) -> str:
        if found[1] is None:
            # in Python ^ is no power
            return "**" if found[0] == "^" else found[0]
        columns[f"_backtick{len(columns)}_"] = found[1]
        return f" _backtick{len(columns) - 1}_ "

    try:
        root = ast.parse(QUOTED.sub(alias, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        reject_call(text)
    return Tree(root, columns)


def reject_call(text: str) -> NoReturn:
    """Refuse what is neither a column nor a known function."""
    shown = text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004  a message is read in one cell
    function = text.partition("(")[0].strip()
    column = text.partition("(")[2].removesuffix(")").strip()
    instead = ""
    if function in {"factor", "as.factor"}:
        instead = f"Write C({column}) to make levels of a column. "
    elif function in {"ns", "cr", "cs", "s", "rcs", "spline"}:
        column = column.partition(",")[0]
        instead = f"For a curve write poly({column}, 2) or bs({column}, df = 4). "
    reject(f"formula must hold nothing but columns and known functions. {shown} is not known. {instead}{ALLOWED_CALLS}")


def expression_of(tree: Tree, node: ast.expr, text: str, *, known: Callable[[str], str], depth: int = 0) -> Expression:
    """The arithmetic of a part of a tree; all but functions of one argument, arithmetic, names and numbers is refused.

    Parameters
    ----------
    tree : Tree
    node : part of the tree
    text : str
        What was typed, for the message.
    known : callable
        Takes the name of a column and returns it, or refuses it.
    """

    def inner(part: ast.expr) -> Expression:
        return expression_of(tree, part, text, known=known, depth=depth + 1)

    if depth > DEEPEST:
        reject_call(text)
    match node:
        case ast.Name(id=name):
            return ColumnOfNumbers(known(tree.backticked.get(name, name)))
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            return Number(float_or_infinity(value))
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if function in KNOWN:
            return Applied(function, inner(argument))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
            return Arithmetic(ARITHMETIC[type(operator)], inner(left), inner(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Arithmetic("*", Number(-1.0), inner(operand))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return inner(operand)
        case _:
            reject_call(text)


def columns_in(expression: Expression) -> Iterator[str]:
    """The names of the columns, in their order, as often as they stand there."""
    match expression:
        case ColumnOfNumbers(name):
            yield name
        case Arithmetic(_, left, right):
            yield from columns_in(left)
            yield from columns_in(right)
        case Applied(_, operand) | Standardized(operand):
            yield from columns_in(operand)


def value_of(expression: Expression, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """The numbers of an expression; what has no finite value becomes NaN or infinite."""
    with np.errstate(all="ignore"):
        return _remembered(expression, columns)[1]


def remembered(expression: Expression, columns: Mapping[str, NDArray[np.float64]]) -> Expression:
    """The expression with the mean and the SD of these rows in the place of scale() and center()."""
    with np.errstate(all="ignore"):
        return _remembered(expression, columns)[0]


def _remembered(
    expression: Expression, columns: Mapping[str, NDArray[np.float64]]
) -> tuple[Expression, NDArray[np.float64]]:
    """An expression that depends on single rows only, and its numbers."""
    match expression:
        case Number(value):
            return expression, np.asarray(value)
        case ColumnOfNumbers(name):
            return expression, columns[name]
        case Arithmetic(operator, left, right):
            first, first_values = _remembered(left, columns)
            second, second_values = _remembered(right, columns)
            return Arithmetic(operator, first, second), OPERATIONS[operator](first_values, second_values)
        case Applied(function, operand) if function in FUNCTIONS:
            inner, values = _remembered(operand, columns)
            return Applied(function, inner), FUNCTIONS[function](values)
        case Applied(function, operand):
            inner, values = _remembered(operand, columns)
            centre = float(values.mean())
            standardized = Standardized(inner, centre, _sample_sd(values - centre) if function == "scale" else 1.0)
            return standardized, (values - centre) / standardized.unit
        case Standardized(operand, centre, unit):
            inner, values = _remembered(operand, columns)
            return expression, (values - centre) / unit


def _sample_sd(deviations: NDArray[np.float64]) -> float:
    """The SD by n - 1, of deviations divided by the largest first, so that squares cannot overflow."""
    largest = np.abs(deviations).max()
    return float(largest * np.sqrt(((deviations / largest) ** 2).sum() / (np.float64(deviations.size) - 1.0)))
