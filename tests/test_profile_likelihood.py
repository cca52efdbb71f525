"""Profile limits: by their definition, evaluated by brute force; against lme4; where they do not exist."""

from __future__ import annotations

import csv
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2

from datasets import bacteria, cbpp, contraception, expanded, vegetables
from glmm_binomial.answers.confint import (
    Interval,
    Intervals,
    _about_odds_ratios,
    profile_intervals,
)
from glmm_binomial.answers.profile_limits import Profile, about_limits
from glmm_binomial.answers.rows import finished
from glmm_binomial.estimation.conditional_modes import ConditionalModes
from glmm_binomial.estimation.fitted_model import GLMM, fit_model
from glmm_binomial.estimation.fitting import FitError, fit_cache
from glmm_binomial.estimation.integrator import Integrator
from glmm_binomial.estimation.laplace import _value_and_scores
from glmm_binomial.estimation.marginal import MarginalState
from glmm_binomial.estimation.profile_likelihood import coefficient_limit, find_peak
from glmm_binomial.estimation.profile_search import Limit
from glmm_binomial.estimation.profile_walk import local_model
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.model.rows import orthonormalize

LME4 = Path(__file__).parent / "reference" / "confint_lme4.csv"

DATASETS = {
    "vegetables": vegetables,
    "cbpp": cbpp,
    "contraception": contraception,
    "contraception + urban slope": lambda: contraception(urban_slope=True),
    "bacteria": bacteria,
}

DEFINITION = 1e-6
"""Twice the drop of log L at a limit may miss the quantile by this much."""

MANY = 500
"""Merged rows from which brute force looks for the maximum from one start only."""

SAME_LIMIT = 1e-7
"""Two searches for the same limit agree so far, relative to the width of the interval."""


def intervals_of(y, x, groups, **options):
    return profile_intervals(fit_model(y, x, groups, **{"method": "ml", **options}))


@cache
def reference_model(name):
    return fit_model(**DATASETS[name]().arguments, method="ml")


@cache
def reference_intervals(name):
    return profile_intervals(reference_model(name))


def all_of(intervals):
    return [*intervals.fixed_effects, *intervals.random_effects]


def limits_of(intervals):
    return np.array([[interval.ci_lower, interval.ci_upper] for interval in all_of(intervals)], dtype=float)


def assert_same_limits(left, right):
    """Arrays of limits, compared on the scale of the intervals' widths."""
    assert_allclose(left, right, rtol=0.0, atol=SAME_LIMIT * (right[:, 1] - right[:, 0]).max())


