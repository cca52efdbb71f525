"""How the probability of a typical group changes with each variable, with its band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from glmm_binomial.answers.margin_rows import variables_of
from glmm_binomial.answers.margins import MOST_COLUMNS
from glmm_binomial.answers.mean_probabilities import typical_probabilities
from glmm_binomial.answers.plots.picture import (
    BLACK,
    BLUE,
    MARKER_SIZE,
    SKY_BLUE,
    WIDTH_INCHES,
    Plot,
    new_figure,
    on_one_line,
    percent,
    tidy,
)
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.observations.cells import reject
from glmm_binomial.observations.products import products_in
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.answers.margin_rows import Variables
    from glmm_binomial.estimation.fitted_model import GLMM

MOST_PANELS: Final = 12
PANELS_PER_ROW: Final = 3
PANEL_INCHES: Final = 2.3
NAMED: Final = 4
"""Of the variables, in the sentence."""

MOST_POINTS: Final = 31
FEWEST_POINTS: Final = 5
MOST_ROWS: Final = 2_000_000
"""Rows times points along a variable of numbers, a second's work."""

LONGEST_NAME: Final = 26
LONGEST_LEVEL: Final = 20


@dataclass(frozen=True, slots=True)
class Effect:
    """The probability of a typical group at m values of a variable, all else as it is in the rows.

    Attributes
    ----------
    name : str
    labels : tuple of m str, or None
        Of levels or of two values; None along a variable of numbers.
    values : (m,) array
        Numbers, or positions of the levels.
    probability, lower, upper : (m,) arrays
    """

    name: str
    labels: tuple[str, ...] | None
    values: NDArray[np.float64]
    probability: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def effect(model: GLMM) -> Plot:
    """Draw each variable against the probability of a typical group.

    At each value of the variable the logits x'b are averaged over the rows, all else in them as it is and random
    effects at zero; band and intervals are those of this average, built on the logit scale.

    Raises
    ------
    InvalidInputError
        When no variable can change alone.
    """
    effects, left_out = effects_of_variables(model)
    return Plot(
        figure=effect_figure(effects), sentence=effect_sentence(effects, left_out, model.observations.options.alpha)
    )


def effects_of_variables(model: GLMM) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
    """The first variables that can change alone, and why others are left out."""
    variables = variables_of(model)
    names, bound = list(dict.fromkeys(variables.names)), _bound(model)
    free = [name for name in names if name not in bound and _changes(model, name)]
    if not free:
        reject(
            'kind must be another than "effect": the model has no variable that can change alone. Columns that are '
            "products of others need the model of a formula, made by GLMM_BINOMIAL_FORMULA."
        )
    stuck = [on_one_line(name) for name in names if name in bound]
    left_out = [f"not drawn, since they are products or go into one: {listed(stuck)}"] if stuck else []
    if len(free) > MOST_PANELS:
        left_out.append(f"the first {MOST_PANELS} of {len(free)} variables are drawn")
    return tuple(_effect(model, variables, name) for name in free[:MOST_PANELS]), tuple(left_out)


def _bound(model: GLMM) -> set[str]:
    """Names of columns of a range that are products, go into one, or are called the same."""
    if model.coding is not None:
        return set()
    names, x = model.observations.x_names, model.observations.x
    if len(names) > MOST_COLUMNS:
        reject(
            f'kind must be another than "effect" for an x of more than {MOST_COLUMNS} columns, among which products '
            f"cannot be sought. x has {len(names)}: ask a model of GLMM_BINOMIAL_FORMULA."
        )
    positions = {i for each in products_in(x) for i in (each.column, each.first, each.second)}
    return {names[i] for i in positions} | {name for name in names if names.count(name) > 1}


def _changes(model: GLMM, name: str) -> bool:
    if model.coding is None:
        return bool(np.ptp(model.observations.x[:, model.observations.x_names.index(name)]) > 0.0)
    variable = next(each for each in model.coding.variables if each.name == name)
    return variable.levels is not None or variable.lowest != variable.highest


