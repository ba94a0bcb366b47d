"""Store the accepted rows of one window, with its log row, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np

from ingest.store.extra_fields import extra_conflicts
from ingest.store.merge import copy_insert, overlapping_rows, value_conflicts, window_rows
from ingest.store.quarantine import replace_values, save_conflicts, save_rejections
from ingest.store.rows import Accepted, Window
from lib.database import Connection, Cursor, transaction


@dataclass
class Outcome:
    """What became of a window's records; fetched = inserted + duplicate + rejected."""

    status: str
    fetched: int = 0
    inserted: int = 0
    duplicate: int = 0
    rejected: int = 0
    changed: int = 0
    requests: int = 0
    error: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)


def open_window(
    connection: Connection,
    run_id: UUID,
    site_id: str,
    channel_id: int,
    start: datetime,
    end: datetime,
    interval_seconds: int,
    started_at: datetime,
) -> Window:
    """Note, and commit, that the window is about to be fetched."""
    with transaction(connection) as cursor:
        cursor.execute(
            "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, "
            "window_end, interval_seconds, status, started_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, 'running', %s) RETURNING id",
            (str(run_id), site_id, channel_id, start, end, interval_seconds, started_at),
        )
        (log_id,) = cursor.fetchone()
    return Window(log_id, run_id, site_id, channel_id, start, end, interval_seconds)


def close_interrupted(connection: Connection, site_id: str, finished_at: datetime) -> int:
    """Note that the windows of runs that were killed came to nothing; returns how many.

    Only for the holder of the site's lock: what is `running` then belongs to nobody alive.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            "UPDATE ingestion_logs SET status = 'failed', error_message = 'interrupted', "
            "finished_at = %s WHERE organization_id = %s AND status = 'running'",
            (finished_at, site_id),
        )
        return int(cursor.rowcount)


def fail_window(
    connection: Connection, window: Window, error: str, requests: int, finished_at: datetime
) -> Outcome:
    """Note that nothing of the window could be had."""
    outcome = Outcome(status="failed", requests=requests, error=error)
    with transaction(connection) as cursor:
        _close_log(cursor, window, outcome, finished_at)
    return outcome


def save_window(
    connection: Connection,
    window: Window,
    accepted: Accepted,
    requests: int,
    problem: str | None,
    finished_at: datetime,
    *,
    repair: bool = False,
) -> Outcome:
    """Store rows, refusals, contradictions and the log's final state, all or nothing.

    A known row is left as it is; where it differs from the one offered, the difference goes to
    reading_conflicts. The insert is ON CONFLICT DO NOTHING, so that another writer does no harm.
    With `repair` the differing values are replaced, and reading_conflicts keeps the old ones.
    """
    with transaction(connection) as cursor:
        overlapping = overlapping_rows(cursor, window, accepted)
        accepted.rejections += overlapping.rejections
        stored = window_rows(cursor, window, accepted.columns)
        known = np.isin(accepted.timestamp_us, stored["timestamp"])
        fresh = ~known & ~overlapping.mask
        inserted = copy_insert(cursor, window, accepted, np.flatnonzero(fresh))
        comparable = known & ~overlapping.mask
        conflicts = value_conflicts(accepted, stored, comparable)
        conflicts += extra_conflicts(cursor, window.channel_id, accepted, comparable)
        changed = 0
        if repair:
            changed = replace_values(cursor, window.channel_id, conflicts)
        save_rejections(cursor, window.run_id, window.channel_id, accepted.rejections)
        save_conflicts(cursor, window.channel_id, accepted.conflicts)
        save_conflicts(cursor, window.channel_id, conflicts, repaired=repair)
        refused = accepted.refused
        reasons: dict[str, int] = {}
        for rejection in accepted.rejections:
            reasons[rejection.reason] = reasons.get(rejection.reason, 0) + 1
        outcome = Outcome(
            status="partial" if problem else "success" if accepted.fetched else "empty",
            fetched=accepted.fetched,
            inserted=inserted,
            duplicate=accepted.fetched - inserted - refused,
            rejected=refused,
            changed=changed,
            requests=requests,
            error=problem,
            reasons=reasons,
        )
        _close_log(cursor, window, outcome, finished_at)
    return outcome


def _close_log(cursor: Cursor, window: Window, outcome: Outcome, finished_at: datetime) -> None:
    cursor.execute(
        """
        UPDATE ingestion_logs SET status = %s, readings_fetched = %s, readings_inserted = %s,
            readings_duplicate = %s, readings_rejected = %s, readings_changed = %s,
            requests = %s, error_message = %s, finished_at = %s
        WHERE id = %s
        """,
        (
            outcome.status,
            outcome.fetched,
            outcome.inserted,
            outcome.duplicate,
            outcome.rejected,
            outcome.changed,
            outcome.requests,
            outcome.error,
            finished_at,
            window.log_id,
        ),
    )
