"""New rows that were scaled by their own mean and SD are refused where the model cannot know those of the fit."""

from __future__ import annotations

import numpy as np
import pytest

from formula_data import TABLE, column
from glmm_binomial.answers.design import design
from glmm_binomial.answers.rows import finished
from glmm_binomial.observations import InvalidInputError, observe
from glmm_binomial.observations.new_rows import read_new_rows


def columns(*arguments):
    return finished(design(*arguments).rows())


NEW = [["dose"], [3.0], [4.0]]


def fitted(formula):
    y, groups = [["y"], *([cell] for cell in column("y"))], [["id"], *([cell] for cell in column("id"))]
    return observe(y, columns(TABLE, formula), groups)


@pytest.mark.parametrize(
    ("formula", "of_its_own"),
    [("scale(dose)", "mean 0 and SD 1"), ("center(dose)", "mean 0"), ("trt * scale(dose)", "mean 0 and SD 1")],
)
def test_new_rows_coded_apart_are_refused(formula, of_its_own):
    new = [[*row, trt] for row, trt in zip(NEW, ["trt", "treat", "control"], strict=True)]
    with pytest.raises(InvalidInputError, match=rf"\(dose\)\) has {of_its_own}, as if it were coded by its own"):
        read_new_rows(fitted(formula), columns(new, formula))


@pytest.mark.parametrize("formula", ["scale(dose)", "center(dose)"])
def test_new_rows_coded_by_the_table_of_the_fit_are_read(formula):
    found = read_new_rows(fitted(formula), columns(TABLE, formula, NEW))
    assert found.x.tolist() == columns(TABLE, formula, NEW)[1:]


@pytest.mark.parametrize("formula", ["scale(dose)", "center(dose)"])
def test_the_rows_of_the_fit_and_single_rows_may_be_asked_for(formula):
    observations = fitted(formula)
    assert len(read_new_rows(observations, columns(TABLE, formula)[:1] + columns(TABLE, formula)[:0:-1]).x) == 8
    assert read_new_rows(observations, [[formula], [0.0]]).x.tolist() == [[0.0]]
    assert read_new_rows(observations, [[formula], [0.5], [0.5]]).x.tolist() == [[0.5], [0.5]]


def test_whole_numbers_of_sds_are_taken_as_typed():
    assert read_new_rows(fitted("scale(dose)"), [["scale(dose)"], [-1], [0], [1]]).x[:, 0].tolist() == [-1.0, 0.0, 1.0]


def test_other_columns_may_have_any_mean():
    new = np.array([[-0.5], [0.5]])
    assert read_new_rows(fitted("dose"), [["dose"], *new.tolist()]).x.tolist() == new.tolist()
