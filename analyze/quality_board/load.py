"""Read the quality board from the quality views, read-only.

Reads   v_sites, v_data_health_monitor, v_channel_health, v_ingestion_quality, v_data_gaps,
        v_rejected_counts, v_validation_status, v_ingestion_status, v_alerts (where there is one)

No view is asked for single readings: what costs time is counted there in hours and days.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any, NamedTuple

from analyze.quality_board.board import (
    CALENDAR_DAYS,
    Alert,
    ChannelDay,
    ChannelQuality,
    Finding,
    Gap,
    QualityBoard,
    Rejected,
    Run,
    SiteQuality,
    ValidatedDay,
)
from lib.database import Connection, fetch_all

# Older runs say little about today; the books keep all of them.
MOST_RUNS = 20

_SITES = """
SELECT s.site_id, s.site_name, s.timezone, (argo_now() AT TIME ZONE s.timezone)::date AS last_day,
       h.health_status, h.last_run_at, h.last_run_status,
       h.completeness_pct::float8 AS completeness_pct, h.open_gaps
FROM v_sites AS s
JOIN v_data_health_monitor AS h USING (site_id)
ORDER BY lower(s.site_name), s.site_id
"""
_CHANNELS = """
SELECT site_id, channel_id, channel_name, channel_type, status, health_status AS health,
       last_reading, hours_since_last::float8 AS hours_since_last
FROM v_channel_health
"""
_DAYS = """
SELECT channel_id, date AS day, expected_count AS expected, readings_count AS received,
       completeness_pct::float8 AS completeness_pct, rejected_rows, rejected_values, conflicts
FROM v_ingestion_quality
ORDER BY channel_id, date
"""
_GAPS = """
SELECT channel_id, channel_name, gap_start AS start, gap_end AS end, missing_intervals, reason,
       fillable, filled_at, filled_by
FROM v_data_gaps
WHERE site_id = %(site_id)s
  AND gap_end_local > %(first_day)s::timestamp
ORDER BY gap_start DESC, channel_id
"""
_REJECTED = """
SELECT r.channel_id, m.channel_name, r.scope, r.reason, sum(r.rejected)::integer AS rejected,
       min(r.day) AS first_day, max(r.day) AS last_day
FROM v_rejected_counts AS r
JOIN v_meters AS m USING (channel_id)
WHERE r.site_id = %(site_id)s AND r.day BETWEEN %(first_day)s AND %(last_day)s
GROUP BY r.channel_id, m.channel_name, r.scope, r.reason
ORDER BY rejected DESC, r.channel_id, r.reason
"""
# Only the names and sentences of what did not pass: a check may carry many sample rows.
_VALIDATION = """
SELECT v.day, v.validation_run_id AS run_id, v.verdict, v.is_open, v.has_newer_data,
       v.overridden_by, v.override_reason, v.finished_at,
       (SELECT coalesce(array_agg(ARRAY[c ->> 'name', c ->> 'verdict', c ->> 'summary']), '{}')
        FROM jsonb_array_elements(v.checks) AS c
        WHERE c ->> 'verdict' <> 'pass') AS findings
FROM v_validation_status AS v
WHERE v.site_id = %(site_id)s AND v.day BETWEEN %(first_day)s AND %(last_day)s
ORDER BY v.day DESC
"""
_RUNS = """
SELECT run_id::text, started_at, finished_at, status, windows, failed, partial, fetched, inserted,
       duplicate, rejected, requests, window_start, window_end
FROM v_ingestion_status
WHERE site_id = %(site_id)s
ORDER BY started_at DESC, run_id
LIMIT %(most_runs)s
"""
_SHOWS_ALERTS = """
SELECT coalesce(has_table_privilege(to_regclass('public.v_alerts')::oid, 'SELECT'), false) AS shown
"""
_ALERTS = """
SELECT a.site_id, a.channel_id, m.channel_name, a.rule, a.severity, a.state, a.first_seen_at,
       a.last_seen_at, a.resolved_at, a.message
FROM v_alerts AS a
LEFT JOIN v_meters AS m USING (channel_id)
WHERE a.state <> 'resolved' OR a.last_seen_at > argo_now() - make_interval(days => %(days)s)
ORDER BY a.last_seen_at DESC, a.rule, a.channel_id
"""


class _Books(NamedTuple):
    """What is read for all sites at once, by site or channel."""

    channels: dict[str, list[dict[str, Any]]]
    days: dict[int, list[ChannelDay]]
    alerts: dict[str | None, list[Alert]] | None


def load_quality_board(connection: Connection, now: datetime) -> QualityBoard:
    """Read the state of every site. `now` is only told as the time of the board.

    Call it inside `lib.database.snapshot`, so that its figures are of one instant.
    """
    sites = fetch_all(connection, _SITES)
    books = _load_books(connection)
    return QualityBoard(now, tuple(_load_site(connection, site, books) for site in sites))


def _load_books(connection: Connection) -> _Books:
    channels = defaultdict(list)
    for row in fetch_all(connection, _CHANNELS):
        channels[row.pop("site_id")].append(row)
    days = defaultdict(list)
    for row in fetch_all(connection, _DAYS):
        days[row.pop("channel_id")].append(ChannelDay(**row))
    return _Books(channels, days, _load_alerts(connection))


def _load_alerts(connection: Connection) -> dict[str | None, list[Alert]] | None:
    """Alerts by site (None: of the whole installation); None where no view shows them."""
    (answer,) = fetch_all(connection, _SHOWS_ALERTS)
    if not answer["shown"]:
        return None
    alerts = defaultdict(list)
    for row in fetch_all(connection, _ALERTS, {"days": CALENDAR_DAYS}):
        alerts[row.pop("site_id")].append(Alert(**row))
    return alerts


def _load_site(connection: Connection, site: dict[str, Any], books: _Books) -> SiteQuality:
    site_id, last_day = site["site_id"], site["last_day"]
    wanted = {
        "site_id": site_id,
        "first_day": date.fromordinal(last_day.toordinal() - CALENDAR_DAYS + 1),
        "last_day": last_day,
        "most_runs": MOST_RUNS,
    }
    channels = (
        ChannelQuality(**row, days=tuple(books.days[row["channel_id"]]))
        for row in books.channels[site_id]
    )
    # What is wrong with the whole installation concerns each of its sites.
    alerts = None if books.alerts is None else books.alerts[site_id] + books.alerts[None]
    return SiteQuality(
        site_id=site_id,
        site_name=site["site_name"],
        timezone=site["timezone"],
        last_day=last_day,
        health=site["health_status"],
        last_run_at=site["last_run_at"],
        last_run_status=site["last_run_status"],
        completeness_pct=site["completeness_pct"],
        open_gaps=site["open_gaps"],
        channels=tuple(channels),
        gaps=tuple(Gap(**row) for row in fetch_all(connection, _GAPS, wanted)),
        rejects=tuple(Rejected(**row) for row in fetch_all(connection, _REJECTED, wanted)),
        validation=tuple(map(_validated_day, fetch_all(connection, _VALIDATION, wanted))),
        runs=tuple(Run(**row) for row in fetch_all(connection, _RUNS, wanted)),
        alerts=None if alerts is None else tuple(alerts),
    )


def _validated_day(row: dict[str, Any]) -> ValidatedDay:
    findings = tuple(Finding(*finding) for finding in row.pop("findings"))
    return ValidatedDay(**row, findings=findings)
