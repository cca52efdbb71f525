"""A function may return an object that no cell can hold: its cell shows a text, which functions take for the object."""

from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from glmm_binomial.workbook import Recalculation, compare, recalculate


class Model:
    """Stands for a fitted model."""

    def __init__(self, name: object) -> None:
        self.name = name


class Workshop:
    """MODEL makes a model of a name or answers with a message; NAME tells what it was given."""

    def __init__(self) -> None:
        self.made: list[Model] = []
        self.given: list[object] = []

    def model(self, name: object) -> object:
        if name is None:
            return "Invalid input: a model needs a name."
        self.made.append(Model(name))
        return self.made[-1]

    def name(self, model: object, _other: object = None) -> object:
        self.given.append(model)
        return f"name: {model.name}" if isinstance(model, Model) else f"no model: {model}"

    def functions(self) -> dict[str, object]:
        return {"MODEL": self.model, "NAME": self.name, "SAME": lambda model: model, "PAIR": self.pair}

    def pair(self, models: list[list[object]]) -> object:
        return [[model.name if isinstance(model, Model) else model for model in row] for row in models]


def calculated(
    folder: Path, formulas: dict[str, object], names: dict[str, str] | None = None
) -> tuple[Workshop, Recalculation, dict[str, object]]:
    """Return the workshop, the result and what the cells of the copy show."""
    source, target = folder / "in.xlsx", folder / "out.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("S")
        for name, definition in (names or {}).items():
            book.define_name(name, definition)
        for address, formula in formulas.items():
            is_formula = isinstance(formula, str) and formula.startswith("=")
            (sheet.write_dynamic_array_formula if is_formula else sheet.write)(address, formula)
    workshop = Workshop()
    result = recalculate(source, workshop.functions())
    result.write(target)
    shown = openpyxl.load_workbook(target, data_only=True)["S"]
    return workshop, result, {address: shown[address].value for address in formulas}


def test_the_cell_of_an_object_shows_its_class_and_a_number(tmp_path):
    _, result, shown = calculated(tmp_path, {"A1": '=_xll.MODEL("a")', "A2": '=_xll.MODEL("b")'})
    assert sorted(shown.values()) == ["Model@1", "Model@2"]
    assert result.cells[0].table == ((shown["A1"],),)
    assert [cell.error for cell in result.cells] == [None, None]


@pytest.mark.parametrize(
    "argument",
    [
        "A1",
        "$A$1",
        "IF(TRUE,A1,0)",
        "IFERROR(A1,0)",
        "_xlfn.LET(_xlpm.m,A1,_xlpm.m)",
        "fitted",
        "the_call",
        '_xll.MODEL("a")',
        "_xll.SAME(A1)",
        "_xll.SAME(_xll.SAME(A1))",
        "INDEX(A1:A2,1)",
        "CHOOSE(1,A1,0)",
        '""&A1',
    ],
)
def test_the_object_itself_reaches_the_function_on_whatever_way_its_text_takes(tmp_path, argument):
    names = {"fitted": "=S!$A$1", "the_call": '=_xll.MODEL("a")'}
    formulas = {"A1": '=_xll.MODEL("a")', "B1": f"=_xll.NAME({argument})"}
    workshop, result, shown = calculated(tmp_path, formulas, names)
    assert result.problems == ()
    assert shown == {"A1": "Model@1", "B1": "name: a"}
    assert len(workshop.made) == 1
    assert workshop.given == [workshop.made[0]]


def test_the_same_call_in_two_cells_is_one_object(tmp_path):
    workshop, _, shown = calculated(tmp_path, {"A1": '=_xll.MODEL("a")', "A2": '=_xll.MODEL("a")'})
    assert shown == {"A1": "Model@1", "A2": "Model@1"}
    assert len(workshop.made) == 1


def test_an_object_that_is_handed_back_keeps_its_text(tmp_path):
    _, _, shown = calculated(tmp_path, {"A1": '=_xll.MODEL("a")', "A2": "=_xll.SAME(A1)"})
    assert shown["A2"] == shown["A1"] == "Model@1"


def test_objects_in_a_range_arrive_among_its_values(tmp_path):
    formulas = {"A1": '=_xll.MODEL("a")', "B1": "Model@9", "A3": "=_xll.PAIR(A1:B1)", "B3": None}
    _, _, shown = calculated(tmp_path, formulas)
    assert (shown["A3"], shown["B3"]) == ("a", "Model@9")


def test_a_text_that_only_looks_like_an_object_stays_text(tmp_path):
    workshop, _, shown = calculated(tmp_path, {"A1": "Model@1", "B1": "=_xll.NAME(A1)"})
    assert shown["B1"] == "no model: Model@1"
    assert workshop.given == ["Model@1"]


def test_a_look_alike_met_first_does_not_answer_for_the_object(tmp_path):
    # the model rests upon the answer to the typed text, so that is given first
    formulas = {"A1": "Model@1", "B1": "=_xll.NAME(A1)", "C1": "=_xll.MODEL(B1)", "D1": "=_xll.NAME(C1)"}
    _, _, shown = calculated(tmp_path, formulas)
    assert shown["B1"] == "no model: Model@1"
    assert shown["D1"] == "name: no model: Model@1"


def test_a_message_in_the_place_of_an_object_stays_a_message(tmp_path):
    _, result, shown = calculated(tmp_path, {"B1": "=_xll.MODEL(A1)", "C1": "=_xll.NAME(B1)"})
    assert shown["B1"] == "Invalid input: a model needs a name."
    assert shown["C1"] == "no model: Invalid input: a model needs a name."
    assert result.cells[0].error == "Invalid input: a model needs a name."


def test_a_stored_text_of_an_object_is_calculated_afresh(tmp_path):
    source = tmp_path / "stored.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        sheet.write_dynamic_array_formula("A1", '=_xll.MODEL("a")', None, "Model@47")
        sheet.write_dynamic_array_formula("B1", "=A1", None, "Model@47")
        sheet.write_dynamic_array_formula("C1", "=_xll.NAME(B1)", None, "name: a")
    workshop = Workshop()
    result = recalculate(source, workshop.functions())
    result.write(tmp_path / "out.xlsx")
    shown = openpyxl.load_workbook(tmp_path / "out.xlsx", data_only=True)["S"]
    assert [shown[a].value for a in ("A1", "B1", "C1")] == ["Model@1", "Model@1", "name: a"]


def test_the_same_workbook_twice_has_the_same_texts(tmp_path):
    formulas = {f"A{row}": f'=_xll.MODEL("{row}")' for row in range(1, 30)} | {"B1": "=_xll.NAME(A17)"}
    _, first, _ = calculated(tmp_path, formulas)
    _, second, _ = calculated(tmp_path, formulas)
    assert (first.cells, first.counts) == (second.cells, second.counts)


def test_the_number_of_an_object_is_no_difference(tmp_path):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("S")
        for address, stored in (("A1", "Model@7"), ("A2", "Other@1"), ("A3", "Model@x"), ("A4", 1)):
            sheet.write_dynamic_array_formula(address, f'=_xll.MODEL("{address}")', None, stored)
        sheet.write_formula("B1", '="Model@1"', None, "Model@2")
    differences = compare(source, Workshop().functions()).differences
    assert [difference.address for difference in differences] == ["A2", "A3", "A4"]
