import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import gammaln

from datasets import bacteria, cbpp, contraception, expanded, vegetables
from glmm_binomial import FitError, fit, glmm_binomial
from glmm_binomial.estimation.conditional_modes import find_modes
from glmm_binomial.estimation.marginal import choose_nodes, evaluate_marginal
from glmm_binomial.model.design import build_design
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.observations import observe
from simulated import draw


def digits(computed, certified):
    """Correct digits of the worst entry, -log10 of the relative error."""
    error = np.abs(np.asarray(computed) / np.asarray(certified) - 1.0)
    return float(-np.log10(np.maximum(error, 1e-16)).min())


CERTIFIED = {
    "vegetables": (vegetables, 8),
    "cbpp by counts": (cbpp, 8),
    "cbpp by rows": (lambda: expanded(cbpp()), 8),
    "contraception": (contraception, 8),
    "bacteria": (bacteria, 8),
    "contraception + urban slope": (lambda: contraception(urban_slope=True), 6),
}


@pytest.mark.parametrize("name", CERTIFIED)
def test_maximum_likelihood_has_the_certified_digits(name):
    make, digits_of_std_errors = CERTIFIED[name]
    data = make()
    certified = data.maximum_likelihood
    estimates = fit(**data.arguments, method="ml")
    assert estimates.converged
    assert digits(estimates.coefficients, certified["coef"]) >= 8
    assert digits(estimates.std_errors, certified["se"]) >= digits_of_std_errors
    assert digits(estimates.std_devs, certified["sigma"]) >= 8
    # the certified value counts the binomial coefficients of cbpp's rows, which its single trials do not have
    if name != "cbpp by rows":
        assert digits(estimates.log_likelihood, certified["loglik"]) >= 8
    if "sigma_se" in certified:
        assert digits(estimates.std_devs * estimates.log_sd_std_errors, certified["sigma_se"]) >= 6


def test_aic_and_bic_are_those_certified():
    certified = vegetables().maximum_likelihood
    estimates = fit(**vegetables().arguments, method="ml")
    assert estimates.aic == pytest.approx(certified["aic"], rel=1e-9)
    assert estimates.bic == pytest.approx(certified["bic_rows"], rel=1e-9)


def test_single_trials_miss_the_log_binomial_coefficients_of_counts():
    data = cbpp()
    n, s = np.array(data.trials)[:, 0], np.array(data.y)[:, 0]
    constant = np.sum(gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1))
    counts, rows = fit(**data.arguments, method="ml"), fit(**expanded(data).arguments, method="ml")
    assert counts.log_likelihood - rows.log_likelihood == pytest.approx(constant, rel=1e-10)


@pytest.mark.parametrize("method", ["vb", "ml"])
def test_log_likelihood_belongs_to_the_reported_estimates(method):
    estimates = fit(**vegetables().arguments, method=method)
    assert estimates.log_likelihood == pytest.approx(-2061.19, abs=0.5)
    assert estimates.log_likelihood <= -2061.189036993039 + 1e-9


def underdispersed():
    """Each group holds as many successes as failures: less than chance would make them differ."""
    generator = np.random.default_rng(31)
    return np.tile([0.0, 1.0], 120), generator.normal(size=(240, 2)), np.repeat(np.arange(24), 10)


