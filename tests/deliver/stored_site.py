"""A small stored site for the exports and the report: readings, hours and a verdict, by SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from threading import Thread
from typing import Any

from support import Database

from govern.refresh_views import refresh
from lib.date_utils import Period

SITE_ID = "23271"
ZONE = "America/New_York"
# The clocks go back on Sunday, 1 November 2026: that day has 25 hours.
CLOCK_CHANGE_WEEK = Period(date(2026, 10, 26), date(2026, 11, 1), ZONE)
CHANNELS = (
    (11, "Main", "site_total"),
    (12, "RTU #1", "energy"),
    (13, "Kitchen air", "environment"),
)

_CHANNEL = """
INSERT INTO channels (channel_id, organization_id, channel_name, channel_type, interval_seconds,
                      installed_at)
VALUES (%s, %s, %s, %s, 900, '2020-01-01Z')
"""
_READINGS = """
INSERT INTO readings (channel_id, "timestamp", interval_seconds, energy_kwh, power_kw, voltage_v,
                      temperature_c)
SELECT c.channel_id, at, 900,
       CASE WHEN c.channel_type <> 'environment' THEN c.channel_id * 0.25 END,
       CASE WHEN c.channel_type <> 'environment' THEN c.channel_id END,
       CASE WHEN c.channel_type <> 'environment' THEN 120.4 END,
       CASE WHEN c.channel_type = 'environment' THEN -1.5 END
FROM channels AS c,
     generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 s', '15 min') AS at
WHERE c.organization_id = %(site_id)s
"""


def store_site(
    database: Database,
    period: Period = CLOCK_CHANGE_WEEK,
    names: dict[int, str] | None = None,
    baseline_weeks: int = 0,
) -> None:
    """Store a site whose channels carry a constant load: channel 11 means 11 kW."""
    database.execute(
        "INSERT INTO organizations (organization_id, organization_name, timezone, currency_code) "
        "VALUES (%s, %s, %s, 'USD')",
        [SITE_ID, (names or {}).get(0, "Wilson Center"), ZONE],
    )
    for channel_id, name, kind in CHANNELS:
        database.execute(_CHANNEL, [channel_id, SITE_ID, (names or {}).get(channel_id, name), kind])
    first = period.first_day - timedelta(weeks=baseline_weeks)
    window = {
        "site_id": SITE_ID,
        "start": period._replace(first_day=first).start,
        "end": period.end,
    }
    database.execute(_READINGS, window)
    with closing(database.connect()) as connection:
        refresh(connection, full=True)


def store_verdict(
    database: Database, verdict: str, period: Period = CLOCK_CHANGE_WEEK, **override: Any
) -> None:
    """Store a validation of the period; `by` and `reason` make it an override."""
    database.execute(
        "INSERT INTO validation_runs (organization_id, window_start, window_end, verdict, checks, "
        "started_at, finished_at, overridden_by, override_reason) "
        "VALUES (%s, %s, %s, %s, %s, now(), now(), %s, %s)",
        [
            SITE_ID, period.start, period.end, verdict,
            json.dumps([{"name": "completeness", "verdict": verdict, "summary": "planted"}]),
            override.get("by"), override.get("reason"),
        ],
    )  # fmt: skip


@contextmanager
def stored_between_verdict_and_numbers(database: Database, statement: str) -> Iterator[None]:
    """Run a statement when the script inside has asked the breaker and reads its first numbers.

    The breaker does not look at meters, and whoever reads a number does.
    """
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'meters'::regclass AND NOT granted"
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE meters IN ACCESS EXCLUSIVE MODE")
        seen = []

        def store() -> None:
            for _ in range(600):
                cursor.execute(waiting)
                if cursor.fetchone()[0]:
                    seen.append(True)
                    cursor.execute(statement)
                    break
                cursor.execute("SELECT pg_sleep(0.05)")
            connection.commit()

        thread = Thread(target=store)
        thread.start()
        yield
        thread.join()
    assert seen, "the script never came to its first number"
