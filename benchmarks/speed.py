"""Speed as ratios within one run, each section a Markdown table."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.comparators import RawFit, logistic_regression, raw_fit_vb
from benchmarks.markdown import markdown_table
from benchmarks.million import PARTS
from benchmarks.simulation import simulate_rows
from benchmarks.timing import in_turns, ratio, seconds
from glmm_binomial import fit
from glmm_binomial.estimation.separation import fit_logistic_start
from glmm_binomial.estimation.variational import fit_variational
from glmm_binomial.model.design import build_design
from glmm_binomial.model.rows import orthonormalize
from glmm_binomial.observations import observe

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.simulation import ClusteredData

HALF_A_SECOND = 0.5
VARIED = ("rows", "groups", "columns")


def against_raw_fit_vb(*, rows: int, groups: int, columns: int, repeats: int) -> str:
    """One run of statsmodels' optimiser against ours: fit against fit, and against all that a table takes."""
    data = simulate_rows(rows, groups=groups, columns=columns, seed=1)
    design = build_design(observe(data.y, data.x, data.groups))
    turned = orthonormalize(design.rows)
    ours = in_turns(
        {
            "the fit alone, from the same standardised columns": lambda: fit_variational(
                design.rows, fit_logistic_start(design, turned).near_prior
            ),
            "the whole answer, from arrays, with checks and exact likelihood": partial(
                fit, data.y, data.x, data.groups, method="vb"
            ),
        },
        repeats=repeats,
    )
    raw: list[RawFit] = []
    raw_time = seconds(lambda: raw.append(raw_fit_vb(data, seed=1)))
    found = fit(data.y, data.x, data.groups)
    apart = np.abs(raw[0].coefficients - found.coefficients) / found.std_errors
    table = [
        [
            f"{_size(data)}: {work}",
            f"{raw_time / median(times):,.0f}",
            target,
            f"1 and {repeats}",
            "yes" if raw[0].converged else "no",
            f"{apart.max():.1g}",
        ]
        for (work, times), target in zip(ours.items(), ("at least 100", "-"), strict=True)
    ]
    header = [
        "rows x groups x columns",
        "times faster",
        "target",
        "repeats",
        "fit_vb converged",
        "apart, in std. errors",
    ]
    return _section("Raw fit_vb (its own optimiser, standardised data) against vb", header, table)


def against_logistic_regression(*, rows: int, groups: int, columns: int, repeats: int) -> str:
    """Both methods as multiples of statsmodels' GLM."""
    data = simulate_rows(rows, groups=groups, columns=columns, seed=2)
    times = in_turns(_works(data), repeats=repeats)
    table_rows = [
        [f"{_size(data)}: {method}", f"{ratio(times[method], times['glm']):.1f}", "at most 5", str(repeats)]
        for method in ("vb", "ml")
    ]
    header = ["rows x groups x columns", "times a GLM", "target", "repeats"]
    return _section("From arrays, against a logistic regression by statsmodels' GLM", header, table_rows)


def many_predictors(*, rows: int, groups: int, columns: int, repeats: int) -> str:
    """A wide model against half a second."""
    data = simulate_rows(rows, groups=groups, columns=columns, seed=3)
    times = in_turns(_works(data), repeats=repeats)
    table_rows = [
        [
            f"{_size(data)}: {method}",
            f"{median(times[method]) / HALF_A_SECOND:.2f}",
            "at most 1",
            f"{ratio(times[method], times['glm']):.1f}",
            str(repeats),
        ]
        for method in ("vb", "ml")
    ]
    header = ["rows x groups x columns", "share of half a second", "target", "times a GLM", "repeats"]
    return _section("Many predictors, from arrays", header, table_rows)


def growth(varied: str, sizes: tuple[tuple[int, int, int], ...], *, repeats: int) -> str:
    """Time of rows x groups x columns, relative to the first, and its slope by what is varied, both as logarithms.

    Parameters
    ----------
    varied : {"rows", "groups", "columns"}
    sizes : tuple of (rows, groups, columns)
    repeats : int
    """
    taken: dict[str, list[float]] = {"vb": [], "ml": [], "glm": []}
    for rows, groups, columns in sizes:
        data = simulate_rows(rows, groups=groups, columns=columns, seed=4)
        times = in_turns(_works(data), repeats=repeats)
        for name, each in taken.items():
            each.append(median(times[name]))
    table_rows = [
        [
            f"{rows:,} x {groups:,} x {columns}",
            *(f"{each[position] / each[0]:.2f}" for each in taken.values()),
            str(repeats),
        ]
        for position, (rows, groups, columns) in enumerate(sizes)
    ]
    numbers = np.log([size[VARIED.index(varied)] for size in sizes])
    slopes = [np.polyfit(numbers, np.log(each), 1)[0] for each in taken.values()]
    table_rows.append([f"slope by {varied}", *(f"{slope:.2f}" for slope in slopes), ""])
    header = ["rows x groups x columns", "vb", "ml", "GLM", "repeats"]
    title = (
        f"Time by {varied}, relative to the first; the slope is that of log time by log {varied}, 1 for linear growth"
    )
    return _section(title, header, table_rows)


def whole_worksheet(*, repeats: int) -> str:
    """1,048,575 rows from lists of lists to the table, by stage, and the memory it takes."""
    lists, *methods = (_in_a_process(part, repeats=repeats) for part in PARTS)
    stages = list(methods[0]["stages"])
    table_rows = [[stage, *_stage_cells(methods, stage)] for stage in stages]
    table_rows.append(["in all", *_stage_cells(methods, None)])
    header = ["stage", *(f"{part}: {what}" for part in PARTS[1:] for what in ("seconds", "share", "times a GLM"))]
    memory = [
        ["the input lists alone", f"{lists['peak']:.2f}"],
        *([f"{part}, input included", f"{found['peak']:.2f}"] for part, found in zip(PARTS[1:], methods, strict=True)),
    ]
    return "\n\n".join(
        [
            _section(
                f"1,048,575 rows x 10,000 groups x 3 columns, lists of lists to table, medians of {repeats}",
                header,
                table_rows,
            ),
            _section("Peak memory of the process in GB (target: under 4)", ["process", "GB"], memory),
        ]
    )


def _in_a_process(part: str, *, repeats: int) -> dict:
    command = [sys.executable, "-m", "benchmarks.million", part, "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _stage_cells(methods: list[dict], stage: str | None) -> list[str]:
    cells = []
    for found in methods:
        time = found["total"] if stage is None else found["stages"][stage]
        cells += [f"{time:.2f}", f"{time / found['total']:.0%}", f"{time / found['baseline']:.1f}"]
    return cells


def _works(data: ClusteredData) -> dict[str, Callable[[], object]]:
    return {
        "glm": partial(logistic_regression, data),
        "vb": partial(fit, data.y, data.x, data.groups, method="vb"),
        "ml": partial(fit, data.y, data.x, data.groups, method="ml"),
    }


def _size(data: ClusteredData) -> str:
    return f"{len(data.y):,} x {len(np.unique(data.groups)):,} x {data.x.shape[1]}"


def _section(title: str, header: list[str], rows: list[list[str]]) -> str:
    return f"### {title}\n\n{markdown_table(header, rows)}"
