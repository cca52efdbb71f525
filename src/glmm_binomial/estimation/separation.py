"""Plain logistic regression: where the coefficients start, and whether the data are separated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from glmm_binomial.estimation.newton import Step, line_search, maximize
from glmm_binomial.estimation.prior import prior_means
from glmm_binomial.model.logistic import Logistic, logistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.design import Design
    from glmm_binomial.model.rows import OrthonormalRows, Rows

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
    prior_means : (k,) array
        Of the coefficients.
    separation : Separation or None
    """

    coefficients: NDArray[np.float64]
    prior_means: NDArray[np.float64]
    separation: Separation | None

    @property
    def near_prior(self) -> NDArray[np.float64]:
        """The coefficients, or the means of their priors where these are as near to an answer under the prior."""
        is_near = self.separation is None and np.abs(self.coefficients - self.prior_means).max() <= LARGEST_START
        return self.coefficients if is_near else self.prior_means


@dataclass(frozen=True, slots=True)
class _Point:
    """Coefficients (k,) of the orthonormal columns, the rows' logistic density there, and the log-likelihood."""

    coefficients: NDArray[np.float64]
    at: Logistic
    value: float


def fit_logistic_start(design: Design, turned: OrthonormalRows) -> LogisticStart:
    """Newton's method for a logistic regression that ignores the groups, watching for separation.

    The estimates exist unless some direction d has x'd >= 0 in rows of successes and <= 0 in rows of failures (Albert &
    Anderson 1984, Biometrika 71(1)). Then Newton's steps run off along such a direction, which is checked row by row.

    Parameters
    ----------
    design : Design
    turned : OrthonormalRows
        Its rows with orthonormal columns: a direction of nearly collinear ones is lost to rounding.
    """
    X, successes, trials = turned.rows.fixed, turned.rows.successes, turned.rows.trials

    def point(coefficients: NDArray[np.float64], eta: NDArray[np.float64]) -> _Point:
        at = logistic(eta)
        return _Point(coefficients=coefficients, at=at, value=float(at.log_density(successes, trials).sum()))

    def step(here: _Point) -> Step[NDArray[np.float64]]:
        gradient = here.at.residual(successes, trials) @ X
        information = (X * (trials * here.at.variance)[:, None]).T @ X
        direction = np.asarray(np.linalg.lstsq(information, gradient, rcond=None)[0], dtype=np.float64)
        return Step(direction, decrement=float(direction @ gradient))

    def ascend(here: _Point, ahead: Step[NDArray[np.float64]]) -> _Point | None:
        change = X @ ahead.direction
        return line_search(
            lambda share: point(here.coefficients + share * ahead.direction, here.at.eta + share * change),
            value=lambda there: there.value,
            floor=lambda _share: here.value - ROUNDING * abs(here.value),
            fraction=1.0,
            smallest=SMALLEST_FRACTION,
        )

    def separating(here: _Point, ahead: Step[NDArray[np.float64]]) -> _Separating | None:
        if np.abs(here.at.eta).max() <= SUSPECT_PREDICTOR:
            return None
        return _first_separating(turned.rows, (here.coefficients, ahead.direction))

    means = prior_means(design.rows)
    start = turned.triangle @ means
    found = maximize(
        point(start, turned.rows.fixed_part(start)),
        step=step,
        ascend=ascend,
        converged=CONVERGED_DECREMENT,
        most_steps=MOST_STEPS,
        is_over=lambda here, ahead: separating(here, ahead) is not None,
    )
    runs_off = separating(found.state, found.step)
    return LogisticStart(
        coefficients=turned.coefficients_of(found.state.coefficients),
        prior_means=means,
        separation=None if runs_off is None else _separation_by(design, turned, runs_off),
    )


@dataclass(frozen=True, slots=True)
class _Separating:
    """A direction (k,) in the orthonormal columns along which the likelihood rises for ever; whether every row does."""

    direction: NDArray[np.float64]
    is_complete: bool


def _mixed(rows: Rows) -> NDArray[np.bool_]:
    """Which rows hold successes and failures, (n,)."""
    return (rows.successes > 0) & (rows.successes < rows.trials)


def _first_separating(rows: Rows, directions: tuple[NDArray[np.float64], ...]) -> _Separating | None:
    """The first of the directions that separates, if any does."""
    mixed = _mixed(rows)
    for direction in directions:
        predictor = rows.fixed @ direction
        margin = np.where(rows.successes == 0, -predictor, predictor)
        margin[mixed] = -np.abs(predictor[mixed])
        tolerance = DIRECTION_TOLERANCE * np.abs(predictor).max()
        if margin.min() >= -tolerance and (margin > tolerance).any():
            return _Separating(direction=direction, is_complete=bool(margin.min() > tolerance))
    return None


def _separation_by(design: Design, turned: OrthonormalRows, found: _Separating) -> Separation:
    """Which columns make a separating direction."""
    direction = turned.coefficients_of(found.direction)
    x = design.rows.fixed[:, 1:] if design.scale.intercept else design.rows.fixed
    alone = [(column, _separates_alone(design, x[:, column])) for column in range(x.shape[1])]
    for kind in ("complete", "quasi-complete"):
        single = tuple(column for column, how in alone if how == kind)
        if single:
            return Separation(columns=single, single=True, complete=kind == "complete", direction=direction)
    direction = _sparsest(design.rows, direction, is_free=design.scale.intercept)
    weights = np.abs(direction[1:] if design.scale.intercept else direction) * (x.max(axis=0) - x.min(axis=0))
    columns = tuple(int(column) for column in np.flatnonzero(weights > DIRECTION_TOLERANCE * weights.max()))
    return Separation(columns=columns, single=False, complete=found.is_complete, direction=direction)


def _sparsest(rows: Rows, direction: NDArray[np.float64], *, is_free: bool) -> NDArray[np.float64]:
    """A separating direction of few columns, by linear programming (Konis 2007, chapter 4), or else the given one.

    Minimises the sum of absolute coefficients, the first excepted if it is free, among directions d with
    sign_i x_i'd >= 0 in the rows of one outcome, x_i'd = 0 in the mixed ones, and margins that sum to one.
    """
    mixed = _mixed(rows)
    if len(mixed) > MOST_ROWS_PROGRAMMED:
        return direction
    signed = rows.fixed * np.where(rows.successes == 0, -1.0, 1.0)[:, None]
    cost = np.ones(rows.fixed.shape[1])
    cost[:is_free] = 0.0
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
    succeeded, failed = column[design.rows.successes > 0], column[design.rows.successes < design.rows.trials]
    for low, high in ((failed, succeeded), (succeeded, failed)):
        top, bottom = low.max(), high.min()
        # without an intercept the border is zero; else it may lie anywhere between the two
        if top > bottom or (not design.scale.intercept and (top > 0.0 or bottom < 0.0)):
            continue
        is_complete = top < bottom if design.scale.intercept else top < 0.0 < bottom
        return "complete" if is_complete else "quasi-complete"
    return None
