"""Both profile limits of a quantity, and what is to be said where one was not found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.estimation.profile_search import Limit


@dataclass(frozen=True, slots=True)
class Profile:
    """Both limits of one quantity, standardised.

    `name` is its name in a sentence, `position` that among the coefficients or the random effects, and `scale` the
    factor that leads to the user's scale.
    """

    name: str
    position: int
    lower: Limit
    upper: Limit
    scale: float

    def limits_about(self, value: float) -> tuple[float | None, float | None]:
        """Lower and upper, on the user's scale, about an estimate on that scale."""
        lower, upper = (
            limit.reached * self.scale if limit.ending == "found" else None for limit in (self.lower, self.upper)
        )
        # with alpha near one, limits lie nearer together than rounding or a flat likelihood tells estimates apart
        return None if lower is None else min(lower, value), None if upper is None else max(value, upper)

    @property
    def sides(self) -> tuple[tuple[str, Limit], tuple[str, Limit]]:
        """Both limits with their names."""
        return ("lower", self.lower), ("upper", self.upper)


def about_limits(profiles: list[Profile]) -> Iterator[str]:
    """What is to be said of limits that were not found, or are less exact."""
    for profile in profiles:
        for side, limit in profile.sides:
            if limit.ending != "found":
                missing = f"The {side} profile limit of {profile.name} was not found"
                yield f"{missing}: {_because(limit, limit.reached * profile.scale)}"
    found = [
        (f"{profile.name} ({side})", limit.settled)
        for profile in profiles
        for side, limit in profile.sides
        if limit.ending == "found"
    ]
    unsettled = [name for name, settled in found if not settled]
    if unsettled:
        which = "all limits" if len(unsettled) == len(found) else listed(unsettled)
        yield (
            "Even the largest number of quadrature nodes did not settle the log-likelihood to nine digits at "
            f"{which}: three or four of their digits are good."
        )


def _because(limit: Limit, reached: float) -> str:
    match limit.ending:
        case "flat":
            return f"values as far as {reached:.3g} still lie inside the interval. Report it as open on that side."
        case "unbounded":
            return (
                f"from {reached:.3g} on, the likelihood no longer limits how much groups differ. Report the interval "
                "as open on that side."
            )
        case "higher":
            return (
                f"near {reached:.3g} the likelihood is higher than at the estimates, so it has more than one maximum. "
                "Do not use the intervals of this table."
            )
        case _:
            return f"the search stopped at {reached:.3g}. Use the Wald limit with caution."
