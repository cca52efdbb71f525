"""Proof on the user's own machine: the certified data sets fitted, and how many digits agree."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.estimates import fit
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.certified import bacteria, cbpp, contraception, expanded, vegetables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.certified import CertifiedData

NEEDED_DIGITS: Final = 8.0
NEEDED_DIGITS_OF_SLOPE_STD_ERRORS: Final = 6.0
"""The certified standard errors of the model with a random slope come from a coarser grid."""

MOST_DIGITS: Final = 15.0
"""What double precision can hold."""

HEADER: Final = ("data_set", "quantity", "certified", "computed", "correct_digits", "pass")
PACKAGES: Final = ("glmm-binomial", "numpy", "scipy", "statsmodels")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One certified number beside the computed one.

    Attributes
    ----------
    data_set, quantity : str
    certified, computed : float
    needed_digits : float
    """

    data_set: str
    quantity: str
    certified: float
    computed: float
    needed_digits: float

    @property
    def correct_digits(self) -> float:
        """-log10 of the relative error, at most 15."""
        error = abs(self.computed / self.certified - 1.0)
        return float(min(MOST_DIGITS, -np.log10(error))) if error else MOST_DIGITS

    @property
    def passes(self) -> bool:
        """Whether enough digits are correct."""
        return self.correct_digits >= self.needed_digits


@dataclass(frozen=True, slots=True)
class Selftest(Tabular):
    """The outcome of a self-test.

    Attributes
    ----------
    comparisons : tuple of Comparison
    versions : tuple of (str, str)
        Of Python and of the packages that compute.
    """

    comparisons: tuple[Comparison, ...]
    versions: tuple[tuple[str, str], ...]

    @property
    def passes(self) -> bool:
        """Whether every comparison does."""
        return all(comparison.passes for comparison in self.comparisons)

    def rows(self) -> list[Sequence[object]]:
        """A header, a row per comparison, the result, and the versions; six columns."""
        rows: list[Sequence[object]] = [HEADER]
        rows += [
            [each.data_set, each.quantity, each.certified, each.computed, each.correct_digits, each.passes]
            for each in self.comparisons
        ]
        rows.append(["result", "all pass", None, None, None, self.passes])
        rows += [("version", package, number) for package, number in self.versions]
        return rows


def selftest() -> Selftest:
    """Fit the certified data sets by maximum likelihood and compare every certified number."""
    data_sets = {
        "vegetables": vegetables(),
        "cbpp, counts": cbpp(),
        "cbpp, single trials": expanded(cbpp()),
        "contraception": contraception(),
        "bacteria": bacteria(),
        "contraception, random slope": contraception(urban_slope=True),
    }
    comparisons = tuple(
        comparison
        for name, data in data_sets.items()
        for comparison in _compare(name, data, fit(**data.arguments, method="ml"))
    )
    versions = (("python", platform.python_version()), *((package, version(package)) for package in PACKAGES))
    return Selftest(comparisons=comparisons, versions=versions)


def _compare(data_set: str, data: CertifiedData, estimates: Estimates) -> Iterator[Comparison]:
    certified = data.maximum_likelihood
    of_std_errors = NEEDED_DIGITS if data.x_random is None else NEEDED_DIGITS_OF_SLOPE_STD_ERRORS
    for quantity, wanted, found, digits in (
        ("coefficient", certified["coef"], estimates.coefficients, NEEDED_DIGITS),
        ("std_error", certified["se"], estimates.std_errors, of_std_errors),
    ):
        for name, value, computed in zip(data.names, wanted, found, strict=True):
            yield Comparison(data_set, f"{quantity} of {name}", float(value), float(computed), digits)
    for name, value, computed in zip(
        ("intercept", "slope"), np.atleast_1d(certified["sigma"]), estimates.std_devs, strict=False
    ):
        yield Comparison(data_set, f"std_dev of the random {name}", float(value), float(computed), NEEDED_DIGITS)
    # single trials miss the binomial coefficients that the certified value of the counts contains
    if data.log_likelihood_is_certified:
        computed = estimates.log_likelihood
        yield Comparison(data_set, "log_likelihood", float(certified["loglik"]), computed, NEEDED_DIGITS)
