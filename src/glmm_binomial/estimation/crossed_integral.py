"""The marginal likelihood of two crossed groupings: quadrature over the large one, Laplace over the small one.

    eta_i = x_i'b + o_i + u_g(i) + a_h(i),   u_g ~ N(0, sd_u^2), many;   a_h ~ N(0, sd_a^2), q of them, few

Given a the groups are independent, and a is a vector of q further coefficients, of columns of 0 and 1. So

    l(b, a, sd_u) = sum_g log int prod_{i in g} p(y_i | eta_i) N(u; 0, sd_u^2) du

and its derivatives are those of one grouping, by adaptive quadrature. With a^ where l - |a|^2 / (2 sd_a^2) peaks, and H
the negative Hessian by a there, Laplace's approximation (Tierney & Kadane 1986, JASA 81(393)) is

    log L  ~  l(a^) - |a^|^2 / (2 sd_a^2) - q log sd_a - log det(H) / 2.

Its score needs the slopes of log det H, third derivatives of l. Contracted with M = H^-1, and with r, W, T the first
three derivatives of a row's log density (the second with its sign turned), s_j the sums of r over the rows of each
level at node j of group g, and E and Cov over the nodes given the data,

    tr(M H_g) = E phi + s'Ms,   phi_j = sum_i W_ij M_ii - s_j'M s_j,   s = E s_j,

of which the derivatives follow term by term.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.conditional_modes import NEAR_ENOUGH, find_modes
from glmm_binomial.estimation.marginal import choose_nodes, evaluate_marginal
from glmm_binomial.estimation.newton import Step, line_search, maximize
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.logistic import logistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.conditional_modes import ConditionalModes
    from glmm_binomial.estimation.marginal import MarginalState
    from glmm_binomial.estimation.nodes import Nodes
    from glmm_binomial.model.rows import Rows

INTEGRAL_TOLERANCE = 1e-9
"""Error of a group's integral, as a share of it."""

PEAKED = 1e-20
"""Squared Newton step, in standard deviations, at which the peak of a is found."""

ROUNDING = 1e-12
"""Of a log-likelihood, relative to it, that a step towards the peak may lose."""

MOST_PEAK_STEPS = 50
SMALLEST_FRACTION = 1e-6

BLOCK_ELEMENTS = 2_000_000
"""Rows times nodes, and groups times levels times nodes, worked on at once."""


@dataclass(frozen=True, slots=True)
class LevelsPeak:
    """Where the effects of the levels peak at one point, and l there.

    Attributes
    ----------
    levels : (q,) array
        a^.
    state : MarginalState
        l, with derivatives by b, a and log sd_u.
    nodes : Nodes
        Of the groups' integrals.
    precision : (q, q) array
        H.
    """

    levels: NDArray[np.float64]
    state: MarginalState
    nodes: Nodes
    precision: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrossedState:
    """Log L at one point (b, log sd_u, log sd_a).

    Attributes
    ----------
    point : (k + 2,) array
    value : float
        Without the binomial constants.
    score : (k + 2,) array
    information : (k + 2, k + 2) array
        Negative Hessian of log L without the slopes of log det H by anything but sd_a.
    peak : LevelsPeak
    response : (q, k + 2) array
        Derivatives of a^.
    """

    point: NDArray[np.float64]
    value: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]
    peak: LevelsPeak
    response: NDArray[np.float64]