def test_a_variance_of_zero_leaves_the_plain_logistic_regression():
    y, x, group = underdispersed()
    estimates = fit(y, x, group, method="ml")
    plain = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14)
    assert estimates.std_devs[0] == 0.0
    assert estimates.icc == 0.0
    np.testing.assert_allclose(estimates.coefficients, plain.params, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(estimates.std_errors, plain.bse, rtol=1e-7)
    assert estimates.log_likelihood == pytest.approx(plain.llf, rel=1e-12)
    assert any("estimated at zero" in notice for notice in estimates.notices)


def test_a_slope_without_variance_leaves_the_random_intercept():
    y, x, group = draw(32, groups=30, size=10)[:3]
    with_slope = fit(y, x, group, x_random=x[:, :1], method="ml")
    without = fit(y, x, group, method="ml")
    assert with_slope.std_devs[1] == 0.0
    np.testing.assert_allclose(with_slope.coefficients, without.coefficients, rtol=1e-8)
    np.testing.assert_allclose(with_slope.std_errors, without.std_errors, rtol=1e-7)
    np.testing.assert_allclose(with_slope.std_devs[0], without.std_devs[0], rtol=1e-8)


def _log_likelihood_with_intercept_sd(y, x, group, estimates, *, sd):
    design = build_design(observe(y, x, group, x_random=x))
    parameters = Parameters(
        coefficients=np.linalg.solve(design.scale.back_transform, estimates.coefficients),
        effects=IndependentEffects(
            log_sds=np.log([sd, estimates.std_devs[1] * (1.0 / np.diag(design.scale.random_back_transform))[1]])
        ),
    )
    found = find_modes(design.rows, parameters, np.zeros((design.rows.grouping.count, 2)))
    nodes = choose_nodes(design.rows, parameters, found)
    return evaluate_marginal(design.rows, parameters, nodes=nodes, found=found).value


def test_an_intercept_without_variance_leaves_the_random_slope():
    generator = np.random.default_rng(33)
    group = np.repeat(np.arange(40), 12)
    x = np.tile(np.r_[-np.ones(6), np.ones(6)], 40) + 0.1 * generator.normal(size=480)
    eta = x * (0.3 + 1.5 * generator.normal(size=40)[group])
    y = (generator.random(480) < 1 / (1 + np.exp(-eta))).astype(float)
    estimates = fit(y, x, group, x_random=x, method="ml")
    assert estimates.std_devs[0] == 0.0
    assert estimates.std_devs[1] == pytest.approx(1.5, abs=0.8)
    # a small positive SD of the intercept, found by hand with the other parameters held, must lower log L
    assert estimates.log_likelihood > _log_likelihood_with_intercept_sd(y, x, group, estimates, sd=0.1)


def test_five_random_effects_are_labelled_laplace():
    y, x, group, x_random = draw(34, groups=40, size=15, slopes=4)
    table = glmm_binomial(y, x, group, x_random, method="ml")
    assert [row[2] for row in table if row[1] == "quadrature_nodes"] == ["laplace"]
    estimates = fit(y, x, group, x_random, method="ml")
    assert estimates.largest_score < 1e-5
    np.testing.assert_allclose(estimates.std_devs, 1.0, atol=0.6)


def test_separated_data_have_no_maximum_and_the_message_says_which_column():
    y, x, group = draw(35)[:3]
    y = (x[:, 0] > 0).astype(float)
    with pytest.raises(FitError, match="x1 separates successes from failures completely: x1 is at most"):
        fit(y, x, group, method="ml")


@pytest.mark.parametrize("shift", [1e3, 1e6, 1e9])
def test_nearly_collinear_columns_keep_the_standard_errors(shift):
    y, groups = [1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1], [2, 0, 0, 2, 2, 1, 0, 1, 3, 2, 2, 1]
    a, b = np.array([2, 1, 2, 2, 2, 1, 0, 0, 0, 0, 0, 0.0]), np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0.0])
    found, wanted = (
        fit([[cell] for cell in y], x.tolist(), [[cell] for cell in groups], method="ml")
        for x in (np.column_stack([a + shift * b, b]), np.column_stack([a, b]))
    )
    # b1 (a + s b) + b2 b = b1 a + (b2 + s b1) b, so the intercept and b1 stay as they are; the data have 16 digits
    assert_allclose(found.std_errors[:2], wanted.std_errors[:2], rtol=1e-15 * shift + 1e-10)
    assert_allclose(found.coefficients[:2], wanted.coefficients[:2], rtol=1e-15 * shift + 1e-10)


def test_groups_that_never_change_have_no_maximum():
    y = np.repeat([0.0, 1.0, 1.0, 0.0, 1.0, 0.0], 8)
    x = np.random.default_rng(36).normal(size=48)
    with pytest.raises(FitError, match="no maximum at finite values"):
        fit(y, x, np.repeat(np.arange(6), 8), method="ml")


INVARIANCE = 1e-8
"""Both fits stop within 1e-9 standard errors of the maximum."""


def test_row_order_does_not_matter():
    y, x, group = draw(37)[:3]
    order = np.random.default_rng(37).permutation(len(y))
    first, second = fit(y, x, group, method="ml"), fit(y[order], x[order], group[order], method="ml")
    np.testing.assert_allclose(first.coefficients, second.coefficients, rtol=INVARIANCE)
    np.testing.assert_allclose(first.std_errors, second.std_errors, rtol=INVARIANCE)
    assert first.log_likelihood == pytest.approx(second.log_likelihood, rel=1e-12)


