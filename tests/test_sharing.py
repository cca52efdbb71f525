"""Copies for people without the add-in: values and notes in the place of formulas, a web page, a PDF."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from lxml import etree
from openpyxl.comments import Comment

from glmm_binomial.__main__ import main
from glmm_binomial.command_line import recalc
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.libreoffice import program
from glmm_binomial.workbook import html_page, values_only
from glmm_binomial.workbook.number_format import shown
from stored_workbooks import FUNCTIONS, saved

EXAMPLES = Path(__file__).parent.parent / "examples"
STORED = Path(__file__).parent / "workbooks"


def without_add_in(path, functions=WORKSHEET_FUNCTIONS):
    """Write the copy beside the workbook, and return its path."""
    copy = path.with_name(f"{path.stem}-values.xlsx")
    copy.write_bytes(values_only(path.read_bytes(), functions))
    return copy


def parts(path):
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def formulas(path):
    """Formulas by sheet and cell, as openpyxl reads them."""
    book = openpyxl.load_workbook(path)
    cells = [
        (sheet.title, cell) for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
    ]
    return {(sheet, cell.coordinate): getattr(cell.value, "text", cell.value) for sheet, cell in cells}


def typed(formula):
    """A formula of the file as Excel shows it."""
    return formula.replace("_xll.", "").replace("[[#All]]", "[#All]")


def values(path):
    book = openpyxl.load_workbook(path, data_only=True)
    cells = [(sheet.title, cell) for sheet in book for row in sheet.iter_rows() for cell in row]
    return {(sheet, cell.coordinate): cell.value for sheet, cell in cells if cell.value is not None}


def notes(path):
    book = openpyxl.load_workbook(path)
    cells = [(sheet.title, cell) for sheet in book for row in sheet.iter_rows() for cell in row if cell.comment]
    return {(sheet, cell.coordinate): cell.comment.text for sheet, cell in cells}


# --- values and notes -------------------------------------------------------------------------------------------------


@pytest.mark.mass
@pytest.mark.parametrize("name", ["herds.xlsx", "reference_examples.xlsx", "vegetables.xlsx"])
def test_an_example_keeps_its_values_and_its_ordinary_formulas(name, tmp_path):
    source = tmp_path / name
    source.write_bytes((EXAMPLES / name).read_bytes())
    copy = without_add_in(source)
    assert values(copy) == values(source)
    before = formulas(source)
    ours = {place for place, formula in before.items() if "GLMM_BINOMIAL" in formula}
    assert ours
    assert formulas(copy) == {place: formula for place, formula in before.items() if place not in ours}
    assert notes(copy) == {place: typed(before[place]) for place in ours}
    sheets = re.compile(r"xl/worksheets/(_rels/)?sheet\d+\.xml(\.rels)?|\[Content_Types\]\.xml")
    for part, content in parts(source).items():
        assert sheets.fullmatch(part) or parts(copy)[part] == content, part


def test_every_part_of_the_copy_is_declared_and_every_reference_leads_somewhere(tmp_path):
    source = tmp_path / "herds.xlsx"
    source.write_bytes((EXAMPLES / "herds.xlsx").read_bytes())
    copy = parts(without_add_in(source))
    types = etree.fromstring(copy["[Content_Types].xml"])
    declared = {element.get("PartName") for element in types} | {element.get("Extension") for element in types}
    for name, content in copy.items():
        assert f"/{name}" in declared or name.rpartition(".")[2] in declared, name
        etree.fromstring(content)
        if name.endswith(".rels") and "worksheets" in name:
            for reference in etree.fromstring(content):
                if reference.get("TargetMode") != "External":
                    target = (Path("xl/worksheets") / reference.get("Target")).as_posix()
                    assert re.sub(r"[^/]+/\.\./", "", target) in copy
    for name, content in copy.items():
        if name.startswith("xl/worksheets/sheet") and b"legacyDrawing" in content:
            # the order that the format asks for
            order = [etree.QName(child).localname for child in etree.fromstring(content)]
            behind = order[order.index("legacyDrawing") + 1 :]
            assert set(behind) <= {"tableParts", "extLst"}
            assert b' cm="1"' not in content


def test_formulas_that_refer_to_a_spill_as_a_whole_become_values_and_others_stay(tmp_path):
    cells = {
        "A1": ("=_xll.GLMM_BINOMIAL({1;2})", 2.0),
        "A2": 4.0,
        "C1": ("=SUM(_xlfn.ANCHORARRAY(A1))", 6.0),
        "D1": ("=SUM(A1:A2)", 6.0),
        "E1": ("=SUM(_xlfn.ANCHORARRAY(F1))", 3.0),
        "F1": ("=_xlfn.SEQUENCE(2)", 1.0),
        "F2": 2.0,
        "G1": ("=_xlfn.ANCHORARRAY(A1)*2", 4.0),
        "G2": 8.0,
        "H1": ("=SUM(_xlfn.ANCHORARRAY(G1))", 12.0),
    }
    path = saved(tmp_path / "spills.xlsx", cells, spilling={"A1": "A1:A2", "F1": "F1:F2", "G1": "G1:G2"})
    copy = without_add_in(path, FUNCTIONS)
    assert values(copy) == values(path)
    assert {cell for _, cell in formulas(copy)} == {"D1", "E1", "F1"}
    assert notes(copy)["S", "C1"] == "=SUM(A1#)"
    assert {cell for _, cell in notes(copy)} == {"A1", "C1", "G1", "H1"}


def test_notes_that_are_there_stay_and_one_on_the_same_cell_is_continued(tmp_path):
    path = tmp_path / "noted.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        sheet.write_dynamic_array_formula("B2", "=_xll.GLMM_BINOMIAL({1})", None, 2.0)
        sheet.write_dynamic_array_formula("B5", "=_xll.GLMM_BINOMIAL({3})", None, 6.0)
        sheet.write_comment("A1", "mine", {"author": "Ada"})
        sheet.write_comment("B2", "the fit", {"author": "Ada"})
    copy = without_add_in(path, FUNCTIONS)
    assert notes(copy)["S", "A1"] == "mine"
    assert notes(copy)["S", "B2"].endswith("the fit\n=GLMM_BINOMIAL({1})")
    assert notes(copy)["S", "B5"] == "=GLMM_BINOMIAL({3})"
    drawing = next(content for name, content in parts(copy).items() if name.endswith(".vml"))
    numbers = re.findall(rb'id="_x0000_s(\d+)"', drawing)
    assert len(numbers) == len(set(numbers)) == 3
    assert openpyxl.load_workbook(copy)["S"]["A1"].comment.author == "Ada"


def test_formulas_that_shared_a_text_with_a_replaced_one_get_a_text_of_their_own(tmp_path):
    path = saved(
        tmp_path / "shared.xlsx", {"A1": ("=_xll.GLMM_BINOMIAL(1)", 2.0), "B1": ("=1+1", 2.0), "B2": ("=1+1", 2.0)}
    )
    book = parts(path)
    sheet = book["xl/worksheets/sheet1.xml"]
    master, child = b'<f t="shared" ref="B1:B2" si="0">SUM(_xlfn.ANCHORARRAY(A1))</f>', b'<f t="shared" si="0"/>'
    sheet = sheet.replace(b'<c r="B1"><f>1+1</f>', b'<c r="B1">' + master)
    sheet = sheet.replace(b'<c r="B2"><f>1+1</f>', b'<c r="B2">' + child)
    assert master in sheet
    assert child in sheet
    with zipfile.ZipFile(path, "w") as package:
        for name, content in (book | {"xl/worksheets/sheet1.xml": sheet}).items():
            package.writestr(name, content)
    copy = without_add_in(path, FUNCTIONS)
    assert formulas(copy) == {("S", "B2"): "=SUM(_xlfn.ANCHORARRAY(A2))"}
    assert values(copy) == values(path)


def test_the_list_of_formula_cells_is_dropped_with_what_refers_to_it(tmp_path):
    path = saved(tmp_path / "chain.xlsx", {"A1": ("=_xll.GLMM_BINOMIAL(1)", 2.0)})
    book = parts(path)
    types, relations = "[Content_Types].xml", "xl/_rels/workbook.xml.rels"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml"
    declared = f'<Override PartName="/xl/calcChain.xml" ContentType="{kind}"/></Types>'.encode()
    namespace = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/calcChain"
    related = f'<Relationship Id="rId77" Type="{namespace}" Target="calcChain.xml"/></Relationships>'.encode()
    book[types] = book[types].replace(b"</Types>", declared)
    book[relations] = book[relations].replace(b"</Relationships>", related)
    main_namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    book["xl/calcChain.xml"] = f'<calcChain xmlns="{main_namespace}"><c r="A1" i="1"/></calcChain>'.encode()
    with zipfile.ZipFile(path, "w") as package:
        for name, content in book.items():
            package.writestr(name, content)
    copy = parts(without_add_in(path, FUNCTIONS))
    assert "xl/calcChain.xml" not in copy
    assert not any(b"calcChain" in content for content in copy.values())
    assert copy.keys() - {"xl/comments1.xml", "xl/drawings/vmlDrawing1.vml", "xl/worksheets/_rels/sheet1.xml.rels"} == (
        book.keys() - {"xl/calcChain.xml"}
    )


def test_the_other_cells_of_a_volatile_array_lose_their_empty_formulas_too(tmp_path):
    path = STORED / "01_volatile_glmm_spill.xlsx"
    assert any(b'<f ca="1"/>' in content for content in parts(path).values())
    copy = tmp_path / "copy.xlsx"
    copy.write_bytes(values_only(path.read_bytes(), WORKSHEET_FUNCTIONS))
    assert not any(b'<f ca="1"/>' in content for content in parts(copy).values())
    assert not any("GLMM" in formula for formula in formulas(copy).values())
    assert values(copy) == values(path)


def test_a_workbook_in_the_strict_format_gets_notes_in_it(tmp_path):
    copy = tmp_path / "strict.xlsx"
    copy.write_bytes(values_only((STORED / "02_strict.xlsx").read_bytes(), WORKSHEET_FUNCTIONS))
    written = parts(copy)["xl/comments1.xml"]
    assert b"http://purl.oclc.org/ooxml/spreadsheetml/main" in written
    assert b"GLMM_BINOMIAL(" in written


def test_a_formula_of_a_column_of_a_table_goes_from_the_table_too(tmp_path):
    path = tmp_path / "table.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        columns = [
            {"header": "x"},
            {"header": "ours", "formula": "=_xll.GLMM_BINOMIAL(1)"},
            {"header": "sum", "formula": "=1+1"},
        ]
        sheet.add_table("A1:C3", {"columns": columns, "data": [[1, 2, 2], [2, 2, 2]]})
    copy = without_add_in(path, FUNCTIONS)
    table = parts(copy)["xl/tables/table1.xml"]
    assert b"GLMM" not in table
    assert b"<calculatedColumnFormula>1+1<" in table
    sheet = parts(copy)["xl/worksheets/sheet1.xml"]
    assert 0 < sheet.index(b"<legacyDrawing ") < sheet.index(b"<tableParts ")


def test_a_workbook_without_such_formulas_is_left_as_it_is(tmp_path):
    path = saved(tmp_path / "plain.xlsx", {"A1": ("=1+1", 2.0)})
    assert values_only(path.read_bytes(), FUNCTIONS) == path.read_bytes()


def test_openpyxl_reads_and_writes_the_copy(tmp_path):
    source = tmp_path / "herds.xlsx"
    source.write_bytes((EXAMPLES / "herds.xlsx").read_bytes())
    book = openpyxl.load_workbook(without_add_in(source))
    book["Fit"]["A1"].comment = Comment("read", "me")
    book.save(tmp_path / "again.xlsx")
    assert notes(tmp_path / "again.xlsx")["Fit", "A57"] == "=GLMM_BINOMIAL_TABLE($B$5)"


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (0.5, "General", "0.5"),
        (12.0, "General", "12"),
        (1 / 3, "General", "0.3333333333"),
        (0.12345, "0.0000", "0.1235"),
        (-0.00001, "0.00", "0.00"),
        (-2.5, "0.00", "-2.50"),
        (1234567.0, "#,##0", "1,234,567"),
        (0.25, "0%", "25%"),
        (0.1234, "0.0 %", "12.3 %"),
        (0.00001234, "0.0E+00", "1.2E-05"),
        (1234.0, "0.0E+00", "1.2E+03"),
        (1e-9, "[<0.0001]0.0E+00;0.0000", "1.0E-09"),
        (0.5, "[<0.0001]0.0E+00;0.0000", "0.5000"),
        (1.5, "+0.00;-0.00;0.00", "+1.50"),
        (-1.5, "+0.00;-0.00;0.00", "-1.50"),
        (0.0, "+0.00;-0.00;0.00", "0.00"),
        (2.5, "0.##", "2.5"),
        (7.0, "000", "007"),
        (0.5, "#.0", ".5"),
        (3.0, '0" herds"', "3 herds"),
        (3.0, r"0\ \x", "3 x"),
        (3.0, "[Red]0.0", "3.0"),
        ("a text", '0;0;0;"see above"', "see above"),
        ("a text", ';;;"<"@">"', "<a text>"),
        ("a text", "0.00", "a text"),
        ("a text", "@", "a text"),
        (5.0, ";;;", ""),
        (True, "0.00", "TRUE"),
        (45292.75, "yyyy-mm-dd hh:mm", "2024-01-01 18:00:00"),
        (45292.0, "d. mmm yy", "2024-01-01"),
        (0.5, "hh:mm", "12:00:00"),
        (-1.0, "yyyy", "-1"),
        (3.0, "", "3"),
    ],
)  # fmt: skip
def test_values_are_shown_as_their_format_says(value, code, text):
    assert shown(value, code) == text


def test_dates_may_count_from_1904():
    assert shown(0.0, "yyyy-mm-dd", dates_from_1904=True) == "1904-01-01"


class Page(HTMLParser):
    """Texts of cells and headings, and what appears where one points."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.titles, self.open = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "col"):
            self.open.append(tag)
        if tag in ("td", "h2", "p"):
            self.cells.append("")
        self.titles += [value for name, value in attrs if name == "title"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "h2", "p"):
            self.cells[-1] += data


