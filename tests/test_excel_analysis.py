"""The button "Analyse this table": what is selected, the proposal, the sheet; Excel is a stand-in."""

from __future__ import annotations

import re
from unittest.mock import MagicMock

import pytest
import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

from excel_object_model import ERRORS, Application, Workbook, excel
from glmm_binomial.excel import example, functions
from glmm_binomial.excel.analysis import BOX_TITLE, PROMPT, SHEET_NAME, analyse_selection
from glmm_binomial.excel.example import write_example
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.excel.new_sheet import unused_name
from glmm_binomial.excel.proposal import proposed_formula
from glmm_binomial.excel.selection import SelectionError, selected_table
from glmm_binomial.workbook import recalculate
from glmm_binomial.writer.formula import Expression
from worked import CHILDREN, HERDS, VEGETABLES, certified_table

PROPOSED = "bacteria ~ week + drug + (1 | child)"
ASKED = (
    "GLMM_BINOMIAL_FORMULA",
    "GLMM_BINOMIAL_TABLE",
    "GLMM_BINOMIAL_REPORT",
    "GLMM_BINOMIAL_PLOT",
    "GLMM_BINOMIAL_MARGINS",
    "GLMM_BINOMIAL_PREDICT",
    "GLMM_BINOMIAL_PLOT",
    "GLMM_BINOMIAL_CHECK",
)


def analysed(app, *, alerts=None):
    """Press the button, and return the sheet that is written."""
    analyse_selection(app, pytest.fail if alerts is None else alerts.append)
    return app._book._sheets[0]


def formulas(sheet):
    return [formula for _, (formula, _) in sorted(sheet._formulas.items())]


def as_workbook(app, path, *, table=None):
    """The workbook as Excel would save it: values, and formulas that spill."""
    with xlsxwriter.Workbook(path) as book:
        for sheet in app._book._sheets:
            written = book.add_worksheet(sheet._name)
            for (row, column), value in sheet._cells.items():
                written.write(row - 1, column - 1, value)
            for (row, column), (formula, _) in sheet._formulas.items():
                stored = Expression(formula.removeprefix("="), ()).stored
                written.write_dynamic_array_formula(row - 1, column - 1, row - 1, column - 1, stored)
            if sheet._table is not None:
                area = sheet._table.Range
                columns = [{"header": str(sheet._cells[1, i])} for i in range(1, area.Columns.Count + 1)]
                written.add_table(
                    0, 0, area.Rows.Count - 1, area.Columns.Count - 1, {"name": table, "columns": columns}
                )
    return recalculate(path, WORKSHEET_FUNCTIONS)


# What is selected -----------------------------------------------------------------------------------------------------


def test_one_cell_stands_for_the_cells_around_it():
    found = selected_table(excel(CHILDREN, sheet="Bob's data"))
    assert found.reference == "'Bob''s data'!$A$1:$D$221"
    assert found.header == CHILDREN[0]
    assert [list(row) for row in found.rows] == CHILDREN[1:]


def test_a_cell_of_an_excel_table_stands_for_the_table():
    found = selected_table(excel(CHILDREN, table="Visits"))
    assert (found.reference, found.name) == ("Visits[#All]", "Visits")


def test_whole_columns_are_cut_where_the_data_end():
    app = excel(CHILDREN)
    app._selection = app._book._sheets[0].Range("A:C")
    assert selected_table(app).reference == "'Sheet1'!$A$1:$C$221"


def test_errors_and_blanks_of_cells_are_what_pyxll_would_hand_over():
    cells = [["y", "x"], *([error, None] for error in ERRORS)]
    found = [row[0] for row in selected_table(excel(cells)).rows]
    assert [type(error) for error in found] == [
        LookupError,
        ZeroDivisionError,
        ValueError,
        ReferenceError,
        NameError,
        ArithmeticError,
        RuntimeError,
    ]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([["y", "x"], [1, 2]], "at least two rows below"),
        ([["y"], [1], [0], [1]], "at least two columns"),
        ([["y", 3], [1, 2], [0, 1]], "must hold the names of its columns, and in column B there is none."),
        ([["y", None], [1, 2], [0, 1]], "in column B there is none"),
    ],
)
def test_what_is_no_table_is_refused_by_what_to_select(cells, said):
    with pytest.raises(SelectionError, match=said):
        selected_table(excel(cells))


