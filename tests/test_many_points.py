"""Integrals over the groups' effects at many points at once, held against brute force and differences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from glmm_binomial.estimation.log_posterior import NODE_TOLERANCE, LogPosterior
from glmm_binomial.estimation.many_points import effect_moments, log_integrals, make_part
from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.distinct import distinct_groups
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.rows import Rows

GRID = np.linspace(-9.0, 9.0, 241)
"""Of u / sd, in a trapezoid rule."""


def draw_rows(seed, *, groups=12, size=5, effects=1, counts=False):
    """Simulate rows of three fixed columns, the last of few values."""
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(groups), size)
    fixed = np.column_stack([np.ones(len(index)), rng.normal(size=len(index)), index % 2])
    random = np.column_stack([np.ones(len(index)), rng.normal(size=len(index))])[:, :effects]
    trials = rng.integers(1, 9, len(index)).astype(float) if counts else np.ones(len(index))
    eta = fixed @ [-0.5, 0.8, 0.3] + (random * rng.normal(size=(groups, effects))[index]).sum(axis=1)
    successes = rng.binomial(trials.astype(int), 1.0 / (1.0 + np.exp(-eta))).astype(float)
    return Rows(
        successes=successes, trials=trials, fixed=fixed, random=random, grouping=Grouping.of_sorted(index), upper=None
    )


def brute_force(rows, point):
    """Log posterior at a point without its constants, by the trapezoid rule in every effect."""
    k, effects = rows.fixed.shape[1], rows.random.shape[1]
    b, log_sds, z = point[:k], point[k : k + effects], point[k + effects :]
    mesh = np.stack([axis.ravel() for axis in np.meshgrid(*[GRID] * effects, indexing="ij")])
    # of two correlated effects; LKJ(2) is sech(z)^4 for Fisher's z
    root = np.diag(np.exp(log_sds))
    if len(z):
        root[1] = np.exp(log_sds[1]) * np.array([np.tanh(z[0]), 1.0 / np.cosh(z[0])])
    total = -0.125 * b @ b - 0.5 * log_sds @ log_sds - 4.0 * np.log(np.cosh(z)).sum()
    for first, last in pairwise(rows.grouping.bounds):
        inside = slice(first, last)
        eta = (rows.fixed[inside] @ b)[:, None] + rows.random[inside] @ (root @ mesh)
        density = rows.successes[inside] @ eta - rows.trials[inside] @ np.logaddexp(0.0, eta)
        density -= 0.5 * (mesh**2).sum(axis=0)
        total += density.max() + np.log(np.exp(density - density.max()).sum())
    return total


def parameters_of(rows, point):
    k, effects = rows.fixed.shape[1], rows.random.shape[1]
    structure = IndependentEffects if len(point) == k + effects else CorrelatedEffects
    parts = (point[k:],) if structure is IndependentEffects else (point[k : k + effects], point[k + effects :])
    return Parameters(coefficients=point[:k], effects=structure(*parts))


def posterior_of(rows, point, nodes=None):
    posterior = LogPosterior(rows, parameters_of(rows, point), np.zeros((rows.grouping.count, rows.random.shape[1])))
    if nodes is not None:
        posterior.choose_nodes(point[None])
        posterior.parts = [make_part(posterior.rows, np.arange(posterior.rows.grouping.count), nodes)]
    posterior.curved(point, is_centre=True)
    return posterior


POINT = np.array([-0.4, 0.7, 0.2, 0.1, -0.3, 0.8])
"""Three coefficients, two log SDs, and Fisher's z of correlated effects."""


