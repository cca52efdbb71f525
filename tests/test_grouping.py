"""Sums over groups and values at rows, against loops in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from glmm_binomial.model.grouping import Grouping

SIZES = (3, 1, 4, 2)
LABELS = [0, 0, 0, 1, 2, 2, 2, 2, 3, 3]
SHAPES = [(), (2,), (2, 3)]


def grouping():
    return Grouping.of_sizes(np.array(SIZES))


def drawn(count, shape):
    return np.random.default_rng(len(shape)).normal(size=(count, *shape))


def summed_by_loop(values, labels):
    sums = {}
    for label, value in zip(labels, values, strict=True):
        sums[label] = sums.get(label, 0.0) + value
    return np.array(list(sums.values()))


def test_sizes_and_sorted_labels_make_the_same_groups():
    for made in (grouping(), Grouping.of_sorted(np.array(LABELS)), Grouping.of_sorted(np.array(LABELS) * 7 - 9)):
        assert made.index.tolist() == LABELS
        assert made.starts.tolist() == [0, 3, 4, 8]
        assert made.bounds.tolist() == [0, 3, 4, 8, 10]
        assert made.sizes.tolist() == list(SIZES)
        assert made.count == 4


@pytest.mark.parametrize("label", [-1, 0, 5])
def test_the_first_row_begins_a_group_whatever_its_label(label):
    made = Grouping.of_sorted(np.array([label]))
    assert (made.index.tolist(), made.starts.tolist(), made.sizes.tolist()) == ([0], [0], [1])


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_those_of_a_loop(shape):
    values = drawn(10, shape)
    # sums of up to four numbers near one, in another order
    assert_allclose(grouping().sums(values), summed_by_loop(values, LABELS), rtol=0, atol=1e-14)


def test_sums_of_columns_are_the_sums_with_rows_and_columns_exchanged():
    values = drawn(10, (3,))
    assert_allclose(grouping().sums_of_columns(values.T), summed_by_loop(values, LABELS), rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_gets_the_value_of_its_group(shape):
    values = drawn(4, shape)
    assert_array_equal(grouping().by_row(values), [values[label] for label in LABELS])


@pytest.mark.parametrize("groups", [[0], [3], [1, 2], [0, 2], [0, 3], [1, 2, 3], [0, 1, 2, 3]])
def test_the_rows_of_some_groups_are_those_that_bear_their_labels(groups):
    rows = grouping().rows_of(np.array(groups))
    assert np.arange(10)[rows].tolist() == [row for row, label in enumerate(LABELS) if label in groups]


def test_the_largest_value_of_each_group_is_that_of_its_rows():
    values = drawn(10, (2,))
    assert grouping().maxima(values).tolist() == [
        [max(value[column] for value, label in zip(values, LABELS, strict=True) if label == group) for column in (0, 1)]
        for group in range(4)
    ]
