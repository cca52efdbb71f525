"""A table and a formula become observations: equal to those of ranges, with what is missing counted and named."""

from __future__ import annotations

import dataclasses
import math
import time
from datetime import UTC, datetime
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from datasets import cbpp, contraception, vegetables
from formula_data import HEADER, ROWS, TABLE, certified_table, changed, column, observed, refusal, with_column
from glmm_binomial.formula.reading import read_formula
from glmm_binomial.observations import InvalidInputError, observe

PLAIN = "y ~ trt * sex + (1 | id)"


def assert_same_numbers(found, expected):
    for name in ("successes", "trials", "x", "group_index", "x_random"):
        assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.trials_given == expected.trials_given
    assert found.options == expected.options


# the same as from ranges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("response", ["incidence / size", "cbind(incidence, size - incidence)"])
def test_cbpp_by_formula_is_cbpp_by_ranges(response):
    table = certified_table("cbpp.csv", "herd", "incidence", "size", "period")
    found = observed(f"{response} ~ C(period) + (1 | herd)", table)
    assert_same_numbers(found, observe(**cbpp().arguments))
    assert found.x_names == ("period[2]", "period[3]", "period[4]")
    assert found.group_labels == observe(**cbpp().arguments).group_labels
    assert found.group_name == "herd"


@pytest.mark.parametrize("slope", [False, True])
def test_contraception_by_formula_is_contraception_by_ranges(slope):
    table = certified_table("contraception.csv", "age")
    table = with_column("town", [float(row[table[0].index("urban")] == "Y") for row in table[1:]], table)
    random = "(1 + town || district)" if slope else "(1 | district)"
    found = observed(f"use ~ age + I(age^2) + livch + town + {random}", table)
    assert_same_numbers(found, observe(**contraception(urban_slope=slope).arguments))
    assert found.x_names == ("age", "I(age ** 2)", "livch[1]", "livch[2]", "livch[3+]", "town")
    assert found.notices[0].startswith("'Y' is taken for the success of use and 'N' for the failure,")


def test_vegetables_by_formula_are_vegetables_by_ranges():
    found = observed(PLAIN, certified_table("vegetables.csv", "y", "id"), method="ml", alpha=0.1)
    assert_same_numbers(found, observe(**vegetables().arguments, method="ml", alpha=0.1))


def test_cells_become_numbers_by_hand():
    found = observed("s / n ~ trt + dose + (1 | id)")
    assert found.successes.tolist() == column("s")
    assert found.trials.tolist() == column("n")
    assert found.x.tolist() == [
        [float(trt == "treat"), dose] for trt, dose in zip(column("trt"), column("dose"), strict=True)
    ]
    assert found.group_index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found.group_labels == ("a", "b", "c", "d")
    assert (found.trials_given, found.header, found.rows_omitted, found.notices) == (True, True, 0, ())


def test_the_order_of_the_columns_does_not_matter():
    swapped = [row[::-1] for row in TABLE]
    assert_same_numbers(observed(PLAIN, swapped), observed(PLAIN))


def test_the_coding_says_which_columns_belong_to_which_term():
    coding = read_formula(TABLE, "y ~ trt * C(day) + poly(`my age`, 2) + (1 + dose || id)").coding
    assert {term.name: term.columns for term in coding.fixed.terms} == {
        "trt": (0,),
        "day": (1, 2),
        "poly(my age, 2)": (3, 4),
        "trt:day": (5, 6),
    }
    assert [term.variables for term in coding.fixed.terms] == [("trt",), ("day",), ("my age",), ("trt", "day")]
    variables = {variable.name: variable for variable in coding.variables}
    assert variables["trt"].levels == ("control", "treat")
    assert variables["day"].levels == ("1", "2", "3")
    assert (variables["dose"].levels, variables["dose"].mean, variables["dose"].highest) == (None, 2.0625, 4.0)
    assert coding.formula == "y ~ trt * C(day) + poly(`my age`, 2) + (1 + dose || id)"
    assert hash(coding) == hash(read_formula(TABLE, coding.formula).coding)


