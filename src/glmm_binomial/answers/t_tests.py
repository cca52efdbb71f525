"""Tests by Student's t of the coefficients that differences between groups decide, for which z is too sure.

A coefficient whose column is, within every group, a combination of the columns of the random effects (1 for the
intercept, then those of x_random) is told from these effects by comparing groups only. With G groups and m coefficients
that are constant within groups, the intercept among them, G - m degrees of freedom are left for such comparisons
(between-group degrees of freedom; Li & Redden 2015, BMC Medical Research Methodology 15:38).
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
    degrees_of_freedom : int
        At least 1.
    p_value : float
        Two-sided.
    ci_lower, ci_upper : float
        At the confidence of the table.
    """

    position: int
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
    degrees = degrees_of_freedom(design)
    if degrees < 1:
        return ()
    with np.errstate(over="ignore"):
        reach = student.isf(alpha / 2.0, degrees) * std_errors
        # an interval beyond double precision says nothing
        is_told = _decided_between_groups(design.rows) & np.isfinite(np.abs(coefficients) + reach)
    p_values = 2.0 * student.sf(np.abs(coefficients / std_errors), degrees)
    return tuple(
        TTest(
            position=position,
            degrees_of_freedom=degrees,
            p_value=float(p_values[position]),
            ci_lower=float(coefficients[position] - reach[position]),
            ci_upper=float(coefficients[position] + reach[position]),
        )
        for position in np.flatnonzero(is_told).tolist()
    )


def degrees_of_freedom(design: Design) -> int:
    """G less the number of coefficients whose columns are constant within groups."""
    rows = design.rows
    constant = _left_within(rows.fixed, np.empty((len(rows.fixed), 0)), rows) <= WITHIN
    return rows.grouping.count - int(constant.sum())


def told(estimates: Estimates) -> Iterator[TTest]:
    """The tests that a table shows."""
    few = len(estimates.group_labels) < FEW_GROUPS
    for test in estimates.t_tests:
        by_z = estimates.p_values[test.position] < estimates.alpha
        if few or by_z != (test.p_value < estimates.alpha):
            yield test


def shown(estimates: Estimates) -> Iterator[tuple[str, float, str]]:
    """Name, p and a text with interval and degrees of freedom, of these tests."""
    for test in told(estimates):
        name = f"t_test: {estimates.fixed_names[test.position]}"
        # short, since Excel shows no more of it than the column has room for
        yield name, test.p_value, f"{test.ci_lower:.4g} to {test.ci_upper:.4g}, {test.degrees_of_freedom} df"


def about_degrees_of_freedom(design: Design, method: str) -> Iterator[str]:
    """What is to be said when no t test is possible."""
    degrees = degrees_of_freedom(design)
    if method == "ml" and degrees < 1:
        names = [
            name
            for name, between in zip(design.scale.fixed_names, _decided_between_groups(design.rows), strict=True)
            if between
        ]
        yield (
            f"Only differences between groups tell of {listed(names)}, and there are {design.rows.grouping.count} "
            "groups for as many coefficients or more: no degrees of freedom are left for a t test, and the z tests and "
            "intervals of these coefficients are too sure."
        )


def _decided_between_groups(rows: Rows) -> NDArray[np.bool_]:
    """Which columns (k,) are, within every group, combinations of the columns of the random effects."""
    return np.asarray(_left_within(rows.fixed, rows.random[:, 1:], rows) <= WITHIN)


def _left_within(columns: NDArray[np.float64], slopes: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
    """Root mean square (k,) of what group means and slopes (n, q) of the groups' own leave of standardised columns."""
    left, directions = _less_group_means(columns, rows), _less_group_means(slopes, rows)
    for position in range(directions.shape[1]):
        along = directions[:, position, None]
        left, directions = _less_projection(left, along, rows), _less_projection(directions, along, rows)
    return np.asarray(np.sqrt((left**2).mean(axis=0)))


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
