"""A healthy site with a daily sync at 06:00 of its own clock, planted by SQL, for the alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from support import Database

SITE_ID, SMALL_SITE_ID = "23271", "4711"
ZONE = ZoneInfo("America/New_York")
CHANNELS = 15
# The clocks go back on Sunday, 1 November 2026.
FIRST_DAY, LAST_DAY = date(2026, 9, 28), date(2026, 11, 3)
# Only these are as old as the site: enough for a baseline.
LONG_CHANNELS = 3
SYNC_AT = time(6)


def at(day: date, clock: time = SYNC_AT) -> datetime:
    """An instant of the site's own clock, in UTC."""
    return datetime.combine(day, clock, ZONE).astimezone(UTC)


LAST_SYNC = at(LAST_DAY)

_SITE = """
INSERT INTO organizations (organization_id, organization_name, timezone, currency_code)
VALUES (%(site)s, %(name)s, 'America/New_York', 'USD');
INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, interval_seconds)
SELECT %(first)s + n, %(site)s, concat('Meter ', n), 'energy', 900
FROM generate_series(1, %(channels)s) AS n
"""
# A sync stores what settled half an hour before it began.
_READINGS = """
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw, run_id)
SELECT c.channel_id, at, 900, 2.5, 10, md5(concat(c.organization_id, (
           (at + interval '45 min') AT TIME ZONE 'America/New_York'
           + interval '18 hours' - interval '1 second')::date))::uuid
FROM channels AS c,
     generate_series(
         CASE WHEN c.channel_id %% 100 <= %(long)s THEN %(start)s ELSE %(end)s - interval '10 days'
         END, %(end)s - interval '45 min', '15 min') AS at
WHERE c.organization_id = %(site)s
"""
_SYNC = """
INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end,
    interval_seconds, status, readings_fetched, readings_inserted, requests, started_at,
    finished_at, error_message)
SELECT md5(concat(organization_id, %(day)s::text))::uuid, organization_id, channel_id,
       %(at)s - interval '30 hours', %(at)s, 900, %(status)s, %(fetched)s, %(fetched)s, 1,
       %(at)s + interval '5 s', %(at)s + interval '2 min', %(error)s
FROM channels WHERE organization_id = %(site)s
"""
_LATER = """
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw)
SELECT c.channel_id, at, 900, 2.5, 10
FROM channels AS c, generate_series(%(from)s, %(to)s, interval '15 min') AS at
WHERE c.organization_id = %(site)s
"""
_VALIDATION = """
INSERT INTO validation_runs (organization_id, window_start, window_end, verdict, checks,
    started_at, finished_at, last_log_id)
VALUES (%(site)s, %(at)s - interval '30 hours', %(at)s, 'pass', '[]', %(at)s + interval '3 min',
        %(at)s + interval '3 min', (SELECT max(id) FROM ingestion_logs))
"""


def plant_sync(
    database: Database, day: date, site_id: str = SITE_ID, error: str | None = None
) -> None:
    """The log of a day's sync; with an error every window of it failed."""
    status, fetched = ("failed", 0) if error else ("success", 120)
    parameters = {"site": site_id, "day": day, "at": at(day), "status": status,
                  "fetched": fetched, "error": error}  # fmt: skip
    database.execute(_SYNC, parameters)
    if error is None:
        database.execute(_VALIDATION, parameters)


def plant_morning(database: Database, day: date) -> None:
    """A later day's sync that brings all that was missing."""
    database.execute(_LATER, {"site": SITE_ID, "from": LAST_SYNC - timedelta(minutes=30),
                              "to": at(day) - timedelta(minutes=45)})  # fmt: skip
    plant_sync(database, day)


def plant_site(database: Database, site_id: str = SITE_ID, channels: int = CHANNELS) -> None:
    """Constant loads of 10 kW, complete up to the last sync; a sync on each of the days."""
    parameters = {"site": site_id, "name": f"Site {site_id}", "first": 100 * int(site_id),
                  "channels": channels, "long": LONG_CHANNELS if site_id == SITE_ID else 0,
                  "start": at(FIRST_DAY, time()), "end": LAST_SYNC}  # fmt: skip
    database.execute(_SITE, parameters)
    database.execute(_READINGS, parameters)
    for number in range((LAST_DAY - FIRST_DAY).days + 1):
        plant_sync(database, FIRST_DAY + timedelta(days=number), site_id)


def channel(number: int) -> int:
    """The id of a channel of the site."""
    return 100 * int(SITE_ID) + number
