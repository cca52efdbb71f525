"""Parts of a package added, changed and dropped, with what the package says about them."""

import posixpath

from lxml import etree

from glmm_binomial.workbook.contents import relationships
from glmm_binomial.workbook.package import Package, parse_xml

CONTENT_TYPES = "[Content_Types].xml"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_NO_RELATIONS = f'<Relationships xmlns="{_RELATIONS}"/>'.encode()


class PackageEdit:
    """Changes of a package, gathered until its new bytes are asked for."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._changed: dict[str, bytes] = {}
        self._dropped: set[str] = set()

    def __contains__(self, part: str) -> bool:
        """Tell whether the part exists."""
        return part in self._changed or part in self._package

    def read(self, part: str) -> bytes:
        """Return a part as it is now."""
        return self._changed[part] if part in self._changed else self._package.read(part)

    def write(self, part: str, data: bytes) -> None:
        """Change or add a part."""
        self._changed[part] = data

    def content(self) -> bytes:
        """Return the bytes of the new file."""
        return self._package.with_parts(self._changed, dropped=self._dropped)

    def part_names(self) -> list[str]:
        """Return the names of all parts."""
        return [*(entry.filename for entry in self._package.entries), *self._changed]

    def unused(self, pattern: str) -> str:
        """Return the first name that no part has, a number in the place of the braces."""
        taken = {name.casefold() for name in self.part_names()}
        number = 1
        while pattern.format(number).casefold() in taken:
            number += 1
        return pattern.format(number)

    def related(self, part: str, kind: str) -> tuple[str, str] | None:
        """Return identifier and name of the first part of a kind that a part refers to."""
        for identifier, found, target in relationships(self._package, part):
            if found == kind and target in self._package:
                return identifier, self._package.find(target) or target
        return None

    def relate(self, part: str, kind: str, target: str) -> str:
        """Let a part refer to another one, and return the identifier of that reference."""
        name, root = self._relations(part)
        taken = {element.get("Id") for element in root}
        number = len(root) + 1
        while f"rId{number}" in taken:
            number += 1
        etree.SubElement(
            root,
            f"{{{_RELATIONS}}}Relationship",
            {
                "Id": f"rId{number}",
                "Type": kind,
                "Target": posixpath.relpath(target, posixpath.dirname(part)),
            },
        )
        self.write(name, serialised(root))
        return f"rId{number}"

    def drop(self, part: str, *, referred_to_by: str) -> None:
        """Drop a part, and what refers to it."""
        found = next((i for i, _, target in relationships(self._package, referred_to_by) if target == part), None)
        name, root = self._relations(referred_to_by)
        for element in root:
            if element.get("Id") == found:
                root.remove(element)
        self.write(name, serialised(root))
        types = parse_xml(self.read(CONTENT_TYPES), CONTENT_TYPES)
        for element in types:
            if element.get("PartName", "").lstrip("/").casefold() == part.casefold():
                types.remove(element)
        self.write(CONTENT_TYPES, serialised(types))
        self._dropped.add(self._package.find(part) or part)

    def declare(self, part: str, content_type: str) -> None:
        """Say what a new part holds."""
        self._declare("Override", {"PartName": f"/{part}"}, content_type)

    def declare_extension(self, extension: str, content_type: str) -> None:
        """Say what parts hold whose names end so, unless that is said already."""
        self._declare("Default", {"Extension": extension}, content_type)

    def _declare(self, element: str, key: dict[str, str], content_type: str) -> None:
        types = parse_xml(self.read(CONTENT_TYPES), CONTENT_TYPES)
        if any(all(known.get(name) == value for name, value in key.items()) for known in types):
            return
        declared = types.makeelement(f"{{{_TYPES}}}{element}", key | {"ContentType": content_type})
        # defaults come first
        types.insert(0, declared) if element == "Default" else types.append(declared)
        self.write(CONTENT_TYPES, serialised(types))

    def _relations(self, part: str) -> tuple[str, etree._Element]:
        folder, name = posixpath.split(part)
        relations = self._package.relations_of(part) or f"{folder}/_rels/{name}.rels"
        return relations, parse_xml(self.read(relations) if relations in self else _NO_RELATIONS, relations)


def serialised(root: etree._Element) -> bytes:
    """Return the bytes of a part."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
