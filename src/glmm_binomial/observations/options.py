"""The options of a fit, as a worksheet or a script gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from glmm_binomial.observations.cells import describe, float_or_infinity, is_blank, is_number_type, reject, single_cell

Method = Literal["vb", "ml", "mean-field"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)

Missing = Literal["omit", "refuse"]
MISSING: Final[tuple[Missing, ...]] = get_args(Missing)

DEFAULT_ALPHA: Final = 0.05

SMALLEST_ALPHA: Final = 1e-300
"""Below this half of alpha has no quantile in double precision."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the model is fitted and reported.

    Attributes
    ----------
    fit_intercept : bool
    alpha : float
        One minus the confidence level, between 0 and 1.
    method : {"vb", "ml", "mean-field"}
    """

    fit_intercept: bool
    alpha: float
    method: Method


def read_options(fit_intercept: object, alpha: object, method: object) -> Options:
    """Check the options; None or a blank cell means the default."""
    return Options(
        fit_intercept=_read_boolean("fit_intercept", single_cell(fit_intercept), default=True),
        alpha=read_alpha(alpha),
        method=_read_method(single_cell(method)),
    )


def is_lone_boolean(x_random: object) -> bool:
    """Whether the place of x_random holds a single TRUE or FALSE, which is meant for fit_intercept."""
    return isinstance(single_cell(x_random), bool | np.bool_)


def fit_intercept_from(x_random: object, fit_intercept: object) -> object:
    """The boolean in the place of x_random, unless it is TRUE and fit_intercept says FALSE.

    FALSE wins: a fit_intercept of TRUE cannot be told from one that was left out.
    """
    lone = bool(single_cell(x_random))
    given = _read_boolean("fit_intercept", single_cell(fit_intercept), default=True)
    if lone and not given:
        reject(
            "x_random is TRUE and fit_intercept is FALSE. A lone TRUE or FALSE in the place of x_random is taken for "
            "fit_intercept; leave one of the two out."
        )
    return lone


def _read_boolean(name: str, value: object, *, default: bool) -> bool:
    if is_blank(value):
        return default
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if is_number_type(type(value)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().upper() in {"TRUE", "FALSE"}:
        return value.strip().upper() == "TRUE"
    if is_method(value):
        reject(f"{name} must be a boolean. It is {describe(value)}{in_its_place(value)}")
    reject(f"{name} must be a boolean. It is {describe(value)}; give TRUE or FALSE.")


def read_alpha(alpha: object, *, default: float = DEFAULT_ALPHA) -> float:
    """Check one minus a confidence level; None or a blank cell means the default."""
    value = single_cell(alpha)
    if is_blank(value):
        return default
    if isinstance(value, bool | np.bool_) or not is_number_type(type(value)):
        a_method = ", which is a method" if is_method(value) else ""
        reject(f"alpha must be numeric. It is {describe(value)}{a_method}; for 95 % intervals give 0.05.")
    level = float_or_infinity(value)
    if not math.isfinite(level):
        reject("alpha must be finite. For 95 % intervals give 0.05.")
    if not SMALLEST_ALPHA < level < 1.0:
        reject(f"alpha must be between 0 and 1. It is {describe(value)}; for 95 % intervals give 0.05.")
    return level


def is_method(value: object) -> bool:
    """Whether a cell holds the name of a method, wherever it stands."""
    return isinstance(value, str) and value.strip().lower() in METHODS


def in_its_place(method: object) -> str:
    """What is said of a method in the place of another argument, after its name."""
    return f', which is a method: write =GLMM_BINOMIAL(y, x, groups, , , , "{str(method).strip()}").'


def _read_method(value: object) -> Method:
    if is_blank(value):
        return "vb"
    wanted = value.strip().lower() if isinstance(value, str) else None
    for method in METHODS:
        if wanted == method:
            return method
    allowed = '"vb", "ml" or "mean-field"'
    reject(
        f'method must be {allowed}. It is {describe(value)}; for maximum likelihood, as of glmer or melogit, give "ml".'
    )


def read_missing(value: object) -> Missing:
    """What to do with rows in which something is missing; None or a blank cell means to omit them."""
    value = single_cell(value)
    if is_blank(value):
        return "omit"
    wanted = value.strip().lower() if isinstance(value, str) else None
    for missing in MISSING:
        if wanted == missing:
            return missing
    reject(f'missing must be "omit" or "refuse". It is {describe(value)}.')
