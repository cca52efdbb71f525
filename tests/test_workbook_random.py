"""Random workbooks: when a function gives something new, what depends on it comes out as when all is calculated.

Formulas over formulas, with names, a table, ranges, whole columns, spills, OFFSET and INDIRECT, and calls in between.
"""

import random
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from glmm_binomial.workbook import recalculate

ROWS, COLUMNS = 8, "ABCDEF"


def total(factor: float):
    """Stand for a function of the worksheet: a multiple of the sum of its numbers."""

    def function(table: object, *_others: object) -> object:
        rows = table if isinstance(table, list) else [[table]]
        return factor * sum(v for row in rows for v in row if isinstance(v, float) and not isinstance(v, bool))

    return function


def pair(factor: float):
    """Stand for a function whose table has two cells, one below the other."""
    one = total(factor)
    return lambda table, *others: [[one(table, *others)], [factor]]


def functions(factor: float) -> dict[str, object]:
    return {"GLMM_BINOMIAL": total(factor), "GLMM_BINOMIAL_PREDICT": pair(factor)}


def earlier(draw: random.Random, position: int) -> str:
    """Return a cell that stands before a position, so that nothing goes in circles."""
    row, column = divmod(draw.randrange(position), len(COLUMNS))
    return f"{COLUMNS[column]}{row + 1}"


def formula(draw: random.Random, position: int) -> str:
    a, b = earlier(draw, position), earlier(draw, position)
    row = position // len(COLUMNS)
    above = f"A1:F{row}" if row else a
    return draw.choice(
        [
            f"={a}+{b}",
            f"={a}*0.5-{b}",
            f"=SUM({above})/100",
            f"=MAX({above},{a})",
            f"=IF({a}>{b},{a},{b}+1)",
            f'=INDIRECT("{a}")+1',
            f"=OFFSET($A$1,{int(a[1:]) - 1},{COLUMNS.index(a[0])})",
            f"=AVERAGE(typed)+{a}",
            f"=SUM(Tbl[size])+{a}",
            f"=SUM(H:H)+{b}",
            f"=above_all+{a}",
            f"=_xll.GLMM_BINOMIAL({a})",
            f"=_xll.GLMM_BINOMIAL({above},typed)/10",
            f"=SUM(other!A1:A2)-{a}",
        ]
    )


def build(path: Path, seed: int) -> None:
    draw = random.Random(seed)
    with xlsxwriter.Workbook(path) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        sheet, other = book.add_worksheet("S"), book.add_worksheet("other")
        book.define_name("typed", "=S!$H$1:$H$5")
        book.define_name("above_all", "=S!$A$1")
        sheet.write_column("H1", [draw.randint(1, 9) for _ in range(5)])
        sheet.add_table("J1:J4", {"name": "Tbl", "columns": [{"header": "size"}], "data": [[1], [2], [3]]})
        for position in range(ROWS * len(COLUMNS)):
            row, column = divmod(position, len(COLUMNS))
            if position < 2 or draw.random() < 0.2:
                sheet.write(row, column, draw.randint(-9, 9))
            else:
                sheet.write_formula(row, column, formula(draw, position), None, 0)
        other.write_dynamic_array_formula("A1:A2", f"=_xll.GLMM_BINOMIAL_PREDICT(S!H1:H{draw.randint(1, 5)})", None, 0)
        other.write_formula("C1", "=SUM(_xlfn.ANCHORARRAY(A1))", None, 0)


def values(path: Path) -> dict[tuple[str, str], object]:
    book = openpyxl.load_workbook(path, data_only=True)
    return {(s.title, c.coordinate): c.value for s in book for row in s.iter_rows() for c in row}


def check(folder: Path, seed: int) -> tuple[int, int]:
    """Hold both ways against each other; return how many formulas were calculated and how many kept."""
    source, stored = folder / "in.xlsx", folder / "stored.xlsx"
    build(source, seed)
    recalculate(source, functions(1.0), everything=True).write(stored)
    again = recalculate(stored, functions(1.0))
    assert again.differences == ()
    assert again.content == stored.read_bytes(), seed
    planned, whole = folder / "planned.xlsx", folder / "whole.xlsx"
    result = recalculate(stored, functions(3.0))
    assert result.differences == ()
    result.write(planned)
    recalculate(stored, functions(3.0), everything=True).write(whole)
    assert values(planned) == values(whole), seed
    return result.counts.calculated, result.counts.kept


@pytest.mark.mass
def test_calculating_what_depends_on_a_function_gives_what_calculating_all_gives(tmp_path):
    calculated, kept = map(sum, zip(*(check(tmp_path, seed) for seed in range(15)), strict=True))
    # both kinds are there in numbers
    assert calculated > 100
    assert kept > 20


@pytest.mark.mass
@pytest.mark.simulation
def test_calculating_what_depends_on_a_function_gives_what_calculating_all_gives_500_times(tmp_path):
    for seed in range(100, 600):
        check(tmp_path, seed)
