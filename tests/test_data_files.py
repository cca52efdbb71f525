"""Files of data, as spreadsheets and other programs write them: read right, or refused with line, column and remedy."""

from __future__ import annotations

import random

import pytest

from glmm_binomial.command_line.delimited import DataFileError, read_delimited
from glmm_binomial.command_line.typed_cells import typed

PLAIN = "y,x,g\n1,2.5,A\n0,-3.25,B\n1,10,A\n"
HEADER = ("y", "x", "g")
ROWS = ((1.0, 2.5, "A"), (0.0, -3.25, "B"), (1.0, 10.0, "A"))


@pytest.fixture
def read(tmp_path):
    def read_content(content, separator=None, decimal=None):
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return typed(read_delimited(path, separator), decimal)

    return read_content


@pytest.mark.parametrize(
    ("content", "decimal"),
    [
        (PLAIN, "point"),
        (PLAIN.replace("\n", "\r\n"), "point"),
        (PLAIN.replace("\n", "\r"), "point"),
        (PLAIN.rstrip(), "point"),
        (PLAIN + "\n\n,,\n", "point"),
        (b"\xef\xbb\xbf" + PLAIN.encode(), "point"),
        (PLAIN.encode("utf-16"), "point"),
        (PLAIN.replace(",", ";"), "point"),
        (PLAIN.replace(",", "\t"), "point"),
        (PLAIN.replace(",", ";").replace(".", ","), "comma"),
        (PLAIN.replace(",", "\t").replace(".", ","), "comma"),
        ("sep=;\n" + PLAIN.replace(",", ";").replace(".", ","), "comma"),
        ('"y","x","g"\n"1","2.5","A"\n"0","-3.25","B"\n"1","10","A"\n', "point"),
        ('y,x,g\n1,"2,5",A\n0,"-3,25",B\n1,10,A\n', "comma"),
        ("y, x, g\n1, 2.5,A\n0, -3.25,B\n1, 10,A\n", "point"),
        ("y,x,g,,\n1,2.5,A,,\n0,-3.25,B,,\n1,10,A,,\n", "point"),
        ("y,x,g\n1,2.5e+00,A\n0,-32.5e-1,B\n1,1e+01,A\n", "point"),
    ],
)
def test_the_same_table_is_read_however_it_is_written(read, content, decimal):
    table = read(content)
    assert (table.header, table.rows, table.decimal, table.notes) == (HEADER, ROWS, decimal, ())


def test_cells_may_hold_separators_quotation_marks_and_line_ends(read):
    table = read('y,"a, b",g\n1,2,"say ""A"""\n0,3,"two\nlines"\n')
    assert table.header == ("y", "a, b", "g")
    assert [row[2] for row in table.rows] == ['say "A"', "two\nlines"]


def test_texts_keep_their_spaces_and_blank_cells_are_none(read):
    assert read("y,g\n1, A\n,B\n0,  \n").rows == ((1.0, " A"), (None, "B"), (0.0, None))


def test_a_blank_line_between_rows_is_a_row_without_values(read):
    assert read("y,g\n1,A\n\n0,B\n").rows == ((1.0, "A"), (None, None), (0.0, "B"))


def test_columns_of_true_and_false_are_truth_values(read):
    assert read("y,g\nTRUE,a\nFALSE,b\nNA,c\n").rows == ((True, "a"), (False, "b"), ("NA", "c"))


@pytest.mark.parametrize("code", ["007", "12345678901234567"])
def test_codes_that_a_number_would_change_stay_text_with_a_note(read, code):
    table = read(f"y,id\n1,{code}\n0,8\n")
    assert [row[1] for row in table.rows] == [code, "8"]
    assert table.notes == (f"column id is kept as text: line 2 holds {code}, which would not be the same as a number.",)


def test_a_label_with_an_e_is_no_number(read):
    assert [row[1] for row in read("y,id\n1,1E2\n0,100\n1,3\n").rows] == ["1E2", 100.0, 3.0]


def test_what_other_programs_write_for_missing_numbers_is_missing_with_a_note(read):
    table = read("y,x\n1,NaN\n0,2\n1,3\n0,NULL\n1,NA\n")
    assert [row[1] for row in table.rows] == [None, 2.0, 3.0, None, "NA"]
    assert table.notes == ("NaN in column x (2 cells) is taken for missing.",)


def test_a_column_without_a_name_is_said_to_take_no_part(read):
    table = read('"","y","g"\n"1",1,"A"\n"2",0,"B"\n')
    assert table.notes == ("column 1 has no name and takes no part.",)
    assert table.header == ("", "y", "g")


