"""What people type by mistake, and what the message must hold: what is wrong, where, and what to do about it."""

from __future__ import annotations

import pytest

from glmm_binomial import glmm_binomial, glmm_binomial_formula, glmm_binomial_model, glmm_binomial_predict

Y = (0, 1, 0, 1, 1, 0)
X = (1, 2, 1.5, 2.5, 3, 1.2)
GROUPS = (1, 1, 2, 2, 3, 3)
PAIRS = [[1, 4], [1, 5], [2, 4], [2, 5], [3, 4], [3, 5]]


def column(*cells):
    return [[cell] for cell in cells]


def typed(**changed):
    return glmm_binomial(**({"y": column(*Y), "x": column(*X), "groups": column(*GROUPS)} | changed))


MISTAKES = {
    "yes and no": ({"y": column("no", "yes", "no", "yes", "yes", "no")}, "rows 1, 2, 3 and 3 more", '=--(K1:K6="yes")'),
    "TRUE as text": ({"y": column("FALSE", "TRUE", *["FALSE"] * 4)}, "'FALSE'", '=--(K1:K6="TRUE")'),
    "1 and 2": ({"y": column(1, 2, 1, 2, 2, 1)}, "holds only 1 and 2", "=K1:K6-1"),
    "-1 and 1": ({"y": column(-1, 1, -1, 1, 1, -1)}, "holds only -1 and 1", "=--(K1:K6=1)"),
    "shares": ({"y": column(0.1, 0.5, 1, 0, 0, 1)}, "rows 1 and 2", "share * trials"),
    "shares of trials": ({"y": column(0.1, 0.5, 1, 0, 0, 1), "trials": column(*[10] * 6)}, "shares", "=K1:K6*N1:N6"),
    "rounded shares": ({"y": column(0.33, 0.5, 1, 0, 0, 1), "trials": 3}, "shares", "=ROUND(K1:K6*3,0)"),
    "counts": ({"y": column(0, 7, 3, 1, 0, 2)}, "3 cells of y hold something else, such as 7", "argument trials"),
    "more than trials": ({"y": column(0, 7, 3, 1, 0, 9), "trials": 5}, "rows 2 and 6", "trials is 5"),
    "marks": ({"y": column("NA", 1, ".", 0, 0, "n/a")}, "3 cells of y mark missing values, as 'NA' does", "FORMULA("),
    "a hyphen": ({"x": column(1, "-", 1, 2, 3, 1)}, "Row 2, column 1 of x holds the text '-'", "leave its row out"),
    "two blanks": ({"y": column(None, 1, "", 0, 0, 1)}, "2 cells of y are blank: rows 1 and 3", "Fill them in"),
    "five blanks": (
        {"x": column(None, 1, *[None] * 4)},
        "5 cells of x are blank: rows 1, 3, 4 and 2 more",
        "Fill them in",
    ),
    "two errors": ({"x": column(1, NameError(), NameError(), 2, 3, 1)}, "such as #NAME?: rows 2 and 3", "formulas"),
    "numbers stored as text": ({"x": column(1, "2,5", 1, 2, 3, "7")}, "rows 2 and 6", "=VALUE(L1:L6)"),
    "two categories": ({"x": column("m", "f", "m", "f", "f", "m")}, "6 cells of x hold text", '=--(L1:L6="m")'),
    "three categories": ({"x": column(*"abcabc")}, "Code its 3 categories", '=GLMM_BINOMIAL_DESIGN(L1:L6, "drug")'),
    "one text among numbers": ({"x": column(1, 2, "tall", 2, 3, 1)}, "Row 3, column 1 of x", "Correct the cell"),
    "x in a row": ({"x": [list(X)]}, "It has 1, of 6 cells", "=TRANSPOSE(L1:Q1)"),
    "y in a row": ({"y": [list(Y)]}, "It has 1, of 6 cells", "=TRANSPOSE(K1:P1)"),
    "two columns of labels": ({"groups": PAIRS}, "It has 2 columns", '=M1:M6&"/"&N1:N6'),
    "successes and failures": ({"y": PAIRS}, "It has 2 columns", "=K1:K6+L1:L6 as trials"),
    "labels with a fraction": (
        {"groups": column(1.1, 1.2, 1.1, 1.2, 2.1, 2.1)},
        "rows 1, 2, 3 and 3 more",
        '=M1:M6&""',
    ),
    "groups left out": ({"groups": None}, "groups must be given", "write =GLMM_BINOMIAL(y, x, groups"),
    "a blank x": ({"x": [[None]]}, "x must have at least 2 row(s). It has 1.", "Select"),
    "a year as header": (
        {
            "y": column("ill", 0, 1, 0, 1),
            "x": [["dose", 2020], [1, 2], [2, 1], [3, 5], [4, 2]],
            "groups": column(*"gaabb"),
        },
        "each header must be text",
        '="2020"',
    ),
    "a year as the only header of x": (
        {"y": column("ill", *Y), "x": column(2020, *X), "groups": column("herd", *GROUPS)},
        "Row 1, column 1 of y holds the text 'ill'",
        '="2020"',
    ),
    "a year above labels": (
        {"y": column("ill", *Y), "x": column("dose", *X), "groups": column(2020, *GROUPS)},
        "Row 1, column 1 of groups holds 2020",
        '="2020"',
    ),
    "a label for a header": (
        {"y": column("ill", *Y), "x": column("dose", *X), "groups": column(*"AAABBCC")},
        "stands in 2 cells below too (rows 2 and 3)",
        "Select the headers of all ranges or of none",
    ),
    "ranges of different lengths": ({"x": column(*X[:5])}, "They have 6, 5 and 6", "select the same rows"),
}


