"""Closed stretches, from closing to opening, and what was usual of a channel's past ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analyze.baseline import WEEKDAYS
from analyze.calendar_days import Calendar
from analyze.expected_load import mean_last, median_last
from analyze.hourly_days import rows_between
from lib.stats_utils import Floats, Mask, median_of_few, robust_sigma, rolling_mean

# So many spreads from the usual a night is no ordinary one.
NIGHT_SPREADS = 4.0
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
# The level drifts with the season: it is read from the newest nights, about two weeks of them.
RECENT_STRETCHES = 12
# How far in time a quiet night tells of another's level: its weight falls to 37 % in so many days.
NEAR_DAYS = 4.0
MIN_MEASURED = 0.5


@dataclass(frozen=True)
class Stretch:
    """A closed stretch [start, stop): its median excess, and the mean excess before closing.

    `week` numbers the weeks to the end of the period, ..., -2, -1.
    """

    start: int
    stop: int
    week: int
    excess_kw: float
    before_kw: float


@dataclass(frozen=True)
class UsualNight:
    """What past nights were like: newest excess, its standard deviation, busy days' share.

    `season_share` is the share over the whole history, weather and seasons included.
    """

    excess_kw: float
    spread_kw: float
    busy_day_share: float
    season_share: float

    def near(self, stretch: Stretch, quiet: list[Stretch], calendar: Calendar) -> float:
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

    def most_after(self, stretch: Stretch) -> float:
        """The excess that may be due to such a day and its weather [kW]."""
        share = max(self.busy_day_share, self.season_share)
        return self.excess_kw + share * stretch.before_kw


def closed_stretches(residual: Floats, calendar: Calendar, mask: Mask) -> list[Stretch]:
    """Closed stretches of the mask that were measured for at least half of their time.

    Cut where a week before the period begins, so that past ones are as long as those judged.
    """
    edges = _cut_by_week(mask, weeks := week_numbers(calendar))
    measured = np.isfinite(residual)
    # Hourly means, of closed hours only: the median of a load that cycles is its off state.
    hourly = rolling_mean(np.where(mask, residual, np.nan), calendar.intervals(1.0))
    start, stop = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    median_kw = median_last(rows_between(hourly, start, stop))
    before_kw = _excess_before(start, residual, calendar)
    return [
        Stretch(first, end, int(weeks[first]), float(median), float(before))
        for (first, end), median, before in zip(edges, median_kw, before_kw, strict=True)
        if np.count_nonzero(measured[first:end]) >= MIN_MEASURED * (end - first)
    ]


def _cut_by_week(mask: Mask, weeks: NDArray[np.int64]) -> list[tuple[int, int]]:
    starts_week = np.flatnonzero(np.diff(weeks)) + 1
    changes = np.flatnonzero(np.diff(mask)) + 1
    edges = np.unique(np.concatenate([[0], starts_week, changes, [len(mask)]])).tolist()
    return [(start, stop) for start, stop in pairwise(edges) if mask[start]]


def week_numbers(calendar: Calendar) -> NDArray[np.int64]:
    """Number of each interval's week, counted back from the end of the index: ..., -2, -1."""
    if not len(calendar.day):
        return np.empty(0, dtype=np.int64)
    return (calendar.day - (calendar.day[-1] + 1)) // WEEKDAYS


def _excess_before(start: NDArray[np.int64], residual: Floats, calendar: Calendar) -> Floats:
    """Mean excess of the open hours just before each stretch [kW]; 0 when it was not positive."""
    in_hours = np.where(calendar.is_open, residual, np.nan)
    first = np.maximum(start - calendar.intervals(BUSY_DAY_HOURS), 0)
    return np.fmax(mean_last(rows_between(in_hours, first, start)), 0.0)


def usual_night(past: list[Stretch], difference: float) -> UsualNight:
    """Learn from past nights what a busy day leaves behind, their level and their spread."""
    excess = np.array([stretch.excess_kw for stretch in past])
    before = np.array([stretch.before_kw for stretch in past])
    middle_kw = median_of_few(excess)
    limit = NIGHT_SPREADS * robust_sigma(excess - middle_kw)
    ordinary = np.clip(excess, middle_kw - limit, middle_kw + limit)
    # Within each week: over a season both fall together without one leaving the other behind.
    week = np.array([stretch.week for stretch in past])
    share = _busy_day_share(
        _without_level(before, week), _without_level(ordinary, week), difference
    )
    nights = excess - share * before
    usual_kw = median_of_few(nights)
    spread_kw = max(float(robust_sigma(nights - usual_kw)), SPREAD_FLOOR * difference)
    drift_kw = median_of_few(nights[-RECENT_STRETCHES:]) - usual_kw
    # No more than half of the nights differ from each other: waste in the newest is no drift.
    most_kw = median_of_few(np.abs(nights - usual_kw))
    return UsualNight(
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
