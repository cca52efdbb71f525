"""Fit: the estimates of any method on the standardised scale, with what is needed to judge them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.effects import IndependentEffects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.crossed_check import LaplaceCheck
    from glmm_binomial.estimation.posterior import Posterior
    from glmm_binomial.estimation.separation import Separation
    from glmm_binomial.model.effects import Effects
    from glmm_binomial.observations import Method

CONVERGED_DISTANCE: Final = 3e-5
"""Distance to the optimum, in standard errors, that no reader of a table can see."""


@dataclass(frozen=True, slots=True)
class NewtonStep:
    """One Newton step of an exact objective of coefficients and log SDs.

    Attributes
    ----------
    step : (k + K,) array
    covariance_root : (k + C, k + C) array
        R of R R', the inverse of the objective's negative Hessian.
    """

    step: NDArray[np.float64]
    covariance_root: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EffectEstimates:
    """Estimated random effects on the standardised scale (G groups, K effects, k coefficients).

    Attributes
    ----------
    means : (G, K) array
        Conditional modes under "ml".
    covariances : (G, K, K) array
        Of each group's effects, the uncertainty of coefficients and SDs included.
    cross_covariances : (G, K, k + C) array
        Of each group's effects with coefficients and log SDs.
    """

    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    cross_covariances: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LevelEffects:
    """Effects of the q levels of a grouping that crosses the G groups.

    Attributes
    ----------
    means : (q,) array
        Where they peak given the data, under "ml".
    covariance : (q, q) array
        The uncertainty of coefficients and SDs included.
    cross_covariance : (q, k + 2) array
        With coefficients and log SDs.
    with_groups : (G, q) array or None
        Covariances with the groups' effects; None under "vb", where both are drawn together.
    given_parameters : (q, q) array
        Covariance given coefficients and SDs.
    check : LaplaceCheck or None
        How far Laplace's approximation over the levels is off at the maximum of the likelihood; None where it was not
        used.
    """

    means: NDArray[np.float64]
    covariance: NDArray[np.float64]
    cross_covariance: NDArray[np.float64]
    with_groups: NDArray[np.float64] | None
    given_parameters: NDArray[np.float64]
    check: LaplaceCheck | None


@dataclass(frozen=True, slots=True)
class Fit:
    """Estimates on the standardised scale (k fixed and K random effects with C parameters, G groups).

    Attributes
    ----------
    method : {"vb", "ml", "mean-field"}
    coefficients : (k,) array
        Posterior means under "vb".
    sds : (K,) array
        exp of the posterior means of the log SDs under "vb"; of correlated effects those in the user's units.
    covariance_root : (k + C, k + C) array
        R of R R', the covariance of coefficients, log SDs and partial correlations (see `CorrelatedEffects`). Its
        entries span half as many orders of magnitude, so that no variance is lost to rounding when nearly collinear
        columns are brought back to their units.
    log_likelihood : float
        Marginal, without the binomial constants: of the maximum, or at these estimates where there is none.
    likelihood_distance : float or None
        To the maximum of the likelihood where its search ended, in standard errors; None where there is no maximum.
    nodes : int or None
        Quadrature nodes per random effect, at the mode of the posterior under "vb", at the maximum of the likelihood
        otherwise; None under Laplace's approximation.
    quadrature_settled : bool
        False when the largest number of nodes was not enough for the log-likelihood.
    distance : float
        To the optimum where the search ended, in standard errors.
    largest_score : float
        Largest absolute derivative left of what was maximised.
    correlations : (K, K) array or None
        Of the random effects, not numbers where they do not vary; None where they are independent.
    random_effects : (G, K) array or None
        Conditional modes under "ml". None under "vb", as the following two: there they are integrated over the
        posterior when they are asked for.
    random_covariance : (G, K, K) array or None
        Of each group's effects, the uncertainty of coefficients and SDs included.
    cross_covariance : (G, K, k + C) array or None
        Of each group's effects with coefficients and log SDs.
    posterior : Posterior or None
        Under "vb".
    mode_root : (k + C, k + C) array or None
        R of R R', the inverse of the posterior's negative Hessian at its mode.
    towards_likelihood : NewtonStep or None
        From the mode of the posterior towards the maximum of the likelihood, that is without the prior; enormous along
        what the data do not determine.
    separation : Separation or None
    levels : LevelEffects or None
        Of crossed groupings, whose `random_effects`, (G, 1), are those of the groups alone.
    """

    method: Method
    coefficients: NDArray[np.float64]
    sds: NDArray[np.float64]
    covariance_root: NDArray[np.float64]
    log_likelihood: float
    likelihood_distance: float | None
    nodes: int | None
    quadrature_settled: bool
    distance: float
    largest_score: float
    correlations: NDArray[np.float64] | None = None
    random_effects: NDArray[np.float64] | None = None
    random_covariance: NDArray[np.float64] | None = None
    cross_covariance: NDArray[np.float64] | None = None
    posterior: Posterior | None = None
    mode_root: NDArray[np.float64] | None = None
    towards_likelihood: NewtonStep | None = None
    separation: Separation | None = None
    levels: LevelEffects | None = None

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which of the random effects have a variance above zero, (K,)."""
        return np.asarray(self.sds > 0.0)

    @property
    def active_effects(self) -> Effects:
        """The covariance of those."""
        kept = self.active
        if self.correlations is None:
            return IndependentEffects.of_sds(self.sds[kept])
        return CorrelatedEffects.of_correlations(self.sds[kept], self.correlations[np.ix_(kept, kept)])

    @property
    def effects_root(self) -> NDArray[np.float64]:
        """Lambda of Lambda Lambda', the covariance of all random effects, (K, K)."""
        root = np.zeros((len(self.sds), len(self.sds)))
        root[np.ix_(self.active, self.active)] = self.active_effects.root
        return root

    @property
    def effects_slopes(self) -> NDArray[np.float64]:
        """Derivatives of `effects_root` by the C parameters, (C, K, K); zero where effects do not vary."""
        count = len(self.sds)
        slopes = np.zeros((len(self.covariance_root) - len(self.coefficients), count, count))
        if self.correlations is None:
            slopes[np.arange(count), np.arange(count), np.arange(count)] = self.sds
        elif self.active.all():
            slopes[:] = self.active_effects.root_slopes
        return slopes

    @property
    def converged(self) -> bool:
        """Whether the search ended at the optimum, for all that a reader of a table can see."""
        return self.distance <= CONVERGED_DISTANCE

    @property
    def is_laplace(self) -> bool:
        """Whether the log-likelihood rests on Laplace's approximation."""
        return self.nodes is None or (self.levels is not None and bool(self.active.all()))

    @property
    def own_effects(self) -> EffectEstimates:
        """The effects of a method that estimates them, which is any but "vb"."""
        means, covariances, cross = self.random_effects, self.random_covariance, self.cross_covariance
        if means is None or covariances is None or cross is None:
            raise ValueError("the effects of this fit are integrated over its posterior")
        return EffectEstimates(means=means, covariances=covariances, cross_covariances=cross)

    @property
    def modes(self) -> NDArray[np.float64]:
        """Conditional modes (G, K); of crossed groupings those of the levels below, (G + q, 2), each in its column."""
        own = self.own_effects.means
        if self.levels is None:
            return own
        modes = np.zeros((len(own) + len(self.levels.means), 2))
        modes[: len(own), :1], modes[len(own) :, 1] = own, self.levels.means
        return modes

    @property
    def levels_known(self) -> LevelEffects:
        """The effects of the levels, where groupings cross."""
        if self.levels is None:
            raise ValueError("no other grouping crosses these groups")
        return self.levels

    @property
    def likelihood_converged(self) -> bool:
        """Whether the log-likelihood is that of its maximum, for all that a reader of a table can see."""
        return self.likelihood_distance is not None and self.likelihood_distance <= CONVERGED_DISTANCE

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of coefficients and log SDs, (k + C, k + C)."""
        return self.covariance_root @ self.covariance_root.T
