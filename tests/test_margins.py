"""Average effects on the probability: brute force, what must not matter, products of columns, numbers needed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from datasets import cbpp, expanded
from effects_coverage import shares_covered
from formula_data import certified_table
from glmm_binomial import contrast, estimates_of, fit_formula, fit_model, glmm_binomial_margins, margins
from glmm_binomial.answers import mean_probabilities
from glmm_binomial.answers.margins import number_needed
from glmm_binomial.formula.slopes import slopes_of
from glmm_binomial.observations import METHODS, InvalidInputError
from glmm_binomial.observations.products import Product, products_in
from test_contrast import certified_model, ranges, table_of

DELTA = 2e-4
"""Digits of the errors: the derivatives by the parameters, here and there, are differences."""


def dosed(seed=11, *, groups=30, size=6):
    """Return a table of y, arm (3 levels), old (0 or 1), dose, group, and good of n trials."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    arm, old = rng.integers(3, size=len(group)), rng.integers(2, size=len(group)).astype(float)
    dose = rng.choice([0.01, 0.1, 0.5, 1.0, 3.0], size=len(group))
    eta = 0.2 + np.array([0.0, 0.8, -0.6])[arm] + 0.4 * old + 0.3 * np.log(dose) + rng.normal(size=groups)[group]
    trials = rng.integers(1, 5, size=len(group))
    rows = zip(
        (rng.random(len(group)) < expit(eta)).astype(float).tolist(),
        ("abc"[i] for i in arm),
        old.tolist(),
        dose.tolist(),
        group.tolist(),
        rng.binomial(trials, expit(eta)).astype(float).tolist(),
        trials.astype(float).tolist(),
        strict=True,
    )
    return [["y", "arm", "old", "dose", "id", "good", "n"], *map(list, rows)]


TABLE = dosed()
FORMULAS = {
    "an intercept": "y ~ arm * old + log(dose) + (1 | id)",
    "a curve": "y ~ arm * dose + I(dose^2) + old + (1 | id)",
    "a slope": "y ~ arm + old + dose + (1 + dose || id)",
    "trials": "good / n ~ arm * log(dose) + old + (1 | id)",
}


ROWS = dict(zip(TABLE[0], map(np.array, zip(*TABLE[1:], strict=True)), strict=True))
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


def probabilities(names, theta, cells):
    """Averaged over the population of groups, by an integral; the coded columns are made from their names."""
    k, rows = len(names), len(cells["dose"])
    values = {"intercept": np.ones(rows), "log(dose)": np.log(cells["dose"]), "I(dose ** 2)": cells["dose"] ** 2}
    values |= {"old": cells["old"], "dose": cells["dose"], **{f"arm[{arm}]": cells["arm"] == arm for arm in "abc"}}
    eta = sum(theta[i] * np.prod([values[part] for part in name.split(":")], axis=0) for i, name in enumerate(names))
    sds = np.exp(theta[k:])
    sd = np.hypot(sds[0], sds[1] * cells["dose"]) if len(sds) > 1 else np.full(rows, sds[0])
    return expit(eta[:, None] + sd[:, None] * NODES) @ WEIGHTS / WEIGHTS.sum()


def average(names, theta, kind, *, shift=0.0, **changed):
    """The mean over the rows, each counted by its trials; `shift` raises the dose."""
    weights = ROWS["n"] if kind == "trials" else np.ones(len(ROWS["n"]))
    cells = ROWS | {name: np.full(len(weights), value) for name, value in changed.items()}
    return weights @ probabilities(names, theta, cells | {"dose": cells["dose"] + shift}) / weights.sum()


def on_users_scale(model):
    """Estimates and a root of their covariance."""
    scale, fit = model.design.scale, model.fit
    k = len(fit.coefficients)
    back = np.eye(len(fit.covariance_root))
    back[:k, :k] = scale.back_transform
    theta = np.concatenate(
        [scale.back_transform @ fit.coefficients, np.log(fit.sds * np.diag(scale.random_back_transform))]
    )
    return theta, back @ fit.covariance_root


def delta(of, theta, root, step=1e-4):
    gradient = [(of(theta + step * e) - of(theta - step * e)) / (2.0 * step) for e in np.eye(len(theta))]
    return np.linalg.norm(gradient @ root)


# --- by brute force --------------------------------------------------------------------------------------------------