@dataclass
class BruteForce:
    """The marginal likelihood on the user's scale by the trapezoid rule over u = sd z, and its maxima by BFGS.

    The rule's error falls like exp(-2 pi d / step), d being the distance of the logistic function's poles in z,
    pi / sd, and like exp(-2 (pi w / step)^2), w being the posterior SD of z in a group: with the steps below both are
    under 1e-9 for the data met here. sd may have any sign and may be zero.
    """

    model: GLMM
    step: float = 0.1

    def __post_init__(self):
        design = self.model.design
        self.design = design
        self.X = design.rows.fixed @ np.linalg.inv(design.scale.back_transform)
        self.Z = design.rows.random * (1.0 / np.diag(design.scale.random_back_transform))
        self.k = self.X.shape[1]
        grid = np.arange(-8.0, 8.0 + self.step / 2.0, self.step)
        grids = np.meshgrid(*[grid] * self.Z.shape[1], indexing="ij")
        self.z = np.stack([axis.ravel() for axis in grids])
        normal = -0.5 * (self.z**2).sum(axis=0) - len(self.z) * 0.5 * np.log(2.0 * np.pi)
        self.log_weights = normal + len(self.z) * np.log(self.step)

    def value_and_gradient(self, theta):
        design = self.design
        coefficients, sds = theta[: self.k], theta[self.k :]
        eta = (self.X @ coefficients)[:, None] + (self.Z * sds) @ self.z
        terms = design.rows.successes[:, None] * eta - design.rows.trials[:, None] * np.logaddexp(0.0, eta)
        integrand = np.add.reduceat(terms, design.rows.grouping.starts) + self.log_weights
        top = integrand.max(axis=1, keepdims=True)
        weights = np.exp(integrand - top)
        sums = weights.sum(axis=1, keepdims=True)
        residual = (design.rows.successes[:, None] - design.rows.trials[:, None] * expit(eta)) * (weights / sums)[
            design.rows.grouping.index
        ]
        by_sd = [(self.Z[:, effect] * (residual @ self.z[effect])).sum() for effect in range(len(sds))]
        return float((top + np.log(sums)).sum()), np.r_[self.X.T @ residual.sum(axis=1), by_sd]

    def profile(self, position, value, start, scale):
        """Largest log L with one parameter at a value; few data allow several starts of the other SDs."""
        best = -np.inf
        free = np.arange(len(start)) != position
        several = len(self.X) < MANY
        for sd in (None, 0.05, 1.0) if several else (None,):
            theta = start.copy()
            if sd is not None:
                theta[self.k :] = sd
            theta[position] = value

            def negative(z, theta=theta):
                point = theta.copy()
                point[free] += z * scale[free]
                log_likelihood, gradient = self.value_and_gradient(point)
                return -log_likelihood, -gradient[free] * scale[free]

            found = minimize(negative, np.zeros(free.sum()), jac=True, method="BFGS", options={"gtol": 1e-7})
            best = max(best, -float(found.fun))
        return best

    def drops(self, intervals, *, top=None, only=None):
        """Yield interval, limit and twice the drop of log L there."""
        each = all_of(intervals)
        start = np.array([interval.estimate for interval in each])
        scale = np.array([(interval.ci_upper - interval.ci_lower) / 4.0 for interval in each])
        highest = self.value_and_gradient(start)[0] if top is None else top
        for position, interval in enumerate(each):
            if only is None or position in only:
                for limit in (interval.ci_lower, interval.ci_upper):
                    yield position, limit, 2.0 * (highest - self.profile(position, limit, start, scale))


def assert_definition(model, intervals, *, alpha=0.05, top=None, only=None, step=0.1):
    quantile = chi2.isf(alpha, 1)
    checked = 0
    brute_force = BruteForce(model, step=step)
    for position, limit, drop in brute_force.drops(intervals, top=top, only=only):
        if position >= brute_force.k and limit == 0.0:
            assert drop <= quantile + DEFINITION
        else:
            assert_allclose(drop, quantile, rtol=0.0, atol=DEFINITION)
        checked += 1
    assert checked


def between_groups(seed):
    """Twelve groups of eight rows; x is constant within groups and explains nearly all that differs between them."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(12), 8)
    x = np.repeat(rng.normal(size=12), 8)[:, None]
    eta = 0.3 + 0.8 * x[:, 0] + 0.15 * rng.normal(size=12)[groups]
    return {"y": (rng.random(96) < expit(eta)).astype(float), "x": x, "groups": groups}


def two_effects(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(12), 8)
    x = rng.normal(size=(96, 1))
    eta = 0.3 + 0.8 * x[:, 0] + 0.5 * rng.normal(size=12)[groups] + 0.2 * x[:, 0] * rng.normal(size=12)[groups]
    return {"y": (rng.random(96) < expit(eta)).astype(float), "x": x, "groups": groups, "x_random": x}


def far_from_zero():
    """x about 50, so that the intercept lies far outside the data and depends on the slope almost entirely."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(15), 10)
    x = 50.0 + 5.0 * rng.normal(size=(150, 1))
    eta = 0.1 * (x[:, 0] - 52.0) + 0.7 * rng.normal(size=15)[groups]
    return {"y": (rng.random(150) < expit(eta)).astype(float), "x": x, "groups": groups}


