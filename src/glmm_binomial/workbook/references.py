"""Which cells a formula reads, from its text alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from sys import intern

from glmm_binomial.workbook.addresses import LAST_COLUMN, LAST_ROW, Area, parse_reference, unquoted_sheet
from glmm_binomial.workbook.contents import Contents, Table
from glmm_binomial.workbook.formula_text import Token, bare_name, is_external, tokens_of
from glmm_binomial.workbook.names import Names
from glmm_binomial.workbook.shifting import shifted
from glmm_binomial.workbook.tables import StructuredReferenceError, resolve_structured

SheetArea = tuple[str, Area]
"""A sheet's name without regard to case, and cells of it."""

WHOLE_SHEET = Area(1, 1, LAST_ROW, LAST_COLUMN)
# EVALUATE, a function of macro sheets that names may use, calculates a text
DYNAMIC = ("INDIRECT", "OFFSET", "EVALUATE")
_MAX_NAME_DEPTH = 16
# names that repeat other names unfold without end
_MAX_NAMES = 2_000
_THIS_WORKBOOK = re.compile(r"^('?)\[0\]!?")


@dataclass(frozen=True, slots=True)
class DynamicReference:
    """A call of one of the functions in `DYNAMIC`: what it refers to depends on values. `arguments` are their texts."""

    function: str
    arguments: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """What one formula reads.

    Attributes
    ----------
    areas : list
        The cells it names.
    functions : frozenset
        The functions it calls, in upper case and without prefixes.
    dynamic : list
        What it reads besides, which only values tell.
    spans : bool
        Whether it makes a range of two references, as `A1:INDEX(...)` does.
    anything : bool
        Whether it may read any cell, since it cannot be understood.
    """

    areas: list[SheetArea] = field(default_factory=list)
    functions: frozenset[str] = frozenset()
    dynamic: list[DynamicReference] = field(default_factory=list)
    spans: bool = False
    anything: bool = False

    def with_spans(self) -> list[SheetArea]:
        """Return the areas and, where a range is made of two references, all that lies between any of them."""
        if not self.spans:
            return self.areas
        return [
            *self.areas,
            *((key, _around([a for k, a in self.areas if k == key])) for key in sorted(dict(self.areas))),
        ]


@dataclass(slots=True)
class _Bracket:
    """An open bracket: the function before it, where its current argument starts, and the arguments that ended."""

    function: str
    start: int
    arguments: list[str] = field(default_factory=list)


class ReferenceReader:
    """Reads the references of the formulas of one workbook."""

    def __init__(self, contents: Contents) -> None:
        self._sheets = [sheet.name.casefold() for sheet in contents.sheets]
        self.names = Names(contents)

    def read(self, text: str, sheet: str, row: int, column: int) -> Reading:
        """Return what a formula reads that stands in a cell."""
        reading = _OneReading(self, sheet, row, column)
        reading.add(text, depth=0)
        return reading.found

    def areas(self, token: str, sheet: str, row: int, column: int) -> list[SheetArea] | None:
        """Return the cells that one reference stands for; None when it is no reference."""
        if is_external(token):
            return []
        table = self.names.table(token, sheet, row, column)
        if table is not None:
            return [_table_cells(table, token, row)]
        qualifier, _, cells = token.rpartition("!")
        # in a name `!A1` is a cell of whatever sheet uses it
        names = [intern(name) for name in (unquoted_sheet(qualifier) if qualifier else sheet).casefold().split(":")]
        parsed = parse_reference(cells)
        if parsed is None:
            return None
        if len(names) == 2 and all(name in self._sheets for name in names):  # noqa: PLR2004 - Sheet1:Sheet3!A1
            first, last = sorted(map(self._sheets.index, names))
            return [(name, parsed[1]) for name in self._sheets[first : last + 1]]
        return [(names[0], parsed[1])]


class _OneReading:
    """The reading of one formula, token by token, the names in it unfolded."""

    def __init__(self, reader: ReferenceReader, sheet: str, row: int, column: int) -> None:
        self._reader = reader
        self._place = sheet, row, column
        self._unfolded = 0
        self.found = Reading()

    def add(self, text: str, *, depth: int) -> None:
        try:
            tokens = list(tokens_of(text))
        except ValueError:
            self.found.anything = True
            return
        brackets: list[_Bracket] = []
        before = ""
        for token in tokens:
            self._add_token(token, brackets, before, depth)
            before += token.value
        if brackets:
            self.found.anything = True

    def _add_token(self, token: Token, brackets: list[_Bracket], before: str, depth: int) -> None:
        kind, subtype, value = token.kind, token.subtype, token.value
        if subtype == "Open":
            function = bare_name(value.removesuffix("(")) if kind == "Func" else ""
            if function:
                self.found.functions |= {function}
                # a LAMBDA is called by its name
                self._unfold(value.removesuffix("("), depth)
            brackets.append(_Bracket(function, len(before) + len(value)))
        elif subtype == "Close" and brackets:
            closed = brackets.pop()
            if closed.function in DYNAMIC:
                arguments = (*closed.arguments, before[closed.start :])
                self.found.dynamic.append(DynamicReference(closed.function, arguments))
        elif kind == "Sep" and brackets:
            brackets[-1].arguments.append(before[brackets[-1].start :])
            brackets[-1].start = len(before) + len(value)
        elif kind == "OpInfix" and value == ":":
            self.found.spans = True
        elif kind == "Operand" and (subtype == "Range" or value.startswith("[0]")):
            self._add_operand(_THIS_WORKBOOK.sub(r"\1", value), depth)

    def _add_operand(self, token: str, depth: int) -> None:
        if token.startswith(":") or token.endswith(":"):
            # with a space beside it the colon counts as part of the name
            self.found.spans = True
            token = token.strip(":")
            if not token:
                return
        areas = self._reader.areas(token, *self._place)
        if areas is None:
            self._unfold(token, depth)
        else:
            self.found.areas += areas

    def _unfold(self, name: str, depth: int) -> None:
        sheet, row, column = self._place
        found = self._reader.names.defined_name(name, sheet)
        if found is None:
            return
        self._unfolded += 1
        if depth >= _MAX_NAME_DEPTH or self._unfolded > _MAX_NAMES:
            self.found.anything = True
        else:
            # the file writes relative references of a name as seen from A1
            self.add(shifted(found.definition, row - 1, column - 1), depth=depth + 1)


def _table_cells(table: Table, token: str, row: int) -> SheetArea:
    try:
        cells = parse_reference(resolve_structured(table, token.partition("[")[2].removesuffix("]"), row=row))
    except StructuredReferenceError:
        cells = None
    return table.sheet.casefold(), table.area if cells is None else cells[1]


def _around(areas: Sequence[Area]) -> Area:
    return Area(
        min(area.top for area in areas),
        min(area.left for area in areas),
        max(area.bottom for area in areas),
        max(area.right for area in areas),
    )
