"""How often nominal 95 % intervals hold the truth: `python -m benchmarks.coverage`.

Data sets are those of a cluster-randomised trial: an intercept, a binary treatment of whole groups, and a normal
covariate that varies within groups. Maximum likelihood has two rows: its intervals by z, as the table shows them, and
by Student's t where differences between groups decide. "mean-field" is the negative control. A data set on which a
method gives an error counts as an error, not as a miss; the table says how many there were.
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

    from glmm_binomial.answers.estimates import Estimates

METHODS = {"vb": "vb", "ml z": "ml", "ml t": "ml", "mean-field": "mean-field"}
"""Kinds of intervals, and the method of each."""

REFERENCE = "ml z"
"""With which the others are compared."""

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


SETTINGS = (
    *(Setting(groups, 10, sd) for groups in (8, 10, 15, 30, 100, 200) for sd in (0.5, 1.0, 2.0)),
    Setting(30, 20, 1.0),
    Setting(100, 5, 1.0),
    Setting(200, 4, 2.0),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kind of interval made of one data set.

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


def outcomes_of(setting: Setting, kinds: tuple[str, ...], seed: np.random.SeedSequence) -> tuple[Outcome, ...]:
    """Simulate one data set, and look at it by every kind of interval."""
    data = simulate_trial(
        np.random.default_rng(seed), groups=setting.groups, size=setting.size, sd=setting.sd, coefficients=TRUTH
    )
    fits = {}
    for method in {METHODS[kind] for kind in kinds}:
        try:
            fits[method] = fit(data.y, data.x, data.groups, method=method)
        except (FitError, InvalidInputError) as problem:
            fits[method] = str(problem)
    return tuple(_outcome(fits[METHODS[kind]], by_t=kind.endswith(" t")) for kind in kinds)


def _outcome(found: Estimates | str, *, by_t: bool) -> Outcome:
    if isinstance(found, str):
        return Outcome(error=found)
    truth = np.array(TRUTH)
    lower, upper = found.ci_lower.copy(), found.ci_upper.copy()
    for test in found.t_tests if by_t else ():
        lower[test.position], upper[test.position] = test.ci_lower, test.ci_upper
    return Outcome(
        covered=(lower <= truth) & (truth <= upper),
        lengths=upper - lower,
        warnings=len(found.notices),
        sd_at_zero=bool(found.std_devs[0] == 0.0),
    )


def coverage_rows(setting: Setting, kinds: tuple[str, ...], outcomes: list[tuple[Outcome, ...]]) -> list[list[str]]:
    """One row per kind of interval: coverage with its Monte-Carlo standard error, and what else happened."""
    rows = []
    for position, kind in enumerate(kinds):
        own = [each[position] for each in outcomes]
        covered = np.array([outcome.covered for outcome in own if outcome.covered is not None]).reshape(-1, len(TERMS))
        rows.append(
            [
                f"{setting}: {kind}",
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


def comparison_rows(setting: Setting, kinds: tuple[str, ...], outcomes: list[tuple[Outcome, ...]]) -> list[list[str]]:
    """Coverage less that of the reference on the data sets on which both gave an answer, and relative lengths."""
    if REFERENCE not in kinds:
        return []
    rows = []
    for position, kind in enumerate(kinds):
        pairs = [(each[position], each[kinds.index(REFERENCE)]) for each in outcomes]
        pairs = [(own, other) for own, other in pairs if own.error is None and other.error is None]
        if kind == REFERENCE or not pairs:
            continue
        gain = np.array([own.covered.astype(float) - other.covered for own, other in pairs])
        ratio = np.median([own.lengths / other.lengths for own, other in pairs], axis=0)
        error = gain.std(axis=0, ddof=1) / np.sqrt(len(gain))
        cells = [
            f"{100 * gain[:, term].mean():+.1f} ± {100 * error[term]:.1f} ({ratio[term]:.2f})"
            for term in range(len(TERMS))
        ]
        rows.append([f"{setting}: {kind}", *cells, str(len(pairs))])
    return rows


def overview_rows(setting: Setting, outcomes: list[tuple[Outcome, ...]]) -> list[list[str]]:
    """One row: for each term the coverage of every kind of interval, whole."""
    covered = [[outcome.covered for outcome in of if outcome.covered is not None] for of in zip(*outcomes, strict=True)]
    shares = [np.mean(each, axis=0) if each else np.full(len(TERMS), np.nan) for each in covered]
    cells = [" / ".join(f"{100 * share[term]:.1f}" for share in shares) for term in range(len(TERMS))]
    return [[str(setting), *cells]]


def error_lines(setting: Setting, kinds: tuple[str, ...], outcomes: list[tuple[Outcome, ...]]) -> list[str]:
    """How often each kind of interval met which error."""
    counted = Counter(
        (kind, outcome.error)
        for each in outcomes
        for kind, outcome in zip(kinds, each, strict=True)
        if outcome.error is not None
    )
    return [f"- {setting}, {kind}, {count} time(s): {text}" for (kind, text), count in counted.items()]


def run(*, datasets: int, workers: int, seed: int, kinds: tuple[str, ...] = tuple(METHODS)) -> str:
    """Simulate and fit all settings; the same numbers for the same seed, whatever the number of workers."""
    # each worker is one process on one core; threads inside BLAS would only get in each other's way
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    overview: list[list[str]] = []
    coverage: list[list[str]] = []
    comparison: list[list[str]] = []
    errors: list[str] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for setting, branch in zip(SETTINGS, np.random.SeedSequence(seed).spawn(len(SETTINGS)), strict=True):
            outcomes = list(pool.map(partial(outcomes_of, setting, kinds), branch.spawn(datasets), chunksize=10))
            overview += overview_rows(setting, outcomes)
            coverage += coverage_rows(setting, kinds, outcomes)
            comparison += comparison_rows(setting, kinds, outcomes)
            errors += error_lines(setting, kinds, outcomes)
    expected_error = 100 * np.sqrt(0.95 * 0.05 / datasets)
    about = (
        f"Coverage in % of nominal 95 % intervals, {datasets} data sets each, seed {seed}; ± is the Monte-Carlo "
        f"standard error ({expected_error:.1f} at 95 %)."
    )
    about_comparison = (
        f"Points of coverage more than {REFERENCE} on the same data sets, ± the standard error of the difference; in "
        f"brackets the median length of the intervals relative to those of {REFERENCE}."
    )
    return "\n".join(
        [
            about,
            f"Truth: {', '.join(f'{term} {value:g}' for term, value in zip(TERMS, TRUTH, strict=True))}.",
            "",
            f"By {' / '.join(kinds)}:",
            "",
            markdown_table(["groups x size", *TERMS], overview),
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
    parser.add_argument("--kinds", nargs="+", choices=tuple(METHODS), default=tuple(METHODS), help="of intervals")
    arguments = parser.parse_args()
    chosen = tuple(arguments.kinds)
    print(run(datasets=arguments.datasets, workers=arguments.workers, seed=arguments.seed, kinds=chosen))


if __name__ == "__main__":
    main()
