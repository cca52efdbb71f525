"""Moves the relative references of a formula, as Excel does when it shares or fills one."""

import re

from glmm_binomial.workbook.addresses import LAST_COLUMN, LAST_ROW, column_name, column_number, parse_reference
from glmm_binomial.workbook.formula_text import tokens_of

_PART = re.compile(r"(\$?)([A-Za-z]{1,3})(\$?)([0-9]{1,7})")
_COLUMN_PART = re.compile(r"(\$?)([A-Za-z]{1,3})")
_ROW_PART = re.compile(r"(\$?)([0-9]{1,7})")


def shifted(text: str, rows: int, columns: int) -> str:
    """Return the formula as it reads so many rows further down and columns to the right.

    Beyond the edge of the sheet Excel goes on at the other side. A text that cannot be read stays as it is.
    """
    if not rows and not columns:
        return text
    try:
        return "".join(
            _shifted_reference(token.value, rows, columns) if token.is_reference else token.value
            for token in tokens_of(text)
        )
    except ValueError:
        return text


def _shifted_reference(token: str, rows: int, columns: int) -> str:
    sheet, mark, cells = token.rpartition("!")
    if parse_reference(cells) is None:
        return token
    return sheet + mark + ":".join(_shifted_part(part, rows, columns) for part in cells.split(":"))


def _shifted_part(part: str, rows: int, columns: int) -> str:
    if match := _PART.fullmatch(part):
        return _shifted_column(match[1], match[2], columns) + _shifted_row(match[3], match[4], rows)
    if match := _COLUMN_PART.fullmatch(part):
        return _shifted_column(match[1], match[2], columns)
    if match := _ROW_PART.fullmatch(part):
        return _shifted_row(match[1], match[2], rows)
    return part


def _shifted_column(dollar: str, letters: str, columns: int) -> str:
    if dollar:
        return dollar + letters
    return column_name((column_number(letters) + columns - 1) % LAST_COLUMN + 1)


def _shifted_row(dollar: str, digits: str, rows: int) -> str:
    return dollar + digits if dollar else str((int(digits) + rows - 1) % LAST_ROW + 1)
