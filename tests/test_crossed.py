"""Groupings that cross: integrals by brute force, a published value, a Markov chain, and what answers make of them."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit, logsumexp
from scipy.stats import norm

from formula_data import refusal
from glmm_binomial import estimates_of, fit_formula
from glmm_binomial.answers.check import check
from glmm_binomial.answers.compare import compare
from glmm_binomial.answers.confint import profile_intervals
from glmm_binomial.answers.margins import margins
from glmm_binomial.answers.plot import plot
from glmm_binomial.answers.predict import predict
from glmm_binomial.answers.quality import quality
from glmm_binomial.answers.ranef import random_effects
from glmm_binomial.answers.report import report
from glmm_binomial.answers.residuals import residuals
from glmm_binomial.answers.simulate import simulate
from glmm_binomial.answers.table import table
from glmm_binomial.answers.terms import terms
from glmm_binomial.estimation.crossed_integral import CrossedIntegral
from glmm_binomial.estimation.crossed_posterior import CrossedLogPosterior
from glmm_binomial.estimation.fitting import fit_cache
from glmm_binomial.estimation.integrator import CrossedIntegrator
from glmm_binomial.model.design import build_design
from glmm_binomial.model.effects import IndependentEffects, Parameters

REFERENCE = Path(__file__).parent / "reference"
FORMULA = "y / n ~ x + (1 | person) + (1 | item)"
SALAMANDERS = "Mate ~ TypeF * TypeM + (1 | Female) + (1 | Male)"
STEP = 1e-4


def answered(*, persons=30, items=8, sds=(1.0, 0.8), coefficients=(0.3, 0.6), trials=1, seed=3, share=1.0):
    """A table of persons by items."""
    generator = np.random.default_rng(seed)
    of_person, of_item = sds[0] * generator.standard_normal(persons), sds[1] * generator.standard_normal(items)
    rows = [["y", "n", "x", "person", "item"]]
    for person in range(persons):
        for item in range(items):
            x = round(float(generator.standard_normal()), 3)
            eta = coefficients[0] + coefficients[1] * x + of_person[person] + of_item[item]
            y = int(generator.binomial(trials, expit(eta)))
            if generator.random() < share:
                rows.append([y, trials, x, f"p{person}", f"i{item}"])
    return rows


def salamanders():
    with (REFERENCE / "salamander.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    return [header, *([*row[:-1], int(row[-1])] for row in rows)]


def fitted(data=None, formula=FORMULA, **options):
    return fit_formula(data or answered(), formula, **{"method": "ml"} | options)


def rows_of(data):
    return build_design(fitted(data).observations).rows


def log_likelihood_given(rows, coefficients, levels, sd, *, nodes=301, reach=9.0):
    """L of (..., q) effects of the levels, the groups' effects summed over a fixed grid."""
    grid = np.linspace(-reach, reach, nodes)
    log_weight = norm.logpdf(grid) + np.log(grid[1] - grid[0])
    eta = (rows.fixed @ coefficients + levels[..., rows.crossed.index])[..., None] + sd * grid
    terms = rows.successes[:, None] * log_expit(eta) + (rows.trials - rows.successes)[:, None] * log_expit(-eta)
    of_groups = np.add.reduceat(terms, rows.grouping.starts, axis=-2)
    return logsumexp(of_groups + log_weight, axis=-1).sum(axis=-1)


def laplace(rows, point):
    """The approximation from scratch: the peak by another optimiser, the Hessian by differences."""
    b, sd, q, precision = point[:-2], np.exp(point[-2]), rows.crossed.count, np.exp(-2.0 * point[-1])

    def fall(a):
        return 0.5 * precision * a @ a - log_likelihood_given(rows, b, a, sd)

    peak = minimize(fall, np.zeros(q), method="BFGS", options={"gtol": 1e-7}).x
    step, unit = 1e-3, np.eye(q) * 1e-3
    hessian = np.array(
        [
            [fall(peak + i + j) - fall(peak + i - j) - fall(peak - i + j) + fall(peak - i - j) for j in unit]
            for i in unit
        ]
    ) / (4.0 * step**2)
    return -fall(peak) - q * point[-1] - 0.5 * np.linalg.slogdet(hessian)[1]


