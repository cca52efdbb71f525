"""The analysis that the ribbon's button writes: a model of the selected table and questions to it, all as formulas.

Each question is asked once before its formula is written, so that the next one stands below what spills.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from glmm_binomial.excel.addresses import area_name, cell_name, fixed
from glmm_binomial.excel.edge import to_cells
from glmm_binomial.excel.new_sheet import add_sheet, enter_formula, write_across
from glmm_binomial.excel.proposal import proposed_formula
from glmm_binomial.excel.selection import SelectedTable, SelectionError, selected_table
from glmm_binomial.excel.table_format import apply_formats
from glmm_binomial.worksheet.catalogue import BY_NAME
from glmm_binomial.worksheet.functions import answer

SHEET_NAME: Final = "GLMM analysis"
BOX_TITLE: Final = "Analyse this table"
PROMPT: Final = (
    "The model, in the notation of R's lme4. Left of ~ stands the outcome, 0 or 1, or successes / trials; right of it "
    "the predictors, and in (1 | ...) the column of groups. This is a proposal from the columns of the table: change "
    "it to your question."
)
ABOUT: Final = (
    "Change the model in the coloured cell or the data, and everything below follows. A model is not saved with the "
    "workbook: where a formula says that it is no live one, press Ctrl+Alt+F9. Where a table says #SPILL!, it has "
    "become longer: insert rows below it."
)
PROBABILITIES: Final = (
    "The coloured rows are some rows of the table: type over them whatever you wish to know. Below stands a row for "
    "each. A label of the groups that is in the data brings that group's own effect; any other stands for a typical "
    "group. population_average is the mean over all groups."
)

LAST_COLUMN: Final = "M"
MODEL_TEXT: Final = "B4"
MODEL: Final = "B5"
TOP: Final = 7
ROOM: Final = 6
"""Blank rows below a table, for one that becomes longer: warnings above all."""

TYPED_ROWS: Final = 4
LINE_POINTS: Final = 15.0
POINTS_PER_INCH: Final = 72.0
INPUT_COLOR: Final = 0xCCF2FF
"""A pale yellow; Excel counts blue, green, red."""


@dataclass(frozen=True, slots=True)
class Question:
    """A part of the sheet, which asks the model.

    Attributes
    ----------
    heading
    name
        Of the function that it calls.
    text
        What stands below the heading; by default, what the function wizard says of the function.
    more
        Texts among the arguments, after the model.
    """

    heading: str
    name: str
    text: str = ""
    more: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What it is about."""
        return self.text or BY_NAME[self.name].help

    def formula(self, *, data: str = "") -> str:
        """As Excel's formula bar shows it."""
        texts = [f'"{text}"' for text in self.more]
        return f"={self.name}({', '.join([fixed(MODEL), *([data] if data else []), *texts])})"


TABLE: Final = Question("All numbers", "GLMM_BINOMIAL_TABLE")
ODDS_RATIOS: Final = Question(
    "Odds ratios",
    "GLMM_BINOMIAL_REPORT",
    "As a paper prints them: the factor by which the odds of a success change, with its interval. As a sentence, or as "
    'code for another program, the function gives them by "sentence" or "R" as its second argument.',
)
FOREST: Final = Question(
    "Chart of the odds ratios",
    "GLMM_BINOMIAL_PLOT",
    "The same as a picture, on a logarithmic axis; an interval that leaves out 1 is one whose p lies below 0.05.",
    ("forest",),
)
EFFECTS: Final = Question("Changes of the probability", "GLMM_BINOMIAL_MARGINS")
ROWS: Final = Question("Probabilities", "GLMM_BINOMIAL_PREDICT")
CHECK_CHART: Final = Question(
    "Chart of the check",
    "GLMM_BINOMIAL_PLOT",
    "Observed proportions of successes over those that the model simulates: a model that describes the data has nearly "
    "all of them within the intervals.",
    ("check",),
)
CHECK: Final = Question("Check", "GLMM_BINOMIAL_CHECK")


def analyse_selection(app: Any, alert: Callable[[str], object]) -> None:
    """Ask for a model of the selected table, and write its analysis on a new sheet.

    Parameters
    ----------
    app
        Excel's COM object, see new_sheet.py.
    alert
        Shows a message and waits until it was read.
    """
    try:
        table = selected_table(app)
    except SelectionError as problem:
        alert(str(problem))
        return
    typed: object = proposed_formula(table.header, table.rows)
    while True:
        typed = app.InputBox(PROMPT, BOX_TITLE, typed)
        if not isinstance(typed, str):
            # False: cancelled
            return
        typed = typed.strip().lstrip("=").lstrip()
        model = _answer("GLMM_BINOMIAL_FORMULA", [list(table.header), *map(list, table.rows)], typed)
        if not isinstance(model, str):
            write_analysis(app, table, typed, model)
            return
        alert(model)


