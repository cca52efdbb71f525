import threading

import numpy as np
import pytest
import pyxll

from glmm_binomial import StoppedError, fit, fit_formula, glmm_binomial, stopping_when
from glmm_binomial.estimation.fitting import fit_cache
from glmm_binomial.excel import functions
from simulated import draw

Y, X, GROUP, _ = draw(61, groups=30, size=8)
ROWS = ([[v] for v in Y], X.tolist(), [[float(v)] for v in GROUP])


class After:
    """Says no so many times, then yes."""

    def __init__(self, questions):
        self.left = questions
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.asked > self.left


@pytest.mark.mass
@pytest.mark.parametrize("method", ["vb", "ml"])
def test_a_fit_asks_between_its_steps_and_stops_when_told(method):
    counter = After(10**9)
    with stopping_when(counter):
        fit(Y, X, GROUP, method=method)
    assert counter.asked >= 5

    for questions in range(counter.asked):
        # a fit that is kept asks nothing, while the warnings about it may
        fit_cache.clear()
        stop = After(questions)
        with pytest.raises(StoppedError), stopping_when(stop):
            fit(Y, X, GROUP, method=method)
        assert stop.asked == questions + 1


@pytest.mark.parametrize("method", ["vb", "ml"])
def test_a_fit_of_groups_that_cross_asks_and_stops(method):
    rows = [
        ["y", "x", "g", "h"],
        *([y, x[0], int(g), f"h{row % 5}"] for row, (y, x, g) in enumerate(zip(Y, X, GROUP, strict=True))),
    ]
    counter = After(10**9)
    fit_cache.clear()
    with stopping_when(counter):
        fit_formula(rows, "y ~ x + (1 | g) + (1 | h)", method=method)
    assert counter.asked >= 50
    for questions in np.linspace(0, counter.asked - 1, 9).astype(int).tolist():
        fit_cache.clear()
        with pytest.raises(StoppedError), stopping_when(After(questions)):
            fit_formula(rows, "y ~ x + (1 | g) + (1 | h)", method=method)


def test_a_stopped_fit_is_not_kept():
    with pytest.raises(StoppedError), stopping_when(After(2)):
        fit(Y, X, GROUP)
    again = fit(Y, X, GROUP)
    assert again.converged
    assert np.isfinite(again.std_errors).all()


def test_outside_the_request_nothing_stops():
    with stopping_when(lambda: True):
        pass
    assert fit(Y, X, GROUP).converged


def test_another_thread_is_not_stopped():
    found = []
    with stopping_when(lambda: True):
        thread = threading.Thread(target=lambda: found.append(fit(Y, X, GROUP)))
        thread.start()
        thread.join()
    assert found[0].converged


def test_the_table_says_that_it_was_stopped():
    with stopping_when(After(1)):
        answer = glmm_binomial(*ROWS)
    assert answer.startswith("Error fitting GLMM: stopped on request")


def test_escape_in_excel_stops_the_cell(monkeypatch):
    monkeypatch.setattr(functions, "xlAbort", lambda: True)
    assert functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL"](*ROWS)[0][0].startswith(
        "Error fitting GLMM: stopped on request"
    )


def test_without_excel_nobody_presses_escape():
    with pytest.raises(Exception, match="outside of Excel"):
        pyxll.xlAbort()
    assert functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL"](*ROWS)[0][0] == "fixed_effects"


def test_a_failure_of_excel_itself_is_not_taken_for_no(monkeypatch):
    def fails():
        raise RuntimeError("Excel is gone")

    monkeypatch.setattr(functions, "xlAbort", fails)
    assert "Excel is gone" in functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL"](*ROWS)[0][0]


def test_the_picture_is_drawn_by_excel_with_its_words(monkeypatch):
    drawn = []
    monkeypatch.setattr(functions, "plot", lambda figure, alt_text: drawn.append((figure, alt_text)))
    model = functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_MODEL"](*ROWS)
    answer = functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_PLOT"](model)
    assert [[drawn[0][1]]] == answer
    assert len(drawn[0][0].axes) == 1
