"""Separation of the data, against a linear programme that decides the same question."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linprog
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from glmm_binomial.estimation.no_maximum import describe_separation
from glmm_binomial.estimation.separation import fit_logistic_start
from glmm_binomial.model.design import build_design
from glmm_binomial.model.rows import orthonormalize
from glmm_binomial.observations import InvalidInputError, observe

NO_MARGIN = 1e-7
"""The linear programmes are exact to 1e-9; where they find a margin on such data, it is 1e-3 or more."""


def observed(y, x, *, trials=None, fit_intercept=True, names=None):
    y, x = np.asarray(y, dtype=float).reshape(-1, 1).tolist(), np.asarray(x, dtype=float).tolist()
    groups = [[float(i % 4)] for i in range(len(x))]
    if names is not None:
        y, x, groups = [["ill"], *y], [list(names), *x], [["herd"], *groups]
    return observe(y, x, groups, trials=trials, fit_intercept=fit_intercept)


def start_from(design):
    return fit_logistic_start(design, orthonormalize(design.rows))


def start_of(y, x, **options):
    return start_from(build_design(observed(y, x, **options)))


def separation_of(y, x, **options):
    return start_of(y, x, **options).separation


def found_in(y, x, **options):
    """Return the columns, whether each suffices alone, and whether separation is complete."""
    found = separation_of(y, x, **options)
    return None if found is None else (found.columns, found.single, found.complete)


def sentence_about(y, x, **options):
    observations = observed(y, x, **options)
    design = build_design(observations)
    return describe_separation(start_from(design).separation, observations, design)


def kind(separation):
    if separation is None:
        return "overlap"
    return "complete" if separation.complete else "quasi-complete"


def by_linear_programme(y, trials, X):
    """Decide by the definition of Albert & Anderson (1984), as a linear programme over directions (Konis 2007).

    Complete: some direction d has x'd > 0 for every success and < 0 for every failure. Quasi-complete: the same with >=
    and <=, strictly in some row.
    """
    mixed = (y > 0) & (y < trials)
    signed = np.where(y == 0, -1.0, 1.0)[:, None] * X
    pure, width = signed[~mixed], X.shape[1]
    farthest = linprog(
        -pure.sum(axis=0),
        A_ub=-pure,
        b_ub=np.zeros(len(pure)),
        A_eq=X[mixed] if mixed.any() else None,
        b_eq=np.zeros(mixed.sum()) if mixed.any() else None,
        bounds=[(-1, 1)] * width,
    )
    if -farthest.fun < NO_MARGIN:
        return "overlap"
    if mixed.any():
        return "quasi-complete"
    widest = linprog(
        np.r_[np.zeros(width), -1.0],
        A_ub=np.column_stack([-pure, np.ones(len(pure))]),
        b_ub=np.zeros(len(pure)),
        bounds=[(-1, 1)] * width + [(0, 1)],
    )
    return "complete" if -widest.fun > NO_MARGIN else "quasi-complete"


def random_data(seed):
    """Small data of every kind: normal, binary and tied columns, 0/1 outcomes and counts, weak and strong effects."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(6, 30)), int(rng.integers(1, 4))
    x = [
        rng.normal(size=(rows, columns)),
        rng.integers(0, 2, size=(rows, columns)).astype(float),
        rng.integers(-2, 4, size=(rows, columns)).astype(float),
        np.column_stack([rng.integers(0, 2, size=rows), rng.normal(size=(rows, columns))]),
    ][rng.integers(4)]
    slopes = rng.normal(size=x.shape[1]) * rng.choice([0.5, 2.0, 10.0])
    trials = np.full(rows, rng.choice([1, 1, 3]))
    y = rng.binomial(trials, 1 / (1 + np.exp(-x @ slopes - rng.choice([0.0, 2.0]))))
    return y, trials, x, bool(rng.integers(3))


@pytest.mark.mass
@pytest.mark.parametrize("block", range(4))
def test_separation_is_found_exactly_where_a_linear_programme_finds_it(block):
    kinds = []
    for seed in range(100 * block, 100 * block + 100):
        y, trials, x, fit_intercept = random_data(seed)
        try:
            found = separation_of(y, x, trials=trials[:, None].tolist(), fit_intercept=fit_intercept)
        except InvalidInputError:
            continue
        X = np.column_stack([np.ones(len(x)), x]) if fit_intercept else x
        expected = by_linear_programme(y, trials, X)
        kinds.append(expected)
        assert (found is None) == (expected == "overlap"), f"seed {seed}"
        # one column that separates quasi-completely is named even where, with others, it separates completely
        if found is not None and not found.single:
            assert kind(found) == expected, f"seed {seed}"
        if found is not None and found.single and found.complete:
            assert expected == "complete", f"seed {seed}"
    # a test that never meets one of the three could not fail
    assert min(kinds.count(expected) for expected in ("overlap", "quasi-complete", "complete")) >= 3