def likelihood_on_a_grid(rows, point, *, nodes=81, reach=7.0):
    """Log L with all effects summed over fixed grids, for two levels."""
    grid = np.linspace(-reach, reach, nodes)
    a = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    log_weight = norm.logpdf(a).sum(axis=1) + 2.0 * np.log(grid[1] - grid[0])
    values = np.concatenate(
        [
            log_likelihood_given(rows, point[:-2], np.exp(point[-1]) * some, np.exp(point[-2]), nodes=161)
            for some in np.array_split(a, 40)
        ]
    )
    return logsumexp(values + log_weight)


def start_of(rows):
    return np.zeros(rows.crossed.count), np.zeros((rows.grouping.count, 1))


@pytest.mark.parametrize("trials", [1, 4])
@pytest.mark.parametrize("point", [(0.2, 0.5, 0.1, -0.4), (0.1, -0.3, 0.9, 0.5), (0.0, 0.4, -1.5, -1.0)])
def test_the_likelihood_is_laplaces_approximation_of_integrals_on_a_grid(trials, point):
    rows = rows_of(answered(persons=9, items=4, trials=trials))
    value = CrossedIntegral(rows).evaluate(np.array(point), *start_of(rows)).value
    assert_allclose(value, laplace(rows, np.array(point)), rtol=0.0, atol=2e-5)


@pytest.mark.parametrize("trials", [1, 4])
@pytest.mark.parametrize("point", [(0.2, 0.5, 0.1, -0.4), (0.1, -0.3, 0.9, 0.5), (0.0, 0.4, -1.5, 1.0)])
def test_the_score_is_the_derivative_of_the_likelihood(trials, point):
    rows = rows_of(answered(persons=12, items=5, trials=trials))
    integral, point = CrossedIntegral(rows), np.array(point)
    state = integral.evaluate(point, *start_of(rows))
    ahead, behind = (
        np.array([integral.evaluate(point + way * move, *start_of(rows)).value for move in STEP * np.eye(4)])
        for way in (1.0, -1.0)
    )
    assert_allclose(state.score, (ahead - behind) / (2.0 * STEP), rtol=1e-5, atol=1e-5)


def test_many_blocks_of_groups_make_the_same_score(monkeypatch):
    rows = rows_of(answered(persons=25, items=6, share=0.7))
    point = np.array([0.1, 0.5, 0.2, -0.3])
    whole = CrossedIntegral(rows).evaluate(point, *start_of(rows)).score
    monkeypatch.setattr("glmm_binomial.estimation.crossed_integral.BLOCK_ELEMENTS", 500)
    assert_allclose(CrossedIntegral(rows).evaluate(point, *start_of(rows)).score, whole, rtol=1e-12)


def test_salamanders_have_the_known_likelihood_and_the_stated_error_covers_what_sampling_says():
    model = fitted(salamanders(), SALAMANDERS)
    estimates = estimates_of(model)
    # by the same approximation and by importance sampling, from programs of others
    assert_allclose(estimates.log_likelihood, -207.965, rtol=0.0, atol=6e-4)
    assert estimates.laplace.log_likelihood_error > 207.965 - 207.62
    assert 0.1 < estimates.laplace.estimates_error < 0.5
    assert any("an estimate by" in notice for notice in estimates.notices)


@pytest.mark.parametrize("seed", [2, 5, 9])
def test_the_stated_error_covers_the_exact_likelihood(seed):
    model = fitted(answered(persons=12, items=2, sds=(1.0, 1.0), seed=seed))
    rows, fit = build_design(model.observations).rows, model.fit
    exact = likelihood_on_a_grid(rows, np.append(fit.coefficients, np.log(fit.sds)))
    error = abs(exact - fit.log_likelihood)
    assert 1e-4 < error < fit.levels.check.log_likelihood_error < error + 0.3


