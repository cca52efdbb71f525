"""Columns of labels -> the groups of the rows: of one column, of several, nested in others, crossed by others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.formula.columns import labels_of
from glmm_binomial.frozen import read_only
from glmm_binomial.observations import CrossedGroups, GroupsAbove
from glmm_binomial.observations.cells import describe, reject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from glmm_binomial.formula.columns import Column
    from glmm_binomial.formula.grammar import Grouping
    from glmm_binomial.formula.random_effects import RandomEffects
    from glmm_binomial.formula.table import Table

JOINT = ":"
"""Between the labels of several columns that make a group together, as between their names."""


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """The columns of labels of a table, and which of its rows are used.

    Attributes
    ----------
    table : Table
    columns : mapping of str to Column
    rows : (N,) integer array
        Positions of the rows that are used.
    """

    table: Table
    columns: Mapping[str, Column]
    rows: NDArray[np.intp]

    def labels(self, grouping: Grouping) -> tuple[NDArray[np.intp], tuple[object, ...]]:
        """Index (N,) of the group of each row, and the groups' labels in the order in which they first appear."""
        each = [labels_of(self.table, self.columns[name], self.rows) for name in grouping.names]
        if len(each) == 1:
            return each[0]
        return _together(grouping, each)

    def count(self, grouping: Grouping) -> int:
        """How many groups it has."""
        return len(self.labels(grouping)[1])

    @property
    def size(self) -> int:
        """How many rows are used."""
        return len(self.rows)

    def lie_within(self, lower: Grouping, upper: Grouping) -> bool:
        """Whether all rows of any lower group are of one upper group, which has several."""
        (low, labels), (high, above) = self.labels(lower), self.labels(upper)
        pairs = np.unique(low * len(above) + high)
        return len(pairs) == len(labels) > len(above)


def _together(
    grouping: Grouping, each: list[tuple[NDArray[np.intp], tuple[object, ...]]]
) -> tuple[NDArray[np.intp], tuple[object, ...]]:
    """Groups told by several labels, written as "A:1"."""
    code = np.zeros(len(each[0][0]), dtype=np.intp)
    for index, labels in each:
        code = code * len(labels) + index
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    # from the order of the codes to that of the first rows
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    texts = tuple(JOINT.join(_shown(labels[index[row]]) for index, labels in each) for row in first[order].tolist())
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        reject(
            f"formula must name columns of labels that tell groups apart. Several groups of {grouping.typed()} would "
            f'be called "{twice}". Write the labels of a column all as numbers or all as text, and none with "{JOINT}" '
            "in it."
        )
    return rank[place.ravel()], texts


def _shown(label: object) -> str:
    return label if isinstance(label, str) else describe(label)


@dataclass(frozen=True, slots=True)
class RowGroups:
    """The groups of N rows, and those above them.

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
    above: GroupsAbove | None
    crossed: CrossedGroups | None


def groups_of(columns: LabelColumns, random: RandomEffects) -> RowGroups:
    """The groups that random effects belong to."""
    index, labels = columns.labels(random.grouping)
    if random.crossed is not None:
        level, of_levels = columns.labels(random.crossed)
        crossed = CrossedGroups(index=read_only(level), labels=of_levels, name=random.crossed.name)
        return RowGroups(index, labels, above=None, crossed=crossed)
    if random.above is None:
        return RowGroups(index, labels, above=None, crossed=None)
    high, labels_above = columns.labels(random.above)
    of_group = np.empty(len(labels), dtype=np.intp)
    of_group[index] = high
    order = np.argsort(of_group, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return RowGroups(
        index=rank[index],
        labels=tuple(labels[place] for place in order.tolist()),
        above=GroupsAbove(index=read_only(of_group[order]), labels=labels_above, name=random.above.name),
        crossed=None,
    )
