"""From the numbers of one chart to SVG whose text stays text: what all kinds of charts share.

A chart is {title, unit, series} of the report's JSON. The same chart gives the same bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from deliver.charts.style import (
    BOTTOM_MARGIN,
    MAX_SPELLED_DAYS,
    MUTED,
    NARROW_MARGIN,
    NO_DATA_FILL,
    NO_DATA_LINE,
    RIGHT_MARGIN,
    STYLE,
    TOP_MARGIN,
    UNIT_LIFT,
    WIDE_MARGIN,
    Size,
)
from deliver.forms.formats import day_label, number, plain
from deliver.forms.inline_svg import inline_svg

Chart = dict[str, Any]
Days = frozenset[str]
NO_DAYS: Days = frozenset()


class Drawing(NamedTuple):
    """One chart as SVG elements, safe to put into a page.

    `wide` is for screens and paper, `narrow` for phones; None where the one drawing serves both.
    """

    wide: str
    narrow: str | None


class Look(NamedTuple):
    """For what a chart is drawn: a narrow screen or not, and which days (ISO) are closed ones."""

    is_narrow: bool = False
    closed_days: Days = NO_DAYS
    left: float = WIDE_MARGIN

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


Painter = Callable[[Figure, Chart, Look], None]


def draw(
    name: str,
    chart: Chart,
    paint: Painter,
    wide: Size,
    narrow: Size,
    closed_days: Days = NO_DAYS,
    left: float = WIDE_MARGIN,
) -> Drawing:
    """Draw a chart twice: for screens and paper, and for phones."""
    looks = Look(False, closed_days, left), Look(True, closed_days, NARROW_MARGIN)
    return Drawing(
        wide=svg(f"{name}-wide", chart, paint, wide, looks[0]),
        narrow=svg(f"{name}-narrow", chart, paint, narrow, looks[1]),
    )


def draw_once(
    name: str, chart: Chart, paint: Painter, size: Size, closed_days: Days = NO_DAYS
) -> Drawing:
    """Draw a small chart once, for all widths."""
    look = Look(True, closed_days, NARROW_MARGIN)
    return Drawing(svg(name, chart, paint, size, look), None)


def svg(element_id: str, chart: Chart, paint: Painter, size: Size, look: Look) -> str:
    """The chart as an <svg> element whose ids begin with `element_id`."""
    content = rendered(chart, paint, size, look, "svg", salt=element_id)
    return inline_svg(content, element_id, plain(chart["title"]), description(chart))


def rendered(
    chart: Chart,
    paint: Painter,
    size: Size,
    look: Look,
    file_format: str,
    *,
    dpi: float = 72,
    salt: str = "",
) -> bytes:
    """The chart as a file of a format that matplotlib writes (svg, png)."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A name in another script has no glyph in DejaVu; the browser brings its own font.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", append=False)
        # A user's own matplotlibrc must not change the report.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**STYLE, "svg.hashsalt": salt})
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, facecolor="none")
        FigureCanvasSVG(figure)
        paint(figure, chart, look)
        buffer = io.BytesIO()
        metadata = {"Date": None} if file_format == "svg" else None
        figure.savefig(buffer, format=file_format, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def plot(figure: Figure, look: Look) -> Axes:
    """The one plot of a figure, with margins in points that hold every label."""
    width, height = (72 * inches for inches in figure.get_size_inches())
    return box(figure, look.left, BOTTOM_MARGIN, width - look.left - RIGHT_MARGIN,
               height - BOTTOM_MARGIN - TOP_MARGIN)  # fmt: skip


def box(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """A plot at a place in points from the lower left corner."""
    across, up = (72 * inches for inches in figure.get_size_inches())
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    axes.set_facecolor("none")
    return axes


def description(chart: Chart) -> str:
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


def value_range(chart: Chart) -> tuple[float, float] | None:
    """Lowest and highest value of all series, or None where every value is missing."""
    values = [y for series in chart["series"] for y in series["y"] if y is not None]
    return (min(values), max(values)) if values else None


def numbers(values: list[float | None]) -> np.ndarray:
    """The values of a series; NaN where one is missing."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def no_data_band(axes: Axes, start: float, end: float) -> None:
    """Hatch a gap from `start` to `end` of the x axis."""
    axes.axvspan(
        start, end, facecolor=NO_DATA_FILL, edgecolor=NO_DATA_LINE, hatch="////", linewidth=0
    )


def nothing(axes: Axes) -> None:
    """The whole chart is one gap."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    no_data_band(axes, 0, 1)
    _say_no_data(axes)


def scale_from_zero(
    axes: Axes, unit: str, known: tuple[float, float] | None, headroom: float = 1.08
) -> None:
    """Start at zero, so that heights can be compared, unless power flows back."""
    if known is None:
        axes.set_yticks([])
        _say_no_data(axes)
        return
    top = known[1] if known[1] > 0 else 1.0
    axes.set_ylim(min(0.0, known[0] * headroom), top * headroom)
    locator = matplotlib.ticker.MaxNLocator(5, min_n_ticks=3)
    axes.yaxis.set_major_locator(locator)
    ticks = np.abs(locator.tick_values(*axes.get_ylim()))
    # So many that no tick is rounded.
    digits = next((few for few in range(4) if np.allclose(ticks, ticks.round(few), rtol=1e-6)), 4)
    axes.yaxis.set_major_formatter(lambda value, _: number(value, digits))
    above_plot(axes, 0, plain(unit)[:16])


def above_plot(axes: Axes, x: float, text: str) -> None:
    """Write a muted text above the plot, clear of its highest tick; `x` is 0 left to 1 right."""
    axes.annotate(
        text,
        (x, 1),
        (0, UNIT_LIFT),
        xycoords="axes fraction",
        textcoords="offset points",
        color=MUTED,
        ha="right",
    )


def _say_no_data(axes: Axes) -> None:
    axes.text(0.5, 0.5, "No data", ha="center", va="center", transform=axes.transAxes)
