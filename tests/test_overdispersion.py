"""Counts that vary more than the model lets them: the chi-square by hand, its law by long simulation, and the words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, xlogy

from datasets import cbpp, expanded
from glmm_binomial.answers.check import check
from glmm_binomial.answers.estimates import estimates_of
from glmm_binomial.answers.overdispersion import (
    Dispersion,
    about_dispersion,
    check_dispersion,
    dispersion_of,
    shown,
)
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.estimation.pearson import counts_of, refitted_chi_squares
from glmm_binomial.formula.reading import read_formula
from glmm_binomial.observations.simulation_options import SimulationOptions
from test_crossed import answered
from test_nested import pupils


def drawn(seed, *, groups=20, size=4, trials=(10, 30), intercept=-0.5, sd=0.7, extra=0.0):
    """Draw successes, x (two columns), groups and trials; `extra` is the SD of an effect of each row."""
    generator = np.random.default_rng([seed, 31])
    group = np.repeat(np.arange(groups), size)
    x = np.column_stack([np.arange(len(group)) % size >= size / 2, generator.normal(size=len(group))]).astype(float)
    n = generator.integers(*trials, size=len(group))
    eta = intercept + 0.2 * x[:, 1] + generator.normal(scale=sd, size=groups)[group]
    eta += extra * generator.normal(size=len(group))
    return generator.binomial(n, expit(eta)), x, group, n


def model_of(data, *, method="ml", **options):
    y, x, group, n = data
    return fit_model(y, x, group, trials=n, method=method, **options)


def found_in(model):
    return dispersion_of(model.observations, model.design, model.fit)


# the chi-square


def test_the_chi_square_is_that_of_the_modes_by_brute_force():
    y, x, group, n = drawn(1, groups=5)
    model = model_of((y, x, group, n))
    fixed = np.column_stack([np.ones(len(y)), x]) @ (model.design.scale.back_transform @ model.fit.coefficients)
    chi_square, freedom = 0.0, len(y) - 3.0
    for label in range(5):
        own, variance = group == label, model.fit.sds[0] ** 2

        def density(u, own=own, variance=variance):
            p = expit(fixed[own] + u[0])
            return -(xlogy(y[own], p) + xlogy(n[own] - y[own], 1.0 - p)).sum() + 0.5 * u[0] ** 2 / variance

        u = minimize(density, [0.0], method="BFGS", options={"gtol": 1e-9}).x[0]
        p = expit(fixed[own] + u)
        chi_square += ((y[own] - n[own] * p) ** 2 / (n[own] * p * (1.0 - p))).sum()
        information = (n[own] * p * (1.0 - p)).sum()
        # the effect uses up the share of its precision that comes from data
        freedom -= information / (information + 1.0 / variance)
    counts = counts_of(model.observations, model.design.scale, model.fit)
    assert_allclose(counts.chi_square, chi_square, rtol=1e-6)
    assert_allclose(counts.degrees_of_freedom, freedom, rtol=1e-6)
    assert_allclose(found_in(model).ratio, chi_square / freedom, rtol=1e-6)


def test_without_random_effects_it_is_that_of_a_logistic_regression():
    y, x, group, n = drawn(3, sd=0.0)
    model = model_of((y, x, group, n))
    assert model.fit.sds[0] == 0.0
    p = expit(np.column_stack([np.ones(len(y)), x]) @ (model.design.scale.back_transform @ model.fit.coefficients))
    expected = ((y - n * p) ** 2 / (n * p * (1.0 - p))).sum() / (len(y) - 3)
    assert_allclose(found_in(model).ratio, expected, rtol=1e-9)


def test_the_chi_square_of_the_cattle_is_that_of_lme4():
    model = fit_model(**cbpp().arguments, method="ml")
    # tests/reference/pearson_lme4.R, whose optimiser leaves the SD good to five digits
    assert_allclose(counts_of(model.observations, model.design.scale, model.fit).chi_square, 62.97520663, rtol=1e-5)


def test_a_refit_by_one_step_comes_to_the_joint_maximum_of_new_data():
    model = model_of(drawn(5, groups=6))
    counts = counts_of(model.observations, model.design.scale, model.fit)
    other = np.minimum(counts.rows.successes + (np.arange(len(counts.order)) % 3 == 0), counts.rows.trials)
    start = counts.found.modes
    rows, sd = counts.rows, model.fit.sds[0]

    def density(theta):
        p = expit(rows.fixed @ theta[:3] + theta[3:][rows.grouping.index])
        by_row = xlogy(other, p) + xlogy(rows.trials - other, 1.0 - p)
        return -by_row.sum() + 0.5 * (theta[3:] ** 2).sum() / sd**2

    best = minimize(density, np.r_[model.fit.coefficients, start[:, 0]], method="BFGS", options={"gtol": 1e-8}).x
    p = expit(rows.fixed @ best[:3] + best[3:][rows.grouping.index])
    by_row = (other - rows.trials * p) ** 2 / (rows.trials * p * (1.0 - p))
    refitted = refitted_chi_squares(counts, np.array([other, rows.successes]), np.array([start, start]))
    # Newton's step from estimates a standard error away
    assert_allclose(refitted[0], rows.grouping.sums(by_row), rtol=0.02)
    assert refitted.shape == (2, 6)


# what is counts, and what is not


def test_outcomes_of_zero_and_one_cannot_be_overdispersed():
    rows = expanded(cbpp())
    assert found_in(fit_model(**rows.arguments, method="ml")) is None
    assert check(fit_model(**rows.arguments, method="ml")).dispersion is None
    assert found_in(fit_model(**{**rows.arguments, "trials": [[1.0]] * len(rows.arguments["y"])}, method="ml")) is None


def test_without_degrees_of_freedom_nothing_is_told():
    # four rows, two groups and three coefficients
    model = fit_model([3, 5, 4, 7], [[0, 1], [1, 1], [0, 0], [1, 3]], [1, 1, 2, 2], trials=[10] * 4)
    assert found_in(model) is None
    assert check(model).dispersion is None


@pytest.mark.parametrize("method", ["ml", "vb", "mean-field"])
def test_the_classical_data_on_cattle_are_overdispersed_a_little(method):
    found = found_in(fit_model(**cbpp().arguments, method=method))
    assert 1.2 < found.ratio < 1.7
    assert 0.8 < found.expected < 1.1


# the verdict


@pytest.mark.mass
def test_an_effect_of_each_row_is_announced_and_fails_the_check():
    significant = 0
    for seed in range(10):
        y, x, group, n = drawn(seed, trials=(200, 201), extra=1.0)
        model = model_of((y, x[:, :1], group, n))
        estimates = estimates_of(model)
        significant += estimates.p_values[1] < 0.05
        assert estimates.notices[0].startswith("The counts vary more than the model lets them")
        checked = check(model, n_sim=60)
        assert not checked.dispersion.inside
        assert checked.dispersion.observed == estimates.dispersion.ratio > 5 * checked.dispersion.ci_upper
        # the proportions of the patterns were fitted and tell nothing
        assert checked.inside.all()
    # of a predictor without effect, where one in twenty is to be expected
    assert significant >= 3


@pytest.mark.mass
@pytest.mark.simulation
@pytest.mark.parametrize(
    "shape",
    [
        {"groups": 15, "trials": (5, 30), "intercept": -1.5},
        {"groups": 30, "size": 5, "trials": (10, 40), "intercept": -4.0},
        {"trials": (200, 201)},
        {"groups": 40, "size": 6, "trials": (2, 5), "intercept": 0.0, "sd": 1.0},
        {"groups": 6, "size": 8, "trials": (10, 20), "sd": 0.5},
    ],
)
def test_right_models_are_called_overdispersed_in_about_one_case_of_twenty(shape):
    found = [found_in(model_of(drawn(seed, **shape))) for seed in range(400)]
    called = [dispersion.is_too_large for dispersion in found if dispersion.largest is not None]
    assert len(called) >= 100
    # 5 % give or take three Monte-Carlo errors
    assert abs(np.mean(called) - 0.05) < 3 * np.sqrt(0.05 * 0.95 / len(called))


@pytest.mark.mass
def test_the_law_is_that_of_data_drawn_from_the_model_and_fitted_anew():
    model = model_of(drawn(8, groups=40))
    law, ratios = found_in(model), []
    _, x, group, n = drawn(8, groups=40)
    generator = np.random.default_rng(2)
    b = model.design.scale.back_transform @ model.fit.coefficients
    for _ in range(300):
        eta = b[0] + x @ b[1:] + generator.normal(scale=model.fit.sds[0], size=40)[group]
        ratios.append(found_in(model_of((generator.binomial(n, expit(eta)), x, group, n))).ratio)
    error = np.std(ratios) / np.sqrt(300)
    # a hundred simulations behind the law, three hundred behind the comparison
    assert abs(law.expected - np.mean(ratios)) < 4 * error * np.sqrt(1.0 + 300 / 100)
    assert 0.02 < np.mean(np.array(ratios) > law.largest) < 0.1


def test_the_warning_gives_ratio_law_and_factor():
    observations = model_of(drawn(8, groups=40)).observations
    (notice,) = about_dispersion(Dispersion(ratio=4.0, expected=1.0, largest=1.25), observations)
    assert "is 4, where data from the model give 1, and in 95 % of cases at most 1.25." in notice
    assert "An effect of each row accounts for it: in a formula (1 | id/row) in the place of (1 | id)" in notice
    assert "multiply the standard errors by 2, the root of that ratio" in notice
    assert not list(about_dispersion(Dispersion(ratio=1.25, expected=1.0, largest=1.25), observations))
    assert not list(about_dispersion(None, observations))


@pytest.mark.parametrize(
    ("data", "formula"),
    [
        (answered(), "y / n ~ x + (1 | person) + (1 | item)"),
        (pupils(trials=3), "s / n ~ x + (1 | school/class)"),
        (pupils(trials=3), "s / n ~ x + (1 + x | school)"),
    ],
)
def test_no_effect_of_each_row_is_advised_where_there_is_no_room_for_it(data, formula):
    observations = read_formula(data, formula, method="ml").observations
    (notice,) = about_dispersion(Dispersion(ratio=4.0, expected=1.0, largest=1.25), observations)
    assert "which is not fitted beside such random effects yet. As a rough guide multiply" in notice
    assert "id/row" not in notice


def test_the_effect_of_each_row_is_written_with_the_name_of_the_groups():
    observations = read_formula(pupils(trials=3), "s / n ~ x + (1 | school)", method="ml").observations
    (notice,) = about_dispersion(Dispersion(ratio=4.0, expected=1.0, largest=1.25), observations)
    assert "in a formula (1 | school/row) in the place of (1 | school), with a column row" in notice


def test_where_a_few_trials_in_a_few_rows_tell_too_little_there_is_no_verdict():
    model = model_of(drawn(10, groups=200, size=2, trials=(3, 4), intercept=-2.0, sd=1.0))
    found = found_in(model)
    assert 0.5 < found.expected < 0.85
    assert found.largest is None
    assert not found.is_too_large
    assert [name for name, _ in shown(found)] == ["dispersion", "dispersion_expected"]
    assert check_dispersion(model, SimulationOptions(n_sim=100, seed=1)) is None


# the same digits


def test_the_same_data_give_the_same_digits_in_every_thread():
    model = model_of(drawn(9))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: found_in(model), range(8)))) == 1


def test_the_order_of_the_rows_changes_the_law_alone_and_little():
    y, x, group, n = drawn(10)
    order = np.random.default_rng(0).permutation(len(y))
    first, second = (
        found_in(model_of((y, x, group, n))),
        found_in(model_of((y[order], x[order], group[order], n[order]))),
    )
    assert_allclose(first.ratio, second.ratio, rtol=1e-8)
    assert_allclose(first.expected, second.expected, rtol=0.1)


@pytest.mark.mass
def test_a_check_repeats_its_simulations():
    model = model_of(drawn(11))
    first, second, other = check(model), check(model), check(model, seed=2)
    assert first.dispersion == second.dispersion != other.dispersion
    assert_array_equal(first.dispersion.observed, other.dispersion.observed)
