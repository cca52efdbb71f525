"""Groups in groups: integrals by brute force, published and R's values, and what each answer makes of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import log_expit, logsumexp, roots_hermitenorm
from scipy.stats import chi2, norm
from scipy.stats.qmc import Sobol

from formula_data import refusal
from glmm_binomial import estimates_of, fit_formula
from glmm_binomial.answers.check import check
from glmm_binomial.answers.compare import compare
from glmm_binomial.answers.confint import profile_intervals
from glmm_binomial.answers.contrast import contrast
from glmm_binomial.answers.influence import influence
from glmm_binomial.answers.margins import margins
from glmm_binomial.answers.plot import plot
from glmm_binomial.answers.predict import predict
from glmm_binomial.answers.quality import quality
from glmm_binomial.answers.ranef import random_effects
from glmm_binomial.answers.report import report
from glmm_binomial.answers.residuals import residuals
from glmm_binomial.answers.simulate import draw_outcomes, simulate
from glmm_binomial.answers.table import table
from glmm_binomial.answers.terms import terms
from glmm_binomial.estimation.conditional_modes import find_modes, mode_response
from glmm_binomial.estimation.densities import density_of
from glmm_binomial.estimation.integrator import Integrator
from glmm_binomial.estimation.pearson import counts_of
from glmm_binomial.estimation.posterior_mode import find_posterior_mode
from glmm_binomial.model.design import build_design
from glmm_binomial.model.effects import IndependentEffects, Parameters
from glmm_binomial.observations.row_groups import nested_groups
from glmm_binomial.observations.simulation_options import SimulationOptions
from glmm_binomial.observations.truth import Truth

REFERENCE = Path(__file__).parent / "reference"
COLUMNS = ["school", "class", "x", "z", "s", "n"]
STEP = 1e-5


def pupils(*, schools=7, classes=3, rows=4, trials=1, sds=(1.0, 0.8), seed=3, unique=False):
    """A table of pupils; the numbers of classes begin anew in each school unless they are unique."""
    generator = np.random.default_rng(seed)
    found = [COLUMNS]
    for school in range(schools):
        of_school = sds[0] * generator.standard_normal()
        for place in range(classes):
            of_class = sds[1] * generator.standard_normal()
            label = school * classes + place if unique else place
            for row in range(rows):
                x, z = generator.standard_normal(), float(school % 2)
                p = 1.0 / (1.0 + np.exp(-(0.3 + 0.8 * x - 0.4 * z + of_school + of_class)))
                found.append([f"s{school}", label, round(x, 3), z, int(generator.binomial(trials, p)), trials])
                del row
    return found


def fitted(formula="s / n ~ x + z + (1 | school/class)", data=None, **options):
    return fit_formula(data or pupils(), formula, **{"method": "ml"} | options)


def rows_of(data, formula="s / n ~ x + z + (1 | school/class)"):
    return build_design(fit_formula(data, formula, method="ml").observations).rows


def log_likelihood_on_a_grid(rows, parameters, *, nodes=400, reach=9.0):
    """Both integrals by the trapezoid rule on fixed grids, that of the class within that of the school."""
    sd_school, sd_class = np.exp(parameters.effects.log_sds)
    grid = np.linspace(-reach, reach, nodes)
    log_weight = norm.logpdf(grid) + np.log(grid[1] - grid[0])
    predictor, total = rows.fixed @ parameters.coefficients, 0.0
    for school in range(rows.upper.count):
        of_school = np.zeros(nodes)
        for group in np.flatnonzero(rows.upper.index == school):
            inside = slice(rows.grouping.bounds[group], rows.grouping.bounds[group + 1])
            eta = predictor[inside, None, None] + sd_school * grid[:, None] + sd_class * grid
            y, n = rows.successes[inside, None, None], rows.trials[inside, None, None]
            of_school += logsumexp((y * log_expit(eta) + (n - y) * log_expit(-eta)).sum(axis=0) + log_weight, axis=1)
        total += logsumexp(of_school + log_weight)
    return total


def evaluated(rows, parameters):
    found = find_modes(rows, parameters, np.zeros((rows.grouping.count, 2)))
    return Integrator(rows, parameters, found)


def at(rows, *log_sds):
    return Parameters(np.linspace(0.2, 0.6, rows.fixed.shape[1]), IndependentEffects(np.array(log_sds)))


@pytest.mark.mass
@pytest.mark.parametrize("trials", [1, 6])
@pytest.mark.parametrize("log_sds", [(0.0, -0.3), (-1.5, 0.8), (0.9, -2.0)])
def test_the_likelihood_is_that_of_a_grid_over_both_effects(trials, log_sds):
    rows = rows_of(pupils(trials=trials))
    parameters = at(rows, *log_sds)
    state = evaluated(rows, parameters).evaluate_point()
    assert_allclose(state.value, log_likelihood_on_a_grid(rows, parameters), rtol=0.0, atol=2e-7)
    assert state.group_scores.shape == (rows.upper.count, len(parameters.vector))


def test_score_and_information_are_the_derivatives_of_the_likelihood():
    rows = rows_of(pupils(trials=3))
    parameters = at(rows, -0.2, 0.1)
    integrator = evaluated(rows, parameters)
    state, modes = integrator.evaluate_point(), integrator.evaluate_point().found.modes
    both = [[parameters.moved(sign * step) for sign in (1.0, -1.0)] for step in np.eye(len(parameters.vector)) * STEP]
    states = [[integrator.evaluate(point, modes) for point in pair] for pair in both]
    slopes = [(ahead.value - behind.value) / (2.0 * STEP) for ahead, behind in states]
    curvature = [(behind.score - ahead.score) / (2.0 * STEP) for ahead, behind in states]
    assert_allclose(state.score, slopes, rtol=1e-5, atol=1e-5)
    assert_allclose(state.information, curvature, rtol=1e-5, atol=1e-4)


def test_modes_move_as_their_derivatives_say():
    rows = rows_of(pupils(trials=2))
    parameters = at(rows, 0.1, -0.4)
    none = np.zeros((rows.grouping.count, 2))
    response = mode_response(rows, parameters, find_modes(rows, parameters, none)).derivatives
    for place, step in enumerate(np.eye(len(parameters.vector)) * STEP):
        ahead, behind = (find_modes(rows, parameters.moved(sign * step), none).modes for sign in (1.0, -1.0))
        assert_allclose(response[:, :, place], (ahead - behind) / (2.0 * STEP), rtol=1e-6, atol=1e-7)


def immunisation():
    """guImmun of R's mlmRev: its certified values are by an independent program of 11 and 41 nodes."""
    with (REFERENCE / "guImmun.csv").open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    return [header, *([float(cell) if header[i] == "pcInd81" else cell for i, cell in enumerate(row)] for row in rows)]


