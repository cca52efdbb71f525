"""The calculation engine, formualizer: the only file that evaluates anything."""

import hashlib
import marshal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import formualizer

from glmm_binomial.workbook.addresses import Area, Place, cell_name, parse_area, quoted_sheet
from glmm_binomial.workbook.calls import MARK, ArgumentKind, Call
from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.elementwise import NAME as EACH
from glmm_binomial.workbook.elementwise import Elementwise
from glmm_binomial.workbook.engine_package import engine_sheet
from glmm_binomial.workbook.exchange import cell_value, defaults, fit, handed_over, problem_with_count, returned, single
from glmm_binomial.workbook.fifteen_digits import NAME as FIFTEEN_DIGITS
from glmm_binomial.workbook.fifteen_digits import to_fifteen
from glmm_binomial.workbook.formulas import CATCH, FIT, NOTE, SINGLE
from glmm_binomial.workbook.handles import Handles
from glmm_binomial.workbook.large_spills import LargeSpills
from glmm_binomial.workbook.package import MAX_EXPANDED_BYTES, MAX_FILE_BYTES, WorkbookError

WorksheetFunction = Callable[..., object]
Observer = Callable[[str], None]
Question = tuple[int, int, str]
"""Row and column in which a formula is evaluated, and its text."""

CallKey = tuple[str, tuple[ArgumentKind, ...], tuple[str, ...], bytes]
"""A call: the function, how its arguments are written, which of them are handles, and a fingerprint of their values."""

# PyXLL cuts the text of an exception here
_MAX_EXCEPTION_TEXT = 254
# error values that only this engine has, and what they mean
_ENGINE_PROBLEMS = {
    "Circ": "the cell refers to itself (a circular reference)",
    "NImpl": "the formula uses something that is not calculated without Excel",
    "Error": "the formula cannot be calculated without Excel (too long, too deeply nested or not understood)",
    "Cancelled": "the calculation was stopped",
}


@dataclass(frozen=True, slots=True)
class Results:
    """What calls have given in one recalculation.

    Attributes
    ----------
    answers : dict
        The answers as the engine takes them. Each question is put once, however often the workbook is loaded.
    handles : Handles
        The objects among the answers.
    """

    answers: dict[CallKey, object] = field(default_factory=dict)
    handles: Handles = field(default_factory=Handles)


