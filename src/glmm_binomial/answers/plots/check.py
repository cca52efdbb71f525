"""The picture of a check: observed proportions large, simulated ones small and jittered, pattern by pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from glmm_binomial.answers.check import check_proportions, read_check_options
from glmm_binomial.answers.plots.picture import (
    BLACK,
    DIAMOND,
    ROUND,
    SKY_BLUE,
    VERMILION,
    WIDTH_INCHES,
    Plot,
    label_rows,
    new_figure,
    on_one_line,
    percent,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.answers.check import Check
    from glmm_binomial.estimation.fitted_model import GLMM

INCHES_PER_LINE: Final = 0.22
INCHES_PER_PATTERN: Final = 0.5
INCHES_AROUND: Final = 1.5
LEAST_HEIGHT: Final = 2.4
SHOWN_ZEROS: Final = 2
"""Number of columns of 0 and 1 up to which the zeros are written as well."""

MOST_FACETS: Final = 4
"""Values of the last column up to which each has a facet of its own."""

WIDE_FACETS: Final = 2
"""Facets up to which the whole words fit under each."""

JITTER: Final = 0.5
"""Width of the band of jittered points, where patterns are one apart."""

GOLDEN_RATIO: Final = (np.sqrt(5.0) - 1.0) / 2.0


def check_plot(model: GLMM, *, n_sim: object = None, seed: object = None) -> Plot:
    """Draw the check of `check` with the same options.

    Raises
    ------
    InvalidInputError
        When n_sim or seed cannot be used.
    """
    found = check_proportions(model, read_check_options(model, n_sim, seed))
    return Plot(figure=check_figure(found), sentence=check_sentence(found))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where P patterns are drawn: facets side by side, in each the same rows from top to bottom.

    Attributes
    ----------
    facets, rows : tuples of str
        Their names; a single facet is called "".
    facet, row : (P,) integer arrays
        Of each pattern.
    """

    facets: tuple[str, ...]
    rows: tuple[str, ...]
    facet: NDArray[np.intp]
    row: NDArray[np.intp]


def check_figure(check: Check, *, title: str | None = None) -> Figure:
    """Draw a check on a figure of its own, outside pyplot: nothing global, nothing to close.

    One row per pattern, the first on top; where several columns of x tell patterns apart and the last of them has few
    values, a facet for each of these. Small dots are the simulated proportions, spread over a band by a fixed sequence;
    a large dot is the observed proportion when it lies inside the simulated interval, a large diamond when it lies
    outside.

    Parameters
    ----------
    check : Check
    title : str, optional

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    """
    layout = layout_of(check)
    lines = max(label.count("\n") + 1 for label in layout.rows)
    height = INCHES_AROUND + len(layout.rows) * max(INCHES_PER_PATTERN, INCHES_PER_LINE * lines)
    figure = new_figure(max(height, LEAST_HEIGHT), width=WIDTH_INCHES)
    panels = figure.subplots(1, len(layout.facets), sharex=True, sharey=True, squeeze=False)[0]
    for place, axes in enumerate(panels):
        shown = np.flatnonzero(layout.facet == place)
        _draw_simulated(axes, check, shown, layout.row[shown])
        _draw_observed(axes, check, shown, layout.row[shown])
        tidy(axes, grid="x")
        axes.set_title(layout.facets[place], fontsize="medium", parse_math=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("proportion of successes" if len(panels) <= WIDE_FACETS else "proportion")
    label_rows(panels[0], list(layout.rows))
    if _is_binned(check):
        panels[0].set_ylabel("fitted probability")
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        columnspacing=1.0,
        handletextpad=0.2,
    )
    return figure


