"""Profile-likelihood limits of linear combinations of coefficients, and of random effects' SDs and correlations.

All on the standardised scale, from a fit by maximum likelihood; how a limit is searched for stands in `profile_search`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.likelihood import LARGEST_LOG_SD
from glmm_binomial.estimation.profile_search import EXPANSION, Combination, Deviation, FirstCorrelation, Limit, Search
from glmm_binomial.estimation.profile_walk import Walk, enter, local_model, score_by_variance, with_coarse_nodes
from glmm_binomial.model.correlated_effects import LARGEST_Z, CorrelatedEffects
from glmm_binomial.model.effects import Parameters
from glmm_binomial.model.rows import orthonormalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.profile_search import Quantity, Side
    from glmm_binomial.estimation.profile_walk import Point
    from glmm_binomial.model.effects import Effects
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
    return _peak_near(rows, fit, fit.active_effects, fit.modes[:, fit.active])


def peak_beginning_with(
    rows: Rows, fit: Fit, back: NDArray[np.float64], first: tuple[int, ...]
) -> tuple[Peak, NDArray[np.float64]]:
    """The maximum of log L in a basis of correlated effects that begins with some of the user's own.

    Parameters
    ----------
    rows : Rows
    fit : Fit
        In which all random effects vary.
    back : (K, K) array
        R of u = R u_s: the user's effects from those of the rows.
    first : tuple of int
        Which of the user's effects.

    Returns
    -------
    tuple
        The peak, and the units of its effects: so many times the user's.
    """
    order = [*first, *(effect for effect in range(len(back)) if effect not in first)]
    columns = (rows.random @ np.linalg.inv(back))[:, order]
    units = np.sqrt((columns**2).mean(axis=0))
    basis = units[:, None] * back[order]
    root = basis @ fit.effects_root
    effects = CorrelatedEffects.of_covariance(root @ root.T)
    return _peak_near(replace(rows, random=columns / units), fit, effects, fit.own_effects.means @ basis.T), units


def _peak_near(rows: Rows, fit: Fit, effects: Effects, modes: NDArray[np.float64]) -> Peak:
    turned = orthonormalize(rows)
    parameters = Parameters(coefficients=turned.triangle @ fit.coefficients, effects=effects)
    walk = Walk(turned.rows, enter(turned.rows, fit.active, parameters, modes))
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


@dataclass(frozen=True, slots=True)
class CorrelationLimits:
    """Limits of a correlation from the profile, and from Fisher's z and its standard error, None at a bound."""

    profile: tuple[Limit, Limit]
    fisher: tuple[float, float] | None


def first_correlation_limits(peak: Peak, quantile: float) -> CorrelationLimits:
    """Limits of the correlation of the first two random effects of a peak."""
    quantity = FirstCorrelation()
    estimate = quantity.value(peak.point)
    if abs(estimate) >= LARGEST_Z:
        inside = _correlation_limit(peak, -1 if estimate > 0.0 else 1, quantile, estimate, estimate - np.sign(estimate))
        at_bound = Limit(ending="found", reached=float(np.sign(estimate)), settled=True)
        return CorrelationLimits(profile=(inside, at_bound) if estimate > 0.0 else (at_bound, inside), fisher=None)
    reach = _half_width(peak, quantity, quantile)
    return CorrelationLimits(
        profile=(
            _correlation_limit(peak, -1, quantile, estimate, estimate - reach),
            _correlation_limit(peak, 1, quantile, estimate, estimate + reach),
        ),
        fisher=(float(np.tanh(estimate - reach)), float(np.tanh(estimate + reach))),
    )


def _correlation_limit(peak: Peak, side: Side, quantile: float, estimate: float, start: float) -> Limit:
    search = Search(
        Walk(peak.turned.rows, peak.start),
        FirstCorrelation(),
        side=side,
        top=peak.point.state.value,
        quantile=quantile,
        estimate=estimate,
        farthest=side * LARGEST_Z,
    )
    found = search.run(float(np.clip(start, -LARGEST_Z, LARGEST_Z)))
    if found.ending == "flat":
        # log L does not fall far enough up to a correlation of one
        return Limit(ending="found", reached=float(side), settled=found.settled)
    return Limit(ending=found.ending, reached=float(np.tanh(found.reached)), settled=found.settled)


def _half_width(peak: Peak, quantity: Quantity, quantile: float) -> float:
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
