"""Symmetric systems in the shape of an arrow: one dense corner, many small blocks, each coupled to the corner only.

    [ corner       coupling_1' ... coupling_G' ]
    [ coupling_1   block_1                     ]
    [   ...                  ...               ]
    [ coupling_G                    block_G    ]

Everything costs a number of operations proportional to the number of blocks G.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EIGENVALUE_FLOOR = 1e-8
"""Smallest eigenvalue, relative to the largest, of a block that was made positive definite."""


@dataclass(frozen=True, slots=True)
class Arrowhead:
    """A symmetric matrix in the shape of an arrow.

    Attributes
    ----------
    corner : (a, a) array
    coupling : (G, l, a) array
        Rows of block g by columns of the corner.
    blocks : (G, l, l) array
    """

    corner: NDArray[np.float64]
    coupling: NDArray[np.float64]
    blocks: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArrowheadFactor:
    """What is needed to solve with a positive definite arrowhead, or with its positive definite stand-in.

    Attributes
    ----------
    schur : (a, a) array
        S = corner - sum_g coupling_g' block_g^-1 coupling_g.
    coupling : (G, l, a) array
    block_inverses : (G, l, l) array
    eliminated : (G, l, a) array
        block_g^-1 coupling_g.
    modified : bool
        True when the matrix was not positive definite and eigenvalues were replaced by their absolute values.
    """

    schur: NDArray[np.float64]
    coupling: NDArray[np.float64]
    block_inverses: NDArray[np.float64]
    eliminated: NDArray[np.float64]
    modified: bool

    def solve(
        self, corner: NDArray[np.float64], local: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Solve for the right-hand side `corner` (a,) and `local` (G, l); returns the same two shapes."""
        local_part = np.einsum("gij,gj->gi", self.block_inverses, local)
        reduced = corner - np.einsum("gia,gi->a", self.coupling, local_part)
        corner_solution = np.linalg.solve(self.schur, reduced)
        return corner_solution, local_part - self.eliminated @ corner_solution


def factorize(matrix: Arrowhead) -> ArrowheadFactor:
    """Factor an arrowhead; where it is not positive definite, factor a positive definite stand-in.

    The stand-in takes the absolute eigenvalues of the blocks and of the Schur complement (Gill, Murray & Wright 1981,
    Practical Optimization, section 4.4.2), so that solving with it always gives a direction of descent.
    """
    blocks, modified = matrix.blocks, False
    if not _positive_definite(blocks):
        blocks, modified = _absolute(blocks), True
    block_inverses = np.asarray(np.linalg.inv(blocks), dtype=np.float64)
    eliminated = block_inverses @ matrix.coupling
    width = len(matrix.corner)
    schur = matrix.corner - matrix.coupling.reshape(-1, width).T @ eliminated.reshape(-1, width)
    schur = 0.5 * (schur + schur.T)
    if not _positive_definite(schur):
        schur, modified = _absolute(schur), True
    return ArrowheadFactor(
        schur=schur,
        coupling=matrix.coupling,
        block_inverses=block_inverses,
        eliminated=eliminated,
        modified=modified,
    )


def _positive_definite(matrices: NDArray[np.float64]) -> bool:
    try:
        np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        return False
    return True


def _absolute(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace every eigenvalue by its absolute value, kept away from zero."""
    values, vectors = np.linalg.eigh(matrices)
    values = np.abs(values)
    values = np.maximum(values, EIGENVALUE_FLOOR * values.max(axis=-1, keepdims=True))
    return np.asarray((vectors * values[..., None, :]) @ np.swapaxes(vectors, -1, -2))
