import numpy as np
import pytest
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from glmm_binomial.estimation.elbo import Elbo, Factors
from glmm_binomial.estimation.variational import CountsMixedModel
from simulated import draw_design

STEP = 1e-5


def factors_at_random(rows, seed):
    generator = np.random.default_rng(seed)
    k, effects = rows.fixed.shape[1], rows.random.shape[1]
    return Factors(
        fixed_mean=generator.normal(size=k),
        fixed_variance=generator.uniform(0.05, 0.5, k),
        log_sd_mean=generator.normal(size=effects) * 0.3,
        log_sd_variance=generator.uniform(0.05, 0.3, effects),
        random_mean=generator.normal(size=(rows.grouping.count, effects)),
        random_variance=generator.uniform(0.1, 0.8, (rows.grouping.count, effects)),
    )


def directions(rows):
    """Each parameter alone, as (corner, local)."""
    corner = 2 * (rows.fixed.shape[1] + rows.random.shape[1])
    local = (rows.grouping.count, 2 * rows.random.shape[1])
    for index in range(corner):
        yield np.eye(corner)[index], np.zeros(local)
    for index in range(local[0] * local[1]):
        step = np.zeros(local)
        step.flat[index] = 1.0
        yield np.zeros(corner), step


def dense(arrowhead):
    groups, width, corner = arrowhead.coupling.shape
    matrix = np.zeros((corner + groups * width,) * 2)
    matrix[:corner, :corner] = arrowhead.corner
    for group in range(groups):
        rows = slice(corner + group * width, corner + (group + 1) * width)
        matrix[rows, :corner] = arrowhead.coupling[group]
        matrix[:corner, rows] = arrowhead.coupling[group].T
        matrix[rows, rows] = arrowhead.blocks[group]
    return matrix


@pytest.mark.parametrize("slopes", [0, 1, 2])
def test_gradient_is_the_finite_difference_of_the_elbo(slopes):
    rows = draw_design(1, groups=4, size=5, slopes=slopes).rows
    elbo, factors = Elbo(rows), factors_at_random(rows, 2)
    corner, local = elbo.gradient(elbo.at(factors))
    analytic = np.concatenate([corner, local.ravel()])
    numeric = [
        (elbo.at(factors.moved(STEP * a, STEP * b)).value - elbo.at(factors.moved(-STEP * a, -STEP * b)).value)
        / (2.0 * STEP)
        for a, b in directions(rows)
    ]
    # truncation of order STEP^2 and rounding of order 1e-15 / STEP
    np.testing.assert_allclose(analytic, numeric, atol=1e-7)


@pytest.mark.parametrize("slopes", [0, 1, 2])
def test_curvature_is_the_finite_difference_of_the_gradient(slopes):
    rows = draw_design(3, groups=4, size=5, slopes=slopes).rows
    elbo, factors = Elbo(rows), factors_at_random(rows, 4)

    def gradient(corner, local):
        parts = elbo.gradient(elbo.at(factors.moved(corner, local)))
        return np.concatenate([parts[0], parts[1].ravel()])

    numeric = [
        (gradient(-STEP * a, -STEP * b) - gradient(STEP * a, STEP * b)) / (2.0 * STEP) for a, b in directions(rows)
    ]
    np.testing.assert_allclose(dense(elbo.curvature(elbo.at(factors))), numeric, atol=1e-6)


def test_elbo_equals_statsmodels_own_up_to_its_quadrature():
    rows = draw_design(5, groups=6, size=5, slopes=1).rows
    assert (rows.trials == 1).all()
    ours = CountsMixedModel(rows)
    theirs = BinomialBayesMixedGLM(rows.successes, rows.fixed, ours.exog_vc, ours.ident, vcp_p=1, fe_p=2)
    generator = np.random.default_rng(6)
    mean = generator.normal(size=ours.k_fep + ours.k_vcp + ours.k_vc) * 0.3
    sd = generator.uniform(0.1, 0.4, len(mean))
    # statsmodels integrates the normal density to .99913: with 30 rows of softplus near .8, that is .03 at the most
    assert ours.vb_elbo(mean, sd) == pytest.approx(theirs.vb_elbo(mean, sd), abs=0.03)
    for ours_part, theirs_part in zip(ours.vb_elbo_grad(mean, sd), theirs.vb_elbo_grad(mean, sd), strict=True):
        np.testing.assert_allclose(ours_part, theirs_part, atol=0.03)


def test_elbo_without_spread_is_the_log_posterior_by_hand():
    rows = draw_design(7, groups=2, size=3).rows
    tiny = 1e-12
    factors = Factors(
        fixed_mean=np.array([0.5, 0.0, 0.0]),
        fixed_variance=np.full(3, tiny),
        log_sd_mean=np.zeros(1),
        log_sd_variance=np.full(1, tiny),
        random_mean=np.array([[1.0], [-1.0]]),
        random_variance=np.full((2, 1), tiny),
    )
    eta = 0.5 + np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    by_hand = rows.successes @ eta - np.logaddexp(0, eta).sum() - 0.5 * 2.0 - 0.5 * 0.5**2 / 4.0
    entropy = 0.5 * np.log(tiny) * 6
    assert Elbo(rows).at(factors).value - entropy == pytest.approx(by_hand, abs=1e-9)