# what is known of the reference data


def test_the_article_on_vegetables_is_reproduced():
    intervals = reference_intervals("vegetables")
    treat = intervals.odds_ratios[1]
    assert_allclose([treat.ci_lower, treat.ci_upper], [7.023558, 11.44831], rtol=0.01)
    (deviation,) = intervals.random_effects
    assert deviation.ci_lower == 0.0
    assert_allclose(deviation.ci_upper, 0.3453926, rtol=0.03)  # the article's is Laplace's approximation


@pytest.mark.parametrize("name", ["vegetables", "cbpp", "bacteria"])
def test_every_limit_satisfies_its_definition_by_brute_force(name):
    model = reference_model(name)
    top = DATASETS[name]().maximum_likelihood["loglik"] - model.design.log_binomial
    assert_definition(model, reference_intervals(name), top=top)


def test_limits_of_many_coefficients_satisfy_their_definition():
    model = reference_model("contraception")
    top = contraception().maximum_likelihood["loglik"]
    assert_definition(model, reference_intervals("contraception"), top=top, only=(0, 2, 5, 7))


@pytest.mark.mass
def test_limits_of_two_sds_satisfy_their_definition():
    model = reference_model("contraception + urban slope")
    assert_definition(model, reference_intervals("contraception + urban slope"), only=(8,), step=0.3)


def test_of_two_sds_one_may_have_a_lower_limit_of_zero():
    intercept, slope = reference_intervals("contraception + urban slope").random_effects
    assert intercept.ci_lower > 0.3
    assert slope.ci_lower == 0.0
    assert slope.ci_upper > slope.estimate > 0.0


def lme4_rows(nodes):
    """Name of the data set, estimate and limits, in the order of `all_of`."""
    with LME4.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["nAGQ"] == nodes]
    for name in dict.fromkeys(row["data"] for row in rows):
        of_data = [row for row in rows if row["data"] == name]
        of_data.sort(key=lambda row: row["parameter"].startswith("sd_"))
        numbers = np.array([[float(row[column]) for column in ("estimate", "lower", "upper")] for row in of_data])
        # lme4's age is in decades
        units = [{"decades": 10.0, "I(decades^2)": 100.0}.get(row["parameter"], 1.0) for row in of_data]
        yield name, numbers / np.array(units)[:, None]


def test_limits_agree_with_lme4_by_quadrature():
    names = []
    for name, reference in lme4_rows("25"):
        limits = limits_of(reference_intervals(name))
        width = reference[:, 2] - reference[:, 1]
        # lme4 interpolates its profile by splines: three to five digits
        assert (np.abs(limits - reference[:, 1:]) < 2e-4 * width[:, None]).all()
        names.append(name)
    assert names == ["vegetables", "cbpp", "bacteria"]


def test_limits_agree_roughly_with_lme4_by_laplace():
    names = []
    for name, reference in lme4_rows("1"):
        limits = limits_of(reference_intervals(name))
        width = reference[:, 2] - reference[:, 1]
        # Laplace's approximation underestimates SDs, and the splines slip once (contraception, livch3+, lower limit)
        assert (np.abs(limits - reference[:, 1:]) < 0.05 * width[:, None]).all()
        names.append(name)
    assert names == list(DATASETS)


# the search


def test_an_intercept_far_outside_the_data_satisfies_the_definition():
    data = far_from_zero()
    model = fit_model(**data, method="ml", alpha=0.1)
    assert_definition(model, profile_intervals(model), alpha=0.1)


@pytest.mark.parametrize("seed", [1, 7])
def test_a_variance_that_leaves_zero_on_the_way_to_a_limit_is_taken_up(seed):
    model = fit_model(**between_groups(seed), method="ml")
    intervals = profile_intervals(model)
    assert intervals.random_effects[0].estimate == 0.0
    assert_definition(model, intervals)
    plain = BruteForce(model)
    plain.Z = np.zeros_like(plain.Z)  # without the random effect the limits would lie elsewhere: the negative control
    drops = [drop for position, _, drop in plain.drops(intervals) if position < plain.k]
    assert max(drops) > chi2.isf(0.05, 1) + 0.1


