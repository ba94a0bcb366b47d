"""Anomalies: consumption that stays above or below the expected for an hour or more.

For low events the mean residual of an hour is compared with its own spread at that time of day;
where the history often went far, with 1.4 x the 80 % point of its daily extremes, so that a
restless channel needs more. High events are those of the scorecard, and where the residual goes
twice as far as a low one would have to. The excess energy is of the measured intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analyze.baseline import SCALE_FLOOR_OF_LEVEL, Expected, slot_sigma
from analyze.calendar_days import Calendar
from analyze.findings import Severity
from analyze.interval_score import IntervalScore, interval_score
from lib.stats_utils import Floats, Mask, bridge, nan_quantile, rolling_mean, runs

# Standard deviations of the hourly mean; more where the channel's history often reached that far.
THRESHOLD = 4.0
HABIT_QUANTILE = 0.8
HABIT_FACTOR = 1.4
# So many times as far, no scorecard has to be asked: a steady load has changed.
BEYOND = 2.0
MIN_HOURS = 1.0
BRIDGED_HOURS = 1.0
# What matters: a share of the expected, a share of the channel's level, and an absolute floor.
MIN_SHARE_OF_EXPECTED = 0.15
MIN_SHARE_OF_LEVEL = 0.1
NOISE_FLOOR_KW = 0.1
MIN_SHARE_OF_DAY = 0.05
# Excess as a share of the channel's usual energy of a day.
MEDIUM_SHARE_OF_DAY = 0.25
HIGH_SHARE_OF_DAY = 0.6

Direction = Literal["high", "low"]


@dataclass(frozen=True)
class AnomalyEvent:
    """Intervals [start, stop) of the index that differ; kW, kWh (negative when below).

    `others` counts further channels with the same event, once somebody has compared them;
    `told_kwh` is what sub-meters tell of, no longer in `excess_kwh`.
    """

    start: int
    stop: int
    direction: Direction
    peak_kw: float
    expected_kw: float
    excess_kwh: float
    severity: Severity
    confidence: float
    others: int = 0
    told_kwh: float = 0.0


def anomalies(
    power_kw: pd.Series,
    expected: Expected,
    calendar: Calendar,
    is_history: Mask,
    judged: Mask,
    score: IntervalScore | None = None,
) -> list[AnomalyEvent]:
    """Find the events of one channel in the judged intervals, in both directions, in order.

    Parameters
    ----------
    power_kw : Series of float, shape (n,)
        Mean power of each interval [kW]; regular index; NaN where unmeasured or told otherwise.
    expected, calendar : of the same n intervals.
    is_history, judged : bool arrays, shape (n,)
        Where noise is learned from, and where events are looked for.
    score : the scorecard of the same intervals; made here where it is not given.
    """
    power = power_kw.to_numpy(dtype=float)
    residual = power - expected.expected_kw
    hourly = rolling_mean(residual, calendar.intervals(1.0))
    hourly[~np.isfinite(residual)] = np.nan
    score = score or interval_score(power, calendar, is_history)
    floor = max(SCALE_FLOOR_OF_LEVEL * expected.level_kw, 1e-9)
    sigma = np.maximum(slot_sigma(hourly, calendar, is_history), floor)
    low = -hourly / sigma
    threshold = max(THRESHOLD, _habit(low, calendar, is_history))
    material_kw = _material_kw(expected)
    high = hourly / sigma
    far = max(THRESHOLD, _habit(high, calendar, is_history))
    beyond = high > BEYOND * far
    is_high = (score.is_high | beyond) & _is_large(hourly, residual, material_kw)
    is_low = (low > threshold) & _is_large(-hourly, -residual, material_kw)
    least_kwh = MIN_SHARE_OF_DAY * 24 * expected.level_kw
    events = []
    for start, stop in _merged(judged & is_high, power, calendar):
        sure = float(np.median(score.confidence[start:stop]))
        if beyond[start:stop].any():
            times = float(np.nanmedian(high[start:stop])) / far
            sure = max(sure, _confidence(times, expected))
        events.append(_event("high", start, stop, power, sure, expected, calendar))
    for start, stop in _merged(judged & is_low, power, calendar):
        times = float(np.nanmedian(low[start:stop])) / threshold
        sure = _confidence(times, expected)
        events.append(_event("low", start, stop, power, sure, expected, calendar))
    events = [event for event in events if abs(event.excess_kwh) >= least_kwh]
    return sorted(events, key=lambda event: event.start)


def _is_large(hourly: Floats, residual: Floats, material_kw: Floats) -> Mask:
    """The hour around an interval decides, but only intervals that differ themselves count."""
    return np.asarray((hourly >= material_kw) & (residual >= 0.5 * material_kw))


def _material_kw(expected: Expected) -> Floats:
    """The deviation from which on a reader would care [kW]."""
    return np.maximum(
        MIN_SHARE_OF_EXPECTED * np.abs(expected.expected_kw),
        max(MIN_SHARE_OF_LEVEL * expected.level_kw, NOISE_FLOOR_KW),
    )


def _habit(z: Floats, calendar: Calendar, is_history: Mask) -> float:
    """How far the history went on its restless days."""
    known = is_history & np.isfinite(z)
    if not known.any():
        return 0.0
    days = calendar.day[known] - calendar.day[known].min()
    daily = np.full(int(days.max()) + 1, -np.inf)
    np.maximum.at(daily, days, z[known])
    return HABIT_FACTOR * float(nan_quantile(daily[np.isfinite(daily)], HABIT_QUANTILE))


def _merged(flagged: Mask, power: Floats, calendar: Calendar) -> list[tuple[int, int]]:
    """Runs of at least an hour, over short interruptions, without unmeasured ends."""
    joined = bridge(flagged, calendar.intervals(BRIDGED_HOURS))
    shortest = max(calendar.intervals(MIN_HOURS), 2)
    return [(start, stop) for start, stop in runs(joined) if flagged[start:stop].sum() >= shortest]


def _event(
    direction: Direction,
    start: int,
    stop: int,
    power: Floats,
    confidence: float,
    expected: Expected,
    calendar: Calendar,
) -> AnomalyEvent:
    measured = power[start:stop]
    usual = expected.expected_kw[start:stop]
    known = np.isfinite(measured) & np.isfinite(usual)
    excess_kwh = float((measured - usual)[known].sum() * calendar.hours)
    peak = measured[known].max() if direction == "high" else measured[known].min()
    share = abs(excess_kwh) / max(24 * expected.level_kw, 1e-9)
    return AnomalyEvent(
        start=start,
        stop=stop,
        direction=direction,
        peak_kw=float(peak),
        expected_kw=float(usual[known].mean()),
        excess_kwh=excess_kwh,
        severity="low" if calendar.is_quiet[start:stop].any() else _severity(share),
        confidence=confidence,
    )


def _severity(share_of_day: float) -> Severity:
    if share_of_day >= HIGH_SHARE_OF_DAY:
        return "high"
    return "medium" if share_of_day >= MEDIUM_SHARE_OF_DAY else "low"


def _confidence(times_threshold: float, expected: Expected) -> float:
    """Half at the threshold, towards one far above it; less with few weeks of history."""
    beyond = 1 - math.exp(-max(times_threshold - 1, 0))
    return (0.5 + 0.5 * beyond) * min(1.0, 0.7 + 0.05 * expected.weeks)
