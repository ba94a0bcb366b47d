"""A folder of meter series as the detectors' benchmarks read it: readings and opening hours.

NAME.parquet holds series_id, timestamp (UTC, start of the interval) and kwh; NAME_schedule.csv, if
there is one, series_id, weekday (0 = Monday), open_local and close_local, empty when closed.
Without it the hours are read off each series' first 8 weeks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from analyze.calendar_days import Calendar, site_calendar
from analyze.learned_hours import learned_hours
from config.sites import WEEKDAYS, SiteConfig
from lib.stats_utils import Floats

# By the beginning of a dataset's name, as the data's own notes say.
TIMEZONES = {"campus": "Europe/London", "substation": "Europe/Rome"}
LEARNED_DAYS = 56


@dataclass(frozen=True)
class Meter:
    """One series on a grid without gaps; `power_kw` is NaN where no row was stored."""

    series_id: str
    index: pd.DatetimeIndex
    power_kw: Floats
    interval_seconds: int
    calendar: Calendar


def timezone_of(dataset: str, given: str | None) -> str:
    """The zone that was given, else the one of the dataset's name."""
    known = [zone for prefix, zone in TIMEZONES.items() if dataset.startswith(prefix)]
    if not given and not known:
        raise click.UsageError(f"--timezone is needed: '{dataset}' does not tell it")
    return given or known[0]


def read_meters(folder: Path, dataset: str, timezone: str) -> Iterator[Meter]:
    """Every series of a dataset with the calendar of its opening hours, in order of its id."""
    rows = pd.read_parquet(folder / f"{dataset}.parquet")
    rows["series_id"] = rows["series_id"].astype(str)
    schedule = folder / f"{dataset}_schedule.csv"
    opening = opening_hours(schedule) if schedule.exists() else None
    for series_id, group in rows.groupby("series_id", sort=True):
        index, power_kw, interval_seconds = on_grid(group)
        if opening is None:
            first = slice(0, LEARNED_DAYS * 86_400 // interval_seconds)
            clean = np.where(power_kw[first] == 0, np.nan, power_kw[first])
            hours = learned_hours(clean, index[first].tz_convert(timezone))
        else:
            hours = opening.get(str(series_id), {})
        calendar = calendar_of(index, interval_seconds, timezone, hours)
        yield Meter(str(series_id), index, power_kw, interval_seconds, calendar)


def on_grid(rows: pd.DataFrame) -> tuple[pd.DatetimeIndex, Floats, int]:
    """Index, mean power [kW] and interval [s] of one series."""
    stamps = pd.DatetimeIndex(rows["timestamp"]).as_unit("s")
    power = pd.Series(rows["kwh"].to_numpy(dtype=float), stamps).sort_index()
    step = int(np.median(np.diff(power.index.asi8)))
    index = pd.date_range(power.index[0], power.index[-1], freq=f"{step}s")
    return index, power.reindex(index).to_numpy() * 3600 / step, step


def opening_hours(path: Path) -> dict[str, dict[str, list[str]]]:
    """Opening and closing time by series and weekday; a series without a row is always closed."""
    rows = pd.read_csv(path, dtype=str).dropna()
    opening: dict[str, dict[str, list[str]]] = {}
    for series_id, weekday, opens, closes in rows.itertuples(index=False):
        opening.setdefault(series_id, {})[WEEKDAYS[int(weekday)]] = [opens, closes]
    return opening


def calendar_of(
    index: pd.DatetimeIndex, interval_seconds: int, timezone: str, hours: dict[str, list[str]]
) -> Calendar:
    """The local calendar of a series with these opening hours."""
    site = SiteConfig.model_validate({"site_id": "1", "timezone": timezone, "opening_hours": hours})
    return site_calendar(index.tz_convert(timezone), interval_seconds, site)
