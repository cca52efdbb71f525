"""Random slopes without random intercept: lme4, brute force, what says the same, and every question of such models."""

from __future__ import annotations

import csv
import json
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit, log_expit, roots_hermitenorm
from scipy.stats import chi2, norm

import glmm_binomial
from datasets import REFERENCE
from formula_data import TABLE, certified_table, refusal
from glmm_binomial import FitError, compare, estimates_of, fit_formula, margins, predict, quality, random_effects, terms
from glmm_binomial.answers.confint import profile_intervals
from glmm_binomial.answers.fitted import fitted_logits
from glmm_binomial.answers.t_tests import t_tests

METHODS = ["ml", "vb"]
KINDS = ["(0 + x | id)", "(0 + x + z | id)", "(0 + x + z || id)"]
TIGHTENED = 3e-7
"""What lme4's 25 nodes and tightened optimiser leave of coefficients near 1."""


@cache
def reference():
    return json.loads((REFERENCE / "slopes_lme4.json").read_text(encoding="utf-8"))


@cache
def drawn_in_r():
    with (REFERENCE / "slopes_lme4.csv").open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    return [header, *([row[0], *map(float, row[1:])] for row in rows)]


@cache
def drawn(groups=24, size=8):
    """Slopes of x and z with SDs of 1 and .7 and a correlation of .5; w is the same within each group."""
    generator = np.random.default_rng(31)
    group = np.repeat(np.arange(groups), size)
    x, z = generator.normal(size=(2, groups * size))
    w = generator.normal(size=groups)[group]
    u = generator.normal(size=(groups, 2)) @ np.array([[1.0, 0.35], [0.0, 0.6]])
    y = generator.random(len(x)) < expit(0.3 + 0.5 * x - 0.4 * z + 0.3 * w + u[group, 0] * x + u[group, 1] * z)
    return y.astype(float), x, z, w, group


def data_of():
    columns = [column.tolist() for column in drawn()]
    sex = ["f", "m"] * (len(columns[0]) // 2)
    rows = zip(*columns[:-1], sex, [f"g{group}" for group in columns[-1]], strict=True)
    return [["y", "x", "z", "w", "sex", "id"], *map(list, rows)]


@cache
def model_of(random, method="ml", fixed="x + z"):
    return fit_formula(data_of(), f"y ~ {fixed} + {random}", method=method)


# --- against lme4 ----------------------------------------------------------------------------------------------------


def lme4s(name):
    if name == "drawn":
        return fit_formula(drawn_in_r(), "y ~ x + w + (0 + x | id)", method="ml")
    table = certified_table("contraception.csv", "usey", "age")
    table = [[*table[0], "decades"], *([*row, row[4] / 10.0] for row in table[1:])]
    formula = "usey ~ decades + I(decades^2) + livch + urban + (0 + decades | district)"
    return fit_formula(table, formula, method="ml")


@pytest.mark.parametrize("name", ["drawn", "contraception"])
def test_estimates_and_effects_are_those_of_lme4(name):
    model, expected = lme4s(name), reference()[name]
    found, effects = estimates_of(model), random_effects(model)
    assert_allclose(found.coefficients, expected["coefficients"], atol=TIGHTENED)
    assert_allclose(found.std_devs, [expected["sd"]], atol=TIGHTENED)
    assert_allclose(found.std_errors, expected["std_errors"], rtol=2e-5)
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=2e-7)
    assert found.icc is None
    place = {label: i for i, label in enumerate(effects.group_labels)}
    order = [place[label] for label in expected["groups"]]
    assert_allclose(effects.estimates[order, 0], expected["modes"], atol=2e-6)
    # those of lme4 hold what the data of the group tell, given the estimates
    assert (effects.std_devs[order, 0] >= expected["conditional_sds"]).all()
    assert_allclose(predict(model).probability[:20], expected["fitted"], atol=1e-6)
    assert_allclose(expit(fitted_logits(model).typical[:20]), expected["typical"], atol=1e-7)


# --- brute force -----------------------------------------------------------------------------------------------------


def hermite(count):
    """Nodes and weights of means over the standard normal distribution."""
    nodes, weights = roots_hermitenorm(count)
    return nodes, weights / weights.sum()


RULE = NODES, WEIGHTS = hermite(60)


def by_group(by_row, group):
    return np.add.reduceat(by_row, np.flatnonzero(np.diff(group, prepend=-1)))


