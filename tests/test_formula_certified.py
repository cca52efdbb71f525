"""Formulas fitted to the certified data as they are, against the certified values, which we did not compute."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from glmm_binomial import certified, fit_formula, glmm_binomial, glmm_binomial_formula, glmm_binomial_table, table

EIGHT_DIGITS = 1e-8
"""The certified values have nine digits or more."""


def raw(file, *texts):
    """A shipped file as a worksheet would hold it: numbers but for the named columns."""
    with (certified.FOLDER / file).open(encoding="utf-8", newline="") as lines:
        header, *rows = list(csv.reader(lines))
    return [header, *([c if n in texts else float(c) for n, c in zip(header, row, strict=True)] for row in rows)]


CBPP = "cbpp.csv", ()
CONTRACEPTION = "contraception.csv", ("use", "livch", "urban", "woman", "district")


@pytest.mark.parametrize(
    ("formula", "source", "data"),
    [
        ("incidence / size ~ C(period) + (1 | herd)", CBPP, certified.cbpp),
        ("cbind(incidence, size - incidence) ~ C(period) + (1 | herd)", CBPP, certified.cbpp),
        ("use ~ age + I(age^2) + livch + urban + (1 | district)", CONTRACEPTION, certified.contraception),
    ],
)
def test_a_formula_gives_the_certified_estimates(formula, source, data):
    estimates = table(fit_formula(raw(source[0], *source[1]), formula, method="ml")).estimates
    values = data().maximum_likelihood
    np.testing.assert_allclose(estimates.coefficients, values["coef"], rtol=EIGHT_DIGITS)
    np.testing.assert_allclose(estimates.std_errors, values["se"], rtol=EIGHT_DIGITS)
    np.testing.assert_allclose(estimates.std_devs, np.atleast_1d(values["sigma"]), rtol=EIGHT_DIGITS)
    assert estimates.log_likelihood == pytest.approx(float(values["loglik"]), rel=EIGHT_DIGITS)


def test_an_independent_slope_by_formula_gives_the_certified_estimates():
    formula = "use ~ age + I(age^2) + livch + urban + (1 + urban || district)"
    rows = raw(*CONTRACEPTION[:1], *CONTRACEPTION[1])
    town = rows[0].index("urban")
    numbers = [rows[0], *([float(c == "Y") if i == town else c for i, c in enumerate(row)] for row in rows[1:])]
    estimates = table(fit_formula(numbers, formula, method="ml")).estimates
    values = certified.contraception(urban_slope=True).maximum_likelihood
    np.testing.assert_allclose(estimates.coefficients, values["coef"], rtol=EIGHT_DIGITS)
    np.testing.assert_allclose(estimates.std_devs, values["sigma"], rtol=EIGHT_DIGITS)


def test_a_formula_gives_the_digits_of_the_contract_function_on_the_coded_columns():
    model = glmm_binomial_formula(raw("vegetables.csv", "trt", "sex"), "y ~ trt * sex + (1 | id)", "ml")
    data = certified.vegetables()
    coded = glmm_binomial(**data.arguments, method="ml")
    by_formula = glmm_binomial_table(model)
    assert [row[2:] for row in by_formula] == [row[2:] for row in coded]
