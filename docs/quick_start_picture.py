"""Draw the sheet of the quick start: `python docs/quick_start_picture.py`, with LibreOffice and poppler installed.

The sheet is written as a workbook, printed by LibreOffice with its row numbers and column letters, and cut out.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

import xlsxwriter
from PIL import Image, ImageChops

from worked import CHILDREN, answer

FORMULA: Final = "=GLMM_BINOMIAL(A1:A221, B1:C221, D1:D221)"
PICTURE: Final = Path(__file__).with_name("quick-start.png")
ROWS: Final = 20
FIRST_OF_TABLE: Final = 5
HEADERS: Final = {"fixed_effects", "random_effects", "diagnostics"}
SMALL: Final = 1e-3
MARGIN: Final = 12
DOTS_PER_INCH: Final = 110


def write_sheet(path: Path) -> None:
    """Write the first rows of the data and the table beside them, as Excel would show them."""
    table = answer(FORMULA)
    if not isinstance(table, list):
        raise TypeError(f"{FORMULA} gives no table: {table}")
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True, "align": "right"})
        right = book.add_format({"align": "right"})
        for row, cells in enumerate(CHILDREN[:ROWS]):
            sheet.write_row(row, 0, cells, bold if row == 0 else right)
        for row, cells in enumerate(table[:ROWS]):
            is_header = cells[0] in HEADERS
            for column, cell in enumerate(cells):
                style = {"bold": is_header, "align": "right" if column > 1 else "left"}
                shown = str(cell).upper() if isinstance(cell, bool) else cell
                sheet.write(row, FIRST_OF_TABLE + column, shown, book.add_format(style | _number_format(cell)))
        sheet.set_column("A:D", 9)
        sheet.set_column("E:E", 4)
        sheet.set_column("F:G", 17)
        sheet.set_column("H:N", 11)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 1)
        sheet.hide_gridlines(0)
        sheet.print_row_col_headers()
        sheet.print_area(0, 0, ROWS - 1, FIRST_OF_TABLE + len(table[0]) - 1)
        sheet.set_header(f"&L&12F1:  {FORMULA}", {"margin": 0.3})
        sheet.set_footer("")


def _number_format(cell: object) -> dict[str, str]:
    if not isinstance(cell, float) or cell == round(cell):
        return {}
    return {"num_format": "0.0000" if abs(cell) >= SMALL else "0.0E+00"}


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        workbook = Path(folder) / "sheet.xlsx"
        write_sheet(workbook)
        commands = (
            ["soffice", "--headless", "--convert-to", "pdf", "--outdir", folder, str(workbook)],
            ["pdftoppm", "-png", "-r", str(DOTS_PER_INCH), "-singlefile", f"{folder}/sheet.pdf", f"{folder}/sheet"],
        )
        for command in commands:
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603  programs of this list
        page = Image.open(f"{folder}/sheet.png").convert("RGB")
        left, top, right, bottom = ImageChops.difference(page, Image.new("RGB", page.size, "white")).getbbox()
        cut = page.crop((left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN))
        cut.quantize(32).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
