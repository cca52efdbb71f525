"""Outcomes from given numbers: those of SIMULATE, the law they follow, and what cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from datasets import cbpp, contraception
from glmm_binomial import generate, simulate
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.observations import InvalidInputError

X = [[0.0, 1.0], [1.0, 1.0], [0.5, 0.0], [2.0, 1.0]]
GROUPS = [["a"], ["a"], ["b"], ["b"]]


def estimates_of(model):
    scale = model.design.scale
    return [[b] for b in scale.back_transform @ model.fit.coefficients], [
        list(model.fit.sds * np.diag(scale.random_back_transform))
    ]


def test_the_estimates_of_a_model_draw_what_simulate_draws_of_it():
    data = cbpp().arguments
    model = fit_model(**data, method="ml")
    coefficients, std_devs = estimates_of(model)
    found = generate(data["x"], data["groups"], coefficients, std_devs, data["trials"], n_sim=50, seed=4)
    assert_array_equal(found.responses, simulate(model, n_sim=50, seed=4).responses)


def test_random_slopes_are_those_of_the_columns_of_x():
    data = contraception(urban_slope=True).arguments
    model = fit_model(**data, method="ml")
    coefficients, ((sd_intercept, sd_slope),) = estimates_of(model)
    # urban is the last of six columns
    std_devs = [[sd_intercept, 0.0, 0.0, 0.0, 0.0, 0.0, sd_slope]]
    found = generate(data["x"], data["groups"], coefficients, std_devs, n_sim=400).responses
    expected = simulate(model, n_sim=400, seed=2).responses
    index = model.observations.group_index
    totals = [np.array([np.bincount(index, weights=y) for y in responses.T]) for responses in (found, expected)]
    # means and SDs of the totals of 60 districts, four Monte-Carlo standard errors
    errors = totals[1].std(axis=0) / np.sqrt(400)
    assert (np.abs(totals[0].mean(axis=0) - totals[1].mean(axis=0)) < 4 * np.sqrt(2) * errors).all()
    ratio = totals[0].std(axis=0) / totals[1].std(axis=0)
    assert np.abs(np.log(ratio)).max() < 4 * np.sqrt(2) / np.sqrt(2 * 400)


def test_proportions_are_those_of_the_population_by_quadrature():
    x, groups = np.tile([[0.0], [1.0]], (500, 1)), np.repeat(np.arange(500), 2)[:, None]
    found = generate(x, groups, [[-1.0, 2.0]], 1.5, n_sim=40).responses
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    expected = [expit(eta + 1.5 * nodes) @ weights / weights.sum() for eta in (-1.0, 1.0)]
    for position in (0, 1):
        # 20,000 groups, four standard errors
        assert abs(found[position::2].mean() - expected[position]) < 4 * 0.5 / np.sqrt(20_000)
    both = (found[::2] * found[1::2]).mean()
    joint = (expit(-1.0 + 1.5 * nodes) * expit(1.0 + 1.5 * nodes)) @ weights / weights.sum()
    assert abs(both - joint) < 4 * 0.5 / np.sqrt(20_000)
    assert abs(joint - expected[0] * expected[1]) > 4 * 0.5 / np.sqrt(20_000)


def test_groups_differ_in_the_slopes_that_are_given_a_standard_deviation():
    # two rows of each group where x is 0 and two where it is 1
    x, groups = np.tile([[0.0], [0.0], [1.0], [1.0]], (500, 1)), np.repeat(np.arange(500), 4)[:, None]
    found = generate(x, groups, [[0.0, 0.0]], [[0.0, 2.0]], n_sim=40).responses
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    alike = expit(2.0 * nodes) ** 2 @ weights / weights.sum()
    for first, joint in ((0, 0.25), (2, alike)):
        both = (found[first::4] * found[first + 1 :: 4]).mean()
        # 20,000 groups, four standard errors
        assert abs(both - joint) < 4 * 0.5 / np.sqrt(20_000)
    assert alike > 0.25 + 8 * 0.5 / np.sqrt(20_000)


def test_headers_change_nothing():
    named = generate([["dose", "male"], *X], [["id"], *GROUPS], [[0.0, 1.0, 1.0]], 1.0, [["n"], *[[9.0]] * 4], seed=3)
    plain = generate(X, GROUPS, [[0.0], [1.0], [1.0]], [[1.0]], [[9.0]] * 4, seed=3)
    assert_array_equal(named.responses, plain.responses)
    assert_allclose(plain.responses % 1.0, 0.0)
    assert plain.rows()[0] == ["sim_1"]


def test_the_same_seed_gives_the_same_outcomes_and_more_simulations_append_columns():
    few, many = (generate(X, GROUPS, [[0.0, 1.0, 1.0]], 1.0, n_sim=n).responses for n in (3, 9))
    assert_array_equal(few, many[:, :3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coefficients": [[0.0, 1.0]]}, "coefficients must be a row or a column of 3 numbers, the intercept first"),
        ({"coefficients": [[0.0, 1.0], [1.0, 1.0]]}, "coefficients must be a row or a column of 3 numbers"),
        ({"coefficients": [[0.0], ["a"], [1.0]]}, "coefficients[1][0] must be numeric."),
        ({"coefficients": [[0.0], [1e200], [1e308]], "x": [[1e200, 1.0]] * 4}, "coefficients and std_devs must make"),
        ({"std_devs": [[1.0, 1.0]]}, "std_devs must be a row or a column of 1 or 3 numbers"),
        ({"std_devs": -0.5}, "std_devs must not be negative. The smallest is -0.5."),
        ({"std_devs": None}, "std_devs[0][0] must be numeric."),
        ({"groups": GROUPS[:3]}, "groups must have the same number of rows as x. It has 3, x has 4."),
        ({"groups": [[1.5], [1.0], [1.0], [2.0]]}, "groups[0][0] must be a whole number or text."),
        ({"trials": [[0.0], [1.0], [1.0], [1.0]]}, "trials[0][0] must be a whole number of at least 1."),
        ({"x": [["dose", "male"], *X], "groups": [[1.0]] * 5}, "groups must have a header row"),
        ({"n_sim": 0}, "n_sim must be a whole number from 1 to 10000. It is 0."),
    ],
)
def test_what_cannot_be_used_is_refused(changes, message):
    arguments = {"x": X, "groups": GROUPS, "coefficients": [[0.0, 1.0, 1.0]], "std_devs": 1.0}
    with pytest.raises(InvalidInputError) as refused:
        generate(**{**arguments, **changes})
    assert str(refused.value).startswith(f"Invalid input: {message}")
