"""The data of the examples, from the reference data of the tests; where they come from stands beside them."""

import csv
from pathlib import Path

REFERENCE = Path(__file__).parent.parent / "tests" / "reference"


def read(name: str) -> list[dict[str, str]]:
    """Read the rows of a data set by the names in its header."""
    with (REFERENCE / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
