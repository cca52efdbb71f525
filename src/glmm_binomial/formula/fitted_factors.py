"""Factors as typed and the rows of the fit -> fitted factors: levels, means and SDs, each taken from the rows once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from glmm_binomial.formula.bases import basis_columns, frozen
from glmm_binomial.formula.expressions import remembered
from glmm_binomial.formula.factors import Basis, BasisCall, Category, Levels, Numbers, Transform, numbers_in
from glmm_binomial.observations.cells import advice_on_stored_text, describe, found, is_number_stored_as_text, reject
from glmm_binomial.observations.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glmm_binomial.formula.factors import Factor, TypedFactor
    from glmm_binomial.formula.sample import Sample

MOST_SETS_LISTED: Final = 5

CUBIC: Final = 3
"""Degree of a spline when none is typed."""


def fitted(factor: TypedFactor, sample: Sample) -> Factor:
    """The factor with what it takes from the rows of the fit."""
    match factor:
        case Numbers():
            return factor
        case Category():
            return _levels(factor, sample)
        case Transform():
            return _transform(factor, sample)
        case BasisCall():
            return _basis(factor, sample)


def _transform(factor: Transform, sample: Sample) -> Transform:
    """Arithmetic with the means and SDs of the rows, which must give finite numbers."""
    for name in factor.variables:
        if sample.is_text(name):
            reject(f"formula must apply functions to numbers. In {factor.name}, the column {name} holds text.")
    columns = {name: numbers_in(sample.values, name) for name in factor.variables}
    result = Transform(factor.name, remembered(factor.expression, columns), factor.variables)
    require_finite(result, sample)
    return result


def _basis(factor: BasisCall, sample: Sample) -> Basis:
    """A curve with the polynomials, or the knots, of the rows."""
    operand = _transform(factor.operand, sample)
    degree = factor.degree or CUBIC
    if factor.function == "bs" and factor.df is not None and factor.df < degree:
        reject(
            f"formula must give a spline at least as many columns as its degree, {degree}. {factor.name} gives "
            f"{factor.df}."
        )
    values = operand.coded(sample.values)
    needed = (factor.df or degree) + 1
    distinct = len(np.unique(values))
    if distinct < needed:
        reject(
            f"formula must describe a curve by fewer columns than the numbers it goes through. {factor.name} needs at "
            f"least {needed} different values of {operand.name}; it has {distinct}."
        )
    state: dict[str, Any] = {}
    columns = basis_columns(factor.function, values, degree=degree, state=state, df=factor.df)
    result = Basis(factor.name, factor.function, operand, degree, frozen(state), columns.shape[1])
    require_finite(result, sample)
    return result


def require_finite(factor: Transform | Basis, sample: Sample) -> None:
    """Refuse rows in which a factor has no number."""
    values = factor.coded(sample.values)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, first = int(wrong[0][0]), factor.variables[0]
        why = ""
        if isinstance(factor, Basis) and np.isfinite(factor.operand.coded(sample.values)[row]):
            why = ", beyond the numbers of the data of the fit"
        reject(
            f"formula must give finite numbers. {factor.name} has none in row {sample.counted(row)} of {sample.name}, "
            f"where {first} {found(sample.cell(first, row))}{why}."
        )


def require_one_coding(factors: Sequence[TypedFactor]) -> None:
    """Refuse a column that is coded with different reference levels."""
    references: dict[str, str | None] = {}
    for factor in factors:
        if isinstance(factor, Category) and references.setdefault(factor.name, factor.reference) != factor.reference:
            chosen = factor.reference or references[factor.name]
            reject(
                f"formula must code a column in one way. It names {factor.name} with different reference levels; write "
                f'C({factor.name}, Treatment("{chosen}")) wherever {factor.name} stands.'
            )


def _levels(factor: Category, sample: Sample) -> Levels:
    levels = _levels_of_text(factor, sample) if sample.is_text(factor.name) else _levels_of_numbers(factor, sample)
    if len(levels.labels) == 1:
        only = shortened(levels.labels[0])
        reject(f'formula must name columns that vary. Every row of the column {factor.name} is "{only}".')
    if factor.reference is None:
        return levels
    if factor.reference not in levels.labels:
        reject(
            f"formula must choose a level of the column as reference. {factor.name} has no level "
            f'"{factor.reference}"; its levels are {levels.listed()}.'
        )
    chosen = levels.labels.index(factor.reference)
    order = [chosen, *range(chosen), *range(chosen + 1, len(levels.labels))]
    return Levels(
        name=factor.name,
        labels=tuple(levels.labels[place] for place in order),
        numbers=None if levels.numbers is None else tuple(levels.numbers[place] for place in order),
    )


def _levels_of_numbers(factor: Category, sample: Sample) -> Levels:
    distinct = np.unique(numbers_in(sample.values, factor.name)).tolist()
    logical = sample.is_logical(factor.name)
    number_of: dict[str, float] = {}
    for value in distinct:
        number_of.setdefault(describe(bool(value) if logical else value), value)
    return Levels(name=factor.name, labels=tuple(number_of), numbers=tuple(number_of.values()))


def _levels_of_text(factor: Category, sample: Sample) -> Levels:
    texts = cast("Sequence[str]", sample.values[factor.name])
    levels = sorted(set(texts))
    if not factor.asked and all(map(is_number_stored_as_text, levels)):
        advice = advice_on_stored_text(texts, f"the column {factor.name}")
        instead = f" Or write C({factor.name}) to make a level of each."
        sample.reject_cell(factor.name, 0, rule="must be a number.", advice=advice + instead)
    require_distinct(levels, factor.name, asked=factor.asked)
    return Levels(name=factor.name, labels=tuple(level.strip() for level in levels), numbers=None)


def require_distinct(levels: list[str], name: str, *, asked: bool) -> None:
    """Refuse levels that differ by spaces around them, and by case unless C() was written."""
    alike: dict[str, list[str]] = {}
    for level in levels:
        label = level.strip()
        alike.setdefault(label if asked else label.casefold(), []).append(f'"{shortened(level)}"')
    sets = [" and ".join(shown) for shown in alike.values() if len(shown) > 1]
    if sets:
        more = f"; and {len(sets) - MOST_SETS_LISTED} more" if len(sets) > MOST_SETS_LISTED else ""
        in_case = "" if asked else f" Write C({name}) for levels that differ in case on purpose."
        reject(
            f"formula must name columns of distinct levels. {name} holds levels that look alike: "
            f"{'; '.join(sets[:MOST_SETS_LISTED])}{more}. Correct the cells, or clean them with TRIM().{in_case}"
        )
