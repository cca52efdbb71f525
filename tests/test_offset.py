"""Offsets in formulas: lme4 and emmeans, brute force, a constant offset, and every question of models with one."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit, log_expit, roots_hermitenorm
from scipy.stats import chi2, norm

import glmm_binomial
from datasets import REFERENCE
from formula_data import TABLE, refusal, with_column
from glmm_binomial import (
    FitError,
    compare,
    contrast,
    estimates_of,
    fit_formula,
    margins,
    predict,
    profile_intervals,
    quality,
    random_effects,
    terms,
)
from glmm_binomial.answers.fitted import fitted_logits
from glmm_binomial.answers.rows import finished
from glmm_binomial.errors import InvalidInputError
from glmm_binomial.estimation.conditional_modes import find_modes, mode_response
from glmm_binomial.estimation.crossed_integral import CrossedIntegral
from glmm_binomial.estimation.crossed_posterior import CrossedLogPosterior
from glmm_binomial.estimation.elbo import Elbo, Factors
from glmm_binomial.estimation.integrator import Integrator
from glmm_binomial.estimation.log_posterior import LogPosterior
from glmm_binomial.estimation.many_points import Centre, effect_moments, log_integrals, make_part, slopes_at
from glmm_binomial.estimation.nested_points import NestedPoints, NestedRule
from glmm_binomial.estimation.prior import prior_means
from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.distinct import distinct_groups
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.rows import Crossing, Rows
from glmm_binomial.observations import METHODS
from test_crossed import answered
from test_nested import pupils

FORMULAS = {
    "intercepts": "y ~ x + trt + offset(log(time)) + (1 | id)",
    "slopes": "y ~ x + offset(log(time)) + offset(w) + (0 + x | id)",
    "counts": "cbind(s, 6 - s) ~ x + offset(log(time)) + (1 | id)",
    "no_intercept": "y ~ 0 + x + offset(log(time / 3)) + (1 | id)",
}
EFFECTS = ["(1 | id)", "(1 + x | id)", "(1 + x || id)", "(0 + x | id)"]


@cache
def reference():
    return json.loads((REFERENCE / "offset_lme4.json").read_text(encoding="utf-8"))


@cache
def drawn():
    with (REFERENCE / "offset_lme4.csv").open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    texts = {"trt", "id"}
    return [
        header,
        *([cell if name in texts else float(cell) for name, cell in zip(header, row, strict=True)] for row in rows),
    ]


def values(name):
    place = drawn()[0].index(name)
    return np.array([row[place] for row in drawn()[1:]])


@cache
def model_of(formula, method="ml"):
    return fit_formula(drawn(), FORMULAS.get(formula, formula), method=method)


# --- against R -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMULAS)
def test_estimates_effects_and_predictions_are_those_of_lme4(name):
    model, expected = model_of(name), reference()[name]
    found, effects = estimates_of(model), random_effects(model)
    assert_allclose(found.coefficients, expected["coefficients"], atol=3e-7)
    assert_allclose(found.std_errors, expected["std_errors"], rtol=2e-5)
    assert_allclose(found.std_devs, [expected["sd"]], atol=3e-7)
    # of counts, lme4's log-likelihood by quadrature lacks constants
    if name != "counts":
        assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=2e-8)
    place = {label: i for i, label in enumerate(effects.group_labels)}
    assert_allclose(effects.estimates[[place[f"{i}"] for i in range(1, 41)], 0], expected["modes"], atol=1e-6)
    new = [["x", "w", "time", "trt", "id"], [0.0, 0.0, 1.0, "b", "7"], [1.0, -1.0, 10.0, "c", "7"]]
    assert_allclose(predict(model, new).probability, expected["new"], atol=1e-7)
    assert_allclose(predict(model, [row[:-1] for row in new]).probability, expected["typical"], atol=1e-7)


def test_levels_are_compared_with_the_offset_at_its_mean_as_by_emmeans():
    model, expected = model_of("intercepts"), reference()["emmeans"]
    rows = [row for row in contrast(model, "trt", "none").rows() if row[0] in {"a", "b", "c"}]
    assert_allclose([row[1] for row in rows], expected["probabilities"], atol=1e-6)
    assert_allclose([row[2] for row in rows], expected["std_errors"], rtol=1e-4)
    pairs = [row for row in contrast(model, "trt").rows() if " / " in str(row[0])]
    assert_allclose([row[1] for row in pairs], expected["odds_ratios"], rtol=1e-6)
    mean = np.log(values("time")).mean()
    notes = [row[1] for row in contrast(model, "trt", "none").rows() if row[0] == "note"]
    assert f"The offset stands at its mean: offset(log(time)) at {mean:.6g}." in notes


# --- the same as a column whose coefficient is one -------------------------------------------------------------------


def rows_with_offset(effects, *, trials=1, seed=2, groups=9, size=5):
    """The rows, and the same with the offset as a last fixed column."""
    generator = np.random.default_rng(seed)
    index, n = np.repeat(np.arange(groups), size), groups * size
    fixed = np.column_stack([np.ones(n), generator.normal(size=n)])
    random = np.column_stack([np.ones(n), generator.normal(size=n), generator.normal(size=n)])[:, :effects]
    rows = Rows(
        successes=generator.binomial(trials, 0.4, n).astype(float),
        trials=np.full(n, float(trials)),
        fixed=fixed,
        random=random,
        grouping=Grouping.of_sorted(index),
        upper=None,
        offset=generator.normal(0.5, 0.8, n),
    )
    return rows, replace(rows, fixed=np.column_stack([fixed, rows.offset]), offset=None)


def effects_of(count, *, correlated):
    sds = np.array([0.9, 0.5, 0.7])[:count]
    if not correlated:
        return IndependentEffects.of_sds(sds)
    return CorrelatedEffects.of_correlations(sds, 0.3 + 0.7 * np.eye(count))


def points_of(effects):
    one, other = Parameters(np.array([0.3, -0.6]), effects), Parameters(np.array([0.3, -0.6, 1.0]), effects)
    kept = np.r_[0, 1, 3 : 3 + len(effects.vector)]
    return one, other, kept


@pytest.mark.parametrize(("count", "correlated"), [(1, False), (2, False), (2, True), (3, False)])
@pytest.mark.parametrize("laplace", [False, True])
def test_likelihood_score_and_information_are_those_of_a_column_with_coefficient_one(count, correlated, laplace):
    rows, widened = rows_with_offset(count, trials=4)
    one, other, kept = points_of(effects_of(count, correlated=correlated))
    start = np.zeros((rows.grouping.count, count))
    modes, others = find_modes(rows, one, start), find_modes(widened, other, start)
    assert_allclose(modes.modes, others.modes, atol=1e-10)
    slopes, expected = mode_response(rows, one, modes).derivatives, mode_response(widened, other, others).derivatives
    assert_allclose(slopes, expected[:, :, kept], atol=1e-9)
    state = Integrator(rows, one, modes, laplace=laplace).evaluate_point()
    expected = Integrator(widened, other, others, laplace=laplace).evaluate_point()
    assert state.value == pytest.approx(expected.value, rel=1e-12)
    assert_allclose(state.group_scores, expected.group_scores[:, kept], atol=1e-8)
    assert_allclose(state.information, expected.information[np.ix_(kept, kept)], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("count", "correlated"), [(1, False), (2, True)])
def test_integrals_at_many_points_are_those_of_a_column_with_coefficient_one(count, correlated):
    rows, widened = rows_with_offset(count, trials=3)
    one, other, kept = points_of(effects_of(count, correlated=correlated))
    groups = np.arange(rows.grouping.count)
    start = np.zeros((len(groups), count))
    points = one.vector + 0.1 * np.random.default_rng(1).normal(size=(7, len(one.vector)))
    wide_points = np.insert(points, 2, 1.0, axis=1)
    found = []
    for these, at, theta in ((rows, one, points), (widened, other, wide_points)):
        part, centre = make_part(these, groups, 5), Centre(at, start, np.zeros((*start.shape, len(at.vector))))
        slopes = slopes_at(part, theta, centre, np.ones(len(groups)))
        moments = effect_moments(part, theta, centre)
        found.append((log_integrals(part, theta, centre), slopes, moments.means, moments.covariances))
    assert_allclose(found[0][0], found[1][0], atol=1e-10)
    assert_allclose(found[0][1].values, found[1][1].values, rtol=1e-12)
    assert_allclose(found[0][1].gradients, found[1][1].gradients[:, kept], atol=1e-9)
    assert_allclose(found[0][2], found[1][2], atol=1e-10)
    assert_allclose(found[0][3], found[1][3], atol=1e-10)


def test_nested_groups_are_those_of_a_column_with_coefficient_one():
    rows, widened = (
        replace(each, random=np.ones((45, 2)), upper=Grouping.of_sizes(np.array([3, 3, 3])))
        for each in rows_with_offset(1, trials=4)
    )
    one, other, kept = points_of(effects_of(2, correlated=False))
    start = np.zeros((9, 2))
    modes, others = find_modes(rows, one, start), find_modes(widened, other, start)
    assert_allclose(modes.modes, others.modes, atol=1e-10)
    slopes, expected = mode_response(rows, one, modes).derivatives, mode_response(widened, other, others).derivatives
    assert_allclose(slopes, expected[:, :, kept], atol=1e-9)
    state, expected = Integrator(rows, one, modes).evaluate_point(), Integrator(widened, other, others).evaluate_point()
    assert state.value == pytest.approx(expected.value, abs=1e-9)
    assert_allclose(state.group_scores, expected.group_scores[:, kept], atol=1e-7)
    assert_allclose(state.information, expected.information[np.ix_(kept, kept)], rtol=1e-6, atol=1e-6)
    at_points = [
        NestedPoints(these, at.vector[None], np.zeros((9, 2, 1)), NestedRule(9, 7), scored=True)
        for these, at in ((rows, one), (widened, other))
    ]
    assert_allclose(at_points[0].values, at_points[1].values, rtol=1e-12)
    assert_allclose(at_points[0].gradients, at_points[1].gradients[:, kept], atol=1e-9)


def test_crossed_groups_are_those_of_a_column_with_coefficient_one():
    rows, widened = (
        replace(each, random=np.ones((45, 2)), crossed=Crossing(np.tile(np.arange(5), 9), 5))
        for each in rows_with_offset(1, trials=4)
    )
    one, other, kept = points_of(effects_of(2, correlated=False))
    none = np.zeros(5), np.zeros((9, 1))
    state, expected = (
        CrossedIntegral(these).evaluate(at.vector, *none) for these, at in ((rows, one), (widened, other))
    )
    assert state.value == pytest.approx(expected.value, abs=1e-8)
    assert_allclose(state.score, expected.score[kept], atol=1e-6)
    assert_allclose(state.peak.levels, expected.peak.levels, atol=1e-8)
    points = np.concatenate([one.coefficients, np.linspace(-0.5, 0.5, 5), one.effects.vector])[None]
    slopes, wide = (
        CrossedLogPosterior(these, at, np.zeros((9, 2))).slopes(theta)
        for these, at, theta in ((rows, one, points), (widened, other, np.insert(points, 2, 1.0, axis=1)))
    )
    # but for the priors of the intercept and of the further column
    by_prior = -(points[0, 0] + rows.offset.mean()) / 4.0 + points[0, 0] / 4.0
    every = np.r_[0, 1, 3 : wide.gradients.shape[1]]
    change = slopes.gradients[0] - wide.gradients[0, every]
    assert_allclose(change, np.r_[by_prior, np.zeros(len(every) - 1)], atol=1e-6)
    by_levels, expected_rows = rows.by_levels(), widened.by_levels()
    assert_allclose(by_levels.offset, expected_rows.fixed[:, 2], atol=0.0)


def test_the_gradient_of_the_variational_bound_is_its_difference():
    rows, _ = rows_with_offset(1, trials=4)
    elbo, groups = Elbo(rows), rows.grouping.count

    def at(corner, local):
        start = Factors(
            np.array([0.2, -0.4]), np.full(2, 0.1), np.array([-0.2]), np.array([0.05]),
            np.full((groups, 1), 0.1), np.full((groups, 1), 0.3),
        )  # fmt: skip
        return elbo.at(start.moved(corner, local))

    corner, local = elbo.gradient(at(np.zeros(6), np.zeros((groups, 2))))
    step = 1e-5
    for place in range(6):
        ahead, behind = (at(side * step * np.eye(6)[place], np.zeros((groups, 2))).value for side in (1.0, -1.0))
        assert (ahead - behind) / (2.0 * step) == pytest.approx(corner[place], abs=1e-6)
    sideways = np.zeros((groups, 2))
    sideways[4] = step, -2.0 * step
    change = at(np.zeros(6), sideways).value - at(np.zeros(6), -sideways).value
    assert change / (2.0 * step) == pytest.approx(local[4] @ [1.0, -2.0], abs=1e-6)


# --- brute force -----------------------------------------------------------------------------------------------------


NODES, WEIGHTS = roots_hermitenorm(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def log_likelihood(b, sd, *, y, x, offset, group):
    """Of y ~ x + offset + (1 | id), by a fixed rule."""
    eta = (b[0] + b[1] * x + offset)[:, None] + sd * NODES
    logs = np.where(y[:, None] == 1.0, log_expit(eta), log_expit(-eta))
    by_group = np.add.reduceat(logs, np.flatnonzero(np.diff(group, prepend=-1)))
    return np.logaddexp.reduce(by_group + np.log(WEIGHTS), axis=1).sum()


def columns():
    return {
        "y": values("y"),
        "x": values("x"),
        "offset": np.log(values("time")),
        "group": np.unique(values("id").astype(int), return_inverse=True)[1],
    }


def test_a_profile_limit_satisfies_its_definition():
    model = model_of("y ~ x + offset(log(time)) + (1 | id)")
    found, data = estimates_of(model), columns()
    interval = profile_intervals(model, "intercept").fixed_effects[0]
    top = log_likelihood(found.coefficients, found.std_devs[0], **data)
    assert found.log_likelihood == pytest.approx(top, abs=1e-8)
    for limit in (interval.ci_lower, interval.ci_upper):
        held = lambda at, limit=limit: -log_likelihood([limit, at[0]], np.exp(at[1]), **data)  # noqa: E731
        best = minimize(held, [found.coefficients[1], np.log(found.std_devs[0])], method="BFGS", options={"gtol": 1e-5})
        assert 2.0 * (top + best.fun) == pytest.approx(chi2.isf(0.05, 1), abs=1e-5)


@pytest.mark.mass
def test_the_posterior_is_that_of_a_grid():
    """Of the intercept, whose prior is about minus the mean of the offset, and log sd in y ~ 1 + offset + (1 | id)."""
    data = {**columns(), "x": np.zeros(len(drawn()) - 1)}
    b, log_sd = np.linspace(-2.2, 0.2, 81), np.linspace(-3.6, 1.6, 105)
    heights = np.array([[log_likelihood([each, 0.0], np.exp(w), **data) for w in log_sd] for each in b])
    heights += norm.logpdf(b, -data["offset"].mean(), 2.0)[:, None] + norm.logpdf(log_sd)
    share = np.exp(heights - heights.max())
    share /= share.sum()
    assert max(share[[0, -1]].sum(), share[:, [0, -1]].sum()) < 1e-5
    mean = share.sum(axis=1) @ b
    sd = np.sqrt(share.sum(axis=1) @ (b - mean) ** 2)
    found = estimates_of(model_of("y ~ 1 + offset(log(time)) + (1 | id)", "vb"))
    assert_allclose(found.coefficients[0], mean, atol=0.01 * sd)
    assert_allclose(found.std_errors[0], sd, rtol=0.01)
    assert_allclose(np.log(found.std_devs[0]), share.sum(axis=0) @ log_sd, atol=0.01)


def test_rows_merge_only_when_their_offsets_are_equal():
    cells = [["y", "t", "id"], *([float(i % 3 == 0), [1.0, 2.0][i % 2], f"g{i // 12}"] for i in range(120))]
    model = fit_formula(cells, "y ~ 1 + offset(log(t)) + (1 | id)", method="ml")
    assert len(model.design.rows.trials) == 20
    assert sorted(set(model.design.rows.offset.tolist())) == [0.0, np.log(2.0)]
    data = {name: np.array([row[place] for row in cells[1:]]) for place, name in enumerate(("y", "t"))}
    found = estimates_of(model)
    group = np.arange(120) // 12
    expected = log_likelihood(
        [found.coefficients[0], 0.0], found.std_devs[0], y=data["y"], x=0.0, offset=np.log(data["t"]), group=group
    )
    assert found.log_likelihood == pytest.approx(expected, abs=1e-8)


# --- what says the same ----------------------------------------------------------------------------------------------


def same_but_for_the_intercept(model, other, shift):
    one, another = estimates_of(model), estimates_of(other)
    moved = np.zeros(len(one.coefficients))
    moved[0] = shift
    assert_allclose(another.coefficients, one.coefficients + moved, atol=1e-6)
    assert_allclose(another.std_errors, one.std_errors, rtol=1e-6)
    assert_allclose(another.std_devs, one.std_devs, atol=1e-6)
    assert_allclose(another.ci_lower, one.ci_lower + moved, atol=1e-5)
    assert_allclose(another.p_values[1:], one.p_values[1:], rtol=1e-4, atol=1e-9)
    assert another.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)
    assert_allclose(predict(other).probability, predict(model).probability, atol=1e-6)
    assert_allclose(predict(other).ci_lower, predict(model).ci_lower, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("constant", [-3.0, 40.0])
def test_a_constant_offset_shifts_the_intercept_alone(effects, method, constant):
    if method == "mean-field" and effects == "(1 + x | id)":
        pytest.skip("independent effects alone")
    header, *rows = drawn()
    cells = [[*header, "c"], *([*row, constant] for row in rows)]
    model = fit_formula(cells, f"y ~ x + trt + {effects}", method)
    other = fit_formula(cells, f"y ~ x + trt + offset(c) + {effects}", method)
    same_but_for_the_intercept(model, other, -constant)


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_a_constant_offset_shifts_the_intercept_of_nested_groups(method):
    header, *rows = pupils(trials=3)
    cells = [[*header, "c"], *([*row, 1.7] for row in rows)]
    model = fit_formula(cells, "s / n ~ x + (1 | school/class)", method)
    other = fit_formula(cells, "s / n ~ x + offset(c) + (1 | school/class)", method)
    same_but_for_the_intercept(model, other, -1.7)


@pytest.mark.parametrize("response", ["y", "cbind(s, 6 - s)"])
def test_checks_by_simulation_are_the_same_beside_a_constant_offset(response):
    header, *rows = drawn()
    cells = [[*header, "c"], *([*row, -2.5] for row in rows)]
    plain, other = (fit_formula(cells, f"{response} ~ x + w{added} + (1 | id)", "ml") for added in ("", " + offset(c)"))
    one, another = (estimates_of(each).dispersion for each in (plain, other))
    assert (one is None) is (response == "y")
    if one is not None:
        assert another.ratio == pytest.approx(one.ratio, rel=1e-7)
        assert another.expected == pytest.approx(one.expected, rel=1e-6)
        assert another.largest == pytest.approx(one.largest, rel=1e-6)
    found = [finished(glmm_binomial.check(each, n_sim=60).rows()) for each in (plain, other)]
    for row, same in zip(*found, strict=True):
        assert [cell for cell in same if isinstance(cell, str)] == [cell for cell in row if isinstance(cell, str)]
        numbers = [[cell for cell in each if isinstance(cell, float)] for each in (row, same)]
        assert_allclose(*numbers, rtol=1e-5, atol=1e-5)


def test_groups_that_differ_by_their_offsets_are_not_one_kind():
    rows, _ = rows_with_offset(1)
    alike = replace(
        rows,
        successes=np.tile(rows.successes[:5], 9),
        fixed=np.tile(rows.fixed[:5], (9, 1)),
        offset=np.repeat([0.0, 1.0, 1.0], 15),
    )
    assert distinct_groups(alike).multiplicity.tolist() == [3.0, 6.0]
    assert distinct_groups(replace(alike, offset=None)).multiplicity.tolist() == [9.0]


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_a_constant_offset_shifts_the_intercept_of_crossed_groups(method):
    header, *rows = answered(persons=20)
    cells = [[*header, "c"], *([*row, -2.2] for row in rows)]
    model = fit_formula(cells, "y ~ x + (1 | person) + (1 | item)", method)
    other = fit_formula(cells, "y ~ x + offset(c) + (1 | person) + (1 | item)", method)
    same_but_for_the_intercept(model, other, 2.2)
    # digits of Laplace's approximation over both
    intercepts = [
        next(each.split()[2] for each in lines(one, "R") if "(Intercept)  " in each) for one in (model, other)
    ]
    assert float(intercepts[1]) == pytest.approx(float(intercepts[0]) + 2.2, abs=2e-4)
    for one, another in zip(fitted_logits(model).known, fitted_logits(other).known, strict=True):
        assert another == pytest.approx(one, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_time_shifts_the_intercept_alone(method):
    hours = model_of("y ~ x + offset(log(time)) + (1 | id)", method)
    minutes = model_of("y ~ x + offset(log(60 * time)) + (1 | id)", method)
    same_but_for_the_intercept(hours, minutes, -np.log(60.0))


def test_levels_in_the_place_of_an_intercept_have_priors_about_the_offset_too():
    hours, minutes = (
        estimates_of(model_of(f"y ~ 0 + trt + x + offset(log({unit} * time)) + (1 | id)", "vb")) for unit in (1, 60)
    )
    assert_allclose(minutes.coefficients[:3], hours.coefficients[:3] - np.log(60.0), atol=1e-6)
    assert_allclose(minutes.coefficients[3], hours.coefficients[3], atol=1e-6)
    rows, _ = rows_with_offset(1)
    assert_allclose(prior_means(rows), [-rows.offset.mean(), 0.0], atol=1e-12)
    assert prior_means(replace(rows, fixed=rows.fixed[:, 1:])).tolist() == [0.0]
    assert prior_means(replace(rows, offset=None)).tolist() == [0.0, 0.0]


def test_several_offsets_are_their_sum():
    one = estimates_of(model_of("slopes"))
    other = estimates_of(model_of("y ~ x + offset(log(time) + w) + (0 + x | id)"))
    assert_allclose(one.coefficients, other.coefficients, atol=1e-12)
    assert (one.offset, other.offset) == ("log(time) + w", "log(time) + w")


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_a_column_in_the_offset_and_among_the_effects_has_one_less(method):
    plain, offset = (model_of(f"y ~ x + w{added} + (1 | id)", method) for added in ("", " + offset(w)"))
    one, other = estimates_of(plain), estimates_of(offset)
    if method == "ml":
        assert_allclose(one.coefficients, other.coefficients + np.array([0.0, 0.0, 1.0]), atol=1e-6)
        assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)
    # the effect of w on the probability is the same, whatever part of it is known
    found = [next(row for row in margins(each, "w").rows() if row[0] == "w") for each in (plain, offset)]
    close = 1e-6 if method == "ml" else 0.01
    assert_allclose(found[0][2:5], found[1][2:5], atol=close)
    assert_allclose(found[0][6], found[1][6], atol=10 * close)


@pytest.mark.parametrize(
    "where", ["y ~ offset(log(time)) + x + trt + (1 | id)", "y ~ x + trt + (1 | id) + offset(log(time))"]
)
def test_an_offset_may_stand_anywhere_in_the_sum(where):
    assert (
        estimates_of(model_of(where)).coefficients.tolist()
        == estimates_of(model_of("intercepts")).coefficients.tolist()
    )


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_fits_with_other_offsets_are_other_fits(method):
    found = [
        estimates_of(model_of(f"y ~ x{offset} + (1 | id)", method)).coefficients.tolist()
        for offset in ("", " + offset(w)", " + offset(2 * w)")
    ]
    assert len({tuple(each) for each in found}) == 3


# --- the questions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_logits_of_new_rows_have_the_offset(method):
    model = model_of("y ~ x + offset(log(time)) + (1 | id)", method)
    found = estimates_of(model)
    new = [["x", "time", "id"], [0.5, 1.0, "new"], [0.5, np.exp(2.0), "new"], [0.5, np.exp(2.0), "3"], [0.5, 1.0, "3"]]
    predicted = predict(model, new)
    assert predicted.logit[0] == pytest.approx(found.coefficients @ [1.0, 0.5], abs=2e-3)
    assert_allclose(predicted.logit[1] - predicted.logit[0], 2.0, atol=1e-9)
    assert_allclose(predicted.logit[2] - predicted.logit[3], 2.0, atol=1e-9)
    assert_allclose(predicted.std_error[1], predicted.std_error[0], rtol=1e-9)
    if method == "ml":
        eta = found.coefficients @ [1.0, 0.5] + 2.0 + found.std_devs[0] * NODES
        assert predicted.population_average[1] == pytest.approx(float(expit(eta) @ WEIGHTS), abs=1e-8)
    logits = fitted_logits(model)
    x, offset = values("x"), np.log(values("time"))
    assert_allclose(logits.typical, found.coefficients[0] + found.coefficients[1] * x + offset, atol=1e-9)
    assert_allclose(expit(logits.known), predict(model).probability, atol=0.01 if method == "vb" else 1e-9)


def test_new_rows_need_the_column_of_the_offset():
    with pytest.raises(
        InvalidInputError, match=r"new_data must have the columns of the formula: x, time\. There is no"
    ):
        predict(model_of("y ~ x + offset(log(time)) + (1 | id)"), [["x", "id"], [1.0, "3"]])
    found = predict(model_of("y ~ x + offset(log(time)) + (1 | id)"), [["x", "time"], [1.0, None], [1.0, 2.0]])
    assert found.rows()[1][-1] == "left out: time is blank"
    with pytest.raises(InvalidInputError, match=r"log\(time\) has none in row 2 of new_data"):
        predict(model_of("y ~ x + offset(log(time)) + (1 | id)"), [["x", "time"], [1.0, 0.0]])


def test_simulated_outcomes_and_their_check_follow_the_offset():
    model = model_of("y ~ x + offset(log(time)) + (1 | id)")
    found = estimates_of(model)
    responses = glmm_binomial.simulate(model, n_sim=3000, seed=4).responses
    eta = found.coefficients[0] + found.coefficients[1] * values("x") + np.log(values("time"))
    expected = expit(eta[:, None] + found.std_devs[0] * NODES) @ WEIGHTS
    assert np.abs(responses.mean(axis=1) - expected).max() < 4.5 * 0.5 / np.sqrt(3000)
    rows = [row for row in glmm_binomial.check(model, n_sim=100).rows() if " to " in str(row[0])]
    assert sum(bool(row[-1]) for row in rows) >= len(rows) - 1
    fitted = expit(eta)
    assert float(str(rows[0][0]).split(" to ")[0]) == pytest.approx(fitted.min(), abs=5e-3)


@pytest.mark.parametrize("formula", ["intercepts", "counts"])
def test_residuals_and_dispersion_are_at_the_logits_with_the_offset(formula):
    model = model_of(formula)
    fitted = fitted_logits(model)
    p = expit(fitted.known)
    expected = (fitted.successes - fitted.trials * p) / np.sqrt(fitted.trials * p * (1.0 - p))
    found = [row[3 if formula == "intercepts" else -2] for row in glmm_binomial.residuals(model).rows()[1:]]
    assert_allclose(np.array(found, dtype=float), expected, atol=1e-6)
    if formula == "counts":
        dispersion = estimates_of(model).dispersion
        measure = next(each for each in quality(model).measures if each.name == "dispersion")
        assert measure.value == pytest.approx(dispersion.ratio, rel=1e-9)
        assert 0.5 < dispersion.ratio < 1.5


def test_average_effects_are_averages_over_rows_with_their_offsets():
    model = model_of("y ~ x + trt + offset(log(time)) + (1 | id)")
    found, x, offset = estimates_of(model), values("x"), np.log(values("time"))
    b, sd = found.coefficients, float(found.std_devs[0])

    def average(x, level):
        eta = b[0] + b[1] * x + {"a": 0.0, "b": b[2], "c": b[3]}[level] + offset
        return float((expit(eta[:, None] + sd * NODES) @ WEIGHTS).mean())

    rows = {(row[0], row[1]): row for row in margins(model).rows()}
    assert rows["trt", "a to b"][2] == pytest.approx(average(x, "b") - average(x, "a"), abs=1e-8)
    assert [name for name, _ in rows if name in {"x", "trt", "time"}] == ["x", "trt", "trt"]


def test_shares_of_variance_hold_the_offset():
    model = model_of("y ~ x + offset(log(time)) + (1 | id)")
    found = estimates_of(model)
    v_f = np.var(found.coefficients[1] * values("x") + np.log(values("time")), ddof=1)
    v_r = float(found.variances[0])
    measures = {each.name: each for each in quality(model).measures}
    assert measures["r2_marginal_latent"].value == pytest.approx(v_f / (v_f + v_r + np.pi**2 / 3.0), rel=1e-9)
    assert measures["r2_marginal_latent"].note.startswith("fixed effects, the offset among them; ")
    vb = {each.name: each for each in quality(model_of("y ~ x + offset(log(time)) + (1 | id)", "vb")).measures}
    assert vb["r2_marginal_latent"].value == pytest.approx(measures["r2_marginal_latent"].value, abs=0.05)


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_without_a_group_it_is_the_fit_to_the_others(method):
    formula = "y ~ x + offset(log(time)) + (1 | id)"
    model = model_of(formula, method)
    header, *rows = drawn()
    found = next(row for row in glmm_binomial.influence(model).rows() if "fitted anew" in row)
    others = fit_formula([header, *(row for row in rows if row[0] != found[0])], formula, method)
    before, after = estimates_of(model).coefficients, estimates_of(others).coefficients
    if method == "vb":
        before, after = (
            each.design.scale.back_transform @ each.fit.posterior.mode.coefficients for each in (model, others)
        )
    assert_allclose(
        np.array(found[3:5]) * estimates_of(model).std_errors, after - before, atol=1e-4 if method == "ml" else 1e-3
    )


def test_a_step_without_a_group_is_near_the_fit_without_it():
    formula = "y ~ x + offset(log(time)) + (1 | id)"
    model = model_of(formula)
    header, *rows = drawn()
    found = next(row for row in glmm_binomial.influence(model).rows()[1:] if "fitted anew" not in row)
    others = estimates_of(fit_formula([header, *(row for row in rows if row[0] != found[0])], formula, "ml"))
    whole = estimates_of(model)
    assert_allclose(found[3:5], (others.coefficients - whole.coefficients) / whole.std_errors, atol=0.02)


def test_terms_left_out_are_of_fits_with_the_offset():
    model = model_of("intercepts")
    tested = {each.term: each.test.chi_square for each in terms(model).left_out}
    top = estimates_of(model).log_likelihood
    for term, formula in {"x": "y ~ trt", "trt": "y ~ x"}.items():
        without = estimates_of(model_of(f"{formula} + offset(log(time)) + (1 | id)")).log_likelihood
        assert tested[term] == pytest.approx(2.0 * (top - without), abs=1e-7)
    assert list(tested) == ["x", "trt", "random intercept"]


def test_models_with_other_offsets_are_compared_by_aic_alone():
    offset, plain, same = (
        model_of(f"y ~ {terms} + (1 | id)") for terms in ("x + offset(log(time))", "x", "x + trt + offset(log(time))")
    )
    first, second = (compare([offset, each]) for each in (plain, same))
    assert first.tests[1].note == "not tested: the offset is not that of the one before"
    assert first.weights is not None
    assert second.tests[1].degrees_of_freedom == 2


def lines(model, style):
    return [row[0] for row in glmm_binomial.report(model, style).rows() if row]


@pytest.mark.parametrize(
    ("formula", "style", "line"),
    [
        ("y ~ x + offset(log(time)) + (1 | id)", "R", "model <- glmer(y ~ x + offset(log(time)) + (1 | id), data,"),
        ("slopes", "R", "model <- glmer(y ~ x + offset(log(time) + w) + (0 + x | id), data,"),
        ("y ~ 1 + offset(w) + (1 | id)", "R", "model <- glmer(y ~ 1 + offset(w) + (1 | id), data,"),
        ("no_intercept", "R", "model <- glmer(y ~ 0 + x + offset(log(time/3)) + (1 | id), data,"),
        (
            "y ~ x + offset(w) + (1 + x | id)",
            "R",
            "model <- mixed_model(y ~ x + offset(w),",
        ),
        ("y ~ x + offset(w) + (1 | id)", "Stata", "melogit y x, offset(w) || groups_number:, intpoints(25)"),
        ("no_intercept", "Stata", "generate double the_offset = log(time/3)"),
        ("no_intercept", "Stata", "melogit y x, noconstant offset(the_offset) || groups_number:, intpoints(25)"),
        ("slopes", "SAS", "  the_offset = log(time) + w;"),
        (
            "slopes",
            "SAS",
            "  model y(event='1') = x / dist=binary link=logit solution ddfm=none offset=the_offset;",
        ),
        ("slopes", "Python", f'model = fit_formula(data, "{FORMULAS["slopes"]}", method="ml")'),
    ],
)
def test_code_for_other_programs_has_the_offset(formula, style, line):
    found = lines(model_of(formula), style)
    assert line in found
    assert any("time" in each or "w" in each for each in found[:6])


def test_a_column_of_levels_that_the_offset_takes_as_numbers_stays_one_of_numbers_in_r():
    header, *rows = drawn()
    cells = [[*header, "long"], *([*row, 1.0 + i % 3] for i, row in enumerate(rows))]
    for formula in ("y ~ C(long) + offset(log(long)) + (1 | id)", "y ~ C(long) + (0 + long | id)"):
        found = lines(fit_formula(cells, formula, "ml"), "R")
        assert not any("factor(" in line for line in found)
        assert any(line.startswith('data[["long[2]"]] <- with(data, 1 * (long == 2))') for line in found)


def test_what_is_reported_names_the_offset():
    model = model_of("y ~ x + offset(log(time)) + (1 | id)")
    (paragraph,) = lines(model, "sentence")
    assert paragraph.startswith(
        "A mixed-effects logistic regression with a random intercept, log(time) being an offset, was fitted to 360"
    )
    equation, _ = lines(model, "equation")
    assert equation.endswith(" x + log(time) + u)")
    assert r"+ \text{log(time)} + u" in lines(model, "latex")[0]
    assert ("offset", "log(time)") in [tuple(row[:2]) for row in glmm_binomial.report(model, "table").rows()]
    shown = {row[1]: row[2] for row in glmm_binomial.table(model).rows() if row[0] == ""}
    assert shown["offset"] == "log(time)"
    without = glmm_binomial.table(model_of("y ~ x + (1 | id)")).rows()
    assert "offset" not in [row[1] for row in without if len(row) > 1]


def test_the_interval_of_a_share_is_the_delta_method_on_it():
    model = model_of("y ~ x + offset(log(time)) + (1 | id)")
    x, offset, fit = values("x"), np.log(values("time")), model.fit
    to_user = model.design.scale.back_transform

    def logit_of_share(theta):
        v_f = np.var((to_user @ theta[:2])[1] * x + offset, ddof=1)
        return np.log(v_f) - np.log(np.exp(2.0 * theta[2]) + np.pi**2 / 3.0)

    here, step = np.r_[fit.coefficients, np.log(fit.sds)], 1e-5
    slopes = [(logit_of_share(here + each) - logit_of_share(here - each)) / (2.0 * step) for each in step * np.eye(3)]
    error = np.linalg.norm(np.array(slopes) @ fit.covariance_root)
    share = next(each for each in quality(model).measures if each.name == "r2_marginal_latent")
    limits = expit(logit_of_share(here) + np.array([-1.0, 1.0]) * norm.isf(0.025) * error)
    assert_allclose([share.ci_lower, share.ci_upper], limits, rtol=1e-6)


def test_pictures_have_the_logits_with_the_offset():
    model = model_of("y ~ x + offset(log(time)) + (1 | id)")
    b, offset = estimates_of(model).coefficients, np.log(values("time")).mean()
    sentence = glmm_binomial.plot(model, "effect").sentence
    lowest = expit(b[0] + b[1] * values("x").min() + offset)
    assert f"x {lowest:.3f} (" in sentence
    (shown,) = (
        line for line in glmm_binomial.plot(model, "residuals").figure.axes[1].lines if len(line.get_xdata()) == 360
    )
    assert_allclose(shown.get_xdata(), expit(b[0] + b[1] * values("x") + np.log(values("time"))), atol=1e-9)


@pytest.mark.parametrize("compare", ["pairwise", "none"])
@pytest.mark.parametrize("scale", ["odds ratio", "difference", "ratio"])
def test_levels_of_a_factor_in_the_offset_are_not_compared(scale, compare):
    header, *rows = drawn()
    cells = [[*header, "long"], *([*row, 1.0 + (i % 2)] for i, row in enumerate(rows))]
    model = fit_formula(cells, "y ~ x + C(long) + offset(log(long)) + (1 | id)", "ml")
    with pytest.raises(InvalidInputError, match=r"by must name factors that no offset is made of\. long is part of"):
        contrast(model, "long", compare, scale)


def test_differences_of_levels_are_at_the_mean_of_the_offset():
    model = model_of("y ~ x + trt + offset(log(time)) + (1 | id)")
    found = estimates_of(model)
    b, sd = found.coefficients, float(found.std_devs[0])
    level = b[0] + b[1] * values("x").mean() + np.log(values("time")).mean()
    chances = [expit(level + added + sd * NODES) @ WEIGHTS for added in (0.0, b[2])]
    (row,) = (row for row in contrast(model, "trt", "pairwise", "difference").rows() if row[0] == "a - b")
    assert row[1] == pytest.approx(chances[0] - chances[1], abs=1e-8)


NOT_ADDED = (
    "formula must add an offset to the fixed effects, as in y ~ x + offset(dose) + (1 | id): it is the same for all "
    "groups, takes part in no product, and is not taken out."
)


# --- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (
            "y ~ day + offset(trt) + (1 | id)",
            "formula must have numbers as an offset. In offset(trt), trt is a column of text.",
        ),
        (
            "y ~ day + offset(log(trt)) + (1 | id)",
            "formula must apply functions to numbers. In log(trt), the column trt holds text.",
        ),
        (
            "y ~ day + offset(nothing) + (1 | id)",
            "formula must name columns of data. There is no column nothing; the columns are",
        ),
        (
            "y ~ day + offset() + (1 | id)",
            "formula must have one column, or arithmetic on columns, in an offset, as in offset(log(time)). It holds",
        ),
        ("y ~ day + offset(day, dose) + (1 | id)", "formula must have one column, or arithmetic on columns, in an"),
        ("y ~ day + offset(3) + (1 | id)", "formula must apply functions to columns. 3 holds none."),
        (
            "y ~ day + offset(log(day - 1)) + (1 | id)",
            "formula must give finite numbers. log(day - 1) has none in row 2 of data, where day holds 1.",
        ),
        *(
            (
                formula,
                NOT_ADDED,
            )
            for formula in (
                "y ~ day + (1 + offset(dose) | id)",
                "y ~ day + (offset(dose) | id)",
                "y ~ day * offset(dose) + (1 | id)",
                "y ~ day:offset(dose) + (1 | id)",
                "y ~ day - offset(dose) + (1 | id)",
                "y ~ (day + offset(dose)) + (1 | id)",
            )
        ),
        (
            "y ~ day + (1 | id), offset = log(dose)",
            'formula must be the formula alone, without "offset = ". It is a term of the formula here: write + offset',
        ),
    ],
)
def test_what_is_no_offset_is_refused(formula, message):
    assert refusal(formula).startswith(message)


def test_an_offset_far_beyond_logits_is_taken_for_a_forgotten_logarithm():
    table = with_column("people", [1000.0 * (i + 1) for i in range(len(TABLE) - 1)])
    assert refusal("y ~ day + offset(people) + (1 | id)", table) == (
        "formula must have offsets between -500 and 500, since they add to a logit. offset(people) is 1000 in row 2 of "
        "data; for a time or a number of units write its logarithm, as in offset(log(time))."
    )


def test_rows_without_an_offset_are_left_out_and_named():
    header, *rows = drawn()
    cells = [header, *([*row[:3], None, *row[4:]] if i == 5 else row for i, row in enumerate(rows))]
    model = fit_formula(cells, "y ~ x + offset(log(time)) + (1 | id)", "ml")
    assert len(model.observations.offset) == len(rows) - 1
    assert any("row 7 (time is blank)" in text for text in estimates_of(model).notices)
    without = fit_formula([header, *(row for i, row in enumerate(rows) if i != 5)], model.coding.formula, "ml")
    assert estimates_of(model).coefficients.tolist() == estimates_of(without).coefficients.tolist()
    assert glmm_binomial.simulate(model).rows()[6][-1] == "time is blank"


def test_a_design_has_no_column_for_an_offset():
    with pytest.raises(
        InvalidInputError, match=r"formula must leave offset\(log\(dose\)\) out: an offset has no coeff"
    ):
        glmm_binomial.design(TABLE, "trt + offset(log(dose))")


def test_separated_data_are_named_beside_an_offset():
    header, *rows = drawn()
    told = [header, *([*row[:5], float(row[1] > 0.0), *row[6:]] for row in rows)]
    with pytest.raises(FitError, match="x"):
        fit_formula(told, "y ~ x + offset(log(time)) + (1 | id)", method="ml")
    found = estimates_of(fit_formula(told, "y ~ x + offset(log(time)) + (1 | id)"))
    assert any("separated" in text for text in found.notices)


def test_the_posterior_starts_where_its_prior_is():
    rows, _ = rows_with_offset(1)
    rows = replace(rows, offset=rows.offset + 30.0)
    point = Parameters(np.array([-30.5, 0.0]), IndependentEffects.of_sds(np.ones(1)))
    posterior = LogPosterior(rows, point, np.zeros((9, 1)))
    assert_allclose(posterior.prior.means, [-rows.offset.mean(), 0.0, 0.0], atol=1e-9)
