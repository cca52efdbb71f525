"""The add-in of LibreOffice without LibreOffice: its parts, its calls, the process that calculates, the command."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import types
import zipfile
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import glmm_binomial
from calc.application import missing
from glmm_binomial import glmm_binomial_formula, glmm_binomial_table
from glmm_binomial.__main__ import main
from glmm_binomial.excel import example
from glmm_binomial.libreoffice import program
from glmm_binomial.libreoffice.calls import MOST_MODELS, Calls, shown
from glmm_binomial.libreoffice.extension import IDENTIFIER, extension
from glmm_binomial.worksheet.catalogue import BY_PYTHON_NAME, FUNCTIONS

DATA = [list(example.HEADER), *([float(y), float(x), student] for y, x, student in example.DATA)]
FORMULA = "passed ~ hours + (1 | student)"
MODEL = ("glmm_binomial_formula", [DATA, FORMULA, "ml", None, None])
SOURCE = Path(glmm_binomial.__file__).parents[1]
NOBODY = 65534


# The extension --------------------------------------------------------------------------------------------------------


def test_the_extension_describes_every_function_and_argument_as_the_catalogue_does():
    root = ET.fromstring(extension()["CalcAddIns.xcu"])
    name = "{http://openoffice.org/2001/registry}name"
    [listed] = [node for node in root.iter("node") if node.get(name) == "AddInFunctions"]

    def properties(node):
        return {each.get(name): each.findtext("value") for each in node.findall("prop")}

    assert [node.get(name) for node in listed] == [function.python_name for function in FUNCTIONS]
    for node, function in zip(listed, FUNCTIONS, strict=True):
        assert properties(node)["DisplayName"] == function.name
        assert properties(node)["Description"] == function.help
        arguments = list(node.find("node"))
        assert [properties(each)["Description"] for each in arguments] == [each.help for each in function.arguments]
        assert [properties(each)["DisplayName"] for each in arguments] == [each.label for each in function.arguments]
        # LibreOffice sorts them
        assert sorted(each.get(name) for each in arguments) == [each.get(name) for each in arguments]


def test_the_interface_declares_every_function_with_its_number_of_arguments():
    assert declared(extension()["functions.rdb"]) == {
        "org.glmmbinomial.calc.XWorksheetFunctions": {each.python_name: len(each.arguments) for each in FUNCTIONS}
    }


def declared(content):
    """Read the interfaces and their methods as LibreOffice does: unoidl/source/unoidlprovider.cxx."""

    def number(place):
        return int.from_bytes(content[place : place + 4], "little")

    def text(place):
        end = place + 4 + number(place)
        return content[place + 4 : end].decode(), end

    def entities(place, size, path):
        for entry in range(place, place + 8 * size, 8):
            name = content[number(entry) : content.index(b"\0", number(entry))].decode()
            data = number(entry + 4)
            if content[data] == 0:
                yield from entities(data + 5, number(data + 1), [*path, name])
            else:
                assert content[data] == 5
                yield ".".join([*path, name]), dict(methods(data + 1))

    def methods(place):
        assert number(place) == 1
        base, place = text(place + 4)
        assert base == "com.sun.star.uno.XInterface", "without it LibreOffice calls a method three places off"
        assert number(place) == number(place + 4) == 0
        count_of_methods, place = number(place + 8), place + 12
        for _ in range(count_of_methods):
            name, place = text(place)
            result, place = text(place)
            assert result == "[][]any"
            count, place = number(place), place + 4
            for _ in range(count):
                assert content[place] == 0
                _, place = text(place + 1)
                kind, place = text(place)
                assert kind == "any"
            assert number(place) == 0
            place += 4
            yield name, count

    assert content.startswith(b"UNOIDL\xff\0")
    return dict(entities(number(8), number(12), []))


def test_the_extension_starts_this_python_and_finds_this_package():
    settings = json.loads(extension()["program.json"])
    assert settings["command"][0] == sys.executable
    assert Path(settings["python_path"][0], "glmm_binomial", "libreoffice", "server.py").exists()


# Calls ----------------------------------------------------------------------------------------------------------------


def test_a_model_is_asked_by_its_handle_and_gives_what_the_function_gives():
    calls = Calls()
    [[handle]] = calls(*MODEL)
    expected = glmm_binomial_table(glmm_binomial_formula(DATA, FORMULA, "ml"))
    assert calls("glmm_binomial_table", [handle]) == shown(expected)
    assert calls("glmm_binomial_table", [[[handle]]]) == shown(expected), "a range of one cell"


def test_a_handle_is_told_by_the_call():
    assert Calls()(*MODEL) == Calls()(*MODEL)
    other = [DATA, FORMULA, "ml", 0.1, None]
    assert Calls()(*MODEL) != Calls()("glmm_binomial_formula", other)


def test_a_handle_from_an_earlier_day_is_answered_by_libreoffices_own_keys():
    [[message]] = Calls()("glmm_binomial_table", ["GLMM@12"])
    assert message.startswith("Invalid input: model must be a live model. GLMM@12 is none any more")
    assert "Ctrl+Shift+F9" in message
    assert "Ctrl+Alt+F9" not in message


def test_the_models_made_or_asked_for_last_are_kept(monkeypatch):
    monkeypatch.setattr("glmm_binomial.libreoffice.calls.answer", lambda *_: object())
    calls = Calls()
    handles = [calls("glmm_binomial_model", [number] + 7 * [None])[0][0] for number in range(MOST_MODELS)]
    assert len(set(handles)) == MOST_MODELS
    calls("glmm_binomial_model", [0] + 7 * [None])
    calls("glmm_binomial_model", [MOST_MODELS] + 7 * [None])
    kept = calls._models
    assert len(kept) == MOST_MODELS
    assert handles[0] in kept
    assert handles[1] not in kept


@pytest.mark.parametrize(
    ("handed_over", "received"),
    [
        # a range, with a blank cell
        ([[[1.0], [""]], 2.0], {"y": [[1.0], [None]], "x": [[2.0]]}),
        # left out: a sentence asks for what is needed, else the default
        ([None, None], {"y": None, "groups": None, "alpha": 0.05, "fit_intercept": True}),
        # options: a cell or a constant
        ([None, None, None, None, [[0.0]], 0.1], {"fit_intercept": 0.0, "alpha": 0.1}),
    ],
)
def test_a_function_gets_what_excel_would_hand_over(handed_over, received, monkeypatch):
    seen = {}
    monkeypatch.setattr("glmm_binomial.libreoffice.calls.answer", lambda _, given: seen.update(given) or "message")
    arguments = handed_over + [None] * (8 - len(handed_over))
    assert Calls()("glmm_binomial", arguments) == [["message"]]
    assert {name: seen[name] for name in received} == received
    assert seen.keys() == {each.name for each in BY_PYTHON_NAME["glmm_binomial"].arguments}


def test_blanks_and_truth_values_are_shown_as_calc_takes_them():
    assert shown([["a", None, True, False, 1.5]]) == [["a", "", 1.0, 0.0, 1.5]]
    assert all(type(cell) in (str, float) for cell in shown([["a", None, True, 1.5]])[0])


# The process that calculates ------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    """The process, as the component starts it."""
    settings = json.loads(extension()["program.json"])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(settings["python_path"])}
    with subprocess.Popen(
        settings["command"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        process.kill()


def ask(process, method, arguments):
    process.stdin.write(json.dumps({"method": method, "arguments": arguments}).encode() + b"\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@pytest.mark.mass
def test_the_process_answers_one_call_after_another_with_all_digits(server):
    [[handle]] = ask(server, *MODEL)
    expected = glmm_binomial_table(glmm_binomial_formula(DATA, FORMULA, "ml"))
    assert ask(server, "glmm_binomial_table", [handle]) == shown(expected)


@pytest.mark.mass
def test_the_process_ends_with_its_input_even_within_a_calculation(server):
    ask(server, "glmm_binomial_table", ["GLMM@1"])
    x, groups = [[float(i % 7)] for i in range(400)], [[float(i // 4)] for i in range(400)]
    call = [x, groups, [[0.0], [1.0]], 1.0, "x1", [[50.0], [100.0]], None, 10000.0, None, None]
    server.stdin.write(json.dumps({"method": "glmm_binomial_power", "arguments": call}).encode() + b"\n")
    server.stdin.flush()
    time.sleep(1)
    assert server.poll() is None, "it is calculating"
    server.stdin.close()
    assert server.wait(10) == 0


def test_what_a_library_prints_does_not_stand_among_the_answers():
    code = (
        "from glmm_binomial.libreoffice.server import serve\n"
        "serve(lambda method, arguments: [[print('printed') or method]])"
    )
    call = json.dumps({"method": "asked", "arguments": []}) + "\n"
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(call)
        process.stdin.flush()
        assert process.stdout.readline() == '[["asked"]]\n'
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 0


# The component --------------------------------------------------------------------------------------------------------


@pytest.fixture
def add_in(tmp_path, monkeypatch):
    """An add-in as LibreOffice makes it, beside a program.json that a test may change."""

    class Helper:
        def addImplementation(self, *_):  # noqa: N802
            pass

    for name, content in {
        "uno": {"fileUrlToSystemPath": lambda url: url},
        "unohelper": {"Base": type("Base", (), {}), "ImplementationHelper": Helper},
        "com.sun.star.lang": {"XServiceInfo": type("XServiceInfo", (), {})},
        "org.glmmbinomial.calc": {"XWorksheetFunctions": type("XWorksheetFunctions", (), {})},
    }.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("component.py", "program.json"):
        (tmp_path / name).write_bytes(extension()[name])
    spec = importlib.util.spec_from_file_location("component", tmp_path / "component.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    substitution = types.SimpleNamespace(substituteVariables=lambda *_: str(tmp_path))
    manager = types.SimpleNamespace(createInstanceWithContext=lambda *_: substitution)
    found = module.AddIn(types.SimpleNamespace(ServiceManager=manager))
    yield found
    found._calculation._end()


def test_the_add_in_hands_on_calls_and_is_led_astray_by_no_variable_of_libreoffices_python(add_in, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    rows = add_in.glmm_binomial_formula(tuple(map(tuple, DATA)), FORMULA, "ml", None, None)
    assert rows[0][0].startswith("GLMM@")
    [[message]] = add_in.glmm_binomial_table("GLMM@1")
    assert message.startswith("Invalid input: model must be a live model.")


@pytest.mark.mass
def test_a_process_that_was_ended_is_said_and_started_again(add_in):
    add_in.glmm_binomial_table("GLMM@1")
    process = add_in._calculation._process
    x, groups = [[float(i % 7)] for i in range(400)], [[float(i // 4)] for i in range(400)]
    call = [x, groups, [[0.0], [1.0]], 1.0, "x1", [[50.0], [100.0]], None, 10000.0, None, None]
    threading.Timer(1, process.kill).start()
    [[message]] = add_in.glmm_binomial_power(*call)
    assert message.startswith(f"Error fitting GLMM: the Python that calculates, {sys.executable}, did not answer (")
    assert "Press Ctrl+Shift+F9 to start it again." in message
    [[message]] = add_in.glmm_binomial_table("GLMM@1")
    assert message.startswith("Invalid input: model must be a live model.")


def test_an_environment_that_is_gone_is_a_message_that_says_what_to_do(add_in, tmp_path):
    (tmp_path / "program.json").write_text(json.dumps({"command": ["/gone/python"], "python_path": []}))
    [[message]] = add_in.glmm_binomial_table("GLMM@1")
    assert message.startswith("Error fitting GLMM: the Python that calculates, /gone/python, did not answer (FileNot")
    assert "run `glmm-binomial libreoffice install` where it is now" in message
    assert str(tmp_path / "glmm-binomial.log") in message


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A LibreOffice of which only its name is there; returned is what its program for extensions is asked."""
    found = types.SimpleNamespace(asked=[], code=0)

    def run(command, **_):
        found.asked.append([str(word) for word in command])
        return subprocess.CompletedProcess(command, found.code, "", "said")

    monkeypatch.setattr(program, "find_libreoffice", lambda _: str(tmp_path / "soffice.exe"))
    monkeypatch.setattr(program.subprocess, "run", run)
    return found


