from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from glmm_binomial.estimation import marginal
from glmm_binomial.estimation.conditional_modes import find_modes, mode_response
from glmm_binomial.estimation.laplace import evaluate_laplace
from glmm_binomial.estimation.marginal import choose_nodes, evaluate_marginal
from glmm_binomial.model.design import build_design
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.observations import observe
from simulated import draw_design

STEP = 1e-5


def at(rows, parameters, nodes=None):
    found = modes(rows, parameters)
    nodes = choose_nodes(rows, parameters, found) if nodes is None else nodes
    return evaluate_marginal(rows, parameters, nodes=nodes, found=found)


def modes(rows, parameters):
    return find_modes(rows, parameters, np.zeros((rows.grouping.count, rows.random.shape[1])))


def some_parameters(rows, seed=0):
    generator = np.random.default_rng(seed)
    return Parameters(
        coefficients=generator.normal(size=rows.fixed.shape[1]),
        effects=IndependentEffects(log_sds=generator.normal(size=rows.random.shape[1]) * 0.4),
    )


def brute_force(rows, parameters):
    """log L by adaptive integration of each group, one random intercept."""
    offset, sd = rows.fixed @ parameters.coefficients, np.exp(parameters.effects.log_sds[0])
    total = 0.0
    for group in range(rows.grouping.count):
        members = rows.grouping.index == group

        def integrand(u, members=members):
            eta = offset[members] + u
            log_density = rows.successes[members] @ eta - rows.trials[members] @ np.logaddexp(0.0, eta)
            return np.exp(log_density) * norm.pdf(u, scale=sd)

        total += np.log(
            quad(integrand, -12 * sd, 12 * sd, points=[-2.0, 0.0, 2.0], epsabs=0, epsrel=1e-11, limit=400)[0]
        )
    return total


@pytest.mark.parametrize("sd", [0.1, 1.0, 4.0])
def test_log_likelihood_is_the_integral_over_the_random_intercept(sd):
    rows = draw_design(21, groups=6, size=5, sd=sd).rows
    parameters = Parameters(coefficients=np.array([0.2, 0.5, -0.5]), effects=IndependentEffects(log_sds=np.log([sd])))
    assert at(rows, parameters).value == pytest.approx(brute_force(rows, parameters), rel=1e-9)


@pytest.mark.parametrize("slopes", [0, 1])
def test_score_and_information_are_finite_differences_of_the_log_likelihood(slopes):
    rows = draw_design(22, groups=6, size=8, slopes=slopes).rows
    parameters = some_parameters(rows)
    nodes = choose_nodes(rows, parameters, modes(rows, parameters))
    state = at(rows, parameters, nodes)
    steps = np.eye(len(parameters.vector)) * STEP
    ahead = [at(rows, parameters.moved(step), nodes) for step in steps]
    behind = [at(rows, parameters.moved(-step), nodes) for step in steps]
    score = [(a.value - b.value) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]
    information = [(b.score - a.score) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]
    np.testing.assert_allclose(state.score, score, atol=1e-7)
    np.testing.assert_allclose(state.information, information, atol=1e-7)


@pytest.mark.parametrize("slopes", [0, 1, 2, 3])
def test_score_of_the_laplace_approximation_is_its_finite_difference(slopes):
    rows = draw_design(23, groups=6, size=8, slopes=slopes).rows
    parameters, start = some_parameters(rows), np.zeros((6, 1 + slopes))
    state = evaluate_laplace(rows, parameters, start=start)
    numeric = [
        (
            evaluate_laplace(rows, parameters.moved(step), start=start).value
            - evaluate_laplace(rows, parameters.moved(-step), start=start).value
        )
        / (2 * STEP)
        for step in np.eye(len(parameters.vector)) * STEP
    ]
    np.testing.assert_allclose(state.score, numeric, atol=1e-7)


def test_laplace_is_one_node_of_the_adaptive_rule_and_near_the_integral():
    rows = draw_design(24, groups=6, size=40).rows
    parameters = some_parameters(rows)
    laplace = evaluate_laplace(rows, parameters, start=np.zeros((6, 1))).value
    # the error of Laplace's approximation is of order 1 / rows in a group, here 6 groups of 40
    assert laplace == pytest.approx(at(rows, parameters).value, abs=6 / 40)
    assert laplace != pytest.approx(at(rows, parameters).value, abs=1e-6)


def test_without_random_effects_it_is_plain_logistic_regression():
    rows = draw_design(25, groups=5, size=6).rows
    plain = build_design(observe(rows.successes, rows.fixed[:, 1:], np.arange(len(rows.successes)) % 2)).rows
    plain = plain.with_effects(np.zeros(1, dtype=bool))
    coefficients = np.array([0.1, 0.4, -0.2])
    eta = plain.fixed @ coefficients
    state = at(plain, Parameters(coefficients=coefficients, effects=IndependentEffects(log_sds=np.empty(0))))
    assert state.value == pytest.approx(plain.successes @ eta - np.logaddexp(0.0, eta).sum(), rel=1e-13)


