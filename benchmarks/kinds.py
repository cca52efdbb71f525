"""Recovery and coverage for each kind of random effects beyond an intercept: `python -m benchmarks.kinds`.

Data sets are of an intercept, a binary column that is constant within the groups (of nested ones within those above, of
crossed ones within persons), and a normal column that varies within them. All are fitted by maximum likelihood; its
intervals are by z, and by Student's t where differences between groups decide. A data set that gives an error counts as
an error, not as a miss.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.markdown import markdown_table
from glmm_binomial import FitError, InvalidInputError, estimates_of, fit_formula

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TERMS = ("intercept", "group-level", "within-group")
TRUTH = np.array([-0.5, 0.5, 0.5])
SDS = np.array([1.0, 0.7])
CORRELATION = 0.3
SCHOOLS, CLASSES, PUPILS = 20, 5, 10
GROUPS, SIZE = 40, 15
PERSONS, ITEMS = 60, 15

Table = list[list[object]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model.

    Attributes
    ----------
    name : str
        With the shape of its data sets.
    formula : str
    draw : callable
        Draws a table.
    effects : tuple of str
        What the standard deviations of the random effects are of.
    """

    name: str
    formula: str
    draw: Callable[[np.random.Generator], Table]
    effects: tuple[str, str]


def nested(rng: np.random.Generator) -> Table:
    """Pupils in classes in schools."""
    classes = np.repeat(np.arange(SCHOOLS * CLASSES), PUPILS)
    schools = classes // CLASSES
    of_schools, of_classes = SDS[0] * rng.normal(size=SCHOOLS), SDS[1] * rng.normal(size=SCHOOLS * CLASSES)
    z, x = (schools % 2).astype(np.float64), rng.normal(size=len(classes))
    predictor = TRUTH[0] + TRUTH[1] * z + TRUTH[2] * x + of_schools[schools] + of_classes[classes]
    return _table(("y", "z", "x", "school", "class"), (_outcomes(rng, predictor), z, x, schools, classes % CLASSES))


def correlated(rng: np.random.Generator) -> Table:
    """Groups whose intercepts and slopes are correlated."""
    groups = np.repeat(np.arange(GROUPS), SIZE)
    covariance = SDS[:, None] * SDS * np.array([[1.0, CORRELATION], [CORRELATION, 1.0]])
    intercepts, slopes = (rng.normal(size=(GROUPS, 2)) @ np.linalg.cholesky(covariance).T)[groups].T
    z, x = (groups % 2).astype(np.float64), rng.normal(size=len(groups))
    predictor = TRUTH[0] + TRUTH[1] * z + (TRUTH[2] + slopes) * x + intercepts
    return _table(("y", "z", "x", "g"), (_outcomes(rng, predictor), z, x, groups))


def crossed(rng: np.random.Generator) -> Table:
    """Persons who all answer the same items."""
    persons, items = np.repeat(np.arange(PERSONS), ITEMS), np.tile(np.arange(ITEMS), PERSONS)
    of_persons, of_items = SDS[0] * rng.normal(size=PERSONS), SDS[1] * rng.normal(size=ITEMS)
    z, x = (persons % 2).astype(np.float64), rng.normal(size=len(persons))
    predictor = TRUTH[0] + TRUTH[1] * z + TRUTH[2] * x + of_persons[persons] + of_items[items]
    labels = [f"i{item}" for item in items]
    table = _table(("y", "z", "x", "person"), (_outcomes(rng, predictor), z, x, persons))
    return [[*row, label] for row, label in zip(table, ["item", *labels], strict=True)]


def _outcomes(rng: np.random.Generator, predictor: NDArray[np.float64]) -> NDArray[np.float64]:
    return (rng.random(len(predictor)) < 1.0 / (1.0 + np.exp(-predictor))).astype(np.float64)


def _table(names: tuple[str, ...], columns: tuple[NDArray[np.generic], ...]) -> Table:
    return [list(names), *([float(cell) for cell in row] for row in zip(*columns, strict=True))]


