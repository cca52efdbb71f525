"""What the fits are held against: statsmodels' logistic regression, and its own optimiser for the same ELBO."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.simulation import ClusteredData


def logistic_regression(data: ClusteredData) -> NDArray[np.float64]:
    """Coefficients of statsmodels' GLM, groups ignored, intercept first."""
    X = np.column_stack([np.ones(len(data.y)), data.x])
    return np.asarray(GLM(data.y, X, family=Binomial()).fit().params)


@dataclass(frozen=True, slots=True)
class RawFit:
    """What statsmodels' own optimiser made of the standardised data.

    Attributes
    ----------
    coefficients : (k,) array
        On the scale of the data.
    converged : bool
    """

    coefficients: NDArray[np.float64]
    converged: bool


def raw_fit_vb(data: ClusteredData, *, seed: int) -> RawFit:
    """`BinomialBayesMixedGLM.fit_vb` with its own start and optimiser, on standardised columns; a random intercept."""
    centre, scale = data.x.mean(axis=0), data.x.std(axis=0)
    X = np.column_stack([np.ones(len(data.y)), (data.x - centre) / scale])
    rows, groups = len(data.y), int(data.groups.max()) + 1
    membership = sparse.csr_array((np.ones(rows), (np.arange(rows), data.groups)), shape=(rows, groups))
    model = BinomialBayesMixedGLM(data.y, X, membership, np.zeros(groups, dtype=int), vcp_p=1.0, fe_p=2.0)
    size = X.shape[1] + 1 + groups
    # the start that fit_vb draws itself, from a seed
    sd = np.exp(-0.5 + 0.1 * np.random.default_rng(seed).normal(size=size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = model.fit_vb(mean=np.zeros(size), sd=sd)
    slopes = found.fe_mean[1:] / scale
    return RawFit(
        coefficients=np.concatenate([[found.fe_mean[0] - slopes @ centre], slopes]),
        converged=bool(found.optim_retvals.success),
    )
