"""`glmm-binomial recalc`: a workbook calculated without Excel."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import is_zipfile

from glmm_binomial.command_line.arguments import one_of
from glmm_binomial.command_line.console import EXIT_CELLS, EXIT_OK, fail, say, say_some
from glmm_binomial.command_line.progress import Progress
from glmm_binomial.command_line.recalc_output import show_result
from glmm_binomial.libreoffice.program import LibreOfficeError, find_libreoffice, pdf_of

if TYPE_CHECKING:
    from glmm_binomial.command_line.arguments import Parser
    from glmm_binomial.workbook import Recalculation

EXAMPLE = "recalc WORKBOOK.xlsx"

_HELP = """\
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
_DATA = (
    'the file holds data and no formulas. Fit a model to it: glmm-binomial fit DATA.csv "y ~ x + (1 | group)". Or open '
    "it in Excel or LibreOffice, write the formulas beside the data and save it as Excel Workbook (*.xlsx)."
)
_OTHER_KINDS = {
    ".csv": _DATA,
    ".tsv": _DATA,
    ".txt": _DATA,
    ".xls": (
        "the file is in the old .xls format. Open it in Excel or LibreOffice, save it as Excel Workbook (*.xlsx) and "
        "calculate that."
    ),
    ".ods": "the file is in the format of LibreOffice. Save it there as Excel 2007-365 (*.xlsx) and calculate that.",
}
"""What to do with files that are no workbooks, by the end of their names."""