def test_the_rule_of_these_tests_is_the_integral():
    cells = {"arm": np.array(["b"]), "old": np.array([1.0]), "dose": np.array([0.5])}
    found, _ = quad(lambda t: expit(0.3 - 0.4 + 0.1 + np.exp(0.1) * t) * norm.pdf(t), -12, 12, epsabs=1e-13)
    theta = np.array([0.3, -0.4, 0.2, 0.1])
    assert_allclose(probabilities(("intercept", "arm[b]", "dose"), theta, cells), found, atol=1e-10)


@pytest.mark.parametrize("kind", FORMULAS)
def test_effects_are_the_delta_method_on_averages_over_rows_and_population(kind):
    model = fit_formula(TABLE, FORMULAS[kind], method="ml")
    names, (theta, root) = model.design.scale.fixed_names, on_users_scale(model)
    effects = {(each.variable, each.change): each for each in margins(model).effects}
    assert set(effects) == {("arm", "a to b"), ("arm", "a to c"), ("old", "0 to 1"), ("dose", "+1")}

    def difference(theta):
        return average(names, theta, kind, arm="c") - average(names, theta, kind, arm="a")

    def log_ratio(theta):
        return np.log(average(names, theta, kind, arm="c") / average(names, theta, kind, arm="a"))

    found = effects["arm", "a to c"]
    error, log_error = delta(difference, theta, root), delta(log_ratio, theta, root)
    assert_allclose(found.risk_difference, difference(theta), atol=1e-9)
    assert_allclose(found.ci_upper - found.risk_difference, 1.959963984540054 * error, rtol=DELTA)
    assert_allclose(found.p_value, 2 * norm.sf(abs(difference(theta)) / error), rtol=0.01)
    assert_allclose(np.log(found.risk_ratio), log_ratio(theta), atol=1e-9)
    assert_allclose(np.log(found.ratio_upper / found.risk_ratio), 1.959963984540054 * log_error, rtol=DELTA)

    def slope(theta, step=1e-4):
        ahead, behind = (average(names, theta, kind, shift=side * step) for side in (1, -1))
        return (ahead - behind) / (2.0 * step)

    def one_more(theta):
        return np.log(average(names, theta, kind, shift=1.0) / average(names, theta, kind))

    found = effects["dose", "+1"]
    assert_allclose(found.risk_difference, slope(theta), rtol=1e-4)
    assert_allclose(found.ci_upper - found.risk_difference, 1.959963984540054 * delta(slope, theta, root), rtol=1e-3)
    assert_allclose(np.log(found.risk_ratio), one_more(theta), atol=1e-8)
    assert_allclose(
        np.log(found.ratio_upper / found.risk_ratio), 1.959963984540054 * delta(one_more, theta, root), rtol=DELTA
    )
    assert found.number_needed is None


def test_posterior_effects_are_those_of_the_draws():
    kind = "a slope"
    model = fit_formula(TABLE, FORMULAS[kind])
    sample, scale = model.fit.posterior.sample, model.design.scale
    k, names = len(model.fit.coefficients), scale.fixed_names
    draws = np.column_stack([sample.theta[:, :k] @ scale.back_transform.T, sample.theta[:, k:]])
    draws[:, k:] -= np.log(1.0 / np.diag(scale.random_back_transform))
    kept = {}
    whole = mean_probabilities.posterior_inference

    def keep(values, *others, **options):
        kept[len(kept)] = values
        return whole(values, *others, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mean_probabilities, "posterior_inference", keep)
        patch.setattr(mean_probabilities, "MOST_VALUES", 10_000_000)
        (found,) = margins(model, "dose").effects
    slopes, logs = kept[0][0], kept[1][0]
    assert_allclose(found.risk_difference, sample.weights @ slopes, rtol=1e-12)
    assert_allclose(np.log(found.risk_ratio), sample.weights @ logs, rtol=1e-12)
    for i in range(0, 8_192, 2_048):
        ahead, behind, more, here = (average(names, draws[i], kind, shift=shift) for shift in (1e-4, -1e-4, 1.0, 0.0))
        assert_allclose(slopes[i], (ahead - behind) / 2e-4, rtol=1e-4)
        assert_allclose(logs[i], np.log(more / here), atol=1e-5)
    (arm, *_) = margins(model, "arm").effects
    in_order = np.sort(slopes)
    limits = np.interp([0.025, 0.975], np.linspace(0, 1, len(in_order)), in_order)
    assert_allclose([found.ci_lower, found.ci_upper], limits, atol=0.05 * slopes.std())
    assert arm.ci_lower < arm.risk_difference < arm.ci_upper