@pytest.mark.mass
@pytest.mark.parametrize("seed", [7, 10])
def test_a_nuisance_variance_that_falls_to_zero_on_the_way_to_a_limit_is_left_out(seed):
    model = fit_model(**two_effects(seed), method="ml")
    assert_definition(model, profile_intervals(model), step=0.2, only=(1, 2))


def test_the_quadratic_model_of_a_profile_is_that_derived_by_hand():
    # log L = -(2 x^2 + 2 x y + 2 y^2) / 2 at (1, 1): score (-3, -3); y is best at -x / 2, where log L = -3 x^2 / 4
    state = MarginalState(
        parameters=Parameters(coefficients=np.array([1.0, 1.0]), effects=IndependentEffects(log_sds=np.empty(0))),
        value=-3.0,
        group_scores=np.array([[-3.0, -3.0]]),
        information=np.array([[2.0, 1.0], [1.0, 2.0]]),
        found=ConditionalModes(modes=np.empty((1, 0)), scales=np.empty((1, 0, 0))),
    )
    local = local_model(state, np.array([1.0, 0.0]))
    assert_allclose(local.value, -0.75)
    assert_allclose(local.slope, -1.5)
    assert_allclose(local.nuisance_step, [0.0, -1.5])
    assert_allclose(local.tangent, [1.0, -0.5])
    assert_allclose(local.decrement, 4.5)
    assert local.definite


def test_the_peak_is_where_the_fit_says():
    model = reference_model("bacteria")
    peak = find_peak(model.design.rows, model.fit)
    # the two may choose their nodes at points a step apart, and each integral is settled to 1e-9
    assert_allclose(peak.point.state.value, model.fit.log_likelihood, rtol=1e-9)
    assert_allclose(peak.point.state.score, 0.0, atol=1e-6)
    fixed = orthonormalize(model.design.rows).rows.fixed
    assert_allclose(fixed.T @ fixed / len(fixed), np.eye(4), atol=1e-12)


def three_effects(seed, *, groups, rows, sds):
    rng = np.random.default_rng(seed)
    group_index = np.repeat(np.arange(groups), rows)
    x = rng.normal(size=(groups * rows, 2))
    effects = rng.normal(size=(groups, 3)) * sds
    eta = 0.2 + x @ [0.5, -0.3] + effects[group_index, 0] + (effects[group_index, 1:] * x).sum(axis=1)
    return {"y": (rng.random(len(x)) < expit(eta)).astype(float), "x": x, "groups": group_index, "x_random": x}


@pytest.mark.usefixtures("laplace_beyond_two")
def test_three_random_effects_are_profiled_by_laplace():
    model = fit_model(**three_effects(5, groups=25, rows=12, sds=[0.8, 0.9, 0.7]), method="ml")
    assert model.fit.nodes is None
    intervals = profile_intervals(model)
    assert any("Laplace" in notice for notice in intervals.notices)
    upper = intervals.fixed_effects[1].ci_upper
    design = model.design
    start = np.r_[model.fit.coefficients, np.log(model.fit.sds)]
    direction = np.r_[design.scale.back_transform[1], np.zeros(3)]
    fixed = direction * upper / (direction @ direction)
    nuisance = np.linalg.svd(direction[None])[2][1:].T

    def negative(free):
        theta = fixed + nuisance @ free
        value, scores, _ = _value_and_scores(
            design.rows,
            Parameters(coefficients=theta[:3], effects=IndependentEffects(log_sds=theta[3:])),
            model.fit.random_effects,
        )
        return -value, -nuisance.T @ scores.sum(axis=0)

    found = minimize(negative, nuisance.T @ start, jac=True, method="BFGS", options={"gtol": 1e-7})
    assert_allclose(2.0 * (model.fit.log_likelihood + found.fun), chi2.isf(0.05, 1), rtol=0.0, atol=DEFINITION)


