"""Estimates -> the rows of the table. No arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glmm_binomial.answers.estimates import Estimates, estimates_of
from glmm_binomial.answers.overdispersion import shown as dispersion_shown
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.t_tests import shown as t_tests_shown
from glmm_binomial.estimation.fitted_model import fit_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.estimation.fitted_model import GLMM

FIXED_HEADER = (
    "fixed_effects",
    "parameter",
    "coefficient",
    "std_error",
    "z_statistic",
    "p_value",
    "ci_lower",
    "ci_upper",
    "odds_ratio",
)
RANDOM_HEADER = ("random_effects", "parameter", "variance", "std_dev")
MOST_CORRELATIONS = 5
"""Columns that are left for the correlations of an effect with those above it; the others are diagnostics."""

DIAGNOSTICS_HEADER = ("diagnostics", "parameter", "value")


def fitted_table(**arguments: Any) -> Table:
    """Fit as `fit_ranges` does, whose arguments these are, and give the table of the model."""
    return table(fit_ranges(**arguments))


def table(model: GLMM) -> Table:
    """The table of a model; its rows down to `bic` never change their place or name."""
    return Table(estimates_of(model))


@dataclass(frozen=True, slots=True)
class Table(Tabular):
    """Nine columns of what was estimated."""

    estimates: Estimates

    def rows(self) -> list[tuple[object, ...]]:
        """The header and the fixed effects, the random effects, log-likelihood, aic and bic, diagnostics, warnings.

        The row of the first fixed effect says that there are warnings, for an area in which the last rows are cut off.
        """
        estimates = self.estimates
        rows: list[tuple[object, ...]] = [FIXED_HEADER]
        rows += [
            (_warnings_below(len(estimates.notices)) if place == 0 else "", name, *numbers)
            for place, (name, *numbers) in enumerate(
                zip(
                    estimates.fixed_names,
                    estimates.coefficients,
                    estimates.std_errors,
                    estimates.z_statistics,
                    estimates.p_values,
                    estimates.ci_lower,
                    estimates.ci_upper,
                    estimates.odds_ratios,
                    strict=True,
                )
            )
        ]
        shown = 0 if estimates.correlations is None else min(len(estimates.random_names) - 1, MOST_CORRELATIONS)
        rows.append((*RANDOM_HEADER, *(f"corr_{number}" for number in range(1, shown + 1))))
        rows += [
            ("", name, variance, std_dev, *_correlations_above(estimates, place)[:shown])
            for place, (name, variance, std_dev) in enumerate(
                zip(estimates.random_names, estimates.variances, estimates.std_devs, strict=True)
            )
        ]
        rows += [
            ("log_likelihood", estimates.log_likelihood),
            ("aic", estimates.aic),
            ("bic", estimates.bic),
            DIAGNOSTICS_HEADER,
        ]
        rows += [("", name, value) for name, value in _diagnostics(estimates).items()]
        rows += [("", name, value) for name, value in _other_correlations(estimates)]
        rows += [("", *row) for row in (*dispersion_shown(estimates.dispersion), *t_tests_shown(estimates))]
        return rows + [("warning", notice) for notice in estimates.notices]


def _warnings_below(count: int) -> str:
    """How many warnings stand at the end of the table; blank for none."""
    if count == 0:
        return ""
    return "1 warning below" if count == 1 else f"{count} warnings below"


def _correlations_above(estimates: Estimates, place: int) -> list[float | None]:
    """Of a random effect with those above it; blank where one of the two does not vary."""
    if estimates.correlations is None:
        return []
    return [value if np.isfinite(value) else None for value in estimates.correlations[place, :place].tolist()]


def _other_correlations(estimates: Estimates) -> Iterator[tuple[str, float | None]]:
    """Those for which no column is left."""
    names = estimates.random_names
    for place, name in enumerate(names):
        others = list(zip(names, _correlations_above(estimates, place), strict=False))[MOST_CORRELATIONS:]
        yield from ((f"corr: {name}, {other}", value) for other, value in others)


def _of_groups(estimates: Estimates) -> dict[str, object]:
    """How many there are, and how alike their rows."""
    if not estimates.kinds:
        return {"groups": len(estimates.group_labels), "icc": estimates.icc}
    counts = {f"groups: {kind.name}": kind.count for kind in estimates.kinds}
    return counts | {f"icc: {kind.name}": kind.icc for kind in estimates.kinds}


def _of_laplace(estimates: Estimates) -> dict[str, object]:
    """Over which of crossed groups it was taken, and how far it is off."""
    check = estimates.laplace
    if not estimates.laplace_over:
        return {}
    found: dict[str, object] = {"laplace": f"log_likelihood, over {estimates.laplace_over}"}
    if check is not None:
        found["log_likelihood_error"] = check.log_likelihood_error
    if check is not None and estimates.method == "ml":
        found |= {"estimates_error": check.estimates_error, "laplace_share": check.share}
    return found


def _diagnostics(estimates: Estimates) -> dict[str, object]:
    trials = {} if estimates.trials is None else {"trials": estimates.trials}
    omitted = {"rows_omitted": estimates.rows_omitted} if estimates.rows_omitted else {}
    posterior = (
        {}
        if estimates.posterior_error is None
        else {"posterior_error": estimates.posterior_error, "effective_share": estimates.effective_share}
    )
    offset = {"offset": estimates.offset} if estimates.offset else {}
    likelihood = {} if estimates.method == "ml" else {"likelihood_converged": estimates.likelihood_converged}
    return {
        "method": estimates.method,
        "converged": estimates.converged,
        "observations": estimates.observations,
        **omitted,
        **trials,
        **offset,
        **_of_groups(estimates),
        "quadrature_nodes": "laplace" if estimates.nodes is None else estimates.nodes,
        **_of_laplace(estimates),
        "largest_score": estimates.largest_score,
        **posterior,
        **likelihood,
    }
