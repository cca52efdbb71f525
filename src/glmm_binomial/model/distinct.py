"""Groups that are equal in all their rows have equal integrals: each kind is kept once, with how often it occurs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.model.rows import Rows

SPREADING = 0x9E37_79B9_7F4A_7C15
"""Odd, 2^64 over the golden ratio, by whose powers bits are spread over a word (Knuth 1998, section 6.4)."""


@dataclass(frozen=True, slots=True)
class DistinctGroups:
    """The kinds of groups of some rows (G groups, H of them distinct).

    Attributes
    ----------
    rows : Rows
        Of one group of each kind, in the order in which the kinds first appear.
    multiplicity : (H,) array
        How many groups are of each kind.
    kind : (G,) integer array
        Which kind each group is.
    """

    rows: Rows
    multiplicity: NDArray[np.float64]
    kind: NDArray[np.intp]


def distinct_groups(rows: Rows) -> DistinctGroups:
    """Keep one group of each kind; the rows of a group stand in one order, whatever its label (see `build_design`)."""
    columns = rows.fixed if rows.offset is None else np.column_stack([rows.fixed, rows.offset])
    if all_distinct(columns[rows.grouping.starts]):
        every = np.arange(rows.grouping.count)
        return DistinctGroups(rows=rows, multiplicity=np.ones(len(every)), kind=every)
    table = np.column_stack([columns, rows.random, rows.successes, rows.trials])
    bounds = rows.grouping.bounds.tolist()
    seen: dict[bytes, int] = {}
    kinds = [seen.setdefault(table[first:last].tobytes(), len(seen)) for first, last in pairwise(bounds)]
    kind = np.array(kinds, dtype=np.intp)
    kept = np.unique(kind, return_index=True)[1]
    return DistinctGroups(
        rows=rows.of_groups(kept),
        multiplicity=np.bincount(kind).astype(np.float64),
        kind=kind,
    )


def all_distinct(columns: NDArray[np.float64]) -> bool:
    """Whether no two rows (n, m) are equal, by sums of their bits that equal rows share and hardly any others."""
    bits = np.ascontiguousarray(columns + 0.0).view(np.uint64)
    bits ^= bits >> np.uint64(29)
    factors = np.full(columns.shape[1], SPREADING, dtype=np.uint64).cumprod(dtype=np.uint64)
    sums = np.sort((bits * factors).sum(axis=1, dtype=np.uint64))
    return not (sums[1:] == sums[:-1]).any()