def test_groups_that_never_change_need_more_nodes_than_others():
    y = np.r_[np.ones(6), np.zeros(6), 0, 1, 0, 1, 0, 1]
    rows = build_design(observe(y, np.tile([0.0, 1.0, 2.0], 6), np.repeat([1, 2, 3], 6))).rows
    parameters = Parameters(coefficients=np.array([0.1, 0.2]), effects=IndependentEffects(log_sds=np.log([5.0])))
    counts = choose_nodes(rows, parameters, modes(rows, parameters)).counts[:, 0]
    assert counts[0] > counts[2]
    assert counts[1] > counts[2]


def too_wide(monkeypatch):
    monkeypatch.setattr(marginal, "SPACING", {1: 4.0})
    monkeypatch.setattr(marginal, "SPACING_ON_LOGIT_SCALE", {1: 4.0})


def too_short(monkeypatch):
    foretold = marginal._foretold
    monkeypatch.setattr(marginal, "_foretold", lambda *given: half(foretold(*given)))


def half(nodes):
    """The grid without its outer halves."""
    before = nodes.before // 2
    return replace(nodes, before=before, counts=before + 1 + (nodes.counts - 1 - nodes.before) // 2)


@pytest.mark.parametrize("spoil", [too_wide, too_short])
def test_a_grid_that_is_not_enough_is_seen_and_mended(spoil, monkeypatch):
    rows = draw_design(21, groups=6, size=5, sd=2.0).rows
    parameters = Parameters(coefficients=np.array([0.2, 0.5, -0.5]), effects=IndependentEffects(log_sds=np.log([2.0])))
    spoil(monkeypatch)
    found = modes(rows, parameters)
    look = partial(marginal._looked_at, rows, parameters, found)
    first = marginal._foretold(rows, parameters, found, marginal.NODE_TOLERANCE, look)
    exact = brute_force(rows, parameters)
    assert at(rows, parameters, first).value != pytest.approx(exact, rel=1e-9)
    assert at(rows, parameters).value == pytest.approx(exact, rel=1e-9)


def test_a_grid_that_may_not_grow_says_that_it_is_not_settled(monkeypatch):
    rows = draw_design(21, groups=6, size=5, sd=2.0).rows
    parameters = Parameters(coefficients=np.array([0.2, 0.5, -0.5]), effects=IndependentEffects(log_sds=np.log([2.0])))
    assert choose_nodes(rows, parameters, modes(rows, parameters)).settled
    monkeypatch.setattr(marginal, "MOST_NODES", {1: 10})
    assert not choose_nodes(rows, parameters, modes(rows, parameters)).settled


def test_modes_make_the_conditional_score_vanish_even_from_a_far_start():
    rows = draw_design(26, groups=8, size=5, slopes=1).rows
    parameters = some_parameters(rows)
    near = find_modes(rows, parameters, np.zeros((8, 2))).modes
    far = find_modes(rows, parameters, np.full((8, 2), 30.0)).modes
    eta = rows.fixed @ parameters.coefficients + (rows.random * near[rows.grouping.index]).sum(axis=1)
    residual = rows.successes - rows.trials / (1.0 + np.exp(-eta))
    score = np.add.reduceat(rows.random * residual[:, None], rows.grouping.starts)
    np.testing.assert_allclose(score, near * np.exp(-2.0 * parameters.effects.log_sds), atol=1e-9)
    np.testing.assert_allclose(far, near, atol=1e-8)


def test_response_of_the_modes_is_their_finite_difference():
    rows = draw_design(27, groups=5, size=6, slopes=1).rows
    parameters, start = some_parameters(rows), np.zeros((5, 2))
    found = find_modes(rows, parameters, start)
    response = mode_response(rows, parameters, found).derivatives
    for index, step in enumerate(np.eye(len(parameters.vector)) * STEP):
        ahead = find_modes(rows, parameters.moved(step), found.modes).modes
        behind = find_modes(rows, parameters.moved(-step), found.modes).modes
        np.testing.assert_allclose(response[:, :, index], (ahead - behind) / (2 * STEP), atol=1e-7)


def test_a_group_of_many_rows_is_integrated_in_pieces():
    """More rows than fit one block give the sum of its parts: a single group's log density is additive over rows."""
    generator = np.random.default_rng(28)
    y, x = generator.integers(0, 2, 30_000).astype(float), generator.normal(size=30_000)
    rows = build_design(observe(y, x, np.repeat([1, 2], 15_000))).rows
    parameters = Parameters(coefficients=np.array([0.05, 0.02]), effects=IndependentEffects(log_sds=np.log([0.5])))
    assert at(rows, parameters).value == pytest.approx(
        evaluate_laplace(rows, parameters, start=np.zeros((2, 1))).value, abs=1e-3
    )
