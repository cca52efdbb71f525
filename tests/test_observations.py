"""What a spreadsheet hands over: what is accepted, how it is read, and the wording and place of every refusal."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from datetime import UTC, datetime
from fractions import Fraction
from itertools import chain
from types import NoneType

import numpy as np
import pandas as pd
import pytest

from glmm_binomial.frozen import read_only
from glmm_binomial.observations import InvalidInputError, observe
from glmm_binomial.observations.cells import as_whole

Y = (0.0, 1.0, 0.0, 1.0, 1.0, 0.0)
X = (1.0, 2.0, 1.5, 2.5, 3.0, 1.2)
GROUPS = (1.0, 1.0, 2.0, 2.0, 3.0, 3.0)
SLOPES = (1.0, 2.0, 3.0, 1.0, 2.0, 4.0)
EXCEL_ROWS = 1_048_576

ERROR_CELLS = {
    "#N/A": RuntimeError(),
    "#NUM!": ArithmeticError(),
    "#VALUE!": ValueError(),
    "#DIV/0!": ZeroDivisionError(),
    "#REF!": ReferenceError(),
    "#NAME?": NameError(),
    "#NULL!": LookupError(),
}


def column(*cells):
    return [[cell] for cell in cells]


def read(y=Y, x=X, groups=GROUPS, **options):
    """Read columns given as their cells."""
    for name in ("x_random", "trials"):
        if isinstance(options.get(name), tuple):
            options[name] = column(*options[name])
    return observe(column(*y), column(*x), column(*groups), **options)


def refusal(*arguments, **options):
    with pytest.raises(InvalidInputError) as refused:
        read(*arguments, **options)
    return str(refused.value)


def changed(cells, position, cell):
    return (*cells[:position], cell, *cells[position + 1 :])


# numbers ----------------------------------------------------------------------------------------------------------


def test_cells_become_arrays_in_the_order_of_the_rows():
    found = observe(column(*Y), [[a, a**2] for a in X], column("b", "b", "a", "a", "c", "c"), x_random=column(*SLOPES))
    assert found.successes.tolist() == list(Y)
    assert found.trials.tolist() == [1.0] * 6
    assert found.x.tolist() == [[a, a**2] for a in X]
    assert found.x_random.tolist() == [[z] for z in SLOPES]
    assert found.group_labels == ("b", "a", "c")
    assert found.group_index.tolist() == [0, 0, 1, 1, 2, 2]
    assert (found.x_names, found.random_names) == (("x1", "x2"), ("random_x1",))
    assert not found.trials_given


def test_booleans_count_as_0_and_1_in_y_and_x():
    found = read(y=(False, True, False, True, True, 0.0), x=(True, False, True, False, 1.0, 0.0))
    assert found.successes.tolist() == [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    assert found.x[:, 0].tolist() == [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("convert", [int, np.float32, np.int64, Fraction, np.float64])
def test_numbers_of_any_kind_are_read(convert):
    assert read(x=tuple(convert(i) for i in (1, 2, 1, 2, 3, 1))).x[:, 0].tolist() == [1.0, 2.0, 1.0, 2.0, 3.0, 1.0]


def test_arrays_are_read_as_lists_are():
    x = np.column_stack([X, np.square(X)])
    from_lists = observe(column(*Y), x.tolist(), column(*GROUPS))
    from_arrays = observe(np.array(Y), x, np.array(GROUPS))
    for field in ("successes", "trials", "x", "group_index"):
        assert (getattr(from_lists, field) == getattr(from_arrays, field)).all()


def test_the_arguments_are_left_as_they_were():
    y, x, groups = column(*Y, None), [["dose"], *column(*X)], column("herd", *GROUPS)
    y.insert(0, ["ill"])
    copies = [[list(row) for row in rows] for rows in (y, x, groups)]
    observe(y, x, groups)
    assert [y, x, groups] == copies


# the place of a cell, from zero and as a person counts -------------------------------------------------------------


def test_a_cell_is_named_from_zero_first_and_then_as_a_person_counts():
    message = refusal(x=changed(X, 2, "tall"))
    assert message.startswith("Invalid input: x[2][0] must be numeric. Row 3, column 1 of x holds the text 'tall'.")


def test_below_a_header_row_both_counts_include_it():
    message = refusal(("ill", *Y), ("dose", *changed(X, 1, "tall")), ("herd", *GROUPS))
    assert message.startswith("Invalid input: x[2][0] must be numeric. Row 3, column 1 of x holds the text 'tall'.")


def test_the_column_is_counted_too():
    x = [[1.0, 2.0], [2.0, 3.0], [1.5, None], [2.5, 1.0], [3.0, 7.0], [1.2, 2.0]]
    with pytest.raises(InvalidInputError, match=r"^Invalid input: x\[2\]\[1\] must be numeric\. Row 3, column 2 of x"):
        observe(column(*Y), x, column(*GROUPS))


def test_the_first_offending_cell_is_named_row_by_row():
    x = [[1.0, 2.0], [2.0, "b"], ["a", 3.0], [2.5, 1.0], [3.0, 7.0], [1.2, 2.0]]
    with pytest.raises(InvalidInputError, match=r"x\[1\]\[1\]"):
        observe(column(*Y), x, column(*GROUPS))


@pytest.mark.parametrize(("shown", "cell"), ERROR_CELLS.items(), ids=list(ERROR_CELLS))
@pytest.mark.parametrize("name", ["y", "x", "x_random", "trials"])
def test_an_error_cell_is_named_with_its_error(name, shown, cell):
    cells = {"y": Y, "x": X, "x_random": SLOPES, "trials": (1.0,) * 6}[name]
    message = refusal(**{name: changed(cells, 4, cell)})
    assert message.startswith(f"Invalid input: {name}[4][0] must be numeric. Row 5, column 1 of {name}")
    assert f"the error {shown}" in message


def test_an_error_cell_among_the_labels_is_named_with_its_error():
    message = refusal(groups=changed(GROUPS, 4, ZeroDivisionError()))
    assert message.startswith("Invalid input: groups[4][0] must be a whole number or text. Row 5, column 1 of groups")
    assert "#DIV/0!" in message


@pytest.mark.parametrize("blank", [None, "", "  ", "\xa0"])
@pytest.mark.parametrize("name", ["y", "x", "groups", "x_random", "trials"])
def test_a_blank_between_others_is_named_as_blank(name, blank):
    cells = {"y": Y, "x": X, "groups": GROUPS, "x_random": SLOPES, "trials": (1.0,) * 6}[name]
    message = refusal(**{name: changed(cells, 1, blank)})
    assert message.startswith(f"Invalid input: {name}[1][0] must be ")
    assert f"Row 2, column 1 of {name} is blank." in message


def test_a_number_stored_as_text_is_called_that():
    message = refusal(x=changed(X, 2, "1.5"))
    assert message.startswith("Invalid input: x[2][0] must be numeric. Row 3, column 1 of x holds the text '1.5'.")
    assert "number stored as text" in message


def test_a_header_row_with_a_blank_is_told_to_be_filled():
    x = [["dose", None], *([value, value**2] for value in X)]
    with pytest.raises(InvalidInputError, match="If this is a header row, each of its cells must hold a name"):
        observe(column("ill", *Y), x, column("herd", *GROUPS))


def test_many_numbers_stored_as_text_are_counted():
    message = refusal(x=(1.0, "2", "1.5", "2.5", 3.0, " 1.2 "))
    assert "4 cells of x are numbers stored as text" in message


def test_text_that_is_no_number_is_not_called_a_number_stored_as_text():
    assert "stored as text" not in refusal(x=changed(X, 2, "high"))


def test_a_column_of_numbers_stored_as_text_is_not_mistaken_for_one_with_a_header_in_silence():
    assert "numbers stored as text" in refusal(x=tuple(map(str, X)))


@pytest.mark.parametrize("cell", [math.nan, math.inf, -math.inf, np.float64("nan"), 10**400])
@pytest.mark.parametrize("name", ["y", "x", "x_random", "trials"])
def test_a_number_that_is_not_finite_is_refused(name, cell):
    cells = {"y": Y, "x": X, "x_random": SLOPES, "trials": (1.0,) * 6}[name]
    message = refusal(**{name: changed(cells, 5, cell)})
    assert message.startswith(f"Invalid input: {name}[5][0] must be finite. Row 6, column 1 of {name}")


@pytest.mark.parametrize("cell", [1j, datetime(2026, 1, 1, tzinfo=UTC), [1.0], {1}, b"1", object()])
def test_a_cell_of_another_kind_is_refused_not_converted(cell):
    assert refusal(x=changed(X, 0, cell)).startswith("Invalid input: x[0][0] must be numeric. Row 1, column 1 of x")


def test_a_long_text_is_not_repeated_in_full():
    assert len(refusal(x=changed(X, 0, "long " * 1000))) < 400


def test_a_value_other_than_0_and_1_is_found_and_shown():
    message = refusal(y=changed(Y, 3, 2.0))
    assert message.startswith("Invalid input: y must contain only 0 or 1 values. Row 4")
    assert "holds 2" in message
    message = refusal(("ill", *changed(Y, 3, 0.5)), ("dose", *X), ("herd", *GROUPS))
    assert message.startswith("Invalid input: y must contain only 0 or 1 values. Row 5")
    assert "0.5" in message


# shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (5.0, "must have at least 2 row(s)."),
        ("text", "must have at least 2 row(s)."),
        ([[None]], "must have at least 2 row(s)."),
        (RuntimeError(), "must have at least 2 row(s)."),
        (np.float64(5), "must have at least 2 row(s)."),
        ([[1.0]], "must have at least 2 row(s)."),
        ([], "must have at least 2 row(s)."),
        ({}, "must be a 2D list."),
        (object(), "must be a 2D list."),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "row 0 must be a list."),
        ([[1.0], [2.0], 3.0, [4.0], [5.0], [6.0]], "row 2 must be a list."),
        ([[1.0], [2.0], "3", [4.0], [5.0], [6.0]], "row 2 must be a list."),
        ([[1.0], [2.0, 3.0], [3.0], [4.0], [5.0], [6.0]], "must have consistent column count."),
        ([[], [], [], [], [], []], "must have at least 1 column(s)."),
    ],
)
@pytest.mark.parametrize("name", ["y", "x", "groups"])
def test_a_range_of_the_wrong_shape_is_refused_by_name(name, cells, rule):
    arguments = {"y": column(*Y), "x": column(*X), "groups": column(*GROUPS)} | {name: cells}
    with pytest.raises(InvalidInputError) as refused:
        observe(**arguments)
    assert str(refused.value).startswith(f"Invalid input: {name} {rule}")


def test_the_ragged_row_is_named_as_a_person_counts():
    with pytest.raises(InvalidInputError, match=r"consistent column count\..*[Rr]ow 3"):
        observe(column(*Y), [[1.0], [2.0], [3.0, 4.0], [4.0], [5.0], [6.0]], column(*GROUPS))


@pytest.mark.parametrize("name", ["y", "x", "groups", "x_random", "trials"])
@pytest.mark.parametrize(
    ("cell", "content"),
    [(ReferenceError(), "the error #REF!"), ("Invalid input: no", "the text 'Invalid input: no'")],
)
def test_the_error_or_message_of_another_formula_in_the_place_of_a_range_is_told(name, cell, content):
    arguments = {"y": column(*Y), "x": column(*X), "groups": column(*GROUPS)} | {name: [[cell]]}
    with pytest.raises(InvalidInputError) as refused:
        observe(**arguments)
    expected = f"Invalid input: {name} must have at least 2 row(s). It has 1. It holds {content}: correct the formula"
    assert str(refused.value).startswith(expected)


@pytest.mark.parametrize("name", ["y", "groups", "trials"])
def test_a_range_that_must_be_a_column_is_refused_when_it_is_wider(name):
    arguments = {"y": column(*Y), "x": column(*X), "groups": column(*GROUPS)} | {name: [[1.0, 0.0]] * 6}
    with pytest.raises(InvalidInputError) as refused:
        observe(**arguments)
    assert str(refused.value).startswith(f"Invalid input: {name} must be a column vector (single column).")


def test_ranges_of_different_lengths_are_refused_with_the_lengths():
    message = refusal(x=X[:5])
    assert message.startswith("Invalid input: y, x, and groups must have the same number of rows.")
    assert "6, 5 and 6" in message


@pytest.mark.parametrize("name", ["x_random", "trials"])
def test_optional_ranges_are_held_against_y(name):
    message = refusal(**{name: (1.0, 2.0, 1.0, 1.0)})
    assert message.startswith(f"Invalid input: {name} must have the same number of rows as y.")


# header rows ------------------------------------------------------------------------------------------------------


def test_a_header_row_gives_the_names_and_is_no_data():
    found = observe(
        column("ill", *Y),
        [["dose", " age in years "], *([a, a**2] for a in X)],
        column("herd", *GROUPS),
        x_random=column("season", *SLOPES),
        trials=column("animals", *[1.0] * 6),
    )
    assert found.x_names == ("dose", "age in years")
    assert found.random_names == ("season",)
    assert len(found.successes) == 6
    assert found.group_labels == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("name", ["y", "groups", "x_random", "trials"])
@pytest.mark.parametrize("cell", [None, "", 0.0, 1.0, True])
def test_when_x_has_a_header_row_every_other_range_must_have_one(name, cell):
    arguments = {
        "y": column("ill", *Y),
        "x": column("dose", *X),
        "groups": column("herd", *GROUPS),
        "x_random": column("season", *SLOPES),
        "trials": column("animals", *[1.0] * 6),
    }
    arguments[name][0] = [cell]
    with pytest.raises(InvalidInputError, match=rf"^Invalid input: {name} must have a header row") as refused:
        observe(**arguments)
    assert f"Row 1, column 1 of {name}" in str(refused.value)


def test_a_range_that_starts_below_the_header_is_refused():
    assert "must have a header row" in refusal(Y, ("dose", *X), ("herd", *GROUPS))
    assert "must have a header row" in refusal(("ill", *Y), ("dose", *X), GROUPS)


def test_a_header_over_y_but_not_over_x_is_refused_with_a_hint():
    message = refusal(("ill", *Y), (*X, 1.0), ("herd", *GROUPS))
    assert message.startswith("Invalid input: y[0][0] must be numeric.")
    assert "header" in message


def test_a_first_row_of_x_only_partly_text_is_no_header_row():
    x = [["dose", 1.0], *([a, a**2] for a in X)]
    with pytest.raises(InvalidInputError, match=r"^Invalid input: x\[0\]\[0\] must be numeric\. Row 1, column 1 of x"):
        observe(column("ill", *Y), x, column("herd", *GROUPS))


def test_text_labels_do_not_make_a_header_row():
    found = read(groups=("a", "a", "b", "b", "c", "c"))
    assert found.group_labels == ("a", "b", "c")
    assert found.x_names == ("x1",)


def test_a_header_row_alone_is_too_short():
    assert refusal(("ill",), ("dose",), ("herd",)).startswith("Invalid input: y must have at least 2 row(s)")
    assert refusal(("ill", 0.0), ("dose", 1.0), ("herd", 1.0)).startswith(
        "Invalid input: y must have at least 2 row(s)"
    )


# labels -----------------------------------------------------------------------------------------------------------


def test_1_1_and_1_10_as_text_stay_two_groups():
    assert read(groups=("1.1", "1.1", "1.10", "1.10", "2", "2")).group_labels == ("1.1", "1.10", "2")


def test_labels_that_differ_by_type_stay_different():
    labels = (1.0, "1", True, "TRUE", "true", 3.0)
    found = read(groups=labels)
    assert [(type(label), label) for label in found.group_labels] == [(type(label), label) for label in labels]
    assert found.group_index.tolist() == [0, 1, 2, 3, 4, 5]


def test_numpy_booleans_are_labels_of_their_own_as_python_booleans_are():
    assert len(read(groups=(1.0, 1.0, np.True_, np.True_, 3.0, 3.0)).group_labels) == 3


def test_the_same_number_as_int_and_float_is_one_group():
    assert read(groups=(1, 1.0, 2, 2.0, np.int64(3), 3)).group_labels == (1, 2, 3)


def test_whole_numbers_beyond_double_precision_stay_different():
    assert read(groups=(2**60, 2**60, 2**60 + 1, 2**60 + 1, 3, 3)).group_labels == (2**60, 2**60 + 1, 3)


def test_negative_numbers_and_zero_are_labels():
    assert read(groups=(-1.0, -1.0, 0.0, -0.0, 1.0, 1.0)).group_labels == (-1.0, 0.0, 1.0)


@pytest.mark.parametrize("label", [2.5, 1e-9, Fraction(1, 3), np.float64(0.1)])
def test_a_fraction_is_no_label_since_a_wrong_column_was_picked(label):
    message = refusal(groups=changed(GROUPS, 2, label))
    assert message.startswith("Invalid input: groups[2][0] must be a whole number or text. Row 3, column 1 of groups")
    assert "wrong column" in message


def test_the_third_published_example_of_half_labels_is_about_slopes_not_groups():
    # {1;1;1.5;1.5;2;2} stands in the place of x_random there
    assert read(x_random=(1.0, 1.0, 1.5, 1.5, 2.0, 2.0)).x_random[:, 0].tolist() == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]


@pytest.mark.parametrize("label", [math.nan, math.inf])
def test_a_label_that_is_not_finite_is_refused(label):
    assert refusal(groups=changed(GROUPS, 2, label)).startswith("Invalid input: groups[2][0] must be ")


@pytest.mark.parametrize(
    "pair",
    [
        ("Anna", "anna"),
        ("Anna", "Anna "),
        ("Anna", " ANNA"),
        ("Anna", "Anna\xa0"),
        (1.0, "1"),
        (12.0, " 12"),
        (1.0, "1.0"),
        (7.0, "007"),
        (123456789012345.0, "123456789012345"),
        (1234567890123450.0, "1234567890123450"),
    ],
)
def test_labels_a_reader_would_take_for_the_same_stay_apart_and_are_noted(pair):
    found = read(groups=(pair[0], pair[0], pair[1], pair[1], "other", "other"))
    assert len(found.group_labels) == 3
    assert len(found.look_alikes) == 1
    assert len(found.look_alikes[0]) == 2


@pytest.mark.parametrize(
    "pair",
    [
        (10.0, "1_0"),
        ("1" + "0" * 400, "2" + "0" * 400),
        (1.0, "9" * 5000),
        ("1.1", "1.10"),
        ("A", "B"),
        (1.0, "2"),
        ("a b", "ab"),
        (2**60, 2**60 + 64),
        (1e16, 1e16 + 2),
    ],
)
def test_labels_that_look_different_are_not_noted(pair):
    assert read(groups=(pair[0], pair[0], pair[1], pair[1], "other", "other")).look_alikes == ()


# whole columns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [None, "", " "])
def test_rows_at_the_end_that_are_blank_in_every_range_are_trimmed(blank):
    tail = (blank,) * 5
    found = read((*Y, *tail), (*X, *tail), (*GROUPS, *tail), x_random=(*SLOPES, *tail))
    assert len(found.successes) == 6
    assert found.group_labels == (1.0, 2.0, 3.0)


def test_ranges_of_different_length_agree_after_trimming():
    found = read((*Y, None, None), X, (*GROUPS, None), trials=(*[1.0] * 6, *[None] * 7))
    assert len(found.successes) == 6


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp == np.finfo(float).maxexp, reason="no number is too large here")
def test_a_number_of_an_array_that_is_too_large_for_a_cell_is_named():
    x = np.array(X, dtype=np.longdouble)[:, None]
    x[4] = np.longdouble("1e4000")
    with pytest.raises(InvalidInputError, match=r"^Invalid input: x\[4\]\[0\] must be finite\. Row 5, column 1 of x"):
        observe(column(*Y), x, column(*GROUPS))


def test_rows_at_the_end_that_hold_arrays_are_not_blank():
    tail = [None] * 5_000
    with pytest.raises(InvalidInputError, match=r"x\[6\]\[0\] must be numeric"):
        read((*Y, *tail), (*X, *tail), (*GROUPS, *tail[:-1], np.array([1.0, 2.0])))


@pytest.mark.parametrize("name", ["y", "x", "groups", "x_random", "trials"])
def test_a_row_at_the_end_that_is_blank_in_one_range_only_is_named(name):
    cells = {"y": Y, "x": X, "groups": GROUPS, "x_random": SLOPES, "trials": (1.0,) * 6}
    cells[name] = changed(cells[name], 5, None)
    with pytest.raises(InvalidInputError) as refused:
        observe(**{key: column(*value, None, None) for key, value in cells.items()})
    assert str(refused.value).startswith(f"Invalid input: {name}[5][0] must be ")
    assert f"Row 6, column 1 of {name} is blank." in str(refused.value)


def test_a_row_blank_in_every_range_between_others_is_named_not_dropped():
    message = refusal(changed(Y, 2, None), changed(X, 2, None), changed(GROUPS, 2, None))
    assert "[2][0]" in message
    assert "is blank" in message


def test_an_error_cell_at_the_end_is_not_trimmed():
    message = refusal((*Y, RuntimeError(), None), (*X, 1.0, None), (*GROUPS, 1.0, None))
    assert message.startswith("Invalid input: y[6][0] must be numeric. Row 7, column 1 of y holds the error #N/A.")


def test_a_total_below_one_range_is_not_trimmed():
    assert "[6][0] must be numeric. Row 7, column 1 of " in refusal((*Y, 3.0, None), (*X, None), (*GROUPS, None))


def test_blank_ranges_are_too_short():
    with pytest.raises(InvalidInputError, match=r"^Invalid input: y must have at least 2 row\(s\)"):
        observe(*[column(*[None] * 9)] * 3)


def test_whole_columns_are_trimmed_without_a_walk_over_their_cells():
    tail = [[None]] * (EXCEL_ROWS - 7)
    arguments = [column("ill", *Y) + tail, column("dose", *X) + tail, column("herd", *GROUPS) + tail]
    trimmed, looked_over = [], []
    for _ in range(3):
        began = time.process_time()
        found = observe(*arguments)
        trimmed.append(time.process_time() - began)
        began = time.process_time()
        for rows in arguments:
            assert set(map(type, rows)) == {list}
            assert set(map(len, rows)) == {1}
            assert NoneType in set(map(type, chain.from_iterable(rows)))
        looked_over.append(time.process_time() - began)
    # as long as these three looks at all cells in C; a walk over them in Python would double it
    assert min(trimmed) < 1.6 * min(looked_over)
    assert len(found.successes) == 6


@pytest.mark.mass
def test_whole_columns_of_cells_made_one_by_one_are_trimmed_quickly():
    arguments = [column(*cells) + [[None] for _ in range(EXCEL_ROWS - 6)] for cells in (Y, X, GROUPS)]
    seconds = []
    for _ in range(3):
        began = time.process_time()
        assert len(observe(*arguments).successes) == 6
        seconds.append(time.process_time() - began)
    assert min(seconds) < 1.0


@pytest.mark.mass
def test_a_blank_half_way_down_a_long_column_is_named():
    rows = 50_000
    y, x, groups = column(*[0.0, 1.0] * (rows // 2)), column(*map(float, range(rows))), column(*range(rows))
    x[31_415] = [None]
    with pytest.raises(
        InvalidInputError, match=r"^Invalid input: x\[31415\]\[0\] must be numeric\. Row 31416, column 1"
    ):
        observe(y, x, groups)


# optional arguments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [None, "", " ", [[None]], [[""]]])
def test_an_empty_optional_argument_means_its_default(blank):
    found = read(x_random=blank, fit_intercept=blank, alpha=blank, method=blank, trials=blank)
    assert found.x_random.shape == (6, 0)
    assert found.options.fit_intercept is True
    assert found.options.alpha == 0.05
    assert found.options.method == "vb"
    assert not found.trials_given


@pytest.mark.parametrize(
    ("value", "meaning"),
    [(True, True), (False, False), (1.0, True), (0, False), ("TRUE", True), ("false", False), ([[False]], False)],
)
def test_everything_excel_calls_a_boolean_is_one(value, meaning):
    assert read(fit_intercept=value).options.fit_intercept is meaning
    assert read(fit_intercept=np.bool_(meaning)).options.fit_intercept is meaning


@pytest.mark.parametrize("value", [2.0, "yes", 0.5, RuntimeError(), [[True], [False]], math.nan])
def test_anything_else_is_no_boolean(value):
    assert refusal(fit_intercept=value).startswith("Invalid input: fit_intercept must be a boolean.")


@pytest.mark.parametrize("wrap", [lambda cell: cell, lambda cell: [[cell]]])
@pytest.mark.parametrize(
    ("argument", "rule"),
    [("x_random", "columns of numbers. It holds"), ("fit_intercept", "a boolean. It is")],
)
def test_a_method_too_early_is_shown_its_place(argument, rule, wrap):
    assert refusal(**{argument: wrap("ml")}) == (
        f"Invalid input: {argument} must be {rule} the text 'ml', which is a method: "
        'write =GLMM_BINOMIAL(y, x, groups, , , , "ml").'
    )


@pytest.mark.parametrize("lone", [True, False])
@pytest.mark.parametrize("wrap", [lambda cell: cell, lambda cell: [[cell]]])
def test_a_lone_boolean_in_the_place_of_x_random_is_taken_for_fit_intercept(lone, wrap):
    found = read(x_random=wrap(lone))
    assert found.options.fit_intercept is lone
    assert found.x_random.shape == (6, 0)


def test_a_column_of_booleans_in_the_place_of_x_random_is_a_column():
    assert read(x_random=(True, False, True, False, True, False)).x_random.shape == (6, 1)


def test_two_booleans_that_contradict_each_other_are_refused():
    assert "fit_intercept" in refusal(x_random=True, fit_intercept=False)


@pytest.mark.parametrize(
    ("alpha", "rule"),
    [
        ("0.05", "alpha must be numeric."),
        ("ML", "alpha must be numeric. It is the text 'ML', which is a method; for 95 % intervals give 0.05."),
        (True, "alpha must be numeric."),
        (ValueError(), "alpha must be numeric."),
        ([[0.05], [0.1]], "alpha must be numeric."),
        (math.nan, "alpha must be finite."),
        (-math.inf, "alpha must be finite."),
        (0.0, "alpha must be between 0 and 1."),
        (1.0, "alpha must be between 0 and 1."),
        (-0.1, "alpha must be between 0 and 1."),
        (95.0, "alpha must be between 0 and 1."),
    ],
)
def test_alpha_is_refused_with_the_reason(alpha, rule):
    assert refusal(alpha=alpha).startswith(f"Invalid input: {rule}")


@pytest.mark.parametrize("alpha", [0.1, [[0.1]], np.float64(0.1), Fraction(1, 10)])
def test_alpha_is_any_number_between_0_and_1(alpha):
    assert read(alpha=alpha).options.alpha == 0.1


@pytest.mark.parametrize("method", ["vb", "ml", "mean-field"])
def test_methods_are_known_by_name_in_any_case(method):
    assert read(method=method).options.method == method
    assert read(method=f" {method.upper()} ").options.method == method


@pytest.mark.parametrize("method", ["reml", 1.0, True, RuntimeError(), [["vb"], ["ml"]]])
def test_an_unknown_method_is_refused_with_those_there_are(method):
    message = refusal(method=method)
    assert message.startswith("Invalid input: method must be ")
    assert all(f'"{known}"' in message for known in ("vb", "ml", "mean-field"))
    assert 'as of glmer or melogit, give "ml"' in message


# trials -----------------------------------------------------------------------------------------------------------


def test_with_trials_y_holds_successes():
    found = read(y=(0.0, 3.0, 2.0, 4.0, 1.0, 0.0), trials=(2.0, 3.0, 5.0, 4.0, 1.0, 9.0))
    assert found.successes.tolist() == [0.0, 3.0, 2.0, 4.0, 1.0, 0.0]
    assert found.trials.tolist() == [2.0, 3.0, 5.0, 4.0, 1.0, 9.0]
    assert found.trials_given


@pytest.mark.parametrize("successes", [3.0, -1.0, 0.5])
def test_successes_are_whole_numbers_from_0_to_trials(successes):
    message = refusal(y=changed(Y, 1, successes), trials=(2.0,) * 6)
    assert message.startswith("Invalid input: y[1][0] must be a whole number from 0 to trials. Row 2, column 1 of y")


def test_a_number_whole_to_the_15_digits_a_cell_shows_is_whole():
    # .29 * 100 as a spreadsheet computes it
    share = 0.29 * 100
    assert share == 28.999999999999996
    found = read(y=changed(Y, 1, share), trials=changed((100.0,) * 6, 2, 3 * 0.1 / 0.1))
    assert (found.successes[1], found.trials[2]) == (29.0, 3.0)
    assert read(y=changed(Y, 1, 1 - 1e-16)).successes[1] == 1.0
    assert read(groups=(share, 29.0, share, 29, 3.0, 3.0)).group_labels == (29, 3.0)
    assert "[1][0] must be a whole number" in refusal(y=changed(Y, 1, 28.9999999999), trials=(100.0,) * 6)


def test_numbers_too_large_to_have_a_fraction_stay_as_they_are():
    assert as_whole(np.array([1e300, -(2.0**60), 0.5, -28.999999999999996])).tolist() == [1e300, -(2.0**60), 0.5, -29.0]


@pytest.mark.parametrize("trials", [-1.0, 0.5, 1.5])
def test_trials_are_whole_numbers(trials):
    message = refusal(trials=changed((2.0,) * 6, 3, trials))
    assert message.startswith("Invalid input: trials[3][0] must be a whole number")
    assert "Row 4, column 1 of trials" in message


# what cannot be estimated -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_outcomes_all_the_same_are_refused_with_the_value(value):
    message = refusal(y=(value,) * 6)
    assert message.startswith("Invalid input: y ")
    assert f"{value:g}" in message


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_successes_in_no_trial_or_in_every_trial_are_refused(share):
    trials = (2.0, 3.0, 5.0, 4.0, 1.0, 9.0)
    assert refusal(y=tuple(share * n for n in trials), trials=trials).startswith("Invalid input: y ")


def test_a_single_group_is_refused_with_its_label():
    message = refusal(groups=("ward 7",) * 6)
    assert message.startswith("Invalid input: groups ")
    assert "ward 7" in message


def test_two_groups_suffice():
    assert read(groups=(1.0, 1.0, 1.0, 2.0, 2.0, 2.0)).group_labels == (1.0, 2.0)


def test_a_constant_column_beside_the_intercept_is_refused_by_its_header_name():
    message = refusal(("ill", *Y), ("dose", *[4.0] * 6), ("herd", *GROUPS))
    assert message.startswith("Invalid input: x ")
    assert "dose" in message
    assert read(x=(4.0,) * 6, fit_intercept=False).x[:, 0].tolist() == [4.0] * 6


def test_a_constant_column_of_x_random_is_refused():
    message = refusal(x_random=(4.0,) * 6)
    assert message.startswith("Invalid input: x_random ")
    assert "random intercept" in message


# what a script hands over -----------------------------------------------------------------------------------------


def test_an_array_of_two_dimensions_is_rows_and_columns_and_one_of_one_is_a_column():
    found = observe(np.array(Y), np.column_stack([X, SLOPES]), np.array(["a", "a", "b", "b", "c", "c"]))
    assert found.x.shape == (6, 2)
    assert found.group_labels == ("a", "b", "c")


def test_an_array_of_no_dimension_is_a_single_cell():
    with pytest.raises(InvalidInputError, match=r"^Invalid input: x must have at least 2 row\(s\)\."):
        observe(column(*Y), np.array(5.0), column(*GROUPS))


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8, bool])
def test_arrays_of_numbers_of_any_kind_are_read(kind):
    found = observe(np.array(Y, dtype=kind), np.array([1, 0, 1, 1, 0, 0], dtype=kind), np.array(GROUPS).astype(int))
    assert found.successes.tolist() == list(Y)
    assert found.x[:, 0].tolist() == [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["y", "x", "x_random", "trials"])
def test_a_missing_number_in_an_array_is_named_as_in_a_list(name):
    cells = {"y": Y, "x": X, "x_random": SLOPES, "trials": (1.0,) * 6}
    cells[name] = changed(cells[name], 3, math.nan)
    with pytest.raises(InvalidInputError) as refused:
        observe(groups=np.array(GROUPS), **{key: np.array(value) for key, value in cells.items()})
    assert str(refused.value).startswith(f"Invalid input: {name}[3][0] must be finite. Row 4, column 1 of {name}")


def test_a_fraction_among_the_labels_of_an_array_is_named():
    with pytest.raises(InvalidInputError, match=r"^Invalid input: groups\[2\]\[0\] must be a whole number or text\."):
        observe(np.array(Y), np.array(X), np.array(changed(GROUPS, 2, 1.5)))


def test_labels_in_an_array_stay_different_beyond_double_precision():
    labels = np.array([2**60, 2**60, 2**60 + 1, 2**60 + 1, 3, 3])
    assert observe(np.array(Y), np.array(X), labels).group_labels == (2**60, 2**60 + 1, 3)


def test_an_array_is_left_as_it_was_and_not_shared():
    y, x = np.array(Y), np.array(X)
    found = observe(y, x, np.array(GROUPS))
    x[0] = 99.0
    assert found.x[0, 0] == 1.0
    assert y.tolist() == list(Y)


def test_observations_are_read_only():
    observations = observe(np.array(Y), np.array(X), np.array(GROUPS), x_random=np.array(SLOPES))
    for field in dataclasses.fields(observations):
        array = getattr(observations, field.name)
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 99


def test_an_array_that_is_frozen_can_still_be_written_into_by_its_owner():
    mine = np.arange(3)
    frozen = read_only(mine)
    mine[0] = 7
    assert frozen.tolist() == [7, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        frozen[0] = 99


def test_ranges_are_used_whole():
    observations = read()
    assert (observations.rows_omitted, observations.group_name, observations.notices) == (0, "", ())
    assert observations.handed_over.spread(list(Y)) == list(Y)


@pytest.mark.parametrize("name", ["y", "x", "groups"])
def test_a_masked_cell_is_a_blank_and_never_the_number_under_the_mask(name):
    cells = {"y": np.array(Y), "x": np.array(X), "groups": np.array(GROUPS)}
    cells[name] = np.ma.masked_array(cells[name], mask=[0, 0, 1, 0, 0, 0])
    with pytest.raises(InvalidInputError, match=rf"^Invalid input: {name}\[2\]\[0\] must be "):
        observe(**cells)


def test_a_numpy_matrix_is_an_array_of_two_dimensions():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        x = np.asmatrix(column(*X))
    assert observe(np.array(Y), x, np.array(GROUPS)).x.tolist() == column(*X)


def test_data_frames_and_series_are_read_with_a_missing_value_named():
    frame = pd.DataFrame({"ill": Y, "dose": X, "herd": list("aabbcc")})
    found = observe(frame["ill"], frame[["dose"]], frame["herd"].astype("category"))
    assert found.x[:, 0].tolist() == list(X)
    assert found.group_labels == ("a", "b", "c")
    frame = frame.convert_dtypes()
    frame.loc[2, "ill"] = pd.NA
    with pytest.raises(InvalidInputError, match=r"^Invalid input: y\[2\]\[0\] must be "):
        observe(frame["ill"], frame["dose"], frame["herd"])
