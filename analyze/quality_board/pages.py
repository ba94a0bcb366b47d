"""Pages of sites, channels and readings in the order of their keys, for the JSON API.

Reads   v_sites, v_meters, v_readings_enriched

A page begins after the last key of the page before (keyset paging): each costs the same however
far one has come, and rows that are stored meanwhile neither double nor hide another.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lib.circuit_breaker import period_status
from lib.database import Connection, fetch_all
from lib.date_utils import Period, local_midnight, zone

# Units of a reading's columns; all other columns are times, lengths of time or texts.
UNITS = {
    "energy_kwh": "kWh", "power_kw": "kW", "voltage_v": "V", "current_a": "A", "power_factor": "1",
    "reactive_power_kvar": "kvar", "apparent_power_kva": "kVA", "frequency_hz": "Hz",
    "thd_current": "%", "thd_voltage": "%", "neutral_current_a": "A", "temperature_c": "°C",
    "relative_humidity": "%",
}  # fmt: skip

_SITES = """
SELECT site_id, site_name, timezone, currency_code, city, country, is_active
FROM v_sites
WHERE %(after)s IS NULL OR site_id COLLATE "C" > %(after)s
ORDER BY site_id COLLATE "C"
LIMIT %(limit)s
"""
_CHANNELS = """
SELECT site_id, channel_id, channel_name, channel_type, in_site_total, status, unit,
       interval_seconds, device_name, installed_at
FROM v_meters
WHERE (%(site_id)s IS NULL OR site_id = %(site_id)s)
  AND (%(after)s IS NULL OR channel_id > %(after)s)
ORDER BY channel_id
LIMIT %(limit)s
"""
_READINGS = f"""
SELECT "timestamp" AS reading_utc, interval_seconds, {", ".join(UNITS)}, data_quality
FROM v_readings_enriched
WHERE channel_id = %(channel_id)s
  AND "timestamp" > %(after)s AND "timestamp" >= %(start)s AND "timestamp" < %(end)s
ORDER BY "timestamp"
LIMIT %(limit)s
"""  # noqa: S608 (the names of UNITS above)


def sites_page(connection: Connection, limit: int, after: str | None) -> list[dict[str, Any]]:
    """The next `limit` sites after a site id."""
    return fetch_all(connection, _SITES, {"limit": limit, "after": after})


def site_is_known(connection: Connection, site_id: str) -> bool:
    """True for a site of the database."""
    return bool(fetch_all(connection, "SELECT site_id FROM v_sites WHERE site_id = %s", [site_id]))


def channels_page(
    connection: Connection, site_id: str | None, limit: int, after: int | None
) -> list[dict[str, Any]]:
    """The next `limit` channels after a channel id, of one site or of all."""
    wanted = {"site_id": site_id, "limit": limit, "after": after}
    return fetch_all(connection, _CHANNELS, wanted)


def channel_facts(connection: Connection, channel_id: int) -> dict[str, Any] | None:
    """Id, name, site and zone of a channel; None where there is none of that id."""
    rows = fetch_all(
        connection,
        "SELECT channel_id, channel_name, site_id, site_name, timezone FROM v_meters "
        "WHERE channel_id = %s",
        [channel_id],
    )
    return rows[0] if rows else None


def readings_page(
    connection: Connection,
    channel: dict[str, Any],
    days: tuple[date | None, date | None],
    limit: int,
    after: datetime | None,
) -> list[dict[str, Any]]:
    """The next `limit` readings of a channel after an instant, oldest first.

    `channel` is what `channel_facts` gave; `days` the first and last day (inclusive) on the site's
    calendar, None = open. Each row has `reading_utc` (start of the interval), `reading_local` (the
    same with the site's offset), `interval_seconds`, the measures of UNITS and `data_quality`.
    """
    first_day, last_day = days
    clock = channel["timezone"]
    rows = fetch_all(
        connection,
        _READINGS,
        {
            "channel_id": channel["channel_id"],
            "limit": limit,
            "after": after or "-infinity",
            "start": local_midnight(first_day, clock) if first_day else "-infinity",
            "end": local_midnight(last_day + timedelta(days=1), clock) if last_day else "infinity",
        },
    )
    tz = zone(clock)
    return [_with_local_time(row, tz) for row in rows]


def blocked_days(
    connection: Connection, channel: dict[str, Any], rows: list[dict[str, Any]]
) -> list[date]:
    """The days of some readings that the circuit breaker keeps from reports and exports."""
    if not rows:
        return []
    period = Period(
        rows[0]["reading_local"].date(), rows[-1]["reading_local"].date(), channel["timezone"]
    )
    return list(period_status(connection, channel["site_id"], period).blocked_days)


def _with_local_time(row: dict[str, Any], clock: ZoneInfo) -> dict[str, Any]:
    at = row.pop("reading_utc")
    return {"reading_utc": at, "reading_local": at.astimezone(clock), **row}
