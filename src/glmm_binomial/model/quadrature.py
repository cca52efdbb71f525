"""Gauss-Hermite rules, and the expected softplus of a normal linear predictor with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, ndtr, roots_hermitenorm

from glmm_binomial.model.logistic import fill_logistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_ELEMENTS = 32_768
"""Rows times nodes worked on at once: a handful of such arrays stay in a processor's cache."""

NEGLIGIBLE_WEIGHT = 1e-18
"""Nodes with less weight than this, relative to the whole rule, cannot change a double."""

# Largest standard deviation of the linear predictor for which the number of nodes gives B and its first derivatives to
# 1e-8 or better (measured against a trapezoid rule of 6,001 nodes for means from 0 to 30).
_NODES_BY_SD = ((0.25, 8), (0.5, 12), (0.75, 20), (1.0, 28), (1.5, 48), (2.0, 80), (3.0, 160), (4.0, 256), (6.0, 512))
_MOST_NODES = 1_024

LARGEST_HERMITE_SD = 6.0
"""Up to this SD of the linear predictor the Gauss-Hermite rules give a mean probability to 1e-10 or better."""

LEGENDRE_NODES, LEGENDRE_REACH = 64, 40.0
"""expit(-t) is below 1e-17 beyond the reach; 64 nodes integrate it times a normal density of SD 6 or more to 1e-15."""


@dataclass(frozen=True, slots=True)
class HermiteRule:
    """Nodes and weights for expectations over a standard normal variable.

    Attributes
    ----------
    nodes : (J,) array
        Where the integrand is evaluated, in standard deviations.
    weights : (J,) array
        They sum to one.
    """

    nodes: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def log_weights(self) -> NDArray[np.float64]:
        """Logarithms of the weights over e^(-x^2 / 2) at the nodes x, (J,)."""
        return np.asarray(np.log(self.weights) + 0.5 * self.nodes**2)


@lru_cache(maxsize=64)
def hermite_rule(nodes: int, least_weight: float = 0.0) -> HermiteRule:
    """Gauss-Hermite rule for a standard normal variable, without the nodes of no more than a least weight.

    An integrand with wider tails than the normal density needs the nodes far out, whatever their weight; one that is
    bounded by a low power does not.
    """
    points, weights = roots_hermitenorm(nodes)
    weights = weights / weights.sum()
    kept = weights > least_weight
    points, weights = points[kept], weights[kept]
    points.setflags(write=False)
    weights.setflags(write=False)
    return HermiteRule(nodes=points, weights=weights)


@dataclass(frozen=True, slots=True)
class SoftplusMoments:
    """B(m, v) = E log(1 + exp(eta)), eta ~ N(m, v), and its derivatives; every field has one entry per row.

    With p = expit(eta): dB/dm = E p, dB/dv = E p(1-p)/2, d2B/dm2 = E p(1-p), d2B/dm dv = E p(1-p)(1-2p)/2 and
    d2B/dv2 = E p(1-p)(1-6p(1-p))/4. They follow from d/dv E f(eta) = E f''(eta)/2 (Price's theorem).
    """

    value: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    mean_mean: NDArray[np.float64]
    mean_variance: NDArray[np.float64]
    variance_variance: NDArray[np.float64]