@pytest.mark.usefixtures("laplace_beyond_two")
def test_an_sd_of_zero_among_three_is_profiled_from_zero():
    # quadrature, with the two others alone, would let the middle SD rise from zero; what is profiled is all Laplace's
    model = fit_model(**three_effects(4, groups=20, rows=10, sds=[0.8, 0.2, 0.7]), method="ml")
    assert model.fit.sds[1] == 0.0
    intervals = profile_intervals(model)
    middle = intervals.random_effects[1]
    assert (middle.estimate, middle.ci_lower, middle.wald_lower) == (0.0, 0.0, None)
    assert middle.ci_upper > 0.1
    assert (np.diff(limits_of(intervals)) > 0.0).all()


@pytest.mark.usefixtures("laplace_beyond_two")
@pytest.mark.parametrize("sds", [[0.8, 0.0, 0.0], [0.8, 0.2, 0.7]])
def test_profiles_of_three_effects_descend_from_laplaces_peak_also_when_some_are_zero(sds):
    model = fit_model(**three_effects(4, groups=20, rows=10, sds=sds), method="ml")
    assert model.fit.sds.min() == 0.0
    # the fit itself is by quadrature, since few effects are left; what is profiled is all Laplace's
    assert model.fit.nodes is not None
    peak = find_peak(model.design.rows, model.fit)
    assert np.abs(peak.point.state.score).max() < 1e-6
    assert peak.point.state.value == pytest.approx(model.fit.log_likelihood, abs=1.0)
    coefficients = peak.turned.coefficients_of(peak.point.state.parameters.coefficients)
    assert_allclose(coefficients, model.fit.coefficients, atol=0.1)


@pytest.mark.usefixtures("laplace_beyond_two")
def test_what_is_left_of_three_effects_is_integrated_as_by_a_model_without_the_others():
    data = three_effects(4, groups=20, rows=10, sds=[0.8, 0.2, 0.7])
    whole = fit_model(**data, method="ml").fit
    assert whole.sds[1] == 0.0
    left = fit_model(**{**data, "x_random": np.asarray(data["x_random"])[:, 1:]}, method="ml").fit
    assert whole.nodes == left.nodes
    assert whole.log_likelihood == pytest.approx(left.log_likelihood, rel=1e-10)
    assert_allclose(whole.coefficients, left.coefficients, rtol=1e-7)
    assert_allclose(whole.sds[[0, 2]], left.sds, rtol=1e-7)


@pytest.mark.mass
@pytest.mark.parametrize("alpha", [1.0 - 2.0**-53, 2e-300])
@pytest.mark.parametrize(
    ("y", "x", "groups"),
    [
        # the likelihood is flat in the SD of groups of size one
        ([0, 1, 1], [1.3, -0.3, 2.8], [1, 2, 3]),
        # far from the estimates the whole information underflows
        ([0, 1, 1, 0, 0], [-0.03, 2.57, 1.65, 2.38, 0.09], [1, 2, 1, 1, 2]),
    ],
)
def test_limits_enclose_the_estimate_however_near_or_far_they_are(y, x, groups, alpha):
    intervals = intervals_of(*([[cell] for cell in column] for column in (y, x, groups)), alpha=alpha)
    for each in (*intervals.fixed_effects, *intervals.random_effects):
        found = [value for value in (each.ci_lower, each.estimate, each.ci_upper) if value is not None]
        assert found == sorted(found)


# what must not change the answer


