"""Are the residuals those of a right model? Statistics whose law is that of data simulated from the model, refitted.

The residuals are quantiles, as those of GLMM_BINOMIAL_RESIDUALS, but given each group's own estimated effects:

    u_i = P(Y < y_i) + v_i P(Y = y_i),   Y ~ Binomial(n_i, p_i),   v_i uniform from 0 to 1,

p_i at the estimates and the conditional modes (Dunn & Smyth 1996, Journal of Computational and Graphical Statistics
5(3)). Rows of one trial that are equal in x and group count as one, since counts tell more than single outcomes.
Residuals of one group depend on each other, and what was fitted lies nearer to the data than the truth does, so that
no table holds for them: p is the rank of a statistic among those of data sets drawn from the model and refitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations_with_replacement
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import bdtr, ndtri
from scipy.stats import binom

from glmm_binomial.answers.simulate import generator_of
from glmm_binomial.estimation.crossed_refits import refitted_crossed_predictors
from glmm_binomial.estimation.pearson import user_rows
from glmm_binomial.estimation.refits import refitted_predictors
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.effects import Parameters
from glmm_binomial.model.logistic import logistic
from glmm_binomial.observations.simulation_options import MAXIMUM_SIMULATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.model.rows import Rows
    from glmm_binomial.observations.simulation_options import SimulationOptions

TESTED_ROWS: Final = 200_000
"""Rows of all data sets together, about a second's work, as far as the number of data sets below allows; by the square
of the number of random effects fewer, whose integrals take so much longer."""

FEWEST_SIMULATIONS: Final = 40
"""Which let p be as small as .025."""

AS_TWO_KINDS: Final = 8
"""Effects of one group whose grids take as long as those of two kinds of groups."""

MOST_ROWS: Final = 10_000
"""Different rows beyond which the tests would take too long, divided by the number of random effects."""

MOST_COLUMNS: Final = 15
"""Columns of x whose products are looked at, those of the largest standardised coefficients."""

SMALLEST: Final = 1e-15
"""Quantile below which rounding would make for infinite normal scores."""

ROUNDING: Final = 1e-9
"""Of a tail probability, within which two are the same."""

NEGLIGIBLE: Final = 1e-6
"""Share of a product that is left beside what the columns of x say of it, below which it says nothing new."""


@dataclass(frozen=True, slots=True)
class ResidualTest:
    """One statistic of the residuals, observed and simulated.

    Attributes
    ----------
    name : str
    statistic, simulated_mean : float
    p_value : float
        Rank of the observed statistic among all, from 1 / (S + 1) to 1.
    simulations : int
        S.
    note : str
        Which product it is, of the products; empty otherwise.
    """

    name: str
    statistic: float
    simulated_mean: float
    p_value: float
    simulations: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Products:
    """Products of columns of x, less what the columns say of them: columns (n, m), and how each is called."""

    columns: NDArray[np.float64]
    names: tuple[str, ...]


def residual_tests(model: GLMM, options: SimulationOptions) -> tuple[ResidualTest, ...]:
    """Uniformity, dispersion and outliers of the residuals, and what products of columns say of them.

    The first of the data sets is that of the user; each of the others has its own random numbers, determined by the
    seed and its number. None at all are tested where there are too many different rows.
    """
    if why_not_tested(model):
        return ()
    rows, parameters = _rows_that_tell(model)
    n, effects = len(rows.trials), _effects_to_wait_for(rows, parameters)
    times = min(options.n_sim, max(FEWEST_SIMULATIONS, TESTED_ROWS // (n * effects**2)))
    products = _products(rows, parameters, model.design.scale.fixed_names)
    outcomes = chain([rows.successes], (_drawn(rows, parameters, options.seed, j) for j in range(1, times + 1)))
    statistics: list[tuple[float, float, float]] = []
    scores: list[NDArray[np.float64]] = []
    refitted = refitted_predictors if rows.crossed is None else refitted_crossed_predictors
    for successes, predictors in refitted(rows, parameters, outcomes):
        for y, eta in zip(successes, predictors, strict=True):
            shares = _generator(options.seed, len(statistics)).random(n)
            statistics.append(_statistics(rows, y, eta, shares))
            scores.append(logistic(eta).residual(y, rows.trials) @ products.columns)
    return (*_of_quantiles(np.array(statistics)), *_of_products(np.array(scores), products.names))


def why_not_tested(model: GLMM) -> str:
    """Why there are no such tests of a model; "" where there are."""
    rows, parameters = _rows_that_tell(model)
    most = MOST_ROWS // _effects_to_wait_for(rows, parameters)
    return f"not made with more than {most:,} different rows" if len(rows.trials) > most else ""


def _effects_to_wait_for(rows: Rows, parameters: Parameters) -> int:
    # a grid for each node of another, and a search for the effects of the levels, take as long as that of many effects
    is_of_two = rows.upper is not None or rows.crossed is not None
    return AS_TWO_KINDS if is_of_two else max(parameters.effects.count, 1)


def _rows_that_tell(model: GLMM) -> tuple[Rows, Parameters]:
    """Counts as they are; single trials merged where rows are equal."""
    fit, rows = model.fit, model.design.rows
    if model.observations.trials.max() > 1.0:
        rows = user_rows(model.observations, model.design.scale)[0]
    levels_alone = rows.crossed is not None and fit.active.tolist() == [False, True]
    rows = rows.by_levels() if levels_alone else rows.with_effects(fit.active)
    return rows, Parameters(coefficients=fit.coefficients, effects=fit.active_effects)


def _generator(seed: int, data_set: int) -> np.random.Generator:
    """Children of the seed that no simulation of `simulate` has."""
    return generator_of(seed, MAXIMUM_SIMULATIONS + data_set)


def _drawn(rows: Rows, parameters: Parameters, seed: int, data_set: int) -> NDArray[np.float64]:
    stop_if_requested()
    # the shares of the residuals come first from this generator
    generator = _generator(seed, data_set)
    generator.random(len(rows.trials))
    if rows.crossed is None:
        normal = rows.shared(generator.standard_normal((rows.grouping.count, parameters.effects.count)))
        effects = rows.grouping.by_row(normal @ parameters.effects.root.T)
    else:
        of_groups, of_levels = (generator.standard_normal(each) for each in (rows.grouping.count, rows.crossed.count))
        effects = np.column_stack([of_groups[rows.grouping.index], of_levels[rows.crossed.index]])
        effects *= parameters.effects.sds
    predictor = rows.fixed_part(parameters.coefficients) + (rows.random * effects).sum(axis=1)
    probability = logistic(predictor).probability
    return generator.binomial(rows.trials.astype(np.int64), probability).astype(np.float64)


def _statistics(
    rows: Rows, successes: NDArray[np.float64], eta: NDArray[np.float64], shares: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Distance from uniform, mean square of the normal scores, and probability of so extreme an outcome."""
    trials, probability, opposite = rows.trials.astype(np.int64), logistic(eta).probability, logistic(-eta).probability
    up_to = bdtr(successes, trials, probability)
    from_there = bdtr(rows.trials - successes, trials, opposite)
    below = np.where(successes > 0.0, bdtr(np.maximum(successes - 1.0, 0.0), trials, probability), 0.0)
    quantiles = below + shares * (up_to - below)
    ordered, steps = np.sort(quantiles), np.arange(len(quantiles) + 1) / len(quantiles)
    distance = max(float((steps[1:] - ordered).max()), float((ordered - steps[:-1]).max()))
    scores = ndtri(np.maximum(np.minimum(quantiles, 1.0 - quantiles), SMALLEST))
    # up to rounding
    smallest = min(float(np.minimum(up_to, from_there).min()) * (1.0 + ROUNDING), 1.0)
    as_extreme = _share_below(smallest, trials, probability) + _share_below(smallest, trials, opposite)
    return (
        distance,
        float((scores**2).mean()),
        -float(np.expm1(np.log1p(-np.minimum(as_extreme, 1.0 - SMALLEST)).sum())),
    )


