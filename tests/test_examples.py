"""The example workbooks: what is committed is what the script writes, and what it writes is right."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import zipfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from lxml import etree
from openpyxl.utils import FORMULAE

from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import recalculate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpyxl.worksheet.worksheet import Worksheet

EXAMPLES = Path(__file__).parent.parent / "examples"
WORKBOOKS = ("reference_examples.xlsx", "vegetables.xlsx", "herds.xlsx")
every_workbook = pytest.mark.parametrize("name", WORKBOOKS)

TOLERANCE = 1e-7
"""Relative. On one machine the digits are the same to the last. On another the search may stop elsewhere within 1e-8
standard errors of the optimum, and a p-value of 1e-67 magnifies that by its z."""

CHARACTERS_PER_WIDTH = 1.2
"""Of text in a proportional font; a column's width counts digits, which are wider."""
CODE_PER_WIDTH = 0.95

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# rounding error and nothing else
NOISE = "largest_score"

PUBLISHED = (
    "=GLMM_BINOMIAL({0;1;0;1;1;0}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3})",
    "=GLMM_BINOMIAL({0;1;1;0;1;1}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, {1;1;1.5;1.5;2;2})",
    "=GLMM_BINOMIAL({0;1;0;1;1;0}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, FALSE)",
    "=GLMM_BINOMIAL({0;1;0;1;1;0}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, , FALSE)",
    "=GLMM_BINOMIAL({0;1;1;0;1;1}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, {1;1;1.5;1.5;2;2}, TRUE, 0.1)",
)


