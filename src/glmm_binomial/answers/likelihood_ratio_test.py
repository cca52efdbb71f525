"""Likelihood-ratio tests of coefficients and of variances, which lie on the boundary of what they can be at zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scipy.stats import chi2

if TYPE_CHECKING:
    from glmm_binomial.answers.maximum import LogLikelihood

ROUNDING: Final = 1e-7
"""Of twice a difference of log-likelihoods, both good to nine digits or more; below it there is no difference."""

LARGEST_LOSS: Final = 1e-3
"""By which the larger model's log-likelihood may be the lower one, where two searches ended near their maxima."""


@dataclass(frozen=True, slots=True)
class NullLaw:
    """The law of twice a difference of maximal log-likelihoods when the smaller model holds.

    Half and half of chi-square with `lower` and with `upper` degrees of freedom, which may be the same.

    Attributes
    ----------
    lower, upper : int
    variances : int
        Variances that are zero in the smaller model; from two on, the law is an upper bound.
    """

    lower: int
    upper: int
    variances: int

    def p_value(self, statistic: float) -> float:
        """The probability of a statistic at least as large."""
        return 0.5 * (_beyond(statistic, self.lower) + _beyond(statistic, self.upper))

    @property
    def said(self) -> str:
        """What a reader must know of p; "" where it is from one chi-square with the degrees of freedom shown."""
        if self.variances > 1:
            return (
                f"p by chi-square with {self.upper} df is conservative: {self.variances} variances are zero in the "
                "smaller model, and cannot be less"
            )
        if self.variances == 1:
            return (
                f"p by half and half of chi-square with {self.lower} and {self.upper} df: a variance is zero in the "
                "smaller model, and cannot be less"
            )
        return ""


def null_law(coefficients: int, variances: int, covariances: int = 0) -> NullLaw:
    """The law when so many coefficients, and variances and covariances of random effects, are zero.

    One variance: half and half of chi-square with one degree of freedom more and with none more (Self & Liang 1987,
    JASA 82(398), case 5; Stram & Lee 1994, Biometrics 50(4)); its covariances with q other effects are q coefficients
    more (case 3 of the latter). Several: the mixture has weights that depend on the data, and chi-square with all
    degrees of freedom bounds it from above.
    """
    free = coefficients + covariances
    upper = free + variances
    return NullLaw(lower=free if variances == 1 else upper, upper=upper, variances=variances)


def _beyond(statistic: float, degrees: int) -> float:
    if degrees == 0:
        return 1.0 if statistic <= 0.0 else 0.0
    return float(chi2.sf(statistic, degrees))


@dataclass(frozen=True, slots=True)
class LikelihoodRatioTest:
    """Of a smaller model within a larger one, or why there is none.

    Attributes
    ----------
    chi_square : float or None
        Twice the difference of the log-likelihoods.
    degrees_of_freedom : int or None
        Parameters that the larger model has more.
    p_value : float or None
    note : str
        How p was found, or why it was not; "" where there is nothing to say.
    """

    chi_square: float | None
    degrees_of_freedom: int | None
    p_value: float | None
    note: str


def not_tested(reason: str) -> LikelihoodRatioTest:
    """No test, for a reason."""
    return LikelihoodRatioTest(chi_square=None, degrees_of_freedom=None, p_value=None, note=f"not tested: {reason}")


def likelihood_ratio_test(larger: LogLikelihood, smaller: LogLikelihood, law: NullLaw) -> LikelihoodRatioTest:
    """The test of a smaller model that is nested in a larger one."""
    if not (larger.is_maximum and smaller.is_maximum):
        which = "larger" if not larger.is_maximum else "smaller"
        return not_tested(f"the likelihood of the {which} model has no maximum")
    differs = larger.is_laplace is not smaller.is_laplace
    errors = [each.error for each in (larger, smaller) if differs and each.error is not None]
    if differs and not errors:
        return not_tested(
            "one of the log-likelihoods is Laplace's approximation, with its five or more random effects, the other "
            "an integral by quadrature"
        )
    statistic = 2.0 * (larger.value - smaller.value)
    if statistic < -LARGEST_LOSS:
        return not_tested("the likelihood of the larger model is below that of the smaller, so its maximum was missed")
    statistic = 0.0 if statistic < ROUNDING else statistic
    notes = [law.said] if law.said else []
    if errors:
        notes.append(f"Laplace's approximation makes chi_square uncertain by {2.0 * max(errors):.2g}")
    return LikelihoodRatioTest(
        chi_square=statistic, degrees_of_freedom=law.upper, p_value=law.p_value(statistic), note="; ".join(notes)
    )
