"""The effects of the groups with their intervals, sorted, the extreme groups named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.plots.picture import (
    GREY,
    MARKER_SIZE,
    WIDTH_INCHES,
    Plot,
    draw_intervals,
    label_rows,
    new_figure,
    on_one_line,
    percent,
    short_names,
    show_rows,
    tidy,
)
from glmm_binomial.answers.ranef import random_effects
from glmm_binomial.observations.wording import effect_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.answers.ranef import GroupEffects
    from glmm_binomial.estimation.fitted_model import GLMM

MOST_NAMED: Final = 40
"""Groups up to which each has its name beside it."""

EXTREMES: Final = 3
"""Groups that are named at either end when there are more."""

MOST_EFFECTS: Final = 4
"""Random effects that one picture shows."""

INCHES_PER_GROUP: Final = 0.2
INCHES_AROUND: Final = 1.4
TALLEST: Final = 9.5
LONGEST_NAME: Final = 24


def caterpillar(model: GLMM) -> Plot:
    """Draw the random effects of the groups, those of `random_effects`, each kind in a panel of its own."""
    found = random_effects(model)
    return Plot(figure=caterpillar_figure(found), sentence=caterpillar_sentence(found))


def caterpillar_figure(found: GroupEffects) -> Figure:
    """One panel for each effect, the largest on top, with a line at zero."""
    groups, shown = len(found.group_labels), min(len(found.effect_names), MOST_EFFECTS)
    height = min(INCHES_AROUND + INCHES_PER_GROUP * groups, TALLEST)
    figure = new_figure(height, width=max(WIDTH_INCHES, 0.5 * WIDTH_INCHES * shown))
    for position in range(shown):
        _draw_effect(figure.add_subplot(1, shown, position + 1), found, position)
    handles, labels = max((axes.get_legend_handles_labels() for axes in figure.axes), key=lambda pair: len(pair[0]))
    larger = MARKER_SIZE / _marker_size(groups)
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, markerscale=larger)
    return figure


def _marker_size(groups: int) -> float:
    return max(MARKER_SIZE * min(1.0, 2.0 * MOST_NAMED / groups), 0.25 * MARKER_SIZE)


def _draw_effect(axes: Axes, found: GroupEffects, effect: int) -> None:
    order = order_of(found, effect)
    groups = len(order)
    axes.axvline(0.0, color=GREY, linewidth=1.0)
    level = percent(found.alpha)
    draw_intervals(
        axes,
        np.arange(groups, dtype=np.float64),
        values=found.estimates[order, effect],
        lower=found.ci_lower[order, effect],
        upper=found.ci_upper[order, effect],
        apart=apart(found, effect)[order],
        words=(f"{level} interval holds 0", f"{level} interval leaves out 0"),
        size=_marker_size(groups),
    )
    labels = dict(zip(found.places_of(effect).tolist(), found.labels_of(effect), strict=True))
    names = short_names([labels[place] for place in order.tolist()], LONGEST_NAME)
    if groups <= MOST_NAMED:
        label_rows(axes, names)
    else:
        axes.set_yticks([])
        show_rows(axes, groups)
        axes.set_ylabel(f"{groups:,} groups")
        if not is_zero(found, effect):
            _name_extremes(axes, names)
    tidy(axes, grid="x")
    axes.set_xlabel("effect on the logit scale")
    axes.set_title(on_one_line(f"random {effect_in_words(found.effect_names[effect])}"), loc="left", parse_math=False)


def _name_extremes(axes: Axes, names: list[str]) -> None:
    """In the corners, where a sorted caterpillar leaves room."""
    largest, smallest = "\n".join(["largest:", *names[:EXTREMES]]), "\n".join(["smallest:", *names[-EXTREMES:]])
    for text, x, y, across, along in ((largest, 0.01, 0.99, "left", "top"), (smallest, 0.99, 0.01, "right", "bottom")):
        axes.text(x, y, text, transform=axes.transAxes, ha=across, va=along, fontsize="small", parse_math=False)


def is_zero(found: GroupEffects, effect: int) -> bool:
    """Whether an effect is estimated at zero in every group."""
    return not found.estimates[:, effect].any()


def order_of(found: GroupEffects, effect: int) -> NDArray[np.intp]:
    """Where the groups stand, from the largest effect to the smallest, (G,)."""
    places = found.places_of(effect)
    return np.asarray(places[np.argsort(-found.estimates[places, effect], kind="stable")])


def apart(found: GroupEffects, effect: int) -> NDArray[np.bool_]:
    """Which groups' intervals leave out zero, (G,)."""
    return np.asarray((found.ci_lower[:, effect] > 0.0) | (found.ci_upper[:, effect] < 0.0))


def caterpillar_sentence(found: GroupEffects) -> str:
    """For each effect how many groups stand apart, and which lie at either end."""
    parts = []
    for effect, name in enumerate(found.effect_names[:MOST_EFFECTS]):
        words = f"Random {effect_in_words(on_one_line(name))}"
        if is_zero(found, effect):
            parts.append(f"{words}: estimated at zero in all {len(found.labels_of(effect)):,} groups.")
            continue
        order = order_of(found, effect)
        first, last = order[0], order[-1]
        parts.append(
            f"{words}: {int(apart(found, effect)[order].sum()):,} of {len(order):,} "
            f"{percent(found.alpha)} intervals leave out zero; largest {_shown(found, first, effect)}, smallest "
            f"{_shown(found, last, effect)}."
        )
    left_out = len(found.effect_names) - MOST_EFFECTS
    return " ".join(parts) + (f" {left_out} more random effects are not drawn." if left_out > 0 else "")


def _shown(found: GroupEffects, group: np.intp, effect: int) -> str:
    places, labels = found.places_of(effect).tolist(), found.labels_of(effect)
    name = on_one_line(labels[places.index(group)])
    numbers = (each[group, effect] for each in (found.estimates, found.ci_lower, found.ci_upper))
    estimate, lower, upper = (f"{number:.3g}" for number in numbers)
    return f"{name} {estimate} ({lower} to {upper})"
