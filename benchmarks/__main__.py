"""Ratios of speed measured in one run: `python -m benchmarks [--quick]`."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import version

MEDIUM, LARGE = 100_000, 1_000_000
BY_ROWS = ((10_000, 1_000, 4), (MEDIUM, 1_000, 4), (LARGE, 1_000, 4))
BY_GROUPS = tuple((200_000, groups, 4) for groups in (100, 1_000, 10_000, 100_000))
BY_COLUMNS = tuple((20_000, 500, columns) for columns in (2, 5, 10, 20, 40))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out everything of a million rows")
    parser.add_argument("--repeats", type=int, default=7, help="turns whose medians are reported")
    parser.add_argument(
        "--threads", default="1", help="threads inside BLAS, for all alike; more than one adds noise on a busy machine"
    )
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: processor time, for a machine that is busy"
    )
    arguments = parser.parse_args()
    os.environ["BENCHMARK_CLOCK"] = arguments.clock
    # read when numpy is first imported, hence before the import below
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = arguments.threads
    from benchmarks import speed  # noqa: PLC0415

    packages = ", ".join(f"{name} {version(name)}" for name in ("glmm-binomial", "numpy", "scipy", "statsmodels"))
    print(
        f"Python {platform.python_version()}, {packages}; {arguments.threads} BLAS thread(s), {arguments.clock} clock.",
        flush=True,
    )
    repeats, few = arguments.repeats, max(1, arguments.repeats // 2)
    sections = [
        lambda: speed.against_logistic_regression(rows=MEDIUM, groups=2_000, columns=4, repeats=repeats),
        lambda: speed.many_predictors(rows=3_000, groups=100, columns=22, repeats=repeats),
        lambda: speed.growth("rows", BY_ROWS[: 2 if arguments.quick else 3], repeats=few),
        lambda: speed.growth("groups", BY_GROUPS, repeats=few),
        lambda: speed.growth("columns", BY_COLUMNS, repeats=few),
        lambda: speed.against_raw_fit_vb(rows=5_000, groups=250, columns=4, repeats=repeats),
    ]
    if not arguments.quick:
        sections.append(lambda: speed.whole_worksheet(repeats=few))
    for section in sections:
        print(f"\n{section()}", flush=True)


if __name__ == "__main__":
    main()
