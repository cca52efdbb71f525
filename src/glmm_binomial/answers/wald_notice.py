"""Where z says little: log L falls quite otherwise than its curvature at the maximum foretells.

As an effect grows, its standard error may grow faster, and z and p then speak against the effect that is there (Hauck
& Donner 1977, JASA 72(360)).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import chi2, norm

from glmm_binomial.estimation.likelihood_ratio import likelihood_ratio, tangent_drop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.model.design import Design

CLEAR: Final = 2.6
"""A z beyond which (p < .01) no other test would find differently."""

LARGEST_DIFFERENCE: Final = 1.0
"""Of z and the root of the likelihood-ratio statistic, which is about z where log L is quadratic."""


def about_wald_tests(design: Design, fit: Fit) -> Iterator[str]:
    """A warning for each coefficient of "ml" that z tells little about, with the likelihood-ratio test."""
    if fit.method != "ml":
        return
    for name, combination in zip(design.scale.fixed_names, design.scale.back_transform, strict=True):
        root = fit.covariance_root[: len(combination)].T @ combination
        z = abs(float(combination @ fit.coefficients)) / float(np.linalg.norm(root))
        if z >= CLEAR:
            continue
        drop = tangent_drop(design.rows, fit, combination)
        if drop is None or not _differs(drop, z):
            continue
        statistic = likelihood_ratio(design.rows, fit, combination)
        if statistic is None:
            yield f"{_about(name, z)}, and the likelihood with {name} at zero was not found."
        elif _differs(statistic, z):
            yield (
                f"{_about(name, z)}; twice its drop to where {name} is zero is {statistic:.3g}: p is "
                f"{chi2.sf(statistic, 1):.2g} by the likelihood-ratio test. Report that, and profile intervals."
            )


def _differs(statistic: float, z: float) -> bool:
    return abs(math.sqrt(max(statistic, 0.0)) - z) > LARGEST_DIFFERENCE


def _about(name: str, z: float) -> str:
    return (
        f"z_statistic, p_value and interval of {name} (p {2.0 * norm.sf(z):.2g}) mislead: the log-likelihood is far "
        "from quadratic between the estimate and zero"
    )
