"""Many small matrices at once, with the axes of each first, so that numpy's loops run over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cholesky(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower triangular L of L L' for positive definite matrices (K, K, ...), whose upper triangles are not read."""
    lower = np.zeros_like(matrices)
    for i in range(len(matrices)):
        for j in range(i + 1):
            rest = matrices[i, j]
            for m in range(j):
                rest = rest - lower[i, m] * lower[j, m]
            lower[i, j] = np.sqrt(rest) if i == j else rest / lower[j, j]
    return lower


def solve_lower(lower: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """V of L v = r, for L (K, K, ...) and r (K, ...)."""
    solved = np.empty(np.broadcast_shapes(lower.shape[1:], right.shape))
    for i in range(len(solved)):
        rest = right[i]
        for j in range(i):
            rest = rest - lower[i, j] * solved[j]
        np.divide(rest, lower[i, i], out=solved[i])
    return solved


def solve_upper(lower: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """V of L'v = r, for L (K, K, ...) and r (K, ...)."""
    solved = np.empty(np.broadcast_shapes(lower.shape[1:], right.shape))
    for i in reversed(range(len(solved))):
        rest = right[i]
        for j in range(i + 1, len(solved)):
            rest = rest - lower[j, i] * solved[j]
        np.divide(rest, lower[i, i], out=solved[i])
    return solved
