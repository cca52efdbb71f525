"""How numba compiles the inner loops over rows and nodes (extra `fast`).

Sums may be reordered, so that they run along vectors; infinities and not-a-numbers keep their meaning. The result stays
on disk, so that only the first use on a computer waits for it.
"""

from __future__ import annotations

from numba import njit, types

NUMBERS, TABLE, STACK = (types.Array(types.float64, axes, "C", readonly=True) for axes in (1, 2, 3))
WHOLE_NUMBERS, WHOLE_TABLE = (types.Array(types.int64, axes, "C", readonly=True) for axes in (1, 2))
"""Types of arguments, of one, two or three axes: arrays in C order that are only read."""

OPTIONS = {"cache": True, "nogil": True, "fastmath": {"contract", "reassoc", "nsz", "arcp"}, "error_model": "numpy"}
inner = njit(**OPTIONS)
