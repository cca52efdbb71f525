"""Cells -> Observations. The only place that rejects user data; every check stands here once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.errors import InvalidInputError
from glmm_binomial.frozen import read_only
from glmm_binomial.observations import estimability
from glmm_binomial.observations.cells import (
    as_whole,
    describe,
    float_or_infinity,
    is_blank,
    is_missing_mark,
    is_number_type,
    reject,
    single_cell,
)
from glmm_binomial.observations.crossed_groups import CrossedGroups
from glmm_binomial.observations.groups_above import GroupsAbove
from glmm_binomial.observations.handed_over import HandedOver, all_used
from glmm_binomial.observations.labels import look_alikes
from glmm_binomial.observations.options import (
    METHODS,
    Method,
    Options,
    fit_intercept_from,
    is_lone_boolean,
    read_options,
)
from glmm_binomial.observations.ranges import (
    Range,
    as_rows,
    frame_names,
    header_of,
    names_of,
    require_equal_lengths,
    trim,
)
from glmm_binomial.observations.wording import listed
from glmm_binomial.observations.wrong_cells import reject_outcomes, reject_successes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "METHODS",
    "CrossedGroups",
    "GroupsAbove",
    "HandedOver",
    "InvalidInputError",
    "Method",
    "Observations",
    "Options",
    "observe",
]

MINIMUM_GROUPS = 2

MOST_TRIALS = 1_000_000_000
"""Trials of one row; beyond this its information outgrows that of a single trial by all digits of double precision."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Checked data, one entry per row that is used, in the user's order and units. The arrays are read-only.

    Attributes
    ----------
    successes, trials : (N,) arrays
        Whole numbers; trials are all one unless they were given.
    x : (N, p) array
        p is 0 when a formula names no predictor.
    x_names : tuple of p str
    group_index : (N,) integer array
        Position of each row's group in `group_labels`.
    group_labels : tuple of G labels
        In the order in which they first appear.
    x_random : (N, q) array
        q is 0 without random slopes.
    random_names : tuple of q str
    trials_given : bool
    header : bool
        Whether the ranges had a header row, which counts when a row is named to a person.
    look_alikes : tuple of tuples of str
        Labels that differ only by case, outer spaces, or by being a number once and text once.
    options : Options
    handed_over : HandedOver
        Which of the rows handed over these are; ranges are used whole.
    group_name : str
        The column of the labels, in a table; "" for ranges.
    random_intercept : bool
        Whether there is one.
    correlated : bool
        Whether the random effects of a group may be correlated.
    above : GroupsAbove or None
        The groups that these are nested in, in the order of which `group_labels` stand then.
    crossed : CrossedGroups or None
        A second grouping, of fewer levels, that crosses the groups.
    offset : (N,) array or None
        What is known of each row's logit beforehand; None where nothing is.
    offset_name : str
        What it is, such as log(time); "" where there is none.
    notices : tuple of str
        What must be known about the data, such as which text is the success.
    """

    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    x: NDArray[np.float64]
    x_names: tuple[str, ...]
    group_index: NDArray[np.intp]
    group_labels: tuple[object, ...]
    x_random: NDArray[np.float64]
    random_names: tuple[str, ...]
    trials_given: bool
    header: bool
    look_alikes: tuple[tuple[str, ...], ...]
    options: Options
    handed_over: HandedOver
    group_name: str = ""
    random_intercept: bool = True
    correlated: bool = False
    above: GroupsAbove | None = None
    crossed: CrossedGroups | None = None
    offset: NDArray[np.float64] | None = None
    offset_name: str = ""
    notices: tuple[str, ...] = ()

    @property
    def rows_omitted(self) -> int:
        """Number of rows handed over that are left out since something is missing in them."""
        return self.handed_over.omitted

    def by_groups_above(self) -> Observations:
        """The same rows in the groups above, as if nested groups had not been told."""
        if self.above is None:
            raise ValueError("these groups have none above them")
        return replace(
            self,
            group_index=read_only(self.above.index[self.group_index]),
            group_labels=self.above.labels,
            group_name=self.above.name,
            look_alikes=look_alikes(self.above.labels),
            above=None,
        )

    def by_levels(self) -> Observations:
        """The same rows in the levels that cross the groups, as if the groups had not been told."""
        if self.crossed is None:
            raise ValueError("no other grouping crosses these groups")
        return replace(
            self,
            group_index=self.crossed.index,
            group_labels=self.crossed.labels,
            group_name=self.crossed.name,
            look_alikes=look_alikes(self.crossed.labels),
            crossed=None,
        )

    def of_rows(self, kept: NDArray[np.bool_]) -> Observations:
        """Some of the rows, (N,) booleans, as if they alone had been handed over."""
        left = np.zeros(len(self.group_labels), dtype=bool)
        left[self.group_index[kept]] = True
        return replace(
            self,
            successes=read_only(self.successes[kept]),
            trials=read_only(self.trials[kept]),
            x=read_only(self.x[kept]),
            group_index=read_only((np.cumsum(left) - 1)[self.group_index[kept]]),
            group_labels=tuple(self.group_labels[place] for place in np.flatnonzero(left).tolist()),
            x_random=read_only(self.x_random[kept]),
            handed_over=all_used(int(kept.sum())),
            above=None if self.above is None else self.above.without(np.flatnonzero(~left)),
            crossed=None if self.crossed is None else self.crossed.of_rows(kept),
            offset=None if self.offset is None else read_only(self.offset[kept]),
        )


def observe(
    y: object,
    x: object,
    groups: object,
    *,
    x_random: object = None,
    fit_intercept: object = True,
    alpha: object = 0.05,
    method: object = "vb",
    trials: object = None,
) -> Observations:
    """Check what a worksheet or a script handed over and convert it to arrays.

    Parameters
    ----------
    y, x, groups, x_random, trials : list of rows, array, or scalar
        Cells as rows of equal length; a scalar is a single cell. x may be None, which leaves the model without
        predictors; x_random and trials may be None or one blank cell. One number as trials counts for every row. The
        columns of a data frame keep their names.
    fit_intercept, alpha, method : scalar
        None or a blank cell means the default.

    Returns
    -------
    Observations

    Raises
    ------
    InvalidInputError
        With the text of the message for the user.
    """
    if is_lone_boolean(x_random):
        x_random, fit_intercept = None, fit_intercept_from(x_random, fit_intercept)
    options = read_options(fit_intercept, alpha, method)

    if x is None and not options.fit_intercept:
        reject("x must be given where fit_intercept is FALSE: without both, nothing is left to be estimated.")
    trials_of_each = single_number(trials)
    required = {"y": y, "groups": groups} if x is None else {"y": y, "x": x, "groups": groups}
    optional = {"x_random": x_random, "trials": None if trials_of_each is not None else trials}
    ranges = required | {name: cells for name, cells in optional.items() if not is_blank(single_cell(cells))}
    rows = trim({name: as_rows(name, cells) for name, cells in ranges.items()})
    first = "x" if "x" in rows else "y"
    header = header_of(rows[first], rows["y"])
    names = {
        name: frame_names(ranges[name]) or names_of(name, cells, header=header, like=first)
        for name, cells in rows.items()
    }
    data = {
        name: Range(name, cells[1:] if header else cells, header=names[name] if header else ())
        for name, cells in rows.items()
    }
    require_equal_lengths(data)

    no_columns = np.empty((data["y"].height, 0))
    x_values = data["x"].numbers() if "x" in data else no_columns
    x_names = names.get("x", ())
    group_index, group_labels = data["groups"].labels()
    successes, trial_counts = _responses(
        data["y"], trials_of_each if trials_of_each is not None else data.get("trials")
    )
    random_values = data["x_random"].numbers() if "x_random" in data else no_columns
    random_names = names.get("x_random", ())

    require_estimable(successes, trial_counts, group_labels)
    for problem in (
        estimability.problem_with_fixed_effects(x_values, x_names, intercept=options.fit_intercept),
        estimability.problem_with_random_slopes(random_values, random_names),
    ):
        if problem is not None:
            reject(problem)
    return Observations(
        successes=read_only(successes),
        trials=read_only(trial_counts),
        x=read_only(x_values),
        x_names=x_names,
        group_index=read_only(group_index),
        group_labels=group_labels,
        x_random=read_only(random_values),
        random_names=random_names,
        trials_given=trials_of_each is not None or "trials" in data,
        header=header,
        look_alikes=look_alikes(group_labels),
        options=options,
        handed_over=all_used(len(successes)),
        notices=tuple(_notices(data["groups"], group_labels)),
    )


def single_number(trials: object) -> float | None:
    """The one number that stands for the trials of every row; None where there is none."""
    cell = single_cell(trials)
    if isinstance(cell, bool | np.bool_) or not is_number_type(type(cell)):
        return None
    return float_or_infinity(cell)


def _responses(y: Range, trials: Range | float | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Successes and trials of each row, (N,) both."""
    successes = as_whole(y.numbers()[:, 0])
    if trials is None:
        wrong = np.flatnonzero((successes != 0) & (successes != 1))
        if len(wrong):
            reject_outcomes(y, successes, wrong)
        return successes, np.ones(len(successes))
    counts = trials_of(trials, rows=len(successes))
    wrong = np.flatnonzero((successes < 0) | (successes > counts) | (successes != np.floor(successes)))
    if len(wrong):
        reject_successes(y, None if isinstance(trials, float) else trials, successes, counts, wrong)
    return successes, counts


