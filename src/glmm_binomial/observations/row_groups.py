"""Which group each row belongs to, of one grouping or of two of which one lies within the other, or crosses it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glmm_binomial.frozen import read_only
from glmm_binomial.observations.crossed_groups import CrossedGroups
from glmm_binomial.observations.groups_above import GroupsAbove

RowLabels = tuple[NDArray[np.intp], tuple[object, ...]]
"""Index (N,) of the label of each row, and the distinct labels in the order in which they first appear."""


@dataclass(frozen=True, slots=True)
class RowGroups:
    """The groups of N rows, and those above them or that cross them.

    Attributes
    ----------
    index : (N,) integer array
    labels : tuple of G labels
        In the order in which they first appear; of nested groups those of one group above stand together.
    above : GroupsAbove or None
    crossed : CrossedGroups or None
    """

    index: NDArray[np.intp]
    labels: tuple[object, ...]
    above: GroupsAbove | None = None
    crossed: CrossedGroups | None = None


def lies_within(lower: RowLabels, upper: RowLabels) -> bool:
    """Whether all rows of any lower group are of one upper group, which has several."""
    return _pairs(lower, upper) == len(lower[1]) > len(upper[1])


def coincide(first: RowLabels, second: RowLabels) -> bool:
    """Whether two groupings make the same groups, under different labels."""
    return _pairs(first, second) == len(first[1]) == len(second[1])


def _pairs(first: RowLabels, second: RowLabels) -> int:
    return len(np.unique(first[0] * len(second[1]) + second[0]))


def nested_groups(lower: RowLabels, upper: RowLabels, *, upper_name: str) -> RowGroups:
    """Groups that lie within others."""
    (index, labels), (high, labels_above) = lower, upper
    of_group = np.empty(len(labels), dtype=np.intp)
    of_group[index] = high
    order = np.argsort(of_group, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return RowGroups(
        index=rank[index],
        labels=tuple(labels[place] for place in order.tolist()),
        above=GroupsAbove(index=read_only(of_group[order]), labels=labels_above, name=upper_name),
    )


def crossed_groups(many: RowLabels, few: RowLabels, *, few_name: str) -> RowGroups:
    """Groups that others cross, of which there are fewer."""
    (index, labels), (level, of_levels) = many, few
    return RowGroups(index, labels, crossed=CrossedGroups(index=read_only(level), labels=of_levels, name=few_name))
