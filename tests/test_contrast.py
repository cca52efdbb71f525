"""Contrasts of factor levels and the probabilities of levels: emmeans, brute force, what must not matter, messages."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from scipy.stats import norm, studentized_range

from datasets import REFERENCE
from formula_data import certified_table
from glmm_binomial import contrast, estimates_of, fit_formula, fit_model, glmm_binomial_contrast, margins, predict
from glmm_binomial.answers.adjusted import adjusted
from glmm_binomial.observations import METHODS, InvalidInputError
from test_nested import pupils

DIGITS = 2e-5
"""What lme4's optimiser leaves of estimates, as measured; see contrast_emmeans.R."""

VCOV_DIGITS = 2e-3
"""lme4's covariance is by finite differences."""

EMMEANS = json.loads((REFERENCE / "contrast_emmeans.json").read_text("utf-8"))


def with_columns(table, **computed):
    """The table with more columns, each computed from a row as a dict."""
    header, *rows = table
    dicts = [dict(zip(header, row, strict=True)) for row in rows]
    more = [[compute(each) for compute in computed.values()] for each in dicts]
    return [[*header, *computed], *([*row, *cells] for row, cells in zip(rows, more, strict=True))]


MODELS = {
    "vegetables": lambda: (certified_table("vegetables.csv", "y"), "y ~ trt * sex + (1 | id)"),
    "cbpp": lambda: (
        certified_table("cbpp.csv", "incidence", "size", "period"),
        "incidence / size ~ C(period) + (1 | herd)",
    ),
    "contraception": lambda: (
        with_columns(
            certified_table("contraception.csv", "age"),
            decades=lambda row: row["age"] / 10,
            city=lambda row: float(row["urban"] == "Y"),
        ),
        "use ~ livch * city + decades + I(decades^2) + (1 | district)",
    ),
    "bacteria": lambda: (
        certified_table("bacteria.csv", "week"),
        'y ~ C(trt, Treatment("drug")) + week + (1 | ID)',
    ),
}


def certified_model(name, method="ml"):
    return fit_formula(*MODELS[name](), method=method)


