"""What one cell holds: whether it can serve as a number or a label, and how to name it to a person."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Final, NoReturn, cast

import numpy as np

from glmm_binomial.errors import InvalidInputError
from glmm_binomial.observations.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from numpy.typing import NDArray

ERROR_CELLS: Final = {
    RuntimeError: "#N/A",
    ArithmeticError: "#NUM!",
    ValueError: "#VALUE!",
    ZeroDivisionError: "#DIV/0!",
    ReferenceError: "#REF!",
    NameError: "#NAME?",
    LookupError: "#NULL!",
}
"""How PyXLL hands over the error cells of a worksheet."""

MISSING_MARKS: Final = frozenset({"NA", "N/A", "."})
"""Texts, in any case, that count as missing in a table's columns of numbers."""

LOOK_MISSING: Final = MISSING_MARKS | {"-", "--", "?", "N.A.", "NAN", "NULL", "NONE", "NIL", "MISSING", "#N/A"}
"""Texts, in any case, that people write where a value is missing."""

PYTHON_GROUPS_DIGITS: Final = "_"
"""Python reads the text 1_000 as a number, Excel does not."""

HOW_TO_CONVERT: Final = "with VALUE() or Data > Text to Columns."


def reject(message: str) -> NoReturn:
    """Refuse the input with the text that a cell will show."""
    raise InvalidInputError(f"Invalid input: {message}")


def single_cell(value: object) -> object:
    """A 1 x 1 range stands for the cell in it."""
    if isinstance(value, list | tuple) and len(value) == 1:
        return single_cell(value[0])
    return value


def is_blank(cell: object) -> bool:
    """Whether a cell is empty, or a formula in it returned nothing to be seen."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def is_number_type(kind: type) -> bool:
    """Whether cells of a type count as numbers; booleans are 0 and 1."""
    # numpy counts spans of time among the whole numbers
    return issubclass(kind, numbers.Real | np.bool_) and not issubclass(kind, np.timedelta64)


def is_missing_mark(text: str) -> bool:
    """Whether a text is what people write where a value is missing."""
    return text.strip().upper() in LOOK_MISSING


def is_label_type(kind: type) -> bool:
    """Whether cells of a type can be the label of a group."""
    return issubclass(kind, str) or is_number_type(kind)


def is_label(label: object) -> bool:
    """Whether a cell of a label's type is one: text that can be seen, a boolean, or a whole number."""
    if isinstance(label, str):
        return bool(label.strip())
    if isinstance(label, bool | np.bool_):
        return True
    number = float_or_infinity(label)
    return math.isfinite(number) and number == math.floor(number)


def is_whole_in_a_cell(number: float) -> bool:
    """Whether a number is whole to the 15 digits that a cell shows: 28.999999999999996 is 29."""
    return math.isfinite(number) and float(f"{number:.15g}").is_integer()


def as_whole(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers, with those that are whole to the 15 digits that a cell shows made whole."""
    fractions = np.flatnonzero(values != np.rint(values))
    nearly = [place for place in fractions.tolist() if is_whole_in_a_cell(float(values[place]))]
    if not nearly:
        return values
    whole = values.copy()
    whole[nearly] = np.rint(values[nearly])
    return whole


def is_number_stored_as_text(cell: object) -> bool:
    """Whether a cell holds text that reads as a number, with a decimal comma or a percent sign if need be."""
    if not isinstance(cell, str) or PYTHON_GROUPS_DIGITS in cell:
        return False
    try:
        return math.isfinite(float(cell.strip().removesuffix("%").replace(",", ".")))
    except ValueError:
        return False


def whole_number_in(text: str) -> int | None:
    """The whole number that a text reads as, however it is written; None when it reads as none."""
    if PYTHON_GROUPS_DIGITS in text:
        return None
    try:
        # not by way of a float, which would round it
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def likeness(label: object, whole_numbers: Set[object]) -> object:
    """What labels have in common that a reader would take for the same.

    Texts are alike but for case and spaces around them, and a text is like the number it reads as, when that is among
    the whole numbers of the other labels.
    """
    if isinstance(label, str):
        value = whole_number_in(label)
        return value if value in whole_numbers else label.strip().casefold()
    return math.floor(label) if isinstance(label, numbers.Real) else describe(label)


def whole_numbers_among(labels: Iterable[object]) -> frozenset[object]:
    """The labels that are numbers."""
    return frozenset(math.floor(label) for label in labels if isinstance(label, numbers.Real))


def float_or_infinity(cell: object) -> float:
    """A number as a float; whole numbers beyond the range of floats become infinite."""
    try:
        return float(cast("float", cell))
    except OverflowError:
        return math.inf


def describe(cell: object) -> str:
    """A cell's content as a person would write it."""
    if isinstance(cell, str):
        return f"the text '{shortened(cell)}'"
    if isinstance(cell, bool | np.bool_):
        return "TRUE" if cell else "FALSE"
    if is_number_type(type(cell)):
        number = float_or_infinity(cell)
        return "a number too large for a cell" if math.isinf(number) else f"{number:.15g}"
    if isinstance(cell, Exception):
        return f"the error {ERROR_CELLS.get(type(cell), repr(cell))}"
    if is_blank(cell):
        return "blank"
    if isinstance(cell, list | tuple | np.ndarray):
        return "several cells"
    return f"something of type {type(cell).__name__}"


def found(cell: object) -> str:
    """What was found in a cell, as the rest of a sentence about it."""
    if is_blank(cell):
        return "is blank"
    if is_number_type(type(cell)):
        number = float_or_infinity(cell)
        if f"{number:.15g}" != f"{number:.17g}" and float(f"{number:.15g}").is_integer():
            # nearly a whole number, which is what is wrong with it
            return f"holds {number!r}"
    return f"holds {describe(cell)}"


def advice_on_stored_text(cells: Iterable[object], where: str) -> str:
    """How many cells are numbers stored as text, and what to do about them."""
    count = sum(map(is_number_stored_as_text, cells))
    if count == 1:
        return f"It is a number stored as text: convert it {HOW_TO_CONVERT}"
    return f"{count} cells of {where} are numbers stored as text: convert them {HOW_TO_CONVERT}"


def advice_for(cell: object) -> str:
    """What to do about a cell that should hold a number or a label."""
    if isinstance(cell, Exception):
        return "Correct the formula in that cell, or leave its row out of every range."
    if is_blank(cell):
        return "Fill it in, or leave its row out of every range."
    if isinstance(cell, str):
        return "Code categories as columns of 0 and 1, with GLMM_BINOMIAL_DESIGN for example."
    return ""
