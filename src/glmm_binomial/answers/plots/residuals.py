"""Quantile residuals: against the uniform distribution, and against the fitted probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from glmm_binomial.answers.bins import bins_of
from glmm_binomial.answers.plots.picture import BLACK, BLUE, GREY, SKY_BLUE, VERMILION, Plot, new_figure, tidy
from glmm_binomial.answers.residuals import residuals
from glmm_binomial.answers.simulate import typical_logits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM

MOST_POINTS: Final = 3_000
"""Points that are drawn; of more rows each so many-th."""

BINS: Final = 10
FEWEST_IN_BIN: Final = 5
QUARTERS: Final = (0.25, 0.5, 0.75)
HEIGHT_INCHES: Final = 3.9


@dataclass(frozen=True, slots=True)
class ResidualPicture:
    """Quantile residuals of N rows, and of B bins of about as many rows each.

    Attributes
    ----------
    fitted : (N,) array
        Probability of a typical group.
    quantile : (N,) array
    middles : (B,) array
        Median fitted probability of each bin.
    quartiles : (3, B) array
        Of the residuals in each bin; 1/4, 1/2 and 3/4 are expected.
    """

    fitted: NDArray[np.float64]
    quantile: NDArray[np.float64]
    middles: NDArray[np.float64]
    quartiles: NDArray[np.float64]

    @property
    def distance(self) -> tuple[float, float]:
        """Largest distance of the distribution of the residuals from the uniform one, and where it is."""
        ordered = np.sort(self.quantile)
        steps = np.arange(len(ordered) + 1) / len(ordered)
        off = np.maximum(steps[1:] - ordered, ordered - steps[:-1])
        return float(off.max()), float(ordered[off.argmax()])


def residual_plot(model: GLMM, *, n_sim: object = None, seed: object = None) -> Plot:
    """Draw the quantile residuals of `residuals` with the same options.

    Raises
    ------
    InvalidInputError
        When n_sim or seed cannot be used.
    """
    found = pictured(expit(typical_logits(model)), residuals(model, n_sim=n_sim, seed=seed).quantile)
    return Plot(figure=residual_figure(found), sentence=residual_sentence(found))


def pictured(fitted: NDArray[np.float64], quantile: NDArray[np.float64]) -> ResidualPicture:
    """Ten bins of fitted probability, fewer where rows share it or are few."""
    place = bins_of(fitted, int(np.clip(len(fitted) // FEWEST_IN_BIN, 1, BINS)))
    members = [place == position for position in range(place.max() + 1)]
    return ResidualPicture(
        fitted=fitted,
        quantile=quantile,
        middles=np.array([np.median(fitted[each]) for each in members]),
        quartiles=np.array([np.quantile(quantile[each], QUARTERS) for each in members]).T,
    )


def residual_figure(found: ResidualPicture) -> Figure:
    """On the left sorted residuals against evenly spread ones, on the right residuals against fitted probabilities."""
    figure = new_figure(HEIGHT_INCHES)
    left, right = figure.subplots(1, 2)
    _draw_sorted(left, found)
    _draw_against_fitted(right, found)
    for axes in (left, right):
        axes.set_ylim(-0.02, 1.02)
        tidy(axes)
    return figure


def _draw_sorted(axes: Axes, found: ResidualPicture) -> None:
    rows = len(found.quantile)
    chosen = _some(rows)
    axes.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=1.0)
    expected = (np.arange(rows) + 0.5) / rows
    axes.plot(expected[chosen], np.sort(found.quantile)[chosen], ".", color=BLUE, markersize=5.0, markeredgewidth=0.0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("evenly spread")
    axes.set_ylabel("quantile residual, sorted")


def _draw_against_fitted(axes: Axes, found: ResidualPicture) -> None:
    chosen = _some(len(found.quantile))
    axes.plot(
        found.fitted[chosen],
        found.quantile[chosen],
        linestyle="none",
        marker=".",
        color=SKY_BLUE,
        markersize=5.0,
        markeredgewidth=0.0,
        alpha=0.6,
    )
    for expected, quartile in zip(QUARTERS, found.quartiles, strict=True):
        is_median = expected == QUARTERS[1]
        axes.axhline(expected, color=GREY, linewidth=1.0, linestyle="--")
        axes.plot(
            found.middles,
            quartile,
            color=VERMILION if is_median else BLACK,
            linewidth=1.8 if is_median else 1.2,
            marker="o",
            markersize=3.5,
            label="median in bins" if is_median else None,
        )
    axes.set_xlabel("fitted probability, typical group")
    axes.set_ylabel("quantile residual")
    axes.set_title("lines: quartiles in bins; dashed: expected", fontsize="small", loc="left")


def _some(rows: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, rows - 1, min(rows, MOST_POINTS)).astype(np.intp))


def residual_sentence(found: ResidualPicture) -> str:
    """How far the residuals are from evenly spread, and their medians in the bins."""
    distance, where = found.distance
    medians = found.quartiles[1]
    bins = f"{len(medians)} bins of fitted probability" if len(medians) > 1 else "the only bin of fitted probability"
    return (
        f"Quantile residuals of {len(found.quantile):,} rows: their distribution is at most {distance:.3f} from the "
        f"uniform one, at {where:.3f}; their medians in {bins} lie between {medians.min():.3f} and "
        f"{medians.max():.3f}, where 0.5 is expected. GLMM_BINOMIAL_CHECK has the tests."
    )