def table_of(seed=3, *, groups=40, size=6, slope=False):
    """Return rows of y, arm (3 levels), sex, age, group; y out of n trials in the last two columns."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    arm, sex = rng.integers(3, size=len(group)), rng.integers(2, size=len(group))
    age = rng.normal(40.0, 10.0, size=len(group)).round(1)
    u, v = rng.normal(size=groups), 0.04 * rng.normal(size=groups) * slope
    eta = -0.5 + np.array([0.0, 0.6, -0.7])[arm] + 0.5 * sex * (arm == 1) + (0.03 + v[group]) * (age - 40.0) + u[group]
    trials = rng.integers(1, 6, size=len(group))
    header = ["y", "arm", "sex", "age", "id", "good", "n"]
    cells = zip(
        (rng.random(len(group)) < expit(eta)).astype(float).tolist(),
        ("abc"[i] for i in arm),
        ("fm"[i] for i in sex),
        age.tolist(),
        group.tolist(),
        rng.binomial(trials, expit(eta)).astype(float).tolist(),
        trials.astype(float).tolist(),
        strict=True,
    )
    return [header, *map(list, cells)]


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)

FORMULAS = {
    "an intercept": "y ~ arm * sex + age + (1 | id)",
    "a slope": "y ~ arm * sex + age + (1 + age || id)",
    "trials": "good / n ~ arm * sex + age + (1 | id)",
    "no fixed intercept": "y ~ 0 + arm * sex + age + (1 | id)",
}


def fitted(kind="an intercept", method="ml", **options):
    table = table_of(slope=kind == "a slope")
    # independent effects want zero of the slope's column near its mean
    rows = [[*row[:3], row[3] - 40.0, *row[4:]] for row in table[1:]]
    return fit_formula([table[0], *rows], FORMULAS[kind], method=method, **options)


# --- against emmeans -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=MODELS)
def certified(request):
    return request.param, certified_model(request.param)


def test_odds_ratios_are_those_of_emmeans(certified):
    name, model = certified
    cases = [case for case in EMMEANS["contrasts"] if case["model"] == name]
    assert len(cases) >= 2
    for case in cases:
        compare = [[-3.0, -1.0, 1.0, 3.0]] if case["compare"] == "weights" else case["compare"]
        found = contrast(model, case["by"], compare, adjust=case["adjust"])
        labels = [label.replace(" / ", " - ").partition(" | ")[0] for label in found.labels]
        if case["compare"] != "weights":
            # R names the level of a factor of numbers by the name of its call
            assert labels == [label.replace("factor(period)", "period") for label in np.atleast_1d(case["label"])]
        assert_allclose(found.estimates, case["estimate"], rtol=DIGITS)
        assert_allclose(found.std_errors, case["std_error"], rtol=VCOV_DIGITS)
        assert_allclose(found.z_statistics, case["z_statistic"], rtol=VCOV_DIGITS)
        assert_allclose(found.ci_lower, case["ci_lower"], rtol=VCOV_DIGITS)
        assert_allclose(found.ci_upper, case["ci_upper"], rtol=VCOV_DIGITS)
        # an error of z is one of p times z^2
        slack = VCOV_DIGITS * (1.0 + np.square(case["z_statistic"]))
        for ours, theirs in ((found.p_values, case["p_value"]), (found.p_adjusted, case["p_adjusted"])):
            # R leaves no adjusted probability below rounding
            assert (np.abs(ours - theirs) <= slack * np.maximum(ours, theirs) + 1e-12).all()


def test_probabilities_of_levels_are_those_of_emmeans(certified):
    name, model = certified
    for case in EMMEANS["levels"]:
        if case["model"] == name:
            found = contrast(model, case["by"], "none")
            assert_allclose(found.probabilities, case["probability"], rtol=DIGITS)
            for ours, theirs in (("std_errors", "std_error"), ("ci_lower", "ci_lower"), ("ci_upper", "ci_upper")):
                assert_allclose(getattr(found, ours), case[theirs], rtol=VCOV_DIGITS)


# --- by brute force --------------------------------------------------------------------------------------------------


def by_hand(model, theta, arm, sex, age):
    """Return the probability over the population, from estimates on the user's scale and an integral."""
    names = model.design.scale.fixed_names
    held = {"intercept": 1.0, "age": age, f"arm[{arm}]": 1.0, f"sex[{sex}]": 1.0, f"arm[{arm}]:sex[{sex}]": 1.0}
    b, sds = theta[: len(names)], np.exp(theta[len(names) :])
    eta = sum(b[i] * held.get(name, 0.0) for i, name in enumerate(names))
    sd = np.hypot(sds[0], sds[1] * age) if len(sds) > 1 else sds[0]
    return expit(eta + sd * NODES) @ WEIGHTS / WEIGHTS.sum()


@pytest.mark.parametrize("kind", ["an intercept", "a slope", "trials"])
def test_differences_and_ratios_are_the_delta_method_on_averages_over_the_population(kind):
    model = fitted(kind)
    scale, fit = model.design.scale, model.fit
    k = len(fit.coefficients)
    back = np.eye(len(fit.covariance_root))
    back[:k, :k] = scale.back_transform
    theta = np.concatenate(
        [scale.back_transform @ fit.coefficients, np.log(fit.sds * np.diag(scale.random_back_transform))]
    )
    age = np.mean([row[3] - 40.0 for row in table_of(slope=kind == "a slope")[1:]])

    def means(theta):
        return np.array([np.mean([by_hand(model, theta, arm, sex, age) for sex in "fm"]) for arm in "abc"])

    step = 1e-5
    root = np.stack([(means(theta + step * e) - means(theta - step * e)) / (2 * step) for e in np.eye(len(theta))], 1)
    root, expected = root @ back @ fit.covariance_root, means(theta)
    difference = contrast(model, "arm", "first", "difference")
    assert_allclose(difference.estimates, expected[1:] - expected[0], atol=1e-8)
    assert_allclose(difference.std_errors, np.linalg.norm(root[1:] - root[0], axis=1), rtol=1e-4)
    ratio = contrast(model, "arm", "first", "ratio")
    logs = root / expected[:, None]
    errors = np.linalg.norm(logs[1:] - logs[0], axis=1)
    assert_allclose(ratio.estimates, expected[1:] / expected[0], rtol=1e-8)
    assert_allclose(ratio.std_errors, ratio.estimates * errors, rtol=1e-4)
    assert_allclose(ratio.ci_upper, ratio.estimates * np.exp(1.959963984540054 * errors), rtol=1e-4)
    levels = contrast(model, "arm", "none", "difference")
    assert_allclose(levels.probabilities, expected, atol=1e-8)
    assert_allclose(levels.std_errors, np.linalg.norm(root, axis=1), rtol=1e-4)
    reach = 1.959963984540054 * levels.std_errors / (expected * (1 - expected))
    assert_allclose(logit(levels.ci_lower), logit(expected) - reach, rtol=1e-4)


