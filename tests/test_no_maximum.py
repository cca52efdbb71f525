"""Why there is no answer: values far out, and how far from the optimum an answer is still given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from glmm_binomial import FitError, estimates_of, fit_model
from glmm_binomial.estimation import fitting, posterior
from glmm_binomial.estimation.no_maximum import why_no_maximum
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import observe
from simulated import draw


def reason(x):
    """Why there is no maximum, were there none, of sixteen rows of alternating outcomes."""
    observations = observe(np.arange(16) % 2, np.array(x), np.arange(16) // 4)
    return why_no_maximum(observations, build_design(observations), separation=None)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize(("others", "is_told"), [(99.9, True), (100.1, False)])
def test_a_value_is_called_far_out_when_all_others_make_up_less_than_a_hundredth_of_it(sign, others, is_told):
    # the median is zero: one square of 10,000, and so much in all others
    x = np.r_[np.zeros(14), sign * 100.0, np.sqrt(others)]
    assert ("In row 15 of x, x1 is" in reason(x)) is is_told
    assert ("far from all other rows" in reason(x)) is is_told


def test_a_column_of_two_values_has_none_far_out():
    assert "far from all other rows" not in reason(np.r_[np.zeros(15), 1.0])


@pytest.mark.parametrize(
    ("method", "module", "search"),
    [
        ("vb", posterior, "find_posterior_mode"),
        ("ml", fitting, "maximize_likelihood"),
        ("mean-field", fitting, "fit_variational"),
    ],
)
def test_up_to_a_hundredth_of_a_standard_error_from_the_optimum_there_is_an_answer_with_a_warning(
    monkeypatch, method, module, search
):
    y, x, groups, _ = draw(71, groups=10, size=8)
    found = getattr(module, search)

    def ending(distance):
        fitting.fit_cache.clear()
        monkeypatch.setattr(module, search, lambda *given, **named: replace(found(*given, **named), distance=distance))
        return estimates_of(fit_model(y, x, groups, method=method))

    assert ending(3e-5).converged
    for distance in (3.1e-5, 0.01):
        estimates = ending(distance)
        assert not estimates.converged
        assert any("stopped short of the optimum" in notice for notice in estimates.notices)
    with pytest.raises(FitError, match="no maximum" if method == "ml" else "did not converge"):
        ending(0.0101)
