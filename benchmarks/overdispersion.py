"""How often a predictor without effect is significant in overdispersed counts, with an effect of each row and without.

python -m benchmarks.overdispersion [--datasets 500]
"""

from __future__ import annotations

import argparse

import numpy as np

from glmm_binomial import estimates_of, fit_formula

GROUPS, ROWS, TRIALS = 30, 6, 20
SD_OF_GROUPS, SD_OF_ROWS = 0.5, 1.0
MODELS = ("(1 | g)", "(1 | g/row)")


def drawn(seed: int) -> list[list[object]]:
    """A table of counts in which every row has an effect of its own, and x has none."""
    generator = np.random.default_rng(seed)
    of_groups = SD_OF_GROUPS * generator.normal(size=GROUPS)
    table: list[list[object]] = [["y", "n", "x", "g", "row"]]
    for group in range(GROUPS):
        for row in range(ROWS):
            x, logit = generator.normal(), -0.2 + of_groups[group] + SD_OF_ROWS * generator.normal()
            y = int(generator.binomial(TRIALS, 1.0 / (1.0 + np.exp(-logit))))
            table.append([y, TRIALS, x, group, group * ROWS + row])
    return table


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=500)
    datasets = parser.parse_args().datasets
    significant = dict.fromkeys(MODELS, 0)
    for seed in range(datasets):
        table = drawn(seed)
        for model in MODELS:
            found = estimates_of(fit_formula(table, f"y / n ~ x + {model}", method="ml"))
            significant[model] += int(found.p_values[1] < found.alpha)
    for model, count in significant.items():
        print(f"y / n ~ x + {model}: {count} of {datasets}")


if __name__ == "__main__":
    main()
