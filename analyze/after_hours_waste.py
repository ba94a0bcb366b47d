"""After-hours waste: energy of a closed site above the level a channel normally falls to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analyze.baseline import WEEKDAYS, Expected
from analyze.calendar_days import Calendar
from analyze.interval_score import IntervalScore, interval_score
from lib.stats_utils import Floats, Mask, bridge, robust_sigma, rolling_mean, runs

# A stretch is claimed when its median excess passes all of these.
NIGHT_SPREADS = 4.0
MIN_SHARE_OF_DIFFERENCE = 0.1
MIN_SHARE_OF_LEVEL = 0.05
MIN_KW = 0.2
# A part of a stretch is claimed when it is on for long, or large: at least so many hours, of at
# least that share of the difference, and so many standard deviations of that time of day.
PARTS = ((6.0, 0.1, 3.0), (2.0, 0.25, 5.0))
# And the scorecard has to see it in so much of the part, unless it lies so many times beyond what
# is claimed at all.
BEYOND = 4.0
MIN_PART_HIGH = 0.5
PART_BRIDGED_HOURS = 0.5
# Inside a claimed stretch it was off where its excess stays below this share of the stretch's for
# so many hours, and on average below what is claimed at all.
OFF_SHARE = 0.5
OFF_HOURS = 3.0
# A busy day fades out after closing: a share of the excess before closing is not waste. How much
# is learned from the channel's past nights, within these bounds.
BUSY_DAY_HOURS = 8.0
MAX_BUSY_DAY_SHARE = 0.5
# What is believed before the nights have spoken, with the weight of so many ordinary busy days.
PRIOR_BUSY_DAY_SHARE = 0.3
PRIOR_DAYS = 4.0
PRIOR_BUSY_SHARE_OF_DIFFERENCE = 0.1
# Nights differ at least by this share of the difference between open and closed.
SPREAD_FLOOR = 0.03
MIN_PAST_STRETCHES = 8
# The level drifts with the season: it is read from the newest nights, about two weeks of them.
RECENT_STRETCHES = 12
# How far in time a quiet night tells of another's level: its weight falls to 37 % in so many days.
NEAR_DAYS = 4.0
MIN_MEASURED = 0.5
# Half-width of a 90 % interval, in standard deviations.
NINETY_PERCENT = 1.645


@dataclass(frozen=True)
class ChannelWaste:
    """One channel's waste in the judged intervals.

    `baseline_kw` is the closed level normal for these hours, `after_hours_kwh` everything used
    while closed, `excess_kwh` the waste; `error_pct` the half-width of its 90 % interval, from the
    spread of past nights. `stretches` are claimed intervals [start, stop) of the index.
    """

    baseline_kw: float
    after_hours_kwh: float
    excess_kwh: float
    error_pct: float
    stretches: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Stretch:
    """A closed stretch [start, stop): its median excess, and the mean excess before closing.

    `week` numbers the weeks to the end of the period, ..., -2, -1.
    """

    start: int
    stop: int
    week: int
    excess_kw: float
    before_kw: float


@dataclass(frozen=True)
class _Claim:
    """Intervals [start, stop) claimed as waste, less the excess that is usual in each [kW]."""

    start: int
    stop: int
    usual_kw: float


@dataclass(frozen=True)
class _UsualNight:
    """What past nights were like: newest excess, its standard deviation, busy days' share.

    `season_share` is the share over the whole history, weather and seasons included.
    """

    excess_kw: float
    spread_kw: float
    busy_day_share: float
    season_share: float

    def after(self, stretch: _Stretch) -> float:
        """The excess that is usual after such a day [kW]."""
        return self.excess_kw + self.busy_day_share * stretch.before_kw

    def near(self, stretch: _Stretch, quiet: list[_Stretch], calendar: Calendar) -> float:
        """The same, at the level of the quiet nights about it, before and after [kW].

        Weather moves the level within days: a night's neighbours know it better than two weeks do.
        """
        nights = np.array(
            [night.excess_kw - self.busy_day_share * night.before_kw for night in quiet]
        )
        middle = np.array([(night.start + night.stop) / 2 for night in quiet])
        days = np.abs(middle - (stretch.start + stretch.stop) / 2) * calendar.hours / 24
        # What differs by more was no quiet night.
        is_usual = np.abs(nights - self.excess_kw) <= NIGHT_SPREADS * self.spread_kw
        weight = np.where(is_usual, np.exp(-days / NEAR_DAYS), 0.0)
        level = float(weight @ nights) / float(weight.sum()) if weight.any() else self.excess_kw
        return level + self.busy_day_share * stretch.before_kw

    def most_after(self, stretch: _Stretch) -> float:
        """The excess that may be due to such a day and its weather [kW]."""
        share = max(self.busy_day_share, self.season_share)
        return self.excess_kw + share * stretch.before_kw


def after_hours_waste(
    power_kw: pd.Series,
    expected: Expected,
    calendar: Calendar,
    is_history: Mask,
    judged: Mask,
    score: IntervalScore | None = None,
) -> ChannelWaste | None:
    """Judge each closed stretch, from closing to opening, against the nights of the history.

    Parameters
    ----------
    power_kw : Series of float, shape (n,)
        Mean power of each interval [kW]; regular index; NaN where unmeasured: a gap counts neither
        as use nor as saving.
    expected, calendar : of the same n intervals; expected is the level the channel falls to at the
        same time of the week.
    is_history, judged : bool arrays, shape (n,)
        Where the spread of nights is learned from, and where waste is looked for.
    score : the scorecard of the same intervals; made here where it is not given.

    Returns
    -------
    ChannelWaste, or None when it cannot be judged: no closed interval was measured, or fewer than
    8 closed stretches of history.

    References
    ----------
    Night and weekend base load: P. N. Price, "Methods for Analyzing Electric Load Shape and its
    Variability", Lawrence Berkeley National Laboratory, 2010. Claiming whole stretches by their
    median, and what is taken off after a busy day, are this project's choice.
    """
    power = power_kw.to_numpy(dtype=float)
    residual = power - expected.expected_kw
    closed = ~calendar.is_open
    known = judged & closed & np.isfinite(residual)
    past = _stretches(residual, calendar, is_history & closed)
    if not known.any() or len(past) < MIN_PAST_STRETCHES:
        return None
    difference = open_closed_difference(expected, calendar)
    usual = _usual_night(past, difference)
    least_kw = max(
        NIGHT_SPREADS * usual.spread_kw,
        MIN_SHARE_OF_DIFFERENCE * difference,
        MIN_SHARE_OF_LEVEL * expected.level_kw,
        MIN_KW,
    )
    score = score or interval_score(power, calendar, is_history)
    claimed, quiet = [], list(past)
    for stretch in _stretches(residual, calendar, judged & closed):
        # Whether there is waste is decided after all that the day may explain; how much, after
        # what it usually leaves.
        most_kw = usual.most_after(stretch)
        excess_kw = residual[stretch.start : stretch.stop] - most_kw
        inside = slice(stretch.start, stretch.stop)
        if np.count_nonzero(score.is_claimed[inside]) >= MIN_MEASURED * len(excess_kw):
            parts = _on_parts(excess_kw, stretch.excess_kw - most_kw, least_kw, calendar)
        else:
            scale_kw = expected.scale_kw[inside]
            parts = [
                (start, stop)
                for start, stop in _parts(excess_kw, scale_kw, difference, least_kw, calendar)
                if score.is_high[inside][start:stop].mean() >= MIN_PART_HIGH
                or _is_beyond(excess_kw[start:stop], scale_kw[start:stop], least_kw)
            ]
        if parts:
            claimed.append((stretch, parts))
        else:
            quiet.append(stretch)
    claims = [
        _Claim(stretch.start + start, stretch.start + stop, usual.near(stretch, quiet, calendar))
        for stretch, parts in claimed
        for start, stop in parts
    ]
    excess_kwh, error_kwh = _energy(claims, residual, calendar, usual.spread_kw, len(past))
    return ChannelWaste(
        baseline_kw=float(expected.expected_kw[known].mean()),
        after_hours_kwh=float(power[known].sum() * calendar.hours),
        excess_kwh=excess_kwh,
        error_pct=100 * error_kwh / excess_kwh if excess_kwh > 0 else 0.0,
        stretches=tuple((claim.start, claim.stop) for claim in claims),
    )


def open_closed_difference(expected: Expected, calendar: Calendar) -> float:
    """Median expected power when open less when closed [kW], at least a tenth of the level."""
    known = np.isfinite(expected.expected_kw)
    in_hours = expected.expected_kw[known & calendar.is_open]
    closed = expected.expected_kw[known & ~calendar.is_open]
    least = 0.1 * expected.level_kw
    if not len(in_hours) or not len(closed):
        return least
    return max(float(np.median(in_hours) - np.median(closed)), least)


def _stretches(residual: Floats, calendar: Calendar, mask: Mask) -> list[_Stretch]:
    """Closed stretches of the mask that were measured for at least half of their time.

    Cut where a week before the period begins, so that past ones are as long as those judged.
    """
    found = []
    # Hourly means, of closed hours only: the median of a load that cycles is its off state.
    hourly = rolling_mean(np.where(mask, residual, np.nan), calendar.intervals(1.0))
    weeks = _week(calendar)
    for start, stop in _cut_by_week(mask, weeks):
        measured = np.isfinite(residual[start:stop])
        if np.count_nonzero(measured) < MIN_MEASURED * (stop - start):
            continue
        means = hourly[start:stop]
        median_kw = _median(means[np.isfinite(means)])
        before_kw = _excess_before(start, residual, calendar)
        found.append(_Stretch(start, stop, int(weeks[start]), median_kw, before_kw))
    return found


def _median(values: Floats) -> float:
    """Of a few values; np.median takes five times as long."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _cut_by_week(mask: Mask, weeks: NDArray[np.int64]) -> list[tuple[int, int]]:
    starts_week = np.flatnonzero(np.diff(weeks)) + 1
    changes = np.flatnonzero(np.diff(mask)) + 1
    edges = np.unique(np.concatenate([[0], starts_week, changes, [len(mask)]])).tolist()
    return [(start, stop) for start, stop in pairwise(edges) if mask[start]]


