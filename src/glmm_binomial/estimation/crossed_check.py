"""How far Laplace's approximation over the levels of a crossed grouping is off, by importance sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import gammaln, ndtri
from scipy.stats import chi2, qmc

from glmm_binomial.estimation.conditional_modes import mode_response
from glmm_binomial.estimation.log_posterior import NODE_LADDER
from glmm_binomial.estimation.many_points import Centre, log_integrals, make_part, slopes_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.crossed_integral import CrossedState
    from glmm_binomial.model.rows import Rows

MOST_DRAWS: Final = 2048
FEWEST_DRAWS: Final = 64
ROWS_AND_DRAWS: Final = 2_000_000
"""Rows times draws from which on fewer draws are taken: so many data make the law of the levels' effects normal."""

FEWEST_DEGREES: Final = 5
"""Of the t distribution that is drawn from, whose tails are to be heavier than those of what it stands for: a level
with successes only has a skewed law. As many degrees as effects keep five sixths of the draws effective."""

TOLERANCE: Final = 1e-4
"""Error of the quadrature over the groups, which is far below that of the draws."""

LEAST_SHARE: Final = 0.1
"""Effective share of the draws below which they say nothing."""

REPLICATES: Final = 8
"""Scrambled sequences that the draws are made of: their spread is the error of a mean over all."""

EDGE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class LaplaceCheck:
    """What importance sampling says of Laplace's approximation, at the estimates.

    Attributes
    ----------
    share : float
        Effective share of the draws.
    log_likelihood_error : float or None
        By how much log L may be off: the difference, and two standard errors of it. None where the share is too small.
    estimates_error : float or None
        By how much one Newton step of the score that was sampled may move an estimate, at most, in standard errors:
        the step, and two standard errors of it. None where the share is too small.
    """

    share: float
    log_likelihood_error: float | None
    estimates_error: float | None


def check_laplace(rows: Rows, state: CrossedState, covariance: NDArray[np.float64]) -> LaplaceCheck:
    """Replace Laplace's approximation by a sum over draws of a from a t distribution about its peak.

    Parameters
    ----------
    rows : Rows
        Of crossed groupings.
    state : CrossedState
        At the estimates.
    covariance : (k + 2, k + 2) array
        Of these.
    """
    q = rows.crossing.count
    affordable = max(ROWS_AND_DRAWS // len(rows.trials), FEWEST_DRAWS)
    # a power of two, as Sobol's sequence asks
    count = min(MOST_DRAWS, 1 << (affordable.bit_length() - 1))
    sequences = [qmc.Sobol(q + 1, seed=seed).random(count // REPLICATES) for seed in range(REPLICATES)]
    uniform = np.concatenate(sequences).clip(EDGE, 1.0 - EDGE)
    degrees = max(q, FEWEST_DEGREES)
    z = ndtri(uniform[:, :q]) * np.sqrt(degrees / chi2.isf(uniform[:, q:], degrees))
    root = np.linalg.inv(np.linalg.cholesky(state.peak.precision))
    a = state.peak.levels + z @ root
    values, scores = _at_draws(rows, state, a)
    of_levels = float(np.exp(-2.0 * state.point[-1]))
    squares = of_levels * (a**2).sum(axis=1)
    log_proposal = gammaln(0.5 * (degrees + q)) - gammaln(0.5 * degrees) - 0.5 * q * np.log(0.5 * degrees)
    log_proposal = log_proposal - 0.5 * (degrees + q) * np.log1p((z**2).sum(axis=1) / degrees)
    log_ratio = values - 0.5 * squares - q * state.point[-1] - log_proposal
    log_ratio += float(np.log(np.diag(root)).sum())
    top = log_ratio.max()
    ratio = np.exp(log_ratio - top)
    share = float(ratio.sum() ** 2 / (ratio**2).sum() / count)
    if share < LEAST_SHARE:
        return LaplaceCheck(share=share, log_likelihood_error=None, estimates_error=None)
    sampled = float(np.log(ratio.mean()) + top)
    standard_error = float(np.sqrt((1.0 / share - 1.0) / count))
    steps = np.column_stack([scores, squares - q]) @ covariance / np.sqrt(np.diag(covariance))
    step = ratio @ steps / ratio.sum()
    off = (ratio[:, None] * (steps - step)).reshape(REPLICATES, -1, len(covariance)).mean(axis=1) / ratio.mean()
    noise = np.sqrt((off**2).sum(axis=0) / (REPLICATES * (REPLICATES - 1)))
    return LaplaceCheck(
        share=share,
        log_likelihood_error=abs(sampled - state.value) + 2.0 * standard_error,
        estimates_error=float((np.abs(step) + 2.0 * noise).max()),
    )


def _at_draws(
    rows: Rows, state: CrossedState, draws: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """L at draws (D, q) of a, (D,), and its derivatives by b and log sd_u, (D, k + 1)."""
    wide, at = rows.with_levels(), state.peak.state
    k, ones = rows.fixed.shape[1], np.ones(rows.grouping.count)
    centre = Centre(at.parameters, at.found.modes, mode_response(wide, at.parameters, at.found).derivatives)
    for nodes in NODE_LADDER[1]:
        part = make_part(wide, np.arange(rows.grouping.count), nodes)
        value = float(log_integrals(part, at.parameters.vector[None], centre).sum())
        if abs(value - at.value) <= TOLERANCE:
            break
    points = np.tile(at.parameters.vector, (len(draws), 1))
    points[:, k:-1] = draws
    found = slopes_at(part, points, centre, ones)
    return found.values, found.gradients[:, [*range(k), -1]]
