"""The factors of a formula: columns of numbers, levels of a column, arithmetic; first as typed, then as fitted.

A fitted factor remembers what it took from the rows of the fit, levels or means and SDs, and so codes any other rows
as those were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.formula.bases import basis_columns, thawed
from glmm_binomial.formula.expressions import Expression, value_of
from glmm_binomial.observations.cells import describe
from glmm_binomial.observations.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.bases import Curve

    Values = Mapping[str, NDArray[np.float64] | Sequence[str]]
    """Columns of numbers (M,) or of M texts, by name."""

MOST_LEVELS_LISTED: Final = 20


class UnseenLevelError(ValueError):
    """Some rows hold a level that the rows of the fit did not have.

    Attributes
    ----------
    factor : Levels
    row : int
        The first of them, counted from zero.
    """

    def __init__(self, factor: Levels, row: int) -> None:
        super().__init__(f"{factor.name} has a level in row {row} that it did not have in the fit")
        self.factor = factor
        self.row = row


# as typed ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Category:
    """A column whose values are levels: one of text, or C(name).

    `reference` is the label of the level to compare the others with, if it was chosen; `asked` whether C() was written.
    """

    name: str
    reference: str | None
    asked: bool = field(compare=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers as it stands."""

    name: str

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.name,)

    def coded(self, values: Values) -> NDArray[np.float64]:
        """The numbers (M,) of M rows."""
        return numbers_in(values, self.name)


@dataclass(frozen=True, slots=True)
class Transform:
    """Arithmetic on columns of numbers: its text, and what it calculates."""

    name: str
    expression: Expression = field(compare=False)
    variables: tuple[str, ...]

    def coded(self, values: Values) -> NDArray[np.float64]:
        """The numbers (M,) of M rows; what has no finite value becomes NaN or infinite."""
        return value_of(self.expression, {name: numbers_in(values, name) for name in self.variables})


@dataclass(frozen=True, slots=True)
class BasisCall:
    """poly() or bs() of a column of numbers, as typed.

    Attributes
    ----------
    name : str
        As typed.
    function : {"poly", "bs"}
    operand : Transform
    df, degree : int or None
        None where it was not typed.
    """

    name: str
    function: Curve
    operand: Transform
    df: int | None
    degree: int | None

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return self.operand.variables


TypedFactor = Numbers | Category | Transform | BasisCall


def numbers_in(values: Values, name: str) -> NDArray[np.float64]:
    """A column of numbers."""
    return np.asarray(values[name], dtype=np.float64)


# as fitted -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Levels:
    """A column whose values are levels, with those of the rows of the fit.

    Attributes
    ----------
    name : str
        Of the column.
    labels : tuple of str
        The reference first, the others in sorted order.
    numbers : tuple of float, or None
        What the cells of a column of numbers hold for each level; None for a column of text.
    """

    name: str
    labels: tuple[str, ...]
    numbers: tuple[float, ...] | None

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.name,)

    def coded(self, values: Values) -> NDArray[np.float64]:
        """The position (M,) of each row's level.

        Raises
        ------
        UnseenLevelError
        """
        if self.numbers is None:
            place_of = {label: float(place) for place, label in enumerate(self.labels)}
            texts = values[self.name]
            place_of_text = {text: place_of.get(text.strip(), np.nan) for text in set(map(str, texts))}
            positions = np.fromiter(map(place_of_text.__getitem__, map(str, texts)), dtype=np.float64, count=len(texts))
        else:
            # numbers that look alike to all of the 15 digits that a cell shows are one level
            place_of = {describe(number): float(place) for place, number in enumerate(self.numbers)}
            distinct, where = np.unique(numbers_in(values, self.name), return_inverse=True)
            positions = np.array([place_of.get(describe(number), np.nan) for number in distinct.tolist()])[where]
        unseen = np.flatnonzero(np.isnan(positions))
        if len(unseen):
            raise UnseenLevelError(self, int(unseen[0]))
        return positions

    def listed(self) -> str:
        """The labels, as many as can be read in one cell."""
        more = ", ..." if len(self.labels) > MOST_LEVELS_LISTED else ""
        return ", ".join(map(shortened, self.labels[:MOST_LEVELS_LISTED])) + more


@dataclass(frozen=True, slots=True)
class Basis:
    """Several columns that stand for a curve, as formulaic's poly() and bs() make them.

    Attributes
    ----------
    name : str
        As typed.
    function : {"poly", "bs"}
    operand : Transform
    degree : int
    state : tuple of (str, value)
        What the function remembers of the rows of the fit, in plain numbers.
    width : int
        Number of columns, q.
    """

    name: str
    function: Curve
    operand: Transform
    degree: int
    state: tuple[tuple[str, object], ...]
    width: int

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of the table it is made of."""
        return self.operand.variables

    def coded(self, values: Values) -> NDArray[np.float64]:
        """The columns (M, q) of M rows; NaN beyond the range of the rows of the fit, where a spline says nothing."""
        return basis_columns(self.function, self.operand.coded(values), degree=self.degree, state=thawed(self.state))


Factor = Numbers | Levels | Transform | Basis
