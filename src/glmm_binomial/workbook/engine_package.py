"""The workbook as the engine gets it: the sheets' values and the formulas to calculate, and nothing else.

Pictures, styles, queries, comments and the like cannot hold a cell's value, so whatever they hold cannot harm. Without
styles a date is the number it is.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from xml.sax.saxutils import quoteattr

from glmm_binomial.workbook.addresses import parse_reference
from glmm_binomial.workbook.contents import Contents, DefinedName
from glmm_binomial.workbook.formula_text import is_relative
from glmm_binomial.workbook.package import Package, refuse_document_type

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml."
# the engine begins with a sheet of this name, and takes one that differs in case for another
_FIRST_SHEET = "Sheet1"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def engine_sheet(name: str) -> str:
    """Return the name that a sheet has in the engine."""
    return _FIRST_SHEET if name.casefold() == _FIRST_SHEET.casefold() else name


def package_for_engine(package: Package, contents: Contents, sheets: Mapping[str, bytes]) -> bytes:
    """Return an .xlsx file with these sheets, by the part they come from, and what their formulas may refer to."""
    targets = {f"s{i}": ("worksheet", f"worksheets/sheet{i}.xml") for i in range(1, len(contents.sheets) + 1)}
    parts = {f"xl/worksheets/sheet{i}.xml": sheets[sheet.part] for i, sheet in enumerate(contents.sheets, start=1)}
    if contents.strings_part is not None:
        targets["t1"] = ("sharedStrings", "sharedStrings.xml")
        parts["xl/sharedStrings.xml"] = _checked(package, contents.strings_part)
    for i, part in enumerate(contents.external_parts, start=1):
        targets[f"e{i}"] = ("externalLink", f"externalLinks/externalLink{i}.xml")
        parts[f"xl/externalLinks/externalLink{i}.xml"] = _checked(package, part)
        relations = package.relations_of(part)
        if relations is not None:
            parts[f"xl/externalLinks/_rels/externalLink{i}.xml.rels"] = _checked(package, relations)
    parts["xl/workbook.xml"] = _workbook(contents).encode()
    parts["xl/_rels/workbook.xml.rels"] = _relationships(targets).encode()
    parts["_rels/.rels"] = _relationships({"r1": ("officeDocument", "xl/workbook.xml")}).encode()
    parts["[Content_Types].xml"] = _content_types(parts).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target.getvalue()


def _checked(package: Package, part: str) -> bytes:
    data = package.read(part)
    refuse_document_type(data, part)
    return data


def _workbook(contents: Contents) -> str:
    sheets = "".join(
        f'<sheet name={quoteattr(engine_sheet(sheet.name))} sheetId="{i}" r:id="s{i}"/>'
        for i, sheet in enumerate(contents.sheets, start=1)
    )
    links = "".join(f'<externalReference r:id="e{i}"/>' for i in range(1, len(contents.external_parts) + 1))
    calculation = "".join(f" {key}={quoteattr(value)}" for key, value in contents.calculation.items())
    dates = '<workbookPr date1904="1"/>' if contents.dates_from_1904 else ""
    names = "".join(_name(name, contents) for name in contents.names if _may_be_meant_by_indirect(name))
    return (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{dates}<sheets>{sheets}</sheets>'
        + (f"<externalReferences>{links}</externalReferences>" if links else "")
        + (f"<definedNames>{names}</definedNames>" if names else "")
        + f"<calcPr{calculation}/></workbook>"
    )


def _may_be_meant_by_indirect(name: DefinedName) -> bool:
    """Tell whether INDIRECT may need the name; in formulas names are written out."""
    return parse_reference(name.definition) is not None and not is_relative(name.definition)


def _name(name: DefinedName, contents: Contents) -> str:
    sheets = [sheet.name for sheet in contents.sheets]
    if name.sheet is not None and name.sheet not in sheets:
        return ""
    scope = "" if name.sheet is None else f' localSheetId="{sheets.index(name.sheet)}"'
    qualifier, mark, cells = name.definition.rpartition("!")
    if mark and engine_sheet(qualifier) != qualifier:
        name = replace(name, definition=f"{engine_sheet(qualifier)}!{cells}")
    return f"<definedName name={quoteattr(name.name)}{scope}>{name.definition.replace('&', '&amp;')}</definedName>"


def _relationships(targets: Mapping[str, tuple[str, str]]) -> str:
    entries = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return (
        f'{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{entries}</Relationships>"
    )


def _content_types(parts: Mapping[str, bytes]) -> str:
    kinds = {"xl/workbook.xml": "sheet.main+xml", "xl/sharedStrings.xml": "sharedStrings+xml"}
    for name in parts:
        if name.startswith("xl/worksheets/"):
            kinds[name] = "worksheet+xml"
        elif name.startswith("xl/externalLinks/externalLink"):
            kinds[name] = "externalLink+xml"
    entries = "".join(f'<Override PartName="/{n}" ContentType="{_TYPE}{kinds[n]}"/>' for n in parts if n in kinds)
    return (
        f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{entries}</Types>'
    )
