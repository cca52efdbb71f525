"""LibreOffice Calc, with the project's own functions as an add-in, shows what `recalculate` has written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from calc import application
from calc.application import calculate, missing
from calc.comparison import Comparison, compare, same
from calc.gaps import WRITTEN_FOR, Gap
from calc.rewriting import MARK, rewritten, write_copy
from calc.workbooks import FIT, WRITTEN, Case, every_function, gaps_in, write_cases
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import CellError, recalculate
from glmm_binomial.workbook.addresses import Area

pytestmark = pytest.mark.mass

CASES: Mapping[str, tuple[Case, ...]] = {**WRITTEN, "every function": every_function(WORKSHEET_FUNCTIONS)}


@dataclass(frozen=True)
class Calculated:
    """LibreOffice's version, and the comparison of each workbook by its name."""

    version: str
    comparisons: Mapping[str, Comparison]


@pytest.fixture(scope="module")
def calculated(tmp_path_factory) -> Calculated:
    """Calculate all workbooks in one LibreOffice."""
    lacking = missing()
    if lacking is not None:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("calc")
    sources = {}
    for name, cases in CASES.items():
        sources[name] = folder / f"{name}.xlsx"
        write_cases(sources[name], cases)
    filled = {}
    for name, source in sources.items():
        recalculate(source, WORKSHEET_FUNCTIONS).write(folder / f"{name}-recalculated.xlsx")
        filled[name] = write_copy(
            folder / f"{name}-recalculated.xlsx", folder / f"{name}-copy.xlsx", WORKSHEET_FUNCTIONS
        )
    answer = calculate([folder / f"{name}-copy.xlsx" for name in sources])
    comparisons = {
        name: compare(folder / f"{name}-recalculated.xlsx", filled[name], values, gaps_in(CASES[name]))
        for name, values in zip(sources, answer.workbooks, strict=True)
    }
    return Calculated(answer.version, comparisons)


# --- in LibreOffice ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_libreoffice_calculates_what_recalculate_wrote(calculated, name):
    comparison = calculated.comparisons[name]
    assert comparison.unexplained == []
    assert comparison.equal[float] > 50
    assert comparison.equal[str] > 50


@pytest.mark.parametrize("name", CASES)
def test_every_named_gap_is_still_there(calculated, name):
    if not calculated.version.startswith(WRITTEN_FOR):
        pytest.skip(f"the gaps are those of LibreOffice {WRITTEN_FOR}x, this is {calculated.version}")
    assert calculated.comparisons[name].unseen == ()


# --- that the comparison can fail -------------------------------------------------------------------------------------


def compared(path: Path, *changed: tuple[int, object], gaps: Mapping[str, Gap] | None = None) -> Comparison:
    """Compare column A of a workbook with the same values, some of them changed."""
    values = ["label", 1e-12, "text", 0.5, True, "#N/A"]
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        for row, value in enumerate(values):
            sheet.write_formula(row, 0, "=1", None, value)
    found: dict[tuple[str, int, int], object] = {
        ("S", row, 1): {"#N/A": CellError("#N/A"), True: 1.0}.get(value, value) for row, value in enumerate(values, 1)
    }
    found.update({("S", row, 1): value for row, value in changed})
    filled = {("S", row, 1): Area(row, 1, row, 1) for row in range(1, len(values) + 1)}
    return compare(path, filled, found, gaps or {})


def test_equal_values_are_counted_by_their_type(tmp_path):
    comparison = compared(tmp_path / "a.xlsx")
    assert comparison.differences == ()
    assert comparison.equal == {str: 2, float: 2, bool: 1, CellError: 1}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (2, 1.1e-12),
        (3, "Text"),
        (3, 0.0),
        (3, None),
        (4, 0.5 + 1e-9),
        (4, "0.5"),
        (4, CellError("#NAME?")),
        (5, 0.0),
        (6, CellError("#NAME?")),
        (6, "#N/A"),
    ],
)
def test_a_changed_value_is_a_difference_that_names_its_cell(tmp_path, row, value):
    (text,) = compared(tmp_path / "a.xlsx", (row, value)).unexplained
    assert text.startswith(f"S!A{row}: ")
    assert repr(value) in text


