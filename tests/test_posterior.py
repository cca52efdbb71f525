"""The exact posterior against long importance sampling, and what it must not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp

import datasets
from datasets import REFERENCE
from glmm_binomial import fit, fit_model
from glmm_binomial.estimation import fitting
from glmm_binomial.estimation.log_posterior import LogPosterior
from glmm_binomial.estimation.posterior import fit_posterior
from glmm_binomial.estimation.posterior_sample import TARGET, TARGET_OF_MANY_AXES, proposals
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.rows import Rows

SETS = sorted((REFERENCE / "posterior").glob("*.npz"))
CERTIFIED = {
    "vegetables": datasets.vegetables,
    "cbpp": datasets.cbpp,
    "contraception": datasets.contraception,
    "bacteria": datasets.bacteria,
    "urban slope": lambda: datasets.contraception(urban_slope=True),
}


def rows_of(file):
    order = np.lexsort((*file["fixed"].T, file["group_index"]))
    return Rows(
        successes=file["successes"][order].astype(float),
        trials=file["trials"][order].astype(float),
        fixed=file["fixed"][order].astype(float),
        random=file["random"][order].astype(float),
        grouping=Grouping.of_sorted(file["group_index"][order]),
        upper=None,
    )


def posterior_of(rows, start):
    k = rows.fixed.shape[1]
    modes = np.zeros((rows.grouping.count, rows.random.shape[1]))
    point = Parameters(coefficients=start[:k], effects=IndependentEffects(log_sds=start[k:]))
    return fit_posterior(rows, point, modes, combinations=np.eye(k))


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_means_sds_and_quantiles_are_those_of_long_importance_sampling(path):
    file = np.load(path)
    rows = rows_of(file)
    found = posterior_of(rows, file["start"])
    weights, draws = found.sample.weights, found.sample.theta @ file["transform"].T
    mean, sd = weights @ draws, np.sqrt(weights @ (draws - weights @ draws) ** 2)
    few = rows.grouping.count <= 5
    assert (np.abs(mean - file["mean"]) < (0.02 if few else 0.01) * file["sd"]).all()
    assert_allclose(sd, file["sd"], rtol=0.02)
    limits = np.array([law_limits(column, weights) for column in draws.T])
    assert (np.abs(limits - file["quantiles"]) < 0.08 * file["sd"][:, None]).all()
    assert found.error < 0.01
    assert found.distance < 3.2e-5


def law_limits(values, weights):
    """Quantiles of a weighted sample, in a few words of its own."""
    order = np.argsort(values)
    cumulated = np.maximum.accumulate(np.cumsum(weights[order]) - 0.5 * weights[order])
    return np.interp([0.025, 0.975], cumulated, values[order])


@pytest.mark.parametrize("name", CERTIFIED)
def test_the_table_of_certified_data_is_the_certified_posterior(name):
    data = CERTIFIED[name]()
    certified, found = data.posterior, fit(**data.arguments)
    sd = np.array(certified["sd"])
    assert (np.abs(found.coefficients - certified["mean"]) < 0.01 * sd).all()
    assert_allclose(found.std_errors, sd, rtol=0.02)
    allowed = (0.06 + 2.0 * certified["quantile_mc_error"]) * sd
    assert (np.abs(found.ci_lower - certified["q025"]) < allowed).all()
    assert (np.abs(found.ci_upper - certified["q975"]) < allowed).all()
    log_sd, log_sd_sd = np.atleast_1d(certified["log_sd"]), np.atleast_1d(certified["log_sd_sd"])
    assert (np.abs(np.log(found.std_devs) - log_sd) < 0.01 * log_sd_sd).all()
    assert_allclose(found.log_sd_std_errors, log_sd_sd, rtol=0.02)
    assert found.posterior_error < 0.01
    # the cattle's counts vary more than the model lets them, which is no fault of the posterior
    assert [text for text in found.notices if not text.startswith("The counts vary more")] == []


def integrated_log10_p(data, position):
    """log10 of the two-sided p of a coefficient: its marginal density by Laplace's approximation, integrated."""
    model = fit_model(**data.arguments)
    rows, transform = model.design.rows, model.design.scale.back_transform
    mode = model.fit.posterior.mode
    start, posterior = mode.vector, LogPosterior(rows, mode, np.zeros((rows.grouping.count, 1)))
    at_mode = posterior.curved(start, is_centre=True)
    covariance = np.linalg.inv(at_mode.information)
    combination = np.append(transform[position], 0.0)
    response = covariance @ combination
    mean, sd = combination @ start, np.sqrt(combination @ response)
    across = np.linalg.svd(combination[None])[2][1:].T
    places = np.arange(-5.0, abs(mean) / sd + 5.0, 0.5)
    heights = np.empty(len(places))
    for side in (np.flatnonzero(places >= 0), np.flatnonzero(places < 0)[::-1]):
        moved = np.zeros(across.shape[1])
        for i in side:
            origin = start - np.sign(mean) * places[i] * sd * response / (combination @ response)
            for _ in range(20):
                at = posterior.curved(origin + across @ moved, is_centre=True)
                step = np.linalg.solve(across.T @ at.information @ across, across.T @ at.gradient)
                moved += step / max(1.0, np.abs(step).max())
            point = origin + across @ moved
            information = across.T @ posterior.curved(point).information @ across
            heights[i] = posterior.values(point[None])[0] - 0.5 * np.linalg.slogdet(information)[1]
    fine = np.linspace(places[0], places[-1], 40_001)
    log_density = CubicSpline(places, heights)(fine)
    beyond = fine >= abs(mean) / sd
    return (np.log(2.0) + logsumexp(log_density[beyond]) - logsumexp(log_density)) / np.log(10.0)


