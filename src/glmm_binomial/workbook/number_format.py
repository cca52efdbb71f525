"""A value as a number format of Excel shows it; dates and times as ISO 8601 writes them."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from glmm_binomial.workbook.cells import CellValue

GENERAL = "General"

BUILT_IN = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    **dict.fromkeys(range(14, 18), "yyyy-mm-dd"),
    **dict.fromkeys(range(18, 22), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    37: "#,##0",
    38: "#,##0",
    39: "#,##0.00",
    40: "#,##0.00",
    **dict.fromkeys(range(45, 48), "hh:mm:ss"),
    48: "0.0E+0",
    49: "@",
}
"""The formats that a file names by number alone."""

_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[([^\]]*)\]|([eE][+-])|(General)|(.)', re.DOTALL)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?[0-9.]+)")
_HOLDS = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "=": lambda value, limit: value == limit,
    "<>": lambda value, limit: value != limit,
}
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LAST_DAY = 2_958_465
_POSITIVE, _NEGATIVE, _ZERO, _TEXT = range(4)


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of a format: its words as (kind, text), and the condition under which it holds."""

    words: tuple[tuple[str, str], ...]
    condition: tuple[str, float] | None

    def has(self, kinds: str) -> bool:
        """Whether one of some characters stands in it as a placeholder."""
        return any(kind == "mark" and text in kinds for kind, text in self.words)


def shown(value: CellValue, code: str, *, dates_from_1904: bool = False) -> str:
    """Return the text that a cell shows.

    Parameters
    ----------
    value
        Of the cell.
    code
        Of the format, such as `0.00` or `[<0.0001]0.0E+00;0.0000`.
    dates_from_1904
        Whether dates count from 1904.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    sections = [_section(text) for text in _split(code)]
    if isinstance(value, str):
        if len(sections) <= _TEXT:
            return value
        return "".join(text if kind == "text" else value for kind, text in sections[_TEXT].words if text != "")
    if not isinstance(value, float):
        return str(value)
    section, is_absolute = _chosen(value, sections)
    number = abs(value) if is_absolute else value
    if any(kind == "general" for kind, _ in section.words) or (not section.words and len(sections) == 1):
        return f"{number:.10g}"
    if section.has("yYdDhHsS") and not section.has("0#?"):
        return _moment(value, section, _EPOCH_1904 if dates_from_1904 else _EPOCH)
    return _number(number, section)


def _split(code: str) -> list[str]:
    """Cut a format at its semicolons, but not within quotation marks."""
    sections = [""]
    for match in _TOKEN.finditer(code):
        if match[0] == ";":
            sections.append("")
        else:
            sections[-1] += match[0]
    return sections


def _section(code: str) -> _Section:
    words: list[tuple[str, str]] = []
    condition = None
    for match in _TOKEN.finditer(code):
        quoted, escaped, bracket, exponent, general, mark = match.groups()
        if bracket is not None:
            found = _CONDITION.fullmatch(bracket)
            condition = (found[1], float(found[2])) if found else condition
        elif quoted is not None or escaped is not None:
            words.append(("text", quoted if quoted is not None else escaped))
        elif exponent is not None:
            words.append(("exponent", exponent))
        elif general is not None:
            words.append(("general", general))
        elif mark is not None:
            words.append(("mark" if mark in "0#?.,%@yYmMdDhHsS" else "text", mark))
        elif match[0].startswith("_"):
            words.append(("text", " "))
    return _Section(tuple(words), condition)


def _chosen(value: float, sections: list[_Section]) -> tuple[_Section, bool]:
    """Return the part of a format that holds for a number, and whether it shows the number without its sign."""
    if any(section.condition is not None for section in sections):
        for section in sections[:_TEXT]:
            if section.condition is None or _HOLDS[section.condition[0]](value, section.condition[1]):
                return section, False
        return sections[-1], False
    if value < 0 and len(sections) > _NEGATIVE:
        return sections[_NEGATIVE], True
    if value == 0 and len(sections) > _ZERO:
        return sections[_ZERO], False
    return sections[_POSITIVE], False


def _moment(value: float, section: _Section, epoch: datetime) -> str:
    if not 0 <= value <= _LAST_DAY:
        return f"{value:.10g}"
    moment = epoch + timedelta(seconds=round(value * 86_400))
    pieces = ["%Y-%m-%d"] * section.has("yYdD") + ["%H:%M:%S"] * section.has("hHsS")
    return moment.strftime(" ".join(pieces))


def _number(value: float, section: _Section) -> str:
    """Fill a number into the placeholders of a format."""
    marks = "".join(text if kind in ("mark", "exponent") else " " for kind, text in section.words)
    digits = [i for i, (kind, text) in enumerate(section.words) if kind == "mark" and text in "0#?"]
    before = "".join(text for kind, text in section.words[: digits[0] if digits else None] if kind == "text")
    if not digits:
        return before
    behind = "".join(text for kind, text in section.words[digits[0] :] if kind == "text" or text == "%")
    before += "%" * sum(text == "%" for kind, text in section.words[: digits[0]] if kind == "mark")
    mantissa, _, exponent = re.sub(r"[eE][+-]", "E", marks).partition("E")
    whole, _, fraction = mantissa.partition(".")
    value *= 100 ** marks.count("%")
    decimals = sum(mark in "0#?" for mark in fraction)
    sign, number = ("-" if value < 0 else ""), abs(value)
    if exponent:
        text, _, power = f"{number:.{decimals}E}".partition("E")
        zeros = exponent.count("0")
        plus = "+" if any("+" in text for kind, text in section.words if kind == "exponent") else ""
        shown_power = f"{'-' if int(power) < 0 else plus}{abs(int(power)):0{zeros}d}"
        return f"{before}{sign}{text}E{shown_power}{behind}"
    text = f"{number:,.{decimals}f}" if "," in whole.strip(" ") else f"{number:.{decimals}f}"
    integer, point, rest = text.partition(".")
    rest = _without_optional(rest, [mark for mark in fraction if mark in "0#?"])
    integer = integer.zfill(whole.count("0")) if whole.count("0") or integer != "0" else ""
    sign = sign if any(digit not in "0,." for digit in text) else ""
    return f"{before}{sign}{integer}{point if rest else ''}{rest}{behind}"


def _without_optional(decimals: str, marks: list[str]) -> str:
    """Drop zeros at the end for which a format has `#`."""
    while marks and marks[-1] == "#" and decimals.endswith("0"):
        marks.pop()
        decimals = decimals[:-1]
    return decimals
