"""Finds the formulas that read a cell or an area, without asking every formula."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from glmm_binomial.workbook.addresses import Area
from glmm_binomial.workbook.references import SheetArea

Reader = TypeVar("Reader", bound=Hashable)

# areas wider than this are kept in one list for each sheet
_WIDE = 64
# areas of more cells than this are compared with every single cell that is read
_MANY_CELLS = 4096


class ReaderIndex(Generic[Reader]):
    """Readers by what they read."""

    def __init__(self) -> None:
        self._cells: defaultdict[tuple[str, int, int], list[Reader]] = defaultdict(list)
        self._columns: defaultdict[tuple[str, int], defaultdict[tuple[int, int], list[Reader]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._wide: defaultdict[str, defaultdict[Area, list[Reader]]] = defaultdict(lambda: defaultdict(list))

    def add(self, read: SheetArea, reader: Reader) -> None:
        """Note that a reader reads an area."""
        sheet, area = read
        if area.rows == area.columns == 1:
            self._cells[sheet, area.top, area.left].append(reader)
        elif area.columns > _WIDE:
            self._wide[sheet][area].append(reader)
        else:
            for column in range(area.left, area.right + 1):
                self._columns[sheet, column][area.top, area.bottom].append(reader)

    def take(self, changed: SheetArea) -> Iterator[Reader]:
        """Yield the readers of an area and forget that they read it: each is told once."""
        sheet, area = changed
        yield from self._take_cells(sheet, area)
        for key in self._column_keys(sheet, area):
            spans = self._columns[key]
            for span in [span for span in spans if span[0] <= area.bottom and span[1] >= area.top]:
                yield from spans.pop(span)
        wide = self._wide[sheet]
        for read in [read for read in wide if read.overlaps(area)]:
            yield from wide.pop(read)

    def _take_cells(self, sheet: str, area: Area) -> Iterator[Reader]:
        if area.rows * area.columns <= _MANY_CELLS:
            for row, column in area.cells():
                yield from self._cells.pop((sheet, row, column), ())
            return
        inside = [
            key
            for key in self._cells
            if key[0] == sheet and area.top <= key[1] <= area.bottom and area.left <= key[2] <= area.right
        ]
        for key in inside:
            yield from self._cells.pop(key)

    def _column_keys(self, sheet: str, area: Area) -> list[tuple[str, int]]:
        if area.columns <= _WIDE:
            return [key for c in range(area.left, area.right + 1) if (key := (sheet, c)) in self._columns]
        return [key for key in self._columns if key[0] == sheet and area.left <= key[1] <= area.right]