@pytest.mark.parametrize(("name", "position"), [("vegetables", 1), ("vegetables", 3), ("cbpp", 0), ("cbpp", 3)])
def test_far_p_values_are_those_of_the_integrated_marginal_density(name, position):
    data = CERTIFIED[name]()
    found = np.log10(fit(**data.arguments).p_values[position])
    assert found == pytest.approx(integrated_log10_p(data, position), rel=0.1)


@pytest.mark.parametrize("name", ["vegetables", "cbpp", "bacteria"])
def test_p_and_interval_agree_at_any_level(name):
    data = CERTIFIED[name]()
    p_values = fit(**data.arguments).p_values
    for alpha in (0.3, 0.05, 1e-4, *(np.outer(p_values[p_values < 0.9], [0.999, 1.001]).ravel())):
        found = fit(**data.arguments, alpha=alpha)
        excludes = (found.ci_lower > 0.0) | (found.ci_upper < 0.0)
        np.testing.assert_array_equal(excludes, found.p_values < alpha)


def shuffled(seed):
    """Return bacteria's arguments and the same with rows in another order, age-like column in other units."""
    data = datasets.bacteria().arguments
    order = np.random.default_rng(seed).permutation(len(data["y"]))
    return data, {name: [rows[i] for i in order] for name, rows in data.items()}


def test_the_order_of_the_rows_changes_nothing():
    data, other = shuffled(1)
    first, second = fit(**data), fit(**other)
    for name in ("coefficients", "std_errors", "p_values", "ci_lower", "ci_upper", "std_devs"):
        assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-6, 1e3])
def test_the_units_of_a_column_change_its_coefficient_alone(unit):
    data = datasets.contraception().arguments
    other = {**data, "x": [[row[0] * unit, *row[1:]] for row in data["x"]]}
    first, second = fit(**data), fit(**other)
    units = np.where(np.arange(7) == 1, unit, 1.0)
    for name in ("coefficients", "std_errors", "ci_lower", "ci_upper"):
        assert_allclose(getattr(first, name), getattr(second, name) * units, rtol=1e-9)
    assert_allclose(first.p_values, second.p_values, rtol=1e-9)


