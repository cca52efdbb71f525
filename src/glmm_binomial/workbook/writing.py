"""Which cells of the file get which values."""

from collections.abc import Iterable

from glmm_binomial.workbook.addresses import Position
from glmm_binomial.workbook.book import Formula
from glmm_binomial.workbook.calculation import LOST, Calculation
from glmm_binomial.workbook.sheet_edit import Edit

Edits = dict[str, dict[Position, Edit]]


def edits_of(calculation: Calculation, written: Iterable[Formula], lost: Iterable[Formula]) -> Edits:
    """Return the values of the written formulas, and an error value for every cell of the lost data tables.

    Cells that an array covered before and does not cover now become empty.
    """
    stale: dict[str, dict[Position, Edit]] = {}
    edits: Edits = {}
    for formula in written:
        cell, part = formula.cell, formula.sheet.part
        filled = calculation.cells(formula)
        here = edits.setdefault(part, {})
        here |= {position: Edit(value) for position, value in filled.items()}
        if cell.spills:
            here[cell.row, cell.column] = Edit(filled[cell.row, cell.column], area=calculation.area(formula))
            stale.setdefault(part, {}).update({position: Edit(None) for position in cell.covered.cells()})
    for formula in lost:
        edits.setdefault(formula.sheet.part, {}).update(dict.fromkeys(formula.cell.covered.cells(), LOST))
    return {part: stale.get(part, {}) | here for part, here in edits.items()}
