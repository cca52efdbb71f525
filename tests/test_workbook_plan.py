"""What must be calculated is calculated; all else keeps the value that is stored, even one that no formula gives."""

import random
import time
import zipfile

import openpyxl
import pytest
import xlsxwriter

from glmm_binomial.workbook import recalculate
from glmm_binomial.workbook.addresses import LAST_COLUMN, LAST_ROW, Area, parse_area
from glmm_binomial.workbook.contents import Contents, DefinedName, Sheet, Table
from glmm_binomial.workbook.reader_index import ReaderIndex
from glmm_binomial.workbook.references import ReferenceReader
from stored_workbooks import FUNCTIONS, KEPT, run, saved

CALL = ("=_xll.GLMM_BINOMIAL(A1)", 2)


def counted(result):
    return result.counts.calculated, result.counts.kept


def test_without_anything_to_calculate_the_copy_is_the_file_byte_for_byte(tmp_path):
    source = saved(tmp_path / "in.xlsx", {"A1": 1, "B1": ("=A1+1", KEPT), "C1": ("=NOSUCH(B1)", "text")})
    result, _ = run(source)
    assert result.content == source.read_bytes()
    assert counted(result) == (0, 2)


def test_a_call_is_calculated_and_what_reads_it_follows(tmp_path):
    cells = {
        "A1": 1.5,
        "B1": CALL,
        "C1": ("=B1+1", 3),
        "D1": ("=C1*10", 30),
        "E1": ("=A1*7", KEPT),
        "F1": ("=E1", KEPT),
    }
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert result.differences == ()
    assert [shown[address] for address in ("B1", "C1", "D1", "E1", "F1")] == [3, 4, 40, KEPT, KEPT]
    assert counted(result) == (3, 2)


READING_B1 = {
    "=SUM(B:B)": None,
    "=SUM($B$1:B3)": None,
    "=SUM(B3:B1)": None,
    "=named": None,
    "=left_of_it": None,
    '=INDIRECT("B1")': None,
    '=INDIRECT("B"&A2)': None,
    "=OFFSET(A1,0,1)": None,
    "=OFFSET(A1,A2-1,A2)": None,
    "=SUM(A1:INDEX(B2:B3,1))-A1-A2": None,
    "=IF(A1>0,B1,0)": None,
    "=SUM(Tbl[h])*0+B1": None,
    "=here": None,
}


@pytest.mark.parametrize("formula", READING_B1)
def test_every_way_to_read_a_call_makes_a_formula_follow(tmp_path, formula):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        book.define_name("named", "=S!$B$1")
        book.define_name("left_of_it", "=S!XFD1")
        book.define_name("here", "=!$B$1")
        sheet.write_column("A1", [1.5, 1])
        sheet.add_table("H8:H9", {"columns": [{"header": "h"}], "name": "Tbl"})
        sheet.write_formula("B1", "=_xll.GLMM_BINOMIAL(A1)", None, 2)
        # on the sheet of 16,384 columns; the stored value is that of the stored call
        sheet.write_formula("C1", formula, None, 2)
        sheet.write_formula("D1", "=C1+1", None, 3)
    result, shown = run(source, trust="stored")
    assert shown["B1"] == 3
    assert (shown["C1"], shown["D1"]) == (3, 4), result
    assert result.counts.calculated == 3


@pytest.mark.parametrize(
    ("formula", "cells"),
    [
        ("first : last", "A1:C9"),
        ("SUM(first :last)", "A1:C9"),
        ("SUM(first: last)", "A1:C9"),
        ("A1:B2:C9", "A1:C9"),
        ("INDEX(A:A,1):OFFSET(C9,0,0)", "A1:C1048576"),
        ("here+1", "B2:B2"),
        ("['file:///home/a b/c.xlsx']Sheet1!A1+B2", "B2:B2"),
        ("[1]Sheet1!A1+B2", "B2:B2"),
        ("'C:\\data\\[b c.xlsx]Sheet 1'!A1+B2", "B2:B2"),
        ("Tbl[[#This Row],[a!b]]", "B5:B5"),
    ],
)
def test_a_formula_is_read_however_it_names_cells(formula, cells):
    names = (("first", "S!$A$1"), ("last", "S!$C$9"), ("here", "!$B$2"))
    table = Table("Tbl", "S", parse_area("A1:B9"), ("c", "a!b"), 1, 0)
    contents = Contents(
        (Sheet("S", "s"),), tuple(DefinedName(name, None, definition) for name, definition in names), (table,)
    )
    reading = ReferenceReader(contents).read(formula, "S", 5, 5)
    assert not reading.anything
    assert reading.with_spans()[-1] == ("s", parse_area(cells))


