"""The logistic density: values by hand, the far ends, and derivatives by finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from glmm_binomial.model.logistic import fill_logistic, logistic

STEP = 1e-5
ANYWHERE = np.r_[np.linspace(-40.0, 40.0, 81), -800.0, -0.0, 1e-300, 800.0]

BY_HAND = [
    # odds of 3 : 1, 1 : 3 and 1 : 1
    (math.log(3.0), 3 / 4, 3 / 16, math.log(4.0)),
    (-math.log(3.0), 1 / 4, 3 / 16, math.log(4 / 3)),
    (0.0, 1 / 2, 1 / 4, math.log(2.0)),
]


@pytest.mark.parametrize(("eta", "probability", "variance", "softplus"), BY_HAND)
def test_probability_variance_and_softplus_are_those_found_by_hand(eta, probability, variance, softplus):
    at = logistic(np.array([eta]))
    # a few roundings of numbers of size one
    assert at.probability[0] == pytest.approx(probability, rel=1e-15)
    assert at.variance[0] == pytest.approx(variance, rel=1e-15)
    assert at.softplus[0] == pytest.approx(softplus, rel=1e-15)


def test_at_the_far_ends_everything_is_exact_and_finite():
    # e^-800 is less than the smallest double
    at = logistic(np.array([-800.0, 0.0, 800.0]))
    assert at.probability.tolist() == [0.0, 0.5, 1.0]
    assert at.variance.tolist() == [0.0, 0.25, 0.0]
    assert at.softplus.tolist() == [0.0, math.log(2.0), 800.0]
    ones = np.ones(3)
    assert at.log_density(ones, ones).tolist() == [-800.0, -math.log(2.0), 0.0]
    assert at.residual(ones, ones).tolist() == [1.0, 0.5, 0.0]
    assert at.log_density(0.0 * ones, ones).tolist() == [0.0, -math.log(2.0), -800.0]


def test_a_small_probability_keeps_its_digits():
    # p = e^eta (1 - e^eta + ...), and e^-40 is below rounding
    assert logistic(np.array([-40.0])).probability[0] == pytest.approx(math.exp(-40.0), rel=1e-15)
    assert logistic(np.array([40.0])).variance[0] == pytest.approx(math.exp(-40.0), rel=1e-15)


def test_swapping_successes_and_failures_reflects_the_predictor():
    here, there = logistic(ANYWHERE), logistic(-ANYWHERE)
    assert_allclose(here.probability + there.probability, 1.0, rtol=1e-15)
    assert_array_equal(here.variance, there.variance)
    assert_allclose(here.softplus - there.softplus, ANYWHERE, rtol=1e-15, atol=1e-15)
    successes, trials = np.full(len(ANYWHERE), 2.0), np.full(len(ANYWHERE), 7.0)
    # differences of numbers up to 7 * 800
    assert_allclose(
        here.log_density(successes, trials), there.log_density(trials - successes, trials), rtol=1e-14, atol=1e-14
    )


def test_residual_and_variance_are_finite_differences_of_the_log_density():
    eta = np.linspace(-6.0, 6.0, 25)
    successes, trials = np.arange(25.0) % 6, np.full(25, 5.0)
    ahead, behind = logistic(eta + STEP), logistic(eta - STEP)
    slope = (ahead.log_density(successes, trials) - behind.log_density(successes, trials)) / (2 * STEP)
    curvature = (behind.residual(successes, trials) - ahead.residual(successes, trials)) / (2 * STEP)
    # truncation of order STEP^2, and rounding of 30 units in 1e-16 over STEP
    assert_allclose(logistic(eta).residual(successes, trials), slope, rtol=0, atol=2e-9)
    assert_allclose(trials * logistic(eta).variance, curvature, rtol=0, atol=2e-9)


def test_arrays_filled_in_place_hold_the_same():
    expected = logistic(ANYWHERE)
    decay, reciprocal, contrast = np.empty((3, len(ANYWHERE)))
    fill_logistic(ANYWHERE, decay=decay, reciprocal=reciprocal, contrast=contrast)
    assert_array_equal(decay, expected.decay)
    assert_array_equal(reciprocal, expected.reciprocal)
    assert_allclose(0.5 + 0.5 * contrast, expected.probability, rtol=0, atol=1e-15)
    # odd in eta, so that nothing is lost near zero, where it is eta / 2
    fill_logistic(np.array([-1e-5, 1e-5]), decay=decay[:2], reciprocal=reciprocal[:2], contrast=contrast[:2])
    assert_allclose(contrast[:2], [-5e-6, 5e-6], rtol=1e-10)


def test_the_contrast_may_take_the_place_of_the_decay():
    shared, reciprocal, contrast = np.empty((3, len(ANYWHERE)))
    fill_logistic(ANYWHERE, decay=np.empty(len(ANYWHERE)), reciprocal=reciprocal, contrast=contrast)
    fill_logistic(ANYWHERE, decay=shared, reciprocal=reciprocal, contrast=shared)
    assert_array_equal(shared, contrast)
