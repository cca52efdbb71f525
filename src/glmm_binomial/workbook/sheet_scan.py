"""One pass over the XML of a sheet, and the formulas found in it.

A parser that builds a tree would hold a sheet many times over. Expat tells the byte at which each element begins, so a
sheet of a million rows is read in one pass, and whoever changes a cell knows which bytes it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from xml.parsers import expat

from glmm_binomial.workbook.addresses import Area, Position, cell_position, parse_area
from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.package import WorkbookError, plain_text, refuse_document_type
from glmm_binomial.workbook.shifting import shifted

HAS_FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")
_TAG = re.compile(rb"<[^\s/>]+(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")


@dataclass(frozen=True, slots=True)
class FormulaCell:
    """A cell that holds a formula.

    `text` is the formula as this cell has it, also where the file writes it once for several cells. `kind` is normal,
    array or dataTable. `area` is what the file says the formula covers, None for a normal one. `spills` tells a dynamic
    array from one of fixed size (entered with Ctrl+Shift+Enter). `stored` is the value in the file, None without one.
    `inputs` are the cells that a data table varies. `shared` is the number of a formula that the file writes once for
    several cells, None for one of its own.
    """

    row: int
    column: int
    text: str
    kind: str
    area: Area | None
    spills: bool
    stored: CellValue | None
    inputs: tuple[Area, ...] = ()
    shared: str | None = None

    @property
    def covered(self) -> Area:
        """The cells it fills as the file has them."""
        here = Area(self.row, self.column, self.row, self.column)
        return here if self.area is None or not self.area.holds(self.row, self.column) else self.area


def read_formulas(xml: bytes, part: str, shared_text: Callable[[int], str]) -> list[FormulaCell]:
    """Return the formula cells of a sheet, in the order of the file.

    An `<f/>` without text is none: Excel writes it into the other cells of a volatile array.

    Parameters
    ----------
    xml, part
        The sheet and the name of its part.
    shared_text
        The texts that cells refer to by number.
    """
    if HAS_FORMULA.search(xml) is None:
        _refuse_damaged(xml, part)
        return []
    reader = _FormulaReader(xml, part, shared_text)
    reader.run()
    return reader.formulas


def _refuse_damaged(xml: bytes, part: str) -> None:
    refuse_document_type(xml, part)
    try:
        expat.ParserCreate().Parse(xml, True)
    except expat.ExpatError as error:
        raise WorkbookError(f"the workbook is damaged: {part}: {error}.") from error


def read_values(
    xml: bytes, part: str, areas: Iterable[Area], shared_text: Callable[[int], str]
) -> dict[Position, CellValue]:
    """Return the stored values in some areas of a sheet, by row and column; cells without one are absent."""
    reader = _ValueReader(xml, part, areas, shared_text)
    reader.run()
    return reader.values


@dataclass(slots=True)
class Element:
    """One element as it stands in the file: where it begins and ends, and its attributes in their order."""

    name: str
    start: int
    attributes: dict[str, str]
    end: int = 0
    closing_tag: int | None = None


@dataclass(slots=True)
class CellElement:
    """A `<c>` element with its `<f>` and what it stores; `value_text` stays empty where there is no value at all."""

    element: Element
    row: int
    column: int
    formula: Element | None = None
    formula_text: list[str] = field(default_factory=list)
    value_text: list[str] = field(default_factory=list)
    has_value: bool = False

    def stored(self, shared_text: Callable[[int], str]) -> CellValue | None:
        """Return the stored value.

        An empty text is stored as type `str` with an empty `<v/>`, or as an inline text; an empty `<v/>` of no type is
        what programs write that do not know the value.
        """
        kind = self.element.attributes.get("t", "n")
        text = "".join(self.value_text)
        if kind == "inlineStr" or (kind == "str" and self.has_value):
            return plain_text(text)
        if not self.has_value or not text.strip():
            return None
        if kind == "s":
            return shared_text(int(text))
        if kind == "b":
            return text.strip().lower() in ("1", "true")
        if kind == "e":
            return CellError(text.strip())
        return date_serial(text.strip()) if kind == "d" else float(text)


class Done(Exception):  # noqa: N818 - no error: the rest of the sheet is of no interest
    """Ends a scan early."""


class Scanner:
    """Walks the rows and cells of a sheet; subclasses take what they need."""

    def __init__(self, xml: bytes, part: str) -> None:
        refuse_document_type(xml, part)
        self.xml = xml
        self.part = part
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.ordered_attributes = False
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._row: Element | None = None
        self._row_number = 0
        self._column = 0
        self._cell: CellElement | None = None
        self._in_phonetic = False

    def run(self) -> None:
        """Scan the sheet once."""
        try:
            self._parser.Parse(self.xml, True)
        except Done:
            return
        except (expat.ExpatError, ValueError) as error:
            raise WorkbookError(f"the workbook is damaged: {self.part}: {error}.") from error

    def on_dimension(self, element: Element) -> None:
        """Take the element that states the used area."""

    def on_row(self, number: int) -> None:
        """Take the start of a row."""

    def on_row_end(self, number: int, element: Element) -> None:
        """Take the end of a row."""

    def on_cell(self, cell: CellElement) -> None:
        """Take a whole cell."""

    def on_data_end(self, position: int) -> None:
        """Take the end of all rows."""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if self._cell is not None:
            if local == "f":
                self._cell.formula = self._element(name, attributes)
                self._parser.CharacterDataHandler = self._cell.formula_text.append
            elif local in ("v", "t") and not self._in_phonetic:
                self._cell.has_value = True
                self._parser.CharacterDataHandler = self._cell.value_text.append
            elif local == "rPh":
                self._in_phonetic = True
            return
        if local == "c" and self._row is not None:
            address = attributes.get("r")
            row, self._column = cell_position(address) if address else (self._row_number, self._column + 1)
            self._cell = CellElement(self._element(name, attributes), row, self._column)
        elif local == "row":
            self._row = self._element(name, attributes)
            self._row_number = int(attributes.get("r", self._row_number + 1))
            self._column = 0
            self.on_row(self._row_number)
        elif local == "dimension":
            element = self._element(name, attributes)
            element.end = self.tag_end(element.start)
            self.on_dimension(element)

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if self._cell is not None:
            if local == "f" and self._cell.formula is not None:
                self._parser.CharacterDataHandler = None
                self._close(self._cell.formula)
            elif local in ("v", "t"):
                self._parser.CharacterDataHandler = None
            elif local == "rPh":
                self._in_phonetic = False
            elif local == "c":
                self._close(self._cell.element)
                self.on_cell(self._cell)
                self._cell = None
        elif local == "row" and self._row is not None:
            self._close(self._row)
            self.on_row_end(self._row_number, self._row)
            self._row = None
        elif local == "sheetData":
            self.on_data_end(self._parser.CurrentByteIndex)

    def _element(self, name: str, attributes: dict[str, str]) -> Element:
        return Element(name, self._parser.CurrentByteIndex, attributes)

    def _close(self, element: Element) -> None:
        # for <c/> expat stands behind the tag, for <c></c> at the closing tag
        position = self._parser.CurrentByteIndex
        closing = b"</" + element.name.encode()
        if self.xml.startswith(closing, position) and self.xml[position + len(closing)] in b"> \t\r\n":
            element.closing_tag = position
            element.end = self.xml.index(b">", position) + 1
        else:
            element.end = position

    def tag_end(self, start: int) -> int:
        """Return where a tag ends; an attribute may hold a `>`."""
        match = _TAG.match(self.xml, start)
        if match is None:
            raise WorkbookError(f"the workbook is damaged: {self.part}: a tag without an end.")
        return match.end()


class _FormulaReader(Scanner):
    """Collects the formulas."""

    def __init__(self, xml: bytes, part: str, shared_text: Callable[[int], str]) -> None:
        super().__init__(xml, part)
        self.formulas: list[FormulaCell] = []
        self._shared_text = shared_text
        self._shared: dict[str, tuple[int, int, str]] = {}
        # shared formulas whose text has not come yet: their position among the formulas, and their number
        self._waiting: list[tuple[int, str]] = []
        self._last = max(match.start() for match in HAS_FORMULA.finditer(xml))

    def run(self) -> None:
        super().run()
        for position, number in reversed(self._waiting):
            formula = self.formulas.pop(position)
            if number in self._shared:
                text = self._from_first(number, formula.row, formula.column)
                self.formulas.insert(position, replace(formula, text=text))

    def on_cell(self, cell: CellElement) -> None:
        if cell.element.start > self._last:
            raise Done
        if cell.formula is None:
            return
        attributes = cell.formula.attributes
        kind = attributes.get("t", "normal")
        text = plain_text("".join(cell.formula_text))
        if kind == "shared":
            text = self._own_text(cell, attributes.get("si", ""), text)
        elif not text and kind != "dataTable":
            return
        has_area = kind in ("array", "dataTable") and "ref" in attributes
        self.formulas.append(
            FormulaCell(
                row=cell.row,
                column=cell.column,
                text=text,
                kind="normal" if kind == "shared" else kind,
                area=parse_area(attributes["ref"]) if has_area else None,
                # Excel marks a dynamic array by cell metadata (XLDAPR)
                spills=kind == "array" and "cm" in cell.element.attributes,
                stored=cell.stored(self._shared_text),
                inputs=tuple(_inputs(attributes)),
                shared=attributes.get("si") if kind == "shared" else None,
            )
        )

    def _own_text(self, cell: CellElement, number: str, text: str) -> str:
        """Return a formula's text; of a shared one the first cell holds it, and the others move its references."""
        if text:
            self._shared[number] = cell.row, cell.column, text
            return text
        if number in self._shared:
            return self._from_first(number, cell.row, cell.column)
        self._waiting.append((len(self.formulas), number))
        return ""

    def _from_first(self, number: str, row: int, column: int) -> str:
        first_row, first_column, text = self._shared[number]
        return shifted(text, row - first_row, column - first_column)


