"""Data with a known truth: binary outcomes of clustered observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTERCEPT = -0.5


@dataclass(frozen=True, slots=True)
class ClusteredData:
    """Outcomes of N observations in groups.

    Attributes
    ----------
    y : (N,) array
        0 or 1.
    x : (N, p) array
    groups : (N,) integer array
        Labels from zero.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    groups: NDArray[np.intp]

    def as_lists(self) -> tuple[list[list[float]], list[list[float]], list[list[float]]]:
        """y, x and groups as rows of cells; every number a float, as Excel hands them over."""
        return (
            self.y[:, None].tolist(),
            self.x.tolist(),
            self.groups[:, None].astype(np.float64).tolist(),
        )


def simulate_rows(rows: int, *, groups: int, columns: int, seed: int, sd: float = 1.0) -> ClusteredData:
    """Rows in random groups with continuous columns; about one outcome in three is a success.

    The coefficients alternate in sign and together add one unit of variance to the linear predictor.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    group_index = rng.integers(groups, size=rows)
    coefficients = np.where(np.arange(columns) % 2 == 0, 1.0, -1.0) / np.sqrt(columns)
    predictor = INTERCEPT + x @ coefficients + rng.normal(scale=sd, size=groups)[group_index]
    return ClusteredData(y=_draw(rng, predictor), x=x, groups=group_index)


def simulate_trial(
    rng: np.random.Generator, *, groups: int, size: int, sd: float, coefficients: tuple[float, float, float]
) -> ClusteredData:
    """A cluster-randomised trial: intercept, treatment of whole groups (every second one), one normal covariate."""
    group_index = np.repeat(np.arange(groups), size)
    x = np.column_stack([(group_index % 2).astype(np.float64), rng.normal(size=groups * size)])
    predictor = coefficients[0] + x @ coefficients[1:] + rng.normal(scale=sd, size=groups)[group_index]
    return ClusteredData(y=_draw(rng, predictor), x=x, groups=group_index)


def _draw(rng: np.random.Generator, predictor: NDArray[np.float64]) -> NDArray[np.float64]:
    return (rng.random(len(predictor)) < expit(predictor)).astype(np.float64)
