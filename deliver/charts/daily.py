"""Energy of each day as bars, the expected of the day as a dashed line across its bar."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deliver.charts.drawing import (
    NO_DAYS,
    Chart,
    Days,
    Drawing,
    Look,
    draw,
    no_data_band,
    nothing,
    numbers,
    plot,
    scale_from_zero,
    value_range,
)
from deliver.charts.style import BAR_FILL, INK, NARROW, VALUE_HEIGHT, WIDE
from deliver.forms.formats import number
from lib.stats_utils import runs

HEIGHT = 230.0


def daily_chart(name: str, chart: Chart, closed_days: Days = NO_DAYS) -> Drawing:
    """Draw the first series as bars and the second, when there is one, as lines across them."""
    return draw(name, chart, paint_days, (WIDE[0], HEIGHT), (NARROW[0], HEIGHT), closed_days)


def paint_days(figure: Figure, chart: Chart, look: Look) -> None:
    """Paint the days."""
    axes = plot(figure, look)
    measured = chart["series"][0] if chart["series"] else {"x": []}
    if not measured["x"]:
        return nothing(axes)
    positions = np.arange(len(measured["x"]))
    actual = numbers(measured["y"])
    expected = np.full(len(positions), np.nan)
    axes.bar(positions, np.nan_to_num(actual), width=0.62, color=BAR_FILL)
    for start, end in runs(np.isnan(actual)):
        no_data_band(axes, start - 0.31, end - 1 + 0.31)
    if len(chart["series"]) > 1:
        expected = numbers(chart["series"][1]["y"])
        axes.hlines(
            expected,
            positions - 0.4,
            positions + 0.4,
            color=INK,
            linewidth=1.6,
            linestyle=(0, (3, 1.5)),
        )
    axes.set_xlim(-0.6, len(positions) - 0.4)
    scale_from_zero(axes, chart["unit"], value_range(chart), headroom=1.14)
    every = look.every(len(positions))
    # The day that used the most is named, for the title speaks of it.
    most = int(np.argmax(np.nan_to_num(actual, nan=-np.inf)))
    named = slice(most % every, None, every)
    for position in positions[named]:
        if np.isfinite(actual[position]):
            _value_on_top(axes, position, actual[position], expected[position])
    axes.set_xticks(positions[named])
    axes.set_xticklabels(look.day_names(measured["x"][named]))
    return None


def _value_on_top(axes: Axes, position: int, value: float, line: float) -> None:
    """The value above its bar, or above the expected value's line where that would cross it."""
    bottom = max(value, 0.0)
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height  # in points, as the figure has 72 dots an inch
    label_top = bottom + VALUE_HEIGHT * (high - low) / height
    axes.annotate(
        number(value, 0 if abs(value) >= 10 else 1),
        (position, line if bottom <= line <= label_top else bottom),
        (0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=10,
    )
