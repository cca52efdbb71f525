"""The component that LibreOffice loads: it hands calls on to a Python in which this package is installed.

It runs in LibreOffice's own Python, which may be older than the package needs and has the standard library alone. The
other Python is a process that starts with the first call, answers one call after another and ends with LibreOffice.
Beside this file stands program.json: `command`, which starts it, and `python_path`, the folders in which it also looks.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uno
import unohelper
from com.sun.star.lang import XServiceInfo
from org.glmmbinomial.calc import XWorksheetFunctions

IMPLEMENTATION = "_xll"
SERVICES = (IMPLEMENTATION, "com.sun.star.sheet.AddIn")
LOG_NAME = "glmm-binomial.log"


class AddIn(unohelper.Base, XServiceInfo, XWorksheetFunctions):
    """Has a method for every worksheet function; which there are, LibreOffice knows from the interface."""

    def __init__(self, context: Any) -> None:
        self._calculation = Calculation(context)

    def __getattr__(self, method: str) -> Callable[..., object]:
        """Return a function for any method that LibreOffice calls."""
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda *arguments: self._calculation.answer(method, arguments)

    def getImplementationName(self) -> str:  # noqa: N802, D102 - the names are UNO's
        return IMPLEMENTATION

    def supportsService(self, name: str) -> bool:  # noqa: N802, D102
        return name in SERVICES

    def getSupportedServiceNames(self) -> tuple[str, ...]:  # noqa: N802, D102
        return SERVICES


class Calculation:
    """The process that calculates."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def answer(self, method: str, arguments: tuple[object, ...]) -> tuple[tuple[object, ...], ...]:
        """Return what the cells show, rows of numbers and texts; a failure is a text too."""
        with self._one_at_a_time:
            try:
                return tuple(tuple(row) for row in self._answered(method, arguments))
            except Exception as error:  # noqa: BLE001 - LibreOffice would show a number of its own for it
                self._end()
                return ((self._failure(error),),)

    def _answered(self, method: str, arguments: tuple[object, ...]) -> Any:
        if self._process is None or self._process.poll() is not None:
            self._process = self._started()
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None  # noqa: S101
        assert answers is not None  # noqa: S101
        call = json.dumps({"method": method, "arguments": arguments}) + "\n"
        requests.write(call.encode("ascii"))
        requests.flush()
        line = answers.readline()
        if not line:
            raise EOFError("it ended before it had answered")
        return json.loads(line.decode("ascii"))

    def _started(self) -> subprocess.Popen[bytes]:
        program = _program()
        # variables of LibreOffice's Python would lead another one astray
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment["PYTHONPATH"] = os.pathsep.join(program["python_path"])
        with self._log().open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                program["command"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # on Windows no window of a console
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _failure(self, error: Exception) -> str:
        return (
            f"Error fitting GLMM: the Python that calculates, {_program()['command'][0]}, did not answer "
            f"({type(error).__name__}: {error}). Press Ctrl+Shift+F9 to start it again. If it is not there any "
            f"more, run `glmm-binomial libreoffice install` where it is now. {self._log()} may say more."
        )

    def _log(self) -> Path:
        substitution = self._context.ServiceManager.createInstanceWithContext(
            "com.sun.star.util.PathSubstitution", self._context
        )
        return Path(uno.fileUrlToSystemPath(substitution.substituteVariables("$(user)", True)), LOG_NAME)


def _program() -> Any:
    return json.loads(Path(__file__).with_name("program.json").read_text("utf-8"))


g_ImplementationHelper = unohelper.ImplementationHelper()  # noqa: N816 - LibreOffice looks for this name
g_ImplementationHelper.addImplementation(AddIn, IMPLEMENTATION, SERVICES)
