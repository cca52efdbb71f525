"""A fitted model -> GroupEffects: each group's estimated random effects on the user's scale, and their table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.answers.rows import Tabular
from glmm_binomial.estimation.fitting import effects_of, features_of
from glmm_binomial.estimation.group_effects import effect_draws
from glmm_binomial.estimation.many_laws import (
    ROWS_AT_ONCE,
    Summaries,
    draws_for,
    normal_scores,
    normal_summaries,
    summarize,
)
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.observations.wording import effect_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.estimation.posterior import Posterior
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import CrossedGroups, GroupsAbove

GROUP_EFFECTS_HEADER = ("group", "effect", "estimate", "std_dev", "ci_lower", "ci_upper")


@dataclass(frozen=True, slots=True)
class GroupEffects(Tabular):
    """The random effects of G groups and K effects, per unit of the column of x_random.

    Attributes
    ----------
    group_labels : tuple of G labels
        In the order in which they first appear.
    above : GroupsAbove or None
        The groups that these are nested in, to which the first of the effects belongs.
    crossed : CrossedGroups or None
        Those that cross these, to which the second belongs; the arrays then have as many rows as the more of both.
    effect_names : tuple of K str
    estimates : (G, K) array
        Logits; posterior means under "vb", conditional modes under "ml", means of the variational factors under
        "mean-field".
    std_devs : (G, K) array
        Of the effect given the data; see `random_effects`.
    ci_lower, ci_upper : (G, K) arrays
        Limits at confidence 1 - alpha: quantiles of the posterior under "vb", otherwise estimate -+ normal quantile
        times std_dev.
    alpha : float
    notices : tuple of str
        What a reader must be warned of.
    """

    group_labels: tuple[object, ...]
    effect_names: tuple[str, ...]
    estimates: NDArray[np.float64]
    std_devs: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    alpha: float
    notices: tuple[str, ...]
    above: GroupsAbove | None = None
    crossed: CrossedGroups | None = None

    def labels_of(self, effect: int) -> tuple[object, ...]:
        """Labels of the groups that an effect belongs to."""
        if self.crossed is not None and effect == 1:
            return self.crossed.labels
        return self.above.labels if self.above is not None and effect == 0 else self.group_labels

    def places_of(self, effect: int) -> NDArray[np.intp]:
        """Where each of these groups stands in the arrays; an effect of several groups stands with each of them."""
        if self.above is not None and effect == 0:
            return np.unique(self.above.first)
        return np.arange(len(self.labels_of(effect)))

    def rows(self) -> list[Sequence[object]]:
        """A header row, one row for each effect of each group, and one for each warning; six columns.

        Of nested groups all those above come first, of crossed ones those of the first effect.
        """
        numbers = np.stack([self.estimates, self.std_devs, self.ci_lower, self.ci_upper], axis=2)
        if self.above is None and self.crossed is None:
            rows = [
                [label_cell(label), name, *cells]
                for label, of_group in zip(self.group_labels, numbers.tolist(), strict=True)
                for name, cells in zip(self.effect_names, of_group, strict=True)
            ]
        else:
            rows = [
                [label_cell(label), name, *cells]
                for effect, name in enumerate(self.effect_names)
                for label, cells in zip(
                    self.labels_of(effect), numbers[self.places_of(effect), effect].tolist(), strict=True
                )
            ]
        return [GROUP_EFFECTS_HEADER, *rows] + [("warning", notice) for notice in self.notices]


def random_effects(model: GLMM) -> GroupEffects:
    """The groups' random effects with their standard deviations given the data.

    What std_dev holds depends on the method:

    vb : the posterior SD, over the exact posterior of coefficients and log SDs (see `posterior_effects`).
    ml : the conditional SD about the mode, with the uncertainty of coefficients and log SDs carried along by the
        derivative R of the mode, H^-1 + R Cov R', H the conditional Hessian (Booth & Hobert 1998, JASA 93(441)). The
        conditional SDs of R's lme4 are the square roots of H^-1 alone, and so smaller.
    mean-field : the SD of the effect's own factor, in which the uncertainty of everything else is missing.

    Where "ml" estimates an SD at zero, the effects, their std_dev and their limits are exactly zero: what is known of
    the groups given that estimate. The uncertainty of the SD itself is not in them, and a notice says so.
    """
    design, fit = model.design, model.fit
    alpha, back = model.observations.options.alpha, design.scale.random_back_transform
    back = back[:1, :1] if design.scale.crossed else back
    found = _wald(fit, back, alpha) if fit.posterior is None else _over_posterior(design, fit.posterior, back, alpha)
    if design.scale.crossed:
        found = _side_by_side(found, _of_levels(fit, alpha))
    return GroupEffects(
        group_labels=model.observations.group_labels,
        effect_names=design.scale.random_names,
        estimates=found.means,
        std_devs=found.sds,
        ci_lower=found.lower,
        ci_upper=found.upper,
        alpha=alpha,
        notices=tuple(_notices(fit, design.scale.random_names)),
        above=model.observations.above,
        crossed=model.observations.crossed,
    )


def _wald(fit: Fit, back: NDArray[np.float64], alpha: float) -> Summaries:
    own = fit.own_effects
    return normal_summaries(own.means @ back.T, _sds(back, own.covariances), alpha)


def _of_levels(fit: Fit, alpha: float) -> Summaries:
    """Of the levels that cross the groups, (q, 1)."""
    levels, posterior = fit.levels_known, fit.posterior
    if posterior is None:
        return normal_summaries(levels.means[:, None], np.sqrt(np.diag(levels.covariance))[:, None], alpha)
    k = len(fit.coefficients)
    draws = posterior.sample.theta[:, k : k + len(levels.means)].T
    found = summarize(draws, posterior.sample.weights, alpha)
    return Summaries(*(each[:, None] for each in (found.means, found.sds, found.lower, found.upper)))


def _side_by_side(groups: Summaries, levels: Summaries) -> Summaries:
    """Of the groups in the first column, of the levels in the second; not numbers beyond the end of the shorter."""
    return Summaries(
        *(
            _columns(one, other)
            for one, other in (
                (groups.means, levels.means),
                (groups.sds, levels.sds),
                (groups.lower, levels.lower),
                (groups.upper, levels.upper),
            )
        )
    )


def _columns(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = np.full((max(len(one), len(other)), 2), np.nan)
    columns[: len(one), :1], columns[: len(other), 1:] = one, other
    return columns


def _sds(back: NDArray[np.float64], covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of effects on the user's scale, (G, K)."""
    return np.asarray(np.sqrt(np.einsum("ka,gab,kb->gk", back, covariances, back)))


