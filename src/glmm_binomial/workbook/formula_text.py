"""Questions about the text of one formula."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import formualizer

from glmm_binomial.workbook.addresses import LAST_COLUMN, LAST_ROW, Area, parse_reference

_PREFIXES = re.compile(r"(?i)^(?:_xlfn\.|_xlws\.|_xll\.|_xludf\.)+")
_STORED_PREFIX = re.compile(r"(?i)^(?:_xlfn\.|_xlws\.|_xll\.|_xlpm\.)+")
# LibreOffice writes the address of another workbook in quotes, which only the engine's tokenizer minds
_QUOTED_LINK = re.compile(r"\['[^']*'\]")
# Excel shows Herds[#All] where the file has Herds[[#All]]
_ONE_ITEM = re.compile(r"\[(\[#[A-Za-z ]+\])\]$")
_EXTERNAL = re.compile(r"'?[^'\[\]!]*\[[^\[\]]+\][^\[\]!]*!")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a formula: its text, and its kind and subtype in the words of the engine's tokenizer."""

    kind: str
    subtype: str
    value: str

    @property
    def is_reference(self) -> bool:
        """Whether it is a reference or a name."""
        return self.subtype == "Range"


def tokens_of(formula: str) -> Iterator[Token]:
    """Split a formula, without its equals sign, into tokens.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    try:
        tokens = formualizer.Tokenizer("=" + formula).tokens()
    except formualizer.TokenizerError as error:
        without_link = _QUOTED_LINK.sub("[link]", formula)
        if without_link == formula:
            raise ValueError(str(error)) from error
        return tokens_of(without_link)
    return (Token(_word(token.token_type), _word(token.subtype), token.value) for token in tokens)


def _word(name: object) -> str:
    return str(name).rpartition(".")[2]


def bare_name(function: str) -> str:
    """Return a function's name without the prefixes of the file, in upper case."""
    return _PREFIXES.sub("", function).upper()


def formula_as_shown(stored: str) -> str:
    """Return a stored formula as Excel's formula bar shows it: without `_xlfn.` and the like, `E1#` for a spill."""
    try:
        tokens = list(tokens_of(stored))
    except ValueError:
        return "=" + stored
    shown, spill_references, open_brackets = ["="], [], 0
    for token in tokens:
        value = token.value
        if token.subtype == "Open" or token.is_reference:
            value = _ONE_ITEM.sub(r"\1", _STORED_PREFIX.sub("", value))
        open_brackets += (token.subtype == "Open") - (token.subtype == "Close")
        if value.upper() == "ANCHORARRAY(":
            spill_references.append(open_brackets)
            value = ""
        elif token.subtype == "Close" and spill_references and spill_references[-1] == open_brackets + 1:
            spill_references.pop()
            value = "#"
        shown.append(value)
    return "".join(shown)


def is_external(reference: str) -> bool:
    """Tell whether a reference is to another workbook: `[1]Sheet!A1`, whose values may be stored in this one."""
    return _EXTERNAL.match(reference) is not None


def is_relative(definition: str) -> bool:
    """Tell whether a definition holds an address without dollar signs, which Excel shifts from cell to cell."""
    for token in tokens_of(definition):
        parsed = parse_reference(token.value) if token.is_reference else None
        if parsed is not None and token.value.rpartition("!")[2].count("$") < _dollars(parsed[1]):
            return True
    return False


def _dollars(area: Area) -> int:
    """Return how many dollar signs an absolute reference to the area has."""
    if area.rows == LAST_ROW or area.columns == LAST_COLUMN:
        return 2
    return 2 if area.rows == area.columns == 1 else 4
