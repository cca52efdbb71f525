"""Addresses of cells, rows and columns counted from one."""

import re

_LETTERS = 26
_CELL = re.compile(r"([A-Z]+)(\d+)")


def column_letter(column: int) -> str:
    """The letters of a column."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, _LETTERS)
        letters = chr(ord("A") + letter) + letters
    return letters


def cell_name(row: int, column: int) -> str:
    """The address of a cell: B2."""
    return f"{column_letter(column)}{row}"


def area_name(top: int, left: int, bottom: int, right: int) -> str:
    """The address of an area: B2:C9."""
    return f"{cell_name(top, left)}:{cell_name(bottom, right)}"


def fixed(address: str) -> str:
    """An address with dollar signs: $B$2:$C$9."""
    return _CELL.sub(r"$\1$\2", address)


def sheet_prefix(name: str) -> str:
    """What stands before the address of a cell on another sheet."""
    return "'{}'!".format(name.replace("'", "''"))
