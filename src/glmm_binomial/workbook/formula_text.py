"""Questions about the text of one formula."""

import re
from collections.abc import Sequence

import formualizer

from glmm_binomial.workbook.addresses import LAST_COLUMN, LAST_ROW, Area, parse_reference

_PREFIXES = re.compile(r"(?i)^(?:_xlfn\.|_xlws\.|_xll\.|_xludf\.)+")
_STORED_PREFIX = re.compile(r"(?i)^(?:_xlfn\.|_xlws\.|_xll\.|_xlpm\.)+")


def bare_name(function: str) -> str:
    """Return a function's name without the prefixes of the file, in upper case."""
    return _PREFIXES.sub("", function).upper()


def formula_as_shown(stored: str) -> str:
    """Return a stored formula as Excel's formula bar shows it: without `_xlfn.` and the like, `E1#` for a spill."""
    try:
        tokens: Sequence[formualizer.Token] = formualizer.Tokenizer("=" + stored).tokens()
    except (formualizer.TokenizerError, ValueError):
        return "=" + stored
    shown, spill_references, open_brackets = ["="], [], 0
    for token in tokens:
        value = token.value
        subtype = str(token.subtype).rpartition(".")[2]
        if subtype in ("Open", "Range"):
            value = _STORED_PREFIX.sub("", value)
        open_brackets += (subtype == "Open") - (subtype == "Close")
        if value.upper() == "ANCHORARRAY(":
            spill_references.append(open_brackets)
            value = ""
        elif subtype == "Close" and spill_references and spill_references[-1] == open_brackets + 1:
            spill_references.pop()
            value = "#"
        shown.append(value)
    return "".join(shown)


def is_relative(definition: str) -> bool:
    """Tell whether a definition holds an address without dollar signs, which Excel shifts from cell to cell."""
    for token in formualizer.Tokenizer("=" + definition).tokens():
        if not str(token.subtype).endswith("Range"):
            continue
        parsed = parse_reference(token.value)
        if parsed is not None and token.value.rpartition("!")[2].count("$") < _dollars(parsed[1]):
            return True
    return False


def _dollars(area: Area) -> int:
    """Return how many dollar signs an absolute reference to the area has."""
    if area.rows == LAST_ROW or area.columns == LAST_COLUMN:
        return 2
    return 2 if area.rows == area.columns == 1 else 4
