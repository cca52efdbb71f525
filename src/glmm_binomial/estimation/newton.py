"""Damped Newton's method: one loop and one line search for all that is maximised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from glmm_binomial.interruption import stop_if_requested

MOST_MODE_STEPS = 100
"""Of a search for the modes of all groups at once."""

ROUNDING_OF_SUMS = 1e-14
"""Of log densities, relative to their sum, of which each is negative."""

SMALLEST_SHARE = 1e-300
"""Of a step that is halved for one group until nothing is left of it."""

State = TypeVar("State")
Direction = TypeVar("Direction")


@dataclass(frozen=True, slots=True)
class Step(Generic[Direction]):
    """Newton's step at a point.

    Attributes
    ----------
    direction
        Whatever the caller's `ascend` moves along.
    decrement : float
        Its product with the gradient: the squared distance to the maximum, in standard errors.
    """

    direction: Direction
    decrement: float


@dataclass(frozen=True, slots=True)
class Ascent(Generic[State, Direction]):
    """Where a search ended.

    Attributes
    ----------
    state
        The last point.
    step : Step
        What would come next.
    steps : int
        How many were taken.
    """

    state: State
    step: Step[Direction]
    steps: int


def maximize(
    state: State,
    *,
    step: Callable[[State], Step[Direction]],
    ascend: Callable[[State, Step[Direction]], State | None],
    converged: float,
    most_steps: int,
    is_over: Callable[[State, Step[Direction]], bool] = lambda _state, _step: False,
) -> Ascent[State, Direction]:
    """Newton's method from a point.

    Parameters
    ----------
    state
        Where it starts.
    step : callable
        Newton's step at a point.
    ascend : callable
        The point after as much of a step as makes it better; None when none does, which ends the search.
    converged : float
        Decrement at which the search ends.
    most_steps : int
    is_over : callable, optional
        Whether the search ends at a point for another reason.
    """
    for taken in range(most_steps + 1):
        stop_if_requested()
        ahead = step(state)
        if ahead.decrement <= converged or taken == most_steps or is_over(state, ahead):
            break
        better = ascend(state, ahead)
        if better is None:
            break
        state = better
    return Ascent(state=state, step=ahead, steps=taken)


def line_search(
    move: Callable[[NDArray[np.float64]], State],
    *,
    value: Callable[[State], NDArray[np.float64] | float],
    floor: Callable[[NDArray[np.float64]], NDArray[np.float64] | float],
    fraction: NDArray[np.float64] | float,
    smallest: float,
) -> State | None:
    """The first of ever shorter shares of a step after which no value lies below its floor; None if there is none.

    Parameters
    ----------
    move : callable
        The point after a share of the step.
    value : callable
        What is maximised, at a point: one number, or one for each of several problems that are solved at once.
    floor : callable
        The least value accepted, by the share; minus infinity accepts any.
    fraction : float or array
        The first share; of several problems only those below their floor get a shorter one.
    smallest : float
        Share at which the search is given up.
    """
    share = np.asarray(fraction, dtype=np.float64)
    while True:
        candidate = move(share)
        # a value that is no number compares with none, and is worse than any
        is_worse = ~np.asarray(value(candidate) >= floor(share))
        if not is_worse.any():
            return candidate
        share = np.where(is_worse, 0.5 * share, share)
        if share.min() <= smallest:
            return None
