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

import glmm_binomial.__main__ as command_line

TABLE = [["fixed_effects", "parameter", "coefficient"], ["", "intercept", -0.123456789], ["aic", 1234567.0, ""]]


@pytest.fixture
def answers(monkeypatch):
    """Let the worksheet function answer what the test wants, without the statistical core."""

    def answer(result):
        monkeypatch.setattr(command_line, "_worksheet_functions", lambda: {"GLMM_BINOMIAL": lambda *_: result})

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
    assert command_line.main(["recalc", str(workbook)]) == 0
    copy = workbook.with_name("study-recalculated.xlsx")
    assert capsys.readouterr().out == (
        "The fit!B2  =GLMM_BINOMIAL({1;2})\n"
        "  fixed_effects  parameter    coefficient\n"
        "                 intercept      -0.123457\n"
        "  aic            1.23457e+06\n"
        f"\nWritten to {copy}\n"
        "\nFormulas: 1 calculated, 0 kept, 0 not verified\n"
    )
    assert workbook.read_bytes() == before
    assert shown(copy, "D3") == -0.123456789


def test_a_long_message_does_not_push_the_columns_apart(workbook, answers, capsys):
    answers([["warning", "a sentence that is much longer than any column", ""], ["aic", 1.0, 2.0]])
    command_line.main(["recalc", str(workbook)])
    assert "  aic      1  2\n" in capsys.readouterr().out


@pytest.mark.usefixtures("answers")
def test_output_names_the_copy(workbook, tmp_path):
    assert command_line.main(["recalc", str(workbook), "--output", str(tmp_path / "other.xlsx")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.xlsx", "study.xlsx"]


@pytest.mark.usefixtures("answers")
def test_the_workbook_is_overwritten_only_in_place(workbook, capsys, tmp_path):
    before = workbook.read_bytes()
    assert command_line.main(["recalc", str(workbook), "--output", str(tmp_path / "." / workbook.name)]) == 2
    assert "--in-place" in capsys.readouterr().err
    assert workbook.read_bytes() == before
    assert command_line.main(["recalc", str(workbook), "--in-place"]) == 0
    assert shown(workbook) == "fixed_effects"
    assert list(tmp_path.iterdir()) == [workbook]


def test_output_and_in_place_exclude_each_other(workbook, capsys):
    with pytest.raises(SystemExit, match="2"):
        command_line.main(["recalc", str(workbook), "--output", "x.xlsx", "--in-place"])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.usefixtures("answers")
def test_json_holds_every_digit(workbook, capsys):
    assert command_line.main(["recalc", str(workbook), "--json"]) == 0
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
    assert command_line.main(["recalc", str(workbook)]) == 1
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
    assert command_line.main(["recalc", str(path), "--in-place"]) == 1
    captured = capsys.readouterr()
    assert "S!A1: the function NOSUCH is not known without Excel" in captured.err
    assert "and 10 more." in captured.err
    assert "was left as it was" in captured.err
    assert "no cell that calls" in captured.out
    assert path.read_bytes() == before


@pytest.mark.usefixtures("answers")
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    assert command_line.main(["recalc", str(tmp_path / "none.xlsx")]) == 2
    assert re.fullmatch(r"glmm-binomial: .*none.xlsx: .* No such file or directory\.\n", capsys.readouterr().err)


@pytest.mark.usefixtures("answers")
def test_a_target_that_cannot_be_written_is_one_line(workbook, capsys):
    assert command_line.main(["recalc", str(workbook), "--output", str(workbook.parent / "no" / "x.xlsx")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


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

    monkeypatch.setattr(command_line, "_worksheet_functions", lambda: {"GLMM_BINOMIAL": interrupted})
    assert command_line.main(["recalc", str(workbook), "--in-place"]) == 130
    assert "stopped" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [workbook]


def test_ctrl_c_stops_a_long_calculation_whose_progress_was_shown(workbook):
    script = (
        "import signal, sys, time, glmm_binomial.__main__ as command_line\n"
        # Python leaves Ctrl-C ignored when the tests run in the background
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def slow(*_):\n"
        "    for _ in range(1000): time.sleep(0.02)\n"
        "command_line._worksheet_functions = lambda: {'GLMM_BINOMIAL': slow}\n"
        f"sys.exit(command_line.main(['recalc', {str(workbook)!r}]))"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    assert running.stderr.readline().endswith("calculating The fit!B2\n")
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=10)[1] == "glmm-binomial: stopped; nothing was written.\n"
    assert running.returncode == 130
    assert list(workbook.parent.iterdir()) == [workbook]


def test_of_a_table_as_long_as_the_data_the_beginning_and_the_warnings_are_printed(workbook, answers, capsys):
    answers([["group", "estimate"], *([f"g{i}", i / 2] for i in range(300)), ["warning", "few groups"]])
    assert command_line.main(["recalc", str(workbook)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["The fit!B2  =GLMM_BINOMIAL({1;2})", "  group  estimate", "  g0            0"]
    assert lines[16:18] == ["  ... 286 more rows; --json prints all of them", "  warning  few groups"]
    assert command_line.main(["recalc", str(workbook), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["cells"][0]["table"]) == 302


@pytest.mark.parametrize("folder", [".", "", ".."])
def test_a_folder_is_no_workbook(folder, capsys):
    assert command_line.main(["recalc", folder]) == 2
    assert "the file cannot be read: Is a directory." in capsys.readouterr().err


@pytest.mark.usefixtures("answers")
def test_the_file_a_link_points_to_is_overwritten_in_place(workbook):
    link = workbook.with_name("link.xlsx")
    link.symlink_to(workbook.name)
    assert command_line.main(["recalc", str(link), "--in-place"]) == 0
    assert link.is_symlink()
    assert shown(workbook, "D3") == -0.123456789


def test_a_reader_that_stops_reading_is_no_error(workbook):
    script = (
        "import sys, glmm_binomial.__main__ as command_line\n"
        "command_line._worksheet_functions = lambda: {'GLMM_BINOMIAL': lambda *_: [['a', 1.0]] * 10_000}\n"
        f"sys.exit(command_line.main(['recalc', {str(workbook)!r}]))"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    # on a busy machine progress is shown
    said = [line for line in running.stderr.read().splitlines() if not re.match(rb" *[0-9.]+ s  ", line)]
    running.stderr.close()
    assert said == []
    assert running.wait(timeout=60) == 0


def test_progress_is_silent_for_a_moment_and_then_names_the_cell():
    stream = io.StringIO()
    with command_line.Progress(stream, delay=0.05, interval=0.05) as progress:
        progress.start("calculating S!A1")
        assert stream.getvalue() == ""
        time.sleep(0.2)
        progress.start("calculating S!A2")
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(r" +0\.[0-9] s  calculating S!A1", lines[0])
    assert lines[-1].endswith("calculating S!A2")


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
