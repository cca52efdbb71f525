"""The fixed effects of a formula in R's notation, where R makes the same columns of them.

R codes a factor of a term by contrasts where the term without it is in the model, and by all of its levels elsewhere
(Chambers & Hastie 1992, Statistical Models in S, section 2.4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from glmm_binomial.formula.expressions import Applied
from glmm_binomial.formula.factors import Basis, Levels, Numbers, Transform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.answers.report_styles.languages import Language
    from glmm_binomial.formula.expansion import CodedTerms
    from glmm_binomial.formula.factors import Factor

Cell = tuple[int, int | None]
"""A factor's position, and the place of its level or of its column."""


@dataclass(frozen=True, slots=True)
class RTerms:
    """Terms as R takes them, and the columns as it prints them.

    Attributes
    ----------
    labels : tuple of str
        Of the terms.
    columns : tuple of str
        Names of the columns, in R's order.
    places : tuple of int
        Of these among the columns of the fit.
    """

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    places: tuple[int, ...]


def r_terms(terms: CodedTerms, language: Language, *, as_numbers: tuple[str, ...] = ()) -> RTerms | None:
    """The terms in R's notation; None where R would make other columns of them.

    Parameters
    ----------
    terms : CodedTerms
    language : Language
    as_numbers : tuple of str
        Columns that random slopes and offsets take as numbers.
    """
    in_order = sorted(terms.terms, key=lambda term: len(term.factors))
    first_seen = list(dict.fromkeys(place for term in in_order for place in term.factors))
    codings = _contrasts([frozenset(term.factors) for term in in_order], terms, first_seen)
    levels = {factor.name for factor in terms.factors if isinstance(factor, Levels)}
    others = {name for each in terms.factors if not isinstance(each, Levels) for name in each.variables} | {*as_numbers}
    if levels & others:
        # a column cannot be a factor here and a number there
        return None
    place_of = {
        frozenset((part.factor, part.place) for part in column.parts): place
        for place, column in enumerate(terms.columns)
    }
    labels, names, places = [], [], []
    for term, full in zip(in_order, codings, strict=True):
        factors = sorted(term.factors, key=first_seen.index)
        labels.append(":".join(_label(terms.factors[place], language) for place in factors))
        cells = list(_cells(factors, terms, full))
        if {frozenset(each) for each in cells} != {key for key in place_of if place_of[key] in term.columns}:
            return None
        for each in cells:
            names.append(":".join(_name(terms.factors[place], level, language) for place, level in each))
            places.append(place_of[frozenset(each)])
    return RTerms(tuple(labels), tuple(names), tuple(places))


def _contrasts(terms: list[frozenset[int]], coded: CodedTerms, order: list[int]) -> list[set[int]]:
    """Which factors of each term R codes by all of their levels."""
    known = {frozenset[int](), *terms}
    full = [{place for place in term if _has_levels(coded, place) and term - {place} not in known} for term in terms]
    if not coded.intercept:
        # the first factor then stands for the intercept as well
        for position, term in enumerate(terms):
            with_levels = [place for place in sorted(term, key=order.index) if _has_levels(coded, place)]
            if with_levels:
                full[position].add(with_levels[0])
                break
    return full


def _has_levels(coded: CodedTerms, place: int) -> bool:
    return isinstance(coded.factors[place], Levels)


def _cells(factors: list[int], terms: CodedTerms, full: set[int]) -> Iterator[tuple[Cell, ...]]:
    """What each column of a term is the product of; the first factor varies fastest."""
    choices: list[list[Cell]] = []
    for place in factors:
        factor = terms.factors[place]
        if isinstance(factor, Levels):
            choices.append([(place, level) for level in range(place not in full, len(factor.labels))])
        else:
            width = factor.width if isinstance(factor, Basis) else 0
            choices.append([(place, column) for column in range(width)] if width else [(place, None)])
    for backwards in product(*choices[::-1]):
        yield backwards[::-1]


def _label(factor: Factor, language: Language) -> str:
    match factor:
        case Levels() | Numbers():
            return language.quoted(factor.name)
        case Basis():
            return curve_in_r(factor, language)
        case Transform(expression=Applied(function)) if function in language.functions:
            return language.arithmetic(factor.expression)
        case Transform():
            return f"I({language.arithmetic(factor.expression)})"


def curve_in_r(basis: Basis, language: Language) -> str:
    """The call of poly() or bs()."""
    operand = language.arithmetic(basis.operand.expression)
    if basis.function == "poly":
        return f"poly({operand}, {basis.degree})"
    return f"bs({operand}, df = {basis.width}, degree = {basis.degree})"


def _name(factor: Factor, place: int | None, language: Language) -> str:
    label = _label(factor, language)
    if place is None:
        return label
    return f"{label}{factor.labels[place] if isinstance(factor, Levels) else place + 1}"
