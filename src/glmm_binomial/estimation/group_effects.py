"""The groups' random effects, integrated over a posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.estimation.densities import density_of
from glmm_binomial.estimation.posterior_sample import POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.posterior import Posterior
    from glmm_binomial.model.rows import Rows

DRAWS: Final = 128
FEWEST_DRAWS: Final = 32
DRAWS_PER_PARAMETER: Final = 4
MOST_ROWS_AND_DRAWS: Final = 4_000_000
"""Rows times draws from which on fewer draws do: so many data leave theta little room, over which all is linear."""

LARGEST_SKEWNESS: Final = 0.7
"""Up to which Cornish & Fisher's first term keeps the order of normal numbers up to four."""

LARGEST_CHANGE: Final = 3.0
"""Of the logarithm of a conditional SD over the posterior: beyond it a straight line is not to be followed."""

ROUNDING: Final = 1e-10
SMALLEST_VARIANCE: Final = 1e-30
RIDGE: Final = 1e-9
"""Added to the normal equations of the regression on theta, in units of its variances."""


@dataclass(frozen=True, slots=True)
class PosteriorEffects:
    """Random effects given the data, over a posterior (G groups, K effects, q features of theta).

    Given theta, u = m(theta) + C(theta) e with e of mean zero, unit variances and a skewness of their own; m and the
    entries of C, on its diagonal their logarithms, are linear in features of theta, less the features' means.

    Attributes
    ----------
    means : (G, K) array
    covariances : (G, K, K) array
    location : (G, K, 1 + q) array
        Of m.
    factor : (G, K, K, 1 + q) array
        Of C.
    skewness : (G, K) array
        Of e.
    """

    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    location: NDArray[np.float64]
    factor: NDArray[np.float64]
    skewness: NDArray[np.float64]


def posterior_effects(rows: Rows, posterior: Posterior) -> PosteriorEffects:
    """Posterior moments of the groups' effects by the laws of total expectation and covariance.

    With m and V the conditional moments given theta, by quadrature, E u = E m and Cov u = E V + Cov m. m is nearly
    linear in theta and the squares of the parameters of Sigma, so that over a few draws it is regressed on these
    features f, whose mean and covariance S are known far better: m = m_0 + B (f - E f) + r, Cov m = B S B' + E rr'. So
    is C, V = C C'.
    """
    sample, k = posterior.sample, rows.fixed.shape[1]
    density = density_of(rows).about(rows, posterior.mode, np.sqrt(np.diag(posterior.covariance)))
    features = centred_features(posterior, k, len(sample.weights))
    spread = features.T @ (features * sample.weights[:, None])
    count = _draws(len(rows.trials), features.shape[1])
    theta, weights = sample.theta[:count], sample.first_weights(count)
    kind, effects, kinds = density.distinct.kind, rows.random.shape[1], len(density.rows.grouping.starts)
    moments = density.effect_moments(theta)
    m, V = moments.means, _above_rounding(moments.covariances)
    inverse = np.linalg.inv(np.linalg.cholesky(V))
    third = np.einsum("dhkl,dhkm,dhkn,dhlmn->dhk", inverse, inverse, inverse, moments.third)
    skewness = np.einsum("d,dhk->hk", weights, third)
    predictors = np.column_stack([np.ones(count), features[:count]])
    solve = _regression(predictors, weights, spread)
    location = solve @ m.reshape(count, -1)
    residual = m - (predictors @ location).reshape(m.shape)
    location = location.reshape(-1, kinds, effects).transpose(1, 2, 0)
    left = np.einsum("d,dhk->hk", weights, residual)
    slopes = location[:, :, 1:]
    covariances = np.einsum("d,dhkl->hkl", weights, V) + slopes @ spread @ slopes.transpose(0, 2, 1)
    covariances += np.einsum("d,dhk,dhl->hkl", weights, residual - left, residual - left)
    C, diagonal = np.linalg.cholesky(V), np.arange(effects)
    C[..., diagonal, diagonal] = np.log(C[..., diagonal, diagonal])
    factor = (solve @ C.reshape(count, -1)).reshape(-1, kinds, effects, effects).transpose(1, 2, 3, 0)
    return PosteriorEffects(
        means=(location[:, :, 0] + left)[kind],
        covariances=np.asarray(covariances[kind], dtype=np.float64),
        location=location[kind],
        factor=factor[kind],
        skewness=skewness[kind].clip(-LARGEST_SKEWNESS, LARGEST_SKEWNESS),
    )


def _above_rounding(covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariances (..., K, K) that rounding has left positive definite."""
    count = covariances.shape[-1]
    trace = np.trace(covariances, axis1=-2, axis2=-1)[..., None, None]
    return np.asarray(covariances + np.eye(count) * np.maximum(ROUNDING * trace, SMALLEST_VARIANCE))


def centred_features(posterior: Posterior, coefficients: int, draws: int) -> NDArray[np.float64]:
    """Theta and the squares of the parameters of Sigma, less their posterior means, at the first draws (N, q)."""
    theta = posterior.sample.theta
    features = np.column_stack([theta, theta[:, coefficients:] ** 2])
    return np.asarray((features - posterior.sample.weights @ features)[:draws])


def _regression(
    predictors: NDArray[np.float64], weights: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The matrix (1 + q, D) that takes values at D points to coefficients of predictors (D, 1 + q)."""
    normal = (predictors.T * weights) @ predictors + RIDGE * np.diag(np.r_[1.0, np.diag(spread)])
    return np.asarray(np.linalg.solve(normal, predictors.T * weights))


def effect_draws(
    effects: PosteriorEffects,
    groups: NDArray[np.intp],
    columns: NDArray[np.float64],
    features: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Draws (m, N) of z'u for the groups (m,) and columns z (m, K) of some rows.

    Parameters
    ----------
    effects : PosteriorEffects
    groups : (m,) integer array
    columns : (m, K) array
    features : (N, q) array
        From `centred_features`.
    scores : (K, N) array
        Standard normal; they are turned to the side of each mean, so that successes and failures swapped turn all
        signs, and get the skewness of e by Cornish & Fisher's first term.
    """
    location = np.einsum("mk,mkq->mq", columns, effects.location[groups])
    draws = np.asarray(location[:, :1] + location[:, 1:] @ features.T)
    signs = np.where(effects.means[groups] < 0.0, -1.0, 1.0)
    for k, score in enumerate(scores):
        sixth = effects.skewness[groups, k, None] / 6.0
        e = signs[:, k, None] * score + sixth * (score**2 - 1.0)
        for i in range(k, len(scores)):
            entry = effects.factor[groups, i, k]
            along = entry[:, :1] + np.clip(entry[:, 1:] @ features.T, -LARGEST_CHANGE, LARGEST_CHANGE)
            draws += columns[:, i, None] * (np.exp(along) if i == k else along) * e
    return draws


def _draws(rows: int, size: int) -> int:
    """How many draws, a power of two, for so many rows and a theta of that size."""
    least = min(POINTS, 1 << (DRAWS_PER_PARAMETER * size - 1).bit_length())
    return max(least, DRAWS if rows * DRAWS <= MOST_ROWS_AND_DRAWS else FEWEST_DRAWS)
