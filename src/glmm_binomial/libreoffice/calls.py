"""What Calc hands over, a worksheet function, and what Calc shows.

    a range or an array      rows, a list of lists; an empty cell in it, and an empty text, is ""
    one cell, a constant     a number or a text; TRUE and FALSE are 1 and 0, an empty cell is 0
    an argument left out     None

Calc shows rows of numbers and texts. A model is kept here, and its cell shows a handle.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from glmm_binomial.excel.edge import to_cells
from glmm_binomial.worksheet.catalogue import FUNCTIONS
from glmm_binomial.worksheet.entries import Argument, WorksheetFunction
from glmm_binomial.worksheet.functions import answer

Rows = list[list[object]]

MOST_MODELS: Final = 250
"""So many are kept; Calc does not say which of them its cells still show."""

_EXCEL_KEYS, _CALC_KEYS = "Ctrl+Alt+F9", "Ctrl+Shift+F9"
"""To calculate all cells anew."""


class Calls:
    """Calls worksheet functions and keeps the models that they return."""

    def __init__(self) -> None:
        self._functions = {function.python_name: function for function in FUNCTIONS}
        self._models: dict[str, object] = {}

    def __call__(self, method: str, arguments: Sequence[object]) -> Rows:
        """Call a function with what Calc hands over.

        Parameters
        ----------
        method : str
            The function's name as a method.
        arguments : sequence
            By position.

        Returns
        -------
        list of rows
            Numbers and texts.
        """
        function = self._functions[method]
        handle = _handle(method, arguments)
        if handle not in self._models:
            answered = answer(function, self._given(function, arguments))
            if isinstance(answered, list):
                return shown(answered)
            if isinstance(answered, str):
                return shown([[answered.replace(_EXCEL_KEYS, _CALC_KEYS)]])
            self._models[handle] = answered
            while len(self._models) > MOST_MODELS:
                del self._models[next(iter(self._models))]
        # the one asked for last is given up last
        self._models[handle] = self._models.pop(handle)
        return [[handle]]

    def _given(self, function: WorksheetFunction, arguments: Sequence[object]) -> Mapping[str, object]:
        handed_over = dict(zip((each.name for each in function.arguments), arguments, strict=True))
        return {each.name: self._received(each, handed_over[each.name]) for each in function.arguments}

    def _received(self, argument: Argument, value: object) -> object:
        if value is None:
            return None if argument.is_required else argument.default
        rows = value if isinstance(value, list) else [[value]]
        cells = [[self._models.get(cell, cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        cells = [[None if cell == "" else cell for cell in row] for row in cells]
        is_one_cell = len(cells) == 1 and len(cells[0]) == 1
        return cells[0][0] if is_one_cell and argument.kind != "range" else cells


def shown(rows: Sequence[Sequence[object]]) -> Rows:
    """Rows as Calc takes them; of a truth value among them it would make 1, whichever it is."""
    return [[float(cell) if isinstance(cell, bool) else cell for cell in row] for row in to_cells(rows)]


def _handle(method: str, arguments: Sequence[object]) -> str:
    """What a cell shows of a model: told by the call, so that a handle from an earlier day is never another model."""
    digest = sha256(repr([method, *arguments]).encode()).digest()
    return f"GLMM@{int.from_bytes(digest) % 10**10}"
