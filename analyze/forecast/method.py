"""Forecast a load from days of the same type, and say how far such forecasts were off before.

Point: the mean of two forecasts that err differently: the median of the last four days of the same
type, moved by how far the last seven days were off that, by time of day; and the same weekday of
last week, where it was of the same type. Uncertainty: the errors that the same rule made from each
earlier day on, scaled by how restless each time of day is. docs/methods.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyze.forecast.day_grid import DayGrid
from lib.stats_utils import Floats, nan_quantile

SAME_DAYS = 4
# A day of the same type that lies longer ago tells of another season.
OLDEST_DAYS = 56
RECENT_DAYS = 7
# Weight of a recent day against the next, and the share of its deviation that is carried on.
RECENT_DECAY = 0.8
CARRIED_SHARE = 0.6
LAST_WEEK_SHARE = 0.5
# Days of which the same rule could be tried before its error can be told.
MIN_TRIALS = 7
MIN_HISTORY_DAYS = 28
PATH_DAYS = 7
PEAK_WIDENING = 1.25
# A trial counts where so much of it was measured.
COMPLETE_SHARE = 0.75
# Past errors are of a past with less surprise than the future: see docs/methods.md.
WIDENING = 1.1
# No time of day is surer than this share of the mean error.
SCALE_FLOOR = 0.3


@dataclass(frozen=True)
class Trials:
    """What the rule said on each day of the past, and how wrong it was.

    point_kw : shape (origins, days, slots): made with the days before row `origins[i]`.
    error_kw : actual minus `point_kw`.
    """

    origins: NDArray[np.int64]
    point_kw: Floats
    error_kw: Floats


class SameDayRule:
    """The point forecast; causal: from an origin it looks at earlier days only."""

    def __init__(self, grid: DayGrid) -> None:
        """Work out once what each day's own rule said of it."""
        self.grid = grid
        usual = [self._usual(day_type, day) for day, day_type in enumerate(grid.day_type)]
        self._deviation_kw = grid.power_kw - np.array(usual)

    def forecast(self, origin: int, days: int) -> Floats:
        """Power of `days` days from row `origin` on, shape (days, slots) [kW]."""
        types = self.grid.day_type[origin : origin + days]
        moved = {is_work: self._carried(origin, is_work) for is_work in (True, False)}
        usual = {day_type: self._usual(day_type, origin) for day_type in np.unique(types)}
        works = self.grid.is_workday[origin : origin + days]
        rows = [usual[kind] + moved[bool(work)] for kind, work in zip(types, works, strict=True)]
        point_kw = np.array(rows).reshape(len(rows), self.grid.power_kw.shape[1])
        last_week = self._last_week(origin, types)
        mixed = LAST_WEEK_SHARE * last_week + (1 - LAST_WEEK_SHARE) * point_kw
        point_kw = np.where(np.isfinite(mixed), mixed, point_kw)
        known = self.grid.power_kw[:origin]
        if np.isfinite(known).any() and np.nanmin(known) >= 0:
            point_kw = np.maximum(point_kw, 0.0)
        return point_kw

    def filled(self, day: int) -> Floats:
        """What the rule says of one past day from the days before it, shape (slots,) [kW]."""
        return np.asarray(self.forecast(day, 1)[0])

    def _last_week(self, origin: int, types: NDArray[np.int64]) -> Floats:
        """The same weekdays of the week before, NaN for a day of another type."""
        rows = origin - RECENT_DAYS + np.arange(len(types)) % RECENT_DAYS
        is_same = (rows >= 0) & (self.grid.day_type[rows] == types)
        return np.where(is_same[:, np.newaxis], self.grid.power_kw[rows], np.nan)

    def _usual(self, day_type: int, before: int) -> Floats:
        first = max(before - OLDEST_DAYS, 0)
        same = first + np.flatnonzero(self.grid.day_type[first:before] == day_type)
        same = same[np.isfinite(self.grid.power_kw[same]).any(axis=1)][-SAME_DAYS:]
        if not len(same):
            return np.full(self.grid.power_kw.shape[1], np.nan)
        return nan_quantile(self.grid.power_kw[same], 0.5)

    def _carried(self, origin: int, is_work: bool) -> Floats:
        """The deviation of the recent days that goes on, shape (slots,) [kW]."""
        first = max(origin - RECENT_DAYS, 0)
        rows = np.flatnonzero(self.grid.is_workday[first:origin] == is_work) + first
        deviation = self._deviation_kw[rows]
        known = np.isfinite(deviation)
        weight = known * RECENT_DECAY ** (origin - 1 - rows)[:, np.newaxis]
        sums = (np.where(known, deviation, 0.0) * weight).sum(axis=0)
        mean = np.divide(sums, weight.sum(axis=0), out=np.zeros_like(sums), where=sums != 0)
        # Neighbouring slots share what is chance in each.
        around = np.concatenate([mean[-1:], mean, mean[:1]])
        smooth = (around[:-2] + 2 * around[1:-1] + around[2:]) / 4
        return np.asarray(CARRIED_SHARE * smooth)


