"""The style "sentence": a paragraph for the results section."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.report_styles.printed import decimals_of
from glmm_binomial.answers.report_styles.tables import ratio_and_interval
from glmm_binomial.answers.report_styles.wording import (
    effects_of,
    has_products,
    icc_of,
    levels_of,
    method_of,
    predictors_of,
    success_of,
)
from glmm_binomial.model.design import INTERCEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.answers.report_styles.printed import Printer
    from glmm_binomial.estimation.fitted_model import GLMM

PRIORS: Final = "priors N(0, 2^2) for the coefficients of standardised columns and N(0, 1) for log SDs"


def sentence_rows(model: GLMM, estimates: Estimates, printer: Printer) -> list[Sequence[object]]:
    """One cell that holds the paragraph."""
    return [(" ".join(_sentences(model, estimates, printer)),)]


def _sentences(model: GLMM, estimates: Estimates, printer: Printer) -> Iterator[str]:
    between = " by " if model.design.scale.crossed else " in "
    levels = levels_of(model) if model.design.scale.crossed else list(reversed(levels_of(model)))
    groups = between.join(f"{printer.count(count)} {name}" for name, count in levels)
    rows = f"{printer.count(estimates.observations)} observations"
    if estimates.trials is not None:
        rows = f"{printer.count(estimates.trials)} trials in {printer.count(estimates.observations)} rows"
    omitted = estimates.rows_omitted
    left_out = f" ({printer.count(omitted)} more left out for missing values)" if omitted else ""
    scale = model.design.scale
    slopes = list(estimates.random_names[scale.random_intercepts :])
    effects = f"a random intercept and random slopes of {_listed(slopes)}" if slopes else "a random intercept"
    if not scale.random_intercept:
        effects = f"random slopes of {_listed(slopes)} and no random intercept"
    if estimates.kinds:
        effects = " and ".join(f"a random {name}" for name in effects_of(estimates))
    if estimates.offset:
        effects = f"{effects}, {estimates.offset} being an offset,"
    yield (
        f"A mixed-effects logistic regression with {effects} was fitted to {rows}{left_out} of {groups} by "
        f"{method_of(estimates)}."
    )
    yield from _of_predictors(model, estimates, printer)
    yield from _of_groups(estimates, printer)
    if estimates.method == "vb":
        priors = PRIORS if estimates.correlations is None else f"{PRIORS}, and LKJ(2) for correlations"
        yield f"Intervals are quantiles of the posterior, with {priors}; p is twice its smaller share of either sign."


def _of_predictors(model: GLMM, estimates: Estimates, printer: Printer) -> Iterator[str]:
    with np.errstate(over="ignore"):
        limits = np.exp([estimates.ci_lower, estimates.ci_upper]).T.tolist()
    interval = "credible interval" if estimates.method == "vb" else "CI"
    told = []
    for name, words, ratio, (lower, upper), p in zip(
        estimates.fixed_names,
        predictors_of(model),
        estimates.odds_ratios.tolist(),
        limits,
        estimates.p_values.tolist(),
        strict=True,
    ):
        if name != INTERCEPT or not model.design.scale.intercept:
            shown, between = ratio_and_interval(printer, ratio, lower, upper)
            limits_and_p = f"{printer.percent(estimates.alpha)} {interval} {between}, {printer.p_in_words(p)}"
            told.append(f"{shown} for {words} ({limits_and_p})")
    if not told:
        return
    ratio = "odds ratio" if len(told) == 1 else "odds ratios"
    were = "was" if len(told) == 1 else "were"
    yield f"For a typical group, the {ratio} of {success_of(model)} {were} {_listed(told, between='; ')}."
    if has_products(model):
        yield "An odds ratio of a column that enters a product holds where the others of the product are zero."


def _of_groups(estimates: Estimates, printer: Printer) -> Iterator[str]:
    names = effects_of(estimates)
    told = [
        f"{printer.decimal(sd, decimals_of(sd))} for the {name}" if sd > 0.0 else f"estimated at zero for the {name}"
        for name, sd in zip(names, estimates.std_devs.tolist(), strict=True)
    ]
    shares = ", ".join(f"{name} {printer.share(value)}" for name, value in icc_of(estimates))
    icc = f" ({shares})" if shares else ""
    yield f"The standard deviation between groups on the logit scale was {_listed(told)}{icc}."
    if estimates.correlations is None:
        return
    for first, second in combinations(range(len(names)), 2):
        correlation = float(estimates.correlations[second, first])
        # none where one of the two does not vary
        if np.isfinite(correlation):
            yield f"The correlation of {names[first]} and {names[second]} was {printer.share(correlation)}."


def _listed(items: list[str], between: str = ", ") -> str:
    """All of them, however many."""
    return items[0] if len(items) == 1 else f"{between.join(items[:-1])}{between.rstrip()} and {items[-1]}"
