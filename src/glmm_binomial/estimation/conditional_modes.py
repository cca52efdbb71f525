"""Where each group's integrand peaks: the conditional modes of the random effects, and how they move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.loops import compiled_loops
from glmm_binomial.estimation.nested_modes import (
    find_nested_modes,
    joint_covariances,
    nested_response,
    upper_of,
)
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
    from glmm_binomial.model.rows import Rows

TOLERANCE = 1e-10
"""Newton step, in conditional standard deviations, at which a group's mode is found."""

NEAR_ENOUGH = 1e-2
"""The same where the mode only says where a grid lies."""

ROUNDING = 1e-6
"""Newton step, in the same terms, below which the next ones shrink, unless all that is left is rounding."""


@dataclass(frozen=True, slots=True)
class ConditionalModes:
    """Where each group's integrand peaks, and how wide it is.

    Attributes
    ----------
    modes : (G, K) array
    scales : (G, K, K) array
        C of CC', the inverse of the conditional Hessian; upper triangular, or lower triangular of nested groups, whose
        first column then is the same for all groups of one above.
    """

    modes: NDArray[np.float64]
    scales: NDArray[np.float64]

    def of(self, groups: NDArray[np.intp]) -> ConditionalModes:
        """Those of some of the groups."""
        return ConditionalModes(modes=self.modes[groups], scales=self.scales[groups])


@dataclass(frozen=True, slots=True)
class _Newton:
    """A Newton step of every group: its direction (G, K), its gain (G,), and the conditional Hessian (G, K, K)."""

    direction: NDArray[np.float64]
    gain: NDArray[np.float64]
    hessian: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Point:
    """Effects (G, K), the logistic density of the rows there, and each group's conditional log density (G,)."""

    modes: NDArray[np.float64]
    at: Logistic
    values: NDArray[np.float64]


def find_modes(
    rows: Rows, parameters: Parameters, start: NDArray[np.float64], *, tolerance: float = TOLERANCE
) -> ConditionalModes:
    """Newton's method for the conditional modes of all groups at once; each group's step is halved on its own.

    The conditional log density sum_i [y_i eta_i - n_i log(1 + e^eta_i)] - u'P u / 2 is strictly concave.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
    start : (G, K) array
    tolerance : float
        Newton step, in conditional standard deviations, at which a group's mode is found.
    """
    count, covariance, grouping = parameters.effects.count, parameters.effects, rows.grouping
    if not count:
        return ConditionalModes(modes=start, scales=np.empty((grouping.count, 0, 0)))
    if rows.upper is not None:
        return _modes_of_nested(rows, parameters, start, tolerance)
    offset = rows.fixed_part(parameters.coefficients)
    loops = compiled_loops()
    if loops is not None:
        random, starts = np.ascontiguousarray(rows.random), np.ascontiguousarray(start)
        return ConditionalModes(
            *loops.find_modes(
                grouping.bounds,
                rows.successes,
                rows.trials,
                offset,
                random,
                covariance.precision,
                starts,
                tolerance**2,
                ROUNDING**2,
                MOST_MODE_STEPS,
            )
        )
    upper = np.triu_indices(count)
    products = rows.random[:, upper[0]] * rows.random[:, upper[1]]

    def point(modes: NDArray[np.float64]) -> _Point:
        at = logistic(offset + (rows.random * grouping.by_row(modes)).sum(axis=1))
        values = grouping.sums(at.log_density(rows.successes, rows.trials)) - 0.5 * covariance.quadratic_form(modes)
        return _Point(modes=modes, at=at, values=values)

    def step(here: _Point) -> Step[_Newton]:
        residual = here.at.residual(rows.successes, rows.trials)
        gradient = grouping.sums(rows.random * residual[:, None]) - covariance.pull(here.modes)
        hessian = np.zeros((grouping.count, count, count))
        sums = grouping.sums(products * (rows.trials * here.at.variance)[:, None])
        hessian[:, upper[0], upper[1]] = hessian[:, upper[1], upper[0]] = sums
        covariance.add_precision(hessian)
        direction = np.asarray(np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0], dtype=np.float64)
        gain = np.asarray((direction * gradient).sum(axis=1))
        return Step(_Newton(direction=direction, gain=gain, hessian=hessian), decrement=float(gain.max()))

    def ascend(here: _Point, ahead: Step[_Newton]) -> _Point | None:
        newton = ahead.direction
        rounding = np.maximum(TOLERANCE, -ROUNDING_OF_SUMS * here.values)
        return line_search(
            lambda share: point(here.modes + share[:, None] * newton.direction),
            value=lambda there: there.values,
            # a group whose gain is below rounding goes where the step leads
            floor=lambda share: np.where(share * newton.gain > rounding, here.values, -np.inf),
            fraction=np.ones(grouping.count),
            smallest=SMALLEST_SHARE,
        )

    last = np.inf

    def only_rounds(_: _Point, ahead: Step[_Newton]) -> bool:
        nonlocal last
        before, last = last, ahead.decrement
        return before < ROUNDING**2 and last > 0.5 * before

    found = maximize(
        point(start),
        step=step,
        ascend=ascend,
        converged=tolerance**2,
        most_steps=MOST_MODE_STEPS,
        is_over=only_rounds,
    )
    roots = np.linalg.inv(np.linalg.cholesky(found.step.direction.hessian))
    return ConditionalModes(modes=found.state.modes, scales=np.ascontiguousarray(roots.transpose(0, 2, 1)))


