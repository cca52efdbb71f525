"""The posterior of correlated random effects: against importance sampling, under recodings, and the answers from it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, roots_hermitenorm

from correlated_data import contraception_with, model_of, small
from glmm_binomial import InvalidInputError, estimates_of, fit_formula
from glmm_binomial.answers.confint import profile_intervals
from glmm_binomial.answers.predict import predict
from glmm_binomial.answers.ranef import random_effects
from glmm_binomial.answers.variance_shares import variance_shares

NODES, WEIGHTS = roots_hermitenorm(64)


# of intercept, slope, both log SDs and Fisher's z, in the units of x, by importance sampling with plain numpy: 24 x 24
# nodes of Gauss and Hermite, 4 x 8192 points of 1.3 t_5 about the mode, priors N(0, 2^2), N(0, 1) and sech(z)^4 on the
# scale of x less its mean over its SD; the standard errors of these means are below .008 posterior SDs
POSTERIORS = {
    (5, 20, 12): (
        [0.442873, 0.791091, -0.142219, -0.389203, -0.195865],
        [0.264099, 0.269424, 0.322215, 0.474299, 0.424622],
        [[-0.06880, 0.97474], [0.29650, 1.36757], [-0.83718, 0.42418], [-1.54555, 0.36978], [-1.08415, 0.60432]],
    ),
    (7, 12, 8): (
        [-0.359083, 1.114668, -0.391332, -0.344350, -0.120907],
        [0.350700, 0.473725, 0.577334, 0.680923, 0.571803],
        [[-1.06326, 0.32030], [0.28273, 2.15636], [-1.70504, 0.56191], [-1.87950, 0.77965], [-1.25797, 1.02042]],
    ),
}


@pytest.mark.mass
@pytest.mark.parametrize("data", POSTERIORS)
def test_the_posterior_is_that_of_importance_sampling(data):
    means, sds, quantiles = map(np.array, POSTERIORS[data])
    model = model_of(small(*data), method="vb")
    found = estimates_of(model)
    shown = np.r_[found.coefficients, np.log(found.std_devs), np.arctanh(found.correlations[1, 0])]
    assert (np.abs(shown - means) < (0.01 + 0.012) * sds).all()
    assert_allclose(found.std_errors, sds[:2], rtol=0.02)
    limits = profile_intervals(model)
    assert limits.beside == "posterior"
    beside = [
        *((each.posterior_lower, each.posterior_upper) for each in limits.fixed_effects),
        *np.log([(each.posterior_lower, each.posterior_upper) for each in limits.random_effects]),
        *np.arctanh([(each.posterior_lower, each.posterior_upper) for each in limits.correlations]),
    ]
    assert (np.abs(np.array(beside) - quantiles) < 0.1 * sds[:, None]).all()
    assert found.posterior_error < 0.012


@pytest.mark.mass
@pytest.mark.parametrize("shift", [3.0, -0.5])
def test_where_zero_of_the_slope_is_changes_nothing_in_the_posterior_but_the_intercepts_effect(shift):
    here, there = (contraception_with(each, "vb") for each in (0.0, shift))
    a, b = estimates_of(here), estimates_of(there)
    assert_allclose(b.coefficients, a.coefficients, rtol=1e-9)
    assert_allclose(b.std_errors, a.std_errors, rtol=1e-9)
    assert_allclose(b.p_values, a.p_values, rtol=1e-6)
    assert b.std_devs[1] == pytest.approx(a.std_devs[1], rel=1e-9)
    # u0 = u0' + shift u1, and u1 is the same
    effects = [random_effects(each).estimates for each in (here, there)]
    assert_allclose(effects[1][:, 1], effects[0][:, 1], atol=1e-9)
    assert_allclose(effects[1][:, 0] + shift * effects[1][:, 1], effects[0][:, 0], atol=1e-9)


@pytest.mark.mass
def test_a_slope_with_its_sign_turned_turns_the_correlation_and_nothing_else():
    y, x, group = small()
    here, there = (estimates_of(model_of((y, each, group), method="vb")) for each in (x, -x))
    assert_allclose(there.coefficients, here.coefficients * [1.0, -1.0], rtol=1e-9)
    assert_allclose(there.std_devs, here.std_devs, rtol=1e-9)
    assert there.correlations[1, 0] == pytest.approx(-here.correlations[1, 0], rel=1e-8)


def test_the_posterior_of_contraception_lies_about_its_maximum():
    by_ml, by_vb = (estimates_of(contraception_with(0.0, method)) for method in ("ml", "vb"))
    # weak priors and 60 districts: what the likelihood has decided, a posterior moves little
    assert (np.abs(by_vb.coefficients - by_ml.coefficients) < 0.1 * by_ml.std_errors).all()
    assert_allclose(by_vb.std_devs, by_ml.std_devs, rtol=0.06)
    assert by_vb.correlations[1, 0] == pytest.approx(by_ml.correlations[1, 0], abs=0.08)
    assert by_vb.log_likelihood == pytest.approx(by_ml.log_likelihood, abs=1e-9)


@pytest.mark.mass
def test_four_correlated_effects_have_the_posterior_of_laplaces_approximation():
    generator = np.random.default_rng(4)
    y, x, group = small(groups=20)
    columns = [y, x, *generator.normal(size=(2, len(y)))]
    cells = [["y", "x", "a", "b", "id"], *zip(*(each.tolist() for each in columns), group.tolist(), strict=True)]
    found = estimates_of(fit_formula(cells, "y ~ x + (1 + x + a + b | id)"))
    assert found.nodes is None
    assert any("Laplace's approximation" in notice for notice in found.notices)
    assert np.linalg.eigvalsh(found.correlations)[0] > 0.0


@pytest.mark.mass
def test_the_answers_of_a_posterior_are_over_its_draws():
    model = model_of(small(), method="vb")
    posterior = model.fit.posterior
    weights, back = posterior.sample.weights, model.design.scale
    drawn = posterior.draws_of_effects(back.random_back_transform)
    sds = np.exp(drawn.log_sds)
    coefficients = posterior.sample.theta[:, :2] @ back.back_transform.T
    x = 1.3
    variances = sds[:, 0] ** 2 + x**2 * sds[:, 1] ** 2 + 2.0 * x * sds.prod(axis=1) * drawn.correlations[:, 0, 1]
    some = np.arange(0, 8192, 16)
    found = predict(model, [["x"], [x]])
    eta = (coefficients @ [1.0, x])[some, None] + np.sqrt(variances)[some, None] * NODES
    logits = np.log((expit(eta) @ WEIGHTS) / (expit(-eta) @ WEIGHTS))
    # a 16th of the draws: their mean is near that of all
    assert found.population_average[0] == pytest.approx(
        expit(np.average(logits, weights=weights[some])), abs=0.15 * np.std(logits)
    )
    shares = variance_shares(model)
    assert 0.0 < shares.icc.ci_lower < shares.icc.value < shares.icc.ci_upper < 1.0


def test_raw_mean_fields_know_no_correlations():
    with pytest.raises(InvalidInputError, match='method must be "vb" or "ml" where random effects are correlated'):
        model_of(small(), method="mean-field")
