"""The first sheet of a workbook: what it is about, what is on which sheet, how it is calculated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glmm_binomial.writer.page import Report

WIDTHS = (18, 125)

HOW_IT_IS_CALCULATED = (
    "Each table below a line Formula comes from that one formula with a worksheet function of the GLMM_BINOMIAL "
    "add-in; everything else is ordinary Excel and follows when data change. In Excel 2021 or 365 with the add-in, "
    "Ctrl+Alt+F9 calculates all of it afresh, in LibreOffice Calc with the add-in Ctrl+Shift+F9. Without the add-in "
    "Excel shows the stored results until it recalculates, which replaces these tables by #NAME?; LibreOffice shows "
    "that at once. Without either, the command glmm-binomial recalc calculates the workbook and writes a copy."
)


@dataclass(frozen=True, slots=True)
class Cover:
    """What the first sheet says.

    `sections` are paragraphs under a label; `columns` says what each column of the data holds, `sheets` what is on
    each sheet.
    """

    title: str
    subtitle: str
    sections: Mapping[str, str]
    columns: Mapping[str, str]
    sheets: Mapping[str, str]
    sources: Sequence[str]


def write_cover(report: Report, cover: Cover) -> None:
    """Write the first sheet."""
    page = report.page("About", WIDTHS)
    page.title(cover.title, cover.subtitle)
    for label, text in cover.sections.items():
        page.labelled(label, text)
        page.skip()
    page.heading("Columns of the data")
    for name, text in cover.columns.items():
        page.labelled(name, text)
    page.skip()
    page.heading("Sheets")
    for name, text in cover.sheets.items():
        page.labelled(name, text)
        page.sheet.write_url(page.row - 1, 0, f"internal:'{name}'!A1", page.formats.link, name)
    page.skip()
    page.heading("How it is calculated")
    page.paragraph(HOW_IT_IS_CALCULATED)
    page.skip()
    page.heading("Source")
    for source in cover.sources:
        page.paragraph(source)
