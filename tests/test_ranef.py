"""The groups' random effects on the user's scale, their standard deviations and table."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from datasets import REFERENCE, bacteria, cbpp, contraception, vegetables
from glmm_binomial.answers.ranef import GroupEffects, random_effects
from glmm_binomial.answers.rows import finished
from glmm_binomial.estimation.fit import Fit
from glmm_binomial.estimation.fitted_model import GLMM, fit_model
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import METHODS, observe

LME4_DIGITS = 2e-6
"""lme4's values are written with eight digits, and its tightened optimiser leaves 3e-7; three digits are asked for."""

LME4_SD_DIGITS = 2e-5
"""Its weights at the mode, from which the conditional SDs follow, are good to 7e-6 as measured."""

ROUNDING = 1e-8
"""Two ways to the same optimum; the searches stop where the distance to it is below 1e-8 standard errors."""

DATASETS = {"vegetables": vegetables, "cbpp": cbpp, "contraception": contraception, "bacteria": bacteria}


def effects_of(*data, **options):
    return random_effects(fit_model(*data, **options))


def slopes_data(*, seed=5):
    """Return y, x (N, 2), groups and x_random (N, 1) of 30 groups of 8."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(30), 8)
    x = np.column_stack([generator.normal(size=240), np.tile([0.0, 1.0], 120)])
    z = generator.normal(size=(240, 1))
    u = generator.normal(size=(30, 2))
    y = generator.random(240) < expit(0.3 + x @ [0.5, -0.8] + u[group, 0] + 0.7 * z[:, 0] * u[group, 1])
    return y.astype(float), x, group, z


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_effects_are_brought_to_the_users_scale():
    # x_random is +-4, so its standardised column is +-1 and a slope a quarter of the standardised one
    observations = observe(
        [[0], [1], [1], [0]], [[1], [2], [4], [3]], [["b"], ["b"], [2], [2]], x_random=[[-4], [4], [4], [-4]], alpha=0.1
    )
    fit = Fit(
        method="ml",
        coefficients=np.zeros(2),
        sds=np.array([0.6, 0.4]),
        covariance_root=np.eye(4),
        random_effects=np.array([[0.5, -1.0], [-0.25, 2.0]]),
        random_covariance=np.array([[[0.04, 0.01], [0.01, 0.25]], [[0.09, 0.0], [0.0, 0.36]]]),
        cross_covariance=np.zeros((2, 2, 4)),
        log_likelihood=-1.0,
        nodes=8,
        quadrature_settled=True,
        distance=0.0,
        largest_score=0.0,
        likelihood_distance=0.0,
        separation=None,
    )
    model = GLMM(observations=observations, design=build_design(observations), fit=fit)
    effects = random_effects(model)
    assert effects.group_labels == ("b", 2)
    assert effects.effect_names == ("intercept", "random_x1")
    assert_allclose(effects.estimates, [[0.5, -0.25], [-0.25, 0.5]], rtol=1e-14)
    assert_allclose(effects.std_devs, [[0.2, 0.125], [0.3, 0.15]], rtol=1e-14)
    assert_allclose(effects.ci_lower, effects.estimates - 1.6448536269514722 * effects.std_devs, rtol=1e-13)
    assert_allclose(effects.ci_upper, effects.estimates + 1.6448536269514722 * effects.std_devs, rtol=1e-13)
    assert effects.notices == ()
    without_slope = replace(model, fit=replace(fit, sds=np.array([0.6, 0.0])))
    assert random_effects(without_slope).notices[0].startswith("The variance of the random slope of random_x1 is")


# --- against lme4 and the definition ---------------------------------------------------------------------------------


def lme4(dataset, labels, names=("intercept",)):
    """Return conditional modes and conditional SDs, (G, K) both, in the order of the labels."""
    with (REFERENCE / "ranef_lme4.csv").open(encoding="utf-8", newline="") as lines:
        rows = {(row["group"], row["effect"]): row for row in csv.DictReader(lines) if row["dataset"] == dataset}
    shown = [f"{label:g}" if isinstance(label, float) else label for label in labels]
    assert len(rows) == len(shown) * len(names)
    return (
        np.array([[float(rows[label, name][column]) for name in names] for label in shown]) for column in ("mode", "sd")
    )


def conditional_sds(model):
    """SDs of the effects when coefficients and SDs are held at their estimates, (G, K), on the user's scale."""
    C, V, U = model.fit.cross_covariance, model.fit.covariance, model.fit.random_covariance
    within = U - C @ np.linalg.solve(V, C.transpose(0, 2, 1))
    return np.sqrt(np.diagonal(within, axis1=1, axis2=2)) * np.diag(model.design.scale.random_back_transform)


