"""Workbooks with stored values, as Excel saves them, and what a recalculation makes of them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import openpyxl
import xlsxwriter

from glmm_binomial.workbook import Recalculation, recalculate

Formulas = Mapping[str, tuple[str, object]]
"""By cell, a formula and the value that is stored for it; a text that is no formula is a typed text."""


def doubled(table: object) -> object:
    """Stand for a function of the worksheet: twice every number it is given."""
    rows = table if isinstance(table, list) else [[table]]
    return [[2 * value if isinstance(value, float) else value for value in row] for row in rows]


FUNCTIONS: dict[str, Callable[..., object]] = {"GLMM_BINOMIAL": doubled}


def saved(
    path: Path, cells: Mapping[str, object], *, manual: bool = False, spilling: Mapping[str, str] | None = None
) -> Path:
    """Write a workbook of one sheet S as Excel saves it.

    A cell is a typed value, or a formula with the value stored for it; those in `spilling` are dynamic arrays over the
    area given there, whose other values are among the cells.
    """
    with xlsxwriter.Workbook(path) as book:
        book.set_calc_mode("manual" if manual else "auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        arrays = spilling or {}
        for address, area in arrays.items():
            formula, stored = cells[address]
            sheet.write_dynamic_array_formula(area, formula, None, stored)
        for address, content in cells.items():
            if address in arrays:
                continue
            if isinstance(content, tuple):
                sheet.write_formula(address, content[0], None, content[1])
            else:
                sheet.write(address, content)
    return path


def run(path: Path, **options: object) -> tuple[Recalculation, dict[str, object]]:
    """Recalculate and return the result and what the copy shows; nothing when there is no copy."""
    result = recalculate(path, FUNCTIONS, **options)
    if result.content is None:
        return result, {}
    target = path.with_name("out.xlsx")
    result.write(target)
    sheet = openpyxl.load_workbook(target, data_only=True)["S"]
    return result, {cell.coordinate: cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None}


# numbers that no formula gives: a cell that shows one was kept
KEPT = 4711
