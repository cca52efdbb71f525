"""A copy for somebody without the add-in: what its functions gave as values, and their formulas as notes.

Ordinary formulas stay formulas, but for those that refer to a spilled table as a whole (`A5#`), which is none any more.
"""

import re
from collections.abc import Iterable

from glmm_binomial.workbook.addresses import Position
from glmm_binomial.workbook.book import Book, Formula, book_of
from glmm_binomial.workbook.cell_notes import add_notes
from glmm_binomial.workbook.contents import relationships, workbook_part
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.package import package_of
from glmm_binomial.workbook.package_edit import PackageEdit
from glmm_binomial.workbook.references import SheetArea
from glmm_binomial.workbook.sheet_edit import Edit, edit_cells

SPILL_REFERENCE = "ANCHORARRAY"

_EMPTY_FORMULA = re.compile(rb"<(?:[\w.-]+:)?f(?:\s[^<>]*)?/>")
_COLUMN_FORMULA = re.compile(
    rb"<((?:[\w.-]+:)?calculatedColumnFormula)(?:\s[^<>]*)?>([^<]*)</\1\s*>",
)


def values_only(content: bytes, functions: Iterable[str]) -> bytes:
    """Return the workbook with values and notes in the place of formulas that call Python functions.

    Parameters
    ----------
    content
        The bytes of a calculated workbook.
    functions
        Names of the Python functions, as in `=GLMM_BINOMIAL(...)`.
    """
    book = book_of(package_of(content), functions)
    replaced = _replaced(book)
    if not replaced:
        return content
    edit = PackageEdit(book.package)
    for sheet in book.contents.sheets:
        here = [formula for formula in replaced if formula.sheet == sheet]
        if here:
            edits = _edits(book, sheet.part, here)
            edit.write(sheet.part, edit_cells(book.sheets[sheet.part], sheet.part, edits, shared_text=book.text))
            notes = {(f.cell.row, f.cell.column): formula_as_shown(f.cell.text) for f in here}
            add_notes(edit, sheet.part, notes)
            _drop_column_formulas(edit, book, sheet.part)
    _drop_order_of_calculation(edit, book)
    return edit.content()


def _replaced(book: Book) -> list[Formula]:
    """Return the formulas that call Python functions, and those that refer to a spill of a replaced one."""
    found = {formula.place: formula for formula in book.formulas if formula.is_call}
    spilling = [formula for formula in book.formulas if SPILL_REFERENCE in formula.reading.functions]
    while True:
        filled = [formula.fills for formula in found.values()]
        new = [f for f in spilling if f.place not in found and _reads_any(f, filled)]
        if not new:
            return [formula for formula in book.formulas if formula.place in found]
        found |= {formula.place: formula for formula in new}


def _reads_any(formula: Formula, filled: Iterable[SheetArea]) -> bool:
    return any(
        sheet == other and area.overlaps(cells) for sheet, area in formula.reading.areas for other, cells in filled
    )


def _edits(book: Book, part: str, replaced: Iterable[Formula]) -> dict[Position, Edit]:
    """Return values in the place of formulas; formulas that shared the text of one of them get a text of their own."""
    edits = {}
    has_empty_formulas = _EMPTY_FORMULA.search(book.sheets[part]) is not None
    places, shared = set(), set()
    for formula in replaced:
        places.add(formula.place)
        shared.add(formula.cell.shared)
        edits[formula.cell.row, formula.cell.column] = Edit(formula.cell.stored, keeps_formula=False)
        if has_empty_formulas:
            # a volatile array has an empty one in each of its other cells
            stored = book.stored(formula)
            edits |= {p: Edit(stored.get(p), keeps_formula=False) for p in formula.cell.covered.cells()}
    for formula in book.formulas:
        is_left = formula.sheet.part == part and formula.place not in places
        if is_left and formula.cell.shared is not None and formula.cell.shared in shared:
            edits[formula.cell.row, formula.cell.column] = Edit(formula.cell.stored, formula=formula.cell.text)
    return edits


def _drop_column_formulas(edit: PackageEdit, book: Book, sheet: str) -> None:
    """Take formulas that call Python functions off the columns of tables, which would put them into new rows."""
    for _, kind, part in relationships(book.package, sheet):
        if kind != "table" or part not in book.package:
            continue
        name = book.package.find(part) or part

        def kept(match: re.Match[bytes]) -> bytes:
            text = match[2].decode()
            is_call = book.references.read(text, "", 1, 1).functions & book.functions
            return b"" if is_call else match[0]

        xml = edit.read(name)
        without = _COLUMN_FORMULA.sub(kept, xml)
        if without != xml:
            edit.write(name, without)


def _drop_order_of_calculation(edit: PackageEdit, book: Book) -> None:
    """Drop the list of formula cells, which Excel makes anew; one that names a cell without formula is damage to it."""
    workbook = workbook_part(book.package)
    found = edit.related(workbook, "calcChain")
    if found is not None:
        edit.drop(found[1], referred_to_by=workbook)