@pytest.mark.parametrize("name", DATASETS)
def test_estimates_are_the_conditional_modes_of_lme4(name):
    model = fit_model(**DATASETS[name]().arguments, method="ml")
    effects = random_effects(model)
    modes, sds = lme4(name, effects.group_labels)
    assert_allclose(effects.estimates, modes, atol=LME4_DIGITS, rtol=0)
    assert_allclose(conditional_sds(model), sds, rtol=LME4_SD_DIGITS)
    # lme4's take the coefficients and the SD for known
    assert (effects.std_devs > sds).all()


def test_random_slopes_are_near_laplace_of_lme4():
    model = fit_model(**contraception(urban_slope=True).arguments, method="ml")
    effects = random_effects(model)
    modes, sds = lme4("contraception + urban slope", effects.group_labels, ("intercept", "urban"))
    # Laplace, the only approximation lme4 has for slopes, puts the SDs at .491 and .432 for .498 and .456
    assert_allclose(effects.estimates, modes, atol=0.05)
    assert_allclose(conditional_sds(model), sds, rtol=0.06)


def test_maximum_likelihood_estimates_solve_the_equations_of_the_conditional_mode():
    y, x, group, z = slopes_data()
    model = fit_model(y, x, group, x_random=z, method="ml")
    effects = random_effects(model)
    b = model.design.scale.back_transform @ model.fit.coefficients
    sds = model.fit.sds * np.diag(model.design.scale.random_back_transform)
    random = np.column_stack([np.ones(len(z)), z])
    residual = y - expit(b[0] + x @ b[1:] + (random * effects.estimates[group]).sum(axis=1))
    score = np.stack([random[group == g].T @ residual[group == g] for g in range(30)]) - effects.estimates / sds**2
    assert_allclose(score, 0.0, atol=1e-7)


@pytest.mark.mass
def test_true_effects_are_inside_their_intervals_as_often_as_they_say():
    # 30 groups of 60 rows, where the normal approximation holds; lme4's conditional SDs alone would be too short
    generator = np.random.default_rng(8)
    days = np.tile([0.0, 1.0], 30)
    group = np.repeat(np.arange(30), 2)
    inside = []
    for _ in range(100):
        u = generator.normal(size=30)
        y = generator.binomial(30, expit(-0.5 + 0.7 * days + u[group]))
        effects = effects_of(y, days, group, trials=np.full(60, 30), method="ml")
        inside.append((effects.ci_lower[:, 0] <= u) & (u <= effects.ci_upper[:, 0]))
    # errors within a data set share the intercept's: Monte-Carlo standard error at most .6 % from the spread over sets
    assert 0.93 <= np.mean(inside) <= 0.97


# --- what must not matter, and what must -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_groups_come_in_the_order_in_which_they_first_appear(method):
    y, x, group, z = slopes_data()
    order = np.random.default_rng(2).permutation(len(y))
    effects = effects_of(y, x, group, x_random=z, method=method)
    shuffled = effects_of(y[order], x[order], group[order], x_random=z[order], method=method)
    assert shuffled.group_labels == tuple(dict.fromkeys(group[order].tolist()))
    back = np.argsort(shuffled.group_labels)
    assert_allclose(shuffled.estimates[back], effects.estimates, atol=ROUNDING)
    assert_allclose(shuffled.std_devs[back], effects.std_devs, atol=ROUNDING)


