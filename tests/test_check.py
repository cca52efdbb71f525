"""Observed against simulated proportions: the patterns, the intervals, and that a wrong model is caught."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from datasets import cbpp, contraception, expanded, vegetables
from glmm_binomial import fit_formula
from glmm_binomial.answers.check import Check, _bins, check
from glmm_binomial.answers.overdispersion import DispersionCheck
from glmm_binomial.answers.plots.check import pattern_labels
from glmm_binomial.answers.residual_tests import ResidualTest
from glmm_binomial.answers.rows import finished
from glmm_binomial.answers.simulate import simulate
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.observations import InvalidInputError

OBSERVED = [0.4242, 0.8659, 0.2821, 0.5071]
"""The article's table of observed proportions: control and treat of females, then of males."""


def vegetables_model(*, interaction=True, method="vb", **options):
    arguments = vegetables().arguments
    arguments["x"] = arguments["x"] if interaction else [row[:2] for row in arguments["x"]]
    return fit_model(**arguments, method=method, **options)


def normal_design(rows, groups=20):
    """y, x (rows distinct values) and groups of a data set without any effect."""
    generator = np.random.default_rng(4)
    x = np.repeat(generator.normal(size=rows), 4)
    return (generator.random(len(x)) < 0.4).astype(float), x, np.arange(len(x)) % groups


# the article ---------------------------------------------------------------------------------------------------------


@pytest.mark.mass
@pytest.mark.parametrize("method", ["vb", "ml", "mean-field"])
@pytest.mark.parametrize("seed", [None, 2, 3, 4, 5])
def test_the_right_model_passes_all_four_patterns_and_the_wrong_one_fails_all_four(method, seed):
    right = check(vegetables_model(method=method), seed=seed)
    wrong = check(vegetables_model(interaction=False, method=method), seed=seed)
    for found in (right, wrong):
        # as printed in the article, four digits
        assert_array_equal(found.observed.round(4), OBSERVED)
    assert right.inside.tolist() == [True] * 4
    assert wrong.inside.tolist() == [False] * 4


def test_patterns_are_sorted_with_the_first_column_varying_fastest():
    found = check(vegetables_model())
    assert found.names == ("x1", "x2", "x3")
    assert found.patterns == ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0, 1.0))
    assert found.observations.tolist() == [924, 910, 826, 840]


@pytest.mark.mass
def test_the_order_of_the_rows_does_not_matter_to_what_was_observed():
    shuffled = np.random.default_rng(0).permutation(3500)
    arguments = {name: [rows[i] for i in shuffled] for name, rows in vegetables().arguments.items()}
    found, expected = check(fit_model(**arguments)), check(vegetables_model())
    assert found.patterns == expected.patterns
    assert_array_equal(found.observed, expected.observed)
    # other random numbers for the same rows: means over 200 simulations, of SD below .02 each
    assert_allclose(found.simulated_mean, expected.simulated_mean, atol=4 * np.sqrt(2) * 0.02 / np.sqrt(200))


def test_a_check_of_its_own_simulations_can_be_done_by_hand():
    model = vegetables_model(alpha=0.1)
    found = check(model, n_sim=40, seed=9)
    x, responses = model.observations.x, simulate(model, n_sim=40, seed=9).responses
    for position, pattern in enumerate(found.patterns):
        proportions = responses[(x == pattern).all(axis=1)].mean(axis=0)
        # a sum of 0 and 1 over its count, once divided and once averaged
        assert_allclose(found.simulated[:, position], proportions, rtol=1e-14)
        limits = np.quantile(proportions, [0.05, 0.95])
        assert_allclose([found.ci_lower[position], found.ci_upper[position]], limits, rtol=1e-14)
        assert_allclose(found.simulated_mean[position], proportions.mean(), rtol=1e-14)
    assert_array_equal(found.inside, (found.ci_lower <= found.observed) & (found.observed <= found.ci_upper))


@pytest.mark.mass
@pytest.mark.simulation
def test_data_from_the_model_pass_as_often_as_the_level_says_or_more():
    model = vegetables_model(method="ml")
    arguments = vegetables().arguments
    inside = [
        check(fit_model(**{**arguments, "y": [[y] for y in responses]}, method="ml"), n_sim=100).inside
        for responses in simulate(model, n_sim=30, seed=11).responses.T
    ]
    # the proportions were fitted, one coefficient each, so they hardly ever lie outside
    assert np.mean(inside) > 0.95


@pytest.mark.mass
def test_the_same_seed_gives_the_same_check_in_every_thread():
    model = vegetables_model()
    alone = check(model, n_sim=50)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: check(model, n_sim=50), range(16)))
    for other in together:
        assert_array_equal(other.simulated, alone.simulated)
        assert_array_equal(other.inside, alone.inside)


