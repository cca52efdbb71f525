"""Reports: the summary as lme4 prints it, texts as journals have them, the article's equation, the decimal comma."""

from __future__ import annotations

import re
from itertools import chain

import numpy as np
import pytest
from numpy.testing import assert_allclose

import glmm_binomial
from datasets import REFERENCE, bacteria, cbpp, contraception
from formula_data import certified_table
from glmm_binomial import InvalidInputError, estimates_of, fit_formula, fit_model, report
from glmm_binomial.answers.report_styles.printed import (
    Printer,
    as_r_prints,
    coefficients_as_r_prints,
    decimals_between,
    p_values_as_r_prints,
)
from glmm_binomial.answers.rows import finished
from glmm_binomial.observations import METHODS
from glmm_binomial.observations.report_options import STYLES

VEGETABLES = certified_table("vegetables.csv", "y", "day")
CBPP = certified_table("cbpp.csv", "incidence", "size", "period")
POINT, COMMA = Printer("."), Printer(",")


@pytest.fixture(scope="module")
def study():
    return fit_formula(VEGETABLES, "y ~ trt * sex + (1 | id)", method="ml")


@pytest.fixture(scope="module")
def herds():
    return fit_formula(CBPP, "incidence / size ~ C(period) + (1 | herd)", method="ml")


@pytest.fixture(scope="module")
def districts():
    data = contraception(urban_slope=True)
    rows = [["y", "urban", "district"]]
    rows += zip(
        np.ravel(data.arguments["y"]),
        np.ravel(data.arguments["x_random"]),
        np.ravel(data.arguments["groups"]),
        strict=True,
    )
    return fit_formula([list(row) for row in rows], "y ~ urban + (1 + urban | district)", method="ml")


def cells(model, style, decimal=None):
    return finished(report(model, style, decimal).rows())


def text(model, style, decimal=None):
    return cells(model, style, decimal)[0][0]


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "digits", "shown"),
    [
        # format() of R 4.2.2
        ([-2.3816, 0.2026, 2.8791], 4, ["-2.3816", "0.2026", "2.8791"]),
        ([0.5, 3e-05, 2e-05], 3, ["5e-01", "3e-05", "2e-05"]),
        ([0.000558, 0.00123], 3, ["0.000558", "0.001230"]),
        ([1.66, 0.4193], 4, ["1.6600", "0.4193"]),
        ([1234567.0, 0.1], 7, ["1234567.0", "0.1"]),
        ([0.0, 10.0], 4, ["0", "10"]),
        ([1e-120, 1.0], 3, ["1e-120", "1e+00"]),
    ],
)
def test_numbers_are_shown_as_r_shows_them(values, digits, shown):
    assert as_r_prints(values, digits) == shown


def test_p_values_are_shown_as_r_shows_them():
    # format.pval() of R 4.2.2; printCoefmat writes < 2e-16
    found = p_values_as_r_prints([0.048416, 0.259491, 0.000729, 3.3e-07, 1.3e-4, 9.5e-05, 1e-20], 3)
    assert found == ["0.048416", "0.259491", "0.000729", "3.3e-07", "0.000130", "9.5e-05", "< 2e-16"]


def test_estimates_have_the_decimals_of_the_smallest():
    assert coefficients_as_r_prints([-0.30840, 2.18835], [0.07127, 0.12423], 4) == (
        ["-0.30840", "2.18835"],
        ["0.07127", "0.12423"],
    )


@pytest.mark.parametrize(
    ("p", "shown", "with_comma"),
    [
        (0.0321, ".032", "0,032"),
        (0.00099, "< .001", "< 0,001"),
        (0.001, ".001", "0,001"),
        (0.0, "< .001", "< 0,001"),
        (0.9996, "> .999", "> 0,999"),
        (0.5, ".500", "0,500"),
    ],
)
def test_p_is_printed_as_journals_have_it(p, shown, with_comma):
    assert (POINT.p_value(p), COMMA.p_value(p)) == (shown, with_comma)


def test_limits_are_told_apart_by_their_decimals():
    assert decimals_between(7.0, 11.4) == 2
    assert decimals_between(1.0010, 1.0050) == 4
    assert decimals_between(0.0, np.inf) == 2


