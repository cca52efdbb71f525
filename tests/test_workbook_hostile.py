"""Damaged and malicious workbooks: a clear sentence or the right answer, little memory, and no harm done."""

import contextlib
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from lxml import etree

from glmm_binomial.workbook import WorkbookError, recalculate

SHEET = "xl/worksheets/sheet1.xml"


def plain_workbook(path: Path, formula: str = "=_xll.F(1)") -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        sheet.write_string("A1", "text")
        sheet.write_dynamic_array_formula("B1", formula)
    return path


def with_parts(path: Path, parts: dict[str, bytes]) -> Path:
    """Replace or add parts of a workbook."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as after:
        for name in dict.fromkeys([*before.namelist(), *parts]):
            after.writestr(name, parts[name] if name in parts else before.read(name))
    path.write_bytes(content.getvalue())
    return path


def part(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def refusal(path: Path) -> str:
    before = path.read_bytes()
    with pytest.raises(WorkbookError) as caught:
        recalculate(path, {"F": lambda value: value})
    assert path.read_bytes() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, kept):
    source = plain_workbook(tmp_path / "a.xlsx")
    content = source.read_bytes()
    source.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    assert "not a workbook or is damaged" in refusal(source)


def test_a_file_with_flipped_bytes_is_refused_or_read_but_never_crashes(tmp_path):
    source = plain_workbook(tmp_path / "a.xlsx")
    content = source.read_bytes()
    for position in range(0, len(content), 29):
        source.write_bytes(content[:position] + bytes([content[position] ^ 0x5A]) + content[position + 1 :])
        # whatever else is raised fails the test
        with contextlib.suppress(WorkbookError):
            recalculate(source, {"F": lambda value: value})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"y,x\n1,2\n", "not a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted or in the old .xls format"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content, said):
    source = tmp_path / "a.xlsx"
    source.write_bytes(content)
    assert said in refusal(source)


def test_a_folder_and_a_zip_without_a_workbook_are_refused(tmp_path):
    with pytest.raises(WorkbookError, match="cannot be read"):
        recalculate(tmp_path, {})
    source = tmp_path / "a.xlsx"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert "no xl/workbook.xml" in refusal(source)


def test_a_missing_sheet_part_is_named(tmp_path):
    source = plain_workbook(tmp_path / "a.xlsx")
    content = io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(content, "w") as after:
        for name in before.namelist():
            if name != SHEET:
                after.writestr(name, before.read(name))
    source.write_bytes(content.getvalue())
    assert f"{SHEET} is missing" in refusal(source)


@pytest.mark.parametrize("name", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"])
def test_an_entity_bomb_is_refused_in_every_part(tmp_path, name):
    source = plain_workbook(tmp_path / "a.xlsx")
    xml = part(source, name)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10) for letter in range(98, 110)
    )
    head, _, body = xml.partition(b"?>")
    with_parts(source, {name: head + b"?>" + bomb + b"]>" + body.replace(b"text", b"&m;")})
    assert "document type" in refusal(source)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7"])
def test_another_encoding_hides_no_bomb(tmp_path, encoding):
    source = plain_workbook(tmp_path / "a.xlsx")
    head, _, body = part(source, SHEET).decode().replace("UTF-8", encoding).partition("?>")
    data = (head + "?>").encode("utf-16" if encoding == "utf-16" else "ascii")
    bomb = '<!DOCTYPE x [<!ENTITY m "n">]>' + body
    data += bomb.encode("utf-16")[2:] if encoding == "utf-16" else b"+ADwAIQ-" + bomb[2:].encode(encoding)
    with_parts(source, {SHEET: data})
    assert "document type" in refusal(source)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "iso-8859-1", "windows-1252"])
def test_other_encodings_are_read_and_what_is_written_can_be_read(tmp_path, encoding):
    source, target = plain_workbook(tmp_path / "a.xlsx", "=_xll.F(A1)"), tmp_path / "out.xlsx"
    names = ["xl/workbook.xml", "xl/sharedStrings.xml", SHEET]
    texts = {name: part(source, name).decode().replace("UTF-8", encoding) for name in names}
    with_parts(source, {name: text.replace("text", "tëxt").encode(encoding) for name, text in texts.items()})
    recalculate(source, {"F": lambda value: f"é{value}"}).write(target)
    written = etree.fromstring(part(target, SHEET))
    assert written.xpath("string(//*[local-name()='c'][@r='B1']/*[local-name()='v'])") == "étëxt"


def test_an_unknown_encoding_is_refused(tmp_path):
    source = plain_workbook(tmp_path / "a.xlsx")
    with_parts(source, {SHEET: part(source, SHEET).replace(b"UTF-8", b"klingon")})
    assert "encoding that cannot be read (klingon)" in refusal(source)


def test_a_zip_bomb_is_not_opened(tmp_path):
    source = plain_workbook(tmp_path / "a.xlsx")
    with_parts(source, {"xl/media/image1.png": bytes(256 << 20)})
    assert "zip bomb" in refusal(source)


@pytest.mark.mass
def test_honest_compression_is_no_bomb(tmp_path):
    source = plain_workbook(tmp_path / "a.xlsx")
    rows = "".join(f'<row r="{row}">' + '<c s="0"/>' * 5000 + "</row>" for row in range(2, 600))
    text = part(source, SHEET).decode().replace("</sheetData>", f"{rows}</sheetData>")
    with_parts(source, {SHEET: text.encode(), "xl/media/image1.png": bytes(64 << 20)})
    assert recalculate(source, {"F": lambda value: value}).cells[0].error is None


def test_a_part_twice_is_refused(tmp_path):
    source = plain_workbook(tmp_path / "a.xlsx")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(source, "a") as archive:
        archive.writestr(SHEET, b"<x/>")
    assert "same part twice" in refusal(source)


@pytest.mark.parametrize("reference", ["A1:XFD1048576", "A0", "ZZZ1", "nonsense"])
def test_an_array_formula_with_an_absurd_area_is_refused(tmp_path, reference):
    source = plain_workbook(tmp_path / "a.xlsx")
    with_parts(source, {SHEET: part(source, SHEET).replace(b'ref="B1"', f'ref="{reference}"'.encode())})
    assert refusal(source)


@pytest.mark.parametrize("xml", [b"", b"<worksheet>", b"<worksheet><sheetData><row><c><f>1</f></c></row>", b"\x00\x01"])
def test_broken_xml_in_a_sheet_is_refused(tmp_path, xml):
    source = plain_workbook(tmp_path / "a.xlsx")
    with_parts(source, {SHEET: xml})
    assert refusal(source)


@pytest.mark.mass
@pytest.mark.parametrize("nested", ["ABS(", "(", "-", "_xll.F(", "IF(TRUE,", "{"])
def test_a_thousand_nested_calls_are_a_problem_of_their_cell(tmp_path, nested):
    closing = {"-": "", "{": "}"}.get(nested, ")")
    source = plain_workbook(tmp_path / "a.xlsx", "=" + nested * 1000 + "1" + closing * 1000)
    (problem,) = recalculate(source, {"F": lambda value: value}).problems
    assert (problem.sheet, problem.address) == ("S", "B1")


def test_sixty_four_nested_calls_which_excel_allows_are_calculated(tmp_path):
    source = plain_workbook(tmp_path / "a.xlsx", "=" + "_xll.F(" * 64 + "1" + ")" * 64)
    recalculation = recalculate(source, {"F": lambda value: value + 1})
    assert recalculation.problems == ()
    assert recalculation.cells[0].table == ((65.0,),)


def test_names_that_unfold_without_end_are_a_problem_of_their_cell(tmp_path):
    source = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("S")
        book.define_name("name_00", "=1+1")
        for level in range(1, 15):
            book.define_name(f"name_{level:02}", "=" + "+".join([f"name_{level - 1:02}"] * 20))
        sheet.write_formula("B1", "=name_14")
        sheet.write_formula("B2", "=name_01")
    began = time.process_time()
    (problem,) = recalculate(source, {}).problems
    assert str(problem) == "S!B1: the defined names in the formula unfold to too long a text"
    assert time.process_time() - began < 5


def external_link(path: Path, *, cached: bool) -> Path:
    relationship = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    row = '<row r="1"><cell r="A1"><v>5</v></cell></row>'
    data = f'<sheetDataSet><sheetData sheetId="0">{row}</sheetData></sheetDataSet>'
    link = (
        '<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><externalBook '
        f'xmlns:r="{relationship}" r:id="rId1"><sheetNames><sheetName val="Ext"/></sheetNames>{data if cached else ""}'
        "</externalBook></externalLink>"
    )
    target = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{relationship}/externalLinkPath" Target="file:///other.xlsx" TargetMode="External"/></Relationships>'
    )
    book = part(path, "xl/workbook.xml").replace(
        b"</sheets>", b'</sheets><externalReferences><externalReference r:id="rId99"/></externalReferences>'
    )
    entry = f'<Relationship Id="rId99" Type="{relationship}/externalLink" Target="externalLinks/externalLink1.xml"/>'
    relations = part(path, "xl/_rels/workbook.xml.rels").replace(
        b"</Relationships>", f"{entry}</Relationships>".encode()
    )
    types = part(path, "[Content_Types].xml").replace(
        b"</Types>",
        b'<Override PartName="/xl/externalLinks/externalLink1.xml" ContentType="application/vnd.openxmlformats-'
        b'officedocument.spreadsheetml.externalLink+xml"/></Types>',
    )
    return with_parts(
        path,
        {
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": relations,
            "[Content_Types].xml": types,
            "xl/externalLinks/externalLink1.xml": link.encode(),
            "xl/externalLinks/_rels/externalLink1.xml.rels": target.encode(),
        },
    )


def test_another_workbook_counts_with_the_values_stored_in_this_one(tmp_path):
    source = external_link(plain_workbook(tmp_path / "a.xlsx", "=_xll.F([1]Ext!A1)"), cached=True)
    recalculation = recalculate(source, {"F": lambda value: value + 1})
    assert recalculation.problems == ()
    assert recalculation.cells[0].table == ((6.0,),)


def test_another_workbook_without_stored_values_is_a_problem(tmp_path):
    source = external_link(plain_workbook(tmp_path / "a.xlsx", "=[1]Ext!A1+1"), cached=False)
    (problem,) = recalculate(source, {}).problems
    assert str(problem) == "S!B1: the formula refers to another workbook, and its values are not stored in this one"


def test_a_formula_at_which_the_engine_gives_up_is_a_problem_of_its_cell_alone(tmp_path):
    source = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("S")
        sheet.write_dynamic_array_formula("B1", "=_xll.F(1)")
        # the file holds no such link
        sheet.write_formula("B2", "=[1]Ext!A1+1")
        sheet.write_formula("B3", "=B1+1")
    recalculation = recalculate(source, {"F": lambda value: value})
    assert [problem.address for problem in recalculation.problems] == ["B2"]
    assert recalculation.cells[0].table == ((1.0,),)


@pytest.mark.mass
def test_large_data_need_seconds_and_bounded_memory(tmp_path):
    source = tmp_path / "large.xlsx"
    rows = 300_000
    with xlsxwriter.Workbook(source, {"constant_memory": True}) as book:
        data, fit = book.add_worksheet("Data"), book.add_worksheet("Fit")
        for row in range(rows):
            data.write_row(row, 0, [row % 2, row * 0.37, row // 50])
        fit.write_dynamic_array_formula("A1", "=_xll.F(Data!A:A,Data!B:B,Data!C:C)")
    script = (
        "import sys, pathlib; from glmm_binomial.workbook import recalculate\n"
        "done = recalculate(pathlib.Path(sys.argv[1]), {'F': lambda y, x, g: [[len(y), len(x), g[-1][0]]]})\n"
        # the system's own count begins with what the process that started this one held
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(done.cells[0].table, status.split('VmHWM:')[1].split()[0])"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script, str(source)], capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 60
    table, kilobytes = done.stdout.rsplit(" ", 1)
    assert table == f"(({rows:.1f}, {rows:.1f}, {(rows - 1) // 50:.1f}),)"
    assert int(kilobytes) < 1_500_000
