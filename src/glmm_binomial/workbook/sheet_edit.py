"""Puts values into the cells of a sheet's XML, with every other byte left as it was."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from glmm_binomial.workbook.addresses import Area, Position, cell_name, parse_area
from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.package import refuse_document_type
from glmm_binomial.workbook.sheet_scan import HAS_FORMULA, CellElement, Done, Element, Scanner

# what Excel writes into a file; the newer ones (#SPILL!, #CALC!) it writes as #VALUE! with rich data beside
FILE_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})

_FORMULA = re.compile(rb"<((?:[\w.-]+:)?f)(?:\s[^<>]*?)?(?:/>|>[^<]*</\1\s*>)")
_MUST_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of a cell: its new value (None: none), and of its formula: a new text, a new area, its end."""

    value: CellValue | None
    formula: str | None = None
    area: Area | None = None
    keeps_formula: bool = True


def edit_cells(
    xml: bytes,
    part: str,
    edits: Mapping[Position, Edit],
    *,
    keep_other_formulas: bool = True,
    shared_text: Callable[[int], str] | None = None,
) -> bytes:
    """Return the sheet with these cells changed; cells that do not exist yet are inserted where they belong.

    Parameters
    ----------
    xml, part
        The sheet and the name of its part.
    edits
        The cells to change. One that holds the value already keeps its bytes.
    keep_other_formulas
        Whether the formulas of all other cells stay; else their values stay alone.
    shared_text
        The texts that cells refer to by number; without it every cell is written anew.
    """
    if not edits and keep_other_formulas:
        return xml
    if not edits:
        refuse_document_type(xml, part)
        without, count = _FORMULA.subn(b"", xml)
        # a formula in words that only a parser understands is left to the parser
        if count == len(HAS_FORMULA.findall(xml)):
            return without
    editor = _CellEditor(xml, part, edits, keep_other_formulas=keep_other_formulas, shared_text=shared_text)
    editor.run()
    return editor.result()


