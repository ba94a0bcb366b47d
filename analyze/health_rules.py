"""Health rules: intervals that tell of the meter and not of the load.

Each rule compares a channel with its own past, so that a load that is often zero, or often steady,
is left alone; cut the series anywhere and what was said before the cut stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analyze.hourly_days import HOURS, HourGrid, rows_of
from analyze.spike_score import daily_highest, quantile_last
from lib.stats_utils import Floats, Mask

MeterFault = Literal["missing", "zero", "stuck", "low_scale", "over_range", "one_value"]
DAY_WITH_ZEROS = 0.05
# Of the days of the same kind: a load that is off every weekend is no fault.
RARE_DAYS = 0.4
STUCK_HOURS_HOURLY = 6.0
STUCK_HOURS_FINE = 3.0
STUCK_TIMES_USUAL = 1.5
USUAL_RUN_POINT = 0.8
# Every interval of so many hours below this share of the usual lowest; an interval so many times as
# high as the highest of ordinary days.
LOW_SCALE = 0.6
LOW_SCALE_HOURS = 24.0
OVER_RANGE = 4.0
ORDINARY_POINT = 0.1
MIN_HISTORY_DAYS = 14
ONE_VALUE_DAYS = 7


@dataclass(frozen=True)
class MeterFaults:
    """By rule the intervals from which on it is known to hold, each of shape (n,).

    `low_scale` is known after a day: looking back it began LOW_SCALE_HOURS before.
    """

    missing: Mask
    zero: Mask
    stuck: Mask
    low_scale: Mask
    over_range: Mask
    one_value: Mask

    @property
    def any(self) -> Mask:
        """Where something is wrong; a channel that only ever had one value is not."""
        return self.missing | self.zero | self.stuck | self.low_scale | self.over_range

    @property
    def hides_load(self) -> Mask:
        """Where the value says nothing about consumption, nor about spikes."""
        return self.missing | self.zero | self.stuck


def from_their_start(low_scale: Mask, interval_seconds: int) -> Mask:
    """Looking back, with the hours that passed before the scale was known to be wrong."""
    width = round(LOW_SCALE_HOURS * 3600 / interval_seconds)
    return np.asarray(_last_sum(low_scale[::-1], width)[::-1] > 0)


def meter_faults(power_kw: Floats, grid: HourGrid, interval_seconds: int) -> MeterFaults:
    """Find the intervals of one channel that its meter got wrong.

    Parameters
    ----------
    power_kw : shape (n,), mean power of each interval [kW]; NaN where unmeasured.
    grid : the calendar of the same n intervals.
    """
    day = grid.position // HOURS
    measured = np.isfinite(power_kw)
    seen = np.cumsum(measured) > 0
    varied = _varied(power_kw)
    run = _run_lengths(power_kw)
    hours = interval_seconds / 3600
    stuck = _stuck(run, power_kw, grid, day, hours) & varied
    low, over = _out_of_scale(np.where(stuck, np.nan, power_kw), grid, day, hours)
    enough = np.arange(len(power_kw)) * hours >= 24 * ONE_VALUE_DAYS
    return MeterFaults(
        missing=~measured & seen,
        zero=_rare_zeros(power_kw, grid, day) & varied,
        stuck=stuck,
        low_scale=low & varied,
        over_range=over,
        one_value=measured & ~varied & enough,
    )


def _varied(values: Floats) -> Mask:
    """True from the first interval on whose value differs from the first one measured."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros(len(values), dtype=bool)
    differs = np.isfinite(values) & (values != values[known[0]])
    return np.asarray(np.cumsum(differs) > 0)


def _run_lengths(values: Floats) -> NDArray[np.int64]:
    """How many intervals in a row have had this very value, itself included; 0 where NaN."""
    at = np.arange(len(values))
    changes = np.ones(len(values), dtype=bool)
    changes[1:] = values[1:] != values[:-1]
    since = at - np.maximum.accumulate(np.where(changes, at, 0)) + 1
    return np.where(np.isfinite(values), since, 0)


def _rare_zeros(power: Floats, grid: HourGrid, day: NDArray[np.int64]) -> Mask:
    zeros = np.bincount(day[power == 0], minlength=grid.days)
    counts = np.bincount(day[np.isfinite(power)], minlength=grid.days)
    share = np.divide(zeros, counts, out=np.full(grid.days, np.nan), where=counts > 0)
    past = rows_of(share, grid.past.same_kind)
    known = np.isfinite(past).sum(axis=1)
    # Days and not hours are counted, so that a long fault does not make zeros ordinary.
    with_zeros = (past > DAY_WITH_ZEROS).sum(axis=1)
    is_rare = (with_zeros <= RARE_DAYS * known) & (known > 0)
    return np.asarray((power == 0) & is_rare[day])


def _stuck(
    run: NDArray[np.int64], power: Floats, grid: HourGrid, day: NDArray[np.int64], hours: float
) -> Mask:
    longest = daily_highest(np.where(np.isfinite(power), run * hours, np.nan), day, grid.days)
    usual = quantile_last(rows_of(longest, grid.past.season), USUAL_RUN_POINT)
    least = STUCK_HOURS_HOURLY if hours >= 1 else STUCK_HOURS_FINE
    limit = np.fmax(STUCK_TIMES_USUAL * usual, least)
    return np.asarray((run * hours >= limit[day]) & (power != 0))


def _out_of_scale(
    power: Floats, grid: HourGrid, day: NDArray[np.int64], hours: float
) -> tuple[Mask, Mask]:
    """A day and longer below the usual base load; intervals far above everything before them."""
    known = np.isfinite(power)
    highest = daily_highest(power, day, grid.days)
    lowest = -daily_highest(-power, day, grid.days)
    history = np.isfinite(rows_of(highest, grid.past.season)).sum(axis=1) >= MIN_HISTORY_DAYS
    base = quantile_last(rows_of(lowest, grid.past.same_kind), 0.5)
    top = quantile_last(rows_of(highest, grid.past.season), 1 - ORDINARY_POINT)
    is_low = known & (history & (base > 0))[day] & (power < LOW_SCALE * base[day])
    width = round(LOW_SCALE_HOURS / hours)
    all_day = (_last_sum(known & ~is_low, width) == 0) & (_last_sum(known, width) >= width / 2)
    over = known & history[day] & (power > OVER_RANGE * top[day]) & (top[day] > 0)
    return np.asarray(is_low & all_day), np.asarray(over)


def _last_sum(mask: Mask, width: int) -> NDArray[np.int64]:
    """How many of the last `width` intervals are True, itself included."""
    total = np.concatenate([np.zeros(width, dtype=np.int64), np.cumsum(mask, dtype=np.int64)])
    return total[width:] - total[:-width]
