"""A fit -> Estimates on the user's scale: tests and intervals, odds ratios, variances, information criteria, icc."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec

import numpy as np
from scipy.stats import norm

from glmm_binomial.answers.maximum import log_likelihood_at
from glmm_binomial.answers.notices import notices
from glmm_binomial.answers.origin import about_origin, columns_far_from_zero
from glmm_binomial.answers.overdispersion import about_dispersion, dispersion_of
from glmm_binomial.answers.t_tests import about_degrees_of_freedom, t_tests
from glmm_binomial.answers.wald_notice import about_wald_tests
from glmm_binomial.estimation.fitted_model import GLMM, fit_model
from glmm_binomial.estimation.fitting import effects_of
from glmm_binomial.estimation.many_laws import normal_summaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from glmm_binomial.answers.overdispersion import Dispersion
    from glmm_binomial.answers.t_tests import TTest
    from glmm_binomial.estimation.crossed_check import LaplaceCheck
    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.posterior import Posterior
    from glmm_binomial.model.design import Design, Scale
    from glmm_binomial.observations import GroupsAbove, Method, Observations

Arguments = ParamSpec("Arguments")

LOGISTIC_VARIANCE = np.pi**2 / 3.0
"""Variance of the standard logistic distribution: what varies within groups on the latent scale."""


@dataclass(frozen=True, slots=True)
class GroupKind:
    """One of two kinds of groups.

    Attributes
    ----------
    name : str
        The column of the labels.
    count : int
    icc : float
        Intraclass correlation, on the latent scale, of two rows that share a group of this kind: of nested groups the
        other one too where it lies above; of crossed ones no other.
    """

    name: str
    count: int
    icc: float


@dataclass(frozen=True, slots=True)
class Estimates:
    """What was estimated, on the scale of the user's columns (k fixed and K random effects, G groups).

    Attributes
    ----------
    method : {"vb", "ml", "mean-field"}
    fixed_names : tuple of k str
    coefficients : (k,) array
        Log odds ratios per unit of the column.
    covariance : (k, k) array
    std_errors, z_statistics, p_values : (k,) arrays
        p is two-sided: from the normal distribution, or under "vb" twice the smaller posterior probability of either
        sign.
    ci_lower, ci_upper : (k,) arrays
        Limits at confidence 1 - alpha, Wald's or under "vb" quantiles of the posterior.
    odds_ratios : (k,) array
        Infinite where the coefficient exceeds 709.
    random_names : tuple of K str
    std_devs, variances : (K,) arrays
        Of the random effects, per unit of the column of x_random.
    log_sd_std_errors : (K,) array
        Standard errors of the log SDs; zero for an SD of zero.
    correlations : (K, K) array or None
        Of the random effects, not numbers where they do not vary; None where they are independent.
    group_name : str
        The column of the labels, in a table; "" for ranges.
    group_labels : tuple of G labels
    effects : callable
        Gives the random effects (G, K), which under "vb" take an integration over the posterior.
    log_likelihood : float
        Marginal, with all constants: of its maximum, or at the estimates where there is none.
    aic, bic : float
        Fixed effects and variance components count as parameters, rows of data as observations.
    alpha : float
    observations : int
        Rows of data.
    rows_omitted : int
        Rows of a table that are left out since something is missing in them.
    trials : int or None
        Their sum, when y holds successes.
    above : GroupsAbove or None
        The groups that these are nested in.
    kinds : tuple of GroupKind
        Of nested and of crossed groups, in the order of their random intercepts; none where there is one kind.
    offset : str
        What is known of the logits beforehand, such as log(time); "" where nothing is.
    icc : float or None
        Intraclass correlation of the random intercept on the latent scale, sd^2 / (sd^2 + pi^2 / 3), where all columns
        with a random slope are zero; None where that lies far from their values, and without random intercept. Of two
        kinds of groups that of rows that share both.
    laplace_over : str
        Which of crossed groups the log-likelihood is Laplace's approximation over; "" where it is by quadrature.
    laplace : LaplaceCheck or None
        How far that is off, at its maximum.
    nodes : int or None
        Quadrature nodes per random effect; None under Laplace's approximation.
    converged : bool
    largest_score : float
        Largest absolute derivative, on the standardised scale, left of what was maximised.
    posterior_error, effective_share : float or None
        Of the posterior under "vb": the error of its means, in posterior SDs, and the effective share of its points.
    likelihood_converged : bool
        Whether the log-likelihood is that of its maximum.
    notices : tuple of str
        What a reader must be warned of.
    t_tests : tuple of TTest
        Of the coefficients that are decided between groups, under "ml" and while degrees of freedom are left.
    dispersion : Dispersion or None
        Of counts.
    """

    method: Method
    fixed_names: tuple[str, ...]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    z_statistics: NDArray[np.float64]
    p_values: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    odds_ratios: NDArray[np.float64]
    random_names: tuple[str, ...]
    std_devs: NDArray[np.float64]
    variances: NDArray[np.float64]
    log_sd_std_errors: NDArray[np.float64]
    correlations: NDArray[np.float64] | None
    group_name: str
    group_labels: tuple[object, ...]
    effects: Callable[[], NDArray[np.float64]]
    log_likelihood: float
    aic: float
    bic: float
    alpha: float
    observations: int
    rows_omitted: int
    trials: int | None
    above: GroupsAbove | None
    kinds: tuple[GroupKind, ...]
    offset: str
    icc: float | None
    laplace_over: str
    laplace: LaplaceCheck | None
    nodes: int | None
    converged: bool
    largest_score: float
    posterior_error: float | None
    effective_share: float | None
    likelihood_converged: bool
    notices: tuple[str, ...]
    t_tests: tuple[TTest, ...]
    dispersion: Dispersion | None

    @property
    def random_effects(self) -> NDArray[np.float64]:
        """Of each group, (G, K); see `answers.ranef` for their uncertainty."""
        return self.effects()


def estimate(
    observations: Observations, design: Design, fit: Fit, *, found: tuple[str, ...], dispersion: Dispersion | None
) -> Estimates:
    """Bring a fit back to the user's scale and compute what a table shows, with the notices found so far."""
    k = len(fit.coefficients)
    coefficients = design.scale.back_transform @ fit.coefficients
    root = design.scale.back_transform @ fit.covariance_root[:k]
    covariance = root @ root.T
    std_errors = np.sqrt(np.diag(covariance))
    alpha = observations.options.alpha
    tests = _wald_tests(coefficients, std_errors, alpha)
    if fit.posterior is not None:
        tests = _posterior_tests(fit.posterior, design.scale.back_transform, alpha)
    with np.errstate(over="ignore"):
        odds_ratios = np.exp(coefficients)
    random = _random_part(design.scale, fit)
    std_devs = random.std_devs
    rows, intercepts = len(observations.successes), design.scale.random_intercepts
    between = float((std_devs[:intercepts] ** 2).sum())
    has_icc = intercepts > 0 and not columns_far_from_zero(observations)
    log_likelihood = log_likelihood_at(fit, design, rows)
    return Estimates(
        method=fit.method,
        fixed_names=design.scale.fixed_names,
        coefficients=coefficients,
        covariance=covariance,
        std_errors=std_errors,
        z_statistics=coefficients / std_errors,
        p_values=tests.p_values,
        ci_lower=tests.ci_lower,
        ci_upper=tests.ci_upper,
        odds_ratios=odds_ratios,
        random_names=design.scale.random_names,
        std_devs=std_devs,
        variances=std_devs**2,
        log_sd_std_errors=random.log_sd_std_errors,
        correlations=random.correlations,
        group_name=observations.group_name,
        group_labels=observations.group_labels,
        effects=partial(group_effects, design, fit),
        log_likelihood=log_likelihood.value,
        aic=log_likelihood.aic,
        bic=log_likelihood.bic,
        alpha=alpha,
        observations=rows,
        rows_omitted=observations.rows_omitted,
        trials=int(observations.trials.sum()) if observations.trials_given else None,
        above=observations.above,
        offset=observations.offset_name,
        icc=between / (between + LOGISTIC_VARIANCE) if has_icc else None,
        kinds=tuple(_kinds(observations, std_devs)),
        laplace_over=observations.crossed.name if observations.crossed is not None and fit.is_laplace else "",
        laplace=None if fit.levels is None else fit.levels.check,
        nodes=fit.nodes,
        converged=fit.converged,
        largest_score=fit.largest_score,
        posterior_error=None if fit.posterior is None else fit.posterior.error,
        effective_share=None if fit.posterior is None else fit.posterior.sample.share,
        likelihood_converged=fit.likelihood_converged,
        notices=found,
        t_tests=t_tests(design, coefficients, std_errors, alpha=alpha) if fit.method == "ml" else (),
        dispersion=dispersion,
    )


