"""What a cell can hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CellError:
    """An error value of a cell, such as `#N/A`."""

    code: str

    def __str__(self) -> str:
        """Text as the cell shows it."""
        return self.code


CellValue = float | str | bool | CellError

Rows = tuple[tuple[CellValue, ...], ...]
"""The values of a rectangle of cells."""
