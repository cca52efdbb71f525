"""LibreOffice on this computer: where it is, its PDF of a workbook, and installing the add-in."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from glmm_binomial.libreoffice.extension import IDENTIFIER, extension, write_extension

EXTENSION_NAME: Final = "glmm-binomial.oxt"

_PLACES = (
    Path("/Applications/LibreOffice.app/Contents/MacOS/soffice"),
    Path("C:/Program Files/LibreOffice/program/soffice.exe"),
)
_SECONDS = 300


class LibreOfficeError(Exception):
    """LibreOffice did not do what it should; the text says why, and what to do."""


def find_libreoffice(otherwise: str = "say --html and let a browser print that page.") -> str:
    """Return the path of its program.

    Parameters
    ----------
    otherwise
        What to do where there is none; by default, instead of a PDF.

    Raises
    ------
    LibreOfficeError
    """
    found = shutil.which("soffice") or next((str(place) for place in _PLACES if place.exists()), None)
    if found is None:
        raise LibreOfficeError(f"LibreOffice is not found: there is no soffice on the PATH. Install it, or {otherwise}")
    return found


def pdf_of(workbook: bytes) -> bytes:
    """Return the pages of a workbook as LibreOffice prints them.

    Raises
    ------
    LibreOfficeError
    """
    program = find_libreoffice()
    with tempfile.TemporaryDirectory(prefix="glmm-binomial-") as name:
        folder = Path(name)
        source = folder / "workbook.xlsx"
        source.write_bytes(workbook)
        # a profile of its own, so that a LibreOffice that is open does not matter
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        command = [program, profile, "--headless", "--norestore", "--convert-to", "pdf", "--outdir", name, str(source)]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)  # noqa: S603
            return source.with_suffix(".pdf").read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise LibreOfficeError(f"LibreOffice ({program}) made no PDF of the workbook.") from error


def install_add_in() -> None:
    """Put the add-in into the LibreOffice of this user, in the place of an earlier one.

    Raises
    ------
    LibreOfficeError
    """
    with tempfile.TemporaryDirectory(prefix="glmm-binomial-") as name:
        path = Path(name) / EXTENSION_NAME
        write_extension(path, extension())
        _extensions("add", "--force", str(path))


def uninstall_add_in() -> None:
    """Take the add-in out again.

    Raises
    ------
    LibreOfficeError
    """
    _extensions("remove", IDENTIFIER)


def _extensions(*command: str) -> None:
    """Run LibreOffice's own program for extensions, which lies beside the other."""
    program = Path(find_libreoffice(f"write the add-in with --oxt {EXTENSION_NAME} and open that file with it."))
    manager = program.resolve().with_name("unopkg" + program.suffix.replace(".exe", ".com"))
    try:
        done = subprocess.run(  # noqa: S603
            [manager, *command], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise LibreOfficeError(f"{manager}, which installs add-ins, cannot be run: {error}") from error
    if done.returncode:
        said = " ".join(f"{done.stdout} {done.stderr}".split())
        raise LibreOfficeError(
            f"{manager} {command[0]} refuses: {(said or 'it does not say why').rstrip('.')}. If LibreOffice is open, "
            "close it, and try again as the user who works with it. Its list of add-ins is under Tools > Extensions."
        )
