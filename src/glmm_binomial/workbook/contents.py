"""What a workbook's directory says: its sheets, defined names and tables."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lxml import etree

from glmm_binomial.workbook.addresses import Area, parse_area
from glmm_binomial.workbook.package import Package, WorkbookError, parse_xml, plain_text


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: the name on its tab, the part that holds it, and whether it is out of sight."""

    name: str
    part: str
    is_hidden: bool = False


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
    """What the workbook's directory says.

    Attributes
    ----------
    sheets, names, tables
        Its worksheets, defined names and tables.
    strings_part
        The part with the texts that cells refer to by number, None without one.
    external_parts
        The parts with the stored values of other workbooks, in the order in which formulas count them.
    calculation
        How the workbook wants to be calculated: the attributes of `calcPr`.
    dates_from_1904
        Whether dates count from 1904.
    """

    sheets: tuple[Sheet, ...]
    names: tuple[DefinedName, ...] = ()
    tables: tuple[Table, ...] = ()
    strings_part: str | None = None
    external_parts: tuple[str, ...] = ()
    calculation: Mapping[str, str] = field(default_factory=dict)
    dates_from_1904: bool = False

    @property
    def distrusts_its_values(self) -> bool:
        """Whether the file says itself that its values are not those of its formulas."""
        return _is_true(self.calculation.get("fullCalcOnLoad")) or self.calculation.get("calcCompleted") in _FALSE

    @property
    def rounds_as_displayed(self) -> bool:
        """Whether Excel rounds every result to what its cell displays."""
        return self.calculation.get("fullPrecision") in _FALSE

    @property
    def is_calculated_by_hand(self) -> bool:
        """Whether Excel calculates the workbook only when asked to."""
        return self.calculation.get("calcMode") == "manual"


def read_contents(package: Package) -> Contents:
    """Read the sheets, defined names and tables of a workbook.

    Raises
    ------
    WorkbookError
        When the file is no workbook or lacks a part that it refers to.
    """
    workbook = workbook_part(package)
    root = parse_xml(package.read(workbook), workbook)
    if etree.QName(root).namespace not in _FORMATS:
        raise WorkbookError("the workbook is not in the format of Excel; save it as Excel Workbook (*.xlsx).")
    targets = {identifier: (kind, part) for identifier, kind, part in relationships(package, workbook)}
    all_sheets = [(_attribute(e, "name"), _attribute(e, "id")) for e in _descendants(root, "sheet")]
    hidden = {_attribute(e, "name") for e in _descendants(root, "sheet") if e.get("state", "visible") != "visible"}
    sheets = tuple(
        Sheet(name, _existing(package, targets[identifier][1]), name in hidden)
        for name, identifier in all_sheets
        if targets.get(identifier, ("", ""))[0] == "worksheet"
    )
    names = tuple(
        DefinedName(
            _attribute(e, "name"),
            all_sheets[int(e.get("localSheetId", "0"))][0] if "localSheetId" in e.attrib else None,
            (e.text or "").removeprefix("="),
        )
        for e in _descendants(root, "definedName")
        if int(e.get("localSheetId", "0")) < len(all_sheets)
    )
    strings = [part for kind, part in targets.values() if kind == "sharedStrings" and part in package]
    links = [targets.get(_attribute(e, "id"), ("", ""))[1] for e in _descendants(root, "externalReference")]
    calculation = next(_descendants(root, "calcPr"), None)
    properties = next(_descendants(root, "workbookPr"), None)
    return Contents(
        sheets=sheets,
        names=names,
        tables=tuple(table for sheet in sheets for table in _tables(package, sheet)),
        strings_part=_existing(package, strings[0]) if strings else None,
        external_parts=tuple(_existing(package, link) for link in links),
        calculation={} if calculation is None else {str(key): str(value) for key, value in calculation.attrib.items()},
        dates_from_1904=properties is not None and _is_true(properties.get("date1904")),
    )


_FALSE = ("0", "false")
_FORMATS = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)


def _is_true(value: str | None) -> bool:
    return value in ("1", "true")


def _existing(package: Package, part: str) -> str:
    """Return a part's name as the file has it."""
    name = package.find(part)
    if name is None:
        raise WorkbookError(f"the workbook is damaged: the part {part} is missing.")
    return name


def workbook_part(package: Package) -> str:
    """Return the part that the package calls its document."""
    for _, kind, part in relationships(package, ""):
        if kind == "officeDocument" and part in package:
            return _existing(package, part)
    if "xl/workbook.xml" not in package:
        raise WorkbookError("the file is not an .xlsx workbook (it has no xl/workbook.xml).")
    return _existing(package, "xl/workbook.xml")


def relationships(package: Package, part: str) -> Iterator[tuple[str, str, str]]:
    """Yield identifier, kind (the last word of its type) and part of everything `part` refers to inside the package."""
    relations = package.relations_of(part)
    if relations is None:
        return
    folder = str(PurePosixPath(part.replace("\\", "/")).parent)
    for element in _descendants(parse_xml(package.read(relations), relations), "Relationship"):
        target = element.get("Target", "")
        if element.get("TargetMode") != "External":
            yield element.get("Id", ""), element.get("Type", "").rpartition("/")[2], _resolved(folder, target)


def _resolved(folder: str, target: str) -> str:
    absolute = target if target.startswith("/") else f"/{folder}/{target}"
    return os.path.normpath(absolute).replace(os.sep, "/").lstrip("/")


def _tables(package: Package, sheet: Sheet) -> Iterator[Table]:
    for _, kind, part in relationships(package, sheet.part):
        if kind != "table" or part not in package:
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