def build(folder: Path) -> Path:
    subprocess.run([sys.executable, EXAMPLES / "build.py", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("examples"))


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def without_results(xml: bytes) -> bytes:
    """Numbers with a fraction, in cells and in what a chart remembers of them; shared strings are whole numbers."""
    return re.sub(rb"<((?:c:)?v)>-?\d[\d.]*[.E][\dE+-]*</", rb"<\1>a number</", xml)


@cache
def values(path: Path) -> dict[tuple[str, str], object]:
    """What the cells show, by sheet and address; blank text counts as an empty cell."""
    workbook = openpyxl.load_workbook(path, data_only=True)
    cells = ((sheet.title, cell) for sheet in workbook for row in sheet.iter_rows() for cell in row)
    return {(sheet, cell.coordinate): cell.value for sheet, cell in cells if cell.value not in (None, "")}


def differences(stored: dict[tuple[str, str], object], fresh: dict[tuple[str, str], object]) -> list[object]:
    """Cells that do not show the same, but for rounding; and not the row that is rounding error itself."""
    noisy = {(sheet, f"C{address[1:]}") for (sheet, address), value in stored.items() if value == NOISE}
    return [
        (place, stored.get(place), fresh.get(place))
        for place in sorted((stored.keys() | fresh.keys()) - noisy)
        if not same(stored.get(place), fresh.get(place))
    ]


def same(stored: object, fresh: object) -> bool:
    if type(stored) in (int, float) and type(fresh) in (int, float):
        return math.isclose(stored, fresh, rel_tol=TOLERANCE)
    return type(stored) is type(fresh) and stored == fresh


def formulas(path: Path) -> Iterator[str]:
    for name, xml in parts(path).items():
        if name.startswith(("xl/worksheets/sheet", "xl/tables/")):
            tree = etree.fromstring(xml)
            for tag in ("f", "formula", "calculatedColumnFormula"):
                yield from (element.text for element in tree.iter(f"{MAIN}{tag}") if element.text)


@every_workbook
def test_the_script_writes_the_committed_workbook(name: str, built: Path) -> None:
    # Not the bytes of the file: they depend on the version of zlib, and the last digits of results on the processor.
    # The results are compared below.
    committed, fresh = parts(EXAMPLES / name), parts(built / name)
    assert list(committed) == list(fresh)
    changed = [part for part in committed if without_results(committed[part]) != without_results(fresh[part])]
    assert not changed, "run: python examples/build.py"


@every_workbook
def test_the_committed_results_are_those_of_a_fresh_run(name: str, built: Path) -> None:
    assert not differences(values(EXAMPLES / name), values(built / name))


def test_a_second_run_on_the_same_machine_writes_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    assert [name for name in WORKBOOKS if (again / name).read_bytes() != (built / name).read_bytes()] == []


@every_workbook
def test_stored_results_are_what_recalculation_without_excel_gives(name: str, tmp_path: Path) -> None:
    recalculation = recalculate(EXAMPLES / name, WORKSHEET_FUNCTIONS)
    assert not recalculation.problems
    assert [cell.error for cell in recalculation.cells if cell.error is not None] == []
    recalculation.write(tmp_path / name)
    assert not differences(values(EXAMPLES / name), values(tmp_path / name))


@every_workbook
def test_no_stored_result_is_an_error(name: str) -> None:
    texts = {place: value for place, value in values(EXAMPLES / name).items() if isinstance(value, str)}
    errors = re.compile(r"#(N/A|NAME\?|VALUE!|DIV/0!|REF!|NUM!|NULL!|SPILL!|CALC!)|##|Invalid input|Error fitting")
    assert {place: text for place, text in texts.items() if errors.match(text)} == {}
    assert not any(b't="e"' in xml for part, xml in parts(EXAMPLES / name).items() if "worksheets" in part)


@every_workbook
def test_every_formula_names_functions_that_exist(name: str) -> None:
    called = {match for f in formulas(EXAMPLES / name) for match in re.findall(r"([A-Za-z_][\w.]*)\(", f)}
    ours = {function.removeprefix("_xll.") for function in called if function.startswith("_xll.")}
    newer = {function.removeprefix("_xlfn.") for function in called if function.startswith("_xlfn.")}
    ordinary = {function for function in called if not function.startswith("_")}
    assert ours
    assert ours <= WORKSHEET_FUNCTIONS.keys()
    assert newer <= {"TEXTJOIN"}
    assert ordinary <= FORMULAE


@every_workbook
def test_tables_are_stored_as_dynamic_arrays_with_the_formula_shown_above(name: str) -> None:
    for part, xml in parts(EXAMPLES / name).items():
        if not part.startswith("xl/worksheets/sheet"):
            continue
        cells = [
            cell for cell in etree.fromstring(xml).iter(f"{MAIN}c") if "_xll." in (cell.findtext(f"{MAIN}f") or "")
        ]
        assert all(cell.get("cm") == "1" and cell.find(f"{MAIN}f").get("t") == "array" for cell in cells)
    shown = {value for value in values(EXAMPLES / name).values() if str(value).startswith("=GLMM_")}
    stored = {f"={f.replace('_xll.', '')}" for f in formulas(EXAMPLES / name) if "_xll." in f}
    assert shown == stored


@every_workbook
def test_excel_does_not_calculate_the_workbook_on_opening_it(name: str) -> None:
    calculation = etree.fromstring(parts(EXAMPLES / name)["xl/workbook.xml"]).find(f"{MAIN}calcPr")
    assert dict(calculation.attrib) == {"calcId": "191029"}


@every_workbook
def test_every_part_is_well_formed(name: str) -> None:
    for part, xml in parts(EXAMPLES / name).items():
        assert part.endswith((".xml", ".rels"))
        etree.fromstring(xml)


@every_workbook
def test_no_text_is_cut_off_by_the_cell_beside_it(name: str) -> None:
    workbook = openpyxl.load_workbook(EXAMPLES / name, data_only=True)
    cut = []
    for sheet in workbook:
        merged = {address for area in sheet.merged_cells.ranges for address in area.cells}
        for cell, beside in (pair for row in sheet.iter_rows() for pair in pairwise(row)):
            # the text of a warning stands above the table in full
            is_free = (cell.row, cell.column) in merged or sheet.cell(cell.row, 1).value == "warning"
            if (
                isinstance(cell.value, str)
                and beside.value is not None
                and not is_free
                and not cell.alignment.wrap_text
            ):
                cut += [cell] if len(cell.value) > CHARACTERS_PER_WIDTH * width(sheet, cell.column) else []
    assert cut == []


@every_workbook
def test_rows_are_as_high_as_the_texts_across_them_need(name: str) -> None:
    for sheet in openpyxl.load_workbook(EXAMPLES / name, data_only=True):
        for area in sheet.merged_cells.ranges:
            cell = sheet.cell(area.min_row, area.min_col)
            per_width = CODE_PER_WIDTH if cell.font.name == "Consolas" else CHARACTERS_PER_WIDTH
            room = per_width * sum(width(sheet, column) for column in range(area.min_col, area.max_col + 1))
            lines = sum(math.ceil(len(line) / room) for line in cell.value.split("\n"))
            assert (sheet.row_dimensions[cell.row].height or 15) >= 15 * lines, (sheet.title, cell.coordinate)


def width(sheet: Worksheet, column: int) -> float:
    return next(c.width for c in sheet.column_dimensions.values() if c.min <= column <= c.max)


def test_the_reference_workbook_holds_the_published_formulas_in_their_order() -> None:
    stored = [f"={f.replace('_xll.', '')}" for f in formulas(EXAMPLES / "reference_examples.xlsx") if "_xll." in f]
    assert stored == list(PUBLISHED)


def test_false_in_fourth_place_and_in_fifth_give_the_same_table() -> None:
    cells = recalculate(EXAMPLES / "reference_examples.xlsx", WORKSHEET_FUNCTIONS).cells
    assert cells[2].table == cells[3].table


@pytest.mark.parametrize(
    ("name", "sheet", "cells", "published", "tolerance"),
    [
        ("vegetables.xlsx", "Odds ratios", "CH", (-0.3084, 2.1884, -0.6344, -1.2167), 0.02),
        ("vegetables.xlsx", "Probabilities", "GK", (0.4235043, 0.8676050, 0.2803350, 0.5072137), 0.002),
        ("herds.xlsx", "Odds ratios", "CH", (-1.39923, -0.99140, -1.12782, -1.57947), 0.06),
    ],
)
def test_results_stand_beside_the_published_ones_and_are_close(
    name: str, sheet: str, cells: str, published: tuple[float, ...], tolerance: float
) -> None:
    ours, theirs = (column(EXAMPLES / name, sheet, letter) for letter in cells)
    assert theirs[:4] == pytest.approx(published, abs=1e-4)
    assert ours[:4] == pytest.approx(published, abs=tolerance)


def test_observed_proportions_are_those_of_the_article() -> None:
    observed = column(EXAMPLES / "vegetables.xlsx", "Probabilities", "H")
    assert observed == pytest.approx((0.4242, 0.8659, 0.2821, 0.5071), abs=5e-5)


def column(path: Path, sheet: str, letter: str) -> list[float]:
    """Return the numbers of a column from the top down."""
    found = [(int(a[1:]), v) for (s, a), v in values(path).items() if s == sheet and re.fullmatch(rf"{letter}\d+", a)]
    return [value for _, value in sorted(found, key=lambda pair: pair[0]) if isinstance(value, float)]


def test_each_chart_shows_what_is_in_the_cells() -> None:
    for name, sheet, letters in (("vegetables.xlsx", "Probabilities", "HG"), ("herds.xlsx", "Incidence", "HGF")):
        chart = etree.fromstring(parts(EXAMPLES / name)["xl/charts/chart1.xml"])
        namespace = {"c": "http://schemas.openxmlformats.org/drawingml/2006/chart"}
        for series, letter in zip(chart.iterfind(".//c:ser", namespace), letters, strict=True):
            remembered = [float(v.text) for v in series.iterfind("c:val//c:v", namespace)]
            assert remembered == pytest.approx(column(EXAMPLES / name, sheet, letter))
