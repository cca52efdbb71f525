"""A second grouping, of few levels, that crosses the groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
