"""The workbook that `glmm-binomial fit --xlsx` writes."""

import io
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from glmm_binomial.command_line.progress import Progress
from glmm_binomial.command_line.typed_cells import TypedTable


class TargetError(Exception):
    """The workbook cannot be written; the text says why."""


def check_target(target: Path, data: TypedTable) -> None:
    """Refuse what cannot become a workbook, before anything is calculated.

    Raises
    ------
    TargetError
    """
    if find_spec("xlsxwriter") is None:
        raise TargetError(
            'XlsxWriter, which writes workbooks, is not installed. Please run: pip install "glmm-binomial[xlsx]"'
        )
    if target.suffix.lower() != ".xlsx":
        raise TargetError(f"{target}: the name of a workbook ends in .xlsx.")
    from glmm_binomial.writer.analysis_data import refused_by_excel  # noqa: PLC0415 - it needs XlsxWriter

    refusal = refused_by_excel(data.header, data.rows)
    if refusal is not None:
        raise TargetError(f"{target}: {refusal}")


def write_workbook(
    target: Path, data: TypedTable, *, source: str, formula: str, options: Mapping[str, str | float]
) -> None:
    """Write the workbook, whole or not at all.

    Parameters
    ----------
    target
        Where.
    data
        The data; columns without a name are left out.
    source
        The name of the file they come from.
    formula, options
        A model that can be fitted: its formula, and `method`, `alpha` and `missing`.

    Raises
    ------
    TargetError
    """
    from glmm_binomial.writer.analysis_workbook import Analysis, write_analysis  # noqa: PLC0415 - it needs XlsxWriter

    named = [i for i, name in enumerate(data.header) if name]
    header, *rows = (tuple(row[i] for i in named) for row in (data.header, *data.rows))
    analysis = Analysis(source, tuple(map(str, header)), rows, formula, options)
    content = io.BytesIO()
    with Progress(sys.stderr) as progress:
        write_analysis(content, analysis, progress.start)
    temporary = target.with_name(f".{target.name}.part")
    try:
        temporary.write_bytes(content.getvalue())
        temporary.replace(target)
    except OSError as error:
        raise TargetError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
