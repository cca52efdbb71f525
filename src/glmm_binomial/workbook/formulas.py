"""Formula text as Excel stores it -> formula text that the calculation engine takes, with the same meaning.

What is rewritten, because the engine has no word for it or reads it otherwise:

    Tbl[y], Tbl, Tbl[[#Data],[x]] ...     the cells they stand for
    defined names                         their definition
    _xll.F(a,,b)                          _xll.F(number of the call, a, "missing", b)
    A1=B1, A1&B1, LEN(A1) ...             of 15 digits, see fifteen_digits.py
    EXP(A1#), LEN(A1:A9) ...              one value for each element, see elementwise.py
    a plain formula                       one value: implicit intersection, as Excel shows =@F()
    an array of fixed size (CSE)          cut or filled with #N/A to its size
    an array that spills                  the same, looked at on its way, see large_spills.py
    A1# of a very large spill             its cells

What it cannot say truly is a problem of that cell, in words; such a formula is calculated as #VALUE!.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import formualizer

from glmm_binomial.workbook.addresses import (
    Area,
    Place,
    cell_name,
    parse_reference,
    unquoted_sheet,
)
from glmm_binomial.workbook.calls import MARK, MISSING, ArgumentKind, Call, argument_kind
from glmm_binomial.workbook.contents import Contents, DefinedName
from glmm_binomial.workbook.elementwise import AGGREGATES, SINGLE_ARGUMENTS
from glmm_binomial.workbook.elementwise import NAME as EACH
from glmm_binomial.workbook.fifteen_digits import COMPARISONS, JOINING, READING_TEXT, rounded_argument
from glmm_binomial.workbook.formula_text import bare_name, formula_as_shown, is_external, tokens_of
from glmm_binomial.workbook.names import Names
from glmm_binomial.workbook.sheet_scan import FormulaCell
from glmm_binomial.workbook.shifting import shifted
from glmm_binomial.workbook.tables import StructuredReferenceError, resolve_structured

SINGLE = "_xll.RECALC_SINGLE"
FIT = "_xll.RECALC_FIT"
CATCH = "_xll.RECALC_CATCH"
NOTE = "_xll.RECALC_NOTE"

_CORNERS = re.compile(r"(\$?)([A-Za-z]{1,3})(\$?)([0-9]{1,7}):(\$?)([A-Za-z]{1,3})(\$?)([0-9]{1,7})")
_MAX_NAME_DEPTH = 16
# names that repeat other names unfold without end
_MAX_TOKENS = 20_000
# functions that give an array only when they are given one
_ARRAYS_OF_ARRAYS = frozenset({"ROW", "COLUMN", "IF", "IFS", "IFERROR", "SWITCH", "CHOOSE", "N", "T"})
# what Excel takes for an argument that is skipped, where the engine takes FALSE
_SKIPPED = dict.fromkeys((("LINEST", 2), ("LOGEST", 2), ("TREND", 3), ("GROWTH", 3)), "TRUE")
# what CELL tells without styles, file and screen
_CELL_QUESTIONS = ('"address"', '"col"', '"contents"', '"row"', '"type"')
_ABOUT_FORMULAS = ("ISFORMULA", "FORMULATEXT")
_UNSUPPORTED = {
    "LAMBDA": "LAMBDA",
    "MAP": "LAMBDA",
    "REDUCE": "LAMBDA",
    "SCAN": "LAMBDA",
    "BYROW": "LAMBDA",
    "BYCOL": "LAMBDA",
    "MAKEARRAY": "LAMBDA",
}


@dataclass(frozen=True, slots=True)
class Translation:
    """A formula for the engine, without the equals sign, and what was met in it.

    `calls` and `external`: whether it calls a Python function, or refers to another workbook. `functions`: the names of
    the spreadsheet functions, as stored. `problems`: what keeps it from being calculated truly.
    """

    text: str
    calls: bool
    functions: frozenset[str]
    external: bool
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Argument:
    """What stands between two separators: where it starts in the output, and where its comparisons and `&` are."""

    start: int = 0
    operators: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    """An open bracket.

    `function` is empty for a bracket without one, `stored` is the name as the file writes it; `opened` is a position in
    the output. `arrays` are the numbers of those arguments that may be arrays.
    """

    function: str
    stored: str
    opened: int
    argument: _Argument = field(default_factory=_Argument)
    call: int | None = None
    arguments: list[ArgumentKind] = field(default_factory=list)
    position: int = 0
    arrays: set[int] = field(default_factory=set)

    @property
    def is_elementwise(self) -> bool:
        """Whether an array stands where Excel takes a single value."""
        return bool(self.arrays & SINGLE_ARGUMENTS.get(self.function, frozenset()))

    @property
    def may_be_array(self) -> bool:
        """Whether the value of the whole bracket may be an array."""
        if self.function in AGGREGATES:
            return False
        if self.function in _ARRAYS_OF_ARRAYS:
            return bool(self.arrays)
        if self.function in SINGLE_ARGUMENTS and self.function not in ("INDEX", "XLOOKUP"):
            return self.is_elementwise
        return bool(self.function) or bool(self.arrays)


class Translator:
    """Translates the formulas of one workbook and numbers the calls it meets.

    Parameters
    ----------
    contents
        The workbook's sheets, names and tables.
    functions
        Names of the Python functions, as in `=GLMM_BINOMIAL(...)`.
    written
        The cells of spills that stand in the workbook as values, by sheet, row and column of their formula.
    formula_texts
        The workbook's formulas, by sheet (without regard to case), row and column.

    Attributes
    ----------
    calls
        The calls of Python functions, by the number in their first argument.
    spilling
        Sheet, row and column of the formulas that spill, by the number in the first argument of `CATCH`.
    noted
        Those of formulas with a call whose cells may show a part of its table only, by the number in the first argument
        of `NOTE`.
    """

    def __init__(
        self,
        contents: Contents,
        functions: Iterable[str],
        *,
        written: Mapping[Place, Area],
        formula_texts: Mapping[Place, str],
    ) -> None:
        self._formula_texts = formula_texts
        self._functions = {name.upper() for name in functions}
        self.names = Names(contents)
        self._written = {(_key(sheet), row, column): area for (sheet, row, column), area in written.items()}
        self.calls: list[Call] = []
        self.spilling: list[Place] = []
        self.noted: list[Place] = []

    def translate(self, cell: FormulaCell, sheet: str, *, as_argument: bool = False) -> Translation:
        """Translate the formula of one cell, or a text that stands in it as an argument."""
        formula = _OneFormula(self, cell, sheet)
        return formula.translation(as_argument=as_argument)

    def is_call(self, function: str) -> bool:
        """Tell whether `_xll.F` or `F` is one of the Python functions."""
        return bare_name(function) in self._functions

    def written_cells(self, reference: str, sheet: str) -> str | None:
        """Return the cells of a spill that stands in the workbook as values, by a reference to its formula's cell."""
        parsed = parse_reference(reference)
        if parsed is None:
            return None
        qualifier, anchor = parsed
        name = unquoted_sheet(qualifier.removesuffix("!")) if qualifier else sheet
        area = self._written.get((_key(name), anchor.top, anchor.left))
        return None if area is None else f"{qualifier}{area}"

    def about_formula(self, function: str, reference: str, sheet: str) -> str | None:
        """Return what ISFORMULA or FORMULATEXT gives for a cell; None if the reference is not one cell."""
        parsed = parse_reference(reference.strip())
        if parsed is None or not parsed[1].rows == parsed[1].columns == 1:
            return None
        qualifier, cell = parsed
        name = unquoted_sheet(qualifier.removesuffix("!")) if qualifier else sheet
        text = self._formula_texts.get((_key(name), cell.top, cell.left))
        if function == "ISFORMULA":
            return "FALSE" if text is None else "TRUE"
        return "#N/A" if text is None else '"' + formula_as_shown(text).replace('"', '""') + '"'

    def cells_of(self, token: str, cell: FormulaCell, sheet: str) -> str | None:
        """Return the cells a structured reference stands for; None if the token is none."""
        table = self.names.table(token, sheet, cell.row, cell.column)
        if table is None:
            return None
        return resolve_structured(table, token.partition("[")[2].removesuffix("]"), row=cell.row)


