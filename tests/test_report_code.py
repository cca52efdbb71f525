"""The code of a report: run by R and by Python it gives the digits it promises; by Stata and SAS it means the model."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from contextlib import redirect_stdout
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose

from glmm_binomial import estimates_of, fit_formula, fit_model, report
from glmm_binomial.answers.report_styles.languages import plain_names
from glmm_binomial.answers.report_styles.r_code import text_in_r
from glmm_binomial.answers.report_styles.refit import refit_of
from glmm_binomial.answers.report_styles.sas_code import text_in_sas
from glmm_binomial.answers.report_styles.stata_code import text_in_stata

RSCRIPT = shutil.which("Rscript")
HEADER = ["y", "trt", "sex", "dose", "my age", "good", "size", "cured", "flag", "grade", "id"]


def study(seed=4, *, groups=24, size=8, sd=1.0, slope=0.0):
    """A table with columns of all kinds, some of whose names and texts need care."""
    rng = np.random.default_rng(seed)
    rows = [HEADER]
    for group in range(groups):
        u, v = sd * rng.normal(), slope * rng.normal()
        for _ in range(size):
            trt, sex = "abc"[rng.integers(3)], "fm"[rng.integers(2)]
            dose, age = round(rng.uniform(0.5, 4.0), 2), float(rng.integers(20, 60))
            eta = -0.4 + 0.8 * (trt == "b") + 0.5 * (sex == "m") + 0.3 * (dose - 2.0) + u + v * (dose - 2.0)
            y, trials = rng.random() < 1.0 / (1.0 + np.exp(-eta)), int(rng.integers(2, 9))
            good = rng.binomial(trials, 1.0 / (1.0 + np.exp(-eta)))
            flag, grade = bool(rng.integers(2)), float(rng.integers(1, 4))
            text = "yes" if y else "no"
            rows.append([float(y), trt, sex, dose, age, good, trials, text, flag, grade, f"herd {group}"])
    return rows


def columns(*names, rows=None):
    rows = rows or study()
    return [[row[rows[0].index(name)] for name in names] for row in rows]


FORMULAS = {
    "factors": "y ~ trt * sex + dose + (1 | id)",
    "reference": 'cured ~ C(trt, Treatment("b")) + log(dose + 1) + flag + (1 | id)',
    "poly": "good / size ~ poly(dose, 2) + `my age` + (1 | id)",
    "spline": "cbind(good, size - good) ~ bs(dose, df = 4) + scale(`my age`) + (1 | id)",
    "levels of numbers": "good / size ~ C(grade) * trt + C(flag) + I(`my age` / 10) + (1 | id)",
    "cells": "y ~ trt:sex + dose + (1 | id)",
    "no intercept": "y ~ 0 + trt + sex + (1 | id)",
    "slopes by numbers": "y ~ sex + sex:dose + I((`my age` - 40)^2 / -2) + (1 | id)",
    "brackets": "good / size ~ I(dose - (grade - size)) + I(grade / (2 / dose) - (1 - dose^2)^2 / 9) + (1 | id)",
    "two codings": "y ~ C(grade) + sex + I(grade * dose) + (1 | id)",
}
OTHERS = (
    *("a level NA", "rows left out", "texts like others", "vb", "no variance", "three effects"),
    *("ranges", "ranges without header"),
    *("named like others", "no predictors", "slope at zero"),
)


def with_a_level_na():
    return [["NA" if cell == "c" else cell for cell in row] for row in study()]


def with_blanks():
    rows = study()
    rows[3][3], rows[7][1] = None, None
    return rows


def with_texts_like_others():
    """Levels 9, 010 and 11, and outcomes T and F, which programs take for numbers and truth values; and blanks."""
    levels, outcomes = {"a": "9", "b": "010", "c": "11"}, {"yes": "T", "no": "F"}
    rows = [[levels.get(cell, outcomes.get(cell, cell)) for cell in row] for row in study()]
    for row in rows[5:60:4]:
        row[HEADER.index("cured")] = None
    return rows


def with_slopes():
    return study(5, slope=1.2, groups=40, size=16)


def of_three_effects():
    table, formula, method = TABLES["three effects"]
    return fit_formula(table(), formula, method=method)


def of_two_slopes(bar):
    return fit_formula(with_slopes(), f"y ~ dose + (1 + dose {bar} id)", method="ml")


def of_ranges(**options):
    chosen = {"y": columns("y"), "x": columns("dose", "my age"), "groups": columns("id"), "method": "ml", **options}
    return fit_model(**chosen)


def without_header(rows):
    return rows[1:]


TABLES = {
    "a level NA": (with_a_level_na, "y ~ trt + (1 | id)", "ml"),
    "rows left out": (with_blanks, "y ~ trt + dose + (1 | id)", "ml"),
    "texts like others": (with_texts_like_others, "cured ~ C(trt) * sex + (1 | id)", "ml"),
    "vb": (study, "y ~ trt + dose + (1 | id)", "vb"),
    "no variance": (lambda: study(1, sd=0.0), "y ~ trt + (1 | id)", "ml"),
    "three effects": (with_slopes, "y ~ dose + (1 + dose + flag || id)", "ml"),
}


@cache
def models():
    """Models whose code R and Python run."""
    found = {name: fit_formula(study(), formula, method="ml") for name, formula in FORMULAS.items()}
    for name, (table, formula, method) in TABLES.items():
        found[name] = fit_formula(table(), formula, method=method)
    found["ranges"] = of_ranges()
    found["ranges without header"] = of_ranges(
        y=without_header(columns("good")),
        x=without_header(columns("dose", "my age")),
        groups=without_header(columns("id")),
        trials=without_header(columns("size")),
        fit_intercept=False,
    )
    found["named like others"] = of_ranges(x=[["y", "Groups"], *without_header(columns("dose", "my age"))])
    found["no predictors"] = of_ranges(x=None)
    found["slope at zero"] = of_ranges(
        x=columns("dose"),
        x_random=columns("flag", rows=[HEADER, *([*r[:8], float(r[8]), *r[9:]] for r in study()[1:])]),
        alpha=0.1,
    )
    return found


def cells_of_file(model):
    """The file that the code of a model asks for."""
    refit = refit_of(model)
    if model.coding is not None:
        # the models of two slopes are of the same table
        name = next((name for name, each in models().items() if each is model), "three effects")
        table = TABLES[name][0]() if name in TABLES else study()
        return columns(*refit.columns, rows=table)
    observations = model.observations
    y, *rest = refit.columns
    (groups,) = refit.groups
    given = {y: observations.successes, groups: [observations.group_labels[g] for g in observations.group_index]}
    if observations.trials_given:
        given[rest[0]] = observations.trials
    for products, values in ((refit.fixed, observations.x), (refit.all_slopes, observations.x_random)):
        given |= {each.plain: column for each, column in zip(products, values.T, strict=True)}
    return [list(refit.columns), *map(list, zip(*(given[name] for name in refit.columns), strict=True))]


def write_file(model, folder):
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        rows = cells_of_file(model)
        csv.writer(file).writerows(
            [["TRUE" if c is True else "FALSE" if c is False else c for c in row] for row in rows]
        )


def lines_of(model, style):
    rows = report(model, style).rows()
    assert all(len(row) == 1 for row in rows)
    return [row[0] for row in rows]


def promised(lines):
    """Names, estimates and standard errors of the comments, as texts; and SDs and the log-likelihood."""
    number = r"(-?\d[\d.]*(?:e[-+]\d+)?)"
    coefficients = [re.fullmatch(rf"#   (.+?)  +{number}  +{number}", line) for line in lines]
    others = [re.fullmatch(rf"#   (.*): {number}", line) for line in lines]
    return [found.groups() for found in coefficients if found], dict(found.groups() for found in others if found)


def require_within_one_of_the_last_digit(found, shown):
    mantissa, _, power = shown.partition("e")
    unit = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    assert abs(found - float(shown)) <= 1.5 * unit, (found, shown)


# --- run by R and by Python -------------------------------------------------------------------------------------------

OF_GLMER = """
cat("coefficients", length(fixef(model)), "\\n")
cat(sprintf("%s\\t%.12g\\t%.12g\\n", names(fixef(model)), fixef(model), sqrt(diag(as.matrix(vcov(model))))), sep = "")
sds <- as.data.frame(VarCorr(model)); sds <- sds[is.na(sds$var2), ]
cat(sprintf("SD of %s\\t%.12g\\n", sds$var1, sds$sdcor), sep = "")
cat(sprintf("logLik\\t%.12g\\n", logLik(model)))
"""

OF_MIXED_MODEL = """
ses <- sqrt(diag(vcov(model, parm = "fixed-effects")))
cat(sprintf("%s\\t%.12g\\t%.12g\\n", names(fixef(model)), fixef(model), ses), sep = "")
cat(sprintf("SD of %s\\t%.12g\\n", colnames(model$D), sqrt(diag(model$D))), sep = "")
cat(sprintf("logLik\\t%.12g\\n", logLik(model)))
"""


def run_in_r(found, folder, *, package, afterwards, write=write_file):
    """What R prints of models, by their names, run in one process."""
    if RSCRIPT is None:
        pytest.skip("Rscript is not installed")
    script = ["options(warn = 1)", f'if (!requireNamespace("{package}", quietly = TRUE)) quit(status = 3)']
    for number, (name, model) in enumerate(found.items()):
        place = folder / str(number)
        place.mkdir()
        write(model, place)
        (place / "code.R").write_text("\n".join(lines_of(model, "R")) + afterwards, "utf-8")
        script += [f'setwd("{place}")', f'cat("model {name}\\n")', 'source("code.R", encoding = "UTF-8")']
    (folder / "all.R").write_text("\n".join(script), "utf-8")
    done = subprocess.run([RSCRIPT, folder / "all.R"], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip(f"the package {package} of R is not installed")
    assert done.returncode == 0, done.stderr
    blocks = (block.splitlines() for block in done.stdout.split("model ")[1:])
    return {name: [line.split("\t") for line in lines if "\t" in line] for name, *lines in blocks}


def require_promised(printed, model):
    coefficients, others = promised(lines_of(model, "R"))
    assert [row[0] for row in printed[: len(coefficients)]] == [row[0] for row in coefficients]
    for (_, *numbers), (_, *shown) in zip(printed, coefficients, strict=False):
        for number, text in zip(numbers, shown, strict=True):
            require_within_one_of_the_last_digit(float(number), text)
    for row_name, number in printed[len(coefficients) :]:
        (text,) = (text for called, text in others.items() if called.startswith(row_name.replace("`", "")))
        require_within_one_of_the_last_digit(float(number), text)


@pytest.fixture(scope="module")
def of_glmer(tmp_path_factory):
    found = {name: model for name, model in models().items() if name != "three effects"}
    return run_in_r(found, tmp_path_factory.mktemp("r"), package="lme4", afterwards=OF_GLMER)


@pytest.mark.mass
@pytest.mark.parametrize("name", [name for name in (*FORMULAS, *OTHERS) if name != "three effects"])
def test_lme4_prints_what_the_code_promises(of_glmer, name):
    require_promised(of_glmer[name], models()[name])


@pytest.mark.mass
@pytest.mark.usefixtures("laplace_beyond_two")
def test_lme4_prints_what_the_code_promises_by_laplaces_approximation(tmp_path):
    model = of_three_effects()
    (printed,) = run_in_r({"laplace": model}, tmp_path, package="lme4", afterwards=OF_GLMER).values()
    require_promised(printed, model)


@pytest.mark.usefixtures("laplace_beyond_two")
def test_stata_and_sas_are_told_where_the_likelihood_is_laplaces_approximation():
    laplace = "melogit y dose || groups_number: dose flag, covariance(independent) intmethod(laplace)"
    assert laplace in lines_of(of_three_effects(), "Stata")
    assert "proc glimmix data=coded method=laplace;" in lines_of(of_three_effects(), "SAS")


@pytest.mark.mass
@pytest.mark.parametrize("bar", ["|", "||"])
def test_glmmadaptive_prints_what_the_code_promises(tmp_path, bar):
    model = of_two_slopes(bar)
    (printed,) = run_in_r({bar: model}, tmp_path, package="GLMMadaptive", afterwards=OF_MIXED_MODEL).values()
    require_promised(printed, model)


@pytest.mark.parametrize("name", [*FORMULAS, *OTHERS])
def test_python_prints_what_the_code_promises(name, tmp_path, monkeypatch):
    model = models()[name]
    write_file(model, tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec("\n".join(lines_of(model, "Python")), names)
    again = names["model"]
    assert printed.getvalue().startswith("fixed_effects")
    assert again.observations.options == model.observations.options
    estimates, (expected, others) = estimates_of(again), promised(lines_of(model, "Python"))
    numbers = zip(estimates.coefficients, estimates.std_errors, strict=True)
    for found, (_, *shown) in zip(numbers, expected, strict=True):
        for number, text in zip(found, shown, strict=True):
            require_within_one_of_the_last_digit(number, text)
    for sd, column in zip(estimates.std_devs, model.design.scale.random_names, strict=True):
        require_within_one_of_the_last_digit(sd, others[f"SD of {column}"])
    require_within_one_of_the_last_digit(estimates.log_likelihood, others["log_likelihood"])


# --- what Stata and SAS would calculate -------------------------------------------------------------------------------


def as_read(column):
    """A column of the file as programs take it: as numbers where all of its texts look like some."""
    try:
        return column.astype(float)
    except ValueError:
        return column.astype(str)


def calculated(model, style):
    """The columns that the code calculates, evaluated in Python's notation of the same arithmetic."""
    refit = refit_of(model)
    names, *rows = cells_of_file(model)
    lines = lines_of(model, style)
    (in_file,) = (lines[place + 1] for place, line in enumerate(lines) if "names in its first row" in line)
    plain = in_file.strip("*/ ").split(", ")
    values = {name: np.array([each[place] for each in rows]) for place, name in enumerate(plain[: len(names)])}
    used = np.array([None not in row for row in rows])
    values = {name: as_read(column[used]) for name, column in values.items()}
    functions = {"ln": np.log, "log": np.log, "strtrim": np.char.strip, "strip": np.char.strip, "abs": np.abs}
    pattern = r"generate double (\w+) = (.*)" if style == "Stata" else r"  (\w+) = (.*);"
    for line in lines:
        found = re.fullmatch(pattern, line)
        if found:
            text = found[2].replace("^", "**")
            text = re.sub(r"(?<![=])=(?!=)", "==", text) if style == "SAS" else text
            values[found[1]] = 1.0 * eval(text, {}, values | functions)
    return refit, values, lines


