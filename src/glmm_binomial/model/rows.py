"""What numerics see of the data: rows sorted by group, and the columns whose coefficients are sought."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.model.grouping import Grouping

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows of successes and trials, k fixed and K random effects, G groups: row i has logit x_i'b + z_i'u_g.

    Attributes
    ----------
    successes, trials : (n,) arrays
    fixed : (n, k) array
        The columns that the coefficients multiply, in whatever basis they are wanted.
    random : (n, K) array
        The columns that the random effects multiply.
    grouping : Grouping
    """

    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    fixed: NDArray[np.float64]
    random: NDArray[np.float64]
    grouping: Grouping

    def with_fixed(self, fixed: NDArray[np.float64]) -> Rows:
        """The same rows with other columns of coefficients, (n, any)."""
        return replace(self, fixed=fixed)

    def with_effects(self, active: NDArray[np.bool_]) -> Rows:
        """The same rows with some of the random effects only, (K,) booleans."""
        return replace(self, random=self.random[:, active])

    def of_groups(self, groups: NDArray[np.intp]) -> Rows:
        """The rows of some groups (H,), whose positions do not decrease."""
        chosen = self.grouping.rows_of(groups)
        return Rows(
            successes=self.successes[chosen],
            trials=self.trials[chosen],
            fixed=self.fixed[chosen],
            random=self.random[chosen],
            grouping=Grouping.of_sizes(self.grouping.sizes[groups]),
        )

    def predictor(self, coefficients: NDArray[np.float64], effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Linear predictors (n,) at coefficients (k,) and each group's effects (G, K)."""
        return np.asarray(self.fixed @ coefficients + (self.random * self.grouping.by_row(effects)).sum(axis=1))


@dataclass(frozen=True, slots=True)
class OrthonormalRows:
    """Rows whose columns of `fixed` are orthonormal, up to a factor (Golub & Van Loan 2013, section 5.2).

    It leaves the likelihood as it is, and the digits of nearly collinear columns, such as raw powers, intact.

    Attributes
    ----------
    rows : Rows
    triangle : (k, k) array
        Map to the coefficients of `rows` from those of the columns they were made of.
    """

    rows: Rows
    triangle: NDArray[np.float64]

    def coefficients_of(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients (k,) of the original columns, from those of the orthonormal ones."""
        return np.asarray(np.linalg.solve(self.triangle, coefficients))


def orthonormalize(rows: Rows) -> OrthonormalRows:
    """Make the columns of `fixed` orthonormal, up to the root of the number of rows."""
    orthonormal, triangle = np.linalg.qr(rows.fixed)
    scale = np.sqrt(len(rows.fixed))
    return OrthonormalRows(rows=rows.with_fixed(orthonormal * scale), triangle=triangle / scale)
