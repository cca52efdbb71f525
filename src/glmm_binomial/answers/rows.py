"""The one exit of all tables: rows of equal length, finite numbers, and None for what is not there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Cell = str | float | bool | None
Row = list[Cell]

LONGEST_WORD = 24
"""Of a cell that decides how wide its column is."""


def finished(rows: Sequence[Sequence[object]]) -> list[Row]:
    """Rows of cells as long as the longest: text and booleans as they are, numbers as floats, None for the rest.

    What is not a finite number is left blank.
    """
    width = max(map(len, rows), default=0)
    return [[*map(_cell, row), *(None,) * (width - len(row))] for row in rows]


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str | bool):
        return value
    number = float(value)  # type: ignore[arg-type]  # everything else in a row is a number
    return number if math.isfinite(number) else None


class Tabular:
    """An answer that shows itself as rows of cells, and prints as a table."""

    __slots__ = ()

    def rows(self) -> Sequence[Sequence[object]]:
        """Rows of text, numbers, booleans, and None for what is not there; of any lengths."""
        raise NotImplementedError

    def __str__(self) -> str:
        """The rows in aligned columns, numbers with six digits."""
        return as_text(self.rows())


def as_text(rows: Sequence[Sequence[object]]) -> str:
    """Rows in aligned columns, numbers with six digits, for a console."""
    shown = [[_shown(cell) for cell in row] for row in finished(rows)]
    columns = range(len(shown[0]) if shown else 0)
    # a sentence at the end of a row may run over, as it does in a worksheet
    words = [[row[i] for row in shown if any(row[i + 1 :]) or len(row[i]) <= LONGEST_WORD] for i in columns]
    widths = [max(map(len, column), default=0) for column in words]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in shown)
    return "\n".join(lines)


def _shown(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else cell
