"""What lme4's notation holds: its parts, what is fitted now, and a sentence for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from formula_data import TABLE, column, observed, refusal
from glmm_binomial.formula.grammar import Grouping, parts_of
from glmm_binomial.formula.words import typed, words_of


def parts(text):
    return parts_of(words_of(text))


# the parts -----------------------------------------------------------------------------------------------------------


def test_a_formula_is_taken_apart_into_response_fixed_and_random_effects():
    found = parts("cbind(s, n - s) ~ trt * `my age` + (1 + day || id)")
    assert (typed(found.response), typed(found.fixed)) == ("cbind(s, n - s)", "trt * `my age`")
    (random,) = found.random
    assert (typed(random.effects), random.correlated, random.grouping) == ("1 + day", False, Grouping(("id",), False))


@pytest.mark.parametrize(
    ("text", "names", "nested", "correlated"),
    [
        ("(1 | id)", ("id",), False, True),
        ("(1 + day | id)", ("id",), False, True),
        ("(0 + day || `my id`)", ("my id",), False, False),
        ("(1 | school/class)", ("school", "class"), True, True),
        ("(1 | school:class)", ("school", "class"), False, True),
        ("((1|id))", ("id",), False, True),
    ],
)
def test_what_cannot_be_fitted_yet_is_read_all_the_same(text, names, nested, correlated):
    (random,) = parts(f"y ~ x + {text}").random
    assert (random.grouping.names, random.grouping.nested, random.correlated) == (names, nested, correlated)


def test_several_random_terms_are_read_in_their_order():
    found = parts("y ~ (1 | a) + x + (1 | b) - 1")
    assert [random.typed() for random in found.random] == ["(1 | a)", "(1 | b)"]
    assert typed(found.fixed) == "x - 1"


@pytest.mark.parametrize("text", ["y ~ (1 | id)", "y ~ 1 + (1 | id)", "y ~ (1 | id) + 1"])
def test_without_predictors_the_intercept_is_left(text):
    assert typed(parts(text).fixed) == "1"


def test_a_formula_without_response_has_none():
    assert parts("~ trt").response is None
    assert parts("trt * sex").response is None


# what is fitted now --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "names", "slopes", "intercept"),
    [
        ("y ~ trt * sex + (1 | id)", ("trt[treat]", "sex[m]", "trt[treat]:sex[m]"), (), True),
        ("y ~ 1 + (1 | id)", (), (), True),
        ("y~(1|id)", (), (), True),
        ("y ~ trt - 1 + (1 | id)", ("trt[control]", "trt[treat]"), (), False),
        ("y ~ 0 + trt + (1 | id)", ("trt[control]", "trt[treat]"), (), False),
        ("y ~ -1 + day + (1 | id)", ("day",), (), False),
        ("y ~ day + (1 + day || id)", ("day",), ("day",), True),
        ("y ~ day + (day || id)", ("day",), ("day",), True),
        ("y ~ day + (1 | id) + (0 + day | id)", ("day",), ("day",), True),
        ("y ~ day + (1 + center(day) + dose || id)", ("day",), ("center(day)", "dose"), True),
        ("y ~ day + (1 | id) + (0 + day + dose:day || id)", ("day",), ("day", "dose:day"), True),
        ("y ~ trt + (1 || id)", ("trt[treat]",), (), True),
        ("y ~ trt + ((1 | id))", ("trt[treat]",), (), True),
        ("y ~ `my age` + C(day) + (1 | id)", ("my age", "day[2]", "day[3]"), (), True),
        ('y ~ C(trt, Treatment("treat")) + (1 | id)', ("trt[control]",), (), True),
        ("y ~ (trt + sex)^2 + (1 | id)", ("trt[treat]", "sex[m]", "trt[treat]:sex[m]"), (), True),
        ("y ~ log(dose) + scale(day) + I(day^2) + (1 | id)", ("log(dose)", "scale(day)", "I(day ** 2)"), (), True),
    ],
)
def test_formulas_that_are_fitted_name_their_columns_and_effects(formula, names, slopes, intercept):
    found = observed(formula)
    assert (found.x_names, found.random_names, found.options.fit_intercept) == (names, slopes, intercept)
    assert found.x.shape == (8, len(names))
    assert found.x_random.shape == (8, len(slopes))


def test_a_random_slope_has_the_numbers_of_its_column():
    found = observed("y ~ trt + (1 | id) + (0 + day | id) + (0 + I(2 * dose) | id)")
    assert_array_equal(found.x_random, np.column_stack([column("day"), np.multiply(2, column("dose"))]))


def test_scaled_slopes_have_mean_zero():
    found = observed("y ~ 1 + (1 + scale(`my age`) || id)")
    assert_allclose(found.x_random.mean(), 0.0, atol=1e-15)
    assert_allclose(found.x_random.std(ddof=1), 1.0, rtol=1e-15)


# refused for now -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        (
            "y ~ day + (1 | id) + (1 + day | id)",
            "formula must name each random effect once. It has 2 random intercepts of one grouping.",
        ),
        (
            "y ~ day + (1 + day | id) + (0 + dose | id)",
            (
                "formula must name random effects that are all correlated, or all independent. (1 + day | id) + "
                "(0 + dose | id) is not fitted yet. (1 + day + dose | id) works, and (1 + day + dose || id)."
            ),
        ),
        (
            "y ~ day + (0 + day + dose | id) + (0 + `my age` | id)",
            (
                "formula must name random effects that are all correlated, or all independent. (0 + day + dose | id) + "
                "(0 + `my age` | id) is not fitted yet. (0 + day + dose + `my age` | id) works, and "
                "(0 + day + dose + `my age` || id)."
            ),
        ),
        (
            "y ~ trt + (1 | ward/id/day)",
            (
                "formula must name at most two groupings, each once. (1 | ward/id/day) is not fitted yet. "
                "(1 | ward) + (1 | ward:id) works."
            ),
        ),
        (
            "y ~ trt + (1 + trt || id)",
            (
                "formula must name columns of numbers as random slopes. In (1 + trt || id), trt has levels, which "
                "is not "
                'fitted yet. A new column of 0 and 1 works, such as =--([@trt]="treat").'
            ),
        ),
    ],
)
def test_what_is_not_fitted_yet_is_refused_with_what_works(formula, sentence):
    assert refusal(formula) == sentence


def test_levels_of_numbers_are_advised_without_quotes():
    assert refusal("y ~ trt + (1 + C(day) || id)").endswith("such as =--([@day]=3).")
    assert refusal("`my age` + s ~ trt + (1 | id)").endswith("write cbind(`my age`, s) ~ ...")
    assert "as in poly(`my age`, 2) or bs(`my age`, df = 4)," in refusal("y ~ bs(`my age`) + (1 | id)")


@pytest.mark.parametrize("works", ["(1 + day || id)", "(1 | id)", "(1 | ward)"])
def test_what_the_refusals_advise_works(works):
    assert observed(f"y ~ trt + log(dose) + {works}").x_names == ("trt[treat]", "log(dose)")


# refused for good ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "beginning"),
    [
        ("glmer(y ~ trt + (1 | id), family = binomial)", 'formula must be the formula alone, without "family = ".'),
        ("y ~ trt + (1 | id), family=binomial", 'formula must be the formula alone, without "family = ".'),
        ("y ~ trt + (1 | id), link = probit", 'formula must be the formula alone, without "link = ".'),
        ("s/n ~ trt + (1 | id), weights = n", 'formula must be the formula alone, without "weights = ". For counts'),
        ("glmer(y ~ trt + (1 | id), data = d)", 'formula must be the formula alone, without "data = ".'),
        ("glmer(y ~ trt + (1 | id))", 'formula must be the formula alone, without "glmer(".'),
        ("y ~ day^2 + (1 | id)", "formula must name powers of numbers inside I(). day^2 is day in this notation; wr"),
        ("y ~ trt", "formula must say which rows belong together. Add a random term that names the column of labels"),
        ("y + s ~ trt + (1 | id)", "formula must have one response. y + s are several: fit a model for each."),
        ("cbind(s) ~ trt + (1 | id)", "formula must give two numbers to cbind, as in cbind(successes, failures)"),
        ("cbind(s, n, y) ~ trt + (1 | id)", "formula must give two numbers to cbind,"),
        ("y == 1 ~ trt + (1 | id)", "formula must have a column of outcomes, successes / trials or cbind("),
        ("1 ~ trt + (1 | id)", "formula must have a column of outcomes,"),
        ("2 * 3 ~ trt + (1 | id)", "formula must name a column as the response. 2 * 3 names none."),
        ("~ trt + (1 | id)", 'formula must begin with the response and "~".'),
        ("trt + (1 | id)", 'formula must begin with the response and "~".'),
        ("y ~", 'formula must name columns. It holds only "y ~".'),
        ("y ~ trt ~ sex", 'formula must have one "~", between the response and the effects. It has 2.'),
        ("y | id ~ trt", 'formula must have random effects after the "~".'),
        ("y ~ trt + 1 | id", 'formula must have random effects in brackets, such as (1 | id). "trt + 1 | id" has'),
        ("y ~ trt * (1 | id)", "formula must add random terms to the other effects by +. (1 | id) is not added."),
        ("y ~ trt - (1 | id)", "formula must add random terms to the other effects by +."),
        ("y ~ (1 | id):trt", "formula must add random terms to the other effects by +."),
        ("y ~ trt + ( | id)", "formula must say which effects vary. Write (1 | id) for the intercept of each group."),
        ("y ~ trt + (0 | id)", "formula must say which effects vary. (0 | id) has none; write (1 | id)."),
        ("y ~ trt + (1 | )", "formula must name a column of labels after the bar, as in (1 | id)."),
        ("y ~ trt + (1 | factor(id))", "formula must name a column of labels after the bar, as in (1 | id)."),
        ("y ~ trt + (1 | id + ward)", "formula must name one column of labels after the bar, as in (1 | id)."),
        ("y ~ trt + (1 | id | ward)", "formula must have one random term in each pair of brackets,"),
        ("y ~ trt + (1 | (id))", "formula must have one random term in each pair of brackets,"),
        ("y ~ trt + (1 | id) + (1 + day || id)", "formula must name each random effect once. It has 2 random inter"),
        ("y ~ 0 + (1 | id)", "formula must have a fixed effect. It has none; y ~ 1 + ... has the intercept."),
        ("y ~ trt + (1 | nope)", "formula must name columns of data. There is no column nope; the columns are y, trt,"),
        ("nope ~ trt + (1 | id)", "formula must name columns of data. There is no column nope;"),
        ("y ~ factor(day) + (1 | id)", "formula must hold nothing but columns and known functions. factor(day) is not"),
        ("y ~ as.factor(day) + (1 | id)", "formula must hold nothing but columns and known functions. as.factor(day)"),
        ("", "formula must be text. It is blank."),
        (None, "formula must be text. It is blank."),
        ([["y ~ trt"], ["+ (1 | id)"]], "formula must be text. It is several cells."),
        (RuntimeError(), "formula must be text. It is the error #N/A."),
        ("y ~ trt + (1 | id", "formula cannot be read: "),
    ],
)
def test_a_formula_that_cannot_be_used_is_refused_with_a_sentence(formula, beginning):
    assert refusal(formula).startswith(beginning)


def test_a_power_of_one_column_is_refused_with_what_to_write():
    assert refusal("y ~ day + day^2 + (1 | id)").endswith("day^2 is day in this notation; write I(day^2).")
    assert refusal("y ~ day**2 + (1 | id)").endswith("day^2 is day in this notation; write I(day^2).")
    assert refusal("y ~ (`my age`)^3 + (1 | id)").endswith("write I(`my age`^3).")
    assert refusal("y ~ log(dose)^2 + (1 | id)").endswith("write I(log(dose)^2).")
    assert refusal("y ~ trt^2 + (1 | id)").endswith("trt^2 is trt in this notation; leave ^2 out.")
    assert observed("y ~ I(log(dose)^2) + (1 | id)").x[0, 0] == np.log(2.0) ** 2


def test_factor_of_r_is_told_to_be_c():
    assert "Write C(day) to make levels of a column." in refusal("y ~ as.factor(day) + (1 | id)")
    assert "For a curve write poly(day, 2) or bs(day, df = 4)." in refusal("y ~ ns(day, 3) + (1 | id)")


def test_the_sentence_for_a_formula_without_groups_can_be_pasted():
    sentence = refusal("y ~ trt * sex")
    assert sentence.endswith("such as (1 | id): y ~ trt * sex + (1 | id).")
    assert observed("y ~ trt * sex + (1 | id)").group_name == "id"


def test_names_in_quotes_or_backticks_are_no_arguments_of_glmer():
    data = [
        ["y", "family = ", "id"],
        *([a, b, c] for a, b, c in zip(column("y"), column("sex"), column("id"), strict=True)),
    ]
    assert observed("y ~ `family = ` + (1 | id)", data).x_names == ("family =[m]",)


def test_a_formula_may_stand_in_a_cell():
    assert observed([["y ~ trt + (1 | id)"]], TABLE).x_names == ("trt[treat]",)
