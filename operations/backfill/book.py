"""The book of gaps as a backfill needs it: what is open, what was tried, what has become of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from config.settings import get_settings
from govern.gaps.book import keep_book
from govern.gaps.expected import load_sites
from govern.refresh_views import refresh
from ingest.store.coverage import Span
from lib.database import Connection, fetch_all, transaction
from operations.backfill.plan import OpenGap, periods_of

# An attempt asks only for what had settled when it began; one without a request asked for nothing.
_OPEN_GAPS = """
SELECT g.gap_id, g.channel_id, c.channel_name, g.gap_start AS start, g.gap_end AS end,
       g.missing_intervals, g.reason, g.fillable, tried.tries, tried.last_try,
       coalesce(
           least(before.interval_seconds, after.interval_seconds), c.interval_seconds, 900
       ) AS interval_seconds
FROM data_gaps AS g
JOIN channels AS c USING (channel_id)
LEFT JOIN LATERAL (
    SELECT r.interval_seconds FROM readings AS r
    WHERE r.channel_id = g.channel_id AND r."timestamp" < g.gap_start
    ORDER BY r."timestamp" DESC LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT r.interval_seconds FROM readings AS r
    WHERE r.channel_id = g.channel_id AND r."timestamp" >= g.gap_end
    ORDER BY r."timestamp" LIMIT 1
) AS after ON true
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS tries, max(l.started_at) AS last_try
    FROM ingestion_logs AS l
    WHERE l.channel_id = g.channel_id AND l.requests > 0 AND l.status <> 'running'
      AND l.window_start < g.gap_end
      AND least(l.window_end, l.started_at - make_interval(secs => %(settle)s)) > g.gap_start
) AS tried
WHERE c.organization_id = %(site)s AND g.filled_at IS NULL
ORDER BY g.channel_id, g.gap_start
"""
_SITES_WITH_GAPS = """
SELECT DISTINCT c.organization_id FROM data_gaps AS g JOIN channels AS c USING (channel_id)
WHERE g.filled_at IS NULL ORDER BY 1
"""


def sites_with_gaps(connection: Connection) -> list[str]:
    """The sites that have an open gap."""
    return [row["organization_id"] for row in fetch_all(connection, _SITES_WITH_GAPS)]


def open_gaps(
    connection: Connection, site_id: str, channel_ids: Sequence[int], span: Span | None
) -> list[OpenGap]:
    """The open gaps of a site; of these channels only, and of this time only, where named."""
    settle_seconds = get_settings().eniscope_settle_seconds
    rows = fetch_all(connection, _OPEN_GAPS, {"site": site_id, "settle": settle_seconds})
    return [
        gap
        for gap in (OpenGap(**row) for row in rows)
        if (not channel_ids or gap.channel_id in channel_ids)
        and (span is None or (gap.start < span[1] and gap.end > span[0]))
    ]


def bring_up_to_date(
    connection: Connection, site_id: str, spans: Iterable[Span], now: datetime
) -> None:
    """Make the hours fresh and the book of gaps true for the days that the spans touch.

    What arrived closes its gap; what the API had nothing for two days after its end is no longer
    called fillable (govern/gaps/reason.py).
    """
    (site,) = load_sites(connection, site_id, now)
    refresh(connection, site_id)
    with transaction(connection) as cursor:
        for period in periods_of(spans, site.timezone):
            keep_book(cursor, site, period, now)