@pytest.mark.mass
def test_the_stated_error_of_the_estimates_is_a_step_of_the_exact_score_and_its_noise(monkeypatch):
    data = answered(persons=12, items=2, sds=(1.0, 3.0), seed=12)
    model = fitted(data)
    rows, fit = build_design(model.observations).rows, model.fit
    point = np.append(fit.coefficients, np.log(fit.sds))

    def exact(at):
        return likelihood_on_a_grid(rows, at, nodes=61, reach=7.0)

    score = [(exact(point + move) - exact(point - move)) / 2e-3 for move in 1e-3 * np.eye(4)]
    step = np.abs(fit.covariance @ score / np.sqrt(np.diag(fit.covariance))).max()
    assert 0.1 < step < fit.levels.check.estimates_error < step + 0.3
    monkeypatch.setattr("glmm_binomial.estimation.crossed_check.MOST_DRAWS", 2**15)
    fit_cache.clear()
    assert step < fitted(data).fit.levels.check.estimates_error < step + 0.03
    fit_cache.clear()


def test_where_few_draws_are_effective_no_error_is_stated(monkeypatch):
    monkeypatch.setattr("glmm_binomial.estimation.crossed_check.LEAST_SHARE", 1.0)
    fit_cache.clear()
    model = fitted(answered(persons=20))
    fit_cache.clear()
    cells = {row[1]: row[2] for row in table(model).rows() if len(row) > 2}
    assert cells["log_likelihood_error"] is None
    assert cells["estimates_error"] is None
    assert 0.5 < cells["laplace_share"] < 1.0
    assert any("of whose error nothing can be said" in notice for notice in estimates_of(model).notices)


def test_where_the_likelihood_has_no_maximum_it_is_that_of_the_tables_estimates():
    header, *rows = answered(persons=12, items=4, seed=2)
    model = fitted([header, *([int(row[2] > 0.0), *row[1:]] for row in rows)], method="vb")
    point = np.append(model.fit.coefficients, np.log(model.fit.sds))
    value = laplace(build_design(model.observations).rows, point)
    assert_allclose(estimates_of(model).log_likelihood, value, rtol=0.0, atol=2e-5)
    assert "do not compare" in " ".join(estimates_of(model).notices).lower()
    cells = {row[1]: row[2] for row in table(model).rows() if len(row) > 2}
    assert cells["laplace"] == "log_likelihood, over item"
    assert "log_likelihood_error" not in cells


@pytest.mark.parametrize("sds", [(1.0, 0.3), (0.7, 1.5)])
def test_degrees_of_freedom_of_the_levels_are_those_of_the_curvature_at_the_tables_estimates(sds):
    model = fitted(answered(persons=40, items=10, sds=sds, seed=7), method="vb")
    rows, fit = build_design(model.observations).rows, model.fit
    peak = CrossedIntegral(rows).peak(np.append(fit.coefficients, np.log(fit.sds)), *start_of(rows))
    shrinkage = np.trace(np.linalg.inv(peak.precision)) / fit.sds[1] ** 2
    assert_allclose(np.trace(fit.levels.given_parameters) / fit.sds[1] ** 2, shrinkage, rtol=0.1)


def test_standard_errors_are_those_of_the_likelihoods_curvature():
    model = fitted(answered(persons=40, items=10))
    rows, fit = build_design(model.observations).rows, model.fit
    point = np.append(fit.coefficients, np.log(fit.sds))
    integral, unit = CrossedIntegral(rows), 1e-3 * np.eye(4)

    def value(move):
        return integral.evaluate(point + move, *start_of(rows)).value

    hessian = (
        np.array([[value(i + j) - value(i - j) - value(j - i) + value(-i - j) for j in unit] for i in unit]) / 4e-6
    )
    assert_allclose(fit.covariance, np.linalg.inv(-hessian), rtol=2e-3, atol=1e-6)


def test_a_variance_of_levels_at_zero_is_the_model_without_them():
    data = answered(sds=(1.0, 0.0), seed=1)
    both, alone = fitted(data), fitted(data, "y / n ~ x + (1 | person)")
    assert both.fit.sds[1] == 0.0
    assert_allclose(both.fit.log_likelihood, alone.fit.log_likelihood, rtol=1e-12)
    assert_allclose(both.fit.coefficients, alone.fit.coefficients, atol=1e-8)
    assert_allclose(both.fit.covariance[:3, :3], alone.fit.covariance, rtol=1e-6)
    of_items = random_effects(both)
    assert (of_items.estimates[:8, 1] == 0.0).all()
    assert_allclose(of_items.estimates[:, 0], random_effects(alone).estimates[:, 0], atol=1e-7)
    assert "of item is estimated at zero" in " ".join(estimates_of(both).notices)
    assert both.fit.nodes == alone.fit.nodes
    assert both.fit.largest_score < 1e-9


