"""Spills of more cells than the engine allows.

The engine makes a #SPILL! of an array of more than 10,000 cells. Such an array is caught on its way to the cell, its
values are written below the cell as if they had been typed, and the workbook is calculated again, until no array is
another one than what was written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from glmm_binomial.workbook.addresses import LAST_COLUMN, LAST_ROW, Area, Place
from glmm_binomial.workbook.cells import Rows
from glmm_binomial.workbook.exchange import cell_value

MOST_CELLS: Final = 10_000
"""Of an array that the engine spills by itself."""


@dataclass(slots=True)
class LargeSpills:
    """The arrays too large for the engine.

    Attributes
    ----------
    written : mapping
        By formula, the rows that stand in the workbook as values.
    caught : dict
        By formula, the rows that it has given since.
    """

    written: Mapping[Place, Rows] = field(default_factory=dict)
    caught: dict[Place, Rows] = field(default_factory=dict)

    def pass_on(self, place: Place, value: Any) -> object:
        """Return what the engine is to put into the cell: an array, or the first value of one too large for it."""
        if isinstance(value, list) and len(value) * len(value[0]) > MOST_CELLS:
            self.caught[place] = tuple(tuple(map(cell_value, row)) for row in value)
            return value[0][0] if place in self.written else value
        self.caught.pop(place, None)
        return 0.0 if value is None else value

    def area(self, place: Place) -> Area | None:
        """The cells of a written array."""
        rows = self.written.get(place)
        return None if rows is None else area_of(place, rows)


def area_of(place: Place, rows: Rows) -> Area:
    """The cells that an array fills."""
    _, row, column = place
    return Area(row, column, row + len(rows) - 1, column + len(rows[0]) - 1)


def fits(area: Area) -> bool:
    """Whether an area lies on the sheet."""
    return area.bottom <= LAST_ROW and area.right <= LAST_COLUMN
