"""Run by the system's Python: `python3 driver.py JOB.json` opens workbooks in LibreOffice and tells what it calculates.

The job names `soffice`, `folder` (for a throw-away profile), `extension` and `workbooks`, paths of .xlsx files. Printed
is JSON: `version` of LibreOffice, and for each workbook, by sheet, the formula cells as [row, column, value], counted
from 1. An error value is {"error": text}.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.sheet.FormulaResult import ERROR
from com.sun.star.task import XInteractionHandler
from com.sun.star.ucb import XCommandEnvironment
from com.sun.star.uno import Exception as UnoException

START_SECONDS = 60
STOP_SECONDS = 20
FORMULAS = 16  # com.sun.star.sheet.CellFlags.FORMULA


class Approval(unohelper.Base, XCommandEnvironment, XInteractionHandler):
    """Says yes to whatever an installation asks."""

    def getInteractionHandler(self):  # noqa: N802 - the names are UNO's
        return self

    def getProgressHandler(self):  # noqa: N802
        return None

    def handle(self, request):
        for continuation in request.getContinuations():
            approve = continuation.queryInterface(uno.getTypeByName("com.sun.star.task.XInteractionApprove"))
            if approve:
                approve.select()
                return


def main(job):
    with Office(job["soffice"], Path(job["folder"])) as context:
        install(context, job["extension"])
        return {
            "version": version(context),
            "workbooks": [calculated(desktop(context), path) for path in job["workbooks"]],
        }


class Office:
    """LibreOffice in a new profile, reachable by a pipe only.

    A class and no generator: an exception of UNO cannot be thrown into a generator.
    """

    def __init__(self, soffice, folder, *, visible=False):
        self._pipe = f"glmm_binomial_{os.getpid()}"
        options = ["--norestore", "--nologo", "--nodefault", "--nofirststartwizard"]
        if not visible:
            options += ["--headless", "--invisible"]
        place = [f"-env:UserInstallation={(folder / 'profile').as_uri()}", f"--accept=pipe,name={self._pipe};urp;"]
        self._command = [soffice, *options, *place]
        self._log = folder / "soffice.log"

    def __enter__(self):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._context = connected(self._process, self._pipe)
        except BaseException:
            self._stop(0)
            raise
        return self._context

    def __exit__(self, *_):
        # the connection breaks while the answer is under way
        with suppress(UnoException):
            desktop(self._context).terminate()
        self._stop(STOP_SECONDS)

    def _stop(self, patience):
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def connected(process, pipe):
    """Wait until LibreOffice answers."""
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"soffice ended with code {process.returncode}")
        with suppress(NoConnectException):
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        time.sleep(0.1)
    raise RuntimeError(f"soffice did not answer within {START_SECONDS} s")


def desktop(context):
    return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)


def install(context, extension):
    manager = context.getValueByName("/singletons/com.sun.star.deployment.ExtensionManager")
    manager.addExtension(Path(extension).as_uri(), (), "user", None, Approval())


def version(context):
    provider = context.ServiceManager.createInstanceWithContext(
        "com.sun.star.configuration.ConfigurationProvider", context
    )
    node = setting("nodepath", "/org.openoffice.Setup/Product")
    access = provider.createInstanceWithArguments("com.sun.star.configuration.ConfigurationAccess", (node,))
    return access.getByName("ooSetupVersionAboutBox")


def calculated(desktop, path):
    """Open a workbook, calculate every formula and return the values."""
    document = desktop.loadComponentFromURL(Path(path).as_uri(), "_blank", 0, (setting("Hidden", True),))
    if document is None:
        raise RuntimeError(f"LibreOffice does not open {path}")
    try:
        document.calculateAll()
        return {sheet.Name: list(formula_cells(sheet)) for sheet in document.Sheets}
    finally:
        document.close(True)


def formula_cells(sheet):
    for area in sheet.queryContentCells(FORMULAS).RangeAddresses:
        cells = sheet.getCellRangeByPosition(area.StartColumn, area.StartRow, area.EndColumn, area.EndRow)
        errors = error_cells(cells, area)
        for row, values in enumerate(cells.getDataArray(), area.StartRow):
            for column, value in enumerate(values, area.StartColumn):
                yield row + 1, column + 1, errors.get((row, column), value)


def error_cells(cells, area):
    """Return the error values among formula cells, as shown, by row and column."""
    found = {}
    for part in cells.queryFormulaCells(ERROR).RangeAddresses:
        for row in range(part.StartRow, part.EndRow + 1):
            for column in range(part.StartColumn, part.EndColumn + 1):
                cell = cells.getCellByPosition(column - area.StartColumn, row - area.StartRow)
                found[row, column] = {"error": cell.String}
    return found


def setting(name, value):
    found = PropertyValue()
    found.Name, found.Value = name, value
    return found


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text("utf-8")))))
