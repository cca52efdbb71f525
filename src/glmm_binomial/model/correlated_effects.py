"""Correlated random effects: their covariance by log SDs and partial correlations, with its derivatives.

    Sigma = Lambda Lambda',   Lambda = diag(sd) L,   L L' the matrix of correlations,

in which row j of the lower triangle L is (tanh z_j1, tanh z_j2 sech z_j1, ..., sech z_j1 ... sech z_j,j-1): tanh z_jl
is the correlation of effects j and l given those before l (Joe 2006, Journal of Multivariate Analysis 97(10)). With two
effects it is their correlation, and z is Fisher's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.model.effects_at_points import of_roots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.effects_at_points import EffectsAtPoints

LARGEST_Z: Final = float(np.arctanh(1.0 - 5e-7))
"""Partial correlations lie within tanh of it. One that a likelihood drives to 1 stays here, where the SD that is left
to an effect given the others is a thousandth, which changes log L by a millionth of what its variance does."""

NEARLY_ONE: Final = 3.0
"""z, a partial correlation of .995, from which a likelihood that still rises mostly rises up to 1."""


@dataclass(frozen=True)
class CorrelatedEffects:
    """K effects, u ~ N(0, Sigma); the parameters are the log SDs, then z row by row: z_21, z_31, z_32 ...

    Attributes
    ----------
    log_sds : (K,) array
    partials : (K (K - 1) / 2,) array
        z.
    """

    log_sds: NDArray[np.float64]
    partials: NDArray[np.float64]

    @classmethod
    def of_covariance(cls, covariance: NDArray[np.float64]) -> CorrelatedEffects:
        """Effects of a covariance (K, K) that is positive definite, or all but."""
        sds = np.sqrt(np.diag(covariance))
        return cls.of_correlations(sds, covariance / np.outer(sds, sds))

    @classmethod
    def of_correlations(cls, sds: NDArray[np.float64], correlations: NDArray[np.float64]) -> CorrelatedEffects:
        """Effects of positive SDs (K,) and correlations (K, K)."""
        return cls(log_sds=np.log(sds), partials=partials_of(correlations))

    @property
    def count(self) -> int:
        """Number of effects, K."""
        return len(self.log_sds)

    @property
    def vector(self) -> NDArray[np.float64]:
        """The parameters, (K (K + 1) / 2,)."""
        return np.concatenate([self.log_sds, self.partials])

    def at(self, vector: NDArray[np.float64]) -> CorrelatedEffects:
        """Effects of as many parameters (K (K + 1) / 2,)."""
        return CorrelatedEffects(log_sds=vector[: self.count], partials=vector[self.count :])

    def at_points(self, vectors: NDArray[np.float64]) -> EffectsAtPoints:
        """The covariances at parameters (D, K (K + 1) / 2)."""
        roots, place = np.zeros((len(vectors), self.count, self.count)), self.count
        for j in range(self.count):
            left = np.exp(vectors[:, j])
            for column in range(j):
                roots[:, j, column] = left * np.tanh(vectors[:, place])
                left = left / np.cosh(vectors[:, place])
                place += 1
            roots[:, j, j] = left
        return of_roots(roots)

    def moved(self, step: NDArray[np.float64]) -> CorrelatedEffects:
        """The covariance after a step of the parameters; partial correlations go no farther than their bound."""
        partials = np.clip(self.partials + step[self.count :], -LARGEST_Z, LARGEST_Z)
        return CorrelatedEffects(log_sds=self.log_sds + step[: self.count], partials=partials)

    def free(self, score: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which parameters an ascent along a score may move: all but correlations that press against their bound."""
        held = (np.abs(self.partials) >= LARGEST_Z) & (score[self.count :] * self.partials > 0.0)
        return np.concatenate([np.ones(self.count, dtype=bool), ~held])

    def pressed(self, score: NDArray[np.float64]) -> CorrelatedEffects:
        """With partial correlations at their bound that come near it and that a score drives on; itself if none is."""
        drives = (np.abs(self.partials) < LARGEST_Z) & (score[self.count :] * self.partials > 0.0)
        presses = drives & (np.abs(self.partials) > NEARLY_ONE)
        if not presses.any():
            return self
        return replace(self, partials=np.where(presses, np.copysign(LARGEST_Z, self.partials), self.partials))

    @property
    def sds(self) -> NDArray[np.float64]:
        """SDs of the effects, (K,)."""
        return np.exp(self.log_sds)

    @property
    def root(self) -> NDArray[np.float64]:
        """Lambda, (K, K)."""
        return self._shape.value

    @property
    def root_slopes(self) -> NDArray[np.float64]:
        """Derivatives of Lambda by the parameters, (K (K + 1) / 2, K, K)."""
        return self._shape.slopes

    @property
    def separable(self) -> bool:
        """Whether one of the effects may enter or leave the model alone."""
        return False

    @property
    def correlations(self) -> NDArray[np.float64]:
        """Of the effects, (K, K)."""
        # one that is held next to 1 is 1
        z = np.where(np.abs(self.partials) >= LARGEST_Z, np.copysign(np.inf, self.partials), self.partials)
        lower = _triangle(np.zeros(self.count), z).value
        return np.asarray(lower @ lower.T)

    @property
    def inflation(self) -> float:
        """Largest ratio of the variance of an effect to that given the others, by which errors of integrals grow."""
        return float((np.diag(self.precision) * self.sds**2).max(initial=1.0))

    @property
    def half_log_determinant(self) -> float:
        """Log det(Sigma) / 2."""
        return float(np.log(np.diag(self.root)).sum())

    @property
    def precision(self) -> NDArray[np.float64]:
        """P, (K, K)."""
        return np.asarray(self._inverse.T @ self._inverse)

    @property
    def score_matrices(self) -> NDArray[np.float64]:
        """A_m of u'A_m u + c_m, the score by parameter m, (K (K + 1) / 2, K, K)."""
        return np.asarray(-0.5 * self._precision_slopes)

    @property
    def score_constants(self) -> NDArray[np.float64]:
        """c_m of u'A_m u + c_m, the score by parameter m."""
        # log det(Sigma) / 2 is the sum of the log SDs and of log sech z
        return np.concatenate([np.full(self.count, -1.0), np.tanh(self.partials)])

    def quadratic_form(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """U'P u of effects (..., K), (...)."""
        return np.asarray(((effects @ self._inverse.T) ** 2).sum(axis=-1))

    def pull(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """P u of effects (..., K), (..., K)."""
        return np.asarray(effects @ self._inverse.T @ self._inverse)

    def add_precision(self, blocks: NDArray[np.float64]) -> None:
        """Add P to matrices (..., K, K), in place."""
        blocks += self.precision

    def scores(self, effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of log f by the parameters at effects (..., K), (..., K (K + 1) / 2)."""
        return np.asarray(
            np.einsum("...a,mab,...b->...m", effects, self.score_matrices, effects) + self.score_constants
        )

    def expected_scores(self, modes: NDArray[np.float64], covariances: NDArray[np.float64]) -> NDArray[np.float64]:
        """`scores` expected over effects of means (G, K) and covariances (G, K, K)."""
        return np.asarray(self.scores(modes) + np.einsum("mab,gab->gm", self.score_matrices, covariances))

    def information(self, second_moments: NDArray[np.float64], groups: float) -> NDArray[np.float64]:
        """Negative second derivative of log f by the parameters, of so many groups whose uu' add up to (K, K)."""
        curvature = 0.5 * np.einsum("mnab,ab->mn", self._precision_curvatures, second_moments)
        constant = np.concatenate([np.zeros(self.count), -groups / np.cosh(self.partials) ** 2])
        return np.asarray(curvature + np.diag(constant))

    def mode_derivatives(self, modes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of -P u by the parameters at modes (G, K), (G, K, K (K + 1) / 2)."""
        return np.asarray(-np.einsum("mab,gb->gam", self._precision_slopes, modes))

    def mirrored(self, smallest: float) -> CorrelatedEffects | None:
        """With the effect of the smallest log SD on the other side of zero, if it is below a bound; None if it is not.

        With effects that are wholly correlated, u_2 = c u_1, a maximum in c may lie across zero, where no log SD leads.
        """
        place = int(self.log_sds.argmin())
        if self.log_sds[place] >= smallest:
            return None
        turned = self.correlations
        turned[place] *= -1.0
        turned[:, place] *= -1.0
        log_sds = self.log_sds.copy()
        log_sds[place] = smallest
        return CorrelatedEffects.of_correlations(np.exp(log_sds), turned)

    def vanishing(self, smallest: float) -> NDArray[np.bool_]:
        """All effects where all log SDs are below a bound, (K,) booleans.

        One alone does not vanish at a maximum: its covariances with the others change log L by its SD, and so more than
        its variance does.
        """
        return np.full(self.count, bool((self.log_sds < smallest).all()))

    def only(self, kept: NDArray[np.bool_]) -> CorrelatedEffects:
        """Those of the effects that are kept, (K,) booleans."""
        return CorrelatedEffects.of_correlations(self.sds[kept], self.correlations[np.ix_(kept, kept)])

    def with_effect(self, place: int, log_sd: float) -> CorrelatedEffects:
        """One more effect, at a place among the others, independent of them."""
        others = np.arange(self.count + 1) != place
        correlations = np.eye(self.count + 1)
        correlations[np.ix_(others, others)] = self.correlations
        return CorrelatedEffects.of_correlations(np.insert(self.sds, place, np.exp(log_sd)), correlations)

    @cached_property
    def _shape(self) -> _Derivatives:
        return _triangle(self.log_sds, self.partials)

    @cached_property
    def _inverse(self) -> NDArray[np.float64]:
        """T = Lambda^-1, by which P = T'T keeps the digits of effects that hardly vary given the others."""
        return np.asarray(np.linalg.inv(self.root))

    @cached_property
    def _inverse_slopes(self) -> NDArray[np.float64]:
        return np.asarray(-self._inverse @ self._shape.slopes @ self._inverse)

    @cached_property
    def _precision_slopes(self) -> NDArray[np.float64]:
        """Derivatives of P, (m, K, K)."""
        return _symmetric(2.0 * self._inverse.T @ self._inverse_slopes)

    @cached_property
    def _precision_curvatures(self) -> NDArray[np.float64]:
        """Second derivatives of P, (m, m, K, K)."""
        inverse, first = self._inverse, self._inverse_slopes
        turned = -first[:, None] @ (self._shape.slopes @ inverse)
        second = turned + turned.transpose(1, 0, 2, 3) - inverse @ self._shape.curvatures @ inverse
        crossed = first.transpose(0, 2, 1)[:, None] @ first[None]
        return _symmetric(2.0 * (inverse.T @ second + crossed))


def partials_of(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The z (..., K (K - 1) / 2) of matrices of correlations (..., K, K)."""
    count = correlations.shape[-1]
    lower = np.zeros(correlations.shape)
    partials = np.empty((*correlations.shape[:-2], count * (count - 1) // 2))
    place = 0
    for j in range(count):
        left = np.ones(correlations.shape[:-2])
        for column in range(j):
            # of the row of a triangle whose rows before are known
            known = (lower[..., j, :column] * lower[..., column, :column]).sum(axis=-1)
            part = (correlations[..., j, column] - known) / lower[..., column, column]
            partial = np.clip(part / np.sqrt(left), -np.tanh(LARGEST_Z), np.tanh(LARGEST_Z))
            partials[..., place] = np.arctanh(partial)
            place += 1
            lower[..., j, column] = partial * np.sqrt(left)
            left = left * (1.0 - partial**2)
        lower[..., j, j] = np.sqrt(left)
    return partials


@dataclass(frozen=True, slots=True)
class _Derivatives:
    """Lambda (K, K) with its first (m, K, K) and second (m, m, K, K) derivatives by the parameters."""

    value: NDArray[np.float64]
    slopes: NDArray[np.float64]
    curvatures: NDArray[np.float64]


def _symmetric(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (matrices + np.swapaxes(matrices, -1, -2)))


def _triangle(log_sds: NDArray[np.float64], partials: NDArray[np.float64]) -> _Derivatives:
    """Each entry of Lambda is a product of functions of one parameter each, and so are its derivatives."""
    count, size = len(log_sds), len(log_sds) + len(partials)
    value, slopes = np.zeros((count, count)), np.zeros((size, count, count))
    curvatures = np.zeros((size, size, count, count))
    for j in range(count):
        first = count + j * (j - 1) // 2
        places = np.r_[j, first : first + j]
        factors, by_one, by_two = _factors(log_sds[j], partials[first - count : first - count + j])
        value[j, : j + 1] = factors.prod(axis=1)
        for a, place in enumerate(places):
            sloped = factors.copy()
            sloped[:, a] = by_one[:, a]
            slopes[place, j, : j + 1] = sloped.prod(axis=1)
            for b, other in enumerate(places):
                curved = sloped.copy()
                curved[:, b] = by_two[:, b] if a == b else by_one[:, b]
                curvatures[place, other, j, : j + 1] = curved.prod(axis=1)
    return _Derivatives(value=value, slopes=slopes, curvatures=curvatures)


def _factors(
    log_sd: float, partials: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The factors of row j of Lambda, (j + 1 entries, j + 1 parameters), with their two derivatives."""
    j = len(partials)
    tanh, sech = np.tanh(partials), 1.0 / np.cosh(partials)
    before = np.arange(j) < np.arange(j + 1)[:, None]
    at = np.arange(j) == np.arange(j + 1)[:, None]
    sd = np.full((j + 1, 1), np.exp(log_sd))
    value = np.where(before, sech, np.where(at, tanh, 1.0))
    by_one = np.where(before, -sech * tanh, np.where(at, sech**2, 0.0))
    by_two = np.where(before, sech * (tanh**2 - sech**2), np.where(at, -2.0 * sech**2 * tanh, 0.0))
    return np.hstack([sd, value]), np.hstack([sd, by_one]), np.hstack([sd, by_two])
