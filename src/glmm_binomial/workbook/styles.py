"""How cells look: what a workbook's styles say of numbers, fonts, fills and alignment."""

from dataclasses import dataclass

from lxml import etree

from glmm_binomial.workbook.contents import relationships, workbook_part
from glmm_binomial.workbook.number_format import BUILT_IN, GENERAL
from glmm_binomial.workbook.package import Package, parse_xml

_USUAL_SIZE = 11.0


@dataclass(frozen=True, slots=True)
class Look:
    """How a cell looks: the code of its number format, and its properties in the words of style sheets (CSS)."""

    number_format: str = GENERAL
    css: str = ""
    wraps: bool = False


def looks_of(package: Package) -> list[Look]:
    """Return the looks of a workbook, in the order in which its cells refer to them."""
    parts = [part for _, kind, part in relationships(package, workbook_part(package)) if kind == "styles"]
    if not parts or parts[0] not in package:
        return [Look()]
    root = parse_xml(package.read(parts[0]), parts[0])
    codes = BUILT_IN | {int(e.get("numFmtId", "0")): e.get("formatCode", "") for e in root.iterfind(".//{*}numFmt")}
    fonts = [_font(element) for element in root.iterfind("{*}fonts/{*}font")]
    fills = [_fill(element) for element in root.iterfind("{*}fills/{*}fill")]
    borders = [_border(element) for element in root.iterfind("{*}borders/{*}border")]
    return [
        Look(
            codes.get(int(element.get("numFmtId", "0")), GENERAL),
            "".join(
                (
                    _at(fonts, element.get("fontId")),
                    _at(fills, element.get("fillId")),
                    _at(borders, element.get("borderId")),
                    _alignment(element),
                )
            ),
            any(e.get("wrapText") in ("1", "true") for e in element.iterfind("{*}alignment")),
        )
        for element in root.iterfind("{*}cellXfs/{*}xf")
    ] or [Look()]


def _at(texts: list[str], number: str | None) -> str:
    place = int(number or "0")
    return texts[place] if place < len(texts) else ""


def _font(font: etree._Element) -> str:
    size = float(_value(font, "sz") or _USUAL_SIZE)
    name = (_value(font, "name") or "").lower()
    return "".join(
        (
            "font-weight:bold;" * _is_on(font, "b"),
            "font-style:italic;" * _is_on(font, "i"),
            "text-decoration:underline;" * _is_on(font, "u"),
            f"font-size:{size / _USUAL_SIZE:.3g}em;" if size != _USUAL_SIZE else "",
            "font-family:monospace;" if name in ("consolas", "courier new", "menlo") else "",
            _colour(font.find("{*}color"), "color"),
        )
    )


def _fill(fill: etree._Element) -> str:
    pattern = fill.find("{*}patternFill[@patternType='solid']")
    return "" if pattern is None else _colour(pattern.find("{*}fgColor"), "background")


def _border(border: etree._Element) -> str:
    bottom = border.find("{*}bottom[@style]")
    return "" if bottom is None else "border-bottom:1px solid #8ea9db;"


def _alignment(style: etree._Element) -> str:
    alignment = style.find("{*}alignment")
    if alignment is None:
        return ""
    horizontal, indent = alignment.get("horizontal"), int(alignment.get("indent", "0"))
    vertical = {"top": "top", "center": "middle"}.get(alignment.get("vertical", ""))
    return "".join(
        (
            f"text-align:{horizontal};" if horizontal in ("left", "center", "right") else "",
            f"vertical-align:{vertical};" if vertical else "",
            f"padding-left:{indent}em;" if indent else "",
            "white-space:pre-wrap;" if alignment.get("wrapText") in ("1", "true") else "",
        )
    )


def _colour(element: etree._Element | None, css: str) -> str:
    """Return a colour; those of the theme are left to the reader's own."""
    code = "" if element is None else element.get("rgb", "")
    return f"{css}:#{code[-6:].lower()};" if code[-6:].isalnum() and code else ""


def _is_on(font: etree._Element, name: str) -> bool:
    element = font.find(f"{{*}}{name}")
    return element is not None and element.get("val") not in ("0", "false", "none")


def _value(font: etree._Element, name: str) -> str | None:
    element = font.find(f"{{*}}{name}")
    return None if element is None else element.get("val")
