"""The mean day of each kind, hour by hour, as small plots side by side on one scale."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deliver.charts.drawing import (
    NO_DAYS,
    Chart,
    Days,
    Drawing,
    Look,
    box,
    draw,
    no_data_band,
    nothing,
    numbers,
    plot,
    scale_from_zero,
    value_range,
)
from deliver.charts.load import shade
from deliver.charts.style import (
    BOTTOM_MARGIN,
    DASHES,
    INK,
    MUTED,
    NARROW,
    RIGHT_MARGIN,
    WIDE,
)
from deliver.forms.formats import plain
from lib.stats_utils import runs

EXPECTED = ", expected"
DAY_NAMES = {"workday": "Working days", "holiday": "Holidays"}
WIDE_HEIGHT, ROW_HEIGHT = 220.0, 150.0
# Room for the name above a plot, and between two plots.
HEAD, BETWEEN = 34.0, 14.0
HOURS = 24


class Panel(NamedTuple):
    """One kind of day: its measured series, and the expected one where there is one."""

    name: str
    actual: dict[str, Any]
    expected: dict[str, Any] | None


def day_profiles(name: str, chart: Chart, closed_days: Days = NO_DAYS) -> Drawing:
    """Draw a plot for each series; one named "{other}, expected" lies in the plot of the other."""
    rows = -(-max(len(_panels(chart)), 1) // 2)
    height = BOTTOM_MARGIN + rows * ROW_HEIGHT + (rows - 1) * BOTTOM_MARGIN
    return draw(
        name, chart, paint_profiles, (WIDE[0], WIDE_HEIGHT), (NARROW[0], height), closed_days
    )


def paint_profiles(figure: Figure, chart: Chart, look: Look) -> None:
    """Paint the plots, two in a row on a narrow screen."""
    panels = _panels(chart)
    if not panels:
        return nothing(plot(figure, look))
    width, height = (72 * inches for inches in figure.get_size_inches())
    columns = min(2, len(panels)) if look.is_narrow else len(panels)
    rows = -(-len(panels) // columns)
    across = (width - look.left - RIGHT_MARGIN - (columns - 1) * BETWEEN) / columns
    up = (height - rows * BOTTOM_MARGIN) / rows
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        left = look.left + column * (across + BETWEEN)
        bottom = height - (row + 1) * (up + BOTTOM_MARGIN) + BOTTOM_MARGIN
        axes = box(figure, left, bottom, across, up - HEAD)
        _paint(axes, panel, chart, is_first=column == 0)
    return None


def _panels(chart: Chart) -> list[Panel]:
    by_name = {series["name"]: series for series in chart["series"]}
    return [
        Panel(name, series, by_name.get(f"{name}{EXPECTED}"))
        for name, series in by_name.items()
        if not name.endswith(EXPECTED)
    ]


def _paint(axes: Axes, panel: Panel, chart: Chart, *, is_first: bool) -> None:
    hours = np.array([float(hour) for hour in panel.actual["x"]]) + 0.5
    actual = numbers(panel.actual["y"])
    for start, stop in runs(np.isnan(actual)):
        no_data_band(axes, hours[start] - 0.5, hours[stop - 1] + 0.5)
    if panel.expected is not None:
        expected = numbers(panel.expected["y"])
        shade(axes, hours, actual, expected)
        axes.plot(hours, expected, color=MUTED, linewidth=1.1, dashes=DASHES)
    axes.plot(hours, actual, color=INK)
    axes.set_xlim(0, HOURS)
    axes.set_xticks([6, 12, 18])
    axes.set_xticklabels(["06:00", "12:00", "18:00"])
    scale_from_zero(axes, chart["unit"] if is_first else "", value_range(chart))
    if not is_first:
        axes.tick_params(axis="y", labelleft=False)
    name = DAY_NAMES.get(panel.name, f"{panel.name[:1].upper()}{panel.name[1:]}s")
    axes.text(0.5, 1.1, plain(name)[:24], ha="center", va="bottom", transform=axes.transAxes)
