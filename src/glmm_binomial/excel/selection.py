"""The table that is selected in Excel: what stands in it, and how a formula refers to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from glmm_binomial.excel.addresses import area_name, column_letter, fixed, sheet_prefix

Value = object
"""A number, a text, a truth value, None for a blank cell, or an exception for an error, as PyXLL hands it over."""

_ERRORS: Final = {
    2000: LookupError,
    2007: ZeroDivisionError,
    2015: ValueError,
    2023: ReferenceError,
    2029: NameError,
    2036: ArithmeticError,
    2042: RuntimeError,
}
_FIRST_ERROR: Final = -2_146_828_288
"""COM hands an error over as a whole number, this and Excel's number of the error; any other number is a float."""


class SelectionError(Exception):
    """Nothing is selected that could be analysed; the text says what to select."""


@dataclass(frozen=True, slots=True)
class SelectedTable:
    """A table with the names of its columns in its first row.

    Attributes
    ----------
    reference
        As a formula on another sheet refers to it: `Visits[#All]` or `'My data'!$A$1:$D$221`.
    name
        As a person would call it.
    header
    rows
        Below the header.
    """

    reference: str
    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[Value]]


def selected_table(app: Any) -> SelectedTable:
    """Read what is selected: the Excel table around the selection, the cells around a single one, or the cells.

    Raises
    ------
    SelectionError
    """
    try:
        selected = app.Selection
        areas = selected.Areas.Count
    except Exception as error:  # a picture, a chart, or no workbook at all: COM has an exception of its own for each
        raise SelectionError("Select the table first, or one cell of it.") from error
    if areas > 1:
        raise SelectionError("Select one table only; several areas are selected.")
    table = selected.ListObject
    sheet = selected.Worksheet
    if table is not None:
        area, reference, name = table.Range, f"{table.Name}[#All]", table.Name
    else:
        single = selected.Rows.Count == selected.Columns.Count == 1
        area = selected.CurrentRegion if single else app.Intersect(selected, sheet.UsedRange)
        if area is None:
            raise SelectionError("The selected cells are blank. Select the table, or one cell of it.")
        reference, name = f"{sheet_prefix(sheet.Name)}{_address(area)}", sheet.Name
    if area.Rows.Count < 3 or area.Columns.Count < 2:  # noqa: PLR2004 - two rows of data, an outcome and its groups
        raise SelectionError(
            "The table needs the names of its columns in its first row, at least two rows below, and at least two "
            "columns: the outcomes and the groups. Select such a table, or one cell of it."
        )
    header, *rows = ([_value(cell) for cell in row] for row in area.Value2)
    unnamed = next((i for i, cell in enumerate(header) if not isinstance(cell, str) or not cell.strip()), None)
    if unnamed is not None:
        raise SelectionError(
            "The first row of the table must hold the names of its columns, and in column "
            f"{column_letter(area.Column + unnamed)} there is none."
        )
    return SelectedTable(reference, name, [str(cell) for cell in header], rows)


def _address(area: Any) -> str:
    bottom, right = area.Row + area.Rows.Count - 1, area.Column + area.Columns.Count - 1
    return fixed(area_name(area.Row, area.Column, bottom, right))


def _value(cell: object) -> Value:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return _ERRORS.get(cell - _FIRST_ERROR, ValueError)()
    return cell
