"""A model fitted anew to other rows, of which coefficients and standard errors are wanted and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmm_binomial.errors import FitError
from glmm_binomial.estimation.deletion import coefficient_root
from glmm_binomial.estimation.densities import density_of
from glmm_binomial.estimation.fitting import LARGEST_DISTANCE, NOT_CONVERGED, beyond_precision_refused, fit_once
from glmm_binomial.estimation.posterior_mode import find_posterior_mode
from glmm_binomial.model.correlated_effects import CorrelatedEffects
from glmm_binomial.model.design import build_design
from glmm_binomial.model.effects import IndependentEffects, Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.posterior import Posterior
    from glmm_binomial.model.design import Design, Scale
    from glmm_binomial.model.effects import Effects
    from glmm_binomial.observations import Observations


@dataclass(frozen=True, slots=True)
class Refit:
    """Coefficients and their standard errors in the user's units, (k,) both."""

    coefficients: NDArray[np.float64]
    std_errors: NDArray[np.float64]


def refit_likelihood(observations: Observations) -> Refit:
    """The maximum of the likelihood.

    Raises
    ------
    FitError
    """
    design = build_design(observations)
    fit = fit_once(design)
    return Refit(
        coefficients=design.scale.back_transform @ fit.coefficients,
        std_errors=np.linalg.norm(coefficient_root(design, fit), axis=1),
    )


def refit_mode(observations: Observations, posterior: Posterior, scale: Scale) -> Refit:
    """The mode of the posterior, with the curvature there.

    Parameters
    ----------
    observations : Observations
    posterior : Posterior
        Of other rows, near whose mode the search starts.
    scale : Scale
        On which that mode stands.

    Raises
    ------
    FitError
    """
    design = build_design(observations)
    with beyond_precision_refused():
        start = _on_scale(posterior.mode, scale, design)
        modes = np.zeros((design.rows.grouping.count, design.rows.random.shape[1]))
        found = find_posterior_mode(density_of(design.rows)(design.rows, start, modes))
        if found.distance > LARGEST_DISTANCE:
            raise FitError(NOT_CONVERGED)
        root = np.linalg.inv(np.linalg.cholesky(found.at.information)).T
    back, k = design.scale.back_transform, len(design.scale.back_transform)
    return Refit(
        coefficients=back @ found.at.point[:k],
        std_errors=np.linalg.norm(back @ root[:k], axis=1),
    )


def _on_scale(point: Parameters, scale: Scale, design: Design) -> Parameters:
    """A point on one standardised scale as it stands on that of a design."""
    other = design.scale
    # those of the levels of crossed groupings are found anew
    own = scale.back_transform @ point.coefficients[: len(scale.back_transform)]
    coefficients = np.linalg.solve(other.back_transform, own)
    root = np.linalg.solve(other.random_back_transform, scale.random_back_transform @ point.effects.root)
    effects: Effects = IndependentEffects.of_sds(np.diag(root))
    if scale.correlated:
        effects = CorrelatedEffects.of_covariance(root @ root.T)
    return Parameters(coefficients=np.asarray(coefficients, dtype=np.float64), effects=effects)
