"""Deviance, shares of variance, discrimination and calibration: against lme4 and performance, and by brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from scipy.stats import norm

import glmm_binomial
from datasets import bacteria, cbpp, contraception
from glmm_binomial import estimates_of, fit_formula, fit_model, predict, profile_intervals, quality, random_effects
from glmm_binomial.answers.discrimination import discrimination
from glmm_binomial.answers.fitted import fitted_logits
from glmm_binomial.answers.variance_shares import variance_shares
from glmm_binomial.observations import METHODS
from lme4_values import values
from test_crossed import answered
from test_nested import pupils
from test_terms import STUDIES

SIX_DIGITS = 3e-6
"""Relative; lme4's optimiser leaves 1e-7 of a share, more where the likelihood is flat about a small SD."""


@pytest.fixture(scope="module")
def models():
    return {name: fit_formula(*study, method="ml") for name, study in STUDIES.items()}


@pytest.fixture(scope="module")
def children():
    return {method: fit_model(**bacteria().arguments, method=method) for method in METHODS}


def measures(model):
    return {each.name: each for each in quality(model).measures}


# --- against lme4 and performance ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STUDIES)
def test_shares_of_variance_are_those_of_performance(models, name):
    found, expected = measures(models[name]), values(name, "performance")
    assert_allclose(found["r2_marginal_latent"].value, expected["r2_marginal"], rtol=SIX_DIGITS)
    assert_allclose(found["r2_conditional_latent"].value, expected["r2_conditional"], rtol=SIX_DIGITS)
    assert_allclose(found["icc"].value, expected["icc"], rtol=SIX_DIGITS, atol=2e-7)


def test_shares_with_a_random_slope_are_those_of_the_matrices_and_estimates_of_lme4():
    data = contraception(urban_slope=True)
    model = fit_model(**data.arguments, method="ml")
    # performance 0.10.2 counts the variance of the intercept alone, with which the definition does not agree
    expected, lme4 = (values("contraception + urban slope", what) for what in ("definition", "lme4"))
    _, decades, squares, *rest = list(lme4.values())[2:]
    # age in decades there, in years here
    b = np.array([lme4["(Intercept)"], decades / 10.0, squares / 100.0, *rest])
    scale = model.design.scale
    fit = replace(
        model.fit,
        coefficients=np.linalg.solve(scale.back_transform, b),
        sds=np.array([lme4["sd_1"], lme4["sd_2"]]) / np.diag(scale.random_back_transform),
    )
    found = variance_shares(replace(model, fit=fit))
    assert_allclose(found.marginal_latent.value, expected["r2_marginal"], rtol=1e-7)
    assert_allclose(found.conditional_latent.value, expected["r2_conditional"], rtol=1e-7)
    assert_allclose(found.icc.value, expected["icc"], rtol=1e-7)


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "cbpp"])
def test_deviance_and_residual_degrees_of_freedom_are_those_of_lme4(models, name):
    found, expected = measures(models[name]), values(name, "lme4")
    assert_allclose(found["deviance"].value, expected["deviance"], rtol=1e-10)
    assert found["df_resid"].value == expected["df_resid"]


@pytest.mark.parametrize("name", STUDIES)
def test_pearsons_chi_square_is_the_sum_of_squared_residuals_of_lme4(models, name):
    found = measures(models[name])["dispersion"]
    told = float(found.note.split()[2])
    assert_allclose(told, values(name, "lme4")["pearson"], rtol=1e-5)


def test_dispersion_of_counts_is_that_of_the_table():
    model = fit_model(**cbpp().arguments, method="ml")
    assert_allclose(measures(model)["dispersion"].value, estimates_of(model).dispersion.ratio, rtol=1e-12)


# --- shares of variance by brute force -------------------------------------------------------------------------------