class CrossedIntegral:
    """Rows of two crossed groupings.

    Parameters
    ----------
    rows : Rows
        With both random effects.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.wide = rows.with_levels()
        self.count = rows.crossing.count
        self.k = rows.fixed.shape[1]

    def peak(self, point: NDArray[np.float64], levels: NDArray[np.float64], modes: NDArray[np.float64]) -> LevelsPeak:
        """Newton's method for a, which peaks once: a marginal density of a log-concave one is log-concave.

        Parameters
        ----------
        point : (k + 2,) array
        levels : (q,) array
            Where the search starts.
        modes : (G, 1) array
            The groups' effects near there.
        """
        of_levels = np.exp(-2.0 * point[-1])
        effects, here = IndependentEffects(log_sds=point[-2:-1]), slice(self.k, self.k + self.count)

        def at(levels: NDArray[np.float64], near: NDArray[np.float64], nodes: Nodes | None) -> LevelsPeak:
            parameters = Parameters(np.concatenate([point[: self.k], levels]), effects)
            found = find_modes(self.wide, parameters, near, tolerance=NEAR_ENOUGH)
            nodes = nodes or choose_nodes(self.wide, parameters, found, tolerance=INTEGRAL_TOLERANCE)
            state = evaluate_marginal(self.wide, parameters, nodes=nodes, found=found)
            precision = state.information[here, here] + of_levels * np.eye(self.count)
            return LevelsPeak(levels=levels, state=state, nodes=nodes, precision=precision)

        def height(peak: LevelsPeak) -> float:
            return float(peak.state.value - 0.5 * of_levels * (peak.levels @ peak.levels))

        def step(peak: LevelsPeak) -> Step[NDArray[np.float64]]:
            slope = peak.state.score[here] - of_levels * peak.levels
            direction = np.linalg.solve(peak.precision, slope)
            return Step(direction, decrement=float(direction @ slope))

        def ascend(peak: LevelsPeak, ahead: Step[NDArray[np.float64]]) -> LevelsPeak | None:
            found = peak.state.found
            return line_search(
                lambda share: at(peak.levels + share * ahead.direction, found.modes, peak.nodes),
                value=height,
                floor=lambda _share: height(peak) - ROUNDING * abs(height(peak)),
                fraction=1.0 / max(1.0, float(np.abs(ahead.direction).max()) / 2.0),
                smallest=SMALLEST_FRACTION,
            )

        start = at(levels, modes, None)
        found = maximize(start, step=step, ascend=ascend, converged=PEAKED, most_steps=MOST_PEAK_STEPS)
        return found.state

    def evaluate(
        self, point: NDArray[np.float64], levels: NDArray[np.float64], modes: NDArray[np.float64]
    ) -> CrossedState:
        """Log L with its score; the arguments are those of `peak`."""
        peak, k, q = self.peak(point, levels, modes), self.k, self.count
        a, state, of_levels = peak.levels, peak.state, float(np.exp(-2.0 * point[-1]))
        inverse = np.asarray(np.linalg.inv(peak.precision), dtype=np.float64)
        root = np.linalg.cholesky(peak.precision)
        value = state.value - 0.5 * of_levels * float(a @ a) - q * point[-1] - float(np.log(np.diag(root)).sum())
        # by (b, log sd_u, log sd_a) and by a, of l and the density of a
        outer, inner = np.r_[np.arange(k), k + q], np.arange(k, k + q)
        score = np.append(state.score[outer], of_levels * float(a @ a) - q)
        across = np.column_stack([state.information[np.ix_(inner, outer)], -2.0 * of_levels * a])
        information = np.zeros((k + 2, k + 2))
        information[:-1, :-1] = state.information[np.ix_(outer, outer)]
        information[-1, -1] = 2.0 * of_levels * float(a @ a)
        response = -inverse @ across
        information += across.T @ response
        # of -log det(H) / 2
        slopes = self._trace_slopes(peak, inverse)
        shrinkage = of_levels * float(np.trace(inverse))
        score += np.append(-0.5 * slopes[outer], shrinkage) - 0.5 * response.T @ slopes[inner]
        information[-1, -1] += 2.0 * (shrinkage - of_levels**2 * float((inverse**2).sum()))
        return CrossedState(
            point=point, value=float(value), score=score, information=information, peak=peak, response=response
        )

    def _trace_slopes(self, peak: LevelsPeak, inverse: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivatives (k + q + 1,) of tr(M H) with M held fixed, by b, a and log sd_u."""
        parameters, found = peak.state.parameters, peak.state.found
        of_rows, of_sd = np.empty(len(self.rows.trials)), 0.0
        predictor = self.wide.fixed_part(parameters.coefficients)
        for groups in self._blocks(peak.nodes):
            stop_if_requested()
            rows = self._rows_of(groups)
            block = _Block(self, rows, groups, predictor[rows], parameters, found, peak.nodes)
            of_rows[rows], of_log_sd = block.trace_slopes(inverse)
            of_sd += of_log_sd
        by_levels = self.rows.crossing.sums(of_rows)
        return np.concatenate([self.rows.fixed.T @ of_rows, by_levels, [of_sd]])

    def _blocks(self, nodes: Nodes) -> Iterator[NDArray[np.intp]]:
        """Groups that stand together, as many as make a block."""
        cost = np.cumsum((self.rows.grouping.sizes + self.count) * nodes.most)
        last = (cost - 1) // BLOCK_ELEMENTS
        yield from np.split(np.arange(len(cost)), np.flatnonzero(np.diff(last)) + 1)

    def _rows_of(self, groups: NDArray[np.intp]) -> slice:
        bounds = self.rows.grouping.bounds
        return slice(bounds[groups[0]], bounds[groups[-1] + 1])