def test_a_picture_no_workbook_several_areas_and_blank_cells_are_refused():
    app = Application()
    with pytest.raises(SelectionError, match="Select the table first, or one cell of it"):
        selected_table(app)
    app = excel(CHILDREN)
    app._selection = app._book._sheets[0].Range("Z1:Z9")
    with pytest.raises(SelectionError, match="The selected cells are blank"):
        selected_table(app)
    app._selection = MagicMock(**{"Areas.Count": 2})
    with pytest.raises(SelectionError, match="several areas are selected"):
        selected_table(app)


# The proposal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "formula"),
    [
        (CHILDREN, PROPOSED),
        (VEGETABLES, "y ~ day + trt + sex + (1 | id)"),
        (HERDS, "incidence / size ~ period + (1 | herd)"),
        ([list(example.HEADER), *map(list, example.DATA)], "passed ~ hours + (1 | student)"),
        # `use` says the same as the outcome, and every woman is another
        (certified_table("contraception.csv", "age", "usey"), "usey ~ livch + age + urban + (1 | district)"),
    ],
)
def test_a_formula_is_proposed_from_the_columns_and_can_be_fitted(table, formula):
    assert proposed_formula(table[0], table[1:]) == formula
    model = WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_FORMULA"]([list(row) for row in table], formula)
    assert not isinstance(model, str), model


def test_names_with_spaces_stand_in_backticks_and_what_is_not_there_by_what_it_should_be():
    rows = [[float(i % 2), float(i)] for i in range(9)]
    assert proposed_formula(["has come", "no of days"], rows) == "`has come` ~ `no of days` + (1 | group)"
    assert proposed_formula(["a"], [["x"]] * 9) == "outcome ~ 1 + (1 | group)"


def test_a_proposal_is_no_longer_than_excels_input_box_takes():
    names = [f"{i}{'long' * 20}" for i in range(6)]
    rows = [[float(i % 2), *(float(i * k % 7) for k in range(1, 6))] for i in range(30)]
    assert len(proposed_formula(names, rows)) <= 255
    assert len(PROMPT) <= 255


# The sheet ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sheet_of_children():
    app = excel(CHILDREN, table="Visits", typed=[PROPOSED])
    return app, analysed(app)


def test_the_sheet_asks_everything_by_formulas_of_one_model(sheet_of_children):
    app, sheet = sheet_of_children
    assert app._boxes == [(BOX_TITLE, PROPOSED)]
    assert sheet.Name == SHEET_NAME
    assert sheet._cells[4, 2] == PROPOSED
    found = formulas(sheet)
    assert found[0] == "=GLMM_BINOMIAL_FORMULA(Visits[#All], $B$4)"
    assert [re.match(r"=(\w+)\(", formula)[1] for formula in found] == list(ASKED)
    assert all("($B$5" in formula for formula in found[1:])


def test_calculated_the_sheet_shows_what_the_functions_give_and_no_table_stands_in_the_way_of_another(
    sheet_of_children, tmp_path
):
    app, sheet = sheet_of_children
    recalculation = as_workbook(app, tmp_path / "analysis.xlsx", table="Visits")
    tables = {cell.address: cell.table for cell in recalculation.cells if cell.sheet == SHEET_NAME}
    assert [str(problem) for problem in recalculation.problems] == []
    model = WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_FORMULA"](CHILDREN, PROPOSED)
    for (row, column), (formula, _) in list(sheet._formulas.items())[1:]:
        name, more = re.fullmatch(r"=(\w+)\(\$B\$5(?:, (.*))?\)", formula).groups()
        if name == "GLMM_BINOMIAL_PREDICT":
            arguments = [[[sheet._cells[above, c] for c in range(1, 5)] for above in range(row - 6, row - 1)]]
        else:
            arguments = [more.strip('"')] if more else []
        expected = WORKSHEET_FUNCTIONS[name](model, *arguments)
        assert [list(line) for line in tables[xl_rowcol_to_cell(row - 1, column - 1)]] == expected


