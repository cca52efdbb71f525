"""Does the model reproduce the observed proportions? Observed against simulated, pattern by pattern."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from glmm_binomial.answers.bins import bins_of
from glmm_binomial.answers.overdispersion import check_dispersion
from glmm_binomial.answers.residual_tests import residual_tests, why_not_tested
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.simulate import draw_responses, typical_logits
from glmm_binomial.estimation.pearson import counts_of
from glmm_binomial.observations.simulation_options import read_simulation_options, require_enough_simulations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.answers.overdispersion import DispersionCheck
    from glmm_binomial.answers.residual_tests import ResidualTest
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.observations.simulation_options import SimulationOptions

DEFAULT_SIMULATIONS: Final = 200
MOST_RESPONSES: Final = 100_000_000
"""Simulated responses behind one check, a few seconds of work."""

MOST_PATTERNS: Final = 30
"""Distinct rows of x up to which each has a row of its own; beyond, ten bins of fitted probability."""

BINS: Final = 10
QUARTILES_HEADER: Final = ("pearson_residuals", "minimum", "quartile_1", "median", "quartile_3", "maximum")
TESTS_HEADER: Final = ("residual_tests", "statistic", "simulated_mean", "p_value", "simulations", "note")

BIN_FORMATS: Final = (*(f".{digits}f" for digits in range(3, 7)), *(f".{digits}g" for digits in range(3, 18)))
"""For the limits of bins, until all differ; seventeen significant digits tell any two numbers apart."""


@dataclass(frozen=True, slots=True)
class Check(Tabular):
    """Observed and simulated proportions of successes in P patterns, over S simulations.

    Attributes
    ----------
    names : tuple of str
        What describes a pattern: the names of the columns of x, or "bin" alone.
    patterns : tuple of P tuples
        The values of the columns of x, the last column sorted first, so that the first varies fastest; or the range of
        fitted probabilities (random effects at zero) of a bin, in increasing order.
    observations : (P,) integer array
        Rows of data.
    trials : (P,) integer array or None
        Their trials, when y holds successes.
    observed : (P,) array
        Proportion of successes.
    simulated : (S, P) array
        Proportion of successes in each simulation.
    simulated_mean, ci_lower, ci_upper : (P,) arrays
        Mean over the simulations, and their quantiles alpha / 2 and 1 - alpha / 2.
    inside : (P,) boolean array
        Whether the observed proportion lies between these quantiles, limits included.
    dispersion : DispersionCheck or None
        Of Pearson's chi-square over its degrees of freedom, when there are counts.
    quartiles : (5,) array
        Of Pearson's residuals, see `Counts.quartiles`.
    tests : tuple of ResidualTest
        Empty where there are none.
    alpha : float
    seed : int
    untested : str
        Why there are none; "" where there are, or nobody asked.
    """

    names: tuple[str, ...]
    patterns: tuple[tuple[float | str, ...], ...]
    observations: NDArray[np.intp]
    trials: NDArray[np.intp] | None
    observed: NDArray[np.float64]
    simulated: NDArray[np.float64]
    simulated_mean: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    inside: NDArray[np.bool_]
    dispersion: DispersionCheck | None
    quartiles: NDArray[np.float64]
    tests: tuple[ResidualTest, ...]
    alpha: float
    seed: int
    untested: str = ""

    def rows(self) -> list[Sequence[object]]:
        """Rows of cells: a header, one row per pattern and one of the dispersion of counts; then the residuals' own."""
        trials = [] if self.trials is None else [("trials", self.trials.astype(float))]
        columns = [
            ("observations", self.observations.astype(float)),
            *trials,
            ("observed", self.observed),
            ("simulated_mean", self.simulated_mean),
            ("ci_lower", self.ci_lower),
            ("ci_upper", self.ci_upper),
            ("inside", self.inside),
        ]
        names, patterns = self.names, self.patterns
        if not names and self.dispersion is not None:
            names, patterns = ("pattern",), (("all rows",),)
        numbers = zip(*(values.tolist() for _, values in columns), strict=True)
        return [
            [*names, *(name for name, _ in columns)],
            *([*pattern, *cells] for pattern, cells in zip(patterns, numbers, strict=True)),
            *self._dispersion_rows(len(names)),
            QUARTILES_HEADER,
            [None, *self.quartiles.tolist()],
            *self._test_rows(),
        ]

    def _dispersion_rows(self, width: int) -> Iterator[Sequence[object]]:
        found = self.dispersion
        if found is not None:
            counted = [self.observations.sum(), *([] if self.trials is None else [self.trials.sum()])]
            numbers = [found.observed, found.simulated_mean, found.ci_lower, found.ci_upper, found.inside]
            yield ["chi-square / df", *(None,) * (width - 1), *counted, *numbers]

    def _test_rows(self) -> Iterator[Sequence[object]]:
        if self.tests:
            yield TESTS_HEADER
        elif self.untested:
            yield (TESTS_HEADER[0], self.untested)
        for each in self.tests:
            yield [each.name, each.statistic, each.simulated_mean, each.p_value, each.simulations, each.note or None]