def test_swapping_successes_and_failures_negates_coefficients():
    y, x, group = draw(38)[:3]
    for method in ("vb", "ml"):
        first, second = fit(y, x, group, method=method), fit(1.0 - y, x, group, method=method)
        np.testing.assert_allclose(first.coefficients, -second.coefficients, rtol=INVARIANCE)
        np.testing.assert_allclose(first.std_errors, second.std_errors, rtol=INVARIANCE)
        np.testing.assert_allclose(first.std_devs, second.std_devs, rtol=INVARIANCE)


def test_units_of_x_change_coefficients_exactly():
    y, x, group = draw(39)[:3]
    for method in ("vb", "ml"):
        first, second = fit(y, x, group, method=method), fit(y, 7.0 + 1e6 * x, group, method=method)
        np.testing.assert_allclose(first.coefficients[1:], 1e6 * second.coefficients[1:], rtol=INVARIANCE)
        shift = second.coefficients[0] + 7.0 * second.coefficients[1:].sum()
        assert first.coefficients[0] == pytest.approx(shift, rel=INVARIANCE)


def test_raw_powers_keep_their_digits():
    """Coefficients of raw powers are those of orthogonal polynomials, mapped back in exact arithmetic's way."""
    generator = np.random.default_rng(40)
    group = np.repeat(np.arange(40), 25)
    age = generator.uniform(20.0, 70.0, 1000)
    centred = (age - 45.0) / 25.0
    eta = 0.5 + centred - 1.5 * centred**2 + 0.8 * generator.normal(size=40)[group]
    y = (generator.random(1000) < 1 / (1 + np.exp(-eta))).astype(float)
    raw = fit(y, age[:, None] ** np.arange(1, 5), group, method="ml")
    small = fit(y, centred[:, None] ** np.arange(1, 5), group, method="ml")
    assert raw.log_likelihood == pytest.approx(small.log_likelihood, rel=1e-12)
    # the coefficient of the highest power is the same but for 25^4
    assert raw.coefficients[4] * 25.0**4 == pytest.approx(small.coefficients[4], rel=1e-6)
    assert raw.std_errors[4] * 25.0**4 == pytest.approx(small.std_errors[4], rel=1e-6)


def trapezoid_step(y, x, group, estimates):
    """Newton step, standard errors and log L at the estimates, by the trapezoid rule on 4,001 nodes for u / sd."""
    X = np.column_stack([np.ones(len(y)), x])
    k, sd = X.shape[1], estimates.std_devs[0]
    nodes = np.linspace(-14.0, 14.0, 4001)
    score, information, value = np.zeros(k + 1), np.zeros((k + 1, k + 1)), 0.0
    for label in np.unique(group):
        rows = group == label
        eta = (X[rows] @ estimates.coefficients)[:, None] + sd * nodes
        p = 1.0 / (1.0 + np.exp(-eta))
        log_density = (y[rows, None] * eta - np.logaddexp(0.0, eta)).sum(axis=0) - 0.5 * nodes**2
        top = log_density.max()
        weights = np.exp(log_density - top)
        value += top + np.log(weights.sum() * (nodes[1] - nodes[0]) / np.sqrt(2.0 * np.pi))
        weights /= weights.sum()
        scores = np.vstack([X[rows].T @ (y[rows, None] - p), nodes**2 - 1.0])
        mean = scores @ weights
        score += mean
        information[:k, :k] += X[rows].T @ (((p * (1.0 - p)) @ weights)[:, None] * X[rows])
        information[k, k] += 2.0 * nodes**2 @ weights
        information -= (scores * weights) @ scores.T - np.outer(mean, mean)
    return np.linalg.solve(information, score), np.sqrt(np.diag(np.linalg.inv(information))), value


