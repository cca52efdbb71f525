"""Random slopes of columns whose zero lies far from the data: said, with the remedy, and without an icc."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit

from glmm_binomial import fit
from glmm_binomial.answers.origin import about_origin


def by_year(origin):
    """Forty persons in ten years, an SD of 1.2 between persons and of .3 between their slopes."""
    generator = np.random.default_rng(17)
    person, year = np.repeat(np.arange(40), 10), np.tile(np.arange(10.0), 40) - 4.5
    eta = 1.2 * generator.normal(size=40)[person] + 0.3 * generator.normal(size=40)[person] * year
    y = (generator.random(400) < expit(eta)).astype(float)
    return {"y": y, "x": (year + origin)[:, None], "groups": person, "x_random": (year + origin)[:, None]}


def observed(*columns, names, random_intercept=True, correlated=False):
    return SimpleNamespace(
        random_intercept=random_intercept,
        correlated=correlated,
        random_names=names,
        x_random=np.column_stack(columns),
    )


@pytest.mark.mass
@pytest.mark.parametrize("method", ["ml", "vb"])
def test_years_as_they_are_typed_are_told_to_be_centred(method):
    typed, centred = (fit(**by_year(origin), method=method) for origin in (2015.5, 0.0))
    (notice,) = (text for text in typed.notices if text.startswith("Zero of"))
    assert "Zero of random_x1 lies far from its values, 2011 to 2020." in notice
    assert "Subtract the mean, 2015.5, from the column wherever it stands" in notice
    assert typed.icc is None
    # .30 by the SD of the simulation
    assert 0.15 < centred.icc < 0.45
    assert not any(text.startswith("Zero of") for text in centred.notices)
    # the reason why it is said
    assert abs(typed.log_likelihood - centred.log_likelihood) > 0.2


@pytest.mark.parametrize(
    ("column", "is_far"),
    [
        (np.arange(10.0), False),
        (np.arange(10.0) - 4.5, False),
        (np.array([0.0, 1.0] + [1.0] * 30), False),
        # mean 3, SD 1.41 and mean 2.5, SD 1.5
        (np.array([1.0, 2.0, 3.0, 4.0, 5.0]), True),
        (np.array([1.0, 4.0]), False),
        (-np.array([1.0, 2.0, 3.0, 4.0, 5.0]), True),
    ],
)
def test_far_means_two_sds_away_with_no_value_beyond_zero(column, is_far):
    data = observed(column, names=("day",))
    assert bool(list(about_origin(data))) is is_far


def test_each_such_column_is_told_and_no_other():
    years, doses = np.arange(2011.0, 2021.0), np.arange(10.0)
    data = observed(years, doses, names=("year", "dose"))
    (notice,) = about_origin(data)
    assert notice.startswith("Zero of year")
    assert not list(about_origin(observed(np.empty((4, 0)), names=())))


def test_correlated_effects_depend_on_zero_only_without_an_intercept_beside_them():
    years, names = np.arange(2011.0, 2021.0), ("year", "dose")
    both = (years, np.arange(10.0))
    assert not list(about_origin(observed(*both, names=names, correlated=True)))
    (notice,) = about_origin(observed(*both, names=names, correlated=True, random_intercept=False))
    assert notice == (
        "Without a random intercept groups do not differ where year and dose are zero, and zero of year lies far from "
        "its values, 2011 to 2020. SDs, log_likelihood and tests depend on where that is: give the groups a random "
        "intercept too, unless this is meant."
    )
    (alone,) = about_origin(observed(years, names=("year",), random_intercept=False))
    assert alone.startswith("Without a random intercept groups do not differ where year is zero, and zero of year lies")
    assert not list(about_origin(observed(np.arange(10.0), names=("dose",), random_intercept=False)))
