"""Independent effects, and those without intercept, depend on where zero is: said where it lies far from the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.observations import Observations

FAR: Final = 2.0
"""SDs between zero and the mean of a column, of which no value is on the other side of zero, that are far."""


def columns_far_from_zero(observations: Observations) -> tuple[int, ...]:
    """Positions of the columns of x_random whose zero lies far outside their values."""
    return tuple(
        position
        for position, column in enumerate(observations.x_random.T)
        if column.min() * column.max() > 0.0 and abs(column.mean()) > FAR * column.std()
    )


def about_origin(observations: Observations) -> Iterator[str]:
    """A warning for each of them."""
    if observations.correlated and observations.random_intercept:
        return
    for position in columns_far_from_zero(observations):
        name, column = observations.random_names[position], observations.x_random[:, position]
        if not observations.random_intercept:
            names = observations.random_names
            yield (
                f"Without a random intercept groups do not differ where {listed(list(names))} {_is(len(names))} zero, "
                f"and zero of {name} lies far from its values, {column.min():.6g} to {column.max():.6g}. SDs, "
                "log_likelihood and tests depend on where that is: give the groups a random intercept too, unless this "
                "is meant."
            )
            continue
        yield (
            f"Zero of {name} lies far from its values, {column.min():.6g} to {column.max():.6g}. The random slope is "
            f"independent of the random intercept where {name} is zero, so that SDs, log_likelihood and tests depend "
            f"on where that is. Subtract the mean, {column.mean():.6g}, from the column wherever it stands, and fit "
            "again."
        )


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
