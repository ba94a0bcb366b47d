"""Quarantine and contradictions: nothing that arrived is dropped without a row that says why."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5
from uuid import UUID

from psycopg2.extras import execute_values

from ingest.store.rows import Conflict, Rejection
from lib.database import Cursor


def save_rejections(
    cursor: Cursor, run_id: UUID, channel_id: int, rejections: Sequence[Rejection]
) -> None:
    """Quarantine; what is there already is counted once more instead of stored again."""
    for scope, key in (
        ("row", "(channel_id, raw_md5) WHERE scope = 'row'"),
        ("field", "(channel_id, \"timestamp\", field) WHERE scope = 'field'"),
    ):
        seen: dict[tuple[object, ...], list[object]] = {}
        for rejection in rejections:
            if rejection.scope != scope:
                continue
            digest = md5(rejection.raw_json.encode(), usedforsecurity=False).hexdigest()
            identity = digest if scope == "row" else (rejection.timestamp_us, rejection.field)
            entry = seen.setdefault(
                (identity,), [*_rejection_row(run_id, channel_id, rejection, digest), 0]
            )
            entry[-1] += 1  # type: ignore[operator]
        execute_values(
            cursor,
            f"""
            INSERT INTO rejected_readings (run_id, channel_id, "timestamp", scope, reason, field,
                value, raw, raw_md5, times_seen)
            VALUES %s
            ON CONFLICT {key} DO UPDATE SET
                times_seen = rejected_readings.times_seen + excluded.times_seen
            """,  # noqa: S608 (one of two fixed keys)
            list(seen.values()),
            template="(%s, %s, to_timestamp(%s), %s, %s, %s, %s, %s, %s, %s)",
        )


def _rejection_row(
    run_id: UUID, channel_id: int, rejection: Rejection, digest: str
) -> list[object]:
    seconds = None if rejection.timestamp_us is None else rejection.timestamp_us / 1_000_000
    return [
        str(run_id),
        channel_id,
        seconds,
        rejection.scope,
        rejection.reason,
        rejection.field,
        rejection.value,
        rejection.raw_json,
        digest,
    ]


def save_conflicts(cursor: Cursor, channel_id: int, conflicts: Sequence[Conflict]) -> None:
    """Contradictions; a known one keeps its first sight and its newest offer."""
    newest = {(conflict.timestamp_us, conflict.field): conflict for conflict in conflicts}
    execute_values(
        cursor,
        """
        INSERT INTO reading_conflicts (channel_id, "timestamp", field, stored_value, offered_value)
        VALUES %s
        ON CONFLICT (channel_id, "timestamp", field) DO UPDATE SET
            offered_value = excluded.offered_value,
            last_seen_at = now(),
            times_seen = reading_conflicts.times_seen + 1
        """,
        [
            (
                channel_id,
                conflict.timestamp_us / 1_000_000,
                conflict.field,
                conflict.stored_value,
                conflict.offered_value,
            )
            for conflict in newest.values()
        ],
        template="(%s, to_timestamp(%s), %s, %s, %s)",
    )
