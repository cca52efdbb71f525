"""Why the likelihood has no maximum, in words: separated data, values far out, groups that never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.separation import DIRECTION_TOLERANCE
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.separation import Separation
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Observations

MOST_ROWS_NAMED = 8

FAR_OUT_SHARE = 0.99
"""Share of the sum of squares about the median at which a single value makes up its column."""


def why_no_maximum(observations: Observations, design: Design, separation: Separation | None) -> str:
    """Why maximum likelihood has no answer, and what to do."""
    advice = 'Use method "vb", whose weak prior keeps the estimates finite'
    far_out = _far_out(observations)
    if separation is not None:
        described = describe_separation(separation, observations, design)
        otherwise = f"leave {'one of these columns' if len(separation.columns) > 1 else 'the column'} out"
        if separation.single and len(separation.columns) > 1:
            otherwise = "leave these columns out"
        elif _is_reference_level(separation, observations, _rows_told(separation, observations, design)):
            otherwise = "join the category of these rows with another"
        return f"the likelihood has no maximum, since {described}. {advice}, or {otherwise}.{far_out}"
    if far_out:
        return f"no single maximum of the likelihood was found.{far_out} {advice}."
    same = unchanging_groups(design)
    if not len(same):
        return (
            "no single maximum of the likelihood was found. Look for values that lie far from all others in their "
            "column, for columns that nearly determine the outcome, and for more random effects than the groups can "
            f"tell apart. {advice}."
        )
    labels = listed([str(observations.group_labels[group]) for group in same])
    return (
        "the likelihood has no maximum at finite values that could be found. All outcomes are the same in "
        f"{len(same)} of {design.rows.grouping.count} groups ({labels}), and the number of coefficients is "
        f"{len(design.scale.back_transform)} for {len(observations.successes)} rows: with too little variation within "
        f"groups, ever larger differences between them fit ever better. {advice}."
    )


def _far_out(observations: Observations) -> str:
    """A sentence, after a space, about a value beside which all others of its column are one; or nothing."""
    squares = (observations.x - np.median(observations.x, axis=0)) ** 2
    for column, row in enumerate(squares.argmax(axis=0)):
        others = np.delete(squares[:, column], row).sum()
        is_alone = others < (1.0 - FAR_OUT_SHARE) * squares[row, column]
        if is_alone and len(np.unique(observations.x[:, column])) > 2:  # noqa: PLR2004  not a column of 0 and 1
            return (
                f" In row {row + 1 + observations.header} of x, {observations.x_names[column]} is "
                f"{observations.x[row, column]:.6g}, far from all other rows: correct it if it is wrong."
            )
    return ""


def unchanging_groups(design: Design) -> NDArray[np.intp]:
    """Positions of the groups whose outcomes are all the same."""
    successes = design.rows.grouping.sums(design.rows.successes)
    trials = design.rows.grouping.sums(design.rows.trials)
    return np.flatnonzero((successes == 0) | (successes == trials))


def describe_separation(separation: Separation, observations: Observations, design: Design) -> str:
    """Which columns tell successes from failures, and in which rows, in a sentence without its full stop."""
    names = [observations.x_names[column] for column in separation.columns]
    kind = "completely" if separation.complete else "quasi-completely"
    if len(names) == 1:
        subject = names[0]
    else:
        subject = f"{'each' if separation.single else 'a combination'} of {', '.join(names)}"
    sentence = f"{subject} separates successes from failures {kind}"
    if separation.single and separation.complete:
        return f"{sentence}: {_border(separation.columns[0], observations)}"
    if separation.complete:
        return sentence
    told = _rows_told(separation, observations, design)
    rows = [str(row + 1 + observations.header) for row in told[:MOST_ROWS_NAMED]]
    more = f" and {len(told) - MOST_ROWS_NAMED} more" if len(told) > MOST_ROWS_NAMED else ""
    counted = f"{len(told)} row" if len(told) == 1 else f"{len(told)} rows"
    sentence += f"; the outcome is foregone in {counted} ({', '.join(rows)}{more}), counted as in your ranges"
    is_reference = _is_reference_level(separation, observations, told)
    return f"{sentence}: those in which all of these columns are 0" if is_reference else sentence


def _is_reference_level(separation: Separation, observations: Observations, told: NDArray[np.intp]) -> bool:
    """Whether the rows whose outcome is foregone are those of the level that has no column of its own."""
    columns = observations.x[:, list(separation.columns)]
    is_coded = not separation.single and bool(np.isin(columns, (0.0, 1.0)).all())
    return is_coded and np.array_equal(told, np.flatnonzero(~columns.any(axis=1)))


def _rows_told(separation: Separation, observations: Observations, design: Design) -> NDArray[np.intp]:
    """Rows of the user's ranges on one side of the border, whose outcome is foregone."""
    if separation.single:
        values = observations.x[:, list(separation.columns)]
        succeeded = values[observations.successes > 0]
        failed = values[observations.successes < observations.trials]
        border = np.where(failed.max(axis=0) <= succeeded.min(axis=0), failed.max(axis=0), succeeded.max(axis=0))
        return np.flatnonzero((values != (border if design.scale.intercept else 0.0)).any(axis=1))
    x = np.column_stack([np.ones(len(observations.x)), observations.x]) if design.scale.intercept else observations.x
    predictor = np.abs(x @ (design.scale.back_transform @ separation.direction))
    return np.flatnonzero(predictor > DIRECTION_TOLERANCE * predictor.max())


def _border(column: int, observations: Observations) -> str:
    """Where a column that tells every row apart puts its successes and failures."""
    values, name = observations.x[:, column], observations.x_names[column]
    succeeded, failed = values[observations.successes > 0], values[observations.successes < observations.trials]
    if failed.max() < succeeded.min():
        return (
            f"{name} is at most {failed.max():.6g} in every failure and at least {succeeded.min():.6g} in every success"
        )
    return f"{name} is at most {succeeded.max():.6g} in every success and at least {failed.min():.6g} in every failure"
