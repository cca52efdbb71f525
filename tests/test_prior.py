"""The prior, and the step towards the mode of the exact posterior, against finite differences of log L + log prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from glmm_binomial.estimation.conditional_modes import find_modes
from glmm_binomial.estimation.fitting import fit_design
from glmm_binomial.estimation.log_posterior import LogPosterior
from glmm_binomial.estimation.marginal import choose_nodes, evaluate_marginal, rough_nodes
from glmm_binomial.estimation.prior import prior_of
from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.effects import IndependentEffects, Parameters
from simulated import draw_design

STEP = 1e-4
"""Truncation of order 1e-8 times third derivatives, and rounding of numbers near 100 in 1e-16 over STEP, below 1e-7."""

AGREEMENT = 1e-6


def log_prior(parameters):
    """b ~ N(0, 2^2) and log sd ~ N(0, 1), statsmodels' defaults."""
    return norm.logpdf(parameters.coefficients, scale=2.0).sum() + norm.logpdf(parameters.effects.log_sds).sum()


def some_parameters(rows):
    generator = np.random.default_rng(41)
    return Parameters(
        coefficients=generator.normal(size=rows.fixed.shape[1]),
        effects=IndependentEffects(log_sds=generator.normal(size=rows.random.shape[1]) * 0.4),
    )


def marginal_at(rows, point, *, choose=choose_nodes):
    """How the likelihood is evaluated near a point: with the nodes that the point needs."""
    modes = np.zeros((rows.grouping.count, rows.random.shape[1]))
    nodes = choose(rows, point, find_modes(rows, point, modes))
    return lambda parameters: evaluate_marginal(
        rows, parameters, nodes=nodes, found=find_modes(rows, parameters, modes)
    )


def differences(function, point):
    """Central differences of a number or an array by coefficients and log SDs, the parameter first."""
    steps = np.eye(len(point.vector)) * STEP
    return np.array([(function(point.moved(step)) - function(point.moved(-step))) / (2 * STEP) for step in steps])


def gradient_and_curvature(evaluate, point):
    """Of log L + log prior by finite differences: of its value, and of the gradient that was so found to be right."""
    gradient = differences(lambda at: evaluate(at).value + log_prior(at), point)
    # the differences of the prior's own gradient, from its formula: -b / 4 and -log sd
    scales = np.r_[np.full(len(point.coefficients), 4.0), np.ones(point.effects.count)]
    curvature = -differences(lambda at: evaluate(at).score - at.vector / scales, point)
    return gradient, curvature


def test_the_prior_is_that_of_the_documentation():
    point = Parameters(coefficients=np.array([0.0, 2.0, -6.0]), effects=IndependentEffects(log_sds=np.array([0.0, -3])))
    prior = prior_of(point, np.zeros(len(point.coefficients)))
    assert prior.curvatures(point.vector).tolist() == [0.25, 0.25, 0.25, 1.0, 1.0]
    assert_allclose(prior.gradients(point.vector), differences(log_prior, point), rtol=0, atol=AGREEMENT)
    values = prior.values(np.array([point.vector, np.zeros(5)]))
    assert values[0] - values[1] == pytest.approx(log_prior(point) - log_prior(point.moved(-point.vector)))


