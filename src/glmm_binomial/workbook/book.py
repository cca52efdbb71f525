"""One workbook as it was read: its file, its directory, and every formula with what it reads."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from glmm_binomial.workbook.addresses import Area, Place, Position, cell_name
from glmm_binomial.workbook.cells import CellValue
from glmm_binomial.workbook.contents import Contents, Sheet, read_contents
from glmm_binomial.workbook.engine_package import package_for_engine
from glmm_binomial.workbook.outcome import Problem
from glmm_binomial.workbook.package import Package, WorkbookError, open_package
from glmm_binomial.workbook.references import Reading, ReferenceReader, SheetArea
from glmm_binomial.workbook.shared_strings import shared_text
from glmm_binomial.workbook.sheet_edit import Edit, edit_cells
from glmm_binomial.workbook.sheet_scan import FormulaCell, read_formulas, read_values

# functions that leave out cells that hold one of them, and hidden rows
SUBTOTALS = frozenset({"SUBTOTAL", "AGGREGATE"})
# functions whose value changes without any change of the workbook
VOLATILE = frozenset({"NOW", "TODAY", "RAND", "RANDBETWEEN", "RANDARRAY"})

# by hand or by a filter, or all rows that the file does not mention
_HIDDEN_ROW = re.compile(rb"<(?:[\w.-]+:)?(?:row\s[^>]*\bhidden|sheetFormatPr\s[^>]*\bzeroHeight)=[\"'](?:1|true)[\"']")
# an array formula of a whole column and some more; a file could claim billions
_MAX_ARRAY_CELLS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A formula cell, the sheet it stands on, what it reads, and whether it calls one of the Python functions."""

    sheet: Sheet
    cell: FormulaCell
    reading: Reading
    is_call: bool

    @property
    def place(self) -> Place:
        """Sheet, row and column."""
        return self.sheet.name, self.cell.row, self.cell.column

    @property
    def address(self) -> str:
        """The cell's name on its sheet."""
        return cell_name(self.cell.row, self.cell.column)

    @property
    def fills(self) -> SheetArea:
        """The cells that hold its stored values."""
        return self.sheet.name.casefold(), self.cell.covered

    @property
    def is_volatile(self) -> bool:
        """Whether its value changes without any change of the workbook."""
        return bool(self.reading.functions & VOLATILE)

    @property
    def is_data_table(self) -> bool:
        """Whether it is a what-if data table, which only Excel calculates."""
        return self.cell.kind == "dataTable"

    def problem(self, text: str) -> Problem:
        """Return what is wrong with it, in words."""
        return Problem(self.sheet.name, self.address, text)

    @property
    def is_plain(self) -> bool:
        """Whether Excel shows one value only."""
        return self.cell.kind == "normal"