class _CellEditor(Scanner):
    """Splices new cells into the bytes of the sheet."""

    def __init__(
        self,
        xml: bytes,
        part: str,
        edits: Mapping[Position, Edit],
        *,
        keep_other_formulas: bool,
        shared_text: Callable[[int], str] | None,
    ) -> None:
        super().__init__(xml, part)
        self._edits = edits
        self._keep_other_formulas = keep_other_formulas
        self._shared_text = shared_text
        self._pending = sorted(edits, reverse=True)
        self._splices: list[tuple[int, int, bytes]] = []
        self._prefix = ""
        self._inserted: list[bytes] = []
        self._widened = False
        self._data_end = 0

    def result(self) -> bytes:
        """Return the edited sheet."""
        pieces, position = [], 0
        for start, end, new in sorted(self._splices, key=lambda splice: splice[:2]):
            pieces += [self.xml[position:start], new]
            position = end
        return b"".join([*pieces, self.xml[position:]])

    def on_dimension(self, element: Element) -> None:
        filled = [position for position, edit in self._edits.items() if edit.value is not None]
        if not filled or "ref" not in element.attributes:
            return
        old = parse_area(element.attributes["ref"])
        rows, columns = zip(*filled, strict=True)
        union = Area(min(old.top, *rows), min(old.left, *columns), max(old.bottom, *rows), max(old.right, *columns))
        if union != old:
            closed = self.xml.endswith(b"/>", element.start, element.end)
            tag = _start_tag(element.name, element.attributes | {"ref": str(union)}, closed=closed)
            self._splices.append((element.start, element.end, tag))

    def on_row(self, number: int) -> None:
        if self._row is not None:
            self._prefix = self._row.name.removesuffix("row")
            self._splice(self._row.start, self._row.start, self._new_rows(before=number))
        self._inserted, self._widened = [], False

    def on_cell(self, cell: CellElement) -> None:
        here = (cell.row, cell.column)
        new = self._new_cells(before=here)
        if new:
            self._widened = True
            self._splice(cell.element.start, cell.element.start, new)
        if self._pending and self._pending[-1] == here:
            self._pending.pop()
            if not self._holds_already(cell, self._edits[here]):
                self._splice(cell.element.start, cell.element.end, self._rendered(cell, self._edits[here]))
        elif cell.formula is not None and not self._keep_other_formulas:
            self._splice(cell.formula.start, cell.formula.end, b"")

    def on_row_end(self, number: int, element: Element) -> None:
        new = self._new_cells(before=(number + 1, 0))
        if not new and not self._widened:
            if not self._pending and self._keep_other_formulas:
                raise Done
            return
        # `spans` would now be wrong; it is optional
        attributes = {key: value for key, value in element.attributes.items() if key != "spans"}
        tag = _start_tag(element.name, attributes, closed=False)
        if element.closing_tag is None:
            self._splice(element.start, element.end, tag + new + f"</{element.name}>".encode())
        else:
            self._splice(element.start, self.tag_end(element.start), tag)
            self._splice(element.closing_tag, element.closing_tag, new)

    def on_data_end(self, position: int) -> None:
        self._splice(position, position, self._new_rows(before=None))

    def _splice(self, start: int, end: int, new: bytes) -> None:
        if new or end > start:
            self._splices.append((start, end, new))

    def _new_rows(self, before: int | None) -> bytes:
        rows = []
        while self._pending and (before is None or self._pending[-1][0] < before):
            number = self._pending[-1][0]
            cells = self._new_cells(before=(number + 1, 0))
            if cells:
                rows.append(f'<{self._prefix}row r="{number}">'.encode() + cells + f"</{self._prefix}row>".encode())
        return b"".join(rows)

    def _new_cells(self, before: Position) -> bytes:
        cells = []
        while self._pending and self._pending[-1] < before:
            position = self._pending.pop()
            value = self._edits[position].value
            if value is not None:
                cells.append(_cell(f"{self._prefix}c", {"r": cell_name(*position)}, b"", value))
        return b"".join(cells)

    def _rendered(self, cell: CellElement, edit: Edit) -> bytes:
        """Write a cell anew: its style and metadata stay, `vm` described the old value and goes."""
        keeps = edit.keeps_formula and (self._keep_other_formulas or edit.formula is not None)
        formula = self._formula(cell.formula, edit) if cell.formula is not None and keeps else b""
        # `cm` tells that a formula spills
        dropped = {"t", "vm"} if formula else {"t", "vm", "cm"}
        attributes = {key: value for key, value in cell.element.attributes.items() if key not in dropped}
        return _cell(cell.element.name, attributes, formula, edit.value)

    def _holds_already(self, cell: CellElement, edit: Edit) -> bool:
        """Tell whether the cell has this value, and its formula this area."""
        if self._shared_text is None or edit.formula is not None or not (edit.keeps_formula or cell.formula is None):
            return False
        area = edit.area is None or (cell.formula is not None and cell.formula.attributes.get("ref") == str(edit.area))
        stored = cell.stored(self._shared_text)
        return area and type(stored) is type(edit.value) and stored == _as_stored(edit.value)

    def _formula(self, formula: Element, edit: Edit) -> bytes:
        if edit.formula is None and edit.area is None:
            return self.xml[formula.start : formula.end]
        # what a formula shares with others is no business of the one written here
        own = formula.attributes if formula.attributes.get("t") == "array" else {}
        attributes = own | ({} if edit.area is None else {"ref": str(edit.area)})
        if edit.formula is not None:
            inner = escape(edit.formula).encode()
        elif formula.closing_tag is not None:
            inner = self.xml[self.tag_end(formula.start) : formula.closing_tag]
        else:
            inner = b""
        return _start_tag(formula.name, attributes, closed=False) + inner + f"</{formula.name}>".encode()


def _cell(name: str, attributes: dict[str, str], formula: bytes, value: CellValue | None) -> bytes:
    kind, text = _stored(value)
    tag = _start_tag(name, attributes | ({"t": kind} if kind else {}), closed=not formula and text is None)
    if not formula and text is None:
        return tag
    prefix = name.removesuffix("c")
    stored = "" if text is None else f"<{prefix}v>{escape(text)}</{prefix}v>"
    return tag + formula + f"{stored}</{name}>".encode()


def _as_stored(value: CellValue | None) -> CellValue | None:
    """Return a value as it comes back from a file."""
    if isinstance(value, CellError):
        return value if value.code in FILE_ERRORS else CellError("#VALUE!")
    return CellError("#NUM!") if isinstance(value, float) and not math.isfinite(value) else value


def _stored(value: CellValue | None) -> tuple[str | None, str | None]:
    """Return a cell's type and text as the file stores them."""
    if value is None:
        return None, None
    if isinstance(value, CellError):
        return "e", value.code if value.code in FILE_ERRORS else "#VALUE!"
    if isinstance(value, bool):
        return "b", "1" if value else "0"
    if isinstance(value, str):
        return "str", _MUST_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", value)
    if not math.isfinite(value):
        return "e", "#NUM!"
    return None, repr(float(value)).removesuffix(".0")


def _start_tag(name: str, attributes: Mapping[str, str], *, closed: bool) -> bytes:
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}{'/' if closed else ''}>".encode()
