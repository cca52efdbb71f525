"""Which columns cannot be estimated, and why: constants, linear combinations, scales beyond double precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import qr, solve_triangular

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CORRELATED: Final = 10
"""Random effects of a group, whose 45 correlations data can hardly tell."""

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


@dataclass(frozen=True, slots=True)
class Source:
    """Where columns come from, as a sentence about them says it.

    Attributes
    ----------
    argument : str
        That holds them, or "formula".
    is_formula : bool
    """

    argument: str
    is_formula: bool = False

    def must_not_have(self) -> str:
        """The beginning of a rule."""
        return f"{self.argument} must not {'give' if self.is_formula else 'have'}"

    def column(self, position: int, name: str) -> str:
        """A column at the beginning of a sentence; in a range it is also counted."""
        return name if self.is_formula else f"Column {position + 1} of {self.argument} ({name})"

    def place(self, position: int, name: str) -> str:
        """A column within a sentence."""
        return name if self.is_formula else f"column {position + 1} of {self.argument} ({name})"

    def of_slopes(self) -> str:
        """That the columns are those of random slopes, where the argument does not say so."""
        return " as a random slope" if self.is_formula else ""

    def every_row(self) -> str:
        """Which rows were looked at."""
        return "every row that is used" if self.is_formula else "every row"

    def without_intercept(self) -> str:
        """How to do without intercept."""
        return 'take the intercept out by "- 1"' if self.is_formula else "set fit_intercept to FALSE"

    def no_zeros(self, name: str) -> str:
        """What a column of zeros says about the levels of an interaction."""
        if self.is_formula and ":" in name:
            return ": no row has this combination. Leave the interaction out, or join levels"
        return ""


FORMULA: Final = Source("formula", is_formula=True)


def problem_with_fixed_effects(
    x: NDArray[np.float64], names: tuple[str, ...], *, intercept: bool, source: Source = Source("x")
) -> str | None:
    """What keeps the coefficients of x (N, p) from being estimated, or None.

    Parameters
    ----------
    x : (N, p) array
        Finite values.
    names : tuple of p str
    intercept : bool
        Whether a constant stands beside the columns of x.
    source : Source
    """
    if not x.shape[1]:
        return None
    x = np.asfortranarray(x)
    problem = _problem_with_scale(x, names, source)
    if problem is not None:
        return problem
    if intercept:
        constant = np.flatnonzero(_is_constant(x))
        if len(constant):
            first = int(constant[0])
            zeros = source.no_zeros(names[first]) if not x[0, first] else ""
            return (
                f"{source.must_not_have()} a constant column beside the intercept. "
                f"{source.column(first, names[first])} is {x[0, first]:g} in {source.every_row()}"
                f"{zeros or f': leave it out, or {source.without_intercept()}'}."
            )
    elif not x.any(axis=0).all():
        first = int(np.flatnonzero(~x.any(axis=0))[0])
        return (
            f"{source.must_not_have()} a column of zeros. {source.column(first, names[first])} is 0 in "
            f"{source.every_row()}{source.no_zeros(names[first])}."
        )
    return _problem_with_rank(x, names, intercept=intercept, source=source)


def problem_with_random_slopes(
    x_random: NDArray[np.float64],
    names: tuple[str, ...],
    *,
    intercept: bool = True,
    source: Source = Source("x_random"),
) -> str | None:
    """What keeps the SDs of the slopes of x_random (N, q) from being estimated, or None.

    Parameters
    ----------
    x_random : (N, q) array
        Finite values.
    names : tuple of q str
    intercept : bool
        Whether a random intercept stands beside them.
    source : Source
    """
    if not x_random.shape[1]:
        return None
    problem = _problem_with_scale(x_random, names, source)
    if problem is not None:
        return problem
    constant = np.flatnonzero(_is_constant(x_random))
    if len(constant):
        first = int(constant[0])
        value = float(x_random[0, first])
        advice = "and the random intercept is in the model already: leave it out"
        if not intercept:
            advice = "which says nothing: leave it out" if value == 0.0 else "as a random intercept is: write 1 instead"
        return (
            f"{source.must_not_have()} a constant column{source.of_slopes()}. {source.column(first, names[first])} is "
            f"{value:g} in {source.every_row()}, {advice}."
        )
    unit = x_random / _root_mean_square(x_random)
    alignment = np.abs(unit.T @ unit) / len(unit)
    proportional = np.argwhere(np.triu(alignment > 1 - RANK_TOLERANCE, k=1))
    if len(proportional):
        first, second = (int(i) for i in proportional[0])
        return (
            f"{source.must_not_have()} a column twice{source.of_slopes()}. "
            f"{source.column(second, names[second])} is a multiple of {source.place(first, names[first])}: leave one "
            "of them out."
        )
    return None


def _problem_with_scale(values: NDArray[np.float64], names: tuple[str, ...], source: Source) -> str | None:
    largest = np.abs(values).max(axis=0)
    extreme = np.flatnonzero((largest > LARGEST_MAGNITUDE) | ((largest > 0) & (largest < SMALLEST_MAGNITUDE)))
    if not len(extreme):
        return None
    first = int(extreme[0])
    return (
        f"{source.argument} must be measured on a scale between {SMALLEST_MAGNITUDE:g} and {LARGEST_MAGNITUDE:g}. The "
        f"largest value in {source.place(first, names[first])} is {largest[first]:g}: change its unit."
    )


def _is_constant(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    spread = values.max(axis=0) - values.min(axis=0)
    return np.asarray(spread <= CONSTANT_TOLERANCE * np.abs(values).max(axis=0))


def _root_mean_square(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square of each column, without overflow."""
    largest = np.abs(values).max(axis=0)
    return np.asarray(largest * np.sqrt(np.mean((values / largest) ** 2, axis=0)))


def _problem_with_rank(
    x: NDArray[np.float64], names: tuple[str, ...], *, intercept: bool, source: Source
) -> str | None:
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
            f"{source.must_not_have()} columns that are linear combinations of others. "
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
