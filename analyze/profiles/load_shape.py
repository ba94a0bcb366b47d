"""The shape of a load: base, peak, duration, hours of the day and of the week.

Definitions follow P. N. Price, "Methods for Analyzing Electric Load Shape and its Variability",
Lawrence Berkeley National Laboratory, LBNL-3713E, 2010: the near-base load is the 2.5 % quantile
and the near-peak load the 97.5 % quantile, so that one odd interval decides neither; the high-load
duration is the time for which the load is nearer to the near-peak than to the near-base load.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from analyze.calendar_days import EPOCH_WEEKDAY, SUNDAY, Calendar
from analyze.profiles.site_power import MIN_DAY_SHARE
from lib.stats_utils import Floats, Mask, nan_quantile

NEAR_BASE, NEAR_PEAK = 0.025, 0.975
# Band about the mean of an hour of the day: four of five values lie inside.
LOW_POINT, HIGH_POINT = 0.1, 0.9
# Below this share of the near-peak load, base and peak of a day differ by noise.
HIGH_LOAD_CONTRAST = 0.25
PEAK_DAYS = 10
HOURS_PER_DAY = 24
SATURDAY = 5
DAY_TYPES = ("workday", "saturday", "sunday", "holiday")


@dataclass(frozen=True)
class LoadFigures:
    """What one number says of a load; None where it has no meaning.

    `completeness_pct` is of the intervals due. Energy is that measured; `base_share_pct` is the
    share of it that the near-base load alone would have used. `base_to_peak` is near-base over
    near-peak, `load_factor` mean over peak; `peak_kw` the highest interval, at `peak_at`.
    """

    completeness_pct: float | None
    measured_hours: float
    energy_kwh: float | None
    mean_kw: float | None
    near_base_kw: float | None
    near_peak_kw: float | None
    base_to_peak: float | None
    base_share_pct: float | None
    load_factor: float | None
    peak_kw: float | None
    peak_at: datetime | None


@dataclass(frozen=True)
class DayShape:
    """The usual day of one of DAY_TYPES; figures are medians over its days, hours local.

    `mean_kw`, `low_kw` and `high_kw` (10 and 90 % of the intervals) have one value for each hour
    0..23, NaN where nothing was measured.
    """

    day_type: str
    days: int
    mean_day_kwh: float | None
    near_base_kw: float | None
    near_peak_kw: float | None
    base_to_peak: float | None
    high_load_hours: float | None
    mean_kw: Floats
    low_kw: Floats
    high_kw: Floats


@dataclass(frozen=True)
class Peak:
    """The highest interval mean of a day, and when it began."""

    power_kw: float
    at: datetime


def load_figures(power_kw: pd.Series, hours: float, due: int) -> LoadFigures:
    """Figures of a load.

    Parameters
    ----------
    power_kw : shape (n,), mean power of each interval [kW]; NaN where unmeasured.
    hours : length of an interval [h].
    due : how many intervals should have been measured.
    """
    measured = power_kw.dropna()
    completeness = min(100 * len(measured) / due, 100.0) if due else None
    if measured.empty:
        return LoadFigures(completeness, 0.0, *[None] * 9)
    values = measured.to_numpy(dtype=float)
    near_base, near_peak = (float(v) for v in np.quantile(values, [NEAR_BASE, NEAR_PEAK]))
    mean, peak = float(values.mean()), float(values.max())
    return LoadFigures(
        completeness_pct=completeness,
        measured_hours=len(values) * hours,
        energy_kwh=float(values.sum() * hours),
        mean_kw=mean,
        near_base_kw=near_base,
        near_peak_kw=near_peak,
        base_to_peak=_ratio(near_base, near_peak),
        base_share_pct=_percent(_ratio(near_base, mean)),
        load_factor=_ratio(mean, peak),
        peak_kw=peak,
        peak_at=measured.idxmax().to_pydatetime(),
    )


def day_shapes(power_kw: pd.Series, calendar: Calendar) -> list[DayShape]:
    """The usual day of each day type that occurs, over the days measured well enough.

    A day off is a holiday whatever its weekday. Intervals of more than an hour have no shape.
    """
    if calendar.interval_seconds > 3600 or not len(power_kw):
        return []
    values = power_kw.to_numpy(dtype=float)
    days, position, by_day = _by_day(values, calendar)
    kinds = day_types(calendar)[np.searchsorted(calendar.day, days)]
    lengths = np.bincount(position)
    counts = np.isfinite(by_day).sum(axis=0)
    usable = counts >= MIN_DAY_SHARE * lengths - 1e-9
    base, peak = nan_quantile(by_day, NEAR_BASE), nan_quantile(by_day, NEAR_PEAK)
    means = _sums(by_day) / np.maximum(counts, 1)
    is_high = by_day > (base + peak) / 2
    # Of a day with gaps: the share of its measured time, told for the whole day.
    high_hours = is_high.sum(axis=0) * calendar.hours * lengths / np.maximum(counts, 1)
    shapes = []
    for number, kind in enumerate(DAY_TYPES):
        chosen = usable & (kinds == number)
        if not chosen.any():
            continue
        inside = chosen[position]
        mean, low, high = _hourly(values[inside], calendar.slot[inside], calendar)
        shapes.append(
            DayShape(
                day_type=kind,
                days=int(chosen.sum()),
                mean_day_kwh=float(means[chosen].mean() * HOURS_PER_DAY),
                near_base_kw=float(np.median(base[chosen])),
                near_peak_kw=float(np.median(peak[chosen])),
                base_to_peak=_ratio(float(np.median(base[chosen])), float(np.median(peak[chosen]))),
                high_load_hours=_high_load_hours(base[chosen], peak[chosen], high_hours[chosen]),
                mean_kw=mean,
                low_kw=low,
                high_kw=high,
            )
        )
    return shapes


def _high_load_hours(base: Floats, peak: Floats, high_hours: Floats) -> float | None:
    """Median of the days; None where base and peak hardly differ, so that noise would decide."""
    low, high = float(np.median(base)), float(np.median(peak))
    differ = high - low >= HIGH_LOAD_CONTRAST * abs(high) > 0
    return float(np.median(high_hours)) if differ else None


def day_types(calendar: Calendar) -> np.ndarray:
    """Number in DAY_TYPES of each interval, shape (n,)."""
    by_clock = (calendar.day + EPOCH_WEEKDAY) % 7
    kinds = np.select([by_clock == SUNDAY, by_clock == SATURDAY], [2, 1], 0)
    # The calendar shows days off as Sundays; a day off on a Sunday is one anyway.
    return np.where((calendar.weekday == SUNDAY) & (by_clock != SUNDAY), 3, kinds)


def heat_map(power_kw: pd.Series, calendar: Calendar) -> Floats | None:
    """Mean power [kW] by weekday (Monday first, days off as Sundays) and local hour, shape (7, 24).

    NaN where nothing was measured; None for intervals of more than an hour.
    """
    if calendar.interval_seconds > 3600:
        return None
    cell = calendar.weekday * HOURS_PER_DAY + _hour(calendar.slot, calendar)
    sums, counts = _binned(power_kw.to_numpy(dtype=float), cell, 7 * HOURS_PER_DAY)
    return _divided(sums, counts).reshape(7, HOURS_PER_DAY)


def weekly_pattern(daily_kw: pd.Series, day_off: Mask) -> Floats:
    """Mean energy of a day [kWh], Monday to Sunday, days off as Sundays, shape (7,).

    Parameters
    ----------
    daily_kw : mean power by local day [kW]; NaN where too little was measured.
    day_off : True for public holidays and closed days, shape of `daily_kw`.
    """
    weekday = np.where(day_off, SUNDAY, daily_kw.index.day_of_week)
    sums, counts = _binned(daily_kw.to_numpy(dtype=float), weekday, 7)
    return _divided(sums, counts) * HOURS_PER_DAY


def load_duration(power_kw: pd.Series) -> Floats:
    """Power [kW] reached or exceeded for 0, 1 .. 100 % of the measured time, shape (101,)."""
    values = power_kw.dropna().to_numpy(dtype=float)
    if not len(values):
        return np.full(101, np.nan)
    return np.asarray(np.quantile(values, np.linspace(1, 0, 101)))


def peak_days(power_kw: pd.Series) -> list[Peak]:
    """The days with the highest interval means, highest first; of equal ones the earliest."""
    measured = power_kw.dropna()
    if measured.empty:
        return []
    days = measured.index.tz_localize(None).normalize()
    at = measured.groupby(days).idxmax()
    found = measured[at].sort_values(ascending=False, kind="stable")[:PEAK_DAYS]
    return [Peak(float(kw), instant.to_pydatetime()) for instant, kw in found.items()]


def closed_share_pct(power_kw: pd.Series, calendar: Calendar) -> float | None:
    """Share of the measured energy that was used while the site was closed [%]."""
    values = power_kw.to_numpy(dtype=float)
    total = float(np.nansum(values))
    closed = float(np.nansum(values[~calendar.is_open]))
    return _percent(_ratio(closed, total))


def _by_day(values: Floats, calendar: Calendar) -> tuple[np.ndarray, np.ndarray, Floats]:
    """Days, the day number of each interval, and a column of values for each day."""
    days, first, position = np.unique(calendar.day, return_index=True, return_inverse=True)
    within = np.arange(len(values)) - first[position]
    table = np.full((int(within.max()) + 1, len(days)), np.nan)
    table[within, position] = values
    return days, position, table


def _hourly(values: Floats, slot: np.ndarray, calendar: Calendar) -> tuple[Floats, Floats, Floats]:
    """Mean, LOW_POINT and HIGH_POINT of the intervals of each local hour, shape (24,) each."""
    hour = _hour(slot, calendar)
    order = np.argsort(hour, kind="stable")
    count = np.bincount(hour, minlength=HOURS_PER_DAY)
    within = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    by_hour = np.full((int(count.max()), HOURS_PER_DAY), np.nan)
    by_hour[within, hour[order]] = values[order]
    mean = _divided(_sums(by_hour), np.isfinite(by_hour).sum(axis=0).astype(float))
    return mean, nan_quantile(by_hour, LOW_POINT), nan_quantile(by_hour, HIGH_POINT)


def _hour(slot: np.ndarray, calendar: Calendar) -> np.ndarray:
    """Local hour of each slot of the day."""
    return np.asarray(slot * calendar.interval_seconds // 3600)


def _binned(values: Floats, cell: np.ndarray, count: int) -> tuple[Floats, Floats]:
    known = np.isfinite(values)
    sums = np.bincount(cell[known], weights=values[known], minlength=count)
    return sums.astype(float), np.bincount(cell[known], minlength=count).astype(float)


def _divided(sums: Floats, counts: Floats) -> Floats:
    return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)


def _sums(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, 0.0).sum(axis=0)


def _ratio(part: float, whole: float) -> float | None:
    """None where the whole is no load, or one that feeds back: a ratio would mislead."""
    return part / whole if whole > 0 else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
