"""Limits that stand beside those of a profile: Wald's, or quantiles of the posterior."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.estimation.fitted_model import GLMM


@dataclass(frozen=True, slots=True)
class Beside:
    """Limits beside those of the profiles, on the user's scale.

    Attributes
    ----------
    kind : {"wald", "posterior"}
    fixed : tuple of k pairs
        Of coefficients.
    random : tuple of K pairs
        Of SDs, None for a zero.
    correlations : dict
        Of correlations from the posterior, by pairs of effects; Wald's come with their profiles.
    """

    kind: Literal["wald", "posterior"]
    fixed: tuple[tuple[float, float], ...]
    random: tuple[tuple[float, float] | None, ...]
    correlations: Mapping[tuple[int, int], tuple[float, float]]

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
            correlations={},
        )
    laws = posterior.laws_of_combinations(scale.back_transform)
    drawn = posterior.draws_of_effects(scale.random_back_transform)
    deviations = [np.exp(posterior.law_of_draws(draws).limits(alpha)) for draws in drawn.log_sds.T]
    pairs = combinations(range(drawn.log_sds.shape[1]) if scale.correlated else (), 2)
    return Beside(
        kind="posterior",
        fixed=tuple(law.limits(alpha) for law in laws),
        random=tuple((float(lower), float(upper)) for lower, upper in deviations),
        correlations={
            (i, j): _of_correlation(posterior.law_of_draws(drawn.fisher_z(i, j)).limits(alpha)) for i, j in pairs
        },
    )


def _of_correlation(limits: tuple[float, float]) -> tuple[float, float]:
    lower, upper = np.tanh(limits)
    return float(lower), float(upper)


def _wald_of_sd(std_dev: float, reach: float) -> tuple[float, float] | None:
    if std_dev == 0.0:
        return None
    with np.errstate(over="ignore"):
        factor = float(np.exp(reach))
    return std_dev / factor, std_dev * factor