def test_a_named_gap_explains_its_cells_alone_and_is_reported_when_unseen(tmp_path):
    gaps = {"S!A3:A4": Gap.BOOLEANS, "S!A6": Gap.ERRORS}
    comparison = compared(tmp_path / "a.xlsx", (4, 2.0), (5, 0.0), gaps=gaps)
    assert [difference.gap for difference in comparison.differences] == [Gap.BOOLEANS, None]
    assert comparison.unseen == ("S!A6",)


def test_numbers_agree_to_nine_digits():
    assert same(1.0, 1.0 + 5e-10)
    assert not same(1.0, 1.0 + 5e-9)
    assert not same(1e-200, 1.1e-200)


# --- what LibreOffice is given ----------------------------------------------------------------------------------------

CALL = "_xll.GLMM_BINOMIAL("
LAST = "_xll.LAST_TABLE()"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("_xll.GLMM_BINOMIAL(A1:A9,,Data!B:B)", f"{CALL}A1:A9,,Data!B:B)"),
        ("glmm_binomial(1)+SUM(A1)", f"{CALL}1)+SUM(A1)"),
        ("_xll.GLMM_BINOMIAL(A1, 'My data'!$B$2)", f"{CALL}A1:A1,'My data'!$B$2:$B$2)"),
        ("_xll.GLMM_BINOMIAL(TRUE,{1,FALSE;#N/A,2})", f'{CALL}"{MARK}TRUE",{{1,"{MARK}FALSE";"{MARK}#N/A",2}})'),
        ("_xll.GLMM_BINOMIAL(IF(TRUE,A1,{TRUE}),A1+1)", f"{CALL}IF(TRUE,A1,{{TRUE}}),A1+1)"),
        ('IF(TRUE,"_xll.GLMM_BINOMIAL(TRUE)",#N/A)', 'IF(TRUE,"_xll.GLMM_BINOMIAL(TRUE)",#N/A)'),
        ("ROWS(_xlfn.ANCHORARRAY($C$2))", "ROWS(C2:D9)"),
        ("EXP(_xlfn.ANCHORARRAY('My data'!A1))", "EXP('My data'!A1:A3)"),
    ],
)
def test_a_formula_is_rewritten_for_libreoffice(formula, expected):
    filled = {("S", 2, 3): Area(2, 3, 9, 4), ("My data", 1, 1): Area(1, 1, 3, 1)}
    assert rewritten(formula, {"GLMM_BINOMIAL"}, sheet="S", filled=filled, in_array=False) == expected


def test_a_call_in_an_array_formula_is_called_once_and_its_texts_are_renewed():
    found = rewritten("INDEX(_xll.GLMM_BINOMIAL(A1:A9),0,2)", {"GLMM_BINOMIAL"}, sheet="S", filled={}, in_array=True)
    assert found == f'INDEX(IF({CALL}A1:A9)<"",{LAST},{LAST}&""),0,2)'


def test_no_stored_result_reaches_libreoffice(tmp_path):
    source, copy = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("S")
        sheet.write_dynamic_array_formula("A1:B2", f"={FIT}", None, "label")
        sheet.write_number("B2", 2.0)
        sheet.write_formula("C1", "=A1", None, "label")
        sheet.write_number("C2", 3.0)
    filled = write_copy(source, copy, WORKSHEET_FUNCTIONS)
    assert filled == {("S", 1, 1): Area(1, 1, 2, 2), ("S", 1, 3): Area(1, 3, 1, 3)}
    cells = openpyxl.load_workbook(copy, data_only=True)["S"]["A1:C2"]
    assert [[cell.value for cell in row] for row in cells] == [[None] * 3, [None, None, 3]]


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("SOFFICE", None, "LibreOffice is not installed"),
        ("SOFFICE", "/bin/sh", "has no Calc"),
        ("SYSTEM_PYTHON", Path("/nonexistent/python3"), "there is no /nonexistent/python3"),
    ],
)
def test_the_reason_to_skip_says_what_is_missing(monkeypatch, attribute, value, said):
    monkeypatch.setattr(application, "SOFFICE", "/usr/bin/soffice")
    monkeypatch.setattr(application, attribute, value)
    assert said in missing()
