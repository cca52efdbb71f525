"""The marginal likelihood near a point, and the part of its score that is lost with each group.

Groups of one kind are independent, and of nested ones those above are. A lower group is not: what is lost with it is
the score of the group above it, less that of the same group above without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.conditional_modes import TOLERANCE, find_modes
from glmm_binomial.estimation.integrator import Integrator
from glmm_binomial.model.grouping import Grouping

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.marginal import MarginalState
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows


class LeftOut:
    """The likelihood of rows near a point, from which groups are left out.

    Parameters
    ----------
    rows : Rows
        With the random effects that vary.
    point : Parameters
    start : (G, K) array
        Where the search for the conditional modes starts.
    upper : Grouping or None
        Which of the G groups lie in the same one of H above, where groups are nested.
    lower : bool
        Of nested groups: leave out the lower ones, not those above.
    laplace : bool
        Whether the likelihood is Laplace's approximation.
    """

    def __init__(
        self,
        rows: Rows,
        point: Parameters,
        start: NDArray[np.float64],
        *,
        upper: Grouping | None,
        lower: bool,
        laplace: bool = False,
    ) -> None:
        found = find_modes(rows, point, start, tolerance=TOLERANCE)
        self._integrator = Integrator(rows, point, found, laplace=laplace)
        self._modes = found.modes
        self._upper, self._lower = upper, lower
        self._rest: _Rest | None = None
        if lower and rows.upper is not None:
            self._rest = _Rest(rows, rows.upper, point, found.modes)
        self.state = self._integrator.evaluate_point()

    def at(self, parameters: Parameters) -> MarginalState:
        """The likelihood at a point near the first one, where it is `state`."""
        return self._integrator.evaluate(parameters, self._modes)

    def lost(self, state: MarginalState) -> NDArray[np.float64]:
        """What the score (k + C,) loses with each group, (G, k + C), or with each of those above, (H, k + C)."""
        scores = state.group_scores
        if self._upper is None:
            return scores
        if self._rest is not None:
            return self._upper.by_row(scores) - self._rest.scores(state.parameters)
        # without an effect of those above all lower groups are independent, and their scores are known one by one
        are_above = len(scores) == self._upper.count
        return scores if self._lower or are_above else self._upper.sums(scores)


class _Rest:
    """Each group above without one of its groups: the others, for every group left out."""

    def __init__(self, rows: Rows, upper: Grouping, point: Parameters, modes: NDArray[np.float64]) -> None:
        together = upper.sizes[upper.index]
        left_out = np.repeat(np.arange(rows.grouping.count), together)
        place = np.arange(len(left_out)) - np.repeat(np.cumsum(together) - together, together)
        members = upper.starts[upper.index[left_out]] + place
        groups = members[members != left_out]
        self._shape = (rows.grouping.count, len(point.vector))
        # nothing is left above a group that lies there alone
        self._some = np.flatnonzero(together > 1)
        rest = replace(rows.of_groups(groups), upper=Grouping.of_sizes(together[self._some] - 1))
        self._modes = modes[groups]
        self._integrator = Integrator(rest, point, find_modes(rest, point, self._modes, tolerance=TOLERANCE))

    def scores(self, parameters: Parameters) -> NDArray[np.float64]:
        """Of the group above each, without it, (G, k + C)."""
        found = np.zeros(self._shape)
        found[self._some] = self._integrator.evaluate(parameters, self._modes).group_scores
        return found
