"""Native Excel charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.page import Page, Report, sheet_prefix

GREY = "#404040"
AXIS_FONT = {"name": "Calibri", "size": 10, "color": GREY}
AXIS_LINE, GRID_LINE = {"color": "#7F7F7F"}, {"color": "#E0E0E0", "width": 0.75}
WIDTH, HEIGHT = 760, 360
ROW_HEIGHT = 20
ROWS_TAKEN = HEIGHT // ROW_HEIGHT + 1
"""By a chart of the usual height."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a chart: its title and axes, and a description for those who do not see it.

    On a `logarithmic` axis the names stand where the value is 1. `y_step` None leaves the step to Excel.
    """

    title: str
    x_title: str
    y_title: str
    y_limits: tuple[float, float]
    y_step: float | None
    description: str
    y_format: str = "0.00"
    width: int = WIDTH
    height: int = HEIGHT
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a sheet that a chart shows, counted from zero, and the first and last column that name a row."""

    sheet: str
    first: int
    last: int
    categories: tuple[int, int]

    def column(self, column: int) -> list[str | int]:
        """One column of these rows, as XlsxWriter takes it."""
        return [self.sheet, self.first, column, self.last, column]

    def names(self) -> list[str | int]:
        """The columns that name the rows."""
        return [self.sheet, self.first, self.categories[0], self.last, self.categories[1]]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an interval reaches from the value to one side: the column, and what is in it."""

    column: int
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Series:
    """A column of values to show: its name, colour and, where there is one, the interval below and above."""

    column: int
    name: str
    colour: str
    interval: tuple[Reach, Reach] | None = None
    interval_colour: str = GREY
    interval_width: float = 1.0


@dataclass(frozen=True, slots=True)
class Dots:
    """A column of values as dots: their shape and size; further ones like it need no legend."""

    series: Series
    symbol: str = "circle"
    size: int = 7
    in_legend: bool = True


@dataclass(frozen=True, slots=True)
class Boxes:
    """Intervals as boxes: the column of their lower limit, and their height with its name and colour."""

    lower: int
    height: Series


def write_comparison(report: Report, page: Page, frame: Frame, rows: Rows, bars: Sequence[Series]) -> None:
    """Draw bars side by side below what is already on the sheet."""
    drawn = report.workbook.add_chart({"type": "column"})
    for series in bars:
        labels: dict[str, Any] = {"value": True, "num_format": "0.000", "font": {**AXIS_FONT, "size": 9}}
        if series.interval is not None:
            labels["position"] = "inside_base"
            labels["font"] = {**labels["font"], "color": "#FFFFFF"}
        described = {
            **_described(rows, series, rows.names()),
            "fill": {"color": series.colour},
            "gap": 80,
            "overlap": -5,
            "data_labels": labels,
        }
        drawn.add_series(described)
    _place(page, drawn, frame)


def write_dots(report: Report, page: Page, frame: Frame, rows: Rows, dots: Sequence[Dots]) -> None:
    """Draw dots above each name below what is already on the sheet, later ones over earlier ones."""
    drawn = report.workbook.add_chart({"type": "line"})
    for one in dots:
        described = {**_described(rows, one.series, rows.names()), **_marked(one), "line": {"none": True}}
        drawn.add_series(described)
    _place(page, drawn, frame, without_legend=[i for i, one in enumerate(dots) if not one.in_legend])


def write_boxes(report: Report, page: Page, frame: Frame, rows: Rows, *, boxes: Boxes, dots: Sequence[Dots]) -> None:
    """Draw an interval as a box above each name, with dots over it, below what is already on the sheet."""
    drawn = report.workbook.add_chart({"type": "column", "subtype": "stacked"})
    for series, fill in ((Series(boxes.lower, "Lower limit", ""), None), (boxes.height, boxes.height.colour)):
        filled = {"none": True} if fill is None else {"color": fill}
        drawn.add_series({**_described(rows, series, rows.names()), "fill": filled, "gap": 150})
    above = report.workbook.add_chart({"type": "line"})
    for one in dots:
        above.add_series({**_described(rows, one.series, rows.names()), **_marked(one), "line": {"none": True}})
    drawn.combine(above)
    _place(page, drawn, frame, without_legend=[0])


def write_ranking(report: Report, page: Page, frame: Frame, rows: Rows, dots: Dots) -> None:
    """Draw dots with intervals over the numbers in the column of names, such as ranks."""
    drawn = report.workbook.add_chart({"type": "scatter"})
    drawn.add_series({**_described(rows, dots.series, rows.names()), **_marked(dots)})
    limits = {"min": 0, "max": rows.last - rows.first + 1, "num_format": "0"}
    _place(page, drawn, frame, x_axis=limits, without_legend=None)  # of one series


def _described(rows: Rows, series: Series, categories: list[str | int]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": series.name,
        "categories": categories,
        "values": rows.column(series.column),
    }
    if series.interval is not None:
        below, above = series.interval
        described["y_error_bars"] = {
            "type": "custom",
            "minus_values": _reference(rows, below.column),
            "minus_data": list(below.values),
            "plus_values": _reference(rows, above.column),
            "plus_data": list(above.values),
            "end_style": 0,
            "line": {"color": series.interval_colour, "width": series.interval_width},
        }
    return described


def _reference(rows: Rows, column: int) -> str:
    return f"={sheet_prefix(rows.sheet)}{xl_range_abs(rows.first, column, rows.last, column)}"


def _marked(dots: Dots) -> dict[str, Any]:
    colour = {"color": dots.series.colour}
    return {"marker": {"type": dots.symbol, "size": dots.size, "fill": colour, "border": {**colour, "width": 0.75}}}


def _place(
    page: Page,
    drawn: Any,
    frame: Frame,
    *,
    x_axis: dict[str, Any] | None = None,
    without_legend: Sequence[int] | None = (),
) -> None:
    """Set what stands around the chart and put it on the sheet; series left out of the legend, or no legend."""
    drawn.set_title({"name": frame.title, "name_font": {**AXIS_FONT, "size": 13, "bold": True}, "overlay": False})
    name_font = {**AXIS_FONT, "bold": False}
    bottom = {"label_position": "low", "line": AXIS_LINE, "num_font": AXIS_FONT, "name_font": name_font}
    drawn.set_x_axis({"name": frame.x_title, **bottom, **(x_axis or {}), "major_gridlines": {"visible": False}})
    scale = {"log_base": 10, "crossing": 1} if frame.logarithmic else {}
    drawn.set_y_axis(
        {
            **scale,
            "name": frame.y_title,
            "name_font": name_font,
            "num_font": AXIS_FONT,
            "num_format": frame.y_format,
            "min": frame.y_limits[0],
            "max": frame.y_limits[1],
            "major_unit": frame.y_step,
            "major_gridlines": {"visible": True, "line": GRID_LINE},
            "line": {"none": True},
        }
    )
    if without_legend is None:
        drawn.set_legend({"none": True})
    else:
        drawn.set_legend({"position": "bottom", "font": AXIS_FONT, "delete_series": list(without_legend)})
    drawn.set_size({"width": frame.width, "height": frame.height})
    options = {"object_position": 2, "description": frame.description, "x_offset": 4, "y_offset": 6}
    page.sheet.insert_chart(page.row, 0, drawn, options)
    page.row += frame.height // ROW_HEIGHT + 1