@pytest.mark.parametrize("style", ["Stata", "SAS"])
@pytest.mark.parametrize("name", [name for name in (*FORMULAS, *OTHERS) if name not in ("poly", "spline")])
def test_stata_and_sas_calculate_the_columns_of_the_model(name, style):
    model = models()[name]
    _, values, lines = calculated(model, style)
    if style == "Stata":
        (call,) = (line for line in lines if line.startswith("melogit"))
        before, _, after = call.removeprefix("melogit ").partition(" || ")
        outcome, *fixed = before.removesuffix(", noconstant").split()
        trials = re.search(r"binomial\((\w+)\)", after)
    else:
        (call,) = (line for line in lines if line.startswith("  model"))
        left, right = call.removeprefix("  model ").split(" = ", 1)
        outcome, trials = re.match(r"\w+", left)[0], re.search(r"/(\w+)", left)
        fixed = right.partition("/")[0].split()
    observations = model.observations
    assert_allclose(values[outcome].astype(float), observations.successes)
    assert (trials is not None) == observations.trials_given
    if trials:
        assert_allclose(values[trials[1]].astype(float), observations.trials)
    for each, column in zip(fixed, observations.x.T, strict=True):
        assert_allclose(values[each].astype(float), column, rtol=1e-12, atol=1e-12)
    assert all(re.fullmatch(r"[A-Za-z_]\w{0,31}", each) for each in values)


