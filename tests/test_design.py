"""Standardisation, merging and the way back, by hand and by what they must leave unchanged."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import datasets
from glmm_binomial.model.design import _order, build_design
from glmm_binomial.observations import observe


def design_of(y, x, groups, **options):
    return build_design(observe(np.asarray(y), np.asarray(x, dtype=float), np.asarray(groups), **options))


Y = [0, 1, 1, 0, 1, 0, 1, 1]
GROUPS = list("aabbaabb")
MANY = [1.0, 2.0, 3.0, 6.0, 2.0, 1.0, 7.0, 2.0]  # mean 3, squared deviations 4 1 0 9 1 4 16 1, variance 36 / 8
TWO = [3.0, 3.0, 5.0, 3.0, 5.0, 5.0, 3.0, 5.0]  # mean 4, distance 2


def rows_of(design, *columns):
    """Return the given columns as a set of rows, each as often as its trials."""
    table = np.column_stack(columns)
    return sorted(
        tuple(row) for row, n in zip(table.round(12).tolist(), design.rows.trials, strict=True) for _ in range(int(n))
    )


def test_with_an_intercept_columns_are_centred_and_divided_by_sd_or_distance():
    design = design_of(Y, np.column_stack([MANY, TWO]), GROUPS)
    by_hand = [((a - 3.0) / math.sqrt(36 / 8), (b - 4.0) / 2.0) for a, b in zip(MANY, TWO, strict=True)]
    assert rows_of(design, design.rows.fixed) == sorted((1.0, round(a, 12), round(b, 12)) for a, b in by_hand)


def test_without_intercept_columns_are_divided_by_their_root_mean_square_and_not_centred():
    design = design_of(Y, np.column_stack([MANY, TWO]), GROUPS, fit_intercept=False)
    # sums of squares: 108 and 4 * 9 + 4 * 25 = 136
    by_hand = [(a / math.sqrt(108 / 8), b / math.sqrt(136 / 8)) for a, b in zip(MANY, TWO, strict=True)]
    assert rows_of(design, design.rows.fixed) == sorted((round(a, 12), round(b, 12)) for a, b in by_hand)
    assert design.scale.fixed_names == ("x1", "x2")
    assert not design.scale.intercept


def test_random_slopes_are_divided_by_their_root_mean_square_and_never_centred():
    design = design_of(Y, np.column_stack([TWO]), GROUPS, x_random=np.array(MANY))
    assert rows_of(design, design.rows.random) == sorted((1.0, round(a / math.sqrt(108 / 8), 12)) for a in MANY)
    assert_allclose((1.0 / np.diag(design.scale.random_back_transform)), [1.0, math.sqrt(108 / 8)], rtol=1e-15)
    assert design.scale.random_names == ("intercept", "random_x1")


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_way_back_leaves_the_linear_predictor_as_it_is(fit_intercept):
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.normal(50.0, 9.0, size=40), rng.integers(0, 2, size=40), rng.normal(size=40) * 1e-6])
    design = design_of(rng.integers(0, 2, size=40), x, np.arange(40) % 5, fit_intercept=fit_intercept)
    coefficients = rng.normal(size=design.rows.fixed.shape[1])
    original = design.scale.back_transform @ coefficients
    X = np.column_stack([np.ones(40), x]) if fit_intercept else x
    # the intercept takes up 50 / 9 SDs and 1e-6 units, so a few units in the last place of numbers near 10
    assert_allclose(np.sort(X @ original), np.sort(design.rows.fixed @ coefficients), rtol=0, atol=1e-13)


def test_rows_that_are_all_distinct_are_sorted_by_group_alone():
    x, group = np.random.default_rng(5).normal(size=(9, 2)), np.array([2, 0, 1, 0, 2, 1, 1, 0, 2])
    assert _order(x, group).tolist() == [1, 3, 7, 2, 5, 6, 0, 4, 8]
    # groups that are alike must show it: their rows stand in one order
    assert _order(np.vstack([x[:3], x[2::-1]]), np.repeat([0, 1], 3)).tolist() == [
        *np.lexsort(x[:3].T).tolist(),
        *(5 - np.lexsort(x[:3].T)).tolist(),
    ]
    assert _order(np.array([[0.0], [-0.0]]), np.zeros(2, dtype=np.intp)).tolist() == [0, 1]


def test_the_way_back_is_written_by_hand():
    design = design_of(Y, np.column_stack([MANY, TWO]), GROUPS)
    sd = math.sqrt(36 / 8)
    assert_allclose(design.scale.back_transform, [[1, -3 / sd, -4 / 2], [0, 1 / sd, 0], [0, 0, 1 / 2]], rtol=1e-15)


def test_units_and_origin_of_a_column_do_not_change_what_is_fitted():
    rng = np.random.default_rng(6)
    x, y, groups = rng.normal(size=(30, 2)), rng.integers(0, 2, size=30), np.arange(30) % 4
    here, there = design_of(y, x, groups), design_of(y, 1000.0 * x + [5.0, -70.0], groups)
    # the shift of 70,000 SDs / 1,000 costs three digits
    assert_allclose(there.rows.fixed, here.rows.fixed, rtol=0, atol=1e-12)


def test_equal_rows_merge_into_successes_and_trials():
    design = design_of([0, 1, 1, 1, 0, 1], [[1], [2], [1], [1], [2], [1]], list("aaaabb"))
    assert_array_equal(design.rows.grouping.index, [0, 0, 1, 1])
    assert_array_equal(design.rows.grouping.starts, [0, 2])
    assert_array_equal(design.rows.successes, [2, 1, 1, 0])
    assert_array_equal(design.rows.trials, [3, 1, 1, 1])
    assert design.rows.grouping.count == 2


def test_rows_that_differ_in_x_random_alone_do_not_merge():
    same = {"x": [[1], [1], [2], [2]], "groups": list("aabb")}
    assert len(design_of([0, 1, 0, 1], **same).rows.trials) == 2
    assert len(design_of([0, 1, 0, 1], **same, x_random=np.array([1.0, 2.0, 3.0, 3.0])).rows.trials) == 3


def test_minus_zero_and_zero_are_the_same_value():
    assert len(design_of([0, 1, 0, 1], [[0.0], [-0.0], [1], [1]], list("aabb")).rows.trials) == 2


def test_values_that_differ_in_the_last_digit_do_not_merge():
    assert len(design_of([0, 1, 0, 1], [[1.0], [1.0 + 2**-52], [3], [3]], list("aabb")).rows.trials) == 3


def test_3_500_rows_of_the_vegetables_data_become_250():
    design = build_design(observe(**datasets.vegetables().arguments))
    assert len(design.rows.trials) == 250
    assert set(design.rows.trials) == {14.0}
    assert design.rows.successes.sum() == sum(y for (y,) in datasets.vegetables().y)


def test_merging_keeps_every_success_and_trial_of_every_group():
    data = datasets.contraception()
    observations = observe(**data.arguments)
    design = build_design(observations)
    for merged, given in ((design.rows.successes, observations.successes), (design.rows.trials, observations.trials)):
        by_group = np.bincount(observations.group_index, weights=given)
        assert_array_equal(np.add.reduceat(merged, design.rows.grouping.starts), by_group)
    assert (np.diff(design.rows.grouping.index) >= 0).all()


def test_trials_give_the_design_of_the_expanded_rows():
    counts, rows = datasets.cbpp(), datasets.expanded(datasets.cbpp())
    by_counts, by_rows = (build_design(observe(**data.arguments)) for data in (counts, rows))
    assert_array_equal(by_counts.rows.successes, by_rows.rows.successes)
    assert_array_equal(by_counts.rows.trials, by_rows.rows.trials)
    assert_array_equal(by_counts.rows.grouping.index, by_rows.rows.grouping.index)
    assert_allclose(by_counts.rows.fixed, by_rows.rows.fixed, rtol=1e-14)
    assert_allclose(by_counts.scale.back_transform, by_rows.scale.back_transform, rtol=1e-14)


def test_means_and_sds_are_over_trials_not_over_rows():
    design = design_of([1, 2, 0], [[0], [1], [5]], list("aab"), trials=np.array([6, 3, 1]))
    # mean (0 * 6 + 1 * 3 + 5 * 1) / 10 = .8, mean square (3 + 25) / 10 = 2.8, SD sqrt(2.8 - .64)
    assert_allclose(design.rows.fixed[:, 1], (np.array([0, 1, 5]) - 0.8) / math.sqrt(2.16), rtol=1e-15)


def test_the_binomial_constant_counts_only_when_trials_are_given():
    counts = design_of([1, 2, 0], [[0], [1], [5]], list("aab"), trials=np.array([6, 3, 1]))
    # (6 choose 1) (3 choose 2) (1 choose 0)
    assert counts.log_binomial == pytest.approx(math.log(6 * 3 * 1), rel=1e-14)
    assert design_of(Y, np.array(MANY)[:, None], GROUPS).log_binomial == 0.0


def test_the_binomial_constant_is_that_of_the_rows_as_given_not_as_merged():
    split = design_of([1, 1, 0, 2], [[0], [0], [1], [5]], list("aaab"), trials=np.array([2, 2, 3, 2]))
    assert len(split.rows.trials) == 3
    assert split.log_binomial == pytest.approx(math.log(2 * 2 * 1 * 1), rel=1e-14)


def test_the_order_of_the_rows_does_not_matter_but_for_the_order_of_the_groups():
    rng = np.random.default_rng(9)
    x, y, groups = rng.integers(0, 3, size=(50, 2)).astype(float), rng.integers(0, 2, size=50), np.arange(50) // 10
    order = np.r_[0, rng.permutation(np.arange(1, 50))]
    here, there = design_of(y, x, groups), design_of(y[order], x[order], groups[order])
    assert rows_of(here, here.rows.fixed, here.rows.successes / here.rows.trials) == rows_of(
        there, there.rows.fixed, there.rows.successes / there.rows.trials
    )


def test_relabelling_the_groups_changes_nothing():
    here = design_of(Y, np.array(MANY)[:, None], GROUPS)
    there = design_of(Y, np.array(MANY)[:, None], [{"a": 17, "b": -4}[label] for label in GROUPS])
    for field in ("successes", "trials", "fixed", "random"):
        assert_array_equal(getattr(here.rows, field), getattr(there.rows, field))
    assert_array_equal(here.rows.grouping.index, there.rows.grouping.index)
    assert_array_equal(here.rows.grouping.starts, there.rows.grouping.starts)
    assert_array_equal(here.scale.back_transform, there.scale.back_transform)


@pytest.mark.parametrize("factor", [1e-28, 1e28])
def test_extreme_units_neither_overflow_nor_vanish(factor):
    plain, extreme = (design_of(Y, np.array(MANY)[:, None] * unit, GROUPS) for unit in (1.0, factor))
    assert_allclose(extreme.rows.fixed, plain.rows.fixed, rtol=1e-13, atol=1e-15)
