"""Made-up sites for the analytics tests: every load is a formula, so its answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar, site_calendar
from analyze.findings import WeekFindings
from analyze.readings import (
    MEASURES,
    ChannelRows,
    ChannelSeries,
    SiteData,
    baseline_start,
    channel_series,
)
from analyze.week import analyze_week
from config.sites import SiteConfig
from lib.date_utils import Period

NEW_YORK = "America/New_York"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
# A week without public holidays or clock changes, in it or in the eight weeks before.
MONDAY = date(2025, 8, 18)


def office_site(**changes: Any) -> SiteConfig:
    """Open Monday to Friday 06:00-19:00, US holidays, 0.12 a kWh."""
    values: dict[str, Any] = {
        "site_id": "1",
        "timezone": NEW_YORK,
        "opening_hours": {day: ["06:00", "19:00"] for day in WEEKDAYS},
        "holidays": {"country": "US"},
        "tariff": [{"valid_from": date(2000, 1, 1), "energy_price_per_kwh": 0.12}],
    }
    return SiteConfig.model_validate(values | changes)


def week_of(monday: date = MONDAY, timezone: str = NEW_YORK) -> Period:
    return Period(monday, monday + timedelta(days=6), timezone)


def times(period: Period, interval_seconds: int = 900, baseline_weeks: int = 6) -> pd.DatetimeIndex:
    """Every interval start from the beginning of the baseline to the end of the period."""
    start = pd.Timestamp(baseline_start(period, baseline_weeks))
    return pd.date_range(start, period.end, freq=f"{interval_seconds}s", inclusive="left")


class Load:
    """A channel's power on a grid, with the site's calendar at hand to plant things."""

    def __init__(
        self,
        period: Period,
        site: SiteConfig | None = None,
        interval_seconds: int = 900,
        baseline_weeks: int = 6,
    ) -> None:
        self.period = period
        self.site = site or office_site()
        self.index = times(period, interval_seconds, baseline_weeks)
        self.calendar: Calendar = site_calendar(self.index, interval_seconds, self.site)
        self.in_period = np.asarray(self.index >= period.start)
        self.hours = interval_seconds / 3600
        self.power_kw = np.zeros(len(self.index))

    @property
    def is_history(self) -> np.ndarray:
        return ~self.in_period

    @property
    def series(self) -> pd.Series:
        return pd.Series(self.power_kw, self.index)

    def between(self, start: str, end: str) -> np.ndarray:
        """True in [start, end), local clock times."""
        zone = self.period.timezone
        first, last = pd.Timestamp(start, tz=zone), pd.Timestamp(end, tz=zone)
        return np.asarray((self.index >= first) & (self.index < last))

    def add(self, start: str, end: str, kw: float) -> float:
        """Add a constant load over [start, end); returns its energy [kWh]."""
        where = self.between(start, end)
        self.power_kw[where] += kw
        return float(where.sum() * self.hours * kw)


def office(
    period: Period,
    *,
    closed_kw: float = 2.0,
    open_kw: float = 10.0,
    noise: float = 0.03,
    seed: int = 0,
    **grid: Any,
) -> Load:
    """A load of two levels with `noise` (relative, Gaussian, smooth over about an hour)."""
    load = Load(period, **grid)
    rng = np.random.default_rng(seed)
    white = rng.standard_normal(len(load.index) + 3)
    smooth = np.convolve(white, np.full(4, 0.5), mode="valid")  # variance 1 again
    level = np.where(load.calendar.is_open, open_kw, closed_kw)
    load.power_kw = level * (1 + noise * smooth)
    return load


def channel(
    load: Load,
    channel_id: int = 1,
    name: str = "RTU-1",
    *,
    channel_type: str = "energy",
    in_site_total: bool = True,
    is_additive: bool = True,
    status: str = "active",
    installed_at: datetime | None = None,
    measures: dict[str, np.ndarray] | None = None,
    shuffle: bool = False,
) -> ChannelSeries:
    """The load as a channel whose intervals are stored where its power is not NaN."""
    interval = load.calendar.interval_seconds
    columns = {"power_kw": load.power_kw, "energy_kwh": load.power_kw * load.hours}
    columns |= measures or {}
    values = np.full((len(load.index), len(MEASURES)), np.nan)
    for measure, column in columns.items():
        values[:, MEASURES.index(measure)] = column
    stored = np.flatnonzero(np.isfinite(values).any(axis=1))
    if shuffle:
        stored = np.random.default_rng(1).permutation(stored)
    series = as_series(
        load.index[stored], np.full(len(stored), interval), values[stored], load, channel_id
    )
    return replace(
        series,
        channel_name=name,
        channel_type=channel_type,
        in_site_total=in_site_total,
        is_additive=is_additive,
        status=status,
        installed_at=installed_at,
    )


def as_series(
    starts: pd.DatetimeIndex,
    lengths: np.ndarray | int,
    values: np.ndarray,
    load: Load,
    channel_id: int = 1,
) -> ChannelSeries:
    """Stored rows of a channel over the load's weeks: starts, lengths [s], MEASURES."""
    interval_seconds = np.broadcast_to(np.asarray(lengths, dtype=np.int64), len(starts))
    rows = ChannelRows(starts.as_unit("s").asi8, interval_seconds, values)
    meter = {
        "channel_id": channel_id,
        "channel_name": "RTU-1",
        "channel_type": "energy",
        "in_site_total": True,
        "is_additive": True,
        "interval_seconds": load.calendar.interval_seconds,
        "status": "active",
        "installed_at": None,
        "timezone": load.period.timezone,
    }
    window = (load.index[0].to_pydatetime(), load.period.end)
    return channel_series(meter, rows, window, load.period.start)


def site_data(channels: Sequence[ChannelSeries], timezone: str = NEW_YORK) -> SiteData:
    return SiteData("1", "Test site", timezone, "USD", tuple(channels))


def findings(
    *channels: ChannelSeries, load: Load, now: datetime | None = None, **changes: Any
) -> WeekFindings:
    """All findings of the load's period; `now` is a day later unless it is given."""
    data = site_data(channels, load.period.timezone)
    site = load.site.model_copy(update=changes)
    return analyze_week(data, site, load.period, now or load.period.end + timedelta(days=1))
