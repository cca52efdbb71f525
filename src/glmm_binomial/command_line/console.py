"""What is printed: tables in aligned columns on the standard output, all else beside it; and the exit codes."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from glmm_binomial.command_line.arguments import PROGRAM

if TYPE_CHECKING:
    from glmm_binomial.workbook import CellValue

EXIT_OK, EXIT_CELLS, EXIT_FILE, EXIT_INTERRUPTED = 0, 1, 2, 130
_MESSAGES_SHOWN = 20
_COLUMN_WIDTH = 20
# a double holds whole numbers up to here
_LARGE = 1e15


def show(text: str) -> None:
    """Print what was asked for."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # who reads may have read enough, as `head` has; Python itself writes what is left at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """Say something beside the result."""
    print(f"{PROGRAM}: {message}", file=sys.stderr)


def say_some(messages: Iterable[str], beginning: str = "") -> None:
    """Say the first of many messages, and how many more there are."""
    every = list(messages)
    for message in every[:_MESSAGES_SHOWN]:
        say(beginning + message)
    if len(every) > _MESSAGES_SHOWN:
        say(f"and {len(every) - _MESSAGES_SHOWN} more.")


def fail(message: str) -> int:
    """Say why a file cannot be read or written, or a command not be understood."""
    say(message)
    return EXIT_FILE


def aligned(table: Sequence[Sequence["CellValue | None"]]) -> list[str]:
    """Write a table in aligned columns, one line per row."""
    rows = [[shown(value) for value in row] for row in table]
    columns = range(len(rows[0]))
    widths = [max((len(row[i]) for row in rows if not _runs_over(row, i)), default=0) for i in columns]
    numeric = [_mostly_numbers([row[i] for row in table]) for i in columns]
    return [
        "  ".join(
            text.rjust(width) if is_numeric else text.ljust(width)
            for text, width, is_numeric in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]


def shown(value: "CellValue | None") -> str:
    """Write a value with as many digits as one reads."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < _LARGE else f"{value:.6g}"
    return str(value)


def _runs_over(row: Sequence[str], column: int) -> bool:
    """Tell whether a text may run over the columns to its right, as in Excel: a message must not push them apart."""
    return len(row[column]) > _COLUMN_WIDTH and not any(row[column + 1 :])


def _mostly_numbers(values: Sequence["CellValue | None"]) -> bool:
    numbers = sum(isinstance(value, float) for value in values)
    return 2 * numbers >= sum(value not in ("", None) for value in values)