@pytest.mark.parametrize("style", ["Stata", "SAS"])
def test_columns_of_curves_are_asked_for_in_the_file(style):
    lines = lines_of(models()["spline"], style)
    assert any("bs_dose_df_4_1, bs_dose_df_4_2" in line for line in lines)
    assert any("GLMM_BINOMIAL_DESIGN(data," in line for line in lines)


def test_stata_and_sas_are_told_which_effects_vary_and_how():
    correlated, independent = of_two_slopes("|"), of_two_slopes("||")
    melogit = "melogit y dose || groups_number: dose, covariance"
    assert f"{melogit}(unstructured) intpoints(25)" in lines_of(correlated, "Stata")
    assert f"{melogit}(independent) intpoints(25)" in lines_of(independent, "Stata")
    assert "  random Intercept dose / subject=id type=un;" in lines_of(correlated, "SAS")
    assert "  random Intercept dose / subject=id type=vc;" in lines_of(independent, "SAS")
    assert any("covariance of _cons and dose" in line for line in lines_of(correlated, "Stata"))
    assert not any("covariance of" in line for line in lines_of(independent, "Stata"))
    of_three = "melogit y dose || groups_number: dose flag, covariance(independent) intpoints(9)"
    assert of_three in lines_of(models()["three effects"], "Stata")
    assert "proc glimmix data=coded method=quad(qpoints=9);" in lines_of(models()["three effects"], "SAS")


