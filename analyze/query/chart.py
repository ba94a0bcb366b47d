"""A quick look at rows: bars in the terminal, or a PNG."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from analyze.query.output import shown
from lib.errors import UsageError
from lib.files import write_atomically

# More bars, points or lines than these nobody can tell apart.
MAX_BARS, MAX_POINTS, MAX_LINES = 400, 50_000, 10
# Longer bars nobody compares.
WIDEST = 190
_EIGHTHS = " ▏▎▍▌▋▊▉"


class Point(NamedTuple):
    """One row: where it stands in time (None = nowhere), its channel ("" = together), its value."""

    at: Any
    series: str
    value: float | None


class Picture(NamedTuple):
    """What a chart shows; `unit` names its axis.

    `is_amount`: a value's size is what counts, so that its axis has a 0.
    """

    title: str
    unit: str
    points: Sequence[Point]
    is_amount: bool = True


def terminal_bars(picture: Picture, width: int) -> str:
    """A bar for each row, to scale from zero; a dash where nothing was measured.

    Raises UsageError for more rows than anybody reads.
    """
    points = picture.points
    if len(points) > MAX_BARS:
        raise UsageError(f"--chart shows at most {MAX_BARS} rows, not {len(points)}: add --top or "
                         "a coarser --by, or use --png")  # fmt: skip
    labels = [" · ".join(part for part in (_text(one.at), one.series) if part) for one in points]
    values = [shown(one.value) for one in points]
    label_width = max(map(len, labels), default=0)
    value_width = max(map(len, values), default=0)
    room = max(min(width, WIDEST) - label_width - value_width - 3, 8)
    largest = max((abs(one.value) for one in points if one.value is not None), default=0.0)
    lines = [f"{picture.title} [{picture.unit}]"]
    for label, value, one in zip(labels, values, points, strict=True):
        bar = _bar(abs(one.value or 0.0), largest, room)
        # A bar tells a size only: a minus stands before it, too.
        sign = "-" if one.value is not None and one.value < 0 else " "
        lines.append(f"{label:<{label_width}} {value:>{value_width}} {sign}{bar}".rstrip())
    return "\n".join(lines) + "\n"


def write_png(picture: Picture, path: Path, timezone: str) -> list[str]:
    """Draw lines over time, or bars for channels; returns the channels left out.

    Raises UsageError where there are too many points.
    """
    # matplotlib takes a third of a second to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if len(picture.points) > MAX_POINTS:
        raise UsageError(f"--png draws at most {MAX_POINTS} points: use a coarser --by")
    figure = Figure(figsize=(11, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    names = list(dict.fromkeys(one.series for one in picture.points))
    over_time = any(one.at is not None for one in picture.points)
    if over_time:
        _draw_lines(axes, picture, names[:MAX_LINES], timezone)
    else:
        labels = [_literal(name) for name in names]
        axes.barh(labels, [_number(one.value) for one in picture.points])
        axes.invert_yaxis()
        axes.set_xlabel(picture.unit)
    left_out = names[MAX_LINES:] if over_time else []
    if left_out:
        text = f"{MAX_LINES} of {len(names)} lines are drawn; not drawn: {', '.join(left_out)}"
        figure.supxlabel(_literal(textwrap.shorten(text, 150, placeholder=" …")), fontsize="small")
    axes.set_title(_literal(picture.title), loc="left")
    axes.grid(alpha=0.3)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    write_atomically(path, image.getvalue())
    return left_out


def _draw_lines(axes: Any, picture: Picture, names: Sequence[str], timezone: str) -> None:
    """A line for each channel; a gap where nothing was measured."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    positions = _positions(picture.points)
    for name in names:
        mine = [one for one in picture.points if one.series == name]
        axes.plot(
            [positions.get(one.at, one.at) for one in mine],
            [_number(one.value) for one in mine],
            label=_literal(name),
            marker="." if len(mine) < 60 else None,
        )
    if positions:
        every = max(len(positions) // 14, 1)
        axes.set_xticks(list(positions.values())[::every], list(positions)[::every])
        axes.tick_params(axis="x", rotation=45)
    else:
        # Days have no zone: in the site's they would stand on the evening before.
        has_clock = isinstance(picture.points[0].at, datetime)
        locator = AutoDateLocator(tz=timezone if has_clock else "UTC")
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=locator.tz))
    measured = [one.value for one in picture.points if one.value is not None]
    if picture.is_amount and min(measured, default=0.0) >= 0:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(picture.unit)
    if list(names) != [""]:
        axes.legend(fontsize="small")


def _literal(text: str) -> str:
    """A name as it is: dollars would begin a formula."""
    return text.replace("$", r"\$")


def _bar(size: float, largest: float, room: int) -> str:
    eighths = round(8 * room * size / largest) if largest > 0 else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _text(at: Any) -> str:
    return "" if at is None else shown(at)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _positions(points: Sequence[Point]) -> dict[Any, int]:
    """Places on the axis for months and hours of the week; empty where times are dates."""
    if all(isinstance(one.at, date) for one in points):
        return {}
    return {at: place for place, at in enumerate(dict.fromkeys(one.at for one in points))}
