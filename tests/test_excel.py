"""The worksheet functions: how they are registered, what Excel hands over, what goes back."""

from __future__ import annotations

import ast
import configparser
import inspect
import logging
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
import pyxll

import glmm_binomial
from glmm_binomial import InvalidInputError
from glmm_binomial.excel import functions
from glmm_binomial.observations import observe
from glmm_binomial.worksheet import functions as core_functions
from glmm_binomial.worksheet.catalogue import BY_NAME, FUNCTIONS, LONGEST_HELP
from worksheet import EMPTY, ERROR_CELLS, SKIPPED, formula, record_registrations, shown

SOURCE = Path(inspect.getfile(glmm_binomial)).parent

ARGUMENT_TYPES = {
    "y": "var[][]",
    "x": "var[][]",
    "groups": "var[][]",
    "x_random": "var[][]",
    "fit_intercept": "var",
    "alpha": "var",
    "method": "var",
    "trials": "var[][]",
}
OPTIONAL = {"x_random": None, "fit_intercept": True, "alpha": 0.05, "method": "vb", "trials": None}
# what is left out of the others is asked for by a sentence
DEFAULTS = {"y": None, "x": None, "groups": None} | OPTIONAL

Y = [[0], [1], [0], [1], [1], [0]]
X = [[1], [2], [1.5], [2.5], [3], [1.2]]
GROUPS = [[1], [1], [2], [2], [3], [3]]

with pytest.MonkeyPatch.context() as _patch:
    MODULE, REGISTERED = record_registrations(_patch)

every_function = pytest.mark.parametrize("registration", REGISTERED.values(), ids=REGISTERED)


@pytest.fixture
def registration():
    return REGISTERED["GLMM_BINOMIAL"]


@pytest.fixture
def core(monkeypatch):
    """A core that keeps what it was called with and gives back what the test wants."""

    class Core:
        called_with: tuple[object, ...] = ()
        answer: object = (("answered",),)

        def __call__(self, **arguments):
            self.called_with = tuple(arguments.values())
            if isinstance(self.answer, BaseException):
                raise self.answer
            return self

        def rows(self):
            return self.answer

    fake = Core()
    monkeypatch.setattr(core_functions, "_answering", lambda _function: fake)
    return fake


def catalogued(registration):
    return BY_NAME[registration.options["name"]]


def parameters_of(function):
    return inspect.signature(function).parameters


# Registration ---------------------------------------------------------------------------------------------------------


@every_function
def test_a_signature_names_the_arguments_of_its_function_in_their_order(registration):
    assert list(registration.argument_types) == list(parameters_of(registration.function))


@every_function
def test_a_signature_is_of_types_that_pyxll_knows(registration):
    for type_name in (*registration.argument_types.values(), registration.return_type):
        assert re.fullmatch(r"(var|float|str|bool|int|object)(\[\]){0,2}", type_name)


@every_function
def test_a_function_takes_and_returns_any_value_so_that_pyxll_rejects_none_before_the_core_can(registration):
    assert set(registration.argument_types.values()) <= {"var", "var[][]"}
    assert registration.return_type in {"var", "var[][]"}


def test_a_model_goes_into_a_cell_and_out_of_it_as_whatever_pyxll_makes_of_it():
    for name, function in BY_NAME.items():
        assert REGISTERED[name].return_type == ("var" if function.answer == "model" else "var[][]")
        for argument in function.arguments:
            is_model = argument.kind == "model"
            assert REGISTERED[name].argument_types[argument.name] != "object"
            assert not is_model or REGISTERED[name].argument_types[argument.name] == "var"


@every_function
def test_arguments_are_plain_and_positional_with_the_optional_ones_last(registration):
    kinds = {parameter.kind for parameter in parameters_of(registration.function).values()}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert not hasattr(registration.function, "__wrapped__"), "PyXLL would see the arguments of the wrapper"


@every_function
def test_every_argument_has_its_own_help_within_the_length_excel_shows(registration):
    assert list(registration.arguments) == list(parameters_of(registration.function))
    for name, given in registration.arguments.items():
        text = given["_description"]
        assert text.strip() == next(each.help for each in catalogued(registration).arguments if each.name == name)
        assert 20 <= len(text) <= LONGEST_HELP
        assert text.strip().endswith(".")
        assert "\n" not in text


