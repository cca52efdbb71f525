"""What is to be compared with what, on which scale, and how p is adjusted, as a worksheet or a script says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from glmm_binomial.frozen import read_only
from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell
from glmm_binomial.observations.choices import one_of
from glmm_binomial.observations.ranges import Range, as_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.observations.options import Method

Comparison = Literal["pairwise", "first", "sequential", "none"]
ContrastScale = Literal["odds ratio", "difference", "ratio"]
Adjustment = Literal["holm", "none", "bonferroni", "tukey"]
COMPARISONS: Final[tuple[Comparison, ...]] = get_args(Comparison)
SCALES: Final[tuple[ContrastScale, ...]] = get_args(ContrastScale)
ADJUSTMENTS: Final[tuple[Adjustment, ...]] = get_args(Adjustment)

ROUNDING: Final = 1e-9
"""What rounding leaves of weights that add up to zero, relative to their sizes."""


@dataclass(frozen=True, slots=True)
class Weights:
    """C contrasts of L levels.

    Attributes
    ----------
    values : (C, L) array
        Each row adds up to zero.
    labels : tuple of C str
    """

    values: NDArray[np.float64]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContrastOptions:
    """How levels are compared.

    Attributes
    ----------
    compare : {"pairwise", "first", "sequential", "none"} or Weights
    scale : {"odds ratio", "difference", "ratio"}
    adjust : {"holm", "none", "bonferroni", "tukey"}
    """

    compare: Comparison | Weights
    scale: ContrastScale
    adjust: Adjustment


def read_contrast_options(
    compare: object, scale: object, adjust: object, *, levels: tuple[str, ...], method: Method
) -> ContrastOptions:
    """Check the options; None or a blank cell means the default.

    Parameters
    ----------
    compare : str, or cells with weights
        One row for each contrast, with one weight for each level and, if need be, a label in front; or a single column
        of weights.
    scale, adjust : str
    levels : tuple of L str
    method : {"vb", "ml", "mean-field"}

    Raises
    ------
    InvalidInputError
    """
    chosen = ContrastOptions(
        compare=_read_compare(compare, levels),
        scale=one_of("scale", scale, SCALES, "odds ratio"),
        adjust=one_of("adjust", adjust, ADJUSTMENTS, "holm"),
    )
    if chosen.adjust == "tukey" and (chosen.compare != "pairwise" or method != "ml"):
        which = f'the model is fitted by "{method}"' if method != "ml" else "the contrasts are not"
        reject(
            'adjust must be "holm", "bonferroni" or "none" here. Tukey\'s adjustment is for pairwise contrasts of a '
            f'model fitted by "ml"; {which}.'
        )
    return chosen


def _read_compare(compare: object, levels: tuple[str, ...]) -> Comparison | Weights:
    value = single_cell(compare)
    if is_blank(value):
        return "pairwise"
    if isinstance(value, str):
        wanted = value.strip().lower()
        for comparison in COMPARISONS:
            if wanted == comparison:
                return comparison
    elif isinstance(value, list | tuple | np.ndarray) or hasattr(value, "to_numpy"):
        return _read_weights(compare, levels)
    reject(
        'compare must be "pairwise", "first", "sequential", "none", or a range of weights, one for each level. It is '
        f"{describe(value)}."
    )


def _read_weights(cells: object, levels: tuple[str, ...]) -> Weights:
    rows = as_rows("compare", cells, minimum_rows=1)
    if len(rows[0]) == 1 and len(rows) == len(levels):
        # a column of weights is one contrast
        rows = [[row[0] for row in rows]]
    labelled = len(rows[0]) == len(levels) + 1
    if len(rows[0]) != len(levels) + labelled:
        reject(
            f"compare must have one weight for each of the {len(levels)} levels: {', '.join(levels)}. Row 1 of compare "
            f"has {len(rows[0])} cell(s); a label may stand in front of the weights."
        )
    labels = [row[0] if labelled else None for row in rows]
    values = Range("compare", [list(row[labelled:]) for row in rows]).numbers()
    sizes = np.abs(values).sum(axis=1)
    for row, (total, size) in enumerate(zip(values.sum(axis=1).tolist(), sizes.tolist(), strict=True), 1):
        if not size or not abs(total) <= ROUNDING * size:
            found = "all of them are 0" if not size else f"they add up to {total:.6g}"
            reject(f"compare must hold weights that add up to zero, such as 1, -1. In row {row} of compare {found}.")
    return Weights(
        values=read_only(values),
        labels=tuple(f"weights {row}" if is_blank(each) else str(each).strip() for row, each in enumerate(labels, 1)),
    )
