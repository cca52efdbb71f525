"""Small workbooks that programs for workbooks get wrong, run by the command line as a user would.

What Excel stores stands in the files (see workbooks/README.md): it must come out as it is, and the table of a call too.
"""

import shutil
import time
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from lxml import etree

from glmm_binomial.__main__ import main

FOLDER = Path(__file__).parent / "workbooks"
WITHOUT_CALLS = [
    "04g_names_price_qty_grid",
    "06b_table_trailing_space",
    "12_hidden_row_subtotal",
    "15_offset_running_20",
    "17_reversed_range",
    "19_indirect_text",
]
WITH_A_TABLE = ["01_volatile_glmm_spill", "02_strict", "03_power_query", "21_sheet_named_sheet1"]


def recalculated(name: str, folder: Path, *options: str) -> tuple[int, Path, Path]:
    """Return the exit code of a run on a copy of a case, the copy and what was written."""
    source, target = folder / f"{name}.xlsx", folder / "out.xlsx"
    shutil.copy(FOLDER / source.name, source)
    return main(["recalc", str(source), "--output", str(target), *options]), source, target


def shown(path: Path, address: str) -> object:
    """Return a value of the first sheet; openpyxl does not read strict workbooks."""
    with zipfile.ZipFile(path) as archive:
        root = etree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    for cell in root.iterfind(".//{*}c"):
        if cell.get("r") == address:
            text = cell.findtext("{*}v")
            return text if text is None or cell.get("t") in ("str", "e") else float(text)
    return None


@pytest.mark.parametrize("name", WITHOUT_CALLS)
def test_a_workbook_in_which_nothing_must_be_calculated_comes_out_byte_for_byte(name, tmp_path, capsys):
    code, source, target = recalculated(name, tmp_path)
    assert code == 0
    assert target.read_bytes() == source.read_bytes()
    assert "Formulas: 0 calculated" in capsys.readouterr().out


@pytest.mark.parametrize("name", WITH_A_TABLE)
def test_the_table_is_calculated_and_the_rest_is_as_it_was(name, tmp_path, capsys):
    code, _, target = recalculated(name, tmp_path)
    assert code == 0
    printed = capsys.readouterr().out
    assert "E1  =GLMM_BINOMIAL(" in printed
    assert "1 calculated" in printed
    assert [shown(target, address) for address in ("E1", "F2")] == ["fixed_effects", "intercept"]
    assert isinstance(shown(target, "G2"), float)


def test_a_sheet_whose_name_differs_by_case_only_keeps_its_values_in_place(tmp_path):
    source = tmp_path / "book.xlsx"
    shutil.copy(FOLDER / "21_sheet_named_sheet1.xlsx", source)
    before = shown(source, "P1")
    assert main(["recalc", str(source), "--in-place"]) == 0
    assert before not in (0, None)
    assert shown(source, "P1") == before
    assert main(["recalc", str(source), "--in-place", "--all"]) == 0
    assert shown(source, "P1") == pytest.approx(before, rel=1e-12)


def test_a_strict_workbook_gives_the_same_table_as_the_usual_one(tmp_path):
    _, _, strict = recalculated("02_strict", tmp_path, "--all")
    numbers = [shown(strict, address) for address in ("G2", "H2", "P1")]
    _, _, usual = recalculated("21_sheet_named_sheet1", tmp_path, "--all")
    assert numbers == [shown(usual, address) for address in ("G2", "H2", "P1")]


def test_texts_and_names_of_a_strict_workbook_are_read(tmp_path):
    usual, strict = tmp_path / "usual.xlsx", tmp_path / "strict.xlsx"
    with xlsxwriter.Workbook(usual) as book:
        sheet = book.add_worksheet("Data")
        book.define_name("told", "=Data!$A$1:$A$2")
        sheet.write_column("A1", ["one", "two"])
        sheet.write_formula("B1", '=_xlfn.CONCAT(told)&COUNTA(INDIRECT("told"))', None, "")
    with zipfile.ZipFile(usual) as archive, zipfile.ZipFile(strict, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            for word in (b"spreadsheetml", b"officeDocument"):
                usual_name, strict_name = b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/"
                data = data.replace(usual_name + word + b"/2006/", strict_name + word + b"/")
            copy.writestr(name, data)
    target = tmp_path / "out.xlsx"
    assert main(["recalc", str(strict), "--output", str(target)]) == 0
    assert shown(target, "B1") == "onetwo2"


def test_a_skipped_constant_of_linest_is_one(tmp_path):
    _, source, target = recalculated("08_linest_missing_const", tmp_path)
    assert shown(target, "D1") == shown(source, "D1")
    _, _, target = recalculated("08_linest_missing_const", tmp_path, "--all")
    # by hand: 34.1, the sum of products about the means, over 17.5; through the origin it would be 1.98
    assert shown(target, "D1") == pytest.approx(34.1 / 17.5, rel=1e-12)


def test_a_column_name_that_ends_in_a_space_is_another_one(tmp_path):
    _, source, target = recalculated("06b_table_trailing_space", tmp_path, "--all")
    assert [shown(target, address) for address in ("D1", "D2")] == [shown(source, address) for address in ("D1", "D2")]
    assert shown(target, "D1") != shown(target, "D2")


def test_dates_that_count_from_1904_are_calculated_so(tmp_path):
    _, source, target = recalculated("10_1904", tmp_path, "--all")
    for address in ("D2", "D3", "D5", "D6", "D8"):
        assert shown(target, address) == shown(source, address), address


@pytest.mark.mass
def test_formulas_with_indirect_down_a_thousand_rows_take_seconds(tmp_path):
    # of the processor: others may use it too
    began = time.process_time()
    code, _, _ = recalculated("23_indirect_vlookup", tmp_path)
    assert code == 0
    assert time.process_time() - began < 10


def test_a_call_as_openpyxl_writes_it_prints_the_whole_table_and_what_to_do(tmp_path, capsys):
    code, _, target = recalculated("24_openpyxl_plain", tmp_path)
    printed = capsys.readouterr()
    assert code == 0
    assert "log_likelihood" in printed.out
    assert 'ws["E1"] = ArrayFormula(' in printed.err
    assert "write_dynamic_array_formula" in printed.err
    assert shown(target, "E1") == "fixed_effects"


def test_a_function_that_is_not_known_is_named_with_its_cell(tmp_path, capsys):
    code, _, target = recalculated("25_glmm_mmult", tmp_path)
    assert code == 1
    assert "S!O1: the function MMULT is not known without Excel" in capsys.readouterr().err
    assert isinstance(shown(target, "G3"), float)
