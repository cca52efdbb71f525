"""Correlated random effects: derivatives by finite differences, fits and limits by brute force and published values."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit, log_expit, roots_hermitenorm
from scipy.stats import chi2, multivariate_normal

from correlated_data import contraception_with, model_of, small
from glmm_binomial import estimates_of, fit_formula
from glmm_binomial.answers.compare import compare
from glmm_binomial.answers.confint import profile_intervals
from glmm_binomial.answers.predict import predict
from glmm_binomial.answers.ranef import random_effects
from glmm_binomial.answers.simulate import draw_outcomes, simulate
from glmm_binomial.answers.table import table
from glmm_binomial.answers.terms import terms
from glmm_binomial.answers.variance_shares import variance_shares
from glmm_binomial.errors import InvalidInputError
from glmm_binomial.model.correlated_effects import LARGEST_Z, CorrelatedEffects
from glmm_binomial.observations.row_groups import RowGroups
from glmm_binomial.observations.simulation_options import SimulationOptions
from glmm_binomial.observations.truth import Truth

STEP = 1e-5
COUNTS = [1, 2, 3, 4]


def drawn(seed, count, *, groups=6):
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(count, count))
    return root @ root.T, generator.normal(size=(groups, count))


def log_density(covariance, effects):
    return -0.5 * covariance.quadratic_form(effects) - covariance.half_log_determinant


def moved_both_ways(covariance):
    steps = np.eye(len(covariance.vector)) * STEP
    return [(covariance.moved(step), covariance.moved(-step)) for step in steps]


@pytest.mark.parametrize("count", COUNTS)
def test_the_log_density_is_that_of_a_normal_distribution(count):
    sigma, effects = drawn(1, count)
    covariance = CorrelatedEffects.of_covariance(sigma)
    expected = multivariate_normal.logpdf(effects, cov=sigma) + 0.5 * count * math.log(2.0 * math.pi)
    assert_allclose(log_density(covariance, effects), expected.reshape(-1), rtol=1e-10)
    assert_allclose(covariance.root @ covariance.root.T, sigma, atol=1e-13)
    assert_allclose(covariance.precision @ sigma, np.eye(count), atol=1e-9)
    assert_allclose(covariance.correlations * np.outer(covariance.sds, covariance.sds), sigma, atol=1e-13)
    assert_allclose(covariance.pull(effects), effects @ np.linalg.inv(sigma), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("count", COUNTS)
def test_scores_and_information_are_finite_differences_of_the_log_density(count):
    sigma, effects = drawn(2, count)
    covariance = CorrelatedEffects.of_covariance(sigma)
    pairs = moved_both_ways(covariance)
    slopes = [(log_density(a, effects) - log_density(b, effects)) / (2 * STEP) for a, b in pairs]
    curvatures = [(b.scores(effects) - a.scores(effects)).sum(axis=0) / (2 * STEP) for a, b in pairs]
    by_parameter = [(b.pull(effects) - a.pull(effects)) / (2 * STEP) for a, b in pairs]
    roots = [(a.root - b.root) / (2 * STEP) for a, b in pairs]
    assert_allclose(covariance.scores(effects), np.transpose(slopes), rtol=1e-6, atol=1e-6)
    assert_allclose(covariance.information(effects.T @ effects, len(effects)), curvatures, rtol=1e-6, atol=1e-6)
    assert_allclose(covariance.mode_derivatives(effects), np.stack(by_parameter, axis=2), rtol=1e-6, atol=1e-6)
    assert_allclose(covariance.root_slopes, roots, rtol=1e-8, atol=1e-8)


def test_a_correlation_stops_short_of_one_and_is_shown_as_one():
    covariance = CorrelatedEffects.of_correlations(np.array([1.0, 2.0]), np.array([[1.0, -0.9], [-0.9, 1.0]]))
    there = covariance.moved(np.array([0.0, 0.0, -20.0]))
    assert there.partials.tolist() == [-LARGEST_Z]
    assert there.correlations[0, 1] == -1.0
    assert there.free(np.array([1.0, 1.0, -0.5])).tolist() == [True, True, False]
    assert there.free(np.array([1.0, 1.0, 0.5])).all()


def test_the_other_side_of_zero_has_the_correlations_turned():
    covariance = CorrelatedEffects.of_covariance(np.array([[1.0, 0.3, -0.2], [0.3, 1e-6, 0.0], [-0.2, 0.0, 2.0]]) + 0.0)
    turned = covariance.mirrored(np.log(0.02))
    assert_allclose(turned.correlations[1, [0, 2]], -covariance.correlations[1, [0, 2]], atol=1e-9)
    assert turned.sds[1] == pytest.approx(0.02)
    assert covariance.mirrored(np.log(1e-9)) is None


# against brute force ------------------------------------------------------------------------------------------------


NODES, WEIGHTS = roots_hermitenorm(64)
POINTS = np.stack([grid.ravel() for grid in np.meshgrid(NODES, NODES, indexing="ij")])
LOG_WEIGHTS = np.log(np.outer(WEIGHTS, WEIGHTS).ravel() / (2.0 * np.pi))


def log_likelihood(theta, *, data):
    """by a fixed rule of 64 x 64 nodes; theta = (b0, b1, log sd, log sd, z)."""
    y, x, group = data
    sds, correlation = np.exp(theta[2:4]), np.tanh(theta[4])
    first = sds[0] * POINTS[0]
    second = sds[1] * (correlation * POINTS[0] + np.sqrt(1.0 - correlation**2) * POINTS[1])
    eta = (theta[0] + theta[1] * x)[:, None] + first + x[:, None] * second
    by_row = np.where(y[:, None] == 1.0, log_expit(eta), log_expit(-eta))
    return np.logaddexp.reduce(
        np.add.reduceat(by_row, np.flatnonzero(np.diff(group, prepend=-1))) + LOG_WEIGHTS, 1
    ).sum()


def parameters_of(estimates):
    z = np.arctanh(estimates.correlations[1, 0])
    return np.r_[estimates.coefficients, np.log(estimates.std_devs), z]


@pytest.mark.mass
def test_the_maximum_is_that_of_brute_force():
    model = model_of(small())
    found = estimates_of(model)
    theta = parameters_of(found)
    best = minimize(
        lambda point: -log_likelihood(point, data=small()), theta + 0.05, method="BFGS", options={"gtol": 1e-5}
    )
    assert found.log_likelihood == pytest.approx(log_likelihood(theta, data=small()), abs=1e-7)
    assert_allclose(theta, best.x, atol=2e-4)
    assert found.aic == pytest.approx(-2.0 * found.log_likelihood + 10.0, rel=1e-15)
    assert model.fit.converged


@pytest.mark.mass
@pytest.mark.parametrize("place", ["intercept", "x", "correlation"])
def test_limits_of_sds_and_of_the_correlation_satisfy_their_definition(place):
    model = model_of(small())
    found = profile_intervals(model, ["intercept", "x"])
    interval = {"intercept": found.random_effects[0], "x": found.random_effects[1]}.get(place, found.correlations[0])
    position = {"intercept": 2, "x": 3, "correlation": 4}[place]
    top, start = model.fit.log_likelihood, parameters_of(estimates_of(model))
    for limit in (interval.ci_lower, interval.ci_upper):
        if limit in (0.0, -1.0, 1.0):
            continue
        held = np.arctanh(limit) if place == "correlation" else np.log(limit)
        best = minimize(
            lambda rest, held=held: -log_likelihood(np.insert(rest, position, held), data=small()),
            np.delete(start, position),
            method="BFGS",
            options={"gtol": 1e-5},
        )
        assert 2.0 * (top + best.fun) == pytest.approx(chi2.isf(0.05, 1), abs=2e-4)


def test_a_correlation_of_one_is_found_where_log_l_rises_up_to_it():
    data = small(seed=2, groups=23, size=9, correlation=1.0)
    model = model_of(data)
    found = estimates_of(model)
    assert found.correlations[1, 0] == pytest.approx(1.0, abs=1e-14)
    assert model.fit.converged
    inside = np.r_[found.coefficients, np.log(found.std_devs), 0.0]
    values = [log_likelihood(np.r_[inside[:4], z], data=data) for z in (1.5, 2.5, 3.5)]
    assert values == sorted(values)
    # short of one by a millionth of a variance, of the slope here and of the centred one there
    assert found.log_likelihood == pytest.approx(log_likelihood(np.r_[inside[:4], LARGEST_Z], data=data), abs=1e-4)
    interval = profile_intervals(model, ["intercept", "x"]).correlations[0]
    assert interval.ci_upper == 1.0
    assert interval.wald_lower is None
    assert -1.0 < interval.ci_lower < 1.0


def test_variances_of_zero_leave_logistic_regression():
    generator = np.random.default_rng(3)
    # within every group as many successes as failures, at the same x
    x = np.tile(np.repeat(generator.normal(size=5), 2), 6)
    y, group = np.tile([0.0, 1.0], 30), np.repeat(np.arange(6), 10)
    model = model_of((y, x, group))
    found = estimates_of(model)
    assert found.std_devs.tolist() == [0.0, 0.0]
    assert found.log_likelihood == pytest.approx(60 * math.log(0.5), rel=1e-12)
    rows = table(model).rows()
    assert rows[4][4:] == ()
    assert rows[5] == ("", "x", 0.0, 0.0, None)
    intervals = profile_intervals(model)
    assert not intervals.random_effects
    assert any("are estimated at zero, where SDs" in notice for notice in intervals.notices)


# published and certified ---------------------------------------------------------------------------------------------


def test_contraception_with_a_slope_of_urban_has_its_known_maximum():
    # by a tensor rule of Gauss and Hermite, 9 x 9 nodes, and a search of another program
    found = estimates_of(contraception_with(0.0))
    assert found.log_likelihood == pytest.approx(-1180.007742, abs=1e-6)
    assert found.coefficients[-1] == pytest.approx(0.77456, abs=1e-5)
    assert found.std_errors[-1] == pytest.approx(0.16557, abs=1e-5)
    assert_allclose(found.std_devs, [0.62671, 0.74899], atol=1e-5)
    assert found.correlations[1, 0] == pytest.approx(-0.7914, abs=1e-4)


@pytest.mark.parametrize("shift", [1.0, -0.5, 7.0])
def test_where_zero_of_the_slope_is_changes_nothing_but_the_intercepts_sd(shift):
    here, there = estimates_of(contraception_with(0.0)), estimates_of(contraception_with(shift))
    assert there.log_likelihood == pytest.approx(here.log_likelihood, abs=1e-7)
    assert_allclose(there.coefficients, here.coefficients, atol=1e-7)
    assert there.std_devs[1] == pytest.approx(here.std_devs[1], rel=1e-6)
    # Var(u0 - shift u1)
    sd0, sd1, correlation = *here.std_devs, here.correlations[1, 0]
    assert there.std_devs[0] ** 2 == pytest.approx(sd0**2 - 2 * shift * correlation * sd0 * sd1 + shift**2 * sd1**2)
    assert not any("Zero of z" in notice for notice in there.notices)


# the answers ---------------------------------------------------------------------------------------------------------


def test_the_table_has_a_column_for_the_correlations():
    rows = table(model_of(small())).rows()
    assert rows[3] == ("random_effects", "parameter", "variance", "std_dev", "corr_1")
    assert len(rows[4]) == 4
    assert len(rows[5]) == 5
    assert -1.0 < rows[5][4] < 1.0


@pytest.mark.mass
def test_three_effects_have_two_columns_of_correlations():
    generator = np.random.default_rng(4)
    y, x, group = small(groups=20)
    other = generator.normal(size=len(y))
    cells = [["y", "x", "w", "id"], *zip(y.tolist(), x.tolist(), other.tolist(), [f"g{c}" for c in group], strict=True)]
    rows = table(fit_formula(cells, "y ~ x + w + (1 + x + w | id)", method="ml")).rows()
    assert rows[4][4:] == ("corr_1", "corr_2")
    assert [len(row) for row in rows[5:8]] == [4, 5, 6]
    assert [row[2] for row in rows if row[1:2] == ("quadrature_nodes",)] == [7]


@pytest.mark.mass
def test_seven_effects_have_their_other_correlations_among_the_diagnostics():
    generator = np.random.default_rng(5)
    group, x = np.repeat(np.arange(100), 30), generator.normal(size=(3_000, 6))
    effects = 0.8 * generator.normal(size=(100, 7))
    effects[:, 6] += 0.8 * effects[:, 5]
    eta = 0.2 + effects[group, 0] + (x * effects[group, 1:]).sum(axis=1)
    y = (generator.random(3_000) < 1.0 / (1.0 + np.exp(-eta))).astype(int)
    names = [f"x{column}" for column in range(1, 7)]
    cells = [
        ["y", *names, "id"],
        *([y_i, *x_i, f"g{g}"] for y_i, x_i, g in zip(y.tolist(), x.tolist(), group.tolist(), strict=True)),
    ]
    formula = f"y ~ {' + '.join(names)} + (1 + {' + '.join(names)} | id)"
    model = fit_formula(cells, formula, method="ml")
    rows, found = table(model).rows(), estimates_of(model)
    start = next(place for place, row in enumerate(rows) if row[0] == "random_effects")
    assert [len(row) for row in rows[start : start + 8]] == [9, 4, 5, 6, 7, 8, 9, 9]
    assert rows[start + 7][4:] == pytest.approx(found.correlations[6, :5])
    others = [row[1:] for row in rows if str(row[1:2]).startswith("('corr:")]
    assert others == [("corr: x6, x5", pytest.approx(found.correlations[6, 5]))]
    assert found.correlations[6, 5] > 0.3
    assert found.log_likelihood == pytest.approx(laplace(model, y, x, group), abs=1e-6)
    with pytest.raises(InvalidInputError, match='method must be "ml" where more than 6 random effects are correlated'):
        fit_formula(cells, formula)


def laplace(model, y, x, group):
    """Log L by Laplace's approximation from its definition, group by group."""
    found, z = estimates_of(model), np.column_stack([np.ones(len(x)), x])
    sigma = np.outer(found.std_devs, found.std_devs) * found.correlations
    precision, total = np.linalg.inv(sigma), 0.0
    for g in range(group[-1] + 1):
        inside = group == g
        fixed, columns, u = z[inside] @ found.coefficients, z[inside], np.zeros(z.shape[1])
        for _ in range(100):
            p = 1.0 / (1.0 + np.exp(-(fixed + columns @ u)))
            hessian = columns.T @ (columns * (p * (1.0 - p))[:, None]) + precision
            step = np.linalg.solve(hessian, columns.T @ (y[inside] - p) - precision @ u)
            u = u + step / max(1.0, np.abs(step).max())
        eta = fixed + columns @ u
        total += float(y[inside] @ eta - np.logaddexp(0.0, eta).sum() - 0.5 * u @ precision @ u)
        total -= 0.5 * float(np.linalg.slogdet(hessian @ sigma)[1])
    return total


