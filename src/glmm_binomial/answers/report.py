"""A model as it is reported: a table or a paragraph to be printed, its equation, or code that fits it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.estimates import estimates_of
from glmm_binomial.answers.report_styles.equation import equation_rows, latex_rows
from glmm_binomial.answers.report_styles.printed import Printer
from glmm_binomial.answers.report_styles.python_code import python_rows
from glmm_binomial.answers.report_styles.r_code import r_rows
from glmm_binomial.answers.report_styles.sas_code import sas_rows
from glmm_binomial.answers.report_styles.sentence import sentence_rows
from glmm_binomial.answers.report_styles.stata_code import stata_rows
from glmm_binomial.answers.report_styles.summary import summary_rows
from glmm_binomial.answers.report_styles.tables import covariance_rows, table_rows
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.observations.report_options import read_report_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.observations.report_options import Style

    Cells = Sequence[Sequence[object]]

PRINTED: Final[Mapping[Style, Callable[[GLMM, Estimates, Printer], Cells]]] = {
    "table": table_rows,
    "summary": summary_rows,
    "covariance": covariance_rows,
    "sentence": sentence_rows,
    "equation": equation_rows,
    "latex": latex_rows,
}
CODE: Final[Mapping[Style, Callable[[GLMM], Cells]]] = {
    "R": r_rows,
    "Stata": stata_rows,
    "SAS": sas_rows,
    "Python": python_rows,
}


@dataclass(frozen=True, slots=True)
class Report(Tabular):
    """A model in one style.

    Attributes
    ----------
    style : str
    cells : sequence of rows
        Texts, and the whole numbers and covariances that are to be calculated with.
    notices : tuple of str
        What a reader must be warned of; none beside code.
    """

    style: Style
    cells: Sequence[Sequence[object]]
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """The cells, then one row for each warning."""
        return [*self.cells, *(("warning", notice) for notice in self.notices)]


def report(model: GLMM, style: object = None, decimal: object = None) -> Report:
    """Report a model.

    Parameters
    ----------
    model : GLMM
    style : str
        "table" (unless given) of odds ratios; "summary", as lme4 prints it; "covariance" of the coefficients;
        "sentence", a paragraph; "equation" and "latex"; "R", "Stata", "SAS" and "Python", code that fits the model
        again, and the digits that it prints.
    decimal : str
        "." (unless given) or ",", the mark in texts; code has points always.

    Raises
    ------
    InvalidInputError
        When style or decimal is none of these.
    FitError
        When other programs are to be told of a maximum of the likelihood that cannot be found.
    """
    options = read_report_options(style, decimal)
    if options.style in CODE:
        return Report(style=options.style, cells=CODE[options.style](model), notices=())
    estimates, printer = estimates_of(model), Printer(options.mark)
    cells = PRINTED[options.style](model, estimates, printer)
    return Report(style=options.style, cells=cells, notices=tuple(map(printer.sentence, estimates.notices)))
