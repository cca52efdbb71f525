"""Gauss-Hermite rules and the expected softplus, against hand-derived values, a brute-force sum and differences."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from glmm_binomial.model.quadrature import hermite_rule, softplus_moments

MEANS = np.array([0.0, 0.3, 1.0, 4.0, 12.0, 30.0, -2.0, -30.0])
SDS = (0.01, 0.25, 0.5, 0.7, 1.0, 1.3, 2.0, 2.9, 4.0, 5.5)


def by_brute_force(mean, sd):
    """Value and derivatives, in the order of SoftplusMoments' fields, by a trapezoid rule of 20,001 nodes."""
    z = np.linspace(-14.0, 14.0, 20_001)
    weights = np.exp(-0.5 * z**2)
    weights /= weights.sum()
    eta = mean + sd * z
    p = expit(eta)
    pq = p * expit(-eta)
    return (
        weights @ np.logaddexp(0.0, eta),
        weights @ p,
        weights @ pq / 2,
        weights @ pq,
        weights @ (pq * (1 - 2 * p)) / 2,
        weights @ (pq * (1 - 6 * pq)) / 4,
    )


def test_a_rule_of_two_nodes_is_plus_and_minus_one_at_equal_weight():
    rule = hermite_rule(2)
    assert_allclose(rule.nodes, [-1.0, 1.0], rtol=1e-15)
    assert_allclose(rule.weights, [0.5, 0.5], rtol=1e-15)


@pytest.mark.parametrize("nodes", [8, 16, 64, 256, 1024])
def test_a_rule_gives_the_moments_of_the_standard_normal(nodes):
    rule = hermite_rule(nodes)
    moments = [rule.weights @ rule.nodes**power for power in (0, 1, 2, 3, 4, 6)]
    # nodes of a weight below 1e-18 are left out, and the weights themselves carry a few units in the last place
    assert_allclose(moments, [1.0, 0.0, 1.0, 0.0, 3.0, 15.0], rtol=1e-12, atol=1e-12)


def test_a_rule_cannot_be_written_into_since_threads_share_it():
    with pytest.raises(ValueError, match="read-only"):
        hermite_rule(8).nodes[0] = 0.0


def test_without_variance_the_expected_softplus_is_the_softplus():
    found = softplus_moments(np.array([0.0, np.log(3.0)]), np.zeros(2))
    # p = 1/2 and p = 3/4, so pq = 1/4 and 3/16
    assert_allclose(found.value, [np.log(2.0), np.log(4.0)], rtol=1e-15)
    assert_allclose(found.mean, [1 / 2, 3 / 4], rtol=1e-15)
    assert_allclose(found.variance, [1 / 8, 3 / 32], rtol=1e-15)
    assert_allclose(found.mean_mean, [1 / 4, 3 / 16], rtol=1e-15)
    assert_allclose(found.mean_variance, [0.0, (3 / 16) * (-1 / 2) / 2], rtol=1e-15, atol=1e-16)
    assert_allclose(found.variance_variance, [(1 / 4) * (-1 / 2) / 4, (3 / 16) * (-1 / 8) / 4], rtol=1e-14)


@pytest.mark.parametrize("sd", SDS)
def test_value_and_derivatives_agree_with_a_trapezoid_rule(sd):
    found = softplus_moments(MEANS, np.full(len(MEANS), sd**2))
    expected = np.transpose([by_brute_force(mean, sd) for mean in MEANS])
    # the table of nodes promises 1e-8 for the value and its first derivatives
    assert_allclose(astuple(found), expected, rtol=0, atol=1e-8)


def test_rows_of_very_different_widths_do_not_disturb_each_other():
    sds = np.tile(SDS, 3)
    together = softplus_moments(np.full(len(sds), 1.5), sds**2)
    expected = np.transpose([by_brute_force(1.5, sd) for sd in sds])
    assert_allclose(astuple(together), expected, rtol=0, atol=1e-8)


def test_more_rows_than_a_block_give_what_each_row_gives_alone():
    rng = np.random.default_rng(20)
    mean, variance = rng.normal(size=30_000), rng.uniform(0, 9, size=30_000)
    together = np.array(astuple(softplus_moments(mean, variance)))
    some = rng.choice(30_000, size=50, replace=False)
    expected = np.transpose([by_brute_force(mean[i], np.sqrt(variance[i])) for i in some])
    assert_allclose(together[:, some], expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("sd", [0.3, 1.0, 3.0])
def test_each_derivative_is_the_central_difference_of_what_it_derives(sd):
    mean, variance, step = np.array([-1.3, 0.0, 0.4, 2.5]), np.full(4, sd**2), 1e-4 * sd**2
    found = softplus_moments(mean, variance)

    def difference(field, *, by_mean=0.0, by_variance=0.0):
        ahead = softplus_moments(mean + by_mean, variance + by_variance)
        behind = softplus_moments(mean - by_mean, variance - by_variance)
        return (getattr(ahead, field) - getattr(behind, field)) / (2 * (by_mean + by_variance))

    # a difference of values good to 1e-13 over a step of 1e-5 or more
    close = {"rtol": 1e-6, "atol": 2e-8}
    assert_allclose(found.mean, difference("value", by_mean=step), **close)
    assert_allclose(found.variance, difference("value", by_variance=step), **close)
    assert_allclose(found.mean_mean, difference("mean", by_mean=step), **close)
    assert_allclose(found.mean_variance, difference("mean", by_variance=step), **close)
    assert_allclose(found.mean_variance, difference("variance", by_mean=step), **close)
    assert_allclose(found.variance_variance, difference("variance", by_variance=step), **close)


def test_exchanging_successes_and_failures_reflects_the_expected_softplus():
    mean, variance = np.linspace(0.0, 20.0, 9), np.linspace(0.0, 8.0, 9)
    there, back = softplus_moments(mean, variance), softplus_moments(-mean, variance)
    # log(1 + e^-eta) = log(1 + e^eta) - eta; rules are symmetric, so only rounding of values up to 20 is left
    assert_allclose(back.value, there.value - mean, rtol=0, atol=1e-13)
    assert_allclose(back.mean, 1 - there.mean, rtol=0, atol=1e-14)
    assert_allclose(back.mean_mean, there.mean_mean, rtol=1e-12)
    assert_allclose(back.mean_variance, -there.mean_variance, rtol=0, atol=1e-15)


def test_linear_predictors_beyond_the_range_of_exp_neither_overflow_nor_lose_the_value():
    found = softplus_moments(np.array([800.0, -800.0, 1e6, -1e6]), np.full(4, 4.0))
    assert_allclose(found.value, [800.0, 0.0, 1e6, 0.0], rtol=1e-15)
    assert_allclose(found.mean, [1.0, 0.0, 1.0, 0.0], atol=1e-15)
    assert np.isfinite(astuple(found)).all()


def test_no_row_gives_no_moments():
    assert all(len(field) == 0 for field in astuple(softplus_moments(np.empty(0), np.empty(0))))