def softplus_moments(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> SoftplusMoments:
    """Expected softplus and its derivatives for each row.

    Parameters
    ----------
    mean, variance : (n,) arrays
        Mean and variance of the linear predictor of each row.

    Returns
    -------
    SoftplusMoments
        Fields of shape (n,). One exponential per row and node serves all of them.
    """
    sd = np.sqrt(variance)
    moments = np.empty((5, len(mean)))
    # fresh arrays would be handed back to the operating system and fetched again, block by block
    workspace = np.empty((5, 0))
    start = 0
    while start < len(mean):
        # a guess of the block from the first row's rule, then the rule for the widest row in the block
        stop = start + _rows_per_block(sd[start])
        rule = hermite_rule(_nodes_for(float(sd[start:stop].max())), NEGLIGIBLE_WEIGHT)
        size = len(rule.nodes) * len(sd[start:stop])
        if workspace.shape[1] < size:
            workspace = np.empty((5, size))
        _moments_of_block(mean[start:stop], sd[start:stop], rule, workspace[:, :size], out=moments[:, start:stop])
        start = stop
    return SoftplusMoments(
        value=moments[0],
        mean=moments[1],
        variance=0.5 * moments[2],
        mean_mean=moments[2],
        mean_variance=0.5 * moments[3],
        variance_variance=0.25 * moments[4],
    )


def _nodes_for(sd: float) -> int:
    return next((nodes for limit, nodes in _NODES_BY_SD if sd <= limit), _MOST_NODES)


def _rows_per_block(sd: float) -> int:
    return max(BLOCK_ELEMENTS // len(hermite_rule(_nodes_for(float(sd)), NEGLIGIBLE_WEIGHT).nodes), 256)


def _moments_of_block(
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
    rule: HermiteRule,
    workspace: NDArray[np.float64],
    *,
    out: NDArray[np.float64],
) -> None:
    """Write E softplus, E p, E pq, E pq(1-2p) and E pq(1-6pq) of each row into the five rows of `out`."""
    eta, decay, reciprocal, contrast, pq = workspace.reshape(5, len(rule.nodes), len(sd))
    weights = rule.weights
    np.multiply.outer(rule.nodes, sd, out=eta)
    eta += mean
    fill_logistic(eta, decay=decay, reciprocal=reciprocal, contrast=contrast)
    np.multiply(decay, reciprocal, out=pq)
    pq *= reciprocal
    np.maximum(eta, 0.0, out=eta)
    np.log(reciprocal, out=reciprocal)
    eta -= reciprocal
    out[0] = weights @ eta
    out[1] = 0.5 + 0.5 * (weights @ contrast)
    out[2] = weights @ pq
    contrast *= pq
    out[3] = -(weights @ contrast)
    np.square(pq, out=pq)
    out[4] = out[2] - 6.0 * (weights @ pq)


def mean_probability(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """E expit(eta), eta ~ N(mean, sd^2), to 1e-10 or better; small means up to an SD of 6 to as much of themselves.

    Gauss-Hermite quadrature; where the SD is large, so that expit is nearly a step, the mean of the step and, by
    Gauss-Legendre quadrature, of what expit differs from it. With m = -|mean| and f the density of N(m, sd^2),

        E expit(eta) = P(eta > 0) + int_0^inf expit(-t) [f(-t) - f(t)] dt.

    Parameters
    ----------
    mean, sd : (M,) arrays
        Of the linear predictor; an SD of zero gives expit(mean).
    """
    average = expit(mean)
    narrow = (sd > 0.0) & (sd <= LARGEST_HERMITE_SD)
    if narrow.any():
        average[narrow] = _mean_by_hermite(mean[narrow], sd[narrow])
    wide = sd > LARGEST_HERMITE_SD
    if wide.any():
        below = _mean_below_half(-np.abs(mean[wide]), sd[wide])
        average[wide] = np.where(mean[wide] > 0.0, 1.0 - below, below)
    return np.clip(average, 0.0, 1.0)


def _mean_by_hermite(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """E expit(eta) of narrow distributions as a sum of positive terms, which keeps the digits of small means."""
    average = np.empty_like(mean)
    rule = hermite_rule(_nodes_for(float(sd.max())), NEGLIGIBLE_WEIGHT)
    rows = max(BLOCK_ELEMENTS // len(rule.nodes), 1)
    for start in range(0, len(mean), rows):
        block = slice(start, start + rows)
        average[block] = expit(mean[block, None] + sd[block, None] * rule.nodes) @ rule.weights
    return average


def _mean_below_half(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """E expit(eta) of a wide distribution, for means of at most zero."""
    nodes, weights = np.polynomial.legendre.leggauss(LEGENDRE_NODES)
    t = 0.5 * LEGENDRE_REACH * (nodes + 1.0)
    centre, node = (mean / sd)[:, None], t / sd[:, None]
    difference = np.exp(-0.5 * (node + centre) ** 2) - np.exp(-0.5 * (node - centre) ** 2)
    scale = 0.5 * LEGENDRE_REACH / (np.sqrt(2.0 * np.pi) * sd)
    return np.asarray(ndtr(mean / sd) + scale * (difference @ (weights * expit(-t))))
