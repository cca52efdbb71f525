"""One of several words, as a worksheet or a script says it."""

from __future__ import annotations

from typing import TypeVar

from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell

Choice = TypeVar("Choice", bound=str)


def one_of(name: str, given: object, choices: tuple[Choice, ...], default: Choice) -> Choice:
    """The choice that a cell names, in upper or lower case; None or a blank cell means the default.

    Raises
    ------
    InvalidInputError
    """
    value = single_cell(given)
    if is_blank(value):
        return default
    wanted = " ".join(value.lower().replace("_", " ").replace("-", " ").split()) if isinstance(value, str) else None
    for choice in choices:
        if wanted == choice.lower():
            return choice
    listed = ", ".join(f'"{choice}"' for choice in choices[:-1])
    reject(f'{name} must be {listed} or "{choices[-1]}". It is {describe(value)}.')
