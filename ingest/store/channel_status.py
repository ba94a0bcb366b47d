"""What is learned of channels from run to run: their interval, and whether they answer at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from config.sites import SiteConfig
from lib.database import Connection, fetch_all, transaction

# A channel that has only ever answered errors is left alone after so many runs ...
RUNS_UNTIL_UNREADABLE = 3
# ... and tried again after so long.
RETRIED_AFTER = timedelta(days=7)
# What ingest.pipeline.fetch says of a channel that answers, but not at the resolution asked.
ANSWERED_ALL_THE_SAME = ("%has nothing finer than % s%", "%asked for % s, got % s%")


def channels_to_skip(
    connection: Connection, site_id: str, config: SiteConfig, now: datetime
) -> set[int]:
    """Channels that are not worth asking: retired, or unreadable and tried within a week.

    Those that config/sites.yaml calls unreadable or retired are never asked.
    """
    rows = fetch_all(
        connection,
        """
        SELECT c.channel_id, c.status, max(l.started_at) AS tried_at
        FROM channels AS c
        LEFT JOIN ingestion_logs AS l USING (channel_id)
        WHERE c.organization_id = %s AND c.status IN ('unreadable', 'retired')
        GROUP BY c.channel_id
        """,
        (site_id,),
    )
    learned = {
        row["channel_id"]
        for row in rows
        if row["status"] == "retired"
        or (row["tried_at"] is not None and row["tried_at"] > now - RETRIED_AFTER)
    }
    told = {
        channel_id
        for channel_id, channel in config.channels.items()
        if channel.status in ("unreadable", "retired")
    }
    return learned | told


def unreadable_channels(connection: Connection, site_id: str) -> set[int]:
    """Channels of the site that have been given up; their failing is no news."""
    rows = fetch_all(
        connection,
        "SELECT channel_id FROM channels WHERE organization_id = %s AND status = 'unreadable'",
        (site_id,),
    )
    return {row["channel_id"] for row in rows}


def learn_from_run(
    connection: Connection, site_id: str, run_id: UUID, channel_ids: Sequence[int]
) -> list[int]:
    """Bring interval and status of the run's channels up to date; returns the ones given up.

    A channel is given up (`unreadable`) when it never answered and was asked in vain in 3 runs in
    which others of its site did answer. An answer at another resolution than asked is an answer.
    """
    parameters = {
        "site_id": site_id,
        "run_id": str(run_id),
        "channel_ids": list(channel_ids),
        "runs": RUNS_UNTIL_UNREADABLE,
        "answered": list(ANSWERED_ALL_THE_SAME),
    }
    with transaction(connection) as cursor:
        cursor.execute(_TAKE_INTERVAL, parameters)
        cursor.execute(_REVIVE, parameters)
        cursor.execute(_CALL_SILENT, parameters)
        cursor.execute(_GIVE_UP, parameters)
        return sorted(channel_id for (channel_id,) in cursor.fetchall())


_TAKE_INTERVAL = """
UPDATE channels AS c
SET interval_seconds = latest.interval_seconds, updated_at = argo_now()
FROM unnest(%(channel_ids)s::bigint[]) AS wanted (channel_id)
CROSS JOIN LATERAL (
    SELECT r.interval_seconds FROM readings AS r
    WHERE r.channel_id = wanted.channel_id
    ORDER BY r."timestamp" DESC LIMIT 1
) AS latest
WHERE c.channel_id = wanted.channel_id
  AND c.interval_seconds IS DISTINCT FROM latest.interval_seconds
"""

_REVIVE = """
UPDATE channels AS c SET status = 'active', updated_at = argo_now()
WHERE c.channel_id = ANY(%(channel_ids)s)
  AND (
      c.status = 'silent'
      AND EXISTS (SELECT FROM readings AS r WHERE r.channel_id = c.channel_id)
      OR c.status = 'unreadable'
      AND EXISTS (
          SELECT FROM ingestion_logs AS l
          WHERE l.run_id = %(run_id)s AND l.channel_id = c.channel_id AND l.requests > 0
            AND l.status IN ('success', 'empty', 'partial')
      )
  )
"""

_CALL_SILENT = """
UPDATE channels AS c SET status = 'silent', updated_at = argo_now()
WHERE c.channel_id = ANY(%(channel_ids)s)
  AND c.status = 'active'
  AND NOT EXISTS (SELECT FROM readings AS r WHERE r.channel_id = c.channel_id)
  AND EXISTS (
      SELECT FROM ingestion_logs AS l
      WHERE l.channel_id = c.channel_id AND l.status IN ('success', 'empty')
  )
"""

_GIVE_UP = """
UPDATE channels AS c SET status = 'unreadable', updated_at = argo_now()
WHERE c.organization_id = %(site_id)s
  AND c.channel_id = ANY(%(channel_ids)s)
  AND c.status IN ('active', 'silent')
  AND NOT EXISTS (
      SELECT FROM ingestion_logs AS l
      WHERE l.channel_id = c.channel_id
        AND (l.status IN ('success', 'empty', 'partial') OR l.error_message LIKE ANY (%(answered)s))
  )
  AND (
      SELECT count(DISTINCT l.run_id) FROM ingestion_logs AS l
      WHERE l.channel_id = c.channel_id AND l.status = 'failed' AND l.requests > 0
        AND EXISTS (
            SELECT FROM ingestion_logs AS other
            WHERE other.run_id = l.run_id AND other.channel_id <> l.channel_id
              AND other.status IN ('success', 'empty', 'partial')
        )
  ) >= %(runs)s
RETURNING c.channel_id
"""
