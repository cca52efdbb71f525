"""The random terms of a formula -> those that can be fitted now. What cannot is refused here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NoReturn

from glmm_binomial.formula.factors import Levels
from glmm_binomial.observations.cells import reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glmm_binomial.formula.expansion import CodedTerms
    from glmm_binomial.formula.grammar import Grouping, RandomPart


MOST_CORRELATED: Final = 6
"""Effects of a group, of which the table shows the correlations."""


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """The random effects of a group.

    Attributes
    ----------
    grouping : Grouping
        The columns whose labels make the groups.
    effects : CodedTerms
        Whether there is a random intercept, and the columns (N, q) of the random slopes.
    correlated : bool
        Whether the effects of a group may be correlated.
    """

    grouping: Grouping
    effects: CodedTerms
    correlated: bool


def random_effects_of(parts: Sequence[RandomPart], effects: Sequence[CodedTerms]) -> RandomEffects:
    """The random effects of the one grouping that can be fitted now: an intercept and slopes.

    Parameters
    ----------
    parts : sequence of RandomPart
        At least one.
    effects : sequence of CodedTerms
        What stands before the bar of each.

    Raises
    ------
    InvalidInputError
        With what works instead.
    """
    _require_one_grouping(parts)
    for part, each in zip(parts, effects, strict=True):
        _require_numbers(part, each)
        if not each.intercept and not each.columns:
            reject(
                f"formula must say which effects vary. {part.typed()} has none; write (1 | {part.grouping.typed()})."
            )
    intercepts = sum(each.intercept for each in effects)
    if intercepts > 1:
        reject(f"formula must name each random effect once. It has {intercepts} random intercepts of one grouping.")
    if not intercepts:
        _reject_without_intercept(parts[0], effects[0])
    correlated = [
        part.correlated and each.intercept + len(each.columns) > 1 for part, each in zip(parts, effects, strict=True)
    ]
    if any(correlated):
        _require_one_block(parts, effects)
    # (1 | id) + (0 + day | id) says the same as (1 + day || id)
    return RandomEffects(grouping=parts[0].grouping, effects=_together(effects), correlated=any(correlated))


def _require_one_grouping(parts: Sequence[RandomPart]) -> None:
    first = parts[0]
    for part in parts:
        names = part.grouping.names
        if len(names) > 1:
            last, joined = names[-1], '&"/"&'.join(f"[@{_in_table(name)}]" for name in names)
            kind = "nested groups" if part.grouping.nested else "groups by several columns"
            reject(
                f"formula must name one column of groups. {part.typed()}, {kind}, is not fitted yet. One column works: "
                f"(1 | {replace(part.grouping, names=(last,)).typed()}), or (1 | group) with a new column "
                f"group that holds ={joined}."
            )
        if part.grouping != first.grouping:
            reject(
                f"formula must name one column of groups. {first.typed()} + {part.typed()}, two groupings, is not "
                f"fitted yet. One of them works: {first.typed()} alone, or {part.typed()} alone."
            )


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
    columns = list(dict.fromkeys(column.name for each in effects for column in each.columns))
    if len(parts) > 1:
        together = f"(1 + {' + '.join(columns)} | {parts[0].grouping.typed()})"
        reject(
            f"formula must name random effects that are all correlated, or all independent. "
            f"{' + '.join(part.typed() for part in parts)} is not fitted yet. {together} works, and "
            f"{together.replace(' | ', ' || ')}."
        )
    if len(columns) >= MOST_CORRELATED:
        reject(
            f"formula must name at most {MOST_CORRELATED} correlated random effects. {parts[0].typed()} has "
            f"{len(columns) + 1}. {parts[0].typed(correlated=False)}, in which they are independent, works."
        )


def _reject_without_intercept(part: RandomPart, effects: CodedTerms) -> NoReturn:
    name, group = effects.columns[0].name, part.grouping.typed()
    reject(
        f"formula must have a random intercept. {part.typed()}, without one, is not fitted yet. "
        f"(1 + {name} || {group}) works; zero of {name} should then be its mean, since independent effects depend on "
        "where zero is."
    )


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