def counted(monkeypatch, simulated):
    """Check two rows of 7 trials each, both with 3 successes, against simulated successes of (S, 2)."""
    y, trials = np.tile([3, 3], 4), np.full(8, 7)
    model = fit_model(y, np.tile([0.0, 1.0], 4), np.repeat([1, 2, 3, 4], 2), trials=trials)
    rows = np.repeat(np.array(simulated)[:, None, :], 4, axis=1).reshape(len(simulated), 8)
    monkeypatch.setattr("glmm_binomial.answers.check.draw_responses", lambda _model, _options: iter(rows))
    found = check(model, n_sim=len(simulated))
    # 12 of 28 in each pattern
    assert_array_equal(found.observed, [12 / 28, 12 / 28])
    return found


@pytest.mark.parametrize(
    ("other", "lower", "upper"),
    [
        # the lower limit is what was observed, then the upper one, then both
        (4, 12 / 28, 16 / 28),
        (2, 8 / 28, 12 / 28),
        (3, 12 / 28, 12 / 28),
    ],
)
def test_what_is_exactly_a_limit_lies_inside(monkeypatch, other, lower, upper):
    found = counted(monkeypatch, [[3, 3], [other, other]] * 40)
    assert_array_equal(found.ci_lower, [lower] * 2)
    assert_array_equal(found.ci_upper, [upper] * 2)
    assert found.inside.tolist() == [True, True]


def test_what_is_one_success_beyond_a_limit_lies_outside(monkeypatch):
    found = counted(monkeypatch, [[4, 2]] * 80)
    assert_array_equal(found.ci_lower, [16 / 28, 8 / 28])
    assert_array_equal(found.ci_upper, [16 / 28, 8 / 28])
    assert found.inside.tolist() == [False, False]


# successes out of trials ---------------------------------------------------------------------------------------------


def test_successes_and_trials_give_the_proportions_of_the_expanded_rows():
    counts, rows = (check(fit_model(**data.arguments, method="ml")) for data in (cbpp(), expanded(cbpp())))
    assert counts.patterns == rows.patterns
    assert_array_equal(counts.observed, rows.observed)
    assert counts.observations.sum() == 56
    assert counts.trials is not None
    assert_array_equal(counts.trials, rows.observations)
    assert rows.trials is None
    # SDs of simulated proportions, below .08, over the root of 200
    assert_allclose(counts.simulated_mean, rows.simulated_mean, atol=4 * np.sqrt(2) * 0.08 / np.sqrt(200))


# bins ----------------------------------------------------------------------------------------------------------------


def test_thirty_distinct_rows_are_patterns_and_thirty_one_are_bins():
    y, x, groups = normal_design(30)
    assert len(check(fit_model(y, x, groups)).patterns) == 30
    y, x, groups = normal_design(31)
    found = check(fit_model(y, x, groups))
    assert found.names == ("bin",)
    assert len(found.patterns) == 10


def test_bins_hold_about_equal_numbers_of_rows_in_increasing_order():
    data = contraception()
    found = check(fit_model(**data.arguments, method="ml"))
    assert found.observations.sum() == 1934
    # rows that share a fitted probability stay together, so bins are not exactly equal
    assert abs(found.observations - 193.4).max() < 20
    limits = [tuple(map(float, label.split(" to "))) for (label,) in found.patterns]
    assert all(low <= high for low, high in limits)
    assert all(high <= low for (_, high), (low, _) in pairwise(limits))
    assert (np.diff(found.simulated_mean) > 0).all()


def test_a_curve_left_out_of_the_model_is_caught_by_its_bins():
    generator = np.random.default_rng(8)
    x = generator.uniform(-2.0, 2.0, size=2000)
    y = (generator.random(2000) < expit(1.5 * x**2 - 2.0)).astype(float)
    groups = np.arange(2000) % 50
    assert check(fit_model(y, np.column_stack([x, x**2]), groups)).inside.sum() >= 9
    assert check(fit_model(y, x, groups)).inside.sum() <= 3


def test_rows_of_one_fitted_probability_make_fewer_bins():
    y, x, groups = normal_design(80)
    x[:160] = 0.0
    found = check(fit_model(y, x, groups))
    assert found.observations.sum() == 320
    assert found.observations.max() >= 160
    assert (found.observations > 0).all()
    assert len(found.patterns) < 10


@pytest.mark.parametrize(
    ("fitted", "first"),
    [
        (np.arange(50) / 100.0, "0.000 to 0.040"),
        (0.4 + np.arange(50) / 10_000.0, "0.4000 to 0.4004"),
        (10.0 ** -np.arange(50.0), "1e-49 to 1e-45"),
        (1.0 - np.arange(50) * 2.0**-53, "0.999999999999995"),
    ],
)
def test_labels_of_narrow_bins_get_the_digits_that_tell_them_apart(fitted, first):
    bins = _bins(fitted)
    labels = [label for (label,) in bins.patterns]
    assert labels[0].startswith(first)
    assert len(set(labels)) == len(labels) == 10
    assert np.bincount(bins.index).tolist() == [5] * 10