def log_posterior_by_a_grid(rows, points, *, nodes=32):
    """Of points (D, k + 2), by Gauss and Hermite's rules that do not adapt, one in the other, and the priors."""
    x, weights = roots_hermitenorm(nodes)
    log_weights, found = np.log(weights / weights.sum()), np.empty(len(points))
    sizes, k = rows.grouping.sizes, rows.fixed.shape[1]
    assert (sizes == sizes[0]).all()
    for place, point in enumerate(points):
        sd_school, sd_class = np.exp(point[k:])
        eta = (rows.fixed @ point[:k])[:, None, None] + sd_school * x[:, None] + sd_class * x
        density = rows.successes[:, None, None] * eta - rows.trials[:, None, None] * np.logaddexp(0.0, eta)
        of_classes = logsumexp(rows.grouping.sums(density) + log_weights, axis=2)
        log_likelihood = logsumexp(rows.upper.sums(of_classes) + log_weights, axis=1).sum()
        found[place] = log_likelihood - (point[:k] ** 2).sum() / 8.0 - (point[k:] ** 2).sum() / 2.0
    return found


def weighted(values, log_weights):
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    mean = weights @ values
    return mean, np.sqrt(weights @ (values - mean) ** 2), weights


def test_points_have_the_posterior_of_a_grid_and_its_slopes():
    rows = rows_of(pupils(trials=4, rows=3))
    start = at(rows, -0.2, -0.1)
    density = density_of(rows)(rows, start, np.zeros((rows.grouping.count, 2)))
    mode = find_posterior_mode(density).at
    root = np.linalg.cholesky(np.linalg.inv(mode.information))
    points = mode.point + np.random.default_rng(5).standard_normal((8, len(root))) @ root.T
    expected = log_posterior_by_a_grid(rows, points, nodes=60)
    values = density.values(points)
    assert_allclose(values - values[0], expected - expected[0], rtol=0.0, atol=2.0 * density.quadrature_error)
    slopes = density.slopes(points)
    assert_allclose(slopes.values, values, rtol=1e-12)
    for point, gradient in zip(points[:3], slopes.gradients, strict=False):
        steps = np.eye(len(point)) * 1e-4
        moved = [log_posterior_by_a_grid(rows, np.array([point + step, point - step]), nodes=60) for step in steps]
        assert_allclose(gradient, [(ahead - behind) / 2e-4 for ahead, behind in moved], rtol=0.0, atol=0.01)
        assert_allclose(density.curved(point).gradient, gradient, rtol=0.0, atol=0.01)


