"""Outcomes and power of studies with two kinds of groups, with correlated effects, and with trials."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from datasets import REFERENCE
from glmm_binomial import InvalidInputError, estimates_of, fit_formula, generate, power, simulate
from glmm_binomial.observations.plan import read_plan

X = [[float(row % 3)] for row in range(12)]
CLASSES = [["north", 1], ["south", 4], ["north", 2], ["north", 1], ["south", 3], ["north", 2]] * 2
"""Two classes of each of two schools."""

ANSWERS = [[f"p{person}", f"i{item}"] for item in range(4) for person in range(3)]
"""Three persons answer four items."""

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(30)


def table(outcomes, x, groups, formula, *, trials=None):
    counts = [[1.0]] * len(x) if trials is None else trials
    rows = [[y, n[0], *row, *labels] for y, n, row, labels in zip(outcomes.tolist(), counts, x, groups, strict=True)]
    header = ["y", "n", *(f"x{place}" for place in range(1, len(x[0]) + 1)), "a", "b"][: len(rows[0])]
    return fit_formula([header, *rows], formula, method="ml")


# --- outcomes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "order"),
    [
        (CLASSES, (0, 1)),
        ([labels[::-1] for labels in CLASSES], (1, 0)),
        (ANSWERS, (1, 0)),
        ([labels[::-1] for labels in ANSWERS], (0, 1)),
    ],
)
def test_the_estimates_of_two_kinds_draw_what_simulate_draws_of_them(groups, order):
    truth = read_plan(X, groups, [[0.2, 0.3]], [[1.0, 1.2]], [[6]] * 12)
    # outcomes whose likelihood has a maximum with both variances above zero
    drawn = generate(X, groups, [[0.2, 0.3]], [[1.0, 1.2]], [[6]] * 12, n_sim=40, seed=2).responses
    for outcomes in drawn.T:
        model = table(outcomes, X, groups, "y / n ~ x1 + (1 | a) + (1 | b)", trials=[[6]] * 12)
        if (model.fit.sds > 0.1).all():
            break
    b = model.design.scale.back_transform @ model.fit.coefficients
    # of the columns: a table has those above first, of crossed ones those with more groups
    sds = model.fit.sds[list(order)]
    found = generate(X, groups, [b.tolist()], [sds.tolist()], [[6]] * 12, n_sim=20, seed=5).responses
    assert_array_equal(found, simulate(model, n_sim=20, seed=5).responses)
    assert len(truth.truth.groups.labels) == len(model.observations.group_labels)


def alike(sds_shared, sds_own):
    """P(y_i = y_j = 1) of two rows of logit 0 that share effects of some SDs and have others of their own."""
    shared = np.sqrt(np.sum(np.square(sds_shared))) * NODES
    own = np.sqrt(np.sum(np.square(sds_own))) * NODES
    inner = expit(shared[:, None] + own) @ WEIGHTS / WEIGHTS.sum()
    return inner**2 @ WEIGHTS / WEIGHTS.sum()


def test_rows_are_as_alike_as_the_effects_that_they_share():
    schools, answers = 400, [[person, f"i{item}"] for person in range(400) for item in range(3)]
    classes = [[school, f"{school}.{place // 2}"] for school in range(schools) for place in range(4)]
    found = generate([[0.0]] * 1600, classes, [[0.0, 0.0]], [[1.5, 1.0]], n_sim=40).responses.reshape(schools, 4, 40)
    # 16,000 pairs, four standard errors
    error = 4 * 0.5 / np.sqrt(16_000)
    assert abs((found[:, 0] * found[:, 1]).mean() - alike([1.5, 1.0], [])) < error
    assert abs((found[:, 0] * found[:, 2]).mean() - alike([1.5], [1.0])) < error
    assert abs((found[:-1, 0] * found[1:, 0]).mean() - 0.25) < error
    found = generate([[0.0]] * 1200, answers, [[0.0, 0.0]], [[1.5, 1.0]], n_sim=2000).responses.reshape(400, 3, 2000)
    assert abs((found[:, 0] * found[:, 1]).mean() - alike([1.5], [1.0])) < error
    # two persons share the item's effect: 2,000 independent draws of three items
    assert abs((found[:-1] * found[1:]).mean() - alike([1.0], [1.5])) < 4 * 0.25 / np.sqrt(6000)


def test_correlated_effects_have_the_covariance_that_is_given():
    x, groups = np.tile([[0.0], [1.0]], (3000, 1)), np.repeat(np.arange(3000), 2)[:, None]
    given = [[1.0, None], [-0.6, 1.5]]
    found = generate(x, groups, [[0.0, 0.0]], given, n_sim=20).responses
    whole = generate(x, groups, [[0.0, 0.0]], [[1.0, -0.6], [-0.6, 1.5]], n_sim=20).responses
    assert_array_equal(found, whole)
    u, weights = np.meshgrid(NODES, NODES), np.outer(WEIGHTS, WEIGHTS) / WEIGHTS.sum() ** 2
    intercept, slope = u[0], 1.5 * (-0.6 * u[0] + 0.8 * u[1])
    joint = (expit(intercept) * expit(intercept + slope) * weights).sum()
    assert abs((found[::2] * found[1::2]).mean() - joint) < 4 * 0.5 / np.sqrt(60_000)
    assert_allclose(read_plan(x, groups, [[0.0, 0.0]], given).effects_root, [[1.0, 0.0], [-0.9, 1.2]])


# --- power ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "terms", "trials"),
    [
        ([[f"s{row // 12}", f"s{row // 12}.{row // 4}"] for row in range(96)], "(1 | a) + (1 | b)", None),
        ([[row // 4, f"i{row % 4}"] for row in range(96)], "(1 | a) + (1 | b)", None),
        ([[row // 12] for row in range(96)], "(1 | a)", [[5]] * 96),
        ([[row // 12] for row in range(96)], "(1 + x1 | a)", None),
    ],
)
def test_each_study_is_fitted_and_tested_as_its_table_would(groups, terms, trials):
    x = [[(row * 7 % 10) / 3.0] for row in range(96)]
    sds = [[1.0, 0.8]] if len(groups[0]) > 1 else 0.8
    if "+ x1" in terms:
        sds = [[1.0, None], [0.5, 0.8]]
    study = {"x": x, "groups": groups, "coefficients": [[-0.5, 0.3]], "std_devs": sds, "trials": trials}
    outcomes = generate(**study, n_sim=6, seed=2).responses
    response = "y" if trials is None else "y / n"
    tables = [estimates_of(table(y, x, groups, f"{response} ~ x1 + {terms}", trials=trials)) for y in outcomes.T]
    alpha = sorted(each.p_values[1] for each in tables)[3] + 1e-9
    (found,) = power(**study, test="x1", n_sim=6, seed=2, alpha=alpha).sizes
    assert found.significant == 4
    assert found.not_fitted == 0


def test_larger_studies_of_two_kinds_repeat_what_lies_above_or_the_first_column():
    nested = read_plan(X, CLASSES, [[0.0, 1.0]], [[1.0, 0.5]])
    assert nested.with_groups(3).groups.above.index.tolist() == [0, 0, 1, 1, 2, 2]
    assert len(nested.with_groups(3).trials) == nested.rows_with_groups(3) == 20
    lower_first = read_plan(X, [labels[::-1] for labels in CLASSES], [[0.0, 1.0]], [[0.5, 1.0]])
    for found, same in (
        (lower_first.with_groups(5).truth, nested.with_groups(5).truth),
        (lower_first.truth, nested.truth),
    ):
        assert_array_equal(found.groups.index, same.groups.index)
        assert_array_equal(found.groups.above.first, same.groups.above.first)
        assert_array_equal(found.effects_root, same.effects_root)
    crossed = read_plan(X, ANSWERS, [[0.0, 1.0]], [[1.0, 0.5]])
    assert len(crossed.truth.effects_root) == 2
    assert (len(crossed.groups.labels), len(crossed.groups.crossed.labels)) == (4, 3)
    assert_array_equal(np.diag(crossed.truth.effects_root), [0.5, 1.0])
    larger = crossed.with_groups(30)
    assert (len(larger.groups.labels), len(larger.groups.crossed.labels), len(larger.trials)) == (30, 4, 120)
    assert_array_equal(np.diag(larger.truth.effects_root), [1.0, 0.5])
    assert_array_equal(np.bincount(larger.groups.crossed.index), [30] * 4)


def test_what_the_groups_of_the_table_count_is_said():
    study = {"x": X * 4, "coefficients": [[0.0, 0.5]], "std_devs": [[0.5, 0.5]], "test": "x1", "n_sim": 2}
    answers = [[f"p{place}", f"i{place % 4}"] for place in range(48)]
    answers = [[f"p{place % 12}", f"i{place // 12}"] for place in range(48)]
    rows = power(groups=answers, n_groups=[[20, 30]], **study).rows()
    assert [row[:2] for row in rows[1:3]] == [(20, 80), (30, 120)]
    assert ("note", "groups counts groups1. The 4 groups of groups2 are the same for all.") in rows
    classes = [["school", "class"]] + [[f"s{place // 12}", f"c{place // 6}"] for place in range(48)]
    rows = power(groups=classes, **{**study, "x": [["dose"], *study["x"]], "test": "dose"}).rows()
    assert rows[1][:2] == (4, 48)
    assert (
        "note",
        "groups counts school. Each of its groups comes with all groups of class that lie within it.",
    ) in rows


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"groups": [[a for a, _ in ANSWERS]]},
            "groups must be a column vector (single column). It has 12 columns. If a row holds the data",
        ),
        (
            {"std_devs": 1.0},
            "std_devs must be a row or a column of 2 numbers, one for each column",
        ),
        (
            {"groups": [[*labels, 1] for labels in ANSWERS]},
            "groups must have at most 2 columns. It has 3:",
        ),
        (
            {"groups": [[a, 1.5 if b == "i2" else b] for a, b in ANSWERS]},
            "groups[6][1] must be a whole number",
        ),
        (
            {"groups": [[a, None if b == "i2" else b] for a, b in ANSWERS]},
            "groups[6][1] must be a whole number",
        ),
        (
            {"groups": [[a, a + "x"] for a, _ in ANSWERS]},
            "with n_groups of 3, groups must have two columns that differ. Each label of one has one of the other",
        ),
        (
            {"groups": [[a, place] for place, (a, _) in enumerate(ANSWERS)]},
            "with n_groups of 3, groups must be observed more than once. Each of the lower ones has a single outcome",
        ),
        (
            {"groups": [[a, "one"] for a, _ in ANSWERS]},
            "n_groups must be given where x has one group.",
        ),
        ({"groups": [[a, "one"] for a, _ in ANSWERS[:6]] + [["p0", "two"]] * 6, "n_groups": 1}, "n_groups must hold"),
    ],
)
def test_what_cannot_be_used_is_refused(changes, message):
    study = {
        "x": X,
        "groups": ANSWERS,
        "coefficients": [[0.0, 1.0]],
        "std_devs": [[1.0, 1.0]],
        "test": "x1",
        "n_sim": 1,
    }
    with pytest.raises(InvalidInputError) as refused:
        power(**{**study, **changes})
    assert str(refused.value).startswith(f"Invalid input: {message}")


def test_one_number_of_trials_counts_for_every_row():
    groups = [[labels[0]] for labels in CLASSES]
    one, column = (generate(X, groups, [[0.0, 1.0]], 1.0, trials, n_sim=3) for trials in (7.0, [[7.0]] * 12))
    assert_array_equal(one.responses, column.responses)
    assert one.responses.max() > 1.0
    study = {"x": X, "groups": groups, "coefficients": [[0.0, 1.0]], "std_devs": 1.0, "test": "x1", "n_sim": 4}
    assert power(**study, trials=7) == power(**study, trials=[[7.0]] * 12)
    with pytest.raises(InvalidInputError, match="trials must be a whole number from 1 to"):
        generate(X, groups, [[0.0, 1.0]], 1.0, 2.5)


def test_correlations_may_stand_on_either_side_of_the_diagonal():
    groups = [[labels[0]] for labels in CLASSES]
    below, above = ([[1.0, None], [0.4, 2.0]], [[1.0, 0.4], [" ", 2.0]])
    found = [read_plan(X, groups, [[0.0, 1.0]], std_devs).effects_root for std_devs in (below, above)]
    assert_allclose(found[0] @ found[0].T, [[1.0, 0.8], [0.8, 4.0]])
    assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(
    ("std_devs", "message"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], "std_devs must hold the same correlations above the diagonal as below it"),
        ([[1.0, None], [1.0, 1.0]], "std_devs must hold standard deviations on the diagonal and below it"),
        (
            [[1.0, None], [-1.2, 1.0]],
            "std_devs must hold standard deviations on the diagonal and below it",
        ),
        ([[1.0, None], [0.2, -1.0]], "std_devs must not be negative. The smallest is -1."),
        (
            [[1.0, None], [None, 1.0]],
            (
                "std_devs[0][1] must be numeric. 2 cells of std_devs are blank: row 1, column 2 and row 2, column 1. "
                "Fill them in."
            ),
        ),
        (
            [[1.0, ValueError()], [0.3, 1.0]],
            (
                "std_devs[0][1] must be numeric. Row 1, column 2 of std_devs holds the error #VALUE!. Correct the "
                "formula there."
            ),
        ),
        ([[1.0, "NA"], [0.3, 1.0]], "std_devs[0][1] must be numeric. Row 1, column 2 of std_devs holds the text 'NA'."),
        ([[1.0, 0.1, 0.1], [0.1, 1.0, 0.1]], "std_devs must be a row or a column of 1 or 2 numbers"),
    ],
)
def test_covariances_that_are_none_are_refused(std_devs, message):
    with pytest.raises(InvalidInputError) as refused:
        generate(X, [[labels[0]] for labels in CLASSES], [[0.0, 1.0]], std_devs)
    assert str(refused.value).startswith(f"Invalid input: {message}")


def test_two_columns_that_make_the_same_groups_are_refused_in_a_formula():
    rows = [[row % 2, f"a{row // 4}", f"b{(row // 4) * 7 % 6}"] for row in range(24)]
    with pytest.raises(InvalidInputError) as refused:
        fit_formula([["y", "a", "b"], *rows], "y ~ 1 + (1 | a) + (1 | b)")
    assert str(refused.value) == (
        "Invalid input: formula must name groups of which some a have several. Each a has one b, so that their random "
        "intercepts cannot be told apart. (1 | a) works."
    )


@pytest.mark.mass
@pytest.mark.simulation
def test_power_of_crossed_groups_is_that_of_a_simulation_of_lme4():
    with (REFERENCE / "crossed_power_lme4.csv").open(encoding="utf-8", newline="") as lines:
        (reference,) = csv.DictReader(lines)
    simulations = int(reference["simulations"])
    share = int(reference["significant"]) / simulations
    x, groups = [[float(row % 2)] for row in range(240)], [[f"p{row // 8}", f"i{row % 8}"] for row in range(240)]
    (found,) = power(x, groups, [[0.0, 0.5]], [[1.0, 0.7]], "x1", n_sim=500).sizes
    # four standard errors of the difference of two shares
    assert abs(found.power - share) < 4.0 * np.sqrt(share * (1.0 - share) * (1.0 / 500 + 1.0 / simulations))
