"""Finds the formulas that read a cell or an area, without asking every formula."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from glmm_binomial.workbook.addresses import Area, Place
from glmm_binomial.workbook.references import SheetArea

Reader = TypeVar("Reader", bound=Hashable)

# areas wider than this are kept by blocks of so many columns, others by column
_BLOCK = 64
# areas of more cells than this are compared with every single cell that is read
_MANY_CELLS = 4096


class ReaderIndex(Generic[Reader]):
    """Readers by what they read."""

    def __init__(self) -> None:
        self._cells: defaultdict[Place, list[Reader]] = defaultdict(list)
        self._columns: defaultdict[tuple[str, int], _Areas[Reader]] = defaultdict(_Areas)
        self._blocks: defaultdict[tuple[str, int], _Areas[Reader]] = defaultdict(_Areas)

    def add(self, read: SheetArea, reader: Reader) -> None:
        """Note that a reader reads an area; all are noted before the first is taken."""
        sheet, area = read
        if area.rows == area.columns == 1:
            self._cells[sheet, area.top, area.left].append(reader)
        elif area.columns > _BLOCK:
            for block in range(area.left // _BLOCK, area.right // _BLOCK + 1):
                self._blocks[sheet, block].add(area, reader)
        else:
            for column in range(area.left, area.right + 1):
                self._columns[sheet, column].add(area, reader)

    def take(self, changed: SheetArea) -> Iterator[Reader]:
        """Yield the readers of an area and forget that they read it there."""
        sheet, area = changed
        yield from self._take_cells(sheet, area)
        for column in range(area.left, area.right + 1):
            if (sheet, column) in self._columns:
                yield from self._columns[sheet, column].take(area)
        for block in range(area.left // _BLOCK, area.right // _BLOCK + 1):
            if (sheet, block) in self._blocks:
                yield from self._blocks[sheet, block].take(area)

    def _take_cells(self, sheet: str, area: Area) -> Iterator[Reader]:
        if area.rows * area.columns <= _MANY_CELLS:
            for row, column in area.cells():
                yield from self._cells.pop((sheet, row, column), ())
            return
        inside = [key for key in self._cells if key[0] == sheet and area.holds(key[1], key[2])]
        for key in inside:
            yield from self._cells.pop(key)


class _Areas(Generic[Reader]):
    """Areas sorted by their first row, and above them a tree: a node holds the last row of all areas below it.

    So areas that end before the rows in question are passed over many at a time, and so are those that were taken.
    """

    def __init__(self) -> None:
        self._readers: defaultdict[Area, list[Reader]] = defaultdict(list)
        self._sorted: list[Area] = []
        self._last_rows: list[int] = []

    def add(self, area: Area, reader: Reader) -> None:
        self._readers[area].append(reader)

    def take(self, changed: Area) -> Iterator[Reader]:
        """Yield the readers of the areas that have a cell in common with another one, and forget these areas."""
        if not self._sorted:
            self._build()
        begun = bisect_right(self._sorted, changed.bottom, key=lambda area: area.top)
        leaves = len(self._last_rows) // 2
        todo = [(1, 0, leaves)]
        while todo:
            node, first, count = todo.pop()
            if first >= begun or self._last_rows[node] < changed.top:
                continue
            if count > 1:
                half = count // 2
                todo += [(2 * node, first, half), (2 * node + 1, first + half, half)]
            elif self._sorted[first].overlaps(changed):
                yield from self._readers.pop(self._sorted[first])
                self._forget(node)

    def _build(self) -> None:
        self._sorted = sorted(self._readers)
        leaves = 1 << (len(self._sorted) - 1).bit_length()
        self._last_rows = [0] * leaves + [area.bottom for area in self._sorted] + [0] * (leaves - len(self._sorted))
        for node in range(leaves - 1, 0, -1):
            self._last_rows[node] = max(self._last_rows[2 * node : 2 * node + 2])

    def _forget(self, node: int) -> None:
        self._last_rows[node] = 0
        while node > 1:
            node //= 2
            self._last_rows[node] = max(self._last_rows[2 * node : 2 * node + 2])
