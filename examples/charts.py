"""Native Excel charts."""

from collections.abc import Sequence
from dataclasses import dataclass

from page import Page, Report

AXIS_FONT = {"name": "Calibri", "size": 10, "color": "#404040"}


@dataclass(frozen=True, slots=True)
class Bars:
    """One set of bars: the column that holds its values and its name, and its colour."""

    column: int
    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sets of bars side by side: which rows of a sheet they show, and what the axes say.

    `categories` is the first and the last column that name a row.
    """

    title: str
    first_row: int
    last_row: int
    categories: tuple[int, int]
    bars: Sequence[Bars]
    x_title: str
    y_title: str
    y_maximum: float
    y_step: float
    description: str


def write_comparison(report: Report, page: Page, chart: Comparison) -> None:
    """Draw the chart below what is already on the sheet."""
    drawn = report.workbook.add_chart({"type": "column"})
    left, right = chart.categories
    for bars in chart.bars:
        drawn.add_series(
            {
                "name": bars.name,
                "categories": [page.name, chart.first_row, left, chart.last_row, right],
                "values": [page.name, chart.first_row, bars.column, chart.last_row, bars.column],
                "fill": {"color": bars.colour},
                "gap": 80,
                "overlap": -5,
                "data_labels": {"value": True, "num_format": "0.000", "font": {**AXIS_FONT, "size": 9}},
            }
        )
    drawn.set_title({"name": chart.title, "name_font": {**AXIS_FONT, "size": 13, "bold": True}, "overlay": False})
    drawn.set_x_axis(
        {
            "name": chart.x_title,
            "name_font": {**AXIS_FONT, "bold": False},
            "num_font": AXIS_FONT,
            "line": {"color": "#7F7F7F"},
        }
    )
    drawn.set_y_axis(
        {
            "name": chart.y_title,
            "name_font": {**AXIS_FONT, "bold": False},
            "num_font": AXIS_FONT,
            "num_format": "0.00",
            "min": 0,
            "max": chart.y_maximum,
            "major_unit": chart.y_step,
            "major_gridlines": {"visible": True, "line": {"color": "#E0E0E0", "width": 0.75}},
            "line": {"none": True},
        }
    )
    drawn.set_legend({"position": "bottom", "font": AXIS_FONT})
    drawn.set_size({"width": 760, "height": 360})
    options = {"object_position": 2, "description": chart.description, "x_offset": 4, "y_offset": 6}
    page.sheet.insert_chart(page.row, 0, drawn, options)
    page.row += 19