def test_without_any_variance_it_is_a_logistic_regression_without_nodes():
    generator = np.random.default_rng(1)
    rows = [
        [int(generator.random() < 0.5), 1, float(place % 7), f"p{place % 20}", f"i{place % 9}"] for place in range(180)
    ]
    model = fitted([["y", "n", "x", "person", "item"], *rows])
    alone = fitted([["y", "n", "x", "person", "item"], *rows], "y / n ~ x + (1 | person)")
    assert not model.fit.active.any()
    assert model.fit.nodes == 0
    assert_allclose(model.fit.log_likelihood, alone.fit.log_likelihood, rtol=1e-12)


def test_a_variance_of_groups_at_zero_is_the_model_of_the_levels():
    data = answered(sds=(0.0, 1.0), seed=1)
    both, alone = fitted(data), fitted(data, "y / n ~ x + (1 | item)")
    assert both.fit.sds[0] == 0.0
    assert_allclose(both.fit.log_likelihood, alone.fit.log_likelihood, rtol=1e-12)
    assert_allclose(both.fit.sds[1], alone.fit.sds[0], rtol=1e-8)
    found, known = random_effects(both), random_effects(alone)
    assert_allclose(found.estimates[:8, 1], known.estimates[:, 0], atol=1e-5)
    assert_allclose(found.std_devs[:8, 1], known.std_devs[:, 0], rtol=1e-4)
    assert (found.estimates[:, 0] == 0.0).all()


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_neither_the_order_of_rows_nor_that_of_labels_matters(method):
    header, *rows = answered(persons=14, items=5)
    shuffled = random.Random(1).sample(rows, len(rows))
    renamed = [[*row[:3], f"z{row[3][::-1]}", f"k{9 - int(row[4][1:])}"] for row in shuffled]
    one, other = (estimates_of(fitted([header, *each], method=method)) for each in (rows, renamed))
    # under "vb" the points are others for each order of the levels
    near = 1e-7 if method == "ml" else 0.03
    assert_allclose(one.coefficients, other.coefficients, atol=near)
    assert_allclose(one.std_devs, other.std_devs, atol=near)


