"""The weekly report's charts, as inline SVG whose text stays text.

Each function takes one chart of the report's JSON ({title, unit, series}) and draws it twice: wide
for screens and paper, narrow for phones. The same chart gives the same bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deliver.formats import day_label, number, plain
from deliver.inline_svg import inline_svg

INK, MUTED, RULE, PAPER = "#1c2733", "#56626f", "#d5dbe1", "#ffffff"
# Blue and vermilion of the Okabe-Ito palette, darkened to 4.5:1 on white.
ACCENT, ABOVE, BELOW = "#0b5a8a", "#b8480c", "#0b5a8a"
ABOVE_FILL, BELOW_FILL, BAR_FILL = "#eda578", "#a9cbe2", "#8fb8d3"
HEAT_RAMP = ("#edf3f7", "#a9cbe2", "#4f92bd", "#0b5a8a", "#06304c")

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
    "hatch.color": "#aab4be",
    "hatch.linewidth": 0.8,
    "lines.linewidth": 1.5,
}
# Width and height in points; the page scales them to the width it has.
WIDE, NARROW = (860.0, 270.0), (350.0, 260.0)
# Left of the plot in points: room for numbers, and for the name of a closed day.
WIDE_MARGIN, NARROW_MARGIN, HOLIDAY_MARGIN = 48.0, 40.0, 104.0
# A closed day is spelled out where no more days than these stand side by side.
MAX_SPELLED_DAYS = 8
# Height of a bar's value above its bar, in points.
VALUE_HEIGHT = 16.0


Days = frozenset[str]
NO_DAYS: Days = frozenset()


class Drawing(NamedTuple):
    """One chart as two SVG elements, safe to put into a page: `wide` and `narrow`."""

    wide: str
    narrow: str


def load_chart(name: str, chart: dict[str, Any], closed_days: Days = NO_DAYS) -> Drawing:
    """Load against the expected: what lies above and below is shaded, a gap stays a gap.

    The first series is the measured one, the second (when there is one) the expected.
    """
    return _draw(name, chart, _load, (WIDE, NARROW), closed_days)


def daily_chart(name: str, chart: dict[str, Any], closed_days: Days = NO_DAYS) -> Drawing:
    """Energy of each day as bars, the expected of the day as a line across its bar."""
    return _draw(name, chart, _daily, ((WIDE[0], 230.0), (NARROW[0], 230.0)), closed_days)


def heat_map(name: str, chart: dict[str, Any], closed_days: Days = NO_DAYS) -> Drawing:
    """Mean power by hour and day: one series a day, x the hour; no reading is hatched."""
    height = 60.0 + 24.0 * max(1, len(chart["series"]))
    sizes = ((WIDE[0], height), (NARROW[0], height))
    left = HOLIDAY_MARGIN if closed_days else WIDE_MARGIN
    return _draw(name, chart, _heat, sizes, closed_days, left)


def value_range(chart: dict[str, Any]) -> tuple[float, float] | None:
    """Lowest and highest value of all series, or None where every value is missing."""
    values = [y for series in chart["series"] for y in series["y"] if y is not None]
    return (min(values), max(values)) if values else None


class Look(NamedTuple):
    """For what a chart is drawn: a narrow screen or not, and which days (ISO) are closed ones."""

    is_narrow: bool
    closed_days: Days
    left: float

    def day_names(self, days: Sequence[str]) -> list[str]:
        """The days as ticks name them, closed ones marked."""
        spelled = " (holiday)" if not self.is_narrow and len(days) <= MAX_SPELLED_DAYS else "*"
        length = 3 if self.is_narrow else None
        return [
            day_label(day)[:length] + (spelled if day in self.closed_days else "") for day in days
        ]

    def every(self, days: int) -> int:
        """Each how many-th day is named: a long period names only some."""
        return -(-days // (7 if self.is_narrow else 14))


Painter = Callable[[Axes, dict[str, Any], Look], None]


def _draw(
    name: str,
    chart: dict[str, Any],
    paint: Painter,
    sizes: tuple[tuple[float, float], tuple[float, float]],
    closed_days: Days,
    left: float = WIDE_MARGIN,
) -> Drawing:
    wide, narrow = Look(False, closed_days, left), Look(True, closed_days, NARROW_MARGIN)
    return Drawing(
        wide=_svg(f"{name}-wide", chart, paint, sizes[0], wide),
        narrow=_svg(f"{name}-narrow", chart, paint, sizes[1], narrow),
    )


def _svg(
    element_id: str,
    chart: dict[str, Any],
    paint: Painter,
    size: tuple[float, float],
    look: Look,
) -> str:
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A name in another script has no glyph in DejaVu; the browser brings its own font.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", append=False)
        # A user's own matplotlibrc must not change the report.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**STYLE, "svg.hashsalt": element_id})
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, facecolor="none")
        FigureCanvasSVG(figure)
        axes = figure.add_axes(_plot_area(size, look.left))
        axes.set_facecolor("none")
        paint(axes, chart, look)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return inline_svg(buffer.getvalue(), element_id, plain(chart["title"]), description(chart))


def _plot_area(size: tuple[float, float], left: float) -> tuple[float, float, float, float]:
    """Margins in points that hold every label, as fractions of the figure."""
    width, height = size
    right, bottom, top = 8, 22, 22
    return (
        left / width,
        bottom / height,
        (width - left - right) / width,
        (height - bottom - top) / height,
    )


def description(chart: dict[str, Any]) -> str:
    """What a person who cannot see the chart should know of it."""
    values = [y for series in chart["series"] for y in series["y"]]
    known = value_range(chart)
    unit = plain(chart["unit"])
    names = ", ".join(plain(series["name"]) for series in chart["series"][:2])
    shown = f"{len(chart['series'])} series" if len(chart["series"]) > 2 else names
    if known is None:
        return f"{shown}: no values."
    missing = sum(y is None for y in values)
    gaps = f"; {missing} of {len(values)} values are missing" if missing else ""
    return f"{shown}: from {number(known[0], 1)} to {number(known[1], 1)} {unit}{gaps}."


def _numbers(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _load(axes: Axes, chart: dict[str, Any], look: Look) -> None:
    measured = chart["series"][0]
    times = [datetime.fromisoformat(x) for x in measured["x"]]
    if not times:
        return _nothing(axes)
    # Elapsed hours, so that a day on which clocks change is 23 or 25 hours wide.
    hours = np.array([(time - times[0]).total_seconds() / 3600 for time in times])
    step = float(np.min(np.diff(hours))) if len(hours) > 1 else 0.25
    actual = _numbers(measured["y"])
    for start, end in _missing_runs(actual):
        _no_data_band(axes, hours[start], hours[end - 1] + step)
    if len(chart["series"]) > 1:
        expected = _numbers(chart["series"][1]["y"])
        with np.errstate(invalid="ignore"):
            above, below = actual > expected, actual < expected
        for where, colour in ((above, ABOVE_FILL), (below, BELOW_FILL)):
            axes.fill_between(
                hours, actual, expected, where=where, interpolate=True, color=colour, linewidth=0
            )
        axes.plot(hours, expected, color=MUTED, linewidth=1.1, dashes=(4, 2.2))
    axes.plot(hours, actual, color=INK, linewidth=1.0 if look.is_narrow else 1.3)
    axes.set_xlim(0, hours[-1] + step)
    _scale_from_zero(axes, chart)
    _day_ticks(axes, times, hours, step, look)
    return None


def _day_ticks(
    axes: Axes, times: list[datetime], hours: np.ndarray, step: float, look: Look
) -> None:
    """A thin line at each local midnight and the day's name in the middle of the day."""
    starts = [
        index
        for index, time in enumerate(times)
        if index == 0 or time.date() != times[index - 1].date()
    ]
    edges = [hours[index] for index in starts] + [hours[-1] + step]
    for edge in edges[1:-1]:
        axes.axvline(edge, color=RULE, linewidth=0.7, zorder=0)
    shown = range(0, len(starts), look.every(len(starts)))
    axes.set_xticks([(edges[day] + edges[day + 1]) / 2 for day in shown])
    axes.set_xticklabels(look.day_names([times[starts[day]].date().isoformat() for day in shown]))


