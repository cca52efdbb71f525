"""The groups' integrals at many points theta at once, by few nodes: what an exact posterior is made of.

    I_g(theta) = integral of prod_i exp(y_i eta_i) / (1 + exp(eta_i))^n_i N(u; 0, Sigma) du,

theta being the k coefficients b and the C parameters of Sigma, the log SDs of the effects first,

by adaptive Gauss-Hermite quadrature (Pinheiro & Bates 1995, Journal of Computational and Graphical Statistics 4(1)):
with L L' = Z'WZ + P at the mode u^ of the integrand, and nodes x of the rule for N(0, I), u = u^ + L'^-1 x. Then
eta_i = x_i'b + z_i'u^ + (L^-1 z_i)'x, so that e^eta_i is a product of few exponentials.

Arrays: r rows, H groups, K effects, D points, J nodes of the tensor rule, T entries of Sigma that are not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.loops import compiled_loops
from glmm_binomial.frozen import read_only
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.logistic import FactoredPredictor, bernoulli_moments
from glmm_binomial.model.quadrature import hermite_rule
from glmm_binomial.model.rows import Rows
from glmm_binomial.model.small_matrices import cholesky, solve_lower, solve_upper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.loops import CompiledLoops
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.effects_at_points import EffectsAtPoints

BLOCK_ELEMENTS = 32_768
"""Rows times points worked on at once, one node after the other."""

LANES = 4
"""Points of which the compiled loops take a multiple."""

BLOCK_POINTS = 32
"""Points worked on at once of many rows, unless a single group has so many that fewer must do."""

NEAR_MODE = 0.1
"""Newton step, in conditional SDs, at which a mode is near enough to be the centre of a rule."""

AT_MODE = 1e-4
"""The same for a rule of one node, Laplace's approximation, which is as good as its centre."""

LARGEST_MODE_STEP = 2.0
"""In conditional SDs, and in logits."""

MOST_MODE_STEPS = 60
SMALLEST_MODE = 1e-12
LARGEST_LOG_SD_CHANGE = 0.7
"""Growth of a log SD up to which the power law of a mode is followed."""


@dataclass(frozen=True, slots=True)
class Centre:
    """The groups' modes at one point, and how they move: where the modes at nearby points are looked for first.

    Attributes
    ----------
    parameters : Parameters
    modes : (G, K) array
    response : (G, K, k + C) array
        Derivatives of the modes.
    """

    parameters: Parameters
    modes: NDArray[np.float64]
    response: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """Groups that share a number of nodes.

    Attributes
    ----------
    groups : (H,) integer array
        Their positions among all groups.
    nodes : int
        Per dimension.
    rows : Rows
        Of these groups.
    """

    groups: NDArray[np.intp]
    nodes: int
    rows: Rows


def make_part(rows: Rows, groups: NDArray[np.intp], nodes: int) -> Part:
    """Select the rows of some groups (positions not decreasing)."""
    return Part(groups=groups, nodes=nodes, rows=rows.of_groups(groups))


def log_integrals(part: Part, points: NDArray[np.float64], centre: Centre) -> NDArray[np.float64]:
    """Log I_g, (H, D), at points (D, k + C)."""
    out = np.empty((len(part.groups), len(points)))
    loops = compiled_loops()
    if loops is not None:
        for here in _slices(len(points)):
            out[:, here] = _compiled(loops, part, points[here], centre)[0]
        return out
    for block in _blocks(part, points, centre):
        top = block.log_integrand.max(axis=1, keepdims=True)
        out[block.groups, block.points] = top[:, 0] + np.log(np.exp(block.log_integrand - top).sum(axis=1))
    return out


@dataclass(frozen=True, slots=True)
class Slopes:
    """Values (D,) of sum_g m_g log I_g at D points, and its gradients (D, k + C)."""

    values: NDArray[np.float64]
    gradients: NDArray[np.float64]