def test_numbers_that_are_enormous_or_next_to_nothing_have_a_power_of_ten():
    assert POINT.decimal(3.2e12) == "3.20e+12"
    assert COMMA.decimal(1.5e-9) == "1,50e-09"
    assert POINT.decimal(np.inf) == "beyond all numbers"
    assert POINT.decimal(-0.001) == "0.00"
    assert POINT.share(-0.31) == "-.31"
    assert COMMA.share(1.0) == "1,00"


# --- the summary ------------------------------------------------------------------------------------------------------


def printed_by_lme4():
    parts = (REFERENCE / "summary_lme4.txt").read_text("utf-8").split("Generalized linear")[1:]
    return dict(zip(("vegetables", "cbpp", "bacteria"), parts, strict=True))


NUMBER = re.compile(r"< ?2e-16|(?<![\w)])-?\d+\.?\d*(?:e[-+]\d+)?(?!\w)|\*+")


def after_names(lines):
    """The numbers and stars of lines that begin with the name of a coefficient."""
    return [NUMBER.findall(re.sub(r"^(?:I\(w.*?TRUE|\S+) ", " ", line)) for line in lines]


def block(printed, title, count):
    lines = printed.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(title))
    return lines[start + 2 : start + 2 + count]


def require_same(shown, printed):
    """The same numbers with the same decimals, but for a last digit that is a matter of rounding; the same stars."""
    assert [len(row) for row in shown] == [len(row) for row in printed]
    for found, expected in zip(chain(*shown), chain(*printed), strict=True):
        if found.replace(" ", "") == expected.replace(" ", ""):
            continue
        decimals = [len(each.partition("e")[0].partition(".")[2]) for each in (found, expected)]
        assert decimals[0] == decimals[1], (found, expected)
        assert abs(float(found) - float(expected)) < 1.01 * 10.0 ** -decimals[0], (found, expected)


def of_report(found, title, count):
    start = next(place for place, row in enumerate(found) if row[0] == title)
    return [
        [cell for cell in row[1:] if cell and re.search(r"[\d*]", cell)] for row in found[start + 2 : start + 2 + count]
    ]


@pytest.mark.parametrize("name", ["vegetables", "cbpp", "bacteria"])
def test_the_summary_has_the_numbers_that_lme4_prints(name, study, herds):
    printed = printed_by_lme4()[name]
    of_ranges = fit_model(**bacteria().arguments, method="ml")
    model = {"vegetables": study, "cbpp": herds, "bacteria": of_ranges}[name]
    found = cells(model, "summary")
    for title, count in (("Fixed effects:", 4), ("Correlation of Fixed Effects:", 3)):
        require_same(of_report(found, title, count), after_names(block(printed, title, count)))
    for title in ("Scaled residuals:", "Random effects:"):
        require_same(of_report(found, title, 1), [NUMBER.findall(block(printed, title, 1)[0])])
    if name != "cbpp":
        # of counts lme4 leaves a constant out of the likelihood by quadrature
        criteria = next(place for place, row in enumerate(found) if row[0] == "AIC")
        require_same([found[criteria + 1][:5]], [NUMBER.findall(printed.split("df.resid")[1].splitlines()[1])])


def test_the_blocks_of_the_summary_come_in_the_order_of_lme4(study):
    firsts = [row[0] for row in cells(study, "summary")]
    titles = ["AIC", "Scaled residuals:", "Random effects:", "Fixed effects:", "---", "Correlation of Fixed Effects:"]
    assert [each for each in firsts if each in titles] == titles
    assert "Number of obs: 3500, groups: id, 250" in firsts
    assert firsts[2] == "Formula: y ~ trt * sex + (1 | id)"


def test_correlated_effects_have_their_correlation_in_the_summary(districts):
    found = cells(districts, "summary")
    (place,) = (place for place, row in enumerate(found) if row[0] == "Groups")
    assert found[place][:5] == ["Groups", "Name", "Variance", "Std.Dev.", "Corr"]
    correlation = estimates_of(districts).correlations[1, 0]
    assert found[place + 2][:2] == ["", "urban"]
    assert found[place + 2][4] == f"{correlation:.2f}"


# --- table, covariance and sentence -----------------------------------------------------------------------------------


