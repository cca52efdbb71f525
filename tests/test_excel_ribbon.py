"""The add-in around the worksheet functions: entry points, ribbon, worked example, pyxll.cfg."""

from __future__ import annotations

import configparser
import importlib
import logging
import re
from importlib.metadata import entry_points
from pathlib import Path
from unittest.mock import MagicMock
from xml.etree import ElementTree as ET

import pytest
import pyxll

from glmm_binomial import excel
from glmm_binomial.excel import example, functions
from worksheet import shown

ROOT = Path(__file__).parents[1]
CUSTOM_UI = "{http://schemas.microsoft.com/office/2009/07/customui}"


@pytest.fixture
def config(monkeypatch):
    """The pyxll.cfg of the user."""
    parser = configparser.RawConfigParser()
    monkeypatch.setattr(functions, "get_config", lambda: parser)
    monkeypatch.setattr(pyxll, "get_config", lambda: parser)
    return parser


@pytest.fixture
def ribbon_xml(config):
    assert not config.sections(), "nothing said about the ribbon"
    [(file_name, xml)] = excel.ribbon()
    assert file_name is None
    return xml


class NoFormula2:
    """A range of an Excel that does not know dynamic arrays, as win32com shows it."""

    def __init__(self, written, address):
        object.__setattr__(self, "written", written)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "Font", MagicMock())

    def __setattr__(self, name, value):
        if name == "Formula2":
            text = "Property '<unknown>.Formula2' can not be set."
            raise AttributeError(text)
        self.written[self.address, name] = value


def excel_with(sheet_names=("Sheet1",)):
    """An Excel with a workbook, and what is written on the sheet it adds, by address and property."""
    app = MagicMock()
    book = app.ActiveWorkbook
    book.Sheets = [MagicMock() for _ in sheet_names]
    for sheet, name in zip(book.Sheets, sheet_names, strict=True):
        sheet.Name = name
    cells: dict[str, MagicMock] = {}
    book.Worksheets.Add.return_value.Range.side_effect = lambda address: cells.setdefault(address, MagicMock())
    return app, book.Worksheets.Add.return_value, cells


# Entry points ---------------------------------------------------------------------------------------------------------


def test_an_installed_package_names_both_entry_points():
    assert {point.name: point.load() for point in entry_points(group="pyxll") if "glmm" in point.value} == {
        "modules": excel.modules,
        "ribbon": excel.ribbon,
    }


def test_modules_are_importable_names():
    assert excel.modules() == [functions.__name__]


# Ribbon ---------------------------------------------------------------------------------------------------------------


def test_the_ribbon_passes_the_check_pyxll_itself_makes(ribbon_xml):
    pyxll._validate_ribbon_xml(ribbon_xml)


def test_the_ribbon_is_one_tab_with_unique_ids(ribbon_xml):
    root = ET.fromstring(ribbon_xml)
    assert root.tag == f"{CUSTOM_UI}customUI"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert "pyxll" not in ids, "that is the tab of PyXLL itself"
    assert len(root.findall(f"./{CUSTOM_UI}ribbon/{CUSTOM_UI}tabs/{CUSTOM_UI}tab")) == 1


def test_every_button_calls_a_function_that_takes_the_control(ribbon_xml, monkeypatch):
    monkeypatch.setattr(functions, "schedule_call", lambda _work: None)
    buttons = ET.fromstring(ribbon_xml).findall(f".//{CUSTOM_UI}button")
    assert [button.get("label") for button in buttons] == ["Analyse this table", "Insert example"]
    for button in buttons:
        module, _, name = button.get("onAction").rpartition(".")
        getattr(importlib.import_module(module), name)(MagicMock())


@pytest.mark.parametrize("answer", ["1", "true", "Yes", " on ", ""])
def test_the_ribbon_can_be_left_out(config, answer):
    config.read_dict({"GLMM": {"disable_ribbon": answer}})
    assert excel.ribbon() == []


@pytest.mark.parametrize("answer", ["0", "false", "No", " off "])
def test_an_answer_that_means_no_keeps_the_ribbon(config, answer):
    config.read_dict({"GLMM": {"disable_ribbon": answer}})
    assert len(excel.ribbon()) == 1


# Insert example -------------------------------------------------------------------------------------------------------


def test_the_button_writes_the_example_on_a_new_sheet_once_excel_is_free(monkeypatch):
    app, sheet, cells = excel_with()
    scheduled = []
    monkeypatch.setattr(functions, "schedule_call", scheduled.append)
    monkeypatch.setattr(functions, "xl_app", lambda: app)
    functions.insert_example(MagicMock())
    assert not app.mock_calls, "Excel takes no orders while it handles the click"
    [work] = scheduled
    work()
    assert sheet.Name == "GLMM example"
    assert cells["E4"].Formula2 == '=GLMM_BINOMIAL_FORMULA(A5:C29, "passed ~ hours + (1 | student)")'
    assert cells["E5"].Formula2 == "=GLMM_BINOMIAL_TABLE(E4)"