def _effect(model: GLMM, variables: Variables, name: str) -> Effect:
    axis = variables.axis(name)
    if axis is None:
        low, high = _range(model, name)
        points = int(np.clip(MOST_ROWS // len(variables.weights), FEWEST_POINTS, MOST_POINTS))
        cells: tuple[float | str, ...] = tuple(np.linspace(low, high, points).tolist())
    else:
        cells = axis.values
    rows = np.array([_mean_row(variables, name, cell) for cell in cells])
    fixed = model.design.scale.fixed_columns(rows[:, :-1])
    found = typical_probabilities(model.fit, fixed, rows[:, -1]).logits(model.observations.options.alpha)
    return Effect(
        name=name,
        labels=None if axis is None else axis.labels,
        values=np.arange(len(cells), dtype=np.float64) if axis is not None else np.array(cells, dtype=np.float64),
        probability=expit(found.estimates),
        lower=expit(found.lower),
        upper=expit(found.upper),
    )


def _range(model: GLMM, name: str) -> tuple[float, float]:
    if model.coding is None:
        column = model.observations.x[:, model.observations.x_names.index(name)]
        return float(column.min()), float(column.max())
    variable = next(each for each in model.coding.variables if each.name == name)
    assert variable.lowest is not None and variable.highest is not None  # noqa: PT018, S101  a column of numbers
    return variable.lowest, variable.highest


def _mean_row(variables: Variables, name: str, value: float | str) -> NDArray[np.float64]:
    """The mean over the rows of the columns of x and the offset, all rows with one value of a variable, (p + 1,)."""
    stop_if_requested()
    coded = variables.at(name, value)
    return np.append(variables.weights @ coded.x, variables.weights @ coded.offset)


def effect_figure(effects: tuple[Effect, ...]) -> Figure:
    """One panel for each variable, all with the same axis of probability."""
    across = min(len(effects), PANELS_PER_ROW)
    down = -(-len(effects) // across)
    figure = new_figure(PANEL_INCHES * down + 0.6, width=WIDTH_INCHES)
    low = max(min(float(each.lower.min()) for each in effects) - 0.03, -0.02)
    high = min(max(float(each.upper.max()) for each in effects) + 0.03, 1.02)
    for place, each in enumerate(effects):
        axes = figure.add_subplot(down, across, place + 1)
        _draw(axes, each)
        axes.set_ylim(low, high)
        axes.set_xlabel(on_one_line(each.name, LONGEST_NAME), parse_math=False)
        if place % across:
            axes.set_yticklabels([])
        tidy(axes, grid="y")
    figure.supylabel("probability, typical group", fontsize="medium")
    return figure


def _draw(axes: Axes, found: Effect) -> None:
    if found.labels is None:
        axes.fill_between(found.values, found.lower, found.upper, color=SKY_BLUE, alpha=0.4, linewidth=0.0)
        axes.plot(found.values, found.probability, color=BLUE, linewidth=1.8)
        axes.locator_params(axis="x", nbins=5)
        return
    axes.vlines(found.values, found.lower, found.upper, color=BLUE, linewidth=1.5)
    axes.plot(
        found.values,
        found.probability,
        linestyle="none",
        marker="o",
        markersize=MARKER_SIZE,
        markeredgecolor="white",
        color=BLACK,
    )
    labels = [on_one_line(label, LONGEST_LEVEL) for label in found.labels]
    turned = sum(map(len, labels)) > LONGEST_NAME
    axes.set_xticks(
        found.values,
        labels,
        parse_math=False,
        rotation=90.0 if turned else 0.0,
        fontsize="small" if turned else "medium",
    )
    axes.set_xlim(-0.5, len(labels) - 0.5)


def effect_sentence(effects: tuple[Effect, ...], left_out: tuple[str, ...], alpha: float) -> str:
    """From where to where the probability goes along each variable."""
    parts = [_in_words(each) for each in effects[:NAMED]]
    if len(effects) > NAMED:
        parts.append(f"{len(effects) - NAMED} more variables are drawn")
    return (
        f"Probability of a typical group with {percent(alpha)} intervals, all else as in the rows, whose logits are "
        f"averaged: {'; '.join([*parts, *left_out])}."
    )


def _in_words(found: Effect) -> str:
    low, high = int(found.probability.argmin()), int(found.probability.argmax())
    ends = sorted((low, high)) if found.labels is None else (low, high)

    def at(point: int) -> str:
        where = f"{found.values[point]:.4g}" if found.labels is None else on_one_line(found.labels[point])
        limits = f"{found.lower[point]:.3f} to {found.upper[point]:.3f}"
        return f"{found.probability[point]:.3f} ({limits}) at {where}"

    return f"{on_one_line(found.name)} {at(ends[0])}, {at(ends[-1])}"