@pytest.mark.mass
def test_where_rows_are_too_many_for_all_draws_a_regression_on_some_gives_the_same():
    model = fit_formula(table_of(groups=24), "y ~ age + (1 + age || id)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mean_probabilities, "MOST_VALUES", 10_000_000)
        every = margins(model, "age").effects
        # 260 of 8,192 draws
        patch.setattr(mean_probabilities, "MOST_VALUES", 150_000)
        patch.setattr(mean_probabilities, "VALUES_AT_ONCE", 10_000)
        some = margins(model, "age").effects
    for exact, found in zip(every, some, strict=True):
        width = exact.ci_upper - exact.ci_lower
        # .003 as measured; with three variables more .009, and no less with 1,024 draws
        for name in ("risk_difference", "ci_lower", "ci_upper"):
            assert_allclose(getattr(found, name), getattr(exact, name), atol=0.01 * width, rtol=0)
        assert_allclose(found.risk_ratio, exact.risk_ratio, rtol=0.01)


@pytest.mark.parametrize(
    "terms",
    [
        *("dose", "log(dose)", "log2(dose) + log10(I(dose + 1))", "I(dose^2) * arm", "sqrt(dose):old"),
        *("I(exp(dose) / (1 + dose))", "scale(dose) * old", "I(abs(dose - 0.4))", "poly(dose, 2) * arm"),
        *("I(2^dose - dose^1.5)", "bs(dose, df = 4)", "I((dose + old) / (old + 2 - dose^0.5))"),
        "center(log(dose)) + arm",
    ],
)
def test_slopes_of_coded_columns_are_their_derivatives(terms):
    coding = fit_formula(TABLE, f"y ~ {terms} + (1 | id)").coding
    values = {each.name: each.values for each in coding.variables}
    rows = len(TABLE) - 1
    found = slopes_of(coding.fixed, values, "dose", rows=rows)
    step = 1e-6

    def coded(shift):
        return coding.x_of({**values, "dose": values["dose"] + shift}, rows=rows)

    with np.errstate(invalid="ignore"):
        ahead, behind, here = coded(step), coded(-step), coded(0.0)
        expected = (ahead - behind) / (2 * step)
        # a spline has an end
        expected = np.where(np.isfinite(expected), expected, (ahead - here) / step)
        expected = np.where(np.isfinite(expected), expected, (here - behind) / step)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    other = slopes_of(coding.fixed, {**values, "old": np.zeros(rows)}, "id", rows=rows)
    assert_array_equal(other, np.zeros_like(other))


# --- what must not matter --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_counts_and_the_same_data_as_rows_of_zero_and_one_have_the_same_effects(method):
    counted, single = (fit_model(**data.arguments, method=method) for data in (cbpp(), expanded(cbpp())))
    for one, other in zip(margins(counted).effects, margins(single).effects, strict=True):
        assert_allclose(one.risk_difference, other.risk_difference, rtol=1e-6)
        assert_allclose([one.ci_lower, one.ratio_upper], [other.ci_lower, other.ratio_upper], rtol=1e-5)


@pytest.mark.mass
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("slope", [False, True])
def test_models_of_ranges_and_of_formulas_have_the_same_effects(method, slope):
    random = "(1 + age || id)" if slope else "(1 | id)"
    table = [[*row[:3], row[3] - 40.0, *row[4:]] for row in table_of(slope=slope)[1:]]
    formula = fit_formula([table_of()[0], *table], f"y ~ arm + sex + age + {random}", method=method)
    of_formula = {each.variable: each for each in margins(formula, ["sex", "age"]).effects}
    of_ranges = {each.variable: each for each in margins(ranges(method, slope=slope), ["x3", "x4"]).effects}
    for ours, theirs in (("x3", "sex"), ("x4", "age")):
        for name in ("risk_difference", "ci_lower", "ci_upper", "p_value", "risk_ratio", "ratio_upper"):
            one, other = getattr(of_ranges[ours], name), getattr(of_formula[theirs], name)
            assert_allclose(one, other, rtol=1e-6, err_msg=name)


def test_without_other_variables_the_effect_is_the_difference_of_population_averages():
    model = fit_formula(table_of(), "y ~ arm + (1 | id)")
    by_contrast = contrast(model, "arm", "first", "difference")
    effects = margins(model).effects
    assert_allclose([each.risk_difference for each in effects], by_contrast.estimates, rtol=1e-10)
    assert_allclose([each.ci_upper for each in effects], by_contrast.ci_upper, rtol=1e-10)
    assert_allclose([each.p_value for each in effects], by_contrast.p_values, rtol=1e-10)


def test_swapping_successes_and_failures_turns_the_differences():
    table = table_of()
    swapped = [table[0], *([1.0 - row[0], *row[1:]] for row in table[1:])]
    one, other = (
        margins(fit_formula(each, "y ~ arm + age + (1 | id)", method="ml")).effects for each in (table, swapped)
    )
    for a, b in zip(one, other, strict=True):
        assert_allclose([a.risk_difference, a.ci_lower], [-b.risk_difference, -b.ci_upper], atol=1e-8)
        assert (
            a.number_needed is None
            or a.number_needed.replace("NNTB", "x").replace("NNTH", "NNTB").replace("x", "NNTH") == b.number_needed
        )


@pytest.mark.parametrize("unit", [1e-9, 1e6])
def test_the_unit_of_a_column_scales_its_slope_alone(unit):
    table = table_of()
    scaled = [table[0], *([*row[:3], row[3] * unit, *row[4:]] for row in table[1:])]
    one, other = (margins(fit_formula(each, "y ~ arm + age + (1 | id)"), "age").effects[0] for each in (table, scaled))
    assert_allclose(other.risk_difference * unit, one.risk_difference, rtol=1e-8)
    assert_allclose(other.p_value, one.p_value, rtol=1e-6)


@pytest.mark.parametrize("method", ["vb", "ml"])
def test_an_interval_excludes_zero_exactly_when_p_is_below_alpha(method):
    formula, table = "y ~ sex + age + (1 | id)", table_of(groups=15)
    first = margins(fit_formula(table, formula, method=method)).effects
    assert all(0.001 < each.p_value < 0.9 for each in first)
    for alpha in (first[0].p_value * 0.95, first[0].p_value * 1.05, first[1].p_value * 1.05):
        for each in margins(fit_formula(table, formula, method=method, alpha=alpha)).effects:
            assert (each.ci_lower > 0.0 or each.ci_upper < 0.0) == (each.p_value < alpha)


# --- products --------------------------------------------------------------------------------------------------------


def test_products_shifted_and_scaled_are_found_and_nothing_else():
    rng = np.random.default_rng(4)
    a, b, c = rng.normal(5.0, 2.0, size=(3, 50))
    sex = rng.integers(2, size=50).astype(float)
    x = np.column_stack([a, b, sex, c, (a - a.mean()) * (b - b.mean()) / 3.0 - 1.0, a * sex, c**2])
    assert products_in(x) == (Product(4, 0, 1), Product(5, 0, 2), Product(6, 3, 3))
    assert products_in(x[:, :4]) == ()
    # columns for the levels of a factor are no products
    levels = np.eye(4)[rng.integers(4, size=60)][:, 1:]
    assert products_in(np.column_stack([levels, rng.normal(size=60)])) == ()


def test_a_column_that_enters_a_product_is_refused_with_the_formula():
    cells = certified_table("vegetables.csv", "y")[1:]
    age = np.random.default_rng(1).normal(size=len(cells)).round(2)
    columns = [
        [float(trt == "treat"), float(sex == "male"), float(trt == "treat") * float(sex == "male"), years, years**2]
        for (_, _, trt, sex, _), years in zip(cells, age.tolist(), strict=True)
    ]
    x = [["trt", "sex", "both", "age", "age squared"], *columns]
    y, groups = [["y"], *([row[4]] for row in cells)], [["id"], *([row[0]] for row in cells)]
    model = fit_model(y, x, groups, method="ml")
    for name in (None, "trt", "both", [["sex"], ["age"]]):
        with pytest.raises(InvalidInputError) as refused:
            margins(model, name)
        assert str(refused.value) == (
            "Invalid input: columns must change alone. both is trt times sex, shifted and scaled or not, so that a "
            "change of one changes the other. Fit a table by GLMM_BINOMIAL_FORMULA, as in "
            '"y ~ trt * sex + I(age^2) + (1 | groups)", and ask that model.'
        ).replace("trt * sex + I", "age + trt * sex + I")
    three = fit_model(y, [row[:4] for row in x], groups, method="ml")
    assert margins(three, "age").effects[0].change == "+1"
    with pytest.raises(InvalidInputError, match="Columns that change alone: age"):
        margins(three)


def test_columns_that_are_never_one_together_are_named():
    (notice,) = margins(ranges()).notices
    assert notice.startswith("x1 and x2 are never 1 in the same row")
    assert margins(ranges(), "x3").notices == ()


# --- the table, messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("difference", "lower", "upper", "text"),
    [
        (0.05, -0.04, 0.125, "NNTB 20 (NNTB 8 to infinity to NNTH 25)"),
        (-0.05, -0.125, 0.04, "NNTH 20 (NNTH 8 to infinity to NNTB 25)"),
        (0.3, 0.1, 0.5, "NNTB 4 (NNTB 2 to NNTB 10)"),
        (-0.3, -0.5, -0.1, "NNTH 4 (NNTH 2 to NNTH 10)"),
        (0.0, -0.1, 0.1, "infinity (NNTB 10 to infinity to NNTH 10)"),
        (0.1, 0.0, 0.2, "NNTB 10 (NNTB 5 to infinity)"),
        (1e-4, 0.5e-4, 2e-4, "NNTB 10,000 (NNTB 5,000 to NNTB 20,000)"),
        (np.nan, 0.0, 0.0, ""),
    ],
)
def test_the_number_needed_goes_by_way_of_infinity_where_the_difference_may_be_zero(difference, lower, upper, text):
    assert number_needed(difference, lower, upper) == text


