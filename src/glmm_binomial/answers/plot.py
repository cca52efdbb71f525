"""Pictures of a model, each with the same in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.plots.calibration import calibration
from glmm_binomial.answers.plots.caterpillar import caterpillar
from glmm_binomial.answers.plots.check import check_plot
from glmm_binomial.answers.plots.effect import effect
from glmm_binomial.answers.plots.forest import forest
from glmm_binomial.answers.plots.residuals import residual_plot
from glmm_binomial.answers.plots.roc import roc
from glmm_binomial.observations.choices import one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from glmm_binomial.answers.plots.picture import Plot
    from glmm_binomial.estimation.fitted_model import GLMM

SIMULATED: Final[Mapping[str, Callable[..., Plot]]] = {"check": check_plot, "residuals": residual_plot}
"""Kinds that take n_sim and seed."""

FITTED: Final[Mapping[str, Callable[[GLMM], Plot]]] = {
    "forest": forest,
    "caterpillar": caterpillar,
    "effect": effect,
    "calibration": calibration,
    "roc": roc,
}
KINDS: Final = ("check", *FITTED, "residuals")


def plot(model: GLMM, kind: object = None, n_sim: object = None, seed: object = None) -> Plot:
    """Draw a picture of a model.

    Parameters
    ----------
    model : GLMM
    kind : {"check", "forest", "caterpillar", "effect", "calibration", "roc", "residuals"}
        Observed among simulated proportions, as in `check`; odds ratios; groups; each variable against the probability;
        observed against fitted probabilities; sensitivity against false alarms; quantile residuals.
    n_sim, seed : whole numbers, optional
        As in `check` and in `residuals`; the other kinds do not simulate.

    Raises
    ------
    InvalidInputError
        When an option cannot be used, or the model has nothing of that kind to draw.
    MissingPackageError
        When matplotlib is not installed.
    """
    chosen = one_of("kind", kind, KINDS, default=KINDS[0])
    if chosen in SIMULATED:
        return SIMULATED[chosen](model, n_sim=n_sim, seed=seed)
    return FITTED[chosen](model)
