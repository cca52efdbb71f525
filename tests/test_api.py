"""The core as a spreadsheet or a script calls it: messages, tables, invariances, errors of fitting, the fit cache."""

from __future__ import annotations

import copy
import dataclasses
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from threading import Barrier

import numpy as np
import pytest
from numpy.testing import assert_allclose

import datasets
from glmm_binomial import Estimates, FitError, InvalidInputError, fit, glmm_binomial
from glmm_binomial.estimation import fitting
from glmm_binomial.worksheet import functions as spreadsheet
from message_cases import MESSAGE_CASES, VALID

NO_READER_SEES = 1e-6
"""Standard errors by which estimates may move when the same data come in another form.

Searches stop within 1e-8 standard errors of the optimum; sums in another order round differently.
"""

PUBLISHED_EXAMPLES = [
    ([0, 1, 0, 1, 1, 0], [1, 2, 1.5, 2.5, 3, 1.2], [1, 1, 2, 2, 3, 3]),
    ([0, 1, 1, 0, 1, 1], [1, 2, 1.5, 2.5, 3, 1.2], [1, 1, 2, 2, 3, 3], [1, 1, 1.5, 1.5, 2, 2]),
    ([0, 1, 0, 1, 1, 0], [1, 2, 1.5, 2.5, 3, 1.2], [1, 1, 2, 2, 3, 3], False),
    ([0, 1, 0, 1, 1, 0], [1, 2, 1.5, 2.5, 3, 1.2], [1, 1, 2, 2, 3, 3], None, False),
    ([0, 1, 1, 0, 1, 1], [1, 2, 1.5, 2.5, 3, 1.2], [1, 1, 2, 2, 3, 3], [1, 1, 1.5, 1.5, 2, 2], True, 0.1),
]

METHODS = ("vb", "ml", "mean-field")


def column(cells):
    return [[cell] for cell in cells]


def as_cells(example):
    """A published example as Excel hands it over: columns of floats."""
    return [column(map(float, given)) if isinstance(given, list) else given for given in example]


def numbers(table, title="fixed_effects"):
    """Return the numeric cells below a header row."""
    first = next(i for i, row in enumerate(table) if row[0] == title) + 1
    rows = takewhile(lambda row: row[0] not in {"random_effects", "log_likelihood"}, table[first:])
    return np.array([[cell for cell in row[2:] if cell is not None] for row in rows])


def value(table, name):
    return next(row[1] for row in table if row[0] == name)


def diagnostic(table, name):
    return next(row[2] for row in table if row[0] == "" and row[1] == name)


def warnings_of(table):
    return [row[1] for row in table if row[0] == "warning"]


def assert_same_fit(found, expected):
    """Hold two tables of the same data against each other, number by number."""
    assert isinstance(found, list), found
    here, there = numbers(found), numbers(expected)
    allowed = NO_READER_SEES * there[:, [1]]
    assert (np.abs(here[:, [0, 1, 4, 5]] - there[:, [0, 1, 4, 5]]) <= allowed).all()
    assert_allclose(here[:, 2], there[:, 2], rtol=0, atol=2 * NO_READER_SEES * (1 + np.abs(there[:, 2]).max()))
    assert_allclose(numbers(found, "random_effects"), numbers(expected, "random_effects"), rtol=1e-6, atol=1e-12)
    for name in ("log_likelihood", "aic", "bic"):
        # flat at the optimum under ml; under vb it moves in proportion to the estimates
        assert value(found, name) == pytest.approx(value(expected, name), rel=1e-8)


# messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", MESSAGE_CASES, ids=lambda case: case.id)
def test_every_message_of_the_contract_is_returned_word_for_word(case):
    answer = glmm_binomial(*case.arguments)
    assert isinstance(answer, str)
    assert answer.startswith(case.beginning)


def test_the_arguments_the_messages_start_from_give_a_table():
    assert isinstance(glmm_binomial(*VALID.arguments), list)