def test_the_prior_of_correlations_is_that_of_lewandowski_kurowicka_and_joe():
    # its density is det(R) on the correlations r_21, r_31, r_32; here by Fisher's z of partial correlations
    def log_density(z):
        effects = CorrelatedEffects(log_sds=np.zeros(3), partials=z)
        slopes = [
            (by_one - by_other)[[1, 2, 2], [0, 0, 1]] / (2.0 * STEP)
            for step in np.eye(3) * STEP
            for by_one, by_other in [
                (replace(effects, partials=z + step).correlations, (replace(effects, partials=z - step).correlations))
            ]
        ]
        return np.linalg.slogdet(effects.correlations)[1] + np.linalg.slogdet(slopes)[1]

    here, there = np.array([0.7, -1.1, 0.4]), np.array([-0.2, 0.5, 1.6])
    prior = prior_of(Parameters(coefficients=np.empty(0), effects=CorrelatedEffects(np.zeros(3), here)), np.empty(0))
    values = prior.values(np.array([np.r_[np.zeros(3), here], np.r_[np.zeros(3), there]]))
    assert values[0] - values[1] == pytest.approx(log_density(here) - log_density(there), abs=1e-6)
    point = np.r_[0.3, -0.2, 0.5, there]
    steps = np.eye(6) * STEP
    slopes = [(prior.values((point + s)[None]) - prior.values((point - s)[None]))[0] / (2 * STEP) for s in steps]
    assert_allclose(prior.gradients(point), slopes, atol=AGREEMENT)
    # coefficients of columns far from zero in an outlier may be enormous
    far = np.r_[-2e3, 1e3, 0.5, there]
    assert np.isfinite([prior.values(far[None])[0], *prior.gradients(far), *prior.curvatures(far)]).all()
    bends = [(prior.gradients(point - s) - prior.gradients(point + s)) / (2 * STEP) for s in steps]
    assert_allclose(np.diag(prior.curvatures(point)), bends, atol=AGREEMENT)


@pytest.mark.parametrize("slopes", [0, 1])
def test_gradient_and_curvature_of_the_log_posterior_are_finite_differences(slopes):
    rows = draw_design(42, groups=6, size=8, slopes=slopes).rows
    point = some_parameters(rows)
    gradient, curvature = gradient_and_curvature(marginal_at(rows, point), point)
    posterior = LogPosterior(rows, point, np.zeros((rows.grouping.count, 1 + slopes)))
    posterior.choose_nodes(point.vector[None])
    at = posterior.curved(point.vector)
    assert_allclose(at.gradient, gradient, rtol=0, atol=AGREEMENT)
    assert_allclose(at.information, curvature, rtol=0, atol=AGREEMENT)


@pytest.mark.mass
@pytest.mark.parametrize("slopes", [0, 1, 2])
def test_a_fit_tells_the_step_from_the_mode_of_the_posterior_to_the_maximum_of_the_likelihood(slopes):
    design = draw_design(43, groups=12, size=8, slopes=slopes)
    fit = fit_design(design, "vb")
    point = fit.posterior.mode
    # of three random effects gradients are those of few nodes
    evaluate = marginal_at(design.rows, point, choose=choose_nodes if slopes < 2 else rough_nodes)
    gradient, curvature = gradient_and_curvature(evaluate, point)
    # the posterior is level at its mode, up to what the few nodes of its search leave
    assert_allclose(gradient, 0.0, atol=0.02)
    identity, few_nodes = np.eye(len(gradient)), 0.01 if slopes < 2 else 0.1
    assert_allclose(curvature @ fit.mode_root @ fit.mode_root.T, identity, rtol=0, atol=few_nodes)

    without = evaluate(point)
    towards = fit.towards_likelihood
    assert_allclose(without.information @ towards.step, without.score, rtol=0, atol=0.02)
    product = without.information @ towards.covariance_root @ towards.covariance_root.T
    assert_allclose(product, identity, rtol=0, atol=0.02)


def test_the_prior_draws_the_estimate_of_a_column_without_information_to_zero():
    # a column that says nothing: its posterior is its prior, whatever the method makes of it
    design = draw_design(44, groups=8, size=6)
    fixed = design.rows.fixed.copy()
    fixed[:, 2] *= 1e-6
    fit = fit_design(replace(design, rows=replace(design.rows, fixed=fixed)), "vb")
    assert abs(fit.coefficients[2]) < 2.0 * fit.posterior.error
    # 2 ** 2, and the column of 1e-6 adds 1e-11 to the information
    assert fit.covariance[2, 2] == pytest.approx(4.0, rel=0.02)
    deviations = np.linalg.norm(fit.mode_root, axis=1)
    assert deviations[2] == pytest.approx(2.0, rel=1e-8)
