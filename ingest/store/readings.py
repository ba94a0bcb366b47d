"""Store the accepted rows of one window, with its log row, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np

from ingest.store.extra_fields import extra_conflicts
from ingest.store.merge import (
    insert_fresh,
    known_rows,
    overlapping_rows,
    value_conflicts,
    window_rows,
    with_stored_values,
)
from ingest.store.quarantine import (
    release_values,
    replace_values,
    save_conflicts,
    save_rejections,
)
from ingest.store.rows import Accepted, Conflict, Window
from lib.database import Connection, Cursor, transaction

# The interval of such a row is stored, or not known: rejected_of_site_total does not count it.
NOTHING_LOST = ("overlaps_other_interval", "overlaps_stored", "future_timestamp")


@dataclass
class Outcome:
    """What became of a window's records; fetched = inserted + duplicate + rejected.

    `lost` are the refused rows whose interval is missing for it. `conflicts` are the known readings
    that differ from what is stored, `changed` those of them that were repaired.
    """

    status: str
    fetched: int = 0
    inserted: int = 0
    duplicate: int = 0
    rejected: int = 0
    lost: int = 0
    conflicts: int = 0
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
        # After a power cut a note without its rows is not missed: nothing waits for the disk here.
        cursor.execute(
            "SET LOCAL synchronous_commit = off; "
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
    reading_conflicts. What another writer stores at the same time is a known row as well.
    With `repair` the differing values are replaced, and reading_conflicts keeps the old ones.
    """
    with transaction(connection) as cursor:
        stored = window_rows(cursor, window, accepted.columns)
        overlapping = overlapping_rows(window, accepted, stored)
        accepted.rejections += overlapping.rejections
        known = known_rows(accepted, stored)
        fresh = np.flatnonzero(~known & ~overlapping.mask)
        inserted = insert_fresh(cursor, window, accepted, fresh)
        if inserted < len(fresh):
            # Another writer stored some meanwhile: they are compared like all known rows.
            stored = window_rows(cursor, window, accepted.columns)
            known = known_rows(accepted, stored)
        comparable = known & ~overlapping.mask
        conflicts = value_conflicts(accepted, stored, comparable)
        conflicts += extra_conflicts(cursor, window.channel_id, accepted, comparable)
        within = with_stored_values(accepted.conflicts, stored)
        changed = _repair(cursor, window.channel_id, within, conflicts) if repair else 0
        save_rejections(cursor, window.run_id, window.channel_id, accepted.rejections)
        if not repair:
            save_conflicts(cursor, window.channel_id, [*within, *conflicts])
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
            lost=sum(
                one.scope == "row" and one.reason not in NOTHING_LOST for one in accepted.rejections
            ),
            conflicts=len({conflict.timestamp_us for conflict in conflicts}),
            changed=changed,
            requests=requests,
            error=problem,
            reasons=reasons,
        )
        _close_log(cursor, window, outcome, finished_at)
    return outcome


def _repair(
    cursor: Cursor, channel_id: int, within: Sequence[Conflict], conflicts: Sequence[Conflict]
) -> int:
    """Put the offered values in place of the stored ones; returns how many rows changed.

    What they replace, and what had been refused in their place, is kept in reading_conflicts.
    """
    changed = replace_values(cursor, channel_id, conflicts)
    refused = release_values(cursor, channel_id, conflicts)
    save_conflicts(cursor, channel_id, [*within, *refused], repaired=conflicts)
    return changed


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
