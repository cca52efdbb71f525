"""The offsets of a formula, such as offset(log(time)): known parts of the logit, whose coefficient is one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.formula.calls import transform_of
from glmm_binomial.formula.coding import columns_of
from glmm_binomial.formula.expansion import CodedColumn, CodedTerms, Part, Term
from glmm_binomial.formula.expressions import syntax_tree
from glmm_binomial.formula.factors import Numbers, Transform
from glmm_binomial.formula.fitted_factors import fitted
from glmm_binomial.formula.wilkinson import ParsedTerms
from glmm_binomial.observations.cells import reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.columns import Columns
    from glmm_binomial.formula.factors import Factor
    from glmm_binomial.formula.sample import Sample
    from glmm_binomial.formula.words import Word

LARGEST: Final = 500.0
"""Logits beyond which a probability is 0 or 1 whatever else is known."""


def parse_offsets(words: Sequence[Word], columns: Columns) -> ParsedTerms:
    """Read offset() of a column of numbers, or of arithmetic on such.

    Raises
    ------
    InvalidInputError
        When one holds anything else.
    """
    return ParsedTerms(
        text=" + ".join(f"f{place}" for place in range(len(words))),
        factors=tuple(_factor(word.text, columns) for word in words),
    )


def _factor(text: str, columns: Columns) -> Numbers | Transform:
    tree = syntax_tree(text)
    match tree.root:
        case ast.Call(args=[ast.Name(id=name)], keywords=[]):
            column = columns.table.known(tree.backticked.get(name, name))
            if columns[column].kind == "text":
                reject(f"formula must have numbers as an offset. In {text}, {column} is a column of text.")
            return Numbers(column)
        case ast.Call(args=[inner], keywords=[]):
            return transform_of(tree, inner, text, columns.table.known)
        case _:
            reject(
                "formula must have one column, or arithmetic on columns, in an offset, as in offset(log(time)). It "
                f"holds {text}."
            )


def coded_offsets(parsed: ParsedTerms, sample: Sample) -> CodedTerms:
    """The offsets as terms of one column each, with the means and SDs of the rows of the fit."""
    factors: tuple[Factor, ...] = tuple(fitted(factor, sample) for factor in parsed.factors)
    return CodedTerms(
        intercept=False,
        factors=factors,
        columns=tuple(
            CodedColumn(name=f"offset({factor.name})", parts=(Part(factor=place, place=None),))
            for place, factor in enumerate(factors)
        ),
        terms=tuple(
            Term(name=f"offset({factor.name})", factors=(place,), variables=factor.variables, columns=(place,))
            for place, factor in enumerate(factors)
        ),
    )


def offset_of(terms: CodedTerms, sample: Sample) -> NDArray[np.float64] | None:
    """The sum of the offsets of each row of a sample, (N,); None where there are none.

    Raises
    ------
    InvalidInputError
        When it is no number that a logit may be.
    """
    if not terms.columns:
        return None
    columns = columns_of(terms, sample)
    beyond = np.argwhere(np.abs(columns) > LARGEST)
    if len(beyond):
        row, place = (int(i) for i in beyond[0])
        name = terms.names[place]
        reject(
            f"formula must have offsets between {-LARGEST:g} and {LARGEST:g}, since they add to a logit. {name} is "
            f"{columns[row, place]:.6g} in row {sample.counted(row)} of {sample.name}; for a time or a number of units "
            "write its logarithm, as in offset(log(time))."
        )
    return np.asarray(columns.sum(axis=1))
