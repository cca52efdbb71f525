"""The command line: `glmm-binomial COMMAND ...`, with the commands of the folder command_line."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper

from glmm_binomial import __version__
from glmm_binomial.command_line import fit, libreoffice, recalc, selftest
from glmm_binomial.command_line.arguments import PROGRAM, Parser, UsageError, understood
from glmm_binomial.command_line.console import EXIT_INTERRUPTED, EXIT_OK, fail, say, show

_COMMANDS = {"fit": fit, "recalc": recalc, "libreoffice": libreoffice, "selftest": selftest}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a label that the console's encoding lacks is shown escaped
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    examples = {name: command.EXAMPLE for name, command in _COMMANDS.items()}
    try:
        arguments = understood(parser, sys.argv[1:] if argv is None else argv, examples=examples)
    except UsageError as error:
        return fail(str(error))
    if arguments.command is None:
        show(parser.format_help().rstrip())
        return EXIT_OK
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        say("stopped; nothing was written.")
        return EXIT_INTERRUPTED
    return code


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="GLMM_BINOMIAL outside Excel.",
        epilog=f"{PROGRAM} COMMAND --help says more about each.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in _COMMANDS.values():
        command.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
