"""The random terms of a formula -> those that can be fitted now. What cannot is refused here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from glmm_binomial.formula.factors import Levels, Numbers
from glmm_binomial.formula.grammar import Grouping
from glmm_binomial.formula.words import quoted
from glmm_binomial.observations.cells import reject
from glmm_binomial.observations.crossed_groups import MOST_INDICATORS, MOST_LEVELS
from glmm_binomial.observations.estimability import MOST_CORRELATED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glmm_binomial.formula.expansion import CodedTerms, Term
    from glmm_binomial.formula.grammar import RandomPart

LEVELS: Final = 2
"""Groupings of which one lies within the other, or crosses it."""


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """The random effects of a group, and of the one that it is nested in.

    Attributes
    ----------
    grouping : Grouping
        The columns whose labels make the groups.
    above : Grouping or None
        Those of the groups that these are nested in, which have a random intercept too.
    crossed : Grouping or None
        Those of fewer groups that cross these, with a random intercept of their own.
    effects : CodedTerms
        Whether there is a random intercept, and the columns (N, q) of the random slopes.
    correlated : bool
        Whether the effects of a group may be correlated.
    """

    grouping: Grouping
    above: Grouping | None
    effects: CodedTerms
    correlated: bool
    crossed: Grouping | None = None


class LabelledRows(Protocol):
    """What is asked of the columns of labels."""

    def lie_within(self, lower: Grouping, upper: Grouping) -> bool:
        """Whether all rows of any group of one grouping are of one group of the other, which has several."""

    def coincide(self, first: Grouping, second: Grouping) -> bool:
        """Whether two groupings make the same groups."""

    def count(self, grouping: Grouping) -> int:
        """How many groups it has."""

    @property
    def size(self) -> int:
        """How many rows there are."""


def random_effects_of(parts: Sequence[RandomPart], effects: Sequence[CodedTerms], rows: LabelledRows) -> RandomEffects:
    """The random effects of one grouping, an intercept and slopes, or the intercepts of two nested or crossed ones.

    Parameters
    ----------
    parts : sequence of RandomPart
        At least one.
    effects : sequence of CodedTerms
        What stands before the bar of each.
    rows : LabelledRows

    Raises
    ------
    InvalidInputError
        With what works instead.
    """
    for part, each in zip(parts, effects, strict=True):
        _require_numbers(part, each)
        if not each.intercept and not each.columns:
            reject(
                f"formula must say which effects vary. {part.typed()} has none; write (1 | {part.grouping.typed()})."
            )
    if any(part.grouping.nested or part.grouping != parts[0].grouping for part in parts):
        return _effects_of_two(parts, effects, rows)
    intercepts = sum(each.intercept for each in effects)
    if intercepts > 1:
        reject(f"formula must name each random effect once. It has {intercepts} random intercepts of one grouping.")
    correlated = [
        part.correlated and each.intercept + len(each.columns) > 1 for part, each in zip(parts, effects, strict=True)
    ]
    if any(correlated):
        _require_one_block(parts, effects)
    # (1 | id) + (0 + day | id) says the same as (1 + day || id)
    return RandomEffects(grouping=parts[0].grouping, above=None, effects=_together(effects), correlated=any(correlated))


def _effects_of_two(parts: Sequence[RandomPart], effects: Sequence[CodedTerms], rows: LabelledRows) -> RandomEffects:
    """Random intercepts of groups in groups, such as (1 | school/class), or of groups that cross others."""
    groupings = list(dict.fromkeys(level for part in parts for level in _levels(part.grouping)))
    typed = " + ".join(part.typed() for part in parts)
    if len(groupings) != LEVELS or sum(len(_levels(part.grouping)) for part in parts) > LEVELS:
        works = " + ".join(f"(1 | {level.typed()})" for level in groupings[:LEVELS])
        reject(f"formula must name at most two groupings, each once. {typed} is not fitted yet. {works} works.")
    for part, each in zip(parts, effects, strict=True):
        if each.columns or not each.intercept:
            reject(
                f"formula must have no random slopes beside two groupings. {part.typed()} has some, which is not "
                f"fitted yet. {' + '.join(f'(1 | {level.typed()})' for level in groupings)} works, or one grouping "
                "alone with slopes."
            )
    for upper, lower in (groupings, groupings[::-1]):
        if rows.lie_within(lower, upper):
            return RandomEffects(grouping=lower, above=upper, effects=effects[0], correlated=False)
    if rows.coincide(*groupings):
        upper, lower = sorted(groupings, key=lambda level: len(level.names))
        reject(
            f"formula must name groups of which some {upper.typed()} have several. Each {upper.typed()} has one "
            f"{lower.typed()}, so that their random intercepts cannot be told apart. (1 | {upper.typed()}) works."
        )
    many, few = sorted(groupings, key=rows.count, reverse=True)
    count = rows.count(few)
    if count > MOST_LEVELS:
        reject(
            f"formula must name crossed groupings of which one has at most {MOST_LEVELS} groups. {many.typed()} has "
            f"{rows.count(many):,} and {few.typed()} {count:,}, and they cross: some {many.typed()} have several "
            f"{few.typed()}, and some {few.typed()} several {many.typed()}. One of them works: (1 | {many.typed()}) "
            f"alone, or (1 | {few.typed()}) alone. Where the labels of one kind begin anew within each of the other, "
            f"write (1 | {many.typed()}/{few.typed()}) or (1 | {few.typed()}/{many.typed()})."
        )
    if count * rows.size > MOST_INDICATORS:
        reject(
            f"formula must name crossed groupings whose effects fit into memory. {few.typed()} has {count:,} groups "
            f"and the data {rows.size:,} rows: {MOST_INDICATORS // count:,} rows of them can be fitted. "
            f"(1 | {many.typed()}) alone works with all."
        )
    return RandomEffects(grouping=many, above=None, effects=effects[0], correlated=False, crossed=few)


def _levels(grouping: Grouping) -> tuple[Grouping, ...]:
    """School, and school:class, of school/class; itself of any other."""
    if not grouping.nested:
        return (grouping,)
    return tuple(Grouping(grouping.names[: depth + 1], nested=False) for depth in range(len(grouping.names)))


def _in_table(name: str) -> str:
    """The name of a column after the @ of a reference within a table."""
    return name if name.isalnum() else f"[{name}]"


def _require_numbers(part: RandomPart, effects: CodedTerms) -> None:
    levels = next((factor for factor in effects.factors if isinstance(factor, Levels)), None)
    if levels is not None:
        last = levels.labels[-1] if levels.numbers else f'"{levels.labels[-1]}"'
        reject(
            f"formula must name columns of numbers as random slopes. In {part.typed()}, {levels.name} has levels, "
            "which is not fitted yet. A new column of 0 and 1 works, such as "
            f"=--([@{_in_table(levels.name)}]={last})."
        )


def _require_one_block(parts: Sequence[RandomPart], effects: Sequence[CodedTerms]) -> None:
    columns = list(dict.fromkeys(_written(each, term) for each in effects for term in each.terms))
    intercept = any(each.intercept for each in effects)
    if len(parts) > 1:
        together = f"({int(intercept)} + {' + '.join(columns)} | {parts[0].grouping.typed()})"
        reject(
            f"formula must name random effects that are all correlated, or all independent. "
            f"{' + '.join(part.typed() for part in parts)} is not fitted yet. {together} works, and "
            f"{together.replace(' | ', ' || ')}."
        )
    count = intercept + len(effects[0].columns)
    if count > MOST_CORRELATED:
        reject(
            f"formula must name at most {MOST_CORRELATED} correlated random effects. {parts[0].typed()} has "
            f"{count}. {parts[0].typed(correlated=False)}, in which they are independent, works."
        )


def _written(effects: CodedTerms, term: Term) -> str:
    """A term as a formula has it."""
    factors = [effects.factors[place] for place in term.factors]
    return ":".join(quoted(each.name) if isinstance(each, Numbers) else each.name for each in factors)


def _together(effects: Sequence[CodedTerms]) -> CodedTerms:
    """Several sets of terms as one, factors and columns counted on."""
    joined = effects[0]
    for each in effects[1:]:
        factors, columns = len(joined.factors), len(joined.columns)
        joined = replace(
            joined,
            intercept=joined.intercept or each.intercept,
            factors=(*joined.factors, *each.factors),
            columns=(
                *joined.columns,
                *(
                    replace(column, parts=tuple(replace(part, factor=part.factor + factors) for part in column.parts))
                    for column in each.columns
                ),
            ),
            terms=(
                *joined.terms,
                *(
                    replace(
                        term,
                        factors=tuple(place + factors for place in term.factors),
                        columns=tuple(place + columns for place in term.columns),
                    )
                    for term in each.terms
                ),
            ),
        )
    return joined
