"""New rows that were centred or scaled by their own mean and SD, and not by those of the fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STANDARDIZED_NAME: Final = re.compile(r"\b(scale|center)\(")
"""Names that GLMM_BINOMIAL_DESIGN gives to columns that depend on the mean of all rows."""

ROUNDING: Final = 1e-9
"""What rounding leaves of a mean of zero and of an SD of one."""


def problem_with_coding(
    new: NDArray[np.float64], fitted: NDArray[np.float64], names: tuple[str, ...], *, argument: str
) -> str | None:
    """Name a column of new rows that was coded apart, or None.

    scale(hours) of some new rows has mean 0 and SD 1 whatever hours they hold, center(hours) has mean 0; coded as the
    rows of the fit were, it has neither but by chance. Whole numbers under scale(hours) are taken as typed, such as -1,
    0 and 1, and the rows of the fit themselves may be asked for.

    Parameters
    ----------
    new : (M, p) array
    fitted : (N, p) array
    names : tuple of p str
    argument : str
        That holds the new rows.
    """
    for position, name in enumerate(names):
        found = STANDARDIZED_NAME.search(name)
        if found is None or not _is_standardized(new[:, position], by_sd=found[1] == "scale"):
            continue
        if len(new) != len(fitted) or not np.allclose(np.sort(new[:, position]), np.sort(fitted[:, position])):
            spread = " and SD 1" if found[1] == "scale" else ""
            return (
                f"{argument} must be coded by the means and SDs of the rows of the fit. Column {position + 1} of "
                f"{argument} ({name}) has mean 0{spread}, as if it were coded by its own: code new rows by "
                "GLMM_BINOMIAL_DESIGN(data, formula, new_data), or ask a model of GLMM_BINOMIAL_FORMULA. If the "
                "numbers are meant as they stand, ask for one row at a time."
            )
    return None


def _is_standardized(values: NDArray[np.float64], *, by_sd: bool) -> bool:
    largest = np.abs(values).max()
    if np.ptp(values) == 0.0 or abs((values / largest).mean()) > ROUNDING:
        return False
    if not by_sd:
        return True
    return abs(float(values.std(ddof=1)) - 1.0) <= ROUNDING and bool((values != np.rint(values)).any())
