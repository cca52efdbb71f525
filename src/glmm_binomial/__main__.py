"""The command line: `glmm-binomial recalc WORKBOOK.xlsx` calculates a workbook without Excel."""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from glmm_binomial.workbook import CalledCell, CellValue, Problem, Recalculation

_EXIT_OK, _EXIT_CELLS, _EXIT_FILE, _EXIT_INTERRUPTED = 0, 1, 2, 130
_PROBLEMS_SHOWN = 20
_COLUMN_WIDTH = 20
_LONG_TABLE, _ROWS_OF_LONG_TABLE = 200, 15

_RECALC_HELP = """\
Calculate the GLMM_ cells of a workbook without Excel and all that depends on them, print
the table of each, and write a copy of the workbook with the fresh values. All other cells
keep the value that Excel stored; formulas, formats, charts and all other parts of the file
stay as they are.

What the GLMM_ cells rest upon is calculated too and compared with what is stored, and so
is what depends on them, before anything new comes in. Where that differs, both values are
named and nothing is written: open the workbook in Excel and save it, or say with --trust
which values hold.

A formula that cannot be calculated without Excel (a function that is not known here,
LAMBDA, a reference to another workbook whose values are not stored) keeps its value as long
as nothing it uses has changed. Else it is named with its cell and shows an error value in
the copy, never an old number among new ones. With --in-place the file is then left as it
was.
"""
_EXIT_HELP = """\
exit codes:
  0    everything that had to be was calculated
  1    a GLMM_ cell holds an error, a formula could not be calculated, or stored and
       calculated values differ (each is named)
  2    the file cannot be read or written
  130  stopped with Ctrl-C; nothing was written"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a label that the console's encoding lacks is shown escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        if arguments.command == "selftest":
            return _selftest()
        if arguments.compare:
            return _compare(arguments)
        return _recalc(arguments)
    except KeyboardInterrupt:
        _say("stopped; nothing was written.")
        return _EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="glmm-binomial", description="GLMM_BINOMIAL outside Excel.")
    commands = parser.add_subparsers(dest="command", required=True)
    recalc = commands.add_parser(
        "recalc",
        help="calculate a workbook without Excel",
        description=_RECALC_HELP,
        epilog=_EXIT_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    recalc.add_argument("workbook", type=Path, metavar="WORKBOOK.xlsx")
    target = recalc.add_mutually_exclusive_group()
    target.add_argument(
        "--output", type=Path, metavar="OUT.xlsx", help="where to write the copy (else WORKBOOK-recalculated.xlsx)"
    )
    target.add_argument("--in-place", action="store_true", help="overwrite the workbook itself, whole or not at all")
    target.add_argument(
        "--compare",
        action="store_true",
        help="calculate every formula, name each that differs from what is stored, write nothing",
    )
    values = recalc.add_mutually_exclusive_group()
    values.add_argument("--all", action="store_true", help="calculate every formula, whatever is stored")
    values.add_argument(
        "--trust",
        choices=("stored", "calculated"),
        help="which values hold where stored and calculated ones differ",
    )
    recalc.add_argument("--json", action="store_true", help="print the tables as JSON, numbers at full precision")
    commands.add_parser(
        "selftest",
        help="fit certified data sets on this computer and count the correct digits",
        description="Fit the certified data sets shipped with the package and count the correct digits.",
        epilog="exit codes: 0 all digits that must be correct are; 1 some are not",
    )
    return parser


def _selftest() -> int:
    from glmm_binomial.answers.rows import finished  # noqa: PLC0415
    from glmm_binomial.certified.selftest import selftest  # noqa: PLC0415 - `--help` stays quick

    outcome = selftest()
    _print("\n".join(_aligned(finished(outcome.rows()))))
    return _EXIT_OK if outcome.passes else _EXIT_CELLS


def _recalc(arguments: argparse.Namespace) -> int:
    workbook, in_place = arguments.workbook, arguments.in_place
    if not workbook.name:
        return _fail(f"{workbook}: the file cannot be read: Is a directory.")
    copy = workbook.with_name(f"{workbook.stem}-recalculated{workbook.suffix}")
    target = workbook if in_place else arguments.output or copy
    if not in_place and _same_file(workbook, target):
        return _fail(f"{target} is the workbook itself; say --in-place to overwrite it.")
    try:
        from glmm_binomial.workbook import WorkbookError, recalculate  # noqa: PLC0415 - `--help` stays quick
    except ModuleNotFoundError as error:
        return _fail_without_engine(error)
    try:
        with Progress(sys.stderr) as progress:
            recalculation = recalculate(
                workbook,
                _worksheet_functions(),
                everything=arguments.all,
                trust=arguments.trust,
                observer=progress.start,
            )
        is_left = recalculation.content is None or (in_place and bool(recalculation.problems))
        if not is_left:
            recalculation.write(target)
    except WorkbookError as error:
        return _fail(f"{workbook}: {error}")
    _print_result(recalculation, None if is_left else target, as_json=arguments.json)
    return _report(recalculation, left=workbook if in_place and is_left else None)


def _compare(arguments: argparse.Namespace) -> int:
    try:
        from glmm_binomial.workbook import WorkbookError, compare  # noqa: PLC0415 - `--help` stays quick
    except ModuleNotFoundError as error:
        return _fail_without_engine(error)
    try:
        with Progress(sys.stderr) as progress:
            comparison = compare(arguments.workbook, _worksheet_functions(), observer=progress.start)
    except WorkbookError as error:
        return _fail(f"{arguments.workbook}: {error}")
    _print_result(comparison, None, as_json=arguments.json)
    for difference in comparison.differences:
        _say(str(difference))
    _say_some(map(str, comparison.unverified), "cannot be calculated here: ")
    return _EXIT_CELLS if comparison.differences else _EXIT_OK


def _fail_without_engine(error: ModuleNotFoundError) -> int:
    if error.name not in ("formualizer", "lxml"):
        raise error
    return _fail(f'{error.name} is not installed. Please run: pip install "glmm-binomial[headless]"')


def _worksheet_functions() -> Mapping[str, Callable[..., object]]:
    from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS  # noqa: PLC0415 - `--help` stays quick

    return WORKSHEET_FUNCTIONS


def _same_file(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return first.absolute() == second.absolute()


def _fail(message: str) -> int:
    _say(message)
    return _EXIT_FILE


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # who reads may have read enough, as `head` has; Python itself writes what is left at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    print(f"glmm-binomial: {message}", file=sys.stderr)


def _print_result(recalculation: "Recalculation", written: Path | None, *, as_json: bool) -> None:
    _print(_as_json(recalculation, written) if as_json else _as_text(recalculation, written))


def _report(recalculation: "Recalculation", *, left: Path | None) -> int:
    """Say what must be known, and return the exit code."""
    for note in recalculation.notes:
        _say(note)
    _say_some(map(str, recalculation.unverified), "not checked, the stored value was kept: ")
    failures = [f"{cell.sheet}!{cell.address}: {cell.error}" for cell in recalculation.cells if cell.error is not None]
    _say_some([*failures, *map(str, recalculation.problems)], "")
    _say_some(map(str, recalculation.differences), "")
    if recalculation.content is None:
        _say(_advice(recalculation))
        return _EXIT_CELLS
    if left is not None:
        _say(f"{left} was left as it was.")
    return _EXIT_CELLS if failures or recalculation.problems else _EXIT_OK


def _say_some(messages: Iterable[str], beginning: str) -> None:
    every = list(messages)
    for message in every[:_PROBLEMS_SHOWN]:
        _say(beginning + message)
    if len(every) > _PROBLEMS_SHOWN:
        _say(f"and {len(every) - _PROBLEMS_SHOWN} more.")


def _advice(recalculation: "Recalculation") -> str:
    """Say what the differences mean and what to do about them."""
    count = len(recalculation.differences)
    cells = "1 cell" if count == 1 else f"{count:,} cells"
    return (
        f"the stored values of {cells} are not what the formulas give here, so nothing was calculated and nothing "
        "written. Perhaps a program changed the data and kept old results: open the workbook in Excel and save it, or "
        "say --trust calculated. Or Excel calculates these formulas otherwise: say --trust stored."
    )


def _as_json(recalculation: "Recalculation", written: Path | None) -> str:
    cells = [
        {
            "sheet": cell.sheet,
            "address": cell.address,
            "formula": cell.formula,
            "table": [[_json_value(value) for value in row] for row in cell.table],
            "error": cell.error,
        }
        for cell in recalculation.cells
    ]
    differences = [
        {
            "sheet": d.sheet,
            "address": d.address,
            "formula": d.formula,
            "stored": _json_value(d.stored),
            "calculated": _json_value(d.calculated),
        }
        for d in recalculation.differences
    ]
    counts = recalculation.counts
    result = {
        "cells": cells,
        "problems": _json_problems(recalculation.problems),
        "unverified": _json_problems(recalculation.unverified),
        "differences": differences,
        "notes": list(recalculation.notes),
        "counts": {"calculated": counts.calculated, "kept": counts.kept, "not_verified": counts.not_verified},
        "output": None if written is None else str(written),
    }
    return json.dumps(result, indent=1, ensure_ascii=False)


def _json_problems(problems: Sequence["Problem"]) -> list[dict[str, str]]:
    return [{"sheet": p.sheet, "address": p.address, "text": p.text} for p in problems]


def _json_value(value: "CellValue") -> float | str | bool:
    return value if isinstance(value, float | str | bool) else str(value)


def _as_text(recalculation: "Recalculation", written: Path | None) -> str:
    blocks = [_cell_as_text(cell) for cell in recalculation.cells]
    if not blocks and not recalculation.differences:
        blocks.append("The workbook has no cell that calls a GLMM_ function.")
    if written is not None:
        blocks.append(f"Written to {written}")
    blocks.append(f"Formulas: {recalculation.counts}")
    return "\n\n".join(blocks)


def _cell_as_text(cell: "CalledCell") -> str:
    """Write a cell's table below its address and formula; of a table as long as the data, the beginning."""
    first = f"{cell.sheet}!{cell.address}  {cell.formula}"
    if len(cell.table) <= _LONG_TABLE:
        return "\n".join([first, *_indented(cell.table)])
    begun, rest = cell.table[:_ROWS_OF_LONG_TABLE], cell.table[_ROWS_OF_LONG_TABLE:]
    warnings = [row for row in rest if row[0] == "warning"]
    left_out = f"  ... {len(rest) - len(warnings):,} more rows; --json prints all of them"
    return "\n".join([first, *_indented(begun), left_out, *(_indented(warnings) if warnings else ())])


