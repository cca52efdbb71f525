"""Workbooks written with XlsxWriter, recalculated, read with openpyxl: what comes out is what Excel would show."""

import datetime as dt
import io
import math
import re
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from glmm_binomial.workbook import CellError, Counts, Recalculation, WorkbookError, recalculate
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.sheet_edit import edit_cells

Build = Callable[[xlsxwriter.Workbook], None]

TABLE = [
    ["fixed_effects", "parameter", "coefficient"],
    ["", "intercept", -0.25],
    ["", "x1", 2.0],
    ["converged", True, ""],
]


class Recorder:
    """Stands for a worksheet function: the call shape of GLMM_BINOMIAL; remembers what it was given."""

    def __init__(self, answer: object = TABLE) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.answer = answer

    def __call__(self, y, x=None, groups=None, x_random=None, fit_intercept=True, alpha=0.05) -> object:
        self.calls.append((y, x, groups, x_random, fit_intercept, alpha))
        return self.answer


def write_workbook(path: Path, build: Build) -> Path:
    with xlsxwriter.Workbook(path) as book:
        build(book)
    return path


def run(tmp_path: Path, build: Build, function: object = None) -> tuple[Recorder, Recalculation, Path]:
    recorder = function or Recorder()
    source = write_workbook(tmp_path / "in.xlsx", build)
    recalculation = recalculate(source, {"GLMM_BINOMIAL": recorder})
    target = tmp_path / "out.xlsx"
    recalculation.write(target)
    return recorder, recalculation, target


def values(path: Path, sheet: str, area: str) -> object:
    cells = openpyxl.load_workbook(path, data_only=True)[sheet][area]
    if not isinstance(cells, tuple):
        return cells.value
    return [[cell.value for cell in row] for row in cells]


def data_sheet(book: xlsxwriter.Workbook, name: str = "Data", rows: int = 4) -> xlsxwriter.worksheet.Worksheet:
    sheet = book.add_worksheet(name)
    for row in range(rows):
        sheet.write_row(row, 0, [row % 2, row / 2, row // 2])
    return sheet


def arguments_of(tmp_path: Path, formula: str, prepare: Build | None = None) -> tuple[object, ...]:
    """Return what the function is handed by one formula on a sheet Fit, beside a sheet Data."""

    def build(book: xlsxwriter.Workbook) -> None:
        data_sheet(book)
        sheet = book.add_worksheet("Fit")
        if prepare is not None:
            prepare(book)
        sheet.write_dynamic_array_formula("E1", formula)

    recorder, recalculation, _ = run(tmp_path, build)
    assert recalculation.problems == ()
    assert len(recorder.calls) == 1
    return recorder.calls[0]


Y = [[0.0], [1.0], [0.0], [1.0]]
X = [[0.0], [0.5], [1.0], [1.5]]
XG = [[0.0, 0.0], [0.5, 0.0], [1.0, 1.0], [1.5, 1.0]]
OPTIONAL = (None, None, None, True, 0.05)


# --- references -------------------------------------------------------------------------------------------------------


def test_a_range_on_another_sheet_arrives_as_rows(tmp_path):
    assert arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(Data!A1:A4,Data!$B$1:$C$4)") == (Y, XG, *OPTIONAL[1:])


@pytest.mark.parametrize("name", ["Bob's data", "Größe & Maß", "1 2", "a-b!"])
def test_a_sheet_name_may_hold_spaces_quotes_and_other_letters(tmp_path, name):
    def build(book):
        data_sheet(book, name)
        quoted = name.replace("'", "''")
        book.add_worksheet("Fit's é").write_dynamic_array_formula("A1", f"=_xll.GLMM_BINOMIAL('{quoted}'!A1:A4)")

    recorder, recalculation, target = run(tmp_path, build)
    assert recorder.calls[0][0] == Y
    assert recalculation.cells[0].sheet == "Fit's é"
    assert values(target, "Fit's é", "C2") == -0.25


def test_whole_columns_end_at_the_last_used_row_of_all_of_them(tmp_path):
    def prepare(book):
        book.get_worksheet_by_name("Data").write_blank("C4", None, book.add_format())

    y, x, groups = arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(Data!A:A,Data!$B:$B,Data!C:C)", prepare)[:3]
    assert (y, x) == (Y, X)
    assert groups == [[0.0], [0.0], [1.0], [None]]


def test_a_whole_column_beside_a_range_of_fixed_size_has_all_rows_as_in_excel(tmp_path):
    y, x = arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(Data!A:A,Data!B1:B4)")[:2]
    assert len(y) == 1_048_576
    assert y[:4] == Y
    assert y[-1] == [None]
    assert x == X


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Tbl[y]", Y),
        ("Tbl[[y]]", Y),
        ("Tbl[[#Data],[y]]", Y),
        ("Tbl[[#All],[y]]", [["y"], *Y]),
        ("Tbl[[#Headers],[#Data],[y]]", [["y"], *Y]),
        ("Tbl[[x '[m/s'] '#1]:[group]]", XG),
        ("Tbl", [[*a, *b] for a, b in zip(Y, XG, strict=True)]),
        ("Tbl[]", [[*a, *b] for a, b in zip(Y, XG, strict=True)]),
        ("Tbl[#Data]", [[*a, *b] for a, b in zip(Y, XG, strict=True)]),
        ("Tbl[#Headers]", [["y", "x [m/s] #1", "group"]]),
        ("tbl[Y]", Y),
    ],
)
def test_a_structured_reference_means_the_cells_of_the_table(tmp_path, reference, expected):
    def build(book):
        sheet = book.add_worksheet("Data")
        rows = [[*a, *b] for a, b in zip(Y, XG, strict=True)]
        columns = [{"header": header} for header in ("y", "x [m/s] #1", "group")]
        sheet.add_table("B2:D6", {"name": "Tbl", "columns": columns, "data": rows})
        # XlsxWriter rewrites @ and the like in table formulas only, so the text goes into the file as it is
        book.add_worksheet("Fit").write_dynamic_array_formula("A1", f"=_xll.GLMM_BINOMIAL({reference})")

    recorder, recalculation, _ = run(tmp_path, build)
    assert recalculation.problems == ()
    assert recorder.calls[0][0] == expected