def _kinds(observations: Observations, std_devs: NDArray[np.float64]) -> Iterator[GroupKind]:
    above, crossed, count = observations.above, observations.crossed, len(observations.group_labels)
    shares = std_devs**2 / (float((std_devs**2).sum()) + LOGISTIC_VARIANCE)
    if above is not None:
        yield GroupKind(above.name, len(above.labels), float(shares[0]))
        yield GroupKind(observations.group_name, count, float(shares.sum()))
    if crossed is not None:
        yield GroupKind(observations.group_name, count, float(shares[0]))
        yield GroupKind(crossed.name, len(crossed.labels), float(shares[1]))


def group_effects(design: Design, fit: Fit) -> NDArray[np.float64]:
    """Estimated random effects of each group, (G, K), on the user's scale; of crossed groups those of one kind."""
    effects = fit.own_effects if fit.posterior is None else effects_of(design, fit.posterior)
    if fit.levels is not None:
        return effects.means
    return np.asarray(effects.means @ design.scale.random_back_transform.T)


@dataclass(frozen=True, slots=True)
class _RandomPart:
    """SDs of the random effects on the user's scale, standard errors of their logarithms, and correlations."""

    std_devs: NDArray[np.float64]
    log_sd_std_errors: NDArray[np.float64]
    correlations: NDArray[np.float64] | None