def test_the_table_has_a_row_for_each_change():
    header, first, *_ = glmm_binomial_margins(certified_model("vegetables"))
    assert header[:10] == [
        *("variable", "change", "risk_difference", "ci_lower", "ci_upper", "p_value"),
        *("risk_ratio", "ratio_lower", "ratio_upper", "number_needed"),
    ]
    assert header[10].startswith("averages over the rows and over the population of groups")
    assert first[:2] == ["trt", "control to treat"]
    assert first[9] == "NNTB 3 (NNTB 3 to NNTB 4)"
    assert first[10] is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("Arm", "columns must be names of variables of the model. There is no Arm; there are arm, sex, age."),
        ([["arm"], [1.0]], "columns must be names of variables of the model. It is 1."),
    ],
)
def test_names_of_no_variable_are_refused(columns, message):
    model = fit_formula(table_of(), "y ~ arm + sex + age + (1 | id)", method="ml")
    with pytest.raises(InvalidInputError) as refused:
        margins(model, columns)
    assert str(refused.value) == f"Invalid input: {message}"


def test_a_model_without_variables_has_no_effects():
    with pytest.raises(InvalidInputError, match="It has none: there is no effect to average"):
        margins(fit_formula(table_of(), "y ~ 1 + (1 | id)", method="ml"))


