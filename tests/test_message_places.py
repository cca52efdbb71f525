"""A message of a function, in a workbook: the cells that it counts within its argument are named by their addresses."""

from __future__ import annotations

import pytest
import xlsxwriter

from glmm_binomial.__main__ import main
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import recalculate

HEADER = ("y", "dose", "clinic")
ROWS = [(i % 2, 1 + (i * 7 % 5) / 2, f"c{i // 4}") for i in range(24)]


def workbook(path, formula, *, wrong=(), at="H3"):
    """Data on a sheet Visits from C5 on, some cells of it wrong (by row and column from zero), and a formula."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Visits 2024")
        for line, row in enumerate([HEADER, *ROWS]):
            for column, value in enumerate(row):
                sheet.write(4 + line, 2 + column, dict(wrong).get((line, column), value))
        sheet.add_table("C5:E29", {"name": "Visits", "columns": [{"header": name} for name in HEADER]})
        for (line, column), value in dict(wrong).items():
            sheet.write(4 + line, 2 + column, value)
        book.define_name("everything", "='Visits 2024'!$C$5:$E$29")
        book.add_worksheet("Fit").write_dynamic_array_formula(at, formula)
    return path


def error(path):
    cells = recalculate(path, WORKSHEET_FUNCTIONS).cells
    return cells[0].error, cells[0].table[0][0]


TALL = {(7, 1): "tall"}.items()
RANGES = "=_xll.GLMM_BINOMIAL('Visits 2024'!C5:C29,'Visits 2024'!D5:D29,'Visits 2024'!E5:E29)"


@pytest.mark.parametrize(
    "formula",
    [
        RANGES,
        "=_xll.GLMM_BINOMIAL('Visits 2024'!$C$5:$C$29,'Visits 2024'!$D$5:$D$29,Visits[[#All],[clinic]])",
        "=_xll.GLMM_BINOMIAL(Visits[[#All],[y]],Visits[[#All],[dose]],Visits[[#All],[clinic]])",
        "=IF(1>0,_xll.GLMM_BINOMIAL('Visits 2024'!C5:C29,'Visits 2024'!D5:D29,'Visits 2024'!E5:E29),1)",
    ],
)
def test_a_cell_of_a_range_has_its_address(formula, tmp_path):
    said, shown = error(workbook(tmp_path / "v.xlsx", formula, wrong=TALL))
    assert "Row 8, column 1 of x (Visits 2024!D12) holds the text 'tall'." in said
    # what the cell shows is what Excel would show
    assert "Row 8, column 1 of x holds the text 'tall'." in shown


@pytest.mark.parametrize("data", ["Visits[#All]", "'Visits 2024'!C5:E29", "everything"])
@pytest.mark.parametrize("call", ["{}", "_xll.GLMM_BINOMIAL_TABLE({})"])
def test_a_cell_of_a_table_has_its_address(data, call, tmp_path):
    model = f'_xll.GLMM_BINOMIAL_FORMULA({data},"y ~ dose + (1 | clinic)")'
    said, _ = error(workbook(tmp_path / "v.xlsx", f"={call.format(model)}", wrong=TALL))
    assert "Row 8, column 2 of data (Visits 2024!D12) holds the text 'tall'." in said


def test_several_cells_have_their_addresses(tmp_path):
    wrong = {(row, 1): "" for row in (3, 4, 9, 11)}.items()
    said, _ = error(workbook(tmp_path / "v.xlsx", RANGES, wrong=wrong))
    assert "4 cells of x are blank: rows 4, 5, 10 and 1 more (Visits 2024!D8, D9, D14)." in said


def test_cells_in_several_columns_have_their_addresses(tmp_path):
    wrong = {(3, 1): "a", (5, 0): "b"}.items()
    formula = "=_xll.GLMM_BINOMIAL('Visits 2024'!C6:C29,'Visits 2024'!C6:D29,'Visits 2024'!E6:E29)"
    said, _ = error(workbook(tmp_path / "v.xlsx", formula, wrong=wrong))
    assert "2 cells of x hold text, such as 'a': row 3, column 2 and row 5, column 1 (Visits 2024!D8, C10)." in said


@pytest.mark.parametrize(
    "formula",
    [
        # neither an array in the formula nor what is calculated has an address
        '=_xll.GLMM_BINOMIAL({0;"x";0;1},{1;2;3;4},{1;1;2;2})',
        "=_xll.GLMM_BINOMIAL(IF('Visits 2024'!C5:C29=\"y\",\"q\",'Visits 2024'!C5:C29),{1;2},{1;2})",
        '=_xll.GLMM_BINOMIAL({0;1},{1;2},{1;2},,,"x")',
    ],
)
def test_what_has_no_address_is_left_as_it_is(formula, tmp_path):
    said, shown = error(workbook(tmp_path / "v.xlsx", formula))
    assert said == shown


def test_the_command_says_it(tmp_path, capsys):
    path = workbook(tmp_path / "v.xlsx", RANGES, wrong=TALL)
    assert main(["recalc", str(path)]) == 1
    captured = capsys.readouterr()
    assert (
        "glmm-binomial: Fit!H3: Invalid input: x[7][0] must be numeric. Row 8, column 1 of x (Visits 2024!D12)"
        in captured.err
    )
