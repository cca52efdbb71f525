"""The example workbooks: what is committed is what the script writes, and what it writes is right."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import zipfile
from functools import cache
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from lxml import etree
from openpyxl.utils import FORMULAE

from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import recalculate
from glmm_binomial.workbook.formula_text import formula_as_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpyxl.worksheet.worksheet import Worksheet

EXAMPLES = Path(__file__).parent.parent / "examples"
WORKBOOKS = ("analysis.xlsx", "vegetables.xlsx", "herds.xlsx", "reference_examples.xlsx")
every_workbook = pytest.mark.parametrize("name", WORKBOOKS)

TOLERANCE = 1e-7
"""Relative. On one machine the digits are the same to the last. On another the search may stop elsewhere within 1e-8
standard errors of the optimum, and a p-value of 1e-67 magnifies that by its z."""

CHARACTERS_PER_WIDTH = 1.2
"""Of text in a proportional font; a column's width counts digits, which are wider."""
CODE_PER_WIDTH = 0.95

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# rounding error and nothing else
NOISE = "largest_score"

PUBLISHED = (
    "=GLMM_BINOMIAL({0;1;0;1;1;0}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3})",
    "=GLMM_BINOMIAL({0;1;1;0;1;1}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, {1;1;1.5;1.5;2;2})",
    "=GLMM_BINOMIAL({0;1;0;1;1;0}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, FALSE)",
    "=GLMM_BINOMIAL({0;1;0;1;1;0}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, , FALSE)",
    "=GLMM_BINOMIAL({0;1;1;0;1;1}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}, {1;1;1.5;1.5;2;2}, TRUE, 0.1)",
)


