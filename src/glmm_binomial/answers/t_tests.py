"""Tests by Student's t of the coefficients that differences between groups decide, for which z is too sure.

A coefficient whose column is, within every group, a combination of the columns of the random effects (1 for a random
intercept, then those of x_random) is told from these effects by comparing groups only. With G groups and m coefficients
that are constant within groups, the intercept among them, G - m degrees of freedom are left for such comparisons
(between-group degrees of freedom; Li & Redden 2015, BMC Medical Research Methodology 15:38). Without random intercept m
counts the coefficients that the mean of an effect is made up of, the largest such number. In nested groups the groups
are those of the highest level within which the column is constant; where groupings cross, those of the smaller one, if
the column is constant within both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import t as student

from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.model.design import Design
    from glmm_binomial.model.rows import Rows

FEW_GROUPS: Final = 30
"""Below, the table shows every such test; from there on where z and t come to different verdicts."""

WITHIN: Final = 1e-8
"""Of a standardised column, what may be left within groups by rounding alone."""


@dataclass(frozen=True, slots=True)
class TTest:
    """Student's t in the place of z for one coefficient.

    Attributes
    ----------
    position : int
        Among the k coefficients.
    groups : int
        That are compared.
    degrees_of_freedom : int
        At least 1.
    p_value : float
        Two-sided.
    ci_lower, ci_upper : float
        At the confidence of the table.
    """

    position: int
    groups: int
    degrees_of_freedom: int
    p_value: float
    ci_lower: float
    ci_upper: float


def t_tests(
    design: Design, coefficients: NDArray[np.float64], std_errors: NDArray[np.float64], *, alpha: float
) -> tuple[TTest, ...]:
    """The test of each coefficient that is decided between groups; none when no degrees of freedom are left.

    Parameters
    ----------
    design : Design
    coefficients, std_errors : (k,) arrays
        On any scale.
    alpha : float
    """
    found = []
    for level in _levels(design):
        if level.degrees_of_freedom < 1:
            continue
        with np.errstate(over="ignore"):
            reach = student.isf(alpha / 2.0, level.degrees_of_freedom) * std_errors
            # an interval beyond double precision says nothing
            is_told = level.decided & np.isfinite(np.abs(coefficients) + reach)
        p_values = 2.0 * student.sf(np.abs(coefficients / std_errors), level.degrees_of_freedom)
        found += [
            TTest(
                position=position,
                groups=level.groups,
                degrees_of_freedom=level.degrees_of_freedom,
                p_value=float(p_values[position]),
                ci_lower=float(coefficients[position] - reach[position]),
                ci_upper=float(coefficients[position] + reach[position]),
            )
            for position in np.flatnonzero(is_told).tolist()
        ]
    return tuple(sorted(found, key=lambda test: test.position))


@dataclass(frozen=True, slots=True)
class _Level:
    """Groups that are compared, what is left for it, and which of the k coefficients are decided by it, (k,)."""

    groups: int
    degrees_of_freedom: int
    decided: NDArray[np.bool_]


def _levels(design: Design) -> Iterator[_Level]:
    """The groups, or of nested ones those above first, of crossed ones the fewer first."""
    rows = design.rows
    if not design.scale.random_intercept:
        columns = design.scale.user_columns(rows.fixed)
        columns /= _root_mean_square(columns)
        decided = _left(columns, rows.random, rows) <= WITHIN
        most = _most_in_one_mean(columns[:, decided], rows)
        yield _Level(rows.grouping.count, rows.grouping.count - most, decided)
        return
    each = [rows]
    if rows.upper is not None:
        each = [rows.of_upper(), rows.with_effects(np.array([False, True]))]
    elif rows.crossed is not None:
        each = sorted(
            [rows.with_effects(np.array([True, False])), rows.by_levels()], key=lambda one: one.grouping.count
        )
    before = np.zeros(rows.fixed.shape[1], dtype=bool)
    for level in each:
        fixed, slopes = _less_group_means(level.fixed, level), _less_group_means(level.random[:, 1:], level)
        constant = _root_mean_square(fixed) <= WITHIN
        # combinations of the columns of the random effects within every group
        decided = _left(fixed, slopes, level) <= WITHIN
        groups = level.grouping.count
        yield _Level(groups, groups - int(constant.sum()), decided & ~before)
        before |= decided


def told(estimates: Estimates) -> Iterator[TTest]:
    """The tests that a table shows."""
    for test in estimates.t_tests:
        by_z = estimates.p_values[test.position] < estimates.alpha
        if test.groups < FEW_GROUPS or by_z != (test.p_value < estimates.alpha):
            yield test


def shown(estimates: Estimates) -> Iterator[tuple[str, float, str]]:
    """Name, p and a text with interval and degrees of freedom, of these tests."""
    for test in told(estimates):
        name = f"t_test: {estimates.fixed_names[test.position]}"
        # short, since Excel shows no more of it than the column has room for
        yield name, test.p_value, f"{test.ci_lower:.4g} to {test.ci_upper:.4g}, {test.degrees_of_freedom} df"


def about_degrees_of_freedom(design: Design, method: str) -> Iterator[str]:
    """What is to be said when no t test is possible."""
    if method != "ml":
        return
    for level in _levels(design):
        if level.degrees_of_freedom >= 1 or not level.decided.any():
            continue
        names = [name for name, is_told in zip(design.scale.fixed_names, level.decided, strict=True) if is_told]
        yield (
            f"Only differences between groups tell of {listed(names)}, and there are {level.groups} "
            "groups for as many coefficients or more: no degrees of freedom are left for a t test, and the z tests and "
            "intervals of these coefficients are too sure."
        )


def about_few_groups(design: Design, method: str, asked: NDArray[np.bool_]) -> Iterator[str]:
    """What is to be said of answers by z that rest on some of the k coefficients, (k,) booleans."""
    if method != "ml":
        return
    for level in _levels(design):
        is_told = level.decided & asked
        if level.groups >= FEW_GROUPS or level.degrees_of_freedom < 1 or not is_told.any():
            continue
        names = [name for name, is_one in zip(design.scale.fixed_names, is_told, strict=True) if is_one]
        yield (
            f"Only differences between {level.groups} groups tell of {listed(names)}: p_value and intervals here are "
            f"by z, which is too sure. The rows t_test of GLMM_BINOMIAL_TABLE have Student's t with "
            f"{level.degrees_of_freedom} degrees of freedom."
        )


def _most_in_one_mean(decided: NDArray[np.float64], rows: Rows) -> int:
    """How many of the coefficients of columns (n, d) decided between groups make up the mean of an effect, at most."""
    if not decided.shape[1]:
        return 0
    products = rows.grouping.sums(rows.random[:, :, None] * rows.random[:, None])
    covered = rows.grouping.sums(rows.random[:, :, None] * decided[:, None])
    # of each group, the effects' means per unit of each coefficient, (G, K, d)
    per_unit = np.linalg.pinv(products, rcond=WITHIN, hermitian=True) @ covered
    return max(int(np.linalg.matrix_rank(per_unit[:, effect])) for effect in range(per_unit.shape[1]))


def _left(left: NDArray[np.float64], directions: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
    """Root mean square (k,) of what multiples of directions (n, q), in each group their own, leave of columns."""
    for position in range(directions.shape[1]):
        along = directions[:, position, None]
        left, directions = _less_projection(left, along, rows), _less_projection(directions, along, rows)
    return _root_mean_square(left)


def _root_mean_square(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((columns**2).mean(axis=0)))


def _less_group_means(values: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
    grouping = rows.grouping
    return np.asarray(values - grouping.by_row(grouping.sums(values) / grouping.sizes[:, None]))


def _less_projection(values: NDArray[np.float64], along: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
    grouping = rows.grouping
    products, size = grouping.sums(along * values), grouping.sums(along**2)
    # what does not vary within a group, but for rounding, leaves all as it is there
    varies = size > WITHIN**2 * grouping.sizes[:, None]
    return np.asarray(
        values - along * grouping.by_row(np.divide(products, size, np.zeros_like(products), where=varies))
    )
