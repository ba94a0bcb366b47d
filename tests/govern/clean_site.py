"""A small site whose readings break no rule, planted by SQL; tests then break one thing.

Powers are smooth curves of time, so that no two neighbouring values are equal; energy is power
times time; the site total is the sum of the energy channels; phases are thirds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from support import Database

from config.settings import get_settings
from lib.date_utils import Period

RUN_ID = UUID("00000000-0000-4000-8000-000000000001")


class Channel(NamedTuple):
    """One channel of the planted site."""

    channel_id: int
    channel_type: str = "energy"


TOTAL, KITCHEN, OFFICE, CLIMATE = 101, 102, 103, 104
CHANNELS = (
    Channel(TOTAL, "site_total"),
    Channel(KITCHEN),
    Channel(OFFICE),
    Channel(CLIMATE, "environment"),
)


@dataclass(frozen=True)
class CleanSite:
    """Where the readings were planted."""

    database: Database
    site_id: str
    period: Period
    interval_seconds: int
    channels: tuple[Channel, ...]

    @property
    def now(self) -> datetime:
        """The instant that the test takes for now: an hour after the period."""
        return self.period.end.astimezone(UTC) + timedelta(hours=1)


_READINGS = """
WITH channel AS (
    SELECT channel_id, channel_type FROM channels WHERE organization_id = %(site_id)s
),
stamp AS (
    SELECT generate_series(%(start)s, %(end)s - interval '1 second', %(step)s) AS at
),
power AS (
    SELECT channel_id, channel_type, at,
           (2 + mod(channel_id, 7) + sin(extract(epoch FROM at) / 7000.0 + channel_id))::real AS kw
    FROM channel CROSS JOIN stamp
),
total AS (
    SELECT channel_id, channel_type, at,
           CASE WHEN channel_type = 'site_total'
                THEN (sum(kw::float8) FILTER (WHERE channel_type = 'energy')
                      OVER (PARTITION BY at))::real
                ELSE kw END AS kw
    FROM power
)
INSERT INTO readings (
    channel_id, "timestamp", interval_seconds, run_id, power_kw, energy_kwh,
    power_kw_1, power_kw_2, power_kw_3, energy_kwh_1, energy_kwh_2, energy_kwh_3,
    voltage_v, temperature_c, relative_humidity
)
SELECT
    channel_id, at, %(interval_seconds)s, %(run_id)s, e.kw, e.kwh,
    e.kw / 3, e.kw / 3, e.kw / 3, e.kwh / 3, e.kwh / 3, e.kwh / 3,
    CASE WHEN e.kw IS NOT NULL THEN 230 + sin(extract(epoch FROM at)) END,
    CASE WHEN e.kw IS NULL THEN 20 + total.kw END,
    CASE WHEN e.kw IS NULL THEN 40 + total.kw END
FROM total
CROSS JOIN LATERAL (
    SELECT CASE WHEN channel_type <> 'environment' THEN total.kw END AS kw,
           CASE WHEN channel_type <> 'environment'
                THEN total.kw::float8 * %(interval_seconds)s / 3600 END AS kwh
) AS e
ORDER BY at, channel_id
"""

_LOGS = """
INSERT INTO ingestion_logs (
    run_id, organization_id, channel_id, window_start, window_end, interval_seconds, status,
    readings_fetched, readings_inserted, requests, started_at, finished_at
)
SELECT %(run_id)s, %(site_id)s, c.channel_id, %(start)s, %(end)s, %(interval_seconds)s, 'success',
       count(r."timestamp"), count(r."timestamp"), 1, %(end)s + interval '50 minutes',
       %(end)s + interval '51 minutes'
FROM channels AS c
LEFT JOIN readings AS r ON r.channel_id = c.channel_id AND r.run_id = %(run_id)s
WHERE c.organization_id = %(site_id)s
GROUP BY c.channel_id
"""


def plant_site(
    database: Database,
    *,
    site_id: str = "23271",
    timezone: str = "America/New_York",
    first_day: date = date(2026, 3, 2),
    days: int = 3,
    interval_seconds: int = 900,
    channels: Sequence[Channel] = CHANNELS,
    run_id: UUID = RUN_ID,
) -> CleanSite:
    """Plant a site with complete readings of `days` local days, and the log of their ingestion."""
    period = Period(first_day, first_day + timedelta(days=days - 1), timezone)
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone) "
        "VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (site_id, f"Site {site_id}", timezone),
    )
    for channel in channels:
        database.execute(
            "INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, "
            "interval_seconds) VALUES (%s, %s, %s, %s, %s)",
            (
                channel.channel_id,
                site_id,
                f"Channel {channel.channel_id}",
                channel.channel_type,
                interval_seconds,
            ),
        )
    parameters = {
        "site_id": site_id,
        "start": period.start,
        "end": period.end,
        "step": timedelta(seconds=interval_seconds),
        "interval_seconds": interval_seconds,
        "run_id": str(run_id),
    }
    database.execute(_READINGS, parameters)
    database.execute(_LOGS, parameters)
    return CleanSite(database, site_id, period, interval_seconds, tuple(channels))


def set_now(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Make `now` the instant that counts as now, here and in scripts."""
    monkeypatch.setenv("ARGO_NOW", now.isoformat())
    get_settings.cache_clear()