def build(folder: Path) -> Path:
    subprocess.run([sys.executable, EXAMPLES / "build.py", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("examples"))


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def without_results(xml: bytes) -> bytes:
    """Numbers with a fraction, in cells and in what a chart remembers of them; shared strings are whole numbers."""
    return re.sub(rb"<((?:c:)?v)>-?\d[\d.]*[.Ee][\dEe+-]*</", rb"<\1>a number</", xml)


@cache
def values(path: Path) -> dict[tuple[str, str], object]:
    """What the cells show, by sheet and address; blank text counts as an empty cell."""
    workbook = openpyxl.load_workbook(path, data_only=True)
    cells = ((sheet.title, cell) for sheet in workbook for row in sheet.iter_rows() for cell in row)
    return {(sheet, cell.coordinate): cell.value for sheet, cell in cells if cell.value not in (None, "")}


HANDLE = re.compile(r"GLMM@\d+")


def differences(stored: dict[tuple[str, str], object], fresh: dict[tuple[str, str], object]) -> list[object]:
    """Cells that do not show the same, but for rounding; and not the row that is rounding error itself."""
    noisy = {(sheet, f"C{address[1:]}") for (sheet, address), value in stored.items() if value == NOISE}
    return [
        (place, stored.get(place), fresh.get(place))
        for place in sorted((stored.keys() | fresh.keys()) - noisy)
        if not same(stored.get(place), fresh.get(place))
    ]


def same(stored: object, fresh: object) -> bool:
    if type(stored) in (int, float) and type(fresh) in (int, float):
        return math.isclose(stored, fresh, rel_tol=TOLERANCE)
    if HANDLE.fullmatch(str(stored)) and HANDLE.fullmatch(str(fresh)):
        # how many models were made before, Excel counts in its own way
        return True
    return type(stored) is type(fresh) and stored == fresh


def formulas(path: Path) -> Iterator[str]:
    for name, xml in parts(path).items():
        if name.startswith(("xl/worksheets/sheet", "xl/tables/")):
            tree = etree.fromstring(xml)
            for tag in ("f", "formula", "calculatedColumnFormula"):
                yield from (element.text for element in tree.iter(f"{MAIN}{tag}") if element.text)


@pytest.mark.mass
@every_workbook
def test_the_script_writes_the_committed_workbook(name: str, built: Path) -> None:
    # Not the bytes of the file: they depend on the version of zlib, and the last digits of results on the processor.
    # The results are compared below.
    committed, fresh = parts(EXAMPLES / name), parts(built / name)
    assert list(committed) == list(fresh)
    changed = [part for part in committed if without_results(committed[part]) != without_results(fresh[part])]
    assert not changed, "run: python examples/build.py"


@pytest.mark.mass
@every_workbook
def test_the_committed_results_are_those_of_a_fresh_run(name: str, built: Path) -> None:
    assert not differences(values(EXAMPLES / name), values(built / name))


@pytest.mark.mass
def test_a_second_run_on_the_same_machine_writes_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    assert [name for name in WORKBOOKS if (again / name).read_bytes() != (built / name).read_bytes()] == []


@pytest.mark.mass
@every_workbook
def test_stored_results_are_what_recalculation_without_excel_gives(name: str, tmp_path: Path) -> None:
    recalculation = recalculate(EXAMPLES / name, WORKSHEET_FUNCTIONS)
    assert not recalculation.problems
    assert [cell.error for cell in recalculation.cells if cell.error is not None] == []
    recalculation.write(tmp_path / name)
    assert not differences(values(EXAMPLES / name), values(tmp_path / name))


@every_workbook
def test_no_stored_result_is_an_error(name: str) -> None:
    texts = {place: value for place, value in values(EXAMPLES / name).items() if isinstance(value, str)}
    errors = re.compile(r"#(N/A|NAME\?|VALUE!|DIV/0!|REF!|NUM!|NULL!|SPILL!|CALC!)|##|Invalid input|Error fitting")
    assert {place: text for place, text in texts.items() if errors.match(text)} == {}
    assert not any(b't="e"' in xml for part, xml in parts(EXAMPLES / name).items() if "worksheets" in part)


@every_workbook
def test_every_formula_names_functions_that_exist(name: str) -> None:
    without_texts = [re.sub('"[^"]*"', "", f) for f in formulas(EXAMPLES / name)]
    called = {match for f in without_texts for match in re.findall(r"([A-Za-z_][\w.]*)\(", f)}
    ours = {function.removeprefix("_xll.") for function in called if function.startswith("_xll.")}
    newer = {function.removeprefix("_xlfn.") for function in called if function.startswith("_xlfn.")}
    ordinary = {function for function in called if not function.startswith("_")}
    assert ours
    assert ours <= WORKSHEET_FUNCTIONS.keys()
    # LibreOffice 7.4 knows no other
    assert newer <= {"TEXTJOIN"}
    assert not any("[#All]" in f.replace("[[#All]", "") for f in formulas(EXAMPLES / name))
    assert ordinary <= FORMULAE


@every_workbook
def test_names_in_tables_are_looked_up_so_that_libreoffice_finds_them_too(name: str) -> None:
    raw = re.compile(r'LOOKUP\(|COUNTIF\([^,()]+,"|MATCH\("[^"]+",(?!INDEX\([^()]+&"",0\))|\$[AB]\d+="\w')
    assert [formula for formula in formulas(EXAMPLES / name) if raw.search(formula)] == []


@every_workbook
def test_tables_are_stored_as_dynamic_arrays_with_the_formula_shown_above(name: str) -> None:
    for part, xml in parts(EXAMPLES / name).items():
        if not part.startswith("xl/worksheets/sheet"):
            continue
        cells = [
            cell for cell in etree.fromstring(xml).iter(f"{MAIN}c") if "_xll." in (cell.findtext(f"{MAIN}f") or "")
        ]
        assert all(cell.get("cm") == "1" and cell.find(f"{MAIN}f").get("t") == "array" for cell in cells)
    shown = {value for value in values(EXAMPLES / name).values() if str(value).startswith("=GLMM_")}
    stored = {formula_as_shown(f) for f in formulas(EXAMPLES / name) if "_xll." in f}
    # a picture cannot be stored, so its formula stands there as text alone
    pictures = {text for text in shown if text.startswith("=GLMM_BINOMIAL_PLOT(")}
    assert shown - pictures == stored


@every_workbook
def test_excel_does_not_calculate_the_workbook_on_opening_it(name: str) -> None:
    calculation = etree.fromstring(parts(EXAMPLES / name)["xl/workbook.xml"]).find(f"{MAIN}calcPr")
    assert dict(calculation.attrib) == {"calcId": "191029"}


@every_workbook
def test_every_part_is_well_formed(name: str) -> None:
    for part, xml in parts(EXAMPLES / name).items():
        assert part.endswith((".xml", ".rels"))
        etree.fromstring(xml)


@pytest.mark.mass
@every_workbook
def test_no_text_is_cut_off_by_the_cell_beside_it(name: str) -> None:
    workbook = openpyxl.load_workbook(EXAMPLES / name, data_only=True)
    cut = []
    for sheet in (each for each in workbook if each.sheet_state == "visible"):
        merged = {address for area in sheet.merged_cells.ranges for address in area.cells}
        for cell, beside in (pair for row in sheet.iter_rows() for pair in pairwise(row)):
            # the text of a note or a warning stands above the table in full
            is_free = (cell.row, cell.column) in merged or sheet.cell(cell.row, 1).value in ("note", "warning")
            if (
                isinstance(cell.value, str)
                and beside.value is not None
                and not is_free
                and not cell.alignment.wrap_text
            ):
                cut += [cell] if len(cell.value) > CHARACTERS_PER_WIDTH * width(sheet, cell.column) else []
    assert cut == []


@pytest.mark.mass
@every_workbook
def test_rows_are_as_high_as_the_texts_across_them_need(name: str) -> None:
    for sheet in openpyxl.load_workbook(EXAMPLES / name, data_only=True):
        for area in sheet.merged_cells.ranges:
            cell = sheet.cell(area.min_row, area.min_col)
            per_width = CODE_PER_WIDTH if cell.font.name == "Consolas" else CHARACTERS_PER_WIDTH
            room = per_width * sum(width(sheet, column) for column in range(area.min_col, area.max_col + 1))
            lines = sum(math.ceil(len(line) / room) for line in cell.value.split("\n"))
            assert (sheet.row_dimensions[cell.row].height or 15) >= 15 * lines, (sheet.title, cell.coordinate)


def width(sheet: Worksheet, column: int) -> float:
    return next(c.width for c in sheet.column_dimensions.values() if c.min <= column <= c.max)


def test_the_reference_workbook_holds_the_published_formulas_in_their_order() -> None:
    stored = [f"={f.replace('_xll.', '')}" for f in formulas(EXAMPLES / "reference_examples.xlsx") if "_xll." in f]
    assert stored == list(PUBLISHED)


def test_false_in_fourth_place_and_in_fifth_give_the_same_table() -> None:
    cells = recalculate(EXAMPLES / "reference_examples.xlsx", WORKSHEET_FUNCTIONS).cells
    assert cells[2].table == cells[3].table


@pytest.mark.parametrize(
    ("name", "sheet", "cells", "published", "tolerance"),
    [
        ("herds.xlsx", "Odds ratios", "CH", (-1.39923, -0.99140, -1.12782, -1.57947), 0.06),
    ],
)
def test_results_stand_beside_the_published_ones_and_are_close(
    name: str, sheet: str, cells: str, published: tuple[float, ...], tolerance: float
) -> None:
    ours, theirs = (column(EXAMPLES / name, sheet, letter) for letter in cells)
    assert theirs[:4] == pytest.approx(published, abs=1e-4)
    assert ours[:4] == pytest.approx(published, abs=tolerance)


VEGETABLES = EXAMPLES / "vegetables.xlsx"

COEFFICIENTS = {
    "intercept": (-0.30840, 0.07127),
    "trt[treat]": (2.18835, 0.12423),
    "sex[male]": (-0.63440, 0.10859),
    "trt[treat]:sex[male]": (-1.21669, 0.16556),
}
"""Estimates and standard errors in the article's table, computed with lme4 and Laplace's approximation."""

PATTERNS = {
    ("female", "control"): (0.4235043, 0.4242),
    ("female", "treat"): (0.8676050, 0.8659),
    ("male", "control"): (0.2803350, 0.2821),
    ("male", "treat"): (0.5072137, 0.5071),
}
"""Fitted probabilities and observed proportions in the article."""


@pytest.mark.mass
def test_coefficients_stand_beside_those_of_the_article_and_are_close() -> None:
    rows = table("Fit", "Quantity")
    for name, (coefficient, std_error) in COEFFICIENTS.items():
        _, here, published, here_error, published_error = rows[name][:5]
        assert (published, published_error) == (coefficient, std_error)
        assert here == pytest.approx(coefficient, abs=0.001)
        assert here_error == pytest.approx(std_error, abs=0.001)
    assert rows["SD"][2] == 0.1986
    assert rows["SD"][1] == pytest.approx(0.1986, rel=0.03)
    # published with one decimal; the log-likelihood here is exact and not Laplace's
    assert rows["log-likelihood"][1] == pytest.approx(-2061.2, abs=0.05)
    assert rows["AIC"][1] == pytest.approx(4132.4, abs=0.05)


@pytest.mark.mass
def test_the_standard_deviations_of_both_methods_are_those_of_their_tables() -> None:
    told = next(str(row[0]) for row in rows_of("Fit") if "standard deviation between students" in str(row[0]))
    found = re.search(r"larger, (\S+) instead of (\S+):", told)
    rows = rows_of("Fit")
    by_likelihood, by_default = (rows[i + 1][3] for i, row in enumerate(rows) if row[0] == "random_effects")
    assert found is not None
    assert list(found.groups()) == [f"{std_dev:.2f}" for std_dev in (by_default, by_likelihood)]


@pytest.mark.mass
def test_fitted_probabilities_are_within_two_thousandths_of_the_article() -> None:
    predicted, observed = table("Probabilities", "Sex"), table("Probabilities", "Sex", which=1)
    assert len(predicted) == len(observed) == len(PATTERNS)
    for pattern, (fitted, share) in PATTERNS.items():
        probability, lower, upper = predicted[pattern][:3]
        _, _, by_hand, article_fitted, article_observed = observed[pattern][:5]
        assert (article_fitted, article_observed) == (fitted, share)
        assert probability == pytest.approx(fitted, abs=0.002)
        assert lower < probability < upper
        assert by_hand == pytest.approx(probability, rel=1e-12)


@pytest.mark.mass
def test_observed_proportions_are_those_of_the_article() -> None:
    for sheet, which, position in (
        ("Probabilities", 1, 0),
        ("Check", 0, 4),
        ("Wrong model", 0, 3),
        ("Making data", 0, 1),
    ):
        rows = table(sheet, "Sex", which=which)
        assert {pattern: round(rows[pattern][position], 4) for pattern in PATTERNS} == {
            pattern: observed for pattern, (_, observed) in PATTERNS.items()
        }


@pytest.mark.mass
def test_the_profile_interval_of_the_odds_ratio_is_within_one_per_cent_of_the_article() -> None:
    _, estimate, _, lower, published_lower, upper, published_upper = table("Odds ratios", "Odds ratio")["trt[treat]"]
    assert (published_lower, published_upper) == (7.023558, 11.44831)
    assert estimate == pytest.approx(8.92, rel=0.01)
    assert lower == pytest.approx(7.023558, rel=0.01)
    assert upper == pytest.approx(11.44831, rel=0.01)


@pytest.mark.mass
def test_the_profile_interval_of_the_standard_deviation_is_within_three_per_cent_of_the_article() -> None:
    rows = [row for row in rows_of("Random effects") if row[0] == "SD"]
    _, _, estimate, _, lower, _, upper, published_upper = rows[1]
    assert published_upper == 0.3453926
    assert estimate == pytest.approx(0.1986, rel=0.03)
    assert lower == 0.0
    assert upper == pytest.approx(0.3453926, rel=0.03)


def test_the_check_passes_the_right_model_in_all_patterns_and_fails_the_wrong_one_in_all() -> None:
    for sheet, columns, verdict in (("Check", 3, True), ("Wrong model", 2, False)):
        rows = table(sheet, "Sex")
        assert [rows[pattern][columns + 5] for pattern in PATTERNS] == [verdict] * 4
    shown = {value for value in values(VEGETABLES).values() if "observed proportions lie inside" in str(value)}
    assert shown == {f"{count} of 4 observed proportions lie inside the interval." for count in (0, 4)}


@pytest.mark.mass
def test_the_students_days_are_those_of_the_records() -> None:
    records = [row for row in rows_of("Data") if isinstance(row[0], int)]
    students = [row[:5] for row in rows_of("Simulations") if isinstance(row[0], int)]
    assert len(students) == 250
    for student, trt, sex, vegetable_days, days in students:
        own = [row for row in records if row[0] == student]
        assert (days, vegetable_days) == (14, sum(row[4] for row in own))
        assert {row[2:4] for row in own} == {(trt, sex)}


@pytest.mark.parametrize(("left", "passes"), [(6, True), (107, False)], ids=["right model", "wrong model"])
def test_100_simulations_of_the_right_model_are_like_what_was_observed(left: int, passes: bool) -> None:
    students = [row for row in rows_of("Simulations") if isinstance(row[0], int)]
    for (sex, trt), (_, observed) in PATTERNS.items():
        own = [row for row in students if row[1:3] == (trt, sex)]
        shares = sorted(sum(row[left + k] for row in own) / (14 * len(own)) for k in range(100))
        assert (shares[2] < observed < shares[97]) is passes


def test_generated_data_are_like_those_of_the_article() -> None:
    for generated, observed, *_ in table("Making data", "Sex").values():
        # 820 days and more: standard errors of at most .0175
        assert generated == pytest.approx(observed, abs=4 * 0.0175)
        assert generated != observed


def test_the_design_codes_the_text_of_every_record() -> None:
    data = [row[2:4] for row in rows_of("Data") if isinstance(row[0], int)]
    design = [row[2:5] for row in rows_of("Making data") if isinstance(row[0], int)]
    coded = [(trt == "treat", sex == "male", (trt, sex) == ("treat", "male")) for trt, sex in data]
    assert len(data) == 3500
    assert design == coded
    assert [row[5:7] for row in rows_of("Data") if isinstance(row[0], int)] == [row[:2] for row in coded]


@pytest.mark.mass
def test_every_student_has_an_interval_that_holds_zero() -> None:
    rows = [row for row in rows_of("Students") if isinstance(row[0], int)]
    assert len(rows) == 250
    assert all(row[4] < 0 < row[5] for row in rows)


@pytest.mark.mass
@pytest.mark.parametrize(("name", "sheet"), [("vegetables.xlsx", "Students"), ("herds.xlsx", "Odds ratios")])
def test_groups_are_drawn_in_ascending_order_and_the_extremes_named(name: str, sheet: str) -> None:
    shown = values(EXAMPLES / name)
    first = 1 + next(int(a[1:]) for (s, a), v in shown.items() if (s, v) == (sheet, "group") and a[0] == "A")
    numbers = openpyxl.load_workbook(EXAMPLES / name, data_only=True)["Chart data"]
    header = {cell.value: cell.column for cell in numbers[1]}
    drawn = [numbers.cell(row, header["in order"]).value for row in range(2, numbers.max_row + 1)]
    drawn = [value for value in drawn if value is not None]
    estimates = {str(shown[sheet, f"A{row}"]): shown[sheet, f"C{row}"] for row in range(first, first + len(drawn))}
    assert drawn == pytest.approx(sorted(estimates.values()), rel=1e-12)
    named = [numbers.cell(row, header["group"]).value for row in range(2, 8)]
    assert [estimates[name] for name in named] == pytest.approx(drawn[:3] + drawn[-3:], rel=1e-12)


@pytest.mark.mass
@pytest.mark.parametrize(
    ("name", "sheet"), [("analysis.xlsx", "Analysis"), ("vegetables.xlsx", "Fit"), ("herds.xlsx", "Fit")]
)
def test_a_view_shows_what_is_in_the_table(name: str, sheet: str) -> None:
    rows = list(openpyxl.load_workbook(EXAMPLES / name, data_only=True)[sheet].iter_rows(values_only=True))
    where = (
        rows
        if name != "analysis.xlsx"
        else list(openpyxl.load_workbook(EXAMPLES / name, data_only=True)["Table"].iter_rows(values_only=True))
    )
    top = next(i for i, row in enumerate(where) if row[0] == "fixed_effects")
    terms = list(takewhile(lambda row: row[0] != "random_effects", where[top + 1 :]))
    view = next(i for i, row in enumerate(rows) if row[0] == "Term") + 1
    assert terms
    for shown, term in zip(rows[view:], terms, strict=False):
        assert shown[0] == term[1]
        expected = [term[8], math.exp(term[6]), math.exp(term[7]), term[5]]
        assert shown[1:5] == pytest.approx(expected, rel=1e-12)
    assert rows[view + len(terms)][0] is None
    measures = {row[6]: row[8] for row in rows[view : view + 10]}
    found = {row[0] or row[1]: row[1] if row[0] else row[2] for row in where[top:] if row[0] or row[1]}
    assert measures["Log-likelihood"] == pytest.approx(found["log_likelihood"], rel=1e-12)
    assert measures["AIC"] == pytest.approx(found["aic"], rel=1e-12)
    assert measures["Groups"] == found["groups"]
    assert measures["Converged"] is True


def test_vegetables_is_small_enough_to_mail() -> None:
    assert VEGETABLES.stat().st_size < 600_000


@cache
def rows_of(sheet: str) -> list[tuple[object, ...]]:
    """The rows of a sheet of the vegetables workbook."""
    return list(openpyxl.load_workbook(VEGETABLES, data_only=True)[sheet].iter_rows(values_only=True))


def table(sheet: str, header: str, *, which: int = 0) -> dict[object, tuple[object, ...]]:
    """A table whose header begins so: the cells of each row by its name, or by sex and treatment."""
    rows = rows_of(sheet)
    top = [i for i, row in enumerate(rows) if row[0] == header][which]
    named = takewhile(lambda row: row[0] is not None, rows[top + 1 :])
    if rows[top][1] == "Treatment":
        return {row[:2]: row[2:] for row in named}
    return {row[0]: row[1:] for row in named}


def column(path: Path, sheet: str, letter: str) -> list[float]:
    """Return the numbers of a column from the top down."""
    found = [(int(a[1:]), v) for (s, a), v in values(path).items() if s == sheet and re.fullmatch(rf"{letter}\d+", a)]
    return [value for _, value in sorted(found, key=lambda pair: pair[0]) if isinstance(value, float)]


@every_workbook
def test_each_chart_remembers_what_is_in_the_cells(name: str) -> None:
    cells = values(EXAMPLES / name)
    namespace = {"c": "http://schemas.openxmlformats.org/drawingml/2006/chart"}
    for part, xml in parts(EXAMPLES / name).items():
        if not part.startswith("xl/charts/chart"):
            continue
        # what names the rows in two columns, XlsxWriter leaves to Excel
        tree = etree.fromstring(xml)
        kinds = ("val", "xVal", "yVal", "plus", "minus")
        references = [r for kind in kinds for r in tree.iterfind(f".//c:{kind}/c:numRef", namespace)]
        assert references
        for reference in references:
            sheet, _, area = reference.findtext("c:f", namespaces=namespace).replace("$", "").rpartition("!")
            shown = [cells[sheet.strip("'"), address] for address in addresses(area)]
            remembered = [float(v.text) for v in reference.iterfind(".//c:v", namespace)]
            assert remembered == pytest.approx(shown, abs=1e-12), (part, area)


def addresses(area: str) -> list[str]:
    """The cells of an area of one column or row."""
    first, last = (area.split(":") * 2)[:2]
    return [cell.coordinate for row in openpyxl.Workbook().active[f"{first}:{last}"] for cell in row]