def _random_part(scale: Scale, fit: Fit) -> _RandomPart:
    back = scale.random_back_transform
    root = back @ fit.effects_root
    std_devs = np.linalg.norm(root, axis=1)
    units = np.where(std_devs > 0.0, std_devs, 1.0)
    # of sd^2 = r'r with r a row of the root
    by_parameter = np.einsum("mka,ka->km", back @ fit.effects_slopes, root) / units[:, None] ** 2
    errors = np.linalg.norm(by_parameter @ fit.covariance_root[len(fit.coefficients) :], axis=1)
    correlations = None
    if fit.correlations is not None:
        # not of the root, which stops short of correlations of one
        of_effects = back @ (fit.sds[:, None] * fit.correlations * fit.sds) @ back.T
        sds = np.sqrt(np.diag(of_effects))
        correlations = np.clip(of_effects / np.outer(sds, sds), -1.0, 1.0)
    return _RandomPart(std_devs=std_devs, log_sd_std_errors=errors, correlations=correlations)


@dataclass(frozen=True, slots=True)
class _Tests:
    """p-values and limits of coefficients, (k,) each."""

    p_values: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]


def _wald_tests(coefficients: NDArray[np.float64], std_errors: NDArray[np.float64], alpha: float) -> _Tests:
    limits = normal_summaries(coefficients, std_errors, alpha)
    return _Tests(
        p_values=2.0 * norm.sf(np.abs(coefficients / std_errors)), ci_lower=limits.lower, ci_upper=limits.upper
    )


def _posterior_tests(posterior: Posterior, back_transform: NDArray[np.float64], alpha: float) -> _Tests:
    """From one law of each coefficient, so that an interval excludes zero exactly when p is below alpha."""
    laws = posterior.laws_of_combinations(back_transform)
    limits = np.array([law.limits(alpha) for law in laws])
    return _Tests(
        p_values=np.array([law.two_sided_p(0.0) for law in laws]), ci_lower=limits[:, 0], ci_upper=limits[:, 1]
    )


def estimates_of(model: GLMM) -> Estimates:
    """The estimates of a fitted model on the user's scale, with the warnings that belong to them."""
    observations, design, fit = model.observations, model.design, model.fit
    dispersion = dispersion_of(observations, design, fit)
    found = (
        *about_dispersion(dispersion, observations),
        *notices(observations, design, fit),
        *about_wald_tests(design, fit),
        *about_origin(observations),
        *about_degrees_of_freedom(design, fit.method),
    )
    return estimate(observations, design, fit, found=found, dispersion=dispersion)


def _then_estimates(make: Callable[Arguments, GLMM]) -> Callable[Arguments, Estimates]:
    @wraps(make)
    def estimates(*arguments: Arguments.args, **options: Arguments.kwargs) -> Estimates:
        return estimates_of(make(*arguments, **options))

    estimates.__name__ = estimates.__qualname__ = "fit"
    return estimates


fit = _then_estimates(fit_model)
"""Estimates of the model that `fit_model` fits, with its arguments."""
