"""The text of a formula -> its words: names, calls, numbers, operators and brackets, not yet understood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from glmm_binomial.extras import require
from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_FORMULA: Final = 1_000

EXAMPLE: Final = 'Write it like "y ~ trt * sex + (1 | id)".'

QUOTED: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`([^`]*)`|\^""")
OPERATORS: Final = re.compile(r"\|\||\*\*|[-+*/:^~|]|[^-+*/:^~|]+")
PLAIN_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.\w+)*")

NOT_OF_A_FORMULA: Final = {
    "family": "The family is binomial and the link the logit, always: leave it out",
    "link": "The link is the logit, always: leave it out",
    "weights": (
        "For counts write successes / trials ~ ... or cbind(successes, failures) ~ ...; for a share of a number of "
        "trials, share * trials / trials ~ ...; and leave it out"
    ),
    "data": "The table is an argument of its own: leave it out",
    "offset": "It is a term of the formula here: write + offset(...)",
}
"""Arguments of glmer that people type along with the formula, and what to do instead."""

NAMED_ARGUMENT: Final = re.compile(rf"\b({'|'.join(NOT_OF_A_FORMULA)})\s*=(?!=)")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a formula.

    Attributes
    ----------
    kind : {"name", "call", "value", "operator", "bracket"}
        A call is a function with its brackets, or arithmetic in braces.
    text : str
        A name without its backticks, a call as it was typed.
    """

    kind: Literal["name", "call", "value", "operator", "bracket"]
    text: str

    def typed(self) -> str:
        """The word as a person would type it."""
        return self.text if self.kind != "name" else quoted(self.text)


KINDS: Final[dict[str, Literal["name", "call", "value", "bracket"]]] = {
    "name": "name",
    "python": "call",
    "value": "value",
    "context": "bracket",
}


def quoted(name: str) -> str:
    """The name of a column as a formula holds it, in backticks when it is more than letters, digits and dots."""
    return name if PLAIN_NAME.fullmatch(name) else f"`{name}`"


def typed(words: Iterable[Word]) -> str:
    """Words as a person would type them."""
    return " ".join(word.typed() for word in words).replace("( ", "(").replace(" )", ")").replace(" ^ ", "^")


def formula_text(formula: object) -> str:
    """The text of a formula, from a text or a cell."""
    formula = single_cell(formula)
    if not isinstance(formula, str) or is_blank(formula):
        reject(f"formula must be text. It is {'blank' if is_blank(formula) else describe(formula)}. {EXAMPLE}")
    text = formula.strip()
    if len(text) > LONGEST_FORMULA:
        reject(f"formula must have at most {LONGEST_FORMULA:,} characters. It has {len(text):,}.")
    return text


def words_of(text: str) -> list[Word]:
    """The words of a formula.

    Raises
    ------
    InvalidInputError
        When it is not made of words, or holds arguments of glmer.
    MissingPackageError
        When formulaic is not installed.
    """
    _require_formula_alone(text)
    tokenize = require("formulaic.parser.algos.tokenize", extra="formulas", purpose="A formula").tokenize
    errors = require("formulaic.errors", extra="formulas", purpose="A formula")
    try:
        tokens = list(tokenize(text))
    except errors.FormulaParsingError as error:
        reject(f"formula cannot be read: {first_line(error)} {EXAMPLE}")
    words: list[Word] = []
    for token in tokens:
        kind = token.kind.value
        if kind == "operator":
            # "~ -1" comes as one operator
            words += [Word("operator", part.strip()) for part in OPERATORS.findall(token.token)]
        else:
            words.append(Word(KINDS[kind], token.token))
    return words


def first_line(error: Exception) -> str:
    """The first line of formulaic's message, without its tip; what follows is coloured for a terminal."""
    return str(error).partition("\n")[0].partition(" (tip")[0].strip()


def _require_formula_alone(text: str) -> None:
    bare = QUOTED.sub("", text)
    named = NAMED_ARGUMENT.search(bare)
    if named:
        reject(f'formula must be the formula alone, without "{named[1]} = ". {NOT_OF_A_FORMULA[named[1]]}.')
    called = re.match(r"\s*(glmer|glmmTMB|glm|lmer|bglmer|mixed_model)\s*\(", bare)
    if called:
        reject(f'formula must be the formula alone, without "{called[1]}(". {EXAMPLE}')
