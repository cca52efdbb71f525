"""Profile-likelihood limits of linear combinations of coefficients, and of the random effects' SDs.

All on the standardised scale, from a fit by maximum likelihood; how a limit is searched for stands in `profile_search`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.likelihood import LARGEST_LOG_SD
from glmm_binomial.estimation.profile_search import EXPANSION, Combination, Deviation, Limit, Search
from glmm_binomial.estimation.profile_walk import Walk, enter, local_model, score_by_variance, with_coarse_nodes
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.rows import orthonormalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.profile_search import Side
    from glmm_binomial.estimation.profile_walk import Point
    from glmm_binomial.model.rows import OrthonormalRows, Rows

MOST_PEAK_STEPS = 10
"""From an accepted fit to the maximum; more would only wander along a likelihood that is flat."""

LEAST_SCORE = 1e-3
"""Derivative of log L by a variance at zero that is taken for the least when a first step is chosen."""

SMALLEST_CURVATURE = 1e-6
"""Share of the curvature with all else fixed that a profile is taken to have at least when a first step is chosen."""

FARTHEST = 30.0
"""Half-widths of the Wald interval beyond which no limit of a coefficient is looked for."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The maximum of log L, from which all profiles descend.

    Attributes
    ----------
    turned : OrthonormalRows
        Of the design.
    point : Point
    start : Point
        The same, with nodes for the steps of a search.
    """

    turned: OrthonormalRows
    point: Point
    start: Point


def find_peak(rows: Rows, fit: Fit) -> Peak:
    """The maximum of log L, from a fit by maximum likelihood to the same rows."""
    turned = orthonormalize(rows)
    active = fit.sds > 0.0
    effects = IndependentEffects.of_sds(fit.sds[active])
    parameters = Parameters(coefficients=turned.triangle @ fit.coefficients, effects=effects)
    walk = Walk(turned.rows, enter(turned.rows, active, parameters, fit.own_effects.means[:, active]))
    # which SDs are zero was settled by the fit
    walk.settle(most_steps=MOST_PEAK_STEPS, restoring=False)
    return Peak(turned=turned, point=walk.point, start=with_coarse_nodes(turned.rows, walk.point))


def coefficient_limit(peak: Peak, combination: NDArray[np.float64], *, side: Side, quantile: float) -> Limit:
    """Limit of a linear combination (k,) of the standardised coefficients."""
    weights = np.asarray(np.linalg.solve(peak.turned.triangle.T, combination), dtype=np.float64)
    length = float(np.linalg.norm(weights))
    quantity = Combination(weights * (1.0 / length))
    estimate, half_width = quantity.value(peak.point), _half_width(peak, quantity, quantile)
    search = Search(
        Walk(peak.turned.rows, peak.start),
        quantity,
        side=side,
        top=peak.point.state.value,
        quantile=quantile,
        estimate=estimate,
        farthest=estimate + side * FARTHEST * half_width,
    )
    found = search.run(estimate + side * half_width)
    return Limit(ending=found.ending, reached=found.reached * length, settled=found.settled)


def sd_limit(peak: Peak, effect: int, *, side: Side, quantile: float) -> Limit:
    """Limit of the standardised SD of a random effect; zero when zero itself lies inside the interval."""
    quantity = Deviation(effect)
    walk = Walk(peak.turned.rows, peak.start, held=effect)
    estimate, half_width = 0.0, 0.0
    if peak.point.active[effect]:
        estimate, half_width = quantity.value(peak.point), _half_width(peak, quantity, quantile)
    elif side > 0:
        walk.add(effect, _first_log_sd(peak, effect, quantile))
    if side < 0 and (estimate == 0.0 or _drop_without(peak, effect) <= quantile):
        return Limit(ending="found", reached=0.0, settled=True)
    search = Search(
        walk,
        quantity,
        side=side,
        top=peak.point.state.value,
        quantile=quantile,
        estimate=estimate,
        farthest=0.0 if side < 0 else max(float(np.exp(LARGEST_LOG_SD)), 2.0 * estimate),
        outside=0.0 if side < 0 else None,
    )
    # the Wald interval of log SD, taken as if it were one of SD
    start = estimate * min(max(1.0 + side * half_width, 1.0 / EXPANSION), EXPANSION)
    return search.run(start if estimate > 0.0 else None)


def _half_width(peak: Peak, quantity: Combination | Deviation, quantile: float) -> float:
    """Of the Wald interval along a quantity's direction; bounded where the likelihood is flat."""
    state, direction = peak.point.state, quantity.direction(peak.point)
    tangent = local_model(state, direction).tangent
    alone = abs(float(direction @ state.information @ direction))
    return float(np.sqrt(quantile / max(float(tangent @ state.information @ tangent), SMALLEST_CURVATURE * alone)))


def _drop_without(peak: Peak, effect: int) -> float:
    """Twice the drop of log L to its largest value without one random effect."""
    walk = Walk(peak.turned.rows, peak.start, held=effect)
    walk.remove(effect)
    walk.settle()
    return 2.0 * (peak.point.state.value - walk.point.state.value)


def _first_log_sd(peak: Peak, effect: int, quantile: float) -> float:
    """Where twice the drop from an SD of zero would reach the quantile, were log L linear in the variance."""
    falls = max(-score_by_variance(peak.turned.rows, peak.point, effect), LEAST_SCORE)
    return float(min(0.5 * np.log(quantile / (2.0 * falls)), 0.0))
