"""Change typed numbers of every workbook of a folder, and see that no formula changes outside the plan of recalc.

    pip install formulon
    python -m benchmarks.perturbation FOLDER

Another engine, formulon, calculates each workbook before and after. Every formula to which it gives another value must
be among those that recalc would calculate if the changed cells were calls of a function. Formulas with random numbers
or the time, and what reads them, are left out. Nothing in the folder is changed.
"""

import random
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

from glmm_binomial.workbook import WorkbookError
from glmm_binomial.workbook.addresses import Area, Place, cell_name
from glmm_binomial.workbook.book import Book, Formula, read_book
from glmm_binomial.workbook.dynamic_references import resolve_dynamic_references
from glmm_binomial.workbook.plan import Planner
from glmm_binomial.workbook.sheet_edit import Edit, Position
from glmm_binomial.workbook.sheet_scan import CellElement, Scanner

ROUNDS = 3
MOST_FORMULAS = 20_000
_CHANGES = (1.0, -3.0, 0.5, 100.0)

Cell = tuple[str, str, int, int]
"""The part of a sheet, its name, row and column."""


def main() -> None:
    """Run the folder named on the command line."""
    counts: Counter[str] = Counter()
    for path in sorted(Path(sys.argv[1]).rglob("*.[xX][lL][sS][xXmM]")):
        try:
            book = read_book(path, [])
            if 0 < len(book.formulas) <= MOST_FORMULAS:
                _perturb(path, book, counts)
        except WorkbookError:
            continue
        except Exception as error:  # noqa: BLE001 - the other engine does not read every file
            counts["not read by the other engine"] += 1
            print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
    for kind, count in counts.items():
        print(f"{count:>10,.0f}  {kind}")


def _perturb(path: Path, book: Book, counts: Counter[str]) -> None:
    typed = _typed_numbers(book)
    if not typed:
        return
    before = _values(book.package.content)
    resolve_dynamic_references(book)
    planner = Planner(book)
    volatile = [formula for formula in book.formulas if formula.is_volatile]
    unsteady = {formula.place for formula in volatile}
    unsteady |= planner.readers_among([formula.fills for formula in volatile], book.formulas)
    draw = random.Random(path.name)  # noqa: S311 - no secret
    for _ in range(ROUNDS):
        changed = draw.sample(sorted(typed), min(len(typed), draw.choice([1, 2, 5])))
        edits: dict[str, dict[Position, Edit]] = {}
        for part, sheet, row, column in changed:
            edits.setdefault(part, {})[row, column] = Edit(typed[part, sheet, row, column] + draw.choice(_CHANGES))
        after = _values(book.with_values(edits))
        cells = [(sheet.casefold(), Area(row, column, row, column)) for _, sheet, row, column in changed]
        plan = planner.readers_among(cells, book.formulas) | unsteady
        for formula in book.formulas:
            differs = _filled(formula, before) != _filled(formula, after)
            counts["formulas that changed"] += differs and formula.place not in unsteady
            counts["formulas outside the plan"] += formula.place not in plan
            if differs and formula.place not in plan:
                counts["of these changed"] += 1
                print(f"{path}: {formula.sheet.name}!{formula.address}: {formula.cell.text}", file=sys.stderr)
                print("  ", [f"{sheet}!{cell_name(row, column)}" for _, sheet, row, column in changed], file=sys.stderr)
    counts["workbooks"] += 1
    counts["formulas in them"] += len(book.formulas)


def _filled(formula: Formula, values: dict[Place, str]) -> list[str | None]:
    return [values.get((formula.sheet.name, row, column)) for row, column in formula.cell.covered.cells()]


class _Typed(Scanner):
    """Collects the typed numbers of a sheet."""

    def __init__(self, xml: bytes, part: str) -> None:
        super().__init__(xml, part)
        self.numbers: dict[Position, float] = {}

    def on_cell(self, cell: CellElement) -> None:
        value = None if cell.formula is not None or cell.element.attributes.get("t") == "s" else cell.stored(str)
        if type(value) is float:
            self.numbers[cell.row, cell.column] = value


def _typed_numbers(book: Book) -> dict[Cell, float]:
    """Return the typed numbers: those that formulas name by themselves or in small ranges, else all."""
    found: dict[Cell, float] = {}
    for sheet in book.contents.sheets:
        scanner = _Typed(book.sheets[sheet.part], sheet.part)
        scanner.run()
        found |= {(sheet.part, sheet.name, *position): value for position, value in scanner.numbers.items()}
    small = [read for f in book.formulas for read in f.reading.areas if read[1].rows * read[1].columns <= 100]
    named = {(sheet, *position) for sheet, area in small for position in area.cells()}
    return {cell: value for cell, value in found.items() if (cell[1].casefold(), *cell[2:]) in named} or found


def _values(content: bytes) -> dict[Place, str]:
    """Return what the other engine calculates."""
    found: dict[Place, str] = {}
    with import_module("formulon").Workbook.load(content) as workbook:
        workbook.recalc()
        for number in range(workbook.sheet_count()):
            for cell in workbook.iter_cells(number):
                value = workbook.get_value(number, cell.row, cell.col)
                found[workbook.sheet_name(number), cell.row + 1, cell.col + 1] = f"{value.kind} {value.to_python()!r}"
    return found


if __name__ == "__main__":
    main()
