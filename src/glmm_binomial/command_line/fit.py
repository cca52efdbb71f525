"""`glmm-binomial fit`: a model of a file of data, printed as a table."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from glmm_binomial.command_line.arguments import one_of
from glmm_binomial.command_line.console import EXIT_CELLS, EXIT_OK, fail, say, show
from glmm_binomial.command_line.delimited import SEPARATORS, DataFileError, Delimited, read_delimited
from glmm_binomial.command_line.fit_output import fit_as_text
from glmm_binomial.command_line.fit_workbook import TargetError, check_target, write_workbook
from glmm_binomial.command_line.typed_cells import Decimal, TypedTable, typed

if TYPE_CHECKING:
    from glmm_binomial.command_line.arguments import Parser

EXAMPLE = 'fit DATA.csv "y ~ x + (1 | group)"'

_HELP = """\
Fit a binomial mixed model to a file of data and print its table.

DATA.csv has the names of the columns in its first line. Commas, semicolons or tabs separate the
cells; which of them, and whether decimals follow a point or a comma, is found out, printed, and
asked for where there is a doubt. FORMULA is written as for R's lme4 and stands in quotation
marks: "cured ~ drug * sex + (1 | patient)", or "cases / animals ~ period + (1 | herd)" for
counts.
"""
_EXIT_HELP = """\
exit codes:
  0    the table is printed
  1    the model cannot be fitted to these data; the message says why
  2    the file cannot be read
  130  stopped with Ctrl-C"""


def add_command(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to those that there are."""
    command = commands.add_parser(
        "fit", help="fit a model to a file of data and print its table", description=_HELP, epilog=_EXIT_HELP
    )
    command.set_defaults(run=run)
    command.add_argument("data", type=Path, metavar="DATA.csv")
    command.add_argument("formula", metavar="FORMULA")
    command.add_argument(
        "--method", default="vb", metavar="METHOD", help="vb (the default), ml or mean-field, as in the worksheet"
    )
    command.add_argument(
        "--alpha", default="0.05", metavar="ALPHA", help="one minus the confidence level, 0.05 unless given"
    )
    command.add_argument(
        "--missing", default="omit", metavar="{omit,refuse}", help="what to do with rows that lack a value; else omit"
    )
    command.add_argument(
        "--separator", type=one_of(*SEPARATORS), metavar="NAME", help=f"what separates cells: {', '.join(SEPARATORS)}"
    )
    command.add_argument(
        "--decimal", type=one_of(*get_args(Decimal)), metavar="{point,comma}", help="the decimal mark of numbers"
    )
    command.add_argument(
        "--xlsx",
        type=Path,
        metavar="OUT.xlsx",
        help="write a workbook too: formulas, their results, charts",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, fit, print, and return the exit code."""
    path, target = arguments.data, arguments.xlsx
    options = {"method": arguments.method, "alpha": _as_number(arguments.alpha), "missing": arguments.missing}
    try:
        table = read_delimited(path, SEPARATORS.get(arguments.separator))
        data = typed(table, arguments.decimal)
        if target is not None:
            check_target(target, data)
        answer = _table_of(data, arguments.formula, options)
        if isinstance(answer, str):
            for note in data.notes:
                say(note)
            say(answer)
            return EXIT_CELLS
        show("\n".join([_described(path, table, data), *data.notes, arguments.formula, "", fit_as_text(answer)]))
        if target is not None:
            write_workbook(target, data, source=path.name, formula=arguments.formula, options=options)
            show(f"\nWritten to {target}")
    except DataFileError as error:
        return fail(f"{path}: {error}")
    except TargetError as error:
        return fail(str(error))
    return EXIT_OK


def _table_of(data: TypedTable, formula: str, options: Mapping[str, str | float]) -> Any:
    """Return the rows of the table, or a message."""
    from glmm_binomial.worksheet.functions import CORE_FUNCTIONS  # noqa: PLC0415 - `--help` stays quick

    cells = [list(data.header), *map(list, data.rows)]
    model = CORE_FUNCTIONS["glmm_binomial_formula"](cells, formula, **options)
    return model if isinstance(model, str) else CORE_FUNCTIONS["glmm_binomial_table"](model)


def _as_number(text: str) -> float | str:
    """Return a number; what is none is left to the message of the function."""
    try:
        return float(text)
    except ValueError:
        return text


def _described(path: Path, table: Delimited, data: TypedTable) -> str:
    """Say what was found in the file, and how it was read."""
    rows = "1 row" if len(data.rows) == 1 else f"{len(data.rows):,} rows"
    mark = "no decimals" if data.decimal is None else f"decimal {data.decimal}s"
    return f"{path.name}: {rows} and {len(data.header)} columns, separated by {table.separated_by}, {mark}"
