"""The workbook that `glmm-binomial fit --xlsx` writes: live formulas, the results that they give, and charts."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from lxml import etree

import glmm_binomial.certified
from glmm_binomial.__main__ import main
from glmm_binomial.command_line import fit_workbook
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import recalculate
from glmm_binomial.writer import analysis_workbook, fit_table, fit_view
from glmm_binomial.writer.page import new_report
from glmm_binomial.writer.spill import write_warnings

CBPP = Path(glmm_binomial.certified.__file__).with_name("cbpp.csv")
SHEETS = ["Analysis", "Table", "Probabilities", "Groups", "Check", "Data", "Chart data"]
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"


def data_file(folder, *, header="name of row;y;x;sex;treated;clinic"):
    """60 rows of 10 clinics: a number, a text, a truth value, one missing cell."""
    lines = [header]
    for i in range(60):
        x = "" if i == 7 else f"{(i * 37 % 23) / 4:g}".replace(".", ",")
        outcome = int((i * 7919) % 11 > 4 + (i // 6) % 3)
        lines.append(f"r{i};{outcome};{x};{'fm'[i % 2]};{'TRUE' if i % 3 else 'FALSE'};clinic {i // 6}")
    path = folder / "visits.csv"
    path.write_text("\n".join(lines), "utf-8")
    return path


def written(folder, formula, *options, source=None):
    target = folder / "out.xlsx"
    assert main(["fit", str(source or data_file(folder)), formula, "--xlsx", str(target), *options]) == 0
    return target


def values(path):
    book = openpyxl.load_workbook(path, data_only=True)
    return {
        (sheet.title, cell.coordinate): cell.value
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.value not in (None, "")
    }


def assert_recalculation_changes_nothing(path, folder):
    recalculation = recalculate(path, WORKSHEET_FUNCTIONS)
    assert (recalculation.problems, recalculation.differences) == ((), ())
    recalculation.write(folder / "again.xlsx")
    stored, fresh = values(path), values(folder / "again.xlsx")
    assert stored.keys() == fresh.keys()
    for place, value in stored.items():
        if isinstance(value, float):
            # the file holds 16 digits of each number
            assert math.isclose(value, fresh[place], rel_tol=1e-12, abs_tol=1e-12), place
        else:
            assert value == fresh[place], place
    return recalculation


@pytest.mark.mass
@pytest.mark.parametrize("method", ["ml", "vb"])
def test_recalculation_changes_nothing(method, tmp_path):
    path = written(tmp_path, "incidence / size ~ C(period) + (1 | herd)", "--method", method, source=CBPP)
    recalculation = assert_recalculation_changes_nothing(path, tmp_path)
    assert [cell.error for cell in recalculation.cells] == [None] * 6
    assert openpyxl.load_workbook(path).sheetnames == SHEETS


@pytest.mark.mass
@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x + sex * treated + (1 | clinic)", ["--method", "ml", "--alpha", "0.1"]),
        ("y ~ x + (1 + x | clinic)", ["--method", "ml"]),
        ("y ~ scale(x) + (1 + x || clinic)", []),
        ("y ~ sex + (1 | clinic)", ["--method", "mean-field"]),
        ("y ~ 1 + (1 | clinic)", ["--method", "ml"]),
        ("y ~ 0 + sex + (1 | clinic)", ["--method", "ml", "--missing", "refuse"]),
    ],
)
def test_any_model_can_be_written_and_calculated_again(formula, options, tmp_path):
    path = written(tmp_path, formula, *options)
    recalculation = assert_recalculation_changes_nothing(path, tmp_path)
    assert [cell.error for cell in recalculation.cells if cell.error is not None] == []
    without_predictors = formula.startswith("y ~ 1 ")
    assert ("Average effects" in values(path).values()) is not without_predictors
    assert not any(b't="e"' in xml for part, xml in parts(path).items() if "worksheets" in part)


def parts(path):
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


@pytest.mark.mass
def test_only_options_that_are_not_the_default_stand_in_the_formula(tmp_path):
    source = data_file(tmp_path)
    for options, arguments in (
        ([], ""),
        (["--method", "ml"], ', "ml"'),
        (["--alpha", "0.1"], ", , 0.1"),
        (["--method", "ml", "--missing", "refuse"], ', "ml", , "refuse"'),
    ):
        formula = "y ~ sex + (1 | clinic)"
        path = written(tmp_path, formula, *options, source=source)
        sheet = openpyxl.load_workbook(path)["Analysis"]
        found = [cell for row in sheet.iter_rows() for cell in row if "FORMULA(" in str(cell.value)]
        assert found[0].value == f"=GLMM_BINOMIAL_FORMULA(Data[#All], $B$4{arguments})"
        assert sheet["B4"].value == formula


def test_the_data_stand_as_a_table_whose_rows_are_those_of_the_file(tmp_path):
    path = written(tmp_path, "y ~ x + (1 | clinic)", source=data_file(tmp_path, header=";y;x;sex;treated;clinic"))
    sheet = openpyxl.load_workbook(path)["Data"]
    assert sheet.tables["Data"].ref == "A1:E61"
    assert [cell.value for cell in sheet[1]] == ["y", "x", "sex", "treated", "clinic"]
    assert [cell.value for cell in sheet[9]] == [0, None, "m", True, "clinic 1"]
    assert [cell.value for cell in sheet[2]][1:] == [0, "f", False, "clinic 0"]


def test_odds_ratios_are_those_of_the_table(tmp_path):
    path = written(tmp_path, "incidence / size ~ C(period) + (1 | herd)", "--method", "ml", source=CBPP)
    shown = values(path)
    row = row_of(shown, "Analysis", "period[2]")
    # exp of certified.json's coefficient -0.99140367244 and of its limits by hand, -+ 1.959964 * 0.306768
    assert [shown["Analysis", f"{letter}{row}"] for letter in "BCD"] == pytest.approx(
        [0.371056, 0.203385, 0.676957], rel=1e-5
    )


@pytest.mark.mass
@pytest.mark.parametrize("formula", ["y ~ x + (1 | clinic) + (1 | ward)", "y ~ x + (1 | ward/clinic)"])
def test_of_two_kinds_of_groups_both_numbers_and_correlations_stand_in_a_line(formula, tmp_path):
    lines = [
        "y,x,clinic,ward",
        *(f"{int(i * 7919 % 11 > 4 + i // 6 % 3)},{i % 5},c{i % 12},w{i % 4}" for i in range(96)),
    ]
    source = tmp_path / "wards.csv"
    source.write_text("\n".join(lines), "utf-8")
    path = written(tmp_path, formula, "--method", "ml", source=source)
    assert_recalculation_changes_nothing(path, tmp_path)
    shown = values(path)
    described = {
        shown["Analysis", f"G{row}"]: shown["Analysis", f"I{row}"]
        for row in range(1, 60)
        if ("Analysis", f"I{row}") in shown
    }
    told = {
        str(shown["Table", f"B{row}"]): shown.get(("Table", f"C{row}"))
        for row in range(1, 60)
        if ("Table", f"B{row}") in shown
    }
    counts = [value for name, value in told.items() if name.startswith("groups: ")]
    shares = [value for name, value in told.items() if name.startswith("icc: ")]
    assert described["Groups"] == f"{counts[0]} and {counts[1]}"
    assert described["Intraclass correlation"] == f"{shares[0]:.2f} and {shares[1]:.2f}"


def row_of(shown, sheet, text):
    """The first row of a sheet that begins with a text."""
    rows = [int(a[1:]) for (s, a), value in shown.items() if s == sheet and value == text and re.fullmatch(r"A\d+", a)]
    return min(rows)


def charts_of(path):
    return [etree.fromstring(xml) for part, xml in parts(path).items() if part.startswith("xl/charts/chart")]


def drawn(path):
    """What the charts show: for each reference its sheet and area, what is in those cells, and what it remembers."""
    shown = values(path)
    for chart in charts_of(path):
        for kind in ("val", "xVal", "yVal", "plus", "minus"):
            for reference in chart.iterfind(f".//{CHART}{kind}/{CHART}numRef"):
                sheet, _, area = reference.findtext(f"{CHART}f").replace("$", "").rpartition("!")
                first, last = (area.split(":") * 2)[:2]
                cells = [
                    shown[sheet.strip("'"), cell.coordinate]
                    for row in openpyxl.Workbook().active[f"{first}:{last}"]
                    for cell in row
                ]
                yield sheet, area, cells, [float(value.text) for value in reference.iterfind(f".//{CHART}v")]


@pytest.mark.mass
def test_charts_show_what_is_in_the_cells_of_a_hidden_sheet(tmp_path):
    path = written(tmp_path, "incidence / size ~ C(period) + (1 | herd)", source=CBPP)
    assert len(charts_of(path)) == 3
    for sheet, area, cells, remembered in drawn(path):
        assert sheet == "'Chart data'"
        assert all(isinstance(value, int | float) for value in cells), (sheet, area)
        assert remembered == pytest.approx(cells, abs=1e-12), (sheet, area)
    assert openpyxl.load_workbook(path)["Chart data"].sheet_state == "hidden"
    # Excel leaves out what is hidden, unless told otherwise
    assert [chart for chart in charts_of(path) if chart.find(f".//{CHART}plotVisOnly") is not None] == []


@pytest.mark.mass
def test_no_interval_hides_the_dots_within_it(tmp_path):
    # LibreOffice draws the lines of intervals above the dots of all series
    drawing = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
    points = 12700
    for chart in charts_of(written(tmp_path, "y ~ x + (1 | clinic)", "--method", "ml")):
        widths = [int(line.get("w")) / points for line in chart.iterfind(f".//{CHART}errBars//{drawing}ln")]
        sizes = [int(size.get("val")) for size in chart.iterfind(f".//{CHART}marker/{CHART}size")]
        assert max(widths, default=0) < min(sizes) / 2


@pytest.mark.mass
def test_no_chart_has_its_numbers_beside_a_table(tmp_path):
    shown = values(written(tmp_path, "incidence / size ~ C(period) + (1 | herd)", source=CBPP))
    assert not [place for place, value in shown.items() if "Chart:" in str(value)]


def test_an_odds_ratio_beyond_all_numbers_is_left_blank():
    assert fit_view._exponential(800.0) == ""
    assert fit_view._exponential("") == ""


# --- what cannot be written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.xls", "out", "out.csv"])
def test_a_workbook_is_called_xlsx(name, tmp_path, capsys):
    assert main(["fit", str(CBPP), "y ~ x", "--xlsx", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.endswith("the name of a workbook ends in .xlsx.\n")


def test_names_that_excel_takes_for_the_same_are_refused(tmp_path, capsys):
    source = data_file(tmp_path, header="n;y;x;X;treated;clinic")
    assert main(["fit", str(source), "y ~ x + (1 | clinic)", "--xlsx", str(tmp_path / "o.xlsx")]) == 2
    assert (
        "Excel takes the names 'x' and 'X' of two columns for the same. Rename one of them." in capsys.readouterr().err
    )


def test_a_target_that_cannot_be_written_is_one_line_after_the_table(tmp_path, capsys):
    target = tmp_path / "no" / "o.xlsx"
    assert main(["fit", str(data_file(tmp_path)), "y ~ sex + (1 | clinic)", "--xlsx", str(target)]) == 2
    captured = capsys.readouterr()
    # on a busy machine progress is shown before
    assert captured.err.endswith(f"glmm-binomial: {target} cannot be written: No such file or directory.\n")
    assert "fixed_effects" in captured.out


@pytest.mark.parametrize("more_rows", [-20, -1, 0, 5])
def test_where_an_entered_table_does_not_show_its_warnings_their_number_is_said_above_it(more_rows, tmp_path):
    y, x, groups = [0, 1, 0, 1, 1, 0], [1, 2, 1.5, 2.5, 3, 1.2], [1, 1, 2, 2, 3, 3]
    table = glmm_binomial.glmm_binomial(*([[value] for value in values] for values in (y, x, groups)))
    texts = [row[1] for row in table if row[0] == "warning"]
    assert len(texts) == 3
    arrays = ",".join("{" + ";".join(map(str, values)) + "}" for values in (y, x, groups))
    with new_report(tmp_path / "entered.xlsx", "") as report:
        page = report.page("S", fit_table.WIDTHS)
        write_warnings(page, rows=table, room=40, counted=True)
        last = len(table) + 1 + more_rows
        page.sheet.write_array_formula(2, 0, last, 8, f"{{=_xll.GLMM_BINOMIAL({arrays})}}", None, 0)
    recalculate(tmp_path / "entered.xlsx", WORKSHEET_FUNCTIONS, trust="calculated").write(tmp_path / "out.xlsx")
    counted = "3 warnings below; where they are cut off, enter the formula of the table over more cells."
    shown = {-20: counted, -1: "\n".join(texts[:2]), 0: "\n".join(texts), 5: counted}[more_rows]
    assert values(tmp_path / "out.xlsx")["S", "B1"] == shown


def test_an_interruption_leaves_no_file(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(analysis_workbook, "write_analysis", interrupted)
    source = data_file(tmp_path)
    assert main(["fit", str(source), "y ~ sex + (1 | clinic)", "--xlsx", str(tmp_path / "o.xlsx")]) == 130
    assert list(tmp_path.iterdir()) == [source]


def test_without_xlsxwriter_it_is_said_what_to_install(tmp_path):
    script = (
        "import sys; sys.modules['xlsxwriter'] = None\n"
        "from glmm_binomial.__main__ import main\n"
        f"sys.exit(main(['fit', {str(CBPP)!r}, 'y ~ x', '--xlsx', {str(tmp_path / 'o.xlsx')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'pip install "glmm-binomial[xlsx]"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_more_rows_than_a_sheet_has_are_refused(tmp_path):
    data = fit_workbook.TypedTable(("y", "g"), ((1.0, "a"),) * 1_048_576, None, ())
    with pytest.raises(fit_workbook.TargetError, match="a sheet has 1,048,576 rows"):
        fit_workbook.check_target(tmp_path / "o.xlsx", data)
