"""New rows are coded by the levels, means and SDs of the fit; what cannot be coded is left blank or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from formula_data import HEADER, ROWS, TABLE, changed, column
from glmm_binomial import fit_formula, predict
from glmm_binomial.formula.new_data import new_rows
from glmm_binomial.formula.reading import read_formula
from glmm_binomial.observations import InvalidInputError, observe
from glmm_binomial.observations.new_rows import read_new_rows, rows_of_the_fit

RICH = "y ~ trt * C(day) + scale(dose) + log(`my age`) + (1 + center(dose) || id)"


def asked(new_data, formula=RICH, data=TABLE, **options):
    read = read_formula(data, formula)
    return new_rows(read.coding, read.observations, new_data, **options)


def refusal(new_data, formula=RICH, **options):
    with pytest.raises(InvalidInputError) as refused:
        asked(new_data, formula, **options)
    return str(refused.value).removeprefix("Invalid input: ")


def table(**columns):
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


# the coding of the fit -----------------------------------------------------------------------------------------------


def test_one_row_is_coded_by_the_means_and_levels_of_the_fit_by_hand():
    found = asked([["dose", "trt", "day", "my age"], [3.0, "treat", 2, 1.0]])
    mean, sd = 2.0625, np.std(column("dose"), ddof=1)
    # trt[treat], day[2], day[3], scale(dose), log(my age), trt[treat]:day[2], trt[treat]:day[3]
    assert_allclose(found.x, [[1.0, 1.0, 0.0, (3.0 - mean) / sd, 0.0, 1.0, 0.0]], rtol=1e-15)
    assert_allclose(found.x_random, [[3.0 - mean]], rtol=1e-15)
    assert found.group_labels is None
    assert not found.is_known.any()


def test_the_rows_of_the_fit_as_new_rows_are_the_rows_of_the_fit():
    observations = read_formula(TABLE, RICH).observations
    for found in (asked(TABLE), rows_of_the_fit(observations)):
        assert_array_equal(found.x, observations.x)
        assert_array_equal(found.x_random, observations.x_random)
        assert_array_equal(found.group_index, observations.group_index)
        assert found.group_labels == tuple(column("id"))
        assert found.is_known.all()
        assert found.look_alikes == (None,) * ROWS
        assert found.handed_over.reasons == (None,) * ROWS


def test_rows_coded_one_by_one_are_those_coded_together():
    together = asked(TABLE)
    one_by_one = np.vstack([asked([HEADER, row]).x for row in TABLE[1:]])
    assert_array_equal(one_by_one, together.x)


def test_columns_may_stand_in_any_order_and_others_are_not_looked_at():
    swapped = [row[::-1] for row in changed(2, "cured", ZeroDivisionError(), changed(3, "y", "?"))]
    assert_array_equal(asked(swapped).x, asked(TABLE).x)


def test_new_rows_may_be_a_data_frame():
    frame = pd.DataFrame(TABLE[1:], columns=HEADER).drop(columns=["y", "cured"])
    assert_array_equal(asked(frame).x, asked(TABLE).x)


def test_without_predictors_the_rows_are_counted():
    found = asked([["id"], ["a"], ["b"], ["z"]], "y ~ 1 + (1 | id)")
    assert found.x.shape == (3, 0)
    assert found.is_known.tolist() == [True, True, False]


def test_scaling_does_not_depend_on_the_unit_of_the_column():
    hours = [[*row[:4], 60.0 * row[4], *row[5:]] for row in TABLE[1:]]
    new = table(dose=[1.0, 2.0], trt=["treat"] * 2)
    minutes = table(dose=[60.0, 120.0], trt=["treat"] * 2)
    formula = "y ~ trt + scale(dose) + (1 | id)"
    assert_allclose(asked(minutes, formula, [HEADER, *hours]).x, asked(new, formula).x, rtol=1e-13)


# groups --------------------------------------------------------------------------------------------------------------

PLAIN = "y ~ dose + (1 | id)"


def test_a_column_of_groups_brings_their_effects_and_new_groups_override_it():
    new = table(dose=[1.0, 2.0, 3.0], id=["c", "A", "z"])
    found = asked(new, PLAIN)
    assert (found.is_known.tolist(), found.group_index.tolist()) == ([True, False, False], [2, 0, 0])
    assert found.look_alikes == (None, "a", None)
    assert asked(new, PLAIN, new_groups=[["b"], ["b"], ["d"]]).group_index.tolist() == [1, 1, 3]


@pytest.mark.parametrize("new", [table(dose=[1.0, 2.0]), table(dose=[1.0, 2.0], id=[None, None])])
def test_without_groups_the_effects_are_zero(new):
    found = asked(new, PLAIN)
    assert found.group_labels is None
    assert not found.is_known.any()
    assert found.handed_over.omitted == 0


@pytest.mark.parametrize("groups", ["b", [["b"]], [["id"], ["b"]], [["label"], ["b"]], [["b"], [None], [None]]])
def test_new_groups_may_have_a_header_or_none(groups):
    assert asked(table(dose=[1.0]), PLAIN, new_groups=groups).group_index.tolist() == [1]


@pytest.mark.parametrize(
    ("groups", "beginning"),
    [
        ([["a"], ["b"]], "new_groups must have the same number of rows as new_data. It has 2, new_data has 1 below"),
        ([["id"], ["a"], ["b"]], "new_groups must have the same number of rows as new_data. It has 2 below its header"),
        ([["a", "b"]], "new_groups must be a column vector (single column)."),
        (1.5, "new_groups[0][0] must be a whole number or text. Row 1, column 1 of new_groups holds 1.5."),
        (ZeroDivisionError(), "new_groups[0][0] must be a whole number or text. Row 1, column 1 of new_groups holds"),
    ],
)
def test_new_groups_that_cannot_be_used_are_refused(groups, beginning):
    assert refusal(table(dose=[1.0]), PLAIN, new_groups=groups).startswith(beginning)


# missing and unseen --------------------------------------------------------------------------------------------------


def test_a_row_with_something_missing_is_left_blank_with_the_reason():
    new = table(
        dose=[1.0, None, "NA", 2.0, 3.0],
        trt=["treat", "treat", None, "NA", "control"],
        id=["a", "a", "a", "a", RuntimeError()],
    )
    found = asked(new, "y ~ trt + dose + (1 | id)")
    assert found.x.tolist() == [[1.0, 1.0]]
    assert found.handed_over.position.tolist() == [0]
    assert found.handed_over.reasons == (
        None,
        "dose is blank",
        "trt is blank, dose holds the text 'NA'",
        "trt holds the text 'NA'",
        "id holds the error #N/A",
    )
    assert found.handed_over.spread(["p"]) == ["p", None, None, None, None]


def test_na_that_is_a_level_of_the_fit_is_a_level_of_new_rows():
    found = asked(table(trt=["NA", "treat"]), "y ~ trt + (1 | id)", changed(3, "trt", "NA"))
    assert found.x.tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_all_rows_may_have_something_missing():
    found = asked(table(dose=[None, ""], trt=["treat", "x"], id=["a", 1]), "y ~ trt + dose + (1 | id)")
    assert found.x.shape == (0, 2)
    assert found.handed_over.omitted == 2


NEW = {"dose": [1.0, 2.0], "trt": ["treat", "control"], "day": [1, 2], "my age": [30.0, 40.0]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"trt": ["treat", "placebo"]},
            (
                "new_data must hold levels that the data of the fit have. Row 3 of new_data holds the text "
                "'placebo' in "
                "the column trt; its levels are control, treat."
            ),
        ),
        (
            {"trt": ["Treat", "control"]},
            (
                "new_data must hold levels that the data of the fit have. Row 2 of new_data holds the text 'Treat' in "
                "the column trt; its levels are control, treat. Is treat meant?"
            ),
        ),
        (
            {"day": [1, 4]},
            (
                "new_data must hold levels that the data of the fit have. Row 3 of new_data holds 4 in the column day; "
                "its levels are 1, 2, 3."
            ),
        ),
        (
            {"trt": ["treat", 1.0]},
            (
                "new_data[2][1] must be text, as the column trt is in the data of the fit. Row 3, column 2 of new_data "
                "holds 1. Correct the cell, or leave its row out of every range."
            ),
        ),
        (
            {"dose": [1.0, "2"]},
            (
                "new_data[2][0] must be a number, as the column dose is in the data of the fit. Row 3, column 1 of "
                "new_data "
                "holds the text '2'. It is a number stored as text: convert it with VALUE() or Data > Text to Columns."
            ),
        ),
        (
            {"my age": [30.0, 0.0]},
            ("formula must give finite numbers. log(my age) has none in row 3 of new_data, where my age holds 0."),
        ),
        (
            {"dose": [1.0, 1e200]},
            ("new_data must give numbers between -1e+30 and 1e+30. scale(dose) is 8.96029e+199 in row 3 of new_data."),
        ),
    ],
)
def test_a_cell_that_cannot_be_coded_is_refused_with_the_levels_of_the_fit(changes, sentence):
    assert refusal(table(**(NEW | changes))) == sentence


def test_a_column_of_the_formula_that_is_not_there_is_named():
    assert refusal(table(dose=[1.0], trt=["treat"])) == (
        "new_data must have the columns of the formula: trt, day, dose, my age. There is no column day; the columns "
        "are "
        "dose, trt."
    )
    assert refusal([["dose", "trt", "dose"], [1.0, "treat", 2.0]], "y ~ dose + (1 | id)") == (
        "formula must name columns of new_data. 2 columns are called dose; rename all but one."
    )


def test_levels_are_found_with_spaces_around_them():
    assert asked(table(**(NEW | {"trt": [" treat ", "control"]}))).x[:, 0].tolist() == [1.0, 0.0]


def test_logical_levels_are_found_as_booleans_and_as_numbers():
    data = [[*row, flag] for row, flag in zip(TABLE, ["flag", *[True, False] * 4], strict=True)]
    found = asked(table(flag=[True, 0, 1]), "y ~ C(flag) + (1 | id)", data)
    assert found.x.tolist() == [[1.0], [0.0], [1.0]]


@pytest.mark.parametrize("new", [None, 5, "text", [], [["dose"]], RuntimeError(), TABLE[1:], {"a": 1}, object()])
def test_what_is_no_table_is_refused(new):
    assert refusal(new, PLAIN).startswith("new_data must ")


CELLS = st.one_of(
    st.none(), st.floats(), st.text(max_size=2), st.sampled_from(["treat", "NA", 1, True, [], ValueError()])
)


@pytest.mark.mass
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=3))
def test_whatever_new_rows_hold_gives_rows_or_a_message(rows):
    new = [["dose", "trt", "id"], *map(list, rows)]
    if all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in new[-1]):
        new[-1][0] = 1.0
    try:
        found = asked(new, "y ~ trt + scale(dose) + (1 | id)")
    except InvalidInputError:
        return
    assert len(found.handed_over.reasons) == len(rows)
    assert np.isfinite(found.x).all()


# ranges --------------------------------------------------------------------------------------------------------------


def test_new_rows_of_ranges_are_all_used_and_read_only():
    observations = observe([[0], [1], [0], [1]], [[1.0], [2.0], [3.0], [5.0]], [["a"], ["a"], ["b"], ["b"]])
    found = read_new_rows(observations, [[1.0], [2.0]], new_groups=[["a"], ["c"]])
    assert found.handed_over.reasons == (None, None)
    assert rows_of_the_fit(observations).group_labels == ("a", "a", "b", "b")
    for array in (found.x, found.x_random, found.is_known, found.group_index):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_new_rows_of_a_column_of_numbers_and_texts_are_coded_as_those_of_the_fit():
    generator = np.random.default_rng(3)
    children = [[0.0, 1.0, 2.0, "3+"][i] for i in generator.integers(4, size=60)]
    y, groups = (generator.random(60) < 0.5).astype(float).tolist(), (np.arange(60) // 10).tolist()
    mixed, texts = (
        fit_formula([["y", "children", "id"], *map(list, zip(y, column, groups, strict=True))], formula, method="ml")
        for column, formula in (
            (children, "y ~ C(children) + (1 | id)"),
            ([f"n{value}" for value in children], "y ~ children + (1 | id)"),
        )
    )
    assert mixed.design.scale.fixed_names == ("intercept", "children[1]", "children[2]", "children[3+]")
    new = predict(mixed, [["children"], [2.0], ["3+"], [0.0]])
    old = predict(texts, [["children"], ["n2.0"], ["n3+"], ["n0.0"]])
    assert new.probability.tolist() == pytest.approx(old.probability.tolist(), rel=1e-9)
    # all numbers, as a few new rows may be
    assert predict(mixed, [["children"], [2.0]]).probability[0] == new.probability[0]
    with pytest.raises(InvalidInputError, match="its levels are 0, 1, 2, 3"):
        predict(mixed, [["children"], [5.0]])
