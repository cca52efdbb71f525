"""What is asked after a fit by "vb" comes from the same posterior: held against brute force on a grid."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import datasets
from glmm_binomial import fit, fit_model, predict, profile_intervals, random_effects
from glmm_binomial.estimation import fitting

GROUPS, SIZE = 8, 5


def intercept_data(seed=3):
    """Return y and groups of a model whose column of x is constant, fitted without intercept."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(GROUPS), SIZE)
    y = (rng.random(len(groups)) < 1.0 / (1.0 + np.exp(-(0.4 + 1.3 * rng.normal(size=GROUPS)[groups])))).astype(float)
    return y, np.ones((len(groups), 1)), groups


@pytest.fixture(scope="module")
def exact():
    """Everything about b, log sd and the effects of the eight groups, on a grid of 121 x 121 x 161 points.

    The joint density is p(b) p(t) prod_g int prod_i p(y_i | b + e^t v) phi(v) dv, with b ~ N(0, 4), t ~ N(0, 1).
    """
    y, _, groups = intercept_data()
    b, t, v = np.linspace(-4.0, 5.0, 121), np.linspace(-4.5, 3.0, 121), np.linspace(-6.0, 6.0, 161)
    successes = np.bincount(groups, weights=y)
    logit = b[:, None, None] + np.exp(t)[None, :, None] * v
    log_phi = -0.5 * v**2
    log_density = np.zeros((len(b), len(t)))
    conditionals = []
    for count in successes:
        log_value = count * logit - SIZE * np.logaddexp(0.0, logit) + log_phi
        top = log_value.max(axis=2, keepdims=True)
        weights = np.exp(log_value - top)
        total = weights.sum(axis=2)
        log_density += top[..., 0] + np.log(total)
        conditionals.append(weights / total[..., None])
    log_density += -0.125 * b[:, None] ** 2 - 0.5 * t**2
    posterior = np.exp(log_density - log_density.max())
    posterior /= posterior.sum()
    effect = np.exp(t)[:, None] * v
    found = {"b": b, "t": t, "posterior": posterior, "effects": [], "logits": []}
    for weights in conditionals:
        joint = posterior[..., None] * weights
        found["effects"].append((np.broadcast_to(effect, joint.shape).ravel(), joint.ravel()))
        found["logits"].append(((b[:, None, None] + effect).ravel(), joint.ravel()))
    average = np.array([[mean_probability(m, np.exp(s)) for s in t] for m in b])
    found["average"] = (np.log(average / (1.0 - average)).ravel(), posterior.ravel())
    return found


def mean_probability(mean, sd):
    grid = np.linspace(-7.0, 7.0, 301)
    weights = np.exp(-0.5 * grid**2)
    return float((weights / (1.0 + np.exp(-(mean + sd * grid)))).sum() / weights.sum())


def summary(values, weights):
    """Mean, SD and 2.5 and 97.5 % quantiles of values with weights that sum to one."""
    mean = float(values @ weights)
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    quantiles = np.interp([0.025, 0.975], cumulated - 0.5 * weights[order], values[order])
    return mean, float(np.sqrt((values - mean) ** 2 @ weights)), quantiles


@pytest.fixture(scope="module")
def model():
    y, x, groups = intercept_data()
    return fit_model(y, x, groups, fit_intercept=False)


@pytest.mark.mass
def test_the_table_is_that_of_the_grid(exact):
    mean, sd, quantiles = summary(np.repeat(exact["b"], len(exact["t"])), exact["posterior"].ravel())
    y, x, groups = intercept_data()
    found = fit(y, x, groups, fit_intercept=False)
    assert found.coefficients[0] == pytest.approx(mean, abs=0.01 * sd)
    assert found.std_errors[0] == pytest.approx(sd, rel=0.02)
    assert_allclose([found.ci_lower[0], found.ci_upper[0]], quantiles, atol=0.06 * sd)
    below = exact["posterior"][exact["b"] < 0.0].sum()
    assert found.p_values[0] == pytest.approx(2.0 * min(below, 1.0 - below), rel=0.05)
    mean, sd, _ = summary(np.tile(exact["t"], len(exact["b"])), exact["posterior"].ravel())
    assert np.log(found.std_devs[0]) == pytest.approx(mean, abs=0.01 * sd)
    assert found.log_sd_std_errors[0] == pytest.approx(sd, rel=0.02)


@pytest.mark.mass
def test_effects_of_groups_are_those_of_the_grid(model, exact):
    found = random_effects(model)
    for group in range(GROUPS):
        mean, sd, quantiles = summary(*exact["effects"][group])
        assert found.estimates[group, 0] == pytest.approx(mean, abs=0.015 * sd)
        assert found.std_devs[group, 0] == pytest.approx(sd, rel=0.02)
        # given theta an effect is taken as normal but for one skewness, which five rows in a group strain
        assert_allclose([found.ci_lower[group, 0], found.ci_upper[group, 0]], quantiles, atol=0.15 * sd)


@pytest.mark.mass
def test_probabilities_of_known_groups_are_those_of_the_grid(model, exact):
    found = predict(model, [[1.0]] * GROUPS, new_groups=[[group] for group in range(GROUPS)])
    for group in range(GROUPS):
        mean, sd, quantiles = summary(*exact["logits"][group])
        assert found.logit[group] == pytest.approx(mean, abs=0.015 * sd)
        assert found.std_error[group] == pytest.approx(sd, rel=0.03)
        limits = np.log([found.ci_lower[group], found.ci_upper[group]]) - np.log1p(
            [-found.ci_lower[group], -found.ci_upper[group]]
        )
        assert_allclose(limits, quantiles, atol=0.15 * sd)