def trials(rule: SameDayRule, first: int, last: int, days: int) -> Trials:
    """Forecasts of `days` days from each row of [first, last), of which the actual is known."""
    grid = rule.grid
    origins = np.arange(max(first, 1), max(last, first, 1))
    slots = grid.power_kw.shape[1]
    point_kw = np.full((len(origins), days, slots), np.nan)
    error_kw = np.full((len(origins), days, slots), np.nan)
    for number, origin in enumerate(origins):
        said = rule.forecast(int(origin), days)
        point_kw[number, : len(said)] = said
        error_kw[number, : len(said)] = grid.power_kw[origin : origin + len(said)] - said
    return Trials(origins, point_kw, error_kw)


def error_paths(rule: SameDayRule, done: Trials, origin: int, days: int) -> Floats:
    """How the days from `origin` on may deviate, shape (paths, days, slots) [kW].

    Each path is the error that was made from one earlier day on, and its mirror image: what was
    too high once may be too low next time. Errors are carried from slot to slot in units of the
    mean error of their time of day and kind of day. Where the past is too short for as many days,
    a week's errors are repeated. Empty where there are fewer than MIN_TRIALS.
    """
    works = rule.grid.is_workday
    length = days if (done.origins + days <= origin).sum() >= 3 * MIN_TRIALS else PATH_DAYS
    length = min(length, days, done.error_kw.shape[1])
    usable = done.origins + length <= origin
    errors = done.error_kw[usable][:, :length]
    if usable.sum() < MIN_TRIALS:
        return np.empty((0, days, errors.shape[2]))
    rows = done.origins[usable][:, np.newaxis] + np.arange(length)
    scale = _scale_kw(errors, works[rows])
    units = np.where(np.isfinite(errors), errors, 0.0) / scale[works[rows].astype(int)]
    complete = np.isfinite(errors).mean(axis=(1, 2)) >= COMPLETE_SHARE
    units = units[complete][:, np.arange(days) % length]
    paths = WIDENING * units * scale[works[origin : origin + days].astype(int)]
    return np.concatenate([paths, -paths])


def peak_paths(grid: DayGrid, done: Trials, origin: int, days: int) -> Floats:
    """What the highest power of the days from `origin` on may be, shape (n,) [kW].

    The highest of the last seven days, times what came over it from each earlier day on. (Neither
    the highest of a forecast, which is smoother than a load, nor longer memory did better.) The
    logarithms are widened about their median. Empty where there are fewer than MIN_TRIALS.
    """
    length = min(days, done.error_kw.shape[1])
    usable = done.origins + length <= origin
    error_kw, said_kw = done.error_kw[usable][:, :length], done.point_kw[usable][:, :length]
    complete = np.isfinite(error_kw).mean(axis=(1, 2)) >= COMPLETE_SHARE
    origins = done.origins[usable][complete]
    if not len(origins):
        return np.empty(0)
    said_kw, error_kw = said_kw[complete], error_kw[complete]
    came = np.nanmax(said_kw + error_kw, axis=(1, 2))
    guessed = np.array([_peak_guess(grid, int(one)) for one in origins])
    usual = (came > 0) & (guessed > 0)
    if usual.sum() < MIN_TRIALS:
        return np.empty(0)
    logs = np.log(came[usual] / guessed[usual])
    middle = np.median(logs)
    guess = _peak_guess(grid, origin)
    return np.asarray(guess * np.exp(middle + PEAK_WIDENING * (logs - middle)))


def _peak_guess(grid: DayGrid, origin: int) -> float:
    """Highest power of the last seven days [kW]; 0 where nothing was measured."""
    week = grid.power_kw[max(origin - RECENT_DAYS, 0) : origin]
    return float(np.nanmax(week)) if np.isfinite(week).any() else 0.0


def _scale_kw(errors: Floats, is_work: np.ndarray) -> Floats:
    """Mean absolute error of days off and of workdays by slot, shape (2, slots), with a floor."""
    sizes = np.abs(errors)
    overall = float(np.nanmean(sizes)) if np.isfinite(sizes).any() else 0.0
    scales = []
    for kind in (False, True):
        here = np.where((is_work == kind)[..., np.newaxis], sizes, np.nan)
        flat = here.reshape(-1, here.shape[-1])
        counts = np.isfinite(flat).sum(axis=0)
        mean = np.where(counts > 0, np.nansum(flat, axis=0) / np.maximum(counts, 1), overall)
        around = np.concatenate([mean[-1:], mean, mean[:1]])
        scales.append((around[:-2] + around[1:-1] + around[2:]) / 3)
    # A load that never erred has paths of zero, not of 0 / 0.
    return np.maximum(np.array(scales), max(SCALE_FLOOR * overall, 1e-9))
