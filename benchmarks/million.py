"""A worksheet full of rows, from lists of lists to the table, in a process of its own: `python -m benchmarks.million`.

Prints one JSON object: seconds of the whole and by stage, of a logistic regression on the same data, and the peak
memory of the process. The part "lists" only builds the input, so that its memory can be told from what the fit adds.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.comparators import logistic_regression
from benchmarks.simulation import simulate_rows
from benchmarks.timing import seconds, stage_clock

if TYPE_CHECKING:
    from benchmarks.simulation import ClusteredData

PARTS = ("lists", "vb", "ml")


def peak_gigabytes() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # on Linux ru_maxrss starts from the parent's, this from zero
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def measure(data: ClusteredData, part: str, *, repeats: int) -> dict[str, float | dict[str, float]]:
    """Medians over the repeats; memory before the logistic regression is run for comparison."""
    cells = data.as_lists()
    if part == "lists":
        return {"peak": peak_gigabytes()}
    # imported here so that the part "lists" holds nothing but the input
    from glmm_binomial import glmm_binomial  # noqa: PLC0415

    totals, stages = [], []
    for _ in range(repeats):
        answers: list[object] = []
        with stage_clock() as spent:
            totals.append(seconds(lambda found=answers: found.append(glmm_binomial(*cells, method=part))))
        if not isinstance(answers[0], list):
            raise TypeError(answers[0])
        stages.append({**spent, "keys, estimates, table": totals[-1] - sum(spent.values())})
    peak = peak_gigabytes()
    baseline = median(seconds(lambda: logistic_regression(data)) for _ in range(repeats))
    by_stage = {stage: median(each[stage] for each in stages) for stage in stages[0]}
    return {"peak": peak, "total": median(totals), "baseline": baseline, "stages": by_stage}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--rows", type=int, default=1_048_575)
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    data = simulate_rows(chosen.rows, groups=chosen.groups, columns=chosen.columns, seed=5)
    print(json.dumps(measure(data, chosen.part, repeats=chosen.repeats)))


if __name__ == "__main__":
    main()
