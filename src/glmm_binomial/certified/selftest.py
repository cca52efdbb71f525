"""Proof on the user's own machine: the certified data sets fitted, and how well the numbers agree."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial import __version__
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

ALLOWED_OF_MEANS: Final = 0.01
ALLOWED_OF_SDS: Final = 0.02
ALLOWED_OF_LIMITS: Final = 0.06
"""Errors allowed of posterior means and limits, in posterior SDs, and of these SDs, relative."""

MOST_DIGITS: Final = 15.0
"""What double precision can hold."""

HEADER: Final = ("data_set", "quantity", "certified", "computed", "correct_digits", "pass")
PACKAGES: Final = ("numpy", "scipy", "statsmodels")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One certified number beside the computed one.

    Attributes
    ----------
    data_set, quantity : str
    certified, computed : float
    needed_digits : float
        Zero where an error is allowed instead.
    allowed_error : float or None
        Of numbers that are integrals over a posterior, and not known to many digits either.
    """

    data_set: str
    quantity: str
    certified: float
    computed: float
    needed_digits: float
    allowed_error: float | None = None

    @property
    def correct_digits(self) -> float:
        """-log10 of the relative error, at most 15."""
        error = abs(self.computed / self.certified - 1.0)
        return float(min(MOST_DIGITS, -np.log10(error))) if error else MOST_DIGITS

    @property
    def passes(self) -> bool:
        """Whether enough digits are correct, or the error is small enough."""
        if self.allowed_error is not None:
            return abs(self.computed - self.certified) <= self.allowed_error
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
    """Fit the certified data sets by maximum likelihood and by the default method; compare every certified number."""
    data_sets = {
        "vegetables": vegetables(),
        "cbpp, counts": cbpp(),
        "cbpp, single trials": expanded(cbpp()),
        "contraception": contraception(),
        "bacteria": bacteria(),
        "contraception, random slope": contraception(urban_slope=True),
    }
    comparisons = [
        comparison
        for name, data in data_sets.items()
        for comparison in _compare(name, data, fit(**data.arguments, method="ml"))
    ]
    comparisons += [
        comparison
        for name, data in data_sets.items()
        for comparison in _compare_posterior(f"{name}: vb", data, fit(**data.arguments))
    ]
    # a checkout that PyXLL finds by its path is not installed, and its version known to nobody else
    own = (("python", platform.python_version()), ("glmm-binomial", __version__))
    versions = (*own, *((package, version(package)) for package in PACKAGES))
    return Selftest(comparisons=tuple(comparisons), versions=versions)


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


def _compare_posterior(data_set: str, data: CertifiedData, estimates: Estimates) -> Iterator[Comparison]:
    """The default method against long importance sampling of the same posterior."""
    certified = data.posterior
    if certified is None:
        return
    sds = np.array(certified["sd"])
    of_limits = (ALLOWED_OF_LIMITS + 2.0 * certified["quantile_mc_error"]) * sds
    for quantity, wanted, found, allowed in (
        ("coefficient", certified["mean"], estimates.coefficients, ALLOWED_OF_MEANS * sds),
        ("std_error", certified["sd"], estimates.std_errors, ALLOWED_OF_SDS * sds),
        ("ci_lower", certified["q025"], estimates.ci_lower, of_limits),
        ("ci_upper", certified["q975"], estimates.ci_upper, of_limits),
    ):
        for name, value, computed, error in zip(data.names, wanted, found, allowed, strict=True):
            yield Comparison(data_set, f"{quantity} of {name}", float(value), float(computed), 0.0, float(error))
    for name, log_sd, log_sd_sd, computed in zip(
        ("intercept", "slope"),
        np.atleast_1d(certified["log_sd"]),
        np.atleast_1d(certified["log_sd_sd"]),
        estimates.std_devs,
        strict=False,
    ):
        value = float(np.exp(log_sd))
        allowed = ALLOWED_OF_MEANS * float(log_sd_sd) * value
        yield Comparison(data_set, f"std_dev of the random {name}", value, float(computed), 0.0, allowed)
