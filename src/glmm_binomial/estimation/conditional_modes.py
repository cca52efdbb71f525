"""Where each group's integrand peaks: the conditional modes of the random effects, and how they move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.design import Design

MOST_STEPS = 100

TOLERANCE = 1e-10
"""Newton step, in conditional standard deviations, at which a group's mode is found."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """A point at which the likelihood is looked at.

    Attributes
    ----------
    coefficients : (k,) array
    log_sds : (K,) array
    """

    coefficients: NDArray[np.float64]
    log_sds: NDArray[np.float64]

    @property
    def vector(self) -> NDArray[np.float64]:
        """Coefficients, then log SDs, (k + K,)."""
        return np.concatenate([self.coefficients, self.log_sds])

    def moved(self, step: NDArray[np.float64]) -> Parameters:
        """The point after a step (k + K,)."""
        k = len(self.coefficients)
        return Parameters(coefficients=self.coefficients + step[:k], log_sds=self.log_sds + step[k:])


@dataclass(frozen=True, slots=True)
class ConditionalModes:
    """Where each group's integrand peaks, and how wide it is.

    Attributes
    ----------
    modes : (G, K) array
    scales : (G, K, K) array
        Lower Cholesky factor of the inverse of the conditional Hessian.
    """

    modes: NDArray[np.float64]
    scales: NDArray[np.float64]


def find_modes(design: Design, parameters: Parameters, start: NDArray[np.float64]) -> ConditionalModes:
    """Newton's method for the conditional modes of all groups at once; each group's step is halved on its own.

    The conditional log density sum_i [y_i eta_i - n_i log(1 + e^eta_i)] - sum_k u_k^2 / (2 sd_k^2) is strictly concave.
    """
    effects = design.random.shape[1]
    if not effects:
        return ConditionalModes(modes=start, scales=np.empty((design.groups, 0, 0)))
    offset = design.fixed @ parameters.coefficients
    precision = np.exp(-2.0 * parameters.log_sds)
    upper = np.triu_indices(effects)
    products = design.random[:, upper[0]] * design.random[:, upper[1]]

    def density(modes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log density (G,) and probability of each row (n,)."""
        eta = offset + (design.random * modes[design.group_index]).sum(axis=1)
        decay = np.exp(-np.abs(eta))
        reciprocal = 1.0 / (1.0 + decay)
        terms = design.successes * eta - design.trials * (np.maximum(eta, 0.0) - np.log(reciprocal))
        values = np.add.reduceat(terms, design.group_starts) - 0.5 * modes**2 @ precision
        return values, np.where(eta >= 0.0, reciprocal, decay * reciprocal)

    modes = start
    value, probability = density(modes)
    for _ in range(MOST_STEPS):
        residual = design.successes - design.trials * probability
        weight = design.trials * probability * (1.0 - probability)
        gradient = np.add.reduceat(design.random * residual[:, None], design.group_starts) - modes * precision
        sums = np.add.reduceat(products * weight[:, None], design.group_starts)
        hessian = np.zeros((design.groups, effects, effects))
        hessian[:, upper[0], upper[1]] = hessian[:, upper[1], upper[0]] = sums
        hessian += np.diag(precision)
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        gain = (step * gradient).sum(axis=1)
        if gain.max() <= TOLERANCE**2:
            break
        fraction = np.ones(design.groups)
        while True:
            candidate = modes + fraction[:, None] * step
            new_value, new_probability = density(candidate)
            worse = (new_value < value) & (fraction * gain > TOLERANCE)
            if not worse.any():
                break
            fraction[worse] *= 0.5
        modes, value, probability = candidate, new_value, new_probability
    return ConditionalModes(modes=modes, scales=np.linalg.cholesky(np.linalg.inv(hessian)))


def mode_response(
    design: Design, parameters: Parameters, modes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How each group's effects vary about their mode, and how the mode moves with the parameters.

    Returns
    -------
    inverse : (G, K, K) array
        Inverse conditional Hessian, H^-1 with H = Z'WZ + diag(sd^-2).
    response : (G, K, k + K) array
        Implicit derivatives at the mode: du/db = -H^-1 Z'WX and du/dlog sd_k = 2 H^-1 e_k u_k / sd_k^2.
    """
    scales = find_modes(design, parameters, modes).scales
    inverse = scales @ scales.transpose(0, 2, 1)
    eta = design.fixed @ parameters.coefficients + (design.random * modes[design.group_index]).sum(axis=1)
    p = expit(eta)
    weighted = design.random * (design.trials * p * (1.0 - p))[:, None]
    products = weighted[:, :, None] * design.fixed[:, None, :]
    by_coefficient = -inverse @ np.add.reduceat(products, design.group_starts)
    by_log_sd = inverse * (2.0 * modes * np.exp(-2.0 * parameters.log_sds))[:, None, :]
    return inverse, np.concatenate([by_coefficient, by_log_sd], axis=2)
