"""A workbook in, the same workbook with fresh values out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from glmm_binomial.workbook.addresses import Area, cell_name
from glmm_binomial.workbook.cells import CellError, CellValue
from glmm_binomial.workbook.contents import Contents, Sheet, read_contents
from glmm_binomial.workbook.engine import Engine, Observer, Results, WorksheetFunction, unknown_functions
from glmm_binomial.workbook.formula_text import formula_as_shown
from glmm_binomial.workbook.formulas import Translation, Translator
from glmm_binomial.workbook.large_spills import LargeSpills, Place, area_of, fits
from glmm_binomial.workbook.package import (
    Package,
    WorkbookError,
    open_package,
    write_atomically,
)
from glmm_binomial.workbook.sheet_edit import Edit, Position, edit_cells
from glmm_binomial.workbook.sheet_scan import FormulaCell, read_formulas

_MESSAGES = ("Invalid input:", "Error fitting GLMM:", "##")
# an array formula of a whole column and some more; a file could claim billions
MAX_ARRAY_CELLS = 2_000_000
# large spills that depend on each other need one round each, and one more
MAX_ROUNDS = 20
_NO_TEXT = Translation("", calls=False, functions=frozenset(), external=False, problems=())
_DATA_TABLE = Translation(
    "",
    calls=False,
    functions=frozenset(),
    external=False,
    problems=("a what-if data table is not calculated without Excel; its old values were kept",),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A formula that could not be calculated truly, and why; its cell holds an error value now."""

    sheet: str
    address: str
    text: str

    def __str__(self) -> str:
        """Text as the command line shows it."""
        return f"{self.sheet}!{self.address}: {self.text}"


