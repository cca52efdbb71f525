"""Estimates -> the rows of the table. No arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glmm_binomial.answers.estimates import Estimates

FIXED_HEADER = (
    "fixed_effects",
    "parameter",
    "coefficient",
    "std_error",
    "z_statistic",
    "p_value",
    "ci_lower",
    "ci_upper",
    "odds_ratio",
)
RANDOM_HEADER = ("random_effects", "parameter", "variance", "std_dev")
DIAGNOSTICS_HEADER = ("diagnostics", "parameter", "value")
COLUMNS = len(FIXED_HEADER)

Row = list[str | float | bool | None]


def table(estimates: Estimates) -> list[Row]:
    """Nine columns; each row padded with None."""
    rows: list[tuple[object, ...]] = [FIXED_HEADER]
    rows += [
        ("", name, *numbers)
        for name, *numbers in zip(
            estimates.fixed_names,
            estimates.coefficients,
            estimates.std_errors,
            estimates.z_statistics,
            estimates.p_values,
            estimates.ci_lower,
            estimates.ci_upper,
            estimates.odds_ratios,
            strict=True,
        )
    ]
    rows.append(RANDOM_HEADER)
    rows += [
        ("", name, variance, std_dev)
        for name, variance, std_dev in zip(estimates.random_names, estimates.variances, estimates.std_devs, strict=True)
    ]
    rows += [
        ("log_likelihood", estimates.log_likelihood),
        ("aic", estimates.aic),
        ("bic", estimates.bic),
        DIAGNOSTICS_HEADER,
    ]
    rows += [("", name, value) for name, value in _diagnostics(estimates).items()]
    rows += [("warning", notice) for notice in estimates.notices]
    return [padded(row, COLUMNS) for row in rows]


def _diagnostics(estimates: Estimates) -> dict[str, object]:
    trials = {} if estimates.trials is None else {"trials": estimates.trials}
    return {
        "method": estimates.method,
        "converged": estimates.converged,
        "observations": estimates.observations,
        **trials,
        "groups": len(estimates.group_labels),
        "icc": estimates.icc,
        "quadrature_nodes": "laplace" if estimates.nodes is None else estimates.nodes,
        "largest_score": estimates.largest_score,
    }


def padded(row: Sequence[object], width: int) -> Row:
    """A row of cells of a width: text and booleans as they are, numbers as floats, and None for the rest.

    What is not a finite number is left blank.
    """
    return [_cell(value) for value in row] + [None] * (width - len(row))


def _cell(value: object) -> str | float | bool | None:
    if value is None or isinstance(value, str | bool):
        return value
    number = float(value)  # type: ignore[arg-type]  # everything else in a row is a number
    return number if math.isfinite(number) else None