def test_as_many_points_are_taken_as_seconds_allow():
    rows = rows_of(pupils(trials=2))
    density = density_of(rows)(rows, at(rows, 0.0, 0.0), np.zeros((rows.grouping.count, 2)))
    most = [density.most_points]
    for times in (100, 10_000, 100_000):
        density.rows = replace(rows, trials=np.ones(len(rows.trials) * times))
        most.append(density.most_points)
    assert most == [8_192, 1_024, 1_024, 1_024]


def test_moments_of_effects_are_those_of_a_grid():
    rows = rows_of(pupils(trials=4, schools=4))
    start = at(rows, 0.1, -0.3)
    density = density_of(rows)(rows, start, np.zeros((rows.grouping.count, 2)))
    density.curved(start.vector, is_centre=True)
    density.choose_nodes(np.vstack([start.vector, start.vector + 0.1]))
    found = density.effect_moments(start.vector[None])
    grid = np.linspace(-8.0, 8.0, 300)
    offset, (sd_school, sd_class) = rows.fixed @ start.coefficients, start.effects.sds
    for school in range(2):
        groups = np.flatnonzero(rows.upper.index == school)
        log_f = []
        for group in groups:
            inside = slice(rows.grouping.bounds[group], rows.grouping.bounds[group + 1])
            eta = offset[inside, None, None] + sd_school * grid[:, None] + sd_class * grid
            y, n = rows.successes[inside, None, None], rows.trials[inside, None, None]
            log_f.append((y * eta - n * np.logaddexp(0.0, eta)).sum(axis=0) - 0.5 * grid**2)
        of_others = sum(logsumexp(each, axis=1) for each in log_f[1:]) - 0.5 * grid**2
        joint = np.exp(log_f[0] + of_others[:, None] - (log_f[0] + of_others[:, None]).max())
        joint /= joint.sum()
        effects = np.stack(np.broadcast_arrays(sd_school * grid[:, None], sd_class * grid))
        means = np.einsum("ij,kij->k", joint, effects)
        off = effects - means[:, None, None]
        assert_allclose(found.means[0, groups[0]], means, rtol=0.0, atol=1e-3)
        assert_allclose(
            found.covariances[0, groups[0]], np.einsum("ij,kij,lij->kl", joint, off, off), rtol=0.0, atol=1e-3
        )
        third = np.einsum("ij,kij,lij,mij->klm", joint, off, off, off)
        assert_allclose(found.third[0, groups[0]], third, rtol=0.0, atol=2e-3)


