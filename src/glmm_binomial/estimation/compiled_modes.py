"""Newton's method for the conditional modes, compiled: the equal of `conditional_modes.find_modes` in numpy."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from glmm_binomial.estimation.compiling import NUMBERS, OPTIONS, TABLE, WHOLE_NUMBERS, inner

SMALLEST_SHARE = 1e-12
"""Of a step that is halved until it does not lead too far."""


@inner
def _solve_positive(matrix, vector, root, solution):
    """Cholesky root (lower) of a matrix (K, K), and its solution for a vector (K,)."""
    count = len(vector)
    for i in range(count):
        for j in range(i + 1):
            value = matrix[i, j]
            for m in range(j):
                value -= root[i, m] * root[j, m]
            root[i, j] = math.sqrt(value) if i == j else value / root[j, j]
    for i in range(count):
        value = vector[i]
        for m in range(i):
            value -= root[i, m] * solution[m]
        solution[i] = value / root[i, i]
    for i in range(count - 1, -1, -1):
        value = solution[i]
        for m in range(i + 1, count):
            value -= root[m, i] * solution[m]
        solution[i] = value / root[i, i]


@inner
def _inverse_root(root, inverse):
    """L^-T (upper) of a lower Cholesky root L (K, K)."""
    count = len(root)
    for j in range(count):
        for i in range(count):
            inverse[j, i] = 0.0
        inverse[j, j] = 1.0 / root[j, j]
        for i in range(j + 1, count):
            value = 0.0
            for m in range(j, i):
                value -= root[i, m] * inverse[j, m]
            inverse[j, i] = value / root[i, i]


@njit(
    (WHOLE_NUMBERS, NUMBERS, NUMBERS, NUMBERS, TABLE, TABLE, TABLE, types.float64, types.float64, types.int64),
    **OPTIONS,
)
def find_modes(  # noqa: PLR0912  # one pass over the data
    starts, successes, trials, offset, random, precision, start, tolerance, rounding, most_steps
):
    """Conditional modes (G, K) and their scales (G, K, K); see `conditional_modes.find_modes`."""
    groups, count = len(starts) - 1, random.shape[1]
    modes, scales = start.copy(), np.zeros((groups, count, count))
    gradient, hessian, root = np.empty(count), np.empty((count, count)), np.zeros((count, count))
    step, trial = np.zeros(count), np.empty(count)
    for g in range(groups):
        mode = modes[g]
        share, gain = 0.0, 0.0
        for _ in range(most_steps + 1):
            for k in range(count):
                trial[k] = mode[k] + share * step[k]
            for k in range(count):
                gradient[k] = 0.0
                for m in range(count):
                    gradient[k] -= precision[k, m] * trial[m]
                    hessian[k, m] = precision[k, m]
            for i in range(starts[g], starts[g + 1]):
                eta = offset[i]
                for k in range(count):
                    eta += random[i, k] * trial[k]
                decay = math.exp(-abs(eta))
                reciprocal = 1.0 / (1.0 + decay)
                residual = successes[i] - trials[i] * (reciprocal if eta >= 0.0 else decay * reciprocal)
                weight = trials[i] * decay * reciprocal * reciprocal
                for k in range(count):
                    gradient[k] += random[i, k] * residual
                    for m in range(k + 1):
                        hessian[k, m] += weight * random[i, k] * random[i, m]
            if share > 0.0:
                slope = 0.0
                for k in range(count):
                    slope += gradient[k] * step[k]
                # past the top of a concave function by more than half of what the step promised
                if slope < -0.5 * gain and share > SMALLEST_SHARE:
                    share *= 0.5
                    continue
            for k in range(count):
                mode[k] = trial[k]
            _solve_positive(hessian, gradient, root, step)
            last, gain = gain, 0.0
            for k in range(count):
                gain += gradient[k] * step[k]
            if gain <= tolerance or (share > 0.0 and last < rounding and gain > 0.5 * last):
                break
            share = 1.0
        _inverse_root(root, scales[g])
    return modes, scales
