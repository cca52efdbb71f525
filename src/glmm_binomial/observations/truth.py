"""Rows, groups and the numbers of a model from which outcomes are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Truth:
    """A model whose numbers are known, for N rows in G groups. The arrays are read-only.

    Attributes
    ----------
    predictor : (N,) array
        Logits with random effects at zero.
    x_random : (N, q) array
        Columns with a random slope.
    effects_root : (K, K) array
        Lambda of Lambda Lambda', the covariance of the random intercepts, one or those of two kinds of groups, and of
        q slopes.
    group_index : (N,) integer array
    groups : int
        How many there are.
    trials : (N,) array
    trials_given : bool
    sharing : (G,) integer array or None
        Of nested groups, with the effect of the group above first: position of the group whose draw of it each takes.
    level_index : (N,) integer array or None
        Of a second grouping that crosses the groups, whose effect comes second: the level of each row.
    levels : int
        How many of these there are.
    """

    predictor: NDArray[np.float64]
    x_random: NDArray[np.float64]
    effects_root: NDArray[np.float64]
    group_index: NDArray[np.intp]
    groups: int
    trials: NDArray[np.float64]
    trials_given: bool
    sharing: NDArray[np.intp] | None = None
    level_index: NDArray[np.intp] | None = None
    levels: int = 0
