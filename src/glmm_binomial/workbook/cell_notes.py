"""Notes (what Excel once called comments) on cells: a text that appears beside a cell when one points at it.

A note takes three entries: its text in a part for the sheet, the place of its box in a drawing of an old kind (VML),
and in the sheet the reference to that drawing.
"""

import re
from collections.abc import Mapping
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lxml import etree

from glmm_binomial.workbook.addresses import Position, cell_name
from glmm_binomial.workbook.package import parse_xml
from glmm_binomial.workbook.package_edit import PackageEdit, serialised

AUTHOR = "GLMM_BINOMIAL"

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_REFERENCES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT_REFERENCES = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_COMMENTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
_VML_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"
# what may come behind the reference to the drawing in a sheet
_BEHIND = frozenset(
    {
        "legacyDrawingHF",
        "drawingHF",
        "picture",
        "oleObjects",
        "controls",
        "webPublishItems",
        "tableParts",
        "extLst",
    }
)
_VML = """\
<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" \
xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="{block}"/>\
</o:shapelayout></xml>"""
_SHAPE_TYPE = """\
<v:shapetype xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" \
id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/>\
<v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>"""
_SHAPE = """\
<v:shape xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" \
xmlns:x="urn:schemas-microsoft-com:office:excel" id="_x0000_s{number}" type="#_x0000_t202" \
style="position:absolute;z-index:1;visibility:hidden" fillcolor="#ffffe1" o:insetmode="auto">\
<v:fill color2="#ffffe1"/><v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/>\
<v:textbox style="mso-direction-alt:auto"/><x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>\
<x:Anchor>{left},15,{top},2,{right},15,{bottom},4</x:Anchor><x:AutoFill>False</x:AutoFill>\
<x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"""
_BLOCK = re.compile(rb"idmap\s[^>]*\bdata=[\"']([\d,\s]+)")
_NUMBER = re.compile(rb"_x0000_s(\d+)")
_NUMBERS_OF_BLOCK = 1024
# cells that a box covers, and characters in one of its lines
_BOX_COLUMNS, _LINE = 4, 45


def add_notes(edit: PackageEdit, part: str, notes: Mapping[Position, str]) -> None:
    """Add notes to the cells of a sheet, by row and column; a note that is there already is continued."""
    is_strict = _STRICT.encode() in edit.read(part)[:2000]
    references = _STRICT_REFERENCES if is_strict else _REFERENCES
    new = _write_texts(edit, part, notes, references, _STRICT if is_strict else _MAIN)
    if new:
        _draw_boxes(edit, part, new, references)


def _write_texts(
    edit: PackageEdit, part: str, notes: Mapping[Position, str], references: str, namespace: str
) -> dict[Position, str]:
    """Write the texts, and return those whose cell had no note before."""
    known = edit.related(part, "comments")
    if known is None:
        name = edit.unused("xl/comments{}.xml")
        edit.relate(part, f"{references}/comments", name)
        edit.declare(name, _COMMENTS_TYPE)
        root = parse_xml(f'<comments xmlns="{namespace}"/>'.encode(), name)
        etree.SubElement(root, f"{{{namespace}}}authors")
        etree.SubElement(root, f"{{{namespace}}}commentList")
    else:
        name = known[1]
        root = parse_xml(edit.read(name), name)
        namespace = etree.QName(root).namespace or namespace
    authors, written = root.find("{*}authors"), root.find("{*}commentList")
    if authors is None or written is None:
        return {}
    author = str(len(authors))
    etree.SubElement(authors, f"{{{namespace}}}author").text = AUTHOR
    by_cell = {element.get("ref"): element for element in written}
    new = {}
    for (row, column), text in sorted(notes.items()):
        address = cell_name(row, column)
        if address in by_cell:
            content = by_cell[address].find("{*}text")
        else:
            new[row, column] = text
            comment = etree.SubElement(written, f"{{{namespace}}}comment", {"ref": address, "authorId": author})
            content = etree.SubElement(comment, f"{{{namespace}}}text")
        if content is not None:
            _append_run(content, text if address not in by_cell else f"\n{text}", namespace)
    edit.write(name, serialised(root))
    return new