def _checked_trials(trials: float) -> float:
    """The trials of every row, given as one number."""
    number = float(as_whole(np.array([trials]))[0])
    if not (number.is_integer() and 1.0 <= number <= MOST_TRIALS):
        reject(
            f"trials must be a whole number from 1 to {MOST_TRIALS:,}, or a column of them. It is {describe(trials)}."
        )
    return number


def trials_of(trials: Range | float, *, rows: int) -> NDArray[np.float64]:
    """The trials (N,) of each of so many rows, from a column of them or the one number of all."""
    if isinstance(trials, float):
        return np.full(rows, _checked_trials(trials))
    counts = as_whole(trials.numbers()[:, 0])
    wrong = np.flatnonzero((counts < 1) | (counts != np.floor(counts)))
    if len(wrong):
        several = f"are no whole numbers of at least 1, such as {describe(trials.rows[wrong[0]][0])}"
        trials.reject_rows(wrong, rule="must be a whole number of at least 1.", several=several)
    wrong = np.flatnonzero(counts > MOST_TRIALS)
    if len(wrong):
        several = f"are larger, such as {describe(trials.rows[wrong[0]][0])}"
        trials.reject_rows(wrong, rule=f"must be at most {MOST_TRIALS:,}.", several=several)
    return counts


def _notices(groups: Range, labels: tuple[object, ...]) -> Iterator[str]:
    """What must be known about the data: labels that look like marks of missing ones."""
    marks = [label for label in labels if isinstance(label, str) and is_missing_mark(label)]
    if marks:
        cells = list(groups.cells())
        rows = sum(cells.count(mark) for mark in marks)
        yield (
            f"{listed([repr(mark) for mark in marks])} counts as a group like any other, in {rows:,} "
            f"row{'s' * (rows > 1)}. If it marks missing labels, leave these rows out of every range."
        )


def require_estimable(
    successes: NDArray[np.float64],
    trials: NDArray[np.float64],
    group_labels: tuple[object, ...],
    *,
    y: str = "y",
    groups: str = "groups",
) -> None:
    """Refuse outcomes that are all the same, and a single group.

    Parameters
    ----------
    successes, trials : (N,) arrays
    group_labels : tuple of G labels
    y, groups : str
        What the message calls them.
    """
    if not successes.any() or (successes == trials).all():
        value = 0 if not successes.any() else 1
        every = (
            f"Every value is {value}" if (trials == 1).all() else f"Every trial is a {('failure', 'success')[value]}"
        )
        reject(f"{y} must contain both 0 and 1. {every}, so nothing can be estimated.")
    if len(group_labels) < MINIMUM_GROUPS:
        reject(
            f"{groups} must have at least {MINIMUM_GROUPS} distinct values. Every row has {describe(group_labels[0])}; "
            "without groups to compare there is no random effect to estimate."
        )
