"""No cell outside the plan changes when its seeds do: another engine, LibreOffice, calculates random workbooks twice.

Between the two some typed values are other ones. For the plan the cells of these are calls of a function, which is what
it begins with. Every formula that LibreOffice gives another value must be in the plan. The plan may hold more:
`IF(A1>0,B1,C1)` reads three cells whatever A1 is.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import xlsxwriter

from calc.application import calculate, missing
from glmm_binomial.workbook.addresses import cell_name
from glmm_binomial.workbook.book import Place, read_book
from glmm_binomial.workbook.cells import CellValue
from glmm_binomial.workbook.plan import Planner
from glmm_binomial.workbook.sheet_edit import Edit

pytestmark = pytest.mark.mass

SHEETS, ROWS, COLUMNS = ("First", "My data", "Last"), 10, "ABCDEF"
WORKBOOKS = 40
Position = tuple[int, int, int]
"""Number of the sheet, row and column, counted from 0: formulas refer to earlier ones, so that nothing is circular."""


@dataclass(frozen=True)
class Workbook:
    """A random workbook: the file, its typed cells and its formulas."""

    path: Path
    typed: Sequence[Place]
    formulas: Sequence[Place]


def earlier(draw: random.Random, here: Position) -> Position:
    """Return a cell that stands before another: on an earlier sheet, or on the same one in an earlier row."""
    sheet = draw.randrange(here[0] + 1) if here[1] else draw.randrange(here[0])
    row = draw.randrange(here[1] if sheet == here[0] else ROWS)
    return sheet, row, draw.randrange(len(COLUMNS))


def address(position: Position, here: Position, *, absolute: bool = False) -> str:
    sheet, row, column = position
    cell = f"${COLUMNS[column]}${row + 1}" if absolute else f"{COLUMNS[column]}{row + 1}"
    name = SHEETS[sheet]
    return cell if sheet == here[0] else f"'{name}'!{cell}" if " " in name else f"{name}!{cell}"


def formula(draw: random.Random, here: Position) -> str:
    """Return a formula; each kind reads cells in another way."""
    one, other = earlier(draw, here), earlier(draw, here)
    a, b = address(one, here), address(other, here)
    whole = f"'{SHEETS[one[0]]}'!"
    above = f"{whole}$A$1:{COLUMNS[one[2]]}{one[1] + 1}"
    span = f"{whole}A{one[1] + 1}:F{one[1] + 1}"
    row, column = one[1] + 1, one[2] + 1
    kinds = [
        f"={a}+{b}*2",
        f"=SUM({above})/10",
        f"=IF({a}>{b},{a},{b}+1)",
        f'=SUMIF({above},">"&{b})',
        f"=SUMPRODUCT({span}*{span})/100",
        f"=IFERROR(INDEX({above},1,1)/{b},{a})",
        f"=SUM({whole}A1:INDEX({whole}A1:F{row},{row},{column}))/10",
        f"=OFFSET({whole}$A$1,{row - 1},{column - 1})+1",
        f"=SUM(OFFSET({whole}$A$1,0,0,{row},MAX(1,MIN({column},ROUND({b},0)))))/10",
        f'=INDIRECT("{whole.replace(chr(34), chr(34) * 2)}{cell_name(row, column)}")*2',
        f'=SUM(INDIRECT(ADDRESS(1,1)&":"&ADDRESS(1,{column})))+{b}',
        f"=CHOOSE(1+({a}>0),{a},{b})",
        f"=IFERROR(VLOOKUP({a},{above},1,FALSE),{b})",
        f"=IFERROR(MATCH({a},{span},0),0)+COUNT({span})",
        f"=SUM(({a},{b}))" if one[0] == other[0] == here[0] else f"=SUM({a},{b})",
        f"=SUM({whole}A{row}:F{row} {whole}{COLUMNS[one[2]]}1:{COLUMNS[one[2]]}{ROWS})",
        f"=typed_cells+{a}" if draw.random() < 0.5 else f"=SUM(typed_area)-{a}",
        f"=SUM(sizes[size])+{b}" if draw.random() < 0.5 else f"=SUM(sizes[[size]:[weight]])-{b}",
        f"=SUM(H:H)+{b}" if draw.random() < 0.5 else f"=SUM(12:13)*0.5+{a}",
        f"=AND({a}>0,{b}>0)*1",
        f"=LEN({a}&{b})+N({a})",
    ]
    if here[0] > 0:
        kinds.append("=SUM('First:My data'!A1:F10)/10" if here[0] > 1 else "=SUM(First!B2:First!C3)")
        # a name that means the cell of the first sheet in the place of whichever uses it
        kinds.append(f"=same_cell+{a}")
    return draw.choice(kinds)


def build(path: Path, seed: int) -> Workbook:
    draw = random.Random(seed)
    typed: list[Place] = []
    formulas: list[Place] = []
    with xlsxwriter.Workbook(path) as book:
        book.set_calc_mode("auto", 191029)
        book.calc_on_load = False
        book.define_name("typed_cells", "=First!$H$1")
        book.define_name("typed_area", "=First!$H$2:$H$4")
        sheets = [book.add_worksheet(name) for name in SHEETS]
        book.define_name("same_cell", "=First!A1")
        sheets[0].add_table(
            "J1:K4", {"name": "sizes", "columns": [{"header": "size"}, {"header": "weight"}], "data": [[1, 2]] * 3}
        )
        typed += [("First", row, column) for row in range(2, 5) for column in (10, 11)]
        for number, sheet in enumerate(sheets):
            for row in range(5):
                sheet.write_number(row, 7, draw.randint(-9, 9))
                typed.append((SHEETS[number], row + 1, 8))
            for column in range(3):
                sheet.write_number(11, column, draw.randint(-9, 9))
                typed.append((SHEETS[number], 12, column + 1))
            for row in range(ROWS):
                for column in range(len(COLUMNS)):
                    place = SHEETS[number], row + 1, column + 1
                    if (number, row) == (0, 0) or draw.random() < 0.2:
                        sheet.write_number(row, column, draw.randint(-9, 9))
                        typed.append(place)
                    elif draw.random() < 0.1:
                        sheet.write_array_formula(
                            row, column, row, column, f"{{{formula(draw, (number, row, column))}}}", None, 0
                        )
                        formulas.append(place)
                    else:
                        sheet.write_formula(row, column, formula(draw, (number, row, column)), None, 0)
                        formulas.append(place)
    return Workbook(path, typed, formulas)


def with_cells(source: Path, target: Path, cells: Mapping[Place, CellValue]) -> Path:
    """Write a copy with other values in some cells: stored ones where they hold a formula."""
    book = read_book(source, [])
    parts = {sheet.name: sheet.part for sheet in book.contents.sheets}
    edits: dict[str, dict[tuple[int, int], Edit]] = {}
    for (sheet, row, column), value in cells.items():
        edits.setdefault(parts[sheet], {})[row, column] = Edit(value)
    target.write_bytes(book.with_values(edits))
    return target


def planned(source: Path, target: Path, seeds: Collection[Place]) -> set[Place]:
    """Return the formulas that are calculated when some typed cells are those of a function."""
    book = read_book(source, [])
    changed = {}
    for sheet in book.contents.sheets:
        xml = book.sheets[sheet.part]
        for _, row, column in (seed for seed in seeds if seed[0] == sheet.name):
            cell = f'<c r="{cell_name(row, column)}">'.encode()
            assert xml.count(cell) == 1
            xml = xml.replace(cell, cell + b"<f>_xll.GLMM_BINOMIAL(1)</f>")
        changed[sheet.part] = xml
    target.write_bytes(book.package.with_parts(changed))
    return set(Planner(read_book(target, ["GLMM_BINOMIAL"])).plan(everything=False).calculated) - set(seeds)


def test_no_formula_outside_the_plan_changes_in_libreoffice(tmp_path):
    lacking = missing()
    if lacking is not None:
        pytest.skip(lacking)
    draw = random.Random(1)
    workbooks = [build(tmp_path / f"{seed}.xlsx", seed) for seed in range(WORKBOOKS)]
    before = calculate([workbook.path for workbook in workbooks]).workbooks
    plans, perturbed = [], []
    for number, (workbook, values) in enumerate(zip(workbooks, before, strict=True)):
        assert values.keys() == set(workbook.formulas)
        stored = with_cells(workbook.path, tmp_path / f"{number}-stored.xlsx", values)
        seeds = draw.sample(workbook.typed, draw.randint(1, 3))
        other = {place: draw.choice([0.5, -3.0, 7.0, 20.0]) for place in seeds}
        plans.append(planned(stored, tmp_path / f"{number}-planned.xlsx", other))
        perturbed.append(with_cells(stored, tmp_path / f"{number}-other.xlsx", other))
    after = calculate(perturbed).workbooks
    changed = kept = 0
    for number, plan in enumerate(plans):
        differing = {place for place, value in before[number].items() if after[number][place] != value}
        assert differing <= plan, number
        changed += len(differing)
        kept += len(before[number].keys() - plan)
    # both kinds are there in numbers
    assert changed > 10 * WORKBOOKS
    assert kept > 10 * WORKBOOKS
