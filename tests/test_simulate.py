"""Simulated responses: the model they come from, the numbers of trials, groups, and the digits that must not change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import expit

from datasets import cbpp, contraception, vegetables
from glmm_binomial.answers.rows import finished
from glmm_binomial.answers.simulate import Simulations, simulate
from glmm_binomial.estimation.fitted_model import GLMM, fit_model
from glmm_binomial.estimation.fitting import fit_design
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import InvalidInputError, observe
from glmm_binomial.observations.handed_over import HandedOver, all_used

STANDARD_ERRORS = 4.0
"""Bound of every Monte-Carlo comparison; with fixed seeds it either holds for good or never."""


def coefficients_of(model):
    return model.design.scale.back_transform @ model.fit.coefficients


def require_near(found, expected, standard_errors):
    """Means of simulations against what they should be, in Monte-Carlo standard errors."""
    distance = np.abs(np.asarray(found) - expected) / standard_errors
    assert np.all(distance < STANDARD_ERRORS), distance


def mean_and_error(values):
    """Mean over the first axis and its standard error."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def with_sds(model, *sds):
    """The same model with the SDs of its random effects set, on the scale of the user's columns."""
    return GLMM(
        observations=model.observations,
        design=model.design,
        fit=replace(model.fit, sds=np.array(sds) * (1.0 / np.diag(model.design.scale.random_back_transform))),
    )


# the model -----------------------------------------------------------------------------------------------------------


@pytest.mark.mass
@pytest.mark.parametrize("data", [vegetables(), cbpp()], ids=["vegetables", "cbpp with trials"])
def test_refitting_simulations_recovers_the_coefficients(data):
    # 400 simulations would show the bias of maximum likelihood in 15 herds (-.08 in the fourth period); 100 do not
    model = fit_model(**data.arguments, method="ml")
    simulations = simulate(model, n_sim=100, seed=7).responses
    arguments = data.arguments
    refitted = np.array(
        [
            coefficients_of(fit_model(**{**arguments, "y": [[y] for y in responses]}, method="ml"))
            for responses in simulations.T
        ]
    )
    mean, error = mean_and_error(refitted)
    require_near(mean, coefficients_of(model), error)
    # negative control: the test would notice a shift of half a standard error of a single fit
    with pytest.raises(AssertionError):
        require_near(mean + 5.0 * error, coefficients_of(model), error)


def test_the_correlation_within_groups_is_that_of_the_model():
    """Pairs of a student's days: P(both successes) = E p(u)^2, with u integrated by quadrature."""
    model = with_sds(fit_model(**vegetables().arguments, method="ml"), 0.8)
    simulations = simulate(model, n_sim=200, seed=3).responses
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    x, group = model.observations.x, model.observations.group_index
    size, first = np.bincount(group), np.unique(group, return_index=True)[1]
    successes = np.array([np.bincount(group, weights=responses) for responses in simulations.T])
    both = successes * (successes - 1.0) / (size * (size - 1.0))
    intercept, *slopes = coefficients_of(model)
    for pattern in np.unique(x, axis=0):
        members = (x[first] == pattern).all(axis=1)
        probability = expit(intercept + pattern @ slopes + 0.8 * nodes)
        marginal, joint = weights @ probability, weights @ probability**2
        mean, error = mean_and_error(both[:, members].ravel())
        require_near(mean, joint, error)
        correlation = (mean - marginal**2) / (marginal * (1.0 - marginal))
        expected = (joint - marginal**2) / (marginal * (1.0 - marginal))
        # 0.09 to 0.13 by pattern; its error is that of the mean, over the variance of a response
        assert abs(correlation - expected) < STANDARD_ERRORS * error / (marginal * (1.0 - marginal))
        # negative control: independent responses would be far off
        with pytest.raises(AssertionError):
            require_near(mean, marginal**2, error)


def test_random_slopes_act_on_the_users_scale():
    """Pairs within and across values of x_random against two-dimensional quadrature."""
    groups, size = 400, 6
    group = np.repeat(np.arange(groups), size)
    slope = np.tile([0.0, 0.0, 0.0, 20.0, 20.0, 20.0], groups)
    y = (np.arange(groups * size) * 7 % 11 < 5).astype(float)
    x = (np.arange(groups * size) % 2).astype(float)
    design = build_design(observations := observe(y, x, group, x_random=slope))
    fit = replace(fit_design(design, "vb"), coefficients=np.linalg.solve(design.scale.back_transform, [0.3, 0.0]))
    model = with_sds(GLMM(observations, design, fit), 0.7, 0.06)
    responses = simulate(model, n_sim=50).responses.T.reshape(50, groups, size)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    low = expit(0.3 + 0.7 * nodes)[:, None]
    high = expit(0.3 + 0.7 * nodes[:, None] + 0.06 * 20.0 * nodes)
    for i, j, expected in [(0, 1, low * low), (0, 3, low * high), (3, 4, high * high)]:
        mean, error = mean_and_error((responses[..., i] * responses[..., j]).ravel())
        require_near(mean, (weights * expected).sum(), error)


def test_successes_are_out_of_the_trials_of_the_row():
    model = fit_model(**cbpp().arguments, method="ml")
    trials = model.observations.trials
    responses = simulate(model, n_sim=2000).responses
    assert_array_equal(responses, np.floor(responses))
    assert (responses >= 0.0).all()
    assert (responses <= trials[:, None]).all()
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    intercept, *slopes = coefficients_of(model)
    predictor = intercept + model.observations.x @ slopes
    expected = trials * (expit(predictor[:, None] + model.fit.sds[0] * nodes) @ weights) / weights.sum()
    mean, error = mean_and_error(responses.T)
    require_near(mean, expected, error)


