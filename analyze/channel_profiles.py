"""What each channel of a site is and what it usually draws, from Layer 3 of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

import numpy as np
import pandas as pd

from analyze.calendar_days import site_calendar
from analyze.profiles.load_shape import NEAR_BASE
from analyze.readings import ChannelSeries, load_week
from config.sites import SiteConfig
from lib.database import Connection, fetch_all
from lib.date_utils import last_days
from lib.errors import UsageError

PROFILE_DAYS = 30
_UNITS = {"power_kw": "kW", "temperature_c": "°C", "relative_humidity": "%"}

# v_latest_readings finds the newest reading by the primary key; the first one is read from the
# hours, and so to the hour.
_CHANNELS = """
SELECT m.channel_id, m.channel_name, m.channel_type, m.in_site_total, m.status, m.displayed_phase,
       m.device_name, m.device_type, m.interval_seconds, m.installed_at,
       first.hour AS first_reading, latest."timestamp" AS last_reading
FROM v_meters AS m
JOIN v_latest_readings AS latest USING (channel_id)
LEFT JOIN (
    SELECT channel_id, min(hour) AS hour FROM v_readings_hourly
    WHERE site_id = %(site_id)s GROUP BY channel_id
) AS first USING (channel_id)
WHERE m.site_id = %(site_id)s
ORDER BY m.channel_id
"""


@dataclass(frozen=True)
class ChannelProfile:
    """One channel.

    Times are UTC; `first_reading` is the hour of it. `completeness_pct` is of the intervals due
    since the later of the window's start, the installation and the first reading. The loads are
    in `unit`, None where nothing was measured: medians while the site is open and closed, the
    2.5 % quantile (`base_load`) and the highest interval (`peak`).
    """

    channel_id: int
    channel_name: str
    channel_type: str
    in_site_total: bool
    status: str
    displayed_phase: str | None
    device_name: str | None
    device_type: str | None
    interval_seconds: int | None
    first_reading: datetime | None
    last_reading: datetime | None
    completeness_pct: float | None = None
    unit: str | None = None
    median_open: float | None = None
    median_closed: float | None = None
    base_load: float | None = None
    peak: float | None = None


@dataclass(frozen=True)
class SiteProfile:
    """A site and its channels; loads are of the local days `start` to `end`."""

    site_id: str
    site_name: str
    timezone: str
    start: date
    end: date
    hours_known: bool
    channels: tuple[ChannelProfile, ...]

    def as_json(self) -> dict[str, Any]:
        """The profile for a JSON document: times in ISO 8601, keys in camelCase."""
        return {
            "siteId": self.site_id,
            "siteName": self.site_name,
            "timezone": self.timezone,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "openingHoursKnown": self.hours_known,
            "channels": [_camel_case(asdict(channel)) for channel in self.channels],
        }


def read_channels(connection: Connection, site_id: str) -> list[dict[str, Any]]:
    """What the database says of each channel of a site, ordered by id."""
    return fetch_all(connection, _CHANNELS, {"site_id": site_id})


def profile_site(
    connection: Connection, config: SiteConfig, now: datetime, settle_seconds: int
) -> SiteProfile:
    """The channels of a site and their load of the last 30 local days.

    Raises UsageError when the site is not in the database.
    """
    site_id = config.site_id
    sites = fetch_all(connection, "SELECT timezone FROM v_sites WHERE site_id = %s", [site_id])
    if not sites:
        raise UsageError(f"site {site_id} is not in the database: npm run py:ingest stores it")
    period = last_days(PROFILE_DAYS, now, sites[0]["timezone"])
    data = load_week(connection, site_id, period, baseline_weeks=0)
    series = {one.channel_id: one for one in data.channels}
    settled = now - timedelta(seconds=settle_seconds)
    return SiteProfile(
        site_id=site_id,
        site_name=data.site_name,
        timezone=data.timezone,
        start=period.first_day,
        end=period.last_day,
        hours_known=bool(config.opening_hours),
        channels=tuple(
            profile_channel(row, series[row["channel_id"]], config, settled)
            for row in read_channels(connection, site_id)
        ),
    )


def profile_channel(
    row: Mapping[str, Any], series: ChannelSeries, config: SiteConfig, settled: datetime
) -> ChannelProfile:
    """One channel from its row of `read_channels` and its readings on a regular grid.

    Parameters
    ----------
    series : `frame` covers the days to look at.
    settled : nothing that ends later is due yet.
    """
    about = {name: row[name] for name in row if name != "installed_at"}
    about["first_reading"] = _first_reading(row, series)
    about["completeness_pct"] = _completeness(
        about["first_reading"], row["installed_at"], series, settled
    )
    values = series.main_value()
    measured = values.dropna()
    if measured.empty:
        return ChannelProfile(**about)
    calendar = site_calendar(values.index, series.interval_seconds, config)
    is_open = calendar.is_open if config.opening_hours else np.ones(len(values), dtype=bool)
    return ChannelProfile(
        **about,
        unit=_UNITS.get(str(values.name), "kW"),
        median_open=_median(values[is_open]),
        median_closed=_median(values[~is_open]),
        base_load=float(measured.quantile(NEAR_BASE)),
        peak=float(measured.max()),
    )


def _first_reading(row: Mapping[str, Any], series: ChannelSeries) -> datetime | None:
    """From the hours; from the grid for readings that are not aggregated yet."""
    if row["first_reading"] is not None:
        return cast(datetime, row["first_reading"])
    received = series.frame.index[series.frame["received"]]
    return cast(datetime, received[0].tz_convert("UTC").to_pydatetime()) if len(received) else None


def _completeness(
    first_reading: datetime | None,
    installed_at: datetime | None,
    series: ChannelSeries,
    settled: datetime,
) -> float | None:
    """Stored intervals as a share of those due [%]; None where none was due."""
    if first_reading is None:
        return None
    starts = series.frame.index
    ends = starts + pd.Timedelta(seconds=series.interval_seconds)
    due = (starts >= max(first_reading, installed_at or first_reading)) & (ends <= settled)
    received = series.frame["received"].to_numpy() & due
    return float(100 * received.sum() / due.sum()) if due.any() else None


def _median(values: pd.Series) -> float | None:
    measured = values.dropna()
    return float(measured.median()) if len(measured) else None


def _camel_case(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {}
    for name, value in row.items():
        first, *rest = name.split("_")
        key = first + "".join(part.capitalize() for part in rest)
        named[key] = value.isoformat() if isinstance(value, datetime) else value
    return named
