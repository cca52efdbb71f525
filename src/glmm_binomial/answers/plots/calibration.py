"""Fitted probabilities against observed proportions, in bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from glmm_binomial.answers.bins import bins_of
from glmm_binomial.answers.discrimination import discrimination
from glmm_binomial.answers.fitted import fitted_logits
from glmm_binomial.answers.plots.picture import BLUE, GREY, VERMILION, Plot, new_figure, percent, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.answers.discrimination import Discrimination
    from glmm_binomial.answers.fitted import Fitted
    from glmm_binomial.estimation.fitted_model import GLMM

BINS: Final = 10
SIDE_INCHES: Final = 5.5
MARGIN: Final = 0.03
STYLES: Final = {"typical": (BLUE, "D", "typical group"), "known": (VERMILION, "o", "known groups")}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted probabilities of one kind, held against the outcomes in B bins.

    Attributes
    ----------
    fitted : (B,) array
        Mean probability over the trials of each bin, increasing.
    observed, lower, upper : (B,) arrays
        Proportion of successes, and Wilson's interval of a proportion of independent trials.
    discrimination : Discrimination
        Of all rows, with intercept and slope.
    """

    fitted: NDArray[np.float64]
    observed: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    discrimination: Discrimination


def calibration(model: GLMM) -> Plot:
    """Draw observed proportions against the fitted probabilities of a typical group and of the known groups."""
    fitted, alpha = fitted_logits(model), model.observations.options.alpha
    found = {
        "typical": calibrated(fitted.typical, fitted, alpha),
        "known": calibrated(fitted.known, fitted, alpha),
    }
    return Plot(figure=calibration_figure(found, alpha), sentence=calibration_sentence(found))


def calibrated(logits: NDArray[np.float64], fitted: Fitted, alpha: float) -> Calibration:
    """Bins of about as many rows each; rows of one probability stay together."""
    place = bins_of(logits, BINS)
    successes, trials, expected = (
        np.asarray(np.bincount(place, weights=each), dtype=np.float64)
        for each in (fitted.successes, fitted.trials, fitted.trials * expit(logits))
    )
    observed = successes / trials
    low, high = wilson(observed, trials, alpha)
    return Calibration(
        fitted=expected / trials,
        observed=observed,
        lower=low,
        upper=high,
        discrimination=discrimination(logits, fitted.successes, fitted.trials),
    )


def wilson(
    proportion: NDArray[np.float64], trials: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a proportion (Wilson 1927, JASA 22(158)), (B,) both."""
    z2 = float(norm.isf(0.5 * alpha)) ** 2
    middle = (proportion + 0.5 * z2 / trials) / (1.0 + z2 / trials)
    spread = proportion * (1.0 - proportion) / trials + 0.25 * z2 / trials**2
    half = np.sqrt(z2 * spread) / (1.0 + z2 / trials)
    return np.clip(middle - half, 0.0, proportion), np.clip(middle + half, proportion, 1.0)


def calibration_figure(found: dict[str, Calibration], alpha: float) -> Figure:
    """A square with both kinds of probability, intervals of the observed proportions, and the diagonal."""
    figure = new_figure(SIDE_INCHES, width=SIDE_INCHES)
    axes = figure.add_subplot()
    axes.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=1.0)
    for which, each in found.items():
        colour, marker, words = STYLES[which]
        axes.vlines(each.fitted, each.lower, each.upper, color=colour, linewidth=1.2, alpha=0.7)
        axes.plot(
            each.fitted,
            each.observed,
            linestyle="none",
            marker=marker,
            markersize=7.0,
            markeredgecolor="white",
            color=colour,
            label=words,
        )
    low = min(min(each.fitted.min(), each.lower.min()) for each in found.values()) - MARGIN
    high = max(max(each.fitted.max(), each.upper.max()) for each in found.values()) + MARGIN
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.set_xlabel("fitted probability, mean of each bin")
    axes.set_ylabel(f"observed proportion, {percent(alpha)} interval")
    tidy(axes)
    axes.legend(loc="upper left", frameon=True, edgecolor="none")
    return figure


def calibration_sentence(found: dict[str, Calibration]) -> str:
    """Intercepts and slopes, and how far the proportions lie from the diagonal."""
    parts = []
    for which, each in found.items():
        off = float(np.abs(each.observed - each.fitted).max())
        slope = each.discrimination.calibration_slope
        parts.append(
            f"for {'a ' if which == 'typical' else 'the '}{STYLES[which][2]} intercept "
            f"{each.discrimination.calibration_intercept:.3f}, slope {'none' if slope is None else f'{slope:.3f}'}, "
            f"largest difference of a bin {off:.3f}"
        )
    return (
        f"Observed proportions against fitted probabilities in bins: {'; '.join(parts)}. Probabilities of a typical "
        "group lie farther from one half than proportions do, those of known groups nearer, even of the right model."
    )
