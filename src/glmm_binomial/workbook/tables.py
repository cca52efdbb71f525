"""Structured references to Excel tables, `Tbl[[#Data],[y]:[x]]`, as the cells they stand for."""

from glmm_binomial.workbook.addresses import column_name, quoted_sheet
from glmm_binomial.workbook.contents import Table

_THIS_ROW = "#this row"


class StructuredReferenceError(Exception):
    """The reference names a column, a row or a part of the table that does not exist."""


def resolve_structured(table: Table, specifier: str, *, row: int) -> str:
    """Return the cells as a reference.

    Parameters
    ----------
    table
        The table.
    specifier
        What stands between the outer square brackets; empty for the bare name of the table.
    row
        The row of the formula, for `[#This Row]` and `@`.

    Raises
    ------
    StructuredReferenceError
        When there is no such column or row.
    """
    items, columns = _parts(specifier)
    top, bottom, relative = _row_range(table, items, row)
    left, right = _column_range(table, columns)
    # a row relative to the formula moves along when Excel shares the formula between rows
    mark = "" if relative else "$"
    first, last = (f"${column_name(c)}{mark}{r}" for c, r in ((left, top), (right, bottom)))
    cells = first if first == last else f"{first}:{last}"
    return f"{quoted_sheet(table.sheet)}!{cells}"


def _parts(specifier: str) -> tuple[set[str], list[str]]:
    """Split `[#Headers],[#Data],[a]:[b]` into the items (lower case) and the first and last column."""
    items: set[str] = set()
    if specifier.lstrip().startswith("@"):
        items.add(_THIS_ROW)
        specifier = specifier.lstrip()[1:]
    in_brackets = specifier.lstrip().startswith("[")
    words = _bracketed(specifier) if in_brackets else [specifier] if specifier.strip() else []
    columns = []
    for word in words:
        if word.lstrip().startswith("#"):
            items.add(word.strip().lower())
        else:
            columns.append(_unescaped(word))
    return items, columns


def _bracketed(text: str) -> list[str]:
    """Return what stands in each pair of square brackets; an apostrophe escapes the character after it."""
    words: list[str] = []
    word: list[str] | None = None
    characters = iter(text)
    for character in characters:
        if word is None:
            word = [] if character == "[" else None
        elif character == "'":
            word += [character, next(characters, "")]
        elif character == "]":
            words.append("".join(word))
            word = None
        else:
            word.append(character)
    return words


def _unescaped(text: str) -> str:
    characters = iter(text)
    return "".join(next(characters, "") if character == "'" else character for character in characters)


def _row_range(table: Table, items: set[str], row: int) -> tuple[int, int, bool]:
    """Return the first and last row, and whether they are relative to the formula."""
    data_top = table.area.top + table.header_rows
    data_bottom = table.area.bottom - table.totals_rows
    if _THIS_ROW in items:
        if not data_top <= row <= data_bottom:
            raise StructuredReferenceError("the formula does not stand in a row of the table")
        return row, row, True
    ranges = {
        "#all": (table.area.top, table.area.bottom),
        "#data": (data_top, data_bottom),
        "#headers": (table.area.top, data_top - 1),
        "#totals": (data_bottom + 1, table.area.bottom),
    }
    chosen = [ranges[item] for item in items or {"#data"} if item in ranges and ranges[item][0] <= ranges[item][1]]
    if not chosen or not items <= ranges.keys():
        raise StructuredReferenceError("the table has no such rows")
    return min(top for top, _ in chosen), max(bottom for _, bottom in chosen), False


def _column_range(table: Table, columns: list[str]) -> tuple[int, int]:
    if not columns:
        return table.area.left, table.area.right
    known = {name.casefold(): table.area.left + position for position, name in enumerate(table.columns)}
    try:
        # spaces around a name may belong to it
        numbers = sorted(known[name if (name := c.casefold()) in known else name.strip()] for c in columns)
    except KeyError as error:
        raise StructuredReferenceError(f"the table {table.name} has no column {error.args[0]!r}") from error
    return numbers[0], numbers[-1]
