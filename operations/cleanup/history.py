"""Retention of the database's history: quarantine, ingestion logs, alerts that are over.

What goes is first written into the archive, one JSON line per row. Readings, validation runs,
conflicts, gaps and deliveries are never touched. Of the logs only those go that no check asks for:

- a log that stored, changed or refused something stays, because unlogged_windows, the circuit
  breaker and the quarantine ask for it;
- one that did none of these goes only where a later one covers its whole window and was answered
  (the last of them stays), so that windows_never_asked, failed_windows, the gaps and ingest's
  catch-up see the same as before: of a channel that is silent under a sync every 15 minutes, one
  of 96 a day stays;
- ages are counted from the site's newest log: of a site that stopped, its last days stay.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from lib.database import Connection, Cursor, transaction
from lib.files import atomic_file

# What catch-up, health, alerts and the quality views look back to, with room.
LEAST_DAYS = 60
BATCH_ROWS = 20_000


@dataclass(frozen=True)
class Retention:
    """A table, and the condition on its rows `t` that may go (%(days)s, %(now)s)."""

    table: str
    label: str
    condition: str


# Later, always: failed_windows forgives a failure for a later answer only.
_COVERED_LOG = """
    t.status <> 'running'
    AND t.readings_inserted = 0 AND t.readings_changed = 0 AND t.readings_rejected = 0
    AND greatest(t.started_at, t.window_end) < LEAST(%(now)s, (
        SELECT max(n.started_at) FROM ingestion_logs AS n
        WHERE n.organization_id = t.organization_id
    )) - make_interval(days => %(days)s)
    AND EXISTS (
        SELECT FROM ingestion_logs AS k
        WHERE k.channel_id = t.channel_id AND k.interval_seconds = t.interval_seconds
          AND k.window_start <= t.window_start AND k.window_end >= t.window_end
          -- The last of them has no later one, and stays.
          AND k.id > t.id AND k.started_at >= t.started_at AND k.status IN ('success', 'empty')
    )
"""
RETENTIONS = (
    Retention("ingestion_logs", "ingestion logs that another log covers", _COVERED_LOG),
    Retention(
        "rejected_readings",
        "quarantined readings",
        "greatest(t.rejected_at, t.\"timestamp\") < %(now)s - make_interval(days => %(days)s)",
    ),
    Retention(
        "alert_notices",
        "messages of alerts that were sent",
        "t.sent_at < %(now)s - make_interval(days => %(days)s)",
    ),
    Retention(
        "alert_events",
        "alerts that are over",
        "t.state = 'resolved' AND t.resolved_at < %(now)s - make_interval(days => %(days)s)",
    ),
)  # fmt: skip


def count_rows(connection: Connection, days: dict[str, int], now: datetime) -> dict[str, int]:
    """How many rows of each table may go."""
    counts = {}
    with transaction(connection) as cursor:
        for one in RETENTIONS:
            cursor.execute(
                f"SELECT count(*) FROM {one.table} AS t WHERE {one.condition}",  # noqa: S608
                {"days": days[one.table], "now": now},
            )
            row = cursor.fetchone()
            counts[one.table] = int(row[0]) if row else 0
    return counts


def archive_rows(
    connection: Connection, days: dict[str, int], now: datetime, folder: Path
) -> dict[str, tuple[int, Path | None]]:
    """Write the rows that may go into the archive and take them out of the database.

    The rows are gone when their file is whole, never before: a run that is cut off between the two
    leaves both.
    """
    done: dict[str, tuple[int, Path | None]] = {}
    for one in RETENTIONS:
        parameters = {"days": days[one.table], "now": now, "batch": BATCH_ROWS}
        path = folder / f"{one.table}_{now:%Y%m%dT%H%M%SZ}.jsonl.gz"
        with transaction(connection) as cursor:
            batches = _deleted(cursor, one, parameters)
            first = next(batches, [])
            if not first:
                done[one.table] = (0, None)
                continue
            with ExitStack() as stack:
                packed = stack.enter_context(atomic_file(path))
                out = stack.enter_context(gzip.GzipFile("", "wb", 6, packed))
                count = _written(out, first)
                for batch in batches:
                    count += _written(out, batch)
            done[one.table] = (count, path)
    return done


def _deleted(
    cursor: Cursor, one: Retention, parameters: dict[str, Any]
) -> Iterator[list[dict[str, Any]]]:
    """Batches of rows, deleted in this transaction."""
    # What is deleted is fixed at the start, so that a log never loses the one that covers it.
    cursor.execute(
        f"CREATE TEMP TABLE going ON COMMIT DROP AS "  # noqa: S608
        f"SELECT t.id FROM {one.table} AS t WHERE {one.condition}",
        parameters,
    )
    while True:
        cursor.execute(
            f"WITH batch AS (DELETE FROM going WHERE id IN (SELECT id FROM going LIMIT %(batch)s) "  # noqa: S608
            f"RETURNING id) DELETE FROM {one.table} AS t USING batch WHERE t.id = batch.id "
            "RETURNING to_jsonb(t)",
            parameters,
        )
        rows = [row for (row,) in cursor.fetchall()]
        if not rows:
            return
        yield rows


def _written(out: gzip.GzipFile, rows: list[dict[str, Any]]) -> int:
    out.writelines(orjson.dumps(row) + b"\n" for row in rows)
    return len(rows)
