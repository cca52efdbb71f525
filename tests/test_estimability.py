"""Columns that cannot be estimated: found exactly where they are, and named with their combination."""

from __future__ import annotations

import re

import numpy as np
import pytest

from glmm_binomial.observations.estimability import problem_with_fixed_effects, problem_with_random_slopes

ROWS = 60


def fixed(columns, *, names=None, intercept=True):
    x = np.column_stack(columns).astype(float)
    return problem_with_fixed_effects(x, names or tuple(f"x{i}" for i in range(1, x.shape[1] + 1)), intercept=intercept)


def slopes(columns, *, names=None):
    z = np.column_stack(columns).astype(float)
    return problem_with_random_slopes(z, names or tuple(f"random_x{i}" for i in range(1, z.shape[1] + 1)))


@pytest.fixture
def a():
    return np.random.default_rng(1).normal(size=ROWS)


@pytest.fixture
def b():
    return np.random.default_rng(2).normal(size=ROWS)


def equation(message, left):
    """Read coefficients of 'left = 2 * x1 - x2 + 3' out of a message."""
    right = re.search(rf"{re.escape(left)} = (.*?): leave", message).group(1)
    terms = right.replace(" - ", " + -").split(" + ")
    pairs = (
        term.split(" * ") if " * " in term else (["1", term] if re.search("[a-z]", term) else [term, "1"])
        for term in terms
    )
    return {name: float(weight) for weight, name in pairs}


def test_independent_columns_are_accepted(a, b):
    assert fixed([a, b, a * b]) is None


def test_a_constant_column_beside_the_intercept_is_named_with_its_value(a):
    message = fixed([a, np.full(ROWS, 7.0)], names=("dose", "site"))
    assert message.startswith("x must not have a constant column beside the intercept. Column 2 of x (site) is 7")


@pytest.mark.parametrize("value", [0.1, 1e8 / 3, 1e-12])
def test_a_constant_is_found_whatever_its_rounding(a, value):
    assert "constant" in fixed([a, np.full(ROWS, value) * (1 + np.finfo(float).eps * (np.arange(ROWS) % 2))])


def test_without_intercept_one_constant_column_is_an_intercept_of_its_own(a):
    assert fixed([a, np.full(ROWS, 7.0)], intercept=False) is None


def test_without_intercept_two_constant_columns_are_one_too_many(a):
    message = fixed([np.full(ROWS, 2.0), a, np.full(ROWS, 6.0)], intercept=False)
    assert equation(message, "x3") == {"x1": 3.0}


def test_a_column_of_zeros_is_refused_without_intercept_too(a):
    assert "(x2)" in fixed([a, np.zeros(ROWS)], intercept=False)
    assert "(x2)" in fixed([a, np.zeros(ROWS)])


def test_a_column_given_twice_is_named(a, b):
    message = fixed([a, b, a], names=("dose", "age", "dose again"))
    assert message.startswith("x must not have columns that are linear combinations of others.")
    assert "dose again = dose:" in message
    assert "age" not in message


def test_the_combination_is_named_with_its_weights(a, b):
    message = fixed([a, b, 2.0 * a - 0.5 * b + 3.0])
    found = equation(message, "x3")
    assert found.keys() == {"x1", "x2", "1"}
    assert found["x1"] == pytest.approx(2.0)
    assert found["x2"] == pytest.approx(-0.5)
    assert found["1"] == pytest.approx(3.0)


def test_a_column_of_a_small_part_in_the_combination_is_named(a, b):
    big = a * 1e8
    assert equation(fixed([big, b, big + b]), "x3").keys() == {"x1", "x2"}


def test_columns_without_a_part_in_the_combination_are_not_named(a, b):
    c = np.random.default_rng(3).normal(size=ROWS)
    assert equation(fixed([a, c, b, a + b]), "x4").keys() == {"x1", "x3"}


def test_a_dummy_for_every_category_is_refused_beside_the_intercept_and_accepted_without():
    dummies = [(np.arange(ROWS) % 3 == i).astype(float) for i in range(3)]
    found = equation(fixed(dummies, names=("spring", "summer", "autumn")), "autumn")
    assert found == {"spring": pytest.approx(-1.0), "summer": pytest.approx(-1.0), "1": pytest.approx(1.0)}
    assert fixed(dummies, intercept=False) is None


def test_a_shifted_copy_is_a_combination_only_beside_the_intercept(a):
    assert equation(fixed([a, a + 5.0]), "x2") == {"x1": 1.0, "1": pytest.approx(5.0)}
    assert fixed([a, a + 5.0], intercept=False) is None


@pytest.mark.parametrize("factor", [1e-8, 1e8, 1e28, 1e-28])
def test_units_change_neither_verdict_nor_equation(a, b, factor):
    assert fixed([a * factor, b, a * b]) is None
    assert equation(fixed([a * factor, b, a * factor]), "x3") == {"x1": pytest.approx(1.0)}


def test_a_copy_with_a_little_noise_can_be_estimated(a, b):
    assert fixed([a, a + 1e-6 * b]) is None


def test_a_copy_with_noise_in_the_last_digits_cannot(a, b):
    assert fixed([a, a + 1e-14 * b]) is not None


@pytest.mark.parametrize("low", [18.0, 1990.0])
def test_raw_powers_up_to_the_fourth_of_ages_and_years_are_accepted(low):
    t = low + np.arange(ROWS) % 30
    assert fixed([t, t**2, t**3, t**4]) is None


def test_more_columns_than_rows_can_tell_are_refused():
    rng = np.random.default_rng(5)
    assert "linear combinations" in fixed(list(rng.normal(size=(8, 6))))
    assert fixed(list(rng.normal(size=(5, 6)))) is None
    assert "linear combinations" in fixed(list(rng.normal(size=(6, 6))))
    assert fixed(list(rng.normal(size=(6, 6))), intercept=False) is None


@pytest.mark.parametrize("largest", [1e101, 1e-101])
def test_a_scale_beyond_double_precision_is_refused_by_name(a, largest):
    message = fixed([a, a**2 / np.abs(a**2).max() * largest], names=("dose", "dose squared"))
    assert message.startswith("x must ")
    assert "dose squared" in message
    assert "unit" in message


def test_no_random_slopes_are_no_problem():
    assert problem_with_random_slopes(np.empty((ROWS, 0)), ()) is None


def test_a_constant_random_slope_is_the_random_intercept_again(a):
    message = slopes([a, np.full(ROWS, 2.0)], names=("week", "one"))
    assert message.startswith("x_random must not have a constant column. Column 2 of x_random (one) is 2")
    assert "random intercept" in message


@pytest.mark.parametrize("factor", [1.0, -2.0, 1e9])
def test_a_random_slope_given_twice_is_refused(a, b, factor):
    message = slopes([a, b, factor * a])
    assert message.startswith("x_random ")
    assert "random_x3" in message
    assert "random_x1" in message


def test_random_slopes_that_are_sums_of_others_are_accepted_since_their_variances_differ(a, b):
    assert slopes([a, b, a + b]) is None