def test_a_grid_of_levels_is_coded_as_the_rows_of_the_fit_were():
    read = read_formula(TABLE, "y ~ trt * C(day) + scale(dose) + (1 + dose || id)")
    rows = {"trt": column("trt"), "day": column("day"), "dose": column("dose")}
    assert_array_equal(read.coding.x_of(rows, rows=ROWS), read.observations.x)
    assert_array_equal(read.coding.x_random_of(rows, rows=ROWS), read.observations.x_random)
    grid = read.coding.x_of({"trt": ["treat"], "day": np.array([3.0]), "dose": np.array([2.0625])}, rows=1)
    assert grid.tolist() == [[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]]


def test_arrays_are_read_only():
    found = observed("y ~ dose + (1 + dose || id)")
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[0] = 99


# the response --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("success", [True, 1, 1.0, np.True_])
def test_outcomes_are_numbers_or_booleans(success):
    data = with_column("ill", [type(success)(value) for value in column("y")])
    assert observed("ill ~ trt + (1 | id)", data).successes.tolist() == column("y")


def test_of_two_texts_the_second_in_sorted_order_is_the_success_and_a_notice_says_so():
    found = observed("cured ~ trt + (1 | id)")
    assert found.successes.tolist() == [float(cell == "yes") for cell in column("cured")]
    assert found.notices == (
        (
            "'yes' is taken for the success of cured and 'no' for the failure, since it comes second in sorted "
            "order. To "
            'count the other, use a column of 0 and 1, such as =--([@cured]="no").'
        ),
    )
    assert not found.trials_given


def test_swapping_the_names_of_two_texts_swaps_successes_and_failures():
    data = with_column("lost", [{"yes": "no", "no": "yes"}[cell] for cell in column("cured")])
    lost, cured = observed("lost ~ trt + (1 | id)", data), observed("cured ~ trt + (1 | id)")
    assert_array_equal(lost.successes, 1.0 - cured.successes)


def test_the_texts_of_a_response_are_remembered():
    response = read_formula(TABLE, "cured ~ trt + (1 | id)").coding.response
    assert (response.name, response.kind, response.success, response.failure) == ("cured", "outcome", "yes", "no")


def test_arithmetic_makes_outcomes_and_counts():
    data = with_column("score", [value + 1 for value in column("y")])
    assert observed("I(score - 1) ~ trt + (1 | id)", data).successes.tolist() == column("y")
    assert observed("score - 1 ~ trt + (1 | id)", data).successes.tolist() == column("y")
    assert observed("s / 6 ~ trt + (1 | id)").trials.tolist() == [6.0] * ROWS


def test_a_share_times_trials_is_whole_to_15_digits():
    data = with_column("share", [0.29] * 4 + [0.57] * 4)
    found = observed("share * 100 / 100 ~ trt + (1 | id)", data)
    # .29 * 100 is 28.999999999999996
    assert found.successes.tolist() == [29.0] * 4 + [57.0] * 4


