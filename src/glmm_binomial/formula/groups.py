"""Columns of labels -> the groups of the rows: of one column, of several, nested in others, crossed by others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.formula.columns import labels_of
from glmm_binomial.observations.cells import describe, reject
from glmm_binomial.observations.row_groups import RowGroups, coincide, crossed_groups, lies_within, nested_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from glmm_binomial.formula.columns import Column
    from glmm_binomial.formula.grammar import Grouping
    from glmm_binomial.formula.random_effects import RandomEffects
    from glmm_binomial.formula.table import Table
    from glmm_binomial.observations.row_groups import RowLabels

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

    def labels(self, grouping: Grouping) -> RowLabels:
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
        return lies_within(self.labels(lower), self.labels(upper))

    def coincide(self, first: Grouping, second: Grouping) -> bool:
        """Whether two groupings make the same groups."""
        return coincide(self.labels(first), self.labels(second))


def _together(grouping: Grouping, each: list[RowLabels]) -> RowLabels:
    """Groups told by several labels, written as "A:1"."""
    code = np.zeros(len(each[0][0]), dtype=np.intp)
    for index, labels in each:
        code = code * len(labels) + index
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    # from the order of the codes to that of the first rows
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    texts = tuple(joint_label(labels[index[row]] for index, labels in each) for row in first[order].tolist())
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        reject(
            f"formula must name columns of labels that tell groups apart. Several groups of {grouping.typed()} would "
            f'be called "{twice}". Write the labels of a column all as numbers or all as text, and none with "{JOINT}" '
            "in it."
        )
    return rank[place.ravel()], texts


def joint_label(labels: Iterable[object]) -> str:
    """The label of a group that those of several columns make together."""
    return JOINT.join(label if isinstance(label, str) else describe(label) for label in labels)


def groups_of(columns: LabelColumns, random: RandomEffects) -> RowGroups:
    """The groups that random effects belong to."""
    own = columns.labels(random.grouping)
    if random.crossed is not None:
        return crossed_groups(own, columns.labels(random.crossed), few_name=random.crossed.name)
    if random.above is not None:
        return nested_groups(own, columns.labels(random.above), upper_name=random.above.name)
    return RowGroups(*own)
