"""The grids of nodes on which the random effects of each group are integrated out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.quadrature import HermiteRule


@dataclass(frozen=True, slots=True)
class Nodes:
    """A grid of each group about its conditional mode; K axes in conditional standard deviations.

    Its nodes are equally spaced, or those of one rule of Gauss and Hermite along every axis.

    Attributes
    ----------
    spacing : (G, K) array
    before : (G, K) integer array
        Nodes before the mode.
    counts : (G, K) integer array
        Nodes in all.
    settled : bool
        False when more nodes than allowed would be needed.
    rule : HermiteRule or None
        None where nodes are equally spaced.
    """

    spacing: NDArray[np.float64]
    before: NDArray[np.int64]
    counts: NDArray[np.int64]
    settled: bool
    rule: HermiteRule | None = None

    @classmethod
    def of_rule(cls, rule: HermiteRule, shape: tuple[int, ...]) -> Nodes:
        """The same rule for all groups and effects, (G, K)."""
        count = len(rule.nodes)
        return cls(
            spacing=np.ones(shape),
            before=np.full(shape, count // 2),
            counts=np.full(shape, count),
            settled=True,
            rule=rule,
        )

    def of(self, groups: NDArray[np.intp]) -> Nodes:
        """Those of some of the groups."""
        return replace(self, spacing=self.spacing[groups], before=self.before[groups], counts=self.counts[groups])

    @property
    def most(self) -> int:
        """The largest number of nodes per random effect."""
        return int(self.counts.max(initial=0))