@pytest.mark.mass
@pytest.mark.simulation
def test_the_posterior_is_that_of_importance_sampling():
    data = pupils(schools=12, classes=3, rows=6, trials=2, seed=11)
    model = fit_formula(data, "s / n ~ x + z + (1 | school/class)")
    posterior, rows = model.fit.posterior, model.design.rows
    mode, size = posterior.mode.vector, len(posterior.mode.vector)
    root = np.linalg.cholesky(np.linalg.inv(posterior.information))
    z = norm.ppf(Sobol(size + 1, seed=1).random(8_192).clip(1e-9, 1.0 - 1e-9))
    degrees = 6.0
    stretch = np.sqrt(degrees / chi2.isf(norm.cdf(z[:, -1]), degrees))
    points = 1.1 * z[:, :-1] * stretch[:, None]
    proposal = -0.5 * (degrees + size) * np.log1p((points**2).sum(axis=1) / (1.21 * degrees))
    theta = mode + points @ root.T
    log_weights = log_posterior_by_a_grid(rows, theta) - proposal
    means, sds, weights = weighted(theta, log_weights)
    noise = 3.0 / np.sqrt(1.0 / (weights**2).sum())
    found_sds = np.sqrt(np.diag(posterior.covariance))
    assert_allclose((posterior.mean - means) / sds, 0.0, rtol=0.0, atol=posterior.error + noise)
    assert_allclose(found_sds[:-2], sds[:-2], rtol=0.015)
    # of log SDs, repeats of the reference differ by as much
    assert_allclose(found_sds[-2:], sds[-2:], rtol=0.06)
    # effects of the first school by the laws given theta, on a few of the points
    effects = random_effects(model)
    assert effects.std_devs[0, 0] > 0.1
    assert (np.abs(effects.estimates[effects.places_of(0), 0]) < 4.0).all()


def test_the_default_answers_as_maximum_likelihood_does_where_data_are_many():
    data = pupils(schools=40, classes=4, rows=3, trials=20, seed=2)
    vb, ml = (fit_formula(data, "s / n ~ x + (1 | school/class)", method=method) for method in ("vb", "ml"))
    one, other = estimates_of(vb), estimates_of(ml)
    assert_allclose(one.coefficients, other.coefficients, rtol=0.0, atol=0.15 * other.std_errors.max())
    assert_allclose(one.std_devs, other.std_devs, rtol=0.05)
    assert one.log_likelihood == other.log_likelihood
    mine, theirs = random_effects(vb), random_effects(ml)
    assert_allclose(mine.estimates, theirs.estimates, rtol=0.0, atol=0.1)
    assert_allclose(mine.std_devs, theirs.std_devs, rtol=0.1)
    new = [["x", "school", "class"], [0.5, "s2", 1], [0.5, "s2", 77], [0.5, "s99", 1]]
    assert_allclose(predict(vb, new).logit, predict(ml, new).logit, rtol=0.0, atol=0.1)
    again = fit_formula(data, "s / n ~ x + (1 | school/class)")
    assert (again.fit.posterior.mean == vb.fit.posterior.mean).all()


@pytest.mark.mass
def test_children_of_mothers_of_communities_have_their_certified_estimates():
    terms_of_all = "kid2p + mom25p + ord + ethn + momEd + husEd + momWork + rural + pcInd81"
    found = fit_formula(immunisation(), f"immun ~ {terms_of_all} + (1 | comm/mom)", method="ml")
    assert_allclose(found.fit.sds, [1.02493, 2.31715], rtol=0.0, atol=6e-6)
    assert_allclose(found.fit.log_likelihood, -1323.95243, rtol=0.0, atol=6e-6)


