"""What a model owes to groups of two kinds: against lme4, our own fits without each, and what cannot be known."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from datasets import REFERENCE
from glmm_binomial import InvalidInputError, estimates_of, fit_formula, fit_model, influence
from glmm_binomial.estimation.conditional_modes import find_modes
from glmm_binomial.estimation.deletion import deletions
from glmm_binomial.estimation.integrator import Integrator
from glmm_binomial.estimation.left_out import LeftOut
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.grouping import Grouping
from test_influence import WITHIN, coefficients_of
from test_nested import immunisation, pupils, rows_of

FORMULA = "s / n ~ x + z + (1 | school/class)"
DATASETS = {
    "both vary": {"schools": 12, "classes": 4, "trials": 3},
    "single outcomes": {"schools": 20, "rows": 5},
    "classes alike": {"schools": 10, "rows": 6, "trials": 2, "sds": (1.0, 0.0)},
    "schools alike": {"schools": 14, "rows": 6, "trials": 2, "sds": (0.0, 0.8)},
}


def without(data, label, *, column="school"):
    place = data[0].index(column)
    return [row for row in data if row[place] != label]


@pytest.mark.parametrize(("left_out", "dataset"), [("school", "nested"), ("label", "nested lower")])
def test_changes_are_those_that_lme4_finds_without_each_group(left_out, dataset):
    with (REFERENCE / "nested_lme4.csv").open(encoding="utf-8", newline="") as lines:
        rows = [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(lines)]
    data = [[*rows[0], "label"], *([*row.values(), 6.0 * row["school"] - 6.0 + row["class"]] for row in rows)]
    model = fit_formula(data, "s / n ~ x + (1 | school) + (1 | label)", method="ml")
    found, (estimates, std_errors) = influence(model, left_out), coefficients_of(model)
    with (REFERENCE / "influence_lme4.csv").open(encoding="utf-8", newline="") as lines:
        stored = [row for row in csv.DictReader(lines) if row["dataset"] == dataset]
    expected = np.full(found.changes.shape, np.nan)
    for row in stored:
        place = found.groups.index(float(row["group"])), int(row["coefficient"])
        expected[place] = (float(row["value"]) - estimates[place[1]]) / std_errors[place[1]]
    anew = np.array(found.notes) == "fitted anew"
    assert 0 < anew.sum() < len(anew)
    # Laplace's approximation is off by some thousandths of a standard error
    assert_allclose(found.changes[anew], expected[anew], atol=0.004)
    assert_allclose(found.changes[~anew], expected[~anew], atol=WITHIN)


@pytest.mark.mass
@pytest.mark.simulation
@pytest.mark.parametrize("method", ["ml", "vb"])
@pytest.mark.parametrize("name", DATASETS)
def test_changes_and_verdicts_are_those_of_a_fit_without_the_school(name, method):
    data = pupils(**DATASETS[name])
    model = fit_formula(data, FORMULA, method=method)
    if method == "ml" and name.endswith("alike"):
        assert model.fit.sds[int(name == "classes alike")] == 0.0
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    before = estimates_of(model).p_values < 0.05
    for group, label in list(enumerate(found.groups))[:: 2 if method == "ml" else 6]:
        other = fit_formula(without(data, label), FORMULA, method=method)
        assert_allclose(found.changes[group], (coefficients_of(other)[0] - estimates) / std_errors, atol=WITHIN)
        assert (found.verdict_changes[group] != "") == ((estimates_of(other).p_values < 0.05) != before).any()


@pytest.mark.mass
@pytest.mark.parametrize(
    ("name", "method"),
    [
        pytest.param(
            name, method, marks=[pytest.mark.simulation] if (name, method) == ("single outcomes", "vb") else []
        )
        for name in DATASETS
        for method in ("ml", "vb")
    ],
)
def test_changes_are_those_of_a_fit_without_the_class(name, method):
    data = pupils(**DATASETS[name])
    model = fit_formula(data, FORMULA, method=method)
    found, (estimates, std_errors) = influence(model, "school:class"), coefficients_of(model)
    assert found.groups == model.observations.group_labels
    for group, label in list(enumerate(found.groups))[:: 7 if method == "ml" else 19]:
        rest = [data[0], *(row for row in data[1:] if f"{row[0]}:{row[1]}" != label)]
        other = coefficients_of(fit_formula(rest, FORMULA, method=method))[0]
        assert_allclose(found.changes[group], (other - estimates) / std_errors, atol=WITHIN)


def test_a_school_of_one_class_is_left_out_as_its_class_is():
    data = [row for row in pupils(schools=10, trials=3) if row[:2] not in (["s4", 1], ["s4", 2])]
    model = fit_formula(data, FORMULA, method="ml")
    of_schools, of_classes = (deletions(model.design, model.fit, lower=lower) for lower in (False, True))
    place = model.observations.group_labels.index("s4:0")
    assert_allclose(of_classes.changes[place], of_schools.changes[4], rtol=1e-9)
    assert_allclose(of_classes.ratios[place], of_schools.ratios[4], rtol=1e-9)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("active", [(True, True), (True, False), (False, True)])
def test_the_score_that_is_lost_is_that_of_all_rows_less_that_of_the_others(active, lower):
    rows = rows_of(pupils(trials=3))
    upper, varies = rows.upper, np.array(active)
    point = Parameters(np.array([0.2, 0.5, -0.3]), IndependentEffects(np.array([-0.2, 0.3])[varies]))
    none = np.zeros((rows.grouping.count, int(varies.sum())))
    likelihood = LeftOut(rows.with_effects(varies), point, none, upper=upper, lower=lower)
    lost = likelihood.lost(likelihood.state)
    assert len(lost) == (rows.grouping.count if lower else upper.count)
    for group in range(0, len(lost), 3):
        members = np.arange(rows.grouping.count) if lower else upper.index
        kept = np.flatnonzero(members != group)
        others = replace(rows.of_groups(kept), upper=Grouping.of_sorted(upper.index[kept])).with_effects(varies)
        found = find_modes(others, point, none[kept])
        expected = likelihood.state.score - Integrator(others, point, found).evaluate_point().score
        assert_allclose(lost[group], expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("effect", "sds", "seed", "schools"), [(1, (0.8, 0.3), 1, (3, 9)), (0, (0.3, 0.8), 2, (5, 7, 8))]
)
def test_no_step_is_taken_to_where_a_variance_is_zero_no_longer(effect, sds, seed, schools):
    data = pupils(schools=10, rows=5, trials=2, sds=sds, seed=seed)
    model = fit_formula(data, FORMULA, method="ml")
    assert model.fit.sds[effect] == 0.0
    lengths = deletions(model.design, model.fit).lengths
    assert np.isfinite(lengths).sum() > 2
    for school in schools:
        assert fit_formula(without(data, f"s{school}"), FORMULA, method="ml").fit.sds[effect] > 0.0
        assert np.isinf(lengths[school])


@pytest.mark.mass
@pytest.mark.simulation
def test_communities_are_left_out_of_published_data():
    header, *rows = immunisation()
    place = header.index("comm")
    kept = sorted({row[place] for row in rows}, key=float)[:24]
    data = [header, *(row for row in rows if row[place] in kept)]
    formula = "immun ~ kid2p + rural + (1 | comm/mom)"
    model = fit_formula(data, formula, method="ml")
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    steps = [group for group, note in enumerate(found.notes) if not note]
    assert len(steps) > 4
    for group in steps[:: len(steps) // 4]:
        other = fit_formula(without(data, found.groups[group], column="comm"), formula, method="ml")
        assert_allclose(found.changes[group], (coefficients_of(other)[0] - estimates) / std_errors, atol=WITHIN)


def test_the_header_names_the_groups_that_are_left_out():
    found = influence(fit_formula(pupils(), FORMULA, method="ml"))
    assert found.groups == tuple(f"s{school}" for school in range(7))
    assert found.observations.tolist() == [12] * 7
    assert found.rows()[0][:3] == ("group: school", "observations", "cooks_distance")
    lower = influence(fit_formula(pupils(), FORMULA, method="ml"), " School:CLASS ")
    assert lower.rows()[0][0] == "group: school:class"
    assert lower.observations.tolist() == [4] * 21


@pytest.mark.parametrize(
    ("random", "left_out", "message"),
    [
        ("(1 | school/class)", "class", 'left_out must be "school" or "school:class", the groups that are left out in'),
        ("(1 | school)", 3.0, 'left_out must be "school", the groups that are left out in turn. It is 3.'),
    ],
)
def test_names_of_no_groups_are_refused(random, left_out, message):
    model = fit_formula(pupils(), f"s / n ~ x + {random}", method="ml")
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        influence(model, left_out)


def test_groups_of_one_kind_may_be_named_and_those_of_ranges_have_no_name():
    model = fit_formula(pupils(), "s / n ~ x + (1 | school)", method="ml")
    assert_allclose(influence(model, "school").changes, influence(model).changes)
    of_ranges = fit_model([[0.0], [1.0]] * 6, None, [[place // 4] for place in range(12)])
    with pytest.raises(InvalidInputError, match="left_out must be empty where a model is of ranges"):
        influence(of_ranges, "school")


def test_cooks_distance_is_the_change_measured_by_the_covariance_of_all_data():
    model = fit_formula(pupils(trials=3), FORMULA, method="ml")
    found, estimates = influence(model), estimates_of(model)
    changes = found.changes * estimates.std_errors
    expected = np.einsum("gi,ij,gj->g", changes, np.linalg.inv(estimates.covariance), changes) / 3
    assert_allclose(found.cooks_distances, expected, rtol=1e-9)


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_a_school_on_which_a_column_rests_has_blanks_and_the_reason(method):
    data = pupils(trials=3)
    # z is 1 in one class of the last school only
    data = [data[0], *([*row[:3], float(row[:2] == ["s6", 1]), *row[4:]] for row in data[1:])]
    found = influence(fit_formula(data, FORMULA, method=method))
    assert found.notes[6] == "no fit without it: z rests on this group alone"
    assert np.isnan(found.changes[6]).all()
    assert np.isfinite(found.changes[:6]).all()


def test_two_schools_and_one_that_alone_has_several_classes_leave_nothing():
    found = influence(fit_formula(pupils(schools=2, trials=3), "s / n ~ x + (1 | school/class)"))
    assert found.notes == ("no fit without it: one group is left",) * 2
    data = pupils(schools=8, trials=4)
    data = [data[0], *([row[0], row[1] * (row[0] == "s3"), *row[2:]] for row in data[1:])]
    note = influence(fit_formula(data, FORMULA, method="ml")).notes[3]
    assert note == "no fit without it: how much school:class differs within school rests on this group alone"
