"""The default's posterior: its error, its share of the time, its calibration: `python -m benchmarks.posterior`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr
from scipy.stats import chi2

from benchmarks.digits import DATA_SETS
from benchmarks.markdown import markdown_table
from benchmarks.simulation import simulate_rows
from glmm_binomial import fit, fit_model
from glmm_binomial.estimation import fitting
from glmm_binomial.estimation.law import law_of
from glmm_binomial.estimation.posterior import fit_posterior
from glmm_binomial.model.design import build_design
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.rows import Rows
from glmm_binomial.observations import observe

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFERENCE_SETS = Path(__file__).parent.parent / "tests" / "reference" / "posterior"
LARGE = ((100_000, 2_000, 4, 1.0), (100_000, 20_000, 4, 2.0), (3_000, 100, 22, 1.0))
"""Rows, groups, columns, SD."""

CALIBRATION_SEED = 20_261_127
BINS = 20
STAGES = ("fit_variational", "fit_posterior", "_likelihood_of")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors on one data set: of means and limits in posterior SDs, of SDs relative; what was stated, and the time."""

    name: str
    mean: float
    sd: float
    limits: float
    stated: float
    points: int
    milliseconds: float


def rows_of(file: np.lib.npyio.NpzFile) -> Rows:
    """A stored data set, sorted by group."""
    order = np.argsort(file["group_index"], kind="stable")
    columns = {name: file[name][order].astype(float) for name in ("successes", "trials", "fixed", "random")}
    return Rows(**columns, grouping=Grouping.of_sorted(file["group_index"][order]), upper=None)


def accuracy_of_stored(path: Path) -> Accuracy:
    """Against long importance sampling."""
    file = np.load(path)
    rows = rows_of(file)
    k = rows.fixed.shape[1]
    modes = np.zeros((rows.grouping.count, rows.random.shape[1]))
    start = Parameters(coefficients=file["start"][:k], effects=IndependentEffects(log_sds=file["start"][k:]))
    fit_posterior(rows, start, modes, combinations=np.eye(k))
    started = process_time()
    found = fit_posterior(rows, start, modes, combinations=np.eye(k))
    milliseconds = 1e3 * (process_time() - started)
    weights, draws = found.sample.weights, found.sample.theta @ file["transform"].T
    mean = weights @ draws
    sd = np.sqrt(weights @ (draws - mean) ** 2)
    limits = np.array([law_of(column, weights).limits(0.05) for column in draws.T])
    return Accuracy(
        name=path.stem,
        mean=float(np.abs((mean - file["mean"]) / file["sd"]).max()),
        sd=float(np.abs(sd / file["sd"] - 1.0).max()),
        limits=float(np.abs((limits - file["quantiles"]) / file["sd"][:, None]).max()),
        stated=found.error,
        points=found.sample.evaluated,
        milliseconds=milliseconds,
    )


def accuracy_of_certified(name: str) -> Accuracy:
    """The whole table against certified posteriors."""
    data = DATA_SETS[name]
    exact = data.posterior
    assert exact is not None  # noqa: S101  every certified set has one
    fit(**data.arguments)
    fitting.fit_cache.clear()
    fit(**data.arguments, method="ml")
    started = process_time()
    found = fit(**data.arguments)
    milliseconds = 1e3 * (process_time() - started)
    sd = np.asarray(exact["sd"])
    model = fit_model(**data.arguments)
    return Accuracy(
        name=name,
        mean=float(np.abs((found.coefficients - exact["mean"]) / sd).max()),
        sd=float(np.abs(found.std_errors / sd - 1.0).max()),
        limits=float(
            max(
                np.abs((found.ci_lower - exact["q025"]) / sd).max(), np.abs((found.ci_upper - exact["q975"]) / sd).max()
            )
        ),
        stated=model.fit.posterior.error,
        points=model.fit.posterior.sample.evaluated,
        milliseconds=milliseconds,
    )


def accuracy_table() -> str:
    """Every data set, and the quantiles of the errors over all of them."""
    found = [accuracy_of_certified(name) for name in DATA_SETS]
    found += [accuracy_of_stored(path) for path in sorted(REFERENCE_SETS.glob("*.npz"))]
    numbers = np.array(
        [[each.mean, each.sd, each.limits, each.stated, each.points, each.milliseconds] for each in found]
    )
    rows = [[each.name, *_cells(row)] for each, row in zip(found, numbers, strict=True)]
    for label, share in (("median", 0.5), ("nine of ten", 0.9), ("worst", 1.0)):
        rows.append([label, *_cells(np.quantile(numbers, share, axis=0))])
    return markdown_table(["data set", "means", "SDs", "95 % limits", "stated", "points", "ms beside ml"], rows)


def _cells(row: NDArray[np.float64]) -> list[str]:
    return [f"{row[0]:.4f}", f"{row[1]:.4f}", f"{row[2]:.3f}", f"{row[3]:.4f}", f"{row[4]:.0f}", f"{row[5]:.0f}"]


