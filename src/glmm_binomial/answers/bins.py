"""Rows divided by a fitted number into bins of about as many rows each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def bins_of(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The bin of each value (N,), from the lowest; rows of one value stay together, so that there may be fewer bins."""
    upper = np.unique(np.quantile(values, np.arange(1, count + 1) / count, method="inverted_cdf"))
    return np.searchsorted(upper, values, side="left")