def _modes_of_nested(
    rows: Rows, parameters: Parameters, start: NDArray[np.float64], tolerance: float
) -> ConditionalModes:
    """Of nested groups, whose effects (G, K) hold that of the group above first."""
    upper = upper_of(rows)
    if parameters.effects.count == 1:
        above = find_modes(rows.of_upper(), parameters, start[upper.starts], tolerance=tolerance)
        return above.of(upper.index)
    found = find_nested_modes(rows, parameters, start, tolerance=tolerance)
    covariances = joint_covariances(upper, found)
    scales = np.zeros_like(covariances)
    scales[:, 0, 0] = np.sqrt(covariances[:, 0, 0])
    scales[:, 1, 0] = covariances[:, 0, 1] / scales[:, 0, 0]
    scales[:, 1, 1] = 1.0 / np.sqrt(found.diagonal)
    return ConditionalModes(modes=np.column_stack([upper.by_row(found.above), found.own]), scales=scales)


@dataclass(frozen=True, slots=True)
class ModeResponse:
    """How each group's effects vary about their mode, and how the mode moves with the parameters.

    Attributes
    ----------
    inverse : (G, K, K) array
        Inverse conditional Hessian, H^-1 with H = Z'WZ + P.
    derivatives : (G, K, k + K) array
        Implicit derivatives at the mode: du/db = -H^-1 Z'WX, and H^-1 times that of -P u by the effects' parameters.
    """

    inverse: NDArray[np.float64]
    derivatives: NDArray[np.float64]


def mode_response(rows: Rows, parameters: Parameters, found: ConditionalModes) -> ModeResponse:
    """How the groups' effects respond, at their modes."""
    if rows.upper is not None:
        return _response_of_nested(rows, parameters, found)
    inverse = found.scales @ found.scales.transpose(0, 2, 1)
    at = logistic(rows.predictor(parameters.coefficients, found.modes))
    weighted = rows.random * (rows.trials * at.variance)[:, None]
    by_coefficient = -inverse @ rows.grouping.sums(weighted[:, :, None] * rows.fixed[:, None, :])
    by_covariance = inverse @ parameters.effects.mode_derivatives(found.modes)
    return ModeResponse(inverse=inverse, derivatives=np.concatenate([by_coefficient, by_covariance], axis=2))


def _response_of_nested(rows: Rows, parameters: Parameters, found: ConditionalModes) -> ModeResponse:
    upper = upper_of(rows)
    if parameters.effects.count == 1:
        above = mode_response(rows.of_upper(), parameters, found.of(upper.starts))
        return ModeResponse(inverse=upper.by_row(above.inverse), derivatives=upper.by_row(above.derivatives))
    nested = find_nested_modes(rows, parameters, found.modes, tolerance=TOLERANCE)
    return ModeResponse(inverse=joint_covariances(upper, nested), derivatives=nested_response(rows, parameters, nested))
