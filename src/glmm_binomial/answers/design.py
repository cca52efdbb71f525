"""A table and a formula -> the columns that the formula makes of it, as they enter a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glmm_binomial.answers.rows import Tabular
from glmm_binomial.formula.coded_table import CodedTable, coded_table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Design(Tabular):
    """The columns that a formula makes of a table.

    Attributes
    ----------
    coded : CodedTable
    """

    coded: CodedTable

    def rows(self) -> list[Sequence[object]]:
        """A header, then one row of numbers for each row coded."""
        return [self.coded.names, *self.coded.values.tolist()]


def design(data: object, formula: object, new_data: object = None) -> Design:
    """Code the columns of a table as the columns of x.

    Columns of text become columns of 0 and 1, one for each level but the reference, which is the first level in sorted
    order or the one chosen by C(trt, Treatment("treat")); columns of numbers stay as they are, unless C() makes levels
    of them. There is no column for the intercept, which the model adds. A formula without intercept ("0 + trt") codes
    every level, to be fitted with fit_intercept FALSE.

    Parameters
    ----------
    data : list of rows, or data frame
        The first row holds the names of the columns; blank rows at the end are left out. Nothing may be missing in a
        column that the formula names.
    formula : str
        Such as "trt * sex", or a whole formula such as "y ~ trt * sex + (1 | id)". Names of columns, in backticks when
        they are more than letters, digits, dots and underscores; the operators + - * / : ^ and brackets; C(),
        Treatment(); I, log, log2, log10, exp, sqrt, abs, center, scale of one column, and arithmetic with numbers
        inside these. Nothing in it is ever run as Python.
    new_data : list of rows, or data frame, optional
        Rows to be coded as data is, by its levels, means and SDs. The columns may stand in any order.

    Returns
    -------
    Design
        Of columns such as trt[treat], sex[male], trt[treat]:sex[male].

    Raises
    ------
    InvalidInputError
        When data, formula or new_data cannot be used.
    MissingPackageError
        When formulaic is not installed.
    """
    return Design(coded=coded_table(data, formula, new_data))