def shares_at(model, b, sds, v_d):
    """Marginal and conditional R2 and icc at coefficients and SDs on the user's scale, from their definition."""
    observations = model.observations
    predictor = np.column_stack([np.ones(len(observations.x)), observations.x]) @ b
    z = np.column_stack([np.ones(len(observations.x)), observations.x_random])
    v_f, v_r = np.var(predictor, ddof=1), np.mean([row @ np.diag(sds**2) @ row for row in z])
    return np.array([v_f / (v_f + v_r + v_d), (v_f + v_r) / (v_f + v_r + v_d), v_r / (v_r + v_d)])


def test_both_scales_follow_their_definition(children):
    model = children["ml"]
    estimates, p = estimates_of(model), model.observations.successes.mean()
    found = variance_shares(model)
    for v_d, shares in (
        (np.pi**2 / 3, (found.marginal_latent, found.conditional_latent, found.icc)),
        (1 / (p * (1 - p)), (found.marginal_observation, found.conditional_observation)),
    ):
        expected = shares_at(model, estimates.coefficients, estimates.std_devs, v_d)
        assert_allclose([share.value for share in shares], expected[: len(shares)], rtol=1e-10)


def test_delta_intervals_are_those_of_finite_differences():
    data = contraception(urban_slope=True).arguments
    model = fit_model(data["y"], data["x_random"], data["groups"], data["x_random"], method="ml", alpha=0.1)
    estimates, scale, k = estimates_of(model), model.design.scale, 2
    back = np.eye(4)
    back[:k, :k] = scale.back_transform
    root = back @ model.fit.covariance_root
    theta = np.concatenate([estimates.coefficients, np.log(estimates.std_devs)])

    def logits(at):
        return logit(shares_at(model, at[:k], np.exp(at[k:]), np.pi**2 / 3))

    step = 1e-5
    gradient = np.array([(logits(theta + step * e) - logits(theta - step * e)) / (2 * step) for e in np.eye(4)])
    reach = norm.ppf(0.95) * np.linalg.norm(gradient.T @ root, axis=1)
    found = variance_shares(model)
    for share, centre, width in zip(
        (found.marginal_latent, found.conditional_latent, found.icc), logits(theta), reach, strict=True
    ):
        assert_allclose([share.ci_lower, share.ci_upper], expit([centre - width, centre + width]), rtol=1e-6)


def test_intervals_of_the_posterior_are_quantiles_of_its_draws(children):
    model = children["vb"]
    sample, scale = model.fit.posterior.sample, model.design.scale
    k = len(model.fit.coefficients)
    b, sds = (
        scale.back_transform @ sample.theta[:, :k].T,
        np.exp(sample.theta[:, k]) * scale.random_back_transform[0, 0],
    )
    v_f, v_r, v_d = np.var(model.observations.x @ b[1:], axis=0, ddof=1), sds**2, np.pi**2 / 3
    drawn, weights = np.array([v_f / (v_r + v_d), (v_f + v_r) / v_d, v_r / v_d]), sample.weights
    found = variance_shares(model)
    for share, values_of in zip(
        (found.marginal_latent, found.conditional_latent, found.icc), np.log(drawn), strict=True
    ):
        order = np.argsort(values_of)
        below = np.cumsum(weights[order])
        limits = np.interp([0.025, 0.975], below, values_of[order])
        # bins of a thousandth of the range
        assert_allclose(logit([share.ci_lower, share.ci_upper]), limits, atol=0.02 * np.std(values_of))
        assert_allclose(logit(share.value), weights @ values_of, rtol=1e-9)


def test_intervals_of_a_random_intercept_are_those_of_its_profile(models):
    for name in ("bacteria", "vegetables"):
        interval = profile_intervals(models[name], "intercept").random_effects[0]
        icc, ratio = measures(models[name])["icc"], measures(models[name])["median_odds_ratio"]
        for limit, share, odds in (
            (interval.ci_lower, icc.ci_lower, ratio.ci_lower),
            (interval.ci_upper, icc.ci_upper, ratio.ci_upper),
        ):
            assert_allclose(share, limit**2 / (limit**2 + np.pi**2 / 3), rtol=1e-9)
            assert_allclose(odds, np.exp(np.sqrt(2) * limit * norm.ppf(0.75)), rtol=1e-9)