def log_likelihood(b, root, rule=RULE):
    """By a fixed rule in either direction, at the root (2, 2) of the covariance of the slopes of x and z."""
    (nodes, weights), (y, x, z, _, group) = rule, drawn()
    v = np.stack([grid.ravel() for grid in np.meshgrid(nodes, nodes, indexing="ij")])
    u = root @ v
    eta = (b[0] + b[1] * x + b[2] * z)[:, None] + x[:, None] * u[0] + z[:, None] * u[1]
    logs = by_group(np.where(y[:, None] == 1.0, log_expit(eta), log_expit(-eta)), group)
    return np.logaddexp.reduce(logs + np.log(np.outer(weights, weights).ravel()), axis=1).sum()


def root_of(sds, correlation):
    return np.array([[sds[0], 0.0], [sds[1] * correlation, sds[1] * np.sqrt(1.0 - correlation**2)]])


@pytest.mark.parametrize("random", KINDS[1:])
def test_the_log_likelihood_of_two_slopes_is_that_of_brute_force(random):
    found = estimates_of(model_of(random))
    correlation = 0.0 if found.correlations is None else float(found.correlations[1, 0])
    expected = log_likelihood(found.coefficients, root_of(found.std_devs, correlation))
    assert found.log_likelihood == pytest.approx(expected, abs=1e-7)


@pytest.mark.mass
def test_the_maximum_for_two_correlated_slopes_is_that_of_brute_force():
    found = estimates_of(model_of("(0 + x + z | id)"))
    theta = np.r_[found.coefficients, np.log(found.std_devs), np.arctanh(found.correlations[1, 0])]
    best = minimize(
        lambda at: -log_likelihood(at[:3], root_of(np.exp(at[3:5]), np.tanh(at[5]))),
        theta + 0.05,
        method="BFGS",
        options={"gtol": 1e-5},
    )
    assert_allclose(theta, best.x, atol=2e-4)


@pytest.mark.mass
def test_a_profile_limit_of_the_sd_satisfies_its_definition():
    model = model_of("(0 + x + z || id)")
    interval = profile_intervals(model, "x").random_effects[0]
    found, rule = estimates_of(model), hermite(90)

    def highest(sd):
        start = np.r_[found.coefficients, np.log(found.std_devs[1])]
        held = lambda at: -log_likelihood(at[:3], np.diag([sd, np.exp(at[3])]), rule)  # noqa: E731
        return -minimize(held, start, method="BFGS", options={"gtol": 1e-4}).fun

    for limit in (interval.ci_lower, interval.ci_upper):
        assert 2.0 * (found.log_likelihood - highest(limit)) == pytest.approx(chi2.isf(0.05, 1), abs=2e-5)


@pytest.mark.mass
def test_the_posterior_is_that_of_a_grid():
    """Of b and log sd in y ~ 0 + x + (0 + x | id), with the priors on x over its root mean square."""
    (nodes, weights), (y, x, _, _, group) = hermite(100), drawn()
    unit = np.sqrt(np.mean(x**2))
    b, log_sd = np.linspace(-1.8, 3.2, 101), np.linspace(-3.3, 2.1, 109)
    heights = np.empty((len(b), len(log_sd)))
    for j, width in enumerate(np.exp(log_sd)):
        eta = (x / unit)[:, None, None] * (b[:, None] + width * nodes)
        logs = by_group(np.where(y[:, None, None] == 1.0, log_expit(eta), log_expit(-eta)), group)
        heights[:, j] = np.logaddexp.reduce(logs + np.log(weights), axis=2).sum(axis=0)
    heights += norm.logpdf(b, scale=2.0)[:, None] + norm.logpdf(log_sd)
    share = np.exp(heights - heights.max())
    share /= share.sum()
    assert max(share[[0, -1]].sum(), share[:, [0, -1]].sum()) < 1e-6
    mean = share.sum(axis=1) @ b
    sd = np.sqrt(share.sum(axis=1) @ (b - mean) ** 2)
    found = estimates_of(model_of("(0 + x | id)", "vb", "0 + x"))
    assert_allclose(found.coefficients[0] * unit, mean, atol=0.01 * sd)
    assert_allclose(found.std_errors[0] * unit, sd, rtol=0.01)
    assert_allclose(np.log(found.std_devs[0] * unit), share.sum(axis=0) @ log_sd, atol=0.005)
    lower, upper = np.interp([0.025, 0.975], share.sum(axis=1).cumsum(), b + 0.5 * (b[1] - b[0]))
    assert_allclose([found.ci_lower[0] * unit, found.ci_upper[0] * unit], [lower, upper], atol=0.03 * sd)