@pytest.mark.parametrize(
    ("formula", "data", "sentence"),
    [
        (
            "score ~ trt + (1 | id)",
            with_column("score", [value + 1 for value in column("y")]),
            (
                "score must contain only 0 or 1 values. It holds only 1 and 2: if 2 is the success, write I(score - 1) "
                "~ ..."
            ),
        ),
        (
            "sign ~ trt + (1 | id)",
            with_column("sign", [2 * value - 1 for value in column("y")]),
            (
                "sign must contain only 0 or 1 values. It holds only -1 and 1: if 1 is the success, write I((sign + "
                "1) / 2"
                ") ~ ..."
            ),
        ),
        (
            "s ~ trt + (1 | id)",
            TABLE,
            (
                "s must contain only 0 or 1 values. Row 3 of data has 2. If it counts successes, write s / trials ~ "
                "... or "
                "cbind(s, failures) ~ ...; if it is a share, s * trials / trials ~ ..."
            ),
        ),
        (
            "answer ~ trt + (1 | id)",
            with_column("answer", ["yes", "no", "maybe", "yes", "no", "no", "yes", "yes"]),
            (
                "answer must contain only 0 or 1 values, or two texts. It holds 3 texts, 'maybe', 'no' and 'yes'. "
                "Make a "
                'column of 0 and 1 of it, such as =--([@answer]="yes").'
            ),
        ),
        (
            "`my answer` ~ trt + (1 | id)",
            with_column("my answer", ["yes", "no", "NA", "yes", "no", "no", "yes", "yes"]),
            (
                "my answer must contain only 0 or 1 values, or two texts. It holds 3 texts, 'NA', 'no' and 'yes'. "
                "Make a "
                "column of 0 and 1 of it, such as =--([@[my answer]]=\"yes\"). If 'NA' marks missing values, clear "
                "these "
                "cells."
            ),
        ),
        (
            "cured ~ trt + (1 | id)",
            with_column("cured", ["yes"] * 8, [row[:8] + row[9:] for row in TABLE]),
            "cured must contain both 0 and 1. Every value is 'yes', so nothing can be estimated.",
        ),
        (
            "ill ~ trt + (1 | id)",
            with_column("ill", ["yes", "NA", "NA", "yes", "NA", "NA", "yes", "yes"]),
            (
                "ill must contain only 0 or 1 values, or two texts. It holds 2 texts, 'NA' and 'yes'. Make a column of "
                "0 and 1 of it, such as =--([@ill]=\"yes\"). If 'NA' marks missing values, clear these cells."
            ),
        ),
        (
            "s / n ~ trt + (1 | id)",
            changed(4, "s", 9),
            "s / n must have no more successes than trials: n is 4 in row 4 of data.",
        ),
        (
            "cbind(s, n - s) ~ trt + (1 | id)",
            changed(4, "s", 9),
            "formula must have whole numbers of at least 0 in cbind(s, n - s). n - s is -5 in row 4 of data.",
        ),
        (
            "s / n ~ trt + (1 | id)",
            changed(5, "s", 0.29),
            (
                "formula must have whole numbers of at least 0 in s / n. s is 0.29 in row 5 of data. If it is a share, "
                "write s * n / n ~ ..."
            ),
        ),
        (
            "s / n ~ trt + (1 | id)",
            changed(5, "n", 0),
            "s / n must have at least one trial in each row: n is 0 in row 5 of data.",
        ),
        (
            "cbind(s, y) ~ trt + (1 | id)",
            changed(4, "y", 0),
            "cbind(s, y) must have at least one trial in each row: the sum is 0 in row 4 of data.",
        ),
        (
            "s / n ~ trt + (1 | id)",
            changed(4, "n", 2e9),
            "s / n must have at most 1,000,000,000 trials in each row: n is 2000000000 in row 4 of data.",
        ),
        (
            "cured / n ~ trt + (1 | id)",
            TABLE,
            "formula must have columns of numbers in cured / n. The column cured holds text.",
        ),
        (
            "I(cured - 1) ~ trt + (1 | id)",
            TABLE,
            "formula must apply functions to numbers. In I(cured - 1), cured holds text.",
        ),
        (
            "y ~ trt + (1 | id)",
            with_column("y", [0] * 8, [row[1:] for row in TABLE]),
            "y must contain both 0 and 1. Every value is 0, so nothing can be estimated.",
        ),
    ],
)
def test_a_response_that_cannot_be_used_is_refused_with_what_to_write(formula, data, sentence):
    assert refusal(formula, data) == sentence


# missing values ------------------------------------------------------------------------------------------------------

MISSING = [None, "", "  ", RuntimeError(), "NA", "n/a", " . "]


@pytest.mark.parametrize("cell", MISSING, ids=map(repr, MISSING))
def test_a_row_with_a_missing_number_is_left_out_counted_and_named(cell):
    found = observed("y ~ dose + (1 | id)", changed(4, "dose", cell))
    whole = observed("y ~ dose + (1 | id)")
    kept = [0, 1, 3, 4, 5, 6, 7]
    assert_array_equal(found.x, whole.x[kept])
    assert_array_equal(found.successes, whole.successes[kept])
    assert found.rows_omitted == 1
    assert found.handed_over.position.tolist() == kept
    reason = found.handed_over.reasons[2]
    assert reason.startswith("dose ")
    assert [row for row, why in enumerate(found.handed_over.reasons) if why] == [2]
    assert found.notices == (f"1 row has a missing value: row 4 ({reason}). It is left out.",)


@pytest.mark.parametrize("name", ["y", "trt", "id"])
def test_blanks_are_missing_in_every_column_that_is_used(name):
    found = observed(PLAIN, changed(5, name, None))
    assert found.rows_omitted == 1
    assert found.handed_over.reasons[3] == f"{name} is blank"


def test_a_column_that_is_not_used_is_not_looked_at():
    assert observed(PLAIN, changed(5, "dose", ZeroDivisionError())).rows_omitted == 0


