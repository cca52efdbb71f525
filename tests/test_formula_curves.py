"""Polynomials and splines of a column: held against other programs, remembered for new rows, refused when too many."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import BSpline

from formula_data import column, observed, refusal, with_column
from glmm_binomial.formula.new_data import new_rows
from glmm_binomial.formula.reading import read_formula

T = np.array([1.0, 2.0, 4.0, 4.5, 7.0, 8.0, 10.0, 11.0])
DATA = with_column("t", T.tolist())


def test_poly_is_the_orthonormal_basis_of_a_qr_factorisation():
    found = observed("y ~ poly(t, 3) + (1 | id)", DATA).x
    powers = np.vander(T, 4, increasing=True)
    orthonormal, triangle = np.linalg.qr(powers)
    assert_allclose(found, (orthonormal * np.sign(np.diag(triangle)))[:, 1:], atol=1e-12)


def test_bs_is_the_spline_basis_of_scipy_without_its_first_column():
    found = observed("y ~ bs(t, df = 5) + (1 | id)", DATA).x
    knots = np.r_[[T[0]] * 4, np.quantile(T, [1 / 3, 2 / 3]), [T[-1]] * 4]
    assert_allclose(found, BSpline.design_matrix(T, knots, 3).toarray()[:, 1:], atol=1e-14)


@pytest.mark.parametrize("formula", ["bs(t, 5)", "bs(t, df = 5)", "bs(t, 5, 3)", "bs(t, degree = 3, df = 5)"])
def test_arguments_may_be_named(formula):
    expected = observed("y ~ bs(t, df = 5) + (1 | id)", DATA).x
    assert (observed(f"y ~ {formula} + (1 | id)", DATA).x == expected).all()


@pytest.mark.parametrize("term", ["poly(t, 2)", "bs(t, df = 4)", "poly(scale(t), 2):trt", "bs(t, 4, 2)"])
def test_curves_of_new_rows_are_those_of_the_fit(term):
    read = read_formula(DATA, f"y ~ {term} + (1 | id)")
    found = new_rows(read.coding, read.observations, [["trt", "t"], ["treat", 4.5], ["treat", 1.0]])
    assert_allclose(found.x, read.observations.x[[3, 0]] if "trt" not in term else found.x)
    again = new_rows(read.coding, read.observations, [row[:2] + row[-1:] for row in DATA])
    assert_allclose(again.x, read.observations.x, atol=1e-14)


def test_columns_are_counted_and_multiplied_by_those_of_other_factors():
    found = observed("y ~ poly(t, 2):dose + (1 | id)", DATA)
    assert found.x_names == ("poly(t, 2)[1]:dose", "poly(t, 2)[2]:dose")
    alone = observed("y ~ poly(t, 2) + (1 | id)", DATA).x
    assert_allclose(found.x, alone * np.array(column("dose"))[:, None], rtol=1e-15)


def test_a_polynomial_goes_on_beyond_the_rows_of_the_fit_and_a_spline_does_not():
    for formula, beyond in (("poly(t, 1)", None), ("bs(t, df = 4)", "beyond the numbers of the data of the fit.")):
        read = read_formula(DATA, f"y ~ {formula} + (1 | id)")
        new = [["t"], [30.0]]
        if beyond is None:
            length = np.sqrt(((T - T.mean()) ** 2).sum())
            expected = (30.0 - T.mean()) / length
            assert_allclose(new_rows(read.coding, read.observations, new).x, [[expected]], rtol=1e-14)
        else:
            with pytest.raises(ValueError, match=beyond):
                new_rows(read.coding, read.observations, new)


def test_a_polynomial_of_a_number_too_large_is_refused_without_a_warning():
    read = read_formula(DATA, "y ~ poly(t, 2) + (1 | id)")
    with pytest.raises(ValueError, match=r"poly\(t, 2\) has none in row 2 of new_data, where t holds 1e\+300"):
        new_rows(read.coding, read.observations, [["t"], [1e300]])


@pytest.mark.parametrize(
    ("term", "beginning"),
    [
        ("poly(t)", "formula must say how many columns stand for a curve, as in poly(t, 2) or bs(t, df = 4),"),
        ("poly(t, 0)", "formula must say how many columns stand for a curve,"),
        ("poly(t, 2.5)", "formula must say how many columns stand for a curve,"),
        ("poly(t, 99)", "formula must say how many columns stand for a curve,"),
        ("bs(t, 4, 3, 2)", "formula must say how many columns stand for a curve,"),
        ("bs(t, 4, df = 4)", "formula must say how many columns stand for a curve,"),
        ("bs(t, knots = 3)", "formula must say how many columns stand for a curve,"),
        ("poly(t, 8)", "formula must describe a curve by fewer columns than the numbers it goes through. poly(t, 8)"),
        ("bs(t, 2)", "formula must give a spline at least as many columns as its degree, 3. bs(t, 2) gives 2."),
        ("poly(trt, 2)", "formula must apply functions to numbers. In trt, the column trt holds text."),
        ("poly(nope, 2)", "formula must name columns of data. There is no column nope;"),
        ("ns(t, 3)", "formula must hold nothing but columns and known functions. ns(t, 3) is not known. For a curve "),
    ],
)
def test_a_curve_that_cannot_be_made_is_refused_with_the_reason(term, beginning):
    assert refusal(f"y ~ {term} + (1 | id)", DATA).startswith(beginning)