@every_function
def test_the_last_help_ends_with_two_spaces_which_excel_may_cut_off(registration):
    texts = [given["_description"] for given in registration.arguments.values()]
    assert all(text.endswith(".  ") for text in texts[-1:])
    assert not any(text.endswith(" ") for text in texts[:-1])


@every_function
def test_optional_arguments_and_only_they_are_shown_in_brackets(registration):
    for argument in catalogued(registration).arguments:
        label = registration.arguments[argument.name]["_label"]
        assert label == (argument.name if argument.is_required else f"[{argument.name}]")


@every_function
def test_every_argument_may_be_left_out_since_a_sentence_then_asks_for_it(registration):
    parameters = parameters_of(registration.function).values()
    assert not any(parameter.default is parameter.empty for parameter in parameters)
    required = [each for each in catalogued(registration).arguments if each.is_required]
    if required:
        message = registration.function()
        message = message if isinstance(message, str) else shown(message)[0][0]
        assert message.startswith(f"Invalid input: {required[0].name} must be ")
        assert message.endswith((".", ").", '".'))


def test_a_skipped_x_is_the_model_without_predictors_and_a_blank_range_is_not(registration):
    skipped = table(registration, Y, SKIPPED, GROUPS)
    assert [row[1] for row in skipped[:3]] == ["parameter", "intercept", "parameter"]
    [[message]] = formula(registration, Y, EMPTY, GROUPS)
    assert message.startswith("Invalid input: x must have at least 2 row(s).")
    [[message]] = formula(registration, Y, SKIPPED, GROUPS, SKIPPED, False)
    assert message.startswith("Invalid input: x must be given where fit_intercept is FALSE")


def test_one_number_of_trials_counts_for_every_row(registration):
    successes, every = [[0], [3], [1], [5], [2], [4]], [[5]] * 6
    one = table(registration, successes, X, GROUPS, SKIPPED, SKIPPED, SKIPPED, "ml", 5)
    assert one == table(registration, successes, X, GROUPS, SKIPPED, SKIPPED, SKIPPED, "ml", every)
    [[message]] = formula(registration, successes, X, GROUPS, SKIPPED, SKIPPED, SKIPPED, SKIPPED, 2.5)
    assert message.startswith("Invalid input: trials must be a whole number from 1 to 1,000,000,000")


@every_function
def test_the_help_of_a_function_is_one_line_within_the_length_excel_shows(registration):
    text = registration.function.__doc__
    assert 20 <= len(text) <= LONGEST_HELP
    assert "\n" not in text
    assert "  " not in text
    assert ":param" not in text
    # PyXLL takes "name : text" in a docstring for the help of an argument
    assert not re.search(rf"\b({'|'.join(registration.arguments)})\s*:", text)


@every_function
def test_a_function_is_registered_under_its_name_with_the_options_it_needs(registration):
    name = catalogued(registration).name
    is_model = name in {"GLMM_BINOMIAL_MODEL", "GLMM_BINOMIAL_FORMULA"}
    assert registration.options == {
        "name": name,
        "category": "GLMM",
        "auto_resize": not is_model,
        # models are not saved with a workbook
        "recalc_on_open": is_model,
        # a picture is put on the sheet, which Excel allows one thread only
        "thread_safe": name != "GLMM_BINOMIAL_PLOT",
        "disable_function_wizard_calc": True,
    }


@pytest.mark.parametrize("address", ["https://example.org/glmm", " https://example.org/glmm/ "])
def test_help_on_a_function_opens_its_page_where_the_address_of_the_site_is_known(monkeypatch, address):
    config = configparser.RawConfigParser()
    config.read_dict({"GLMM": {"help_address": address}})
    monkeypatch.setattr(pyxll, "get_config", lambda: config)
    _, registered = record_registrations(monkeypatch)
    for name, each in registered.items():
        page = re.fullmatch(r"https://example\.org/glmm/(\S+)\.html!0", each.options["help_topic"])[1]
        assert (SOURCE.parents[1] / "docs" / f"{page}.md").read_text("utf-8").startswith(f"# {name}\n")


@pytest.mark.parametrize("config", [{}, {"GLMM": {"help_address": " "}}, {"GLMM": {"disable_ribbon": "1"}}])
def test_no_help_is_promised_where_no_address_is_known(monkeypatch, config):
    parser = configparser.RawConfigParser()
    parser.read_dict(config)
    monkeypatch.setattr(pyxll, "get_config", lambda: parser)
    _, registered = record_registrations(monkeypatch)
    assert not any("help_topic" in each.options for each in registered.values())


