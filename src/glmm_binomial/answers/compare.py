"""Models of the same data side by side: log-likelihoods, information criteria, tests of each against the one before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.answers.likelihood_ratio_test import likelihood_ratio_test, not_tested, null_law
from glmm_binomial.answers.maximum import about_method, log_likelihood_of
from glmm_binomial.answers.model_text import model_text
from glmm_binomial.answers.nesting import different_data, nesting
from glmm_binomial.answers.origin import about_origin
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.errors import InvalidInputError
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.answers.likelihood_ratio_test import LikelihoodRatioTest
    from glmm_binomial.answers.maximum import LogLikelihood
    from glmm_binomial.estimation.fitted_model import GLMM

COMPARISON_HEADER = (
    "model",
    "parameters",
    "log_likelihood",
    "aic",
    "bic",
    "aic_weight",
    "chi_square",
    "df",
    "p_value",
    "note",
)


@dataclass(frozen=True, slots=True)
class Comparison(Tabular):
    """M models in the order in which they were given.

    Attributes
    ----------
    models : tuple of M str
        Their formulas.
    log_likelihoods : tuple of M LogLikelihood
    weights : (M,) array or None
        Akaike weights, which sum to one; None where the models cannot be compared.
    tests : tuple of M LikelihoodRatioTest or None
        Of each model against the one before; None for the first.
    notices : tuple of str
        What a reader must be warned of.
    """

    models: tuple[str, ...]
    log_likelihoods: tuple[LogLikelihood, ...]
    weights: NDArray[np.float64] | None
    tests: tuple[LikelihoodRatioTest | None, ...]
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """A header row, one row for each model, and one for each warning; ten columns."""
        weights = [None] * len(self.models) if self.weights is None else self.weights.tolist()
        rows: list[Sequence[object]] = [COMPARISON_HEADER]
        for name, at, weight, test in zip(self.models, self.log_likelihoods, weights, self.tests, strict=True):
            tested = () if test is None else (test.chi_square, test.degrees_of_freedom, test.p_value, test.note or None)
            rows.append((name, at.parameters, at.value, at.aic, at.bic, weight, *tested))
        return rows + [("warning", notice) for notice in self.notices]


def compare(models: Sequence[GLMM]) -> Comparison:
    """Compare models of the same rows and outcomes by their likelihoods, each also with the one before.

    Whatever method the models were fitted by, the log-likelihoods are maxima of the marginal likelihood, without a
    prior. The weight of model m is exp(-d_m / 2) / sum exp(-d / 2), d its AIC less the smallest (Burnham & Anderson
    2002, Model Selection and Multimodel Inference, section 2.9). Two models are tested when the columns of one are
    combinations of the columns of the other and its random effects are among the other's (see `nesting`), whichever of
    them comes first: twice the difference of the log-likelihoods against its law when the smaller holds (see
    `null_law`).

    Parameters
    ----------
    models : sequence of GLMM
        Two or more.

    Raises
    ------
    InvalidInputError
        When there are fewer.
    """
    if len(models) < 2:  # noqa: PLR2004  one has none before it
        raise InvalidInputError("Invalid input: models must be two or more.")
    log_likelihoods = tuple(log_likelihood_of(model) for model in models)
    reasons = [different_data(before, here) for before, here in pairwise(models)]
    tests = [
        not_tested(reason) if reason is not None else _test(pair, at)
        for reason, pair, at in zip(reasons, pairwise(models), pairwise(log_likelihoods), strict=True)
    ]
    problem = _why_not_comparable(log_likelihoods, reasons)
    return Comparison(
        models=tuple(model_text(model) for model in models),
        log_likelihoods=log_likelihoods,
        weights=_weights(log_likelihoods) if problem is None else None,
        tests=(None, *tests),
        notices=(
            *([] if problem is None else [problem]),
            *([] if problem is not None else _about_laplace(log_likelihoods)),
            *_about_methods(models),
            *dict.fromkeys(text for model in models for text in about_origin(model.observations)),
        ),
    )


def _test(models: tuple[GLMM, GLMM], log_likelihoods: tuple[LogLikelihood, LogLikelihood]) -> LikelihoodRatioTest:
    """Of a model and the one before, of the same outcomes."""
    stop_if_requested()
    found = nesting(*models)
    if isinstance(found, str):
        return not_tested(found)
    before, here = log_likelihoods
    larger, smaller = (before, here) if found.before_is_larger else (here, before)
    return likelihood_ratio_test(larger, smaller, null_law(found.coefficients, found.variances, found.covariances))


def _weights(log_likelihoods: tuple[LogLikelihood, ...]) -> NDArray[np.float64]:
    aic = np.array([each.aic for each in log_likelihoods])
    relative = np.exp(-0.5 * (aic - aic.min()))
    return np.asarray(relative / relative.sum())


def _why_not_comparable(log_likelihoods: tuple[LogLikelihood, ...], reasons: list[str | None]) -> str | None:
    """Why aic and bic of the models must not be held against each other; None when they may be."""
    if any(reasons):
        return (
            "The models are not all of the same rows and outcomes, so log_likelihood, aic and bic do not compare, and "
            "there is no aic_weight. Fit all of them to the rows in which nothing is missing in any."
        )
    without = [position for position, each in enumerate(log_likelihoods, start=1) if not each.is_maximum]
    if without:
        return (
            f"The likelihood of model {', '.join(map(str, without))} has no maximum that could be found: its "
            "log_likelihood, aic and bic are those at the estimates of its table and do not compare with others."
        )
    if len({each.is_laplace and each.error is None for each in log_likelihoods}) > 1:
        return (
            "With five or more random effects per group log_likelihood is Laplace's approximation, with fewer an "
            "integral by quadrature: they do not compare, and there is no aic_weight."
        )
    return None


def _about_laplace(log_likelihoods: tuple[LogLikelihood, ...]) -> Iterator[str]:
    """Where one is an approximation whose error is known, and another none."""
    if len({each.is_laplace for each in log_likelihoods}) > 1:
        told = [
            f"{each.error:.2g} in model {position}"
            for position, each in enumerate(log_likelihoods, start=1)
            if each.error is not None
        ]
        yield (
            f"Where groupings cross, log_likelihood is Laplace's approximation, which may be off by {listed(told)}: "
            "aic and bic by twice that, and aic_weight with them."
        )


def _about_methods(models: Sequence[GLMM]) -> Iterator[str]:
    for model in models:
        if model.fit.method != "ml":
            yield from about_method(model, "The numbers of this table")
            return
