"""The ranges of a worksheet: rows of cells of equal length, their header, their numbers and labels."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from glmm_binomial.observations.cells import (
    describe,
    float_or_infinity,
    found,
    is_blank,
    is_label,
    is_label_type,
    is_number_stored_as_text,
    is_number_type,
    reject,
    single_cell,
)
from glmm_binomial.observations.labels import distinct_labels
from glmm_binomial.observations.options import in_its_place, is_method
from glmm_binomial.observations.places import Place, cell_at, cells_at, meaning, to_paste
from glmm_binomial.observations.wording import listed
from glmm_binomial.observations.wrong_cells import reject_cells, reject_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MINIMUM_ROWS = 2
TRIM_BLOCK_ROWS = 4_096

LABEL_RULE: Final = "must be a whole number or text."

MATRIX = 2
PAIR = 2
SINGLE_COLUMNS = frozenset({"y", "groups", "trials", "new_groups"})

Fault = Literal["blank", "infinite", "fraction"]
"""What is wrong with a label that is none."""

Rows = list[list[object]] | NDArray[Any]
"""Rows of cells; an array only when all its cells are numbers."""


def as_rows(name: str, cells: object, *, minimum_rows: int = MINIMUM_ROWS, most_columns: int = 1) -> Rows:
    """Rows of cells of equal length; the cells themselves are not looked at.

    Arguments that are to have one column may have `most_columns`. An array of numbers stays an array, with a second
    dimension; everything else becomes lists.
    """
    cells = _without_array(cells)
    if isinstance(cells, np.ndarray):
        _require_shape(name, len(cells), {cells.shape[1]}, minimum_rows=minimum_rows, most_columns=most_columns)
        return cells
    if not isinstance(cells, list | tuple):
        reject(f"{name} must be a 2D list. It is of type {type(cells).__name__}.")
    if len(cells) < minimum_rows:
        _reject_too_short(name, cells, minimum_rows)
    if not set(map(type, cells)) <= {list, tuple}:
        first = next(i for i, row in enumerate(cells) if not isinstance(row, list | tuple))
        reject(f"{name} row {first} must be a list.")
    widths = set(map(len, cells))
    if len(widths) > 1:
        first = next(i for i, row in enumerate(cells) if len(row) != len(cells[0]))
        reject(
            f"{name} must have consistent column count. Row 1 has {len(cells[0])} column(s), "
            f"row {first + 1} has {len(cells[first])}."
        )
    _require_shape(name, len(cells), widths, minimum_rows=minimum_rows, most_columns=most_columns)
    return cast("list[list[object]]", cells)


def _without_array(cells: object) -> object:
    """A scalar as one cell, a data frame or an array of anything but numbers as rows, an array of numbers as it is."""
    if cells is None or isinstance(cells, str | numbers.Number | np.generic | Exception):
        return [[cells]]
    if hasattr(cells, "to_numpy"):
        cells = cells.to_numpy()
    if not isinstance(cells, np.ndarray):
        return cells
    if cells.ndim < MATRIX:
        cells = cells.reshape(-1, 1)
    # a masked entry becomes None in a list, which is a blank cell
    is_plain = cells.ndim == MATRIX and cells.dtype.kind in "biuf" and not isinstance(cells, np.ma.MaskedArray)
    return np.asarray(cells) if is_plain else cells.tolist()


def _require_shape(name: str, rows: int, widths: set[int], *, minimum_rows: int, most_columns: int) -> None:
    if rows < minimum_rows:
        reject_row_count(name, rows, minimum_rows=minimum_rows, width=max(widths, default=0))
    if widths == {0}:
        reject(f"{name} must have at least 1 column(s).")
    if name in SINGLE_COLUMNS and max(widths) > most_columns:
        _reject_wide(name, rows, widths.pop(), most_columns=most_columns)


def _reject_too_short(name: str, cells: list[object] | tuple[object, ...], minimum_rows: int) -> NoReturn:
    """Refuse a range with too few rows; a single cell that holds an error or a message is what is wrong with it."""
    cell = single_cell(cells)
    if name == "x_random" and is_method(cell):
        reject(f"x_random must be columns of numbers. It {found(cell)}{in_its_place(cell)}")
    if isinstance(cell, str | Exception) and not is_blank(cell):
        reject(
            f"{name} must have at least {minimum_rows} row(s). It has {len(cells)}. It {found(cell)}: correct the "
            "formula in that cell, or select more than the one."
        )
    first = cells[0] if cells else ()
    width = len(first) if isinstance(first, list | tuple) else 0
    reject_row_count(name, len(cells), minimum_rows=minimum_rows, width=width)


def reject_row_count(
    name: str, rows: int, *, minimum_rows: int = MINIMUM_ROWS, header: bool = False, width: int = 1
) -> NoReturn:
    """Refuse a range with too few rows; one row of many cells is perhaps a column that lies on its side."""
    has = f"Below the header it has {rows}." if header else f"It has {rows}."
    if rows == 1 and width > 1:
        row = to_paste(name, Place(0, 0), Place(0, width - 1))
        has = f"It has 1, of {width:,} cells: if these are the rows, use =TRANSPOSE({row}){meaning((name, row))}."
    elif rows <= 1:
        has += " Select the cells of all rows."
    reject(f"{name} must have at least {minimum_rows} row(s). {has}")


def _reject_wide(name: str, rows: int, width: int, *, most_columns: int) -> NoReturn:
    """Refuse several columns where one must be, and say what makes one of them."""
    if most_columns > 1 and width <= rows:
        reject(f"{name} must have at most {most_columns} columns. It has {width:,}: select one of them, or two.")
    first, second = (to_paste(name, Place(0, column), Place(rows - 1, column)) for column in range(2))
    explained = meaning((f"{name}, column by column,", f"{first} and {second}"))
    advice = "Select one of them."
    if width > rows:
        row = to_paste(name, Place(0, 0), Place(0, width - 1))
        advice = f"If a row holds the data, use =TRANSPOSE({row}){meaning((name, row))}."
    elif name in {"groups", "new_groups"}:
        advice = f'Select one of them; for each pair of labels as a group use ={first}&"/"&{second}{explained}.'
    elif name == "y" and width == PAIR:
        advice = (
            f"Select one of them; if they hold successes and failures, give the first as y and ={first}+{second} as "
            f"trials{explained}."
        )
    reject(f"{name} must be a column vector (single column). It has {width} columns. {advice}")


def trim(rows: dict[str, Rows], *, minimum_rows: int = MINIMUM_ROWS) -> dict[str, Rows]:
    """Cut the rows at the end in which every range is blank."""
    used = max(_used_rows(cells) for cells in rows.values())
    trimmed = {name: cells if len(cells) <= used else cells[:used] for name, cells in rows.items()}
    for name, cells in trimmed.items():
        if len(cells) < minimum_rows:
            reject_row_count(name, len(cells), minimum_rows=minimum_rows)
    return trimmed


def _used_rows(rows: Rows) -> int:
    """Number of rows up to the last that is not blank."""
    if isinstance(rows, np.ndarray):
        return len(rows)
    end = len(rows)
    # a whole column is a million rows: look at blocks of rows at C speed first
    while end >= TRIM_BLOCK_ROWS and _has_only_none(rows[end - TRIM_BLOCK_ROWS : end]):
        end -= TRIM_BLOCK_ROWS
    while end and all(map(is_blank, rows[end - 1])):
        end -= 1
    return end


def _has_only_none(rows: Rows) -> bool:
    return set(map(type, chain.from_iterable(rows))) == {NoneType}


def header_of(x: Rows, y: Rows | None = None) -> bool:
    """Whether the first row of x is a header: all of its cells hold text that does not stand below as well.

    Texts that all read as numbers may still be names, such as years; but not above a y that begins with a number.
    """
    if not all(isinstance(cell, str) and not is_blank(cell) for cell in x[0]):
        return False
    if any(_rows_below(x, column) for column in range(len(x[0]))):
        return False
    is_named = y is None or (isinstance(y[0][0], str) and not is_number_stored_as_text(y[0][0]))
    return is_named or not all(map(is_number_stored_as_text, x[0]))


def _rows_below(rows: Rows, column: int) -> list[int]:
    """The rows, counted from zero, in which the text of the first cell of a column stands again."""
    first = rows[0][column]
    return [row for row in range(1, len(rows)) if isinstance(rows[row][column], str) and rows[row][column] == first]


def names_of(name: str, rows: Rows, *, header: bool, like: str = "x") -> tuple[str, ...]:
    """Names of the columns: those of the header row, or x1, x2 ... and random_x1, random_x2 ...

    Parameters
    ----------
    name : str
        Of the argument.
    rows : Rows
        The header row included.
    header : bool
        Whether there is one, in the range named `like`.
    like : str
    """
    if not header:
        prefix = "random_x" if name == "x_random" else name
        return tuple(f"{prefix}{column}" for column in range(1, len(rows[0]) + 1))
    for column in range(len(rows[0])):
        _require_header(name, rows, Place(0, column), like=like)
    return tuple(cast("str", cell).strip() for cell in rows[0])


def _require_header(name: str, rows: Rows, place: Place, *, like: str) -> None:
    """Refuse what is no header, or a label of the data in its place."""
    cell = rows[0][place.column]
    rule = f"{name} must have a header row, as {like} has: the first row of {like} is all text."
    if not isinstance(cell, str) or is_blank(cell):
        is_name = is_number_type(type(cell))
        named = (
            f' A header must be text: if {describe(cell)} is one, write it as ="{describe(cell)}".' if is_name else ""
        )
        reject(
            f"{rule} {cell_at(name, place)} {found(cell)}.{named} Select the headers of all ranges or of none; if the "
            f"first row of {like} is data, code its categories as columns of 0 and 1, with GLMM_BINOMIAL_DESIGN for "
            "example, and make numbers of its numbers stored as text."
        )
    below = _rows_below(rows, place.column)
    if below:
        again = [Place(row, place.column) for row in below]
        where = cell_at(name, again[0]) if len(again) == 1 else f"{len(again):,} cells below"
        rest = "" if len(again) == 1 else f" ({cells_at(again, width=len(rows[0]))})"
        where = f"{where[0].lower()}{where[1:]}" if where.startswith("Row") else where
        reject(
            f"{rule} {cell_at(name, place)} {found(cell)}, which stands in {where} too{rest}, as no header does. "
            "Select the headers of all ranges or of none."
        )


def frame_names(cells: object) -> tuple[str, ...]:
    """Names of the columns of a data frame, of pandas or of polars, when all are text; nothing of anything else."""
    names = getattr(cells, "columns", None)
    if names is None or not all(isinstance(name, str) and name.strip() for name in names):
        return ()
    return tuple(name.strip() for name in names)


def require_equal_lengths(data: dict[str, Range]) -> None:
    """Refuse ranges with fewer than two rows of data, or with different numbers of rows."""
    lengths = {name: cells.height for name, cells in data.items()}
    for name, length in lengths.items():
        if length < MINIMUM_ROWS:
            reject_row_count(name, length, header=data[name].has_header)
    together = [name for name in ("y", "x", "groups") if name in lengths]
    if len({lengths[name] for name in together}) > 1:
        has = listed([f"{lengths[name]:,}" for name in together])
        reject(f"y, x, and groups must have the same number of rows. They have {has}: select the same rows of each.")
    for name in ("x_random", "trials"):
        if name in lengths and lengths[name] != lengths["y"]:
            reject(
                f"{name} must have the same number of rows as y. It has {lengths[name]:,}, y has {lengths['y']:,}: "
                "select the same rows of both."
            )


@dataclass(frozen=True, slots=True)
class Range:
    """The data rows of one argument, without the header row.

    Attributes
    ----------
    name : str
        Of the argument.
    rows : Rows
    header : tuple of str
        The names in the row above them; () where there is none.
    """

    name: str
    rows: Rows
    header: tuple[str, ...] = ()

    @property
    def has_header(self) -> bool:
        """Whether a header row stands above the rows, which is counted when a cell is named."""
        return bool(self.header)

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.rows[0])

    def cells(self) -> Iterable[object]:
        """All cells, row by row."""
        return self.rows.ravel().tolist() if isinstance(self.rows, np.ndarray) else chain.from_iterable(self.rows)

    def column(self, column: int) -> list[object]:
        """The cells of a column."""
        return [row[column] for row in self.rows]

    def place(self, row: int, column: int) -> Place:
        """Where a cell stands that is counted from zero below the header."""
        return Place(row + self.has_header, column)

    def places(self) -> Iterator[Place]:
        """Where all cells stand, row by row."""
        return (self.place(row, column) for row in range(self.height) for column in range(self.width))

    def heading(self, column: int) -> str:
        """The name of a column in the header row; "" where there is none."""
        return self.header[column] if self.header else ""

    def cell(self, place: Place) -> object:
        """What stands at a place."""
        return self.rows[place.row - self.has_header][place.column]

    def to_paste(self, column: int, *, header: bool = False) -> str:
        """The cells of a column as a formula holds them, with the header or without."""
        first = Place(0, column) if header else self.place(0, column)
        return to_paste(self.name, first, self.place(self.height - 1, column))

    def reject_cell(self, row: int, column: int, *, rule: str, advice: str = "") -> NoReturn:
        """Refuse one cell, counted from zero below the header."""
        reject_cells(self, [self.place(row, column)], rule=rule, several="", advice=advice)

    def reject_rows(self, rows: NDArray[np.intp], *, rule: str, several: str, advice: str = "") -> NoReturn:
        """Refuse cells of a range of one column, in rows counted from zero below the header."""
        places = [self.place(row, 0) for row in rows.tolist()]
        reject_cells(self, places, rule=rule, several=several, advice=advice)

    def numbers(self) -> NDArray[np.float64]:
        """All cells as an (N, columns) array; booleans count as 0 and 1."""
        values = self._values()
        beyond = np.argwhere(~np.isfinite(values))
        if len(beyond):
            places = [self.place(row, column) for row, column in beyond.tolist()]
            reject_cells(self, places, rule="must be finite.", several="are no finite numbers")
        return values

    def _values(self) -> NDArray[np.float64]:
        if isinstance(self.rows, np.ndarray):
            with np.errstate(over="ignore"):
                return self.rows.astype(np.float64)
        shape = (self.height, self.width)
        if not all(map(is_number_type, set(map(type, self.cells())))):
            reject_unreadable(self, lambda cell: is_number_type(type(cell)), rule="must be numeric.")
        try:
            with np.errstate(over="ignore"):
                return np.fromiter(self.cells(), dtype=np.float64, count=shape[0] * shape[1]).reshape(shape)
        except OverflowError:
            return np.array([float_or_infinity(cell) for cell in self.cells()]).reshape(shape)

    def labels(self, column: int = 0) -> tuple[NDArray[np.intp], tuple[object, ...]]:
        """Index (N,) of each row's label and the distinct labels in the order of their first appearance."""
        if not all(map(is_label_type, set(map(type, self.cells())))):
            self._reject_no_labels()
        index, labels = distinct_labels(self.cells() if self.width == 1 else self.column(column))
        faults = [None if is_label(label) else _fault(label) for label in labels]
        wrong = next((fault for fault in faults if fault is not None), None)
        if wrong is not None:
            alike = [position for position, fault in enumerate(faults) if fault == wrong]
            self._reject_labels(wrong, np.flatnonzero(np.isin(index, alike)), column)
        return index, labels

    def _reject_no_labels(self) -> NoReturn:
        reject_unreadable(self, lambda cell: is_label_type(type(cell)) and not is_blank(cell), rule=LABEL_RULE)

    def _reject_labels(self, fault: Fault, rows: NDArray[np.intp], column: int) -> NoReturn:
        """Refuse labels of a column, all at fault in the same way."""
        if fault == "blank":
            self._reject_no_labels()
        places = [self.place(row, column) for row in rows.tolist()]
        if fault == "infinite":
            reject_cells(self, places, rule="must be finite.", several="are no finite numbers")
        cells = self.to_paste(column)
        reject_cells(
            self,
            places,
            rule=LABEL_RULE,
            several=f"hold fractions, such as {describe(self.rows[rows[0]][column])}",
            advice=(
                f'Was the wrong column picked? If they are labels, make text of them by ={cells}&""'
                f"{meaning((self.name, cells))}."
            ),
        )


def _fault(label: object) -> Fault:
    """What is wrong with a label that is none."""
    if isinstance(label, str):
        return "blank"
    return "fraction" if math.isfinite(float_or_infinity(label)) else "infinite"
