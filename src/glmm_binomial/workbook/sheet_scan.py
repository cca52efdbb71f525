"""One pass over the XML of a sheet, and the formulas found in it.

A parser that builds a tree would hold a sheet many times over. Expat tells the byte at which each element begins, so a
sheet of a million rows is read in one pass, and whoever changes a cell knows which bytes it is.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from glmm_binomial.workbook.addresses import Area, cell_position, parse_area
from glmm_binomial.workbook.package import WorkbookError, plain_text, refuse_document_type

_HAS_FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")
_TAG = re.compile(rb"<[^\s/>]+(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")


@dataclass(frozen=True, slots=True)
class FormulaCell:
    """A cell that holds a formula.

    `kind` is the file's word: normal, array, shared or dataTable. `area` is what the file says the formula covers, None
    for a normal one. `spills` tells a dynamic array from one of fixed size (entered with Ctrl+Shift+Enter).
    """

    row: int
    column: int
    text: str
    kind: str
    area: Area | None
    spills: bool
    shared: str | None


def read_formulas(xml: bytes, part: str) -> list[FormulaCell]:
    """Return the formula cells of a sheet, in the order of the file."""
    if _HAS_FORMULA.search(xml) is None:
        return []
    reader = _FormulaReader(xml, part)
    reader.run()
    return reader.formulas


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
    """A `<c>` element with its `<f>`."""

    element: Element
    row: int
    column: int
    formula: Element | None = None
    formula_text: list[str] = field(default_factory=list)


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

    def __init__(self, xml: bytes, part: str) -> None:
        super().__init__(xml, part)
        self.formulas: list[FormulaCell] = []
        self._last = max(match.start() for match in _HAS_FORMULA.finditer(xml))

    def on_cell(self, cell: CellElement) -> None:
        if cell.element.start > self._last:
            raise Done
        if cell.formula is None:
            return
        attributes = cell.formula.attributes
        kind = attributes.get("t", "normal")
        self.formulas.append(
            FormulaCell(
                row=cell.row,
                column=cell.column,
                text=plain_text("".join(cell.formula_text)),
                kind=kind,
                area=parse_area(attributes["ref"]) if "ref" in attributes else None,
                # Excel marks a dynamic array by cell metadata (XLDAPR)
                spills=kind == "array" and "cm" in cell.element.attributes,
                shared=attributes.get("si"),
            )
        )