def test_the_same_text_is_raised_to_those_who_script():
    with pytest.raises(InvalidInputError) as refused:
        fit(column([0, 1, 2]), column([1, 2, 3]), column([1, 1, 2]))
    assert str(refused.value) == glmm_binomial(column([0, 1, 2]), column([1, 2, 3]), column([1, 1, 2]))
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"x": column([4.0] * 6)}, "x must not have a constant column"),
        ({"x": [[a, 2 * a + 1] for a in (1, 2, 3, 4, 5, 7)]}, "x2 = 2 * x1 + 1"),
        ({"x_random": column([4.0] * 6)}, "x_random must not have a constant column"),
        ({"y": column([1.0] * 6)}, "Every value is 1"),
        ({"groups": column(["a"] * 6)}, "groups must have at least 2 distinct values"),
    ],
)
def test_what_cannot_be_estimated_is_refused_with_the_reason(arguments, reason):
    given = {"y": column([0, 1, 0, 1, 1, 0]), "x": column([1, 3, 2, 1, 2, 3]), "groups": column([1, 1, 2, 2, 3, 3])}
    answer = glmm_binomial(**given | arguments)
    assert answer.startswith("Invalid input: ")
    assert reason in answer


def test_separated_data_have_no_maximum_likelihood_and_the_column_is_named():
    given = (
        [["ill"], *column([0, 0, 0, 1, 1, 1])],
        [["dose"], *column([1, 2, 3, 4, 5, 6])],
        [["ward"], *column("aabbab")],
    )
    answer = glmm_binomial(*given, method="ml")
    assert answer.startswith("Error fitting GLMM: ")
    assert "dose" in answer
    assert "separat" in answer
    assert '"vb"' in answer
    with pytest.raises(FitError):
        fit(*given, method="ml")
    table = glmm_binomial(*given)
    assert any("dose" in text and "separat" in text for text in warnings_of(table))


def test_an_exception_nobody_expected_becomes_a_message_and_a_log(monkeypatch, caplog):
    def fails(*_, **__):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(spreadsheet, "_answering", lambda _function: fails)
    with caplog.at_level(logging.ERROR):
        answer = glmm_binomial(*as_cells(PUBLISHED_EXAMPLES[0]))
    assert answer.startswith("Error fitting GLMM: ")
    assert "boom" in answer
    assert "boom" in caplog.text


JUNK = {
    "object": object(),
    "dict": {},
    "empty": [],
    "no column": [[]],
    "nested": [[[1, 2]]],
    "text": "?",
    "nan": math.nan,
    "10**400": 10**400,
    "complex": 1j,
    "error": RuntimeError(),
    "three dimensions": np.zeros((6, 1, 1)),
    "bytes": b"x",
    "range": range(6),
    "vector": np.array([0.2, 0.4]),
}


@pytest.mark.parametrize("argument", ["y", "x", "groups", "x_random", "fit_intercept", "alpha", "method", "trials"])
@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_whatever_is_handed_over_comes_back_as_a_message_about_it(argument, junk):
    valid = dict(zip(("y", "x", "groups"), as_cells(PUBLISHED_EXAMPLES[0]), strict=True))
    answer = glmm_binomial(**valid | {argument: junk})
    assert isinstance(answer, str)
    assert answer.startswith("Invalid input: ")
    assert argument in answer


# tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("example", "fixed", "random"),
    [
        (PUBLISHED_EXAMPLES[0], ["intercept", "x1"], ["intercept"]),
        (PUBLISHED_EXAMPLES[1], ["intercept", "x1"], ["intercept", "random_x1"]),
        (PUBLISHED_EXAMPLES[2], ["x1"], ["intercept"]),
        (PUBLISHED_EXAMPLES[3], ["x1"], ["intercept"]),
        (PUBLISHED_EXAMPLES[4], ["intercept", "x1"], ["intercept", "random_x1"]),
    ],
    ids=["plain", "slopes", "FALSE", "skipped", "alpha"],
)
def test_the_published_examples_give_tables_of_nine_columns_and_finite_numbers(example, fixed, random):
    table = glmm_binomial(*as_cells(example))
    assert isinstance(table, list), table
    assert {len(row) for row in table} == {9}
    names = ["parameter", *fixed, "parameter", *random]
    assert [row[1] for row in table[: len(names)]] == names
    assert np.isfinite(numbers(table)).all()
    assert [row[0] for row in table[len(names) : len(names) + 4]] == ["log_likelihood", "aic", "bic", "diagnostics"]


def test_false_in_the_place_of_x_random_is_the_same_as_false_for_fit_intercept():
    assert glmm_binomial(*as_cells(PUBLISHED_EXAMPLES[2])) == glmm_binomial(*as_cells(PUBLISHED_EXAMPLES[3]))


