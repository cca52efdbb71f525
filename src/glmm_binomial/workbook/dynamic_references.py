"""What INDIRECT, OFFSET and EVALUATE refer to while all cells have their stored values.

Their arguments are evaluated where the formula stands. Where that fails, OFFSET may read its whole sheet, which it does
not leave, and the others anything.
"""

from collections.abc import Sequence
from typing import Any

from glmm_binomial.workbook.addresses import LAST_COLUMN, LAST_ROW, Area, quoted_sheet
from glmm_binomial.workbook.book import Book, Formula
from glmm_binomial.workbook.cells import CellError
from glmm_binomial.workbook.engine import Question, values_of
from glmm_binomial.workbook.formula_text import tokens_of
from glmm_binomial.workbook.formulas import Translator
from glmm_binomial.workbook.references import WHOLE_SHEET, DynamicReference, Reading, SheetArea
from glmm_binomial.workbook.sheet_scan import FormulaCell

# functions that make another value of an error
_FORGIVING = frozenset(
    {"IFERROR", "IFNA", "ISERROR", "ISERR", "ISNA", "ISREF", "ERROR.TYPE", "AGGREGATE", "COUNT", "IF"}
)


class _Unresolved(Exception):  # noqa: N818 - no error: the reference is taken as wide as it may be
    """What the reference means cannot be told."""


def resolve_dynamic_references(book: Book) -> None:
    """Add to the reading of each formula what its INDIRECT, OFFSET and EVALUATE refer to."""
    wanted = [(formula, call) for formula in book.formulas for call in formula.reading.dynamic]
    if not wanted:
        return
    translator = Translator(
        book.contents, book.functions, written=book.frozen_spills(()), formula_texts=book.formula_texts
    )
    asked = [_questions(formula, call, translator) for formula, call in wanted]
    every = [question for questions in asked for question in questions]
    values = iter(values_of(book.for_engine({}), every, dates_from_1904=book.contents.dates_from_1904))
    for (formula, call), questions in zip(wanted, asked, strict=True):
        _add(book, formula, call, [next(values) for _ in questions])


def _add(book: Book, formula: Formula, call: DynamicReference, values: Sequence[Any]) -> None:
    try:
        formula.reading.areas += _RESOLVE[call.function](book, formula, call, values)
    except _Unresolved:
        base = _base(book, formula, call) if call.function == "OFFSET" else []
        formula.reading.areas += [(sheet, WHOLE_SHEET) for sheet, _ in base]
        formula.reading.anything |= not base


def _computed_arguments(call: DynamicReference) -> tuple[str, ...]:
    """Return the arguments whose values decide: all but the first of OFFSET, the text of the others."""
    return call.arguments[1:5] if call.function == "OFFSET" else call.arguments[:2]


def _questions(formula: Formula, call: DynamicReference, translator: Translator) -> list[Question]:
    """Return the arguments as formulas in the same row and column of another sheet; none if one cannot be read."""
    questions = []
    for text in _computed_arguments(call):
        cell = FormulaCell(
            formula.cell.row, formula.cell.column, text, formula.cell.kind, None, spills=False, stored=None
        )
        translation = translator.translate(cell, formula.sheet.name, as_argument=True)
        if text.strip() and (translation.problems or translation.calls):
            return []
        questions.append((cell.row, cell.column, _with_sheet(translation.text, formula.sheet.name) or '""'))
    return questions


def _with_sheet(text: str, sheet: str) -> str:
    """Return a formula with the sheet before every reference that has none."""
    if not text.strip():
        return ""
    return "".join(
        f"{quoted_sheet(sheet)}!{token.value}" if token.is_reference and "!" not in token.value else token.value
        for token in tokens_of(text)
    )


def _indirect(book: Book, formula: Formula, call: DynamicReference, values: Sequence[Any]) -> list[SheetArea]:
    if len(call.arguments) > 1 and call.arguments[1].strip() and values[1:] not in ([True], [1.0]):
        raise _Unresolved
    found = _in_text(book, formula, values)
    if found.functions:
        raise _Unresolved
    if not found.areas and _must_be_a_reference(formula):
        # the engine makes another text of the arguments than Excel
        raise _Unresolved
    return found.areas


def _must_be_a_reference(formula: Formula) -> bool:
    """Tell whether the stored value cannot come from a reference that fails."""
    if formula.reading.functions & _FORGIVING:
        return False
    return formula.cell.stored is not None and not isinstance(formula.cell.stored, CellError)


def _evaluate(book: Book, formula: Formula, _call: DynamicReference, values: Sequence[Any]) -> list[SheetArea]:
    return _in_text(book, formula, values).areas


def _in_text(book: Book, formula: Formula, values: Sequence[Any]) -> Reading:
    """Return what a text reads; an error value reads nothing."""
    if values and isinstance(values[0], dict):
        return Reading()
    if not values or not isinstance(values[0], str):
        raise _Unresolved
    found = book.references.read(values[0], *formula.place)
    if found.anything or found.dynamic:
        raise _Unresolved
    return found


def _base(book: Book, formula: Formula, call: DynamicReference) -> list[SheetArea]:
    """Return the reference from which OFFSET counts."""
    found = book.references.read(call.arguments[0], *formula.place)
    return [] if found.anything or found.functions or found.dynamic else found.areas


def _offset(book: Book, formula: Formula, call: DynamicReference, values: Sequence[Any]) -> list[SheetArea]:
    base = _base(book, formula, call)
    if len(base) != 1 or len(values) != len(_computed_arguments(call)):
        raise _Unresolved
    (sheet, area), numbers = base[0], [_whole_number(value) for value in values]
    rows, columns, height, width = [*numbers, None, None, None, None][:4]
    top, bottom = _span(area.top + (rows or 0), area.rows if height is None else height)
    left, right = _span(area.left + (columns or 0), area.columns if width is None else width)
    if bottom < 1 or right < 1 or top > LAST_ROW or left > LAST_COLUMN:
        # beyond the sheet: an error, which reads nothing
        return []
    return [(sheet, Area(max(1, top), max(1, left), min(LAST_ROW, bottom), min(LAST_COLUMN, right)))]


def _span(first: int, count: int) -> tuple[int, int]:
    """Return the first and last of so many rows or columns; a negative number counts backwards."""
    return (first + count + 1, first) if count < 0 else (first, first + max(count, 1) - 1)


def _whole_number(value: Any) -> int | None:
    if value in ("", None):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unresolved
    return int(value // 1)


_RESOLVE = {"OFFSET": _offset, "INDIRECT": _indirect, "EVALUATE": _evaluate}