def _week(calendar: Calendar) -> NDArray[np.int64]:
    """Number of each interval's week, counted back from the end of the period: ..., -2, -1."""
    return (calendar.day - (calendar.day[-1] + 1)) // WEEKDAYS  # the period ends with the index


def _excess_before(start: int, residual: Floats, calendar: Calendar) -> float:
    """Mean excess of the open hours just before a stretch [kW]; 0 when it was not positive."""
    first = max(start - calendar.intervals(BUSY_DAY_HOURS), 0)
    before = residual[first:start][calendar.is_open[first:start]]
    before = before[np.isfinite(before)]
    return max(float(before.mean()), 0.0) if len(before) else 0.0


def _usual_night(past: list[_Stretch], difference: float) -> _UsualNight:
    """Learn from past nights what a busy day leaves behind, their level and their spread."""
    excess = np.array([stretch.excess_kw for stretch in past])
    before = np.array([stretch.before_kw for stretch in past])
    limit = NIGHT_SPREADS * robust_sigma(excess - np.median(excess))
    ordinary = np.clip(excess, np.median(excess) - limit, np.median(excess) + limit)
    # Within each week: over a season both fall together without one leaving the other behind.
    week = np.array([stretch.week for stretch in past])
    share = _busy_day_share(
        _without_level(before, week), _without_level(ordinary, week), difference
    )
    nights = excess - share * before
    usual_kw = float(np.median(nights))
    spread_kw = max(float(robust_sigma(nights - usual_kw)), SPREAD_FLOOR * difference)
    drift_kw = float(np.median(nights[-RECENT_STRETCHES:])) - usual_kw
    # No more than half of the nights differ from each other: waste in the newest is no drift.
    most_kw = float(np.median(np.abs(nights - usual_kw)))
    return _UsualNight(
        excess_kw=usual_kw + min(max(drift_kw, -most_kw), most_kw),
        spread_kw=spread_kw,
        busy_day_share=share,
        season_share=_busy_day_share(before, ordinary, difference),
    )


