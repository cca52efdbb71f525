"""The style "Python": code for this package, which fits by the model's own method."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.estimates import estimate
from glmm_binomial.answers.model_text import model_text
from glmm_binomial.answers.report_styles.digits import Promise, promised
from glmm_binomial.answers.report_styles.languages import comment
from glmm_binomial.answers.report_styles.refit import FILE, arranged, refit_of
from glmm_binomial.answers.report_styles.reread import factors_like_numbers
from glmm_binomial.observations.options import DEFAULT_ALPHA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.answers.report_styles.refit import Refit
    from glmm_binomial.estimation.fitted_model import GLMM

DIGITS: Final = 6
"""Significant ones of a standard error, the same on every machine."""


def python_rows(model: GLMM) -> list[tuple[str]]:
    """The lines of the code, in a cell each."""
    estimates = estimate(model.observations, model.design, model.fit, found=(), dispersion=None)
    return [(line,) for line in _lines(refit_of(model), estimates)]


def _lines(refit: Refit, estimates: Estimates) -> Iterator[str]:
    model = refit.model
    yield from comment((model_text(model), *arranged(refit, refit.columns, refit.columns)), before="#")
    yield "import pandas"
    yield f"from glmm_binomial import {'fit_model' if model.coding is None else 'fit_formula'}, table"
    # a label such as NA is no missing value where none was found
    kept = "" if model.observations.rows_omitted else ", keep_default_na=False"
    yield f'data = pandas.read_csv("{FILE}"{kept}{_as_texts(refit)})'
    yield f"model = {_call(refit)}"
    yield "print(table(model))"
    told = replace(refit, maximum=estimates, effects=tuple(range(len(estimates.random_names))))
    promise = Promise(
        fixed=estimates.fixed_names,
        order=range(len(estimates.fixed_names)),
        effects=estimates.random_names,
        variances=False,
        likelihood="log_likelihood",
        log_likelihood=estimates.log_likelihood,
        digits=DIGITS,
    )
    yield from comment(promised(told, promise), before="#")


def _as_texts(refit: Refit) -> str:
    """What keeps the levels of a factor texts, in the order of texts, where they look like numbers."""
    names = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: str" for name in factors_like_numbers(refit.model))
    return f", dtype={{{names}}}" if names else ""


def _call(refit: Refit) -> str:
    model, options = refit.model, refit.model.observations.options
    alpha = "" if options.alpha == DEFAULT_ALPHA else f", alpha={options.alpha!r}"
    if model.coding is not None:
        formula = json.dumps(model.coding.formula, ensure_ascii=False)
        return f'fit_formula(data, {formula}, method="{options.method}"{alpha})'
    x = [each.plain for each in refit.fixed]
    arguments = [
        _columns([refit.columns[0]]),
        _columns(x) if x else "None",
        _columns(list(refit.groups)),
    ]
    if model.observations.random_names:
        arguments.append(f"x_random={_columns([each.plain for each in refit.all_slopes])}")
    if not options.fit_intercept:
        arguments.append("fit_intercept=False")
    if model.observations.trials_given:
        arguments.append(f"trials={_columns([refit.columns[1]])}")
    return f'fit_model({", ".join(arguments)}, method="{options.method}"{alpha})'


def _columns(names: list[str | None]) -> str:
    """Columns of the data frame."""
    return f"data[{json.dumps(names, ensure_ascii=False)}]"
