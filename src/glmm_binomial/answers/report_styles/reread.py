"""What another program makes of the texts of a CSV file, which does not say that they are texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from glmm_binomial.formula.factors import Levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glmm_binomial.estimation.fitted_model import GLMM

NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
TRUTH_VALUES_OF_R: Final = frozenset({"T", "F", "TRUE", "FALSE", "true", "false"})


def factors_of(model: GLMM) -> list[Levels]:
    """The factors of the fixed effects, of texts and of numbers."""
    coding = model.coding
    return [] if coding is None else [each for each in coding.fixed.factors if isinstance(each, Levels)]


def numbers_read(labels: Sequence[str]) -> tuple[float, ...] | None:
    """The numbers that R, Stata and SAS read where all texts of a column look like some; None where they stay texts."""
    return tuple(map(float, labels)) if all(map(NUMBER.fullmatch, labels)) else None


def factors_like_numbers(model: GLMM) -> list[str]:
    """The factors of texts of which all look like numbers."""
    return [each.name for each in factors_of(model) if each.numbers is None and numbers_read(each.labels) is not None]


def factors_like_truth_values(model: GLMM) -> list[str]:
    """The factors of texts of which R takes all for TRUE and FALSE."""
    of_texts = (each for each in factors_of(model) if each.numbers is None)
    return [each.name for each in of_texts if TRUTH_VALUES_OF_R.issuperset(each.labels)]