def test_rows_with_something_missing_are_as_if_they_had_not_been_there():
    data = changed(3, "trt", None, changed(7, "dose", "NA", changed(9, "id", RuntimeError())))
    formula = "y ~ trt + scale(dose) + (1 | id)"
    found, expected = observed(formula, data), observed(formula, [data[i] for i in (0, 1, 3, 4, 5, 7)])
    assert_same_numbers(found, expected)
    assert found.group_labels == expected.group_labels
    assert found.notices == (
        (
            "3 rows have a missing value: row 3 (trt is blank), row 7 (dose holds the text 'NA') and row 9 (id "
            "holds the "
            "error #N/A). They are left out."
        ),
    )


def test_answers_go_back_to_the_rows_that_were_handed_over():
    found = observed("y ~ dose + (1 | id)", changed(3, "dose", None))
    assert found.handed_over.spread(list("abcdefg")) == ["a", None, "b", "c", "d", "e", "f", "g"]


def test_missing_values_are_refused_where_that_is_asked_for():
    data = changed(3, "trt", None, changed(7, "dose", "NA", changed(9, "y", None, changed(5, "y", ""))))
    assert refusal("y ~ trt + dose + (1 | id)", data, missing="refuse") == (
        'data must have nothing missing, as missing is "refuse". 4 rows have a missing value: row 3 (trt is blank), '
        "row "
        "5 (y is blank), row 7 (dose holds the text 'NA') and 1 more. Fill the cells in, or set missing to \"omit\"."
    )
    assert observed("y ~ trt + (1 | id)", missing=" Refuse ").rows_omitted == 0


@pytest.mark.parametrize("missing", ["drop", 1.0, True, RuntimeError()])
def test_an_unknown_rule_for_missing_values_is_refused(missing):
    assert refusal(PLAIN, missing=missing).startswith('missing must be "omit" or "refuse". It is ')


@pytest.mark.parametrize("blank", [None, "", [[None]]])
def test_options_left_empty_mean_their_defaults(blank):
    assert observed(PLAIN, method=blank, alpha=blank, missing=blank).options == observed(PLAIN).options


def test_na_in_a_column_of_text_is_a_level_and_a_notice_says_so():
    found = observed("y ~ trt + (1 | id)", changed(3, "trt", "NA"))
    assert found.x_names == ("trt[control]", "trt[treat]")
    assert found.rows_omitted == 0
    assert found.notices == (
        "'NA' is kept as a level of trt, which is a column of text. If it marks a missing value, clear these cells.",
    )


def test_na_among_the_labels_of_groups_is_a_group_and_a_notice_says_so():
    found = observed("y ~ dose + (1 | id)", changed(3, "id", "n/a"))
    assert "n/a" in found.group_labels
    assert found.notices[0].startswith("'n/a' is kept as a group of id,")


def test_blank_rows_at_the_end_are_no_missing_values():
    tail = [[None] * len(HEADER)] * 1000
    found = observed(PLAIN, TABLE + tail)
    assert (found.rows_omitted, len(found.handed_over.reasons)) == (0, ROWS)


@pytest.mark.parametrize(
    "cell", [ZeroDivisionError(), ReferenceError(), ValueError(), datetime(2026, 1, 1, tzinfo=UTC)]
)
def test_other_errors_are_refused_with_the_cell(cell):
    for name in ("dose", "id"):
        beginning = f"data[3][{HEADER.index(name)}] must be a "
        assert refusal("y ~ dose + (1 | id)", changed(4, name, cell)).startswith(beginning)


def test_when_next_to_nothing_is_left_the_message_says_why():
    data = with_column("dose", [None] * 7 + [1.0], [row[:4] + row[5:] for row in TABLE])
    assert refusal("y ~ dose + (1 | id)", data) == (
        "data must have at least 2 row(s). Below the header it has 8, of which 1 have nothing missing: 7 rows have a "
        "missing value: row 2 (dose is blank), row 3 (dose is blank), row 4 (dose is blank) and 4 more."
    )


