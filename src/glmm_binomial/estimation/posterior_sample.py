"""A posterior as one weighted sample: quasi-random points through a map, corrected by the exact density at the first.

    E f = mean over N points of f + mean over the first M of (w - 1) f

with w the density of the posterior over that of the map, scaled to mean one. M doubles until the standard error of a
mean, sd(w) / sqrt(M) in posterior SDs, is small. At M = N it is self-normalised importance sampling (Owen 2013, Monte
Carlo theory, methods and examples, section 9.2), below it the map is a control variate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtri
from scipy.stats import chi2, qmc

from glmm_binomial.estimation.log_posterior import MANY_ROWS
from glmm_binomial.frozen import read_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from glmm_binomial.estimation.log_posterior import LogPosterior
    from glmm_binomial.estimation.ridge_map import MappedPoints

POINTS: Final = 8_192
FIRST: Final = 16
FEW: Final = 256
"""Points below which sd(w) must bound the error of a mean by itself."""

FEWEST_EFFECTIVE: Final = 8
"""Points, counted by the effective share, without which there is nothing to correct a map by."""

TARGET: Final = 2.5e-3
"""Standard error of a mean, in posterior SDs, at which no more points are evaluated."""

TARGET_OF_MANY_AXES: Final = 4e-3
"""The same with more than two SDs and correlations, whose joint law a map does not follow so well."""

MOST_FOLLOWED_AXES: Final = 2

TARGET_OF_MANY: Final = 3.5e-3
"""The same for the first points of many rows, where the map is nearly exact and each point takes milliseconds."""

SEED: Final = 20_240_501
T_SCALE: Final = 1.1
"""Of proposals by a t distribution."""


@dataclass(frozen=True, slots=True)
class WeightedSample:
    """Draws of theta with weights.

    Attributes
    ----------
    theta : (N, d) array
    weights : (N,) array
        They sum to one; a few may be negative.
    evaluated : int
        M, the first draws, at which the posterior was evaluated.
    standard_error : float
        Of a mean, in posterior SDs.
    share : float
        Effective share of the proposals, 1 / (1 + var w).
    """

    theta: NDArray[np.float64]
    weights: NDArray[np.float64]
    evaluated: int
    standard_error: float
    share: float

    def first_weights(self, count: int) -> NDArray[np.float64]:
        """Weights of the first draws alone, (count,), a power of two of them."""
        if count == len(self.weights):
            return self.weights
        ratios = self.ratios(count)
        return np.asarray(ratios / ratios.sum())

    def ratios(self, count: int) -> NDArray[np.float64]:
        """Density of the posterior over that of the map at the first draws, (count,); one where it was not seen."""
        ratios = np.ones(count)
        seen = min(count, self.evaluated)
        ratios[:seen] += (self.weights[:seen] - 1.0 / len(self.weights)) * self.evaluated
        return ratios


@dataclass(frozen=True, slots=True)
class Proposals:
    """Quasi-random z (N, d) and the logarithm of their density (N,), up to a constant."""

    z: NDArray[np.float64]
    log_density: NDArray[np.float64]


@lru_cache(maxsize=16)
def proposals(dimension: int, degrees: int | None = None) -> Proposals:
    """Scrambled Sobol points with a fixed seed, as normal variables or `T_SCALE` times t of so many degrees."""
    columns = dimension + (degrees is not None)
    sequence = qmc.Sobol(columns, scramble=True, seed=SEED)
    uniform = sequence.random(POINTS).clip(1e-9, 1.0 - 1e-9)
    z = ndtri(uniform[:, :dimension])
    if degrees is None:
        return Proposals(z=read_only(z), log_density=read_only(-0.5 * (z**2).sum(axis=1)))
    z *= T_SCALE * np.sqrt(degrees / chi2.isf(uniform[:, dimension], degrees))[:, None]
    log_density = -0.5 * (degrees + dimension) * np.log1p((z**2).sum(axis=1) / (T_SCALE**2 * degrees))
    return Proposals(z=read_only(z), log_density=read_only(log_density))


class GrowingSample:
    """A map's points, corrected by the posterior at ever more of them.

    Parameters
    ----------
    posterior : LogPosterior
    map_points : callable
        Of z (N, d) to points.
    degrees : int, optional
        Of the t distribution of z, which is normal unless given.
    """

    def __init__(
        self,
        posterior: LogPosterior,
        map_points: Callable[[NDArray[np.float64]], MappedPoints],
        degrees: int | None = None,
    ) -> None:
        proposed = proposals(posterior.size, degrees)
        mapped = map_points(proposed.z)
        self._posterior, self._theta = posterior, mapped.theta
        self._log_jacobian = mapped.log_jacobian - proposed.log_density
        self._log_ratio = np.empty(0)
        axes = posterior.size - posterior.coefficients
        self._target = TARGET if axes <= MOST_FOLLOWED_AXES else TARGET_OF_MANY_AXES

    def grown(self, most: int) -> WeightedSample:
        """The sample with as many points evaluated as the standard error asks for, up to a number."""
        most = min(most, self._posterior.most_points)
        while not self._is_enough(most):
            seen = len(self._log_ratio)
            new = slice(seen, max(FIRST, 2 * seen))
            added = self._posterior.values(self._theta[new]) + self._log_jacobian[new]
            self._log_ratio = np.append(self._log_ratio, added)
        ratio, count = self._ratio, len(self._log_ratio)
        share = 1.0 / (1.0 + float(ratio.var()))
        weights = np.full(POINTS, 1.0 / POINTS)
        # where a handful of points would stand for all, the map alone is nearer the truth
        if share * count >= FEWEST_EFFECTIVE:
            weights[:count] += (ratio - 1.0) / count
        return WeightedSample(
            theta=self._theta,
            weights=weights,
            evaluated=count,
            standard_error=self._standard_error,
            share=share,
        )

    def _is_enough(self, most: int) -> bool:
        count = len(self._log_ratio)
        if count < FIRST:
            return False
        is_dear = count == FIRST and len(self._posterior.rows.trials) >= MANY_ROWS
        if count >= most or self._standard_error > (TARGET_OF_MANY if is_dear else self._target):
            return count >= most
        # fewer points see little of the tails, where weights differ most, unless they hardly differ at all
        return is_dear or count >= FEW or bool(self._ratio.std() <= 2.0 * TARGET)

    @property
    def _ratio(self) -> NDArray[np.float64]:
        ratio = np.exp(self._log_ratio - self._log_ratio.max())
        return np.asarray(ratio / ratio.mean())

    @property
    def _standard_error(self) -> float:
        return float(self._ratio.std() / np.sqrt(len(self._log_ratio)))