def check(model: GLMM, *, n_sim: object = None, seed: object = None) -> Check:
    """Compare observed proportions with those simulated from the model, for each distinct row of x.

    The simulations are those of `simulate` with the same seed: new random effects, coefficients and SDs at their
    estimates. A model that describes the data puts about 1 - alpha of the observed proportions inside; observations in
    a pattern were also used to fit it, so somewhat more are to be expected. Of counts, Pearson's chi-square over its
    degrees of freedom is compared too: it tells whether rows vary more than the model lets them. The residuals are
    tested as described in `residual_tests`.

    Parameters
    ----------
    model : GLMM
        Its alpha is the intervals' as well.
    n_sim : whole number, optional
        Number of simulations, from 2 / alpha to 10,000; 200 unless given.
    seed : whole number, optional
        0 or more; 1 unless given.

    Raises
    ------
    InvalidInputError
        When n_sim or seed cannot be used.
    """
    options = read_check_options(model, n_sim, seed)
    tests, untested = residual_tests(model, options), why_not_tested(model)
    return replace(check_proportions(model, options), tests=tests, untested=untested)


def read_check_options(model: GLMM, n_sim: object, seed: object) -> SimulationOptions:
    """Check the options of a check.

    Raises
    ------
    InvalidInputError
    """
    rows = len(model.observations.trials)
    options = read_simulation_options(n_sim, seed, default=DEFAULT_SIMULATIONS, rows=rows, most_values=MOST_RESPONSES)
    require_enough_simulations(options.n_sim, model.observations.options.alpha)
    return options


def check_proportions(model: GLMM, options: SimulationOptions) -> Check:
    """The check without tests of the residuals."""
    observations, alpha = model.observations, model.observations.options.alpha
    division = _divide(model)
    size = len(division.patterns)
    trials = np.bincount(division.index, weights=observations.trials, minlength=size)
    successes = np.bincount(division.index, weights=observations.successes, minlength=size)
    simulated = np.array(
        [np.bincount(division.index, weights=drawn, minlength=size) for drawn in draw_responses(model, options)]
    )
    # limits are compared as counts: whole numbers, so that a tie is one
    lower, upper = np.quantile(simulated, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
    return Check(
        names=division.names,
        patterns=division.patterns,
        observations=np.bincount(division.index, minlength=size),
        trials=trials.astype(np.intp) if observations.trials_given else None,
        observed=successes / trials,
        simulated=simulated / trials,
        simulated_mean=simulated.mean(axis=0) / trials,
        ci_lower=lower / trials,
        ci_upper=upper / trials,
        inside=(lower <= successes) & (successes <= upper),
        dispersion=check_dispersion(model, options),
        quartiles=counts_of(observations, model.design.scale, model.fit).quartiles,
        tests=(),
        alpha=alpha,
        seed=options.seed,
    )


@dataclass(frozen=True, slots=True)
class _Division:
    """The user's rows divided into patterns: the pattern (N,) of each row, and what describes the patterns."""

    index: NDArray[np.intp]
    names: tuple[str, ...]
    patterns: tuple[tuple[float | str, ...], ...]


def _divide(model: GLMM) -> _Division:
    x = model.observations.x
    if not x.shape[1]:
        return _Division(index=np.zeros(len(x), dtype=np.intp), names=(), patterns=((),))
    order = np.lexsort(x.T)
    is_new = np.r_[True, (x[order][1:] != x[order][:-1]).any(axis=1)]
    index = np.empty(len(x), dtype=np.intp)
    index[order] = np.cumsum(is_new) - 1
    distinct = x[order][is_new]
    if len(distinct) <= MOST_PATTERNS:
        patterns = tuple(tuple(row) for row in distinct.tolist())
        return _Division(index=index, names=model.observations.x_names, patterns=patterns)
    return _bins(expit(typical_logits(model)))


def _bins(fitted: NDArray[np.float64]) -> _Division:
    """Ten bins of about equal numbers of rows; fewer when rows share fitted probabilities."""
    index = bins_of(fitted, BINS)
    ends = [(fitted[index == place].min(), fitted[index == place].max()) for place in range(index.max() + 1)]
    for form in BIN_FORMATS:
        labels = {f"{low:{form}} to {high:{form}}": None for low, high in ends}
        if len(labels) == len(ends):
            break
    return _Division(index=index, names=("bin",), patterns=tuple((label,) for label in labels))
