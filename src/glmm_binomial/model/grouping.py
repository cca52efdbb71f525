"""Which rows belong together: sums over the rows of each group, and a group's values at each of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Grouping:
    """n rows, sorted by group, of G groups.

    Attributes
    ----------
    index : (n,) integer array
        Group of each row, from zero, not decreasing.
    starts : (G,) integer array
        First row of each group.
    """

    index: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of_sorted(cls, labels: NDArray[np.intp]) -> Grouping:
        """Group rows by labels (n,) that do not decrease; every new label begins a group."""
        is_new = np.diff(labels, prepend=labels[:1] - 1) != 0
        return cls(index=np.cumsum(is_new) - 1, starts=np.flatnonzero(is_new))

    @classmethod
    def of_sizes(cls, sizes: NDArray[np.intp]) -> Grouping:
        """Group rows into groups of given sizes (G,)."""
        return cls(index=np.repeat(np.arange(len(sizes)), sizes), starts=np.cumsum(sizes) - sizes)

    def repeated(self, times: int) -> Grouping:
        """The same rows so many times, each time in groups of their own."""
        return Grouping.of_sizes(np.tile(self.sizes, times))

    @property
    def count(self) -> int:
        """Number of groups, G."""
        return len(self.starts)

    @property
    def bounds(self) -> NDArray[np.intp]:
        """First row of each group, and the number of rows, (G + 1,)."""
        return np.append(self.starts, len(self.index))

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Rows of each group, (G,)."""
        return np.diff(self.bounds)

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of values (n, ...) over the rows of each group, (G, ...)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=0))

    def log_products(self, values: NDArray[np.float64], *, most: int) -> NDArray[np.float64]:
        """Logarithms of the products of values (n, ...) over the rows of each group, (G, ...).

        One logarithm serves up to `most` rows, whose product must not overflow.
        """
        within = np.arange(len(self.index)) - self.starts[self.index]
        runs = np.flatnonzero(within % most == 0)
        logs = np.log(np.multiply.reduceat(values, runs, axis=0))
        if len(runs) == self.count:
            return np.asarray(logs)
        return np.asarray(np.add.reduceat(logs, np.searchsorted(runs, self.starts), axis=0))

    def sums_of_columns(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of values (m, n), whose rows are columns of data, over the rows of each group, (G, m)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=1).T)

    def maxima(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Largest of values (n, ...) over the rows of each group, (G, ...)."""
        return np.asarray(np.maximum.reduceat(values, self.starts, axis=0))

    def by_row(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value (G, ...) of each row's group, (n, ...)."""
        return np.asarray(values[self.index])

    def rows_of(self, groups: NDArray[np.intp]) -> NDArray[np.intp] | slice:
        """Rows of some groups (H,), by their positions, which may be repeated."""
        if len(groups) == self.count and not (groups != np.arange(self.count)).any():
            return slice(None)
        sizes = self.sizes[groups]
        ends = np.cumsum(sizes)
        return np.asarray(np.repeat(self.starts[groups] - (ends - sizes), sizes) + np.arange(ends[-1]))
