"""Results that nobody can change: no array of a fitted model can be written to, and nobody else's array is locked."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from glmm_binomial.estimation.fitted_model import fit_formula, fit_model
from glmm_binomial.frozen import frozen
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import METHODS, observe
from simulated import draw


def data():
    y, x, groups, x_random = draw(61, groups=8, size=6, slopes=1)
    return {"y": y, "x": x, "groups": groups, "x_random": x_random, "trials": np.full(48, 2)}


def separated_data():
    return {"y": np.repeat([0, 1], 4), "x": np.arange(8), "groups": np.tile([1, 2, 3, 4], 2)}


def arrays_in(value, path):
    """Every array of a value, with the way to it."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays_in(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple | list):
        for position, inner in enumerate(value):
            yield from arrays_in(inner, f"{path}[{position}]")


def assert_read_only(value, path, *, expected):
    found = dict(arrays_in(value, path))
    assert expected <= {way.removeprefix(f"{path}.") for way in found}
    for way, array in found.items():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        assert not array.flags.writeable, way


@pytest.mark.parametrize("method", METHODS)
def test_no_array_of_a_fit_can_be_written_to(method):
    expected = {"coefficients", "sds", "covariance_root"}
    if method == "vb":
        expected |= {"posterior.mode.coefficients", "posterior.sample.theta", "posterior.sample.weights", "mode_root"}
        expected |= {f"towards_likelihood.{name}" for name in ("step", "covariance_root")}
    else:
        expected |= {"random_effects", "random_covariance", "cross_covariance"}
    assert_read_only(fit_model(**data(), method=method).fit, "fit", expected=expected)


def test_nor_can_the_direction_in_which_data_are_separated():
    assert_read_only(fit_model(**separated_data()).fit, "fit", expected={"separation.direction"})


def test_no_array_of_a_design_can_be_written_to():
    expected = {
        f"rows.{name}" for name in ("successes", "trials", "fixed", "random", "grouping.index", "grouping.starts")
    }
    expected |= {"scale.back_transform", "scale.random_back_transform"}
    assert_read_only(fit_model(**data()).design, "design", expected=expected)
    assert_read_only(build_design(observe(**data())), "design", expected=expected)


def test_no_array_of_the_observations_can_be_written_to():
    expected = {"successes", "trials", "x", "x_random", "group_index"}
    assert_read_only(fit_model(**data()).observations, "observations", expected=expected)
    assert_read_only(observe(**data()), "observations", expected=expected)


def test_no_array_of_a_model_written_as_a_formula_can_be_written_to():
    y, x, groups, _ = draw(62, groups=8, size=6)
    table = [["y", "dose", "herd"], *np.column_stack([y, x[:, 0], groups]).tolist()]
    model = fit_formula(table, "y ~ scale(dose) + (1 | herd)")
    expected = {"observations.x", "observations.successes", "design.rows.fixed", "fit.coefficients"}
    assert_read_only(model, "model", expected=expected)


@pytest.mark.parametrize("method", METHODS)
def test_what_somebody_tries_to_write_leaves_the_next_fit_of_the_same_data_as_it_was(method):
    first = fit_model(**data(), method=method)
    kept = {way: array.copy() for way, array in arrays_in(first.fit, "fit")}
    for _, array in arrays_in(first, "model"):
        with pytest.raises(ValueError, match="read-only"):
            array.flat[0] = 99
    again = fit_model(**data(), method=method)
    for way, array in arrays_in(again.fit, "fit"):
        assert_array_equal(array, kept[way])


def test_the_data_of_the_caller_stay_his_own():
    mine = data()
    model = fit_model(**mine)
    kept = {way: array.copy() for way, array in arrays_in(model, "model")}
    for name, array in mine.items():
        assert array.flags.writeable, name
        array[...] = 1
    for way, array in arrays_in(model, "model"):
        assert_array_equal(array, kept[way], err_msg=way)


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    name: str


@dataclass(frozen=True)
class Outer:
    inner: Inner
    values: np.ndarray
    missing: None = None


def test_a_value_is_frozen_with_all_that_it_holds_and_handed_back():
    value = Outer(inner=Inner(values=np.zeros(2), name="a"), values=np.zeros((2, 2)))
    assert frozen(value) is value
    assert_read_only(value, "value", expected={"values", "inner.values"})
