"""What was typed after `glmm-binomial`; what cannot be understood is answered by a sentence and not by a usage."""

import argparse
import difflib
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, NoReturn

PROGRAM = "glmm-binomial"

_MISSING = "the following arguments are required: "
_EXCLUDES = "not allowed with argument "


class UsageError(Exception):
    """The command line cannot be understood; the text says what to write."""


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would print its usage and end the program."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **options,
            exit_on_error=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has to say."""
        raise argparse.ArgumentError(None, message)


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return a check of the value of an option."""

    def check(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(f"must be {' or '.join(allowed)}, not {text!r}.")
        return text

    return check


def understood(parser: Parser, typed: Sequence[str], *, examples: dict[str, str]) -> argparse.Namespace:
    """Return what was typed as the values of arguments and options.

    Parameters
    ----------
    parser
        With a subparser for each command, whose name it keeps as `command`.
    typed
        The words after the name of the program.
    examples
        How each command is called.

    Raises
    ------
    UsageError
        With a sentence, when something is missing, too much or unknown.
    """
    if typed and not typed[0].startswith("-") and typed[0] not in examples:
        raise UsageError(_no_command(typed[0], examples))
    command = typed[0] if typed and typed[0] in examples else None
    usage = "" if command is None else f" Write: {PROGRAM} {examples[command]}"
    try:
        arguments, left = parser.parse_known_args(typed)
    except argparse.ArgumentError as error:
        raise UsageError(_sentence(error.argument_name, error.message, usage)) from error
    if left:
        listed = f"{PROGRAM} --help" if command is None else f"{PROGRAM} {command} --help"
        if left[0].startswith("-"):
            raise UsageError(f"there is no option {left[0]}; {listed} lists what there is.")
        raise UsageError(f"{left[0]!r} is one word too many; a text with spaces stands in quotation marks.{usage}")
    return arguments


def _no_command(word: str, examples: dict[str, str]) -> str:
    suffix = PurePath(word).suffix.lower()
    for example in examples.values():
        if suffix and suffix in example:
            return f"say first what to do with {word}, as in: {PROGRAM} {example}"
    near = difflib.get_close_matches(word.lower(), examples, n=1)
    hint = f"is {near[0]} meant?" if near else f"the commands are {', '.join(examples)}."
    return f"there is no command {word!r}; {hint}"


def _sentence(name: str | None, message: str, usage: str) -> str:
    """Say in a sentence what argparse has to say of an option."""
    if message.startswith(_MISSING):
        missing = message.removeprefix(_MISSING).split(", ")
        verb = "is" if len(missing) == 1 else "are"
        return f"{' and '.join(missing)} {verb} missing.{usage}"
    if message.startswith(_EXCLUDES):
        return f"{name} and {message.removeprefix(_EXCLUDES)} exclude each other: say one of them."
    if message.startswith("expected"):
        return f"{name} needs a value after it."
    if message.startswith("ignored explicit argument"):
        return f"{name} takes no value."
    return message if name is None else f"{name} {message}"
