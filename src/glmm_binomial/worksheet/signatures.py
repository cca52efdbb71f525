"""Functions written from a table of arguments, with real signatures: what Excel and Python show of them is true."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from glmm_binomial.worksheet.entries import Argument


def with_signature(
    name: str, arguments: Sequence[Argument], body: Callable[[Mapping[str, Any]], Any], *, doc: str, usage: str
) -> Callable[..., Any]:
    """A function of the arguments of a worksheet function, which hands them on by their names.

    It is compiled from source, as `dataclasses` and `attrs` compile theirs: a wrapper of `*args` would hide the
    arguments from PyXLL and from a reader of the help.

    Parameters
    ----------
    name : str
    arguments : sequence of Argument
    body : callable
        Takes a mapping of the arguments' names to what was handed over.
    doc : str
    usage : str
        The call as Excel shows it, kept as an attribute of the function: a signature in which every argument has a
        default does not tell it.
    """
    # a call that leaves a required argument out is answered by a sentence
    defaults = {f"default_of_{each.name}": None if each.is_required else each.default for each in arguments}
    parameters = ", ".join(f"{each.name}=default_of_{each.name}" for each in arguments)
    handed_on = ", ".join(f"{each.name!r}: {each.name}" for each in arguments)
    source = f"def {name}({parameters}):\n    return body({{{handed_on}}})\n"
    file = f"<worksheet function {name}>"
    namespace: dict[str, Any] = {**defaults, "body": body, "__name__": __name__}
    exec(compile(source, file, "exec"), namespace)  # noqa: S102  the source is made of the catalogue alone
    # a traceback shows these lines
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    written: Callable[..., Any] = namespace[name]
    written.__doc__ = doc
    written.__dict__["usage"] = usage
    return written