@pytest.mark.parametrize(("arguments", "what", "remedy"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered_by_what_is_wrong_where_and_what_to_do(arguments, what, remedy):
    message = typed(**arguments)
    assert isinstance(message, str)
    assert message.startswith("Invalid input: ")
    assert what in message
    assert remedy in message
    assert len(message) < 700


TABLE = [["y", "x", "herd", "s", "n"], *([i % 2, i / 4, f"h{i // 4}", 0.3, 10] for i in range(24))]


def cells(*places_and_values):
    """Cells of the table by row and column from one, and what is typed into them."""
    table = [list(row) for row in TABLE]
    for row, column_of, value in places_and_values:
        table[row - 1][column_of - 1] = value
    return table


IN_A_TABLE = {
    "a text": (
        cells((6, 2, "tall")),
        "Row 6, column 2 of data holds the text 'tall'",
        "Correct the cell, or write C(x)",
    ),
    "texts": (
        cells((6, 2, "tall"), (9, 2, "small")),
        "2 cells of data hold text, such as 'tall': row 6, column 2 and row 9, column 2",
        "Correct the cells, or write C(x)",
    ),
    "numbers stored as text": (
        cells((6, 2, "2,5"), (9, 2, "3"), (11, 2, "tall")),
        "2 cells of data are numbers stored as text, such as '2,5': row 6, column 2 and row 9, column 2",
        "Convert them with VALUE()",
    ),
    "errors": (
        cells(*((row, 2, NameError()) for row in (3, 5, 7, 9))),
        "4 cells of data hold errors, such as #NAME?: row 3, column 2; row 5, column 2; row 7, column 2 and 1 more",
        "Correct the cells",
    ),
    "infinite numbers": (
        cells((6, 2, float("inf")), (9, 2, float("inf"))),
        "2 cells of data are no finite numbers: row 6, column 2 and row 9, column 2",
        "Correct the cells",
    ),
    "labels with a fraction": (
        cells((6, 3, 1.5), (9, 3, 2.5)),
        "2 cells of data hold fractions, such as 1.5: row 6, column 3 and row 9, column 3",
        '="1.5"',
    ),
    "errors among labels": (
        cells((6, 3, NameError()), (9, 3, NameError())),
        "2 cells of data hold errors, such as #NAME?: row 6, column 3 and row 9, column 3",
        "Correct the cells",
    ),
    "a year as header": (cells((1, 5, 2020)), "Row 1, column 5 of data holds 2020", '="2020"'),
}


@pytest.mark.parametrize(("data", "what", "remedy"), IN_A_TABLE.values(), ids=IN_A_TABLE)
def test_a_mistake_in_a_table_is_answered_by_what_is_wrong_where_and_what_to_do(data, what, remedy):
    message = glmm_binomial_formula(data, "y ~ x + (1 | herd)")
    assert message.startswith("Invalid input: data")
    assert what in message
    assert remedy in message


def test_of_shares_the_successes_are_told_in_the_names_that_were_typed():
    message = glmm_binomial_formula(TABLE, "s / n ~ x + (1 | herd)")
    assert message.endswith("s is 0.3 in row 2 of data. If it is a share, write s * n / n ~ ...")
    assert not isinstance(glmm_binomial_formula(TABLE, "s * n / n ~ x + (1 | herd)"), str)


def test_every_formula_to_paste_says_which_range_it_stands_for():
    assert '=--(K1:K6="yes"), with your range of y for K1:K6.' in typed(y=column("no", "yes", "no", "yes", "yes", "no"))


def test_of_a_reference_level_without_successes_its_rows_are_told_and_not_to_leave_columns_out():
    # 12 rows each of the levels a, b and c; nobody of a is ill
    levels = [i // 12 for i in range(36)]
    ill = [int(level > 0 and i % 3 == 0) for i, level in enumerate(levels)]
    coded, herds = [[int(level == 1), int(level == 2)] for level in levels], column(*(i % 6 for i in range(36)))
    message = glmm_binomial(column(*ill), coded, herds, None, True, 0.05, "ml")
    assert message.startswith("Error fitting GLMM: the likelihood has no maximum")
    assert "12 rows (1, 2, 3, 4, 5, 6, 7, 8 and 4 more)" in message
    assert "those in which all of these columns are 0" in message
    assert message.endswith("or join the category of these rows with another.")
    table = glmm_binomial(column(*ill), coded, herds)
    assert any("those in which all of these columns are 0" in str(row[1]) for row in table if row[0] == "warning")
    # of a level with a column of its own it is that column
    of_b = [int(level != 1 and i % 3 == 0) for i, level in enumerate(levels)]
    assert glmm_binomial(column(*of_b), coded, herds, None, True, 0.05, "ml").endswith("or leave the column out.")


def test_what_people_write_for_missing_labels_is_a_group_with_a_notice():
    rows = typed(groups=column("A", "A", "NA", "NA", "B", "B"))
    assert any(
        row[0] == "warning" and row[1].startswith("'NA' counts as a group like any other, in 2 rows.") for row in rows
    )
    assert not any("counts as a group" in str(row[1]) for row in typed())


def test_a_model_without_predictors_is_asked_by_groups_alone():
    model = glmm_binomial_model(column(*Y), None, column(*GROUPS))
    known, new = glmm_binomial_predict(model, None, column(1, 7))[1:]
    assert (known[-1], new[-1]) == ("group estimate", "zero (new group)")
    assert glmm_binomial_predict(model, column(1, 2)).startswith("Invalid input: new_data must be left empty")
