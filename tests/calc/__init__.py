"""LibreOffice Calc, a real spreadsheet application, calculates the workbooks that `recalculate` has calculated.

    workbooks.py     the workbooks: the examples of this repository and those written here
    sheets.py        the data in those
    rewriting.py     a copy of a workbook that LibreOffice can read
    extension.py     the add-in as a file that LibreOffice installs
    add_in.py        the Python inside it,
    calls.py         which calls the project's functions with what PyXLL would hand over
    driver.py        run by the system's Python: opens the copies, calculates, tells every value
    application.py   starts the driver and ends everything it started; says what is missing on this machine
    comparison.py    the values of both side by side
    gaps.py          what LibreOffice cannot do, by name

`extension`, `add_in`, `calls` and `driver` run under the system's Python, which LibreOffice uses; the others do not.
"""
