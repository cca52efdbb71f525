"""The covariance of the random effects: its precision, log determinant and score, and the boundary at zero.

    log f(u) = -u'P u / 2 - log det(Sigma) / 2,   P = Sigma^-1,

without the constant in pi. Each structure is a value with the methods of `IndependentEffects`; whoever works with
random effects asks it and knows no structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.effects_at_points import EffectsAtPoints

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_LOG_PRECISION = 500.0
"""Far beyond what any data can say of an SD, and far below what overflows."""


@dataclass(frozen=True, slots=True)
class IndependentEffects:
    """K independent effects, u_k ~ N(0, sd_k^2); the parameters are the log SDs.

    Attributes
    ----------
    log_sds : (K,) array
    """

    log_sds: NDArray[np.float64]

    @classmethod
    def of_sds(cls, sds: NDArray[np.float64]) -> IndependentEffects:
        """Effects of positive SDs (K,)."""
        return cls(log_sds=np.log(sds))

    @property
    def count(self) -> int:
        """Number of effects, K."""
        return len(self.log_sds)

    @property
    def vector(self) -> NDArray[np.float64]:
        """The parameters, (K,)."""
        return self.log_sds

    def at(self, vector: NDArray[np.float64]) -> IndependentEffects:
        """Effects of as many parameters (K,)."""
        return IndependentEffects(log_sds=vector)

    def at_points(self, vectors: NDArray[np.float64]) -> EffectsAtPoints:
        """The covariances at parameters (D, K)."""
        diagonal = np.arange(self.count)
        precisions = np.exp(-2.0 * vectors.T)
        return EffectsAtPoints(
            first=diagonal,
            second=diagonal,
            covariances=1.0 / precisions,
            precisions=precisions,
            half_log_determinants=vectors.sum(axis=1),
        )

    def moved(self, step: NDArray[np.float64]) -> IndependentEffects:
        """The covariance after a step (K,) of the parameters."""
        return IndependentEffects(log_sds=self.log_sds + step)

    def free(self, score: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which parameters an ascent along a score (K,) may move, (K,): all."""
        return np.ones(len(score), dtype=bool)

    def pressed(self, score: NDArray[np.float64]) -> IndependentEffects:  # noqa: ARG002
        """The same: no parameter has a bound."""
        return self

    @property
    def sds(self) -> NDArray[np.float64]:
        """SDs of the effects, (K,)."""
        return np.exp(self.log_sds)

    @property
    def root(self) -> NDArray[np.float64]:
        """Lambda of Sigma = Lambda Lambda', (K, K)."""
        return np.diag(self.sds)

    @property
    def root_slopes(self) -> NDArray[np.float64]:
        """Derivatives of Lambda by the parameters, (K, K, K)."""
        slopes, diagonal = np.zeros((self.count, self.count, self.count)), np.arange(self.count)
        slopes[diagonal, diagonal, diagonal] = self.sds
        return slopes

    @property
    def separable(self) -> bool:
        """Whether one of the effects may enter or leave the model alone."""
        return True

    @property
    def inflation(self) -> float:
        """Largest ratio of the variance of an effect to that given the others, 1."""
        return 1.0

    @property
    def half_log_determinant(self) -> float:
        """Log det(Sigma) / 2."""
        return float(self.log_sds.sum())

    @property
    def precision(self) -> NDArray[np.float64]:
        """P, (K, K)."""
        return np.diag(self._precision)

    @property
    def score_matrices(self) -> NDArray[np.float64]:
        """A_m of u'A_m u + c_m, the score by parameter m, (K, K, K)."""
        matrices = np.zeros((self.count, self.count, self.count))
        diagonal = np.arange(self.count)
        matrices[diagonal, diagonal, diagonal] = self._precision
        return matrices

    @property
    def score_constants(self) -> NDArray[np.float64]:
        """c_m of u'A_m u + c_m, the score by parameter m, (K,)."""
        return np.full(self.count, -1.0)

    @property
    def _precision(self) -> NDArray[np.float64]:
        return np.asarray(np.exp(-2.0 * self.log_sds))

    def quadratic_form(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """U'P u of effects (..., K), (...)."""
        return np.asarray(effects**2 @ self._precision)

    def pull(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """P u of effects (..., K), (..., K)."""
        return np.asarray(effects * self._precision)

    def add_precision(self, blocks: NDArray[np.float64]) -> None:
        """Add P to matrices (..., K, K), in place."""
        diagonal = np.arange(self.count)
        blocks[..., diagonal, diagonal] += self._precision

    def scores(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of log f by the parameters at effects (..., K), (..., K): u_k^2 / sd_k^2 - 1."""
        return np.asarray(effects**2 * self._precision - 1.0)

    def expected_scores(self, modes: NDArray[np.float64], covariances: NDArray[np.float64]) -> NDArray[np.float64]:
        """`scores` expected over effects of means (G, K) and covariances (G, K, K), (G, K)."""
        return np.asarray((modes**2 + np.diagonal(covariances, axis1=1, axis2=2)) * self._precision - 1.0)

    def information(self, second_moments: NDArray[np.float64], groups: float) -> NDArray[np.float64]:  # noqa: ARG002
        """Negative second derivative of log f by the parameters, (K, K), of groups whose uu' add up to (K, K)."""
        return np.diag(2.0 * np.diagonal(second_moments) * self._precision)

    def mode_derivatives(self, modes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of -P u by the parameters at modes (G, K), (G, K, K): 2 u_k / sd_k^2 on the diagonal."""
        return np.asarray(2.0 * self.pull(modes)[:, None, :] * np.eye(self.count))

    def mirrored(self, smallest: float) -> IndependentEffects | None:  # noqa: ARG002
        """None: the other side of a vanishing effect is the same."""
        return None

    def vanishing(self, smallest: float) -> NDArray[np.bool_]:
        """The effect of the smallest log SD where that is below a bound, (K,) booleans."""
        found = np.zeros(self.count, dtype=bool)
        if self.count:
            found[self.log_sds.argmin()] = self.log_sds.min() < smallest
        return found

    def only(self, kept: NDArray[np.bool_]) -> IndependentEffects:
        """Those of the effects that are kept, (K,) booleans."""
        return IndependentEffects(log_sds=self.log_sds[kept])

    def with_effect(self, place: int, log_sd: float) -> IndependentEffects:
        """One more effect, at a place among the others."""
        return IndependentEffects(log_sds=np.insert(self.log_sds, place, log_sd))


Effects = IndependentEffects | CorrelatedEffects
"""The covariance of the random effects."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """A point at which the likelihood is looked at.

    Attributes
    ----------
    coefficients : (k,) array
    effects : IndependentEffects or CorrelatedEffects
        The covariance of the random effects.
    """

    coefficients: NDArray[np.float64]
    effects: Effects

    @property
    def vector(self) -> NDArray[np.float64]:
        """Coefficients, then the C parameters of the covariance, (k + C,)."""
        return np.concatenate([self.coefficients, self.effects.vector])

    def at(self, vector: NDArray[np.float64]) -> Parameters:
        """Another point (k + C,) with effects of the same structure."""
        k = len(self.coefficients)
        return Parameters(coefficients=vector[:k], effects=self.effects.at(vector[k:]))

    def moved(self, step: NDArray[np.float64]) -> Parameters:
        """The point after a step (k + C,)."""
        k = len(self.coefficients)
        return Parameters(coefficients=self.coefficients + step[:k], effects=self.effects.moved(step[k:]))

    def pressed(self, score: NDArray[np.float64]) -> Parameters:
        """With correlations at their bound that come near it and that a score (k + C,) drives on; itself if none is."""
        effects = self.effects.pressed(score[len(self.coefficients) :])
        return self if effects is self.effects else Parameters(coefficients=self.coefficients, effects=effects)

    def free(self, score: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which parameters an ascent along a score (k + C,) may move, (k + C,)."""
        k = len(self.coefficients)
        return np.concatenate([np.ones(k, dtype=bool), self.effects.free(score[k:])])


def expected_precision(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """E sd^-2 = exp(2 v - 2 m) of log SDs ~ N(m, v), (K,); bounded, for steps that are too long to be taken."""
    return np.asarray(np.exp(np.minimum(2.0 * (variance - mean), LARGEST_LOG_PRECISION)))
