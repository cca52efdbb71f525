"""`glmm-binomial recalc` as a person types it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import openpyxl
import pytest
import xlsxwriter

import glmm_binomial
from glmm_binomial.__main__ import main
from glmm_binomial.command_line import recalc
from glmm_binomial.command_line.progress import Progress
from glmm_binomial.workbook import recalculate

TABLE = [["fixed_effects", "parameter", "coefficient"], ["", "intercept", -0.123456789], ["aic", 1234567.0, ""]]


@pytest.fixture
def answers(monkeypatch):
    """Let the worksheet function answer what the test wants, without the statistical core."""

    def answer(result):
        monkeypatch.setattr(recalc, "worksheet_functions", lambda: {"GLMM_BINOMIAL": lambda *_: result})

    answer(TABLE)
    return answer


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "study.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("The fit").write_dynamic_array_formula("B2", "=_xll.GLMM_BINOMIAL({1;2})")
    return path


def shown(path, cell="B2"):
    return openpyxl.load_workbook(path, data_only=True)["The fit"][cell].value


@pytest.mark.usefixtures("answers")
def test_a_copy_is_written_beside_the_workbook_and_the_table_is_printed(workbook, capsys):
    before = workbook.read_bytes()
    assert main(["recalc", str(workbook)]) == 0
    copy = workbook.with_name("study-recalculated.xlsx")
    assert capsys.readouterr().out == (
        "The fit!B2  =GLMM_BINOMIAL({1;2})\n"
        "  fixed_effects  parameter  coefficient\n"
        "                 intercept    -0.123457\n"
        "  aic            1234567\n"
        f"\nWritten to {copy}\n"
        "\nFormulas: 1 calculated, 0 kept, 0 not verified\n"
    )
    assert workbook.read_bytes() == before
    assert shown(copy, "D3") == -0.123456789


def test_a_long_message_does_not_push_the_columns_apart(workbook, answers, capsys):
    answers([["warning", "a sentence that is much longer than any column", ""], ["aic", 1.0, 2.0]])
    main(["recalc", str(workbook)])
    assert "  aic      1  2\n" in capsys.readouterr().out


@pytest.mark.usefixtures("answers")
def test_output_names_the_copy(workbook, tmp_path):
    assert main(["recalc", str(workbook), "--output", str(tmp_path / "other.xlsx")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.xlsx", "study.xlsx"]


@pytest.mark.usefixtures("answers")
def test_the_workbook_is_overwritten_only_in_place(workbook, capsys, tmp_path):
    before = workbook.read_bytes()
    assert main(["recalc", str(workbook), "--output", str(tmp_path / "." / workbook.name)]) == 2
    assert "--in-place" in capsys.readouterr().err
    assert workbook.read_bytes() == before
    assert main(["recalc", str(workbook), "--in-place"]) == 0
    assert shown(workbook) == "fixed_effects"
    assert list(tmp_path.iterdir()) == [workbook]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["recalc"], "WORKBOOK.xlsx is missing. Write: glmm-binomial recalc WORKBOOK.xlsx"),
        (["recalc", "--json"], "WORKBOOK.xlsx is missing. Write: glmm-binomial recalc WORKBOOK.xlsx"),
        (
            ["recalc", "a.xlsx", "b.xlsx"],
            "'b.xlsx' is one word too many; a text with spaces stands in quotation marks.",
        ),
        (["recalc", "a.xlsx", "--outptu", "b"], "there is no option --outptu; glmm-binomial recalc --help lists what"),
        (["recalc", "a.xlsx", "--out", "b"], "there is no option --out;"),
        (["recalc", "a.xlsx", "--output"], "--output needs a value after it."),
        (["recalc", "a.xlsx", "--json=yes"], "--json takes no value."),
        (["recalc", "a.xlsx", "--trust", "me"], "--trust must be stored or calculated, not 'me'."),
        (["recalc", "a.xlsx", "--output", "x.xlsx", "--in-place"], "--in-place and --output exclude each other"),
        (["recalc", "a.xlsx", "--all", "--trust", "stored"], "--trust and --all exclude each other"),
        (["recal", "a.xlsx"], "there is no command 'recal'; is recalc meant?"),
        (["xyz"], "there is no command 'xyz'; the commands are fit, recalc, libreoffice, selftest."),
        (["study.xlsx"], "say first what to do with study.xlsx, as in: glmm-binomial recalc WORKBOOK.xlsx"),
        (["--verbose"], "there is no option --verbose; glmm-binomial --help lists what there is."),
    ],
)
def test_what_cannot_be_understood_is_answered_by_one_sentence(typed, said, capsys):
    assert main(typed) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"glmm-binomial: {said}")
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_called_alone_it_lists_the_commands(capsys):
    assert main([]) == 0
    shown_alone = capsys.readouterr().out
    assert "calculate a workbook without Excel" in shown_alone
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert capsys.readouterr().out == shown_alone


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"glmm-binomial {glmm_binomial.__version__}\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("study.xls", "save it as Excel Workbook (*.xlsx)"),
        ("study.csv", 'glmm-binomial fit DATA.csv "y ~ x + (1 | group)"'),
        ("STUDY.TSV", "holds data and no formulas"),
        ("study.ods", "Save it there as Excel 2007-365 (*.xlsx)"),
    ],
)
@pytest.mark.parametrize("option", [[], ["--compare"]])
def test_a_file_of_another_kind_is_answered_by_what_to_do_with_it(name, said, option, tmp_path, capsys):
    (tmp_path / name).write_bytes(b"y,x\n1,2\n")
    assert main(["recalc", str(tmp_path / name), *option]) == 2
    captured = capsys.readouterr().err
    assert said in captured
    assert captured.count("\n") == 1


@pytest.mark.usefixtures("answers")
def test_a_workbook_is_calculated_whatever_its_name_says(workbook):
    misnamed = workbook.rename(workbook.with_suffix(".xls"))
    assert main(["recalc", str(misnamed), "--output", str(workbook)]) == 0


@pytest.mark.usefixtures("answers")
def test_json_holds_every_digit(workbook, capsys):
    assert main(["recalc", str(workbook), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["cells"] == [
        {"sheet": "The fit", "address": "B2", "formula": "=GLMM_BINOMIAL({1;2})", "table": TABLE, "error": None}
    ]
    assert printed["problems"] == []
    assert printed["output"] == str(workbook.with_name("study-recalculated.xlsx"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Invalid input: y must be a 2D list.", "Invalid input: y must be a 2D list."),
        ([["Error fitting GLMM: no"]], "Error fitting GLMM: no"),
        (RuntimeError(), "#N/A"),
        ([["a", float("nan")]], "#NUM!"),
    ],
)
def test_a_cell_with_an_error_is_named_and_the_exit_code_says_so(workbook, answers, capsys, answer, said):
    answers(answer)
    assert main(["recalc", str(workbook)]) == 1
    assert capsys.readouterr().err == f"glmm-binomial: The fit!B2: {said}\n"
    assert workbook.with_name("study-recalculated.xlsx").exists()


@pytest.mark.usefixtures("answers")
def test_formulas_that_cannot_be_calculated_leave_the_workbook_as_it_was_in_place(tmp_path, capsys):
    path = tmp_path / "study.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        for row in range(30):
            sheet.write_formula(row, 0, f"=NOSUCH({row})", None, 42)
    before = path.read_bytes()
    assert main(["recalc", str(path), "--in-place"]) == 1
    captured = capsys.readouterr()
    assert "S!A1: the function NOSUCH is not known without Excel" in captured.err
    assert "and 10 more." in captured.err
    assert "was left as it was" in captured.err
    assert "no cell that calls" in captured.out
    assert path.read_bytes() == before


@pytest.mark.usefixtures("answers")
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    assert main(["recalc", str(tmp_path / "none.xlsx")]) == 2
    assert re.fullmatch(r"glmm-binomial: .*none.xlsx: .* No such file or directory\.\n", capsys.readouterr().err)


@pytest.mark.usefixtures("answers")
def test_a_target_that_cannot_be_written_is_one_line(workbook, capsys):
    assert main(["recalc", str(workbook), "--output", str(workbook.parent / "no" / "x.xlsx")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("area", ["B2:J4", "B2:E3"])
def test_a_table_that_is_cut_off_says_in_the_sheet_that_there_are_warnings_and_is_printed_with_them(
    area, tmp_path, capsys
):
    path, copy = tmp_path / "study.xlsx", tmp_path / "copy.xlsx"
    formula = "{=_xll.GLMM_BINOMIAL({0;1;0;1;1;0},{1;2;1.5;2.5;3;1.2},{1;1;2;2;3;3})}"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("The fit").write_array_formula(area, formula, None, 0)
    assert main(["recalc", str(path), "--output", str(copy)]) == 0
    printed = capsys.readouterr().out
    warnings = [line for line in printed.splitlines() if line.startswith("  warning ")]
    assert len(warnings) > 1
    assert shown(copy, "B3") == f"{len(warnings)} warnings below"
    assert [shown(copy, cell) for cell in ("B2", "C3", "B4")] == ["fixed_effects", "intercept", None]
    assert f"  {len(warnings)} warnings below  intercept  " in printed


@pytest.mark.mass
def test_a_label_that_the_console_cannot_show_is_escaped(tmp_path):
    path = tmp_path / "towns.xlsx"
    formula = '=_xll.GLMM_BINOMIAL_RANEF(_xll.GLMM_BINOMIAL_MODEL({0;1;0;1},{1;2;2;1},{"Łódź";"Łódź";"Bonn";"Bonn"}))'
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Towns").write_dynamic_array_formula("B2", formula)
    command = [sys.executable, "-m", "glmm_binomial", "recalc", str(path)]
    latin = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, encoding="cp1252", env=latin, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "\\u0141ód\\u017a" in done.stdout


@pytest.mark.parametrize("missing", ["formualizer", "lxml"])
def test_a_missing_engine_tells_what_to_install(workbook, missing):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"from glmm_binomial.__main__ import main; sys.exit(main(['recalc', {str(workbook)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "glmm-binomial[headless]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interruption_leaves_no_file(workbook, monkeypatch, capsys, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recalc, "worksheet_functions", lambda: {"GLMM_BINOMIAL": interrupted})
    assert main(["recalc", str(workbook), "--in-place"]) == 130
    assert "stopped" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [workbook]


def test_ctrl_c_stops_a_long_calculation_whose_progress_was_shown(workbook):
    script = (
        "import signal, sys, time\n"
        "from glmm_binomial.__main__ import main\n"
        "from glmm_binomial.command_line import recalc\n"
        # Python leaves Ctrl-C ignored when the tests run in the background
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def slow(*_):\n"
        "    for _ in range(1000): time.sleep(0.02)\n"
        "recalc.worksheet_functions = lambda: {'GLMM_BINOMIAL': slow}\n"
        f"sys.exit(main(['recalc', {str(workbook)!r}]))"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    assert running.stderr.readline().endswith("calculating The fit!B2\n")
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=10)[1] == "glmm-binomial: stopped; nothing was written.\n"
    assert running.returncode == 130
    assert list(workbook.parent.iterdir()) == [workbook]


def test_of_a_table_as_long_as_the_data_the_beginning_and_the_warnings_are_printed(workbook, answers, capsys):
    answers([["group", "estimate"], *([f"g{i}", i / 2] for i in range(300)), ["warning", "few groups"]])
    assert main(["recalc", str(workbook)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["The fit!B2  =GLMM_BINOMIAL({1;2})", "  group  estimate", "  g0            0"]
    assert lines[16:18] == ["  ... 286 more rows; --json prints all of them", "  warning  few groups"]
    assert main(["recalc", str(workbook), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["cells"][0]["table"]) == 302


@pytest.mark.parametrize("folder", [".", "", ".."])
def test_a_folder_is_no_workbook(folder, capsys):
    assert main(["recalc", folder]) == 2
    assert "the file cannot be read: Is a directory." in capsys.readouterr().err


@pytest.mark.usefixtures("answers")
def test_the_file_a_link_points_to_is_overwritten_in_place(workbook):
    link = workbook.with_name("link.xlsx")
    link.symlink_to(workbook.name)
    assert main(["recalc", str(link), "--in-place"]) == 0
    assert link.is_symlink()
    assert shown(workbook, "D3") == -0.123456789


def test_a_reader_that_stops_reading_is_no_error(workbook):
    script = (
        "import sys\n"
        "from glmm_binomial.__main__ import main\n"
        "from glmm_binomial.command_line import recalc\n"
        "recalc.worksheet_functions = lambda: {'GLMM_BINOMIAL': lambda *_: [['a', 1.0]] * 10_000}\n"
        f"sys.exit(main(['recalc', {str(workbook)!r}]))"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    # on a busy machine progress is shown
    said = [line for line in running.stderr.read().splitlines() if not re.match(rb" *[0-9.]+ s  ", line)]
    running.stderr.close()
    assert said == []
    assert running.wait(timeout=60) == 0


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


def test_progress_is_silent_for_a_moment_and_then_gives_a_line_to_each_thing_that_begins():
    stream = io.StringIO()
    with Progress(stream, delay=0.05, interval=0.02) as progress:
        progress.start("calculating S!A1 (1 of 2)")
        assert stream.getvalue() == ""
        time.sleep(0.2)
        progress.start("calculating S!A2 (2 of 2)")
        time.sleep(0.1)
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(r" +0\.[0-9] s  calculating S!A1 \(1 of 2\)", lines[0])
    assert [line[10:] for line in lines] == ["calculating S!A1 (1 of 2)", "calculating S!A2 (2 of 2)"]


def test_progress_on_a_terminal_is_one_line_that_is_kept_up_to_date_and_goes():
    stream = Terminal()
    with Progress(stream, delay=0.02, interval=0.02) as progress:
        progress.start("calculating the long name!A1 (1 of 2)")
        time.sleep(0.1)
        progress.start("calculating S!A2 (2 of 2)")
    assert "\n" not in stream.getvalue()
    *written, wiped, end = stream.getvalue().split("\r")
    assert written[0] == ""
    assert len({line for line in written[1:-1] if "long name" in line}) >= 1
    assert written[-1].rstrip().endswith("calculating S!A2 (2 of 2)")
    # the longer line before is covered by the first of the next, which a slow machine may write more than once
    place = next(i for i, line in enumerate(written) if "A2" in line)
    assert len(written[place]) == len(written[place - 1])
    assert (wiped.strip(), end) == ("", "")
    assert len(wiped) >= len(written[-1].rstrip())


def test_progress_on_a_terminal_is_silent_when_all_is_done_at_once():
    stream = Terminal()
    with Progress(stream) as progress:
        progress.start("reading")
    assert stream.getvalue() == ""


def test_each_call_is_told_with_how_many_there_are(tmp_path):
    path = tmp_path / "study.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        for row in range(3):
            sheet.write_dynamic_array_formula(10 * row, 0, 10 * row, 0, f"=_xll.GLMM_BINOMIAL({row})")
    told = []
    recalculate(path, {"GLMM_BINOMIAL": lambda *_: TABLE}, observer=told.append)
    calls = [text for text in told if "S!A" in text]
    assert [text.rpartition(" (")[2] for text in calls] == ["1 of 3)", "2 of 3)", "3 of 3)"]
    assert {text.split()[1] for text in calls} == {"S!A1", "S!A11", "S!A21"}


def test_help_needs_neither_the_engine_nor_the_numerics():
    script = (
        "import sys\nfrom glmm_binomial.__main__ import main\n"
        "try:\n    main(['recalc', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'scipy', 'statsmodels', 'pyxll', 'formualizer', 'lxml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "exit codes" in done.stdout


# --- with the real worksheet function ---------------------------------------------------------------------------------

PUBLISHED = [
    "{0;1;0;1;1;0},{1;2;1.5;2.5;3;1.2},{1;1;2;2;3;3}",
    "{0;1;1;0;1;1},{1;2;1.5;2.5;3;1.2},{1;1;2;2;3;3},{1;1;1.5;1.5;2;2}",
    "{0;1;0;1;1;0},{1;2;1.5;2.5;3;1.2},{1;1;2;2;3;3},FALSE",
    "{0;1;0;1;1;0},{1;2;1.5;2.5;3;1.2},{1;1;2;2;3;3},,FALSE",
    "{0;1;1;0;1;1},{1;2;1.5;2.5;3;1.2},{1;1;2;2;3;3},{1;1;1.5;1.5;2;2},TRUE,0.1",
]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Recalculate the published examples with the installed command."""
    path = tmp_path_factory.mktemp("published") / "examples.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Examples")
        for number, arguments in enumerate(PUBLISHED):
            sheet.write_dynamic_array_formula(number * 30, 0, number * 30, 0, f"=_xll.GLMM_BINOMIAL({arguments})")
    command = [sys.executable, "-m", "glmm_binomial", "recalc", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done, path.with_name("examples-recalculated.xlsx")


@pytest.mark.mass
def test_the_published_examples_give_tables(published):
    done, _ = published
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert [cell["table"][0][:3] for cell in cells] == [["fixed_effects", "parameter", "coefficient"]] * 5
    assert {len(row) for cell in cells for row in cell["table"]} == {9}
    assert [any(row[1] == "random_x1" for row in cell["table"]) for cell in cells] == [False, True, False, False, True]
    intercepts = [cell["table"][1][1] == "intercept" for cell in cells]
    assert intercepts == [True, True, False, False, True]
    assert cells[2]["table"] == cells[3]["table"]


def test_the_numbers_in_the_copy_are_the_printed_ones(published):
    done, copy = published
    sheet = openpyxl.load_workbook(copy, data_only=True)["Examples"]
    for number, cell in enumerate(json.loads(done.stdout)["cells"]):
        for r, row in enumerate(cell["table"]):
            for c, value in enumerate(row):
                found = sheet.cell(number * 30 + r + 1, c + 1).value
                assert found == (value if value != "" else None)
