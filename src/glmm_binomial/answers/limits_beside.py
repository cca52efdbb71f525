"""Limits that stand beside those of a profile: Wald's, or quantiles of the posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm

if TYPE_CHECKING:
    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.estimation.fitted_model import GLMM


@dataclass(frozen=True, slots=True)
class Beside:
    """Limits beside those of the profiles, on the user's scale: of coefficients, and of SDs, None for a zero."""

    kind: Literal["wald", "posterior"]
    fixed: tuple[tuple[float, float], ...]
    random: tuple[tuple[float, float] | None, ...]

    def named(self, limits: tuple[float, float] | None) -> dict[str, float | None]:
        """Limits under the names that they have in an interval."""
        lower, upper = limits or (None, None)
        return {f"{self.kind}_lower": lower, f"{self.kind}_upper": upper}


def limits_beside(model: GLMM, estimates: Estimates) -> Beside:
    """Quantiles of the posterior of a model that has one, or Wald's limits at the estimates."""
    scale, alpha, posterior = model.design.scale, estimates.alpha, model.fit.posterior
    if posterior is None:
        return Beside(
            kind="wald",
            fixed=tuple(zip(estimates.ci_lower.tolist(), estimates.ci_upper.tolist(), strict=True)),
            random=tuple(
                _wald_of_sd(sd, float(norm.isf(alpha / 2.0)) * error)
                for sd, error in zip(estimates.std_devs.tolist(), estimates.log_sd_std_errors.tolist(), strict=True)
            ),
        )
    laws = posterior.laws_of_combinations(scale.back_transform)
    limits = [
        np.exp(law.limits(alpha)) * unit
        for law, unit in zip(posterior.laws_of_log_sds(), np.diag(scale.random_back_transform), strict=True)
    ]
    return Beside(
        kind="posterior",
        fixed=tuple(law.limits(alpha) for law in laws),
        random=tuple((float(lower), float(upper)) for lower, upper in limits),
    )


def _wald_of_sd(std_dev: float, reach: float) -> tuple[float, float] | None:
    if std_dev == 0.0:
        return None
    with np.errstate(over="ignore"):
        factor = float(np.exp(reach))
    return std_dev / factor, std_dev * factor