def slopes_at(part: Part, points: NDArray[np.float64], centre: Centre, multiplicity: NDArray[np.float64]) -> Slopes:
    """Values and gradients at points (D, k + C), for multiplicities m (H,).

    A gradient is the mean of the complete-data score given the data (Fisher's identity): X'(y - n p), and u'A_m u + c_m
    by the parameters of Sigma.
    """
    k, effects = part.rows.fixed.shape[1], centre.parameters.effects
    values, gradients = np.zeros(len(points)), np.zeros_like(points)
    matrices = np.stack([effects.at(point[k:]).score_matrices for point in points])
    constants = np.stack([effects.at(point[k:]).score_constants for point in points])
    gradients[:, k:] = multiplicity.sum() * constants
    loops = compiled_loops()
    if loops is not None:
        for here in _slices(len(points)):
            logs, gradients[here, :k], moments = _compiled(loops, part, points[here], centre, multiplicity)
            values[here] = multiplicity @ logs
            gradients[here, k:] += np.einsum("dmij,dij->dm", matrices[here], moments)
        return Slopes(values=values, gradients=gradients)
    for block in _blocks(part, points, centre, with_failures=True):
        top = block.log_integrand.max(axis=1, keepdims=True)
        weights = np.exp(block.log_integrand - top)
        total = weights.sum(axis=1, keepdims=True)
        count, by_row = multiplicity[block.groups], block.rows.grouping.by_row
        values[block.points] += count @ (top + np.log(total))[:, 0]
        weights /= total
        failures = np.zeros((len(block.rows.trials), weights.shape[2]))
        for node, of_node in enumerate(block.failures):
            failures += by_row(weights[:, node]) * of_node
        residual = block.rows.successes[:, None] - block.rows.trials[:, None] * (1.0 - failures)
        residual *= by_row(count)[:, None]
        gradients[block.points, :k] += residual.T @ block.rows.fixed
        weights *= count[:, None, None]
        for i, j in zip(block.covariances.first, block.covariances.second, strict=True):
            moment = np.einsum("hjd,hjd,hjd->d", weights, block.effects[i], block.effects[j])
            both = matrices[block.points, :, i, j] + (matrices[block.points, :, j, i] if i != j else 0.0)
            gradients[block.points, k:] += moment[:, None] * both
    return Slopes(values=values, gradients=gradients)


def _slices(points: int) -> Iterator[slice]:
    """So many points at a time as the compiled loops work on at once."""
    for first in range(0, points, BLOCK_POINTS):
        stop_if_requested()
        yield slice(first, first + BLOCK_POINTS)


