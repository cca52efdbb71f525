"""What a fit of crossed groupings becomes without each group of one of them.

Under "ml" two steps of Newton's method lead from the maximum to where it is without the group's rows. The score is that
of the other rows; the information is that of all data, less what the part of it that every point gives falls by. Under
"vb" the mode of the posterior of the other rows is found from that of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.crossed_integral import CrossedIntegral
from glmm_binomial.estimation.crossed_posterior import CrossedLogPosterior
from glmm_binomial.estimation.deletion import LONGEST_LOG_SD_STEP, SMALLEST_LEFT, Deletions, coefficient_root
from glmm_binomial.estimation.fitting import LARGEST_DISTANCE
from glmm_binomial.estimation.posterior_mode import find_posterior_mode
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.rows import orthonormalize

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from glmm_binomial.estimation.crossed_integral import CrossedState
    from glmm_binomial.estimation.fit import Fit, LevelEffects
    from glmm_binomial.model.design import Design
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows

LONGEST_STEP: Final = 1.0
"""In standard errors, from which on no step is taken to tell."""


@dataclass(frozen=True, slots=True)
class _Without:
    """Coefficients without some rows, on the standardised scale, (k,), and R of R R', their covariance, (k, any).

    `length` is that of the last step there, in standard errors; infinite where it leads nowhere.
    """

    coefficients: NDArray[np.float64]
    root: NDArray[np.float64]
    length: float


def crossed_deletions(design: Design, fit: Fit, *, of_levels: bool) -> Deletions:
    """Leave out each group in turn.

    Parameters
    ----------
    design : Design
        Of crossed groupings.
    fit : Fit
        By method "vb" or "ml".
    of_levels : bool
        Leave out those of the smaller grouping.
    """
    rows, k = design.rows, len(fit.coefficients)
    unit = rows.crossing.index if of_levels else rows.grouping.index
    back, root = design.scale.back_transform, coefficient_root(design, fit)
    std_errors = np.linalg.norm(root, axis=1)
    without: Callable[[NDArray[np.bool_]], _Without]
    if fit.posterior is not None:
        mode = fit.posterior.mode
        without, start = partial(_mode_without, rows, mode), mode.coefficients[:k]
    elif fit.levels is not None and fit.active.all():
        without, start = _Likelihoods(rows, fit, fit.levels), fit.coefficients
    else:
        # how a variance of zero changes no step tells
        nothing = np.zeros((int(unit.max()) + 1, k))
        return Deletions(changes=nothing, ratios=nothing + 1.0, lengths=np.full(len(nothing), np.inf))
    each = []
    for place in range(int(unit.max()) + 1):
        stop_if_requested()
        each.append(without(unit != place))
    return Deletions(
        changes=np.array([back @ (one.coefficients - start) / std_errors for one in each]),
        ratios=np.array([np.linalg.norm(back @ one.root, axis=1) / std_errors for one in each]),
        lengths=np.array([one.length for one in each]),
    )


class _Likelihoods:
    """The likelihood without some rows, near the maximum with all.

    Parameters
    ----------
    rows : Rows
    fit : Fit
        With both variances above zero.
    levels : LevelEffects
        Of the fit.
    """

    def __init__(self, rows: Rows, fit: Fit, levels: LevelEffects) -> None:
        turned = orthonormalize(rows)
        self._rows, self._k = turned.rows, len(fit.coefficients)
        self._levels, self._modes = levels.means, fit.own_effects.means[:, :1]
        self._to_own = np.linalg.inv(turned.triangle)
        self._point = np.append(turned.triangle @ fit.coefficients, np.log(fit.sds))
        self._root = np.vstack([turned.triangle @ fit.covariance_root[: self._k], fit.covariance_root[self._k :]])
        self._information = CrossedIntegral(self._rows).evaluate(self._point, self._levels, self._modes).information

    def __call__(self, kept: NDArray[np.bool_]) -> _Without:
        """Two steps; a long one, or one that makes a variance much smaller, leads nowhere."""
        rest = CrossedIntegral(self._rows.of_rows(kept))
        here = rest.evaluate(self._point, self._levels, self._modes[np.unique(self._rows.grouping.index[kept])])
        first = self._step(here)
        if first is None:
            return self._nowhere()
        there = rest.evaluate(
            here.point + self._root @ first,
            here.peak.levels + here.response @ self._root @ first,
            here.peak.state.found.modes,
        )
        second = self._step(there)
        if second is None:
            return self._nowhere()
        way = self._root @ (first + second)
        if (np.abs(way[self._k :]) > LONGEST_LOG_SD_STEP).any():
            return self._nowhere()
        root = self._root @ np.linalg.inv(np.linalg.cholesky(self._left(there))).T
        return _Without(
            coefficients=self._to_own @ (self._point + way)[: self._k],
            root=self._to_own @ root[: self._k],
            length=float(np.linalg.norm(second)),
        )

    def _left(self, state: CrossedState) -> NDArray[np.float64]:
        """Information that is left, of which all have one in each direction."""
        return np.asarray(
            np.eye(len(self._point)) + self._root.T @ (state.information - self._information) @ self._root
        )

    def _step(self, state: CrossedState) -> NDArray[np.float64] | None:
        """In standard errors along each direction."""
        left = self._left(state)
        if np.linalg.eigvalsh(left)[0] < SMALLEST_LEFT:
            return None
        step = np.asarray(np.linalg.solve(left, self._root.T @ state.score), dtype=np.float64)
        return step if np.linalg.norm(step) < LONGEST_STEP else None

    def _nowhere(self) -> _Without:
        return _Without(self._to_own @ self._point[: self._k], self._to_own @ self._root[: self._k], np.inf)


def _mode_without(rows: Rows, mode: Parameters, kept: NDArray[np.bool_]) -> _Without:
    """The mode of the posterior of some rows, which lies near that of all."""
    found = find_posterior_mode(CrossedLogPosterior(rows.of_rows(kept), mode, np.zeros((0, 1))))
    k = rows.fixed.shape[1]
    return _Without(
        coefficients=found.at.point[:k],
        root=np.linalg.inv(np.linalg.cholesky(found.at.information)).T[:k],
        length=0.0 if found.distance <= LARGEST_DISTANCE else np.inf,
    )