@pytest.mark.parametrize(("seed", "groups", "size", "sd"), [(1, 300, 7, 4.0), (2, 100, 5, 6.0)])
def test_groups_that_never_change_and_wide_effects_keep_eight_digits(seed, groups, size, sd):
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    x = np.column_stack([generator.normal(size=group.size), np.repeat(generator.integers(0, 2, groups), size)])
    eta = -1.0 + x @ np.array([0.8, -0.5]) + sd * generator.normal(size=groups)[group]
    y = (generator.random(group.size) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    changing = np.array([len(set(y[group == label])) == 2 for label in range(groups)])
    assert changing.mean() < 0.5
    estimates = fit(y, x, group, method="ml")
    step, std_errors, value = trapezoid_step(y, x, group, estimates)
    assert digits(estimates.coefficients, estimates.coefficients + step[:3]) >= 8
    assert abs(step[3]) < 1e-8
    assert digits(estimates.std_errors, std_errors[:3]) >= 8
    assert digits(estimates.log_likelihood, value) >= 8


@pytest.mark.parametrize(("trials", "correct"), [(1e6, 5.5), (1e8, 5.0)])
def test_counts_of_any_size_keep_the_uncertainty_between_groups(trials, correct):
    # from so many trials each group's logit is known, up to one in `trials`, and the intercept is the mean of 12
    generator = np.random.default_rng(3)
    groups = np.repeat(np.arange(12), 4)
    x = generator.normal(size=(48, 1))
    logits = -0.5 + 0.5 * x[:, 0] + 0.8 * generator.normal(size=12)[groups]
    y = np.round(trials / (1.0 + np.exp(-logits)))
    estimates = fit(y, x, groups, method="ml", trials=np.full(48, trials))
    assert estimates.converged
    x = x[:, 0]
    within = x - (np.bincount(groups, x) / 4.0)[groups]
    slope = within @ logits / (within @ within)
    intercepts = np.bincount(groups, logits - slope * x) / 4.0
    assert digits(estimates.coefficients, [intercepts.mean(), slope]) >= correct
    assert digits(estimates.std_devs, [intercepts.std()]) >= correct
    assert digits(estimates.std_errors[:1], [intercepts.std() / np.sqrt(12.0)]) >= correct


@pytest.mark.parametrize(
    "arguments",
    [
        {
            "y": [666275, 4820, 106407],
            "x": [-1.439, -2.975, -0.437],
            "x_random": [1e9 + 3, 1e9 + 1, 1e9 + 1],
            "groups": ["a", "b", "c"],
            "trials": [773076, 21206, 231702],
        },
        {
            "y": [0, 1, 0, 1, 0],
            "x": [-2.799, 2.4, 0.623, 1.047, 1.06],
            "x_random": [[0, 5], [0, 2], [2, 5], [1, 1], [2, 6]],
            "groups": ["a", "b", "c", "c", "b"],
        },
    ],
)
def test_more_random_effects_than_groups_can_tell_apart_are_warned_of(arguments):
    estimates = fit(**{name: np.array(cells) for name, cells in arguments.items()}, method="ml")
    assert (estimates.std_errors > 0.0).all()
    assert any("next to nothing" in notice for notice in estimates.notices)


@pytest.mark.mass
@pytest.mark.parametrize(
    ("known", "few", "sd", "groups", "seed"),
    [(1_000_000, 6, 8.0, 40, 3), (1_000_000_000, 6, 4.0, 30, 2), (1_000_000_000, 10, 0.7, 40, 5)],
)
def test_a_slope_seen_in_few_trials_beside_very_many_is_found(known, few, sd, groups, seed):
    # from so many trials each group's logit at z = 0 is known, and the slope's distribution is one integral per group
    generator = np.random.default_rng(seed)
    intercepts, slopes = generator.normal(0.1, 0.5, groups), generator.normal(0.4, sd, groups)
    p = 1.0 / (1.0 + np.exp(-np.column_stack([intercepts, intercepts + slopes])))
    trials = np.tile([known, few], (groups, 1))
    y = generator.binomial(trials, p)
    z = np.tile([0.0, 1.0], groups)
    arguments = {"y": y.ravel(), "x": z, "groups": np.repeat(np.arange(groups), 2), "trials": trials.ravel()}
    estimates = fit(**arguments, x_random=z, method="ml")
    logits = np.log(y[:, 0] / (known - y[:, 0]))
    u, step = np.linspace(-12.0, 12.0, 20_001, retstep=True)

    def negative_log_likelihood(parameters):
        eta = logits[:, None] + parameters[0] + np.exp(parameters[1]) * u
        log_density = y[:, 1, None] * eta - few * np.logaddexp(0.0, eta) - 0.5 * u**2
        return -np.log(np.exp(log_density).sum(axis=1) * step).sum()

    found = minimize(negative_log_likelihood, [0.4, np.log(sd)], method="Nelder-Mead", options={"xatol": 1e-8})
    assert estimates.coefficients[1] == pytest.approx(found.x[0], abs=2e-3 * estimates.std_errors[1])
    assert estimates.std_devs[1] == pytest.approx(np.exp(found.x[1]), rel=1e-3)
