"""Data as an Excel table on a sheet of its own, with columns made from the others by ordinary Excel formulas."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from glmm_binomial.writer.formula import Expression
from glmm_binomial.writer.page import Computed, Page

Value = str | float

Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class DataColumn:
    """A column of data, or a calculated one: its formula as the file holds it, and what it calculates."""

    name: str
    meaning: str
    formula: str = ""
    calculate: Callable[[Row], Value] | None = None


def this_row(table: str, column: str) -> str:
    """Return the reference that Excel shows as `[@column]`."""
    return f"{table}[[#This Row],[{column}]]"


def complete(columns: Sequence[DataColumn], rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the calculated columns."""
    completed: list[Row] = []
    for row in rows:
        values: dict[str, Value] = dict(row)
        for column in columns:
            if column.calculate is not None:
                values[column.name] = column.calculate(values)
        completed.append(values)
    return completed


def table_columns(table: str, rows: Sequence[Row], *names: str) -> Expression:
    """Return neighbouring columns of a table with their header, as a formula takes them."""
    columns = f"[{names[0]}]" if len(names) == 1 else f"[{names[0]}]:[{names[-1]}]"
    return Expression(f"{table}[[#All],{columns}]", [list(names), *([row[name] for name in names] for row in rows)])


def write_data(
    page: Page, name: str, *, columns: Sequence[DataColumn], rows: Sequence[Row], printed_rows: int | None = None
) -> None:
    """Write the table, its header frozen and repeated on each printed page.

    Parameters
    ----------
    page
        The sheet, with at least as many columns.
    name
        The table's name in formulas.
    columns
        What the columns are; the rows hold the values of all of them.
    rows
        The data.
    printed_rows
        Print no more than so many rows.
    """
    top, bottom = page.row, page.row + len(rows)
    _add_table(page, name, columns, rows)
    for line, row in enumerate(rows, start=top + 1):
        for position, column in enumerate(columns):
            value = row[column.name]
            style = page.formats.text if isinstance(value, str) else page.formats.data_number
            if column.formula:
                page.formula(line, position, Computed(column.formula, value), style)
            elif isinstance(value, str):
                page.sheet.write_string(line, position, value)
            else:
                page.sheet.write_number(line, position, value, style)
    page.print_first_rows(top, printed_rows or len(rows))
    page.row = bottom + 1


def _add_table(page: Page, name: str, columns: Sequence[DataColumn], rows: Sequence[Row]) -> None:
    formats = page.formats
    header_formats = [
        formats.data_header if isinstance(rows[0][column.name], str) else formats.data_number_header
        for column in columns
    ]
    described = [
        {"header": column.name, "formula": column.formula, "header_format": header_format}
        for column, header_format in zip(columns, header_formats, strict=True)
    ]
    options = {"name": name, "style": "Table Style Light 1", "columns": described}
    page.sheet.add_table(page.row, 0, page.row + len(rows), len(columns) - 1, options)