@dataclass(frozen=True, slots=True)
class CalledCell:
    """A cell whose formula calls one of the Python functions.

    `table` holds the rows of what the cell shows, one value unless it spills. `error` is the message or error value
    in it, None when there is none.
    """

    sheet: str
    address: str
    formula: str
    table: tuple[tuple[CellValue, ...], ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class Recalculation:
    """The result: the cells that call Python functions, what went wrong, and the workbook as the bytes of a file."""

    cells: tuple[CalledCell, ...]
    problems: tuple[Problem, ...]
    content: bytes

    def write(self, path: Path) -> None:
        """Write the workbook, whole or not at all."""
        write_atomically(path, self.content)


@dataclass(frozen=True, slots=True)
class _Formula:
    """A formula cell, where it stands and how it was translated.

    `text` is the cell's own or, when several share one, that of the first of them.
    """

    sheet: Sheet
    cell: FormulaCell
    text: str
    translation: Translation

    @property
    def place(self) -> tuple[str, int, int]:
        return self.sheet.name, self.cell.row, self.cell.column

    @property
    def is_plain(self) -> bool:
        """Whether Excel shows one value only."""
        return self.cell.kind in ("normal", "shared")

    @property
    def repeats(self) -> bool:
        """Whether the text stands in another cell, which shares it with this one."""
        return self.cell.kind == "shared" and not self.cell.text


def recalculate(
    source: Path, functions: Mapping[str, Callable[..., object]], *, observer: Observer | None = None
) -> Recalculation:
    """Calculate every formula of a workbook.

    Parameters
    ----------
    source
        An .xlsx or .xlsm file; it is read only.
    functions
        Python worksheet functions by their name in Excel. They are called by position with what PyXLL hands over:
        float, str, bool, None for a blank, an exception instance for an error cell, a list of rows for a range of
        several cells. Called once for each set of arguments, however many cells ask.
    observer
        Is told the address (`Sheet!A1`) of each cell whose call begins.

    Returns
    -------
    Recalculation
        The same file whenever the same workbook is given, unless it holds volatile functions such as NOW or RAND.

    Raises
    ------
    WorkbookError
        When the file cannot be read or calculated as a whole. A formula that cannot be calculated is a `Problem`.
    """
    package = open_package(source)
    contents = read_contents(package)
    by_name: dict[str, WorksheetFunction] = {name.upper(): function for name, function in functions.items()}
    results = Results()
    spills = LargeSpills()
    for _ in range(MAX_ROUNDS):
        translator = Translator(
            contents, by_name, {place: area_of(place, rows) for place, rows in spills.written.items()}
        )
        formulas = _read_formulas(package, contents, translator)
        engine = Engine(
            _for_engine(package, formulas, spills),
            calls=translator.calls,
            functions=by_name,
            spilling=translator.spilling,
            spills=spills,
            results=results,
            observer=observer,
        )
        engine.evaluate()
        caught = {place: rows for place, rows in spills.caught.items() if _has_room(engine, contents, spills, place)}
        if caught == spills.written:
            break
        spills = LargeSpills(written=caught)
    problems = _problems_of_text(formulas) + _collapse_plain(engine, formulas) + _problems_of_engine(engine, formulas)
    return Recalculation(
        cells=tuple(_called_cell(engine, formula, spills) for formula in formulas if formula.translation.calls),
        problems=tuple(problems),
        content=_with_values(package, engine, formulas, spills),
    )


def _read_formulas(package: Package, contents: Contents, translator: Translator) -> list[_Formula]:
    formulas = []
    for sheet in contents.sheets:
        shared: dict[str, _Formula] = {}
        for cell in read_formulas(package.read(sheet.part), sheet.part):
            _refuse_absurd(sheet, cell)
            formula = _translated(sheet, cell, translator, shared)
            formulas.append(formula)
            if cell.shared is not None and cell.text:
                shared[cell.shared] = formula
    return formulas


def _refuse_absurd(sheet: Sheet, cell: FormulaCell) -> None:
    if cell.area is not None and cell.area.rows * cell.area.columns > MAX_ARRAY_CELLS:
        raise WorkbookError(f"the formula {sheet.name}!{cell_name(cell.row, cell.column)} fills too many cells.")


def _translated(sheet: Sheet, cell: FormulaCell, translator: Translator, shared: Mapping[str, _Formula]) -> _Formula:
    """Translate one formula; of a shared one the first cell holds the text, which the engine knows how to move."""
    if cell.kind == "dataTable":
        return _Formula(sheet, cell, "", _DATA_TABLE)
    if cell.kind == "shared" and not cell.text:
        first = shared.get(cell.shared or "")
        return _Formula(sheet, cell, first.text if first else "", first.translation if first else _NO_TEXT)
    return _Formula(sheet, cell, cell.text, translator.translate(cell, sheet.name))


def _for_engine(package: Package, formulas: list[_Formula], spills: LargeSpills) -> bytes:
    """Return the workbook with translated formulas and large spills as values, without the old spills in their way."""
    edits: dict[str, dict[Position, Edit]] = {}
    for formula in formulas:
        if formula.cell.kind == "array" and formula.cell.area is not None:
            edits.setdefault(formula.sheet.part, {}).update({p: Edit(None) for p in formula.cell.area.cells()})
    for formula in formulas:
        rows = spills.written.get(formula.place)
        if rows is not None:
            cells = zip(area_of(formula.place, rows).cells(), (value for row in rows for value in row), strict=True)
            edits.setdefault(formula.sheet.part, {}).update({position: Edit(value) for position, value in cells})
    for formula in formulas:
        cell = formula.cell
        if cell.kind != "dataTable":
            new = Edit(None, formula=None if formula.repeats else formula.translation.text)
            edits.setdefault(formula.sheet.part, {})[cell.row, cell.column] = new
    return package.xml_with_parts(_edited(package, edits))


def _problems_of_text(formulas: list[_Formula]) -> list[Problem]:
    """Return what the formulas' text already tells: words and functions the engine does not have."""
    unknown = unknown_functions({function for f in formulas for function in f.translation.functions})
    problems = []
    for formula in formulas:
        problems += [_problem(formula, text) for text in formula.translation.problems]
        for function in sorted(formula.translation.functions & unknown):
            shown = formula_as_shown(f"{function}()").strip("=()")
            problems.append(_problem(formula, f"the function {shown} is not known without Excel"))
    return problems


def _collapse_plain(engine: Engine, formulas: list[_Formula]) -> list[Problem]:
    """Take back the spills of formulas that show one value in Excel, and say so.

    Which value it is depends on what happens inside the formula, so it may not be the first.
    """
    problems = []
    for formula in formulas:
        sheet, row, column = formula.place
        if not formula.is_plain or formula.translation.problems:
            continue
        if engine.is_blocked(sheet, row, column) or engine.area(sheet, row, column) != Area(row, column, row, column):
            engine.show_first_value(sheet, row, column)
            problems.append(
                _problem(formula, "the formula gives several values and Excel shows one of them; here it is the first")
            )
    if problems:
        engine.evaluate()
    return problems


def _problems_of_engine(engine: Engine, formulas: list[_Formula]) -> list[Problem]:
    problems = []
    for formula in formulas:
        if formula.translation.problems:
            continue
        text = engine.problem(*formula.place)
        if text is None and formula.translation.external and isinstance(engine.value(*formula.place), CellError):
            text = "the formula refers to another workbook, and its values are not stored in this one"
        if text is not None:
            problems.append(_problem(formula, text))
    return problems


def _problem(formula: _Formula, text: str) -> Problem:
    return Problem(formula.sheet.name, cell_name(formula.cell.row, formula.cell.column), text)


def _has_room(engine: Engine, contents: Contents, spills: LargeSpills, place: Place) -> bool:
    """Tell whether nothing stands in the way of a large spill."""
    if place in spills.written:
        return True
    area = area_of(place, spills.caught[place])
    return (
        fits(area)
        and not any(table.sheet == place[0] and _overlap(table.area, area) for table in contents.tables)
        and engine.is_empty_around(place[0], area)
    )


def _overlap(one: Area, other: Area) -> bool:
    return one.top <= other.bottom and other.top <= one.bottom and one.left <= other.right and other.left <= one.right


def _filled_area(engine: Engine, formula: _Formula, spills: LargeSpills) -> Area:
    """Return the cells a formula fills."""
    cell = formula.cell
    if (written := spills.area(formula.place)) is not None:
        return written
    if cell.kind == "array" and not cell.spills and cell.area is not None:
        return cell.area
    return engine.area(*formula.place)


def _called_cell(engine: Engine, formula: _Formula, spills: LargeSpills) -> CalledCell:
    table = engine.values(formula.sheet.name, _filled_area(engine, formula, spills))
    return CalledCell(
        sheet=formula.sheet.name,
        address=cell_name(formula.cell.row, formula.cell.column),
        formula=formula_as_shown(formula.text),
        table=table,
        error=_error_in(table),
    )


def _error_in(table: tuple[tuple[CellValue, ...], ...]) -> str | None:
    first = table[0][0]
    if isinstance(first, str) and first.startswith(_MESSAGES):
        return first
    return next((str(value) for row in table for value in row if isinstance(value, CellError)), None)


def _with_values(package: Package, engine: Engine, formulas: list[_Formula], spills: LargeSpills) -> bytes:
    """Return the original file with the engine's values in its cells."""
    stale: dict[str, set[Position]] = {}
    edits: dict[str, dict[Position, Edit]] = {}
    for formula in formulas:
        cell, part = formula.cell, formula.sheet.part
        if cell.kind == "dataTable":
            continue
        area = _filled_area(engine, formula, spills)
        values = engine.values(formula.sheet.name, area)
        filled = dict(zip(area.cells(), (value for row in values for value in row), strict=True))
        here = edits.setdefault(part, {})
        here |= {position: Edit(value) for position, value in filled.items()}
        here[cell.row, cell.column] = Edit(filled[cell.row, cell.column], area=area if cell.spills else None)
        if cell.area is not None and cell.spills:
            stale.setdefault(part, set()).update(cell.area.cells())
    for part, positions in stale.items():
        edits[part] = {position: Edit(None) for position in positions} | edits[part]
    return package.with_parts(_edited(package, edits))


def _edited(package: Package, edits: Mapping[str, Mapping[Position, Edit]]) -> dict[str, bytes]:
    return {part: edit_cells(package.read(part), part, changes) for part, changes in edits.items() if changes}
