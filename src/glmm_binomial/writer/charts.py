"""Native Excel charts: what stands around them, bars, and dots over numbers. Each draws a block of the hidden sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.chart_numbers import SHEET, Block
from glmm_binomial.writer.page import Page, Report, sheet_prefix

GREY = "#404040"
AXIS_FONT = {"name": "Calibri", "size": 10, "color": GREY}
AXIS_LINE, GRID_LINE = {"color": "#7F7F7F"}, {"color": "#E0E0E0", "width": 0.75}
HEIGHT = 380
ROW_HEIGHT = 20
# left and right of a chart, in pixels
MARGIN = 4
CHART_ROWS = HEIGHT // ROW_HEIGHT + 1
"""Taken by a chart of the usual height."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a chart: its title and axes, and a description for those who do not see it.

    Limits and steps that are None are left to Excel. On a `logarithmic` axis of x the other axis stands at 1. `part` is
    which part of the sheet's width the chart takes, and `before` what stands to the left of it.
    """

    title: str
    x_title: str
    y_title: str
    description: str
    x_limits: tuple[float | None, float | None] = (None, None)
    y_limits: tuple[float | None, float | None] = (None, None)
    x_step: float | None = None
    y_step: float | None = None
    x_format: str = "General"
    y_format: str = "General"
    height: int = HEIGHT
    part: float = 1.0
    before: float = 0.0
    logarithmic: bool = False
    without_x_labels: bool = False
    without_y_labels: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """How far intervals reach below and above: two columns of a block with what is in them, and how they look."""

    below: int
    above: int
    reaches: tuple[Sequence[float], Sequence[float]]
    colour: str
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Dots:
    """Dots: the columns of a block with their x and y, and how they look."""

    x: int
    y: int
    name: str
    colour: str
    symbol: str = "circle"
    size: int = 5
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars above each name: the column of a block with their heights, and how they look."""

    column: int
    name: str
    colour: str
    interval: Interval | None = None


def write_bars(report: Report, page: Page, frame: Frame, block: Block, bars: Sequence[Bars]) -> None:
    """Draw bars side by side, named by the block's first column, below what is already on the sheet."""
    drawn = report.workbook.add_chart({"type": "column"})
    for series in bars:
        labels: dict[str, Any] = {"value": True, "num_format": "0.000", "font": {**AXIS_FONT, "size": 9}}
        if series.interval is not None:
            labels["position"] = "inside_base"
            labels["font"] = {**labels["font"], "color": "#FFFFFF"}
        described = {
            "name": series.name,
            "categories": block.column(0),
            "values": block.column(series.column),
            "fill": {"color": series.colour},
            "gap": 80,
            "overlap": -5,
            "data_labels": labels,
            **_error_bars(block, series.interval),
        }
        drawn.add_series(described)
    place(page, drawn, frame)


def new_scatter(report: Report) -> Any:
    """Begin a chart of dots over numbers."""
    return report.workbook.add_chart({"type": "scatter"})


def add_dots(drawn: Any, block: Block, dots: Dots) -> None:
    """Add a column of dots to a chart."""
    described = {
        "name": dots.name,
        "categories": block.column(dots.x),
        "values": block.column(dots.y),
        "marker": marker(dots.colour, dots.symbol, dots.size),
        **_error_bars(block, dots.interval),
    }
    drawn.add_series(described)


def add_limits(drawn: Any, block: Block, x: int, *columns: int) -> None:
    """Add columns that are not drawn, so that an axis whose limits are left to Excel has room for them."""
    for column in columns:
        hidden = {"type": "none"}
        drawn.add_series({"categories": block.column(x), "values": block.column(column), "marker": hidden})


def add_named_dot(drawn: Any, block: Block, line: int, dots: Dots, *, name: int, position: str) -> None:
    """Add one dot with the text in a column of the block beside it."""
    drawn.add_series(
        {
            "name": block.across(line, name, name)[:3],
            "categories": block.across(line, dots.x, dots.x),
            "values": block.across(line, dots.y, dots.y),
            "marker": marker(dots.colour, dots.symbol, dots.size),
            "data_labels": label(position),
        }
    )


