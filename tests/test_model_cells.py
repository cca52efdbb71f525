"""Models in cells of a workbook that is recalculated without Excel, held against the same calls in Python."""

from __future__ import annotations

import pytest
import xlsxwriter

import glmm_binomial
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import recalculate

STUDY = [
    ["y", "dose", "sex", "id"],
    *(
        [float((row * row + row // 8) % 7 < 3), row * 7 % 5 / 2.0, "mf"[row % 3 % 2], f"p{row // 8}"]
        for row in range(96)
    ),
]
DATA = "Study!$A$1:$D$97"
FORMULA = "y ~ dose * sex + (1 | id)"
MADE = f'_xll.GLMM_BINOMIAL_FORMULA({DATA},"{FORMULA}","ml")'
SMALLER = "y ~ dose + (1 | id)"


@pytest.fixture(scope="module")
def models():
    return [glmm_binomial.glmm_binomial_formula(STUDY, text, "ml") for text in (FORMULA, SMALLER)]


def calculated(tmp_path, **formulas):
    """Write a workbook with a formula in each named cell of a sheet, and return what each shows."""
    path = tmp_path / "models.xlsx"
    with xlsxwriter.Workbook(path) as book:
        data = book.add_worksheet("Study")
        for row, cells in enumerate(STUDY):
            data.write_row(row, 0, cells)
        sheet = book.add_worksheet("Answers")
        for address, formula in formulas.items():
            if "GLMM_BINOMIAL_FORMULA" in formula[:28] or "GLMM_BINOMIAL_MODEL" in formula[:26]:
                sheet.write_formula(address, formula)
            else:
                sheet.write_dynamic_array_formula(address, formula)
    found = recalculate(path, WORKSHEET_FUNCTIONS)
    assert not found.problems
    return {cell.address: cell.table for cell in found.cells}


def cells_of(rows):
    """Rows of the core as cells show them."""
    return tuple(tuple("" if value is None else value for value in row) for row in rows)


def test_one_model_in_a_cell_answers_every_question_as_it_does_in_python(tmp_path, models):
    shown = calculated(
        tmp_path,
        B2=f"={MADE}",
        B4="=_xll.GLMM_BINOMIAL_TABLE(B2)",
        M4="=_xll.GLMM_BINOMIAL_RANEF(B2)",
        U4="=_xll.GLMM_BINOMIAL_CONFINT(B2)",
        AC4="=_xll.GLMM_BINOMIAL_SIMULATE(B2,2,7)",
        AG4="=_xll.GLMM_BINOMIAL_CHECK(B2,50)",
        AP4='=_xll.GLMM_BINOMIAL_CONTRAST(B2,"sex",,"difference")',
        BA4="=_xll.GLMM_BINOMIAL_MARGINS(B2)",
    )
    model = models[0]
    assert shown["B2"] == (("GLMM@1",),)
    assert shown["B4"] == cells_of(glmm_binomial.glmm_binomial_table(model))
    assert shown["M4"] == cells_of(glmm_binomial.glmm_binomial_ranef(model))
    assert shown["U4"] == cells_of(glmm_binomial.glmm_binomial_confint(model))
    assert shown["AC4"] == cells_of(glmm_binomial.glmm_binomial_simulate(model, 2, 7))
    assert shown["AG4"] == cells_of(glmm_binomial.glmm_binomial_check(model, 50))
    contrasts = glmm_binomial.glmm_binomial_contrast(model, "sex", scale="difference")
    assert contrasts[1][0] == "f - m"
    assert shown["AP4"] == cells_of(contrasts)
    assert shown["BA4"] == cells_of(glmm_binomial.glmm_binomial_margins(model))


def test_one_row_with_its_columns_swapped_is_predicted(tmp_path, models):
    new = [["sex", "id", "dose"], ["f", "p3", 1.5]]
    shown = calculated(tmp_path, B2=f"={MADE}", B4='=_xll.GLMM_BINOMIAL_PREDICT(B2,{"sex","id","dose";"f","p3",1.5})')
    assert shown["B4"] == cells_of(glmm_binomial.glmm_binomial_predict(models[0], new))
    assert shown["B4"][1][-1] == "group estimate"


def test_a_model_passes_through_other_functions_and_nested_calls(tmp_path, models):
    shown = calculated(
        tmp_path,
        B2=f"={MADE}",
        B4='=_xll.GLMM_BINOMIAL_TABLE(IFERROR(B2,"none"))',
        M4="=_xll.GLMM_BINOMIAL_TABLE(IF(1>2,5,B2))",
        X4=f"=_xll.GLMM_BINOMIAL_TABLE({MADE})",
    )
    table = cells_of(glmm_binomial.glmm_binomial_table(models[0]))
    assert shown["B4"] == shown["M4"] == shown["X4"] == table


def test_two_models_stand_side_by_side(tmp_path, models):
    shown = calculated(
        tmp_path,
        B2=f"={MADE}",
        C2=f'=_xll.GLMM_BINOMIAL_FORMULA({DATA},"{SMALLER}","ml")',
        B4="=_xll.GLMM_BINOMIAL_TABLE(B2)",
        M4="=_xll.GLMM_BINOMIAL_TABLE(C2)",
    )
    assert shown["B2"] != shown["C2"]
    assert [shown["B4"], shown["M4"]] == [cells_of(glmm_binomial.glmm_binomial_table(model)) for model in models]


def test_a_model_of_a_filtered_table_is_that_of_its_rows(tmp_path):
    kept = [STUDY[0], *(row for row in STUDY[1:] if row[1] > 0)]
    data = "_xlfn.VSTACK(Study!A1:D1,_xlfn._xlws.FILTER(Study!A2:D97,Study!B2:B97>0))"
    shown = calculated(
        tmp_path,
        B2=f'=_xll.GLMM_BINOMIAL_FORMULA({data},"{SMALLER}","ml")',
        B4="=_xll.GLMM_BINOMIAL_TABLE(B2)",
    )
    model = glmm_binomial.glmm_binomial_formula(kept, SMALLER, "ml")
    assert shown["B4"] == cells_of(glmm_binomial.glmm_binomial_table(model))


def test_a_message_in_the_place_of_a_model_is_passed_on(tmp_path):
    shown = calculated(
        tmp_path,
        B2=f'=_xll.GLMM_BINOMIAL_FORMULA({DATA},"y ~ height + (1 | id)")',
        B4="=_xll.GLMM_BINOMIAL_TABLE(B2)",
    )
    assert shown["B2"][0][0].startswith("Invalid input: formula must name columns of data. There is no column height")
    assert shown["B4"] == shown["B2"]


def test_what_was_typed_with_all_arguments_of_a_model_is_told_what_to_write(tmp_path):
    shown = calculated(
        tmp_path,
        B2="=_xll.GLMM_BINOMIAL_RANEF(Study!A2:A97,Study!B2:B97,Study!D2:D97)",
        B4="=_xll.GLMM_BINOMIAL_CHECK(Study!A2:A97,Study!B2:B97,Study!D2:D97)",
        B6="=_xll.GLMM_BINOMIAL(Study!A2:A97)",
    )
    assert shown["B2"][0][0] == "Invalid input: write GLMM_BINOMIAL_RANEF(model); 3 are given."
    assert "=GLMM_BINOMIAL_MODEL(y, x, groups)" in shown["B4"][0][0]
    assert shown["B6"][0][0].startswith(
        "Invalid input: groups must be given. It was left out: write =GLMM_BINOMIAL(y, x"
    )


def test_ten_questions_cost_one_fit(tmp_path, monkeypatch):
    from glmm_binomial.estimation import fitting  # noqa: PLC0415  what is counted

    fits, real = [], fitting.maximize_likelihood
    monkeypatch.setattr(fitting, "maximize_likelihood", lambda *given: fits.append(1) or real(*given))
    fitting.fit_cache.clear()
    asked = {f"{column}4": "=_xll.GLMM_BINOMIAL_TABLE(B2)" for column in ("B", "M", "X", "AI", "AT")}
    asked |= {f"{column}40": "=_xll.GLMM_BINOMIAL_RANEF(B2)" for column in ("B", "M", "X", "AI", "AT")}
    assert len(calculated(tmp_path, B2=f"={MADE}", **asked)) == 11
    assert len(fits) == 1


def test_models_in_cells_are_compared_as_in_python(tmp_path, models):
    shown = calculated(
        tmp_path,
        B2=f'=_xll.GLMM_BINOMIAL_FORMULA({DATA},"{SMALLER}","ml")',
        C2=f"={MADE}",
        B4="=_xll.GLMM_BINOMIAL_COMPARE(B2,C2)",
        B12="=_xll.GLMM_BINOMIAL_COMPARE(B2,,C2)",
        B20="=_xll.GLMM_BINOMIAL_COMPARE(B2)",
    )
    assert shown["B4"] == cells_of(glmm_binomial.glmm_binomial_compare(models[1], models[0]))
    assert shown["B12"][0][0].startswith("Invalid input: model2 must be a cell that holds a model. It is blank.")
    assert shown["B20"][0][0].startswith("Invalid input: model2 must be a cell that holds a model. It is blank.")
    assert shown["B20"][0][0].endswith("and write =GLMM_BINOMIAL_COMPARE(B2, B3).")
