"""A file of delimited text (.csv, .tsv) -> its header and its cells, still as text.

What separates the cells is found out from the header, and asked for where the header leaves a doubt.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}
"""By their names on the command line."""

_TRIED = (",", ";", "\t")
_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "spaces"}
_LINES_NAMED = 3
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class DataFileError(Exception):
    """The file cannot be read as a table; the text says why, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Delimited:
    """A table of text.

    Attributes
    ----------
    header
        The names of the columns, without spaces around them; "" for a column without a name.
    rows
        The cells below, each row as long as the header.
    lines
        The line of the file in which each row begins.
    separator
        What stands between the cells.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    separator: str

    @property
    def separated_by(self) -> str:
        """What stands between the cells, in a word."""
        return _WORDS[self.separator]


def read_delimited(path: Path, separator: str | None = None) -> Delimited:
    """Read a file.

    Parameters
    ----------
    path
        A text file in UTF-8, with a byte order mark or without, or in UTF-16 with one.
    separator
        What stands between the cells; found out unless given.

    Raises
    ------
    DataFileError
    """
    text = _text_of(path)
    first_line, _, below = text.partition("\n")
    lines_before = 0
    if first_line.lower().startswith("sep=") and len(first_line.rstrip("\r")) == len("sep=;"):
        # Excel's own way to say it
        separator, text, lines_before = separator or first_line[4], below, 1
    separator = separator or _found_separator(text)
    records = [(line + lines_before, cells) for line, cells in _records(text, separator)]
    while records and not any(cell.strip() for cell in records[-1][1]):
        records.pop()
    if not records:
        raise DataFileError("the file is empty.")
    return _table(records, separator)


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFileError(f"the file cannot be read: {error.strerror or error}.") from error
    if content.startswith(_WORKBOOKS):
        raise DataFileError(
            "the file is a workbook. Save the sheet with the data as CSV UTF-8 (*.csv), or write formulas into the "
            "workbook and calculate it: glmm-binomial recalc WORKBOOK.xlsx."
        )
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decoded(content, "utf-16")
    text = _decoded(content.removeprefix(codecs.BOM_UTF8), "utf-8")
    if "\0" in text:
        raise DataFileError("the file holds zero bytes, so it is no text. Save the data as CSV UTF-8 (*.csv).")
    return text


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        place = len(before.rpartition(b"\n")[2].decode(encoding, "replace")) + 1
        raise DataFileError(
            f"line {line}, character {place} is not UTF-8 (byte {content[error.start]:#04x}). In Excel save as "
            "CSV UTF-8 (*.csv); elsewhere convert the file, as with iconv -f WINDOWS-1252 -t UTF-8."
        ) from error


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row, and the line in which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        if "expected after" in str(error):
            wrong = "text follows a closing quotation mark; within quotation marks a quotation mark is written twice"
        else:
            wrong = "a quotation mark is opened and never closed"
        raise DataFileError(f"line {begins}: {wrong}.") from error


def _found_separator(text: str) -> str:
    """Return what separates the cells of the header; when several may, the one that cuts all rows alike."""
    widths = {separator: _width_of_header(text, separator) for separator in _TRIED}
    possible = [separator for separator, width in widths.items() if width > 1]
    if not possible and set(widths.values()) == {1}:
        raise DataFileError(
            "line 1 holds no comma, semicolon or tab, so there would be one column only, and a model needs the "
            "outcome and the groups. If the cells are separated by spaces, say --separator space."
        )
    if len(possible) > 1:
        possible = [separator for separator in possible if _cuts_all_rows_alike(text, separator)] or possible
    if len(possible) > 1:
        ways = " and ".join(f"at {_WORDS[separator]} ({widths[separator]} columns)" for separator in possible)
        raise DataFileError(
            f"line 1 can be cut {ways}. Say which it is: --separator comma, --separator semicolon or --separator tab."
        )
    return possible[0] if possible else _TRIED[0]


def _width_of_header(text: str, separator: str) -> int:
    """Return the number of columns, 0 without a header or where its quotation marks make no sense."""
    try:
        return len(next(_records(text, separator), (1, []))[1])
    except DataFileError:
        return 0


def _cuts_all_rows_alike(text: str, separator: str) -> bool:
    try:
        return len({len(cells) for _, cells in _records(text, separator) if cells}) == 1
    except DataFileError:
        return False


def _table(records: list[tuple[int, list[str]]], separator: str) -> Delimited:
    first_line, names = records[0]
    header = tuple(name.strip() for name in names)
    rows = [cells for _, cells in records[1:]]
    lines = tuple(line for line, _ in records[1:])
    used = max((i + 1 for row in (header, *rows) for i, cell in enumerate(row) if cell.strip()), default=0)
    # separators at the end of lines, as Excel writes for columns that were used once
    header = header[:used]
    _check_header(header, first_line)
    _check_lengths(header, rows, lines, separator)
    width = len(header)
    # a blank line is a row without values, so that rows and lines count alike
    return Delimited(header, tuple((*row[:width], *[""] * (width - len(row))) for row in rows), lines, separator)


def _check_header(header: tuple[str, ...], line: int) -> None:
    named = [name for name in header if name]
    if not named:
        raise DataFileError(f"line {line} must hold the names of the columns. It is blank.")
    if all(_is_number(name) for name in named):
        raise DataFileError(
            f"line {line} must hold the names of the columns. It holds {', '.join(named[:_LINES_NAMED])}: write a line "
            "with names above it."
        )
    for name in named:
        columns = [str(i) for i, other in enumerate(header, start=1) if other == name]
        if len(columns) > 1:
            raise DataFileError(
                f"line {line} holds the name {name!r} more than once, in columns {' and '.join(columns)}. Rename all "
                "but one."
            )


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _check_lengths(header: tuple[str, ...], rows: list[list[str]], lines: tuple[int, ...], separator: str) -> None:
    width = len(header)
    wrong = [
        (line, len(row))
        for line, row in zip(lines, rows, strict=True)
        if any(cell.strip() for cell in (row if len(row) < width else row[width:]))
    ]
    if not wrong:
        return
    named = ", ".join(f"line {line} has {cells}" for line, cells in wrong[:_LINES_NAMED])
    more = f" and {len(wrong) - _LINES_NAMED:,} more" if len(wrong) > _LINES_NAMED else ""
    hint = ""
    if separator == "," and wrong[0][1] > width:
        hint = " With decimal commas, numbers must stand in quotation marks or the cells be separated by semicolons."
    raise DataFileError(
        f"all lines must have as many cells as line 1, the header, which has {width} cut at {_WORDS[separator]}: "
        f"{named}{more}.{hint}"
    )