def test_this_row_of_a_table_and_a_totals_row_are_understood(tmp_path):
    def build(book):
        sheet = book.add_worksheet("Data")
        columns = [
            {"header": "n", "total_function": "sum"},
            {"header": "twice", "formula": "=Tbl[[#This Row],[n]]*2"},
        ]
        sheet.add_table(0, 0, 4, 1, {"name": "Tbl", "columns": columns, "total_row": True})
        for row in range(3):
            sheet.write_number(row + 1, 0, row + 1)
        sheet.write_formula("D1", "=SUM(Tbl[twice])")
        sheet.write_formula("D2", "=Tbl[[#Totals],[n]]")

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert values(target, "Data", "A2:B5") == [[1, 2], [2, 4], [3, 6], [6, None]]
    assert values(target, "Data", "D1:D2") == [[12], [6]]


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("outcome", "=Data!$A$1:$A$4"),
        ("Fit!outcome", "=Data!$A$1:$A$4"),
        ("outcome", "=OFFSET(Data!$A$1,0,0,4,1)"),
        ("outcome", "=INDEX(Data!$A$1:$C$4,0,1)"),
        ("outcome", "=Data!$A:$A"),
    ],
)
def test_a_defined_name_means_its_definition(tmp_path, name, definition):
    def prepare(book):
        book.define_name(name, definition)

    assert arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(outcome)", prepare)[0] == Y


def test_a_defined_name_may_itself_be_the_call(tmp_path):
    def build(book):
        data_sheet(book)
        book.define_name("Outcome", "=Data!$A$1:$A$4")
        book.define_name("Model", "=_xll.GLMM_BINOMIAL(Outcome,,Data!$C$1:$C$4)")
        book.add_worksheet("Fit").write_dynamic_array_formula("A1", "=Model")

    recorder, recalculation, target = run(tmp_path, build)
    assert recorder.calls == [(Y, None, [[0.0], [0.0], [1.0], [1.0]], *OPTIONAL[2:])]
    assert recalculation.cells[0].formula == "=Model"
    assert values(target, "Fit", "A1:C2") == [TABLE[0], [None, "intercept", -0.25]]


# --- arguments --------------------------------------------------------------------------------------------------------


def test_omitted_arguments_have_their_defaults(tmp_path):
    given = arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(Data!A1:A4, ,Data!B1:B4,,FALSE,)")
    assert given == (Y, None, X, None, False, 0.05)


def test_only_skipped_arguments_are_filled_in_and_not_those_of_inner_functions(tmp_path):
    given = arguments_of(tmp_path, '=_xll.GLMM_BINOMIAL(IF(TRUE,Data!A1:A4,),,IF(FALSE,1,),"a,,b")')
    assert given[:4] == (Y, None, 0.0, "a,,b")


def test_array_constants_hold_numbers_texts_booleans_and_errors(tmp_path):
    y, x = arguments_of(tmp_path, '=_xll.GLMM_BINOMIAL({0;1;1.5},{1,"a, b";TRUE,#N/A})')[:2]
    assert y == [[0.0], [1.0], [1.5]]
    assert x[0] == [1.0, "a, b"]
    assert x[1][0] is True
    assert type(x[1][1]) is RuntimeError


def test_cells_arrive_as_pyxll_hands_them_over(tmp_path):
    def prepare(book):
        sheet = book.get_worksheet_by_name("Data")
        sheet.write_string("F1", "text")
        sheet.write_boolean("F2", True)
        sheet.write_datetime("F4", dt.datetime(2024, 1, 2, 12), book.add_format({"num_format": "d.m.yy"}))
        sheet.write_string("F5", "5")
        sheet.write_formula("F6", '=""')
        sheet.write_number("F7", 0.123456789012345, book.add_format({"num_format": "hh:mm"}))

    column, single, empty = arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(Data!F1:F7,Data!F2,Data!F3)", prepare)[:3]
    assert column == [["text"], [True], [None], [45293.5], ["5"], [""], [0.123456789012345]]
    assert single is True
    # an argument that was left out is None
    assert empty == [[None]]


@pytest.mark.parametrize(
    ("code", "exception"),
    [
        ("#N/A", RuntimeError),
        ("#NUM!", ArithmeticError),
        ("#VALUE!", ValueError),
        ("#DIV/0!", ZeroDivisionError),
        ("#REF!", ReferenceError),
        ("#NAME?", NameError),
        ("#NULL!", LookupError),
    ],
)
def test_error_cells_arrive_as_exception_instances(tmp_path, code, exception):
    def prepare(book):
        book.get_worksheet_by_name("Data").write_formula("A2", f"={code}")

    cells, single = arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(Data!A1:A4,Data!A2)", prepare)[:2]
    assert type(cells[1][0]) is exception
    assert type(single) is exception


