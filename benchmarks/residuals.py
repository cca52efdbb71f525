"""How often the tests of GLMM_BINOMIAL_CHECK reject right and wrong models: `python -m benchmarks.residuals`.

Two columns; the wrong models leave out their interaction, or an effect of SD 0.6 of each row, or one of SD 0.8 of each
class of 4 rows; 100 simulations for each p. The simulation is that of the tests (tests/residual_rates.py). Some ten
minutes for 300 data sets of the right models and 60 of each of the wrong ones.
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
from residual_rates import NAMES, SHAPES, TRUTHS, rejection_rates


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.residuals", description=__doc__)
    parser.add_argument("--datasets", type=int, default=300)
    parser.add_argument("--wrong", type=int, default=60, help="data sets of each wrong model")
    parser.add_argument("--method", choices=("ml", "vb"), default="ml")
    options = parser.parse_args()
    error = 100.0 * (0.95 * 0.05 / options.datasets) ** 0.5
    print(f"Rejections in % at 5 %, method {options.method}, {options.wrong} data sets of each wrong model and")
    print(f"{options.datasets} of each right one (Monte-Carlo standard error {error:.1f}).\n")
    rows = []
    for truth in TRUTHS:
        for shape in SHAPES:
            datasets = options.datasets if truth == TRUTHS[0] else options.wrong
            rates = rejection_rates(shape, truth, datasets=datasets, method=options.method)
            rows.append([truth, str(shape), *(f"{100.0 * rates[name]:.1f}" for name in NAMES)])
            print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    print(markdown_table(["left out", "data", *NAMES], rows))


if __name__ == "__main__":
    main()
