"""The conditional modes of nested groups: the effect w of each group above, and u of each group, found together.

Given the data all groups below one above depend on each other through w alone, so that the Hessian of their log density
has the shape of an arrow with the tip w:

    a_g = sum of n p q over the rows of group g,   D_g = a_g + 1 / sd_u^2,
    S   = 1 / sd_w^2 + sum_g (a_g - a_g^2 / D_g),

S being what is left of the curvature of w when the groups are eliminated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.newton import (
    MOST_MODE_STEPS,
    ROUNDING_OF_SUMS,
    SMALLEST_SHARE,
    Step,
    line_search,
    maximize,
)
from glmm_binomial.model.logistic import Logistic, logistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.grouping import Grouping
    from glmm_binomial.model.rows import Rows

FINEST = 1e-8
"""Newton step, in conditional standard deviations, below which rounding may be all that is left."""


@dataclass(frozen=True, slots=True)
class NestedModes:
    """Where the joint density of nested effects peaks, and the arrow of its Hessian there (H groups above G).

    Attributes
    ----------
    above : (H,) array
        w of each group above.
    own : (G,) array
        u of each group.
    curvatures : (G,) array
        a_g.
    diagonal : (G,) array
        D_g.
    schur : (H,) array
        S.
    """

    above: NDArray[np.float64]
    own: NDArray[np.float64]
    curvatures: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    schur: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Point:
    """Effects (H,) and (G,), the logistic density of the rows there, and the log density of each group above (H,)."""

    above: NDArray[np.float64]
    own: NDArray[np.float64]
    at: Logistic
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Newton:
    """A step of both kinds of effects, its gain for each group above, and the arrow it solves."""

    above: NDArray[np.float64]
    own: NDArray[np.float64]
    gain: NDArray[np.float64]
    curvatures: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    schur: NDArray[np.float64]


def find_nested_modes(
    rows: Rows, parameters: Parameters, start: NDArray[np.float64], *, tolerance: float
) -> NestedModes:
    """Newton's method for all groups above at once; the step of each is halved on its own.

    Parameters
    ----------
    rows : Rows
        Of nested groups, with both random effects.
    parameters : Parameters
    start : (G, 2) array
        The effect of the group above, and of the group.
    tolerance : float
        Newton step, in conditional standard deviations, at which the modes are found.
    """
    grouping, upper = rows.grouping, upper_of(rows)
    of_above, of_own = np.diagonal(parameters.effects.precision)
    offset = rows.fixed_part(parameters.coefficients)

    def point(above: NDArray[np.float64], own: NDArray[np.float64]) -> _Point:
        at = logistic(offset + grouping.by_row(own + upper.by_row(above)))
        of_groups = grouping.sums(at.log_density(rows.successes, rows.trials)) - 0.5 * of_own * own**2
        return _Point(above=above, own=own, at=at, values=upper.sums(of_groups) - 0.5 * of_above * above**2)

    def step(here: _Point) -> Step[_Newton]:
        residual = grouping.sums(here.at.residual(rows.successes, rows.trials))
        curvatures = grouping.sums(rows.trials * here.at.variance)
        diagonal = curvatures + of_own
        by_own, by_above = residual - of_own * here.own, upper.sums(residual) - of_above * here.above
        share = curvatures / diagonal
        # a - a^2 / D in the form that does not cancel
        schur = upper.sums(of_own * share) + of_above
        above = (by_above - upper.sums(share * by_own)) / schur
        own = (by_own - curvatures * upper.by_row(above)) / diagonal
        gain = above * by_above + upper.sums(own * by_own)
        newton = _Newton(above, own, gain, curvatures, diagonal, schur)
        return Step(newton, decrement=float(gain.max()))

    def ascend(here: _Point, ahead: Step[_Newton]) -> _Point | None:
        newton = ahead.direction
        rounding = np.maximum(tolerance**2, -ROUNDING_OF_SUMS * here.values)
        return line_search(
            lambda share: point(here.above + share * newton.above, here.own + upper.by_row(share) * newton.own),
            value=lambda there: there.values,
            # where the gain is below rounding, a group goes where the step leads
            floor=lambda share: np.where(share * newton.gain > rounding, here.values, -np.inf),
            fraction=np.ones(upper.count),
            smallest=SMALLEST_SHARE,
        )

    found = maximize(
        point(start[upper.starts, 0], start[:, 1]),
        step=step,
        ascend=ascend,
        converged=max(tolerance, FINEST) ** 2,
        most_steps=MOST_MODE_STEPS,
    )
    last = found.step.direction
    return NestedModes(found.state.above, found.state.own, last.curvatures, last.diagonal, last.schur)


def upper_of(rows: Rows) -> Grouping:
    """The groups above those of rows that have such."""
    if rows.upper is None:
        raise ValueError("these groups have none above them")
    return rows.upper


def joint_covariances(upper: Grouping, found: NestedModes) -> NDArray[np.float64]:
    """Inverse conditional Hessian of the effects of the group above and of each group, (G, 2, 2)."""
    share, above = found.curvatures / found.diagonal, upper.by_row(1.0 / found.schur)
    covariances = np.empty((len(share), 2, 2))
    covariances[:, 0, 0] = above
    covariances[:, 0, 1] = covariances[:, 1, 0] = -share * above
    covariances[:, 1, 1] = 1.0 / found.diagonal + share**2 * above
    return covariances


def nested_response(rows: Rows, parameters: Parameters, found: NestedModes) -> NDArray[np.float64]:
    """Derivatives of the modes (w, u) of each group by the coefficients and the two log SDs, (G, 2, k + 2)."""
    grouping, upper = rows.grouping, upper_of(rows)
    own_effects = found.own + upper.by_row(found.above)
    at = logistic(rows.fixed_part(parameters.coefficients) + grouping.by_row(own_effects))
    of_above, of_own = np.diagonal(parameters.effects.precision)
    # of the gradients by u (G, k + 2) and by w (H, k + 2)
    slopes = -grouping.sums(rows.fixed * (rows.trials * at.variance)[:, None])
    none = np.zeros((len(slopes), 1))
    by_own = np.hstack([slopes, none, 2.0 * of_own * found.own[:, None]])
    by_above = np.hstack([upper.sums(slopes), 2.0 * of_above * found.above[:, None], none[: upper.count]])
    share = (found.curvatures / found.diagonal)[:, None]
    above = upper.by_row((by_above - upper.sums(share * by_own)) / found.schur[:, None])
    own = by_own / found.diagonal[:, None] - share * above
    return np.stack([above, own], axis=1)
