import numpy as np
import pytest
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from datasets import bacteria, cbpp, contraception, vegetables
from glmm_binomial import fit
from glmm_binomial.estimation import variational
from glmm_binomial.estimation.variational import CountsMixedModel, fit_variational
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import observe
from simulated import draw, draw_design

DATA_SETS = {"vegetables": vegetables, "cbpp": cbpp, "contraception": contraception, "bacteria": bacteria}


def design_of(data):
    return build_design(observe(**data.arguments)).rows


def start_of(rows):
    return np.zeros(rows.fixed.shape[1])


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_variational_optimum_is_in_the_neighbourhood_of_the_exact_posterior(name):
    data = DATA_SETS[name]()
    design = build_design(observe(**data.arguments))
    found, back = fit_variational(design.rows, start_of(design.rows)), design.scale.back_transform
    distance = np.abs(back @ found.coefficients - data.posterior["mean"]) / data.posterior["sd"]
    assert distance.max() < 0.25


def test_raw_mean_field_sds_are_far_too_small():
    data = vegetables()
    raw, right = fit(**data.arguments, method="mean-field"), fit(**data.arguments)
    # the intercept is left out: on the user's scale its SD also carries the centring of the columns
    assert (raw.std_errors[1:] < 0.7 * right.std_errors[1:]).all()


def test_mean_field_agrees_with_statsmodels_own_fit_on_the_same_design():
    rows = draw_design(11, groups=10, size=8).rows
    ours = fit_variational(rows, start_of(rows))
    model = CountsMixedModel(rows)
    theirs = BinomialBayesMixedGLM(rows.successes, rows.fixed, model.exog_vc, model.ident, vcp_p=1, fe_p=2).fit_vb(
        mean=np.zeros(model.k_fep + model.k_vcp + model.k_vc), sd=np.full(model.k_fep + 1 + model.k_vc, 0.5)
    )
    # its ten nodes on [-5, 5] integrate the normal density to .99913 and the SDs carry that and more
    np.testing.assert_allclose(ours.coefficients, theirs.fe_mean, atol=0.01)
    np.testing.assert_allclose(np.sqrt(np.diag(ours.mean_field_covariance))[:3], theirs.fe_sd, rtol=0.01)
    np.testing.assert_allclose(ours.effects.log_sds, theirs.vcp_mean, atol=0.02)
    np.testing.assert_allclose(ours.random_effects[:, 0], theirs.vc_mean, atol=0.02)


def test_statsmodels_bfgs_on_our_elbo_finds_the_optimum_of_our_newton():
    rows = draw_design(12, groups=6, size=6).rows
    ours = fit_variational(rows, start_of(rows))
    model = CountsMixedModel(rows)
    size = model.k_fep + model.k_vcp + model.k_vc
    theirs = model.fit_vb(
        mean=np.zeros(size), sd=np.full(size, 0.5), fit_method="L-BFGS-B", minim_opts={"ftol": 1e-15, "gtol": 1e-7}
    )
    np.testing.assert_allclose(ours.coefficients, theirs.fe_mean, atol=1e-5)
    np.testing.assert_allclose(ours.effects.log_sds, theirs.vcp_mean, atol=1e-5)


@pytest.mark.parametrize("slopes", [0, 1, 2])
def test_score_vanishes_at_the_optimum(slopes):
    rows = draw_design(13, groups=20, size=10, slopes=slopes).rows
    found = fit_variational(rows, start_of(rows))
    assert found.distance < 1e-7
    assert found.largest_score < 1e-6
    assert found.steps < 40


def test_the_elbo_never_decreases(monkeypatch):
    values = []
    ascend = CountsMixedModel._ascend

    def watched(self, state, ahead):
        values.append(state.value)
        return ascend(self, state, ahead)

    monkeypatch.setattr(CountsMixedModel, "_ascend", watched)
    for seed in range(20):
        values.clear()
        rows = draw_design(seed, groups=8, size=5, slopes=seed % 3, sd=3.0).rows
        final = fit_variational(rows, start_of(rows)).elbo
        assert (np.diff([*values, final]) >= -1e-12 * abs(final)).all()


def test_a_search_cut_short_says_how_far_it_is_from_the_optimum(monkeypatch):
    monkeypatch.setattr(variational, "MOST_STEPS", 1)
    rows = draw_design(14).rows
    assert fit_variational(rows, start_of(rows)).distance > 0.01


def test_a_fit_repeats_digit_by_digit():
    y, x, group, _ = draw(17)
    first, second = fit(y, x, group), fit(y.copy(), x.copy(), group.copy())
    np.testing.assert_array_equal(first.coefficients, second.coefficients)
    np.testing.assert_array_equal(first.std_errors, second.std_errors)
