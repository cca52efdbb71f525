"""What the calculation engine does otherwise than Excel, and the project works around.

Each test fails when the engine has learnt it: then what works around it can go. The file that does stands beside it.
"""

from __future__ import annotations

from pathlib import Path

import formualizer
import pytest

WORKBOOKS = Path(__file__).parent / "workbooks"
SPILLED_AT_MOST = 10_000


def answer(formula):
    """Return what the engine makes of a formula beside the numbers 1 and 2 in A1 and A2."""
    workbook = formualizer.Workbook()
    workbook.add_sheet("S")
    workbook.set_value("S", 1, 1, 1.0)
    workbook.set_value("S", 2, 1, 2.0)
    workbook.register_function("_xll.GIVEN_ARGS", lambda *given: repr(given), min_args=0)
    workbook.register_function("_xll.BLANK_CELL", lambda: [[None, 1.0]], min_args=0)
    workbook.register_function("_xll.MANY_ROWS", lambda: [[1.0]] * (SPILLED_AT_MOST + 1), min_args=0)
    workbook.set_formula("S", 1, 10, formula)
    workbook.evaluate_all()
    value = workbook.get_value("S", 1, 10)
    return value["kind"] if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("formula", "engine", "excel", "worked_around_in"),
    [
        ("=3*0.1=0.3", False, True, "workbook/fifteen_digits.py"),
        ('="dose "&3*0.1', "dose 0.30000000000000004", "dose 0.3", "workbook/fifteen_digits.py"),
        ("=SUM(EXP(A1:A2))", "Value", 10.107337927389695, "workbook/elementwise.py"),
        ("=SUM(LEN(A1:A2))", 1.0, 2.0, "workbook/elementwise.py"),
        ("=_xll.GIVEN_ARGS(1,,2)", "(1.0, 0.0, 2.0)", "(1.0, None, 2.0)", "workbook/calls.py"),
        ("=_xll.BLANK_CELL()", 0.0, "", "workbook/exchange.py"),
        ("=_xll.MANY_ROWS()", "Spill", 1.0, "workbook/large_spills.py"),
        ("=INDEX(LINEST(A1:A2,A1:A2+1,),1,2)", 0.0, -1.0, "workbook/formulas.py"),
        ("=LAMBDA(x,x+1)(2)", "NImpl", 3.0, "workbook/formulas.py"),
        ("=SUM(ROW(A1:A2))", 1.0, 3.0, "workbook/formulas.py"),
        ('=CELL("format",A1)', "Value", "G", "workbook/formulas.py"),
    ],
)
def test_the_engine_still_differs_from_excel(formula, engine, excel, worked_around_in):
    found = answer(formula)
    assert found != excel, f"The engine has learnt {formula}: take out what works around it in {worked_around_in}."
    assert found == engine


def test_the_engine_still_takes_no_reversed_range():
    with pytest.raises(formualizer.ExcelEvaluationError, match="#REF!"):
        answer("=SUM(A2:A1)")


def test_the_engine_still_mixes_up_a_sheet_whose_name_differs_from_its_own_by_case():
    workbook = formualizer.Workbook.from_bytes((WORKBOOKS / "21_sheet_named_sheet1.xlsx").read_bytes())
    workbook.evaluate_all()
    found = workbook.get_value("sheet1", 1, 16)
    assert found != 87.0, "The engine has learnt it: take out engine_sheet in workbook/engine_package.py."
