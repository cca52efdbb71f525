"""A formula without one of its terms: which terms may be left out, and the columns of what then is left.

Without a term, others may need more columns: in "0 + trt + sex" sex has a column for its second level alone, since trt
spans the constant; in "0 + sex" it has one for each. All of them are combinations of the columns that there were.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.formula.expansion import expand
from glmm_binomial.formula.factors import Basis, Levels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.formula.expansion import CodedTerms, Term
    from glmm_binomial.formula.factors import Factor


def higher_terms(terms: CodedTerms, term: Term) -> tuple[Term, ...]:
    """Those that a term is part of, as trt is of trt:sex: while they stay, it stays (Nelder 1977, JRSS A 140(1))."""
    return tuple(other for other in terms.terms if set(term.factors) < set(other.factors))


def without_term(terms: CodedTerms, term: Term) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of the q columns that are left without a term, and the matrix that makes them of those that there were.

    Returns
    -------
    names : tuple of q str
    combination : (c + p, q) array
        Of whole numbers; the first row is that of the constant, when there is an intercept (c is 1, else 0).
    """
    rest = [":".join(f"f{factor}" for factor in other.factors) for other in terms.terms if other is not term]
    left = expand(" + ".join(["1" if terms.intercept else "0", *rest]), terms.factors)
    points = [point for each in terms.terms for point in _points(terms.factors, each)]
    coded = [np.array(values) for values in zip(*points, strict=True)]
    before, after = (each.products(coded, rows=len(points)) for each in (terms, left))
    if terms.intercept:
        before = np.column_stack([np.ones(len(points)), before])
    # on these points all columns hold 0 and 1
    return left.names, np.rint(np.linalg.lstsq(before, after, rcond=None)[0])


def _points(factors: tuple[Factor, ...], term: Term) -> Iterator[tuple[NDArray[np.float64] | float, ...]]:
    """Every combination of what the factors of a term may be, the others at their first.

    Two sums of terms that agree on the points of each of them agree everywhere: what belongs to some of the factors
    alone follows by differences from points at which the others are at their first.
    """
    choices = [
        _choices(factor) if place in term.factors else _choices(factor)[:1] for place, factor in enumerate(factors)
    ]
    yield from product(*choices)


def _choices(factor: Factor) -> list[NDArray[np.float64] | float]:
    """The places of levels; 0 and 1 of numbers, which are linear in a term; of a curve each of its columns in turn."""
    if isinstance(factor, Levels):
        return [float(place) for place in range(len(factor.labels))]
    if isinstance(factor, Basis):
        return [np.zeros(factor.width), *np.eye(factor.width)]
    return [0.0, 1.0]
