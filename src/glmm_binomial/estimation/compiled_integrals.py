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

LANES = 16
"""Of which a multiple of nodes is worked on, so that no loop over them ends outside a vector."""

ROOM = 131_072
"""Numbers that are kept of the rows of a group from the first pass over them to the second."""

SMALLEST = 1e-300
LOG_2 = math.log(2.0)


@inner
def _tabulate(move, spacing, before, count, rule, table):
    """E^d - 1 along one axis of the grid, for a row that moves so far by a conditional standard deviation."""
    for j in range(len(rule)):
        table[j] = math.expm1(move * rule[j])
    if not len(rule):
        up = math.expm1(move * spacing)
        down = -up / (1.0 + up)
        table[before] = 0.0
        # four chains in place of one, which run along a vector
        up_four, down_four = up, down
        for j in range(before + 1, min(before + 4, count)):
            table[j] = up_four
            up_four += up * (1.0 + up_four)
        for j in range(before - 1, max(before - 4, -1), -1):
            table[j] = down_four
            down_four += down * (1.0 + down_four)
        for j in range(before + 4, count):
            table[j] = table[j - 4] + up_four * (1.0 + table[j - 4])
        for j in range(before - 4, -1, -1):
            table[j] = table[j + 4] + down_four * (1.0 + table[j + 4])


@inner
def _grow(row, side, place, moves, heads, spacing, before, counts, rule, known, table, outer, growth):
    """Fill in e^d - 1 of a row at every node; what is known of its last moves but one is that of a row before it."""
    last, length, same = len(spacing) - 1, 1, True
    for a in range(last):
        same &= known[side, a] == moves[row, a]
        known[side, a] = moves[row, a]
    if not same:
        outer[side, 0] = 0.0
    for a in range(0 if same else last):
        count = counts[a]
        _tabulate(moves[row, a], spacing[a], before[a], count, rule, table)
        for h in range(length - 1, -1, -1):
            base = outer[side, h]
            for j in range(count - 1, -1, -1):
                outer[side, h * count + j] = base + (1.0 + base) * table[j]
        length *= count
    known[side, last], tail = moves[row, last], counts[last]
    _tabulate(moves[row, last], spacing[last], before[last], tail, rule, table)
    # two axes, since a sum in the place of an index keeps a loop from running along vectors
    grid = growth[place, : heads * tail].reshape(heads, tail)
    for h in range(heads):
        base, slope = outer[side, h], 1.0 + outer[side, h]
        for j in range(tail):
            grid[h, j] = base + slope * table[j]


@inner
def _fill_steep(row, place, moves, points, nodes, growth):
    """The same for a row whose growth would overflow, or cancel between axes."""
    for q in range(nodes):
        d = 0.0
        for a in range(len(points)):
            d += moves[row, a] * points[a, q]
        growth[place, q] = math.expm1(min(d, LARGEST_EXPONENT))


