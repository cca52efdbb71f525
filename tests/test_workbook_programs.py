"""Files as other programs write and change them, and settings that are rare: what becomes of the stored values."""

import io
import subprocess
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from openpyxl.worksheet.formula import ArrayFormula

from calc.application import SOFFICE, missing
from glmm_binomial.__main__ import main
from glmm_binomial.workbook import recalculate
from stored_workbooks import FUNCTIONS, KEPT, run, saved

SHEET = "xl/worksheets/sheet1.xml"
CALL = "=_xll.GLMM_BINOMIAL(A1:A2)"


def edited(path: Path, part: str, *changes: tuple[str, str]) -> Path:
    """Change the XML of a part, as programs do that know no formulas."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            text = before.read(name)
            for old, new in changes if name == part else ():
                assert text.count(old.encode()) == 1, (old, text)
                text = text.replace(old.encode(), new.encode())
            after.writestr(name, text)
    path.write_bytes(content.getvalue())
    return path


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# --- programs that write values for no formula, and say so ------------------------------------------------------------


def by_openpyxl(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "S"
    sheet["A1"], sheet["A2"], sheet["C1"] = 1, 2, "=B2+1"
    sheet["B1"] = ArrayFormula("B1:B2", CALL)
    book.save(path)


def by_xlsxwriter(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        sheet.write_column("A1", [1, 2])
        sheet.write_dynamic_array_formula("B1", CALL)
        sheet.write_formula("C1", "=B2+1")


def by_pandas_and_xlsxwriter(path: Path) -> None:
    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        pd.DataFrame([1, 2]).to_excel(writer, sheet_name="S", header=False, index=False)
        writer.sheets["S"].write_dynamic_array_formula("B1", CALL)
        writer.sheets["S"].write_formula("C1", "=B2+1")


def by_pandas_and_openpyxl(path: Path) -> None:
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        pd.DataFrame([1, 2]).to_excel(writer, sheet_name="S", header=False, index=False)
        writer.sheets["S"]["B1"] = ArrayFormula("B1:B2", CALL)
        writer.sheets["S"]["C1"] = "=B2+1"


def by_pandas_alone(path: Path) -> None:
    """Write formulas as the texts of a data frame."""
    pd.DataFrame({"A": [1, 2], "B": [f"{CALL}", None], "C": ["=SUM(A1:A2)+B1", None]}).to_excel(
        path, sheet_name="S", header=False, index=False
    )


@pytest.mark.parametrize(
    "write", [by_openpyxl, by_xlsxwriter, by_pandas_and_xlsxwriter, by_pandas_and_openpyxl], ids=lambda f: f.__name__
)
def test_what_a_program_has_not_calculated_is_calculated(tmp_path, write):
    write(tmp_path / "in.xlsx")
    result, shown = run(tmp_path / "in.xlsx")
    assert (result.differences, result.problems, result.counts.kept) == ((), (), 0)
    assert [shown[cell] for cell in ("B1", "B2", "C1")] == [2, 4, 5]


def test_formulas_among_the_texts_of_a_data_frame_are_plain_ones(tmp_path):
    by_pandas_alone(tmp_path / "in.xlsx")
    result, shown = run(tmp_path / "in.xlsx")
    assert (shown["B1"], shown["C1"]) == (2, 5)
    assert "B2" not in shown
    assert result.cells[0].table == ((2.0,), (4.0,))
    assert "ArrayFormula" in result.notes[0]


# --- programs that change a workbook of Excel -------------------------------------------------------------------------


def of_excel(path: Path) -> Path:
    cells = {"A1": 1, "A2": ("=A1+1", 2), "B1": (CALL, 2), "B2": 4, "C1": ("=B2+1", 5), "D1": ("=A1*0", KEPT)}
    return saved(path, cells, spilling={"B1": "B1:B2"})


def test_openpyxl_drops_the_values_and_all_is_calculated(tmp_path):
    source = of_excel(tmp_path / "in.xlsx")
    book = openpyxl.load_workbook(source)
    book["S"]["A1"] = 7
    book.save(source)
    result, shown = run(source)
    assert (result.differences, result.counts.kept) == ((), 0)
    assert [shown[cell] for cell in ("A2", "B1", "B2", "C1", "D1")] == [8, 14, 16, 17, 0]


def test_a_program_that_keeps_old_values_is_found_out(tmp_path):
    source = edited(of_excel(tmp_path / "in.xlsx"), SHEET, ('<c r="A1"><v>1</v>', '<c r="A1"><v>7</v>'))
    result, _ = run(source)
    assert [(d.address, d.stored, d.calculated) for d in result.differences] == [("A2", 2.0, 8.0)]
    assert result.content is None
    _, shown = run(source, trust="calculated")
    assert [shown[cell] for cell in ("A2", "B1", "B2", "C1", "D1")] == [8, 14, 16, 17, KEPT]


@pytest.mark.mass
def test_libreoffice_has_calculated_what_it_saved(tmp_path):
    lacking = missing()
    if lacking is not None:
        pytest.skip(lacking)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "S"
    sheet["A1"], sheet["A2"], sheet["C1"], sheet["D1"] = 1, "=A1+1", "=B2+1", "=LEN(A2&A1)"
    sheet["B1"] = ArrayFormula("B1:B2", CALL)
    book.save(tmp_path / "in.xlsx")
    profile, folder = (tmp_path / "profile").as_uri(), tmp_path / "saved"
    command = [SOFFICE, f"-env:UserInstallation={profile}", "--headless", "--convert-to", "xlsx", "--outdir", folder]
    subprocess.run([*command, tmp_path / "in.xlsx"], check=True, capture_output=True, timeout=120)
    source = folder / "in.xlsx"
    # LibreOffice has no such function: its table is #NAME?, and so is what depends on it
    result, shown = run(source)
    assert (result.differences, result.problems, result.counts.kept) == ((), (), 2)
    assert [shown[cell] for cell in ("A2", "B1", "B2", "C1", "D1")] == [2, 2, 4, 5, 2]


# --- settings ---------------------------------------------------------------------------------------------------------


def circular(path: Path, *, b1: str) -> Path:
    cells = {"A1": 1, "B1": (b1, 2), "C1": ("=D1/2+B1", 4), "D1": ("=C1", 4), "E1": ("=D1+1", 5)}
    return edited(saved(path, cells), "xl/workbook.xml", ("<calcPr ", '<calcPr iterate="1" iterateDelta="1e-12" '))


def test_an_iteration_that_nothing_of_ours_touches_is_kept(tmp_path):
    source = circular(tmp_path / "in.xlsx", b1="=A1*2")
    result, _ = run(source)
    assert result.content == source.read_bytes()


def test_an_iteration_upon_a_call_is_calculated_anew(tmp_path):
    source = circular(tmp_path / "in.xlsx", b1="=_xll.GLMM_BINOMIAL(A1)")
    result, shown = run(source)
    assert (result.differences, result.problems) == ((), ())
    assert shown["E1"] == pytest.approx(5)
    edited(source, SHEET, ('<c r="A1"><v>1</v>', '<c r="A1"><v>3</v>'))
    _, shown = run(source)
    assert [shown[cell] for cell in ("B1", "C1", "E1")] == [6, pytest.approx(12), pytest.approx(13)]


def test_a_circular_reference_without_iteration_is_named(tmp_path):
    cells = {"A1": 1, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 9), "C1": ("=C1+B1", 0), "D1": ("=A1", KEPT)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert [str(problem) for problem in result.problems] == ["S!C1: the cell refers to itself (a circular reference)"]
    assert (shown["B1"], shown["D1"]) == (2, KEPT)


def data_table(path: Path, inputs: str, *, stored_call: float) -> Path:
    """Write a data table in D2:D3 whose formula in D1 depends on a call."""
    cells = {"A1": 1, "A2": 5, "B1": ("=_xll.GLMM_BINOMIAL(A1)", stored_call), "C2": 1, "C3": 2}
    cells |= {"D1": ("=B1+A2", stored_call + 5), "D2": ("=X", KEPT), "D3": KEPT, "E1": ("=D3+1", KEPT + 1)}
    table = f'<f t="dataTable" ref="D2:D3" dt2D="0" dtr="0" {inputs}/>'
    return edited(saved(path, cells), SHEET, ("<f>X</f>", table))


@pytest.mark.parametrize("inputs", ['r1="A2"', 'r1="#REF!" del1="1"', ""])
def test_a_data_table_keeps_its_values_while_its_formula_keeps_its_own(tmp_path, inputs):
    result, shown = run(data_table(tmp_path / "in.xlsx", inputs, stored_call=2))
    assert (result.differences, result.problems) == ((), ())
    assert [problem.address for problem in result.unverified] == ["D2"]
    assert (shown["D2"], shown["D3"], shown["E1"]) == (KEPT, KEPT, KEPT + 1)


def test_a_data_table_whose_formula_changes_has_no_values(tmp_path):
    result, shown = run(data_table(tmp_path / "in.xlsx", 'r1="A2"', stored_call=8))
    assert [problem.address for problem in result.problems] == ["D2"]
    assert (shown["D1"], shown["D2"], shown["D3"], shown["E1"]) == (7, "#VALUE!", "#VALUE!", "#VALUE!")


def linked(path: Path, formula: str, stored: object, call: str) -> Path:
    """Write a workbook that refers to another one, of which it has no values."""
    return saved(path, {"A1": 1, "B1": (formula, stored), "C1": (call, 2), "D1": ("=B1*2", 2 * KEPT)})


@pytest.mark.parametrize("link", ["[1]Sheet1!A1", "'[1]My data'!$A$1", "[1]!name", "['file:///a/b c.xlsx']Sheet1!A1"])
def test_values_of_another_workbook_stay_and_are_used(tmp_path, link):
    result, shown = run(linked(tmp_path / "in.xlsx", f"={link}", KEPT, "=_xll.GLMM_BINOMIAL(A1)"))
    assert (result.differences, result.problems, result.unverified) == ((), (), ())
    assert (shown["B1"], shown["C1"], shown["D1"]) == (KEPT, 2, 2 * KEPT)
    result, shown = run(linked(tmp_path / "in.xlsx", f"={link}", KEPT, "=_xll.GLMM_BINOMIAL(D1)"))
    assert (result.differences, result.problems) == ((), ())
    assert [problem.address for problem in result.unverified] == ["B1"]
    assert (shown["B1"], shown["C1"], shown["D1"]) == (KEPT, 4 * KEPT, 2 * KEPT)


def test_macros_stay_in_the_file(tmp_path, capsys):
    source, macros = tmp_path / "in.xlsm", tmp_path / "vbaProject.bin"
    macros.write_bytes(bytes(range(256)) * 20)
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        book.add_vba_project(macros)
        sheet.write("A1", 2)
        sheet.write_formula("B1", "=_xll.GLMM_BINOMIAL(A1)", None, "old")
        sheet.write_formula("C1", "=my_macro(A1)", None, KEPT)
    before = parts(source)
    assert main(["recalc", str(source)]) == 1
    target = tmp_path / "in-recalculated.xlsm"
    after = parts(target)
    assert [name for name in before if before[name] != after[name]] == [SHEET]
    assert list(before) == list(after)
    assert openpyxl.load_workbook(target, data_only=True)["S"]["C1"].value == KEPT
    assert "C1" not in capsys.readouterr().err


def test_protected_sheets_are_calculated_and_stay_protected(tmp_path):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        sheet.protect("secret", {"select_locked_cells": False})
        sheet.write("A1", 2)
        sheet.write_formula("B1", "=_xll.GLMM_BINOMIAL(A1)", book.add_format({"hidden": True}), 0)
        sheet.write_formula("C1", "=A1", None, KEPT)
    lock = '<workbookProtection workbookPassword="CC1A" lockStructure="1"/>'
    edited(source, "xl/workbook.xml", ("<bookViews>", f"{lock}<bookViews>"))
    result, shown = run(source)
    assert (shown["B1"], shown["C1"]) == (4, KEPT)
    before, after = parts(source), parts(tmp_path / "out.xlsx")
    assert [name for name in before if before[name] != after[name]] == [SHEET]
    assert b"<sheetProtection " in after[SHEET]
    assert result.problems == ()


@pytest.mark.parametrize("mode", ["manual", "autoNoTable"])
def test_in_manual_calculation_what_a_call_reaches_is_calculated_and_the_rest_kept(tmp_path, mode):
    cells = {"A1": 3, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 0), "C1": ("=B1+1", 1), "D1": ("=A1", KEPT)}
    source = edited(saved(tmp_path / "in.xlsx", cells), "xl/workbook.xml", ("<calcPr ", f'<calcPr calcMode="{mode}" '))
    result, shown = run(source)
    assert [shown[cell] for cell in ("B1", "C1", "D1")] == [6, 7, KEPT]
    assert [note for note in result.notes if "manual" in note] == list(result.notes)
    assert len(result.notes) == (mode == "manual")


def test_precision_as_displayed_is_said_where_something_is_calculated(tmp_path):
    source = saved(tmp_path / "in.xlsx", {"A1": 3, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 0), "C1": ("=B1/7", 0)})
    edited(source, "xl/workbook.xml", ("<calcPr ", '<calcPr fullPrecision="0" '))
    (note,) = run(source)[0].notes
    assert "Precision as displayed" in note
    source = saved(tmp_path / "in.xlsx", {"A1": 3, "C1": ("=A1/7", 0.43)})
    assert run(edited(source, "xl/workbook.xml", ("<calcPr ", '<calcPr fullPrecision="0" ')))[0].notes == ()


def test_a_file_that_was_saved_before_it_was_calculated_is_calculated_whole(tmp_path):
    source = saved(tmp_path / "in.xlsx", {"A1": 3, "B1": ("=A1+1", KEPT)})
    edited(source, "xl/workbook.xml", ("<calcPr ", '<calcPr calcCompleted="0" '))
    assert run(source)[1]["B1"] == 4
    assert recalculate(source, FUNCTIONS).counts.kept == 0