def test_a_text_that_is_calculated_reads_what_it_names(tmp_path):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        book.define_name("told", '=EVALUATE("S!B"&1)')
        book.define_name("other", '=EVALUATE("S!A1*"&S!$A$2)')
        sheet.write("A1", 1.5)
        sheet.write_formula("B1", "=_xll.GLMM_BINOMIAL(A1)", None, 2)
        sheet.write("A2", 3)
        sheet.write_formula("C1", "=told", None, 2)
        sheet.write_formula("D1", "=other", None, KEPT)
        sheet.write_formula("E1", '=EVALUATE("1+1")', None, 2)
        sheet.write_formula("F1", "=EVALUATE(A1:A2&NOSUCH())", None, KEPT)
    result, shown = run(source)
    assert [problem.address for problem in result.problems] == ["C1", "F1"]
    assert (shown["D1"], shown["E1"]) == (KEPT, 2)


def test_a_reference_that_cannot_be_told_is_calculated_whenever_anything_is(tmp_path):
    cells = {"A1": 1.5, "B1": CALL, "C1": ("=SUM(INDIRECT(NOSUCH()))", KEPT), "D1": ("=C1", KEPT)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert [problem.address for problem in result.problems] == ["C1"]
    assert shown["C1"] == "#VALUE!" or str(shown["C1"]).startswith("#")


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ('t="str"><f>A1+2</f><v></v>', (0, 3)),
        ('t="str"><f>A1+2</f><v/>', (0, 3)),
        ('t="inlineStr"><f>A1+2</f><is><t/></is>', (0, 3)),
        ("><f>A1+2</f><v></v>", (2, 1)),
        ("><f>A1+2</f><v/>", (2, 1)),
        ("><f>A1+2</f>", (2, 1)),
    ],
)
def test_a_cell_without_a_value_is_calculated_and_an_empty_text_is_a_value(tmp_path, stored, expected):
    source = saved(tmp_path / "in.xlsx", {"A1": 1, "B1": ("=A1+1", 2), "C1": ("=A1+2", 0), "D1": ("=C1&B1", "2")})
    edited = source.with_name("edited.xlsx")
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(edited, "w") as copy:
        for name in archive.namelist():
            new = f'<c r="C1" {stored}'.encode()
            copy.writestr(name, archive.read(name).replace(b'<c r="C1"><f>A1+2</f><v>0</v>', new))
    result, shown = run(edited)
    assert counted(result) == expected
    assert (shown.get("C1") or None) == (3 if expected == (2, 1) else None)
    assert shown["D1"] == ("32" if expected == (2, 1) else "2")


def test_a_file_that_says_its_values_are_not_to_be_trusted_is_calculated_whole(tmp_path):
    source = tmp_path / "in.xlsx"
    book = openpyxl.Workbook()
    book.active.title = "S"
    book.active["A1"], book.active["B1"] = 2, "=A1*3"
    book.save(source)
    result, shown = run(source)
    assert counted(result) == (1, 0)
    assert shown["B1"] == 6


def test_everything_is_calculated_when_asked_for(tmp_path):
    result, shown = run(saved(tmp_path / "in.xlsx", {"A1": 2, "B1": ("=A1*3", KEPT)}), everything=True)
    assert counted(result) == (1, 0)
    assert shown["B1"] == 6


def test_a_spill_that_grows_reaches_formulas_that_did_not_read_it_before(tmp_path):
    cells = {"A1": 1, "A2": 2, "B1": ("=_xll.GLMM_BINOMIAL(A1:A2)", 2), "D1": ("=B2+1", 1), "E1": ("=D1", 1)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells, spilling={"B1": "B1"}))
    assert result.differences == ()
    assert (shown["B1"], shown["B2"], shown["D1"], shown["E1"]) == (2, 4, 5, 5)


def test_a_reference_to_a_kept_spill_means_its_cells(tmp_path):
    cells = {
        "A1": 1,
        "B1": ("=_xlfn.SEQUENCE(2)", 1),
        "B2": 2,
        "C1": ("=_xll.GLMM_BINOMIAL(SUM(_xlfn.ANCHORARRAY(B1)))", 0),
    }
    result, shown = run(saved(tmp_path / "in.xlsx", cells, spilling={"B1": "B1:B2"}))
    assert result.differences == ()
    assert shown["C1"] == 6


def test_subtotals_within_subtotals_are_not_counted_twice(tmp_path):
    cells = {"A1": 1, "A2": 2, "A3": ("=SUBTOTAL(9,A1:A2)", 3), "B3": ("=_xll.GLMM_BINOMIAL(A1)", 2)}
    cells["A5"] = ("=SUBTOTAL(9,A1:B4)", 5)
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert result.differences == ()
    assert shown["A5"] == 5
    assert shown["A3"] == 3


