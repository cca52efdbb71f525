"""What a reader is warned of, from hand-built fits; and that what needs no warning gets none."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from glmm_binomial.answers.notices import notices
from glmm_binomial.estimation.fit import Fit, NewtonStep
from glmm_binomial.estimation.posterior import Posterior
from glmm_binomial.estimation.posterior_sample import WeightedSample
from glmm_binomial.estimation.separation import Separation
from glmm_binomial.model.design import Design, Scale
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.rows import Rows
from glmm_binomial.observations import Observations
from glmm_binomial.observations.options import Options


def hand_built(kind, **values):
    """Build a result of which only the given fields matter; the others are None."""
    return kind(**{field.name: values.get(field.name) for field in fields(kind)})


def observations(**changes):
    """Sixteen rows; dose is at most 7 in every failure and at least 8 in every success."""
    values = {
        "successes": (np.arange(16) >= 8).astype(float),
        "trials": np.ones(16),
        "x": np.arange(16.0)[:, None],
        "x_names": ("dose",),
        "group_labels": tuple(range(8)),
        "trials_given": False,
        "header": False,
        "look_alikes": (),
        "notices": (),
        "options": Options(fit_intercept=True, alpha=0.05, method="vb"),
    }
    return hand_built(Observations, **values | changes)


def separation(*columns, complete=True, single=True):
    return hand_built(Separation, columns=columns, single=single, complete=complete, direction=np.array([0.0, 1.0]))


def design(
    *,
    groups=8,
    rows_per_group=2,
    trials=1.0,
    successes=None,
    unit=1.0,
    intercept=True,
    fixed_names=("intercept", "dose"),
    random=None,
):
    """Build equal groups of rows of so many trials each (a number, or one for each row)."""
    count = groups * rows_per_group
    rows = hand_built(
        Rows,
        successes=np.arange(count) % 2 * trials if successes is None else successes,
        trials=np.broadcast_to(trials, count),
        fixed=np.column_stack([np.ones(count), np.arange(count)]),
        random=np.column_stack([np.ones(count), np.arange(count)]) if random is None else random,
        grouping=Grouping.of_sizes(np.full(groups, rows_per_group)),
    )
    scale = Scale(
        back_transform=np.array([[1.0, 0.0], [0.0, 1.0 / unit]]),
        random_back_transform=np.eye(2),
        correlated=False,
        nested=False,
        crossed=False,
        random_intercept=True,
        intercept=intercept,
        fixed_names=fixed_names,
        random_names=("intercept", "week"),
    )
    return hand_built(Design, rows=rows, scale=scale)


def step(*moves):
    """Return a Newton step of so many SDs, with SDs of 1, 2, 3 and 4."""
    deviations = np.array([1.0, 2.0, 3.0, 4.0])
    return NewtonStep(step=np.array(moves) * deviations, covariance_root=np.diag(deviations))


def posterior(*, standard_error=0.002, share=0.99, quadrature_error=0.002):
    """Build a posterior whose error is twice the standard error and half that of the quadrature."""
    sample = hand_built(WeightedSample, standard_error=standard_error, share=share)
    return hand_built(Posterior, sample=sample, quadrature_error=quadrature_error)


def fit(**changes):
    values = {
        "method": "vb",
        "coefficients": np.array([0.1, 0.2]),
        "sds": np.array([0.5, 0.7]),
        "covariance_root": np.diag([1.0, 2.0, 3.0, 4.0]),
        "nodes": 32,
        "quadrature_settled": True,
        "distance": 0.0,
        "largest_score": 1e-12,
        "likelihood_distance": 0.0,
        "posterior": posterior(),
        "mode_root": np.diag([1.0, 2.0, 3.0, 4.0]),
        "towards_likelihood": step(0.0, 0.0, 0.0, 0.0),
        "separation": None,
    }
    return hand_built(Fit, **values | changes)


OF_LIKELIHOOD = {"posterior": None, "mode_root": None, "towards_likelihood": None}
"""What a fit by maximum likelihood has none of."""


def texts(fit_=None, *, data=None, rows=None):
    return notices(data or observations(), rows or design(), fit_ or fit())


def the_only(found):
    assert len(found) == 1
    return found[0]


def test_a_good_fit_of_good_data_has_no_warning():
    assert texts() == ()
    assert texts(fit(method="ml", **OF_LIKELIHOOD)) == ()


def test_every_warning_is_a_sentence():
    found = texts(
        fit(method="mean-field", distance=0.001, separation=separation(0), likelihood_distance=None, **OF_LIKELIHOOD),
        data=observations(look_alikes=(("1", '"1"'),)),
        rows=design(groups=2, rows_per_group=1),
    )
    assert len(found) == 7
    assert all(text[0].isupper() and text.endswith(".") for text in found)


def test_raw_mean_field_standard_errors_are_said_to_be_too_small():
    assert "too small" in the_only(texts(fit(method="mean-field", **OF_LIKELIHOOD)))


def test_a_search_that_did_not_converge_is_told():
    found = the_only(texts(fit(distance=0.001, largest_score=0.25)))
    assert "optimum" in found
    assert "0.25" in found


def test_quadrature_that_did_not_settle_is_told():
    assert "did not settle the log-likelihood" in the_only(texts(fit(quadrature_settled=False)))


def test_a_likelihood_without_a_maximum_is_told_where_models_would_be_compared():
    found = the_only(texts(fit(likelihood_distance=None)))
    assert "no maximum" in found
    assert "Do not compare" in found


def test_a_posterior_of_laplaces_approximation_is_called_that():
    assert "Laplace's approximation of the likelihood" in the_only(texts(fit(nodes=None)))


def test_a_posterior_that_is_off_is_told_with_its_error_and_with_its_share():
    first, second = texts(fit(posterior=posterior(standard_error=0.02, share=0.123)))
    assert "may be off by 0.041" in first
    assert "12%" in second


@pytest.mark.parametrize("complete", [True, False])
def test_separation_names_the_column_and_the_kind(complete):
    found = the_only(texts(fit(separation=separation(0, complete=complete))))
    assert "dose" in found
    assert ("quasi-complete" in found) is not complete
    assert "separat" in found


def test_columns_are_counted_from_the_first_of_x_with_and_without_an_intercept():
    data = observations(x=np.column_stack([np.arange(16.0) % 3, np.arange(16.0)]), x_names=("age", "dose"))
    rows = design(fixed_names=("age", "dose"), intercept=False)
    found = the_only(texts(fit(separation=separation(1)), data=data, rows=rows))
    assert "dose" in found
    assert "age" not in found


def test_fewer_than_five_groups_are_told_with_their_number():
    assert "4 groups" in the_only(texts(rows=design(groups=4)))
    assert texts(rows=design(groups=5)) == ()


def test_groups_all_of_size_one_are_told():
    assert "single observation" in the_only(texts(rows=design(rows_per_group=1)))


def test_a_group_of_one_row_but_several_trials_is_not_of_size_one():
    assert texts(rows=design(rows_per_group=1, trials=3.0, successes=np.ones(8))) == ()


def test_groups_that_never_change_leave_the_variance_to_the_prior():
    rows = design(successes=np.repeat(np.arange(8) % 2, 2).astype(float))
    assert "the size of the variance comes from the prior" in the_only(texts(rows=rows))
    # method "ml" would have no answer, so nobody is sent there
    told = texts(fit(towards_likelihood=step(0.0, 1.0, 0.0, 0.0), likelihood_distance=None), rows=rows)
    assert len(told) == 3
    assert not any('"ml"' in text for text in told)


def test_one_group_of_two_among_groups_of_one_is_enough():
    trials, successes = np.ones(8), np.arange(8) % 2
    assert texts(rows=design(rows_per_group=1, trials=trials, successes=successes)) != ()
    trials[3] = 2.0
    assert texts(rows=design(rows_per_group=1, trials=trials, successes=successes)) == ()


@pytest.mark.parametrize(("position", "name"), [(0, "random intercept"), (1, "random slope of week")])
def test_a_variance_at_zero_is_told_by_name(position, name):
    sds = np.array([0.5, 0.7])
    sds[position] = 0.0
    found = the_only(texts(fit(method="ml", sds=sds, **OF_LIKELIHOOD)))
    assert name in found
    assert "zero" in found


def test_a_variance_in_which_the_likelihood_is_flat_is_told_by_name():
    root = np.diag([1.0, 2.0, 3.0, 1e3])
    found = the_only(texts(fit(method="ml", covariance_root=root, **OF_LIKELIHOOD)))
    assert "next to nothing about the variance of the random slope of week" in found


def test_a_large_variance_of_which_something_is_known_is_not_called_unknown():
    root = np.diag([1.0, 2.0, 3.0, math.sqrt(0.45)])
    wide = fit(method="ml", covariance_root=root, sds=np.array([0.5, 22.0]), **OF_LIKELIHOOD)
    assert not any("next to nothing" in notice for notice in texts(wide))


def test_an_alpha_that_may_be_meant_as_the_confidence_level_is_told():
    options = Options(fit_intercept=True, alpha=0.95, method="vb")
    found = the_only(texts(data=observations(options=options)))
    assert found.startswith("alpha is 0.95, so the intervals hold the truth with 5 % confidence only.")


def test_labels_that_look_alike_are_listed():
    found = the_only(texts(data=observations(look_alikes=(("1", '"1"'), ('"Anna"', '"anna"')))))
    assert '1 and "1"' in found
    assert '"Anna" and "anna"' in found


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
def test_the_unit_of_a_column_does_not_change_what_the_prior_decides(unit):
    found = texts(fit(towards_likelihood=step(0.0, 0.6, 0.0, 0.0)), rows=design(unit=unit))
    assert "decides much about dose" in the_only(found)
    assert texts(fit(towards_likelihood=step(0.0, 0.4, 0.0, 0.0)), rows=design(unit=unit)) == ()


def test_an_odds_ratio_too_large_to_show_is_explained():
    found = the_only(texts(fit(coefficients=np.array([0.0, 800.0]))))
    assert "odds ratio of dose" in found


def test_maximum_likelihood_is_never_told_to_use_maximum_likelihood():
    found = texts(
        fit(method="ml", distance=0.001, sds=np.zeros(2), **OF_LIKELIHOOD),
        data=observations(look_alikes=(("1", '"1"'),)),
        rows=design(groups=2, rows_per_group=1),
    )
    assert found
    assert not any('"ml"' in text for text in found)


# where a warning begins ----------------------------------------------------------------------------------------------


def shifted(by_likelihood):
    """Build a fit from which dose would move by so many SDs without the prior."""
    return fit(towards_likelihood=step(0.0, by_likelihood, 0.0, 0.0))


def shrunk(gain):
    """Build a fit whose SD of dose is so many times larger without the prior."""
    deviations = np.array([1.0, 2.0 * gain, 3.0, 4.0])
    return fit(towards_likelihood=NewtonStep(step=np.zeros(4), covariance_root=np.diag(deviations)))


def flat(log_error, sd):
    """Build a fit of an SD of `week` with the standard error of its logarithm."""
    return fit(
        method="ml",
        sds=np.array([0.5, sd]),
        covariance_root=np.diag([1.0, 2.0, 3.0, log_error]),
        **OF_LIKELIHOOD,
    )


def with_alpha(alpha):
    return observations(options=Options(fit_intercept=True, alpha=alpha, method="vb"))


@pytest.mark.parametrize(
    ("warning", "below", "above"),
    [
        ("stopped short of the optimum", fit(distance=3.0e-5), fit(distance=3.001e-5)),
        ("stopped short of it", fit(likelihood_distance=3.0e-5), fit(likelihood_distance=3.001e-5)),
        # twice .0045 and half of .002
        (
            "may be off by 0.01 of",
            fit(posterior=posterior(standard_error=0.0045)),
            fit(posterior=posterior(standard_error=0.00451)),
        ),
        (
            "points that it was computed from",
            fit(posterior=posterior(share=0.3)),
            fit(posterior=posterior(share=0.299)),
        ),
        ("decides much about dose", shifted(0.5), shifted(0.5001)),
        ("decides much about dose", shifted(-0.5), shifted(-0.5001)),
        ("decides much about dose", shrunk(1.5), shrunk(1.5001)),
        # both standard errors must be large: of the logarithm beyond 2, of the SD itself beyond 10
        ("next to nothing", flat(2.0, 100.0), flat(2.001, 100.0)),
        ("next to nothing", flat(20.0, 0.5), flat(20.0, 0.5001)),
        # the logarithm of the largest double is 709.7827
        ("is too large to be shown", *(fit(coefficients=np.array([0.0, b])) for b in (709.78, 709.79))),
    ],
)
def test_a_fit_is_warned_of_from_its_threshold_on_and_not_before(warning, below, above):
    assert texts(below) == ()
    assert warning in the_only(texts(above))


def test_an_alpha_is_wondered_at_beyond_one_half():
    assert texts(data=with_alpha(0.5)) == ()
    assert "alpha is 0.5001" in the_only(texts(data=with_alpha(0.5001)))


def test_a_slope_that_no_group_shows_is_told_by_name():
    week = np.repeat(np.arange(8.0), 2)
    (text,) = texts(rows=design(random=np.column_stack([np.ones(16), week])))
    assert text.startswith("week is the same in all rows of each group")
    week[3] += 1.0
    assert "has a random slope but no coefficient" in "".join(
        texts(rows=design(random=np.column_stack([np.ones(16), week])))
    )


def test_a_slope_without_a_coefficient_is_told_unless_the_columns_of_x_give_it():
    dose = np.arange(16.0)
    assert texts(rows=design(random=np.column_stack([np.ones(16), 3.0 - 2.0 * dose]))) == ()
    (text,) = texts(rows=design(random=np.column_stack([np.ones(16), dose**2])))
    assert text == (
        "week has a random slope but no coefficient, so that the mean of its slopes is taken to be zero. "
        "Add it to the columns of x, unless that is meant."
    )
