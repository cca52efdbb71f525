"""The law of one quantity: its quantiles and its p-value are of one monotone function, however far out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from glmm_binomial.estimation.law import law_of
from glmm_binomial.estimation.many_laws import summarize


def normal_sample(mean=0.0, sd=1.0, points=8192):
    uniform = qmc.Sobol(1, scramble=True, seed=np.random.default_rng(1)).random(points)[:, 0]
    return mean + sd * ndtri(uniform)


WEIGHTS = np.full(8192, 1 / 8192)


@pytest.mark.parametrize("tail", [0.4, 0.1, 0.025, 0.005, 5e-5, 1e-9])
def test_quantiles_of_a_normal_sample_are_those_of_the_normal_law_in_and_beyond_the_sample(tail):
    law = law_of(normal_sample(3.0, 2.0), WEIGHTS)
    lower, upper = law.limits(2.0 * tail)
    assert (lower - 3.0) / 2.0 == pytest.approx(ndtri(tail), rel=0.01, abs=0.005)
    assert (upper - 3.0) / 2.0 == pytest.approx(-ndtri(tail), rel=0.01, abs=0.005)


@pytest.mark.parametrize("z", [0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0])
def test_p_values_of_a_normal_sample_are_those_of_the_normal_law(z):
    # the slope of the tail is that of the sample's outer points: good to 3 % of log p at 30 SDs
    for sign in (-1.0, 1.0):
        p = law_of(normal_sample(sign * z), WEIGHTS).two_sided_p(0.0)
        assert np.log(p) == pytest.approx(np.log(2.0 * ndtr(-z)), rel=0.03)


def test_a_p_value_is_never_zero():
    assert 0.0 < law_of(normal_sample(100.0), WEIGHTS).two_sided_p(0.0) < 1e-300


def test_an_interval_excludes_zero_exactly_when_p_is_below_alpha():
    rng = np.random.default_rng(2)
    for _ in range(200):
        sample = normal_sample(rng.normal(0.0, 4.0)) + 0.1 * rng.normal(size=8192) ** 2
        weights = WEIGHTS.copy()
        weights[:256] += (rng.normal(1.0, 0.3, 256) - 1.0) / 256
        law = law_of(sample, weights / weights.sum())
        p = law.two_sided_p(0.0)
        for alpha in (0.5, 0.05, 0.01, 1e-4, 1e-8, 0.999 * p, 1.001 * p):
            if alpha < 1.0:
                lower, upper = law.limits(alpha)
                assert (lower > 0.0 or upper < 0.0) == (p < alpha)


def test_quantiles_rise_with_the_probability_even_where_weights_are_negative():
    weights = WEIGHTS.copy()
    weights[:64] += np.where(np.arange(64) % 2 == 0, 4.0, -4.0) / 8192
    law = law_of(normal_sample(), weights)
    limits = np.array(
        [law.limits(alpha) for alpha in np.r_[np.logspace(-200, -1, 300), np.linspace(0.1, 0.99, 200)[1:]]]
    )
    assert (np.diff(limits[:, 0]) > 0.0).all()
    assert (np.diff(limits[:, 1]) < 0.0).all()
    assert (limits[:, 0] < limits[:, 1]).all()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("score", [5.5, 6.0, 9.0])
def test_a_known_score_of_zero_is_where_the_tail_leads(sign, score):
    law = law_of(normal_sample(sign * 6.0), WEIGHTS, -sign * score)
    assert law.two_sided_p(0.0) == pytest.approx(2.0 * ndtr(-score), rel=1e-9)
    assert (np.diff(law.values) > 0.0).all()
    assert (np.diff(law.scores) > 0.0).all()
    # in the sample nothing has changed
    plain = law_of(normal_sample(sign * 6.0), WEIGHTS)
    assert law.limits(0.05) == plain.limits(0.05)


def test_a_score_of_zero_that_the_sample_reaches_is_not_needed():
    law = law_of(normal_sample(1.0), WEIGHTS, -7.0)
    assert law.two_sided_p(0.0) == law_of(normal_sample(1.0), WEIGHTS).two_sided_p(0.0)


@pytest.mark.parametrize(("alpha", "allowed"), [(0.5, 0.01), (0.05, 0.02), (0.002, 0.05), (1e-4, 0.15)])
def test_many_quantities_at_once_have_the_summaries_of_each(alpha, allowed):
    rng = np.random.default_rng(3)
    values = np.vstack([normal_sample(2.0, 3.0), np.exp(0.3 * normal_sample()), normal_sample() * 1e-6 - 1e5])
    weights = WEIGHTS.copy()
    weights[:512] += (rng.normal(1.0, 0.1, 512) - 1.0) / 512
    weights /= weights.sum()
    found = summarize(values, weights, alpha)
    for i, sample in enumerate(values):
        law, mean = law_of(sample, weights), weights @ sample
        sd = np.sqrt(weights @ (sample - mean) ** 2)
        assert found.means[i] == pytest.approx(mean)
        assert found.sds[i] == pytest.approx(sd)
        # a bin is about a hundredth of an SD; beyond the sample two lines through its ends may part a little
        lower, upper = law.limits(alpha)
        assert abs(found.lower[i] - lower) < allowed * sd
        assert abs(found.upper[i] - upper) < allowed * sd


def test_a_quantity_that_does_not_vary_is_its_own_interval():
    found = summarize(np.full((1, 8192), 3.0), WEIGHTS, 0.05)
    assert found.lower[0] == pytest.approx(3.0, abs=1e-2)
    assert found.sds[0] == pytest.approx(0.0, abs=1e-9)


def test_units_so_small_that_their_squares_vanish_change_no_law():
    values = np.random.default_rng(1).normal(size=2_000)
    weights = np.full(2_000, 1.0 / 2_000)
    wide, narrow = (law_of(scale * values, weights).limits(1e-5) for scale in (1.0, 1e-200))
    assert_allclose(np.array(narrow) * 1e200, wide, rtol=1e-12)
