"""What each term of a model contributes: the model without it, and the test of the one against the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.answers.likelihood_ratio_test import LikelihoodRatioTest, likelihood_ratio_test, not_tested, null_law
from glmm_binomial.answers.maximum import about_method, log_likelihood_at
from glmm_binomial.answers.origin import about_origin
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.errors import FitError
from glmm_binomial.estimation.fitted_model import fitted
from glmm_binomial.estimation.fitting import fit_without_effects
from glmm_binomial.formula.reduction import higher_terms, without_term
from glmm_binomial.frozen import read_only
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.model.design import build_design
from glmm_binomial.observations.wording import effect_in_words, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.answers.maximum import LogLikelihood
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.observations import Observations

TERMS_HEADER = ("term", "df", "chi_square", "p_value", "aic", "note")

NOTHING = "(none)"
"""The term that is left out in the first row."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model without one of its terms.

    Attributes
    ----------
    term : str
    test : LikelihoodRatioTest
        Against the whole model.
    aic : float or None
        Of the model without the term; None where there is no such model.
    """

    term: str
    test: LikelihoodRatioTest
    aic: float | None


@dataclass(frozen=True, slots=True)
class Terms(Tabular):
    """Each term of a model, fixed effects first.

    Attributes
    ----------
    aic : float
        Of the whole model.
    left_out : tuple of LeftOut
    notices : tuple of str
        What a reader must be warned of.
    """

    aic: float
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """A header row, the whole model, one row for each term, and one for each warning; six columns."""
        rows: list[Sequence[object]] = [TERMS_HEADER, (NOTHING, None, None, None, self.aic)]
        for each in self.left_out:
            test = each.test
            rows.append(
                (each.term, test.degrees_of_freedom, test.chi_square, test.p_value, each.aic, test.note or None)
            )
        return rows + [("warning", notice) for notice in self.notices]


def terms(model: GLMM) -> Terms:
    """Leave out each term of a model in turn and test it by the likelihood ratio, as R's drop1 does.

    A term of a formula stays while another one holds it (trt while trt:sex is there), and a random intercept while
    there are random slopes. Of a model of ranges every column is a term. What is left is fitted anew by maximum
    likelihood, whatever the method of the model; see `null_law` for the test of variances.

    Parameters
    ----------
    model : GLMM

    Raises
    ------
    FitError
        When the likelihood of the model has no maximum, with the text of method "ml".
    """
    observations = model.observations
    whole = log_likelihood_at(fitted(observations, model.design, "ml"), model.design, len(observations.successes))
    found = []
    for each in (*_fixed_terms(model), *_random_terms(model)):
        stop_if_requested()
        found.append(_left_out(each, whole))
    return Terms(
        aic=whole.aic,
        left_out=tuple(found),
        notices=(*about_method(model, "The numbers of this table"), *about_origin(observations)),
    )


@dataclass(frozen=True, slots=True)
class _Term:
    """A term, and what there is without it.

    `refit` gives the log-likelihood without it; it is None where the term stays, of which `reason` is why.
    """

    name: str
    coefficients: int
    variances: int
    refit: Callable[[], LogLikelihood] | None
    reason: str = ""
    covariances: int = 0


def _left_out(term: _Term, whole: LogLikelihood) -> LeftOut:
    if term.refit is None:
        return LeftOut(term=term.name, test=not_tested(term.reason), aic=None)
    try:
        without = term.refit()
    except FitError as problem:
        return LeftOut(term=term.name, test=not_tested(f"the model without it: {problem}"), aic=None)
    law = null_law(term.coefficients, term.variances, term.covariances)
    return LeftOut(term=term.name, test=likelihood_ratio_test(whole, without, law), aic=without.aic)


def _fixed_terms(model: GLMM) -> Iterator[_Term]:
    observations, coding = model.observations, model.coding
    x, names, intercept = observations.x, observations.x_names, observations.options.fit_intercept
    if coding is None:
        for position, name in enumerate(names):
            rest = np.delete(x, position, axis=1), (*names[:position], *names[position + 1 :])
            yield _fixed_term(observations, name, rest)
        return
    constant = np.ones((len(x), int(intercept)))
    for term in coding.fixed.terms:
        above = higher_terms(coding.fixed, term)
        if above:
            reason = f"it is part of {listed([each.name for each in above])}"
            yield _Term(term.name, coefficients=0, variances=0, refit=None, reason=reason)
        elif term.columns:
            left, combination = without_term(coding.fixed, term)
            yield _fixed_term(observations, term.name, (np.hstack([constant, x]) @ combination, left))


def _fixed_term(observations: Observations, name: str, rest: tuple[NDArray[np.float64], tuple[str, ...]]) -> _Term:
    """A term of fixed effects, of which the columns of `rest` are left."""
    x, names = rest
    dropped = observations.x.shape[1] - x.shape[1]
    if not x.shape[1] and not observations.options.fit_intercept:
        return _Term(name, dropped, variances=0, refit=None, reason="without it there is no fixed effect")
    reduced = replace(observations, x=read_only(x), x_names=names)
    return _Term(name, dropped, variances=0, refit=lambda: _refitted(reduced))


def _random_terms(model: GLMM) -> Iterator[_Term]:
    observations, coding = model.observations, model.coding
    names = observations.random_names
    without: tuple[Observations, ...] = ()
    if observations.above is not None:
        without = replace(observations, above=None), observations.by_groups_above()
    elif observations.crossed is not None:
        without = observations.by_levels(), replace(observations, crossed=None)
    if without:
        for name, reduced in zip(model.design.scale.random_names, without, strict=True):
            called = f"random {effect_in_words(name)}"
            yield _Term(called, coefficients=0, variances=1, refit=_refit_of(reduced))
        return
    sets = (
        [(position,) for position in range(len(names))]
        if coding is None
        else [term.columns for term in coding.random.effects.terms if term.columns]
    )
    intercepts = model.design.scale.random_intercepts
    if not sets:
        yield _Term("random intercept", coefficients=0, variances=1, refit=lambda: _without_effects(model))
        return
    if intercepts:
        slopes = listed([effect_in_words(name) for name in names])
        yield _Term(
            "random intercept", coefficients=0, variances=1, refit=None, reason=f"it stays beside the random {slopes}"
        )
    for places in sets:
        kept = np.delete(np.arange(len(names)), places)
        reduced = replace(
            observations,
            x_random=read_only(observations.x_random[:, kept]),
            random_names=tuple(names[place] for place in kept),
        )
        name = listed([f"random {effect_in_words(names[place])}" for place in places])
        # those of the terms' effects with each other and with all that are left, an intercept among them
        pairs = comb(len(names) + intercepts, 2) - comb(len(kept) + intercepts, 2) if observations.correlated else 0
        refit = _refit_of(reduced) if intercepts or len(kept) else lambda: _without_effects(model)
        yield _Term(name, coefficients=0, variances=len(places), refit=refit, covariances=pairs)


def _refit_of(reduced: Observations) -> Callable[[], LogLikelihood]:
    return lambda: _refitted(reduced)


def _refitted(reduced: Observations) -> LogLikelihood:
    design = build_design(reduced)
    return log_likelihood_at(fitted(reduced, design, "ml"), design, len(reduced.successes))


def _without_effects(model: GLMM) -> LogLikelihood:
    return log_likelihood_at(fit_without_effects(model.design), model.design, len(model.observations.successes))
