"""Models side by side: criteria and tests as lme4's anova has them, and what keeps two models from being compared."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2

import glmm_binomial
from datasets import cbpp, contraception, expanded, vegetables
from formula_data import certified_table
from glmm_binomial import InvalidInputError, compare, fit_formula, fit_model
from glmm_binomial.answers.likelihood_ratio_test import likelihood_ratio_test, null_law
from glmm_binomial.answers.maximum import LogLikelihood
from glmm_binomial.observations import METHODS
from lme4_values import NINE_DIGITS, values

VEGETABLES = certified_table("vegetables.csv", "y", "day")
CBPP = certified_table("cbpp.csv", "incidence", "size")
CONTRACEPTION = certified_table("contraception.csv", "usey", "age")


def fitted(right, *, data=VEGETABLES, response="y", method="ml", group="id"):
    bars = "" if "|" in right else f" + (1 | {group})"
    return fit_formula(data, f"{response} ~ {right}{bars}", method=method)


@pytest.fixture(scope="module")
def study():
    return [fitted(right) for right in ("trt", "trt + sex", "trt * sex")]


# --- against lme4 ----------------------------------------------------------------------------------------------------


def test_criteria_and_tests_are_those_of_anova(study):
    found = compare(study)
    for position, (at, test) in enumerate(zip(found.log_likelihoods, found.tests, strict=True), start=1):
        expected = values("vegetables", "anova", str(position))
        assert at.parameters == expected["npar"]
        for name, value in (("log_likelihood", at.value), ("aic", at.aic), ("bic", at.bic)):
            assert_allclose(value, expected[name], rtol=1e-10, err_msg=name)
        if test is None:
            assert position == 1
            continue
        assert test.degrees_of_freedom == expected["df"]
        assert_allclose(test.chi_square, expected["chi_square"], rtol=NINE_DIGITS)
        assert_allclose(test.p_value, expected["p_value"], rtol=100 * NINE_DIGITS)
        assert test.note == ""


def test_akaike_weights_are_those_of_their_definition(study):
    found = compare(study[:2])
    aic = [values("vegetables", "anova", str(position))["aic"] for position in (1, 2)]
    assert_allclose(
        found.weights, np.exp([-(aic[0] - aic[1]) / 2, 0]) / (1 + np.exp(-(aic[0] - aic[1]) / 2)), rtol=1e-6
    )
    same = compare([study[0], study[0]])
    assert_allclose(same.weights, 0.5)


def test_counts_are_tested_as_in_lme4():
    models = [fitted(right, data=CBPP, response="incidence / size", group="herd") for right in ("1", "C(period)")]
    test = compare(models).tests[1]
    expected = values("cbpp", "drop1", "period")
    assert test.degrees_of_freedom == expected["df"]
    assert_allclose(test.chi_square, expected["chi_square"], rtol=NINE_DIGITS)
    assert_allclose(test.p_value, expected["p_value"], rtol=1e-6)


# --- which are nested -------------------------------------------------------------------------------------------------


def test_the_smaller_model_may_come_second(study):
    forward, back = compare(study[1:]).tests[1], compare(study[:0:-1]).tests[1]
    assert (forward.chi_square, forward.p_value) == (back.chi_square, back.p_value)


def test_columns_that_span_the_larger_model_are_found_whatever_their_coding(study):
    # the four cells of the study, as levels of one factor
    cells = [[*VEGETABLES[0], "cell"], *([*row, row[2] + row[3]] for row in VEGETABLES[1:])]
    coded = fit_formula(cells, "y ~ 0 + cell + (1 | id)", method="ml")
    assert compare([study[1], coded]).tests[1].degrees_of_freedom == 1
    assert_allclose(compare([study[1], coded]).tests[1].chi_square, compare(study[1:]).tests[1].chi_square)
    assert compare([study[2], coded]).tests[1].note == "not tested: the same model as the one before"


def test_models_of_ranges_and_of_formulas_compare_with_each_other(study):
    data = vegetables()
    of_ranges = fit_model(**data.arguments, method="ml")
    assert_allclose(compare([study[1], of_ranges]).tests[1].chi_square, compare(study[1:]).tests[1].chi_square)


def test_a_column_far_from_zero_is_still_the_same_column():
    rng = np.random.default_rng(3)
    group, x = np.repeat(np.arange(20), 6), rng.normal(size=(120, 2))
    y = (rng.random(120) < 0.5).astype(float)
    far = fit_model(y, 1e9 + 1e3 * x[:, :1].round(3), group, method="ml")
    both = fit_model(y, np.column_stack([x[:, 1], 1e9 + 1e3 * x[:, 0].round(3)]), group, method="ml")
    assert compare([far, both]).tests[1].degrees_of_freedom == 1


def test_models_of_other_columns_are_told_apart_by_name(study):
    note = compare([study[0], fitted("sex + day")]).tests[1].note
    assert note == (
        "not tested: neither model is nested in the other: the one before lacks sex[male] and day, and this one lacks "
        "trt[treat]"
    )


def test_models_of_other_groups_are_not_nested_but_weighed():
    by_day = fitted("trt", group="day")
    found = compare([fitted("trt"), by_day])
    assert found.tests[1].note == "not tested: the groups are not those of the one before"
    assert_allclose(found.weights.sum(), 1.0)


# --- variances --------------------------------------------------------------------------------------------------------


def test_one_variance_is_tested_by_half_and_half():
    smaller, larger = (fit_model(**contraception(urban_slope=slope).arguments, method="ml") for slope in (False, True))
    test = compare([smaller, larger]).tests[1]
    certified = [contraception(urban_slope=slope).maximum_likelihood["loglik"] for slope in (False, True)]
    statistic = 2.0 * (certified[1] - certified[0])
    assert_allclose(test.chi_square, statistic, atol=1e-7)
    assert_allclose(test.p_value, 0.5 * chi2.sf(statistic, 1), rtol=1e-6)
    assert test.degrees_of_freedom == 1
    assert "half and half of chi-square with 0 and 1 df" in test.note


def test_laws_of_the_statistic_by_hand():
    assert_allclose(null_law(2, 0).p_value(3.0), chi2.sf(3.0, 2))
    assert_allclose(null_law(0, 1).p_value(2.7055434540954), 0.05, rtol=1e-9)
    assert_allclose(null_law(2, 1).p_value(5.0), 0.5 * chi2.sf(5.0, 2) + 0.5 * chi2.sf(5.0, 3))
    assert_allclose(null_law(0, 2).p_value(5.0), chi2.sf(5.0, 2))
    assert null_law(0, 1).p_value(0.0) == 1.0
    # from one to two correlated effects, a variance and a covariance
    assert_allclose(null_law(0, 1, 1).p_value(5.0), 0.5 * chi2.sf(5.0, 1) + 0.5 * chi2.sf(5.0, 2))
    assert "conservative" in null_law(0, 2).said
    assert null_law(3, 0).said == ""


@pytest.mark.mass
@pytest.mark.simulation
def test_the_test_of_a_variance_rejects_as_often_as_it_says():
    rng = np.random.default_rng(11)
    group, z = np.repeat(np.arange(60), 12), np.tile(np.linspace(-1.5, 1.5, 12), 60)[:, None]
    rejected = []
    for _ in range(300):
        u = rng.normal(size=60)
        y = (rng.random(720) < 1 / (1 + np.exp(-(u[group] + 0.5 * z[:, 0])))).astype(float)
        models = [fit_model(y, z, group, method="ml"), fit_model(y, z, group, z, method="ml")]
        rejected.append(compare(models).tests[1].p_value < 0.05)
    # Monte-Carlo standard error 1.3 %; by chi-square with 1 df it would be half of it
    assert 0.03 <= np.mean(rejected) <= 0.08


def test_a_variance_at_zero_is_tested_with_p_one():
    rng = np.random.default_rng(0)
    group, z = np.repeat(np.arange(12), 8), np.tile([0.0, 1.0], 48)[:, None]
    y = (rng.random(96) < 1 / (1 + np.exp(-rng.normal(size=12)[group]))).astype(float)
    smaller, larger = fit_model(y, z, group, method="ml"), fit_model(y, z, group, z, method="ml")
    assert larger.fit.sds[1] == 0.0
    test = compare([smaller, larger]).tests[1]
    assert (test.chi_square, test.p_value) == (0.0, 1.0)


def test_slopes_of_another_zero_are_another_model():
    data = [row[:] for row in VEGETABLES]
    moved = [[*data[0], "later"], *([*row, row[1] - 7.5] for row in data[1:])]
    note = (
        compare([fitted("day + (1 + later || id)", data=moved), fitted("day + (1 + day || id)", data=moved)])
        .tests[1]
        .note
    )
    assert "lacks the random slope of day, and this one lacks the random slope of later" in note


# --- what keeps models from being compared ----------------------------------------------------------------------------


def test_other_rows_are_not_compared(study):
    found = compare([study[0], fitted("trt * sex", data=VEGETABLES[:3000])])
    assert found.tests[1].note == "not tested: 2,999 rows here, 3,500 in the one before"
    assert found.weights is None
    assert "do not compare" in found.notices[0]


def test_rows_left_out_for_other_columns_are_not_compared():
    blank = [row[:] for row in VEGETABLES]
    blank[1][3], blank[5][1] = None, None
    found = compare([fitted("sex", data=blank), fitted("day", data=blank)])
    assert found.tests[1].note == "not tested: other rows have been left out than in the one before"
    assert found.weights is None


def test_other_outcomes_are_not_compared(study):
    turned = [VEGETABLES[0], *([*row[:-1], 1.0 - row[-1]] if i == 6 else row for i, row in enumerate(VEGETABLES[1:]))]
    found = compare([study[0], fitted("trt + sex", data=turned)])
    assert found.tests[1].note == "not tested: the outcomes are not those of the one before, first in row 7 of the data"


def test_counts_and_their_single_trials_are_not_compared():
    data = cbpp()
    models = [fit_model(**each.arguments, method="ml") for each in (data, expanded(data))]
    assert compare(models).weights is None


def test_a_model_without_maximum_is_not_tested_and_named():
    y, group = [0.0, 0.0, 1.0, 1.0] * 8, [i // 4 for i in range(32)]
    x = [[float(i % 4 > 1), float(i % 3)] for i in range(32)]
    models = [fit_model(y, [[row[1]] for row in x], group), fit_model(y, x, group)]
    found = compare(models)
    assert found.tests[1].note == "not tested: the likelihood of the larger model has no maximum"
    assert found.notices[0].startswith("The likelihood of model 2 has no maximum")
    assert found.weights is None


def test_laplace_is_not_held_against_quadrature():
    exact = LogLikelihood(value=-10.0, parameters=3, rows=50)
    rough = LogLikelihood(value=-9.0, parameters=4, rows=50, is_laplace=True)
    test = likelihood_ratio_test(rough, exact, null_law(0, 1))
    assert test.p_value is None
    assert "Laplace" in test.note


def test_a_larger_model_whose_maximum_was_missed_is_not_tested():
    low = likelihood_ratio_test(LogLikelihood(-11.0, 4, 50), LogLikelihood(-10.0, 3, 50), null_law(1, 0))
    assert low.p_value is None
    assert "maximum was missed" in low.note


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_likelihood_is_compared_whatever_the_method(method, study):
    models = [fitted(right, method=method) for right in ("trt", "trt + sex")]
    found = compare(models)
    assert_allclose(found.tests[1].chi_square, compare(study[:2]).tests[1].chi_square, rtol=1e-9)
    assert any("without the prior" in notice for notice in found.notices) == (method != "ml")


def test_cells_of_the_worksheet_function(study):
    header, first, second = glmm_binomial.glmm_binomial_compare(*study[:2])
    assert header[:4] == ["model", "parameters", "log_likelihood", "aic"]
    assert first[0] == "y ~ trt + (1 | id)"
    assert first[6:] == [None] * 4
    assert second[7] == 1.0


def test_blank_cells_beyond_the_second_model_are_passed_over(study):
    of_three = glmm_binomial.glmm_binomial_compare(*study)
    assert glmm_binomial.glmm_binomial_compare(study[0], study[1], None, [[None]], study[2]) == of_three


def test_a_model_of_ranges_is_named_by_its_columns():
    data = contraception(urban_slope=True)
    [_, first, *_] = glmm_binomial.glmm_binomial_compare(*[fit_model(**data.with_headers(), method="ml")] * 2)
    assert first[0] == f"y ~ {' + '.join(data.names[1:])} + (1 + slope || groups)"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (None, "Invalid input: model2 must be a cell that holds a model. It is blank."),
        ([[1.0, 2.0]], "Invalid input: model2 must be a cell that holds a model, not a range of cells."),
        (5.0, "Invalid input: model2 must be a cell that holds a model. It is 5."),
        ("GLMM@7", "Invalid input: model2 must be a live model. GLMM@7 is none any more"),
        ("Invalid input: y must be numeric.", "Invalid input: y must be numeric."),
    ],
)
def test_what_is_no_model_is_named(study, cell, message):
    assert glmm_binomial.glmm_binomial_compare(study[0], cell).startswith(message)


def test_one_model_is_not_compared(study):
    with pytest.raises(InvalidInputError, match="two or more"):
        compare(study[:1])
