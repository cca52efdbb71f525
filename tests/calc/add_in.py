"""The component that LibreOffice loads: an object with a method for each worksheet function.

The folders of the tests, of the project and of its environment are on PYTHONPATH.
"""

import unohelper
from com.sun.star.lang import XServiceInfo
from org.glmmbinomial.calc import XWorksheetFunctions

from calc.calls import methods
from calc.extension import IMPLEMENTATION, SERVICE

SERVICES = (SERVICE, "com.sun.star.sheet.AddIn")


class AddIn(unohelper.Base, XServiceInfo, XWorksheetFunctions):
    """The methods for the functions are added below."""

    def __init__(self, _context):
        pass

    def getImplementationName(self):  # noqa: N802 - the names are UNO's
        return IMPLEMENTATION

    def supportsService(self, name):  # noqa: N802
        return name in SERVICES

    def getSupportedServiceNames(self):  # noqa: N802
        return SERVICES


for _name, _function in methods().items():
    setattr(AddIn, _name, staticmethod(_function))

g_ImplementationHelper = unohelper.ImplementationHelper()  # noqa: N816 - LibreOffice looks for this name
g_ImplementationHelper.addImplementation(AddIn, IMPLEMENTATION, SERVICES)
