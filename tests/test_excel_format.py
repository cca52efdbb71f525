"""The formats of spilled tables in Excel: on the analysis sheet, and by PyXLL's formatter where it is asked for."""

from __future__ import annotations

import configparser
from unittest.mock import MagicMock

import pytest
import pyxll

from excel_object_model import excel
from glmm_binomial.excel import functions
from glmm_binomial.excel.table_format import (
    ESTIMATE,
    MOST_ROWS,
    P_VALUE,
    VERY_SMALL,
    Formatted,
    apply_formats,
    formats_of,
)
from glmm_binomial.worksheet.catalogue import FUNCTIONS
from worked import CHILDREN_MODEL, answer
from worksheet import record_registrations


@pytest.fixture
def config(monkeypatch):
    """The pyxll.cfg of the user."""
    parser = configparser.RawConfigParser()
    monkeypatch.setattr(pyxll, "get_config", lambda: parser)
    return parser


def at(rows, line, column):
    """The format of a cell: "bold", a number format, or None."""
    for each in formats_of(rows):
        if each.top <= line <= each.bottom and each.left <= column <= each.right:
            return each.number_format or "bold"
    return None


def table():
    return functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_TABLE"](answer(CHILDREN_MODEL))


def test_headers_are_bold_estimates_have_four_decimals_and_counts_none():
    rows = table()
    names = [(row[0], row[1]) for row in rows]
    heads = [line for line in range(len(rows)) if at(rows, line, 0) == "bold"]
    assert [rows[line][0] for line in heads] == ["fixed_effects", "random_effects", "diagnostics"]
    assert all(at(rows, line, 8) == "bold" for line in heads)
    assert at(rows, 1, 2) == ESTIMATE
    assert at(rows, 1, 5) == P_VALUE
    assert at(rows, [row[0] for row in rows].index("aic"), 1) == ESTIMATE
    assert at(rows, names.index(("", "observations")), 2) is None
    assert at(rows, names.index(("", "largest_score")), 2) == VERY_SMALL
    assert at(rows, names.index(("", "method")), 2) is None
    assert at(rows, names.index(("", "converged")), 2) is None


def test_a_table_of_texts_has_one_header():
    rows = functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_REPORT"](answer(CHILDREN_MODEL))
    assert [each for each in formats_of(rows) if each.number_format is None] == [Formatted(0, 0, 0, 3, None)]


def test_a_message_is_not_formatted_and_of_a_long_table_the_beginning_is():
    assert formats_of([["Invalid input: y must have at least 2 row(s)."]]) == []
    rows = [["probability"], *([[0.25]] * 5000)]
    assert formats_of(rows) == [Formatted(0, 0, 0, 0, None), Formatted(1, MOST_ROWS - 1, 0, 0, ESTIMATE)]


def test_formats_stand_where_the_table_does():
    sheet = excel([["a"]])._book._sheets[0]
    apply_formats(sheet.Range("C5:D7"), [["name", "p_value"], ["x", 0.5], ["y", 0.25]])
    assert sheet._formats == [("5,3:5,4", "Bold", True), ("6,4:7,4", "NumberFormat", P_VALUE)]


@pytest.mark.parametrize("section", [{}, {"GLMM": {}}, {"GLMM": {"format_tables": "0"}}])
def test_formatting_is_off_unless_it_is_asked_for(section, config, monkeypatch):
    config.read_dict(section)
    _, registered = record_registrations(monkeypatch)
    assert all("formatter" not in registration.options for registration in registered.values())


def test_where_it_is_asked_for_every_table_is_formatted_and_no_model(config, monkeypatch):
    config.read_dict({"GLMM": {"format_tables": "1"}})
    _, registered = record_registrations(monkeypatch)
    formatted = {name for name, registration in registered.items() if "formatter" in registration.options}
    assert formatted == {function.name for function in FUNCTIONS if function.answer == "table"}


def test_the_formatter_formats_what_pyxll_hands_it(config, monkeypatch):
    config.read_dict({"GLMM": {"format_tables": "yes"}})
    _, registered = record_registrations(monkeypatch)
    formatter = registered["GLMM_BINOMIAL_TABLE"].options["formatter"]
    assert isinstance(formatter, pyxll.Formatter)
    sheet = excel([["a"]])._book._sheets[0]
    cell = MagicMock(to_range=lambda: sheet.Range("B2:B3"), rows=2, columns=1)
    formatter.apply(
        cell, [["probability"], [0.25]], datatype="var", datatype_ndim=2, datatype_kwargs={}, transpose=False
    )
    assert sheet._formats == [("2,2:2,2", "Bold", True), ("3,2:3,2", "NumberFormat", ESTIMATE)]
    formatter.apply(cell, "a message")
    formatter.apply(cell, [["a message"]])
    assert len(sheet._formats) == 2
