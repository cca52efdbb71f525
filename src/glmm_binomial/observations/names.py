"""Names of parameters, as a cell or a range of cells gives them."""

from __future__ import annotations

import numpy as np

from glmm_binomial.observations.cells import describe, is_blank, reject


def parameter_names(cells: object, *, argument: str = "parameter", of: str = "a name of the table") -> tuple[str, ...]:
    """The names in a cell, a list or a range; none when it is blank.

    Parameters
    ----------
    cells : scalar, list or array
    argument : str
        That holds them.
    of : str
        What the message says they must be.
    """
    if isinstance(cells, np.ndarray):
        cells = cells.tolist()
    if isinstance(cells, list | tuple):
        return tuple(name for cell in cells for name in parameter_names(cell, argument=argument, of=of))
    if is_blank(cells):
        return ()
    if not isinstance(cells, str):
        reject(f"{argument} must be {of}. It is {describe(cells)}.")
    return (cells.strip(),)