def _indented(table: Sequence[Sequence["CellValue | None"]]) -> list[str]:
    return [f"  {line}" for line in _aligned(table)]


def _aligned(table: Sequence[Sequence["CellValue | None"]]) -> list[str]:
    """Write a table in aligned columns, one line per row."""
    rows = [[_shown(value) for value in row] for row in table]
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


def _runs_over(row: Sequence[str], column: int) -> bool:
    """Tell whether a text may run over the columns to its right, as in Excel: a message must not push them apart."""
    return len(row[column]) > _COLUMN_WIDTH and not any(row[column + 1 :])


def _mostly_numbers(values: Sequence["CellValue | None"]) -> bool:
    numbers = sum(isinstance(value, float) for value in values)
    return 2 * numbers >= sum(value not in ("", None) for value in values)


def _shown(value: "CellValue | None") -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class Progress:
    """Says on a stream, once a second has passed, what is being done and for how long.

    Parameters
    ----------
    stream
        Where the lines go; not the standard output, which holds the tables.
    delay
        Seconds before the first line.
    interval
        Seconds between lines while nothing new begins.
    """

    def __init__(self, stream: TextIO, *, delay: float = 1.0, interval: float = 5.0) -> None:
        self._stream = stream
        self._delay = delay
        self._interval = interval
        self._began = time.monotonic()
        self._doing = "loading"
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Progress":
        """Start to watch the clock."""
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self._finished.set()
        self._ticker.join()

    def start(self, doing: str) -> None:
        """Note what begins, in a few words."""
        self._doing = doing
        if time.monotonic() - self._began > self._delay:
            self._write()

    def _tick(self) -> None:
        wait = self._delay
        while not self._finished.wait(wait):
            self._write()
            wait = self._interval

    def _write(self) -> None:
        with self._lock:
            elapsed = time.monotonic() - self._began
            print(f"{elapsed:6.1f} s  {self._doing}", file=self._stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
