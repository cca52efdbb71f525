"""Which fits are one and the same: the cache's key, over every array of a design and every option of a fit."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from glmm_binomial import fit
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.estimation.fitting import _Start, fit_cache, fit_design
from glmm_binomial.model.design import Scale
from glmm_binomial.model.grouping import Grouping
from glmm_binomial.model.rows import Crossing, Rows
from glmm_binomial.observations import METHODS, Options
from simulated import draw, draw_design

ARRAYS = ("successes", "trials", "fixed", "random")
"""Of the rows; the grouping beside them has tests of its own."""

WAY_BACK_ONLY = {"random_back_transform", "nested", "crossed", "random_intercept", "fixed_names", "random_names"}
"""What a fit, on the standardised scale, does not look at."""

OTHER_OPTIONS = {"fit_intercept": False, "alpha": 0.5, "method": "mean-field"}


def design():
    return draw_design(51, groups=6, size=5, slopes=1)


def with_rows(given, **changes):
    return replace(given, rows=replace(given.rows, **changes))


def with_scale(given, **changes):
    return replace(given, scale=replace(given.scale, **changes))


def nudged(array, place):
    """The array with one entry moved to the next double."""
    other = array.copy()
    other[place] = np.nextafter(other[place], np.inf)
    return other


def key(given, method="vb"):
    return _Start(given).key(method)


def data(seed=52):
    y, x, groups, x_random = draw(seed, groups=8, size=6, slopes=1)
    return {"y": y, "x": x, "groups": groups, "x_random": x_random}


def answer(**arguments):
    """What a reader sees of a fit, in one row of numbers."""
    # the quickest of the methods that give an interval
    found = fit(**({"method": "ml"} | arguments))
    return np.r_[found.coefficients, found.std_errors, found.ci_lower, found.ci_upper, found.std_devs, found.bic]


# the key -------------------------------------------------------------------------------------------------------------


def test_the_same_data_have_the_same_key_wherever_they_lie_in_memory():
    here, there = design(), design()
    assert key(here) == key(there)
    assert key(with_rows(here, fixed=np.asfortranarray(here.rows.fixed))) == key(here)


def test_every_field_of_rows_and_scale_is_tried_here():
    # a field that is new belongs in the key, or among those that no fit looks at
    assert {field.name for field in fields(Rows)} == {*ARRAYS, "grouping", "upper", "crossed", "offset"}
    assert {field.name for field in fields(Scale)} == {"back_transform", "intercept", "correlated", *WAY_BACK_ONLY}


def test_groups_above_change_the_key():
    given = design()
    uppers = [None, *(Grouping.of_sizes(np.array(sizes)) for sizes in ([6], [3, 3], [2, 4]))]
    assert len({key(with_rows(given, upper=upper)) for upper in uppers}) == len(uppers)


def test_levels_that_cross_change_the_key():
    given = design()
    every = np.arange(len(given.rows.trials))
    levels = [None, *(Crossing(index, int(index.max()) + 1) for index in (every % 2, every % 3, (every + 1) % 2))]
    assert len({key(with_rows(given, crossed=crossed)) for crossed in levels}) == len(levels)


def test_the_last_bit_of_an_offset_changes_the_key():
    given = design()
    zero = np.zeros(len(given.rows.trials))
    offsets = [None, zero, nudged(zero, 0), nudged(zero, -1)]
    assert len({key(with_rows(given, offset=offset)) for offset in offsets}) == len(offsets)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("end", [0, -1])
def test_the_last_bit_of_any_array_of_the_rows_changes_the_key(name, end):
    array = getattr(design().rows, name)
    assert key(with_rows(design(), **{name: nudged(array, (end,) * array.ndim)})) != key(design())


def test_the_last_bit_of_the_way_back_changes_the_key():
    there = with_scale(design(), back_transform=nudged(design().scale.back_transform, (0, 1)))
    assert key(there) != key(design())


def test_another_division_into_groups_changes_the_key():
    sizes = design().rows.grouping.sizes
    moved = sizes + np.eye(len(sizes), dtype=np.intp)[0] - np.eye(len(sizes), dtype=np.intp)[1]
    assert key(with_rows(design(), grouping=Grouping.of_sizes(moved))) != key(design())


def test_the_intercept_changes_the_key():
    assert key(with_scale(design(), intercept=False)) != key(design())


def test_correlated_effects_change_the_key():
    assert key(with_scale(design(), correlated=True)) != key(design())


def test_every_method_has_a_key_of_its_own():
    assert len({key(design(), method) for method in METHODS}) == len(METHODS)


def test_a_column_that_is_random_rather_than_fixed_changes_the_key():
    # the bytes one after the other are the same
    ones = np.ones((len(design().rows.trials), 3))
    here, there = (with_rows(design(), fixed=ones[:, :k], random=ones[:, k:]) for k in (1, 2))
    assert key(here) != key(there)


# the fits ------------------------------------------------------------------------------------------------------------


@pytest.mark.mass
def test_the_same_data_are_fitted_once_for_each_method():
    fits = [fit_design(design(), method) for method in METHODS]
    assert len({id(found) for found in fits}) == len(METHODS)
    assert [fit_design(design(), method) for method in METHODS] == fits
    assert [found.method for found in fits] == list(METHODS)


def test_every_option_is_tried_here():
    assert {field.name for field in fields(Options)} == OTHER_OPTIONS.keys()


@pytest.mark.parametrize("option", OTHER_OPTIONS)
def test_an_option_changes_the_answer_although_the_data_were_fitted_before(option):
    before = answer(**data())
    changed = {**data(), option: OTHER_OPTIONS[option]}
    after = answer(**changed)
    fit_cache.clear()
    np.testing.assert_array_equal(after, answer(**changed))
    assert after.shape != before.shape or not np.isclose(after, before).all()


def test_alpha_alone_needs_no_other_fit_but_gives_other_intervals():
    # with normal quantiles, 1.959964 at .05 and .674490 at .5
    half, narrow = (fit(**data(), alpha=alpha, method="ml") for alpha in (0.05, 0.5))
    assert fit_model(**data(), alpha=0.05).fit is fit_model(**data(), alpha=0.5).fit
    ratio = (half.ci_upper - half.coefficients) / (narrow.ci_upper - narrow.coefficients)
    assert_allclose(ratio, 1.959963984540054 / 0.6744897501960817, rtol=1e-12)


@pytest.mark.parametrize("name", ["y", "x", "groups", "x_random"])
def test_one_cell_changes_the_answer_although_the_other_data_were_fitted_before(name):
    before = answer(**data())
    other = data()
    other[name] = other[name].copy()
    cell = (0,) * other[name].ndim
    other[name][cell] = {"y": 1.0 - other[name][cell], "groups": 7}.get(name, other[name][cell] + 0.5)
    after = answer(**other)
    fit_cache.clear()
    np.testing.assert_array_equal(after, answer(**other))
    assert not np.isclose(after, before).all()


def test_trials_change_the_answer_although_the_other_data_were_fitted_before():
    before = answer(**data(), trials=np.full(48, 2))
    after = answer(**data(), trials=np.r_[3, np.full(47, 2)])
    assert not np.isclose(after, before).all()