KINDS = (
    Kind(
        f"nested, {SCHOOLS} x {CLASSES} x {PUPILS}", "y ~ z + x + (1 | school/class)", nested, ("SD above", "SD below")
    ),
    Kind(f"correlated, {GROUPS} x {SIZE}", "y ~ z + x + (1 + x | g)", correlated, ("SD of intercepts", "SD of slopes")),
    Kind(
        f"crossed, {PERSONS} x {ITEMS}",
        "y ~ z + x + (1 | person) + (1 | item)",
        crossed,
        ("SD of persons", "SD of items"),
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was made of one data set.

    Attributes
    ----------
    estimates : (5,) array
        The coefficients, then the standard deviations of the random effects.
    std_errors : (3,) array
    covered : (2, 3) boolean array
        Whether the interval of each coefficient holds the truth, by z and by t.
    """

    estimates: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    covered: NDArray[np.bool_]


def outcome_of(kind: Kind, seed: np.random.SeedSequence) -> Outcome | str:
    """Draw a data set and fit it; the message where that gives an error."""
    try:
        found = estimates_of(fit_formula(kind.draw(np.random.default_rng(seed)), kind.formula, method="ml"))
    except (FitError, InvalidInputError) as problem:
        return str(problem)
    lower, upper = np.tile(found.ci_lower, (2, 1)), np.tile(found.ci_upper, (2, 1))
    for test in found.t_tests:
        lower[1, test.position], upper[1, test.position] = test.ci_lower, test.ci_upper
    return Outcome(
        estimates=np.r_[found.coefficients, found.std_devs],
        std_errors=found.std_errors,
        covered=(lower <= TRUTH) & (upper >= TRUTH),
    )


def coverage_rows(kind: Kind, found: list[Outcome], errors: int) -> list[list[str]]:
    """Coverage in % with its Monte-Carlo standard error, by z and by t."""
    rows = []
    for place, by in enumerate(("ml z", "ml t")):
        shares = np.mean([outcome.covered[place] for outcome in found], axis=0)
        deviations = np.sqrt(shares * (1.0 - shares) / len(found))
        cells = [f"{100 * share:.1f} ± {100 * sd:.1f}" for share, sd in zip(shares, deviations, strict=True)]
        rows.append([f"{kind.name}: {by}", *cells, str(errors)])
    return rows


def recovery_rows(kind: Kind, found: list[Outcome]) -> list[list[str]]:
    """Truth, mean and SD of the estimates, and the mean standard error over that SD."""
    estimates = np.array([outcome.estimates for outcome in found])
    std_errors = np.mean([outcome.std_errors for outcome in found], axis=0)
    means, sds = estimates.mean(axis=0), estimates.std(axis=0, ddof=1)
    rows = []
    for place, (name, truth) in enumerate(zip((*TERMS, *kind.effects), np.r_[TRUTH, SDS], strict=True)):
        ratio = f"{std_errors[place] / sds[place]:.2f}" if place < len(TERMS) else ""
        mean = f"{means[place]:.3f} ± {sds[place] / np.sqrt(len(found)):.3f}"
        rows.append([f"{kind.name}: {name}", f"{truth:g}", mean, f"{sds[place]:.3f}", ratio])
    return rows


def run(*, datasets: int, workers: int, seed: int) -> str:
    """Simulate and fit all kinds; the same numbers for the same seed, whatever the number of workers."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    coverage: list[list[str]] = []
    recovery: list[list[str]] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for kind, branch in zip(KINDS, np.random.SeedSequence(seed).spawn(len(KINDS)), strict=True):
            outcomes = list(pool.map(partial(outcome_of, kind), branch.spawn(datasets), chunksize=5))
            found = [outcome for outcome in outcomes if not isinstance(outcome, str)]
            coverage += coverage_rows(kind, found, datasets - len(found))
            recovery += recovery_rows(kind, found)
    about = f"{datasets} data sets each, seed {seed}; ± is the Monte-Carlo standard error."
    return "\n".join(
        [
            f"Coverage in % of nominal 95 % intervals, {about}",
            "",
            markdown_table(["kind and shape", *TERMS, "errors"], coverage),
            "",
            "The estimates of the same data sets; the last column is the mean standard error over the SD.",
            "",
            markdown_table(["kind and shape", "truth", "mean", "SD", "std_error / SD"], recovery),
        ]
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kinds", description=__doc__)
    parser.add_argument("--datasets", type=int, default=1000, help="data sets of each kind")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=20_250_101)
    arguments = parser.parse_args()
    print(run(datasets=arguments.datasets, workers=arguments.workers, seed=arguments.seed))


if __name__ == "__main__":
    main()