def test_units_and_origin_of_x_do_not_change_the_limits():
    data = far_from_zero()
    limits = limits_of(intervals_of(**data))
    moved = limits_of(intervals_of(data["y"], 1000.0 - 20.0 * data["x"], data["groups"]))
    assert_same_limits(-20.0 * moved[1:2, ::-1], limits[1:2])
    assert_same_limits(moved[2:], limits[2:])
    centred = limits_of(intervals_of(data["y"], data["x"] - 50.0, data["groups"]))
    shifted_twice = limits_of(intervals_of(data["y"], (data["x"] - 50.0) * 1e6, data["groups"]))
    assert_same_limits(shifted_twice[:1], centred[:1])
    assert np.ptp(centred[0]) < 0.2 * np.ptp(limits[0])


def test_units_of_a_random_slope_scale_its_sd():
    data = two_effects(10)
    limits = limits_of(intervals_of(**data))
    scaled = limits_of(intervals_of(**{**data, "x_random": data["x_random"] * 1e3}))
    assert_same_limits(scaled * [[1.0], [1.0], [1.0], [1e3]], limits)


def test_swapping_successes_and_failures_mirrors_the_limits():
    data = far_from_zero()
    limits = limits_of(intervals_of(**data))
    swapped = limits_of(intervals_of(**{**data, "y": 1.0 - data["y"]}))
    assert_same_limits(-swapped[:2, ::-1], limits[:2])
    assert_same_limits(swapped[2:], limits[2:])


def test_counts_and_their_expansion_have_the_same_limits():
    rows = fit_model(**expanded(cbpp()).arguments, method="ml")
    assert_same_limits(limits_of(profile_intervals(rows)), limits_of(reference_intervals("cbpp")))


@pytest.mark.parametrize("method", ["vb", "mean-field"])
def test_every_method_has_the_intervals_of_the_likelihood(method):
    intervals = profile_intervals(fit_model(**cbpp().arguments, method=method))
    assert_same_limits(limits_of(intervals), limits_of(reference_intervals("cbpp")))
    assert 'estimates, ci_lower and ci_upper of this table are those of method "ml"' in intervals.notices[0]
    assert method in intervals.notices[0]


def test_the_same_cells_give_the_same_digits():
    first = profile_intervals(fit_model(**bacteria().arguments, method="ml"))
    fit_cache.clear()
    assert profile_intervals(fit_model(**bacteria().arguments, method="ml")) == first


def test_a_smaller_alpha_widens_every_interval():
    wide = limits_of(profile_intervals(fit_model(**bacteria().arguments, method="ml", alpha=0.01)))
    usual = limits_of(reference_intervals("bacteria"))
    narrow = limits_of(profile_intervals(fit_model(**bacteria().arguments, method="ml", alpha=0.999999)))
    assert (wide[:, 0] < usual[:, 0]).all()
    assert (wide[:, 1] > usual[:, 1]).all()
    assert_allclose(narrow.mean(axis=1), [i.estimate for i in all_of(reference_intervals("bacteria"))], rtol=1e-6)
    assert (narrow[:, 0] < narrow[:, 1]).all()


def test_odds_ratios_are_exponentials():
    intervals = reference_intervals("bacteria")
    for coefficient, ratio in zip(intervals.fixed_effects, intervals.odds_ratios, strict=True):
        for field in ("estimate", "ci_lower", "ci_upper", "wald_lower", "wald_upper"):
            assert_allclose(getattr(ratio, field), np.exp(getattr(coefficient, field)), rtol=1e-14)


def test_wald_limits_are_those_of_the_observed_information():
    certified = bacteria().maximum_likelihood
    for interval, coefficient, std_error in zip(
        reference_intervals("bacteria").fixed_effects, certified["coef"], certified["se"], strict=True
    ):
        expected = [coefficient - 1.959963984540054 * std_error, coefficient + 1.959963984540054 * std_error]
        assert_allclose([interval.wald_lower, interval.wald_upper], expected, rtol=1e-7)
    (deviation,) = reference_intervals("bacteria").random_effects
    log_error = certified["sigma_se"] / certified["sigma"]
    expected = certified["sigma"] * np.exp(np.array([-1.0, 1.0]) * 1.959963984540054 * log_error)
    assert_allclose([deviation.wald_lower, deviation.wald_upper], expected, rtol=1e-6)