def test_a_failure_is_told_and_logged(monkeypatch, caplog):
    told = []
    error = OSError("The workbook is protected")
    monkeypatch.setattr(functions, "xl_app", MagicMock(side_effect=error))
    monkeypatch.setattr(functions, "xlcAlert", told.append)
    with caplog.at_level(logging.ERROR):
        functions.insert_example(MagicMock())
    [text] = told
    assert text.startswith("The example could not be inserted: The workbook is protected.")
    assert caplog.records[0].exc_info[1] is error


def test_the_example_needs_no_open_workbook():
    app, _, _ = excel_with()
    book, app.ActiveWorkbook = app.ActiveWorkbook, None
    app.Workbooks.Add.return_value = book
    example.write_example(app)
    book.Worksheets.Add.assert_called_once_with()


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        ((), "GLMM example"),
        (("Sheet1", "glmm EXAMPLE"), "GLMM example 2"),
        (("GLMM example", "GLMM example 2", "GLMM example 4"), "GLMM example 3"),
    ],
    ids=["free", "taken in other case", "taken twice"],
)
def test_a_second_example_gets_a_name_of_its_own(taken, name):
    app, sheet, _ = excel_with(taken)
    example.write_example(app)
    assert sheet.Name == name


def test_the_sheet_holds_title_explanation_and_the_data_under_their_header():
    app, _, cells = excel_with()
    example.write_example(app)
    for address, text in (("A1", example.TITLE), ("A2", example.ABOUT), ("A3", example.HOW_TO_READ)):
        assert cells[address].Value2 == text
    data = cells["A5:C29"].Value2
    assert data[0] == ["passed", "hours", "student"]
    assert all(type(row) is list for row in data), "win32com does not take tuples of tuples"


def test_the_formula_covers_the_data_and_spills_beside_them():
    assert f"A5:C{5 + len(example.DATA)}" == example.DATA_CELLS
    assert f"({example.DATA_CELLS}, " in example.MODEL
    assert f"({example.MODEL_CELL})" in example.FORMULA
    assert example.TABLE_CELLS.startswith(f"{example.FORMULA_CELL}:")


def test_an_excel_without_spilling_gets_an_array_formula():
    app, sheet, _ = excel_with()
    written: dict[tuple[str, str], object] = {}
    sheet.Range.side_effect = lambda address: NoFormula2(written, address)
    example.write_example(app)
    assert written[example.TABLE_CELLS, "FormulaArray"] == example.FORMULA
    assert written[example.MODEL_CELL, "FormulaArray"] == example.MODEL
    assert max(len(example.MODEL), len(example.FORMULA)) <= 255, "the longest FormulaArray Excel takes"


def example_table():
    table = [list(example.HEADER), *([float(passed), float(hours), student] for passed, hours, student in example.DATA)]
    formula = re.search('"(.*)"', example.MODEL)[1]
    model = functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_FORMULA"](table, formula)
    return shown(functions.WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_TABLE"](model))


def test_the_example_gives_a_table_without_a_warning():
    table = example_table()
    [slope] = [row for row in table if row[1] == "hours"]
    assert slope[3] > 0
    assert slope[2] > 0, "studying helps"
    assert [row for row in table if row[0] == "warning"] == []


def test_the_example_leaves_room_for_its_table():
    first, last = (int(row) for row in re.findall(r"\d+", example.TABLE_CELLS))
    assert len(example_table()) <= last - first + 1


def test_the_example_shows_the_estimates_with_decimals_and_the_counts_without():
    top = int(re.search(r"\d+", example.TABLE_CELLS).group())
    first, last = (int(row) - top for row in re.findall(r"\d+", example.ESTIMATE_CELLS))
    table = example_table()
    assert table[first][1] == "intercept"
    assert table[last][0] == "bic"


def test_in_the_example_students_differ_and_none_only_passes_or_fails():
    passed = {student: {row[0] for row in example.DATA if row[2] == student} for _, _, student in example.DATA}
    assert len(passed) == 6
    assert all(outcomes == {0, 1} for outcomes in passed.values())


# pyxll.cfg ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout():
    parser = configparser.RawConfigParser()
    assert parser.read(ROOT / "pyxll.cfg", encoding="utf-8")
    return parser


def test_pyxll_cfg_names_what_is_there(checkout):
    assert (ROOT / checkout["PYTHON"]["pythonpath"] / "glmm_binomial").is_dir()
    assert checkout["PYXLL"]["modules"].split() == excel.modules()
    assert (ROOT / checkout["PYXLL"]["ribbon"]).is_file()
    assert getattr(pyxll, checkout["PYXLL"]["error_handler"].removeprefix("pyxll."))
    assert {"verbosity", "path", "file"} <= set(checkout["LOG"])


def test_pyxll_cfg_has_no_comment_after_a_value(checkout):
    for section in checkout.sections():
        for value in checkout[section].values():
            assert ";" not in value
            assert "#" not in value


def test_pyxll_cfg_does_not_switch_off_the_ribbon_it_names(config, checkout):
    config.read_dict(checkout)
    assert len(excel.ribbon()) == 1
