"""Names of factors -> a reference grid: one row for each combination of levels, covariates at their means.

As in R's emmeans (Searle, Speed & Milliken 1980, The American Statistician 34(4)): columns of levels, and columns of
two values, take each of their values; every other column of numbers stands at its mean over the rows of the fit, and
so does an offset.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, cast

import numpy as np

from glmm_binomial.formula.factors import Levels
from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell
from glmm_binomial.observations.wording import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.coding import Coding, Variable
    from glmm_binomial.formula.expansion import CodedTerms

MOST_CELLS: Final = 100_000
"""Rows of a grid, a second's work."""

TWO: Final = 2
TRUTH: Final = frozenset({"TRUE", "FALSE"})
SEPARATOR: Final = re.compile(r"`([^`]*)`|([|*:+])")
CATEGORY: Final = re.compile(r"C\(\s*([^,()]+?)\s*(?:,.*)?\)")
EXAMPLE: Final = 'Write it like "trt", "trt * sex" or "trt | sex".'


@dataclass(frozen=True, slots=True)
class Axis:
    """A column that takes several values in a grid.

    Attributes
    ----------
    name : str
    labels : tuple of L str
        How its values are called; the reference level first.
    values : tuple of L float or str
        What the cells of a table hold for them.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[float, ...] | tuple[str, ...]

    def at(self, places: NDArray[np.intp]) -> NDArray[np.float64] | tuple[str, ...]:
        """The values at M places among them, as a coding takes them."""
        held = [self.values[place] for place in places.tolist()]
        return tuple(map(str, held)) if isinstance(self.values[0], str) else np.array(held, dtype=np.float64)

    def shown(self) -> tuple[str, ...]:
        """Its values as they stand in the name of a contrast: period1, where a number alone would be taken for one."""
        if isinstance(self.values[0], str) or set(self.labels) <= TRUTH:
            return self.labels
        return tuple(f"{self.name}{each}" for each in self.labels)


@dataclass(frozen=True, slots=True)
class ReferenceGrid:
    """M combinations of values, each of which belongs to one of L levels within one of W conditions.

    Attributes
    ----------
    x, x_random : (M, p) and (M, q) arrays
        In the user's units.
    offset : (M,) array
    level, condition : (M,) integer arrays
        The positions of each row's level and condition.
    levels : tuple of L str
        Such as "treat", or "treat male" of "trt * sex".
    conditions : tuple of W str
        Such as "sex = male" of "trt | sex"; one, "", where there is no bar.
    notes : tuple of str
        What is averaged over, and where covariates stand.
    """

    x: NDArray[np.float64]
    x_random: NDArray[np.float64]
    offset: NDArray[np.float64]
    level: NDArray[np.intp]
    condition: NDArray[np.intp]
    levels: tuple[str, ...]
    conditions: tuple[str, ...]
    notes: tuple[str, ...]


def axis_of(coding: Coding, variable: Variable) -> Axis | None:
    """The values of a column of levels, or of a column of two values; None of any other column of numbers."""
    if variable.levels is not None:
        numbers = next(
            factor.numbers
            for terms in (coding.fixed, coding.random.effects)
            for factor in terms.factors
            if isinstance(factor, Levels) and factor.name == variable.name
        )
        return Axis(variable.name, variable.levels, variable.levels if numbers is None else numbers)
    low, high = cast("float", variable.lowest), cast("float", variable.highest)
    numbers_held = cast("NDArray[np.float64]", variable.values)
    if low == high or not ((numbers_held == low) | (numbers_held == high)).all():
        return None
    labels = tuple(describe(bool(value) if variable.is_logical else value) for value in (low, high))
    return Axis(variable.name, labels, (low, high))


def reference_grid(coding: Coding, by: object) -> ReferenceGrid:
    """The grid of the factors in the fixed effects; a column of random slopes alone stands at its mean.

    Parameters
    ----------
    coding : Coding
    by : str
        "trt", "trt * sex" for all combinations, "trt | sex" for the levels of trt within each of sex.

    Raises
    ------
    InvalidInputError
        When by does not name factors of the formula.
    """
    fixed = coding.fixed.variables
    axes = {each.name: axis_of(coding, each) for each in coding.variables if each.name in fixed}
    compared, within = _names_in(by, axes)
    offered = next((name for name in compared if name in coding.offset.variables), None)
    if offered is not None:
        reject(
            f"by must name factors that no offset is made of. {offered} is part of "
            f"{listed(list(coding.offset.names))}, so that its levels differ by what is known beforehand too: ask "
            "GLMM_BINOMIAL_PREDICT for rows of your own."
        )
    named = (*compared, *within)
    averaged = [name for name, axis in axes.items() if axis and name not in named]
    grid = [cast("Axis", axes[name]) for name in (*named, *averaged)]
    sizes = [len(axis.values) for axis in grid]
    cells = math.prod(sizes)
    if cells > MOST_CELLS:
        reject(
            f"by must leave a grid of at most {MOST_CELLS:,} combinations of levels. {listed([a.name for a in grid])} "
            f"have {cells:,}."
        )
    # the first factor varies fastest
    places = [each.ravel() for each in np.unravel_index(np.arange(cells), sizes, order="F")]
    of_terms = {*fixed, *coding.random.effects.variables}
    held = [each for each in coding.variables if each.name in of_terms and axes.get(each.name) is None]
    values: dict[str, NDArray[np.float64] | Sequence[str]] = {
        each.name: np.full(cells, cast("float", each.mean)) for each in held
    }
    for axis, place in zip(grid, places, strict=True):
        values[axis.name] = axis.at(place)
    level = np.ravel_multi_index(places[: len(compared)], sizes[: len(compared)], order="F")
    beyond = places[len(compared) : len(named)]
    condition = np.ravel_multi_index(beyond, sizes[len(compared) : len(named)], order="F") if within else level * 0
    of_fit = {each.name: each.values for each in coding.variables}
    offset = coding.offset_of(of_fit, rows=len(coding.variables[0].values))
    return ReferenceGrid(
        x=_finite(coding.fixed, coding.x_of(values, rows=cells)),
        x_random=_finite(coding.random.effects, coding.x_random_of(values, rows=cells)),
        offset=np.full(cells, offset.mean()),
        level=np.asarray(level, dtype=np.intp),
        condition=np.asarray(condition, dtype=np.intp),
        levels=tuple(_combined(grid[: len(compared)], " ")),
        conditions=tuple(_conditions(grid[len(compared) : len(named)])),
        notes=(*_notes(coding, compared, named, averaged, held), *_about_offset(coding.offset, float(offset.mean()))),
    )


def _finite(terms: CodedTerms, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    wrong = np.argwhere(~np.isfinite(columns))
    if len(wrong):
        reject(
            f"by must leave a grid of finite numbers. {terms.names[int(wrong[0][1])]} has none where all columns of "
            "numbers stand at their means: ask GLMM_BINOMIAL_PREDICT for rows of your own."
        )
    return columns


def _combined(axes: Sequence[Axis], between: str) -> Iterator[str]:
    sizes = [len(axis.values) for axis in axes]
    shown = [axis.shown() for axis in axes]
    for cell in range(math.prod(sizes)):
        places = np.unravel_index(cell, sizes, order="F")
        yield between.join(labels[int(place)] for labels, place in zip(shown, places, strict=True))


def _conditions(axes: Sequence[Axis]) -> Iterator[str]:
    if not axes:
        yield ""
        return
    named = [Axis(axis.name, tuple(f"{axis.name} = {label}" for label in axis.labels), axis.labels) for axis in axes]
    yield from _combined(named, ", ")


def _notes(
    coding: Coding, compared: tuple[str, ...], named: tuple[str, ...], averaged: list[str], held: Sequence[Variable]
) -> Iterator[str]:
    if averaged:
        yield f"Averaged over {listed(averaged)}, each level with equal weight."
    if held:
        yield f"At the mean: {listed([f'{each.name} {each.mean:.6g}' for each in held])}."
    by = " * ".join(compared)
    interacting = {
        name for term in coding.fixed.terms if set(compared) & set(term.variables) for name in term.variables
    }
    for each in held:
        if each.name in interacting:
            yield (
                f"{by} takes part in an interaction with {each.name}: what is shown holds at the mean of {each.name}, "
                "and is another at other values."
            )
    for name in averaged:
        if name in interacting:
            yield (
                f"{by} takes part in an interaction with {name}: what is shown is the mean over {name} of contrasts "
                f'that differ. "{by} | {" * ".join((*named[len(compared) :], name))}" shows each.'
            )


def _about_offset(terms: CodedTerms, mean: float) -> Iterator[str]:
    if terms.columns:
        yield f"The offset stands at its mean: {' + '.join(terms.names)} at {mean:.6g}."


# what by names -------------------------------------------------------------------------------------------------------


def _names_in(by: object, axes: dict[str, Axis | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The factors whose levels are compared, and those within whose levels they are."""
    text = single_cell(by)
    if not isinstance(text, str) or is_blank(text):
        what = "It is blank" if is_blank(text) else f"It is {describe(text)}"
        reject(f"by must name factors of the formula. {what}. {EXAMPLE} {_available(axes)}")
    if text.strip() in axes:
        return (_factor(text, axes),), ()
    sides: list[list[str]] = [[""]]
    at = 0
    for found in SEPARATOR.finditer(text):
        sides[-1][-1] += text[at : found.start()]
        at = found.end()
        if found[1] is not None:
            sides[-1][-1] += found[1]
        elif found[2] == "|":
            sides.append([""])
        else:
            sides[-1].append("")
    sides[-1][-1] += text[at:]
    if len(sides) > TWO or any(is_blank(name) for side in sides for name in side):
        reject(f"by must name factors, with at most one bar between them. It is {describe(text)}. {EXAMPLE}")
    compared, within = (tuple(_factor(name, axes) for name in side) for side in (sides if sides[1:] else [*sides, []]))
    named = (*compared, *within)
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        reject(f"by must name each factor once. It names {twice} {named.count(twice)} times.")
    return compared, within


def _factor(name: str, axes: dict[str, Axis | None]) -> str:
    """The name of a factor, as it is or as C(name)."""
    name = name.strip()
    category = CATEGORY.fullmatch(name)
    if name not in axes and category:
        name = category[1].strip("`")
    if name not in axes:
        alike = [known for known in axes if known.casefold() == name.casefold()]
        hint = f"Is {alike[0]} meant?" if alike else _available(axes)
        reject(f"by must name factors of the formula. There is no {shortened(name)} in it. {hint}")
    if axes[name] is None:
        _reject_numbers(name)
    return name


def _reject_numbers(name: str) -> NoReturn:
    reject(
        f"by must name factors. {name} is a column of numbers: write C({name}) in the formula to make a level of each, "
        "or ask GLMM_BINOMIAL_MARGINS for its slope."
    )


def _available(axes: dict[str, Axis | None]) -> str:
    factors = [name for name, axis in axes.items() if axis]
    if not factors:
        return "It has none: its columns are numbers. C() in the formula makes levels of a column."
    return f"{'Its factors are' if factors[1:] else 'Its factor is'} {listed(factors)}."
