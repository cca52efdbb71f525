"""The Python that calculates for LibreOffice, as the product has it, with what `rewriting` needs besides."""

from collections.abc import Sequence

from calc.rewriting import LAST_TABLE, MARK
from glmm_binomial.libreoffice.calls import Calls, Rows
from glmm_binomial.libreoffice.server import serve
from worksheet import ERROR_CELLS

_BOOLEANS = {f"{MARK}TRUE": True, f"{MARK}FALSE": False}


class MarkedCalls(Calls):
    """Reads texts with MARK before them as what they stand for, and remembers the table that was returned last."""

    def __init__(self) -> None:
        super().__init__()
        self._last_table: Rows = []

    def __call__(self, method: str, arguments: Sequence[object]) -> Rows:
        if method != LAST_TABLE.python_name:
            self._last_table = super().__call__(method, [_unmarked(each) for each in arguments])
        return self._last_table


def _unmarked(value: object) -> object:
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    if not isinstance(value, str) or not value.startswith(MARK):
        return value
    return _BOOLEANS[value] if value in _BOOLEANS else ERROR_CELLS[value.removeprefix(MARK)]()


if __name__ == "__main__":
    serve(MarkedCalls())
