"""The fitted logits of the rows, for a typical group and for the known groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.answers.estimates import group_effects
from glmm_binomial.answers.simulate import typical_logits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM


@dataclass(frozen=True, slots=True)
class Fitted:
    """The user's N rows.

    Attributes
    ----------
    successes, trials : (N,) arrays
    typical : (N,) array
        Logits with random effects at zero.
    known : (N,) array
        Logits with each group's own estimated effects.
    """

    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    typical: NDArray[np.float64]
    known: NDArray[np.float64]


def effects_of_rows(model: GLMM) -> NDArray[np.float64]:
    """Estimated random effects of each row's groups, (N, K), on the user's scale."""
    observations, levels = model.observations, model.fit.levels
    effects = group_effects(model.design, model.fit)[observations.group_index]
    if levels is None or observations.crossed is None:
        return effects
    return np.column_stack([effects[:, 0], levels.means[observations.crossed.index]])


def fitted_logits(model: GLMM) -> Fitted:
    """Of the rows of the fit, at the estimates of the table."""
    observations = model.observations
    typical = typical_logits(model)
    effects = effects_of_rows(model)
    intercepts = model.design.scale.random_intercepts
    deviation = effects[:, :intercepts].sum(axis=1) + (observations.x_random * effects[:, intercepts:]).sum(axis=1)
    return Fitted(
        successes=observations.successes,
        trials=observations.trials,
        typical=typical,
        known=np.asarray(typical + deviation),
    )
