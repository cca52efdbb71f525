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

from glmm_binomial.model.grouping import Grouping, sums_of_runs
from glmm_binomial.model.logistic import fill_softplus, logistic, subtract_point
from glmm_binomial.model.quadrature import hermite_rule
from glmm_binomial.model.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.conditional_modes import ConditionalModes
    from glmm_binomial.model.effects import Parameters

BLOCK_ELEMENTS = 65_536
"""Rows times nodes worked on at once."""

FEWEST_NODES = 8
MOST_NODES = {1: 512, 2: 128}
"""Nodes per dimension after which doubling stops, by the number of random effects."""

NODE_TOLERANCE = 1e-9
"""Doubling the nodes must change a group's log-likelihood by less, relative to its size where that exceeds one."""

LARGE_COUNT = 10_000.0
"""Trials of a group from which rounding of its log-likelihood would cost digits of the information."""


@dataclass(frozen=True, slots=True)
class MarginalState:
    """The marginal log-likelihood at one point.

    Attributes
    ----------
    parameters : Parameters
    value : float
        log L without the binomial constants.
    group_scores : (G, k + K) array
        Each group's part of the score, or that of all the groups it stands for.
    information : (k + K, k + K) array
        Negative Hessian of log L.
    found : ConditionalModes
        Of the random effects.
    """

    parameters: Parameters
    value: float
    group_scores: NDArray[np.float64]
    information: NDArray[np.float64]
    found: ConditionalModes

    @property
    def score(self) -> NDArray[np.float64]:
        """Gradient of log L, (k + K,)."""
        return np.asarray(self.group_scores.sum(axis=0))


@dataclass(frozen=True, slots=True)
class Part:
    """The groups that share a number of nodes.

    Attributes
    ----------
    groups : (H,) integer array
        Their positions among all groups.
    nodes : int
        Per dimension.
    settled : bool
        False when more nodes than allowed would be needed.
    rows : Rows
        Of these groups.
    """

    groups: NDArray[np.intp]
    nodes: int
    settled: bool
    rows: Rows


