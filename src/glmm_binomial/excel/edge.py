"""From an answer to what PyXLL puts into cells: an empty place goes back as empty text, which Excel shows as blank."""

from collections.abc import Sequence

LONGEST_TEXT = 32_767
"""Characters in one cell; of a longer text Excel shows #VALUE!."""

CUT = " ..."


def to_excel(answered: object, *, spills: bool) -> object:
    """What a worksheet function returns.

    Parameters
    ----------
    answered : list of rows, str, or any other object
        A table, a message, or a model, which PyXLL keeps as an object.
    spills : bool
        Whether the function spills: a message then is a table of one cell.
    """
    if isinstance(answered, str):
        message = _to_cell(answered)
        return [[message]] if spills else message
    if isinstance(answered, list):
        return to_cells(answered)
    return answered


def to_cells(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Rows of cells as Excel takes them: a missing value would show as 0."""
    return [[_to_cell(value) for value in row] for row in rows]


def _to_cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[: LONGEST_TEXT - len(CUT)] + CUT
    return value
