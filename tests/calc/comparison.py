"""The values of `recalculate` and of LibreOffice side by side."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from calc.application import Place, Values
from calc.gaps import Gap
from calc.rewriting import Filled
from glmm_binomial.workbook import CellError, CellValue
from glmm_binomial.workbook.addresses import cell_name, parse_reference, unquoted_sheet

RELATIVE_TOLERANCE = 1e-9


HANDLE = re.compile(r"GLMM@\d+")


@dataclass(frozen=True)
class Difference:
    """A cell with two values, and the gap that explains it; `libreoffice` is None if it has no formula there."""

    place: Place
    recalculated: CellValue
    libreoffice: CellValue | None
    gap: Gap | None

    def __str__(self) -> str:
        sheet, row, column = self.place
        values = f"recalculate wrote {self.recalculated!r}, LibreOffice calculated {self.libreoffice!r}"
        return f"{sheet}!{cell_name(row, column)}: {values}"


@dataclass(frozen=True)
class Comparison:
    """How many cells were equal, by the type of their value; every cell that was not; and gaps without any."""

    equal: Mapping[type, int]
    differences: tuple[Difference, ...]
    unseen: tuple[str, ...]

    @property
    def unexplained(self) -> list[str]:
        """Differences without a gap, as text."""
        return [str(difference) for difference in self.differences if difference.gap is None]


def compare(recalculated: Path, filled: Filled, found: Values, gaps: Mapping[str, Gap]) -> Comparison:
    """Compare every cell that a formula fills; `gaps` has areas where a difference is explained."""
    expected = _values(recalculated, filled)
    named = {place: area for area in gaps for place in _places(area) if place in expected}
    equal, differences = Counter(), []
    for place, value in expected.items():
        if same(value, found.get(place)):
            equal[type(value)] += 1
            continue
        gap = gaps[named[place]] if place in named else None
        differences.append(Difference(place, value, found.get(place), gap))
    seen = {named.get(difference.place) for difference in differences}
    return Comparison(equal, tuple(differences), tuple(area for area in gaps if area not in seen))


def same(recalculated: CellValue, libreoffice: CellValue | None) -> bool:
    """Tell whether both mean the same; a boolean may be 1 or 0, see Gap.BOOLEANS.

    Of a model a cell shows a handle, and how many were made before it each program counts in its own way.
    """
    if HANDLE.fullmatch(str(recalculated)) and HANDLE.fullmatch(str(libreoffice)):
        return True
    if isinstance(recalculated, float | bool):
        return isinstance(libreoffice, float) and math.isclose(recalculated, libreoffice, rel_tol=RELATIVE_TOLERANCE)
    return recalculated == libreoffice


def _values(workbook: Path, filled: Filled) -> dict[Place, CellValue]:
    book = openpyxl.load_workbook(workbook, data_only=True)
    return {
        (sheet, row, column): _value(book[sheet].cell(row, column))
        for (sheet, _, _), area in filled.items()
        for row, column in area.cells()
    }


def _value(cell: openpyxl.cell.Cell) -> CellValue:
    if cell.value is None:
        return ""
    if cell.data_type == "e":
        return CellError(cell.value)
    return cell.value if isinstance(cell.value, bool | str) else float(cell.value)


def _places(area: str) -> list[Place]:
    sheet, cells = parse_reference(area)
    return [(unquoted_sheet(sheet.removesuffix("!")), row, column) for row, column in cells.cells()]
