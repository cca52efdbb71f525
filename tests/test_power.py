"""Power of a planned study: against lme4's own simulation, our own fits one by one, and the law of a share."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import beta

import glmm_binomial
from datasets import REFERENCE
from glmm_binomial import InvalidInputError, StoppedError, estimates_of, fit_model, generate, power, stopping_when
from glmm_binomial.answers.power import Power, PowerOfSize
from glmm_binomial.answers.rows import finished
from glmm_binomial.estimation.fitting import fit_cache
from glmm_binomial.observations.plan import read_plan

TWO_GROUPS = {
    "x": [[float(group), row / 10.0] for group in range(2) for row in range(10)],
    "groups": [[group] for group in range(2) for _ in range(10)],
    "coefficients": [[-1.0, 0.8, 1.0]],
    "std_devs": 1.0,
}
"""Ten rows each, of which one is treated; x2 is 0, .1 ... .9 within each."""


def repeated(groups):
    """x and groups of the study with so many groups, written out."""
    x = [[float(group % 2), row / 10.0] for group in range(groups) for row in range(10)]
    return {**TWO_GROUPS, "x": x, "groups": [[group] for group in range(groups) for _ in range(10)]}


# --- against others ---------------------------------------------------------------------------------------------------


def lme4():
    with (REFERENCE / "power_lme4.csv").open(encoding="utf-8", newline="") as lines:
        return {(int(row["groups"]), row["term"]): row for row in csv.DictReader(lines)}


@pytest.mark.mass
@pytest.mark.simulation
@pytest.mark.parametrize(
    ("test", "n_sim"),
    [("x2", 100), pytest.param("x1", 1000, marks=pytest.mark.mass), pytest.param("x2", 1000, marks=pytest.mark.mass)],
)
def test_power_is_that_of_a_simulation_of_lme4(test, n_sim):
    for found in power(**TWO_GROUPS, test=test, n_groups=[[20, 40]], n_sim=n_sim).sizes:
        reference = lme4()[found.groups, test]
        simulations = int(reference["simulations"])
        share = int(reference["significant"]) / simulations
        # four standard errors of the difference of two shares
        error = math.sqrt(share * (1.0 - share) * (1.0 / n_sim + 1.0 / simulations))
        assert abs(found.power - share) < 4.0 * error


def test_each_study_is_fitted_and_tested_as_its_table_would():
    study = repeated(14)
    outcomes = generate(**study, n_sim=25, seed=3).responses
    tables = [estimates_of(fit_model(y, study["x"], study["groups"], method="ml")) for y in outcomes.T]
    for test, place in (("x1", 1), ("x2", 2)):
        (found,) = power(**study, test=test, n_sim=25, seed=3, alpha=0.2).sizes
        assert found.significant == sum(table.p_values[place] < 0.2 for table in tables)
        by_t = [each.p_value for table in tables for each in table.t_tests if each.position == place]
        assert found.significant_by_t == (sum(p < 0.2 for p in by_t) if by_t else None)
        assert 0 < found.significant < 25
    assert len(by_t) == 0


def test_slopes_that_have_a_standard_deviation_are_fitted():
    study = {**repeated(12), "std_devs": [[1.0, 0.0, 1.5]]}
    outcomes = generate(**study, n_sim=8).responses
    slope = [row[1:] for row in study["x"]]
    tables = [estimates_of(fit_model(y, study["x"], study["groups"], slope, method="ml")) for y in outcomes.T]
    (found,) = power(**study, test="x2", n_sim=8, alpha=0.3).sizes
    assert found.significant == sum(table.p_values[2] < 0.3 for table in tables)
    assert found.significant_by_t is not None


def test_the_interval_is_clopper_and_pearsons():
    for significant, simulations in ((0, 40), (7, 40), (40, 40)):
        lower, upper = PowerOfSize(10, 100, simulations, 0, significant, None).interval
        assert_allclose(lower, beta.ppf(0.025, significant, simulations - significant + 1) if significant else 0.0)
        assert_allclose(
            upper, beta.ppf(0.975, significant + 1, simulations - significant) if significant < simulations else 1.0
        )


@pytest.mark.mass
@pytest.mark.simulation
def test_without_an_effect_few_studies_are_significant():
    study = {**repeated(40), "coefficients": [[-0.5, 0.0, 0.0]]}
    for test in ("x1", "x2"):
        (found,) = power(**study, test=test, n_sim=1000).sizes
        # five in a hundred and four standard errors; 40 groups are a little too few for z
        assert 0.02 < found.power < 0.05 + 4.0 * math.sqrt(0.05 * 0.95 / 1000) + 0.01


# --- numbers of groups ------------------------------------------------------------------------------------------------


def test_the_groups_of_x_are_taken_again_and_again():
    plan = read_plan([[1.0], [2.0], [3.0], [4.0], [5.0]], [["a"], ["b"], ["a"], ["c"], ["c"]], [[0, 1]], 1.0)
    found = plan.with_groups(8)
    assert found.x[:, 0].tolist() == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3]
    assert found.groups.index.tolist() == [0, 1, 0, 2, 2, 3, 4, 3, 5, 5, 6, 7, 6]
    assert found.size == 8
    assert len(found.predictor) == len(found.trials) == plan.rows_with_groups(8) == 13
    fewer = plan.with_groups(2)
    assert fewer.x[:, 0].tolist() == [1, 2, 3]
    assert fewer.groups.index.tolist() == [0, 1, 0]


def test_a_study_of_repeated_groups_is_the_study_written_out():
    short, whole = (power(**study, test="x2", n_groups=6, n_sim=10) for study in (TWO_GROUPS, repeated(6)))
    assert short == whole
    assert short.sizes[0].observations == 60


def test_one_group_may_stand_for_all():
    one = {"x": [[float(row)] for row in range(8)], "groups": [["a"]] * 8, "coefficients": [[0, 0.5]], "std_devs": 1.0}
    assert [each.groups for each in power(**one, test="x1", n_groups=[[5.0], [9.0]], n_sim=3).sizes] == [5, 9]
    with pytest.raises(InvalidInputError, match="n_groups must be given where x has one group"):
        power(**one, test="x1")


def test_more_simulations_go_on_from_fewer_and_the_seed_decides():
    few, many, other = (
        power(**repeated(8), test="x2", n_sim=n, seed=seed, alpha=0.4).sizes[0].significant
        for n, seed in ((15, 1), (30, 1), (30, 2))
    )
    assert few <= many <= few + 15
    assert many != other


# --- what cannot be fitted, and what cannot be used -------------------------------------------------------------------


def test_studies_without_a_fit_count_as_not_significant_and_are_told():
    rare = {**TWO_GROUPS, "coefficients": [[-3.0, 0.0, 0.0]]}
    found = power(**rare, test="x1", n_groups=4, n_sim=40)
    (size,) = found.sizes
    assert size.observations == 40
    outcomes = generate(**{**repeated(4), "coefficients": [[-3.0, 0.0, 0.0]]}, n_sim=40).responses
    never = int((outcomes.sum(axis=0) == 0).sum())
    assert 0 < never < size.not_fitted < 40
    assert size.power == size.significant / 40
    rows = finished(found.rows())
    assert rows[1][3] == size.not_fitted
    assert rows[2][0] == "note"
    assert rows[2][1].startswith("not_fitted counts studies whose outcomes are all the same")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": "x3"}, "test must be the name of a column of x. There is no x3; x has x1 and x2."),
        ({"test": None}, "test must be the name of a column of x. It is blank; x has x1 and x2."),
        ({"test": 1.0}, "test must be the name of a column of x. It is 1"),
        ({"test": [["x1"], ["x2"]]}, "test must be the name of a column of x. It holds 2 names"),
        ({"n_groups": 1}, "n_groups must hold whole numbers from 2 to 100,000. One is 1."),
        ({"n_groups": [[4.0, 2.5]]}, "n_groups must hold whole numbers from 2 to 100,000. One is 2.5."),
        ({"n_groups": [[4.0, 5.0]] * 2}, "n_groups must be one number, or a row or a column of at most 100."),
        ({"n_groups": "many"}, "n_groups[0][0] must be numeric."),
        ({"alpha": 5.0}, "alpha must be between 0 and 1. It is 5"),
        ({"n_sim": 0}, "n_sim must be a whole number from 1 to 10000. It is 0."),
        ({"n_sim": 10_000, "n_groups": 5_000}, "n_sim must keep the number of simulated responses to 100,000,000."),
        ({"coefficients": [[0.0, 1.0]]}, "coefficients must be a row or a column of 3 numbers, the intercept first"),
        (
            {"x": [["dose", "dose"], *TWO_GROUPS["x"]], "groups": [["id"], *TWO_GROUPS["groups"]], "test": "dose"},
            "test must name one column of x. 2 of them are called dose.",
        ),
        ({"x": [[1.0, row[1]] for row in TWO_GROUPS["x"]]}, "with n_groups of 20, x must not have a constant column"),
    ],
)
def test_what_cannot_be_used_is_refused(changes, message):
    with pytest.raises(InvalidInputError) as refused:
        power(**{**TWO_GROUPS, "test": "x1", "n_groups": 20, "n_sim": 2, **changes})
    assert str(refused.value).startswith(f"Invalid input: {message}")


# --- the cell ---------------------------------------------------------------------------------------------------------


def test_the_table_is_that_of_the_fields():
    sizes = (PowerOfSize(20, 200, 100, 3, 50, None), PowerOfSize(40, 400, 100, 0, 80, 75))
    rows = finished(Power(test="dose", alpha=0.05, sizes=sizes, counted="").rows())
    assert rows[0][:9] == [
        "groups", "observations", "simulations", "not_fitted", "significant", "power", "ci_lower", "ci_upper",
        "power_t_test",
    ]  # fmt: skip
    assert rows[0][9].startswith("dose significant at alpha 0.05 by Wald's test, method ml")
    assert rows[1][:6] == [20.0, 200.0, 100.0, 3.0, 50.0, 0.5]
    assert rows[1][8:] == [None, None]
    assert rows[2][5] == 0.8
    assert rows[2][8] == 0.75
    assert [row[0] for row in rows[3:]] == ["note", "note"]


def test_names_in_the_header_are_those_of_the_tests():
    named = {
        **TWO_GROUPS,
        "x": [["treated", "dose"], *TWO_GROUPS["x"]],
        "groups": [["id"], *TWO_GROUPS["groups"]],
        "n_groups": 6,
        "n_sim": 5,
    }
    rows = glmm_binomial.glmm_binomial_power(**named, test=" dose ")
    assert rows[1] == glmm_binomial.glmm_binomial_power(**TWO_GROUPS, test="x2", n_groups=6, n_sim=5)[1]


def test_it_stops_between_studies_and_keeps_no_fit():
    asked = 0

    def after_many():
        nonlocal asked
        asked += 1
        return asked > 300

    with pytest.raises(StoppedError), stopping_when(after_many):
        power(**TWO_GROUPS, test="x1", n_groups=20)
    power(**TWO_GROUPS, test="x1", n_groups=6, n_sim=3)
    assert len(fit_cache._results) == 0


def test_the_same_arguments_give_the_same_power():
    first, again = (power(**TWO_GROUPS, test="x1", n_groups=8, n_sim=20, alpha=0.5) for _ in range(2))
    assert first == again
    assert np.isfinite(first.sizes[0].interval).all()
