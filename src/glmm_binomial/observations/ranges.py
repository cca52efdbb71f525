"""The ranges of a worksheet: rows of cells of equal length, their header, their numbers and labels."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from glmm_binomial.observations.cells import (
    advice_for,
    advice_on_stored_text,
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

if TYPE_CHECKING:
    from collections.abc import Iterable

MINIMUM_ROWS = 2
TRIM_BLOCK_ROWS = 4_096

LEAVE_OUT = "Correct the cell, or leave its row out of every range."

MATRIX = 2
SINGLE_COLUMNS = frozenset({"y", "groups", "trials", "new_groups"})

Rows = list[list[object]] | NDArray[Any]
"""Rows of cells; an array only when all its cells are numbers."""


def as_rows(name: str, cells: object, *, minimum_rows: int = MINIMUM_ROWS) -> Rows:
    """Rows of cells of equal length; the cells themselves are not looked at.

    An array of numbers stays an array, with a second dimension; everything else becomes lists.
    """
    cells = _without_array(cells)
    if isinstance(cells, np.ndarray):
        _require_shape(name, len(cells), {cells.shape[1]}, minimum_rows=minimum_rows)
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
    _require_shape(name, len(cells), widths, minimum_rows=minimum_rows)
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


def _require_shape(name: str, rows: int, widths: set[int], *, minimum_rows: int) -> None:
    if rows < minimum_rows:
        reject_row_count(name, rows, minimum_rows=minimum_rows)
    if widths == {0}:
        reject(f"{name} must have at least 1 column(s).")
    if name in SINGLE_COLUMNS and widths != {1}:
        reject(f"{name} must be a column vector (single column). It has {widths.pop()} columns.")


def _reject_too_short(name: str, cells: list[object] | tuple[object, ...], minimum_rows: int) -> NoReturn:
    """Refuse a range with too few rows; a single cell that holds an error or a message is what is wrong with it."""
    cell, content = single_cell(cells), ""
    if isinstance(cell, str | Exception) and not is_blank(cell):
        content = f" It {found(cell)}: correct the formula in that cell, or select more than the one."
    reject(f"{name} must have at least {minimum_rows} row(s). It has {len(cells)}.{content}")


def reject_row_count(name: str, rows: int, *, minimum_rows: int = MINIMUM_ROWS, header: bool = False) -> NoReturn:
    """Refuse a range with too few rows."""
    has = f"Below the header it has {rows}." if header else f"It has {rows}."
    reject(f"{name} must have at least {minimum_rows} row(s). {has}")


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
    """Whether the first row of x is a header: all of its cells hold text.

    Texts that all read as numbers may still be names, such as years; but not above a y that begins with a number.
    """
    if not all(isinstance(cell, str) and not is_blank(cell) for cell in x[0]):
        return False
    is_named = y is None or (isinstance(y[0][0], str) and not is_number_stored_as_text(y[0][0]))
    return is_named or not all(map(is_number_stored_as_text, x[0]))


def names_of(name: str, rows: Rows, *, header: bool) -> tuple[str, ...]:
    """Names of the columns: those of the header row, or x1, x2 ... and random_x1, random_x2 ..."""
    if header:
        for column, cell in enumerate(rows[0], 1):
            if not isinstance(cell, str) or is_blank(cell):
                reject(
                    f"{name} must have a header row, as x has: the first row of x is all text. Row 1, column {column} "
                    f"of {name} {found(cell)}. Select the headers of all ranges or of none; if the first row of x "
                    "is data, code its categories as columns of 0 and 1, with GLMM_BINOMIAL_DESIGN for example, and "
                    "make numbers of its numbers stored as text."
                )
        return tuple(cast("str", cell).strip() for cell in rows[0])
    prefix = "random_x" if name == "x_random" else name
    return tuple(f"{prefix}{column}" for column in range(1, len(rows[0]) + 1))


def frame_names(cells: object) -> tuple[str, ...]:
    """Names of the columns of a data frame, of pandas or of polars, when all are text; nothing of anything else."""
    names = getattr(cells, "columns", None)
    if names is None or not all(isinstance(name, str) and name.strip() for name in names):
        return ()
    return tuple(name.strip() for name in names)


def require_equal_lengths(data: dict[str, Range]) -> None:
    """Refuse ranges with fewer than two rows of data, or with different numbers of rows."""
    lengths = {name: len(cells.rows) for name, cells in data.items()}
    for name, length in lengths.items():
        if length < MINIMUM_ROWS:
            reject_row_count(name, length, header=data[name].header)
    if not lengths["y"] == lengths["x"] == lengths["groups"]:
        reject(
            "y, x, and groups must have the same number of rows. "
            f"They have {lengths['y']}, {lengths['x']} and {lengths['groups']}."
        )
    for name in ("x_random", "trials"):
        if name in lengths and lengths[name] != lengths["y"]:
            reject(f"{name} must have the same number of rows as y. It has {lengths[name]}, y has {lengths['y']}.")


@dataclass(frozen=True, slots=True)
class Range:
    """The data rows of one argument, without the header row."""

    name: str
    rows: Rows
    header: bool

    def cells(self) -> Iterable[object]:
        """All cells, row by row."""
        return self.rows.ravel().tolist() if isinstance(self.rows, np.ndarray) else chain.from_iterable(self.rows)

    def reject_cell(self, row: int, column: int, *, rule: str, advice: str = "") -> NoReturn:
        """Name a cell twice: by its position from zero, and as a person counts, the header row included.

        Without another advice, the cell is to be corrected.
        """
        at = row + self.header
        where = f"Row {at + 1}, column {column + 1} of {self.name} {found(self.rows[row][column])}."
        reject(f"{self.name}[{at}][{column}] {rule} {where} {advice or LEAVE_OUT}")

    def numbers(self) -> NDArray[np.float64]:
        """All cells as an (N, columns) array; booleans count as 0 and 1."""
        values = self._values()
        finite = np.isfinite(values)
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            self.reject_cell(row, column, rule="must be finite.")
        return values

    def _values(self) -> NDArray[np.float64]:
        if isinstance(self.rows, np.ndarray):
            with np.errstate(over="ignore"):
                return self.rows.astype(np.float64)
        shape = (len(self.rows), len(self.rows[0]))
        if not all(map(is_number_type, set(map(type, self.cells())))):
            self._reject_first_non_number()
        try:
            with np.errstate(over="ignore"):
                return np.fromiter(self.cells(), dtype=np.float64, count=shape[0] * shape[1]).reshape(shape)
        except OverflowError:
            return np.array([float_or_infinity(cell) for cell in self.cells()]).reshape(shape)

    def _reject_first_non_number(self) -> NoReturn:
        row, column = next(
            (i, j)
            for i, cells in enumerate(self.rows)
            for j, cell in enumerate(cells)
            if not is_number_type(type(cell))
        )
        stored = is_number_stored_as_text(self.rows[row][column])
        advice = advice_on_stored_text(self.cells(), self.name) if stored else advice_for(self.rows[row][column])
        if row == 0 and not self.header and isinstance(self.rows[0][column], str):
            unnamed = self.name == "x" and any(map(is_blank, self.rows[0]))
            condition = (
                "each of its cells must hold a name" if unnamed else "x and every other range must have one as well"
            )
            advice += f" If this is a header row, {condition}."
        self.reject_cell(row, column, rule="must be numeric.", advice=advice.strip())

    def labels(self) -> tuple[NDArray[np.intp], tuple[object, ...]]:
        """Index (N,) of each row's label and the distinct labels in the order of their first appearance."""
        if not all(map(is_label_type, set(map(type, self.cells())))):
            self._reject_label(next(i for i, (cell,) in enumerate(self.rows) if not is_label_type(type(cell))))
        index, labels = distinct_labels(self.cells())
        for position, label in enumerate(labels):
            if not is_label(label):
                self._reject_label(int(np.argmax(index == position)))
        return index, labels

    def _reject_label(self, row: int) -> NoReturn:
        cell = self.rows[row][0]
        if is_number_type(type(cell)) and not math.isfinite(float_or_infinity(cell)):
            self.reject_cell(row, 0, rule="must be finite.")
        advice = "Was the wrong column picked?" if is_number_type(type(cell)) else advice_for(cell)
        self.reject_cell(row, 0, rule="must be a whole number or text.", advice=advice)
