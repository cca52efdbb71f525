"""The logistic density and its derivatives: one exponential serves them all, and none overflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
