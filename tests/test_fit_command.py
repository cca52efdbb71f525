"""`glmm-binomial fit` as a person types it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import glmm_binomial.certified
from glmm_binomial import fit_formula, glmm_binomial_table
from glmm_binomial.__main__ import main
from glmm_binomial.command_line.fit_output import fit_as_text

CBPP = Path(glmm_binomial.certified.__file__).with_name("cbpp.csv")
FORMULA = "incidence / size ~ C(period) + (1 | herd)"

HERDS = """\
cbpp.csv: 56 rows and 4 columns, separated by commas, no decimals
incidence / size ~ C(period) + (1 | herd)

fixed_effects  coefficient  std_error  z_statistic  p_value  ci_lower  ci_upper  odds_ratio
intercept          -1.3992     0.2335      -5.9921  2.1e-09   -1.8569   -0.9416      0.2468
period[2]          -0.9914     0.3068      -3.2318   0.0012   -1.5927   -0.3901      0.3711
period[3]          -1.1278     0.3268      -3.4514   0.0006   -1.7683   -0.4874      0.3237
period[4]          -1.5795     0.4276      -3.6939   0.0002   -2.4175   -0.7414      0.2061

random_effects  variance  std_dev
intercept         0.4193   0.6475

log_likelihood  -91.9834
aic             193.9667
bic             204.0935

diagnostics"""


def test_the_table_is_printed_block_by_block(capsys):
    # the estimates are those of certified.json, by brute force
    assert main(["fit", str(CBPP), FORMULA, "--method", "ml"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(HERDS)
    assert captured.err == ""
    warnings = captured.out.partition("warning: ")[2].splitlines()
    assert len(warnings) > 2
    assert all(line.startswith("  ") and len(line) <= 110 for line in warnings[1:])


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 3, 0, 1], [0, 2, 3, 1]])
def test_options_may_stand_anywhere(order, capsys):
    typed = [[str(CBPP), FORMULA, "--method", "ml"][i] for i in order]
    assert main(["fit", *typed, "--alpha", "0.1"]) == 0
    # 90 % limits by hand: -1.39923 -+ 1.644854 * 0.233512
    assert re.search(r"intercept .* -1\.7833 +-1\.0151 ", capsys.readouterr().out)


def test_estimates_of_very_different_sizes_keep_their_digits():
    header = ("fixed_effects", "parameter", "coefficient", "p_value", "odds_ratio")
    rows = [header, ("", "intercept", 0.00012345, 0.5, 2.0), ("", "x", 123456.7, 1e-9, 3.0)]
    assert fit_as_text(rows).splitlines() == [
        "fixed_effects  coefficient  p_value  odds_ratio",
        "intercept       0.00012345   0.5000      2.0000",
        "x                   123457  1.0e-09      3.0000",
    ]


def test_every_cell_of_the_table_is_printed():
    model = fit_formula([["y", "x", "g"], *([i % 2, i % 3, i // 4] for i in range(24))], "y ~ x + (1 | g)", method="ml")
    rows = glmm_binomial_table(model)
    text = fit_as_text(rows)
    numbers = {cell for row in rows for cell in row if isinstance(cell, float) and not cell.is_integer()}
    shown = [float(word) for word in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text)]
    for number in numbers:
        assert any(abs(number - each) <= max(5.1e-5, 0.06 * abs(number)) for each in shown), number
    assert all(str(row[1]) in text for row in rows if row[0] == "")


def test_what_was_done_with_columns_is_said_above_the_table(tmp_path, capsys):
    path = tmp_path / "codes.csv"
    lines = [f"{i % 2};{i % 5},5;0{1 + i // 6}" for i in range(48)]
    path.write_text("\n".join(["y;x;g", *lines]), "utf-8")
    assert main(["fit", str(path), "y ~ x + (1 | g)", "--method", "ml"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "codes.csv: 48 rows and 3 columns, separated by semicolons, decimal commas",
        "column g is kept as text: line 2 holds 01, which would not be the same as a number.",
        "y ~ x + (1 | g)",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--alpha", "0,05"], "Invalid input: alpha must be numeric. It is the text '0,05'"),
        (["--method", "mle"], 'for maximum likelihood, as of glmer or melogit, give "ml"'),
        (["--missing", "drop"], 'Invalid input: missing must be "omit" or "refuse"'),
    ],
)
def test_a_model_that_cannot_be_fitted_is_a_message_and_an_exit_code(options, said, capsys):
    assert main(["fit", str(CBPP), FORMULA, *options]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


def test_a_message_of_the_functions_counts_rows_as_the_file_has_lines(tmp_path, capsys):
    path = tmp_path / "typo.csv"
    path.write_text("id,y,x,g\n" + "".join(f"0{i},{i % 2},{'tall' if i == 7 else i},{i % 3}\n" for i in range(9)))
    assert main(["fit", str(path), "y ~ x + (1 | g)"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("glmm-binomial: column id is kept as text")
    assert "Row 9, column 3 of data holds the text 'tall'." in said[1]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["fit"], 'DATA.csv and FORMULA are missing. Write: glmm-binomial fit DATA.csv "y ~ x + (1 | group)"'),
        (["fit", "a.csv"], "FORMULA is missing."),
        (["fit", "a.csv", "y", "~", "x"], "'~' is one word too many; a text with spaces stands in quotation marks."),
        (["fit", "none.csv", "y ~ x"], "none.csv: the file cannot be read: No such file or directory."),
        (["fit", "a.csv", "y ~ x", "--decimal", "dot"], "--decimal must be point or comma, not 'dot'."),
        (["a.csv"], 'say first what to do with a.csv, as in: glmm-binomial fit DATA.csv "y ~ x'),
    ],
)
def test_what_cannot_be_understood_or_read_is_one_sentence(typed, said, capsys):
    assert main(typed) == 2
    captured = capsys.readouterr().err
    assert captured.startswith(f"glmm-binomial: {said}")
    assert captured.count("\n") == 1
