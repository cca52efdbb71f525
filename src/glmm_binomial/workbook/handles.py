"""Objects that no cell can hold, such as a fitted model, and the text their cells show: `GLMM@1`.

A function's answer that is no number, text, truth value, error or rectangle of them is kept here, and its cell shows
the name of its class and a number. Whoever passes that text on to another function passes the object. So it travels
through IF, LET, names and nested calls as any text does, and the engine needs to know nothing of objects.
"""

import re
from collections.abc import Sequence
from typing import Any


class Handles:
    """The objects of one recalculation. They are numbered from 1 in the order in which they come up."""

    def __init__(self) -> None:
        self._objects: dict[str, object] = {}
        # an object that several calls return has one text; it is kept alive above, so its id is not given away
        self._texts: dict[int, str] = {}

    def text_of(self, value: object) -> str:
        """Return the text that stands for an object in cells."""
        if id(value) not in self._texts:
            text = f"{type(value).__name__}@{len(self._objects) + 1}"
            self._texts[id(value)] = text
            self._objects[text] = value
        return self._texts[id(value)]

    def object_of(self, value: Any) -> Any:
        """Return the object that a text stands for; any other value, and the text of no object, as it is."""
        return self._objects.get(value, value) if isinstance(value, str) else value

    def are_alike(self, stored: object, calculated: object) -> bool:
        """Tell whether two values are texts of objects of one class: their numbers mean nothing."""
        if calculated not in self._objects or not isinstance(stored, str):
            return False
        return re.sub(r"\d+$", "", stored) == re.sub(r"\d+$", "", str(calculated))

    def within(self, arguments: Sequence[Any]) -> tuple[str, ...]:
        """Return which of the arguments stand for objects, or hold cells that do.

        The same text given to a function before its object came up is another question.
        """
        if not self._objects:
            return ()
        found = set()
        for argument in arguments:
            rows = argument if isinstance(argument, list) else [[argument]]
            found |= {value for row in rows for value in row if isinstance(value, str) and value in self._objects}
        return tuple(sorted(found))
