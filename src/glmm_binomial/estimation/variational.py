"""Rows -> VariationalFit: statsmodels' fit_vb with a Newton method for arrow-shaped systems."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import OptimizeResult
from statsmodels.genmod import families
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from glmm_binomial.estimation.arrowhead import factorize
from glmm_binomial.estimation.elbo import Elbo, ElboState, Factors
from glmm_binomial.estimation.newton import Step, line_search, maximize
from glmm_binomial.estimation.penalized import fit_penalized_start
from glmm_binomial.estimation.prior import FIXED_EFFECT_PRIOR_SD, LOG_SD_PRIOR_SD
from glmm_binomial.model.effects import IndependentEffects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.arrowhead import ArrowheadFactor
    from glmm_binomial.estimation.penalized import PenalizedStart
    from glmm_binomial.model.rows import Rows

MOST_STEPS = 1_000
CONVERGED_DECREMENT = 1e-16
"""Squared distance to the optimum, in posterior standard deviations, at which the search stops."""

STALLED_DECREMENT = 1e-9
"""The same distance at which rounding may hide any further gain; stopping there still counts as converged."""

LARGEST_STEP = 3.0
"""Bound on a step in log SDs and in means on the logit scale."""

SMALLEST_FRACTION = 1e-10
ROUNDING = 1e-13
"""Relative rounding error of the sum that makes up the ELBO."""


@dataclass(frozen=True, slots=True)
class VariationalFit:
    """The mean-field optimum, on the standardised scale (k fixed, K random effects, G groups).

    Attributes
    ----------
    coefficients : (k,) array
    effects : IndependentEffects
        With the variational means of the log SDs.
    random_effects : (G, K) array
        Variational means.
    mean_field_covariance : (k + K, k + K) array
        Diagonal, of the factors of coefficients and log SDs: too small, since they ignore posterior correlation.
    mean_field_random_covariance : (G, K, K) array
        Diagonal, of the factors of the random effects.
    elbo : float
        Up to the constants that statsmodels leaves out.
    distance : float
        To the optimum, in posterior standard deviations.
    steps : int
    largest_score : float
        Largest absolute derivative of the ELBO at the estimate.
    """

    coefficients: NDArray[np.float64]
    effects: IndependentEffects
    random_effects: NDArray[np.float64]
    mean_field_covariance: NDArray[np.float64]
    mean_field_random_covariance: NDArray[np.float64]
    elbo: float
    distance: float
    steps: int
    largest_score: float


def fit_variational(
    rows: Rows,
    start: NDArray[np.float64],
    *,
    tolerance: float = CONVERGED_DECREMENT,
    near: PenalizedStart | None = None,
) -> VariationalFit:
    """Fit the mean-field approximation by fit_vb.

    The objective is the ELBO of statsmodels' `BinomialBayesMixedGLM`, with exact Gauss-Hermite quadrature and counts.

    Parameters
    ----------
    rows : Rows
    start : (k,) array
        Where the coefficients start, on the standardised scale.
    tolerance : float
        Squared distance to the optimum, in posterior standard deviations, at which the search stops.
    near : PenalizedStart, optional
        From the same start, where it is known already.
    """
    model = CountsMixedModel(rows)
    near = near or fit_penalized_start(rows, start)
    factors = Factors(
        fixed_mean=near.coefficients,
        fixed_variance=near.coefficient_variances,
        log_sd_mean=near.effects.log_sds,
        log_sd_variance=np.full(near.effects.count, 0.5 / rows.grouping.count),
        random_mean=near.random_effects,
        random_variance=near.random_variances,
    )
    mean = np.r_[factors.fixed_mean, factors.log_sd_mean, factors.random_mean.ravel()]
    sd = np.sqrt(np.r_[factors.fixed_variance, factors.log_sd_variance, factors.random_variance.ravel()])
    # fit_vb starts no SD below exp(-1), far above those of large data: the search gets its start past it
    method = partial(model.newton, start=factors, tolerance=tolerance)
    found = model.fit_vb(mean=mean, sd=sd, fit_method=method).optim_retvals
    state, factor = found.state, found.factor
    count = rows.random.shape[1]
    return VariationalFit(
        coefficients=state.factors.fixed_mean,
        effects=IndependentEffects(log_sds=state.factors.log_sd_mean),
        random_effects=state.factors.random_mean,
        mean_field_covariance=np.diag(np.r_[state.factors.fixed_variance, state.factors.log_sd_variance]),
        mean_field_random_covariance=state.factors.random_variance[:, :, None] * np.eye(count),
        elbo=state.value,
        distance=float(np.sqrt(found.decrement)) if not factor.modified else np.inf,
        steps=int(found.nit),
        largest_score=float(np.abs(found.jac).max()),
    )


@dataclass(frozen=True, slots=True)
class _ArrowStep:
    """A Newton step (2k + 2K,) and (G, 2K), with the gradient and the factored curvature it solves."""

    corner: NDArray[np.float64]
    local: NDArray[np.float64]
    gradient: tuple[NDArray[np.float64], NDArray[np.float64]]
    factor: ArrowheadFactor


class CountsMixedModel(BinomialBayesMixedGLM):  # type: ignore[misc]  # statsmodels ships no types
    """statsmodels' binomial mixed model for sums of successes and trials, with stable Gauss-Hermite quadrature.

    The vector of parameters is statsmodels': coefficients, log SDs, then the random effects, group by group.
    """

    def __init__(self, rows: Rows) -> None:
        n, effects = rows.random.shape
        groups = rows.grouping.count
        columns = rows.grouping.index[:, None] * effects + np.arange(effects)
        starts = np.arange(0, n * effects + 1, effects)
        # BinomialBayesMixedGLM itself insists on 0/1 outcomes; its parents do not
        super(BinomialBayesMixedGLM, self).__init__(
            rows.successes,
            rows.fixed,
            exog_vc=sparse.csr_array((rows.random.ravel(), columns.ravel(), starts), shape=(n, groups * effects)),
            ident=np.tile(np.arange(effects), groups),
            family=families.Binomial(),
            vcp_p=LOG_SD_PRIOR_SD,
            fe_p=FIXED_EFFECT_PRIOR_SD,
            hasconst=False,
        )
        self.elbo = Elbo(rows)

    def vb_elbo(self, vb_mean: NDArray[np.float64], vb_sd: NDArray[np.float64]) -> float:
        """Evidence lower bound; see `BinomialBayesMixedGLM.vb_elbo` for the arguments."""
        return self.elbo.at(self._factors(vb_mean, vb_sd)).value

    def vb_elbo_grad(
        self, vb_mean: NDArray[np.float64], vb_sd: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gradient of the ELBO by means and by SDs; see `BinomialBayesMixedGLM.vb_elbo_grad`."""
        corner, local = self.elbo.gradient(self.elbo.at(self._factors(vb_mean, vb_sd)))
        by_mean, by_log_sd = np.split(self._vector(corner, local), 2)
        return by_mean, by_log_sd / vb_sd

    def newton(
        self, fun: object, x0: NDArray[np.float64], *, tolerance: float, start: Factors | None = None, **unused: object
    ) -> OptimizeResult:
        """Maximise the ELBO; called by `scipy.optimize.minimize` in the place of one of its own methods.

        Parameters
        ----------
        fun : callable
            -ELBO of a vector; not needed, the model evaluates value, gradient and curvature together.
        x0 : (2 (k + K + G K),) array
            Means and log SDs of the factors.
        tolerance : float
            Squared distance to the optimum, in posterior standard deviations, at which the search stops.
        start : Factors, optional
            Where to start instead of x0.

        Returns
        -------
        OptimizeResult
            With the usual fields, the `state` at the optimum, the `factor` of its curvature and the last `decrement`.
        """
        del fun, unused
        mean, log_sd = np.split(x0, 2)
        elbo = self.elbo
        found = maximize(
            elbo.at(self._factors(mean, np.exp(log_sd)) if start is None else start),
            step=self._newton_step,
            ascend=self._ascend,
            converged=tolerance,
            most_steps=MOST_STEPS,
        )
        state, last = found.state, found.step.direction
        factors = state.factors
        variances = np.r_[factors.fixed_variance, factors.log_sd_variance, factors.random_variance.ravel()]
        means = np.r_[factors.fixed_mean, factors.log_sd_mean, factors.random_mean.ravel()]
        result = OptimizeResult()
        result.update(
            x=np.r_[means, 0.5 * np.log(variances)],
            fun=-state.value,
            jac=-self._vector(*last.gradient),
            nit=found.steps,
            # whether it converged is read off the decrement; on False, fit_vb prints a warning that no cell can show
            success=True,
            state=state,
            factor=last.factor,
            decrement=found.step.decrement,
        )
        return result

    def _newton_step(self, state: ElboState) -> Step[_ArrowStep]:
        gradient = self.elbo.gradient(state)
        factor = factorize(self.elbo.curvature(state))
        corner, local = factor.solve(*gradient)
        decrement = float(gradient[0] @ corner + np.vdot(gradient[1], local))
        return Step(_ArrowStep(corner=corner, local=local, gradient=gradient, factor=factor), decrement=decrement)

    def _ascend(self, state: ElboState, ahead: Step[_ArrowStep]) -> ElboState | None:
        corner, local = ahead.direction.corner, ahead.direction.local
        longest = max(float(np.abs(corner).max()), float(np.abs(local).max()))
        # when all that can be gained is below rounding, a step is judged by its size alone
        allowance = ROUNDING * abs(state.value) if ahead.decrement < STALLED_DECREMENT else 0.0
        return line_search(
            lambda share: self.elbo.at(state.factors.moved(share * corner, share * local)),
            value=lambda there: there.value,
            floor=lambda _share: state.value - allowance,
            fraction=min(1.0, LARGEST_STEP / longest),
            smallest=SMALLEST_FRACTION,
        )

    def _factors(self, mean: NDArray[np.float64], sd: NDArray[np.float64]) -> Factors:
        fixed_mean, log_sd_mean, random_mean = self._unpack(mean)
        fixed_variance, log_sd_variance, random_variance = self._unpack(sd**2)
        shape = (-1, self.k_vcp)
        return Factors(
            fixed_mean=fixed_mean,
            fixed_variance=fixed_variance,
            log_sd_mean=log_sd_mean,
            log_sd_variance=log_sd_variance,
            random_mean=random_mean.reshape(shape),
            random_variance=random_variance.reshape(shape),
        )

    def _vector(self, corner: NDArray[np.float64], local: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the arrowhead's corner and local parts to statsmodels' order: all means, then all log SDs."""
        half, effects = self.k_fep + self.k_vcp, self.k_vcp
        return np.concatenate([corner[:half], local[:, :effects].ravel(), corner[half:], local[:, effects:].ravel()])
