"""Tests of residuals: statistics by hand, ranks, what they reject and what they let pass."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import binom, kstest, norm

from datasets import cbpp, expanded, vegetables
from glmm_binomial.answers import residual_tests as module
from glmm_binomial.answers.check import check
from glmm_binomial.answers.residual_tests import residual_tests
from glmm_binomial.answers.residuals import residuals
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.interruption import StoppedError, stopping_when
from glmm_binomial.observations.simulation_options import SimulationOptions
from residual_rates import NAMES, Shape, draw, rejection_rates

OPTIONS = SimulationOptions(n_sim=60, seed=3)


def cattle(method="ml"):
    return fit_model(**cbpp().arguments, method=method)


def by_name(model, options=OPTIONS):
    return {each.name: each for each in residual_tests(model, options)}


def test_the_quartiles_are_those_of_lme4():
    found = check(cattle(), n_sim=40).quartiles
    # lme4 1.1-31, nAGQ = 25: quantile(residuals(model, "pearson"))
    assert_allclose(found, [-2.3807918, -0.79055289, -0.20015986, 0.51122524, 2.8730719], rtol=2e-6)


def test_statistics_are_those_of_quantiles_at_the_modes():
    model = cattle()
    observations, found = model.observations, residuals(model)
    # of the rows sorted by group, as the shares are drawn
    order = np.argsort(observations.group_index, kind="stable")
    y, n, p = observations.successes[order], observations.trials[order], found.fitted[order]
    share = module._generator(OPTIONS.seed, 0).random(len(y))
    u = binom.cdf(y - 1, n, p) + share * binom.pmf(y, n, p)
    tests = by_name(model)
    # three steps from the maximum stay there up to the error of few nodes
    assert_allclose(tests["uniformity"].statistic, kstest(u, "uniform").statistic, atol=2e-3)
    assert_allclose(tests["dispersion"].statistic, (norm.ppf(u) ** 2).mean(), rtol=5e-3)
    # every outcome of every row, as extreme as the most extreme that occurred, or more
    tails = [
        np.minimum(binom.cdf(k, m, q), binom.sf(k - 1, m, q))
        for m, q in zip(n, p, strict=True)
        for k in [np.arange(m + 1)]
    ]
    smallest = min(each[int(count)] for each, count in zip(tails, y, strict=True))
    shares = [
        binom.pmf(np.arange(m + 1), m, q)[each <= smallest * 1.001].sum()
        for m, q, each in zip(n, p, tails, strict=True)
    ]
    assert_allclose(tests["outliers"].statistic, 1.0 - np.prod(1.0 - np.array(shares)), rtol=2e-2)
    assert {each.simulations for each in tests.values()} == {60}


def test_p_is_the_rank_among_all_statistics():
    values = np.array([3.0, 1.0, 3.0, 5.0, 2.0])
    assert module._upper(values) == 3 / 5
    # below all others, and above all
    assert module._upper(np.array([0.0, 1.0, 2.0])) == 1.0
    assert module._upper(np.array([9.0, 1.0, 2.0])) == 1 / 3
    (_, dispersion, outliers) = module._of_quantiles(np.array([[1.0, 0.0, 0.0], *[[1.0, k, k] for k in range(1, 40)]]))
    # too small and too large a dispersion both count, of outliers only a small probability
    assert dispersion.p_value == 2 / 40
    assert outliers.p_value == 1 / 40


def test_the_share_of_outcomes_in_a_tail_is_that_of_all_outcomes():
    trials, p = np.array([1, 5, 5, 40]), np.array([0.02, 0.3, 0.7, 1e-4])
    for tail in (1e-12, binom.cdf(1, 5, 0.3), 0.05, 0.98, 1.0):
        below = [binom.cdf(np.arange(n + 1), n, q) for n, q in zip(trials, p, strict=True)]
        expected = [each[each <= tail].max(initial=0.0) for each in below]
        assert_allclose(module._share_below(tail, trials, p), expected, rtol=1e-12)


def test_single_trials_that_are_equal_in_x_and_group_count_as_one():
    counts, rows = (fit_model(**data.arguments, method="ml") for data in (cbpp(), expanded(cbpp())))
    # no herd has a period twice, so that the merged rows are those of the counts
    for name, found in by_name(rows).items():
        assert_allclose(found.statistic, by_name(counts)[name].statistic, rtol=1e-6)
        assert found.p_value == by_name(counts)[name].p_value


def test_the_missing_product_is_named():
    arguments = vegetables().arguments
    wrong = fit_model(**{**arguments, "x": [row[:2] for row in arguments["x"]]}, method="ml")
    found = by_name(wrong)["products"]
    assert found.note == "x1 times x2"
    assert found.p_value == 1 / 61
    # where the product is in the model, there is none left to look at
    assert "products" not in by_name(fit_model(**arguments, method="ml"))


def test_a_square_that_is_left_out_is_named():
    generator = np.random.default_rng(8)
    x = generator.uniform(-2.0, 2.0, size=600)
    y = (generator.random(600) < 1.0 / (1.0 + np.exp(2.0 - 1.5 * x**2))).astype(float)
    found = by_name(fit_model(y, x, np.arange(600) % 30, method="ml"))["products"]
    assert (found.note, found.p_value) == ("x1 squared", 1 / 61)


def test_columns_in_other_units_change_nothing():
    y, x, group = draw(Shape(20, 8, 1.0, 1), "interaction", np.random.default_rng(2))
    plain, scaled = (by_name(fit_model(y, columns, group, method="ml")) for columns in (x, 100.0 * x + 7.0))
    for name in NAMES:
        assert_allclose(scaled[name].statistic, plain[name].statistic, rtol=1e-5)


@pytest.mark.parametrize("method", ["vb", "mean-field"])
def test_other_methods_are_tested_too(method):
    tests = by_name(cattle(method=method))
    assert set(tests) >= {"uniformity", "dispersion", "outliers"}
    # three steps lead from any estimates to the neighbourhood of the maximum
    assert_allclose(tests["dispersion"].statistic, by_name(cattle())["dispersion"].statistic, rtol=0.05)


def test_without_differences_between_groups_and_without_predictors_there_are_tests():
    y, group = np.tile([0.0, 1.0], 60), np.repeat(np.arange(12), 10)
    model = fit_model(y, None, group, method="ml")
    assert model.fit.sds[0] == 0.0
    assert set(by_name(model)) == {"uniformity", "dispersion", "outliers"}


def test_the_same_seed_gives_the_same_tests_and_another_seed_others():
    model = cattle()
    assert residual_tests(model, OPTIONS) == residual_tests(model, OPTIONS)
    assert residual_tests(model, OPTIONS) != residual_tests(model, SimulationOptions(n_sim=60, seed=4))


def test_more_simulations_hardly_change_a_statistic():
    more = by_name(cattle(), SimulationOptions(n_sim=80, seed=3))
    # the information of the steps is a mean over the simulations
    assert_allclose(more["outliers"].statistic, by_name(cattle())["outliers"].statistic, rtol=1e-6)


def test_too_many_rows_are_not_tested(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 55)
    found = check(cattle(), n_sim=40)
    assert found.tests == ()
    assert found.rows()[-1] == ("residual_tests", "not made with more than 55 different rows")


def test_many_rows_take_fewer_simulations(monkeypatch):
    monkeypatch.setattr(module, "TESTED_ROWS", 56 * 50)
    assert by_name(cattle())["uniformity"].simulations == 50
    monkeypatch.setattr(module, "TESTED_ROWS", 56)
    assert by_name(cattle())["uniformity"].simulations == 40


def test_more_random_effects_take_fewer_simulations(monkeypatch):
    y, x, group = draw(Shape(20, 10, 1.0, 1), "nothing", np.random.default_rng(1))
    slope = x[:, 1:] * np.random.default_rng(2).normal(size=20)[group, None]
    intercept = 2.0 * np.random.default_rng(4).normal(size=20)[group]
    y = (np.random.default_rng(3).random(200) < expit(intercept + 2.0 * slope[:, 0])).astype(float)
    model = fit_model(y, x, group, x_random=x[:, 1:], method="ml")
    assert (model.fit.sds > 0.0).all()
    monkeypatch.setattr(module, "TESTED_ROWS", 4 * 200 * 45)
    assert by_name(model)["uniformity"].simulations == 45
    monkeypatch.setattr(module, "MOST_ROWS", 399)
    assert residual_tests(model, OPTIONS) == ()


def test_tests_can_be_stopped():
    model, asked = cattle(), iter([False] * 20)
    with stopping_when(lambda: next(asked, True)), pytest.raises(StoppedError):
        residual_tests(model, OPTIONS)


@pytest.mark.mass
@pytest.mark.simulation
def test_right_models_pass_and_wrong_ones_are_flagged():
    # four Monte-Carlo standard errors of 100 data sets above 5 %
    rates = rejection_rates(Shape(10, 20, 1.0, 1), "nothing", datasets=100)
    assert max(rates.values()) <= 0.05 + 4.0 * np.sqrt(0.05 * 0.95 / 100)
    assert rejection_rates(Shape(10, 20, 1.0, 1), "interaction", datasets=10)["products"] >= 0.9
    assert rejection_rates(Shape(10, 20, 2.0, 20), "overdispersion", datasets=10)["dispersion"] >= 0.9
    assert rejection_rates(Shape(10, 20, 2.0, 20), "grouping", datasets=10)["dispersion"] >= 0.9