@pytest.mark.parametrize("kind", ["an intercept", "a slope"])
def test_posterior_contrasts_are_those_of_the_draws(kind):
    model = fitted(kind, "vb")
    sample, scale = model.fit.posterior.sample, model.design.scale
    k = len(model.fit.coefficients)
    few = slice(0, 8_192, 512)
    b = sample.theta[:, :k] @ scale.back_transform.T
    names = list(scale.fixed_names)
    # arm b against a, half of it among men
    log_odds = b[:, names.index("arm[b]")] + 0.5 * b[:, names.index("arm[b]:sex[m]")]
    found = contrast(model, "arm", "first")
    mean = sample.weights @ log_odds
    sd = np.sqrt(sample.weights @ (log_odds - mean) ** 2)
    assert_allclose(np.log(found.estimates[0]), mean, rtol=1e-10)
    assert_allclose(found.z_statistics[0], mean / sd, rtol=1e-10)
    order = np.argsort(log_odds)
    below = np.cumsum(sample.weights[order])
    limits = np.interp([0.025, 0.975], below, log_odds[order])
    assert_allclose(np.log([found.ci_lower[0], found.ci_upper[0]]), limits, atol=0.01 * sd)
    assert_allclose(found.p_values[0], 2 * sample.weights[log_odds < 0].sum(), rtol=0.1, atol=1e-3)
    # probabilities, draw by draw
    log_sds = sample.theta[few, k:] - np.log(1.0 / np.diag(scale.random_back_transform))
    age = np.mean([row[3] - 40.0 for row in table_of(slope=kind == "a slope")[1:]])
    thetas = np.column_stack([b[few], log_sds])
    drawn = [[np.mean([by_hand(model, t, arm, sex, age) for sex in "fm"]) for arm in "ab"] for t in thetas]
    from glmm_binomial.answers.contrast import _grid, _population  # noqa: PLC0415  what the answer is made of

    ours = expit(_population(model, _grid(model, "arm")).log_odds)
    assert_allclose(ours[:2, few].T, drawn, atol=1e-5)
    differences = ours[1] - ours[0]
    difference = contrast(model, "arm", "first", "difference")
    assert_allclose(difference.estimates[0], sample.weights @ differences, rtol=1e-12)
    sd = np.sqrt(sample.weights @ (differences - differences.mean()) ** 2)
    assert_allclose(difference.std_errors[0], sd, rtol=1e-3)
    ratio = contrast(model, "arm", "first", "ratio")
    # the ratio is above one where the difference is above zero; tails of fewer than 50 points are continued
    assert ratio.p_values[0] > 0.02 > ratio.p_values[1]
    assert_allclose(ratio.p_values[0], difference.p_values[0], rtol=0.005)
    assert_allclose(ratio.p_values[1], difference.p_values[1], rtol=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_a_contrast_that_is_a_coefficient_is_the_row_of_the_table(method):
    table = table_of()
    model = fit_formula(table, "y ~ sex + age + (1 | id)", method=method)
    shown = estimates_of(model)
    found = contrast(model, "sex", "first")
    assert_allclose(found.estimates, shown.odds_ratios[1], rtol=1e-10)
    assert_allclose(found.z_statistics, shown.z_statistics[1], rtol=1e-8)
    assert_allclose(found.p_values, shown.p_values[1], rtol=1e-8)
    assert_allclose(np.log([found.ci_lower[0], found.ci_upper[0]]), [shown.ci_lower[1], shown.ci_upper[1]], rtol=1e-8)


def test_the_p_of_an_overwhelming_effect_is_that_of_the_table_too():
    model = certified_model("vegetables", "vb")
    shown = estimates_of(model)
    p = dict(zip(shown.fixed_names, shown.p_values, strict=True))["trt[treat]"]
    assert p < 1e-40
    # the draws do not reach zero, whose distance is sought once more
    assert_allclose(np.log(contrast(model, "trt | sex").p_values[0]), np.log(p), rtol=1e-6)


def test_weights_compose_contrasts_of_the_levels():
    model = fitted()
    pairs = contrast(model, "arm", adjust="none")
    weights = [["b less a", -1.0, 1.0, 0.0], [None, 0.5, 0.5, -1.0]]
    found = contrast(model, "arm", weights)
    assert found.labels == ("b less a", "weights 2")
    assert_allclose(found.estimates[0], 1.0 / pairs.estimates[0], rtol=1e-12)
    # half of a / c and b / c
    assert_allclose(np.log(found.estimates[1]), np.log(pairs.estimates[[1, 2]]).mean(), rtol=1e-10)
    column = contrast(model, "arm", [[0.5], [0.5], [-1.0]])
    assert_array_equal(column.estimates, found.estimates[1:])


# --- models of ranges ------------------------------------------------------------------------------------------------


def ranges(method="ml", *, header=False, slope=False):
    """The same data as columns of 0 and 1, and the model of them."""
    cells = table_of(slope=slope)[1:]
    x = [[float(r[1] == "b"), float(r[1] == "c"), float(r[2] == "m"), r[3] - 40.0] for r in cells]
    y, groups = [[r[0]] for r in cells], [[r[4]] for r in cells]
    z = [[r[3] - 40.0] for r in cells] if slope else None
    if header:
        x, y, groups = [["b", "c", "m", "age"], *x], [["y"], *y], [["id"], *groups]
        z = [["age"], *z] if slope else None
    return fit_model(y, x, groups, x_random=z, method=method)


ROWS = [["a", 0.0, 0.0, 0.5, 1.5], ["b", 1.0, 0.0, 0.5, 1.5], ["c", 0.0, 1.0, 0.5, 1.5]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("slope", [False, True])
def test_labelled_rows_of_a_model_of_ranges_stand_for_levels(method, slope):
    model = ranges(method, slope=slope)
    found = contrast(model, ROWS)
    assert found.labels == ("a / b", "a / c", "b / c")
    shown = estimates_of(model)
    assert_allclose(found.estimates[:2], np.exp(-shown.coefficients[1:3]), rtol=1e-10)
    # the search for the height of the posterior at zero starts elsewhere
    assert_allclose(found.p_values[:2], shown.p_values[1:3], rtol=1e-3 if method == "vb" else 1e-8)
    new = {"new_x_random": [[1.5]] * 3} if slope else {}
    predicted = predict(model, [row[1:] for row in ROWS], **new)
    assert_allclose(contrast(model, ROWS, "none").probabilities, predicted.probability, rtol=1e-10)
    average = contrast(model, ROWS, "none", "ratio")
    assert_allclose(average.probabilities, predicted.population_average, rtol=1e-6)
    assert_allclose(average.ci_lower, predicted.population_lower, rtol=2e-3)


def test_rows_may_have_the_header_of_x_and_other_slopes_stand_at_their_mean():
    model = ranges(header=True)
    header = ["arm", "b", "c", "m", "age"]
    assert_array_equal(contrast(model, [header, *ROWS]).estimates, contrast(ranges(), ROWS).estimates)
    cells = table_of()[1:]
    y, groups, x = [r[0] for r in cells], [r[4] for r in cells], [[float(r[1] == "b")] for r in cells]
    z = [[r[3] - 40.0] for r in cells]
    found = contrast(fit_model(y, x, groups, x_random=z, method="ml"), [["a", 0.0], ["b", 1.0]], scale="difference")
    assert found.notes == (f"At the mean: random_x1 {np.mean(z):.6g}.",)


# --- the grid and the table ------------------------------------------------------------------------------------------


def test_what_is_averaged_over_and_held_is_said():
    table = [[*row, float(i % 2)] for i, row in enumerate(table_of()[1:])]
    model = fit_formula([[*table_of()[0], "old"], *table], "y ~ arm * sex + log(age) + old + (1 | id)", method="ml")
    found = contrast(model, "arm")
    mean = np.mean([row[3] for row in table])
    interaction = (
        "arm takes part in an interaction with sex: what is shown is the mean over sex of contrasts that differ. "
        '"arm | sex" shows each.'
    )
    assert found.notes == (
        "Averaged over sex and old, each level with equal weight.",
        f"At the mean: age {mean:.6g}.",
        interaction,
    )
    # a column of two values is a factor of its own: emmeans' cov.keep
    assert contrast(model, "old").labels == ("old0 / old1",)
    rows = [["arm", "sex", "age", "old"], *(["b", sex, mean, old] for sex in "fm" for old in (0.0, 1.0))]
    expected = expit(predict(model, rows).logit.mean())
    assert_allclose(contrast(model, "arm", "none").probabilities[1], expected, rtol=1e-12)


def test_levels_of_numbers_carry_the_name_of_their_column_and_truth_values_do_not():
    cells = table_of()[1:]
    table = [["y", "dose", "old", "id"], *([row[0], float(i % 3), i % 2 == 0, row[4]] for i, row in enumerate(cells))]
    model = fit_formula(table, "y ~ C(dose) + old + (1 | id)", method="ml")
    assert contrast(model, "dose", "first").labels == ("dose1 / dose0", "dose2 / dose0")
    assert contrast(model, "old").labels == ("FALSE / TRUE",)
    assert contrast(model, "dose | old", "first").labels[0] == "dose1 / dose0 | old = FALSE"
    assert margins(model, "old").effects[0].change == "FALSE to TRUE"


def test_the_table_says_what_its_columns_hold_and_that_interval_and_p_belong_together():
    header, first, *_ = contrast(fitted(), "arm | sex").rows()
    assert header[:8] == (
        *("contrast", "estimate", "std_error", "z_statistic", "p_value", "p_adjusted", "ci_lower", "ci_upper"),
    )
    assert header[8] == "odds ratio; p_value, ci_lower and ci_upper are not adjusted, p_adjusted by holm"
    assert first[0] == "a / b | sex = f"
    header, first, *rest = contrast(fitted(), "sex", "none", "difference").rows()
    assert header == (
        *("level", "probability", "std_error", "ci_lower", "ci_upper"),
        "average over the population of groups",
    )
    assert (first[0], rest[0][0], rest[1][0]) == ("f", "m", "note")


@pytest.mark.mass
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", ["odds ratio", "difference", "ratio"])
def test_an_interval_excludes_no_difference_exactly_when_p_is_below_alpha(method, scale):
    none = 0.0 if scale == "difference" else 1.0
    p = contrast(fitted(method=method), "arm * sex", scale=scale).p_values
    assert p.min() < 0.05 < p.max()
    for alpha in (0.01, 0.05, 0.3, *(p[:3] * 0.9), *(p[:3] * 1.1)):
        found = contrast(fitted(method=method, alpha=float(alpha)), "arm * sex", scale=scale)
        excluded = (found.ci_lower > none) | (found.ci_upper < none)
        assert_array_equal(excluded, found.p_values < alpha)


def test_swapping_successes_and_failures_inverts_odds_ratios_and_negates_differences():
    table = table_of()
    swapped = [table[0], *([1.0 - row[0], *row[1:]] for row in table[1:])]
    one, other = (fit_formula(each, FORMULAS["an intercept"], method="ml") for each in (table, swapped))
    assert_allclose(contrast(one, "arm").estimates, 1.0 / contrast(other, "arm").estimates, rtol=1e-7)
    difference = contrast(one, "arm", scale="difference").estimates
    assert_allclose(difference, -contrast(other, "arm", scale="difference").estimates, atol=1e-8)


def test_the_coding_of_the_reference_level_does_not_matter():
    table = table_of()
    other = 'y ~ C(arm, Treatment("c")) * sex + age + (1 | id)'
    found = contrast(fit_formula(table, FORMULAS["an intercept"], method="ml"), "arm")
    turned = contrast(fit_formula(table, other, method="ml"), "C(arm)")
    assert turned.labels == ("c / a", "c / b", "a / b")
    assert_allclose(turned.estimates, 1.0 / found.estimates[[1, 2, 0]] ** np.array([1, 1, -1]), rtol=1e-6)


# --- adjustment ------------------------------------------------------------------------------------------------------


def test_adjusted_p_by_hand():
    p, z = np.array([0.01, 0.04, 0.03, np.nan]), norm.isf(np.array([0.005, 0.02, 0.015, np.nan]))
    assert_allclose(adjusted(p, z, "holm", levels=3), [0.03, 0.06, 0.06, np.nan])
    assert_allclose(adjusted(p, z, "bonferroni", levels=3), [0.03, 0.12, 0.09, np.nan])
    assert_array_equal(adjusted(p, z, "none", levels=3), p)
    expected = studentized_range.sf(np.sqrt(2) * z[:3], 3, np.inf)
    assert_allclose(adjusted(p, z, "tukey", levels=3)[:3], expected)
    # two levels have one range, and far out none of it is lost
    assert_allclose(adjusted(p[:1], z[:1], "tukey", levels=2), p[:1], rtol=1e-6)
    assert adjusted(np.array([1e-60]), np.array([16.3]), "tukey", levels=3)[0] >= 1e-60


def test_p_is_adjusted_within_each_condition():
    found = contrast(fitted(), "arm | sex", adjust="bonferroni")
    assert_allclose(found.p_adjusted, np.minimum(3.0 * found.p_values, 1.0))


# --- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "options", "message"),
    [
        ("age", {}, "by must name factors. age is a column of numbers"),
        ("Arm", {}, "by must name factors of the formula. There is no Arm in it. Is arm meant?"),
        ("dose", {}, "by must name factors of the formula. There is no dose in it. Its factors are arm and sex."),
        ("arm |", {}, "by must name factors, with at most one bar"),
        ("arm | sex | arm", {}, "by must name factors, with at most one bar"),
        ("arm * arm", {}, "by must name each factor once. It names arm 2 times."),
        (None, {}, "by must name factors of the formula. It is blank"),
        (1.0, {}, "by must name factors of the formula. It is 1."),
        ("arm", {"compare": "all"}, 'compare must be "pairwise", "first", "sequential", "none", or a range'),
        ("arm", {"compare": [[1.0, 1.0, 0.0]]}, "compare must hold weights that add up to zero, such as 1, -1. In row"),
        ("arm", {"compare": [[0.0, 0.0, 0.0]]}, "compare must hold weights that add up to zero"),
        ("arm", {"compare": [[1.0, -1.0]]}, "compare must have one weight for each of the 3 levels: a, b, c."),
        (
            "arm",
            {"compare": [[1.0, -1.0, "x"]]},
            "compare[0][2] must be numeric. Row 1, column 3 of compare holds the text 'x'. Correct the cell.",
        ),
        ("arm", {"scale": "logit"}, 'scale must be "odds ratio", "difference" or "ratio".'),
        ("arm", {"adjust": "sidak"}, 'adjust must be "holm", "none", "bonferroni" or "tukey".'),
        ("arm", {"adjust": "tukey", "compare": "first"}, 'adjust must be "holm", "bonferroni" or "none" here.'),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_way_out(by, options, message):
    with pytest.raises(InvalidInputError) as refused:
        contrast(fitted(), by, **options)
    assert str(refused.value).removeprefix("Invalid input: ").startswith(message)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("arm", "by must be a range of rows of x with a label in front"),
        ([["a", 1.0]], "by must have 5 columns: a label, then those of x (x1, x2, x3, x4). It has 2."),
        ([["a", 0.0, 0.0, 0.0, "?"], ROWS[1]], "by[0][4] must be numeric."),
        ([ROWS[0], ["a", 1.0, 1.0, 1.0, 1.0]], "by must have labels that differ."),
        ([ROWS[0], [None, 1.0, 1.0, 1.0, 1.0]], "by must have a label in front of each row. The label of row 2 is"),
        ([ROWS[0]], 'compare must be "none" where there is one level'),
    ],
)
def test_rows_that_cannot_stand_for_levels_are_refused(by, message):
    with pytest.raises(InvalidInputError) as refused:
        contrast(ranges(), by)
    assert str(refused.value).removeprefix("Invalid input: ").startswith(message)


def test_tukey_is_refused_under_the_posterior_which_has_no_such_law():
    with pytest.raises(InvalidInputError, match='the model is fitted by "vb"'):
        contrast(fitted(method="vb"), "arm", adjust="tukey")


def test_equal_rows_have_nothing_to_compare_and_no_p():
    rows = [ROWS[0], ["again", *ROWS[0][1:]], ROWS[1]]
    for method in ("ml", "vb"):
        for scale in ("odds ratio", "ratio"):
            found = contrast(ranges(method), rows, scale=scale)
            assert found.estimates[0] == found.ci_lower[0] == found.ci_upper[0] == 1.0
            assert np.isnan(found.p_values[0])
            assert np.isfinite(found.p_adjusted[1:]).all()
    shown = glmm_binomial_contrast(ranges(), rows)
    assert shown[1][3:6] == [None, None, None]


def test_raw_mean_field_errors_are_named():
    (notice,) = contrast(fitted(method="mean-field"), "arm").notices
    assert notice.startswith("The standard errors are raw mean-field SDs")
    assert contrast(fitted(), "arm").notices == ()


# --- what must be said ------------------------------------------------------------------------------------------------


def late_schools(count):
    """Pupils of schools of which every other one is late, which no differences within a school tell of."""
    header, *rows = pupils(schools=count, classes=3, rows=6, trials=2)
    return [[*header, "late"], *([*row, float(int(row[0][1:]) % 2)] for row in rows)]


@pytest.mark.parametrize(("random", "groups"), [("(1 | school)", 12), ("(1 | school/class)", 12), ("(1 | class)", 3)])
def test_that_few_groups_decide_is_said_where_p_is_by_z(random, groups):
    model = fit_formula(late_schools(12), f"s / n ~ x + late + {random}", method="ml")
    tests = {test.position: test for test in estimates_of(model).t_tests}
    told = [
        row[1] for found in (contrast(model, "late"), margins(model)) for row in found.rows() if row[0] == "warning"
    ]
    if groups == 3:
        # late differs within the classes, which are called alike in all schools
        assert told == []
        return
    degrees = tests[2].degrees_of_freedom
    warning = (
        "Only differences between 12 groups tell of late: p_value and intervals here are by z, which is too sure. "
        f"The rows t_test of GLMM_BINOMIAL_TABLE have Student's t with {degrees} degrees of freedom."
    )
    assert told == [warning, warning]
    assert [row for row in margins(model, "x").rows() if row[0] == "warning"] == []
    by_posterior = fit_formula(late_schools(12), f"s / n ~ x + late + {random}", method="vb")
    assert [row for row in contrast(by_posterior, "late").rows() if row[0] == "warning"] == []


def test_columns_that_are_the_same_in_all_levels_are_not_what_decides():
    header, *rows = late_schools(12)
    rows = [[*row, "mf"[place % 2], 3.0 + int(row[0][1:])] for place, row in enumerate(rows)]
    # late and size differ between schools alone, sex within them; late is averaged over and size held
    model = fit_formula([[*header, "sex", "size"], *rows], "s / n ~ late + size + sex + (1 | school)", method="ml")
    for by in ("sex", "sex | late"):
        assert [row for row in contrast(model, by).rows() if row[0] == "warning"] == []
    for by in ("late", "late | sex", "sex * late"):
        (warning,) = (row[1] for row in contrast(model, by).rows() if row[0] == "warning")
        assert warning.startswith("Only differences between 12 groups tell of late: ")


def test_many_groups_need_no_such_warning_and_ranges_are_warned_too():
    many = fit_formula(late_schools(32), "s / n ~ late + (1 | school)", method="ml")
    assert [row for row in margins(many).rows() if row[0] == "warning"] == []
    header, *rows = late_schools(12)
    columns = [header.index(name) for name in ("x", "late")]
    successes, trials = ([[row[header.index(name)]] for row in rows] for name in ("s", "n"))
    few = fit_model(
        successes, [[row[c] for c in columns] for row in rows], [[row[0]] for row in rows], method="ml", trials=trials
    )
    told = [row[1] for row in margins(few).rows() if row[0] == "warning"]
    assert [text.partition(":")[0] for text in told] == ["Only differences between 12 groups tell of x2"]


def test_an_interaction_with_a_column_that_is_held_is_said():
    model = fit_formula(late_schools(12), "s / n ~ x * late + (1 | school)", method="ml")
    notes = [row[1] for row in contrast(model, "late").rows() if row[0] == "note"]
    assert notes[1] == (
        "late takes part in an interaction with x: what is shown holds at the mean of x, and is another at other "
        "values."
    )
    alone = fit_formula(late_schools(12), "s / n ~ x + late + (1 | school)", method="ml")
    assert len([row for row in contrast(alone, "late").rows() if row[0] == "note"]) == 1