@pytest.mark.parametrize("hide", [lambda sheet: sheet.set_row(1, None, None, {"hidden": True}), "zeroHeight"])
def test_subtotals_over_hidden_rows_are_named_and_kept_unless_they_change(tmp_path, hide):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        sheet.write_column("A1", [1, 2, 4])
        if hide == "zeroHeight":
            sheet.set_default_row(hide_unused_rows=True)
        else:
            hide(sheet)
        sheet.write_formula("B1", "=SUBTOTAL(109,A1:A3)", None, 5)
        sheet.write_formula("C1", "=_xll.GLMM_BINOMIAL(B1)", None, 10)
    result, shown = run(source)
    assert result.differences == ()
    assert [problem.address for problem in result.unverified] == ["B1"]
    assert (shown["B1"], shown["C1"]) == (5, 10)


def test_questions_about_formulas_see_the_formulas_of_the_workbook(tmp_path):
    cells = {"A1": 1, "B1": ("=A1+1", 2), "C1": ("=_xll.GLMM_BINOMIAL(LEN(_xlfn.FORMULATEXT(B1)))", 0)}
    cells |= {
        "D1": ("=_xll.GLMM_BINOMIAL(--_xlfn.ISFORMULA(B1))", 0),
        "E1": ("=_xll.GLMM_BINOMIAL(--_xlfn.ISFORMULA(A1))", 9),
    }
    _, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert (shown["C1"], shown["D1"], shown["E1"]) == (10, 2, 0)


def test_what_cell_tells_of_styles_and_files_is_not_made_up(tmp_path):
    cells = {"A1": 1.5, "B1": CALL, "C1": ('=CELL("type",B1)', "v"), "D1": ('=CELL("contents",B1)', 2)}
    cells |= {
        "E1": ('=CELL("format",A1)&B2', "G"),
        "F1": ('=CELL("width",B1)', 9),
        "G1": ('=CELL("address",B1)', "$B$1"),
    }
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert result.differences == ()
    assert [(problem.address, problem.text) for problem in result.problems] == [
        ("F1", 'CELL("width") is not calculated without Excel')
    ]
    assert [shown[address] for address in ("C1", "D1", "E1", "G1")] == ["v", 3, "G", "$B$1"]


def test_volatile_formulas_that_nothing_touches_keep_their_value_with_one_line(tmp_path):
    cells = {"A1": 1, "B1": ("=RAND()", KEPT), "B2": ("=B1+NOW()", KEPT), "C1": CALL}
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert (shown["B1"], shown["B2"], shown["C1"]) == (KEPT, KEPT, 2)
    assert result.notes == ("2 formulas with NOW, RAND kept the value that is stored.",)


def test_a_call_upon_a_volatile_formula_takes_the_stored_value_and_does_not_check_it(tmp_path):
    cells = {"B1": ("=RAND()", 0.25), "B2": ("=B1*4", 1), "C1": ("=_xll.GLMM_BINOMIAL(B2)", 0)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert result.differences == ()
    assert (shown["B1"], shown["C1"]) == (0.25, 2)
    assert result.counts.not_verified == 1


def test_a_workbook_in_manual_calculation_keeps_what_nothing_of_ours_touches(tmp_path):
    cells = {"A1": 1.5, "B1": ("=A1", KEPT), "C1": CALL}
    result, shown = run(saved(tmp_path / "in.xlsx", cells, manual=True))
    assert (shown["B1"], shown["C1"]) == (KEPT, 3)
    (note,) = result.notes
    assert "manual calculation: 1 of its formulas kept" in note


def test_a_cell_that_comes_out_as_it_was_keeps_its_bytes(tmp_path):
    source = saved(tmp_path / "in.xlsx", {"A1": 1, "B1": CALL, "C1": ("=B1+1", 3), "D1": ('=B1&""', "2")})
    result, _ = run(source)
    assert result.content == source.read_bytes()
    assert counted(result) == (3, 0)


def test_a_value_written_in_other_words_keeps_its_bytes_too(tmp_path):
    source, edited = saved(tmp_path / "in.xlsx", {"A1": 1, "B1": CALL}), tmp_path / "edited.xlsx"
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(edited, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name).replace(b"<v>2</v>", b"<v>2.000E0</v>"))
    assert b"2.000E0" in zipfile.ZipFile(edited).read("xl/worksheets/sheet1.xml")
    assert recalculate(edited, FUNCTIONS).content == edited.read_bytes()


def test_the_other_cells_of_a_spill_are_no_formulas(tmp_path):
    cells = {"B1": ("=_xlfn.SEQUENCE(2)", 1), "B2": 2, "C1": ("=_xll.GLMM_BINOMIAL(--_xlfn.ISFORMULA(B2))", 9)}
    cells["D1"] = ("=_xll.GLMM_BINOMIAL(--_xlfn.ISFORMULA(B1))", 9)
    _, shown = run(saved(tmp_path / "in.xlsx", cells, spilling={"B1": "B1:B2"}))
    assert (shown["C1"], shown["D1"]) == (0, 2)