@pytest.mark.mass
def test_counts_of_many_trials_have_lme4s_estimates():
    with (REFERENCE / "nested_lme4.csv").open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    expected = json.loads((REFERENCE / "nested_lme4.json").read_text(encoding="utf-8"))
    data = [header, *([int(cell) for cell in row] for row in rows)]
    model = fit_formula(data, "s / n ~ x + (1 | school/class)", method="ml")
    found = estimates_of(model)
    assert_allclose(found.coefficients, expected["coefficients"], rtol=2e-3)
    assert_allclose(found.std_errors, expected["std_errors"], rtol=2e-3)
    assert_allclose(found.std_devs, expected["sds"], rtol=2e-3)
    # where lme4's is Laplace's approximation
    at_estimates = Parameters(model.fit.coefficients, model.fit.active_effects)
    on_a_grid = log_likelihood_on_a_grid(model.design.rows, at_estimates) + model.design.log_binomial
    assert_allclose(found.log_likelihood, on_a_grid, rtol=0.0, atol=1e-6)
    effects = random_effects(model)
    assert_allclose(effects.estimates[effects.places_of(0), 0], expected["schools"], rtol=0.0, atol=2e-3)
    assert_allclose(effects.estimates[:, 1], expected["classes"], rtol=0.0, atol=2e-3)


def test_a_table_names_both_kinds_of_groups():
    shown = {row[1]: row[2:] for row in table(fitted()).rows() if row[0] == ""}
    estimates = estimates_of(fitted())
    variances = estimates.variances
    assert shown["school: intercept"][0] == variances[0]
    assert shown["school:class: intercept"][0] == variances[1]
    assert (shown["groups: school"][0], shown["groups: school:class"][0]) == (7, 21)
    assert_allclose(shown["icc: school"][0], variances[0] / (variances.sum() + np.pi**2 / 3.0))
    assert_allclose(shown["icc: school:class"][0], variances.sum() / (variances.sum() + np.pi**2 / 3.0))


SAME = [
    "s / n ~ x + z + (1 | school) + (1 | school:class)",
    "s / n ~ x + z + (1 | school:class) + (1 | school)",
    "s / n ~ x + z + (1 | class:school) + (1 | school)",
]


@pytest.mark.parametrize("formula", SAME)
def test_nested_groups_may_be_written_out(formula):
    assert_allclose(fitted(formula).fit.sds, fitted().fit.sds, rtol=1e-12)


def test_columns_of_which_one_lies_within_the_other_are_nested_and_said_to_be():
    model = fitted("s / n ~ x + z + (1 | class) + (1 | school)", pupils(unique=True))
    assert_allclose(model.fit.log_likelihood, fitted(data=pupils(unique=True)).fit.log_likelihood, rtol=1e-12)
    assert model.observations.notices == (
        "Every class lies within one school, so that class is taken as nested in school.",
    )
    assert model.design.scale.random_names == ("school: intercept", "class: intercept")


def test_labels_that_repeat_are_said_to():
    (notice,) = fitted().observations.notices
    assert notice == "Labels of class stand in several school, so that a group of school:class is told by both labels."
    assert fitted(data=pupils(unique=True)).observations.notices == ()


def test_groups_of_several_columns_alone_are_those_of_one_that_joins_them():
    data = pupils()
    joined = [[*data[0], "both"], *([*row, f"{row[0]}/{row[1]}"] for row in data[1:])]
    one = fit_formula(data, "s / n ~ x + (1 | school:class)")
    other = fit_formula(joined, "s / n ~ x + (1 | both)")
    assert one.fit.log_likelihood == other.fit.log_likelihood
    assert one.observations.group_labels[:2] == ("s0:0", "s0:1")


def test_the_order_of_rows_and_labels_changes_nothing():
    data = pupils(trials=2)
    turned = [data[0], *data[:0:-1]]
    renamed = [data[0], *([f"{9 - int(row[0][1])}x", 5 - row[1], *row[2:]] for row in turned[1:])]
    one, other = estimates_of(fitted(data=data)), estimates_of(fitted(data=renamed))
    assert_allclose(one.coefficients, other.coefficients, rtol=1e-9)
    assert_allclose(one.std_devs, other.std_devs, rtol=1e-8)


