"""A workbook in, the same workbook with fresh values out."""

from collections.abc import Callable, Mapping, Sized
from dataclasses import replace
from pathlib import Path
from typing import Literal

from glmm_binomial.workbook.book import Book, read_book
from glmm_binomial.workbook.calculation import DATA_TABLE, Functions, calculate_without_failures
from glmm_binomial.workbook.called_cells import called_cell
from glmm_binomial.workbook.checking import NO_CHECK, Check, check_dependants, check_inputs, differences_in
from glmm_binomial.workbook.engine import Observer, Results
from glmm_binomial.workbook.freshening import Fresh, Freshening
from glmm_binomial.workbook.notes import notes_on
from glmm_binomial.workbook.outcome import Counts, Difference, Recalculation
from glmm_binomial.workbook.plan import Plan, Planner
from glmm_binomial.workbook.references import SheetArea
from glmm_binomial.workbook.writing import edits_of

Trust = Literal["stored", "calculated"]


def recalculate(
    source: Path,
    functions: Mapping[str, Callable[..., object]],
    *,
    everything: bool = False,
    trust: Trust | None = None,
    observer: Observer | None = None,
) -> Recalculation:
    """Calculate the formulas of a workbook that call Python functions or depend on them, and those without a value.

    All others keep the value that is stored. What the calculated formulas rest upon is calculated too, and compared.

    Parameters
    ----------
    source
        An .xlsx or .xlsm file; it is read only.
    functions
        Python worksheet functions by their name in Excel. They are called by position with what PyXLL hands over:
        float, str, bool, None for a blank, an exception instance for an error cell, a list of rows for a range of
        several cells. Called once for each set of arguments, however many cells ask.
    everything
        Whether every formula is calculated, whatever is stored.
    trust
        Which values hold where stored and calculated ones differ; with None such a workbook is not calculated.
    observer
        Is told in a few words what begins.

    Returns
    -------
    Recalculation
        The same file whenever the same workbook is given, unless it holds volatile functions such as NOW or RAND.

    Raises
    ------
    WorkbookError
        When the file cannot be read or calculated as a whole.
    """
    tell = observer or _no_one
    tell("reading the formulas")
    book = read_book(source, functions)
    tools = Functions({name.upper(): function for name, function in functions.items()}, Results(), tell)
    return _Recalculation(book, tools, trust).run(everything=everything or book.contents.distrusts_its_values)


def compare(
    source: Path, functions: Mapping[str, Callable[..., object]], *, observer: Observer | None = None
) -> Recalculation:
    """Calculate every formula of a workbook and name every one whose stored value differs; nothing can be written.

    See `recalculate` for the parameters.
    """
    tell = observer or _no_one
    tell("reading the formulas")
    book = read_book(source, functions)
    tools = Functions({name.upper(): function for name, function in functions.items()}, Results(), tell)
    tables = [f for f in book.formulas if f.is_data_table]
    volatile = [f for f in book.formulas if f.is_volatile and f.cell.stored is not None]
    wanted = {f.place for f in book.formulas} - {f.place for f in (*tables, *volatile)}
    tell(f"calculating {_formulas(wanted)}")
    calculation, failures = calculate_without_failures(book, wanted, tools)
    compared = [f for f in calculation.formulas if f.cell.stored is not None]
    values = {f.place: calculation.cells(f) for f in compared}
    differences = differences_in(book, compared, values, is_below=False).values()
    handles = tools.results.handles
    return Recalculation(
        cells=tuple(called_cell(calculation, f, tools.by_name) for f in calculation.formulas if f.is_call),
        problems=(),
        unverified=(*failures.values(), *(f.problem(DATA_TABLE) for f in tables)),
        differences=tuple(d for d in differences if not handles.are_alike(d.stored, d.calculated)),
        notes=notes_on(book, calculation, wanted),
        counts=Counts(
            len(calculation.formulas),
            len(book.formulas) - len(calculation.formulas),
            len(book.formulas) - len(compared),
        ),
        content=None,
    )


