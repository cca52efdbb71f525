"""Terms -> coded columns: which columns each term of a formula has, and the numbers in them for any rows.

formulaic decides, on a few rows that hold every level, which terms there are and which levels of a factor each gets
columns for. What it says is kept as plain values; the numbers are products of them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from glmm_binomial.extras import require
from glmm_binomial.formula.factors import Basis, Levels, Transform
from glmm_binomial.formula.words import EXAMPLE, first_line, quoted
from glmm_binomial.observations.cells import reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.factors import Factor, Values

MOST_COLUMNS: Final = 1_000
"""Coded columns; more come from labels of groups taken for a factor."""

MOST_TERMS: Final = 10_000
"""Terms that the products and powers of a formula may give."""

CODED_NAME: Final = re.compile(r"f([0-9]+)(?:\[(?:T\.)?([0-9]+)\])?")
"""How formulaic names the column of a factor f0, f1 ... whose levels are numbered."""

INTERCEPT: Final = "Intercept"


@dataclass(frozen=True, slots=True)
class Part:
    """What a coded column is multiplied by: the numbers of a factor, or 1 where it has a level and 0 elsewhere.

    Attributes
    ----------
    factor : int
        Position in `factors`.
    place : int or None
        Of the level in the factor's `labels`, or of the column of a curve; None for a factor of one column of numbers.
    """

    factor: int
    place: int | None


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """A column: its name, such as trt[treat]:age, and what it is the product of."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the formula.

    Attributes
    ----------
    name : str
        Such as trt:sex, the names of its factors in the order of the formula.
    factors : tuple of int
        Positions in `factors`.
    variables : tuple of str
        The columns of the table it depends on.
    columns : tuple of int
        Positions in `columns`; empty when all of its columns are in other terms.
    """

    name: str
    factors: tuple[int, ...]
    variables: tuple[str, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CodedTerms:
    """The terms of a formula, beside the intercept, and their columns.

    Attributes
    ----------
    intercept : bool
        Whether there is one; it has no column.
    factors : tuple of Factor
    columns : tuple of p CodedColumn
    terms : tuple of Term
    """

    intercept: bool
    factors: tuple[Factor, ...]
    columns: tuple[CodedColumn, ...]
    terms: tuple[Term, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the p columns."""
        return tuple(column.name for column in self.columns)

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of the table that they depend on."""
        return tuple(dict.fromkeys(name for factor in self.factors for name in factor.variables))

    def coded(self, values: Values, *, rows: int) -> NDArray[np.float64]:
        """The columns (M, p) of M rows of variables, whatever these are: new rows, or a grid of levels.

        Parameters
        ----------
        values : mapping of str to (M,) array or M str
            Numbers or texts of each of `variables`.
        rows : int
            Their number, M.

        Raises
        ------
        UnseenLevelError
            When a row has a level that the rows of the fit did not have.
        """
        return self.products([factor.coded(values) for factor in self.factors], rows=rows)

    def products(self, factors: Sequence[NDArray[np.float64]], *, rows: int) -> NDArray[np.float64]:
        """The columns (M, p) of M rows, of which each factor has been coded: (M,), or (M, q) for a curve."""
        coded = np.empty((rows, len(self.columns)))
        with np.errstate(over="ignore", invalid="ignore"):
            for position, column in enumerate(self.columns):
                numbers = np.ones(rows)
                for part in column.parts:
                    numbers *= _numbers(self.factors[part.factor], factors[part.factor], part.place)
                coded[:, position] = numbers
        return coded


def _numbers(factor: Factor, coded: NDArray[np.float64], place: int | None) -> NDArray[Any]:
    if place is None:
        return coded
    return coded[:, place] if isinstance(factor, Basis) else coded == place


def expand(text: str, factors: Sequence[Factor]) -> CodedTerms:
    """Expand terms of f0, f1 ... to columns.

    Parameters
    ----------
    text : str
        Of nothing but f0, f1 ..., operators, brackets and numbers.
    factors : sequence of Factor
        What f0, f1 ... stand for.

    Raises
    ------
    InvalidInputError
        When the terms cannot be read or are too many.
    MissingPackageError
        When formulaic is not installed.
    """
    formulaic = require("formulaic", extra="formulas", purpose="A formula")
    try:
        _require_moderate(formulaic.parser.DefaultFormulaParser().parse(text, target="ast"), factors)
        terms = formulaic.Formula(text)
        _require_few_columns(terms, factors)
        spec = terms.get_model_matrix(
            _rows_of_every_level(factors), context={}, output="numpy", na_action="raise"
        ).model_spec
    except formulaic.errors.FormulaParsingError as error:
        problem = re.sub("f([0-9]+)", lambda found: factors[int(found[1])].name, first_line(error))
        reject(f"formula cannot be read: {problem} {EXAMPLE}")
    # a curve of several columns is one column to formulaic
    columns = [() if name == INTERCEPT else tuple(_columns(_parts(name), factors)) for name in spec.column_names]
    starts = np.cumsum([0, *map(len, columns)]).tolist()
    return CodedTerms(
        intercept=INTERCEPT in spec.column_names,
        factors=tuple(factors),
        columns=tuple(chain.from_iterable(columns)),
        terms=tuple(
            _term(term, tuple(chain.from_iterable(range(starts[i], starts[i + 1]) for i in places)), factors)
            for term, places in spec.term_indices.items()
            if str(term) != "1"
        ),
    )


def _rows_of_every_level(factors: Sequence[Factor]) -> Any:
    """A data frame of f0, f1 ... in which each factor has each of its levels."""
    pandas = require("pandas", extra="formulas", purpose="A formula")
    rows = np.arange(max([2, *(len(factor.labels) for factor in factors if isinstance(factor, Levels))]))
    return pandas.DataFrame(
        {
            f"f{position}": pandas.Categorical.from_codes(
                rows % len(factor.labels), categories=range(len(factor.labels))
            )
            if isinstance(factor, Levels)
            else rows.astype(np.float64)
            for position, factor in enumerate(factors)
        },
        index=rows,
    )


def _parts(name: str) -> list[Part]:
    """What the column f0[T.1]:f1 of formulaic is the product of."""
    parts = []
    for piece in name.split(":"):
        found = CODED_NAME.fullmatch(piece)
        if found is None:
            reject(f"formula must scale columns by arithmetic, as in I(age / 10). {EXAMPLE}")
        parts.append(Part(factor=int(found[1]), place=None if found[2] is None else int(found[2])))
    return parts


def _columns(parts: list[Part], factors: Sequence[Factor]) -> Iterator[CodedColumn]:
    """The column, or one for each of the columns of its curves: trt[treat]:age for f0[T.1]:f1."""
    choices = []
    for part in parts:
        factor = factors[part.factor]
        width = factor.width if isinstance(factor, Basis) else 0
        choices.append([replace(part, place=place) for place in range(width)] if width else [part])
    for chosen in product(*choices):
        names = [_part_name(part, factors[part.factor]) for part in chosen]
        yield CodedColumn(name=":".join(names), parts=chosen)


def _part_name(part: Part, factor: Factor) -> str:
    if part.place is None:
        return factor.name
    return f"{factor.name}[{factor.labels[part.place] if isinstance(factor, Levels) else part.place + 1}]"


def _term(term: Any, columns: tuple[int, ...], factors: Sequence[Factor]) -> Term:
    positions = tuple(int(factor.expr.removeprefix("f")) for factor in term.factors)
    return Term(
        name=":".join(factors[position].name for position in positions),
        factors=positions,
        variables=tuple(dict.fromkeys(name for position in positions for name in factors[position].variables)),
        columns=columns,
    )


def _require_moderate(tree: Any, factors: Sequence[Factor]) -> None:
    if _most_terms(tree, factors) > MOST_TERMS:
        reject(
            f"formula must give at most {MOST_TERMS:,} terms. Its products and powers give more; name fewer columns."
        )


def _most_terms(tree: Any, factors: Sequence[Factor]) -> int:
    """How many terms a formula has at most, counted without expanding it."""
    arguments = getattr(tree, "args", ())
    if not arguments:
        return 1
    symbol = tree.operator.symbol
    if symbol in {"**", "^"}:
        exponent = str(arguments[1])
        if not re.fullmatch("[1-9]", exponent):
            reject("formula must raise to a power from 1 to 9, as in (a + b)**2; of numbers, as in I(age**2).")
        if exponent != "1" and not getattr(arguments[0], "args", ()):
            _reject_power_of_one(str(arguments[0]), exponent, factors)
        return int(_most_terms(arguments[0], factors) ** int(exponent))
    sizes = [_most_terms(argument, factors) for argument in arguments]
    if symbol == "*":
        return sum(sizes) + math.prod(sizes)
    return math.prod(sizes) if symbol == ":" else sum(sizes)


def _reject_power_of_one(placeholder: str, exponent: str, factors: Sequence[Factor]) -> None:
    """Refuse a power of a single factor, which in Wilkinson notation is the factor itself."""
    found = CODED_NAME.fullmatch(placeholder)
    if found is None:
        return
    factor = factors[int(found[1])]
    name = factor.name if isinstance(factor, Transform) else quoted(factor.name)
    instead = f"leave ^{exponent} out" if isinstance(factor, Levels) else f"write I({name}^{exponent})"
    reject(f"formula must name powers of numbers inside I(). {name}^{exponent} is {name} in this notation; {instead}.")


def _require_few_columns(terms: Any, factors: Sequence[Factor]) -> None:
    levels = [len(factor.labels) if isinstance(factor, Levels) else 0 for factor in factors]
    widths = [factor.width if isinstance(factor, Basis) else 1 for factor in factors]
    sizes = {f"f{position}": count or widths[position] for position, count in enumerate(levels)}
    columns = sum(math.prod(sizes.get(factor.expr, 1) for factor in term.factors) for term in terms)
    if columns > MOST_COLUMNS:
        most, name = max(zip(levels, (factor.name for factor in factors), strict=True))
        advice = (
            f" {name} has {most:,} levels; labels of groups belong in the argument groups, or in a random term such as "
            f"(1 | {quoted(name)})."
        )
        reject(
            f"formula must give at most {MOST_COLUMNS:,} columns. It gives up to {columns:,}.{advice if most else ''}"
        )
