"""The groups' integrals, compiled: the equal of what `integrals.integrate` does in numpy."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from glmm_binomial.estimation.compiling import NUMBERS, OPTIONS, STACK, TABLE, WHOLE_NUMBERS, WHOLE_TABLE, inner
from glmm_binomial.estimation.integrals import LARGEST_COMPOSED, LARGEST_LOG_PRODUCT
from glmm_binomial.model.logistic import LARGEST_EXPONENT

LARGEST_REPEATED = 64
"""Trials of a row up to which its term is multiplied; beyond, its logarithm is."""

SMALLEST = 1e-300
LOG_2 = math.log(2.0)


@inner
def _grow(row, side, moves, spacing, before, counts, known, tables, outer):
    """Fill in e^d - 1 of a row along each axis of the grid, and at its heads, the nodes of all axes but the last."""
    last, heads_too = len(spacing) - 1, False
    for a in range(len(spacing)):
        move = moves[row, a]
        if known[side, a] == move:
            continue
        known[side, a] = move
        heads_too |= a < last
        count, origin = counts[a], before[a]
        up = math.expm1(move * spacing[a])
        down = -up / (1.0 + up)
        tables[side, a, origin] = 0.0
        # four chains in place of one, which run along a vector
        up_four, down_four = up, down
        for j in range(origin + 1, min(origin + 4, count)):
            tables[side, a, j] = up_four
            up_four += up * (1.0 + up_four)
        for j in range(origin - 1, max(origin - 4, -1), -1):
            tables[side, a, j] = down_four
            down_four += down * (1.0 + down_four)
        for j in range(origin + 4, count):
            tables[side, a, j] = tables[side, a, j - 4] + up_four * (1.0 + tables[side, a, j - 4])
        for j in range(origin - 4, -1, -1):
            tables[side, a, j] = tables[side, a, j + 4] + down_four * (1.0 + tables[side, a, j + 4])
    if not heads_too:
        return
    heads = 1
    outer[side, 0] = 0.0
    for a in range(last):
        for h in range(heads - 1, -1, -1):
            base = outer[side, h]
            for j in range(counts[a] - 1, -1, -1):
                outer[side, h * counts[a] + j] = base + (1.0 + base) * tables[side, a, j]
        heads *= counts[a]


@inner
def _fill_steep(row, moves, spacing, before, counts, p, term):
    """P (e^d - 1) at every node, for a row whose growth would overflow, or cancel between axes."""
    nodes = 1
    for a in range(len(spacing)):
        nodes *= counts[a]
    for q in range(nodes):
        rest, d = q, 0.0
        for a in range(len(spacing) - 1, -1, -1):
            d += moves[row, a] * spacing[a] * (rest % counts[a] - before[a])
            rest //= counts[a]
        term[q] = p * math.expm1(min(d, LARGEST_EXPONENT))


@inner
def _lay_out(spacing, before, counts, heads, points):
    """The nodes of a tensor grid, in conditional standard deviations, (K, J)."""
    last, tail = len(spacing) - 1, counts[-1]
    for h in range(heads):
        rest = h
        for a in range(last - 1, -1, -1):
            place = spacing[a] * (rest % counts[a] - before[a])
            rest //= counts[a]
            for q in range(h * tail, (h + 1) * tail):
                points[a, q] = place
        for j in range(tail):
            points[last, h * tail + j] = spacing[last] * (j - before[last])


@inner
def _fill_normal(slope, curvature, points, spacing, heads, tail, weight):
    """exp(slope'x - x'curvature x / 2) at every node x, with few exponentials."""
    last = len(slope) - 1
    for h in range(heads - 1, -1, -1):
        start = h * tail
        level, cross = 0.0, 0.0
        for a in range(last):
            level += slope[a] * points[a, start]
            cross -= curvature[a, last] * points[a, start]
            for b in range(last):
                level -= 0.5 * curvature[a, b] * points[a, start] * points[b, start]
        value, ratio = math.exp(level + cross * points[last, start]), math.exp(cross * spacing[last])
        for j in range(tail):
            weight[start + j] = value
            value *= ratio
    for j in range(tail):
        x = points[last, j]
        value = math.exp(slope[last] * x - 0.5 * curvature[last, last] * x * x)
        for h in range(heads):
            weight[h * tail + j] *= value


@inner
def _look_back(weight, counts, heads, ends, imbalance, profile):
    """How far the integrand has fallen at both ends of each axis, and what every second node alone would say."""
    top, tail, stride = 0.0, counts[-1], heads
    for q in range(heads * tail):
        top = max(top, weight[q])
    for a in range(len(counts)):
        length, along = counts[a], a == len(counts) - 1
        if not along:
            stride //= length
        for j in range(length):
            profile[j] = 0.0
        difference = 0.0
        for h in range(heads):
            place = h // stride % length
            highest, part = 0.0, 0.0
            for j in range(tail):
                value = weight[h * tail + j]
                if along:
                    profile[j] = max(profile[j], value)
                    part += value if j % 2 else -value
                else:
                    highest = max(highest, value)
                    part += value
            if not along:
                profile[place] = max(profile[place], highest)
                part = part if place % 2 else -part
            difference += part
        imbalance[a] = abs(difference)
        for j in range(2):
            ends[a, j] = math.log(max(profile[j] / top, SMALLEST))
            ends[a, 2 + j] = math.log(max(profile[length - 2 + j] / top, SMALLEST))


@njit(
    (
        *(WHOLE_NUMBERS, NUMBERS, NUMBERS, TABLE, TABLE, NUMBERS, TABLE, STACK, TABLE),
        *(WHOLE_TABLE, WHOLE_TABLE, NUMBERS, TABLE, STACK, NUMBERS, NUMBERS, types.boolean),
    ),
    **OPTIONS,
)
def integrate(  # noqa: PLR0912, PLR0915  # one pass over the data
    starts,
    successes,
    trials,
    fixed,
    random,
    predictor,
    modes,
    scales,
    spacings,
    befores,
    grids,
    log_constant,
    precision,
    matrices,
    constants,
    multiplicity,
    scored,
):
    """What `integrals.integrate` returns, of all groups."""
    groups, k, effects = len(starts) - 1, fixed.shape[1], random.shape[1]
    last, size = effects - 1, k + len(matrices)
    steepest = LARGEST_LOG_PRODUCT if effects == 1 else LARGEST_COMPOSED
    values, ends, imbalance = np.empty(groups), np.empty((groups, effects, 4)), np.empty((groups, effects))
    scores = np.zeros((groups if scored else 0, size))
    information, moments = np.zeros((size, size)), np.zeros((effects, effects))
    most_heads, most_rows, most, widest = 1, 1, 1, grids.max()
    for g in range(groups):
        heads = 1
        for a in range(last):
            heads *= grids[g, a]
        most_heads, most = max(most_heads, heads), max(most, heads * grids[g, last])
        most_rows = max(most_rows, starts[g + 1] - starts[g])
    log_f, weight, product, term = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    points, u, score = np.empty((effects, most)), np.empty((effects, most)), np.empty((size, most))
    outer, known, tables = np.empty((2, most_heads)), np.empty((2, effects)), np.empty((2, effects, widest))
    profile, linear, curvature = np.empty(widest), np.empty(effects), np.empty((effects, effects))
    signs, chances, complements, reaches = np.empty((4, most_rows))
    moves = np.empty((most_rows, effects))
    for g in range(groups):
        first = starts[g]
        rows = starts[g + 1] - first
        scale, spacing, before, counts = scales[g], spacings[g], befores[g], grids[g]
        heads, tail = 1, counts[last]
        for a in range(effects):
            linear[a] = 0.0
            known[0, a] = known[1, a] = np.nan
            if a < last:
                heads *= counts[a]
        outer[0, 0] = outer[1, 0] = 0.0
        nodes = heads * tail
        _lay_out(spacing, before, counts, heads, points)
        # what the rows are at the mode, and how they move from it
        at_mode, at_product, all_bounds, most_trials = log_constant[g], 1.0, 0.0, 0.0
        for r in range(rows):
            i = first + r
            sign = -1.0 if predictor[i] > 0.0 else 1.0
            decay = math.exp(-abs(predictor[i]))
            complement = 1.0 / (1.0 + decay)
            n = trials[i]
            s = successes[i] if sign > 0.0 else n - successes[i]
            at_mode -= s * abs(predictor[i])
            farthest = 0.0
            for a in range(effects):
                move = 0.0
                for b in range(effects):
                    move += random[i, b] * scale[b, a]
                move *= sign
                moves[r, a] = move
                linear[a] += s * move
                farthest += abs(move) * spacing[a] * max(before[a], counts[a] - 1 - before[a])
            signs[r], chances[r], complements[r], reaches[r] = sign, decay * complement, complement, farthest
            most_trials = max(most_trials, n)
            all_bounds += n * max(farthest, LOG_2)
        # the density of the effects about the mode, exp(slope'x - x'curvature x / 2) up to a constant
        exponent = all_bounds
        for a in range(effects):
            for b in range(effects):
                curvature[a, b] = 0.0
                for c in range(effects):
                    for d in range(effects):
                        curvature[a, b] += scale[c, a] * precision[c, d] * scale[d, b]
                        if a == 0 and b == 0:
                            at_mode -= 0.5 * modes[g, c] * precision[c, d] * modes[g, d]
                for c in range(effects):
                    linear[a] -= scale[c, a] * precision[c, b] * modes[g, b]
            ends_at = spacing[a] * max(before[a], counts[a] - 1 - before[a])
            exponent += abs(linear[a]) * ends_at + 0.5 * curvature[a, a] * ends_at * ends_at
        together = exponent <= LARGEST_LOG_PRODUCT and most_trials <= LARGEST_REPEATED
        for q in range(nodes):
            product[q] = 1.0
        if together:
            _fill_normal(linear, curvature, points, spacing, heads, tail, weight)
        else:
            for q in range(nodes):
                log_f[q] = 0.0
            for a in range(effects):
                for q in range(nodes):
                    log_f[q] += linear[a] * points[a, q]
                for b in range(effects):
                    for q in range(nodes):
                        log_f[q] -= 0.5 * curvature[a, b] * points[a, q] * points[b, q]
        waiting = 0.0
        for r in range(rows):
            n, p, complement, farthest = trials[first + r], chances[r], complements[r], reaches[r]
            bound = n * max(farthest, LOG_2)
            steep = farthest > steepest
            # rows of a group often share their columns of the random effects, up to the sign
            side = 1 if moves[r, 0] < 0.0 else 0
            same = True
            for a in range(effects):
                same &= known[side, a] == moves[r, a]
            if steep:
                _fill_steep(r, moves, spacing, before, counts, p, term)
            elif not same:
                _grow(r, side, moves, spacing, before, counts, known, tables, outer)
            if bound <= LARGEST_LOG_PRODUCT and waiting + bound > LARGEST_LOG_PRODUCT:
                at_mode += math.log(at_product)
                at_product, waiting = 1.0, 0.0
                for q in range(nodes):
                    log_f[q] -= math.log(product[q])
                    product[q] = 1.0
            if n == 1.0 and bound <= LARGEST_LOG_PRODUCT and not steep:
                waiting += bound
                at_product *= complement
                for h in range(heads):
                    level, slope = 1.0 + p * outer[side, h], p * (1.0 + outer[side, h])
                    for j in range(tail):
                        product[h * tail + j] *= level + slope * tables[side, last, j]
                continue
            if not steep:
                for h in range(heads):
                    level, slope = p * outer[side, h], p * (1.0 + outer[side, h])
                    for j in range(tail):
                        term[h * tail + j] = level + slope * tables[side, last, j]
            if n > LARGEST_REPEATED or bound > LARGEST_LOG_PRODUCT:
                at_mode += n * math.log(complement)
                for q in range(nodes):
                    log_f[q] -= n * math.log1p(term[q])
                continue
            waiting += bound
            at_product *= complement**n
            left = int(n)
            for q in range(nodes):
                term[q] += 1.0
            while left:
                if left & 1:
                    for q in range(nodes):
                        product[q] *= term[q]
                left >>= 1
                if left:
                    for q in range(nodes):
                        term[q] *= term[q]
        at_mode += math.log(at_product)
        top, total = 0.0, 0.0
        if together:
            for q in range(nodes):
                weight[q] /= product[q]
                total += weight[q]
        else:
            top = -np.inf
            for q in range(nodes):
                log_f[q] -= math.log(product[q])
                top = max(top, log_f[q])
            for q in range(nodes):
                weight[q] = math.exp(log_f[q] - top)
                total += weight[q]
        values[g] = at_mode + top + math.log(total)
        for q in range(nodes):
            weight[q] /= total
        _look_back(weight, counts, heads, ends[g], imbalance[g], profile)
        if not scored:
            continue
        for a in range(effects):
            for q in range(nodes):
                u[a, q] = modes[g, a]
            for b in range(effects):
                for q in range(nodes):
                    u[a, q] += scale[a, b] * points[b, q]
        for c in range(k):
            for q in range(nodes):
                score[c, q] = 0.0
        for r in range(rows):
            i = first + r
            sign, complement, n, p = signs[r], complements[r], trials[i], chances[r]
            s = successes[i] if sign > 0.0 else n - successes[i]
            # from here on, the term of a node is by how much the probability of a failure falls from the mode to it
            if reaches[r] > steepest:
                _fill_steep(r, moves, spacing, before, counts, p, term)
                for q in range(nodes):
                    term[q] = complement * (term[q] / (1.0 + term[q]))
            else:
                side = 1 if moves[r, 0] < 0.0 else 0
                same = True
                for a in range(effects):
                    same &= known[side, a] == moves[r, a]
                if not same:
                    _grow(r, side, moves, spacing, before, counts, known, tables, outer)
                for h in range(heads):
                    level, slope = p * outer[side, h], p * (1.0 + outer[side, h])
                    for j in range(tail):
                        grown = level + slope * tables[side, last, j]
                        term[h * tail + j] = complement * grown / (1.0 + grown)
            mean, square = 0.0, 0.0
            for q in range(nodes):
                mean += weight[q] * term[q]
                square += weight[q] * term[q] * term[q]
            variance = multiplicity[g] * n * (complement * p + (2.0 * complement - 1.0) * mean - square)
            residual = sign * (s - n * (p + mean))
            for c in range(k):
                scores[g, c] += fixed[i, c] * residual
                slope = -sign * n * fixed[i, c]
                for q in range(nodes):
                    score[c, q] += slope * term[q]
                for d in range(c + 1):
                    information[c, d] += variance * fixed[i, c] * fixed[i, d]
        for m in range(len(matrices)):
            for q in range(nodes):
                score[k + m, q] = constants[m]
            for a in range(effects):
                for b in range(effects):
                    entry = matrices[m, a, b]
                    if entry != 0.0:
                        for q in range(nodes):
                            score[k + m, q] += entry * u[a, q] * u[b, q]
        for a in range(effects):
            for b in range(a + 1):
                value = 0.0
                for q in range(nodes):
                    value += weight[q] * u[a, q] * u[b, q]
                moments[a, b] += multiplicity[g] * value
        for c in range(size):
            mean = 0.0
            for q in range(nodes):
                mean += weight[q] * score[c, q]
            if c >= k:
                scores[g, c] = mean
            for q in range(nodes):
                score[c, q] -= mean
                term[q] = weight[q] * score[c, q]
            for d in range(c + 1):
                value = 0.0
                for q in range(nodes):
                    value += term[q] * score[d, q]
                information[c, d] -= multiplicity[g] * value
    for c in range(size):
        for d in range(c):
            information[d, c] = information[c, d]
    for a in range(effects):
        for b in range(a):
            moments[b, a] = moments[a, b]
    return values, ends, imbalance, scores, information, moments
