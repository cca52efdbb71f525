"""What a workbook's directory says: its sheets, defined names and tables."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from lxml import etree

from glmm_binomial.workbook.addresses import Area, parse_area
from glmm_binomial.workbook.package import Package, WorkbookError, plain_text, refuse_document_type


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: the name on its tab and the part that holds it."""

    name: str
    part: str


@dataclass(frozen=True, slots=True)
class Table:
    """An Excel table: where it lies (header and totals row included) and the names of its columns."""

    name: str
    sheet: str
    area: Area
    columns: tuple[str, ...]
    header_rows: int
    totals_rows: int


@dataclass(frozen=True, slots=True)
class DefinedName:
    """A defined name; `sheet` is None when it holds in the whole workbook."""

    name: str
    sheet: str | None
    definition: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What the workbook's directory of sheets, names and tables says."""

    sheets: tuple[Sheet, ...]
    names: tuple[DefinedName, ...]
    tables: tuple[Table, ...]


def read_contents(package: Package) -> Contents:
    """Read the sheets, defined names and tables of a workbook."""
    root = parse_xml(package.read("xl/workbook.xml"), "xl/workbook.xml")
    targets = {identifier: part for identifier, kind, part in _relationships(package, "xl/workbook.xml")}
    kinds = {identifier: kind for identifier, kind, _ in _relationships(package, "xl/workbook.xml")}
    all_sheets = [(_attribute(e, "name"), _attribute(e, "id")) for e in _descendants(root, "sheet")]
    sheets = tuple(Sheet(name, targets[i]) for name, i in all_sheets if kinds.get(i) == "worksheet")
    for sheet in sheets:
        if sheet.part not in package:
            raise WorkbookError(f"the workbook is damaged: the part {sheet.part} is missing.")
    names = tuple(
        DefinedName(
            _attribute(e, "name"),
            all_sheets[int(e.get("localSheetId", "0"))][0] if "localSheetId" in e.attrib else None,
            (e.text or "").removeprefix("="),
        )
        for e in _descendants(root, "definedName")
    )
    tables = tuple(table for sheet in sheets for table in _tables(package, sheet))
    return Contents(sheets, names, tables)


def parse_xml(data: bytes, part: str) -> etree._Element:
    """Parse a small part; a document type is refused, since only an attack has use for one."""
    refuse_document_type(data, part)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise WorkbookError(f"the workbook is damaged: {part}: {error.msg}.") from error


def _relationships(package: Package, part: str) -> Iterator[tuple[str, str, str]]:
    """Yield identifier, kind (the last word of its type) and part of everything `part` refers to inside the package."""
    folder, name = str(PurePosixPath(part).parent), PurePosixPath(part).name
    relations = f"{folder}/_rels/{name}.rels"
    if relations not in package:
        return
    for element in _descendants(parse_xml(package.read(relations), relations), "Relationship"):
        target = element.get("Target", "")
        if element.get("TargetMode") != "External":
            yield element.get("Id", ""), element.get("Type", "").rpartition("/")[2], _resolved(folder, target)


def _resolved(folder: str, target: str) -> str:
    absolute = target if target.startswith("/") else f"/{folder}/{target}"
    return os.path.normpath(absolute).replace(os.sep, "/").lstrip("/")


def _tables(package: Package, sheet: Sheet) -> Iterator[Table]:
    for _, kind, part in _relationships(package, sheet.part):
        if kind != "table":
            continue
        root = parse_xml(package.read(part), part)
        try:
            area = parse_area(_attribute(root, "ref"))
        except ValueError as error:
            raise WorkbookError(f"the workbook is damaged: {part}: {error}.") from error
        columns = tuple(plain_text(_attribute(e, "name")) for e in _descendants(root, "tableColumn"))
        header, totals = int(root.get("headerRowCount", "1")), int(root.get("totalsRowCount", "0"))
        yield Table(_attribute(root, "displayName"), sheet.name, area, columns, header, totals)


def _descendants(root: etree._Element, name: str) -> Iterator[etree._Element]:
    # by local name: strict and transitional workbooks use different namespaces
    return root.iterfind(f".//{{*}}{name}")


def _attribute(element: etree._Element, name: str) -> str:
    """Return a required attribute, by its local name (`r:id` differs in strict and transitional files)."""
    for key, value in element.attrib.items():
        if etree.QName(str(key)).localname == name and (name != "id" or "}" in str(key)):
            return str(value)
    raise WorkbookError(f"the workbook is damaged: {etree.QName(element).localname} without {name}.")