def _append_run(content: etree._Element, text: str, namespace: str) -> None:
    plain = content.find("{*}t")
    if plain is not None:
        plain.text = f"{plain.text or ''}{text}"
        return
    run = etree.SubElement(etree.SubElement(content, f"{{{namespace}}}r"), f"{{{namespace}}}t")
    run.text = text
    run.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")


def _draw_boxes(edit: PackageEdit, part: str, notes: Mapping[Position, str], references: str) -> None:
    known = edit.related(part, "vmlDrawing")
    # a sheet may have a second such drawing, for pictures in its header
    is_referred_to = known is not None and f'"{known[0]}"'.encode() in _legacy_drawing(edit.read(part))
    if known is not None and is_referred_to:
        name = known[1]
    else:
        name = edit.unused("xl/drawings/vmlDrawing{}.vml")
        edit.declare_extension("vml", _VML_TYPE)
        edit.write(name, _VML.format(block=_unused_block(edit)).encode())
        _refer(edit, part, edit.relate(part, f"{references}/vmlDrawing", name), references)
    drawing = edit.read(name)
    end = drawing.rindex(b"</")
    numbers = [int(number) for number in _NUMBER.findall(drawing)]
    blocks = [int(block) for found in _BLOCK.findall(drawing) for block in found.split(b",")]
    first = max([*numbers, _NUMBERS_OF_BLOCK * max(blocks, default=1)]) + 1
    shapes = [] if b'"_x0000_t202"' in drawing else [_SHAPE_TYPE]
    shapes += [_shape(first + i, *position, text) for i, (position, text) in enumerate(sorted(notes.items()))]
    edit.write(name, drawing[:end] + "".join(shapes).encode() + drawing[end:])


def _shape(number: int, row: int, column: int, text: str) -> str:
    lines = 1 + sum(1 + len(line) // _LINE for line in text.split("\n"))
    return _SHAPE.format(
        number=number,
        left=column,
        right=column + _BOX_COLUMNS,
        top=row - 1,
        bottom=row - 1 + lines,
        row=row - 1,
        column=column - 1,
    )


def _unused_block(edit: PackageEdit) -> int:
    drawings = [edit.read(name) for name in edit.part_names() if name.lower().endswith(".vml")]
    found = [int(block) for drawing in drawings for blocks in _BLOCK.findall(drawing) for block in blocks.split(b",")]
    return max(found, default=0) + 1


def _legacy_drawing(sheet: bytes) -> bytes:
    match = re.search(rb"<(?:[\w.-]+:)?legacyDrawing\s[^>]*>", sheet[sheet.rfind(b"sheetData") :])
    return match[0] if match is not None else b""


def _refer(edit: PackageEdit, part: str, identifier: str, references: str) -> None:
    """Put the reference to the drawing where the sheet has it."""
    sheet = edit.read(part)
    prefix, position = _place_of_reference(sheet)
    element = f"<{prefix}legacyDrawing xmlns:r={quoteattr(references)} r:id={quoteattr(identifier)}/>"
    edit.write(part, sheet[:position] + element.encode() + sheet[position:])


def _place_of_reference(sheet: bytes) -> tuple[str, int]:
    """Return the prefix of the sheet's elements, and the byte at which the reference to the drawing belongs."""
    parser = expat.ParserCreate()
    depth, prefix, place = 0, "", -1

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal depth, prefix, place
        qualifier, mark, local = name.rpartition(":")
        if depth == 0:
            prefix = qualifier + mark
        if depth == 1 and place < 0 and local in _BEHIND:
            place = parser.CurrentByteIndex
        depth += 1

    def end(_: str) -> None:
        nonlocal depth, place
        depth -= 1
        if depth == 0 and place < 0:
            place = parser.CurrentByteIndex

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(sheet, True)
    return prefix, place