class Engine:
    """One workbook, loaded for calculation.

    Parameters
    ----------
    package
        The .xlsx file, its formulas translated.
    calls
        The calls in the workbook, by the number that stands in their first argument.
    functions
        The Python functions by upper-case name.
    spilling
        The formulas that spill, by the number that stands in the first argument of `CATCH`.
    noted
        The formulas with a call whose cells may show a part of its table only, by the number that stands in the first
        argument of `NOTE`.
    spills
        The arrays of more cells than the engine allows.
    dates_from_1904
        Whether dates count from 1904.
    results
        What calls have given before; what they give now is added.
    observer
        Is told the address of each cell whose call begins, and how many there are.
    """

    def __init__(
        self,
        package: bytes,
        *,
        calls: Sequence[Call],
        functions: Mapping[str, WorksheetFunction],
        spilling: Sequence[Place],
        noted: Sequence[Place],
        spills: LargeSpills,
        dates_from_1904: bool,
        results: Results,
        observer: Observer | None = None,
    ) -> None:
        self._workbook = _loaded(package, dates_from_1904=dates_from_1904)
        self.whole: dict[Place, object] = {}
        self._calls = calls
        self._cells = len({(call.sheet, call.address) for call in calls})
        self._begun: set[tuple[str, str]] = set()
        self._observer = observer
        # the engine calls again when a volatile function stands before a call, and cells often share one fit
        self._results = results
        self._interruption: BaseException | None = None
        for name, function in functions.items():
            self._register(f"_xll.{name}", self._callback(function))
        self._register(SINGLE, single)
        self._register(FIT, fit)
        self._register(NOTE, lambda number, value: self._note(noted[int(number)], value))
        self._register(CATCH, lambda number, value: spills.pass_on(spilling[int(number)], value))
        self._register(EACH, Elementwise())
        self._register(FIFTEEN_DIGITS, to_fifteen)

    def _note(self, place: Place, value: Any) -> Any:
        self.whole[place] = value
        return value

    def evaluate(self) -> None:
        """Calculate every formula."""
        try:
            self._workbook.evaluate_all()
        except (RuntimeError, ValueError, OSError, formualizer.ExcelEvaluationError) as error:
            if self._interruption is None:
                raise WorkbookError(f"the workbook cannot be calculated: {_first_line(error)}.") from error
        if self._interruption is not None:
            raise self._interruption

    def value(self, sheet: str, row: int, column: int) -> CellValue:
        """Return a cell's value; an empty cell that a formula refers to counts as 0, as in Excel."""
        return cell_value(self._workbook.get_value(engine_sheet(sheet), row, column))

    def values(self, sheet: str, area: Area) -> tuple[tuple[CellValue, ...], ...]:
        """Return the values of an area."""
        return tuple(tuple(map(cell_value, row)) for row in self._rows(sheet, area))

    def _rows(self, sheet: str, area: Area) -> Any:
        name = engine_sheet(sheet)
        address = formualizer.RangeAddress(name, area.top, area.left, area.bottom, area.right)
        return self._workbook.sheet(name).get_values(address)

    def problem(self, sheet: str, row: int, column: int) -> str | None:
        """Return why the engine, and not the workbook, failed on a cell; None if it did not."""
        value = self._workbook.get_value(engine_sheet(sheet), row, column)
        return _ENGINE_PROBLEMS.get(value["kind"]) if isinstance(value, dict) else None

    def is_empty_around(self, sheet: str, area: Area) -> bool:
        """Tell whether an area holds nothing but its first cell."""
        rows = self._rows(sheet, area)
        return all(value is None for row in rows[1:] for value in row) and all(v is None for v in rows[0][1:])

    def area(self, sheet: str, row: int, column: int) -> Area:
        """Return the cells a formula fills: its spill, or itself."""
        report = self._workbook.inspect_cell(
            f"{quoted_sheet(engine_sheet(sheet))}!{cell_name(row, column)}", include_values=False
        )
        spill = report.cell.spill
        if spill is None or not spill.extent:
            return Area(row, column, row, column)
        return parse_area(spill.extent.rpartition("!")[2])

    def is_blocked(self, sheet: str, row: int, column: int) -> bool:
        """Tell whether the formula would fill cells that hold something else."""
        return self.value(sheet, row, column) == CellError("#SPILL!")

    def show_first_value(self, sheet: str, row: int, column: int) -> None:
        """Make a formula that spills show its first value only."""
        sheet = engine_sheet(sheet)
        formula = (self._workbook.get_formula(sheet, row, column) or "").removeprefix("=")
        self._workbook.set_formula(sheet, row, column, f"={SINGLE}({formula})")

    def _register(self, name: str, callback: Callable[..., object]) -> None:
        self._workbook.register_function(name, callback, min_args=0)

    def _callback(self, function: WorksheetFunction) -> Callable[..., object]:
        default_values = defaults(function)

        def callback(marker: str, *arguments: Any) -> object:
            call = self._calls[int(marker.removeprefix(MARK))]
            self._begun.add((call.sheet, call.address))
            answers, handles = self._results.answers, self._results.handles
            question = call.function, call.arguments, handles.within(arguments), _digest(arguments)
            if question in answers:
                return answers[question]
            if self._observer is not None:
                count = f" ({len(self._begun)} of {self._cells})" if self._cells > 1 else ""
                self._observer(f"calculating {call.sheet}!{call.address}{count}")
            try:
                given = handed_over(arguments, call.arguments, defaults=default_values, handles=handles)
                refusal = problem_with_count(call.function, function, len(given))
                answers[question] = refusal or returned(function(*given), handles)
            except Exception as error:  # noqa: BLE001 - as in Excel, whatever a function raises is shown in its cell
                answers[question] = f"##{type(error).__name__}: {error}"[:_MAX_EXCEPTION_TEXT]
            except BaseException as interruption:
                # the engine would make a #VALUE! of Ctrl-C
                self._interruption = interruption
                self._workbook.cancel()
                raise
            return answers[question]

        return callback