def _busy_day_share(day_kw: Floats, night_kw: Floats, difference: float) -> float:
    """How much of a day's excess the night after it shows, between 0 and the largest believed."""
    weight = PRIOR_DAYS * (PRIOR_BUSY_SHARE_OF_DIFFERENCE * difference) ** 2 + 1e-12
    slope = (day_kw @ night_kw + PRIOR_BUSY_DAY_SHARE * weight) / (day_kw @ day_kw + weight)
    return min(max(float(slope), 0.0), MAX_BUSY_DAY_SHARE)


def _without_level(values: Floats, week: NDArray[np.int64]) -> Floats:
    """`values` less the mean of their week."""
    _, group = np.unique(week, return_inverse=True)
    return np.asarray(values - (np.bincount(group, weights=values) / np.bincount(group))[group])


def _on_parts(
    excess_kw: Floats, stretch_kw: float, least_kw: float, calendar: Calendar
) -> list[tuple[int, int]]:
    """A claimed stretch without the parts in which it was clearly off for hours."""
    sustained = rolling_mean(excess_kw, calendar.intervals(1.0))
    is_on = np.ones(len(excess_kw), dtype=bool)
    for start, stop in runs(sustained < OFF_SHARE * stretch_kw):
        mean_kw = float(np.nanmean(excess_kw[start:stop]))
        if stop - start >= calendar.intervals(OFF_HOURS) and mean_kw < least_kw:
            is_on[start:stop] = False
    return runs(is_on)


