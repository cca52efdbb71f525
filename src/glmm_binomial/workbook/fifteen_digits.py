"""Numbers to 15 digits, as Excel compares them and makes text of them.

In Excel `=3*0.1=0.3` is TRUE and `="dose "&3*0.1` is "dose 0.3". The engine (0.13) takes all 17 digits of a double,
which would make two groups of one label. So the translator puts what is compared, joined or read as text through
`to_fifteen`.
"""

import re
from collections.abc import Sequence
from typing import Any

from glmm_binomial.workbook.elementwise import TEXT_FUNCTIONS

NAME = "_xll.RECALC_DIGITS"
COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
JOINING = "&"
READING_TEXT = TEXT_FUNCTIONS | {"CONCAT", "CONCATENATE", "TEXTJOIN"}

_LITERAL = re.compile(r'\s*(?:"(?:[^"]|"")*"|[0-9.]+(?:E[+-]?[0-9]+)?|TRUE|FALSE|#[A-Z/0!?]+)?\s*', re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_TEXT_LITERAL = re.compile(rf"\s*{_QUOTED.pattern}\s*")
# the engine cuts whole columns and rows at their last value: of two such arrays it knows which elements belong together
_WHOLE = re.compile(r"\$?\b[A-Z]{1,3}:\$?[A-Z]{1,3}\b|\$?\b\d+:\$?\d+\b|1048576", re.IGNORECASE)


def to_fifteen(value: Any) -> Any:
    """Round a number, or the numbers of an array, to 15 significant digits; all else stays as it is."""
    if isinstance(value, float):
        return float(f"{value:.15g}")
    if isinstance(value, list):
        return [to_fifteen(element) for element in value]
    return value


def rounded_argument(tokens: Sequence[str], operators: Sequence[int], *, is_read_as_text: bool) -> str:
    """Return the text of an argument, the operands of its comparisons and joinings put through `to_fifteen`.

    Parameters
    ----------
    tokens
        The argument.
    operators
        Positions within it of the comparisons and `&` that stand in no brackets. Of the other operators all bind more
        tightly, and of these two `&` does.
    is_read_as_text
        Whether a function makes a text of the argument.
    """
    ends = [position for position in operators if tokens[position] in COMPARISONS]
    starts = [0, *(position + 1 for position in ends)]
    joined = [
        _joined(tokens[start:end], [p - start for p in operators if start <= p < end])
        for start, end in zip(starts, [*ends, len(tokens)], strict=True)
    ]
    operands = [operand for operand, _ in joined]
    # a number is never equal to a text, and never larger
    if (ends and not any(map(_TEXT_LITERAL.fullmatch, operands))) or (is_read_as_text and not ends):
        operands = _rounded(operands, [not is_text for _, is_text in joined])
    signs = [tokens[position] for position in ends]
    return operands[0] + "".join(sign + operand for sign, operand in zip(signs, operands[1:], strict=True))


def _joined(tokens: Sequence[str], operators: Sequence[int]) -> tuple[str, bool]:
    """Return the text of an operand of a comparison, and whether `&` makes a text of it."""
    starts = [0, *(position + 1 for position in operators)]
    parts = ["".join(tokens[start:end]) for start, end in zip(starts, [*operators, len(tokens)], strict=True)]
    if len(parts) == 1:
        return parts[0], False
    return JOINING.join(_rounded(parts, [True] * len(parts))), True


def _rounded(operands: list[str], is_wanted: Sequence[bool]) -> list[str]:
    if any(_WHOLE.search(_QUOTED.sub("", operand)) for operand in operands):
        return operands
    return [
        f"{NAME}({operand})" if wanted and not _LITERAL.fullmatch(operand) else operand
        for operand, wanted in zip(operands, is_wanted, strict=True)
    ]