def test_worksheet_functions_are_the_registered_functions_by_name():
    assert {name: each.function for name, each in REGISTERED.items()} == MODULE.WORKSHEET_FUNCTIONS
    assert list(functions.WORKSHEET_FUNCTIONS) == [function.name for function in FUNCTIONS]


def test_glmm_binomial_takes_ranges_as_ranges_and_options_as_single_values(registration):
    assert registration.argument_types == ARGUMENT_TYPES


def test_glmm_binomial_has_the_defaults_of_the_contract(registration):
    parameters = parameters_of(registration.function).values()
    assert {each.name: each.default for each in parameters if each.default is not each.empty} == DEFAULTS


def test_glmm_binomial_has_the_arguments_and_defaults_of_the_core(registration):
    on_worksheet = parameters_of(registration.function).values()
    in_core = parameters_of(glmm_binomial.glmm_binomial).values()
    assert [(each.name, each.default) for each in on_worksheet] == [(each.name, each.default) for each in in_core]


@every_function
def test_what_answers_a_function_takes_its_arguments_by_their_names_with_the_same_defaults(registration):
    function = catalogued(registration)
    answering = core_functions._answering(function)
    if function.name in {"GLMM_BINOMIAL", "GLMM_BINOMIAL_MODEL"}:
        # what makes the model hands its arguments on
        answering = observe
    taken = parameters_of(answering)
    assert list(dict.fromkeys(each.gathered_in or each.name for each in function.arguments)) == list(taken)
    for each in function.arguments:
        if each.gathered_in:
            assert taken[each.gathered_in].default is inspect.Parameter.empty
            continue
        default = taken[each.name].default
        assert (default is inspect.Parameter.empty) == each.is_required
        assert each.is_required or default in {each.default, None}


# Lightness ------------------------------------------------------------------------------------------------------------


