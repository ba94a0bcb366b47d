"""Quarantine and contradictions: nothing that arrived is dropped without a row that says why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import md5
from uuid import UUID

from psycopg2.extras import execute_values

from ingest.eniscope.fields import COLUMNS
from ingest.store.rows import EXTRA_PREFIX, Conflict, Rejection
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


def save_conflicts(
    cursor: Cursor, channel_id: int, conflicts: Sequence[Conflict], *, repaired: bool = False
) -> None:
    """Contradictions; a known one keeps its first sight and its newest offer.

    A repaired one keeps every value that was replaced, in `replaced`.
    """
    newest = {(conflict.timestamp_us, conflict.field): conflict for conflict in conflicts}
    execute_values(
        cursor,
        """
        INSERT INTO reading_conflicts
            (channel_id, "timestamp", field, stored_value, offered_value, repaired_at, replaced)
        VALUES %s
        ON CONFLICT (channel_id, "timestamp", field) DO UPDATE SET
            stored_value = excluded.stored_value,
            offered_value = excluded.offered_value,
            last_seen_at = argo_now(),
            times_seen = reading_conflicts.times_seen + 1,
            repaired_at = excluded.repaired_at,
            replaced = reading_conflicts.replaced || excluded.replaced
        """,
        [
            (
                channel_id,
                conflict.timestamp_us / 1_000_000,
                conflict.field,
                conflict.stored_value,
                conflict.offered_value,
                repaired,
                json.dumps([conflict.stored_value] if repaired else []),
            )
            for conflict in newest.values()
        ],
        template="(%s, to_timestamp(%s), %s, %s, %s, CASE WHEN %s THEN argo_now() END, %s::jsonb)",
    )


def replace_values(cursor: Cursor, channel_id: int, conflicts: Sequence[Conflict]) -> int:
    """Overwrite stored values with the ones offered; returns how many rows changed."""
    by_field: dict[str, list[tuple[float, str | None]]] = {}
    for conflict in conflicts:
        seconds = conflict.timestamp_us / 1_000_000
        by_field.setdefault(conflict.field, []).append((seconds, conflict.offered_value))
    for field, values in by_field.items():
        if field.startswith(EXTRA_PREFIX):
            code = field.removeprefix(EXTRA_PREFIX)
            change = cursor.mogrify(
                "extra = coalesce(extra, '{}') || jsonb_build_object(%s, offered.value::jsonb)",
                (code,),
            ).decode()
            change = change.replace("%", "%%")  # execute_values reads % as its own
        else:
            assert field in COLUMNS
            change = f"{field} = offered.value::float8"
        execute_values(
            cursor,
            f"""
            UPDATE readings AS r SET {change}
            FROM (VALUES %s) AS offered (seconds, value)
            WHERE r.channel_id = {channel_id:d} AND r."timestamp" = to_timestamp(offered.seconds)
            """,  # noqa: S608 (a column of the field table or a quoted code, and numbers of ours)
            values,
            template="(%s::float8, %s::text)",
        )
    return len({conflict.timestamp_us for conflict in conflicts})
