"""The data of an analysis as an Excel table on a sheet of its own."""

import math
from collections.abc import Sequence

from glmm_binomial.writer.page import Report

TABLE = "Data"
"""The name of the table in formulas, and of the sheet."""

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
NARROWEST, WIDEST = 9, 30
ROWS_LOOKED_AT = 200
# enough to see what they are
ROWS_PRINTED = 50

Value = str | float | bool | None


def refused_by_excel(header: Sequence[str], rows: Sequence[object]) -> str | None:
    """Say why Excel would not take the data as a table; None if it does."""
    if len(rows) >= LAST_ROW or len(header) > LAST_COLUMN:
        return f"a sheet has {LAST_ROW:,} rows and {LAST_COLUMN:,} columns, and the data have more."
    for i, name in enumerate(header):
        alike = [other for other in header[:i] if other.casefold() == name.casefold()]
        if alike:
            return f"Excel takes the names {alike[0]!r} and {name!r} of two columns for the same. Rename one of them."
    return None


def write_data_sheet(report: Report, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    """Write the names into the first row and the data below, so that rows are counted as in the file."""
    widths = [_width([name, *(row[i] for row in rows[:ROWS_LOOKED_AT])]) for i, name in enumerate(header)]
    page = report.page(TABLE, widths)
    columns = [{"header": name, "header_format": page.formats.data_header} for name in header]
    options = {"name": TABLE, "style": "Table Style Light 1", "columns": columns}
    page.sheet.add_table(0, 0, len(rows), len(header) - 1, options)
    for line, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if isinstance(value, bool):
                page.sheet.write_boolean(line, column, value)
            elif isinstance(value, float) and math.isfinite(value):
                page.sheet.write_number(line, column, value)
            elif value is not None:
                page.sheet.write_string(line, column, str(value))
    page.print_first_rows(0, min(len(rows), ROWS_PRINTED))


def _width(cells: Sequence[Value]) -> float:
    longest = max(len(f"{cell:g}" if isinstance(cell, float) else str(cell)) for cell in cells)
    # a header has a button beside its text
    return min(max(longest + 3, NARROWEST), WIDEST)
