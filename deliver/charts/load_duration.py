"""Load duration: the power that was reached or exceeded for each share of the time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from deliver.charts.drawing import (
    NO_DAYS,
    Chart,
    Days,
    Drawing,
    Look,
    above_plot,
    draw_once,
    nothing,
    numbers,
    plot,
    scale_from_zero,
    value_range,
)
from deliver.charts.style import BELOW_FILL, DASHES, INK, MUTED, SMALL


def load_duration(name: str, chart: Chart, closed_days: Days = NO_DAYS) -> Drawing:
    """Draw the first series as an area under its line, the second, the usual, as a dashed line."""
    return draw_once(name, chart, paint_duration, (SMALL[0], 215.0), closed_days)


def paint_duration(figure: Figure, chart: Chart, look: Look) -> None:
    """Paint the curves."""
    axes = plot(figure, look)
    if value_range(chart) is None:
        return nothing(axes)
    share_pct, actual = np.array(chart["series"][0]["x"], float), numbers(chart["series"][0]["y"])
    axes.fill_between(share_pct, actual, color=BELOW_FILL, linewidth=0, alpha=0.55)
    if len(chart["series"]) > 1:
        usual = numbers(chart["series"][1]["y"])
        axes.plot(share_pct, usual, color=MUTED, linewidth=1.2, dashes=DASHES)
    axes.plot(share_pct, actual, color=INK)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xticklabels(["0%", "25%", "50%", "75%", "100%"])
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.get_xticklabels()[-1].set_horizontalalignment("right")
    above_plot(axes, 1, "share of the time at or above")
    scale_from_zero(axes, chart["unit"], value_range(chart))
    return None
