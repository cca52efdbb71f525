"""Observations -> Design: standardised columns, equal rows merged, rows sorted by group; and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from glmm_binomial.frozen import frozen
from glmm_binomial.model.distinct import all_distinct
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.rows import Crossing, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.observations import Observations

INTERCEPT = "intercept"


@dataclass(frozen=True, slots=True)
class Scale:
    """The way back from the standardised columns to the user's (k fixed and K random effects).

    Attributes
    ----------
    back_transform : (k, k) array
        T of b = T b_s: coefficients on the user's scale from those on the standardised scale.
    random_back_transform : (K, K) array
        R of u = R u_s: random effects on the user's scale from those on the standardised scale.
    correlated : bool
        Whether the random effects are.
    nested : bool
        Whether there is a random intercept of the groups above too, which is the first.
    random_intercept : bool
        Whether there is one of the groups.
    crossed : bool
        Whether there is one of a second grouping that crosses the groups, which is the last.
    intercept : bool
        Whether the first coefficient is the intercept.
    fixed_names : tuple of k str
    random_names : tuple of K str
    """

    back_transform: NDArray[np.float64]
    random_back_transform: NDArray[np.float64]
    correlated: bool
    nested: bool
    random_intercept: bool
    crossed: bool
    intercept: bool
    fixed_names: tuple[str, ...]
    random_names: tuple[str, ...]

    @property
    def random_intercepts(self) -> int:
        """How many there are, which come first among the random effects."""
        return self.random_intercept + (self.nested or self.crossed)

    def fixed_columns(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised columns (M, k) of rows of x (M, p) in the user's units."""
        columns = np.hstack([np.ones((len(x), 1)), x]) if self.intercept else x
        return np.asarray(columns @ self.back_transform)

    def user_columns(self, fixed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Columns (n, k) in the user's units, a column of ones the first of them when there is an intercept."""
        return np.asarray(np.linalg.solve(self.back_transform.T, fixed.T).T)

    def random_columns(self, x_random: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised columns (M, K) of rows of x_random (M, q) in the user's units."""
        intercepts = np.ones((len(x_random), self.random_intercepts))
        return np.asarray(np.hstack([intercepts, x_random]) @ self.random_back_transform)


@dataclass(frozen=True, slots=True)
class Design:
    """The data as a fit takes them: standardised, equal rows merged, sorted by group.

    Attributes
    ----------
    rows : Rows
        `successes` and `trials` are sums over the user's rows that are equal in x, x_random, offset, group and level;
        `fixed` holds the standardised columns of x, after a column of ones when there is an intercept; `random` those
        of x_random, after a column of ones when there is a random intercept.
    scale : Scale
    log_binomial : float
        Sum of the logarithms of the binomial coefficients of the user's rows.
    """

    rows: Rows
    scale: Scale
    log_binomial: float


def build_design(observations: Observations) -> Design:
    """Merge equal rows, sort by group, standardise.

    Rows equal in x, x_random, offset, group and level merge into sums of successes and trials, which loses nothing: the
    likelihood of a binomial model depends on the data only through these sums. With an intercept each column of x is
    centred at its mean over the trials; a column of more than two values is divided by its SD, one of two values by
    their distance. Without intercept columns are divided by their root mean square and not centred. Columns of
    independent random slopes are divided by their root mean square and never centred, which would change the model;
    those of correlated ones beside a random intercept are centred too and divided by their SD (Gelman et al. 2008,
    Annals of Applied Statistics 2(4), section 2.1, argue for such scaling under weakly informative priors).
    """
    merged = _merge(observations)
    intercept = observations.options.fit_intercept
    centre, scale = _centre_and_scale(merged.x, merged.trials, intercept=intercept)
    if intercept:
        fixed, back_transform = _with_intercept(merged.x, centre, scale)
    else:
        fixed, back_transform = merged.x / scale, np.diag(1.0 / scale)
    random, random_back_transform = _random_columns(merged, observations)
    above, crossed = observations.above, observations.crossed
    intercepts: tuple[str, ...] = (INTERCEPT,) if observations.random_intercept else ()
    if above is not None or crossed is not None:
        random, random_back_transform = np.ones((len(fixed), 2)), np.eye(2)
    if above is not None:
        intercepts = (f"{above.name}: {INTERCEPT}", f"{observations.group_name}: {INTERCEPT}")
    if crossed is not None:
        intercepts = (f"{observations.group_name}: {INTERCEPT}", f"{crossed.name}: {INTERCEPT}")
    rows = Rows(
        successes=merged.successes,
        trials=merged.trials,
        fixed=fixed,
        random=random,
        grouping=Grouping.of_sorted(merged.group_index),
        upper=None if above is None else Grouping.of_sorted(above.index),
        crossed=None if crossed is None else Crossing(merged.level_index, len(crossed.labels)),
        offset=merged.offset,
    )
    scale_back = Scale(
        back_transform=back_transform,
        random_back_transform=random_back_transform,
        correlated=observations.correlated,
        nested=above is not None,
        random_intercept=observations.random_intercept,
        crossed=crossed is not None,
        intercept=intercept,
        fixed_names=(INTERCEPT, *observations.x_names) if intercept else observations.x_names,
        random_names=(*intercepts, *observations.random_names),
    )
    return frozen(Design(rows=rows, scale=scale_back, log_binomial=_log_binomial(observations)))


def _random_columns(merged: _MergedRows, observations: Observations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standardised columns of the random effects, and the map of these to those of the columns given."""
    columns, trials = merged.x_random, merged.trials
    if not observations.random_intercept:
        scale = _root_mean_square(columns, trials)
        return columns / scale, np.diag(1.0 / scale)
    middle = trials @ columns / trials.sum() if observations.correlated else np.zeros(columns.shape[1])
    return _with_intercept(columns, middle, _root_mean_square(columns - middle, trials))


def _with_intercept(
    columns: NDArray[np.float64], centre: NDArray[np.float64], scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A column of ones and standardised columns, and the map of their coefficients to those of the columns given."""
    standardised = np.column_stack([np.ones(len(columns)), (columns - centre) / scale])
    back_transform = np.diag(np.r_[1.0, 1.0 / scale])
    back_transform[0, 1:] = -centre / scale
    return standardised, back_transform


@dataclass(frozen=True, slots=True)
class _MergedRows:
    """Rows distinct in group, level, x (n, p), x_random (n, q) and offset, with sums of successes and trials."""

    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    x: NDArray[np.float64]
    x_random: NDArray[np.float64]
    offset: NDArray[np.float64] | None
    group_index: NDArray[np.intp]
    level_index: NDArray[np.intp]


def _merge(observations: Observations) -> _MergedRows:
    crossed, offset, rows = observations.crossed, observations.offset, len(observations.successes)
    level = np.zeros(rows, dtype=np.intp) if crossed is None else crossed.index
    further = [*([] if offset is None else [offset]), *([] if crossed is None else [level])]
    columns = np.column_stack([observations.x, observations.x_random, *further])
    order = _order(columns, observations.group_index)
    columns, group_index = columns[order], observations.group_index[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (np.diff(group_index) != 0) | (columns[1:] != columns[:-1]).any(axis=1)
    merged = Grouping(index=np.cumsum(is_new) - 1, starts=np.flatnonzero(is_new))
    columns = np.asfortranarray(columns[merged.starts])
    width, both = observations.x.shape[1], observations.x.shape[1] + observations.x_random.shape[1]
    return _MergedRows(
        successes=merged.sums(observations.successes[order]),
        trials=merged.sums(observations.trials[order]),
        x=columns[:, :width],
        x_random=columns[:, width:both],
        offset=None if offset is None else columns[:, both],
        group_index=group_index[merged.starts],
        level_index=level[order][merged.starts],
    )


def _order(columns: NDArray[np.float64], group_index: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows sorted by group, and within it by the last column, the one before it and so on where any two are equal."""
    if not columns.shape[1] or all_distinct(columns):
        # no two groups are alike then, and nothing merges: numpy sorts short integers by their digits
        short = group_index.astype(np.uint16) if group_index.max() < np.iinfo(np.uint16).max else group_index
        return np.argsort(short, kind="stable")
    return np.lexsort((*columns.T, group_index))


def _centre_and_scale(
    x: NDArray[np.float64], trials: NDArray[np.float64], *, intercept: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and scale of each column, (p,) both."""
    if not intercept:
        return np.zeros(x.shape[1]), _root_mean_square(x, trials)
    centre = trials @ x / trials.sum()
    low, high = x.min(axis=0), x.max(axis=0)
    two_values = ((x == low) | (x == high)).all(axis=0)
    return centre, np.where(two_values, high - low, _root_mean_square(x - centre, trials))


def _root_mean_square(values: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square of each column over the trials; scaled by the largest value, so squares cannot overflow."""
    largest = np.abs(values).max(axis=0)
    return np.asarray(largest * np.sqrt(trials @ (values / largest) ** 2 / trials.sum()))


def _log_binomial(observations: Observations) -> float:
    if not observations.trials_given:
        return 0.0
    trials, successes = observations.trials, observations.successes
    return float(np.sum(gammaln(trials + 1) - gammaln(successes + 1) - gammaln(trials - successes + 1)))