def test_a_variance_of_zero_leaves_the_model_without_it():
    generator = np.random.default_rng(8)
    data = [COLUMNS]
    for school in range(10):
        for place in range(3):
            p = 0.35 + 0.03 * school
            # each class has just the share of successes of its school
            data += [[school, place, 0.0, 0.0, round(30 * p), 30] for _ in range(2)]
    del generator
    both = fit_formula(data, "s / n ~ 1 + (1 | school/class)", method="ml")
    one = fit_formula(data, "s / n ~ 1 + (1 | school)", method="ml")
    assert both.fit.sds[1] == 0.0
    assert_allclose(both.fit.sds[0], one.fit.sds[0], rtol=1e-7)
    assert_allclose(both.fit.log_likelihood, one.fit.log_likelihood, rtol=0.0, atol=1e-8)
    effects = random_effects(both)
    assert_allclose(effects.estimates[effects.places_of(0), 0], random_effects(one).estimates[:, 0], atol=1e-7)
    assert not effects.estimates[:, 1].any()
    assert "school:class" in "".join(estimates_of(both).notices)


def test_no_difference_between_schools_leaves_the_model_of_classes():
    generator = np.random.default_rng(4)
    rates = generator.permutation(np.linspace(0.2, 0.8, 30)).reshape(10, 3)
    # every school has the same mean of the logits of its classes, as nearly as can be
    rates = 1.0 / (1.0 + np.exp(-(np.log(rates / (1 - rates)) - np.log(rates / (1 - rates)).mean(axis=1)[:, None])))
    data = [COLUMNS, *([s, c, 0.0, 0.0, round(40 * rates[s, c]), 40] for s in range(10) for c in range(3))]
    both = fit_formula(data, "s / n ~ 1 + (1 | school/class)", method="ml")
    one = fit_formula(data, "s / n ~ 1 + (1 | school:class)", method="ml")
    assert both.fit.sds[0] == 0.0
    assert_allclose(both.fit.log_likelihood, one.fit.log_likelihood, rtol=0.0, atol=1e-8)
    assert_allclose(both.fit.sds[1], one.fit.sds[0], rtol=1e-7)


def test_a_new_class_of_a_known_school_has_the_effect_of_the_school():
    model = fitted()
    effects = random_effects(model)
    header = ["x", "z", "school", "class"]
    known, new, unknown = [0.5, 0.0, "s2", 1], [0.5, 0.0, "s2", 77], [0.5, 0.0, "s99", 1]
    found = predict(model, [header, known, new, unknown])
    of_school = effects.estimates[effects.places_of(0)[2], 0]
    of_class = effects.estimates[model.observations.group_labels.index("s2:1"), 1]
    assert_allclose(found.logit[:2] - found.logit[2], [of_school + of_class, of_school], rtol=1e-9)
    assert found.random_effects == ("group estimate", "group above (new group)", "zero (new group)")
    assert_allclose(found.population_average, found.population_average[0], rtol=1e-12)
    without_class = predict(model, [header[:3], new[:3]])
    assert without_class.random_effects == ("group above (new group)",)
    assert_allclose(without_class.logit, found.logit[1], rtol=1e-12)
    assert_allclose(predict(model, [header[:2], known[:2]], "s2:1").logit, found.logit[0], rtol=1e-12)


def test_the_rows_of_the_fit_have_the_effects_of_both_groups():
    model = fitted()
    row = pupils()[10]
    (one,) = predict(model, [COLUMNS, row]).logit
    assert_allclose(predict(model).logit[9], one, rtol=1e-12)


