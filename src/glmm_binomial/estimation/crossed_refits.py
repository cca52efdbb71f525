"""Other outcomes of the same rows of crossed groupings, each refitted by a few steps from the same estimates.

Steps of Newton's method for Laplace's approximation, by the part of its curvature that every point gives, those of the
SDs taken on the scale of the variances: see `refits`, of which this is the counterpart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.crossed_integral import CrossedIntegral
from glmm_binomial.estimation.likelihood import newton_direction
from glmm_binomial.estimation.refits import LARGEST_STEP, STEPS, relative_log_sds
from glmm_binomial.interruption import stop_if_requested

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows


def refitted_crossed_predictors(
    rows: Rows, parameters: Parameters, successes: Iterable[NDArray[np.float64]]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Refit other outcomes (n,) of the same rows, one by one, in their order.

    Yields the outcomes (1, n), and the rows' logits (1, n) at their estimates and the conditional modes of all effects.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
        Where the steps start, both SDs above zero.
    successes : iterable of (n,) arrays
    """
    levels, modes = np.zeros(rows.crossing.count), np.zeros((rows.grouping.count, 1))
    k = len(parameters.coefficients)
    for outcome in successes:
        stop_if_requested()
        integral = CrossedIntegral(replace(rows, successes=outcome))
        state = integral.evaluate(parameters.vector, levels, modes)
        for left in reversed(range(STEPS)):
            direction, _ = newton_direction(state.score, state.information)
            step = np.append(np.clip(direction[:k], -LARGEST_STEP, LARGEST_STEP), relative_log_sds(direction[k:]))
            ahead = state.point + step, state.peak.levels + state.response @ step, state.peak.state.found.modes
            if left:
                state = integral.evaluate(*ahead)
        at = integral.peak(*ahead).state
        yield outcome[None], integral.wide.predictor(at.parameters.coefficients, at.found.modes)[None]
