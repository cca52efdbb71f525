"""Whatever a worksheet hands over is answered with a table of numbers or a message: thousands of cases.

The mass comes from seeded random numbers, in processes of their own: the same cases at every run, each made again by
its number, and none of hypothesis' bookkeeping, which would take more time than the cases. Hypothesis then drives the
same generator, with its own choices in the place of the random numbers, so that a failure it finds is made small.
`python -m benchmarks.hostile` runs a million of the first kind.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from hostile import Case, hostile_case, written
from hostile_answers import Report, answer_soundly, random_of, require_sound, run_cases

SEED = 5
CASES = 3_000
CASES_AT_ONCE = 500
SHRINKABLE_CASES = 300


@pytest.fixture(scope="module")
def report():
    """Answers to the mass of cases, computed in two processes with one thread of BLAS each."""
    # spawned and not forked: a process forked while threads of BLAS wait may wait forever
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        processes = ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=multiprocessing.get_context("spawn"))
        with processes:
            parts = [processes.submit(run_cases, SEED, at, CASES_AT_ONCE) for at in range(0, CASES, CASES_AT_ONCE)]
            total = Report()
            for part in parts:
                total.add(part.result())
    return total


@pytest.mark.mass
def test_three_thousand_hostile_cases_are_answered_with_a_sound_table_or_message(report):
    assert report.cases >= 3_000
    assert not report.failures, str(report)


@pytest.mark.mass
def test_the_cases_reach_every_function_and_every_kind_of_answer(report):
    # otherwise the generator, not the code under test, is what keeps failures away
    tables = Counter(
        {function: count for (function, kind), count in report.answers.items() if kind in {"table", "model"}}
    )
    assert set(tables) == {name for name in WORKSHEET_FUNCTIONS if name != "GLMM_BINOMIAL_SELFTEST"}
    assert min(tables.values()) >= 5
    kinds = Counter()
    for (_, kind), count in report.answers.items():
        kinds[kind] += count
    assert kinds["table"] + kinds["model"] >= 0.25 * report.cases
    assert kinds["Error fitting GLMM"] >= 50


@pytest.mark.mass
@settings(
    max_examples=SHRINKABLE_CASES,
    derandomize=True,
    database=None,
    # a case has its own limit of processor time; wall time depends on what else the machine does
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)
@given(st.randoms(use_true_random=False))
def test_cases_chosen_by_hypothesis_are_answered_with_a_sound_table_or_message(choose):
    case = hostile_case(choose)
    try:
        answer_soundly(case)
    except AssertionError as error:
        error.add_note(str(case))
        raise


# the test of the test -------------------------------------------------------------------------------------------------


def test_a_case_is_made_again_from_its_number():
    cases = [hostile_case(random_of(SEED, number)) for number in range(200)]
    again = [hostile_case(random_of(SEED, number)) for number in range(200)]
    assert list(map(str, cases)) == list(map(str, again))
    assert len(set(map(str, cases))) > 190


def test_no_case_changes_what_later_cases_are_made_of():
    before = str(hostile_case(Random("first")))
    for number in range(500):
        hostile_case(random_of(SEED, number))
    assert str(hostile_case(Random("first"))) == before


TABLE = WORKSHEET_FUNCTIONS["GLMM_BINOMIAL"](
    [[0.0], [1.0], [0.0], [1.0], [1.0], [0.0]],
    [[1.0], [2.0], [1.5], [2.5], [3.0], [1.2]],
    [[1.0], [1.0], [2.0], [2.0], [3.0], [3.0]],
)


def _with(row: int, column: int, value: object) -> list[list[object]]:
    changed = [list(cells) for cells in TABLE]
    changed[row][column] = value
    return changed


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("Invalid input: y must be numeric.", None),
        ([["Invalid: y"]], "begins with neither"),
        ([["Invalid input: something is wrong"]], "names no argument"),
        ([["Error fitting GLMM: unexpected TypeError: y"]], "unexpected"),
        ([["Error fitting GLMM: TypeError: y. This was not expected; PyXLL's log"]], "not expected"),
        ([["Invalid input: y " + "x" * 40_000]], "a text of"),
        ([*TABLE, [1.0]], "ragged"),
        (_with(1, 2, float("nan")), "#NUM!"),
        (_with(1, 2, 10**400), "is a int"),
        (_with(1, 2, None), "is a NoneType"),
        (_with(1, 2, ""), "not all numbers"),
        (_with(1, 3, 0.0), "standard error"),
        (_with(1, 5, 1.1), "p-value"),
        (_with(1, 6, 1e9), "<="),
        (_with(4, 2, 1e9), "is not"),
    ],
)
def test_an_answer_that_is_not_sound_is_found_out(answer, complaint):
    assert require_sound(Case("GLMM_BINOMIAL", ()), TABLE) == "table"
    with pytest.raises(AssertionError, match=complaint):
        require_sound(Case("GLMM_BINOMIAL", ()), answer)


def test_a_case_is_written_as_one_would_type_it():
    case = Case("GLMM_BINOMIAL", ([[1.0, None], ["a", 10**5000]], (True,), RuntimeError()))
    assert str(case) == "GLMM_BINOMIAL([[1.0, None], ['a', about 2**16610]], (True,), RuntimeError())"
    assert written("a" * 5_000).endswith("of length 5002")