@pytest.mark.mass
@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize(("parameters", "nodes"), [(1, 40), (2, 27), (3, 27)])
def test_differences_of_log_posteriors_are_those_of_brute_force(parameters, nodes, counts):
    rows = draw_rows(1, effects=min(parameters, 2), counts=counts)
    centre = POINT[: 3 + parameters]
    posterior = posterior_of(rows, centre, nodes)
    far = centre + np.array([0.6, -0.5, 0.4, 0.8, -0.7, -1.1])[: 3 + parameters]
    near = centre - np.array([0.2, 0.1, -0.3, 0.4, 0.2, -0.3])[: 3 + parameters]
    values = posterior.values(np.array([centre, far, near]))
    wanted = np.array([brute_force(rows, point) for point in (centre, far, near)])
    assert_allclose(values - values[0], wanted - wanted[0], rtol=0, atol=2e-6)


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("parameters", [1, 2, 3])
def test_gradients_and_curvature_are_differences_of_the_values(parameters, counts):
    rows = draw_rows(2, effects=min(parameters, 2), counts=counts)
    point = POINT[: 3 + parameters]
    posterior = posterior_of(rows, point, 27)
    steps = 1e-4 * np.eye(len(point))
    slopes = (posterior.values(point + steps) - posterior.values(point - steps)) / 2e-4
    assert_allclose(posterior.slopes(point[None]).gradients[0], slopes, rtol=0, atol=1e-5)
    at = posterior.curved(point)
    assert_allclose(at.gradient, slopes, rtol=0, atol=1e-5)
    ahead, behind = posterior.slopes(point + steps).gradients, posterior.slopes(point - steps).gradients
    assert_allclose(at.information, (behind - ahead) / 2e-4, rtol=0, atol=1e-4)


def test_predictors_too_large_for_an_exponential_do_no_harm():
    rows = draw_rows(3)
    fixed = rows.fixed.copy()
    fixed[:, 1] *= 3000.0
    wide = rows.with_fixed(fixed)
    point = np.array([-0.4, 0.9, 0.2, 0.1])
    posterior = posterior_of(wide, point, 40)
    other = point + np.array([0.1, 0.05, 0.0, 0.2])
    difference = np.diff(posterior.values(np.array([point, other])))[0]
    assert difference == pytest.approx(brute_force(wide, other) - brute_force(wide, point), rel=1e-9)
    found = posterior.slopes(other[None])
    assert np.isfinite(found.gradients).all()
    assert found.values[0] == pytest.approx(posterior.values(other[None])[0], rel=1e-12)


def test_groups_that_are_equal_are_integrated_once_and_count_as_often_as_they_occur():
    rows = draw_rows(4, groups=3, size=4)
    often = np.array([0, 1, 0, 2, 0, 1])
    many = np.concatenate([np.arange(4) + 4 * group for group in often])
    repeated = Rows(
        successes=rows.successes[many],
        trials=rows.trials[many],
        fixed=rows.fixed[many],
        random=rows.random[many],
        grouping=Grouping.of_sizes(np.full(6, 4)),
        upper=None,
    )
    found = distinct_groups(repeated)
    assert found.kind.tolist() == often.tolist()
    assert found.multiplicity.tolist() == [3.0, 2.0, 1.0]
    # the same first row does not make the same group
    alike = rows.fixed.copy()
    alike[::4] = alike[0]
    other = distinct_groups(rows.with_fixed(alike))
    assert other.kind.tolist() == [0, 1, 2]
    assert distinct_groups(rows).rows is rows
    point = POINT[:4]
    posterior = posterior_of(repeated, point, 40)
    other = point + 0.3
    wanted = brute_force(repeated, other) - brute_force(repeated, point)
    assert np.diff(posterior.values(np.array([point, other])))[0] == pytest.approx(wanted, abs=1e-6)
    steps = 1e-4 * np.eye(4)
    slopes = (posterior.values(point + steps) - posterior.values(point - steps)) / 2e-4
    assert_allclose(posterior.curved(point).gradient, slopes, rtol=0, atol=1e-5)


