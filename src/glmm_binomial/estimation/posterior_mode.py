"""The mode of the exact log posterior, by Newton's method from the variational estimates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.log_posterior import MANY_ROWS
from glmm_binomial.estimation.newton import Step, maximize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.log_posterior import CurvedPoint, LogPosterior

NEAR_DECREMENT: Final = 0.5
"""Squared distance to the mode, in posterior SDs, at which the nodes are chosen."""

CONVERGED_DECREMENT: Final = 1e-18
CONVERGED_DECREMENT_OF_MANY: Final = 1e-10
"""The same with many rows, whose rough gradients make a map that its points correct."""

ROUGH_DECREMENT: Final = 1e-2
"""Again the same, for a height that is wanted to two digits."""

MOST_STEPS: Final = 60
LARGEST_STEP: Final = 3.0
LARGEST_LOG_SD_STEP: Final = 1.5
PATIENT_STEPS: Final = 10
"""Steps after which they are shortened, ever more, should they go round in circles."""

SMALLEST_CURVATURE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class PosteriorMode:
    """Where the posterior peaks.

    Attributes
    ----------
    at : CurvedPoint
        Its information positive definite.
    distance : float
        To the mode where the search ended, in posterior SDs; infinite where the posterior is not curved downwards.
    """

    at: CurvedPoint
    distance: float


def find_posterior_mode(posterior: LogPosterior) -> PosteriorMode:
    """Newton's method with absolute eigenvalues and short steps: far off with few nodes, then with chosen ones.

    Parameters
    ----------
    posterior : LogPosterior
        The search starts from its centre; nodes and centre are left as the mode needs them.
    """
    near = _climb(posterior, posterior.centre.parameters.vector, converged=NEAR_DECREMENT)
    values, vectors = _absolute(near.information)
    posterior.choose_nodes_within(near.point, np.sqrt((vectors**2 / values).sum(axis=1)))
    many = len(posterior.rows.trials) >= MANY_ROWS
    mode = _climb(posterior, near.point, converged=CONVERGED_DECREMENT_OF_MANY if many else CONVERGED_DECREMENT)
    values, vectors = _absolute(mode.information)
    if np.linalg.eigvalsh(mode.information)[0] > 0.0:
        return PosteriorMode(at=mode, distance=float(np.sqrt(_newton_step(mode).decrement)))
    return PosteriorMode(at=replace(mode, information=(vectors * values) @ vectors.T), distance=np.inf)


@dataclass(frozen=True, slots=True)
class _Here:
    """A point of the search, and how many steps led there."""

    at: CurvedPoint
    steps: int


def highest_with_zero(
    posterior: LogPosterior, start: NDArray[np.float64], combination: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The highest point, roughly, of those (k + C,) at which a combination (k + C,) of theta is zero.

    Parameters
    ----------
    posterior : LogPosterior
        Its centre moves along.
    start : (k + C,) array
        One of these points.
    combination : (k + C,) array
    """
    across = np.linalg.svd(combination[None])[2][1:].T
    return _climb(posterior, start, converged=ROUGH_DECREMENT, within=across).point


def _climb(
    posterior: LogPosterior,
    start: NDArray[np.float64],
    *,
    converged: float,
    within: NDArray[np.float64] | None = None,
) -> CurvedPoint:
    """Newton's method, in the directions that are the columns of `within`, or all."""

    def stepped(here: _Here, ahead: Step[NDArray[np.float64]]) -> _Here:
        # no value is compared: with few nodes values and gradients do not agree so well, and such steps lead little far
        step = ahead.direction
        share = min(
            1.0,
            LARGEST_STEP / float(np.abs(step).max()),
            LARGEST_LOG_SD_STEP / max(float(np.abs(step[posterior.coefficients :]).max()), 1e-300),
            2.0 ** (0.5 * (PATIENT_STEPS - here.steps)),
        )
        return _Here(posterior.curved(here.at.point + share * step, is_centre=True), here.steps + 1)

    found = maximize(
        _Here(posterior.curved(start, is_centre=True), 0),
        step=lambda here: _newton_step(here.at, within),
        ascend=stepped,
        converged=converged,
        most_steps=MOST_STEPS,
    )
    return found.state.at


def _newton_step(at: CurvedPoint, within: NDArray[np.float64] | None = None) -> Step[NDArray[np.float64]]:
    basis = np.eye(len(at.point)) if within is None else within
    values, vectors = _absolute(basis.T @ at.information @ basis)
    vectors = basis @ vectors
    direction = vectors @ ((vectors.T @ at.gradient) / values)
    return Step(direction, decrement=float(direction @ at.gradient))


def _absolute(information: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues, by their size and none too small to divide by, and eigenvectors."""
    values, vectors = np.linalg.eigh(information)
    return np.maximum(np.abs(values), SMALLEST_CURVATURE), vectors
