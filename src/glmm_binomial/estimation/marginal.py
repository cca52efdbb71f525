"""The marginal likelihood of the coefficients and log SDs: value, score and observed information.

The random effects are integrated out group by group on a grid about each group's conditional mode: three or four by
products of Gauss and Hermite's rules, of which few nodes do, one or two by the trapezoid rule. For integrands that are
analytic near the real line and fall off as normal densities do, the error of that falls exponentially with the spacing
(Trefethen & Weideman 2014, SIAM Review 56(3), theorem 5.1); that the grid follows the
mode and the curvature there is the idea of adaptive quadrature (Pinheiro & Bates 1995, Journal of Computational and
Graphical Statistics 4(1)). Parameters are theta: the coefficients b and the C parameters of the covariance of the
effects, their log SDs first; without random effects this is logistic regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.integrals import integrate
from glmm_binomial.estimation.nodes import Nodes
from glmm_binomial.model.logistic import logistic
from glmm_binomial.model.quadrature import hermite_rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.conditional_modes import ConditionalModes
    from glmm_binomial.estimation.integrals import Integrals
    from glmm_binomial.model.effects import Parameters
    from glmm_binomial.model.rows import Rows

MOST_EFFECTS = 4
"""Random effects up to which a grid has few enough nodes."""

MOST_TRAPEZOID_EFFECTS = 2
"""Effects up to which a grid may have as many nodes as ten digits ask."""

HERMITE_NODES = {3: (5, 7, 9, 11, 13), 4: (5, 7, 9)}
"""Of Gauss and Hermite's rules along each axis, by the number of effects."""

HERMITE_TOLERANCE = 0.005
"""How far the next rule would move the maximum, in standard errors, where one is fine enough."""

MOST_NODES = {1: 512, 2: 128}
"""Nodes per random effect after which a grid grows no finer, by the number of effects."""

NODE_TOLERANCE = 1e-11
"""Error of a group's integral, as a share of it, at which its grid is fine enough."""

ROUGH_TOLERANCE = 2e-6
"""The same for steps far from a maximum."""

SPACING, SPACING_ON_LOGIT_SCALE = {1: 0.65, 2: 0.75}, {1: 0.5, 2: 0.52}
"""Of the nodes for `NODE_TOLERANCE`: in conditional standard deviations, and what it may be at most for the predictor
of any row, by the number of effects. For a tolerance t they are larger by the root of log(1 / t), and by log(1 / t)."""

FIRST_SPACING, FIRST_REACH = 1.1, 5.0
"""Of the grid by which the ends of others are foretold; the spacing is that of the predictors as well."""

LEAST_CURVATURE = 1e-3
"""Of log L, by which a change of the score moves the maximum no farther than over the range where it is flat."""

FLAT = 1e-8
"""Least slope at an end, which may not be seen where the integrand has vanished."""

SLACK = 4.0
"""By how much less than was foretold the log integrand may have fallen at an end."""

GRID_MARGIN = 3
"""Nodes that rounding and the mode's own node add to a grid."""

MOST_REFINEMENTS = 8


