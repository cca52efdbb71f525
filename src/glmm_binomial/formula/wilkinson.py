"""A formula in Wilkinson notation, read without ever being run.

What a person types reaches formulaic, which evaluates Python, only after each name and each function call in it was
replaced by f0, f1 ...: what is left is operators, brackets and numbers. The calls themselves are read here as syntax
trees, and nothing but the few forms below is accepted.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np

from glmm_binomial.extras import require
from glmm_binomial.observations.cells import describe, float_or_infinity, is_blank, reject, single_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

LONGEST_FORMULA: Final = 1_000
DEEPEST: Final = 20
"""Levels of brackets and signs within one call."""


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred and divided by the sample SD; first by the largest deviation, so that squares cannot overflow."""
    deviations = values - values.mean()
    deviations = deviations / np.abs(deviations).max()
    return np.asarray(deviations / np.sqrt((deviations**2).sum() / (np.float64(values.size) - 1.0)))


TRANSFORMS: Final[Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "I": lambda values: values,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "center": lambda values: values - values.mean(),
    "scale": _scaled,
}
"""The functions of one column; scale divides by the sample SD, as in R."""

ARITHMETIC: Final[Mapping[type[ast.operator], Callable[..., NDArray[np.float64]]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
SIGNS: Final[Mapping[type[ast.unaryop], Callable[..., NDArray[np.float64]]]] = {
    ast.UAdd: np.positive,
    ast.USub: np.negative,
}

SAFE_FORMULA: Final = re.compile(r"(?:f[0-9]+|[0-9]+|[-+*/:^() ])*")
OPERATORS: Final = re.compile(r"[-+*/:^]+")
QUOTED: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`([^`]*)`|\^""")

EXAMPLE: Final = 'Write it like "trt * sex".'
ALLOWED_CALLS: Final = (
    'Allowed are names of columns (in backticks when they are more than letters and digits), C(trt), C(trt, Treatment("'
    f'treat")), {", ".join(TRANSFORMS)} of one column, and arithmetic with numbers inside these.'
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers as it stands."""

    name: str


@dataclass(frozen=True, slots=True)
class Category:
    """A column whose values are levels: one of text, or C(name).

    `reference` is the label of the level to compare the others with, if it was chosen; `asked` whether C() was written.
    """

    name: str
    reference: str | None
    asked: bool = field(compare=False)


@dataclass(frozen=True, slots=True)
class Transform:
    """Arithmetic on columns of numbers: its text, its checked syntax tree, and the column behind each of its names."""

    text: str
    tree: ast.expr = field(compare=False)
    columns: tuple[tuple[str, str], ...]

    def values(self, numbers: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Apply to the columns of numbers, by name; what has no finite value becomes NaN or infinite."""
        with np.errstate(all="ignore"):
            return _evaluate(self.tree, {alias: numbers[name] for alias, name in self.columns})


Factor = Column | Category | Transform


@dataclass(frozen=True, slots=True)
class ParsedFormula:
    """A formula of nothing but f0, f1 ..., operators, brackets and numbers, and what f0, f1 ... stand for."""

    text: str
    factors: tuple[Factor, ...]


def parse_formula(formula: object, columns: Sequence[str], is_text: Callable[[str], bool]) -> ParsedFormula:
    """Read a formula whose names are columns of the data.

    Parameters
    ----------
    formula : str
    columns : sequence of str
        The names of all columns.
    is_text : callable
        Whether the column of a name holds text.

    Raises
    ------
    InvalidInputError
        When it holds anything but columns, operators, brackets, C(), Treatment() and the known transforms.
    MissingPackageError
        When formulaic is not installed.
    """
    tokens = _tokens(_formula_text(single_cell(formula)))
    for position, token in enumerate(tokens):
        _require_symbol(token.token, token.kind.value, before=tokens[position - 1].token if position else "")
    factors: list[Factor] = []
    words: list[str] = []
    for token in tokens:
        match token.kind.value:
            case "name":
                name = _known(token.token, columns)
                factor: Factor = Category(name, None, asked=False) if is_text(name) else Column(name)
            case "python":
                factor = _parse_call(token.token, columns)
            case _:
                words.append(token.token)
                continue
        if factor not in factors:
            factors.append(factor)
        words.append(f"f{factors.index(factor)}")
    safe = " ".join(words)
    if not SAFE_FORMULA.fullmatch(safe):
        reject(f"formula cannot be read. {EXAMPLE}")
    return ParsedFormula(text=safe, factors=tuple(factors))


def _formula_text(formula: object) -> str:
    if not isinstance(formula, str) or is_blank(formula):
        reject(f"formula must be text. It is {'blank' if is_blank(formula) else describe(formula)}. {EXAMPLE}")
    text = formula.strip().removeprefix("~").strip()
    if len(text) > LONGEST_FORMULA:
        reject(f"formula must have at most {LONGEST_FORMULA:,} characters. It has {len(text):,}.")
    if not text:
        reject(f'formula must name columns. It holds only "~". {EXAMPLE}')
    return text


def _tokens(text: str) -> list[Any]:
    tokenize = require("formulaic.parser.algos.tokenize", extra="formulas", purpose="A formula").tokenize
    errors = require("formulaic.errors", extra="formulas", purpose="A formula")
    try:
        return list(tokenize(text))
    except errors.FormulaParsingError as error:
        reject(f"formula cannot be read: {first_line(error)} {EXAMPLE}")


def first_line(error: Exception) -> str:
    """The first line of formulaic's message, without its tip; what follows is coloured for a terminal."""
    return str(error).partition("\n")[0].partition(" (tip")[0].strip()


def _require_symbol(word: str, kind: str, *, before: str) -> None:
    """Refuse operators, brackets and numbers that do not belong to Wilkinson notation."""
    if kind in {"name", "python"}:
        return
    if "~" in word:
        reject('formula must name only columns of x, without "~". y is an argument of its own.')
    if "|" in word:
        reject(
            'formula must name only fixed effects, without "|". Random effects are given by the arguments groups and '
            "x_random."
        )
    if kind == "value":
        if word not in {"0", "1"} and not (before in {"**", "^"} and re.fullmatch(r"[1-9]", word)):
            reject(
                f'formula must be written with names, operators and brackets. It holds "{word}"; known are 1 and 0 '
                "(with and without intercept), powers as in (a + b)**2, and arithmetic on a column as in I(age / 10)."
            )
    elif not (OPERATORS.fullmatch(word) if kind == "operator" else word in {"(", ")"}):
        reject(f'formula must be written with + - * / : ** and brackets. It holds "{word}". {EXAMPLE}')


def _known(name: str, columns: Sequence[str]) -> str:
    if name not in columns:
        alike = [column for column in columns if column.casefold() == name.strip().casefold()]
        hint = f"is {alike[0]} meant?" if alike else _list_of(columns)
        reject(f"formula must name columns of data. There is no column {name}; {hint}")
    if columns.count(name) > 1:
        reject(
            f"formula must name columns of data. {columns.count(name)} columns are called {name}; rename all but one."
        )
    return name


def _list_of(columns: Sequence[str]) -> str:
    named = [column for column in columns if column]
    shown = ", ".join(named[:20]) + (", ..." if len(named) > 20 else "")  # noqa: PLR2004  a message is read in one cell
    return f"the columns are {shown}."


def _parse_call(text: str, columns: Sequence[str]) -> Factor:
    """Read C(...) or a transform; `...` stands for the name of a column."""
    quoted: dict[str, str] = {}

    def alias(found: re.Match[str]) -> str:
        if found[1] is None:
            # in Python ^ is no power
            return "**" if found[0] == "^" else found[0]
        quoted[f"_backtick{len(quoted)}_"] = found[1]
        return f" _backtick{len(quoted) - 1}_ "

    try:
        tree = ast.parse(QUOTED.sub(alias, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        _reject_call(text)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "C":
        return _category(tree, quoted, columns, text)
    _require_plain(tree, text, depth=0)
    names = dict.fromkeys(node.id for node in _operands(tree))
    if not names:
        reject(f"formula must apply functions to columns. {text} holds none.")
    shown = ast.unparse(tree)
    for name, column in quoted.items():
        shown = shown.replace(name, column)
    return Transform(
        text=shown, tree=tree, columns=tuple((name, _known(quoted.get(name, name), columns)) for name in names)
    )


def _reject_call(text: str) -> NoReturn:
    shown = text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004  a message is read in one cell
    reject(f"formula must hold nothing but columns and known functions. {shown} is not known. {ALLOWED_CALLS}")


def _category(tree: ast.expr, quoted: Mapping[str, str], columns: Sequence[str], text: str) -> Category:
    """C(column) or C(column, Treatment(reference))."""
    match tree:
        case ast.Call(args=[ast.Name(id=name)], keywords=[]):
            reference = None
        case ast.Call(
            args=[
                ast.Name(id=name),
                ast.Call(func=ast.Name(id="Treatment"), args=[chosen], keywords=[])
                | ast.Call(
                    func=ast.Name(id="Treatment"), args=[], keywords=[ast.keyword(arg="reference", value=chosen)]
                ),
            ],
            keywords=[],
        ):
            reference = _level(chosen, text)
        case _:
            _reject_call(text)
    return Category(_known(quoted.get(name, name), columns), reference, asked=True)


def _level(node: ast.expr, text: str) -> str:
    """The label of a level, written as text, as a number or as TRUE or FALSE are in Python."""
    match node:
        case ast.Constant(value=str(label)):
            return label.strip()
        case ast.Constant(value=int() | float() as number):
            return describe(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return describe(-number)
        case _:
            _reject_call(text)


def _require_plain(node: ast.expr, text: str, *, depth: int) -> None:
    """Refuse all but transforms of one argument, arithmetic, names and numbers."""
    if depth > DEEPEST:
        _reject_call(text)
    match node:
        case ast.Name():
            operands: list[ast.expr] = []
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            operands = []
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if function in TRANSFORMS:
            operands = [argument]
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
            operands = [left, right]
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in SIGNS:
            operands = [operand]
        case _:
            _reject_call(text)
    for operand in operands:
        _require_plain(operand, text, depth=depth + 1)


def _operands(tree: ast.expr) -> list[ast.Name]:
    """The names that stand for columns, in their order."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions]


def _evaluate(node: ast.expr, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """The value of a tree that `_require_plain` has let pass."""
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=number):
            return np.asarray(float_or_infinity(number))
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            return TRANSFORMS[function](_evaluate(argument, values))
        case ast.BinOp(left=left, op=operator, right=right):
            return ARITHMETIC[type(operator)](_evaluate(left, values), _evaluate(right, values))
        case ast.UnaryOp(op=sign, operand=operand):
            return SIGNS[type(sign)](_evaluate(operand, values))
    raise TypeError(type(node).__name__)
