"""How good is a model? Deviance, shares of variance, discrimination and calibration, dispersion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.discrimination import discrimination
from glmm_binomial.answers.fitted import fitted_logits
from glmm_binomial.answers.maximum import log_likelihood_of
from glmm_binomial.answers.origin import about_origin
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.variance_shares import shares_of_kinds, variance_shares
from glmm_binomial.estimation.pearson import counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glmm_binomial.answers.variance_shares import Share
    from glmm_binomial.estimation.fitted_model import GLMM

QUALITY_HEADER = ("measure", "value", "ci_lower", "ci_upper", "note")

FEWEST_DEGREES: Final = 1.0
"""Of freedom of Pearson's chi-square, below which it tells nothing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure; `value` is None where it does not exist, of which `note` says why."""

    name: str
    value: float | None
    ci_lower: float | None = None
    ci_upper: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quality(Tabular):
    """Measures of a model.

    Attributes
    ----------
    measures : tuple of Measure
    alpha : float
        One minus the confidence level of the intervals.
    notices : tuple of str
        What a reader must be warned of.
    """

    measures: tuple[Measure, ...]
    alpha: float
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """A header row, one row for each measure, and one for each warning; five columns."""
        rows: list[Sequence[object]] = [QUALITY_HEADER]
        rows += [(each.name, each.value, each.ci_lower, each.ci_upper, each.note or None) for each in self.measures]
        return rows + [("warning", notice) for notice in self.notices]


def quality(model: GLMM) -> Quality:
    """Measures of how well a model describes its data.

    Shares of variance have intervals (see `variance_shares`). Those of discrimination are of the rows of the fit, for a
    typical group, with random effects at zero, and for the known groups, at their posterior means under "vb" and their
    conditional modes under "ml". Pearson's chi-square is at the modes too.

    Parameters
    ----------
    model : GLMM
    """
    return Quality(
        measures=(
            *_of_likelihood(model),
            *_of_variance(model),
            *_of_discrimination(model),
            _dispersion(model),
        ),
        alpha=model.observations.options.alpha,
        notices=(*_about_method(model), *about_origin(model.observations)),
    )


def _of_likelihood(model: GLMM) -> Iterator[Measure]:
    found = log_likelihood_of(model)
    note = "-2 log_likelihood, at its maximum" if found.is_maximum else "-2 log_likelihood at the estimates: no maximum"
    yield Measure("deviance", -2.0 * found.value, note=note)
    yield Measure("df_resid", float(found.rows - found.parameters), note="rows less parameters")


def _of_variance(model: GLMM) -> Iterator[Measure]:
    found = variance_shares(model)
    observation = f"1 / (p (1 - p)) = {1.0 / (found.mean_outcome * (1.0 - found.mean_outcome)):.4g} within groups"
    at = f"observation scale, {observation} at p = {found.mean_outcome:.4g}"
    latent = "latent scale, pi^2 / 3 within groups"
    has_slopes = len(model.fit.sds) > model.design.scale.random_intercepts
    over_rows = ", the variance between groups averaged over the rows" if has_slopes else ""
    offset = "" if model.observations.offset is None else ", the offset among them"
    fixed, both = f"fixed effects{offset}", f"fixed and random effects{offset}"
    yield _measure("r2_marginal_latent", found.marginal_latent, f"{fixed}; {latent}")
    yield _measure("r2_conditional_latent", found.conditional_latent, f"{both}; {latent}")
    yield _measure("r2_marginal_observation", found.marginal_observation, f"{fixed}; {at}")
    yield _measure("r2_conditional_observation", found.conditional_observation, f"{both}; {at}")
    kinds = shares_of_kinds(model)
    of_both = "two rows that share both groups; " if kinds else ""
    yield _measure("icc", found.icc, f"{of_both}{latent}{over_rows}")
    # of nested groups nobody shares a lower one alone
    for kind in kinds[:1] if model.design.scale.nested else kinds:
        yield _measure(f"icc: {kind.name}", kind.icc, f"two rows that share {kind.name} alone; {latent}")
    between = "two rows that share neither group" if kinds else "two groups drawn at random"
    yield _measure("median_odds_ratio", found.median_odds_ratio, f"between {between}{over_rows}")
    for kind in kinds:
        note = f"between two groups of {kind.name} drawn at random, all else the same"
        yield _measure(f"median_odds_ratio: {kind.name}", kind.median_odds_ratio, note)


def _measure(name: str, share: Share, note: str) -> Measure:
    interval = f"; interval by {share.interval}" if share.ci_lower is not None else ""
    reason = f"; {share.interval}" if share.ci_lower is None and share.interval else ""
    return Measure(name, share.value, share.ci_lower, share.ci_upper, f"{note}{interval}{reason}")


def _of_discrimination(model: GLMM) -> Iterator[Measure]:
    fitted = fitted_logits(model)
    for which, words, logits in (
        ("typical", "a typical group", fitted.typical),
        ("known", "the known groups", fitted.known),
    ):
        found = discrimination(logits, fitted.successes, fitted.trials)
        yield Measure(f"auc_{which}", found.auc, note=f"area under the ROC curve, probabilities of {words}")
        yield Measure(f"brier_{which}", found.brier, note="mean squared error of the probability")
        yield Measure(
            f"calibration_intercept_{which}",
            found.calibration_intercept,
            note="with the slope at 1; 0 where the probabilities are right on average",
        )
        yield Measure(
            f"calibration_slope_{which}",
            found.calibration_slope,
            note="1 where they are as far apart as the outcomes"
            if found.calibration_slope is not None
            else "none: the probabilities are all the same, or tell every success from every failure",
        )
        yield Measure(f"classified_right_{which}", found.classified_right, note="success where it is 1/2 or more")


def _dispersion(model: GLMM) -> Measure:
    counts = counts_of(model.observations, model.design.scale, model.fit)
    degrees = counts.degrees_of_freedom
    if degrees < FEWEST_DEGREES:
        return Measure("dispersion", None, note="none: less than one degree of freedom is left")
    chi_square = counts.chi_square
    single = "; of single trials it says little" if model.observations.trials.max() <= 1.0 else ""
    found = f"Pearson's chi-square {chi_square:.6g} over {degrees:.6g} degrees of freedom"
    return Measure("dispersion", chi_square / degrees, note=f"{found}, groups at their modes{single}")


def _about_method(model: GLMM) -> Iterator[str]:
    if model.fit.method == "mean-field":
        yield (
            "The intervals rest on raw mean-field SDs, which ignore how the estimates depend on each other and are too "
            'small. Do not publish them: use method "vb" or "ml".'
        )
