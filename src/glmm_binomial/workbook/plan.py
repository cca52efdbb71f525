"""Which formulas must be calculated, when all others keep the value that is stored.

Those that call a Python function, those without a stored value, and all that read them, directly or through others.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from glmm_binomial.workbook.addresses import Place
from glmm_binomial.workbook.book import SUBTOTALS, Book, Formula
from glmm_binomial.workbook.dynamic_references import resolve_dynamic_references
from glmm_binomial.workbook.reader_index import ReaderIndex
from glmm_binomial.workbook.references import SheetArea

# an area of more cells than this is compared with the formulas, not looked up cell by cell
_MANY_CELLS = 2_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with each formula.

    Attributes
    ----------
    calculated
        The formulas that must be calculated, by place.
    rests_upon
        The formulas that those read, directly or through others, and that keep their stored value.
    unverifiable
        The places of calculated formulas for whose inputs nothing is stored, so that their stored value proves nothing.
    subtotals
        Formulas that are no constants for the calculated ones, though they keep their value.
    """

    calculated: Mapping[Place, Formula]
    rests_upon: Mapping[Place, Formula]
    unverifiable: frozenset[Place]
    subtotals: frozenset[Place]


class Planner:
    """Makes plans for one workbook."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._is_resolved = False
        self._lookup = _FormulaLookup(book.formulas)

    def plan(self, *, everything: bool, distrusted: Collection[Place] = (), grown: Iterable[SheetArea] = ()) -> Plan:
        """Return the plan.

        Parameters
        ----------
        everything
            Whether every formula is calculated.
        distrusted
            Formulas whose stored value is known to be wrong.
        grown
            Cells that a spill covers now and did not cover before, or the other way round.
        """
        formulas = self._book.formulas
        if everything:
            every = {formula.place: formula for formula in formulas}
            return Plan(every, {}, frozenset(every), frozenset())
        seeds = [f for f in formulas if f.is_call or _lacks_value(f) or f.place in distrusted]
        if not seeds:
            return Plan({}, {}, frozenset(), frozenset())
        if not self._is_resolved:
            resolve_dynamic_references(self._book)
            self._is_resolved = True
        known = {formula.place for formula in seeds}
        seeds += [formula for formula in formulas if formula.reading.anything and formula.place not in known]
        calculated = self._with_readers(seeds, grown)
        unknown = [f for f in calculated.values() if _lacks_value(f) or f.place in distrusted]
        return Plan(
            calculated=calculated,
            rests_upon=self._precedents(calculated),
            unverifiable=frozenset(self._with_readers(unknown, ())),
            subtotals=self._subtotals(calculated),
        )

    def readers_among(self, changed: Iterable[SheetArea], candidates: Iterable[Formula]) -> set[Place]:
        """Return those of the formulas that read changed cells, directly or through others of them."""
        cells, formulas = list(changed), list(candidates)
        # what cannot be understood may read any cell
        blind = [formula for formula in formulas if formula.reading.anything] if cells else []
        return set(_spread(blind, cells, formulas))

    def _with_readers(self, seeds: Collection[Formula], grown: Iterable[SheetArea]) -> dict[Place, Formula]:
        found = _spread(seeds, grown, self._book.formulas)
        return {formula.place: formula for formula in self._book.formulas if formula.place in found}

    def _precedents(self, calculated: Mapping[Place, Formula]) -> dict[Place, Formula]:
        found: dict[Place, Formula] = {}
        todo, done = list(calculated.values()), set()
        while todo:
            for read in todo.pop().reading.with_spans():
                if read in done:
                    continue
                done.add(read)
                for formula in self._lookup.within(read):
                    if formula.place not in calculated and formula.place not in found:
                        found[formula.place] = formula
                        todo.append(formula)
        return {formula.place: formula for formula in self._book.formulas if formula.place in found}

    def _subtotals(self, calculated: Mapping[Place, Formula]) -> frozenset[Place]:
        found: set[Place] = set()
        todo = [formula for formula in calculated.values() if formula.reading.functions & SUBTOTALS]
        while todo:
            for read in todo.pop().reading.areas:
                for formula in self._lookup.within(read):
                    if formula.reading.functions & SUBTOTALS and formula.place not in found:
                        found.add(formula.place)
                        todo.append(formula)
        return frozenset(found - calculated.keys())


class _FormulaLookup:
    """Finds the formulas whose cells lie in an area."""

    def __init__(self, formulas: Iterable[Formula]) -> None:
        self._at: dict[Place, Formula] = {}
        self._on_sheet: defaultdict[str, list[Formula]] = defaultdict(list)
        for formula in formulas:
            sheet, area = formula.fills
            self._on_sheet[sheet].append(formula)
            for row, column in area.cells():
                self._at[sheet, row, column] = formula

    def within(self, read: SheetArea) -> Iterable[Formula]:
        """Return the formulas that fill a cell of an area."""
        sheet, area = read
        if area.rows * area.columns > _MANY_CELLS:
            return [formula for formula in self._on_sheet[sheet] if formula.cell.covered.overlaps(area)]
        cells = ((sheet, row, column) for row, column in area.cells())
        return [self._at[cell] for cell in cells if cell in self._at]


def _lacks_value(formula: Formula) -> bool:
    return formula.cell.stored is None and not formula.is_data_table


def _spread(seeds: Collection[Formula], changed: Iterable[SheetArea], formulas: Iterable[Formula]) -> dict[Place, None]:
    """Return the places of the seeds and of all formulas that read them or changed cells."""
    found = {formula.place: None for formula in seeds}
    todo = [*(formula.fills for formula in seeds), *changed]
    if not todo:
        return found
    index: ReaderIndex[Formula] = ReaderIndex()
    for formula in formulas:
        for read in formula.reading.with_spans():
            index.add(read, formula)
    while todo:
        for reader in index.take(todo.pop()):
            if reader.place not in found:
                found[reader.place] = None
                todo.append(reader.fills)
    return found
