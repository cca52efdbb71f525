"""Which columns cannot be estimated, and why: constants, linear combinations, scales beyond double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr, solve_triangular

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_MAGNITUDE = 1e30
SMALLEST_MAGNITUDE = 1e-30
"""Beyond these, products of columns, coefficients and their squares near the range of double precision."""

CONSTANT_TOLERANCE = 4 * np.finfo(np.float64).eps
"""A spread below this, relative to the largest magnitude, is rounding error."""

WELL_CONDITIONED = 1e-6
"""Smallest eigenvalue of the correlation matrix above which no closer look at collinearity is needed."""

RANK_TOLERANCE = 1e-10
"""What is left of a column of unit length, after the others are taken out, when it is their linear combination.

Raw powers up to the fourth of ages or of years leave 1e-9 or more; exact combinations leave 1e-15.
"""

NEGLIGIBLE_SHARE = 1e-12
"""Columns that contribute less than this to a combination, of columns of unit length, are not named in it."""

DISPLAYED = 1e-7
"""What is not shown of the numbers of a combination, relative to the column it makes up."""


def problem_with_fixed_effects(x: NDArray[np.float64], names: tuple[str, ...], *, intercept: bool) -> str | None:
    """What keeps the coefficients of x (N, p) from being estimated, or None.

    Parameters
    ----------
    x : (N, p) array
        Finite values.
    names : tuple of p str
    intercept : bool
        Whether a constant stands beside the columns of x.
    """
    x = np.asfortranarray(x)
    problem = _problem_with_scale(x, names, "x")
    if problem is not None:
        return problem
    if intercept:
        constant = np.flatnonzero(_is_constant(x))
        if len(constant):
            first = int(constant[0])
            return (
                f"x must not have a constant column beside the intercept. Column {first + 1} of x ({names[first]}) is "
                f"{x[0, first]:g} in every row: leave it out, or set fit_intercept to FALSE."
            )
    elif not x.any(axis=0).all():
        first = int(np.flatnonzero(~x.any(axis=0))[0])
        return f"x must not have a column of zeros. Column {first + 1} of x ({names[first]}) is 0 in every row."
    return _problem_with_rank(x, names, intercept=intercept)


def problem_with_random_slopes(x_random: NDArray[np.float64], names: tuple[str, ...]) -> str | None:
    """What keeps the SDs of the slopes of x_random (N, q) from being estimated, or None."""
    if not x_random.shape[1]:
        return None
    problem = _problem_with_scale(x_random, names, "x_random")
    if problem is not None:
        return problem
    constant = np.flatnonzero(_is_constant(x_random))
    if len(constant):
        first = int(constant[0])
        return (
            f"x_random must not have a constant column. Column {first + 1} of x_random ({names[first]}) is "
            f"{x_random[0, first]:g} in every row, and the random intercept is in the model already: leave it out."
        )
    unit = x_random / _root_mean_square(x_random)
    alignment = np.abs(unit.T @ unit) / len(unit)
    proportional = np.argwhere(np.triu(alignment > 1 - RANK_TOLERANCE, k=1))
    if len(proportional):
        first, second = (int(i) for i in proportional[0])
        return (
            f"x_random must not have a column twice. Column {second + 1} ({names[second]}) is a multiple of column "
            f"{first + 1} ({names[first]}): leave one of them out."
        )
    return None


def _problem_with_scale(values: NDArray[np.float64], names: tuple[str, ...], argument: str) -> str | None:
    largest = np.abs(values).max(axis=0)
    extreme = np.flatnonzero((largest > LARGEST_MAGNITUDE) | ((largest > 0) & (largest < SMALLEST_MAGNITUDE)))
    if not len(extreme):
        return None
    first = int(extreme[0])
    return (
        f"{argument} must be measured on a scale between {SMALLEST_MAGNITUDE:g} and {LARGEST_MAGNITUDE:g}. The largest "
        f"value in column {first + 1} of {argument} ({names[first]}) is {largest[first]:g}: change its unit."
    )


def _is_constant(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    spread = values.max(axis=0) - values.min(axis=0)
    return np.asarray(spread <= CONSTANT_TOLERANCE * np.abs(values).max(axis=0))


def _root_mean_square(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square of each column, without overflow."""
    largest = np.abs(values).max(axis=0)
    return np.asarray(largest * np.sqrt(np.mean((values / largest) ** 2, axis=0)))


def _problem_with_rank(x: NDArray[np.float64], names: tuple[str, ...], *, intercept: bool) -> str | None:
    """Name a column that is a linear combination of those before it, and the combination."""
    centre = x.mean(axis=0) if intercept else np.zeros(x.shape[1])
    deviations = x - centre
    scale = _root_mean_square(deviations)
    unit = deviations / scale
    correlation = unit.T @ unit / len(unit)
    if len(x) > x.shape[1] and np.linalg.eigvalsh(correlation)[0] > WELL_CONDITIONED:
        return None
    triangle = qr(unit / np.sqrt(len(unit)), mode="r")[0][: x.shape[1]]
    kept: list[int] = []
    for column in range(x.shape[1]):
        projected, rest = _split(triangle, kept, column)
        if rest > RANK_TOLERANCE:
            kept.append(column)
            continue
        weights = projected * scale[column] / scale[kept]
        constant = float(centre[column] - weights @ centre[kept]) if intercept else 0.0
        terms = [(float(w), names[k]) for w, k in zip(weights, kept, strict=True) if w != 0.0]
        return (
            "x must not have columns that are linear combinations of others. "
            f"{_equation(names[column], constant, terms, scale=float(scale[column]))}: leave one of these columns out."
        )
    return None


def _split(triangle: NDArray[np.float64], kept: list[int], column: int) -> tuple[NDArray[np.float64], float]:
    """Weights of a column (of unit length) on the kept ones, zero for rounding; and the length of what they leave."""
    if not kept:
        return np.empty(0), 1.0
    orthogonal, upper = qr(triangle[:, kept], mode="economic")
    target = triangle[:, column]
    weights = solve_triangular(upper, orthogonal.T @ target)
    rest = float(np.linalg.norm(target - triangle[:, kept] @ weights))
    # rounding errors grow by the inverse of the kept columns, where these are nearly collinear themselves
    growth = np.linalg.norm(solve_triangular(upper, np.eye(len(kept))), axis=1)
    weights[np.abs(weights) <= NEGLIGIBLE_SHARE * growth] = 0.0
    return weights, rest


def _equation(name: str, constant: float, terms: list[tuple[float, str]], *, scale: float) -> str:
    parts = [f"{weight:.6g} * {term}" if abs(weight - 1) > DISPLAYED else term for weight, term in terms]
    if abs(constant) > DISPLAYED * scale or not parts:
        parts.append(f"{constant:.6g}")
    return f"{name} = {' + '.join(parts).replace('+ -', '- ')}"
