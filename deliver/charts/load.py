"""Load over time against the expected: of the site over the period, of a channel at an event."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from deliver.charts.drawing import (
    NO_DAYS,
    Chart,
    Days,
    Drawing,
    Look,
    draw,
    draw_once,
    no_data_band,
    nothing,
    numbers,
    plot,
    scale_from_zero,
    value_range,
)
from deliver.charts.style import (
    ABOVE,
    ABOVE_FILL,
    BELOW_FILL,
    DASHES,
    INK,
    MUTED,
    NARROW,
    RULE,
    SMALL,
    WIDE,
)
from lib.stats_utils import runs

# A plot of at most so many hours has hours below it.
MOST_HOURS_BY_CLOCK = 60.0


def load_chart(name: str, chart: Chart, closed_days: Days = NO_DAYS) -> Drawing:
    """Load against the expected: what lies above and below is shaded, a gap stays a gap.

    The first series is the measured one, the second (when there is one) the expected.
    """
    return draw(name, chart, paint_load, WIDE, NARROW, closed_days)


def finding_chart(name: str, chart: Chart, closed_days: Days = NO_DAYS) -> Drawing:
    """The same of one channel around an event; a bar under the plot marks the event's time."""
    return draw_once(name, chart, paint_finding, SMALL, closed_days)


def paint_load(figure: Figure, chart: Chart, look: Look) -> None:
    """Paint a load chart."""
    axes = plot(figure, look)
    times = _times(chart)
    if not times:
        return nothing(axes)
    _ticks(axes, times, _load(axes, chart, look), look)
    return None


def paint_finding(figure: Figure, chart: Chart, look: Look) -> None:
    """Paint a load chart with the marks of an event."""
    axes = plot(figure, look)
    times = _times(chart)
    if not times:
        return nothing(axes)
    step = _load(axes, chart, look)
    for mark in chart.get("marks", ()):
        start, end = (
            (datetime.fromisoformat(mark[edge]) - times[0]).total_seconds() / 3600
            for edge in ("start", "end")
        )
        # Below the axis' own line, so that no value is hidden.
        axes.plot([start, end], [-0.012, -0.012], color=ABOVE, linewidth=4, clip_on=False,
                  solid_capstyle="butt", transform=axes.get_xaxis_transform())  # fmt: skip
    axes.tick_params(axis="x", pad=6)
    _ticks(axes, times, step, look)
    return None


def _times(chart: Chart) -> list[datetime]:
    x = chart["series"][0]["x"] if chart["series"] else []
    return [datetime.fromisoformat(at) for at in x]


def _hours(times: list[datetime]) -> np.ndarray:
    """Elapsed hours, so that a day on which clocks change is 23 or 25 hours wide."""
    return np.array([(time - times[0]).total_seconds() / 3600 for time in times])


def _load(axes: Axes, chart: Chart, look: Look) -> float:
    """Draw measured and expected load; returns the length of an interval in hours."""
    hours = _hours(_times(chart))
    step = float(np.min(np.diff(hours))) if len(hours) > 1 else 0.25
    actual = numbers(chart["series"][0]["y"])
    for start, end in runs(np.isnan(actual)):
        no_data_band(axes, hours[start], hours[end - 1] + step)
    if len(chart["series"]) > 1:
        expected = numbers(chart["series"][1]["y"])
        shade(axes, hours, actual, expected)
        axes.plot(hours, expected, color=MUTED, linewidth=1.1, dashes=DASHES)
    axes.plot(hours, actual, color=INK, linewidth=1.0 if look.is_narrow else 1.3)
    axes.set_xlim(0, hours[-1] + step)
    scale_from_zero(axes, chart["unit"], value_range(chart))
    return step


def shade(axes: Axes, x: np.ndarray, actual: np.ndarray, expected: np.ndarray) -> None:
    """Fill between both where the measured lies above, and where it lies below the expected.

    What fill_between does with `interpolate`, in one shape a colour instead of one a stretch: ten
    times as fast.
    """
    apart = actual - expected
    with np.errstate(invalid="ignore"):
        before = np.flatnonzero(apart[:-1] * apart[1:] < 0)
    share = apart[before] / (apart[before] - apart[before + 1])
    x, actual, expected = (
        np.insert(line, before + 1, line[before] + share * (line[before + 1] - line[before]))
        for line in (x, actual, expected)
    )
    apart = np.insert(apart, before + 1, 0.0)
    for side, colour in ((1, ABOVE_FILL), (-1, BELOW_FILL)):
        areas = [_area(x[part], actual[part], expected[part]) for part in _stretches(apart, side)]
        if areas:
            path = Path.make_compound_path(*areas)
            # Not add_patch: it looks for the extremes of every segment, and the limits are known.
            axes.add_artist(PathPatch(path, facecolor=colour, linewidth=0))


def _stretches(apart: np.ndarray, side: int) -> list[slice]:
    """Where the lines are apart to one side, with the points at which they meet."""
    with np.errstate(invalid="ignore"):
        found = runs(side * apart > 0)
    last = len(apart) - 1
    return [
        slice(
            start - int(start > 0 and apart[start - 1] == 0),
            stop + int(stop <= last and apart[min(stop, last)] == 0),
        )
        for start, stop in found
    ]


def _area(x: np.ndarray, actual: np.ndarray, expected: np.ndarray) -> Path:
    there, back = np.column_stack((x, actual)), np.column_stack((x, expected))[::-1]
    return Path(np.concatenate((there, back, there[:1])), closed=True)


def _day_starts(times: list[datetime]) -> list[int]:
    return [
        index
        for index, time in enumerate(times)
        if index == 0 or time.date() != times[index - 1].date()
    ]


def _ticks(axes: Axes, times: list[datetime], step: float, look: Look) -> None:
    """Days below a long plot, hours below a short one."""
    if _hours(times)[-1] > MOST_HOURS_BY_CLOCK:
        _days(axes, times, step, look)
    else:
        _clock(axes, times, look)


def _days(axes: Axes, times: list[datetime], step: float, look: Look) -> None:
    """A thin line at each local midnight and the day's name in the middle of the day."""
    hours, starts = _hours(times), _day_starts(times)
    edges = [hours[index] for index in starts] + [hours[-1] + step]
    for edge in edges[1:-1]:
        axes.axvline(edge, color=RULE, linewidth=0.7, zorder=0)
    shown = range(0, len(starts), look.every(len(starts)))
    axes.set_xticks([(edges[day] + edges[day + 1]) / 2 for day in shown])
    axes.set_xticklabels(look.day_names([times[starts[day]].date().isoformat() for day in shown]))


def _clock(axes: Axes, times: list[datetime], look: Look) -> None:
    """Hours of the clock; midnight is a line and bears the name of the day that begins."""
    hours = _hours(times)
    every = 3 if hours[-1] <= 20 else 6 if hours[-1] <= 40 else 12
    midnights = set(_day_starts(times)[1:])
    ticks = [
        index
        for index, time in enumerate(times)
        # Not at the very start, where the lowest value of the other axis stands.
        if index in midnights or (index and time.hour % every == 0 and time.minute == 0)
    ]
    for index in midnights:
        axes.axvline(hours[index], color=RULE, linewidth=0.9, zorder=0)
    names = [
        look.day_names([times[index].date().isoformat()])[0]
        if index in midnights
        else f"{times[index]:%H:%M}"
        for index in ticks
    ]
    axes.set_xticks([hours[index] for index in ticks])
    axes.set_xticklabels(names)