def test_the_groups_effects_are_conditional_modes_on_the_users_scale():
    model = model_of(small())
    found, estimates = random_effects(model), estimates_of(model)
    sigma = np.outer(estimates.std_devs, estimates.std_devs) * estimates.correlations
    y, x, group = small()
    z = np.column_stack([np.ones(len(x)), x])
    modes = found.estimates
    eta = estimates.coefficients[0] + estimates.coefficients[1] * x + (z * modes[group]).sum(axis=1)
    residual = np.array([z[group == g].T @ (y - expit(eta))[group == g] for g in range(20)])
    assert_allclose(residual, modes @ np.linalg.inv(sigma), atol=1e-7)


def test_the_population_average_is_over_the_covariance_of_the_effects():
    model = model_of(small())
    estimates = estimates_of(model)
    new = [["x"], [1.3], [-0.7]]
    found = predict(model, new)
    sigma = np.outer(estimates.std_devs, estimates.std_devs) * estimates.correlations
    for place, x in enumerate([1.3, -0.7]):
        sd = math.sqrt(np.array([1.0, x]) @ sigma @ np.array([1.0, x]))
        expected = expit(estimates.coefficients @ [1.0, x] + sd * NODES) @ WEIGHTS / WEIGHTS.sum()
        assert found.population_average[place] == pytest.approx(expected, abs=1e-7)


