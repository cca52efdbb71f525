"""The add-in as a file that LibreOffice installs, an .oxt, written with the standard library alone.

An .oxt is a zip: the interface as UNOIDL text, what Calc should know of the functions, and the Python component. The
functions are those of WORKSHEET_FUNCTIONS with the arguments of their signatures, so a new one is here at once.
"""

import inspect
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

MODULE = "org.glmmbinomial.calc"
INTERFACE = "XWorksheetFunctions"
SERVICE = f"{MODULE}.WorksheetFunctions"
IMPLEMENTATION = f"{MODULE}.AddIn"
LAST_TABLE = "LAST_TABLE"
"""An extra function without arguments: the table that was returned last; `rewriting` says what it is for."""

MARK = "\ue000"
"""Begins a text that stands for an argument LibreOffice would change or refuse: TRUE, FALSE or an error value."""

_MANIFEST = "http://openoffice.org/2001/manifest"
_REGISTRY = "http://openoffice.org/2001/registry"
_DESCRIPTION = "http://openoffice.org/extensions/description/2006"
_COMPONENT = Path(__file__).with_name("add_in.py")
_MEDIA_TYPES = {
    "functions.idl": "application/vnd.sun.star.uno-typelibrary;type=RDB",
    "CalcAddIns.xcu": "application/vnd.sun.star.configuration-data",
    _COMPONENT.name: "application/vnd.sun.star.uno-component;type=Python",
}


def method_name(function: str) -> str:
    """Return the name of a worksheet function as a method: UNO likes no underscores."""
    return function.replace("_", "").lower()


def stored_name(function: str) -> str:
    """Return the name by which every LibreOffice since 7.4 knows the function in an .xlsx file."""
    return f"{IMPLEMENTATION}.{method_name(function)}".upper()


def write_extension(path: Path, functions: Mapping[str, Callable[..., object]]) -> None:
    """Write the .oxt for these worksheet functions."""
    arguments = {name: list(inspect.signature(function).parameters) for name, function in functions.items()}
    arguments[LAST_TABLE] = []
    parts = {
        "META-INF/manifest.xml": _manifest(),
        "description.xml": _description(),
        "functions.idl": _interface(arguments),
        "CalcAddIns.xcu": _configuration(arguments),
        _COMPONENT.name: _COMPONENT.read_bytes(),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _interface(arguments: Mapping[str, list[str]]) -> str:
    """Declare the functions: `any` takes a number, a text, a range or nothing; the result is rows of cells."""
    methods = "".join(
        f"sequence<sequence<any> > {method_name(function)}({', '.join(f'[in] any a{i}' for i in range(len(names)))});\n"
        for function, names in arguments.items()
    )
    opened = "".join(f"module {name} {{ " for name in MODULE.split("."))
    declared = f"interface {INTERFACE} {{\n{methods}}};\nservice {SERVICE.rpartition('.')[2]} : {INTERFACE};\n"
    return f"{opened}\n{declared}{'}; ' * len(MODULE.split('.'))}\n"


def _configuration(arguments: Mapping[str, list[str]]) -> bytes:
    root = ET.Element(
        f"{{{_REGISTRY}}}component-data",
        {f"{{{_REGISTRY}}}name": "CalcAddIns", f"{{{_REGISTRY}}}package": "org.openoffice.Office"},
    )
    add_in = _node(_node(root, "AddInInfo"), IMPLEMENTATION, replace=True)
    functions = _node(add_in, "AddInFunctions")
    for function, names in arguments.items():
        node = _node(functions, method_name(function), replace=True)
        _property(node, "DisplayName", function)
        _property(node, "Category", "Add-In")
        _property(node, "CompatibilityName", function)
        parameters = _node(node, "Parameters")
        for position, name in enumerate(names):
            _property(_node(parameters, f"a{position}", replace=True), "DisplayName", name)
    return ET.tostring(root, "utf-8", xml_declaration=True)


def _node(parent: ET.Element, name: str, *, replace: bool = False) -> ET.Element:
    attributes = {f"{{{_REGISTRY}}}name": name}
    if replace:
        attributes[f"{{{_REGISTRY}}}op"] = "replace"
    return ET.SubElement(parent, "node", attributes)


def _property(parent: ET.Element, name: str, text: str) -> None:
    prop = ET.SubElement(parent, "prop", {f"{{{_REGISTRY}}}name": name})
    ET.SubElement(prop, "value", {"{http://www.w3.org/XML/1998/namespace}lang": "en"}).text = text


def _manifest() -> bytes:
    root = ET.Element(f"{{{_MANIFEST}}}manifest")
    for name, media_type in _MEDIA_TYPES.items():
        attributes = {f"{{{_MANIFEST}}}media-type": media_type, f"{{{_MANIFEST}}}full-path": name}
        ET.SubElement(root, f"{{{_MANIFEST}}}file-entry", attributes)
    return ET.tostring(root, "utf-8", xml_declaration=True)


def _description() -> bytes:
    root = ET.Element(f"{{{_DESCRIPTION}}}description")
    ET.SubElement(root, f"{{{_DESCRIPTION}}}identifier", {"value": MODULE})
    ET.SubElement(root, f"{{{_DESCRIPTION}}}version", {"value": "1.0"})
    return ET.tostring(root, "utf-8", xml_declaration=True)
