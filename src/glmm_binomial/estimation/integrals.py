"""The integral over each group's random effects by a product rule, with its derivatives, in numpy or compiled.

Row i of a group has the predictor m_i at the group's mode and m_i + d_ij at node j. With the outcome of rows whose
m_i > 0 taken the other way round, p_i = 1 / (1 + e^-m_i) is at most one half, and

    log density at node j - log density at the mode = s_i d_ij - n_i log(1 + p_i (e^d_ij - 1)),

in which nothing cancels. d_ij is linear in the node, so that its part is summed before it meets the nodes; e^d_ij
factors over the axes of the grid; and the logarithm is taken of products of many rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.loops import compiled_loops
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.logistic import LARGEST_EXPONENT, logistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.conditional_modes import ConditionalModes
    from glmm_binomial.estimation.nodes import Nodes
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.logistic import Logistic
    from glmm_binomial.model.rows import Rows

BLOCK_ELEMENTS = 131_072
"""Rows times nodes worked on at once."""

SMALL_WHOLE = 2 * BLOCK_ELEMENTS
"""Elements of all groups together, each filled up to the largest, up to which they make one block."""

KINDS_PER_DOUBLING = 6.0
"""Numbers of rows, or of nodes, that differ by less than this share of a doubling make groups alike."""

LARGEST_LOG_PRODUCT = 600.0
"""Of terms that are multiplied before the logarithm is taken; beyond 709 a product overflows."""

LARGEST_COMPOSED = 30.0
"""Logits over which a row may move for e^d - 1 to be composed of factors along several axes; where larger moves along
them cancel, so do all digits."""

LARGE_TRIALS = 64.0
"""Trials of a row from which the logarithm of its term keeps the digits that the term itself would lose."""


@dataclass(frozen=True, slots=True)
class Integrals:
    """What the nodes say of G groups, k coefficients, K effects and the C parameters of their covariance.

    Attributes
    ----------
    values : (G,) array
        Log-likelihoods.
    ends : (G, K, 4) array
        Largest log integrand in the first, second, last but one and last slice of the grid along each axis, relative
        to the largest of all.
    imbalance : (G, K) array
        Difference between the sums over every second slice and the others, as a share of the whole.
    scores : (G, k + C) array
        Derivatives of the values; empty unless asked for.
    information : (k + C, k + C) array
        Sum over the groups of the negative second derivatives, without the curvature of the density of the effects.
    second_moments : (K, K) array
        Sum over the groups of E uu' given the data, of which that curvature is made.
    """

    values: NDArray[np.float64]
    ends: NDArray[np.float64]
    imbalance: NDArray[np.float64]
    scores: NDArray[np.float64]
    information: NDArray[np.float64]
    second_moments: NDArray[np.float64]


def integrate(
    rows: Rows,
    parameters: Parameters,
    found: ConditionalModes,
    nodes: Nodes,
    *,
    multiplicity: NDArray[np.float64],
    scored: bool,
) -> Integrals:
    """Integrate over the random effects of every group.

    Parameters
    ----------
    rows : Rows
        With at least one random effect.
    parameters : Parameters
    found : ConditionalModes
        Near the modes at the parameters; where they are exactly does not change the integrals.
    nodes : Nodes
    multiplicity : (G,) array
        How many groups each one stands for in the information and the second moments.
    scored : bool
        False leaves out derivatives.
    """
    stop_if_requested()
    effects = parameters.effects
    predictor = rows.predictor(parameters.coefficients, found.modes)
    diagonal = np.arange(effects.count)
    # the volume of a cell of the grid, and the constants of the normal density, of which a rule holds one
    log_constant = np.log(np.abs(found.scales[:, diagonal, diagonal]) * nodes.spacing).sum(axis=1)
    log_constant -= effects.half_log_determinant
    if nodes.rule is None:
        log_constant -= 0.5 * effects.count * np.log(2.0 * np.pi)
    loops = compiled_loops()
    if loops is None:
        return _integrate_by_blocks(
            rows, parameters, found, nodes, predictor, log_constant, multiplicity, scored=scored
        )
    return Integrals(
        *loops.integrate(
            rows.grouping.bounds,
            rows.successes,
            rows.trials,
            np.ascontiguousarray(rows.fixed),
            np.ascontiguousarray(rows.random),
            predictor,
            found.modes,
            found.scales,
            nodes.spacing,
            nodes.before,
            nodes.counts,
            np.empty(0) if nodes.rule is None else nodes.rule.nodes,
            np.empty(0) if nodes.rule is None else nodes.rule.log_weights,
            log_constant,
            effects.precision,
            effects.score_matrices,
            effects.score_constants,
            multiplicity,
            scored,
        )
    )


def _integrate_by_blocks(
    rows: Rows,
    parameters: Parameters,
    found: ConditionalModes,
    nodes: Nodes,
    predictor: NDArray[np.float64],
    log_constant: NDArray[np.float64],
    multiplicity: NDArray[np.float64],
    *,
    scored: bool,
) -> Integrals:
    groups, effects = found.modes.shape
    k, covariance = len(parameters.coefficients), parameters.effects
    size = len(parameters.vector)
    at_mode = logistic(predictor)
    values, ends = np.empty(groups), np.empty((groups, effects, 4))
    imbalance, scores = np.empty((groups, effects)), np.empty((groups if scored else 0, size))
    information, moments = np.zeros((size, size)), np.zeros((effects, effects))
    for members in _blocks_of_groups(rows.grouping.sizes, nodes.counts):
        stop_if_requested()
        block = _lay_out(rows, at_mode, found, nodes, members)
        u = found.modes[members][:, None, :] + block.points @ found.scales[members].transpose(0, 2, 1)
        linear = np.matmul(block.successes[:, None, :], block.moves)
        log_f = log_constant[members, None] + block.log_weights - 0.5 * covariance.quadratic_form(u)
        log_f += np.matmul(linear, block.points.transpose(0, 2, 1))[:, 0]
        terms = np.empty(0)
        for piece in block.pieces:
            terms = _terms(block, piece)
            log_f -= _log_terms(block, piece, terms)
        log_f[~block.real] = -np.inf
        top = log_f.max(axis=1)
        log_f -= top[:, None]
        weights = np.exp(log_f)
        totals = weights.sum(axis=1)
        weights /= totals[:, None]
        values[members] = block.at_mode + top + np.log(totals)
        ends[members], imbalance[members] = _look_back(log_f, weights, block)
        if not scored:
            continue
        count = multiplicity[members, None]
        score = np.concatenate(
            [np.zeros((len(members), k, weights.shape[1])), covariance.scores(u).transpose(0, 2, 1)], axis=1
        )
        for piece in block.pieces:
            fall = terms if len(block.pieces) == 1 else _terms(block, piece)
            information[:k, :k] += _add_rows(block, piece, rows.fixed, fall, weights, score=score, count=count)
        scores[members] = np.matmul(score, weights[:, :, None])[:, :, 0]
        score -= scores[members][:, :, None]
        weights *= count
        score *= np.sqrt(weights)[:, None, :]
        information -= np.tensordot(score, score, axes=([0, 2], [0, 2]))
        moments += np.tensordot(u * weights[:, :, None], u, axes=([0, 1], [0, 1]))
    return Integrals(
        values=values,
        ends=ends,
        imbalance=imbalance,
        scores=scores,
        information=information,
        second_moments=moments,
    )


def _add_rows(
    block: _Block,
    piece: slice,
    columns: NDArray[np.float64],
    terms: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    score: NDArray[np.float64],
    count: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Add some rows' part to the scores of the coefficients at the nodes, (H, k + C, J), and return their information.

    The terms are used up: they become by how much the probability of a failure falls from the mode to each node.
    """
    fixed, trials, sign = columns[block.rows[:, piece]], block.trials[:, piece], block.sign[:, piece]
    failing, probability = block.complement[:, piece], block.probability[:, piece]
    k = fixed.shape[2]
    fall = terms
    fall /= 1.0 + terms
    fall *= failing[:, :, None]
    slopes = fixed * (trials * sign)[:, :, None]
    at_mode = fixed * (sign * (block.successes[:, piece] - trials * probability))[:, :, None]
    score[:, :k] -= np.matmul(slopes.transpose(0, 2, 1), fall)
    score[:, :k] += at_mode.sum(axis=1)[:, :, None]
    expected = np.matmul(fall, weights[:, :, None])[:, :, 0]
    np.square(fall, out=fall)
    squared = np.matmul(fall, weights[:, :, None])[:, :, 0]
    variance = failing * probability + (2.0 * failing - 1.0) * expected - squared
    variance *= count * trials
    flat = fixed.reshape(-1, k)
    return np.asarray(flat.T @ (flat * variance.reshape(-1, 1)))


