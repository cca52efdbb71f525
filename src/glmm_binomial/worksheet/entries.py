"""What the catalogue holds: a worksheet function, and an argument of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["range", "value", "model"]
"""How Excel hands an argument over: rows of cells, one cell's content, or a model that another cell holds."""

Answer = Literal["table", "model"]


class _Required:
    """The default of an argument that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a worksheet function.

    Attributes
    ----------
    name : str
    kind : {"range", "value", "model"}
    help : str
        For Excel's function wizard.
    default
        REQUIRED, or what a call without it means.
    gathered_in : str
        The argument of what answers the function that takes it together with others; "" when it has its own.
    may_be_skipped : bool
        Whether a required argument may be left empty between two commas.
    """

    name: str
    kind: Kind
    help: str
    default: object = REQUIRED
    gathered_in: str = ""
    may_be_skipped: bool = False

    @property
    def is_required(self) -> bool:
        """Whether a call must give it."""
        return self.default is REQUIRED

    @property
    def label(self) -> str:
        """As a call shows it: in brackets when it may be left out."""
        return self.name if self.is_required else f"[{self.name}]"


MOST_GATHERED_SHOWN: Final = 3
"""Of arguments that mean the same, in the call as Excel shows it."""


@dataclass(frozen=True, slots=True)
class WorksheetFunction:
    """A function that formulas can call.

    Attributes
    ----------
    name : str
        As formulas write it; in Python it is called the same in lower case.
    arguments : tuple of Argument
    help : str
        For Excel's function wizard.
    answered_by : str
        Module and function of the package, "answers.ranef:random_effects", which takes the arguments by their names.
    answer : {"table", "model"}
        What the cell shows: rows that spill, or the handle of a model.
    thread_safe : bool
        False for a function that does something to the sheet, which Excel allows one thread only.
    """

    name: str
    arguments: tuple[Argument, ...]
    help: str
    answered_by: str
    answer: Answer = "table"
    thread_safe: bool = True

    @property
    def python_name(self) -> str:
        """Of the function in Python."""
        return self.name.lower()

    @property
    def usage(self) -> str:
        """The call as Excel shows it, optional arguments in brackets."""
        shown = [each.label for each in self.arguments]
        if any(each.gathered_in for each in self.arguments):
            shown = [*shown[:MOST_GATHERED_SHOWN], "..."]
        return f"{self.name}({', '.join(shown)})"
