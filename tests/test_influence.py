"""What a model owes to its groups: against lme4's refits, our own fits without each group, and what cannot be known."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri

import glmm_binomial
from datasets import REFERENCE, bacteria, cbpp, contraception, vegetables
from formula_data import certified_table
from glmm_binomial import StoppedError, estimates_of, fit_formula, fit_model, influence, stopping_when
from glmm_binomial.answers.influence import Influence
from glmm_binomial.answers.rows import finished
from glmm_binomial.estimation.deletion import deletions
from glmm_binomial.estimation.fitting import fit_cache
from simulated import draw

WITHIN = 0.02
"""Standard errors by which a step may miss the refit, as the documentation says."""

EXACTLY = 3e-4
"""The same of a refit that lme4's optimiser finds."""


def drawn(seed, **shape):
    y, x, groups, x_random = draw(seed, **shape)
    slopes = {"x_random": x_random.tolist()} if x_random.shape[1] else {}
    return {"y": y.tolist(), "x": x.tolist(), "groups": groups.tolist(), **slopes}


def flat(seed):
    """Groups of many sizes that do not differ, so that half of such sets have a variance of zero."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(64), rng.integers(1, 12, 64))
    x = np.column_stack([rng.normal(size=len(group)), rng.normal(size=64)[group]])
    y = rng.random(len(group)) < 1.0 / (1.0 + np.exp(1.0 - 0.6 * x[:, 0]))
    return {"y": y.astype(float).tolist(), "x": x.tolist(), "groups": group.tolist()}


DATASETS = {
    "cbpp": cbpp().arguments,
    "bacteria": bacteria().arguments,
    "contraception": contraception().arguments,
    "slopes": drawn(3, groups=15, size=8, slopes=1),
    "large SD": drawn(2, groups=40, size=5, sd=2.0),
    "six groups": drawn(5, groups=6, size=10),
    "variance of zero": flat(2),
}


def without(arguments, label):
    labels = [row[0] if isinstance(row, list) else row for row in arguments["groups"]]
    kept = [i for i, each in enumerate(labels) if each != label]
    return {name: [cells[i] for i in kept] for name, cells in arguments.items()}


def coefficients_of(model):
    """Estimates, or under "vb" the mode, with standard errors by the curvature there."""
    back, fit = model.design.scale.back_transform, model.fit
    point, root = (fit.coefficients, fit.covariance_root)
    if fit.posterior is not None:
        point, root = fit.posterior.mode.vector, fit.mode_root
    k = len(back)
    return back @ point[:k], np.linalg.norm(back @ root[:k], axis=1)


# --- against fits without the group -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cbpp", "bacteria"])
def test_changes_are_those_that_lme4_finds_without_each_group(name):
    model = fit_model(**DATASETS[name], method="ml")
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    labels = [f"{label:.0f}" if isinstance(label, float) else label for label in found.groups]
    with (REFERENCE / "influence_lme4.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["dataset"] == name]
    expected = np.full(found.changes.shape, np.nan)
    for row in rows:
        place = labels.index(row["group"]), int(row["coefficient"])
        expected[place] = (float(row["value"]) - estimates[place[1]]) / std_errors[place[1]]
    anew = np.array(found.notes) == "fitted anew"
    assert 0 < anew.sum() < len(anew)
    assert_allclose(found.changes[anew], expected[anew], atol=EXACTLY)
    assert_allclose(found.changes[~anew], expected[~anew], atol=WITHIN)


@pytest.mark.mass
@pytest.mark.parametrize(
    ("name", "method"),
    [
        *((name, "ml") for name in ("cbpp", "six groups", "slopes", "variance of zero")),
        ("six groups", "vb"),
        *(pytest.param(name, "ml", marks=pytest.mark.mass) for name in ("bacteria", "contraception", "large SD")),
        *(pytest.param(name, "vb", marks=pytest.mark.mass) for name in DATASETS if name != "six groups"),
    ],
)
def test_changes_and_verdicts_are_those_of_a_fit_without_the_group(name, method):
    model = fit_model(**DATASETS[name], method=method)
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    before, same = estimates_of(model).p_values < 0.05, []
    assert name != "variance of zero" or method == "vb" or model.fit.sds[0] == 0.0
    chosen = range(0, len(found.groups), 2 if len(found.groups) < 20 else 7)
    for group in chosen:
        other = fit_model(**without(DATASETS[name], found.groups[group]), method=method)
        assert_allclose(found.changes[group], (coefficients_of(other)[0] - estimates) / std_errors, atol=WITHIN)
        p_values = estimates_of(other).p_values
        if method == "ml":
            # the standard error of a step has an error of one or two hundredths of it
            scores, expected = ndtri(found.p_values[group] / 2.0), ndtri(p_values / 2.0)
            assert_allclose(scores, expected, rtol=0.02, atol=0.03)
            assert (found.verdict_changes[group] != "") == ((p_values < 0.05) != before).any()
        same.append((p_values < 0.05) == (found.p_values[group] < 0.05))
    # a posterior whose law is moved and stretched may be on the other side of alpha once
    assert np.sum(~np.array(same)) <= (method == "vb")


@pytest.mark.mass
@pytest.mark.parametrize("method", ["ml", "vb"])
def test_correlated_effects_are_left_out_of_small_data(method):
    y, x, groups, slope = draw(12, groups=20, size=10, slopes=1)
    header = ["y", "a", "b", "s", "id"]
    cells = [header, *(np.column_stack([y, x, slope[:, 0], groups]).tolist())]
    formula = "y ~ a + b + s + (1 + s | id)"
    model = fit_formula(cells, formula, method=method)
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    for group in (0, 9):
        rest = [row for row in cells if row[4] != found.groups[group]]
        other = coefficients_of(fit_formula(rest, formula, method=method))[0]
        assert_allclose(found.changes[group], (other - estimates) / std_errors, atol=WITHIN)


@pytest.mark.mass
def test_correlated_effects_are_left_out_with_their_groups():
    table = certified_table("contraception.csv", "usey", "age")
    urban, place = table[0].index("urban"), table[0].index("district")
    table = [[*table[0], "city"], *([*row, float(row[urban] == "Y")] for row in table[1:])]
    formula = "usey ~ age + city + (1 + city | district)"
    model = fit_formula(table, formula, method="ml")
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    for group in range(0, 60, 12):
        rest = [row for row in table if row[place] != found.groups[group]]
        other = coefficients_of(fit_formula(rest, formula, method="ml"))[0]
        assert_allclose(found.changes[group], (other - estimates) / std_errors, atol=WITHIN)


@pytest.mark.mass
@pytest.mark.simulation
def test_three_effects_are_left_out():
    data = drawn(8, groups=30, size=8, slopes=2)
    model = fit_model(**data, method="ml")
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    for group in (0, 7, 19):
        other = coefficients_of(fit_model(**without(data, found.groups[group]), method="ml"))[0]
        assert_allclose(found.changes[group], (other - estimates) / std_errors, atol=WITHIN)


def test_most_groups_of_many_need_no_fit_of_their_own():
    model = fit_model(**vegetables().arguments, method="ml")
    found = influence(model)
    assert sum(note != "" for note in found.notes) < 25
    estimates, std_errors = coefficients_of(model)
    for group in range(0, 250, 50):
        other, errors = coefficients_of(fit_model(**without(vegetables().arguments, found.groups[group]), method="ml"))
        assert_allclose(found.changes[group], (other - estimates) / std_errors, atol=0.003)
        scores = -np.sign(other) * ndtri(found.p_values[group] / 2.0)
        assert_allclose(scores, other / errors, atol=0.006)


def test_a_verdict_at_its_border_is_that_of_a_fit():
    data = drawn(58, groups=40, size=5)
    found = influence(fit_model(**data, method="ml"))
    for group in (14, 21):
        p_value = estimates_of(fit_model(**without(data, found.groups[group]), method="ml")).p_values[2]
        # by the step alone .0503 and .0501
        assert p_value < 0.05
        assert_allclose(found.p_values[group, 2], p_value, rtol=1e-6)
        assert not found.verdict_changes[group]


# --- what the numbers are ---------------------------------------------------------------------------------------------


def test_cooks_distance_is_the_change_measured_by_the_covariance_of_all_data():
    model = fit_model(**cbpp().arguments, method="ml")
    found, estimates = influence(model), estimates_of(model)
    changes = found.changes * estimates.std_errors
    expected = np.einsum("gi,ij,gj->g", changes, np.linalg.inv(estimates.covariance), changes) / 4
    assert_allclose(found.cooks_distances, expected, rtol=1e-9)


def test_without_random_effects_a_step_is_pregibons():
    # groups of two rows that always disagree: their variance is zero, and the model a logistic regression
    x = np.random.default_rng(0).normal(size=60)
    y = np.tile([0.0, 1.0], 30)
    model = fit_model(y, x, np.repeat(np.arange(30), 2), method="ml")
    assert model.fit.sds[0] == 0.0
    X = np.column_stack([np.ones(60), x])
    p = 1.0 / (1.0 + np.exp(-X @ coefficients_of(model)[0]))
    W, covariance = p * (1.0 - p), np.linalg.inv((X.T * p * (1.0 - p)) @ X)
    found = deletions(model.design, model.fit)
    for group in range(30):
        rows = slice(2 * group, 2 * group + 2)
        left = (X.T * W) @ X - (X[rows].T * W[rows]) @ X[rows]
        step = -np.linalg.solve(left, X[rows].T @ (y - p)[rows]) / np.sqrt(np.diag(covariance))
        assert_allclose(found.changes[group], step, atol=1e-7)


def test_units_and_the_order_of_rows_change_nothing():
    data = cbpp().arguments
    model = fit_model(**data, method="ml")
    turned = {name: [list(map(float, row)) for row in cells[::-1]] for name, cells in data.items()}
    turned["x"] = [[3.0 * a + 7.0, -b, 1e6 * c] for a, b, c in turned["x"]]
    first, other = influence(model), influence(fit_model(**turned, method="ml"))
    assert other.groups != first.groups
    order = [other.groups.index(label) for label in first.groups]
    assert_allclose(other.changes[order][:, 1:], first.changes[:, 1:] * [1.0, -1.0, 1.0], atol=2e-6)
    assert_allclose(other.cooks_distances[order], first.cooks_distances, rtol=1e-5)


def test_counts_and_rows_of_zero_and_one_give_the_same():
    data = cbpp().arguments
    rows = [
        (float(i < y[0]), x, g[0])
        for y, x, g, n in zip(*(data[name] for name in ("y", "x", "groups", "trials")), strict=True)
        for i in range(int(n[0]))
    ]
    y, x, groups = map(list, zip(*rows, strict=True))
    expanded, counts = (influence(m) for m in (fit_model(y, x, groups), fit_model(**data)))
    assert_allclose(expanded.changes, counts.changes, atol=1e-6)
    assert expanded.observations.sum() == len(y)
    assert counts.observations.tolist() == [4, 3, *[4] * 5, 1, *[4] * 7]


def test_verdicts_are_those_of_alpha():
    lines = [influence(fit_model(**bacteria().arguments, method="ml", alpha=a)).verdict_changes for a in (0.05, 0.5)]
    assert lines[0] != lines[1]
    text = next(line for line in lines[0] if line)
    assert text.split(":")[0] in {"intercept", "x1", "x2", "x3"}
    assert " p " in text
    assert " becomes " in text


def test_a_model_by_mean_field_is_asked_as_one_by_maximum_likelihood():
    found, expected = (influence(fit_model(**cbpp().arguments, method=method)) for method in ("mean-field", "ml"))
    assert_array_equal(found.changes, expected.changes)
    assert "mean-field" in found.notices[0]
    assert not expected.notices


# --- what cannot be known ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_a_group_on_which_a_column_rests_has_blanks_and_the_reason(method):
    y, x, groups, _ = draw(6, groups=8, size=20)
    # x3 is 1 in rows of the last group only, in which it varies
    x3 = (groups == 7) * (np.arange(160) % 2.0)
    found = influence(fit_model(y, np.column_stack([x, x3]), groups, method=method))
    assert np.isnan(found.changes[7]).all()
    assert found.notes[7] == "no fit without it: x3 rests on this group alone"
    assert np.isfinite(found.changes[:7]).all()
    line = finished(found.rows())[8]
    assert line[:7] == [7.0, 20.0, None, None, None, None, None]


def test_a_column_that_rests_on_one_group_is_found_where_its_coefficient_is_zero():
    y, x, groups, _ = draw(6, groups=80, size=6)
    x3 = (groups == 79) * (np.arange(480) % 2.0)
    x[groups == 79] = 0.0
    y[groups == 79] = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    model = fit_model(y, np.column_stack([x, x3]), groups)
    assert deletions(model.design, model.fit).lengths[79] < 0.3
    assert influence(model).notes[79] == "no fit without it: x3 rests on this group alone"


def test_a_constant_that_is_left_takes_the_intercept_with_it():
    y, x, groups, _ = draw(6, groups=8, size=20)
    x3 = np.where(groups == 7, np.arange(160) % 2.0, 1.0)
    note = influence(fit_model(y, np.column_stack([x, x3]), groups)).notes[7]
    assert note == "no fit without it: intercept and x3 rest on this group alone"


def test_a_random_slope_that_rests_on_one_group_is_told():
    y, x, groups, _ = draw(6, groups=8, size=20)
    slope = (groups == 7) * (np.arange(160) % 2.0)
    note = influence(fit_model(y, x, groups, slope, method="vb")).notes[7]
    assert note == "no fit without it: the random slopes rest on this group alone"


def test_two_groups_and_outcomes_that_are_all_the_same_leave_nothing():
    y, x, groups, _ = draw(6, groups=2, size=20)
    assert influence(fit_model(y, x[:, :1], groups)).notes == ("no fit without it: one group is left",) * 2
    y = np.where(np.repeat(np.arange(6), 10) == 3, np.arange(60) % 2.0, 1.0)
    note = influence(fit_model(y, np.arange(60) % 7.0, np.repeat(np.arange(6), 10))).notes[3]
    assert note == "no fit without it: all other outcomes are the same"


def test_a_likelihood_without_a_maximum_is_told():
    rng = np.random.default_rng(1)
    groups, x = np.repeat(np.arange(10), 12), rng.normal(size=120)
    rare = np.tile([1.0, 0.0, 0.0], 40)
    # where rare is 1 all succeed, but for rows of one group
    y = np.where(rare == 1.0, 1.0 - (groups == 4), rng.random(120) < 0.5)
    found = influence(fit_model(y, np.column_stack([x, rare]), groups, method="ml"))
    assert found.notes[4] == "no fit without it: the likelihood has no maximum at finite values"
    assert np.isnan(found.cooks_distances[4])


# --- the cell ---------------------------------------------------------------------------------------------------------


def test_the_table_is_that_of_the_fields():
    found = Influence(
        groups=("a", 2.0),
        observations=np.array([3, 4]),
        names=("intercept", "dose"),
        changes=np.array([[0.5, -0.25], [np.nan, np.nan]]),
        cooks_distances=np.array([0.125, np.nan]),
        p_values=np.array([[0.5, 0.06], [np.nan, np.nan]]),
        verdict_changes=("dose: p 0.04 becomes 0.06", ""),
        notes=("", "no fit without it: one group is left"),
        of="coefficients",
        level="",
        notices=("Beware.",),
    )
    about = "change of coefficients, without the group less with it, in standard errors"
    assert finished(found.rows()) == [
        ["group", "observations", "cooks_distance", "intercept", "dose", "verdict_changes", about],
        ["a", 3.0, 0.125, 0.5, -0.25, "dose: p 0.04 becomes 0.06", None],
        [2.0, 4.0, None, None, None, None, "no fit without it: one group is left"],
        ["warning", "Beware.", None, None, None, None, None],
    ]


def test_under_vb_the_header_says_that_it_is_the_mode():
    rows = glmm_binomial.glmm_binomial_influence(fit_model(**cbpp().arguments))
    assert rows[0][-1].startswith("change of the mode of the posterior")
    assert rows[0][3:7] == ["intercept", "x1", "x2", "x3"]


def test_it_stops_between_refits_and_keeps_none_of_them():
    model = fit_model(**bacteria().arguments, method="ml")
    asked = 0

    def after_many():
        nonlocal asked
        asked += 1
        return asked > 200

    with pytest.raises(StoppedError), stopping_when(after_many):
        influence(model)
    kept = len(fit_cache._results)
    influence(model)
    assert len(fit_cache._results) == kept