def test_a_standard_deviation_of_zero_leaves_groups_alike():
    model = with_sds(fit_model(**vegetables().arguments), 0.0)
    intercept, *slopes = coefficients_of(model)
    probability = expit(intercept + model.observations.x @ slopes)
    mean, error = mean_and_error(simulate(model, n_sim=200).responses.mean(axis=0))
    require_near(mean, probability.mean(), error)


def test_without_intercept_the_predictor_is_x_times_the_coefficients():
    data = contraception()
    arguments = data.arguments
    x = [[1.0 - row[-1], row[-1]] for row in arguments["x"]]
    model = fit_model(**{**arguments, "x": x, "fit_intercept": False})
    with_intercept = fit_model(**{**arguments, "x": [[row[-1]] for row in arguments["x"]]}, method="ml")
    found, expected = (simulate(m, n_sim=100).responses.mean() for m in (model, with_intercept))
    # two estimates of one proportion near .39; the priors of the two codings differ
    assert abs(found - expected) < 0.01


# digits --------------------------------------------------------------------------------------------------------------


@pytest.fixture(name="model")
def _model():
    return fit_model(**vegetables().arguments)


def test_the_same_seed_gives_the_same_digits_in_every_thread(model):
    np.random.seed(0)  # noqa: NPY002  the global generator must neither matter nor move
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    alone = simulate(model, n_sim=20, seed=5).responses
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: simulate(model, n_sim=20, seed=5).responses, range(16)))
    assert all(np.array_equal(alone, other) for other in together)
    assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_another_seed_gives_other_digits(model):
    assert not np.array_equal(simulate(model, seed=1).responses, simulate(model, seed=2).responses)


def test_the_default_is_one_simulation_from_seed_one(model):
    for blank in (None, "", [[None]]):
        found = simulate(model, n_sim=blank, seed=blank)
        assert found.seed == 1
        assert found.responses.shape == (3500, 1)
        assert_array_equal(found.responses, simulate(model, n_sim=1.0, seed=1.0).responses)


def test_more_simulations_append_columns_and_change_none(model):
    few, many = (simulate(model, n_sim=n).responses for n in (3, 10))
    assert_array_equal(few, many[:, :3])
    assert len({column.tobytes() for column in many.T}) == 10


def test_rows_come_in_the_users_order():
    shuffled = np.random.default_rng(0).permutation(3500)
    arguments = {name: [rows[i] for i in shuffled] for name, rows in vegetables().arguments.items()}
    responses = simulate(fit_model(**arguments), n_sim=200).responses
    mean, error = mean_and_error(responses.T)
    # each row's own mean; a wrong order would put .87 where .28 belongs
    x = np.array(arguments["x"])
    for pattern, observed in zip([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [0.4242, 0.8659, 0.2821], strict=True):
        rows = (x == pattern).all(axis=1)
        assert abs(mean[rows] - observed).max() < 6.0 * error[rows].max()


def test_units_do_not_matter(model):
    arguments = vegetables().arguments
    arguments["x"] = [[1000.0 * value for value in row] for row in arguments["x"]]
    # the same probabilities to rounding; a response changes only where a random number falls in between
    assert_array_equal(simulate(fit_model(**arguments), n_sim=5).responses, simulate(model, n_sim=5).responses)


# options and table ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_sim": 0}, "n_sim must be a whole number from 1 to 10000. It is 0."),
        ({"n_sim": 10_001}, "n_sim must be a whole number from 1 to 10000. It is 10001."),
        ({"n_sim": 2.5}, "n_sim must be a whole number from 1 to 10000. It is 2.5."),
        ({"n_sim": "ten"}, "n_sim must be a whole number from 1 to 10000. It is the text 'ten'."),
        ({"n_sim": True}, "n_sim must be a whole number from 1 to 10000. It is TRUE."),
        ({"n_sim": float("nan")}, "n_sim must be a whole number from 1 to 10000. It is nan."),
        ({"n_sim": RuntimeError()}, "n_sim must be a whole number from 1 to 10000. It is the error #N/A."),
        ({"n_sim": [[1.0], [2.0]]}, "n_sim must be a whole number from 1 to 10000. It is "),
        ({"seed": -1}, "seed must be a whole number from 0 to 9007199254740992. It is -1."),
        ({"seed": 0.5}, "seed must be a whole number from 0 to 9007199254740992. It is 0.5."),
        ({"seed": 2**60}, "seed must be a whole number from 0 to 9007199254740992. It is 1.15292150460685e+18."),
        (
            {"n_sim": 5000},
            "n_sim must keep the number of simulated responses to 5,000,000. 5,000 simulations of 3,500 rows are",
        ),
    ],
)
def test_options_that_cannot_be_used_are_refused(model, options, message):
    with pytest.raises(InvalidInputError) as refused:
        simulate(model, **options)
    assert str(refused.value).startswith(f"Invalid input: {message}")


def test_the_table_has_one_named_column_per_simulation():
    rows = finished(
        Simulations(responses=np.array([[0.0, 1.0], [1.0, 1.0], [3.0, 0.0]]), seed=1, handed_over=all_used(3)).rows()
    )
    assert rows == [["sim_1", "sim_2"], [0.0, 1.0], [1.0, 1.0], [3.0, 0.0]]
    assert all(type(cell) is float for row in rows[1:] for cell in row)


def test_a_row_that_the_model_left_out_stays_blank_with_the_reason():
    handed_over = HandedOver(position=np.array([0, 2]), reasons=(None, "dose is blank", None))
    rows = finished(Simulations(responses=np.array([[0.0, 1.0], [1.0, 1.0]]), seed=1, handed_over=handed_over).rows())
    assert rows == [
        ["sim_1", "sim_2", "left_out"],
        [0.0, 1.0, None],
        [None, None, "dose is blank"],
        [1.0, 1.0, None],
    ]
