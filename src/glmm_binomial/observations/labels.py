"""Labels of groups: which of them are the same, and which a reader would take for the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.observations.cells import describe, is_whole_in_a_cell, likeness, whole_numbers_among

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def distinct_labels(cells: Iterable[object]) -> tuple[NDArray[np.intp], tuple[object, ...]]:
    """Index (N,) of each row's label, and the distinct labels in the order of their first appearance.

    TRUE and 1 are different labels. A number that is whole to the 15 digits that a cell shows is that whole number.
    """
    keys = list(cells)
    kinds = set(map(type, keys))
    if kinds & {bool, np.bool_}:
        # TRUE and 1 are equal in Python
        keys = [(bool, bool(cell)) if isinstance(cell, bool | np.bool_) else cell for cell in keys]
    positions = {key: position for position, key in enumerate(dict.fromkeys(keys))}
    rounded: dict[object, int] = {
        key: round(key) for key in positions if isinstance(key, float) and _is_nearly_whole(key)
    }
    if rounded:
        keys = [rounded.get(key, key) for key in keys]
        positions = {key: position for position, key in enumerate(dict.fromkeys(keys))}
    labels = tuple(key[1] if isinstance(key, tuple) else key for key in positions)
    return np.fromiter(map(positions.__getitem__, keys), dtype=np.intp, count=len(keys)), labels


def _is_nearly_whole(number: float) -> bool:
    return math.isfinite(number) and not float(number).is_integer() and is_whole_in_a_cell(number)


def look_alikes(labels: tuple[object, ...]) -> tuple[tuple[str, ...], ...]:
    """Sets of distinct labels that a reader would take for the same."""
    if not any(isinstance(label, str) for label in labels):
        return ()
    whole_numbers = whole_numbers_among(labels)
    alike: dict[object, list[str]] = {}
    for label in labels:
        shown = f'"{label}"' if isinstance(label, str) else describe(label)
        alike.setdefault(likeness(label, whole_numbers), []).append(shown)
    return tuple(tuple(shown) for shown in alike.values() if len(shown) > 1)
