"""Plain logistic regression: where the coefficients start, and whether the data are separated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from glmm_binomial.model.design import orthonormalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.design import Design

MOST_STEPS = 60
CONVERGED_DECREMENT = 1e-14
SMALLEST_FRACTION = 1e-6
ROUNDING = 1e-13
"""Relative rounding error of the sum that makes up the log-likelihood."""

MOST_ROWS_PROGRAMMED = 50_000
"""Beyond this a linear programme takes longer than a reader would wait for a shorter list of columns."""

LARGEST_START = 10.0
"""Standardised coefficients beyond this are no nearer than zero to an answer under a prior of SD 2."""

SUSPECT_PREDICTOR = 20.0
"""Linear predictors beyond this, p < 2e-9, call for a look at separation."""

DIRECTION_TOLERANCE = 1e-7
"""Share of the largest predictor by which a row may lie on the wrong side of a direction that is nearly found."""


@dataclass(frozen=True, slots=True)
class Separation:
    """Columns of x whose combination tells successes from failures, so that the likelihood has no maximum.

    Attributes
    ----------
    columns : tuple of int
        Positions in x; each alone suffices when `single`, else their combination does.
    single : bool
    complete : bool
        True when every row is told, False when some rows lie on the border (quasi-complete).
    direction : (k,) array
        Coefficients on the standardised scale along which the likelihood rises for ever.
    """

    columns: tuple[int, ...]
    single: bool
    complete: bool
    direction: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LogisticStart:
    """A logistic regression without random effects.

    Attributes
    ----------
    coefficients : (k,) array
        Where the search stood at its end: the maximum, unless the data are separated.
    separation : Separation or None
    """

    coefficients: NDArray[np.float64]
    separation: Separation | None

    @property
    def near_prior(self) -> NDArray[np.float64]:
        """The coefficients, or zero where they are no nearer than zero to an answer under the prior."""
        is_near = self.separation is None and np.abs(self.coefficients).max() <= LARGEST_START
        return self.coefficients if is_near else np.zeros_like(self.coefficients)


def fit_logistic_start(design: Design) -> LogisticStart:
    """Newton's method for a logistic regression that ignores the groups, watching for separation.

    The estimates exist unless some direction d has x'd >= 0 in rows of successes and <= 0 in rows of failures (Albert &
    Anderson 1984, Biometrika 71(1)). Then Newton's steps run off along such a direction, which is checked row by row.
    """
    # orthonormal columns, since a direction of nearly collinear ones is lost to rounding
    turned, triangle = orthonormalize(design)
    X, successes, trials = turned.fixed, design.successes, design.trials
    coefficients = np.zeros(X.shape[1])
    eta, value = np.zeros(len(trials)), -np.inf
    separation = None
    for _ in range(MOST_STEPS):
        decay = np.exp(-np.abs(eta))
        p = np.where(eta >= 0.0, 1.0, decay) / (1.0 + decay)
        gradient = (successes - trials * p) @ X
        information = (X * (trials * p * (1.0 - p))[:, None]).T @ X
        step = np.asarray(np.linalg.lstsq(information, gradient, rcond=None)[0], dtype=np.float64)
        if step @ gradient <= CONVERGED_DECREMENT:
            break
        fraction = 1.0
        while True:
            ahead = eta + fraction * (X @ step)
            loss = np.maximum(ahead, 0.0) + np.log1p(np.exp(-np.abs(ahead)))
            new_value = float(successes @ ahead - trials @ loss)
            if new_value >= value - ROUNDING * abs(new_value) or fraction < SMALLEST_FRACTION:
                break
            fraction *= 0.5
        coefficients, eta, value = coefficients + fraction * step, ahead, new_value
        if np.abs(eta).max() > SUSPECT_PREDICTOR:
            separation = _separation_along(design, turned, triangle, (coefficients, step))
            if separation is not None:
                break
    standardised = np.asarray(np.linalg.solve(triangle, coefficients), dtype=np.float64)
    return LogisticStart(coefficients=standardised, separation=separation)


def _separation_along(
    design: Design, turned: Design, triangle: NDArray[np.float64], directions: tuple[NDArray[np.float64], ...]
) -> Separation | None:
    """The separation by the first of the directions that is one; `turned` and `triangle` as by `orthonormalize`."""
    mixed = (design.successes > 0) & (design.successes < design.trials)
    for direction in directions:
        predictor = turned.fixed @ direction
        margin = np.where(design.successes == 0, -predictor, predictor)
        margin[mixed] = -np.abs(predictor[mixed])
        tolerance = DIRECTION_TOLERANCE * np.abs(predictor).max()
        if margin.min() >= -tolerance and (margin > tolerance).any():
            standardised = np.asarray(np.linalg.solve(triangle, direction), dtype=np.float64)
            return _separation_by(design, standardised, mixed=mixed, is_complete=bool(margin.min() > tolerance))
    return None


def _separation_by(
    design: Design, direction: NDArray[np.float64], *, mixed: NDArray[np.bool_], is_complete: bool
) -> Separation:
    """Which columns make a separating direction."""
    x = design.fixed[:, 1:] if design.intercept else design.fixed
    alone = [(column, _separates_alone(design, x[:, column])) for column in range(x.shape[1])]
    for kind in ("complete", "quasi-complete"):
        single = tuple(column for column, how in alone if how == kind)
        if single:
            return Separation(columns=single, single=True, complete=kind == "complete", direction=direction)
    direction = _sparsest(design, direction, mixed=mixed)
    weights = np.abs(direction[1:] if design.intercept else direction) * (x.max(axis=0) - x.min(axis=0))
    columns = tuple(int(column) for column in np.flatnonzero(weights > DIRECTION_TOLERANCE * weights.max()))
    return Separation(columns=columns, single=False, complete=is_complete, direction=direction)


def _sparsest(design: Design, direction: NDArray[np.float64], *, mixed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A separating direction of few columns, by linear programming (Konis 2007, chapter 4), or else the given one.

    Minimises the sum of absolute coefficients, the intercept's excepted, among directions d with sign_i x_i'd >= 0 in
    the rows of one outcome, x_i'd = 0 in the mixed ones, and margins that sum to one.
    """
    if len(mixed) > MOST_ROWS_PROGRAMMED:
        return direction
    signed = design.fixed * np.where(design.successes == 0, -1.0, 1.0)[:, None]
    cost = np.ones(design.fixed.shape[1])
    cost[: design.intercept] = 0.0
    pure, level = signed[~mixed], signed[mixed]
    equal = np.vstack([pure.sum(axis=0), level])
    found = linprog(
        np.r_[cost, cost],
        A_ub=np.hstack([-pure, pure]),
        b_ub=np.zeros(len(pure)),
        A_eq=np.hstack([equal, -equal]),
        b_eq=np.r_[len(pure), np.zeros(len(level))],
    )
    if found.x is None:
        return direction
    positive, negative = np.split(found.x, 2)
    return np.asarray(positive - negative)


def _separates_alone(design: Design, column: NDArray[np.float64]) -> str | None:
    """How well a threshold on one column tells successes from failures: "complete", "quasi-complete" or None."""
    succeeded, failed = column[design.successes > 0], column[design.successes < design.trials]
    for low, high in ((failed, succeeded), (succeeded, failed)):
        top, bottom = low.max(), high.min()
        # without an intercept the border is zero; else it may lie anywhere between the two
        if top > bottom or (not design.intercept and (top > 0.0 or bottom < 0.0)):
            continue
        is_complete = top < bottom if design.intercept else top < 0.0 < bottom
        return "complete" if is_complete else "quasi-complete"
    return None