def test_whole_numbers_computed_by_formulas_arrive_as_floats(tmp_path):
    given = arguments_of(tmp_path, "=_xll.GLMM_BINOMIAL(ROWS(Data!A1:A4),_xlfn.SEQUENCE(2))")
    assert [type(given[0]), type(given[1][0][0])] == [float, float]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("=EXP(B1:B4)", [math.exp(v) for v in (0, 0.5, 1, 1.5)]),
        ("=1/(1+EXP(-(1+2*_xlfn.ANCHORARRAY(H1))))", [1 / (1 + math.exp(-(1 + 2 * v))) for v in (0, 0.5, 1, 1.5)]),
        ("=ROUND(B1:B4,0)", [0, 1, 1, 2]),
        ("=LEN(B1:B4)", [1, 3, 1, 3]),
        ('=TEXT(B1:B4,{"0.0"})', ["0.0", "0.5", "1.0", "1.5"]),
        ("=MATCH(B1:B4,{0;0.5;1;1.5},0)", [1, 2, 3, 4]),
        ("=INDEX(B1:B4,{4;2;3;1})", [1.5, 0.5, 1, 0]),
        ("=COUNTIF(C1:C4,C1:C4)", [2, 2, 2, 2]),
        ("=_xlfn.XLOOKUP(B1:B4,B1:B4,C1:C4)", [0, 0, 1, 1]),
        ("=_xlfn.NORM.S.DIST(B1:B4*0,TRUE)", [0.5] * 4),
        ("=_xlfn.LET(_xlpm.v,B1:B4,ABS(_xlpm.v-1))", [1, 0.5, 0, 0.5]),
        ("=ISNUMBER(B1:B4)", [True] * 4),
        ("=LN(B1:B4/B1:B4)", ["#DIV/0!", 0, 0, 0]),
        ("=_xlfn.SEQUENCE(4)*SUM(ABS(-B1:B4))", [3, 6, 9, 12]),
        ("=POWER(B1:B4,{2;2})", [0, 0.25, "#N/A", "#N/A"]),
    ],
)
def test_functions_of_single_values_apply_to_every_element_of_an_array(tmp_path, formula, expected):
    def build(book):
        sheet = data_sheet(book)
        sheet.write_dynamic_array_formula("E1", formula)
        sheet.write_dynamic_array_formula("H1", "=B1:B4")

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert [row[0] for row in values(target, "Data", "E1:E4")] == pytest.approx(expected)


def test_a_whole_column_of_one_used_cell_has_the_rows_of_the_others(tmp_path):
    def prepare(book):
        book.get_worksheet_by_name("Data").write_string("E1", "trials")

    y, x, groups, trials, *_ = arguments_of(
        tmp_path, "=_xll.GLMM_BINOMIAL(Data!A:A,Data!B:B,Data!C:C,Data!E:E)", prepare
    )
    assert trials == [["trials"], [None], [None], [None]]
    assert len(y) == len(x) == len(groups) == 4


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("=A2=A1", True),
        ("=IF(A2>A1,1,0)+IF(A2<=A1,2,0)+IF(A2<>A1,4,0)", 2),
        ("=A1*3*0.1*10=A1*3", True),
        ("=(A2=A1)=TRUE", True),
        ('="dose "&A2', "dose 0.3"),
        ('=A2&"/"&1/3', "0.3/0.333333333333333"),
        # not a whole column, nor a number of rows
        ('="id:A"&A2&" of 1:9"', "id:A0.3 of 1:9"),
        ("=A2&A1=A1&A2", True),
        ("=_xlfn.CONCAT(A2,A4)", "0.37"),
        ('=_xlfn.TEXTJOIN("|",TRUE,A1:A4)', "0.3|0.3|x|7"),
        ("=LEN(A2)", 3),
        ('=SUBSTITUTE(A2,".",",")', "0,3"),
        ("=SUMPRODUCT((A1:A4=0.3)*1)", 2),
        ("=SUMPRODUCT((A1:A5=0)*1)", 1),
        ('=IF(A5="",IF(A5=0,A5&"blank",""),"")', "blank"),
        ('=IF(A3="X",A2,0)', 3 * 0.1),
        ("=A2*1", 3 * 0.1),
        ("=A6&A1", "#DIV/0!"),
        ("=A6=A1", "#DIV/0!"),
    ],
)
def test_numbers_are_compared_and_written_to_fifteen_digits_as_in_excel(tmp_path, formula, expected):
    def build(book):
        sheet = book.add_worksheet("Data")
        sheet.write_number("A1", 0.3)
        sheet.write_formula("A2", "=3*0.1")
        sheet.write_string("A3", "x")
        sheet.write_number("A4", 7)
        sheet.write_formula("A6", "=1/0")
        sheet.write_formula("C1", formula)

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert values(target, "Data", "C1") == expected