def chain(rows, *, chains=300, steps=3_000, seed=1):
    """Draws of (b, a, log sds) by Metropolis within Gibbs over all effects, nothing integrated, many chains at once."""
    generator = np.random.default_rng(seed)
    k = rows.fixed.shape[1]
    groups, q = rows.grouping.count, rows.crossed.count
    group, level = rows.grouping.index, rows.crossed.index
    b, u, a, log_sds = (generator.normal(0.0, 0.3, (chains, size)) for size in (k, groups, q, 2))

    def of_rows(b, u, a):
        eta = b @ rows.fixed.T + u[:, group] + a[:, level]
        return rows.successes * log_expit(eta) + (rows.trials - rows.successes) * log_expit(-eta)

    def summed(values, index, count):
        sums = np.zeros((chains, count))
        for place in range(count):
            sums[:, place] = values[:, index == place].sum(axis=1)
        return sums

    draws, here = [], of_rows(b, u, a)
    for step in range(steps):
        for which in ("u", "a"):
            effects, index, sd = (u, group, log_sds[:, :1]) if which == "u" else (a, level, log_sds[:, 1:])
            new = effects + generator.normal(0.0, 0.9, effects.shape)
            there = of_rows(b, new, a) if which == "u" else of_rows(b, u, new)
            gain = summed(there - here, index, effects.shape[1]) - 0.5 * np.exp(-2.0 * sd) * (new**2 - effects**2)
            taken = np.log(generator.random(gain.shape)) < gain
            effects[taken] = new[taken]
            here = of_rows(b, u, a)
        # along the coefficients, with the effects as they are and with them moved the other way
        for shift in (None, "u", "a"):
            new = b + generator.normal(0.0, 0.35, b.shape) * (shift is None or np.arange(k) == 0)
            moved = (b - new)[:, :1]
            new_u, new_a = u + moved * (shift == "u"), a + moved * (shift == "a")
            there = of_rows(new, new_u, new_a)
            gain = (there - here).sum(axis=1) - 0.125 * (new**2 - b**2).sum(axis=1)
            for old, moved_to, sd in ((u, new_u, log_sds[:, 0]), (a, new_a, log_sds[:, 1])):
                gain -= 0.5 * np.exp(-2.0 * sd) * (moved_to**2 - old**2).sum(axis=1)
            taken = np.log(generator.random(chains)) < gain
            b[taken], u[taken], a[taken], here[taken] = new[taken], new_u[taken], new_a[taken], there[taken]
        for place, effects in enumerate((u, a)):
            # with the effects as they are, and with them scaled as the SD is
            for scaled in (False, True):
                old = log_sds[:, place]
                new = old + generator.normal(0.0, 0.5, chains)
                gain = -0.5 * (new**2 - old**2)
                ratio = np.exp(new - old)[:, None] if scaled else np.ones((chains, 1))
                new_effects = effects * ratio
                if scaled:
                    there = of_rows(b, new_effects, a) if place == 0 else of_rows(b, u, new_effects)
                    gain += (there - here).sum(axis=1)
                else:
                    squares = (effects**2).sum(axis=1)
                    gain += -effects.shape[1] * (new - old) - 0.5 * squares * (np.exp(-2.0 * new) - np.exp(-2.0 * old))
                taken = np.log(generator.random(chains)) < gain
                log_sds[taken, place] = new[taken]
                effects[taken] = new_effects[taken]
                here = of_rows(b, u, a)
        if step >= steps // 6:
            draws.append(np.column_stack([b, a, log_sds, u[:, :1]]))
    return np.concatenate(draws)


@pytest.mark.mass
@pytest.mark.simulation
@pytest.mark.parametrize("seed", [4, 6])
def test_the_posterior_is_that_of_a_markov_chain_over_all_effects(seed):
    model = fitted(answered(persons=12, items=4, seed=seed), method="vb")
    rows, posterior = build_design(model.observations).rows, model.fit.posterior
    draws = chain(rows)
    mean, sd = draws[:, :-1].mean(axis=0), draws[:, :-1].std(axis=0)
    assert_allclose((posterior.mean - mean) / sd, 0.0, atol=0.04)
    assert_allclose(np.sqrt(np.diag(posterior.covariance)) / sd, 1.0, atol=0.04)
    k, q = rows.fixed.shape[1], rows.crossed.count
    of_levels, effects = draws[:, k : k + q], random_effects(model)
    assert_allclose(effects.estimates[:q, 1], of_levels.mean(axis=0), atol=0.04)
    limits = np.quantile(of_levels, [0.025, 0.975], axis=0)
    assert_allclose([effects.ci_lower[:q, 1], effects.ci_upper[:q, 1]], limits, atol=0.12)
    # of the first group, and of both together in a prediction
    assert_allclose(effects.estimates[0, 0], draws[:, -1].mean(), atol=0.04)
    first = rows.grouping.starts[0]
    logit = draws[:, :k] @ rows.fixed[first] + draws[:, -1] + draws[:, k + rows.crossed.index[first]]
    person = model.observations.group_labels[0]
    at = next(place for place, row in enumerate(answered(persons=12, items=4, seed=seed)[1:]) if row[3] == person)
    found = predict(model)
    assert_allclose([found.logit[at], found.std_error[at]], [logit.mean(), logit.std()], atol=0.05)