class _Block:
    """Some groups, whose rows stand together, at all their nodes: arrays (J, n) by rows and (J, G) by groups."""

    def __init__(
        self,
        integral: CrossedIntegral,
        rows: slice,
        groups: NDArray[np.intp],
        predictor: NDArray[np.float64],
        parameters: Parameters,
        found: ConditionalModes,
        nodes: Nodes,
    ) -> None:
        all_rows = integral.rows
        self.level, self.count = all_rows.crossing.index[rows], integral.count
        self.group, self.groups = all_rows.grouping.index[rows] - groups[0], len(groups)
        starts = all_rows.grouping.starts[groups] - rows.start
        steps = np.arange(nodes.most)[:, None] - nodes.before[groups, 0]
        self.u = found.modes[groups, 0] + found.scales[groups, 0, 0] * nodes.spacing[groups, 0] * steps
        self.precision = float(parameters.effects.precision[0, 0])
        successes, trials = all_rows.successes[rows], all_rows.trials[rows]
        at = logistic(predictor + self.u[:, self.group])
        log_f = np.add.reduceat(at.log_density(successes, trials), starts, axis=1) - 0.5 * self.precision * self.u**2
        log_f[np.arange(nodes.most)[:, None] >= nodes.counts[groups, 0]] = -np.inf
        weights = np.exp(log_f - log_f.max(axis=0))
        self.weights = weights / weights.sum(axis=0)
        self.starts = starts
        self.residual = at.residual(successes, trials)
        self.curvature = trials * at.variance
        self.third = self.curvature * (1.0 - 2.0 * at.probability)

    def trace_slopes(self, inverse: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """What each row's predictor (n,), and the log SD of the groups, add to the slopes of tr(M H)."""
        by_level = self._by_level(self.residual)
        turned = by_level @ inverse
        mean = np.einsum("jg,jgq->gq", self.weights, by_level)
        turned_mean = mean @ inverse
        diagonal = np.diag(inverse)[self.level]
        phi = np.add.reduceat(self.curvature * diagonal, self.starts, axis=1) - (by_level * turned).sum(axis=2)
        pull = phi + 2.0 * np.einsum("jgq,gq->jg", by_level, turned_mean)
        pull -= (self.weights * pull).sum(axis=0)
        along = turned[:, self.group, self.level] - turned_mean[self.group, self.level]
        at_nodes = self.third * diagonal + 2.0 * self.curvature * along + pull[:, self.group] * self.residual
        of_rows = (self.weights[:, self.group] * at_nodes).sum(axis=0)
        return of_rows, float((self.weights * pull * self.precision * self.u**2).sum())

    def _by_level(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of values (J, n) over the rows of each group and level, (J, G, q)."""
        size = self.groups * self.count
        place = self.group * self.count + self.level
        sums = np.stack([np.bincount(place, at_node, minlength=size) for at_node in values])
        return np.asarray(sums.reshape(len(values), self.groups, self.count), dtype=np.float64)
