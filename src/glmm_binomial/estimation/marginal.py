"""The marginal likelihood of the coefficients and log SDs: value, score and observed information.

The random effects are integrated out by adaptive Gauss-Hermite quadrature, group by group (Pinheiro & Bates 1995,
Journal of Computational and Graphical Statistics 4(1)). Parameters are theta = (b, log sd); without random effects this
is plain logistic regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from glmm_binomial.estimation.conditional_modes import find_modes
from glmm_binomial.model.quadrature import fill_logistic, hermite_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.conditional_modes import ConditionalModes, Parameters
    from glmm_binomial.model.design import Design

BLOCK_ELEMENTS = 65_536
"""Rows times nodes worked on at once."""

FEWEST_NODES = 8
MOST_NODES = {1: 512, 2: 128}
"""Nodes per dimension after which doubling stops, by the number of random effects."""

NODE_TOLERANCE = 1e-9
"""Doubling the nodes must change a group's log-likelihood by less, relative to its size where that exceeds one."""

LARGE_COUNT = 10_000.0
"""Trials of a group from which rounding of its log-likelihood would cost digits of the information."""

NEAR_MODE = 1.0
"""Distance of a predictor from the mode's up to which their difference is computed as such."""


@dataclass(frozen=True, slots=True)
class MarginalState:
    """The marginal log-likelihood at one point.

    Attributes
    ----------
    parameters : Parameters
    value : float
        log L without the binomial constants.
    group_scores : (G, k + K) array
        Each group's part of the score.
    information : (k + K, k + K) array
        Negative Hessian of log L.
    modes : (G, K) array
        Conditional modes of the random effects.
    """

    parameters: Parameters
    value: float
    group_scores: NDArray[np.float64]
    information: NDArray[np.float64]
    modes: NDArray[np.float64]

    @property
    def score(self) -> NDArray[np.float64]:
        """Gradient of log L, (k + K,)."""
        return np.asarray(self.group_scores.sum(axis=0))


@dataclass(frozen=True, slots=True)
class Part:
    """The groups that share a number of nodes, as a design of their own.

    Attributes
    ----------
    groups : (H,) integer array
        Their positions among all groups.
    nodes : int
        Per dimension.
    settled : bool
        False when more nodes than allowed would be needed.
    fixed, random, successes, trials : arrays with one entry per row of these groups
    starts : (H + 1,) integer array
        First row of each of these groups, and the number of rows.
    """

    groups: NDArray[np.intp]
    nodes: int
    settled: bool
    fixed: NDArray[np.float64]
    random: NDArray[np.float64]
    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    starts: NDArray[np.intp]


def make_part(design: Design, groups: NDArray[np.intp], nodes: int, *, settled: bool = True) -> Part:
    """Select the rows of some groups (positions not decreasing)."""
    bounds = np.append(design.group_starts, len(design.trials))
    sizes = np.diff(bounds)[groups]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    if len(groups) == design.groups:
        rows: NDArray[np.intp] | slice = slice(None)
    else:
        rows = np.repeat(bounds[groups] - starts[:-1], sizes) + np.arange(starts[-1])
    return Part(
        groups=groups,
        nodes=nodes,
        settled=settled,
        fixed=design.fixed[rows],
        random=design.random[rows],
        successes=design.successes[rows],
        trials=design.trials[rows],
        starts=starts,
    )