def test_all_cells_of_an_array_of_fixed_size_are_formulas(tmp_path):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        sheet.write_array_formula("B1:B2", "{={1;2}}", None, 1)
        sheet.write_number("B2", 2)
        sheet.write_formula("C1", "=_xll.GLMM_BINOMIAL(--_xlfn.ISFORMULA(B2))", None, 9)
    assert run(source)[1]["C1"] == 2


def test_a_reference_that_cannot_be_the_one_of_excel_may_be_any(tmp_path):
    cells = {"A1": 1, "B1": CALL, "C1": ('=INDIRECT("no cell"&A1)', KEPT), "D1": ('=IFERROR(INDIRECT("no cell"),7)', 7)}
    result, _ = run(saved(tmp_path / "in.xlsx", cells))
    assert [difference.address for difference in result.differences] == ["C1"]


def test_a_shared_formula_may_stand_before_its_text(tmp_path):
    cells = {"A1": 1, "A2": 2, "B1": ("=X", 2), "B2": ("=_xll.GLMM_BINOMIAL(A2)", 4), "C1": ("=Y", KEPT)}
    source = saved(tmp_path / "in.xlsx", cells)
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].replace(b"<f>X</f>", b'<f t="shared" si="0"/>')
    sheet = sheet.replace(b"<f>_xll", b'<f t="shared" ref="B1:B2" si="0">_xll').replace(
        b"<f>Y</f>", b'<f t="shared" si="9"/>'
    )
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in (parts | {"xl/worksheets/sheet1.xml": sheet}).items():
            archive.writestr(name, data)
    result = recalculate(source, FUNCTIONS)
    assert [(cell.address, cell.formula) for cell in result.cells] == [
        ("B1", "=GLMM_BINOMIAL(A1)"),
        ("B2", "=GLMM_BINOMIAL(A2)"),
    ]
    # nobody knows the formula of C1
    assert result.counts.kept == 0


def test_whoever_writes_shared_formulas_gets_each_cell_its_own(tmp_path):
    source = saved(tmp_path / "in.xlsx", {"A1": 1, "A2": 2, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 0), "B2": ("=X", 0)})
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    sheet = sheet.replace(b"<f>_xll.GLMM", b'<f t="shared" ref="B1:B2" si="0">_xll.GLMM').replace(
        b"<f>X</f>", b'<f t="shared" si="0"/>'
    )
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in (parts | {"xl/worksheets/sheet1.xml": sheet}).items():
            archive.writestr(name, data)
    result = recalculate(source, FUNCTIONS)
    assert [(cell.formula, cell.table) for cell in result.cells] == [
        ("=GLMM_BINOMIAL(A1)", ((2.0,),)),
        ("=GLMM_BINOMIAL(A2)", ((4.0,),)),
    ]


def random_area(draw):
    top, left = draw.choice([1, draw.randint(1, 60)]), draw.choice([1, draw.randint(1, 200)])
    rows, columns = (
        draw.choice([1, 1, 3, 40, LAST_ROW - top + 1]),
        draw.choice([1, 1, 1, 5, 100, LAST_COLUMN - left + 1]),
    )
    return Area(top, left, top + rows - 1, left + columns - 1)


def test_the_readers_found_are_those_of_asking_each():
    draw = random.Random(7)
    for _ in range(40):
        areas = [random_area(draw) for _ in range(60)]
        index = ReaderIndex()
        for reader, area in enumerate(areas):
            index.add(("s", area), reader)
        told = set()
        for changed in [random_area(draw) for _ in range(8)]:
            reading = {reader for reader, area in enumerate(areas) if area.overlaps(changed)}
            found = set(index.take(("s", changed)))
            assert reading - told <= found <= reading
            told |= found
        assert set(index.take(("other", Area(1, 1, LAST_ROW, LAST_COLUMN)))) == set()


@pytest.mark.mass
@pytest.mark.parametrize("step", [1, -1])
def test_readers_of_ten_thousand_windows_are_found_one_by_one_in_seconds(step):
    count = 10_000
    index = ReaderIndex()
    for row in range(1, count + 1):
        index.add(("s", Area(row, 1, row + 2, 1)), row)
        index.add(("s", Area(1, 2, row, 2)), -row)
        index.add(("s", Area(row, 3, row, 700)), 0)
    began = time.process_time()
    for row in range(1, count + 1)[::step]:
        for column in (1, 2, 500):
            list(index.take(("s", Area(row, column, row, column))))
    # asking all each time would take a minute
    assert time.process_time() - began < 10