@pytest.mark.mass
@pytest.mark.parametrize("name", ["herds.xlsx", "reference_examples.xlsx", "vegetables.xlsx"])
def test_the_page_has_every_sheet_table_and_chart_of_an_example(name):
    content = (EXAMPLES / name).read_bytes()
    page = Page(html_page(content, WORKSHEET_FUNCTIONS, title="Example"))
    book = openpyxl.load_workbook(EXAMPLES / name)
    assert {sheet.title for sheet in book if sheet.sheet_state == "visible"} <= set(page.cells)
    assert "Chart data" not in page.cells
    calls = {typed(formula) for formula in formulas(EXAMPLES / name).values() if "GLMM" in formula}
    assert set(page.titles) == calls
    charts = [part for part in parts(EXAMPLES / name) if part.startswith("xl/charts/chart")]
    assert sum("In the workbook: the chart " in text for text in page.cells) == len(charts)
    # every text, and every number as the sheet shows it
    for sheet in openpyxl.load_workbook(EXAMPLES / name, data_only=True):
        for row in sheet.iter_rows(max_row=60) if sheet.sheet_state == "visible" else ():
            for cell in row:
                if isinstance(cell.value, str):
                    assert cell.value in page.cells or "see above" in page.cells, cell.coordinate
                elif isinstance(cell.value, float) and cell.number_format == "0.0000":
                    assert f"{cell.value:.4f}" in page.cells, cell.coordinate


