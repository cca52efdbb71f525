"""`glmm-binomial libreoffice`: the worksheet functions as an add-in of LibreOffice Calc."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from glmm_binomial.command_line.arguments import one_of
from glmm_binomial.command_line.console import EXIT_OK, fail, show
from glmm_binomial.libreoffice.extension import extension, write_extension
from glmm_binomial.libreoffice.program import EXTENSION_NAME, LibreOfficeError, install_add_in, uninstall_add_in

if TYPE_CHECKING:
    from glmm_binomial.command_line.arguments import Parser

EXAMPLE = "libreoffice install"

_HELP = """\
Put the worksheet functions into LibreOffice Calc, as an add-in that asks the Python of this
environment: keep the environment where it is, and install anew when it has moved. LibreOffice
must be closed.
"""
_EXIT_HELP = """\
exit codes:
  0  it is done
  2  LibreOffice is not found or refuses, or the file cannot be written"""


def add_command(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to those that there are."""
    command = commands.add_parser(
        "libreoffice", help="put the functions into LibreOffice Calc", description=_HELP, epilog=_EXIT_HELP
    )
    command.set_defaults(run=run)
    command.add_argument(
        "action", type=one_of("install", "uninstall"), nargs="?", metavar="ACTION", help="install or uninstall"
    )
    command.add_argument(
        "--oxt",
        type=Path,
        metavar=EXTENSION_NAME,
        help="write the add-in as a file instead, to be opened with LibreOffice of this computer",
    )


def run(arguments: argparse.Namespace) -> int:
    """Install, uninstall or write the file, and return the exit code."""
    if (arguments.action is None) == (arguments.oxt is None):
        return fail("say one of them: libreoffice install, libreoffice uninstall, or libreoffice --oxt FILE.oxt")
    try:
        if arguments.oxt is not None:
            write_extension(arguments.oxt, extension())
            show(f"{arguments.oxt} is written. Open it with LibreOffice, which then asks {sys.executable}.")
        elif arguments.action == "install":
            install_add_in()
            show(f"The functions are in LibreOffice Calc, which asks {sys.executable}. Start it to use them.")
        else:
            uninstall_add_in()
            show("The functions are no longer in LibreOffice Calc.")
    except LibreOfficeError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{arguments.oxt} cannot be written: {error.strerror}")
    return EXIT_OK
