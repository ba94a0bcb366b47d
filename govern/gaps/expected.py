"""Which site and days are looked at, and from when to when each channel should have reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from config.settings import get_settings
from govern.checks.window import complete_until
from lib.database import Connection, Cursor, fetch_all
from lib.date_utils import Period, chosen_period, last_days, local_day
from lib.errors import UsageError
from lib.schema import SQL_FOLDER

_SITES = "SELECT organization_id, organization_name, timezone FROM organizations"
# How far anybody asked, and when the newest attempt began that asked so far.
_NEWEST_ASKED = """
SELECT least(started_at - make_interval(secs => %(settle)s), window_end) AS asked_until, started_at
FROM ingestion_logs WHERE organization_id = %(site_id)s AND status <> 'running'
ORDER BY 1 DESC, 2 DESC LIMIT 1
"""
_ASKED = """
SELECT EXISTS (
    SELECT FROM ingestion_logs
    WHERE organization_id = %(site_id)s AND window_start < %(end)s AND window_end > %(start)s
      AND started_at - make_interval(secs => %(settle)s) > %(start)s
)
"""
# As the check sync_overdue: due every day, two hours are allowed.
SYNC_DUE_AFTER = timedelta(hours=26)


@dataclass(frozen=True)
class Site:
    """A site and the instant up to which its channels should have reported by now.

    `gaps_until` is the same, but not after what was asked for while the next sync is not overdue:
    what that sync will bring is no gap yet.
    """

    site_id: str
    site_name: str
    timezone: str
    complete_until: datetime
    gaps_until: datetime


@dataclass(frozen=True)
class ExpectedSpan:
    """A channel that can be read and has reported before; it should report in [from, to)."""

    channel_id: int
    channel_name: str
    channel_type: str
    interval_seconds: int
    expected_from: datetime
    expected_to: datetime

    @property
    def name(self) -> str:
        """The name and id, for a person."""
        return f"{self.channel_name} ({self.channel_id})"


def load_sites(connection: Connection, site_id: str | None, now: datetime) -> list[Site]:
    """One site, or every site where `site_id` is None. Raises UsageError where there is none."""
    if site_id is None:
        rows = fetch_all(connection, f"{_SITES} ORDER BY organization_id")
    else:
        rows = fetch_all(connection, f"{_SITES} WHERE organization_id = %s", [site_id])
    if not rows:
        raise UsageError(
            "the database has no site yet: run npm run py:ingest"
            if site_id is None
            else f"site {site_id} is not in the database"
        )
    return [
        Site(
            row["organization_id"],
            row["organization_name"],
            row["timezone"],
            *_due_until(connection, row["organization_id"], row["timezone"], now),
        )
        for row in rows
    ]


def days_asked(
    site: Site, days: int, start: date | None, end: date | None, now: datetime
) -> Period:
    """The days named, else the last `days` of the site's calendar, today included.

    Raises UsageError for an end before the start, and for days that have not begun.
    """
    if start is None and end is not None:
        start = end - timedelta(days=days - 1)
    period = chosen_period(start, end, last_days(days, now, site.timezone))
    if period.first_day > local_day(now, site.timezone):
        raise UsageError(f"{period.first_day} has not begun: nothing to look at")
    return period


def load_expected(cursor: Cursor, site: Site) -> list[ExpectedSpan]:
    """When each channel of the site should report, up to `site.complete_until`."""
    parameters = {"site_id": site.site_id, "complete_until": site.complete_until}
    return [
        ExpectedSpan(**row)
        for row in query(cursor, "gaps/10_expected_spans", parameters)
        if row["expected_from"] < row["expected_to"]
    ]


def gap_spans(spans: Sequence[ExpectedSpan], site: Site) -> list[ExpectedSpan]:
    """The part of each span in which a missing reading is a gap by now (see Site)."""
    cut = [replace(span, expected_to=min(span.expected_to, site.gaps_until)) for span in spans]
    return [span for span in cut if span.expected_from < span.expected_to]


def was_asked(cursor: Cursor, site: Site, period: Period) -> bool:
    """True where an attempt of ingestion asked for any time of the days."""
    parameters = {
        "site_id": site.site_id,
        "start": period.start,
        "end": period.end,
        "settle": get_settings().eniscope_settle_seconds,
    }
    cursor.execute(_ASKED, parameters)
    return bool(cursor.fetchone()[0])


def query(cursor: Cursor, name: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of a file below govern/sql, as dictionaries."""
    cursor.execute((SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), parameters)
    names = [column.name for column in cursor.description or ()]
    for row in cursor.fetchall():
        yield dict(zip(names, row, strict=True))


def _due_until(
    connection: Connection, site_id: str, timezone: str, now: datetime
) -> tuple[datetime, datetime]:
    """Until when a site should be complete, and until when what is missing is a gap.

    Every earlier day is due; of today what ingestion has asked for.
    """
    settle_seconds = get_settings().eniscope_settle_seconds
    rows = fetch_all(connection, _NEWEST_ASKED, {"site_id": site_id, "settle": settle_seconds})
    newest = rows[0] if rows else None
    asked_until = newest["asked_until"] if newest else None
    today = local_day(now, timezone)
    until = complete_until(
        Period(today, today, timezone), now, timedelta(seconds=settle_seconds), asked_until
    )
    if newest is None or newest["started_at"] < now - SYNC_DUE_AFTER:
        return until, until
    return until, min(until, newest["asked_until"])