def test_half_of_all_pairs_of_groups_lie_within_the_median_odds_ratio(children):
    for model in children.values():
        sd = estimates_of(model).std_devs[0]
        ratio = measures(model)["median_odds_ratio"].value
        assert_allclose(2 * norm.cdf(np.log(ratio) / (np.sqrt(2) * sd)) - 1, 0.5, rtol=1e-9)


def test_icc_of_a_random_intercept_is_that_of_the_table(children):
    for model in children.values():
        assert_allclose(measures(model)["icc"].value, estimates_of(model).icc, rtol=1e-6)


# --- discrimination and calibration by brute force -------------------------------------------------------------------


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(6)
    logits = np.round(rng.normal(size=40), 1)
    trials = rng.integers(1, 6, size=40).astype(float)
    return logits, rng.binomial(trials.astype(int), expit(0.3 + 0.7 * logits)).astype(float), trials


def as_single_trials(logits, successes, trials):
    pairs = [
        (eta, outcome)
        for eta, won, of in zip(logits, successes, trials, strict=True)
        for outcome in [1.0] * int(won) + [0.0] * int(of - won)
    ]
    return np.array(pairs).T


def test_auc_is_the_share_of_pairs_in_order(counts):
    eta, y = as_single_trials(*counts)
    pairs = eta[y == 1][:, None] - eta[y == 0]
    assert_allclose(discrimination(*counts).auc, np.mean((pairs > 0) + 0.5 * (pairs == 0)), rtol=1e-12)


def test_brier_score_and_share_classified_right_are_means_over_trials(counts):
    eta, y = as_single_trials(*counts)
    found = discrimination(*counts)
    assert_allclose(found.brier, np.mean((y - expit(eta)) ** 2), rtol=1e-12)
    assert_allclose(found.classified_right, np.mean((expit(eta) >= 0.5) == y), rtol=1e-12)


def test_calibration_is_a_logistic_regression_on_the_logits(counts):
    eta, y = as_single_trials(*counts)
    found = discrimination(*counts)
    offset = sm.GLM(y, np.ones(len(y)), family=sm.families.Binomial(), offset=eta).fit(tol=1e-14)
    sloped = sm.GLM(y, np.column_stack([np.ones(len(y)), eta]), family=sm.families.Binomial()).fit(tol=1e-14)
    assert_allclose(found.calibration_intercept, offset.params[0], rtol=1e-7)
    assert_allclose(found.calibration_slope, sloped.params[1], rtol=1e-6)


def test_swapping_successes_and_failures_turns_the_intercept_and_nothing_else(counts):
    logits, successes, trials = counts
    found, turned = discrimination(*counts), discrimination(-logits, trials - successes, trials)
    assert_allclose(turned.auc, found.auc, rtol=1e-12)
    assert_allclose(turned.brier, found.brier, rtol=1e-12)
    assert_allclose(turned.calibration_intercept, -found.calibration_intercept, rtol=1e-9)
    assert_allclose(turned.calibration_slope, found.calibration_slope, rtol=1e-6)


def test_logits_all_the_same_or_without_a_mistake_have_no_slope():
    y, n = np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4)
    assert discrimination(np.full(4, 0.3), y, n).calibration_slope is None
    assert discrimination(np.array([-1.0, 2.0, -3.0, 4.0]), y, n).calibration_slope is None
    assert discrimination(np.array([-1.0, -1.0, -3.0, 4.0]), y, n).calibration_slope is None
    assert discrimination(np.array([-1.0, 2.0, 3.0, 4.0]), y, n).calibration_slope > 0.0


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_those_of_predict(children, method):
    model, data = children[method], bacteria()
    observations = model.observations
    typical = predict(model, data.x, new_groups=[["new"]] * len(data.x)).logit
    known = predict(model).logit
    found = measures(model)
    for which, logits in (("typical", typical), ("known", known)):
        # the logits of predict come from draws, and ties in them are not exact
        expected = discrimination(logits, observations.successes, observations.trials)
        assert_allclose(found[f"brier_{which}"].value, expected.brier, rtol=1e-3)
        assert_allclose(found[f"calibration_slope_{which}"].value, expected.calibration_slope, rtol=5e-3)
        assert_allclose(found[f"auc_{which}"].value, expected.auc, atol=0.005)


