"""The workbook of an example."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from glmm_binomial.writer.page import Report, new_report

# fixed, so that the same script writes the same bytes
CREATED = datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # XlsxWriter wants none


@contextmanager
def new_example(path: Path, title: str) -> Iterator[Report]:
    """Open a workbook that is written when the block is left."""
    with new_report(path, title, author="GLMM_BINOMIAL examples", created=CREATED) as report:
        yield report
