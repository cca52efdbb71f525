"""A table and the fixed effects of a formula -> coded columns, without a fit: to be looked at, or to be x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glmm_binomial.formula.coding import coded_terms, columns_of
from glmm_binomial.formula.columns import Columns
from glmm_binomial.formula.grammar import parts_of
from glmm_binomial.formula.new_data import NEW_DATA, columns_of_fit
from glmm_binomial.formula.sample import whole_sample
from glmm_binomial.formula.table import read_table
from glmm_binomial.formula.wilkinson import parse_terms
from glmm_binomial.formula.words import EXAMPLE, formula_text, typed, words_of
from glmm_binomial.observations.cells import is_blank, reject, single_cell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CodedTable:
    """Columns coded by a formula.

    Attributes
    ----------
    names : tuple of p str
    values : (M, p) array
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]


def coded_table(data: object, formula: object, new_data: object = None) -> CodedTable:
    """Code the fixed effects of a formula, for the rows of a table or for new ones.

    Parameters
    ----------
    data : list of rows, or data frame
        The first row holds the names of the columns; blank rows at the end are left out.
    formula : str
        Such as "trt * sex" or "y ~ trt * sex + (1 | id)", of which the response and the random terms are left out.
    new_data : list of rows, or data frame, optional
        Rows to be coded by the levels, means and SDs of data; columns in any order.

    Raises
    ------
    InvalidInputError
        When data, formula or new_data cannot be used, or a cell is missing.
    MissingPackageError
        When formulaic is not installed.
    """
    table = read_table("data", data)
    columns = Columns(table)
    parts = parts_of(words_of(formula_text(formula)))
    if parts.offsets:
        text = typed(parts.offsets[:1])
        reject(f"formula must leave {text} out: an offset has no coefficient, and so no column among those of x.")
    parsed = parse_terms(parts.fixed, columns)
    sample = whole_sample(table, [columns[name] for name in parsed.variables])
    terms = coded_terms(parsed, sample)
    if not terms.columns:
        reject(f"formula must name columns. It leaves none beside the intercept. {EXAMPLE}")
    if not is_blank(single_cell(new_data)):
        new_table = read_table(NEW_DATA, new_data)
        sample = whole_sample(new_table, columns_of_fit(new_table, [terms]))
    return CodedTable(names=terms.names, values=columns_of(terms, sample))