def test_gradient_and_curvature_of_the_posterior_are_its_derivatives():
    rows = rows_of(answered(persons=12, items=5))
    start = Parameters(np.array([0.2, 0.5]), IndependentEffects(np.array([0.1, -0.2])))
    density = CrossedLogPosterior(rows, start, np.zeros((12, 2)))
    point = np.r_[0.2, 0.6, 0.5, -0.4, 0.3, -0.2, 0.1, 0.2, -0.3]
    density.curved(point, is_centre=True)
    density.choose_nodes_within(point, np.full(9, 0.3))
    found, moves = density.curved(point), STEP * np.eye(9)
    gradients = [density.curved(point - move).gradient - density.curved(point + move).gradient for move in moves]
    assert_allclose(found.information, np.array(gradients) / (2.0 * STEP), atol=1e-5)
    values = density.values(np.vstack([point + moves, point - moves]))
    assert_allclose(density.slopes(point[None]).gradients[0], (values[:9] - values[9:]) / (2.0 * STEP), atol=5e-3)


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_the_table_has_a_row_for_each_kind_of_groups(method):
    cells = {row[1]: row[2] for row in table(fitted(method=method)).rows() if len(row) > 2}
    assert cells["groups: person"] == 30
    assert cells["groups: item"] == 8
    variances = {row[1]: row[2] for row in table(fitted(method=method)).rows() if "intercept" in str(row[1])}
    between = variances["person: intercept"] + variances["item: intercept"]
    assert_allclose(cells["icc: item"], variances["item: intercept"] / (between + np.pi**2 / 3.0))
    assert cells["laplace"] == "log_likelihood, over item"
    assert 0.0 < cells["log_likelihood_error"] < 1.0
    assert ("estimates_error" in cells) == (method == "ml")
    assert ("posterior_error" in cells) == (method == "vb")
    assert {"person: intercept", "item: intercept"} <= set(cells)


def test_new_labels_that_look_like_known_ones_are_told():
    new = [["x", "person", "item"], [0.5, "P3", "i2"], [0.5, "p3", "I2"], [0.5, " p3", "I2"]]
    assert predict(fitted(), new).random_effects == (
        "item estimate (new person: the text 'P3' is not the text 'p3')",
        "person estimate (new item: the text 'I2' is not the text 'i2')",
        "zero (new person: the text ' p3' is not the text 'p3', new item: the text 'I2' is not the text 'i2')",
    )


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_a_prediction_adds_the_effects_that_are_known(method):
    data = answered()
    model = fitted(data, method=method)
    new = [["x", "person", "item"], [0.5, "p3", "i2"], [0.5, "p3", "new"], [0.5, "new", "i2"], [0.5, "new", "new"]]
    found, effects = predict(model, new), random_effects(model)
    person = effects.estimates[model.observations.group_labels.index("p3"), 0]
    item = effects.estimates[model.observations.crossed.labels.index("i2"), 1]
    assert_allclose(found.logit - found.logit[3], [person + item, person, item, 0.0], atol=0.02)
    assert found.random_effects == (
        "estimates of both groups",
        "person estimate (new or no item)",
        "item estimate (new or no person)",
        "zero",
    )
    assert_allclose(found.population_average, found.population_average[0], rtol=1e-12)
    of_fit = predict(model)
    assert of_fit.random_effects == ("estimates of both groups",) * (len(data) - 1)
    fitted_there = residuals(model).fitted
    assert_allclose(of_fit.probability, fitted_there, atol=1e-6 if method == "ml" else 0.03)


def test_the_standard_error_of_a_known_person_and_item_is_that_of_both_together():
    model = fitted(answered(persons=12, items=4, sds=(1.5, 1.0), seed=4))
    rows, fit = build_design(model.observations).rows, model.fit
    integral = CrossedIntegral(rows)
    point, k, row = np.append(fit.coefficients, np.log(fit.sds)), len(fit.coefficients), 5
    group, level = rows.grouping.index[row], rows.crossed.index[row]
    inside = rows.grouping.index == group

    def mode_of_the_person(at, a):
        """By bisection of the slope of the log density."""
        eta = rows.fixed[inside] @ at[:k] + a[rows.crossed.index[inside]]

        def slope(u):
            return (rows.successes[inside] - rows.trials[inside] * expit(eta + u)).sum() - u * np.exp(-2.0 * at[-2])

        return brentq(slope, -30.0, 30.0, xtol=1e-14)

    def peak(at):
        return integral.peak(at, *start_of(rows))

    def logit(at, a):
        return rows.fixed[row] @ at[:k] + a[level] + mode_of_the_person(at, a)

    here = peak(point)
    by_parameters = [
        (logit(point + move, peak(point + move).levels) - logit(point - move, peak(point - move).levels)) / 2e-4
        for move in 1e-4 * np.eye(len(point))
    ]
    by_levels = [(logit(point, here.levels + m) - logit(point, here.levels - m)) / 2e-4 for m in 1e-4 * np.eye(4)]
    eta = (
        rows.fixed[inside] @ point[:k]
        + here.levels[rows.crossed.index[inside]]
        + mode_of_the_person(point, here.levels)
    )
    p = expit(eta)
    alone = 1.0 / ((rows.trials[inside] * p * (1.0 - p)).sum() + np.exp(-2.0 * point[-2]))
    variance = by_parameters @ fit.covariance @ by_parameters
    variance += by_levels @ np.linalg.inv(here.precision) @ by_levels + alone
    person, item = model.observations.group_labels[group], model.observations.crossed.labels[level]
    data = answered(persons=12, items=4, sds=(1.5, 1.0), seed=4)[1:]
    place = next(place for place, cells in enumerate(data) if cells[3:] == [person, item])
    assert_allclose(predict(model).std_error[place], np.sqrt(variance), rtol=1e-5)


