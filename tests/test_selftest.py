import json
from importlib.metadata import PackageNotFoundError, version

import pytest

from glmm_binomial import __version__, glmm_binomial_selftest
from glmm_binomial.__main__ import main
from glmm_binomial.answers.rows import finished
from glmm_binomial.certified import selftest
from glmm_binomial.certified.selftest import HEADER, Comparison, Selftest


@pytest.fixture(scope="module")
def outcome():
    return selftest.selftest()


@pytest.mark.mass
def test_every_certified_number_has_the_digits_it_needs(outcome):
    assert outcome.passes
    assert len(outcome.comparisons) > 60
    assert min(each.correct_digits for each in outcome.comparisons if each.needed_digits == 8.0) >= 8.0


def test_every_data_set_is_compared_by_coefficients_errors_and_deviations(outcome):
    for data_set in {each.data_set for each in outcome.comparisons}:
        quantities = " ".join(each.quantity for each in outcome.comparisons if each.data_set == data_set)
        assert all(word in quantities for word in ("coefficient", "std_error", "std_dev"))


def test_digits_are_the_negative_logarithm_of_the_relative_error():
    assert Comparison("d", "q", 2.0, 2.0002, 8.0).correct_digits == pytest.approx(4.0)
    assert Comparison("d", "q", 2.0, 2.0, 8.0).correct_digits == 15.0
    assert not Comparison("d", "q", 2.0, 2.0002, 8.0).passes


def test_one_wrong_number_fails_the_whole():
    right, wrong = Comparison("d", "q", 1.0, 1.0, 8.0), Comparison("d", "q", 1.0, 1.001, 8.0)
    assert Selftest((right,), ()).passes
    assert not Selftest((right, wrong), ()).passes
    assert finished((Selftest((right, wrong), (("python", "3.11"),))).rows())[-2:] == [
        ["result", "all pass", None, None, None, False],
        ["version", "python", "3.11", None, None, None],
    ]


def test_the_table_ends_with_the_versions(outcome):
    rows = finished(outcome.rows())
    assert rows[0] == list(HEADER)
    assert [row[1] for row in rows if row[0] == "version"] == [
        "python",
        "glmm-binomial",
        "numpy",
        "scipy",
        "statsmodels",
    ]
    assert {len(row) for row in rows} == {len(HEADER)}


@pytest.mark.mass
def test_a_checkout_that_is_not_installed_tests_itself_too(monkeypatch):
    def of_installed(package):
        if package == "glmm-binomial":
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(selftest, "version", of_installed)
    assert ["version", "glmm-binomial", __version__, None, None, None] in glmm_binomial_selftest()


@pytest.mark.mass
def test_the_worksheet_function_gives_the_same_table():
    rows = glmm_binomial_selftest()
    assert rows[0] == list(HEADER)
    assert [row[5] for row in rows if row[0] == "result"] == [True]


@pytest.mark.mass
def test_the_command_line_prints_the_table_and_exits_with_zero(capsys):
    assert main(["selftest"]) == 0
    printed = capsys.readouterr().out
    assert "vegetables" in printed
    assert "TRUE" in printed.splitlines()[-6]


def test_the_command_line_exits_with_one_when_digits_are_missing(monkeypatch, capsys):
    wrong = Selftest((Comparison("d", "q", 1.0, 1.001, 8.0),), ())
    monkeypatch.setattr(selftest, "selftest", lambda: wrong)
    assert main(["selftest"]) == 1
    assert "FALSE" in capsys.readouterr().out


def test_certified_data_are_read_anew_and_not_shared():
    from glmm_binomial.certified import vegetables  # noqa: PLC0415

    first = vegetables().arguments
    first["y"][0][0] = 99.0
    assert vegetables().arguments["y"][0][0] != 99.0
    assert json.dumps(vegetables().maximum_likelihood)
