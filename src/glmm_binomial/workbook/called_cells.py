"""The cells that call Python functions, and what they give."""

from collections.abc import Callable, Mapping

from glmm_binomial.workbook.book import Formula
from glmm_binomial.workbook.calculation import Calculation
from glmm_binomial.workbook.cells import CellError, Rows
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.message_places import with_addresses
from glmm_binomial.workbook.outcome import CalledCell

_MESSAGES = ("Invalid input:", "Error fitting GLMM:", "##")


def called_cell(
    calculation: Calculation, formula: Formula, functions: Mapping[str, Callable[..., object]]
) -> CalledCell:
    """Return what a call gives; a message names the cells that it speaks of by their addresses."""
    cells = calculation.table(formula)
    table = calculation.whole_table(formula) or cells
    # an array of fixed size may be filled up with #N/A
    error = _error_in(table if formula.is_plain else cells)
    return CalledCell(
        sheet=formula.sheet.name,
        address=formula.address,
        formula=formula_as_shown(formula.cell.text),
        table=table,
        error=None if error is None else with_addresses(error, formula, calculation.book, functions),
    )


def _error_in(table: Rows) -> str | None:
    first = table[0][0]
    if isinstance(first, str) and first.startswith(_MESSAGES):
        return first
    return next((str(value) for row in table for value in row if isinstance(value, CellError)), None)
