"""A channel as a matrix of local day x clock hour, and the earlier days each day is compared with.

Every detector of consumption works on this matrix: local days keep their hours when the clocks
change (the hour that spring skips is NaN, the two passes of the hour that autumn repeats are one
mean), and whole columns can be treated at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analyze.calendar_days import SUNDAY, Calendar
from lib.stats_utils import Floats, Mask

HOURS = 24
SAME_WEEKDAY_DAYS = 6
NEWEST_DAYS = 8
SPREAD_DAYS = 20
SEASON_DAYS = 42
# Of an hour's intervals so many must be measured for its mean to stand for it.
MIN_MEASURED = 0.5
NO_DAY = -1

Days = NDArray[np.int64]


@dataclass(frozen=True)
class HourlyDays:
    """Mean power by local day and clock hour.

    `power_kw`, `is_open` : shape (days, 24); NaN where less than half of the hour was measured, an
    hour is open when any part of it is. `position` : shape (n,), the flat place in the matrix of
    each interval it was made from. `past` : which earlier days each day is compared with.
    """

    power_kw: Floats
    is_open: Mask
    position: NDArray[np.int64]
    past: PastDays

    def of_intervals(self, hourly: Floats) -> Floats:
        """A matrix's value for every interval."""
        return np.asarray(hourly.ravel()[self.position])


@dataclass(frozen=True)
class PastDays:
    """For each day the rows of earlier days; `NO_DAY` where there is none.

    `same_weekday` : the last 6 of its weekday; `newest` and `same_kind` : the last 8 and 20 of its
    kind (days off are weekends, holidays and Christmas to New Year); `season` : the last 42.
    """

    same_weekday: Days
    newest: Days
    same_kind: Days
    season: Days
    is_off: Mask


@dataclass(frozen=True)
class HourGrid:
    """Where each interval of a calendar falls; the same for every channel on that calendar."""

    position: NDArray[np.int64]
    days: int
    is_open: Mask
    past: PastDays

    @cached_property
    def possible(self) -> Days:
        """How many intervals each cell of the flat matrix has."""
        return np.bincount(self.position, minlength=self.days * HOURS)

    def fill(self, power_kw: Floats) -> HourlyDays:
        """Put a channel's mean power [kW], shape (n,), NaN where unmeasured, on the grid."""
        cells = self.days * HOURS
        measured = np.isfinite(power_kw)
        at = self.position[measured]
        counts = np.bincount(at, minlength=cells)
        sums = np.bincount(at, weights=power_kw[measured], minlength=cells)
        enough = counts >= np.maximum(MIN_MEASURED * self.possible, 1)
        hourly = np.divide(sums, counts, out=np.full(cells, np.nan), where=enough)
        return HourlyDays(hourly.reshape(-1, HOURS), self.is_open, self.position, self.past)


def hour_grid(calendar: Calendar, learn_before: int | None = None) -> HourGrid:
    """Lay out the local days of a calendar.

    Parameters
    ----------
    calendar : of n intervals of an hour or less, in order.
    learn_before : local day (days since 1970) from which on no day is learned from; None lets
        every day learn from all days before it.
    """
    first = int(calendar.day[0])
    days = int(calendar.day[-1]) - first + 1
    row = calendar.day - first
    hour = np.minimum(calendar.slot * calendar.interval_seconds // 3600, HOURS - 1)
    position = row * HOURS + hour
    is_open = np.zeros(days * HOURS, dtype=bool)
    is_open[position[calendar.is_open]] = True
    weekday = (first + 3 + np.arange(days)) % 7
    weekday[row] = np.where(calendar.is_quiet, SUNDAY, calendar.weekday)
    end = days if learn_before is None else learn_before - first
    return HourGrid(position, days, is_open.reshape(-1, HOURS), past_days(weekday, end))


def past_days(weekday: Days, end: int) -> PastDays:
    """Which rows each day may learn from: always earlier ones, and before row `end`."""
    is_off = weekday >= SUNDAY - 1
    everything = np.zeros(len(weekday), dtype=np.int64)
    return PastDays(
        same_weekday=_last_of_class(weekday, SAME_WEEKDAY_DAYS, end),
        newest=_last_of_class(is_off.astype(np.int64), NEWEST_DAYS, end),
        same_kind=_last_of_class(is_off.astype(np.int64), SPREAD_DAYS, end),
        season=_last_of_class(everything, SEASON_DAYS, end),
        is_off=is_off,
    )


def _last_of_class(group: Days, count: int, end: int) -> Days:
    """For each day the last `count` earlier days of its group; shape (days, count)."""
    rows = np.full((len(group), count), NO_DAY, dtype=np.int64)
    for value in np.unique(group):
        members = np.flatnonzero(group == value)
        padded = np.concatenate([np.full(count, NO_DAY), members])
        known = np.searchsorted(members, np.minimum(members, end))
        rows[members] = sliding_window_view(padded, count)[known]
    return rows


def rows_of(matrix: Floats, rows: Days) -> Floats:
    """`matrix[rows]` with NaN where there is no such day; shape rows.shape + matrix.shape[1:]."""
    padded = np.concatenate([matrix, np.full((1, *matrix.shape[1:]), np.nan)])
    return np.asarray(padded[rows])


def rows_between(values: Floats, start: Days, stop: Days) -> Floats:
    """`values[start:stop]` of each pair as a row, the rest of it NaN; shape (pairs, longest).

    >>> rows_between(np.array([5.0, 6.0, 7.0]), np.array([0, 2]), np.array([2, 3])).tolist()
    [[5.0, 6.0], [7.0, nan]]
    """
    at = start[:, None] + np.arange(int((stop - start).max(initial=1)))
    return np.where(at < stop[:, None], values[np.minimum(at, len(values) - 1)], np.nan)
