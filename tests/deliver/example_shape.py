"""The rest of the hand-written week: the shape of its load, its stories, charts of its findings."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from analyze.findings import Chart, DayType, FollowUps, LoadNumbers, LoadShape, Series, Span
from analyze.follow_up import FollowUp

HOURS = tuple(float(hour) for hour in range(24))
# The power [kW] at an instant; None where unmeasured.
Power = Callable[[datetime], float | None]


def load_shape() -> LoadShape:
    """A site of 21 to 88 kW whose Saturday used a third more than expected."""

    def day(level_kw: float, height_kw: float) -> tuple[float, ...]:
        return tuple(level_kw + height_kw * math.exp(-(((h - 12.5) / 4.6) ** 4)) for h in HOURS)

    return LoadShape(
        period=LoadNumbers(38.0, 21.3, 81.4, 0.26, 56.1, 0.43, 88.412),
        usual=LoadNumbers(35.8, 20.9, 70.2, 0.3, 58.4, 0.47, 75.0),
        usual_weeks=6,
        day_types=(
            DayType("workday", 4, 1011.4, 984.2, 21.2, 82.0, 11.5, day(22, 49), day(21, 47), 2.8),
            DayType("saturday", 1, 744.0, 546.1, 22.0, 38.1, 9.3, day(30, 7), day(21, 6), 36.2),
            DayType("sunday", 1, 541.9, 546.1, 20.8, 28.0, 9.0, day(21, 6), day(21, 6), -0.8),
            DayType("holiday", 1, 600.3, None, 20.9, 61.0, 10.1, day(21, 38), None, None),
        ),
        duration_kw=tuple(88.4 - 67.4 * (share / 100) ** 0.4 for share in range(101)),
        usual_duration_kw=tuple(75.0 - 54.1 * (share / 100) ** 0.4 for share in range(101)),
    )


def shape_charts() -> dict[str, Chart]:
    """The charts of that shape."""
    series = []
    for kind in load_shape().day_types:
        series.append(Series(kind.day_type, HOURS, kind.mean_kw))
        if kind.expected_kw is not None:
            series.append(Series(f"{kind.day_type}, expected", HOURS, kind.expected_kw))
    shares = tuple(float(share) for share in range(101))
    shape = load_shape()
    assert shape.usual_duration_kw is not None
    return {
        "day_profiles": Chart("Saturday used 36 % more than expected", "kW", tuple(series)),
        "load_duration": Chart(
            "21 kW ran day and night; half of the time it was 37 kW or more",
            "kW",
            (
                Series("actual", shares, shape.duration_kw),
                Series("usual", shares, shape.usual_duration_kw),
            ),
        ),
    }


def finding_chart(
    title: str, channel_id: int, span: Span, actual: Power, expected: Power, minutes: int = 30
) -> Chart:
    """The load of a channel from 8 hours before to 8 hours after a span."""
    start, margin = span[0].replace(minute=0), timedelta(hours=8)
    count = int((span[1] - start + 2 * margin).total_seconds() // (60 * minutes))
    times = [start - margin + timedelta(minutes=minutes * step) for step in range(count)]
    x = tuple(instant.isoformat() for instant in times)
    series = (
        Series("actual", x, tuple(actual(instant) for instant in times)),
        Series("expected", x, tuple(expected(instant) for instant in times)),
    )
    return Chart(title, "kW", series, channel_id, (span,))


def follow_ups() -> FollowUps:
    """A new waste, and one that ended."""
    return FollowUps(
        (
            FollowUp(162120, "RTU #1 Lobby", "new", (0.0, 0.0, 0.0, 172.4), 1, 4),
            FollowUp(162122, "RTU #3 Offices", "fixed", (94.6, 88.0, 0.0, 0.0), 2, 4, 182.6, 21.91),
        ),
        182.6,
        21.91,
    )