def test_simulations_share_the_effect_of_a_school():
    of_class = np.repeat(np.arange(8_000), 5)
    truth = Truth(
        predictor=np.zeros(40_000),
        x_random=np.zeros((40_000, 0)),
        effects_root=np.diag([1.5, 0.5]),
        groups=nested_groups(
            (of_class, tuple(range(8_000))), (of_class // 4, tuple(range(2_000))), upper_name="school"
        ),
        trials=np.full(40_000, 1_000.0),
        trials_given=True,
    )
    (drawn,) = draw_outcomes(truth, SimulationOptions(n_sim=1, seed=1))
    logits = np.log((drawn + 0.5) / (1_000.5 - drawn)).reshape(2_000, 4, 5).mean(axis=2)
    within = logits.var(axis=1, ddof=1).mean()
    between = logits.mean(axis=1).var(ddof=1) - within / 4.0
    # four standard errors of either variance
    assert_allclose(within, 0.25, rtol=0.1)
    assert_allclose(between, 2.25, rtol=0.13)


def test_simulations_of_a_fit_are_the_same_again_and_others_for_another_seed():
    model = fitted()
    assert (simulate(model, n_sim=3).responses == simulate(model, n_sim=3).responses).all()
    assert (simulate(model, seed=1).responses != simulate(model, seed=2).responses).any()


def test_degrees_of_freedom_are_those_of_a_factor():
    """The effective parameters of nested effects, against the trace of a dense hat matrix."""
    model = fitted(data=pupils(trials=5))
    counts = counts_of(model.observations, model.design.scale, model.fit)
    rows = counts.rows
    indicators = [rows.upper.index[rows.grouping.index], rows.grouping.index]
    columns = np.hstack([np.eye(index.max() + 1)[index] for index in indicators])
    precision = np.concatenate(
        [np.full(index.max() + 1, sd**-2.0) for index, sd in zip(indicators, model.fit.sds, strict=True)]
    )
    p = 1.0 / (1.0 + np.exp(-counts.predictor))
    information = columns.T @ (columns * (rows.trials * p * (1.0 - p))[:, None])
    used = np.trace(np.linalg.solve(information + np.diag(precision), information))
    assert_allclose(counts.degrees_of_freedom, len(rows.trials) - 3 - used, rtol=1e-10)


def test_models_with_one_kind_of_groups_are_compared_with_both():
    data = pupils(trials=3)
    both, classes, schools = (
        fit_formula(data, f"s / n ~ x + {random}", method="ml")
        for random in ("(1 | school/class)", "(1 | school:class)", "(1 | school)")
    )
    found = compare([both, classes]).tests[1]
    other = compare([schools, both]).tests[1]
    assert (found.degrees_of_freedom, other.degrees_of_freedom) == (1, 1)
    assert_allclose(found.chi_square, 2.0 * (both.fit.log_likelihood - classes.fit.log_likelihood), atol=1e-7)
    assert "not those of the one before" in compare([classes, schools]).tests[1].note
    shown = {row[0]: row for row in terms(both).rows()}
    assert_allclose(shown["random intercept of school"][2], found.chi_square, atol=1e-7)
    assert_allclose(shown["random intercept of school:class"][2], other.chi_square, atol=1e-7)


def test_tests_by_t_count_the_groups_between_which_a_column_varies():
    shown = {row[1]: row for row in table(fitted()).rows() if row[0] == ""}
    # z varies between seven schools, of which the intercept and z use up two
    assert shown["t_test: z"][3].endswith("5 df")
    assert shown["t_test: intercept"][3].endswith("5 df")
    assert "t_test: x" not in shown


def test_other_answers_know_both_kinds_of_groups():
    model = fitted()
    effects = random_effects(model)
    assert [row[:2] for row in effects.rows()[1:9]] == [
        *([f"s{school}", "school: intercept"] for school in range(7)),
        ["s0:0", "school:class: intercept"],
    ]
    assert len(effects.rows()) == 1 + 7 + 21
    assert "of 7 95 % intervals" in plot(model, "caterpillar").sentence
    assert "of 21 95 % intervals" in plot(model, "caterpillar").sentence
    assert "21 groups (school:class) in 7 groups (school)" in report(model, "sentence").rows()[0][0]
    assert "u[school] + u[school:class]" in report(model, "equation").rows()[0][0]
    counted = [row[0] for row in report(model, "summary").rows() if row and str(row[0]).startswith("Number of obs")]
    assert counted == ["Number of obs: 84, groups: school:class, 21; school, 7"]
    assert check(model, n_sim=40).tests


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("(1 | school/class/x)", "formula must name at most two groupings, each once."),
        ("(1 | school/class) + (1 | school)", "formula must name at most two groupings, each once."),
        ("(1 + x | school/class)", "formula must have no random slopes beside two groupings."),
        ("(1 | school/school)", "names one of them again; write (1 | school)."),
        ("(1 | class:school:class)", "names one of them again; write (1 | class:school)."),
        ("(1 | school/z)", "Each school has one school:z, so that their random intercepts cannot be told apart."),
    ],
)
def test_formulas_beyond_two_nested_groupings_are_refused(formula, message):
    assert message in refusal(f"s / n ~ x + {formula}", pupils(), method="ml")


