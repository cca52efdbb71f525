"""The code of a report for groups of several columns, in groups, and that cross, run by R and by Python."""

from __future__ import annotations

import csv
import io
import re
from contextlib import redirect_stdout
from functools import cache, partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

from glmm_binomial import estimates_of, fit_formula
from glmm_binomial.answers.report_styles.refit import refit_of
from glmm_binomial.estimation.crossed_laplace import Joint
from glmm_binomial.estimation.laplace import evaluate_laplace, laplace_value
from glmm_binomial.model.effects import IndependentEffects, Parameters
from test_crossed import SALAMANDERS, answered, salamanders
from test_nested import fitted, immunisation, pupils
from test_report_code import (
    OF_MIXED_MODEL,
    columns,
    lines_of,
    promised,
    require_promised,
    require_within_one_of_the_last_digit,
    run_in_r,
)

NESTED = "s / n ~ x + z + (1 | school/class)"
OF_KINDS = """
cat(sprintf("%s\\t%.12g\\t%.12g\\n", names(fixef(model)), fixef(model), sqrt(diag(as.matrix(vcov(model))))), sep = "")
sds <- as.data.frame(VarCorr(model))
cat(sprintf("SD of %s(Intercept)\\t%.12g\\n", if (nrow(sds) > 1) paste0(sds$grp, " ") else "", sds$sdcor), sep = "")
cat(sprintf("logLik\\t%.12g\\n", logLik(model)))
"""


def renamed_columns():
    header, *rows = pupils(trials=4)
    return [["my school", "class no.", *header[2:]], *rows]


def with_a_label_na():
    return [["NA" if cell == "s3" else cell for cell in row] for row in pupils(trials=4)]


def of_classes_alike():
    return pupils(schools=10, rows=6, trials=2, sds=(1.0, 0.0))


def with_joint_items():
    """Items told by two columns."""
    header, *rows = answered(trials=2, items=12)
    return [[*header, "form"], *([*row[:4], f"i{int(row[4][1:]) % 4}", f"f{int(row[4][1:]) // 4}"] for row in rows)]


CROSSED = "y / n ~ x + (1 | person) + (1 | item)"
MODELS = {
    "counts": (lambda: pupils(trials=4), NESTED, "ml"),
    "single outcomes": (lambda: pupils(rows=12), "s ~ x + z + (1 | school/class)", "ml"),
    "two columns": (lambda: pupils(trials=4, unique=True), "s / n ~ x + (1 | class) + (1 | school)", "ml"),
    "names": (renamed_columns, "s / n ~ x + (1 | `my school`/`class no.`)", "ml"),
    "a label NA": (with_a_label_na, NESTED, "ml"),
    "vb": (lambda: pupils(trials=4), NESTED, "vb"),
    "one kind": (lambda: pupils(trials=4), "s / n ~ x + (1 | class:school)", "ml"),
    "classes alike": (of_classes_alike, NESTED, "ml"),
    "crossed": (lambda: answered(trials=2), CROSSED, "ml"),
    "crossed, vb": (answered, CROSSED, "vb"),
    "crossed, not all pairs": (lambda: answered(trials=3, share=0.6), CROSSED, "ml"),
    "crossed, two columns": (with_joint_items, "y / n ~ x + (1 | person) + (1 | item:form)", "ml"),
    "items alike": (lambda: answered(sds=(1.0, 0.0), seed=2), CROSSED, "ml"),
    "items alike, vb": (lambda: answered(sds=(1.0, 0.0), seed=2), CROSSED, "vb"),
    "persons alike": (lambda: answered(sds=(0.0, 0.8), seed=1), CROSSED, "ml"),
}


@cache
def of(name):
    table, formula, method = MODELS[name]
    return table(), fit_formula(table(), formula, method=method)


def write_table(table, model, folder):
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(columns(*refit_of(model).columns, rows=table))


def write_file(model, folder):
    (table,) = (table for table, each in map(of, MODELS) if each is model)
    write_table(table, model, folder)


# --- Laplace's approximation, which is all that lme4 has of two kinds of groups ---------------------------------------


def dense(rows, Z, coefficients, precision, effects):
    """Laplace's approximation by the whole Hessian, after a look at whether the effects are at the peak."""
    eta = rows.fixed @ coefficients + Z @ effects
    p = 1.0 / (1.0 + np.exp(-eta))
    assert_allclose(Z.T @ (rows.successes - rows.trials * p), precision * effects, atol=1e-7)
    hessian = Z.T @ (Z * (rows.trials * p * (1.0 - p))[:, None]) + np.diag(precision)
    density = (rows.successes * eta - rows.trials * np.logaddexp(0.0, eta)).sum() - 0.5 * precision @ effects**2
    return density - 0.5 * np.linalg.slogdet(hessian)[1] + 0.5 * np.log(precision).sum()