def _blocks_of_groups(sizes: NDArray[np.intp], counts: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Groups alike in their numbers of rows and nodes, as many at a time as make a block."""
    nodes = counts.prod(axis=1)
    if len(sizes) * int(sizes.max()) * int(nodes.max()) <= SMALL_WHOLE:
        yield np.arange(len(sizes))
        return
    kind = 1_000 * (KINDS_PER_DOUBLING * np.log2(nodes)).astype(np.intp)
    kind += (KINDS_PER_DOUBLING * np.log2(sizes)).astype(np.intp)
    order = np.argsort(kind, kind="stable")
    for alike in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
        most = max(BLOCK_ELEMENTS // (int(sizes[alike].max()) * int(nodes[alike].max())), 1)
        for start in range(0, len(alike), most):
            yield alike[start : start + most]


@dataclass(frozen=True, slots=True)
class _Block:
    """H groups of up to m rows on grids of J nodes; shorter groups are filled up with rows of no trials.

    The outcome of rows whose success is the likelier one at the mode is taken the other way round.

    Attributes
    ----------
    rows : (H, m) integer array
    sign : (H, m) array
        -1 for rows whose outcome is turned, else 1.
    successes, trials : (H, m) arrays
    probability, complement : (H, m) arrays
        Of a success at the mode, and one minus it.
    moves : (H, m, K) array
        Of the predictor, by one conditional standard deviation along each axis.
    farthest : (H, m) array
        Up to which the predictor moves over the grid.
    axes : K arrays (H, J_k)
        The nodes along each axis, in conditional standard deviations.
    counts : (H, K) integer array
        How many of them each group has; the others only fill up the block.
    points : (H, J, K) array
        All nodes.
    log_weights : (J,) array
        Of a rule for integrals over these coordinates.
    real : (H, J) boolean array
        Which of them a group has.
    at_mode : (H,) array
        Log densities of the groups' rows at the modes.
    pieces : list of slice
        Rows worked on at once, since one group may have any number.
    """

    rows: NDArray[np.intp]
    sign: NDArray[np.float64]
    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    probability: NDArray[np.float64]
    complement: NDArray[np.float64]
    moves: NDArray[np.float64]
    farthest: NDArray[np.float64]
    axes: list[NDArray[np.float64]]
    counts: NDArray[np.int64]
    points: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    real: NDArray[np.bool_]
    at_mode: NDArray[np.float64]
    pieces: list[slice]


def _lay_out(rows: Rows, at_mode: Logistic, found: ConditionalModes, nodes: Nodes, members: NDArray[np.intp]) -> _Block:
    grouping = rows.grouping
    counts, spacing, before = nodes.counts[members], nodes.spacing[members], nodes.before[members]
    axes, points = [], np.empty((len(members), 1, 0))
    real_nodes, log_weights = np.ones((len(members), 1), dtype=bool), np.zeros(1)
    for axis, count in enumerate(counts.max(axis=0)):
        places = np.arange(count)
        if nodes.rule is None:
            axes.append(spacing[:, [axis]] * (places - before[:, [axis]]))
            along = np.zeros(count)
        else:
            axes.append(np.broadcast_to(nodes.rule.nodes, (len(members), count)))
            along = nodes.rule.log_weights
        log_weights = (log_weights[:, None] + along).ravel()
        heads, has = points.shape[1], places < counts[:, [axis]]
        points = np.concatenate([np.repeat(points, count, axis=1), np.tile(axes[-1], heads)[:, :, None]], axis=2)
        real_nodes = np.repeat(real_nodes, count, axis=1) & np.tile(has, heads)
    sizes = grouping.sizes[members]
    within, longest = np.arange(sizes.max()), sizes[:, None] - 1
    chosen = grouping.starts[members][:, None] + np.minimum(within, longest)
    real = within <= longest
    trials, successes = rows.trials[chosen] * real, rows.successes[chosen] * real
    eta, decay, reciprocal = at_mode.eta[chosen], at_mode.decay[chosen], at_mode.reciprocal[chosen]
    turned = eta > 0.0
    successes = np.where(turned, trials - successes, successes)
    sign = np.where(turned, -1.0, 1.0)
    moves = np.matmul(rows.random[chosen], found.scales[members]) * (sign * real)[:, :, None]
    ends = np.stack([np.abs(axis).max(axis=1) for axis in axes], axis=1)
    room = max(2 * BLOCK_ELEMENTS // points[:, :, 0].size, 1)
    return _Block(
        rows=chosen,
        sign=sign,
        successes=successes,
        trials=trials,
        probability=decay * reciprocal * real,
        complement=reciprocal,
        moves=moves,
        farthest=np.matmul(np.abs(moves), ends[:, :, None])[:, :, 0],
        axes=axes,
        counts=counts,
        points=points,
        log_weights=log_weights,
        real=real_nodes,
        at_mode=(trials * np.log(reciprocal) - successes * np.abs(eta)).sum(axis=1),
        pieces=[slice(start, start + room) for start in range(0, len(within), room)],
    )


def _terms(block: _Block, piece: slice) -> NDArray[np.float64]:
    """p_i (e^d_ij - 1) at all nodes, (H, m, J), for some of the rows."""
    moves, probability = block.moves[:, piece], block.probability[:, piece]
    steep = block.farthest[:, piece] > (LARGEST_LOG_PRODUCT if len(block.axes) == 1 else LARGEST_COMPOSED)
    if steep.any():
        moves = np.where(steep[:, :, None], 0.0, moves)
    growth = _growth_along(moves[:, :, 0], block.axes[0])
    for axis, nodes in enumerate(block.axes[1:], start=1):
        along = _growth_along(moves[:, :, axis], nodes)
        growth = growth[:, :, :, None] + (1.0 + growth)[:, :, :, None] * along[:, :, None, :]
        growth = growth.reshape(*along.shape[:2], -1)
    growth *= probability[:, :, None]
    if steep.any():
        for group in np.flatnonzero(steep.any(axis=1)):
            rows = steep[group]
            predictor = block.moves[group, piece][rows] @ block.points[group].T
            growth[group, rows] = probability[group, rows, None] * np.expm1(np.minimum(predictor, LARGEST_EXPONENT))
    return growth


def _growth_along(moves: NDArray[np.float64], nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """e^d - 1 at the nodes of one axis (H, J_k) for rows that move by (H, m), (H, m, J_k)."""
    size = np.abs(moves)
    of_group = size.max(axis=1)
    if ((size != of_group[:, None]) & (size != 0.0)).any():
        return np.asarray(np.expm1(moves[:, :, None] * nodes[:, None, :]))
    # rows of a group often share a column of the random effects, up to the sign
    steps = of_group[:, None] * nodes
    tables = np.expm1(np.stack([-steps, np.zeros_like(steps), steps], axis=1)).reshape(-1, nodes.shape[1])
    return np.asarray(tables[3 * np.arange(len(nodes))[:, None] + 1 + np.sign(moves).astype(np.intp)])


def _log_terms(block: _Block, piece: slice, terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of n_i log(1 + terms) over the rows of a piece, (H, J)."""
    trials = block.trials[:, piece]
    most = float(trials.max())
    together = int(LARGEST_LOG_PRODUCT / max(float(block.farthest[:, piece].max()), 1.0))
    if most == 1.0 and together > 1:
        starts = np.arange(0, trials.shape[1], together)
        return np.asarray(np.log(np.multiply.reduceat(1.0 + terms, starts, axis=1)).sum(axis=1))
    logs = np.log1p(terms) if most > LARGE_TRIALS else np.log(1.0 + terms)
    return np.asarray(np.matmul(trials[:, None, :], logs)[:, 0])


def _look_back(
    log_f: NDArray[np.float64], weights: NDArray[np.float64], block: _Block
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far the integrand has fallen at both ends of each axis, and what every second node alone would say."""
    shape = (len(log_f), *(axis.shape[1] for axis in block.axes))
    ends, imbalance = np.empty((len(log_f), len(block.axes), 4)), np.empty((len(log_f), len(block.axes)))
    for axis in range(len(block.axes)):
        others = tuple(other for other in range(1, len(shape)) if other != axis + 1)
        last = block.counts[:, axis] - 1
        places = np.stack([np.zeros_like(last), np.ones_like(last), last - 1, last], axis=1)
        ends[:, axis] = np.take_along_axis(log_f.reshape(shape).max(axis=others), places, axis=1)
        slices = weights.reshape(shape).sum(axis=others)
        imbalance[:, axis] = np.abs(slices[:, ::2].sum(axis=1) - slices[:, 1::2].sum(axis=1))
    return ends, imbalance