@pytest.mark.parametrize("seed", range(40))
def test_along_its_direction_no_row_loses_and_some_row_gains(seed):
    y, trials, x, fit_intercept = random_data(seed)
    try:
        observations = observed(y, x, trials=trials[:, None].tolist(), fit_intercept=fit_intercept)
    except InvalidInputError:
        return
    design = build_design(observations)
    found = start_from(design).separation
    if found is None:
        return
    predictor = design.rows.fixed @ found.direction
    gain = np.where(design.rows.successes == design.rows.trials, predictor, -predictor)
    gain[(design.rows.successes > 0) & (design.rows.successes < design.rows.trials)] *= 0
    assert gain.min() >= -1e-6 * np.abs(predictor).max()
    assert gain.max() > 0


def test_a_threshold_separates_completely():
    assert found_in([0, 0, 0, 1, 1, 1], [[1], [2], [3], [4], [5], [6]]) == ((0,), True, True)


def test_a_tie_at_the_threshold_separates_quasi_completely():
    found = found_in([0, 0, 0, 1, 1, 1], [[1], [2], [3], [3], [5], [6]])
    assert found == ((0,), True, False)


def test_a_column_that_separates_completely_is_named_and_not_one_that_does_so_quasi_completely():
    x = [[3, 1], [2, 2], [3, 3], [3, 4], [5, 5], [6, 6]]
    assert found_in([0, 0, 0, 1, 1, 1], x) == ((1,), True, True)


def test_one_row_on_the_wrong_side_is_no_separation():
    assert found_in([0, 0, 1, 0, 1, 1], [[1], [2], [3], [4], [5], [6]]) is None


def test_a_category_without_failures_separates_quasi_completely_and_only_it_is_named():
    x = [[a, b] for a, b in zip([0, 0, 0, 0, 0, 1, 1, 1], [1, 3, 2, 5, 4, 2, 1, 4], strict=True)]
    assert found_in([0, 1, 1, 0, 1, 1, 1, 1], x) == ((0,), True, False)


def test_two_columns_that_separate_only_together_are_both_named():
    x = [[0, 0], [1, 1], [2, 2], [3, 3], [1, 0], [2, 1], [3, 2], [4, 3]]
    found = found_in([0, 0, 0, 0, 1, 1, 1, 1], x)
    assert found == ((0, 1), False, True)


def test_without_intercept_rows_at_zero_are_told_apart_by_nothing():
    # at x = 0 the probability is 1/2 whatever the coefficient: quasi-complete
    found = found_in([0, 0, 1, 1], [[0], [0], [1], [2]], fit_intercept=False)
    assert found == ((0,), True, False)


def test_without_intercept_a_threshold_away_from_zero_does_not_separate():
    assert found_in([0, 0, 1, 1], [[1], [2], [3], [4]], fit_intercept=False) is None


def test_a_row_with_successes_and_failures_forbids_complete_separation():
    found = found_in([0, 0, 2, 3, 3], [[1], [2], [3], [4], [5]], trials=[[3]] * 5)
    assert found == ((0,), True, False)
    assert found_in([0, 1, 2, 3, 3], [[1], [2], [3], [4], [5]], trials=[[3]] * 5) is None


@pytest.mark.parametrize("shift", [1e3, 1e6, 1e8])
def test_columns_that_separate_together_are_found_however_nearly_collinear(shift):
    # but for row 3, where it is 1 and the outcome 0, the first column is `shift` times the second
    y, b = [0, 1, 0, 0, 1, 1], np.array([1, 0, 0, 0, 1, 0.0])
    x = np.column_stack([np.array([0, 0, 1, 0, 0, 0.0]) + shift * b, b])
    assert found_in(y, x) == ((0, 1), False, False)
    assert "a combination of x1, x2" in sentence_about(y, x)
    assert sentence_about(y, x).endswith("the outcome is foregone in 1 row (3), counted as in your ranges")


@pytest.mark.parametrize("outlier", [1e3, 1e5, 1e7])
def test_an_outlier_does_not_make_overlapping_data_look_separated(outlier):
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    y = (rng.random(200) < 1 / (1 + np.exp(0.3 - x))).astype(float)
    x[0], y[0] = outlier, 1.0
    assert found_in(y, x[:, None]) is None


