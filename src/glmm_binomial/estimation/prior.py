"""The weak prior of the Bayesian methods, on the standardised scale: b_j ~ N(0, 2^2), log sd_k ~ N(0, 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.effects import Parameters

FIXED_EFFECT_PRIOR_SD = 2.0
"""statsmodels' default."""

LOG_SD_PRIOR_SD = 1.0
"""statsmodels' default."""

FIXED_EFFECT_PRECISION = FIXED_EFFECT_PRIOR_SD**-2.0
LOG_SD_PRECISION = LOG_SD_PRIOR_SD**-2.0


def prior_precision(parameters: Parameters) -> NDArray[np.float64]:
    """Negative second derivative of the log prior by each coefficient and log SD, (k + K,)."""
    return np.concatenate(
        [
            np.full(len(parameters.coefficients), FIXED_EFFECT_PRECISION),
            np.full(len(parameters.effects.vector), LOG_SD_PRECISION),
        ]
    )
