"""The sheets that the cases refer to: Data, Odd and Listed.

Data has 72 rows below a header row; Odd has columns of it in which something is wrong or unusual; Listed has an Excel
table, and options in cells beside it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from simulated import draw

ROWS = 72
_EMPTY = object()


def write_sheets(book: xlsxwriter.Workbook) -> None:
    """Add the sheets, and names for some of their cells."""
    _write_columns(book.add_worksheet("Data"), DATA)
    _write_columns(book.add_worksheet("Odd"), ODD)
    _write_table(book.add_worksheet("Listed"))
    book.define_name("Outcome", "=Data!$A$2:$A$73")
    book.define_name("Grouping", "=OFFSET(Data!$D$2,0,0,72,1)")


def odd(header: str) -> str:
    """Return the range of a column of Odd, without its header."""
    column = xl_col_to_name(list(ODD).index(header))
    return f"Odd!{column}2:{column}{ROWS + 1}"


def _data_columns() -> dict[str, list[object]]:
    y, x, group, slope = draw(11, slopes=2)
    generator = np.random.default_rng(12)
    trials = generator.integers(1, 9, ROWS)
    return {
        "outcome": y.tolist(),
        "dose": x[:, 0].tolist(),
        "age": x[:, 1].tolist(),
        "ward": (group + 1.0).tolist(),
        "ward name": [f"ward {chr(65 + i)} & Söhne" for i in group],
        "slope": slope[:, 0].tolist(),
        "second slope": slope[:, 1].tolist(),
        "trials": trials.tolist(),
        "successes": generator.binomial(trials, 0.3 + 0.4 * y).tolist(),
    }


def _odd_columns(data: Mapping[str, list[object]]) -> dict[str, list[object]]:
    y, x, group = data["outcome"], data["dose"], data["ward"]
    return {
        "blank in outcome": _with(y, 10, _EMPTY),
        "text in dose": _with(x, 5, "n/a"),
        "error in dose": _with(x, 7, "=1/0"),
        "empty text in ward": _with(group, 9, '=""'),
        "true and false": [bool(value) for value in y],
        "number as text": _with(x, 3, "1.5"),
        "blank in ward": _with(group, 50, _EMPTY),
        "two in outcome": _with(y, 4, 2.0),
        "labels alike": _with([f"Ward {value:.0f}" for value in group], 1, "ward 1"),
        "computed": [f"=Data!B{row}*2" for row in range(2, ROWS + 2)],
        "steps of a tenth": [f"={value:.0f}*0.1" for value in group],
        "blanks below": [*y[:60], *[_EMPTY] * (ROWS - 60)],
    }


def _with(values: Sequence[object], row: int, value: object) -> list[object]:
    return [*values[:row], value, *values[row + 1 :]]


DATA = _data_columns()
"""Columns A, B, C ... of the sheet Data, by their headers."""

ODD = _odd_columns(DATA)
"""Columns of the sheet Odd."""


def _write_columns(sheet: xlsxwriter.worksheet.Worksheet, columns: Mapping[str, Sequence[object]]) -> None:
    for column, (header, values) in enumerate(columns.items()):
        sheet.write_string(0, column, header)
        for row, value in enumerate(values, start=1):
            if isinstance(value, str) and not value.startswith("="):
                sheet.write_string(row, column, value)
            elif value is not _EMPTY:
                sheet.write(row, column, value)


def _write_table(sheet: xlsxwriter.worksheet.Worksheet) -> None:
    rows = list(zip(*(DATA[name] for name in ("outcome", "dose", "age", "ward")), strict=True))
    columns = [{"header": header} for header in ("y", "x1", "x2", "herd")]
    sheet.add_table(2, 0, 2 + ROWS, 3, {"name": "Cows", "columns": columns, "data": rows})
    sheet.write_boolean("G1", False)
    sheet.write_number("G2", 0.2)
    sheet.write_string("G3", "ml")
