"""Time and digits beside other programs' on the same data, in one run: `python -m benchmarks.peers [--quick]`.

Programs: this one by "ml"; `glmm` and `gpboost` from the package index (extra `peers`); lme4 where R is there; and
statsmodels' GLM, without random effects, whose time is the unit. Processor time of one thread.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[threads] = "1"
os.environ["BENCHMARK_CLOCK"] = "cpu"

import numpy as np  # noqa: E402  # after the number of threads

from benchmarks.markdown import markdown_table  # noqa: E402
from benchmarks.timing import seconds  # noqa: E402
from glmm_binomial import fit_model  # noqa: E402
from glmm_binomial.certified import contraception, vegetables  # noqa: E402
from glmm_binomial.estimation.conditional_modes import find_modes  # noqa: E402
from glmm_binomial.estimation.likelihood import newton_direction  # noqa: E402
from glmm_binomial.estimation.marginal import MOST_TRAPEZOID_EFFECTS, choose_nodes, evaluate_marginal  # noqa: E402
from glmm_binomial.estimation.nodes import Nodes  # noqa: E402
from glmm_binomial.model.effects import IndependentEffects, Parameters  # noqa: E402
from glmm_binomial.model.quadrature import hermite_rule  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM

MOST_DIGITS = 15.0
FINER = 1e-15
"""Tolerance of the nodes against which our own digits are counted."""

FINER_RULE = 15
"""The same of three effects: nodes a side."""

PROGRAMS = ("ours, ml", "glmm, Laplace", "glmm, 25 nodes", "gpboost, Laplace", "lme4, Laplace")
MODULES = {"glmm-binomial": "glmm_binomial", "numba": "numba", "glmm": "glmm", "gpboost": "gpboost"}

LARGE = 200_000
"""Rows from which lme4 and 25 nodes are left out: they take minutes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A data set: y (N,), x (N, p), groups (N,), the first q columns of x with random slopes, trials (N,) or None."""

    name: str
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    groups: NDArray[np.intp]
    slopes: int = 0
    trials: NDArray[np.float64] | None = None

    def ours(self) -> GLMM:
        """Fit by maximum likelihood, the independent slopes given as a range."""
        return fit_model(
            self.y,
            self.x,
            self.groups,
            x_random=self.x[:, : self.slopes] if self.slopes else None,
            method="ml",
            trials=self.trials,
        )

    @property
    def formula(self) -> str:
        """In lme4's notation."""
        effects = " + ".join(["1", *(f"x{column}" for column in range(self.slopes))])
        return f"y ~ {' + '.join(f'x{column}' for column in range(self.x.shape[1]))} + ({effects} | g)"

    @property
    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The response, as a share of the trials, and the predictors."""
        share = self.y if self.trials is None else self.y / self.trials
        return {"y": share, **{f"x{column}": values for column, values in enumerate(self.x.T)}}


def drawn(name: str, rows: int, *, groups: int, columns: int, seed: int, slopes: int = 0, trials: int = 0) -> Problem:
    generator = np.random.default_rng(seed)
    group, x = np.arange(rows) % groups, generator.normal(size=(rows, columns))
    eta = -0.5 + x @ np.resize([0.5, -0.7, 0.3, 0.0], columns) + generator.normal(0.0, 0.8, groups)[group]
    for slope in range(slopes):
        eta += generator.normal(0.0, 0.5, groups)[group] * x[:, slope]
    count = generator.integers(1, trials + 1, rows).astype(float) if trials else None
    y = generator.binomial(1 if count is None else count.astype(int), 1.0 / (1.0 + np.exp(-eta)))
    return Problem(name, y.astype(float), x, group, slopes, count)


def toenail_like() -> Problem:
    """294 persons of five to seven visits, an SD of 4 between them."""
    generator = np.random.default_rng(7)
    group = np.repeat(np.arange(294), generator.integers(5, 8, 294))
    month, treated = generator.uniform(0.0, 12.0, len(group)), (group % 2).astype(float)
    x = np.column_stack([treated, month, treated * month])
    eta = -1.6 + x @ [-0.16, -0.39, -0.14] + generator.normal(0.0, 4.0, 294)[group]
    return Problem("toenail-like (SD 4)", (generator.random(len(group)) < 1.0 / (1.0 + np.exp(-eta))) + 0.0, x, group)


def certified(name: str, *, slope: bool = False) -> Problem:
    data = vegetables() if name == "vegetables" else contraception(urban_slope=slope)
    x = np.array(data.x, dtype=float)
    if slope:
        # the column of the slope first
        urban = np.array(data.x_random, dtype=float)
        place = int(np.flatnonzero((x == urban).all(axis=0))[0])
        x = np.column_stack([urban, np.delete(x, place, axis=1)])
    group = np.unique(np.ravel(data.groups), return_inverse=True)[1]
    return Problem(name + (" + slope" if slope else ""), np.ravel(np.array(data.y, dtype=float)), x, group, int(slope))


def problems(*, quick: bool) -> list[Callable[[], Problem]]:
    makers: list[Callable[[], Problem]] = [
        lambda: certified("vegetables"),
        toenail_like,
        lambda: certified("contraception"),
        partial(drawn, "20k x 1k x 3", 20_000, groups=1_000, columns=3, seed=1),
        partial(drawn, "100k x 2k x 4", 100_000, groups=2_000, columns=4, seed=2),
        partial(drawn, "100k x 20k x 4", 100_000, groups=20_000, columns=4, seed=3),
        partial(drawn, "3k x 100 x 22", 3_000, groups=100, columns=22, seed=4),
        partial(drawn, "20k rows with trials", 20_000, groups=1_000, columns=3, seed=5, trials=10),
        lambda: certified("contraception", slope=True),
        partial(drawn, "20k, K = 2", 20_000, groups=1_000, columns=3, seed=6, slopes=1),
        partial(drawn, "20k, K = 3", 20_000, groups=1_000, columns=3, seed=8, slopes=2),
        partial(drawn, "1M x 1k x 3", 1_000_000, groups=1_000, columns=3, seed=9),
    ]
    return makers[:-1] if quick else makers


def digits(computed: object, correct: object) -> float:
    """-log10 of the relative error of the worst."""
    error = np.abs(np.asarray(computed, dtype=float) / np.asarray(correct, dtype=float) - 1.0).max()
    return float(min(-np.log10(max(error, 1e-300)), MOST_DIGITS))


def own_digits(model: GLMM) -> float:
    """Of our estimates: the next Newton step by ever so fine nodes is their distance from the maximum."""
    rows, fit = model.design.rows, model.fit
    active = fit.sds > 0.0
    rows = rows.with_effects(active)
    point = Parameters(coefficients=fit.coefficients, effects=IndependentEffects.of_sds(fit.sds[active]))
    found = find_modes(rows, point, fit.random_effects[:, active])
    if active.sum() > MOST_TRAPEZOID_EFFECTS:
        nodes = Nodes.of_rule(hermite_rule(FINER_RULE), found.modes.shape)
    else:
        nodes = choose_nodes(rows, point, found, tolerance=FINER)
    state = evaluate_marginal(rows, point, nodes=nodes, found=found)
    step, _ = newton_direction(state.score, state.information)
    k = len(point.coefficients)
    maximum = np.concatenate([point.coefficients + step[:k], point.effects.sds * np.exp(step[k:])])
    return digits(np.concatenate([point.coefficients, point.effects.sds]), maximum)


def unscaled(model: GLMM) -> NDArray[np.float64]:
    """Coefficients in the units of the data, then SDs."""
    scale = model.design.scale
    return np.concatenate(
        [scale.back_transform @ model.fit.coefficients, model.fit.sds * np.diag(scale.random_back_transform)]
    )


def by_glm(problem: Problem) -> None:
    from statsmodels.genmod.families import Binomial  # noqa: PLC0415
    from statsmodels.genmod.generalized_linear_model import GLM  # noqa: PLC0415

    X = np.column_stack([np.ones(len(problem.y)), problem.x])
    y = problem.y if problem.trials is None else np.column_stack([problem.y, problem.trials - problem.y])
    GLM(y, X, family=Binomial()).fit()


def by_glmm(problem: Problem, nodes: int) -> NDArray[np.float64]:
    import glmm  # noqa: PLC0415  # only where it is installed

    data = {**problem.columns, "g": [f"g{group}" for group in problem.groups]}
    weights = {} if problem.trials is None else {"weights": problem.trials}
    found = glmm.fit(data, problem.formula, "binomial", nagq=nodes, anova_test="Wald", **weights)
    return np.concatenate([found.beta, np.sqrt(np.diag(np.atleast_2d(found.varcorr[0])))])


def by_gpboost(problem: Problem) -> NDArray[np.float64]:
    import gpboost  # noqa: PLC0415  # only where it is installed

    slopes: dict[str, object] = {}
    if problem.slopes:
        slopes = {
            "group_rand_coef_data": problem.x[:, : problem.slopes],
            "ind_effect_group_rand_coef": [1] * problem.slopes,
        }
    model = gpboost.GPModel(group_data=problem.groups, likelihood="bernoulli_logit", num_parallel_threads=1, **slopes)
    model.fit(y=problem.y, X=np.column_stack([np.ones(len(problem.y)), problem.x]))
    return np.concatenate([np.ravel(model.get_coef()), np.sqrt(np.ravel(model.get_cov_pars()))])


LME4 = """
suppressMessages(library(lme4)); data <- read.csv("data.csv"); data$g <- factor(data$g)
fit <- function() suppressMessages(suppressWarnings(glmer({formula}, data, binomial, weights = data$w)))
invisible(fit()); times <- replicate({repeats}, sum(system.time(fit(), gcFirst = FALSE)[1:2])); found <- fit()
sds <- unlist(lapply(VarCorr(found), function(v) attr(v, "stddev")))
cat(median(times), fixef(found), sds, sep = "\\n")
"""


def by_lme4(problem: Problem, repeats: int) -> tuple[float, NDArray[np.float64]]:
    """Seconds, and estimates."""
    with tempfile.TemporaryDirectory() as folder:
        columns = {**problem.columns, "g": problem.groups}
        columns["w"] = np.ones(len(problem.y)) if problem.trials is None else problem.trials
        table = np.column_stack(list(columns.values()))
        np.savetxt(Path(folder) / "data.csv", table, fmt="%.17g", delimiter=",", header=",".join(columns), comments="")
        formula = problem.formula.replace("|", "||" if problem.slopes else "|")
        script = LME4.format(formula=formula, repeats=repeats)
        program = shutil.which("Rscript") or "Rscript"
        done = subprocess.run([program, "-e", script], cwd=folder, check=True, capture_output=True, text=True)
    time, *estimates = map(float, done.stdout.split())
    return time, np.array(estimates)


def row_of(problem: Problem, repeats: int) -> dict[str, str]:
    """Time as a multiple of the GLM's, and digits, by program."""
    model = problem.ours()
    maximum, cells = unscaled(model), {}
    unit = median(seconds(partial(by_glm, problem)) for _ in range(repeats))

    def counted(estimates: NDArray[np.float64]) -> str:
        # a program that drops a column or an effect fits another model
        return f"{digits(estimates, maximum):.1f}" if len(estimates) == len(maximum) else "-"

    def timed(name: str, work: Callable[[], NDArray[np.float64]], own: float | None = None) -> None:
        estimates = work()
        time = median(seconds(work) for _ in range(repeats))
        cells[name] = f"{time / unit:.2f} ({counted(estimates) if own is None else f'{own:.1f}'})"

    timed("ours, ml", lambda: unscaled(problem.ours()), own_digits(model))
    if find_spec("glmm"):
        timed("glmm, Laplace", partial(by_glmm, problem, 1))
        if len(problem.y) < LARGE and problem.slopes < MOST_TRAPEZOID_EFFECTS:
            timed("glmm, 25 nodes", partial(by_glmm, problem, 25))
    if find_spec("gpboost") and problem.trials is None:
        timed("gpboost, Laplace", partial(by_gpboost, problem))
    if shutil.which("Rscript") and len(problem.y) < LARGE // 4:
        time, estimates = by_lme4(problem, min(repeats, 3))
        cells["lme4, Laplace"] = f"{time / unit:.2f} ({counted(estimates)})"
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the million rows")
    parser.add_argument("--repeats", type=int, default=5, help="fits of which the median time is reported")
    arguments = parser.parse_args()
    rows = []
    for make in problems(quick=arguments.quick):
        problem = make()
        print(problem.name, file=sys.stderr, flush=True)
        cells = row_of(problem, arguments.repeats)
        rows.append([problem.name, *(cells.get(program, "-") for program in PROGRAMS)])
    found = [
        f"{name} {version(name)}" for name in ("glmm-binomial", "numba", "glmm", "gpboost") if find_spec(MODULES[name])
    ]
    print(f"Processor time of one thread, in GLMs of statsmodels; in brackets correct digits. {', '.join(found)}.\n")
    print(markdown_table(["data", *PROGRAMS], rows))


if __name__ == "__main__":
    main()