def layout_of(check: Check) -> Layout:
    """Facets by the last of several telling columns, if it has few values, all of them with all others; else one."""
    patterns = np.arange(len(check.patterns))
    telling = [] if not check.names or _is_binned(check) else _telling_columns(check)
    *others, last = telling or [0]
    values = sorted({pattern[last] for pattern in check.patterns}) if others else []
    labels = _labels(check, others)
    rows = tuple(dict.fromkeys(labels))
    if not 1 < len(values) <= MOST_FACETS or len(rows) * len(values) != len(patterns):
        return Layout(facets=("",), rows=pattern_labels(check), facet=np.zeros_like(patterns), row=patterns)
    return Layout(
        facets=tuple(f"{on_one_line(check.names[last])} = {value:.6g}" for value in values),
        rows=rows,
        facet=np.array([values.index(pattern[last]) for pattern in check.patterns]),
        row=np.array([rows.index(label) for label in labels]),
    )


def _draw_simulated(axes: Axes, check: Check, shown: NDArray[np.intp], rows: NDArray[np.intp]) -> None:
    simulations = len(check.simulated)
    axes.plot(
        check.simulated[:, shown].ravel(),
        (rows + jitter(simulations)[:, None]).ravel(),
        linestyle="none",
        marker=".",
        markersize=5.0,
        markeredgewidth=0.0,
        alpha=0.6,
        color=SKY_BLUE,
        label=f"{simulations:,} simulations",
    )


def _draw_observed(axes: Axes, check: Check, shown: NDArray[np.intp], rows: NDArray[np.intp]) -> None:
    styles: tuple[tuple[NDArray[np.bool_], str, dict[str, Any]], ...] = (
        (check.inside[shown], "inside", {"marker": ROUND, "color": BLACK}),
        (~check.inside[shown], "outside", {"marker": DIAMOND, "color": VERMILION}),
    )
    for chosen, where, style in styles:
        if chosen.any():
            axes.plot(
                check.observed[shown][chosen],
                rows[chosen],
                linestyle="none",
                markersize=9.0,
                markeredgecolor="white",
                label=f"observed, {where} {percent(check.alpha)}",
                **style,
            )


def jitter(points: int) -> NDArray[np.float64]:
    """Deviations from the middle of the band (points,): multiples of the golden ratio modulo one, evenly spread."""
    return np.asarray(JITTER * (np.arange(1, points + 1) * GOLDEN_RATIO % 1.0 - 0.5))


def pattern_labels(check: Check) -> tuple[str, ...]:
    """What names each pattern: the columns of x that tell patterns apart, one line each; or the range of the bin.

    A column whose value follows from the columns before it, as an interaction's does, is left out. Of three or more
    columns of 0 and 1 only those at 1 are shown.
    """
    if not check.names:
        return ("all rows",)
    if _is_binned(check):
        return tuple(str(label) for (label,) in check.patterns)
    return _labels(check, _telling_columns(check) or list(range(len(check.names))))


def _labels(check: Check, columns: list[int]) -> tuple[str, ...]:
    values = {pattern[column] for pattern in check.patterns for column in columns}
    short = len(columns) > SHOWN_ZEROS and values <= {0.0, 1.0}
    return tuple(
        "\n".join(
            f"{on_one_line(check.names[column])} = {pattern[column]:.6g}"
            for column in columns
            if not short or pattern[column]
        )
        or "all columns = 0"
        for pattern in check.patterns
    )


def _is_binned(check: Check) -> bool:
    return any(isinstance(cell, str) for cell in check.patterns[0])


def _telling_columns(check: Check) -> list[int]:
    """Positions of the columns of x that tell apart patterns which the columns before them do not."""
    telling: list[int] = []
    known = 1
    for column in range(len(check.names)):
        distinct = len({tuple(pattern[i] for i in (*telling, column)) for pattern in check.patterns})
        if distinct > known:
            telling.append(column)
            known = distinct
    return telling


def check_sentence(check: Check) -> str:
    """The picture in words, for a cell or as alternative text."""
    kind = "bins of fitted probability" if _is_binned(check) else "patterns of x"
    simulations = f"{percent(check.alpha)} of {len(check.simulated):,} simulations"
    inside = f"{int(check.inside.sum())} of {len(check.patterns)}"
    return f"The observed proportion lies inside {simulations} in {inside} {kind}."
