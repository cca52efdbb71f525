"""What numerics see of the data: rows sorted by group, and the columns whose coefficients are sought."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.model.grouping import Grouping

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Crossing:
    """A second grouping of n rows, of few levels, such as the items that persons answer.

    Attributes
    ----------
    index : (n,) integer array
        Level of each row.
    count : int
        Number of levels, q.
    """

    index: NDArray[np.intp]
    count: int

    @property
    def indicators(self) -> NDArray[np.float64]:
        """Columns of 0 and 1, one for each level, (n, q)."""
        columns = np.zeros((len(self.index), self.count))
        columns[np.arange(len(self.index)), self.index] = 1.0
        return columns

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of values (n,) over the rows of each level, (q,)."""
        return np.asarray(np.bincount(self.index, values, minlength=self.count), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows of successes and trials, k fixed and K random effects, G groups: row i has logit x_i'b + o_i + z_i'u_g.

    Attributes
    ----------
    successes, trials : (n,) arrays
    fixed : (n, k) array
        The columns that the coefficients multiply, in whatever basis they are wanted.
    random : (n, K) array
        The columns that the random effects multiply.
    grouping : Grouping
    upper : Grouping or None
        Of nested groups: which of the G groups, such as classes, belong to the same one of H groups above them, such as
        schools. The first of the random effects is that of the group above, one for all its groups; the second, where
        both vary, is the group's own.
    crossed : Crossing or None
        A grouping that crosses the groups. The first of the two random effects then is that of the group, the second
        that of the level.
    offset : (n,) array or None
        o, what is known of the logits beforehand; None where nothing is.
    """

    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    fixed: NDArray[np.float64]
    random: NDArray[np.float64]
    grouping: Grouping
    upper: Grouping | None
    crossed: Crossing | None = None
    offset: NDArray[np.float64] | None = None

    def with_fixed(self, fixed: NDArray[np.float64]) -> Rows:
        """The same rows with other columns of coefficients, (n, any)."""
        return replace(self, fixed=fixed)

    def with_effects(self, active: NDArray[np.bool_]) -> Rows:
        """The same rows with some of the random effects only, (K,) booleans; not with that of levels alone."""
        if self.crossed is not None and active.any() and not active[0]:
            raise ValueError("levels alone are groups in another order: see by_levels")
        upper = self.upper if len(active) and active[0] else None
        crossed = self.crossed if active.all() else None
        return replace(self, random=self.random[:, active], upper=upper, crossed=crossed)

    def with_levels(self) -> Rows:
        """The rows of crossed groupings with a coefficient for each level, after the others, in place of an effect."""
        crossed = self.crossing
        fixed = np.hstack([self.fixed, crossed.indicators])
        return replace(self, fixed=fixed, random=self.random[:, :1], crossed=None)

    def by_levels(self) -> Rows:
        """The rows of crossed groupings by levels alone, with the effect of these."""
        crossed = self.crossing
        order = np.argsort(crossed.index, kind="stable")
        return Rows(
            successes=self.successes[order],
            trials=self.trials[order],
            fixed=self.fixed[order],
            random=self.random[order, 1:],
            grouping=Grouping.of_sorted(crossed.index[order]),
            upper=None,
            offset=None if self.offset is None else self.offset[order],
        )

    @property
    def crossing(self) -> Crossing:
        """The grouping that crosses the groups, of rows that have one."""
        if self.crossed is None:
            raise ValueError("no other grouping crosses these groups")
        return self.crossed

    def of_upper(self) -> Rows:
        """The rows of nested groups by the groups above alone, with the effect of these."""
        if self.upper is None:
            raise ValueError("these groups have none above them")
        starts = self.grouping.starts[self.upper.starts]
        grouping = Grouping(index=self.upper.index[self.grouping.index], starts=starts)
        return replace(self, random=self.random[:, :1], grouping=grouping, upper=None)

    def of_groups(self, groups: NDArray[np.intp]) -> Rows:
        """The rows of some groups (H,), by their positions; of nested ones without those above."""
        chosen = self.grouping.rows_of(groups)
        return Rows(
            successes=self.successes[chosen],
            trials=self.trials[chosen],
            fixed=self.fixed[chosen],
            random=self.random[chosen],
            grouping=Grouping.of_sizes(self.grouping.sizes[groups]),
            upper=None,
            offset=None if self.offset is None else self.offset[chosen],
        )

    def of_rows(self, kept: NDArray[np.bool_]) -> Rows:
        """Some of the rows of crossed groupings, (n,) booleans, in the groups that have any; all levels stay."""
        crossed = self.crossing
        return Rows(
            successes=self.successes[kept],
            trials=self.trials[kept],
            fixed=self.fixed[kept],
            random=self.random[kept],
            grouping=Grouping.of_sorted(self.grouping.index[kept]),
            upper=None,
            crossed=Crossing(crossed.index[kept], crossed.count),
            offset=None if self.offset is None else self.offset[kept],
        )

    def repeated(self, successes: NDArray[np.float64]) -> Rows:
        """All groups again and again as one data set, with other outcomes (S, n) each time."""
        times = len(successes)
        return Rows(
            successes=successes.ravel(),
            trials=np.tile(self.trials, times),
            fixed=np.tile(self.fixed, (times, 1)),
            random=np.tile(self.random, (times, 1)),
            grouping=self.grouping.repeated(times),
            upper=None if self.upper is None else self.upper.repeated(times),
            offset=None if self.offset is None else np.tile(self.offset, times),
        )

    def shared(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Effects (..., G, K) of which, in nested groups, the first is the same for all groups of one above."""
        if self.upper is None:
            return effects
        together = effects.copy()
        together[..., 0] = effects[..., self.upper.starts[self.upper.index], 0]
        return together

    def fixed_part(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Linear predictors without the groups' effects, (n,) or (n, D), at coefficients (k,) or (k, D)."""
        products = np.asarray(self.fixed @ coefficients)
        return products if self.offset is None else np.asarray((products.T + self.offset).T)

    def predictor(self, coefficients: NDArray[np.float64], effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Linear predictors (n,) at coefficients (k,) and each group's effects (G, K)."""
        return np.asarray(self.fixed_part(coefficients) + (self.random * self.grouping.by_row(effects)).sum(axis=1))


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
