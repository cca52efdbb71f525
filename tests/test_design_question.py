"""GLMM_BINOMIAL_DESIGN: the coded columns of a table, and of new rows by the levels and means of the table."""

from __future__ import annotations

import pytest
from numpy.testing import assert_allclose, assert_array_equal

from formula_data import TABLE, changed, column, observed
from glmm_binomial.answers.design import design
from glmm_binomial.answers.rows import finished
from glmm_binomial.observations import InvalidInputError


def columns(*arguments):
    return finished(design(*arguments).rows())


def refusal(*arguments):
    with pytest.raises(InvalidInputError) as refused:
        columns(*arguments)
    return str(refused.value).removeprefix("Invalid input: ")


@pytest.mark.parametrize(
    "formula",
    ["trt * sex", "~ trt * sex", "y ~ trt * sex", "y ~ trt * sex + (1 | id)", "not_there ~ trt * sex + (1 | nor_this)"],
)
def test_the_fixed_part_of_a_formula_is_shown_however_it_is_written(formula):
    header, *rows = columns(TABLE, formula)
    assert header == ["trt[treat]", "sex[m]", "trt[treat]:sex[m]"]
    assert rows[0] == [1.0, 1.0, 1.0]
    assert_array_equal(rows, observed("y ~ trt * sex + (1 | id)").x)


def test_new_rows_are_coded_by_the_means_and_levels_of_the_table():
    new = [["dose", "other", "trt"], [4.0, None, "treat"], [2.0625, None, "control"]]
    header, *rows = columns(TABLE, "trt + center(dose)", new)
    assert header == ["trt[treat]", "center(dose)"]
    assert rows == [[1.0, 4.0 - 2.0625], [0.0, 0.0]]


def test_the_rows_of_the_table_as_new_rows_are_coded_as_they_were():
    formula = "y ~ trt * scale(dose) + poly(`my age`, 2) + C(day) + (1 | id)"
    assert columns(TABLE, formula, TABLE) == columns(TABLE, formula)


@pytest.mark.parametrize("blank", [None, "", [[None]]])
def test_new_data_left_empty_mean_the_rows_of_the_table(blank):
    assert columns(TABLE, "trt", blank) == columns(TABLE, "trt") == columns(TABLE, "trt")


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (None, "is blank. Fill it in"),
        ("NA", "holds the text 'NA'. It marks a missing value: fill it in, or leave its row out."),
        (RuntimeError(), "holds the error #N/A. Correct the formula"),
    ],
)
def test_missing_values_are_refused_with_the_cell(cell, found):
    sentence = "must be a number or text. Row 4, column 5 of"
    assert refusal(changed(4, "dose", cell), "dose").startswith(f"data[3][4] {sentence} data {found}")
    assert refusal(TABLE, "dose", changed(4, "dose", cell)).startswith(f"new_data[3][4] {sentence} new_data {found}")


def test_a_level_never_seen_is_refused_by_name():
    assert refusal(TABLE, "trt", [["trt"], ["other"]]) == (
        "new_data must hold levels that the data of the fit have. Row 2 of new_data holds the text 'other' in the "
        "column "
        "trt; its levels are control, treat."
    )


def test_columns_coded_apart_are_what_case_10_was():
    # two new rows scaled by their own mean and SD are -.7 and .7 whatever they hold
    apart = columns([["dose"], [3.0], [4.0]], "scale(dose)")
    together = columns(TABLE, "scale(dose)", [["dose"], [3.0], [4.0]])
    assert_allclose([row[0] for row in apart[1:]], [-(0.5**0.5), 0.5**0.5])
    doses = column("dose")
    mean = sum(doses) / len(doses)
    sd = (sum((dose - mean) ** 2 for dose in doses) / (len(doses) - 1)) ** 0.5
    assert_allclose([row[0] for row in together[1:]], [(3.0 - mean) / sd, (4.0 - mean) / sd])
