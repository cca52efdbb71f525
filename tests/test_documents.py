"""The documents: up to date with the catalogue, right in what they calculate, and with links that lead somewhere."""

from __future__ import annotations

import math
import re
import shlex

import pytest
import xlsxwriter

import conf
import worked
import worked_pages
from glmm_binomial import glmm_binomial, glmm_binomial_table
from glmm_binomial.__main__ import main
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.workbook import recalculate
from glmm_binomial.worksheet.catalogue import BY_NAME, FUNCTIONS
from worked_pages import DOCS, PART, pages

ROOT = DOCS.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *pages()]

every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
every_page = pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.]*\d)")
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")

ARGUMENTS = {argument.name for function in FUNCTIONS for argument in function.arguments}
NOT_RUN = {
    "FILTER": "a function of Excel",
    "A2:A121": "columns of no data of ours, in a program that writes a formula",
    "; ": "as in an Excel of another language",
}
"""Formulas that are not calculated here, by what is in them."""

ELSEWHERE = {
    "functions/glmm_binomial_predict.md": {".8676": "the article's, by Laplace's approximation"},
    "functions/glmm_binomial_confint.md": {
        "7.024": "the article's",
        "11.448": "the article's",
        ".345": "the article's",
    },
    "functions/glmm_binomial_contrast.md": dict.fromkeys(("93.7", "95.0", "94.0", "95.7", "1.3"), "benchmarks.effects"),
    "functions/glmm_binomial_margins.md": dict.fromkeys(
        ("93.7", "95.0", "94.0", "95.7", "1.3", "8.93"), "benchmarks.effects, and the table's odds ratio"
    ),
    "functions/glmm_binomial_influence.md": {".37": "test_guides.py", "1.2": "test_guides.py"},
    "functions/glmm_binomial_power.md": dict.fromkeys(
        (".363", ".555", ".821", ".310", ".524", ".816"), "the last test of this file"
    ),
}
"""Numbers below an example that its answers do not hold, and where they come from."""

TOLD = ("quick-start.md", "reporting.md")
"""Pages of which every number is one of their answers."""

HERDS = "incidence / size ~ C(period) + (1 | herd)"
COMMAND_LINE = (DOCS / "command-line.md").read_text("utf-8")


def text_of(path):
    return path.read_text("utf-8")


def by_hand(text):
    """A page without what is calculated in it."""
    return PART.sub("", text)


def plain(text):
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^ {4}(?! *[-*]).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "code", text)