def test_nodes_are_chosen_by_the_error_of_the_sum_over_all_groups():
    """Four rows in each of 600 groups that differ much make errors of one sign, which a bound on each does not see."""
    rng = np.random.default_rng(5)
    index = np.repeat(np.arange(600), 4)
    effects = 3.0 * rng.normal(size=600)[index]
    rows = Rows(
        successes=(rng.random(2400) < 1.0 / (1.0 + np.exp(-effects))).astype(float),
        trials=np.ones(2400),
        fixed=np.ones((2400, 1)),
        random=np.ones((2400, 1)),
        grouping=Grouping.of_sorted(index),
        upper=None,
    )
    point, sds = np.array([0.0, 1.1]), np.array([0.15, 0.08])
    posterior = posterior_of(rows, point)
    posterior.choose_nodes_within(point, sds)
    reach = np.array([0.0, 2 * sds[1]])
    ends = np.vstack([point, point + reach, point - reach])
    chosen = posterior.values(ends)
    exact = posterior_of(rows, point, 90).values(ends)
    error = np.abs((chosen - exact) - (chosen - exact)[0]).max()
    assert error < 1.5 * NODE_TOLERANCE
    assert posterior.quadrature_error <= NODE_TOLERANCE
    # few nodes, as a bound of some thousandths on each group would have it, are far off
    few = posterior_of(rows, point, 8).values(ends)
    assert np.abs((few - exact) - (few - exact)[0]).max() > 10 * NODE_TOLERANCE


@pytest.mark.parametrize("parameters", [1, 2, 3])
def test_moments_of_the_effects_are_those_of_brute_force(parameters):
    effects = min(parameters, 2)
    rows = draw_rows(6, groups=5, effects=effects)
    point = POINT[: 3 + parameters]
    posterior = posterior_of(rows, point, 27)
    other = point + 0.2
    units = np.stack([axis.ravel() for axis in np.meshgrid(*[GRID] * effects, indexing="ij")])
    mesh = parameters_of(rows, other).effects.root @ units
    for part in posterior.parts:
        found = effect_moments(part, other[None], posterior.centre)
        for i, group in enumerate(part.groups):
            inside = posterior.rows.grouping.index == group
            eta = (posterior.rows.fixed[inside] @ other[:3])[:, None] + posterior.rows.random[inside] @ mesh
            density = posterior.rows.successes[inside] @ eta - np.logaddexp(0.0, eta).sum(axis=0)
            weights = np.exp(density - density.max() - 0.5 * (units**2).sum(axis=0))
            weights /= weights.sum()
            mean = mesh @ weights
            off = mesh - mean[:, None]
            assert_allclose(found.means[0, i], mean, atol=1e-5)
            assert_allclose(found.covariances[0, i], (weights * off) @ off.T, atol=1e-5)
            assert_allclose(found.third[0, i], np.einsum("j,kj,lj,mj->klm", weights, off, off, off), atol=1e-4)


def test_one_node_is_laplaces_approximation():
    rows = draw_rows(7)
    point = POINT[:4]
    posterior = posterior_of(rows, point, 40)
    part = make_part(posterior.rows, np.arange(posterior.rows.grouping.count), 1)
    other = point + 0.1
    k, sd = 3, np.exp(other[3])
    values = log_integrals(part, other[None], posterior.centre)[:, 0]
    for group in range(posterior.rows.grouping.count):
        inside = posterior.rows.grouping.index == group
        offset, y = posterior.rows.fixed[inside] @ other[:k], posterior.rows.successes[inside]
        u = np.linspace(-6, 6, 200_001)
        density = y.sum() * u + y @ offset - np.logaddexp(0, offset[:, None] + u).sum(axis=0) - 0.5 * u**2 / sd**2
        at = int(density.argmax())
        p = 1.0 / (1.0 + np.exp(-(offset + u[at])))
        laplace = density[at] - 0.5 * np.log((p * (1 - p)).sum() + sd**-2.0) - np.log(sd)
        assert values[group] == pytest.approx(laplace, abs=1e-5)