def test_both_methods_agree_on_effects_and_predictions_where_the_data_say_much():
    data = answered(persons=40, items=12, trials=8)
    one, other = (fitted(data, method=method) for method in ("ml", "vb"))
    assert_allclose(predict(one).std_error, predict(other).std_error, rtol=0.08)
    assert_allclose(random_effects(one).std_devs[:12], random_effects(other).std_devs[:12], rtol=0.15)


def test_simulated_outcomes_share_the_effects_of_their_levels():
    model = fitted(answered(persons=60, items=4, sds=(0.0, 3.0), coefficients=(0.0, 0.0), seed=8))
    drawn = simulate(model, n_sim=200).responses
    items = model.observations.crossed.index
    shares = np.array([drawn[items == item].mean(axis=0) for item in range(4)])
    assert shares.std() > 0.25
    assert abs(np.corrcoef(shares[0], shares[1])[0, 1]) < 0.3


@pytest.mark.parametrize("method", ["ml", "vb"])
@pytest.mark.parametrize("trials", [1, 5])
def test_every_question_is_answered(method, trials):
    model = fitted(answered(trials=trials), method=method)
    effects = random_effects(model).rows()
    assert len(effects) == 1 + 30 + 8
    assert [row[0] for row in effects[-8:]] == [f"i{item}" for item in range(8)]
    tested = {row[0]: row for row in terms(model).rows()}
    assert "uncertain by" in tested["random intercept of item"][5]
    assert tested["random intercept of person"][3] < 0.05
    for found in (quality(model), margins(model), residuals(model), check(model, n_sim=40)):
        assert len(found.rows()) > 1
    assert residuals(model).groups[:9] == (*(f"p0:i{item}" for item in range(8)), "p1:i0")
    notes = {each.name: each.note for each in quality(model).measures}
    assert "two groups of item drawn at random" in notes["median_odds_ratio: item"]
    assert (check(model, n_sim=40).dispersion is None) == (trials == 1)
    assert [test.name for test in check(model, n_sim=40).tests] == ["uniformity", "dispersion", "outliers", "products"]
    assert plot(model, "caterpillar") is not None
    for style in ("table", "summary", "sentence", "covariance", "equation", "latex"):
        assert len(report(model, style).rows()) >= 1
    assert "u[person] + u[item]" in report(model, "equation").rows()[0][0]
    compared = compare([fitted(answered(trials=trials), "y / n ~ x + (1 | person)"), model]).rows()
    assert any("aic and bic by twice that" in str(row[1]) for row in compared if row[0] == "warning")
    assert compared[2][7] is not None
    assert compared[2][8] < 0.05


