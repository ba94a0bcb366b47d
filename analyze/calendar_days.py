"""The site's own calendar for every interval of an index: weekday, time of day, open or closed.

Everything follows the local clock: on a 23-hour day four slots are missing, on a 25-hour day four
come twice. Public holidays and configured closed days count as closed, and as Sundays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.sites import WEEKDAYS, OpeningHours, SiteConfig, Weekday
from lib.closed_days import closed_days

DAY_SECONDS = 86_400
SUNDAY = 6
# 1970-01-01 was a Thursday.
EPOCH_WEEKDAY = 3
# 24 to 31 December.
QUIET_DAYS_OF_YEAR_END = 8


@dataclass(frozen=True)
class Calendar:
    """The local calendar of n intervals; every array has length n.

    `day` counts local days since 1970-01-01, `weekday` is 0 = Monday .. 6 = Sunday with holidays
    as 6, `slot` numbers the intervals of a local day by the clock (0 .. slots_per_day - 1).
    """

    day: NDArray[np.int64]
    weekday: NDArray[np.int64]
    slot: NDArray[np.int64]
    slots_per_day: int
    is_open: NDArray[np.bool_]
    interval_seconds: int

    @cached_property
    def is_repeated(self) -> NDArray[np.bool_]:
        """True for both passes of the hour that autumn repeats."""
        key = self.day * self.slots_per_day + self.slot
        _, position, counts = np.unique(key, return_inverse=True, return_counts=True)
        return np.asarray(counts[position] > 1)

    @cached_property
    def is_quiet(self) -> NDArray[np.bool_]:
        """True from Christmas Eve to New Year's Day, when many buildings are half empty."""
        days = self.day.astype("datetime64[D]")
        day_of_year = (days - days.astype("datetime64[Y]")).astype(int)
        days_left = (days.astype("datetime64[Y]") + np.timedelta64(1, "Y") - days).astype(int)
        return np.asarray((day_of_year == 0) | (days_left <= QUIET_DAYS_OF_YEAR_END))

    @property
    def hours(self) -> float:
        """Length of one interval [h]."""
        return self.interval_seconds / 3600

    def intervals(self, hours: float) -> int:
        """How many intervals make up so many hours, at least one."""
        return max(math.ceil(hours * 3600 / self.interval_seconds), 1)


def site_calendar(index: pd.DatetimeIndex, interval_seconds: int, site: SiteConfig) -> Calendar:
    """Look up the local calendar of each interval that starts at `index`.

    Parameters
    ----------
    index : DatetimeIndex, shape (n,), in the site's own zone; start of each interval.
    interval_seconds : length of an interval [s].
    site : opening hours, holidays and closed days.

    Raises ValueError when the index has no time zone, SettingsError for an unknown holiday country.
    """
    if index.tz is None:
        raise ValueError("the index needs a time zone")
    clock = index.tz_localize(None).as_unit("s").asi8
    day, second = np.divmod(clock, DAY_SECONDS)
    weekday = (day + EPOCH_WEEKDAY) % 7
    is_day_off = np.isin(day, _ordinals(closed_days(_years(day), site)))
    open_by_hours = _is_open(weekday, second, interval_seconds, site.opening_hours)
    weekday[is_day_off] = SUNDAY
    return Calendar(
        day=day,
        weekday=weekday,
        slot=second // interval_seconds,
        slots_per_day=math.ceil(DAY_SECONDS / interval_seconds),
        is_open=open_by_hours & ~is_day_off,
        interval_seconds=interval_seconds,
    )


def _is_open(
    weekday: NDArray[np.int64],
    second: NDArray[np.int64],
    interval_seconds: int,
    hours: Mapping[Weekday, OpeningHours],
) -> NDArray[np.bool_]:
    """True where any part of the interval lies in opening hours: only wholly closed is closed."""
    is_open = np.zeros(len(weekday), dtype=bool)
    for name, open_hours in hours.items():
        opens, closes = _seconds(open_hours.opens), _seconds(open_hours.closes)
        is_that_day = weekday == WEEKDAYS.index(name)
        is_open |= is_that_day & (second < closes) & (second + interval_seconds > opens)
    return is_open


def _seconds(clock: time) -> float:
    """Seconds since midnight."""
    return clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6


def _years(day: NDArray[np.int64]) -> tuple[int, ...]:
    if not len(day):
        return ()
    ends = [np.datetime64(int(number), "D").astype(object).year for number in (day[0], day[-1])]
    return tuple(range(ends[0], ends[1] + 1))


def _ordinals(days: Iterable[date]) -> NDArray[np.int64]:
    return np.array([(day - date(1970, 1, 1)).days for day in sorted(days)], dtype=np.int64)
