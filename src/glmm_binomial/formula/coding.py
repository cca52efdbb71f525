"""The coding of a fit, remembered: how each column of x and x_random follows from the columns of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, cast

import numpy as np

from glmm_binomial.formula.expansion import expand
from glmm_binomial.formula.factors import Basis, Levels, Transform, UnseenLevelError, numbers_in
from glmm_binomial.formula.fitted_factors import fitted, require_finite, require_one_coding
from glmm_binomial.frozen import read_only
from glmm_binomial.observations.cells import found, reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.expansion import CodedTerms
    from glmm_binomial.formula.factors import Values
    from glmm_binomial.formula.random_effects import RandomEffects
    from glmm_binomial.formula.response import Response
    from glmm_binomial.formula.sample import Sample
    from glmm_binomial.formula.wilkinson import ParsedTerms


@dataclass(frozen=True, slots=True)
class Variable:
    """A column of the table that predictors are made of, as it was in the rows of the fit.

    Attributes
    ----------
    name : str
    levels : tuple of str, or None
        The reference first, of a column of text or one that C() makes levels of; None for any other.
    mean, lowest, highest : float or None
        Of a column of numbers, that C() makes levels of or not; None for a column of text.
    is_logical : bool
        Whether a column of numbers holds nothing but TRUE and FALSE.
    values : (N,) array or tuple of N str
        What its cells hold.
    """

    name: str
    levels: tuple[str, ...] | None
    mean: float | None
    lowest: float | None
    highest: float | None
    is_logical: bool
    values: NDArray[np.float64] | tuple[str, ...] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Coding:
    """A formula and what it took from the rows of the fit: levels, means and SDs.

    Attributes
    ----------
    formula : str
        As typed.
    response : Response
    fixed : CodedTerms
        The terms, and how the columns of x follow from the variables.
    random : RandomEffects
        The groups, and how the columns of x_random follow from the variables.
    offset : CodedTerms
        The offsets, a column each.
    variables : tuple of Variable
        Those of all three.
    """

    formula: str
    response: Response
    fixed: CodedTerms
    random: RandomEffects
    offset: CodedTerms
    variables: tuple[Variable, ...]

    def x_of(self, values: Values, *, rows: int) -> NDArray[np.float64]:
        """The columns (M, p) of x for M rows of variables, such as a grid of levels and numbers.

        Parameters
        ----------
        values : mapping of str to (M,) array or M str
            Each variable of `fixed`, by name.
        rows : int
            Their number, M.

        Raises
        ------
        UnseenLevelError
        """
        return self.fixed.coded(values, rows=rows)

    def x_random_of(self, values: Values, *, rows: int) -> NDArray[np.float64]:
        """The columns (M, q) of x_random for M rows of variables."""
        return self.random.effects.coded(values, rows=rows)

    def offset_of(self, values: Values, *, rows: int) -> NDArray[np.float64]:
        """The sum of the offsets (M,) of M rows of variables."""
        return np.asarray(self.offset.coded(values, rows=rows).sum(axis=1))


def variables_in(sample: Sample, terms: Iterable[CodedTerms]) -> tuple[Variable, ...]:
    """What the variables of terms were in the rows of the fit."""
    factors = [factor for each in terms for factor in each.factors]
    levels = {factor.name: factor.labels for factor in factors if isinstance(factor, Levels)}
    names = dict.fromkeys(name for factor in factors for name in factor.variables)
    return tuple(_variable(sample, name, levels.get(name)) for name in names)


def _variable(sample: Sample, name: str, levels: tuple[str, ...] | None) -> Variable:
    if sample.is_text(name):
        texts = cast("Sequence[str]", sample.values[name])
        return Variable(name, levels, None, None, None, is_logical=False, values=tuple(texts))
    numbers = read_only(numbers_in(sample.values, name))
    mean, lowest, highest = float(numbers.mean()), float(numbers.min()), float(numbers.max())
    return Variable(name, levels, mean, lowest, highest, is_logical=sample.is_logical(name), values=numbers)


# from rows to columns ------------------------------------------------------------------------------------------------


def coded_terms(parsed: ParsedTerms, sample: Sample) -> CodedTerms:
    """The terms with levels, means and SDs of the rows of the fit."""
    require_one_coding(parsed.factors)
    return expand(parsed.text, [fitted(factor, sample) for factor in parsed.factors])


def columns_of(terms: CodedTerms, sample: Sample) -> NDArray[np.float64]:
    """The columns (N, p) of the rows of a sample, which must be finite and of known levels."""
    try:
        values = terms.coded(sample.values, rows=len(sample))
    except UnseenLevelError as unseen:
        _reject_unseen(unseen, sample)
    beyond = np.argwhere(~np.isfinite(values))
    if len(beyond):
        for factor in terms.factors:
            if isinstance(factor, Transform | Basis):
                require_finite(factor, sample)
        row, column = (int(i) for i in beyond[0])
        reject(
            f"formula must give finite numbers. {terms.names[column]} has none in row {sample.counted(row)} of "
            f"{sample.name}: the product is too large. Measure its columns in larger units."
        )
    return values


def _reject_unseen(unseen: UnseenLevelError, sample: Sample) -> NoReturn:
    factor = unseen.factor
    cell = sample.cell(factor.name, unseen.row)
    near = [label for label in factor.labels if str(cell).strip().casefold() == label.casefold()]
    meant = f" Is {near[0]} meant?" if near else ""
    reject(
        f"{sample.name} must hold levels that the data of the fit have. Row {sample.counted(unseen.row)} of "
        f"{sample.name} {found(cell)} in the column {factor.name}; its levels are {factor.listed()}.{meant}"
    )
