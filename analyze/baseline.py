"""Expected power: what a channel normally draws at each interval of the local week.

Learned from the weeks before the period only. Robust in two passes, so that a fault in the
history is neither expected later nor taken for ordinary noise.

References
----------
Time-of-week mean load: P. N. Price, "Methods for Analyzing Electric Load Shape and its
Variability", Lawrence Berkeley National Laboratory, 2010. Outlier rejection about a median:
P. J. Huber, "Robust Statistics", 1981 (skipped mean). The constants are this project's choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar
from lib.stats_utils import (
    Floats,
    Mask,
    mean_without_outliers,
    median_of_few,
    nan_quantile,
    robust_sigma,
    rolling_mean,
)

WEEKDAYS = 7
IS_DAY_OFF = np.arange(WEEKDAYS) >= 5
METHOD = (
    "robust mean of the same local time of week, neighbouring intervals pooled, public holidays as "
    "Sundays"
)
CLIP_SCALES = 5.0
KEEP_SCALES = 4.0
SCALE_FLOOR_OF_LEVEL = 0.02
# For channels that were always off.
LEAST_SCALE_KW = 1e-6
# A slot of the week is believed from this many values on (two days with their neighbours); below,
# the same slot on all days of its kind stands in.
MIN_VALUES = 4
# A week counts as history when this share of it was measured.
MIN_WEEK_SHARE = 0.5


@dataclass(frozen=True)
class Expected:
    """Expected power of a channel and its usual deviation, for every interval of an index.

    `expected_kw` and `scale_kw` (one standard deviation) are NaN where the history says nothing.
    `level_kw` is the channel's mean size, `weeks` how many weeks of history were measured.
    """

    expected_kw: Floats
    scale_kw: Floats
    level_kw: float
    weeks: int


def expected_power(
    power_kw: pd.Series,
    calendar: Calendar,
    is_history: Mask,
    weather_kw: Floats | None = None,
) -> Expected:
    """Learn a channel's week from its history and say what to expect at every interval.

    Parameters
    ----------
    power_kw : Series of float, shape (n,)
        Mean power of each interval [kW]; regular index; NaN where unmeasured.
    calendar : Calendar of the same n intervals.
    is_history : bool array, shape (n,)
        True where the values may be learned from: whole local days before the period.
    weather_kw : shape (n,), what the outdoor temperature of each interval adds to what is usual
        [kW], where it is known: the week is learned without it, and expected with it.

    Returns
    -------
    Expected
        For all n intervals; NaN where neither the slot of the week nor that slot on days of the
        same kind was measured.
    """
    values = power_kw.to_numpy(dtype=float)
    if weather_kw is not None:
        values = values - weather_kw
    day_rows, first_day = _day_matrix(values, calendar, is_history)
    kinds = _kind_of_days(calendar, is_history, first_day, len(day_rows))
    centre = _week_centre(day_rows, kinds)
    scale = _week_scale(day_rows - centre[kinds], kinds, calendar)
    clipped = np.clip(
        day_rows,
        centre[kinds] - CLIP_SCALES * scale[kinds],
        centre[kinds] + CLIP_SCALES * scale[kinds],
    )
    centre = _week_centre(clipped, kinds)
    residuals = clipped - centre[kinds]
    scale = _week_scale(residuals, kinds, calendar)
    level_kw = _mean_size(centre)
    scale = np.maximum(scale, _scale_floor(scale, level_kw))
    week = _week_mean(day_rows, kinds, centre, KEEP_SCALES * scale)
    expected_kw = week[calendar.weekday, calendar.slot]
    return Expected(
        expected_kw=expected_kw if weather_kw is None else _in_weather(expected_kw, weather_kw),
        scale_kw=scale[calendar.weekday, calendar.slot],
        level_kw=level_kw,
        weeks=weeks_measured(values, calendar, is_history),
    )


def _in_weather(usual_kw: Floats, weather_kw: Floats) -> Floats:
    """With what the weather adds; less than nothing is drawn only where that is usual."""
    total = usual_kw + weather_kw
    return np.where(usual_kw >= 0, np.maximum(total, 0.0), total)


def weeks_measured(values: Floats, calendar: Calendar, is_history: Mask) -> int:
    """How many 7-day blocks before the period were measured for at least half of their time."""
    if not is_history.any():
        return 0
    last_day = calendar.day[is_history].max()
    week = (last_day - calendar.day[is_history]) // WEEKDAYS
    measured = np.bincount(week, weights=np.isfinite(values[is_history]))
    possible = WEEKDAYS * calendar.slots_per_day
    return int((measured >= MIN_WEEK_SHARE * possible).sum())


def slot_sigma(residuals: Floats, calendar: Calendar, is_history: Mask) -> Floats:
    """Usual size of `residuals` at each interval's time of day and kind of day, from history.

    Both shape (n,), in the unit of `residuals`; NaN where the history says nothing.
    """
    day_rows, first_day = _day_matrix(residuals, calendar, is_history)
    kinds = _kind_of_days(calendar, is_history, first_day, len(day_rows))
    return _week_scale(day_rows, kinds, calendar)[calendar.weekday, calendar.slot]


def _day_matrix(values: Floats, calendar: Calendar, is_history: Mask) -> tuple[Floats, int]:
    """History as (days, slots of the local day); the hour that autumn repeats is averaged."""
    if not is_history.any():
        return np.full((1, calendar.slots_per_day), np.nan), 0
    first_day = int(calendar.day[is_history].min())
    days = int(calendar.day[is_history].max()) - first_day + 1
    usable = is_history & np.isfinite(values)
    cell = (calendar.day[usable] - first_day) * calendar.slots_per_day + calendar.slot[usable]
    cells = days * calendar.slots_per_day
    sums = np.bincount(cell, weights=values[usable], minlength=cells)
    counts = np.bincount(cell, minlength=cells)
    means = np.divide(sums, counts, out=np.full(cells, np.nan), where=counts > 0)
    return means.reshape(days, calendar.slots_per_day), first_day


def _kind_of_days(calendar: Calendar, is_history: Mask, first_day: int, days: int) -> np.ndarray:
    """Weekday of each row of the day matrix, holidays as Sundays."""
    kinds = (first_day + 3 + np.arange(days)) % WEEKDAYS
    kinds[calendar.day[is_history] - first_day] = calendar.weekday[is_history]
    return kinds


def _by_weekday(day_rows: Floats, kinds: np.ndarray) -> Floats:
    """The rows of each weekday with their neighbours in time, an interval earlier and later.

    Shape (3 x most rows of a weekday, 7, slots); weekdays with fewer are filled up with NaN.
    """
    flat = day_rows.ravel()
    before = np.concatenate([[np.nan], flat[:-1]]).reshape(day_rows.shape)
    after = np.concatenate([flat[1:], [np.nan]]).reshape(day_rows.shape)
    most = int(np.bincount(kinds, minlength=WEEKDAYS).max())
    pooled = np.full((3, most, WEEKDAYS, day_rows.shape[1]), np.nan)
    for weekday in range(WEEKDAYS):
        rows = np.flatnonzero(kinds == weekday)
        for part, values in enumerate((before, day_rows, after)):
            pooled[part, : len(rows), weekday] = values[rows]
    return pooled.reshape(3 * most, WEEKDAYS, -1)


def _week_centre(day_rows: Floats, kinds: np.ndarray) -> Floats:
    """Median of each slot of the week, pooled with both neighbours in time; shape (7, slots)."""
    pooled = _by_weekday(day_rows, kinds)
    enough = np.isfinite(pooled).sum(axis=0) >= MIN_VALUES
    centre = np.where(enough, nan_quantile(pooled, 0.5), np.nan)
    if not enough.all():
        for days in (~IS_DAY_OFF, IS_DAY_OFF):
            same_kind = np.concatenate(list(pooled[:, days].transpose(1, 0, 2)))
            stand_in = nan_quantile(same_kind, 0.5)
            centre[days] = np.where(np.isfinite(centre[days]), centre[days], stand_in)
    return centre


def _week_scale(residuals: Floats, kinds: np.ndarray, calendar: Calendar) -> Floats:
    """Spread of each slot over days of the same kind, averaged an hour each way; (7, slots)."""
    width = 2 * calendar.intervals(1.0) + 1
    slots = residuals.shape[1]
    scale = np.full((WEEKDAYS, slots), np.nan)
    for days in (~IS_DAY_OFF, IS_DAY_OFF):
        rows = residuals[days[kinds]]
        if not len(rows):
            continue
        spread = robust_sigma(rows)
        around_midnight = np.concatenate([spread, spread, spread])
        scale[days] = rolling_mean(around_midnight, width)[slots : 2 * slots]
    return scale


def _week_mean(day_rows: Floats, kinds: np.ndarray, centre: Floats, limit: Floats) -> Floats:
    """Mean of each slot of the week without outliers; the centre where no value is near it."""
    mean = mean_without_outliers(_by_weekday(day_rows, kinds), centre, limit)
    return np.where(np.isfinite(mean), mean, centre)


def _mean_size(centre: Floats) -> float:
    measured = np.abs(centre[np.isfinite(centre)])
    return float(measured.mean()) if len(measured) else 0.0


def _scale_floor(scale: Floats, level_kw: float) -> float:
    """Half the channel's median spread, and 2 % of its level: no slot is quieter than that."""
    measured = scale[np.isfinite(scale)]
    usual = median_of_few(measured) if len(measured) else 0.0
    return max(0.5 * usual, SCALE_FLOOR_OF_LEVEL * level_kw, LEAST_SCALE_KW)
