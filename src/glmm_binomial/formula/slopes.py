"""How fast the coded columns of a formula change with a column of numbers: exact derivatives, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.formula.bases import basis_columns, thawed
from glmm_binomial.formula.expressions import (
    FUNCTIONS,
    OPERATIONS,
    Applied,
    Arithmetic,
    ColumnOfNumbers,
    Number,
    Standardized,
)
from glmm_binomial.formula.factors import Basis, Levels, Numbers, Transform, numbers_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from glmm_binomial.formula.expansion import CodedTerms
    from glmm_binomial.formula.expressions import Expression
    from glmm_binomial.formula.factors import Factor, Values

STEP: Final = 1e-5
"""Of the differences of curves, in ranges of what they are curves of: they are of low degree, so 1e-9 is left."""

DERIVATIVES: Final[Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "I": np.ones_like,
    "log": lambda values: 1.0 / values,
    "log2": lambda values: 1.0 / (np.log(2.0) * values),
    "log10": lambda values: 1.0 / (np.log(10.0) * values),
    "exp": np.exp,
    "sqrt": lambda values: 0.5 / np.sqrt(values),
    "abs": np.sign,
}
"""Of the functions of `expressions.FUNCTIONS`."""


@dataclass(frozen=True, slots=True)
class Dual:
    """Numbers (M,) and their derivatives (M,)."""

    value: NDArray[np.float64]
    slope: NDArray[np.float64]


def slopes_of(terms: CodedTerms, values: Values, name: str, *, rows: int) -> NDArray[np.float64]:
    """Derivatives (M, p) of the coded columns of M rows by a column of numbers; not finite where there is none.

    Parameters
    ----------
    terms : CodedTerms
    values : mapping of str to (M,) array or M str
        As for `CodedTerms.coded`.
    name : str
        Of a column of numbers that is no column of levels.
    rows : int
        Their number, M.
    """
    with np.errstate(all="ignore"):
        factors = [Dual(factor.coded(values), _factor_slope(factor, values, name)) for factor in terms.factors]
        slopes = np.zeros((rows, len(terms.columns)))
        for position, column in enumerate(terms.columns):
            product = Dual(np.ones(rows), np.zeros(rows))
            for part in column.parts:
                each = _part(terms.factors[part.factor], factors[part.factor], part.place)
                product = _combined("*", product, each)
            slopes[:, position] = product.slope
    return slopes


def _part(factor: Factor, coded: Dual, place: int | None) -> Dual:
    """The numbers (M,) that a coded column is multiplied by, and their derivatives."""
    if place is None:
        return coded
    if isinstance(factor, Basis):
        return Dual(coded.value[:, place], coded.slope[:, place])
    return Dual(np.asarray(coded.value == place, dtype=np.float64), coded.slope)


def _factor_slope(factor: Factor, values: Values, name: str) -> NDArray[np.float64]:
    """Of a factor's coded numbers, in their shape; of levels zero."""
    match factor:
        case Levels():
            return np.zeros(len(values[factor.name]))
        case Numbers():
            held = numbers_in(values, factor.name)
            return np.full(len(held), 1.0 if factor.name == name else 0.0)
        case Transform():
            return _of_transform(factor, values, name).slope
        case Basis():
            operand = _of_transform(factor.operand, values, name)
            return _times(_curve_slope(factor, operand.value), operand.slope[:, None])


def _of_transform(factor: Transform, values: Values, name: str) -> Dual:
    columns = {each: numbers_in(values, each) for each in factor.variables}
    dual = _dual(factor.expression, columns, name)
    rows = len(next(iter(columns.values())))
    return Dual(np.broadcast_to(dual.value, (rows,)), np.broadcast_to(dual.slope, (rows,)))


def _dual(expression: Expression, columns: Mapping[str, NDArray[np.float64]], name: str) -> Dual:
    """An expression and its derivative by a column, by the rules of calculus."""
    match expression:
        case Number(value):
            return Dual(np.asarray(value), np.zeros(()))
        case ColumnOfNumbers(column):
            return Dual(columns[column], np.full_like(columns[column], 1.0 if column == name else 0.0))
        case Standardized(operand, centre, unit):
            inner = _dual(operand, columns, name)
            return Dual((inner.value - centre) / unit, inner.slope / unit)
        case Applied(function, operand):
            inner = _dual(operand, columns, name)
            return Dual(FUNCTIONS[function](inner.value), _times(DERIVATIVES[function](inner.value), inner.slope))
        case Arithmetic(operator, left, right):
            return _combined(operator, _dual(left, columns, name), _dual(right, columns, name))


def _combined(operator: str, a: Dual, b: Dual) -> Dual:
    value = OPERATIONS[operator](a.value, b.value)
    match operator:
        case "+":
            return Dual(value, a.slope + b.slope)
        case "-":
            return Dual(value, a.slope - b.slope)
        case "*":
            return Dual(value, a.slope * b.value + a.value * b.slope)
        case "/":
            return Dual(value, (a.slope - value * b.slope) / b.value)
        case _:
            of_base = _times(b.value * np.power(a.value, b.value - 1.0), a.slope)
            return Dual(value, of_base + _times(value * np.log(a.value), b.slope))


def _times(derivative: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chain rule; what does not change has no slope, wherever the derivative has none."""
    return np.where(slope == 0.0, 0.0, derivative * slope)


def _curve_slope(factor: Basis, operand: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the columns (M, q) of a curve by what it is a curve of; from one side at the ends of a spline."""
    step = STEP * float(np.ptp(operand))

    def at(shift: float) -> NDArray[np.float64]:
        state = thawed(factor.state)
        return basis_columns(factor.function, operand + shift * step, degree=factor.degree, state=state)

    here, both = at(0.0), (at(1.0) - at(-1.0)) / (2.0 * step)
    ahead, behind = (side * (4.0 * at(side) - at(2.0 * side) - 3.0 * here) / (2.0 * step) for side in (1.0, -1.0))
    return np.where(np.isfinite(both), both, np.where(np.isfinite(ahead), ahead, behind))
