"""What the documents say of the worksheet functions is what the catalogue says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from glmm_binomial.worksheet.catalogue import BY_NAME, FUNCTIONS

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_the_readme_shows_the_call_of_every_worksheet_function(function):
    assert f"    ={function.usage}\n" in README


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_the_readme_says_what_every_worksheet_function_does(function):
    assert re.search(rf"^(\*\*{function.name}\*\* |    ={function.name}\()", README, re.MULTILINE)


def test_the_readme_names_no_worksheet_function_that_there_is_not():
    assert set(re.findall(r"\bGLMM_BINOMIAL(?:_[A-Z]+)?\b", README)) <= set(BY_NAME)


def test_the_readme_explains_every_argument():
    arguments = {argument.name for function in FUNCTIONS for argument in function.arguments if argument.kind != "model"}
    for name in arguments - {"data", "parameter", "missing", "formula"}:
        assert re.search(rf"^\| `{name}` \|", README, re.MULTILINE), name