@lru_cache(maxsize=64)
def _tensor_rule(nodes: int, effects: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes (J, K) and log of weight / normal density, up to its constant, (J,)."""
    rule = hermite_rule(nodes)
    grids = np.meshgrid(*[rule.nodes] * effects, indexing="ij")
    points = np.stack([grid.ravel() for grid in grids], axis=-1) if effects else np.empty((1, 0))
    log_weights = np.zeros(len(points))
    for effect in range(effects):
        log_weights += np.log(np.meshgrid(*[rule.weights] * effects, indexing="ij")[effect].ravel())
    log_weights += 0.5 * (points**2).sum(axis=1)
    points.setflags(write=False)
    log_weights.setflags(write=False)
    return points, log_weights


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive groups of a part, evaluated at all nodes (H groups, r rows, J nodes).

    Attributes
    ----------
    groups : slice
        Within the part.
    rows : slice
        Within the part.
    group_of_row : (r,) integer array
        From zero within the block.
    effects : (H, J, K) array
        Values of the random effects at the nodes.
    probabilities : (r, J) array
    log_integrand : (H, J) array
        Its log-sum-exp over the nodes, added to `at_modes`, is the groups' log-likelihood.
    at_modes : (H,) array
        Log-likelihoods of the groups' rows at the modes, or zero where the integrand is not relative to them.
    """

    groups: slice
    rows: slice
    group_of_row: NDArray[np.intp]
    effects: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    log_integrand: NDArray[np.float64]
    at_modes: NDArray[np.float64]

    @property
    def relative_values(self) -> NDArray[np.float64]:
        """The groups' log-likelihoods without `at_modes`, (H,)."""
        top = self.log_integrand.max(axis=1, keepdims=True)
        return np.asarray(top[:, 0] + np.log(np.exp(self.log_integrand - top).sum(axis=1)))


def _blocks(part: Part, parameters: Parameters, found: ConditionalModes) -> Iterator[_Block]:
    points, log_weights = _tensor_rule(part.nodes, part.random.shape[1])
    offset = part.fixed @ parameters.coefficients
    precision = np.exp(-2.0 * parameters.log_sds)
    diagonal = np.arange(part.random.shape[1])
    log_scale = np.log(found.scales[part.groups][:, diagonal, diagonal]).sum(axis=1) - parameters.log_sds.sum()
    most = max(BLOCK_ELEMENTS // len(points), 1) * 2
    workspace = np.empty((3, min(most, len(part.trials)), len(points)))
    kept = np.empty((min(most, len(part.trials)), len(points)))
    at_mode, at_modes = _predictors_at_modes(part, offset, found), np.zeros(len(part.groups))
    if at_mode is not None:
        likelihoods = part.successes * at_mode - part.trials * np.logaddexp(0.0, at_mode)
        at_modes = np.add.reduceat(likelihoods, part.starts[:-1])
    first = 0
    while first < len(part.groups):
        room = part.starts[first] + max(BLOCK_ELEMENTS // len(points), 1)
        last = max(first + 1, int(np.searchsorted(part.starts, room, side="right")) - 1)
        groups, rows = slice(first, last), slice(int(part.starts[first]), int(part.starts[last]))
        members = part.groups[groups]
        effects = found.modes[members][:, None, :] + points @ found.scales[members].transpose(0, 2, 1)
        log_integrand = log_weights - 0.5 * effects**2 @ precision + log_scale[groups, None]
        group_of_row = np.repeat(np.arange(last - first), np.diff(part.starts[first : last + 1]))
        if len(kept) < rows.stop - rows.start:
            kept = np.empty((rows.stop - rows.start, len(points)))
        # valid until the next block
        probabilities = kept[: rows.stop - rows.start]
        # one group may have any number of rows: its rows pass in pieces of bounded size
        for start in range(rows.start, rows.stop, most):
            piece = slice(start, min(start + most, rows.stop))
            local = slice(piece.start - rows.start, piece.stop - rows.start)
            index = group_of_row[local]
            eta, softplus, spare = workspace[:, : piece.stop - piece.start]
            eta[:] = offset[piece, None]
            for effect in range(part.random.shape[1]):
                np.take(effects[:, :, effect], index, axis=0, out=spare, mode="clip")
                spare *= part.random[piece, effect, None]
                eta += spare
            _fill_softplus(eta, softplus, probabilities[local], spare)
            if at_mode is not None:
                _subtract_modes(eta, softplus, at_mode[piece])
            eta *= part.successes[piece, None]
            softplus *= part.trials[piece, None]
            eta -= softplus
            new = np.flatnonzero(np.diff(index, prepend=-1))
            log_integrand[index[new]] += np.add.reduceat(eta, new, axis=0)
        yield _Block(
            groups=groups,
            rows=rows,
            group_of_row=group_of_row,
            effects=effects,
            probabilities=probabilities,
            log_integrand=log_integrand,
            at_modes=at_modes[groups],
        )
        first = last


def _predictors_at_modes(
    part: Part, offset: NDArray[np.float64], found: ConditionalModes
) -> NDArray[np.float64] | None:
    """Linear predictors of the rows at their groups' modes, (n,), when counts are so large that they are needed."""
    if np.add.reduceat(part.trials, part.starts[:-1]).max() <= LARGE_COUNT:
        return None
    modes = np.repeat(found.modes[part.groups], np.diff(part.starts), axis=0)
    return np.asarray(offset + (part.random * modes).sum(axis=1))


def _fill_softplus(
    eta: NDArray[np.float64],
    softplus: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    spare: NDArray[np.float64],
) -> None:
    """Fill in log(1 + e^eta) and 1 / (1 + e^-eta) by one exponential and one logarithm; all arrays are (r, J)."""
    fill_logistic(eta, decay=softplus, reciprocal=spare, contrast=softplus)
    np.multiply(softplus, 0.5, out=probabilities)
    probabilities += 0.5
    np.maximum(eta, 0.0, out=softplus)
    np.log(spare, out=spare)
    softplus -= spare


def _subtract_modes(eta: NDArray[np.float64], softplus: NDArray[np.float64], at_mode: NDArray[np.float64]) -> None:
    """Make predictors (r, J) and their log(1 + e^eta) differences from the modes (r,), in place.

    Near a mode, log(1 + e^(m + d)) - log(1 + e^m) is log1p(p expm1(d)) with p the probability at m, which keeps the
    digits that a difference loses.
    """
    eta -= at_mode[:, None]
    softplus -= np.logaddexp(0.0, at_mode)[:, None]
    rows, nodes = np.nonzero(np.abs(eta) < NEAR_MODE)
    change = eta[rows, nodes]
    softplus[rows, nodes] = np.log1p(expit(at_mode)[rows] * np.expm1(change))


def choose_nodes(design: Design, parameters: Parameters, start: NDArray[np.float64]) -> tuple[Part, ...]:
    """Double each group's nodes until its log-likelihood stands still; groups with as many nodes make a part.

    Parameters
    ----------
    design : Design
    parameters : Parameters
        Where the likelihood is looked at.
    start : (G, K) array
        Where the search for the conditional modes starts.
    """
    effects = design.random.shape[1]
    every = np.arange(design.groups)
    if not effects:
        return (make_part(design, every, 1),)
    found = find_modes(design, parameters, start)
    pending, nodes = every, FEWEST_NODES
    coarse = _group_values(make_part(design, pending, nodes), parameters, found)
    parts: list[Part] = []
    while len(pending):
        nodes *= 2
        part = make_part(design, pending, nodes)
        fine = _group_values(part, parameters, found)
        settled = np.abs(fine - coarse) <= NODE_TOLERANCE * np.maximum(1.0, np.abs(fine))
        if settled.all():
            parts.append(part)
        elif settled.any():
            parts.append(make_part(design, pending[settled], nodes))
        pending, coarse = pending[~settled], fine[~settled]
        if len(pending) and nodes >= MOST_NODES[effects]:
            parts.append(make_part(design, pending, nodes, settled=False))
            break
    return tuple(parts)


def _group_values(part: Part, parameters: Parameters, found: ConditionalModes) -> NDArray[np.float64]:
    # without what rows of large counts add at any node, against which no change would show
    return np.concatenate([block.relative_values for block in _blocks(part, parameters, found)])


def evaluate_marginal(
    design: Design, parameters: Parameters, *, parts: tuple[Part, ...], start: NDArray[np.float64]
) -> MarginalState:
    """Log L with its score and observed information.

    The score is the conditional mean of the complete-data score, and the information follows from Louis' identity
    (Louis 1982, JRSS B 44(2), equation 3.1): E(complete information) - Var(complete score), both given the data.

    Parameters
    ----------
    design : Design
    parameters : Parameters
    parts : tuple of Part
        From `choose_nodes`.
    start : (G, K) array
        Where the search for the conditional modes starts.
    """
    found = find_modes(design, parameters, start)
    size = len(parameters.vector)
    information = np.zeros((size, size))
    group_scores = np.empty((design.groups, size))
    value = 0.0
    for part in parts:
        for block in _blocks(part, parameters, found):
            relative = block.relative_values
            value += float((relative + block.at_modes).sum())
            weights = np.exp(block.log_integrand - relative[:, None])
            scores = _complete_scores(part, block, parameters)
            mean = np.matmul(weights[:, None, :], scores)[:, 0]
            group_scores[part.groups[block.groups]] = mean
            scores -= mean[:, None, :]
            scores *= np.sqrt(weights)[:, :, None]
            flat = scores.reshape(-1, size)
            information -= flat.T @ flat
            _add_complete_information(information, part, block, weights, parameters)
    return MarginalState(
        parameters=parameters,
        value=value,
        group_scores=group_scores,
        information=0.5 * (information + information.T),
        modes=found.modes,
    )


def _complete_scores(part: Part, block: _Block, parameters: Parameters) -> NDArray[np.float64]:
    """Derivative by theta of each group's complete-data log density at each node, (H, J, k + K)."""
    k = len(parameters.coefficients)
    starts = part.starts[block.groups] - block.rows.start
    residual = part.trials[block.rows, None] * block.probabilities
    np.subtract(part.successes[block.rows, None], residual, out=residual)
    scores = np.empty((*block.log_integrand.shape, k + len(parameters.log_sds)))
    product = np.empty_like(residual)
    for column in range(k):
        np.multiply(residual, part.fixed[block.rows, column, None], out=product)
        scores[:, :, column] = np.add.reduceat(product, starts, axis=0)
    scores[:, :, k:] = block.effects**2 * np.exp(-2.0 * parameters.log_sds) - 1.0
    return scores


def _add_complete_information(
    information: NDArray[np.float64],
    part: Part,
    block: _Block,
    weights: NDArray[np.float64],
    parameters: Parameters,
) -> None:
    k = len(parameters.coefficients)
    variance = block.probabilities * (1.0 - block.probabilities)
    expected = part.trials[block.rows] * np.einsum("ij,ij->i", weights[block.group_of_row], variance)
    fixed = part.fixed[block.rows]
    information[:k, :k] += fixed.T @ (fixed * expected[:, None])
    squares = np.einsum("gj,gjk->k", weights, block.effects**2) * np.exp(-2.0 * parameters.log_sds)
    information[np.arange(k, k + len(squares)), np.arange(k, k + len(squares))] += 2.0 * squares