def _loaded(package: bytes, *, dates_from_1904: bool) -> Any:
    """Load a workbook."""
    limits = {
        "max_input_bytes": 2 * MAX_FILE_BYTES,
        "max_expanded_bytes": 2 * MAX_EXPANDED_BYTES,
        "max_part_bytes": MAX_EXPANDED_BYTES,
    }
    configuration = formualizer.EvaluationConfig()
    # Ctrl-C is seen by the main thread only, which waits in vain while others call Python functions
    configuration.enable_parallel = False
    if dates_from_1904:
        configuration.date_system = "1904"
    try:
        workbook = formualizer.Workbook.from_bytes(
            package, config=formualizer.WorkbookConfig(eval_config=configuration), load_limits=limits
        )
    except (OSError, ValueError, RuntimeError, formualizer.ExcelEvaluationError) as error:
        raise WorkbookError(f"the workbook cannot be loaded: {_first_line(error)}.") from error
    # dates as the numbers they are, which is what PyXLL hands over
    workbook.set_temporal_egress("serial")
    return workbook


def values_of(package: bytes, questions: Sequence[Question], *, dates_from_1904: bool) -> list[Any]:
    """Return what formulas give that stand on no sheet of the workbook, so that they change none of its cells.

    An array is a list of rows, an error value a dict, None stands for a value that cannot be told.
    """
    values: list[Any] = [None] * len(questions)
    if not questions:
        return values
    workbook = _loaded(package, dates_from_1904=dates_from_1904)

    def note(number: float, value: Any) -> float:
        values[int(number)] = value
        return 0.0

    workbook.register_function(NOTE, note, min_args=0)
    workbook.register_function(FIFTEEN_DIGITS, to_fifteen, min_args=0)
    workbook.register_function(EACH, Elementwise(), min_args=0)
    workbook.register_function(SINGLE, single, min_args=0)
    in_cell: Counter[tuple[int, int]] = Counter()
    for number, (row, column, text) in enumerate(questions):
        sheet = f"{MARK}{in_cell[row, column]}"
        in_cell[row, column] += 1
        if sheet not in workbook.sheet_names:
            workbook.add_sheet(sheet)
        workbook.set_formula(sheet, row, column, f"={NOTE}({number},{text})")
    try:
        workbook.evaluate_all()
    except (RuntimeError, ValueError, OSError, formualizer.ExcelEvaluationError):
        # one formula that the engine refuses keeps it from the others
        return [None] * len(questions)
    return values


def unknown_functions(functions: Iterable[str]) -> set[str]:
    """Return those of these function names that the engine does not have."""
    workbook = formualizer.Workbook()
    workbook.add_sheet("Sheet")
    unknown = set()
    for row, function in enumerate(sorted(functions), start=1):
        try:
            workbook.set_formula("Sheet", row, 1, f"={function}()")
            value = workbook.evaluate_cell("Sheet", row, 1)
        except (ValueError, RuntimeError, formualizer.ExcelEvaluationError, formualizer.ParserError):
            # an existing function may dislike being called without arguments
            continue
        if isinstance(value, dict) and value["kind"] == "Name":
            unknown.add(function)
    return unknown


def _digest(arguments: tuple[Any, ...]) -> bytes:
    """Return a fingerprint of argument values, at C speed. Version 2 of the format depends on the values alone."""
    return hashlib.blake2b(marshal.dumps(arguments, 2)).digest()


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
