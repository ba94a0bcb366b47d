"""Name a channel that gets worse before it fails: a robust trend over the last two weeks.

Judged are daily figures: completeness [%], and lag [h], which is how far the newest reading was
behind what ingestion asked for. A channel is degrading where all of these hold:

- Theil and Sen's slope (the median of the slopes between all pairs of days) points to worse;
- Mann and Kendall's test says that chance alone would order the days so in less than 1 % of cases;
- the last three days are worse than the first week by a floor (medians): 2 points of completeness,
  an hour of lag; below it a trend may be real and is not worth a call;
- the channel still works: half of its readings arrive. Where they do not it has failed already, and
  the gaps say so.

One bad day, a gap of some hours, or a channel that dies at once moves no median of all pairs.

References
----------
P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", J. Am. Stat. Assoc. 63,
1968. M. G. Kendall, "Rank Correlation Methods", 1975 (variance with ties).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["completeness", "latency"]

TREND_DAYS = 14
LEAST_DAYS = 10
CHANCE = 0.01
FIRST_DAYS, LAST_DAYS = 7, 3
FLOOR_POINTS = 2.0
FLOOR_HOURS = 1.0
FAILED_PCT = 50.0
# Below this a validation closes the day for the site, if all its channels were like this one.
LIMIT_PCT = 90.0


@dataclass(frozen=True)
class Degradation:
    """How a channel gets worse; % of completeness or hours of lag, per day for the slope.

    `days_left` until completeness passes below 90 % if it goes on so; None for latency.
    """

    kind: Kind
    before: float
    now: float
    slope_per_day: float
    days_left: float | None


def degradation(completeness_pct: Floats, lag_hours: Floats) -> Degradation | None:
    """Whether a channel's last `TREND_DAYS` days get worse; completeness first, then latency.

    Parameters
    ----------
    completeness_pct, lag_hours : one value per complete local day, oldest first; NaN = not known.
    """
    completeness, lag = completeness_pct[-TREND_DAYS:], lag_hours[-TREND_DAYS:]
    trend = worsening(-completeness, FLOOR_POINTS)
    if trend is not None:
        before, now, slope = (-value for value in trend)
        if now < FAILED_PCT:
            return None
        return Degradation("completeness", before, now, slope, max((now - LIMIT_PCT) / -slope, 0.0))
    trend = worsening(lag, FLOOR_HOURS)
    return None if trend is None else Degradation("latency", *trend, None)


def worsening(values: Floats, floor: float) -> tuple[float, float, float] | None:
    """(before, now, slope a day) where daily values rise, by at least `floor`; else None.

    >>> worsening(np.arange(14.0), 2.0)
    (3.0, 12.0, 1.0)
    >>> worsening(np.array([0.0] * 9 + [100.0] * 5), 2.0) is None
    True
    """
    known = np.isfinite(values)
    if known.sum() < LEAST_DAYS or not known[-LAST_DAYS:].any() or not known[:FIRST_DAYS].any():
        return None
    before = float(np.nanmedian(values[:FIRST_DAYS]))
    now = float(np.nanmedian(values[-LAST_DAYS:]))
    slope = theil_sen_slope(values)
    if now - before < floor or slope <= 0 or chance_of_rise(values) >= CHANCE:
        return None
    return before, now, slope


def theil_sen_slope(values: Floats) -> float:
    """The median slope between all pairs of days, per day; NaN where fewer than two are known.

    >>> theil_sen_slope(np.array([0.0, 1.0, 2.0, 50.0, 4.0]))
    1.0
    """
    days = np.flatnonzero(np.isfinite(values))
    first, second = np.triu_indices(len(days), 1)
    if not len(first):
        return math.nan
    rises = values[days[second]] - values[days[first]]
    return float(np.median(rises / (days[second] - days[first])))


def chance_of_rise(values: Floats) -> float:
    """One-sided p of Mann and Kendall's test for a rise, with ties; 1 where nothing differs.

    >>> round(chance_of_rise(np.arange(10.0)), 5)
    4e-05
    >>> chance_of_rise(np.ones(10))
    1.0
    """
    known = values[np.isfinite(values)]
    count = len(known)
    first, second = np.triu_indices(count, 1)
    score = float(np.sign(known[second] - known[first]).sum())
    _, ties = np.unique(known, return_counts=True)
    variance = (
        count * (count - 1) * (2 * count + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())
    ) / 18
    if variance <= 0 or score <= 0:
        return 1.0
    return 0.5 * math.erfc((score - 1) / math.sqrt(2 * variance))