# tables --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "beginning"),
    [
        (TABLE[:1], "data must have at least 2 row(s). It has 1, the header row: the rows of data follow below it."),
        (TABLE[:2], "data must have at least 2 row(s). Below the header it has 1."),
        (None, "data must have at least 2 row(s). It has 0."),
        (5.0, "data must have at least 2 row(s). It has 1."),
        ("GLMM@1", "data must have at least 2 row(s). It has 1. It holds the text 'GLMM@1'"),
        (RuntimeError(), "data must have at least 2 row(s). It has 1. It holds the error #N/A"),
        ({"y": [1, 0]}, "data must be a 2D list. It is of type dict."),
        (TABLE[1:], "data must have a header row: the names of the columns. Row 1, column 1 of data holds 0."),
        ([*TABLE, [1, 2]], "data must have consistent column count."),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_what_is_wrong(data, beginning):
    assert refusal(PLAIN, data).startswith(beginning)


def test_headers_twice_or_blank_are_refused_only_where_a_formula_uses_them():
    data = with_column("trt", [None] * 8, with_column(None, [1] * 8))
    assert refusal(PLAIN, data) == ("formula must name columns of data. 2 columns are called trt; rename all but one.")
    assert_same_numbers(observed("y ~ sex + (1 | id)", data), observed("y ~ sex + (1 | id)"))


def test_a_constant_column_is_named_as_the_formula_names_it():
    data = with_column("c", [2.0] * 8)
    assert refusal("y ~ trt + c + (1 | id)", data) == (
        "formula must not give a constant column beside the intercept. c is 2 in every row that is used: leave it out, "
        'or take the intercept out by "- 1".'
    )
    assert refusal("y ~ trt + (1 + c || id)", data).startswith(
        "formula must not give a constant column as a random slope. c is 2 in every row that is used,"
    )
    assert refusal("y ~ dose + I(2 * dose) + (1 | id)") == (
        "formula must not give columns that are linear combinations of others. I(2 * dose) = 2 * dose: leave one of "
        "these columns out."
    )


def test_an_interaction_without_rows_is_refused_with_the_reason():
    data = [row for row in TABLE if row[1:3] != ["treat", "m"]]
    assert "trt[treat]:sex[m] is 0 in every row that is used: no row has this combination." in refusal(PLAIN, data)


def test_a_single_group_is_refused_by_the_name_of_its_column():
    sentence = "one must have at least 2 distinct values. Every row has the text 'g'; without groups to compare"
    assert refusal("y ~ trt + (1 | one)", with_column("one", ["g"] * 8)).startswith(sentence)


def test_a_label_with_a_fraction_is_refused_with_the_cell():
    sentence = refusal("y ~ trt + (1 | ward)", changed(4, "ward", 1.1))
    assert sentence.startswith("data[3][10] must be a whole number or text. Row 4, column 11 of data holds 1.1.")
    assert sentence.endswith('If it is a label, make it text, as in ="1.1".')


def test_labels_that_look_alike_are_noted():
    assert observed(PLAIN, changed(3, "id", "A")).look_alikes == (('"a"', '"A"'),)


# data frames ---------------------------------------------------------------------------------------------------------


class FrameOfPolars:
    """What is used of a data frame of polars."""

    def __init__(self, table):
        self.columns, self._rows = list(table[0]), [tuple(row) for row in table[1:]]

    def rows(self):
        return self._rows

    def to_numpy(self):
        raise AssertionError


@pytest.mark.parametrize("frame_of", [lambda table: pd.DataFrame(table[1:], columns=table[0]), FrameOfPolars])
def test_data_frames_are_read_with_their_names(frame_of):
    found = observed("s / n ~ trt * dose + (1 | id)", frame_of(TABLE))
    assert_same_numbers(found, observed("s / n ~ trt * dose + (1 | id)"))
    assert found.x_names == ("trt[treat]", "dose", "trt[treat]:dose")


def test_a_data_frame_of_polars_itself_is_read():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(changed(3, "dose", None)[1:], schema=HEADER, orient="row")
    found = observed("y ~ trt + dose + (1 | id)", frame)
    assert_same_numbers(found, observed("y ~ trt + dose + (1 | id)", changed(3, "dose", None)))


@pytest.mark.parametrize("absent", [None, math.nan, pd.NA, pd.NaT, np.float64("nan")])
@pytest.mark.parametrize("name", ["y", "trt", "dose", "id"])
def test_what_a_data_frame_has_missing_is_missing(name, absent):
    frame = pd.DataFrame(changed(4, name, absent)[1:], columns=HEADER).astype({name: object})
    formula = "y ~ trt + dose + (1 | id)"
    found = observed(formula, frame)
    assert found.handed_over.reasons[2] == f"{name} is blank"
    assert_same_numbers(found, observed(formula, changed(4, name, None)))


def test_numbers_that_are_not_finite_are_refused_in_a_range():
    assert refusal("y ~ dose + (1 | id)", changed(4, "dose", math.nan)).startswith("data[3][4] must be finite.")
    frame = pd.DataFrame(changed(4, "dose", math.inf)[1:], columns=HEADER)
    assert refusal("y ~ dose + (1 | id)", frame).startswith("data[3][4] must be finite.")


def test_a_cell_of_a_data_frame_that_holds_several_numbers_is_refused():
    frame = pd.DataFrame(changed(4, "dose", None)[1:], columns=HEADER).astype({"dose": object})
    frame.at[2, "dose"] = np.array([1.0, 2.0])
    expected = "data[3][4] must be a number or text. Row 4, column 5 of data holds several cells."
    assert refusal("y ~ dose + (1 | id)", frame).startswith(expected)


def test_pandas_types_with_missing_values_of_their_own_are_read():
    frame = pd.DataFrame(changed(4, "dose", None)[1:], columns=HEADER).convert_dtypes()
    frame["trt"] = frame["trt"].astype("category")
    formula = "y ~ trt + dose + (1 | id)"
    assert_same_numbers(observed(formula, frame), observed(formula, changed(4, "dose", None)))


# at large ------------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_rows_are_read_quickly():
    generator = Random(1)
    rows = [
        [float(i % 2), generator.choice(["a", "b"]), generator.choice("mf"), generator.random(), float(i % 7), i // 50]
        for i in range(100_000)
    ]
    table = [["y", "trt", "sex", "dose", "day", "id"], *rows]
    observed("y ~ trt + (1 | id)", table[:100])
    began = time.process_time()
    observed("y ~ trt * sex + scale(dose) + day + (1 | id)", table)
    # .12 s measured; per-cell branches in Python take several times as long
    assert time.process_time() - began < 0.6


def test_the_arguments_are_left_as_they_were():
    copy = [list(row) for row in TABLE]
    observed("cured ~ trt * scale(dose) + (1 | id)", TABLE)
    assert copy == TABLE


PIECES = st.sampled_from(
    [
        *(*HEADER, "`my age`", "C(day)", "log(dose)", "scale(dose)", "poly(dose, 2)", "bs(`my age`, df = 4)"),
        *(
            "cbind(s, n)",
            *"~+-*/:^()|.,= ",
            "||",
            "**",
            "(1 | id)",
            "(1 + day || id)",
            "+ (1 | id)",
            "y ~ ",
            "s / n ~ ",
        ),
        *("0", "1", "2", "I(", "C(", "offset(", "family = ", "%in%", "\n", '"', "`", "{", "}", "λ", "\x00"),
    ]
)


def observations_or_message(data, formula):
    """Return what is read, or the message; any other exception is a failure."""
    try:
        return read_formula(data, formula).observations
    except InvalidInputError as problem:
        return str(problem)


@settings(max_examples=400, derandomize=True, database=None, deadline=None)
@given(st.lists(PIECES, max_size=8), st.booleans())
def test_whatever_is_typed_gives_observations_or_a_message(pieces, whole):
    formula = ("y ~ " if whole else "") + "".join(pieces) + (" + (1 | id)" if whole else "")
    found = observations_or_message(TABLE, formula)
    if isinstance(found, str):
        assert found.startswith("Invalid input: ")
    else:
        assert np.isfinite(found.x).all()
        assert found.x.shape == (ROWS, len(found.x_names))


CELLS = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(max_size=3),
    st.sampled_from(["NA", ".", "1", "a", "treat", 0, 1, RuntimeError(), ValueError(), [], {}, 1j, b"x", math.nan]),
)


@pytest.mark.mass
@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(
    st.integers(1, ROWS + 1),
    st.sampled_from(HEADER),
    CELLS,
    st.sampled_from([PLAIN, "cured ~ scale(dose) + (1 + day || ward)", "s / n ~ C(day) * `my age` + (1 | id)"]),
)
def test_whatever_stands_in_a_cell_gives_observations_or_a_message(row, name, cell, formula):
    found = observations_or_message(changed(row, name, cell), formula)
    if isinstance(found, str):
        assert found.startswith("Invalid input: ")
    else:
        assert len(found.successes) + found.rows_omitted == ROWS
