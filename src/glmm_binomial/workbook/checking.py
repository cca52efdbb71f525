"""Compares what is stored with what the formulas give, before any new value comes in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from glmm_binomial.workbook.book import Book, Formula, Place
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
        What the formulas give, by place, while all that is changed later has its stored value.
    differences : tuple
        Where that is not what is stored.
    failures : dict
        The formulas that cannot be calculated here, by place.
    """

    values: Mapping[Place, CellValue]
    differences: tuple[Difference, ...]
    failures: Mapping[Place, Problem]


NO_CHECK = Check({}, (), {})


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
    tables = {f.place: Problem(f.sheet.name, f.address, DATA_TABLE) for f in wanted if f.is_data_table}
    if len(tables) == len(wanted):
        return Check({}, (), tables)
    places = {formula.place for formula in wanted}
    calculation, failures = calculate_without_failures(book, places | set(also), functions)
    calculated = [f for f in calculation.formulas if f.place in places]
    values = {f.place: calculation.value(f) for f in calculated}
    differences = [
        Difference(f.place, formula_as_shown(f.cell.text), stored, values[f.place], is_below=is_below)
        for f in calculated
        if (stored := f.cell.stored) is not None and not is_same(stored, values[f.place])
    ]
    return Check(values, tuple(differences), failures | tables)
