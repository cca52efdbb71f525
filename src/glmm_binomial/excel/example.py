"""The worked example that the ribbon's button writes on a new sheet.

The data are made up, small enough to be looked at, and such that a mixed model makes sense: six students differ in how
often they pass, each of them has passed and failed, and no number of hours separates passes from failures.
"""

from collections.abc import Collection
from typing import Any, Final

SHEET_NAME: Final = "GLMM example"

HEADER: Final = ("passed", "hours", "student")

# One row per test: passed (1) or failed (0), hours of study before it, who took it.
DATA: Final[tuple[tuple[int, int, str], ...]] = (
    (0, 1, "Ana"),
    (1, 3, "Ana"),
    (0, 4, "Ana"),
    (1, 6, "Ana"),
    (0, 0, "Ben"),
    (0, 2, "Ben"),
    (1, 5, "Ben"),
    (1, 7, "Ben"),
    (1, 1, "Cleo"),
    (0, 2, "Cleo"),
    (1, 4, "Cleo"),
    (1, 5, "Cleo"),
    (0, 2, "Dev"),
    (0, 3, "Dev"),
    (0, 6, "Dev"),
    (1, 8, "Dev"),
    (0, 0, "Eva"),
    (1, 1, "Eva"),
    (1, 3, "Eva"),
    (1, 5, "Eva"),
    (0, 2, "Finn"),
    (0, 4, "Finn"),
    (1, 6, "Finn"),
    (0, 7, "Finn"),
)

TITLE: Final = "Worked example: does studying help to pass?"
ABOUT: Final = (
    "Six students took four tests each, so the 24 outcomes are not independent: some students pass more often than "
    "others, whatever they do. The model in E4 allows for that with a random intercept for each student."
)
HOW_TO_READ: Final = (
    "How to read the table: the odds_ratio of hours is the factor by which one more hour of study multiplies a "
    "student's odds of passing; ci_lower to ci_upper is the 95 % interval of its logarithm, the coefficient. The "
    "std_dev under random_effects says how much students differ, on the log-odds scale. Ask the model more, as in "
    "=GLMM_BINOMIAL_RANEF(E4)."
)

DATA_CELLS: Final = "A5:C29"
MODEL: Final = '=GLMM_BINOMIAL_FORMULA(A5:C29, "passed ~ hours + (1 | student)")'
MODEL_CELL: Final = "E4"
FORMULA: Final = "=GLMM_BINOMIAL_TABLE(E4)"
FORMULA_CELL: Final = "E5"
# For an Excel that does not spill: where the table goes, with room for a few rows more.
TABLE_CELLS: Final = "E5:M24"
# From the first coefficient down to bic: numbers to show with three decimals. Further down stand counts.
ESTIMATE_CELLS: Final = "F6:M12"


def write_example(app: Any) -> None:
    """Write the example on a new sheet of the active workbook, or of a new one.

    Parameters
    ----------
    app
        Excel's COM object ``Application``. Only properties without parameters are used, and ranges by their address:
        that much is the same in win32com, early and late bound, and in comtypes.
    """
    workbook = app.ActiveWorkbook
    if workbook is None:
        workbook = app.Workbooks.Add()
    taken = [sheet.Name for sheet in workbook.Sheets]
    sheet = workbook.Worksheets.Add()
    sheet.Name = unused_name(taken)

    sheet.Range("A1").Value2 = TITLE
    sheet.Range("A2").Value2 = ABOUT
    sheet.Range("A3").Value2 = HOW_TO_READ
    sheet.Range(DATA_CELLS).Value2 = [list(HEADER), *map(list, DATA)]
    _format(sheet)
    _enter_formulas(sheet)


def unused_name(taken: Collection[str]) -> str:
    """Return the sheet's name, with a number when the workbook has a sheet of that name; Excel ignores case."""
    lower = {name.lower() for name in taken}
    name, number = SHEET_NAME, 1
    while name.lower() in lower:
        number += 1
        name = f"{SHEET_NAME} {number}"
    return name


def _enter_formulas(sheet: Any) -> None:
    for cell, filled, formula in ((MODEL_CELL, MODEL_CELL, MODEL), (FORMULA_CELL, TABLE_CELLS, FORMULA)):
        try:
            # `Formula` would never spill: Excel puts an @ before the function.
            sheet.Range(cell).Formula2 = formula
        except AttributeError:
            # An Excel from before dynamic arrays does not know Formula2.
            sheet.Range(filled).FormulaArray = formula


def _format(sheet: Any) -> None:
    sheet.Range("A1").Font.Bold = True
    sheet.Range("A1").Font.Size = 14
    for text in ("A2:M2", "A3:M3"):
        sheet.Range(text).MergeCells = True
        sheet.Range(text).WrapText = True
        sheet.Range(text).RowHeight = 32
    sheet.Range("A5:M5").Font.Bold = True
    sheet.Range("E:F").ColumnWidth = 17
    sheet.Range("G:M").ColumnWidth = 12
    sheet.Range(ESTIMATE_CELLS).NumberFormat = "0.000"