@pytest.mark.mass
def test_a_long_sheet_is_cut_and_the_page_says_so():
    page = Page(html_page((EXAMPLES / "vegetables.xlsx").read_bytes(), WORKSHEET_FUNCTIONS, title="Example"))
    assert "3,006 more rows stand in the workbook." in page.cells


def test_what_is_in_cells_cannot_become_code(tmp_path):
    cells = {"A1": "<script>alert(1)</script>", "A2": ('=_xll.GLMM_BINOMIAL("""><b>")', '"><b>')}
    text = html_page(saved(tmp_path / "s.xlsx", cells).read_bytes(), FUNCTIONS, title="<b>&")
    assert "<script>" not in text
    assert "<b>" not in text
    assert Page(text).titles == ['=GLMM_BINOMIAL("""><b>")']


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def workbook(tmp_path, monkeypatch):
    monkeypatch.setattr(recalc, "worksheet_functions", lambda: FUNCTIONS)
    return saved(tmp_path / "study.xlsx", {"A1": 3.0, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 0.0), "C1": ("=B1+1", 1.0)})


def test_values_writes_a_copy_of_fresh_values(workbook, tmp_path, capsys):
    assert main(["recalc", str(workbook), "--values", "--trust", "calculated"]) == 0
    copy = tmp_path / "study-values.xlsx"
    assert f"Written to {copy}" in capsys.readouterr().out
    assert values(copy) == {("S", "A1"): 3, ("S", "B1"): 6, ("S", "C1"): 7}
    assert formulas(copy) == {("S", "C1"): "=B1+1"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study-values.xlsx", "study.xlsx"]


def test_html_writes_a_page_beside_the_copy(workbook, tmp_path, capsys):
    assert main(["recalc", str(workbook), "--html", "--trust", "calculated", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["output"] == str(tmp_path / "study-recalculated.xlsx")
    assert printed["beside_it"] == [str(tmp_path / "study-recalculated.html")]
    assert "6" in Page((tmp_path / "study-recalculated.html").read_text("utf-8")).cells
    assert formulas(tmp_path / "study-recalculated.xlsx").keys() == {("S", "B1"), ("S", "C1")}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--values", "--in-place"], "--values would take the formulas out of the workbook itself"),
        (["--values", "--compare"], "--compare writes nothing, so --values has no use."),
        (["--pdf", "--compare"], "--compare writes nothing, so --pdf has no use."),
    ],
)
def test_options_that_contradict_each_other_are_answered_by_a_sentence(options, said, workbook, capsys):
    assert main(["recalc", str(workbook), *options]) == 2
    assert said in capsys.readouterr().err


def test_without_libreoffice_it_is_said_before_anything_is_calculated(workbook, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(program.shutil, "which", lambda _: None)
    monkeypatch.setattr(program, "_PLACES", ())
    assert main(["recalc", str(workbook), "--pdf"]) == 2
    assert "LibreOffice is not found" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [workbook]


def test_a_libreoffice_that_fails_is_a_sentence(workbook, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(program, "find_libreoffice", lambda: "/bin/false")
    monkeypatch.setattr(recalc, "find_libreoffice", lambda: "/bin/false")
    assert main(["recalc", str(workbook), "--pdf", "--trust", "calculated"]) == 2
    assert "LibreOffice (/bin/false) made no PDF of the workbook." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [workbook]


def has_libreoffice():
    try:
        program.find_libreoffice()
    except program.LibreOfficeError:
        return False
    return True


needs_libreoffice = pytest.mark.skipif(not has_libreoffice(), reason="LibreOffice is not installed")


@pytest.mark.mass
@needs_libreoffice
def test_pdf_has_the_pages(workbook, tmp_path):
    assert main(["recalc", str(workbook), "--pdf", "--trust", "calculated"]) == 0
    assert (tmp_path / "study-recalculated.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.mass
@needs_libreoffice
@pytest.mark.parametrize(
    "name", ["herds.xlsx", "reference_examples.xlsx", pytest.param("vegetables.xlsx", marks=pytest.mark.mass)]
)
def test_libreoffice_shows_the_values_of_an_example_and_no_error(name, tmp_path):
    source = tmp_path / name
    source.write_bytes((EXAMPLES / name).read_bytes())
    copy = without_add_in(source)
    filters = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [
        program.find_libreoffice(),
        profile,
        "--headless",
        "--convert-to",
        filters,
        "--outdir",
        tmp_path,
        copy,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    for sheet in openpyxl.load_workbook(EXAMPLES / name, data_only=True):
        text = (tmp_path / f"{copy.stem}-{sheet.title}.csv").read_text("utf-8")
        rows = list(csv.reader(io.StringIO(text)))
        for row, line in zip(sheet.iter_rows(values_only=True), rows, strict=False):
            for value, text in zip(row, line, strict=False):
                assert not re.fullmatch(r"#[A-Z/0-9]+[?!]?|Err:\d+", text), (sheet.title, text)
                if isinstance(value, float):
                    assert float(text) == pytest.approx(value, rel=1e-9), sheet.title