def test_simulated_groups_have_the_covariance_of_the_model():
    model = model_of(small())
    estimates = estimates_of(model)
    drawn_rows = simulate(model, n_sim=400, seed=3).responses
    x = small()[1]
    sigma = np.outer(estimates.std_devs, estimates.std_devs) * estimates.correlations
    high = x > 1.0
    simulated = drawn_rows[high].mean()
    z = np.column_stack([np.ones(high.sum()), x[high]])
    sds = np.sqrt(np.einsum("ik,kl,il->i", z, sigma, z))
    expected = np.mean(expit((z @ estimates.coefficients)[:, None] + sds[:, None] * NODES) @ WEIGHTS / WEIGHTS.sum())
    # the shares of 400 simulations, of 20 groups each
    assert simulated == pytest.approx(expected, abs=4.0 * 0.5 / math.sqrt(400 * 20))
    independent = replace(model, fit=replace(model.fit, correlations=np.eye(2)))
    assert abs(simulate(independent, n_sim=400, seed=3).responses[high].mean() - simulated) > 0.01


def test_models_with_and_without_correlations_are_compared_with_their_degrees_of_freedom():
    names = ("(1 | id)", "(1 + x || id)", "(1 + x | id)")
    models = [model_of(small(), f"y ~ x + {random}") for random in names]
    rows = compare(models).rows()
    header = list(rows[0])
    shown = [dict(zip(header, row, strict=False)) for row in rows[1:4]]
    likelihoods = [estimates_of(model).log_likelihood for model in models]
    assert [row["parameters"] for row in shown] == [3, 4, 5]
    assert shown[2]["chi_square"] == pytest.approx(2.0 * (likelihoods[2] - likelihoods[1]), abs=1e-9)
    assert shown[2]["df"] == 1
    assert shown[2]["p_value"] == pytest.approx(chi2.sf(shown[2]["chi_square"], 1), rel=1e-9)
    at_once = compare([models[0], models[2]]).rows()[2]
    statistic = at_once[header.index("chi_square")]
    expected = 0.5 * chi2.sf(statistic, 1) + 0.5 * chi2.sf(statistic, 2)
    assert at_once[header.index("p_value")] == pytest.approx(expected, rel=1e-9)


