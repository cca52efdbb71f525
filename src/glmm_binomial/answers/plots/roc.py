"""How well the fitted probabilities tell successes from failures: sensitivity against false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import logit

from glmm_binomial.answers.discrimination import discrimination
from glmm_binomial.answers.fitted import Fitted, fitted_logits
from glmm_binomial.answers.plots.picture import BLUE, GREY, VERMILION, Plot, new_figure, tidy
from glmm_binomial.observations.cells import reject

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM

SIDE_INCHES: Final = 5.5
LINES: Final = {"typical": (BLUE, "--", "typical group"), "known": (VERMILION, "-", "known groups")}


@dataclass(frozen=True, slots=True)
class Curve:
    """The receiver operating characteristic of fitted probabilities with m distinct values.

    Attributes
    ----------
    false_alarms, sensitivity : (m + 1,) arrays
        Shares of the failures and of the successes at or above each value, the largest first, after (0, 0).
    auc : float
        The area under it.
    at_half : pair of float
        False alarms and sensitivity where a probability of one half or more is taken for a success.
    """

    false_alarms: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    auc: float
    at_half: tuple[float, float]


def roc(model: GLMM) -> Plot:
    """Draw the curves of a typical group and of the known groups over the rows of the fit.

    Raises
    ------
    InvalidInputError
        When all outcomes are the same.
    """
    fitted = fitted_logits(model)
    if not 0.0 < fitted.successes.sum() < fitted.trials.sum():
        reject('kind must be another than "roc": all outcomes are the same, so that there is nothing to tell apart.')
    curves = {"typical": curve(fitted.typical, fitted), "known": curve(fitted.known, fitted)}
    return Plot(figure=roc_figure(curves), sentence=roc_sentence(curves))


def curve(logits: NDArray[np.float64], fitted: Fitted) -> Curve:
    """The curve of logits (N,) of the rows."""
    distinct, place = np.unique(-logits, return_inverse=True)
    failures = fitted.trials - fitted.successes
    won, lost = (
        np.r_[0.0, np.cumsum(np.bincount(place.ravel(), weights=each, minlength=len(distinct))) / each.sum()]
        for each in (fitted.successes, failures)
    )
    at = int((distinct <= -logit(0.5)).sum())
    return Curve(
        false_alarms=lost,
        sensitivity=won,
        auc=discrimination(logits, fitted.successes, fitted.trials).auc,
        at_half=(float(lost[at]), float(won[at])),
    )


def roc_figure(curves: dict[str, Curve]) -> Figure:
    """A square with both curves, a dot where the threshold is one half, and the diagonal of chance."""
    figure = new_figure(SIDE_INCHES, width=SIDE_INCHES)
    axes = figure.add_subplot()
    axes.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=1.0)
    for which, found in curves.items():
        colour, style, words = LINES[which]
        axes.plot(found.false_alarms, found.sensitivity, style, color=colour, label=f"{words}, area {found.auc:.3f}")
        axes.plot(*found.at_half, "o", color=colour, markeredgecolor="white", markersize=8.0, clip_on=False)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_aspect("equal")
    axes.set_xlabel("failures taken for successes (1 - specificity)")
    axes.set_ylabel("successes found (sensitivity)")
    tidy(axes)
    axes.legend(loc="lower right", frameon=True, edgecolor="none", title="dots: threshold one half")
    return figure


def roc_sentence(curves: dict[str, Curve]) -> str:
    """The areas, and what a threshold of one half finds."""
    typical, known = curves["typical"], curves["known"]
    false_alarms, sensitivity = known.at_half
    return (
        f"Area under the ROC curve: {typical.auc:.3f} with probabilities of a typical group, {known.auc:.3f} with "
        "those of the known groups. When a probability of one half or more for a known group is taken for a success, "
        f"{100.0 * sensitivity:.1f} % of the successes are found and {100.0 * (1.0 - false_alarms):.1f} % of the "
        "failures. The rows are those of the fit; new ones are told apart less well."
    )
