"""Rows, groups and the numbers of a model from which outcomes are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glmm_binomial.observations.row_groups import RowGroups


@dataclass(frozen=True, slots=True)
class Truth:
    """A model whose numbers are known, for N rows. The arrays are read-only.

    Attributes
    ----------
    predictor : (N,) array
        Logits with random effects at zero.
    x_random : (N, q) array
        Columns with a random slope.
    effects_root : (K, K) array
        Lambda of Lambda Lambda', the covariance of the random intercepts, one or those of two kinds of groups, and of
        q slopes. The effect of groups above comes first, that of groups that cross second.
    groups : RowGroups
    trials : (N,) array
    trials_given : bool
    """

    predictor: NDArray[np.float64]
    x_random: NDArray[np.float64]
    effects_root: NDArray[np.float64]
    groups: RowGroups
    trials: NDArray[np.float64]
    trials_given: bool
