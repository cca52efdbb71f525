"""Stored values are compared with what the formulas give, before any new value comes in."""

import openpyxl
import pytest
import xlsxwriter

from glmm_binomial.__main__ import main
from glmm_binomial.workbook import compare, recalculate
from stored_workbooks import FUNCTIONS, KEPT, run, saved

# B1 is stale: a program changed A1 and kept what was calculated from the old one
STALE = {"A1": 5, "B1": ("=A1+1", 2), "C1": ("=_xll.GLMM_BINOMIAL(B1)", 4), "D1": ("=C1+1", 5), "E1": ("=A1", KEPT)}


def described(result):
    return [(d.address, d.stored, d.calculated) for d in result.differences]


def test_a_stale_value_under_a_call_is_named_and_nothing_is_calculated_or_written(tmp_path):
    result, _ = run(saved(tmp_path / "in.xlsx", STALE))
    assert described(result) == [("B1", 2.0, 6.0)]
    assert result.content is None
    assert result.cells == ()
    with pytest.raises(ValueError, match="nothing to write"):
        result.write(tmp_path / "out.xlsx")


def test_stored_values_hold_when_they_are_trusted(tmp_path):
    result, shown = run(saved(tmp_path / "in.xlsx", STALE), trust="stored")
    assert described(result) == [("B1", 2.0, 6.0)]
    assert [shown[address] for address in ("B1", "C1", "D1", "E1")] == [2, 4, 5, KEPT]


def test_calculated_values_hold_when_they_are_trusted(tmp_path):
    result, shown = run(saved(tmp_path / "in.xlsx", STALE), trust="calculated")
    assert described(result) == [("B1", 2.0, 6.0)]
    assert [shown[address] for address in ("B1", "C1", "D1", "E1")] == [6, 12, 13, KEPT]


def test_a_formula_below_a_call_that_does_not_give_what_is_stored_is_named(tmp_path):
    cells = {"A1": 1, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 8), "C1": ("=B1+1", 10)}
    source = saved(tmp_path / "in.xlsx", cells)
    result, _ = run(source)
    assert described(result) == [("C1", 10.0, 9.0)]
    assert result.differences[0].is_below
    _, shown = run(source, trust="calculated")
    assert (shown["B1"], shown["C1"]) == (2, 3)


def test_a_formula_below_that_nothing_new_reaches_keeps_its_trusted_value(tmp_path):
    cells = {"A1": 1, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 2), "C1": ("=B1+1", 10)}
    source = saved(tmp_path / "in.xlsx", cells)
    assert run(source, trust="stored")[1]["C1"] == 10
    assert run(source, trust="calculated")[1]["C1"] == 3


def test_what_excel_calculates_otherwise_is_an_error_when_something_it_uses_has_changed(tmp_path):
    # stored values are trusted, so the engine is wrong about C1, and what it gives now would be wrong too
    cells = {"A1": 1, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 8), "C1": ("=B1+1", 10), "D1": ("=C1*2", 20), "E1": ("=B1", 8)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells), trust="stored")
    assert described(result) == [("C1", 10.0, 9.0), ("D1", 20.0, 18.0)]
    assert [problem.address for problem in result.problems] == ["C1", "D1"]
    assert (shown["B1"], shown["C1"], shown["D1"], shown["E1"]) == (2, "#VALUE!", "#VALUE!", 2)


def test_every_cell_of_an_array_is_compared(tmp_path):
    cells = {"A1": 1, "A2": 2, "B1": ("=A1:A2*1", 1), "B2": KEPT, "C1": ("=_xll.GLMM_BINOMIAL(B1:B2)", 2), "C2": 2}
    source = saved(tmp_path / "in.xlsx", cells, spilling={"B1": "B1:B2", "C1": "C1:C2"})
    assert described(run(source)[0]) == described(compare(source, FUNCTIONS))[:1] == [("B2", KEPT, 2.0)]
    _, shown = run(source, trust="stored")
    assert (shown["B2"], shown["C2"]) == (KEPT, 2 * KEPT)
    _, shown = run(source, trust="calculated")
    assert (shown["B2"], shown["C2"]) == (2, 4)


