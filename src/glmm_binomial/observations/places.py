"""How a message names the cells of a range, as a person counts them, and writes them in a formula to be pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NAMED: Final = 3
"""Cells that are named, of all that are counted."""

STAND_IN: Final = {"y": 11, "x": 12, "groups": 13, "trials": 14, "x_random": 15}
"""Columns in the formulas of messages, counted from 1: it is not known in which the ranges stand."""

LETTERS: Final = 26


class Place(NamedTuple):
    """A cell of a range, counted from zero; its header row, if it has one, is row 0."""

    row: int
    column: int


def cell_at(argument: str, place: Place) -> str:
    """A cell at the beginning of a sentence, such as "Row 8, column 2 of x"."""
    return f"Row {place.row + 1}, column {place.column + 1} of {argument}"


def cells_at(places: Sequence[Place], *, width: int) -> str:
    """Where several cells of a range stand, the first three by name; of which range, the sentence has said.

    Parameters
    ----------
    places : sequence of Place
        At least two.
    width : int
        Columns of the range; a single one need not be counted.
    """
    named = places[:MOST_NAMED]
    if width == 1:
        return f"rows {joined([str(place.row + 1) for place in named], len(places))}"
    return joined([f"row {place.row + 1}, column {place.column + 1}" for place in named], len(places), between="; ")


def joined(named: Sequence[str], count: int, *, between: str = ", ") -> str:
    """The first few things, and how many more there are."""
    items = [*named, f"{count - len(named):,} more"] if count > len(named) else list(named)
    return items[0] if len(items) == 1 else f"{between.join(items[:-1])} and {items[-1]}"


def to_paste(argument: str, first: Place, last: Place) -> str:
    """The cells from the first to the last as a formula holds them, K2:K121 in the place of their address."""
    left = STAND_IN.get(argument, LETTERS // 2)
    corners = [f"{_letters(left + place.column)}{place.row + 1}" for place in (first, last)]
    return corners[0] if first == last else ":".join(corners)


def meaning(*pasted: tuple[str, str]) -> str:
    """What stands for which range in a formula to be pasted; begins with a comma."""
    return f", with {' and '.join(f'your range of {argument} for {cells}' for argument, cells in pasted)}"


def _letters(column: int) -> str:
    """The letters of a column that is counted from 1."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, LETTERS)
        letters = chr(ord("A") + rest) + letters
    return letters
