"""The groups of a fit that are left out one by one, and what can be estimated without one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

from glmm_binomial.estimation.deletion import coefficient_root
from glmm_binomial.estimation.law import SMALLEST_PROBABILITY
from glmm_binomial.model.rows import orthonormalize
from glmm_binomial.observations import MINIMUM_GROUPS
from glmm_binomial.observations.estimability import problem_with_random_slopes
from glmm_binomial.observations.row_groups import coincide
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.law import Law
    from glmm_binomial.model.design import Design
    from glmm_binomial.model.rows import Rows
    from glmm_binomial.observations import CrossedGroups, GroupsAbove, Observations
    from glmm_binomial.observations.influence_options import Unit

NONE_LEFT: Final = 1e-10
"""Length of a combination of columns in the other groups, where it is one in all, at which none is left."""

NEGLIGIBLE: Final = 1e-6
"""Share of a combination, relative to its terms, that rounding leaves of none."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The fit to all data, with its k coefficients in the user's units.

    Attributes
    ----------
    observations : Observations
    design : Design
    fit : Fit
    estimates, std_errors : (k,) arrays
        Under "vb" of the mode of the posterior.
    laws : tuple of k Law, or None
        Of the coefficients under "vb".
    labelled : Observations
        In the groups that are left out.
    rows : Rows
        Sorted by these, with one random effect of two.
    """

    observations: Observations
    design: Design
    fit: Fit
    estimates: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    laws: tuple[Law, ...] | None
    labelled: Observations
    rows: Rows

    def without(self, group: int) -> Observations:
        """All but one of these groups."""
        return self.observations.of_rows(self.labelled.group_index != group)

    @property
    def alpha(self) -> float:
        """Of the verdicts."""
        return self.observations.options.alpha

    def p_values(self, changes: NDArray[np.float64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of coefficients that change by so many standard errors, and their standard errors by a factor, (G, k)."""
        moved = (self.estimates + changes * self.std_errors) / ratios
        if self.laws is None:
            scores = moved / self.std_errors
        else:
            # where zero lies in the law of all data, once it is moved and stretched
            places = self.estimates - moved
            scores = np.stack([law.scores_of(column) for law, column in zip(self.laws, places.T, strict=True)], axis=1)
        return np.asarray(
            np.where(np.isnan(moved), np.nan, np.maximum(2.0 * ndtr(-np.abs(scores)), SMALLEST_PROBABILITY))
        )


def whole_of(observations: Observations, design: Design, fit: Fit, unit: Unit) -> Whole:
    """The fit to all data, and the groups of a kind."""
    back = design.scale.back_transform
    mode = fit.coefficients if fit.posterior is None else fit.posterior.mode.coefficients[: len(back)]
    labelled, rows = observations, design.rows
    if unit == "above":
        labelled, rows = observations.by_groups_above(), rows.of_upper()
    elif unit == "levels":
        labelled, rows = observations.by_levels(), rows.by_levels()
    elif rows.upper is not None or rows.crossed is not None:
        # both columns of two kinds of groups are the same
        rows = replace(rows, random=rows.random[:, :1], upper=None, crossed=None)
    return Whole(
        observations=observations,
        design=design,
        fit=fit,
        estimates=back @ mode,
        std_errors=np.linalg.norm(coefficient_root(design, fit), axis=1),
        laws=None if fit.posterior is None else fit.posterior.laws_of_combinations(back),
        labelled=labelled,
        rows=rows,
    )


def may_make_the_same(whole: Whole) -> NDArray[np.bool_]:
    """Without which groups crossed groupings may make the same groups, or have one group left, (G,)."""
    crossed = whole.observations.crossed
    if crossed is None:
        return np.zeros(whole.rows.grouping.count, dtype=bool)
    own, other = whole.observations.group_index, crossed.index
    pairs = np.unique(np.column_stack([whole.labelled.group_index, own, other]), axis=0)
    left = len(pairs) - np.bincount(pairs[:, 0])
    return np.asarray(left <= max(int(own.max()), int(other.max())) + 1)


def problem_without(whole: Whole, group: int) -> str:
    """Why nothing can be estimated without a group; nothing if it can."""
    observations = whole.observations
    others = whole.without(group)
    if len(others.group_labels if others.above is None else others.above.labels) < MINIMUM_GROUPS:
        return "one group is left"
    if others.crossed is not None and _are_the_same(others, others.crossed):
        return f"{others.group_name} and {others.crossed.name} could not be told apart"
    if not others.successes.any() or (others.successes == others.trials).all():
        return "all other outcomes are the same"
    names = _resting_on(whole, group)
    if names:
        return f"{listed(names)} rest{'s' * (len(names) == 1)} on this group alone"
    if problem_with_random_slopes(others.x_random, observations.random_names) is not None:
        return "the random slopes rest on this group alone"
    if others.above is not None and not _has_both_levels(others, others.above):
        return f"how much {others.group_name} differs within {others.above.name} rests on this group alone"
    return ""


def _are_the_same(observations: Observations, crossed: CrossedGroups) -> bool:
    """Whether crossed groupings have one group left, or make the same groups."""
    own, other = (observations.group_index, observations.group_labels), (crossed.index, crossed.labels)
    return len(crossed.labels) < MINIMUM_GROUPS or coincide(own, other)


def _has_both_levels(observations: Observations, above: GroupsAbove) -> bool:
    """Whether some groups above have several groups, and some groups several outcomes."""
    outcomes = np.bincount(observations.group_index, observations.trials)
    return bool(len(above.labels) < len(above.index) and outcomes.max() > 1.0)


def _resting_on(whole: Whole, group: int) -> list[str]:
    """Names of the coefficients that the other groups do not tell."""
    turned = orthonormalize(whole.rows)
    others = turned.rows.of_groups(np.delete(np.arange(turned.rows.grouping.count), group))
    triangle = np.linalg.qr(others.fixed / np.sqrt(len(turned.rows.fixed)), mode="r")
    _, lengths, directions = np.linalg.svd(triangle)
    lengths = np.append(lengths, np.zeros(len(directions) - len(lengths)))
    untold = directions[lengths < NONE_LEFT].T
    back = whole.design.scale.back_transform @ np.linalg.inv(turned.triangle)
    parts, most = np.abs(back @ untold), np.abs(back) @ np.abs(untold)
    is_untold = (parts > NEGLIGIBLE * most).any(axis=1).tolist()
    return [name for name, is_one in zip(whole.design.scale.fixed_names, is_untold, strict=True) if is_one]
