"""The groups' integrals at many points theta at once, compiled: the equal of `many_points.log_integrals` in numpy.

The innermost loops run over the points, which are all treated alike.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from glmm_binomial.estimation.compiling import NUMBERS, OPTIONS, STACK, TABLE, WHOLE_NUMBERS, exponential, inner
from glmm_binomial.model.logistic import LARGEST_EXPONENT

LARGEST_REPEATED = 64
"""Trials of a row up to which its term is multiplied; beyond, its logarithm is."""

LARGEST_LOG_PRODUCT = 600.0
"""Of terms that are multiplied before the logarithm is taken; beyond 709 a product overflows."""

LOG_2 = math.log(2.0)


@inner
def _factor(matrices, lower):
    """Cholesky roots L (K, K, D) of matrices (K, K, D), whose upper triangles are not read."""
    count, lanes = matrices.shape[1:]
    for i in range(count):
        for j in range(i + 1):
            for d in range(lanes):
                lower[i, j, d] = matrices[i, j, d]
            for m in range(j):
                for d in range(lanes):
                    lower[i, j, d] -= lower[i, m, d] * lower[j, m, d]
            for d in range(lanes):
                lower[i, j, d] = math.sqrt(lower[i, i, d]) if i == j else lower[i, j, d] / lower[j, j, d]


@inner
def _solve_lower(lower, right, solved):
    """V of L v = r, (K, D)."""
    count, lanes = right.shape
    for i in range(count):
        for d in range(lanes):
            solved[i, d] = right[i, d]
        for j in range(i):
            for d in range(lanes):
                solved[i, d] -= lower[i, j, d] * solved[j, d]
        for d in range(lanes):
            solved[i, d] /= lower[i, i, d]


@inner
def _solve_upper(lower, right, solved):
    """V of L'v = r, (K, D)."""
    count, lanes = right.shape
    for i in range(count - 1, -1, -1):
        for d in range(lanes):
            solved[i, d] = right[i, d]
        for j in range(i + 1, count):
            for d in range(lanes):
                solved[i, d] -= lower[j, i, d] * solved[j, d]
        for d in range(lanes):
            solved[i, d] /= lower[i, i, d]


@inner
def _derive(first, rows, offset, trials, random, mode, gradient, hessian, eta, weight):
    """Add a group's rows to the gradient (K, D) and the negative Hessian (K, K, D) of its log density at the mode."""
    effects, lanes = mode.shape
    for r in range(rows):
        i = first + r
        n = trials[i]
        for d in range(lanes):
            eta[d] = offset[r, d]
        for a in range(effects):
            column = random[i, a]
            for d in range(lanes):
                eta[d] += column * mode[a, d]
        for d in range(lanes):
            eta[d] = exponential(min(max(eta[d], -LARGEST_EXPONENT), LARGEST_EXPONENT))
        for d in range(lanes):
            failing = 1.0 / (1.0 + eta[d])
            eta[d] = n * (1.0 - failing)
            weight[d] = n * (1.0 - failing) * failing
        for a in range(effects):
            column = random[i, a]
            for d in range(lanes):
                gradient[a, d] -= column * eta[d]
            for b in range(a + 1):
                both = column * random[i, b]
                for d in range(lanes):
                    hessian[a, b, d] += both * weight[d]


