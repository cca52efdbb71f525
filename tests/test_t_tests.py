"""Student's t in the place of z: which coefficients, how many degrees of freedom, and that the intervals then cover."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit

from glmm_binomial import fit
from glmm_binomial.answers.rows import finished
from glmm_binomial.answers.t_tests import about_degrees_of_freedom, shown, t_tests
from glmm_binomial.answers.table import table
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import observe

GROUPS, SIZE = 8, 6
GROUP = np.repeat(np.arange(GROUPS), SIZE)
GENERATOR = np.random.default_rng(12)
WITHIN = GENERATOR.normal(size=GROUPS * SIZE)
TREATMENT = (GROUP % 2).astype(float)
Y = (GENERATOR.random(GROUPS * SIZE) < expit(0.5 * WITHIN)).astype(float)


def design_of(*columns, slopes=None, fit_intercept=True):
    x = np.column_stack(columns)
    slopes = None if slopes is None else np.column_stack(slopes)
    return build_design(observe(Y, x, GROUP, x_random=slopes, fit_intercept=fit_intercept))


def those_of(design):
    """Names of the coefficients that have a t test, and its degrees of freedom."""
    k = len(design.scale.fixed_names)
    found = t_tests(design, np.ones(k), np.ones(k), alpha=0.05)
    return [design.scale.fixed_names[test.position] for test in found], {test.degrees_of_freedom for test in found}


def test_the_intercept_and_columns_of_whole_groups_are_tested_between_groups():
    # 8 groups less intercept and treatment
    assert those_of(design_of(TREATMENT, WITHIN)) == (["intercept", "x1"], {6})


def test_without_intercept_only_the_columns_of_whole_groups_cost_degrees_of_freedom():
    design = design_of(TREATMENT, 1.0 - TREATMENT, WITHIN, fit_intercept=False)
    assert those_of(design) == (["x1", "x2"], {6})


def test_a_column_with_a_random_slope_is_tested_between_groups_too():
    assert those_of(design_of(TREATMENT, WITHIN, slopes=[WITHIN])) == (["intercept", "x1", "x2"], {6})


@pytest.mark.parametrize(
    "column",
    [WITHIN * TREATMENT, 3.0 - 2.0 * WITHIN, WITHIN + TREATMENT, (WITHIN - WITHIN.mean()) * (1.0 + GROUP)],
)
def test_a_column_that_group_effects_could_imitate_is_tested_between_groups(column):
    names, degrees = those_of(design_of(column, WITHIN**2, slopes=[WITHIN]))
    assert names == ["intercept", "x1"]
    assert degrees == {7}


def test_two_random_slopes_imitate_their_combinations_and_no_others():
    other = WITHIN**2
    names, _ = those_of(design_of(WITHIN - 0.25 * other, WITHIN**3, slopes=[WITHIN, other]))
    assert names == ["intercept", "x1"]


@pytest.mark.parametrize("origin", [0.0, 1e6])
def test_a_small_change_within_one_group_is_a_change_wherever_zero_is(origin):
    moved = TREATMENT + origin
    moved[3] += 0.01
    assert those_of(design_of(moved, WITHIN)) == (["intercept"], {7})


def test_tenths_that_do_not_add_up_to_their_mean_in_double_precision_are_constant():
    assert those_of(design_of(GROUP / 10.0 + 0.1, WITHIN, slopes=[WITHIN + 1e3])) == (["intercept", "x1", "x2"], {6})


def test_p_and_limits_are_those_of_the_published_quantiles_of_t():
    # t with 6 degrees of freedom: 2.446912 at .975, 1.943180 at .95 (Abramowitz & Stegun, table 26.10)
    design = design_of(TREATMENT, WITHIN)
    first, second = t_tests(design, np.array([2.446912, -1.94318, 9.0]), np.ones(3), alpha=0.05)
    assert first.p_value == pytest.approx(0.05, rel=1e-5)
    assert second.p_value == pytest.approx(0.10, rel=1e-5)
    assert [first.ci_lower, first.ci_upper] == pytest.approx([0.0, 2 * 2.446912], abs=1e-6)
    assert [second.ci_lower, second.ci_upper] == pytest.approx([-1.94318 - 2.446912, -1.94318 + 2.446912], abs=1e-6)


# no degrees of freedom


def test_without_degrees_of_freedom_there_is_no_test_and_a_notice_says_why():
    columns = [(group == GROUP).astype(float) for group in range(1, GROUPS)]
    assert those_of(design_of(*columns[:-1], WITHIN))[1] == {1}
    assert not list(about_degrees_of_freedom(design_of(*columns[:-1], WITHIN), "ml"))
    full = design_of(*columns, WITHIN)
    assert those_of(full) == ([], set())
    (notice,) = about_degrees_of_freedom(full, "ml")
    assert notice.startswith("Only differences between groups tell of intercept, x1, x2, x3, x4 and 3 more")
    assert "there are 8 groups for as many coefficients or more" in notice
    assert not list(about_degrees_of_freedom(full, "vb"))


# the rows of the table


def estimates(*, groups, p_by_z, p_by_t, alpha=0.05):
    test = SimpleNamespace(
        position=1, groups=groups, p_value=p_by_t, ci_lower=-0.5, ci_upper=2.0 / 3.0, degrees_of_freedom=groups - 2
    )
    return SimpleNamespace(
        t_tests=(test,),
        p_values=np.array([0.5, p_by_z]),
        fixed_names=("intercept", "dose"),
        alpha=alpha,
    )


def test_with_fewer_than_thirty_groups_every_test_is_shown():
    assert list(shown(estimates(groups=29, p_by_z=0.5, p_by_t=0.51))) == [
        ("t_test: dose", 0.51, "-0.5 to 0.6667, 27 df")
    ]
    assert not list(shown(estimates(groups=30, p_by_z=0.5, p_by_t=0.51)))


def test_with_many_groups_a_test_is_shown_where_the_verdict_differs():
    assert list(shown(estimates(groups=60, p_by_z=0.049, p_by_t=0.054)))
    assert not list(shown(estimates(groups=60, p_by_z=0.049, p_by_t=0.0499)))
    assert not list(shown(estimates(groups=60, p_by_z=0.049, p_by_t=0.054, alpha=0.1)))


def test_the_rows_follow_the_diagnostics_under_ml_alone():
    rows = finished(table(fit_model(Y, np.column_stack([TREATMENT, WITHIN]), GROUP, method="ml")).rows())
    by_name = {row[1]: row for row in rows}
    names = [row[1] for row in rows]
    assert names[names.index("largest_score") + 1 :][:2] == ["t_test: intercept", "t_test: x1"]
    assert "t_test: x2" not in by_name
    # a larger p than by z
    assert by_name["t_test: x1"][2] > by_name["x1"][5]
    assert by_name["t_test: x1"][3].endswith(", 6 df")
    default = finished(table(fit_model(Y, TREATMENT[:, None], GROUP)).rows())
    assert not any(str(row[1]).startswith("t_test") for row in default)


# coverage


@pytest.mark.mass
def test_with_few_groups_intervals_by_t_cover_and_those_by_z_do_not():
    truth, covered = (-0.5, 0.5, 0.5), []
    groups = np.repeat(np.arange(10), 12)
    for seed in range(400):
        generator = np.random.default_rng([seed, 5])
        x = np.column_stack([groups % 2, generator.normal(size=len(groups))])
        eta = truth[0] + x @ truth[1:] + generator.normal(size=10)[groups]
        y = (generator.random(len(groups)) < expit(eta)).astype(float)
        found = fit(y, x, groups, method="ml")
        by_t = [(test.ci_lower, test.ci_upper) for test in found.t_tests]
        by_z = list(zip(found.ci_lower[:2], found.ci_upper[:2], strict=True))
        covered.append([[low <= b <= high for (low, high), b in zip(of, truth, strict=False)] for of in (by_t, by_z)])
    by_t, by_z = np.mean(covered, axis=0)
    # 95 % less or plus four Monte-Carlo errors
    assert (np.abs(by_t - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)).all()
    assert (by_z < 0.925).all()


def test_an_interval_beyond_double_precision_is_left_out():
    design = design_of(TREATMENT)
    (only,) = t_tests(design, np.zeros(2), np.array([1.0, 1e308]), alpha=1e-9)
    assert design.scale.fixed_names[only.position] == "intercept"
