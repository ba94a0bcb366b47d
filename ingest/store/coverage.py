"""What of a channel's time has been ingested already, as its readings and ingestion_logs tell it.

A window counts once it ended in `success` or `empty`; that state is committed together with its
rows, so a killed run leaves nothing counted that is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from lib.database import Connection, fetch_all

Span = tuple[datetime, datetime]


def uncovered(
    connection: Connection,
    channel_ids: Sequence[int],
    start: datetime,
    end: datetime,
    interval_seconds: int,
) -> dict[int, list[Span]]:
    """The parts of [start, end) that no finished window of each channel covers, in time order."""
    rows = fetch_all(
        connection,
        """
        WITH covered AS (
            SELECT channel_id, range_agg(tstzrange(window_start, window_end)) AS spans
            FROM ingestion_logs
            WHERE channel_id = ANY(%(channel_ids)s)
              AND interval_seconds = %(interval_seconds)s
              AND status IN ('success', 'empty')
              AND window_start < %(end)s AND window_end > %(start)s
            GROUP BY channel_id
        )
        SELECT channel_id, lower(hole) AS hole_start, upper(hole) AS hole_end
        FROM unnest(%(channel_ids)s::bigint[]) AS wanted (channel_id)
        LEFT JOIN covered USING (channel_id)
        CROSS JOIN LATERAL unnest(
            tstzmultirange(tstzrange(%(start)s, %(end)s)) - coalesce(spans, '{}')
        ) AS hole
        ORDER BY channel_id, hole_start
        """,
        {
            "channel_ids": list(channel_ids),
            "start": start,
            "end": end,
            "interval_seconds": interval_seconds,
        },
    )
    holes: dict[int, list[Span]] = {channel_id: [] for channel_id in channel_ids}
    for row in rows:
        holes[row["channel_id"]].append((row["hole_start"], row["hole_end"]))
    return holes


def missing_spans(
    connection: Connection, channel_ids: Sequence[int], start: datetime, end: datetime
) -> dict[int, list[Span]]:
    """The parts of [start, end) that each channel lacks, in time order; none where it lacks none.

    A channel lacks the time for which neither a reading nor a refused one is stored, whatever its
    windows said: a gateway may deliver its buffer days after newer readings. Of a channel that
    never sent a reading it is the time that no finished window covers. Only time since its first
    finished window counts, and only while it was installed.
    """
    rows = fetch_all(
        connection,
        """
        WITH finished AS (
            SELECT l.channel_id,
                   greatest(min(l.window_start), c.installed_at, %(start)s) AS first_at,
                   least(c.uninstalled_at, %(end)s) AS last_at,
                   range_agg(tstzrange(l.window_start, l.window_end)) AS spans
            FROM ingestion_logs AS l
            JOIN channels AS c USING (channel_id)
            WHERE l.channel_id = ANY(%(channel_ids)s) AND l.status IN ('success', 'empty')
            GROUP BY c.channel_id, l.channel_id
            HAVING greatest(min(l.window_start), c.installed_at, %(start)s)
                < least(c.uninstalled_at, %(end)s)
        ),
        latest AS (
            SELECT f.channel_id, make_interval(secs => r.interval_seconds) AS length
            FROM finished AS f
            CROSS JOIN LATERAL (
                SELECT r.interval_seconds FROM readings AS r
                WHERE r.channel_id = f.channel_id
                ORDER BY r."timestamp" DESC LIMIT 1
            ) AS r
        ),
        told AS (
            SELECT channel_id, "timestamp" AS starts_at,
                   "timestamp" + make_interval(secs => interval_seconds) AS ends_at
            FROM readings
            WHERE channel_id = ANY(%(channel_ids)s)
              AND "timestamp" > %(start)s::timestamptz - interval '1 day'
              AND "timestamp" < %(end)s
            UNION ALL
            SELECT q.channel_id, q."timestamp", q."timestamp" + latest.length
            FROM rejected_readings AS q
            JOIN latest USING (channel_id)
            WHERE q.scope = 'row' AND q."timestamp" >= %(start)s AND q."timestamp" < %(end)s
        ),
        covered AS (
            SELECT channel_id, range_agg(tstzrange(starts_at, ends_at)) AS spans
            FROM told GROUP BY channel_id
        )
        SELECT f.channel_id, lower(hole) AS hole_start, upper(hole) AS hole_end
        FROM finished AS f
        LEFT JOIN latest USING (channel_id)
        LEFT JOIN covered USING (channel_id)
        CROSS JOIN LATERAL unnest(
            tstzmultirange(tstzrange(f.first_at, f.last_at))
            - CASE WHEN latest.length IS NULL THEN f.spans ELSE coalesce(covered.spans, '{}') END
        ) AS hole
        WHERE upper(hole) - lower(hole) >= coalesce(latest.length, interval '0')
        ORDER BY channel_id, hole_start
        """,
        {"channel_ids": list(channel_ids), "start": start, "end": end},
    )
    missing: dict[int, list[Span]] = {}
    for row in rows:
        missing.setdefault(row["channel_id"], []).append((row["hole_start"], row["hole_end"]))
    return missing


def joined(spans: Sequence[Span], longest_break: timedelta) -> list[Span]:
    """Spans in time order, of which those no more than `longest_break` apart are made one."""
    found: list[Span] = []
    for start, end in spans:
        if found and start - found[-1][1] <= longest_break:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
