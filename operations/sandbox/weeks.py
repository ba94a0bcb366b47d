"""Local weeks cut into quarter hours, and the days on which offices are closed.

The federal holidays are computed here, because importing the `holidays` package would be a third
of the sandbox's start-up time; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from operations.sandbox.noise import Floats, Ints

QUARTER_SECONDS = 900
OPENS_HOUR, CLOSES_HOUR = 6, 19
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class Week:
    """One local Monday to Sunday: 668, 672 or 676 quarter hours, as arrays of shape (n,)."""

    monday: date
    timezone: str
    start: int  # unix seconds of local Monday 00:00
    end: int  # of the next one
    index: Ints  # number of the quarter hour since 1970 (UTC)
    hour: Floats  # local clock at the middle of the interval, 0..24
    weekday: Ints  # 0 = Monday
    day: Ints  # local days since 1970
    workday: npt.NDArray[np.bool_]
    is_open: npt.NDArray[np.bool_]

    def at(self, weekday: int, minute: int) -> int:
        """Unix seconds of a local clock time; `minute` counts from that day's 00:00."""
        days, minute = divmod(minute, 24 * 60)
        day = self.monday + timedelta(days=weekday + days)
        clock = time(minute // 60, minute % 60)
        return int(datetime.combine(day, clock, ZoneInfo(self.timezone)).timestamp())

    def slots(self, start: int, end: int) -> slice:
        """Where the intervals of [start, end) stand in the week's arrays."""
        first, last = np.searchsorted(self.index * QUARTER_SECONDS, [start, end])
        return slice(int(first), int(last))


def monday_of(timestamp: float, timezone: str) -> date:
    """The Monday of the local week that holds an instant."""
    day = datetime.fromtimestamp(timestamp, ZoneInfo(timezone)).date()
    return day - timedelta(days=day.weekday())


def mondays(start: float, end: float, timezone: str) -> list[date]:
    """The Mondays of all local weeks that touch [start, end)."""
    if end <= start:
        return []
    first, last = monday_of(start, timezone), monday_of(end - 1, timezone)
    return [first + timedelta(days=7 * n) for n in range((last - first).days // 7 + 1)]


def build_week(monday: date, timezone: str) -> Week:
    """The arrays of one local week."""
    zone = ZoneInfo(timezone)
    start = int(datetime.combine(monday, time(), zone).timestamp())
    end = int(datetime.combine(monday + timedelta(days=7), time(), zone).timestamp())
    index = np.arange(start // QUARTER_SECONDS, end // QUARTER_SECONDS, dtype=np.int64)
    local = index * QUARTER_SECONDS + _offsets(index, zone)
    day = local // 86400
    hour = (local % 86400 + QUARTER_SECONDS / 2) / 3600
    first = (monday - _EPOCH).days
    working = np.array([_is_workday(monday + timedelta(days=n)) for n in range(7)])
    workday = working[day - first]
    return Week(
        monday=monday,
        timezone=timezone,
        start=start,
        end=end,
        index=index,
        hour=hour,
        weekday=day - first,
        day=day,
        workday=workday,
        is_open=workday & (hour >= OPENS_HOUR) & (hour < CLOSES_HOUR),
    )


def _offsets(index: Ints, zone: ZoneInfo) -> Ints:
    """Seconds that the local clock is ahead of UTC, for each quarter hour."""

    def offset(quarter: int) -> int:
        instant = datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC).astimezone(zone)
        shift = instant.utcoffset()
        return int(shift.total_seconds()) if shift is not None else 0

    if offset(int(index[0])) == offset(int(index[-1])):
        return np.full(index.shape, offset(int(index[0])), dtype=np.int64)
    return np.array([offset(int(quarter)) for quarter in index], dtype=np.int64)


def _is_workday(day: date) -> bool:
    return day.weekday() < 5 and day not in federal_holidays(day.year)


@cache
def federal_holidays(year: int) -> frozenset[date]:
    """US federal holidays of a year with their substitutes on Friday or Monday (5 U.S.C. 6103)."""
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11)]
    fixed += [date(year, 12, 25), date(year + 1, 1, 1)]
    observed = {5: timedelta(days=-1), 6: timedelta(days=1)}
    days = {day + observed.get(day.weekday(), timedelta()) for day in fixed} | set(fixed)
    may_31 = date(year, 5, 31)
    days |= {
        _nth_weekday(year, 1, 0, 3),  # Martin Luther King
        _nth_weekday(year, 2, 0, 3),  # Washington
        may_31 - timedelta(days=may_31.weekday()),  # Memorial Day
        _nth_weekday(year, 9, 0, 1),  # Labor Day
        _nth_weekday(year, 10, 0, 2),  # Columbus
        _nth_weekday(year, 11, 3, 4),  # Thanksgiving
    }
    return frozenset(day for day in days if day.year == year)


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
