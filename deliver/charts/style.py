"""How every chart looks: colours, type and sizes, in one place.

Blue and vermilion are of the Okabe-Ito palette, which colour-blind people tell apart, darkened to
4.5:1 on white. No chart means anything by colour alone: lines differ by dashes, what lies above and
below by its place, a gap and an event by hatching and a bar.
"""

from __future__ import annotations

from typing import Any

INK, MUTED, RULE, PAPER = "#1c2733", "#56626f", "#d5dbe1", "#ffffff"
ABOVE, BELOW = "#b8480c", "#0b5a8a"
ABOVE_FILL, BELOW_FILL, BAR_FILL = "#eda578", "#a9cbe2", "#8fb8d3"
NO_DATA_FILL, NO_DATA_LINE = "#f1f3f5", "#aab4be"
HEAT_RAMP = ("#edf3f7", "#a9cbe2", "#4f92bd", "#0b5a8a", "#06304c")
DASHES = (4, 2.2)

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same layout on every machine
    "font.size": 11,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "hatch.color": NO_DATA_LINE,
    "hatch.linewidth": 0.8,
    "lines.linewidth": 1.5,
}

Size = tuple[float, float]
# Width and height in points; the page scales them to the width it has.
WIDE: Size = (860.0, 270.0)
NARROW: Size = (350.0, 260.0)
# Drawn once and good at any width: not wider than a phone shows with text that can be read.
SMALL: Size = (380.0, 190.0)
# Left of the plot in points: room for numbers, and for the name of a closed day.
WIDE_MARGIN, NARROW_MARGIN, HOLIDAY_MARGIN = 48.0, 40.0, 104.0
RIGHT_MARGIN, BOTTOM_MARGIN, TOP_MARGIN = 8.0, 22.0, 22.0
# How far above the plot its unit stands, in points.
UNIT_LIFT = 9.0
# A closed day is spelled out where no more days than these stand side by side.
MAX_SPELLED_DAYS = 8
# Height of a bar's value above its bar, in points.
VALUE_HEIGHT = 16.0