def test_a_fit_is_the_same_digit_by_digit_when_it_is_computed_again():
    data = datasets.cbpp().arguments
    first = fit_model(**data).fit
    fitting.fit_cache.clear()
    proposals.cache_clear()
    second = fit_model(**data).fit
    np.testing.assert_array_equal(first.posterior.sample.theta, second.posterior.sample.theta)
    np.testing.assert_array_equal(first.posterior.sample.weights, second.posterior.sample.weights)
    assert first.log_likelihood == second.log_likelihood


def test_swapping_successes_and_failures_changes_signs_up_to_the_stated_error():
    data = datasets.bacteria().arguments
    first, second = fit(**data), fit(**{**data, "y": [[1.0 - y] for (y,) in data["y"]]})
    allowed = first.posterior_error + second.posterior_error
    assert (np.abs(first.coefficients + second.coefficients) < allowed * first.std_errors).all()
    assert_allclose(first.std_errors, second.std_errors, rtol=0.03)


def test_recoding_the_reference_level_changes_nothing_but_the_coding_up_to_the_stated_error():
    data = datasets.bacteria().arguments
    # drug as the reference in the place of placebo
    recoded = {**data, "x": [[1.0 - drug - plus, plus, week] for drug, plus, week in data["x"]]}
    first, second = fit(**data), fit(**recoded)
    # standardisation differs, and with it the prior a little: by .03 SDs here
    assert first.coefficients[0] + first.coefficients[1] == pytest.approx(
        second.coefficients[0], abs=0.06 * first.std_errors[1]
    )
    assert first.coefficients[3] == pytest.approx(second.coefficients[3], abs=0.03 * first.std_errors[3])


def test_a_posterior_that_is_nearly_normal_needs_sixteen_points():
    rng = np.random.default_rng(7)
    index = np.repeat(np.arange(4000), 12)
    x = rng.normal(size=(len(index), 1))
    eta = -0.3 + 0.5 * x[:, 0] + rng.normal(size=4000)[index]
    y = (rng.random(len(index)) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    found = fit_model(y, x, index).fit.posterior
    assert found.sample.evaluated <= 64
    assert found.error < 0.01


def test_more_points_leave_the_answer_where_its_stated_error_says(monkeypatch):
    file = np.load(REFERENCE / "posterior" / "sim_G15_sd1_p2.npz")
    rows = rows_of(file)
    short = posterior_of(rows, file["start"])
    monkeypatch.setattr("glmm_binomial.estimation.posterior_sample.TARGET", TARGET / 10.0)
    long = posterior_of(rows, file["start"])
    assert long.sample.evaluated > 10 * short.sample.evaluated
    sd = np.sqrt(np.diag(long.covariance))
    assert (np.abs(short.mean - long.mean) < short.error * sd).all()


def test_an_outlier_in_x_is_followed_by_laws_of_their_own():
    """One value of x far from all others: its coefficient is nearly that of one row, and its law far from normal."""
    rng = np.random.default_rng(8)
    index = np.repeat(np.arange(20), 6)
    x = rng.normal(size=(120, 1))
    x[5, 0] = 60.0
    y = (rng.random(120) < 0.4).astype(float)
    y[5] = 1.0
    found = fit_model(y, x, index).fit.posterior
    assert found.sample.share > 0.5


def test_four_random_effects_have_the_posterior_of_laplaces_approximation():
    file = np.load(REFERENCE / "posterior" / "K2_G15_sd1_p2.npz")
    rows = rows_of(file)
    others = np.random.default_rng(9).normal(size=(len(rows.trials), 2))
    wide = replace(rows, random=np.column_stack([rows.random, others]))
    found = posterior_of(wide, np.append(file["start"], [-0.5, -0.5]))
    assert found.nodes is None
    assert found.quadrature_error == 0.0
    assert found.sample.standard_error <= TARGET_OF_MANY_AXES
