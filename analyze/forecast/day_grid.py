"""A load as days by slots of the local clock, the form in which days can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analyze.calendar_days import SUNDAY, site_calendar
from config.sites import SiteConfig
from lib.closed_days import closed_days
from lib.stats_utils import Floats, Mask

# Which of the two levels of a building a day of the week has, as far as can be said beforehand.
SATURDAY = 5


@dataclass(frozen=True)
class DayGrid:
    """Mean power of each slot of each local day.

    power_kw : shape (days, slots), NaN where unmeasured; the hour that autumn repeats is a mean,
        the one that spring skips is NaN.
    day_type : shape (days,), 0 = Monday .. 6 = Sunday, public holidays and closed days as 6.
    first_day : the first row's day, counted from 1970-01-01.
    """

    power_kw: Floats
    day_type: NDArray[np.int64]
    first_day: int

    @property
    def is_workday(self) -> Mask:
        """True for Monday to Friday that are no holidays, shape (days,)."""
        return self.day_type < SATURDAY

    def upto(self, day: int) -> DayGrid:
        """The same days, of which those from row `day` on are not known."""
        power_kw = self.power_kw.copy()
        power_kw[day:] = np.nan
        return DayGrid(power_kw, self.day_type, self.first_day)


def day_grid(power_kw: pd.Series, interval_seconds: int, site: SiteConfig) -> DayGrid:
    """Lay a load out by local day and slot.

    Parameters
    ----------
    power_kw : mean power of each interval [kW], on a regular index in the site's own zone.
    interval_seconds : length of an interval [s].
    site : whose holidays and closed days are taken for Sundays.
    """
    index = pd.DatetimeIndex(power_kw.index)
    calendar = site_calendar(index, interval_seconds, site)
    first, count = int(calendar.day[0]), int(calendar.day[-1] - calendar.day[0]) + 1
    slots = calendar.slots_per_day
    cell = (calendar.day - first) * slots + calendar.slot
    values = power_kw.to_numpy(dtype=float)
    known = np.isfinite(values)
    sums = np.bincount(cell[known], weights=values[known], minlength=count * slots)
    counts = np.bincount(cell[known], minlength=count * slots)
    means = np.full(count * slots, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return DayGrid(means.reshape(count, slots), _day_types(first, count, site), first)


def cells(grid: DayGrid, index: pd.DatetimeIndex, interval_seconds: int) -> NDArray[np.int64]:
    """Where each interval lies in the grid laid flat."""
    calendar = site_calendar(index, interval_seconds, SiteConfig(site_id=""))
    return np.asarray((calendar.day - grid.first_day) * calendar.slots_per_day + calendar.slot)


def _day_types(first: int, count: int, site: SiteConfig) -> NDArray[np.int64]:
    days = (first + np.arange(count)).astype("datetime64[D]")
    types = (first + np.arange(count) + 3) % 7  # 1970-01-01 was a Thursday
    years = range(days[0].astype(object).year, days[-1].astype(object).year + 1)
    free = np.array(sorted(closed_days(years, site)), dtype="datetime64[D]")
    types[np.isin(days, free)] = SUNDAY
    return types
