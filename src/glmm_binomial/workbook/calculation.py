"""One calculation: some formulas of a workbook, while all others are the constants that are stored."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glmm_binomial.workbook.addresses import Area, Place, Position
from glmm_binomial.workbook.book import SUBTOTALS, Book, Formula
from glmm_binomial.workbook.cells import CellError, CellValue, Rows
from glmm_binomial.workbook.engine import Engine, Observer, Results, WorksheetFunction, unknown_functions
from glmm_binomial.workbook.exchange import cell_value
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.formulas import Translation, Translator
from glmm_binomial.workbook.large_spills import LargeSpills, area_of, fits
from glmm_binomial.workbook.outcome import Problem
from glmm_binomial.workbook.package import WorkbookError
from glmm_binomial.workbook.sheet_edit import Edit

# large spills that depend on each other need one round each, and one more
_MAX_ROUNDS = 20
_EXTERNAL = "the formula refers to another workbook, and its values are not stored in this one"
_REFUSED = "the formula cannot be calculated without Excel"
_HIDDEN = "SUBTOTAL and AGGREGATE may leave out hidden rows, which is not known without Excel"
_SEVERAL = "the formula gives several values and Excel shows one of them; here it is the first"
LOST = Edit(CellError("#VALUE!"))
NO_PLACES: Mapping[Place, str] = MappingProxyType({})
DATA_TABLE = "a what-if data table is not calculated without Excel; its old values were kept"


@dataclass(frozen=True, slots=True)
class Functions:
    """The Python functions by upper-case name, what they have given so far, and who is told of each call."""

    by_name: Mapping[str, WorksheetFunction]
    results: Results
    observer: Observer | None


@dataclass(frozen=True)
class Calculation:
    """The outcome.

    Attributes
    ----------
    formulas
        The formulas that were calculated, in the order of the workbook.
    failures
        Those of them that the engine cannot calculate truly, by place, and why.
    """

    book: Book
    formulas: tuple[Formula, ...]
    failures: Mapping[Place, Problem]
    engine: Engine
    spills: LargeSpills

    def area(self, formula: Formula) -> Area:
        """Return the cells that a formula fills."""
        cell = formula.cell
        if (written := self.spills.area(formula.place)) is not None:
            return written
        if cell.kind == "array" and not cell.spills and cell.area is not None:
            return cell.area
        return self.engine.area(*formula.place)

    def cells(self, formula: Formula) -> dict[Position, CellValue]:
        """Return the values of the cells that a formula fills, by row and column."""
        _, row, column = formula.place
        if formula.is_plain:
            return {(row, column): self.engine.value(*formula.place)}
        values = (value for row in self.table(formula) for value in row)
        return dict(zip(self.area(formula).cells(), values, strict=True))

    def table(self, formula: Formula) -> Rows:
        """Return the values of the cells that a formula fills."""
        return self.engine.values(formula.sheet.name, self.area(formula))

    def whole_table(self, formula: Formula) -> Rows | None:
        """Return the table of which a plain formula or an array of fixed size shows a part; None for other formulas."""
        whole = self.engine.whole.get(formula.place)
        return tuple(tuple(map(cell_value, row)) for row in whole) if isinstance(whole, list) else None


def calculate(
    book: Book, live: Collection[Place], functions: Functions, wrong: Mapping[Place, str] = NO_PLACES
) -> Calculation:
    """Calculate the formulas at these places; a data table among them is lost, and its cells are error values.

    A formula at which the engine gives up altogether is found and named, and the others are calculated. Those that it
    is known to calculate wrongly, with the reason, count as such.
    """
    refused = dict(wrong)
    while True:
        try:
            calculation = _calculate(book, live, functions, refused)
            arrays = _failed_arrays(calculation, refused)
            if not arrays:
                return calculation
            # what reads one of their other cells must see that it is not known
            refused |= arrays
        except WorkbookError:
            culprits = _culprits(book, set(live) - refused.keys(), functions)
            if not culprits:
                raise
            refused |= dict.fromkeys(culprits, _REFUSED)


def _failed_arrays(calculation: Calculation, known: Mapping[Place, str]) -> dict[Place, str]:
    """Return arrays of a fixed size that the engine cannot calculate, with the reason, but for those known already."""
    failures = calculation.failures
    return {
        formula.place: failures[formula.place].text
        for formula in calculation.formulas
        if formula.place in failures.keys() - known.keys() and formula.cell.kind == "array" and not formula.cell.spills
    }


def _culprits(book: Book, live: Collection[Place], functions: Functions) -> set[Place]:
    """Return the formulas of which the engine can calculate none: halves are tried until single ones are left."""
    try:
        _calculate(book, live, functions, NO_PLACES)
    except WorkbookError:
        pass
    else:
        return set()
    places = [formula.place for formula in book.formulas if formula.place in live]
    if len(places) <= 1:
        return set(places)
    middle = len(places) // 2
    halves = _culprits(book, places[:middle], functions) | _culprits(book, places[middle:], functions)
    # neither half fails by itself: those that look for their cells at run time are the ones that fail together
    return halves or {f.place for f in book.formulas if f.place in live and f.reading.dynamic} or set(places)


def _calculate(book: Book, live: Collection[Place], functions: Functions, refused: Mapping[Place, str]) -> Calculation:
    formulas = tuple(f for f in book.formulas if f.place in live and not f.is_data_table)
    lost = [f for f in book.formulas if f.place in live and f.is_data_table]
    spills = LargeSpills()
    for _ in range(_MAX_ROUNDS):
        written = {place: area_of(place, rows) for place, rows in spills.written.items()}
        translator = Translator(
            book.contents,
            book.functions,
            written=book.frozen_spills(live) | written,
            formula_texts=book.formula_texts,
        )
        translations = [_translated(book, formula, translator, refused) for formula in formulas]
        engine = Engine(
            book.for_engine(_edits(formulas, translations, spills, lost)),
            calls=translator.calls,
            functions=functions.by_name,
            spilling=translator.spilling,
            noted=translator.noted,
            spills=spills,
            results=functions.results,
            observer=functions.observer,
            dates_from_1904=book.contents.dates_from_1904,
        )
        engine.evaluate()
        caught = {place: rows for place, rows in spills.caught.items() if _has_room(engine, book, spills, place)}
        if caught == spills.written:
            break
        spills = LargeSpills(written=caught)
    pairs = list(zip(formulas, translations, strict=True))
    # of several reasons the first counts
    failures = dict(reversed(_of_text(pairs) + _of_plain(engine, pairs) + _of_engine(engine, pairs)))
    return Calculation(
        book, formulas, {f.place: failures[f.place] for f in formulas if f.place in failures}, engine, spills
    )


def calculate_without_failures(
    book: Book, live: Collection[Place], functions: Functions
) -> tuple[Calculation, dict[Place, Problem]]:
    """Calculate formulas; those that cannot be calculated keep their stored value and are constants for the others."""
    left, failures = set(live), dict[Place, Problem]()
    while True:
        calculation = calculate(book, left, functions)
        if not calculation.failures:
            return calculation, failures
        failures |= calculation.failures
        left -= failures.keys()


def _translated(book: Book, formula: Formula, translator: Translator, refused: Mapping[Place, str]) -> Translation:
    """Translate a formula; what the engine would calculate otherwise than Excel is a problem."""
    problems = []
    if formula.place in refused:
        problems.append(refused[formula.place])
    read = {sheet for sheet, _ in formula.reading.areas}
    if formula.reading.functions & SUBTOTALS and read & book.sheets_with_hidden_rows:
        problems.append(_HIDDEN)
    if problems:
        return Translation("#VALUE!", calls=False, functions=frozenset(), external=False, problems=tuple(problems))
    return translator.translate(formula.cell, formula.sheet.name)


Pairs = Iterable[tuple[Formula, Translation]]
Failures = list[tuple[Place, Problem]]


def _edits(
    formulas: Iterable[Formula], translations: Iterable[Translation], spills: LargeSpills, lost: Iterable[Formula]
) -> dict[str, dict[Position, Edit]]:
    """Return the translated formulas and the large spills as values, without the old spills in their way."""
    pairs = list(zip(formulas, translations, strict=True))
    edits: dict[str, dict[Position, Edit]] = {}
    for formula, _ in pairs:
        edits.setdefault(formula.sheet.part, {}).update({p: Edit(None) for p in formula.cell.covered.cells()})
    for formula, _ in pairs:
        rows = spills.written.get(formula.place)
        if rows is not None:
            cells = zip(area_of(formula.place, rows).cells(), (value for row in rows for value in row), strict=True)
            edits[formula.sheet.part].update({position: Edit(value) for position, value in cells})
    for formula, translation in pairs:
        cell = formula.cell
        if translation.problems and not cell.spills:
            edits[formula.sheet.part].update(dict.fromkeys(cell.covered.cells(), LOST))
        edits[formula.sheet.part][cell.row, cell.column] = Edit(None, formula=translation.text)
    for table in lost:
        edits.setdefault(table.sheet.part, {}).update(dict.fromkeys(table.cell.covered.cells(), LOST))
    return edits


def _of_text(pairs: Pairs) -> Failures:
    """Return what the formulas' text already tells: words and functions the engine does not have."""
    unknown = unknown_functions({function for _, translation in pairs for function in translation.functions})
    failures: Failures = []
    for formula, translation in pairs:
        texts = list(translation.problems)
        for function in sorted(translation.functions & unknown):
            shown = formula_as_shown(f"{function}()").strip("=()")
            texts.append(f"the function {shown} is not known without Excel")
        failures += [(formula.place, formula.problem(text)) for text in texts]
    return failures