def add_command(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to those that there are."""
    command = commands.add_parser(
        "recalc", help="calculate a workbook without Excel", description=_HELP, epilog=_EXIT_HELP
    )
    command.set_defaults(run=run)
    command.add_argument("workbook", type=Path, metavar="WORKBOOK.xlsx")
    target = command.add_mutually_exclusive_group()
    target.add_argument(
        "--output", type=Path, metavar="OUT.xlsx", help="where to write the copy (else WORKBOOK-recalculated.xlsx)"
    )
    target.add_argument("--in-place", action="store_true", help="overwrite the workbook itself, whole or not at all")
    target.add_argument(
        "--compare",
        action="store_true",
        help="calculate every formula, name each that differs from what is stored, write nothing",
    )
    values = command.add_mutually_exclusive_group()
    values.add_argument("--all", action="store_true", help="calculate every formula, whatever is stored")
    values.add_argument(
        "--trust",
        type=one_of("stored", "calculated"),
        metavar="{stored,calculated}",
        help="which values hold where stored and calculated ones differ",
    )
    sharing = command.add_argument_group("for people without the add-in")
    sharing.add_argument(
        "--values",
        action="store_true",
        help="write WORKBOOK-values.xlsx, in which the tables are values and their formulas notes",
    )
    sharing.add_argument("--html", action="store_true", help="write the sheets as a web page too, without charts")
    sharing.add_argument("--pdf", action="store_true", help="write them as a PDF too, with charts, by LibreOffice")
    command.add_argument("--json", action="store_true", help="print the tables as JSON, numbers at full precision")


def run(arguments: argparse.Namespace) -> int:
    """Calculate, print, write, and return the exit code."""
    refusal = _no_workbook(arguments.workbook)
    if refusal is not None:
        return fail(f"{arguments.workbook}: {refusal}")
    for option in ("values", "html", "pdf"):
        if getattr(arguments, option) and arguments.compare:
            return fail(f"--compare writes nothing, so --{option} has no use.")
    if arguments.values and arguments.in_place:
        return fail("--values would take the formulas out of the workbook itself; without --in-place it writes a copy.")
    return _compare(arguments) if arguments.compare else _recalc(arguments)


def _recalc(arguments: argparse.Namespace) -> int:
    workbook, in_place = arguments.workbook, arguments.in_place
    copy = workbook.with_name(f"{workbook.stem}-{'values' if arguments.values else 'recalculated'}{workbook.suffix}")
    target = workbook if in_place else arguments.output or copy
    if not in_place and _same_file(workbook, target):
        return fail(f"{target} is the workbook itself; say --in-place to overwrite it.")
    try:
        from glmm_binomial.workbook import WorkbookError, recalculate  # noqa: PLC0415 - `--help` stays quick
    except ModuleNotFoundError as error:
        return _fail_without_engine(error)
    try:
        if arguments.pdf:
            find_libreoffice()
        with Progress(sys.stderr) as progress:
            recalculation = recalculate(
                workbook,
                worksheet_functions(),
                everything=arguments.all,
                trust=arguments.trust,
                observer=progress.start,
            )
        is_left = recalculation.content is None or (in_place and bool(recalculation.problems))
        written = [] if is_left else _write(recalculation, target, arguments)
    except WorkbookError as error:
        return fail(f"{workbook}: {error}")
    except LibreOfficeError as error:
        return fail(str(error))
    show_result(recalculation, written, as_json=arguments.json)
    return _report(recalculation, left=workbook if in_place and is_left else None)


def _write(recalculation: "Recalculation", target: Path, arguments: argparse.Namespace) -> list[Path]:
    """Write the workbook, and what else is asked for beside it; return the files."""
    from glmm_binomial.workbook import html_page, values_only, write_atomically  # noqa: PLC0415 - `--help` stays quick

    functions, content = worksheet_functions(), recalculation.content or b""
    without_formulas = values_only(content, functions) if arguments.values or arguments.pdf else b""
    files = {target: without_formulas if arguments.values else content}
    if arguments.html:
        files[target.with_suffix(".html")] = html_page(content, functions, title=target.stem).encode()
    if arguments.pdf:
        files[target.with_suffix(".pdf")] = pdf_of(without_formulas)
    for path, written in files.items():
        write_atomically(path, written)
    return list(files)


def _compare(arguments: argparse.Namespace) -> int:
    try:
        from glmm_binomial.workbook import WorkbookError, compare  # noqa: PLC0415 - `--help` stays quick
    except ModuleNotFoundError as error:
        return _fail_without_engine(error)
    try:
        with Progress(sys.stderr) as progress:
            comparison = compare(arguments.workbook, worksheet_functions(), observer=progress.start)
    except WorkbookError as error:
        return fail(f"{arguments.workbook}: {error}")
    show_result(comparison, [], as_json=arguments.json)
    for difference in comparison.differences:
        say(str(difference))
    say_some(map(str, comparison.unverified), "cannot be calculated here: ")
    return EXIT_CELLS if comparison.differences else EXIT_OK


def _fail_without_engine(error: ModuleNotFoundError) -> int:
    if error.name not in ("formualizer", "lxml"):
        raise error
    return fail(f'{error.name} is not installed. Please run: pip install "glmm-binomial[headless]"')


def worksheet_functions() -> Mapping[str, Callable[..., object]]:
    """Return the functions that formulas may call, by their names in Excel."""
    from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS  # noqa: PLC0415 - `--help` stays quick

    return WORKSHEET_FUNCTIONS


def _no_workbook(path: Path) -> str | None:
    """Say what to do with a file of another kind, None for all that may be a workbook."""
    if path.is_dir():
        return "the file cannot be read: Is a directory."
    suffix = path.suffix.lower()
    if not path.exists() or suffix not in _OTHER_KINDS or (suffix == ".xls" and is_zipfile(path)):
        return None
    return _OTHER_KINDS[suffix]


def _same_file(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return first.absolute() == second.absolute()


def _report(recalculation: "Recalculation", *, left: Path | None) -> int:
    """Say what must be known, and return the exit code."""
    for note in recalculation.notes:
        say(note)
    say_some(map(str, recalculation.unverified), "not checked, the stored value was kept: ")
    failures = [f"{cell.sheet}!{cell.address}: {cell.error}" for cell in recalculation.cells if cell.error is not None]
    say_some([*failures, *map(str, recalculation.problems)])
    say_some(map(str, recalculation.differences))
    if recalculation.content is None:
        say(_advice(recalculation))
        return EXIT_CELLS
    if left is not None:
        say(f"{left} was left as it was.")
    return EXIT_CELLS if failures or recalculation.problems else EXIT_OK


def _advice(recalculation: "Recalculation") -> str:
    """Say what the differences mean and what to do about them."""
    count = len(recalculation.differences)
    cells = "1 cell" if count == 1 else f"{count:,} cells"
    return (
        f"the stored values of {cells} are not what the formulas give here, so nothing was calculated and nothing "
        "written. Perhaps a program changed the data and kept old results: open the workbook in Excel and save it, or "
        "say --trust calculated. Or Excel calculates these formulas otherwise: say --trust stored."
    )
