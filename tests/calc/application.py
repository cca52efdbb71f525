"""LibreOffice on this machine: what is missing for these tests, and one run of it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import glmm_binomial
from calc.extension import write_extension
from glmm_binomial.workbook import CellError, CellValue

SOFFICE = shutil.which("soffice")
# LibreOffice from Debian's packages uses this one
SYSTEM_PYTHON = Path("/usr/bin/python3")
TIMEOUT_SECONDS = 150
END_SECONDS = 5

_DRIVER = Path(__file__).with_name("driver.py")
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
    probe = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2], sep='.'); import uno"],
        env=_environment(Path("/nonexistent"), python_path=[]),
        capture_output=True,
        text=True,
        check=False,
    )
    version, ours = probe.stdout.strip(), f"{sys.version_info.major}.{sys.version_info.minor}"
    if version != ours:
        return (
            f"LibreOffice's Python, {SYSTEM_PYTHON}, is {version or 'broken'} and these tests run in {ours}: it cannot "
            "import the compiled packages of this environment"
        )
    if probe.returncode:
        return f"{SYSTEM_PYTHON} has no module uno (Debian: python3-uno)"
    return None


def calculate(workbooks: Sequence[Path], functions: Mapping[str, Callable[..., object]]) -> Answer:
    """Open workbooks in one LibreOffice that has these functions, calculate them and return all formula cells."""
    with tempfile.TemporaryDirectory(prefix="glmm_calc_") as name:
        folder = Path(name)
        extension, job = folder / "functions.oxt", folder / "job.json"
        write_extension(extension, functions)
        order = {
            "soffice": SOFFICE,
            "folder": name,
            "extension": str(extension),
            "workbooks": [str(path.absolute()) for path in workbooks],
        }
        job.write_text(json.dumps(order), "utf-8")
        answer = json.loads(_run_driver(job, folder))
    return Answer(answer["version"], tuple(dict(_cells(workbook)) for workbook in answer["workbooks"]))


def _run_driver(job: Path, folder: Path) -> str:
    """Run the driver in a process group of its own, which is gone afterwards whatever happened."""
    pipes_before = _pipes()
    with subprocess.Popen(
        [SYSTEM_PYTHON, _DRIVER, job],
        env=_environment(folder, python_path=_python_path()),
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


def _environment(folder: Path, *, python_path: Sequence[Path]) -> dict[str, str]:
    """Return the variables of the driver and of LibreOffice.

    Of this environment they tell where its packages are, and how these calculate: with other variables OpenBLAS uses
    other instructions, and the last digits differ.
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
        "PYTHONPATH": os.pathsep.join(map(str, python_path)),
    }


def _python_path() -> list[Path]:
    """Return where the tests, the project and its packages are: LibreOffice's Python reads no .pth files of theirs."""
    tests, project = Path(__file__).parents[1], Path(glmm_binomial.__file__).parents[1]
    packages = (Path(sysconfig.get_path(name)) for name in ("purelib", "platlib"))
    return list(dict.fromkeys([tests, project, *packages]))


def _cells(workbook: Mapping[str, list[tuple[int, int, object]]]) -> Iterator[tuple[Place, CellValue]]:
    for sheet, cells in workbook.items():
        for row, column, value in cells:
            yield (sheet, row, column), CellError(value["error"]) if isinstance(value, dict) else value
