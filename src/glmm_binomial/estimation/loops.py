"""Whether the inner loops are compiled: with numba, which the extra `fast` installs, else numpy does their work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

PLAIN: Final = "GLMM_BINOMIAL_PLAIN"
"""Environment variable that, when set to anything but 0, leaves numba alone."""


@dataclass(frozen=True, slots=True)
class CompiledLoops:
    """The compiled functions, which take arrays by position."""

    find_modes: Callable[..., tuple[NDArray[np.float64], NDArray[np.float64]]]
    integrate: Callable[..., tuple[NDArray[np.float64], ...]]
    integrate_at_points: Callable[..., tuple[NDArray[np.float64], ...]]


@lru_cache(maxsize=1)
def compiled_loops() -> CompiledLoops | None:
    """The compiled loops, or None where numba is not installed.

    The first import on a computer compiles for some seconds and keeps the result on disk; later ones read it.
    """
    if os.environ.get(PLAIN, "0") != "0" or find_spec("numba") is None:
        return None
    modes, integrals, points = (
        import_module(f"glmm_binomial.estimation.compiled_{name}") for name in ("modes", "integrals", "points")
    )
    return CompiledLoops(
        find_modes=modes.find_modes,
        integrate=integrals.integrate,
        integrate_at_points=points.integrate_at_points,
    )