def marker(colour: str, symbol: str, size: int) -> dict[str, Any]:
    """How a dot looks."""
    return {"type": symbol, "size": size, "fill": {"color": colour}, "border": {"color": colour, "width": 0.75}}


def label(position: str) -> dict[str, Any]:
    """The name of a series beside its dot."""
    return {"series_name": True, "position": position, "font": {**AXIS_FONT, "size": 9}}


def _error_bars(block: Block, interval: Interval | None) -> dict[str, Any]:
    if interval is None:
        return {}
    described = {
        "type": "custom",
        "minus_values": _reference(block, interval.below),
        "minus_data": list(interval.reaches[0]),
        "plus_values": _reference(block, interval.above),
        "plus_data": list(interval.reaches[1]),
        "end_style": 0,
        "line": {"color": interval.colour, "width": interval.width},
    }
    return {"y_error_bars": described}


def _reference(block: Block, column: int) -> str:
    left = block.left + column
    return f"={sheet_prefix(SHEET)}{xl_range_abs(block.first, left, block.last, left)}"


def place(page: Page, drawn: Any, frame: Frame, *, legend: Sequence[int] | None = (), stays: bool = False) -> None:
    """Set what stands around a chart and put it on the sheet.

    Parameters
    ----------
    page
        The sheet; its row moves below the chart unless it `stays`, for another chart beside this one.
    drawn, frame
        The chart.
    legend
        The series left out of the legend; None for no legend.
    stays
        See above.
    """
    # a chart on a hidden sheet's numbers
    drawn.show_hidden_data()
    drawn.set_title({"name": frame.title, "name_font": {**AXIS_FONT, "size": 13, "bold": True}, "overlay": False})
    drawn.set_x_axis(_x_axis(frame))
    drawn.set_y_axis(_y_axis(frame))
    if legend is None:
        drawn.set_legend({"none": True})
    else:
        drawn.set_legend({"position": "bottom", "font": AXIS_FONT, "delete_series": list(legend)})
    width = page.pixels - 2 * MARGIN
    drawn.set_size({"width": round(frame.part * width), "height": frame.height})
    left = MARGIN + round(frame.before * width)
    options = {"object_position": 2, "description": frame.description, "x_offset": left, "y_offset": 6}
    page.sheet.insert_chart(page.row, 0, drawn, options)
    if not stays:
        page.row += frame.height // ROW_HEIGHT + 1


def _x_axis(frame: Frame) -> Mapping[str, Any]:
    scale = {"log_base": 10, "crossing": 1} if frame.logarithmic else {}
    return {
        **scale,
        **_axis(frame.x_title, frame.x_limits, frame.x_step, frame.x_format),
        "label_position": "none" if frame.without_x_labels else "low",
        "line": AXIS_LINE,
        "major_gridlines": {"visible": False},
    }


def _y_axis(frame: Frame) -> Mapping[str, Any]:
    # the line at an odds ratio of 1, where the other axis is one of odds ratios
    line = AXIS_LINE if frame.logarithmic else {"none": True}
    return {
        **_axis(frame.y_title, frame.y_limits, frame.y_step, frame.y_format),
        "label_position": "none" if frame.without_y_labels else "low",
        "major_tick_mark": "none" if frame.without_y_labels else "outside",
        "line": line,
        "major_gridlines": {"visible": not frame.without_y_labels, "line": GRID_LINE},
    }


def _axis(title: str, limits: tuple[float | None, float | None], step: float | None, form: str) -> Mapping[str, Any]:
    return {
        "name": title,
        "name_font": {**AXIS_FONT, "bold": False},
        "num_font": AXIS_FONT,
        "num_format": form,
        "min": limits[0],
        "max": limits[1],
        "major_unit": step,
    }
