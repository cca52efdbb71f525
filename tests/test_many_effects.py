"""Three and four random effects by Gauss and Hermite's rules, against finer rules and rules that are not adaptive."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, log_expit, roots_hermitenorm

from glmm_binomial import estimates_of, fit_formula, fit_model
from glmm_binomial.estimation import marginal
from glmm_binomial.estimation.conditional_modes import find_modes
from glmm_binomial.estimation.fitting import fit_cache
from glmm_binomial.estimation.nodes import Nodes
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.quadrature import hermite_rule
from glmm_binomial.model.rows import Rows
from simulated import draw_design


@cache
def drawn(effects, *, groups=60, size=8):
    generator = np.random.default_rng(effects)
    group, x = np.repeat(np.arange(groups), size), generator.normal(size=(groups * size, effects - 1))
    z = np.column_stack([np.ones(len(x)), x])
    u = generator.normal(size=(groups, effects)) * [1.0, 0.8, 0.7, 0.6][:effects]
    eta = 0.2 + 0.4 * x[:, 0] + (z * u[group]).sum(axis=1)
    return (generator.random(len(x)) < expit(eta)).astype(float), x, group


def log_likelihood(y, x, group, coefficients, root, *, nodes):
    """By a rule of so many nodes a side about zero, for effects u = root v."""
    points, weights = roots_hermitenorm(nodes)
    effects = x.shape[1] + 1
    v = np.stack([axis.ravel() for axis in np.meshgrid(*[points] * effects, indexing="ij")])
    log_weights = sum(axis.ravel() for axis in np.meshgrid(*[np.log(weights / weights.sum())] * effects, indexing="ij"))
    kept = log_weights > -30.0
    u, log_weights, sign = root @ v[:, kept], log_weights[kept], np.where(y == 1.0, 1.0, -1.0)
    z, total = np.column_stack([np.ones(len(x)), x]), 0.0
    for g in range(group[-1] + 1):
        inside = group == g
        eta = (z[inside] @ coefficients)[:, None] + z[inside] @ u
        log_density = log_expit(sign[inside, None] * eta).sum(axis=0) + log_weights
        total += log_density.max() + np.log(np.exp(log_density - log_density.max()).sum())
    return total


def test_the_log_likelihood_of_three_effects_is_that_of_brute_force():
    y, x, group = drawn(3)
    found = estimates_of(fit_model(y, x, group, x_random=x, method="ml"))
    brute = log_likelihood(y, x, group, found.coefficients, np.diag(found.std_devs), nodes=28)
    assert found.log_likelihood == pytest.approx(brute, abs=1e-3)
    # at the maximum, a twentieth of a standard error either way lowers log L by its square over two
    step = np.diag(found.std_errors) / 20.0
    for i in range(3):
        sides = [
            log_likelihood(y, x, group, found.coefficients + sign * step[i], np.diag(found.std_devs), nodes=20)
            for sign in (-1, 1)
        ]
        assert abs(sides[1] - sides[0]) < 2e-3


@pytest.mark.mass
def test_the_log_likelihood_of_three_correlated_effects_is_that_of_brute_force():
    y, x, group = drawn(3, groups=30)
    cells = [["y", "a", "b", "id"], *zip(y.tolist(), *x.T.tolist(), group.tolist(), strict=True)]
    model = fit_formula(cells, "y ~ a + b + (1 + a + b | id)", method="ml")
    found = estimates_of(model)
    root = model.design.scale.random_back_transform @ model.fit.effects_root
    assert_allclose(np.linalg.norm(root, axis=1), found.std_devs, rtol=1e-6)
    brute = log_likelihood(y, x, group, found.coefficients, root, nodes=28)
    assert found.log_likelihood == pytest.approx(brute, abs=1e-3)
    assert found.nodes is not None


@pytest.mark.mass
@pytest.mark.parametrize(("effects", "finer"), [(3, (11, 13)), (4, (9, 11))])
def test_finer_rules_move_the_estimates_by_less_than_a_hundredth_of_a_standard_error(effects, finer, monkeypatch):
    y, x, group = drawn(effects)
    chosen = fit_model(y, x, group, x_random=x, method="ml").fit
    fit_cache.clear()
    monkeypatch.setattr(marginal, "HERMITE_NODES", {effects: finer})
    exact = fit_model(y, x, group, x_random=x, method="ml").fit
    fit_cache.clear()
    assert chosen.nodes < exact.nodes
    assert (chosen.sds > 0.0).all()
    moved = np.r_[chosen.coefficients - exact.coefficients, np.log(chosen.sds / exact.sds)]
    assert (np.abs(moved) < 0.01 * np.sqrt(np.diag(exact.covariance))).all()


@pytest.mark.mass
def test_the_posterior_of_three_effects_is_by_quadrature():
    y, x, group = drawn(3, groups=15)
    found = estimates_of(fit_model(y, x, group, x_random=x))
    by_ml = estimates_of(fit_model(y, x, group, x_random=x, method="ml"))
    assert found.nodes in {5, 7}
    assert found.posterior_error < 0.03
    assert (np.abs(found.coefficients - by_ml.coefficients) < 0.5 * by_ml.std_errors).all()


@pytest.mark.parametrize("sd", [1.0, 20.0, 60.0, 200.0])
def test_rows_that_effects_move_far_in_opposite_ways_keep_their_digits(sd):
    generator = np.random.default_rng(5)
    random, successes = np.column_stack([np.ones(8), generator.normal(size=(8, 2))]), generator.random(8) < 0.5
    rows = Rows(
        successes=successes.astype(float),
        trials=np.ones(8),
        fixed=np.ones((8, 1)),
        random=random,
        grouping=Grouping.of_sizes(np.array([8])),
        upper=None,
    )
    point = Parameters(coefficients=np.array([0.3]), effects=IndependentEffects.of_sds(np.full(3, sd)))
    found, rule = find_modes(rows, point, np.zeros((1, 3))), hermite_rule(9)
    nodes = Nodes.of_rule(rule, (1, 3))
    # the same rule, term by term
    x = np.stack([axis.ravel() for axis in np.meshgrid(*[rule.nodes] * 3, indexing="ij")])
    u = found.modes[0][:, None] + found.scales[0] @ x
    log_f = log_expit(np.where(successes, 1.0, -1.0)[:, None] * (0.3 + random @ u)).sum(axis=0)
    log_f += 0.5 * (x**2).sum(axis=0) - 0.5 * (u**2).sum(axis=0) / sd**2 - 3.0 * np.log(sd)
    log_f += np.linalg.slogdet(found.scales[0])[1]
    weights = np.prod(np.meshgrid(*[rule.weights] * 3, indexing="ij"), axis=0).ravel()
    expected = log_f.max() + np.log(weights @ np.exp(log_f - log_f.max()))
    value = marginal.marginal_value(rows, point, nodes=nodes, found=found)
    assert value == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("effects", [3, 4])
def test_score_and_information_are_finite_differences(effects):
    design = draw_design(9, groups=4, size=6, slopes=effects - 1)
    rows = design.rows
    generator = np.random.default_rng(1)
    point = Parameters(
        coefficients=generator.normal(size=rows.fixed.shape[1]) * 0.5,
        effects=IndependentEffects(log_sds=generator.normal(size=effects) * 0.3),
    )
    start = np.zeros((rows.grouping.count, effects))

    def at(parameters):
        found = find_modes(rows, parameters, start)
        nodes = Nodes.of_rule(hermite_rule(13 if effects == 3 else 9), found.modes.shape)
        return marginal.evaluate_marginal(rows, parameters, nodes=nodes, found=found)

    here, steps = at(point), np.eye(len(point.vector)) * 1e-4
    around = [(at(point.moved(step)), at(point.moved(-step))) for step in steps]
    slopes = [(ahead.value - behind.value) / 2e-4 for ahead, behind in around]
    # the rule follows the mode, so that its error, a few millionths, has slopes of its own
    assert_allclose(here.score, slopes, atol=1e-3)
    bends = [(behind.score - ahead.score) / 2e-4 for ahead, behind in around]
    assert_allclose(here.information, bends, atol=5e-3)
