"""The words of a formula -> its parts: the response, the fixed effects, and the random effects of each group.

    y ~ trt * sex + offset(log(time)) + (1 + day || id)
    response ~ fixed + offsets + (effects || groups)

What the notation holds is read here, whether or not it can be fitted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NoReturn

from glmm_binomial.formula.words import EXAMPLE, Word, typed
from glmm_binomial.observations.cells import reject

if TYPE_CHECKING:
    from collections.abc import Sequence

BARS = {"|", "||"}
OFFSET: Final = re.compile(r"offset\s*\(")


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which rows belong together.

    Attributes
    ----------
    names : tuple of str
        Columns of labels; several when groups are nested or crossed labels make a group.
    nested : bool
        school/class: effects of schools, and of classes within schools.
    """

    names: tuple[str, ...]
    nested: bool

    @property
    def name(self) -> str:
        """As a table shows it."""
        return ":".join(self.names)

    def typed(self) -> str:
        """As a person would type it."""
        return ("/" if self.nested else ":").join(Word("name", name).typed() for name in self.names)


@dataclass(frozen=True, slots=True)
class RandomPart:
    """A random term as typed: (effects | groups).

    Attributes
    ----------
    effects : tuple of Word
    correlated : bool
        "|", not "||".
    grouping : Grouping
    """

    effects: tuple[Word, ...]
    correlated: bool
    grouping: Grouping

    def typed(self, *, correlated: bool | None = None) -> str:
        """As a person would type it, or would type it with the other bar."""
        bar = "|" if (self.correlated if correlated is None else correlated) else "||"
        return f"({typed(self.effects)} {bar} {self.grouping.typed()})"


@dataclass(frozen=True, slots=True)
class FormulaParts:
    """The parts of a formula.

    Attributes
    ----------
    response : tuple of Word, or None
        None when nothing stands before "~", or there is no "~".
    fixed : tuple of Word
        Without the offsets and the random terms; "1" when nothing else is left.
    offsets : tuple of Word
        Calls of offset().
    random : tuple of RandomPart
    """

    response: tuple[Word, ...] | None
    fixed: tuple[Word, ...]
    offsets: tuple[Word, ...]
    random: tuple[RandomPart, ...]


def parts_of(words: Sequence[Word]) -> FormulaParts:
    """Take a formula apart.

    Raises
    ------
    InvalidInputError
        When random effects are not written as (effects | groups), added to the others.
    """
    tildes = [position for position, word in enumerate(words) if word.text == "~" and word.kind == "operator"]
    if len(tildes) > 1:
        reject(f'formula must have one "~", between the response and the effects. It has {len(tildes)}. {EXAMPLE}')
    response = tuple(words[: tildes[0]]) if tildes else ()
    if any(_is_bar(word) for word in response):
        reject(f'formula must have random effects after the "~". {EXAMPLE}')
    effects = list(words[tildes[0] + 1 :]) if tildes else list(words)
    if not effects:
        reject(f'formula must name columns. It holds only "{typed(words)}". {EXAMPLE}')
    others, random = _without_random(effects)
    fixed, offsets = _without_offsets(others)
    return FormulaParts(
        response=response or None,
        fixed=tuple(fixed) or (Word("value", "1"),),
        offsets=tuple(offsets),
        random=tuple(random),
    )


def _is_bar(word: Word) -> bool:
    return word.kind == "operator" and word.text in BARS


def _closing(words: Sequence[Word], start: int) -> int:
    """Position of the bracket that closes the one at the start."""
    depth = 0
    for position in range(start, len(words)):
        if words[position].kind == "bracket":
            depth += 1 if words[position].text == "(" else -1
            if not depth:
                return position
    reject(f'formula cannot be read: a bracket is not closed in "{typed(words[start:])}". {EXAMPLE}')


def _without_random(words: list[Word]) -> tuple[list[Word], list[RandomPart]]:
    """The words of the fixed effects, and the random terms."""
    fixed: list[Word] = []
    random: list[RandomPart] = []
    position = 0
    while position < len(words):
        word = words[position]
        if _is_bar(word):
            _reject_bar(words)
        if word.text != "(" or word.kind != "bracket":
            fixed.append(word)
            position += 1
            continue
        end = _closing(words, position)
        inside = words[position + 1 : end]
        if any(map(_is_bar, inside)):
            after = words[end + 1].text if end + 1 < len(words) else "+"
            if (fixed and fixed[-1].text != "+") or after not in {"+", "-"}:
                reject(
                    f"formula must add random terms to the other effects by +. ({typed(inside)}) is not added. "
                    f"{EXAMPLE}"
                )
            random.append(_random_part(inside))
            if fixed:
                fixed.pop()
            elif after == "+":
                end += 1
        else:
            fixed += words[position : end + 1]
        position = end + 1
    return fixed, random


def _without_offsets(words: list[Word]) -> tuple[list[Word], list[Word]]:
    """The words of the other effects, and the offsets that are added to them; what else an offset is part of stays."""
    fixed: list[Word] = []
    offsets: list[Word] = []
    depth = 0
    for position, word in enumerate(words):
        depth += {"(": 1, ")": -1}.get(word.text, 0) if word.kind == "bracket" else 0
        after = words[position + 1].text if position + 1 < len(words) else "+"
        is_added = not depth and (not fixed or fixed[-1].text == "+") and after in {"+", "-"}
        if is_added and word.kind == "call" and OFFSET.match(word.text):
            offsets.append(word)
            if fixed:
                fixed.pop()
            continue
        # what is left of an offset before it
        if fixed or not offsets or word.text != "+":
            fixed.append(word)
    return fixed, offsets


def _reject_bar(words: Sequence[Word]) -> NoReturn:
    reject(
        f'formula must have random effects in brackets, such as (1 | id). "{typed(words)}" has "|" outside of brackets.'
    )


def _random_part(words: list[Word]) -> RandomPart:
    """(effects | groups), from the words between the brackets."""
    while words[0].text == "(" and _closing(words, 0) == len(words) - 1:
        words = words[1:-1]
    bars = [position for position, word in enumerate(words) if _is_bar(word)]
    if len(bars) != 1 or any(word.kind == "bracket" for word in words[bars[0] :]):
        reject(
            f"formula must have one random term in each pair of brackets, such as (1 | id). ({typed(words)}) cannot be "
            "read."
        )
    effects, groups = words[: bars[0]], words[bars[0] + 1 :]
    if not effects:
        reject(f"formula must say which effects vary. Write (1 | {typed(groups)}) for the intercept of each group.")
    return RandomPart(
        effects=tuple(effects), correlated=words[bars[0]].text == "|", grouping=_grouping(groups, typed(words))
    )


def _grouping(words: Sequence[Word], text: str) -> Grouping:
    """id, a:b or a/b."""
    names, operators = words[::2], {word.text for word in words[1::2]}
    if not names or any(word.kind != "name" for word in names) or len(words) % 2 == 0 or len(operators) > 1:
        reject(
            f"formula must name a column of labels after the bar, as in (1 | id). ({text}) names none; labels are "
            "taken as they stand, whole numbers or text."
        )
    if operators - {":", "/"}:
        reject(f"formula must name one column of labels after the bar, as in (1 | id). ({text}) names several.")
    grouping = Grouping(names=tuple(word.text for word in names), nested="/" in operators)
    once = replace(grouping, names=tuple(dict.fromkeys(grouping.names)))
    if once != grouping:
        reject(
            f"formula must name each column of labels once after the bar. ({text}) names one of them again; write "
            f"(1 | {once.typed()})."
        )
    return grouping
