"""Each test fits anew: a cached fit of another test could hide a difference."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _fresh_fits():
    fitting = sys.modules.get("glmm_binomial.estimation.fitting")
    if fitting is not None:
        fitting.fit_cache.clear()


@pytest.fixture
def laplace_beyond_two(monkeypatch):
    """As though a grid could hold two effects only: Laplace's approximation of three is tested in the time of three."""
    for module in ("estimation.integrator", "estimation.likelihood", "answers.confint"):
        monkeypatch.setattr(f"glmm_binomial.{module}.MOST_EFFECTS", 2)
