"""The compiled loops against numpy's: the same numbers, whatever the data."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from numpy.testing import assert_allclose

from glmm_binomial.estimation import conditional_modes, integrals, many_points
from glmm_binomial.estimation.conditional_modes import ConditionalModes, find_modes, mode_response
from glmm_binomial.estimation.integrals import integrate
from glmm_binomial.estimation.many_points import Centre, log_integrals, make_part, slopes_at
from glmm_binomial.estimation.marginal import choose_nodes, rough_nodes
from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.design import build_design
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.observations import observe

pytest.importorskip("numba")

ROUNDING = 1e-10
"""Sums of some thousand terms of one sign, in another order."""


def plain(monkeypatch):
    for module in (conditional_modes, integrals, many_points):
        monkeypatch.setattr(module, "compiled_loops", lambda: None)


def rows_of(seed, *, slopes=0, trials=1, groups=12, largest=9, steep=1.0, binary_slope=False, rare=0.0):
    """Groups of different sizes, a column that does not vary within groups among x."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), generator.integers(1, largest, groups))
    x = np.column_stack([generator.normal(size=len(group)), (group % 3).astype(float)])
    z = steep * generator.normal(size=(len(group), slopes))
    if binary_slope:
        z = (z > 0.0).astype(float)
    eta = -0.4 - rare + x @ [0.7, -0.5] + generator.normal(size=groups)[group]
    count = generator.integers(1, trials + 1, len(group)) if trials > 1 else np.ones(len(group), dtype=int)
    y = generator.binomial(count, 1.0 / (1.0 + np.exp(-eta)))
    given = {"trials": count.astype(float)} if trials > 1 else {}
    return build_design(observe(y.astype(float), x, group, x_random=z if slopes else None, **given)).rows


CASES = {
    "random intercepts": {},
    "random slopes": {"slopes": 1},
    "slopes of a column of 0 and 1": {"slopes": 1, "binary_slope": True},
    "counts": {"trials": 30},
    "counts beyond those that are multiplied": {"trials": 500},
    "enormous counts": {"trials": 10**7, "groups": 5},
    "counts with slopes": {"trials": 9, "slopes": 1},
    "slopes so steep that growth overflows": {"slopes": 1, "steep": 400.0, "largest": 4},
    "large groups, whose products must be taken apart": {"largest": 2_000, "groups": 4},
    "rare outcomes": {"rare": 3.0, "largest": 60},
}

MORE_CASES = CASES | {
    "more rows with slopes than there is room for": {"slopes": 1, "largest": 700, "groups": 3},
    "three effects, by a rule": {"slopes": 2},
}


def point_of(rows, sd, *, correlated):
    effects = rows.random.shape[1]
    log_sds = np.log(np.linspace(sd, 0.5 * sd, effects))
    return Parameters(
        coefficients=np.array([-0.3, 0.6, -0.4]),
        effects=CorrelatedEffects(log_sds=log_sds, partials=np.full(effects * (effects - 1) // 2, -0.8))
        if correlated
        else IndependentEffects(log_sds=log_sds),
    )


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("sd", [0.05, 1.0, 6.0])
@pytest.mark.parametrize("case", MORE_CASES)
def test_compiled_integrals_are_those_of_numpy(case, sd, correlated, monkeypatch):
    rows = rows_of(3, **MORE_CASES[case])
    effects, point = rows.random.shape[1], point_of(rows, sd, correlated=correlated)
    found = find_modes(rows, point, np.zeros((rows.grouping.count, effects)))
    # as good a point as the mode, and one that is not
    near = ConditionalModes(modes=found.modes + 0.05, scales=found.scales)
    for about, nodes in ((found, choose_nodes(rows, point, found)), (near, rough_nodes(rows, point, near))):
        multiplicity = 1.0 + np.arange(rows.grouping.count) % 3
        compiled = integrate(rows, point, about, nodes, multiplicity=multiplicity, scored=True)
        with monkeypatch.context() as without:
            plain(without)
            expected = integrate(rows, point, about, nodes, multiplicity=multiplicity, scored=True)
        scale = np.abs(expected.information).max()
        assert_allclose(compiled.ends, np.maximum(expected.ends, np.log(1e-300)), rtol=1e-7, atol=1e-7)
        assert_allclose(compiled.values, expected.values, rtol=ROUNDING, atol=ROUNDING)
        assert_allclose(compiled.scores, expected.scores, rtol=0, atol=ROUNDING * np.abs(expected.scores).max())
        assert_allclose(compiled.information, expected.information, rtol=0, atol=ROUNDING * scale)
        assert_allclose(compiled.second_moments, expected.second_moments, rtol=ROUNDING)
        assert_allclose(compiled.imbalance, expected.imbalance, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("case", CASES)
def test_compiled_modes_are_those_of_numpy(case, monkeypatch):
    rows = rows_of(4, **CASES[case])
    effects = rows.random.shape[1]
    point = Parameters(
        coefficients=np.array([-0.3, 0.6, -0.4]), effects=IndependentEffects(log_sds=np.linspace(0.8, 0.2, effects))
    )
    start = np.full((rows.grouping.count, effects), 3.0)
    compiled = find_modes(rows, point, start)
    plain(monkeypatch)
    expected = find_modes(rows, point, start)
    spread = np.abs(np.diagonal(expected.scales, axis1=1, axis2=2))
    assert_allclose(compiled.modes / spread, expected.modes / spread, rtol=0, atol=1e-7)
    assert_allclose(compiled.scales, expected.scales, rtol=0, atol=1e-7 * spread.max())


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("sd", [0.05, 1.0, 6.0])
@pytest.mark.parametrize("case", MORE_CASES)
def test_compiled_integrals_at_many_points_are_those_of_numpy(case, sd, correlated, monkeypatch):
    # numpy steps until all groups are near their modes, so that only modes found by either are the same centre
    monkeypatch.setattr(many_points, "NEAR_MODE", 1e-9)
    rows = rows_of(5, **MORE_CASES[case])
    at = point_of(rows, sd, correlated=correlated)
    found = find_modes(rows, at, np.zeros((rows.grouping.count, rows.random.shape[1])))
    centre = Centre(at, found.modes, mode_response(rows, at, found).derivatives)
    points = at.vector + 0.3 * np.random.default_rng(6).normal(size=(5, len(at.vector)))
    part = make_part(rows, np.arange(rows.grouping.count), 5)
    multiplicity = 1.0 + np.arange(rows.grouping.count) % 3
    compiled, sloped = log_integrals(part, points, centre), slopes_at(part, points, centre, multiplicity)
    plain(monkeypatch)
    expected, expected_slopes = log_integrals(part, points, centre), slopes_at(part, points, centre, multiplicity)
    assert_allclose(compiled, expected, rtol=ROUNDING, atol=ROUNDING)
    assert_allclose(sloped.values, expected_slopes.values, rtol=ROUNDING)
    scale = np.abs(expected_slopes.gradients).max()
    assert_allclose(sloped.gradients, expected_slopes.gradients, rtol=0, atol=1e-8 * scale)


def test_exponentials_by_arithmetic_are_right_to_the_last_digit_but_one():
    exponential = importlib.import_module("glmm_binomial.estimation.compiling").exponential
    x = np.concatenate([np.linspace(-700.0, 700.0, 10_001), np.linspace(-1e-3, 1e-3, 101)])
    assert_allclose([exponential(value) for value in x], np.exp(x), rtol=4e-16)
