"""How often the tests of residuals reject: data sets drawn from a model, right or wrong, fitted and tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from glmm_binomial.answers.residual_tests import residual_tests
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.observations.simulation_options import SimulationOptions

SIMULATIONS = 100
LEVEL = 0.05
NAMES = ("uniformity", "dispersion", "outliers", "products")
TRUTHS = ("nothing", "interaction", "overdispersion", "grouping")
"""What the data come from beside what is fitted: two columns and an intercept of each group."""

CLASS = 4
"""Rows of a class, the grouping that is left out; they share their columns."""


@dataclass(frozen=True)
class Shape:
    """Groups of so many rows, of so many trials, which differ by an SD on the logit scale."""

    groups: int
    rows: int
    sd: float
    trials: int

    def __str__(self) -> str:
        outcomes = "0 or 1" if self.trials == 1 else f"{self.trials} trials"
        return f"{self.groups} x {self.rows}, SD {self.sd:g}, {outcomes}"


SHAPES = tuple(
    Shape(groups, rows, sd, trials) for trials in (1, 20) for groups, rows in ((10, 20), (50, 14)) for sd in (1.0, 2.0)
)


def draw(shape: Shape, truth: str, generator: np.random.Generator):
    """Return y (N,), x (N, 2) of a column of 0 and 1 and a normal one, and the groups (N,)."""
    group = np.repeat(np.arange(shape.groups), shape.rows)
    rows = len(group)
    x = np.column_stack([generator.integers(0, 2, size=rows), generator.normal(size=rows)])
    classes = np.arange(rows) // CLASS
    if truth == "grouping":
        x = x[classes * CLASS]
    eta = -0.3 + x @ np.array([0.7, -0.4]) + shape.sd * generator.normal(size=shape.groups)[group]
    if truth == "interaction":
        eta += (2.0 * x[:, 0] - 1.0) * x[:, 1]
    elif truth == "overdispersion":
        eta += 0.6 * generator.normal(size=rows)
    elif truth == "grouping":
        eta += 0.8 * generator.normal(size=rows)[classes]
    return generator.binomial(shape.trials, expit(eta)).astype(float), x, group


def rejection_rates(shape: Shape, truth: str, *, datasets: int, method: str = "ml", seed: int = 1) -> dict[str, float]:
    """Return the share of data sets that each test rejects at 5 %."""
    rejected = dict.fromkeys(NAMES, 0)
    for number in range(datasets):
        generator = np.random.default_rng([seed, number])
        y, x, group = draw(shape, truth, generator)
        model = fit_model(
            y, x, group, method=method, trials=None if shape.trials == 1 else np.full(len(y), shape.trials)
        )
        for test in residual_tests(model, SimulationOptions(n_sim=SIMULATIONS, seed=number)):
            rejected[test.name] += test.p_value <= LEVEL
    return {name: count / datasets for name, count in rejected.items()}