@pytest.mark.parametrize("method", METHODS)
def test_unit_of_x_random_scales_its_slopes(method):
    y, x, group, z = slopes_data()
    effects = effects_of(y, x, group, x_random=z, method=method)
    scaled = effects_of(y, x * [3.0, -1.0] + 50.0, group, x_random=40.0 * z, method=method)
    for name in ("estimates", "std_devs", "ci_lower", "ci_upper"):
        assert_allclose(getattr(scaled, name) * [1.0, 40.0], getattr(effects, name), atol=ROUNDING)


@pytest.mark.parametrize("method", METHODS)
def test_swapping_successes_and_failures_negates_estimates(method):
    y, x, group, z = slopes_data()
    effects, swapped = (effects_of(outcome, x, group, x_random=z, method=method) for outcome in (y, 1.0 - y))
    assert_allclose(swapped.estimates, -effects.estimates, atol=ROUNDING)
    assert_allclose(swapped.std_devs, effects.std_devs, atol=ROUNDING)


def test_raw_mean_field_sds_are_smaller_and_named():
    y, x, group, z = slopes_data()
    exact = effects_of(y, x, group, x_random=z)
    raw = effects_of(y, x, group, x_random=z, method="mean-field")
    assert (raw.std_devs < exact.std_devs).all()
    assert exact.notices == ()
    assert raw.notices[0].startswith("The standard deviations are raw mean-field SDs")


def test_a_variance_of_zero_makes_every_effect_zero_and_says_so():
    groups = [[k // 4] for k in range(16)]
    effects = effects_of([[0], [1]] * 8, [[0.0], [1.0], [1.0], [0.0]] * 4, groups, method="ml")
    for name in ("estimates", "std_devs", "ci_lower", "ci_upper"):
        assert_array_equal(getattr(effects, name), np.zeros((4, 1)))
    (notice,) = effects.notices
    assert notice.startswith("The variance of the random intercept is estimated at zero, and with it every group's")
    assert finished(effects.rows())[-1] == ["warning", notice, None, None, None, None]


# --- the table -------------------------------------------------------------------------------------------------------


def test_table_has_one_row_for_each_effect_of_each_group():
    estimates = np.array([[0.5, -0.25], [1.5, 2.0]])
    effects = GroupEffects(
        group_labels=("ward 1", np.int64(7)),
        effect_names=("intercept", "time"),
        estimates=estimates,
        std_devs=np.array([[0.25, 0.5], [0.75, 1.0]]),
        ci_lower=estimates - 1,
        ci_upper=estimates + 1,
        alpha=0.05,
        notices=("Look out.",),
    )
    rows = finished(effects.rows())
    assert rows == [
        ["group", "effect", "estimate", "std_dev", "ci_lower", "ci_upper"],
        ["ward 1", "intercept", 0.5, 0.25, -0.5, 1.5],
        ["ward 1", "time", -0.25, 0.5, -1.25, 0.75],
        [7, "intercept", 1.5, 0.75, 0.5, 2.5],
        [7, "time", 2.0, 1.0, 1.0, 3.0],
        ["warning", "Look out.", None, None, None, None],
    ]
    assert {type(cell) for row in rows for cell in row} == {str, float, type(None)}


@pytest.mark.mass
def test_labels_in_the_table_are_those_that_were_given():
    groups = [["a "], ["a "], [3.0], [3.0], [True], [True], ["3"], ["3"]]
    model = fit_model([[0], [1], [1], [1], [0], [1], [0], [0]], [[0], [1], [2], [1], [0], [3], [1], [2]], groups)
    labels = [row[0] for row in finished(random_effects(model).rows())[1:]]
    assert labels == ["a ", 3.0, True, "3"]
    assert [type(label) for label in labels] == [str, float, bool, str]


def test_headers_name_the_effects():
    y, x, group, z = slopes_data()
    model = fit_model(
        [["y"], *([v] for v in y)],
        [["age", "male"], *x.tolist()],
        [["ward"], *([v] for v in group.tolist())],
        x_random=[["time"], *z.tolist()],
    )
    rows = finished(random_effects(model).rows())
    assert [row[1] for row in rows[1:5]] == ["intercept", "time", "intercept", "time"]
    assert len(rows) == 1 + 30 * 2