@pytest.mark.mass
def test_header_names_stand_in_the_table_and_change_no_number():
    data = datasets.contraception(urban_slope=True)
    named, plain = glmm_binomial(**data.with_headers()), glmm_binomial(**data.arguments)
    assert [row[1] for row in named[1:8]] == list(data.names)
    assert [row[1] for row in named[9:11]] == ["intercept", "slope"]
    assert [row[1] for row in plain[1:8]] == ["intercept", *(f"x{i}" for i in range(1, 7))]
    assert [row[1] for row in plain[9:11]] == ["intercept", "random_x1"]
    assert [row[2:] for row in named[:11]] == [row[2:] for row in plain[:11]]


def test_the_vegetables_are_near_lme4():
    table = glmm_binomial(**datasets.vegetables().arguments)
    # lme4's Laplace estimates and the certified log L; the prior moves coefficients by a few hundredths
    assert_allclose(numbers(table)[:, 0], [-0.3084, 2.1884, -0.6344, -1.2167], rtol=0, atol=0.02)
    assert value(table, "log_likelihood") == pytest.approx(-2061.19, abs=0.5)


def test_the_intervals_of_the_table_are_under_ml_the_coefficients_plus_and_minus_z_standard_errors():
    table = numbers(glmm_binomial(**datasets.bacteria().arguments, alpha=0.1, method="ml"))
    coefficient, error, z, p, low, high, odds = table.T
    assert_allclose(z, coefficient / error, rtol=1e-14)
    assert_allclose([low, high], [coefficient - 1.6448536269514722 * error, coefficient + 1.6448536269514722 * error])
    assert_allclose(odds, np.exp(coefficient), rtol=1e-14)
    assert_allclose(p, [math.erfc(abs(x) / math.sqrt(2)) for x in z], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_aic_and_bic_follow_from_the_log_likelihood(method):
    table = glmm_binomial(**datasets.cbpp().arguments, method=method)
    # four coefficients and a variance; 56 rows of data
    assert value(table, "aic") == pytest.approx(-2 * value(table, "log_likelihood") + 2 * 5, rel=1e-15)
    assert value(table, "bic") == pytest.approx(-2 * value(table, "log_likelihood") + math.log(56) * 5, rel=1e-15)
    assert diagnostic(table, "method") == method
    assert diagnostic(table, "converged") is True
    assert diagnostic(table, "observations") == 56.0
    assert diagnostic(table, "groups") == 15.0


def test_mean_field_standard_errors_carry_a_warning_and_are_smaller():
    raw, linear_response = (glmm_binomial(**datasets.vegetables().arguments, method=m) for m in ("mean-field", "vb"))
    assert any("too small" in text for text in warnings_of(raw))
    ratio = numbers(raw)[:, 1] / numbers(linear_response)[:, 1]
    assert ratio.max() < 1
    assert ratio.min() < 0.6


def test_labels_that_look_alike_are_named_in_a_warning_row():
    data = datasets.bacteria().arguments
    data["groups"][0] = [data["groups"][0][0].lower()]
    data["groups"][-1] = [data["groups"][-1][0] + " "]
    warned = [text for text in warnings_of(glmm_binomial(**data)) if "alike" in text]
    assert len(warned) == 1
    assert '"x01"' in warned[0]
    assert '"X01"' in warned[0]


# the same data in another form --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_rows_does_not_matter(method):
    data = datasets.bacteria().arguments
    order = np.random.default_rng(1).permutation(len(data["y"]))
    shuffled = {name: [rows[i] for i in order] for name, rows in data.items()}
    assert_same_fit(glmm_binomial(**shuffled, method=method), glmm_binomial(**data, method=method))


@pytest.mark.parametrize("method", METHODS)
def test_the_labels_of_the_groups_do_not_matter(method):
    data = datasets.bacteria().arguments
    labels = sorted({label for (label,) in data["groups"]}, reverse=True)
    relabelled = data | {"groups": [[float(labels.index(label) - 20)] for (label,) in data["groups"]]}
    assert_same_fit(glmm_binomial(**relabelled, method=method), glmm_binomial(**data, method=method))


@pytest.mark.parametrize("method", METHODS)
def test_swapping_0_and_1_negates_coefficients_and_nothing_else(method):
    data = datasets.bacteria().arguments
    swapped = data | {"y": [[1.0 - y] for (y,) in data["y"]]}
    there = copy.deepcopy(glmm_binomial(**swapped, method=method))
    for row in there[1:5]:
        row[2], row[4], row[6], row[7], row[8] = -row[2], -row[4], -row[7], -row[6], 1.0 / row[8]
    assert_same_fit(there, glmm_binomial(**data, method=method))


@pytest.mark.parametrize("method", METHODS)
def test_a_new_unit_and_origin_of_a_column_transform_its_coefficient_exactly(method):
    data = datasets.contraception().arguments
    plain, moved = (numbers(glmm_binomial(**given, method=method)) for given in (data, _in_months_since_1900(data)))
    errors = plain[:, 1]
    # age = (months - 600) / 12: its coefficient is divided by 12
    assert_allclose(moved[1, 0] * 12, plain[1, 0], rtol=0, atol=NO_READER_SEES * errors[1])
    assert_allclose(moved[1, 1] * 12, plain[1, 1], rtol=1e-6)
    assert_allclose(moved[0, 0] + 600 * moved[1, 0], plain[0, 0], rtol=0, atol=NO_READER_SEES * errors[0])
    assert_allclose(moved[2:, :2], plain[2:, :2], rtol=0, atol=NO_READER_SEES * errors[2:].min())
    assert_allclose(moved[1:, 2], plain[1:, 2], rtol=0, atol=1e-4)


def _in_months_since_1900(data):
    return data | {"x": [[600 + 12 * age, *others] for age, *others in data["x"]]}


@pytest.mark.mass
@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_a_random_slope_divides_its_standard_deviation(method):
    data = datasets.contraception(urban_slope=True).arguments
    thousandths = data | {"x_random": [[1000.0 * z] for (z,) in data["x_random"]]}
    plain, scaled = (glmm_binomial(**given, method=method) for given in (data, thousandths))
    ratio = numbers(plain, "random_effects") / numbers(scaled, "random_effects")
    assert_allclose(ratio, [[1.0, 1.0], [1e6, 1e3]], rtol=1e-6)
    assert value(scaled, "log_likelihood") == pytest.approx(value(plain, "log_likelihood"), rel=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_trials_equal_expanded_rows_but_for_the_binomial_constant_and_the_count_of_rows(method):
    counts, rows = datasets.cbpp(), datasets.expanded(datasets.cbpp())
    by_counts, by_rows = (glmm_binomial(**data.arguments, method=method) for data in (counts, rows))
    assert_allclose(numbers(by_counts)[:, :6], numbers(by_rows)[:, :6], rtol=1e-9)
    constant = sum(math.log(math.comb(int(n), int(y))) for (n,), (y,) in zip(counts.trials, counts.y, strict=True))
    difference = value(by_counts, "log_likelihood") - value(by_rows, "log_likelihood")
    assert difference == pytest.approx(constant, rel=1e-12)
    assert diagnostic(by_rows, "observations") == 842.0
    assert diagnostic(by_counts, "trials") == 842.0


@pytest.mark.parametrize("method", METHODS)
def test_splitting_and_merging_rows_of_trials_changes_only_the_binomial_constant(method):
    whole = datasets.cbpp().arguments
    parts = {name: [row for row in rows for _ in range(2)] for name, rows in whole.items()}
    for i, ((y,), (n,)) in enumerate(zip(whole["y"], whole["trials"], strict=True)):
        successes = min(y, n // 2)
        parts["y"][2 * i], parts["trials"][2 * i] = [successes], [n // 2]
        parts["y"][2 * i + 1], parts["trials"][2 * i + 1] = [y - successes], [n - n // 2]
    empty = [i for i, (n,) in enumerate(parts["trials"]) if n == 0]
    assert not empty
    merged, split = glmm_binomial(**whole, method=method), glmm_binomial(**parts, method=method)
    assert_allclose(numbers(split)[:, :6], numbers(merged)[:, :6], rtol=1e-9)
    assert_allclose(numbers(split, "random_effects"), numbers(merged, "random_effects"), rtol=1e-9)


def test_trials_of_one_are_the_same_as_no_trials():
    data = datasets.bacteria().arguments
    assert_same_fit(glmm_binomial(**data, trials=[[1.0]] * 220), glmm_binomial(**data))


def test_booleans_and_numbers_give_the_same_table():
    data = datasets.bacteria().arguments
    as_booleans = {
        "y": [[bool(y)] for (y,) in data["y"]],
        "x": [[bool(cell) for cell in row] for row in data["x"]],
        "groups": data["groups"],
    }
    assert glmm_binomial(**as_booleans) == glmm_binomial(**data)


def test_whole_columns_give_the_table_of_the_used_rows():
    data = datasets.bacteria().arguments
    whole = {name: rows + [[None] * len(rows[0])] * 20_000 for name, rows in data.items()}
    assert glmm_binomial(**whole) == glmm_binomial(**data)


@pytest.mark.parametrize("outlier", [1e2, 1e4, 1e6])
def test_a_row_of_foregone_outcome_far_out_changes_nothing_under_maximum_likelihood(outlier):
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    y = (rng.random(200) < 1 / (1 + np.exp(0.3 - x))).astype(float)
    groups = np.repeat(np.arange(20.0), 10)
    without = glmm_binomial(y[1:], x[1:], groups[1:], method="ml")
    x[0], y[0] = outlier, 1.0
    # at a slope of 1 its likelihood is 1 to the last digit, whatever the coefficients nearby
    found = glmm_binomial(y, x, groups, method="ml")
    assert isinstance(found, list), found
    assert_allclose(numbers(found)[:, :2], numbers(without)[:, :2], rtol=1e-6)


def test_a_row_too_far_out_is_named():
    rng = np.random.default_rng(0)
    groups, x = np.repeat(np.arange(20.0), 10), rng.normal(size=200)
    y = (rng.random(200) < 1 / (1 + np.exp(-x - rng.normal(size=20).repeat(10)))).astype(float)
    x[6], y[6] = 1e12, 1.0
    found = glmm_binomial(y, x, groups, method="ml")
    assert "In row 7 of x, x1 is 1e+12, far from all other rows: correct it if it is wrong." in found


# results for those who script ---------------------------------------------------------------------------------------


def test_fit_returns_what_the_table_shows():
    data = datasets.bacteria().arguments
    found, table = fit(**data, method="ml"), glmm_binomial(**data, method="ml")
    assert isinstance(found, Estimates)
    assert numbers(table)[:, 0].tolist() == found.coefficients.tolist()
    assert numbers(table)[:, 1].tolist() == found.std_errors.tolist()
    assert value(table, "log_likelihood") == found.log_likelihood
    assert warnings_of(table) == list(found.notices)


def test_results_are_frozen():
    found = fit(*as_cells(PUBLISHED_EXAMPLES[0]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.aic = 0.0


def test_group_effects_stand_in_the_order_of_their_labels():
    data = datasets.bacteria().arguments
    found = fit(**data)
    assert found.group_labels == tuple(dict.fromkeys(label for (label,) in data["groups"]))
    assert found.random_effects.shape == (50, 1)
    shares = {label: [] for label in found.group_labels}
    for (y,), (label,) in zip(data["y"], data["groups"], strict=True):
        shares[label].append(y)
    never = [i for i, label in enumerate(found.group_labels) if np.mean(shares[label]) < 0.4]
    always = [i for i, label in enumerate(found.group_labels) if np.mean(shares[label]) == 1.0]
    assert found.random_effects[never].max() < found.random_effects[always].min()


def test_the_arguments_are_left_as_they_were():
    data = datasets.cbpp().arguments
    kept = copy.deepcopy(data)
    glmm_binomial(**data)
    assert data == kept


# the cache --------------------------------------------------------------------------------------------------------


@pytest.fixture
def count_fits(monkeypatch):
    """Return the list that grows by one with every fit, beginning with an empty cache."""
    fitting.fit_cache.clear()
    done, real = [], fitting.fit_variational

    def counted(design, *arguments, **options):
        done.append(design)
        return real(design, *arguments, **options)

    monkeypatch.setattr(fitting, "fit_variational", counted)
    return done


def test_unchanged_data_are_not_fitted_again(count_fits):
    first = glmm_binomial(*as_cells(PUBLISHED_EXAMPLES[0]))
    assert glmm_binomial(*as_cells(PUBLISHED_EXAMPLES[0])) == first
    assert len(count_fits) == 1


def test_what_the_fit_does_not_depend_on_does_not_fit_again(count_fits):
    y, x, groups = as_cells(PUBLISHED_EXAMPLES[0])
    wide = glmm_binomial(y, x, groups, alpha=0.01)
    narrow = glmm_binomial(y, x, groups, alpha=0.5)
    named = glmm_binomial([["ill"], *y], [["dose"], *x], [["herd"], *groups])
    glmm_binomial(y, x, column("aabbcc"))
    assert len(count_fits) == 1
    assert wide[1][6] < narrow[1][6]
    assert named[2][1] == "dose"


@pytest.mark.mass
@pytest.mark.parametrize(
    "change",
    [
        {"y": column([0, 1, 1, 0, 1, 1])},
        {"x": column([1, 2, 1.5, 2.5, 3, 1.2 + 2**-50])},
        {"groups": column([1, 1, 2, 2, 2, 3])},
        {"x_random": column([1, 2, 3, 1, 2, 4])},
        {"fit_intercept": False},
        {"method": "mean-field"},
        {"trials": column([2] * 6)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_of_data_or_model_is_fitted_again(count_fits, change):
    given = dict(zip(("y", "x", "groups"), as_cells(PUBLISHED_EXAMPLES[0]), strict=True))
    glmm_binomial(**given)
    assert isinstance(glmm_binomial(**given | change), list)
    assert len(count_fits) == 2


def test_data_changed_in_place_are_fitted_again(count_fits):
    y, x, groups = as_cells(PUBLISHED_EXAMPLES[0])
    glmm_binomial(y, x, groups)
    x[0][0] = 2.75
    glmm_binomial(y, x, groups)
    assert len(count_fits) == 2


def test_a_column_of_x_is_not_mistaken_for_one_in_another_unit(count_fits):
    y, x, groups = as_cells(PUBLISHED_EXAMPLES[0])
    there = glmm_binomial(y, [[1024.0 * cell] for (cell,) in x], groups)
    assert there[2][2] * 1024.0 == pytest.approx(glmm_binomial(y, x, groups)[2][2], rel=1e-9)
    assert count_fits


def test_the_binomial_constant_is_not_taken_from_the_cache():
    data = datasets.expanded(datasets.cbpp()).arguments
    counts = datasets.cbpp().arguments
    assert value(glmm_binomial(**data), "log_likelihood") < value(glmm_binomial(**counts), "log_likelihood")
    assert value(glmm_binomial(**data), "log_likelihood") < value(glmm_binomial(**counts), "log_likelihood")


@pytest.mark.mass
def test_the_cache_is_bounded_and_forgets_the_oldest(count_fits):
    y, x, groups = as_cells(PUBLISHED_EXAMPLES[0])

    def fit_number(i):
        glmm_binomial(y, [[cell + (0.01 * i if row == 0 else 0.0)] for row, (cell,) in enumerate(x)], groups)

    most = fitting.CACHED_FITS
    for i in range(most + 1):
        fit_number(i)
    fit_number(most)
    assert len(count_fits) == most + 1
    fit_number(0)
    assert len(count_fits) == most + 2


def test_a_refusal_is_not_remembered_as_a_fit(count_fits):
    given = column([0, 0, 1, 1]), column([1, 2, 3, 4]), column("abab")
    assert glmm_binomial(*given, method="ml") == glmm_binomial(*given, method="ml")
    assert isinstance(glmm_binomial(*given, method="vb"), list)
    assert count_fits


def test_a_script_that_writes_into_its_results_does_not_change_the_next(count_fits):
    data = datasets.bacteria().arguments
    found = fit(**data)
    kept = {
        name: np.copy(getattr(found, name)) for name in ("coefficients", "std_devs", "random_effects", "covariance")
    }
    for name in kept:
        try:
            getattr(found, name)[...] = 99.0
        except ValueError:
            continue
    again = fit(**data)
    assert len(count_fits) == 1
    for name, before in kept.items():
        assert (getattr(again, name) == before).all()


@pytest.mark.mass
@pytest.mark.parametrize("method", METHODS)
def test_two_threads_at_once_get_the_same_digits_as_one_alone(method):
    sets = [datasets.bacteria().arguments, datasets.cbpp().arguments] * 4
    alone = [glmm_binomial(**data, method=method) for data in sets[:2]] * 4
    fitting.fit_cache.clear()
    together = Barrier(len(sets))

    def run(data):
        together.wait()
        return glmm_binomial(**data, method=method)

    with ThreadPoolExecutor(len(sets)) as threads:
        assert list(threads.map(run, sets)) == alone


@pytest.mark.parametrize("method", METHODS)
def test_a_recalculation_tomorrow_gives_the_same_digits(method):
    first = glmm_binomial(**datasets.bacteria().arguments, method=method)
    fitting.fit_cache.clear()
    assert glmm_binomial(**datasets.bacteria().arguments, method=method) == first