@inner
def _spread(mode, lower, nodes, at_nodes):
    """Effects m + L'^-1 x at the nodes x of a tensor rule, the last axis fastest, (K, J^K, D)."""
    effects, total, lanes = at_nodes.shape
    repeats = 1
    for a in range(effects - 1, -1, -1):
        for q in range(total):
            node = nodes[q // repeats % len(nodes)]
            for d in range(lanes):
                at_nodes[a, q, d] = node
            for b in range(a + 1, effects):
                for d in range(lanes):
                    at_nodes[a, q, d] -= lower[b, a, d] * (at_nodes[b, q, d] - mode[b, d])
            for d in range(lanes):
                at_nodes[a, q, d] = mode[a, d] + at_nodes[a, q, d] / lower[a, a, d]
        repeats *= len(nodes)


@inner
def _predict_at(q, at_mode, r, slopes, nodes, eta):
    """Linear predictors (D,) of a row at node q, from those at the modes and the slopes (K, D)."""
    for d in range(len(eta)):
        eta[d] = at_mode[r, d]
    rest = q
    for a in range(len(slopes) - 1, -1, -1):
        node = nodes[rest % len(nodes)]
        for d in range(len(eta)):
            eta[d] += slopes[a, d] * node
        rest //= len(nodes)


@inner
def _grow(columns, lower, nodes, slopes, reach, tables, heads):
    """E^(slope x) along each axis at the nodes x, with the slopes L^-1 z of a row, and their products at the heads."""
    count, lanes = slopes.shape
    for a in range(count):
        column = columns[a]
        for d in range(lanes):
            slopes[a, d] = column
        for b in range(a):
            for d in range(lanes):
                slopes[a, d] -= lower[a, b, d] * slopes[b, d]
        for d in range(lanes):
            slopes[a, d] /= lower[a, a, d]
    for d in range(lanes):
        reach[d], heads[0, d] = 0.0, 1.0
    length, farthest = 1, nodes[-1]
    for a in range(count):
        for d in range(lanes):
            reach[d] += abs(slopes[a, d]) * farthest
        for j in range(len(nodes)):
            node = nodes[j]
            for d in range(lanes):
                tables[a, j, d] = exponential(min(max(slopes[a, d] * node, -LARGEST_EXPONENT), LARGEST_EXPONENT))
        for h in range(length * len(nodes) - 1 if a < count - 1 else -1, -1, -1):
            for d in range(lanes):
                heads[h, d] = heads[h // len(nodes), d] * tables[a, h % len(nodes), d]
        length *= len(nodes)


@njit(
    (
        *(WHOLE_NUMBERS, NUMBERS, NUMBERS, TABLE, TABLE, TABLE, STACK, STACK, NUMBERS, NUMBERS, NUMBERS),
        *(types.float64, types.float64, types.int64, NUMBERS, types.boolean),
    ),
    **OPTIONS,
)
def integrate_at_points(  # noqa: PLR0912, PLR0915  # one pass over the data
    starts,
    successes,
    trials,
    fixed,
    random,
    points,
    start,
    precisions,
    half_log_determinants,
    nodes,
    log_weights,
    near,
    largest_step,
    most_steps,
    multiplicity,
    sloped,
):
    """Log integrals (G, D), and sums over the groups for their slopes.

    The sums are those of the derivatives by the coefficients (k, D) and of E uu' given the data (K, K, D), each group
    as often as it counts; empty unless asked for. The coefficients are `points` (k, D), the modes are looked for from
    `start` (K, G, D), and `log_weights` (J,) are those of the nodes over the normal density.
    """
    groups, (k, lanes), effects, side = len(starts) - 1, points.shape, random.shape[1], len(nodes)
    total = side**effects
    tops = total // side
    values = np.empty((groups, lanes))
    gradients, moments = np.zeros((k, lanes)), np.zeros((effects, effects, lanes))
    most, reach_of_data = 1, 1.0
    for g in range(groups):
        most = max(most, starts[g + 1] - starts[g])
    for i in range(len(random)):
        for a in range(effects):
            reach_of_data = max(reach_of_data, abs(random[i, a]))
    # of the rows of a group: predictors without effects and at the modes, and e^eta there
    offset, at_mode, base = np.empty((most, lanes)), np.empty((most, lanes)), np.empty((most, lanes))
    product, log_f = np.empty((total, lanes)), np.empty((total, lanes))
    at_nodes, mode, slopes = np.empty((effects, total, lanes)), np.empty((effects, lanes)), np.empty((effects, lanes))
    gradient, half, step = np.empty((effects, lanes)), np.empty((effects, lanes)), np.empty((effects, lanes))
    hessian, lower = np.zeros((effects, effects, lanes)), np.zeros((effects, effects, lanes))
    eta, term, failure = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    level, top, reach = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    tables, heads = np.empty((effects, side, lanes)), np.empty((tops, lanes))
    random_y, fixed_y, known, steeps = np.empty(effects), np.empty(k), np.empty(effects), np.empty(most)
    for g in range(groups):
        first = starts[g]
        rows = starts[g + 1] - first
        # successes enter through sums alone: y'Xb, which no node changes, and y'Zu
        random_y[:], fixed_y[:], known[:] = 0.0, 0.0, np.nan
        for r in range(rows):
            i = first + r
            for d in range(lanes):
                offset[r, d] = 0.0
            # four coefficients at a time save loads and stores
            for c in range(0, k - 3, 4):
                one, two, three, four = fixed[i, c], fixed[i, c + 1], fixed[i, c + 2], fixed[i, c + 3]
                for d in range(lanes):
                    offset[r, d] += (one * points[c, d] + two * points[c + 1, d]) + (
                        three * points[c + 2, d] + four * points[c + 3, d]
                    )
            for c in range(k - k % 4, k):
                column = fixed[i, c]
                for d in range(lanes):
                    offset[r, d] += column * points[c, d]
            for c in range(k):
                fixed_y[c] += fixed[i, c] * successes[i]
            for a in range(effects):
                random_y[a] += random[i, a] * successes[i]
        for a in range(effects):
            for d in range(lanes):
                mode[a, d] = start[a, g, d]
        for _ in range(most_steps):
            for a in range(effects):
                pull = random_y[a]
                for d in range(lanes):
                    gradient[a, d] = pull
                for b in range(effects):
                    for d in range(lanes):
                        gradient[a, d] -= precisions[a, b, d] * mode[b, d]
                        hessian[a, b, d] = precisions[a, b, d]
            _derive(first, rows, offset, trials, random, mode, gradient, hessian, eta, term)
            _factor(hessian, lower)
            _solve_lower(lower, gradient, half)
            _solve_upper(lower, half, step)
            farthest = 0.0
            for d in range(lanes):
                length, widest = 0.0, 0.0
                for a in range(effects):
                    length += half[a, d] * half[a, d]
                    widest += abs(step[a, d])
                farthest = max(farthest, length)
                term[d] = max(1.0, max(math.sqrt(length), widest * reach_of_data) / largest_step)
            is_near = farthest < near * near
            for a in range(effects):
                for d in range(lanes):
                    mode[a, d] += step[a, d] if is_near else step[a, d] / term[d]
            if is_near:
                break
        for d in range(lanes):
            level[d] = -half_log_determinants[d]
        for c in range(k):
            pull = fixed_y[c]
            for d in range(lanes):
                level[d] += pull * points[c, d]
        for a in range(effects):
            for d in range(lanes):
                level[d] -= math.log(lower[a, a, d])
        _spread(mode, lower, nodes, at_nodes)
        for q in range(total):
            rest, log_weight = q, 0.0
            for _ in range(effects):
                log_weight += log_weights[rest % side]
                rest //= side
            for d in range(lanes):
                log_f[q, d], product[q, d] = level[d] + log_weight, 1.0
            for a in range(effects):
                pull = random_y[a]
                for d in range(lanes):
                    log_f[q, d] += pull * at_nodes[a, q, d]
                for b in range(effects):
                    for d in range(lanes):
                        log_f[q, d] -= 0.5 * precisions[a, b, d] * at_nodes[a, q, d] * at_nodes[b, q, d]
        waiting, apart = 0.0, False
        for r in range(rows):
            i = first + r
            n = trials[i]
            same = True
            for a in range(effects):
                same &= known[a] == random[i, a]
                known[a] = random[i, a]
            if not same:
                _grow(known, lower, nodes, slopes, reach, tables, heads)
            for d in range(lanes):
                at_mode[r, d] = offset[r, d]
            for a in range(effects):
                column = random[i, a]
                for d in range(lanes):
                    at_mode[r, d] += column * mode[a, d]
            for d in range(lanes):
                base[r, d] = exponential(min(max(at_mode[r, d], -LARGEST_EXPONENT), LARGEST_EXPONENT))
            steep = 0.0
            for d in range(lanes):
                steep = max(steep, max(at_mode[r, d], 0.0) + reach[d])
            steeps[r], bound = steep, n * (steep + LOG_2)
            if bound <= LARGEST_LOG_PRODUCT and waiting + bound > LARGEST_LOG_PRODUCT:
                waiting, apart = 0.0, True
                for q in range(total):
                    for d in range(lanes):
                        log_f[q, d] -= math.log(product[q, d])
                        product[q, d] = 1.0
            if bound > LARGEST_LOG_PRODUCT or n > LARGEST_REPEATED:
                apart = True
                for q in range(total):
                    _predict_at(q, at_mode, r, slopes, nodes, term)
                    for d in range(lanes):
                        log_f[q, d] -= n * (max(term[d], 0.0) + math.log1p(math.exp(-abs(term[d]))))
                continue
            waiting += bound
            for h in range(tops):
                for d in range(lanes):
                    term[d] = base[r, d] * heads[h, d]
                for j in range(side):
                    q = h * side + j
                    if n == 1.0:
                        for d in range(lanes):
                            product[q, d] *= 1.0 + term[d] * tables[effects - 1, j, d]
                        continue
                    for d in range(lanes):
                        failure[d] = 1.0 + term[d] * tables[effects - 1, j, d]
                    left = int(n)
                    while left:
                        if left & 1:
                            for d in range(lanes):
                                product[q, d] *= failure[d]
                        left >>= 1
                        for d in range(lanes):
                            failure[d] *= failure[d]
        if apart:
            for q in range(total):
                for d in range(lanes):
                    log_f[q, d] -= math.log(product[q, d])
                    product[q, d] = 1.0
        # relative to a node near the mode, of which alone the logarithm is needed then
        for d in range(lanes):
            level[d], failure[d] = 0.0, product[total // 2, d]
            top[d] = log_f[total // 2, d]
        if apart:
            for q in range(total):
                for d in range(lanes):
                    top[d] = max(top[d], log_f[q, d])
        for q in range(total):
            for d in range(lanes):
                share = exponential(min(max(log_f[q, d] - top[d], -LARGEST_EXPONENT), LARGEST_EXPONENT))
                product[q, d] = share * (failure[d] / product[q, d])
                level[d] += product[q, d]
        for d in range(lanes):
            values[g, d] = top[d] + math.log(level[d] / failure[d])
        if not sloped:
            continue
        share = multiplicity[g]
        for q in range(total):
            for d in range(lanes):
                product[q, d] /= level[d]
            for a in range(effects):
                for b in range(effects):
                    for d in range(lanes):
                        moments[a, b, d] += share * product[q, d] * at_nodes[a, q, d] * at_nodes[b, q, d]
        for r in range(rows):
            i = first + r
            same = True
            for a in range(effects):
                same &= known[a] == random[i, a]
                known[a] = random[i, a]
            if not same:
                _grow(known, lower, nodes, slopes, reach, tables, heads)
            steep = steeps[r]
            for d in range(lanes):
                failure[d] = 0.0
            if steep > LARGEST_LOG_PRODUCT:
                for q in range(total):
                    _predict_at(q, at_mode, r, slopes, nodes, term)
                    for d in range(lanes):
                        failure[d] += product[q, d] / (1.0 + math.exp(min(term[d], LARGEST_EXPONENT)))
            for h in range(tops if steep <= LARGEST_LOG_PRODUCT else 0):
                for d in range(lanes):
                    term[d] = base[r, d] * heads[h, d]
                for j in range(side):
                    for d in range(lanes):
                        failure[d] += product[h * side + j, d] / (1.0 + term[d] * tables[effects - 1, j, d])
            y, n = successes[i], trials[i]
            for d in range(lanes):
                failure[d] = y - n * (1.0 - failure[d])
            for c in range(k):
                share = multiplicity[g] * fixed[i, c]
                for d in range(lanes):
                    gradients[c, d] += share * failure[d]
    return values, gradients, moments
