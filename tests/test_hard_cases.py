"""Data on which fits go wrong elsewhere: each gives a right answer or a true warning, never a start value or NaN."""

import math

import numpy as np
import pytest

from glmm_binomial import fit, glmm_binomial
from simulated import draw

GENERATOR_SEED = 2024


def sane(answer):
    """A table of finite numbers, or a message of the contract."""
    if isinstance(answer, str):
        return answer.startswith(("Invalid input: ", "Error fitting GLMM: ")) and "unexpected" not in answer
    return all(math.isfinite(cell) for row in answer for cell in row if isinstance(cell, float))


def notices(estimates):
    return " ".join(estimates.notices)


def cases():
    generator = np.random.default_rng(GENERATOR_SEED)
    y, x, group, _ = draw(50, groups=40, size=15)
    quasi = y.copy()
    rare_column = (x[:, 0] > 1.0).astype(float)
    quasi[rare_column == 1] = 1.0
    rare = np.zeros(5_000)
    rare[generator.choice(5_000, 5, replace=False)] = 1.0
    age = generator.uniform(18.0, 80.0, 600)
    year = generator.integers(2000, 2021, 600).astype(float)
    many = generator.normal(size=(3_000, 22))
    eta = many @ np.linspace(-0.5, 0.5, 22) + generator.normal(size=100)[np.arange(3_000) % 100]
    wide = draw(51, groups=80, size=12, sd=6.0)[:3]
    return {
        "complete separation": ((x[:, 0] > 0).astype(float), x, group),
        "quasi-complete separation": (quasi, np.column_stack([rare_column, x[:, 1]]), group),
        "groups of size one": (y, x, np.arange(600)),
        "two groups": (y, x[:, :1], np.arange(600) % 2),
        "22 predictors": (
            (generator.random(3_000) < 1 / (1 + np.exp(-eta))).astype(float),
            many,
            np.arange(3_000) % 100,
        ),
        "scales of 1e-8 and 1e8": (y, x * np.array([1e-8, 1e8]), group),
        "powers of age": (y, age[:, None] ** np.arange(1, 5), group),
        "powers of years": (y, year[:, None] ** np.arange(1, 5), group),
        "rare outcome": (rare, generator.normal(size=(5_000, 2)), np.arange(5_000) % 250),
        "random intercept of SD 6": wide,
        "one wild value": (y, np.column_stack([np.r_[x[:-1, 0], 1e6], x[:, 1]]), group),
        "more coefficients than groups": (y[:12], generator.normal(size=(12, 6)), np.arange(12) % 3),
        "extreme trials": None,
    }


CASES = cases()


LONG = {("groups of size one", "vb"), ("rare outcome", "vb")}
"""Posteriors far from normal, which all points are needed for."""


@pytest.mark.mass
@pytest.mark.parametrize(
    ("name", "method"),
    [
        pytest.param(name, method, marks=pytest.mark.mass if (name, method) in LONG else ())
        for name, data in CASES.items()
        for method in ("vb", "ml", "mean-field")
        if data
    ],
)
def test_hard_data_give_a_table_of_numbers_or_a_message(name, method):
    assert sane(glmm_binomial(*CASES[name], method=method))


def test_a_million_trials_beside_single_ones_are_fitted():
    y, trials = [[1], [0], [300_000], [1]], [[1], [1], [1_000_000], [2]]
    table = glmm_binomial(y, [[1], [2], [3], [5]], [[1], [2], [3], [1]], trials=trials)
    assert sane(table)
    assert [row[2] for row in table if row[1] == "converged"] == [True]


@pytest.mark.parametrize("name", ["complete separation", "quasi-complete separation"])
def test_separation_is_warned_of_under_vb_and_refused_under_ml(name):
    assert "x1 separates successes from failures" in notices(fit(*CASES[name]))
    message = glmm_binomial(*CASES[name], method="ml")
    assert "since x1 separates" in message


def test_groups_of_size_one_are_warned_of():
    assert "single observation" in notices(fit(*CASES["groups of size one"], method="mean-field"))


def test_two_groups_are_warned_of():
    assert "only 2 groups" in notices(fit(*CASES["two groups"]))


def test_22_predictors_are_recovered():
    estimates = fit(*CASES["22 predictors"], method="ml")
    z = (estimates.coefficients[1:] - np.linspace(-0.5, 0.5, 22)) / estimates.std_errors[1:]
    assert np.abs(z).max() < 4.0


def test_scales_of_columns_do_not_change_the_answer():
    y, x, group = CASES["scales of 1e-8 and 1e8"]
    for method in ("vb", "ml"):
        scaled, plain = fit(y, x, group, method=method), fit(y, x * np.array([1e8, 1e-8]), group, method=method)
        np.testing.assert_allclose(scaled.z_statistics, plain.z_statistics, rtol=1e-8)
        assert scaled.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


def test_an_odds_ratio_beyond_double_precision_is_blank_and_said_so():
    table = glmm_binomial(*CASES["scales of 1e-8 and 1e8"])
    assert table[2][8] is None
    assert any("too large to be shown" in str(row[1]) for row in table if row[0] == "warning")


@pytest.mark.parametrize("name", ["powers of age", "powers of years"])
def test_where_the_prior_decides_about_raw_powers_it_is_said(name):
    assert "weak prior" in notices(fit(*CASES[name]))


def test_a_wide_random_intercept_is_recovered_by_ml_and_warned_of_by_vb():
    y, x, group = CASES["random intercept of SD 6"]
    exact, approximate = fit(y, x, group, method="ml"), fit(y, x, group)
    # two standard errors of the log SD
    assert abs(np.log(exact.std_devs[0] / 6.0)) < 2.0 * exact.log_sd_std_errors[0] + 0.05
    if abs(np.log(approximate.std_devs[0] / exact.std_devs[0])) > 0.25 * exact.log_sd_std_errors[0]:
        assert "log SD of the random intercept" in notices(approximate)


def test_a_rare_outcome_is_fitted_near_its_log_odds():
    estimates = fit(*CASES["rare outcome"], method="ml")
    assert estimates.coefficients[0] == pytest.approx(math.log(5 / 4995), abs=1.0)
