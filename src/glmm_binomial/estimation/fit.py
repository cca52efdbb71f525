"""Fit: the estimates of any method on the standardised scale, with what is needed to judge them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glmm_binomial.estimation.separation import Separation
    from glmm_binomial.observations import Method

CONVERGED_DISTANCE: Final = 3e-5
"""Distance to the optimum, in standard errors, that no reader of a table can see."""


@dataclass(frozen=True, slots=True)
class NewtonStep:
    """One Newton step of an exact objective of coefficients and log SDs.

    Attributes
    ----------
    step : (k + K,) array
    covariance_root : (k + K, k + K) array
        R of R R', the inverse of the objective's negative Hessian.
    """

    step: NDArray[np.float64]
    covariance_root: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """Estimates on the standardised scale (k fixed and K random effects, G groups).

    Attributes
    ----------
    method : {"vb", "ml", "mean-field"}
    coefficients : (k,) array
    sds : (K,) array
    covariance_root : (k + K, k + K) array
        R of R R', the covariance of coefficients and log SDs. Its entries span half as many orders of magnitude, so
        that no variance is lost to rounding when nearly collinear columns are brought back to their units.
    random_effects : (G, K) array
    random_covariance : (G, K, K) array
        Of each group's effects, the uncertainty of coefficients and SDs included.
    cross_covariance : (G, K, k + K) array
        Of each group's effects with coefficients and log SDs.
    log_likelihood : float
        Marginal, at these estimates, without the binomial constants.
    nodes : int or None
        Quadrature nodes per random effect; None under Laplace's approximation.
    quadrature_settled : bool
        False when the largest number of nodes was not enough.
    distance : float
        To the optimum where the search ended, in standard errors.
    largest_score : float
        Largest absolute derivative left of what was maximised.
    towards_posterior : NewtonStep or None
        From the variational estimates towards the mode of the exact marginal posterior; None when the likelihood itself
        was maximised, or where that posterior is not curved downwards.
    towards_likelihood : NewtonStep or None
        The same for the marginal likelihood, that is without the prior; enormous along what the data do not determine.
    separation : Separation or None
    """

    method: Method
    coefficients: NDArray[np.float64]
    sds: NDArray[np.float64]
    covariance_root: NDArray[np.float64]
    random_effects: NDArray[np.float64]
    random_covariance: NDArray[np.float64]
    cross_covariance: NDArray[np.float64]
    log_likelihood: float
    nodes: int | None
    quadrature_settled: bool
    distance: float
    largest_score: float
    towards_posterior: NewtonStep | None = None
    towards_likelihood: NewtonStep | None = None
    separation: Separation | None = None

    @property
    def converged(self) -> bool:
        """Whether the search ended at the optimum, for all that a reader of a table can see."""
        return self.distance <= CONVERGED_DISTANCE

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of coefficients and log SDs, (k + K, k + K)."""
        return self.covariance_root @ self.covariance_root.T