def _over_posterior(design: Design, posterior: Posterior, back: NDArray[np.float64], alpha: float) -> Summaries:
    """Means and SDs by the laws of total expectation and covariance; limits from draws."""
    effects, sample = effects_of(design, posterior), posterior.sample
    groups, count = effects.means.shape
    draws = draws_for(groups * count, len(sample.weights))
    features, weights = features_of(design, posterior, draws), sample.first_weights(draws)
    scores = normal_scores(count, draws)
    limits = np.empty((2, groups, count))
    for first in range(0, groups, ROWS_AT_ONCE):
        stop_if_requested()
        chunk = np.arange(first, min(first + ROWS_AT_ONCE, groups))
        for effect, column in enumerate(back):
            columns = np.broadcast_to(column, (len(chunk), count))
            found = summarize(effect_draws(effects, chunk, columns, features, scores), weights, alpha)
            limits[:, chunk, effect] = found.lower, found.upper
    return Summaries(
        means=effects.means @ back.T, sds=_sds(back, effects.covariances), lower=limits[0], upper=limits[1]
    )


def _notices(fit: Fit, names: tuple[str, ...]) -> Iterator[str]:
    if fit.method == "mean-field":
        yield (
            "The standard deviations are raw mean-field SDs, which ignore how the estimates depend on each other and "
            'are too small. Do not publish them: use method "vb" or "ml".'
        )
    for name, sd in zip(names, fit.sds, strict=True):
        if sd == 0.0:
            yield (
                f"The variance of the random {effect_in_words(name)} is estimated at zero, and with it every group's "
                "effect. Their std_dev and limits are zero given that estimate; how uncertain it is, they do not "
                "show."
            )


def label_cell(label: object) -> str | float | bool:
    """A label as it was given, so that a look-up finds it."""
    return label.item() if isinstance(label, np.generic) else label  # type: ignore[return-value]  # text or number
