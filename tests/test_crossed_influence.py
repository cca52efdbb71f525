"""What a model of crossed groupings owes to groups of either kind: against lme4, and our own fits without each."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from datasets import REFERENCE
from glmm_binomial import InvalidInputError, StoppedError, estimates_of, fit_formula, influence, stopping_when
from glmm_binomial.estimation.crossed_deletion import crossed_deletions
from glmm_binomial.estimation.refit import refit_mode
from test_crossed import FORMULA, SALAMANDERS, answered, salamanders
from test_influence import WITHIN, coefficients_of
from test_nested_influence import without

DATASETS = {
    "both vary": {"persons": 40, "items": 12},
    "few items": {"persons": 30, "items": 4, "trials": 3, "seed": 5},
    "not all answered": {"persons": 50, "items": 10, "share": 0.4, "sds": (1.5, 1.0), "seed": 8},
}


@pytest.mark.parametrize(("left_out", "dataset"), [("person", "crossed"), ("item", "crossed fewer")])
def test_changes_are_those_that_lme4_finds_without_each_group(left_out, dataset):
    with (REFERENCE / "crossed_lme4.csv").open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    data = [header, *([*row[:2], *map(float, row[2:])] for row in rows)]
    model = fit_formula(data, "s / n ~ x + (1 | person) + (1 | item)", method="ml")
    found, (estimates, std_errors) = influence(model, left_out), coefficients_of(model)
    with (REFERENCE / "influence_lme4.csv").open(encoding="utf-8", newline="") as lines:
        stored = [row for row in csv.DictReader(lines) if row["dataset"] == dataset]
    assert len(stored) == 2 * len(found.groups)
    expected = np.full(found.changes.shape, np.nan)
    for row in stored:
        place = found.groups.index(row["group"]), int(row["coefficient"])
        expected[place] = (float(row["value"]) - estimates[place[1]]) / std_errors[place[1]]
    # Laplace's approximation over both is off by a thousandth of a standard error
    assert_allclose(found.changes, expected, atol=0.003)
    assert np.abs(found.changes).max() > 0.3


@pytest.mark.parametrize("left_out", ["person", "item"])
@pytest.mark.parametrize("name", DATASETS)
def test_changes_and_verdicts_are_those_of_a_fit_without_the_group(name, left_out):
    data = answered(**DATASETS[name])
    model = fit_formula(data, FORMULA, method="ml")
    assert model.fit.active.all()
    found, (estimates, std_errors) = influence(model, left_out), coefficients_of(model)
    before = estimates_of(model).p_values < 0.05
    for group, label in list(enumerate(found.groups))[:: max(1, len(found.groups) // 6)]:
        other = fit_formula(without(data, label, column=left_out), FORMULA, method="ml")
        assert_allclose(found.changes[group], (coefficients_of(other)[0] - estimates) / std_errors, atol=WITHIN)
        assert (found.verdict_changes[group] != "") == ((estimates_of(other).p_values < 0.05) != before).any()


@pytest.mark.parametrize("of_levels", [False, True])
def test_standard_errors_are_those_of_a_fit_without_the_group(of_levels):
    data = answered(**DATASETS["both vary"])
    model = fit_formula(data, FORMULA, method="ml")
    found, std_errors = crossed_deletions(model.design, model.fit, of_levels=of_levels), coefficients_of(model)[1]
    labels = model.observations.crossed.labels if of_levels else model.observations.group_labels
    for group in np.flatnonzero(found.lengths < 0.3)[:3].tolist():
        other = fit_formula(
            without(data, labels[group], column="item" if of_levels else "person"), FORMULA, method="ml"
        )
        assert_allclose(found.ratios[group], coefficients_of(other)[1] / std_errors, rtol=0.01)


@pytest.mark.parametrize("left_out", ["person", "item"])
@pytest.mark.parametrize("name", DATASETS)
def test_the_mode_of_the_posterior_is_followed(name, left_out):
    model = fit_formula(answered(**DATASETS[name]), FORMULA, method="vb")
    found, (estimates, std_errors) = influence(model, left_out), coefficients_of(model)
    observations = model.observations
    index = observations.group_index if left_out == "person" else observations.crossed.index
    for group in range(0, len(found.groups), max(1, len(found.groups) // 4)):
        # on columns that are standardised anew, from a start without what is known of the effects
        other = refit_mode(observations.of_rows(index != group), model.fit.posterior, model.design.scale)
        assert_allclose(found.changes[group], (other.coefficients - estimates) / std_errors, atol=WITHIN)
    assert found.of == "the mode of the posterior"
    assert set(found.notes) == {""}


@pytest.mark.mass
@pytest.mark.parametrize("left_out", ["person", "item"])
def test_verdicts_of_the_default_are_those_of_a_fit_without_the_group(left_out):
    data = answered(persons=25, items=8, coefficients=(0.3, 0.42), seed=12)
    model = fit_formula(data, FORMULA, method="vb")
    found, before = influence(model, left_out), estimates_of(model).p_values
    assert any(found.verdict_changes)
    for group, label in list(enumerate(found.groups))[:: max(1, len(found.groups) // 8)]:
        p_values = estimates_of(fit_formula(without(data, label, column=left_out), FORMULA, method="vb")).p_values
        # one law moved and stretched stands for the other; that of the intercept has another skewness with seven items
        assert_allclose(np.log(found.p_values[group, 1]), np.log(p_values[1]), atol=0.1)
        assert_allclose(np.log(found.p_values[group, 0]), np.log(p_values[0]), atol=0.3)
        clear = np.abs(np.log(p_values / 0.05)) > 0.15
        changed = ((p_values < 0.05) != (before < 0.05)) & clear
        assert not changed.any() or found.verdict_changes[group]


def test_salamanders_are_left_out_by_either_parent():
    model = fit_formula(salamanders(), SALAMANDERS, method="ml")
    females, males = influence(model), influence(model, " male ")
    assert females.rows()[0][0] == "group: Female"
    assert males.rows()[0][0] == "group: Male"
    assert females.observations.tolist() == males.observations.tolist() == [6] * 60
    assert males.groups == model.observations.crossed.labels
    changes = males.changes * estimates_of(model).std_errors
    expected = np.einsum("gi,ij,gj->g", changes, np.linalg.inv(estimates_of(model).covariance), changes) / 4
    assert_allclose(males.cooks_distances, expected, rtol=1e-9)


def test_where_a_variance_is_zero_every_fit_is_made_anew():
    data = answered(persons=12, items=5, sds=(1.0, 0.0), seed=4)
    model = fit_formula(data, FORMULA, method="ml")
    assert model.fit.sds[1] == 0.0
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    assert set(found.notes) == {"fitted anew"}
    for group in (0, 5):
        other = fit_formula(without(data, found.groups[group], column="person"), FORMULA, method="ml")
        assert_allclose(found.changes[group], (coefficients_of(other)[0] - estimates) / std_errors, atol=1e-6)


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_a_group_on_which_a_column_rests_has_blanks_and_the_reason(method):
    data = answered(persons=20, items=6, trials=4)
    data = [[*data[0], "late"], *([*row, float(row[4] == "i5" and place % 2)] for place, row in enumerate(data[1:]))]
    found = influence(fit_formula(data, "y / n ~ x + late + (1 | person) + (1 | item)", method=method), "item")
    assert found.notes[found.groups.index("i5")] == "no fit without it: late rests on this group alone"
    assert np.isnan(found.changes[found.groups.index("i5")]).all()
    assert np.isfinite(np.delete(found.changes, found.groups.index("i5"), axis=0)).all()


def test_what_would_leave_groupings_that_cannot_be_told_apart_is_said():
    data = [["y", "n", "a", "b"], *([2 + place % 3, 6, f"a{place}", f"b{place}"] for place in range(6))]
    data += [[place, 6, f"a{place}", f"b{(place + 1) % 6}"] for place in range(1)]
    model = fit_formula([*data, [4, 6, "a0", "b3"]], "y / n ~ 1 + (1 | a) + (1 | b)", method="vb")
    note = influence(model).notes[0]
    assert note == "no fit without it: a and b could not be told apart"
    two = fit_formula(answered(persons=8, items=2, trials=5), FORMULA, method="vb")
    assert influence(two, "item").notes == ("no fit without it: person and item could not be told apart",) * 2


def test_names_of_no_groups_are_refused_and_so_is_what_takes_many_minutes(monkeypatch):
    model = fit_formula(answered(), FORMULA, method="ml")
    with pytest.raises(InvalidInputError, match=re.escape('left_out must be "person" or "item", the groups that')):
        influence(model, "x")
    monkeypatch.setattr("glmm_binomial.answers.influence.MOST_ROWS_EVALUATED", 2_000)
    with pytest.raises(InvalidInputError) as refused:
        influence(model)
    assert str(refused.value) == (
        "Invalid input: model must be of crossed groups of which fewer are left out, at most 8 of 240 rows. person has "
        '30, which would take many minutes. left_out "item" leaves out the 8 of the other grouping.'
    )
    assert len(influence(model, "item").groups) == 8
    monkeypatch.setattr("glmm_binomial.answers.influence.MOST_ROWS_EVALUATED", 1_000)
    with pytest.raises(InvalidInputError, match=re.escape("item has 8, which would take many minutes.")):
        influence(model, "item")


def test_it_stops_between_groups():
    model = fit_formula(answered(), FORMULA, method="ml")
    asked = 0

    def after_some():
        nonlocal asked
        asked += 1
        return asked > 40

    with pytest.raises(StoppedError), stopping_when(after_some):
        influence(model)
