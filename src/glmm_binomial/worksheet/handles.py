"""A model in a cell: what stands in the place of the argument `model`, and what to say when it is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from glmm_binomial.errors import InvalidInputError

if TYPE_CHECKING:
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.worksheet.entries import Argument, WorksheetFunction

MESSAGES: Final = ("Invalid input:", "Error fitting GLMM:", "##")
"""How the text of a cell begins that holds a message in the place of a model."""

HANDLE: Final = re.compile(r"\s*[A-Za-z_]\w*@\d+\s*")
"""How Excel shows an object."""

MAKE_ONE: Final = "Put =GLMM_BINOMIAL_MODEL(y, x, groups) or =GLMM_BINOMIAL_FORMULA(data, formula) into a cell"


class PassedOnError(Exception):
    """The cell that should hold a model holds a message, which is passed on as it is."""


def holds_nothing(value: object) -> bool:
    """Whether an argument was left out, or is a blank cell."""
    from glmm_binomial.observations.cells import is_blank, single_cell  # noqa: PLC0415  Excel starts without numpy

    return is_blank(single_cell(value))


def model_from(value: object, argument: Argument, function: WorksheetFunction) -> GLMM:
    """The model that was handed over.

    Parameters
    ----------
    value
        What Excel handed over: the object itself, the content of a cell, or rows of cells.
    argument : Argument
        In whose place it stands.
    function : WorksheetFunction
        Which is called.

    Raises
    ------
    InvalidInputError
        When it is no model.
    PassedOnError
        When it is the message of a cell that could not make one.
    """
    from glmm_binomial.estimation.fitted_model import GLMM  # noqa: PLC0415  Excel starts without numpy
    from glmm_binomial.observations.cells import describe, is_blank, single_cell  # noqa: PLC0415

    value = single_cell(value)
    if isinstance(value, GLMM):
        return value
    if isinstance(value, str) and value.startswith(MESSAGES):
        raise PassedOnError(value)
    if isinstance(value, str) and HANDLE.fullmatch(value):
        raise InvalidInputError(
            f"Invalid input: {argument.name} must be a live model. {value.strip()} is none any more: models are not "
            "saved with a workbook. Press Ctrl+Alt+F9 to calculate all cells anew."
        )
    several = bool(argument.gathered_in)
    how = f"{MAKE_ONE}, B2 say, and write ={function.name}({'B2, B3' if several else 'B2'})."
    rule = f"Invalid input: {argument.name} must be a cell that holds a model"
    if is_blank(value):
        raise InvalidInputError(f"{rule}. It is blank. {how}")
    if hasattr(value, "__len__") and not isinstance(value, str):
        raise InvalidInputError(f"{rule}, not a range of {'cells' if several else 'data'}. {how}")
    raise InvalidInputError(f"{rule}. It is {describe(value)}. {how}")