def test_the_code_of_stata_is_that_of_its_manual():
    assert lines_of(models()["factors"], "Stata")[:11] == [
        "* y ~ trt * sex + dose + (1 | id), by maximum likelihood",
        "* data.csv: the sheet saved as CSV, decimals after a point, with these names in its first row:",
        "*   y, trt, sex, dose, id",
        'import delimited using "data.csv", clear varnames(1) case(preserve)',
        'generate double trt_b = (trt == "b")',
        'generate double trt_c = (trt == "c")',
        'generate double sex_m = (sex == "m")',
        'generate double trt_b_sex_m = (trt == "b") * (sex == "m")',
        'generate double trt_c_sex_m = (trt == "c") * (sex == "m")',
        "egen long groups_number = group(id)",
        "melogit y trt_b trt_c sex_m dose trt_b_sex_m trt_c_sex_m || groups_number:, intpoints(25)",
    ]


def test_the_code_of_sas_is_that_of_its_manual():
    lines = lines_of(models()["ranges without header"], "SAS")
    assert lines[4:10] == [
        'proc import datafile="data.csv" out=sheet dbms=csv replace; guessingrows=max; run;',
        "data coded; set sheet;",
        "run;",
        "proc glimmix data=coded method=quad(qpoints=25);",
        "  class groups;",
        "  model y/trials = x1 x2 / dist=binomial link=logit solution ddfm=none noint;",
    ]


