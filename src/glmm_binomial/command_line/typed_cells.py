"""Cells of text -> numbers, truth values and texts; which decimal mark they have is found out, or asked for.

A number is never guessed: where a comma or a point may be a decimal mark as well as set thousands apart, the file is
refused until `--decimal` says which. Codes that a number would change, such as 007, stay text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from glmm_binomial.command_line.delimited import DataFileError, Delimited

Decimal = Literal["point", "comma"]
Value = float | str | bool | None

MISSING = frozenset({"", "NA", "N/A", "."})
"""What the functions take for missing among numbers."""
_ALSO_MISSING = frozenset({"nan", "null", "none", "#n/a"})

# 12E3 may be a label, which nobody writes with a sign
_WHOLE = re.compile(r"[+-]?[0-9]+(?:[eE][+-][0-9]+)?")
_FRACTION = {
    "point": re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"),
    "comma": re.compile(r"[+-]?(?:[0-9]+,[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?"),
}
# one mark and three digits behind it: it may set thousands apart
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_GROUPED = re.compile(
    r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3}){2,}|(?:,[0-9]{3})+\.[0-9]*|(?:\.[0-9]{3}){2,}|(?:\.[0-9]{3})+,[0-9]*)"
)
_CODE = re.compile(r"0[0-9]+|[0-9]{16,}")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class TypedTable:
    """A table of values.

    Attributes
    ----------
    header
        The names of the columns.
    rows
        The cells below, None for a blank one.
    decimal
        The decimal mark, None where no number has one.
    notes
        What was done that nobody said, one sentence each.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    decimal: Decimal | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell that looks like a number, and where it stands."""

    text: str
    line: int
    column: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column} holds {self.text}"


def typed(table: Delimited, decimal: Decimal | None = None) -> TypedTable:
    """Read the numbers of a table.

    Parameters
    ----------
    table
        The cells as text.
    decimal
        The decimal mark; found out unless given.

    Raises
    ------
    DataFileError
        When the decimal mark is in doubt, or thousands are set apart.
    """
    columns = [[row[i].strip() for row in table.rows] for i in range(len(table.header))]
    numeric = [_is_mostly_numbers(cells) for cells in columns]
    cells = [
        _Cell(text, line, name or f"{i + 1}")
        for i, (name, texts) in enumerate(zip(table.header, columns, strict=True))
        if numeric[i]
        for line, text in zip(table.lines, texts, strict=True)
    ]
    mark = _decimal_mark(cells, decimal, separator=table.separator)
    notes: list[str] = []
    values: list[Sequence[Value]] = []
    for i, (name, texts) in enumerate(zip(table.header, columns, strict=True)):
        if not name:
            notes.append(f"column {i + 1} has no name and takes no part.")
        code = next((j for j, text in enumerate(texts) if numeric[i] and _CODE.fullmatch(text)), None)
        if code is not None:
            kept = f"line {table.lines[code]} holds {texts[code]}, which would not be the same as a number"
            notes.append(f"column {name or i + 1} is kept as text: {kept}.")
        if numeric[i] and code is None:
            missing = [text for text in texts if text.lower() in _ALSO_MISSING]
            if missing:
                count = "1 cell" if len(missing) == 1 else f"{len(missing):,} cells"
                notes.append(f"{missing[0]} in column {name or i + 1} ({count}) is taken for missing.")
            values.append([_number(text, mark) for text in texts])
        else:
            values.append(_truth_values(texts) or [row[i] if row[i].strip() else None for row in table.rows])
    return TypedTable(table.header, tuple(zip(*values, strict=True)), mark, tuple(notes))


def _is_mostly_numbers(texts: Iterable[str]) -> bool:
    filled = [text for text in texts if text not in MISSING and text.lower() not in _ALSO_MISSING]
    numbers = sum(_is_whole(text) or _has_mark(text) for text in filled)
    return bool(filled) and 2 * numbers >= len(filled)


def _is_whole(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None


def _has_mark(text: str) -> bool:
    return any(form.fullmatch(text) for form in (*_FRACTION.values(), _GROUPED))


def _decimal_mark(cells: Sequence[_Cell], said: Decimal | None, *, separator: str) -> Decimal | None:
    """Return the decimal mark of the numbers; the first cell that leaves a doubt is named."""
    for cell in cells:
        if _GROUPED.fullmatch(cell.text):
            raise DataFileError(f"{cell}: thousands must not be set apart. Write the number without such marks.")
    points, commas = ([cell for cell in cells if form.fullmatch(cell.text)] for form in _FRACTION.values())
    if said is not None:
        for cell in commas if said == "point" else points:
            raise DataFileError(f"{cell}, which is no number with a decimal {said}.")
        return said
    if points and commas:
        raise DataFileError(
            f"{points[0]}, and {commas[0]}: one has a point and the other a comma. Write all numbers with the same "
            "decimal mark and no other."
        )
    marked: Sequence[_Cell] = points or commas
    if not marked:
        return None
    # between commas a point is a decimal point; anything else may come from a country with decimal commas
    is_settled = bool(points) and separator == ","
    if not is_settled and all(_THOUSANDS.fullmatch(cell.text) for cell in marked):
        mark = "point" if points else "comma"
        whole = marked[0].text.replace(".", "").replace(",", "")
        raise DataFileError(
            f"{marked[0]}: is that {whole}, or is the {mark} a decimal {mark}? If it is one, say --decimal {mark}; "
            f"else write {whole}, without it."
        )
    return "point" if points else "comma"


def _number(text: str, mark: Decimal | None) -> Value:
    """Return a number, None for what is missing, and any other text as it is."""
    if not text or text.lower() in _ALSO_MISSING:
        return None
    if _is_whole(text) or (mark is not None and _FRACTION[mark].fullmatch(text)):
        return float(text.replace(",", "."))
    return text


def _truth_values(texts: Sequence[str]) -> list[Value] | None:
    """Return a column of TRUE and FALSE as truth values; None if it holds anything else but missing values."""
    filled = [text for text in texts if text not in MISSING]
    if not filled or not all(text.lower() in _TRUTH for text in filled):
        return None
    return [_TRUTH.get(text.lower(), text or None) for text in texts]
