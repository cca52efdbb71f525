"""Nested groups at many points theta by few nodes: values, gradients and moments, of which an exact posterior is made.

The integral of `nested_integrals`, with Gauss and Hermite's rules of fixed numbers of nodes: O about the mode of each
group above, and I about the mode of each group at each of these (Pinheiro & Chao 2006, Journal of Computational and
Graphical Statistics 15(1)).

Arrays: n rows, G groups in H above, D points, k coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.nested_modes import upper_of
from glmm_binomial.model.logistic import FactoredPredictor, logistic
from glmm_binomial.model.quadrature import hermite_rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.logistic import FactoredSoftplus
    from glmm_binomial.model.rows import Rows

NEAR_MODE = 0.1
"""Newton step, in conditional SDs, at which a mode is near enough to be the centre of a rule."""

LARGEST_MODE_STEP = 2.0
"""In conditional SDs."""

MOST_MODE_STEPS = 60


@dataclass(frozen=True, slots=True)
class NestedRule:
    """Nodes of the groups above, O, and of each group at each of them, I."""

    above: int
    own: int


class NestedPoints:
    """Rows of nested groups at some points, integrated by a rule.

    Parameters
    ----------
    rows : Rows
        With both random effects.
    points : (D, k + 2) array
        Coefficients, and the log SDs of the effects of the groups above and of the groups.
    start : (G, 2, D) array
        Where the search for the modes starts.
    rule : NestedRule
    scored : bool
        False leaves out what gradients are made of.

    Attributes
    ----------
    values : (D,) array
        Log L, without the binomial constants.
    """

    def __init__(
        self,
        rows: Rows,
        points: NDArray[np.float64],
        start: NDArray[np.float64],
        rule: NestedRule,
        *,
        scored: bool,
    ) -> None:
        self._rows, self._upper, grouping = rows, upper_of(rows), rows.grouping
        self._k = points.shape[1] - 2
        self._sds = np.exp(points[:, self._k :].T)
        above, own = hermite_rule(rule.above), hermite_rule(rule.own)
        offset = rows.fixed_part(points[:, : self._k].T)
        w, u, share, width = self._joint_modes(offset, start)
        # the nodes of the groups above, (H, D O), and by group, (G, D O)
        nodes = w[:, :, None] + width[:, :, None] * above.nodes
        shape = (len(w), -1)
        self._w = nodes.reshape(shape)
        w_by_group = self._w[self._upper.index]
        at_nodes = np.repeat(offset, rule.above, axis=1) + grouping.by_row(w_by_group)
        follows = u[:, :, None] - share[:, :, None] * (nodes - w[:, :, None])[self._upper.index]
        own_precision = np.repeat(self._sds[1] ** -2.0, rule.above)
        modes, scales = self._modes(at_nodes, follows.reshape(len(u), -1), own_precision)
        self._u = modes[:, None, :] + scales[:, None, :] * own.nodes[:, None]
        predictor = FactoredPredictor(at_nodes + grouping.by_row(modes), (scales,), own.nodes, grouping)
        self._softplus: FactoredSoftplus = predictor.softplus(rows.trials, with_failures=scored)
        y = grouping.sums(rows.successes)
        fixed = np.repeat(grouping.sums(rows.successes[:, None] * offset), rule.above, axis=1) + y[:, None] * w_by_group
        density = -0.5 * own_precision * self._u**2 + (np.log(own.weights) + 0.5 * own.nodes**2)[:, None]
        log_own = fixed[:, None, :] + y[:, None, None] * self._u - self._softplus.sums + density
        log_own += np.log(scales * np.sqrt(own_precision))[:, None, :]
        self._own_weights, values = _normalised(log_own, axis=1)
        log_above = self._upper.sums(values).reshape(nodes.shape)
        log_above += -0.5 * (nodes / self._sds[0][:, None]) ** 2 + np.log(above.weights) + 0.5 * above.nodes**2
        log_above += np.log(width / self._sds[0])[:, :, None]
        weights, log_likelihoods = _normalised(log_above, axis=2)
        self._above_weights = weights.reshape(shape)
        self.values = log_likelihoods.sum(axis=0)

    def _joint_modes(self, offset: NDArray[np.float64], start: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Modes w (H, D) and u (G, D), how far u falls as w rises (G, D), and the conditional SD of w (H, D)."""
        rows, grouping, upper = self._rows, self._rows.grouping, self._upper
        of_above, of_own = self._sds**-2.0
        w, u = start[upper.starts, 0], start[:, 1]
        for _ in range(MOST_MODE_STEPS):
            at = logistic(offset + grouping.by_row(u + w[upper.index]))
            residual = grouping.sums(at.residual(rows.successes[:, None], rows.trials[:, None]))
            curvature = grouping.sums(rows.trials[:, None] * at.variance)
            diagonal, by_own = curvature + of_own, residual - of_own * u
            share = curvature / diagonal
            # a - a^2 / D in the form that does not cancel
            width = 1.0 / np.sqrt(upper.sums(of_own * share) + of_above)
            w_step = (upper.sums(residual) - of_above * w - upper.sums(share * by_own)) * width**2
            u_step = (by_own - curvature * w_step[upper.index]) / diagonal
            lengths = np.maximum(np.abs(w_step / width), upper.maxima(np.abs(u_step) * np.sqrt(diagonal)))
            within = np.minimum(1.0, LARGEST_MODE_STEP / np.maximum(lengths, LARGEST_MODE_STEP))
            w, u = w + within * w_step, u + within[upper.index] * u_step
            if lengths.max() < NEAR_MODE:
                break
        return w, u, share, width

    def _modes(
        self, at_nodes: NDArray[np.float64], start: NDArray[np.float64], precision: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Modes of each group's effect at each node of the group above, and conditional SDs there, (G, D O) both."""
        rows, grouping = self._rows, self._rows.grouping
        modes = start
        for _ in range(MOST_MODE_STEPS):
            at = logistic(at_nodes + grouping.by_row(modes))
            gradient = grouping.sums(at.residual(rows.successes[:, None], rows.trials[:, None])) - precision * modes
            scales = 1.0 / np.sqrt(grouping.sums(rows.trials[:, None] * at.variance) + precision)
            step = gradient * scales**2
            modes = modes + np.clip(step, -LARGEST_MODE_STEP * scales, LARGEST_MODE_STEP * scales)
            if np.abs(step / scales).max() < NEAR_MODE:
                break
        return modes, scales

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """Of each pair of nodes given the data, (G, I, D O)."""
        return np.asarray(self._own_weights * self._above_weights[self._upper.index][:, None, :])

    def _by_point(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the nodes of the groups above of values (..., D O), (..., D)."""
        return np.asarray(values.reshape(*values.shape[:-1], len(self.values), -1).sum(axis=-1))

    @property
    def gradients(self) -> NDArray[np.float64]:
        """Of log L, (D, k + 2): the mean of the complete-data score given the data (Fisher's identity)."""
        rows, failure = self._rows, np.zeros((len(self._rows.trials), len(self.values)))
        for node, of_node in enumerate(self._softplus.failures):
            failure += self._by_point(rows.grouping.by_row(self._weights[:, node]) * of_node)
        residual = rows.successes[:, None] - rows.trials[:, None] * (1.0 - failure)
        of_above = self._by_point((self._above_weights * self._w**2).sum(axis=0)) / self._sds[0] ** 2
        of_own = self._by_point((self._weights * self._u**2).sum(axis=(0, 1))) / self._sds[1] ** 2
        by_log_sds = np.column_stack([of_above - self._upper.count, of_own - rows.grouping.count])
        return np.hstack([residual.T @ rows.fixed, by_log_sds])

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Means (D, G, 2), covariances and third central moments (D, G, 2, 2, 2) of the effects given the data."""
        shape = (*self._u.shape[:2], len(self.values), -1)
        w = np.broadcast_to(self._w[self._upper.index][:, None, :], self._u.shape)
        effects = np.stack([w, self._u]).reshape(2, *shape)
        weights = self._weights.reshape(shape)
        means = np.einsum("gido,kgido->dgk", weights, effects, optimize=True)
        off = effects - means.transpose(2, 1, 0)[:, :, None, :, None]
        return (
            means,
            np.einsum("gido,kgido,lgido->dgkl", weights, off, off),
            np.einsum("gido,kgido,lgido,mgido->dgklm", weights, off, off, off),
        )


def _normalised(log_f: NDArray[np.float64], *, axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares along an axis, and the logarithms of the sums."""
    top = log_f.max(axis=axis, keepdims=True)
    weights = np.exp(log_f - top)
    totals = weights.sum(axis=axis, keepdims=True)
    return weights / totals, (top + np.log(totals)).squeeze(axis)
