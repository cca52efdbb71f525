"""What all pictures share: a figure and the same in words, colours, names that fit, axes without frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.rows import Tabular
from glmm_binomial.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

SKY_BLUE: Final = "#56B4E9"
BLUE: Final = "#0072B2"
BLACK: Final = "#000000"
VERMILION: Final = "#D55E00"
"""Of Okabe & Ito, told apart by every kind of colour vision; shapes differ as well."""

PALE: Final = "0.9"
GREY: Final = "0.55"

WIDTH_INCHES: Final = 7.0
LONGEST_LABEL: Final = 40
LONGEST_TEXT: Final = 1_000
KEPT_OF_PREFIX: Final = 6
"""Characters of a beginning that names have in common, where it is left out."""

ROUND: Final = "o"
DIAMOND: Final = "D"
MARKER_SIZE: Final = 6.0


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


def new_figure(height: float, *, width: float = WIDTH_INCHES) -> Figure:
    """An empty figure of its own, outside pyplot: nothing global, nothing to close.

    Parameters
    ----------
    height, width : float
        Inches.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    """
    figures = require("matplotlib.figure", extra="plot", purpose="The picture")
    figure: Figure = figures.Figure(figsize=(width, height), layout="constrained")
    return figure


def tidy(axes: Axes, *, grid: str = "both") -> None:
    """Pale lines behind what is drawn, along the "x" or "y" axis or "both", and no frame."""
    axes.grid(visible=True, axis=grid, color=PALE)  # type: ignore[arg-type]  # one of three words
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def label_rows(axes: Axes, labels: list[str]) -> None:
    """Names beside rows 0, 1, 2 ..., the first on top."""
    # a $ in a header is money, not mathematics
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    show_rows(axes, len(labels))


def show_rows(axes: Axes, rows: int) -> None:
    """Rows 0, 1, 2 ... from top to bottom."""
    axes.set_ylim(rows - 0.5, -0.5)


def draw_intervals(  # what one row of a picture consists of
    axes: Axes,
    positions: NDArray[np.float64],
    *,
    values: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    apart: NDArray[np.bool_],
    words: tuple[str, str],
    size: float = MARKER_SIZE,
) -> None:
    """Points with horizontal lines from limit to limit: black circles, and vermilion diamonds where they stand apart.

    Small points have pale lines, which lie close together.

    Parameters
    ----------
    axes : Axes
    positions, values, lower, upper : (m,) arrays
    apart : (m,) boolean array
    words : pair of str
        What the circles are, and what the diamonds are.
    size : float
        Of the points.
    """
    for shown, marker, colour, label in ((~apart, ROUND, BLACK, words[0]), (apart, DIAMOND, VERMILION, words[1])):
        if shown.any():
            small = size < MARKER_SIZE
            axes.hlines(
                positions[shown],
                lower[shown],
                upper[shown],
                color=colour,
                linewidth=0.15 * size if small else 1.5,
                alpha=0.5 if small else 1.0,
            )
            axes.plot(
                values[shown],
                positions[shown],
                linestyle="none",
                marker=marker,
                markersize=size,
                markeredgecolor=colour if small else "white",
                markeredgewidth=0.0 if small else 0.8,
                color=colour,
                label=label,
            )


def on_one_line(name: object, longest: int = LONGEST_LABEL) -> str:
    """A name of bounded length, its beginning and its end; line breaks and what has no glyph become spaces."""
    text = f"{name:.15g}" if isinstance(name, float) else str(name)
    text = "".join(character if character.isprintable() else " " for character in text)
    kept = longest - 3
    return text if len(text) <= longest else f"{text[: kept - kept // 3]}...{text[-(kept // 3) :]}"


def short_names(names: list[object], longest: int = LONGEST_LABEL) -> list[str]:
    """Names on one line each, of bounded length, that still differ where a beginning is common to all of them."""
    whole = [on_one_line(name, LONGEST_TEXT) for name in names]
    shown = [on_one_line(name, longest) for name in whole]
    if len(set(shown)) == len(set(whole)):
        return shown
    alike = next((place for place, letters in enumerate(zip(*whole, strict=False)) if len(set(letters)) > 1), 0)
    start = max(alike - KEPT_OF_PREFIX, 0)
    return [on_one_line(f"...{name[start:]}" if start else name, longest) for name in whole]


def percent(alpha: float) -> str:
    """The confidence level in words."""
    return f"{100.0 * (1.0 - alpha):.4g} %"
