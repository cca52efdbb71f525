"""A fitted model: the data, their design and the fit, from which every table and every further question starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from glmm_binomial.errors import FitError
from glmm_binomial.estimation.fitting import NoMaximumError, fit_design
from glmm_binomial.estimation.no_maximum import why_no_maximum
from glmm_binomial.formula.reading import read_formula
from glmm_binomial.model.design import build_design
from glmm_binomial.observations import observe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.formula.coding import Coding
    from glmm_binomial.model.design import Design
    from glmm_binomial.observations import Method, Observations
    from glmm_binomial.observations.options import Missing

    class DataFrame(Protocol):
        """A table of pandas or of polars."""

        @property
        def columns(self) -> Any:
            """Names of the columns."""

        def to_numpy(self) -> Any:
            """The cells."""

    class Series(Protocol):
        """A column of pandas or of polars."""

        @property
        def name(self) -> Any:
            """Of the column."""

        def to_numpy(self) -> Any:
            """The cells."""

    Columns = Sequence[Sequence[Any]] | NDArray[Any] | DataFrame
    """Rows of cells, an array, or a data frame, whose columns keep their names."""

    Column = Sequence[Any] | Columns | Series
    """The same of one column, of which the values alone will do."""


@dataclass(frozen=True, slots=True, repr=False)
class GLMM:
    """What was observed, the design made of it, and the fit. In a worksheet the cell that holds it shows GLMM@1.

    Attributes
    ----------
    observations : Observations
    design : Design
    fit : Fit
    coding : Coding or None
        How a formula made the columns of a table; None for ranges.
    """

    observations: Observations
    design: Design
    fit: Fit
    coding: Coding | None = None

    def __repr__(self) -> str:
        """What it is, in one line."""
        rows, groups = len(self.observations.successes), len(self.observations.group_labels)
        formula = "" if self.coding is None else f", {self.coding.formula}"
        return f"GLMM of {rows:,} rows in {groups:,} groups by method {self.fit.method}{formula}"


def fit_model(
    y: Column,
    x: Columns,
    groups: Column,
    x_random: Columns | bool | None = None,
    fit_intercept: bool = True,
    alpha: float = 0.05,
    method: Method = "vb",
    trials: Column | None = None,
) -> GLMM:
    """Fit a binomial generalized linear mixed model to ranges.

    Row i of group g: logit p_i = x_i'b + z_i'u_g with z_i = (1, x_random_i) and independent u_gk ~ N(0, sd_k^2).

    Parameters
    ----------
    y : (N,) array, list of N values or of N one-cell rows, or column of a data frame
        0 or 1; whole-number successes when `trials` is given.
    x : (N, p) array, list of N rows, or data frame
        Numbers. A first row of text is a header row, which every other range must then have too. The columns of a data
        frame keep their names.
    groups : like y
        Labels, whole numbers or text.
    x_random : (N, q) array, list of N rows, or data frame, optional
        Columns with a random slope. A lone boolean here is taken for `fit_intercept`.
    fit_intercept : bool
    alpha : float
        One minus the confidence level of the intervals.
    method : {"vb", "ml", "mean-field"}
        The exact posterior, maximum likelihood, or statsmodels' own variational means and SDs.
    trials : like y, optional

    Raises
    ------
    InvalidInputError
        When the data cannot be used.
    FitError
        When no estimate can be given.
    """
    return fit_ranges(
        y=_as_column(y),
        x=x,
        groups=_as_column(groups),
        x_random=x_random,
        fit_intercept=fit_intercept,
        alpha=alpha,
        method=method,
        trials=_as_column(trials),
    )


def fit_ranges(**arguments: Any) -> GLMM:
    """Fit ranges as a worksheet hands them over; the arguments are those of `observe`."""
    return _fitted_to(observe(**arguments), coding=None)


def _as_column(cells: object) -> object:
    """A plain list of values as rows of one cell each; anything else as it is."""
    if isinstance(cells, list | tuple) and not any(isinstance(cell, list | tuple) for cell in cells[:1]):
        return [[cell] for cell in cells]
    return cells


def fit_formula(
    data: Columns,
    formula: str,
    method: Method = "vb",
    alpha: float = 0.05,
    missing: Missing = "omit",
) -> GLMM:
    """Fit a binomial generalized linear mixed model to a table with headers, in the notation of lme4.

    Parameters
    ----------
    data : list of rows, or data frame of pandas or polars
        The first row holds the names of the columns.
    formula : str
        Such as "cured ~ drug * sex + (1 | patient)"; see `read_formula`.
    method : {"vb", "ml", "mean-field"}
        As in `fit_model`.
    alpha : float
        One minus the confidence level of the intervals.
    missing : {"omit", "refuse"}
        What to do with rows in which a column of the formula is missing.

    Raises
    ------
    InvalidInputError
        When the data or the formula cannot be used.
    FitError
        When no estimate can be given.
    """
    read = read_formula(data, formula, method=method, alpha=alpha, missing=missing)
    return _fitted_to(read.observations, read.coding)


def _fitted_to(observations: Observations, coding: Coding | None) -> GLMM:
    design = build_design(observations)
    fit = fitted(observations, design, observations.options.method)
    return GLMM(observations=observations, design=design, fit=fit, coding=coding)


def fitted(observations: Observations, design: Design, method: Method) -> Fit:
    """Fit a design by a method; where the likelihood has no maximum, the error says why.

    Raises
    ------
    FitError
    """
    try:
        return fit_design(design, method)
    except NoMaximumError as problem:
        raise FitError(why_no_maximum(observations, design, problem.separation)) from problem
