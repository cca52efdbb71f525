"""Recalculating spills of more cells than the engine allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlsxwriter

from glmm_binomial.workbook import recalculate

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 3_501  # of four columns: 14,004 cells, and the engine allows 10,000


def rows_of(rows: float) -> list[list[float]]:
    return [[float(row), row + 0.25, row + 0.5, row + 0.75] for row in range(int(rows))]


def doubled(table: list[list[float]]) -> list[list[float]]:
    return [[2 * value for value in row] for row in table]


def recalculated(tmp_path: Path, formulas: dict[str, str], numbers: dict[str, float] | None = None):
    source = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(source) as workbook:
        sheet = workbook.add_worksheet("Sheet1")
        for address, formula in formulas.items():
            sheet.write_dynamic_array_formula(f"{address}:{address}", formula)
        for address, number in (numbers or {}).items():
            sheet.write_number(address, number)
    result = recalculate(source, {"ROWS_OF": rows_of, "DOUBLED": doubled})
    result.write(tmp_path / "out.xlsx")
    return result, openpyxl.load_workbook(tmp_path / "out.xlsx", data_only=True)["Sheet1"]


def test_a_call_spills_more_cells_than_the_engine_allows(tmp_path: Path) -> None:
    result, sheet = recalculated(tmp_path, {"B2": f"=_xll.ROWS_OF({ROWS})"})
    assert not result.problems
    assert result.cells[0].error is None
    assert [[cell.value for cell in row] for row in sheet[f"B2:E{ROWS + 1}"]] == rows_of(ROWS)


@pytest.mark.mass
@pytest.mark.parametrize("reference", ["_xlfn.ANCHORARRAY(B2)", f"Sheet1!$B$2:$E${ROWS + 1}"])
def test_formulas_that_refer_to_a_large_spill_see_all_of_it(tmp_path: Path, reference: str) -> None:
    formulas = {"G1": f"=SUM({reference})", "H2": f"=_xll.DOUBLED({reference})", "B2": f"=_xll.ROWS_OF({ROWS})"}
    _, sheet = recalculated(tmp_path, formulas)
    assert sheet["G1"].value == sum(map(sum, rows_of(ROWS)))
    assert [[cell.value for cell in row] for row in sheet[f"H2:K{ROWS + 1}"]] == doubled(rows_of(ROWS))


@pytest.mark.mass
def test_a_large_range_spills_as_it_is(tmp_path: Path) -> None:
    _, sheet = recalculated(tmp_path, {"B2": f"=_xll.ROWS_OF({ROWS})", "H2": f"=B2:E{ROWS + 1}"})
    assert [[cell.value for cell in row] for row in sheet[f"H2:K{ROWS + 1}"]] == rows_of(ROWS)


def test_what_stands_in_the_way_of_a_large_spill_blocks_it(tmp_path: Path) -> None:
    result, sheet = recalculated(tmp_path, {"B2": f"=_xll.ROWS_OF({ROWS})"}, {f"E{ROWS}": 1.0})
    # a file has no word for #SPILL!
    assert sheet["B2"].value == "#VALUE!"
    assert result.cells[0].error == "#SPILL!"
    assert sheet[f"E{ROWS}"].value == 1
