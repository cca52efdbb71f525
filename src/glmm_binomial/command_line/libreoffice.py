"""LibreOffice, where it is installed: it makes a PDF of a workbook."""

import shutil
import subprocess
import tempfile
from pathlib import Path

_PLACES = (
    Path("/Applications/LibreOffice.app/Contents/MacOS/soffice"),
    Path("C:/Program Files/LibreOffice/program/soffice.exe"),
)
_SECONDS = 300


class LibreOfficeError(Exception):
    """There is no PDF; the text says why."""


def find_libreoffice() -> str:
    """Return the path of its program.

    Raises
    ------
    LibreOfficeError
    """
    found = shutil.which("soffice") or next((str(place) for place in _PLACES if place.exists()), None)
    if found is None:
        raise LibreOfficeError(
            "LibreOffice, which makes the PDF, is not found: there is no soffice on the PATH. Install it, or say "
            "--html and let a browser print that page."
        )
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
