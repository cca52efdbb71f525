"""Each term left out in turn, as lme4's drop1 does, and the random effects by the law of variances at zero."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import chi2

import glmm_binomial
from datasets import cbpp, contraception, vegetables
from formula_data import certified_table
from glmm_binomial import FitError, compare, fit_formula, fit_model, terms
from glmm_binomial.formula.reduction import without_term
from glmm_binomial.observations import METHODS
from lme4_values import NINE_DIGITS, values
from lme4_values import terms as terms_of_lme4

VEGETABLES = certified_table("vegetables.csv", "y", "day")
CBPP = certified_table("cbpp.csv", "incidence", "size")
BACTERIA = certified_table("bacteria.csv", "week")
CONTRACEPTION = certified_table("contraception.csv", "usey", "age")
CONTRACEPTION = [[*CONTRACEPTION[0], "decades"], *([*row, row[4] / 10.0] for row in CONTRACEPTION[1:])]

STUDIES = {
    "vegetables": (VEGETABLES, "y ~ trt * sex + (1 | id)"),
    "vegetables, no product": (VEGETABLES, "y ~ trt + sex + (1 | id)"),
    "vegetables, treatment": (VEGETABLES, "y ~ trt + (1 | id)"),
    # without a term of it, the other one needs a column for each of its levels
    "vegetables, no intercept": (VEGETABLES, "y ~ 0 + trt + sex + (1 | id)"),
    "cbpp": (CBPP, "cbind(incidence, size - incidence) ~ C(period) + (1 | herd)"),
    "contraception": (CONTRACEPTION, "usey ~ decades + I(decades^2) + livch + urban + (1 | district)"),
    "bacteria": (BACTERIA, "y ~ trt * week + (1 | ID)"),
}


def left_out_of(found):
    return {each.term: each for each in found.left_out if each.aic is not None}


# --- against lme4 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STUDIES)
def test_terms_are_tested_as_by_drop1(name):
    found = left_out_of(terms(fit_formula(*STUDIES[name], method="ml")))
    expected_terms = terms_of_lme4(name)
    assert [name.replace(" ** ", "^").replace("C(period)", "period") for name in found][:-1] == expected_terms
    for term, (written, each) in zip(expected_terms, found.items(), strict=False):
        expected, test = values(name, "drop1", term), each.test
        assert test.degrees_of_freedom == expected["df"]
        assert_allclose(test.chi_square, expected["chi_square"], rtol=10 * NINE_DIGITS)
        assert_allclose(test.p_value, expected["p_value"], rtol=1e-5)
        # of counts, lme4's log-likelihood by quadrature lacks constants
        assert name == "cbpp" or found[written].aic == pytest.approx(expected["aic"], rel=1e-10)


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "cbpp"])
def test_the_random_intercept_is_tested_against_the_model_without_groups(name):
    found = left_out_of(terms(fit_formula(*STUDIES[name], method="ml")))["random intercept"]
    expected = values(name, "glm", "random intercept")
    assert_allclose(found.aic, expected["aic"], rtol=1e-10)
    assert_allclose(found.test.chi_square, expected["chi_square"], rtol=1e-6)
    assert_allclose(found.test.p_value, 0.5 * chi2.sf(expected["chi_square"], 1), rtol=1e-5)


def test_counts_are_tested_against_a_logistic_regression_with_all_constants():
    model = fit_model(**cbpp().arguments, method="ml")
    successes, trials = model.observations.successes, model.observations.trials
    period = model.observations.x @ [1, 2, 3]
    p = np.array([successes[period == q].sum() / trials[period == q].sum() for q in range(4)])[period.astype(int)]
    plain = (successes * np.log(p) + (trials - successes) * np.log1p(-p)).sum() + model.design.log_binomial
    found = left_out_of(terms(model))["random intercept"]
    assert_allclose(found.aic, 2 * 4 - 2 * plain, rtol=1e-10)


# --- which terms may be left out --------------------------------------------------------------------------------------


def test_a_term_stays_while_another_holds_it():
    rows = glmm_binomial.glmm_binomial_terms(fit_formula(*STUDIES["vegetables"], method="ml"))
    assert [row[0] for row in rows] == ["term", "(none)", "trt", "sex", "trt:sex", "random intercept"]
    assert rows[2][1:] == [None, None, None, None, "not tested: it is part of trt:sex"]


def test_a_model_of_ranges_has_a_term_for_each_column():
    data = vegetables()
    of_ranges = terms(fit_model(**data.with_headers(), method="ml"))
    assert [each.term for each in of_ranges.left_out] == [*data.names[1:], "random intercept"]
    product = left_out_of(of_ranges)[data.names[-1]]
    expected = values("vegetables", "drop1", "trt:sex")
    assert_allclose(product.test.chi_square, expected["chi_square"], rtol=NINE_DIGITS)


def test_slopes_are_left_out_and_the_random_intercept_stays_beside_them():
    data = contraception(urban_slope=True).arguments
    y, groups, urban = data["y"], data["groups"], data["x_random"]
    smaller, model = fit_model(y, urban, groups, method="ml"), fit_model(y, urban, groups, urban, method="ml")
    found = terms(model)
    slope = left_out_of(found)["random slope of random_x1"]
    assert slope.test == compare([smaller, model]).tests[1]
    assert "half and half" in slope.test.note
    intercept = next(each for each in found.left_out if each.term == "random intercept")
    assert intercept.test.note == "not tested: it stays beside the random slope of random_x1"


def test_what_is_left_is_the_model_that_one_would_fit():
    # every coding of what is left spans the same columns
    rng = np.random.default_rng(4)
    header = ["y", "a", "b", "dose", "id"]
    data = [
        header,
        *(
            [float(rng.random() < 0.5), "pqr"[rng.integers(3)], "uv"[rng.integers(2)], float(rng.normal()), f"g{i % 9}"]
            for i in range(180)
        ),
    ]
    for formula, term, left in (
        ("a:b + b:dose", "a:b", "b:dose"),
        ("0 + a + b + dose", "a", "b + dose"),
        ("0 + a:b + dose", "dose", "a:b"),
        ("a + b + poly(dose, 2)", "poly(dose, 2)", "a + b"),
        ("a * poly(dose, 2)", "a:poly(dose, 2)", "a + poly(dose, 2)"),
    ):
        constant = "0 + " if formula.startswith("0") else ""
        whole = fit_formula(data, f"y ~ {formula} + (1 | id)", method="ml")
        smaller = fit_formula(data, f"y ~ {constant}{left} + (1 | id)", method="ml")
        found = left_out_of(terms(whole))[term]
        assert_allclose(found.test.chi_square, 2 * (whole.fit.log_likelihood - smaller.fit.log_likelihood), atol=1e-7)
        assert found.test.degrees_of_freedom == whole.observations.x.shape[1] - smaller.observations.x.shape[1]


def test_columns_left_without_a_term_are_whole_combinations():
    coding = fit_formula(*STUDIES["vegetables, no intercept"], method="ml").coding.fixed
    names, combination = without_term(coding, coding.terms[0])
    assert names == ("sex[female]", "sex[male]")
    # female is 1 - male, and 1 is control + treat
    assert combination.tolist() == [[1.0, 0.0], [1.0, 0.0], [-1.0, 1.0]]


def test_the_only_fixed_effect_stays():
    x = np.random.default_rng(2).normal(size=(60, 1))
    y = (np.arange(60) * 7 % 5 < 2).astype(float)
    model = fit_model(y, x, np.arange(60) // 6, fit_intercept=False, method="ml")
    found = {each.term: each.test.note for each in terms(model).left_out}
    assert found["x1"] == "not tested: without it there is no fixed effect"


# --- methods, errors, cells -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_likelihood_is_tested_whatever_the_method(method):
    data, formula = BACTERIA, "y ~ trt + week + (1 | ID)"
    found, expected = (terms(fit_formula(data, formula, method=each)) for each in (method, "ml"))
    assert found.left_out == expected.left_out
    assert any("without the prior" in notice for notice in found.notices) == (method != "ml")


def test_a_model_whose_likelihood_has_no_maximum_is_refused_with_the_reason():
    y = [0.0, 0.0, 1.0, 1.0] * 8
    x = [[float(i % 4 > 1), float(i % 3)] for i in range(32)]
    with pytest.raises(FitError, match="x1"):
        terms(fit_model(y, x, [i // 4 for i in range(32)]))


@pytest.mark.mass
@pytest.mark.simulation
def test_the_test_of_the_random_intercept_rejects_as_often_as_it_says():
    rng = np.random.default_rng(8)
    group, x = np.repeat(np.arange(80), 8), rng.normal(size=(640, 1))
    rejected = []
    for _ in range(400):
        y = (rng.random(640) < expit(0.5 * x[:, 0])).astype(float)
        rejected.append(terms(fit_model(y, x, group, method="ml")).left_out[-1].test.p_value < 0.05)
    # Monte-Carlo standard error 1.1 %; in finite samples a little fewer than half of the variances are above zero
    assert 0.02 <= np.mean(rejected) <= 0.08