def write_analysis(app: Any, table: SelectedTable, formula: str, model: object) -> None:
    """Write the analysis of a model that was fitted to a table by a formula."""
    sheet = add_sheet(app, SHEET_NAME)
    sheet.Range("A1").Value2 = f"Analysis of {table.name}"
    sheet.Range("A1").Font.Bold = True
    sheet.Range("A1").Font.Size = 14
    write_across(sheet, f"A2:{LAST_COLUMN}2", ABOUT, height=2 * LINE_POINTS)
    sheet.Range("A4:A5").Value2 = [["Model"], ["Fitted model"]]
    sheet.Range("A4:A5").Font.Bold = True
    sheet.Range(MODEL_TEXT).Value2 = formula
    sheet.Range(f"{MODEL_TEXT}:{LAST_COLUMN}4").Interior.Color = INPUT_COLOR
    enter_formula(sheet, MODEL, f"=GLMM_BINOMIAL_FORMULA({table.reference}, {fixed(MODEL_TEXT)})", filled=MODEL)
    sheet.Range("A:B").ColumnWidth = 18
    sheet.Range(f"C:{LAST_COLUMN}").ColumnWidth = 13
    page = _Page(sheet, model)
    page.ask(TABLE)
    page.ask(ODDS_RATIOS)
    page.draw(FOREST)
    page.ask(EFFECTS)
    page.predict(table)
    page.draw(CHECK_CHART)
    page.ask(CHECK)


class _Page:
    """The sheet below the model, written from the top down."""

    def __init__(self, sheet: Any, model: object) -> None:
        self._sheet = sheet
        self._model = model
        self._row = TOP

    def ask(self, question: Question) -> None:
        """Write a question and leave room for its table; one that is answered by a message is left out."""
        rows = _answer(question.name, self._model, *question.more)
        if isinstance(rows, list):
            self._head(question.heading, question.about)
            self._enter(question.formula(), rows)

    def draw(self, question: Question) -> None:
        """Write the formula of a picture, which Excel draws below the cell."""
        heights: list[float] = []
        rows = _answer(
            question.name, self._model, *question.more, show=lambda figure, _: heights.append(figure.get_figheight())
        )
        self._head(question.heading, question.about)
        self._enter(question.formula(), rows if isinstance(rows, list) else [[rows]])
        self._row += math.ceil(sum(heights) * POINTS_PER_INCH / LINE_POINTS)

    def predict(self, table: SelectedTable) -> None:
        """Write some rows of the table, to be typed over, and their probabilities."""
        self._head(ROWS.heading, PROBABILITIES)
        last = len(table.rows) - 1
        places = sorted({k * last // (TYPED_ROWS - 1) for k in range(TYPED_ROWS)})
        typed = [list(table.header), *([_typed(cell) for cell in table.rows[place]] for place in places)]
        bottom, right = self._row + len(typed) - 1, len(table.header)
        cells = area_name(self._row, 1, bottom, right)
        self._sheet.Range(cells).Value2 = typed
        self._sheet.Range(area_name(self._row, 1, self._row, right)).Font.Bold = True
        self._sheet.Range(area_name(self._row + 1, 1, bottom, right)).Interior.Color = INPUT_COLOR
        self._row = bottom + 2
        rows = _answer(ROWS.name, self._model, typed)
        self._enter(ROWS.formula(data=fixed(cells)), rows if isinstance(rows, list) else [[rows]])

    def _head(self, heading: str, text: str) -> None:
        self._sheet.Range(cell_name(self._row, 1)).Value2 = heading
        self._sheet.Range(cell_name(self._row, 1)).Font.Bold = True
        self._sheet.Range(cell_name(self._row, 1)).Font.Size = 12
        write_across(self._sheet, f"A{self._row + 1}:{LAST_COLUMN}{self._row + 1}", text, height=2 * LINE_POINTS)
        self._row += 2

    def _enter(self, formula: str, rows: Sequence[Sequence[object]]) -> None:
        cells = to_cells(rows)
        bottom = self._row + len(cells) - 1
        first = cell_name(self._row, 1)
        enter_formula(self._sheet, first, formula, filled=area_name(self._row, 1, bottom, len(cells[0])))
        apply_formats(self._sheet.Range(first), cells)
        self._row = bottom + 1 + ROOM


def _answer(name: str, *arguments: object, show: Callable[[Any, str], None] | None = None) -> object:
    """What a worksheet function answers: a table, a model or a message."""
    function = BY_NAME[name]
    given = dict(zip((each.name for each in function.arguments), arguments, strict=False))
    return answer(function, {each.name: given.get(each.name, each.default) for each in function.arguments}, show=show)


def _typed(cell: object) -> object:
    """A cell as it is written anew: an error as a blank."""
    return cell if isinstance(cell, str | int | float) else None