@inner
def _lay_out(spacing, before, counts, rule, nodes, points):
    """The nodes of a tensor grid, in conditional standard deviations, (K, J)."""
    within = nodes
    for a in range(len(spacing)):
        blocks, q = nodes // within, 0
        within //= counts[a]
        for _ in range(blocks):
            for j in range(counts[a]):
                place = rule[j] if len(rule) else spacing[a] * (j - before[a])
                for _ in range(within):
                    points[a, q] = place
                    q += 1


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
        *(WHOLE_TABLE, WHOLE_TABLE, NUMBERS, NUMBERS, NUMBERS, TABLE, STACK, NUMBERS, NUMBERS, types.boolean),
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
    rule,
    log_weights,
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
    most_rows, most, most_heads, widest = 1, 1, 1, grids.max()
    for g in range(groups):
        nodes = 1
        for a in range(effects):
            most_heads = max(most_heads, nodes)
            nodes *= grids[g, a]
        most, most_rows = max(most, nodes), max(most_rows, starts[g + 1] - starts[g])
    most += LANES
    log_f, weight, product, term = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    points, u, score = np.zeros((effects, most)), np.empty((effects, most)), np.empty((size, most))
    # the last place is for rows for which there is no room, and is filled again
    room = max(min(most_rows, ROOM // most), 2)
    growth, outer = np.empty((room + 1, most)), np.zeros((2, most_heads))
    places, latest = np.empty(most_rows, dtype=np.int64), np.empty(2, dtype=np.int64)
    known, table = np.empty((2, effects)), np.empty(widest)
    profile, linear, reach = np.empty(widest), np.empty(effects), np.empty(effects)
    curvature = np.empty((effects, effects))
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
            reach[a] = rule[-1] if len(rule) else spacing[a] * max(before[a], counts[a] - 1 - before[a])
            if a < last:
                heads *= counts[a]
        nodes = heads * tail
        # nodes of no weight fill up the last vector
        wide = (nodes + LANES - 1) // LANES * LANES
        for q in range(nodes, wide):
            log_f[q], weight[q] = -np.inf, 0.0
        _lay_out(spacing, before, counts, rule, nodes, points)
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
                farthest += abs(move) * reach[a]
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
            exponent += abs(linear[a]) * reach[a] + 0.5 * curvature[a, a] * reach[a] * reach[a]
        together = exponent <= LARGEST_LOG_PRODUCT and most_trials <= LARGEST_REPEATED and not len(rule)
        for q in range(wide):
            product[q] = 1.0
        if together:
            _fill_normal(linear, curvature, points, spacing, heads, tail, weight)
        else:
            for q in range(nodes):
                log_f[q], rest = 0.0, q
                for _ in range(effects if len(rule) else 0):
                    log_f[q] += log_weights[rest % tail]
                    rest //= tail
            for a in range(effects):
                pull = linear[a]
                for q in range(nodes):
                    log_f[q] += pull * points[a, q]
                for b in range(effects):
                    pull = 0.5 * curvature[a, b]
                    for q in range(nodes):
                        log_f[q] -= pull * points[a, q] * points[b, q]
        latest[:], used, waiting = -1, 0, 0.0
        for r in range(rows):
            n, p, complement, farthest = trials[first + r], chances[r], complements[r], reaches[r]
            bound = n * max(farthest, LOG_2)
            steep = farthest > steepest
            # rows of a group often share their columns of the random effects, up to the sign
            side = 1 if moves[r, 0] < 0.0 else 0
            same = latest[side] >= 0 and not steep
            for a in range(effects):
                same &= known[side, a] == moves[r, a]
            places[r] = latest[side] if same else used
            if not same:
                latest[side] = -1 if steep or used == room else used
                if steep:
                    _fill_steep(r, used, moves, points, nodes, growth)
                else:
                    _grow(r, side, used, moves, heads, spacing, before, counts, rule, known, table, outer, growth)
                for q in range(nodes, wide):
                    growth[used, q] = 0.0
                used = min(used + 1, room)
            place = places[r]
            if bound <= LARGEST_LOG_PRODUCT and waiting + bound > LARGEST_LOG_PRODUCT:
                at_mode += math.log(at_product)
                at_product, waiting = 1.0, 0.0
                for q in range(wide):
                    log_f[q] -= math.log(product[q])
                    product[q] = 1.0
            if n == 1.0 and bound <= LARGEST_LOG_PRODUCT:
                waiting += bound
                at_product *= complement
                for q in range(wide):
                    product[q] *= 1.0 + p * growth[place, q]
                continue
            if n > LARGEST_REPEATED or bound > LARGEST_LOG_PRODUCT:
                at_mode += n * math.log(complement)
                for q in range(wide):
                    log_f[q] -= n * math.log1p(p * growth[place, q])
                continue
            waiting += bound
            at_product *= complement**n
            left = int(n)
            for q in range(wide):
                term[q] = 1.0 + p * growth[place, q]
            while left:
                if left & 1:
                    for q in range(wide):
                        product[q] *= term[q]
                left >>= 1
                if left:
                    for q in range(wide):
                        term[q] *= term[q]
        at_mode += math.log(at_product)
        top, total = 0.0, 0.0
        if together:
            for q in range(wide):
                weight[q] /= product[q]
                total += weight[q]
        else:
            top = -np.inf
            for q in range(nodes):
                log_f[q] -= math.log(product[q])
                top = max(top, log_f[q])
            for q in range(wide):
                weight[q] = math.exp(log_f[q] - top)
                total += weight[q]
        values[g] = at_mode + top + math.log(total)
        for q in range(wide):
            weight[q] /= total
        _look_back(weight, counts, heads, ends[g], imbalance[g], profile)
        if not scored:
            continue
        for a in range(effects):
            centre = modes[g, a]
            for q in range(wide):
                u[a, q] = centre
            for b in range(effects):
                width = scale[a, b]
                for q in range(wide):
                    u[a, q] += width * points[b, q]
        for c in range(k):
            for q in range(wide):
                score[c, q] = 0.0
        for r in range(rows):
            i = first + r
            sign, complement, n, p = signs[r], complements[r], trials[i], chances[r]
            s = successes[i] if sign > 0.0 else n - successes[i]
            # from here on, the term of a node is by how much the probability of a failure falls from the mode to it
            steep = reaches[r] > steepest
            place, side = places[r], 1 if moves[r, 0] < 0.0 else 0
            if place == room and steep:
                _fill_steep(r, place, moves, points, nodes, growth)
            elif place == room:
                _grow(r, side, place, moves, heads, spacing, before, counts, rule, known, table, outer, growth)
            for q in range(wide):
                grown = p * growth[place, q]
                term[q] = complement * grown / (1.0 + grown)
            mean, square = 0.0, 0.0
            for q in range(wide):
                mean += weight[q] * term[q]
                square += weight[q] * term[q] * term[q]
            variance = multiplicity[g] * n * (complement * p + (2.0 * complement - 1.0) * mean - square)
            residual = sign * (s - n * (p + mean))
            for c in range(k):
                scores[g, c] += fixed[i, c] * residual
                slope = -sign * n * fixed[i, c]
                for q in range(wide):
                    score[c, q] += slope * term[q]
                for d in range(c + 1):
                    information[c, d] += variance * fixed[i, c] * fixed[i, d]
        for m in range(len(matrices)):
            constant = constants[m]
            for q in range(wide):
                score[k + m, q] = constant
            for a in range(effects):
                for b in range(effects):
                    entry = matrices[m, a, b]
                    if entry != 0.0:
                        for q in range(wide):
                            score[k + m, q] += entry * u[a, q] * u[b, q]
        for a in range(effects):
            for b in range(a + 1):
                value = 0.0
                for q in range(wide):
                    value += weight[q] * u[a, q] * u[b, q]
                moments[a, b] += multiplicity[g] * value
        for c in range(size):
            mean = 0.0
            for q in range(wide):
                mean += weight[q] * score[c, q]
            if c >= k:
                scores[g, c] = mean
            for q in range(wide):
                score[c, q] -= mean
                term[q] = weight[q] * score[c, q]
            for d in range(c + 1):
                value = 0.0
                for q in range(wide):
                    value += term[q] * score[d, q]
                information[c, d] -= multiplicity[g] * value
    for c in range(size):
        for d in range(c):
            information[d, c] = information[c, d]
    for a in range(effects):
        for b in range(a):
            moments[b, a] = moments[a, b]
    return values, ends, imbalance, scores, information, moments