def test_laplaces_approximation_is_that_of_a_dense_hessian_and_its_score_the_slope():
    rows = fitted(data=pupils(trials=3)).design.rows
    parameters = Parameters(np.array([0.2, 0.5, -0.3]), IndependentEffects(np.array([-0.2, 0.3])))
    start = np.zeros((rows.grouping.count, 2))
    state = evaluate_laplace(rows, parameters, start=start)
    members = [rows.upper.index[rows.grouping.index], rows.grouping.index]
    Z = np.hstack([np.eye(index.max() + 1)[index] for index in members])
    precision = np.repeat(np.exp(-2.0 * parameters.effects.log_sds), [rows.upper.count, rows.grouping.count])
    u = np.concatenate([state.found.modes[rows.upper.starts, 0], state.found.modes[:, 1]])
    assert_allclose(state.value, dense(rows, Z, parameters.coefficients, precision, u), rtol=1e-12)
    for place, step in enumerate(np.eye(5) * 1e-5):
        ahead, behind = (laplace_value(rows, parameters.moved(sign * step), start=start) for sign in (1.0, -1.0))
        assert_allclose(state.score[place], (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("trials", [1, 4])
def test_the_joint_approximation_of_crossed_groups_is_that_of_a_dense_hessian_and_its_score_the_slope(trials):
    rows = fit_formula(answered(trials=trials, share=0.7), CROSSED, method="ml").design.rows
    joint, point = Joint(rows), np.array([0.2, 0.5, -0.2, 0.3])
    state = joint.evaluate(point, np.zeros(joint.groups + joint.levels))
    members = [rows.grouping.index, rows.crossed.index]
    Z = np.hstack([np.eye(index.max() + 1)[index] for index in members])
    precision = np.repeat(np.exp(-2.0 * point[2:]), [joint.groups, joint.levels])
    assert_allclose(state.value, dense(rows, Z, point[:2], precision, state.effects), rtol=1e-12)
    for place, step in enumerate(np.eye(4) * 1e-5):
        ahead, behind = (joint.evaluate(point + sign * step, state.effects).value for sign in (1.0, -1.0))
        assert_allclose(state.score[place], (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6)


# --- run by R and by Python -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed_by_lme4(tmp_path_factory):
    found = {name: of(name)[1] for name in MODELS}
    folder = tmp_path_factory.mktemp("r")
    return run_in_r(found, folder, package="lme4", afterwards=OF_KINDS, write=write_file)


@pytest.mark.mass
@pytest.mark.parametrize("name", MODELS)
def test_lme4_prints_what_the_code_promises(printed_by_lme4, name):
    require_promised(printed_by_lme4[name], of(name)[1])


@pytest.mark.mass
def test_lme4_prints_what_the_code_promises_of_salamanders(tmp_path):
    table = salamanders()
    model = fit_formula(table, SALAMANDERS, method="ml")
    write = partial(write_table, table)
    (printed,) = run_in_r({"": model}, tmp_path, package="lme4", afterwards=OF_KINDS, write=write).values()
    require_promised(printed, model)
    assert promised(lines_of(model, "R"))[1]["logLik"] == "-209.277"


@pytest.mark.mass
def test_lme4_prints_what_the_code_promises_of_published_data(tmp_path):
    table = immunisation()
    model = fit_formula(table, "immun ~ kid2p + rural + ethn + pcInd81 + (1 | comm/mom)", method="ml")
    write = partial(write_table, table)
    (printed,) = run_in_r({"": model}, tmp_path, package="lme4", afterwards=OF_KINDS, write=write).values()
    require_promised(printed, model)
    sds = {name: float(value) for name, value in promised(lines_of(model, "R"))[1].items() if name.startswith("SD")}
    # the standard deviations 1.02 and 2.32 of the worksheet
    assert sds == {"SD of comm (Intercept)": 0.75, "SD of comm:mom (Intercept)": 1.1}


@pytest.mark.mass
def test_glmmadaptive_prints_what_the_code_promises(tmp_path):
    table = pupils(schools=12, rows=12, trials=3)
    model = fit_formula(table, "s / n ~ x + (1 + x | school:class)", method="ml")
    write = partial(write_table, table)
    found = run_in_r({"": model}, tmp_path, package="GLMMadaptive", afterwards=OF_MIXED_MODEL, write=write)
    (printed,) = found.values()
    require_promised(printed, model)


@pytest.mark.parametrize("name", MODELS)
def test_python_prints_what_the_code_promises(name, tmp_path, monkeypatch):
    model = of(name)[1]
    write_file(model, tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {}
    with redirect_stdout(io.StringIO()):
        exec("\n".join(lines_of(model, "Python")), names)
    estimates, (expected, others) = estimates_of(names["model"]), promised(lines_of(model, "Python"))
    numbers = zip(estimates.coefficients, estimates.std_errors, strict=True)
    for found, (_, *shown) in zip(numbers, expected, strict=True):
        for number, text in zip(found, shown, strict=True):
            require_within_one_of_the_last_digit(number, text)
    for sd, column in zip(estimates.std_devs, model.design.scale.random_names, strict=True):
        require_within_one_of_the_last_digit(sd, others[f"SD of {column}"])


# --- what the code says -----------------------------------------------------------------------------------------------


def line_with(text, name, style):
    (line,) = (line for line in lines_of(of(name)[1], style) if text in line)
    return line


def test_groups_in_groups_are_told_to_each_program():
    assert "(1 | school) + (1 | school:class), data," in line_with("glmer(", "counts", "R")
    assert "nAGQ = 1," in line_with("family", "counts", "R")
    assert [line for line in lines_of(of("counts")[1], "Stata") if line.startswith(("egen", "melogit"))] == [
        "egen long groups_above = group(school)",
        "egen long groups_number = group(school class)",
        "melogit s x z || groups_above: || groups_number:, binomial(n) intpoints(25)",
    ]
    lines = lines_of(of("counts")[1], "SAS")
    assert [line for line in lines if re.match(r"proc glimmix|  (class|random)", line)] == [
        "proc glimmix data=coded method=quad(fastquad qpoints=25);",
        "  class school class;",
        "  random Intercept / subject=school type=vc;",
        "  random Intercept / subject=class(school) type=vc;",
    ]


def test_stata_and_sas_are_promised_the_digits_of_the_worksheet():
    estimates = estimates_of(of("counts")[1])
    for style, kinds in (
        ("Stata", ("_cons in groups_above", "_cons in groups_above>groups_number")),
        ("SAS", ("Intercept, subject school", "Intercept, subject class(school)")),
    ):
        for kind, variance in zip(kinds, estimates.variances, strict=True):
            assert f"variance of {kind}: {variance:.4g}" in line_with(f"{kind}:", "counts", style)
        assert "7 groups of school, 21 groups of school:class" in line_with("rows,", "counts", style)


def test_the_code_says_how_columns_make_a_group():
    assert "(1 | class:school), data," in line_with("glmer(", "one kind", "R")
    assert "nAGQ = 25," in line_with("family", "one kind", "R")
    assert "group(class school)" in line_with("egen", "one kind", "Stata")
    assert "subject=class*school type=vc" in line_with("random", "one kind", "SAS")
    for style in ("R", "Stata", "SAS"):
        assert "class:school is told by the labels of class and school together" in line_with("told", "one kind", style)


def test_of_a_variance_of_zero_the_other_kind_of_groups_is_left():
    assert "z + (1 | school), data," in line_with("glmer(", "classes alike", "R")
    assert "|| groups_number:, binomial" in line_with("melogit", "classes alike", "Stata")
    assert "group(school)" in line_with("egen", "classes alike", "Stata")
    assert "subject=school type" in line_with("random I", "classes alike", "SAS")
    assert line_with("rows,", "classes alike", "R").endswith("180 rows, 10 groups of school")


def test_groups_that_cross_are_told_to_each_program():
    assert "(1 | person) + (1 | item), data," in line_with("glmer(", "crossed", "R")
    assert "nAGQ = 1," in line_with("family", "crossed", "R")
    assert [line for line in lines_of(of("crossed")[1], "Stata") if line.startswith(("egen", "melogit"))] == [
        "egen long groups_number = group(person)",
        "egen long levels_number = group(item)",
        "melogit y x || _all: R.levels_number || groups_number:, binomial(n) intmethod(laplace)",
    ]
    lines = lines_of(of("crossed, two columns")[1], "SAS")
    assert [line for line in lines if re.match(r"proc glimmix|  (class|random)", line)] == [
        "proc glimmix data=coded method=laplace;",
        "  class person item form;",
        "  random person item*form;",
    ]


def test_all_programs_are_promised_the_same_approximation_of_crossed_groups():
    of_lme4 = promised(lines_of(of("crossed")[1], "R"))[1]
    for style, before in (("Stata", "Log likelihood: -"), ("SAS", "-2 Log Likelihood: ")):
        found = float(line_with(before, "crossed", style).split(before)[1].removesuffix(" */"))
        assert_allclose(found / (2.0 if style == "SAS" else 1.0), -float(of_lme4["logLik"]), atol=6e-4)
        assert "30 groups of person, 8 groups of item" in line_with("rows,", "crossed", style)
    shown = {"Stata": ("_cons in groups_number", "_cons in _all>levels_number"), "SAS": ("person", "item")}
    for style, kinds in shown.items():
        for kind, name in zip(kinds, ("person", "item"), strict=True):
            variance = float(re.search(r": ([\d.]+)", line_with(f"variance of {kind}:", "crossed", style))[1])
            assert_allclose(np.sqrt(variance), float(of_lme4[f"SD of {name} (Intercept)"]), rtol=0.05)


@pytest.mark.parametrize(
    ("table", "formula", "silent"),
    [
        (lambda: pupils(seed=30, schools=10, sds=(1.0, 0.6)), NESTED, ("R",)),
        (lambda: answered(seed=16, sds=(0.6, 0.25)), CROSSED, ("R", "Stata", "SAS")),
    ],
)
def test_no_digits_are_promised_where_laplaces_approximation_has_a_variance_of_zero(table, formula, silent):
    model = fit_formula(table(), formula, method="ml")
    assert (model.fit.sds > 0.05).all()
    for style in ("R", "Stata", "SAS"):
        text = "\n".join(lines_of(model, style))
        assert ("one of the variances ends at zero" in text) == (style in silent)
        assert ("To expect" in text) != (style in silent)
