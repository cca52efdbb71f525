"""Results that nobody can change by accident: a frozen dataclass whose arrays are read-only as well."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Entry = TypeVar("Entry", bound=np.generic[Any])

Value = TypeVar("Value")


def read_only(array: NDArray[Entry]) -> NDArray[Entry]:
    """The same numbers, not to be written into; the array handed over stays as it is."""
    frozen_view = array.view()
    frozen_view.flags.writeable = False
    return frozen_view


def frozen(value: Value) -> Value:
    """Make every array of a dataclass, and of the dataclasses in it, read-only; returns the same value.

    The arrays must be the value's own: who handed one over could not write to it any more either.
    """
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif is_dataclass(value):
        for field in fields(value):
            frozen(getattr(value, field.name))
    return value
