"""What every answer of a worksheet function must be, whatever it was asked; and thousands of cases put to it.

The functions are called as Excel calls them, with warnings as errors. A case that fails is a `Failure` with the number
that makes it again: `hostile_case(random_of(seed, number))`.
"""

from __future__ import annotations

import io
import logging
import math
import pickle
import random
import re
import signal
import threading
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any

from glmm_binomial.estimation.fitted_model import GLMM
from glmm_binomial.estimation.fitting import fit_cache
from glmm_binomial.excel import functions
from glmm_binomial.excel.edge import LONGEST_TEXT
from hostile import Case, hostile_case
from worksheet import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

NARROW = 2.0
"""Standard deviations between limits of a quantity below which its mean may lie beyond one of them."""

SOURCES = ("zero", "group estimate", "group above", "estimates of both groups")
"""Of the random effects of a prediction, beside those of one of two groupings that cross."""

SECONDS = 20.0
"""Of its own processor time that one case may take; a usual one takes some thousandths."""

MAKERS = {"GLMM_BINOMIAL_MODEL", "GLMM_BINOMIAL_FORMULA"}

BEGINNINGS = ("Invalid input: ", "Error fitting GLMM: ")

Cell = float | bool | str
Table = list[list[Cell]]


class TooSlowError(BaseException):
    """Raised inside a case that does not end; no handler of exceptions in the package may swallow it."""


@dataclass(frozen=True)
class Failure:
    """A case that was answered as it must not be: what is wrong, and where in the package it came from."""

    number: int
    case: str
    complaint: str
    origin: str

    def __str__(self) -> str:
        return f"case {self.number}: {self.complaint}\n  at {self.origin}\n  {self.case}"


@dataclass
class Report:
    """How many cases each function answered with a table and with which kind of message, and what failed."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds of processor time, and the number of the case that took them."""

    @property
    def cases(self) -> int:
        return self.answers.total() + len(self.failures)

    def add(self, other: Report) -> None:
        self.answers.update(other.answers)
        self.failures += other.failures
        self.slowest = max(self.slowest, other.slowest)

    def distinct_failures(self) -> list[Failure]:
        """The first failure of each complaint and origin."""
        found: dict[tuple[str, str], Failure] = {}
        for failure in self.failures:
            found.setdefault((re.sub(r"[-+]?\d[\d.e+-]*", "#", failure.complaint)[:60], failure.origin), failure)
        return list(found.values())

    def __str__(self) -> str:
        lines = [
            f"{self.cases:,} cases, the slowest, {self.slowest[1]:,}, took {self.slowest[0]:.2f} s of processor time"
        ]
        lines += [f"  {name:24} {kind:20} {count:>9,}" for (name, kind), count in sorted(self.answers.items())]
        return "\n".join([*lines, *(f"FAILED {failure}" for failure in self.distinct_failures())])


# one answer -----------------------------------------------------------------------------------------------------------


