"""Spike score: an interval that stands out of both neighbours, of the expected and of habit.

The score is the least of several ratios, each 1 where a jump is barely remarkable, so that what
scores high is remarkable in every respect. An interval is known once its next neighbour is.

References
----------
The ratios and their sizes are this project's choice, made while looking at meter data with injected
spikes and at the labelled public sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analyze.calendar_days import Calendar
from analyze.expected_load import LEAST_KW, ExpectedLoad, median_last
from analyze.hourly_days import HOURS, HourlyDays, rows_of
from lib.stats_utils import MAD_TO_SIGMA, Floats, Mask, count_measured

THRESHOLD = 1.5
MAX_INTERVALS = 3
# A longer spike is consumption.
MAX_SPIKE_SECONDS = 2700
USUAL_CHANGES = 3.0
SHARE_OF_RANGE = 0.15
SCALES = 1.5
ABOVE_EXPECTED = 0.35
ABOVE_NEIGHBOUR = 0.25
FLOOR_OF_LEVEL = 0.02
RANGE_POINT = 0.1
# What is restless for hours may jump as it does then: the last changes count too, where an hour
# has several.
CHANGES_AROUND = 16
LONGEST_AROUND_INTERVAL = 900
# Beyond all but two days of the past, by this share of its range, it is a spike in any channel.
RECORD_POINT = 0.95
SHARE_BEYOND_RECORD = 0.5
CHANGES_OF_RECORD = 2.5
RECORD_ABOVE_NEIGHBOUR = 0.5
# Jumps on at least this many of the last days are a habit of the channel.
HABITUAL_DAYS = 4
HABIT_FACTOR = 1.2
# Some sources add up the two passes of the hour that autumn repeats, there or in the next one.
REPEATED_HOUR_RATIO = 2.5


def spike_score(
    power_kw: Floats, hours: HourlyDays, load: ExpectedLoad, calendar: Calendar
) -> Floats:
    """Score every interval as the first of a spike of one to three intervals; shape (n,).

    Parameters
    ----------
    power_kw : shape (n,), mean power of each interval [kW]; NaN where unmeasured.
    hours, load : the same channel by the hour, and what was expected.
    """
    return spike_scores(power_kw, hours, load, calendar).max(axis=0)


def spike_scores(
    power_kw: Floats, hours: HourlyDays, load: ExpectedLoad, calendar: Calendar
) -> Floats:
    """The same for each width apart; shape (widths, n)."""
    widest = min(MAX_INTERVALS, max(MAX_SPIKE_SECONDS // calendar.interval_seconds, 1))
    usual = _usual(power_kw, hours, load, calendar)
    ordinary = np.zeros((widest, len(power_kw)))
    record = np.zeros((widest, len(power_kw)))
    doubled = _near_repeated_hour(calendar)
    for width in range(1, min(widest, len(power_kw)) + 1):
        ordinary[width - 1], record[width - 1] = _score(power_kw, usual, width, doubled)
    habit = hours.of_intervals(_habit(ordinary.max(axis=0), hours))
    return np.maximum(ordinary / np.maximum(1.0, HABIT_FACTOR * habit), record)


@dataclass(frozen=True)
class _Usual:
    """What is usual at every interval, shape (n,) [kW]; `range_kw` that of the last weeks."""

    expected_kw: Floats
    scale_kw: Floats
    change_kw: Floats
    highest_kw: Floats
    range_kw: Floats
    floor_kw: Floats


def _usual(power: Floats, hours: HourlyDays, load: ExpectedLoad, calendar: Calendar) -> _Usual:
    def each(daily: Floats) -> Floats:
        return hours.of_intervals(np.broadcast_to(daily, hours.power_kw.shape))

    expected = hours.of_intervals(load.expected_kw)
    highest = daily_highest(power, hours.position // HOURS, len(hours.power_kw))
    lowest = np.fmin.reduce(hours.power_kw, axis=1)
    past_highest = rows_of(highest, hours.past.season)
    top = quantile_last(past_highest, 1 - RANGE_POINT)
    bottom = quantile_last(rows_of(lowest, hours.past.season), RANGE_POINT)
    change = _usual_change(power - expected, hours, load)
    if calendar.interval_seconds <= LONGEST_AROUND_INTERVAL:
        # Only what rises above the interval before can begin a spike.
        begins = _rises(power) | _rises(power - expected)
        change[begins] = np.fmax(change[begins], _change_before(power - expected, begins))
    return _Usual(
        expected_kw=expected,
        scale_kw=hours.of_intervals(load.scale_kw),
        change_kw=change,
        highest_kw=each(quantile_last(past_highest, RECORD_POINT)[:, None]),
        range_kw=each((top - bottom)[:, None]),
        floor_kw=np.fmax(each(FLOOR_OF_LEVEL * load.level_kw), LEAST_KW),
    )


def _score(power: Floats, usual: _Usual, width: int, near_repeated: Mask) -> tuple[Floats, Floats]:
    """How far each window stands out of what is usual at its time, and of everything before it."""
    residual = power - usual.expected_kw
    lowest, lowest_kw = _least_of(residual, width), _least_of(power, width)
    here = slice(0, len(lowest))
    step = lowest - _beside(residual, width)
    beside_kw = _beside(power, width)
    step_kw = lowest_kw - beside_kw
    size = np.fmax(SHARE_OF_RANGE * usual.range_kw[here], usual.floor_kw[here])
    expected_kw = np.fmax(np.abs(usual.expected_kw[here]), size)
    least = np.minimum.reduce(
        (
            step / (USUAL_CHANGES * usual.change_kw[here]),
            step / size,
            lowest / (SCALES * usual.scale_kw[here]),
            lowest / (ABOVE_EXPECTED * expected_kw),
            step_kw / (ABOVE_NEIGHBOUR * np.fmax(np.abs(beside_kw), size)),
        )
    )
    # A channel whose days were all alike has no range to go by.
    far = np.fmax(SHARE_BEYOND_RECORD * usual.range_kw[here], size)
    beyond = np.minimum.reduce(
        (
            step_kw / far,
            (lowest_kw - usual.highest_kw[here]) / far,
            step_kw / (CHANGES_OF_RECORD * usual.change_kw[here]),
            step_kw / (RECORD_ABOVE_NEIGHBOUR * np.fmax(np.abs(beside_kw), size)),
        )
    )
    doubled = near_repeated[here] & (lowest_kw < REPEATED_HOUR_RATIO * expected_kw)
    return _padded(least, doubled, len(power)), _padded(THRESHOLD * beyond, doubled, len(power))


def _padded(score: Floats, doubled: Mask, length: int) -> Floats:
    """Scores with 0 where one is not known, and where the window leaves the index."""
    padded = np.zeros(length)
    known = np.isfinite(score) & ~doubled
    padded[: len(score)] = np.where(known, np.maximum(score, 0.0), 0.0)
    return padded


def _rises(values: Floats) -> Mask:
    """True unless a value is known not to lie above the one before."""
    rises = np.ones(len(values), dtype=bool)
    rises[1:] = ~(values[1:] <= values[:-1])
    return rises


def _change_before(residual: Floats, where: Mask) -> Floats:
    """Usual change among the last ones before each interval of a mask [kW]; NaN for too few."""
    steps = np.abs(np.diff(residual, prepend=np.nan))
    before = np.concatenate([np.full(CHANGES_AROUND, np.nan), steps[:-1]])
    recent = sliding_window_view(before, CHANGES_AROUND)[where]
    return MAD_TO_SIGMA * median_last(recent)


def _near_repeated_hour(calendar: Calendar) -> Mask:
    repeated = calendar.is_repeated
    after = calendar.intervals(1.0)
    near = repeated.copy()
    near[after:] |= repeated[: len(repeated) - after]
    return np.asarray(near)


def _least_of(values: Floats, width: int) -> Floats:
    """The least of each `width` values in a row; NaN where one of them is."""
    least = values[: len(values) - width + 1]
    for later in range(1, width):
        least = np.minimum(least, values[later : later + len(least)])
    return least


def _beside(values: Floats, width: int) -> Floats:
    """The larger of the values before and after each window; NaN where neither was measured."""
    before = np.concatenate([[np.nan], values[: len(values) - width]])
    after = np.concatenate([values[width:], [np.nan]])
    return np.asarray(np.fmax(before, after))


def daily_highest(values: Floats, day: NDArray[np.int64], days: int) -> Floats:
    """Largest measured value of each day; NaN for none."""
    highest = np.full(days, -np.inf)
    known = np.isfinite(values)
    np.maximum.at(highest, day[known], values[known])
    return np.where(np.isfinite(highest), highest, np.nan)


def quantile_last(values: Floats, quantile: float) -> Floats:
    """Nearest measured value to a quantile along the last axis; NaN where there is none."""
    ordered = np.sort(values, axis=-1).reshape(-1, values.shape[-1])
    count = count_measured(ordered)
    at = np.rint(quantile * np.maximum(count - 1, 0)).astype(np.int64)
    return np.asarray(ordered[np.arange(len(ordered)), at].reshape(values.shape[:-1]))


def _usual_change(residual: Floats, hours: HourlyDays, load: ExpectedLoad) -> Floats:
    """Usual change from one interval to the next at each hour of the day [kW], shape (n,)."""
    change = np.abs(np.diff(residual, prepend=np.nan))
    measured = np.isfinite(change)
    at, cells = hours.position[measured], hours.power_kw.size
    counts = np.bincount(at, minlength=cells)
    sums = np.bincount(at, weights=change[measured], minlength=cells)
    hourly = np.divide(sums, counts, out=np.full(cells, np.nan), where=counts > 0)
    past = rows_of(hourly.reshape(-1, HOURS), hours.past.same_kind).transpose(0, 2, 1)
    usual = MAD_TO_SIGMA * median_last(np.ascontiguousarray(past))
    return hours.of_intervals(np.fmax(usual, FLOOR_OF_LEVEL * load.level_kw))


def _habit(score: Floats, hours: HourlyDays) -> Floats:
    """The fourth largest daily maximum of the last weeks, for every cell; shape (days, 24)."""
    daily = np.zeros(len(hours.power_kw))
    np.maximum.at(daily, hours.position // HOURS, score)
    past = np.sort(np.nan_to_num(rows_of(daily, hours.past.season)), axis=1)
    return np.broadcast_to(past[:, -HABITUAL_DAYS, None], hours.power_kw.shape)