# --- what says the same ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("random", "other"),
    [
        ("(0 + x | id)", "(x - 1 | id)"),
        ("(0 + x | id)", "(-1 + x | id)"),
        ("(0 + x + z || id)", "(0 + x | id) + (0 + z | id)"),
    ],
)
def test_other_ways_to_write_it_are_the_same_model(random, other):
    one, another = estimates_of(model_of(random)), estimates_of(model_of(other))
    assert one.coefficients.tolist() == another.coefficients.tolist()
    assert one.std_devs.tolist() == another.std_devs.tolist()


def halves():
    """Groups that differ in both of two kinds of rows, a = 1 and b = 1."""
    generator = np.random.default_rng(8)
    group, kind = np.repeat(np.arange(40), 16), np.tile([0.0, 1.0], 320)
    u = generator.normal(size=(40, 2))
    logit = np.where(kind == 1.0, 0.4 + 1.2 * u[group, 0], -0.2 + 0.5 * u[group, 0] + 0.8 * u[group, 1])
    y = (generator.random(640) < expit(logit)).astype(float)
    columns = [each.tolist() for each in (y, kind, 1.0 - kind)]
    return [["y", "a", "b", "id"], *map(list, zip(*columns, [f"g{each}" for each in group], strict=True))]


def test_slopes_of_two_columns_that_sum_to_one_are_an_intercept_and_a_slope():
    apart = fit_formula(halves(), "y ~ a + (0 + a + b | id)", method="ml")
    beside = fit_formula(halves(), "y ~ a + (1 + a | id)", method="ml")
    one, other = estimates_of(apart), estimates_of(beside)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)
    assert_allclose(one.coefficients, other.coefficients, atol=1e-6)
    # b is one where a is zero
    assert one.std_devs[1] == pytest.approx(other.std_devs[0], abs=1e-6)
    effects, others = random_effects(apart).estimates, random_effects(beside).estimates
    assert_allclose(effects[:, 1], others[:, 0], atol=1e-6)
    assert_allclose(effects[:, 0], others.sum(axis=1), atol=1e-6)
    assert [(each.position, each.degrees_of_freedom) for each in one.t_tests] == [
        (each.position, each.degrees_of_freedom) for each in other.t_tests
    ]
    (_, test) = compare([apart, beside]).tests
    assert test.note == "not tested: the same model as the one before"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("random", KINDS)
def test_the_unit_of_a_slope_scales_its_sd_alone(random, method):
    header, *rows = data_of()
    other = fit_formula(
        [header, *([row[0], row[1] / 1000.0, *row[2:]] for row in rows)], f"y ~ x + z + {random}", method
    )
    one, another = estimates_of(model_of(random, method)), estimates_of(other)
    assert another.std_devs[0] == pytest.approx(1000.0 * one.std_devs[0], rel=1e-6)
    assert_allclose(another.std_devs[1:], one.std_devs[1:], rtol=1e-6)
    assert_allclose(another.p_values, one.p_values, rtol=1e-6)
    assert_allclose(another.log_likelihood, one.log_likelihood, rtol=1e-12)


# --- comparisons -----------------------------------------------------------------------------------------------------


def test_a_random_slope_is_tested_against_the_model_without_groups():
    model = model_of("(0 + x | id)")
    tested = {each.term: each for each in terms(model).left_out}
    assert list(tested) == ["x", "z", "random slope of x"]
    y, x, z, *_ = drawn()

    def no_groups(b):
        eta = b[0] + b[1] * x + b[2] * z
        return -np.where(y == 1.0, log_expit(eta), log_expit(-eta)).sum()

    logistic = -minimize(no_groups, np.zeros(3), method="BFGS", options={"gtol": 1e-6}).fun
    test = tested["random slope of x"].test
    assert test.chi_square == pytest.approx(2.0 * (estimates_of(model).log_likelihood - logistic), abs=1e-6)
    assert test.p_value == pytest.approx(0.5 * chi2.sf(test.chi_square, 1), rel=1e-9)


