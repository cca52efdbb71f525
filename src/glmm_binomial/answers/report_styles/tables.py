"""The styles "table", odds ratios as a journal prints them, and "covariance", that of the coefficients."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.answers.report_styles.printed import decimals_between, decimals_of
from glmm_binomial.answers.report_styles.wording import effects_of, groups_of, icc_of, levels_of, method_of
from glmm_binomial.answers.t_tests import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.answers.report_styles.printed import Printer
    from glmm_binomial.estimation.fitted_model import GLMM

Rows = list["Sequence[object]"]


def table_rows(model: GLMM, estimates: Estimates, printer: Printer) -> Rows:
    """Odds ratios with interval and p, how much groups differ, and how many there are; texts but for whole numbers."""
    interval = "credible interval" if estimates.method == "vb" else "interval"
    rows: Rows = [("predictor", "odds_ratio", f"{printer.percent(estimates.alpha)} {interval}", "p")]
    with np.errstate(over="ignore"):
        lower, upper = np.exp(estimates.ci_lower), np.exp(estimates.ci_upper)
    for name, ratio, *limits, p in zip(
        estimates.fixed_names,
        estimates.odds_ratios.tolist(),
        lower.tolist(),
        upper.tolist(),
        estimates.p_values.tolist(),
        strict=True,
    ):
        rows.append((name, *ratio_and_interval(printer, ratio, *limits), printer.p_value(p)))
    rows += _by_t(estimates, printer)
    rows += _of_groups(model, estimates, printer)
    return rows + [("note", note) for note in _notes(estimates)]


def ratio_and_interval(printer: Printer, ratio: float, lower: float, upper: float) -> tuple[str, str]:
    """An odds ratio and its limits with the same decimals, such as 8.93 and 7.00 to 11.38."""
    decimals = decimals_between(lower, upper)
    shown = [printer.decimal(number, decimals) for number in (ratio, lower, upper)]
    return shown[0], f"{shown[1]} to {shown[2]}"


def _by_t(estimates: Estimates, printer: Printer) -> Iterator[Sequence[object]]:
    for test in told(estimates):
        name, ratio = estimates.fixed_names[test.position], float(estimates.odds_ratios[test.position])
        with np.errstate(over="ignore"):
            lower, upper = np.exp([test.ci_lower, test.ci_upper]).tolist()
        called = f"{name}, by t with {test.degrees_of_freedom} df"
        yield called, *ratio_and_interval(printer, ratio, lower, upper), printer.p_value(test.p_value)


def _of_groups(model: GLMM, estimates: Estimates, printer: Printer) -> Iterator[Sequence[object]]:
    names = effects_of(estimates)
    between = "" if estimates.kinds else f" between {groups_of(model)}"
    for name, sd in zip(names, estimates.std_devs.tolist(), strict=True):
        yield f"SD of {name}{between}", printer.decimal(sd, decimals_of(sd))
    if estimates.correlations is not None:
        for first, second in combinations(range(len(names)), 2):
            correlation = float(estimates.correlations[second, first])
            # none where one of the two does not vary
            shown = printer.share(correlation) if np.isfinite(correlation) else None
            yield f"correlation of {names[first]} and {names[second]}", shown
    for called, icc in icc_of(estimates):
        yield called, printer.share(icc)
    yield from levels_of(model)
    yield "observations", estimates.observations
    if estimates.trials is not None:
        yield "trials", estimates.trials
    if estimates.offset:
        yield "offset", estimates.offset
    if estimates.rows_omitted:
        yield "rows left out", estimates.rows_omitted


def _notes(estimates: Estimates) -> Iterator[str]:
    meant = {
        "ml": "Intervals and p are Wald's.",
        "vb": "Intervals are quantiles of the posterior; p is twice the smaller posterior probability of either sign.",
        "mean-field": "Intervals and p are Wald's, from raw mean-field SDs.",
    }
    yield (
        "Odds ratios for a typical group, with random effects of zero; that of the intercept is odds. "
        f"By {method_of(estimates)}. {meant[estimates.method]}"
    )


def covariance_rows(_model: GLMM, estimates: Estimates, _printer: Printer) -> Rows:
    """The covariance of the coefficients, (k, k), their names above and on the left."""
    rows: Rows = [("covariance", *estimates.fixed_names)]
    return rows + [
        (name, *numbers) for name, numbers in zip(estimates.fixed_names, estimates.covariance.tolist(), strict=True)
    ]
