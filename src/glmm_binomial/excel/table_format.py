"""How a table of a worksheet function looks in Excel: bold headers, decimals, p-values."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from glmm_binomial.excel.addresses import area_name

ESTIMATE: Final = "0.0000"
VERY_SMALL: Final = "0.0E+00"
P_VALUE: Final = f"[<0.0001]{VERY_SMALL};{ESTIMATE}"

SMALL: Final = 5e-5
"""Would show as zero."""

MOST_ROWS: Final = 500
"""Of a longer table the first are formatted: each area takes Excel some milliseconds."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_P_NAMES = ("p", "p_value", "p_adjusted")

Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Formatted:
    """An area within a table, counted from zero, both ends included; `number_format` is None for a header."""

    top: int
    bottom: int
    left: int
    right: int
    number_format: str | None

    @property
    def address(self) -> str:
        """As though the table began in A1."""
        return area_name(self.top + 1, self.left + 1, self.bottom + 1, self.right + 1)


def formats_of(rows: Sequence[Row]) -> list[Formatted]:
    """What to format in a table, "" standing for a blank cell."""
    if len(rows) == 1:
        return []
    shown = rows[:MOST_ROWS]
    heads = [line for line, row in enumerate(shown) if line == 0 or _is_header(row)]
    found = []
    for top, below in zip(heads, [*heads[1:], len(shown)], strict=True):
        found.append(Formatted(top, top, 0, len(shown[top]) - 1, None))
        for column, name in enumerate(shown[top]):
            found += _of_column(shown, range(top + 1, below), column, is_p=name in _P_NAMES)
    return found


def apply_formats(area: Any, rows: Sequence[Row]) -> None:
    """Format a table whose first cell is that of an area, a COM object Range of Excel."""
    for each in formats_of(rows):
        # relative to the area
        cells = area.Range(each.address)
        if each.number_format is None:
            cells.Font.Bold = True
        else:
            cells.NumberFormat = each.number_format


def _is_header(row: Row) -> bool:
    """Whether a row below the first is a header too, as of diagnostics: names and nothing else."""
    cells = [cell for cell in row if cell != ""]
    return (
        bool(row[0]) and len(cells) > 2 and all(isinstance(cell, str) and _NAME.fullmatch(cell) for cell in cells)  # noqa: PLR2004
    )


def _of_column(rows: Sequence[Row], lines: range, column: int, *, is_p: bool) -> Iterator[Formatted]:
    for number_format, part in groupby(lines, lambda line: _number_format(rows[line][column], is_p=is_p)):
        if number_format is not None:
            first, *others = part
            yield Formatted(first, others[-1] if others else first, column, column, number_format)


def _number_format(value: object, *, is_p: bool) -> str | None:
    if not isinstance(value, float):
        return None
    if is_p:
        return P_VALUE
    if value.is_integer():
        return None
    return VERY_SMALL if abs(value) < SMALL else ESTIMATE
