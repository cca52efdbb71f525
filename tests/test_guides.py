"""The guides: every formula of the tables in docs/article.md and docs/coming-from.md runs, and gives what is said."""

from __future__ import annotations

import math
import re

import openpyxl
import pytest

import glmm_binomial
from worked import HERDS, answer
from worked_pages import DOCS

COEFFICIENTS = {"intercept", "trt[treat]", "sex[male]", "trt[treat]:sex[male]"}

FORMULA = re.compile(r"`=(.+?)`")
NUMBER = re.compile(r"(?<![\w.@^-])-?(?:\d+\.\d+)(?![\w.]*\d)")


def rows_of(name):
    """The cells of all rows of tables, without what keeps a bar from being the end of a cell."""
    lines = (DOCS / name).read_text("utf-8").splitlines()
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|").replace("\\*", "*") for cell in row] for row in rows]


def steps(name):
    """Each formula with what is said to come of it."""
    return [
        (formula, row[2] if len(row) > 2 else "")
        for row in rows_of(name)
        for formula in FORMULA.findall(row[1] if len(row) > 1 else "")
    ]


@pytest.mark.mass
@pytest.mark.parametrize("name", ["article.md", "coming-from.md"])
def test_every_formula_of_the_guides_is_answered(name):
    found = steps(name)
    assert len(found) > 15
    for formula, _ in found:
        answered = answer(formula)
        assert not isinstance(answered, str), (formula, answered)
        if formula.startswith("GLMM_BINOMIAL_FORMULA"):
            assert isinstance(answered, glmm_binomial.GLMM)


def test_the_numbers_of_the_article_page_are_in_the_answers():
    checked = 0
    for formula, said in steps("article.md"):
        answered = answer(formula)
        if isinstance(answered, glmm_binomial.GLMM):
            continue
        shown = [cell for row in answered for cell in row if cell is not None]
        texts = " ".join(cell for cell in shown if isinstance(cell, str))
        numbers = [cell for cell in shown if isinstance(cell, float)]
        for number in NUMBER.findall(said):
            decimals = len(number.partition(".")[2])
            is_there = number in texts or any(
                math.isclose(abs(cell), abs(float(number)), abs_tol=0.51 * 10.0**-decimals) for cell in numbers
            )
            assert is_there, (formula, number)
            checked += 1
    assert checked > 30


def test_what_the_article_page_says_in_words_is_so():
    said = dict(steps("article.md"))
    check = "GLMM_BINOMIAL_CHECK({}, 100)"
    for name, inside in (("model", True), ("wrong", False)):
        # four patterns stand above the residuals
        header, *patterns = answer(check.format(name))[:5]
        assert [row[header.index("inside")] for row in patterns] == [inside] * 4
    assert len(answer("GLMM_BINOMIAL_RANEF(model)")) == 251
    assert len(answer("GLMM_BINOMIAL_SIMULATE(model, 100)")[0]) == 100
    equation = [row[0] for row in answer('GLMM_BINOMIAL_REPORT(model, "equation")')]
    assert ", ".join(equation) == said['GLMM_BINOMIAL_REPORT(model, "equation")']
    wrong, right = answer("GLMM_BINOMIAL_COMPARE(wrong, model)")[1:3]
    assert right[3] < wrong[3]
    header, *drawn = answer(next(each for each in said if "GENERATE" in each))
    assert len(header) == 1
    assert {cell for (cell,) in drawn} == {0.0, 1.0}
    assert len(drawn) == 3500
    assert [row[5] for row in answer('GLMM_BINOMIAL_REPORT(model, "summary")') if row[0] in COEFFICIENTS][:4] == [
        "***"
    ] * 4


def page_on(name):
    return " ".join((DOCS / "functions" / f"glmm_binomial_{name}.md").read_text("utf-8").split())


@pytest.mark.mass
def test_what_is_said_of_influence_and_of_products_is_so():
    header, *rows = answer("GLMM_BINOMIAL_INFLUENCE(model)")
    moves = [abs(move) for row in rows for move in row[3 : header.index("verdict_changes")]]
    assert 0.36 < max(moves) < 0.37
    assert "none moves a coefficient by more than .37 standard errors" in page_on("influence")
    assert {row[header.index("verdict_changes")] for row in rows} == {None}
    # by the default method, as in the workbook
    herds = glmm_binomial.fit_formula(HERDS, "incidence / size ~ C(period) + (1 | herd)")
    by_herd = {row[0]: row for row in glmm_binomial.glmm_binomial_influence(herds)[1:]}
    assert "herd 11 moves the coefficient of the second period by 1.2" in page_on("influence")
    assert by_herd["11"][4] == pytest.approx(-1.2, abs=0.05)
    products = answer("GLMM_BINOMIAL_CHECK(wrong)")[-1]
    assert products[5] == "trt[treat] times sex[male]"
    assert "`products` is 6.7 where simulated data have .8 on average" in page_on("check")
    assert products[1:4] == pytest.approx([6.7, 0.8, 0.005], abs=0.05)
    assert "products" not in {row[0] for row in answer("GLMM_BINOMIAL_CHECK(model)")}


@pytest.mark.mass
def test_each_step_of_the_article_stands_on_the_sheet_that_is_named():
    book = openpyxl.load_workbook(DOCS.parent / "examples" / "vegetables.xlsx")
    written = {
        sheet.title: [text for row in sheet.iter_rows() for text in (text_of(cell.value) for cell in row) if text]
        for sheet in book
    }
    found = 0
    for _, formulas, _, sheet in (
        row for row in rows_of("article.md") if row[0] != "the article" and "-" * 3 not in row[0]
    ):
        for formula in FORMULA.findall(formulas):
            name, texts = formula.partition("(")[0], re.findall(r'"[^"]*"', formula)
            assert any(f"{name}(" in text and all(each in text for each in texts) for text in written[sheet]), formula
            found += 1
    assert found > 20


def text_of(value):
    """A formula as Excel shows it, also one that stands there as text."""
    text = str(getattr(value, "text", value)).replace("_xll.", "")
    return text if text.startswith("=") else ""