@dataclass(frozen=True, slots=True)
class MarginalState:
    """The marginal log-likelihood at one point.

    Attributes
    ----------
    parameters : Parameters
    value : float
        log L without the binomial constants.
    group_scores : (G, k + C) array
        Each group's part of the score, or that of all the groups it stands for.
    information : (k + C, k + C) array
        Negative Hessian of log L.
    found : ConditionalModes
        About which the effects were integrated out.
    """

    parameters: Parameters
    value: float
    group_scores: NDArray[np.float64]
    information: NDArray[np.float64]
    found: ConditionalModes

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which parameters an ascent may move, (k + C,)."""
        return self.parameters.free(self.score)

    @property
    def score(self) -> NDArray[np.float64]:
        """Gradient of log L, (k + C,)."""
        return np.asarray(self.group_scores.sum(axis=0))


Look = Callable[[Nodes], "Integrals"]
"""What nodes say of the integrals over them."""


def rough_nodes(rows: Rows, parameters: Parameters, found: ConditionalModes, look: Look | None = None) -> Nodes:
    """Few nodes, which do for steps far from a maximum; whether they are enough is not looked at.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
        Where the likelihood is looked at.
    found : ConditionalModes
        There.
    look : callable, optional
        Integrates with some nodes; the density of the rows unless given.
    """
    effects = parameters.effects.count
    if not effects:
        return _no_nodes(rows)
    if effects > MOST_TRAPEZOID_EFFECTS:
        return Nodes.of_rule(hermite_rule(HERMITE_NODES[effects][0]), found.modes.shape)
    look = look or partial(_looked_at, rows, parameters, found)
    return _foretold(rows, parameters, found, ROUGH_TOLERANCE, look)


def choose_nodes(
    rows: Rows,
    parameters: Parameters,
    found: ConditionalModes,
    look: Look | None = None,
    *,
    tolerance: float = NODE_TOLERANCE,
) -> Nodes:
    """As many nodes as each group needs.

    The difference d between the sums over every second node and over the others is the error of twice the spacing, as a
    share of the integral; the error of the spacing itself is d^4 where the integrand is normal, and about d^2 at most.
    Rules of Gauss and Hermite, for three effects and more, are held against the next one by how far it would move the
    maximum.

    Parameters
    ----------
    rows : Rows
    parameters : Parameters
        Where the likelihood is looked at.
    found : ConditionalModes
        There.
    look : callable, optional
        Integrates with some nodes; the density of the rows unless given.
    tolerance : float
        Error of a group's integral, as a share of it; of trapezoid rules.
    """
    if not parameters.effects.count:
        return _no_nodes(rows)
    if parameters.effects.count > MOST_TRAPEZOID_EFFECTS:
        return _choose_rule(rows, parameters, found)
    look = look or partial(_looked_at, rows, parameters, found)
    nodes = _foretold(rows, parameters, found, tolerance, look)
    fall = -float(np.log(tolerance))
    for _ in range(MOST_REFINEMENTS):
        looked = look(nodes)
        uneven = looked.imbalance > tolerance**0.25
        short = looked.ends[:, :, [0, 3]].max(axis=2) > SLACK - fall
        full = nodes.counts >= MOST_NODES[parameters.effects.count] - GRID_MARGIN
        if not ((uneven | short) & ~full).any():
            break
        before, after = _extents(nodes, looked, parameters, found, fall=fall)
        nodes = _grid(np.where(uneven, 0.5 * nodes.spacing, nodes.spacing), before, after)
    return replace(nodes, settled=not (uneven | short).any())


def _choose_rule(rows: Rows, parameters: Parameters, found: ConditionalModes) -> Nodes:
    """The first rule whose score is that of the rule before it, up to a small share of a standard error."""
    before: NDArray[np.float64] | None = None
    for count in HERMITE_NODES[parameters.effects.count]:
        nodes = Nodes.of_rule(hermite_rule(count), found.modes.shape)
        state = evaluate_marginal(rows, parameters, nodes=nodes, found=found)
        if before is not None:
            change = state.score - before
            values, vectors = np.linalg.eigh(state.information)
            moves = (vectors.T @ change) ** 2 / np.maximum(np.abs(values), LEAST_CURVATURE)
            if moves.sum() <= HERMITE_TOLERANCE**2:
                return nodes
        before = state.score
    return replace(nodes, settled=False)


def _no_nodes(rows: Rows) -> Nodes:
    none = np.empty((rows.grouping.count, 0))
    return Nodes(spacing=none, before=none.astype(np.int64), counts=none.astype(np.int64), settled=True)


def _foretold(rows: Rows, parameters: Parameters, found: ConditionalModes, tolerance: float, look: Look) -> Nodes:
    """A grid that ends where a coarse one foretells.

    A log integrand is concave, and curved at least as the density of the effects is, so that it lies below any parabola
    of that curvature that continues a chord.
    """
    reach = np.full_like(found.modes, FIRST_REACH)
    nodes = _grid(_spacing(rows, found, FIRST_SPACING, FIRST_SPACING), reach, reach)
    looked = look(nodes)
    before, after = _extents(nodes, looked, parameters, found, fall=-float(np.log(tolerance)))
    effects, finer = parameters.effects.count, np.log(tolerance) / np.log(NODE_TOLERANCE)
    spacing = _spacing(rows, found, SPACING[effects] / np.sqrt(finer), SPACING_ON_LOGIT_SCALE[effects] / finer)
    return _grid(spacing, before, after)


def _looked_at(rows: Rows, parameters: Parameters, found: ConditionalModes, nodes: Nodes) -> Integrals:
    return integrate(rows, parameters, found, nodes, multiplicity=np.ones(rows.grouping.count), scored=False)


def _spacing(rows: Rows, found: ConditionalModes, conditional: float, on_logit_scale: float) -> NDArray[np.float64]:
    """The wider a grid may be spaced, (G, K), so that neither the effects nor a row's predictor move too far."""
    moves = np.abs(np.einsum("ij,ijk->ik", rows.random, rows.grouping.by_row(found.scales)))
    farthest = rows.grouping.maxima(moves)
    return np.asarray(conditional / np.maximum(1.0, farthest * (conditional / on_logit_scale)))


