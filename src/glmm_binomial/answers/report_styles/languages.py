"""How R, Stata and SAS write names, texts and arithmetic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.report_styles.refit import ColumnOfCurve, LevelOf, Names
from glmm_binomial.formula.expressions import Applied, Arithmetic, ColumnOfNumbers, Number, Standardized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from glmm_binomial.answers.report_styles.refit import Piece, Product

LONGEST_NAME: Final = 32
"""Of a column, in Stata and in SAS."""

RESERVED: Final = frozenset(
    {"_all", "_b", "_coef", "_cons", "_n", "_pi", "_pred", "_rc", "_skip", "byte", "double", "float", "if", "in"}
    | {"int", "long", "strl", "using", "with", "intercept", "groups_number", "groups_above", "levels_number"}
)
"""Names that Stata keeps for itself, or that the code makes."""

PRECEDENCE: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3}
NEW_LINE: Final = re.compile(r"[\r\n]+")
SPACED: Final = "+-*"


@dataclass(frozen=True, slots=True)
class Language:
    """A program's way of writing.

    Attributes
    ----------
    quoted, text : callable
        A name, and a text, as they are written.
    equal, power : str
    trimmed : str
        Template of a text without the spaces around it.
    functions : mapping
        Templates.
    curve : callable
        One of the columns of poly() or bs().
    """

    quoted: Callable[[str], str]
    text: Callable[[str], str]
    equal: str
    power: str
    trimmed: str
    functions: Mapping[str, str]
    curve: Callable[[ColumnOfCurve], str]

    def product(self, product: Product) -> str:
        """A column, calculated."""
        written = [self.piece(piece, alone=len(product.pieces) == 1) for piece in product.pieces]
        return " * ".join(written)

    def piece(self, piece: Piece, *, alone: bool = False) -> str:
        """What a column is the product of."""
        match piece:
            case LevelOf(column, level, is_padded):
                name = self.trimmed.format(self.quoted(column)) if is_padded else self.quoted(column)
                value = self.text(level) if isinstance(level, str) else number(level)
                return f"({name} {self.equal} {value})"
            case ColumnOfCurve():
                return self.curve(piece)
            case _:
                return self.arithmetic(piece) if alone else self.arithmetic(piece, within=PRECEDENCE["*"])

    def arithmetic(self, expression: object, *, within: int = 0) -> str:
        """An expression, in brackets where it stands beside an operator that binds as much or more."""
        match expression:
            case Number(value):
                return f"({number(value)})" if value < 0.0 else number(value)
            case ColumnOfNumbers(name):
                return self.quoted(name)
            case Applied(function, operand):
                return self.functions[function].format(self.arithmetic(operand))
            case Standardized(operand, centre, unit):
                centred = Arithmetic("-", operand, Number(shortened(centre)))
                scaled = centred if unit == 1.0 else Arithmetic("/", centred, Number(shortened(unit)))
                return self.arithmetic(scaled, within=within)
            case Arithmetic(operator, left, right):
                strength = PRECEDENCE[operator]
                first = self.arithmetic(left, within=strength - (operator != "^"))
                second = self.arithmetic(right, within=strength - (operator in "+*"))
                sign = self.power if operator == "^" else operator
                written = f"{first} {sign} {second}" if operator in SPACED else f"{first}{sign}{second}"
                return f"({written})" if strength <= within else written
            case _:
                raise TypeError(type(expression).__name__)


def comment(lines: Iterable[str], *, before: str, after: str = "") -> Iterator[str]:
    """Lines as comments; what a person typed in several lines stays in one."""
    for line in lines:
        yield f"{before} {NEW_LINE.sub(' ', line)}{after}"


def number(value: float) -> str:
    """A number with all its digits."""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004  exact


def shortened(value: float) -> float:
    """A number of 15 significant digits, which is as many as R shows."""
    return float(f"{value:.15g}")


def plain_names(columns: tuple[str, ...]) -> dict[str, str]:
    """Names that Stata and SAS can have: letters, digits and underscores, at most 32, no two alike in any case."""
    names, found = Names(), {}
    for column in columns:
        name = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9_]", "_", column)).strip("_") or "column"
        name = f"_{name}" if name[0].isdigit() else name
        name = f"{name}_" if name.casefold() in RESERVED else name
        found[column] = names.fresh(name[: LONGEST_NAME - 3])
    return found


FUNCTIONS: Final = {
    "I": "({})",
    **{name: f"{name}({{}})" for name in ("log", "log10", "log2", "exp", "sqrt", "abs")},
}
