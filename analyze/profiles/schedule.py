"""When a load is really on, by weekday, and where that is not what is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Literal, cast

import numpy as np
import pandas as pd

from analyze.calendar_days import DAY_SECONDS, SUNDAY, Calendar
from analyze.learned_hours import MIN_CONTRAST, OPEN_FROM_SHARE
from analyze.profiles.load_shape import day_types
from config.sites import WEEKDAYS, OpeningHours, Weekday
from lib.stats_utils import Floats, bridge, nan_quantile, runs

# Shorter steps are pooled, so that minutes do not make the hours ragged.
STEP_SECONDS = 900
# The level of nights and of days, among the usual values of a week.
LOW_POINT, HIGH_POINT = 0.025, 0.975
MIN_DAYS = 3
MIN_ON_HOURS = 2.0
# A lunch break does not close a building.
LONGEST_BREAK_HOURS = 2.0
TOLERANCE_HOURS = 1.0
HOLIDAY = 3

What = Literal["opens", "closes", "used_while_closed", "idle_while_open"]


@dataclass(frozen=True)
class DayHours:
    """From when to when a load is on, on one weekday [h of the local clock]; both None: never."""

    weekday: Weekday
    days: int
    on_from: float | None
    on_until: float | None


@dataclass(frozen=True)
class Difference:
    """Where a load's hours and the configured ones lie more than TOLERANCE_HOURS apart."""

    weekday: Weekday
    what: What
    configured: float | None
    found: float | None
    text: str


def inferred_hours(power_kw: pd.Series, calendar: Calendar) -> list[DayHours]:
    """When a load is on, by weekday, from its usual (median) course.

    A step of the day is on where its median lies OPEN_FROM_SHARE of the way from the week's low
    level to its high one; breaks of at most LONGEST_BREAK_HOURS are bridged, and the longest
    stretch of at least MIN_ON_HOURS counts. Days off are left out. Weekdays with fewer than
    MIN_DAYS measured days are not told; an empty list where days and nights do not differ.
    """
    if calendar.interval_seconds > 3600:
        return []
    values = power_kw.to_numpy(dtype=float)
    usual, days = _usual_week(values, calendar)
    known = usual[np.isfinite(usual)]
    if not len(known):
        return []
    low, high = np.quantile(known, [LOW_POINT, HIGH_POINT])
    if high - low < MIN_CONTRAST * abs(high) or high == low:
        return []
    step_hours = 24 / usual.shape[1]
    found = []
    for number, name in enumerate(WEEKDAYS):
        weekday = cast(Weekday, name)
        if days[number] < MIN_DAYS:
            continue
        is_on = usual[number] > low + OPEN_FROM_SHARE * (high - low)
        stretches = runs(bridge(is_on, int(LONGEST_BREAK_HOURS / step_hours)))
        longest = max(stretches, key=lambda run: run[1] - run[0], default=(0, 0))
        if (longest[1] - longest[0]) * step_hours < MIN_ON_HOURS:
            found.append(DayHours(weekday, int(days[number]), None, None))
        else:
            begin, end = (round(edge * step_hours, 4) for edge in longest)
            found.append(DayHours(weekday, int(days[number]), begin, end))
    return found


def differences(
    found: Sequence[DayHours], configured: Mapping[Weekday, OpeningHours]
) -> list[Difference]:
    """Where the hours found and configured differ; nothing where none are configured."""
    if not configured:
        return []
    told = []
    for day in found:
        hours = configured.get(day.weekday)
        if hours is None:
            if day.on_from is not None and day.on_until is not None:
                text = f"on {_span(day.on_from, day.on_until)}, configured as closed"
                told.append(Difference(day.weekday, "used_while_closed", None, day.on_from, text))
            continue
        opens, closes = clock_hours(hours.opens), clock_hours(hours.closes)
        if day.on_from is None or day.on_until is None:
            text = f"never on, configured as open {_span(opens, closes)}"
            told.append(Difference(day.weekday, "idle_while_open", opens, None, text))
            continue
        told += _edge(day.weekday, "opens", "on", opens, day.on_from)
        told += _edge(day.weekday, "closes", "off", closes, day.on_until)
    return told


def clock_hours(clock: time) -> float:
    """A time of day as hours; the last instant of the day is 24."""
    return round(
        clock.hour + clock.minute / 60 + (clock.second + clock.microsecond / 1e6) / 3600, 4
    )


def clock_text(hours: float) -> str:
    """Hours as people write a time of day.

    >>> clock_text(6.25)
    '06:15'
    """
    minutes = round(hours * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _edge(
    weekday: Weekday, what: What, word: str, configured: float, found: float
) -> list[Difference]:
    apart = found - configured
    if abs(apart) <= TOLERANCE_HOURS:
        return []
    side = "after" if apart > 0 else "before"
    limit = "opening" if what == "opens" else "closing"
    text = (
        f"{word} at {clock_text(found)}, {abs(apart):g} h {side} {limit} at "
        f"{clock_text(configured)}"
    )
    return [Difference(weekday, what, configured, found, text)]


def _span(begin: float, end: float) -> str:
    return f"{clock_text(begin)}–{clock_text(end)}"


def _usual_week(values: Floats, calendar: Calendar) -> tuple[Floats, np.ndarray]:
    """Median by weekday and step of the day, shape (7, steps), and measured days by weekday."""
    step = max(STEP_SECONDS, calendar.interval_seconds)
    steps = DAY_SECONDS // step
    on_step = np.minimum(calendar.slot * calendar.interval_seconds // step, steps - 1)
    usable = np.isfinite(values) & (day_types(calendar) != HOLIDAY)
    by_clock = np.where(usable, calendar.weekday, SUNDAY)
    table = np.full((7, steps), np.nan)
    days = np.zeros(7, dtype=int)
    for number in range(7):
        chosen = usable & (by_clock == number)
        days[number] = len(np.unique(calendar.day[chosen]))
        if days[number]:
            table[number] = _median_by_step(values[chosen], on_step[chosen], steps)
    return table, days


def _median_by_step(values: Floats, on_step: np.ndarray, steps: int) -> Floats:
    """Median of the values of each step, shape (steps,); NaN where there is none."""
    order = np.argsort(on_step, kind="stable")
    counts = np.bincount(on_step, minlength=steps)
    within = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((int(counts.max()), steps), np.nan)
    table[within, on_step[order]] = values[order]
    return nan_quantile(table, 0.5)
