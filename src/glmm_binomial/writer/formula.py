"""Formulas with the worksheet functions: what Excel shows, what the file stores, and what they give."""

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from glmm_binomial import GLMM
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS

OUR_FUNCTION = re.compile(r"\bGLMM_BINOMIAL\w*(?=\()")
# a whole table; LibreOffice reads the longer form alone, of which Excel makes this one
WHOLE_TABLE = re.compile(r"(?<=\w)\[#All\]")

Cell = str | float | bool | GLMM | None
"""What a cell holds, None for a blank one; a cell that holds a model shows its handle."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A part of a formula: its text as Excel shows it, and the rows of cells it stands for."""

    text: str
    cells: Sequence[Sequence[Cell]]

    @property
    def shown(self) -> str:
        """The formula, as Excel's formula bar shows it."""
        return f"={self.text}"

    @property
    def is_message(self) -> bool:
        """Whether it gives a single text."""
        return len(self.cells) == 1 and isinstance(self.cells[0][0], str)

    @property
    def stored(self) -> str:
        """The formula, as the file holds it."""
        return "=" + WHOLE_TABLE.sub("[[#All]]", OUR_FUNCTION.sub(r"_xll.\g<0>", self.text))


def constant(value: Cell) -> Expression:
    """Return a number, a text or a truth value as a formula has it."""
    if isinstance(value, str):
        text = '"{}"'.format(value.replace('"', '""'))
    elif isinstance(value, bool):
        text = str(value).upper()
    else:
        text = f"{value:g}"
    return Expression(text, ((value,),))


def text_of(cells: str) -> str:
    """Cells of a table of ours, to be compared: in LibreOffice their texts equal no others until `&` renews them."""
    return f'{cells}&""'


def place_of(sought: str, names: str) -> str:
    """Where a name, a cell or in quotation marks, first stands in a column or row of a table of ours, as a formula.

    INDEX lets any Excel renew all texts, see `text_of`, in an ordinary formula.
    """
    return f"MATCH({sought},INDEX({text_of(names)},0),0)"


def number(value: Cell) -> float:
    """Return a cell's number."""
    if not isinstance(value, float):
        raise TypeError(f"{value!r} is not a number")
    return value


def content(value: Cell) -> float | str:
    """Return what a cell of a table holds, a truth value among the numbers."""
    if value is None or isinstance(value, GLMM):
        raise TypeError("a table holds texts, numbers and truth values")
    return value


def call(function: str, **arguments: Expression) -> Expression:
    """Call a worksheet function; what it gives is calculated by that function.

    Parameters
    ----------
    function
        Its name in formulas.
    **arguments
        By the names of its parameters. The places of those in between that are not given stay empty.

    Raises
    ------
    ValueError
        When the function answers with a message instead of a table or a model.
    """
    asked = ask(function, **arguments)
    if asked.is_message:
        raise ValueError(f"{function}: {asked.cells[0][0]}")
    return asked


def ask(function: str, **arguments: Expression) -> Expression:
    """Call a worksheet function, whose answer may be a message; see `call`."""
    worksheet_function = WORKSHEET_FUNCTIONS[function]
    names = list(inspect.signature(worksheet_function).parameters)
    last = max(map(names.index, arguments))
    texts = [arguments[name].text if name in arguments else "" for name in names[: last + 1]]
    rows = worksheet_function(**{name: _handed_over(value) for name, value in arguments.items()})
    if isinstance(rows, GLMM | str):
        rows = [[rows]]
    return Expression(f"{function}({', '.join(texts)})", tuple(tuple(row) for row in rows))


def _handed_over(argument: Expression) -> object:
    """A range as rows of cells, a single cell as its value: as Excel hands them over where either may stand."""
    rows = [list(row) for row in argument.cells]
    return rows[0][0] if len(rows) == len(rows[0]) == 1 else rows
