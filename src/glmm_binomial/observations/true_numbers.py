"""Cells -> the numbers of a model that is given: coefficients, SDs of random effects and their correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.observations.cells import describe, is_blank, reject
from glmm_binomial.observations.ranges import Range, as_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOGETHER: Final = 1e-12
"""Least eigenvalue of correlations that are possible together."""


@dataclass(frozen=True, slots=True)
class TrueEffects:
    """The covariance of random effects, Lambda Lambda'.

    Attributes
    ----------
    root : (K, K) array
        Lambda.
    correlated : bool
        Whether they may be correlated.
    """

    root: NDArray[np.float64]
    correlated: bool


def read_coefficients(cells: object, *, columns: int) -> NDArray[np.float64]:
    """The intercept, then the coefficient of each column of x, (p + 1,)."""
    return _in_line("coefficients", cells, (columns + 1,), "the intercept first, then one for each column")


def read_effects(cells: object, *, columns: int, kinds: int) -> TrueEffects:
    """The random effects of groups of one kind or several.

    Parameters
    ----------
    cells : range
        Of one kind of groups the SD of the random intercept; or that and those of the slopes of all p columns of x, in
        a row or a column; or p + 1 rows of p + 1 cells, these SDs on the diagonal, correlations below it or above it,
        or the same on both sides. Of several kinds the SD of the random intercept of each.
    columns : int
        p.
    kinds : int

    Raises
    ------
    InvalidInputError
    """
    rows = as_rows("std_devs", cells, minimum_rows=1)
    if kinds == 1 and columns and len(rows) == len(rows[0]) == columns + 1:
        return _correlated(rows)
    if kinds > 1:
        sds = _in_line("std_devs", rows, (kinds,), "one for each column of groups")
    else:
        sds = _in_line("std_devs", rows, (1, columns + 1), "of the random intercept, then of the slopes")
    return TrueEffects(root=np.diag(_required_sds(sds)), correlated=False)


def _in_line(name: str, cells: object, sizes: tuple[int, ...], order: str) -> NDArray[np.float64]:
    """Numbers in a row or a column, of one of some sizes."""
    values = Range(name, as_rows(name, cells, minimum_rows=1)).numbers()
    if min(values.shape) != 1 or values.size not in sizes:
        allowed = " or ".join(map(str, dict.fromkeys(sizes)))
        shape = f"{values.shape[0]} x {values.shape[1]}" if min(values.shape) != 1 else str(values.size)
        reject(f"{name} must be a row or a column of {allowed} numbers, {order}. It has {shape}.")
    return values.ravel()


def _required_sds(sds: NDArray[np.float64]) -> NDArray[np.float64]:
    if (sds < 0.0).any():
        reject(f"std_devs must not be negative. The smallest is {sds.min():.15g}.")
    return sds


def _correlated(rows: list[list[object]] | NDArray[np.float64]) -> TrueEffects:
    cells = [
        [rows[column][row] if is_blank(cell) else cell for column, cell in enumerate(line)]
        for row, line in enumerate(rows)
    ]
    values = Range("std_devs", cells).numbers()
    sds = _required_sds(np.diag(values))
    differs = np.argwhere(values != values.T)
    if len(differs):
        row, column = differs[0].tolist()
        reject(
            "std_devs must hold the same correlations above the diagonal as below it, or on one side none. Row "
            f"{row + 1} has {describe(values[row, column])} in column {column + 1}, row {column + 1} has "
            f"{describe(values[column, row])} in column {row + 1}."
        )
    correlations = values.copy()
    np.fill_diagonal(correlations, 1.0)
    if np.linalg.eigvalsh(correlations)[0] < TOGETHER:
        below = correlations[np.tril_indices(len(values), -1)]
        reject(
            "std_devs must hold standard deviations on the diagonal and below it correlations between -1 and 1 that "
            f"are possible together. The largest correlation is {np.abs(below).max():.15g}."
        )
    return TrueEffects(root=sds[:, None] * np.linalg.cholesky(correlations), correlated=True)