@pytest.mark.parametrize(("bar", "law"), [("||", (0, 1)), ("|", (1, 2))])
def test_each_of_two_slopes_is_tested_against_the_other_alone(bar, law):
    tested = {each.term: each.test for each in terms(model_of(f"(0 + x + z {bar} id)")).left_out}
    alone = {name: estimates_of(model_of(f"(0 + {name} | id)")).log_likelihood for name in "xz"}
    top = estimates_of(model_of(f"(0 + x + z {bar} id)")).log_likelihood
    for name, other in (("x", "z"), ("z", "x")):
        test = tested[f"random slope of {name}"]
        assert test.chi_square == pytest.approx(2.0 * (top - alone[other]), abs=1e-7)
        expected = 0.5 * sum(chi2.sf(test.chi_square, df) for df in law if df)
        assert test.p_value == pytest.approx(expected, rel=1e-9)
    assert "random intercept" not in tested


@pytest.mark.parametrize(
    ("larger", "degrees"),
    [("(1 + x || id)", 1), ("(1 + x | id)", 2), ("(0 + x + z || id)", 1), ("(0 + x + z | id)", 2)],
)
def test_it_is_nested_in_models_with_more_effects(larger, degrees):
    (_, test) = compare([model_of("(0 + x | id)"), model_of(larger)]).tests
    assert test.degrees_of_freedom == degrees
    law = {1: "chi-square with 0 and 1 df", 2: "chi-square with 1 and 2 df"}[degrees]
    assert law in test.note


def test_slopes_alone_and_an_intercept_alone_are_not_nested():
    (_, test) = compare([model_of("(1 | id)"), model_of("(0 + x | id)")]).tests
    assert test.chi_square is None
    assert "the one before lacks the random slope of x, and this one lacks the random intercept" in test.note


# --- degrees of freedom ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "tested", "degrees"),
    [
        ("y ~ x + z + w + (0 + x | id)", ["x"], 23),
        ("y ~ x * w + z + (0 + x | id)", ["x", "x:w"], 22),
        ("y ~ x + z + w + (0 + x + z | id)", ["x", "z"], 23),
        ("y ~ x + z + x:w + (0 + x + z || id)", ["x", "z", "x:w"], 22),
        ("y ~ z + w + (0 + x | id)", [], None),
    ],
)
def test_only_what_the_slopes_imitate_is_tested_between_groups(formula, tested, degrees):
    model = fit_formula(data_of(), formula, method="ml")
    k = len(model.design.scale.fixed_names)
    found = t_tests(model.design, np.ones(k), np.ones(k), alpha=0.05)
    assert [model.design.scale.fixed_names[test.position] for test in found] == tested
    assert {test.degrees_of_freedom for test in found} == ({degrees} if tested else set())


def test_where_zero_of_a_column_is_does_not_hide_that_its_slopes_imitate_it():
    header, *rows = data_of()
    moved = [header, *([row[0], row[1] + 50.0, *row[2:]] for row in rows)]
    model = fit_formula(moved, "y ~ x + z + (0 + x | id)", method="ml")
    assert [test.position for test in estimates_of(model).t_tests] == [1]


# --- the questions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("random", KINDS)
def test_known_groups_differ_by_their_slopes_alone(random, method):
    model = model_of(random, method)
    effects = random_effects(model)
    assert effects.effect_names == (("x",) if random == KINDS[0] else ("x", "z"))
    u = effects.estimates[3]
    header = ["x", "z", "id"]
    cells = [header, [2.0, -1.0, "g3"], [2.0, -1.0, "unknown"], [0.0, 0.0, "g3"], [0.0, 0.0, "unknown"]]
    found = predict(model, cells)
    by_slopes = 2.0 * u[0] - (u[1] if len(u) > 1 else 0.0)
    assert found.logit[0] - found.logit[1] == pytest.approx(by_slopes, abs=0.01 if method == "vb" else 1e-9)
    assert found.logit[2] == pytest.approx(found.logit[3], abs=1e-12)
    assert found.population_average[3] == pytest.approx(float(expit(found.logit[3])), abs=1e-3)
    logits = fitted_logits(model)
    _, x, z, _, group = drawn()
    slopes = effects.estimates[group]
    expected = slopes[:, 0] * x + (slopes[:, 1] * z if len(u) > 1 else 0.0)
    assert_allclose(logits.known - logits.typical, expected, atol=1e-9)


def test_a_population_average_is_the_integral_over_the_slopes():
    model = model_of("(0 + x | id)")
    found = estimates_of(model)
    b, sd = found.coefficients, float(found.std_devs[0])
    average = predict(model, [["x", "z", "id"], [1.5, 0.5, "new"]]).population_average[0]
    integral, _ = quad(lambda u: expit(b @ [1.0, 1.5, 0.5] + 1.5 * u) * norm.pdf(u, scale=sd), -12.0 * sd, 12.0 * sd)
    assert average == pytest.approx(integral, abs=1e-9)


