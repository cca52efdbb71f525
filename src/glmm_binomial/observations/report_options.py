"""What a report looks like, as a worksheet or a script says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell
from glmm_binomial.observations.choices import one_of

Style = Literal["table", "summary", "covariance", "sentence", "equation", "latex", "R", "Stata", "SAS", "Python"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)

MARKS: Final = {".": ".", "point": ".", ",": ",", "comma": ","}
"""What a person may give as the decimal mark, and the mark."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What is reported, and how its texts write numbers.

    Attributes
    ----------
    style : str
    mark : {".", ","}
        Before the decimals.
    """

    style: Style
    mark: str


def read_report_options(style: object, decimal: object) -> ReportOptions:
    """Check the options; None or a blank cell means the default.

    Raises
    ------
    InvalidInputError
    """
    return ReportOptions(style=one_of("style", style, STYLES, "table"), mark=_mark(decimal))


def _mark(decimal: object) -> str:
    value = single_cell(decimal)
    if is_blank(value):
        return "."
    mark = MARKS.get(value.strip().lower()) if isinstance(value, str) else None
    if mark is None:
        reject(f'decimal must be "." or ",", the mark before the decimals in texts. It is {describe(value)}.')
    return mark