def test_large_samples_bring_profile_and_wald_together():
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(400), 50)
    x = rng.normal(size=(20_000, 1))
    y = rng.random(20_000) < expit(0.2 + 0.5 * x[:, 0] + 0.7 * rng.normal(size=400)[groups])
    for interval in all_of(intervals_of(y.astype(float), x, groups)):
        width = interval.ci_upper - interval.ci_lower
        assert abs(interval.ci_lower - interval.wald_lower) < 0.01 * width
        assert abs(interval.ci_upper - interval.wald_upper) < 0.01 * width


@pytest.mark.mass
@pytest.mark.parametrize("name", ["cbpp", "contraception", "contraception + urban slope"])
def test_a_limit_takes_at_most_four_evaluations_of_the_score_and_one_of_log_l_with_all_nodes(name, monkeypatch):
    model = reference_model(name)
    peak = find_peak(model.design.rows, model.fit)
    counted = Counter()

    def count(method):
        original = getattr(Integrator, method)

        def counting(integrator, *arguments):
            counted[method] += 1
            return original(integrator, *arguments)

        monkeypatch.setattr(Integrator, method, counting)

    count("evaluate")
    count("value_at_point")
    combinations = model.design.scale.back_transform
    for combination in combinations:
        for side in (-1, 1):
            assert coefficient_limit(peak, combination, side=side, quantile=3.841).ending == "found"
    limits = 2 * len(combinations)
    assert counted["value_at_point"] <= 1.2 * limits
    assert counted["evaluate"] <= 4 * limits


def test_vegetables_take_less_than_three_seconds():
    fit_cache.clear()
    start = time.process_time()
    profile_intervals(fit_model(**vegetables().arguments))
    assert time.process_time() - start < 3.0


# where there is no limit


def test_an_sd_of_zero_has_an_upper_limit_and_no_wald_limits():
    (deviation,) = intervals_of(**between_groups(1)).random_effects
    assert (deviation.estimate, deviation.ci_lower) == (0.0, 0.0)
    assert 0.1 < deviation.ci_upper < 2.0
    assert deviation.wald_lower is None
    assert deviation.wald_upper is None


def groups_of_one():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 1))
    return {"y": (rng.random(60) < expit(0.5 * x[:, 0])).astype(float), "x": x, "groups": np.arange(60)}


def test_a_limit_that_does_not_exist_is_none_and_is_explained():
    intervals = intervals_of(**groups_of_one())
    (deviation,) = intervals.random_effects
    assert deviation.ci_lower == 0.0
    assert deviation.ci_upper is None
    assert any(
        notice.startswith("The upper profile limit of the SD of the random intercept was not found: values as far as")
        for notice in intervals.notices
    )
    rows = finished(intervals.rows())
    assert next(row for row in rows if row[0] == "" and row[1] == "intercept" and row[3] == 0.0)[4] is None


def test_data_without_a_maximum_are_refused_with_the_words_of_maximum_likelihood():
    x = np.linspace(-1.0, 1.0, 40)[:, None]
    data = {"y": (x[:, 0] > 0.0).astype(float), "x": x, "groups": np.arange(40) % 8}
    with pytest.raises(FitError) as by_likelihood:
        fit_model(**data, method="ml")
    model = fit_model(**data, method="vb")
    with pytest.raises(FitError) as by_profile:
        profile_intervals(model)
    assert str(by_profile.value) == str(by_likelihood.value)