def require_sound(case: Case, answer: object) -> str:
    """Check an answer and return its kind: table, model, or the beginning of the message."""
    if case.function in MAKERS:
        if isinstance(answer, str):
            return _require_message(case, answer)
        assert isinstance(answer, GLMM)
        _sound_fit(shown(functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_TABLE"](answer)))
        return "model"
    cells = shown(answer)
    longest = max((len(cell) for row in cells for cell in row if isinstance(cell, str)), default=0)
    assert longest <= LONGEST_TEXT, f"a text of {longest} characters"
    text = cells[0][0]
    if len(cells) == len(cells[0]) == 1 and not (case.function == "GLMM_BINOMIAL_PLOT" and _is_sentence(text)):
        return _require_message(case, text)
    TABLES[case.function](cells)
    return "table"


SENTENCES = (
    r"The observed proportion lies inside .* \d+ of \d+ ",
    r"Odds ratios with .* intervals, on a log axis: \d+ of \d+ intervals leave out 1\. ",
    r"Random (intercept|slope of .*): (estimated at zero|[\d,]+ of [\d,]+ .* intervals leave out zero; largest )",
    r"Probability of a typical group with .* intervals, .* averaged: .* at ",
    r"Observed proportions against fitted probabilities in bins: for a typical group intercept \S+, slope ",
    r"Area under the ROC curve: [01]\.\d{3} .* [01]\.\d{3} ",
    r"Quantile residuals of [\d,]+ rows: .* at most [01]\.\d{3} ",
)
"""How the words of each kind of picture begin."""


def _is_sentence(text: Cell) -> bool:
    return any(re.match(sentence, str(text)) for sentence in SENTENCES) and "nan" not in str(text).split()


def _require_message(case: Case, text: Cell) -> str:
    assert isinstance(text, str)
    beginning = next((each for each in BEGINNINGS if text.startswith(each)), None)
    assert beginning is not None, f"begins with neither of {BEGINNINGS}: {text[:200]}"
    assert "unexpected" not in text, text[:300]
    assert "not expected" not in text, text[:300]
    if beginning == BEGINNINGS[0]:
        asked = [case, *case.makers]
        if any(isinstance(argument, str) and argument == text for argument in case.arguments):
            # the message of a cell is passed on as it is
            return beginning.strip(": ")
        named = [name for each in asked for name in signature(functions.WORKSHEET_FUNCTIONS[each.function]).parameters]
        names = "|".join([*named, *(re.escape(name) for each in asked for name in _columns(each))])
        assert re.search(rf"\b({names})\b", text.removeprefix(beginning)), f"names no argument: {text[:300]}"
    return beginning.strip(": ")


def _columns(case: Case) -> list[str]:
    """The texts in the first row of a table, whose columns a formula names."""
    if not case.function.endswith(("_FORMULA", "_DESIGN")):
        return []
    table = case.arguments[0]
    try:
        # a data frame goes through its columns, other tables through their rows
        header = table.columns if hasattr(table, "columns") else next(iter(table))
        return [name for name in header if isinstance(name, str) and name]
    except (TypeError, StopIteration):
        return []


def _require_numbers(*cells: Cell) -> None:
    assert all(type(cell) is float for cell in cells), f"{cells} are not all numbers"


def _blocks(cells: Table, *headers: str) -> dict[str, Table]:
    """Rows under each header, those with an empty first cell or one that counts the warnings."""
    found: dict[str, Table] = {}
    for row in cells:
        if row[0] in headers:
            block = found.setdefault(str(row[0]), [])
        elif row[0] == "" or str(row[0]).endswith(" below"):
            block.append(row)
    assert list(found) == list(headers)
    return found


def _require_enclosed(name: object, lower: float, value: float, upper: float, *, is_narrow: bool) -> None:
    """The limits hold the value, unless they are so near that quantiles about the median may leave the mean out."""
    assert lower <= upper, f"{name}: {lower} <= {upper}"
    assert is_narrow or lower <= value <= upper, f"{name}: {lower} <= {value} <= {upper}"


def _sound_fit(cells: Table) -> None:
    blocks = _blocks(cells, "fixed_effects", "random_effects", "diagnostics")
    warnings = sum(row[0] == "warning" for row in cells)
    expected = {0: "", 1: "1 warning below"}.get(warnings, f"{warnings} warnings below")
    assert [row[0] for row in blocks["fixed_effects"]] == [expected, *[""] * (len(blocks["fixed_effects"]) - 1)]
    for _, name, coefficient, std_error, z, p, lower, upper, odds_ratio in blocks["fixed_effects"]:
        _require_numbers(coefficient, std_error, z, p, lower, upper)
        assert std_error > 0.0, f"the standard error of {name} is {std_error}"
        assert 0.0 <= p <= 1.0, f"the p-value of {name} is {p}"
        _require_enclosed(name, lower, coefficient, upper, is_narrow=upper - lower < NARROW * std_error)
        assert odds_ratio == "" or odds_ratio >= 0.0
    assert blocks["random_effects"]
    for _, name, variance, std_dev, *_ in blocks["random_effects"]:
        _require_numbers(variance, std_dev)
        assert std_dev >= 0.0
        assert math.isclose(variance, std_dev**2, rel_tol=1e-12), f"{name}: {variance} is not {std_dev}^2"
    values = {row[0]: row[1] for row in cells}
    _require_numbers(values["log_likelihood"], values["aic"], values["bic"])
    assert values["aic"] >= -2.0 * values["log_likelihood"]
    diagnostics = {row[1]: row[2] for row in blocks["diagnostics"]}
    assert type(diagnostics["converged"]) is bool
    # blank where it depends on a zero far from the data; one for either kind of nested groups
    shares = [value for name, value in diagnostics.items() if name == "icc" or name.startswith("icc: ")]
    assert len(shares) == (2 if "icc" not in diagnostics else 1)
    assert all(share == "" or 0.0 <= share <= 1.0 for share in shares)


def _sound_coding(cells: Table) -> None:
    names, *rows = cells
    assert all(type(name) is str and name for name in names)
    assert rows
    for row in rows:
        _require_numbers(*row)


def _sound_predictions(cells: Table) -> None:
    assert len(cells) > 1
    for *numbers, source in cells[1:]:
        if str(source).startswith("left out: "):
            assert set(numbers) == {""}
            continue
        _require_numbers(*numbers)
        probability, lower, upper, logit, std_error, average, average_lower, average_upper = numbers
        assert all(
            0.0 <= number <= 1.0 for number in (probability, lower, upper, average_lower, average, average_upper)
        )
        # the slope of a probability by its logit is at most a quarter
        is_narrow = upper - lower < 0.25 * NARROW * std_error
        _require_enclosed("probability", lower, probability, upper, is_narrow=is_narrow)
        _require_enclosed("average", average_lower, average, average_upper, is_narrow=is_narrow)
        assert logit * (probability - 0.5) >= 0.0
        assert std_error >= 0.0
        assert str(source).startswith(SOURCES) or " estimate (new or no " in str(source)


def _sound_effects(cells: Table) -> None:
    rows = [row for row in cells[1:] if row[0] != "warning" or row[2] != ""]
    assert len(rows) > 1
    for _, _, estimate, std_dev, lower, upper in rows:
        _require_numbers(estimate, std_dev, lower, upper)
        assert std_dev >= 0.0
        _require_enclosed("effect", lower, estimate, upper, is_narrow=upper - lower < NARROW * std_dev)


def _sound_intervals(cells: Table) -> None:
    names = {row[0]: row for row in cells if row[0] not in {"", "warning"}}
    headers = [name for name in ("fixed_effects", "odds_ratios", "random_effects") if name in names]
    for header, rows in _blocks(cells, *headers).items():
        assert rows
        for _, name, estimate, *limits in rows:
            if header != "odds_ratios":
                _require_numbers(estimate)
            for (lower, upper), beside in ((limits[:2], "profile"), (limits[2:], names[header][-2])):
                # quantiles of a posterior need not hold the maximum of the likelihood
                between = () if beside == "posterior_lower" else (estimate,)
                inside = [value for value in (lower, *between, upper) if value != ""]
                _require_numbers(*inside)
                assert inside == sorted(inside), f"{header} {name}: {lower} <= {estimate} <= {upper}"


def _sound_contrasts(cells: Table) -> None:
    header, *rows = cells
    rows = [row for row in rows if row[0] not in {"note", "warning"}]
    assert rows
    assert header[-1]
    for row in rows:
        if header[0] == "level":
            _, probability, std_error, lower, upper, _ = row
            _require_numbers(probability, std_error, lower, upper)
            assert std_error >= 0.0
            assert 0.0 <= lower <= upper <= 1.0
            assert 0.0 <= probability <= 1.0
            continue
        _, estimate, std_error, _, p, adjusted, lower, upper, _ = row
        # blank where a contrast compares equal rows, or is too large for a number
        _require_numbers(*(cell for cell in (estimate, std_error, p, adjusted, lower, upper) if cell != ""))
        assert (p == "") == (adjusted == "")
        assert p == "" or 0.0 <= p <= adjusted <= 1.0
        assert "" in {lower, upper} or lower <= upper
        assert std_error == "" or std_error >= 0.0


def _sound_margins(cells: Table) -> None:
    header, *rows = cells
    rows = [row for row in rows if row[0] != "warning"]
    assert rows or len(cells) > 1
    assert header[-1]
    for row in rows:
        _, change, difference, lower, upper, p, ratio, ratio_lower, ratio_upper, needed, _ = row
        _require_numbers(
            difference, lower, upper, *(cell for cell in (p, ratio, ratio_lower, ratio_upper) if cell != "")
        )
        assert lower <= upper
        assert p == "" or 0.0 <= p <= 1.0
        assert "" in {ratio_lower, ratio_upper} or 0.0 <= ratio_lower <= ratio_upper
        assert (needed == "") == (change == "+1")


def _sound_simulations(cells: Table) -> None:
    drawn = [position for position, name in enumerate(cells[0]) if str(name).startswith("sim_")]
    assert cells[0][len(drawn) :] in ([], ["left_out"])
    assert len(cells) > 1
    for row in cells[1:]:
        if len(drawn) < len(row) and row[-1]:
            assert set(row[:-1]) == {""}
            continue
        responses = [row[position] for position in drawn]
        _require_numbers(*responses)
        assert all(cell >= 0.0 and float(cell).is_integer() for cell in responses)


def _sound_power(cells: Table) -> None:
    header, *rows = cells
    rows = [row for row in rows if row[0] != "note"]
    assert rows
    assert " significant at alpha " in str(header[-1])
    for row in rows:
        groups, observations, simulations, not_fitted, significant, power, lower, upper, by_t, _ = row
        _require_numbers(groups, observations, simulations, not_fitted, significant, power, lower, upper)
        assert 2.0 <= groups <= observations
        assert 0.0 <= significant <= simulations - not_fitted
        assert 0.0 <= lower <= power <= upper <= 1.0
        assert by_t == "" or 0.0 <= by_t <= power


def _sound_residuals(cells: Table) -> None:
    assert cells[0][:5] == ["row", "group", "fitted", "pearson", "quantile"]
    assert [row[0] for row in cells[1:]] == list(range(1, len(cells)))
    assert len(cells) > 2
    for _, group, *numbers in (row[:5] for row in cells[1:] if not row[5:6] or row[5] == ""):
        _require_numbers(*numbers)
        fitted, _, quantile = numbers
        assert 0.0 <= fitted <= 1.0
        assert 0.0 <= quantile <= 1.0
        assert group != ""
    assert all(set(row[1:5]) == {""} for row in cells[1:] if row[5:6] and row[5] != "")


def _sound_influence(cells: Table) -> None:
    header, *rows = cells
    rows = [row for row in rows if row[0] != "warning" or isinstance(row[1], float)]
    assert len(rows) > 1
    for _, observations, distance, *changes, _, note in rows:
        assert observations >= 1.0
        if distance == "":
            assert set(changes) == {""}
            assert str(note).startswith("no fit without it: ")
            continue
        _require_numbers(distance, *changes)
        assert distance >= 0.0
        assert note in {"", "fitted anew"}
    assert header[-2] == "verdict_changes"


def _sound_check(cells: Table) -> None:
    header, *all_rows = cells
    below = [row[0] for row in all_rows].index("pearson_residuals")
    rows = [row[: header.index("inside") + 1] for row in all_rows[:below]]
    header = header[: header.index("inside") + 1]
    assert rows
    _sound_residuals_below(all_rows[below + 1 :])
    for row in rows:
        observed, mean, lower, upper, inside = row[-5:]
        _require_numbers(observed, mean, lower, upper)
        assert header[-5:] == ["observed", "simulated_mean", "ci_lower", "ci_upper", "inside"]
        # all are proportions but Pearson's chi-square over its degrees of freedom
        most = math.inf if "chi-square / df" in row else 1.0
        assert 0.0 <= lower <= upper <= most
        assert 0.0 <= observed <= most
        assert 0.0 <= mean <= most
        assert type(inside) is bool


def _sound_residuals_below(rows: Table) -> None:
    (_, *quartiles), *tests = [row[:6] for row in rows]
    _require_numbers(*quartiles)
    assert quartiles == sorted(quartiles)
    assert tests[0] == ["residual_tests", "statistic", "simulated_mean", "p_value", "simulations", "note"]
    assert [row[0] for row in tests[1:4]] == ["uniformity", "dispersion", "outliers"]
    assert [row[0] for row in tests[4:]] in ([], ["products"])
    for name, statistic, mean, p_value, simulations, note in tests[1:]:
        _require_numbers(statistic, mean, p_value, simulations)
        assert 1.0 / (simulations + 1.0) <= p_value <= 1.0
        assert (note != "") == (name == "products")


def _sound_comparison(cells: Table) -> None:
    models = [row for row in cells[1:] if row[0] != "warning"]
    assert len(models) > 1
    weights = [row[5] for row in models]
    assert set(weights) == {""} or math.isclose(sum(weights), 1.0, rel_tol=1e-9)
    for position, (_, parameters, log_likelihood, aic, bic, _, *tested, note) in enumerate(models):
        _require_numbers(parameters, log_likelihood, aic, bic)
        assert math.isclose(aic, 2.0 * parameters - 2.0 * log_likelihood, rel_tol=1e-12, abs_tol=1e-9)
        _sound_test(tested, note, needs_note=position > 0)


def _sound_quality(cells: Table) -> None:
    measures = {str(row[0]): row[1:] for row in cells[1:] if row[0] != "warning"}
    assert len(measures) > 15
    for name, (value, lower, upper, note) in measures.items():
        assert note
        if value == "":
            assert name.startswith(("calibration_slope", "dispersion", "median_odds_ratio")), name
            continue
        _require_numbers(value)
        if (lower, upper) != ("", "") and name != "median_odds_ratio":
            _require_numbers(lower, upper)
            assert lower <= upper
        if name.startswith(("r2", "icc", "auc", "brier", "classified")):
            assert 0.0 <= value <= 1.0, f"{name} {value}"
    for scale in ("latent", "observation"):
        assert measures[f"r2_marginal_{scale}"][0] <= measures[f"r2_conditional_{scale}"][0] + 1e-9


def _sound_terms(cells: Table) -> None:
    _, whole, *terms = [row for row in cells if row[0] != "warning"]
    assert terms
    _require_numbers(whole[4])
    for _, degrees, chi_square, p, aic, note in terms:
        _sound_test([chi_square, degrees, p], note, needs_note=True)
        if chi_square != "":
            # of parameters that are not in the model without it
            assert math.isclose(aic - whole[4], chi_square - 2.0 * degrees, rel_tol=1e-6, abs_tol=1e-5)


def _sound_report(cells: Table) -> None:
    assert all(type(cell) is float or isinstance(cell, str) for row in cells for cell in row)
    header = cells[0]
    if header[0] == "predictor":
        assert [row for row in cells if row[0] == "observations"]
        for row in cells[1:]:
            assert row[3] == "" or re.fullmatch(r"[<>]? ?0?[.,]\d{3}|1[.,]000", str(row[3]))
    elif header[0] == "covariance":
        size = len(header) - 1 if header[-1] else len(header)
        _require_numbers(*(row[place] for place, row in enumerate(cells[1 : size + 1], 1)))
        assert all(row[place] >= 0.0 for place, row in enumerate(cells[1 : size + 1], 1))


def _sound_test(tested: list[Cell], note: Cell, *, needs_note: bool) -> None:
    if tested[0] == "":
        assert set(tested) == {""}
        assert note or not needs_note, "no test, and no reason"
        return
    chi_square, degrees, p = tested
    _require_numbers(chi_square, degrees, p)
    assert chi_square >= 0.0
    assert degrees >= 1.0
    assert 0.0 <= p <= 1.0


def _sound_sentence(cells: Table) -> None:
    assert len(cells) == len(cells[0]) == 1


TABLES = {
    "GLMM_BINOMIAL": _sound_fit,
    "GLMM_BINOMIAL_TABLE": _sound_fit,
    "GLMM_BINOMIAL_DESIGN": _sound_coding,
    "GLMM_BINOMIAL_PREDICT": _sound_predictions,
    "GLMM_BINOMIAL_RANEF": _sound_effects,
    "GLMM_BINOMIAL_CONFINT": _sound_intervals,
    "GLMM_BINOMIAL_CONTRAST": _sound_contrasts,
    "GLMM_BINOMIAL_MARGINS": _sound_margins,
    "GLMM_BINOMIAL_SIMULATE": _sound_simulations,
    "GLMM_BINOMIAL_GENERATE": _sound_simulations,
    "GLMM_BINOMIAL_POWER": _sound_power,
    "GLMM_BINOMIAL_CHECK": _sound_check,
    "GLMM_BINOMIAL_COMPARE": _sound_comparison,
    "GLMM_BINOMIAL_QUALITY": _sound_quality,
    "GLMM_BINOMIAL_REPORT": _sound_report,
    "GLMM_BINOMIAL_TERMS": _sound_terms,
    "GLMM_BINOMIAL_RESIDUALS": _sound_residuals,
    "GLMM_BINOMIAL_INFLUENCE": _sound_influence,
    "GLMM_BINOMIAL_PLOT": _sound_sentence,
}


# one case -------------------------------------------------------------------------------------------------------------


def answer_soundly(case: Case) -> str:
    """Put a case to its function, check the answer and that the arguments are as they were, and return its kind."""
    fit_cache.clear()
    before = _content(case)
    began = time.thread_time()
    with _time_limit():
        answer = _answered(case)
    taken = time.thread_time() - began
    assert taken < SECONDS, f"took {taken:.1f} s"
    assert _content(case) == before, "the arguments were written into"
    return require_sound(case, answer)


def _answered(case: Case) -> object:
    arguments = [_answered(each) if isinstance(each, Case) else each for each in case.arguments]
    return functions.WORKSHEET_FUNCTIONS[case.function](*arguments)


def _content(case: Case) -> bytes:
    """What the arguments hold; pandas keeps notes of its own in its objects, which are not looked at."""
    cases = [case, *case.makers]
    arguments = [argument for each in cases for argument in each.arguments if not isinstance(argument, Case)]
    return pickle.dumps([argument for argument in arguments if not hasattr(argument, "to_numpy")])


@contextmanager
def _time_limit() -> Iterator[None]:
    """Break off what takes more than its processor time, where the system and the thread allow it."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TooSlowError

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 2.0 * SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, previous)


def draw_outside_excel(figure: Any, **_: object) -> None:
    """Render a figure as `pyxll.plot` does, and throw the picture away."""
    figure.savefig(io.BytesIO(), format="svg")


# many cases -----------------------------------------------------------------------------------------------------------


def random_of(seed: int, number: int) -> random.Random:
    """The random numbers of one case."""
    return random.Random(f"{seed} {number}")


class _Origins(logging.Handler):
    """Where in the package the last exception that nobody expected came from."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[2]:
            self.last = _origin(record.exc_info[2])


def _origin(trace: Any) -> str:
    frames = [frame for frame in traceback.extract_tb(trace) if "glmm_binomial" in frame.filename] or [
        *traceback.extract_tb(trace)
    ]
    last = traceback.extract_tb(trace)[-1]
    inner = f" > {last.filename.rpartition('site-packages/')[2]}:{last.lineno}" if last != frames[-1] else ""
    return f"{frames[-1].filename.rpartition('glmm_binomial/')[2]}:{frames[-1].lineno}: {frames[-1].line}{inner}"


def run_cases(seed: int, first: int, count: int) -> Report:
    """Put `count` cases to the functions, beginning with number `first`."""
    report, origins = Report(), _Origins()
    logger = logging.getLogger("glmm_binomial")
    logger.addHandler(origins)
    logger.propagate = False
    plot, functions.plot = functions.plot, draw_outside_excel
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for number in range(first, first + count):
                _run_case(seed, number, report, origins)
    finally:
        functions.plot = plot
        logger.removeHandler(origins)
        logger.propagate = True
    return report


def _run_case(seed: int, number: int, report: Report, origins: _Origins) -> None:
    case = hostile_case(random_of(seed, number))
    origins.last = ""
    began = time.thread_time()
    try:
        kind = answer_soundly(case)
    except (Exception, TooSlowError) as error:  # noqa: BLE001  whatever it is, the other cases go on
        complaint = f"{type(error).__name__}: {error}".partition("\nassert")[0]
        origin = origins.last or _origin(error.__traceback__)
        report.failures.append(Failure(number, str(case), complaint, origin))
    else:
        report.answers[case.function, kind] += 1
    report.slowest = max(report.slowest, (time.thread_time() - began, number))
