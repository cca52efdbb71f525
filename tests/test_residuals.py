"""Residuals: Pearson's against lme4, quantiles against the law of the model, and what a row left out shows."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from scipy.stats import binom, kstest

from datasets import REFERENCE, bacteria, cbpp, vegetables
from glmm_binomial import fit_formula, residuals, simulate
from glmm_binomial.answers.residuals import Residuals
from glmm_binomial.answers.rows import finished
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.estimation.pearson import counts_of
from glmm_binomial.observations import InvalidInputError
from glmm_binomial.observations.handed_over import HandedOver

DATASETS = {"cbpp": cbpp, "bacteria": bacteria}


def cattle(**options):
    return fit_model(**cbpp().arguments, **{"method": "ml", **options})


def lme4(name):
    with (REFERENCE / "residuals_lme4.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["dataset"] == name]
    return {column: np.array([float(row[column]) for row in rows]) for column in ("fitted", "pearson")}


@pytest.mark.parametrize("name", DATASETS)
def test_fitted_values_and_pearson_residuals_are_those_of_lme4(name):
    found, reference = residuals(fit_model(**DATASETS[name]().arguments, method="ml"), n_sim=1), lme4(name)
    # lme4's tightened optimiser leaves 1e-5 in the SD, and its PIRLS 1e-6 in the modes
    assert_allclose(found.fitted, reference["fitted"], rtol=3e-5)
    assert_allclose(found.pearson, reference["pearson"], rtol=3e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "scaled"),
    [
        # printed by reference/residuals_lme4.R
        ("cbpp", [-2.3807918, -0.79055289, -0.20015986, 0.51122524, 2.8730719]),
        ("bacteria", [-4.5630344, 0.13186145, 0.29743197, 0.42024527, 1.1608867]),
    ],
)
def test_quartiles_of_the_residuals_are_those_of_lme4s_summary(name, scaled):
    model = fit_model(**DATASETS[name]().arguments, method="ml")
    found = counts_of(model.observations, model.design.scale, model.fit).quartiles
    assert_allclose(found, scaled, rtol=3e-5)


def test_rows_in_another_order_have_the_same_residuals():
    arguments = cbpp().arguments
    shuffled = np.random.default_rng(0).permutation(56)
    other = residuals(fit_model(**{n: [rows[i] for i in shuffled] for n, rows in arguments.items()}, method="ml"))
    first = residuals(cattle())
    assert_allclose(other.pearson, first.pearson[shuffled], rtol=1e-7)
    assert_allclose(other.fitted, first.fitted[shuffled], rtol=1e-7)
    assert other.groups == tuple(first.groups[i] for i in shuffled)


def test_quantiles_lie_among_the_simulations_of_the_same_seed():
    model = cattle()
    responses = simulate(model, n_sim=100, seed=3).responses
    y = model.observations.successes[:, None]
    found = residuals(model, n_sim=100, seed=3).quantile
    assert ((responses < y).mean(axis=1) <= found).all()
    assert (found <= (responses <= y).mean(axis=1)).all()


def test_quantiles_come_to_the_law_of_the_outcome_over_new_groups():
    model = cattle()
    found = residuals(model, n_sim=4000).quantile
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    intercept, *slopes = model.design.scale.back_transform @ model.fit.coefficients
    fixed = intercept + model.observations.x @ np.array(slopes)
    p = expit(fixed[:, None] + model.fit.sds[0] * nodes)
    y, n = model.observations.successes[:, None], model.observations.trials[:, None]
    below, up_to = binom.cdf(y - 1, n, p) @ weights, binom.cdf(y, n, p) @ weights
    # four standard errors of a share of 4,000 simulations
    assert (below - 4 * 0.5 / np.sqrt(4000) <= found).all()
    assert (found <= up_to + 4 * 0.5 / np.sqrt(4000)).all()
    share = (found - below) / (up_to - below)
    assert kstest(share.clip(0, 1), "uniform").pvalue > 0.01


def test_quantiles_of_data_from_the_model_are_uniform_and_those_of_another_are_not():
    model = fit_model(**vegetables().arguments, method="ml")
    found = residuals(model).quantile
    # 250 groups of 14 rows that hardly depend on each other, of SD .18
    assert kstest(found, "uniform").pvalue > 0.01
    arguments = vegetables().arguments
    treated = np.array(arguments["x"])[:, 0] == 1.0
    without = fit_model(**{**arguments, "x": [row[1:2] for row in arguments["x"]]}, method="ml")
    assert kstest(residuals(without).quantile[treated], "uniform").pvalue < 1e-6


def test_the_same_seed_gives_the_same_quantiles_and_another_seed_others():
    model = cattle()
    assert_array_equal(residuals(model, seed=5).quantile, residuals(model, seed=5).quantile)
    assert not np.array_equal(residuals(model, seed=5).quantile, residuals(model, seed=6).quantile)


@pytest.mark.parametrize("method", ["vb", "mean-field"])
def test_other_methods_have_residuals_at_their_own_estimates(method):
    model = cattle(method=method)
    found = residuals(model)
    y, n, p = model.observations.successes, model.observations.trials, found.fitted
    assert_allclose(found.pearson, (y - n * p) / np.sqrt(n * p * (1.0 - p)), rtol=1e-9)
    # the mode solves z'(y - n p) = u / sd^2 in each group
    fixed = np.column_stack([np.ones(56), model.observations.x])
    fixed = fixed @ (model.design.scale.back_transform @ model.fit.coefficients)
    effects = np.log(p / (1.0 - p)) - fixed
    group = model.observations.group_index
    assert_allclose(
        np.bincount(group, weights=y - n * p),
        effects[np.unique(group, return_index=True)[1]] / (model.fit.sds[0] ** 2),
        atol=1e-6,
    )


def test_without_differences_between_groups_the_fitted_values_are_those_of_a_logistic_regression():
    generator = np.random.default_rng(2)
    x, group = generator.normal(size=200), np.repeat(np.arange(10), 20)
    # outcomes that alternate within groups differ less between groups than chance would have it
    model = fit_model(np.tile([0.0, 1.0], 100), x, group, method="ml")
    assert model.fit.sds[0] == 0.0
    intercept, slope = model.design.scale.back_transform @ model.fit.coefficients
    assert_allclose(residuals(model).fitted, expit(intercept + slope * x), rtol=1e-9)


def test_the_table_has_a_row_for_each_row_handed_over():
    rows = [["y", "dose", "id"], *([float(i % 3 == 0), float(i % 7), i // 6] for i in range(36))]
    rows[5][1] = None
    found = finished(residuals(fit_formula(rows, "y ~ dose + (1 | id)", method="ml")).rows())
    assert found[0] == ["row", "group", "fitted", "pearson", "quantile", "left_out"]
    assert [row[0] for row in found[1:]] == [float(number) for number in range(1, 37)]
    assert found[5] == [5.0, None, None, None, None, "dose is blank"]
    assert all(0.0 < row[2] < 1.0 and row[5] is None for row in found[1:] if row[0] != 5.0)


def test_the_table_is_that_of_the_fields():
    found = Residuals(
        groups=("a", 2.0),
        fitted=np.array([0.25, 0.5]),
        pearson=np.array([-1.0, 1.0]),
        quantile=np.array([0.125, 0.75]),
        seed=1,
        handed_over=HandedOver(position=np.arange(2), reasons=(None, None)),
    )
    assert finished(found.rows()) == [
        ["row", "group", "fitted", "pearson", "quantile"],
        [1.0, "a", 0.25, -1.0, 0.125],
        [2.0, 2.0, 0.5, 1.0, 0.75],
    ]


def test_options_that_cannot_be_used_are_refused():
    with pytest.raises(InvalidInputError, match=r"n_sim must be a whole number from 1 to 10000\. It is 0"):
        residuals(cattle(), n_sim=0)
    with pytest.raises(InvalidInputError, match="Invalid input: seed must be a whole number"):
        residuals(cattle(), seed=-1)
