"""Do counts vary more than the model lets them? Pearson's chi-square against its own simulated law."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.simulate import draw_outcomes, draw_responses
from glmm_binomial.estimation.pearson import counts_of, refitted_chi_squares
from glmm_binomial.model.logistic import logistic
from glmm_binomial.observations.row_groups import RowGroups
from glmm_binomial.observations.simulation_options import SimulationOptions, fewest_simulations
from glmm_binomial.observations.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.estimation.pearson import Counts
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Observations

LEVEL: Final = 0.05
"""Share of data sets from the right model that are called overdispersed."""

FEWEST_DEGREES: Final = 1.0
"""Of freedom of the chi-square, below which it tells nothing."""

LEAST_EXPECTED: Final = 0.85
"""Mean of chi-squares of the model's own data over their degrees of freedom, below which their law is not known well
enough: where rows hold a few trials and groups a few rows, refitted SDs move it, which simulations here do not follow.
"""

SIMULATED_ROWS: Final = 10_000
"""Rows of counts behind the law of the chi-square, as far as the numbers of simulations below allow."""

FEWEST_SIMULATIONS: Final = 2
MOST_SIMULATIONS: Final = 100

MOST_TOTALS: Final = 2_000
"""Ways of combining the groups of different simulations; fewer with many groups, whose sum is nearly normal."""

CHECKED_ROWS: Final = 2_000_000
"""The same of a check, two seconds of work; never fewer simulations than its intervals need."""

ROWS_AT_ONCE: Final = 50_000

MOST_INDICATORS: Final = 5_000_000
"""Rows times levels of a grouping that crosses the groups, whose columns of 0 and 1 a simulation needs."""

SEED: Final = 20_261_127


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Pearson's chi-square over its degrees of freedom.

    Attributes
    ----------
    ratio : float
        Observed.
    expected : float
        Mean of the simulated ones.
    largest : float or None
        Which data from the model exceed in one case of twenty; None where that is not known well enough.
    """

    ratio: float
    expected: float
    largest: float | None

    @property
    def is_too_large(self) -> bool:
        """Whether the counts vary more than the model lets them."""
        return self.largest is not None and self.ratio > self.largest


