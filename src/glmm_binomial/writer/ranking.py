"""Groups in ascending order of their random effects, for a chart."""

from collections.abc import Sequence

from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.charts import Rows
from glmm_binomial.writer.formula import Cell, number
from glmm_binomial.writer.page import Column, Computed, Page, cell
from glmm_binomial.writer.spill import Spill

# the columns beside the table of GLMM_BINOMIAL_RANEF
RANK, SORTED, REACH = 7, 8, 9


def write_ranks(page: Page, spill: Spill) -> Rows:
    """Sort the estimates of a table of RANEF by ordinary formulas in columns beside it, as rows for a chart."""
    ranked = sorted_effects(spill.rows)
    formats, first, last = page.formats, spill.top + 1, spill.top + len(ranked)
    estimates, uppers = (xl_range_abs(first, column, last, column) for column in (2, 5))
    rows = []
    for rank, (estimate, upper) in enumerate(ranked, start=1):
        rank_cell, sorted_cell = (cell(spill.top + rank, column) for column in (RANK, SORTED))
        rows.append(
            (
                float(rank),
                Computed(f"=SMALL({estimates},{rank_cell})", estimate),
                Computed(f"=INDEX({uppers},MATCH({sorted_cell},{estimates},0))-{sorted_cell}", upper - estimate),
            )
        )
    columns = (
        Column("Rank", formats.count),
        Column("Estimate,\nsorted", formats.estimate),
        Column("Reach of\ninterval", formats.estimate),
    )
    page.row = spill.top
    page.table(columns, rows, left=RANK)
    return Rows(page.name, first, last, (RANK, RANK))


def sorted_effects(rows: Sequence[Sequence[Cell]]) -> list[tuple[float, float]]:
    """Estimate and upper limit of each group in ascending order; of equal estimates the first one's limit."""
    effects = [(number(row[2]), number(row[5])) for row in rows[1:] if row[0] != "warning"]
    found: dict[float, float] = {}
    for estimate, upper in effects:
        found.setdefault(estimate, upper)
    return [(estimate, found[estimate]) for estimate in sorted(estimate for estimate, _ in effects)]
