"""What a user must know besides values, one sentence each."""

from collections.abc import Collection

from glmm_binomial.workbook.addresses import Place
from glmm_binomial.workbook.book import VOLATILE, Book
from glmm_binomial.workbook.calculation import Calculation


def notes_on(book: Book, calculation: Calculation | None, calculated: Collection[Place]) -> tuple[str, ...]:
    """Return the notes on a workbook of which some formulas were calculated."""
    return (
        *_on_volatile(book, calculated),
        *_on_manual(book, calculated),
        *_on_precision(book, calculation),
        *_on_plain_calls(calculation),
        *_on_cut_tables(calculation),
    )


def _on_volatile(book: Book, calculated: Collection[Place]) -> list[str]:
    kept = [f for f in book.formulas if f.is_volatile and f.place not in calculated]
    if not kept:
        return []
    names = ", ".join(sorted({name for formula in kept for name in formula.reading.functions & VOLATILE}))
    formulas = "1 formula" if len(kept) == 1 else f"{len(kept):,} formulas"
    return [f"{formulas} with {names} kept the value that is stored."]


def _on_manual(book: Book, calculated: Collection[Place]) -> list[str]:
    kept = len(book.formulas) - len(calculated)
    if not kept or not book.contents.is_calculated_by_hand:
        return []
    return [
        (
            f"the workbook is set to manual calculation: {kept:,} of its formulas kept the value that is stored, which "
            "may be old. --all calculates them too."
        )
    ]


def _on_precision(book: Book, calculation: Calculation | None) -> list[str]:
    if calculation is None or not book.contents.rounds_as_displayed:
        return []
    return ["the workbook has Precision as displayed: Excel would round what was calculated here to what is displayed."]


def _on_plain_calls(calculation: Calculation | None) -> list[str]:
    notes = []
    for formula in () if calculation is None else calculation.formulas:
        table = calculation.whole_table(formula) if calculation is not None and formula.is_call else None
        if table is None or not formula.is_plain or len(table) * len(table[0]) == 1:
            continue
        cell = f"{formula.sheet.name}!{formula.address}"
        shape = f"{len(table)} rows and {len(table[0])} columns"
        notes.append(
            f"{cell} shows one cell of a table of {shape}, because a program wrote it as "
            "a plain formula. To have the table in the sheet: in Excel press F2 and Enter in the cell; from openpyxl "
            f'write ws["{formula.address}"] = ArrayFormula(area, formula); from XlsxWriter '
            "write_dynamic_array_formula(area, formula)."
        )
    return notes


def _on_cut_tables(calculation: Calculation | None) -> list[str]:
    """Name arrays of fixed size that are too small: what must be known stands in the last rows of a table."""
    notes = []
    for formula in () if calculation is None else calculation.formulas:
        table = calculation.whole_table(formula) if calculation is not None and formula.is_call else None
        cells = formula.cell.covered
        if table is None or formula.is_plain or (len(table) <= cells.rows and len(table[0]) <= cells.columns):
            continue
        cut = sum(row[0] == "warning" for row in table[cells.rows :])
        warnings = "" if not cut else ", 1 warning among them" if cut == 1 else f", {cut} warnings among them"
        shape = f"{len(table)} rows and {len(table[0])} columns"
        place = f"{formula.sheet.name}!{cells}"
        notes.append(
            f"{place} is too small for its table of {shape}: the rest is cut off{warnings}. Enter the formula over "
            "more cells."
        )
    return notes
