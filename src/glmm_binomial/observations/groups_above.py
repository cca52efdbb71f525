"""The groups that others are nested in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.frozen import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GroupsAbove:
    """The groups that others are nested in, such as schools of classes.

    Attributes
    ----------
    index : (G,) integer array
        Position in `labels` of the one above each group; it does not decrease.
    labels : tuple of H labels
        In the order in which they first appear.
    name : str
        The column of the labels, in a table.
    """

    index: NDArray[np.intp]
    labels: tuple[object, ...]
    name: str

    @property
    def first(self) -> NDArray[np.intp]:
        """Position of the first group that lies in the same one above, (G,)."""
        return np.searchsorted(self.index, self.index)

    def without(self, groups: NDArray[np.intp]) -> GroupsAbove:
        """Those that are left without some of the groups, by their positions."""
        index = np.delete(self.index, groups)
        kept, index = np.unique(index, return_inverse=True)
        return GroupsAbove(
            index=read_only(index), labels=tuple(self.labels[place] for place in kept.tolist()), name=self.name
        )