def test_what_pyxll_imports_while_excel_starts_imports_nothing_heavy():
    heavy = {"numpy", "scipy", "statsmodels", "pandas", "matplotlib"}
    script = (
        "import sys, glmm_binomial.excel as entry\n"
        "for name in entry.modules(): __import__(name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert "glmm_binomial" in loaded
    assert not heavy & set(loaded)


def test_the_entry_points_can_be_read_without_pyxll():
    script = "import sys, glmm_binomial.excel as entry; entry.modules(); print('pyxll' in sys.modules)"
    read = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert read.stdout.strip() == "False"


@pytest.mark.mass
def test_one_file_imports_pyxll():
    assert [path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if imports(path, "pyxll")] == [
        "excel/functions.py"
    ]


def imports(path, package):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if package in {name.partition(".")[0] for name in names}:
            return True
    return False


# What the edge converts -----------------------------------------------------------------------------------------------


def test_arguments_reach_the_core_as_excel_hands_them_over(registration, core):
    formula(registration, [[0], [True], ["#N/A"]], [[1, "a"], [EMPTY, 2.5]], "A", [[1.5]], True, 0.1, "ml", [[3], [4]])
    y, x, groups, *rest = core.called_with
    assert y[:2] == [[0.0], [True]]
    assert type(y[0][0]) is float
    assert type(y[1][0]) is bool
    assert type(y[2][0]) is RuntimeError
    assert x == [[1.0, "a"], [None, 2.5]]
    assert groups == [["A"]]
    assert rest == [[[1.5]], True, 0.1, "ml", [[3.0], [4.0]]]


@pytest.mark.parametrize("left_out", [(), (SKIPPED,) * 5, (SKIPPED, SKIPPED)], ids=["all", "each skipped", "some"])
def test_arguments_left_out_reach_the_core_as_its_defaults(registration, core, left_out):
    formula(registration, Y, X, GROUPS, *left_out)
    _, _, _, *rest = core.called_with
    assert rest == list(OPTIONAL.values())


def test_an_argument_after_a_skipped_one_keeps_its_place(registration, core):
    formula(registration, Y, X, GROUPS, SKIPPED, False, SKIPPED, SKIPPED, [[1]] * 6)
    _, _, _, *rest = core.called_with
    assert rest == [None, False, 0.05, "vb", [[1.0]] * 6]


def test_a_table_comes_back_with_empty_text_for_its_empty_places(registration, core):
    core.answer = [["a", None, 1.5], [None, True, -0.0]]
    assert formula(registration, Y, X, GROUPS) == [["a", "", 1.5], ["", True, -0.0]]


def test_rows_of_unequal_length_come_back_as_a_rectangle(registration, core):
    core.answer = [["a", 1.0], ["b"], []]
    assert formula(registration, Y, X, GROUPS) == [["a", 1.0], ["b", ""], ["", ""]]


def test_whole_numbers_and_numpy_numbers_come_back_as_floats(registration, core):
    core.answer = [[24, np.int64(6), np.float64(0.1), np.float32(0.5)]]
    assert formula(registration, Y, X, GROUPS) == [[24.0, 6.0, 0.1, 0.5]]


def test_a_number_comes_back_with_every_digit(registration, core):
    core.answer = [[0.1 + 0.2, 5e-324, 1.7976931348623157e308]]
    assert formula(registration, Y, X, GROUPS) == core.answer


def test_a_message_comes_back_in_one_cell(registration, core):
    core.answer = InvalidInputError("Invalid input: y must be a 2D list.")
    assert formula(registration, Y, X, GROUPS) == [["Invalid input: y must be a 2D list."]]


def test_the_answer_of_the_core_is_not_changed(registration, core):
    core.answer = [["a", None], ["b"]]
    formula(registration, Y, X, GROUPS)
    assert core.answer == [["a", None], ["b"]]


@pytest.mark.parametrize("in_table", [False, True])
def test_a_text_too_long_for_a_cell_is_cut(registration, core, in_table):
    core.answer = [["x" * 40_000]] if in_table else InvalidInputError("x" * 40_000)
    [[text]] = formula(registration, Y, X, GROUPS)
    assert len(text) == 32_767
    assert text.endswith("x ...")


@pytest.mark.parametrize(
    ("error", "text"),
    [(ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero."), (MemoryError(), "MemoryError.")],
    ids=["with a text", "without"],
)
def test_an_unexpected_exception_is_one_cell_and_an_entry_in_the_log(registration, core, caplog, error, text):
    core.answer = error
    with caplog.at_level(logging.ERROR):
        [[message]] = formula(registration, Y, X, GROUPS)
    assert message.startswith(f"Error fitting GLMM: {text}")
    [record] = caplog.records
    assert record.exc_info[1] is error


def test_a_value_no_cell_can_hold_is_an_unexpected_error(registration, core, caplog):
    core.answer = [[object()]]
    [[message]] = formula(registration, Y, X, GROUPS)
    assert message.startswith("Error fitting GLMM: TypeError: ")
    assert len(caplog.records) == 1


def test_a_core_that_cannot_be_imported_is_one_cell_and_not_an_exception(registration, monkeypatch, caplog):
    def fails(_name):
        text = "DLL load failed"
        raise ImportError(text)

    monkeypatch.setattr(core_functions, "import_module", fails)
    [[message]] = formula(registration, Y, X, GROUPS)
    assert message.startswith("Error fitting GLMM: ImportError: DLL load failed.")
    assert len(caplog.records) == 1


def test_escape_is_not_swallowed(registration, core):
    core.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        formula(registration, Y, X, GROUPS)


@pytest.mark.parametrize(
    "unfit",
    [[], [[]], [[1.0], [1.0, 2.0]], [[None]], [[1]], [(1.0,)], 1.0, [[np.float64(1)]], [[float("nan")]]],
    ids=["no row", "no column", "ragged", "None", "int", "tuple", "scalar", "numpy", "not a number"],
)
def test_the_check_of_what_excel_can_show_fails_on_what_it_cannot(unfit):
    with pytest.raises(AssertionError):
        shown(unfit)


# Excel and the core ---------------------------------------------------------------------------------------------------

Y2 = [[0], [1], [1], [0], [1], [1]]
SLOPES = [[1], [1], [1.5], [1.5], [2], [2]]
PUBLISHED = {
    "intercept only": (Y, X, GROUPS),
    "random slope": (Y2, X, GROUPS, SLOPES),
    "FALSE in the place of x_random": (Y, X, GROUPS, False),
    "x_random skipped, FALSE": (Y, X, GROUPS, SKIPPED, False),
    "all six": (Y2, X, GROUPS, SLOPES, True, 0.1),
}
HEADER = ["fixed_effects", "parameter", "coefficient", "std_error", "z_statistic", "p_value"]


def table(registration, *values):
    spilled = formula(registration, *values)
    assert spilled[0][0] == "fixed_effects", spilled[0][0]
    return spilled


def labelled(spilled):
    return {row[1] for row in takewhile(lambda row: row[0] != "log_likelihood", spilled)}


@pytest.mark.parametrize("arguments", PUBLISHED.values(), ids=PUBLISHED)
def test_a_published_example_spills_a_table(registration, arguments):
    spilled = table(registration, *arguments)
    assert spilled[0] == [*HEADER, "ci_lower", "ci_upper", "odds_ratio"]
    assert {"log_likelihood", "aic", "bic", "diagnostics"} <= {row[0] for row in spilled}
    assert "x1" in labelled(spilled)


def test_false_in_the_place_of_x_random_leaves_out_the_intercept(registration):
    assert table(registration, *PUBLISHED["FALSE in the place of x_random"]) == formula(
        registration, *PUBLISHED["x_random skipped, FALSE"]
    )
    assert [row[1] for row in table(registration, Y, X, GROUPS, False)[1:3]] == ["x1", "parameter"]


@pytest.mark.parametrize("empty", [EMPTY, "", SKIPPED], ids=["empty cells", "empty texts", "skipped"])
def test_empty_options_are_defaults(registration, empty):
    assert table(registration, Y, X, GROUPS, *[empty] * 5) == table(registration, Y, X, GROUPS)


@pytest.mark.parametrize("false", [False, 0, "FALSE", [[False]]], ids=str)
def test_excels_ways_to_write_false_are_all_understood(registration, false):
    assert table(registration, Y, X, GROUPS, SKIPPED, false) == table(registration, Y, X, GROUPS, SKIPPED, False)


def test_a_header_row_gives_the_names_in_the_table(registration):
    spilled = table(registration, [["ill"], *Y], [["dose"], *X], [["herd"], *GROUPS])
    assert "dose" in labelled(spilled)
    assert [row[2:] for row in spilled] == [row[2:] for row in table(registration, Y, X, GROUPS)]


def test_whole_columns_are_cut_where_the_data_end(registration):
    blank = [[EMPTY]] * 20_000
    assert table(registration, Y + blank, X + blank, GROUPS + blank) == table(registration, Y, X, GROUPS)


def test_true_and_false_count_as_one_and_zero(registration):
    as_booleans = [[bool(cell)] for (cell,) in Y]
    assert table(registration, as_booleans, X, GROUPS) == table(registration, Y, X, GROUPS)


def test_text_labels_and_numbers_make_the_same_groups(registration):
    as_text = [["abc"[cell - 1]] for (cell,) in GROUPS]
    assert table(registration, Y, X, as_text) == table(registration, Y, X, GROUPS)


@pytest.mark.parametrize("argument", ["y", "x", "groups", "x_random"])
@pytest.mark.parametrize("error", ERROR_CELLS)
def test_an_error_cell_is_named_with_its_error(registration, argument, error):
    ranges = {"y": Y2, "x": X, "groups": GROUPS, "x_random": SLOPES}
    ranges[argument] = [*ranges[argument][:3], [error], *ranges[argument][4:]]
    [[message]] = formula(registration, *ranges.values())
    assert message.startswith(f"Invalid input: {argument}[3][0] must be ")
    assert error in message
    assert "Row 4, column 1" in message


def test_the_same_formula_gives_the_same_digits_every_time(registration):
    assert table(registration, Y, X, GROUPS) == table(registration, Y, X, GROUPS)


@pytest.mark.mass
def test_cells_computed_in_several_threads_show_the_same_digits_as_in_one(registration):
    formulas = [PUBLISHED["intercept only"], PUBLISHED["random slope"], PUBLISHED["all six"]] * 4
    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(lambda arguments: table(registration, *arguments), formulas))
    assert at_once == [table(registration, *arguments) for arguments in formulas]


@pytest.mark.mass
def test_the_first_cells_may_be_computed_at_once_in_many_threads():
    script = f"""
from concurrent.futures import ThreadPoolExecutor
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
glmm_binomial = WORKSHEET_FUNCTIONS['GLMM_BINOMIAL']
with ThreadPoolExecutor(8) as threads:
    tables = list(threads.map(lambda _: glmm_binomial({Y}, {X}, {GROUPS}), range(8)))
print(all(each == tables[0] and each[0][0] == "fixed_effects" for each in tables))
"""
    computed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert computed.stdout.strip() == "True", computed