def _grid(spacing: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]) -> Nodes:
    """Nodes that reach so far, (G, K) both; where there would be too many, they lie farther apart."""
    most = MOST_NODES.get(spacing.shape[1], 1) - GRID_MARGIN
    spacing = np.maximum(spacing, (before + after) / most)
    first = np.ceil(before / spacing).astype(np.int64)
    counts = first + 1 + np.ceil(after / spacing).astype(np.int64)
    return Nodes(spacing=spacing, before=first, counts=counts, settled=True)


def _extents(
    nodes: Nodes, looked: Integrals, parameters: Parameters, found: ConditionalModes, *, fall: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far before and after the modes the log integrands fall by so much, (G, K) both, or a little farther."""
    curvature = np.einsum("gak,ab,gbk->gk", found.scales, parameters.effects.precision, found.scales)

    def beyond(end: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
        slope, missing = (inside - end) / nodes.spacing, np.maximum(fall + end, 0.0)
        # t of slope t + curvature t^2 / 2 = missing, in the form that does not cancel
        steepness = slope + np.sqrt(slope**2 + 2.0 * curvature * missing)
        return np.asarray(2.0 * missing / np.maximum(steepness, FLAT))

    first, second, last_but_one, last = np.moveaxis(looked.ends, 2, 0)
    before = nodes.before * nodes.spacing + beyond(first, second)
    after = (nodes.counts - 1 - nodes.before) * nodes.spacing + beyond(last, last_but_one)
    return before, after


def marginal_value(rows: Rows, parameters: Parameters, *, nodes: Nodes, found: ConditionalModes) -> float:
    """Log L alone, without the work for its score and information; the arguments are those of `evaluate_marginal`."""
    if not parameters.effects.count:
        return _logistic_regression(rows, parameters, found).value
    return float(_looked_at(rows, parameters, found, nodes).values.sum())


def evaluate_marginal(
    rows: Rows,
    parameters: Parameters,
    *,
    nodes: Nodes,
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
    nodes : Nodes
        From `choose_nodes`.
    found : ConditionalModes
        At the parameters.
    multiplicity : (G,) array, optional
        How many groups each one stands for; one each unless given.
    """
    if not parameters.effects.count:
        return _logistic_regression(rows, parameters, found)
    k = len(parameters.coefficients)
    count = np.ones(rows.grouping.count) if multiplicity is None else multiplicity
    integrals = integrate(rows, parameters, found, nodes, multiplicity=count, scored=True)
    information = integrals.information
    information[k:, k:] += parameters.effects.information(integrals.second_moments, float(count.sum()))
    return MarginalState(
        parameters=parameters,
        value=float(integrals.values @ count),
        group_scores=integrals.scores * count[:, None],
        information=information,
        found=found,
    )


def _logistic_regression(rows: Rows, parameters: Parameters, found: ConditionalModes) -> MarginalState:
    at = logistic(rows.fixed_part(parameters.coefficients))
    weight = rows.trials * at.variance
    return MarginalState(
        parameters=parameters,
        value=float(at.log_density(rows.successes, rows.trials).sum()),
        group_scores=rows.grouping.sums(rows.fixed * at.residual(rows.successes, rows.trials)[:, None]),
        information=rows.fixed.T @ (rows.fixed * weight[:, None]),
        found=found,
    )