def _parts(
    excess_kw: Floats, scale_kw: Floats, difference: float, least_kw: float, calendar: Calendar
) -> list[tuple[int, int]]:
    """Runs inside a stretch in which something was on for part of it."""
    if not (excess_kw > least_kw).any():
        return []
    sustained = rolling_mean(excess_kw, calendar.intervals(1.0))
    claimed = np.zeros(len(excess_kw), dtype=bool)
    for hours, share, scales in PARTS:
        is_on = sustained > np.maximum(max(least_kw, share * difference), scales * scale_kw)
        is_on = bridge(is_on, calendar.intervals(PART_BRIDGED_HOURS))
        for start, stop in runs(is_on):
            if stop - start >= calendar.intervals(hours):
                claimed[start:stop] = True
    return runs(claimed)


def _is_beyond(excess_kw: Floats, scale_kw: Floats, least_kw: float) -> bool:
    """So large that the scorecard need not be asked."""
    known = np.isfinite(excess_kw) & np.isfinite(scale_kw)
    if not known.any():
        return False
    far_kw = BEYOND * max(least_kw, BEYOND * float(np.median(scale_kw[known])))
    return float(excess_kw[known].mean()) >= far_kw


def _energy(
    claims: list[_Claim], residual: Floats, calendar: Calendar, spread: float, nights: int
) -> tuple[float, float]:
    """Energy of the claims [kWh] and the half-width of its 90 % interval [kWh]."""
    excess_kwh, hours = 0.0, []
    for claim in claims:
        part = residual[claim.start : claim.stop]
        part = part[np.isfinite(part)]
        excess_kwh += float((part - claim.usual_kw).sum() * calendar.hours)
        hours.append(len(part) * calendar.hours)
    own = math.sqrt(sum(hour**2 for hour in hours))
    common = sum(hours) * math.sqrt(math.pi / 2 / nights)
    return max(excess_kwh, 0.0), NINETY_PERCENT * spread * math.hypot(own, common)