def make_part(rows: Rows, groups: NDArray[np.intp], nodes: int, *, settled: bool = True) -> Part:
    """Select the rows of some groups (positions not decreasing)."""
    chosen = rows.grouping.rows_of(groups)
    selected = Rows(
        successes=rows.successes[chosen],
        trials=rows.trials[chosen],
        fixed=rows.fixed[chosen],
        random=rows.random[chosen],
        grouping=Grouping.of_sizes(rows.grouping.sizes[groups]),
    )
    return Part(groups=groups, nodes=nodes, settled=settled, rows=selected)


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
    grouping : Grouping
        Of these rows.
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
    grouping: Grouping
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
    rows, covariance, bounds = part.rows, parameters.effects, part.rows.grouping.bounds
    points, log_weights = _tensor_rule(part.nodes, covariance.count)
    offset = rows.fixed @ parameters.coefficients
    diagonal = np.arange(covariance.count)
    log_scale = np.log(found.scales[part.groups][:, diagonal, diagonal]).sum(axis=1) - covariance.half_log_determinant
    most = max(BLOCK_ELEMENTS // len(points), 1) * 2
    workspace = np.empty((3, min(most, len(rows.trials)), len(points)))
    kept = np.empty((min(most, len(rows.trials)), len(points)))
    at_mode, at_modes = _predictors_at_modes(part, offset, found), np.zeros(len(part.groups))
    if at_mode is not None:
        at_modes = rows.grouping.sums(logistic(at_mode).log_density(rows.successes, rows.trials))
    first = 0
    while first < len(part.groups):
        room = bounds[first] + max(BLOCK_ELEMENTS // len(points), 1)
        last = max(first + 1, int(np.searchsorted(bounds, room, side="right")) - 1)
        groups, inside = slice(first, last), slice(int(bounds[first]), int(bounds[last]))
        members = part.groups[groups]
        effects = found.modes[members][:, None, :] + points @ found.scales[members].transpose(0, 2, 1)
        log_integrand = log_weights - 0.5 * covariance.quadratic_form(effects) + log_scale[groups, None]
        grouping = Grouping.of_sizes(np.diff(bounds[first : last + 1]))
        if len(kept) < inside.stop - inside.start:
            kept = np.empty((inside.stop - inside.start, len(points)))
        # valid until the next block
        probabilities = kept[: inside.stop - inside.start]
        # one group may have any number of rows: its rows pass in pieces of bounded size
        for start in range(inside.start, inside.stop, most):
            piece = slice(start, min(start + most, inside.stop))
            local = slice(piece.start - inside.start, piece.stop - inside.start)
            index = grouping.index[local]
            eta, softplus, spare = workspace[:, : piece.stop - piece.start]
            eta[:] = offset[piece, None]
            for effect in range(covariance.count):
                np.take(effects[:, :, effect], index, axis=0, out=spare, mode="clip")
                spare *= rows.random[piece, effect, None]
                eta += spare
            fill_softplus(eta, softplus=softplus, probabilities=probabilities[local], spare=spare)
            if at_mode is not None:
                subtract_point(eta, softplus, at_mode[piece])
            eta *= rows.successes[piece, None]
            softplus *= rows.trials[piece, None]
            eta -= softplus
            summed, sums = sums_of_runs(eta, index)
            log_integrand[summed] += sums
        yield _Block(
            groups=groups,
            rows=inside,
            grouping=grouping,
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
    if part.rows.grouping.sums(part.rows.trials).max() <= LARGE_COUNT:
        return None
    modes = part.rows.grouping.by_row(found.modes[part.groups])
    return np.asarray(offset + (part.rows.random * modes).sum(axis=1))


def choose_nodes(
    rows: Rows, parameters: Parameters, found: ConditionalModes, *, tolerance: float = NODE_TOLERANCE
) -> tuple[Part, ...]:
    """Double each group's nodes until its log-likelihood stands still; groups with as many nodes make a part.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
        Where the likelihood is looked at.
    found : ConditionalModes
        There.
    tolerance : float
        Of a group's log-likelihood, relative to its size where that exceeds one.
    """
    effects = parameters.effects.count
    every = np.arange(rows.grouping.count)
    if not effects:
        return (make_part(rows, every, 1),)
    pending, nodes = every, FEWEST_NODES
    coarse = _group_values(make_part(rows, pending, nodes), parameters, found)
    parts: list[Part] = []
    while len(pending):
        nodes *= 2
        part = make_part(rows, pending, nodes)
        fine = _group_values(part, parameters, found)
        settled = np.abs(fine - coarse) <= tolerance * np.maximum(1.0, np.abs(fine))
        if settled.all():
            parts.append(part)
        elif settled.any():
            parts.append(make_part(rows, pending[settled], nodes))
        pending, coarse = pending[~settled], fine[~settled]
        if len(pending) and nodes >= MOST_NODES[effects]:
            parts.append(make_part(rows, pending, nodes, settled=False))
            break
    return tuple(parts)


def _group_values(part: Part, parameters: Parameters, found: ConditionalModes) -> NDArray[np.float64]:
    # without what rows of large counts add at any node, against which no change would show
    return np.concatenate([block.relative_values for block in _blocks(part, parameters, found)])


def marginal_value(parameters: Parameters, *, parts: tuple[Part, ...], found: ConditionalModes) -> float:
    """Log L alone, without the work for its score and information; the arguments are those of `evaluate_marginal`."""
    blocks = (block for part in parts for block in _blocks(part, parameters, found))
    return sum(float((block.relative_values + block.at_modes).sum()) for block in blocks)


def evaluate_marginal(
    rows: Rows,
    parameters: Parameters,
    *,
    parts: tuple[Part, ...],
    found: ConditionalModes,
    multiplicity: NDArray[np.float64] | None = None,
) -> MarginalState:
    """Log L with its score and observed information.

    The score is the conditional mean of the complete-data score, and the information follows from Louis' identity
    (Louis 1982, JRSS B 44(2), equation 3.1): E(complete information) - Var(complete score), both given the data.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
    parts : tuple of Part
        From `choose_nodes`.
    found : ConditionalModes
        At the parameters.
    multiplicity : (G,) array, optional
        How many groups each one stands for; one each unless given.
    """
    size = len(parameters.vector)
    if multiplicity is None:
        multiplicity = np.ones(rows.grouping.count)
    information = np.zeros((size, size))
    group_scores = np.empty((rows.grouping.count, size))
    value = 0.0
    for part in parts:
        for block in _blocks(part, parameters, found):
            relative, count = block.relative_values, multiplicity[part.groups[block.groups], None]
            value += float((relative + block.at_modes) @ count[:, 0])
            weights = np.exp(block.log_integrand - relative[:, None])
            scores = _complete_scores(part, block, parameters)
            mean = np.matmul(weights[:, None, :], scores)[:, 0]
            group_scores[part.groups[block.groups]] = count * mean
            scores -= mean[:, None, :]
            weights *= count
            scores *= np.sqrt(weights)[:, :, None]
            flat = scores.reshape(-1, size)
            information -= flat.T @ flat
            _add_complete_information(information, part, block, weights, parameters)
    return MarginalState(
        parameters=parameters,
        value=value,
        group_scores=group_scores,
        information=0.5 * (information + information.T),
        found=found,
    )


def _complete_scores(part: Part, block: _Block, parameters: Parameters) -> NDArray[np.float64]:
    """Derivative by theta of each group's complete-data log density at each node, (H, J, k + K)."""
    k, rows = len(parameters.coefficients), part.rows
    residual = rows.trials[block.rows, None] * block.probabilities
    np.subtract(rows.successes[block.rows, None], residual, out=residual)
    scores = np.empty((*block.log_integrand.shape, len(parameters.vector)))
    product = np.empty_like(residual)
    for column in range(k):
        np.multiply(residual, rows.fixed[block.rows, column, None], out=product)
        scores[:, :, column] = block.grouping.sums(product)
    scores[:, :, k:] = parameters.effects.scores(block.effects)
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
    expected = part.rows.trials[block.rows] * np.einsum("ij,ij->i", block.grouping.by_row(weights), variance)
    fixed = part.rows.fixed[block.rows]
    information[:k, :k] += fixed.T @ (fixed * expected[:, None])
    information[k:, k:] += parameters.effects.information(np.einsum("gj,gjk->k", weights, block.effects**2))
