"""A small table as a worksheet hands it over, and what formulas make of it."""

from __future__ import annotations

import csv

import pytest

from datasets import CERTIFIED
from glmm_binomial.formula.reading import read_formula
from glmm_binomial.observations import InvalidInputError

HEADER = ["y", "trt", "sex", "day", "dose", "my age", "s", "n", "cured", "id", "ward"]
TABLE = [
    HEADER,
    [0, "treat", "m", 1.0, 2.0, 30.0, 1, 4, "no", "a", 1],
    [1, "control", "f", 2.0, 2.5, 40.0, 2, 4, "yes", "a", 1],
    [1, "treat", "f", 3.0, 1.0, 50.0, 0, 4, "yes", "b", 1],
    [0, "control", "m", 1.0, 2.0, 20.0, 4, 5, "no", "b", 2],
    [1, "treat", "m", 2.0, 3.0, 35.0, 3, 5, "yes", "c", 2],
    [0, "control", "f", 3.0, 1.5, 45.0, 5, 5, "no", "c", 2],
    [1, "treat", "f", 1.0, 0.5, 55.0, 2, 6, "no", "d", 3],
    [0, "control", "m", 2.0, 4.0, 25.0, 1, 6, "yes", "d", 3],
]
ROWS = len(TABLE) - 1


def column(name, table=TABLE):
    return [row[table[0].index(name)] for row in table[1:]]


def changed(row, name, cell, table=TABLE):
    """The table with another cell; the row as a person counts, the header is row 1."""
    copy = [list(cells) for cells in table]
    copy[row - 1][table[0].index(name)] = cell
    return copy


def with_column(name, cells, table=TABLE):
    return [[*table[0], name], *([*row, cell] for row, cell in zip(table[1:], cells, strict=True))]


def observed(formula, data=TABLE, **options):
    return read_formula(data, formula, **options).observations


def refusal(formula, data=TABLE, **options):
    with pytest.raises(InvalidInputError) as refused:
        read_formula(data, formula, **options)
    return str(refused.value).removeprefix("Invalid input: ")


def certified_table(file, *numbers):
    """A certified data set as a table; the named columns as numbers, the others as text."""
    with (CERTIFIED / file).open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    places = {header.index(name) for name in numbers}
    return [header, *([float(cell) if i in places else cell for i, cell in enumerate(row)] for row in rows)]
