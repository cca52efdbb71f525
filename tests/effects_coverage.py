"""How often 95 % intervals of contrasts and of average effects hold the truth of simulated data."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from glmm_binomial import contrast, fit_formula, margins
from glmm_binomial.model.quadrature import mean_probability

QUANTITIES = (
    "odds ratio, within groups",
    "difference",
    "ratio",
    "odds ratio, between groups",
    "risk difference, within groups",
    "risk difference, between groups",
    "slope",
    "risk ratio, within groups",
    "risk ratio, between groups",
    "risk ratio of one unit",
)

TRUTH, TRUE_SD = np.array([-0.4, 0.8, 0.5, -0.6]), 1.0


def shares_covered(method, *, simulations=300, groups=100, size=6):
    """The share of data sets in which each interval holds the truth, by what it is an interval of.

    The truth of an average over rows, or over a grid with a covariate at its mean, is that of the data set.
    """
    rng = np.random.default_rng(20_261_128)
    inside = []
    sds = np.full(groups * size, TRUE_SD)
    for _ in range(simulations):
        group = np.repeat(np.arange(groups), size)
        arm, sex = np.tile([0.0, 1.0], groups * size // 2), np.repeat(rng.integers(2, size=groups), size)
        age = rng.normal(size=groups * size)
        x = np.column_stack([np.ones(len(group)), arm, sex, age])
        y = rng.random(len(group)) < expit(x @ TRUTH + TRUE_SD * rng.normal(size=groups)[group])
        columns = zip(y.astype(float), ("ab"[int(i)] for i in arm), ("fm"[i] for i in sex), age, group, strict=True)
        table = [["y", "arm", "sex", "age", "id"], *map(list, columns)]
        model = fit_formula(table, "y ~ arm + sex + age + (1 | id)", method=method)

        def mean(column, value, x=x):
            changed = x.copy()
            changed[:, column] = value
            return mean_probability(changed @ TRUTH, sds).mean()

        grid = np.array([[1.0, a, s, age.mean()] for a in (0.0, 1.0) for s in (0.0, 1.0)])
        first, second = mean_probability(grid @ TRUTH, sds[:4]).reshape(2, 2).mean(axis=1)
        slope = (mean(3, age + 1e-4) - mean(3, age - 1e-4)) / 2e-4
        answers = [
            (contrast(model, "arm", "first"), np.exp(TRUTH[1])),
            (contrast(model, "arm", "first", "difference"), second - first),
            (contrast(model, "arm", "first", "ratio"), second / first),
            (contrast(model, "sex", "first"), np.exp(TRUTH[2])),
        ]
        covered = [bool(found.ci_lower[0] <= truth <= found.ci_upper[0]) for found, truth in answers]
        effects = margins(model).effects
        truths = [mean(1, 1.0) - mean(1, 0.0), mean(2, 1.0) - mean(2, 0.0), slope]
        covered += [each.ci_lower <= truth <= each.ci_upper for each, truth in zip(effects, truths, strict=True)]
        ratios = [mean(1, 1.0) / mean(1, 0.0), mean(2, 1.0) / mean(2, 0.0), mean(3, age + 1.0) / mean(3, age)]
        covered += [each.ratio_lower <= truth <= each.ratio_upper for each, truth in zip(effects, ratios, strict=True)]
        inside.append(covered)
    return dict(zip(QUANTITIES, np.mean(inside, axis=0).tolist(), strict=True))