def test_a_slope_left_out_takes_its_covariance_along():
    model = model_of(small())
    (found,) = (each for each in terms(model).left_out if each.term == "random slope of x")
    without = estimates_of(model_of(small(), "y ~ x + (1 | id)"))
    statistic = 2.0 * (estimates_of(model).log_likelihood - without.log_likelihood)
    assert found.aic == pytest.approx(without.aic, abs=1e-8)
    assert found.test.chi_square == pytest.approx(statistic, abs=1e-8)
    assert found.test.p_value == pytest.approx(0.5 * chi2.sf(statistic, 1) + 0.5 * chi2.sf(statistic, 2), rel=1e-6)


def test_shares_of_variance_average_the_variance_between_groups_over_the_rows():
    model = model_of(small())
    estimates, x = estimates_of(model), small()[1]
    sigma = np.outer(estimates.std_devs, estimates.std_devs) * estimates.correlations
    z = np.column_stack([np.ones(len(x)), x])
    between = np.einsum("ik,kl,il->i", z, sigma, z).mean()
    shown = variance_shares(model).icc
    assert shown.value == pytest.approx(between / (between + math.pi**2 / 3), rel=1e-12)
    assert shown.ci_lower < shown.value < shown.ci_upper


@pytest.mark.usefixtures("laplace_beyond_two")
def test_three_effects_are_those_of_laplaces_approximation_in_lme4():
    """Of lme4 1.1-31, y ~ x + w + (1 + x + w | id), bobyqa with rhoend 1e-8 and tolPwrss 1e-13.

    By its default tolerances lme4 stops at a log-likelihood of -749.0310.
    """
    generator = np.random.default_rng(8)
    group, x, w = np.repeat(np.arange(80), 15), generator.normal(size=1_200), generator.normal(size=1_200)
    root = np.array([[0.9, 0.0, 0.0], [0.3, 0.6, 0.0], [-0.3, 0.2, 0.5]])
    u = (generator.normal(size=(80, 3)) @ root.T)[group]
    eta = 0.2 + 0.5 * x - 0.4 * w + u[:, 0] + u[:, 1] * x + u[:, 2] * w
    y = (generator.random(1_200) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    cells = [["y", "x", "w", "id"], *zip(y.tolist(), x.tolist(), w.tolist(), [f"g{c}" for c in group], strict=True)]
    found = estimates_of(fit_formula(cells, "y ~ x + w + (1 + x + w | id)", method="ml"))
    assert found.log_likelihood == pytest.approx(-749.0230129, abs=2e-6)
    assert_allclose(found.coefficients, [0.15426304, 0.56249448, -0.30697032], atol=1e-6)
    assert_allclose(found.std_devs, [0.932639, 0.640153, 0.589240], atol=3e-6)
    assert_allclose(found.correlations[np.tril_indices(3, -1)], [0.2537, -0.5377, 0.0574], atol=6e-5)


@pytest.mark.mass
@pytest.mark.simulation
def test_the_truth_is_recovered_and_covered():
    truth, covered, shown = np.array([0.2, 0.5]), [], []
    root = np.array([[1.0, 0.0], [-0.35, 0.35 * math.sqrt(3.0)]])
    for seed in range(1_000, 1_300):
        generator = np.random.default_rng(seed)
        group, x = np.repeat(np.arange(60), 12), generator.normal(size=720)
        u = (generator.normal(size=(60, 2)) @ root.T)[group]
        y = (generator.random(720) < expit(0.2 + 0.5 * x + u[:, 0] + u[:, 1] * x)).astype(float)
        found = estimates_of(model_of((y, x, group)))
        covered.append((found.ci_lower < truth) & (truth < found.ci_upper))
        shown.append([*found.std_devs, found.correlations[1, 0]])
    # three Monte-Carlo errors of a share and of medians, and what sixty groups leave of a bias in SDs
    assert_allclose(np.mean(covered, axis=0), 0.95, atol=3.0 * math.sqrt(0.95 * 0.05 / 300))
    assert_allclose(np.median(shown, axis=0), [1.0, 0.7, -0.5], atol=0.05)


@pytest.mark.mass
def test_wald_limits_of_sds_are_those_of_the_information_by_brute_force():
    model = model_of(small())
    theta, step = parameters_of(estimates_of(model)), 1e-3 * np.eye(5)
    at = {
        (i, j, a, b): log_likelihood(theta + a * step[i] + b * step[j], data=small())
        for i in range(5)
        for j in range(i + 1)
        for a in (1, -1)
        for b in (1, -1)
    }
    hessian = np.zeros((5, 5))
    for i in range(5):
        for j in range(i + 1):
            difference = at[i, j, 1, 1] - at[i, j, 1, -1] - at[i, j, -1, 1] + at[i, j, -1, -1]
            hessian[i, j] = hessian[j, i] = difference / 4e-6
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    assert_allclose(estimates_of(model).log_sd_std_errors, errors[2:4], rtol=1e-4)
    interval = profile_intervals(model, "x").random_effects[0]
    assert interval.wald_upper == pytest.approx(math.exp(theta[3] + 1.959964 * errors[3]), rel=1e-4)
    correlation = profile_intervals(model, ["intercept", "x"]).correlations[0]
    assert correlation.wald_lower == pytest.approx(math.tanh(theta[4] - 1.959964 * errors[4]), rel=1e-3)


def test_effects_are_drawn_by_the_rows_of_their_root():
    groups, root = 20_000, np.array([[1.0, 0.0], [-0.8, 0.3]])
    truth = Truth(
        predictor=np.full(2 * groups, 2.0),
        x_random=np.tile([[0.0], [3.0]], (groups, 1)),
        effects_root=root,
        groups=RowGroups(np.repeat(np.arange(groups), 2), tuple(range(groups))),
        trials=np.ones(2 * groups),
        trials_given=False,
    )
    (outcomes,) = draw_outcomes(truth, SimulationOptions(n_sim=1, seed=5))
    for place, z in enumerate(([1.0, 0.0], [1.0, 3.0])):
        expected = expit(2.0 + np.linalg.norm(np.array(z) @ root) * NODES) @ WEIGHTS / WEIGHTS.sum()
        # four Monte-Carlo errors
        assert outcomes[place::2].mean() == pytest.approx(expected, abs=4.0 * math.sqrt(0.25 / groups))


def test_columns_of_correlated_slopes_are_centred_and_scaled_and_have_their_way_back():
    design = model_of(small()).design
    x = design.rows.random[:, 1]
    assert x @ design.rows.trials == pytest.approx(0.0, abs=1e-10)
    assert x**2 @ design.rows.trials / design.rows.trials.sum() == pytest.approx(1.0, rel=1e-12)
    new = np.array([[2.5], [-1.0]])
    on_users_scale = np.array([[1.0, 2.5], [1.0, -1.0]]) @ design.scale.random_back_transform
    assert_allclose(design.scale.random_columns(new), on_users_scale, rtol=1e-14)
