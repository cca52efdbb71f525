"""Recalculate every workbook of a folder, and count what happens to the values that are stored in them.

    python -m benchmarks.workbooks FOLDER

Each workbook is run as it is, and again with a formula of GLMM_BINOMIAL added that reads the used area of the first
sheet with formulas, so that every formula there is calculated and compared with what is stored. The function itself is
a stand-in that answers at once: what is tried is the recalculation. Nothing in the folder is changed.
"""

import re
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path

from glmm_binomial.workbook import Recalculation, WorkbookError, recalculate
from glmm_binomial.workbook.book import Book, read_book
from glmm_binomial.workbook.outcome import is_same

FUNCTION = "GLMM_BINOMIAL"
_END_OF_ROWS = re.compile(rb"<((?:[\w.-]+:)?)sheetData\s*/>|</((?:[\w.-]+:)?)sheetData>")
_KINDS = {
    "files": "workbooks",
    "opened": "opened",
    "refused": "refused, with a sentence",
    "refused, though openpyxl opens them": "of these openpyxl opens, and finds cells with values",
    "tracebacks": "ended with a traceback",
    "formulas": "formulas",
    "asked for": "of these in workbooks that say their values are not to be trusted",
    "without a value": "of these without a stored value",
    "kept": "kept as stored",
    "changed": "stored values changed (in workbooks that do not ask for it)",
    "parts changed": "other parts changed",
    "broken": "written, but cannot be read",
    "seconds": "seconds",
    "added: files": "workbooks run with a formula added",
    "added: refused": "refused, with a sentence",
    "added: tracebacks": "ended with a traceback",
    "added: differ": "formulas whose stored value is not what is calculated here, each named",
    "added: not calculated": "formulas that cannot be calculated here, each named",
    "added: changed": "stored values changed under --trust stored",
    "added: broken": "written, but cannot be read",
    "added: seconds": "seconds",
}


def main() -> None:
    """Run the folder named on the command line."""
    folder = Path(sys.argv[1])
    files = sorted(path for path in folder.rglob("*.[xX][lL][sS][xXmM]") if not path.name.startswith("~$"))
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for path in files:
            counts["files"] += 1
            book = _as_it_is(path, Path(scratch) / "as-it-is.xlsx", counts)
            if book is not None and not book.contents.distrusts_its_values:
                _with_a_formula(path, book, Path(scratch), counts)
    for kind, words in _KINDS.items():
        print(f"{counts[kind]:>10,.0f}  {'' if kind.count(':') == 0 else '  '}{words}")


def _as_it_is(path: Path, target: Path, counts: Counter[str]) -> Book | None:
    """Run a workbook; return it as it was read, None when it cannot be."""
    began = time.monotonic()
    result = _run(path, counts, "", trust=False)
    counts["seconds"] += time.monotonic() - began
    if result is None or result.content is None:
        return None
    counts["opened"] += 1
    book = read_book(path, [FUNCTION])
    trusted = not book.contents.distrusts_its_values
    counts["formulas"] += len(book.formulas)
    counts["asked for"] += 0 if trusted else len(book.formulas)
    counts["without a value"] += sum(formula.cell.stored is None for formula in book.formulas)
    counts["kept"] += result.counts.kept
    target.write_bytes(result.content)
    _count_changes(book if trusted else None, target, path, counts, "")
    counts["parts changed"] += _other_parts_changed(path, target, {sheet.part for sheet in book.contents.sheets})
    return book


def _with_a_formula(path: Path, book: Book, scratch: Path, counts: Counter[str]) -> None:
    """Run a workbook with a formula added below its first sheet's cells."""
    if not book.formulas:
        return
    source, target = scratch / "with-a-formula.xlsx", scratch / "added.xlsx"
    part = book.formulas[0].sheet.part
    used = [formula.cell for formula in book.formulas if formula.sheet.part == part]
    area = f"A1:ZZ{max(cell.row for cell in used) + 1}"
    source.write_bytes(book.package.with_parts({part: _with_row(book.sheets[part], f"_xll.{FUNCTION}({area})")}))
    counts["added: files"] += 1
    began = time.monotonic()
    result = _run(source, counts, "added: ", trust=True)
    counts["added: seconds"] += time.monotonic() - began
    if result is None or result.content is None:
        return
    counts["added: differ"] += len(result.differences)
    counts["added: not calculated"] += len(result.unverified) + len(result.problems)
    target.write_bytes(result.content)
    _count_changes(read_book(source, [FUNCTION]), target, path, counts, "added: ")


def _with_row(xml: bytes, formula: str) -> bytes:
    match = list(_END_OF_ROWS.finditer(xml))[-1]
    prefix = (match[1] or match[2] or b"").decode()
    row = (
        f'<{prefix}row r="1048576"><{prefix}c r="XFD1048576"><{prefix}f>{formula}</{prefix}f></{prefix}c></{prefix}row>'
    )
    if match[0].endswith(b"/>"):
        row = f"<{prefix}sheetData>{row}</{prefix}sheetData>"
        return xml[: match.start()] + row.encode() + xml[match.end() :]
    return xml[: match.start()] + row.encode() + xml[match.start() :]


def _run(path: Path, counts: Counter[str], kind: str, *, trust: bool) -> Recalculation | None:
    try:
        return recalculate(path, {FUNCTION: _stand_in}, trust="stored" if trust else None)
    except WorkbookError as error:
        counts[f"{kind}refused"] += 1
        print(f"refused: {path}: {error}", file=sys.stderr)
        if not kind and _opens_in_openpyxl(path):
            counts["refused, though openpyxl opens them"] += 1
    except Exception:  # noqa: BLE001 - a traceback is what is counted
        counts[f"{kind}tracebacks"] += 1
        print(f"traceback: {path}\n{traceback.format_exc()}", file=sys.stderr)
    return None


def _stand_in(*_arguments: object) -> list[list[object]]:
    return [["fixed_effects", "parameter"], ["", 1.0]]


def _opens_in_openpyxl(path: Path) -> bool:
    import openpyxl  # noqa: PLC0415 - needed only where something is refused

    try:
        book = openpyxl.load_workbook(path)
    except Exception:  # noqa: BLE001 - whatever it raises, it does not open
        return False
    return any(cell.value is not None for sheet in book.worksheets for row in sheet.iter_rows() for cell in row)


def _count_changes(before: Book | None, target: Path, path: Path, counts: Counter[str], kind: str) -> None:
    """Read what was written; count the formulas whose stored value is another one now, and print each."""
    try:
        after = {formula.place: formula.cell.stored for formula in read_book(target, [FUNCTION]).formulas}
    except WorkbookError as error:
        counts[f"{kind}broken"] += 1
        print(f"{kind}written, but cannot be read: {path}: {error}", file=sys.stderr)
        return
    for formula in () if before is None else before.formulas:
        old, new = formula.cell.stored, after.get(formula.place)
        if old is not None and not formula.is_call and (new is None or not is_same(old, new)):
            counts[f"{kind}changed"] += 1
            print(f"{kind}changed: {path}: {formula.sheet.name}!{formula.address}: {old!r} -> {new!r}", file=sys.stderr)


def _other_parts_changed(source: Path, target: Path, sheets: set[str]) -> int:
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target) as after:
        names = before.namelist()
        if names != after.namelist():
            return len(names)
        return sum(before.read(name) != after.read(name) for name in names if name not in sheets)


if __name__ == "__main__":
    main()
