"""Small data sets drawn from the model with a fixed seed, as the Design that a fit sees."""

from __future__ import annotations

import numpy as np

from glmm_binomial.model.design import Design, build_design
from glmm_binomial.observations import observe


def draw(
    seed: int, *, groups: int = 12, size: int = 6, slopes: int = 0, sd: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return y (N,), x (N, 2), group (N,) and x_random (N, slopes)."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    x = np.column_stack([generator.normal(size=group.size), np.repeat(generator.normal(size=groups), size)])
    x_random = generator.normal(size=(group.size, slopes))
    effects = sd * generator.normal(size=(groups, 1 + slopes))
    z = np.column_stack([np.ones(group.size), x_random])
    eta = -0.3 + x @ np.array([0.7, -0.4]) + (z * effects[group]).sum(axis=1)
    return (generator.random(group.size) < 1.0 / (1.0 + np.exp(-eta))).astype(float), x, group, x_random


def draw_design(seed: int, **shape: float) -> Design:
    """Return the design of such a data set."""
    y, x, group, x_random = draw(seed, **shape)
    return build_design(observe(y, x, group, x_random=x_random if x_random.shape[1] else None))
