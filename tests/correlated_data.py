"""Data with correlated random effects: drawn ones, and contraception with a slope of urban."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np
from scipy.special import expit

from glmm_binomial import fit_formula


@cache
def small(seed=5, groups=20, size=12, correlation=-0.5):
    generator = np.random.default_rng(seed)
    group, x = np.repeat(np.arange(groups), size), generator.normal(size=groups * size)
    root = np.array([[0.8, 0.0], [0.7 * correlation, 0.7 * np.sqrt(1.0 - correlation**2)]])
    effects = generator.normal(size=(groups, 2)) @ root.T
    y = generator.random(len(x)) < expit(0.2 + 0.5 * x + effects[group, 0] + effects[group, 1] * x)
    return y.astype(float), x, group


def model_of(data, formula="y ~ x + (1 + x | id)", method="ml"):
    y, x, group = data
    cells = [
        ["y", "x", "id"],
        *([a, b, f"g{c}"] for a, b, c in zip(y.tolist(), x.tolist(), group.tolist(), strict=True)),
    ]
    return fit_formula(cells, formula, method=method)


@cache
def contraception_with(shift, method="ml"):
    text = files("glmm_binomial.certified").joinpath("contraception.csv").read_text()
    head, *rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    column = {name: [row[place] for row in rows] for place, name in enumerate(head)}
    urban = np.array([value == "Y" for value in column["urban"]], dtype=float)
    children = [f"k{value}" for value in column["livch"]]
    cells = zip(
        [float(value == "Y") for value in column["use"]],
        [float(value) for value in column["age"]],
        children,
        urban.tolist(),
        (urban + shift).tolist(),
        column["district"],
        strict=True,
    )
    data = [["use", "age", "livch", "urban", "z", "district"], *(list(row) for row in cells)]
    return fit_formula(data, "use ~ age + I(age^2) + livch + urban + (1 + z | district)", method=method)
