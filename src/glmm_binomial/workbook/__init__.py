"""Recalculates .xlsx workbooks without Excel: every formula, worksheet functions written in Python included.

A package and not one module, because it speaks languages that have nothing to do with each other:

    addresses.py       A1 notation
    cells.py           what a cell can hold
    package.py         the zip file; what is damaged or hostile is refused here
    contents.py        the workbook's sheets, defined names and tables
    sheet_scan.py      the XML of one sheet: formulas out,
    sheet_edit.py      values in, every other byte as it was
    tables.py          structured references to Excel tables -> the cells they stand for
    formula_text.py    questions about a formula's text
    calls.py           the calls of Python functions in it
    formulas.py        formula text as Excel stores it -> as the calculation engine takes it
    elementwise.py     EXP and the like over arrays, which the engine cannot do itself
    exchange.py        values as PyXLL would hand them over, and back
    handles.py         objects that no cell can hold, and the text their cells show
    engine.py          formualizer, which calculates
    large_spills.py    what it cannot hold: spills of more than ten thousand cells
    recalculation.py   all of it put together

No pyxll, numpy or statsmodels here: the Python functions come in as arguments, so `recalculate` serves any of them.
"""

from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.package import WorkbookError
from glmm_binomial.workbook.recalculation import CalledCell, Problem, Recalculation, recalculate

__all__ = ["CalledCell", "CellError", "CellValue", "Problem", "Recalculation", "WorkbookError", "recalculate"]
