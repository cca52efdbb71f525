"""The calls of Python functions found in a workbook."""

from dataclasses import dataclass
from enum import Enum

from glmm_binomial.workbook.addresses import LAST_ROW, parse_reference

# a text no cell holds: it begins with a character of Unicode's private use area
MARK = "\ue000"
MISSING = f"{MARK}missing"


class ArgumentKind(Enum):
    """How an argument is written: it decides how many rows Excel would hand over."""

    WHOLE_COLUMNS = "whole columns"
    FIXED = "range or array of fixed size"
    COMPUTED = "anything else"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a Python function in the workbook."""

    function: str
    sheet: str
    address: str
    arguments: tuple[ArgumentKind, ...]


def argument_kind(text: str) -> ArgumentKind:
    """Tell how an argument is written, from its text."""
    if text.startswith("{"):
        return ArgumentKind.FIXED
    parsed = parse_reference(text)
    if parsed is None:
        return ArgumentKind.COMPUTED
    return ArgumentKind.WHOLE_COLUMNS if parsed[1].bottom == LAST_ROW else ArgumentKind.FIXED
