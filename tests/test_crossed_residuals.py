"""Whether crossed groupings fit: residuals refitted, Pearson's chi-square and its law, right and wrong models."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from glmm_binomial import check, estimates_of, fit_formula
from glmm_binomial.answers.overdispersion import dispersion_of
from glmm_binomial.answers.residual_tests import residual_tests
from glmm_binomial.errors import FitError
from glmm_binomial.estimation.crossed_refits import refitted_crossed_predictors
from glmm_binomial.estimation.pearson import counts_of, refitted_chi_squares
from glmm_binomial.model.effects import Parameters
from glmm_binomial.observations.simulation_options import SimulationOptions
from test_crossed import FORMULA, answered, fitted

OPTIONS = SimulationOptions(n_sim=60, seed=1)


def dispersion(model):
    return dispersion_of(model.observations, model.design, model.fit)


def joint(model, successes):
    """Columns of coefficients and of both kinds of effects, their precision, and minus the log density, by hand."""
    observations = model.observations
    design = np.hstack(
        [
            np.ones((len(successes), 1)),
            observations.x,
            np.eye(len(observations.group_labels))[observations.group_index],
            np.eye(len(observations.crossed.labels))[observations.crossed.index],
        ]
    )
    counts = len(observations.group_labels), len(observations.crossed.labels)
    precision = np.concatenate(
        [[0.0, 0.0], *(np.full(n, sd**-2.0) for n, sd in zip(counts, model.fit.sds, strict=True))]
    )

    def minus_log(point):
        eta = design @ point
        gain = successes * log_expit(eta) + (observations.trials - successes) * log_expit(-eta)
        slope = design.T @ (successes - observations.trials * expit(eta)) - precision * point
        return -(gain.sum() - 0.5 * precision @ point**2), -slope

    return design, precision, minus_log


def chi_square_at_the_peak(model, successes):
    design, _, minus_log = joint(model, successes)
    found = minimize(minus_log, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 5_000})
    p, n = expit(design @ found.x), model.observations.trials
    return ((successes - n * p) ** 2 / (n * p * (1.0 - p))).sum()


# --- Pearson's chi-square ---------------------------------------------------------------------------------------------


def test_degrees_of_freedom_are_those_of_a_dense_hat_matrix():
    model = fitted(answered(persons=20, items=6, trials=30))
    design, precision, _ = joint(model, model.observations.successes)
    counts = counts_of(model.observations, model.design.scale, model.fit)
    p = expit(counts.in_the_users_order(counts.predictor))
    information = design.T @ (design * (model.observations.trials * p * (1.0 - p))[:, None])
    effects = slice(2, None)
    information, penalty = information[effects, effects], np.diag(precision[effects])
    used = np.trace(np.linalg.solve(information + penalty, information))
    # the levels' share is that of Laplace's curvature, the groups integrated out
    assert_allclose(counts.degrees_of_freedom, len(design) - 2 - used, rtol=1e-4)


def test_refitted_chi_squares_are_those_at_the_peak_of_outcomes_and_effects():
    model = fitted(answered(persons=20, items=6, trials=30))
    counts = counts_of(model.observations, model.design.scale, model.fit)
    generator = np.random.default_rng(1)
    p = expit(counts.predictor)
    drawn = generator.binomial(counts.rows.trials.astype(int), p, size=(3, len(p))).astype(float)
    start = np.broadcast_to(counts.found.modes, (3, *counts.found.modes.shape))
    found = refitted_chi_squares(counts, drawn, start).sum(axis=1)
    expected = [chi_square_at_the_peak(model, counts.in_the_users_order(each)) for each in drawn]
    assert_allclose(found, expected, rtol=2e-3)


def test_without_variance_of_the_levels_it_is_that_of_the_groups_alone():
    data = answered(sds=(1.0, 0.0), seed=1, trials=8)
    both, alone = fitted(data), fitted(data, "y / n ~ x + (1 | person)")
    assert both.fit.sds[1] == 0.0
    one, other = dispersion(both), dispersion(alone)
    assert_allclose([one.ratio, one.expected, one.largest], [other.ratio, other.expected, other.largest], rtol=1e-6)
    for found, expected in zip(residual_tests(both, OPTIONS), residual_tests(alone, OPTIONS), strict=True):
        assert_allclose([found.statistic, found.p_value], [expected.statistic, expected.p_value], rtol=1e-5)


@pytest.mark.parametrize("sds", [(0.0, 1.0), (0.0, 0.0)])
def test_without_variance_of_the_groups_both_are_answered(sds):
    model = fitted(answered(sds=sds, seed=5, trials=8, persons=25))
    assert model.fit.sds[0] == 0.0
    assert 0.7 < dispersion(model).ratio < 1.4
    assert all(0.0 < test.p_value <= 1.0 for test in residual_tests(model, OPTIONS))
    assert check(model, n_sim=60).dispersion.inside


def test_counts_that_vary_too_much_are_announced_and_too_many_rows_are_not_tested(monkeypatch):
    generator = np.random.default_rng(5)
    data = answered(persons=40, items=8, trials=25, seed=2)
    noisy = [
        data[0],
        *(
            [int(generator.binomial(25, expit(0.9 * generator.standard_normal() + 0.5 * row[2]))), *row[1:]]
            for row in data[1:]
        ),
    ]
    for method in ("ml", "vb"):
        model = fit_formula(noisy, FORMULA, method=method)
        assert dispersion(model).is_too_large
        assert any("The counts vary more than the model lets them" in text for text in estimates_of(model).notices)
        found = check(model, n_sim=60).dispersion
        assert not found.inside
        assert found.observed > found.ci_upper
    monkeypatch.setattr("glmm_binomial.answers.overdispersion.MOST_INDICATORS", 40 * 8 * 8 - 1)
    assert dispersion(model) is None
    told = (
        "Whether the counts vary more than the model lets them is not tested with so many rows and groups that cross."
    )
    assert told in estimates_of(model).notices


# --- tests of residuals -----------------------------------------------------------------------------------------------


def test_refitted_residuals_are_those_of_a_fit_to_the_same_outcomes():
    data = answered(persons=60, items=8, trials=4)
    model = fitted(data)
    rows, parameters = model.design.rows, Parameters(model.fit.coefficients, model.fit.active_effects)
    other = answered(persons=60, items=8, trials=4)
    generator = np.random.default_rng(3)
    counts = counts_of(model.observations, model.design.scale, model.fit)
    p = expit(counts.in_the_users_order(counts.predictor))
    for row, share in zip(other[1:], p, strict=True):
        row[0] = int(generator.binomial(4, share))
    refit = fitted(other)
    expected = counts_of(refit.observations, refit.design.scale, refit.fit)
    order = np.argsort(model.observations.group_index, kind="stable")
    ((_, found),) = refitted_crossed_predictors(rows, parameters, [refit.observations.successes[order]])
    assert np.abs(refit.fit.sds / model.fit.sds - 1.0).max() > 0.02
    assert_allclose(found[0], expected.predictor, atol=0.01)


def test_a_curve_that_is_left_out_is_found():
    generator = np.random.default_rng(4)
    data = answered(persons=60, items=10, seed=4)
    curved = [data[0], *([int(generator.random() < expit(0.9 * row[2] ** 2 - 0.5)), *row[1:]] for row in data[1:])]
    found = {test.name: test for test in residual_tests(fitted(curved), OPTIONS)}
    assert found["products"].p_value < 0.05
    assert found["products"].note == "x squared"


@pytest.mark.mass
@pytest.mark.simulation
@pytest.mark.parametrize("shape", [(30, 8, 1), (30, 8, 4), (30, 8, 20), (20, 20, 5)])
def test_right_models_pass(shape):
    persons, items, trials = shape
    rejected, overdispersed, fits = {}, 0, 0
    for seed in range(200):
        try:
            model = fitted(answered(persons=persons, items=items, trials=trials, seed=1_000 + seed))
        except FitError:
            continue
        fits += 1
        found = dispersion(model)
        overdispersed += found is not None and found.is_too_large
        for test in residual_tests(model, SimulationOptions(n_sim=100, seed=seed)):
            rejected[test.name] = rejected.get(test.name, 0) + (test.p_value <= 0.05)
    print(shape, fits, rejected, overdispersed)
    # four Monte-Carlo standard errors
    most = fits * (0.05 + 4.0 * np.sqrt(0.05 * 0.95 / fits))
    assert fits > 190
    assert max(overdispersed, *rejected.values()) <= most