def _inputs(attributes: Mapping[str, str]) -> Iterator[Area]:
    """Yield the cells that a data table varies; of one that was deleted nothing is left to read."""
    for name in ("r1", "r2"):
        try:
            yield parse_area(attributes.get(name, ""))
        except ValueError:
            continue


class _ValueReader(Scanner):
    """Collects the values in some areas."""

    def __init__(self, xml: bytes, part: str, areas: Iterable[Area], shared_text: Callable[[int], str]) -> None:
        super().__init__(xml, part)
        self.values: dict[Position, CellValue] = {}
        self._areas = tuple(areas)
        self._in_row: list[Area] = []
        self._shared_text = shared_text

    def on_row(self, number: int) -> None:
        self._in_row = [area for area in self._areas if area.top <= number <= area.bottom]

    def on_cell(self, cell: CellElement) -> None:
        if any(area.holds(cell.row, cell.column) for area in self._in_row):
            stored = cell.stored(self._shared_text)
            if stored is not None:
                self.values[cell.row, cell.column] = stored


def date_serial(text: str) -> float:
    """Read a date as ISO 8601 writes it, `2024-01-31T12:00:00`, as the number that Excel has for it."""
    moment = datetime.fromisoformat(text.removesuffix("Z"))
    return (moment - datetime(1899, 12, 30)) / timedelta(days=1)
