"""Cells -> Plan: the rows and groups of a study, and the numbers of a model that is given and not estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.frozen import read_only
from glmm_binomial.observations import single_number, trials_of
from glmm_binomial.observations.cells import is_blank, reject, single_cell
from glmm_binomial.observations.ranges import Range, as_rows, frame_names, header_of, names_of, trim
from glmm_binomial.observations.row_groups import RowGroups, crossed_groups, lies_within, nested_groups
from glmm_binomial.observations.true_numbers import read_coefficients, read_effects
from glmm_binomial.observations.truth import Truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.observations.row_groups import RowLabels

FARTHEST: Final = 40.0
"""SDs beyond which no normal number falls that a generator gives."""

MOST_KINDS: Final = 2
"""Columns of labels."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows of a study, N of p columns, and the truth about them. The arrays are read-only.

    Attributes
    ----------
    x : (N, p) array
    x_names : tuple of p str
    predictor : (N,) array
        Logits with random effects at zero.
    kinds : tuple of 1 or 2 RowLabels
        Of the columns of groups, in their order.
    kind_names : tuple of 1 or 2 str
    repeated : int
        Of which kind a larger study has more groups: the first, of nested ones those above.
    effects_root : (K, K) array
        Lambda of Lambda Lambda', the covariance of the random intercept and the slopes of all columns of x, or of the
        random intercepts of all kinds alone.
    correlated : bool
        Whether the effects of a group may be correlated.
    trials : (N,) array
    trials_given : bool
    """

    x: NDArray[np.float64]
    x_names: tuple[str, ...]
    predictor: NDArray[np.float64]
    kinds: tuple[RowLabels, ...]
    kind_names: tuple[str, ...]
    repeated: int
    effects_root: NDArray[np.float64]
    correlated: bool
    trials: NDArray[np.float64]
    trials_given: bool

    @property
    def sloped(self) -> NDArray[np.intp]:
        """Positions of the columns of x whose slopes vary between groups."""
        return np.flatnonzero(self.effects_root[len(self.kinds) :].any(axis=1))

    @property
    def size(self) -> int:
        """How many groups there are of the kind that is repeated."""
        return len(self.kinds[self.repeated][1])

    @property
    def groups(self) -> RowGroups:
        """Those of the rows, as a model has them."""
        order = _in_order(self.kinds)
        one, other = (self.kinds[place] for place in (order[0], order[-1]))
        name = self.kind_names[order[-1]]
        if len(order) == 1:
            return RowGroups(*one)
        if lies_within(one, other):
            return nested_groups(one, other, upper_name=name)
        return crossed_groups(one, other, few_name=name)

    @property
    def truth(self) -> Truth:
        """What outcomes are drawn from."""
        groups, root, slopes = self.groups, self.effects_root, len(self.effects_root) > len(self.kinds)
        if len(self.kinds) > 1:
            order = _in_order(self.kinds)
            # those above come first, those that cross come second
            order = order if groups.above is None else order[::-1]
            root = read_only(root[np.ix_(order, order)])
        return Truth(
            predictor=self.predictor,
            x_random=self.x if slopes else read_only(self.x[:, :0]),
            effects_root=root,
            groups=groups,
            trials=self.trials,
            trials_given=self.trials_given,
        )

    def with_groups(self, count: int) -> Plan:
        """The same with so many groups: all of them again and again, and of the last time the first ones."""
        if count == self.size:
            return self
        copies, rest = divmod(count, self.size)
        every, own = np.arange(len(self.trials)), self.kinds[self.repeated][0]
        rows = np.concatenate([np.tile(every, copies), every[own < rest]])
        copy = np.concatenate(
            [np.repeat(np.arange(copies), len(every)), np.full(len(rows) - copies * len(every), copies)]
        )
        stays = [kind != self.repeated and self.groups.crossed is not None for kind in range(len(self.kinds))]
        return replace(
            self,
            x=read_only(self.x[rows]),
            predictor=read_only(self.predictor[rows]),
            kinds=tuple(
                # what crosses the repeated groups is the same in every copy of them
                _numbered(index[rows] if is_same else index[rows] + len(labels) * copy)
                for (index, labels), is_same in zip(self.kinds, stays, strict=True)
            ),
            trials=read_only(self.trials[rows]),
        )

    def rows_with_groups(self, count: int) -> int:
        """How many rows that has."""
        copies, rest = divmod(count, self.size)
        return copies * len(self.trials) + int((self.kinds[self.repeated][0] < rest).sum())


def _in_order(kinds: tuple[RowLabels, ...]) -> tuple[int, ...]:
    """The kinds as a model has them: those whose rows make its groups first, then those above them or fewer."""
    first, other = kinds[0], kinds[-1]
    if lies_within(other, first):
        return (1, 0)
    is_crossed = not lies_within(first, other)
    return (1, 0) if is_crossed and len(other[1]) > len(first[1]) else (0, 1)[: len(kinds)]


def _numbered(codes: NDArray[np.intp]) -> RowLabels:
    """Groups told by a number, as 1, 2 ... in the order of these."""
    found, index = np.unique(codes, return_inverse=True)
    return read_only(index), tuple(range(1, len(found) + 1))


def read_plan(x: object, groups: object, coefficients: object, std_devs: object, trials: object = None) -> Plan:
    """Check what a worksheet or a script handed over and convert it to arrays.

    Parameters
    ----------
    x : (N, p) cells
        With a header row or without; groups and trials then have one too, or none.
    groups : (N, 1) or (N, 2) cells
        Labels, of one kind of groups or of two of which one lies within the other or crosses it.
    coefficients : range of p + 1 cells
        In a row or a column, the intercept first.
    std_devs : range of cells
        As of `read_effects`.
    trials : (N, 1) cells, or one number for all rows, optional

    Raises
    ------
    InvalidInputError
    """
    ranges = {"x": x, "groups": groups}
    trials_of_each = single_number(trials)
    if trials_of_each is None and not is_blank(single_cell(trials)):
        ranges["trials"] = trials
    rows = trim(
        {
            name: as_rows(name, cells, minimum_rows=1, most_columns=MOST_KINDS if name == "groups" else 1)
            for name, cells in ranges.items()
        },
        minimum_rows=1,
    )
    header = header_of(rows["x"])
    names = {name: frame_names(ranges[name]) or names_of(name, cells, header=header) for name, cells in rows.items()}
    data = {
        name: Range(name, cells[1:] if header else cells, header=names[name] if header else ())
        for name, cells in rows.items()
    }
    _require_equal_lengths(data)
    values = data["x"].numbers()
    kinds = tuple(data["groups"].labels(column) for column in range(data["groups"].width))
    b = read_coefficients(coefficients, columns=values.shape[1])
    effects = read_effects(std_devs, columns=values.shape[1], kinds=len(kinds))
    counts = data.get("trials") if trials_of_each is None else trials_of_each
    _require_finite(values, b, effects.root, kinds=len(kinds))
    return Plan(
        x=read_only(values),
        x_names=names["x"],
        predictor=read_only(b[0] + values @ b[1:]),
        kinds=kinds,
        kind_names=names["groups"],
        repeated=int(len(kinds) > 1 and lies_within(kinds[0], kinds[1])),
        effects_root=read_only(effects.root),
        correlated=effects.correlated,
        trials=read_only(np.ones(len(values)) if counts is None else trials_of(counts, rows=len(values))),
        trials_given=counts is not None,
    )


def _require_equal_lengths(data: dict[str, Range]) -> None:
    lengths = {name: len(cells.rows) for name, cells in data.items()}
    if not lengths["x"]:
        reject("x must have at least 1 row(s). Below the header it has 0.")
    for name, length in lengths.items():
        if length != lengths["x"]:
            reject(f"{name} must have the same number of rows as x. It has {length}, x has {lengths['x']}.")


def _require_finite(x: NDArray[np.float64], b: NDArray[np.float64], root: NDArray[np.float64], *, kinds: int) -> None:
    """Refuse numbers whose logits no double can hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.abs(root).sum(axis=1)
        slopes = np.abs(x) @ lengths[kinds:] if len(root) > kinds else 0.0
        largest = abs(b[0]) + np.abs(x) @ np.abs(b[1:]) + FARTHEST * (lengths[:kinds].sum() + slopes)
    wrong = np.flatnonzero(~np.isfinite(largest))
    if len(wrong):
        reject(
            f"coefficients and std_devs must make finite logits of x. Those of data row {wrong[0] + 1} may be too "
            "large for a number: look for values that are wrong by orders of magnitude."
        )
