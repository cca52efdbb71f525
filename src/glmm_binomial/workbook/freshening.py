"""Calculates the formulas of a plan, the Python functions among them.

A formula that cannot be calculated here keeps its stored value as long as nothing it reads has changed. What has
changed is known after the others were calculated; so this goes round until no more such formulas are reached.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from glmm_binomial.workbook.addresses import Area, Place
from glmm_binomial.workbook.book import Book, Formula
from glmm_binomial.workbook.calculation import DATA_TABLE, Calculation, Functions, calculate
from glmm_binomial.workbook.checking import Check, changed_cells
from glmm_binomial.workbook.outcome import Problem
from glmm_binomial.workbook.plan import Plan, Planner
from glmm_binomial.workbook.references import SheetArea

_WRONG = "stored is another value than is calculated here, so what it is now cannot be told"


@dataclass(frozen=True)
class Fresh:
    """The fresh values.

    Attributes
    ----------
    calculation
        The calculation that holds them.
    before
        What the formulas gave while the Python functions had their stored tables, by place.
    problems
        The formulas that cannot be calculated, and whose cells now hold an error value.
    kept
        The formulas that cannot be calculated, and keep their stored value.
    lost_tables
        The data tables among those that now hold error values.
    """

    calculation: Calculation
    before: Check
    problems: list[Problem]
    kept: list[Problem]
    lost_tables: list[Formula]

    def is_as_before(self, formula: Formula) -> bool:
        """Tell whether a formula gives what it gave while the Python functions had their stored tables."""
        return self.before.values.get(formula.place) == self.calculation.cells(formula)

    def grown(self, plan: Plan) -> Iterator[SheetArea]:
        """Yield the cells that only the old or only the new extent of a spill covers, and some between."""
        for formula in self.calculation.formulas:
            if formula.place not in plan.calculated or not formula.cell.spills:
                continue
            old, new = formula.cell.covered, self.calculation.area(formula)
            if old != new:
                bottom, right = max(old.bottom, new.bottom), max(old.right, new.right)
                yield formula.sheet.name.casefold(), Area(old.top, old.left, bottom, right)


class Freshening:
    """Calculates one plan.

    Parameters
    ----------
    book, plan, functions, planner
        The workbook and what is to be done.
    before
        What the dependants gave while the Python functions had their stored tables. Where it is not what is stored and
        the stored values are trusted, the engine calculates otherwise than Excel: what it gives is not trusted.
    trusts_stored
        Whether they are.
    """

    def __init__(
        self, book: Book, plan: Plan, functions: Functions, planner: Planner, before: Check, *, trusts_stored: bool
    ) -> None:
        self._book = book
        self._plan = plan
        self._functions = functions
        self._planner = planner
        self._before = before
        self._wrong = dict.fromkeys(before.differences, _WRONG) if trusts_stored else {}
        self._tables = {f.place: f.problem(DATA_TABLE) for f in self._data_tables()}

    def all(self) -> Fresh:
        """Calculate every formula of the plan, whatever is stored."""
        calculation = calculate(self._book, self._plan.calculated.keys() - self._tables.keys(), self._functions)
        problems = [*calculation.failures.values(), *self._tables.values()]
        return Fresh(calculation, self._before, problems, [], [])

    def where_inputs_changed(self) -> Fresh:
        """Calculate the formulas of the plan; what cannot be calculated is an error where its inputs have changed."""
        wrong = {place: self._plan.calculated[place].problem(text) for place, text in self._wrong.items()}
        failures = {**self._before.failures, **self._tables, **wrong}
        reached: set[Place] = set()
        while True:
            frozen = {place for place in failures if place not in reached and self._is_stored(place)}
            live = (self._plan.calculated.keys() - frozen) | self._plan.subtotals
            calculation = calculate(self._book, live, self._functions, self._wrong)
            found = {place: text for place, text in calculation.failures.items() if place in self._plan.calculated}
            failing = [self._plan.calculated[place] for place in {**failures, **found}]
            now = self._planner.readers_among(self._changed(calculation, found), failing)
            if now <= reached and found.keys() <= failures.keys():
                break
            failures |= found
            reached |= now
        lost = [f for f in self._data_tables() if f.place in reached]
        problems = [problem for place, problem in failures.items() if place not in frozen]
        kept = [problem for place, problem in failures.items() if place in frozen and place not in wrong]
        return Fresh(calculation, self._before, problems, kept, lost)

    def _data_tables(self) -> list[Formula]:
        return [formula for formula in self._plan.calculated.values() if formula.is_data_table]

    def _is_stored(self, place: Place) -> bool:
        formula = self._plan.calculated[place]
        return formula.is_data_table or formula.cell.stored is not None

    def _changed(self, calculation: Calculation, failing: dict[Place, Problem]) -> Iterator[SheetArea]:
        """Yield the cells whose value is another one than before."""
        for formula in calculation.formulas:
            if formula.place not in self._plan.calculated or formula.place in failing:
                continue
            old = self._before.values.get(formula.place, self._book.stored(formula))
            for row, column in changed_cells(old, calculation.cells(formula)):
                yield formula.sheet.name.casefold(), Area(row, column, row, column)