def found(value, *, settled=True):
    return Limit(ending="found", reached=value, settled=settled)


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("flat", "values as far as 4 still lie inside the interval. Report it as open on that side."),
        ("unbounded", "from 4 on, the likelihood no longer limits how much groups differ."),
        ("higher", "near 4 the likelihood is higher than at the estimates"),
        ("lost", "the search stopped at 4. Use the Wald limit with caution."),
    ],
)
def test_each_way_a_search_can_fail_has_its_words(ending, text):
    missing = Limit(ending=ending, reached=2.0, settled=True)
    profile = Profile(name="dose", position=0, lower=found(0.5), upper=missing, scale=2.0)
    (notice,) = about_limits([profile])
    assert notice.startswith(f"The upper profile limit of dose was not found: {text}")
    assert profile.limits_about(1.5) == (1.0, None)


def profiles_of(*settled):
    """Profiles of x1, x2 ... whose lower and upper limits were found, settled as the pairs say."""
    return [
        Profile(
            name=f"x{position + 1}",
            position=position,
            lower=found(0.5, settled=below),
            upper=found(2.0, settled=above),
            scale=1.0,
        )
        for position, (below, above) in enumerate(settled)
    ]


def test_limits_at_which_quadrature_was_not_settled_are_named_once():
    (notice,) = about_limits(profiles_of((True, False), (True, False)))
    assert "at x1 (upper) and x2 (upper):" in notice
    (notice,) = about_limits(profiles_of((True, False), *[(False, False)] * 10))
    assert "at x1 (upper), x2 (lower), x2 (upper), x3 (lower), x3 (upper) and 16 more:" in notice
    assert not list(about_limits(profiles_of((True, True))))


def test_when_no_limit_was_settled_they_are_not_listed_one_by_one():
    profiles = profiles_of(*[(False, False)] * 26)
    (notice,) = about_limits(profiles)
    assert "at all limits:" in notice
    assert "x1" not in notice
    # a limit that was not found has a sentence of its own
    missing = replace(profiles[0], lower=Limit(ending="flat", reached=-9.0, settled=False))
    assert "at all limits:" in list(about_limits([missing, *profiles[1:]]))[1]


# the table


def hand_built():
    interval = Interval(parameter="dose", estimate=1.0, ci_lower=0.25, ci_upper=None, wald_lower=0.5, wald_upper=1.5)
    ratio = Interval(parameter="dose", estimate=2.5, ci_lower=1.25, ci_upper=np.inf, wald_lower=1.5, wald_upper=4.5)
    deviation = Interval(
        parameter="intercept", estimate=0.0, ci_lower=0.0, ci_upper=0.75, wald_lower=None, wald_upper=None
    )
    return Intervals(
        fixed_effects=(interval,),
        odds_ratios=(ratio,),
        random_effects=(deviation,),
        correlations=(),
        alpha=0.05,
        beside="wald",
        notices=("Beware.",),
    )


def test_the_table_has_three_blocks_of_seven_columns():
    limits = ["ci_lower", "ci_upper", "wald_lower", "wald_upper"]
    assert finished(hand_built().rows()) == [
        ["fixed_effects", "parameter", "coefficient", *limits],
        ["", "dose", 1.0, 0.25, None, 0.5, 1.5],
        ["odds_ratios", "parameter", "odds_ratio", *limits],
        ["", "dose", 2.5, 1.25, None, 1.5, 4.5],
        ["random_effects", "parameter", "std_dev", *limits],
        ["", "intercept", 0.0, 0.0, 0.75, None, None],
        ["warning", "Beware.", None, None, None, None, None],
    ]


def test_an_upper_limit_too_large_to_be_shown_is_explained():
    (ratio,) = hand_built().odds_ratios
    (notice,) = _about_odds_ratios((ratio,))
    assert notice.startswith("The upper limit of the odds ratio of dose is too large to be shown")
    assert not list(_about_odds_ratios((replace(ratio, ci_upper=9.0),)))


def test_the_table_holds_python_floats_only():
    for row in finished(reference_intervals("contraception + urban slope").rows()):
        assert all(cell is None or type(cell) in {str, float} for cell in row)
