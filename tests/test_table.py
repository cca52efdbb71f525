"""The table to the letter, and the arithmetic of what it shows, from hand-built results rather than from a fit."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from glmm_binomial import glmm_binomial
from glmm_binomial.answers.estimates import Estimates, estimate
from glmm_binomial.answers.overdispersion import Dispersion
from glmm_binomial.answers.rows import finished
from glmm_binomial.answers.table import Table
from glmm_binomial.estimation.fit import Fit
from glmm_binomial.model.design import Design, Scale
from glmm_binomial.observations import Observations, Options
from glmm_binomial.observations.handed_over import all_used


def hand_built(kind, **values):
    """Build a result of which only the given fields matter; the others are None."""
    return kind(**{field.name: values.get(field.name) for field in fields(kind)})


def estimates(**changes):
    values = {
        "method": "vb",
        "fixed_names": ("intercept", "dose"),
        "coefficients": np.array([0.5, -1.25]),
        "covariance": np.diag([0.04, 0.0625]),
        "std_errors": np.array([0.2, 0.25]),
        "z_statistics": np.array([2.5, -5.0]),
        "p_values": np.array([0.0124, 1e-40]),
        "ci_lower": np.array([0.1, -1.75]),
        "ci_upper": np.array([0.9, -0.75]),
        "odds_ratios": np.array([1.648, 0.2865]),
        "random_names": ("intercept", "week"),
        "std_devs": np.array([0.5, 2.0]),
        "variances": np.array([0.25, 4.0]),
        "log_sd_std_errors": np.array([0.3, 0.4]),
        "group_labels": ("a", "b", 7.0),
        "random_effects": np.zeros((3, 2)),
        "log_likelihood": -100.5,
        "aic": 209.0,
        "bic": 215.5,
        "alpha": 0.05,
        "observations": 60,
        "trials": None,
        "icc": 0.0706,
        "nodes": 32,
        "converged": True,
        "largest_score": 1e-12,
        "notices": (),
        "t_tests": (),
    }
    return hand_built(Estimates, **values | changes)


def section(rows, title):
    """Return the rows below a header row, up to the next row with something in its first column."""
    first = next(i for i, row in enumerate(rows) if row[0] == title) + 1
    below = rows[first:]
    return below[: next((i for i, row in enumerate(below) if row[0] != ""), len(below))]


def test_the_rows_down_to_bic_are_those_of_the_contract():
    nothing = [None] * 5
    assert finished(Table(estimates()).rows())[:9] == [
        [
            "fixed_effects",
            "parameter",
            "coefficient",
            "std_error",
            "z_statistic",
            "p_value",
            "ci_lower",
            "ci_upper",
            "odds_ratio",
        ],
        ["", "intercept", 0.5, 0.2, 2.5, 0.0124, 0.1, 0.9, 1.648],
        ["", "dose", -1.25, 0.25, -5.0, 1e-40, -1.75, -0.75, 0.2865],
        ["random_effects", "parameter", "variance", "std_dev", *nothing],
        ["", "intercept", 0.25, 0.5, *nothing],
        ["", "week", 4.0, 2.0, *nothing],
        ["log_likelihood", -100.5, None, None, *nothing],
        ["aic", 209.0, None, None, *nothing],
        ["bic", 215.5, None, None, *nothing],
    ]


def test_the_diagnostics_follow_with_method_and_convergence_first():
    rows = finished(Table(estimates()).rows())
    assert rows[9] == ["diagnostics", "parameter", "value", *[None] * 6]
    shown = {row[1]: row[2] for row in section(rows, "diagnostics")}
    assert list(shown)[:2] == ["method", "converged"]
    assert shown["method"] == "vb"
    assert shown["converged"] is True
    assert shown["observations"] == 60.0
    assert shown["groups"] == 3.0
    assert shown["icc"] == 0.0706
    assert shown["quadrature_nodes"] == 32.0


def test_every_row_has_nine_columns_and_holds_text_floats_booleans_or_nothing():
    for row in finished(Table(estimates(notices=("Beware.",), trials=842)).rows()):
        assert type(row) is list
        assert len(row) == 9
        assert {type(cell) for cell in row} <= {str, float, bool, type(None)}


def test_padding_is_at_the_end_of_a_row_only():
    for row in finished(Table(estimates(notices=("Beware.",))).rows()):
        filled = [cell is not None for cell in row]
        assert filled == sorted(filled, reverse=True)


def test_each_warning_is_a_row_at_the_end_in_the_order_given():
    rows = finished(Table(estimates(notices=("First.", "Second."))).rows())
    assert rows[-2:] == [["warning", "First.", *[None] * 7], ["warning", "Second.", *[None] * 7]]
    assert [row[0] for row in rows].count("warning") == 2


def test_without_warnings_there_is_no_such_row():
    assert "warning" not in [row[0] for row in finished(Table(estimates()).rows())]


@pytest.mark.parametrize(
    ("notices", "said"),
    [((), ""), (("One.",), "1 warning below"), (("One.", "Two.", "Three."), "3 warnings below")],
)
def test_the_first_coefficient_says_how_many_warnings_stand_below_and_no_other_row_does(notices, said):
    begins = [row[0] for row in finished(Table(estimates(notices=notices)).rows())]
    assert begins[:6] == ["fixed_effects", said, "", "random_effects", "", ""]
    assert begins.count("warning") == len(notices)


@pytest.mark.parametrize("method", ["vb", "ml"])
def test_a_fit_by_either_method_counts_its_warnings_beside_its_first_coefficient(method):
    y, x = [[i % 2] for i in range(24)], [[i % 3] for i in range(24)]
    labels = [["ABCDEF"[i // 4]] for i in range(24)]
    alike = [["ABCDEe"[i // 4]] for i in range(24)]
    shown = [glmm_binomial(y, x, groups, method=method) for groups in (labels, alike)]
    counts = [sum(row[0] == "warning" for row in rows) for rows in shown]
    assert counts[1] == counts[0] + 1
    said = {0: "", 1: "1 warning below", 2: "2 warnings below", 3: "3 warnings below"}
    assert [rows[1][0] for rows in shown] == [said[count] for count in counts]


def test_without_intercept_there_is_no_row_for_a_fixed_one():
    rows = finished(
        Table(
            estimates(
                fixed_names=("dose",),
                **{
                    name: np.array([1.0])
                    for name in (
                        "coefficients",
                        "std_errors",
                        "z_statistics",
                        "p_values",
                        "ci_lower",
                        "ci_upper",
                        "odds_ratios",
                    )
                },
            )
        ).rows()
    )
    assert [row[1] for row in section(rows, "fixed_effects")] == ["dose"]


def test_the_sum_of_trials_is_shown_when_there_are_trials():
    assert ["", "trials", 842.0] in [row[:3] for row in finished(Table(estimates(trials=842)).rows())]
    assert "trials" not in [row[1] for row in finished(Table(estimates()).rows())]


def test_a_laplace_approximation_is_called_that():
    assert ["", "quadrature_nodes", "laplace"] in [row[:3] for row in finished(Table(estimates(nodes=None)).rows())]


def test_what_did_not_converge_says_so():
    assert ["", "converged", False] in [row[:3] for row in finished(Table(estimates(converged=False)).rows())]


def test_the_dispersion_of_counts_is_shown_with_its_law():
    found = Dispersion(ratio=2.5, expected=0.9731, largest=1.234)
    rows = finished(Table(estimates(dispersion=found)).rows())
    shown = {row[1]: row[2] for row in section(rows, "diagnostics")}
    assert list(shown)[-3:] == ["dispersion", "dispersion_expected", "dispersion_limit"]
    assert [shown[name] for name in list(shown)[-3:]] == [2.5, 0.9731, 1.234]
    assert "dispersion" not in [row[1] for row in finished(Table(estimates()).rows())]


def test_numbers_keep_all_their_digits():
    third = 1.0 / 3.0
    assert finished(Table(estimates(log_likelihood=-third)).rows())[6][1] == -third


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_excel_cannot_show_as_a_number_is_left_blank(number):
    assert finished(Table(estimates(odds_ratios=np.array([1.0, number]))).rows())[2][8] is None


# the arithmetic of the table, from a hand-built fit ---------------------------------------------------------------


def estimated(
    *, alpha=0.05, trials_given=False, intercept=True, coefficients=(2.0, 4.0), sds=(1.5, 3.0), **fit_changes
):
    """Estimate from ten rows in two groups; x was divided by 2 after 3 was taken off, x_random divided by 6."""
    count = len(coefficients) + len(sds)
    observations = hand_built(
        Observations,
        handed_over=all_used(2),
        successes=np.array([0.0, 1.0] * 5),
        trials=np.full(10, 3.0 if trials_given else 1.0),
        trials_given=trials_given,
        x_random=np.tile([[0.0], [1.0]], (5, 1)),
        group_labels=("a", "b"),
        options=Options(fit_intercept=intercept, alpha=alpha, method="vb"),
    )
    scale = Scale(
        back_transform=np.array([[1.0, -3.0 / 2.0], [0.0, 1.0 / 2.0]]),
        random_back_transform=np.diag([1.0, 1.0 / 6.0]),
        correlated=False,
        nested=False,
        crossed=False,
        random_intercept=True,
        intercept=intercept,
        fixed_names=("intercept", "dose"),
        random_names=("intercept", "week"),
    )
    design = hand_built(Design, scale=scale, log_binomial=7.0)
    values = {
        "method": "vb",
        "coefficients": np.array(coefficients),
        "sds": np.array(sds),
        "covariance_root": np.diag([0.1, 0.2, 0.3, 0.4][:count]),
        "random_effects": np.array([[1.0, 6.0], [-1.0, -12.0]]),
        "random_covariance": np.zeros((2, 2, 2)),
        "cross_covariance": np.zeros((2, 2, 4)),
        "log_likelihood": -57.0,
        "nodes": 16,
        "quadrature_settled": True,
        "distance": 0.0,
        "largest_score": 0.0,
    }
    return estimate(observations, design, hand_built(Fit, **values | fit_changes), found=(), dispersion=None)


def test_coefficients_go_back_by_the_exact_linear_map():
    found = estimated()
    # b1 = 4 / 2; b0 = 2 - 3 * 4 / 2; Var b1 = .04 / 4; Var b0 = .01 + .04 * 9 / 4; Cov = -.04 * 3 / 4
    assert found.coefficients == pytest.approx([-4.0, 2.0], rel=1e-15)
    assert found.covariance == pytest.approx(np.array([[0.1, -0.03], [-0.03, 0.01]]), rel=1e-14)
    assert found.std_errors == pytest.approx([math.sqrt(0.1), 0.1], rel=1e-14)


def test_z_interval_and_odds_ratio_follow_from_coefficient_and_standard_error():
    found = estimated()
    assert found.z_statistics[1] == pytest.approx(20.0)
    # the 97.5 % point of the normal distribution
    assert found.ci_lower[1] == pytest.approx(2.0 - 1.959963984540054 * 0.1, rel=1e-14)
    assert found.ci_upper[1] == pytest.approx(2.0 + 1.959963984540054 * 0.1, rel=1e-14)
    assert found.odds_ratios == pytest.approx(np.exp([-4.0, 2.0]), rel=1e-14)


def test_alpha_sets_the_width_of_the_interval():
    # 1.6448536... for 90 %, 0.6744897... for 50 %
    assert estimated(alpha=0.1).ci_upper[1] == pytest.approx(2.0 + 1.6448536269514722 * 0.1, rel=1e-14)
    assert estimated(alpha=0.5).ci_upper[1] == pytest.approx(2.0 + 0.6744897501960817 * 0.1, rel=1e-14)


def test_a_p_value_of_1e_minus_88_is_not_zero():
    # z = 20: twice the upper tail of the standard normal, 2.7536e-89 (Abramowitz & Stegun 26.2.12 to five digits)
    assert estimated().p_values[1] == pytest.approx(2 * 2.75362e-89, rel=1e-5)
    assert finished(Table(estimated()).rows())[2][5] == estimated().p_values[1]
    assert estimated(coefficients=(2.0, -4.0)).p_values[1] == estimated().p_values[1]


def test_a_coefficient_of_zero_has_a_p_value_of_one():
    assert estimated(coefficients=(0.0, 0.0)).p_values == pytest.approx([1.0, 1.0])


def test_standard_deviations_go_back_to_the_unit_of_x_random():
    found = estimated()
    assert found.std_devs == pytest.approx([1.5, 0.5])
    assert found.variances == pytest.approx([2.25, 0.25])
    assert found.random_effects == pytest.approx(np.array([[1.0, 1.0], [-1.0, -2.0]]))


def test_aic_and_bic_count_fixed_effects_and_variance_components_and_rows_of_data():
    # log L = -57 + 7, four parameters, ten rows (thirty trials)
    for given in (False, True):
        found = estimated(trials_given=given)
        assert found.log_likelihood == -50.0
        assert found.aic == pytest.approx(100.0 + 2 * 4, rel=1e-15)
        assert found.bic == pytest.approx(100.0 + math.log(10) * 4, rel=1e-15)
        assert found.observations == 10
        assert found.trials == (30 if given else None)


def test_the_icc_is_that_of_the_random_intercept_on_the_latent_scale():
    assert estimated().icc == pytest.approx(2.25 / (2.25 + math.pi**2 / 3), rel=1e-15)
    assert estimated(sds=(0.0, 3.0)).icc == 0.0


def test_an_odds_ratio_beyond_double_precision_is_blank_in_the_table():
    found = estimated(coefficients=(0.0, 2000.0))
    assert found.odds_ratios[1] == math.inf
    assert finished(Table(found).rows())[2][8] is None


def test_a_standard_deviation_of_zero_is_shown_as_zero():
    shown = section(finished(Table(estimated(sds=(0.0, 3.0))).rows()), "random_effects")
    assert shown[0][:4] == ["", "intercept", 0.0, 0.0]
