"""Other outcomes of the same rows, all refitted at once by a few steps from the same estimates.

Steps of Fisher's scoring for the marginal likelihood,

    b_s <- b_s + (I^-1 score_s)_b,   Lambda_s <- Lambda_s Lambda^-1 Lambda(log sds + (I^-1 score_s)_sd),

of every data set s on its own, from the coefficients b and the root Lambda of the covariance of the effects that are
common to all. I is the mean over the first of the data sets of minus the second derivatives at the start. One step is
as efficient as the maximum where the start is the truth (van der Vaart 1998, Asymptotic Statistics, section 5.7); the
others follow the curvature that counts with few groups.

All data sets are evaluated together, as groups of one large one: what the coefficients of each add enters as an offset,
and effects of covariance Lambda_s Lambda_s' as those of the common one, their columns multiplied by Lambda_s Lambda^-1.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.conditional_modes import NEAR_ENOUGH, find_modes
from glmm_binomial.estimation.integrator import Integrator
from glmm_binomial.estimation.likelihood import newton_direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows

STEPS: Final = 3
ROWS_AT_ONCE: Final = 50_000

LARGEST_STEP: Final = 2.0
"""Of a coefficient of a standardised column."""

LEAST_SHARE: Final = 0.1
LARGEST_SHARE: Final = 4.0
"""Of the variance of an effect that a step leaves at least, and that it leads to at most."""


def refitted_predictors(
    rows: Rows, parameters: Parameters, successes: Iterable[NDArray[np.float64]]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Refit other outcomes (n,) of the same rows, batch by batch, in their order.

    Yields the outcomes of a batch (S, n), and the rows' logits (S, n) at the estimates of each and the conditional
    modes of its groups' effects.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
        Where the steps start.
    successes : iterable of (n,) arrays
    """
    at_once, information = max(ROWS_AT_ONCE // len(rows.trials), 1), None
    waiting = iter(successes)
    while outcomes := list(islice(waiting, at_once)):
        batch = _Batch(rows, parameters, np.array(outcomes))
        for _ in range(STEPS):
            information = batch.move(information)
        yield batch.successes, batch.predictors()


def relative_log_sds(step: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a step of log SDs is on the scale of the variances, which it does not leave."""
    return np.asarray(0.5 * np.log(np.clip(1.0 + 2.0 * step, LEAST_SHARE, LARGEST_SHARE)))


class _Batch:
    """S outcomes (S, n) of the same rows, and where each has come to."""

    def __init__(self, rows: Rows, parameters: Parameters, successes: NDArray[np.float64]) -> None:
        times, count = len(successes), parameters.effects.count
        self._rows, self._parameters, self.successes = rows, parameters, successes
        self._coefficients = np.tile(parameters.coefficients, (times, 1))
        self._roots = np.tile(np.eye(count), (times, 1, 1))
        self._modes = np.zeros((times * rows.grouping.count, count))

    def move(self, information: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Go one step; the information is that of the start unless given, and is returned."""
        times, k = self._coefficients.shape
        rows, there = self._repeated(), self._parameters
        found = find_modes(rows, there, self._modes, tolerance=NEAR_ENOUGH)
        state = Integrator(rows, there, found, rough=True).evaluate(there, found.modes)
        self._modes = found.modes
        if information is None:
            information = state.information / times
        scores = state.group_scores.reshape(times, -1, len(information)).sum(axis=1)
        for simulation, score in enumerate(scores):
            step, _ = newton_direction(score, information)
            self._coefficients[simulation] += np.clip(step[:k], -LARGEST_STEP, LARGEST_STEP)
            self._roots[simulation] = self._roots[simulation] @ self._relative_root(step[k:])
        return information

    def _relative_root(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lambda after a step of the parameters, times Lambda^-1; the step is taken on the scale of the variance."""
        effects = self._parameters.effects
        moved = effects.moved(relative_log_sds(step))
        return np.asarray(np.linalg.solve(effects.root.T, moved.root.T).T)

    def _repeated(self) -> Rows:
        """All outcomes as groups of one data set, with what each has come to in its offset and its columns."""
        rows = self._rows
        added = (self._coefficients - self._parameters.coefficients) @ rows.fixed.T
        random = np.einsum("nk,skl->snl", rows.random, self._roots)
        return replace(
            rows.repeated(self.successes),
            random=random.reshape(added.size, rows.random.shape[1]),
            offset=(added if rows.offset is None else added + rows.offset).ravel(),
        )

    def predictors(self) -> NDArray[np.float64]:
        """Logits of the rows where each outcome has come to, (S, n)."""
        rows, there = self._repeated(), self._parameters
        found = find_modes(rows, there, self._modes)
        return rows.predictor(there.coefficients, found.modes).reshape(self.successes.shape)
