"""The project's functions as LibreOffice calls them: what it hands over, as PyXLL would hand it over.

    a range or array            rows, a list of lists
    empty text in it            an empty cell; LibreOffice hands over both alike
    nothing                     an argument left out
    a text with MARK before it  TRUE, FALSE or an error value, see rewriting.py
    a text such as GLMM@1       the model that the cell holds

From there on the rules are those of the other tests, in worksheet.py.
"""

from collections.abc import Callable
from types import SimpleNamespace

from calc.extension import LAST_TABLE, MARK, method_name
from worksheet import EMPTY, SKIPPED, Registration, formula, record_registrations

Rows = tuple[tuple[object, ...], ...]

_BOOLEANS = {f"{MARK}TRUE": True, f"{MARK}FALSE": False}


class Calls:
    """Calls worksheet functions, keeps the models they return, and remembers the table that was returned last."""

    def __init__(self) -> None:
        self.last_table: Rows = ()
        self._models: dict[str, object] = {}

    def __call__(self, registration: Registration, arguments: tuple[object, ...]) -> Rows:
        """Call a function with LibreOffice's arguments and return the cells it fills."""
        given = [self._received(argument) for argument in arguments]
        while given and given[-1] is SKIPPED:
            given.pop()
        try:
            answered = formula(registration, *given)
            rows = answered if isinstance(answered, list) else [[self._handle(answered)]]
            self.last_table = tuple(tuple(map(_returned, row)) for row in rows)
        except Exception as error:  # noqa: BLE001 - PyXLL too shows in the cell what a function raises
            self.last_table = ((f"##{type(error).__name__}: {error}",),)
        return self.last_table

    def _handle(self, answered: object) -> str:
        """What a cell shows of a model, which is kept; a message is shown as it is."""
        if isinstance(answered, str):
            return answered
        handle = f"{type(answered).__name__}@{len(self._models) + 1}"
        self._models[handle] = answered
        return handle

    def _received(self, argument: object) -> object:
        if argument is None:
            return SKIPPED
        if isinstance(argument, tuple):
            return [[self._cell(cell) for cell in row] for row in argument]
        return self._cell(argument)

    def _cell(self, value: object) -> object:
        if value == "":
            return EMPTY
        if isinstance(value, str) and value.startswith(MARK):
            return _BOOLEANS.get(value, value.removeprefix(MARK))
        return self._models.get(value, value) if isinstance(value, str) else value


def methods() -> dict[str, Callable[..., Rows]]:
    """Return a function for each method of the add-in."""
    calls = Calls()
    _, registered = record_registrations(SimpleNamespace(setattr=setattr))

    def method(registration: Registration) -> Callable[..., Rows]:
        return lambda *arguments: calls(registration, arguments)

    found = {method_name(name): method(registration) for name, registration in registered.items()}
    return {**found, method_name(LAST_TABLE): lambda: calls.last_table}


def _returned(cell: object) -> object:
    # of a truth value in an array LibreOffice 7.4 makes 1, whichever it is; see Gap.BOOLEANS
    return float(cell) if isinstance(cell, bool) else cell
