"""A folder of meter series as the detectors' benchmarks read it: readings and opening hours.

NAME.parquet holds series_id, timestamp (UTC, start of the interval) and kwh; NAME_schedule.csv, if
there is one, series_id, weekday (0 = Monday), open_local and close_local, empty when closed.
Without it the hours are read off each series' first 8 weeks.

The zone of the opening hours is said by --timezone; else by the folder's README.md in a line such
as "Local time zones: NAME **Europe/Rome**, OTHER **Europe/Oslo**", NAME being what a dataset's name
begins with; else it is the zone on whose clock the opening hours fit the loads best; without
opening hours UTC.
"""

from __future__ import annotations

import logging
import re
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

logger = logging.getLogger(__name__)

# One zone for each hour of the clock: with clock changes where most people have them.
ZONES = (
    "America/Anchorage", "America/Los_Angeles", "America/Denver", "America/Chicago",
    "America/New_York", "America/Halifax", "America/Sao_Paulo", "Europe/London", "Europe/Rome",
    "Europe/Athens", "Asia/Riyadh", "Asia/Dubai", "Asia/Karachi", "Asia/Kolkata", "Asia/Dhaka",
    "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
COLUMNS = ("series_id", "timestamp", "kwh")
LEARNED_DAYS = 56


@dataclass(frozen=True)
class Meter:
    """One series on a grid without gaps; `power_kw` is NaN where no row was stored."""

    series_id: str
    index: pd.DatetimeIndex
    power_kw: Floats
    interval_seconds: int
    calendar: Calendar


def timezone_of(folder: Path, dataset: str, given: str | None = None) -> str:
    """The zone that was given, else the folder's, else the one that fits, else UTC."""
    if given:
        return given
    notes = folder / "README.md"
    if notes.exists():
        for line in notes.read_text(encoding="utf-8").splitlines():
            if line.lower().startswith("local time zone"):
                for name, zone_name in re.findall(r"(\w+) \*{0,2}([A-Z]\w+/\w+)", line):
                    if dataset.startswith(name):
                        return str(zone_name)
    if not (folder / f"{dataset}_schedule.csv").exists():
        logger.warning("%s: no --timezone, and no notes that name it: UTC", dataset)
        return "UTC"
    best = _fitting_zone(folder, dataset)
    logger.warning("%s: no --timezone, and no notes that name it: %s fits best", dataset, best)
    return best


def _fitting_zone(folder: Path, dataset: str) -> str:
    """The zone on whose clock opening hours and loads go together best, over all series."""
    opening = opening_hours(folder / f"{dataset}_schedule.csv")
    fits = np.zeros(len(ZONES))
    for series_id, rows in readings(folder, dataset):
        index, power_kw, interval_seconds = on_grid(rows)
        known = np.isfinite(power_kw)
        if not known.any():
            continue
        # So that a few spikes do not decide.
        load = np.clip(power_kw, *np.nanquantile(power_kw, [0.02, 0.98]))
        for number, zone_name in enumerate(ZONES):
            hours = opening.get(series_id, {})
            is_open = calendar_of(index, interval_seconds, zone_name, hours).is_open[known]
            if is_open.any() and not is_open.all() and np.ptp(load[known]) > 0:
                fits[number] += np.corrcoef(load[known], is_open)[0, 1]
    return ZONES[int(fits.argmax())] if fits.any() else "UTC"


def readings(folder: Path, dataset: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of every series in order of its id, sorted, each instant once.

    Raises UsageError where there is no such file or a column is missing. A series of fewer than two
    rows has no interval: it is named and left out.
    """
    path = folder / f"{dataset}.parquet"
    if not path.exists():
        raise click.UsageError(f"there is no {path.name} in {folder}")
    rows = pd.read_parquet(path)
    if missing := set(COLUMNS) - set(rows.columns):
        raise click.UsageError(f"{path.name} has no column {', '.join(sorted(missing))}")
    rows["series_id"] = rows["series_id"].astype(str)
    # Times without a zone are UTC, as all of them.
    rows["timestamp"] = pd.to_datetime(rows["timestamp"], utc=True)
    rows = rows.dropna(subset=["timestamp"]).sort_values(["series_id", "timestamp"], kind="stable")
    twice = rows.duplicated(["series_id", "timestamp"])
    if twice.any():
        logger.warning(
            "%s: %d rows come again for the same instant: left out", dataset, twice.sum()
        )
    for series_id, group in rows[~twice].groupby("series_id", sort=True):
        if len(group) < 2:
            logger.warning("%s, %s: fewer than two rows: left out", dataset, series_id)
            continue
        yield str(series_id), group


def read_meters(folder: Path, dataset: str, timezone: str) -> Iterator[Meter]:
    """Every series of a dataset with the calendar of its opening hours, in order of its id."""
    schedule = folder / f"{dataset}_schedule.csv"
    opening = opening_hours(schedule) if schedule.exists() else None
    for series_id, rows in readings(folder, dataset):
        index, power_kw, interval_seconds = on_grid(rows)
        if opening is None:
            first = slice(0, LEARNED_DAYS * 86_400 // interval_seconds)
            clean = np.where(power_kw[first] == 0, np.nan, power_kw[first])
            hours = learned_hours(clean, index[first].tz_convert(timezone))
        else:
            hours = opening.get(series_id, {})
        calendar = calendar_of(index, interval_seconds, timezone, hours)
        yield Meter(series_id, index, power_kw, interval_seconds, calendar)


def on_grid(rows: pd.DataFrame) -> tuple[pd.DatetimeIndex, Floats, int]:
    """Index, mean power [kW] and interval [s] of one series: rows in order, each instant once."""
    stamps = pd.DatetimeIndex(rows["timestamp"]).as_unit("s")
    power = pd.Series(rows["kwh"].to_numpy(dtype=float), stamps).sort_index()
    step = int(np.median(np.diff(power.index.asi8)))
    index = pd.date_range(power.index[0], power.index[-1], freq=f"{step}s")
    on_it = power.reindex(index)
    if lost := len(power) - int(power.index.isin(index).sum()):
        logger.warning("%d rows lie beside the grid of %d s: left out", lost, step)
    return index, on_it.to_numpy() * 3600 / step, step


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