def test_the_table_is_that_of_the_article(study):
    header, *rows = cells(study, "table")
    assert header == ["predictor", "odds_ratio", "95 % interval", "p"]
    assert rows[1] == ["trt[treat]", "8.93", "6.99 to 11.40", "< .001"]
    shown = {row[0]: row[1] for row in rows}
    assert shown["SD of intercept between groups (id)"] == "0.20"
    assert shown["intraclass correlation"] == ".01"
    assert shown["groups (id)"] == 250.0
    assert shown["observations"] == 3500.0


def test_the_table_tells_trials_and_tests_by_t(herds):
    shown = {row[0]: row[1:] for row in cells(herds, "table")}
    assert shown["trials"][0] == 842.0
    assert shown["intercept, by t with 14 df"] == ["0.25", "0.15 to 0.41", "< .001"]
    assert "vary more than the model lets them" in shown["warning"][0]


def test_intervals_of_the_posterior_are_called_credible():
    model = fit_model(**bacteria().arguments, alpha=0.1)
    header, *_, note = cells(model, "table")
    assert header[2] == "90 % credible interval"
    assert "quantiles of the posterior" in note[1]
    assert "90 % credible interval" in text(model, "sentence")


def test_the_covariance_is_that_of_the_coefficients(study):
    header, *rows = cells(study, "covariance")
    estimates = estimates_of(study)
    assert tuple(header[1:]) == estimates.fixed_names == tuple(row[0] for row in rows)
    assert_allclose([row[1:] for row in rows], estimates.covariance)


def test_the_sentence_can_be_pasted(study, herds, districts):
    found = text(study, "sentence")
    assert found.startswith(
        "A mixed-effects logistic regression with a random intercept was fitted to 3,500 observations"
    )
    assert "8.93 for trt (treat against control) (95 % CI 6.99 to 11.40, p < .001)" in found
    assert "holds where the others of the product are zero" in found
    assert "0.20 for the intercept (intraclass correlation .01)" in found
    assert "842 trials in 56 rows of 15 groups (herd)" in text(herds, "sentence")
    assert "the odds ratios of a success (incidence) were" in text(herds, "sentence")
    assert "The correlation of intercept and slope of urban was -." in text(districts, "sentence")
    assert "random slopes of urban" in text(districts, "sentence")


def test_the_sentence_of_a_model_without_predictors_has_no_odds_ratios():
    empty = fit_formula(VEGETABLES, "y ~ 1 + (1 | id)", method="ml")
    assert "odds ratio" not in text(empty, "sentence")
    alone = fit_formula(VEGETABLES, "y ~ day + (1 | id)", method="ml")
    assert "the odds ratio of y = 1 was" in text(alone, "sentence")


# --- the equation -----------------------------------------------------------------------------------------------------


def test_the_equation_is_that_of_the_article(study):
    (probability, *_), (law, *_) = cells(study, "equation")
    assert probability == (
        "Prob(y = 1) = logit^-1(-0.31 + 2.19 trt[treat] - 0.63 sex[male] - 1.22 trt[treat]:sex[male] + u)"
    )
    assert law == "u ~ N(0, 0.20^2)"


def test_the_equation_in_latex(study, herds, districts):
    assert text(study, "latex").startswith(r"\Pr(\text{y} = 1) = \mathrm{logit}^{-1}(-0.31 + 2.19 \, \text{trt[treat]}")
    assert text(herds, "latex").startswith(r"\text{incidence} \sim \mathrm{Binomial}(n, p), \quad p = \mathrm{logit}")
    laws = cells(districts, "latex")[1][0]
    assert re.fullmatch(
        r"u_\{0\} \\sim N\(0, 0\.\d\d\^2\), \\quad u_\{1\} \\sim N\(0, 0\.\d\d\^2\), \\quad "
        r"\\mathrm\{cor\}\(u_\{0\}, u_\{1\}\) = -0\.\d\d",
        laws,
    )
    assert cells(study, "latex", ",")[1][0] == r"u \sim N(0; 0{,}20^2)"
    assert cells(study, "equation", ",")[1][0] == "u ~ N(0; 0,20^2)"


