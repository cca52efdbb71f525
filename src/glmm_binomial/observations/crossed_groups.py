"""A second grouping, of few levels, that crosses the groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.frozen import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_LEVELS: Final = 300
"""Whose effects are integrated out together."""

MOST_INDICATORS: Final = 60_000_000
"""Rows times levels, half a gigabyte of columns of 0 and 1."""


@dataclass(frozen=True, slots=True)
class CrossedGroups:
    """A second grouping that crosses the groups, such as the items that persons answer.

    Attributes
    ----------
    index : (N,) integer array
        Position in `labels` of the level of each row.
    labels : tuple of q labels
        In the order in which they first appear.
    name : str
        The column of the labels, in a table.
    """

    index: NDArray[np.intp]
    labels: tuple[object, ...]
    name: str

    def of_rows(self, kept: NDArray[np.bool_]) -> CrossedGroups:
        """Those of some of the rows, (N,) booleans."""
        levels, index = np.unique(self.index[kept], return_inverse=True)
        labels = tuple(self.labels[level] for level in levels.tolist())
        return CrossedGroups(index=read_only(index), labels=labels, name=self.name)
