"""What a recalculation gives back."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from glmm_binomial.workbook.addresses import Place, cell_name
from glmm_binomial.workbook.cells import CellError, CellValue, Rows
from glmm_binomial.workbook.package import write_atomically
from glmm_binomial.workbook.sheet_edit import FILE_ERRORS

# engines differ in the last digits of a double; whatever is stale or wrong differs by more
RELATIVE_DIFFERENCE = 1e-9
_ABSOLUTE_DIFFERENCE = 1e-12


@dataclass(frozen=True, slots=True)
class Problem:
    """A formula that could not be calculated truly, and why."""

    sheet: str
    address: str
    text: str

    def __str__(self) -> str:
        """Text as the command line shows it."""
        return f"{self.sheet}!{self.address}: {self.text}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell whose stored value is not what its formula gives here.

    `place` is its sheet, row and column. `formula` is the formula as Excel shows it. `is_below` tells whether it uses
    the results of the Python functions; else those use it.
    """

    place: Place
    formula: str
    stored: CellValue
    calculated: CellValue
    is_below: bool

    @property
    def sheet(self) -> str:
        """The sheet's name."""
        return self.place[0]

    @property
    def address(self) -> str:
        """The cell's name on its sheet."""
        return cell_name(*self.place[1:])

    def __str__(self) -> str:
        """Text as the command line shows it."""
        values = f"stored is {_shown(self.stored)}, calculated {_shown(self.calculated)}"
        return f"{self.sheet}!{self.address}: {values} ({self.formula})"


@dataclass(frozen=True, slots=True)
class CalledCell:
    """A cell whose formula calls one of the Python functions.

    `table` holds the rows of what it gives: what the cells show or, where a plain formula or an array of fixed size
    shows a part of a table, the whole table. `error` is the message or error value in it, None when there is none.
    """

    sheet: str
    address: str
    formula: str
    table: Rows
    error: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many formulas were calculated, how many kept their stored value, and how many could not be checked."""

    calculated: int
    kept: int
    not_verified: int

    def __str__(self) -> str:
        """Text as the command line shows it."""
        return f"{self.calculated:,} calculated, {self.kept:,} kept, {self.not_verified:,} not verified"


@dataclass(frozen=True, slots=True)
class Recalculation:
    """The result of a recalculation.

    Attributes
    ----------
    cells
        The cells that call Python functions; none when differences kept them from being calculated.
    problems
        The formulas whose cells hold an error value now, since they cannot be calculated here.
    unverified
        Formulas that cannot be calculated here and keep their stored value: nothing they use has changed.
    differences
        The formulas whose stored value is not what they give here.
    notes
        What else must be known, one sentence each.
    counts
        How many formulas were calculated, kept and not verified.
    content
        The workbook with fresh values as the bytes of a file, None when nothing may be written.
    """

    cells: tuple[CalledCell, ...]
    problems: tuple[Problem, ...]
    unverified: tuple[Problem, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    counts: Counts
    content: bytes | None = field(repr=False)

    def write(self, path: Path) -> None:
        """Write the workbook, whole or not at all.

        Raises
        ------
        ValueError
            When nothing may be written.
        """
        if self.content is None:
            raise ValueError("stored and calculated values differ, so there is nothing to write")
        write_atomically(path, self.content)


def is_same(stored: CellValue, calculated: CellValue) -> bool:
    """Tell whether a calculated value is the stored one, but for the last digits of a number."""
    if isinstance(stored, CellError) and isinstance(calculated, CellError):
        return _as_in_file(stored) == _as_in_file(calculated)
    if isinstance(stored, float) and isinstance(calculated, float):
        return math.isclose(stored, calculated, rel_tol=RELATIVE_DIFFERENCE, abs_tol=_ABSOLUTE_DIFFERENCE)
    return type(stored) is type(calculated) and stored == calculated


def _as_in_file(error: CellError) -> str:
    # Excel writes the newer ones as #VALUE! with more beside
    return error.code if error.code in FILE_ERRORS else "#VALUE!"


def _shown(value: CellValue) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.15g}"
    return f'"{value}"' if isinstance(value, str) else str(value)