def test_a_number_among_texts_leaves_the_texts_alone(read):
    assert [row[1] for row in read("y,g\n1,A\n0,B\n1,3\n").rows] == ["A", "B", "3"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty."),
        ("\n\n", "the file is empty."),
        ("y\n1\n0\n", "line 1 holds no comma, semicolon or tab"),
        ("y x g\n1 2 A\n", "say --separator space"),
        ("y,x;g\n1,2;A\n", "line 1 can be cut at commas (2 columns) and at semicolons (2 columns). Say which it is"),
        ("y,x,y\n1,2,3\n", "line 1 holds the name 'y' more than once, in columns 1 and 3. Rename all but one."),
        ("1,2.5,3\n0,2,3\n", "line 1 must hold the names of the columns. It holds 1, 2.5, 3"),
        (",,\n1,2,3\n", "line 1 must hold the names of the columns. It is blank."),
        ("y,x\n1,2\n0\n1,2,3\n1\n0\n1,9\n", "2 cut at commas: line 3 has 1, line 4 has 3, line 5 has 1 and 1 more."),
        ("y,x,g\n1,2,5,A\n0,3,1,B\n", "With decimal commas, numbers must stand in quotation marks"),
        ('y,x\n1,"2\n0,3\n', "line 2: a quotation mark is opened and never closed."),
        ('y,x\n1,"2"3\n', "line 2: text follows a closing quotation mark"),
        ("y,x\n1,Stra\xdfe\n".encode("latin-1"), "line 2, character 7 is not UTF-8 (byte 0xdf). In Excel save as"),
        (b"PK\x03\x04rest", "the file is a workbook. Save the sheet with the data as CSV UTF-8"),
        (b"y,x\n\0\0,1\n", "the file holds zero bytes"),
        ("y;x\n1;1,234\n0;2,345\n", "line 2, column x holds 1,234: is that 1234, or is the comma a decimal comma?"),
        ("y;x\n1;1.234\n0;2.345\n", "line 2, column x holds 1.234: is that 1234, or is the point a decimal point?"),
        ('y,x\n1,"1,234"\n0,"2,345"\n', "say --decimal comma; else write 1234"),
        ("y;x;z\n1;1,5;2\n0;2;2.5\n", "line 3, column z holds 2.5, and line 2, column x holds 1,5: one has a point"),
        ("y;x\n1;1.234,5\n0;2\n", "line 2, column x holds 1.234,5: thousands must not be set apart."),
        ('y,x\n1,"1,234,567"\n0,2\n', "line 2, column x holds 1,234,567: thousands must not be set apart."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_right_is_refused_with_place_and_remedy(read, content, said):
    with pytest.raises(DataFileError) as refusal:
        read(content)
    assert said in str(refusal.value)
    assert str(refusal.value).endswith(".")


def test_doubts_are_settled_by_what_is_said(read):
    assert read("y;x\n1;1,234\n0;2\n", decimal="comma").rows[0] == (1.0, 1.234)
    assert read("y;x\n1;1.234\n0;2\n", decimal="point").rows[0] == (1.0, 1.234)
    assert read("y x\n1 2\n", separator=" ").rows == ((1.0, 2.0),)
    assert read("y,x;g\n1,2;A\n", separator=";").header == ("y,x", "g")
    with pytest.raises(DataFileError, match=r"line 2, column x holds 1,5, which is no number with a decimal point\."):
        read("y;x\n1;1,5\n", decimal="point")


def test_between_commas_a_point_is_a_decimal_point(read):
    assert read("y,x\n1,1.234\n0,2.345\n").rows == ((1.0, 1.234), (0.0, 2.345))


def test_one_number_that_can_only_be_a_decimal_settles_all(read):
    assert read("y;x\n1;1,234\n0;0,5\n").rows == ((1.0, 1.234), (0.0, 0.5))


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_is_not_there_is_a_sentence(name, tmp_path):
    with pytest.raises(DataFileError, match=r"^the file cannot be read: (No such file|Is a directory)"):
        read_delimited(tmp_path / name)


def test_damaged_files_are_read_or_refused_and_never_fail_otherwise(read):
    generator = random.Random(1)
    alphabet = 'y,x;g\t\n"1.5,0 -A\r\ufeffé'
    for _ in range(2000):
        content = "".join(generator.choice(alphabet) for _ in range(generator.randrange(30)))
        try:
            table = read(content)
        except DataFileError:
            continue
        assert {len(row) for row in table.rows} <= {len(table.header)}