@pytest.mark.parametrize("factor", [1e-8, 1.0, 1e8])
def test_the_unit_of_a_column_does_not_matter(factor):
    y, x = [0, 0, 1, 0, 1, 1, 1, 1], np.array([1, 2, 3, 4, 5, 6, 7, 8.0])[:, None]
    assert found_in(y, factor * x) is None
    assert found_in(sorted(y), factor * x) == ((0,), True, True)


def test_the_start_is_the_logistic_regression():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(300, 3))
    y = (rng.random(300) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 0.2]))).astype(float)
    design = build_design(observe(y, x, np.arange(300) % 7))
    plain = GLM(design.rows.successes, design.rows.fixed, family=Binomial()).fit(tol=1e-12)
    # Newton stops within 1e-7 standard errors
    assert_allclose(start_from(design).coefficients, plain.params, rtol=0, atol=1e-7)


def test_a_start_is_finite_when_the_data_are_separated():
    assert np.isfinite(start_of([0, 0, 1, 1], [[1], [2], [3], [4]]).coefficients).all()


def test_the_sentence_about_one_column_gives_its_name_and_the_border():
    x = [[1, 3], [2, 1], [3, 2], [5, 2], [6, 3], [7, 1]]
    sentence = sentence_about([0, 0, 0, 1, 1, 1], x, names=("dose", "age"))
    assert sentence.startswith("dose separates successes from failures completely")
    assert "3" in sentence
    assert "5" in sentence
    assert "age" not in sentence


def test_the_border_is_told_the_right_way_round_when_failures_lie_above():
    sentence = sentence_about([1, 1, 1, 0, 0, 0], [[1], [2], [3], [5], [6], [7]], names=("dose",))
    assert sentence.index("success", sentence.index("at most")) < sentence.index("failure", sentence.index("at most"))


def test_the_sentence_about_quasi_complete_separation_names_the_rows_as_in_the_ranges():
    # the vaccinated, in rows 3 and 5 of the data, all stayed well
    x = [[0, 1], [0, 3], [1, 2], [0, 5], [1, 4], [0, 2]]
    without = sentence_about([1, 0, 0, 1, 0, 0], x)
    with_header = sentence_about([1, 0, 0, 1, 0, 0], x, names=("vaccinated", "age"))
    assert without.startswith("x1 separates successes from failures quasi-completely")
    assert "3, 5" in without
    assert with_header.startswith("vaccinated separates successes from failures quasi-completely")
    assert "4, 6" in with_header


def test_the_sentence_about_a_combination_names_its_columns():
    x = [[0, 0], [1, 1], [2, 2], [3, 3], [1, 0], [2, 1], [3, 2], [4, 3]]
    sentence = sentence_about([0, 0, 0, 0, 1, 1, 1, 1], x, names=("dose", "age"))
    assert sentence.startswith("a combination of dose, age separates successes from failures completely")


def test_several_columns_that_separate_alone_are_named_each():
    x = [[1, 10], [2, 11], [3, 12], [5, 21], [6, 25], [7, 22]]
    assert sentence_about([0, 0, 0, 1, 1, 1], x, names=("dose", "age")).startswith("each of dose, age separates ")


def rows_told_by_linear_programme(y, trials, X):
    """Count the rows that some separating direction tells: maximise the sum of slacks t_i <= x_i'd, 0 <= t_i <= 1."""
    mixed = (y > 0) & (y < trials)
    pure = (np.where(y == 0, -1.0, 1.0)[:, None] * X)[~mixed]
    rows, width = pure.shape
    best = linprog(
        np.r_[np.zeros(width), -np.ones(rows)],
        A_ub=np.column_stack([-pure, np.eye(rows)]),
        b_ub=np.zeros(rows),
        A_eq=np.column_stack([X[mixed], np.zeros((mixed.sum(), rows))]) if mixed.any() else None,
        b_eq=np.zeros(mixed.sum()) if mixed.any() else None,
        bounds=[(-1e5, 1e5)] * width + [(0, 1)] * rows,
    )
    return int((best.x[width:] > 1e-3).sum())


# 516 and 2382 were found by trial: there the direction of the last Newton step is off by more than the tolerance
@pytest.mark.parametrize("seed", [13, 14, 30, 77, 516, 2382])
def test_no_row_is_called_foregone_that_is_not(seed):
    y, trials, x, fit_intercept = random_data(seed)
    options = {"trials": trials[:, None].tolist(), "fit_intercept": fit_intercept}
    found = separation_of(y, x, **options)
    if found is None or found.complete:
        return
    told = int(re.search(r"foregone in (\d+) rows?", sentence_about(y, x, **options)).group(1))
    assert told <= rows_told_by_linear_programme(
        y, trials, np.column_stack([np.ones(len(x)), x]) if fit_intercept else x
    )
