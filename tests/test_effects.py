"""The covariance of the random effects: its density against scipy's, its derivatives by finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from glmm_binomial.model.effects import (
    LARGEST_LOG_PRECISION,
    IndependentEffects,
    Parameters,
    expected_precision,
)

STEP = 1e-5
"""Truncation of order 1e-10 and rounding of order 1e-11, in numbers of size one."""


def drawn(seed, count, *, groups=5):
    generator = np.random.default_rng(seed)
    return IndependentEffects(log_sds=generator.normal(size=count) * 0.5), generator.normal(size=(groups, count))


def log_density(covariance, effects):
    return -0.5 * covariance.quadratic_form(effects) - covariance.half_log_determinant


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_log_density_is_that_of_a_normal_distribution(count):
    covariance, effects = drawn(1, count)
    expected = multivariate_normal.logpdf(effects, cov=np.diag(np.exp(2.0 * covariance.log_sds)))
    assert_allclose(log_density(covariance, effects), expected + 0.5 * count * math.log(2.0 * math.pi), rtol=1e-13)


def test_sds_and_their_logarithms_are_one_thing():
    covariance = IndependentEffects.of_sds(np.array([0.5, 4.0]))
    assert covariance.log_sds.tolist() == [math.log(0.5), math.log(4.0)]
    assert_allclose(covariance.sds, [0.5, 4.0], rtol=1e-15)
    assert covariance.half_log_determinant == pytest.approx(math.log(2.0), rel=1e-15)
    assert covariance.count == 2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_scores_and_information_are_finite_differences_of_the_log_density(count):
    covariance, effects = drawn(2, count)
    ahead = [covariance.moved(step) for step in np.eye(count) * STEP]
    behind = [covariance.moved(-step) for step in np.eye(count) * STEP]
    pairs = list(zip(ahead, behind, strict=True))
    slopes = [(log_density(a, effects) - log_density(b, effects)) / (2 * STEP) for a, b in pairs]
    curvatures = [(b.scores(effects) - a.scores(effects)).sum(axis=0) / (2 * STEP) for a, b in pairs]
    assert_allclose(covariance.scores(effects), np.transpose(slopes), rtol=0, atol=1e-8)
    assert_allclose(covariance.information(effects.T @ effects, len(effects)), curvatures, rtol=0, atol=1e-8)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pull_and_precision_are_finite_differences_of_the_log_density_by_the_effects(count):
    covariance, effects = drawn(3, count)
    steps = np.eye(count) * STEP
    slopes = [
        (log_density(covariance, effects - step) - log_density(covariance, effects + step)) / (2 * STEP)
        for step in steps
    ]
    curvatures = [(covariance.pull(effects + step) - covariance.pull(effects - step)) / (2 * STEP) for step in steps]
    precision = np.zeros((len(effects), count, count))
    covariance.add_precision(precision)
    assert_allclose(covariance.pull(effects), np.transpose(slopes), rtol=0, atol=1e-8)
    assert_allclose(precision, np.stack(curvatures, axis=2), rtol=0, atol=1e-8)


def test_the_precision_is_added_to_what_was_there():
    blocks = np.full((2, 2, 2), 10.0)
    IndependentEffects.of_sds(np.array([0.5, 0.25])).add_precision(blocks)
    assert_allclose(blocks, [[[14.0, 10.0], [10.0, 26.0]]] * 2, rtol=1e-15)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_derivatives_of_the_modes_are_finite_differences_of_their_pull(count):
    covariance, modes = drawn(4, count)
    by_parameter = [
        (covariance.moved(-step).pull(modes) - covariance.moved(step).pull(modes)) / (2 * STEP)
        for step in np.eye(count) * STEP
    ]
    assert_allclose(covariance.mode_derivatives(modes), np.stack(by_parameter, axis=2), rtol=0, atol=1e-8)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_expected_scores_are_the_mean_over_points_of_the_same_mean_and_covariance(count):
    covariance, modes = drawn(5, count)
    roots = np.random.default_rng(6).normal(size=(5, count, count))
    # 2 K points at the mean plus and minus root K times each column of a root have its mean and covariance exactly
    moves = math.sqrt(count) * roots.transpose(0, 2, 1)
    points = np.concatenate([modes[:, None, :] + moves, modes[:, None, :] - moves], axis=1)
    found = covariance.expected_scores(modes, roots @ roots.transpose(0, 2, 1))
    assert_allclose(found, covariance.scores(points).mean(axis=1), rtol=1e-12, atol=1e-13)


def test_an_effect_put_back_in_its_place_makes_the_whole_again():
    covariance, _ = drawn(7, 3)
    for place in range(3):
        kept = np.arange(3) != place
        without = covariance.only(kept)
        assert without.log_sds.tolist() == covariance.log_sds[kept].tolist()
        assert_array_equal(without.with_effect(place, covariance.log_sds[place]).log_sds, covariance.log_sds)


def test_a_step_moves_coefficients_first_and_log_sds_after_them():
    point = Parameters(coefficients=np.array([1.0, 2.0]), effects=IndependentEffects(log_sds=np.array([3.0])))
    moved = point.moved(np.array([0.5, 0.25, 0.125]))
    assert moved.coefficients.tolist() == [1.5, 2.25]
    assert moved.effects.log_sds.tolist() == [3.125]
    assert moved.vector.tolist() == [1.5, 2.25, 3.125]
    assert point.vector.tolist() == [1.0, 2.0, 3.0]


def test_the_expected_precision_is_the_integral_over_the_log_sd():
    mean, variance = np.array([-0.5, 0.0, math.log(2.0)]), np.array([0.3, 1.0, 0.0])
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    log_sds = mean[:, None] + np.sqrt(variance)[:, None] * nodes
    integrals = np.exp(-2.0 * log_sds) @ weights / weights.sum()
    # forty nodes integrate exp(2 z) to rounding
    assert_allclose(expected_precision(mean, variance), integrals, rtol=1e-12)
    assert expected_precision(mean, variance)[2] == pytest.approx(0.25, rel=1e-15)


def test_the_expected_precision_of_a_step_far_too_long_does_not_overflow():
    found = expected_precision(np.array([-1e4]), np.array([1e4]))
    assert found[0] == math.exp(LARGEST_LOG_PRECISION)