def _compiled(
    loops: CompiledLoops,
    part: Part,
    points: NDArray[np.float64],
    centre: Centre,
    multiplicity: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Log integrals (H, D); for multiplicities (H,) also gradients (D, k) by the coefficients, and E uu' (D, K, K)."""
    rows, k = part.rows, part.rows.fixed.shape[1]
    # loops end outside a vector unless the last point fills it up
    count = len(points)
    points = np.pad(points, ((0, -count % LANES), (0, 0)), mode="edge")
    covariances, rule = centre.parameters.effects.at_points(points[:, k:]), hermite_rule(part.nodes)
    precisions = np.zeros((rows.random.shape[1], rows.random.shape[1], len(points)))
    precisions[covariances.first, covariances.second] = covariances.precisions
    precisions[covariances.second, covariances.first] = covariances.precisions
    columns, coefficients = rows.fixed, points[:, :k].T
    if rows.offset is not None:
        # a column whose coefficient is one
        columns = np.column_stack([columns, rows.offset])
        coefficients = np.vstack([coefficients, np.ones(len(points))])
    values, gradients, moments = loops.integrate_at_points(
        rows.grouping.bounds,
        rows.successes,
        rows.trials,
        np.ascontiguousarray(columns),
        np.ascontiguousarray(rows.random),
        np.ascontiguousarray(coefficients),
        _predicted_modes(centre, part.groups, points),
        precisions,
        covariances.half_log_determinants,
        rule.nodes,
        rule.log_weights,
        AT_MODE if part.nodes == 1 else NEAR_MODE,
        LARGEST_MODE_STEP,
        MOST_MODE_STEPS,
        np.empty(0) if multiplicity is None else multiplicity,
        multiplicity is not None,
    )
    return values[:, :count], gradients.T[:count, :k], moments.T[:count]


@dataclass(frozen=True, slots=True)
class EffectMoments:
    """Moments of the effects given the data and each of D points.

    Attributes
    ----------
    means : (D, H, K) array
    covariances : (D, H, K, K) array
    third : (D, H, K, K, K) array
        Third central moments.
    """

    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    third: NDArray[np.float64]


def effect_moments(part: Part, points: NDArray[np.float64], centre: Centre) -> EffectMoments:
    """Conditional moments of the groups' effects at points (D, k + C); under Laplace's approximation, normal ones."""
    shape, count = (len(points), len(part.groups)), part.rows.random.shape[1]
    means, covariances = np.empty((*shape, count)), np.empty((*shape, count, count))
    third = np.zeros((*shape, count, count, count))
    for block in _blocks(part, points, centre):
        weights = block.weights
        first = np.einsum("hjd,khjd->khd", weights, block.effects)
        place = (block.points, block.groups)
        means[place] = first.transpose(2, 1, 0)
        if part.nodes == 1:
            inverse = [solve_lower(block.lower, column[:, None, None]) for column in np.eye(count)]
            covariances[place] = np.einsum("kihd,lihd->dhkl", inverse, inverse)
            continue
        off = block.effects - first[:, :, None, :]
        covariances[place] = np.einsum("hjd,khjd,lhjd->dhkl", weights, off, off)
        third[place] = np.einsum("hjd,khjd,lhjd,mhjd->dhklm", weights, off, off, off)
    return EffectMoments(means=means, covariances=covariances, third=third)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some of the groups at some of the points, at all nodes.

    Attributes
    ----------
    groups, points : slice
    rows : Rows
        Of these groups.
    covariances : EffectsAtPoints
        At these points.
    lower : (K, K, H, D) array
        L.
    effects : (K, H, J, D) array
    log_integrand : (H, J, D) array
    failures : tuple of J (r, D) arrays
        Probabilities of failure, where they were asked for.
    """

    groups: slice
    points: slice
    rows: Rows
    covariances: EffectsAtPoints
    lower: NDArray[np.float64]
    effects: NDArray[np.float64]
    log_integrand: NDArray[np.float64]
    failures: tuple[NDArray[np.float64], ...]

    @property
    def weights(self) -> NDArray[np.float64]:
        """Of the nodes given the data, (H, J, D); they sum to one."""
        weights = np.exp(self.log_integrand - self.log_integrand.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return np.asarray(weights)


def _blocks(
    part: Part, points: NDArray[np.float64], centre: Centre, *, with_failures: bool = False
) -> Iterator[_Block]:
    k, sizes = part.rows.fixed.shape[1], part.rows.grouping.sizes
    effects_like, diagonal = centre.parameters.effects, np.arange(part.rows.random.shape[1])
    rule = hermite_rule(part.nodes)
    nodes, log_weights = _tensor_rule(part.nodes, len(diagonal))
    near = AT_MODE if part.nodes == 1 else NEAR_MODE
    step = max(BLOCK_ELEMENTS // int(sizes.sum()), min(BLOCK_POINTS, BLOCK_ELEMENTS // int(sizes.max())), 1)
    step = min(step, len(points))
    for groups, rows in _pieces(part.rows, BLOCK_ELEMENTS // step):
        grouping = rows.grouping
        # successes enter through sums alone: those of y times x'b and the offset, which no node changes, and y'Zu
        fixed_y = grouping.sums(rows.fixed * rows.successes[:, None])
        offset_y = 0.0 if rows.offset is None else grouping.sums(rows.offset * rows.successes)[:, None]
        random_y = grouping.sums(rows.random * rows.successes[:, None]).T[:, :, None]
        for first in range(0, len(points), step):
            stop_if_requested()
            here = points[first : first + step]
            offset = rows.fixed_part(here[:, :k].T)
            covariances = effects_like.at_points(here[:, k:])
            start = _predicted_modes(centre, part.groups[groups], here)
            modes, lower = _modes(rows, offset, covariances, random_y, start, near=near)
            level = fixed_y @ here[:, :k].T + offset_y - np.log(lower[diagonal, diagonal]).sum(axis=0)
            level -= covariances.half_log_determinants
            effects = solve_upper(lower[:, :, :, None, :], nodes[:, None, :, None])
            effects += modes[:, :, None, :]
            log_integrand = log_weights[:, None] + level[:, None, :]
            shares = -0.5 * covariances.multiplicities[:, None] * covariances.precisions
            for effect, effect_y, slopes in zip(effects, random_y, _by_row(covariances, shares), strict=True):
                (first_column, first_share), *others = slopes
                slope = effects[first_column] * first_share
                for column, share in others:
                    slope += effects[column] * share
                slope += effect_y[:, None, :]
                slope *= effect
                log_integrand += slope
            offset += _products(rows, modes)
            predictor = FactoredPredictor(offset, _slopes(rows, lower), rule.nodes, grouping)
            softplus = predictor.softplus(rows.trials, with_failures=with_failures)
            log_integrand -= softplus.sums
            yield _Block(
                groups=groups,
                points=slice(first, first + len(here)),
                rows=rows,
                covariances=covariances,
                lower=lower,
                effects=effects,
                log_integrand=log_integrand,
                failures=softplus.failures,
            )


def _pieces(rows: Rows, most: int) -> Iterator[tuple[slice, Rows]]:
    """Consecutive groups with at most so many rows, unless a single group has more."""
    bounds = rows.grouping.bounds
    first = 0
    while first < rows.grouping.count:
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + most, side="right")) - 1)
        inside = slice(int(bounds[first]), int(bounds[last]))
        piece = Rows(
            successes=rows.successes[inside],
            trials=rows.trials[inside],
            fixed=rows.fixed[inside],
            random=rows.random[inside],
            grouping=Grouping.of_sizes(np.diff(bounds[first : last + 1])),
            upper=None,
            offset=None if rows.offset is None else rows.offset[inside],
        )
        yield slice(first, last), piece
        first = last


@lru_cache(maxsize=64)
def _tensor_rule(nodes: int, effects: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes (K, J) and log of weight / normal density, up to its constant, (J,)."""
    rule = hermite_rule(nodes)
    points = np.stack([grid.ravel() for grid in np.meshgrid(*[rule.nodes] * effects, indexing="ij")])
    logs = [grid.ravel() for grid in np.meshgrid(*[rule.log_weights] * effects, indexing="ij")]
    return read_only(points), read_only(np.asarray(sum(logs)))


def _products(rows: Rows, effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Z'u of each row, (r, D), for effects (K, H, D)."""
    total = rows.grouping.by_row(effects[0])
    total *= rows.random[:, :1]
    for column, effect in zip(rows.random.T[1:], effects[1:], strict=True):
        total += column[:, None] * rows.grouping.by_row(effect)
    return total


def _slopes(rows: Rows, lower: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """L^-1 z of each row, K of (r, D); one (H, D) for a random intercept alone."""
    if len(lower) == 1 and (rows.random == 1.0).all():
        return (1.0 / lower[0, 0],)
    return tuple(solve_lower(lower[:, :, rows.grouping.index], rows.random.T[:, :, None]))


def _by_row(covariances: EffectsAtPoints, entries: NDArray[np.float64]) -> list[list[tuple[int, NDArray[np.float64]]]]:
    """Entries (T, D) of lower triangles row by row, each with its column."""
    rows: list[list[tuple[int, NDArray[np.float64]]]] = [[] for _ in range(int(covariances.first[-1]) + 1)]
    for i, j, entry in zip(covariances.first.tolist(), covariances.second.tolist(), entries, strict=True):
        rows[i].append((j, entry))
    return rows


def _predicted_modes(centre: Centre, groups: NDArray[np.intp], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where modes (K, H, D) at points are looked for: linear in theta, but a power law in the effect's own log SD.

    So the modes vanish with the SD. With u the mode at the centre and u' its derivative by its own log SD, the power is
    u' / u, which lies between 0 (the data rule) and 2 (the SD does).
    """
    change = points - centre.parameters.vector
    count, k = centre.modes.shape[1], len(centre.parameters.coefficients)
    at_centre, response = centre.modes[groups].T, centre.response[groups].transpose(1, 0, 2).copy()
    modes = np.empty((*at_centre.shape, len(points)))
    for j in range(count):
        own, own_change = response[j, :, k + j].copy(), np.minimum(change[:, k + j], LARGEST_LOG_SD_CHANGE)
        response[j, :, k + j] = 0.0
        power = np.divide(own, at_centre[j], out=np.ones_like(own), where=np.abs(at_centre[j]) > SMALLEST_MODE).clip(
            0.0, 2.0
        )
        modes[j] = at_centre[j][:, None] * np.exp(power[:, None] * own_change)
        modes[j] += (response[j] @ change.T) * np.exp(2.0 * np.minimum(own_change, 0.0))
    return modes


def _modes(
    rows: Rows,
    offset: NDArray[np.float64],
    covariances: EffectsAtPoints,
    random_y: NDArray[np.float64],
    modes: NDArray[np.float64],
    *,
    near: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Conditional modes (K, H, D), nearly, and factors L (K, K, H, D) of Z'WZ + P next to them."""
    sums, trials = rows.grouping.sums, rows.trials[:, None]
    reach = max(1.0, float(np.abs(rows.random).max()))
    hessian = np.empty((len(modes), *modes.shape))
    for _ in range(MOST_MODE_STEPS):
        expected, weight = bernoulli_moments(offset + _products(rows, modes))
        expected *= trials
        weight *= trials
        gradient = np.repeat(random_y, modes.shape[2], axis=2)
        for i, column in enumerate(rows.random.T):
            gradient[i] -= sums(column[:, None] * expected)
            for j in range(i + 1):
                hessian[i, j] = sums((column * rows.random[:, j])[:, None] * weight)
        for i, j, precision in zip(covariances.first, covariances.second, covariances.precisions, strict=True):
            hessian[i, j] += precision
            gradient[i] -= precision * modes[j]
            if i != j:
                gradient[j] -= precision * modes[i]
        lower = cholesky(hessian)
        half = solve_lower(lower, gradient)
        step, length = solve_upper(lower, half), float(np.sqrt((half**2).sum(axis=0).max()))
        if length < near:
            modes = modes + step
            break
        longest = np.maximum(np.sqrt((half**2).sum(axis=0)), np.abs(step).sum(axis=0) * reach)
        modes = modes + step / np.maximum(1.0, longest / LARGEST_MODE_STEP)
    return modes, lower
