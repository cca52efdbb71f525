"""The zip file of a workbook: read with limits, and written again with some parts replaced.

What is damaged, encrypted or built to exhaust memory is refused here, in one sentence that names the reason.
"""

import io
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lxml import etree

MAX_FILE_BYTES = 512 << 20
MAX_EXPANDED_BYTES = 1 << 30
MAX_PARTS = 10_000
# sheets of equal cells compress 30 to 500 times, and so do empty pictures; a bomb does about 1,000 times
MAX_COMPRESSION = 600
# the earliest that a zip file can hold
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_COMPRESSION_MATTERS_ABOVE = 128 << 20

_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_DECLARED_ENCODING = re.compile(rb"((?:\xef\xbb\xbf)?<\?xml\b[^>]*?\sencoding\s*=\s*[\"'])([A-Za-z0-9._-]+)")
# how XML begins in an encoding of two bytes for each character
_WIDE_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class WorkbookError(Exception):
    """The workbook cannot be read, calculated or written; the text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Package:
    """The parts of one .xlsx file, held compressed as they came."""

    content: bytes
    entries: tuple[zipfile.ZipInfo, ...]

    def read(self, part: str) -> bytes:
        """Return the XML of one part, in UTF-8 whatever its encoding is in the file."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return _in_utf8(_read_entry(archive, self.find(part) or part), part)

    def __contains__(self, part: str) -> bool:
        """Tell whether the part exists."""
        return self.find(part) is not None

    def find(self, part: str) -> str | None:
        """Return a part's name as the file has it: names are the same whatever the case of their letters."""
        wanted = part.replace("\\", "/").lstrip("/").casefold()
        names = [entry.filename for entry in self.entries]
        return next((name for name in names if name.replace("\\", "/").lstrip("/").casefold() == wanted), None)

    def relations_of(self, part: str) -> str | None:
        """Return the part that says what `part` refers to; of the package itself for an empty name."""
        path = PurePosixPath(part.replace("\\", "/"))
        return self.find(str(path.parent / "_rels" / f"{path.name}.rels"))

    def with_parts(self, replacements: Mapping[str, bytes], *, dropped: Collection[str] = ()) -> bytes:
        """Return the file with some parts replaced: same order, names and times, so always the same bytes.

        Parts that it does not have yet are added at the end.
        """
        target = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(self.content)) as archive,
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy,
        ):
            for entry in self.entries:
                if entry.filename in dropped:
                    continue
                data = replacements.get(entry.filename)
                copy.writestr(_same_entry(entry), _read_entry(archive, entry) if data is None else data)
            known = {entry.filename for entry in self.entries}
            for name, data in replacements.items():
                if name not in known:
                    copy.writestr(_same_entry(zipfile.ZipInfo(name, _NO_TIME), zipfile.ZIP_DEFLATED), data)
        return target.getvalue()


def open_package(source: Path) -> Package:
    """Read an .xlsx or .xlsm file.

    Raises
    ------
    WorkbookError
        When the file is missing, damaged, encrypted, no workbook, or expands beyond the limits of this module.
    """
    try:
        if source.stat().st_size > MAX_FILE_BYTES:
            raise WorkbookError(f"the file is larger than {MAX_FILE_BYTES >> 20} MB.")
        content = source.read_bytes()
    except OSError as error:
        raise WorkbookError(f"the file cannot be read: {error.strerror or error}.") from error
    return package_of(content)


def package_of(content: bytes) -> Package:
    """Read the bytes of an .xlsx or .xlsm file; see `open_package`."""
    if content.startswith(_OLE_MAGIC):
        raise WorkbookError("the file is encrypted or in the old .xls format; save it as .xlsx without a password.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = tuple(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise WorkbookError(f"the file is not a workbook or is damaged ({error}).") from error
    _refuse_hostile(entries)
    package = Package(content, entries)
    if "xl/workbook.bin" in package:
        raise WorkbookError("the file is a binary workbook (.xlsb); save it as Excel Workbook (*.xlsx).")
    return package


def refuse_document_type(data: bytes, part: str) -> None:
    """Refuse XML with a document type (entity bombs)."""
    if b"<!DOCTYPE" in data:
        raise WorkbookError(f"the part {part} holds a document type declaration, which no workbook needs.")


def parse_xml(data: bytes, part: str, *, may_be_huge: bool = False) -> etree._Element:
    """Parse a part; a document type is refused, since only an attack has use for one."""
    refuse_document_type(data, part)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=may_be_huge)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise WorkbookError(f"the workbook is damaged: {part}: {error.msg}.") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write the whole file or nothing: into a temporary file beside it, which then takes the name."""
    # the file a link points to, not the link
    path = path.resolve()
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise WorkbookError(f"{path} cannot be written: {error.strerror or error}.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        raise WorkbookError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    # the only way to read the mask is to set it
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refuse_hostile(entries: tuple[zipfile.ZipInfo, ...]) -> None:
    if len(entries) > MAX_PARTS:
        raise WorkbookError(f"the file holds more than {MAX_PARTS} parts.")
    if len({entry.filename for entry in entries}) < len(entries):
        raise WorkbookError("the file is damaged: it holds the same part twice.")
    if sum(entry.file_size for entry in entries) > MAX_EXPANDED_BYTES:
        raise WorkbookError(f"the file expands to more than {MAX_EXPANDED_BYTES >> 20} MB.")
    for entry in entries:
        if entry.flag_bits & 1:
            raise WorkbookError("the file is encrypted; save it without a password.")
        large = entry.file_size > _COMPRESSION_MATTERS_ABOVE
        if large and entry.file_size > MAX_COMPRESSION * entry.compress_size:
            raise WorkbookError(f"the part {entry.filename} is compressed like a zip bomb; it was not opened.")


def _read_entry(archive: zipfile.ZipFile, entry: str | zipfile.ZipInfo) -> bytes:
    """Read one entry; `zipfile` never reads beyond the size that was checked, and checks the sum."""
    try:
        return archive.read(entry)
    except KeyError as error:
        raise WorkbookError(f"the workbook is damaged: the part {entry} is missing.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError, MemoryError) as error:
        raise WorkbookError(f"the workbook is damaged ({error}).") from error


def _in_utf8(data: bytes, part: str) -> bytes:
    """Return XML in UTF-8; other encodings are rare, and one could hide what must be seen."""
    encoding = next((name for start, name in _WIDE_ENCODINGS.items() if data.startswith(start)), None)
    if encoding is None:
        declared = _DECLARED_ENCODING.match(data)
        encoding = "utf-8" if declared is None else declared[2].decode()
    if encoding.lower() in ("utf-8", "utf8", "us-ascii", "ascii"):
        return data
    try:
        text = data.decode(encoding)
    except (LookupError, UnicodeError) as error:
        raise WorkbookError(f"the part {part} is in an encoding that cannot be read ({encoding}).") from error
    return _DECLARED_ENCODING.sub(rb"\1utf-8", text.encode(), count=1)


def _same_entry(entry: zipfile.ZipInfo, compression: int | None = None) -> zipfile.ZipInfo:
    copy = zipfile.ZipInfo(entry.filename, entry.date_time)
    is_stored = entry.compress_type == zipfile.ZIP_STORED and compression is None
    copy.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
    copy.external_attr = entry.external_attr
    copy.create_system = entry.create_system
    copy.comment = entry.comment
    return copy


def plain_text(text: str) -> str:
    """Undo the escapes of spreadsheet XML: `_x000a_` is a line feed."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