def _share_below(tail: float, trials: NDArray[np.int64], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(P(Y <= y) <= tail) of counts Y of successes."""
    least = np.maximum(binom.ppf(tail, trials, probability), 0.0)
    share = bdtr(least, trials, probability)
    before = np.where(least > 0.0, bdtr(np.maximum(least - 1.0, 0.0), trials, probability), 0.0)
    return np.where(share <= tail, share, before)


def _of_quantiles(statistics: NDArray[np.float64]) -> Iterator[ResidualTest]:
    distance, dispersion, extreme = statistics.T
    yield _tested("uniformity", distance, _upper(distance))
    both = min(1.0, 2.0 * min(_upper(dispersion), _upper(-dispersion)))
    yield _tested("dispersion", dispersion, both)
    yield _tested("outliers", extreme, _upper(-extreme))


def _of_products(scores: NDArray[np.float64], names: tuple[str, ...]) -> Iterator[ResidualTest]:
    """The largest association of residuals with a product, in standard deviations of the simulated ones."""
    spread = scores[1:].std(axis=0)
    kept = np.flatnonzero(spread > 0.0)
    if not len(kept):
        return
    z = np.abs(scores[:, kept] - scores[1:, kept].mean(axis=0)) / spread[kept]
    largest = z.max(axis=1)
    name = names[int(kept[z[0].argmax()])]
    yield _tested("products", largest, _upper(largest), note=name)


def _tested(name: str, values: NDArray[np.float64], p_value: float, *, note: str = "") -> ResidualTest:
    return ResidualTest(
        name=name,
        statistic=float(values[0]),
        simulated_mean=float(values[1:].mean()),
        p_value=p_value,
        simulations=len(values) - 1,
        note=note,
    )


def _upper(values: NDArray[np.float64]) -> float:
    """Share of all values (S + 1,) that are as large as the first."""
    return float((values >= values[0]).mean())


def _products(rows: Rows, parameters: Parameters, names: tuple[str, ...]) -> _Products:
    """Products and squares of columns of x, weighted residuals of a regression on all of them."""
    weights = rows.trials * logistic(rows.fixed_part(parameters.coefficients)).variance
    root = np.sqrt(weights / weights.max())[:, None]
    span = np.linalg.qr(rows.fixed * root)[0]
    varies = np.flatnonzero(np.ptp(rows.fixed, axis=0) > 0.0)
    chosen = np.sort(varies[np.argsort(-np.abs(parameters.coefficients[varies]), kind="stable")[:MOST_COLUMNS]])
    columns, called = [], []
    for first, second in combinations_with_replacement(chosen.tolist(), 2):
        stop_if_requested()
        product = (rows.fixed[:, first] * rows.fixed[:, second])[:, None] * root
        left = product - span @ (span.T @ product)
        if np.linalg.norm(left) > NEGLIGIBLE * np.linalg.norm(product):
            columns.append((left / root)[:, 0])
            called.append(f"{names[first]} squared" if first == second else f"{names[first]} times {names[second]}")
    return _Products(columns=np.array(columns).T.reshape(len(rows.trials), len(columns)), names=tuple(called))
