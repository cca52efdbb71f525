"""Newton's loop and its line search, on problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from glmm_binomial.estimation.newton import Step, line_search, maximize
from glmm_binomial.interruption import StoppedError, stopping_when

CURVATURE = np.array([[3.0, 1.0], [1.0, 2.0]])
TOP = np.array([0.5, -2.0])


def height(x):
    return -0.5 * float((x - TOP) @ CURVATURE @ (x - TOP))


def step(x):
    gradient = CURVATURE @ (TOP - x)
    direction = np.linalg.solve(CURVATURE, gradient)
    return Step(direction, decrement=float(direction @ gradient))


def ascend(x, ahead):
    return line_search(
        lambda share: x + share * ahead.direction,
        value=height,
        floor=lambda _share: height(x),
        fraction=1.0,
        smallest=1e-6,
    )


def counting(start, *, stride=1.0, most_steps, **options):
    """Walk up the line without end, at a decrement that never falls."""
    return maximize(
        start,
        step=lambda _here: Step(stride, decrement=1.0),
        ascend=lambda here, ahead: here + ahead.direction,
        converged=1e-12,
        most_steps=most_steps,
        **options,
    )


def test_a_quadratic_takes_one_step():
    found = maximize(np.array([10.0, 7.0]), step=step, ascend=ascend, converged=1e-20, most_steps=50)
    assert found.steps == 1
    assert_allclose(found.state, TOP, rtol=1e-14)
    assert found.step.decrement <= 1e-20


def test_the_decrement_of_a_quadratic_is_twice_the_rise_to_its_top():
    start = np.array([10.0, 7.0])
    assert step(start).decrement == pytest.approx(-2.0 * height(start), rel=1e-14)


def test_where_it_already_stands_at_the_top_no_step_is_taken():
    found = maximize(TOP, step=step, ascend=ascend, converged=1e-20, most_steps=50)
    assert (found.steps, found.state is TOP) == (0, True)


@pytest.mark.parametrize("most_steps", [0, 1, 7])
def test_no_more_steps_are_taken_than_allowed(most_steps):
    found = counting(0.0, most_steps=most_steps)
    assert (found.steps, found.state) == (most_steps, float(most_steps))
    # what would come next is told, for whoever asks how far the top still is
    assert found.step == Step(1.0, decrement=1.0)


def test_a_search_ends_where_it_is_told_that_it_is_over():
    found = counting(0.0, stride=2.0, most_steps=50, is_over=lambda here, ahead: here + ahead.direction > 5.0)
    assert (found.steps, found.state) == (2, 4.0)


def test_a_search_ends_where_no_share_of_a_step_helps():
    found = maximize(
        3.0,
        step=lambda here: Step(-here, decrement=1.0),
        ascend=lambda here, ahead: None if here < 3.0 else here + ahead.direction / 3.0,
        converged=1e-12,
        most_steps=50,
    )
    assert (found.steps, found.state) == (1, 2.0)


def test_a_search_can_be_stopped_from_outside():
    with stopping_when(lambda: True), pytest.raises(StoppedError):
        counting(0.0, most_steps=50)


def overshooting(starts, strides, **options):
    """Search for zero from several starts at once, by -x^2."""
    starts, strides = np.array(starts), np.array(strides)
    return line_search(
        lambda share: starts + share * strides,
        value=lambda there: -(there**2),
        floor=lambda _share: -(starts**2),
        **{"fraction": np.ones(len(starts)), "smallest": 1e-6} | options,
    )


def test_of_several_problems_only_the_one_that_got_worse_takes_a_shorter_step():
    # the second overshoots at the whole step (-3) and at half of it (-1), where it is no worse than before
    assert overshooting([1.0, 1.0, 1.0], [-1.0, -4.0, -1.9]).tolist() == [0.0, -1.0, pytest.approx(-0.9)]
    # a quarter of the step serves the second, the first keeps the whole
    assert overshooting([1.0, 1.0], [-1.0, -5.0]).tolist() == [0.0, -0.25]


def test_the_first_share_is_the_one_given():
    assert overshooting([1.0, 1.0], [-1.0, -1.0], fraction=np.array([0.5, 0.25])).tolist() == [0.5, 0.75]


def test_there_is_no_answer_when_every_share_makes_it_worse():
    assert overshooting([1.0, 1.0], [-1.0, 1.0]) is None


def test_a_search_is_given_up_at_the_smallest_share():
    shares = []

    def move(share):
        shares.append(float(share))
        return share

    found = line_search(move, value=lambda _there: 0.0, floor=lambda _share: 1.0, fraction=1.0, smallest=0.1)
    assert found is None
    assert shares == [1.0, 0.5, 0.25, 0.125]


def test_a_floor_of_minus_infinity_accepts_what_is_worse():
    found = line_search(
        lambda share: 1.0 + share,
        value=lambda there: -(there**2),
        floor=lambda _share: -np.inf,
        fraction=1.0,
        smallest=1e-6,
    )
    assert found == 2.0


def test_a_floor_may_fall_with_the_share():
    found = line_search(
        lambda share: share, value=lambda there: -there, floor=lambda share: -2.0 * share**2, fraction=1.0, smallest=0.1
    )
    # -s >= -2 s^2 from s = 1/2 on
    assert found == 1.0


def test_a_value_that_is_no_number_is_worse_than_any():
    found = line_search(
        lambda share: share,
        value=lambda there: np.where(there > 0.3, np.nan, 1.0),
        floor=lambda _share: 0.0,
        fraction=1.0,
        smallest=1e-6,
    )
    assert found == 0.25