# --- where there is nothing to measure -------------------------------------------------------------------------------


def test_a_variance_at_zero_has_a_profile_interval_that_begins_there():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(120, 1))
    for seed in range(20):
        y = (np.random.default_rng(seed).random(120) < expit(x[:, 0])).astype(float)
        model = fit_model(y, x, np.arange(120) // 6, method="ml")
        if model.fit.sds[0] == 0.0:
            break
    assert model.fit.sds[0] == 0.0
    icc = measures(model)["icc"]
    assert icc.value == icc.ci_lower == 0.0
    assert icc.ci_upper > 0.0
    assert measures(model)["median_odds_ratio"].value == 1.0


def test_a_model_without_predictors_has_no_marginal_share():
    model = fit_formula(STUDIES["bacteria"][0], "y ~ 1 + (1 | ID)", method="vb")
    found = measures(model)
    assert (found["r2_marginal_latent"].value, found["r2_marginal_latent"].ci_lower) == (0.0, None)
    assert_allclose(found["r2_conditional_latent"].value, found["icc"].value)
    assert found["auc_typical"].value == 0.5
    assert found["calibration_slope_typical"].value is None
    assert found["calibration_slope_typical"].note.startswith("none:")


def test_the_likelihood_without_maximum_is_called_so():
    y = [0.0, 0.0, 1.0, 1.0] * 8
    x = [[float(i % 4 > 1), float(i % 3)] for i in range(32)]
    assert measures(fit_model(y, x, [i // 4 for i in range(32)]))["deviance"].note.endswith("no maximum")


@pytest.mark.parametrize("method", METHODS)
def test_cells_of_the_worksheet_function(children, method):
    header, *rows = glmm_binomial.glmm_binomial_quality(children[method])
    assert header == ["measure", "value", "ci_lower", "ci_upper", "note"]
    by_name = {row[0]: row[1:] for row in rows}
    lower, value, upper = (by_name["icc"][place] for place in (1, 0, 2))
    assert lower < value < upper
    assert ("warning" in by_name) == (method == "mean-field")


@pytest.mark.mass
@pytest.mark.simulation
def test_intervals_of_the_intraclass_correlation_cover():
    rng = np.random.default_rng(12)
    truth, group, x = 1.0 / (1.0 + np.pi**2 / 3), np.repeat(np.arange(50), 10), rng.normal(size=(500, 1))
    inside = []
    for _ in range(300):
        y = (rng.random(500) < expit(0.5 * x[:, 0] + rng.normal(size=50)[group])).astype(float)
        icc = measures(fit_model(y, x, group, method="ml"))["icc"]
        inside.append(icc.ci_lower <= truth <= icc.ci_upper)
    # Monte-Carlo standard error 1.3 %
    assert 0.92 <= np.mean(inside) <= 0.98


def test_the_profile_limits_follow_alpha():
    # a wider interval at a smaller alpha, both about the same estimate
    narrow, wide = (
        measures(fit_model(**bacteria().arguments, method="ml", alpha=alpha))["icc"] for alpha in (0.3, 0.01)
    )
    assert wide.ci_lower < narrow.ci_lower < narrow.value < narrow.ci_upper < wide.ci_upper


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_known_groups_in_groups_have_the_effects_of_both(method):
    model = fit_formula(pupils(), "s ~ x + (1 | school/class)", method=method)
    fitted, effects = fitted_logits(model), random_effects(model).estimates
    expected = effects[model.observations.group_index].sum(axis=1)
    assert (np.abs(effects).max(axis=0) > 0.1).all()
    assert_allclose(fitted.known - fitted.typical, expected, atol=1e-12)
    assert_allclose(expit(fitted.known), predict(model).probability, atol=0.02 if method == "vb" else 1e-9)


OF_KINDS = {
    "nested": (lambda: pupils(schools=10, trials=3), "s / n ~ x + (1 | school/class)", ("school", "school:class")),
    "crossed": (lambda: answered(trials=2), "y / n ~ x + (1 | person) + (1 | item)", ("person", "item")),
}


@pytest.mark.parametrize("name", OF_KINDS)
def test_each_of_two_kinds_of_groups_has_its_share_by_the_delta_method(name):
    table, formula, kinds = OF_KINDS[name]
    model = fit_formula(table(), formula, method="ml")
    found, (first, second) = measures(model), model.fit.sds**2
    shown = [measure for measure in found if measure.startswith("icc: ")]
    assert shown == [f"icc: {kind}" for kind in (kinds[:1] if name == "nested" else kinds)]
    covariance = model.fit.covariance[-2:, -2:]
    for measure, own, other, place in zip(shown, (first, second), (second, first), (0, 1), strict=False):
        v_d = np.pi**2 / 3.0
        assert_allclose(found[measure].value, own / (first + second + v_d), rtol=1e-12)
        gradient = np.full(2, -2.0 * other / (other + v_d))
        gradient[place] = 2.0
        reach = norm.isf(0.025) * np.sqrt(gradient @ covariance @ gradient)
        limits = expit(logit(found[measure].value) + np.array([-reach, reach]))
        assert_allclose([found[measure].ci_lower, found[measure].ci_upper], limits, rtol=1e-9)
    for place, kind in enumerate(kinds):
        ratio, sd = found[f"median_odds_ratio: {kind}"], model.fit.sds[place]
        reach = norm.isf(0.025) * np.sqrt(covariance[place, place])
        expected = np.exp(np.sqrt(2.0) * norm.ppf(0.75) * sd * np.exp([0.0, -reach, reach]))
        assert_allclose([ratio.value, ratio.ci_lower, ratio.ci_upper], expected, rtol=1e-9)


@pytest.mark.parametrize("name", OF_KINDS)
def test_each_of_two_kinds_of_groups_has_its_share_at_the_draws_of_the_posterior(name):
    table, formula, kinds = OF_KINDS[name]
    model = fit_formula(table(), formula)
    found, sample = measures(model), model.fit.posterior.sample
    variances = np.exp(2.0 * sample.theta[:, -2:])
    share = variances[:, 0] / (variances.sum(axis=1) + np.pi**2 / 3.0)
    order = np.argsort(share)
    reached = np.interp([0.025, 0.975], np.cumsum(sample.weights[order]) / sample.weights.sum(), share[order])
    measure = found[f"icc: {kinds[0]}"]
    assert_allclose([measure.ci_lower, measure.ci_upper], reached, atol=0.02)
    assert_allclose(logit(measure.value), np.average(logit(share), weights=sample.weights), rtol=1e-9)
    ratios = np.exp(np.sqrt(2.0 * variances[:, 1]) * norm.ppf(0.75))
    order = np.argsort(ratios)
    reached = np.interp([0.025, 0.975], np.cumsum(sample.weights[order]) / sample.weights.sum(), ratios[order])
    measure = found[f"median_odds_ratio: {kinds[1]}"]
    assert_allclose([measure.ci_lower, measure.ci_upper], reached, rtol=0.03)


def test_a_kind_of_groups_without_variance_has_a_share_of_zero():
    model = fit_formula(
        pupils(schools=10, rows=6, trials=2, sds=(1.0, 0.0)), "s / n ~ x + z + (1 | school/class)", "ml"
    )
    assert model.fit.sds[1] == 0.0
    found = measures(model)
    ratio = found["median_odds_ratio: school:class"]
    assert (ratio.value, ratio.ci_lower, ratio.ci_upper) == (1.0, None, None)
    assert_allclose(found["icc: school"].value, found["icc"].value, rtol=1e-12)