def time_table() -> str:
    """The whole default relative to "ml" in the same run, and where its time goes."""
    rows = []
    for size, groups, columns, sd in LARGE:
        data = simulate_rows(size, groups=groups, columns=columns, seed=2, sd=sd)
        times: dict[str, list[float]] = {"ml": [], "vb": [], **{stage: [] for stage in STAGES}}
        for _ in range(5):
            for method in ("ml", "vb"):
                fitting.fit_cache.clear()
                with _Stages() as stages:
                    started = process_time()
                    fit(data.y, data.x, data.groups, method=method)
                    times[method].append(process_time() - started)
                if method == "vb":
                    for stage in STAGES:
                        times[stage].append(stages.seconds[stage])
        vb, ml = float(np.median(times["vb"])), float(np.median(times["ml"]))
        shares = [f"{100 * float(np.median(times[stage])) / vb:.0f} %" for stage in STAGES]
        rows.append(
            [f"{size:,} x {groups:,} x {columns}, SD {sd:g}", f"{vb / ml:.2f}", f"{1e3 * (vb - ml):.0f}", *shares]
        )
    header = ["rows x groups x columns", "vb / ml", "ms beside ml", "variational start", "posterior", "likelihood"]
    return markdown_table(header, rows)


class _Stages:
    """Processor time of the stages of a fit, while it is open."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._kept = {stage: getattr(fitting, stage) for stage in STAGES}

    def __enter__(self) -> _Stages:
        for stage in STAGES:
            setattr(fitting, stage, self._timed(stage))
        return self

    def __exit__(self, *problem: object) -> None:
        for stage in STAGES:
            setattr(fitting, stage, self._kept[stage])

    def _timed(self, stage: str):
        def timed(*given: object, **named: object) -> object:
            started = process_time()
            try:
                return self._kept[stage](*given, **named)
            finally:
                self.seconds[stage] += process_time() - started

        return timed


def calibration_table(data_sets: int, *, groups: int = 20, size: int = 8) -> str:
    """Where the truth lies in the posterior, for data drawn from the prior: uniform if the posterior is right.

    Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788), by chi-square in twenty bins.
    """
    places = np.array(
        [_places_of_truth(np.random.default_rng([CALIBRATION_SEED, i]), groups, size) for i in range(data_sets)]
    )
    names = ("intercept", "group-level", "within-group", "log SD")
    rows = []
    for name, column in zip(names, places.T, strict=True):
        counts = np.bincount(np.minimum((column * BINS).astype(int), BINS - 1), minlength=BINS)
        rows.append([name, f"{_chi_square_p(counts):.3f}", f"{column.mean():.3f}", f"{12 * column.var():.3f}"])
    return markdown_table(["parameter", "p of uniformity", "mean (1/2)", "12 x variance (1)"], rows)


def _places_of_truth(rng: np.random.Generator, groups: int, size: int) -> NDArray[np.float64]:
    """Draw parameters from the prior and data from the model; the posterior probability below each parameter."""
    index = np.repeat(np.arange(groups), size)
    x = np.column_stack([(index % 2).astype(float), rng.normal(size=len(index))])
    design = build_design(observe((np.arange(len(index)) % 2).astype(float), x, index))
    # the standardised columns in the order of the rows
    fixed = design.scale.fixed_columns(x)
    y = np.zeros(len(index))
    # outcomes that are all the same are refused; whatever data are let through, the posterior given them must be right
    while y.min() == y.max():
        b, log_sd = 2.0 * rng.normal(size=3), rng.normal()
        eta = fixed @ b + np.exp(log_sd) * rng.normal(size=groups)[index]
        y = (rng.random(len(index)) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    found = fit_model(y, x, index).fit.posterior
    truth = np.append(b, log_sd)
    return np.array(
        [
            _below(law_of(column, found.sample.weights), value)
            for column, value in zip(found.sample.theta.T, truth, strict=True)
        ]
    )


def _below(law: object, value: float) -> float:
    return float(ndtr(np.interp(value, law.values, law.scores)))  # type: ignore[attr-defined]


def _chi_square_p(counts: NDArray[np.intp]) -> float:
    expected = counts.sum() / BINS
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), BINS - 1))


def power_table(data_sets: int) -> str:
    """How often the test at 1 % sees a posterior that is wrong: shifted, too narrow, or too wide."""
    rng = np.random.default_rng(1)
    rows = []
    for label, shift, scale in (
        ("means off by .2 SD", 0.2, 1.0),
        ("SDs 20 % too small", 0.0, 0.8),
        ("SDs 20 % too large", 0.0, 1.2),
    ):
        z = rng.normal(size=(1000, data_sets))
        places = ndtr((z - shift) / scale)
        counts = [np.bincount(np.minimum((row * BINS).astype(int), BINS - 1), minlength=BINS) for row in places]
        rows.append([label, f"{100 * np.mean([_chi_square_p(each) < 0.01 for each in counts]):.0f} %"])
    return markdown_table(["a posterior with", "is seen"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.posterior", description=__doc__)
    parser.add_argument("--part", choices=("accuracy", "time", "calibration", "all"), default="all")
    parser.add_argument("--datasets", type=int, default=500, help="data sets drawn from the prior")
    arguments = parser.parse_args()
    if arguments.part in {"accuracy", "all"}:
        print(
            "Errors of the posterior: of means and 95 % limits in posterior SDs, of SDs relative; the worst parameter."
        )
        print(f"\n{accuracy_table()}\n")
    if arguments.part in {"time", "all"}:
        print("Processor time of the default, relative to maximum likelihood in the same run, and where it goes.")
        print(f"\n{time_table()}\n")
    if arguments.part in {"calibration", "all"}:
        print(f"Simulation-based calibration: {arguments.datasets} data sets drawn from the prior, 20 groups of 8.")
        print(f"\n{calibration_table(arguments.datasets)}\n")
        print("What the test would see, at 1 %:")
        print(f"\n{power_table(arguments.datasets)}")


if __name__ == "__main__":
    main()
