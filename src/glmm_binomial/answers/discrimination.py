"""How well fitted probabilities tell successes from failures, and whether they are right on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH: Final = 50.0
"""Logits beyond which expit is 0 or 1 for any number of trials."""

LARGEST_LOGIT: Final = 1e6

SETTLED: Final = 1e-6
"""Derivative for each trial, and SD of the logits, at which a slope is found to six digits."""


@dataclass(frozen=True, slots=True)
class Discrimination:
    """Of fitted probabilities of some rows.

    Attributes
    ----------
    auc : float
        Probability that a success has a higher one than a failure, ties counted by half.
    brier : float
        Mean squared difference of outcome and probability, over the trials.
    calibration_intercept : float
        a of logit P(y = 1) = a + logit p.
    calibration_slope : float or None
        b of logit P(y = 1) = a + b logit p; None where the logits are all the same, or tell every success from every
        failure.
    classified_right : float
        Share of the trials, when a probability of one half or more is taken for a success.
    """

    auc: float
    brier: float
    calibration_intercept: float
    calibration_slope: float | None
    classified_right: float


def discrimination(
    logits: NDArray[np.float64], successes: NDArray[np.float64], trials: NDArray[np.float64]
) -> Discrimination:
    """Hold fitted logits (N,) against successes out of trials (N,), of both kinds of outcome.

    Calibration as by Steyerberg (2009), Clinical Prediction Models, chapter 15: the intercept with the slope at one.
    """
    failures, total, p = trials - successes, float(trials.sum()), expit(logits)
    right = np.where(logits >= 0.0, successes, failures)
    return Discrimination(
        auc=_auc(logits, successes, failures),
        # 1 - p as expit(-logit) keeps its digits
        brier=float((successes @ expit(-logits) ** 2 + failures @ p**2) / total),
        calibration_intercept=_intercept(logits, successes, trials),
        calibration_slope=_slope(logits, successes, failures),
        classified_right=float(right.sum() / total),
    )


def _auc(logits: NDArray[np.float64], successes: NDArray[np.float64], failures: NDArray[np.float64]) -> float:
    """Mann and Whitney's statistic over its largest value."""
    distinct, place = np.unique(logits, return_inverse=True)
    won, lost = (np.bincount(place.ravel(), weights=each, minlength=len(distinct)) for each in (successes, failures))
    below = np.cumsum(lost) - 0.5 * lost
    return float(won @ below / (won.sum() * lost.sum()))


def _intercept(logits: NDArray[np.float64], successes: NDArray[np.float64], trials: NDArray[np.float64]) -> float:
    # beyond, the reach would be lost in rounding
    logits = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)

    def excess(intercept: float) -> float:
        return float(trials @ expit(intercept + logits) - successes.sum())

    found: float = brentq(excess, -float(logits.max()) - REACH, REACH - float(logits.min()), xtol=1e-12, maxiter=500)
    return found


def _slope(logits: NDArray[np.float64], successes: NDArray[np.float64], failures: NDArray[np.float64]) -> float | None:
    of_successes, of_failures = logits[successes > 0.0], logits[failures > 0.0]
    spread = float(np.std(logits))
    if (
        spread <= np.finfo(np.float64).eps * float(np.abs(logits).max())
        or of_successes.min() >= of_failures.max()
        or of_successes.max() <= of_failures.min()
    ):
        return None
    trials = successes + failures
    columns = np.column_stack([np.ones(len(logits)), (logits - logits.mean()) / spread])

    def loss(b: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        eta = columns @ b
        value = successes @ np.logaddexp(0.0, -eta) + failures @ np.logaddexp(0.0, eta)
        return float(value), columns.T @ (trials * expit(eta) - successes)

    def curvature(b: NDArray[np.float64]) -> NDArray[np.float64]:
        eta = columns @ b
        weights = trials * expit(eta) * expit(-eta)
        return np.asarray((columns * weights[:, None]).T @ columns)

    found = minimize(
        loss, np.zeros(2), jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-3 * SETTLED}
    )
    left = float(np.abs(found.jac).max()) / float(trials.sum())
    return float(found.x[1]) / spread if left < SETTLED else None
