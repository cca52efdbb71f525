"""Times of several computations, taken in turns so that what else the machine does falls on all of them alike.

The clock is that of the wall. With BENCHMARK_CLOCK=cpu it counts the processor time of this process instead, for
machines that are busy with other work.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING
from unittest.mock import patch

from glmm_binomial.estimation.fitting import fit_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

clock = process_time if os.environ.get("BENCHMARK_CLOCK") == "cpu" else perf_counter

STAGES = {
    "observe": "glmm_binomial.estimation.fitted_model.observe",
    "design": "glmm_binomial.estimation.fitted_model.build_design",
    "logistic start": "glmm_binomial.estimation.fitting.fit_logistic_start",
    "variational fit": "glmm_binomial.estimation.fitting.fit_variational",
    "exact posterior": "glmm_binomial.estimation.fitting.fit_posterior",
    "maximum likelihood": "glmm_binomial.estimation.fitting.maximize_likelihood",
}
"""The functions that make up a fit, where they are called."""


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call that finds the fit cache empty."""
    fit_cache.clear()
    start = clock()
    work()
    return clock() - start


def in_turns(works: dict[str, Callable[[], object]], *, repeats: int) -> dict[str, list[float]]:
    """Seconds of each computation, every one called once per turn, after a turn that does not count."""
    for work in works.values():
        seconds(work)
    turns = [{name: seconds(work) for name, work in works.items()} for _ in range(repeats)]
    return {name: [turn[name] for turn in turns] for name in works}


def ratio(numerator: list[float], denominator: list[float]) -> float:
    """Median over the turns of the ratio within a turn."""
    return median(above / below for above, below in zip(numerator, denominator, strict=True))


@contextmanager
def stage_clock() -> Iterator[dict[str, float]]:
    """Seconds spent in each of the stages, while the context lasts."""
    spent = dict.fromkeys(STAGES, 0.0)

    def timed(stage: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            start = clock()
            try:
                return original(*arguments, **options)
            finally:
                spent[stage] += clock() - start

        return call

    with ExitStack() as stack:
        for stage, place in STAGES.items():
            patcher = patch(place)
            original = patcher.get_original()[0]
            stack.enter_context(patch(place, timed(stage, original)))
        yield spent