class _OneFormula:
    """The translation of one formula, token by token."""

    def __init__(self, translator: Translator, cell: FormulaCell, sheet: str) -> None:
        self._translator = translator
        self._cell = cell
        self._sheet = sheet
        self._out: list[str] = []
        self._frames: list[_Frame] = []
        self._outermost = _Argument()
        self._called = False
        self._external = False
        self._names: set[str] = set()
        self._problems: list[str] = []

    def translation(self, *, as_argument: bool) -> Translation:
        try:
            self._translate(self._cell.text, depth=0)
        except ValueError as error:
            self._problems.append(f"the formula cannot be read ({error})")
        self._round_argument()
        text = "".join(self._out)
        if not self._problems:
            self._check_parse(text)
        if self._problems:
            text = "#VALUE!"
        elif not as_argument:
            text = self._for_its_cell(text)
        return Translation(text, self._called, frozenset(self._names), self._external, tuple(self._problems))

    def _for_its_cell(self, text: str) -> str:
        """Return the formula with what makes it fill the cells that Excel has it fill."""
        place = self._sheet, self._cell.row, self._cell.column
        fixed = None if self._cell.spills or self._cell.kind != "array" else self._cell.area
        if self._cell.kind == "array" and fixed is None:
            self._translator.spilling.append(place)
            return f"{CATCH}({len(self._translator.spilling) - 1},{text})"
        if self._called:
            self._translator.noted.append(place)
            text = f"{NOTE}({len(self._translator.noted) - 1},{text})"
        if fixed is not None:
            return f"{FIT}({text},{fixed.rows},{fixed.columns})"
        return f"{SINGLE}({text})" if self._called else text

    def _check_parse(self, text: str) -> None:
        try:
            formualizer.parse("=" + text)
        except formualizer.ParserError as error:
            reason = str(error).removeprefix("ParserError at position ").partition(": ")[2] or str(error)
            self._problems.append(f"the formula cannot be read ({reason})")

    def _translate(self, text: str, *, depth: int) -> None:
        for token in tokens_of(text):
            kind, subtype, value = token.kind, token.subtype, token.value
            if subtype == "Open":
                self._open(value, is_function=kind == "Func")
            elif subtype == "Close":
                self._close(value)
            elif kind == "Sep":
                self._separate(value)
            elif value == "#":
                self._note_array()
                cells = self._translator.written_cells(self._out[-1], self._sheet) if self._out else None
                if cells is None:
                    self._out.append(value)
                else:
                    self._out[-1] = cells
            elif kind == "Operand" and subtype == "Range":
                self._operand(value, depth=depth)
            else:
                if kind == "OpInfix" and (value == JOINING or value in COMPARISONS):
                    self._argument().operators.append(len(self._out))
                self._out.append(value)

    def _argument(self) -> _Argument:
        return self._frames[-1].argument if self._frames else self._outermost

    def _round_argument(self) -> None:
        """Round what the argument that just ended compares or makes a text of."""
        argument = self._argument()
        is_read_as_text = bool(self._frames) and self._frames[-1].function in READING_TEXT
        if argument.operators or is_read_as_text:
            operators = [position - argument.start for position in argument.operators]
            tokens = self._out[argument.start :]
            self._out[argument.start :] = [rounded_argument(tokens, operators, is_read_as_text=is_read_as_text)]

    def _look_at_argument(self, *, last: bool) -> None:
        """Write out what a skipped argument means; say what CELL cannot tell."""
        if not self._frames:
            return
        frame = self._frames[-1]
        if frame.function == "CELL" and frame.position == 0:
            question = "".join(self._out[frame.argument.start :]).strip().lower()
            if last or question not in _CELL_QUESTIONS:
                self._problems.append(f"CELL({question}) is not calculated without Excel")
        meaning = _SKIPPED.get((frame.function, frame.position))
        if meaning is not None and not "".join(self._out[frame.argument.start :]).strip():
            self._out.append(meaning)

    def _separate(self, value: str) -> None:
        self._round_argument()
        self._look_at_argument(last=False)
        if not self._frames:
            self._out.append(value)
            return
        frame = self._frames[-1]
        if frame.call is not None:
            self._end_argument(frame, last=False)
        else:
            self._out.append(value)
            frame.position += 1
        frame.argument = _Argument(len(self._out))

    def _open(self, value: str, *, is_function: bool) -> None:
        function = value.removesuffix("(") if is_function else ""
        frame = _Frame(bare_name(function), function, len(self._out))
        if is_function and self._translator.is_call(function):
            self._called = True
            frame.call = len(self._translator.calls)
            self._translator.calls.append(self._call(frame))
            value = f'_xll.{frame.function}("{MARK}{frame.call}"'
        elif frame.function == "SINGLE":
            value = f"{SINGLE}("
        elif is_function:
            self._names.add(function)
            if frame.function in _UNSUPPORTED:
                self._problems.append(f"{_UNSUPPORTED[frame.function]} is not calculated without Excel")
        if value == "{":
            self._note_array()
        self._out.append(value)
        frame.argument.start = len(self._out)
        self._frames.append(frame)

    def _close(self, value: str) -> None:
        if self._frames:
            self._round_argument()
            self._look_at_argument(last=True)
            frame = self._frames.pop()
            if frame.call is not None:
                self._end_argument(frame, last=True)
                self._translator.calls[frame.call] = self._call(frame)
            elif frame.is_elementwise:
                self._out[frame.opened] = f'{EACH}("{frame.function}","{frame.stored}",'
            if frame.may_be_array:
                self._note_array()
            if frame.function in _ABOUT_FORMULAS:
                self._answer_about_formula(frame)
                return
            if frame.function == "ANCHORARRAY":
                cells = self._translator.written_cells("".join(self._out[frame.argument.start :]), self._sheet)
                if cells is not None:
                    self._out[frame.opened :] = [cells]
                    return
        self._out.append(value)

    def _answer_about_formula(self, frame: _Frame) -> None:
        """Put the answer in the place of the call; the engine has other formulas than the workbook."""
        reference = "".join(self._out[frame.argument.start :])
        answer = self._translator.about_formula(frame.function, reference, self._sheet)
        if answer is None:
            self._problems.append(f"{frame.function} of several cells is not calculated without Excel")
        self._out[frame.opened :] = [answer or "#VALUE!"]

    def _note_array(self) -> None:
        """Note that what stands here may be an array."""
        if self._frames:
            self._frames[-1].arrays.add(self._frames[-1].position)

    def _end_argument(self, frame: _Frame, *, last: bool) -> None:
        """Put the comma before the argument that just ended, and a word in the place of a skipped one."""
        text = "".join(self._out[frame.argument.start :]).strip()
        if text or frame.arguments or not last:
            self._out.insert(frame.argument.start, ",")
            frame.arguments.append(argument_kind(text))
        if not text and frame.arguments:
            self._out.append(f'"{MISSING}"')

    def _call(self, frame: _Frame) -> Call:
        address = cell_name(self._cell.row, self._cell.column)
        return Call(frame.function, self._sheet, address, tuple(frame.arguments))

    def _operand(self, token: str, *, depth: int) -> None:
        # in a name `!A1` is a cell of whatever sheet uses it
        token = token.removeprefix("!")
        if is_external(token):
            self._external = True
            self._reference(token)
            return
        try:
            cells = self._translator.cells_of(token, self._cell, self._sheet)
        except StructuredReferenceError as error:
            self._problems.append(f"{token}: {error}")
            return
        if self._problems:
            return
        if cells is None and (name := self._translator.names.defined_name(token, self._sheet)) is not None:
            self._inline(name, depth=depth)
            return
        self._reference(token if cells is None else cells)

    def _inline(self, name: DefinedName, *, depth: int) -> None:
        if len(self._out) > _MAX_TOKENS:
            self._problems = ["the defined names in the formula unfold to too long a text"]
        elif depth >= _MAX_NAME_DEPTH:
            self._problems.append(f"the defined name {name.name} refers to itself")
        else:
            # the file writes relative references of a name as seen from A1
            definition = shifted(name.definition, self._cell.row - 1, self._cell.column - 1)
            if parse_reference(definition) is not None:
                self._reference(definition)
                return
            self._open("(", is_function=False)
            self._translate(definition, depth=depth + 1)
            self._close(")")

    def _reference(self, token: str) -> None:
        parsed = parse_reference(token)
        if parsed is not None:
            # the engine refuses a range whose corners stand the other way round
            token = _in_order(token)
        if parsed is not None and parsed[1].rows == parsed[1].columns == 1:
            self._out.append(token)
            return
        self._note_array()
        if parsed is None:
            self._out.append(token)
            return
        inside = next((frame.function for frame in reversed(self._frames) if frame.function), "")
        if inside in ("ROW", "COLUMN"):
            # the engine gives the first number only
            self._problems.append(f"{inside} of several cells is not calculated without Excel")
        if inside == "SINGLE" or (not inside and self._cell.kind != "array"):
            token = self._intersection(*parsed)
        self._out.append(token)

    def _intersection(self, sheet: str, area: Area) -> str:
        """Return the one cell of a range that lies in the formula's row or column, as Excel's @ does."""
        row, column = self._cell.row, self._cell.column
        if area.columns == 1 and area.top <= row <= area.bottom:
            return f"{sheet}{cell_name(row, area.left)}"
        if area.rows == 1 and area.left <= column <= area.right:
            return f"{sheet}{cell_name(area.top, column)}"
        return "#VALUE!"


def _in_order(reference: str) -> str:
    """Return a reference with its first row and column first; one that is in order stays as it is."""
    sheet, mark, cells = reference.rpartition("!")
    parts = _CORNERS.fullmatch(cells)
    if parts is None:
        return reference
    (left, right), (top, bottom) = (
        sorted(((parts[1], parts[2]), (parts[5], parts[6])), key=lambda part: (len(part[1]), part[1].upper())),
        sorted(((parts[3], parts[4]), (parts[7], parts[8])), key=lambda part: int(part[1])),
    )
    return f"{sheet}{mark}{''.join(left + top)}:{''.join(right + bottom)}"


def _key(sheet: str | None) -> str:
    return (sheet or "").casefold()