class _Recalculation:
    """The recalculation of one workbook."""

    def __init__(self, book: Book, functions: Functions, trust: Trust | None) -> None:
        self._book = book
        self._functions = functions
        self._trust = trust
        self._planner = Planner(book)

    def run(self, *, everything: bool) -> Recalculation:
        """Plan, check and calculate; again when a spill covers other cells than it did."""
        grown: list[SheetArea] = []
        while True:
            self._tell("planning")
            plan = self._planner.plan(everything=everything, grown=grown)
            if not plan.calculated:
                return self._unchanged()
            inputs, plan = (NO_CHECK, plan) if everything else self._checked_inputs(plan, grown)
            self._tell(f"checking {_formulas(plan.calculated)}")
            dependants = NO_CHECK if everything else check_dependants(self._book, plan, self._functions)
            differences = (*inputs.differences.values(), *dependants.differences.values())
            if differences and self._trust is None:
                return self._refused(plan, differences)
            self._tell(f"calculating {_formulas(plan.calculated)}")
            fresh = Freshening(
                self._book, plan, self._functions, self._planner, dependants, trusts_stored=self._trust == "stored"
            )
            done = fresh.all() if everything else fresh.where_inputs_changed()
            new = [] if everything else [area for area in done.grown(plan) if area not in grown]
            if not new or not self._reach_more(new, plan):
                return self._finished(plan, done, inputs, dependants)
            grown += new

    def _reach_more(self, cells: list[SheetArea], plan: Plan) -> bool:
        """Tell whether formulas outside a plan read some cells."""
        others = [formula for formula in self._book.formulas if formula.place not in plan.calculated]
        return bool(self._planner.readers_among(cells, others))

    def _tell(self, text: str) -> None:
        if self._functions.observer is not None:
            self._functions.observer(text)

    def _checked_inputs(self, plan: Plan, grown: list[SheetArea]) -> tuple[Check, Plan]:
        """Check what the plan rests upon; where calculated values are trusted, add what differs to the plan."""
        if plan.rests_upon:
            self._tell(f"checking {_formulas(plan.rests_upon)} that others rest upon")
        check = check_inputs(self._book, plan, self._functions)
        differences = dict(check.differences)
        while self._trust == "calculated" and check.differences:
            plan = self._planner.plan(everything=False, distrusted=differences.keys(), grown=grown)
            check = check_inputs(self._book, plan, self._functions)
            differences |= check.differences
        return replace(check, differences=differences), plan

    def _unchanged(self) -> Recalculation:
        counts = Counts(0, len(self._book.formulas), 0)
        content = self._book.package.content
        return Recalculation((), (), (), (), notes_on(self._book, None, ()), counts, content)

    def _refused(self, plan: Plan, differences: tuple[Difference, ...]) -> Recalculation:
        counts = Counts(0, len(self._book.formulas), len(plan.calculated))
        notes = notes_on(self._book, None, plan.calculated)
        return Recalculation((), (), (), differences, notes, counts, content=None)

    def _finished(self, plan: Plan, done: Fresh, inputs: Check, dependants: Check) -> Recalculation:
        calculation = done.calculation
        calculated = [f for f in calculation.formulas if f.place in plan.calculated]
        compared = inputs.values.keys() | dependants.values.keys()
        concerned = [f for f in (*plan.calculated.values(), *plan.rests_upon.values()) if not f.is_call]
        keep_stored = {} if self._trust == "calculated" else dependants.values
        written = [f for f in calculated if f.place not in keep_stored or not done.is_as_before(f)]
        edits = edits_of(calculation, written, done.lost_tables)
        return Recalculation(
            cells=tuple(called_cell(calculation, f, self._functions.by_name) for f in calculated if f.is_call),
            problems=tuple(done.problems),
            unverified=(*inputs.failures.values(), *done.kept),
            differences=(*inputs.differences.values(), *dependants.differences.values()),
            notes=notes_on(self._book, calculation, plan.calculated),
            counts=Counts(
                calculated=len(calculated),
                kept=len(self._book.formulas) - len(calculated),
                not_verified=sum(f.place not in compared for f in concerned),
            ),
            content=self._book.with_values(edits),
        )


def _formulas(some: Sized) -> str:
    return "1 formula" if len(some) == 1 else f"{len(some):,} formulas"


def _no_one(_text: str) -> None:
    pass
