"""What `recalc` prints: the table of each cell that calls a function, as text or as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glmm_binomial.command_line.console import aligned, show

if TYPE_CHECKING:
    from glmm_binomial.workbook import CalledCell, CellValue, Problem, Recalculation

_LONG_TABLE, _ROWS_OF_LONG_TABLE = 200, 15


def show_result(recalculation: "Recalculation", written: Sequence[Path], *, as_json: bool) -> None:
    """Print what was calculated, and the files that were written."""
    show(_as_json(recalculation, written) if as_json else _as_text(recalculation, written))


def _as_json(recalculation: "Recalculation", written: Sequence[Path]) -> str:
    """Write everything as JSON, numbers at full precision."""
    cells = [
        {
            "sheet": cell.sheet,
            "address": cell.address,
            "formula": cell.formula,
            "table": [[_json_value(value) for value in row] for row in cell.table],
            "error": cell.error,
        }
        for cell in recalculation.cells
    ]
    differences = [
        {
            "sheet": d.sheet,
            "address": d.address,
            "formula": d.formula,
            "stored": _json_value(d.stored),
            "calculated": _json_value(d.calculated),
        }
        for d in recalculation.differences
    ]
    counts = recalculation.counts
    result = {
        "cells": cells,
        "problems": _json_problems(recalculation.problems),
        "unverified": _json_problems(recalculation.unverified),
        "differences": differences,
        "notes": list(recalculation.notes),
        "counts": {"calculated": counts.calculated, "kept": counts.kept, "not_verified": counts.not_verified},
        "output": str(written[0]) if written else None,
        "beside_it": [str(path) for path in written[1:]],
    }
    return json.dumps(result, indent=1, ensure_ascii=False)


def _json_problems(problems: Sequence["Problem"]) -> list[dict[str, str]]:
    return [{"sheet": p.sheet, "address": p.address, "text": p.text} for p in problems]


def _json_value(value: "CellValue") -> float | str | bool:
    return value if isinstance(value, float | str | bool) else str(value)


def _as_text(recalculation: "Recalculation", written: Sequence[Path]) -> str:
    """Write the tables in aligned columns."""
    blocks = [_cell_as_text(cell) for cell in recalculation.cells]
    if not blocks and not recalculation.differences:
        blocks.append("The workbook has no cell that calls a GLMM_ function.")
    if written:
        blocks.append("\n".join(f"Written to {path}" for path in written))
    blocks.append(f"Formulas: {recalculation.counts}")
    return "\n\n".join(blocks)


def _cell_as_text(cell: "CalledCell") -> str:
    """Write a cell's table below its address and formula; of a table as long as the data, the beginning."""
    first = f"{cell.sheet}!{cell.address}  {cell.formula}"
    if len(cell.table) <= _LONG_TABLE:
        return "\n".join([first, *_indented(cell.table)])
    begun, rest = cell.table[:_ROWS_OF_LONG_TABLE], cell.table[_ROWS_OF_LONG_TABLE:]
    warnings = [row for row in rest if row[0] == "warning"]
    left_out = f"  ... {len(rest) - len(warnings):,} more rows; --json prints all of them"
    return "\n".join([first, *_indented(begun), left_out, *(_indented(warnings) if warnings else ())])


def _indented(table: Sequence[Sequence["CellValue | None"]]) -> list[str]:
    return [f"  {line}" for line in aligned(table)]
