"""A1 notation: cells, areas and references, as text and as numbers. Rows and columns are counted from 1."""

import re
from dataclasses import dataclass

LAST_ROW = 1_048_576
LAST_COLUMN = 16_384

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")
_COLUMNS = re.compile(r"\$?([A-Za-z]{1,3}):\$?([A-Za-z]{1,3})")
_ROWS = re.compile(r"\$?([0-9]{1,7}):\$?([0-9]{1,7})")
_REFERENCE = re.compile(r"(?P<sheet>(?:'(?:[^']|'')+'|[^'!:\[\]]+)!)?(?P<area>[A-Za-z0-9$]+(?::[A-Za-z0-9$]+)?)")

Position = tuple[int, int]
"""Row and column of a cell."""

Place = tuple[str, int, int]
"""Sheet, row and column of a cell."""


@dataclass(frozen=True, slots=True, order=True)
class Area:
    """A rectangle of cells, both corners included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.bottom - self.top + 1

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.right - self.left + 1

    def cells(self) -> list[Position]:
        """Row and column of every cell, row by row."""
        return [(r, c) for r in range(self.top, self.bottom + 1) for c in range(self.left, self.right + 1)]

    def overlaps(self, other: "Area") -> bool:
        """Tell whether the two have a cell in common."""
        return (
            self.top <= other.bottom
            and other.top <= self.bottom
            and self.left <= other.right
            and other.left <= self.right
        )

    def holds(self, row: int, column: int) -> bool:
        """Tell whether a cell lies inside."""
        return self.top <= row <= self.bottom and self.left <= column <= self.right

    def __str__(self) -> str:
        """Text as a sheet's XML writes it: `A1` or `A1:B2`."""
        first, last = cell_name(self.top, self.left), cell_name(self.bottom, self.right)
        return first if first == last else f"{first}:{last}"


def cell_name(row: int, column: int) -> str:
    """Write row 2, column 28 as `AB2`."""
    return f"{column_name(column)}{row}"


def column_name(column: int) -> str:
    """Write column 28 as `AB`."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_position(name: str) -> Position:
    """Read `AB2` as row 2, column 28.

    Raises
    ------
    ValueError
        When the text is no address inside a sheet.
    """
    match = _CELL.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not the address of a cell")
    row, column = int(match[2]), column_number(match[1])
    if not (1 <= row <= LAST_ROW and column <= LAST_COLUMN):
        raise ValueError(f"{name!r} lies outside the sheet")
    return row, column


def parse_area(text: str) -> Area:
    """Read `A1`, `A1:B2`, `A:B` or `1:2`; dollar signs do not matter.

    Raises
    ------
    ValueError
        When the text is no area inside a sheet.
    """
    first, colon, last = text.partition(":")
    if not colon:
        row, column = cell_position(first)
        return Area(row, column, row, column)
    if match := _COLUMNS.fullmatch(text):
        left, right = sorted((column_number(match[1]), column_number(match[2])))
        return Area(1, left, LAST_ROW, right)
    if match := _ROWS.fullmatch(text):
        top, bottom = sorted((int(match[1]), int(match[2])))
        return Area(top, 1, bottom, LAST_COLUMN)
    (r1, c1), (r2, c2) = cell_position(first), cell_position(last)
    return Area(min(r1, r2), min(c1, c2), max(r1, r2), max(c1, c2))


def parse_reference(text: str) -> tuple[str, Area] | None:
    """Read `'My sheet'!$A$1:$B$2` as prefix (`'My sheet'!` or nothing) and area; None if it is no such text."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    try:
        return match["sheet"] or "", parse_area(match["area"])
    except ValueError:
        return None


def quoted_sheet(name: str) -> str:
    """Write a sheet's name as formulas do, always in quotes: `'Bob''s data'`."""
    return "'" + name.replace("'", "''") + "'"


def unquoted_sheet(text: str) -> str:
    """Read a sheet's name from a formula, with or without quotes."""
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def column_number(letters: str) -> int:
    """Read `AB` as 28."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number