@dataclass(frozen=True)
class Book:
    """A workbook.

    Attributes
    ----------
    package, contents
        Its file and what its directory says.
    functions
        The names of the Python functions, in upper case.
    formulas
        Its formulas, in the order of sheets and cells.
    text
        The texts that cells refer to by number.
    """

    package: Package
    contents: Contents
    functions: frozenset[str]
    formulas: tuple[Formula, ...]
    text: Callable[[int], str] = field(repr=False)
    _array_values: dict[str, dict[Position, CellValue]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def sheets(self) -> dict[str, bytes]:
        """The XML of each sheet, by its part."""
        return {sheet.part: self.package.read(sheet.part) for sheet in self.contents.sheets}

    @cached_property
    def formula_texts(self) -> dict[Place, str]:
        """The formulas by sheet (without regard to case), row and column; an array's in all its cells."""
        return {
            (formula.sheet.name.casefold(), row, column): formula.cell.text
            for formula in self.formulas
            for row, column in ([(formula.cell.row, formula.cell.column)] if formula.cell.spills else _cells(formula))
        }

    @cached_property
    def sheets_with_hidden_rows(self) -> frozenset[str]:
        """The sheets, without regard to case, of which rows are hidden, by hand or by a filter."""
        sheets = self.contents.sheets
        return frozenset(sheet.name.casefold() for sheet in sheets if _HIDDEN_ROW.search(self.sheets[sheet.part]))

    @cached_property
    def references(self) -> ReferenceReader:
        """The reader of references in it."""
        return ReferenceReader(self.contents)

    def stored(self, formula: Formula) -> dict[Position, CellValue]:
        """Return what is stored in the cells that a formula fills; those that hold nothing are absent."""
        cell = formula.cell
        if cell.covered.rows * cell.covered.columns == 1:
            return {} if cell.stored is None else {(cell.row, cell.column): cell.stored}
        values = self._stored_in_arrays(formula.sheet.part)
        return {position: values[position] for position in cell.covered.cells() if position in values}

    def _stored_in_arrays(self, part: str) -> dict[Position, CellValue]:
        if part not in self._array_values:
            areas = {formula.cell.covered for formula in self.formulas if formula.sheet.part == part}
            wanted = sorted(area for area in areas if area.rows * area.columns > 1)
            self._array_values[part] = read_values(self.sheets[part], part, wanted, self.text)
        return self._array_values[part]

    def for_engine(self, edits: Mapping[str, Mapping[Position, Edit]]) -> bytes:
        """Return the file for the engine: of its formulas only those among the edits, all others as constants."""
        sheets = {
            part: edit_cells(xml, part, edits.get(part, {}), keep_other_formulas=False)
            for part, xml in self.sheets.items()
        }
        return package_for_engine(self.package, self.contents, sheets)

    def frozen_spills(self, calculated: Iterable[Place]) -> dict[Place, Area]:
        """Return the cells of the arrays that are constants now, to which `A1#` refers."""
        live = set(calculated)
        return {f.place: f.cell.covered for f in self.formulas if f.cell.kind == "array" and f.place not in live}

    def with_values(self, edits: Mapping[str, Mapping[Position, Edit]]) -> bytes:
        """Return the original file with values in its cells; a part in which nothing changes keeps its bytes."""
        changed = {}
        for part, changes in edits.items():
            xml = self.sheets[part]
            edited = edit_cells(xml, part, changes, shared_text=self.text)
            if edited != xml:
                changed[part] = edited
        return self.package.with_parts(changed) if changed else self.package.content


def read_book(source: Path, functions: Iterable[str]) -> Book:
    """Read a workbook.

    Parameters
    ----------
    source
        An .xlsx or .xlsm file.
    functions
        Names of the Python functions, as in `=GLMM_BINOMIAL(...)`.

    Raises
    ------
    WorkbookError
        When the file cannot be read.
    """
    return book_of(open_package(source), functions)


def book_of(package: Package, functions: Iterable[str]) -> Book:
    """Read the workbook in a package; see `read_book`."""
    contents = read_contents(package)
    names = frozenset(name.upper() for name in functions)
    references = ReferenceReader(contents)
    text = shared_text(package, contents.strings_part)
    formulas = []
    for sheet in contents.sheets:
        for cell in read_formulas(package.read(sheet.part), sheet.part, text):
            _refuse_absurd(sheet, cell)
            formulas.append(_formula(sheet, cell, references, names))
    return Book(package, contents, names, tuple(formulas), text)


def _cells(formula: Formula) -> list[Position]:
    return formula.cell.covered.cells()


def _formula(sheet: Sheet, cell: FormulaCell, references: ReferenceReader, names: frozenset[str]) -> Formula:
    if cell.kind == "dataTable":
        return Formula(sheet, cell, _data_table_reading(sheet, cell), is_call=False)
    reading = references.read(cell.text, sheet.name, cell.row, cell.column)
    return Formula(sheet, cell, reading, is_call=bool(reading.functions & names))


def _data_table_reading(sheet: Sheet, cell: FormulaCell) -> Reading:
    """Return what a data table reads: its input cells, and the row and column around it."""
    area, key = cell.covered, sheet.name.casefold()
    around = Area(max(1, area.top - 1), max(1, area.left - 1), area.bottom, area.right)
    return Reading(areas=[(key, around), *((key, read) for read in cell.inputs)])


def _refuse_absurd(sheet: Sheet, cell: FormulaCell) -> None:
    if cell.area is not None and cell.area.rows * cell.area.columns > _MAX_ARRAY_CELLS:
        raise WorkbookError(f"the formula {sheet.name}!{cell_name(cell.row, cell.column)} fills too many cells.")
