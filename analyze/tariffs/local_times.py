"""When a part of a tariff holds: seasons, weekdays, holidays and hours on the site's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.sites import WEEKDAYS, SiteConfig
from config.tariffs import MonthDay, TariffPeriod, When
from lib.closed_days import closed_days
from lib.stats_utils import Mask

HOLIDAY = len(WEEKDAYS)
# 1970-01-01 was a Thursday.
EPOCH_WEEKDAY = 3
_DAY_NUMBERS = {name: number for number, name in enumerate((*WEEKDAYS, "holiday"))}

Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class LocalTimes:
    """What a clock and a calendar on the wall say at n instants; every array has length n.

    `day` is the local day, `second` that of the day by the clock: on the day on which clocks go
    back an hour's seconds come twice, on the other they are missing.
    """

    day: Days
    second: NDArray[np.int64]


def local_times(index: pd.DatetimeIndex) -> LocalTimes:
    """Local day and time of an index in the site's own zone.

    Raises ValueError when it has none.
    """
    if index.tz is None:
        raise ValueError("the index needs a time zone")
    clock = index.tz_localize(None).to_numpy().astype("datetime64[s]")
    day = clock.astype("datetime64[D]")
    return LocalTimes(day, (clock - day).astype(np.int64))


def day_numbers(days: Days, tariff: TariffPeriod) -> NDArray[np.int64]:
    """0 = Monday .. 6 = Sunday, 7 = a holiday of the tariff."""
    numbers = (days.astype(np.int64) + EPOCH_WEEKDAY) % 7
    if len(days):
        years = range(days.min().astype(object).year, days.max().astype(object).year + 1)
        # Its holidays are asked for as a site's are: there is one place that knows them.
        calendar = SiteConfig(
            site_id="", holidays=tariff.holidays, closed_days=tariff.holiday_dates
        )
        free = np.array(sorted(closed_days(years, calendar)), dtype="datetime64[D]")
        numbers[np.isin(days, free)] = HOLIDAY
    return numbers


def holds(when: When, times: LocalTimes, numbers: NDArray[np.int64]) -> Mask:
    """True at the instants of which `when` speaks.

    Parameters
    ----------
    times : local day and time, each of length n.
    numbers : the day numbers of `day_numbers` at the same instants.
    """
    mask = in_season(when.season, times.day)
    if when.days is not None:
        mask &= np.isin(numbers, [_DAY_NUMBERS[name] for name in when.days])
    if when.hours is not None:
        begins, ends = (_second(clock) for clock in when.hours)
        after, before = times.second >= begins, times.second < ends
        mask &= (after & before) if begins < ends else (after | before)
    return mask


def in_season(season: tuple[MonthDay, MonthDay] | None, days: Days) -> Mask:
    """True on the days from the first to the last of a season, both inclusive."""
    if season is None:
        return np.ones(len(days), dtype=bool)
    month = days.astype("datetime64[M]")
    of_year = (month.astype(np.int64) % 12 + 1) * 100 + (days - month).astype(np.int64) + 1
    first, last = (100 * month + day for month, day in season)
    after, before = of_year >= first, of_year <= last
    return np.asarray((after & before) if first <= last else (after | before))


def tariff_numbers(days: Days, tariff: Sequence[TariffPeriod]) -> NDArray[np.int64]:
    """Which of the periods holds on each day; -1 before the first."""
    starts = np.array([period.valid_from for period in tariff], dtype="datetime64[D]")
    return np.asarray(np.searchsorted(starts, days, side="right")) - 1


@dataclass(frozen=True)
class BillingMonth:
    """The days [first_day, end_day) of a billing month."""

    first_day: date
    end_day: date

    @property
    def length(self) -> int:
        """Its days."""
        return (self.end_day - self.first_day).days


def billing_month(day: date, billing_day: int) -> BillingMonth:
    """The billing month of a day; it begins on the `billing_day` of a calendar month (1..28).

    >>> billing_month(date(2026, 1, 10), 15).first_day
    datetime.date(2025, 12, 15)
    """
    first = day.replace(day=billing_day)
    if day.day < billing_day:
        first = _month_later(first, -1)
    return BillingMonth(first, _month_later(first, 1))


def months_before(month: BillingMonth, count: int) -> BillingMonth:
    """The billing month so many before another."""
    first = _month_later(month.first_day, -count)
    return BillingMonth(first, _month_later(first, 1))


def _month_later(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return day.replace(year=number // 12, month=number % 12 + 1)


def _second(clock: time) -> int:
    """Seconds since midnight."""
    return clock.hour * 3600 + clock.minute * 60 + clock.second