def dispersion_of(observations: Observations, design: Design, fit: Fit) -> Dispersion | None:
    """Of counts; None when no row has more than one trial, or no degrees of freedom are left: nothing can be told.

    The outcomes are drawn anew at the estimates, from each group's effects given its data, and refitted by a step.
    Groups are independent, so that those of different simulations are combined to many more totals.
    """
    counts = _counts_that_tell(observations, design, fit)
    if counts is None:
        return None
    degrees = counts.degrees_of_freedom
    times = int(np.clip(SIMULATED_ROWS // len(counts.order), FEWEST_SIMULATIONS, MOST_SIMULATIONS))
    generator = np.random.Generator(np.random.PCG64(SEED))
    simulated = _simulated(counts, times, generator)
    totals = _recombined(simulated, generator)
    mean = simulated.sum(axis=1).mean()
    # S values of a group vary (S - 1) / S as much as their law, and their mean is uncertain itself
    spread = np.sqrt((times + 1.0) / (times - 1.0))
    largest = mean + spread * (np.quantile(totals, 1.0 - LEVEL) - mean)
    expected = float(mean / degrees)
    return Dispersion(
        ratio=counts.chi_square / degrees,
        expected=expected,
        largest=float(largest / degrees) if expected >= LEAST_EXPECTED else None,
    )


def _is_beyond_testing(observations: Observations) -> bool:
    """Whether groupings cross that are too large for the simulations."""
    crossed = observations.crossed
    return crossed is not None and len(observations.trials) * len(crossed.labels) > MOST_INDICATORS


def _counts_that_tell(observations: Observations, design: Design, fit: Fit) -> Counts | None:
    """Rows of counts with degrees of freedom left; None where there are none, or too many of crossed groups."""
    if observations.trials.max() <= 1.0 or _is_beyond_testing(observations):
        return None
    counts = counts_of(observations, design.scale, fit)
    return counts if counts.degrees_of_freedom >= FEWEST_DEGREES else None


def _simulated(counts: Counts, times: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Each group's part of the chi-square in so many simulations, (S, G)."""
    rows, found = counts.rows, counts.found
    noise = rows.shared(generator.standard_normal((times, *found.modes.shape)))
    effects = found.modes + np.einsum("gij,sgj->sgi", found.scales, noise)
    fixed = rows.fixed_part(counts.parameters.coefficients)
    predictor = fixed + (rows.random * effects[:, rows.grouping.index]).sum(axis=2)
    successes = generator.binomial(rows.trials.astype(np.int64), logistic(predictor).probability)
    return refitted_chi_squares(counts, successes.astype(np.float64), effects)


def _recombined(simulated: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Sums over the groups, each from a simulation of its own."""
    times, groups = simulated.shape
    count = int(np.clip(SIMULATED_ROWS * 20 // groups, 200, MOST_TOTALS))
    chosen = generator.integers(times, size=(count, groups))
    return np.asarray(simulated[chosen, np.arange(groups)].sum(axis=1))


def shown(found: Dispersion | None) -> Iterator[tuple[str, float]]:
    """Names and numbers of the rows in the table."""
    if found is not None:
        yield "dispersion", found.ratio
        yield "dispersion_expected", found.expected
        if found.largest is not None:
            yield "dispersion_limit", found.largest


def about_dispersion(found: Dispersion | None, observations: Observations) -> Iterator[str]:
    """The warning that belongs to it, or that it is not known."""
    if observations.trials.max() > 1.0 and _is_beyond_testing(observations):
        yield (
            "Whether the counts vary more than the model lets them is not tested with so many rows and groups that "
            "cross."
        )
    if found is not None and found.largest is not None and found.is_too_large:
        has_room = not observations.random_names and observations.above is None and observations.crossed is None
        # the name of other groups, or that of none, cannot be written there
        group = observations.group_name if observations.group_name.isidentifier() else "id"
        remedy = (
            f"An effect of each row accounts for it: in a formula (1 | {group}/row) in the place of (1 | {group}), "
            "with a column row that numbers the rows."
            if has_room
            else "An effect of each row would account for it, which is not fitted beside such random effects yet."
        )
        yield (
            "The counts vary more than the model lets them: Pearson's chi-square over its degrees of freedom is "
            f"{found.ratio:.3g}, where data from the model give {found.expected:.3g}, and in 95 % of cases at most "
            f"{found.largest:.3g}. Standard errors and p-values are too small. {remedy} As a rough guide multiply the "
            f"standard errors by {np.sqrt(found.ratio):.3g}, the root of that ratio."
        )


@dataclass(frozen=True, slots=True)
class DispersionCheck:
    """Pearson's chi-square over its degrees of freedom, observed and simulated.

    Attributes
    ----------
    observed, simulated_mean : float
    ci_lower, ci_upper : float
        Quantiles alpha / 2 and 1 - alpha / 2 of the simulated ones.
    inside : bool
        Whether the observed one lies between them, limits included.
    """

    observed: float
    simulated_mean: float
    ci_lower: float
    ci_upper: float
    inside: bool


def check_dispersion(model: GLMM, options: SimulationOptions) -> DispersionCheck | None:
    """Of counts, over the first simulations of `simulate`, each refitted by a step; None where nothing can be told."""
    alpha, rows = model.observations.options.alpha, len(model.observations.trials)
    counts = _counts_that_tell(model.observations, model.design, model.fit)
    if counts is None:
        return None
    times = min(options.n_sim, max(fewest_simulations(alpha), CHECKED_ROWS // rows))
    drawn = _outcomes(model, counts, SimulationOptions(n_sim=times, seed=options.seed))
    simulated: list[float] = []
    while batch := list(islice(drawn, max(ROWS_AT_ONCE // rows, 1))):
        successes = np.array(batch)
        start = np.broadcast_to(counts.found.modes, (len(batch), *counts.found.modes.shape))
        simulated += refitted_chi_squares(counts, successes, start).sum(axis=1).tolist()
    degrees = counts.degrees_of_freedom
    ratio, ratios = counts.chi_square / degrees, np.array(simulated) / degrees
    if ratios.mean() < LEAST_EXPECTED:
        return None
    lower, upper = np.quantile(ratios, [alpha / 2.0, 1.0 - alpha / 2.0]).tolist()
    return DispersionCheck(
        observed=ratio,
        simulated_mean=float(ratios.mean()),
        ci_lower=lower,
        ci_upper=upper,
        inside=lower <= ratio <= upper,
    )


def _outcomes(model: GLMM, counts: Counts, options: SimulationOptions) -> Iterator[NDArray[np.float64]]:
    """Those of `simulate`, in the order of the counts; where groupings cross, given the effects of the levels."""
    if model.observations.crossed is None:
        yield from (successes[counts.order] for successes in draw_responses(model, options))
        return
    rows, parameters = counts.rows, counts.parameters
    truth = Truth(
        predictor=rows.fixed_part(parameters.coefficients),
        x_random=rows.random[:, :0],
        effects_root=parameters.effects.root,
        groups=RowGroups(rows.grouping.index, tuple(range(rows.grouping.count))),
        trials=rows.trials,
        trials_given=True,
    )
    yield from draw_outcomes(truth, options)