def test_install_adds_the_extension_in_the_place_of_an_earlier_one_and_uninstall_removes_it(manager, tmp_path, capsys):
    assert main(["libreoffice", "install"]) == 0
    assert main(["libreoffice", "uninstall"]) == 0
    [[added, *options, path], removed] = manager.asked
    assert added == str(tmp_path / "unopkg.com"), "unopkg.exe has no output"
    assert options == ["add", "--force"]
    assert path.endswith(".oxt")
    assert removed == [added, "remove", IDENTIFIER]
    assert f"The functions are in LibreOffice Calc, which asks {sys.executable}." in capsys.readouterr().out


def test_a_refusal_is_told(manager, capsys):
    manager.code = 1
    assert main(["libreoffice", "install"]) == 2
    said = capsys.readouterr().err
    assert "unopkg.com add refuses: said. If LibreOffice is open, close it, and try again as the user" in said


def test_without_libreoffice_the_file_is_the_way(monkeypatch, capsys):
    monkeypatch.setattr(program.shutil, "which", lambda _: None)
    monkeypatch.setattr(program, "_PLACES", ())
    assert main(["libreoffice", "install"]) == 2
    assert "LibreOffice is not found: there is no soffice on the PATH. Install it, or write" in capsys.readouterr().err


def test_the_extension_can_be_written_as_a_file(tmp_path, capsys):
    assert main(["libreoffice", "--oxt", str(tmp_path / "a.oxt")]) == 0
    with zipfile.ZipFile(tmp_path / "a.oxt") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == extension()
    assert "a.oxt is written. Open it with LibreOffice" in capsys.readouterr().out
    assert main(["libreoffice", "--oxt", str(tmp_path / "no folder" / "a.oxt")]) == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("typed", [[], ["install", "--oxt", "a.oxt"]])
def test_one_thing_must_be_said(typed, capsys):
    assert main(["libreoffice", *typed]) == 2
    assert "say one of them: libreoffice install" in capsys.readouterr().err


def test_an_unknown_action_is_answered_by_what_there_is(capsys):
    assert main(["libreoffice", "instal"]) == 2
    assert "ACTION must be install or uninstall, not 'instal'." in capsys.readouterr().err


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_libreoffice_takes_the_add_in_and_gives_it_up(monkeypatch, capsys):
    with tempfile.TemporaryDirectory() as home:
        as_user = {"env": {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home}}
        if os.geteuid() == 0:
            # root it refuses
            os.chown(home, NOBODY, NOBODY)
            as_user |= {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": home}
        monkeypatch.setattr(program.subprocess, "run", partial(subprocess.run, **as_user))
        monkeypatch.setattr(program.tempfile, "TemporaryDirectory", lambda **_: contextlib.nullcontext(home))
        codes = [main(["libreoffice", action]) for action in ("install", "install", "uninstall", "uninstall")]
    assert codes == [0, 0, 0, 2]
    assert f"There is no such extension deployed: {IDENTIFIER}" in capsys.readouterr().err