def test_an_average_effect_is_that_of_rows_whose_slopes_are_integrated():
    model = model_of("(0 + x | id)")
    b, sd = estimates_of(model).coefficients, float(estimates_of(model).std_devs[0])
    _, x, z, *_ = drawn()

    def average(x):
        return (expit((b[0] + b[1] * x + b[2] * z)[:, None] + np.outer(x, sd * NODES)) @ WEIGHTS).mean()

    step = 1e-4
    (of_x,) = (row for row in margins(model, "x").rows() if row[0] == "x")
    assert of_x[2] == pytest.approx((average(x + step) - average(x - step)) / (2.0 * step), abs=1e-7)


def test_simulated_groups_differ_where_the_column_is_not_zero():
    rows = 60
    data = [["y", "x", "id"], *([float(i % 2), 3.0 * (i % 3 == 0), f"g{i // 6}"] for i in range(rows))]
    model = fit_formula(data, "y ~ 0 + x + (0 + x | id)", method="vb")
    responses = glmm_binomial.simulate(model, n_sim=2000, seed=3).responses.reshape(10, 6, -1)
    at_zero, others = responses[:, [1, 2, 4, 5]].sum(axis=1), responses[:, [0, 3]].sum(axis=1)
    # sums of independent outcomes of 1/2 have variance n/4
    assert at_zero.var() == pytest.approx(1.0, abs=4.0 * np.sqrt(2.0 / at_zero.size))
    p = others.mean() / 2.0
    sd = float(estimates_of(model).std_devs[0])
    b = float(estimates_of(model).coefficients[0])
    chances = expit(3.0 * (b + sd * NODES))
    variance = 2.0 * (WEIGHTS @ chances) * (1.0 - WEIGHTS @ chances) + 2.0 * (
        WEIGHTS @ chances**2 - (WEIGHTS @ chances) ** 2
    )
    assert p == pytest.approx(float(WEIGHTS @ chances), abs=0.02)
    assert others.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("random", KINDS)
