"""The style "summary": laid out as R's `summary` of a fit by lme4's `glmer`, its numbers as R prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.maximum import log_likelihood_at
from glmm_binomial.answers.model_text import model_text
from glmm_binomial.answers.report_styles.printed import as_r_prints, coefficients_as_r_prints, p_values_as_r_prints
from glmm_binomial.answers.report_styles.wording import method_of
from glmm_binomial.estimation.pearson import counts_of
from glmm_binomial.model.design import INTERCEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.answers.report_styles.printed import Printer
    from glmm_binomial.estimation.fitted_model import GLMM

    Rows = list[Sequence[object]]

DIGITS: Final = 4
"""Significant digits that R shows in a summary."""

DIGITS_OF_A_VECTOR: Final = 7
"""That R shows otherwise."""

SMALLEST_SHOWN: Final = 1e-100
"""Residual, where every row is fitted exactly."""

STARS: Final = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."), (np.inf, ""))
LEGEND: Final = "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"

MOST_CORRELATED: Final = 12
"""Coefficients up to which lme4 prints their correlations."""


def summary_rows(model: GLMM, estimates: Estimates, printer: Printer) -> Rows:
    """The blocks of the summary with a blank row between them, each cell a text."""
    blocks = [
        _head(model, estimates),
        _criteria(model, printer),
        _residuals(model, printer),
        _random_effects(model, estimates, printer),
        _fixed_effects(estimates, printer),
    ]
    if 1 < len(estimates.fixed_names) <= MOST_CORRELATED:
        blocks.append(_correlations(estimates, printer))
    return [row for block in blocks for row in (*block, ())][:-1]


def _head(model: GLMM, estimates: Estimates) -> Rows:
    return [
        (f"Generalized linear mixed model fit by {method_of(estimates)}",),
        ("Family: binomial ( logit )",),
        (f"Formula: {model_text(model)}",),
    ]


def _criteria(model: GLMM, printer: Printer) -> Rows:
    at = log_likelihood_at(model.fit, model.design, len(model.observations.successes))
    degrees = at.rows - at.parameters
    numbers = [at.aic, at.bic, at.value, -2.0 * at.value, float(degrees)]
    shown = as_r_prints([round(number, 1) for number in numbers], DIGITS_OF_A_VECTOR)[:-1]
    return [("AIC", "BIC", "logLik", "deviance", "df.resid"), (*printer.all_with_mark(shown), str(degrees))]


def _residuals(model: GLMM, printer: Printer) -> Rows:
    quartiles = counts_of(model.observations, model.design.scale, model.fit).quartiles
    # what is next to nothing beside the largest is shown as zero
    power = np.floor(np.log10(max(float(np.abs(quartiles).max()), SMALLEST_SHOWN)))
    shown = as_r_prints([round(number, max(0, DIGITS - int(power))) for number in quartiles.tolist()], DIGITS)
    return [("Scaled residuals:",), ("", "Min", "1Q", "Median", "3Q", "Max"), ("", *printer.all_with_mark(shown))]


def _random_effects(model: GLMM, estimates: Estimates, printer: Printer) -> Rows:
    groups, count = model.observations.group_name or "groups", len(estimates.random_names)
    variances = printer.all_with_mark(as_r_prints(estimates.variances.tolist(), DIGITS))
    std_devs = printer.all_with_mark(as_r_prints(estimates.std_devs.tolist(), DIGITS))
    correlations: list[list[str]] = [[] for _ in range(count)]
    if estimates.correlations is not None:
        correlations = _left_of_diagonal(estimates.correlations, 2, printer)
    heading = ("Groups", "Name", "Variance", "Std.Dev.", *(["Corr"] if estimates.correlations is not None else []))
    effects = zip(estimates.random_names, variances, std_devs, correlations, strict=True)
    shown: Rows = [("" if place else groups, *cells, *beside) for place, (*cells, beside) in enumerate(effects)]
    counts = f"{groups}, {len(estimates.group_labels)}"
    if estimates.kinds:
        # those of more groups first, as there
        kinds = sorted(zip(estimates.kinds, variances, std_devs, strict=True), key=lambda each: -each[0].count)
        shown = [(kind.name, INTERCEPT, *cells) for kind, *cells in kinds]
        counts = "; ".join(f"{kind.name}, {kind.count}" for kind, *_ in kinds)
    return [
        ("Random effects:",),
        heading,
        *shown,
        (f"Number of obs: {estimates.observations}, groups: {counts}",),
    ]


def _left_of_diagonal(correlations: NDArray[np.float64], decimals: int, printer: Printer) -> list[list[str]]:
    """Of each row, with so many decimals."""
    return [
        [printer.with_mark(f"{value:.{decimals}f}") if np.isfinite(value) else "NaN" for value in row[:place]]
        for place, row in enumerate(correlations.tolist())
    ]


def _fixed_effects(estimates: Estimates, printer: Printer) -> Rows:
    coefficients, std_errors = coefficients_as_r_prints(
        estimates.coefficients.tolist(), estimates.std_errors.tolist(), DIGITS
    )
    z = as_r_prints([round(number, DIGITS - 1) for number in estimates.z_statistics.tolist()], DIGITS)
    p_values = p_values_as_r_prints(estimates.p_values.tolist(), DIGITS - 1)
    columns = map(printer.all_with_mark, (coefficients, std_errors, z, p_values))
    stars = [next(code for limit, code in STARS if p <= limit) for p in estimates.p_values.tolist()]
    return [
        ("Fixed effects:",),
        ("", "Estimate", "Std. Error", "z value", "Pr(>|z|)", ""),
        *zip(estimates.fixed_names, *columns, stars, strict=True),
        ("---",),
        (LEGEND,),
    ]


def _correlations(estimates: Estimates, printer: Printer) -> Rows:
    names, sds = estimates.fixed_names, np.sqrt(np.diag(estimates.covariance))
    found = _left_of_diagonal(estimates.covariance / np.outer(sds, sds), 3, printer)
    return [
        ("Correlation of Fixed Effects:",),
        ("", *names[:-1]),
        *((name, *cells) for name, cells in zip(names[1:], found[1:], strict=True)),
    ]
