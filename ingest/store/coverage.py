"""What of a channel's time has been ingested already, as ingestion_logs tells it.

A window counts once it ended in `success` or `empty`; that state is committed together with its
rows, so a killed run leaves nothing counted that is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

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


def catch_up_starts(
    connection: Connection, channel_ids: Sequence[int], asked_start: datetime, oldest: datetime
) -> dict[int, datetime]:
    """Where to begin for channels that have something to catch up on before `asked_start`.

    That is the end of a channel's last stored reading, or the first hole in what was asked of it,
    whichever is earlier, but never before `oldest`. Channels without one are not in the answer.
    """
    rows = fetch_all(
        connection,
        """
        WITH finished AS (
            SELECT channel_id, min(window_start) AS first_start,
                   range_agg(tstzrange(window_start, window_end)) AS spans
            FROM ingestion_logs
            WHERE channel_id = ANY(%(channel_ids)s) AND status IN ('success', 'empty')
            GROUP BY channel_id
        ),
        watermarks AS (
            SELECT
                f.channel_id,
                (
                    SELECT min(lower(hole)) FROM unnest(
                        tstzmultirange(tstzrange(
                            least(f.first_start, %(asked_start)s), %(asked_start)s
                        )) - f.spans
                    ) AS hole
                ) AS first_hole,
                latest.ended_at AS last_reading
            FROM finished AS f
            LEFT JOIN LATERAL (
                SELECT r."timestamp" + make_interval(secs => r.interval_seconds) AS ended_at
                FROM readings AS r
                WHERE r.channel_id = f.channel_id
                ORDER BY r."timestamp" DESC LIMIT 1
            ) AS latest ON true
        )
        SELECT channel_id, greatest(least(first_hole, last_reading), %(oldest)s) AS starts_at
        FROM watermarks
        WHERE least(first_hole, last_reading) < %(asked_start)s
        """,
        {"channel_ids": list(channel_ids), "asked_start": asked_start, "oldest": oldest},
    )
    return {row["channel_id"]: row["starts_at"] for row in rows if row["starts_at"] < asked_start}
