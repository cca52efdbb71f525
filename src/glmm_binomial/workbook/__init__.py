"""Recalculates .xlsx workbooks without Excel: the formulas that call Python functions and all that depend on them.

A package and not one module, because it speaks languages that have nothing to do with each other:

    reading the file
        package.py             the zip file; what is damaged or hostile is refused here
        contents.py            the workbook's sheets, defined names and tables
        shared_strings.py      the texts that cells refer to by number
        sheet_scan.py          the XML of one sheet: formulas and stored values out
        book.py                all of it together
    what a formula says
        addresses.py           A1 notation
        cells.py               what a cell can hold
        formula_text.py        questions about a formula's text
        shifting.py            a formula moved to another cell
        tables.py              structured references to Excel tables -> the cells they stand for
        names.py               defined names and tables, as seen from a cell
        references.py          which cells a formula reads
    what to calculate
        dynamic_references.py  what INDIRECT and OFFSET refer to
        reader_index.py        who reads a cell
        plan.py                which formulas must be calculated
    calculating
        calls.py               the calls of Python functions in a formula
        formulas.py            formula text as Excel stores it -> as the calculation engine takes it
        elementwise.py         EXP and the like over arrays, which the engine cannot do itself
        fifteen_digits.py      numbers as Excel compares them
        handles.py             objects that no cell can hold, and the text their cells show
        exchange.py            values as PyXLL would hand them over, and back
        engine_package.py      the workbook as the engine gets it
        engine.py              formualizer, which calculates
        large_spills.py        what it cannot hold: spills of more than ten thousand cells
        calculation.py         some formulas calculated, all others constant
    the result
        checking.py            stored values compared with calculated ones
        message_places.py      the addresses of cells that a message names
        called_cells.py        the cells that call Python functions
        freshening.py          fresh values, and what becomes of formulas that cannot be calculated
        notes.py               what a user must know besides
        sheet_edit.py          values into the XML of a sheet, every other byte as it was
        writing.py             which cells get which values
        outcome.py             what is handed back
        recalculation.py       all of it put together
    for somebody without the add-in
        package_edit.py        parts added, changed and dropped
        cell_notes.py          notes on cells
        values_only.py         values and notes in the place of formulas
        number_format.py       a value as a number format shows it
        styles.py              how cells look
        html_page.py           the sheets as a page for a browser

No pyxll, numpy or statsmodels here: the Python functions come in as arguments, so `recalculate` serves any of them.
"""

from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.html_page import html_page
from glmm_binomial.workbook.outcome import CalledCell, Counts, Difference, Problem, Recalculation
from glmm_binomial.workbook.package import WorkbookError, write_atomically
from glmm_binomial.workbook.recalculation import Trust, compare, recalculate
from glmm_binomial.workbook.values_only import values_only

__all__ = [
    "CalledCell",
    "CellError",
    "CellValue",
    "Counts",
    "Difference",
    "Problem",
    "Recalculation",
    "Trust",
    "WorkbookError",
    "compare",
    "html_page",
    "recalculate",
    "values_only",
    "write_atomically",
]
