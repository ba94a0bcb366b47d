"""The data and electrical health of a site, channel by channel, and its summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.profiles.data_health import ChannelHealth, Grade, channel_health, stuck
from analyze.profiles.documents import Caveat
from analyze.profiles.electrical_health import (
    ELECTRICAL_FIELDS,
    ElectricalCheck,
    VoltageStandard,
    electrical_checks,
    standard_of,
)
from analyze.profiles.loading import (
    FIELDS,
    LOAD_MEASURES,
    Site,
    as_floats,
    chosen_meter,
    count_rejected,
    load_channel,
    load_fields,
    on_grid,
    recent_frequency_hz,
)
from analyze.readings import ChannelSeries
from config.sites import SiteConfig
from lib.database import Connection
from lib.date_utils import Period, local_midnight, zone

# So many weeks tell how long a channel usually keeps one value.
HABIT_WEEKS = timedelta(weeks=8)


@dataclass(frozen=True)
class ChannelCondition:
    """One channel: its data, and its electrical checks (none for a sensor)."""

    data: ChannelHealth
    electrical: tuple[ElectricalCheck, ...]


@dataclass(frozen=True)
class SiteHealth:
    """The health of a site's channels over the local days `start` to `end`.

    `completeness_pct` is of all readings due; `voltage_standard` what voltages are held against.
    """

    site_id: str
    site_name: str
    timezone: str
    start: date
    end: date
    completeness_pct: float | None
    grades: Mapping[Grade, int]
    voltage_standard: str | None
    channels: tuple[ChannelCondition, ...]
    caveats: tuple[Caveat, ...]


def load_health(
    connection: Connection, site: Site, period: Period, settled: datetime, channel: str | None
) -> SiteHealth:
    """Judge every channel of a site, or only `channel` (id or name).

    Raises UsageError when the site does not have the channel.
    """
    meters = list(site.meters) if channel is None else [chosen_meter(site, channel)]
    frequency_hz = recent_frequency_hz(connection, site, period)
    standard = standard_of(frequency_hz, site.timezone)
    found = tuple(_conditions(connection, site, meters, period, settled, standard))
    return site_health(site, period, found, standard)


def site_health(
    site: Site,
    period: Period,
    channels: tuple[ChannelCondition, ...],
    standard: VoltageStandard | None,
) -> SiteHealth:
    """The summary of a site's channels."""
    due = sum(one.data.due for one in channels)
    received = sum(one.data.received for one in channels)
    grades: dict[Grade, int] = {"good": 0, "fair": 0, "poor": 0, "none": 0}
    for one in channels:
        grades[one.data.grade] += 1
    caveats = []
    if not received:
        text = f"no reading is stored from {period.first_day} to {period.last_day}"
        caveats.append(Caveat("no_data", text))
    elif standard is None:
        text = "no voltage standard is known for the site's frequency and country"
        caveats.append(Caveat("standard_unknown", text))
    return SiteHealth(
        site_id=site.site_id,
        site_name=site.site_name,
        timezone=site.timezone,
        start=period.first_day,
        end=period.last_day,
        completeness_pct=100 * received / due if due else None,
        grades=grades,
        voltage_standard=standard.name if standard else None,
        channels=channels,
        caveats=tuple(caveats),
    )


def _conditions(
    connection: Connection,
    site: Site,
    meters: list[Mapping[str, Any]],
    period: Period,
    settled: datetime,
    standard: VoltageStandard | None,
) -> Iterator[ChannelCondition]:
    rejected = count_rejected(connection, site.site_id, period)
    window = (period.start, period.end)
    for meter in meters:
        channel_id = meter["channel_id"]
        columns = load_fields(connection, channel_id, window, FIELDS)
        series = on_grid(meter, columns, window, period.start)
        data = channel_health(
            meter,
            series,
            settled,
            count_values(columns),
            rejected.get(channel_id, ()),
            _allows_export(site.config, channel_id),
            stuck(_with_habits(connection, meter, series, period), site.config, period.start),
        )
        checks: tuple[ElectricalCheck, ...] = ()
        if meter["channel_type"] != "environment" and data.received:
            local = pd.to_datetime(columns["timestamp"], unit="us", utc=True)
            local = local.tz_convert(zone(site.timezone))
            sent = as_floats({name: columns[name] for name in ELECTRICAL_FIELDS})
            checks = tuple(electrical_checks(sent, local, standard))
        yield ChannelCondition(data, checks)


def _with_habits(
    connection: Connection, meter: Mapping[str, Any], series: ChannelSeries, period: Period
) -> ChannelSeries:
    """The channel's series, and where the period is short the weeks from which its habits show."""
    first = period.last_day - HABIT_WEEKS
    if first >= period.first_day:
        return series
    window = (local_midnight(first, period.timezone), period.end)
    return load_channel(connection, meter, window, period.start, (*LOAD_MEASURES, "voltage_v"))


def count_values(columns: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many readings hold each of FIELDS; `readings` is all of them."""
    counts = {name: int(np.isfinite(columns[name]).sum()) for name in FIELDS}
    return {"readings": len(columns["timestamp"]), **counts}


def _allows_export(config: SiteConfig, channel_id: int) -> bool:
    own = config.channel(channel_id).allow_export
    return config.allow_export if own is None else own
