"""The rows of a fit with one variable changed, all else as it was: what average effects are averages over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from glmm_binomial.answers.mean_probabilities import Setting
from glmm_binomial.formula.reference_grid import Axis, axis_of
from glmm_binomial.formula.slopes import slopes_of
from glmm_binomial.observations.labelled_rows import moves_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.formula.coding import Coding
    from glmm_binomial.model.design import Scale
    from glmm_binomial.observations import Observations


@dataclass(frozen=True, slots=True)
class Coded:
    """Columns of x (M, p) and of x_random (M, q) and the offset (M,), or how these change."""

    x: NDArray[np.float64]
    x_random: NDArray[np.float64]
    offset: NDArray[np.float64]

    @property
    def is_finite(self) -> bool:
        """Whether all are numbers."""
        return all(bool(np.isfinite(each).all()) for each in (self.x, self.x_random, self.offset))


class Variables(Protocol):
    """The M distinct rows of a fit, and the variables that can be changed in them.

    Attributes
    ----------
    weights : (M,) array
        Shares of all trials.
    names : tuple of str
    """

    weights: NDArray[np.float64]
    names: tuple[str, ...]

    def axis(self, name: str) -> Axis | None:
        """The values of a variable of levels or of two values; None of any other."""

    def at(self, name: str, value: float | str) -> Coded:
        """The rows, all with one value of a variable."""

    def shifted(self, name: str, shift: float) -> Coded:
        """The rows, with a variable of numbers raised by some units; what has no number is not finite."""

    def slopes(self, name: str) -> Coded:
        """The derivatives of the columns by a variable of numbers."""


class FormulaVariables:
    """Of the model of a formula: columns of the table."""

    def __init__(self, coding: Coding, observations: Observations) -> None:
        self._coding = coding
        self._variables = {each.name: each for each in coding.variables}
        # what is known of a logit beforehand has no effect to be estimated
        of_terms = {*coding.fixed.variables, *coding.random.effects.variables}
        self.names = tuple(name for name in self._variables if name in of_terms)
        codes = [_codes(each.values) for each in coding.variables]
        rows = np.column_stack(codes) if codes else np.zeros((len(observations.trials), 0))
        first, self.weights = _distinct(rows, observations.trials)
        self._values = {name: _at(each.values, first) for name, each in self._variables.items()}

    def axis(self, name: str) -> Axis | None:
        """See `Variables`."""
        return axis_of(self._coding, self._variables[name])

    def at(self, name: str, value: float | str) -> Coded:
        """See `Variables`."""
        rows = len(self.weights)
        return self._coded(name, (value,) * rows if isinstance(value, str) else np.full(rows, value))

    def shifted(self, name: str, shift: float) -> Coded:
        """See `Variables`."""
        with np.errstate(all="ignore"):
            return self._coded(name, np.asarray(self._values[name], dtype=np.float64) + shift)

    def slopes(self, name: str) -> Coded:
        """See `Variables`."""
        x, x_random, offset = (
            slopes_of(terms, self._values, name, rows=len(self.weights))
            for terms in (self._coding.fixed, self._coding.random.effects, self._coding.offset)
        )
        return Coded(x, x_random, offset.sum(axis=1))

    def _coded(self, name: str, values: NDArray[np.float64] | tuple[str, ...]) -> Coded:
        changed, rows = {**self._values, name: values}, len(self.weights)
        x, x_random = self._coding.x_of(changed, rows=rows), self._coding.x_random_of(changed, rows=rows)
        return Coded(x, x_random, self._coding.offset_of(changed, rows=rows))


class RangeVariables:
    """Of a model of ranges: columns of x. A column of x_random that equals one of them moves with it."""

    def __init__(self, observations: Observations) -> None:
        self.names = observations.x_names
        first, self.weights = _distinct(np.hstack([observations.x, observations.x_random]), observations.trials)
        self._x, self._x_random = observations.x[first], observations.x_random[first]
        self._moves_with = np.array([-1 if i is None else i for i in moves_with(observations)], dtype=np.intp)

    def axis(self, name: str) -> Axis | None:
        """See `Variables`."""
        values = np.unique(self._x[:, self.names.index(name)])
        if len(values) != 2:  # noqa: PLR2004  a column of one value has no effect to be known
            return None
        low, high = values.tolist()
        return Axis(name, (f"{low:.15g}", f"{high:.15g}"), (low, high))

    def at(self, name: str, value: float | str) -> Coded:
        """See `Variables`."""
        return self._with(name, np.full(len(self._x), float(value)))

    def shifted(self, name: str, shift: float) -> Coded:
        """See `Variables`."""
        return self._with(name, self._x[:, self.names.index(name)] + shift)

    def slopes(self, name: str) -> Coded:
        """See `Variables`."""
        found = Coded(np.zeros_like(self._x), np.zeros_like(self._x_random), np.zeros(len(self._x)))
        position = self.names.index(name)
        found.x[:, position] = 1.0
        found.x_random[:, self._moves_with == position] = 1.0
        return found

    def _with(self, name: str, values: NDArray[np.float64]) -> Coded:
        position = self.names.index(name)
        found = Coded(self._x.copy(), self._x_random.copy(), np.zeros(len(self._x)))
        found.x[:, position] = values
        found.x_random[:, self._moves_with == position] = values[:, None]
        return found


def variables_of(model: GLMM) -> Variables:
    """The variables of a model."""
    if model.coding is None:
        return RangeVariables(model.observations)
    return FormulaVariables(model.coding, model.observations)


def setting(scale: Scale, rows: Coded, weights: NDArray[np.float64]) -> Setting:
    """Rows on the standardised scale."""
    return Setting(scale.fixed_columns(rows.x), scale.random_columns(rows.x_random), rows.offset, weights)


def standardised_slopes(scale: Scale, slopes: Coded) -> Coded:
    """Slopes of the standardised columns, (M, k) and (M, K), and of the offset."""
    return Coded(
        x=slopes.x @ scale.back_transform[scale.intercept :],
        x_random=slopes.x_random @ scale.random_back_transform[scale.random_intercepts :],
        offset=slopes.offset,
    )


def moved(at: Setting, slopes: Coded, step: float) -> Setting:
    """A setting moved along standardised slopes, which loses no digits to how far its columns are from zero."""
    return Setting(
        at.fixed + step * slopes.x,
        at.random + step * slopes.x_random,
        at.offset + step * slopes.offset,
        at.weights,
    )


def _codes(values: NDArray[np.float64] | tuple[str, ...]) -> NDArray[np.float64]:
    """Numbers that tell the values of a column apart."""
    if isinstance(values, tuple):
        place_of = {text: float(place) for place, text in enumerate(dict.fromkeys(values))}
        return np.fromiter(map(place_of.__getitem__, values), dtype=np.float64, count=len(values))
    return values


def _at(values: NDArray[np.float64] | tuple[str, ...], rows: NDArray[np.intp]) -> NDArray[np.float64] | tuple[str, ...]:
    return tuple(values[row] for row in rows.tolist()) if isinstance(values, tuple) else values[rows]


def _distinct(rows: NDArray[np.float64], trials: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The first of each kind of rows, and the share of all trials that are of it."""
    _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    counts = np.bincount(kind.ravel(), weights=trials)
    return first, counts / counts.sum()
