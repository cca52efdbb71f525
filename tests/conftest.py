"""Each test fits anew: a cached fit of another test could hide a difference."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _fresh_fits():
    fitting = sys.modules.get("glmm_binomial.estimation.fitting")
    if fitting is not None:
        fitting.fit_cache.clear()
