"""The maximum of a model's likelihood, whatever method the model was fitted by, and the criteria that rest on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.estimation.fitted_model import fitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.model.design import Design


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """A marginal log-likelihood and what it is of.

    Attributes
    ----------
    value : float
        With all constants.
    parameters : int
        Coefficients, standard deviations, those at zero too, and correlations.
    rows : int
        Of data, as `bic` counts them.
    is_maximum : bool
        False where the likelihood has no maximum: the value then is that at the estimates shown.
    is_laplace : bool
        Whether it is Laplace's approximation, which does not compare with an integral by quadrature.
    error : float or None
        Of the approximation, where that is known.
    """

    value: float
    parameters: int
    rows: int
    is_maximum: bool = True
    is_laplace: bool = False
    error: float | None = None

    @property
    def aic(self) -> float:
        """-2 log L + 2 k (Akaike 1974, IEEE Transactions on Automatic Control 19(6))."""
        return -2.0 * self.value + 2.0 * self.parameters

    @property
    def bic(self) -> float:
        """-2 log L + k log N (Schwarz 1978, Annals of Statistics 6(2))."""
        return -2.0 * self.value + float(np.log(self.rows)) * self.parameters


def log_likelihood_at(fit: Fit, design: Design, rows: int) -> LogLikelihood:
    """That of a fit by any method to so many rows of data."""
    return LogLikelihood(
        value=fit.log_likelihood + design.log_binomial,
        parameters=len(fit.covariance_root),
        rows=rows,
        is_maximum=fit.likelihood_distance is not None,
        is_laplace=fit.is_laplace,
        error=None if fit.levels is None or fit.levels.check is None else fit.levels.check.log_likelihood_error,
    )


def log_likelihood_of(model: GLMM) -> LogLikelihood:
    """The maximum of a model's likelihood; where there is none, the value that the model's table shows."""
    fit, observations = model.fit, model.observations
    if fit.method != "ml" and fit.likelihood_distance is not None:
        # whether the maximum is Laplace's, the posterior does not say: an SD may be zero at the one alone
        fit = fitted(observations, model.design, "ml")
    return log_likelihood_at(fit, model.design, len(observations.successes))


def about_method(model: GLMM, what: str) -> Iterator[str]:
    """That `what`, such as "The tests of this table", follow the likelihood and not the posterior."""
    if model.fit.method != "ml":
        yield (f"{what} follow the likelihood alone, at its maximum, without the prior of method {model.fit.method}.")