# --- what is said of a model that other programs fit differently ------------------------------------------------------


def test_an_effect_without_variance_is_left_out_and_named():
    lines = lines_of(models()["slope at zero"], "R")
    assert any("random slope of flag is estimated at zero" in line for line in lines)
    assert any("(1 | groups)" in line for line in lines)


def test_code_of_the_default_method_says_that_it_is_that_of_maximum_likelihood():
    model = models()["vb"]
    for style in ("R", "Stata", "SAS"):
        assert any(
            'fitted by "vb". The code and its digits are those of method "ml"' in x for x in lines_of(model, style)
        )
    again = fit_formula(study(), model.coding.formula, method="ml")
    assert promised(lines_of(model, "R")) == promised(lines_of(again, "R"))
    assert any('method="vb"' in line for line in lines_of(model, "Python"))


def test_no_digits_are_promised_where_the_likelihood_has_no_maximum():
    y, groups = [0.0, 0.0, 1.0, 1.0] * 8, [i // 4 for i in range(32)]
    model = fit_model(y, [[float(i % 4 > 1)] for i in range(32)], groups)
    for style in ("R", "Stata", "SAS"):
        lines = lines_of(model, style)
        assert any("has no maximum" in line for line in lines)
        assert not any("To expect" in line for line in lines)


def test_a_formula_typed_in_several_lines_stays_in_one_comment():
    model = fit_formula(study(), "y ~ trt\n + (1 | id)", method="ml")
    for style in ("R", "Stata", "SAS", "Python"):
        assert not any("\n" in line for line in lines_of(model, style))


def test_texts_with_quotes_are_quoted_as_each_language_does():
    assert text_in_r('a "b" \\') == '"a \\"b\\" \\\\"'
    assert text_in_stata('a "b"') == '`"a "b""\''
    assert text_in_sas("it's") == "'it''s'"


def test_names_that_stata_and_sas_cannot_have_are_made_plain_and_told():
    names = plain_names(("my age", "my_age", "1st", "if", "é", "x" * 40, "X" * 40))
    assert list(names.values()) == ["my_age", "my_age_2", "_1st", "if_", "column", "x" * 29, f"{'X' * 29}_2"]
    assert "*   my_age is the column my age" in lines_of(models()["poly"], "Stata")