def test_cancelled_nothing_is_written():
    app = excel(CHILDREN, typed=[False])
    assert analysed(app).Name == "Sheet1"


def test_a_model_that_cannot_be_fitted_is_answered_by_the_message_and_asked_for_again():
    alerts = []
    app = excel(CHILDREN, typed=["=bacteria ~ weeks + (1 | child)", "bacteria ~ week + (1 | child)"])
    sheet = analysed(app, alerts=alerts)
    [message] = alerts
    assert message.startswith("Invalid input: ")
    assert "weeks" in message
    assert [default for _, default in app._boxes] == [PROPOSED, "bacteria ~ weeks + (1 | child)"]
    assert sheet._cells[4, 2] == "bacteria ~ week + (1 | child)"


def test_what_is_wrong_with_the_selection_is_said_and_nothing_asked():
    alerts = []
    app = excel([["y"], [1], [0]])
    assert analysed(app, alerts=alerts).Name == "Sheet1"
    assert "at least two columns" in alerts[0]
    assert app._boxes == []


def test_a_model_without_predictors_has_no_changes_of_the_probability():
    app = excel(CHILDREN, typed=["bacteria ~ 1 + (1 | child)"])
    assert not any("MARGINS" in formula for formula in formulas(analysed(app)))


def test_an_excel_that_does_not_spill_gets_array_formulas_as_large_as_the_tables():
    app = excel(CHILDREN, typed=[PROPOSED], spills=False)
    sheet = analysed(app)
    filled = [area for _, (_, area) in sorted(sheet._formulas.items())]
    assert len(filled) == len(ASKED)
    places = [place for area in filled for place in area._places()]
    assert len(places) == len(set(places)), "no array stands in another"
    model = WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_FORMULA"](CHILDREN, PROPOSED)
    table = WORKSHEET_FUNCTIONS["GLMM_BINOMIAL_TABLE"](model)
    assert (filled[1].Rows.Count, filled[1].Columns.Count) == (len(table), len(table[0]))


def test_the_worked_example_uses_documented_members_only():
    app = excel([["a"]])
    write_example(app)
    assert formulas(app._book._sheets[0]) == [example.MODEL, example.FORMULA]
    app = Application()
    write_example(app)
    assert app.ActiveWorkbook is not None


def test_the_stand_in_refuses_what_is_not_documented():
    app = excel(CHILDREN)
    sheet = app._book._sheets[0]
    for use in (
        lambda: sheet.Cells,
        lambda: sheet.Range("A1").Formula,
        lambda: sheet.Range("a1"),
        lambda: setattr(sheet.Range("A1"), "Row", 3),
        lambda: setattr(sheet.Range("A1:B1"), "Value2", [["one cell"]]),
        lambda: setattr(sheet.Range("A1"), "Value2", "=1"),
    ):
        with pytest.raises(AssertionError):
            use()


@pytest.mark.parametrize(
    ("name", "taken", "found"),
    [
        ("GLMM analysis", ["glmm ANALYSIS"], "GLMM analysis 2"),
        ("x" * 40, [], "x" * 31),
        ("x" * 40, ["x" * 31], "x" * 29 + " 2"),
    ],
)
def test_a_sheet_gets_a_name_that_is_free_and_not_too_long(name, taken, found):
    assert unused_name(name, taken) == found
    Workbook(Application())._sheets[0].Name = found


def test_the_button_analyses_once_excel_is_free(monkeypatch):
    app = excel(CHILDREN, typed=[PROPOSED])
    scheduled = []
    monkeypatch.setattr(functions, "schedule_call", scheduled.append)
    monkeypatch.setattr(functions, "xl_app", lambda: app)
    functions.analyse_table(MagicMock())
    assert app._boxes == []
    [work] = scheduled
    work()
    assert app._book._sheets[0].Name == SHEET_NAME
