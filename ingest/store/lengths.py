"""How long the stored intervals of channels are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lib.database import Connection, fetch_all


def newest_lengths(
    connection: Connection, channel_ids: Sequence[int], start: datetime, end: datetime
) -> dict[int, int]:
    """Length [s] of each channel's newest reading of [start, end); channels without one are not in
    it.
    """
    rows = fetch_all(
        connection,
        """
        SELECT wanted.channel_id, newest.interval_seconds
        FROM unnest(%s::bigint[]) AS wanted (channel_id)
        CROSS JOIN LATERAL (
            SELECT r.interval_seconds FROM readings AS r
            WHERE r.channel_id = wanted.channel_id
              AND r."timestamp" >= %s AND r."timestamp" < %s
            ORDER BY r."timestamp" DESC LIMIT 1
        ) AS newest
        """,
        (list(channel_ids), start, end),
    )
    return {row["channel_id"]: row["interval_seconds"] for row in rows}
