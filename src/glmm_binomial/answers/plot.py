"""The picture of a check: observed proportions large, simulated ones small and jittered, pattern by pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from glmm_binomial.answers.check import check
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.extras import require
from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.answers.check import Check
    from glmm_binomial.estimation.fitted_model import GLMM

KINDS: Final = ("check",)

SIMULATED_COLOUR: Final = "#56B4E9"
INSIDE_COLOUR: Final = "#000000"
OUTSIDE_COLOUR: Final = "#D55E00"
"""Sky blue, black and vermilion of Okabe & Ito, told apart by every kind of colour vision; shapes differ as well."""

WIDTH_INCHES: Final = 7.0
INCHES_PER_LINE: Final = 0.22
INCHES_PER_PATTERN: Final = 0.5
INCHES_AROUND: Final = 1.5
LONGEST_LABEL: Final = 40
SHOWN_ZEROS: Final = 2
"""Number of columns of 0 and 1 up to which the zeros are written as well."""

JITTER: Final = 0.5
"""Width of the band of jittered points, where patterns are one apart."""

GOLDEN_RATIO: Final = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, slots=True)
class Plot(Tabular):
    """A picture, and the same in words.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
    sentence : str
    """

    figure: Figure
    sentence: str

    def rows(self) -> list[tuple[str]]:
        """One cell with the picture in words."""
        return [(self.sentence,)]


def plot(model: GLMM, kind: object = None, n_sim: object = None, seed: object = None) -> Plot:
    """Draw a picture of a model.

    Parameters
    ----------
    model : GLMM
    kind : {"check"}
        The check of `check`.
    n_sim, seed : whole numbers, optional
        As in `check`.

    Raises
    ------
    InvalidInputError
        When an option cannot be used.
    MissingPackageError
        When matplotlib is not installed.
    """
    _require_kind(single_cell(kind))
    found = check(model, n_sim=n_sim, seed=seed)
    return Plot(figure=check_figure(found), sentence=check_sentence(found))


def _require_kind(kind: object) -> None:
    if not is_blank(kind) and (not isinstance(kind, str) or kind.strip().lower() not in KINDS):
        reject(f'kind must be "check". It is {describe(kind)}.')


def check_figure(check: Check, *, title: str | None = None) -> Figure:
    """Draw a check on a figure of its own, outside pyplot: nothing global, nothing to close.

    One row per pattern, the first on top. Small dots are the simulated proportions, spread over a band by a fixed
    sequence; a large dot is the observed proportion when it lies inside the simulated interval, a large diamond when it
    lies outside.

    Parameters
    ----------
    check : Check
    title : str, optional

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    """
    figures = require("matplotlib.figure", extra="plot", purpose="The picture")
    labels = pattern_labels(check)
    lines = max(label.count("\n") + 1 for label in labels)
    height = INCHES_AROUND + len(labels) * max(INCHES_PER_PATTERN, INCHES_PER_LINE * lines)
    figure: Figure = figures.Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    _draw_simulated(axes, check)
    _draw_observed(axes, check)
    # a $ in a header is money, not mathematics
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel("proportion of successes")
    if _is_binned(check):
        axes.set_ylabel("fitted probability")
    axes.grid(visible=True, axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if title is not None:
        axes.set_title(title, loc="left", parse_math=False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, columnspacing=1.0, handletextpad=0.2)
    return figure


def _draw_simulated(axes: Axes, check: Check) -> None:
    simulations, patterns = check.simulated.shape
    rows = np.arange(patterns) + jitter(simulations)[:, None]
    axes.plot(
        check.simulated.ravel(),
        rows.ravel(),
        linestyle="none",
        marker=".",
        markersize=5.0,
        markeredgewidth=0.0,
        alpha=0.6,
        color=SIMULATED_COLOUR,
        label=f"{simulations:,} simulations",
    )


def _draw_observed(axes: Axes, check: Check) -> None:
    level = f"{100.0 * (1.0 - check.alpha):.4g} %"
    styles: tuple[tuple[NDArray[np.bool_], str, dict[str, Any]], ...] = (
        (check.inside, "inside", {"marker": "o", "color": INSIDE_COLOUR}),
        (~check.inside, "outside", {"marker": "D", "color": OUTSIDE_COLOUR}),
    )
    for shown, where, style in styles:
        if shown.any():
            axes.plot(
                check.observed[shown],
                np.flatnonzero(shown),
                linestyle="none",
                markersize=9.0,
                markeredgecolor="white",
                label=f"observed, {where} {level}",
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
    columns = _telling_columns(check) or list(range(len(check.names)))
    values = {pattern[column] for pattern in check.patterns for column in columns}
    short = len(columns) > SHOWN_ZEROS and values <= {0.0, 1.0}
    return tuple(
        "\n".join(
            f"{_on_one_line(check.names[column])} = {pattern[column]:.6g}"
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


def _on_one_line(name: str) -> str:
    """A header of bounded length, its line breaks and what has no glyph replaced by spaces."""
    name = "".join(character if character.isprintable() else " " for character in name)
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 3] + "..."


def check_sentence(check: Check) -> str:
    """The picture in words, for a cell or as alternative text."""
    kind = "bins of fitted probability" if _is_binned(check) else "patterns of x"
    simulations = f"{100.0 * (1.0 - check.alpha):.4g} % of {len(check.simulated):,} simulations"
    inside = f"{int(check.inside.sum())} of {len(check.patterns)}"
    return f"The observed proportion lies inside {simulations} in {inside} {kind}."