def test_labels_computed_from_numbers_that_look_alike_are_one_group(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        for row, dose in enumerate(("0.3", "3*0.1", "0.1+0.2", "0.7"), start=1):
            sheet.write_formula(f"D{row}", f"={dose}")
            sheet.write_formula(f"E{row}", f'="dose "&D{row}')
        sheet.write_dynamic_array_formula("G1", "=_xll.GLMM_BINOMIAL(A1:A4,B1:B4,E1:E4)")
        sheet.write_dynamic_array_formula("M1", '=_xll.GLMM_BINOMIAL(A1:A4,B1:B4,"dose "&D1:D4)')

    recorder, _, _ = run(tmp_path, build)
    for call in recorder.calls:
        assert call[2] == [["dose 0.3"], ["dose 0.3"], ["dose 0.3"], ["dose 0.7"]]


def test_an_aggregate_of_an_array_in_a_plain_formula_is_one_value(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        sheet.write_formula("E1", "=SUMPRODUCT(ABS(B1:B4-1)*(C1:C4=0))")
        sheet.write_formula("E2", "=EXP(SUMPRODUCT(A1:A4,B1:B4))")
        sheet.write_formula("E3", "=INDEX(B:B,MATCH(1.5,B:B,0))")

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert [row[0] for row in values(target, "Data", "E1:E3")] == pytest.approx([1.5, math.exp(2), 1.5])


def test_the_same_call_in_several_cells_is_calculated_once(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        for row in range(3):
            sheet.write_formula(row, 5, f"=INDEX(_xll.GLMM_BINOMIAL(A1:A4),2,{row + 1})")
        sheet.write_formula(3, 5, "=INDEX(_xll.GLMM_BINOMIAL(B1:B4),2,3)")

    recorder, recalculation, target = run(tmp_path, build)
    assert len(recorder.calls) == 2
    assert len(recalculation.cells) == 4
    assert values(target, "Data", "F1:F4") == [[None], ["intercept"], [-0.25], [-0.25]]


@pytest.mark.mass
def test_a_million_rows_reach_the_function_without_being_copied():
    from glmm_binomial.workbook.calls import ArgumentKind  # noqa: PLC0415
    from glmm_binomial.workbook.exchange import handed_over  # noqa: PLC0415
    from glmm_binomial.workbook.handles import Handles  # noqa: PLC0415

    rows = [[1.0] for _ in range(1_000_000)]
    began = time.process_time()
    (given,) = handed_over([rows], [ArgumentKind.FIXED], defaults=[], handles=Handles())
    assert given is rows
    assert time.process_time() - began < 1


# --- results ----------------------------------------------------------------------------------------------------------


def test_the_table_spills_and_formulas_that_use_it_follow(tmp_path):
    def build(book):
        data_sheet(book)
        sheet = book.add_worksheet("Fit")
        sheet.write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(Data!A1:A4)")
        sheet.write_formula("F1", "=1/(1+EXP(-(C2+C3)))")
        sheet.write_formula("F2", '=INDEX(C:C,MATCH("x1",B:B,0))')
        sheet.write_formula("F3", '=_xlfn.XLOOKUP("x1",B1:B9,C1:C9)')
        sheet.write_formula("F4", "=ROWS(_xlfn.ANCHORARRAY(A1))")
        sheet.write_dynamic_array_formula("H1", "=INDEX(_xlfn.ANCHORARRAY(A1),0,2)")
        sheet.write_dynamic_array_formula("J1", "=_xll.GLMM_BINOMIAL(_xlfn.ANCHORARRAY(A1))")
        book.add_worksheet("Other").write_formula("A1", "=Fit!C3*10&Fit!A2")

    recorder, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert recalculation.cells[0].table == tuple(map(tuple, TABLE))
    assert [row[0] for row in values(target, "Fit", "F1:F4")] == [pytest.approx(1 / (1 + math.exp(-1.75))), 2, 2, 4]
    assert values(target, "Fit", "H1:H4") == [["parameter"], ["intercept"], ["x1"], [True]]
    assert values(target, "Other", "A1") == "20"
    assert recorder.calls[1][0] == TABLE


def test_let_binds_arguments_and_results(tmp_path):
    def build(book):
        data_sheet(book)
        sheet = book.add_worksheet("Fit")
        let = "=_xlfn.LET(_xlpm.y,Data!A1:A4,_xlpm.t,_xll.GLMM_BINOMIAL(_xlpm.y,,Data!B1:B4),INDEX(_xlpm.t,3,3)*10)"
        sheet.write_dynamic_array_formula("A1", let)

    recorder, recalculation, target = run(tmp_path, build)
    assert recorder.calls == [(Y, None, X, *OPTIONAL[2:])]
    assert values(target, "Fit", "A1") == 20
    assert recalculation.cells[0].formula == "=LET(y,Data!A1:A4,t,GLMM_BINOMIAL(y,,Data!B1:B4),INDEX(t,3,3)*10)"


def test_a_plain_formula_shows_the_first_value_only(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        sheet.write_formula("E1", "=_xll.GLMM_BINOMIAL(A1:A4)")
        sheet.write_string("F1", "in the way of a spill")

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert recalculation.cells[0].table == tuple(map(tuple, TABLE))
    (note,) = recalculation.notes
    assert "shows one cell of a table of 4 rows and 3 columns" in note
    assert "ArrayFormula" in note
    assert "write_dynamic_array_formula" in note
    assert values(target, "Data", "E1:F2") == [["fixed_effects", "in the way of a spill"], [None, None]]


def test_a_plain_reference_to_a_range_is_intersected_with_row_and_column(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        sheet.write_formula("E2", "=B1:B4*2")
        sheet.write_formula("E3", "=B:B")
        sheet.write_formula("C9", "=A1:C1")
        sheet.write_formula("E9", "=B1:B4")

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert [values(target, "Data", cell) for cell in ("E2", "E3", "C9", "E9")] == [1, 1, 0, "#VALUE!"]


def test_an_array_of_fixed_size_is_cut_or_filled_with_na(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        sheet.write_array_formula("E1:F2", "{=_xll.GLMM_BINOMIAL(A1:A4)}")
        sheet.write_array_formula("H1:K5", "{=_xll.GLMM_BINOMIAL(A1:A4)}")
        sheet.write_array_formula("M1:N2", "{=A2+1}")

    _, recalculation, target = run(tmp_path, build)
    cut = [["fixed_effects", "parameter", None], [None, "intercept", None], [None] * 3]
    assert values(target, "Data", "E1:G3") == cut
    assert values(target, "Data", "H4:K5") == [["converged", True, None, "#N/A"], ["#N/A"] * 4]
    assert values(target, "Data", "M1:N2") == [[2, 2], [2, 2]]
    assert recalculation.cells[1].error == "#N/A"


@pytest.mark.parametrize("old", ["E1:F2", "E1:M12"])
def test_a_spill_grows_and_shrinks_and_keeps_the_styles_of_its_cells(tmp_path, old):
    def build(book):
        sheet = data_sheet(book)
        bold = book.add_format({"bold": True})
        sheet.write_dynamic_array_formula(old, "=_xll.GLMM_BINOMIAL(A1:A4)", bold, 1)
        sheet.write_string("O12", "stays")

    _, _, target = run(tmp_path, build)
    assert values(target, "Data", "E1:G4") == [[v if v != "" else None for v in row] for row in TABLE]
    assert {v for row in values(target, "Data", "H1:M12") for v in row} == {None}
    assert values(target, "Data", "O12") == "stays"
    sheet = openpyxl.load_workbook(target)["Data"]
    assert sheet["E1"].value.ref == "E1:G4"
    assert sheet["E1"].font.bold
    assert sheet["F2"].font.bold
    if old == "E1:M12":
        assert sheet["M12"].font.bold
        assert sheet["M12"].value is None


def test_a_spill_reaches_rows_and_cells_that_did_not_exist(tmp_path):
    def build(book):
        sheet = book.add_worksheet("Fit")
        sheet.write_number("B3", 5)
        sheet.write_dynamic_array_formula("D2", "=_xll.GLMM_BINOMIAL(B3)")
        sheet.write_number("H4", 6)
        sheet.write_number("A9", 7)

    _, _, target = run(tmp_path, build)
    assert values(target, "Fit", "D2:F5") == [[v if v != "" else None for v in row] for row in TABLE]
    assert [values(target, "Fit", cell) for cell in ("B3", "H4", "A9")] == [5, 6, 7]
    assert openpyxl.load_workbook(target)["Fit"].dimensions == "A2:H9"


def test_a_blocked_spill_is_an_error_that_names_the_cell(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        sheet.write_dynamic_array_formula("E1", "=_xll.GLMM_BINOMIAL(A1:A4)")
        sheet.write_string("F2", "in the way")

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.cells[0].error == "#SPILL!"
    assert values(target, "Data", "E1:F2") == [["#VALUE!", None], [None, "in the way"]]


def test_numbers_are_written_with_all_their_digits(tmp_path):
    numbers = [0.1 + 0.2, 1e-300, -1.7976931348623157e308, 123456789.0, 5e-324, -0.0]

    def build(book):
        book.add_worksheet("Fit").write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(1)")

    _, recalculation, target = run(tmp_path, build, Recorder([numbers]))
    assert recalculation.cells[0].table == (tuple(numbers),)
    assert values(target, "Fit", "A1:F1") == [numbers]


def test_texts_survive_whatever_they_hold(tmp_path):
    texts = ['<a> & "b"', " spaces ", "line\nfeed", "tab\t", "\x01", "_x0041_", "é😀", ""]

    def build(book):
        book.add_worksheet("Fit").write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(1)")

    _, _, target = run(tmp_path, build, Recorder([[text] for text in texts]))
    with zipfile.ZipFile(target) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>_x005F_x0041_</v>" in xml
    assert "<v>_x0001_</v>" in xml
    read = [row[0] for row in values(target, "Fit", "A1:A8")]
    assert read[:4] == texts[:4]
    assert read[6] == texts[6]


def test_what_pyxll_shows_as_an_error_is_an_error_here(tmp_path):
    answer = [[float("nan"), float("inf"), RuntimeError(), ZeroDivisionError(), None, 3]]

    def build(book):
        book.add_worksheet("Fit").write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(1)")

    _, recalculation, target = run(tmp_path, build, Recorder(answer))
    shown = ["#NUM!", "#NUM!", "#N/A", "#DIV/0!", None, 3]
    assert values(target, "Fit", "A1:F1") == [shown]
    assert recalculation.cells[0].table[0][2] == CellError("#N/A")
    assert recalculation.cells[0].error == "#NUM!"


def test_ragged_and_flat_answers_become_rectangles(tmp_path):
    def build(book):
        book.add_worksheet("Fit").write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(1)")

    assert run(tmp_path, build, Recorder([[1.0], [2.0, 3.0]]))[1].cells[0].table == ((1.0, ""), (2.0, 3.0))
    assert run(tmp_path, build, Recorder(["a", 2.0]))[1].cells[0].table == (("a",), (2.0,))
    assert run(tmp_path, build, Recorder([]))[1].cells[0].table == (("",),)


@pytest.mark.parametrize("message", ["Invalid input: y must be a 2D list.", "Error fitting GLMM: singular"])
@pytest.mark.parametrize("shape", [lambda text: text, lambda text: [[text]]])
def test_a_message_of_the_function_is_the_error_of_its_cell(tmp_path, message, shape):
    def build(book):
        book.add_worksheet("Fit").write_dynamic_array_formula("B2", "=_xll.GLMM_BINOMIAL(1)")

    _, recalculation, target = run(tmp_path, build, Recorder(shape(message)))
    assert recalculation.cells[0].error == message
    assert recalculation.cells[0].address == "B2"
    assert values(target, "Fit", "B2") == message


def test_an_exception_of_the_function_is_shown_in_its_cell_as_pyxll_shows_it(tmp_path):
    def fails(_y):
        raise KeyError("boom")

    def build(book):
        sheet = book.add_worksheet("Fit")
        sheet.write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(1)")
        sheet.write_dynamic_array_formula("A2", "=_xll.GLMM_BINOMIAL(1,2,3)")

    _, recalculation, target = run(tmp_path, build, fails)
    assert recalculation.cells[0].error == "##KeyError: 'boom'"
    assert recalculation.cells[1].error == "Invalid input: write GLMM_BINOMIAL(_y); 3 are given."
    assert values(target, "Fit", "A1") == "##KeyError: 'boom'"


def test_an_interruption_inside_the_function_ends_the_calculation(tmp_path):
    def interrupted(_y):
        raise KeyboardInterrupt

    def build(book):
        sheet = book.add_worksheet("Fit")
        sheet.write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(1)")
        sheet.write_dynamic_array_formula("A2", "=_xll.GLMM_BINOMIAL(2)")

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, build, interrupted)


def test_functions_are_called_in_the_main_thread_which_alone_sees_ctrl_c(tmp_path):
    threads = []

    def note(_value):
        threads.append(threading.current_thread())
        return 1.0

    def build(book):
        sheet = data_sheet(book)
        for row in range(8):
            sheet.write_formula(row, 5, f"=_xll.GLMM_BINOMIAL({row})")

    run(tmp_path, build, note)
    assert threads == [threading.main_thread()] * 8


def test_named_references_in_other_shapes_and_arrays_of_index_are_understood(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        book.define_name("whole", "=Data!$1:$4")
        sheet.write_dynamic_array_formula("F6", "=SUM(whole)")
        sheet.write_dynamic_array_formula("G6", "=_xlfn.LET(_xlpm.k,2,INDEX(A1:C4,0,_xlpm.k))")
        sheet.write_dynamic_array_formula("I6", "=_xlfn.SINGLE(B6:B9)+_xlfn.SINGLE(A1:A4)")

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert values(target, "Data", "F6") == 7
    assert values(target, "Data", "G6:G9") == [[0], [0.5], [1], [1.5]]
    assert values(target, "Data", "I6") == "#VALUE!"


# --- the file ---------------------------------------------------------------------------------------------------------


def rich_workbook(book: xlsxwriter.Workbook) -> None:
    sheet = data_sheet(book, rows=10)
    sheet.write_string("E20", "shared text")
    sheet.write_comment("A1", "a comment")
    bold = book.add_format({"bold": True})
    sheet.conditional_format("A1:A10", {"type": "formula", "criteria": "=A1>0", "format": bold})
    fit = book.add_worksheet("Fit")
    fit.write_dynamic_array_formula("A1:B2", "=_xll.GLMM_BINOMIAL(Data!A:A)", book.add_format({"italic": True}), 0)
    fit.write_formula("F1", "=SUM(C2:C3)", None, 99)
    fit.write_formula("F2", '=IF(F1>0,"yes","no")', None, "old")
    fit.write_formula("F3", "=F1>0", None, False)
    fit.write_formula("F4", "=1/0", None, 5)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Fit!$C$2:$C$3"})
    fit.insert_chart("H2", chart)
    hidden = book.add_worksheet("Hidden")
    hidden.hide()
    hidden.write_formula("A1", "=Fit!F1+1", None, 0)
    locked = book.add_worksheet("Locked")
    locked.protect("secret")
    locked.write_formula("A1", "=Fit!F1+2", None, 0)


def test_all_other_parts_and_all_formulas_stay_as_they_were(tmp_path):
    _, _, target = run(tmp_path, rich_workbook)
    with zipfile.ZipFile(tmp_path / "in.xlsx") as before, zipfile.ZipFile(target) as after:
        assert before.namelist() == after.namelist()
        changed = [name for name in before.namelist() if before.read(name) != after.read(name)]
        assert [info.date_time for info in before.infolist()] == [info.date_time for info in after.infolist()]
    assert changed == [f"xl/worksheets/sheet{number}.xml" for number in (2, 3, 4)]
    old, new = openpyxl.load_workbook(tmp_path / "in.xlsx"), openpyxl.load_workbook(target)
    for address in ("F1", "F2", "F3", "F4"):
        assert old["Fit"][address].value == new["Fit"][address].value
    assert old["Fit"]["A1"].value.text == new["Fit"]["A1"].value.text


def test_every_kind_of_value_is_refreshed_on_every_sheet(tmp_path):
    _, _, target = run(tmp_path, rich_workbook)
    assert values(target, "Fit", "F1:F4") == [[1.75], ["yes"], [True], ["#DIV/0!"]]
    assert values(target, "Hidden", "A1") == 2.75
    assert values(target, "Locked", "A1") == 3.75


def test_the_dynamic_array_mark_and_the_style_of_the_formula_stay(tmp_path):
    _, _, target = run(tmp_path, rich_workbook)
    with zipfile.ZipFile(target) as archive:
        xml = archive.read("xl/worksheets/sheet2.xml").decode()
    formula = '<f t="array" ref="A1:C4">_xll.GLMM_BINOMIAL(Data!A:A)</f><v>fixed_effects</v></c>'
    assert '<c r="A1" s="2" cm="1" t="str">' + formula in xml or '<c r="A1" s="1" cm="1" t="str">' + formula in xml


def test_the_same_workbook_twice_is_the_same_file_and_a_second_run_changes_nothing(tmp_path):
    _, first, target = run(tmp_path, rich_workbook)
    functions = {"GLMM_BINOMIAL": Recorder()}
    assert recalculate(tmp_path / "in.xlsx", functions).content == first.content
    assert recalculate(target, functions).content == first.content


def test_the_input_is_never_touched(tmp_path):
    source = write_workbook(tmp_path / "in.xlsx", rich_workbook)
    before = source.read_bytes()
    recalculate(source, {"GLMM_BINOMIAL": Recorder()})
    assert source.read_bytes() == before
    assert list(tmp_path.iterdir()) == [source]


def test_writing_replaces_the_whole_file_or_nothing(tmp_path, monkeypatch):
    target = tmp_path / "out.xlsx"
    target.write_bytes(b"old")
    Recalculation((), (), (), (), (), Counts(0, 0, 0), b"new").write(target)
    assert target.read_bytes() == b"new"

    def interrupted(_handle):
        raise KeyboardInterrupt

    monkeypatch.setattr("glmm_binomial.workbook.package.os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Recalculation((), (), (), (), (), Counts(0, 0, 0), b"half").write(target)
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def edited(source: Path, part: str, old: str, new: str) -> Path:
    """Change the text of one part of a workbook."""
    content = io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as after:
        for info in before.infolist():
            data = before.read(info)
            if info.filename == part:
                assert old in data.decode()
                data = data.decode().replace(old, new).encode()
            after.writestr(info, data)
    source.write_bytes(content.getvalue())
    return source


def test_shared_formulas_are_calculated_cell_by_cell(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        for row in range(1, 5):
            sheet.write_formula(f"E{row}", "=X", None, 0)

    source = write_workbook(tmp_path / "in.xlsx", build)
    sheet = "xl/worksheets/sheet1.xml"
    edited(source, sheet, '<c r="E1"><f>X</f>', '<c r="E1"><f t="shared" ref="E1:E4" si="0">B1*10+$B$2</f>')
    edited(source, sheet, "<f>X</f>", '<f t="shared" si="0"/>')
    recalculation = recalculate(source, {})
    recalculation.write(source)
    assert recalculation.problems == ()
    assert values(source, "Data", "E1:E4") == [[0.5], [5.5], [10.5], [15.5]]
    with zipfile.ZipFile(source) as archive:
        assert '<c r="E2"><f t="shared" si="0"/><v>5.5</v></c>' in archive.read(sheet).decode()


def test_a_shared_formula_may_hold_a_call(tmp_path):
    def build(book):
        sheet = data_sheet(book)
        sheet.write_formula("E1", "=X", None, 0)
        sheet.write_formula("E2", "=X", None, 0)

    source = write_workbook(tmp_path / "in.xlsx", build)
    sheet = "xl/worksheets/sheet1.xml"
    call = "_xll.GLMM_BINOMIAL(B1,,C$1:C$4)"
    edited(source, sheet, '<c r="E1"><f>X</f>', f'<c r="E1"><f t="shared" ref="E1:E2" si="0">{call}</f>')
    edited(source, sheet, "<f>X</f>", '<f t="shared" si="0"/>')
    recorder = Recorder()
    cells = recalculate(source, {"GLMM_BINOMIAL": recorder}).cells
    assert [call[0] for call in recorder.calls] == [0.0, 0.5]
    assert [cell.address for cell in cells] == ["E1", "E2"]
    assert {cell.formula for cell in cells} == {"=GLMM_BINOMIAL(B1,,C$1:C$4)", "=GLMM_BINOMIAL(B2,,C$1:C$4)"}
    assert {cell.table for cell in cells} == {tuple(map(tuple, TABLE))}


@pytest.mark.parametrize(
    "formula",
    [
        "<f>1+1</f>",
        '<f t="shared" si="0"/>',
        "<f/>",
        "<f></f >",
        "<f><![CDATA[A1<2]]></f>",
        '<f ca="1" aca="a>b">1</f>',
        "<x:f>A1&lt;2</x:f>",
    ],
)
def test_a_sheet_of_constants_keeps_its_values_alone(formula):
    x = "x:" if "x:" in formula else ""
    cells = f'<{x}c r="A1"><{x}v>1</{x}v></{x}c><{x}c r="B1">{formula}<{x}v>2</{x}v></{x}c>'
    sheet = f'<{x}worksheet xmlns:x="x"><{x}sheetData><{x}row r="1">{cells}</{x}row></{x}sheetData></{x}worksheet>'
    assert edit_cells(sheet.encode(), "s", {}, keep_other_formulas=False).decode() == sheet.replace(formula, "")


def test_empty_elements_may_have_a_tag_of_their_own_at_the_end(tmp_path):
    source = write_workbook(
        tmp_path / "a.xlsx", lambda book: book.add_worksheet().write_dynamic_array_formula("B2", "=_xll.F(1)")
    )
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    # as programs in Go write them
    parts[name] = re.sub(rb"<(\w+)( [^>]*)?/>", rb"<\1\2></\1>", parts[name])
    assert b"></dimension>" in parts[name]
    with zipfile.ZipFile(source, "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    target = tmp_path / "out.xlsx"
    recalculate(source, {"F": lambda _: [["a"], ["b"], ["c"]]}).write(target)
    sheet = openpyxl.load_workbook(target, data_only=True).active
    assert [sheet[cell].value for cell in ("B2", "B3", "B4")] == ["a", "b", "c"]


def test_cells_without_addresses_and_prefixed_elements_are_understood(tmp_path):
    source = write_workbook(tmp_path / "in.xlsx", lambda book: book.add_worksheet("S").write_formula("A1", "=X"))
    with zipfile.ZipFile(source) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    data = xml[xml.index("<worksheet") :]
    prefixed = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData>'
        "<x:row><x:c><x:v>2</x:v></x:c><x:c t='n'><x:f>A1&lt;3</x:f></x:c></x:row>"
        "<x:row/><x:row r='3'><x:c r='B3'><x:f a='>'>1+1</x:f><x:v></x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    edited(source, "xl/worksheets/sheet1.xml", data, prefixed)
    recalculation = recalculate(source, {})
    recalculation.write(source)
    assert values(source, "S", "A1:B3") == [[2, True], [None, None], [None, 2]]


def test_old_rich_value_marks_go_with_the_old_value(tmp_path):
    source = write_workbook(tmp_path / "in.xlsx", lambda book: book.add_worksheet("S").write_formula("A1", "=1+1"))
    edited(source, "xl/worksheets/sheet1.xml", '<c r="A1">', '<c r="A1" t="e" vm="1">')
    recalculate(source, {}).write(source)
    with zipfile.ZipFile(source) as archive:
        assert '<c r="A1"><f>1+1</f><v>2</v></c>' in archive.read("xl/worksheets/sheet1.xml").decode()


# --- what cannot be calculated is said --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("=NOSUCH(1)+1", "the function NOSUCH is not known without Excel"),
        ("=_xll.OTHER.ADDIN(1)", "the function OTHER.ADDIN is not known without Excel"),
        ("=_xlfn.LAMBDA(_xlpm.a,_xlpm.a+1)(3)", "LAMBDA is not calculated without Excel"),
        ("=SUM(ROW(A1:A3))", "ROW of several cells is not calculated without Excel"),
        ("=A1", "the cell refers to itself"),
        ("=SUM((A2,A3))", "uses something that is not calculated without Excel"),
        ("=SUM(", "cannot be read"),
        ("=Tbl[nosuch]", "has no column 'nosuch'"),
        ("=Tbl[[#This Row],[h]]", "does not stand in a row of the table"),
        ("=loop", "refers to itself"),
        ("=" + "ABS(" * 1000 + "1" + ")" * 1000, "too"),
        ("=IF(C1:C4>1,2,3)", "several values"),
    ],
)
def test_a_formula_that_cannot_be_calculated_is_named_with_its_cell(tmp_path, formula, said):
    def build(book):
        sheet = book.add_worksheet("S")
        sheet.add_table("H8:H10", {"name": "Tbl", "columns": [{"header": "h"}]})
        book.define_name("loop", "=loop+1")
        sheet.write_formula("A1", formula, None, 42)
        sheet.write_formula("B1", "=1+1", None, 0)

    _, recalculation, target = run(tmp_path, build)
    (problem,) = recalculation.problems
    assert (problem.sheet, problem.address) == ("S", "A1")
    assert said in problem.text
    assert str(values(target, "S", "A1")) != "42"
    assert values(target, "S", "B1") == 2


def test_a_relative_name_means_what_lies_as_far_from_the_cell_that_uses_it(tmp_path):
    def build(book):
        sheet = book.add_worksheet("S")
        # a file writes such a name as seen from A1
        book.define_name("left_of_it", "=S!XFD1")
        sheet.write_row("A1", [3, 4])
        sheet.write_formula("C1", "=left_of_it*2")
        sheet.write_formula("B2", "=SUM(left_of_it,1)")
        sheet.write("A2", 6)

    _, recalculation, target = run(tmp_path, build)
    assert recalculation.problems == ()
    assert (values(target, "S", "C1"), values(target, "S", "B2")) == (8, 7)


def test_a_data_table_keeps_its_old_values_and_is_named(tmp_path):
    def build(book):
        book.add_worksheet("S").write_formula("B2", "=X", None, 42)

    source = write_workbook(tmp_path / "in.xlsx", build)
    edited(source, "xl/worksheets/sheet1.xml", "<f>X</f>", '<f t="dataTable" ref="B2:B3" dt2D="0" dtr="0" r1="A1"/>')
    recalculation = recalculate(source, {})
    assert [str(problem) for problem in recalculation.problems] == [
        "S!B2: a what-if data table is not calculated without Excel; its old values were kept"
    ]
    recalculation.write(source)
    assert values(source, "S", "B2") == 42


def test_iterated_circular_references_are_calculated_when_the_workbook_allows_them(tmp_path):
    def build(book):
        sheet = book.add_worksheet("S")
        sheet.write_formula("A1", "=B1/2+1")
        sheet.write_formula("B1", "=A1")

    source = write_workbook(tmp_path / "in.xlsx", build)
    edited(source, "xl/workbook.xml", "<calcPr ", '<calcPr iterate="1" iterateCount="100" iterateDelta="1e-9" ')
    recalculation = recalculate(source, {})
    assert recalculation.problems == ()
    recalculation.write(source)
    assert values(source, "S", "A1") == pytest.approx(2)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(WorkbookError, match="No such file"):
        recalculate(tmp_path / "none.xlsx", {})


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("_xll.GLMM_BINOMIAL_FORMULA(Cows[[#All]],B4)", "=GLMM_BINOMIAL_FORMULA(Cows[#All],B4)"),
        ("SUM(Cows[[#All],[y]],Cows[[#This Row],[y]])", "=SUM(Cows[[#All],[y]],Cows[[#This Row],[y]])"),
        ('"Cows[[#All]]"&_xlfn.ANCHORARRAY(A5)', '="Cows[[#All]]"&A5#'),
    ],
)
def test_a_formula_is_shown_as_excels_formula_bar_does(stored, shown):
    assert formula_as_shown(stored) == shown


# --- speed ------------------------------------------------------------------------------------------------------------


def test_whole_columns_of_3500_rows_take_no_time(tmp_path):
    def build(book):
        data_sheet(book, rows=3500)
        book.add_worksheet("Fit").write_dynamic_array_formula("A1", "=_xll.GLMM_BINOMIAL(Data!A:A,Data!B:B,Data!C:C)")

    source = write_workbook(tmp_path / "in.xlsx", build)
    began = time.process_time()
    recorder = Recorder()
    recalculate(source, {"GLMM_BINOMIAL": recorder})
    assert [len(argument) for argument in recorder.calls[0][:3]] == [3500, 3500, 3500]
    assert time.process_time() - began < 2
