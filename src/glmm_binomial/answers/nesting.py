"""Is one of two models nested in the other? Their rows, outcomes, groups, columns and random effects, held together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.observations.wording import effect_in_words, listed, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM

WITHIN: Final = 1e-8
"""What rounding may leave of a standardised column, of root mean square one, outside columns that span it."""


@dataclass(frozen=True, slots=True)
class Nesting:
    """How the smaller of two models follows from the larger.

    Attributes
    ----------
    before_is_larger : bool
        Whether the larger is the first of the two.
    coefficients, variances, covariances : int
        That the larger has more.
    """

    before_is_larger: bool
    coefficients: int
    variances: int
    covariances: int


def different_data(before: GLMM, here: GLMM) -> str | None:
    """How the outcomes of two models differ, so that no likelihood of theirs compares; None when they do not."""
    one, other = before.observations, here.observations
    if len(one.successes) != len(other.successes):
        return f"{len(other.successes):,} rows here, {len(one.successes):,} in the one before"
    handed_over = one.handed_over, other.handed_over
    if len(handed_over[0].reasons) == len(handed_over[1].reasons):
        differs = handed_over[0].position != handed_over[1].position
        if differs.any():
            return "other rows have been left out than in the one before"
    differs = (one.successes != other.successes) | (one.trials != other.trials)
    if differs.any():
        return f"the outcomes are not those of the one before, first in row {int(differs.argmax()) + 1} of the data"
    return None


def nesting(before: GLMM, here: GLMM) -> Nesting | str:
    """Which of two models of the same outcomes is nested in the other, or why neither is.

    The smaller model's columns must be combinations of the larger's, and its random effects among the larger's: those
    of the same groups, whose columns differ by a factor only, since independent effects depend on where zero is; of
    correlated effects, which do not, combinations. A model of nested or of crossed groups has effects of two kinds.
    """
    if not any(_same(one, other) for one in _groups(before) for other in _groups(here)):
        return "the groups are not those of the one before"
    if not _same_offset(before, here):
        return "the offset is not that of the one before"
    gained, lost = _outside(here, before), _outside(before, here)
    if gained and lost:
        return f"neither model is nested in the other: the one before lacks {gained}, and this one lacks {lost}"
    if not gained and not lost:
        return "the same model as the one before"
    return Nesting(
        before_is_larger=not gained,
        coefficients=abs(len(here.fit.coefficients) - len(before.fit.coefficients)),
        variances=abs(len(here.fit.sds) - len(before.fit.sds)),
        covariances=abs(_covariances(here) - _covariances(before)),
    )


def _outside(model: GLMM, other: GLMM) -> str:
    """What of a model is not in the other, columns and random effects; "" when all of it is."""
    scale = model.design.scale
    left = _left_over(_fixed(model), _fixed(other))
    outside = [shortened(name) for name, rest in zip(scale.fixed_names, left, strict=True) if rest > WITHIN]
    others = list(zip(_groups(other), _random(other).T, strict=True))
    if scale.correlated and not other.design.scale.correlated:
        outside.append("the correlations of random effects")
    for name, groups, column in zip(scale.random_names, _groups(model), _random(model).T, strict=True):
        same = [each for of_groups, each in others if _same(of_groups, groups)]
        if not same:
            gap = np.inf
        elif other.design.scale.correlated:
            gap = float(_left_over(column[:, None], np.column_stack(same))[0])
        else:
            # scaled to a root mean square of one, equal columns differ by their sign at most
            gap = min(float(np.sqrt(np.mean((column - sign * each) ** 2))) for each in same for sign in (1.0, -1.0))
        if gap > WITHIN:
            outside.append(f"the random {shortened(effect_in_words(name))}")
    return listed(outside) if outside else ""


def _groups(model: GLMM) -> list[NDArray[np.intp]]:
    """Of each random effect the group of each row, (N,), as a number that no order of the groups changes."""
    observations = model.observations
    of_row = [observations.group_index] * len(model.fit.sds)
    if observations.above is not None:
        of_row[0] = observations.above.index[observations.group_index]
    if observations.crossed is not None:
        of_row[1] = observations.crossed.index
    return [np.unique(index, return_index=True)[1][index] for index in of_row]


def _same(one: NDArray[np.intp], other: NDArray[np.intp]) -> bool:
    return bool((one == other).all())


def _same_offset(before: GLMM, here: GLMM) -> bool:
    none = np.zeros(len(here.observations.successes))
    one, other = (none if each.observations.offset is None else each.observations.offset for each in (before, here))
    return bool(np.allclose(one, other, rtol=WITHIN, atol=WITHIN))


def _covariances(model: GLMM) -> int:
    effects = len(model.fit.sds)
    return effects * (effects - 1) // 2 if model.design.scale.correlated else 0


def _fixed(model: GLMM) -> NDArray[np.float64]:
    """Columns of the coefficients in the user's rows, (N, k), of root mean square one, centred beside an intercept."""
    x = model.observations.x
    if not model.design.scale.intercept:
        return _scaled(x)
    # a column far from zero is all but constant, and what it adds to the intercept would be lost in rounding
    return np.hstack([np.ones((len(x), 1)), _scaled(x - x.mean(axis=0))])


def _random(model: GLMM) -> NDArray[np.float64]:
    """Columns of the random effects in the user's rows, (N, K), of root mean square one."""
    z = model.observations.x_random
    return np.hstack([np.ones((len(z), model.design.scale.random_intercepts)), _scaled(z)])


def _scaled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns divided by their root mean square, and first by their largest value, so that no square overflows."""
    unit = columns / np.abs(columns).max(axis=0)
    return np.asarray(unit / np.sqrt(np.mean(unit**2, axis=0)))


def _left_over(columns: NDArray[np.float64], within: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square (k,) of what is left of columns (N, k) when those of the other (N, m) are taken out."""
    basis = np.linalg.qr(within)[0]
    rest = columns - basis @ (basis.T @ columns)
    # a second time takes out what rounding left the first time
    rest -= basis @ (basis.T @ rest)
    return np.asarray(np.sqrt(np.mean(rest**2, axis=0) / np.mean(columns**2, axis=0)))
