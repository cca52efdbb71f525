"""How numba compiles the inner loops over rows and nodes (extra `fast`).

Sums may be reordered, so that they run along vectors; infinities and not-a-numbers keep their meaning. The result stays
on disk, so that only the first use on a computer waits for it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

NUMBERS, TABLE, STACK = (types.Array(types.float64, axes, "C", readonly=True) for axes in (1, 2, 3))
WHOLE_NUMBERS, WHOLE_TABLE = (types.Array(types.int64, axes, "C", readonly=True) for axes in (1, 2))
"""Types of arguments, of one, two or three axes: arrays in C order that are only read."""

OPTIONS = {"cache": True, "nogil": True, "fastmath": {"contract", "reassoc", "nsz", "arcp"}, "error_model": "numpy"}
inner = njit(**OPTIONS)
"""For parts of a loop. The arrays handed to one are counted, which takes longer than the work on a row: it is called
for a group, or for what few rows need."""

WHOLE = 1.5 * 2.0**52
"""Added to a number and taken away again, it leaves the nearest whole one, whose bits end the sum."""

LOG_2, LOG_2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""Log 2 as a number of few bits, of which small multiples are exact, and the rest."""

# sums are taken as they stand
IN_ORDER = OPTIONS | {"fastmath": {"contract"}, "forceinline": True}

INVERSE_FACTORIALS = tuple(1.0 / math.factorial(power) for power in range(13, -1, -1))


@njit(**IN_ORDER)
def exponential(x):
    """E^x for |x| <= 700, by arithmetic alone, so that a loop over it runs along vectors.

    E^x = 2^n e^r with |r| <= log(2) / 2, and e^r by its series (Cody & Waite 1980, Software manual for the elementary
    functions, chapter 6).
    """
    shifted = x * (1.0 / LOG_2) + WHOLE
    n = shifted - WHOLE
    r = (x - n * LOG_2) - n * LOG_2_REST
    value = 0.0
    for share in INVERSE_FACTORIALS:
        value = value * r + share
    bits = (np.float64(shifted).view(np.int64) << np.int64(52)) + np.int64(1023 << 52)
    return value * np.int64(bits).view(np.float64)
