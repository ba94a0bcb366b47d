"""Expected load: what a channel normally draws at each hour, from its past only.

Half of it is the same weekday of the last six weeks, half the newest days of the same kind, so that
it knows the week's pattern and follows the season. The history is clipped, so that a fault does
not train its own baseline. Cut the series anywhere: what was expected before the cut stays.

References
----------
Time-of-week mean load: P. N. Price, "Methods for Analyzing Electric Load Shape and its
Variability", Lawrence Berkeley National Laboratory, 2010. Clipping about a robust centre: P. J.
Huber, "Robust Statistics", 1981. The numbers were chosen on unlabelled data with injected faults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyze.hourly_days import HOURS, HourlyDays, rows_of
from lib.stats_utils import MAD_TO_SIGMA, Floats, count_measured

CLIP_SCALES = 5.0
PASSES = 2
FLOOR_OF_DAY = 0.5
FLOOR_OF_LEVEL = 0.02
LEAST_DIFFERENCE_OF_LEVEL = 0.1
# For channels that were always off.
LEAST_KW = 1e-6
# Deviations of so many days of a kind make a spread.
MIN_SPREAD_DAYS = 3


@dataclass(frozen=True)
class ExpectedLoad:
    """Expected mean power and its usual deviation, shape (days, 24); NaN where unknown.

    `level_kw`, `difference_kw` : shape (days, 1), the usual mean, and how far the open hours lie
    above the closed ones (at least a tenth of the level).
    """

    expected_kw: Floats
    scale_kw: Floats
    level_kw: Floats
    difference_kw: Floats


def expected_load(hours: HourlyDays) -> ExpectedLoad:
    """Learn every day's expected load from the days before it.

    Parameters
    ----------
    hours : the channel's matrix, faults of the meter already NaN.
    """
    history = hours.power_kw
    level = _level(hours, history)
    for _ in range(PASSES):
        expected = _centre(hours, history)
        scale = _spread(hours, history - expected, level)
        reach = CLIP_SCALES * scale
        known = np.isfinite(reach) & np.isfinite(expected)
        clipped = np.clip(hours.power_kw, expected - reach, expected + reach)
        history = np.where(known, clipped, hours.power_kw)
    expected = _centre(hours, history)
    scale = _spread(hours, history - expected, level)
    return ExpectedLoad(expected, scale, level, _difference(hours, history, level))


def median_last(values: Floats) -> Floats:
    """Median along the last axis of the measured values; NaN where there is none."""
    ordered = np.sort(values, axis=-1).reshape(-1, values.shape[-1])
    count = count_measured(ordered)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[-1] - 1)
    first = np.arange(len(ordered)) * values.shape[-1]
    middle = (ordered.take(first + low) + ordered.take(first + high)) / 2
    return np.where(count > 0, middle, np.nan).reshape(values.shape[:-1])


def mean_last(values: Floats) -> Floats:
    """Mean along the last axis of the measured values; NaN where there is none."""
    measured = np.isfinite(values)
    counts = measured.sum(axis=-1)
    sums = np.where(measured, values, 0.0).sum(axis=-1)
    return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def _centre(hours: HourlyDays, history: Floats) -> Floats:
    flat = np.concatenate([[np.nan], history.ravel(), [np.nan]])
    near = np.stack([flat[:-2], flat[1:-1], flat[2:]]).reshape(3, *history.shape)
    near = np.moveaxis(near, 0, 1)  # (days, 3, 24)
    # A neighbour after midnight belongs to the next day: for yesterday that is today, already past.
    by_week = rows_of(near, hours.past.same_weekday)
    by_week = by_week.reshape(len(history), -1, HOURS)
    week = median_last(np.ascontiguousarray(by_week.transpose(0, 2, 1)))
    newest = rows_of(history, hours.past.newest)
    days = median_last(np.ascontiguousarray(newest.transpose(0, 2, 1)))
    both = (week + days) / 2
    return np.where(np.isfinite(both), both, np.where(np.isfinite(week), week, days))


def _spread(hours: HourlyDays, residual: Floats, level: Floats) -> Floats:
    past = rows_of(np.abs(residual), hours.past.same_kind)
    past = np.ascontiguousarray(past.transpose(0, 2, 1))
    spread = MAD_TO_SIGMA * median_last(past)
    spread[count_measured(past) < MIN_SPREAD_DAYS] = np.nan
    wide = np.concatenate([spread[:, :1], spread, spread[:, -1:]], axis=1)
    smooth = (wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]) / 3
    smooth = np.where(np.isfinite(smooth), smooth, spread)
    floor = np.fmax(FLOOR_OF_DAY * median_last(smooth)[:, None], FLOOR_OF_LEVEL * level)
    return np.maximum(np.where(np.isfinite(smooth), smooth, floor), floor)


def _level(hours: HourlyDays, history: Floats) -> Floats:
    """Median of the last weeks' daily means of size."""
    daily = mean_last(np.abs(history))
    return np.maximum(median_last(rows_of(daily, hours.past.season)), LEAST_KW)[:, None]


def _difference(hours: HourlyDays, history: Floats, level: Floats) -> Floats:
    open_kw = median_last(np.where(hours.is_open, history, np.nan))
    closed_kw = median_last(np.where(hours.is_open, np.nan, history))
    usual_open = median_last(rows_of(open_kw, hours.past.season))
    usual_closed = median_last(rows_of(closed_kw, hours.past.season))
    return np.fmax((usual_open - usual_closed)[:, None], LEAST_DIFFERENCE_OF_LEVEL * level)
