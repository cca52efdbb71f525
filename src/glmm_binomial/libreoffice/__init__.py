"""LibreOffice: the worksheet functions as an add-in of Calc, and the program itself where it is installed.

component.py   the add-in, in LibreOffice's own Python: hands calls on to a Python that has this package
server.py      that Python: reads calls, writes what the cells show
calls.py       what Calc hands over -> a worksheet function -> what Calc shows; models kept by their handles
extension.py   the add-in as a file that LibreOffice installs, written from the catalogue
program.py     LibreOffice on this computer: where it is, its PDF of a workbook, installing the add-in
"""
