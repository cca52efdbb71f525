"""Where z misleads: effects so large that their standard errors grow faster (Hauck & Donner 1977)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from datasets import bacteria, cbpp, contraception, vegetables
from glmm_binomial.answers.estimates import estimates_of
from glmm_binomial.answers.wald_notice import about_wald_tests
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.estimation.likelihood_ratio import likelihood_ratio, tangent_drop

BLOCK = np.repeat(np.arange(1, 11), 2)
GROUPS = np.r_[BLOCK[:-1], BLOCK, BLOCK, BLOCK]
TREATMENT = np.repeat([0, 1, 2, 3], [19, 20, 20, 20])
X = np.column_stack([TREATMENT == 1, TREATMENT == 2, TREATMENT == 3]).astype(float)
PREDATION = np.repeat([0, 1, 0, 1, 0, 1, 0, 1], [1, 18, 9, 11, 8, 12, 11, 9]).astype(float)
"""Ten blocks with two replicates of four treatments, of which one is missing."""


def predation(*columns, **options):
    x = X[:, list(columns)] if columns else np.zeros((len(X), 0))
    return fit_model(PREDATION, x, GROUPS, **{"method": "ml", **options})


def test_effects_that_z_does_not_see_are_told_with_their_likelihood_ratio():
    model = predation(0, 1, 2)
    estimates = estimates_of(model)
    # what the Wald tests say of treatments that all but decide the outcome
    assert estimates.p_values[1:] == pytest.approx([0.135, 0.159, 0.099], abs=6e-4)
    told = [text for text in estimates.notices if "likelihood-ratio" in text]
    for position, text in enumerate(told):
        without = predation(*(column for column in range(3) if column != position))
        statistic = 2.0 * (model.fit.log_likelihood - without.fit.log_likelihood)
        assert text.startswith(f"z_statistic, p_value and interval of x{position + 1} (p 0.")
        assert f"where x{position + 1} is zero is {statistic:.3g}: p is {chi2.sf(statistic, 1):.2g} by" in text
        assert chi2.sf(statistic, 1) < 1e-4
    assert len(told) == 3


def test_a_maximum_without_the_effect_that_is_not_found_is_said():
    model = predation(0, 1, 2)
    # without intercept the differences between blocks grow beyond all bounds
    assert likelihood_ratio(model.design.rows, model.fit, model.design.scale.back_transform[0]) is None
    (told,) = (text for text in about_wald_tests(model.design, model.fit) if "intercept" in text)
    assert told.endswith("and the likelihood with intercept at zero was not found.")


@pytest.mark.parametrize("data", [bacteria, cbpp, vegetables, contraception])
def test_ordinary_data_are_not_warned_of(data):
    model = fit_model(**data().arguments, method="ml")
    assert not list(about_wald_tests(model.design, model.fit))


def test_other_methods_have_no_wald_tests():
    model = predation(0, 1, 2, method="vb")
    assert not list(about_wald_tests(model.design, model.fit))


@pytest.mark.parametrize("position", [1, 2, 3])
def test_the_likelihood_ratio_is_that_of_the_model_without_the_column(position):
    arguments = cbpp().arguments
    model = fit_model(**arguments, method="ml")
    x = [[value for column, value in enumerate(row) if column != position - 1] for row in arguments["x"]]
    without = fit_model(**{**arguments, "x": x}, method="ml")
    combination = model.design.scale.back_transform[position]
    expected = 2.0 * (model.fit.log_likelihood - without.fit.log_likelihood)
    assert likelihood_ratio(model.design.rows, model.fit, combination) == pytest.approx(expected, abs=1e-7)
    # along the tangent log L is never larger than its maximum, and here nearly as large
    drop = tangent_drop(model.design.rows, model.fit, combination)
    assert drop is None or expected - 0.01 < drop < 1.2 * expected


def test_small_changes_of_all_predictors_are_not_looked_into():
    model = fit_model(**contraception().arguments, method="ml")
    rows, scale = model.design.rows, model.design.scale
    # age: .0035 a year over 33 years
    assert tangent_drop(rows, model.fit, scale.back_transform[1]) is None
    # the difference of town and country, .7
    assert tangent_drop(rows, model.fit, scale.back_transform[6]) is None
    assert tangent_drop(rows, model.fit, scale.back_transform[0]) is not None
