"""The tables that the pages are about, and the value of every formula on them.

The tests and `worked_pages.py` calculate what the pages say with it.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from typing import TYPE_CHECKING

import glmm_binomial
from glmm_binomial.certified import FOLDER
from glmm_binomial.worksheet.catalogue import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

Cells = list[list[object]]

MODEL = '=GLMM_BINOMIAL_FORMULA(Vegetables[#All], "y ~ trt * sex + (1 | id)", "ml")'
"""In the cell that the pages call `model`."""
SMALLER = '=GLMM_BINOMIAL_FORMULA(Vegetables[#All], "y ~ trt + sex + (1 | id)", "ml")'

STUDY: Cells = [["group", "treated"], *([["A", 1.0]] * 10), *([["B", 0.0]] * 10)]
"""Columns A and B of the page on GLMM_BINOMIAL_POWER: two groups of ten rows, of which one is treated."""
PATTERNS: Cells = [["trt", "sex"], *([trt, sex] for sex in ("female", "male") for trt in ("control", "treat"))]

CHILDREN_MODEL = '=GLMM_BINOMIAL_FORMULA(A1:D221, "bacteria ~ week + drug + (1 | child)")'
"""In cell F1 of the quick start."""
HELD = (("model", MODEL), ("smaller", SMALLER), ("wrong", SMALLER), ("F1", CHILDREN_MODEL))
"""Cells that hold a model."""

_TEXT = re.compile(r'"((?:[^"]|"")*)"')
_COLUMN = re.compile(r"(\w+)\[\[#All\],\[(\w+)\]\]")
_RANGE = re.compile(r"\b([A-Z])(\d+):([A-Z])(\d+)\b")
_ARRAY = re.compile(r"\{([^{}]*)\}")
_SKIPPED = re.compile(r"(?<=[(,])(\s*)(?=[,)])")
_CALLED_WITHOUT = re.compile(r"\(None\)")


def certified_table(file: str, *numbers: str) -> Cells:
    """A certified data set as a table; the named columns as numbers, the others as text."""
    with (FOLDER / file).open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    places = {header.index(name) for name in numbers}
    return [list(header), *([float(cell) if i in places else cell for i, cell in enumerate(row)] for row in rows)]


VEGETABLES = certified_table("vegetables.csv", "id", "y", "day")
HERDS = certified_table("cbpp.csv", "incidence", "size", "period")


def _children() -> Cells:
    header, *rows = certified_table("bacteria.csv", "week")
    y, active, week, child = (header.index(name) for name in ("y", "ap", "week", "ID"))
    cells = ([float(row[y] == "y"), row[week], float(row[active] == "a"), row[child]] for row in rows)
    return [["bacteria", "week", "drug", "child"], *cells]


CHILDREN = _children()
"""Columns A to D of the quick start."""
SHEETS: Mapping[str, Cells] = {"children": CHILDREN, "study": STUDY}
TABLES: Mapping[str, Cells] = {"Vegetables": VEGETABLES, "Herds": HERDS, "Patterns": PATTERNS}


@cache
def answer(formula: str, sheet: str = "children") -> object:
    """What a formula gives.

    Parameters
    ----------
    formula : str
        With or without its equals sign: calls of worksheet functions on the tables, on ranges of the sheet, and on the
        cells that hold a model.
    sheet : {"children", "study"}
        What stands in columns A, B ... of the sheet.

    Returns
    -------
    list of rows, GLMM, or str
        A table, a model or a message.
    """
    code, texts = _without_texts(formula.removeprefix("="))
    code = _COLUMN.sub(lambda found: f"column({found[1]!r}, {found[2]!r})", code).replace("[#All]", "")
    code = _RANGE.sub(lambda found: f"area({', '.join(repr(part) for part in found.groups())})", code)
    code = _ARRAY.sub(lambda found: str([_numbers(row) for row in found[1].split(";")]), code)
    code = _CALLED_WITHOUT.sub("()", _SKIPPED.sub(r"\1None", code)).replace("TRUE", "True").replace("FALSE", "False")
    names = {
        **TABLES,
        **{name: getattr(glmm_binomial, name.lower()) for name in BY_NAME},
        "column": lambda table, name: [[row[TABLES[table][0].index(name)]] for row in TABLES[table]],
        "area": lambda *corners: _area(SHEETS[sheet], *corners),
        "text": texts.__getitem__,
    }
    for cell, held in HELD:
        if re.search(rf"\b{cell}\b", code):
            names[cell] = answer(held)
    return eval(code, {"__builtins__": {}}, names)  # noqa: S307  formulas of this repository


def _without_texts(formula: str) -> tuple[str, list[str]]:
    """The formula with its texts taken out, in which a doubled quotation mark is one."""
    texts: list[str] = []

    def taken(found: re.Match[str]) -> str:
        texts.append(found[1].replace('""', '"'))
        return f"text({len(texts) - 1})"

    return _TEXT.sub(taken, formula), texts


def _numbers(row: str) -> list[float]:
    return [float(number) for number in row.split(",")]


def _area(sheet: Cells, first_column: str, first_row: str, last_column: str, last_row: str) -> Cells:
    columns = slice(ord(first_column) - ord("A"), ord(last_column) - ord("A") + 1)
    return [list(row[columns]) for row in sheet[int(first_row) - 1 : int(last_row)]]
