"""The factors of a formula: columns of numbers, levels of a column, arithmetic; first as typed, then as fitted.

A fitted factor remembers what it took from the rows of the fit, levels or means and SDs, and so codes any other rows
as those were.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.formula.expressions import (
    Expression,
    columns_in,
    expression_of,
    reject_call,
    syntax_tree,
    value_of,
)
from glmm_binomial.observations.cells import describe, reject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.expressions import Tree

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


TypedFactor = Numbers | Category | Transform


def numbers_in(values: Values, name: str) -> NDArray[np.float64]:
    """A column of numbers."""
    return np.asarray(values[name], dtype=np.float64)


def factor_of_call(text: str, known: Callable[[str], str]) -> Category | Transform:
    """Read C(...) or arithmetic.

    Parameters
    ----------
    text : str
        As it was typed.
    known : callable
        Takes the name of a column and returns it, or refuses it.
    """
    tree = syntax_tree(text)
    if isinstance(tree.root, ast.Call) and isinstance(tree.root.func, ast.Name):
        if tree.root.func.id == "C":
            return _category(tree, text, known)
        if tree.root.func.id == "offset":
            inner = tree.text(tree.root.args[0]) if tree.root.args else "log(time)"
            reject(
                f"formula must do without offset(), which is not fitted yet. A term with a coefficient of its own "
                f"works: write {inner} for offset({inner})."
            )
    return transform_of(tree, tree.root, text, known)


def transform_of(tree: Tree, node: ast.expr, text: str, known: Callable[[str], str]) -> Transform:
    """Arithmetic on at least one column."""
    expression = expression_of(tree, node, text, known=known)
    variables = tuple(dict.fromkeys(columns_in(expression)))
    if not variables:
        reject(f"formula must apply functions to columns. {tree.text(node)} holds none.")
    return Transform(name=tree.text(node), expression=expression, variables=variables)


def _category(tree: Tree, text: str, known: Callable[[str], str]) -> Category:
    """C(column) or C(column, Treatment(reference))."""
    match tree.root:
        case ast.Call(args=[ast.Name(id=name)], keywords=[]):
            reference = None
        case ast.Call(
            args=[
                ast.Name(id=name),
                ast.Call(func=ast.Name(id="Treatment"), args=[chosen], keywords=[])
                | ast.Call(
                    func=ast.Name(id="Treatment"), args=[], keywords=[ast.keyword(arg="reference", value=chosen)]
                ),
            ],
            keywords=[],
        ):
            reference = _level(chosen, text)
        case _:
            reject_call(text)
    return Category(known(tree.backticked.get(name, name)), reference, asked=True)


def _level(node: ast.expr, text: str) -> str:
    """The label of a level, written as text, as a number or as TRUE or FALSE are in Python."""
    match node:
        case ast.Constant(value=str(label)):
            return label.strip()
        case ast.Constant(value=int() | float() as number):
            return describe(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return describe(-number)
        case _:
            reject_call(text)


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
        return ", ".join(self.labels[:MOST_LEVELS_LISTED]) + more


Factor = Numbers | Levels | Transform
