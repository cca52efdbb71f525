"""The formulas of docs/libreoffice.md, typed into a window of LibreOffice as a person types them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calc.application import missing_for_window, typed_in_window
from glmm_binomial import glmm_binomial_formula, glmm_binomial_margins, glmm_binomial_table
from glmm_binomial.libreoffice.calls import shown
from worked import CHILDREN

PAGE = Path(__file__).parents[1] / "docs" / "libreoffice.md"
ENTRY = re.compile(r"^    (\w+(?::\w+)?) +(=\S.*?) +(Enter|Ctrl\+Shift\+Enter)$", re.MULTILINE)
KEYS = {"Enter": "Return", "Ctrl+Shift+Enter": "ctrl+shift+Return"}

pytestmark = pytest.mark.mass


def test_what_the_page_says_to_type_gives_what_the_functions_give(tmp_path):
    lacking = missing_for_window()
    if lacking is not None:
        pytest.skip(lacking)
    entries = ENTRY.findall(PAGE.read_text("utf-8"))
    formulas = [formula for _, formula, _ in entries]
    assert [re.match(r"=(\w+)", formula)[1] for formula in formulas] == [
        "GLMM_BINOMIAL_FORMULA",
        "ROWS",
        "GLMM_BINOMIAL_TABLE",
        "GLMM_BINOMIAL_MARGINS",
        "INDEX",
        "GLMM_BINOMIAL_TABLE",
    ]
    [[handle]], [[size]], table, effects, [[drug]], [[message]] = typed_in_window(
        tmp_path, CHILDREN, [(cells, formula, KEYS[key]) for cells, formula, key in entries]
    )
    model = glmm_binomial_formula(CHILDREN, re.search('"(.*)"', formulas[0])[1])
    assert re.fullmatch(r"GLMM@\d+", handle)
    assert size == len(glmm_binomial_table(model))
    assert_holds(table, shown(glmm_binomial_table(model)))
    assert_holds(effects, shown(glmm_binomial_margins(model)))
    assert drug == next(row[2] for row in table if row[1] == "drug")
    assert message.startswith("Invalid input: model must be a cell that holds a model")
    assert len(set(picture(tmp_path / "window.xwd"))) > 20, "the screen shows something"


def assert_holds(cells, rows):
    """The rows stand in the cells, and below them #N/A, which LibreOffice hands out as None."""
    assert cells[: len(rows)] == rows
    assert all(cell is None for row in cells[len(rows) :] for cell in row)


def picture(path):
    """Return the bytes of the pixels of a file of X: a header says how long it is itself."""
    content = path.read_bytes()
    return content[int.from_bytes(content[:4], "big") :]
