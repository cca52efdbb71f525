"""The covariance of the random effects at many points of its parameters at once, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EffectsAtPoints:
    """Sigma and P = Sigma^-1 of K random effects at D points.

    Attributes
    ----------
    first, second : (T,) integer arrays
        Of the entries (i, j), i >= j, that may differ from zero.
    covariances, precisions : (T, D) arrays
        These entries of Sigma and of P.
    half_log_determinants : (D,) array
        Log det(Sigma) / 2.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    covariances: NDArray[np.float64]
    precisions: NDArray[np.float64]
    half_log_determinants: NDArray[np.float64]

    @property
    def multiplicities(self) -> NDArray[np.float64]:
        """How often an entry stands in the whole matrix, (T,)."""
        return np.where(self.first == self.second, 1.0, 2.0)

    def variances(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variances z'Sigma z of columns z (m, K) at every point, (m, D)."""
        products = columns[:, self.first] * columns[:, self.second] * self.multiplicities
        # rounding may leave less than nothing of effects that cancel
        return np.asarray(np.maximum(products @ self.covariances, 0.0))

    def traces(self, products: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean variance over columns z with mean products zz' (K, K), at every point, (D,)."""
        return np.asarray((products[self.first, self.second] * self.multiplicities) @ self.covariances)


def of_roots(roots: NDArray[np.float64]) -> EffectsAtPoints:
    """Of Sigma = Lambda Lambda', Lambda (D, K, K) lower triangular with positive diagonals."""
    inverses = np.linalg.inv(roots)
    covariances, precisions = roots @ roots.transpose(0, 2, 1), inverses.transpose(0, 2, 1) @ inverses
    first, second = np.tril_indices(roots.shape[1])
    return EffectsAtPoints(
        first=first,
        second=second,
        covariances=np.ascontiguousarray(covariances[:, first, second].T),
        precisions=np.ascontiguousarray(precisions[:, first, second].T),
        half_log_determinants=np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1),
    )
