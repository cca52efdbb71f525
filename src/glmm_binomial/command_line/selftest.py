"""`glmm-binomial selftest`: certified data sets, fitted on this computer."""

import argparse
from typing import TYPE_CHECKING

from glmm_binomial.command_line.console import EXIT_CELLS, EXIT_OK, aligned, show

if TYPE_CHECKING:
    from glmm_binomial.command_line.arguments import Parser

EXAMPLE = "selftest"


def add_command(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to those that there are."""
    command = commands.add_parser(
        "selftest",
        help="fit certified data sets on this computer and count the correct digits",
        description="Fit the certified data sets shipped with the package and count the correct digits.",
        epilog="exit codes: 0 all digits that must be correct are; 1 some are not",
    )
    command.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the table and return the exit code."""
    from glmm_binomial.answers.rows import finished  # noqa: PLC0415
    from glmm_binomial.certified.selftest import selftest  # noqa: PLC0415 - `--help` stays quick

    outcome = selftest()
    show("\n".join(aligned(finished(outcome.rows()))))
    return EXIT_OK if outcome.passes else EXIT_CELLS