def _of_plain(engine: Engine, pairs: Pairs) -> Failures:
    """Take back the spills of formulas that show one value in Excel, and say so.

    Which value it is depends on what happens inside the formula, so it may not be the first.
    """
    failures: Failures = []
    for formula, translation in pairs:
        sheet, row, column = formula.place
        if not formula.is_plain or translation.problems:
            continue
        if engine.is_blocked(sheet, row, column) or engine.area(sheet, row, column) != Area(row, column, row, column):
            engine.show_first_value(sheet, row, column)
            failures.append((formula.place, formula.problem(_SEVERAL)))
    if failures:
        engine.evaluate()
    return failures


def _of_engine(engine: Engine, pairs: Pairs) -> Failures:
    failures: Failures = []
    for formula, translation in pairs:
        if translation.problems:
            continue
        text = engine.problem(*formula.place)
        if text is None and translation.external and isinstance(engine.value(*formula.place), CellError):
            text = _EXTERNAL
        if text is not None:
            failures.append((formula.place, formula.problem(text)))
    return failures


def _has_room(engine: Engine, book: Book, spills: LargeSpills, place: Place) -> bool:
    """Tell whether nothing stands in the way of a large spill."""
    if place in spills.written:
        return True
    area = area_of(place, spills.caught[place])
    return (
        fits(area)
        and not any(table.sheet == place[0] and table.area.overlaps(area) for table in book.contents.tables)
        and engine.is_empty_around(place[0], area)
    )