def slugs(text):
    """What links call the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def formulas_of(text):
    """Every formula that is written as one: in a line of code, or within a line."""
    text = by_hand(text).replace("\\|", "|")
    return re.findall(r"^ {4}(=GLMM_BINOMIAL.*)$", text, re.MULTILINE) + re.findall(r"`(=GLMM_BINOMIAL[^`]*)`", text)


def is_an_outline(formula):
    """Whether it names its arguments, as in =GLMM_BINOMIAL(y, x, groups), in the place of cells."""
    names = set(re.findall(r"\b[a-z_0-9]+\b", re.sub(r'"[^"]*"', "", formula))) - {"model"}
    return bool(names & ARGUMENTS) or "..." in formula or "[model" in formula


# --- what is calculated -----------------------------------------------------------------------------------------------


@pytest.mark.mass
@every_page
def test_what_is_calculated_in_a_page_is_up_to_date(path):
    written, anew = text_of(path), worked_pages.worked(text_of(path))
    run = "run python docs/worked_pages.py"
    assert NUMBER.sub("#", written) == NUMBER.sub("#", anew), run
    for old, new in zip(NUMBER.findall(written), NUMBER.findall(anew), strict=True):
        # another machine may round the last digit otherwise
        decimals = len(old.partition("e")[0].partition(".")[2])
        exponent = int(old.partition("e")[2] or 0)
        assert math.isclose(float(old), float(new), abs_tol=1.01 * 10.0 ** (exponent - decimals)), f"{old} {new}: {run}"


def test_a_number_that_is_off_is_seen(monkeypatch):
    page = DOCS / "functions" / "glmm_binomial_predict.md"
    before = worked_pages.answer
    monkeypatch.setattr(worked_pages, "answer", lambda *asked: _moved(before(*asked)))
    with pytest.raises(AssertionError, match=r"worked_pages\.py"):
        test_what_is_calculated_in_a_page_is_up_to_date(page)


def _moved(answered):
    if isinstance(answered, str):
        return answered
    return [[cell + 0.0003 if isinstance(cell, float) else cell for cell in row] for row in answered]


@pytest.mark.mass
@every_document
def test_every_formula_is_answered(path):
    sheet = "study" if "<!-- sheet study -->" in text_of(path) else "children"
    for formula in formulas_of(text_of(path)):
        if is_an_outline(formula) or any(mark in formula for mark in NOT_RUN) or ", 1000)" in formula:
            continue
        answered = worked.answer(formula, sheet)
        assert not isinstance(answered, str), (formula, answered)


def test_formulas_are_found_and_outlines_told_from_them():
    found = [formula for path in DOCUMENTS for formula in formulas_of(text_of(path))]
    run = [each for each in found if not is_an_outline(each)]
    assert len(run) > 60
    assert is_an_outline("=GLMM_BINOMIAL(y, , groups)")
    assert not is_an_outline('=GLMM_BINOMIAL_CONTRAST(model, "trt * sex")')


@pytest.mark.parametrize("name", [*(f"functions/{each.python_name}.md" for each in FUNCTIONS), *TOLD])
def test_numbers_said_of_an_example_are_those_of_its_answer(name):
    text = text_of(DOCS / name)
    if name not in TOLD:
        text = text.partition("\n## Example\n")[2].partition("\n## ")[0]
    answers = [number for part in PART.finditer(text) for number in NUMBER.findall(part[0])]
    known = {abs(float(number)) for number in answers}
    for number in re.findall(r"(?<![\w.])\d*\.\d+\b", plain(by_hand(text))):
        decimals = len(number.partition(".")[2])
        is_there = any(math.isclose(float(number), each, abs_tol=0.51 * 10.0**-decimals) for each in known)
        assert is_there != (number in ELSEWHERE.get(name, {})), number


def test_the_quick_start_reads_its_tables_right():
    coefficients = {row[1]: row[6:] for row in worked.answer("=GLMM_BINOMIAL(A1:A221, B1:C221, D1:D221)")[1:4]}
    lower, upper, odds_ratio = coefficients["drug"]
    assert [f"{math.exp(limit):.2f}" for limit in (lower, upper)] == ["0.11", "1.06"]
    assert f"{odds_ratio:.2f}" == "0.36"
    header, *rows = worked.answer("=GLMM_BINOMIAL_CHECK(F1)")
    assert [row[header.index("inside")] for row in rows[:10]] == [True] * 10
    assert rows[10][0] == "pearson_residuals"


def test_the_quick_start_fits_the_same_from_a_file(tmp_path, capsys):
    file = tmp_path / "bacteria.csv"
    file.write_text("\n".join(",".join(str(cell) for cell in row) for row in worked.CHILDREN), "utf-8")
    typed = re.search(r'^glmm-binomial fit bacteria.csv "(.*)"$', text_of(DOCS / "quick-start.md"), re.MULTILINE)
    assert main(["fit", str(file), typed[1]]) == 0
    printed = capsys.readouterr().out
    for row in worked.answer("=GLMM_BINOMIAL_TABLE(F1)")[1:4]:
        assert re.search(rf"^{row[1]} +{row[2]:.4f} +{row[3]:.4f} ", printed, re.MULTILINE)


def test_the_command_line_page_shows_what_fit_prints(capsys, monkeypatch):
    typed, shown = re.search(r"^\$ glmm-binomial (.*)\n((?:.*\n)*?)\.\.\.\n```", COMMAND_LINE, re.MULTILINE).groups()
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(typed)) == 0
    assert capsys.readouterr().out.startswith(shown)


def test_the_rows_that_a_filter_leaves_are_fitted(tmp_path):
    formula = re.search(r"`(=GLMM_BINOMIAL\(FILTER.*)`", text_of(DOCS / "troubleshooting.md"))[1]
    workbook = tmp_path / "filter.xlsx"
    with xlsxwriter.Workbook(workbook, {"use_future_functions": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(worked.CHILDREN):
            sheet.write_row(number, 0, row)
        sheet.write_dynamic_array_formula("F1", formula.replace("=", "=_xll.", 1))
    [cell] = recalculate(workbook, WORKSHEET_FUNCTIONS).cells
    left = [row for row in worked.CHILDREN[1:] if row[1] > 0]
    fitted = glmm_binomial([row[:1] for row in left], [row[1:3] for row in left], [row[3:] for row in left])
    assert [row[2] for row in cell.table[1:4]] == pytest.approx([row[2] for row in fitted[1:4]], rel=1e-9)


def test_every_diagnostic_is_explained():
    fits = [worked.answer(f'=GLMM_BINOMIAL_FORMULA(Herds[#All], "{HERDS}", "{method}")') for method in ("vb", "ml")] + [
        worked.answer(worked.CHILDREN_MODEL)
    ]
    explained = text_of(DOCS / "table.md").partition("## Diagnostics")[2]
    for model in fits:
        rows = glmm_binomial_table(model)
        start = next(i for i, row in enumerate(rows) if row[0] == "diagnostics")
        for row in rows[start + 1 :]:
            assert row[0] == "warning" or f"`{row[1].partition(': ')[0]}" in explained, row


# --- the pages of functions -------------------------------------------------------------------------------------------


@every_function
def test_every_function_has_a_page_in_the_same_order(function):
    text = text_of(DOCS / "functions" / f"{function.python_name}.md")
    assert text.startswith(f"# {function.name}\n\n<!-- call {function.name} -->\n")
    assert re.findall(r"^## (What it gives|Example|Messages)$", text, re.MULTILINE) == [
        "What it gives",
        "Example",
        "Messages",
    ]
    kinds = [part[1] for part in PART.finditer(text)]
    assert text.count("<!-- end -->") == len(kinds) - kinds.count(None)
    assert {"call", "answer", "messages"} <= set(kinds) or not function.arguments


@every_function
def test_every_column_of_an_example_is_explained(function):
    text = text_of(DOCS / "functions" / f"{function.python_name}.md")
    explained = by_hand(text) + text_of(DOCS / "table.md") if function.name in TABLES else by_hand(text)
    for part in PART.finditer(text):
        if part[1] == "answer":
            formula = part[2].strip().partition(" ")[2]
            header = worked.answer(formula, "study" if "<!-- sheet study -->" in text else "children")[0]
            # names of coefficients are the reader's own
            named = [cell for cell in header if re.fullmatch(r"[a-z]+(_[a-z]+)*", cell) and cell != "intercept"]
            assert len(named) < 2 or all(f"`{name}`" in explained for name in named), (function.name, named)


TABLES = {f"GLMM_BINOMIAL{end}" for end in ("", "_MODEL", "_FORMULA", "_TABLE")}
"""Their columns are explained by the page on the table."""


# --- links and names --------------------------------------------------------------------------------------------------


@every_document
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(path):
    for link in LINK.findall(plain(text_of(path))):
        if link.startswith("http"):
            continue
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not heading or heading in slugs(text_of(target)), link


def test_the_site_shows_every_page_once():
    listed = [page for under in conf.CONTENTS.values() for page in under]
    with_functions = [*listed, "index", *(f"functions/{function.python_name}" for function in FUNCTIONS)]
    assert sorted(with_functions) == sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in pages())


@every_function
def test_the_readme_leads_to_the_page_of_every_function(function):
    assert f"](docs/functions/{function.python_name}.md)" in README


@every_document
def test_a_document_names_no_worksheet_function_that_there_is_not(path):
    assert set(re.findall(r"\bGLMM_BINOMIAL(?:_[A-Z]+)?\b", text_of(path))) <= set(BY_NAME)


def test_the_readme_is_one_that_is_read():
    assert len(README.splitlines()) <= 120


def test_each_command_of_the_readme_can_be_the_first_that_is_typed():
    commands = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert len(commands) == 4
    for command in commands:
        folder = re.match(r"python3 -m venv (\S+) && ", command)
        assert folder is not None, command
        assert set(re.findall(r"(\S+)/bin/", command)) == {folder[1]}


def test_the_commands_that_the_checks_run_are_in_the_readme():
    run = text_of(ROOT / ".ci" / "run")
    wanted = re.findall(r"command_with '([^']+)'", run)
    assert len(wanted) == 2
    for command in wanted:
        assert command in README


@pytest.mark.mass
@pytest.mark.simulation
def test_the_power_of_a_thousand_studies_is_as_said():
    text = " ".join(text_of(DOCS / "functions" / "glmm_binomial_power.md").split())
    formula = next(each for each in formulas_of(text) if ", 1000)" in each)
    header, *rows = worked.answer(formula, "study")
    shown = [[f"{row[header.index(name)]:.3f}".lstrip("0") for row in rows[:3]] for name in ("power", "power_t_test")]
    assert shown == [[".363", ".555", ".821"], [".310", ".524", ".816"]]
    assert "power is .363, .555 and .821, and by t .310, .524 and .816" in text


def test_the_code_for_python_runs():
    code = re.search(r"^```python\n(.*?)^```", text_of(DOCS / "python.md"), re.DOTALL | re.MULTILINE)[1]
    rows = [[float((i * i % 7 + i // 6 % 3) % 2), "ab"[i % 2], "mf"[i // 2 % 2], f"p{i // 6}"] for i in range(120)]
    frame = [["cured", "drug", "sex", "patient"], *rows]
    columns = {"y": 0, "x": 1, "groups": 3}
    given = {name: [[row[place]] for row in frame[1:]] for name, place in columns.items()}
    given["x"] = [[float(cell == "a")] for (cell,) in given["x"]]
    # what is asked last is the model of arrays, whose rows have no names of factors
    with_formula, with_arrays = code.split("# or arrays")
    asked = with_arrays.partition("\n\n")[2]
    names = {"frame": frame, "new_data": frame[:5], **given}
    exec(with_formula + asked, names)
    exec(with_formula.partition("\n\n")[0] + "\n# or arrays" + with_arrays.partition("\n\n")[0], names)