def _missing_runs(values: np.ndarray) -> list[tuple[int, int]]:
    """Runs of NaN as [first, end) index pairs."""
    missing = np.concatenate(([False], np.isnan(values), [False])).astype(np.int8)
    edges = np.diff(missing)
    return list(
        zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
    )


def _no_data_band(axes: Axes, start: float, end: float) -> None:
    axes.axvspan(start, end, facecolor="#f1f3f5", edgecolor="#aab4be", hatch="////", linewidth=0)


def _nothing(axes: Axes) -> None:
    """The whole chart is one gap."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    _no_data_band(axes, 0, 1)
    _say_no_data(axes)


def _say_no_data(axes: Axes) -> None:
    axes.text(0.5, 0.5, "No data", ha="center", va="center", transform=axes.transAxes)


def _scale_from_zero(axes: Axes, chart: dict[str, Any], headroom: float = 1.08) -> None:
    """Start at zero, so that heights can be compared, unless power flows back."""
    known = value_range(chart)
    if known is None:
        axes.set_yticks([])
        _say_no_data(axes)
        return
    top = known[1] if known[1] > 0 else 1.0
    axes.set_ylim(min(0.0, known[0] * headroom), top * headroom)
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, min_n_ticks=3))
    axes.yaxis.set_major_formatter(lambda value, _: number(value, 0 if top >= 5 else 1))
    axes.text(0, 1.03, plain(chart["unit"])[:16], color=MUTED, ha="right", transform=axes.transAxes)


def _daily(axes: Axes, chart: dict[str, Any], look: Look) -> None:
    measured = chart["series"][0]
    if not measured["x"]:
        return _nothing(axes)
    positions = np.arange(len(measured["x"]))
    actual = _numbers(measured["y"])
    expected = np.full(len(positions), np.nan)
    axes.bar(positions, np.nan_to_num(actual), width=0.62, color=BAR_FILL)
    for start, end in _missing_runs(actual):
        _no_data_band(axes, start - 0.31, end - 1 + 0.31)
    if len(chart["series"]) > 1:
        expected = _numbers(chart["series"][1]["y"])
        axes.hlines(
            expected,
            positions - 0.4,
            positions + 0.4,
            color=INK,
            linewidth=1.6,
            linestyle=(0, (3, 1.5)),
        )
    axes.set_xlim(-0.6, len(positions) - 0.4)
    _scale_from_zero(axes, chart, headroom=1.14)
    every = look.every(len(positions))
    for position in positions[::every]:
        if np.isfinite(actual[position]):
            _value_on_top(axes, position, actual[position], expected[position])
    axes.set_xticks(positions[::every])
    axes.set_xticklabels(look.day_names(measured["x"][::every]))
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


def _heat(axes: Axes, chart: dict[str, Any], look: Look) -> None:
    rows = chart["series"]
    known = value_range(chart)
    if not rows or known is None:
        return _nothing(axes)
    columns = sorted({float(x) for row in rows for x in row["x"]})
    grid = np.full((len(rows), len(columns)), np.nan)
    for index, row in enumerate(rows):
        for x, y in zip(row["x"], row["y"], strict=True):
            grid[index, columns.index(float(x))] = np.nan if y is None else y
    width, height = len(columns), len(rows)
    axes.add_patch(
        Rectangle(
            (0, 0),
            width,
            height,
            facecolor="#f1f3f5",
            edgecolor="#aab4be",
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
        edgecolor=PAPER,
        linewidth=1.0,
    )
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
