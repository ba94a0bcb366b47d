"""Plant a fault by SQL in a transaction, run one check on it, take it away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import psycopg2.extensions
from clean_site import OFFICE, RUN_ID, TOTAL, CleanSite

from govern.checks.check_file import load_checks
from govern.checks.runner import CheckResult, run_checks
from govern.checks.window import Window, load_window
from lib.date_utils import Period

CHECKS = {check.name: check for check in load_checks()}
# The planted site covers 2 to 4 March 2026 in New York: 05:00Z to 05:00Z.
NOON, ONE, TWO = (
    "2026-03-03T12:00:00+00:00",
    "2026-03-03T13:00:00+00:00",
    "2026-03-03T14:00:00+00:00",
)
REJECT = (
    "INSERT INTO rejected_readings (run_id, channel_id, timestamp, scope, reason, field, raw, "
    f"raw_md5) SELECT '{RUN_ID}', {OFFICE}, at, "
)
# 12 of a channel's 288 readings: more than 1 % of them, and more than the 3 that are forgiven.
TWELVE = "timestamp >= '2026-03-03T12:00Z' AND timestamp < '2026-03-03T15:00Z'"
TWELVE_AT = "generate_series('2026-03-03T12:00Z'::timestamptz, '2026-03-03T14:45Z', '15 minutes')"


def update(values: str, channel_id: int, *times: str) -> str:
    listed = ", ".join(f"'{time}'" for time in times)
    return (
        f"UPDATE readings SET {values} WHERE channel_id = {channel_id} AND timestamp IN ({listed})"
    )


def named(channel_id: int, *times: str) -> list[dict[str, Any]]:
    return [{"channel_id": channel_id, "timestamp": time} for time in times]


def refused_total(*times: str, reason: str = "no_values") -> str:
    """Readings of the main at these times refused instead of stored."""
    listed = ", ".join(f"'{time}'" for time in times)
    refused = REJECT.replace(f"{OFFICE}, at", f"{TOTAL}, at")
    return (
        f"DELETE FROM readings WHERE channel_id = {TOTAL} AND timestamp IN ({listed}); {refused} "
        f"'row', '{reason}', NULL, '{{}}', at::text FROM unnest(ARRAY[{listed}]::timestamptz[]) "
        "AS at"
    )


@contextmanager
def faulty(
    site: CleanSite, sql: str
) -> Iterator[tuple[psycopg2.extensions.connection, psycopg2.extensions.cursor]]:
    """The site with a fault in it, inside a transaction; leaving takes the fault away."""
    with closing(site.database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        yield connection, cursor
        connection.rollback()


def window_of(site: CleanSite, period: Period | None = None, now: datetime | None = None) -> Window:
    days = period or site.period
    with closing(site.database.connect()) as connection:
        return load_window(connection, site.site_id, days.first_day, days.last_day, now or site.now)


def run_one(cursor: psycopg2.extensions.cursor, name: str, window: Window) -> CheckResult:
    return run_checks(cursor, [CHECKS[name]], window)[0]
