"""LibreOffice Calc, a real spreadsheet application, calculates the workbooks that `recalculate` has calculated.

    workbooks.py     the workbooks: the examples of this repository and those written here
    sheets.py        the data in those
    rewriting.py     a copy of a workbook that LibreOffice can read
    server.py        the Python that calculates: the product's, with what rewriting.py needs besides
    driver.py        run by the system's Python: opens the copies, calculates, tells every value
    window.py        run by it too: types formulas into the window of LibreOffice
    application.py   starts the driver and ends everything it started; says what is missing on this machine
    comparison.py    the values of both side by side
    gaps.py          what LibreOffice cannot do, by name

`driver` and `window` run under the system's Python, which has the module uno; the others do not.
"""
