"""Drift: a slow change of a channel's whole level, as of a meter that loses its calibration.

When a gain drifts, low and middle loads change alike; when people or weather change, they do not.
The 5 % and 50 % points of each last week's load, as logarithms, are followed over four weeks: both
must lie on straight lines that rise or fall alike.

References
----------
Least squares lines over a sliding window; the sizes are this project's choice, made while looking
at meter data with injected gains and at the labelled public sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analyze.hourly_days import HOURS, HourlyDays
from lib.stats_utils import Floats, Mask

WEEK = 7
LINE_DAYS = 29
LOW_POINT, MIDDLE_POINT = 0.05, 0.5
MIN_FIT = 0.8
MIN_CHANGE = 0.08
ALIKE = 0.4
MIN_WEEK_SHARE = 0.5


@dataclass(frozen=True)
class Drift:
    """By day, known at its end: `change` over the last four weeks (relative), `score`, `flag`."""

    change: Floats
    score: Floats
    flag: Mask


def drift(hours: HourlyDays) -> Drift:
    """Judge every day by the weeks up to it; shape (days,) each."""
    low, middle = _week_points(hours.power_kw)
    (slope_low, fit_low), (slope, fit) = _line(low), _line(middle)
    change_low, change = slope_low * (LINE_DAYS - 1), slope * (LINE_DAYS - 1)
    larger = np.maximum(np.abs(change_low), np.abs(change))
    with np.errstate(invalid="ignore"):
        alike = (change_low * change > 0) & (np.abs(change_low - change) < ALIKE * larger)
        smaller = np.minimum(np.abs(change_low), np.abs(change))
        flag = alike & (fit_low > MIN_FIT) & (fit > MIN_FIT) & (smaller > MIN_CHANGE)
        score = np.where(alike, smaller * np.minimum(fit_low, fit), 0.0)
    return Drift(np.expm1(change), np.nan_to_num(score), flag)


def newest_drift_pct(hours: HourlyDays, judged: Mask) -> float | None:
    """The change of the last judged day that is called a drift [%]; None where there is none.

    `judged` : shape (n,), the intervals of interest.
    """
    days = np.unique(hours.position[judged] // HOURS)
    if not len(days):
        return None
    # The weeks up to the first day of interest are enough; older ones need no lines.
    first = max(int(days[0]) - LINE_DAYS - WEEK, 0)
    recent = drift(replace(hours, power_kw=hours.power_kw[first:]))
    flagged = days[recent.flag[days - first]]
    return 100 * float(recent.change[flagged[-1] - first]) if len(flagged) else None


def _week_points(power: Floats) -> tuple[Floats, Floats]:
    """Logarithms of the low and middle point of each last week; NaN where too little is known."""
    days = len(power)
    padded = np.concatenate([np.full((WEEK - 1, HOURS), np.nan), power])
    weeks = sliding_window_view(padded, WEEK, axis=0).reshape(days, -1)
    ordered = np.sort(np.where(weeks > 0, weeks, np.nan), axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    enough = count >= MIN_WEEK_SHARE * WEEK * HOURS
    points = []
    for quantile in (LOW_POINT, MIDDLE_POINT):
        at = np.rint(quantile * np.maximum(count - 1, 0)).astype(np.int64)
        points.append(np.log(np.where(enough, ordered[np.arange(days), at], np.nan)))
    return points[0], points[1]


def _line(values: Floats) -> tuple[Floats, Floats]:
    """Slope by day and share of variance explained of the line through the last 29 days."""
    padded = np.concatenate([np.full(LINE_DAYS - 1, np.nan), values])
    rows = sliding_window_view(padded, LINE_DAYS)
    at = np.arange(LINE_DAYS) - (LINE_DAYS - 1) / 2
    centred = rows - rows.mean(axis=1, keepdims=True)
    slope = centred @ at / (at @ at)
    total = (centred**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        fit = np.where(total > 0, slope**2 * (at @ at) / total, 0.0)
    return slope, np.where(np.isfinite(slope), fit, np.nan)
