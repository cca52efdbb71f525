"""The terms of a formula in Wilkinson notation, read without ever being run.

What a person types reaches formulaic, which evaluates Python, only after each name and each function call in it was
replaced by f0, f1 ...: what is left is operators, brackets and numbers. The calls themselves are read elsewhere, as
syntax trees of which nothing but a few forms is accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glmm_binomial.formula.calls import factor_of_call
from glmm_binomial.formula.factors import Category, Numbers
from glmm_binomial.formula.words import EXAMPLE
from glmm_binomial.observations.cells import reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glmm_binomial.formula.columns import Columns
    from glmm_binomial.formula.factors import TypedFactor
    from glmm_binomial.formula.words import Word

SAFE_FORMULA: Final = re.compile(r"(?:f[0-9]+|[0-9]+|[-+*/:^() ])*")
OPERATORS: Final = re.compile(r"[-+*/:^]+")


@dataclass(frozen=True, slots=True)
class ParsedTerms:
    """Terms of nothing but f0, f1 ..., operators, brackets and numbers, and what f0, f1 ... stand for."""

    text: str
    factors: tuple[TypedFactor, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of the table that they name."""
        return tuple(dict.fromkeys(name for factor in self.factors for name in factor.variables))


def parse_terms(words: Sequence[Word], columns: Columns) -> ParsedTerms:
    """Read terms whose names are columns of a table.

    Raises
    ------
    InvalidInputError
        When they hold anything but columns, operators, brackets, C(), Treatment() and the known functions.
    """
    for position, word in enumerate(words):
        _require_symbol(word, before=words[position - 1].text if position else "")
    factors: list[TypedFactor] = []
    safe: list[str] = []
    for word in words:
        if word.kind == "name":
            name = columns.table.known(word.text)
            factor: TypedFactor = Category(name, None, asked=False) if columns[name].kind == "text" else Numbers(name)
        elif word.kind == "call":
            factor = factor_of_call(word.text, columns.table.known)
            if isinstance(factor, Category):
                columns.look_for_levels(factor.name)
        else:
            safe.append(word.text)
            continue
        if factor not in factors:
            factors.append(factor)
        safe.append(f"f{factors.index(factor)}")
    text = " ".join(safe)
    if not SAFE_FORMULA.fullmatch(text):
        reject(f"formula cannot be read. {EXAMPLE}")
    return ParsedTerms(text=text, factors=tuple(factors))


def _require_symbol(word: Word, *, before: str) -> None:
    """Refuse operators, brackets and numbers that do not belong to Wilkinson notation."""
    text = word.text
    if word.kind in {"name", "call"}:
        return
    if word.kind == "value":
        if text not in {"0", "1"} and not (before in {"**", "^"} and re.fullmatch(r"[1-9]", text)):
            reject(
                f'formula must be written with names, operators and brackets. It holds "{text}"; known are 1 and 0 '
                "(with and without intercept), powers as in (a + b)**2, and arithmetic on a column as in I(age / 10)."
            )
    elif not (OPERATORS.fullmatch(text) if word.kind == "operator" else text in {"(", ")"}):
        reject(f'formula must be written with + - * / : ** and brackets. It holds "{text}". {EXAMPLE}')