def test_the_mean_field_is_refused():
    message = refusal("s / n ~ x + (1 | school/class)", pupils(), method="mean-field")
    assert message.startswith('method must be "vb" or "ml" where groups are nested.')


def test_groups_of_single_outcomes_are_refused_as_a_level():
    data = [[*COLUMNS, "pupil"], *([*row, place] for place, row in enumerate(pupils()[1:]))]
    assert "has a single outcome of 0 or 1" in refusal("s / n ~ x + (1 | school/pupil)", data, method="ml")


def test_labels_that_cannot_be_told_apart_once_joined_are_refused():
    data = pupils()
    data[1][0], data[1][1] = "s0:1", "1"
    data[2][0], data[2][1] = "s0", "1:1"
    assert 'would be called "s0:1:1"' in refusal("s / n ~ x + (1 | school:class)", data)


def test_leaving_out_a_group_leaves_the_others_where_they_are():
    observations = fitted().observations
    left = observations.of_rows(observations.group_index > 2)
    assert left.above.labels == observations.above.labels[1:]
    assert (np.bincount(left.above.index) == 3).all()
    assert left.group_labels == observations.group_labels[3:]
    first = observations.of_rows(observations.group_index > 0)
    assert np.bincount(first.above.index).tolist() == [2, *[3] * 6]
    assert first.group_index.tolist() == (observations.group_index[4:] - 1).tolist()


@pytest.mark.parametrize("method", ["ml", pytest.param("vb", marks=pytest.mark.mass)])
def test_every_other_question_is_answered(method):
    data = pupils(schools=8, trials=2)
    data = [[*data[0], "sex"], *([*row, "mf"[place % 2]] for place, row in enumerate(data[1:]))]
    model = fit_formula(data, "s / n ~ x * sex + (1 | school/class)", method=method)
    changes = {row[0]: row for row in margins(model).rows()}
    coefficients = dict(zip(model.design.scale.fixed_names, estimates_of(model).coefficients, strict=True))
    # between a quarter of the slope on the logit scale, at most, and half of that in groups so different
    slope = coefficients["x"] + 0.5 * coefficients["x:sex[m]"]
    assert 0.12 * slope < changes["x"][2] < 0.25 * slope
    assert contrast(model, "sex", scale="difference").rows()[1][0] == "f - m"
    for answer in (quality, residuals, check, terms, influence):
        assert len(answer(model).rows()) > 1
    for style in ("table", "summary", "sentence", "equation", "latex", "covariance", "R", "Stata", "SAS", "Python"):
        assert report(model, style).rows()
    for kind in ("check", "forest", "caterpillar", "effect", "calibration", "roc", "residuals"):
        assert plot(model, kind).sentence


@pytest.mark.mass
def test_profile_limits_are_where_the_likelihood_has_fallen_by_half_of_the_quantile():
    data = pupils(schools=8, trials=2)
    model = fitted(data=data)
    limits = {row[1]: row[3:5] for row in profile_intervals(model).rows() if row[0] == ""}
    lower, upper = limits["school: intercept"]
    top, rows = model.fit.log_likelihood, model.design.rows
    assert lower < model.fit.sds[0] < upper
    for limit in (lower, upper):
        # the highest point with that SD, by a search of its own on the grid of the brute force
        best = minimize(
            lambda theta, sd=limit: (
                -log_likelihood_on_a_grid(
                    rows, Parameters(theta[:-1], IndependentEffects(np.array([np.log(sd), theta[-1]]))), nodes=120
                )
            ),
            np.append(model.fit.coefficients, np.log(model.fit.sds[1])),
            method="BFGS",
            options={"gtol": 1e-4},
        )
        assert_allclose(2.0 * (top + best.fun), chi2.isf(0.05, 1), rtol=0.0, atol=5e-3)
