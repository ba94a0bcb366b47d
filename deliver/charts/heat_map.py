"""Mean power by hour and day as a map of colours, dark for much."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deliver.charts.drawing import (
    NO_DAYS,
    Chart,
    Days,
    Drawing,
    Look,
    draw,
    nothing,
    numbers,
    plot,
    value_range,
)
from deliver.charts.style import (
    HEAT_RAMP,
    HOLIDAY_MARGIN,
    NARROW,
    NO_DATA_FILL,
    NO_DATA_LINE,
    PAPER,
    WIDE,
    WIDE_MARGIN,
)


def heat_map(name: str, chart: Chart, closed_days: Days = NO_DAYS) -> Drawing:
    """Draw one row a series (a day), its x being hours; a cell without a reading is hatched."""
    height = 60.0 + 24.0 * max(1, len(chart["series"]))
    left = HOLIDAY_MARGIN if closed_days else WIDE_MARGIN
    return draw(name, chart, paint_cells, (WIDE[0], height), (NARROW[0], height), closed_days, left)


def paint_cells(figure: Figure, chart: Chart, look: Look) -> None:
    """Paint the map."""
    axes = plot(figure, look)
    rows = chart["series"]
    known = value_range(chart)
    if not rows or known is None:
        return nothing(axes)
    columns = sorted({float(x) for row in rows for x in row["x"]})
    grid = np.full((len(rows), len(columns)), np.nan)
    for index, row in enumerate(rows):
        grid[index, np.searchsorted(columns, row["x"])] = numbers(row["y"])
    width, height = len(columns), len(rows)
    axes.add_patch(
        Rectangle(
            (0, 0),
            width,
            height,
            facecolor=NO_DATA_FILL,
            edgecolor=NO_DATA_LINE,
            hatch="////",
            linewidth=0,
        )
    )
    axes.pcolormesh(
        np.arange(width + 1),
        np.arange(height + 1),
        np.ma.masked_invalid(grid),
        cmap=LinearSegmentedColormap.from_list("heat", HEAT_RAMP),
        vmin=known[0],
        vmax=max(known[1], known[0] + 1e-9),
        edgecolor="none",
        clip_on=False,  # no cell lies outside, and hundreds of clip paths would fill the page
    )
    # Lines between the cells are fewer than edges of each.
    axes.hlines(range(height + 1), 0, width, color=PAPER, linewidth=1.0, clip_on=False)
    axes.vlines(range(width + 1), 0, height, color=PAPER, linewidth=1.0, clip_on=False)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.set_yticks(np.arange(height) + 0.5)
    axes.set_yticklabels([name for row in rows for name in look.day_names([row["name"]])])
    every = 6 if look.is_narrow else 3
    shown = [index for index in range(width) if columns[index] % every == 0]
    axes.set_xticks(shown)
    axes.set_xticklabels([f"{columns[index]:02.0f}:00" for index in shown])
    return None
