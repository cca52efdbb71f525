"""LibreOffice on this machine: what is missing for these tests, and one run of it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import glmm_binomial
from calc.rewriting import LAST_TABLE
from glmm_binomial.libreoffice.extension import extension, write_extension
from glmm_binomial.libreoffice.program import EXTENSION_NAME
from glmm_binomial.workbook import CellError, CellValue
from glmm_binomial.worksheet.catalogue import FUNCTIONS

SOFFICE = shutil.which("soffice")
# LibreOffice of Debian's packages uses this one
SYSTEM_PYTHON = Path("/usr/bin/python3")
TIMEOUT_SECONDS = 150
END_SECONDS = 5

_DRIVER = Path(__file__).with_name("driver.py")
_WINDOW = Path(__file__).with_name("window.py")
_WINDOW_NEEDS = ("Xvfb", "xdotool")
_CALCULATING = ("OPENBLAS_", "OMP_", "MKL_", "NPY_", "SCIPY_")

Place = tuple[str, int, int]
"""Sheet, row and column, both counted from 1."""

Values = Mapping[Place, CellValue]
"""Values of formula cells."""


@dataclass(frozen=True)
class Answer:
    """What LibreOffice calculated: the values of each workbook, in the order asked."""

    version: str
    workbooks: tuple[Values, ...]


def missing() -> str | None:
    """Say what this machine lacks to run these tests; None if nothing."""
    if SOFFICE is None:
        return "LibreOffice is not installed: there is no soffice on the PATH (Debian: libreoffice-calc)"
    if not (Path(SOFFICE).resolve().parent / "libsclo.so").exists():
        return f"{SOFFICE} has no Calc beside it, libsclo.so is missing (Debian: libreoffice-calc)"
    if not SYSTEM_PYTHON.exists():
        return f"there is no {SYSTEM_PYTHON}, the Python that LibreOffice uses (Debian: python3-uno)"
    probe = subprocess.run([SYSTEM_PYTHON, "-c", "import uno"], env={}, capture_output=True, check=False)
    if probe.returncode:
        return f"{SYSTEM_PYTHON} has no module uno (Debian: python3-uno)"
    return None


def calculate(workbooks: Sequence[Path], parts: Mapping[str, bytes] | None = None) -> Answer:
    """Open workbooks in one LibreOffice that has the functions, calculate them and return all formula cells.

    The extension is that of these tests, see `add_in`, unless its parts are given.
    """
    with tempfile.TemporaryDirectory(prefix="glmm_calc_") as name:
        folder = Path(name)
        functions, job = folder / "functions.oxt", folder / "job.json"
        write_extension(functions, add_in() if parts is None else parts)
        order = {
            "soffice": SOFFICE,
            "folder": name,
            "extension": str(functions),
            "workbooks": [str(path.absolute()) for path in workbooks],
        }
        job.write_text(json.dumps(order), "utf-8")
        answer = json.loads(_run_driver(job, folder))
    return Answer(answer["version"], tuple(dict(_cells(workbook)) for workbook in answer["workbooks"]))


def add_in() -> dict[str, bytes]:
    """Return the product's extension, with what `rewriting` needs besides."""
    folders = [Path(__file__).parents[1], Path(glmm_binomial.__file__).parents[1]]
    return extension((*FUNCTIONS, LAST_TABLE), server=("-P", "-m", "calc.server"), python_path=folders)


def missing_for_window() -> str | None:
    """Say what this machine lacks to show LibreOffice's window and type into it; None if nothing."""
    lacking = [name for name in _WINDOW_NEEDS if shutil.which(name) is None]
    return missing() or (f"not installed: {', '.join(lacking)} (Debian: xvfb, xdotool)" if lacking else None)


def typed_in_window(
    folder: Path, rows: Sequence[Sequence[object]], entries: Sequence[tuple[str, str, str]]
) -> list[list[list[object]]]:
    """Type formulas beside data in the window of a LibreOffice that has the product's add-in.

    `rows` stand in A1 and below. An entry is the cells to select, what is typed there, and the key that ends it.
    Returned is what these cells then hold, for each entry; `folder` keeps a picture of the screen, window.xwd.
    """
    oxt, job = folder / EXTENSION_NAME, folder / "job.json"
    write_extension(oxt, extension())
    order = {"soffice": SOFFICE, "folder": str(folder), "extension": str(oxt), "rows": rows, "entries": entries}
    job.write_text(json.dumps(order), "utf-8")
    return json.loads(_run_driver(job, folder, script=_WINDOW))


def _run_driver(job: Path, folder: Path, *, script: Path = _DRIVER) -> str:
    """Run a driver in a process group of its own, which is gone afterwards whatever happened."""
    pipes_before = _pipes()
    with subprocess.Popen(
        [SYSTEM_PYTHON, script, job],
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            _end_group(process)
            _remove_dead_pipes(_pipes() - pipes_before)
    log = folder / "soffice.log"
    assert process.returncode == 0, f"{errors}\n{log.read_text('utf-8') if log.exists() else ''}"
    return output


def _end_group(process: subprocess.Popen[str]) -> None:
    """Kill the driver and whatever it started, and wait until all of it is gone."""
    deadline = time.monotonic() + END_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.05)


def _pipes() -> set[Path]:
    """Return LibreOffice's pipes; it knows no other place for them."""
    return set(Path("/tmp").glob("OSL_PIPE_*"))


def _remove_dead_pipes(pipes: Iterable[Path]) -> None:
    """Remove what a killed LibreOffice leaves behind, and no pipe of a living one."""
    for pipe in pipes:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(pipe))
            except ConnectionRefusedError:
                pipe.unlink(missing_ok=True)
            except OSError:
                continue


def _environment(folder: Path) -> dict[str, str]:
    """Return the variables of the driver and of LibreOffice.

    Of this environment they tell how its packages calculate: with other variables OpenBLAS uses other instructions, and
    the last digits differ.
    """
    calculating = {name: value for name, value in os.environ.items() if name.startswith(_CALCULATING)}
    return calculating | {
        # with another python3 on the PATH, the Python inside LibreOffice looks for its library beside that one
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LC_ALL": "C.UTF-8",
        "SAL_USE_VCLPLUGIN": "svp",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _cells(workbook: Mapping[str, list[tuple[int, int, object]]]) -> Iterator[tuple[Place, CellValue]]:
    for sheet, cells in workbook.items():
        for row, column, value in cells:
            yield (sheet, row, column), CellError(value["error"]) if isinstance(value, dict) else value
