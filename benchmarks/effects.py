"""Coverage of the intervals of GLMM_BINOMIAL_CONTRAST and GLMM_BINOMIAL_MARGINS: `python -m benchmarks.effects`.

100 groups of 6 rows, SD 1; a factor within groups, one between groups, a normal covariate. The simulation is that of
the tests (tests/effects_coverage.py). Two minutes for 300 data sets by both methods.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
# read when numpy is first imported, hence before the imports below
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

from benchmarks.markdown import markdown_table
from effects_coverage import shares_covered


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.effects", description=__doc__)
    parser.add_argument("--datasets", type=int, default=300)
    datasets = parser.parse_args().datasets
    by_method = {method: shares_covered(method, simulations=datasets) for method in ("ml", "vb")}
    error = 100.0 * (0.95 * 0.05 / datasets) ** 0.5
    print(f"Coverage in % of 95 % intervals, {datasets} data sets; Monte-Carlo standard error {error:.1f}.\n")
    rows = [[name, *(f"{100.0 * shares[name]:.1f}" for shares in by_method.values())] for name in by_method["ml"]]
    print(markdown_table(["interval of", *by_method], rows))


if __name__ == "__main__":
    main()
