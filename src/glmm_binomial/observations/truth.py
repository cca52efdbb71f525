"""Cells -> Truth: rows, groups and the numbers of a model that is given and not estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.frozen import read_only
from glmm_binomial.observations import trials_of
from glmm_binomial.observations.cells import is_blank, reject, single_cell
from glmm_binomial.observations.ranges import Range, as_rows, frame_names, header_of, names_of, trim

if TYPE_CHECKING:
    from numpy.typing import NDArray

FARTHEST = 40.0
"""SDs beyond which no normal number falls that a generator gives."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A model whose numbers are known, for N rows of p columns in G groups. The arrays are read-only.

    Attributes
    ----------
    x : (N, p) array
    x_names : tuple of p str
    predictor : (N,) array
        Logits with random effects at zero.
    x_random : (N, q) array
        Columns with a random slope: those of x, or none.
    effects_root : (K, K) array
        Lambda of Lambda Lambda', the covariance of the random intercepts, one or those of two kinds of groups, and of
        q slopes.
    group_index : (N,) integer array
    groups : int
        How many there are.
    trials : (N,) array
    trials_given : bool
    sharing : (G,) integer array or None
        Of nested groups, with the effect of the group above first: position of the group whose draw of it each takes.
    level_index : (N,) integer array or None
        Of a second grouping that crosses the groups, whose effect comes second: the level of each row.
    levels : int
        How many of these there are.
    """

    x: NDArray[np.float64]
    x_names: tuple[str, ...]
    predictor: NDArray[np.float64]
    x_random: NDArray[np.float64]
    effects_root: NDArray[np.float64]
    group_index: NDArray[np.intp]
    groups: int
    trials: NDArray[np.float64]
    trials_given: bool
    sharing: NDArray[np.intp] | None = None
    level_index: NDArray[np.intp] | None = None
    levels: int = 0

    def with_groups(self, count: int) -> Truth:
        """The same with so many groups: all of them again and again, and of the last time the first ones."""
        if count == self.groups:
            return self
        copies, rest = divmod(count, self.groups)
        every = np.arange(len(self.trials))
        rows = np.concatenate([np.tile(every, copies), every[self.group_index < rest]])
        copy = np.concatenate(
            [np.repeat(np.arange(copies), len(every)), np.full(len(rows) - copies * len(every), copies)]
        )
        return replace(
            self,
            x=read_only(self.x[rows]),
            predictor=read_only(self.predictor[rows]),
            x_random=read_only(self.x_random[rows]),
            group_index=read_only(self.group_index[rows] + self.groups * copy),
            groups=count,
            trials=read_only(self.trials[rows]),
        )

    def rows_with_groups(self, count: int) -> int:
        """How many rows that has."""
        copies, rest = divmod(count, self.groups)
        return copies * len(self.trials) + int((self.group_index < rest).sum())


def read_truth(x: object, groups: object, coefficients: object, std_devs: object, trials: object = None) -> Truth:
    """Check what a worksheet or a script handed over and convert it to arrays.

    Parameters
    ----------
    x : (N, p) cells
        With a header row or without; groups and trials then have one too, or none.
    groups : (N, 1) cells
        Labels.
    coefficients : range of p + 1 cells
        In a row or a column, the intercept first.
    std_devs : range of 1 or p + 1 cells
        Of the random intercept, or of it and of the slope of each column of x.
    trials : (N, 1) cells, optional

    Raises
    ------
    InvalidInputError
    """
    ranges = {"x": x, "groups": groups}
    if not is_blank(single_cell(trials)):
        ranges["trials"] = trials
    rows = trim({name: as_rows(name, cells, minimum_rows=1) for name, cells in ranges.items()}, minimum_rows=1)
    header = header_of(rows["x"])
    names = {name: frame_names(ranges[name]) or names_of(name, cells, header=header) for name, cells in rows.items()}
    data = {
        name: Range(name, cells[1:] if header else cells, header=names[name] if header else ())
        for name, cells in rows.items()
    }
    _require_equal_lengths(data)
    values = data["x"].numbers()
    group_index, labels = data["groups"].labels()
    b = _numbers("coefficients", coefficients, (values.shape[1] + 1,), "the intercept first, then one for each column")
    sds = _numbers("std_devs", std_devs, (1, values.shape[1] + 1), "of the random intercept, then of the slopes")
    if (sds < 0.0).any():
        reject(f"std_devs must not be negative. The smallest is {sds.min():.15g}.")
    x_random = values if len(sds) > 1 else values[:, :0]
    _require_finite(values, b, x_random, sds)
    return Truth(
        x=read_only(values),
        x_names=names["x"],
        predictor=read_only(b[0] + values @ b[1:]),
        x_random=read_only(x_random),
        effects_root=read_only(np.diag(sds)),
        group_index=read_only(group_index),
        groups=len(labels),
        trials=read_only(trials_of(data["trials"]) if "trials" in data else np.ones(len(values))),
        trials_given="trials" in data,
    )


def _require_equal_lengths(data: dict[str, Range]) -> None:
    lengths = {name: len(cells.rows) for name, cells in data.items()}
    if not lengths["x"]:
        reject("x must have at least 1 row(s). Below the header it has 0.")
    for name, length in lengths.items():
        if length != lengths["x"]:
            reject(f"{name} must have the same number of rows as x. It has {length}, x has {lengths['x']}.")


def _numbers(name: str, cells: object, sizes: tuple[int, ...], order: str) -> NDArray[np.float64]:
    """Numbers in a row or a column, of one of some sizes."""
    values = Range(name, as_rows(name, cells, minimum_rows=1)).numbers()
    if min(values.shape) != 1 or values.size not in sizes:
        allowed = " or ".join(map(str, dict.fromkeys(sizes)))
        shape = f"{values.shape[0]} x {values.shape[1]}" if min(values.shape) != 1 else str(values.size)
        reject(f"{name} must be a row or a column of {allowed} numbers, {order}. It has {shape}.")
    return values.ravel()


def _require_finite(
    x: NDArray[np.float64], b: NDArray[np.float64], x_random: NDArray[np.float64], sds: NDArray[np.float64]
) -> None:
    """Refuse numbers whose logits no double can hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        largest = abs(b[0]) + np.abs(x) @ np.abs(b[1:]) + FARTHEST * (sds[0] + np.abs(x_random) @ sds[1:])
    wrong = np.flatnonzero(~np.isfinite(largest))
    if len(wrong):
        reject(
            f"coefficients and std_devs must make finite logits of x. Those of data row {wrong[0] + 1} may be too "
            "large for a number: look for values that are wrong by orders of magnitude."
        )
