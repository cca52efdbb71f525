"""What a model owes to the groups above nested ones: against lme4, our own fits without each, what cannot be known."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from numpy.testing import assert_allclose

from datasets import REFERENCE
from glmm_binomial import estimates_of, fit_formula, influence
from glmm_binomial.estimation.deletion import deletions
from test_influence import WITHIN, coefficients_of
from test_nested import immunisation, pupils

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


def test_changes_are_those_that_lme4_finds_without_each_school():
    with (REFERENCE / "nested_lme4.csv").open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    data = [header, *([float(cell) for cell in row] for row in rows)]
    model = fit_formula(data, "s / n ~ x + (1 | school/class)", method="ml")
    found, (estimates, std_errors) = influence(model), coefficients_of(model)
    with (REFERENCE / "influence_lme4.csv").open(encoding="utf-8", newline="") as lines:
        stored = [row for row in csv.DictReader(lines) if row["dataset"] == "nested"]
    expected = np.full((20, 2), np.nan)
    for row in stored:
        place = found.groups.index(float(row["group"])), int(row["coefficient"])
        expected[place] = (float(row["value"]) - estimates[place[1]]) / std_errors[place[1]]
    anew = np.array(found.notes) == "fitted anew"
    assert 0 < anew.sum() < 20
    # Laplace's approximation is off by some thousandths of a standard error
    assert_allclose(found.changes[anew], expected[anew], atol=0.004)
    assert_allclose(found.changes[~anew], expected[~anew], atol=WITHIN)


@pytest.mark.mass
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