def test_an_array_whose_first_cell_stays_changes_in_the_others(tmp_path):
    cells = {"A1": 1, "A2": 5, "B1": ("=_xll.GLMM_BINOMIAL(A1:A2)", 2), "B2": 4, "D1": ("=B1:B2*1", 2), "D2": 4}
    result, shown = run(saved(tmp_path / "in.xlsx", cells, spilling={"B1": "B1:B2", "D1": "D1:D2"}))
    assert result.differences == ()
    assert (shown["D1"], shown["D2"]) == (2, 10)


def test_the_last_digits_are_no_difference(tmp_path):
    cells = {"A1": 3, "B1": ("=A1*0.1", 0.3), "C1": ("=_xll.GLMM_BINOMIAL(B1)", 0)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert result.differences == ()
    assert shown["B1"] == 0.3
    cells["B1"] = ("=A1*0.1", 0.3000001)
    assert described(run(saved(tmp_path / "in.xlsx", cells))[0]) == [("B1", 0.3000001, 0.30000000000000004)]


@pytest.mark.parametrize(
    ("stored", "formula"), [("1", "=A1"), (True, "=A1"), ("#N/A", "=A1"), (1, "=A1>0"), ("b", '="a"')]
)
def test_a_value_of_another_kind_is_a_difference(tmp_path, stored, formula):
    cells = {"A1": 1, "B1": (formula, stored), "C1": ("=_xll.GLMM_BINOMIAL(B1)", 0)}
    result, _ = run(saved(tmp_path / "in.xlsx", cells))
    assert [d.address for d in result.differences] == ["B1"]


def test_what_cannot_be_calculated_keeps_its_value_when_nothing_it_uses_has_changed(tmp_path):
    cells = {"A1": 1, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 2), "C1": ("=NOSUCH(B1)", KEPT), "D1": ("=C1+B1", KEPT + 2)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert result.problems == ()
    assert [problem.address for problem in result.unverified] == ["C1"]
    assert (shown["C1"], shown["D1"]) == (KEPT, KEPT + 2)


def test_what_cannot_be_calculated_is_an_error_when_something_it_uses_has_changed(tmp_path):
    cells = {"A1": 1, "B1": ("=_xll.GLMM_BINOMIAL(A1)", 8), "C1": ("=NOSUCH(B1)", KEPT), "D1": ("=C1+1", KEPT + 1)}
    cells["E1"] = ("=NOSUCH(A1)", KEPT)
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert [problem.address for problem in result.problems] == ["C1"]
    assert str(shown["C1"]).startswith("#")
    assert str(shown["D1"]).startswith("#")
    assert shown["E1"] == KEPT


def test_what_a_call_rests_upon_and_cannot_be_calculated_is_said(tmp_path):
    cells = {"A1": 1, "B1": ("=NOSUCH(A1)", 3), "C1": ("=B1+1", 4), "D1": ("=_xll.GLMM_BINOMIAL(C1)", 0)}
    result, shown = run(saved(tmp_path / "in.xlsx", cells))
    assert result.differences == ()
    assert [problem.address for problem in result.unverified] == ["B1"]
    assert shown["D1"] == 8
    assert result.counts.not_verified == 1


def test_a_comparison_names_every_difference_and_writes_nothing(tmp_path):
    source = saved(tmp_path / "in.xlsx", STALE)
    result = compare(source, {"GLMM_BINOMIAL": lambda value: 2 * value})
    assert described(result) == [("B1", 2.0, 6.0), ("C1", 4.0, 12.0), ("D1", 5.0, 13.0), ("E1", KEPT, 5.0)]
    assert result.content is None


def test_the_command_line_names_both_values_and_says_what_to_do(tmp_path, capsys):
    cells = {"A1": 5, "B1": ("=A1+1", 2), "C1": ("=_xll.GLMM_BINOMIAL(B1,B1,B1)", "old"), "D1": ("=A1", KEPT)}
    source = saved(tmp_path / "in.xlsx", cells)
    assert main(["recalc", str(source)]) == 1
    said = capsys.readouterr().err
    assert "S!B1: stored is 2, calculated 6 (=A1+1)" in said
    assert "--trust calculated" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.xlsx"]
    before = source.read_bytes()
    assert main(["recalc", str(source), "--compare"]) == 1
    assert "S!D1: stored is 4711, calculated 5 (=A1)" in capsys.readouterr().err
    assert source.read_bytes() == before
    assert main(["recalc", str(source), "--in-place"]) == 1
    assert source.read_bytes() == before


def test_the_command_line_ends_with_how_many_formulas_were_calculated_kept_and_not_verified(tmp_path, capsys):
    cells = {"A1": 1, "B1": ("=NOSUCH(A1)", 2), "C1": ("=_xll.GLMM_BINOMIAL(B1)", "old"), "D1": ("=C1", "old")}
    main(["recalc", str(saved(tmp_path / "in.xlsx", cells))])
    assert capsys.readouterr().out.splitlines()[-1] == "Formulas: 2 calculated, 1 kept, 1 not verified"


@pytest.mark.parametrize("formula", ['=B1+{1;2;3}+0*CELL("width",A1)', "=B1+{1;2;3}+MYFUN(A1)"])
def test_an_array_that_cannot_be_calculated_is_an_error_in_all_its_cells(formula, tmp_path):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        sheet.write("A1", 1)
        sheet.write_formula("B1", "=_xll.GLMM_BINOMIAL(A1)", None, 8)
        sheet.write_array_formula("C1:C3", f"{{{formula}}}", None, 9)
        sheet.write("C2", 10)
        sheet.write("C3", 11)
        sheet.write_formula("D1", "=C2+1", None, 11)
    result, shown = run(source, trust="stored")
    assert "C1" in [problem.address for problem in result.problems]
    assert all(str(shown[address]).startswith("#") for address in ("C1", "C2", "C3", "D1")), shown


@pytest.mark.parametrize("from_1904", [False, True])
@pytest.mark.parametrize("formula", ['=INDIRECT("C"&MONTH(B1))', "=OFFSET($C$1,MONTH(B1)-1,0)"])
def test_a_reference_made_of_a_date_counts_from_the_workbooks_own_first_day(formula, from_1904, tmp_path):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(source, {"date_1904": from_1904}) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet = book.add_worksheet("S")
        # in January by the one calendar, in December or January by the other
        first_of_january = 366 if from_1904 else 367
        sheet.write("A1", 1)
        sheet.write("B1", first_of_january)
        sheet.write_formula("C1", "=_xll.GLMM_BINOMIAL(A1)", None, 8)
        sheet.write("C12", 7)
        sheet.write_formula("D1", formula, None, 8)
    _, shown = run(source, trust="stored")
    assert shown["C1"] == 2
    assert shown["D1"] == 2


LONG = [["fixed_effects", "parameter"], ["", "intercept"], ["aic", 1.0], ["warning", "few groups"], ["warning", "more"]]


def entered(tmp_path, area, answer):
    """Recalculate a workbook with an array formula of fixed size (Ctrl+Shift+Enter)."""
    path = tmp_path / "entered.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("S").write_array_formula(area, "{=_xll.GLMM_BINOMIAL(1)}", None, 0)
    return recalculate(path, {"GLMM_BINOMIAL": lambda *_: answer})


def test_of_a_table_that_an_entered_array_cuts_off_all_is_printed_and_it_is_said(tmp_path):
    result = entered(tmp_path, "B2:C4", LONG)
    assert [list(row) for row in result.cells[0].table] == LONG
    (note,) = result.notes
    assert note.startswith(
        "S!B2:C4 is too small for its table of 5 rows and 2 columns: the rest is cut off, 2 warnings"
    )
    result.write(tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx", data_only=True)["S"]
    assert [cell.value for cell in sheet["B"][1:]] == ["fixed_effects", None, "aic"]


@pytest.mark.parametrize("area", ["B2:C6", "B2:E9"])
def test_an_entered_array_that_is_large_enough_is_no_matter(area, tmp_path):
    assert entered(tmp_path, area, LONG).notes == ()


@pytest.mark.parametrize(("area", "said"), [("B2:B9", "cut off. Enter"), ("B2:C5", "cut off, 1 warning among them.")])
def test_of_what_an_entered_array_cuts_off_the_warnings_are_counted(area, said, tmp_path):
    assert said in entered(tmp_path, area, LONG).notes[0]
