"""A million hostile calls of the worksheet functions: `python -m benchmarks.hostile [--cases 1000000] [--workers 2]`.

The generator and the properties are those of the tests (tests/hostile.py, tests/hostile_answers.py). Prints how many
cases each function answered in which way, and the first case of each kind of failure; ends with 1 when there is one.
A case is made again, and its answer looked at, by `python -m benchmarks.hostile --seed SEED --show NUMBER`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
# read when numpy is first imported, hence before the imports below
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from hostile import hostile_case
from hostile_answers import Report, random_of, run_cases

CASES_AT_ONCE = 1_000
SECONDS_BETWEEN_NEWS = 60.0


def run_all(cases: int, *, seed: int, workers: int) -> Report:
    """All cases, divided among processes, with news on the error output."""
    total, last_news = Report(), time.monotonic()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as processes:
        parts = [
            processes.submit(run_cases, seed, first, min(CASES_AT_ONCE, cases - first))
            for first in range(0, cases, CASES_AT_ONCE)
        ]
        for part in as_completed(parts):
            total.add(part.result())
            if time.monotonic() - last_news > SECONDS_BETWEEN_NEWS:
                last_news = time.monotonic()
                print(f"{total.cases:,} cases, {len(total.failures):,} failed", file=sys.stderr, flush=True)
    return total


def show(seed: int, number: int) -> None:
    """One case and its answer."""
    case = hostile_case(random_of(seed, number))
    print(case)
    for row in WORKSHEET_FUNCTIONS[case.function](*case.arguments):
        print(*row, sep="\t")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--show", type=int, metavar="NUMBER", help="one case and its answer, instead of all")
    chosen = parser.parse_args()
    if chosen.show is not None:
        show(chosen.seed, chosen.show)
        return
    began = time.monotonic()
    report = run_all(chosen.cases, seed=chosen.seed, workers=chosen.workers)
    print(f"{report}\n{time.monotonic() - began:,.0f} s with {chosen.workers} workers, seed {chosen.seed}")
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
