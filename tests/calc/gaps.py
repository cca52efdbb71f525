"""What LibreOffice does otherwise than Excel, as far as these tests meet it: named here, and nowhere ignored.

A difference between the values of LibreOffice and those of `recalculate` fails a test, unless one of these names
explains it: beside the formula in workbooks.py, for the example workbooks in `EXAMPLES`. With the LibreOffice this was
written for, a formula with a name beside it that shows no difference fails as well.

What has a way around it stands in rewriting.py. A spill is as large as `recalculate` has stored it, since LibreOffice
fills stored areas only. An empty text reaches an add-in as an empty cell; no difference shows, since the functions take
both for a blank.
"""

from enum import Enum

WRITTEN_FOR = "7.4."


class Gap(Enum):
    """A name for it, and what LibreOffice does."""

    BOOLEANS = "TRUE and FALSE of cells and of results are the numbers 1 and 0, to other functions and to the add-in"
    ERRORS = "a range or cell with an error value is not handed to an add-in; the formula shows Err:504"
    NEWER_FUNCTION = "LET, SEQUENCE and XLOOKUP came after version 7.4, which shows #NAME?"
    KEYS = "Ctrl+Shift+F9 calculates all cells anew, where a message for Excel says Ctrl+Alt+F9"
    INTERSECTION = "the operator @ is not known; the formula shows #NAME?"
    LAST_DIGITS = "to MATCH, numbers that differ in their last digits only are equal, and it finds the first of them"


EXAMPLES: dict[str, dict[str, Gap]] = {
    # a lone FALSE in the place of x_random, and what is said above about the table's warnings
    "reference_examples.xlsx": {"Examples!A91:I109": Gap.BOOLEANS, "Examples!B89": Gap.BOOLEANS},
    # of students with the same days, whose estimates are equal but for rounding, which row of the table is drawn
    "vegetables.xlsx": {"'Chart data'!R2:R251": Gap.LAST_DIGITS},
}
"""For an example workbook, by its name: areas such as `Fit!A1:B2`, and the gap that explains a difference there."""