# options and table ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "n_sim", "message"),
    [
        (0.05, 39, "n_sim must be at least 40 for intervals of 95 %, so that each tail holds a simulation. It is 39."),
        (
            0.001,
            None,
            "n_sim must be at least 2000 for intervals of 99.9 %, so that each tail holds a simulation. It is 200.",
        ),
        (
            1e-6,
            None,
            "alpha must be at least 0.0002 for simulated intervals. It is 1e-06, and at most 10,000",
        ),
        (0.05, "many", "n_sim must be a whole number from 1 to 10000. It is the text 'many'."),
    ],
)
def test_intervals_that_the_simulations_cannot_give_are_refused(alpha, n_sim, message):
    with pytest.raises(InvalidInputError) as refused:
        check(vegetables_model(alpha=alpha), n_sim=n_sim)
    assert str(refused.value).startswith(f"Invalid input: {message}")


@pytest.mark.mass
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.01])
def test_as_many_simulations_as_the_level_needs_are_enough(alpha):
    assert len(check(vegetables_model(alpha=alpha), n_sim=round(2 / alpha)).simulated) == round(2 / alpha)


def hand_built(**changes):
    values = {
        "names": ("treat", "male"),
        "patterns": ((0.0, 1.0), (1.0, 1.0)),
        "observations": np.array([8, 4]),
        "trials": None,
        "observed": np.array([0.5, 0.25]),
        "simulated": np.array([[0.5, 0.75], [0.375, 0.5]]),
        "simulated_mean": np.array([0.4375, 0.625]),
        "ci_lower": np.array([0.375, 0.5]),
        "ci_upper": np.array([0.5, 0.75]),
        "inside": np.array([True, False]),
        "dispersion": None,
        "quartiles": np.array([-2.0, -0.5, 0.25, 0.75, 3.0]),
        "tests": (),
        "alpha": 0.05,
        "seed": 1,
        "untested": "",
    }
    assert set(values) == {field.name for field in fields(Check)}
    return Check(**{**values, **changes})


def test_the_table_shows_the_pattern_and_what_was_found():
    rows = finished(hand_built().rows())
    assert rows == [
        ["treat", "male", "observations", "observed", "simulated_mean", "ci_lower", "ci_upper", "inside"],
        [0.0, 1.0, 8.0, 0.5, 0.4375, 0.375, 0.5, True],
        [1.0, 1.0, 4.0, 0.25, 0.625, 0.5, 0.75, False],
        ["pearson_residuals", "minimum", "quartile_1", "median", "quartile_3", "maximum", None, None],
        [None, -2.0, -0.5, 0.25, 0.75, 3.0, None, None],
    ]
    assert {type(cell) for row in rows[1:3] for cell in row} == {float, bool}


def test_tests_of_residuals_stand_below_everything_else():
    tests = (
        ResidualTest("uniformity", 0.05, 0.04, 0.3, 200),
        ResidualTest("products", 3.5, 1.2, 0.005, 200, note="a times b"),
    )
    *before, header, first, second = finished(hand_built(tests=tests).rows())
    assert before == finished(hand_built().rows())
    assert header[:6] == ["residual_tests", "statistic", "simulated_mean", "p_value", "simulations", "note"]
    assert first == ["uniformity", 0.05, 0.04, 0.3, 200.0, None, None, None]
    assert second == ["products", 3.5, 1.2, 0.005, 200.0, "a times b", None, None]


def test_the_table_shows_trials_when_y_holds_successes():
    header, first, *_ = finished(hand_built(trials=np.array([80, 40])).rows())
    assert header[2:4] == ["observations", "trials"]
    assert first[2:4] == [8.0, 80.0]


DISPERSION = DispersionCheck(observed=3.5, simulated_mean=1.0, ci_lower=0.7, ci_upper=1.4, inside=False)


def test_the_dispersion_of_counts_has_a_row_of_its_own():
    _, _, _, row, *_ = finished(hand_built(trials=np.array([80, 40]), dispersion=DISPERSION).rows())
    assert row == ["chi-square / df", None, 12.0, 120.0, 3.5, 1.0, 0.7, 1.4, False]


def test_without_predictors_the_dispersion_has_a_column_for_its_name():
    rows = finished(
        hand_built(
            names=(),
            patterns=((),),
            **{name: np.array([8.0]) for name in ("observations", "trials", "observed", "simulated_mean")},
            **{name: np.array([1.0]) for name in ("ci_lower", "ci_upper", "inside")},
            dispersion=DISPERSION,
        ).rows()
    )
    assert [row[0] for row in rows][:3] == ["pattern", "all rows", "chi-square / df"]


def test_the_table_shows_bins_by_their_range():
    rows = finished((hand_built(names=("bin",), patterns=(("0.100 to 0.200",), ("0.200 to 0.300",)))).rows())
    assert [row[0] for row in rows][:3] == ["bin", "0.100 to 0.200", "0.200 to 0.300"]


def test_a_model_without_predictors_has_one_pattern():
    rows = [["y", "id"], *([float(row * row % 7 < 3), row // 8] for row in range(64))]
    found = check(fit_formula(rows, "y ~ 1 + (1 | id)"), n_sim=60)
    header, row, *_ = finished(found.rows())
    assert header[:2] == ["observations", "observed"]
    assert row[0] == 64.0
    assert pattern_labels(found) == ("all rows",)
