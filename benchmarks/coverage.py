"""How often nominal 95 % intervals hold the truth: `python -m benchmarks.coverage`.

Data sets are those of a cluster-randomised trial: an intercept, a binary treatment of whole groups, and a normal
covariate that varies within groups. "mean-field" is the negative control. A data set on which a method gives an error
counts as an error, not as a miss; the table says how many there were.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.markdown import markdown_table
from benchmarks.simulation import simulate_trial
from glmm_binomial import FitError, InvalidInputError, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHODS = ("vb", "ml", "mean-field")
TERMS = ("intercept", "group-level", "within-group")
TRUTH = (-0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Setting:
    """The shape of a data set and the SD of its random intercept."""

    groups: int
    size: int
    sd: float

    def __str__(self) -> str:
        """As the tables show it."""
        return f"{self.groups} x {self.size}, SD {self.sd:g}"


SETTINGS = (Setting(15, 10, 1.0), Setting(30, 20, 1.0), Setting(100, 5, 1.0), Setting(200, 4, 2.0))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method made of one data set.

    Attributes
    ----------
    error : str or None
    covered : (3,) boolean array or None
        Whether each term's interval holds the truth; None after an error.
    lengths : (3,) array or None
        Of the intervals.
    warnings : int
    sd_at_zero : bool
    """

    error: str | None = None
    covered: NDArray[np.bool_] | None = None
    lengths: NDArray[np.float64] | None = None
    warnings: int = 0
    sd_at_zero: bool = False


def outcomes_of(setting: Setting, seed: np.random.SeedSequence) -> tuple[Outcome, ...]:
    """Simulate one data set and fit it by every method."""
    data = simulate_trial(
        np.random.default_rng(seed), groups=setting.groups, size=setting.size, sd=setting.sd, coefficients=TRUTH
    )
    return tuple(_outcome(partial(fit, data.y, data.x, data.groups, method=method)) for method in METHODS)


def _outcome(run: partial) -> Outcome:
    try:
        found = run()
    except (FitError, InvalidInputError) as problem:
        return Outcome(error=str(problem))
    truth = np.array(TRUTH)
    return Outcome(
        covered=(found.ci_lower <= truth) & (truth <= found.ci_upper),
        lengths=found.ci_upper - found.ci_lower,
        warnings=len(found.notices),
        sd_at_zero=bool(found.std_devs[0] == 0.0),
    )


def coverage_rows(setting: Setting, outcomes: list[tuple[Outcome, ...]]) -> list[list[str]]:
    """One row per method: coverage with its Monte-Carlo standard error, and what else happened."""
    rows = []
    for position, method in enumerate(METHODS):
        own = [each[position] for each in outcomes]
        covered = np.array([outcome.covered for outcome in own if outcome.covered is not None]).reshape(-1, len(TERMS))
        rows.append(
            [
                f"{setting}: {method}",
                *(_percent(covered[:, term]) for term in range(len(TERMS))),
                str(sum(outcome.error is not None for outcome in own)),
                str(sum(outcome.sd_at_zero for outcome in own)),
                str(sum(outcome.warnings > 0 for outcome in own)),
            ]
        )
    return rows


def _percent(covered: NDArray[np.bool_]) -> str:
    if not len(covered):
        return "-"
    share = covered.mean()
    return f"{100 * share:.1f} ± {100 * np.sqrt(share * (1 - share) / len(covered)):.1f}"


def comparison_rows(setting: Setting, outcomes: list[tuple[Outcome, ...]]) -> list[list[str]]:
    """Coverage of each method less that of "ml" on the data sets on which both gave an answer, and relative lengths."""
    rows = []
    exact = METHODS.index("ml")
    for position, method in enumerate(METHODS):
        pairs = [(each[position], each[exact]) for each in outcomes]
        pairs = [(own, other) for own, other in pairs if own.error is None and other.error is None]
        if position == exact or not pairs:
            continue
        gain = np.array([own.covered.astype(float) - other.covered for own, other in pairs])
        ratio = np.median([own.lengths / other.lengths for own, other in pairs], axis=0)
        error = gain.std(axis=0, ddof=1) / np.sqrt(len(gain))
        cells = [
            f"{100 * gain[:, term].mean():+.1f} ± {100 * error[term]:.1f} ({ratio[term]:.2f})"
            for term in range(len(TERMS))
        ]
        rows.append([f"{setting}: {method}", *cells, str(len(pairs))])
    return rows


def error_lines(setting: Setting, outcomes: list[tuple[Outcome, ...]]) -> list[str]:
    """How often each method gave which error."""
    counted = Counter(
        (method, outcome.error)
        for each in outcomes
        for method, outcome in zip(METHODS, each, strict=True)
        if outcome.error is not None
    )
    return [f"- {setting}, {method}, {count} time(s): {text}" for (method, text), count in counted.items()]


def run(*, datasets: int, workers: int, seed: int) -> str:
    """Simulate and fit all settings; the same numbers for the same seed, whatever the number of workers."""
    # each worker is one process on one core; threads inside BLAS would only get in each other's way
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    coverage: list[list[str]] = []
    comparison: list[list[str]] = []
    errors: list[str] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for setting, branch in zip(SETTINGS, np.random.SeedSequence(seed).spawn(len(SETTINGS)), strict=True):
            outcomes = list(pool.map(partial(outcomes_of, setting), branch.spawn(datasets), chunksize=10))
            coverage += coverage_rows(setting, outcomes)
            comparison += comparison_rows(setting, outcomes)
            errors += error_lines(setting, outcomes)
    expected_error = 100 * np.sqrt(0.95 * 0.05 / datasets)
    about = (
        f"Coverage in % of nominal 95 % Wald intervals, {datasets} data sets each, seed {seed}; ± is the Monte-Carlo "
        f"standard error ({expected_error:.1f} at 95 %)."
    )
    about_comparison = (
        "Points of coverage more than ml on the same data sets, ± the standard error of the difference; in brackets "
        "the median length of the intervals relative to ml's."
    )
    return "\n".join(
        [
            about,
            f"Truth: {', '.join(f'{term} {value:g}' for term, value in zip(TERMS, TRUTH, strict=True))}.",
            "",
            markdown_table(["groups x size", *TERMS, "errors", "SD at 0", "with a warning"], coverage),
            "",
            about_comparison,
            "",
            markdown_table(["groups x size", *TERMS, "data sets"], comparison),
            "",
            *(errors or ["No method gave an error."]),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--datasets", type=int, default=500, help="data sets for each setting")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=20_250_101)
    arguments = parser.parse_args()
    print(run(datasets=arguments.datasets, workers=arguments.workers, seed=arguments.seed))


if __name__ == "__main__":
    main()
