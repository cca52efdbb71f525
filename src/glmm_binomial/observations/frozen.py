"""Arrays that nobody can write into, so that a fit kept for later answers stays the fit that it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Entry = TypeVar("Entry", bound=np.generic[Any])


def read_only(array: NDArray[Entry]) -> NDArray[Entry]:
    """The same numbers, not to be written into; the array handed over stays as it is."""
    frozen = array.view()
    frozen.flags.writeable = False
    return frozen
