"""Outcomes refitted together by a few steps, held against fits of each on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from datasets import cbpp
from glmm_binomial import fit_formula
from glmm_binomial.estimation.conditional_modes import find_modes
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.estimation.likelihood import maximize_likelihood
from glmm_binomial.estimation.refits import ROWS_AT_ONCE, refitted_predictors
from glmm_binomial.interruption import StoppedError, stopping_when
from glmm_binomial.model.effects import Parameters
from glmm_binomial.model.logistic import logistic
from glmm_binomial.model.rows import orthonormalize
from simulated import draw


def model_of(kind):
    y, x, group, x_random = draw(5, groups=40, size=12, slopes=1)
    if kind == "correlated":
        table = [["y", "a", "b", "day", "id"], *np.column_stack([y, x, x_random, group]).tolist()]
        return fit_formula(table, "y ~ a + b + (1 + day | id)", method="ml")
    if kind == "no effects":
        return fit_model(np.tile([0.0, 1.0], 240), x, group, method="ml")
    return fit_model(y, x, group, x_random=x_random if kind == "slope" else None, method="ml")


def point_of(model):
    rows = model.design.rows.with_effects(model.fit.active)
    return rows, Parameters(coefficients=model.fit.coefficients, effects=model.fit.active_effects)


def drawn(rows, parameters, times):
    generator = np.random.default_rng(1)
    for _ in range(times):
        effects = generator.normal(size=(rows.grouping.count, parameters.effects.count)) @ parameters.effects.root.T
        p = logistic(rows.predictor(parameters.coefficients, effects)).probability
        yield generator.binomial(rows.trials.astype(int), p).astype(float)


def together(rows, parameters, outcomes):
    return np.vstack([predictors for _, predictors in refitted_predictors(rows, parameters, outcomes)])


@pytest.mark.parametrize("kind", ["intercept", "slope", "correlated", "no effects"])
def test_what_is_at_its_maximum_stays_there(kind):
    rows, parameters = point_of(model_of(kind))
    (found,) = together(rows, parameters, [rows.successes])
    modes = find_modes(rows, parameters, np.zeros((rows.grouping.count, parameters.effects.count))).modes
    # of few nodes, which do not find the maximum to all digits
    assert_allclose(found, rows.predictor(parameters.coefficients, modes), atol=2e-3)


@pytest.mark.parametrize("kind", ["intercept", "slope", "correlated"])
def test_three_steps_come_near_the_maximum(kind):
    rows, parameters = point_of(model_of(kind))
    outcomes = list(drawn(rows, parameters, 5))
    start, turned = np.zeros((rows.grouping.count, parameters.effects.count)), orthonormalize(rows)
    for y, predictors in zip(outcomes, together(rows, parameters, outcomes), strict=True):
        own = replace(turned, rows=replace(turned.rows, successes=y))
        fit = maximize_likelihood(own, parameters, start)
        exact = rows.fixed @ fit.coefficients + (rows.random * fit.random_effects[rows.grouping.index]).sum(axis=1)
        before = replace(rows, successes=y)
        modes = find_modes(before, parameters, start).modes
        stayed = np.abs(before.predictor(parameters.coefficients, modes) - exact).max()
        assert np.abs(predictors - exact).max() < 0.2 * stayed


def test_counts_are_refitted_as_well_as_single_trials():
    rows, parameters = point_of(fit_model(**cbpp().arguments, method="ml"))
    (found,) = together(rows, parameters, [rows.successes])
    modes = find_modes(rows, parameters, np.zeros((rows.grouping.count, 1))).modes
    assert_allclose(found, rows.predictor(parameters.coefficients, modes), atol=2e-3)


def test_outcomes_come_back_in_their_order_whatever_the_batches(monkeypatch):
    rows, parameters = point_of(model_of("intercept"))
    outcomes = list(drawn(rows, parameters, 7))
    whole = list(refitted_predictors(rows, parameters, outcomes))
    assert len(whole) == 1
    monkeypatch.setattr("glmm_binomial.estimation.refits.ROWS_AT_ONCE", 3 * len(rows.trials))
    batches = list(refitted_predictors(rows, parameters, outcomes))
    assert [len(successes) for successes, _ in batches] == [3, 3, 1]
    assert_allclose(np.vstack([successes for successes, _ in batches]), outcomes)
    # the information is a mean over the first batch
    assert_allclose(np.vstack([found for _, found in batches]), whole[0][1], atol=0.1)
    assert len(rows.trials) < ROWS_AT_ONCE


def test_refits_can_be_stopped():
    rows, parameters = point_of(model_of("intercept"))
    with stopping_when(lambda: True), pytest.raises(StoppedError):
        together(rows, parameters, [rows.successes])
