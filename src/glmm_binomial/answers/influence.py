"""What a model owes to each of its groups: coefficients, Cook's distance and verdicts without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtri

from glmm_binomial.answers.maximum import about_method
from glmm_binomial.answers.ranef import label_cell
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.without_group import may_make_the_same, problem_without, whole_of
from glmm_binomial.errors import FitError
from glmm_binomial.estimation.crossed_deletion import crossed_deletions
from glmm_binomial.estimation.deletion import coefficient_root, deletions
from glmm_binomial.estimation.fitted_model import fitted
from glmm_binomial.estimation.refit import refit_likelihood, refit_mode
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.distinct import distinct_groups
from glmm_binomial.observations.cells import reject
from glmm_binomial.observations.influence_options import read_left_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.answers.without_group import Whole
    from glmm_binomial.estimation.deletion import Deletions
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.model.rows import Rows
    from glmm_binomial.observations import Observations
    from glmm_binomial.observations.influence_options import Unit

INFLUENCE_HEADER: Final = ("group", "observations", "cooks_distance")

LONGEST_STEP: Final = 0.3
"""In standard errors; up to here one step comes within .02 of where the others lead."""

CURVED: Final = 0.5
"""A step of length s leaves out about this times s^2 of a z-statistic."""

NEARLY_ALL: Final = 1.0 - 1e-6
"""Share of the sum of squares of some combination of columns that may be one group's."""

MOST_ROWS_EVALUATED: Final = 5_000_000
"""Rows of all the data sets without a group of crossed ones, about a minute's work."""


@dataclass(frozen=True, slots=True)
class Influence(Tabular):
    """What becomes of k coefficients without each of G groups, of two kinds those of one of them.

    Attributes
    ----------
    groups : tuple of G labels
    observations : (G,) integer array
        Rows of data of each group.
    names : tuple of k str
        Of the coefficients.
    changes : (G, k) array
        Coefficients without the group less those of all data, in standard errors of all data; not numbers where they
        cannot be estimated without the group.
    cooks_distances : (G,) array
        d'V^-1 d / k of the changes d, V the covariance of the coefficients of all data.
    p_values : (G, k) array
        Without the group.
    verdict_changes : tuple of G str
        Which coefficients are significant at alpha with the group and not without it, or the other way round.
    notes : tuple of G str
        Whether the model was fitted anew without the group, or why it could not be.
    of : str
        What changes.
    level : str
        The column of the labels, where there are two kinds of groups; "" otherwise.
    notices : tuple of str
        What a reader must be warned of.
    """

    groups: tuple[object, ...]
    observations: NDArray[np.intp]
    names: tuple[str, ...]
    changes: NDArray[np.float64]
    cooks_distances: NDArray[np.float64]
    p_values: NDArray[np.float64]
    verdict_changes: tuple[str, ...]
    notes: tuple[str, ...]
    of: str
    level: str
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """A header row that ends with what the columns hold, one row for each group, and one for each warning."""
        columns = (
            map(label_cell, self.groups),
            self.observations.tolist(),
            self.cooks_distances.tolist(),
            *self.changes.T.tolist(),
            self.verdict_changes,
            self.notes,
        )
        group, *measures = INFLUENCE_HEADER
        named = f"{group}: {self.level}" if self.level else group
        about = f"change of {self.of}, without the group less with it, in standard errors"
        return [
            (named, *measures, *self.names, "verdict_changes", about),
            *([cell if cell != "" else None for cell in row] for row in zip(*columns, strict=True)),
            *(("warning", notice) for notice in self.notices),
        ]


def influence(model: GLMM, left_out: object = None) -> Influence:
    """Leave out each group of a model in turn.

    One step of Newton's method leads from the maximum of the likelihood under "ml", from the mode of the posterior
    under "vb", to where it is without the group (see `deletions`). Where the step is longer than .3 standard errors,
    where a verdict hangs on what it leaves out, or a variance would no longer be zero, the model is fitted anew to the
    other groups. Under "vb" the law of each coefficient is moved as the mode is, and stretched as the curvature there
    says, for the verdict. A model of method "mean-field" is asked as one of "ml". Of nested groups those above are left
    out, with all that lie in them, unless the lower ones are asked for. Where groupings cross two steps are taken under
    "ml", under "vb" as many as it takes.

    Parameters
    ----------
    model : GLMM
    left_out : str, optional
        Of two kinds of groups the name of those that are left out, such as "school" or "school:class": unless given
        those above, of crossed ones the more numerous.

    Raises
    ------
    InvalidInputError
        When `left_out` names no groups of the model, and of crossed groups where it would take too long.
    FitError
        Of a model of method "mean-field" whose likelihood has no maximum.
    """
    observations, design = model.observations, model.design
    unit = read_left_out(left_out, observations)
    fit = model.fit if model.fit.method == "vb" else fitted(observations, design, "ml")
    whole = whole_of(observations, design, fit, unit)
    if observations.crossed is None:
        steps = deletions(design, fit, lower=unit == "groups")
    else:
        _require_time(len(observations.trials), observations, observations.by_levels(), unit)
        steps = crossed_deletions(design, fit, of_levels=unit == "levels")
    changes, ratios = steps.changes.copy(), steps.ratios.copy()
    notes = [""] * len(changes)
    refits: dict[int, _Refitted] = {}
    kinds = _kinds(whole).tolist()
    for group in np.flatnonzero(_must_be_refitted(whole, steps)).tolist():
        stop_if_requested()
        # groups that are equal in all their rows leave the same behind
        if kinds[group] not in refits:
            refits[kinds[group]] = _refitted(whole, group)
        refit = refits[kinds[group]]
        changes[group], ratios[group], notes[group] = refit.changes, refit.ratios, refit.note
    p_values = whole.p_values(changes, ratios)
    return Influence(
        groups=whole.labelled.group_labels,
        observations=np.bincount(whole.labelled.group_index),
        names=design.scale.fixed_names,
        changes=changes,
        cooks_distances=_cooks_distances(whole, changes),
        p_values=p_values,
        verdict_changes=tuple(_verdict_changes(whole, p_values)),
        notes=tuple(notes),
        of="the mode of the posterior" if fit.method == "vb" else "coefficients",
        level="" if observations.above is None and observations.crossed is None else whole.labelled.group_name,
        notices=tuple(about_method(model, "The changes of this table")) if model.fit.method == "mean-field" else (),
    )