def test_what_has_no_slope_or_no_number_is_said():
    table = [[*row[:3], max(row[3] - 40.0, 0.0), *row[4:]] for row in table_of()[1:]]
    model = fit_formula([table_of()[0], *table], "y ~ arm + sqrt(age) + (1 | id)", method="ml")
    found = margins(model)
    assert found.notices == ("age is left out: at some of its values the formula has no slope.",)
    assert [each.variable for each in found.effects] == ["arm", "arm"]
    spline = fit_formula(TABLE, "y ~ arm + bs(dose, df = 4) + (1 | id)", method="ml")
    (effect,) = margins(spline, "dose").effects
    assert effect.risk_ratio is None
    assert margins(spline, "dose").notices[0].startswith("One unit above some values of dose")


def test_raw_mean_field_errors_are_named():
    found = margins(fit_formula(table_of(), "y ~ arm + (1 | id)", method="mean-field"))
    assert found.notices[0].startswith("The standard errors are raw mean-field SDs")


# --- coverage --------------------------------------------------------------------------------------------------------


@pytest.mark.mass
@pytest.mark.simulation
@pytest.mark.parametrize(("method", "simulations"), [("ml", 300), ("vb", 120)])
def test_intervals_of_contrasts_and_effects_cover_as_often_as_they_say(method, simulations):
    # 300 data sets by either method: python -m benchmarks.effects
    shares = np.array(list(shares_covered(method, simulations=simulations).values()))
    error = np.sqrt(0.95 * 0.05 / simulations)
    # the ten depend on each other, so the error of their mean is not much smaller
    assert abs(shares.mean() - 0.95) <= 2.5 * error
    assert (np.abs(shares - 0.95) <= 4.0 * error).all()


def test_estimates_are_shown_for_the_rows_of_the_table():
    # a coefficient near zero is an effect near zero
    model = fit_formula(table_of(), "y ~ arm + age + (1 | id)", method="ml")
    z = estimates_of(model).z_statistics[1:]
    effects = margins(model).effects
    found = [norm.isf(each.p_value / 2.0) * np.sign(each.risk_difference) for each in effects]
    assert_allclose(found, z, rtol=0.1, atol=0.05)
