"""p-values adjusted for how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import studentized_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.observations.contrast_options import Adjustment


def adjusted(
    p_values: NDArray[np.float64], z_statistics: NDArray[np.float64], adjust: Adjustment, *, levels: int
) -> NDArray[np.float64]:
    """p-values (C,) of one family of contrasts; NaN, of a contrast of nothing, is not counted.

    Holm (1979, Scandinavian Journal of Statistics 6(2)): the smallest times C, the next times C - 1 and so on, none
    below the one before it. Tukey: the probability that the range of as many standard normal variables as there are
    levels exceeds |z| times the root of two; no more than Bonferroni's, which is exact far out.
    """
    known = np.isfinite(p_values)
    p, count = p_values[known], int(known.sum())
    found = p_values.copy()
    match adjust:
        case "bonferroni":
            found[known] = np.minimum(count * p, 1.0)
        case "holm":
            order = np.argsort(p, kind="stable")
            rising = np.maximum.accumulate(np.arange(count, 0, -1) * p[order])
            in_order = np.empty(count)
            in_order[order] = np.minimum(rising, 1.0)
            found[known] = in_order
        case "tukey":
            ranges = studentized_range.sf(np.sqrt(2.0) * np.abs(z_statistics[known]), levels, np.inf)
            # what is left of a tiny probability after rounding lies within these
            found[known] = np.clip(ranges, p, np.minimum(count * p, 1.0))
        case "none":
            pass
    return found
