"""The logistic density and its derivatives: one exponential serves them all, and none overflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from glmm_binomial.model.grouping import Grouping

LARGEST_EXPONENT = 700.0
"""Exponentials up to it, and products that amount to one of them, do not overflow."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Linear predictors and what follows from them; all arrays have one shape.

    Attributes
    ----------
    eta : array
    decay : array
        e^-|eta|.
    reciprocal : array
        1 / (1 + e^-|eta|).
    """

    eta: NDArray[np.float64]
    decay: NDArray[np.float64]
    reciprocal: NDArray[np.float64]

    @property
    def softplus(self) -> NDArray[np.float64]:
        """log(1 + e^eta)."""
        return np.asarray(np.maximum(self.eta, 0.0) - np.log(self.reciprocal))

    @property
    def probability(self) -> NDArray[np.float64]:
        """P = 1 / (1 + e^-eta)."""
        return np.where(self.eta >= 0.0, self.reciprocal, self.decay * self.reciprocal)

    @property
    def variance(self) -> NDArray[np.float64]:
        """P (1 - p)."""
        return np.asarray(self.decay * self.reciprocal**2)

    def log_density(self, successes: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
        """Y eta - n log(1 + e^eta), the binomial log density without its constant."""
        return np.asarray(successes * self.eta - trials * self.softplus)

    def residual(self, successes: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
        """Y - n p, the derivative of the log density by eta."""
        return np.asarray(successes - trials * self.probability)


def logistic(eta: NDArray[np.float64]) -> Logistic:
    """Everything at linear predictors of any shape, by one exponential."""
    decay = np.exp(-np.abs(eta))
    return Logistic(eta=eta, decay=decay, reciprocal=1.0 / (1.0 + decay))


@dataclass(frozen=True, slots=True)
class FactoredSoftplus:
    """What follows from predictors on a grid.

    Attributes
    ----------
    sums : (G, J^K, D) array
        Of n log(1 + e^eta) over the rows of each group.
    failures : tuple of J^K (n, D) arrays
        1 / (1 + e^eta), where they were asked for.
    """

    sums: NDArray[np.float64]
    failures: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True)
class FactoredPredictor:
    """Predictors eta = base + sum_k slope_k x_k on a grid of x, J values of each x_k, so that e^eta is a product.

    Attributes
    ----------
    base : (n, D) array
        At D points, for x = 0.
    slopes : tuple of K (n, D) arrays, or of one (G, D) array that the rows of a group share
    nodes : (J,) array
        Values of each x_k.
    grouping : Grouping
    """

    base: NDArray[np.float64]
    slopes: tuple[NDArray[np.float64], ...]
    nodes: NDArray[np.float64]
    grouping: Grouping

    @property
    def largest(self) -> float:
        """A bound on every eta, and on every slope_k x_k."""
        reach = [float(np.abs(slope).max()) * float(self.nodes.max()) for slope in self.slopes]
        return max(0.0, float(self.base.max())) + sum(reach)

    def softplus(self, trials: NDArray[np.float64], *, with_failures: bool) -> FactoredSoftplus:
        """Sums over the rows of each group, and what else follows from the same exponentials."""
        safe = self.largest <= LARGEST_EXPONENT
        most = int(LARGEST_EXPONENT // (self.largest + 1.0)) or 1
        single, weights = bool((trials == 1.0).all()), trials[:, None]
        groups = self.grouping.count
        sums = np.empty((groups, len(self.nodes) ** len(self.slopes), self.base.shape[1]))
        failures = []
        if not safe:
            for node, eta in enumerate(self._on_grid(np.asarray, np.add)):
                sums[:, node] = self.grouping.sums(weights * np.logaddexp(0.0, eta))
                failures.append(logistic(-eta).probability)
            return FactoredSoftplus(sums=sums, failures=tuple(failures))
        for node, odds in enumerate(self._on_grid(np.exp, np.multiply)):
            one_and_odds = np.add(odds, 1.0, out=odds)
            if single:
                sums[:, node] = self.grouping.log_products(one_and_odds, most=most)
            else:
                sums[:, node] = self.grouping.sums(weights * np.log(one_and_odds))
            if with_failures:
                failures.append(np.divide(1.0, one_and_odds, out=one_and_odds))
        return FactoredSoftplus(sums=sums, failures=tuple(failures))

    def _on_grid(
        self, function: Callable[..., NDArray[np.float64]], combine: Callable[..., NDArray[np.float64]]
    ) -> Iterator[NDArray[np.float64]]:
        """A function of eta that turns sums into what `combine` does, (n, D), node by node, the last x fastest."""

        def deeper(
            so_far: NDArray[np.float64], slopes: tuple[NDArray[np.float64], ...]
        ) -> Iterator[NDArray[np.float64]]:
            if not slopes:
                yield so_far
                return
            for x in self.nodes:
                values = function(slopes[0] * x)
                by_row = values if len(values) == len(self.base) else self.grouping.by_row(values)
                yield from deeper(combine(so_far, by_row), slopes[1:])

        yield from deeper(function(self.base), self.slopes)


def bernoulli_moments(eta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P = 1 / (1 + e^-eta) and p (1 - p), the latter zero below eta of -37, where nobody misses it."""
    odds = np.minimum(eta, LARGEST_EXPONENT)
    np.exp(odds, out=odds)
    odds += 1.0
    failure = np.divide(1.0, odds, out=odds)
    probability = 1.0 - failure
    failure *= probability
    return probability, failure


def fill_logistic(
    eta: NDArray[np.float64],
    *,
    decay: NDArray[np.float64],
    reciprocal: NDArray[np.float64],
    contrast: NDArray[np.float64],
) -> None:
    """Fill in e^-|eta|, 1 / (1 + e^-|eta|) and tanh(eta/2) = 2p - 1, all by one exponential.

    `contrast` may be the array of `decay`, which is then lost.
    """
    np.abs(eta, out=decay)
    np.negative(decay, out=decay)
    np.exp(decay, out=decay)
    np.add(decay, 1.0, out=reciprocal)
    np.divide(1.0, reciprocal, out=reciprocal)
    np.subtract(1.0, decay, out=contrast)
    contrast *= reciprocal
    np.copysign(contrast, eta, out=contrast)
