"""A fitted model -> GroupEffects: each group's estimated random effects on the user's scale, and their table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from glmm_binomial.answers.rows import Tabular
from glmm_binomial.observations.wording import effect_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.fitted_model import GLMM

GROUP_EFFECTS_HEADER = ("group", "effect", "estimate", "std_dev", "ci_lower", "ci_upper")


@dataclass(frozen=True, slots=True)
class GroupEffects(Tabular):
    """The random effects of G groups and K effects, per unit of the column of x_random.

    Attributes
    ----------
    group_labels : tuple of G labels
        In the order in which they first appear.
    effect_names : tuple of K str
    estimates : (G, K) array
        Logits; conditional modes under "ml", means of the variational factors otherwise.
    std_devs : (G, K) array
        Of the effect given the data; see `random_effects`.
    ci_lower, ci_upper : (G, K) arrays
        estimate -+ normal quantile times std_dev, at confidence 1 - alpha.
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

    def rows(self) -> list[Sequence[object]]:
        """A header row, one row for each effect of each group, and one for each warning; six columns."""
        rows: list[Sequence[object]] = [GROUP_EFFECTS_HEADER]
        for label, *numbers in zip(
            self.group_labels,
            self.estimates.tolist(),
            self.std_devs.tolist(),
            self.ci_lower.tolist(),
            self.ci_upper.tolist(),
            strict=True,
        ):
            rows += [[_label_cell(label), *cells] for cells in zip(self.effect_names, *numbers, strict=True)]
        return rows + [("warning", notice) for notice in self.notices]


def random_effects(model: GLMM) -> GroupEffects:
    """The groups' random effects with their standard deviations given the data.

    What std_dev holds depends on the method:

    vb : the linear-response covariance of the variational means, so that the uncertainty of coefficients and log SDs
        and their correlation with the effect are in it (Giordano, Broderick & Jordan 2018, JMLR 19(51), equation 13).
    ml : the conditional SD about the mode, with the uncertainty of coefficients and log SDs carried along by the
        derivative R of the mode, H^-1 + R Cov R', H the conditional Hessian (Booth & Hobert 1998, JASA 93(441)). The
        conditional SDs of R's lme4 are the square roots of H^-1 alone, and so smaller.
    mean-field : the SD of the effect's own factor, in which the uncertainty of everything else is missing.

    Where "ml" estimates an SD at zero, the effects, their std_dev and their limits are exactly zero: what is known of
    the groups given that estimate. The uncertainty of the SD itself is not in them, and a notice says so.
    """
    design, fit = model.design, model.fit
    alpha = model.observations.options.alpha
    estimates = fit.random_effects / design.scale.random_scales
    std_devs = np.sqrt(np.diagonal(fit.random_covariance, axis1=1, axis2=2)) / design.scale.random_scales
    reach = -ndtri(alpha / 2.0) * std_devs
    return GroupEffects(
        group_labels=model.observations.group_labels,
        effect_names=design.scale.random_names,
        estimates=estimates,
        std_devs=std_devs,
        ci_lower=estimates - reach,
        ci_upper=estimates + reach,
        alpha=alpha,
        notices=tuple(_notices(fit, design.scale.random_names)),
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


def _label_cell(label: object) -> str | float | bool:
    """A label as it was given, so that a look-up finds it."""
    return label.item() if isinstance(label, np.generic) else label  # type: ignore[return-value]  # text or number
