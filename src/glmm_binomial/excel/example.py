"""The worked example that the ribbon's button writes on a new sheet.

The data are made up, small enough to be looked at, and such that a mixed model makes sense: six students differ in how
often they pass, each of them has passed and failed, and no number of hours separates passes from failures.
"""

from typing import Any, Final

from glmm_binomial.excel.new_sheet import add_sheet, enter_formula, write_across

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
    """Write the example on a new sheet; `app` is Excel's COM object, see new_sheet.py."""
    sheet = add_sheet(app, SHEET_NAME)
    sheet.Range("A1").Value2 = TITLE
    write_across(sheet, "A2:M2", ABOUT, height=32)
    write_across(sheet, "A3:M3", HOW_TO_READ, height=32)
    sheet.Range(DATA_CELLS).Value2 = [list(HEADER), *map(list, DATA)]
    _format(sheet)
    enter_formula(sheet, MODEL_CELL, MODEL, filled=MODEL_CELL)
    enter_formula(sheet, FORMULA_CELL, FORMULA, filled=TABLE_CELLS)


def _format(sheet: Any) -> None:
    sheet.Range("A1").Font.Bold = True
    sheet.Range("A1").Font.Size = 14
    sheet.Range("A5:M5").Font.Bold = True
    sheet.Range("E:F").ColumnWidth = 17
    sheet.Range("G:M").ColumnWidth = 12
    sheet.Range(ESTIMATE_CELLS).NumberFormat = "0.000"
