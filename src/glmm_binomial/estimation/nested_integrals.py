"""The marginal likelihood of nested groups: the integral over each group's effect inside that of the group above.

    L_h = int phi(v) prod_g in h [ int N(u; 0, sd_u^2) prod_i in g p(y_i | x_i'b + sd_w v + u) du ] dv

Given v the groups of one above are groups like any others, v a column whose coefficient is sd_w; so the inner
integrals, their scores and their information are those of `integrals`, for every group at every node of v. The outer
score is the mean of the inner ones over v given the data, the information follows from Louis' identity (Louis 1982,
JRSS B 44(2)). Both grids follow their modes and curvatures, as in Pinheiro & Chao (2006, Journal of Computational and
Graphical Statistics 15(1)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.conditional_modes import NEAR_ENOUGH, ConditionalModes, find_modes
from glmm_binomial.estimation.integrals import Integrals, integrate
from glmm_binomial.estimation.marginal import MarginalState, choose_nodes, rough_nodes
from glmm_binomial.estimation.nested_modes import upper_of
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.effects import IndependentEffects, Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.nodes import Nodes
    from glmm_binomial.model.rows import Rows

ROWS_AT_ONCE = 200_000
"""Rows times nodes of the groups above."""

NESTED_TOLERANCE = 1e-9
"""Least error of an integral, as a share of it, that is asked for: that of log L is at most as many of it as there are
groups of both kinds."""

SMALLEST_WEIGHT = 1e-11
"""Of a node of a group above, as a share, from which its scores are summed."""


@dataclass(frozen=True, slots=True)
class NestedNodes:
    """The grids of both integrals.

    Attributes
    ----------
    above : Nodes
        Of the groups above.
    own : tuple of Nodes
        Of each group at each node of the one above, for one batch of groups above after the other.
    """

    above: Nodes
    own: tuple[Nodes, ...]

    @property
    def most(self) -> int:
        """The largest number of nodes per random effect."""
        return max(self.above.most, *(nodes.most for nodes in self.own))

    @property
    def settled(self) -> bool:
        """False when more nodes than allowed would be needed."""
        return self.above.settled and all(nodes.settled for nodes in self.own)


def choose_nested_nodes(
    rows: Rows, parameters: Parameters, found: ConditionalModes, *, rough: bool, tolerance: float = NESTED_TOLERANCE
) -> NestedNodes:
    """As many nodes as both integrals need; the arguments are those of `choose_nodes` and `rough_nodes`."""
    nested, tolerance = _Nested(rows, parameters, found), max(tolerance, NESTED_TOLERANCE)
    of_own: list[Nodes] = []

    def look(above: Nodes) -> Integrals:
        of_own.clear()
        log_f = np.full((nested.upper.count, above.most), -np.inf)
        for batch in nested.batches(above):
            of_own.append(
                rough_nodes(batch.rows, batch.parameters, batch.found)
                if rough
                else choose_nodes(batch.rows, batch.parameters, batch.found, tolerance=tolerance)
            )
            nested.add(log_f, batch, of_own[-1])
        return _look_back(nested.with_density(log_f, above), above)

    if rough:
        above = rough_nodes(nested.rows_above, nested.of_above, nested.found_above, look)
    else:
        above = choose_nodes(nested.rows_above, nested.of_above, nested.found_above, look, tolerance=tolerance)
    look(above)
    return NestedNodes(above=above, own=tuple(of_own))


def nested_value(rows: Rows, parameters: Parameters, *, nodes: NestedNodes, found: ConditionalModes) -> float:
    """Log L alone; the arguments are those of `evaluate_nested`."""
    nested = _Nested(rows, parameters, found)
    return float(nested.log_densities(nodes)[1].sum())


def evaluate_nested(
    rows: Rows, parameters: Parameters, *, nodes: NestedNodes, found: ConditionalModes
) -> MarginalState:
    """Log L with its score and observed information.

    Parameters
    ----------
    rows : Rows
        Of nested groups, with both random effects.
    parameters : Parameters
    nodes : NestedNodes
        From `choose_nested_nodes`, at this point or near it.
    found : ConditionalModes
        At the parameters.

    Returns
    -------
    MarginalState
        `group_scores` (H, k + 2) are those of the groups above.
    """
    nested = _Nested(rows, parameters, found)
    weights, values = nested.log_densities(nodes)
    k = len(parameters.coefficients)
    sd = float(parameters.effects.sds[0])
    places = weights.size
    at_nodes, information = np.zeros((k + 2, places)), np.zeros((k + 2, k + 2))
    for batch, own in zip(nested.batches(nodes.above), nodes.own, strict=True):
        weight = weights[batch.above, batch.node]
        kept = np.flatnonzero(weight > SMALLEST_WEIGHT)
        groups, v = batch.groups[kept], batch.v[kept]
        columns = rows.with_effects(np.array([False, True])).of_groups(groups)
        columns = columns.with_fixed(np.column_stack([columns.fixed, columns.grouping.by_row(v)]))
        inner = Parameters(np.append(parameters.coefficients, sd), nested.of_own)
        integrals = integrate(
            columns,
            inner,
            batch.found.of(kept),
            own.of(kept),
            multiplicity=weight[kept],
            scored=True,
        )
        part = integrals.information
        part[k + 1 :, k + 1 :] += nested.of_own.information(integrals.second_moments, float(weight[kept].sum()))
        information += part
        place = batch.above[kept] * weights.shape[1] + batch.node[kept]
        for column, scores in enumerate(integrals.scores.T):
            at_nodes[column] += np.bincount(place, scores, minlength=places)
    scores = at_nodes.T.reshape(*weights.shape, k + 2)
    mean = np.einsum("hj,hjm->hm", weights, scores)
    scores -= mean[:, None, :]
    scores *= np.sqrt(weights)[:, :, None]
    information -= np.tensordot(scores, scores, axes=([0, 1], [0, 1]))
    # from the SD of the groups above to its logarithm
    unit = np.ones(k + 2)
    unit[k] = sd
    mean *= unit
    information *= unit * unit[:, None]
    information[k, k] -= mean[:, k].sum()
    return MarginalState(
        parameters=parameters,
        value=float(values.sum()),
        group_scores=mean,
        information=information,
        found=found,
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """P groups, each at every node of the one above, for some of the groups above.

    Attributes
    ----------
    groups, above, node : (P,) integer arrays
        The group, the one above it, and which of that one's nodes.
    v : (P,) array
        The effect of the group above at the node, in its standard deviations.
    rows : Rows
        The groups' rows, whose one fixed column is the predictor there without the groups' own effects.
    parameters : Parameters
    found : ConditionalModes
        Of the groups' own effects there.
    """

    groups: NDArray[np.intp]
    above: NDArray[np.intp]
    node: NDArray[np.intp]
    v: NDArray[np.float64]
    rows: Rows
    parameters: Parameters
    found: ConditionalModes


class _Nested:
    """Rows of nested groups at one point."""

    def __init__(self, rows: Rows, parameters: Parameters, found: ConditionalModes) -> None:
        self.upper = upper_of(rows)
        self.rows = rows
        self.found = found
        starts = self.upper.starts
        log_sds = parameters.effects.log_sds
        self.of_above = Parameters(parameters.coefficients, IndependentEffects(log_sds[:1]))
        self.of_own = IndependentEffects(log_sds[1:])
        self.rows_above = rows.of_upper()
        covariances = found.scales @ found.scales.transpose(0, 2, 1)
        self.found_above = ConditionalModes(modes=found.modes[starts, :1], scales=np.sqrt(covariances[starts, :1, :1]))
        self._slopes = covariances[:, 0, 1] / covariances[:, 0, 0]
        self._sd = float(np.exp(log_sds[0]))
        inner = rows.with_effects(np.array([False, True]))
        self._inner = inner.with_fixed((rows.fixed @ parameters.coefficients)[:, None])

    def effects_above(self, nodes: Nodes) -> NDArray[np.float64]:
        """Effects of the groups above at their nodes, (H, J), in standard deviations."""
        steps = np.arange(nodes.most) - nodes.before
        scale = self.found_above.scales[:, 0, 0]
        return np.asarray((self.found_above.modes + scale[:, None] * nodes.spacing * steps) / self._sd)

    def batches(self, nodes: Nodes) -> Iterator[_Batch]:
        """Every group at every node of the one above it, as many groups above at a time as make a batch."""
        counts, v, upper = nodes.counts[:, 0], self.effects_above(nodes), self.upper
        cost = np.cumsum(self.rows_above.grouping.sizes * counts)
        batch_of = (cost - 1) // ROWS_AT_ONCE
        for members in np.split(np.arange(upper.count), np.flatnonzero(np.diff(batch_of)) + 1):
            stop_if_requested()
            groups = np.arange(upper.bounds[members[0]], upper.bounds[members[-1] + 1])
            repeats = counts[upper.index[groups]]
            groups = np.repeat(groups, repeats)
            node = np.arange(len(groups)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
            above = upper.index[groups]
            v_here = v[above, node]
            rows = self._inner.of_groups(groups)
            rows = rows.with_fixed(rows.fixed + rows.grouping.by_row(self._sd * v_here)[:, None])
            parameters = Parameters(np.ones(1), self.of_own)
            moved = self._sd * v_here - self.found.modes[groups, 0]
            start = self.found.modes[groups, 1] + self._slopes[groups] * moved
            yield _Batch(
                groups=groups,
                above=above,
                node=node,
                v=v_here,
                rows=rows,
                parameters=parameters,
                found=find_modes(rows, parameters, start[:, None], tolerance=NEAR_ENOUGH),
            )

    def add(self, log_f: NDArray[np.float64], batch: _Batch, own: Nodes) -> None:
        """Put sums of the groups' log integrals where they belong among those of all groups above, (H, J)."""
        values = integrate(
            batch.rows, batch.parameters, batch.found, own, multiplicity=np.ones(len(batch.v)), scored=False
        ).values
        places = batch.above * log_f.shape[1] + batch.node
        present, where = np.unique(places, return_inverse=True)
        log_f.ravel()[present] = np.bincount(where, values)

    def with_density(self, log_f: NDArray[np.float64], nodes: Nodes) -> NDArray[np.float64]:
        """Log integrands over the effects above, (H, J), the volume of a cell of the grid in them."""
        cell = np.log(self.found_above.scales[:, 0, 0] * nodes.spacing[:, 0] / self._sd)
        density = -0.5 * self.effects_above(nodes) ** 2 - 0.5 * np.log(2.0 * np.pi)
        return np.asarray(log_f + density + cell[:, None])

    def log_densities(self, nodes: NestedNodes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (H, J) of the nodes given the data, and the log-likelihoods (H,) of the groups above."""
        log_f = np.full((self.upper.count, nodes.above.most), -np.inf)
        for batch, own in zip(self.batches(nodes.above), nodes.own, strict=True):
            self.add(log_f, batch, own)
        return _weights(self.with_density(log_f, nodes.above))


def _weights(log_f: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the nodes (H, J), and the logarithms of the sums (H,)."""
    top = log_f.max(axis=1, keepdims=True)
    weights = np.exp(log_f - top)
    totals = weights.sum(axis=1, keepdims=True)
    return weights / totals, (top + np.log(totals))[:, 0]


def _look_back(log_f: NDArray[np.float64], nodes: Nodes) -> Integrals:
    """What the nodes of the groups above say of their grid."""
    weights, values = _weights(log_f)
    last = nodes.counts[:, 0] - 1
    places = np.stack([np.zeros_like(last), np.ones_like(last), last - 1, last], axis=1)
    ends = np.take_along_axis(log_f - log_f.max(axis=1, keepdims=True), places, axis=1)
    imbalance = np.abs(weights[:, ::2].sum(axis=1) - weights[:, 1::2].sum(axis=1))
    none = np.empty((0, 0))
    return Integrals(
        values=values,
        ends=ends[:, None, :],
        imbalance=imbalance[:, None],
        scores=none,
        information=none,
        second_moments=none,
    )
