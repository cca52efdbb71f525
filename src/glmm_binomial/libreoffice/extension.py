"""The add-in as a file that LibreOffice installs, an .oxt, written with the standard library alone.

An .oxt is a zip: the interface, what Calc should know of the functions, the component, and how it starts
the Python that calculates. The functions with their arguments and help are those of the catalogue.
"""

import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import glmm_binomial
from glmm_binomial.worksheet.catalogue import FUNCTIONS
from glmm_binomial.worksheet.entries import WorksheetFunction

IDENTIFIER: Final = "org.glmmbinomial.calc"
"""Of the extension, and the module of its interface."""

IMPLEMENTATION: Final = "_xll"
"""LibreOffice writes a function into .xlsx files, and reads it there, as implementation and method: _xll.GLMM_BINOMIAL,
which is how Excel writes the functions of add-ins. So workbooks pass both ways."""

_INTERFACE = "XWorksheetFunctions"
_MAGIC = b"UNOIDL\xff\0"
_A_MODULE, _AN_INTERFACE, _IN = b"\0", b"\5", b"\0"
_MANIFEST = "http://openoffice.org/2001/manifest"
_REGISTRY = "http://openoffice.org/2001/registry"
_DESCRIPTION = "http://openoffice.org/extensions/description/2006"
_XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_COMPONENT = Path(__file__).with_name("component.py")
_MEDIA_TYPES = {
    "functions.rdb": "application/vnd.sun.star.uno-typelibrary;type=RDB",
    "CalcAddIns.xcu": "application/vnd.sun.star.configuration-data",
    _COMPONENT.name: "application/vnd.sun.star.uno-component;type=Python",
}
# without the working folder, in which anything may lie
_SERVER = ("-P", "-m", "glmm_binomial.libreoffice.server")


def extension(
    functions: Sequence[WorksheetFunction] = FUNCTIONS,
    *,
    server: Sequence[str] = _SERVER,
    python_path: Sequence[Path] = (Path(glmm_binomial.__file__).parents[1],),
) -> dict[str, bytes]:
    """Return the parts of the extension by their names.

    Parameters
    ----------
    functions : sequence of WorksheetFunction
    server : sequence of str
        What this Python is called with to answer calls.
    python_path : sequence of Path
        Where it also looks for packages.
    """
    program = {"command": [sys.executable, *server], "python_path": [str(folder) for folder in python_path]}
    return {
        "META-INF/manifest.xml": _manifest(),
        "description.xml": _description(glmm_binomial.__version__),
        "functions.rdb": _interface(functions),
        "CalcAddIns.xcu": _configuration(functions),
        _COMPONENT.name: _COMPONENT.read_bytes(),
        "program.json": json.dumps(program).encode(),
    }


def write_extension(path: Path, parts: Mapping[str, bytes]) -> None:
    """Write the .oxt of these parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _interface(functions: Sequence[WorksheetFunction]) -> bytes:
    """Declare the functions: `any` takes a number, a text, a range or nothing; the result is rows of cells.

    In LibreOffice's binary format of types, since that of text allows no underscore in a name. Texts and lists have
    their length before them; a module maps names to what it holds, both by their places in the file.
    """
    methods = b"".join(
        _text(each.python_name)
        + _text("[][]any")
        + _count(len(each.arguments))
        + b"".join(_IN + _text(_place(i)) + _text("any") for i in range(len(each.arguments)))
        + _count(0)
        for each in functions
    )
    content = _MAGIC + bytes(8)
    place = len(content)
    base = _count(1) + _text("com.sun.star.uno.XInterface")
    optional_bases = attributes = _count(0)
    content += _AN_INTERFACE + base + optional_bases + attributes + _count(len(functions)) + methods
    for name in reversed((*IDENTIFIER.split("."), _INTERFACE)):
        name_place = len(content)
        content += name.encode() + b"\0"
        module_place = len(content)
        content += _A_MODULE + _count(1) + _count(name_place) + _count(place)
        place = module_place
    outermost = _count(place + len(_A_MODULE + _count(1))) + _count(1)
    return _MAGIC + outermost + content[len(_MAGIC + outermost) :]


def _text(text: str) -> bytes:
    return _count(len(text)) + text.encode("ascii")


def _count(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _configuration(functions: Sequence[WorksheetFunction]) -> bytes:
    root = ET.Element(
        f"{{{_REGISTRY}}}component-data",
        {f"{{{_REGISTRY}}}name": "CalcAddIns", f"{{{_REGISTRY}}}package": "org.openoffice.Office"},
    )
    add_in = _node(_node(root, "AddInInfo"), IMPLEMENTATION, replace=True)
    described = _node(add_in, "AddInFunctions")
    for function in functions:
        node = _node(described, function.python_name, replace=True)
        _property(node, "DisplayName", function.name)
        _property(node, "Description", function.help)
        _property(node, "Category", "Add-In")
        _property(node, "CompatibilityName", function.name)
        parameters = _node(node, "Parameters")
        for position, argument in enumerate(function.arguments):
            parameter = _node(parameters, _place(position), replace=True)
            _property(parameter, "DisplayName", argument.label)
            _property(parameter, "Description", argument.help)
    return _xml(root)


def _place(position: int) -> str:
    """Name an argument such that the order of names is that of arguments: LibreOffice sorts them."""
    return f"a{position:02}"


def _node(parent: ET.Element, name: str, *, replace: bool = False) -> ET.Element:
    attributes = {f"{{{_REGISTRY}}}name": name}
    if replace:
        attributes[f"{{{_REGISTRY}}}op"] = "replace"
    return ET.SubElement(parent, "node", attributes)


def _property(parent: ET.Element, name: str, text: str) -> None:
    prop = ET.SubElement(parent, "prop", {f"{{{_REGISTRY}}}name": name})
    ET.SubElement(prop, "value", {_XML_LANGUAGE: "en"}).text = text


def _manifest() -> bytes:
    root = ET.Element(f"{{{_MANIFEST}}}manifest")
    for name, media_type in _MEDIA_TYPES.items():
        attributes = {f"{{{_MANIFEST}}}media-type": media_type, f"{{{_MANIFEST}}}full-path": name}
        ET.SubElement(root, f"{{{_MANIFEST}}}file-entry", attributes)
    return _xml(root)


def _xml(root: ET.Element) -> bytes:
    written: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return written


def _description(version: str) -> bytes:
    root = ET.Element(f"{{{_DESCRIPTION}}}description")
    ET.SubElement(root, f"{{{_DESCRIPTION}}}identifier", {"value": IDENTIFIER})
    ET.SubElement(root, f"{{{_DESCRIPTION}}}version", {"value": version})
    name = ET.SubElement(ET.SubElement(root, f"{{{_DESCRIPTION}}}display-name"), f"{{{_DESCRIPTION}}}name")
    name.set("lang", "en")
    name.text = "GLMM_BINOMIAL"
    return _xml(root)