def test_names_are_made_safe_for_latex():
    rows = [["y", "my_col%", "id"], *([float(i % 3 == 0), float(i % 5), i // 6] for i in range(60))]
    model = fit_formula(rows, "y ~ `my_col%` + (1 | id)", method="ml")
    assert r"\text{my\_col\%}" in text(model, "latex")


def test_the_equation_names_the_text_that_is_the_success():
    rows = [["cured", *VEGETABLES[0][1:]], *([("no", "yes")[int(row[-1])], *row[1:]] for row in VEGETABLES[1:])]
    model = fit_formula(rows, "cured ~ trt + (1 | id)".replace("id", VEGETABLES[0][1]), method="ml")
    assert text(model, "equation").startswith("Prob(cured = yes) = ")


# --- all of them ------------------------------------------------------------------------------------------------------


def test_the_decimal_comma_is_in_texts_and_in_no_number(study):
    shown = cells(study, "table", ",")
    assert shown[2] == ["trt[treat]", "8,93", "6,99 to 11,40", "< 0,001"]
    assert shown[-3][1] == 250.0
    assert "-0,30851" in [cell for row in cells(study, "summary", ",") for cell in row]
    assert "3\N{NO-BREAK SPACE}500 observations" in text(study, "sentence", ",")
    assert cells(study, "covariance", ",") == cells(study, "covariance")
    for style in ("R", "Stata", "SAS", "Python"):
        assert cells(study, style, ",") == cells(study, style)
    for style in ("table", "summary", "sentence", "equation"):
        texts = [cell for row in cells(study, style, "comma") for cell in row if isinstance(cell, str)]
        assert not [each for each in texts if re.search(r"\d\.\d", each) and "Signif" not in each]


def test_the_decimal_comma_is_in_warnings_too():
    assert Printer(",").sentence("The ratio is 1.48, at most .944 in 1,080 rows (x1, x2).") == (
        "The ratio is 1,48, at most 0,944 in 1\N{NO-BREAK SPACE}080 rows (x1, x2)."
    )
    assert Printer(".").sentence("It is 1.48 in 1,080 rows.") == "It is 1.48 in 1,080 rows."
    model = fit_model(**cbpp().arguments, method="ml")
    told = [row[1] for row in report(model, "table", ",").rows() if row[0] == "warning"]
    assert any("is 1,5, where data from the model give 0,947, and" in text for text in told)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_every_method_answers_for_ranges_with_trials_and_slopes(style, method):
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(30), 8)
    x = rng.normal(size=(240, 2)).round(2)
    trials = rng.integers(1, 9, 240)
    y = rng.binomial(trials, 1.0 / (1.0 + np.exp(-(0.5 * x[:, 0] + rng.normal(size=30)[group]))))
    model = fit_model(y, x, group, x[:, :1], method=method, trials=trials)
    found = glmm_binomial.glmm_binomial_report(model, style)
    assert isinstance(found, list)
    assert len({len(row) for row in found}) == 1
    mean_field = any("raw mean-field SDs" in str(cell) for row in found for cell in row)
    assert mean_field == (method == "mean-field" and style not in ("R", "Stata", "SAS", "Python"))


@pytest.mark.parametrize("style", STYLES)
def test_correlated_effects_and_laplace_have_every_style(style, districts):
    assert cells(districts, style)


def test_a_variance_at_zero_is_said():
    rows = [["y", "x", "id"], *([float(i % 2), float(i % 5), i // 10] for i in range(100))]
    model = fit_formula(rows, "y ~ x + (1 | id)", method="ml")
    assert "estimated at zero for the intercept" in text(model, "sentence")
    assert cells(model, "equation")[1][0] == "u ~ N(0, 0.00^2)"
    assert "variance between groups is estimated at zero" in " ".join(row[0] for row in cells(model, "R"))


@pytest.mark.parametrize(
    ("style", "decimal", "message"),
    [
        (
            "list",
            None,
            'style must be "table", "summary", "covariance", "sentence", "equation", "latex", "R", "Stata", ',
        ),
        (5.0, None, "It is 5."),
        ("table", ";", 'decimal must be "." or ",", the mark before the decimals in texts. It is'),
        ("table", 1.0, 'decimal must be "." or ","'),
    ],
)
def test_options_that_cannot_be_used_are_refused(study, style, decimal, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        report(study, style, decimal)


def test_styles_may_be_written_in_any_case_and_left_out(study):
    assert cells(study, " r ") == cells(study, "R")
    assert cells(study, None) == cells(study, [["TABLE"]]) == cells(study, "")
