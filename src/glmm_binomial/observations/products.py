"""Columns of x that cannot change alone: products of others, and columns of 0 and 1 that code one factor together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.interruption import stop_if_requested

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAME: Final = 1e-6
"""What of a column may be left, relative to its size, where it is a product."""

SCREENED: Final = 500
"""Rows on which a product shows at first sight."""


@dataclass(frozen=True, slots=True)
class Product:
    """A column that is the product of two, shifted and scaled or not; the same twice for a square.

    Attributes
    ----------
    column, first, second : int
        Positions among the columns of x.
    """

    column: int
    first: int
    second: int


def products_in(x: NDArray[np.float64]) -> tuple[Product, ...]:
    """The products among the columns of x (N, p).

    Column c is one of a and b when it lies in the span of 1, a, b and ab, and not in that of 1, a and b: so centred
    columns, and products of centred columns, are found too.
    """
    largest = np.abs(x).max(axis=0)
    scaled = x / np.where(largest > 0.0, largest, 1.0)
    screened = scaled[np.linspace(0, len(x) - 1, min(len(x), SCREENED)).astype(np.intp)]
    found = []
    for first, second in combinations_with_replacement(range(x.shape[1]), 2):
        stop_if_requested()
        if len(_products_of(screened, first, second)):
            found += [Product(int(c), first, second) for c in _products_of(scaled, first, second)]
    return tuple(found)


def _products_of(x: NDArray[np.float64], first: int, second: int) -> NDArray[np.intp]:
    """Columns that are the product of two."""
    a, b = (x[:, i] - x[:, i].mean() for i in (first, second))
    span = np.linalg.qr(np.column_stack([np.ones(len(x)), a, b]))[0]
    product, columns = (each - span @ (span.T @ each) for each in (a * b, x))
    size, sizes = np.linalg.norm(product), np.linalg.norm(columns, axis=0)
    if size <= SAME * np.linalg.norm(a * b):
        return np.empty(0, dtype=np.intp)
    left = columns - np.outer(product, product @ columns / size**2)
    is_product = (sizes > SAME * np.linalg.norm(x, axis=0)) & (np.linalg.norm(left, axis=0) <= SAME * sizes)
    is_product[[first, second]] = False
    return np.flatnonzero(is_product)


def exclusive_columns(x: NDArray[np.float64]) -> Iterator[tuple[int, ...]]:
    """Sets of two columns of 0 and 1 or more of which no row has two ones, as of the levels of one factor."""
    binary = np.flatnonzero(((x == 0.0) | (x == 1.0)).all(axis=0) & x.any(axis=0))
    ones = x[:, binary]
    together = ones.T @ ones > 0.0
    left = list(range(len(binary)))
    while left:
        members = [left.pop(0)]
        for other in left:
            if not together[other, members].any():
                members.append(other)
        left = [other for other in left if other not in members]
        if len(members) > 1:
            yield tuple(int(binary[i]) for i in members)
