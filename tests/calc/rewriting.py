"""A copy of a recalculated workbook that LibreOffice can read, and asks it to calculate everything.

LibreOffice's names for things, and ways around what it lacks; what is lacking still stands in gaps.py.

    A1#                  the cells the formula in A1 filled when the workbook was recalculated
    TRUE, FALSE, #N/A    as arguments and in array constants: a text with MARK before it. LibreOffice would hand over 1
                         and 0, and refuses error values
    B2 as an argument    B2:B2, so that an empty cell arrives as empty and not as 0
    F(...) in an array   IF(F(...)<"",LAST_TABLE(),LAST_TABLE()&""). A text out of an add-in never equals another
                         text in LibreOffice (its bug), and `&` makes a proper text of it

All stored results are removed, so that no value can come from anywhere but a calculation.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import formualizer
from lxml import etree

from glmm_binomial.workbook.addresses import Area, cell_position, parse_area, parse_reference, unquoted_sheet
from glmm_binomial.workbook.contents import parse_xml, read_contents
from glmm_binomial.workbook.package import Package, open_package
from glmm_binomial.worksheet.entries import WorksheetFunction

MARK = "\ue000"
"""Begins a text that stands for an argument LibreOffice would change or refuse: TRUE, FALSE or an error value."""

LAST_TABLE = WorksheetFunction("LAST_TABLE", (), "The table that was returned last.", "")
"""A function that the add-in of the tests has besides."""

Filled = Mapping[tuple[str, int, int], Area]
"""What each formula fills, by its sheet, row and column."""

_PREFIX = "_XLL."


def write_copy(source: Path, target: Path, functions: Collection[str]) -> Filled:
    """Write the copy, and return the places where it has formulas."""
    package = open_package(source)
    sheets = {
        sheet.name: (sheet.part, parse_xml(package.read(sheet.part), sheet.part))
        for sheet in read_contents(package).sheets
    }
    filled = _areas_filled({name: root for name, (_, root) in sheets.items()})
    parts = {"xl/workbook.xml": _workbook(package, functions, filled)}
    for name, (part, root) in sheets.items():
        _rewrite_sheet(root, name, functions, filled)
        parts[part] = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    target.write_bytes(package.with_parts(parts))
    return filled


def areas_filled(source: Path) -> Filled:
    """Return what each formula of a workbook fills."""
    package = open_package(source)
    return _areas_filled(
        {sheet.name: parse_xml(package.read(sheet.part), sheet.part) for sheet in read_contents(package).sheets}
    )


def _areas_filled(roots: Mapping[str, etree._Element]) -> Filled:
    return {
        (name, *cell_position(cell.get("r"))): _area_filled(cell, formula)
        for name, root in roots.items()
        for cell, formula in _formulas(root)
    }


def _formulas(root: etree._Element) -> list[tuple[etree._Element, etree._Element]]:
    return [(formula.getparent(), formula) for formula in root.iterfind(".//{*}sheetData/{*}row/{*}c/{*}f")]


def _area_filled(cell: etree._Element, formula: etree._Element) -> Area:
    return parse_area(formula.get("ref") if formula.get("t") == "array" else cell.get("r"))


def _workbook(package: Package, functions: Collection[str], filled: Filled) -> bytes:
    """Rewrite the defined names."""
    root = parse_xml(package.read("xl/workbook.xml"), "xl/workbook.xml")
    for name in root.iterfind(".//{*}definedName"):
        name.text = rewritten(name.text, functions, sheet="", filled=filled, in_array=False)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _rewrite_sheet(root: etree._Element, sheet: str, functions: Collection[str], filled: Filled) -> None:
    spilled = set()
    for cell, formula in _formulas(root):
        if formula.get("t") == "array":
            spilled.update(_area_filled(cell, formula).cells())
        if formula.text:
            in_array = formula.get("t") == "array"
            formula.text = rewritten(formula.text, functions, sheet=sheet, filled=filled, in_array=in_array)
    for cell in root.iterfind(".//{*}sheetData/{*}row/{*}c"):
        if cell.find("{*}f") is not None or cell_position(cell.get("r")) in spilled:
            cell.attrib.pop("t", None)
            for value in cell.findall("{*}v") + cell.findall("{*}is"):
                cell.remove(value)


@dataclass
class _Bracket:
    """An open bracket: `kind` is call, spill (of A1#), constant (an array as an argument of a call) or other."""

    kind: str
    opened: int
    argument: int


def rewritten(formula: str, functions: Collection[str], *, sheet: str, filled: Filled, in_array: bool) -> str:
    """Rewrite the text of a formula, which has no equals sign before it."""
    last = f"_xll.{LAST_TABLE.name}()"
    out: list[str] = []
    brackets: list[_Bracket] = []
    for token in formualizer.Tokenizer("=" + formula).tokens():
        subtype, value = str(token.subtype).rpartition(".")[2], token.value
        inside = brackets[-1] if brackets else _Bracket("other", 0, 0)
        if inside.kind == "call" and (subtype == "Close" or value == ","):
            _keep_empty_cell_empty(out, inside)
        if subtype == "Open":
            name = value.removesuffix("(").upper().removeprefix(_PREFIX)
            kind = _kind(name, functions, inside)
            brackets.append(_Bracket(kind, len(out), len(out) + 1))
            out.append(f"_xll.{name}(" if kind == "call" else value)
        elif subtype == "Close":
            out.append(value)
            brackets.pop()
            text = "".join(out[inside.opened :])
            if inside.kind == "spill":
                out[inside.opened :] = [_extent(out[inside.opened + 1], sheet, filled)]
            elif inside.kind == "call" and in_array:
                out[inside.opened :] = [f'IF({text}<"",{last},{last}&"")']
        elif subtype in ("Logical", "Error") and inside.kind in ("call", "constant"):
            out.append(f'"{MARK}{value.upper()}"')
        else:
            out.append(value)
            if value == ",":
                inside.argument = len(out)
    return "".join(out)


def _kind(name: str, functions: Collection[str], inside: _Bracket) -> str:
    if name in functions:
        return "call"
    if name == "_XLFN.ANCHORARRAY":
        return "spill"
    return "constant" if name == "{" and inside.kind == "call" else "other"


def _keep_empty_cell_empty(out: list[str], call: _Bracket) -> None:
    """Write the argument that just ended as B2:B2 if it is the reference B2."""
    argument = "".join(out[call.argument :]).strip()
    parsed = parse_reference(argument)
    if parsed is not None and ":" not in argument:
        out[call.argument :] = [f"{argument}:{argument.rpartition('!')[2]}"]


def _extent(anchor: str, sheet: str, filled: Filled) -> str:
    prefix, area = parse_reference(anchor)
    place = unquoted_sheet(prefix.removesuffix("!")) or sheet, area.top, area.left
    return f"{prefix}{filled[place]}"