def _require_time(rows: int, groups: Observations, levels: Observations, unit: Unit) -> None:
    """Refuse crossed groups of which so many are left out one by one that it would take many minutes."""
    asked, other = (groups, levels) if unit == "groups" else (levels, groups)
    if rows * len(asked.group_labels) <= MOST_ROWS_EVALUATED:
        return
    works = (
        f' left_out "{other.group_name}" leaves out the {len(other.group_labels):,} of the other grouping.'
        if rows * len(other.group_labels) <= MOST_ROWS_EVALUATED
        else ""
    )
    reject(
        f"model must be of crossed groups of which fewer are left out, at most {MOST_ROWS_EVALUATED // rows:,} of "
        f"{rows:,} rows. {asked.group_name} has {len(asked.group_labels):,}, which would take many minutes.{works}"
    )


def _must_be_refitted(whole: Whole, steps: Deletions) -> NDArray[np.bool_]:
    """Without which groups a step does not tell enough, (G,)."""
    rests_on_one = _largest_shares(whole.rows) > NEARLY_ALL
    scores = -ndtri(0.5 * whole.p_values(steps.changes, steps.ratios))
    border = -ndtri(0.5 * whole.alpha)
    at_border = (np.abs(scores - border) < CURVED * steps.lengths[:, None] ** 2).any(axis=1)
    return np.asarray((steps.lengths > LONGEST_STEP) | rests_on_one | at_border | may_make_the_same(whole))


def _kinds(whole: Whole) -> NDArray[np.intp]:
    """Groups that are equal in all their rows, (G,); of two kinds of groups all count as different."""
    rows = whole.design.rows
    if rows.upper is None and rows.crossed is None:
        return distinct_groups(rows).kind
    return np.arange(whole.rows.grouping.count)


def _largest_shares(rows: Rows) -> NDArray[np.float64]:
    """Upper bounds of the share of each group in any combination of columns of x, or of the random effects, (G,)."""
    found = np.zeros(rows.grouping.count)
    for columns in (rows.fixed, rows.random):
        orthonormal = np.linalg.qr(columns)[0]
        found = np.maximum(found, rows.grouping.sums((orthonormal**2).sum(axis=1)))
    return found


@dataclass(frozen=True, slots=True)
class _Refitted:
    """Changes and ratios (k,) as of `Deletions`, and the note; not numbers where there is no fit."""

    changes: NDArray[np.float64]
    ratios: NDArray[np.float64]
    note: str


def _refitted(whole: Whole, group: int) -> _Refitted:
    """A fit to all groups but one."""
    nothing = np.full(len(whole.estimates), np.nan)
    problem = problem_without(whole, group)
    if problem:
        return _Refitted(nothing, nothing, f"no fit without it: {problem}")
    others, posterior = whole.without(group), whole.fit.posterior
    try:
        refit = refit_likelihood(others) if posterior is None else refit_mode(others, posterior, whole.design.scale)
    except FitError as error:
        return _Refitted(nothing, nothing, f"no fit without it: {error}")
    return _Refitted(
        changes=(refit.coefficients - whole.estimates) / whole.std_errors,
        ratios=refit.std_errors / whole.std_errors,
        note="fitted anew",
    )


def _cooks_distances(whole: Whole, changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared lengths of the changes (G, k), measured by the covariance of the coefficients, over k."""
    root = coefficient_root(whole.design, whole.fit) / whole.std_errors[:, None]
    told = ~np.isnan(changes).any(axis=1)
    # the shortest point of the fit's parameters, in standard errors, that makes such a change
    points = np.linalg.lstsq(root, changes[told].T, rcond=None)[0]
    found = np.full(len(changes), np.nan)
    found[told] = (points**2).sum(axis=0) / len(root)
    return found


def _verdict_changes(whole: Whole, p_values: NDArray[np.float64]) -> Iterator[str]:
    """For each group the coefficients that are significant with it or without it and not both."""
    k = len(whole.estimates)
    before = whole.p_values(np.zeros((1, k)), np.ones((1, k)))[0]
    is_other = ((p_values < whole.alpha) != (before < whole.alpha)) & ~np.isnan(p_values)
    for changed, after in zip(is_other, p_values, strict=True):
        yield "; ".join(
            f"{whole.design.scale.fixed_names[i]}: p {before[i]:.3g} becomes {after[i]:.3g}"
            for i in np.flatnonzero(changed)
        )