def test_the_share_of_variance_averages_over_the_rows(random):
    model = model_of(random)
    found = estimates_of(model)
    _, x, z, *_ = drawn()
    columns = np.column_stack([x, z])[:, : len(found.std_devs)]
    covariance = np.diag(found.variances)
    if found.correlations is not None:
        covariance = found.correlations * np.outer(found.std_devs, found.std_devs)
    between = np.einsum("ni,ij,nj->n", columns, covariance, columns).mean()
    measures = {each.name: each for each in quality(model).measures}
    assert measures["icc"].value == pytest.approx(between / (between + np.pi**2 / 3.0), rel=1e-9)
    assert "averaged over the rows" in measures["icc"].note
    if random == KINDS[0]:
        interval = profile_intervals(model, "x").random_effects[0]
        variances = np.array([interval.ci_lower, interval.ci_upper]) ** 2 * np.mean(x**2)
        limits = variances / (variances + np.pi**2 / 3.0)
        assert_allclose([measures["icc"].ci_lower, measures["icc"].ci_upper], limits, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_without_a_group_it_is_the_fit_to_the_others(method):
    model = model_of("(0 + x | id)", method)
    header, *rows = data_of()
    found = next(row for row in glmm_binomial.influence(model).rows() if "fitted anew" in row)
    others = fit_formula([header, *(row for row in rows if row[-1] != found[0])], "y ~ x + z + (0 + x | id)", method)
    whole, refit = estimates_of(model), estimates_of(others)
    before, after = whole.coefficients, refit.coefficients
    if method == "vb":
        before, after = (
            each.design.scale.back_transform @ each.fit.posterior.mode.coefficients for each in (model, others)
        )
    assert_allclose(found[3:6], (after - before) / whole.std_errors, atol=1e-4 if method == "ml" else 0.02)


def lines(model, style):
    return [row[0] for row in glmm_binomial.report(model, style).rows() if row]


@pytest.mark.parametrize(
    ("random", "style", "line"),
    [
        ("(0 + x | id)", "R", "model <- glmer(y ~ x + z + (0 + x | id), data,"),
        ("(0 + x | id)", "R", "#   SD of x: {x:.4g}"),
        ("(0 + x + z || id)", "R", "                     random = ~ 0 + x + z || id, data = data,"),
        ("(0 + x + z | id)", "R", "                     random = ~ 0 + x + z | id, data = data,"),
        ("(0 + x | id)", "Stata", "melogit y x z || groups_number: x, noconstant intpoints(25)"),
        (
            "(0 + x + z | id)",
            "Stata",
            "melogit y x z || groups_number: x z, covariance(unstructured) noconstant intpoints(25)",
        ),
        ("(0 + x | id)", "SAS", "  random x / subject=id type=vc;"),
        ("(0 + x + z | id)", "SAS", "  random x z / subject=id type=un;"),
        ("(0 + x | id)", "Python", 'model = fit_formula(data, "y ~ x + z + (0 + x | id)", method="ml")'),
        ("(0 + x | id)", "equation", "u ~ N(0, {short})"),
        ("(0 + x | id)", "summary", "id"),
    ],
)
def test_reports_tell_that_there_is_no_random_intercept(random, style, line):
    model = model_of(random)
    sd = float(estimates_of(model).std_devs[0])
    assert line.format(x=sd, short=f"{sd:.2f}^2") in lines(model, style)


def test_the_paragraph_and_the_equation_have_the_slope():
    model = model_of("(0 + x | id)")
    (paragraph,) = lines(model, "sentence")
    assert paragraph.startswith(
        "A mixed-effects logistic regression with random slopes of x and no random intercept was fitted to 192"
    )
    assert "for the slope of x." in paragraph
    assert "intraclass" not in paragraph
    equation, _ = lines(model, "equation")
    assert equation.endswith("+ u x)")
    assert lines(model_of("(0 + x + z | id)"), "equation")[0].endswith("+ u0 x + u1 z)")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("random", KINDS)
@pytest.mark.parametrize("question", ["check", "residuals", "contrast", "plot"])
def test_the_other_questions_are_answered(question, random, method):
    model = fit_formula(data_of(), f"y ~ x + z + sex + {random}", method)
    if question == "plot":
        texts = [glmm_binomial.plot(model, kind).sentence for kind in ("caterpillar", "effect", "calibration")]
        assert "Random slope of x: " in texts[0]
    elif question == "contrast":
        (row,) = (row for row in glmm_binomial.contrast(model, "sex").rows() if row[0] == "f / m")
        assert row[1] == pytest.approx(np.exp(-estimates_of(model).coefficients[-1]), rel=1e-2)
    elif question == "residuals":
        p, y = expit(fitted_logits(model).known), drawn()[0]
        found = [row[3] for row in glmm_binomial.residuals(model).rows()[1:]]
        close = 1e-6 if method == "ml" else 0.5
        assert np.abs(np.array(found) - (y - p) / np.sqrt(p * (1.0 - p))).max() < close
    else:
        rows = glmm_binomial.check(model, n_sim=50).rows()
        assert any(row[0] == "residual_tests" for row in rows)


def test_the_table_has_no_icc_and_says_where_zero_lies_far():
    header, *rows = data_of()
    moved = fit_formula([header, *([row[0], row[1] + 10.0, *row[2:]] for row in rows)], "y ~ x + (0 + x | id)", "ml")
    for model, is_far in ((model_of("(0 + x | id)"), False), (moved, True)):
        shown = {row[1]: row[2] for row in glmm_binomial.table(model).rows() if row[0] == ""}
        assert shown["icc"] is None
        assert any("Without a random intercept" in text for text in estimates_of(model).notices) is is_far


def test_mean_field_knows_independent_slopes_alone():
    found = estimates_of(model_of("(0 + x + z || id)", "mean-field"))
    best = estimates_of(model_of("(0 + x + z || id)"))
    assert_allclose(found.coefficients, best.coefficients, atol=0.1)
    assert found.log_likelihood == best.log_likelihood


# --- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "advice"), [(2, "as a random intercept is: write 1 instead."), (0, "which says nothing: leave it out.")]
)
def test_a_constant_slope_is_refused(value, advice):
    table = [[*TABLE[0], "same"], *([*row, value] for row in TABLE[1:])]
    message = refusal("y ~ day + (0 + same | id)", table)
    rule, found = "formula must not give a constant column as a random slope", f"same is {value} in every row"
    assert message == f"{rule}. {found} that is used, {advice}"


def test_what_separates_is_named():
    header, *rows = data_of()
    told = [header, *([float(row[1] > 0.0), *row[1:]] for row in rows)]
    with pytest.raises(FitError, match="x"):
        fit_formula(told, "y ~ x + (0 + x | id)", method="ml")
