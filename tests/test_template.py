"""The template examples/analysis.xlsx: with another table and another model in it, everything says what it should."""

from __future__ import annotations

import csv
import math
import re
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

import glmm_binomial.certified
from glmm_binomial.__main__ import main
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import recalculate

TEMPLATE = Path(__file__).parent.parent / "examples" / "analysis.xlsx"
CERTIFIED = Path(glmm_binomial.certified.__file__).parent
FORMULA = "uses ~ age + I(age^2) + C(children) + area + (1 | district)"
# what says in words what the data are
ABOUT_THE_DATA = ("A2", "A6")


def records(name):
    header, *rows = csv.reader((CERTIFIED / name).read_text("utf-8").splitlines())
    return header, [[float(text) if re.fullmatch(r"-?[\d.]+", text) else text for text in row] for row in rows]


def cell_xml(row, column, value):
    address = f"{get_column_letter(column)}{row}"
    if isinstance(value, float):
        return f'<c r="{address}"><v>{value!r}</v></c>'
    return f'<c r="{address}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def paste(target, header, rows, formula, *, table_rows=None):
    """Do what the template asks for: clear the sheet Data, paste a table with its names, write a model."""
    with zipfile.ZipFile(TEMPLATE) as package:
        book = {name: package.read(name).decode() for name in package.namelist()}
    lines = "".join(
        f'<row r="{i}">{"".join(cell_xml(i, j, value) for j, value in enumerate(row, 1))}</row>'
        for i, row in enumerate([header, *rows], 1)
    )
    sheet, table = "xl/worksheets/sheet6.xml", "xl/tables/table1.xml"
    book[sheet] = re.sub("<sheetData>.*</sheetData>", f"<sheetData>{lines}</sheetData>", book[sheet], flags=re.DOTALL)
    area = f"A1:{get_column_letter(len(header))}{(table_rows or len(rows)) + 1}"
    columns = "".join(f'<tableColumn id="{i}" name="{escape(name)}"/>' for i, name in enumerate(header, 1))
    book[table] = re.sub(r'ref="[A-Z0-9:]+"', f'ref="{area}"', book[table])
    book[table] = re.sub(
        "<tableColumns.*</tableColumns>",
        f'<tableColumns count="{len(header)}">{columns}</tableColumns>',
        book[table],
        flags=re.DOTALL,
    )
    strings = "xl/sharedStrings.xml"
    assert book[strings].count(f">{FORMULA}<") == 1
    book[strings] = book[strings].replace(f">{FORMULA}<", f">{escape(formula)}<")
    with zipfile.ZipFile(target, "w") as package:
        for name, content in book.items():
            package.writestr(name, content)


def shown(path):
    book = openpyxl.load_workbook(path, data_only=True)
    return {
        (sheet.title, cell.coordinate): cell.value
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.value not in (None, "")
        and (sheet.title, cell.coordinate) not in {("Analysis", a) for a in ABOUT_THE_DATA}
    }


@pytest.mark.mass
@pytest.mark.parametrize(
    ("name", "formula"),
    [
        # fewer rows, columns, terms and groups than the template has, counts, patterns in the place of bins
        ("cbpp.csv", "incidence / size ~ C(period) + (1 | herd)"),
        # text as the outcome, and two effects of each group
        ("bacteria.csv", "y ~ trt + week + (1 + week | ID)"),
    ],
)
def test_the_template_with_other_data_is_what_would_have_been_written_for_them(name, formula, tmp_path):
    paste(tmp_path / "pasted.xlsx", *records(name), formula)
    recalculation = recalculate(tmp_path / "pasted.xlsx", WORKSHEET_FUNCTIONS, everything=True)
    assert recalculation.problems == ()
    assert [cell.error for cell in recalculation.cells] == [None] * 6
    recalculation.write(tmp_path / "calculated.xlsx")
    assert main(["fit", str(CERTIFIED / name), formula, "--xlsx", str(tmp_path / "written.xlsx")]) == 0
    pasted, written = shown(tmp_path / "calculated.xlsx"), shown(tmp_path / "written.xlsx")
    differing = [
        (place, written.get(place), pasted.get(place))
        for place in sorted(written.keys() | pasted.keys())
        if not same(written.get(place), pasted.get(place))
    ]
    assert differing == []
    assert len(written) > 2000


def same(first, second):
    if isinstance(first, int | float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12)
    return first == second


@pytest.mark.mass
def test_a_message_in_the_place_of_the_model_is_all_that_shows(tmp_path):
    header, rows = records("cbpp.csv")
    paste(tmp_path / "pasted.xlsx", header, rows, "incidence / size ~ C(perio) + (1 | herd)")
    recalculation = recalculate(tmp_path / "pasted.xlsx", WORKSHEET_FUNCTIONS, everything=True)
    recalculation.write(tmp_path / "calculated.xlsx")
    cells = shown(tmp_path / "calculated.xlsx")
    assert "There is no column perio; the columns are herd" in cells["Table", "A9"]
    assert not [place for place, value in cells.items() if str(value).startswith("#")]
    # nothing of the former model is left in the view
    assert "intercept" not in cells.values()


@pytest.mark.mass
def test_a_table_that_ends_before_the_data_do_is_told(tmp_path):
    header, rows = records("cbpp.csv")
    paste(tmp_path / "pasted.xlsx", header, rows, "incidence / size ~ C(period) + (1 | herd)", table_rows=40)
    recalculation = recalculate(tmp_path / "pasted.xlsx", WORKSHEET_FUNCTIONS, everything=True)
    recalculation.write(tmp_path / "calculated.xlsx")
    cells = shown(tmp_path / "calculated.xlsx")
    assert cells["Analysis", "B8"].startswith("The table on the sheet Data ends before the data do.")
    # the model has the rows of the table
    assert 40 in [value for (sheet, address), value in cells.items() if sheet == "Table" and address[0] == "C"]


def test_the_template_asks_for_a_table_and_a_model():
    sheet = openpyxl.load_workbook(TEMPLATE)["Analysis"]
    assert sheet["B4"].value == FORMULA
    assert sheet["A6"].value.startswith("To analyse data of your own: on the sheet Data clear all cells and paste")