def test_profile_limits_are_where_the_likelihood_has_fallen():
    model = fitted(answered(persons=25, items=6))
    rows = {row[1]: row for row in profile_intervals(model).rows() if row[0] == ""}
    design, fit = build_design(model.observations), model.fit
    integral = CrossedIntegral(design.rows)
    found = np.log(rows["item: intercept"][4])

    def fall(free):
        state = integral.evaluate(np.append(free, found), *start_of(design.rows))
        return -state.value

    start = np.append(fit.coefficients, np.log(fit.sds[0]))
    lowest = minimize(fall, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxfev": 900}).fun
    assert_allclose(2.0 * (fit.log_likelihood + lowest), 3.841459, atol=1e-4)
    assert rows["x"][3] < rows["x"][2] < rows["x"][4]


def test_the_integrator_gives_modes_of_both_kinds():
    rows = rows_of(answered(persons=12, items=5))
    parameters = Parameters(np.array([0.2, 0.5]), IndependentEffects(np.array([0.1, -0.2])))
    state = CrossedIntegrator(rows, parameters, np.zeros((17, 2))).evaluate_point()
    modes = state.found.modes
    assert modes.shape == (17, 2)
    assert not modes[:12, 1].any()
    assert not modes[12:, 0].any()
    assert modes[:12, 0].all()
    assert modes[12:, 1].all()


@pytest.mark.parametrize("persons", [30, 6])
def test_the_larger_grouping_comes_first_whatever_the_formula_says(persons):
    data = answered(persons=persons, items=8)
    names = [
        estimates_of(fitted(data, f"y / n ~ x + {each}")).random_names
        for each in (
            "(1 | person) + (1 | item)",
            "(1 | item) + (1 | person)",
        )
    ]
    assert (
        names[0]
        == names[1]
        == (("person: intercept", "item: intercept") if persons > 8 else ("item: intercept", "person: intercept"))
    )


def test_degrees_of_freedom_are_those_of_the_grouping_within_which_a_column_is_constant():
    header, *rows = answered(persons=20, items=8)
    header = [*header, "of_item", "of_person"]
    rows = [[*row, len(row[4]) + int(row[4][1:]) % 3, int(row[3][1:]) % 2] for row in rows]
    found = estimates_of(fitted([header, *rows], "y / n ~ x + of_item + of_person + (1 | person) + (1 | item)"))
    told = {found.fixed_names[test.position]: (test.groups, test.degrees_of_freedom) for test in found.t_tests}
    assert told == {"intercept": (8, 6), "of_item": (8, 6), "of_person": (20, 18)}


def test_levels_that_look_alike_or_are_few_are_told():
    header, *rows = answered(persons=20, items=4)
    rows = [[*row[:4], row[4].upper() if place % 9 == 0 else row[4]] for place, row in enumerate(rows)]
    told = " ".join(estimates_of(fitted([header, *rows])).notices)
    assert '"i1" and "I1"' in told
    told = " ".join(estimates_of(fitted(answered(persons=40, items=4))).notices)
    assert "There are only 4 groups of item, too few" in told


def test_numbered_levels_may_be_meant_to_begin_anew():
    header, *rows = answered(persons=12, items=5)
    numbered = [[*row[:4], int(row[4][1:])] for row in rows]
    told = " ".join(estimates_of(fitted([header, *numbered])).notices)
    assert "(1 | person/item) would be the formula" in told
    assert "would be the formula" not in " ".join(estimates_of(fitted([header, *rows])).notices)


@pytest.mark.parametrize(
    ("formula", "method", "message"),
    [
        (FORMULA, "mean-field", 'method must be "vb" or "ml" where groupings cross.'),
        ("y / n ~ (1 + x | person) + (1 | item)", "ml", "formula must have no random slopes beside two groupings."),
        ("y / n ~ x + (1 | person) + (1 | item) + (1 | x)", "ml", "formula must name at most two groupings"),
    ],
)
def test_what_is_not_fitted_is_refused_with_what_works(formula, method, message):
    assert message in refusal(formula, answered(), method=method)


def test_two_large_groupings_that_cross_are_refused():
    rows = [[place % 2, 1, 0.1 * (place % 7), f"p{place % 350}", f"i{place % 301}"] for place in range(2_000)]
    message = refusal("y ~ x + (1 | person) + (1 | item)", [["y", "n", "x", "person", "item"], *rows], method="ml")
    assert "formula must name crossed groupings of which one has at most 300 groups" in message
    assert "(1 | person) alone" in message


def test_more_rows_than_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr("glmm_binomial.formula.random_effects.MOST_INDICATORS", 1_000)
    message = refusal(FORMULA, answered(), method="ml")
    assert "item has 8 groups and the data 240 rows: 125 rows of them can be fitted." in message