def test_population_averages_are_those_of_the_grid(model, exact):
    found = predict(model, [[1.0]])
    mean, sd, quantiles = summary(*exact["average"])
    logits = [
        float(np.log(p / (1.0 - p)))
        for p in (found.population_average[0], found.population_lower[0], found.population_upper[0])
    ]
    assert logits[0] == pytest.approx(mean, abs=0.015 * sd)
    assert_allclose(logits[1:], quantiles, atol=0.15 * sd)


def test_at_effects_of_zero_the_intervals_are_those_of_the_table():
    data = datasets.bacteria().arguments
    model, table = fit_model(**data), fit(**data)
    found = predict(model, [[0, 0, 0]])
    assert found.logit[0] == pytest.approx(table.coefficients[0], rel=1e-9)
    assert found.std_error[0] == pytest.approx(table.std_errors[0], rel=1e-9)
    limits = [float(np.log(p / (1.0 - p))) for p in (found.ci_lower[0], found.ci_upper[0])]
    assert_allclose(limits, [table.ci_lower[0], table.ci_upper[0]], atol=0.02 * table.std_errors[0])


def test_quantiles_of_the_posterior_stand_beside_the_profile():
    data = datasets.cbpp()
    table, found = fit(**data.arguments), profile_intervals(fit_model(**data.arguments))
    likelihood = profile_intervals(fit_model(**data.arguments, method="ml"))
    assert found.rows()[0][-2:] == ("posterior_lower", "posterior_upper")
    assert likelihood.rows()[0][-2:] == ("wald_lower", "wald_upper")
    for i, interval in enumerate(found.fixed_effects):
        assert interval.posterior_lower == table.ci_lower[i]
        assert interval.posterior_upper == table.ci_upper[i]
        assert interval.wald_lower is None
        assert interval.ci_lower == pytest.approx(likelihood.fixed_effects[i].ci_lower, abs=1e-6)
    (sd,) = found.random_effects
    certified = data.posterior
    allowed = 0.07 * certified["log_sd_sd"]
    assert np.log(sd.posterior_lower) == pytest.approx(certified["log_sd_q025"], abs=allowed)
    assert np.log(sd.posterior_upper) == pytest.approx(certified["log_sd_q975"], abs=allowed)


@pytest.mark.parametrize("name", ["cbpp", "bacteria"])
@pytest.mark.parametrize("method", ["vb", "mean-field"])
def test_every_method_shows_the_log_likelihood_of_the_maximum(name, method):
    data = getattr(datasets, name)().arguments
    best, found = fit(**data, method="ml"), fit(**data, method=method)
    assert (found.log_likelihood, found.aic, found.bic) == (best.log_likelihood, best.aic, best.bic)
    assert found.likelihood_converged


def test_a_likelihood_without_maximum_is_that_at_the_estimates_and_says_so():
    y = [[0], [0], [0], [0], [1], [1], [1], [1], [0], [1]]
    x = [[1.0], [2.0], [3.0], [2.5], [6.0], [7.0], [8.0], [6.5], [1.5], [7.5]]
    groups = [[1], [2], [3], [4], [5], [1], [2], [3], [4], [5]]
    found = fit(y, x, groups)
    assert not found.likelihood_converged
    assert any("no maximum" in notice and "Do not compare" in notice for notice in found.notices)
    assert -5.0 < found.log_likelihood < 0.0


def test_the_cached_fit_by_ml_is_the_same_whether_vb_came_first_or_not():
    data = datasets.bacteria().arguments
    fitting.fit_cache.clear()
    fit(**data)
    after = fit(**data, method="ml")
    fitting.fit_cache.clear()
    before = fit(**data, method="ml")
    np.testing.assert_array_equal(after.coefficients, before.coefficients)
    assert after.log_likelihood == before.log_likelihood


def test_aic_prefers_the_model_that_maximum_likelihood_prefers_where_the_posterior_means_differ_little():
    """Rare groups and a product of columns whose effect is real: aic must fall by it under every method."""
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(60), 20)
    a, b = rng.normal(size=(2, 1200))
    eta = -0.5 + 0.4 * a - 0.3 * b + 0.5 * a * b + rng.normal(size=60)[groups]
    y = (rng.random(1200) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    gains = [
        fit(y, np.column_stack([a, b]), groups, method=method).aic
        - fit(y, np.column_stack([a, b, a * b]), groups, method=method).aic
        for method in ("vb", "ml", "mean-field")
    ]
    assert gains[0] == gains[1] == gains[2] > 10.0


@pytest.mark.mass
def test_effects_of_a_model_with_more_columns_than_draws_are_found():
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(30), 20)
    x = rng.normal(size=(600, 140))
    y = (rng.random(600) < 1.0 / (1.0 + np.exp(-(x[:, 0] + rng.normal(size=30)[groups])))).astype(float)
    found = random_effects(fit_model(y, x, groups))
    assert (found.ci_lower < found.estimates).all()
    assert (found.estimates < found.ci_upper).all()
    assert np.abs(found.estimates).max() < 10.0
