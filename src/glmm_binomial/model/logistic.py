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

NEAR_POINT = 1.0
"""Distance of a predictor from another up to which the difference of their softplus is computed as such."""


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

    def odds(self) -> NDArray[np.float64]:
        """e^eta, (n, D, J^K), the last x varying fastest; 1 + (K J or less) exponentials for each row and point."""
        odds = np.exp(self.base)[:, :, None]
        for factor in self._on_grid(np.exp):
            odds = (odds[:, :, :, None] * factor[:, :, None, :]).reshape(*odds.shape[:2], -1)
        return odds

    def predictors(self) -> NDArray[np.float64]:
        """Eta, (n, D, J^K)."""
        eta = self.base[:, :, None]
        for term in self._on_grid(np.asarray):
            eta = (eta[:, :, :, None] + term[:, :, None, :]).reshape(*eta.shape[:2], -1)
        return eta

    def _on_grid(self, function: Callable[..., NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
        for slope in self.slopes:
            values = function(slope[:, :, None] * self.nodes)
            yield values if len(values) == len(self.base) else self.grouping.by_row(values)

    def sums_of_softplus(self, trials: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the rows of each group of n log(1 + e^eta), (G, D, J^K)."""
        largest, weights = self.largest, trials[:, None, None]
        if largest > LARGEST_EXPONENT:
            return self.grouping.sums(weights * np.logaddexp(0.0, self.predictors()))
        odds = self.odds()
        odds += 1.0
        if (trials == 1.0).all():
            return self.grouping.log_products(odds, most=int(LARGEST_EXPONENT // (largest + 1.0)) or 1)
        np.log(odds, out=odds)
        odds *= weights
        return self.grouping.sums(odds)

    def probabilities(self) -> NDArray[np.float64]:
        """1 / (1 + e^-eta), (n, D, J^K)."""
        if self.largest > LARGEST_EXPONENT:
            return logistic(self.predictors()).probability
        odds = self.odds()
        odds /= 1.0 + odds
        return odds


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


def fill_softplus(
    eta: NDArray[np.float64],
    *,
    softplus: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    spare: NDArray[np.float64],
) -> None:
    """Fill in log(1 + e^eta) and 1 / (1 + e^-eta) by one exponential and one logarithm; all arrays have one shape."""
    fill_logistic(eta, decay=softplus, reciprocal=spare, contrast=softplus)
    np.multiply(softplus, 0.5, out=probabilities)
    probabilities += 0.5
    np.maximum(eta, 0.0, out=softplus)
    np.log(spare, out=spare)
    softplus -= spare


def subtract_point(eta: NDArray[np.float64], softplus: NDArray[np.float64], point: NDArray[np.float64]) -> None:
    """Make predictors (r, J) and their log(1 + e^eta) differences from those at a point (r,), in place.

    Near it, log(1 + e^(m + d)) - log(1 + e^m) is log1p(p expm1(d)) with p the probability at m, which keeps the digits
    that a difference loses.
    """
    at_point = logistic(point)
    eta -= point[:, None]
    softplus -= at_point.softplus[:, None]
    rows, nodes = np.nonzero(np.abs(eta) < NEAR_POINT)
    change = eta[rows, nodes]
    softplus[rows, nodes] = np.log1p(at_point.probability[rows] * np.expm1(change))
