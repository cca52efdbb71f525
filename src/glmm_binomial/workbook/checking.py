"""Compares what is stored with what the formulas give, before any new value comes in."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from glmm_binomial.workbook.addresses import Place, Position
from glmm_binomial.workbook.book import Book, Formula
from glmm_binomial.workbook.calculation import DATA_TABLE, Functions, calculate_without_failures
from glmm_binomial.workbook.cells import CellValue
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.outcome import Difference, Problem, is_same
from glmm_binomial.workbook.plan import Plan


@dataclass(frozen=True, slots=True)
class Check:
    """What a comparison with the stored values has shown.

    Attributes
    ----------
    values : dict
        What each formula gives in the cells it fills, while all that is changed later has its stored value.
    differences : dict
        Where that is not what is stored, by the place of the formula.
    failures : dict
        The formulas that cannot be calculated here, by place.
    """

    values: Mapping[Place, Mapping[Position, CellValue]]
    differences: Mapping[Place, Difference]
    failures: Mapping[Place, Problem]


NO_CHECK = Check({}, {}, {})


def check_inputs(book: Book, plan: Plan, functions: Functions) -> Check:
    """Calculate, from typed values alone, what the formulas to be calculated rest upon."""
    return _check(book, [f for f in plan.rests_upon.values() if not f.is_volatile], functions, (), is_below=False)


def check_dependants(book: Book, plan: Plan, functions: Functions) -> Check:
    """Calculate the formulas below the Python functions while those have their stored tables."""
    wanted = [
        formula
        for formula in plan.calculated.values()
        if not formula.is_call and not formula.is_volatile and formula.place not in plan.unverifiable
    ]
    return _check(book, wanted, functions, plan.subtotals, is_below=True)


def _check(
    book: Book, wanted: list[Formula], functions: Functions, also: Collection[Place], *, is_below: bool
) -> Check:
    tables = {f.place: f.problem(DATA_TABLE) for f in wanted if f.is_data_table}
    if len(tables) == len(wanted):
        return Check({}, {}, tables)
    places = {formula.place for formula in wanted if not formula.is_data_table}
    calculation, failures = calculate_without_failures(book, places | set(also), functions)
    calculated = [f for f in calculation.formulas if f.place in places]
    values = {f.place: calculation.cells(f) for f in calculated}
    differences = differences_in(book, calculated, values, is_below=is_below)
    return Check(values, differences, failures | tables)


def changed_cells(old: Mapping[Position, CellValue], new: Mapping[Position, CellValue]) -> Iterator[Position]:
    """Yield the cells of a formula whose value is another one; a blank is an empty text."""
    for position in sorted(old.keys() | new.keys()):
        if not is_same(old.get(position, ""), new.get(position, "")):
            yield position


def differences_in(
    book: Book,
    formulas: Iterable[Formula],
    values: Mapping[Place, Mapping[Position, CellValue]],
    *,
    is_below: bool,
) -> dict[Place, Difference]:
    """Return where formulas do not give what is stored, by their place: of an array the first cell that differs."""
    differences = {}
    for formula in formulas:
        if formula.cell.stored is None:
            continue
        stored, given = book.stored(formula), values[formula.place]
        for row, column in changed_cells(stored, given):
            place, shown = (formula.sheet.name, row, column), formula_as_shown(formula.cell.text)
            old, new = stored.get((row, column), ""), given.get((row, column), "")
            differences[formula.place] = Difference(place, shown, old, new, is_below=is_below)
            break
    return differences
